"""A check decides with a time that was read before others decided.

Caught: level 4, correctness
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class _Window:
    def __init__(self, limit: int, window: int) -> None:
        self.limit, self.window = limit, window
        self.calls: deque[tuple[int, int]] = deque()
        self.used = 0

    def at(self, now: int) -> None:
        while self.calls and self.calls[0][0] <= now - self.window:
            self.used -= self.calls.popleft()[1]

    def left(self) -> int:
        return self.limit - self.used

    def wait(self, cost: int, now: int) -> int:
        missing = cost - self.left()
        if cost > self.limit or missing <= 0:
            return -1 if cost > self.limit else 0
        for time, freed in self.calls:  # at most `cost` of them: each holds a unit
            missing -= freed
            if missing <= 0:
                return time + self.window - now
        raise AssertionError("an empty window has room for the limit")

    def take(self, cost: int, now: int) -> None:
        self.calls.append((now, cost))
        self.used += cost

    def give(self, cost: int) -> None:
        cost = min(cost, self.used)
        self.used -= cost
        while cost:
            time, newest = self.calls.pop()
            if newest > cost:
                self.calls.append((time, newest - cost))
            cost -= min(cost, newest)

    def fresh_at(self, now: int) -> int:
        return self.calls[-1][0] + self.window if self.calls else now


class _Bucket:
    def __init__(self, rate: Fraction, burst: int, now: int) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.now = Fraction(burst), now

    def at(self, now: int) -> None:
        if now > self.now:
            self._fill((now - self.now) * self.rate)
        self.now = now

    def left(self) -> int:
        return floor(self.tokens)

    def wait(self, cost: int, now: int) -> int:
        if cost > self.burst:
            return -1
        return max(0, ceil((cost - self.tokens) / self.rate))

    def take(self, cost: int, now: int) -> None:
        self.tokens -= cost

    def give(self, cost: int) -> None:
        self._fill(Fraction(cost))

    def fresh_at(self, now: int) -> int:
        return now + ceil((self.burst - self.tokens) / self.rate)

    def _fill(self, tokens: Fraction) -> None:
        self.tokens = min(self.tokens + tokens, Fraction(self.burst))


class SlidingWindow:
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        if limit < 0:
            raise ValueError(f"negative limit: {limit}")
        if window <= 0:
            raise ValueError(f"no time in the window: {window}")
        self.limit, self.window, self.clock = limit, window, clock
        self._alone = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._alone.check(key, cost)

    def state(self, now: int) -> _Window | _Bucket:
        return _Window(self.limit, self.window)


class TokenBucket:
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        for name, value, least in (
            ("refill", refill, 1),
            ("per", per, 1),
            ("burst", burst, 0),
        ):
            if value < least:
                raise ValueError(f"{name} too small: {value}")
        self.rate, self.burst, self.clock = Fraction(refill, per), burst, clock
        self._alone = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._alone.check(key, cost)

    def state(self, now: int) -> _Window | _Bucket:
        return _Bucket(self.rate, self.burst, now)


class _Key:
    def __init__(self, states: list[_Window | _Bucket]) -> None:
        self.states = states
        self.due: int | None = None

    def at(self, now: int) -> None:
        for state in self.states:
            state.at(now)


class _Ticket:
    def __init__(self, cost: int, deadline: int | None) -> None:
        self.cost, self.deadline = cost, deadline
        self.result: bool | None = None

    def is_late(self, now: int) -> bool:
        return self.deadline is not None and now >= self.deadline


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError(f"no rules: {rules}")
        if max_keys is not None and max_keys < 1:
            raise ValueError(f"max_keys too small: {max_keys}")
        self._rules, self._max_keys = rules, max_keys
        self._time: int | None = None
        self._keys: dict[str, _Key] = {}
        self._due: list[tuple[int, str]] = []
        self._lines: dict[str, deque[_Ticket]] = {}
        self._news = threading.Condition()

    def check(self, key: str, cost: int = 1) -> Decision:
        self._refuse_negative(cost)
        with self._news:
            now = self._now()
        with self._news:
            return self._try(key, cost, now)

    def refund(self, key: str, cost: int = 1) -> None:
        self._refuse_negative(cost)
        with self._news:
            now = self._now()
            if held := self._keys.get(key):
                held.at(now)
                for state in held.states:
                    state.give(cost)
                self._plan(key, held, now)
                self._shrink()
                self._serve(key, now)
                self._news.notify_all()

    def keys(self) -> int:
        with self._news:
            return len(self._keys)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        self._refuse_negative(cost)
        with self._news:
            now = self._now()
            if cost == 0:
                return True
            if self._is_hopeless(key, cost, now):
                return False
            deadline = None if timeout is None else now + max(timeout, 0)
            ticket = _Ticket(cost, deadline)
            self._lines.setdefault(key, deque()).append(ticket)
            return self._wait_for(ticket, key, now)

    def _wait_for(self, ticket: _Ticket, key: str, now: int) -> bool:
        while True:
            wake = self._serve(key, now)
            if ticket.result is None and ticket.is_late(now):
                self._lines[key].remove(ticket)
                ticket.result = False
                self._news.notify_all()
            if ticket.result is not None:
                if not self._lines.get(key):
                    self._lines.pop(key, None)
                return ticket.result
            if ticket.deadline is not None:
                wake = min(wake, ticket.deadline)
            self._news.wait(min((wake - now) / 1_000_000, threading.TIMEOUT_MAX))
            now = self._now()

    def _serve(self, key: str, now: int) -> int:
        line = self._lines.get(key)
        while line:
            decision = self._try(key, line[0].cost, now)
            if decision.retry_after > 0 and not line[0].is_late(now):
                return now + decision.retry_after
            line.popleft().result = decision.allowed
            self._news.notify_all()
        return now

    def _now(self) -> int:
        reading = self._rules[0].clock()
        now = reading if self._time is None else max(reading, self._time)
        self._time = now
        while self._due and self._due[0][0] <= now:
            due, key = heapq.heappop(self._due)
            held = self._keys.get(key)
            if held and held.due == due:
                held.at(now)
                self._plan(key, held, now)
        return now

    def _plan(self, key: str, held: _Key, now: int) -> None:
        due = max(state.fresh_at(now) for state in held.states)
        if due <= now:
            self._keys.pop(key, None)
        elif due != held.due:
            held.due = due
            heapq.heappush(self._due, (due, key))

    def _shrink(self) -> None:
        if len(self._due) > 10 + 3 * len(self._keys):
            self._due = sorted((held.due or 0, key) for key, held in self._keys.items())

    def _new(self, now: int) -> _Key:
        return _Key([rule.state(now) for rule in self._rules])

    def _is_full(self) -> bool:
        return self._max_keys is not None and len(self._keys) >= self._max_keys

    def _is_hopeless(self, key: str, cost: int, now: int) -> bool:
        if key not in self._keys and self._is_full():
            return True
        return any(state.wait(cost, now) < 0 for state in self._new(now).states)

    def _try(self, key: str, cost: int, now: int) -> Decision:
        held = self._keys.get(key)
        if held is None and cost and self._is_full():
            return Decision(False, -1, 0)
        known = held or self._new(now)
        known.at(now)
        left = min(state.left() for state in known.states)
        if cost > left:
            waits = [state.wait(cost, now) for state in known.states]
            return Decision(False, -1 if -1 in waits else max(waits), left)
        if cost:
            for state in known.states:
                state.take(cost, now)
            if held is None:
                self._keys[key] = known
                self._plan(key, known, now)
        return Decision(True, 0, left - cost)

    @staticmethod
    def _refuse_negative(cost: int) -> None:
        if cost < 0:
            raise ValueError(f"negative cost: {cost}")
