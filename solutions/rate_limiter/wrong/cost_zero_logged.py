"""A call of cost 0 is logged; denied calls look at all of these first.

Caught: level 1, performance
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Lock
from typing import NamedTuple

Clock = Callable[[], int]  # integer microseconds since some epoch
State = list


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class Meter(NamedTuple):
    """What a rule can do with a state, which is a plain list."""

    new: Callable[[int], State]
    move: Callable[[State, int], None]
    wait: Callable[[State, int, int], int]
    take: Callable[[State, int, int], None]
    give: Callable[[State, int], None]
    left: Callable[[State], int]
    until: Callable[[State, int], int]


def demand(fine: bool, what: str, value: object) -> None:
    if not fine:
        raise ValueError(f"bad {what}: {value!r}")


def window_meter(limit: int, window: int) -> Meter:
    # [used, index of the oldest, times, units]
    def new(now: int) -> State:
        return [0, 0, [], []]

    def move(state: State, now: int) -> None:
        used, oldest, times, units = state
        start = oldest
        while oldest < len(times) and times[oldest] + window <= now:
            used -= units[oldest]
            oldest += 1
        if oldest == start:
            return
        if oldest > len(times) // 2:
            del times[:oldest]
            del units[:oldest]
            oldest = 0
        state[0], state[1] = used, oldest

    def wait(state: State, now: int, cost: int) -> int:
        used, oldest, times, units = state
        if cost > limit:
            return -1
        used += cost
        while used > limit:
            used -= units[oldest]
            oldest += 1
            if used <= limit:
                return times[oldest - 1] + window - now
        return 0

    def take(state: State, now: int, cost: int) -> None:
        state[0] += cost
        state[2].append(now)
        state[3].append(cost)

    def give(state: State, cost: int) -> None:
        _, oldest, times, units = state
        while cost and len(times) > oldest:
            if units[-1] > cost:
                units[-1] -= cost
                state[0] -= cost
                return
            cost -= units[-1]
            state[0] -= units.pop()
            times.pop()

    def left(state: State) -> int:
        return limit - state[0]

    def until(state: State, now: int) -> int:
        return state[2][-1] + window if state[0] else now

    return Meter(new, move, wait, take, give, left, until)


def bucket_meter(refill: int, per: int, burst: int) -> Meter:
    # [parts, when]: a token is `per` parts, and a microsecond brings `refill` parts
    full = burst * per

    def new(now: int) -> State:
        return [full, now]

    def move(state: State, now: int) -> None:
        state[0] = min(full, state[0] + refill * (now - state[1]))
        state[1] = now

    def time_to(state: State, parts: int) -> int:
        return max(0, -((state[0] - parts) // refill))

    def wait(state: State, now: int, cost: int) -> int:
        return -1 if cost > burst else time_to(state, cost * per)

    def take(state: State, now: int, cost: int) -> None:
        state[0] -= cost * per

    def give(state: State, cost: int) -> None:
        state[0] = min(full, state[0] + cost * per)

    def left(state: State) -> int:
        return state[0] // per

    def until(state: State, now: int) -> int:
        return now + time_to(state, full)

    return Meter(new, move, wait, take, give, left, until)


def steady(clock: Clock) -> Callable[[], int]:
    latest: int | None = None

    def now() -> int:
        nonlocal latest
        read = clock()
        if latest is None or read > latest:
            latest = read
        return latest

    return now


def single(meter: Meter, clock: Clock) -> Callable[[str, int], Decision]:
    states: dict[str, State] = {}
    tell = steady(clock)

    def check(key: str, cost: int) -> Decision:
        demand(cost >= 0, "cost", cost)
        now = tell()
        state = states.get(key)
        if state is None:
            state = meter.new(now)
        meter.move(state, now)
        wait = meter.wait(state, now, cost)
        if not wait:
            meter.take(state, now, cost)
            states[key] = state
        return Decision(not wait, wait, meter.left(state))

    return check


class Desk(NamedTuple):
    """What a limiter can do."""

    check: Callable[[str, int], Decision]
    refund: Callable[[str, int], None]
    keys: Callable[[], int]
    acquire: Callable[[str, int, int | None], bool]


def combined(meters: list[Meter], clock: Clock, max_keys: int | None) -> Desk:
    tell = steady(clock)
    lock = Lock()
    held: dict[str, list[State]] = {}
    due: dict[str, int] = {}  # for each held key, when it has to be looked at
    agenda: list[tuple[int, str]] = []
    lines: dict[str, list[dict]] = {}

    def look(key: str, now: int) -> None:
        """Drop a key that is fresh, or write down when it will be."""
        nonlocal agenda
        states = held[key]
        for meter, state in zip(meters, states, strict=True):
            meter.move(state, now)
        when = max(
            meter.until(state, now) for meter, state in zip(meters, states, strict=True)
        )
        if when <= now:
            del held[key]
            due.pop(key, None)
            return
        if key in due and now < due[key] <= when:
            return
        due[key] = when
        heapq.heappush(agenda, (when, key))
        if len(agenda) > 3 * len(held) + 30:
            agenda = sorted((when, key) for key, when in due.items())

    def begin() -> int:
        now = tell()
        while agenda and agenda[0][0] <= now:
            when, key = heapq.heappop(agenda)
            if due.get(key) == when:
                look(key, now)
        return now

    def decide(key: str, cost: int, now: int, commit: bool) -> Decision:
        states = held.get(key)
        if states is None:
            if max_keys is not None and len(held) >= max_keys:
                return Decision(False, -1, 0) if cost else Decision(True, 0, 0)
            states = [meter.new(now) for meter in meters]
        pairs = list(zip(meters, states, strict=True))
        for meter, state in pairs:
            meter.move(state, now)
        waits = [meter.wait(state, now, cost) for meter, state in pairs]
        wait = -1 if min(waits) == -1 else max(waits)
        if commit and cost and wait == 0:
            for meter, state in pairs:
                meter.take(state, now, cost)
            if key not in held:
                held[key] = states
                look(key, now)
        return Decision(
            wait == 0, wait, min(meter.left(state) for meter, state in pairs)
        )

    def advance(key: str, now: int) -> None:
        """Tell those at the front of the line who are done, and who is first now."""
        line = lines.get(key)
        if not line:
            return
        before = line[0]
        while line:
            first = line[0]
            decision = decide(key, first["cost"], now, commit=True)
            if decision.allowed:
                first["done"] = "yes"
            elif decision.retry_after < 0 or now >= first["end"]:
                first["done"] = "no"
            else:
                break
            line.pop(0)
            first["bell"].notify()
        if not line:
            del lines[key]
        elif line[0] is not before:
            line[0]["bell"].notify()

    def check(key: str, cost: int) -> Decision:
        demand(cost >= 0, "cost", cost)
        with lock:
            return decide(key, cost, begin(), commit=True)

    def refund(key: str, cost: int) -> None:
        demand(cost >= 0, "cost", cost)
        with lock:
            now = begin()
            if key in held:
                for meter, state in zip(meters, held[key], strict=True):
                    meter.move(state, now)
                    meter.give(state, cost)
                look(key, now)
            advance(key, now)
            if key in lines:
                lines[key][0]["bell"].notify()

    def keys() -> int:
        with lock:
            return len(held)

    def acquire(key: str, cost: int, timeout: int | None) -> bool:
        demand(cost >= 0, "cost", cost)
        if cost == 0:
            return True
        with lock:
            now = begin()
            behind = key in lines
            decision = decide(key, cost, now, commit=not behind)
            if decision.retry_after < 0:
                return False
            if decision.allowed and not behind:
                return True
            end = float("inf") if timeout is None else now + max(timeout, 0)
            if end == now:
                return False
            me = {"cost": cost, "end": end, "bell": Condition(lock), "done": ""}
            lines.setdefault(key, []).append(me)
            try:
                advance(key, now)
                while not me["done"] and now < end:
                    wake = end
                    if lines[key][0] is me:
                        retry = decide(key, cost, now, commit=False).retry_after
                        wake = min(end, now + retry)
                    if wake == float("inf"):
                        me["bell"].wait()
                    else:
                        me["bell"].wait(min(wake - now, 10**15) / 1e6)
                    now = begin()
                    if not me["done"]:
                        advance(key, now)
            finally:
                if not me["done"]:
                    line = lines[key]
                    line.remove(me)
                    if not line:
                        del lines[key]
                    else:
                        line[0]["bell"].notify()
            return me["done"] == "yes"

    return Desk(check, refund, keys, acquire)


class SlidingWindow:
    """Allow each key at most `limit` units in any `window` microseconds (level 1)."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        demand(limit >= 0, "limit", limit)
        demand(window > 0, "window", window)
        self.meter = window_meter(limit, window)
        self.clock = clock
        self._check = single(self.meter, clock)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._check(key, cost)


class TokenBucket:
    """Refill `refill` tokens every `per` microseconds, up to `burst` (level 2)."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        demand(refill > 0, "refill", refill)
        demand(per > 0, "per", per)
        demand(burst >= 0, "burst", burst)
        self.meter = bucket_meter(refill, per, burst)
        self.clock = clock
        self._check = single(self.meter, clock)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._check(key, cost)


class Limiter:
    """Allow a call only if every rule does (levels 3 and 4)."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        demand(len(rules) > 0, "rules", rules)
        demand(max_keys is None or max_keys >= 1, "max_keys", max_keys)
        self._desk = combined([rule.meter for rule in rules], rules[0].clock, max_keys)

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._desk.check(key, cost)

    def refund(self, key: str, cost: int = 1) -> None:
        self._desk.refund(key, cost)

    def keys(self) -> int:
        return self._desk.keys()

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        return self._desk.acquire(key, cost, timeout)
