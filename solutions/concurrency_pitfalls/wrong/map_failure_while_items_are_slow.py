"""An item that comes after a failure is started all the same.

Caught: level 3, correctness
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import reduce
from queue import Queue, SimpleQueue
from threading import Event, Lock
from typing import TypeVar

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")


class InsufficientFunds(ValueError):
    """The source of a transfer does not have the amount."""


class Empty(Exception):
    """No item came before the timeout."""


class Closed(Exception):
    """The queue is closed."""


class Bank:
    """A balance is a token in a mailbox: who has taken it out owns the account."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._boxes: dict[str, SimpleQueue[int]] = {}
        self._rank: dict[str, int] = {}
        for name in balances:
            cents = balances[name]
            if cents < 0:
                raise ValueError(f"balance of {name} is {cents}")
            self._boxes[name] = SimpleQueue()
            self._boxes[name].put(cents)
            self._rank[name] = len(self._rank)

    def _known(self, *names):
        for name in names:
            if name not in self._boxes:
                raise ValueError(f"account {name!r} is unknown")

    def transfer(self, source: str, target: str, amount: int) -> None:
        self._known(source, target)
        if not amount > 0:
            raise ValueError(f"amount {amount!r} is not above 0")
        taken = {}
        try:
            for name in sorted({source, target}, key=self._rank.__getitem__):
                taken[name] = self._boxes[name].get()
            if taken[source] < amount:
                raise InsufficientFunds(f"{amount!r} is more than {source!r} has")
            if source != target:
                taken.update(
                    {source: taken[source] - amount, target: taken[target] + amount}
                )
        finally:
            for name, cents in taken.items():
                self._boxes[name].put(cents)

    def balance(self, account: str) -> int:
        self._known(account)
        cents = self._boxes[account].get()
        self._boxes[account].put(cents)
        return cents

    def total(self) -> int:
        taken = []
        try:
            for box in self._boxes.values():
                taken.append((box, box.get()))
            return sum(cents for _, cents in taken)
        finally:
            for box, cents in taken:
                box.put(cents)


class OnceCache:
    """A future for each key."""

    def __init__(self):
        self._lock = Lock()
        self._futures: dict[Hashable, Future] = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if mine:
                future = self._futures[key] = Future()
        if mine:
            try:
                value = load()
            except BaseException as error:
                with self._lock:
                    self._futures.pop(key)
                future.set_exception(error)
                raise
            future.set_result(value)
            return value
        return future.result()


class BoundedQueue:
    """A queue.Queue, at whose own conditions a closed flag is looked at, too."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"{capacity} is no capacity")
        self._queue = Queue(capacity)
        self._closed = False

    def _full(self):
        return len(self._queue.queue) >= self._queue.maxsize

    def put(self, item: T, timeout: float | None = None) -> bool:
        room = self._queue.not_full
        with room:
            room.wait_for(lambda: self._closed or not self._full(), timeout)
            if self._closed:
                raise Closed
            if self._full():
                return False
            self._queue.queue.append(item)
            self._queue.not_empty.notify()
        return True

    def get(self, timeout: float | None = None) -> T:
        more = self._queue.not_empty
        with more:
            more.wait_for(lambda: self._closed or self._queue.queue, timeout)
            if not self._queue.queue:
                raise Closed if self._closed else Empty
            self._queue.not_full.notify()
            return self._queue.queue.popleft()

    def close(self) -> None:
        with self._queue.mutex:
            self._closed = True
            self._queue.not_empty.notify_all()
            self._queue.not_full.notify_all()


class ReadWriteLock:
    """Strictly first come, first served: each who waits has an event of his own."""

    def __init__(self):
        self._lock = Lock()
        self._inside = 0
        self._writing = False
        self._line: deque[tuple[bool, Event]] = deque()

    def _admit(self):
        while self._line and not self._writing:
            wants_to_write, gate = self._line[0]
            if wants_to_write and self._inside:
                return
            self._line.popleft()
            self._inside += 1
            self._writing = wants_to_write
            gate.set()

    @contextmanager
    def _hold(self, wants_to_write):
        gate = Event()
        with self._lock:
            self._line.append((wants_to_write, gate))
            self._admit()
        gate.wait()
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if wants_to_write:
                    self._writing = False
                self._admit()

    def reading(self) -> AbstractContextManager[None]:
        return self._hold(False)

    def writing(self) -> AbstractContextManager[None]:
        return self._hold(True)


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """A thread pool and a window of futures."""
    if limit < 1:
        raise ValueError(f"{limit} is no limit")
    failed = Event()

    def call(item):
        try:
            return function(item)
        except BaseException:
            failed.set()
            raise

    source = iter(items)
    window: deque[Future] = deque()
    pool = ThreadPoolExecutor(limit)
    try:
        open_end = True
        while True:
            while open_end and len(window) < limit and not failed.is_set():
                future = Future()
                try:
                    item = next(source)
                except StopIteration:
                    open_end = False
                except BaseException as error:
                    open_end = False
                    future.set_exception(error)
                    window.append(future)
                else:
                    window.append(pool.submit(call, item))
                    del item
            if not window:
                return
            yield window.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _events(log):
    held = defaultdict(list)
    for thread, event, name in log:
        if event == "acquire":
            yield thread, event, name, frozenset(held[thread])
            held[thread].append(name)
        elif event == "release":
            if name not in held[thread]:
                raise ValueError(
                    f"{name!r} is released by {thread!r}, who does not hold it"
                )
            held[thread].remove(name)
        elif event in ("read", "write"):
            yield thread, event, name, frozenset(held[thread])
        else:
            raise ValueError(f"event {event!r} is unknown")


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Johnson's circuits with an explicit stack; guards are bits."""
    bit: dict[str, int] = {}
    made = defaultdict(set)
    after = defaultdict(set)
    for thread, event, name, held in _events(log):
        if event == "acquire" and name not in held:
            mask = sum(1 << bit.setdefault(lock, len(bit)) for lock in held)
            for lock in held:
                after[lock].add(name)
                made[lock, name].add((thread, mask))

    def can_reach(goal, allowed):
        into = defaultdict(list)
        for node in allowed:
            for other in after.get(node, ()):
                into[other].append(node)
        seen, todo = {goal}, [goal]
        while todo:
            for node in into[todo.pop()]:
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
        return seen

    found = []
    for start in sorted(after):
        later = {node for node in after if node >= start}
        path = [start]
        home = can_reach(start, later)
        stack = [iter([n for n in after[start] if n in home])]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
                path.pop()
            elif node == start:
                found.append(tuple(path))
            else:
                path.append(node)
                home = can_reach(start, (later - set(path)) | {start})
                steps = [
                    n
                    for n in after[node]
                    if n == start or (n in later and n not in path and n in home)
                ]
                stack.append(iter(steps))

    def step(states, edge):
        if states is None:
            return made[edge]
        return {
            (one if one == two else None, guards & mask)
            for one, guards in states
            for two, mask in made[edge]
        }

    def deadlock(cycle):
        edges = list(zip(cycle, cycle[1:] + cycle[:1], strict=True))
        return (None, 0) in reduce(step, edges, None)

    return [list(cycle) for cycle in sorted(found) if deadlock(cycle)]


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """One record for each variable."""
    records = {}
    for thread, event, name, held in _events(log):
        if event in ("read", "write"):
            who, wrote, guards = records.get(name, (frozenset(), False, held))
            records[name] = (who | {thread}, wrote or event == "write", guards & held)
    return sorted(
        name
        for name, (who, wrote, guards) in records.items()
        if len(who) > 1 and wrote and not guards
    )


class _Failed(Exception):
    """Tells the task group that the first error is there."""


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """TaskGroup, Semaphore and timeout."""
    awaitables: list[Awaitable[R]] = []
    first: list[BaseException] = []
    ending = False
    try:
        for awaitable in coroutines:
            awaitables.append(awaitable)
        if limit < 1:
            raise ValueError(f"{limit} is no limit")
        slots = asyncio.Semaphore(limit)
        results: list = [None] * len(awaitables)

        async def run(index, awaitable):
            nonlocal ending
            async with slots:
                if ending:
                    return
                try:
                    results[index] = await awaitable
                except BaseException as error:
                    if asyncio.current_task().cancelling() or ending:
                        raise asyncio.CancelledError from error
                    ending = True
                    first.append(error)
                    raise _Failed from None

        try:
            async with asyncio.timeout(timeout):
                async with asyncio.TaskGroup() as group:
                    for index, awaitable in enumerate(awaitables):
                        group.create_task(run(index, awaitable))
        except BaseExceptionGroup:
            # what the others raise while they are cancelled is of no interest
            if not first:
                raise
        if first:
            raise first[0]
        return results
    finally:
        for awaitable in awaitables:
            if isinstance(awaitable, Coroutine):
                awaitable.close()
