"""The shortest forms."""

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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from threading import Condition, Lock
from typing import Any, NamedTuple, TypeVar

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
    def __init__(self, balances: Mapping[str, int]) -> None:
        if bad := [balance for balance in balances.values() if balance < 0]:
            raise ValueError(f"negative: {bad}")
        self.cells = {name: [balance] for name, balance in sorted(balances.items())}
        self.locks = {name: Lock() for name in self.cells}

    def transfer(self, source: str, target: str, amount: int) -> None:
        if amount <= 0 or not {source, target} <= self.cells.keys():
            raise ValueError(f"cannot transfer {amount} from {source} to {target}")

        def move() -> None:
            if self.cells[source][0] < amount:
                raise InsufficientFunds(f"{source} has less than {amount}")
            self.cells[source][0] -= amount
            self.cells[target][0] += amount

        if source == target:
            with self.locks[source]:
                return move()
        with self.locks[min(source, target)], self.locks[max(source, target)]:
            move()

    def balance(self, account: str) -> int:
        if account not in self.cells:
            raise ValueError(f"no {account}")
        with self.locks[account]:
            return self.cells[account][0]

    def total(self) -> int:
        for lock in self.locks.values():
            lock.acquire()
        result = sum(cell[0] for cell in self.cells.values())
        for lock in self.locks.values():
            lock.release()
        return result


class OnceCache:
    def __init__(self) -> None:
        self.known: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        mine: Future[Any] = Future()
        future = self.known.setdefault(key, mine)
        if future is mine:
            try:
                mine.set_result(load())
            except BaseException as error:
                self.known.pop(key)
                mine.set_exception(error)
        value: V = future.result()
        return value


class BoundedQueue(Condition):
    def __init__(self, capacity: int) -> None:
        super().__init__()
        if capacity < 1:
            raise ValueError(f"{capacity} < 1")
        self.items: deque[Any] = deque()
        self.capacity, self.closed = capacity, False

    def put(self, item: T, timeout: float | None = None) -> bool:
        with self:
            self.wait_for(
                lambda: self.closed or len(self.items) < self.capacity, timeout
            )
            if self.closed:
                raise Closed
            fits = len(self.items) < self.capacity
            self.items.extend([item] * fits)
            self.notify_all()
            return fits

    def get(self, timeout: float | None = None) -> Any:
        with self:
            self.wait_for(lambda: self.closed or self.items, timeout)
            if not self.items:
                raise Closed if self.closed else Empty
            self.notify_all()
            return self.items.popleft()

    def close(self) -> None:
        with self:
            self.closed = True
            self.notify_all()


class ReadWriteLock:
    """Writers make a promise to come, and then need all readers gone."""

    def __init__(self) -> None:
        self.readers, self.writers, self.one = 0, 0, Lock()
        self.changed = Condition(Lock())

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self.changed:
            self.changed.wait_for(lambda: self.writers == 0)
            self.readers += 1
        try:
            yield
        finally:
            self._count(readers=-1)

    @contextmanager
    def writing(self) -> Iterator[None]:
        self._count(writers=1)
        try:
            with self.one:
                with self.changed:
                    self.changed.wait_for(lambda: self.readers == 0)
                yield
        finally:
            self._count(writers=-1)

    def _count(self, readers: int = 0, writers: int = 0) -> None:
        with self.changed:
            self.readers += readers
            self.writers += writers
            self.changed.notify_all()


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    return _results(function, iter(items), _at_least_one("limit", limit))


def _results(
    function: Callable[[T], R], items: Iterator[T], limit: int
) -> Generator[R, None, None]:
    """Keep `limit` items running or done but unread, and only the caller takes any."""
    pool = ThreadPoolExecutor(limit)
    unread: deque[Future[R]] = deque()
    try:
        while True:
            while len(unread) < limit and not any(map(_has_failed, unread)):
                try:
                    item = next(items)
                except StopIteration:
                    break
                except BaseException as error:
                    unread.append(_failure(error))
                else:
                    if not any(map(_has_failed, unread)):  # the item may have been long
                        unread.append(pool.submit(function, item))
            if not unread:
                return
            yield unread.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _has_failed(future: Future[Any]) -> bool:
    return future.done() and future.exception() is not None


def _failure(error: BaseException) -> Future[Any]:
    """Return what stands in the place of an item that could not be read."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


Log = Sequence[tuple[str, str, str]]
Graph = dict[str, list[str]]


class Moment(NamedTuple):
    """An event of a log, and the locks that its thread held just before."""

    thread: str
    event: str
    name: str
    held: frozenset[str]


def lock_order_cycles(log: Log) -> list[list[str]]:
    ways: dict[tuple[str, str], set[Way]] = defaultdict(set)
    for moment in _moments(log):
        if moment.event == "acquire" and moment.name not in moment.held:
            for lock in moment.held:
                ways[lock, moment.name].add((moment.thread, moment.held))
    graph: Graph = {lock: [] for edge in ways for lock in edge}
    for lock, acquired in ways:
        graph[lock].append(acquired)
    return sorted(
        cycle
        for cycle in _cycles(graph)
        if _is_possible([ways[edge] for edge in pairwise([*cycle, cycle[0]])])
    )


def races(log: Log) -> list[str]:
    threads: dict[str, set[str]] = defaultdict(set)
    guards: dict[str, frozenset[str]] = {}
    written = set()
    for thread, event, name, held in _moments(log):
        if event in ("read", "write"):
            threads[name].add(thread)
            guards[name] = guards.get(name, held) & held
        if event == "write":
            written.add(name)
    return sorted(
        name for name in written if len(threads[name]) > 1 and not guards[name]
    )


def _moments(log: Log) -> Iterator[Moment]:
    depths: dict[str, Counter[str]] = defaultdict(Counter)
    for thread, event, name in log:
        depth = depths[thread]
        yield Moment(thread, event, name, frozenset(depth))
        if event == "acquire":
            depth[name] += 1
        elif event == "release":
            _release(depth, thread, name)
        elif event not in ("read", "write"):
            raise ValueError(f"{event!r} is no event of a log")


def _release(depth: Counter[str], thread: str, name: str) -> None:
    if name not in depth:
        raise ValueError(f"{thread!r} releases {name!r} and does not hold it")
    depth[name] -= 1
    if not depth[name]:
        del depth[name]


Way = tuple[str | None, frozenset[str]]
"""How an edge came about: the thread (None: several), and the locks that it held."""


def _is_possible(edges: Sequence[set[Way]]) -> bool:
    """Tell whether one way for each edge can be of two threads, and of no guard."""
    chosen = edges[0]
    for ways in edges[1:]:
        chosen = {
            (thread if thread == other else None, held & guards)
            for thread, held in chosen
            for other, guards in ways
        }
    return (None, frozenset()) in chosen


def _cycles(graph: Graph) -> Iterator[list[str]]:
    """Yield all simple cycles, each from its smallest name.

    Each component has a cycle through its smallest name: no search is in vain.
    """
    components = _components(graph)
    while components:
        part = components.pop()
        first = min(part)
        yield from _cycles_through(first, part)
        components += _components(_without(first, part))


def _without(lock: str, graph: Graph) -> Graph:
    return {
        one: [other for other in others if other != lock]
        for one, others in graph.items()
        if one != lock
    }


def _cycles_through(first: str, graph: Graph) -> Iterator[list[str]]:
    """Yield the cycles by Johnson's algorithm.

    A lock from which there was no way back to the first stays blocked until one of
    the locks that were in its way is left.
    """
    path, coming = [first], [iter(graph[first])]
    blocked, led_back = {first}, set[str]()
    freed_by: dict[str, set[str]] = defaultdict(set)
    while path:
        lock = next(coming[-1], None)
        if lock == first:
            yield list(path)
            led_back.update(path)
        elif lock is None:
            coming.pop()
            left = path.pop()
            if left in led_back:
                _unblock(left, blocked, freed_by)
            else:
                for other in graph[left]:
                    freed_by[other].add(left)
        elif lock not in blocked:
            path.append(lock)
            coming.append(iter(graph[lock]))
            blocked.add(lock)
            led_back.discard(lock)


def _unblock(lock: str, blocked: set[str], freed_by: dict[str, set[str]]) -> None:
    free = [lock]
    while free:
        lock = free.pop()
        if lock in blocked:
            blocked.remove(lock)
            free += freed_by.pop(lock, ())


def _components(graph: Graph) -> list[Graph]:
    """Return the strongly connected parts that have a cycle (Kosaraju)."""
    back: Graph = {lock: [] for lock in graph}
    for lock, others in graph.items():
        for other in others:
            back[other].append(lock)
    seen: set[str] = set()
    order = [lock for root in graph for lock in _finished(root, graph, seen)]
    seen = set()
    parts = (set(_finished(root, back, seen)) for root in reversed(order))
    return [
        {lock: [other for other in graph[lock] if other in part] for lock in part}
        for part in parts
        if len(part) > 1
    ]


def _finished(root: str, graph: Graph, seen: set[str]) -> Iterator[str]:
    """Yield the locks not seen before in the order in which a search leaves them."""
    path = [] if root in seen else [(root, iter(graph[root]))]
    seen.add(root)
    while path:
        lock, coming = path[-1]
        for other in coming:
            if other not in seen:
                seen.add(other)
                path.append((other, iter(graph[other])))
                break
        else:
            path.pop()
            yield lock


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    turns = asyncio.Semaphore(_at_least_one("limit", limit))

    async def one(awaitable: Awaitable[R]) -> R:
        async with turns:
            return await awaitable

    async def everything() -> list[R]:
        return await asyncio.gather(*tasks)

    awaitables = list(coroutines)
    tasks = [asyncio.ensure_future(one(awaitable)) for awaitable in awaitables]
    try:
        return await asyncio.wait_for(everything(), timeout)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task, awaitable in zip(tasks, awaitables, strict=True):
            if not task.cancelled():
                task.exception()
            if asyncio.iscoroutine(awaitable):
                awaitable.close()


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value
