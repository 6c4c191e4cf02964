"""Re-entrant locks by number, the pool reads ahead, tasks go in batches."""

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
from itertools import count, islice, pairwise
from queue import Queue
from threading import Condition, Lock, RLock
from time import monotonic
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


class Account:
    """A balance with its lock and a number to be locked by."""

    def __init__(self, number: int, balance: int) -> None:
        self.number = number
        self.balance = balance
        self.lock = RLock()


class Bank:
    """Lock the account of the lower number first; the same one twice does no harm."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._accounts: dict[str, Account] = {}
        for number, (name, balance) in enumerate(balances.items()):
            if balance < 0:
                raise ValueError(f"{name} would begin with {balance}")
            self._accounts[name] = Account(number, balance)

    def _account(self, name: str) -> Account:
        if name in self._accounts:
            return self._accounts[name]
        raise ValueError(f"unknown: {name}")

    def transfer(self, source: str, target: str, amount: int) -> None:
        if amount < 1:
            raise ValueError(f"{amount} cannot be transferred")
        payer, payee = self._account(source), self._account(target)
        first, second = sorted((payer, payee), key=lambda account: account.number)
        with first.lock, second.lock:
            if payer.balance < amount:
                raise InsufficientFunds(f"{payer.balance} < {amount}")
            payer.balance = payer.balance - amount
            payee.balance = payee.balance + amount

    def balance(self, account: str) -> int:
        one = self._account(account)
        with one.lock:
            return one.balance

    def total(self) -> int:
        return self._sum(list(self._accounts.values()))

    def _sum(self, accounts: list[Account]) -> int:
        if not accounts:
            return 0
        with accounts[0].lock:
            return self._sum(accounts[1:]) + accounts[0].balance


LOADING = object()


class OnceCache:
    """One condition for all keys; nobody holds it during a load."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Any] = {}
        self._waiting: dict[Hashable, list[list[BaseException]]] = {}
        self._changed = Condition()

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._changed:
            if self._values.setdefault(key, LOADING) is not LOADING:
                value: V = self._values[key]
                return value
            if key in self._waiting:
                value = self._wait(key)
                return value
            self._waiting[key] = []
        return self._load(key, load)

    def _wait(self, key: Hashable) -> Any:
        told: list[BaseException] = []
        self._waiting[key].append(told)
        self._changed.wait_for(
            lambda: told or self._values.get(key, LOADING) is not LOADING
        )
        if told:
            raise told[0]
        return self._values[key]

    def _load(self, key: Hashable, load: Callable[[], V]) -> V:
        try:
            value = load()
        except BaseException as error:
            with self._changed:
                del self._values[key]
                for told in self._waiting.pop(key):
                    told.append(error)
                self._changed.notify_all()
            raise
        with self._changed:
            self._values[key] = value
            del self._waiting[key]
            self._changed.notify_all()
        return value


class BoundedQueue:
    """Use the lock, the conditions and the deque of a queue of the library."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must not be {capacity}")
        self._queue: Queue[Any] = Queue(capacity)
        self._closed = False

    def put(self, item: T, timeout: float | None = None) -> bool:
        queue = self._queue
        deadline = None if timeout is None else monotonic() + timeout
        with queue.mutex:
            while not self._closed:
                if len(queue.queue) < queue.maxsize:
                    queue.queue.append(item)
                    queue.not_empty.notify()
                    return True
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    return False
                queue.not_full.wait(left)
            raise Closed

    def get(self, timeout: float | None = None) -> Any:
        queue = self._queue
        deadline = None if timeout is None else monotonic() + timeout
        with queue.mutex:
            while not queue.queue:
                if self._closed:
                    raise Closed
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    raise Empty
                queue.not_empty.wait(left)
            queue.not_full.notify()
            return queue.queue.popleft()

    def close(self) -> None:
        with self._queue.mutex:
            self._closed = True
            self._queue.not_full.notify_all()
            self._queue.not_empty.notify_all()


class ReadWriteLock:
    """Two conditions of one lock: one writer is called, or all readers."""

    def __init__(self) -> None:
        lock = Lock()
        self._readers_turn, self._writers_turn = Condition(lock), Condition(lock)
        self._state = 0  # readers inside, or -1
        self._writers_waiting = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._readers_turn:
            while self._state < 0 or self._writers_waiting:
                self._readers_turn.wait()
            self._state += 1
        try:
            yield
        finally:
            with self._readers_turn:
                self._state -= 1
                self._call()

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._writers_turn:
            self._writers_waiting += 1
            while self._state:
                self._writers_turn.wait()
            self._writers_waiting -= 1
            self._state = -1
        try:
            yield
        finally:
            with self._writers_turn:
                self._state = 0
                self._call()

    def _call(self) -> None:
        if self._writers_waiting:
            self._writers_turn.notify()
        else:
            self._readers_turn.notify_all()


class Abandoned(Exception):
    """A call that was not made, because one before it has failed."""


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """Submit up to twice the limit; what is still in the pool's queue can be left."""
    if limit < 1:
        raise ValueError(f"limit was {limit}")
    failed: list[int] = []

    def call(place: int, item: T) -> R:
        if failed and place > min(failed):
            raise Abandoned
        try:
            return function(item)
        except BaseException:
            failed.append(place)
            raise

    with ThreadPoolExecutor(max_workers=limit) as pool:
        unread: deque[Future[R]] = deque()
        failure: BaseException | None = None
        source, places = iter(items), count()
        try:
            while True:
                while len(unread) < 2 * limit and not failed and failure is None:
                    try:
                        unread.append(pool.submit(call, next(places), next(source)))
                    except BaseException as error:
                        failure = error
                if not unread:
                    break
                yield unread.popleft().result()
            if failure is not None and not isinstance(failure, StopIteration):
                raise failure
        finally:
            failed.append(-1)


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
    """Gather batch after batch."""
    if limit < 1:
        raise ValueError(f"limit was {limit}")
    rest = iter(list(coroutines))
    results: list[R] = []
    batch: list[asyncio.Future[R]] = []
    try:
        async with asyncio.timeout(timeout):
            while awaitables := list(islice(rest, limit)):
                batch = [asyncio.ensure_future(each) for each in awaitables]
                results += await asyncio.gather(*batch)
        return results
    finally:
        for future in batch:
            future.cancel()
        await asyncio.gather(*batch, return_exceptions=True)
        for each in rest:
            if asyncio.iscoroutine(each):
                each.close()
