from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        self.clock = clock

    def check(self, key, cost=1):
        return Decision(True, 0, Fraction(10**6000 + 1, 10**6000))


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        self.clock = clock

    def check(self, key, cost=1):
        return Decision(True, 0, Fraction(10**6000 + 1, 10**6000))
