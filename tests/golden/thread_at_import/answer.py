from dataclasses import dataclass
from threading import Event, Thread


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        self.clock = clock

    def check(self, key, cost=1):
        WORKER.join()


WORKER = Thread(target=Event().wait, daemon=True)
WORKER.start()
