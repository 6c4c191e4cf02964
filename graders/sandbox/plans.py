"""Plans: who runs next, and after how many opcodes a thread is interrupted."""

from __future__ import annotations

import random
from typing import Protocol

from tasks import Task  # type: ignore[import-not-found]

Choice = tuple[int, int, int, int]
"""(thread, visit, offset, other): so many opcodes after its n-th use of a stand-in, the
thread is interrupted and the other one goes on."""
Gaps = dict[tuple[int, int], int]
"""How many opcodes of interest a thread passed after each of its visits."""

Place = tuple[int, int, int]
"""(thread, visit, offset)"""
_GOLDEN = (5**0.5 - 1) / 2

USUAL = 150
"""How many schedules are usual; in a deeper search, many of the rest switch often."""


class Plan(Protocol):
    """Decides who runs, and after how many opcodes a thread is interrupted."""

    def pick(
        self, me: Task, default: Task, ready: list[Task], late: list[Task]
    ) -> Task:
        """Return one of the ready, or one of the late, whose time is then over."""

    def window(self, me: Task) -> int:
        """Return the next offset at which `me` is to be interrupted, 0 for none."""


class Replay:
    """Follows a list of choices; everybody else runs on until it has to wait."""

    def __init__(self, choices: list[Choice]) -> None:
        self._others = {
            (choice[0], choice[1], choice[2]): choice[3] for choice in choices
        }

    def pick(
        self, me: Task, default: Task, ready: list[Task], late: list[Task]
    ) -> Task:
        wanted = self._others.get((me.number, me.visits, me.offset))
        return next((t for t in [*ready, *late] if t.number == wanted), default)

    def window(self, me: Task) -> int:
        here = (me.number, me.visits)
        offsets = [key[2] for key in self._others if key[:2] == here]
        return min((offset for offset in offsets if offset > me.offset), default=0)


class Priorities:
    """Runs the first by rank, and puts a thread last at some points.

    Finds a bug that needs n + 1 ordered switches by n points, with a known least
    probability (Burckhardt et al., "A Randomized Scheduler with Probabilistic
    Guarantees"). The thread of the first of these points is the first by rank.
    """

    def __init__(self, draw: random.Random, changes: list[Place], haste: float) -> None:
        self._draw = draw
        self._haste = haste
        self._ranks: dict[int, float] = {number: 2 for number, _, _ in changes[:1]}
        self._lowest = 0
        self._changes = sorted(changes)

    def pick(
        self, me: Task, default: Task, ready: list[Task], late: list[Task]
    ) -> Task:
        passed = [c for c in self._changes if c[0] == me.number and c[1:] <= here(me)]
        if passed:
            self._changes = [c for c in self._changes if c not in passed]
            self._lowest -= 1
            self._ranks[me.number] = self._lowest
        return max(either(self._draw, self._haste, ready, late), key=self._rank)

    def window(self, me: Task) -> int:
        coming = (c[2] for c in self._changes if c[:2] == (me.number, me.visits))
        return min(coming, default=0)

    def _rank(self, task: Task) -> float:
        return self._ranks.setdefault(task.number, 1 + self._draw.random())


class Wandering:
    """Leaves a thread by chance, at a visit or some opcodes after it."""

    def __init__(
        self, draw: random.Random, stay: float, gaps: Gaps, haste: float
    ) -> None:
        self._draw = draw
        self._stay = stay
        self._haste = haste
        self._keen = draw.choice([0.1, 0.5, 1.0])
        parts = draw.choice([1, 2, 4, 12])
        self._lengths = [1 + gap // parts for gap in gaps.values() if gap] or [1]

    @classmethod
    def restless(cls, draw: random.Random, haste: float) -> Wandering:
        """Return one that interrupts every few opcodes, wherever it is."""
        made = cls(draw, 0.5, {}, haste)
        made._keen, made._lengths = 1.0, [draw.choice([2, 3, 4, 6])]
        return made

    def pick(
        self, me: Task, default: Task, ready: list[Task], late: list[Task]
    ) -> Task:
        options = either(self._draw, self._haste, ready, late)
        if me.offset:
            options = [task for task in options if task is not me] or options
        elif default is me and self._draw.random() < self._stay:
            return me
        return self._draw.choice(options)

    def window(self, me: Task) -> int:
        if not me.offset and self._draw.random() > self._keen:
            return 0
        passed: int = me.offset
        return passed + self._draw.randint(1, self._draw.choice(self._lengths))


def points(draw: random.Random, number: int, turn: int, gaps: Gaps) -> list[Place]:
    """Return where threads are put last; the first point goes through all in turn.

    The multiples of the golden ratio are spread evenly, however many are taken.
    """
    known = sorted((at, gap) for at, gap in gaps.items() if at[0])
    if not known or not number:
        return []
    sizes = [gap + 1 for _, gap in known]
    drawn = draw.choices(known, sizes, k=number - 1)
    others = [(*at, draw.randint(0, gap)) for at, gap in drawn]
    return [nth(int(turn * _GOLDEN % 1 * sum(sizes)), known), *others]


def nth(number: int, known: list[tuple[tuple[int, int], int]]) -> Place:
    """Return one of all places, counted from 0."""
    for (thread, visits), gap in known:
        if number <= gap:
            return (thread, visits, number)
        number -= gap + 1
    raise IndexError(number)


def here(task: Task) -> tuple[int, int]:
    return task.visits, task.offset


def either(
    draw: random.Random, haste: float, ready: list[Task], late: list[Task]
) -> list[Task]:
    if not ready or (late and draw.random() < haste):
        return late
    return ready


def plan_for(place: int, seed: int, gaps: Gaps, hasty: bool) -> Plan:
    """Return the plan of one of many schedules; the first makes no choice at all."""
    if place == 0:
        return Replay([])
    draw = random.Random(f"{seed} {place}")
    haste = draw.choice([0.0, 0.05, 0.3]) if hasty else 0.0
    if place >= USUAL and place % 2:
        return Wandering.restless(draw, haste)
    kind = place % 7
    if kind < 4:
        changes = points(draw, kind, place // 7 * 3 + kind, gaps)
        return Priorities(draw, changes, haste)
    return Wandering(draw, (0.5, 0.7, 0.9)[kind - 4], gaps, haste)
