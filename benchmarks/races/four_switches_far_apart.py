"""The same, with other work between the places, under a lock in part."""

from __future__ import annotations

from benchmarks.races.four_switches import law as law

WRONG = """
from threading import Lock

class Ladder:
    def __init__(self) -> None:
        self.step, self.fallen, self.log = 0, False, []
        self.lock = Lock()

    def note(self, words: str) -> None:
        with self.lock:
            self.log.append(words)
            while len(self.log) > 2:
                self.log.pop(0)

    def left(self) -> None:
        self.note("left begins")
        self.step = 1
        self.note("first")
        if self.step == 2:
            self.step = 3
        self.note("second")
        if self.step == 4:
            self.fallen = True
        self.note("left ends")

    def right(self) -> None:
        self.note("right begins")
        if self.step == 1:
            self.step = 2
        self.note("third")
        if self.step == 3:
            self.step = 4
        self.note("right ends")

    def is_fallen(self) -> bool:
        return self.fallen
"""

RIGHT = WRONG.replace("self.step = 3", "self.step = 5")
