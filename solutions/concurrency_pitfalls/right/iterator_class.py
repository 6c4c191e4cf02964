"""parallel_map is an object whose threads take the items; locks are handed over."""

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
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from itertools import pairwise
from threading import Condition, Event, Lock, Thread
from typing import Any, NamedTuple, TypeVar, cast

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
    """Guard each account by its own lock; the last by name is taken first."""

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

    def _locked(self, *accounts: str) -> ExitStack:
        stack = ExitStack()
        for account in sorted(set(accounts), reverse=True):
            stack.enter_context(self._locks[account])
        return stack


class OnceCache:
    """Run the load in the thread that comes first, and share a future that it fills."""

    def __init__(self) -> None:
        self._futures: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        mine: Future[Any] = Future()
        future = self._futures.setdefault(key, mine)  # one step, under any lock or none
        if future is mine:
            try:
                value = load()
            except BaseException as error:
                self._futures.pop(key)
                mine.set_exception(error)
                raise
            mine.set_result(value)
        found: V = future.result()
        return found


class Waiter:
    """Somebody who waits, and what is handed over to them."""

    def __init__(self, item: Any = None) -> None:
        self.event = Event()
        self.item = item
        self.served = False


class BoundedQueue:
    """Hand items over to who waits, in the order of coming."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"{capacity} is less than 1")
        self._capacity = capacity
        self._lock = Lock()
        self._items: deque[Any] = deque()
        self._getters: list[Waiter] = []
        self._putters: list[Waiter] = []
        self._closed = False

    def put(self, item: T, timeout: float | None = None) -> bool:
        with self._lock:
            if self._closed:
                raise Closed
            waiter = Waiter(item)
            self._putters.append(waiter)
            self._settle()
        self._wait(waiter, self._putters, timeout)
        with self._lock:
            if not waiter.served and self._closed:
                raise Closed
            return waiter.served

    def get(self, timeout: float | None = None) -> Any:
        with self._lock:
            waiter = Waiter()
            self._getters.append(waiter)
            self._settle()
        self._wait(waiter, self._getters, timeout)
        with self._lock:
            if waiter.served:
                return waiter.item
            raise Closed if self._closed else Empty

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._settle()

    def _wait(self, waiter: Waiter, line: list[Waiter], timeout: float | None) -> None:
        waiter.event.wait(None if timeout is None else max(0, timeout))
        with self._lock:
            if waiter in line:
                line.remove(waiter)

    def _settle(self) -> None:
        """Hand over what can be, and turn away the others once it is closed."""
        moving = True
        while moving:
            moving = False
            if self._getters and self._items:
                self._serve(self._getters.pop(0), self._items.popleft())
                moving = True
            fits = len(self._items) < self._capacity and not self._closed
            if self._putters and fits:
                waiter = self._putters.pop(0)
                self._items.append(waiter.item)
                self._serve(waiter, None)
                moving = True
        if self._closed:
            for waiter in self._getters + self._putters:
                waiter.event.set()

    def _serve(self, waiter: Waiter, item: Any) -> None:
        waiter.item, waiter.served = item, True
        waiter.event.set()


class Visit:
    """A `with` of the lock: once it is let in, its event is set."""

    def __init__(self, owner: ReadWriteLock, writes: bool) -> None:
        self.owner = owner
        self.writes = writes
        self.let_in = Event()

    def __enter__(self) -> None:
        with self.owner.mutex:
            self.owner.line.append(self)
            self.owner.advance()
        self.let_in.wait()

    def __exit__(self, *_: object) -> None:
        with self.owner.mutex:
            self.owner.inside -= 1
            self.owner.writer_inside = False
            self.owner.advance()


class ReadWriteLock:
    """Let in writers first, each by an event of its own."""

    def __init__(self) -> None:
        self.mutex = Lock()
        self.line: list[Visit] = []
        self.inside = 0
        self.writer_inside = False

    def reading(self) -> AbstractContextManager[None]:
        return Visit(self, writes=False)

    def writing(self) -> AbstractContextManager[None]:
        return Visit(self, writes=True)

    def advance(self) -> None:
        writers = [visit for visit in self.line if visit.writes]
        if not writers and not self.writer_inside:
            while self.line:
                self._let_in(self.line[0])
        elif writers and not self.inside:
            self.writer_inside = True
            self._let_in(writers[0])

    def _let_in(self, visit: Visit) -> None:
        self.line.remove(visit)
        self.inside += 1
        visit.let_in.set()


class ParallelMap:
    """Threads that take an item, call, and put the result in its place."""

    def __init__(
        self, function: Callable[[Any], Any], items: Iterable[Any], limit: int
    ) -> None:
        self._function = function
        self._source = iter(items)
        self._limit = limit
        self._turn = Lock()  # to take an item
        self._changed = Condition()
        self._taken = self._handed_out = 0
        self._end: int | None = None  # the place of the first failure, or of the end
        self._error: BaseException | None = None
        self._stopped = False
        self._results: dict[int, Any] = {}
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(limit)]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> ParallelMap:
        return self

    def __next__(self) -> Any:
        with self._changed:
            place = self._handed_out
            self._changed.wait_for(
                lambda: place in self._results or self._is_end(place)
            )
            if place in self._results and not self._is_end(place):
                self._handed_out += 1
                self._changed.notify_all()
                return self._results.pop(place)
        error, self._error = self._error, None
        self.close()
        self._end = self._handed_out
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        with self._changed:
            self._stopped = True
            self._end = self._handed_out
            self._error = None
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _is_end(self, place: int) -> bool:
        return self._end is not None and place >= self._end

    def _work(self) -> None:
        while True:
            with self._turn:
                if not self._may_take():
                    return
                place = self._taken
                try:
                    item = next(self._source)
                except StopIteration:
                    self._stop(place, None)
                    return
                except BaseException as error:
                    self._stop(place, error)
                    return
                with self._changed:
                    self._taken += 1
            try:
                with self._changed:
                    if self._is_end(place):
                        return
                result = self._function(item)
            except BaseException as error:
                self._stop(place, error)
                return
            with self._changed:
                self._results[place] = result
                self._changed.notify_all()

    def _may_take(self) -> bool:
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopped
                or self._taken - self._handed_out < 2 * self._limit
            )
            return not self._stopped

    def _stop(self, place: int, error: BaseException | None) -> None:
        with self._changed:
            self._stopped = True
            if self._end is None or place < self._end:
                self._end, self._error = place, error
            self._changed.notify_all()


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    if limit < 1:
        raise ValueError(f"limit={limit}")
    return cast(Generator[R, None, None], ParallelMap(function, items, limit))


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
    """Keep a set of running futures full."""
    if limit < 1:
        raise ValueError(f"limit={limit}")
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    waiting = deque(coroutines)
    order: list[asyncio.Future[R]] = []
    running: set[asyncio.Future[R]] = set()
    failed: list[BaseException] = []

    def look(future: asyncio.Future[R]) -> None:
        if not future.cancelled() and future.exception():
            failed.append(cast(BaseException, future.exception()))

    try:
        while (waiting or running) and not failed:
            while waiting and len(running) < limit:
                future: asyncio.Future[R] = asyncio.ensure_future(waiting.popleft())
                future.add_done_callback(look)
                running.add(future)
                order.append(future)
            left = None if deadline is None else deadline - loop.time()
            done, running = await asyncio.wait(
                running, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise TimeoutError
        if failed:
            raise failed[0]
        return [future.result() for future in order]
    finally:
        for future in order:
            future.cancel()
        await asyncio.gather(*order, return_exceptions=True)
        while waiting:
            each = waiting.popleft()
            if asyncio.iscoroutine(each):
                each.close()
