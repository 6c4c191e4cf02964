"""A calendar says which keys recover when; a key has one entry in it, never an old one.

Windows merge calls of the same time, and trim their lists only when they append.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from threading import TIMEOUT_MAX, Condition, RLock

Clock = Callable[[], int]


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        if limit < 0:
            raise ValueError(f"limit: {limit}")
        if window <= 0:
            raise ValueError(f"window: {window}")
        self.limit, self.window, self.clock = limit, window, clock
        self._solo = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._solo.check(key, cost)

    def part(self) -> Part:
        return WindowPart(self.limit, self.window)


class TokenBucket:
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        if refill <= 0:
            raise ValueError(f"refill: {refill}")
        if per <= 0:
            raise ValueError(f"per: {per}")
        if burst < 0:
            raise ValueError(f"burst: {burst}")
        self.refill, self.per, self.burst, self.clock = refill, per, burst, clock
        self._solo = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._solo.check(key, cost)

    def part(self) -> Part:
        return BucketPart(self.refill, self.per, self.burst)


class WindowPart:
    """Times without repetition, and the sum of all units up to each."""

    def __init__(self, limit: int, window: int) -> None:
        self.limit, self.window = limit, window
        self.times: list[int] = []
        self.sums: list[int] = []
        self.base = 0  # units trimmed off so far

    def _start(self, now: int) -> int:
        return bisect_right(self.times, now - self.window)

    def _gone(self, start: int) -> int:
        return self.sums[start - 1] if start else self.base

    def _all(self) -> int:
        return self.sums[-1] if self.sums else self.base

    def free(self, now: int) -> int:
        return self.limit - self._all() + self._gone(self._start(now))

    def wait(self, cost: int, now: int) -> int:
        if cost > self.limit:
            return -1
        start = self._start(now)
        target = self._all() + cost - self.limit
        if target <= self._gone(start):
            return 0
        return self.times[bisect_left(self.sums, target, start)] + self.window - now

    def use(self, cost: int, now: int) -> None:
        self._trim(now)
        total = self._all() + cost
        if self.times and self.times[-1] == now:
            self.sums[-1] = total
        else:
            self.times.append(now)
            self.sums.append(total)

    def unuse(self, cost: int, now: int) -> None:
        start = self._start(now)
        target = max(self._gone(start), self._all() - cost)
        while len(self.sums) > start and self.sums[-1] > target:
            newest = self.times.pop()
            self.sums.pop()
            if self._all() < target:
                self.times.append(newest)
                self.sums.append(target)

    def calm_at(self, now: int) -> int:
        return max(now, self.times[-1] + self.window) if self.times else now

    def _trim(self, now: int) -> None:
        if len(self.times) < 8 or self.times[len(self.times) // 2] > now - self.window:
            return
        start = self._start(now)
        self.base = self._gone(start)
        del self.times[:start], self.sums[:start]


class BucketPart:
    """How much was used at the last time, in parts of 1/`per` token."""

    def __init__(self, refill: int, per: int, burst: int) -> None:
        self.refill, self.per, self.burst = refill, per, burst
        self.used, self.since = 0, 0

    def _used(self, now: int) -> int:
        if not self.used:
            return 0
        return max(0, self.used - self.refill * (now - self.since))

    def free(self, now: int) -> int:
        return (self.burst * self.per - self._used(now)) // self.per

    def wait(self, cost: int, now: int) -> int:
        if cost > self.burst:
            return -1
        over = self._used(now) + (cost - self.burst) * self.per
        return max(0, (over + self.refill - 1) // self.refill)

    def use(self, cost: int, now: int) -> None:
        self.used, self.since = self._used(now) + cost * self.per, now

    def unuse(self, cost: int, now: int) -> None:
        self.used, self.since = max(0, self._used(now) - cost * self.per), now

    def calm_at(self, now: int) -> int:
        return now + (self._used(now) + self.refill - 1) // self.refill


Part = WindowPart | BucketPart


class Calendar:
    """Remember for each key when to look at it."""

    def __init__(self) -> None:
        self._day_of: dict[str, int] = {}
        self._days: dict[int, set[str]] = {}
        self._order: list[int] = []

    def put(self, key: str, day: int) -> None:
        if self._day_of.get(key) == day:
            return
        self.remove(key)
        self._day_of[key] = day
        if day not in self._days:
            self._days[day] = set()
            heappush(self._order, day)
        self._days[day].add(key)
        self._forget_empty_days()

    def remove(self, key: str) -> None:
        if key in self._day_of:
            self._days[self._day_of.pop(key)].discard(key)

    def take_until(self, now: int) -> list[str]:
        keys: list[str] = []
        while self._order and self._order[0] <= now:
            keys += sorted(self._days.pop(heappop(self._order)))
        for key in keys:
            del self._day_of[key]
        return keys

    def _forget_empty_days(self) -> None:
        if len(self._days) > 2 * len(self._day_of) + 16:
            self._days = {day: keys for day, keys in self._days.items() if keys}
            self._order = sorted(self._days)


class Place:
    """A place in the line for a key."""

    def __init__(self, cost: int, deadline: int | None) -> None:
        self.cost, self.deadline = cost, deadline
        self.verdict: bool | None = None

    def expires(self, now: int) -> bool:
        return self.deadline is not None and self.deadline <= now


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError("rules: ()")
        if max_keys is not None and max_keys < 1:
            raise ValueError(f"max_keys: {max_keys}")
        self._rules = rules
        self._max_keys = max_keys
        self._parts: dict[str, list[Part]] = {}
        self._calendar = Calendar()
        self._latest: int | None = None
        self._change = Condition(RLock())
        self._lines: dict[str, list[Place]] = {}

    def check(self, key: str, cost: int = 1) -> Decision:
        self._validate(cost)
        with self._change:
            return self._ask(key, cost, self._now())

    def refund(self, key: str, cost: int = 1) -> None:
        self._validate(cost)
        with self._change:
            now = self._now()
            for part in self._parts.get(key, []):
                part.unuse(cost, now)
            self._review(key, now)
            self._move_up(key, now)
            self._change.notify_all()

    def keys(self) -> int:
        with self._change:
            return len(self._parts)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        self._validate(cost)
        with self._change:
            now = self._now()
            if cost == 0 or self._never(key, cost, now):
                return cost == 0
            place = Place(cost, None if timeout is None else now + max(0, timeout))
            self._lines.setdefault(key, []).append(place)
            return self._stand(key, place, now)

    def _stand(self, key: str, place: Place, now: int) -> bool:
        ready = self._move_up(key, now)
        while place.verdict is None and not place.expires(now):
            until = ready if place.deadline is None else min(ready, place.deadline)
            self._change.wait(min((until - now) / 1e6, TIMEOUT_MAX))
            now = self._now()
            ready = self._move_up(key, now)
        if place.verdict is None:
            self._lines[key].remove(place)
        return bool(place.verdict)

    def _move_up(self, key: str, now: int) -> int:
        """Let in who may, and return when the next may."""
        line = self._lines.get(key, [])
        count = 0
        ready = now
        for place in line:
            answer = self._ask(key, place.cost, now)
            ready = now + answer.retry_after
            if answer.retry_after > 0 and not place.expires(now):
                break
            place.verdict = answer.allowed
            count += 1
        if count:
            del line[:count]
            self._change.notify_all()
        if not line:
            self._lines.pop(key, None)
        return ready

    def _now(self) -> int:
        now = self._rules[0].clock()
        if self._latest is None or now >= self._latest:
            self._latest = now
            for key in self._calendar.take_until(now):
                self._review(key, now)
        return self._latest

    def _review(self, key: str, now: int) -> None:
        calm = max(
            [part.calm_at(now) for part in self._parts.get(key, [])], default=now
        )
        if calm > now:
            self._calendar.put(key, calm)
        else:
            self._parts.pop(key, None)
            self._calendar.remove(key)

    def _fresh(self) -> list[Part]:
        return [rule.part() for rule in self._rules]

    def _is_full_for(self, key: str) -> bool:
        if self._max_keys is None or key in self._parts:
            return False
        return len(self._parts) >= self._max_keys

    def _never(self, key: str, cost: int, now: int) -> bool:
        waits = [part.wait(cost, now) for part in self._fresh()]
        return -1 in waits or self._is_full_for(key)

    def _ask(self, key: str, cost: int, now: int) -> Decision:
        if cost and self._is_full_for(key):
            return Decision(False, -1, 0)
        parts = self._parts.get(key) or self._fresh()
        free = min(part.free(now) for part in parts)
        if cost > free:
            waits = sorted(part.wait(cost, now) for part in parts)
            return Decision(False, -1 if waits[0] < 0 else waits[-1], free)
        if cost:
            for part in parts:
                part.use(cost, now)
            if key not in self._parts:
                self._parts[key] = parts
                self._review(key, now)
        return Decision(True, 0, free - cost)

    @staticmethod
    def _validate(cost: int) -> None:
        if cost < 0:
            raise ValueError(f"cost: {cost}")
