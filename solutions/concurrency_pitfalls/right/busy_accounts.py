"""One condition for bookkeeping: accounts are marked busy; a thread for each item."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager, contextmanager
from itertools import product
from threading import Condition, Event, Lock, Thread
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


class Bank:
    """Mark the accounts of a transfer busy; others wait for those, without the lock."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        for balance in balances.values():
            if balance < 0:
                raise ValueError(f"negative opening balance: {balance}")
        self._balances = {**balances}
        self._busy: set[str] = set()
        self._changed = Condition()

    def transfer(self, source: str, target: str, amount: int) -> None:
        if amount <= 0:
            raise ValueError(f"bad amount {amount}")
        for account in (source, target):
            if account not in self._balances:
                raise ValueError(f"unknown account {account}")
        with self._only({source, target}):
            left = self._balances[source] - amount
            if left < 0:
                raise InsufficientFunds(source)
            if source != target:
                self._balances[source] = left
                self._balances[target] = self._balances[target] + amount

    def balance(self, account: str) -> int:
        if account not in self._balances:
            raise ValueError(f"unknown account {account}")
        with self._only({account}):
            return self._balances[account]

    def total(self) -> int:
        with self._only(set(self._balances)):
            return sum(self._balances.values())

    @contextmanager
    def _only(self, accounts: set[str]) -> Iterator[None]:
        with self._changed:
            while self._busy & accounts:
                self._changed.wait()
            self._busy |= accounts
        try:
            yield
        finally:
            with self._changed:
                self._busy -= accounts
                self._changed.notify_all()


class Slot:
    """What is known of a key: nothing yet, a value or an exception."""

    def __init__(self) -> None:
        self.settled = Event()
        self.value: Any = None
        self.error: BaseException | None = None


class OnceCache:
    """Settle a slot once; those who find it unsettled wait for its event."""

    def __init__(self) -> None:
        self._slots: dict[Hashable, Slot] = {}
        self._lock = Lock()

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._lock:
            found = key in self._slots
            slot = self._slots.setdefault(key, Slot())
        if not found:
            try:
                slot.value = load()
            except BaseException as error:
                slot.error = error
                with self._lock:
                    self._slots.pop(key)
            slot.settled.set()
        slot.settled.wait()
        if slot.error is not None:
            raise slot.error
        value: V = slot.value
        return value


class BoundedQueue:
    """Wake everyone at every change, and let each look again."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity}")
        self._capacity = capacity
        self._items: deque[Any] = deque()
        self._closed = False
        self._changed = Condition()

    def put(self, item: T, timeout: float | None = None) -> bool:
        with self._changed:
            fits = self._changed.wait_for(
                lambda: self._closed or len(self._items) != self._capacity, timeout
            )
            if self._closed:
                raise Closed
            if fits:
                self._items.append(item)
                self._changed.notify_all()
            return fits

    def get(self, timeout: float | None = None) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, timeout)
            try:
                item = self._items.popleft()
            except IndexError:
                raise (Closed if self._closed else Empty) from None
            self._changed.notify_all()
            return item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Pass:
    """Wait at the door when it comes, in the order of coming."""

    def __init__(self, door: ReadWriteLock, alone: bool) -> None:
        self.door = door
        self.alone = alone

    def __enter__(self) -> None:
        with self.door.changed:
            self.door.queue.append(self)
            self.door.changed.wait_for(self.may_enter)
            self.door.queue.remove(self)
            self.door.inside.append(self)
            self.door.changed.notify_all()

    def __exit__(self, *_: object) -> None:
        with self.door.changed:
            self.door.inside.remove(self)
            self.door.changed.notify_all()

    def may_enter(self) -> bool:
        if self.alone:
            return not self.door.inside and self.door.queue[0] is self
        before = self.door.queue[: self.door.queue.index(self)]
        return not any(one.alone for one in self.door.inside + before)


class ReadWriteLock:
    """Let in by the order of coming; neighbouring readers go in together."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.queue: list[Pass] = []
        self.inside: list[Pass] = []

    def reading(self) -> AbstractContextManager[None]:
        return Pass(self, alone=False)

    def writing(self) -> AbstractContextManager[None]:
        return Pass(self, alone=True)


class Job:
    """One item in a thread of its own."""

    def __init__(self, function: Callable[[Any], Any], item: Any) -> None:
        self.error: BaseException | None = None
        self.result: Any = None
        self.thread = Thread(target=self._run, args=(function, item))
        self.thread.start()

    def _run(self, function: Callable[[Any], Any], item: Any) -> None:
        try:
            self.result = function(item)
        except BaseException as error:
            self.error = error


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    if limit < 1:
        raise ValueError(f"limit {limit}")
    source = iter(items)
    jobs: deque[Job] = deque()
    broken: BaseException | None = None
    try:
        while True:
            while (
                len(jobs) < limit
                and broken is None
                and all(job.error is None for job in jobs)
            ):
                try:
                    item = next(source)
                except BaseException as error:
                    broken = error
                else:
                    if all(job.error is None for job in jobs):  # it may have been long
                        jobs.append(Job(function, item))
            if not jobs:
                break
            jobs[0].thread.join()
            job = jobs.popleft()
            if job.error is not None:
                raise job.error
            yield job.result
        if broken is not None and not isinstance(broken, StopIteration):
            raise broken
    finally:
        for job in jobs:
            job.thread.join()


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    edges: dict[str, dict[str, set[tuple[str, frozenset[str]]]]] = defaultdict(dict)
    for thread, event, name, held in replay(log):
        if event == "acquire" and name not in held:
            for lock in held:
                edges[lock].setdefault(name, set()).add((thread, held))
    peel(edges)
    before: dict[str, list[str]] = defaultdict(list)
    for start, ends in edges.items():
        for end in ends:
            before[end].append(start)
    found: list[list[str]] = []
    for first in edges:
        search([first], edges, before, found)
    return sorted(ring for ring in found if dangerous(ring, edges))


Edges = dict[str, dict[str, set[tuple[str, frozenset[str]]]]]


def peel(edges: Edges) -> None:
    """Take away, again and again, the locks that no edge leads to: in no cycle."""
    degrees = Counter(end for ends in edges.values() for end in ends)
    free = [lock for lock in edges if not degrees[lock]]
    while free:
        for end in edges.pop(free.pop(), {}):
            degrees[end] -= 1
            if not degrees[end]:
                free.append(end)


def search(
    path: list[str], edges: Edges, before: dict[str, list[str]], found: list[list[str]]
) -> None:
    """Extend a path only by locks from which there still is a way back."""
    first, back = path[0], leading_to(path, before)
    for lock in edges.get(path[-1], {}):
        if lock == first:
            found.append(path)
        elif lock in back and lock not in path:
            search([*path, lock], edges, before, found)


def leading_to(path: list[str], before: dict[str, list[str]]) -> set[str]:
    """Return whence the first lock is reached, past the path and smaller names."""
    first, *without = path
    reached, fresh = {first}, [first]
    while fresh:
        for lock in before[fresh.pop()]:
            if lock > first and lock not in reached and lock not in without:
                reached.add(lock)
                fresh.append(lock)
    return reached


def dangerous(ring: list[str], edges: Edges) -> bool:
    ways = [
        edges[one][other] for one, other in zip(ring, ring[1:] + ring[:1], strict=True)
    ]
    return any(
        len({thread for thread, _ in chosen}) > 1
        and not frozenset.intersection(*(held for _, held in chosen))
        for chosen in product(*ways)
    )


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    seen: dict[str, tuple[set[str], set[str], frozenset[str]]] = {}
    for thread, event, name, held in replay(log):
        if event in ("read", "write"):
            threads, kinds, guards = seen.get(name, (set(), set(), held))
            seen[name] = (threads | {thread}, kinds | {event}, guards & held)
    return [
        name
        for name, (threads, kinds, guards) in sorted(seen.items())
        if len(threads) > 1 and "write" in kinds and not guards
    ]


def replay(
    log: Sequence[tuple[str, str, str]],
) -> Iterator[tuple[str, str, str, frozenset[str]]]:
    stacks: dict[str, list[str]] = defaultdict(list)
    for thread, event, name in log:
        if event not in ("acquire", "release", "read", "write"):
            raise ValueError(f"what is {event}?")
        yield thread, event, name, frozenset(stacks[thread])
        if event == "acquire":
            stacks[thread].append(name)
        elif event == "release":
            try:
                stacks[thread].remove(name)
            except ValueError:
                raise ValueError(f"{thread} does not hold {name}") from None


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    if limit < 1:
        raise ValueError(f"limit {limit}")
    awaitables = list(coroutines)
    waiting = deque(enumerate(awaitables))
    results: dict[int, R] = {}
    errors: list[BaseException] = []

    async def work() -> None:
        while waiting and not errors:
            place, awaitable = waiting.popleft()
            try:
                results[place] = await awaitable
            except Exception as error:
                errors.append(error)
                raise

    workers = [
        asyncio.ensure_future(work()) for _ in range(min(limit, len(awaitables)) or 1)
    ]
    try:
        _, pending = await asyncio.wait(
            workers, timeout=timeout, return_when=asyncio.FIRST_EXCEPTION
        )
        if errors:
            raise errors[0]
        if pending:
            raise TimeoutError
        return [results[place] for place in range(len(awaitables))]
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
        for worker in workers:
            if not worker.cancelled():
                worker.exception()  # so that nobody complains that it was not seen
        for _, awaitable in waiting:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
