"""From how one run of a check ended to its verdict, message and counterexample."""

from __future__ import annotations

import dataclasses
from typing import Any

from graders.candidate import Answer, Candidate
from graders.checks import GraderFault, Outcome
from graders.raising import AnswerRaised, LawBroken, NotDone, WrongType
from graders.results import Counterexample, Verdict
from graders.sandbox.host import AnswerStopped
from graders.showing import show
from graders.story import Event, Failure

MAX_LINES = 2_000
MAX_VALUE = 100_000
_SHOWN = 300
_ADVICE = {
    "BdbQuit": ": breakpoint() has no terminal here, use it in the file below",
    "PermissionError": ": there are no files, network or other processes here",
}


def outcome_of(error: BaseException | None, candidate: Candidate) -> Outcome:
    """Return what it says of the answer that its check ended with this exception.

    Raises GraderFault for an exception that no answer can cause.
    """
    if error is None:
        return Outcome(Verdict.PASS, points=1.0)
    if isinstance(error, NotDone):
        return Outcome(Verdict.TODO, str(error))
    if candidate.failure is not None:
        return _of_failure(candidate.failure, _is_flaky(error))
    if isinstance(error, AnswerStopped):
        return stopped(error, candidate.events)
    raise GraderFault(f"{type(error).__name__}: {error}") from error


def _is_flaky(error: BaseException) -> bool:
    # by name, because importing hypothesis takes long and this module must not
    return any(base.__name__ == "Flaky" for base in type(error).__mro__)


def stopped(error: AnswerStopped, events: list[Event]) -> Outcome:
    """Return the outcome for an answer that was stopped, with the call that did it."""
    code = code_of(events)
    example = Counterexample(code, error.message, "an answer") if code else None
    return Outcome(error.verdict, error.message, example)


def _of_failure(failure: Failure, flaky: bool) -> Outcome:
    error = failure.error
    message = message_of(error)
    if flaky:
        message = f"The same input gave different answers. Once: {message}"
    verdict = Verdict.ERROR if isinstance(error, AnswerRaised) else error.verdict
    return Outcome(verdict, message, _counterexample(failure))


def message_of(error: AnswerRaised | LawBroken) -> str:
    if isinstance(error, AnswerRaised):
        place = place_of(error)
        return f"{error}{f' ({place})' if place else ''}"
    return str(error) if isinstance(error, WrongType) else f"expected {error.expected}"


def _counterexample(failure: Failure) -> Counterexample:
    error = failure.error
    threads = error if isinstance(error, LawBroken) else LawBroken(None, "")
    return Counterexample(
        code=threads.story or code_of(failure.events),
        got=got_of(error.got),
        expected=error.expected,
        where=place_of(error.got) if isinstance(error.got, AnswerRaised) else "",
        printed=failure.printed,
        schedule=threads.schedule,
    )


def got_of(value: Any) -> str:
    if isinstance(value, AnswerRaised):
        return f"raises {value}{_ADVICE.get(value.type_name, '')}"
    return show(value, _SHOWN)


def place_of(error: AnswerRaised) -> str:
    """Return the answer's own line that raised, e.g. ``line 12 in check: x = y[0]``."""
    if not error.frames:
        return ""
    line, function, text = error.frames[-1]
    within = f" in {function}" if function not in ("", "<module>") else ""
    return f"line {line}{within}{f': {text}' if text else ''}"


def code_of(events: list[Event]) -> tuple[str, ...]:
    """Return the statements up to the last call, each with its result as a comment."""
    shown = events[:MAX_LINES]
    lines = [_line(event) for event in shown[:-1]]
    lines += [event.text(MAX_VALUE) for event in shown[-1:]]
    if len(events) > MAX_LINES:
        lines.append(f"# ... and {len(events) - MAX_LINES} more")
    return tuple(lines)


def _line(event: Event) -> str:
    text = event.text(MAX_VALUE)
    if event.raised is not None:
        return f"with suppress(Exception): {text}  # {event.raised.type_name}"
    if event.result is None:
        return text
    # on one line, or what the answer says of itself would become code
    result = brief(event.result).replace("\n", " ")
    return f"{text}  # {result}"


def brief(value: Any) -> str:
    """Return a record without the names of its fields, anything else as source."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return show(value, 100)
    values = [getattr(value, field.name) for field in dataclasses.fields(value)]
    return f"{type(value).__name__}({', '.join(show(v, 40) for v in values)})"


def load_problem(error: BaseException, answer: Answer) -> Outcome:
    """Return the outcome of every check when the answer cannot even be imported."""
    if isinstance(error, AnswerStopped):
        return Outcome(error.verdict, f"On import: {error.message}")
    if isinstance(error, AnswerRaised):
        message = f"{answer.filename} cannot be imported: {message_of(error)}"
        return Outcome(Verdict.ERROR, message)
    if isinstance(error, NotDone):
        return Outcome(Verdict.TODO, f"On import: {error}")
    raise GraderFault(f"{type(error).__name__}: {error}") from error
