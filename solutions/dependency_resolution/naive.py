"""The plainest right answer: it looks through everything again at each step."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

Graph = Mapping[str, Iterable[str]]
Needs = dict[str, set[str]]
Index = Mapping[str, Mapping[str, Mapping[str, str]]]


class CycleError(ValueError):
    """Nodes need each other in a circle, so there is no order."""

    cycle: list[str]


class Unsatisfiable(ValueError):
    """No choice of versions meets every constraint."""

    because: list[str]


def read(graph: Graph) -> Needs:
    needs = {node: set(given) for node, given in graph.items()}
    for need in set().union(*needs.values()):
        needs.setdefault(need, set())
    return needs


def order(graph: Graph) -> list[str]:
    """Return the lexicographically smallest order in which needs come first."""
    needs = read(graph)
    ordered = smallest_order(needs)
    if len(ordered) < len(needs):
        raise no_order(needs, set(needs) - set(ordered))
    return ordered


def smallest_order(needs: Needs) -> list[str]:
    missing = {node: set(some) for node, some in needs.items()}
    users = users_of(needs)
    free, ordered = [node for node in needs if not needs[node]], []
    while free:
        node = min(free)
        free.remove(node)
        ordered.append(node)
        for user in users[node]:
            missing[user].remove(node)
            if not missing[user]:
                free.append(user)
    return ordered


def users_of(needs: Needs) -> Needs:
    users: Needs = {node: set() for node in needs}
    for node, some in needs.items():
        for need in some:
            users[need].add(node)
    return users


def no_order(needs: Needs, left: set[str]) -> CycleError:
    way, seen = [min(left)], {min(left)}
    while True:
        need = min(need for need in needs[way[-1]] if need in left)
        if need in seen:
            cycle = way[way.index(need) :]
            first = cycle.index(min(cycle))
            error = CycleError(f"cycle of {len(cycle)}")
            error.cycle = cycle[first:] + cycle[:first]
            return error
        way.append(need)
        seen.add(need)


def batches(graph: Graph) -> list[list[str]]:
    """Return the nodes by the length of their longest chain of needs."""
    needs = read(graph)
    left, found = set(needs), list[list[str]]()
    while left:
        batch = sorted(node for node in left if left.isdisjoint(needs[node]))
        if not batch:
            raise no_order(needs, left)
        found.append(batch)
        left.difference_update(batch)
    return found


def cycles(graph: Graph) -> list[list[str]]:
    """Return the smallest of the shortest cycles of each component that has one."""
    needs = read(graph)
    found = []
    for part in components(needs):
        if len(part) > 1 or part[0] in needs[part[0]]:
            some = [rotated(shortest_way(needs, node)) for node in part]
            found.append(min(some, key=lambda cycle: (len(cycle), cycle)))
    return sorted(found)


def shortest_way(needs: Needs, node: str) -> list[str]:
    """Return the smallest of the shortest ways from a node to itself."""
    ways, seen = [[node]], set[str]()
    while ways:
        if any(node in needs[way[-1]] for way in ways):
            return min(way for way in ways if node in needs[way[-1]])
        longer = []
        # the smallest way to each comes first, and is the only one that can go on
        for way in sorted(ways):
            for need in sorted(needs[way[-1]] - seen):
                seen.add(need)
                longer.append([*way, need])
        ways = longer
    return []


def rotated(cycle: list[str]) -> list[str]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


def components(needs: Needs) -> list[list[str]]:
    """Return the nodes in groups that need each other."""
    users, left, found = users_of(needs), dict.fromkeys(needs), []
    # what lies on no cycle of two or more goes first, a node at a time
    ordered = smallest_order(needs)
    backwards = smallest_order(users)
    for node in {*ordered, *backwards}:
        found.append([node])
        del left[node]
    while left:
        node = next(iter(left))
        part = reach(node, needs) & reach(node, users)
        found.append(sorted(part))
        for member in part:
            del left[member]
    return found


def reach(node: str, edges: Needs) -> set[str]:
    found, new = {node}, {node}
    while new:
        new = set().union(*(edges[some] for some in new)) - found
        found |= new
    return found


def condensed_order(graph: Graph) -> list[list[str]]:
    """Return the components in the smallest order in which needs come first."""
    return condensed(read(graph))


def condensed(needs: Needs) -> list[list[str]]:
    parts = {part[0]: part for part in components(needs)}
    chief = {node: first for first, part in parts.items() for node in part}
    between: Needs = {first: set() for first in parts}
    for node, some in needs.items():
        between[chief[node]] |= {chief[need] for need in some} - {chief[node]}
    return [parts[first] for first in smallest_order(between)]


def affected(graph: Graph, changed: Collection[str]) -> list[str]:
    """Return `changed` and all that needs it, in condensed order."""
    needs = read(graph)
    for name in changed:
        if name not in needs:
            raise ValueError(f"{name!r} is no node")
    users = users_of(needs)
    hit = set().union(*(reach(name, users) for name in changed))
    return [node for part in condensed(needs) for node in part if node in hit]


VERSION = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}")
PART = re.compile(rf"\*|(=|!=|<|<=|>|>=){VERSION.pattern}")


def resolve(root: Mapping[str, str], index: Index) -> dict[str, str]:
    """Choose the newest versions that go together, in the order of the queue."""
    check_text(root, index)
    chosen = search(root, index, sorted(root), {})
    if chosen is not None:
        return chosen
    wanted = dict(root)
    for name in sorted(root):
        fewer = {other: wanted[other] for other in wanted if other != name}
        if search(fewer, index, sorted(fewer), {}) is None:
            wanted = fewer
    error = Unsatisfiable(f"conflict: {sorted(wanted)}")
    error.because = sorted(wanted)
    raise error


def check_text(root: Mapping[str, str], index: Index) -> None:
    needs = [needs for versions in index.values() for needs in versions.values()]
    for version in (version for versions in index.values() for version in versions):
        if not VERSION.fullmatch(version):
            raise ValueError(f"bad version {version!r}")
    for constraint in (text for some in (root, *needs) for text in some.values()):
        if not all(PART.fullmatch(part) for part in constraint.split(",")):
            raise ValueError(f"bad constraint {constraint!r}")


def search(
    root: Mapping[str, str], index: Index, queue: list[str], chosen: dict[str, str]
) -> dict[str, str] | None:
    """Try every version of the next package, the newest first."""
    if len(chosen) == len(queue):
        return chosen
    name = queue[len(chosen)]
    for version in sorted(index.get(name, {}), key=numbers, reverse=True):
        more = {**chosen, name: version}
        if goes_together(root, index, more):
            needs = index[name][version]
            new = sorted(need for need in needs if need not in queue)
            found = search(root, index, [*queue, *new], more)
            if found is not None:
                return found
    return None


def goes_together(
    root: Mapping[str, str], index: Index, chosen: dict[str, str]
) -> bool:
    asked = [root, *(index[name][version] for name, version in chosen.items())]
    return all(
        holds(chosen[name], constraint)
        for constraints in asked
        for name, constraint in constraints.items()
        if name in chosen
    )


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def holds(version: str, constraint: str) -> bool:
    return all(part_holds(numbers(version), part) for part in constraint.split(","))


def part_holds(version: tuple[int, ...], part: str) -> bool:
    if part == "*":
        return True
    sign = part.rstrip("0123456789.")
    bound = numbers(part[len(sign) :])
    if sign == "!=":
        return version != bound
    return (version == bound and "=" in sign) or (
        version < bound if "<" in sign else version > bound and ">" in sign
    )
