"""Threads that do one task after another: starting one takes longer than most tasks.

A task gets a thread that has done nothing in its schedule, and a context of its own:
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


class Pool:
    """The threads of a process that tasks are done by."""

    def __init__(self) -> None:
        self.fresh: list[PooledThread] = []
        self.used: list[PooledThread] = []
        """Those that have done something in the schedule that is being run."""

    def submit(self, work: Callable[[], Any]) -> None:
        """Have a thread do something that has done nothing since the last `renew`."""
        thread = self.fresh.pop() if self.fresh else PooledThread(self)
        thread.do(work)

    def renew(self) -> None:
        """Take those that are done with their work for new ones."""
        self.fresh += self.used
        self.used = []


class PooledThread:
    """A thread that waits for work."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asked = new_baton()
        self._asked.acquire()
        self._work: Callable[[], Any] | None = None
        _start_thread(self._live, ())

    def do(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._asked.release()

    def _live(self) -> None:
        while True:
            with suppress(Abort):  # it came too late for what it was to end
                self._do_next()

    def _do_next(self) -> None:
        if self._work is None:
            self._asked.acquire()
        if self._work is not None:
            Context().run(self._work)
            self._work = None
            self._pool.used.append(self)
