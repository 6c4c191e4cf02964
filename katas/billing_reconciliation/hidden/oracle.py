"""Right results the slow and obvious way: try every choice, calculate exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo


class Row(NamedTuple):
    """A transaction, without the side that it is on."""

    id: str
    ref: str | None
    amount: int
    currency: str
    at: datetime
    kind: str = "charge"


class Rules(NamedTuple):
    """The fields of a Policy."""

    window_days: int = 3
    tolerance: int = 0
    tz: str = "UTC"
    max_group: int = 4


Pairs = list[tuple[Row, Row]]


def minor_units(value: str, places: int) -> int:
    """Return a decimal text in minor units."""
    exact = Fraction(value) * 10**places
    assert exact.denominator == 1
    return exact.numerator


def day(row: Row, rules: Rules) -> date:
    return row.at.astimezone(ZoneInfo(rules.tz)).date()


def gap(x: Row, y: Row, rules: Rules) -> int:
    """Return how many calendar days two rows are apart."""
    return abs((day(x, rules) - day(y, rules)).days)


def in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.at.astimezone(UTC), row.id))


# Duplicates


def same_thing(x: Row, y: Row) -> bool:
    """Tell whether one of two rows of one side repeats the other."""
    return x.ref is not None and (x.ref, x.amount, x.currency, x.kind) == (
        (y.ref, y.amount, y.currency, y.kind)
    )


def repeats(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return each row that repeats another, with the first of them."""
    found = []
    for row in rows:
        first = next((r for r in in_order(rows) if same_thing(r, row)), row)
        if first is not row:
            found.append((row, first))
    return found


def without_repeats(rows: Sequence[Row]) -> list[Row]:
    return without(rows, (row for row, _ in repeats(rows)))


def without(rows: Iterable[Row], used: Iterable[Row]) -> list[Row]:
    gone = {row.id for row in used}
    return [row for row in rows if row.id not in gone]


# Rows with a reference


def pairs_by_ref(a: Sequence[Row], b: Sequence[Row]) -> Pairs:
    """Return the pairs that share a reference, in order on both sides."""
    pairs = []
    for ref in {row.ref for row in a} - {None}:
        mine = in_order(row for row in a if row.ref == ref)
        others = in_order(row for row in b if row.ref == ref)
        pairs += zip(mine, others, strict=False)
    return pairs


def differences(x: Row, y: Row, rules: Rules) -> tuple[str, ...]:
    """Return the fields in which a pair differs, in the order of the contract."""
    fields = []
    if abs(x.amount - y.amount) > rules.tolerance:
        fields.append("amount")
    if x.currency != y.currency:
        fields.append("currency")
    if gap(x, y, rules) > rules.window_days:
        fields.append("day")
    if x.kind != y.kind:
        fields.append("kind")
    return tuple(fields)


# Rows without a reference


class Choice(NamedTuple):
    """How good some pairs are: the more, then the nearer, the better."""

    pairs: int
    distance: int

    @property
    def badness(self) -> tuple[int, int]:
        return -self.pairs, self.distance


def may_match(x: Row, y: Row, rules: Rules) -> bool:
    return (
        x.ref is None
        and y.ref is None
        and (x.currency, x.kind, x.amount) == (y.currency, y.kind, y.amount)
        and gap(x, y, rules) <= rules.window_days
    )


def best_choice(a: Sequence[Row], b: Sequence[Row], rules: Rules) -> Choice:
    """Return how good the best pairs are, by trying every assignment."""
    others = [
        [(j, gap(x, y, rules)) for j, y in enumerate(b) if may_match(x, y, rules)]
        for x in a
    ]

    @cache
    def best(place: int, free: int) -> Choice:
        """Try all for the rows of a from `place` on; `free` has a bit for each of b."""
        if place == len(a):
            return Choice(0, 0)
        choices = [best(place + 1, free)]
        for j, distance in others[place]:
            if free >> j & 1:
                rest = best(place + 1, free & ~(1 << j))
                choices.append(Choice(rest.pairs + 1, rest.distance + distance))
        return min(choices, key=lambda choice: choice.badness)

    return best(0, (1 << len(b)) - 1)


def best_on_a_line(a: Sequence[int], b: Sequence[int], window: int) -> Choice:
    """Return the same for many rows of one bucket, given as numbers of days.

    On a line there is a best choice in which no two pairs cross, so both sides are
    gone through in order of day.
    """
    a, b = sorted(a), sorted(b)
    row = [Choice(0, 0)] * (len(b) + 1)
    for x in a:
        above, row = row, [Choice(0, 0)]
        for j, y in enumerate(b):
            choices = [above[j + 1], row[j]]
            if abs(x - y) <= window:
                rest = above[j]
                choices.append(Choice(rest.pairs + 1, rest.distance + abs(x - y)))
            row.append(min(choices, key=lambda choice: choice.badness))
    return row[-1]


# Groups

Group = tuple[str, tuple[str, ...]]


def groups_of_one_side(
    ones: Sequence[Row], others: Sequence[Row], rules: Rules
) -> list[Group]:
    found: list[Group] = []
    for one in in_order(ones):
        near = [
            row
            for row in others
            if row.currency == one.currency
            and gap(row, one, rules) <= rules.window_days
        ]
        fitting = [
            (size, sum(gap(row, one, rules) for row in members), ids(members))
            for size in range(2, min(rules.max_group, len(near)) + 1)
            for members in combinations(near, size)
            if sum(row.amount for row in members) == one.amount
        ]
        if fitting:
            *_, members = min(fitting)
            found.append((one.id, members))
            others = [row for row in others if row.id not in members]
    return found


def groups(a: Sequence[Row], b: Sequence[Row], rules: Rules) -> list[Group]:
    """Return all groups of what is left after pairing."""
    first = groups_of_one_side(a, b, rules)
    a, b = ungrouped(a, first), ungrouped(b, first)
    return first + groups_of_one_side(b, a, rules)


def ungrouped(rows: Sequence[Row], found: Iterable[Group]) -> list[Row]:
    gone = {id for one, members in found for id in (one, *members)}
    return [row for row in rows if row.id not in gone]


def ids(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(sorted(row.id for row in rows))


# A whole report


class Want(NamedTuple):
    """What a report has to be, the pairs without a reference taken from the answer."""

    matched: tuple[tuple[str, str], ...]
    differing: tuple[tuple[str, str, tuple[str, ...]], ...]
    grouped: tuple[Group, ...]
    duplicates: tuple[tuple[str, str], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def free_pairs(got: Any, a: Sequence[Row], b: Sequence[Row]) -> Pairs:
    """Return the pairs without a reference that an answer chose.

    What else it matched, with a reference or no row of these sides, is left out.
    """
    mine = {row.id: row for row in a if row.ref is None}
    others = {row.id: row for row in b if row.ref is None}
    return [(mine[x], others[y]) for x, y in got.matched if x in mine and y in others]


def report(a: Sequence[Row], b: Sequence[Row], rules: Rules, chosen: Pairs) -> Want:
    """Return the right report for these pairs of rows without a reference."""
    kept_a, kept_b = without_repeats(a), without_repeats(b)
    by_ref = pairs_by_ref(kept_a, kept_b)
    compared = [(x.id, y.id, differences(x, y, rules)) for x, y in by_ref]
    left_a = without(kept_a, (x for x, _ in by_ref + chosen))
    left_b = without(kept_b, (y for _, y in by_ref + chosen))
    found = groups(left_a, left_b, rules)
    matched = [(x, y) for x, y, fields in compared if not fields]
    matched += [(x.id, y.id) for x, y in chosen]
    doubles = [(f"a:{row.id}", f"a:{first.id}") for row, first in repeats(a)]
    doubles += [(f"b:{row.id}", f"b:{first.id}") for row, first in repeats(b)]
    return Want(
        tuple(sorted(matched)),
        tuple(sorted(each for each in compared if each[2])),
        tuple(sorted(found)),
        tuple(sorted(doubles)),
        ids(ungrouped(left_a, found)),
        ids(ungrouped(left_b, found)),
    )


def places(got: Any) -> tuple[Counter[str], Counter[str]]:
    """Return how often each id of a and of b has a place; groups are left out."""
    mine = [pair[0] for pair in (*got.matched, *got.differing)]
    others = [pair[1] for pair in (*got.matched, *got.differing)]
    for double, _ in got.duplicates:
        (mine if double.startswith("a:") else others).append(double[2:])
    return Counter([*mine, *got.only_a]), Counter([*others, *got.only_b])
