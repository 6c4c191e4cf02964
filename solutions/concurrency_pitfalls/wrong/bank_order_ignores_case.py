"""Locks are taken in the order of the names without regard to case.

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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
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
    """One lock for each account, always taken in the order of the names."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._balances = dict(balances)
        for account, amount in self._balances.items():
            if amount < 0:
                raise ValueError(f"opening balance of {account!r} is {amount}")
        self._locks = {
            name: threading.Lock() for name in sorted(self._balances, key=str.casefold)
        }

    def _known(self, account: str) -> None:
        if account not in self._locks:
            raise ValueError(f"unknown account {account!r}")

    def transfer(self, source: str, target: str, amount: int) -> None:
        self._known(source)
        self._known(target)
        if amount <= 0:
            raise ValueError(f"amount must be above 0, not {amount}")
        with ExitStack() as stack:
            for account in sorted(dict.fromkeys((source, target)), key=str.casefold):
                stack.enter_context(self._locks[account])
            have = self._balances[source]
            if have < amount:
                raise InsufficientFunds(f"{source!r} holds {have}, not {amount}")
            if source == target:
                return
            less, more = have - amount, self._balances[target] + amount
            self._balances[source] = less
            self._balances[target] = more

    def balance(self, account: str) -> int:
        self._known(account)
        with self._locks[account]:
            return self._balances[account]

    def total(self) -> int:
        with ExitStack() as stack:
            for lock in self._locks.values():
                stack.enter_context(lock)
            return sum(self._balances.values())


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
    """One condition and three numbers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = 0
        self._writers = 0
        self._waiting = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._writers and not self._waiting)
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                if not self._readers:
                    self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: not self._writers and not self._readers)
                self._writers += 1
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            with self._changed:
                self._writers -= 1
                self._changed.notify_all()


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """A window of `limit` futures, filled before each wait."""
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    return _windowed(function, items, limit)


def _windowed(
    function: Callable[[T], R], items: Iterable[T], limit: int
) -> Generator[R, None, None]:
    failed = threading.Event()

    def call(item: T) -> R:
        try:
            return function(item)
        except BaseException:
            failed.set()
            raise

    source = iter(items)
    window: deque[Future] = deque()
    more = True
    pool = ThreadPoolExecutor(max_workers=limit)
    try:
        while True:
            while more and len(window) < limit and not failed.is_set():
                try:
                    item = next(source)
                except StopIteration:
                    more = False
                    break
                except BaseException as error:
                    more = False
                    broken: Future = Future()
                    broken.set_exception(error)
                    window.append(broken)
                    break
                if failed.is_set():
                    break
                window.append(pool.submit(call, item))
                del item
            if not window:
                return
            yield window.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
    """Keep `limit` tasks going, and look whenever one of them is done."""
    jobs: list[Awaitable[R]] = []
    running: set[asyncio.Task] = set()
    results: dict[int, R] = {}
    errors: list[BaseException] = []

    async def run(place: int, job: Awaitable[R]) -> None:
        try:
            results[place] = await job
        except BaseException as error:
            errors.append(error)

    try:
        jobs.extend(coroutines)
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        clock = asyncio.get_running_loop().time
        deadline = None if timeout is None else clock() + timeout
        waiting = deque(enumerate(jobs))
        while waiting or running:
            while waiting and len(running) < limit:
                running.add(asyncio.create_task(run(*waiting.popleft())))
            left = None if deadline is None else deadline - clock()
            _, running = await asyncio.wait(
                running, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if errors:
                raise errors[0]
            if (waiting or running) and deadline is not None and clock() >= deadline:
                raise TimeoutError(f"not done in {timeout} s")
        return [results[place] for place in range(len(jobs))]
    finally:
        await _end(running, jobs)


async def _end(tasks: Iterable[asyncio.Future], jobs: Iterable[Awaitable]) -> None:
    """Cancel tasks and wait for them, even if cancelled; close what was never
    awaited.
    """
    pending = {task for task in tasks if not task.done()}
    for task in pending:
        task.cancel()
    interruption = None
    while pending:
        try:
            _, pending = await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            interruption = error
            pending = {task for task in pending if not task.done()}
    for job in jobs:
        if asyncio.iscoroutine(job):
            job.close()
        elif asyncio.isfuture(job):
            job.cancel()
    if interruption is not None:
        raise interruption
