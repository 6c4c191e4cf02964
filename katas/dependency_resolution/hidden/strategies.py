"""Small inputs that meet the edges often, and what is asked of the answers to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import permutations, product
from typing import Any

import oracle
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from oracle import Needs, needs_of

from graders.candidate import Candidate
from graders.laws import NotRefused, require
from graders.raising import LawBroken

Graph = dict[str, list[str]]
NAMES = "abcdef"

# Graphs without a cycle

DIAMOND = {"a": ["c", "b"], "b": ["d"], "c": ["d"]}
LATE = {"a": ["z"], "c": ["b"], "z": ["y"]}
"""Smallest is b, c, y, z, a; a walk in depth over sorted names gives y, z, a, b, c."""
FREED = {"a": ["x"], "b": ["y"], "x": ["y"]}
"""With y both b and x become free, a only with x: y, b, x, a."""
UNEVEN = {"a": ["b", "e"], "b": ["c"], "c": ["d"], "f": ["a", "d"]}
"""The shortest chain of a has 1 edge, its longest 3."""
STEPS = {"d": ["a"], "c": ["d"], "b": ["a"], "e": ["b", "c"]}

# Graphs with cycles

RING = {"b": ["c"], "c": ["a"], "a": ["b"]}
TAIL = {"a": ["c"], "b": ["a"], "c": ["e"], "e": ["d"], "d": ["c", "f"]}
"""The cycle c, e, d; a and b only lead to it, f hangs on it."""
TANGLED = {
    "a": ["b"],
    "b": ["c", "a"],
    "c": ["d"],
    "d": ["e", "d"],
    "e": ["c", "f"],
    "f": [],
}
"""Two components, one of which needs the other, with three cycles together."""
CHORD = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e"], "e": ["d", "b"]}
"""One component: its cycles a, b, c and d, e and b, d, e."""
TWINS = {"a": ["c"], "c": ["d", "b"], "b": ["a"], "d": ["a"]}
"""Two shortest cycles: a, c, b and a, c, d."""
MIDDLE = {"a": ["d"], "d": ["b"], "b": ["c"], "c": ["b", "a"], "e": ["f"], "f": ["e"]}
"""The shortest cycle b, c is not that of the smallest name."""
LATER_ROW = {"a": ["b", "c"], "b": ["e"], "c": ["d"], "d": ["a"], "e": ["a"]}
"""Two cycles through a: b is smaller than c, but the way back from it, e, is larger."""
CHIEFS = {"d": ["a", "b"], "a": ["d"], "b": ["e"], "c": []}
"""Components a, d and b and c and e; a, d waits for b, which waits for e."""


Pairs = Iterable[tuple[str, str]]


def graph_of(pairs: Pairs, listed: Iterable[str] = ()) -> Graph:
    """Return the graph in which the first of each pair needs the second."""
    graph: Graph = {}
    for node, need in pairs:
        graph.setdefault(node, []).append(need)
    for node in listed:
        graph.setdefault(node, [])
    return graph


# Inputs are drawn as few small numbers: that takes a tenth of the time, and what comes
# of them is small whenever they are.


def codes(bound: int, most: int, least: int = 0) -> SearchStrategy[list[int]]:
    return st.lists(st.integers(0, bound - 1), min_size=least, max_size=most)


def subset(names: Sequence[str], mask: int) -> list[str]:
    return [name for place, name in enumerate(names) if mask >> place & 1]


def subsets(names: str) -> SearchStrategy[list[str]]:
    return st.builds(partial(subset, names), st.integers(0, 2 ** len(names) - 1))


RANKS = list(permutations(NAMES))


def ranks() -> SearchStrategy[tuple[str, ...]]:
    return st.builds(RANKS.__getitem__, st.integers(0, len(RANKS) - 1))


def acyclic(most: int = 9) -> SearchStrategy[Graph]:
    """Give graphs in which whatever has a later rank may need an earlier one."""

    def made(rank: Sequence[str], drawn: list[int], listed: list[str]) -> Graph:
        places = [sorted(divmod(code, len(NAMES))) for code in drawn]
        pairs = [(rank[late], rank[early]) for early, late in places if early < late]
        return graph_of(pairs, listed)

    return st.builds(made, ranks(), codes(len(NAMES) ** 2, most), subsets(NAMES))


def pairs_of(drawn: Iterable[int], names: str) -> Pairs:
    places = [divmod(code, len(names)) for code in drawn]
    return [(names[node], names[need]) for node, need in places]


def graphs(names: str = NAMES, most: int = 9) -> SearchStrategy[Graph]:
    """Give any graphs, mostly with cycles."""

    def made(drawn: list[int], listed: list[str]) -> Graph:
        return graph_of(pairs_of(drawn, names), listed)

    return st.builds(made, codes(len(names) ** 2, most), subsets(names))


def cyclic(most: int = 7) -> SearchStrategy[Graph]:
    """Give graphs with a ring of one to four nodes, and whatever else."""

    def made(rank: Sequence[str], size: int, drawn: list[int]) -> Graph:
        ring = zip(rank[:size], [*rank[1:size], rank[0]], strict=True)
        return graph_of([*pairs_of(drawn, NAMES), *ring])

    return st.builds(made, ranks(), st.integers(1, 4), codes(len(NAMES) ** 2, most))


def listed_twice(kind: SearchStrategy[Graph]) -> SearchStrategy[tuple[Graph, Graph]]:
    """Give pairs of a graph and the same one listed in another order."""

    def made(graph: Graph, rank: Sequence[str]) -> tuple[Graph, Graph]:
        return graph, {node: graph[node][::-1] for node in rank if node in graph}

    return st.builds(made, kind, ranks())


def with_implied() -> SearchStrategy[tuple[Graph, Graph]]:
    """Give pairs of a graph and the same with a need that was implied already."""

    def made(graph: Graph) -> tuple[Graph, Graph]:
        graph = {name: [] for name in NAMES} | graph
        first, _, second, _, third, _ = oracle.smallest_order(needs_of(graph))
        graph[third] = [*graph[third], second]
        graph[second] = [*graph[second], first]
        return graph, {**graph, third: [*graph[third], first]}

    return st.builds(made, acyclic(most=6))


# What is asked of a call


def expect_no_order(candidate: Candidate, call: Callable[[], Any]) -> Any:
    """Demand that the call raises CycleError; return its `cycle`, a list of names."""
    try:
        call()
    except candidate.CycleError as error:
        cycle = getattr(error, "cycle", None)
        named = type(cycle) is list and all(type(name) is str for name in cycle)
        require(named, error, "a CycleError whose `cycle` is a list of names")
        return cycle
    raise LawBroken(NotRefused(candidate.events[-1].result), "CycleError")


def expect_cycle(needs: Needs, cycle: list[str]) -> None:
    """Demand that this is a simple cycle of the graph."""
    wrong = oracle.wrong_with_cycle(needs, cycle)
    require(not wrong, cycle, f"`cycle` to be a simple cycle, but {wrong}")


def expect_unsatisfiable(candidate: Candidate, call: Callable[[], Any]) -> Any:
    """Demand that the call raises Unsatisfiable; return its `because`, names."""
    try:
        call()
    except candidate.Unsatisfiable as error:
        names = getattr(error, "because", None)
        named = type(names) is list and all(type(name) is str for name in names)
        require(named, error, "an Unsatisfiable whose `because` is a list of names")
        return names
    result = candidate.events[-1].result
    raise LawBroken(NotRefused(result), "Unsatisfiable: no versions go together")


# Versions

VERSIONS = ("0.9.0", "0.10.0", "1.0.0")
"""As text, 0.10.0 would be the smallest."""
SIGNS = ("=", "!=", "<", "<=", ">", ">=")
COMPARED = [sign + version for sign in SIGNS for version in VERSIONS]
CONSTRAINTS = ["*"] * 6 + COMPARED + [">=0.10.0,<1.0.0", ">0.9.0,!=1.0.0", "<1.0.0,*"]
PACKAGES = "abcd"
Root = dict[str, str]
Case = tuple[Root, dict[str, dict[str, Root]]]


def cases(texts: Sequence[str] = CONSTRAINTS, most: int = 10) -> SearchStrategy[Case]:
    """Give what root asks for, and an index; not every need in it can be met."""
    rules = list(product(PACKAGES, VERSIONS, PACKAGES, texts))
    at_root = [*["*"] * len(texts), *texts]

    def made(
        asked: list[str], wanted: list[str], exist: list[int], drawn: list[int]
    ) -> Case:
        index: dict[str, dict[str, Root]] = {
            name: {version: {} for version in subset(VERSIONS, mask)}
            for name, mask in zip(PACKAGES, exist, strict=True)
        }
        for name, version, need, constraint in (
            rules[code - 1] for code in drawn if code
        ):
            if version in index[name]:
                index[name][version][need] = constraint
        return dict(zip(asked, wanted, strict=False)), index

    wanted = st.tuples(*[st.sampled_from(at_root)] * len(PACKAGES))
    exist = st.tuples(*[st.sampled_from([7, 7, 6, 5, 3, 4, 2, 1])] * len(PACKAGES))
    drawn = codes(len(rules) + 1, most, most // 2)
    return st.builds(made, subsets(PACKAGES), wanted, exist, drawn)


def tangles() -> SearchStrategy[Case]:
    """Give cases that want much going back: most versions need some others."""

    def made(
        asked: list[str], wanted: list[int], drawn: list[list[int]]
    ) -> tuple[Root, dict[str, dict[str, Root]]]:
        index: dict[str, dict[str, Root]] = {name: {} for name in PACKAGES}
        rows = product(PACKAGES, VERSIONS)
        for (name, version), codes_of_needs in zip(rows, drawn, strict=True):
            index[name][version] = {
                PACKAGES[code % len(PACKAGES)]: _TIGHT[code // len(PACKAGES)]
                for code in codes_of_needs
            }
        texts = [_TIGHT[code] for code in wanted]
        return dict(zip(asked, texts, strict=False)), index

    wanted = st.tuples(*[st.integers(0, 3)] * len(PACKAGES)).map(list)
    needs = st.lists(
        st.integers(0, len(PACKAGES) * len(_TIGHT) - 1), min_size=1, max_size=3
    )
    drawn = st.tuples(*[needs] * (len(PACKAGES) * len(VERSIONS))).map(list)
    return st.builds(made, subsets(PACKAGES), wanted, drawn)


_TIGHT = ["*", "*", ">=0.9.0", "!=1.0.0", ">=0.10.0", "!=0.10.0", "<1.0.0", "=0.9.0"]
_PICKY = ["=0.9.0", "!=0.9.0", "=0.10.0", "!=0.10.0", ">0.10.0", "!=1.0.0"]


def disputes() -> SearchStrategy[Case]:
    """Give cases in which all that root asks for needs versions of one package.

    Each alone has what it needs; several together, more often than not, have not.
    """

    def made(asked: list[str], drawn: list[int]) -> Case:
        texts = [_PICKY[code] for code in drawn]
        index: dict[str, dict[str, Root]] = {"x": {version: {} for version in VERSIONS}}
        for place, name in enumerate(PACKAGES):
            index[name] = {"1.0.0": {"x": texts[place]}}
            if place == drawn[-1]:  # one of them has a second chance
                index[name]["0.9.0"] = {"x": texts[place + 1]}
        return dict.fromkeys(asked, "*"), index

    drawn = codes(len(_PICKY), len(PACKAGES) + 1, len(PACKAGES) + 1)
    asked = st.sampled_from(["abcd", "bcd", "abd", "abc", "cd", "ad", "b"])
    return st.builds(made, asked.map(list), drawn)
