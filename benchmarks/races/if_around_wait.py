"""After a wait, the condition is not looked at again."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import expect

WRONG = """
from collections import deque
from threading import Condition

class Box:
    def __init__(self) -> None:
        self.items: deque[int] = deque()
        self.filled = Condition()

    def put(self, item: int) -> None:
        with self.filled:
            self.items.append(item)
            self.filled.notify_all()

    def get(self) -> int:
        with self.filled:
            if not self.items:
                self.filled.wait()
            return self.items.popleft()
"""

RIGHT = """
from collections import deque
from threading import Condition

class Box:
    def __init__(self) -> None:
        self.items: deque[int] = deque()
        self.filled = Condition()

    def put(self, item: int) -> None:
        with self.filled:
            self.items.append(item)
            self.filled.notify_all()

    def get(self) -> int:
        with self.filled:
            while not self.items:
                self.filled.wait()
            return self.items.popleft()
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    box = scene.Box()
    scene.thread(box.get())
    scene.thread(box.get())
    scene.thread(box.put(1), box.put(2))

    def judge(history: History) -> None:
        got = sorted(done.result for done in history.of("get"))
        expect(got, [1, 2], why="1 and 2 were put")

    explore(scene, judge)
