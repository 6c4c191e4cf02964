"""`keys()` goes through the keys while other threads may bring new ones.

Caught: level 4, correctness
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], int]  # integer microseconds since some epoch


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


def _cost(cost):
    if cost < 0:
        raise ValueError(f"cost must not be negative: {cost}")


class _Log:
    __slots__ = ("events", "limit", "used", "window")

    def __init__(self, limit, window):
        self.limit = limit
        self.window = window
        self.events = deque()
        self.used = 0

    def move(self, now):
        events = self.events
        edge = now - self.window
        while events and events[0][0] <= edge:
            self.used -= events.popleft()[1]

    def wait(self, now, cost):
        if cost > self.limit:
            return -1
        over = self.used + cost - self.limit
        if over <= 0:
            return 0
        for when, units in self.events:
            over -= units
            if over <= 0:
                return when + self.window - now
        raise AssertionError

    def left(self):
        return self.limit - self.used

    def take(self, now, cost):
        self.events.append((now, cost))
        self.used += cost

    def give(self, cost):
        events = self.events
        while cost and events:
            when, units = events.pop()
            if units > cost:
                events.append((when, units - cost))
                units = cost
            self.used -= units
            cost -= units

    def fresh_at(self, now):
        return self.events[-1][0] + self.window if self.events else now


class _Tokens:
    __slots__ = ("at", "full", "level", "per", "refill")

    def __init__(self, refill, per, burst, now):
        self.refill = refill
        self.per = per
        self.full = burst * per
        self.level = self.full
        self.at = now

    def move(self, now):
        self.level = min(self.full, self.level + (now - self.at) * self.refill)
        self.at = now

    def wait(self, now, cost):
        need = cost * self.per
        if need > self.full:
            return -1
        lack = need - self.level
        return -(-lack // self.refill) if lack > 0 else 0

    def left(self):
        return self.level // self.per

    def take(self, now, cost):
        self.level -= cost * self.per

    def give(self, cost):
        self.level = min(self.full, self.level + cost * self.per)

    def fresh_at(self, now):
        return now - (self.level - self.full) // self.refill


class _Alone:
    def _begin(self, clock):
        self.clock = clock
        self._latest = None
        self._keys = {}
        self._lock = threading.Lock()

    def check(self, key, cost=1):
        _cost(cost)
        with self._lock:
            now = self.clock()
            if self._latest is not None and now < self._latest:
                now = self._latest
            self._latest = now
            state = self._keys.get(key)
            if state is None:
                state = self.fresh(now)
                if 0 < cost <= self.most:
                    self._keys[key] = state
            state.move(now)
            wait = state.wait(now, cost)
            if wait:
                return Decision(False, wait, state.left())
            if cost:
                state.take(now, cost)
            return Decision(True, 0, state.left())


class SlidingWindow(_Alone):
    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        if limit < 0:
            raise ValueError(f"limit must not be negative: {limit}")
        if window <= 0:
            raise ValueError(f"window must be positive: {window}")
        self.limit = self.most = limit
        self.window = window
        self._begin(clock)

    def fresh(self, now):
        return _Log(self.limit, self.window)


class TokenBucket(_Alone):
    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        if refill <= 0:
            raise ValueError(f"refill must be positive: {refill}")
        if per <= 0:
            raise ValueError(f"per must be positive: {per}")
        if burst < 0:
            raise ValueError(f"burst must not be negative: {burst}")
        self.refill = refill
        self.per = per
        self.burst = self.most = burst
        self._begin(clock)

    def fresh(self, now):
        return _Tokens(self.refill, self.per, self.burst, now)


class _Waiter:
    def __init__(self, cost, lock):
        self.cost = cost
        self.answer = None
        self.condition = threading.Condition(lock)


class Limiter:
    def __init__(self, *rules, max_keys: int | None = None) -> None:
        if not rules:
            raise ValueError(f"there must be a rule: {rules}")
        if max_keys is not None and max_keys < 1:
            raise ValueError(f"max_keys must be at least 1: {max_keys}")
        self._rules = rules
        self._most = min(rule.most for rule in rules)
        self._max_keys = max_keys
        self._latest = None
        self._held = {}
        self._due = {}
        self._notes = []
        self._count = 0
        self._lines = {}
        self._lock = threading.Lock()

    def check(self, key: str, cost: int = 1) -> Decision:
        _cost(cost)
        with self._lock:
            return self._decide(key, cost, self._now())

    def refund(self, key: str, cost: int = 1) -> None:
        _cost(cost)
        with self._lock:
            now = self._now()
            states = self._held.get(key)
            if states is None:
                return
            for state in states:
                state.move(now)
                state.give(cost)
            self._note(key, states, now)
            if key in self._lines:
                self._pump(key, now)
            if key in self._lines:
                self._lines[key][0].condition.notify()

    def keys(self) -> int:
        return sum(1 for key in self._held if key is not None)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        _cost(cost)
        with self._lock:
            if cost == 0:
                return True
            now = self._now()
            if cost > self._most:
                return False
            line = self._lines.get(key)
            if line is None:
                first = self._decide(key, cost, now)
                if first.allowed:
                    return True
                if first.retry_after < 0:
                    return False
            if timeout is not None and timeout <= 0:
                return False
            deadline = None if timeout is None else now + timeout
            me = _Waiter(cost, self._lock)
            if line is None:
                line = self._lines[key] = deque()
            line.append(me)
            try:
                while True:
                    pause = self._pump(key, now)
                    if me.answer is not None:
                        return me.answer
                    if line[0] is not me:
                        pause = None
                    if deadline is not None:
                        if now >= deadline:
                            return False
                        rest = deadline - now
                        pause = rest if pause is None else min(pause, rest)
                    if pause is None:
                        me.condition.wait()
                    else:
                        me.condition.wait(min(pause, 10**12) / 1e6)
                    now = self._now()
            finally:
                if me.answer is None:
                    head = line[0] is me
                    line.remove(me)
                    if not line:
                        del self._lines[key]
                    elif head:
                        line[0].condition.notify()

    def _pump(self, key, now):
        line = self._lines.get(key)
        served = False
        while line:
            head = line[0]
            decision = self._decide(key, head.cost, now)
            if decision.retry_after > 0:
                if served:
                    head.condition.notify()
                return decision.retry_after
            head.answer = decision.allowed
            head.condition.notify()
            line.popleft()
            served = True
        if line is not None:
            del self._lines[key]
        return None

    def _now(self):
        now = self._rules[0].clock()
        if self._latest is None or now > self._latest:
            self._latest = now
        return self._latest

    def _decide(self, key, cost, now):
        self._sweep(now)
        states = self._held.get(key)
        new = states is None
        if new:
            if (
                cost
                and self._max_keys is not None
                and len(self._held) >= self._max_keys
            ):
                return Decision(False, -1, 0)
            states = [rule.fresh(now) for rule in self._rules]
        longest = 0
        for state in states:
            state.move(now)
            wait = state.wait(now, cost)
            if wait < 0 or longest < 0:
                longest = -1
            elif wait > longest:
                longest = wait
        if longest == 0 and cost:
            for state in states:
                state.take(now, cost)
            if new:
                self._held[key] = states
                self._note(key, states, now)
        left = min(state.left() for state in states)
        return Decision(longest == 0, longest, left)

    def _note(self, key, states, now):
        due = max(state.fresh_at(now) for state in states)
        old = self._due.get(key)
        if old is None or due < old:
            self._due[key] = due
            self._count += 1
            heapq.heappush(self._notes, (due, self._count, key))
            if len(self._notes) > 4 * len(self._held) + 64:
                self._notes = [
                    (d, i, k) for d, i, k in self._notes if self._due.get(k) == d
                ]
                heapq.heapify(self._notes)

    def _sweep(self, now):
        notes = self._notes
        while notes and notes[0][0] <= now:
            due, _, key = heapq.heappop(notes)
            if self._due.get(key) != due:
                continue
            states = self._held[key]
            del self._due[key]
            for state in states:
                state.move(now)
            later = max(state.fresh_at(now) for state in states)
            if later <= now:
                del self._held[key]
            else:
                self._due[key] = later
                self._count += 1
                heapq.heappush(notes, (later, self._count, key))
