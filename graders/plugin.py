"""The pytest plugin of a judge: collects a kata's hidden checks and runs them.

A judge is a process of its own. It collects once, then carries out what its
connection asks for: prepare an answer, run one check on it.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Literal

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from graders.candidate import Answer, Candidate
from graders.checks import CheckFacts, GraderFault, Judged, Outcome, Ready
from graders.kata import Kata, KataError
from graders.laws import Law, law_of
from graders.outcome import load_problem, outcome_of
from graders.results import Category
from graders.sandbox.host import Patience, Zygote
from graders.speed import Speed

CHECK_S = 4.0
"""The answer's own seconds for one check, all examples together."""
WATCHDOG_S = 300
"""Wall seconds after which a check is given up, whatever it waits for."""
DEEP = 10
"""How many times the examples a deep run tries."""


@dataclass
class Trial:
    """One check on one answer, while it runs."""

    candidate: Candidate
    speed: Speed | None
    """Only for a check of the category performance."""
    error: BaseException | None = None
    ran: bool = False


@dataclass
class Judge:
    """The plugin: pytest's hooks and the fixtures that a check can ask for."""

    kata: Kata
    zygote: Zygote
    connection: Connection
    deep: bool = False
    items: dict[str, Any] = field(default_factory=dict)
    answer: Answer = field(default_factory=lambda: Answer(""))
    reference: Answer | None = None
    trial: Trial | None = None
    ended_by: BaseException | None = None

    # Fixtures

    @pytest.fixture
    def candidate(self) -> Candidate:
        assert self.trial is not None
        return self.trial.candidate

    @pytest.fixture
    def speed(self) -> Speed:
        assert self.trial is not None
        assert self.trial.speed is not None, "only a performance check has it"
        return self.trial.speed

    # Hooks

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            name = item.originalname.removeprefix("test_")
            if name in self.items:
                raise KataError(f"{place(item)}: two checks have this name; rename one")
            self.items[name] = item
            apply_settings(item, self.deep)
        problem = problem_of(self.items, self.kata)
        if problem:
            raise KataError(problem)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            words = str(report.longrepr).strip().splitlines()[-1]
            raise KataError(
                f"katas/{self.kata.name}/hidden/{report.nodeid.rpartition('/')[2]} "
                f"cannot be imported: {words.removeprefix('E').strip()}; correct it"
            )

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        requests: dict[str, Callable[..., Any]] = {
            "prepare": self.prepare,
            "run": self.run,
        }
        while True:
            kind, *arguments = self.connection.recv()
            self.connection.send(requests[kind](*arguments))

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[Any]) -> bool:
        self.ended_by = excinfo.value
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> pytest.TestReport:
        """Note how a check ended, and spare pytest the drawing of tracebacks."""
        assert self.trial is not None
        self.trial.ran = self.trial.ran or call.when == "call"
        if call.excinfo is not None and self.trial.error is None:
            self.trial.error = call.excinfo.value
        outcome: Literal["passed", "failed"] = "failed" if call.excinfo else "passed"
        return pytest.TestReport(
            item.nodeid, item.location, {}, outcome, None, call.when
        )

    # Requests

    def prepare(self, answer: Answer) -> Ready:
        """Take the answer that the next checks are run on."""
        facts = [facts_of(name, item) for name, item in self.items.items()]
        self.answer, problem = self.compiled(answer)
        return Ready(facts, self.zygote.protection, problem)

    def compiled(self, answer: Answer) -> tuple[Answer, Outcome | None]:
        """Compile and import once, in a worker; the imported modules are kept warm."""
        trial = Candidate(self.kata.contract, answer, self.zygote, Patience(CHECK_S))
        try:
            compiled, modules = trial.first_load()
            self.zygote.preload(modules)
        except BaseException as error:
            return answer, load_problem(error, answer)
        finally:
            trial.close()
        return compiled, None

    def run(self, name: str, seed: int, shrinks: int) -> Judged:
        """Run one check on the answer; try at most `shrinks` smaller failures."""
        item, begun_s = self.items[name], time.monotonic()
        facts = facts_of(name, item)
        own_seed = zlib.crc32(f"{seed} {name}".encode())
        timed = facts.category is Category.PERFORMANCE
        self.trial = trial = Trial(
            self.new_candidate(shrinks, own_seed),
            self.new_speed(seed) if timed else None,
        )
        hypothesis.seed(own_seed)(item.obj)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        self.trial = None
        trial.candidate.close()
        return judged(facts, trial, time.monotonic() - begun_s)

    def new_candidate(self, shrinks: int, seed: int) -> Candidate:
        patience = Patience(CHECK_S * (DEEP if self.deep else 1))
        contract = self.kata.contract
        made = Candidate(contract, self.answer, self.zygote, patience, shrinks, seed)
        made.depth = DEEP if self.deep else 1
        return made

    def new_speed(self, seed: int) -> Speed:
        if self.reference is None:
            source = self.kata.yardstick.read_text("utf-8")
            self.reference = self.compiled(Answer(source, "reference.py"))[0]
        return Speed(
            self.kata.contract,
            self.zygote,
            answer=self.answer,
            reference=self.reference,
            budget=self.kata.settings.performance.budget,
            seed=seed,
        )


def judged(facts: CheckFacts, trial: Trial, seconds: float) -> Judged:
    """Return the reply for a check that has run.

    Raises GraderFault for an error that no answer can cause.
    """
    try:
        if not trial.ran:
            raise GraderFault(f"it did not run: {trial.error!r}") from trial.error
        if trial.speed is not None:
            check = facts.ended(trial.speed.outcome(trial.error), seconds)
            return Judged(check, timing=trial.speed.timing)
        check = facts.ended(outcome_of(trial.error, trial.candidate), seconds)
    except GraderFault as fault:
        raise GraderFault(f"{facts.name}: {fault}") from fault
    used = frozenset(trial.candidate.called)
    return Judged(check, used, trial.candidate.patience.used_s)


def facts_of(name: str, item: Any) -> CheckFacts:
    law = law_of(item.obj)
    assert law is not None
    text = " ".join((item.obj.__doc__ or "").split())
    return CheckFacts(name, text, law.level, law.category, law.measures)


def place(item: Any) -> str:
    kata = item.path.parents[1].name
    return f"katas/{kata}/hidden/{item.path.name}: {item.name}"


def problem_of(items: dict[str, Any], kata: Kata) -> str:
    """Return what is wrong with a kata's checks, in one line, or ""."""
    laws: dict[str, str] = {}
    for name, item in items.items():
        where, law = place(item), law_of(item.obj)
        if law is None:
            return f"{where} has no @check(level=..., category=...); add it"
        if law.level not in kata.levels:
            last = len(kata.levels)
            return f"{where} is of level {law.level}; kata.toml has levels 1 to {last}"
        text = facts_of(name, item).law
        if not text:
            return f"{where} has no docstring; write its law there"
        if text in laws:
            return f"{where} has the same law as {laws[text]}; reword one"
        laws[text] = item.name
        problem = problem_with_measures(law, kata)
        if problem:
            return f"{where} {problem}"
    return "" if items else f"katas/{kata.name}/hidden has no checks; add some"


def problem_with_measures(law: Law, kata: Kata) -> str:
    if law.category is not Category.PERFORMANCE:
        return ""
    known = {*kata.contract.classes, *kata.contract.functions}
    if not law.measures:
        return "does not say what it measures; add measures=(...)"
    unknown = [name for name in law.measures if name not in known]
    return f"measures {unknown[0]!r}; the stub has {sorted(known)}" if unknown else ""


def apply_settings(item: Any, deep: bool) -> None:
    """Give a check that draws inputs the settings that all checks share."""
    law = law_of(item.obj)
    if law is None or not hasattr(item.obj, "hypothesis"):
        return
    settings(
        max_examples=law.examples * (DEEP if deep else 1),
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )(item.obj)


def draw_no_constants_of_ours() -> None:
    """Keep hypothesis from trying the constants that it finds in our own modules.

    With them the inputs of a kata would change with every change of the grader. There
    is no public switch; where this one is gone, all that is lost is that.
    """
    name = "_get_local_constants"
    if hasattr(providers, name):
        empty = Constants()
        setattr(providers, name, lambda: empty)


@contextlib.contextmanager
def quiet_output() -> Iterator[None]:
    """Send what is printed here to nowhere: a judge talks by its connection only."""
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def collect_and_serve(judge: Judge) -> None:
    """Run pytest on a kata's hidden checks, as this judge; returns only on failure.

    Raises KataError when the checks are not well made.
    """
    draw_no_constants_of_ours()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    arguments = ["-c", os.devnull, "--rootdir", str(judge.kata.hidden)]
    for name in ("terminal", "cacheprovider", "logging", "junitxml", "pastebin"):
        arguments += ["-p", f"no:{name}"]
    arguments += ["-p", "pytest_timeout", "-o", f"timeout={WATCHDOG_S}"]
    arguments += ["--assert=plain", "--capture=no", str(judge.kata.hidden)]
    with quiet_output():
        pytest.main(arguments, plugins=[judge])
    if judge.ended_by is not None:
        raise judge.ended_by
