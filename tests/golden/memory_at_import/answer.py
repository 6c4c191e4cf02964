from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    allowed: bool
    retry_after: int
    remaining: int


TABLE = [None] * (1 << 40)
