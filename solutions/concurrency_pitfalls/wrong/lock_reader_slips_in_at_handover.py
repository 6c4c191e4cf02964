"""A writer that is woken counts no longer as waiting: a reader slips in.

Caught: level 3, correctness
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
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
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
    """A short common lock marks accounts as busy; money moves outside of it."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._cents = dict(balances)
        bad = [amount for amount in self._cents.values() if amount < 0]
        if bad:
            raise ValueError(f"negative opening balance {bad[0]}")
        self._mutex = threading.Lock()
        self._busy: set[str] = set()
        self._freed = {name: threading.Condition(self._mutex) for name in self._cents}
        self._auditing = False
        self._quiet = threading.Condition(self._mutex)
        self._resumed = threading.Condition(self._mutex)

    @contextmanager
    def _claimed(self, *accounts: str):
        wanted = set(accounts)
        with self._mutex:
            while True:
                if self._auditing:
                    self._resumed.wait()
                    continue
                taken = next((name for name in wanted if name in self._busy), None)
                if taken is None:
                    break
                self._freed[taken].wait()
            self._busy |= wanted
        try:
            yield
        finally:
            with self._mutex:
                self._busy -= wanted
                for name in wanted:
                    self._freed[name].notify()
                if not self._busy:
                    self._quiet.notify()

    def transfer(self, source: str, target: str, amount: int) -> None:
        for account in (source, target):
            if account not in self._cents:
                raise ValueError(f"unknown account: {account!r}")
        if amount <= 0:
            raise ValueError(f"amount {amount} is not positive")
        with self._claimed(source, target):
            left = self._cents[source] - amount
            if left < 0:
                raise InsufficientFunds(f"{source!r} is short of {amount}")
            if source != target:
                grown = self._cents[target] + amount
                self._cents[source] = left
                self._cents[target] = grown

    def balance(self, account: str) -> int:
        if account not in self._cents:
            raise ValueError(f"unknown account: {account!r}")
        with self._claimed(account):
            return self._cents[account]

    def total(self) -> int:
        with self._mutex:
            while self._auditing:
                self._resumed.wait()
            self._auditing = True
            try:
                while self._busy:
                    self._quiet.wait()
                return sum(self._cents.values())
            finally:
                self._auditing = False
                self._resumed.notify_all()


class OnceCache:
    """Values in one dict, loads under way in another, with a condition for each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Hashable, Any] = {}
        self._loads: dict[Hashable, tuple[threading.Condition, list]] = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._lock:
            if key in self._values:
                return self._values[key]
            if key in self._loads:
                over, outcome = self._loads[key]
                over.wait_for(lambda: outcome)
                loaded, result = outcome
                if loaded:
                    return result
                raise result
            over, outcome = self._loads[key] = threading.Condition(self._lock), []
        try:
            result = load()
        except BaseException as error:
            with self._lock:
                outcome += [False, error]
                del self._loads[key]
                over.notify_all()
            raise
        with self._lock:
            self._values[key] = result
            outcome += [True, result]
            del self._loads[key]
            over.notify_all()
        return result


def _synchronized(method):
    """Run a method of a monitor under its condition."""

    @wraps(method)
    def guarded(self, *args, **kwargs):
        with self._monitor:
            return method(self, *args, **kwargs)

    return guarded


class BoundedQueue:
    """A monitor: each method runs alone, and waits for what it needs."""

    def __init__(self, capacity: int) -> None:
        if not capacity >= 1:
            raise ValueError(f"bad capacity: {capacity}")
        self._monitor = threading.Condition()
        self._capacity = capacity
        self._content: deque = deque()
        self._finished = False

    def _await(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        if timeout is not None and timeout <= 0:
            return condition()
        return self._monitor.wait_for(condition, timeout)

    @_synchronized
    def put(self, item: T, timeout: float | None = None) -> bool:
        came = self._await(
            lambda: self._finished or len(self._content) != self._capacity, timeout
        )
        if self._finished:
            raise Closed
        if came:
            self._content.append(item)
            self._monitor.notify_all()
        return bool(came)

    @_synchronized
    def get(self, timeout: float | None = None) -> T:
        if not self._await(lambda: bool(self._content) or self._finished, timeout):
            raise Empty
        if not self._content:
            raise Closed
        self._monitor.notify_all()
        return self._content.popleft()

    @_synchronized
    def close(self) -> None:
        self._finished = True
        self._monitor.notify_all()


class _Guard:
    """Call one function on entering `with` and one on leaving it."""

    def __init__(self, enter: Callable[[], None], leave: Callable[[], None]) -> None:
        self._enter, self._leave = enter, leave

    def __enter__(self) -> None:
        self._enter()

    def __exit__(self, *_: object) -> None:
        self._leave()


class ReadWriteLock:
    """Readers and writers wait apart, and only those who can go in are woken."""

    def __init__(self) -> None:
        lock = threading.Lock()
        self._can_read = threading.Condition(lock)
        self._can_write = threading.Condition(lock)
        self._lock = lock
        self._active = 0  # readers inside, or -1 for a writer
        self._queued = 0  # writers that wait

    def reading(self) -> AbstractContextManager[None]:
        return _Guard(self._start_read, self._end_read)

    def writing(self) -> AbstractContextManager[None]:
        return _Guard(self._start_write, self._end_write)

    def _start_read(self) -> None:
        with self._lock:
            while self._active < 0 or self._queued:
                self._can_read.wait()
            self._active += 1

    def _end_read(self) -> None:
        with self._lock:
            self._active -= 1
            if self._active == 0 and self._queued:
                self._queued -= 1
                self._can_write.notify()

    def _start_write(self) -> None:
        with self._lock:
            while self._active != 0:
                self._queued += 1
                self._can_write.wait()
            self._active = -1

    def _end_write(self) -> None:
        with self._lock:
            self._active = 0
            if self._queued:
                self._queued -= 1
                self._can_write.notify()
            else:
                self._can_read.notify_all()


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """A monitor between the reader, who takes items, and the workers."""
    if limit < 1:
        raise ValueError(f"limit below 1: {limit}")
    source = iter(items)
    lock = threading.Lock()
    to_do = threading.Condition(lock)
    done = threading.Condition(lock)
    jobs: deque[tuple[int, T]] = deque()
    outcomes: dict[int, tuple[R | None, BaseException | None]] = {}
    threads: list[threading.Thread] = []
    taken = given = 0
    filling = True  # no item has failed, and there may be more
    working = True

    def work() -> None:
        nonlocal filling
        while True:
            with lock:
                to_do.wait_for(lambda: jobs or not working)
                if not working:
                    return
                place, item = jobs.popleft()
            try:
                outcome = (function(item), None)
            except BaseException as error:
                outcome = (None, error)
            with lock:
                if outcome[1] is not None:
                    filling = False
                outcomes[place] = outcome
                done.notify()
            del item, outcome

    try:
        while True:
            while filling and taken - given < limit:
                try:
                    item = next(source)
                except StopIteration:
                    filling = False
                    break
                except BaseException as error:
                    filling = False
                    outcomes[taken] = (None, error)
                    taken += 1
                    break
                with lock:
                    if not filling:
                        break
                    jobs.append((taken, item))
                    to_do.notify()
                taken += 1
                del item
                if len(threads) < limit:
                    threads.append(threading.Thread(target=work))
                    threads[-1].start()
            if given == taken:
                return
            with lock:
                while given not in outcomes:
                    done.wait()
                value, error = outcomes.pop(given)
            if error is not None:
                raise error
            given += 1
            yield value
            del value
    finally:
        with lock:
            working = False
            to_do.notify_all()
        for thread in threads:
            thread.join()


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
    """Each task that is done starts the next one; a future tells when all is over."""
    waiting = deque(enumerate(coroutines))
    jobs = [job for _, job in waiting]
    running: dict[asyncio.Future, int] = {}
    results: dict[int, R] = {}
    over = asyncio.get_running_loop().create_future()

    def launch() -> None:
        while waiting and len(running) < limit:
            place, job = waiting.popleft()
            task = asyncio.ensure_future(job)
            running[task] = place
            task.add_done_callback(landed)
        if not running:
            over.set_result(None)

    def landed(task: asyncio.Future) -> None:
        place = running.pop(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if over.done():
            return
        if error is not None:
            over.set_exception(error)
        else:
            results[place] = task.result()
            launch()

    try:
        if limit < 1:
            raise ValueError(f"limit: {limit}")
        launch()
        done, _ = await asyncio.wait([over], timeout=timeout)
        if not done:
            raise TimeoutError(f"after {timeout} s")
        over.result()
        return [results[place] for place in range(len(results))]
    finally:
        if not over.cancel() and not over.cancelled():
            over.exception()
        for task in list(running):
            task.cancel()
        interrupted = False
        while running:
            try:
                await asyncio.wait(list(running))
            except asyncio.CancelledError:
                interrupted = True
        for job in jobs:
            if asyncio.iscoroutine(job):
                job.close()
            elif asyncio.isfuture(job):
                job.cancel()
        if interrupted:
            raise asyncio.CancelledError
