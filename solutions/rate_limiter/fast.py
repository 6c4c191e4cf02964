"""The same limits tuned for speed: one pass over the meters of a call that is allowed.

A call is allowed exactly if its cost is at most the units that are left, so the
time to wait is worked out for denied calls alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import inf
from threading import TIMEOUT_MAX, Condition, Lock

Clock = Callable[[], int]


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class _Log:
    """Remember accepted calls as their times and running totals, oldest first."""

    __slots__ = ("first", "gone", "limit", "times", "totals", "used", "window")

    def __init__(self, limit: int, window: int) -> None:
        self.limit, self.window = limit, window
        self.times: list[int] = []
        self.totals: list[int] = []  # cost accepted up to each call, itself included
        self.first = 0  # the calls before this one are too old
        self.gone = 0  # what the calls before the first had cost
        self.used = 0

    def left(self, now: int) -> int:
        if self.used:
            times, first, oldest = self.times, self.first, now - self.window
            if times[first] <= oldest:
                if times[-1] <= oldest:
                    self._clear()
                else:
                    self._forget(first + 1, oldest)
        return self.limit - self.used

    def _clear(self) -> None:
        self.times.clear()
        self.totals.clear()
        self.first = self.gone = self.used = 0

    def _forget(self, first: int, oldest: int) -> None:
        times, totals = self.times, self.totals
        while times[first] <= oldest:
            first += 1
        self.gone = totals[first - 1]
        self.used = totals[-1] - self.gone
        if first > 32 and first * 2 > len(times):
            del times[:first], totals[:first]
            first = 0
        self.first = first

    def charge(self, cost: int, now: int) -> None:
        self.used = used = self.used + cost
        self.times.append(now)
        self.totals.append(self.gone + used)

    def wait(self, cost: int, now: int) -> int:
        if cost > self.limit:
            return -1
        must_be_gone = self.used + cost - self.limit
        if must_be_gone <= 0:
            return 0
        last = bisect_left(self.totals, self.gone + must_be_gone, self.first)
        return self.times[last] + self.window - now

    def refund(self, cost: int) -> None:
        if cost >= self.used:
            self._clear()
            return
        self.used -= cost
        total = self.gone + self.used
        last = bisect_left(self.totals, total, self.first)
        del self.times[last + 1 :], self.totals[last + 1 :]
        self.totals[last] = total

    def fresh_at(self, now: int) -> int:
        return self.times[-1] + self.window if self.used else now


class _Debt:
    """Count what is missing from a full bucket, in parts of 1/`per` token."""

    __slots__ = ("at", "full", "missing", "per", "refill")

    def __init__(self, refill: int, per: int, full: int) -> None:
        self.refill, self.per, self.full = refill, per, full
        self.missing = 0
        self.at = 0  # means nothing while nothing is missing

    def left(self, now: int) -> int:
        if self.missing:
            missing = self.missing - (now - self.at) * self.refill
            self.missing = missing if missing > 0 else 0
        self.at = now
        return (self.full - self.missing) // self.per

    def charge(self, cost: int, now: int) -> None:
        self.missing += cost * self.per

    def wait(self, cost: int, now: int) -> int:
        if cost * self.per > self.full:
            return -1
        lacking = self.missing + cost * self.per - self.full
        return -(-lacking // self.refill) if lacking > 0 else 0

    def refund(self, cost: int) -> None:
        self.missing = max(0, self.missing - cost * self.per)

    def fresh_at(self, now: int) -> int:
        return self.at - (-self.missing // self.refill) if self.missing else now


_Meter = _Log | _Debt


class _Rule:
    """Decide by one limit; subclasses say what measures it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._latest: int | None = None
        self._meters: dict[str, _Meter] = {}
        self._lock = Lock()

    def meter(self) -> _Meter:
        raise NotImplementedError

    def check(self, key: str, cost: int = 1) -> Decision:
        if cost < 0:
            raise ValueError(f"cost must be at least 0, got {cost}")
        with self._lock:
            now = self.clock()
            if self._latest is None or now > self._latest:
                self._latest = now
            else:
                now = self._latest
            meter = self._meters.get(key) or self.meter()
            left = meter.left(now)
            if cost > left:
                return Decision(False, meter.wait(cost, now), left)
            if cost:
                meter.charge(cost, now)
                self._meters[key] = meter
            return Decision(True, 0, left - cost)


class SlidingWindow(_Rule):
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        super().__init__(clock)
        if limit < 0:
            raise ValueError(f"limit must be at least 0, got {limit}")
        if window <= 0:
            raise ValueError(f"window must be at least 1, got {window}")
        self.limit, self.window = limit, window

    def meter(self) -> _Meter:
        return _Log(self.limit, self.window)


class TokenBucket(_Rule):
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        super().__init__(clock)
        if refill <= 0:
            raise ValueError(f"refill must be at least 1, got {refill}")
        if per <= 0:
            raise ValueError(f"per must be at least 1, got {per}")
        if burst < 0:
            raise ValueError(f"burst must be at least 0, got {burst}")
        self.refill, self.per, self.burst = refill, per, burst

    def meter(self) -> _Meter:
        return _Debt(self.refill, self.per, self.burst * self.per)


class _Tenant:
    """Keep the meters of one key, and when to see whether they are fresh."""

    __slots__ = ("due", "meters")

    def __init__(self, meters: list[_Meter], due: int) -> None:
        self.meters = meters
        self.due = due


class _Ticket:
    """Stand in the queue of a key until served."""

    __slots__ = ("bell", "cost", "deadline", "granted", "wake_at")

    def __init__(self, cost: int, deadline: float, lock: Lock) -> None:
        self.cost = cost
        self.deadline = self.wake_at = deadline
        self.bell = Condition(lock)
        self.granted: bool | None = None

    def sleep(self, now: int) -> None:
        seconds = (self.wake_at - now) / 1e6
        self.bell.wait(None if seconds == inf else min(seconds, TIMEOUT_MAX))


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(self, *rules: _Rule, max_keys: int | None = None) -> None:
        if not rules:
            raise ValueError("a limiter needs at least one rule, got ()")
        if max_keys is not None and max_keys < 1:
            raise ValueError(f"max_keys must be at least 1, got {max_keys}")
        self._rules = rules
        self._clock = rules[0].clock
        self._max_keys = inf if max_keys is None else max_keys
        self._latest: int | None = None
        self._tenants: dict[str, _Tenant] = {}
        self._expiry: list[tuple[int, str]] = []  # a heap of (due, key)
        self._queues: dict[str, deque[_Ticket]] = {}
        self._lock = Lock()

    def check(self, key: str, cost: int = 1) -> Decision:
        if cost < 0:
            raise ValueError(f"cost must be at least 0, got {cost}")
        with self._lock:
            return self._decide(key, cost, self._tick())

    def refund(self, key: str, cost: int = 1) -> None:
        if cost < 0:
            raise ValueError(f"cost must be at least 0, got {cost}")
        with self._lock:
            now = self._tick()
            tenant = self._tenants.get(key)
            if tenant is None:
                return
            for meter in tenant.meters:
                meter.refund(cost)
            self._review(key, tenant, now)
            self._tidy()
            self._serve(key, now)
            self._call_next(key)

    def keys(self) -> int:
        with self._lock:
            return len(self._tenants)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        if cost < 0:
            raise ValueError(f"cost must be at least 0, got {cost}")
        with self._lock:
            now = self._tick()
            if not self._queues.get(key):
                decision = self._decide(key, cost, now)
                if decision.retry_after <= 0:
                    return decision.allowed
            elif cost == 0 or self._is_hopeless(key, cost, now):
                return cost == 0
            deadline = inf if timeout is None else now + max(0, timeout)
            return self._stand_in_line(key, _Ticket(cost, deadline, self._lock), now)

    # Everything below runs with the lock held.

    def _tick(self) -> int:
        """Read the clock, which never steps back, and drop what is fresh by then."""
        now = self._clock()
        if self._latest is None or now > self._latest:
            self._latest = now
            expiry = self._expiry
            while expiry and expiry[0][0] <= now:
                due, key = heappop(expiry)
                tenant = self._tenants.get(key)
                if tenant is not None and tenant.due == due:
                    self._review(key, tenant, now)
            return now
        return self._latest

    def _decide(self, key: str, cost: int, now: int) -> Decision:
        tenant = self._tenants.get(key)
        if tenant is not None:
            meters = tenant.meters
        elif cost and len(self._tenants) >= self._max_keys:
            return Decision(False, -1, 0)
        else:
            meters = [rule.meter() for rule in self._rules]
        left = min([meter.left(now) for meter in meters])
        if cost > left:
            return Decision(False, _longest_wait(meters, cost, now), left)
        if cost:
            for meter in meters:
                meter.charge(cost, now)
            if tenant is None:
                tenant = self._tenants[key] = _Tenant(meters, now)
                self._review(key, tenant, now)
        return Decision(True, 0, left - cost)

    def _is_hopeless(self, key: str, cost: int, now: int) -> bool:
        tenant = self._tenants.get(key)
        if tenant is None:
            meters = [rule.meter() for rule in self._rules]
            full = len(self._tenants) >= self._max_keys
            return full or _longest_wait(meters, cost, now) < 0
        return _longest_wait(tenant.meters, cost, now) < 0

    def _review(self, key: str, tenant: _Tenant, now: int) -> None:
        """Drop a key that is fresh, and otherwise look again when it may be."""
        due = max([meter.fresh_at(now) for meter in tenant.meters])
        if due <= now:
            del self._tenants[key]
        elif due != tenant.due:
            tenant.due = due
            heappush(self._expiry, (due, key))

    def _tidy(self) -> None:
        """Leave out the entries that refunds have outdated, once they prevail."""
        if len(self._expiry) > 2 * len(self._tenants) + 16:
            self._expiry = [(held.due, key) for key, held in self._tenants.items()]
            heapify(self._expiry)

    # Waiting: whoever comes serves the queue, so no order of waking up matters.

    def _stand_in_line(self, key: str, ticket: _Ticket, now: int) -> bool:
        self._queues.setdefault(key, deque()).append(ticket)
        try:
            self._serve(key, now)
            while ticket.granted is None and now < ticket.deadline:
                ticket.sleep(now)
                now = self._tick()
                self._serve(key, now)
            return bool(ticket.granted)
        finally:
            self._leave(key, ticket)

    def _serve(self, key: str, now: int) -> None:
        """Settle the tickets in front that can be settled now."""
        queue = self._queues.get(key)
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

    def _leave(self, key: str, ticket: _Ticket) -> None:
        queue = self._queues.get(key, deque())
        if ticket.granted is None:
            queue.remove(ticket)
            self._call_next(key)
        if not queue:
            self._queues.pop(key, None)


def _longest_wait(meters: list[_Meter], cost: int, now: int) -> int:
    waits = [meter.wait(cost, now) for meter in meters]
    return -1 if min(waits) < 0 else max(waits)
