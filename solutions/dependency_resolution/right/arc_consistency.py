"""With graphlib for plain orders; versions that lose their support are ruled out early.

A version is ruled out once one of its needs has no version left that it allows. What a
choice rules out is followed up before the next choice, and taken back with it.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError as Circle
from graphlib import TopologicalSorter

Graph = Mapping[str, Iterable[str]]
Index = Mapping[str, Mapping[str, Mapping[str, str]]]


class CycleError(ValueError):
    """Nodes need each other in a circle, so there is no order."""

    cycle: list[str]

    @classmethod
    def of(cls, backwards: list[str]) -> CycleError:
        """Take a cycle as graphlib has it: each is needed by the next, closed."""
        cycle = backwards[:0:-1]
        first = cycle.index(min(cycle))
        error = cls(" -> ".join(backwards))
        error.cycle = cycle[first:] + cycle[:first]
        return error


class Unsatisfiable(ValueError):
    """No choice of versions meets every constraint."""

    because: list[str]


def sorter_of(graph: Graph) -> TopologicalSorter[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for node, needs in graph.items():
        sorter.add(node, *needs)
    try:
        sorter.prepare()
    except Circle as circle:
        raise CycleError.of(circle.args[1]) from None
    return sorter


def order(graph: Graph) -> list[str]:
    """Return the lexicographically smallest order in which needs come first."""
    sorter, heap, result = sorter_of(graph), list[str](), list[str]()
    while sorter.is_active():
        for node in sorter.get_ready():
            heapq.heappush(heap, node)
        result.append(heapq.heappop(heap))
        sorter.done(result[-1])
    return result


def batches(graph: Graph) -> list[list[str]]:
    """Return the nodes by the length of their longest chain of needs."""
    sorter, result = sorter_of(graph), []
    while sorter.is_active():
        result.append(sorted(sorter.get_ready()))
        sorter.done(*result[-1])
    return result


def adjacency(graph: Graph) -> dict[str, tuple[str, ...]]:
    needs = {node: tuple(dict.fromkeys(given)) for node, given in graph.items()}
    for given in [*needs.values()]:
        for need in given:
            needs.setdefault(need, ())
    return needs


def gabow(needs: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return strong components by Gabow's two stacks."""
    number: dict[str, int] = {}
    part_of: dict[str, list[str]] = {}
    open_nodes: list[str] = []
    bounds: list[str] = []
    for root in needs:
        work = [(root, 0)]
        while work:
            node, at = work.pop()
            if at == 0:
                if node in number:
                    continue
                number[node] = len(number)
                open_nodes.append(node)
                bounds.append(node)
                work.append((node, 1))
                work.extend((need, 0) for need in needs[node] if need not in number)
                continue
            for need in needs[node]:
                if need not in part_of and need in number:
                    while number[bounds[-1]] > number[need]:
                        bounds.pop()
            if bounds[-1] == node:
                bounds.pop()
                part: list[str] = []
                while not part or part[-1] != node:
                    part.append(open_nodes.pop())
                    part_of[part[-1]] = part
    return [
        sorted(part) for part in {id(part): part for part in part_of.values()}.values()
    ]


def cycles(graph: Graph) -> list[list[str]]:
    """Return the smallest of the shortest cycles of each component that has one."""
    needs, result = adjacency(graph), []
    for part in gabow(needs):
        members = set(part)
        inside = {n: sorted(members.intersection(needs[n])) for n in part}
        found = [cycle for n in part if (cycle := through(n, inside))]
        if found:
            result.append(min(found, key=lambda cycle: (len(cycle), cycle)))
    return sorted(result)


def through(start: str, needs: Mapping[str, list[str]]) -> list[str]:
    """Return the first shortest way from a node back to it over names not below it.

    In breadth, smaller names first, so that the first way found is the smallest.
    """
    came: dict[str, str] = {}
    level = [start]
    while level:
        after = []
        for node in level:
            for need in needs[node]:
                if need == start:
                    way = [node]
                    while way[-1] != start:
                        way.append(came[way[-1]])
                    return way[::-1]
                if need > start and need not in came:
                    came[need] = node
                    after.append(need)
        level = after
    return []


def condensed_order(graph: Graph) -> list[list[str]]:
    """Return the components in the smallest order in which needs come first."""
    needs = adjacency(graph)
    chief = {node: part[0] for part in gabow(needs) for node in part}
    members: dict[str, list[str]] = {first: [] for first in chief.values()}
    between: dict[str, set[str]] = {first: set() for first in chief.values()}
    for node in sorted(needs):
        members[chief[node]].append(node)
        between[chief[node]].update(chief[need] for need in needs[node])
    for first in between:
        between[first].discard(first)
    return [members[first] for first in order(between)]


def affected(graph: Graph, changed: Collection[str]) -> list[str]:
    """Return `changed` and all that needs it, in condensed order."""
    needs = adjacency(graph)
    users: dict[str, list[str]] = {node: [] for node in needs}
    for node, given in needs.items():
        for need in given:
            users[need].append(node)
    unknown = [name for name in changed if name not in needs]
    if unknown:
        raise ValueError(f"no such nodes: {unknown}")
    hit, work = set(changed), list(changed)
    while work:
        for user in users[work.pop()]:
            if user not in hit:
                hit.add(user)
                work.append(user)
    return [node for part in condensed_order(needs) for node in part if node in hit]


V = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}"
Domains = dict[str, set[str]]


class Solver:
    """Domains of versions, narrowed after each choice."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.askers: dict[str, set[tuple[str, str]]] = {}
        for name, versions in index.items():
            for version, needs in versions.items():
                if not re.fullmatch(V, version):
                    raise ValueError(f"bad version: {version!r}")
                for need, text in needs.items():
                    check(text)
                    self.askers.setdefault(need, set()).add((name, version))
        self.allowed_by: dict[tuple[str, str], frozenset[str]] = {}

    def allowed(self, name: str, text: str) -> frozenset[str]:
        if (name, text) not in self.allowed_by:
            versions = self.index.get(name, {})
            parts = text.split(",")
            self.allowed_by[name, text] = frozenset(
                v for v in versions if all(meets(v, part) for part in parts)
            )
        return self.allowed_by[name, text]

    def solve(self, root: Mapping[str, str]) -> dict[str, str] | None:
        domains = {name: set(versions) for name, versions in self.index.items()}
        for name, text in root.items():
            domains.setdefault(name, set())
            domains[name] &= self.allowed(name, text)
        self.narrow(domains, list({*domains, *self.askers}))
        return self.choose(sorted(root), {}, domains)

    def choose(
        self, queue: list[str], chosen: dict[str, str], domains: Domains
    ) -> dict[str, str] | None:
        if len(chosen) == len(queue):
            return chosen
        name = queue[len(chosen)]
        for version in sorted(domains[name], key=numbers, reverse=True):
            needs = self.index[name][version]
            narrowed = {other: set(domain) for other, domain in domains.items()}
            narrowed[name] = {version}
            for need, text in needs.items():
                narrowed[need] &= self.allowed(need, text)
            self.narrow(narrowed, [name, *needs])
            new = sorted(need for need in needs if need not in queue)
            now = {**chosen, name: version}
            if all(narrowed[other] for other in [*queue, *new]):
                found = self.choose([*queue, *new], now, narrowed)
                if found is not None:
                    return found
        return None

    def narrow(self, domains: Domains, work: list[str]) -> None:
        """Take away what needs a package in a version that it cannot have."""
        while work:
            need = work.pop()
            left = domains.get(need, set())
            for name, version in self.askers.get(need, ()):
                if version in domains[name]:
                    text = self.index[name][version][need]
                    if self.allowed(need, text).isdisjoint(left):
                        domains[name].discard(version)
                        work.append(name)


def check(text: str) -> None:
    for part in text.split(","):
        if not re.fullmatch(rf"\*|(=|!=|<|<=|>|>=){V}", part):
            raise ValueError(f"bad constraint: {text!r}")


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def meets(version: str, part: str) -> bool:
    if part == "*":
        return True
    match = re.match(r"(\D+)(.*)", part)
    assert match
    ours, theirs = numbers(version), numbers(match[2])
    match match[1]:
        case "=":
            return ours == theirs
        case "!=":
            return ours != theirs
        case "<":
            return ours < theirs
        case "<=":
            return ours <= theirs
        case ">":
            return ours > theirs
        case _:
            return ours >= theirs


def resolve(root: Mapping[str, str], index: Index) -> dict[str, str]:
    """Choose the newest versions that go together, in the order of the queue."""
    solver = Solver(index)
    for text in root.values():
        check(text)
    found = solver.solve(root)
    if found is not None:
        return found
    # add names until it conflicts: the last one belongs to the conflict, begin again
    kept: dict[str, str] = {}
    while kept == {} or solver.solve(kept) is not None:
        tried = dict(kept)
        for name in sorted(root, reverse=True):
            tried[name] = root[name]
            if solver.solve(tried) is None:
                kept[name] = root[name]
                break
    error = Unsatisfiable("conflict between " + ", ".join(sorted(kept)))
    error.because = sorted(kept)
    raise error
