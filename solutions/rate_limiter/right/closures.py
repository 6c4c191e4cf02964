"""Functions that remember: each limit makes closures, and no state has a class."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import inf
from threading import TIMEOUT_MAX, Event, RLock
from typing import NamedTuple

Clock = Callable[[], int]


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class Usage(NamedTuple):
    """What can be asked of one limit for one key."""

    room: Callable[[int], int]
    delay: Callable[[int, int], int]
    add: Callable[[int, int], None]
    undo: Callable[[int], None]
    clear_at: Callable[[int], int]


def window_usage(limit: int, window: int) -> Usage:
    """Return what one key has used of a sliding window, and how to change it."""
    times: list[int] = []
    sums = [0]
    start = 0

    def room(now: int) -> int:
        nonlocal start
        while start < len(times) and times[start] + window <= now:
            start += 1
        if start > len(times) - start:
            del times[:start], sums[:start]
            start = 0
        return limit - sums[-1] + sums[start]

    def delay(cost: int, now: int) -> int:
        if cost > limit:
            return -1
        end = bisect_left(sums, sums[-1] + cost - limit, start)
        return times[end - 1] + window - now if end > start else 0

    def add(cost: int, now: int) -> None:
        times.append(now)
        sums.append(sums[-1] + cost)

    def undo(cost: int) -> None:
        total = max(sums[start], sums[-1] - cost)
        end = bisect_left(sums, total, start)
        del times[end:], sums[end:]
        sums.append(total)

    def clear_at(now: int) -> int:
        return times[-1] + window if times else now

    return Usage(room, delay, add, undo, clear_at)


def bucket_usage(refill: int, per: int, burst: int) -> Usage:
    """Return what one key has used of a token bucket, and how to change it."""
    used, then = 0, 0  # in parts of a token, `per` of them make one

    def room(now: int) -> int:
        nonlocal used, then
        if used:
            used = max(0, used - (now - then) * refill)
        then = now
        return burst - -(-used // per)

    def delay(cost: int, now: int) -> int:
        short = used + (cost - burst) * per
        return -1 if cost > burst else max(0, -(-short // refill))

    def add(cost: int, now: int) -> None:
        nonlocal used
        used += cost * per

    def undo(cost: int) -> None:
        nonlocal used
        used = max(0, used - cost * per)

    def clear_at(now: int) -> int:
        return then - -used // refill if used else now

    return Usage(room, delay, add, undo, clear_at)


def steady(clock: Clock) -> Clock:
    """Return a clock that stands still while the given one is behind."""
    seen: list[int] = []

    def read() -> int:
        reading = clock()
        seen[:] = [max([reading, *seen])]
        return seen[0]

    return read


def refuse(name: str, value: int, least: int) -> None:
    """Raise ValueError for a value below the least."""
    if value < least:
        raise ValueError(f"{name} is {value}, but must be {least} or more")


class SlidingWindow:
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        refuse("limit", limit, 0)
        refuse("window", window, 1)
        self.clock = clock
        self.usage: Callable[[], Usage] = lambda: window_usage(limit, window)
        self._limiter = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._limiter.check(key, cost)


class TokenBucket:
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        refuse("refill", refill, 1)
        refuse("per", per, 1)
        refuse("burst", burst, 0)
        self.clock = clock
        self.usage: Callable[[], Usage] = lambda: bucket_usage(refill, per, burst)
        self._limiter = Limiter(self)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._limiter.check(key, cost)


@dataclass(eq=False, slots=True)
class Turn:
    """One `acquire` that waits."""

    cost: int
    deadline: float
    nudge: Event
    won: bool | None = None


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if not rules:
            raise ValueError("there are no rules: ()")
        if max_keys is not None:
            refuse("max_keys", max_keys, 1)
        self._read = steady(rules[0].clock)
        self._fresh: Callable[[], list[Usage]] = lambda: [r.usage() for r in rules]
        self._most = inf if max_keys is None else max_keys
        self._held: dict[str, list[Usage]] = {}
        self._due: dict[str, int] = {}
        self._agenda: list[tuple[int, str]] = []
        self._turns: dict[str, deque[Turn]] = {}
        self._lock = RLock()

    def check(self, key: str, cost: int = 1) -> Decision:
        refuse("cost", cost, 0)
        with self._lock:
            return self._attempt(key, cost, self._now())

    def refund(self, key: str, cost: int = 1) -> None:
        refuse("cost", cost, 0)
        with self._lock:
            now = self._now()
            for usage in self._held.get(key, ()):
                usage.undo(cost)
            if key in self._held:
                self._settle(key, now)
                self._clean_agenda()
            self._advance(key, now)
            for turn in list(self._turns.get(key, ()))[:1]:
                turn.nudge.set()

    def keys(self) -> int:
        with self._lock:
            return len(self._held)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        refuse("cost", cost, 0)
        with self._lock:
            now = self._now()
            if cost == 0:
                return True
            if self._turned_away(key) or self._delay(self._fresh(), cost, now) < 0:
                return False
            deadline = inf if timeout is None else now + max(0, timeout)
            turn = Turn(cost, deadline, Event())
            self._turns.setdefault(key, deque()).append(turn)
        return self._await(key, turn)

    def _await(self, key: str, turn: Turn) -> bool:
        while True:
            with self._lock:
                now = self._now()
                wake_at = self._advance(key, now, turn)
                if turn.won is not None:
                    return turn.won
            rest = wake_at - now
            turn.nudge.wait(None if rest == inf else min(rest / 1e6, TIMEOUT_MAX))
            turn.nudge.clear()

    def _advance(self, key: str, now: int, mine: Turn | None = None) -> float:
        """Let go who may go, and return when to look after `mine` again."""
        turns = self._turns.get(key, deque())
        ready: float = inf
        while turns:
            verdict = self._attempt(key, turns[0].cost, now)
            ready = now + verdict.retry_after
            if verdict.retry_after > 0 and now < turns[0].deadline:
                break
            first = turns.popleft()
            first.won = verdict.allowed
            first.nudge.set()
            if turns:
                turns[0].nudge.set()
        if mine and mine.won is None and now >= mine.deadline:
            turns.remove(mine)
            mine.won = False
        if not turns:
            self._turns.pop(key, None)
        if mine is None:
            return inf
        is_first = bool(turns) and turns[0] is mine
        return min(ready, mine.deadline) if is_first else mine.deadline

    def _now(self) -> int:
        now = self._read()
        while self._agenda and self._agenda[0][0] <= now:
            due, key = heappop(self._agenda)
            if self._due.get(key) == due:
                self._settle(key, now)
        return now

    def _settle(self, key: str, now: int) -> None:
        due = max(usage.clear_at(now) for usage in self._held[key])
        if due <= now:
            del self._held[key]
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heappush(self._agenda, (due, key))

    def _clean_agenda(self) -> None:
        if len(self._agenda) > 2 * len(self._due) + 9:
            self._agenda = [(due, key) for key, due in self._due.items()]
            heapify(self._agenda)

    def _turned_away(self, key: str) -> bool:
        return key not in self._held and len(self._held) >= self._most

    @staticmethod
    def _delay(usages: list[Usage], cost: int, now: int) -> int:
        delays = [usage.delay(cost, now) for usage in usages]
        return min(delays) if min(delays) < 0 else max(delays)

    def _attempt(self, key: str, cost: int, now: int) -> Decision:
        if cost and self._turned_away(key):
            return Decision(False, -1, 0)
        usages = self._held.get(key) or self._fresh()
        room = min(usage.room(now) for usage in usages)
        if cost > room:
            return Decision(False, self._delay(usages, cost, now), room)
        if cost:
            for usage in usages:
                usage.add(cost, now)
            if key not in self._held:
                self._held[key] = usages
                self._settle(key, now)
        return Decision(True, 0, room - cost)
