"""A bucket is refilled and taken from without a lock."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import require

WRONG = """
from collections.abc import Callable
from threading import Lock

class Bucket:
    def __init__(self, burst: int, clock: Callable[[], int]) -> None:
        self.burst, self.clock = burst, clock
        self.tokens, self.filled = burst, clock()
        self.lock = Lock()

    def take(self) -> bool:
        now = self.clock()
        self.tokens = min(self.burst, self.tokens + now - self.filled)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
"""

RIGHT = WRONG.replace("take(self)", "_take(self)") + """
    def take(self) -> bool:
        with self.lock:
            return self._take()
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    bucket = scene.Bucket(2, scene.clock())
    for _ in range(3):
        scene.thread(bucket.take())

    def judge(history: History) -> None:
        taken = [done.result for done in history.done]
        require(taken.count(True) == 2, taken, "two of three: the bucket holds two")

    explore(scene, judge)
