"""Walks in depth with colours; versions by asking at each step what can still be.

Each step asks whether there is any full solution at all, with the choices so far as
given, and that question is answered by looking at the tightest package first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush

Graph = Mapping[str, Iterable[str]]
Index = Mapping[str, Mapping[str, Mapping[str, str]]]
WHITE, GREY, BLACK = 0, 1, 2


class CycleError(ValueError):
    """Nodes need each other in a circle, so there is no order."""

    cycle: list[str]


class Unsatisfiable(ValueError):
    """No choice of versions meets every constraint."""

    because: list[str]


class Numbered:
    """A graph whose nodes are numbers in order of their names."""

    def __init__(self, graph: Graph) -> None:
        pairs = [(node, sorted(set(needs))) for node, needs in graph.items()]
        every = {node for node, _ in pairs}
        for _, needs in pairs:
            every.update(needs)
        self.names = sorted(every)
        self.number = {name: number for number, name in enumerate(self.names)}
        self.needs: list[list[int]] = [[] for _ in self.names]
        self.users: list[list[int]] = [[] for _ in self.names]
        for node, needs in pairs:
            here = self.number[node]
            self.needs[here] = [self.number[need] for need in needs]
            for need in self.needs[here]:
                self.users[need].append(here)

    def refuse_cycles(self) -> list[int]:
        """Walk in depth; return the nodes, needs first, or raise at a grey one."""
        colour = [WHITE] * len(self.names)
        done = []
        for start in range(len(self.names)):
            path, at = [start], [0]
            if colour[start] != WHITE:
                continue
            colour[start] = GREY
            while path:
                node = path[-1]
                if at[-1] == len(self.needs[node]):
                    colour[node] = BLACK
                    done.append(path.pop())
                    at.pop()
                    continue
                need = self.needs[node][at[-1]]
                at[-1] += 1
                if colour[need] == GREY:
                    raise self.cycle_error(path[path.index(need) :])
                if colour[need] == WHITE:
                    colour[need] = GREY
                    path.append(need)
                    at.append(0)
        return done

    def cycle_error(self, path: list[int]) -> CycleError:
        first = path.index(min(path))
        error = CycleError("the nodes need each other")
        error.cycle = [self.names[node] for node in path[first:] + path[:first]]
        return error

    def parts(self) -> list[list[int]]:
        """Return the components by Tarjan's walk, each sorted."""
        index: dict[int, int] = {}
        lowest: dict[int, int] = {}
        stack: list[int] = []
        on_stack = bytearray(len(self.names))
        found = []
        for start in range(len(self.names)):
            if start in index:
                continue
            path = [(start, 0)]
            while path:
                node, at = path.pop()
                if at == 0:
                    index[node] = lowest[node] = len(index)
                    stack.append(node)
                    on_stack[node] = 1
                elif on_stack[self.needs[node][at - 1]]:
                    lowest[node] = min(lowest[node], lowest[self.needs[node][at - 1]])
                for place in range(at, len(self.needs[node])):
                    need = self.needs[node][place]
                    if need not in index:
                        path.append((node, place + 1))
                        path.append((need, 0))
                        break
                    if on_stack[need]:
                        lowest[node] = min(lowest[node], index[need])
                else:
                    if lowest[node] == index[node]:
                        cut = len(stack) - 1
                        while stack[cut] != node:
                            cut -= 1
                        found.append(sorted(stack[cut:]))
                        for member in stack[cut:]:
                            on_stack[member] = 0
                        del stack[cut:]
        return found

    def condensed(self) -> list[list[int]]:
        parts = sorted(self.parts())
        part_of = [0] * len(self.names)
        for place, part in enumerate(parts):
            for node in part:
                part_of[node] = place
        users: list[set[int]] = [set() for _ in parts]
        for node, needs in enumerate(self.needs):
            for need in needs:
                if part_of[need] != part_of[node]:
                    users[part_of[need]].add(part_of[node])
        return [parts[place] for place in by_heap(users)]


def by_heap(users: list) -> list[int]:
    missing = [0] * len(users)
    for some in users:
        for user in some:
            missing[user] += 1
    heap = [node for node, count in enumerate(missing) if count == 0]
    heapify(heap)
    result = []
    while heap:
        result.append(heappop(heap))
        for user in users[result[-1]]:
            missing[user] -= 1
            if missing[user] == 0:
                heappush(heap, user)
    return result


def order(graph: Graph) -> list[str]:
    """Return the lexicographically smallest order in which needs come first."""
    numbered = Numbered(graph)
    numbered.refuse_cycles()
    return [numbered.names[node] for node in by_heap(numbered.users)]


def batches(graph: Graph) -> list[list[str]]:
    """Return the nodes by the length of their longest chain of needs."""
    numbered = Numbered(graph)
    length = [0] * len(numbered.names)
    for node in numbered.refuse_cycles():
        for need in numbered.needs[node]:
            length[node] = max(length[node], length[need] + 1)
    result: list[list[str]] = [[] for _ in range(max(length, default=-1) + 1)]
    for node, name in enumerate(numbered.names):
        result[length[node]].append(name)
    return result


def cycles(graph: Graph) -> list[list[str]]:
    """Return the smallest of the shortest cycles of each component that has one."""
    numbered, result = Numbered(graph), []
    for part in numbered.parts():
        members = set(part)
        best: list[int] | None = None
        for start in part:
            most = len(part) if best is None else len(best) - 1
            best = ring(numbered, members, start, most) or best
        if best:
            result.append(best)
    return [[numbered.names[node] for node in cycle] for cycle in sorted(result)]


def ring(numbered: Numbered, members: set[int], start: int, most: int) -> list[int]:
    """Return the smallest shortest way from a node to itself, of `most` steps."""
    levels = [{start}]
    seen = {start}
    while len(levels) <= most:
        behind = {
            user for node in levels[-1] for user in numbered.users[node]
        } & members
        if start in behind:
            way = [start]
            for level in reversed(levels[1:]):
                way.append(next(n for n in numbered.needs[way[-1]] if n in level))
            return way
        levels.append(behind - seen)
        seen |= behind
        if not levels[-1]:
            break
    return []


def condensed_order(graph: Graph) -> list[list[str]]:
    """Return the components in the smallest order in which needs come first."""
    numbered = Numbered(graph)
    return [[numbered.names[node] for node in part] for part in numbered.condensed()]


def affected(graph: Graph, changed: Collection[str]) -> list[str]:
    """Return `changed` and all that needs it, in condensed order."""
    numbered = Numbered(graph)
    hit = bytearray(len(numbered.names))
    wave = set()
    for name in changed:
        if name not in numbered.number:
            raise ValueError(f"{name} is not in the graph")
        wave.add(numbered.number[name])
    while wave:
        for node in wave:
            hit[node] = 1
        wave = {u for node in wave for u in numbered.users[node] if not hit[u]}
    return [numbered.names[n] for part in numbered.condensed() for n in part if hit[n]]


Key = tuple[int, int, int]
Box = dict[str, int]


def read_version(text: str) -> Key:
    numbers = text.split(".")
    if len(numbers) != 3 or not all(map(is_number, numbers)):
        raise ValueError(f"{text!r} is no version")
    x, y, z = map(int, numbers)
    return x, y, z


def is_number(text: str) -> bool:
    digits = set("0123456789")
    return text == "0" or (text != "" and set(text) <= digits and text[0] != "0")


def read_constraint(text: str) -> list[tuple[str, Key]]:
    parts = []
    for part in text.split(","):
        if part == "*":
            continue
        sign = part[:2] if part[:2] in ("!=", "<=", ">=") else part[:1]
        if sign not in ("=", "<", ">", "!=", "<=", ">="):
            raise ValueError(f"{text!r} is no constraint")
        parts.append((sign, read_version(part[len(sign) :])))
    return parts


class Shelf:
    """All packages: their versions from the oldest on, constraints as sets of bits."""

    def __init__(self, root: Mapping[str, str], index: Index) -> None:
        self.texts: dict[str, list[str]] = {}
        keys: dict[str, list[Key]] = {}
        for name, versions in index.items():
            read = {text: read_version(text) for text in versions}
            self.texts[name] = sorted(read, key=read.__getitem__)
            keys[name] = sorted(read.values())
        self.root = {n: self.bits(keys.get(n, []), text) for n, text in root.items()}
        self.needs = {
            name: [
                {n: self.bits(keys.get(n, []), c) for n, c in index[name][text].items()}
                for text in texts
            ]
            for name, texts in self.texts.items()
        }

    @staticmethod
    def bits(keys: list[Key], text: str) -> int:
        every = (1 << len(keys)) - 1
        found = every
        for sign, bound in read_constraint(text):
            below = (1 << bisect_left(keys, bound)) - 1
            upto = (1 << bisect_right(keys, bound)) - 1
            found &= {
                "<": below,
                "<=": upto,
                ">": every & ~upto,
                ">=": every & ~below,
                "=": upto & ~below,
                "!=": every & ~(upto & ~below),
            }[sign]
        return found

    def tightened(self, box: Box) -> Box:
        """Take away what has no support, all over, until nothing changes."""
        box = dict(box)
        changed = True
        while changed:
            changed = False
            # from the last on: in a chain that needs only one pass
            for name in sorted(self.needs, reverse=True):
                for place, needs in enumerate(self.needs[name]):
                    if box[name] >> place & 1 and not all(
                        box.get(need, 0) & bits for need, bits in needs.items()
                    ):
                        box[name] ^= 1 << place
                        changed = True
        return box

    def can_be(self, box: Box, needed: list[str]) -> bool:
        """Tell whether a full solution exists in which all these are needed."""
        tight, needed, narrowed = self.tightened(box), list(needed), False
        for name in needed:  # grows on the way
            bits = tight.get(name, 0)
            if not bits:
                return False
            if bits.bit_count() == 1:
                for need, allowed in self.needs[name][bits.bit_length() - 1].items():
                    needed += [need] if need not in needed else []
                    narrowed = narrowed or bool(tight.get(need, 0) & ~allowed)
                    tight[need] = tight.get(need, 0) & allowed
        if narrowed:
            return self.can_be(tight, needed)
        undecided = [name for name in needed if tight[name].bit_count() > 1]
        if not undecided:
            return True
        name = min(undecided, key=lambda name: (tight[name].bit_count(), name))
        return any(
            self.can_be(self.chosen(tight, name, place), needed)
            for place in reversed(range(len(self.needs[name])))
            if tight[name] >> place & 1
        )

    def chosen(self, box: Box, name: str, place: int) -> Box:
        box = {**box, name: 1 << place}
        for need, bits in self.needs[name][place].items():
            box[need] = box.get(need, 0) & bits
        return box

    def resolve(self, names: Collection[str]) -> dict[str, str] | None:
        box = {name: (1 << len(texts)) - 1 for name, texts in self.texts.items()}
        for name in names:
            box[name] = box.get(name, 0) & self.root[name]
        queue, chosen = sorted(names), dict[str, str]()
        if not self.can_be(box, queue):
            return None
        for name in queue:  # grows on the way
            for place in reversed(range(len(self.needs[name]))):
                if box[name] >> place & 1:
                    narrowed = self.chosen(box, name, place)
                    needs = sorted(self.needs[name][place])
                    after = queue + [need for need in needs if need not in queue]
                    if self.can_be(narrowed, after):
                        break
            box = narrowed
            queue += after[len(queue) :]
            chosen[name] = self.texts[name][place]
        return chosen


def resolve(root: Mapping[str, str], index: Index) -> dict[str, str]:
    """Choose the newest versions that go together, in the order of the queue."""
    shelf = Shelf(root, index)
    found = shelf.resolve(root)
    if found is not None:
        return found
    names = sorted(root)
    for name in sorted(root, reverse=True):
        fewer = [other for other in names if other != name]
        if shelf.resolve(fewer) is None:
            names = fewer
    error = Unsatisfiable(f"these cannot all be met: {names}")
    error.because = names
    raise error
