"""A check reads the time before the lock, and decides when others have read later.

Caught: level 4, correctness
"""

from __future__ import annotations

import abc
import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Clock = Callable[[], int]  # integer microseconds since some epoch


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    retry_after: int
    remaining: int


class Preconditions:
    @staticmethod
    def check_not_negative(value: int, name: str) -> int:
        if value < 0:
            raise ValueError(f"{name} must be >= 0 but was {value}")
        return value

    @staticmethod
    def check_positive(value: int, name: str) -> int:
        if value <= 0:
            raise ValueError(f"{name} must be > 0 but was {value}")
        return value


class MonotonicTimeSource:
    def __init__(self, clock: Clock) -> None:
        self.__clock = clock
        self.__started = False
        self.__latest = 0

    def current_micros(self) -> int:
        reading = self.__clock()
        if not self.__started or reading > self.__latest:
            self.__latest = reading
            self.__started = True
        return self.__latest


class Quota(abc.ABC):
    """The state of one key under one rule."""

    NEVER = -1

    @abc.abstractmethod
    def update(self, now: int) -> None: ...

    @abc.abstractmethod
    def get_wait(self, cost: int) -> int: ...

    @abc.abstractmethod
    def consume(self, cost: int) -> None: ...

    @abc.abstractmethod
    def give_back(self, cost: int) -> None: ...

    @abc.abstractmethod
    def get_remaining(self) -> int: ...

    @abc.abstractmethod
    def get_time_until_fresh(self) -> int: ...


class Node:
    """An entry of a doubly linked list."""

    __slots__ = ("newer", "older", "time", "units")

    def __init__(self, time: int, units: int) -> None:
        self.time = time
        self.units = units
        self.older: Node | None = None
        self.newer: Node | None = None


class WindowQuota(Quota):
    __slots__ = ("_limit", "_newest", "_now", "_oldest", "_used", "_window")

    def __init__(self, limit: int, window: int) -> None:
        self._limit = limit
        self._window = window
        self._oldest: Node | None = None
        self._newest: Node | None = None
        self._used = 0
        self._now = 0

    def update(self, now: int) -> None:
        self._now = now
        while self._oldest is not None and self._oldest.time + self._window <= now:
            self._used -= self._oldest.units
            self._oldest = self._oldest.newer
            if self._oldest is None:
                self._newest = None
            else:
                self._oldest.older = None

    def get_wait(self, cost: int) -> int:
        if cost > self._limit:
            return Quota.NEVER
        used = self._used
        wait = 0
        node = self._oldest
        while used + cost > self._limit:
            used -= node.units
            wait = node.time + self._window - self._now
            node = node.newer
        return wait

    def consume(self, cost: int) -> None:
        self._used += cost
        node = Node(self._now, cost)
        node.older = self._newest
        if self._newest is None:
            self._oldest = node
        else:
            self._newest.newer = node
        self._newest = node

    def give_back(self, cost: int) -> None:
        while cost > 0 and self._newest is not None:
            part = min(cost, self._newest.units)
            self._newest.units -= part
            self._used -= part
            cost -= part
            if self._newest.units == 0:
                self._newest = self._newest.older
                if self._newest is None:
                    self._oldest = None
                else:
                    self._newest.newer = None

    def get_remaining(self) -> int:
        return self._limit - self._used

    def get_time_until_fresh(self) -> int:
        if self._newest is None:
            return 0
        return self._newest.time + self._window - self._now


class BucketQuota(Quota):
    """Tokens as a whole number and a numerator over `per`."""

    __slots__ = ("_burst", "_now", "_numerator", "_per", "_refill", "_tokens")

    def __init__(self, refill: int, per: int, burst: int) -> None:
        self._refill = refill
        self._per = per
        self._burst = burst
        self._tokens = burst
        self._numerator = 0
        self._now: int | None = None

    def update(self, now: int) -> None:
        if self._now is not None:
            numerator = self._numerator + (now - self._now) * self._refill
            self._tokens += numerator // self._per
            self._numerator = numerator % self._per
        self._now = now
        self._cap()

    def _cap(self) -> None:
        if self._tokens >= self._burst:
            self._tokens = self._burst
            self._numerator = 0

    def _time_until(self, tokens: int) -> int:
        missing = (tokens - self._tokens) * self._per - self._numerator
        if missing <= 0:
            return 0
        return (missing + self._refill - 1) // self._refill

    def get_wait(self, cost: int) -> int:
        return Quota.NEVER if cost > self._burst else self._time_until(cost)

    def consume(self, cost: int) -> None:
        self._tokens -= cost

    def give_back(self, cost: int) -> None:
        self._tokens += cost
        self._cap()

    def get_remaining(self) -> int:
        return self._tokens

    def get_time_until_fresh(self) -> int:
        return self._time_until(self._burst)


Q = TypeVar("Q", bound=Quota)


class AbstractRule(abc.ABC, Generic[Q]):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._time_source = MonotonicTimeSource(clock)
        self._quotas: dict[str, Q] = {}

    def get_clock(self) -> Clock:
        return self._clock

    @abc.abstractmethod
    def create_quota(self) -> Q: ...

    def check(self, key: str, cost: int = 1) -> Decision:
        """Decide on a call of `cost` units now, and charge it if it is allowed."""
        Preconditions.check_not_negative(cost, "cost")
        now = self._time_source.current_micros()
        quota = self._quotas.get(key)
        if quota is None:
            quota = self.create_quota()
        quota.update(now)
        wait = quota.get_wait(cost)
        if wait == 0 and cost > 0:
            quota.consume(cost)
            self._quotas[key] = quota
        return Decision(wait == 0, wait, quota.get_remaining())


class SlidingWindow(AbstractRule[WindowQuota]):
    """Allow each key at most `limit` units in any `window` microseconds (level 1)."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        super().__init__(clock)
        self._limit = Preconditions.check_not_negative(limit, "limit")
        self._window = Preconditions.check_positive(window, "window")

    def create_quota(self) -> WindowQuota:
        return WindowQuota(self._limit, self._window)


class TokenBucket(AbstractRule[BucketQuota]):
    """Refill `refill` tokens every `per` microseconds, up to `burst` (level 2)."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        super().__init__(clock)
        self._refill = Preconditions.check_positive(refill, "refill")
        self._per = Preconditions.check_positive(per, "per")
        self._burst = Preconditions.check_not_negative(burst, "burst")

    def create_quota(self) -> BucketQuota:
        return BucketQuota(self._refill, self._per, self._burst)


class CompositeQuota(Quota):
    """All the quotas of one key."""

    __slots__ = ("_quotas", "note")

    def __init__(self, quotas: list[Quota]) -> None:
        self._quotas = quotas
        self.note: Note | None = None

    def update(self, now: int) -> None:
        for quota in self._quotas:
            quota.update(now)

    def get_wait(self, cost: int) -> int:
        longest = 0
        for quota in self._quotas:
            wait = quota.get_wait(cost)
            if wait == Quota.NEVER:
                return Quota.NEVER
            longest = max(longest, wait)
        return longest

    def consume(self, cost: int) -> None:
        for quota in self._quotas:
            quota.consume(cost)

    def give_back(self, cost: int) -> None:
        for quota in self._quotas:
            quota.give_back(cost)

    def get_remaining(self) -> int:
        return min(quota.get_remaining() for quota in self._quotas)

    def get_time_until_fresh(self) -> int:
        return max(quota.get_time_until_fresh() for quota in self._quotas)


class Note:
    """Look at the key when the time has come, unless cancelled."""

    __slots__ = ("cancelled", "key", "time")

    def __init__(self, time: int, key: str) -> None:
        self.time = time
        self.key = key
        self.cancelled = False


class Repository:
    """The keys that are held; those that are fresh are thrown out when time goes on."""

    def __init__(self, rules: tuple[AbstractRule, ...], max_keys: int | None) -> None:
        self.__rules = rules
        self.__max_keys = max_keys
        self.__quotas: dict[str, CompositeQuota] = {}
        self.__notes: list[tuple[int, int, Note]] = []
        self.__serial = 0
        self.__cancelled = 0

    def size(self) -> int:
        return len(self.__quotas)

    def is_held(self, key: str) -> bool:
        return key in self.__quotas

    def is_full(self) -> bool:
        return self.__max_keys is not None and len(self.__quotas) >= self.__max_keys

    def get_or_create(self, key: str, now: int) -> CompositeQuota:
        """A new quota is not held before it is saved."""
        quota = self.__quotas.get(key)
        if quota is None:
            quota = CompositeQuota([rule.create_quota() for rule in self.__rules])
        quota.update(now)
        return quota

    def save(self, key: str, quota: CompositeQuota, now: int) -> None:
        self.__quotas[key] = quota
        fresh_in = quota.get_time_until_fresh()
        note = quota.note
        if note is not None and fresh_in > 0 and note.time <= now + fresh_in:
            return  # the note comes early enough
        if note is not None:
            note.cancelled = True
            quota.note = None
            self.__cancelled += 1
        if fresh_in == 0:
            del self.__quotas[key]
        else:
            quota.note = Note(now + fresh_in, key)
            self.__serial += 1
            heapq.heappush(self.__notes, (quota.note.time, self.__serial, quota.note))
        if self.__cancelled > len(self.__quotas) + 10:
            self.__notes = [entry for entry in self.__notes if not entry[2].cancelled]
            heapq.heapify(self.__notes)
            self.__cancelled = 0

    def throw_out(self, now: int) -> None:
        while self.__notes and self.__notes[0][0] <= now:
            note = heapq.heappop(self.__notes)[2]
            if note.cancelled:
                self.__cancelled -= 1
            else:
                quota = self.__quotas[note.key]
                quota.note = None
                quota.update(now)
                self.save(note.key, quota, now)


class Ticket:
    """The place of one thread in the queue of a key."""

    def __init__(self, cost: int, deadline: int | None, lock: threading.RLock) -> None:
        self.cost = cost
        self.deadline = deadline
        self.condition = threading.Condition(lock)
        self.done = False
        self.granted = False

    def is_over(self, now: int) -> bool:
        return self.deadline is not None and now >= self.deadline

    def finish(self, granted: bool) -> None:
        self.done = True
        self.granted = granted
        self.condition.notify()


class Limiter:
    """Allow a call only if every rule does (levels 3 and 4)."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        if len(rules) == 0:
            raise ValueError(f"rules must not be empty but was {rules!r}")
        if max_keys is not None:
            Preconditions.check_positive(max_keys, "max_keys")
        self.__repository = Repository(rules, max_keys)
        self.__time_source = MonotonicTimeSource(rules[0].get_clock())
        self.__lock = threading.RLock()
        self.__queues: dict[str, list[Ticket]] = {}

    def __current_time(self) -> int:
        now = self.__time_source.current_micros()
        self.__repository.throw_out(now)
        return now

    def __get_wait(self, key: str, cost: int, now: int) -> int:
        if cost == 0:
            return 0
        if self.__repository.is_full() and not self.__repository.is_held(key):
            return Quota.NEVER
        return self.__repository.get_or_create(key, now).get_wait(cost)

    def __consume(self, key: str, cost: int, now: int) -> None:
        quota = self.__repository.get_or_create(key, now)
        quota.consume(cost)
        self.__repository.save(key, quota, now)

    def check(self, key: str, cost: int = 1) -> Decision:
        Preconditions.check_not_negative(cost, "cost")
        now = self.__time_source.current_micros()
        with self.__lock:
            self.__repository.throw_out(now)
            if self.__repository.is_full() and not self.__repository.is_held(key):
                return Decision(cost == 0, 0 if cost == 0 else -1, 0)
            quota = self.__repository.get_or_create(key, now)
            wait = quota.get_wait(cost)
            if wait == 0 and cost > 0:
                quota.consume(cost)
                self.__repository.save(key, quota, now)
            return Decision(wait == 0, wait, quota.get_remaining())

    def refund(self, key: str, cost: int = 1) -> None:
        Preconditions.check_not_negative(cost, "cost")
        with self.__lock:
            now = self.__current_time()
            if self.__repository.is_held(key):
                quota = self.__repository.get_or_create(key, now)
                quota.give_back(cost)
                self.__repository.save(key, quota, now)
            self.__dispatch(key, now)
            self.__signal_first(key)

    def keys(self) -> int:
        with self.__lock:
            return self.__repository.size()

    def __signal_first(self, key: str) -> None:
        if key in self.__queues:
            self.__queues[key][0].condition.notify()

    def __leave(self, key: str, ticket: Ticket) -> None:
        queue = self.__queues[key]
        queue.remove(ticket)
        if not queue:
            del self.__queues[key]

    def __dispatch(self, key: str, now: int) -> None:
        """Serve the queue of a key as far as it goes now."""
        while key in self.__queues:
            ticket = self.__queues[key][0]
            wait = self.__get_wait(key, ticket.cost, now)
            if wait == 0:
                self.__consume(key, ticket.cost, now)
                ticket.finish(True)
            elif wait == Quota.NEVER or ticket.is_over(now):
                ticket.finish(False)
            else:
                break
            self.__leave(key, ticket)
            self.__signal_first(key)

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        Preconditions.check_not_negative(cost, "cost")
        with self.__lock:
            now = self.__current_time()
            if cost == 0:
                return True
            wait = self.__get_wait(key, cost, now)
            if wait == Quota.NEVER:
                return False
            if wait == 0 and key not in self.__queues:
                self.__consume(key, cost, now)
                return True
            if timeout is not None and timeout <= 0:
                return False
            deadline = None if timeout is None else now + timeout
            ticket = Ticket(cost, deadline, self.__lock)
            self.__queues.setdefault(key, []).append(ticket)
            try:
                self.__await_turn(key, ticket, now)
            finally:
                if not ticket.done:
                    self.__leave(key, ticket)
                    self.__signal_first(key)
            return ticket.granted

    def __await_turn(self, key: str, ticket: Ticket, now: int) -> None:
        while True:
            if not ticket.done:
                self.__dispatch(key, now)
            if ticket.done or ticket.is_over(now):
                return
            pause = None if ticket.deadline is None else ticket.deadline - now
            if self.__queues[key][0] is ticket:
                wait = self.__get_wait(key, ticket.cost, now)
                pause = wait if pause is None else min(pause, wait)
            ticket.condition.wait(
                None if pause is None else min(pause, 10**15) / 1000000.0
            )
            now = self.__current_time()
