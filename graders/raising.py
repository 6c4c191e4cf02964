"""What a check may see raised: by the answer, or about it."""

from __future__ import annotations

from typing import Any

from graders.contract import Contract
from graders.results import Verdict


class LawBroken(Exception):
    """The answer did something that the law of a check forbids."""

    verdict = Verdict.FAIL
    story: tuple[str, ...] = ()
    """For threads: what was set up, in place of the calls that were noted."""
    schedule: tuple[str, ...] = ()
    """For threads: the lines that ran, one column for each thread."""

    def __init__(self, got: Any, expected: str, why: str = "") -> None:
        super().__init__(f"expected {expected}{': ' + why if why else ''}")
        self.got = got
        self.expected = f"{expected}: {why}" if why else expected


class WrongType(LawBroken):
    """A result that is not of the type that the stub promises."""

    def __init__(self, got: Any, problem: str) -> None:
        super().__init__(got, problem.rpartition("expected ")[2])
        self.args = (problem,)


class AnswerRaised(Exception):
    """An exception that the answer raised. Real ones are also of the builtin class."""

    type_name = "Exception"
    said = ""
    bases: list[str]
    frames: list[list[Any]]
    expected = "no exception"

    @property
    def got(self) -> AnswerRaised:
        return self

    def __str__(self) -> str:
        return f"{self.type_name}: {self.said}" if self.said else self.type_name


class SmallestFound(BaseException):
    """A failing example has been made smaller for long enough; the last one is it."""


class NotDone(BaseException):
    """The answer raised NotImplementedError, or a name of the stub is missing."""


_CLASSES: dict[tuple[str, type], type[AnswerRaised]] = {}


_BUILTIN = {
    kind.__name__: kind
    for kind in (
        *(ArithmeticError, AssertionError, AttributeError, EOFError, IndexError),
        *(KeyError, LookupError, NameError, OSError, OverflowError, RecursionError),
        *(RuntimeError, TimeoutError, TypeError, ValueError, ZeroDivisionError),
    )
}


def exception_class(
    name: str, bases: list[Any], contract: Contract
) -> type[AnswerRaised]:
    """Return the class for an answer's exception: one per name, so that they compare.

    hypothesis tells failures apart by class, so a new class each time would never end.
    """
    known = {**_BUILTIN, **contract.exceptions}
    base = next((known[b] for b in bases if b in known), Exception)
    key = (name, base)
    if key not in _CLASSES:
        # AnswerRaised first: its __str__ is the one to use
        _CLASSES[key] = type(name, (AnswerRaised, base), {"type_name": name})
    return _CLASSES[key]
