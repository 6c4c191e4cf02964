"""Large inputs as they are in life, from a seed: a distribution, a chain, versions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random

Graph = dict[str, list[str]]
Needs = dict[str, str]
Index = dict[str, dict[str, Needs]]

NEEDS_EACH = 4.5
"""Needs of a package, on average."""
KINDS = ("lib{}", "lib{}-dev", "python3-{}", "{}", "{}-data", "{}-doc", "gir1.2-{}")
SYLLABLES = ("ba", "cu", "di", "fo", "gra", "ke", "li", "mo", "nu", "pe", "qt", "xml")


def package_names(random: Random, count: int) -> list[str]:
    """Return names, each once, whose order says nothing about who needs whom."""
    names: dict[str, None] = {}
    while len(names) < count:
        stem = "".join(random.choices(SYLLABLES, k=random.randint(2, 4)))
        number = random.choice(("", "", random.randrange(1, 30)))
        names[random.choice(KINDS).format(f"{stem}{number}")] = None
    return list(names)


def distribution(
    random: Random, count: int, *, rings: bool = False, largest: int = 8
) -> Graph:
    """Return the packages of a distribution: few are needed by nearly all.

    A package needs older ones. With `rings` every fiftieth or so begins a group of
    up to `largest` that need each other, some of which need other groups.
    """
    names = package_names(random, count)
    graph: Graph = {names[0]: []}
    for place in range(1, count):
        number = min(int(random.expovariate(1 / NEEDS_EACH) + 0.5), place)
        older = {int(place * random.random() ** 2) for _ in range(number)}
        graph[names[place]] = [names[need] for need in older]
    if rings:
        for start, size in groups(random, count, largest):
            _tie(random, names[start : start + size], graph)
    entries = list(graph.items())
    random.shuffle(entries)
    return dict(entries)


def groups(random: Random, count: int, largest: int) -> Iterator[tuple[int, int]]:
    """Yield where groups begin, and their sizes."""
    start = 0
    while start + largest < count:
        size = random.randint(2, largest)
        yield start, size
        start += size + random.randint(0, 10 * largest)


def _tie(random: Random, names: list[str], graph: Graph) -> None:
    """Make these need each other, with some needs across."""
    for name, need in pairwise([*names, names[0]]):
        graph[name].append(need)
    for name in random.sample(names, len(names) // 3):
        graph[name].append(random.choice(names))


def chain(random: Random, count: int) -> Graph:
    """Return a chain in which each needs the next, listed in no order."""
    names = package_names(random, count)
    entries = [(name, [need]) for name, need in pairwise(names)]
    random.shuffle(entries)
    return dict(entries)


def wide(random: Random, count: int) -> Graph:
    """Return packages that all need one base, and few of which need another one."""
    base, *names = package_names(random, count)
    graph = {name: [base] for name in names}
    for name in names[:: len(SYLLABLES)]:
        graph[name].append(random.choice(names[1 :: len(SYLLABLES)]))
    return graph


# Versions: chains of packages that lead nowhere


def versions_up_to(newest: int) -> dict[str, Needs]:
    return {f"{number}.0.0": {} for number in range(1, newest + 1)}


def chained(packages: int, versions: int, sign: str) -> Index:
    """Return packages p00, p01 ... whose version v needs the next one `sign` v."""
    names = [f"p{number:02}" for number in range(packages)]
    index: Index = {name: versions_up_to(versions) for name in names}
    for name, need in pairwise(names):
        for version, needs in index[name].items():
            needs[need] = f"{sign}{version}"
    return index


def with_strangers(root: Needs, index: Index, versions: int, count: int) -> None:
    """Add packages to the root that have nothing to do with the others."""
    for name in [f"q{number}" for number in range(count)]:
        index[name] = versions_up_to(versions)
        root[name] = "*"


def below(versions: int, between: int) -> tuple[Needs, Index]:
    """Version v needs the next package below v, in a chain deeper than there are any.

    Only an old `app` does without it. `between` others are decided before the chain.
    """
    root, index = {"app": "*"}, chained(versions + 1, versions, "<")
    index["app"] = {"1.0.0": {}, "2.0.0": {"p00": "*"}}
    with_strangers(root, index, versions, between)
    return root, index


def exactly(versions: int, between: int, lowest: int) -> tuple[Needs, Index]:
    """Version v needs the next package at v; the last one ends with `lowest`.

    `between` others are decided between the first one of the chain and the second.
    """
    root, index = {"p00": "*"}, chained(versions, versions, "=")
    index[max(index)] = versions_up_to(lowest)
    with_strangers(root, index, versions, between)
    return root, index
