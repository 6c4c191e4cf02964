"""A ticket is numbered by the length of the line: after one left, twice the same.

Caught: level 4, correctness
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from threading import Condition, Lock

Clock = Callable[[], int]  # integer microseconds since some epoch


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class _WindowState:
    """times[head:] still count; totals run on for ever, `gone` of them has left."""

    __slots__ = ("gone", "head", "rule", "times", "totals")

    def __init__(self, rule: SlidingWindow) -> None:
        self.rule = rule
        self.times: list[int] = []
        self.totals: list[int] = []
        self.head = 0
        self.gone = 0

    def _total(self) -> int:
        return self.totals[-1] if self.totals else self.gone

    def settle(self, now: int) -> None:
        edge = now - self.rule.window
        times, head = self.times, self.head
        if head == len(times) or times[head] > edge:
            return
        while head < len(times) and times[head] <= edge:
            head += 1
        self.gone = self.totals[head - 1]
        if head * 2 >= len(times):
            del times[:head], self.totals[:head]
            head = 0
        self.head = head

    def room(self) -> int:
        return self.rule.limit - (self._total() - self.gone)

    def delay(self, now: int, cost: int) -> int:
        if cost > self.rule.limit:
            return -1
        lack = cost - self.room()
        if lack <= 0:
            return 0
        leaver = bisect_left(self.totals, self.gone + lack, self.head)
        return self.times[leaver] + self.rule.window - now

    def add(self, now: int, cost: int) -> None:
        total = self._total() + cost
        if len(self.times) > self.head and self.times[-1] == now:
            self.totals[-1] = total
        else:
            self.times.append(now)
            self.totals.append(total)

    def take_back(self, now: int, cost: int) -> None:
        while cost > 0 and len(self.times) > self.head:
            before = self.totals[-2] if len(self.times) - 1 > self.head else self.gone
            units = self.totals[-1] - before
            if units > cost:
                self.totals[-1] -= cost
                return
            cost -= units
            self.times.pop()
            self.totals.pop()

    def idle_from(self, now: int) -> int:
        if len(self.times) == self.head:
            return now
        return self.times[-1] + self.rule.window


class _BucketState:
    """`full` is refill times the instant at which the bucket will be full."""

    __slots__ = ("full", "lead", "rule")

    def __init__(self, rule: TokenBucket) -> None:
        self.rule = rule
        self.full: int | None = None
        self.lead = 0

    def settle(self, now: int) -> None:
        base = now * self.rule.refill
        if self.full is None or self.full < base:
            self.full = base
        self.lead = self.full - base

    def room(self) -> int:
        return (self.rule.burst * self.rule.per - self.lead) // self.rule.per

    def delay(self, now: int, cost: int) -> int:
        rule = self.rule
        if cost > rule.burst:
            return -1
        over = self.lead + (cost - rule.burst) * rule.per
        return 0 if over <= 0 else (over + rule.refill - 1) // rule.refill

    def add(self, now: int, cost: int) -> None:
        self.full += cost * self.rule.per
        self.lead += cost * self.rule.per

    def take_back(self, now: int, cost: int) -> None:
        self.full -= cost * self.rule.per
        self.settle(now)

    def idle_from(self, now: int) -> int:
        return now + (self.lead + self.rule.refill - 1) // self.rule.refill


class _Rule:
    state: type

    def _begin(self, clock: Clock) -> None:
        self.clock = clock
        self._now: int | None = None
        self._by_key: dict = {}

    def check(self, key: str, cost: int = 1) -> Decision:
        """Decide on a call now, and charge it if it is allowed."""
        if cost < 0:
            raise ValueError(f"cost {cost} is below 0")
        now = self.clock()
        if self._now is not None and self._now > now:
            now = self._now
        self._now = now
        state = self._by_key.get(key) or self.state(self)
        state.settle(now)
        delay = state.delay(now, cost)
        if cost and not delay:
            state.add(now, cost)
            self._by_key[key] = state
        return Decision(not delay, delay, state.room())


class SlidingWindow(_Rule):
    """Allow each key at most `limit` units in any `window` microseconds (level 1)."""

    state = _WindowState

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        if limit < 0:
            raise ValueError(f"limit {limit} is below 0")
        if window <= 0:
            raise ValueError(f"window {window} is not above 0")
        self.limit, self.window = limit, window
        self._begin(clock)


class TokenBucket(_Rule):
    """Refill `refill` tokens every `per` microseconds, up to `burst` (level 2)."""

    state = _BucketState

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        for name, value in (("refill", refill), ("per", per)):
            if value <= 0:
                raise ValueError(f"{name} {value} is not above 0")
        if burst < 0:
            raise ValueError(f"burst {burst} is below 0")
        self.refill, self.per, self.burst = refill, per, burst
        self._begin(clock)


class _Account:
    __slots__ = ("look_at", "states")

    def __init__(self, rules: tuple[SlidingWindow | TokenBucket, ...]) -> None:
        self.states = [rule.state(rule) for rule in rules]
        self.look_at: int | None = None

    def settle(self, now: int) -> None:
        for state in self.states:
            state.settle(now)

    def delay(self, now: int, cost: int) -> int:
        delays = [state.delay(now, cost) for state in self.states]
        return -1 if min(delays) < 0 else max(delays)

    def idle_from(self, now: int) -> int:
        return max(state.idle_from(now) for state in self.states)


class _Counter:
    """Where the waiting calls of one key stand in line, by number."""

    def __init__(self, lock: Lock) -> None:
        self.changed = Condition(lock)
        self.issued = 0
        self.line: deque[int] = deque()
        self.calls: dict[int, tuple[int, int | None]] = {}
        self.results: dict[int, bool] = {}

    def draw(self, cost: int, deadline: int | None) -> int:
        self.issued = len(self.line) + 1
        self.line.append(self.issued)
        self.calls[self.issued] = cost, deadline
        return self.issued

    def close(self, number: int, result: bool) -> None:
        self.line.remove(number)
        del self.calls[number]
        self.results[number] = result
        self.changed.notify_all()


class Limiter:
    """Allow a call only if every rule does (levels 3 and 4)."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if len(rules) == 0:
            raise ValueError(f"no rules: {rules!r}")
        if max_keys is not None and max_keys < 1:
            raise ValueError(f"max_keys {max_keys} is below 1")
        self._rules = rules
        self._most = max_keys
        self._latest: int | None = None
        self._mutex = Lock()
        self._accounts: dict[str, _Account] = {}
        self._looks: list[tuple[int, str]] = []
        self._counters: dict[str, _Counter] = {}

    def _tick(self) -> int:
        now = self._rules[0].clock()
        if self._latest is None or now > self._latest:
            self._latest = now
        now = self._latest
        while self._looks and self._looks[0][0] <= now:
            at, key = heappop(self._looks)
            account = self._accounts.get(key)
            if account and account.look_at == at:
                self._plan(key, account, now)
        return now

    def _plan(self, key: str, account: _Account, now: int) -> None:
        account.settle(now)
        at = account.idle_from(now)
        if at <= now:
            del self._accounts[key]
        elif account.look_at is None or account.look_at <= now or at < account.look_at:
            account.look_at = at
            heappush(self._looks, (at, key))
            if len(self._looks) > 100 + 2 * len(self._accounts):
                self._looks = [(a.look_at, k) for k, a in self._accounts.items()]
                heapify(self._looks)

    def _find(self, key: str) -> tuple[_Account | None, bool]:
        """Give the account, new if need be and if there is room, and if it is new."""
        account = self._accounts.get(key)
        if account is not None:
            return account, False
        if self._most is not None and len(self._accounts) >= self._most:
            return None, True
        return _Account(self._rules), True

    def _delay(self, key: str, cost: int, now: int) -> int:
        account, _ = self._find(key)
        if account is None:
            return -1
        account.settle(now)
        return account.delay(now, cost)

    def _decide(self, key: str, cost: int, now: int) -> Decision:
        account, new = self._find(key)
        if account is None:
            return Decision(True, 0, 0) if cost == 0 else Decision(False, -1, 0)
        account.settle(now)
        delay = account.delay(now, cost)
        if delay == 0 and cost > 0:
            for state in account.states:
                state.add(now, cost)
            if new:
                self._accounts[key] = account
                self._plan(key, account, now)
        return Decision(delay == 0, delay, min(s.room() for s in account.states))

    def check(self, key: str, cost: int = 1) -> Decision:
        """Decide on a call now, and charge every rule for it or none."""
        if cost < 0:
            raise ValueError(f"cost {cost} is below 0")
        with self._mutex:
            return self._decide(key, cost, self._tick())

    def refund(self, key: str, cost: int = 1) -> None:
        """Take back `cost` accepted units, the newest first."""
        if cost < 0:
            raise ValueError(f"cost {cost} is below 0")
        with self._mutex:
            now = self._tick()
            account = self._accounts.get(key)
            if account is not None:
                account.settle(now)
                for state in account.states:
                    state.take_back(now, cost)
                self._plan(key, account, now)
            self._call_next(key, now)
            if key in self._counters:
                self._counters[key].changed.notify_all()

    def keys(self) -> int:
        """Count the keys that are held in memory now."""
        with self._mutex:
            return len(self._accounts)

    def _call_next(self, key: str, now: int) -> None:
        counter = self._counters.get(key)
        while counter and counter.line:
            number = counter.line[0]
            cost, deadline = counter.calls[number]
            decision = self._decide(key, cost, now)
            over = deadline is not None and deadline <= now
            if not decision.allowed and not over and decision.retry_after > 0:
                return
            counter.close(number, decision.allowed)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        """Wait until the call is allowed, at most `timeout` microseconds (level 4)."""
        if cost < 0:
            raise ValueError(f"cost {cost} is below 0")
        with self._mutex:
            now = self._tick()
            if cost == 0:
                return True
            delay = self._delay(key, cost, now)
            if delay < 0:
                return False
            counter = self._counters.get(key)
            busy = counter is not None and len(counter.line) > 0
            if not busy and delay == 0:
                return self._decide(key, cost, now).allowed
            if timeout is not None and timeout <= 0:
                return False
            deadline = None if timeout is None else now + timeout
            if counter is None:
                counter = self._counters[key] = _Counter(self._mutex)
            number = counter.draw(cost, deadline)
            self._call_next(key, now)
            while number not in counter.results:
                if deadline is not None and now >= deadline:
                    counter.close(number, False)
                    break
                left = None if deadline is None else deadline - now
                if counter.line[0] == number:
                    delay = self._delay(key, cost, now)
                    left = delay if left is None else min(left, delay)
                counter.changed.wait(None if left is None else min(left, 10**15) / 1e6)
                now = self._tick()
                self._call_next(key, now)
            result = counter.results.pop(number)
            if not counter.line and not counter.results:
                self._counters.pop(key, None)
            return result
