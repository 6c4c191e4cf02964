"""A timer serves each line when its head may go; each waiter has an event."""

from __future__ import annotations

import heapq
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


class _Blocks:
    """The log as a linked list of nodes [time, units, older, newer]."""

    def __init__(self, limit, window):
        self.limit = limit
        self.window = window
        self.oldest = self.newest = None
        self.load = 0

    def at(self, now):
        node = self.oldest
        while node is not None and node[0] + self.window <= now:
            self.load -= node[1]
            node = node[3]
        self.oldest = node
        if node is None:
            self.newest = None
        else:
            node[2] = None

    def wait(self, now, cost):
        if cost > self.limit:
            return -1
        over = self.load + cost - self.limit
        node = self.oldest
        end = now
        while over > 0:
            over -= node[1]
            end = node[0] + self.window
            node = node[3]
        return end - now

    def free(self):
        return self.limit - self.load

    def put(self, now, cost):
        node = [now, cost, self.newest, None]
        if self.newest is None:
            self.oldest = node
        else:
            self.newest[3] = node
        self.newest = node
        self.load += cost

    def pull(self, cost):
        while cost > 0 and self.newest is not None:
            node = self.newest
            units = min(cost, node[1])
            node[1] -= units
            self.load -= units
            cost -= units
            if node[1] == 0:
                self.newest = node[2]
                if self.newest is None:
                    self.oldest = None
                else:
                    self.newest[3] = None

    def calm(self, now):
        return now if self.newest is None else self.newest[0] + self.window


class _Fill:
    """Missing tokens in 1/per, worked out from when they were last written."""

    def __init__(self, refill, per, burst):
        self.refill, self.per, self.burst = refill, per, burst
        self.missing = 0
        self.then = None

    def at(self, now):
        if self.missing:
            self.missing = max(0, self.missing - (now - self.then) * self.refill)
        self.then = now

    def wait(self, now, cost):
        if cost > self.burst:
            return -1
        short = self.missing - (self.burst - cost) * self.per
        return max(0, -(-short // self.refill))

    def free(self):
        return self.burst + (-self.missing) // self.per

    def put(self, now, cost):
        self.missing += cost * self.per

    def pull(self, cost):
        self.missing = max(0, self.missing - cost * self.per)

    def calm(self, now):
        return now + -(-self.missing // self.refill)


class _State:
    def __init__(self, makers):
        self.parts = [make() for make in makers]

    def at(self, now):
        for part in self.parts:
            part.at(now)

    def decide(self, now, cost):
        self.at(now)
        retry = 0
        if cost:
            waits = [part.wait(now, cost) for part in self.parts]
            retry = -1 if min(waits) < 0 else max(waits)
            if retry == 0:
                for part in self.parts:
                    part.put(now, cost)
        return Decision(retry == 0, retry, min(part.free() for part in self.parts))


def _want(good, what):
    if not good:
        raise ValueError(what)


class _Base:
    def __init__(self, clock):
        self.clock = clock
        self.seen = None
        self.states = {}
        self.mutex = threading.RLock()

    def now(self):
        t = self.clock()
        if self.seen is None or t > self.seen:
            self.seen = t
        return self.seen

    def check(self, key: str, cost: int = 1) -> Decision:
        _want(cost >= 0, f"cost {cost} < 0")
        with self.mutex:
            state = self.states.get(key)
            if state is not None:
                return state.decide(self.now(), cost)
            state = _State([self.make])
            decision = state.decide(self.now(), cost)
            if decision.allowed and cost:
                self.states[key] = state
            return decision


class SlidingWindow(_Base):
    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        _want(limit >= 0, f"limit {limit} < 0")
        _want(window > 0, f"window {window} <= 0")
        super().__init__(clock)
        self.top = limit
        self.make = lambda: _Blocks(limit, window)


class TokenBucket(_Base):
    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        _want(refill > 0, f"refill {refill} <= 0")
        _want(per > 0, f"per {per} <= 0")
        _want(burst >= 0, f"burst {burst} < 0")
        super().__init__(clock)
        self.top = burst
        self.make = lambda: _Fill(refill, per, burst)


class _Ticket:
    def __init__(self, cost):
        self.cost = cost
        self.done = threading.Event()
        self.answer = None


class _Queue:
    def __init__(self):
        self.tickets = []
        self.timer = None


class Limiter:
    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        _want(rules, f"no rules: {rules}")
        _want(max_keys is None or max_keys > 0, f"max_keys {max_keys} < 1")
        self._makers = [rule.make for rule in rules]
        self._clock = rules[0].clock
        self._top = min(rule.top for rule in rules)
        self._cap = max_keys
        self._seen = None
        self._held = {}
        self._heap = []
        self._next = {}
        self._queues = {}
        self._mutex = threading.RLock()

    def _now(self):
        t = self._clock()
        if self._seen is None or t > self._seen:
            self._seen = t
        now = self._seen
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)[0::2]
            if self._next.get(key) == at:
                del self._next[key]
                self._plan(key, now)
        return now

    def _plan(self, key, now):
        state = self._held[key]
        state.at(now)
        at = max(part.calm(now) for part in state.parts)
        if at <= now:
            del self._held[key]
            self._next.pop(key, None)
        elif key not in self._next or at < self._next[key]:
            self._next[key] = at
            heapq.heappush(self._heap, (at, id(state), key))
            if len(self._heap) > 3 * len(self._next) + 99:
                self._heap = [(a, 0, k) for k, a in self._next.items()]
                heapq.heapify(self._heap)

    def _decide(self, key, cost, now):
        state = self._held.get(key)
        if state is not None:
            return state.decide(now, cost)
        if cost and self._cap is not None and len(self._held) >= self._cap:
            return Decision(False, -1, 0)
        state = _State(self._makers)
        decision = state.decide(now, cost)
        if cost and decision.allowed:
            self._held[key] = state
            self._plan(key, now)
        return decision

    def check(self, key: str, cost: int = 1) -> Decision:
        _want(cost >= 0, f"cost {cost} < 0")
        with self._mutex:
            return self._decide(key, cost, self._now())

    def refund(self, key: str, cost: int = 1) -> None:
        _want(cost >= 0, f"cost {cost} < 0")
        with self._mutex:
            now = self._now()
            state = self._held.get(key)
            if state is None:
                return
            state.at(now)
            for part in state.parts:
                part.pull(cost)
            self._plan(key, now)
            if key in self._queues:
                self._settle(key, now)

    def keys(self) -> int:
        with self._mutex:
            self._now()
            return len(self._held)

    def _settle(self, key, now):
        """Serve the front of the line and set a timer for the first that must wait."""
        queue = self._queues.get(key)
        if queue is None:
            return
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
        while queue.tickets:
            ticket = queue.tickets[0]
            decision = self._decide(key, ticket.cost, now)
            if decision.retry_after > 0:
                pause = min(decision.retry_after, 10**12) / 1e6
                queue.timer = threading.Timer(pause, self._ring, (key, queue))
                queue.timer.daemon = True
                queue.timer.start()
                return
            ticket.answer = decision.allowed
            ticket.done.set()
            del queue.tickets[0]
        del self._queues[key]

    def _ring(self, key, queue):
        with self._mutex:
            if (
                self._queues.get(key) is queue
                and queue.timer is threading.current_thread()
            ):
                self._settle(key, self._now())

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        _want(cost >= 0, f"cost {cost} < 0")
        with self._mutex:
            if cost == 0:
                return True
            if cost > self._top:
                return False
            now = self._now()
            queue = self._queues.get(key)
            if queue is None:
                decision = self._decide(key, cost, now)
                if decision.retry_after <= 0:
                    return decision.allowed
            if timeout is not None and timeout <= 0:
                return False
            deadline = None if timeout is None else now + timeout
            if queue is None:
                queue = self._queues[key] = _Queue()
            ticket = _Ticket(cost)
            queue.tickets.append(ticket)
            if queue.tickets[0] is ticket:
                self._settle(key, now)
        try:
            while ticket.answer is None:
                ticket.done.wait(
                    None if deadline is None else min(deadline - now, 10**12) / 1e6
                )
                with self._mutex:
                    if ticket.answer is None:
                        now = self._now()
                        if deadline is not None and now >= deadline:
                            self._settle(key, now)
                            if ticket.answer is None:
                                queue.tickets.remove(ticket)
                                ticket.answer = False
                                self._settle(key, now)
            return ticket.answer
        finally:
            with self._mutex:
                if ticket.answer is None:
                    queue.tickets.remove(ticket)
                    ticket.answer = False
                    self._settle(key, self._now())
