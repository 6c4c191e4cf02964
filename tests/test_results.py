"""What a report is, and that nothing of it gets lost in JSON."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from graders.results import (
    REPORT_VERSION,
    Category,
    Check,
    Counterexample,
    Level,
    Performance,
    Report,
    Scores,
    SizePoint,
    Timing,
    Verdict,
)

EXAMPLE = Counterexample(("a = 1", "f(a)"), "2", "3", "line 1", "said\n")
CHECK = Check(
    "f_adds",
    "`f` adds.",
    1,
    Category.CORRECTNESS,
    Verdict.FAIL,
    message="expected 3",
    counterexample=EXAMPLE,
    seconds=0.25,
)
POINTS = (SizePoint(100, 1.0, 2.0, 1), SizePoint(200, 4.0, 4.0, 1))
TIMING = Timing("f_is_fast", "`f` is fast.", POINTS, 1.0, 2.0, 1.0, 1.0, "E")
REPORT = Report(
    kata="tiny",
    answer="stub.py",
    seed=1,
    environment={"python": "3.11"},
    protection=("seccomp",),
    levels=(Level(1, "Numbers", 0, 1),),
    checks=(CHECK,),
    performance=Performance((TIMING,)),
    scores=Scores(0, None, None, 0),
)


def test_a_report_survives_json() -> None:
    """Reading what was written gives an equal report, with equal types."""
    assert Report.from_json(REPORT.to_json()) == REPORT


def test_the_version_comes_first() -> None:
    """The first key of the JSON is the version that its reader has to know."""
    first = next(iter(json.loads(REPORT.to_json()).items()))
    assert first == ("version", REPORT_VERSION)


def test_json_is_written_for_people() -> None:
    """Words are used for verdicts and categories, one key in a line."""
    text = REPORT.to_json().decode()
    assert '"verdict": "fail"' in text
    assert '"category": "correctness"' in text
    assert len(text.splitlines()) > 30


@pytest.mark.parametrize("text", [b"{}", b'{"version": 999}', b'{"version": "1"}'])
def test_another_version_is_refused(text: bytes) -> None:
    """A report of another version, or of none, is a ValueError that names both."""
    with pytest.raises(ValueError, match=f"this program reads {REPORT_VERSION}"):
        Report.from_json(text)


@pytest.mark.parametrize("text", [b"", b"[]", b"no json", b'{"version": 1}'])
def test_what_is_no_report_is_refused(text: bytes) -> None:
    """Anything that is no report is a ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        Report.from_json(text)


def test_results_cannot_be_changed() -> None:
    """A report and all that it holds are frozen."""
    for part in (REPORT, CHECK, EXAMPLE, TIMING, REPORT.scores):
        with pytest.raises(FrozenInstanceError):
            setattr(part, fields(part)[0].name, 2)


def test_only_passing_checks_pass() -> None:
    """A report passes when each of its checks has the verdict pass."""
    passed = replace(CHECK, verdict=Verdict.PASS)
    for verdict in Verdict:
        check = replace(CHECK, verdict=verdict)
        assert check.passed == (verdict is Verdict.PASS)
        report = replace(REPORT, checks=(passed, check))
        assert report.passed == check.passed


def test_a_ratio_is_answer_over_reference() -> None:
    """A size's ratio says how many times longer the answer takes."""
    assert [point.ratio for point in POINTS] == [0.5, 1.0]
