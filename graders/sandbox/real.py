"""Plays a scenario on real threads: a look at whether it depends on the explorer.

Threads run as the system lets them, so what comes of it is no schedule and cannot be
repeated. Worker's side.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import schedules  # type: ignore[import-not-found]
from stage import Stage  # type: ignore[import-not-found]

TICK_S = 0.05
MAX_TICKS = 120
"""Looks in a row at which nothing had moved, after which threads are said to hang."""
MOVING_S = 0.002
"""CPU seconds between two looks that are more than the looking takes."""
SWITCH_S = 1e-5


class Gate:
    """Holds up who waits for it, until it is opened."""

    def __init__(self) -> None:
        self._opened = 0
        self._changed = threading.Condition()

    def open(self) -> None:
        with self._changed:
            self._opened += 1
            self._changed.notify_all()

    def wait(self, times: int = 1) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._opened >= times)


class Run:
    """In the place of a schedule: the system's own."""

    now_ns = 0
    ending = ""
    said: ClassVar[list[str]] = []
    choices: ClassVar[list[Any]] = []
    trace: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        self.before = set(threading.enumerate())
        self.stuck: list[dict[str, Any]] = []

    def visit(self) -> None:
        time.sleep(0)

    def who(self) -> int:
        return threading.get_ident()

    def living(self) -> list[int]:
        now = set(threading.enumerate()) - self.before
        return [thread.ident or 0 for thread in now]


class RealStage(Stage):  # type: ignore[misc]
    """A scenario that real threads play."""

    def play_for_real(self, number: int) -> list[list[Any]]:
        """Play a few times; return each history."""
        worker, before = self.worker, (self.worker.namespace, self.worker.objects)
        interval_s, hook = sys.getswitchinterval(), threading.excepthook
        sys.setswitchinterval(SWITCH_S)
        found: list[list[Any]] = []
        try:
            while len(found) < number and not (found and found[-1][1] == "stuck"):
                found.append([len(found), *self._play_once()])
            return found
        finally:
            schedules.running, threading.excepthook = None, hook
            sys.setswitchinterval(interval_s)
            worker.namespace, worker.objects = before

    def _play_once(self) -> list[Any]:
        self._forget()
        self.held = None
        self.unprepared: BaseException | None = None
        self.crashes: list[BaseException] = []
        threading.excepthook = lambda told: self._note_crash(told.exc_value)
        run = schedules.running = Run()
        main = threading.Thread(target=self._perform_or_note, name="main", daemon=True)
        main.start()
        run.ending = "done" if self._ends(main) else "stuck"
        if run.ending == "stuck":
            run.stuck = self._waiting(run)
        crashed = list(map(self._error, self.crashes))
        return [*self._noted(run, self.unprepared, crashed), []]

    def _perform_or_note(self) -> None:
        try:
            self._perform()
        except BaseException as error:
            self.unprepared = error

    def _note_crash(self, error: BaseException | None) -> None:
        if error is not None:
            self.crashes.append(error)

    def _ends(self, main: threading.Thread) -> bool:
        """Wait for the end; False when nothing has moved for very long.

        Looks are counted, not seconds: on a busy machine we look as seldom as the
        others run.
        """
        ticks, seen = 0, (-1, 0.0)
        while main.is_alive() and ticks < MAX_TICKS:
            main.join(TICK_S)
            moved = self._moved(seen)
            ticks = 0 if moved else ticks + 1
            seen = self._now()
        return not main.is_alive()

    def _now(self) -> tuple[int, float]:
        ended = sum(note.ended >= 0 for note in self.notes.calls)
        return ended, time.process_time()

    def _moved(self, seen: tuple[int, float]) -> bool:
        ended, cpu_s = self._now()
        return ended != seen[0] or cpu_s - seen[1] > MOVING_S

    def _waiting(self, run: Run) -> list[dict[str, Any]]:
        """Return in plain data where threads wait."""
        frames, told = sys._current_frames(), []
        for thread in threading.enumerate():
            if thread not in run.before and thread.name != "main":
                line = self._line(frames.get(thread.ident or 0))
                found = {"thread": thread.name, "line": line, "for": "", "lock": ""}
                told.append({**found, "holder": "", "since": 0})
        return told

    def _line(self, frame: Any) -> int:
        while frame is not None and frame.f_code.co_filename != self.worker.filename:
            frame = frame.f_back
        return frame.f_lineno if frame is not None else 0

    makers: ClassVar[dict[str, Callable[..., Any]]] = {
        **Stage.makers,
        "gate": lambda stage, number, name: Gate(),
    }
