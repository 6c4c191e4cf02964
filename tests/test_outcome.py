"""From how a check ended to what the learner is told."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import REFERENCE, Try

from graders.candidate import Answer, Candidate
from graders.checks import GraderFault
from graders.laws import expect
from graders.outcome import MAX_LINES, brief, code_of, load_problem, outcome_of
from graders.raising import AnswerRaised, LawBroken, NotDone
from graders.results import Counterexample, Verdict
from graders.sandbox.host import AnswerStopped
from graders.story import Event, Failure


@dataclass(frozen=True)
class Point:
    x: int
    label: str


def event(text: str, result: Any = None) -> Event:
    return Event(lambda width: text[:width], result)


def test_a_law_that_holds_passes(try_on: Try) -> None:
    """A check that ends by itself is a pass with all its points and no words."""
    outcome = try_on(REFERENCE, lambda candidate: expect(candidate.double(2), 4))
    assert (outcome.verdict, outcome.points) == (Verdict.PASS, 1.0)
    assert (outcome.message, outcome.counterexample) == ("", None)


def test_a_broken_law_has_a_counterexample(try_on: Try) -> None:
    """A failure tells the statements up to the call at fault, got and expected."""
    source = "def double(n):\n    return n + 2\n"

    def check(candidate: Candidate) -> None:
        expect(candidate.double(2), 4)
        expect(candidate.double(3), 6, why="3 and 3")

    outcome = try_on(source, check)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.points == 0
    assert outcome.message == "expected 6: 3 and 3"
    assert outcome.counterexample == Counterexample(
        code=("double(2)  # 4", "double(3)"),
        got="5",
        expected="6: 3 and 3",
    )


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("breakpoint()", "use it in the file below"),
        ("open('/etc/passwd')", "there are no files, network or other processes"),
    ],
)
def test_what_cannot_work_here_is_told(try_on: Try, line: str, advice: str) -> None:
    """Who does by mistake what isolation forbids learns that it is forbidden."""
    outcome = try_on(
        f"def double(n):\n    {line}\n    return n + n\n",
        lambda candidate: expect(candidate.double(2), 4),
    )
    assert outcome.counterexample is not None
    assert advice in outcome.counterexample.got


@pytest.mark.parametrize("flushed", [True, False])
def test_what_was_printed_is_told(try_on: Try, flushed: bool) -> None:
    """A counterexample has the beginning of what the answer printed meanwhile."""
    source = f"def double(n):\n    print('hm\\x07', flush={flushed})\n    return n\n"
    outcome = try_on(source, lambda candidate: expect(candidate.double(3), 6))
    assert outcome.counterexample is not None
    assert outcome.counterexample.printed == "hm\\x07\n"


def test_the_call_at_fault_is_last(try_on: Try) -> None:
    """Calls after the one whose result breaks the law are left out."""

    def check(candidate: Candidate) -> None:
        first = candidate.echo([1])
        candidate.echo([2])
        expect(first, [0])

    example = try_on(REFERENCE, check).counterexample
    assert example is not None
    assert (example.code, example.got) == (("echo([1])",), "[1]")


def test_exceptions_that_were_caught_are_told(try_on: Try) -> None:
    """A call that was expected to raise is shown so that the code still runs."""

    def check(candidate: Candidate) -> None:
        with pytest.raises(ValueError, match="1001"):
            candidate.double(1001)
        expect(candidate.double(1), 3)

    example = try_on(REFERENCE, check).counterexample
    assert example is not None
    suppressed = "with suppress(Exception): double(1001)  # ValueError"
    assert example.code == (suppressed, "double(1)")


def test_a_fault_of_the_check_is_no_verdict(try_on: Try) -> None:
    """An exception of the check itself is a fault of the grader, never a verdict."""
    with pytest.raises(GraderFault, match=r"^ZeroDivisionError: "):
        try_on(REFERENCE, lambda candidate: candidate.double(1) // 0)


def test_a_plain_assert_is_no_verdict(try_on: Try) -> None:
    """A plain AssertionError in a check is a fault of the grader as well."""

    def check(candidate: Candidate) -> None:
        assert candidate.double(1) == 3

    with pytest.raises(GraderFault, match=r"^AssertionError"):
        try_on(REFERENCE, check)


def test_an_answers_error_of_that_name_is_its_own(try_on: Try) -> None:
    """The answer's own ZeroDivisionError is the answer's."""
    outcome = try_on("def double(n):\n    return n // 0", lambda c: c.double(1))
    assert outcome.verdict is Verdict.ERROR
    assert outcome.message.startswith("ZeroDivisionError: ")


def test_a_flaky_answer_is_told_so() -> None:
    """That hypothesis finds a check flaky means that the answer is, for one input."""

    class FlakyFailure(type("Flaky", (Exception,), {})):  # type: ignore[misc]
        pass

    failure = Failure(LawBroken(5, "4"), [event("f(2)", 5)])
    candidate: Any = SimpleNamespace(failure=failure)
    outcome = outcome_of(FlakyFailure(), candidate)
    assert outcome.verdict is Verdict.FAIL
    words = "The same input gave different answers. Once: expected 4"
    assert outcome.message == words


def test_long_stories_are_cut() -> None:
    """A story of very many calls is cut, and says how much is missing."""
    code = code_of([event("f()")] * (MAX_LINES + 5))
    assert len(code) == MAX_LINES + 1
    assert code[-1] == "# ... and 5 more"


def test_results_stand_beside_their_calls() -> None:
    """Each statement but the last has its result as a comment, if it has one."""
    events = [event("a = 1"), event("f(a)", 2), event("g()", Point(1, "b")), event("h")]
    assert code_of(events) == ("a = 1", "f(a)  # 2", "g()  # Point(1, 'b')", "h")


def test_brief_values_have_no_field_names() -> None:
    """A record is told by its values, anything else as source."""
    assert brief(Point(1, "a")) == "Point(1, 'a')"
    assert brief([Point(1, "a")]) == "[Point(x=1, label='a')]"


def raised() -> AnswerRaised:
    error = AnswerRaised()
    error.type_name, error.said = "NameError", "no x"
    error.frames = [[3, "<module>", "x"]]
    return error


@pytest.mark.parametrize(
    ("error", "verdict", "message"),
    [
        (NotDone("half"), Verdict.TODO, "On import: half"),
        (AnswerStopped(Verdict.EXIT, "Gone."), Verdict.EXIT, "On import: Gone."),
        (
            raised(),
            Verdict.ERROR,
            "a.py cannot be imported: NameError: no x (line 3: x)",
        ),
    ],
)
def test_a_failed_import_says_so(
    error: BaseException, verdict: Verdict, message: str
) -> None:
    """An answer that cannot be imported has one outcome for all its checks."""
    outcome = load_problem(error, Answer("", "a.py"))
    assert (outcome.verdict, outcome.message) == (verdict, message)


def test_a_failed_import_may_be_ours() -> None:
    """Any other exception while importing is the grader's fault."""
    with pytest.raises(GraderFault, match="KeyError"):
        load_problem(KeyError(1), Answer(""))
