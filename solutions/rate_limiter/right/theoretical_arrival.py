"""Buckets by one number a key: the time at which the bucket would be full again.

That time is kept in parts of 1/`refill` microsecond, so that it is exact. A window
keeps its units run by run, and each key is looked after under a lock of the limiter.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

Clock = Callable[[], int]


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


def _positive(what: str, number: int) -> int:
    if number <= 0:
        raise ValueError(f"{what} has to be positive: {number}")
    return number


def _not_negative(what: str, number: int) -> int:
    if number < 0:
        raise ValueError(f"{what} must not be negative: {number}")
    return number


@dataclass
class _Runs:
    """The units of a window as runs of the same time."""

    limit: int
    window: int
    used: int = 0
    runs: deque[list[int]] = field(default_factory=deque)

    def room(self, now: int) -> int:
        while self.runs and self.runs[0][0] + self.window <= now:
            self.used -= self.runs.popleft()[1]
        return self.limit - self.used

    def ready_at(self, cost: int, now: int) -> int | None:
        if cost > self.limit:
            return None
        lacking = cost - self.room(now)
        leaving = iter(self.runs)
        ready = now
        while lacking > 0:
            time, units = next(leaving)
            lacking -= units
            ready = time + self.window
        return ready

    def add(self, cost: int, now: int) -> None:
        self.used += cost
        if self.runs and self.runs[-1][0] == now:
            self.runs[-1][1] += cost
        else:
            self.runs.append([now, cost])

    def remove(self, cost: int) -> None:
        cost = min(cost, self.used)
        self.used -= cost
        while cost > 0:
            newest = self.runs[-1]
            taken = min(cost, newest[1])
            newest[1] -= taken
            cost -= taken
            if not newest[1]:
                self.runs.pop()

    def full_at(self, now: int) -> int:
        return self.runs[-1][0] + self.window if self.runs else now


@dataclass
class _Arrival:
    """The time at which a bucket is full again, `refill` parts to the microsecond."""

    refill: int
    per: int
    burst: int
    full: int | None = None

    def ahead(self, now: int) -> int:
        return 0 if self.full is None else max(0, self.full - now * self.refill)

    def room(self, now: int) -> int:
        return (self.burst * self.per - self.ahead(now)) // self.per

    def ready_at(self, cost: int, now: int) -> int | None:
        if cost > self.burst:
            return None
        late = self.ahead(now) - (self.burst - cost) * self.per
        return now + max(0, -(-late // self.refill))

    def add(self, cost: int, now: int) -> None:
        self.full = now * self.refill + self.ahead(now) + cost * self.per

    def remove(self, cost: int) -> None:
        if self.full is not None:
            self.full -= cost * self.per

    def full_at(self, now: int) -> int:
        return now + -(-self.ahead(now) // self.refill)


class SlidingWindow:
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        self.limit = _not_negative("limit", limit)
        self.window = _positive("window", window)
        self.clock = clock
        self._decider = _Decider((self,), None)

    def begin(self) -> _Runs:
        return _Runs(self.limit, self.window)

    def check(self, key: str, cost: int = 1) -> Decision:
        with self._decider.lock:
            return self._decider.check(key, _not_negative("cost", cost))


class TokenBucket:
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        self.refill = _positive("refill", refill)
        self.per = _positive("per", per)
        self.burst = _not_negative("burst", burst)
        self.clock = clock
        self._decider = _Decider((self,), None)

    def begin(self) -> _Arrival:
        return _Arrival(self.refill, self.per, self.burst)

    def check(self, key: str, cost: int = 1) -> Decision:
        with self._decider.lock:
            return self._decider.check(key, _not_negative("cost", cost))


class _Decider:
    """Decide for one thread at a time, and hold the keys that matter."""

    def __init__(
        self, rules: tuple[SlidingWindow | TokenBucket, ...], most: int | None
    ) -> None:
        self.lock = threading.Lock()
        self.rules, self.most = rules, most
        self.states: dict[str, list[_Runs | _Arrival]] = {}
        self.when: dict[str, int] = {}
        self.heap: list[tuple[int, str]] = []
        self.latest: int | None = None

    def check(self, key: str, cost: int) -> Decision:
        return self.check_at(key, cost, self.now())

    def now(self) -> int:
        read = self.rules[0].clock()
        if self.latest is None or read > self.latest:
            self.latest = read
            while self.heap and self.heap[0][0] <= read:
                due, key = heappop(self.heap)
                if self.when.get(key) == due:
                    self.expect(key, read)
        return self.latest

    def expect(self, key: str, now: int) -> None:
        due = max(state.full_at(now) for state in self.states[key])
        if due <= now:
            del self.states[key]
            self.when.pop(key, None)
        elif self.when.get(key) != due:
            self.when[key] = due
            heappush(self.heap, (due, key))
            if len(self.heap) > 2 * len(self.when) + 8:
                self.heap = sorted((due, key) for key, due in self.when.items())

    def no_place(self, key: str) -> bool:
        full = self.most is not None and len(self.states) >= self.most
        return full and key not in self.states

    def check_at(self, key: str, cost: int, now: int) -> Decision:
        if cost and self.no_place(key):
            return Decision(False, -1, 0)
        states = self.states.get(key) or [rule.begin() for rule in self.rules]
        room = min(state.room(now) for state in states)
        if cost > room:
            return Decision(False, self.delay(states, cost, now), room)
        if cost:
            for state in states:
                state.add(cost, now)
            if key not in self.states:
                self.states[key] = states
                self.expect(key, now)
        return Decision(True, 0, room - cost)

    @staticmethod
    def delay(states: list[_Runs | _Arrival], cost: int, now: int) -> int:
        latest = now
        for state in states:
            ready = state.ready_at(cost, now)
            if ready is None:
                return -1
            latest = max(latest, ready)
        return latest - now

    def is_hopeless(self, key: str, cost: int, now: int) -> bool:
        fresh = [rule.begin() for rule in self.rules]
        return self.no_place(key) or self.delay(fresh, cost, now) < 0

    def refund(self, key: str, cost: int, now: int) -> None:
        for state in self.states.get(key, []):
            state.remove(cost)
        if key in self.states:
            self.expect(key, now)


class _Waiter:
    def __init__(self, cost: int, deadline: int | None, lock: threading.Lock) -> None:
        self.cost, self.deadline = cost, deadline
        self.bell = threading.Condition(lock)
        self.answer: bool | None = None

    def is_over(self, now: int) -> bool:
        return self.deadline is not None and self.deadline <= now

    def say(self, answer: bool) -> None:
        self.answer = answer
        self.bell.notify()

    def rest(self, now: int, ready: int | None) -> None:
        ends = [end for end in (self.deadline, ready) if end is not None]
        if ends:
            self.bell.wait(min((min(ends) - now) / 1e6, threading.TIMEOUT_MAX))
        else:
            self.bell.wait()


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError("at least one rule has to be given: ()")
        most = None if max_keys is None else _positive("max_keys", max_keys)
        self._decider = _Decider(rules, most)
        self._lines: dict[str, deque[_Waiter]] = {}

    def check(self, key: str, cost: int = 1) -> Decision:
        with self._decider.lock:
            return self._decider.check(key, _not_negative("cost", cost))

    def refund(self, key: str, cost: int = 1) -> None:
        _not_negative("cost", cost)
        with self._decider.lock:
            now = self._decider.now()
            self._decider.refund(key, cost, now)
            self._serve(key, now)
            if line := self._lines.get(key):
                line[0].bell.notify()

    def keys(self) -> int:
        with self._decider.lock:
            return len(self._decider.states)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        _not_negative("cost", cost)
        with self._decider.lock:
            now = self._decider.now()
            if cost == 0 or self._decider.is_hopeless(key, cost, now):
                return cost == 0
            deadline = None if timeout is None else now + max(timeout, 0)
            waiter = _Waiter(cost, deadline, self._decider.lock)
            self._lines.setdefault(key, deque()).append(waiter)
            return self._stay(key, waiter, now)

    def _stay(self, key: str, waiter: _Waiter, now: int) -> bool:
        ready = self._serve(key, now)
        while waiter.answer is None and not waiter.is_over(now):
            is_first = self._lines[key][0] is waiter
            waiter.rest(now, ready if is_first else None)
            now = self._decider.now()
            ready = self._serve(key, now)
        if waiter.answer is None:  # its time is up behind others
            self._lines[key].remove(waiter)
        return waiter.answer is True

    def _serve(self, key: str, now: int) -> int | None:
        line = self._lines.get(key)
        served = False
        while line:
            said = self._decider.check_at(key, line[0].cost, now)
            if said.retry_after > 0 and not line[0].is_over(now):
                if served:
                    line[0].bell.notify()
                return now + said.retry_after
            line.popleft().say(said.allowed)
            served = True
        self._lines.pop(key, None)
        return None
