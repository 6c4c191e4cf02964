"""How the time of each function grows with its input."""

from __future__ import annotations

from benchmark import (
    affected_distribution,
    batches_deep_and_wide,
    batches_distribution,
    condensed_distribution,
    cycles_of_groups,
    order_deep_and_wide,
    order_distribution,
    resolve_below,
    resolve_exactly,
)

from graders.laws import check

PACKAGES = (750, 3_000, 12_000)
FEWER = (500, 2_000, 8_000)
NODES = (1_500, 6_000, 24_000)
WAYS = (2**12, 2**40)
"""To choose among two versions of 12 packages, or of 40: no time to try them all."""


@check(level=1, category="performance", measures=("order",))
def test_order_grows_with_its_input(speed):
    """The time to order a distribution grows as its packages and needs do."""
    speed.compare(order_distribution, sizes=PACKAGES)


@check(level=1, category="performance", measures=("order",))
def test_order_deep_and_wide(speed):
    """Neither a long chain nor many free nodes at once are slow to order."""
    speed.compare(order_deep_and_wide, sizes=NODES)


@check(level=2, category="performance", measures=("batches",))
def test_batches_grow_with_their_input(speed):
    """The time to put a distribution into batches grows as packages and needs do."""
    speed.compare(batches_distribution, sizes=PACKAGES)


@check(level=2, category="performance", measures=("batches",))
def test_batches_deep_and_wide(speed):
    """Neither many batches nor large ones are slow to make."""
    speed.compare(batches_deep_and_wide, sizes=NODES)


@check(level=3, category="performance", measures=("cycles",))
def test_cycles_grow_with_their_input(speed):
    """The time to find the cycles of small components grows as the graph does."""
    speed.compare(cycles_of_groups, sizes=PACKAGES)


@check(level=3, category="performance", measures=("condensed_order",))
def test_condensed_grows_with_its_input(speed):
    """The time to condense a distribution, or a chain, grows as the graph does."""
    speed.compare(condensed_distribution, sizes=FEWER)


@check(level=3, category="performance", measures=("affected",))
def test_affected_grows_with_its_input(speed):
    """The time to say what is affected grows as the graph does."""
    speed.compare(affected_distribution, sizes=PACKAGES)


@check(level=4, category="performance", measures=("resolve",))
def test_resolve_learns_from_dead_ends(speed):
    """A long chain in which each needs an older next one is not tried in every way."""
    speed.compare(resolve_below, sizes=WAYS)


@check(level=4, category="performance", measures=("resolve",))
def test_resolve_jumps_back(speed):
    """What has nothing to do with a conflict is not tried again in every way."""
    speed.compare(resolve_exactly, sizes=WAYS)
