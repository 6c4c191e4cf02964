"""An event loop in virtual time, in which the order of what is free can be varied.

What asyncio promises is kept: callbacks run in the order in which they were handed in.
Free are how many turns of the loop something scripted takes, which of several timers
of one instant is first, and, in haste, whether time passes while others could go on.

Needs only the standard library; asyncio is imported when it is needed.
"""

from __future__ import annotations

import contextvars
import functools
import heapq
import inspect
import itertools
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import schedules  # type: ignore[import-not-found]
from tasks import Abort  # type: ignore[import-not-found]

Choice = tuple[int, int, int, int]
"""(who, which time, 0, what): something scripted takes so many turns more than it
needs; for `_TIES`, `_HASTE` and `_RANKS`, which timer is first, that time passes, and
where a task stands in sets."""

MAX_TURNS = 5_000
"""Turns of the loop in one schedule after which it is said to wait busily."""
MAX_HOPS = 5
"""The most turns that something scripted takes more than it needs."""
MAX_SAID = 20
_TIES, _HASTE, _RANKS = -1, -2, -3
_SECOND_NS = 1_000_000_000


class Replay:
    """Follows a list of choices; what is not in it is as asyncio would do it."""

    def __init__(self, choices: list[Choice]) -> None:
        self._known = {(choice[0], choice[1]): choice[3] for choice in choices}

    def choose(self, who: int, place: int, most: int) -> int:
        return min(most, self._known.get((who, place), 0))


class Wandering:
    """Chooses by chance, more or less often."""

    def __init__(self, draw: random.Random, hasty: bool) -> None:
        self._draw = draw
        self._often = draw.choice([0.1, 0.3, 0.6])
        self._haste = draw.choice([0.0, 0.05, 0.3]) if hasty else 0.0

    def choose(self, who: int, place: int, most: int) -> int:
        often = self._haste if who == _HASTE else self._often
        return self._draw.randint(1, most) if self._draw.random() < often else 0


def plan_for(place: int, seed: int, hasty: bool) -> Replay | Wandering:
    """Return the plan of one of many schedules; the first makes no choice at all."""
    if place == 0:
        return Replay([])
    return Wandering(random.Random(f"{seed} {place}"), hasty)


@functools.cache
def ranked(name: str) -> Any:
    """Return asyncio's class of that name, whose hash is no address.

    Sets of tasks are gone through in the order of their hashes.
    """
    import asyncio

    class Ranked(getattr(asyncio, name)):  # type: ignore[misc]
        def __init__(self, *args: Any, rank: int, **options: Any) -> None:
            self._rank = rank
            super().__init__(*args, **options)

        def __hash__(self) -> int:
            return self._rank

    Ranked.__name__ = Ranked.__qualname__ = name
    return Ranked


class Handle:
    """A callback that is to run."""

    def __init__(
        self,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        when_ns: int = 0,
    ) -> None:
        self._callback, self._args = callback, args
        self._context = context or contextvars.copy_context()
        self.when_ns = when_ns
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled

    def when(self) -> float:
        return self.when_ns / _SECOND_NS

    def run(self) -> None:
        if not self._cancelled:
            self._context.run(self._callback, *self._args)


class Loop:
    """What asyncio and an answer ask of an event loop, as far as it needs no system."""

    def __init__(self, plan: Any, filename: str, *, hasty: bool, tracing: bool) -> None:
        self.plan = plan
        self.filename = filename
        self.hasty = hasty
        self.tracing = tracing
        self.now_ns = 0
        self.ranks = itertools.count(1)
        self.ending = ""
        """How it ended: "done", "stuck" or "busy"; "" while it runs."""
        self.choices: list[Choice] = []
        self.trace: list[tuple[int, int, bool]] = []
        self.stuck: list[dict[str, Any]] = []
        self.said: list[str] = []
        """What asyncio and the interpreter complained of."""
        self.started: list[Any] = []
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[int, int, Handle]] = []
        self._order = itertools.count()
        self._asked: dict[int, int] = {}
        self._turns = 0
        self._factory: Any = None

    # Running

    def run(self, body: Coroutine[Any, Any, None]) -> Any:
        """Run a coroutine as the first task, until it ends or nothing can go on."""
        import asyncio

        schedules.running, before = self, sys.gettrace()
        asyncio._set_running_loop(self)  # type: ignore[arg-type]
        try:
            if self.tracing:
                sys.settrace(self._enter)
            main = self.create_task(body, name="main")
            while not main.done() and not self.ending:
                self._turn()
            self.ending = self.ending or "done"
            self._tell_who_is_left()
        except Abort:
            self.ending = self.ending or "stuck"
            self._tell_who_is_left()
        finally:
            sys.settrace(before)
            asyncio._set_running_loop(None)
            schedules.running = None
        return main

    def _turn(self) -> None:
        self._turns += 1
        timers = self._first_timers()
        if not self._ready and not timers:
            self.ending = "stuck"
        elif self._turns > MAX_TURNS:
            self.ending = "busy"
        elif timers and self._time_passes(timers[0].when_ns):
            self._let_pass(timers)
        for _ in range(len(self._ready)):
            self._run_first()

    def _time_passes(self, when_ns: int) -> bool:
        if not self._ready or when_ns <= self.now_ns:
            return True
        return self.hasty and self._choose(_HASTE, 1) > 0

    def _run_first(self) -> None:
        try:
            self._ready.popleft().run()
        except (SystemExit, KeyboardInterrupt):
            pass  # its task has it too
        except Exception as error:
            self.call_exception_handler({"message": repr(error)})

    def _first_timers(self) -> list[Handle]:
        """Return the timers of the next instant; they stay where they are."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        first = self._timers[0][0] if self._timers else 0
        return [h for when, _, h in sorted(self._timers) if when == first]

    def _let_pass(self, timers: list[Handle]) -> None:
        """Have the timers of one instant run next, in an order that is chosen."""
        self.now_ns = max(self.now_ns, timers[0].when_ns)
        self._timers = [entry for entry in self._timers if entry[2] not in timers]
        heapq.heapify(self._timers)
        timers = [timer for timer in timers if not timer.cancelled()]
        while timers:
            chosen = self._choose(_TIES, len(timers) - 1) if len(timers) > 1 else 0
            self._ready.append(timers.pop(chosen))

    def _choose(self, who: int, most: int) -> int:
        place = self._asked[who] = self._asked.get(who, 0) + 1
        chosen: int = self.plan.choose(who, place, most)
        if chosen:
            self.choices.append((who, place, 0, chosen))
        return chosen

    async def hop(self, who: int) -> None:
        """Take some turns of the loop, as whatever is awaited may."""
        import asyncio

        for _ in range(self._choose(who, MAX_HOPS)):
            await asyncio.sleep(0)

    # In the place of a schedule of threads: there is one thread, which may sleep

    def visit(self) -> None:
        if self.ending:
            raise Abort

    def wait(self, target: Any, timeout_s: float | None = None) -> bool:
        """Stop everything for a while, as a call that blocks does."""
        if target.is_free():
            return True
        if timeout_s is None:
            self.ending = "stuck"
            raise Abort
        self.now_ns += schedules.nanoseconds(timeout_s)
        return False

    def who(self) -> Any:
        """Return the running task."""
        import asyncio

        return asyncio.current_task(self)  # type: ignore[arg-type]

    @property
    def current(self) -> Any:
        return self

    def line_of(self, stack: types.FrameType | None) -> int:
        return 0

    def spawn(self, *_: Any) -> Any:
        raise RuntimeError("threads are out of reach here: this is about coroutines")

    # What asyncio asks for

    def time(self) -> float:
        return self.now_ns / _SECOND_NS

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Handle:
        handle = Handle(callback, args, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Any = None
    ) -> Handle:
        return self._call_at(
            self.now_ns + schedules.nanoseconds(delay), callback, args, context
        )

    def call_at(
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> Handle:
        return self._call_at(round(when * _SECOND_NS), callback, args, context)

    def _call_at(self, when_ns: int, callback: Any, args: Any, context: Any) -> Handle:
        handle = Handle(callback, args, context, when_ns)
        heapq.heappush(self._timers, (when_ns, next(self._order), handle))
        return handle

    def create_future(self) -> Any:
        return ranked("Future")(loop=self, rank=self._rank())

    def _rank(self) -> int:
        return next(self.ranks) ^ self._choose(_RANKS, 7)

    def create_task(self, coroutine: Any, **options: Any) -> Any:
        if self._factory is not None:
            task = self._factory(self, coroutine, **options)
        else:
            options["rank"] = self._rank()
            task = ranked("Task")(coroutine, loop=self, **options)
        self.started.append(task)
        return task

    def set_task_factory(self, factory: Any) -> None:
        self._factory = factory

    def get_task_factory(self) -> Any:
        return self._factory

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.complain(f"{context.get('message')} {context.get('exception') or ''}")

    default_exception_handler = call_exception_handler

    def set_exception_handler(self, handler: Any) -> None:
        """Take no handler: it is we who listen."""

    def complain(self, words: str) -> None:
        if not self.ending and len(self.said) < MAX_SAID:
            self.said.append(words.strip()[:200])

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Stay as it is."""

    def is_running(self) -> bool:
        return schedules.running is self

    def is_closed(self) -> bool:
        return bool(self.ending)

    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> Any:
        return self.spawn()

    # Telling

    def living(self) -> list[Any]:
        """Return the tasks that have not ended, in the order of their beginning."""
        return [task for task in self.started if not task.done()]

    def _tell_who_is_left(self) -> None:
        left = [task for task in self.living() if task is not self.started[0]]
        self.stuck = [self._waits(task) for task in left]
        for task in self.started:
            task._log_destroy_pending = False

    def _waits(self, task: Any) -> dict[str, Any]:
        told = {"thread": task.get_name(), "line": self._line(task.get_coro())}
        return {**told, "for": "future", "lock": "", "holder": "", "since": 0}

    def _line(self, coroutine: Any) -> int:
        """Return the answer's innermost line in which a coroutine waits."""
        line = 0
        while inspect.iscoroutine(coroutine) and coroutine.cr_frame is not None:
            if coroutine.cr_frame.f_code.co_filename == self.filename:
                line = coroutine.cr_frame.f_lineno
            coroutine = coroutine.cr_await
        return line

    # Following the lines

    def _enter(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != self.filename:
            return None
        if frame.f_code.co_code[frame.f_lasti + 1] & 3:  # not RESUME 0, the beginning
            self._note(frame.f_lineno, goes_on=True)
        return self._follow

    def _follow(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._note(frame.f_lineno, goes_on=False)
        return self._follow

    def _note(self, line: int, goes_on: bool) -> None:
        task = self.who()
        if task in self.started and not self.ending:
            self.trace.append((self.started.index(task), line, goes_on))
