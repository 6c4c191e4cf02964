"""Two locks are taken in two orders."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import Scenario, explore

WRONG = """
from threading import Lock

class Bank:
    def __init__(self) -> None:
        self.a, self.b = Lock(), Lock()
        self.money = [10, 10]

    def there(self) -> None:
        with self.a:
            with self.b:
                self.money[0] -= 1
                self.money[1] += 1

    def back(self) -> None:
        with self.b:
            with self.a:
                self.money[1] -= 1
                self.money[0] += 1
"""

RIGHT = """
from threading import Lock

class Bank:
    def __init__(self) -> None:
        self.a, self.b = Lock(), Lock()
        self.money = [10, 10]

    def there(self) -> None:
        with self.a:
            with self.b:
                self.money[0] -= 1
                self.money[1] += 1

    def back(self) -> None:
        with self.a:
            with self.b:
                self.money[1] -= 1
                self.money[0] += 1
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    bank = scene.Bank()
    scene.thread(bank.there())
    scene.thread(bank.back())
    explore(scene, lambda history: None)
