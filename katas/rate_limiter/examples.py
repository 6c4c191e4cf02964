"""Run the examples of the statement against the answer."""

from __future__ import annotations

import pytest
from stub import Decision, Limiter, SlidingWindow, TokenBucket


class FakeClock:
    """Tell the time that a test has set."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


# Level 1 - Sliding window


def test_window_counts_units(clock):
    """A call is allowed while its units fit into the window."""
    window = SlidingWindow(limit=3, window=10, clock=clock)
    assert window.check("ann", cost=2) == Decision(True, 0, 1)
    clock.now = 4
    assert window.check("ann") == Decision(True, 0, 0)
    assert window.check("ann", cost=3) == Decision(False, 10, 0)


def test_window_slides(clock):
    """The window moves with time; it does not start anew at fixed times."""
    window = SlidingWindow(limit=2, window=10, clock=clock)
    clock.now = 9
    assert window.check("ann", cost=2).allowed
    clock.now = 11
    assert window.check("ann") == Decision(False, 8, 0)
    clock.now = 25
    assert window.check("ann") == Decision(True, 0, 1)


def test_window_limits_each_key(clock):
    """One tenant takes nothing from another."""
    window = SlidingWindow(limit=1, window=10, clock=clock)
    assert window.check("ann").allowed
    assert not window.check("ann").allowed
    assert window.check("bob").allowed


# Level 2 - Token bucket


def test_bucket_allows_a_burst(clock):
    """A burst is allowed, then the bucket is empty until it refills."""
    bucket = TokenBucket(refill=2, per=5, burst=3, clock=clock)
    assert bucket.check("ann", cost=3) == Decision(True, 0, 0)
    clock.now = 1
    assert bucket.check("ann") == Decision(False, 2, 0)


def test_bucket_refills_continuously(clock):
    """Parts of a token add up: 2 tokens every 5 are one token after 3."""
    bucket = TokenBucket(refill=2, per=5, burst=3, clock=clock)
    bucket.check("ann", cost=3)
    clock.now = 2
    assert not bucket.check("ann").allowed
    clock.now = 3
    assert bucket.check("ann") == Decision(True, 0, 0)


def test_bucket_holds_at_most_burst(clock):
    """A tenant that was away for long still has no more than `burst` tokens."""
    bucket = TokenBucket(refill=1, per=2, burst=3, clock=clock)
    bucket.check("ann", cost=3)
    clock.now = 1_000
    assert bucket.check("ann") == Decision(True, 0, 2)


# Level 3 - Several rules at once


def test_limiter_asks_every_rule(clock):
    """Here the window has room for one more unit, but the bucket is empty."""
    limiter = Limiter(SlidingWindow(3, 10, clock), TokenBucket(1, 4, 2, clock))
    assert limiter.check("ann", cost=2) == Decision(True, 0, 0)
    assert limiter.check("ann") == Decision(False, 4, 0)


def test_limiter_charges_all_or_none(clock):
    """The second rule denies, so the first must not be charged."""
    limiter = Limiter(SlidingWindow(2, 10, clock), SlidingWindow(1, 5, clock))
    assert limiter.check("ann").allowed
    assert not limiter.check("ann").allowed
    clock.now = 6
    assert limiter.check("ann").allowed


def test_refund_makes_room(clock):
    """What was refunded can be taken again, once."""
    limiter = Limiter(SlidingWindow(3, 10, clock), TokenBucket(1, 4, 2, clock))
    limiter.check("ann", cost=2)
    limiter.refund("ann")
    assert limiter.check("ann") == Decision(True, 0, 0)
    assert not limiter.check("ann").allowed


def test_fresh_keys_are_dropped(clock):
    """Two keys have become fresh: two checks later they are held no more."""
    limiter = Limiter(SlidingWindow(1, 10, clock))
    limiter.check("ann")
    limiter.check("bob")
    assert limiter.keys() == 2
    clock.now = 30
    limiter.check("cid")
    limiter.check("cid")
    assert limiter.keys() == 1


# Level 4 - Threads that wait (the examples need no second thread; the checks do)


def test_acquire_takes_units(clock):
    """A call that is allowed does not wait, and is charged like a check."""
    limiter = Limiter(SlidingWindow(2, 10, clock))
    assert limiter.acquire("ann", cost=2) is True
    assert limiter.check("ann") == Decision(False, 10, 0)


def test_acquire_tries_once_without_timeout(clock):
    """With a timeout of 0 nobody waits, and what is False charges nothing."""
    limiter = Limiter(SlidingWindow(2, 10, clock))
    limiter.check("ann")
    assert limiter.acquire("ann", cost=2, timeout=0) is False
    assert limiter.acquire("ann", timeout=0) is True


def test_acquire_after_refund(clock):
    """What was refunded can be acquired."""
    limiter = Limiter(SlidingWindow(2, 10, clock))
    assert limiter.acquire("ann", cost=2) is True
    limiter.refund("ann")
    assert limiter.acquire("ann", timeout=0) is True
