"""What the items raise and is no Exception drops the results before it.

Caught: level 3, edge_cases
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")

EVENTS = frozenset({"acquire", "release", "read", "write"})
MISSING = object()
GUARD = threading.Lock()  # for the few steps in which a cache looks and stores


class InsufficientFunds(ValueError):
    """The source of a transfer does not have the amount."""


class Empty(Exception):
    """No item came before the timeout."""


class Closed(Exception):
    """The queue is closed."""


class Bank:
    """Both accounts are claimed in one step; the total stays what it is."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        cents = dict(balances)
        for name in cents:
            if cents[name] < 0:
                raise ValueError(f"opening balance {cents[name]} of {name}")
        busy = dict.fromkeys(cents, False)
        table = threading.Condition(threading.Lock())

        @contextmanager
        def claimed(*names):
            for name in names:
                if name not in cents:
                    raise ValueError(f"no account {name}")
            with table:
                while any(busy[name] for name in names):
                    table.wait()
                for name in names:
                    busy[name] = True
            try:
                yield
            finally:
                with table:
                    for name in names:
                        busy[name] = False
                    table.notify_all()

        self._cents = cents
        self._claimed = claimed
        self._total = sum(cents.values())

    def transfer(self, source: str, target: str, amount: int) -> None:
        if amount <= 0:
            raise ValueError(f"cannot transfer {amount}")
        with self._claimed(source, target):
            cents = self._cents
            if cents[source] < amount:
                raise InsufficientFunds(f"{source}: {cents[source]} < {amount}")
            if source != target:
                less = cents[source] - amount
                more = cents[target] + amount
                cents[source] = less
                cents[target] = more

    def balance(self, account: str) -> int:
        with self._claimed(account):
            return self._cents[account]

    def total(self) -> int:
        return self._total


class OnceCache:
    """A key leads to a function that waits and gives the value."""

    def __init__(self):
        self._getters = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        there = threading.Event()
        outcome = []

        def wait():
            there.wait()
            if outcome[0] is not None:
                raise outcome[0]
            return outcome[1]

        with GUARD:
            getter = self._getters.setdefault(key, wait)
        if getter is not wait:
            return getter()
        try:
            value = load()
        except BaseException as error:
            outcome.append(error)
            with GUARD:
                del self._getters[key]
            there.set()
            raise
        outcome.extend((None, value))
        there.set()
        return value


class BoundedQueue:
    """Who waits leaves a slot, and is served by hand."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity}")
        self._capacity = capacity
        self._lock = threading.Lock()
        self._items = []
        self._getters = []  # slots: [gate, item or MISSING]
        self._putters = []  # slots: [gate, item or MISSING]
        self._closed = False

    def _wait(self, slot, line, timeout):
        """Wait for the gate; take the slot out of its line if nobody served it."""
        slot[0].acquire(
            timeout=-1 if timeout is None else min(timeout, threading.TIMEOUT_MAX)
        )
        with self._lock:
            for index, other in enumerate(line):
                if other is slot:
                    del line[index]
                    break

    @staticmethod
    def _slot(item):
        gate = threading.Lock()
        gate.acquire()
        return [gate, item]

    def put(self, item: T, timeout: float | None = None) -> bool:
        with self._lock:
            if self._closed:
                raise Closed
            if self._getters:
                slot = self._getters.pop(0)
                slot[1] = item
                slot[0].release()
                return True
            if len(self._items) < self._capacity:
                self._items.append(item)
                return True
            if timeout is not None and timeout <= 0:
                return False
            slot = self._slot(item)
            self._putters.append(slot)
        self._wait(slot, self._putters, timeout)
        if slot[1] is MISSING:
            return True
        with self._lock:
            if self._closed:
                raise Closed
        return False

    def get(self, timeout: float | None = None) -> T:
        with self._lock:
            if self._items:
                item = self._items.pop(0)
                if self._putters:
                    slot = self._putters.pop(0)
                    self._items.append(slot[1])
                    slot[1] = MISSING
                    slot[0].release()
                return item
            if self._closed:
                raise Closed
            if timeout is not None and timeout <= 0:
                raise Empty
            slot = self._slot(MISSING)
            self._getters.append(slot)
        self._wait(slot, self._getters, timeout)
        if slot[1] is not MISSING:
            return slot[1]
        with self._lock:
            if self._closed:
                raise Closed
        raise Empty

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for slot in self._getters + self._putters:
                slot[0].release()
            self._getters.clear()
            self._putters.clear()


class ReadWriteLock:
    """The doors are closures over one condition; turns go by tickets of writers."""

    def __init__(self):
        condition = threading.Condition()
        readers = 0
        arrived = served = 0  # tickets of the writers

        @contextmanager
        def reading():
            nonlocal readers
            with condition:
                condition.wait_for(lambda: arrived == served)
                readers += 1
            try:
                yield
            finally:
                with condition:
                    readers -= 1
                    condition.notify_all()

        @contextmanager
        def writing():
            nonlocal arrived, served
            with condition:
                ticket = arrived
                arrived += 1
                condition.wait_for(lambda: served == ticket and not readers)
            try:
                yield
            finally:
                with condition:
                    served += 1
                    condition.notify_all()

        self._reading = reading
        self._writing = writing

    def reading(self) -> AbstractContextManager[None]:
        return self._reading()

    def writing(self) -> AbstractContextManager[None]:
        return self._writing()


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """A pool that talks by SimpleQueues: one to all workers, one back for each call."""
    if limit < 1:
        raise ValueError(f"limit {limit}")
    calls = queue.SimpleQueue()
    failed = threading.Event()
    threads = []

    def work():
        while (call := calls.get()) is not None:
            item, answer = call
            try:
                value = function(item)
            except BaseException as error:
                failed.set()
                answer.put((error, None))
            else:
                answer.put((None, value))
            call = item = answer = value = None

    def answers():
        """Yield the answers to all calls, as far as calls may be made."""
        iterator = iter(items)
        window = []
        more = True
        while more or window:
            while more and len(window) < limit:
                if failed.is_set():
                    more = False
                    break
                answer = queue.SimpleQueue()
                try:
                    item = next(iterator)
                except StopIteration:
                    more = False
                    break
                except Exception as error:
                    more = False
                    answer.put((error, None))
                    window.append(answer)
                    break
                if failed.is_set():
                    more = False
                    break
                window.append(answer)
                calls.put((item, answer))
                if len(threads) < limit:
                    thread = threading.Thread(target=work, daemon=True)
                    thread.start()
                    threads.append(thread)
            if window:
                yield window.pop(0).get()

    def results():
        try:
            for error, value in answers():
                if error is not None:
                    raise error
                yield value
        finally:
            try:
                while True:
                    calls.get_nowait()
            except queue.Empty:
                pass
            for _ in threads:
                calls.put(None)
            for thread in threads:
                thread.join()

    return results()


def _replayed(log):
    """Return [(thread, event, name, locks held before)] or raise ValueError."""
    depth = {}
    events = []
    for thread, event, name in log:
        if event not in EVENTS:
            raise ValueError(f"no such event: {event}")
        events.append(
            (
                thread,
                event,
                name,
                frozenset(lock for who, lock in depth if who == thread),
            )
        )
        key = thread, name
        if event == "acquire":
            depth[key] = depth.get(key, 0) + 1
        elif event == "release":
            if key not in depth:
                raise ValueError(f"{thread} releases {name} without holding it")
            depth[key] -= 1
            if not depth[key]:
                del depth[key]
    return events


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Find simple cycles by closures; keep only the best choices while going along."""
    made = {}
    for thread, event, name, held in _replayed(log):
        if event == "acquire" and name not in held:
            for lock in held:
                made.setdefault((lock, name), set()).add((thread, held))
    after = {}
    for one, two in sorted(made):
        after.setdefault(one, []).append(two)

    def reachable(start, without):
        seen = set()

        def visit(node):
            todo = [node]
            while todo:
                for nxt in after.get(todo.pop(), ()):
                    if nxt not in seen and nxt not in without:
                        seen.add(nxt)
                        todo.append(nxt)

        visit(start)
        return seen

    def cycles(path, smallest):
        at = path[-1]
        for nxt in after.get(at, ()):
            if nxt == smallest:
                yield path
            elif nxt > smallest and nxt not in path:
                lower = {node for node in after if node < smallest}
                if smallest in reachable(nxt, lower | set(path[1:]) | {nxt}):
                    yield from cycles([*path, nxt], smallest)

    def minimal(states):
        """Drop what is not better than another one."""
        return {
            (who, guards)
            for who, guards in states
            if not any(
                (other is None or other == who)
                and fewer <= guards
                and (other, fewer) != (who, guards)
                for other, fewer in states
            )
        }

    def dangerous(cycle):
        states = None
        for edge in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            if states is None:
                states = minimal(made[edge])
            else:
                states = minimal(
                    {
                        (who if who == thread else None, guards & held)
                        for who, guards in states
                        for thread, held in made[edge]
                    }
                )
        return any(who is None and not guards for who, guards in states)

    return [
        cycle
        for start in sorted(after)
        for cycle in sorted(cycles([start], start))
        if dangerous(cycle)
    ]


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """Ask each variable three questions."""
    events = [entry for entry in _replayed(log) if entry[1] in ("read", "write")]

    def racy(variable):
        mine = [entry for entry in events if entry[2] == variable]
        first, *others = [held for _, _, _, held in mine]
        return (
            len({thread for thread, *_ in mine}) > 1
            and "write" in {event for _, event, *_ in mine}
            and not first.intersection(*others)
        )

    return sorted(filter(racy, {name for _, _, name, _ in events}))


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """Callbacks start the next one; a future tells of the end."""
    jobs = []
    running = set()
    loop = asyncio.get_running_loop()
    end = loop.create_future()
    timer = None

    async def wrap(job):
        return await job

    try:
        for job in coroutines:
            jobs.append(job)
        if limit < 1:
            raise ValueError(f"limit {limit}")
        results = [None] * len(jobs)
        waiting = iter(enumerate(jobs))

        def start():
            while not end.done() and len(running) < limit:
                index, job = next(waiting, (None, None))
                if index is None:
                    if not running:
                        end.set_result(None)
                    return
                task = loop.create_task(wrap(job))
                running.add(task)
                task.add_done_callback(lambda task, index=index: finished(task, index))

        def finished(task, index):
            running.discard(task)
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None:
                results[index] = task.result()
            elif not end.done():
                end.set_result(error)
            start()

        def too_late():
            if not end.done():
                end.set_result(TimeoutError(f"{timeout} s are over"))

        start()
        if timeout is not None:
            timer = loop.call_later(max(0, timeout), too_late)
        error = await asyncio.shield(end)
        if error is not None:
            raise error
        return results
    finally:
        if not end.done():
            end.set_result(None)
        if timer is not None:
            timer.cancel()
        interrupted = None
        for task in running:
            task.cancel()
        while running:
            try:
                await asyncio.wait(set(running))
                await asyncio.sleep(0)
            except asyncio.CancelledError as late:
                interrupted = late
        for job in jobs:
            if asyncio.iscoroutine(job):
                job.close()
        if interrupted is not None:
            raise interrupted
