"""How the cost of a call grows."""

from __future__ import annotations

from benchmark import (
    bank_transfers,
    cache_hits,
    crossed_pairs,
    one_order,
    queue_moves,
    shared_variables,
)

from graders.laws import check

SIZES = (1_250, 5_000, 20_000)
"""Up to where a search of a list costs many times what a call does."""


@check(level=1, category="performance", measures=("Bank",))
def test_transfer_cost_does_not_grow(speed):
    """A transfer takes as long among many accounts as among few."""
    speed.compare(bank_transfers, sizes=SIZES)


@check(level=2, category="performance", measures=("BoundedQueue",))
def test_queue_cost_does_not_grow(speed):
    """`put` and `get` take as long with many items held as with few."""
    speed.compare(queue_moves, sizes=(5_000, 20_000, 80_000))


@check(level=2, category="performance", measures=("OnceCache",))
def test_hit_cost_does_not_grow(speed):
    """A hit of the cache takes as long with many keys as with few."""
    speed.compare(cache_hits, sizes=SIZES)


@check(level=4, category="performance", measures=("lock_order_cycles",))
def test_locks_in_one_order(speed):
    """Locks taken in one order take time by the log, not by the paths through them."""
    # by locks held, the square of n, of which small sizes show little; paths are 2^n
    speed.compare(one_order, sizes=(10, 20, 40), limit=2.0)


@check(level=4, category="performance", measures=("lock_order_cycles",))
def test_many_small_cycles(speed):
    """Many small cycles take time by their number, not by its square."""
    speed.compare(crossed_pairs, sizes=(150, 600, 2_400))


@check(level=4, category="performance", measures=("races",))
def test_long_log_of_races(speed):
    """The races of a log take time by its length, not by its square."""
    speed.compare(shared_variables, sizes=(625, 2_500, 10_000))
