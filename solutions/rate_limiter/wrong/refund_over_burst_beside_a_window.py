"""A refund fills a bucket beyond burst until time goes on, where a window holds.

Caught: level 3, correctness
"""

from __future__ import annotations

import heapq
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

Clock = Callable[[], int]  # integer microseconds since some epoch


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


def at_least(low: int, **values: int) -> None:
    for name, value in values.items():
        if value < low:
            raise ValueError(f"{name}={value} must be at least {low}")


class _Usage:
    """Units by the instant at which they were accepted, oldest first."""

    __slots__ = ("by_instant", "used")

    def __init__(self) -> None:
        self.by_instant: OrderedDict[int, int] = OrderedDict()
        self.used = 0


class SlidingWindow:
    """Allow each key at most `limit` units in any `window` microseconds (level 1)."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        at_least(0, limit=limit)
        at_least(1, window=window)
        self.limit = limit
        self.window = window
        self.clock = clock
        self._own = _Book((self,))

    def check(self, key: str, cost: int = 1) -> Decision:
        at_least(0, cost=cost)
        return self._own.decide(key, cost, self._own.now())

    # how a rule treats a state that somebody else keeps

    def start(self) -> _Usage:
        return _Usage()

    def expire(self, state: _Usage, now: int) -> None:
        gone = now - self.window
        while state.by_instant:
            oldest = next(iter(state.by_instant))
            if oldest > gone:
                break
            state.used -= state.by_instant.pop(oldest)

    def left(self, state: _Usage, now: int) -> int:
        return self.limit - state.used

    def wait(self, state: _Usage, now: int, cost: int) -> int | None:
        if cost > self.limit:
            return None
        excess = state.used + cost - self.limit
        if excess <= 0:
            return 0
        for instant, units in state.by_instant.items():
            excess -= units
            if excess <= 0:
                return instant + self.window - now
        return None

    def charge(self, state: _Usage, now: int, cost: int) -> None:
        state.by_instant[now] = state.by_instant.get(now, 0) + cost
        state.used += cost

    def refund(self, state: _Usage, now: int, cost: int) -> None:
        cost = min(cost, state.used)
        state.used -= cost
        while cost > 0:
            instant, units = state.by_instant.popitem()
            if units > cost:
                state.by_instant[instant] = units - cost
            cost -= units

    def fresh_from(self, state: _Usage, now: int) -> int:
        if not state.by_instant:
            return now
        return next(reversed(state.by_instant)) + self.window


class _Level:
    """How many tokens are missing from a full bucket, and when that was so."""

    __slots__ = ("at", "missing")

    def __init__(self) -> None:
        self.missing: int | Fraction = 0
        self.at = 0


class TokenBucket:
    """Refill `refill` tokens every `per` microseconds, up to `burst` (level 2)."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        at_least(1, refill=refill, per=per)
        at_least(0, burst=burst)
        self.refill = refill
        self.per = per
        self.rate = Fraction(refill, per)  # tokens in a microsecond
        self.burst = burst
        self.clock = clock
        self._own = _Book((self,))

    def check(self, key: str, cost: int = 1) -> Decision:
        at_least(0, cost=cost)
        return self._own.decide(key, cost, self._own.now())

    def start(self) -> _Level:
        return _Level()

    def expire(self, state: _Level, now: int) -> None:
        if state.missing and now > state.at:
            state.missing = max(state.missing - (now - state.at) * self.rate, 0)
        state.at = now

    def left(self, state: _Level, now: int) -> int:
        return self.burst - math.ceil(state.missing)

    def wait(self, state: _Level, now: int, cost: int) -> int | None:
        if cost > self.burst:
            return None
        excess = state.missing + cost - self.burst
        return 0 if excess <= 0 else self._time_for(excess)

    def charge(self, state: _Level, now: int, cost: int) -> None:
        state.missing += cost

    def refund(self, state: _Level, now: int, cost: int) -> None:
        state.missing -= cost

    def fresh_from(self, state: _Level, now: int) -> int:
        return now + self._time_for(state.missing)

    def _time_for(self, tokens: int | Fraction) -> int:
        return -(-tokens * self.per // self.refill)


class _Book:
    """The states of all keys under some rules, and one idea of what time it is."""

    def __init__(
        self,
        rules: tuple[SlidingWindow | TokenBucket, ...],
        max_keys: int | None = None,
    ) -> None:
        self.rules = rules
        self.max_keys = max_keys
        self.time: int | None = None
        self.states: dict[str, list] = {}
        self.due_of: dict[str, int] = {}
        self.due_at: dict[int, set[str]] = {}  # its keys are just those of the heap
        self.heap: list[int] = []

    def now(self) -> int:
        read = self.rules[0].clock()
        self.time = read if self.time is None else max(self.time, read)
        while self.heap and self.heap[0] <= self.time:
            for key in self.due_at.pop(heapq.heappop(self.heap)):
                del self.due_of[key]
                self.plan(key, self.time)
        return self.time

    def plan(self, key: str, now: int) -> None:
        """Forget the key if it is fresh, and else look again when it may be."""
        states = self.states[key]
        due = now
        for rule, state in zip(self.rules, states, strict=True):
            rule.expire(state, now)
            due = max(due, rule.fresh_from(state, now))
        old = self.due_of.get(key)
        if due <= now:
            del self.states[key]
        elif old is not None and old <= due:
            return
        if old is not None:
            self.due_at[old].discard(key)
            del self.due_of[key]
        if due <= now:
            return
        self.due_of[key] = due
        if due not in self.due_at:
            self.due_at[due] = set()
            heapq.heappush(self.heap, due)
            if len(self.heap) > 2 * len(self.states) + 50:
                self.due_at = {at: keys for at, keys in self.due_at.items() if keys}
                self.due_at.setdefault(due, set())
                self.heap = sorted(self.due_at)
        self.due_at[due].add(key)

    def decide(self, key: str, cost: int, now: int, dry: bool = False) -> Decision:
        states = self.states.get(key)
        new = states is None
        if new:
            if self.max_keys is not None and len(self.states) >= self.max_keys:
                return Decision(cost == 0, -1 if cost else 0, 0)
            states = [rule.start() for rule in self.rules]
        waits = []
        for rule, state in zip(self.rules, states, strict=True):
            rule.expire(state, now)
            waits.append(rule.wait(state, now, cost))
        wait = -1 if None in waits else max(waits)
        if wait == 0 and cost > 0 and not dry:
            for rule, state in zip(self.rules, states, strict=True):
                rule.charge(state, now, cost)
            if new:
                self.states[key] = states
                self.plan(key, now)
        left = min(
            rule.left(state, now)
            for rule, state in zip(self.rules, states, strict=True)
        )
        return Decision(wait == 0, wait, left)

    def refund(self, key: str, cost: int, now: int) -> None:
        if key in self.states:
            for rule, state in zip(self.rules, self.states[key], strict=True):
                rule.expire(state, now)
                rule.refund(state, now, cost)
            self.plan(key, now)


@dataclass(eq=False)
class _Call:
    """A call that waits; `news` tells it to look around."""

    cost: int
    deadline: int | None
    answer: bool | None = None
    news: bool = field(default=False)


class Limiter:
    """Allow a call only if every rule does (levels 3 and 4)."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError(f"rules={rules} must not be empty")
        if max_keys is not None:
            at_least(1, max_keys=max_keys)
        self._book = _Book(rules, max_keys)
        self._monitor = threading.Condition()
        self._queues: dict[str, list[_Call]] = {}

    def check(self, key: str, cost: int = 1) -> Decision:
        at_least(0, cost=cost)
        with self._monitor:
            return self._book.decide(key, cost, self._book.now())

    def refund(self, key: str, cost: int = 1) -> None:
        at_least(0, cost=cost)
        with self._monitor:
            now = self._book.now()
            self._book.refund(key, cost, now)
            self._settle(key, now)
            if key in self._queues:
                self._queues[key][0].news = True
                self._monitor.notify_all()

    def keys(self) -> int:
        with self._monitor:
            return len(self._book.states)

    def _settle(self, key: str, now: int) -> None:
        """Answer the calls at the head of the queue that can be answered now."""
        queue = self._queues.get(key, [])
        answered = 0
        for call in queue:
            decision = self._book.decide(key, call.cost, now)
            late = call.deadline is not None and now >= call.deadline
            if not (decision.allowed or late or decision.retry_after == -1):
                call.news = call.news or answered > 0
                break
            call.answer = decision.allowed
            answered += 1
        if answered:
            del queue[:answered]
            if not queue:
                del self._queues[key]
            self._monitor.notify_all()

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        at_least(0, cost=cost)
        with self._monitor:
            now = self._book.now()
            look = self._book.decide(key, cost, now, dry=True)
            if cost == 0 or look.retry_after == -1:
                return cost == 0
            if key not in self._queues and look.allowed:
                return self._book.decide(key, cost, now).allowed
            if timeout is not None and timeout <= 0:
                return False
            call = _Call(cost, None if timeout is None else now + timeout)
            queue = self._queues.setdefault(key, [])
            queue.append(call)
            while True:
                self._settle(key, now)
                if call.answer is not None:
                    return call.answer
                if call.deadline is not None and now >= call.deadline:
                    queue.remove(call)
                    return False
                wake = call.deadline
                if queue[0] is call:
                    retry = (
                        now + self._book.decide(key, cost, now, dry=True).retry_after
                    )
                    wake = retry if wake is None else min(wake, retry)
                call.news = False
                pause = None if wake is None else min(wake - now, 10**15) / 10**6
                self._monitor.wait_for(
                    lambda: call.news or call.answer is not None, pause
                )
                now = self._book.now()
