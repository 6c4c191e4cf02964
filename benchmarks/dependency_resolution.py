"""What fast.py of dependency_resolution takes beside the libraries that people use.

The same process, the same data, the best of a few rounds of CPU time. Run it with
`.venv/bin/python -m benchmarks.dependency_resolution`.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from random import Random
from types import ModuleType
from typing import Any

from graders.kata import ROOT

ROUNDS = 2
PACKAGES, EDGES = 60_000, 270_000
VERSIONS = 40
MOST_ROUNDS = 2_000
NAME = "dependency_resolution"
Index = Mapping[str, Mapping[str, Mapping[str, str]]]
Row = tuple[str, str, float, float | None, str]
"""What is asked, of whom, seconds of fast.py and of the other one, a remark."""


def module(path: str) -> ModuleType:
    """Import a file that is not in a package."""
    name = path.rpartition("/")[2].removesuffix(".py")
    spec = importlib.util.spec_from_file_location(f"{NAME}_{name}", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[made.__name__] = made
    spec.loader.exec_module(made)
    return made


def seconds(call: Callable[[], Any], rounds: int = ROUNDS) -> tuple[float, Any]:
    """Return the best CPU time of some rounds, and the result."""
    best, result = float("inf"), None
    for _ in range(rounds):
        gc.collect()
        begun = time.process_time()
        result = call()
        best = min(best, time.process_time() - begun)
    return best, result


def distribution(generators: ModuleType, *, rings: bool) -> dict[str, list[str]]:
    """Return a distribution with as many needs as asked for, near enough."""
    graph: dict[str, list[str]] = generators.distribution(
        Random(1), PACKAGES, rings=rings
    )
    random, names = Random(2), list(graph)
    lacking = EDGES - sum(map(len, graph.values()))
    if not rings:
        # a need of a need adds an edge and no cycle
        for name in random.sample(names, max(lacking, 0)):
            below = [far for need in graph[name] for far in graph[need]]
            graph[name].extend(below[:1])
    return graph


# Graphs


def graph_rows(fast: ModuleType, generators: ModuleType) -> Iterator[Row]:
    plain = distribution(generators, rings=False)
    tied = distribution(generators, rings=True)
    edges = [
        sum(len(set(needs)) for needs in graph.values()) for graph in (plain, tied)
    ]
    print(f"{PACKAGES:,} packages; {edges[0]:,} needs, {edges[1]:,} with cycles")
    ours = {
        "order": seconds(lambda: fast.order(plain)),
        "batches": seconds(lambda: fast.batches(plain)),
        "cycles": seconds(lambda: fast.cycles(tied)),
        "condensed_order": seconds(lambda: fast.condensed_order(tied)),
        "affected": seconds(lambda: fast.affected(tied, sorted(tied)[:20])),
    }
    yield from graphlib_rows(ours, plain)
    networkx = imported("networkx")
    if networkx is not None:
        yield from networkx_rows(networkx, ours, plain, tied)


def graphlib_rows(ours: dict[str, Any], plain: Any) -> Iterator[Row]:
    took, _ = seconds(lambda: list(TopologicalSorter(plain).static_order()))
    words = "any order, not the smallest"
    yield "order", "graphlib static_order", ours["order"][0], took, words
    took, result = seconds(lambda: ready_batches(plain))
    words = same(result == ours["batches"][1])
    yield "batches", "graphlib get_ready", ours["batches"][0], took, words


def ready_batches(graph: Any) -> list[list[str]]:
    sorter: TopologicalSorter[str] = TopologicalSorter(graph)
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = sorter.get_ready()
        found.append(sorted(ready))
        sorter.done(*ready)
    return found


def networkx_rows(
    nx: ModuleType, ours: dict[str, Any], plain: Any, tied: Any
) -> Iterator[Row]:
    """Time networkx with and without making its graph: edges go from need to user."""

    def made(graph: Any) -> Any:
        found = nx.DiGraph()
        found.add_nodes_from(graph)
        found.add_edges_from((n, node) for node, needs in graph.items() for n in needs)
        return found

    build, graph = seconds(lambda: made(plain))
    took, result = seconds(lambda: list(nx.lexicographical_topological_sort(graph)))
    words = same(result == ours["order"][1])
    yield "order", "networkx lexicographical", ours["order"][0], build + took, words
    took, result = seconds(lambda: list(map(sorted, nx.topological_generations(graph))))
    words = same(result == ours["batches"][1])
    yield "batches", "networkx generations", ours["batches"][0], build + took, words
    build, graph = seconds(lambda: made(tied))
    took, result = seconds(lambda: components_in_order(nx, graph))
    words = same(result == ours["condensed_order"][1])
    mine = ours["condensed_order"][0]
    yield "condensed_order", "networkx condensation", mine, build + took, words
    took, _ = seconds(lambda: list(nx.strongly_connected_components(graph)))
    words = "components only, no shortest cycle"
    yield "cycles", "networkx components", ours["cycles"][0], build + took, words
    changed = sorted(tied)[:20]
    took, _ = seconds(lambda: reached(nx, graph, changed))
    words = "a set, in no order"
    yield "affected", "networkx descendants", ours["affected"][0], build + took, words


def components_in_order(nx: ModuleType, graph: Any) -> list[list[str]]:
    small = nx.condensation(graph)
    members = {node: sorted(small.nodes[node]["members"]) for node in small}
    order = nx.lexicographical_topological_sort(small, key=lambda n: members[n][0])
    return [members[node] for node in order]


def reached(nx: ModuleType, graph: Any, changed: Sequence[str]) -> set[str]:
    return set(changed).union(*(nx.descendants(graph, name) for name in changed))


# Versions


def version_rows(fast: ModuleType, generators: ModuleType) -> Iterator[Row]:
    resolvelib = imported("resolvelib")
    for between in (0, 2):
        cases = {
            f"below, {between} between": generators.below(VERSIONS, between),
            f"exactly, {between} between": generators.exactly(VERSIONS, between, 1),
        }
        for name, (root, index) in cases.items():
            took, want = seconds(lambda r=root, i=index: fast.resolve(r, i))
            if resolvelib is not None:
                yield resolvelib_row(resolvelib, name, root, index, took, want)


def resolvelib_row(
    lib: ModuleType, name: str, root: Any, index: Index, ours: float, want: Any
) -> Row:
    """Time a resolver until it gives up; a round is a choice, a solution has 42."""

    def resolve() -> Any:
        resolver = lib.Resolver(provider_of(lib, index), lib.BaseReporter())
        try:
            result = resolver.resolve(list(root.items()), max_rounds=MOST_ROUNDS)
        except lib.ResolutionTooDeep:
            return None
        versions = {n: ".".join(map(str, c[1])) for n, c in result.mapping.items()}
        return versions

    took, got = seconds(resolve, rounds=1)
    if got is None:
        return (
            name,
            "resolvelib",
            ours,
            None,
            f"gave up: {MOST_ROUNDS:,} rounds, {took:.1f} s",
        )
    return name, "resolvelib", ours, took, same(got == want)


def provider_of(lib: ModuleType, index: Index) -> Any:
    """Return a provider as a careful user writes it: everything is parsed once."""
    signs = module(f"solutions/{NAME}/reference.py")
    parsed = {
        name: sorted((signs.version_of(v) for v in versions), reverse=True)
        for name, versions in index.items()
    }
    texts = {
        (name, signs.version_of(v)): list(needs.items())
        for name, versions in index.items()
        for v, needs in versions.items()
    }
    fits: dict[tuple[Any, str], bool] = {}

    def holds(version: Any, constraint: str) -> bool:
        if (version, constraint) not in fits:
            parts = signs.parts_of(constraint)
            fits[version, constraint] = all(
                signs.COMPARE[sign](version, bound) for sign, bound in parts
            )
        return fits[version, constraint]

    class Provider(lib.AbstractProvider):  # type: ignore[misc, name-defined]
        def identify(self, requirement_or_candidate: Any) -> Any:
            return requirement_or_candidate[0]

        def get_preference(self, identifier: Any, *_: Any, **__: Any) -> Any:
            return identifier

        def narrow_requirement_selection(
            self, identifiers: Any, resolutions: Any, candidates: Any,
            information: Any, backtrack_causes: Any,
        ) -> Any:  # fmt: skip
            # as pip does: what took part in the last conflict goes first
            names = set(identifiers)
            causes = {self.identify(cause.requirement) for cause in backtrack_causes}
            causes |= {cause.parent[0] for cause in backtrack_causes if cause.parent}
            return names & causes or names

        def find_matches(
            self, identifier: Any, requirements: Any, incompatibilities: Any
        ) -> Any:
            wanted = [text for _, text in requirements[identifier]]
            bad = {version for _, version in incompatibilities[identifier]}
            return [
                (identifier, version)
                for version in parsed.get(identifier, [])
                if version not in bad and all(holds(version, text) for text in wanted)
            ]

        def is_satisfied_by(self, requirement: Any, candidate: Any) -> bool:
            return holds(candidate[1], requirement[1])

        def get_dependencies(self, candidate: Any) -> Any:
            return texts[candidate]

    return Provider()


# The table


def imported(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: it is in the `bench` extra; left out")
        return None


def same(equal: bool) -> str:
    return "same result" if equal else "another result"


def show(rows: Iterator[Row]) -> None:
    for asked, whom, ours, theirs, words in rows:
        beside = f"{theirs:9.3f} s {theirs / ours:7.1f}x" if theirs else f"{'-':>20}"
        print(f"  {asked:<22}{ours:8.3f} s  {whom:<26}{beside}  {words}", flush=True)


def compare() -> None:
    """Print what fast.py and the others take, and what the others do not do."""
    fast = module(f"solutions/{NAME}/fast.py")
    generators = module(f"katas/{NAME}/hidden/generators.py")
    print("CPU seconds of fast.py, then of the other one, and how many times as long")
    show(graph_rows(fast, generators))
    print(f"versions: chains of {VERSIONS} packages with {VERSIONS} versions each")
    show(version_rows(fast, generators))
    print(
        "graphlib has no smallest order, components or ways to say what is affected.\n"
        "networkx wants its own graph (its making is counted), names no smallest of\n"
        "the shortest cycles of a component, and orders nothing that is affected.\n"
        "resolvelib decides in its own order, so may choose others; it jumps back\n"
        "from a dead end, but may go into the same one again, and names no conflict\n"
        "that is minimal."
    )


if __name__ == "__main__":
    compare()
