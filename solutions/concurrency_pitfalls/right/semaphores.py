"""Semaphores for queue and lock, worker threads fed by a queue, a task group."""

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
from contextlib import ExitStack, contextmanager
from itertools import count, pairwise
from queue import SimpleQueue
from threading import Condition, Event, Lock, Semaphore, Thread
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
    """Lock accounts in the order of their numbers, and count the transfers at work."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._numbers = {account: n for n, account in enumerate(balances)}
        self._balances = list(balances.values())
        if self._balances and min(self._balances) < 0:
            raise ValueError(f"{min(self._balances)} is below 0")
        self._locks = [Lock() for _ in self._balances]
        self._gate = Condition()
        self._at_work = 0

    def transfer(self, source: str, target: str, amount: int) -> None:
        one, other = self._number(source), self._number(target)
        if amount <= 0:
            raise ValueError(f"amount {amount}")
        with ExitStack() as stack:
            for number in sorted({one, other}):
                stack.enter_context(self._locks[number])
            if self._balances[one] < amount:
                raise InsufficientFunds(f"{amount} is too much")
            stack.enter_context(self._working())
            self._balances[one] -= amount
            self._balances[other] += amount

    def balance(self, account: str) -> int:
        number = self._number(account)
        with self._locks[number]:
            return self._balances[number]

    def total(self) -> int:
        with self._gate:
            while self._at_work:
                self._gate.wait()
            return sum(self._balances)  # no transfer can begin meanwhile

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._gate:
            self._at_work += 1
        try:
            yield
        finally:
            with self._gate:
                self._at_work -= 1
                if not self._at_work:
                    self._gate.notify_all()

    def _number(self, account: str) -> int:
        try:
            return self._numbers[account]
        except KeyError:
            raise ValueError(f"no account {account}") from None


class Entry:
    """A key's value or error; whoever holds its lock first loads it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.state = "new"
        self.what: Any = None


class OnceCache:
    """One lock for the dict, and one for each key that is held during its load."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, Entry] = {}
        self._lock = Lock()

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._lock:
            if key not in self._entries:
                self._entries[key] = Entry()
            entry = self._entries[key]
        with entry.lock:
            if entry.state == "new":
                try:
                    entry.what, entry.state = load(), "loaded"
                except BaseException as error:
                    entry.what, entry.state = error, "failed"
                    with self._lock:
                        del self._entries[key]
            if entry.state == "failed":
                raise entry.what
            value: V = entry.what
            return value


class BoundedQueue:
    """Count room and items by semaphores; one more of each, passed on, means closed."""

    def __init__(self, capacity: int) -> None:
        if capacity <= 0:
            raise ValueError(f"a capacity of {capacity} holds nothing")
        self._items: deque[Any] = deque()
        self._room = Semaphore(capacity)
        self._filled = Semaphore(0)
        self._lock = Lock()
        self._closed = False

    def put(self, item: T, timeout: float | None = None) -> bool:
        got_room = self._room.acquire(timeout=_not_negative(timeout))
        with self._lock:
            if self._closed:
                if got_room:
                    self._room.release()
                raise Closed
            if got_room:
                self._items.append(item)
        if got_room:
            self._filled.release()
        return got_room

    def get(self, timeout: float | None = None) -> Any:
        got_item = self._filled.acquire(timeout=_not_negative(timeout))
        with self._lock:
            if got_item and self._items:
                item = self._items.popleft()
            elif self._closed:
                if got_item:
                    self._filled.release()
                raise Closed
            else:
                raise Empty
        self._room.release()
        return item

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._room.release()
        self._filled.release()


def _not_negative(timeout: float | None) -> float | None:
    return None if timeout is None else max(0, timeout)


class ReadWriteLock:
    """The first writer shuts the door for readers; the last one opens it again."""

    def __init__(self) -> None:
        self._readers = self._writers = 0
        self._reader_count, self._writer_count = Lock(), Lock()
        self._door = Semaphore()
        self._room = Semaphore()

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._door, self._reader_count:
            self._readers += 1
            if self._readers == 1:
                self._room.acquire()
        try:
            yield
        finally:
            with self._reader_count:
                self._readers -= 1
                if self._readers == 0:
                    self._room.release()

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._writer_count:
            self._writers += 1
            if self._writers == 1:
                self._door.acquire()
        self._room.acquire()
        try:
            yield
        finally:
            self._room.release()
            with self._writer_count:
                self._writers -= 1
                if self._writers == 0:
                    self._door.release()


class Job:
    """An item, and what came of it."""

    def __init__(self, place: int, item: Any = None) -> None:
        self.place = place
        self.item = item
        self.done = Event()
        self.result: Any = None
        self.error: BaseException | None = None


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """Feed `limit` workers, up to twice as many jobs ahead of what was handed out."""
    if limit < 1:
        raise ValueError(f"limit {limit}")
    source: Iterator[T] | None = iter(items)
    todo: SimpleQueue[Job | None] = SimpleQueue()
    failed: list[int] = []

    def work() -> None:
        while (job := todo.get()) is not None:
            try:
                if all(job.place < place for place in failed):
                    job.result = function(job.item)
            except BaseException as error:
                job.error = error
                failed.append(job.place)
            job.done.set()

    workers = [Thread(target=work) for _ in range(limit)]
    for worker in workers:
        worker.start()
    unread: deque[Job] = deque()
    places = count()
    try:
        while True:
            while source and len(unread) < 2 * limit and not failed:
                job = Job(next(places))
                try:
                    job.item = next(source)
                except StopIteration:
                    source = None
                    continue
                except BaseException as error:
                    source = None
                    job.error = error
                    job.done.set()
                else:
                    todo.put(job)
                unread.append(job)
            if not unread:
                return
            job = unread.popleft()
            job.done.wait()
            if job.error is not None:
                raise job.error
            yield job.result
    finally:
        failed.append(-1)
        for _ in workers:
            todo.put(None)
        for worker in workers:
            worker.join()


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
    """Let a task group cancel and await, and unpack the first error of its group."""
    if limit < 1:
        raise ValueError(f"limit {limit}")
    awaitables = list(coroutines)
    turns = asyncio.Semaphore(limit)

    async def in_turn(awaitable: Awaitable[R]) -> R:
        async with turns:
            return await awaitable

    try:
        async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(each)) for each in awaitables]
        return [task.result() for task in tasks]
    except BaseExceptionGroup as several:
        error = several.exceptions[0]
    finally:
        for awaitable in awaitables:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
    raise error
