"""The same with three threads, and with calls without locks between the places."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import expect

WRONG = """
from threading import Lock

class Ladder:
    def __init__(self) -> None:
        self.steps = {"now": 0}
        self.lock = Lock()

    def now(self) -> int:
        return self.steps["now"]

    def climb(self, start: int, end: int) -> None:
        if self.now() == start:
            self.steps["now"] = end

    def left(self) -> None:
        self.climb(0, 1)
        self.climb(3, 4)

    def right(self) -> None:
        self.climb(1, 2)
        self.climb(4, 5)

    def middle(self) -> None:
        self.climb(2, 3)
"""

RIGHT = WRONG.replace("self.climb(2, 3)", "self.climb(2, 6)")


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    ladder = scene.Ladder()
    scene.thread(ladder.left())
    scene.thread(ladder.right())
    scene.thread(ladder.middle())
    scene.finally_(ladder.now())

    def judge(history: History) -> None:
        last = history.finals[0].result
        expect(last == 5, False, why="one after the other, none gets to step 5")

    explore(scene, judge)
