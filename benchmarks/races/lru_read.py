"""Reading reorders a cache, and does so without its lock."""

from __future__ import annotations

from graders.candidate import Candidate
from graders.interleaving import Scenario, explore

WRONG = """
from collections import OrderedDict
from threading import Lock

class Cache:
    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: OrderedDict[str, int] = OrderedDict()
        self.lock = Lock()

    def put(self, key: str, value: int) -> None:
        with self.lock:
            self.kept[key] = value
            if len(self.kept) > self.size:
                self.kept.popitem(last=False)

    def get(self, key: str) -> int | None:
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        return None
"""

RIGHT = """
from collections import OrderedDict
from threading import Lock

class Cache:
    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: OrderedDict[str, int] = OrderedDict()
        self.lock = Lock()

    def put(self, key: str, value: int) -> None:
        with self.lock:
            self.kept[key] = value
            if len(self.kept) > self.size:
                self.kept.popitem(last=False)

    def _get(self, key: str) -> int | None:
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        return None

    def get(self, key: str) -> int | None:
        with self.lock:
            return self._get(key)
"""


def law(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    cache = scene.Cache(1)
    scene.first(cache.put("a", 1))
    scene.thread(cache.get("a"))
    scene.thread(cache.put("b", 2))
    explore(scene, lambda history: None)
