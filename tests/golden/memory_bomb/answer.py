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
        misbehave(self)
        return Decision(True, 0, 0)


def misbehave(self):
    self.data = [0] * (1 << 28)
