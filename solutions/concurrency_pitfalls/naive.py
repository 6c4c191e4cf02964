"""Right, and too slow: lists that are searched, and every path through the locks."""

from __future__ import annotations

import asyncio
from collections import deque
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
from threading import Condition, Lock
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
    """Guard each account by its own lock; who needs several takes them in order."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self._balances = dict(balances)
        self._accounts = list(balances)
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
            if account not in self._accounts:
                raise ValueError(f"there is no account {account!r}")

    @contextmanager
    def _locked(self, *accounts: str) -> Iterator[None]:
        with ExitStack() as held:
            for account in sorted(set(accounts)):
                held.enter_context(self._locks[account])
            yield


class OnceCache:
    """Keep keys and futures side by side, and look through all keys at each call."""

    def __init__(self) -> None:
        self._keys: list[Hashable] = []
        self._futures: list[Future[Any]] = []
        self._lock = Lock()

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self._lock:
            mine = key not in self._keys
            if mine:
                self._keys.append(key)
                self._futures.append(Future())
            future = self._futures[self._keys.index(key)]
        if mine:
            self._fill(key, future, load)
        value: V = future.result()
        return value

    def _fill(self, key: Hashable, future: Future[V], load: Callable[[], V]) -> None:
        try:
            future.set_result(load())
        except BaseException as error:
            with self._lock:
                place = self._keys.index(key)
                del self._keys[place], self._futures[place]
            future.set_exception(error)


class BoundedQueue:
    """Wait for room and for items on two conditions of one lock."""

    def __init__(self, capacity: int) -> None:
        self._capacity = _at_least_one("capacity", capacity)
        self._items: list[Any] = []
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
                return self._items.pop(0)
            raise Closed("closed and drained") if self._closed else Empty("no item")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._has_room.notify_all()
            self._has_items.notify_all()

    def _accepts(self) -> bool:
        return self._closed or len(self._items) < self._capacity


class ReadWriteLock:
    """Count who is in, and the writers that wait: these hold off new readers."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._readers = 0
        self._writing = False
        self._writers_waiting = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
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
    def writing(self) -> Iterator[None]:
        with self._changed:
            self._writers_waiting += 1
            self._changed.wait_for(lambda: not self._writing and not self._readers)
            self._writers_waiting -= 1
            self._writing = True
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()


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


Log = Sequence[tuple[str, str, str]]


class Moment(NamedTuple):
    """An acquisition or an access, and what its thread held just before."""

    thread: str
    event: str
    name: str
    held: frozenset[str]


def lock_order_cycles(log: Log) -> list[list[str]]:
    acquired = [
        moment
        for moment in _moments(log)
        if moment.event == "acquire" and moment.name not in moment.held
    ]
    locks = sorted({moment.name for moment in acquired})
    cycles = [path for lock in locks for path in _paths([lock], acquired)]
    return sorted(cycle for cycle in cycles if _is_possible(cycle, acquired))


def _paths(path: list[str], acquired: Sequence[Moment]) -> Iterator[list[str]]:
    """Yield the cycles that begin with a path, by following every path to its end."""
    after = {m.name for m in acquired if path[-1] in m.held}
    if path[0] in after:
        yield path
    for lock in sorted(after - set(path)):
        if lock > path[0]:
            yield from _paths([*path, lock], acquired)


def _is_possible(cycle: list[str], acquired: Sequence[Moment]) -> bool:
    chosen: set[tuple[frozenset[str], frozenset[str] | None]] = {(frozenset(), None)}
    for start, end in pairwise([*cycle, cycle[0]]):
        ways = {
            (m.thread, m.held) for m in acquired if m.name == end and start in m.held
        }
        chosen = {
            (threads | {thread}, held if guards is None else held & guards)
            for threads, guards in chosen
            for thread, held in ways
        }
    return any(len(threads) > 1 and not guards for threads, guards in chosen)


def races(log: Log) -> list[str]:
    touched = [m for m in _moments(log) if m.event in ("read", "write")]
    names = {moment.name for moment in touched}
    return sorted(n for n in names if _is_race([m for m in touched if m.name == n]))


def _is_race(touched: Sequence[Moment]) -> bool:
    guards = frozenset.intersection(*(moment.held for moment in touched))
    shared = len({moment.thread for moment in touched}) > 1
    return shared and not guards and any(m.event == "write" for m in touched)


def _moments(log: Log) -> list[Moment]:
    moments = []
    levels: list[tuple[str, str]] = []
    for thread, event, name in log:
        held = frozenset(lock for who, lock in levels if who == thread)
        moments.append(Moment(thread, event, name, held))
        if event == "acquire":
            levels.append((thread, name))
        elif event == "release":
            if name not in held:
                raise ValueError(f"{thread!r} releases {name!r} and does not hold it")
            levels.remove((thread, name))
        elif event not in ("read", "write"):
            raise ValueError(f"{event!r} is no event of a log")
    return moments


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
