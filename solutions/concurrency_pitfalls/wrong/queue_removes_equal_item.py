"""A put that gives up takes back an equal item, another's.

Caught: level 2, edge_cases
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, OrderedDict, defaultdict, deque
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
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
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
    """Each call queues behind the last call of each of its accounts, all at one
    instant.
    """

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._holds: dict[str, int] = {}
        for account, cents in balances.items():
            if cents < 0:
                raise ValueError(f"{account!r} cannot open with {cents}")
            self._holds[account] = cents
        self._desk = threading.Lock()
        free: Future[None] = Future()
        free.set_result(None)
        self._last: dict[str, Future[None]] = dict.fromkeys(self._holds, free)

    @contextmanager
    def _turn(self, accounts: Iterable[str]):
        mine: Future[None] = Future()
        with self._desk:
            before = []
            for account in accounts:
                before.append(self._last[account])
                self._last[account] = mine
        try:
            for other in before:
                other.result()
            yield
        finally:
            mine.set_result(None)

    def _check(self, account: str) -> str:
        if account in self._holds:
            return account
        raise ValueError(f"account {account!r} is unknown")

    def transfer(self, source: str, target: str, amount: int) -> None:
        accounts = {self._check(source), self._check(target)}
        if amount <= 0:
            raise ValueError(f"cannot transfer {amount}")
        with self._turn(accounts):
            have = self._holds[source]
            if amount > have:
                raise InsufficientFunds(
                    f"{amount} is more than the {have} of {source!r}"
                )
            changed = {source: have - amount}
            changed[target] = changed.get(target, self._holds[target]) + amount
            for account, cents in changed.items():
                self._holds[account] = cents

    def balance(self, account: str) -> int:
        with self._turn([self._check(account)]):
            return self._holds[account]

    def total(self) -> int:
        with self._turn(self._holds):
            return sum(self._holds.values())


class OnceCache:
    """A future for each key, put there by the one who loads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[Hashable, Future] = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if mine:
                future = self._futures[key] = Future()
        if not mine:
            return future.result()
        try:
            value = load()
        except BaseException as error:
            with self._lock:
                del self._futures[key]
            future.set_exception(error)
            raise
        future.set_result(value)
        return value


class BoundedQueue:
    """Whoever must wait leaves a future; the other side serves the oldest by hand."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"{capacity} is no capacity")
        self._capacity = capacity
        self._mutex = threading.Lock()
        self._stock: deque = deque()
        self._getters: OrderedDict[Future, None] = OrderedDict()
        self._putters: OrderedDict[Future, Any] = OrderedDict()
        self._shut = False

    def put(self, item: T, timeout: float | None = None) -> bool:
        with self._mutex:
            if self._shut:
                raise Closed
            if self._getters:
                getter, _ = self._getters.popitem(last=False)
                getter.set_result(item)
                return True
            if len(self._stock) < self._capacity:
                self._stock.append(item)
                return True
            mine: Future = Future()
            self._putters[mine] = item
        try:
            return mine.result(None if timeout is None else max(timeout, 0))
        except TimeoutError:
            with self._mutex:
                if mine in self._putters:
                    same = next(
                        key for key, other in self._putters.items() if other == item
                    )
                    del self._putters[same]
                    return False
            return mine.result()

    def get(self, timeout: float | None = None) -> T:
        with self._mutex:
            if self._stock:
                item = self._stock.popleft()
                if self._putters:
                    putter, waiting = self._putters.popitem(last=False)
                    self._stock.append(waiting)
                    putter.set_result(True)
                return item
            if self._shut:
                raise Closed
            mine: Future = Future()
            self._getters[mine] = None
        try:
            return mine.result(None if timeout is None else max(timeout, 0))
        except TimeoutError:
            with self._mutex:
                if mine in self._getters:
                    del self._getters[mine]
                    raise Empty from None
            return mine.result()

    def close(self) -> None:
        with self._mutex:
            self._shut = True
            for waiters in (self._getters, self._putters):
                while waiters:
                    waiters.popitem(last=False)[0].set_exception(Closed())


class ReadWriteLock:
    """First come, first served, by tickets; neighbouring readers go in together."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._line: deque[tuple[bool, threading.Event]] = deque()
        self._readers = 0
        self._writing = False

    def _admit(self) -> None:
        """Let in from the head of the line whoever may; the mutex is held."""
        while self._line and not self._writing:
            writes, ticket = self._line[0]
            if writes and self._readers:
                return
            self._line.popleft()
            if writes:
                self._writing = True
            else:
                self._readers += 1
            ticket.set()

    @contextmanager
    def _held(self, writes: bool) -> Iterator[None]:
        ticket = threading.Event()
        with self._mutex:
            self._line.append((writes, ticket))
            self._admit()
        ticket.wait()
        try:
            yield
        finally:
            with self._mutex:
                if writes:
                    self._writing = False
                else:
                    self._readers -= 1
                self._admit()

    def reading(self) -> AbstractContextManager[None]:
        return self._held(writes=False)

    def writing(self) -> AbstractContextManager[None]:
        return self._held(writes=True)


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """Up to 2 * limit unread, of which `limit` run; whenever one ends the next is
    started.
    """
    if limit < 1:
        raise ValueError(f"limit {limit} is too small")

    def generate() -> Generator[R, None, None]:
        source = iter(items)
        stop = False

        def watched(item: T) -> R:
            nonlocal stop
            try:
                return function(item)
            except BaseException:
                stop = True
                raise

        unread: deque[Future] = deque()
        pool = ThreadPoolExecutor(limit)
        try:
            while True:
                running = [future for future in unread if not future.done()]
                while not stop and len(running) < limit and len(unread) < 2 * limit:
                    try:
                        item = next(source)
                    except StopIteration:
                        stop = True
                        break
                    except BaseException as error:
                        stop = True
                        unread.append(Future())
                        unread[-1].set_exception(error)
                        break
                    if not stop:
                        running.append(pool.submit(watched, item))
                        unread.append(running[-1])
                    del item
                if not unread:
                    return
                if unread[0].done():
                    running.clear()
                    yield unread.popleft().result()
                else:
                    wait(running, return_when=FIRST_COMPLETED)
        finally:
            pool.shutdown(cancel_futures=True)

    return generate()


class _Locks:
    """The re-entrant locks that one thread holds."""

    def __init__(self, thread: str) -> None:
        self.thread = thread
        self.levels: Counter[str] = Counter()

    def acquire(self, lock: str) -> None:
        self.levels[lock] += 1

    def release(self, lock: str) -> None:
        if lock not in self.levels:
            raise ValueError(f"thread {self.thread!r} does not hold {lock!r}")
        self.levels[lock] -= 1
        if self.levels[lock] == 0:
            del self.levels[lock]


_EVENTS = ("acquire", "release", "read", "write")


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Search in each strongly connected part, only along ways that lead back."""
    ways: dict[str, set[str]] = defaultdict(set)
    made: dict[tuple[str, str], dict[frozenset[str], list[str]]] = defaultdict(dict)
    same: dict[frozenset[str], frozenset[str]] = {}
    held_by: dict[str, _Locks] = {}
    for thread, event, lock in log:
        if event not in _EVENTS:
            raise ValueError(f"event {event!r} is unknown")
        if thread not in held_by:
            held_by[thread] = _Locks(thread)
        locks = held_by[thread]
        if event == "acquire":
            if locks.levels and lock not in locks.levels:
                guards = frozenset(locks.levels)
                guards = same.setdefault(guards, guards)
                for before in guards:
                    ways[before].add(lock)
                    threads = made[before, lock].setdefault(guards, [])
                    if len(threads) < 2 and thread not in threads:
                        threads.append(thread)
            locks.acquire(lock)
        elif event == "release":
            locks.release(lock)
    found = []
    for cycle in _all_cycles(ways):
        edges = [made[edge] for edge in zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
        if _unguarded(edges):
            found.append(cycle)
    return sorted(found)


def _unguarded(edges: list[dict[frozenset[str], list[str]]]) -> bool:
    """Tell if one acquisition for each edge can be chosen, without recursion."""
    seen_everywhere = set.intersection(*(set().union(*edge) for edge in edges))
    chosen = {(frozenset(seen_everywhere), frozenset())}
    for edge in edges:
        chosen = {
            (common & guards, who if len(who) == 2 else who | {thread})
            for common, who in chosen
            for guards, threads in edge.items()
            for thread in threads
        }
        # With two threads, only the common guards matter: forget which threads.
        chosen = {(c, w if len(w) < 2 else _TWO) for c, w in chosen}
    return (frozenset(), _TWO) in chosen


_TWO = frozenset([("several",), ("threads",)])


def _strong_parts(nodes: set[str], ways: Mapping[str, set[str]]) -> list[set[str]]:
    """Kosaraju: an order of finishing, then sweeps against the arrows."""
    order: list[str] = []
    seen: set[str] = set()
    against: dict[str, list[str]] = {node: [] for node in nodes}
    for root in nodes:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(ways.get(root, ())))]
        while stack:
            node, rest = stack[-1]
            for other in rest:
                if other in nodes:
                    against[other].append(node)
                    if other not in seen:
                        seen.add(other)
                        stack.append((other, iter(ways.get(other, ()))))
                        break
            else:
                order.append(node)
                stack.pop()
    parts = []
    for root in reversed(order):
        if root not in seen:
            continue
        seen.remove(root)
        part, stack = {root}, [root]
        while stack:
            for other in against[stack.pop()]:
                if other in seen:
                    seen.remove(other)
                    part.add(other)
                    stack.append(other)
        if len(part) > 1:
            parts.append(part)
    return parts


def _all_cycles(ways: Mapping[str, set[str]]) -> Iterator[list[str]]:
    nodes = set(ways).union(*ways.values()) if ways else set()
    parts = _strong_parts(nodes, ways)
    while parts:
        part = parts.pop()
        start = min(part)
        back: dict[str, list[str]] = {node: [] for node in part}
        for node in part:
            for other in ways.get(node, ()):
                if other in part:
                    back[other].append(node)
        path = {start: None}
        stack = [iter(_ways_back(start, start, ways, back, path))]
        while stack:
            for other in stack[-1]:
                if other == start:
                    yield list(path)
                    continue
                path[other] = None
                stack.append(iter(_ways_back(other, start, ways, back, path)))
                break
            else:
                stack.pop()
                path.popitem()
        parts.extend(_strong_parts(part - {start}, ways))


def _ways_back(node: str, start: str, ways, back, path) -> list[str]:
    """The next nodes from which there is a way to the start that avoids the path."""
    home, stack = {start}, [start]
    while stack:
        for other in back[stack.pop()]:
            if other not in path and other not in home:
                home.add(other)
                stack.append(other)
    return [other for other in ways.get(node, ()) if other in home]


class _Variable:
    """What the accesses so far have in common."""

    __slots__ = ("first", "locks", "shared", "written")

    def __init__(self, thread: str, locks: Iterable[str]) -> None:
        self.first = thread
        self.locks = set(locks)
        self.shared = False
        self.written = False

    def access(self, thread: str, locks: Mapping[str, int], writes: bool) -> None:
        self.locks = {lock for lock in self.locks if lock in locks}
        self.shared = self.shared or thread != self.first
        self.written = self.written or writes


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """Go through the log once, with the locks of each thread."""
    locks: dict[str, dict[str, int]] = defaultdict(dict)
    variables: dict[str, _Variable] = {}
    for thread, event, name in log:
        mine = locks[thread]
        if event == "acquire":
            mine[name] = mine.get(name, 0) + 1
        elif event == "release":
            level = mine.pop(name, 0)
            if level == 0:
                raise ValueError(
                    f"release of {name!r} by {thread!r}, who does not hold it"
                )
            if level > 1:
                mine[name] = level - 1
        elif event == "read" or event == "write":
            if name not in variables:
                variables[name] = _Variable(thread, mine)
            variables[name].access(thread, mine, event == "write")
        else:
            raise ValueError(f"bad event: {event!r}")
    return sorted(
        name
        for name, variable in variables.items()
        if variable.shared and variable.written and not variable.locks
    )


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """A task for each, behind a semaphore; asyncio.gather tells of the first error."""
    jobs = list(coroutines)
    tasks: list[asyncio.Task] = []
    try:
        if limit < 1:
            raise ValueError(f"limit is {limit}")
        gate = asyncio.Semaphore(limit)

        async def admitted(job: Awaitable[R]) -> R:
            async with gate:
                return await job

        tasks.extend(asyncio.create_task(admitted(job)) for job in jobs)
        everything = asyncio.gather(*tasks)
        everything.add_done_callback(lambda done: done.cancelled() or done.exception())
        finished, _ = await asyncio.wait([everything], timeout=timeout)
        if not finished:
            raise TimeoutError(f"{timeout} s are over")
        return everything.result()
    finally:
        for task in tasks:
            task.cancel()
        cancelled = False
        while left := [task for task in tasks if not task.done()]:
            try:
                await asyncio.wait(left)
            except asyncio.CancelledError:
                cancelled = True
        for task in tasks:
            _ = task.cancelled() or task.exception()
        for job in jobs:
            if asyncio.iscoroutine(job):
                job.close()
            elif asyncio.isfuture(job):
                job.cancel()
        if cancelled:
            raise asyncio.CancelledError
