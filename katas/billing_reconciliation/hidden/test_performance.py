"""How the time of a reconciliation grows with the number of rows."""

from __future__ import annotations

from benchmark import (
    by_ref,
    one_bucket,
    repeats_and_groups,
    small_buckets,
    whole_month,
)

from graders.laws import check

SIZES = (300, 1_200, 4_800)
"""Rows a side."""
IN_ONE_BUCKET = (125, 250, 500, 1_000)
"""Rows a side: the reference needs time that grows with their square."""
CUBIC = 0.6
"""Between the square, with memory that grows likewise and gets slower, and the cube."""


@check(level=1, category="performance", measures=("reconcile",))
def test_joining_by_ref(speed):
    """Joining by reference takes near O(n log n), also if many rows share one."""
    speed.compare(by_ref, sizes=SIZES)


@check(level=2, category="performance", measures=("reconcile",))
def test_small_buckets(speed):
    """Matching n rows without a ref takes near O(n log n) if few of them are equal."""
    speed.compare(small_buckets, sizes=SIZES)


@check(level=2, category="performance", measures=("reconcile",))
def test_one_bucket(speed):
    """Matching n equal rows without a ref takes at most O(n^2)."""
    speed.compare(one_bucket, sizes=IN_ONE_BUCKET, limit=CUBIC)


@check(level=3, category="performance", measures=("reconcile",))
def test_repeats_and_groups(speed):
    """Finding duplicates and groups takes near O(n log n) if few rows are near."""
    speed.compare(repeats_and_groups, sizes=SIZES)


@check(level=4, category="performance", measures=("reconcile",))
def test_whole_month(speed):
    """A month of n rows takes near O(n log n) in a zone whose clocks change."""
    speed.compare(whole_month, sizes=SIZES)
