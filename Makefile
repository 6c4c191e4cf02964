# Every target sets up what it needs, in .venv/, the first time.

.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME
SHELL := /bin/sh

# What was installed is known by these sums: a change elsewhere installs nothing anew.
needs = $(shell { pwd; sed -n '/^requires-python/p; /^dependencies/,/^]/p; $(1)' \
	pyproject.toml; } | cksum | cut -d ' ' -f 1)
READY = .venv/ready-$(call needs,)
READY_DEV = .venv/ready-dev-$(call needs,/^dev = /$(comma)/^]/p)
comma := ,

# The first of these that is new enough; or give one: make PYTHON=/usr/bin/python3.12
new_enough = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON = $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c '$(new_enough)' 2>/dev/null && echo $$each && break; done)

define set_up
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed, and none was \
	found. Install it, or say where it is: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Setting up .venv/ (once, about 20 seconds)..."
	@"$(PYTHON)" -m venv .venv
	@.venv/bin/python -m pip install -q --disable-pip-version-check -e '$(1)' || \
	{ echo "pip could not install what pyproject.toml needs; is PyPI reachable?" >&2; \
	exit 2; }
	@rm -f .venv/ready-*
	@touch $(2)
endef

.PHONY: help
help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
	awk -F '|' '{printf "%-16s%s\n", $$1, $$2}'
	@echo
	@echo "  KATA=name        which kata, e.g. make check KATA=rate_limiter"
	@echo "  ANSWER=file      grade this file in place of the stub"
	@echo "  LEVEL=n SEED=n   only levels 1 to n; other inputs than everybody's"
	@echo "  DEEP=1           try ten times the inputs"
	@echo "  FILE=file        which schedule to replay"
	@echo "  JSON=file        also write the report to this file"
	@echo "  PYTHON=program   set up .venv/ with this Python"

.PHONY: check
check: ready ## grade your answer: make check KATA=rate_limiter
	@.venv/bin/kata $(if $(KATA),check $(KATA),list) $(if $(ANSWER),--answer '$(ANSWER)') \
	$(if $(LEVEL),--level '$(LEVEL)') $(if $(SEED),--seed '$(SEED)') \
	$(if $(JSON),--json '$(JSON)') $(if $(DEEP),--deep)

.PHONY: replay
replay: ready ## play a failing schedule again: make replay FILE=.kata/...
	@test -n "$(FILE)" || { echo "which one? make replay \
	FILE=.kata/<kata>/schedule_1.json" >&2; exit 2; }
	@.venv/bin/kata replay '$(FILE)'

.PHONY: list
list: ready ## show all katas, with your best scores
	@.venv/bin/kata list

.PHONY: reset
reset: ready ## archive your attempt and restore the stub: make reset KATA=rate_limiter
	@test -n "$(KATA)" || { echo "which one? make reset KATA=rate_limiter" >&2; exit 2; }
	@.venv/bin/kata reset $(KATA)

.PHONY: test
test: ready-dev ## run the project's own tests
	@.venv/bin/python -m pytest $(TESTS)

.PHONY: lint
lint: ready-dev ## check format, style and types
	@.venv/bin/black --check -q . || { echo "run: make format" >&2; exit 1; }
	@.venv/bin/ruff check -q .
	@.venv/bin/mypy

.PHONY: format
format: ready-dev ## format all code
	@.venv/bin/black -q .
	@.venv/bin/ruff check -q --fix .

.PHONY: audit
audit: ready-dev ## the author's gate, for all katas or KATA=name
	@.venv/bin/kata audit $(KATA)

.PHONY: bench
bench: ready-dev ## measure the grader itself; all katas, or KATA=name
	@.venv/bin/python -m benchmarks $(KATA)

.PHONY: ready ready-dev
ready: $(if $(wildcard $(READY_DEV)),,$(READY))
ready-dev: $(READY_DEV)

.venv/ready-dev-%:
	$(call set_up,.[dev],$@)

.venv/ready-%:
	$(call set_up,.,$@)
