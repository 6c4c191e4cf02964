"""A write lock stays taken after KeyboardInterrupt.

Caught: level 3, correctness
"""

from __future__ import annotations

import asyncio
import threading
import time
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
from contextlib import contextmanager
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


class _Account:
    """A balance, the place of the account in the order of locking, and its lock."""

    __slots__ = ("cents", "lock", "place")

    def __init__(self, place: int, cents: int) -> None:
        self.place = place
        self.cents = cents
        self.lock = threading.RLock()


class Bank:
    """Accounts are objects, numbered as they come; the lower number is locked first."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._accounts: dict[str, _Account] = {}
        for place, (name, cents) in enumerate(balances.items()):
            if cents < 0:
                raise ValueError(f"negative opening balance: {cents}")
            self._accounts[name] = _Account(place, cents)

    def _find(self, name: str) -> _Account:
        try:
            return self._accounts[name]
        except KeyError:
            raise ValueError(f"no such account: {name!r}") from None

    def transfer(self, source: str, target: str, amount: int) -> None:
        if amount <= 0:
            raise ValueError(f"bad amount: {amount}")
        payer, payee = self._find(source), self._find(target)
        low, high = (payer, payee) if payer.place <= payee.place else (payee, payer)
        with low.lock, high.lock:
            if payer.cents < amount:
                raise InsufficientFunds(
                    f"{source!r} lacks {amount - payer.cents} of {amount}"
                )
            payer.cents -= amount
            payee.cents += amount

    def balance(self, account: str) -> int:
        found = self._find(account)
        with found.lock:
            return found.cents

    def total(self) -> int:
        taken: list[_Account] = []
        try:
            for account in self._accounts.values():
                account.lock.acquire()
                taken.append(account)
            return sum(account.cents for account in taken)
        finally:
            for account in taken:
                account.lock.release()


class _Entry:
    """What is known about a key: nothing until `ready` is set."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None


class OnceCache:
    """Entries are made in one step under a lock; their maker loads without it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._entries: dict[Hashable, _Entry] = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        fresh = _Entry()
        with self._guard:
            entry = self._entries.setdefault(key, fresh)
        if entry is fresh:
            self._fill(key, entry, load)
        entry.ready.wait()
        if entry.error is not None:
            raise entry.error
        return entry.value

    def _fill(self, key: Hashable, entry: _Entry, load: Callable[[], V]) -> None:
        try:
            entry.value = load()
        except BaseException as error:
            entry.error = error
            with self._guard:
                del self._entries[key]
        entry.ready.set()


class BoundedQueue:
    """One condition for all; every change wakes everybody, and deadlines are
    explicit.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"no queue of capacity {capacity}")
        self._free = capacity
        self._items: deque = deque()
        self._open = True
        self._changed = threading.Condition()

    def put(self, item: T, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while self._open and self._free == 0:
                if deadline is None:
                    self._changed.wait()
                    continue
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            if not self._open:
                raise Closed("put after close")
            self._free -= 1
            self._items.append(item)
            self._changed.notify_all()
        return True

    def get(self, timeout: float | None = None) -> T:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._items:
                if not self._open:
                    raise Closed("closed and drained")
                if deadline is None:
                    self._changed.wait()
                    continue
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Empty
                self._changed.wait(left)
            self._free += 1
            self._changed.notify_all()
            return self._items.popleft()

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()


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
        failure: Exception | None = None
        try:
            yield
        except Exception as error:
            failure = error
        with self._changed:
            self._writers -= 1
            self._changed.notify_all()
        if failure is not None:
            raise failure


class _Call(threading.Thread):
    """One call in a thread of its own."""

    def __init__(self, function: Callable, item: Any, failed: threading.Event) -> None:
        super().__init__(daemon=True)
        self._job = (function, item)
        self._failed = failed
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        function, item = self._job
        del self._job
        try:
            self.value = function(item)
        except BaseException as error:
            self.error = error
            self._failed.set()


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """A thread for each item, at most `limit` of them not yet joined."""
    if limit < 1:
        raise ValueError(f"limit: {limit}")
    source: Iterator[T] | None = iter(items)
    failed = threading.Event()
    broken: BaseException | None = None
    running: deque[_Call] = deque()
    try:
        while True:
            while source is not None and len(running) < limit and not failed.is_set():
                try:
                    item = next(source)
                except StopIteration:
                    source = None
                except BaseException as error:
                    broken, source = error, None
                else:
                    if not failed.is_set():
                        running.append(_Call(function, item, failed))
                        running[-1].start()
                    del item
            if not running:
                if broken is not None:
                    raise broken
                return
            running[0].join()
            call = running.popleft()
            if call.error is not None:
                raise call.error
            value = call.value
            del call
            yield value
            del value
    finally:
        for call in running:
            call.join()


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
    """Batch after batch of at most `limit`."""
    jobs: list[Awaitable[R]] = list(coroutines)
    batch: list[asyncio.Future] = []
    results: list[R] = []
    ends: list[asyncio.Future] = []
    try:
        if limit < 1:
            raise ValueError(f"cannot run {limit} at once")
        now = asyncio.get_running_loop().time
        end = None if timeout is None else now() + timeout
        for start in range(0, len(jobs), limit):
            if end is not None and start and now() >= end:
                raise TimeoutError
            ends.clear()
            batch = [asyncio.ensure_future(job) for job in jobs[start : start + limit]]
            for future in batch:
                future.add_done_callback(ends.append)
            pending = set(batch)
            while pending:
                left = None if end is None else max(0.0, end - now())
                done, pending = await asyncio.wait(
                    pending, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                for future in ends:
                    if future.cancelled() or future.exception() is not None:
                        future.result()
                if not done:
                    raise TimeoutError
            results += [future.result() for future in batch]
        return results
    finally:
        cancelled = await _cancel_all(batch)
        for job in jobs[len(results) :]:
            if asyncio.iscoroutine(job):
                job.close()
            elif asyncio.isfuture(job):
                job.cancel()
        if cancelled is not None:
            raise cancelled


async def _cancel_all(futures: Iterable[asyncio.Future]) -> BaseException | None:
    """Cancel and await; return our own cancellation if it came meanwhile."""
    cancelled = None
    left = {future for future in futures if future.cancel()}
    while left:
        try:
            _, left = await asyncio.wait(left)
        except asyncio.CancelledError as error:
            cancelled = error
            left = {future for future in left if not future.done()}
    for future in futures:
        if not future.cancelled():
            future.exception()
    return cancelled
