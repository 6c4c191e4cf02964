"""A key is not dropped while some wait for it, nor ever afterwards.

Caught: level 4, correctness
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from threading import TIMEOUT_MAX, Condition, RLock

Clock = Callable[[], int]


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class Account:
    """What one key may still do under one rule."""

    def spare(self, now: int) -> int:
        raise NotImplementedError

    def patience(self, cost: int, now: int) -> int:
        raise NotImplementedError

    def spend(self, cost: int, now: int) -> None:
        raise NotImplementedError

    def earn(self, cost: int, now: int) -> None:
        raise NotImplementedError

    def idle_from(self, now: int) -> int:
        raise NotImplementedError


class WindowAccount(Account):
    """Units one by one would be too many, so calls are kept with their cost."""

    def __init__(self, rule: SlidingWindow) -> None:
        self.rule = rule
        self.calls: deque[tuple[int, int]] = deque()
        self.spent = 0

    def spare(self, now: int) -> int:
        while self.calls and now - self.calls[0][0] >= self.rule.window:
            _, cost = self.calls.popleft()
            self.spent -= cost
        return self.rule.limit - self.spent

    def patience(self, cost: int, now: int) -> int:
        if cost > self.rule.limit:
            return -1
        room = self.spare(now)
        if cost <= room:
            return 0
        time = now
        leaving = iter(self.calls)
        while room < cost:
            time, freed = next(leaving)
            room += freed
        return time + self.rule.window - now

    def spend(self, cost: int, now: int) -> None:
        self.calls.append((now, cost))
        self.spent += cost

    def earn(self, cost: int, now: int) -> None:
        self.spare(now)
        while cost and self.calls:
            time, newest = self.calls.pop()
            back = min(cost, newest)
            if newest > back:
                self.calls.append((time, newest - back))
            self.spent -= back
            cost -= back

    def idle_from(self, now: int) -> int:
        return self.calls[-1][0] + self.rule.window if self.calls else now


class BucketAccount(Account):
    """Tokens and the part of the next one: `tokens` + `part` / `per`."""

    def __init__(self, rule: TokenBucket, now: int) -> None:
        self.rule, self.at = rule, now
        self.tokens, self.part = rule.burst, 0

    def spare(self, now: int) -> int:
        gained = self.part + (now - self.at) * self.rule.refill
        whole, self.part = divmod(gained, self.rule.per)
        self.tokens += whole
        self.at = now
        self._spill()
        return self.tokens

    def patience(self, cost: int, now: int) -> int:
        if cost > self.rule.burst:
            return -1
        parts = (cost - self.spare(now)) * self.rule.per - self.part
        return max(0, (parts + self.rule.refill - 1) // self.rule.refill)

    def spend(self, cost: int, now: int) -> None:
        self.tokens -= cost

    def earn(self, cost: int, now: int) -> None:
        self.spare(now)
        self.tokens += cost
        self._spill()

    def idle_from(self, now: int) -> int:
        return now + self.patience(self.rule.burst, now)

    def _spill(self) -> None:
        if self.tokens >= self.rule.burst:
            self.tokens, self.part = self.rule.burst, 0


class _Rule:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._own = Limiter(self)

    def open(self, now: int) -> Account:
        raise NotImplementedError

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._own.check(key, cost)


class SlidingWindow(_Rule):
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        super().__init__(clock)
        if limit < 0:
            raise ValueError(f"limit < 0: {limit}")
        if window < 1:
            raise ValueError(f"window < 1: {window}")
        self.limit, self.window = limit, window

    def open(self, now: int) -> Account:
        return WindowAccount(self)


class TokenBucket(_Rule):
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        super().__init__(clock)
        if min(refill, per) < 1:
            raise ValueError(f"refill or per < 1: {refill}, {per}")
        if burst < 0:
            raise ValueError(f"burst < 0: {burst}")
        self.refill, self.per, self.burst = refill, per, burst

    def open(self, now: int) -> Account:
        return BucketAccount(self, now)


@dataclass(eq=False)
class Call:
    """An `acquire` under way."""

    cost: int
    deadline: float
    verdict: bool | None = None


class Line:
    """Those who wait for one key, and the condition that they wait on."""

    def __init__(self, lock: RLock) -> None:
        self.moved = Condition(lock)
        self.calls: deque[Call] = deque()

    def wait(self, microseconds: float) -> None:
        seconds = min(microseconds / 1e6, TIMEOUT_MAX)
        self.moved.wait(None if microseconds == math.inf else seconds)


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(self, *rules: _Rule, max_keys: int | None = None) -> None:
        if not rules:
            raise ValueError("no rules in ()")
        if max_keys is not None and max_keys < 1:
            raise ValueError(f"max_keys < 1: {max_keys}")
        self._rules = rules
        self._most: float = math.inf if max_keys is None else max_keys
        self._lock = RLock()
        self._past: list[int] = []
        self._accounts: dict[str, tuple[Account, ...]] = {}
        self._planned: dict[str, int] = {}
        self._plans: list[tuple[int, str]] = []
        self._lines: dict[str, Line] = {}

    def check(self, key: str, cost: int = 1) -> Decision:
        self._reject_negative(cost)
        with self._lock:
            return self._decide(key, cost, self._time())

    def refund(self, key: str, cost: int = 1) -> None:
        self._reject_negative(cost)
        with self._lock:
            now = self._time()
            for account in self._accounts.get(key, ()):
                account.earn(cost, now)
            if key in self._accounts:
                self._plan(key, now)
            if line := self._lines.get(key):
                self._let_go(key, line, now)
                line.moved.notify_all()

    def keys(self) -> int:
        with self._lock:
            return len(self._accounts)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        self._reject_negative(cost)
        with self._lock:
            now = self._time()
            if cost == 0:
                return True
            if self._is_vain(key, cost, now):
                return False
            deadline = math.inf if timeout is None else now + max(0, timeout)
            call = Call(cost, deadline)
            with self._standing(key, call) as line:
                self._hold_out(key, call, line, now)
            return bool(call.verdict)

    def _hold_out(self, key: str, call: Call, line: Line, now: int) -> None:
        ready = self._let_go(key, line, now)
        while call.verdict is None and now < call.deadline:
            line.wait(min(ready, call.deadline) - now)
            now = self._time()
            ready = self._let_go(key, line, now)

    @contextmanager
    def _standing(self, key: str, call: Call) -> Iterator[Line]:
        line = self._lines.setdefault(key, Line(self._lock))
        line.calls.append(call)
        try:
            yield line
        finally:
            if call.verdict is None:
                line.calls.remove(call)
                line.moved.notify_all()
            if not line.calls and self._lines.get(key) is line:
                del self._lines[key]

    def _let_go(self, key: str, line: Line, now: int) -> float:
        """Let go all in front who may, and return when the next may."""
        while line.calls:
            first = line.calls[0]
            decision = self._decide(key, first.cost, now)
            if decision.retry_after > 0 and now < first.deadline:
                return now + decision.retry_after
            first.verdict = decision.allowed
            line.calls.popleft()
            line.moved.notify_all()
        return math.inf

    def _time(self) -> int:
        with self._lock:
            self._past = [max([self._rules[0].clock(), *self._past])]
            now = self._past[0]
            while self._plans and self._plans[0][0] <= now:
                due, key = heappop(self._plans)
                if self._planned.get(key) == due:
                    self._plan(key, now)
            return now

    def _plan(self, key: str, now: int) -> None:
        with self._lock:
            due = max(account.idle_from(now) for account in self._accounts[key])
            if due <= now and key in self._lines:
                self._planned.pop(key, None)
            elif due <= now:
                del self._accounts[key]
                self._planned.pop(key, None)
            elif self._planned.get(key) != due:
                self._planned[key] = due
                heappush(self._plans, (due, key))
            if len(self._plans) > 2 * len(self._planned) + 7:
                self._plans = [(due, key) for key, due in self._planned.items()]
                heapify(self._plans)

    def _is_vain(self, key: str, cost: int, now: int) -> bool:
        if self._is_refused(key):
            return True
        return any(rule.open(now).patience(cost, now) < 0 for rule in self._rules)

    def _is_refused(self, key: str) -> bool:
        with self._lock:
            return key not in self._accounts and len(self._accounts) >= self._most

    def _decide(self, key: str, cost: int, now: int) -> Decision:
        with self._lock:
            if cost and self._is_refused(key):
                return Decision(False, -1, 0)
            accounts = self._accounts.get(key)
            if accounts is None:
                accounts = tuple(rule.open(now) for rule in self._rules)
            spare = min(account.spare(now) for account in accounts)
            if cost > spare:
                waits = {account.patience(cost, now) for account in accounts}
                return Decision(False, -1 if -1 in waits else max(waits), spare)
            if cost:
                self._spend(key, accounts, cost, now)
            return Decision(True, 0, spare - cost)

    def _spend(
        self, key: str, accounts: tuple[Account, ...], cost: int, now: int
    ) -> None:
        for account in accounts:
            account.spend(cost, now)
        if key not in self._accounts:
            self._accounts[key] = accounts
            self._plan(key, now)

    @staticmethod
    def _reject_negative(cost: int) -> None:
        if cost < 0:
            raise ValueError(f"cost < 0: {cost}")
