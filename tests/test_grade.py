"""Grading one answer from beginning to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    CLIMB,
    CORRECTNESS,
    EDGE_CASES,
    QUADRATIC,
    REFERENCE,
    STUB,
    TOML,
    MakeKata,
    climbing_after,
)

from graders.grade import MAX_SOURCE, decoded, grade, grade_with
from graders.judges import Judges
from graders.kata import Kata, KataError
from graders.results import Category, Check, Level, Report, Scores, Verdict

HIDDEN = "katas/tiny/hidden/"
WRONG = REFERENCE.replace("return n + n", "return n * n")


def graded(judges: Judges, source: str, seed: int = 1, **more: Any) -> Report:
    return grade_with(judges, source.encode(), "stub.py", seed=seed, **more)


def verdicts(report: Report) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in report.checks}


def without_time(report: Report) -> list[Check]:
    """Return the checks about results without how long they took."""
    return [
        replace(check, seconds=0.0)
        for check in report.checks
        if check.category is not Category.PERFORMANCE
    ]


def test_the_reference_passes(judges: Judges) -> None:
    """The reference passes every check and gets 100 in each category."""
    report = graded(judges, REFERENCE)
    assert report.passed
    assert report.scores.correctness == 100
    assert report.scores.edge_cases == 100
    assert report.levels == (Level(1, "Numbers", 4, 4), Level(2, "Counters", 2, 2))


def test_the_stub_is_to_do(judges: Judges) -> None:
    """The pristine stub is to do in every check, timed ones too, and scores 0."""
    report = graded(judges, STUB)
    assert set(verdicts(report).values()) == {Verdict.TODO}
    assert report.scores == Scores(0, 0, 0, 0)
    assert report.performance.timings == ()


def test_a_file_is_graded_whole(tiny: Kata, tmp_path: Path) -> None:
    """`grade` reads the file, tells each check as it ends, and names its versions."""
    file = tmp_path / "mine.py"
    file.write_text(WRONG)
    told: list[Check] = []
    report = grade(tiny, file, watch=told.append)
    assert (report.kata, report.answer) == ("tiny", str(file))
    assert report.seed == tiny.default_seed
    assert report.environment["kata_version"] == "1"
    assert all(report.protection)
    assert sorted(told, key=str) == sorted(report.checks, key=str)


def test_a_missing_file_is_no_verdict(tiny: Kata, tmp_path: Path) -> None:
    """A file that is not there is an OSError of whoever asked."""
    with pytest.raises(FileNotFoundError):
        grade(tiny, tmp_path / "nowhere.py")


def test_a_bad_kata_is_no_verdict(make_kata: MakeKata, tmp_path: Path) -> None:
    """A kata whose checks are not well made is a KataError for any answer."""
    kata = make_kata({HIDDEN + "test_edge_cases.py": "1 // 0"})
    with pytest.raises(KataError, match=f"^{HIDDEN}test_edge_cases.py cannot be"):
        grade(kata, kata.stub)


def test_checks_are_in_order_of_level(judges: Judges) -> None:
    """A report lists checks by level, whatever order they ended in."""
    levels = [check.level for check in graded(judges, REFERENCE).checks]
    assert levels == sorted(levels)


# The same again


def test_the_same_seed_gives_the_same_report(judges: Judges) -> None:
    """Verdicts, messages and counterexamples are equal each time."""
    wrong = WRONG.replace("self.count += times", "self.count += times + (times > 2)")
    first, second = graded(judges, wrong), graded(judges, wrong)
    assert without_time(first) == without_time(second)
    assert first.scores == second.scores
    assert not first.passed


def test_judges_do_not_change_the_report(judges: Judges, tiny: Kata) -> None:
    """Fresh judges, and another number of them, give the same report."""
    with Judges(tiny, count=2) as others:
        assert without_time(graded(others, WRONG)) == without_time(
            graded(judges, WRONG)
        )


def test_deep_tries_more(make_kata: MakeKata) -> None:
    """A deep run tries ten times the inputs of the same check."""
    rare = '''
from hypothesis import given
from hypothesis import strategies as st
from graders.laws import check, require

seen = []

@given(n=st.integers(0, 10**9))
@check(level=1, category="correctness", examples=30)
def test_counts(candidate, n):
    """It counts its examples."""
    seen.append(n)
    require(len(seen) <= 30, len(seen), "few")
'''
    kata = make_kata({HIDDEN + "test_correctness.py": rare})
    found = {}
    for deep in (False, True):
        with Judges(kata, deep=deep, count=1) as judges:
            found[deep] = verdicts(graded(judges, REFERENCE))["counts"]
    assert found == {False: Verdict.PASS, True: Verdict.FAIL}


def test_only_levels_asked_for_run(judges: Judges) -> None:
    """Checks of later levels are neither run nor in the report."""
    report = graded(judges, REFERENCE, up_to_level=1)
    assert [level.level for level in report.levels] == [1]
    assert {check.level for check in report.checks} == {1}


def test_only_categories_asked_for_run(judges: Judges) -> None:
    """Checks of other categories are not in the report, and have no score."""
    report = graded(judges, REFERENCE, categories=(Category.EDGE_CASES,))
    assert report.scores == Scores(None, 100, None, 100)


# Scores


def test_levels_and_weights_make_the_score(make_kata: MakeKata) -> None:
    """One law of two broken at one level of two costs a quarter of its category."""
    weights = "[weights]\ncorrectness = 60\nedge_cases = 30\nperformance = 10\n"
    with Judges(make_kata({"katas/tiny/kata.toml": TOML + weights}), count=1) as judges:
        report = graded(judges, WRONG, categories=("correctness", "edge_cases"))
    assert (report.scores.correctness, report.scores.edge_cases) == (75, 100)
    assert report.scores.total == 83  # (60 * 75 + 30 * 100) // 90


def test_one_level_alone_is_half(judges: Judges) -> None:
    """A file that solves one level of two has half of each category."""
    half = REFERENCE.replace("self.limit = limit", "raise NotImplementedError")
    report = graded(judges, half)
    assert (report.scores.correctness, report.scores.edge_cases) == (50, 50)
    assert verdicts(report)["counter_counts"] is Verdict.TODO


# Speed comes after correctness


def test_a_wrong_answer_is_not_timed(judges: Judges) -> None:
    """Nothing is timed while a correctness check that uses it does not pass."""
    wrong = REFERENCE.replace(CLIMB, "range(5)")
    report = graded(judges, wrong)
    (timed,) = [c for c in report.checks if c.category is Category.PERFORMANCE]
    assert timed.verdict is Verdict.NOT_MEASURED
    assert timed.message == "Timed once the correctness checks of climb pass."
    assert report.scores.performance == 0


def test_other_wrongs_do_not_stop_the_clock(judges: Judges) -> None:
    """What is right is timed, even if something else is wrong or to do."""
    half = WRONG.replace("self.limit = limit", "raise NotImplementedError")
    report = graded(judges, half)
    assert verdicts(report)["climbing_is_linear"] is Verdict.PASS
    (timing,) = report.performance.timings
    assert (timing.check, timing.law) == (
        "climbing_is_linear",
        "Climbing twice as far takes twice as long.",
    )


def test_a_slow_answer_fails_only_there(judges: Judges) -> None:
    """An answer that is right and of the wrong growth fails the timed check alone."""
    report = graded(judges, climbing_after(QUADRATIC))
    failed = [check.name for check in report.checks if not check.passed]
    assert failed == ["climbing_is_linear"]
    assert report.scores.performance == 25


# Answers that are none


@pytest.mark.parametrize(
    ("source", "verdict", "words"),
    [
        ("def double(n):\nreturn n", Verdict.ERROR, "IndentationError: "),
        ("import nowhere", Verdict.ERROR, "No module named 'nowhere' (line 1"),
        ("while True: pass", Verdict.TIMEOUT, "On import: No answer within"),
        ("raise SystemExit", Verdict.EXIT, "On import: Your code raised SystemExit"),
        ("raise NotImplementedError", Verdict.TODO, "On import: it is still to do"),
        ("", Verdict.TODO, ""),
    ],
)
def test_an_import_that_fails_ends_all(
    judges: Judges, source: str, verdict: Verdict, words: str
) -> None:
    """An answer that cannot be imported has one verdict for all checks."""
    report = graded(judges, source)
    assert set(verdicts(report).values()) == {verdict}
    assert all(words in check.message for check in report.checks)
    assert report.scores.total == 0


def test_bytes_that_are_no_text_have_a_line() -> None:
    """A file that is not UTF-8 is an error that names the line."""
    text, problem = decoded(b"a = 1\nb = '\xe4'\n")
    assert text == ""
    assert problem is not None
    assert problem.verdict is Verdict.ERROR
    assert problem.message == "The file is not UTF-8 (line 2): save it as UTF-8."


def test_a_byte_order_mark_is_no_matter() -> None:
    """A file that begins with a byte order mark is read without it."""
    assert decoded(b"\xef\xbb\xbfa = 1") == ("a = 1", None)


def test_a_huge_file_is_refused() -> None:
    """A file larger than any answer is not compiled."""
    _, problem = decoded(b"#" * (MAX_SOURCE + 1))
    assert problem is not None
    assert problem.message == "The file is larger than 1 MiB."


def test_unreadable_answers_are_graded(judges: Judges) -> None:
    """A file that is no text gets its report like any other."""
    report = grade_with(judges, b"\xff", "stub.py", seed=1)
    assert set(verdicts(report).values()) == {Verdict.ERROR}


# Answers that break

BREAKING = {
    Verdict.TIMEOUT: "while True: pass",
    Verdict.EXIT: "os._exit(0)",
    Verdict.MEMORY: "return bytearray(1 << 40)",
    Verdict.ERROR: "return n.x",
}


@pytest.mark.parametrize("verdict", BREAKING)
def test_other_checks_still_run(judges: Judges, verdict: Verdict) -> None:
    """A function that breaks has its own verdict; what does not use it passes."""
    broken = REFERENCE.replace("return n + n", BREAKING[verdict])
    report = graded(judges, "import os\n" + broken)
    found = verdicts(report)
    assert found.pop("double_is_twice") is verdict
    assert set(found.values()) == {Verdict.PASS}


def test_time_runs_out_for_all(judges: Judges, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once an answer has used up its time, checks that have not run are timeouts."""
    monkeypatch.setattr("graders.grade.RUN_S", 0.0)
    found = verdicts(graded(judges, REFERENCE))
    timed = found.pop("climbing_is_linear")
    assert timed is Verdict.NOT_MEASURED
    assert found.pop("double_is_twice") is Verdict.PASS
    assert set(found.values()) == {Verdict.TIMEOUT}


def test_an_answer_may_keep_state(judges: Judges) -> None:
    """An answer that breaks only after many calls is right, example by example."""
    ageing = REFERENCE.replace("return n + n", "calls.append(n); return n + n + late()")
    ageing += "\ncalls = []\n\n\ndef late():\n    return len(calls) > 3\n"
    assert graded(judges, ageing).passed


def test_a_right_answer_in_other_words_passes(judges: Judges) -> None:
    """The report depends on what an answer does, not on how it is written."""
    terse = REFERENCE.replace("return n + n", "return n << 1")
    checks = without_time(graded(judges, terse))
    assert checks == without_time(graded(judges, REFERENCE))


def test_a_check_without_points_is_no_pass(make_kata: MakeKata) -> None:
    """A kata may have a category without checks; the others make up the score."""
    kata = make_kata({HIDDEN + "test_performance.py": ""})
    with Judges(kata, count=1) as judges:
        assert graded(judges, REFERENCE).scores == Scores(100, 100, None, 100)


def test_hidden_files_are_only_read(tiny: Kata) -> None:
    """Grading leaves no cache and no database beside a kata's hidden files."""
    names = {file.name for file in tiny.hidden.iterdir()} - {"__pycache__"}
    assert names == {f"test_{category}.py" for category in Category}
    assert tuple(
        (tiny.hidden / f"test_{category}.py").read_text()
        for category in (Category.CORRECTNESS, Category.EDGE_CASES)
    ) == (CORRECTNESS, EDGE_CASES)
