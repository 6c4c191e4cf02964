"""Cleared of what is outdated, the heap of notes is made a list that is no heap.

Caught: level 3, edge_cases
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

Clock = Callable[[], int]  # integer microseconds since some epoch

LONGEST = 10**15  # microseconds: a wait may not be longer than threading.TIMEOUT_MAX


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


def check_cost(cost: int) -> None:
    if cost < 0:
        raise ValueError(f"cost must not be negative: {cost}")


class Watch:
    """A clock that never goes back."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.latest: int | None = None

    def read(self) -> int:
        now = self.clock()
        if self.latest is None or now > self.latest:
            self.latest = now
        return self.latest


class Log:
    """What one key was granted in one window."""

    __slots__ = ("events", "limit", "used", "window")

    def __init__(self, limit: int, window: int) -> None:
        self.limit = limit
        self.window = window
        self.events: deque[list[int]] = deque()
        self.used = 0

    def advance(self, now: int) -> None:
        edge = now - self.window
        events = self.events
        while events and events[0][0] <= edge:
            self.used -= events.popleft()[1]

    def wait(self, now: int, cost: int) -> int:
        if cost > self.limit:
            return -1
        need = self.used + cost - self.limit
        if need <= 0:
            return 0
        for at, units in self.events:
            need -= units
            if need <= 0:
                return at + self.window - now
        raise AssertionError("the log holds what is used")

    def charge(self, now: int, cost: int) -> None:
        if self.events and self.events[-1][0] == now:
            self.events[-1][1] += cost
        else:
            self.events.append([now, cost])
        self.used += cost

    def refund(self, cost: int) -> None:
        while cost and self.events:
            part = min(cost, self.events[-1][1])
            self.events[-1][1] -= part
            self.used -= part
            cost -= part
            if not self.events[-1][1]:
                self.events.pop()

    def remaining(self) -> int:
        return self.limit - self.used

    def fresh_at(self, now: int) -> int:
        return self.events[-1][0] + self.window if self.events else now


class Bucket:
    """The tokens of one key, counted in parts of 1/per."""

    __slots__ = ("at", "burst", "parts", "per", "refill")

    def __init__(self, refill: int, per: int, burst: int) -> None:
        self.refill = refill
        self.per = per
        self.burst = burst
        self.parts = burst * per
        self.at: int | None = None

    def advance(self, now: int) -> None:
        if self.at is not None:
            grown = self.parts + (now - self.at) * self.refill
            self.parts = min(self.burst * self.per, grown)
        self.at = now

    def wait(self, now: int, cost: int) -> int:
        if cost > self.burst:
            return -1
        lack = cost * self.per - self.parts
        return 0 if lack <= 0 else -(-lack // self.refill)

    def charge(self, now: int, cost: int) -> None:
        self.parts -= cost * self.per

    def refund(self, cost: int) -> None:
        self.parts = min(self.burst * self.per, self.parts + cost * self.per)

    def remaining(self) -> int:
        return self.parts // self.per

    def fresh_at(self, now: int) -> int:
        return now - (self.parts - self.burst * self.per) // self.refill


class SlidingWindow:
    """Allow each key at most `limit` units in any `window` microseconds (level 1)."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        if limit < 0:
            raise ValueError(f"limit must not be negative: {limit}")
        if window <= 0:
            raise ValueError(f"window must be positive: {window}")
        self.limit = limit
        self.window = window
        self.clock = clock
        self._watch = Watch(clock)
        self._states: dict[str, Log] = {}

    def open(self) -> Log:
        return Log(self.limit, self.window)

    def check(self, key: str, cost: int = 1) -> Decision:
        check_cost(cost)
        return check_alone(self, key, cost)


class TokenBucket:
    """Refill `refill` tokens every `per` microseconds, up to `burst` (level 2)."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        if refill <= 0:
            raise ValueError(f"refill must be positive: {refill}")
        if per <= 0:
            raise ValueError(f"per must be positive: {per}")
        if burst < 0:
            raise ValueError(f"burst must not be negative: {burst}")
        self.refill = refill
        self.per = per
        self.burst = burst
        self.clock = clock
        self._watch = Watch(clock)
        self._states: dict[str, Bucket] = {}

    def open(self) -> Bucket:
        return Bucket(self.refill, self.per, self.burst)

    def check(self, key: str, cost: int = 1) -> Decision:
        check_cost(cost)
        return check_alone(self, key, cost)


def check_alone(rule: SlidingWindow | TokenBucket, key: str, cost: int) -> Decision:
    now = rule._watch.read()
    state = rule._states.get(key)
    if state is None:
        state = rule.open()
    state.advance(now)
    wait = state.wait(now, cost)
    if wait == 0 and cost > 0:
        state.charge(now, cost)
        rule._states[key] = state
    return Decision(wait == 0, wait, state.remaining())


class Held:
    """The states of one key in all rules, and when to look whether it is fresh."""

    __slots__ = ("due", "states")

    def __init__(self, states: list[Log | Bucket]) -> None:
        self.states = states
        self.due = 0


class Waiter:
    """A thread that waits for its turn."""

    def __init__(self, cost: int, deadline: int | None) -> None:
        self.cost = cost
        self.deadline = deadline
        self.wake = threading.Event()
        self.outcome: bool | None = None


class Limiter:
    """Allow a call only if every rule does (levels 3 and 4)."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError(f"a limiter needs rules: {rules}")
        if max_keys is not None and max_keys < 1:
            raise ValueError(f"max_keys must be at least 1: {max_keys}")
        self._rules = rules
        self._max_keys = max_keys
        self._watch = Watch(rules[0].clock)
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._notes: list[tuple[int, int, str]] = []
        self._serial = count()
        self._lines: dict[str, deque[Waiter]] = {}

    # everything below that begins with an underscore runs under the lock

    def _now(self) -> int:
        now = self._watch.read()
        while self._notes and self._notes[0][0] <= now:
            due, _, key = heapq.heappop(self._notes)
            held = self._held.get(key)
            if held is not None and held.due == due:
                self._file(key, held, now)
        return now

    def _file(self, key: str, held: Held, now: int) -> None:
        """Drop a key that is fresh, else note when to look again."""
        for state in held.states:
            state.advance(now)
        due = max(state.fresh_at(now) for state in held.states)
        if due <= now:
            del self._held[key]
            return
        held.due = due
        heapq.heappush(self._notes, (due, next(self._serial), key))
        if len(self._notes) > 2 * len(self._held) + 64:
            self._notes = [
                (h.due, next(self._serial), k) for k, h in self._held.items()
            ]

    def _try(self, key: str, cost: int, now: int, charge: bool = True) -> Decision:
        held = self._held.get(key)
        if held is None:
            if self._max_keys is not None and len(self._held) >= self._max_keys:
                return Decision(cost == 0, 0 if cost == 0 else -1, 0)
            states = [rule.open() for rule in self._rules]
        else:
            states = held.states
        for state in states:
            state.advance(now)
        waits = [state.wait(now, cost) for state in states]
        wait = -1 if -1 in waits else max(waits)
        if wait == 0 and cost > 0 and charge:
            for state in states:
                state.charge(now, cost)
            if held is None:
                held = self._held[key] = Held(states)
                self._file(key, held, now)
        return Decision(wait == 0, wait, min(state.remaining() for state in states))

    def _serve(self, key: str, now: int) -> None:
        """Let go, in order, all at the front of the line who can go now."""
        line = self._lines.get(key)
        if line is None:
            return
        first = line[0]
        while line:
            waiter = line[0]
            decision = self._try(key, waiter.cost, now)
            if decision.allowed:
                waiter.outcome = True
            elif decision.retry_after < 0 or (
                waiter.deadline is not None and now >= waiter.deadline
            ):
                waiter.outcome = False
            else:
                break
            line.popleft()
            waiter.wake.set()
        if not line:
            del self._lines[key]
        elif line[0] is not first:
            line[0].wake.set()

    def check(self, key: str, cost: int = 1) -> Decision:
        check_cost(cost)
        with self._lock:
            return self._try(key, cost, self._now())

    def refund(self, key: str, cost: int = 1) -> None:
        check_cost(cost)
        with self._lock:
            now = self._now()
            held = self._held.get(key)
            if held is not None and cost > 0:
                for state in held.states:
                    state.advance(now)
                    state.refund(cost)
                due = max(state.fresh_at(now) for state in held.states)
                if due < held.due:
                    self._file(key, held, now)
            self._serve(key, now)
            if key in self._lines:
                self._lines[key][0].wake.set()  # it may have less to wait for now

    def keys(self) -> int:
        with self._lock:
            return len(self._held)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        check_cost(cost)
        with self._lock:
            now = self._now()
            if cost == 0:
                return True
            first = self._try(key, cost, now, charge=key not in self._lines)
            if first.retry_after < 0:
                return False
            if key not in self._lines and first.allowed:
                return True
            if timeout is not None and timeout <= 0:
                return False
            waiter = Waiter(cost, None if timeout is None else now + timeout)
            self._lines.setdefault(key, deque()).append(waiter)
        while True:
            with self._lock:
                now = self._now()
                if waiter.outcome is None:
                    self._serve(key, now)
                if (
                    waiter.outcome is None
                    and timeout is not None
                    and now >= waiter.deadline
                ):
                    self._lines[key].remove(waiter)
                    waiter.outcome = False
                if waiter.outcome is not None:
                    return waiter.outcome
                waiter.wake.clear()
                pauses = []
                if waiter.deadline is not None:
                    pauses.append(waiter.deadline - now)
                if self._lines[key][0] is waiter:
                    pauses.append(self._try(key, cost, now, charge=False).retry_after)
            waiter.wake.wait(min(min(pauses), LONGEST) / 1_000_000 if pauses else None)
