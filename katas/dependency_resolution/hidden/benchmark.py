"""The work that performance checks time, made from a seed."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from generators import below, chain, distribution, exactly, wide


def order_distribution(candidate: Any, n: int, seed: int) -> None:
    """Order a distribution of n packages."""
    candidate.order(distribution(Random(seed), n))


def order_deep_and_wide(candidate: Any, n: int, seed: int) -> None:
    """Order a chain, and n nodes of which nearly all are free at once."""
    random = Random(seed)
    candidate.order(chain(random, n // 4))
    candidate.order(wide(random, n))


def batches_distribution(candidate: Any, n: int, seed: int) -> None:
    """Put a distribution of n packages into batches."""
    candidate.batches(distribution(Random(seed), n))


def batches_deep_and_wide(candidate: Any, n: int, seed: int) -> None:
    """Put a chain into as many batches, and n nodes into three."""
    random = Random(seed)
    candidate.batches(chain(random, n // 4))
    candidate.batches(wide(random, n))


def cycles_of_groups(candidate: Any, n: int, seed: int) -> None:
    """Find the cycles of a distribution with groups of up to 40."""
    candidate.cycles(distribution(Random(seed), n, rings=True, largest=40))


def condensed_distribution(candidate: Any, n: int, seed: int) -> None:
    """Condense a distribution of n packages with small groups, and a chain."""
    random = Random(seed)
    candidate.condensed_order(distribution(random, n, rings=True))
    candidate.condensed_order(chain(random, n // 2))


def affected_distribution(candidate: Any, n: int, seed: int) -> None:
    """Change what most of n packages need, so that nearly all are affected."""
    graph = distribution(Random(seed), n, rings=True)
    uses = Counter(need for needs in graph.values() for need in needs)
    candidate.affected(graph, [name for name, _ in uses.most_common(2)])


# Here n is the number of ways to choose: two versions of n packages have 2 ** n.


def ways(n: int) -> int:
    """Return how many versions there are."""
    return n.bit_length() - 1


def resolve_below(candidate: Any, n: int, seed: int) -> None:
    """Resolve a chain in which each needs the next below it, which leads nowhere."""
    candidate.resolve(*below(ways(n), between=2))


def resolve_exactly(candidate: Any, n: int, seed: int) -> None:
    """Resolve a chain in which only the oldest version is there to the end."""
    candidate.resolve(*exactly(ways(n), between=2, lowest=1))
