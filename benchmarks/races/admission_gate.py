"""The place is free when one looks, and taken when one goes in."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import require

WRONG = """
from threading import Lock

class Gate:
    def __init__(self, most: int) -> None:
        self.most, self.inside = most, 0
        self.lock = Lock()

    def enter(self) -> bool:
        with self.lock:
            full = self.inside >= self.most
        if full:
            return False
        with self.lock:
            self.inside += 1
        return True
"""

RIGHT = """
from threading import Lock

class Gate:
    def __init__(self, most: int) -> None:
        self.most, self.inside = most, 0
        self.lock = Lock()

    def enter(self) -> bool:
        with self.lock:
            full = self.inside >= self.most
            if full:
                return False
            self.inside += 1
            return True
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    gate = scene.Gate(1)
    scene.thread(gate.enter())
    scene.thread(gate.enter())

    def judge(history: History) -> None:
        entered = [done.result for done in history.done]
        require(entered.count(True) == 1, entered, "one to enter")

    explore(scene, judge)
