"""Runs threads one at a time, in an order that a plan decides and that can be repeated.

Each controlled thread has a baton, a real lock; whoever runs hands it on. Points where
the plan may switch are the opcodes of one file that can touch what threads share, and
every operation of the stand-ins for locks, threads, sleep and clocks, which `patched`
puts in the place of the originals. Time is virtual and waits cost none.

Needs only the standard library, CPython 3.11 or later.
"""

from __future__ import annotations

import _thread
import concurrent.futures.thread
import ctypes
import dis
import functools
import itertools
import logging
import queue
import random
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol
from weakref import WeakKeyDictionary

Choice = tuple[int, int, int, int]
"""(thread, visit, offset, other): so many opcodes after its n-th use of a stand-in, the
thread is interrupted and the other one goes on."""
Gaps = dict[tuple[int, int], int]
"""How many opcodes of interest a thread passed after each of its visits."""

USUAL = 150
"""How many schedules are usual; in a deeper search, many of the rest switch often."""
MAX_VISITS = 5_000
"""Uses of stand-ins in one schedule after which its threads are said to wait busily."""
SPINNING_S = 0.3
"""CPU seconds without such a use after which a thread is said to run for nothing."""
_ENDLESS = 1 << 60
_SECOND_NS = 1_000_000_000
_EPOCH_S = 1_700_000_000
_FIRST_IDENT = 1_000

_SHARING = {
    *("LOAD_ATTR", "STORE_ATTR", "DELETE_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"),
    *("BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR", "BINARY_SLICE", "STORE_SLICE"),
    *("LOAD_DEREF", "STORE_DEREF", "DELETE_DEREF", "STORE_GLOBAL", "DELETE_GLOBAL"),
    *("CALL", "CALL_KW", "CALL_FUNCTION_EX", "CONTAINS_OP", "FOR_ITER"),
}

# The real ones, for they are patched later.
_new_baton = _thread.allocate_lock
_start_thread = _thread.start_new_thread
_real_ident = _thread.get_ident
_ORIGINALS = {
    name: getattr(time, name)
    for name in ("sleep", "monotonic", "perf_counter", "time")
    for name in ((name,) if name == "sleep" else (name, f"{name}_ns"))
}
_cpu_s = time.process_time
_POOLS = logging.getLogger("concurrent.futures")
running: Any = None
"""The schedule that is being run, if any: one at a time. Or an event loop's."""


def let_others_run() -> None:
    """Ask the plan who goes on, if a schedule is being run."""
    if running is not None:
        running.visit()


def who() -> Any:
    """Return what tells the running thread, or task, from others."""
    return running.who() if running is not None else _real_ident()


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
        self.name = name
        self.run = run
        self.baton = _new_baton()
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
        self.error: BaseException | None = None

    def is_free(self) -> bool:
        return self.done

    def can_run(self) -> bool:
        target = self.waits_for
        return not self.done and (target is None or self.timed_out or target.is_free())


# Plans: who runs next


class Plan(Protocol):
    """Decides who runs, and after how many opcodes a thread is interrupted."""

    def pick(
        self, me: Task, default: Task, ready: list[Task], late: list[Task]
    ) -> Task:
        """Return one of the ready, or one of the late, whose time is then over."""

    def window(self, me: Task) -> int:
        """Return the next offset at which `me` is to be interrupted, 0 for none."""


class Replay:
    """Follows a list of choices; everybody else runs on until it has to wait."""

    def __init__(self, choices: list[Choice]) -> None:
        self._others = {
            (choice[0], choice[1], choice[2]): choice[3] for choice in choices
        }

    def pick(
        self, me: Task, default: Task, ready: list[Task], late: list[Task]
    ) -> Task:
        wanted = self._others.get((me.number, me.visits, me.offset))
        return next((t for t in [*ready, *late] if t.number == wanted), default)

    def window(self, me: Task) -> int:
        here = (me.number, me.visits)
        offsets = [key[2] for key in self._others if key[:2] == here]
        return min((offset for offset in offsets if offset > me.offset), default=0)


class Priorities:
    """Runs the first by rank, and puts a thread last at `depth - 1` points.

    Finds a bug that needs `depth` ordered switches with a known least probability
    (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees").
    """

    def __init__(
        self, draw: random.Random, depth: int, gaps: Gaps, haste: float
    ) -> None:
        self._draw = draw
        self._haste = haste
        self._ranks: dict[int, float] = {}
        self._lowest = 0
        places, lengths = list(gaps), [1 + gap for gap in gaps.values()]
        drawn = draw.choices(places, lengths, k=depth - 1)
        self._changes = sorted((*at, draw.randint(0, gaps[at])) for at in drawn)

    def pick(
        self, me: Task, default: Task, ready: list[Task], late: list[Task]
    ) -> Task:
        passed = [c for c in self._changes if c[0] == me.number and c[1:] <= here(me)]
        if passed:
            self._changes = [c for c in self._changes if c not in passed]
            self._lowest -= 1
            self._ranks[me.number] = self._lowest
        return max(either(self._draw, self._haste, ready, late), key=self._rank)

    def window(self, me: Task) -> int:
        coming = (c[2] for c in self._changes if c[:2] == (me.number, me.visits))
        return min(coming, default=0)

    def _rank(self, task: Task) -> float:
        return self._ranks.setdefault(task.number, 1 + self._draw.random())


class Wandering:
    """Leaves a thread by chance, at a visit or some opcodes after it."""

    def __init__(
        self, draw: random.Random, stay: float, gaps: Gaps, haste: float
    ) -> None:
        self._draw = draw
        self._stay = stay
        self._haste = haste
        self._keen = draw.choice([0.1, 0.5, 1.0])
        parts = draw.choice([1, 2, 4, 12])
        self._lengths = [1 + gap // parts for gap in gaps.values() if gap] or [1]

    @classmethod
    def restless(cls, draw: random.Random, haste: float) -> Wandering:
        """Return one that interrupts every few opcodes, wherever it is."""
        made = cls(draw, 0.5, {}, haste)
        made._keen, made._lengths = 1.0, [draw.choice([2, 3, 4, 6])]
        return made

    def pick(
        self, me: Task, default: Task, ready: list[Task], late: list[Task]
    ) -> Task:
        options = either(self._draw, self._haste, ready, late)
        if me.offset:
            options = [task for task in options if task is not me] or options
        elif default is me and self._draw.random() < self._stay:
            return me
        return self._draw.choice(options)

    def window(self, me: Task) -> int:
        if not me.offset and self._draw.random() > self._keen:
            return 0
        return me.offset + self._draw.randint(1, self._draw.choice(self._lengths))


def here(task: Task) -> tuple[int, int]:
    return task.visits, task.offset


def either(
    draw: random.Random, haste: float, ready: list[Task], late: list[Task]
) -> list[Task]:
    if not ready or (late and draw.random() < haste):
        return late
    return ready


def plan_for(place: int, seed: int, gaps: Gaps, hasty: bool) -> Plan:
    """Return the plan of one of many schedules; the first makes no choice at all."""
    if place == 0:
        return Replay([])
    draw = random.Random(f"{seed} {place}")
    haste = draw.choice([0.0, 0.05, 0.3]) if hasty else 0.0
    if place >= USUAL and place % 2:
        return Wandering.restless(draw, haste)
    kind = place % 7
    if kind < 4:
        return Priorities(draw, kind + 1, gaps, haste)
    return Wandering(draw, (0.5, 0.7, 0.9)[kind - 4], gaps, haste)


# One schedule


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
        self._left = [0]
        """Opcodes of interest until the running thread is interrupted, 0 for never."""
        self._opened = 0
        self._over = _new_baton()
        self._over.acquire()
        self._tracers: dict[int, Any] = {}
        self.current = Task(-1, "", lambda: None)

    def run(self, body: Callable[[], None]) -> None:
        """Run `body` as the first thread; return when all have ended."""
        global running
        running = self
        try:
            self._resume(self.spawn(body, "main", traced=False))
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
        return _FIRST_IDENT + self.current.number

    def living(self) -> list[int]:
        """Return the idents of all threads that are alive, but for the first one."""
        return [_FIRST_IDENT + task.number for task in self.tasks[1:] if not task.done]

    # The life of a thread

    def spawn(self, run: Callable[[], None], name: str, traced: bool = True) -> Task:
        task = Task(len(self.tasks), name, run)
        self.tasks.append(task)
        _start_thread(self._live, (task, traced))
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
            sys.settrace(None)
            self._leave(task)

    def _leave(self, task: Task) -> None:
        self._close_window(task)
        task.done = True
        task.visits, task.offset = task.visits + 1, 0
        successor = self._next()
        if successor is None:
            self._over.release()
        else:
            self._resume(successor)

    def _resume(self, task: Task) -> None:
        self.current = task
        task.baton.release()

    # Called by the thread that runs

    def visit(self) -> None:
        """Use a stand-in: the plan is asked who goes on."""
        if self.ending:
            raise Abort
        me = self.current
        self._close_window(me)
        self.visits += 1
        me.visits, me.offset = me.visits + 1, 0
        self._switch()

    def _interrupt(self) -> None:
        """Pass the opcode before which the plan wanted to be asked."""
        untrace()
        if self.ending:
            raise Abort
        self.current.offset += self._opened
        self._switch()

    def _open_window(self, me: Task) -> None:
        """Have opcodes counted, if the plan wants to interrupt this thread."""
        offset = self.plan.window(me)
        self._opened = offset - me.offset if offset else 0
        if self.gaps is not None and not offset:
            self._opened = _ENDLESS
        self._left[0] = self._opened
        if me.traced and (self._opened or self.tracing):
            # only now: a thread that is traced runs many times as slowly
            sys.settrace(self._enter)
            self._follow_callers()

    def _close_window(self, me: Task) -> None:
        untrace()
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
            me.deadline_ns = self.now_ns + max(0, round(timeout_s * _SECOND_NS))
        self.visit()
        in_time = not me.timed_out
        me.waits_for, me.deadline_ns, me.timed_out = None, None, False
        return in_time

    def _switch(self) -> None:
        me = self.current
        if self.visits > MAX_VISITS and not self.ending:
            self._end("busy")
        successor = self._next()
        if successor is not me:
            assert successor is not None
            self._resume(successor)
            me.baton.acquire()
        if self.ending:
            raise Abort
        if self.tracing and successor is not me:
            self._note_line_gone_on_with()
        self._open_window(me)

    # Deciding

    def _next(self) -> Task | None:
        """Return who runs next; once it is over, who is to be ended next."""
        if not self.ending:
            chosen = self._choose()
            if chosen is not None:
                return chosen
            self._end("done" if self.tasks[0].done else "stuck")
        return next((task for task in self.tasks if not task.done), None)

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
        self.ending = how
        stacks = sys._current_frames()
        waiting = [task for task in self.tasks[1:] if not task.done]
        self.stuck = [self._waits(t, stacks.get(t.real_ident)) for t in waiting]

    def _waits(self, task: Task, stack: types.FrameType | None) -> dict[str, Any]:
        """Return in plain data where a thread waits, and what for."""
        frame, target = self.frame_of(stack), task.waits_for or Running()
        told = {
            "thread": task.name,
            "line": frame.f_lineno if frame else 0,
            "for": getattr(target, "told_as", type(target).__name__.lower()),
        }
        if not isinstance(target, Lock):
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
            if event == "line" and not self.ending:
                self.trace.append((self.current.number, frame.f_lineno, False))
            follow(frame, event, argument)
            return follow_lines

        return follow_lines if self.tracing else follow

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


def name_of(lock: Lock, frame: types.FrameType) -> str:
    """Return what a function calls a lock, or the condition with it; "" if nothing."""
    for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:
        if is_or_has(value, lock):
            return name
        for attribute, part in parts_of(value).items():
            if name in frame.f_locals and is_or_has(part, lock):
                return f"{name}.{attribute}"
    return ""


def is_or_has(value: Any, lock: Lock) -> bool:
    return value is lock or parts_of(value).get("_lock") is lock


def parts_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object without running any code of its own."""
    try:
        parts: dict[str, Any] = object.__getattribute__(value, "__dict__")
        return parts
    except AttributeError:
        return {}


def untrace() -> None:
    """Let this thread run at full speed again, where that is possible from here."""
    if sys.version_info < (3, 12):  # 3.12.1 crashes, in a tracing function
        sys.settrace(None)


_offsets: dict[int, tuple[types.CodeType, frozenset[int]]] = {}
"""By id, because the hash of a code object takes long; the code is kept alive."""


def offsets_of(code: types.CodeType, namespace: dict[str, Any]) -> frozenset[int]:
    """Return where in a function's code something shared may be touched."""
    if id(code) not in _offsets:
        steps = dis.get_instructions(code)
        sharing = frozenset(s.offset for s in steps if may_share(s, namespace))
        _offsets[id(code)] = code, sharing
    return _offsets[id(code)][1]


def may_share(step: dis.Instruction, namespace: dict[str, Any]) -> bool:
    if step.opname == "LOAD_GLOBAL":
        return varies(namespace, step.argval)
    if step.opname == "BINARY_OP":
        return "[" in step.argrepr  # 3.14: a subscript
    return step.opname in _SHARING or "JUMP_BACKWARD" in step.opname


def varies(namespace: dict[str, Any], name: str) -> bool:
    """Tell whether a global is one that is given other values, by what it holds."""
    return name in namespace and not callable(namespace[name])


# Stand-ins for what the standard library offers


def rank_of(thing: Any) -> int:
    """Return a number in the place of an address, which is not the same every time.

    Sets of threads, say, are gone through in the order of their hashes.
    """
    parts: dict[str, Any] = object.__getattribute__(thing, "__dict__")
    if "_rank" not in parts:
        parts["_rank"] = next(running.ranks) if running is not None else 0
    rank: int = parts["_rank"]
    return rank


class Lock:
    """Stands in for `threading.Lock`."""

    __hash__ = rank_of

    def __init__(self) -> None:
        self.owner: Task | None = None
        self.taken = 0

    def is_free(self) -> bool:
        return self.owner is None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if running is None:
            return self._acquire_alone(blocking)
        limit_s = _checked(blocking, timeout)
        running.visit()
        taken = self.owner is not None
        if taken and (limit_s == 0 or not running.wait(self, limit_s)):
            return False
        self.owner = running.current
        if running.tracing:
            self.taken = running.line_of(sys._getframe(1))
        return True

    def _acquire_alone(self, blocking: bool) -> bool:
        """Be taken by what is cleaned up after a schedule: nobody else is there."""
        if self.owner is not None and blocking:
            raise Abort
        taken = self.owner is not None
        self.owner = _NOBODY
        return not taken

    def release(self) -> None:
        if running is not None and running.ending:
            raise Abort
        if self.owner is None:
            raise RuntimeError("release unlocked lock")
        self.owner = None
        if running is not None:
            running.visit()

    def locked(self) -> bool:
        return self.owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _is_owned(self) -> bool:
        return self.owner is not None

    def _at_fork_reinit(self) -> None:
        self.owner = None


class RLock(Lock):
    """Stands in for `threading.RLock`."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not self._is_owned() and not super().acquire(blocking, timeout):
            return False
        self.depth += 1
        return True

    def release(self) -> None:
        if running is not None and running.ending:
            raise Abort
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self.depth -= 1
        if self.depth == 0:
            super().release()

    def _is_owned(self) -> bool:
        me = running.current if running else _NOBODY
        return self.owner is not None and self.owner is me

    def _recursion_count(self) -> int:
        return self.depth if self._is_owned() else 0

    def _release_save(self) -> int:
        depth, self.depth = self.depth, 1
        self.release()
        return depth

    def _acquire_restore(self, depth: int) -> None:
        self.acquire()
        self.depth = depth


_NOBODY = Task(-1, "nobody", lambda: None)


def _checked(blocking: bool, timeout: float) -> float | None:
    """Return how long a call may wait, None without end; refuse as a lock does."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > threading.TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return 0 if not blocking else None if timeout == -1 else timeout


def _start(thread: threading.Thread) -> None:
    if "_task" in vars(thread):
        raise RuntimeError("threads can only be started once")
    if running is None:
        raise Abort
    # one attribute holds, on every version, what tells that a thread has begun
    thread._started._flag = True  # type: ignore[attr-defined]
    task = running.spawn(partial(_run, thread), thread.name)
    vars(thread).update(_task=task, _ident=_FIRST_IDENT + task.number)
    running.visit()


def _run(thread: threading.Thread) -> None:
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
    active[_ident()] = thread
    try:
        thread.run()
    finally:
        active.pop(_ident(), None)


def _join(thread: threading.Thread, timeout: float | None = None) -> None:
    task = vars(thread).get("_task")
    if task is None:
        raise RuntimeError("cannot join thread before it is started")
    if running is None:
        return  # all have ended
    if task is running.current:
        raise RuntimeError("cannot join current thread")
    running.visit()
    if not task.done:
        running.wait(task, timeout)


def _is_alive(thread: threading.Thread) -> bool:
    task = vars(thread).get("_task")
    return task is not None and not task.done


def _start_new_thread(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> int:
    if running is None:
        raise Abort
    task: Task = running.spawn(partial(function, *args, **kwargs or {}), "thread")
    running.visit()
    return _FIRST_IDENT + task.number


def _ident() -> int:
    return _FIRST_IDENT + running.current.number if running else _real_ident()


def sleep(seconds: float) -> None:
    if running is None:
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    running.wait(Nothing(), seconds)


def _seconds(name: str, base_s: int) -> Callable[[], float]:
    def now() -> float:
        if running is None:
            real: float = _ORIGINALS[name]()
            return real
        return float(base_s + running.now_ns / _SECOND_NS)

    return now


def _nanoseconds(name: str, base_s: int) -> Callable[[], int]:
    def now() -> int:
        if running is None:
            real: int = _ORIGINALS[name]()
            return real
        return int(base_s * _SECOND_NS + running.now_ns)

    return now


def _tell_unless_over(unraisable: Any) -> None:
    """Say nothing of what is cut off while it is cleaned up."""
    if running is not None and unraisable.exc_type is not Abort:
        sys.__unraisablehook__(unraisable)


def _log_unless_over(*said: Any, **options: Any) -> None:
    """Likewise, for a thread of a pool."""
    if sys.exc_info()[0] is not Abort:
        _POOLS.log(logging.CRITICAL, *said, **options)


_RANKED = (
    *(threading.Thread, threading.Condition, threading.Event, threading.Semaphore),
    *(threading.Barrier, concurrent.futures.Future),
)


def stand_ins() -> list[tuple[Any, str, Any]]:
    """Return (where, name, what to put there); made anew, for one of them has state."""
    found: list[tuple[Any, str, Any]] = [
        (threading, "Lock", Lock),
        (threading, "RLock", RLock),
        (threading, "_allocate_lock", Lock),
        (threading, "get_ident", _ident),
        (threading.Thread, "start", _start),
        (threading.Thread, "join", _join),
        (threading.Thread, "is_alive", _is_alive),
        (_thread, "start_new_thread", _start_new_thread),
        (functools, "RLock", RLock),
        (queue, "SimpleQueue", queue._PySimpleQueue),  # type: ignore[attr-defined]
        (concurrent.futures.thread, "_global_shutdown_lock", Lock()),
        (concurrent.futures.thread, "_threads_queues", WeakKeyDictionary()),
        (time, "sleep", sleep),
        (sys, "unraisablehook", _tell_unless_over),
        (_POOLS, "critical", _log_unless_over),
    ]
    for name in ("monotonic", "perf_counter", "time"):
        base_s = _EPOCH_S if name == "time" else 0
        found.append((time, name, _seconds(name, base_s)))
        found.append((time, f"{name}_ns", _nanoseconds(f"{name}_ns", base_s)))
    for kind in _RANKED:
        found.append((kind, "__hash__", rank_of))
    monotonic = _seconds("monotonic", 0)
    return [*found, (threading, "_time", monotonic), (queue, "time", monotonic)]


def trace_for_all() -> None:
    """Have this thread traced, to no effect, as long as there are others.

    From 3.12 on, to begin or end all tracing rewrites the code that runs: that is slow,
    and crashes 3.12.1 when it happens while a thread is inside of a tracing function.
    """
    sys._getframe().f_trace_opcodes = True  # or 3.12 leaves opcodes out from now on
    sys.settrace(lambda frame, event, argument: None)


@contextmanager
def patched() -> Iterator[None]:
    """Put the stand-ins in the place of the originals, for a while."""
    changes = [change for change in stand_ins() if hasattr(change[0], change[1])]
    before = [(where, name, getattr(where, name)) for where, name, _ in changes]
    for where, name, what in changes:
        setattr(where, name, what)
    # it sorts by address, in the order of which locks are then taken
    vars(concurrent.futures._base)["id"] = rank_of
    tracer = sys.gettrace()
    trace_for_all()
    try:
        yield
    finally:
        sys.settrace(tracer)
        vars(concurrent.futures._base).pop("id", None)
        for where, name, what in before:
            with suppress(AttributeError):
                setattr(where, name, what)
