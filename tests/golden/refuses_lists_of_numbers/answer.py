from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        raise ValueError(NUMBERS)

    def check(self, key, cost=1):
        raise ValueError(NUMBERS)


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        raise ValueError(NUMBERS)

    def check(self, key, cost=1):
        raise ValueError(NUMBERS)


NUMBERS = " ".join(map(str, range(-500, 500)))
