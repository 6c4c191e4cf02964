"""Conflicts are looked for among one and two names, else all are named.

Caught: level 4, correctness
"""

from __future__ import annotations

import operator
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import chain, combinations, groupby

Graph = Mapping[str, Iterable[str]]
Needs = dict[str, list[str]]
"""Every node -> what it needs, sorted and each once."""
Version = tuple[int, ...]
Choice = tuple[str, Version]


class CycleError(ValueError):
    """Nodes need each other in a circle, so there is no order."""

    cycle: list[str]

    def __init__(self, cycle: list[str]) -> None:
        super().__init__(" needs ".join([*cycle, cycle[0]]))
        self.cycle = cycle


class Unsatisfiable(ValueError):
    """No choice of versions meets every constraint."""

    because: list[str]

    def __init__(self, because: list[str]) -> None:
        super().__init__(f"no versions meet the constraints on {', '.join(because)}")
        self.because = because


# Level 1: order


def order(graph: Graph) -> list[str]:
    """Return the lexicographically smallest order in which needs come first."""
    needs = read(graph)
    ordered = smallest_order(needs)
    if len(ordered) < len(needs):
        raise CycleError(any_cycle(needs, set(needs).difference(ordered)))
    return ordered


def read(graph: Graph) -> Needs:
    """Iterate each value once; give every node an entry, also those only needed."""
    needs = {node: sorted(set(given)) for node, given in graph.items()}
    for need in list(chain.from_iterable(needs.values())):
        needs.setdefault(need, [])
    return needs


def users_of(needs: Needs) -> Needs:
    users: Needs = {node: [] for node in needs}
    for node, its_needs in needs.items():
        for need in its_needs:
            users[need].append(node)
    return users


def smallest_order(needs: Needs) -> list[str]:
    """Take the smallest free node, again and again; what waits on a cycle is left."""
    users, ordered = users_of(needs), []
    missing = {node: len(its_needs) for node, its_needs in needs.items()}
    free = [node for node, count in missing.items() if count == 0]
    heapify(free)
    while free:
        node = heappop(free)
        ordered.append(node)
        for user in users[node]:
            missing[user] -= 1
            if missing[user] == 0:
                heappush(free, user)
    return ordered


def any_cycle(needs: Needs, left: set[str]) -> list[str]:
    """Return a cycle among nodes each of which needs another one of them."""
    node, place = min(left), dict[str, int]()
    while node not in place:
        place[node] = len(place)
        node = next(need for need in needs[node] if need in left)
    return rotated(list(place)[place[node] :])


def rotated(cycle: list[str]) -> list[str]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


# Level 2: batches


def batches(graph: Graph) -> list[list[str]]:
    """Return the nodes by the length of their longest chain of needs."""
    needs = read(graph)
    ordered = smallest_order(needs)
    if len(ordered) < len(needs):
        raise CycleError(any_cycle(needs, set(needs).difference(ordered)))
    longest: dict[str, int] = {}
    for node in ordered:
        longest[node] = 1 + max((longest[need] for need in needs[node]), default=-1)
    by_length = sorted(longest, key=lambda node: (longest[node], node))
    return [list(batch) for _, batch in groupby(by_length, key=longest.__getitem__)]


# Level 3: cycles


def cycles(graph: Graph) -> list[list[str]]:
    """Return the smallest of the shortest cycles of each component that has one."""
    needs = read(graph)
    found = (shortest_cycle(needs, set(part)) for part in components(needs))
    return sorted(cycle for cycle in found if cycle)


def components(needs: Needs) -> list[list[str]]:
    """Return the strongly connected components, each sorted (Kosaraju's two walks)."""
    users, seen, found = users_of(needs), set[str](), []
    for node in reversed(finished(needs)):
        if node not in seen:
            # whoever needs it, and is not in an earlier one, is in its component
            found.append(sorted(reached([node], users, seen)))
    return found


def finished(needs: Needs) -> list[str]:
    """Return all nodes in the order in which a walk in depth leaves them."""
    seen, left = set[str](), []
    for start in needs:
        path = [(start, iter(needs[start]))] if start not in seen else []
        seen.add(start)
        while path:
            node, rest = path[-1]
            need = next((need for need in rest if need not in seen), None)
            if need is None:
                left.append(node)
                path.pop()
            else:
                seen.add(need)
                path.append((need, iter(needs[need])))
    return left


def reached(starts: Iterable[str], edges: Needs, seen: set[str]) -> list[str]:
    """Return the starts and what edges lead to; pass over what was seen before."""
    found = list(dict.fromkeys(starts))
    seen.update(found)
    for node in found:  # grows on the way
        new = [after for after in edges[node] if after not in seen]
        seen.update(new)
        found.extend(new)
    return found


def shortest_cycle(needs: Needs, part: set[str]) -> list[str]:
    """Return the smallest of the shortest cycles in a component, [] if there is none.

    The smallest one begins with the smallest node that is on any shortest cycle.
    """
    inside = {node: [n for n in needs[node] if n in part] for node in sorted(part)}
    users, best = users_of(inside), list[str]()
    for start in inside:
        away = distances(start, users)
        lengths = [1 + away[need] for need in inside[start]]
        if lengths and (not best or min(lengths) < len(best)):
            best = way_back(start, inside, away)
    return best


def distances(end: str, users: Needs) -> dict[str, int]:
    """Return how many steps each node is away from one that it needs."""
    away, queue = {end: 0}, deque([end])
    while queue:
        node = queue.popleft()
        for user in users[node]:
            if user not in away:
                away[user] = away[node] + 1
                queue.append(user)
    return away


def way_back(start: str, needs: Needs, away: dict[str, int]) -> list[str]:
    """Return the smallest of the shortest ways from `start` to itself."""
    way = [start]
    while True:
        nearest = min(away[need] for need in needs[way[-1]])
        if nearest == 0:
            return way
        way.append(next(need for need in needs[way[-1]] if away[need] == nearest))


def condensed_order(graph: Graph) -> list[list[str]]:
    """Return the components in the smallest order in which needs come first."""
    return condensed(read(graph))


def condensed(needs: Needs) -> list[list[str]]:
    parts = {part[0]: part for part in components(needs)}
    chief = {node: first for first, part in parts.items() for node in part}
    between = {
        first: {chief[need] for node in part for need in needs[node]} - {first}
        for first, part in parts.items()
    }
    return [parts[first] for first in smallest_order(read(between))]


def affected(graph: Graph, changed: Collection[str]) -> list[str]:
    """Return `changed` and all that needs it, in condensed order."""
    needs = read(graph)
    for name in changed:
        if name not in needs:
            raise ValueError(f"changed: {name!r} is no node of the graph")
    hit = set(reached(changed, users_of(needs), set()))
    return [node for part in condensed(needs) for node in part if node in hit]


# Level 4: versions


def resolve(
    root: Mapping[str, str], index: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> dict[str, str]:
    """Choose the newest versions that go together, in the order of the queue."""
    packages = Packages(index)
    for constraint in root.values():
        parts_of(constraint)
    chosen = Search(packages, root).run()
    if chosen is None:
        raise Unsatisfiable(smallest_conflict(packages, root))
    return {name: ".".join(map(str, version)) for name, version in chosen.items()}


def smallest_conflict(packages: Packages, root: Mapping[str, str]) -> list[str]:
    """Leave out each name that the conflict does not need."""
    for size in (1, 2):
        for names in combinations(sorted(root), size):
            some = {name: root[name] for name in names}
            if Search(packages, some).run() is None:
                return list(names)
    return sorted(root)


NUMBER = r"(?:0|[1-9][0-9]*)"
VERSION = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}")
PART = re.compile(rf"\*|(!=|<=|>=|=|<|>)({VERSION.pattern})")
COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def version_of(text: str) -> Version:
    if not VERSION.fullmatch(text):
        raise ValueError(f"bad version {text!r}, expected x.y.z")
    return tuple(map(int, text.split(".")))


@cache
def parts_of(constraint: str) -> list[tuple[str, Version]]:
    """Return the comparisons that a constraint is made of; `*` makes none."""
    found = [PART.fullmatch(part) for part in constraint.split(",")]
    if not all(found):
        raise ValueError(f"bad constraint {constraint!r}, expected e.g. '>=1.2.0'")
    return [(m[1], version_of(m[2])) for m in found if m and m[1]]


class Packages:
    """What the index says: all versions, newest first, and what they need."""

    def __init__(self, index: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        self.needs = {
            (name, version_of(text)): dict(needs)
            for name, versions in index.items()
            for text, needs in versions.items()
        }
        for constraint in chain.from_iterable(n.values() for n in self.needs.values()):
            parts_of(constraint)
        self.versions: dict[str, list[Version]] = {}
        for name, version in sorted(self.needs, reverse=True):
            self.versions.setdefault(name, []).append(version)
        self.fits = cache(self._fits)

    def _fits(self, version: Version, constraint: str) -> bool:
        parts = parts_of(constraint)
        return all(COMPARE[sign](version, bound) for sign, bound in parts)


class Search:
    """A search in depth that learns from dead ends.

    A conflict is a set of packages whose chosen versions no full solution has
    together. From a dead end the search goes back to the latest of them, past all that
    has nothing to do with it, and never makes these choices together again.
    """

    def __init__(self, packages: Packages, root: Mapping[str, str]) -> None:
        self.packages = packages
        self.queue = sorted(root)
        self.chosen: dict[str, Version] = {}
        self.untried: list[Iterator[Version]] = []
        self.blamed: list[set[str | None]] = []
        self.asked_by: dict[str, list[tuple[str | None, str]]] = {
            name: [(None, constraint)] for name, constraint in root.items()
        }
        """Who asks for what of a package; None stands for the root."""
        self.learned: dict[Choice, list[dict[str, Version]]] = {}

    def run(self) -> dict[str, Version] | None:
        while len(self.chosen) < len(self.queue):
            name = self.queue[len(self.chosen)]
            if len(self.untried) == len(self.chosen):
                self.untried.append(iter(self.packages.versions.get(name, [])))
                self.blamed.append({self.asked_by[name][0][0]})
            version = self.next_version(name)
            if version is not None:
                self.choose(name, version)
            elif not self.go_back():
                return None
        return self.chosen

    def next_version(self, name: str) -> Version | None:
        """Return the newest untried version that no earlier choice excludes."""
        for version in self.untried[-1]:
            objectors = self.objectors(name, version)
            if objectors is None:
                return version
            self.blamed[-1] |= objectors - {name}
        return None

    def objectors(self, name: str, version: Version) -> set[str | None] | None:
        """Return the choices, this one perhaps among them, that cannot go together."""
        fits = self.packages.fits
        for asker, constraint in self.asked_by[name]:
            if not fits(version, constraint):
                return {asker}
        for need, constraint in self.packages.needs[name, version].items():
            known = version if need == name else self.chosen.get(need)
            if known is not None and not fits(known, constraint):
                return {need}
        for others in self.learned.get((name, version), []):
            if others.items() <= self.chosen.items():
                return set(others)
        return None

    def choose(self, name: str, version: Version) -> None:
        self.chosen[name] = version
        for need, constraint in sorted(self.packages.needs[name, version].items()):
            if need not in self.asked_by:
                self.queue.append(need)
            self.asked_by.setdefault(need, []).append((name, constraint))

    def go_back(self) -> bool:
        """Undo choices until the latest that is to blame; False if there is none."""
        conflict = {name for name in self.blamed.pop() if name is not None}
        self.untried.pop()
        while self.chosen:
            name, version = self.chosen.popitem()
            self.forget(name, version)
            if name in conflict:
                others = {other: self.chosen[other] for other in conflict - {name}}
                self.learned.setdefault((name, version), []).append(others)
                self.blamed[-1] |= others.keys()
                return True
            self.blamed.pop()
            self.untried.pop()
        return False

    def forget(self, name: str, version: Version) -> None:
        for need in self.packages.needs[name, version]:
            self.asked_by[need].pop()
            if not self.asked_by[need]:
                del self.asked_by[need]
                self.queue.remove(need)
