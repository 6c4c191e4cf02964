"""Two tables for each bucket: how many pairs there can be, then how near they can be.

Rows are numbers here: everything that is asked often lies in a list beside them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Txn:
    """One row of an export."""

    source: str
    id: str
    ref: str | None
    amount: int
    currency: str
    at: datetime
    kind: str = "charge"


@dataclass(frozen=True)
class Policy:
    """How far apart two rows may be and still belong together."""

    window_days: int = 3
    tolerance: int = 0
    tz: str = "UTC"
    max_group: int = 4


@dataclass(frozen=True)
class Report:
    """Where each row of both sides has gone; every tuple is sorted."""

    matched: tuple[tuple[str, str], ...]
    differing: tuple[tuple[str, str, tuple[str, ...]], ...]
    grouped: tuple[tuple[str, tuple[str, ...]], ...]
    duplicates: tuple[tuple[str, str], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


# Parsing

FORMATS: dict[str, str] = {
    "text": r"(?s:.*)",
    "id": r"(?s:.+)",
    "code": r"[A-Za-z]{3}",
    "kind": r"charge|refund|fee|payout",
    "bare date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
}


def text(row: Mapping[str, Any], id_key: str, key: str, form: str = "text") -> str:
    """Return a text of a format."""
    value = row.get(key)
    if not isinstance(value, str) or not re.fullmatch(FORMATS[form], value):
        raise ValueError(f"{id_key} {row.get(id_key)!r}: {key} {value!r} is no {form}")
    return value


def number(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key)
    if isinstance(value, int) and value is not True and value is not False:
        return value
    raise ValueError(f"id {row['id']!r}: {key} {value!r} is no int")


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor."""
    id = text(row, "id", "id", "id")
    ref = None if row.get("ref", 0) is None else text(row, "id", "ref")
    try:
        at = datetime.fromtimestamp(0, UTC) + timedelta(seconds=number(row, "created"))
    except OverflowError as error:
        raise ValueError(f"id {id!r}: created {row['created']}: {error}") from None
    amount, code = number(row, "amount"), text(row, "id", "currency", "code")
    kind = text(row, "id", "type", "kind")
    return Txn("a", id, ref or None, amount, code.upper(), at, kind)


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger; `decimals` says how many a currency has."""
    id = text(row, "entry", "entry", "id")
    ref = "" if row.get("reference", 0) is None else text(row, "entry", "reference")
    code = text(row, "entry", "ccy", "code").upper()
    if code not in decimals:
        raise ValueError(f"entry {id!r}: ccy {code} is not known")
    value, kind = text(row, "entry", "value"), text(row, "entry", "kind", "kind")
    found = re.fullmatch(r"(-)?([0-9]+)([.]([0-9]+))?", value)
    if found is None or len(found[4] or "") > decimals[code]:
        raise ValueError(f"entry {id!r}: value {value!r} is not one of {code}")
    units = int(found[2]) * 10 ** decimals[code]
    units += int((found[4] or "0").ljust(decimals[code], "0"))
    date = text(row, "entry", "date")
    try:
        at = moment(date)
    except ValueError as error:
        raise ValueError(f"entry {id!r}: date {date!r}: {error}") from None
    return Txn("b", id, ref or None, -units if found[1] else units, code, at, kind)


def moment(date: str) -> datetime:
    if re.fullmatch(FORMATS["bare date"], date):
        year, month, day = map(int, date.split("-"))
        return datetime(year, month, day, 12, tzinfo=UTC)
    at = datetime.fromisoformat(date)
    if at.tzinfo is None:
        raise ValueError("no offset")
    return at


# Reconciling


class Columns:
    """The rows of one side in order of (instant, id), as columns."""

    def __init__(self, side: str, txns: Sequence[Txn], zone: ZoneInfo) -> None:
        for txn in txns:
            if txn.at.utcoffset() is None:
                raise ValueError(f"{side}:{txn.id} is at {txn.at}, without an offset")
        self.rows = sorted(txns, key=lambda txn: (txn.at.astimezone(UTC), txn.id))
        self.ids = [txn.id for txn in self.rows]
        in_order = sorted(self.ids)
        for id, following in pairwise(in_order):
            if id == following:
                raise ValueError(f"{side}:{id} comes twice")
        self.days = [txn.at.astimezone(zone).toordinal() for txn in self.rows]
        self.open = [True] * len(self.rows)
        self.repeats: list[tuple[str, str]] = []
        self.side = side
        self.close_repeats()

    def close_repeats(self) -> None:
        first: dict[Any, str] = {}
        for place, txn in enumerate(self.rows):
            if txn.ref is not None:
                key = txn.ref, txn.amount, txn.currency, txn.kind
                if key in first:
                    self.open[place] = False
                    self.repeats.append((self.name(txn.id), self.name(first[key])))
                else:
                    first[key] = txn.id

    def name(self, id: str) -> str:
        return f"{self.side}:{id}"

    def places(self, has_ref: bool) -> dict[Any, list[int]]:
        """Return the open places by reference, or by what has to match."""
        found: dict[Any, list[int]] = {}
        for place, txn in enumerate(self.rows):
            if self.open[place] and (txn.ref is not None) == has_ref:
                what = (txn.currency, txn.kind, txn.amount)
                found.setdefault(txn.ref if has_ref else what, []).append(place)
        return found

    def left(self) -> tuple[str, ...]:
        return tuple(sorted(i for i, o in zip(self.ids, self.open, strict=True) if o))


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report."""
    if policy.window_days < 0 or policy.tolerance < 0:
        raise ValueError(f"{policy.window_days} and {policy.tolerance}: 0 at least")
    if policy.max_group < 2:
        raise ValueError(f"max_group {policy.max_group}: 2 at least")
    try:
        zone = ZoneInfo(policy.tz)
    except (LookupError, ValueError, OSError):
        raise ValueError(f"{policy.tz} is nowhere") from None
    mine, others = Columns("a", a, zone), Columns("b", b, zone)
    matched, differing = [], []
    for i, j in pairs(mine, others, policy.window_days):
        mine.open[i] = others.open[j] = False
        x, y = mine.rows[i], others.rows[j]
        far = abs(mine.days[i] - others.days[j]) > policy.window_days
        fields = ["amount"] * (abs(x.amount - y.amount) > policy.tolerance)
        fields += ["currency"] * (x.currency != y.currency)
        fields += ["day"] * far + ["kind"] * (x.kind != y.kind)
        if fields:
            differing.append((x.id, y.id, tuple(fields)))
        else:
            matched.append((x.id, y.id))
    grouped = [*groups(mine, others, policy), *groups(others, mine, policy)]
    return Report(
        tuple(sorted(matched)),
        tuple(sorted(differing)),
        tuple(sorted(grouped)),
        tuple(sorted(mine.repeats + others.repeats)),
        mine.left(),
        others.left(),
    )


def pairs(a: Columns, b: Columns, window: int) -> list[tuple[int, int]]:
    """Return all pairs of places, with a reference and without."""
    found: list[tuple[int, int]] = []
    there = b.places(has_ref=True)
    for ref, places in a.places(has_ref=True).items():
        found += zip(places, there.get(ref, ()), strict=False)
    there = b.places(has_ref=False)
    for what, places in a.places(has_ref=False).items():
        if what in there:
            # b first: which of two equally good choices is taken is free
            rows = sorted(there[what], key=lambda j: (b.days[j], j))
            columns = sorted(places, key=lambda i: (a.days[i], i))
            days = [b.days[j] for j in rows], [a.days[i] for i in columns]
            best = nearest(*days, window)
            found += [(columns[column], rows[row]) for row, column in best]
    return found


def nearest(a: list[int], b: list[int], window: int) -> Iterator[tuple[int, int]]:
    """Yield the places of the best pairs of two sorted lists of days."""
    many = most(a, b, window)
    wide = len(b) + 1
    near = [[0] * wide for _ in range(len(a) + 1)]
    for i, x in enumerate(a, 1):
        now, before = near[i], near[i - 1]
        many_now, many_before = many[i], many[i - 1]
        for j in range(1, wide):
            want, choices = many_now[j], []
            if many_before[j] == want:
                choices.append(before[j])
            if many_now[j - 1] == want:
                choices.append(now[j - 1])
            gap = abs(x - b[j - 1])
            if gap <= window and many_before[j - 1] + 1 == want:
                choices.append(before[j - 1] + gap)
            now[j] = min(choices)
    i, j = len(a), len(b)
    while i and j:
        gap = abs(a[i - 1] - b[j - 1])
        here = many[i][j], near[i][j]
        if gap <= window and here == (many[i - 1][j - 1] + 1, near[i - 1][j - 1] + gap):
            i, j = i - 1, j - 1
            yield i, j
        elif here == (many[i - 1][j], near[i - 1][j]):
            i -= 1
        else:
            j -= 1


def most(a: list[int], b: list[int], window: int) -> list[list[int]]:
    """Return how many pairs there can be among the first i and j days."""
    table = [[0] * (len(b) + 1)]
    for x in a:
        before, now = table[-1], [0]
        for j, y in enumerate(b):
            if -window <= x - y <= window:
                now.append(before[j] + 1)  # for sorted days never worse
            else:
                now.append(now[j] if now[j] > before[j + 1] else before[j + 1])
        table.append(now)
    return table


def groups(
    ones: Columns, others: Columns, policy: Policy
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the groups; close their places."""
    shelves: dict[str, list[tuple[int, str, int]]] = {}
    for place, txn in enumerate(others.rows):
        if others.open[place]:
            shelf = shelves.setdefault(txn.currency, [])
            insort(shelf, (others.days[place], txn.id, place))
    for place, txn in enumerate(ones.rows):
        shelf = shelves.get(txn.currency, [])
        if not ones.open[place] or not shelf:
            continue
        day = ones.days[place]
        first = bisect_left(shelf, (day - policy.window_days,))
        last = bisect_right(shelf, (day + policy.window_days + 1,))
        near = [
            (others.rows[k].amount, abs(there - day), id, k)
            for there, id, k in shelf[first:last]
            if others.open[k]
        ]
        for size in range(2, min(policy.max_group, len(near)) + 1):
            fits = list(sums(near, txn.amount, size, 0))
            if fits:
                _, ids, members = min(
                    (sum(m[1] for m in fit), sorted(m[2] for m in fit), fit)
                    for fit in fits
                )
                ones.open[place] = False
                for *_, k in members:
                    others.open[k] = False
                yield txn.id, tuple(ids)
                break


Member = tuple[int, int, str, int]


def sums(
    near: list[Member], total: int, size: int, start: int
) -> Iterator[tuple[Member, ...]]:
    """Yield each choice of this many members that adds up to the total."""
    if size == 2:
        seen: dict[int, list[Member]] = {}
        for member in near[start:]:
            for before in seen.get(total - member[0], ()):
                yield before, member
            seen.setdefault(member[0], []).append(member)
        return
    for place in range(start, len(near)):
        member = near[place]
        for rest in sums(near, total - member[0], size - 1, place + 1):
            yield member, *rest
