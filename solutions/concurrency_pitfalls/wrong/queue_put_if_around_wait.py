"""A `put` that was woken does not look again whether there is room.

Caught: level 2, correctness
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread
from time import monotonic
from typing import Any, TypeVar

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")


class InsufficientFunds(ValueError):
    """The source of a transfer does not have the amount."""


class Empty(Exception):
    """No item came before the timeout."""


class Closed(Exception):
    """The queue is closed."""


@dataclass
class _Account:
    cents: int
    key: int
    lock: Lock = field(default_factory=Lock)


@dataclass
class _Held:
    """Holds the locks of accounts, in the order of their keys, each of them once."""

    accounts: tuple[_Account, ...]

    def __enter__(self):
        self.order = sorted(
            {a.key: a for a in self.accounts}.values(), key=lambda a: a.key
        )
        for account in self.order:
            account.lock.acquire()
        return self.accounts

    def __exit__(self, *_):
        for account in reversed(self.order):
            account.lock.release()


class Bank:
    """Accounts are dataclasses with a key by which they are locked."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        negative = [cents for cents in balances.values() if cents < 0]
        if negative:
            raise ValueError(f"negative: {negative}")
        keys = itertools.count()
        self.accounts = {
            name: _Account(cents, next(keys)) for name, cents in balances.items()
        }

    def __getitem__(self, name):
        account = self.accounts.get(name)
        if account is None:
            raise ValueError(f"{name!r} has no account here")
        return account

    def transfer(self, source: str, target: str, amount: int) -> None:
        pair = self[source], self[target]
        if amount <= 0:
            raise ValueError(f"{amount!r} cannot be transferred")
        with _Held(pair) as (giver, taker):
            if giver.cents < amount:
                raise InsufficientFunds(f"{amount!r} from {source!r}")
            changes = (
                {giver.key: -amount, taker.key: amount} if giver is not taker else {}
            )
            new = [(a, a.cents + changes[a.key]) for a in pair if a.key in changes]
            for account, cents in new:
                account.cents = cents

    def balance(self, account: str) -> int:
        with _Held((self[account],)) as (found,):
            return found.cents

    def total(self) -> int:
        with _Held(tuple(self.accounts.values())) as accounts:
            return sum(account.cents for account in accounts)


@dataclass
class _Slot:
    lock: Lock = field(default_factory=Lock)
    state: str = "new"
    outcome: Any = None


class OnceCache:
    """Who gets the lock of a slot first loads; a failed slot is dropped."""

    def __init__(self):
        self.slots: dict[Hashable, _Slot] = {}
        self.lock = Lock()

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self.lock:
            slot = self.slots.get(key) or self.slots.setdefault(key, _Slot())
        with slot.lock:
            if slot.state == "new":
                try:
                    slot.outcome = load()
                    slot.state = "loaded"
                except BaseException as error:
                    slot.outcome = error
                    slot.state = "failed"
                    with self.lock:
                        del self.slots[key]
                    raise
        if slot.state == "failed":
            raise slot.outcome
        return slot.outcome


@dataclass
class _Deadline:
    """The time left for a whole call; None is for ever."""

    seconds: float | None

    def __post_init__(self):
        self.end = None if self.seconds is None else monotonic() + max(self.seconds, 0)

    def left(self):
        return None if self.end is None else max(0.0, self.end - monotonic())

    def over(self):
        return self.end is not None and monotonic() >= self.end


class BoundedQueue:
    """A ring of cells, and a condition for each end."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"{capacity!r} cells")
        self.capacity = capacity
        self.cells: dict[int, Any] = {}
        self.head = self.tail = 0
        self.closed = False
        lock = Lock()
        self.not_full, self.not_empty = Condition(lock), Condition(lock)

    def put(self, item: T, timeout: float | None = None) -> bool:
        deadline = _Deadline(timeout)
        with self.not_full:
            if not self.closed and self.tail - self.head >= self.capacity:
                if deadline.over():
                    return False
                if not self.not_full.wait(deadline.left()):
                    return False
            if self.closed:
                raise Closed("put after close")
            self.cells[self.tail] = item
            self.tail += 1
            self.not_empty.notify()
        return True

    def get(self, timeout: float | None = None) -> T:
        deadline = _Deadline(timeout)
        with self.not_empty:
            while self.head == self.tail:
                if self.closed:
                    raise Closed
                if deadline.over():
                    raise Empty
                self.not_empty.wait(deadline.left())
            item = self.cells.pop(self.head)
            self.head += 1
            self.not_full.notify()
        return item

    def close(self) -> None:
        with self.not_full:
            self.closed = True
            self.not_full.notify_all()
            self.not_empty.notify_all()


@dataclass
class ReadWriteLock:
    """A plain record of who is in and who waits."""

    condition: Condition = field(default_factory=Condition)
    readers: int = 0
    writers: int = 0
    waiting: int = 0

    def reading(self) -> AbstractContextManager[None]:
        return _Reader(self)

    def writing(self) -> AbstractContextManager[None]:
        return _Writer(self)


@dataclass
class _Reader:
    lock: ReadWriteLock

    def __enter__(self):
        with self.lock.condition:
            while self.lock.writers + self.lock.waiting:
                self.lock.condition.wait()
            self.lock.readers += 1

    def __exit__(self, *_):
        with self.lock.condition:
            self.lock.readers -= 1
            self.lock.condition.notify_all()


@dataclass
class _Writer:
    lock: ReadWriteLock

    def __enter__(self):
        with self.lock.condition:
            self.lock.waiting += 1
            while self.lock.writers + self.lock.readers:
                self.lock.condition.wait()
            self.lock.waiting -= 1
            self.lock.writers += 1

    def __exit__(self, *_):
        with self.lock.condition:
            self.lock.writers -= 1
            self.lock.condition.notify_all()


class _Map(Generator):
    """Starts a thread for each call, and keeps its future."""

    def __init__(self, function, items, limit):
        self.function = function
        self.limit = limit
        self.window = deque()  # (thread or None, future)
        self.ended = False  # the items are used up, or nothing more is to be taken
        self.over = False
        self.failed = []
        self.items = iter(items)

    @staticmethod
    def _run(function, item, future, failed):
        try:
            value = function(item)
        except BaseException as error:
            failed.append(True)
            future.set_exception(error)
        else:
            future.set_result(value)

    def _refill(self):
        while not self.ended and not self.failed and len(self.window) < self.limit:
            future = Future()
            try:
                item = next(self.items)
            except StopIteration:
                self.ended = True
            except BaseException as error:
                self.ended = True
                future.set_exception(error)
                self.window.append((None, future))
            else:
                if not self.failed:
                    thread = Thread(
                        target=self._run,
                        args=(self.function, item, future, self.failed),
                    )
                    thread.start()
                    self.window.append((thread, future))

    def send(self, value):
        if value is not None:
            raise TypeError("parallel_map takes nothing by send")
        if self.over:
            raise StopIteration
        try:
            self._refill()
            if not self.window:
                raise StopIteration
            thread, future = self.window[0]
            if thread is not None:
                thread.join()
            self.window.popleft()
            error = future.exception()
            if isinstance(error, StopIteration):
                raise RuntimeError("a call raised StopIteration") from error
            return future.result()
        except BaseException:
            self._end()
            raise

    def throw(self, kind, value=None, trace=None):
        self._end()
        return super().throw(kind, value, trace)

    def close(self):
        self._end()

    def __del__(self):
        self._end()

    def _end(self):
        self.over = self.ended = True
        while self.window:
            thread, _ = self.window[0]
            if thread is not None:
                thread.join()
            self.window.popleft()


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """Return a generator object that is none of a generator function."""
    if limit < 1:
        raise ValueError(f"limit {limit!r}")
    return _Map(function, items, limit)


@dataclass(frozen=True)
class _Step:
    thread: str
    event: str
    name: str
    held: frozenset[str]


def _steps(log):
    held: dict[str, tuple[str, ...]] = {}
    for thread, event, name in log:
        mine = held.get(thread, ())
        step = _Step(thread, event, name, frozenset(mine))
        if event == "acquire":
            held[thread] = (*mine, name)
        elif event == "release":
            if name not in mine:
                raise ValueError(f"not held: {step}")
            at = mine.index(name)
            held[thread] = mine[:at] + mine[at + 1 :]
        elif event not in ("read", "write"):
            raise ValueError(f"unknown event: {step}")
        yield step


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Generators all the way: edges, paths, cycles, choices."""
    edges: dict[tuple[str, str], set[_Step]] = {}
    for step in _steps(log):
        if step.event == "acquire" and step.name not in step.held:
            for lock in step.held:
                edges.setdefault((lock, step.name), set()).add(step)
    locks = sorted({lock for pair in edges for lock in pair})
    after = {lock: sorted(two for one, two in edges if one == lock) for lock in locks}

    def distances(goal, barred):
        """The locks from which goal is reached without those barred."""
        home, grown = {goal}, True
        while grown:
            new = {
                one
                for one in locks
                if one not in home
                and one not in barred
                and home.intersection(after[one])
            }
            home |= new
            grown = bool(new)
        return home

    def cycles(path, barred):
        home = distances(path[0], barred | set(path[1:]))
        for lock in after[path[-1]]:
            if lock == path[0]:
                yield list(path)
            elif lock in home and lock not in path:
                yield from cycles([*path, lock], barred)

    def is_deadlock(cycle):
        states = None
        for pair in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            choices = {(step.thread, step.held) for step in edges[pair]}
            if states is None:
                states = {(thread, False, held) for thread, held in choices}
            else:
                states = {
                    (
                        (one, False, guards & held)
                        if not many and one == two
                        else (None, True, guards & held)
                    )
                    for one, many, guards in states
                    for two, held in choices
                }
        return (None, True, frozenset()) in states

    return [
        cycle
        for number, start in enumerate(locks)
        for cycle in cycles([start], set(locks[:number]))
        if is_deadlock(cycle)
    ]


@dataclass
class _Variable:
    threads: set[str] = field(default_factory=set)
    written: bool = False
    guards: frozenset[str] | None = None


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """Fill in one record for each variable."""
    variables: dict[str, _Variable] = {}
    for step in _steps(log):
        if step.event in ("read", "write"):
            variable = variables.setdefault(step.name, _Variable())
            variable.threads.add(step.thread)
            variable.written |= step.event == "write"
            variable.guards = (
                step.held if variable.guards is None else variable.guards & step.held
            )
    return sorted(
        name
        for name, variable in variables.items()
        if len(variable.threads) >= 2 and variable.written and not variable.guards
    )


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """A window of running tasks that slides whenever one is done."""
    jobs: list[Awaitable[R]] = []
    tasks: dict[asyncio.Task, int] = {}
    results: dict[int, R] = {}
    failed: list[BaseException] = []
    ending = False

    async def run(number, job):
        try:
            results[number] = await job
        except BaseException as error:
            if not ending:
                failed.append(error)
            raise

    deadline = _Deadline(timeout)
    try:
        for job in coroutines:
            jobs.append(job)
        if limit < 1:
            raise ValueError(f"limit {limit!r}")
        waiting = list(enumerate(jobs))[::-1]
        while waiting or tasks:
            while waiting and len(tasks) < limit:
                number, job = waiting.pop()
                tasks[asyncio.create_task(run(number, job))] = number
            done, _ = await asyncio.wait(
                tasks, timeout=deadline.left(), return_when=asyncio.FIRST_COMPLETED
            )
            if failed:
                raise failed[0]
            if not done:
                raise TimeoutError(f"{timeout!r} seconds")
            for task in done:
                del tasks[task]
            if (waiting or tasks) and deadline.over():
                raise TimeoutError(f"{timeout!r} seconds")
        return [results[number] for number in range(len(jobs))]
    finally:
        ending = True
        await _reap(tasks, jobs)


async def _reap(tasks, jobs):
    for task in tasks:
        task.cancel()
    cancelled = None
    for task in tasks:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
        if not task.cancelled():
            task.exception()
    for job in jobs:
        if asyncio.iscoroutine(job):
            job.close()
    if cancelled:
        raise cancelled
