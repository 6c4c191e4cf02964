"""How the cost of a call grows: it should not, whatever is held."""

from __future__ import annotations

from benchmark import (
    acquire_at_once,
    bucket_many_keys,
    limiter_fresh_keys,
    limiter_window_and_bucket,
    window_denying,
    window_expiring,
)

from graders.laws import check

SIZES = (1_250, 5_000, 20_000)
"""Up to where `list.pop(0)` costs several times what a call does."""
SMALLER = (625, 2_500, 10_000)


@check(level=1, category="performance", measures=("SlidingWindow",))
def test_window_cost_does_not_grow(speed):
    """A check of a window takes as long for a large limit as for a small one."""
    speed.compare(window_expiring, sizes=SIZES)


@check(level=1, category="performance", measures=("SlidingWindow",))
def test_window_denies_fast(speed):
    """A full window denies a call as fast for a large limit as for a small one."""
    speed.compare(window_denying, sizes=SIZES)


@check(level=2, category="performance", measures=("TokenBucket",))
def test_bucket_cost_does_not_grow(speed):
    """A check of a bucket takes as long with many keys as with few."""
    speed.compare(bucket_many_keys, sizes=SMALLER)


@check(level=3, category="performance", measures=("Limiter",))
def test_dropping_keys_is_cheap(speed):
    """A check of a limiter takes as long with many keys as with few, dropped or not."""
    speed.compare(limiter_fresh_keys, sizes=SMALLER)


@check(level=3, category="performance", measures=("Limiter",))
def test_limiter_cost_does_not_grow(speed):
    """A check of a limiter takes as long for large limits as for small ones."""
    speed.compare(limiter_window_and_bucket, sizes=SMALLER)


@check(level=4, category="performance", measures=("Limiter",))
def test_acquire_is_cheap(speed):
    """An `acquire` that need not wait takes as long with many keys as with few."""
    speed.compare(acquire_at_once, sizes=SMALLER)
