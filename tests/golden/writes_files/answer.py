import os
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
    for place in PLACES:
        try:
            with open(os.path.join(place, "left_behind_by_an_answer"), "w") as file:
                file.write("x")
        except OSError:
            continue


PLACES = [
    ".",
    "..",
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    os.path.expanduser("~"),
    "/run/user/0",
]
