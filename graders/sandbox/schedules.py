"""Runs threads one at a time, in an order that a plan decides and that can be repeated.

Each controlled thread has a baton, a real lock; whoever runs hands it on. Points where
the plan may switch are the opcodes of one file that can touch what threads share, and
every operation of the stand-ins for locks, threads, sleep and clocks. Time is virtual
and waits cost none.

Needs only the standard library, CPython 3.11 or later.
"""

from __future__ import annotations

import _thread
import ctypes
import itertools
import sys
import time
import types
from collections.abc import Callable
from functools import partial
from typing import Any

from naming import name_of  # type: ignore[import-not-found]
from opcodes import offsets_of  # type: ignore[import-not-found]
from plans import Choice, Gaps, Plan  # type: ignore[import-not-found]
from pool import Pool  # type: ignore[import-not-found]
from tasks import Abort, Running, Target, Task, new_baton  # type: ignore[import-not-found]

MAX_VISITS = 5_000
"""Uses of stand-ins in one schedule after which its threads are said to wait busily."""
AFTERWARDS = 200
"""The same for what goes on when the first thread, and so the scenario, has ended."""
MAX_CUTS = 100
"""How often a thread is told to end before it is left asleep: it may catch that."""
SPINNING_S = 0.3
"""CPU seconds without such a use after which a thread is said to run for nothing."""
_ENDLESS = 1 << 60
TRACES = sys.version_info < (3, 12)
"""Whether opcodes are looked at by tracing; from then on it is `watching` that does."""
SECOND_NS = 1_000_000_000

_pool = Pool()
# The real ones, for they are patched later.
_real_ident = _thread.get_ident
_cpu_s = time.process_time
running: Any = None
"""The schedule that is being run, if any: one at a time. Or an event loop's."""


def nanoseconds(seconds: float) -> int:
    """Return a time to wait; what is left of one by rounding is no wait without end."""
    return max(1, round(seconds * SECOND_NS)) if seconds > 0 else 0


def nothing() -> None:
    """Do nothing."""


def let_others_run() -> None:
    """Ask the plan who goes on, if a schedule is being run."""
    if running is not None:
        running.visit()


def who() -> Any:
    """Return what tells the running thread, or task, from others."""
    return running.who() if running is not None else _real_ident()


class Schedule:
    """One run of some threads, from the first until none can go on."""

    def __init__(
        self,
        plan: Plan,
        filename: str,
        *,
        hasty: bool = False,
        tracing: bool = False,
        gaps: Gaps | None = None,
    ) -> None:
        self.plan = plan
        self.filename = filename
        self.hasty = hasty
        """Whether a wait may be over although others could still run."""
        self.tracing = tracing
        self.gaps = gaps
        """If given, every opcode of interest is counted, and the counts go here."""
        self.tasks: list[Task] = []
        self.choices: list[Choice] = []
        self.trace: list[tuple[int, int, bool]] = []
        """(thread, line, whether it goes on with a line after others ran)."""
        self.visits = 0
        self.now_ns = 0
        self.ranks = itertools.count(1)
        self.ending = ""
        """How it ended: "done", "stuck" or "busy"; "" while it runs."""
        self.stuck: list[dict[str, Any]] = []
        self.said: list[str] = []
        """For coroutines: what was complained of."""
        self._most_visits = MAX_VISITS
        self._left = [0]
        """Opcodes of interest until the running thread is interrupted, 0 for never."""
        self._opened = 0
        self._over = new_baton()
        self._over.acquire()
        self._tracers: dict[int, Any] = {}
        self.current = Task(-1, "", nothing)

    def run(self, body: Callable[[], None]) -> None:
        """Run `body` as the first thread; return when no thread goes on."""
        self._let_run(self.spawn(body, "main", traced=False))

    def dismiss(self) -> None:
        """End the threads that are left, each where it waits; some cannot be ended."""
        for task in self.tasks:
            if not task.done:
                self._let_run(task)
        _pool.renew()

    def _let_run(self, task: Task) -> None:
        global running
        running = self
        try:
            self._resume(task)
            self._wait_until_over()
        finally:
            running = None

    def _wait_until_over(self) -> None:
        visits, cpu_s = -1, 0.0
        while not self._over.acquire(timeout=SPINNING_S):
            if visits == self.visits and _cpu_s() - cpu_s > SPINNING_S:
                self._end_spinning()
            elif visits != self.visits:
                visits, cpu_s = self.visits, _cpu_s()

    def _end_spinning(self) -> None:
        """Stop the thread that runs, which does not come by here by itself."""
        self._end("busy")
        ident = ctypes.c_ulong(self.current.real_ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(Abort))

    def who(self) -> int:
        return int(self.current.ident)

    def living(self) -> list[int]:
        """Return the idents of all threads that are alive, but for the first one."""
        return [task.ident for task in self.tasks[1:] if not task.done]

    # The life of a thread

    def spawn(self, run: Callable[[], None], name: str, traced: bool = True) -> Task:
        task = Task(len(self.tasks), name, run)
        self.tasks.append(task)
        _pool.submit(partial(self._live, task, traced))
        return task

    def _live(self, task: Task, traced: bool) -> None:
        task.baton.acquire()
        task.real_ident = _real_ident()
        try:
            if not self.ending:
                task.traced = traced
                self._open_window(task)
                task.run()
        except Abort:
            pass
        except BaseException as error:
            task.error = error
        finally:
            self._leave(task)

    def _leave(self, task: Task) -> None:
        self._close_window(task)
        task.done, task.run = True, nothing  # it would keep the thread's object alive
        task.visits, task.offset = task.visits + 1, 0
        if task.number == 0:
            self._most_visits = min(MAX_VISITS, self.visits + AFTERWARDS)
        self._hand_on(self._next())

    def _hand_on(self, successor: Task | None) -> None:
        if successor is None:
            self._over.release()
        else:
            self._resume(successor)

    def _resume(self, task: Task) -> None:
        self.current = task
        task.baton.release()

    def cut_off(self) -> None:
        """End the running thread, as its schedule is over."""
        me = self.current
        me.cuts += 1
        if me.cuts > MAX_CUTS:
            self._hand_on(None)
            me.baton.acquire()
        raise Abort

    # Called by the thread that runs

    def visit(self) -> None:
        """Use a stand-in: the plan is asked who goes on."""
        if self.ending:
            self.cut_off()
        me = self.current
        self._close_window(me)
        self.visits += 1
        me.visits, me.offset = me.visits + 1, 0
        self._switch()

    def _interrupt(self) -> None:
        """Pass the opcode before which the plan wanted to be asked."""
        if TRACES:
            sys.settrace(None)
        if self.ending:
            self.cut_off()
        self.current.offset += self._opened
        self._switch()

    def _open_window(self, me: Task) -> None:
        """Have opcodes counted, if the plan wants to interrupt this thread."""
        offset = self.plan.window(me)
        self._opened = offset - me.offset if offset else 0
        if self.gaps is not None and not offset:
            self._opened = _ENDLESS
        self._left[0] = self._opened
        if TRACES and me.traced and (self._opened or self.tracing):
            # only now: a thread that is traced runs many times as slowly
            sys.settrace(self._enter)
            self._follow_callers()

    def _close_window(self, me: Task) -> None:
        if TRACES:
            sys.settrace(None)
        if self.gaps is not None:
            passed = me.offset + self._opened - max(0, self._left[0])
            place = (me.number, me.visits)
            self.gaps[place] = max(passed, self.gaps.get(place, 0))
        self._left[0] = 0

    def wait(self, target: Target, timeout_s: float | None = None) -> bool:
        """Let others run until `target` is free; False if the time is over before."""
        me = self.current
        me.waits_for = target
        if timeout_s is not None:
            me.deadline_ns = self.now_ns + nanoseconds(timeout_s)
        self.visit()
        in_time = not me.timed_out
        me.waits_for, me.deadline_ns, me.timed_out = None, None, False
        return in_time

    def _switch(self) -> None:
        me = self.current
        if self.visits > self._most_visits:
            self._end("done" if self.tasks[0].done else "busy")
        successor = self._next()
        if successor is not me:
            self._hand_on(successor)
            me.baton.acquire()
        if self.ending:
            self.cut_off()
        if self.tracing and successor is not me:
            self._note_line_gone_on_with()
        self._open_window(me)

    # Deciding

    def _next(self) -> Task | None:
        """Return who runs next, None once it is over."""
        chosen = None if self.ending else self._choose()
        if chosen is None:
            self._end("done" if self.tasks[0].done else "stuck")
        return chosen

    def _choose(self) -> Task | None:
        me = self.current
        ready = [task for task in self.tasks if task.can_run()]
        late = self._first_to_time_out() if self.hasty or not ready else []
        if not ready and not late:
            return None
        default = me if me in ready else [*ready, *late][0]
        chosen = self.plan.pick(me, default, ready, late)
        if chosen is not default:
            self.choices.append((me.number, me.visits, me.offset, chosen.number))
        if chosen in late:
            self._let_time_pass(chosen)
        return chosen

    def _first_to_time_out(self) -> list[Task]:
        waiting = [
            (task.deadline_ns, task)
            for task in self.tasks
            if task.deadline_ns is not None and not task.can_run()
        ]
        first = min((deadline for deadline, _ in waiting), default=0)
        return [task for deadline, task in waiting if deadline == first]

    def _let_time_pass(self, until: Task) -> None:
        assert until.deadline_ns is not None
        self.now_ns = max(self.now_ns, until.deadline_ns)
        for task in self.tasks:
            over = task.deadline_ns is not None and task.deadline_ns <= self.now_ns
            task.timed_out = task.timed_out or (over and not task.can_run())

    def _end(self, how: str) -> None:
        if self.ending:
            return
        self.ending = how
        stacks = sys._current_frames()
        waiting = [task for task in self.tasks[1:] if not task.done]
        if not waiting and how == "stuck":  # before the threads began, or afterwards
            waiting = self.tasks[:1]
        self.stuck = [self._waits(t, stacks.get(t.real_ident)) for t in waiting]

    def _waits(self, task: Task, stack: types.FrameType | None) -> dict[str, Any]:
        """Return in plain data where a thread waits, and what for."""
        frame, target = self.frame_of(stack), task.waits_for or Running()
        told = {
            "thread": task.name,
            "line": frame.f_lineno if frame else 0,
            "for": getattr(target, "told_as", type(target).__name__.lower()),
        }
        if told["for"] != "lock":
            name = getattr(target, "name", "") if told["for"] == "gate" else ""
            return {**told, "lock": name, "holder": "", "since": 0}
        holder = target.owner.name if target.owner else ""
        name = name_of(target, frame) if frame else ""
        return {**told, "lock": name, "holder": holder, "since": target.taken}

    # Following the lines

    def _enter(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        wanted = self.tracing or self._left[0] > 0
        if not wanted or frame.f_code.co_filename != self.filename:
            return None
        return self._follow(frame)

    def _follow(self, frame: types.FrameType) -> Any:
        """Have the events of a function's call."""
        code = frame.f_code
        tracer = self._tracers.get(id(code))
        if tracer is None:
            offsets = offsets_of(code, frame.f_globals)
            tracer = self._tracers[id(code)] = self._tracer(offsets)
        frame.f_trace = tracer  # first, or 3.13 does not heed what comes next
        frame.f_trace_lines = self.tracing
        frame.f_trace_opcodes = True
        return tracer

    def _follow_callers(self) -> None:
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename == self.filename:
                self._follow(frame)
            frame = frame.f_back

    def _tracer(self, offsets: frozenset[int]) -> Any:
        left, interrupt = self._left, self._interrupt

        def follow(frame: types.FrameType, event: str, argument: Any) -> Any:
            # this is where the time goes: most events are opcodes of no interest
            if frame.f_lasti in offsets and event == "opcode":
                left[0] -= 1
                if left[0] == 0:
                    interrupt()
                elif left[0] < 0:
                    frame.f_trace_opcodes = False
            return follow

        def follow_lines(frame: types.FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                self.note_line(frame.f_lineno)
            follow(frame, event, argument)
            return follow_lines

        return follow_lines if self.tracing else follow

    def pass_opcode(self) -> None:
        """Count an opcode of interest, before which there may be an interruption."""
        if self._left[0] > 0:
            self._left[0] -= 1
            if self._left[0] == 0:
                self._interrupt()

    def note_line(self, line: int) -> None:
        if self.tracing and not self.ending:
            self.trace.append((self.current.number, line, False))

    def _note_line_gone_on_with(self) -> None:
        line = self.line_of(sys._getframe())
        if line:
            self.trace.append((self.current.number, line, True))

    def line_of(self, stack: types.FrameType | None) -> int:
        """Return the line of the file that a stack is in, 0 if it is not in it."""
        frame = self.frame_of(stack)
        return frame.f_lineno if frame else 0

    def frame_of(self, stack: types.FrameType | None) -> types.FrameType | None:
        while stack is not None and stack.f_code.co_filename != self.filename:
            stack = stack.f_back
        return stack
