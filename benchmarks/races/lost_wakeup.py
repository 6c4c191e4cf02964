"""A signal comes between looking and waiting, and is lost."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import Scenario, explore

WRONG = """
from threading import Condition

class Signal:
    def __init__(self) -> None:
        self.on = False
        self.changed = Condition()

    def give(self) -> None:
        self.on = True
        with self.changed:
            self.changed.notify_all()

    def wait(self) -> None:
        if not self.on:
            with self.changed:
                self.changed.wait()
"""

RIGHT = """
from threading import Condition

class Signal:
    def __init__(self) -> None:
        self.on = False
        self.changed = Condition()

    def give(self) -> None:
        self.on = True
        with self.changed:
            self.changed.notify_all()

    def wait(self) -> None:
        with self.changed:
            while not self.on:
                self.changed.wait()
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    signal = scene.Signal()
    scene.thread(signal.wait())
    scene.thread(signal.give())
    explore(scene, lambda history: None)
