"""A `put` that waits looks for room before it looks whether the queue is closed.

Caught: level 2, correctness
"""

from __future__ import annotations

import asyncio
import threading
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
from contextlib import AbstractContextManager, contextmanager
from queue import SimpleQueue
from time import monotonic
from typing import NamedTuple, TypeVar

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
    """try-lock with a step back: nobody waits for a lock while he holds another one."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        self.cents = {}
        self.locks = {}
        for name, cents in balances.items():
            if cents < 0:
                raise ValueError(f"{name}={cents}")
            self.cents[name] = cents
            self.locks[name] = threading.Lock()

    @contextmanager
    def _all(self, names):
        """Hold the locks of all names: wait for one, try the others, or step back."""
        locks = [self.locks[name] for name in names]
        first = 0
        while True:
            held = []
            if locks:
                locks[first].acquire()
                held.append(first)
            for index, lock in enumerate(locks):
                if index != first:
                    if not lock.acquire(blocking=False):
                        for other in held:
                            locks[other].release()
                        first = index
                        break
                    held.append(index)
            else:
                break
        try:
            yield
        finally:
            for lock in locks:
                lock.release()

    def transfer(self, source: str, target: str, amount: int) -> None:
        if source not in self.locks or target not in self.locks:
            raise ValueError(f"one of {source!r}, {target!r} is unknown")
        if amount <= 0:
            raise ValueError(f"amount={amount!r}")
        with self._all(dict.fromkeys((source, target))):
            if amount > self.cents[source]:
                raise InsufficientFunds(
                    f"amount={amount!r}, {source!r} has {self.cents[source]}"
                )
            if source == target:
                return
            new = {
                source: self.cents[source] - amount,
                target: self.cents[target] + amount,
            }
            self.cents.update(new)

    def balance(self, account: str) -> int:
        if account not in self.locks:
            raise ValueError(f"{account!r} is unknown")
        with self.locks[account]:
            return self.cents[account]

    def total(self) -> int:
        held = []
        try:
            for lock in self.locks.values():  # transfers never wait with a lock in hand
                lock.acquire()
                held.append(lock)
            return sum(self.cents.values())
        finally:
            for lock in held:
                lock.release()


class OnceCache:
    """A promise passes its outcome from one who waits to the next one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.promises = {}

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        with self.lock:
            promise = self.promises.get(key)
            if promise is None:
                mine = self.promises[key] = SimpleQueue()
        if promise is not None:
            outcome = promise.get()
            promise.put(outcome)
        else:
            try:
                outcome = (load(), None)
            except BaseException as error:
                outcome = (None, error)
                with self.lock:
                    del self.promises[key]
            mine.put(outcome)
        value, error = outcome
        if error is not None:
            try:
                raise error
            finally:
                del error, outcome
        return value


class BoundedQueue:
    """A list of conditions, one for each who waits: no notify goes astray."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity={capacity!r}")
        self.capacity = capacity
        self.lock = threading.Lock()
        self.items = deque()
        self.closed = False
        self.sleepers = set()

    def _sleep(self, until):
        """Wait for a change or the time; the lock is held before and after."""
        bell = threading.Event()
        self.sleepers.add(bell)
        self.lock.release()
        try:
            bell.wait(None if until is None else max(0.0, until - monotonic()))
        finally:
            self.lock.acquire()
            self.sleepers.discard(bell)

    def _changed(self):
        for bell in self.sleepers:
            bell.set()

    def put(self, item: T, timeout: float | None = None) -> bool:
        until = None if timeout is None else monotonic() + timeout
        with self.lock:
            if self.closed:
                raise Closed
            while True:
                if len(self.items) < self.capacity:
                    self.items.append(item)
                    self._changed()
                    return True
                if self.closed:
                    raise Closed
                if until is not None and monotonic() >= until:
                    return False
                self._sleep(until)

    def get(self, timeout: float | None = None) -> T:
        until = None if timeout is None else monotonic() + timeout
        with self.lock:
            while True:
                if self.items:
                    self._changed()
                    return self.items.popleft()
                if self.closed:
                    raise Closed
                if until is not None and monotonic() >= until:
                    raise Empty
                self._sleep(until)

    def close(self) -> None:
        with self.lock:
            self.closed = True
            self._changed()


class ReadWriteLock:
    """A turnstile that writers shut, and a room that must be empty for a writer."""

    def __init__(self):
        self.state = threading.Lock()
        self.one_writer = threading.Lock()
        self.room_empty = threading.Event()
        self.room_empty.set()
        self.open = threading.Event()
        self.open.set()
        self.readers = 0
        self.writers = 0  # inside or waiting

    @contextmanager
    def reading(self) -> AbstractContextManager[None]:
        while True:
            with self.state:
                if not self.writers:
                    self.readers += 1
                    self.room_empty.clear()
                    break
            self.open.wait()
        try:
            yield
        finally:
            with self.state:
                self.readers -= 1
                if not self.readers:
                    self.room_empty.set()

    @contextmanager
    def writing(self) -> AbstractContextManager[None]:
        with self.state:
            self.writers += 1
            self.open.clear()
        try:
            with self.one_writer:
                self.room_empty.wait()
                yield
        finally:
            with self.state:
                self.writers -= 1
                if not self.writers:
                    self.open.set()


class _Ask(NamedTuple):
    """The consumer is inside next(), or no longer."""

    answer: SimpleQueue | None


class _Done(NamedTuple):
    """A call has ended."""

    place: int
    value: object
    error: BaseException | None


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """The consumer is the actor that owns all state; threads send it messages."""
    if limit < 1:
        raise ValueError(f"limit={limit!r}")

    failed = threading.Event()

    def call(inbox, place, item):
        try:
            message = _Done(place, function(item), None)
        except BaseException as error:
            failed.set()
            message = _Done(place, None, error)
        inbox.put(message)

    def actor():
        inbox = SimpleQueue()
        threads = {}
        outcomes = {}
        taken = given = 0
        last = None  # the place after the last one, once it is known
        iterator = iter(items)
        try:
            while last is None or given < last:
                while last is None and taken - given < limit:
                    try:
                        if failed.is_set():
                            raise StopIteration
                        item = next(iterator)
                        if failed.is_set():
                            raise StopIteration
                    except StopIteration:
                        last = taken
                    except BaseException as error:
                        outcomes[taken] = _Done(taken, None, error)
                        taken += 1
                        last = taken
                    else:
                        threads[taken] = threading.Thread(
                            target=call, args=(inbox, taken, item)
                        )
                        threads[taken].start()
                        taken += 1
                        del item
                if given == last:
                    return
                while given not in outcomes:
                    message = inbox.get()
                    outcomes[message.place] = message
                    threads.pop(message.place).join()
                outcome = outcomes.pop(given)
                if outcome.error is not None:
                    raise outcome.error
                given += 1
                yield outcome.value
        finally:
            for thread in threads.values():
                thread.join()

    return actor()


class _Thread:
    """What one thread of a log holds."""

    def __init__(self, name):
        self.name = name
        self.depth = {}

    def acquire(self, lock):
        self.depth[lock] = self.depth.get(lock, 0) + 1

    def release(self, lock):
        if lock not in self.depth:
            raise ValueError(f"{self.name!r} releases {lock!r} but does not hold it")
        self.depth[lock] -= 1
        if not self.depth[lock]:
            self.depth.pop(lock)


class _Replay:
    """Subclasses say what they do at an acquisition and an access."""

    def __init__(self, log):
        self.threads = {}
        for thread, event, name in log:
            actor = self.threads.setdefault(thread, _Thread(thread))
            handler = getattr(self, f"_{event}", None) if event in self.EVENTS else None
            if handler is None:
                raise ValueError(f"event {event!r} is unknown")
            handler(actor, name)

    EVENTS = ("acquire", "release", "read", "write")

    def _acquire(self, actor, name):
        actor.acquire(name)

    def _release(self, actor, name):
        actor.release(name)

    def _read(self, actor, name):
        pass

    def _write(self, actor, name):
        pass


class _Order(_Replay):
    def __init__(self, log):
        self.edges = {}
        super().__init__(log)

    def _acquire(self, actor, name):
        if name not in actor.depth:
            held = frozenset(actor.depth)
            for lock in held:
                self.edges.setdefault(lock, {}).setdefault(name, set()).add(
                    (actor.name, held)
                )
        super()._acquire(actor, name)

    def cycles(self):
        """Yield simple cycles by a stack of (path, steps left)."""
        for start in sorted(self.edges):
            stack = [([start], self._steps([start]))]
            while stack:
                path, steps = stack[-1]
                if not steps:
                    stack.pop()
                    continue
                after = steps.pop()
                if after == start:
                    yield path
                else:
                    longer = [*path, after]
                    stack.append((longer, self._steps(longer)))

    def _steps(self, path):
        """The next nodes from which there is a way back to the start."""
        start = path[0]
        steps = []
        for after in self.edges.get(path[-1], ()):
            if after == start:
                steps.append(after)
            elif after > start and after not in path:
                seen, todo, back = {*path, after}, [after], False
                while todo and not back:
                    for node in self.edges.get(todo.pop(), ()):
                        back = back or node == start
                        if node > start and node not in seen:
                            seen.add(node)
                            todo.append(node)
                if back:
                    steps.append(after)
        return steps

    def deadlock(self, cycle):
        edges = [
            self.edges[a][b] for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True)
        ]
        seen = set()
        todo = [(0, None, None)]  # edges chosen, their guards, their thread or ()
        while todo:
            state = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            number, guards, who = state
            if number == len(edges):
                if who == () and not guards:
                    return True
                continue
            for thread, held in edges[number]:
                todo.append(
                    (
                        number + 1,
                        held if guards is None else guards & held,
                        thread if who in (None, thread) else (),
                    )
                )
        return False


class _Access(_Replay):
    def __init__(self, log):
        self.seen = {}
        super().__init__(log)

    def _note(self, actor, name, writes):
        held = set(actor.depth)
        threads, written, guards = self.seen.setdefault(name, (set(), [], held))
        threads.add(actor.name)
        guards &= held
        if writes:
            written.append(actor.name)

    def _read(self, actor, name):
        self._note(actor, name, False)

    def _write(self, actor, name):
        self._note(actor, name, True)


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Ask the replay of the lock order."""
    order = _Order(log)
    return sorted(cycle for cycle in order.cycles() if order.deadlock(cycle))


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """Ask the replay of the accesses."""
    return sorted(
        name
        for name, (threads, written, guards) in _Access(log).seen.items()
        if len(threads) > 1 and written and not guards
    )


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """Workers empty a queue of jobs and report to a queue of outcomes."""
    jobs = []
    workers = []
    finishing = False
    try:
        for job in coroutines:
            jobs.append(job)
        if limit < 1:
            raise ValueError(f"limit={limit!r}")
        todo = asyncio.Queue()
        reports = asyncio.Queue()
        for place, job in enumerate(jobs):
            todo.put_nowait((place, job))

        async def work():
            nonlocal finishing
            while not finishing and not todo.empty():
                place, job = todo.get_nowait()
                try:
                    reports.put_nowait((place, await job, None))
                except BaseException as error:
                    if not finishing:
                        finishing = True
                        reports.put_nowait((place, None, error))

        workers = [asyncio.create_task(work()) for _ in range(min(limit, len(jobs)))]
        results = {}

        async def collect():
            while len(results) < len(jobs):
                place, value, error = await reports.get()
                if error is not None:
                    return error
                results[place] = value
            return None

        collector = asyncio.create_task(collect())
        workers.append(collector)
        await asyncio.wait([collector], timeout=timeout)
        if not collector.done():
            raise TimeoutError(f"timeout={timeout!r}")
        if collector.result() is not None:
            raise collector.result()
        return [results[place] for place in range(len(jobs))]
    finally:
        finishing = True
        for worker in workers:
            worker.cancel()
        late = None
        while not all(worker.done() for worker in workers):
            try:
                await asyncio.gather(
                    *(asyncio.shield(worker) for worker in workers),
                    return_exceptions=True,
                )
            except asyncio.CancelledError as error:
                late = error
        for job in jobs:
            if asyncio.iscoroutine(job):
                job.close()
        if late is not None:
            raise late
