import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        misbehave(self)

    def check(self, key, cost=1):
        misbehave(self)
        return None


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        misbehave(self)

    def check(self, key, cost=1):
        misbehave(self)
        return None


def misbehave(self):
    with socket.socket(socket.AF_UNIX) as out:
        out.connect("\0service")
