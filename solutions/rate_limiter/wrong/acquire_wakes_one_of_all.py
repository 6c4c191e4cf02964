"""All wait on one condition, and one of them is woken: perhaps not the right one.

Caught: level 4, correctness
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, inf
from threading import TIMEOUT_MAX, Condition

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
        if limit < 0 or window <= 0:
            raise ValueError(f"limit {limit} per {window} makes no window")
        self.limit, self.window, self.clock = limit, window, clock
        self._alone = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._alone.check(key, cost)

    def meter(self, now: int) -> Log | Tokens:
        return Log(self)


class TokenBucket:
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        if refill <= 0 or per <= 0 or burst < 0:
            raise ValueError(f"{refill} per {per}, at most {burst} make no bucket")
        self.rate, self.burst, self.clock = Fraction(refill, per), burst, clock
        self._alone = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._alone.check(key, cost)

    def meter(self, now: int) -> Log | Tokens:
        return Tokens(self, now)


class Log:
    """Remember accepted calls as (time, cost), oldest first."""

    def __init__(self, rule: SlidingWindow) -> None:
        self.rule = rule
        self.events: list[tuple[int, int]] = []

    def update(self, now: int) -> None:
        oldest = now - self.rule.window
        self.events = [(time, cost) for time, cost in self.events if time > oldest]

    def left(self) -> int:
        return self.rule.limit - sum(cost for _, cost in self.events)

    def wait(self, cost: int, now: int) -> int:
        left = self.left()
        if cost <= left:
            return 0
        for time, freed in self.events:
            left += freed
            if cost <= left:
                return time + self.rule.window - now
        return -1

    def charge(self, cost: int, now: int) -> None:
        self.events.append((now, cost))

    def refund(self, cost: int) -> None:
        while cost > 0 and self.events:
            time, newest = self.events.pop()
            if newest > cost:
                self.events.append((time, newest - cost))
            cost -= newest

    def is_fresh(self) -> bool:
        return not self.events


class Tokens:
    """Hold the exact tokens of one key."""

    def __init__(self, rule: TokenBucket, now: int) -> None:
        self.rule, self.tokens, self.at = rule, Fraction(rule.burst), now

    def update(self, now: int) -> None:
        self._add((now - self.at) * self.rule.rate)
        self.at = now

    def left(self) -> int:
        return floor(self.tokens)

    def wait(self, cost: int, now: int) -> int:
        if cost > self.rule.burst:
            return -1
        return max(0, ceil((cost - self.tokens) / self.rule.rate))

    def charge(self, cost: int, now: int) -> None:
        self.tokens -= cost

    def refund(self, cost: int) -> None:
        self._add(Fraction(cost))

    def is_fresh(self) -> bool:
        return self.tokens == self.rule.burst

    def _add(self, tokens: Fraction) -> None:
        self.tokens = min(Fraction(self.rule.burst), self.tokens + tokens)


@dataclass(eq=False)
class Ticket:
    """Stand in the queue of a key until served."""

    cost: int
    deadline: float
    granted: bool | None = None


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError("a limiter needs at least one rule, got ()")
        if max_keys is not None and max_keys < 1:
            raise ValueError(f"max_keys must be at least 1, got {max_keys}")
        self._rules = rules
        self._max_keys = inf if max_keys is None else max_keys
        self._latest: int | None = None
        self._held: dict[str, list[Log | Tokens]] = {}
        self._queues: dict[str, list[Ticket]] = {}
        self._changed = Condition()

    def check(self, key: str, cost: int = 1) -> Decision:
        _require_cost(cost)
        with self._changed:
            return self._decide(key, cost, self._now())

    def refund(self, key: str, cost: int = 1) -> None:
        _require_cost(cost)
        with self._changed:
            now = self._now()
            for meter in self._held.get(key, []):
                meter.refund(cost)
            self._drop_fresh()
            self._serve(key, now)
            self._changed.notify()

    def keys(self) -> int:
        with self._changed:
            return len(self._held)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        _require_cost(cost)
        with self._changed:
            now = self._now()
            if cost == 0 or self._longest_wait(key, cost, now) < 0:
                return cost == 0
            deadline = inf if timeout is None else now + max(0, timeout)
            ticket = Ticket(cost, deadline)
            self._queues.setdefault(key, []).append(ticket)
            self._wait_for(ticket, key, now)
            return ticket.granted is True

    def _wait_for(self, ticket: Ticket, key: str, now: int) -> None:
        wake_at = self._serve(key, now)
        while ticket.granted is None and now < ticket.deadline:
            self._sleep(min(wake_at, ticket.deadline) - now)
            now = self._now()
            wake_at = self._serve(key, now)
        if ticket.granted is None:
            self._queues[key].remove(ticket)
            self._changed.notify()

    def _serve(self, key: str, now: int) -> float:
        """Settle the tickets in front and say when to look at the next again."""
        queue = self._queues.get(key, [])
        while queue:
            head = queue[0]
            decision = self._decide(key, head.cost, now)
            if decision.retry_after > 0 and now < head.deadline:
                return now + decision.retry_after
            head.granted = decision.allowed
            queue.pop(0)
            self._changed.notify()
        return inf

    def _sleep(self, microseconds: float) -> None:
        seconds = min(microseconds / 1e6, TIMEOUT_MAX)
        self._changed.wait(None if microseconds == inf else seconds)

    def _now(self) -> int:
        reading = self._rules[0].clock()
        self._latest = max(reading, reading if self._latest is None else self._latest)
        for meters in self._held.values():
            for meter in meters:
                meter.update(self._latest)
        self._drop_fresh()
        return self._latest

    def _drop_fresh(self) -> None:
        self._held = {
            key: meters
            for key, meters in self._held.items()
            if not all(meter.is_fresh() for meter in meters)
        }

    def _meters(self, key: str, now: int) -> list[Log | Tokens]:
        return self._held.get(key) or [rule.meter(now) for rule in self._rules]

    def _longest_wait(self, key: str, cost: int, now: int) -> int:
        if cost and key not in self._held and len(self._held) >= self._max_keys:
            return -1
        waits = [meter.wait(cost, now) for meter in self._meters(key, now)]
        return -1 if -1 in waits else max(waits)

    def _decide(self, key: str, cost: int, now: int) -> Decision:
        if cost and key not in self._held and len(self._held) >= self._max_keys:
            return Decision(False, -1, 0)
        wait = self._longest_wait(key, cost, now)
        meters = self._meters(key, now)
        if wait == 0 and cost:
            for meter in meters:
                meter.charge(cost, now)
            self._held[key] = meters
        return Decision(wait == 0, wait, min(meter.left() for meter in meters))


def _require_cost(cost: int) -> None:
    if cost < 0:
        raise ValueError(f"cost must be at least 0, got {cost}")
