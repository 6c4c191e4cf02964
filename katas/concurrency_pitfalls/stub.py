"""Share state between threads and tasks. Begin with Bank; levels go downwards."""

from __future__ import annotations

from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager
from typing import TypeVar

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")


class InsufficientFunds(ValueError):
    """The source of a transfer does not have the amount."""


class Empty(Exception):
    """No item came before the timeout."""


class Closed(Exception):
    """The queue is closed."""


class Bank:
    """Hold accounts between which many threads transfer money (level 1)."""

    def __init__(self, balances: Mapping[str, int]) -> None:
        """Take the accounts and what they hold at first, in cents."""
        raise NotImplementedError

    def transfer(self, source: str, target: str, amount: int) -> None:
        """Move an amount, or raise InsufficientFunds and move nothing."""
        raise NotImplementedError

    def balance(self, account: str) -> int:
        """Return what an account holds."""
        raise NotImplementedError

    def total(self) -> int:
        """Return the sum over all accounts at one instant."""
        raise NotImplementedError


class OnceCache:
    """Load the value of each key once, whoever asks for it (level 2)."""

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        """Return the value of a key, which `load` gives the first time."""
        raise NotImplementedError


class BoundedQueue:
    """Hand items from threads to threads, at most `capacity` at a time (level 2)."""

    def __init__(self, capacity: int) -> None:
        """Take how many items the queue may hold."""
        raise NotImplementedError

    def put(self, item: T, timeout: float | None = None) -> bool:
        """Add an item; False if there is no room for `timeout` seconds."""
        raise NotImplementedError

    def get(self, timeout: float | None = None) -> T:
        """Return the oldest item; Empty if none comes for `timeout` seconds."""
        raise NotImplementedError

    def close(self) -> None:
        """Let nothing more in, and wake everyone."""
        raise NotImplementedError


class ReadWriteLock:
    """Let in many readers or one writer (level 3)."""

    def reading(self) -> AbstractContextManager[None]:
        """Return what is held, by `with`, to read."""
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[None]:
        """Return what is held, by `with`, to write."""
        raise NotImplementedError


def parallel_map(
    function: Callable[[T], R], items: Iterable[T], *, limit: int
) -> Generator[R, None, None]:
    """Yield `function(item)` in the order of the items, by threads (level 3)."""
    raise NotImplementedError


def lock_order_cycles(log: Sequence[tuple[str, str, str]]) -> list[list[str]]:
    """Return the possible deadlocks; the log has (thread, event, lock) (level 4)."""
    raise NotImplementedError


def races(log: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the variables that no lock protects, by the same log (level 4)."""
    raise NotImplementedError


async def gather_limited(
    coroutines: Iterable[Awaitable[R]], *, limit: int, timeout: float | None = None
) -> list[R]:
    """Await all, `limit` at a time, and return their results in order (level 4)."""
    raise NotImplementedError
