"""A total that ends does not wake a second one that waits as well.

Caught: level 1, correctness
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
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
    """Transfers pass a gate which total shuts; inside, each account has its lock."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        for opening in balances.values():
            if opening < 0:
                raise ValueError(f"an account cannot hold {opening}")
        self._cents = dict(balances)
        self._rank = {name: rank for rank, name in enumerate(self._cents)}
        self._locks = [threading.Lock() for _ in self._cents]
        self._gate = threading.Lock()
        self._open = threading.Condition(self._gate)
        self._calm = threading.Condition(self._gate)
        self._inside = 0
        self._audits = 0

    def _rank_of(self, account: str) -> int:
        rank = self._rank.get(account)
        if rank is None:
            raise ValueError(f"who is {account!r}?")
        return rank

    def transfer(self, source: str, target: str, amount: int) -> None:
        first, second = sorted((self._rank_of(source), self._rank_of(target)))
        if amount <= 0:
            raise ValueError(f"not an amount: {amount}")
        with self._gate:
            while self._audits:
                self._open.wait()
            self._inside += 1
        try:
            with self._locks[first]:
                if first == second:
                    self._pay(source, source, amount)
                else:
                    with self._locks[second]:
                        self._pay(source, target, amount)
        finally:
            with self._gate:
                self._inside -= 1
                if self._inside == 0:
                    self._calm.notify()

    def _pay(self, source: str, target: str, amount: int) -> None:
        if self._cents[source] < amount:
            raise InsufficientFunds(f"{amount} from {source!r}")
        if source != target:
            self._cents[source] -= amount
            self._cents[target] += amount

    def balance(self, account: str) -> int:
        with self._locks[self._rank_of(account)]:
            return self._cents[account]

    def total(self) -> int:
        with self._gate:
            self._audits += 1
            try:
                while self._inside:
                    self._calm.wait()
                return sum(self._cents.values())
            finally:
                self._audits -= 1
                if not self._audits:
                    self._open.notify_all()


class OnceCache:
    """Sixteen stripes, each a lock and a dict; a stripe is never locked during a
    load.
    """

    STRIPES = 16

    def __init__(self) -> None:
        self._stripes: list[tuple[threading.Lock, dict[Hashable, dict]]] = [
            (threading.Lock(), {}) for _ in range(self.STRIPES)
        ]

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        lock, slots = self._stripes[hash(key) % self.STRIPES]
        with lock:
            slot = slots.get(key)
            if slot is None:
                owner = True
                slot = slots[key] = {"done": threading.Lock()}
                slot["done"].acquire()
            else:
                owner = False
        if owner:
            try:
                slot["value"] = load()
            except BaseException as error:
                slot["error"] = error
                with lock:
                    del slots[key]
                raise
            finally:
                slot["done"].release()
        elif "value" not in slot:
            with slot["done"]:
                pass
        if "error" in slot:
            raise slot["error"]
        return slot["value"]


class BoundedQueue:
    """One lock, and one condition for each kind of waiter."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self._capacity = capacity
        self._items: deque = deque()
        self._closed = False
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._filled = threading.Condition(self._lock)

    def put(self, item: T, timeout: float | None = None) -> bool:
        with self._lock:
            self._room.wait_for(
                lambda: self._closed or len(self._items) < self._capacity,
                _left(timeout),
            )
            if self._closed:
                raise Closed
            if len(self._items) >= self._capacity:
                return False
            self._items.append(item)
            self._filled.notify()
            return True

    def get(self, timeout: float | None = None) -> T:
        with self._lock:
            self._filled.wait_for(lambda: self._closed or self._items, _left(timeout))
            if self._items:
                item = self._items.popleft()
                self._room.notify()
                return item
            if self._closed:
                raise Closed
            raise Empty

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._room.notify_all()
            self._filled.notify_all()


def _left(timeout: float | None) -> float | None:
    return None if timeout is None else max(0.0, timeout)


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


def _replay(
    log: Sequence[tuple[str, str, str]],
) -> Iterator[tuple[str, str, str, dict[str, int]]]:
    """Yield each event that is no release, with the locks its thread held before it."""
    threads: dict[str, dict[str, int]] = {}
    for thread, event, name in log:
        held = threads.setdefault(thread, {})
        if event == "acquire":
            if name in held:
                held[name] += 1
            else:
                yield thread, event, name, held
                held[name] = 1
        elif event == "release":
            if name not in held:
                raise ValueError(
                    f"{thread!r} releases {name!r}, which it does not hold"
                )
            held[name] -= 1
            if not held[name]:
                del held[name]
        elif event in ("read", "write"):
            yield thread, event, name, held
        else:
            raise ValueError(f"unknown event {event!r}")


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Johnson's cycles of the lock graph, as far as some choice of acquisitions
    allows them.
    """
    graph: dict[str, dict[str, dict[frozenset[str], set[str]]]] = {}
    interned: dict[frozenset[str], frozenset[str]] = {}
    for thread, event, name, held in _replay(log):
        if event != "acquire" or not held:
            continue
        guards = frozenset(held)
        guards = interned.setdefault(guards, guards)
        for lock in held:
            by = (
                graph.setdefault(lock, {})
                .setdefault(name, {})
                .setdefault(guards, set())
            )
            if len(by) < 2:  # two threads are as good as many
                by.add(thread)
    successors = {lock: list(edges) for lock, edges in graph.items()}
    return sorted(
        cycle for cycle in _simple_cycles(successors) if _can_happen(cycle, graph)
    )


def _can_happen(cycle: list[str], graph: dict) -> bool:
    """Go along the cycle; keep the common guards and the thread, () for more than
    one.
    """
    steps = [graph[a][b] for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True)]
    matter = frozenset.intersection(*(frozenset().union(*step) for step in steps))
    states: set[tuple[frozenset[str], Any]] = {(matter, None)}
    for step in steps:
        following = set()
        for guards, threads in step.items():
            for common, who in states:
                left = common & guards
                for thread in threads:
                    now = thread if who is None or who == thread else ()
                    if not left and now == ():
                        return True
                    following.add((left, now))
        states = following
    return False


def _components(
    nodes: Iterable[str], successors: Mapping[str, list[str]]
) -> list[set[str]]:
    """Tarjan's strongly connected components with more than one node, without
    recursion.
    """
    nodes = set(nodes)
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[set[str]] = []
    for root in nodes:
        if root in number:
            continue
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        trail = [(root, iter(successors.get(root, ())))]
        while trail:
            node, ways = trail[-1]
            for way in ways:
                if way not in nodes:
                    continue
                if way not in number:
                    number[way] = low[way] = len(number)
                    stack.append(way)
                    on_stack.add(way)
                    trail.append((way, iter(successors.get(way, ()))))
                    break
                if way in on_stack:
                    low[node] = min(low[node], number[way])
            else:
                trail.pop()
                if trail:
                    parent = trail[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == number[node]:
                    component = set()
                    while True:
                        other = stack.pop()
                        on_stack.discard(other)
                        component.add(other)
                        if other == node:
                            break
                    if len(component) > 1:
                        found.append(component)
    return found


def _simple_cycles(successors: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """All simple cycles, each from its smallest node."""
    parts = _components(successors, successors)
    while parts:
        part = parts.pop()
        start = min(part)
        inside = {
            node: [n for n in successors.get(node, ()) if n in part] for node in part
        }
        path, blocked = [start], {start}
        waits: dict[str, set[str]] = defaultdict(set)
        closed: set[str] = set()
        trail = [(start, list(inside[start]))]
        while trail:
            node, ways = trail[-1]
            if ways:
                way = ways.pop()
                if way == start:
                    yield path[:]
                    closed.update(path)
                elif way not in blocked:
                    path.append(way)
                    trail.append((way, list(inside[way])))
                    closed.discard(way)
                    blocked.add(way)
                continue
            if node in closed:
                free = {node}
                while free:
                    one = free.pop()
                    if one in blocked:
                        blocked.discard(one)
                        free |= waits.pop(one, set())
            else:
                for way in inside[node]:
                    waits[way].add(node)
            trail.pop()
            path.pop()
        parts.extend(_components(part - {start}, inside))


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """For each variable keep the locks common to all accesses, the threads, and if
    written.
    """
    common: dict[str, set[str]] = {}
    threads: dict[str, set[str]] = {}
    written: set[str] = set()
    for thread, event, name, held in _replay(log):
        if event == "acquire":
            continue
        if name in common:
            common[name].intersection_update(held)
        else:
            common[name] = set(held)
        threads.setdefault(name, set()).add(thread)
        if event == "write":
            written.add(name)
    return sorted(
        name for name in written if len(threads[name]) > 1 and not common[name]
    )


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """At most `limit` workers share one iterator over the jobs."""
    jobs = list(coroutines)
    if limit < 1:
        _give_up(jobs)
        raise ValueError(f"limit below 1: {limit}")
    if not jobs:
        return []
    results: list[Any] = [None] * len(jobs)
    errors: list[BaseException] = []
    over = asyncio.Event()
    numbered = iter(enumerate(jobs))
    busy = min(limit, len(jobs))

    async def work() -> None:
        nonlocal busy
        try:
            for place, job in numbered:
                if over.is_set():
                    return
                results[place] = await job
        except BaseException as error:
            errors.append(error)
            over.set()
        finally:
            busy -= 1
            if not busy:
                over.set()

    workers = [asyncio.create_task(work()) for _ in range(busy)]
    expired = False
    try:
        try:
            async with asyncio.timeout(timeout) as timer:
                await over.wait()
        except TimeoutError:
            expired = timer.expired()
        if errors:
            raise errors[0]
        if expired:
            raise TimeoutError
        return results
    finally:
        over.set()
        try:
            await _stop(workers)
        finally:
            _give_up(jobs)


async def _stop(workers: list[asyncio.Task]) -> None:
    for worker in workers:
        worker.cancel()
    waiter = asyncio.gather(*workers, return_exceptions=True)
    again = False
    while not waiter.done():
        try:
            await asyncio.wait([waiter])
        except asyncio.CancelledError:
            again = True
    if again:
        raise asyncio.CancelledError


def _give_up(jobs: Iterable[Awaitable]) -> None:
    """Close the coroutines that nobody awaited (the others are done)."""
    for job in jobs:
        if asyncio.iscoroutine(job):
            job.close()
        elif asyncio.isfuture(job):
            job.cancel()
