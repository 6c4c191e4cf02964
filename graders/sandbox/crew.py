"""Real threads that do one task after another: to start one takes long.

A task finds a thread that has done nothing in its schedule, and a context of its own:
what is kept for each thread is as in a new one. Needs only the standard library.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any

from tasks import Abort, new_baton  # type: ignore[import-not-found]

_start_thread = _thread.start_new_thread  # the real one, for it is patched later


class Hand:
    """A thread that waits for work."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._called = new_baton()
        self._called.acquire()
        self._work: Callable[[], Any] | None = None
        _start_thread(self._live, ())

    def do(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._called.release()

    def _live(self) -> None:
        while True:
            with suppress(Abort):  # it came too late for what it was to end
                self._serve()

    def _serve(self) -> None:
        if self._work is None:
            self._called.acquire()
        if self._work is not None:
            Context().run(self._work)
            self._work = None
            self._crew.resting.append(self)


class Crew:
    """The threads of a process that tasks are done by."""

    def __init__(self) -> None:
        self.ready: list[Hand] = []
        self.resting: list[Hand] = []
        """Those that have worked in the schedule that is being run."""

    def do(self, work: Callable[[], Any]) -> None:
        """Have a thread do something, one that has done nothing since the last rest."""
        hand = self.ready.pop() if self.ready else Hand(self)
        hand.do(work)

    def rest(self) -> None:
        """Have those who have worked be as good as new."""
        self.ready += self.resting
        self.resting = []
