"""As short as it can be said and still be read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from threading import TIMEOUT_MAX, Condition

Clock = Callable[[], int]


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


def need(value: int, least: int) -> int:
    """Return the value, or raise ValueError if it is too small."""
    if value < least:
        raise ValueError(f"{value} is less than {least}")
    return value


class SlidingWindow:
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        self.limit, self.window, self.clock = need(limit, 0), need(window, 1), clock
        self.new: Callable[[int], Log | Debt] = lambda now: Log(limit, window)
        self.alone = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self.alone.check(key, cost)


class TokenBucket:
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        r, p, b = need(refill, 1), need(per, 1), need(burst, 0)
        self.clock = clock
        self.new: Callable[[int], Log | Debt] = lambda now: Debt(r, p, b, now)
        self.alone = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self.alone.check(key, cost)


class Log:
    """The units of a window: the time of each call and the sum up to it."""

    def __init__(self, limit: int, window: int) -> None:
        self.limit, self.window, self.start = limit, window, 0
        self.times: list[int] = []
        self.sums = [0]

    def room(self, now: int) -> int:
        while (
            self.start < len(self.times) and self.times[self.start] <= now - self.window
        ):
            self.start += 1
        if self.start > len(self.times) // 2:
            del self.times[: self.start], self.sums[: self.start]
            self.start = 0
        return self.limit - self.sums[-1] + self.sums[self.start]

    def wait(self, cost: int, now: int) -> int:
        i = bisect_left(self.sums, self.sums[-1] + cost - self.limit, self.start)
        if cost > self.limit or i == self.start:
            return -(cost > self.limit)
        return self.times[i - 1] + self.window - now

    def take(self, cost: int, now: int) -> None:
        self.times.append(now)
        self.sums.append(self.sums[-1] + cost)

    def give(self, cost: int) -> None:
        total = max(self.sums[-1] - cost, self.sums[self.start])
        i = bisect_left(self.sums, total, self.start)
        self.times[i:], self.sums[i:] = [], [total]

    def busy(self, now: int) -> int:
        return max(0, self.times[-1] + self.window - now) if self.times else 0


class Debt:
    """What a bucket lacks, in parts of 1/`per` token."""

    def __init__(self, refill: int, per: int, burst: int, now: int) -> None:
        self.refill, self.per, self.burst, self.lack, self.at = (
            refill,
            per,
            burst,
            0,
            now,
        )

    def room(self, now: int) -> int:
        self.lack = max(0, self.lack - (now - self.at) * self.refill)
        self.at = now
        return self.burst - -(-self.lack // self.per)

    def wait(self, cost: int, now: int) -> int:
        over = self.lack + (cost - self.burst) * self.per
        return -1 if cost > self.burst else max(0, -(-over // self.refill))

    def take(self, cost: int, now: int) -> None:
        self.lack += cost * self.per

    def give(self, cost: int) -> None:
        self.lack = max(0, self.lack - cost * self.per)

    def busy(self, now: int) -> int:
        self.room(now)
        return -(-self.lack // self.refill)


class Ticket:
    """A place in line."""

    def __init__(self, cost: int, deadline: float) -> None:
        self.cost, self.deadline = cost, deadline
        self.done: bool | None = None


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        self.rules, self.cond = rules, Condition()
        self.most = inf if max_keys is None else need(max_keys, 1)
        if not rules:
            raise ValueError("() are no rules")
        self.latest: float = -inf
        self.held: dict[str, list[Log | Debt]] = {}
        self.due: dict[str, int] = {}
        self.heap: list[tuple[int, str]] = []
        self.lines: dict[str, list[Ticket]] = {}

    def check(self, key: str, cost: int = 1) -> Decision:
        need(cost, 0)
        with self.cond:
            return self.decide(key, cost, self.now())

    def refund(self, key: str, cost: int = 1) -> None:
        need(cost, 0)
        with self.cond:
            now = self.now()
            for state in self.held.get(key, []):
                state.give(cost)
            self.plan(key, now)
            self.serve(key, now)
            self.cond.notify_all()

    def keys(self) -> int:
        return len(self.held)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        need(cost, 0)
        with self.cond:
            now = self.now()
            waits = [rule.new(now).wait(cost, now) for rule in self.rules]
            if cost == 0 or -1 in waits or self.shut(key):
                return cost == 0
            ticket = Ticket(cost, inf if timeout is None else now + max(0, timeout))
            self.lines.setdefault(key, []).append(ticket)
            while True:
                wake_at = min(self.serve(key, now), ticket.deadline)
                if ticket.done is not None or now >= ticket.deadline:
                    break
                self.cond.wait(min((wake_at - now) / 1e6, TIMEOUT_MAX))
                now = self.now()
            if ticket.done is None:
                self.lines[key].remove(ticket)
                self.cond.notify_all()
            return bool(ticket.done)

    def serve(self, key: str, now: int) -> float:
        """Serve the line and return when to look again at its first."""
        while line := self.lines.get(key):
            said = self.decide(key, line[0].cost, now)
            if said.retry_after > 0 and now < line[0].deadline:
                return now + said.retry_after
            line.pop(0).done = said.allowed
            self.cond.notify_all()
        self.lines.pop(key, None)
        return inf

    def now(self) -> int:
        self.latest = now = int(max(self.latest, self.rules[0].clock()))
        while self.heap and self.heap[0][0] <= now:
            due, key = heappop(self.heap)
            if self.due.get(key) == due:
                self.plan(key, now)
        return now

    def plan(self, key: str, now: int) -> None:
        """Drop the key if it is fresh, else note when it will be."""
        busy = max([state.busy(now) for state in self.held.get(key, [])], default=0)
        if not busy:
            self.held.pop(key, None)
            self.due.pop(key, None)
        elif self.due.get(key) != now + busy:
            self.due[key] = now + busy
            heappush(self.heap, (now + busy, key))
        if len(self.heap) > 2 * len(self.due) + 9:
            self.heap = sorted((due, key) for key, due in self.due.items())

    def shut(self, key: str) -> bool:
        return key not in self.held and len(self.held) >= self.most

    def decide(self, key: str, cost: int, now: int) -> Decision:
        if cost and self.shut(key):
            return Decision(False, -1, 0)
        states = self.held.get(key) or [rule.new(now) for rule in self.rules]
        room = min(state.room(now) for state in states)
        if cost > room:
            waits = [state.wait(cost, now) for state in states]
            return Decision(False, -1 if -1 in waits else max(waits), room)
        if cost:
            for state in states:
                state.take(cost, now)
            if key not in self.held:
                self.held[key] = states
                self.plan(key, now)
        return Decision(True, 0, room - cost)
