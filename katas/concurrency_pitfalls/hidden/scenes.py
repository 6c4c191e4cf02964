"""What the checks of threads have in common: seconds, and what is demanded of calls."""

from __future__ import annotations

from typing import Any

from graders.interleaving import Done, History
from graders.laws import expect, require

SECOND = 1_000_000
"""In microseconds of virtual time."""
LONG = 1_000 * SECOND
"""Longer than anything else in a scenario."""


def last(history: History, thread: int) -> Done:
    """Return the last call of a thread."""
    return history.thread(thread)[-1]


def raised(done: Done, kind: type[Exception]) -> bool:
    return isinstance(done.error, kind)


def expect_raised(done: Done, kind: type[Exception], why: str) -> None:
    """Demand that a call raised this kind of exception."""
    got = done.error if done.error is not None else done.value
    require(raised(done, kind), got, f"{done.text()} to raise {kind.__name__}: {why}")


def expect_until(done: Done, when: int, why: str) -> None:
    """Demand the virtual time at which a call ends.

    A microsecond does not matter: the deadline may be kept as a float.
    """
    words = f"{done.text()} to end at {seconds(when)}, not at {seconds(done.until)}"
    near = done.returned and abs(done.until - when) <= 1
    require(near, done.error or done.value, f"{words}: {why}")


def seconds(microseconds: int) -> str:
    return f"{microseconds / SECOND:g} s"


def expect_sorted(got: list[Any], want: list[Any], why: str) -> None:
    expect(sorted(got), sorted(want), why=why)
