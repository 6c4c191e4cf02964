"""Readers that are let in count themselves late: a writer gets in beside them.

Caught: level 3, correctness
"""

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
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from threading import Condition, Event, Lock
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


# Level 1


class Bank:
    """Guard each account by its own lock; who needs several takes them in order."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._balances = dict(balances)
        self._locks = {account: Lock() for account in self._balances}
        for account, balance in self._balances.items():
            if balance < 0:
                raise ValueError(f"{account!r} must not begin below 0, got {balance}")

    def transfer(self, source: str, target: str, amount: int) -> None:
        self._check(source, target)
        if amount <= 0:
            raise ValueError(f"an amount must be more than 0, got {amount}")
        with self._locked(source, target):
            if self._balances[source] < amount:
                raise InsufficientFunds(f"{source!r} does not hold {amount}")
            self._balances[source] -= amount
            self._balances[target] += amount

    def balance(self, account: str) -> int:
        self._check(account)
        with self._locks[account]:
            return self._balances[account]

    def total(self) -> int:
        with self._locked(*self._locks):
            return sum(self._balances.values())

    def _check(self, *accounts: str) -> None:
        for account in accounts:
            if account not in self._locks:
                raise ValueError(f"there is no account {account!r}")

    @contextmanager
    def _locked(self, *accounts: str) -> Iterator[None]:
        with ExitStack() as held:
            for account in sorted(set(accounts)):
                held.enter_context(self._locks[account])
            yield


# Level 2


class OnceCache:
    """Keep a future for each key; who puts it there loads, all others wait for it."""

    def __init__(self) -> None:
        self._futures: dict[Hashable, Future[Any]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if future is None:
                future = self._futures[key] = Future()
        if mine:
            self._fill(key, future, load)
        value: V = future.result()
        return value

    def _fill(self, key: Hashable, future: Future[V], load: Callable[[], V]) -> None:
        try:
            future.set_result(load())
        except BaseException as error:
            with self._lock:
                del self._futures[key]  # first: who is told may try again at once
            future.set_exception(error)


class BoundedQueue:
    """Wait for room and for items on two conditions of one lock."""

    def __init__(self, capacity: int) -> None:
        self._capacity = _at_least_one("capacity", capacity)
        self._items: deque[Any] = deque()
        self._closed = False
        self._lock = Lock()
        self._has_room = Condition(self._lock)
        self._has_items = Condition(self._lock)

    def put(self, item: T, timeout: float | None = None) -> bool:
        with self._lock:
            in_time = self._has_room.wait_for(self._accepts, timeout)
            if self._closed:
                raise Closed("nothing can be put into a closed queue")
            if in_time:
                self._items.append(item)
                self._has_items.notify()
            return in_time

    def get(self, timeout: float | None = None) -> Any:
        with self._lock:
            self._has_items.wait_for(lambda: self._items or self._closed, timeout)
            if self._items:
                self._has_room.notify()
                return self._items.popleft()
            raise Closed("closed and drained") if self._closed else Empty("no item")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._has_room.notify_all()
            self._has_items.notify_all()

    def _accepts(self) -> bool:
        return self._closed or len(self._items) < self._capacity


# Level 3


class ReadWriteLock:
    """Whoever leaves lets in the next writer, or else all readers that wait."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._readers = 0
        self._writing = False
        self._waiting_readers: list[Event] = []
        self._waiting_writers: deque[Event] = deque()

    @contextmanager
    def reading(self) -> Iterator[None]:
        self._lock.acquire()
        if self._writing or self._waiting_writers:
            turn = Event()
            self._waiting_readers.append(turn)
            self._lock.release()
            turn.wait()
            self._lock.acquire()
        self._readers += 1
        self._lock.release()
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                self._let_in()

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._lock:
            turn = Event()
            if self._writing or self._readers:
                self._waiting_writers.append(turn)
            else:
                self._writing = True
                turn.set()
        turn.wait()
        try:
            yield
        finally:
            with self._lock:
                self._writing = False
                self._let_in()

    def _let_in(self) -> None:
        if self._readers:
            return
        if self._waiting_writers:
            self._writing = True
            self._waiting_writers.popleft().set()
            return
        readers, self._waiting_readers = self._waiting_readers, []
        for turn in readers:
            turn.set()


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


# Level 4: logs

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


# Level 4: tasks


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    turns = asyncio.Semaphore(_at_least_one("limit", limit))
    awaitables = list(coroutines)

    async def in_turn(awaitable: Awaitable[R]) -> R:
        async with turns:
            return await awaitable

    tasks = [asyncio.create_task(in_turn(awaitable)) for awaitable in awaitables]
    try:
        async with asyncio.timeout(timeout):
            for done in asyncio.as_completed(tasks):  # gather would cancel them, too
                await done
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for awaitable in awaitables:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()  # if it was never started


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value
