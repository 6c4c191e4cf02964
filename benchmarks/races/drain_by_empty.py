"""A queue that is not empty may be so when one takes from it."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import expect

WRONG = """
from queue import Empty, Queue

class Drain:
    def __init__(self) -> None:
        self.queue: Queue[int] = Queue()
        for n in range(3):
            self.queue.put(n)

    def drain(self) -> list[int]:
        found = []
        while not self.queue.empty():
            found.append(self.queue.get())
        return found
"""

RIGHT = """
from queue import Empty, Queue

class Drain:
    def __init__(self) -> None:
        self.queue: Queue[int] = Queue()
        for n in range(3):
            self.queue.put(n)

    def drain(self) -> list[int]:
        found = []
        while True:
            try:
                found.append(self.queue.get_nowait())
            except Empty:
                return found
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    drain = scene.Drain()
    scene.thread(drain.drain())
    scene.thread(drain.drain())

    def judge(history: History) -> None:
        found = sorted(n for done in history.done for n in done.result)
        expect(found, [0, 1, 2], why="each is drained once")

    explore(scene, judge)
