"""Stand-ins for what the standard library offers: locks, threads, sleep and clocks.

`patched` puts them in the place of the originals. What is built on those, such as
queues and pools, then works unchanged, under the schedule that is being run.
"""

from __future__ import annotations

import _thread
import concurrent.futures.thread
import functools
import itertools
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import schedules  # type: ignore[import-not-found]
import watching  # type: ignore[import-not-found]
from schedules import SECOND_NS
from tasks import FIRST_IDENT, Abort, Nothing, Task  # type: ignore[import-not-found]

_EPOCH_S = 1_700_000_000
_BOOTED_S = 1_000
"""Where clocks begin that count from some moment; 0 could be taken for none."""
# The real ones, for they are patched later.
_real_ident = _thread.get_ident
_ORIGINALS = {
    name: getattr(time, name)
    for name in ("sleep", "monotonic", "perf_counter", "time")
    for name in ((name,) if name == "sleep" else (name, f"{name}_ns"))
}
_EXCEPTHOOK = threading.excepthook
_active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
_IDENTS = range(FIRST_IDENT, FIRST_IDENT + 100_000)
_POOLS = logging.getLogger("concurrent.futures")


def rank_of(thing: Any) -> int:
    """Return a number in the place of an address, which is not the same every time.

    Sets of threads, say, are gone through in the order of their hashes.
    """
    parts: dict[str, Any] = object.__getattribute__(thing, "__dict__")
    if "_rank" not in parts:
        running = schedules.running
        parts["_rank"] = next(running.ranks) if running is not None else 0
    rank: int = parts["_rank"]
    return rank


class Lock:
    """Stands in for `threading.Lock`."""

    told_as = "lock"
    __hash__ = rank_of

    def __init__(self) -> None:
        self.owner: Task | None = None
        self.taken = 0

    def is_free(self) -> bool:
        return self.owner is None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if schedules.running is None:
            return self._acquire_alone(blocking)
        limit_s = _checked(blocking, timeout)
        schedules.running.visit()
        taken = self.owner is not None
        if taken and (limit_s == 0 or not schedules.running.wait(self, limit_s)):
            return False
        self.owner = schedules.running.current
        if schedules.running.tracing:
            self.taken = schedules.running.line_of(sys._getframe(1))
        return True

    def _acquire_alone(self, blocking: bool) -> bool:
        """Be taken by what is cleaned up after a schedule: nobody else is there."""
        if self.owner is not None and blocking:
            raise Abort
        taken = self.owner is not None
        self.owner = _NOBODY
        return not taken

    def release(self) -> None:
        if schedules.running is not None and schedules.running.ending:
            schedules.running.cut_off()
        if self.owner is None:
            raise RuntimeError("release unlocked lock")
        self.owner = None
        if schedules.running is not None:
            schedules.running.visit()

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
        if schedules.running is not None and schedules.running.ending:
            schedules.running.cut_off()
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self.depth -= 1
        if self.depth == 0:
            super().release()

    def _is_owned(self) -> bool:
        me = schedules.running.current if schedules.running else _NOBODY
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
    if schedules.running is None:
        raise Abort
    # one attribute holds, on every version, what tells that a thread has begun
    thread._started._flag = True  # type: ignore[attr-defined]
    task = schedules.running.spawn(partial(_run, thread), thread.name)
    _be(thread, task)
    schedules.running.visit()


def _be(thread: threading.Thread, task: Task) -> None:
    """Have a thread be known as the one that does a task."""
    vars(thread).update(_task=task, _ident=task.ident, _native_id=task.ident)
    _active[task.ident] = thread


def become_main() -> None:
    """Have the running thread be the main one, and no others be known before it."""
    for ident in [ident for ident in _active if ident in _IDENTS]:
        del _active[ident]
    threading._counter = itertools.count(1).__next__  # type: ignore[attr-defined]
    ThreadPoolExecutor._counter = itertools.count().__next__  # type: ignore[attr-defined]
    main = threading.Thread(name="MainThread", daemon=False)
    main._started._flag = True  # type: ignore[attr-defined]
    _be(main, schedules.running.current)
    threading._main_thread = main  # type: ignore[attr-defined]


def _run(thread: threading.Thread) -> None:
    try:
        thread.run()
    except SystemExit:
        pass  # it ends this thread alone
    except Abort:
        raise
    except BaseException:
        if threading.excepthook is _EXCEPTHOOK:
            raise
        told = threading.ExceptHookArgs([*sys.exc_info(), thread])
        threading.excepthook(told)
    finally:
        _active.pop(_ident(), None)


def _join(thread: threading.Thread, timeout: float | None = None) -> None:
    task = vars(thread).get("_task")
    if task is None:
        raise RuntimeError("cannot join thread before it is started")
    if schedules.running is None:
        return  # all have ended
    if task is schedules.running.current:
        raise RuntimeError("cannot join current thread")
    schedules.running.visit()
    if not task.done:
        schedules.running.wait(task, timeout)


def _is_alive(thread: threading.Thread) -> bool:
    task = vars(thread).get("_task")
    return task is not None and not task.done


def _start_new_thread(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> int:
    if schedules.running is None:
        raise Abort
    task: Task = schedules.running.spawn(
        partial(function, *args, **kwargs or {}), "thread"
    )
    schedules.running.visit()
    return int(task.ident)


def _ident() -> int:
    if schedules.running is None:
        return _real_ident()
    return int(schedules.running.current.ident)


def sleep(seconds: float) -> None:
    if schedules.running is None:
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    schedules.running.wait(Nothing(), seconds)


def _seconds(name: str, base_s: int) -> Callable[[], float]:
    def now() -> float:
        if schedules.running is None:
            real: float = _ORIGINALS[name]()
            return real
        return float(base_s + schedules.running.now_ns / SECOND_NS)

    return now


def _nanoseconds(name: str, base_s: int) -> Callable[[], int]:
    def now() -> int:
        if schedules.running is None:
            real: int = _ORIGINALS[name]()
            return real
        return int(base_s * SECOND_NS + schedules.running.now_ns)

    return now


def _tell_unless_over(unraisable: Any) -> None:
    """Say nothing of what is cut off while it is cleaned up."""
    if schedules.running is not None and unraisable.exc_type is not Abort:
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
        (threading, "get_native_id", _ident),
        (threading, "_main_thread", threading.main_thread()),
        (threading.Thread, "start", _start),
        (threading.Thread, "join", _join),
        (threading.Thread, "is_alive", _is_alive),
        (_thread, "start_new_thread", _start_new_thread),
        (functools, "RLock", RLock),
        (logging, "_lock", RLock()),
        (logging.lastResort, "lock", RLock()),
        (queue, "SimpleQueue", queue._PySimpleQueue),  # type: ignore[attr-defined]
        (concurrent.futures.thread, "_global_shutdown_lock", Lock()),
        (concurrent.futures.thread, "_threads_queues", WeakKeyDictionary()),
        (time, "sleep", sleep),
        (sys, "unraisablehook", _tell_unless_over),
        (_POOLS, "critical", _log_unless_over),
    ]
    for name in ("monotonic", "perf_counter", "time"):
        base_s = _EPOCH_S if name == "time" else _BOOTED_S
        found.append((time, name, _seconds(name, base_s)))
        found.append((time, f"{name}_ns", _nanoseconds(f"{name}_ns", base_s)))
    for kind in _RANKED:
        found.append((kind, "__hash__", rank_of))
    monotonic = _seconds("monotonic", _BOOTED_S)
    return [*found, (threading, "_time", monotonic), (queue, "time", monotonic)]


@contextmanager
def patched() -> Iterator[None]:
    """Put the stand-ins in the place of the originals, for a while."""
    changes = [change for change in stand_ins() if hasattr(change[0], change[1])]
    before = [(where, name, getattr(where, name)) for where, name, _ in changes]
    for where, name, what in changes:
        setattr(where, name, what)
    # it sorts by address, in the order of which locks are then taken
    vars(concurrent.futures._base)["id"] = rank_of
    watching.begin()
    try:
        yield
    finally:
        watching.end()
        vars(concurrent.futures._base).pop("id", None)
        for where, name, what in before:
            with suppress(AttributeError):
                setattr(where, name, what)
