"""RLocks by number, a thread object for each call, workers that take jobs."""

from __future__ import annotations

import asyncio
import threading as th
import time
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager, ExitStack
from itertools import count
from typing import TypeVar

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")

_numbers = count()


class InsufficientFunds(ValueError):
    """The source of a transfer does not have the amount."""


class Empty(Exception):
    """No item came before the timeout."""


class Closed(Exception):
    """The queue is closed."""


class Account:
    """What one account holds, its lock, and its place in the order of all locks."""

    def __init__(self, cents):
        self.lock = th.RLock()
        self.cents = cents
        self.number = next(_numbers)


class Bank:
    """Two locks for each transfer, the lower number first."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        bad = {name: cents for name, cents in balances.items() if cents < 0}
        if bad:
            raise ValueError(f"negative opening balances: {bad}")
        self.accounts = {name: Account(balances[name]) for name in balances}

    def transfer(self, source: str, target: str, amount: int) -> None:
        for name in (source, target):
            if name not in self.accounts:
                raise ValueError(f"unknown account {name}")
        if amount < 1:
            raise ValueError(f"amount {amount} is not positive")
        a, b = self.accounts[source], self.accounts[target]
        first, second = (a, b) if a.number <= b.number else (b, a)
        with first.lock, second.lock:
            rest = a.cents - amount
            if rest < 0:
                raise InsufficientFunds(f"{source} lacks {-rest} for {amount}")
            if a is b:
                return
            more = b.cents + amount
            a.cents = rest
            b.cents = more

    def balance(self, account: str) -> int:
        if account not in self.accounts:
            raise ValueError(f"unknown account {account}")
        with self.accounts[account].lock:
            return self.accounts[account].cents

    def total(self) -> int:
        with ExitStack() as stack:
            ordered = sorted(self.accounts.values(), key=lambda account: account.number)
            for account in ordered:
                stack.enter_context(account.lock)
            return sum(account.cents for account in ordered)


class _Entry:
    """A value to be: whoever made it holds its lock until it is there."""

    def __init__(self):
        self.lock = th.Lock()
        self.lock.acquire()
        self.value = None
        self.error = None


class OnceCache:
    """A guard for the dict, a lock for each key."""

    def __init__(self):
        self.guard = th.RLock()
        self.entries = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        fresh = _Entry()
        with self.guard:
            entry = self.entries.setdefault(key, fresh)
        if entry is fresh:
            try:
                entry.value = load()
            except BaseException as error:
                entry.error = error
                with self.guard:
                    del self.entries[key]
                raise
            finally:
                entry.lock.release()
            return entry.value
        with entry.lock:
            pass
        if entry.error is not None:
            raise entry.error
        return entry.value


class BoundedQueue:
    """One condition for all, everyone is woken at every change; deadlines by hand."""

    def __init__(self, capacity: int) -> None:
        if not capacity >= 1:
            raise ValueError(f"capacity {capacity}")
        self.capacity = capacity
        self.items = deque()
        self.open = True
        self.changed = th.Condition(th.RLock())

    def put(self, item: T, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while self.open and len(self.items) >= self.capacity:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self.changed.wait(left)
            if not self.open:
                raise Closed("put after close")
            self.items.append(item)
            self.changed.notify_all()
            return True

    def get(self, timeout: float | None = None) -> T:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while not self.items:
                if not self.open:
                    raise Closed("nothing left after close")
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise Empty(f"nothing for {timeout} seconds")
                self.changed.wait(left)
            item = self.items.popleft()
            self.changed.notify_all()
            return item

    def close(self) -> None:
        with self.changed:
            self.open = False
            self.changed.notify_all()


class _Side:
    """One side of a lock, to be used with `with` any number of times."""

    def __init__(self, enter, leave):
        self.enter = enter
        self.leave = leave

    def __enter__(self):
        self.enter()

    def __exit__(self, *_):
        self.leave()


class ReadWriteLock:
    """Two conditions on one lock: one for readers, one for writers."""

    def __init__(self):
        lock = th.Lock()
        self.may_read = th.Condition(lock)
        self.may_write = th.Condition(lock)
        self.state = 0  # so many readers, or -1 for a writer
        self.queued = 0

    def reading(self) -> AbstractContextManager[None]:
        return _Side(self._enter_reader, self._leave_reader)

    def writing(self) -> AbstractContextManager[None]:
        return _Side(self._enter_writer, self._leave_writer)

    def _enter_reader(self):
        with self.may_read:
            while self.state < 0 or self.queued:
                self.may_read.wait()
            self.state += 1

    def _leave_reader(self):
        with self.may_write:
            self.state -= 1
            if self.state == 0:
                self.may_write.notify()

    def _enter_writer(self):
        with self.may_write:
            self.queued += 1
            while self.state != 0:
                self.may_write.wait()
            self.queued -= 1
            self.state = -1

    def _leave_writer(self):
        with self.may_write:
            self.state = 0
            if self.queued:
                self.may_write.notify()
            else:
                self.may_read.notify_all()


class _Call(th.Thread):
    """One call in a thread of its own."""

    def __init__(self, function, item, on_error):
        super().__init__()
        self.function, self.item, self.on_error = function, item, on_error
        self.value = self.error = None

    def run(self):
        try:
            self.value = self.function(self.item)
        except BaseException as error:
            self.error = error
            self.on_error()
        finally:
            self.function = self.item = None


class _Raised:
    """Stands for a call that failed before it began: the items raised."""

    def __init__(self, error):
        self.value, self.error = None, error

    def join(self):
        pass


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """Threads are started by the consumer and joined at their turn."""
    if limit <= 0:
        raise ValueError(f"limit {limit}")
    failed = th.Event()
    calls = deque()
    iterator = iter(items)

    def refill():
        while len(calls) < limit and not failed.is_set():
            try:
                item = next(iterator)
            except StopIteration:
                return False
            except BaseException as error:
                calls.append(_Raised(error))
                return False
            if failed.is_set():
                return False
            call = _Call(function, item, failed.set)
            call.start()
            calls.append(call)
        return not failed.is_set()

    def results():
        more = True
        try:
            while True:
                if more:
                    more = refill()
                if not calls:
                    return
                calls[0].join()
                call = calls.popleft()
                if call.error is not None:
                    raise call.error
                yield call.value
        finally:
            for call in calls:
                call.join()

    return results()


class _Log:
    """Replays a log; `held` maps each thread to its locks and their depth."""

    def __init__(self, log):
        self.log = log
        self.held = {}

    def __iter__(self):
        for thread, event, name in self.log:
            depth = self.held.setdefault(thread, {})
            if event == "acquire":
                if name not in depth:
                    yield thread, event, name, set(depth)
                depth[name] = depth.get(name, 0) + 1
            elif event == "release":
                if name not in depth:
                    raise ValueError(f"{thread} does not hold {name}")
                depth[name] -= 1
                if depth[name] == 0:
                    del depth[name]
            elif event in {"read", "write"}:
                yield thread, event, name, set(depth)
            else:
                raise ValueError(f"bad event {event!r} in {(thread, event, name)}")


def _components(graph):
    """Yield the strongly connected components, by mutual reachability."""

    def reach(start):
        seen, todo = set(), [start]
        while todo:
            for after in graph.get(todo.pop(), ()):
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        return seen

    reached = {node: reach(node) for node in graph}
    done = set()
    for node in graph:
        if node not in done and node in reached[node]:
            component = {
                other for other in reached[node] if node in reached.get(other, ())
            }
            done |= component
            yield component


def _simple_cycles(graph):
    """Yield simple cycles from their smallest name, by components."""
    todo = list(_components(graph))
    while todo:
        component = todo.pop()
        start = min(component)
        inside = {
            node: [after for after in graph[node] if after in component]
            for node in component
        }
        yield from _cycles_through(start, inside)
        rest = component - {start}
        todo.extend(_components({n: [a for a in inside[n] if a in rest] for n in rest}))


def _cycles_through(start, graph):
    before = {}
    for node, afters in graph.items():
        for after in afters:
            before.setdefault(after, []).append(node)

    def leads_home(path):
        """The nodes from which start can be reached beside the path."""
        seen, todo = {start}, [start]
        while todo:
            for node in before.get(todo.pop(), ()):
                if node not in seen and node not in path:
                    seen.add(node)
                    todo.append(node)
        return seen

    def walk(path):
        home = leads_home(set(path))
        for after in graph[path[-1]]:
            if after == start:
                yield path
            elif after in home and after not in path:
                yield from walk([*path, after])

    yield from walk([start])


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Enumerate simple cycles and test each."""
    acquisitions = {}
    graph = {}
    for thread, event, name, held in _Log(log):
        if event == "acquire":
            for lock in held:
                graph.setdefault(lock, set()).add(name)
                acquisitions.setdefault((lock, name), set()).add(
                    (thread, frozenset(held))
                )

    def deadlocks(cycle):
        chosen = {(frozenset(), None)}
        for number, pair in enumerate(zip(cycle, cycle[1:] + cycle[:1], strict=True)):
            chosen = {
                (
                    threads | {thread} if len(threads) < 2 else threads,
                    held if number == 0 else guards & held,
                )
                for threads, guards in chosen
                for thread, held in acquisitions[pair]
            }
        return any(len(threads) > 1 and not guards for threads, guards in chosen)

    return sorted(cycle for cycle in _simple_cycles(graph) if deadlocks(cycle))


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """Collect all accesses of each variable, and look at them afterwards."""
    accesses = {}
    for thread, event, name, held in _Log(log):
        if event != "acquire":
            accesses.setdefault(name, []).append((thread, event, held))
    racy = []
    for name, seen in accesses.items():
        several = len({thread for thread, _, _ in seen}) >= 2
        written = any(event == "write" for _, event, _ in seen)
        if several and written and not set.intersection(*[held for _, _, held in seen]):
            racy.append(name)
    return sorted(racy)


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """`limit` workers take from one iterator."""
    jobs = []
    try:
        jobs.extend(coroutines)
        if limit <= 0:
            raise ValueError(f"limit {limit}")
        return await _work_off(jobs, limit, timeout)
    finally:
        for job in jobs:
            if asyncio.iscoroutine(job):
                job.close()


async def _work_off(jobs, limit, timeout):
    results = [None] * len(jobs)
    pending = iter(enumerate(jobs))
    over = asyncio.get_running_loop().create_future()

    def finish(error):
        if not over.done():
            over.set_result(error)

    async def worker():
        for index, job in pending:
            if over.done():
                return
            try:
                results[index] = await job
            except BaseException as error:
                finish(error)
                raise

    workers = [asyncio.create_task(worker()) for _ in range(min(limit, len(jobs)))]
    left = len(workers)

    def count_down(_):
        nonlocal left
        left -= 1
        if not left:
            finish(None)

    for task in workers:
        task.add_done_callback(count_down)
    if not workers:
        return results
    try:
        done, _ = await asyncio.wait([over], timeout=timeout)
        outcome = over.result() if done else TimeoutError(f"{timeout} seconds are over")
        finish(None)
    except asyncio.CancelledError as error:
        finish(None)
        outcome = error
    for task in workers:
        task.cancel()
    while not all(task.done() for task in workers):
        try:
            await asyncio.wait(workers)
        except asyncio.CancelledError as error:
            outcome = error
    for task in workers:
        if not task.cancelled():
            task.exception()
    if outcome is not None:
        try:
            raise outcome
        finally:
            del outcome
    return results
