"""A thread under control, and what it can wait for."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import Protocol

new_baton = _thread.allocate_lock  # the real one, for it is patched later


FIRST_IDENT = 1_000


class Abort(BaseException):
    """Ends a thread whose schedule is over."""


class Target(Protocol):
    """What a thread can wait for."""

    def is_free(self) -> bool: ...


class Running:
    """What a thread waits for that does not wait."""

    told_as = ""

    def is_free(self) -> bool:
        return True


class Nothing:
    """What a sleeping thread waits for."""

    def is_free(self) -> bool:
        return False


class Task:
    """A thread under control."""

    def __init__(self, number: int, name: str, run: Callable[[], None]) -> None:
        self.number = number
        self.ident = FIRST_IDENT + number
        self.name = name
        self.run = run
        self.baton = new_baton()
        self.baton.acquire()
        self.real_ident = 0
        self.visits = 0
        """How often it has used a stand-in; its beginning is use 0."""
        self.offset = 0
        """Opcodes of interest after that, up to the last interruption."""
        self.waits_for: Target | None = None
        self.deadline_ns: int | None = None
        self.timed_out = False
        self.traced = True
        self.done = False
        self.cuts = 0
        """How often it was told to end."""
        self.error: BaseException | None = None

    def is_free(self) -> bool:
        return self.done

    def can_run(self) -> bool:
        target = self.waits_for
        return not self.done and (target is None or self.timed_out or target.is_free())
