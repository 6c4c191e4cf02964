"""The same tuned for speed: fewer passes, nodes as numbers, versions as bits.

From level 3 on a node's number is its rank among all names, so that a heap of numbers
gives the smallest name and a walk over all numbers is sorted. Of a package, bit k is
its k-th version from the oldest on, a constraint the bits that it allows.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import chain

Graph = Mapping[str, Iterable[str]]
Edges = list[list[int]]
Index = Mapping[str, Mapping[str, Mapping[str, str]]]
Version = tuple[int, ...]


class CycleError(ValueError):
    """Nodes need each other in a circle, so there is no order."""

    cycle: list[str]


class Unsatisfiable(ValueError):
    """No choice of versions meets every constraint."""

    because: list[str]


def order(graph: Graph) -> list[str]:
    """Return the lexicographically smallest order in which needs come first."""
    needs, users, missing = counted(graph)
    free, ordered = [node for node, count in missing.items() if not count], list[str]()
    heapify(free)
    nobody: list[str] = []
    while free:
        node = heappop(free)
        ordered.append(node)
        for user in users.get(node, nobody):
            missing[user] -= 1
            if not missing[user]:
                heappush(free, user)
    if len(ordered) < len(missing):
        raise no_order(needs, missing)
    return ordered


def counted(
    graph: Graph,
) -> tuple[dict[str, set[str]], dict[str, list[str]], dict[str, int]]:
    """Return needs, users of what is needed, and how many needs each node has."""
    needs, users, missing = dict[str, set[str]](), dict[str, list[str]](), {}
    for node, given in graph.items():
        needs[node] = some = set(given)
        missing[node] = len(some)
        for need in some:
            if need in users:
                users[need].append(node)
            else:
                users[need] = [node]
    for need in users:
        if need not in missing:
            missing[need] = 0
    return needs, users, missing


def no_order(needs: dict[str, set[str]], missing: dict[str, int]) -> CycleError:
    """Walk among nodes that miss a need until one comes again."""
    node = next(node for node, count in missing.items() if count)
    place = dict[str, int]()
    while node not in place:
        place[node] = len(place)
        # the smallest: what a set gives first differs from run to run
        node = min(need for need in needs[node] if missing[need])
    walked = list(place)[place[node] :]
    first = walked.index(min(walked))
    error = CycleError(f"{node!r} needs itself through {len(walked) - 1} others")
    error.cycle = walked[first:] + walked[:first]
    return error


def batches(graph: Graph) -> list[list[str]]:
    """Return the nodes by the length of their longest chain of needs."""
    needs, users, missing = counted(graph)
    batch, found = [node for node, count in missing.items() if not count], []
    done, nobody = 0, list[str]()
    while batch:
        batch.sort()
        found.append(batch)
        done += len(batch)
        # the last of its needs to be done is in the batch before a node's own
        after = []
        for node in batch:
            for user in users.get(node, nobody):
                missing[user] -= 1
                if not missing[user]:
                    after.append(user)
        batch = after
    if done < len(missing):
        raise no_order(needs, missing)
    return found


def read(graph: Graph) -> tuple[list[str], Edges]:
    """Return all names, sorted, and the needs of each by number, without repeats."""
    given = {node: list(needs) for node, needs in graph.items()}
    names = sorted({*given, *chain.from_iterable(given.values())})
    rank = dict(zip(names, range(len(names)), strict=True))
    number, nothing = rank.__getitem__, list[str]()
    return names, [list({*map(number, given.get(name, nothing))}) for name in names]


def turned(needs: Edges) -> Edges:
    users: Edges = [[] for _ in needs]
    for node, some in enumerate(needs):
        for need in some:
            users[need].append(node)
    return users


def smallest_order(needs: Edges, nodes: Iterable[int]) -> list[int]:
    users, missing = turned(needs), list(map(len, needs))
    free = [node for node in nodes if not missing[node]]  # sorted, so it is a heap
    ordered = []
    while free:
        node = heappop(free)
        ordered.append(node)
        for user in users[node]:
            missing[user] -= 1
            if not missing[user]:
                heappush(free, user)
    return ordered


def components(needs: Edges) -> list[list[int]]:
    """Return the strongly connected components (Tarjan), needs before their users."""
    count, found = len(needs), list[list[int]]()
    seen, low, number = [0] * count, [0] * count, 0
    path, calls = list[int](), list[tuple[int, Iterator[int]]]()
    for start in range(count):
        if seen[start]:
            continue
        number += 1
        seen[start] = low[start] = number
        path.append(start)
        calls.append((start, iter(needs[start])))
        while calls:
            node, rest = calls[-1]
            for need in rest:
                if not seen[need]:
                    number += 1
                    seen[need] = low[need] = number
                    path.append(need)
                    calls.append((need, iter(needs[need])))
                    break
                if low[need] < low[node]:  # a finished one is higher than all
                    low[node] = low[need]
            else:
                calls.pop()
                if calls and low[node] < low[calls[-1][0]]:
                    low[calls[-1][0]] = low[node]
                if low[node] == seen[node]:
                    part = [path.pop()]
                    while part[-1] != node:
                        part.append(path.pop())
                    for member in part:
                        low[member] = count + 1
                    found.append(part)
    return found


def cycles(graph: Graph) -> list[list[str]]:
    """Return the smallest of the shortest cycles of each component that has one."""
    names, needs = read(graph)
    found = []
    for part in components(needs):
        if len(part) > 1:
            found.append(shortest_cycle(needs, sorted(part)))
        elif part[0] in needs[part[0]]:
            found.append(part)
    return [[names[node] for node in cycle] for cycle in sorted(found)]


def shortest_cycle(needs: Edges, part: list[int]) -> list[int]:
    place = {node: number for number, node in enumerate(part)}
    inside = [sorted(place[n] for n in needs[node] if n in place) for node in part]
    users, best = turned(inside), list[int]()
    for start in range(len(part)):
        away = [-1] * len(part)
        away[start] = 0
        queue = [start]
        for node in queue:  # grows on the way
            for user in users[node]:
                if away[user] < 0:
                    away[user] = away[node] + 1
                    queue.append(user)
        left = min([away[need] for need in inside[start]])
        if best and left + 1 >= len(best):
            continue
        best = [start]
        while left:
            best.append(next(need for need in inside[best[-1]] if away[need] == left))
            left -= 1
    return [part[node] for node in best]


def condensed_order(graph: Graph) -> list[list[str]]:
    """Return the components in the smallest order in which needs come first."""
    names, needs = read(graph)
    return [[names[node] for node in part] for part in condensed(needs)]


def condensed(needs: Edges) -> list[list[int]]:
    parts = {min(part): part for part in components(needs)}
    if len(parts) == len(needs):
        alone = [[n for n in some if n != node] for node, some in enumerate(needs)]
        return [[node] for node in smallest_order(alone, range(len(needs)))]
    chief = list(range(len(needs)))
    between: Edges = [[] for _ in needs]
    for first, part in parts.items():
        for node in part:
            chief[node] = first
    for first, part in parts.items():
        others = {chief[need] for node in part for need in needs[node]}
        others.discard(first)
        between[first] = list(others)
    return [sorted(parts[first]) for first in smallest_order(between, sorted(parts))]


def affected(graph: Graph, changed: Collection[str]) -> list[str]:
    """Return `changed` and all that needs it, in condensed order."""
    names, needs = read(graph)
    rank = dict(zip(names, range(len(names)), strict=True))
    hit, users = [False] * len(names), turned(needs)
    reached = []
    for name in changed:
        if name not in rank:
            raise ValueError(f"{name!r} is no node of the graph")
        reached.append(rank[name])
        hit[rank[name]] = True
    for node in reached:  # grows on the way
        for user in users[node]:
            if not hit[user]:
                hit[user] = True
                reached.append(user)
    if not reached:
        return []
    return [names[node] for part in condensed(needs) for node in part if hit[node]]


NUMBER = r"(?:0|[1-9][0-9]*)"
VERSION = rf"{NUMBER}\.{NUMBER}\.{NUMBER}"
PART = rf"(?:\*|(?:[=<>]|!=|<=|>=){VERSION})"
is_version = re.compile(VERSION).fullmatch
is_constraint = re.compile(rf"{PART}(?:,{PART})*").fullmatch


def resolve(root: Mapping[str, str], index: Index) -> dict[str, str]:
    """Choose the newest versions that go together, in the order of the queue."""
    check_text(root, index)
    table = Table(index)
    chosen = search(table, root)
    if chosen is None:
        wanted = dict(root)
        for name in sorted(root):
            constraint = wanted.pop(name)
            if search(table, wanted) is not None:
                wanted[name] = constraint
        error = Unsatisfiable(f"the constraints on {sorted(wanted)} conflict")
        error.because = sorted(wanted)
        raise error
    return {name: table.texts[name][place] for name, place in chosen.items()}


def check_text(root: Mapping[str, str], index: Index) -> None:
    constraints = set(root.values())
    for versions in index.values():
        for text, needs in versions.items():
            if not is_version(text):
                raise ValueError(f"bad version {text!r}")
            constraints.update(needs.values())
    for text in constraints:
        if not is_constraint(text):
            raise ValueError(f"bad constraint {text!r}")


def key(version: str) -> Version:
    return tuple(map(int, version.split(".")))


class Table:
    """The index by number: versions from the oldest on, constraints as bits."""

    def __init__(self, index: Index) -> None:
        self.texts = {
            name: sorted(versions, key=key) for name, versions in index.items()
        }
        self.keys = {name: list(map(key, texts)) for name, texts in self.texts.items()}
        self.needs = {
            name: [sorted(index[name][text].items()) for text in texts]
            for name, texts in self.texts.items()
        }
        self.known: dict[tuple[str, str], int] = {}

    def bits(self, name: str, constraint: str) -> int:
        """Return which versions of a package a constraint allows."""
        found = self.known.get((name, constraint))
        if found is None:
            keys = self.keys.get(name, [])
            found = (1 << len(keys)) - 1
            for part in constraint.split(","):
                found &= allowed(keys, part)
            self.known[name, constraint] = found
        return found


def allowed(keys: list[Version], part: str) -> int:
    every = (1 << len(keys)) - 1
    if part == "*":
        return every
    sign = part.rstrip("0123456789.")
    bound = key(part[len(sign) :])
    less = (1 << bisect_left(keys, bound)) - 1
    at_most = (1 << bisect_right(keys, bound)) - 1
    known = {"<": less, "<=": at_most, "=": at_most ^ less}
    known |= {">=": every ^ less, ">": every ^ at_most, "!=": every ^ at_most ^ less}
    return known[sign]


def search(table: Table, root: Mapping[str, str]) -> dict[str, int] | None:
    """Search in depth; from a dead end go back to the latest choice that has a part.

    `asked` has of each package who asks for it, and for which bits; "" at place 0 is
    the root. `bad` has choices that are known not to go together.
    """
    queue, chosen, left, blames = sorted(root), dict[str, int](), [], []
    asked = {name: [(-1, table.bits(name, text))] for name, text in root.items()}
    depth: dict[str, int] = {}
    bad: dict[tuple[str, int], list[list[tuple[str, int]]]] = {}
    while len(chosen) < len(queue):
        name = queue[len(chosen)]
        if len(left) == len(chosen):
            options, blame = (1 << len(table.keys.get(name, ()))) - 1, set[int]()
            for asker, bits in asked[name]:
                if options & ~bits or not blame:
                    options &= bits
                    blame.add(asker)
            left.append(options)
            blames.append(blame)
        options, blame = left[-1], blames[-1]
        while options:
            place = options.bit_length() - 1
            options ^= 1 << place
            against = conflict(table, name, place, chosen, depth, bad)
            if against is None:
                break
            blame |= against
        else:
            last = max(blame)
            if last < 0:
                return None
            parts = [(queue[d], chosen[queue[d]]) for d in blame if 0 <= d < last]
            bad.setdefault((queue[last], chosen[queue[last]]), []).append(parts)
            blame.discard(last)
            del left[last + 1 :], blames[last + 1 :]
            blames[last] |= blame
            while len(chosen) > last:
                undone, was = chosen.popitem()
                del depth[undone]
                for need, _ in table.needs[undone][was]:
                    asked[need].pop()
                    if not asked[need]:
                        del asked[need]
                        queue.pop()
            continue
        left[-1] = options
        here = depth[name] = len(chosen)
        chosen[name] = place
        for need, text in table.needs[name][place]:
            if need not in asked:
                asked[need] = []
                queue.append(need)
            asked[need].append((here, table.bits(need, text)))
    return chosen


def conflict(
    table: Table,
    name: str,
    place: int,
    chosen: dict[str, int],
    depth: dict[str, int],
    bad: dict[tuple[str, int], list[list[tuple[str, int]]]],
) -> set[int] | None:
    """Return the depths of choices that this one does not go with, None if it does."""
    for need, text in table.needs[name][place]:
        if need == name:
            if not table.bits(need, text) >> place & 1:
                return set()
        elif need in chosen and not table.bits(need, text) >> chosen[need] & 1:
            return {depth[need]}
    for parts in bad.get((name, place), ()):
        if all(chosen.get(other) == was for other, was in parts):
            return {depth[other] for other, _ in parts}
    return None
