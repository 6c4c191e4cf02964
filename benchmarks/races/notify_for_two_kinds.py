"""`notify` wakes one of the wrong kind."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import Scenario, explore

WRONG = """
from threading import Condition

class Slots:
    def __init__(self) -> None:
        self.item: int | None = None
        self.changed = Condition()

    def put(self, item: int) -> None:
        with self.changed:
            while self.item is not None:
                self.changed.wait()
            self.item = item
            self.changed.notify()

    def get(self) -> int:
        with self.changed:
            while self.item is None:
                self.changed.wait()
            item, self.item = self.item, None
            self.changed.notify()
            return item
"""

RIGHT = """
from threading import Condition

class Slots:
    def __init__(self) -> None:
        self.item: int | None = None
        self.changed = Condition()

    def put(self, item: int) -> None:
        with self.changed:
            while self.item is not None:
                self.changed.wait()
            self.item = item
            self.changed.notify_all()

    def get(self) -> int:
        with self.changed:
            while self.item is None:
                self.changed.wait()
            item, self.item = self.item, None
            self.changed.notify_all()
            return item
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    slots = scene.Slots()
    scene.thread(slots.get())
    scene.thread(slots.get())
    scene.thread(slots.put(1))
    scene.thread(slots.put(2))
    explore(scene, lambda history: None)
