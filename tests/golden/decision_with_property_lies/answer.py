from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        self.clock = clock

    def check(self, key, cost=1):
        return Decision()


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        self.clock = clock

    def check(self, key, cost=1):
        return Decision()


class Decision:
    reads = 0

    def change(self):
        Decision.reads += 1
        return Decision.reads % 2 == 0

    allowed = property(change)
    retry_after = remaining = property(lambda self: Decision.reads)
