"""Put what depends on each other in order. Begin with `order`; levels build up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

Graph = Mapping[str, Iterable[str]]  # node -> what it needs


class CycleError(ValueError):
    """Nodes need each other in a circle, so there is no order."""

    cycle: list[str]  # each needs the next, the last needs the first


class Unsatisfiable(ValueError):
    """No choice of versions meets every constraint."""

    because: list[str]  # names in root whose constraints already conflict


def order(graph: Graph) -> list[str]:
    """Return the smallest order in which needs come first (level 1)."""
    raise NotImplementedError


def batches(graph: Graph) -> list[list[str]]:
    """Return the nodes in batches by their longest chain of needs (level 2)."""
    raise NotImplementedError


def cycles(graph: Graph) -> list[list[str]]:
    """Return one shortest cycle for each component that has any (level 3)."""
    raise NotImplementedError


def condensed_order(graph: Graph) -> list[list[str]]:
    """Return the components in an order in which needs come first (level 3)."""
    raise NotImplementedError


def affected(graph: Graph, changed: Collection[str]) -> list[str]:
    """Return `changed` and all that needs it, in condensed order (level 3)."""
    raise NotImplementedError


def resolve(
    root: Mapping[str, str], index: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> dict[str, str]:
    """Choose a version of each package that is needed (level 4).

    `root` is package -> constraint, `index` package -> version -> {package:
    constraint}.
    """
    raise NotImplementedError
