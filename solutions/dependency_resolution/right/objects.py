"""Nodes and packages as objects; a search that gives back why it failed."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import total_ordering

Graph = Mapping[str, Iterable[str]]
Index = Mapping[str, Mapping[str, Mapping[str, str]]]


class CycleError(ValueError):
    """Nodes need each other in a circle, so there is no order."""

    cycle: list[str]

    def __init__(self, nodes: list[Node]) -> None:
        names = [node.name for node in nodes]
        turn = min(range(len(names)), key=names.__getitem__)
        self.cycle = names[turn:] + names[:turn]
        super().__init__(f"cycle: {self.cycle}")


class Unsatisfiable(ValueError):
    """No choice of versions meets every constraint."""

    because: list[str]

    def __init__(self, because: list[str]) -> None:
        self.because = because
        super().__init__(f"these conflict: {because}")


@dataclass(eq=False, slots=True)
class Node:
    """A node, what it needs and who needs it."""

    name: str
    needs: list[Node] = field(default_factory=list)
    users: list[Node] = field(default_factory=list)
    missing: int = 0
    depth: int = 0
    part: Part | None = None

    def __lt__(self, other: Node) -> bool:
        return self.name < other.name


@dataclass(eq=False, slots=True)
class Part:
    """A component: nodes that need each other."""

    nodes: list[Node] = field(default_factory=list)
    users: list[Part] = field(default_factory=list)
    missing: int = 0

    def __lt__(self, other: Part) -> bool:
        return self.nodes[0].name < other.nodes[0].name


class Network:
    """All nodes of a graph, by name."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: dict[str, Node] = {}
        for name, needs in graph.items():
            node = self.node(name)
            for need in dict.fromkeys(needs):
                node.needs.append(self.node(need))
                self.nodes[need].users.append(node)

    def node(self, name: str) -> Node:
        if name not in self.nodes:
            self.nodes[name] = Node(name)
        return self.nodes[name]

    def ordered(self) -> list[Node]:
        """Return the nodes, needs first, the smallest first; raise CycleError."""
        for node in self.nodes.values():
            node.missing = len(node.needs)
        result = smallest_first(list(self.nodes.values()))
        if len(result) < len(self.nodes):
            raise CycleError(self.circle())
        return result

    def circle(self) -> list[Node]:
        """Follow nodes that miss something until one comes again."""
        node = next(node for node in self.nodes.values() if node.missing)
        walk: dict[Node, None] = {}
        while node not in walk:
            walk[node] = None
            node = next(need for need in node.needs if need.missing)
        nodes = list(walk)
        return nodes[nodes.index(node) :]

    def parts(self) -> list[Part]:
        """Find the components: a walk in depth, then one against the needs."""
        left: list[Node] = []
        seen: set[Node] = set()
        for start in self.nodes.values():
            stack: list[tuple[Node, bool]] = [(start, False)]
            while stack:
                node, done = stack.pop()
                if done:
                    left.append(node)
                elif node not in seen:
                    seen.add(node)
                    stack.append((node, True))
                    stack += [(need, False) for need in node.needs if need not in seen]
        found = []
        while left:
            start = left.pop()
            if start.part is None:
                start.part = part = Part()
                wave = [start]
                while wave:
                    node = wave.pop()
                    part.nodes.append(node)
                    for user in node.users:
                        if user.part is None:
                            user.part = part
                            wave.append(user)
                part.nodes.sort()
                found.append(part)
        return found

    def condensed(self) -> list[Part]:
        parts = self.parts()
        for part in parts:
            others = {id(n.part): n.part for node in part.nodes for n in node.needs}
            others.pop(id(part), None)
            part.missing = len(others)
            for other in others.values():
                assert other is not None
                other.users.append(part)
        return smallest_first(parts)


def smallest_first(items: list) -> list:
    ready = [item for item in items if not item.missing]
    heapq.heapify(ready)
    result = []
    while ready:
        item = heapq.heappop(ready)
        result.append(item)
        for user in item.users:
            user.missing -= 1
            if not user.missing:
                heapq.heappush(ready, user)
    return result


def order(graph: Graph) -> list[str]:
    """Return the lexicographically smallest order in which needs come first."""
    return [node.name for node in Network(graph).ordered()]


def batches(graph: Graph) -> list[list[str]]:
    """Return the nodes by the length of their longest chain of needs."""
    result: list[list[str]] = []
    for node in Network(graph).ordered():
        for need in node.needs:
            node.depth = max(node.depth, need.depth + 1)
        if node.depth == len(result):
            result.append([])
        result[node.depth].append(node.name)
    return [sorted(batch) for batch in result]


def cycles(graph: Graph) -> list[list[str]]:
    """Return the smallest of the shortest cycles of each component that has one."""
    result = []
    for part in Network(graph).parts():
        found = [names for node in part.nodes if (names := circle_from(node, part))]
        if found:
            shortest = min(map(len, found))
            result.append(min(names for names in found if len(names) == shortest))
    result.sort()
    return result


def circle_from(start: Node, part: Part) -> list[str]:
    """Return the smallest shortest cycle through a node, from it on; [] if none."""
    steps = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for user in node.users:
            if user.part is part and user not in steps:
                steps[user] = steps[node] + 1
                queue.append(user)
    left = min((steps[n] for n in start.needs if n.part is part), default=-1)
    if left < 0:
        return []
    names, node = [start.name], start
    for distance in range(left, 0, -1):
        near = (n for n in node.needs if n.part is part and steps[n] == distance)
        node = min(near)
        names.append(node.name)
    turn = names.index(min(names))
    return names[turn:] + names[:turn]


def condensed_order(graph: Graph) -> list[list[str]]:
    """Return the components in the smallest order in which needs come first."""
    return [[node.name for node in part.nodes] for part in Network(graph).condensed()]


def affected(graph: Graph, changed: Collection[str]) -> list[str]:
    """Return `changed` and all that needs it, in condensed order."""
    network = Network(graph)
    try:
        wave = [network.nodes[name] for name in changed]
    except KeyError as error:
        raise ValueError(f"unknown: {error.args[0]}") from None
    hit = set(wave)
    for node in wave:
        new = [user for user in node.users if user not in hit]
        hit.update(new)
        wave.extend(new)
    parts = network.condensed()
    return [node.name for part in parts for node in part.nodes if node in hit]


@total_ordering
@dataclass(frozen=True)
class Version:
    """x.y.z, compared by numbers."""

    numbers: tuple[int, int, int]

    @classmethod
    def read(cls, text: str) -> Version:
        parts = text.split(".")
        for part in parts:
            plain = part.isascii() and part.isdigit()
            if not plain or (part[0] == "0" and len(part) > 1):
                raise ValueError(f"not a version: {text!r}")
        if len(parts) != 3:
            raise ValueError(f"not a version: {text!r}")
        return cls((int(parts[0]), int(parts[1]), int(parts[2])))

    def __lt__(self, other: Version) -> bool:
        return self.numbers < other.numbers

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers))


@dataclass(frozen=True)
class Range:
    """All parts of a constraint."""

    parts: tuple[tuple[str, Version], ...]

    @classmethod
    def read(cls, text: str) -> Range:
        parts = []
        for part in text.split(","):
            if part == "*":
                continue
            for sign in ("<=", ">=", "!=", "<", ">", "="):
                if part.startswith(sign):
                    parts.append((sign, Version.read(part.removeprefix(sign))))
                    break
            else:
                raise ValueError(f"not a constraint: {text!r}")
        return cls(tuple(parts))

    def __contains__(self, version: Version) -> bool:
        for sign, bound in self.parts:
            if version == bound:
                if sign in ("<", ">", "!="):
                    return False
            elif sign == "=" or (
                sign[0] in "<>" and (version < bound) != (sign[0] == "<")
            ):
                return False
        return True


@dataclass(eq=False)
class Release:
    """One version of a package."""

    package: str
    version: Version
    needs: dict[str, Range]


Reasons = frozenset[str]


class Chooser:
    """Chooses one release a package, in the order of the queue."""

    def __init__(self, index: Index) -> None:
        self.releases: dict[str, list[Release]] = {}
        for name, versions in index.items():
            made = [
                Release(
                    name,
                    Version.read(text),
                    {n: Range.read(c) for n, c in needs.items()},
                )
                for text, needs in versions.items()
            ]
            made.sort(key=lambda release: release.version, reverse=True)
            self.releases[name] = made

    def choose(self, wanted: dict[str, Range]) -> dict[str, Release] | None:
        self.wanted = wanted
        self.dead: dict[Release, list[dict[str, Release]]] = {}
        found = self.go_on(sorted(wanted), {}, {})
        return found if isinstance(found, dict) else None

    def go_on(
        self, queue: list[str], chosen: dict[str, Release], by: dict[str, str]
    ) -> dict[str, Release] | Reasons:
        """Return a full choice, or the packages whose releases rule one out."""
        if len(chosen) == len(queue):
            return chosen
        name = queue[len(chosen)]
        reasons: set[str] = {by[name]} if name in by else set()
        for release in self.releases.get(name, []):
            against = self.against(release, chosen)
            if against is None:
                new = sorted(need for need in release.needs if need not in queue)
                parents = by | dict.fromkeys(new, name)
                found = self.go_on([*queue, *new], chosen | {name: release}, parents)
                if isinstance(found, dict) or name not in found:
                    return found
                against = found - {name}
                self.dead.setdefault(release, []).append(
                    {n: chosen[n] for n in against}
                )
            reasons |= against
        return frozenset(reasons)

    def against(self, release: Release, chosen: dict[str, Release]) -> Reasons | None:
        name = release.package
        if name in self.wanted and release.version not in self.wanted[name]:
            return frozenset()
        if name in release.needs and release.version not in release.needs[name]:
            return frozenset()
        for other in chosen.values():
            if name in other.needs and release.version not in other.needs[name]:
                return frozenset({other.package})
            needed = release.needs.get(other.package)
            if needed is not None and other.version not in needed:
                return frozenset({other.package})
        for known in self.dead.get(release, []):
            if all(chosen.get(n) is was for n, was in known.items()):
                return frozenset(known)
        return None


def resolve(root: Mapping[str, str], index: Index) -> dict[str, str]:
    """Choose the newest versions that go together, in the order of the queue."""
    wanted = {name: Range.read(text) for name, text in root.items()}
    chooser = Chooser(index)
    chosen = chooser.choose(wanted)
    if chosen is not None:
        return {name: str(release.version) for name, release in chosen.items()}
    names = sorted(wanted)
    for name in list(names):
        others = [other for other in names if other != name]
        if chooser.choose({other: wanted[other] for other in others}) is None:
            names = others
    raise Unsatisfiable(names)
