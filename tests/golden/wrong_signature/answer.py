from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        self.clock = clock

    def check(self, key):
        return Decision(False, -1, 0)


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        self.clock = clock

    def check(self, key):
        return Decision(False, -1, 0)
