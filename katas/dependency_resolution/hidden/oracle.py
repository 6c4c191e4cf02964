"""What each result has to be: slow, plain, by trying everything.

A graph here is `Needs`: every node, those only named as needs too, to the set of what
it needs. None of this is meant for more than a few nodes or packages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations, pairwise, product

Needs = dict[str, set[str]]
Index = Mapping[str, Mapping[str, Mapping[str, str]]]
Versions = dict[str, str]

# Graphs


def needs_of(graph: Mapping[str, Iterable[str]]) -> Needs:
    """Give every node of a graph, and what it needs."""
    needs = {node: set(given) for node, given in graph.items()}
    for need in set().union(*needs.values()):
        needs.setdefault(need, set())
    return needs


def reach(needs: Needs) -> Needs:
    """Give what each node needs directly or through others."""
    found = {node: set(given) for node, given in needs.items()}
    for _ in needs:
        for node in found:
            found[node] = found[node].union(*(found[need] for need in found[node]))
    return found


def has_cycle(needs: Needs) -> bool:
    return any(node in through for node, through in reach(needs).items())


def orders(needs: Needs, before: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Yield every order in which needs come first, the smallest one first."""
    left = sorted(needs.keys() - set(before))
    if not left:
        yield list(before)
    for node in left:
        if needs[node] <= set(before):
            yield from orders(needs, (*before, node))


def smallest_order(needs: Needs) -> list[str]:
    return next(orders(needs))


def chain_length(needs: Needs, node: str) -> int:
    """Return the number of edges of the longest chain of needs; acyclic only."""
    return max((1 + chain_length(needs, need) for need in needs[node]), default=0)


def batches(needs: Needs) -> list[list[str]]:
    length = {node: chain_length(needs, node) for node in needs}
    return [
        sorted(node for node in needs if length[node] == number)
        for number in range(max(length.values(), default=-1) + 1)
    ]


def component(needs: Needs, node: str) -> list[str]:
    """Return the node and all that it needs and that also need it."""
    through = reach(needs)
    both = (other for other in through[node] if node in through[other])
    return sorted({node, *both})


def components(needs: Needs) -> list[list[str]]:
    return sorted({tuple(component(needs, node)) for node in needs}, key=list)


def condensed_order(needs: Needs) -> list[list[str]]:
    chief = {node: component(needs, node)[0] for node in needs}
    between: Needs = {first: set() for first in chief.values()}
    for node, given in needs.items():
        between[chief[node]] |= {chief[need] for need in given} - {chief[node]}
    return [component(needs, first) for first in smallest_order(between)]


def simple_cycles(needs: Needs) -> list[list[str]]:
    """Return every simple cycle, each from its smallest name."""
    ways, found = [[node] for node in sorted(needs)], []
    while ways:
        way = ways.pop()
        found += [way] if way[0] in needs[way[-1]] else []
        after = (n for n in needs[way[-1]] if n > way[0] and n not in way)
        ways += [[*way, need] for need in after]
    return found


def cycles(needs: Needs) -> list[list[str]]:
    """Return the first of the shortest cycles of each component that has any."""
    every = sorted(simple_cycles(needs), key=lambda cycle: (len(cycle), cycle))
    first: dict[tuple[str, ...], list[str]] = {}
    for cycle in every:
        first.setdefault(tuple(component(needs, cycle[0])), cycle)
    return sorted(first.values())


def affected(needs: Needs, changed: Iterable[str]) -> list[str]:
    changed, through = set(changed), reach(needs)
    hit = {node for node in needs if node in changed or changed & through[node]}
    return [node for part in condensed_order(needs) for node in part if node in hit]


def wrong_with_cycle(needs: Needs, cycle: list[str]) -> str:
    """Return why this is no simple cycle of the graph, or ""."""
    if not cycle:
        return "it is empty"
    for node, need in pairwise([*cycle, cycle[0]]):
        if need not in needs.get(node, set()):
            return f"{node!r} does not need {need!r}"
    if len(set(cycle)) < len(cycle):
        return "a name is in it twice"
    return ""


# Versions


def holds(version: str, constraint: str) -> bool:
    """Tell whether a version meets all parts of a constraint."""
    return all(_part_holds(numbers(version), part) for part in constraint.split(","))


def _part_holds(version: tuple[int, ...], part: str) -> bool:
    if part == "*":
        return True
    sign = part.rstrip("0123456789.")
    bound = numbers(part.removeprefix(sign))
    equal, less = version == bound, version < bound
    return {
        "=": equal,
        "!=": not equal,
        "<": less,
        "<=": less or equal,
        ">": not (less or equal),
        ">=": not less,
    }[sign]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def newest_first(versions: Collection[str]) -> list[str]:
    return sorted(versions, key=numbers, reverse=True)


def wrong_with(root: Mapping[str, str], index: Index, chosen: Versions) -> str:
    """Return why these versions do not go together, or ""."""
    asked = [("root", root)]
    for name, version in chosen.items():
        if version not in index.get(name, {}):
            return f"the index has no version {version} of {name}"
        asked.append((f"{name} {version}", index[name][version]))
    for asker, constraints in asked:
        for name, constraint in constraints.items():
            if name not in chosen:
                return f"{asker} needs {name}"
            if not holds(chosen[name], constraint):
                return f"{asker} needs {name} {constraint}, but got {chosen[name]}"
    return ""


def reachable(root: Mapping[str, str], index: Index, chosen: Versions) -> set[str]:
    """Return what root needs, directly or through the versions that were chosen."""
    found, before = set(root), set[str]()
    while found != before:
        before = set(found)
        for name in before:
            found |= index[name][chosen[name]].keys()
    return found


def solutions(root: Mapping[str, str], index: Index) -> list[Versions]:
    """Return every choice of versions that goes together, of what is reachable only."""
    names = sorted(index)
    found = []
    for versions in product(*([None, *index[name]] for name in names)):
        chosen = {n: v for n, v in zip(names, versions, strict=True) if v is not None}
        if wrong_with(root, index, chosen):
            continue
        if reachable(root, index, chosen) == chosen.keys():
            found.append(chosen)
    return found


def resolve(root: Mapping[str, str], index: Index) -> Versions | None:
    """Return the versions to choose, None if there is no solution."""
    possible = solutions(root, index)
    if not possible:
        return None
    queue, chosen = sorted(root), Versions()
    for name in queue:  # grows on the way
        chosen[name] = newest_first({choice[name] for choice in possible})[0]
        possible = [choice for choice in possible if choice[name] == chosen[name]]
        needs = sorted(index[name][chosen[name]])
        queue += [need for need in needs if need not in queue]
    return chosen


def conflicts(root: Mapping[str, str], index: Index) -> list[list[str]]:
    """Return every minimal set of names in root whose constraints conflict."""
    found: list[list[str]] = []
    for size in range(1, len(root) + 1):
        for names in combinations(sorted(root), size):
            if not any(set(smaller) <= set(names) for smaller in found):
                some = {name: root[name] for name in names}
                found += [] if solutions(some, index) else [list(names)]
    return found
