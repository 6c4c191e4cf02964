"""A limiter takes the empty key for no key, so it is never held.

Caught: level 1, edge_cases
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import inf
from threading import TIMEOUT_MAX, Condition, Lock
from typing import Protocol

Clock = Callable[[], int]
NEVER = -1


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        self.limit = _at_least(0, "limit", limit)
        self.window = _at_least(1, "window", window)
        self.clock = clock
        self._alone = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._alone.check(key, cost)

    def meter(self, now: int) -> Meter:
        return Log(self.limit, self.window)


class TokenBucket:
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        self.refill = _at_least(1, "refill", refill)
        self.per = _at_least(1, "per", per)
        self.burst = _at_least(0, "burst", burst)
        self.clock = clock
        self._alone = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._alone.check(key, cost)

    def meter(self, now: int) -> Meter:
        return Debt(self.refill, self.per, self.burst, now)


class Meter(Protocol):
    """Know what one key has used of one rule."""

    def wait(self, cost: int, now: int) -> int:
        """Return the microseconds until `cost` fits, or NEVER."""

    def left(self, now: int) -> int:
        """Return the units that still fit."""

    def charge(self, cost: int, now: int) -> None:
        """Record an accepted call."""

    def refund(self, cost: int) -> None:
        """Take back the newest units."""

    def busy(self, now: int) -> int:
        """Return the microseconds until nothing tells this from a fresh meter."""


class Log:
    """Remember accepted calls as their times and running totals, oldest first."""

    def __init__(self, limit: int, window: int) -> None:
        self._limit, self._window = limit, window
        self._times: list[int] = []
        self._totals = [0]  # totals[i] is the cost accepted before call i
        self._first = 0  # the calls before this one are too old to count

    def wait(self, cost: int, now: int) -> int:
        if cost > self._limit:
            return NEVER
        self._forget(now)
        must_be_gone = self._totals[-1] + cost - self._limit
        gone = bisect_left(self._totals, must_be_gone, self._first)
        if gone == self._first:
            return 0
        return self._times[gone - 1] + self._window - now

    def left(self, now: int) -> int:
        self._forget(now)
        return self._limit - (self._totals[-1] - self._totals[self._first])

    def charge(self, cost: int, now: int) -> None:
        self._times.append(now)
        self._totals.append(self._totals[-1] + cost)

    def refund(self, cost: int) -> None:
        kept = max(self._totals[-1] - cost, self._totals[self._first])
        last = bisect_left(self._totals, kept, self._first)
        del self._times[last:], self._totals[last + 1 :]
        self._totals[last] = kept

    def busy(self, now: int) -> int:
        return max(0, self._times[-1] + self._window - now) if self._times else 0

    def _forget(self, now: int) -> None:
        """Skip what is too old, and free its memory once it is half of the log."""
        times, oldest = self._times, now - self._window
        while self._first < len(times) and times[self._first] <= oldest:
            self._first += 1
        if self._first * 2 > len(times):
            del times[: self._first], self._totals[: self._first]
            self._first = 0


class Debt:
    """Count what is missing from a full bucket, in parts of 1/`per` token."""

    def __init__(self, refill: int, per: int, burst: int, now: int) -> None:
        self._refill, self._per, self._full = refill, per, burst * per
        self._missing, self._at = 0, now

    def wait(self, cost: int, now: int) -> int:
        if cost * self._per > self._full:
            return NEVER
        self._settle(now)
        lacking = self._missing + cost * self._per - self._full
        return max(0, _divide_up(lacking, self._refill))

    def left(self, now: int) -> int:
        self._settle(now)
        return (self._full - self._missing) // self._per

    def charge(self, cost: int, now: int) -> None:
        self._settle(now)
        self._missing += cost * self._per

    def refund(self, cost: int) -> None:
        self._missing = max(0, self._missing - cost * self._per)

    def busy(self, now: int) -> int:
        self._settle(now)
        return _divide_up(self._missing, self._refill)

    def _settle(self, now: int) -> None:
        refilled = (now - self._at) * self._refill
        self._missing, self._at = max(0, self._missing - refilled), now


@dataclass
class Tenant:
    """Keep the meters of one key, and when to see whether they are fresh."""

    meters: list[Meter]
    due: int


@dataclass(eq=False)
class Ticket:
    """Stand in the queue of a key until served."""

    cost: int
    deadline: float
    bell: Condition
    wake_at: float
    granted: bool | None = None


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError("a limiter needs at least one rule, got ()")
        self._rules = rules
        self._max_keys = inf if max_keys is None else _at_least(1, "max_keys", max_keys)
        self._latest: int | None = None
        self._tenants: dict[str, Tenant] = {}
        self._expiry: list[tuple[int, str]] = []  # a heap of (due, key)
        self._queues: dict[str, deque[Ticket]] = {}
        self._lock = Lock()

    def check(self, key: str, cost: int = 1) -> Decision:
        _at_least(0, "cost", cost)
        with self._lock:
            return self._decide(key, cost, self._tick())

    def refund(self, key: str, cost: int = 1) -> None:
        _at_least(0, "cost", cost)
        with self._lock:
            now = self._tick()
            if key in self._tenants:
                self._give_back(key, cost, now)
                self._call_next(key)

    def keys(self) -> int:
        with self._lock:
            return len(self._tenants)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        _at_least(0, "cost", cost)
        with self._lock:
            now = self._tick()
            if cost == 0 or self._is_hopeless(key, cost, now):
                return cost == 0
            deadline = inf if timeout is None else now + max(0, timeout)
            ticket = Ticket(cost, deadline, Condition(self._lock), wake_at=deadline)
            return self._stand_in_line(key, ticket, now)

    # Everything below runs with the lock held.

    def _tick(self) -> int:
        """Read the clock, which never steps back, and drop what is fresh by then."""
        reading = self._rules[0].clock()
        if self._latest is None or reading > self._latest:
            self._latest = reading
        self._drop_fresh(self._latest)
        return self._latest

    def _decide(self, key: str, cost: int, now: int) -> Decision:
        if self._is_turned_away(key, cost):
            return Decision(False, NEVER, 0)
        meters = self._meters(key, now)
        left = min([meter.left(now) for meter in meters])
        if cost > left:
            return Decision(False, _longest_wait(meters, cost, now), left)
        if cost > 0:
            for meter in meters:
                meter.charge(cost, now)
            if key:
                self._hold(key, meters, now)
        return Decision(True, 0, left - cost)

    def _is_turned_away(self, key: str, cost: int) -> bool:
        full = len(self._tenants) >= self._max_keys
        return full and cost > 0 and key not in self._tenants

    def _is_hopeless(self, key: str, cost: int, now: int) -> bool:
        wait = _longest_wait(self._meters(key, now), cost, now)
        return wait == NEVER or self._is_turned_away(key, cost)

    def _meters(self, key: str, now: int) -> list[Meter]:
        tenant = self._tenants.get(key)
        return tenant.meters if tenant else [rule.meter(now) for rule in self._rules]

    def _give_back(self, key: str, cost: int, now: int) -> None:
        tenant = self._tenants[key]
        for meter in tenant.meters:
            meter.refund(cost)
        self._review(key, tenant, now)
        if len(self._expiry) > 2 * len(self._tenants) + 16:  # refunds outdate entries
            self._expiry = [(held.due, k) for k, held in self._tenants.items()]
            heapify(self._expiry)

    # Forgetting: the heap has an entry for each key, due no later than it is fresh.

    def _hold(self, key: str, meters: list[Meter], now: int) -> None:
        if key not in self._tenants:
            tenant = self._tenants[key] = Tenant(meters, due=now)
            self._review(key, tenant, now)

    def _drop_fresh(self, now: int) -> None:
        while self._expiry and self._expiry[0][0] <= now:
            due, key = heappop(self._expiry)
            tenant = self._tenants.get(key)
            if tenant and tenant.due == due:
                self._review(key, tenant, now)

    def _review(self, key: str, tenant: Tenant, now: int) -> None:
        """Drop a key that is fresh, and otherwise look again when it may be."""
        due = now + max([meter.busy(now) for meter in tenant.meters])
        if due == now:
            del self._tenants[key]
        elif due != tenant.due:
            tenant.due = due
            heappush(self._expiry, (due, key))

    # Waiting: whoever comes serves the queue, so no order of waking up matters.

    def _stand_in_line(self, key: str, ticket: Ticket, now: int) -> bool:
        self._queues.setdefault(key, deque()).append(ticket)
        try:
            self._serve(key, now)
            while ticket.granted is None and now < ticket.deadline:
                _sleep(ticket.bell, ticket.wake_at - now)
                now = self._tick()
                self._serve(key, now)
            return bool(ticket.granted)
        finally:
            self._leave(key, ticket)

    def _serve(self, key: str, now: int) -> None:
        """Settle the tickets in front that can be settled now."""
        queue = self._queues.get(key, deque())
        while queue:
            head = queue[0]
            decision = self._decide(key, head.cost, now)
            if (wait := decision.retry_after) > 0 and now < head.deadline:
                head.wake_at = min(head.deadline, now + wait)
                break
            head.granted = decision.allowed
            queue.popleft()
            head.bell.notify()
            self._call_next(key)

    def _call_next(self, key: str) -> None:
        """Wake the first in line, whose time to wait has changed."""
        if queue := self._queues.get(key):
            queue[0].bell.notify()

    def _leave(self, key: str, ticket: Ticket) -> None:
        queue = self._queues.get(key, deque())
        if ticket.granted is None:
            queue.remove(ticket)
            self._call_next(key)
        if not queue:
            self._queues.pop(key, None)


def _longest_wait(meters: list[Meter], cost: int, now: int) -> int:
    waits = [meter.wait(cost, now) for meter in meters]
    return NEVER if NEVER in waits else max(waits)


def _sleep(bell: Condition, microseconds: float) -> None:
    bell.wait(None if microseconds == inf else min(microseconds / 1e6, TIMEOUT_MAX))


def _divide_up(amount: int, divisor: int) -> int:
    return -(-amount // divisor)


def _at_least(least: int, name: str, value: int) -> int:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value
