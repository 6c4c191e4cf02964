"""As short as it can be said and still be read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import groupby

Graph = Mapping[str, Iterable[str]]
Index = Mapping[str, Mapping[str, Mapping[str, str]]]
Needs = dict[str, set[str]]


class CycleError(ValueError):
    """Nodes need each other in a circle, so there is no order."""

    cycle: list[str]


class Unsatisfiable(ValueError):
    """No choice of versions meets every constraint."""

    because: list[str]


def sets(graph: Graph) -> Needs:
    needs = {node: set(given) for node, given in graph.items()}
    return {need: set() for some in needs.values() for need in some} | needs


def back(needs: Needs) -> Needs:
    users: Needs = {node: set() for node in needs}
    for node, some in needs.items():
        for need in some:
            users[need].add(node)
    return users


def kahn(needs: Needs) -> dict[str, int]:
    """Return node -> length of its longest chain, in the smallest order."""
    users, lacks = back(needs), {node: len(some) for node, some in needs.items()}
    free, depth = [node for node in needs if not lacks[node]], dict[str, int]()
    heapify(free)
    while free:
        node = heappop(free)
        depth[node] = max((depth[need] + 1 for need in needs[node]), default=0)
        for user in users[node]:
            lacks[user] -= 1
            if not lacks[user]:
                heappush(free, user)
    return depth


def depths(graph: Graph) -> dict[str, int]:
    needs = sets(graph)
    depth = kahn(needs)
    if len(depth) == len(needs):
        return depth
    at = next(node for node in needs if node not in depth)
    seen: dict[str, int] = {}
    while at not in seen:
        seen[at] = len(seen)
        at = min(need for need in needs[at] if need not in depth)
    ring = [*seen][seen[at] :]
    low = ring.index(min(ring))
    error = CycleError(f"cycle {ring[low:] + ring[:low]}")
    error.cycle = ring[low:] + ring[:low]
    raise error


def order(graph: Graph) -> list[str]:
    """Return the lexicographically smallest order in which needs come first."""
    return [*depths(graph)]


def batches(graph: Graph) -> list[list[str]]:
    """Return the nodes by the length of their longest chain of needs."""
    pairs = sorted((length, node) for node, length in depths(graph).items())
    return [
        [node for _, node in pair] for _, pair in groupby(pairs, lambda pair: pair[0])
    ]


def walk(starts: Iterable[str], edges: Needs, seen: set[str]) -> list[str]:
    """Return what is reached in the order in which a walk in depth leaves it."""
    left = []
    for start in starts:
        stack = [start]
        while stack:
            if (node := stack.pop()) is None:
                left.append(stack.pop())
            elif node not in seen:
                seen.add(node)
                stack += [node, None, *(edges[node] - seen)]
    return left


def components(needs: Needs) -> list[list[str]]:
    users, seen = back(needs), set[str]()
    last_first = walk(needs, needs, set())[::-1]
    return [sorted(part) for node in last_first if (part := walk([node], users, seen))]


def cycles(graph: Graph) -> list[list[str]]:
    """Return the smallest of the shortest cycles of each component that has one."""
    needs = sets(graph)
    groups = [(part, set(part)) for part in components(needs)]
    found = [
        [c for n in part if (c := round_trip(n, needs, all_))] for part, all_ in groups
    ]
    return sorted(min(some, key=lambda c: (len(c), c)) for some in found if some)


def round_trip(start: str, needs: Needs, part: set[str]) -> list[str]:
    """Return the smallest of the shortest ways from a node back to it, rotated."""
    came, front = {}, [start]
    while front and start not in came:
        ahead = [(need, node) for node in front for need in sorted(needs[node] & part)]
        front = []
        for need, node in ahead:
            if need not in came:
                came[need] = node
                front.append(need)
    if start not in came:
        return []
    way = [came[start]]
    while way[-1] != start:
        way.append(came[way[-1]])
    way.reverse()
    low = way.index(min(way))
    return way[low:] + way[:low]


def condensed_order(graph: Graph) -> list[list[str]]:
    """Return the components in the smallest order in which needs come first."""
    return condensed(sets(graph))


def condensed(needs: Needs) -> list[list[str]]:
    parts = {part[0]: part for part in components(needs)}
    chief = {node: first for first, part in parts.items() for node in part}
    between = {
        first: {chief[need] for node in part for need in needs[node]} - {first}
        for first, part in parts.items()
    }
    return [parts[first] for first in kahn(between)]


def affected(graph: Graph, changed: Collection[str]) -> list[str]:
    """Return `changed` and all that needs it, in condensed order."""
    needs = sets(graph)
    if unknown := set(changed) - needs.keys():
        raise ValueError(f"unknown: {unknown}")
    hit = set(walk(changed, back(needs), set()))
    return [node for part in condensed(needs) for node in part if node in hit]


V = r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)"
PART = rf"(?:\*|(?:=|!=|<|<=|>|>=){V})"


def checked(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(f"bad text: {text!r}")
    return text


def key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@cache
def allows(constraint: str, version: str) -> bool:
    def one(part: str) -> bool:
        sign = part.rstrip(".0123456789")
        if sign == "*":
            return True
        ours, bound = key(version), key(part[len(sign) :])
        mark = "<" if ours < bound else ">" if ours > bound else "="
        return mark in ("<>" if sign == "!=" else sign)

    return all(map(one, constraint.split(",")))


def resolve(root: Mapping[str, str], index: Index) -> dict[str, str]:
    """Choose the newest versions that go together, in the order of the queue."""
    for text in root.values():
        checked(rf"{PART}(,{PART})*", text)
    for versions in index.values():
        for version, needs in versions.items():
            checked(V, version)
            for text in needs.values():
                checked(rf"{PART}(,{PART})*", text)
    newest = {name: sorted(vs, key=key, reverse=True) for name, vs in index.items()}

    def clash(name: str, version: str, other: str, others: str) -> bool:
        """Tell whether a version does not take another one, one way or the other."""
        for asker, asked, theirs in (
            (index[name][version], other, others),
            (index[other][others], name, version),
        ):
            if asked in asker and not allows(asker[asked], theirs):
                return True
        return False

    def solve(root: Mapping[str, str]) -> dict[str, str] | None:
        nogoods: dict[tuple[str, str], set[frozenset[tuple[str, str]]]] = {}

        def go(
            queue: tuple[str, ...], got: dict[str, str], came: dict[str, str]
        ) -> object:
            """Return what was got, or a frozenset of names to blame."""
            if len(got) == len(queue):
                return got
            name = queue[len(got)]
            blame = {came[name]} if name in came else set()
            for version in newest.get(name, []):
                mine = (name, version)
                if not allows(root.get(name, "*"), version) or clash(*mine, *mine):
                    continue
                bad = next((o for o in got if clash(*mine, o, got[o])), None)
                if bad is not None:
                    blame.add(bad)
                    continue
                known = (n for n in nogoods.get(mine, ()) if n <= got.items())
                if (nogood := next(known, None)) is not None:
                    blame |= dict(nogood).keys()
                    continue
                new = sorted(index[name][version].keys() - set(queue))
                parents = came | dict.fromkeys(new, name)
                end = go((*queue, *new), {**got, name: version}, parents)
                if isinstance(end, dict) or name not in end:
                    return end
                rest = end - {name}
                nogoods.setdefault(mine, set()).add(
                    frozenset((o, got[o]) for o in rest)
                )
                blame |= rest
            return frozenset(blame)

        end = go(tuple(sorted(root)), {}, {})
        return end if isinstance(end, dict) else None

    found = solve(root)
    if found is not None:
        return found
    names = sorted(root)
    for name in sorted(root):
        fewer = [other for other in names if other != name]
        if solve({other: root[other] for other in fewer}) is None:
            names = fewer
    error = Unsatisfiable(f"conflict: {names}")
    error.because = names
    raise error
