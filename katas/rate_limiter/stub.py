"""Limit the calls to an API. Begin with SlidingWindow; each class is a level or two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], int]  # integer microseconds since some epoch


@dataclass(frozen=True)
class Decision:
    """Say whether a call may go ahead, when to retry and what is left."""

    allowed: bool
    # Microseconds until this same call would be allowed if nothing else happens;
    # 0 if allowed, -1 if never.
    retry_after: int
    # Units that could still be taken right after this decision.
    remaining: int


class SlidingWindow:
    """Allow each key at most `limit` units in any `window` microseconds (level 1)."""

    def __init__(self, limit: int, window: int, clock: Clock) -> None:
        """Take the limit, the window in microseconds and the clock to read."""
        raise NotImplementedError

    def check(self, key: str, cost: int = 1) -> Decision:
        """Decide on a call of `cost` units now, and charge it if it is allowed."""
        raise NotImplementedError


class TokenBucket:
    """Refill `refill` tokens every `per` microseconds, up to `burst` (level 2)."""

    def __init__(self, refill: int, per: int, burst: int, clock: Clock) -> None:
        """Take the rate, the most tokens to hold and the clock to read."""
        raise NotImplementedError

    def check(self, key: str, cost: int = 1) -> Decision:
        """Decide on a call of `cost` tokens now, and charge it if it is allowed."""
        raise NotImplementedError


class Limiter:
    """Allow a call only if every rule does (levels 3 and 4)."""

    def __init__(
        self, *rules: SlidingWindow | TokenBucket, max_keys: int | None = None
    ) -> None:
        """Take the rules, and how many keys may be held (None: any number)."""
        raise NotImplementedError

    def check(self, key: str, cost: int = 1) -> Decision:
        """Decide on a call now, and charge every rule for it or none."""
        raise NotImplementedError

    def refund(self, key: str, cost: int = 1) -> None:
        """Take back `cost` accepted units, the newest first."""
        raise NotImplementedError

    def keys(self) -> int:
        """Count the keys that are held in memory now."""
        raise NotImplementedError

    def acquire(self, key: str, cost: int = 1, timeout: int | None = None) -> bool:
        """Wait until the call is allowed, at most `timeout` microseconds (level 4)."""
        raise NotImplementedError
