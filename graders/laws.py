"""What a hidden check is written with.

A check is a pytest function with the `candidate` fixture and a docstring, its law:

    @given(steps=scripts())
    @check(level=1, category="correctness")
    def test_denied_call_consumes_nothing(candidate, steps):
        \"\"\"A denied call consumes nothing.\"\"\"
        ...
        expect(decision, allowed=True, why="the denied call must not count")
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from graders.candidate import Candidate
from graders.raising import AnswerRaised, LawBroken
from graders.results import Category
from graders.showing import show

Function = TypeVar("Function", bound=Callable[..., Any])
_ANYTHING = object()


@dataclass(frozen=True)
class Law:
    """What the decorator says of a check."""

    level: int
    category: Category
    examples: int
    """How many inputs hypothesis tries at the normal depth."""
    measures: tuple[str, ...]
    """For performance: the stub's classes and functions whose speed it is about."""


def check(
    *, level: int, category: str, examples: int = 40, measures: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Declare a hidden check; goes below `@given`, directly above the function."""
    law = Law(level, Category(category), examples, measures)

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def run_one_example(*args: Any, **kwargs: Any) -> None:
            examining = kwargs.get("candidate")
            if examining is None:
                function(*args, **kwargs)
                return
            examining.example(partial(function, *args, **kwargs))

        run_one_example.law = law  # type: ignore[attr-defined]
        return run_one_example  # type: ignore[return-value]

    return decorate


def law_of(function: Any) -> Law | None:
    """Return what `check` noted on a function, through hypothesis' own wrapper."""
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    law: Law | None = getattr(inner, "law", None)
    return law


def expect(got: Any, want: Any = _ANYTHING, /, why: str = "", **fields: Any) -> None:
    """Demand that a result is `want`, or that it has these fields.

    `why` tells a learner what in the input makes it so.
    """
    if want is not _ANYTHING and (type(got) is not type(want) or got != want):
        raise LawBroken(got, show(want), why)
    wrong = {name: v for name, v in fields.items() if getattr(got, name) != v}
    if wrong:
        words = ", ".join(f"{name}={show(value)}" for name, value in wrong.items())
        raise LawBroken(got, words, why)


def require(condition: bool, got: Any, expected: str) -> None:
    """Demand a condition on a result; `expected` says it in words."""
    if not condition:
        raise LawBroken(got, expected)


class NotRefused:
    """What is told of a call that should have raised."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def __repr__(self) -> str:
        given = "" if self.result is None else f", but {show(self.result)}"
        return f"no exception{given}"


@contextmanager
def refused(candidate: Candidate, naming: Any = _ANYTHING) -> Iterator[None]:
    """Demand that the call inside raises ValueError, with this value in its message."""
    expected = "ValueError"
    if naming is not _ANYTHING:
        expected += f" with {show(naming)} in its message"
    try:
        yield
    except AnswerRaised as error:
        named = naming is _ANYTHING or str(naming) in error.said
        if not isinstance(error, ValueError) or not named:
            raise LawBroken(error, expected) from None
    else:
        raise LawBroken(NotRefused(candidate.events[-1].result), expected)
