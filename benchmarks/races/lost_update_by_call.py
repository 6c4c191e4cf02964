"""The same, with a call between reading and writing."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import expect

WRONG = """
from threading import Lock

class Counter:
    def __init__(self) -> None:
        self.n = 0
        self.lock = Lock()

    def add(self) -> None:
        self.n = self.value() + 1

    def value(self) -> int:
        return self.n
"""

RIGHT = """
from threading import Lock

class Counter:
    def __init__(self) -> None:
        self.n = 0
        self.lock = Lock()

    def add(self) -> None:
        with self.lock: self.n = self.value() + 1

    def value(self) -> int:
        return self.n
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    counter = scene.Counter()
    scene.thread(counter.add())
    scene.thread(counter.add())
    scene.finally_(counter.value())

    def judge(history: History) -> None:
        expect(history.finals[0].result, 2, why="two threads added 1 each")

    explore(scene, judge)
