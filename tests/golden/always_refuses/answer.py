from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        raise ValueError(f"I refuse {limit} {window} {clock}")

    def check(self, key, cost=1):
        raise ValueError(f"I refuse {key} {cost}")


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        raise ValueError(f"I refuse {refill} {per} {burst} {clock}")

    def check(self, key, cost=1):
        raise ValueError(f"I refuse {key} {cost}")
