from dataclasses import dataclass

EMPTY = dequeue()


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int
