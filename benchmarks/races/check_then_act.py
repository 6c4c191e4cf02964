"""What was looked at has changed by the time it is acted upon."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import require

WRONG = """
from threading import Lock

class Stock:
    def __init__(self, units: int) -> None:
        self.units = units
        self.lock = Lock()

    def left(self) -> int:
        return self.units

    def take(self) -> bool:
        if self.left() > 0:
            self.units = self.left() - 1
            return True
        return False
"""

RIGHT = """
from threading import Lock

class Stock:
    def __init__(self, units: int) -> None:
        self.units = units
        self.lock = Lock()

    def left(self) -> int:
        return self.units

    def take(self) -> bool:
        with self.lock:
            return self._take()

    def _take(self) -> bool:
        if self.left() > 0:
            self.units = self.left() - 1
            return True
        return False
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    stock = scene.Stock(1)
    for _ in range(3):
        scene.thread(stock.take())

    def judge(history: History) -> None:
        taken = [done.result for done in history.done]
        require(taken.count(True) == 1, taken, "one of three to get the last unit")

    explore(scene, judge)
