"""Broken and hostile answers, each with the whole verdict that it must get.

A case is a folder of `tests/golden/` with an `answer.py` and an `expect.toml` of what
may come of it at most. Those that are graded here also have an `expected.json`: the
verdict and message of every check of levels 1 to 3. After a change that is meant to
alter these:

    UPDATE_GOLDEN=1 make test TESTS=tests/test_golden.py
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graders.grade import grade_with
from graders.judges import Judges
from graders.kata import read_kata
from graders.results import Category, Report, Verdict

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(file.parent for file in GOLDEN.glob("*/expected.json"))
UNASKED = {Verdict.PASS, Verdict.TODO, Verdict.NOT_MEASURED}


@pytest.fixture(scope="module")
def judges() -> Iterator[Judges]:
    with Judges(read_kata("rate_limiter")) as judges:
        yield judges


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left(judges: Judges) -> Iterator[None]:
    """After all of them no process of theirs runs and no file of theirs is there."""
    ours = [zygote.process.pid for zygote in judges.zygotes]
    ours += [seat.process.pid or 0 for seat in judges.seats]
    yield
    workers = [pid for zygote in ours for pid in children_of(zygote)]
    judges.close()
    assert not [pid for pid in ours + workers if Path(f"/proc/{pid}").exists()]
    for folder in (Path.home(), Path("/tmp"), Path.cwd()):
        assert not list(folder.glob("left_behind_by_an_answer*"))


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_answer_earns_nothing_for_free(case: Path, judges: Judges) -> None:
    """A broken answer gets its verdicts and messages, all of them, every time."""
    report = graded(case, judges)
    found = summary(report)
    if os.environ.get("UPDATE_GOLDEN"):
        text = json.dumps(found, indent=1, ensure_ascii=False)
        (case / "expected.json").write_text(text + "\n", "utf-8")
    assert found == json.loads((case / "expected.json").read_text("utf-8"))
    assert not complaints(report, tomllib.loads((case / "expect.toml").read_text()))


def graded(case: Path, judges: Judges) -> Report:
    return grade_with(
        judges,
        (case / "answer.py").read_bytes(),
        "answer.py",
        seed=judges.kata.default_seed,
        up_to_level=3,
        categories=(Category.CORRECTNESS, Category.EDGE_CASES),
    )


def summary(report: Report) -> dict[str, Any]:
    """Return the scores, and the checks by verdict and message."""
    checks: dict[str, list[str]] = {}
    for check in report.checks:
        words = f"{check.verdict}: {check.message}".removesuffix(": ")
        checks.setdefault(words, []).append(check.name)
    return {"total": report.scores.total, "checks": checks}


def complaints(report: Report, expect: dict[str, Any]) -> list[str]:
    """Return in what a report is not what the case allows."""
    verdicts = {check.verdict for check in report.checks} - UNASKED
    messages = [told(check) for check in report.checks]
    found = []
    if report.scores.total > expect["best_total"]:
        found.append(f"{report.scores.total} points, at most {expect['best_total']}")
    if not verdicts <= set(expect["verdicts"]):
        found.append(f"verdicts {verdicts}, allowed are {expect['verdicts']}")
    if not any(all(part in text for part in expect["says"]) for text in messages):
        found.append(f"no message says {expect['says']}")
    return found


def told(check: Any) -> str:
    example = check.counterexample
    return check.message + (f" {example.got} {example.expected}" if example else "")
