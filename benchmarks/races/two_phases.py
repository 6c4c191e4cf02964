"""Looking and buying are two phases, each under the lock."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import expect

WRONG = """
from threading import Lock

class Shop:
    def __init__(self) -> None:
        self.stock, self.money = 1, 0
        self.lock = Lock()

    def buy(self) -> bool:
        with self.lock:
            there = self.stock > 0
        if there:
            with self.lock:
                self.stock -= 1
                self.money += 5
        return there

    def books(self) -> list[int]:
        with self.lock:
            return [self.stock, self.money]
"""

RIGHT = """
from threading import Lock

class Shop:
    def __init__(self) -> None:
        self.stock, self.money = 1, 0
        self.lock = Lock()

    def buy(self) -> bool:
        with self.lock:
            there = self.stock > 0
            if there:
                self.stock -= 1
                self.money += 5
        return there

    def books(self) -> list[int]:
        with self.lock:
            return [self.stock, self.money]
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    shop = scene.Shop()
    scene.thread(shop.buy())
    scene.thread(shop.buy())
    scene.finally_(shop.books())

    def judge(history: History) -> None:
        expect(history.finals[0].result, [0, 5], why="there was one to sell, for 5")

    explore(scene, judge)
