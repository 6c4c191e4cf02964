"""Events and waiters in linked lists, from the oldest to the newest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from threading import TIMEOUT_MAX, Condition, Lock
from typing import Generic, TypeVar

Clock = Callable[[], int]
T = TypeVar("T")


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class Node(Generic[T]):
    """One item of a chain."""

    __slots__ = ("after", "before", "item")

    def __init__(self, item: T) -> None:
        self.item = item
        self.before: Node[T] | None = None
        self.after: Node[T] | None = None


class Chain(Generic[T]):
    """A doubly linked list."""

    __slots__ = ("first", "last")

    def __init__(self) -> None:
        self.first: Node[T] | None = None
        self.last: Node[T] | None = None

    def __iter__(self) -> Iterator[T]:
        node = self.first
        while node:
            yield node.item
            node = node.after

    def append(self, item: T) -> Node[T]:
        node = Node(item)
        node.before = self.last
        if self.last:
            self.last.after = node
        else:
            self.first = node
        self.last = node
        return node

    def remove(self, node: Node[T]) -> None:
        if node.before:
            node.before.after = node.after
        else:
            self.first = node.after
        if node.after:
            node.after.before = node.before
        else:
            self.last = node.before


class Event:
    """Units accepted at a time."""

    __slots__ = ("time", "units")

    def __init__(self, time: int, units: int) -> None:
        self.time, self.units = time, units


class WindowState:
    """The events of one key in one window."""

    __slots__ = ("events", "free", "window")

    def __init__(self, limit: int, window: int) -> None:
        self.free, self.window = limit, window
        self.events: Chain[Event] = Chain()

    def advance(self, now: int) -> None:
        while (node := self.events.first) and node.item.time <= now - self.window:
            self.events.remove(node)
            self.free += node.item.units

    def available(self) -> int:
        return self.free

    def earliest(self, cost: int, now: int) -> int | None:
        free, time = self.free, now
        if cost <= free:
            return now
        for event in self.events:
            free += event.units
            time = event.time + self.window
            if cost <= free:
                return time
        return None

    def accept(self, cost: int, now: int) -> None:
        self.events.append(Event(now, cost))
        self.free -= cost

    def withdraw(self, cost: int) -> None:
        while cost and (node := self.events.last):
            back = min(cost, node.item.units)
            node.item.units -= back
            self.free += back
            cost -= back
            if node.item.units == 0:
                self.events.remove(node)

    def end(self, now: int) -> int:
        return self.events.last.item.time + self.window if self.events.last else now


class BucketState:
    """The parts of tokens that one key has, `per` of them to the token."""

    __slots__ = ("full", "now", "parts", "per", "refill")

    def __init__(self, refill: int, per: int, burst: int, now: int) -> None:
        self.refill, self.per = refill, per
        self.parts = self.full = burst * per
        self.now = now

    def advance(self, now: int) -> None:
        self.parts = min(self.full, self.parts + self.refill * (now - self.now))
        self.now = now

    def available(self) -> int:
        return self.parts // self.per

    def earliest(self, cost: int, now: int) -> int | None:
        parts = cost * self.per
        if parts > self.full:
            return None
        whole, rest = divmod(max(0, parts - self.parts), self.refill)
        return now + whole + (rest > 0)

    def accept(self, cost: int, now: int) -> None:
        self.parts -= cost * self.per

    def withdraw(self, cost: int) -> None:
        self.parts = min(self.full, self.parts + cost * self.per)

    def end(self, now: int) -> int:
        return self.now - (self.parts - self.full) // self.refill


State = WindowState | BucketState


def _demand(is_right: bool, complaint: str) -> None:
    if not is_right:
        raise ValueError(complaint)


class SlidingWindow:
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        _demand(limit >= 0, f"limit {limit}")
        _demand(window > 0, f"window {window}")
        self.limit, self.window, self.clock = limit, window, clock
        self._lonely = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._lonely.check(key, cost)

    def start(self, now: int) -> State:
        return WindowState(self.limit, self.window)


class TokenBucket:
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        _demand(refill > 0, f"refill {refill}")
        _demand(per > 0, f"per {per}")
        _demand(burst >= 0, f"burst {burst}")
        self.refill, self.per, self.burst, self.clock = refill, per, burst, clock
        self._lonely = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._lonely.check(key, cost)

    def start(self, now: int) -> State:
        return BucketState(self.refill, self.per, self.burst, now)


class Holder:
    """A key that is held."""

    __slots__ = ("due", "states")

    def __init__(self, states: list[State]) -> None:
        self.states = states
        self.due: int | None = None


class Waiter:
    """A call of `acquire` that waits."""

    def __init__(self, cost: int, deadline: int | None, lock: Lock) -> None:
        self.cost, self.deadline = cost, deadline
        self.signal = Condition(lock)
        self.wake_at = deadline
        self.result: bool | None = None

    def has_to_end(self, now: int) -> bool:
        return self.deadline is not None and now >= self.deadline

    def plan(self, ready: int) -> None:
        self.wake_at = ready if self.deadline is None else min(ready, self.deadline)

    def sleep(self, now: int) -> None:
        if self.wake_at is None:
            self.signal.wait()
        else:
            self.signal.wait(min((self.wake_at - now) / 10**6, TIMEOUT_MAX))


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        _demand(bool(rules), "rules ()")
        _demand(max_keys is None or max_keys >= 1, f"max_keys {max_keys}")
        self._rules, self._max_keys = rules, max_keys
        self._holders: dict[str, Holder] = {}
        self._ends: list[tuple[int, str]] = []
        self._waiters: dict[str, Chain[Waiter]] = {}
        self._latest: int | None = None
        self._lock = Lock()

    def check(self, key: str, cost: int = 1) -> Decision:
        _demand(cost >= 0, f"cost {cost}")
        with self._lock:
            return self._decide(key, cost, self._now())

    def refund(self, key: str, cost: int = 1) -> None:
        _demand(cost >= 0, f"cost {cost}")
        with self._lock:
            now = self._now()
            if holder := self._holders.get(key):
                self._advance(holder, now)
                for state in holder.states:
                    state.withdraw(cost)
                self._settle(key, holder, now)
                self._compact()
                self._proceed(key, now)
                self._rouse(key)

    def keys(self) -> int:
        with self._lock:
            return len(self._holders)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        _demand(cost >= 0, f"cost {cost}")
        with self._lock:
            now = self._now()
            if cost == 0:
                return True
            if self._has_no_hope(key, cost, now):
                return False
            deadline = None if timeout is None else now + max(0, timeout)
            waiter = Waiter(cost, deadline, self._lock)
            return self._wait(key, waiter, now)

    def _wait(self, key: str, waiter: Waiter, now: int) -> bool:
        node = self._waiters.setdefault(key, Chain()).append(waiter)
        try:
            self._proceed(key, now)
            while waiter.result is None and not waiter.has_to_end(now):
                waiter.sleep(now)
                now = self._now()
                self._proceed(key, now)
        finally:
            if waiter.result is None:
                self._waiters[key].remove(node)
                self._rouse(key)
        return bool(waiter.result)

    def _proceed(self, key: str, now: int) -> None:
        chain = self._waiters.get(key)
        if chain is None:
            return
        while node := chain.first:
            decision = self._decide(key, node.item.cost, now)
            if decision.retry_after > 0 and not node.item.has_to_end(now):
                node.item.plan(now + decision.retry_after)
                return
            node.item.result = decision.allowed
            node.item.signal.notify()
            chain.remove(node)
            self._rouse(key)
        del self._waiters[key]

    def _rouse(self, key: str) -> None:
        chain = self._waiters.get(key)
        if chain and chain.first:
            chain.first.item.signal.notify()

    def _now(self) -> int:
        now = self._rules[0].clock()
        if self._latest is not None and now < self._latest:
            now = self._latest
        self._latest = now
        while self._ends and self._ends[0][0] <= now:
            due, key = heappop(self._ends)
            holder = self._holders.get(key)
            if holder and holder.due == due:
                self._settle(key, holder, now)
        return now

    def _settle(self, key: str, holder: Holder, now: int) -> None:
        due = max([state.end(now) for state in holder.states])
        if due <= now:
            del self._holders[key]
        elif due != holder.due:
            holder.due = due
            heappush(self._ends, (due, key))

    def _compact(self) -> None:
        if len(self._ends) > 2 * len(self._holders) + 10:
            ends = [(holder.due or 0, key) for key, holder in self._holders.items()]
            self._ends = sorted(ends)

    def _advance(self, holder: Holder, now: int) -> None:
        for state in holder.states:
            state.advance(now)

    def _begin(self, now: int) -> Holder:
        return Holder([rule.start(now) for rule in self._rules])

    def _is_crowded(self, key: str) -> bool:
        if self._max_keys is None or key in self._holders:
            return False
        return len(self._holders) >= self._max_keys

    def _has_no_hope(self, key: str, cost: int, now: int) -> bool:
        fresh = self._begin(now)
        return self._is_crowded(key) or self._retry_after(fresh, cost, now) < 0

    def _retry_after(self, holder: Holder, cost: int, now: int) -> int:
        times = [state.earliest(cost, now) for state in holder.states]
        known = [time for time in times if time is not None]
        return max(known) - now if len(known) == len(times) else -1

    def _decide(self, key: str, cost: int, now: int) -> Decision:
        if cost > 0 and self._is_crowded(key):
            return Decision(False, -1, 0)
        holder = self._holders.get(key) or self._begin(now)
        self._advance(holder, now)
        available = min([state.available() for state in holder.states])
        if cost > available:
            return Decision(False, self._retry_after(holder, cost, now), available)
        if cost > 0:
            for state in holder.states:
                state.accept(cost, now)
            if key not in self._holders:
                self._holders[key] = holder
                self._settle(key, holder, now)
        return Decision(True, 0, available - cost)
