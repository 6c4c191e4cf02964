from types import SimpleNamespace


class SlidingWindow:
    def __init__(self, limit, window, clock):
        self.clock = clock

    def check(self, key, cost=1):
        return SimpleNamespace(allowed=True, retry_after=0, remaining=0)


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        self.clock = clock

    def check(self, key, cost=1):
        return SimpleNamespace(allowed=True, retry_after=0, remaining=0)
