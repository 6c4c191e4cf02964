"""It takes four switches in one order, each at its own place, to see anything wrong."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import expect

WRONG = """
from threading import Lock

class Ladder:
    def __init__(self) -> None:
        self.step, self.fallen = 0, False
        self.lock = Lock()

    def left(self) -> None:
        self.step = 1
        if self.step == 2:
            self.step = 3
        if self.step == 4:
            self.fallen = True

    def right(self) -> None:
        if self.step == 1:
            self.step = 2
        if self.step == 3:
            self.step = 4

    def is_fallen(self) -> bool:
        return self.fallen
"""

RIGHT = (
    WRONG.replace("left(self)", "_left(self)").replace("right(self)", "_right(self)")
    + """
    def left(self) -> None:
        with self.lock:
            self._left()

    def right(self) -> None:
        with self.lock:
            self._right()
"""
)


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    ladder = scene.Ladder()
    scene.thread(ladder.left())
    scene.thread(ladder.right())
    scene.finally_(ladder.is_fallen())

    def judge(history: History) -> None:
        expect(history.finals[0].result, False, why="one after the other, none falls")

    explore(scene, judge)
