"""Of several errors the last is raised, by the order of the coroutines.

Caught: level 4, correctness
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict, deque
from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

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
    def __init__(self, rank, cents):
        self.rank = rank
        self.cents = cents
        self.busy = False
        self.freed = threading.Condition(threading.Lock())

    def claim(self):
        with self.freed:
            while self.busy:
                self.freed.wait()
            self.busy = True

    def free(self):
        with self.freed:
            self.busy = False
            self.freed.notify()


class Bank:
    """Accounts are claimed in the order of their rank."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._accounts = {}
        for rank, (name, cents) in enumerate(balances.items()):
            if cents < 0:
                raise ValueError(f"{name!r} opens with a negative balance: {cents!r}")
            self._accounts[name] = _Account(rank, cents)

    def _find(self, name):
        try:
            return self._accounts[name]
        except KeyError:
            raise ValueError(f"no such account: {name!r}") from None

    def transfer(self, source: str, target: str, amount: int) -> None:
        if amount <= 0:
            raise ValueError(f"bad amount: {amount!r}")
        giver, taker = self._find(source), self._find(target)
        claims = (
            [giver] if giver is taker else sorted((giver, taker), key=lambda a: a.rank)
        )
        for account in claims:
            account.claim()
        try:
            if giver.cents < amount:
                raise InsufficientFunds(f"{source!r} has no {amount!r}")
            if giver is not taker:
                less, more = giver.cents - amount, taker.cents + amount
                giver.cents, taker.cents = less, more
        finally:
            for account in claims:
                account.free()

    def balance(self, account: str) -> int:
        found = self._find(account)
        found.claim()
        try:
            return found.cents
        finally:
            found.free()

    def total(self) -> int:
        accounts = list(self._accounts.values())
        for account in accounts:
            account.claim()
        try:
            return sum(account.cents for account in accounts)
        finally:
            for account in accounts:
                account.free()


class OnceCache:
    """One condition; a key is absent, loading (a list cell) or there."""

    def __init__(self):
        self._changed = threading.Condition(threading.Lock())
        self._values = {}
        self._loading = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._changed:
            if key in self._values:
                return self._values[key]
            cell = self._loading.get(key)
            if cell is not None:
                while not cell:
                    self._changed.wait()
                failed, outcome = cell
                if failed:
                    raise outcome
                return outcome
            cell = self._loading[key] = []
        try:
            value = load()
        except BaseException as error:
            with self._changed:
                del self._loading[key]
                cell.extend((True, error))
                self._changed.notify_all()
            raise
        with self._changed:
            del self._loading[key]
            self._values[key] = value
            cell.extend((False, value))
            self._changed.notify_all()
        return value


class BoundedQueue:
    """One lock and two conditions."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity!r}")
        self._capacity = capacity
        self._items = deque()
        self._closed = False
        lock = threading.Lock()
        self._room = threading.Condition(lock)
        self._more = threading.Condition(lock)

    def put(self, item: T, timeout: float | None = None) -> bool:
        with self._room:
            ready = self._room.wait_for(
                lambda: self._closed or len(self._items) < self._capacity,
                None if timeout is None else max(0.0, timeout),
            )
            if self._closed:
                raise Closed
            if not ready:
                return False
            self._items.append(item)
            self._more.notify()
            return True

    def get(self, timeout: float | None = None) -> T:
        with self._more:
            self._more.wait_for(
                lambda: self._closed or self._items,
                None if timeout is None else max(0.0, timeout),
            )
            if self._items:
                item = self._items.popleft()
                self._room.notify()
                return item
            raise Closed if self._closed else Empty

    def close(self) -> None:
        with self._room:
            self._closed = True
            self._room.notify_all()
            self._more.notify_all()


class ReadWriteLock:
    """Writers first, by one condition."""

    def __init__(self):
        self._changed = threading.Condition(threading.Lock())
        self._readers = 0
        self._writing = False
        self._writers_waiting = 0

    @contextmanager
    def reading(self) -> AbstractContextManager[None]:
        with self._changed:
            self._changed.wait_for(
                lambda: not self._writing and not self._writers_waiting
            )
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextmanager
    def writing(self) -> AbstractContextManager[None]:
        with self._changed:
            self._writers_waiting += 1
            try:
                self._changed.wait_for(lambda: not self._writing and not self._readers)
                self._writing = True
            finally:
                self._writers_waiting -= 1
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """The consumer takes the items, workers wait at a condition for jobs."""
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit!r}")
    return _mapped(function, items, limit)


class _Job:
    def __init__(self, item):
        self.item = item
        self.done = False
        self.error = None
        self.value = None


def _mapped(function, items, limit):
    changed = threading.Condition(threading.Lock())
    todo = deque()
    stop = False
    failed = False
    threads = []

    def work():
        nonlocal failed
        while True:
            with changed:
                changed.wait_for(lambda: todo or stop)
                if stop:
                    return
                job = todo.popleft()
            try:
                job.value = function(job.item)
            except BaseException as error:
                job.error = error
            with changed:
                job.done = True
                failed = failed or job.error is not None
                changed.notify_all()
            del job

    source = iter(items)
    window = deque()
    ended = False
    try:
        while True:
            while not ended and len(window) < limit:
                with changed:
                    if failed:
                        break
                try:
                    job = _Job(next(source))
                except StopIteration:
                    ended = True
                    break
                except BaseException as error:
                    job = _Job(None)
                    job.error, job.done, ended = error, True, True
                    window.append(job)
                    break
                with changed:
                    if failed:
                        break
                    window.append(job)
                    todo.append(job)
                    changed.notify_all()
                if len(threads) < limit:
                    thread = threading.Thread(target=work)
                    thread.start()
                    threads.append(thread)
            if not window:
                return
            job = window.popleft()
            with changed:
                changed.wait_for(lambda job=job: job.done)
            if job.error is not None:
                raise job.error
            yield job.value
    finally:
        with changed:
            stop = True
            changed.notify_all()
        for thread in threads:
            thread.join()


def _replay(log):
    """Yield (thread, event, name, held), where held is what was held just before."""
    held = defaultdict(Counter)
    for thread, event, name in log:
        mine = held[thread]
        if event == "release":
            if not mine[name]:
                raise ValueError(
                    f"{thread!r} releases {name!r}, which it does not hold"
                )
        elif event not in ("acquire", "read", "write"):
            raise ValueError(f"unknown event: {event!r}")
        yield thread, event, name, frozenset(
            lock for lock, depth in mine.items() if depth
        )
        if event == "acquire":
            mine[name] += 1
        elif event == "release":
            mine[name] -= 1


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Search from each smallest name, with a way back at each step."""
    edges = defaultdict(lambda: defaultdict(set))
    for thread, event, name, held in _replay(log):
        if event == "acquire" and name not in held:
            for lock in held:
                edges[lock][name].add((thread, held))
    edges = {lock: dict(after) for lock, after in edges.items()}

    def way_back(node, start, closed):
        seen, stack = {node}, [node]
        while stack:
            at = stack.pop()
            for after in edges.get(at, ()):
                if after == start:
                    return True
                if after > start and after not in closed and after not in seen:
                    seen.add(after)
                    stack.append(after)
        return False

    def possible(cycle):
        states = None
        for one, two in zip(cycle, cycle[1:] + cycle[:1], strict=True):
            choices = edges[one][two]
            if states is None:
                states = set(choices)
            else:
                states = {
                    (who if who == other else None, guard & more)
                    for who, guard in states
                    for other, more in choices
                }
        return (None, frozenset()) in states

    found = []
    path = []

    def search(node, start):
        path.append(node)
        for after in edges.get(node, ()):
            if after == start:
                if possible(path):
                    found.append(list(path))
            elif after > start and after not in path and way_back(after, start, path):
                search(after, start)
        path.pop()

    for start in sorted(edges):
        search(start, start)
    return sorted(found)


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """Keep threads, writes and the common locks of each variable."""
    threads = defaultdict(set)
    common = {}
    written = set()
    for thread, event, name, held in _replay(log):
        if event in ("read", "write"):
            threads[name].add(thread)
            common[name] = common.get(name, held) & held
            if event == "write":
                written.add(name)
    return sorted(
        name for name in written if len(threads[name]) > 1 and not common[name]
    )


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """A task for each, a semaphore, and one future that tells of the end."""
    waiting = []
    tasks = []
    errors = []
    stopping = False
    try:
        for awaitable in coroutines:
            waiting.append(awaitable)
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit!r}")
        turn = asyncio.Semaphore(limit)
        over = asyncio.get_running_loop().create_future()
        left = len(waiting)

        def tell():
            if not over.done():
                over.set_result(None)

        async def run(awaitable):
            nonlocal left
            async with turn:
                if stopping or errors:
                    return None
                try:
                    value = await awaitable
                except BaseException as error:
                    if not stopping:
                        errors.append(error)
                        tell()
                    raise
                left -= 1
                if not left:
                    tell()
                return value

        tasks = [asyncio.ensure_future(run(awaitable)) for awaitable in waiting]
        if tasks:
            await asyncio.wait([over], timeout=timeout)
            if errors:
                raise errors[0]
            if not over.done():
                raise TimeoutError(f"not done after {timeout!r} seconds")
            await asyncio.wait(tasks)
        return [task.result() for task in tasks]
    finally:
        stopping = True
        try:
            await _end(tasks)
        finally:
            for awaitable in waiting:
                if hasattr(awaitable, "close"):
                    awaitable.close()
        errors = None


async def _end(tasks):
    """Cancel all and wait for all, whatever comes meanwhile."""
    for task in tasks:
        task.cancel()
    interrupted = None
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            interrupted = error
    late = [
        task.exception() for task in tasks if not task.cancelled() and task.exception()
    ]
    if len(late) > 1:
        raise late[-1]
    if interrupted is not None:
        raise interrupted
