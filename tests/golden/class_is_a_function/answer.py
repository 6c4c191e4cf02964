from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


def SlidingWindow(limit, window, clock):
    log = []

    def check(key, cost=1):
        log.append((key, cost))
        return Decision(True, 0, limit - len(log))
