"""The file of a counterexample runs by itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dojo.counterexamples import runnable
from graders.results import Check, Report

ANSWER = """
class Reading:
    def __init__(self, count, full):
        self.count, self.full = count, full

    def __repr__(self):
        return f"Reading({self.count}, {self.full})"


class Counter:
    def __init__(self, limit, clock):
        if limit < 0:
            raise ValueError(limit)
        self.count = clock()

    def add(self, times=1):
        if times == 9:
            raise KeyError(times)
        return Reading(self.count + times, False)
"""


@pytest.fixture
def broken(report: Report) -> Check:
    return report.checks[1]


def run(check: Check, folder: Path) -> subprocess.CompletedProcess[str]:
    answer = folder / "my answer-1.py"
    answer.write_text(ANSWER, "utf-8")
    file = folder / "counterexample_1.py"
    file.write_text(runnable(check, answer, file.name), "utf-8")
    return subprocess.run(
        [sys.executable, file], capture_output=True, text=True, cwd=folder
    )


def test_file_shows_got_and_expected(broken: Check, tmp_path: Path) -> None:
    """Run against the answer, it prints what is expected and what came."""
    done = run(broken, tmp_path)
    assert done.stdout.splitlines() == [
        "expected  count=5: the sum so far",
        "got       Reading(4, False)",
    ]


def test_constructor_can_be_the_end(broken: Check, tmp_path: Path) -> None:
    """A story that ends with making an object shows that object."""
    assert broken.counterexample is not None
    ended = replace(broken.counterexample, code=broken.counterexample.code[:2])
    done = run(replace(broken, counterexample=ended), tmp_path)
    assert "got       <answer.Counter object" in done.stdout


def test_exception_is_the_learners_own(broken: Check, tmp_path: Path) -> None:
    """An exception comes with its traceback, which ends in the learner's own file."""
    assert broken.counterexample is not None
    code = (*broken.counterexample.code[:2], "counter.add(9)")
    raising = replace(broken.counterexample, code=code)
    done = run(replace(broken, counterexample=raising), tmp_path)
    assert done.stdout.startswith("expected")
    assert 'my answer-1.py", line 18, in add' in done.stderr


def test_streams_and_dates_are_there(broken: Check, tmp_path: Path) -> None:
    """What a story may name is defined: streams, dates with zones, fractions."""
    code = (
        "stream = Stream([datetime(2024, 1, 1, tzinfo=timezone.utc), Decimal('1')])",
        "[next(stream), ZoneInfo(key='UTC'), Fraction(1, 2)]",
        "stream.taken()",
    )
    assert broken.counterexample is not None
    ended = replace(broken.counterexample, code=code)
    done = run(replace(broken, counterexample=ended), tmp_path)
    assert "got       1" in done.stdout


def test_earlier_refusals_are_passed_over(broken: Check, tmp_path: Path) -> None:
    """A call that raised on the way, as it had to, does not end the file."""
    assert broken.counterexample is not None
    code = (
        "clock = Clock(3)",
        "with suppress(Exception): Counter(-1, clock)  # ValueError",
        *broken.counterexample.code[1:],
    )
    done = run(
        replace(broken, counterexample=replace(broken.counterexample, code=code)),
        tmp_path,
    )
    assert "got       Reading(4, False)" in done.stdout


def test_quotes_in_a_law_do_no_harm(broken: Check, tmp_path: Path) -> None:
    """A law with quotes or backslashes stays inside of the file's docstring."""
    law = 'Three """ quotes, a \\ and one at the end "'
    assert "got" in run(replace(broken, law=law), tmp_path).stdout
