"""Every part behind an interface of its own, put together by the limiter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from threading import TIMEOUT_MAX, Event, Lock
from typing import Protocol

Clock = Callable[[], int]


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int

    @classmethod
    def yes(cls, remaining: int) -> Decision:
        return cls(True, 0, remaining)

    @classmethod
    def no(cls, retry_after: int, remaining: int) -> Decision:
        return cls(False, retry_after, remaining)


class Check(Protocol):
    """Complain about a value or return it."""

    def __call__(self, value: int) -> int: ...


def at_least(least: int, name: str) -> Check:
    """Return a check that refuses smaller values."""

    def check(value: int) -> int:
        if value < least:
            raise ValueError(f"{name}={value} is below {least}")
        return value

    return check


check_cost = at_least(0, "cost")


class TimeSource(ABC):
    """Tell the time."""

    @abstractmethod
    def now(self) -> int:
        """Return the time in microseconds."""


class MonotonicTime(TimeSource):
    """Tell the latest time that a clock has shown."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shown: list[int] = []

    def now(self) -> int:
        reading = self._clock()
        if not self._shown or reading > self._shown[-1]:
            self._shown = [reading]
        return self._shown[-1]


class Usage(ABC):
    """Account for one key under one limit; `advance` comes before all else."""

    @abstractmethod
    def advance(self, now: int) -> None:
        """Let time pass."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """Return the largest cost that can ever be allowed."""

    @property
    @abstractmethod
    def available(self) -> int:
        """Return the largest cost that is allowed now."""

    @abstractmethod
    def delay(self, cost: int) -> int:
        """Return the time until a cost within the capacity is available."""

    @abstractmethod
    def consume(self, cost: int) -> None:
        """Take what is available."""

    @abstractmethod
    def restore(self, cost: int) -> None:
        """Give back the newest."""

    @abstractmethod
    def recovery(self) -> int:
        """Return the time until all is as new."""


@dataclass(slots=True)
class SlidingUsage(Usage):
    """Account for units in a window by running totals."""

    limit: int
    window: int
    now: int = 0
    first: int = 0
    times: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=lambda: [0])

    def advance(self, now: int) -> None:
        self.now = now
        count = len(self.times)
        while self.first < count and now - self.times[self.first] >= self.window:
            self.first += 1
        if self.first and self.first >= count - self.first:
            self.times = self.times[self.first :]
            self.totals = self.totals[self.first :]
            self.first = 0

    @property
    def capacity(self) -> int:
        return self.limit

    @property
    def available(self) -> int:
        return self.limit - (self.totals[-1] - self.totals[self.first])

    def delay(self, cost: int) -> int:
        if cost <= self.available:
            return 0
        target = self.totals[-1] + cost - self.limit
        index = bisect_left(self.totals, target, self.first)
        return self.times[index - 1] + self.window - self.now

    def consume(self, cost: int) -> None:
        self.times.append(self.now)
        self.totals.append(self.totals[-1] + cost)

    def restore(self, cost: int) -> None:
        target = max(self.totals[self.first], self.totals[-1] - cost)
        while len(self.times) > self.first and self.totals[-2] >= target:
            self.times.pop()
            self.totals.pop()
        self.totals[-1] = target

    def recovery(self) -> int:
        if len(self.times) == self.first:
            return 0
        return self.times[-1] + self.window - self.now


@dataclass(slots=True)
class RefillingUsage(Usage):
    """Account for tokens by whole ones lacking and the parts refilled of the next."""

    refill: int
    per: int
    burst: int
    lacking: int = 0
    refilled: int = 0  # of the tokens that lack, in parts of 1/`per` token
    now: int | None = None

    def advance(self, now: int) -> None:
        if self.lacking and self.now is not None:
            self.refilled += (now - self.now) * self.refill
            self._collect()
        self.now = now

    def _collect(self) -> None:
        whole, rest = divmod(self.refilled, self.per)
        self.lacking = max(0, self.lacking - whole)
        self.refilled = rest if self.lacking else 0

    @property
    def capacity(self) -> int:
        return self.burst

    @property
    def available(self) -> int:
        return self.burst - self.lacking

    def delay(self, cost: int) -> int:
        parts = (cost - self.available) * self.per - self.refilled
        return -(-parts // self.refill) if cost > self.available else 0

    def consume(self, cost: int) -> None:
        self.lacking += cost

    def restore(self, cost: int) -> None:
        self.lacking = max(0, self.lacking - cost)
        self._collect()

    def recovery(self) -> int:
        return self.delay(self.burst)


class Policy(ABC):
    """Describe one limit."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._limiter = Limiter(self)

    @abstractmethod
    def new_usage(self) -> Usage:
        """Return the account of a fresh key."""

    def check(self, key: str, cost: int = 1) -> Decision:
        return self._limiter.check(key, cost)


class SlidingWindow(Policy):
    """Allow at most `limit` units in any `window` microseconds."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        super().__init__(clock)
        self._limit = at_least(0, "limit")(limit)
        self._window = at_least(1, "window")(window)

    def new_usage(self) -> Usage:
        return SlidingUsage(self._limit, self._window)


class TokenBucket(Policy):
    """Hold at most `burst` tokens and add `refill` every `per` microseconds."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        super().__init__(clock)
        self._refill = at_least(1, "refill")(refill)
        self._per = at_least(1, "per")(per)
        self._burst = at_least(0, "burst")(burst)

    def new_usage(self) -> Usage:
        return RefillingUsage(self._refill, self._per, self._burst)


class Composite:
    """Account for one key under several limits, all or nothing."""

    __slots__ = ("due", "usages")

    def __init__(self, usages: Sequence[Usage]) -> None:
        self.usages = usages
        self.due: int | None = None

    def can_ever(self, cost: int) -> bool:
        return all(cost <= usage.capacity for usage in self.usages)

    def request(self, cost: int, now: int) -> Decision:
        for usage in self.usages:
            usage.advance(now)
        available = min(usage.available for usage in self.usages)
        if not self.can_ever(cost):
            return Decision.no(-1, available)
        if cost > available:
            delay = max(usage.delay(cost) for usage in self.usages)
            return Decision.no(delay, available)
        if cost:
            for usage in self.usages:
                usage.consume(cost)
        return Decision.yes(available - cost)

    def restore(self, cost: int, now: int) -> None:
        for usage in self.usages:
            usage.advance(now)
            usage.restore(cost)

    def recovered_at(self, now: int) -> int:
        for usage in self.usages:
            usage.advance(now)
        return now + max(usage.recovery() for usage in self.usages)


class Registry:
    """Hold the keys that are not fresh."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._held: dict[str, Composite] = {}
        self._due: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str) -> Composite | None:
        return self._held.get(key)

    def admits(self, key: str) -> bool:
        return key in self._held or self._most is None or len(self) < self._most

    def expire(self, now: int) -> None:
        while self._due and self._due[0][0] <= now:
            due, key = heappop(self._due)
            held = self._held.get(key)
            if held is not None and held.due == due:
                self.update(key, held, now)

    def update(self, key: str, held: Composite, now: int) -> None:
        due = held.recovered_at(now)
        if due <= now:
            self._held.pop(key, None)
        elif due != held.due:
            held.due = due
            self._held[key] = held
            heappush(self._due, (due, key))
            self._compact()

    def _compact(self) -> None:
        if len(self._due) > 2 * len(self._held) + 64:
            self._due = [(held.due or 0, key) for key, held in self._held.items()]
            heapify(self._due)


@dataclass(eq=False)
class Request:
    """Wait in a queue."""

    cost: int
    deadline: int | None
    woken: Event = field(default_factory=Event)
    granted: bool | None = None

    def is_due(self, now: int) -> bool:
        return self.deadline is not None and self.deadline <= now

    def finish(self, granted: bool) -> None:
        self.granted = granted
        self.woken.set()

    def sleep(self, duration: int | None) -> None:
        seconds = None if duration is None else min(duration / 1e6, TIMEOUT_MAX)
        self.woken.wait(seconds)
        self.woken.clear()


class FairQueue:
    """Serve requests in their order."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()

    def __bool__(self) -> bool:
        return bool(self._requests)

    def join(self, request: Request) -> None:
        self._requests.append(request)

    def leave(self, request: Request) -> None:
        self._requests.remove(request)
        self.wake_first()

    def wake_first(self) -> None:
        if self._requests:
            self._requests[0].woken.set()

    def is_first(self, request: Request) -> bool:
        return bool(self._requests) and self._requests[0] is request

    def serve(self, decide: Callable[[int], Decision], now: int) -> int | None:
        served = False
        while self._requests:
            first = self._requests[0]
            decision = decide(first.cost)
            if decision.retry_after > 0 and not first.is_due(now):
                if served:
                    self.wake_first()
                return now + decision.retry_after
            self._requests.popleft().finish(decision.allowed)
            served = True
        return None


class Limiter:
    """Allow a call only if every rule does, and charge all rules or none."""

    def __init__(self, *rules: Policy, max_keys: int | None = None) -> None:
        if not rules:
            raise ValueError("rules=() is empty")
        if max_keys is not None:
            at_least(1, "max_keys")(max_keys)
        self._rules = rules
        self._time: TimeSource = MonotonicTime(rules[0].clock)
        self._registry = Registry(max_keys)
        self._queues: dict[str, FairQueue] = {}
        self._lock = Lock()

    def check(self, key: str, cost: int = 1) -> Decision:
        check_cost(cost)
        with self._lock:
            return self._decide(key, cost, self._now())

    def refund(self, key: str, cost: int = 1) -> None:
        check_cost(cost)
        with self._lock:
            now = self._now()
            held = self._registry.get(key)
            if held is None:
                return
            held.restore(cost, now)
            self._registry.update(key, held, now)
            if queue := self._queues.get(key):
                self._serve(key, queue, now)
                queue.wake_first()

    def keys(self) -> int:
        with self._lock:
            return len(self._registry)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        check_cost(cost)
        with self._lock:
            now = self._now()
            if cost == 0:
                return True
            if not self._registry.admits(key) or not self._new().can_ever(cost):
                return False
            request = Request(cost, None if timeout is None else now + max(0, timeout))
            queue = self._queues.setdefault(key, FairQueue())
            queue.join(request)
            delay = self._step(key, queue, request, now)
        while request.granted is None:
            request.sleep(delay)
            with self._lock:
                delay = self._step(key, queue, request, self._now())
        return request.granted

    def _step(
        self, key: str, queue: FairQueue, request: Request, now: int
    ) -> int | None:
        """Serve the queue and return how long to sleep, None for until woken."""
        ready = self._serve(key, queue, now)
        if request.granted is None and request.is_due(now):
            queue.leave(request)
            request.granted = False
        if not queue and self._queues.get(key) is queue:
            del self._queues[key]
        ends = [request.deadline, ready if queue.is_first(request) else None]
        known = [end for end in ends if end is not None]
        return max(0, min(known) - now) if known else None

    def _serve(self, key: str, queue: FairQueue, now: int) -> int | None:
        return queue.serve(lambda cost: self._decide(key, cost, now), now)

    def _now(self) -> int:
        now = self._time.now()
        self._registry.expire(now)
        return now

    def _new(self) -> Composite:
        return Composite([rule.new_usage() for rule in self._rules])

    def _decide(self, key: str, cost: int, now: int) -> Decision:
        if cost and not self._registry.admits(key):
            return Decision.no(-1, 0)
        held = self._registry.get(key)
        usage = held or self._new()
        decision = usage.request(cost, now)
        if held is None and decision.allowed and cost:
            self._registry.update(key, usage, now)
        return decision
