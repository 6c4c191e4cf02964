"""Calls in a ring, buckets as arrival times, and an event for each waiter."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], int]  # integer microseconds since some epoch


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class _Ring:
    """Accepted calls as (time, units), oldest first, in a circle that grows."""

    __slots__ = ("cells", "count", "limit", "start", "taken", "window")

    def __init__(self, limit, window):
        self.limit = limit
        self.window = window
        self.cells = [None] * 2
        self.start = 0
        self.count = 0
        self.taken = 0

    def forget(self, now):
        size = len(self.cells)
        while self.count:
            time, units = self.cells[self.start]
            if now - time < self.window:
                return
            self.cells[self.start] = None
            self.start = (self.start + 1) % size
            self.count -= 1
            self.taken -= units

    def free(self, now):
        self.forget(now)
        return self.limit - self.taken

    def when(self, now, cost):
        lack = cost - self.free(now)
        if lack <= 0:
            return now
        if cost > self.limit:
            return None
        i = self.start
        while True:
            time, units = self.cells[i]
            lack -= units
            if lack <= 0:
                return time + self.window
            i = (i + 1) % len(self.cells)

    def take(self, now, cost):
        size = len(self.cells)
        if self.count == size:
            self.cells = (
                self.cells[self.start :] + self.cells[: self.start] + [None] * size
            )
            self.start = 0
            size *= 2
        self.cells[(self.start + self.count) % size] = (now, cost)
        self.count += 1
        self.taken += cost

    def back(self, now, cost):
        self.forget(now)
        while cost and self.count:
            i = (self.start + self.count - 1) % len(self.cells)
            time, units = self.cells[i]
            part = min(cost, units)
            cost -= part
            self.taken -= part
            if part < units:
                self.cells[i] = (time, units - part)
            else:
                self.cells[i] = None
                self.count -= 1

    def fresh(self, now):
        self.forget(now)
        if not self.count:
            return now
        return (
            self.cells[(self.start + self.count - 1) % len(self.cells)][0] + self.window
        )


class _Gcra:
    """`tat` is when the bucket is full, in 1/refill microseconds."""

    __slots__ = ("burst", "per", "refill", "tat")

    def __init__(self, refill, per, burst):
        self.refill = refill
        self.per = per
        self.burst = burst
        self.tat = None

    def debt(self, now):
        return 0 if self.tat is None else max(0, self.tat - now * self.refill)

    def free(self, now):
        return (self.burst * self.per - self.debt(now)) // self.per

    def when(self, now, cost):
        if cost > self.burst:
            return None
        over = self.debt(now) + (cost - self.burst) * self.per
        return now if over <= 0 else now + (over + self.refill - 1) // self.refill

    def take(self, now, cost):
        self.tat = now * self.refill + self.debt(now) + cost * self.per

    def back(self, now, cost):
        self.tat = now * self.refill + max(0, self.debt(now) - cost * self.per)

    def fresh(self, now):
        return now + -(-self.debt(now) // self.refill)


class _Time:
    def __init__(self, clock):
        self.clock = clock
        self.last = None

    def __call__(self):
        read = self.clock()
        if self.last is None or read > self.last:
            self.last = read
        return self.last


def _judge(states, now, cost):
    times = [state.when(now, cost) for state in states]
    if cost == 0:
        retry = 0
    elif None in times:
        retry = -1
    else:
        retry = max(times) - now
    if retry == 0 and cost:
        for state in states:
            state.take(now, cost)
    return Decision(retry == 0, retry, min(state.free(now) for state in states))


def _bad(name, value):
    return ValueError(f"{name} is out of range: {value}")


class SlidingWindow:
    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        if limit < 0:
            raise _bad("limit", limit)
        if window < 1:
            raise _bad("window", window)
        self._made = lambda: _Ring(limit, window)
        self._clock = clock
        self._time = _Time(clock)
        self._rings = {}
        self._mutex = threading.Lock()

    def check(self, key: str, cost: int = 1) -> Decision:
        if cost < 0:
            raise _bad("cost", cost)
        with self._mutex:
            now = self._time()
            state = self._rings.get(key) or self._made()
            decision = _judge((state,), now, cost)
            if decision.allowed and cost:
                self._rings[key] = state
            return decision


class TokenBucket:
    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        if refill < 1:
            raise _bad("refill", refill)
        if per < 1:
            raise _bad("per", per)
        if burst < 0:
            raise _bad("burst", burst)
        self._made = lambda: _Gcra(refill, per, burst)
        self._clock = clock
        self._time = _Time(clock)
        self._rings = {}
        self._mutex = threading.Lock()

    check = SlidingWindow.check


class _Person:
    __slots__ = ("cost", "door", "result")

    def __init__(self, cost):
        self.cost = cost
        self.door = threading.Event()
        self.result = None


class Limiter:
    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError("a Limiter needs at least one rule, got ()")
        if max_keys is not None and max_keys < 1:
            raise _bad("max_keys", max_keys)
        self._makers = [rule._made for rule in rules]
        self._time = _Time(rules[0]._clock)
        self._room = float("inf") if max_keys is None else max_keys
        self._tenants = {}  # key -> [states, version]
        self._due = []
        self._serial = itertools.count()
        self._lines = {}
        self._mutex = threading.Lock()

    def _look(self, key, cost, now):
        self._tidy(now)
        tenant = self._tenants.get(key)
        if tenant is not None:
            decision = _judge(tenant[0], now, cost)
            return decision
        states = [make() for make in self._makers]
        if cost and len(self._tenants) >= self._room:
            return Decision(False, -1, 0)
        decision = _judge(states, now, cost)
        if decision.allowed and cost:
            self._tenants[key] = tenant = [states, None]
            self._remind(key, tenant, now)
        return decision

    def _remind(self, key, tenant, now):
        due = max(state.fresh(now) for state in tenant[0])
        tenant[1] = number = next(self._serial)
        heapq.heappush(self._due, (due, number, key))
        if len(self._due) > 100 + 3 * len(self._tenants):
            self._due = [
                note
                for note in self._due
                if note[2] in self._tenants and self._tenants[note[2]][1] == note[1]
            ]
            heapq.heapify(self._due)

    def _tidy(self, now):
        while self._due and self._due[0][0] <= now:
            _, number, key = heapq.heappop(self._due)
            tenant = self._tenants.get(key)
            if tenant is None or tenant[1] != number:
                continue
            if all(state.fresh(now) <= now for state in tenant[0]):
                del self._tenants[key]
            else:
                self._remind(key, tenant, now)

    def check(self, key: str, cost: int = 1) -> Decision:
        if cost < 0:
            raise _bad("cost", cost)
        with self._mutex:
            return self._look(key, cost, self._time())

    def refund(self, key: str, cost: int = 1) -> None:
        if cost < 0:
            raise _bad("cost", cost)
        with self._mutex:
            tenant = self._tenants.get(key)
            if tenant is None or not cost:
                return
            now = self._time()
            for state in tenant[0]:
                state.back(now, cost)
            self._remind(key, tenant, now)
            line = self._lines.get(key)
            if line:
                self._advance(key, now)
                if line:
                    line[0].door.set()

    def keys(self) -> int:
        with self._mutex:
            return len(self._tenants)

    def _advance(self, key, now):
        """Serve from the front; return when the first that is left could be served."""
        line = self._lines[key]
        moved = False
        while line:
            decision = self._look(key, line[0].cost, now)
            if decision.retry_after > 0:
                if moved:
                    line[0].door.set()
                return now + decision.retry_after
            person = line.pop(0)
            person.result = decision.allowed
            person.door.set()
            moved = True
        return None

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        if cost < 0:
            raise _bad("cost", cost)
        if cost == 0:
            return True
        with self._mutex:
            now = self._time()
            if any(make().when(now, cost) is None for make in self._makers):
                return False
            line = self._lines.get(key)
            if not line:
                decision = self._look(key, cost, now)
                if decision.allowed:
                    return True
                if decision.retry_after == -1:
                    return False
            if timeout is not None and timeout <= 0:
                return False
            deadline = None if timeout is None else now + timeout
            me = _Person(cost)
            line = self._lines.setdefault(key, [])
            line.append(me)
            until = self._advance(key, now)
        try:
            while me.result is None:
                limits = [] if deadline is None else [deadline]
                if line and line[0] is me and until is not None:
                    limits.append(until)
                me.door.wait(min(min(limits) - now, 10**12) / 1e6 if limits else None)
                with self._mutex:
                    me.door.clear()
                    if me.result is not None:
                        break
                    now = self._time()
                    until = self._advance(key, now)
                    if me.result is None and deadline is not None and now >= deadline:
                        self._leave(key, line, me)
                        return False
            return me.result is True
        finally:
            with self._mutex:
                self._leave(key, line, me)

    def _leave(self, key, line, me):
        if me in line:
            at_front = line[0] is me
            line.remove(me)
            if at_front and line:
                line[0].door.set()
        if not line and self._lines.get(key) is line:
            del self._lines[key]
