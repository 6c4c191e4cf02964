"""The lists that are given are sorted by time.

Caught: level 1, edge_cases
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import NamedTuple
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = ("charge", "refund", "fee", "payout")
VALUE = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
BARE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SKIP_A, SKIP_B, PAIR = range(3)


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


class Fields:
    """The fields of one row; what is wrong with them is told with the row's id."""

    def __init__(self, row: Mapping[str, object], id_key: str) -> None:
        self.row = row
        self.id = row.get(id_key)
        if not self.text(id_key):
            raise self.bad(id_key, "a text that is not empty")

    def bad(self, key: str, expected: str) -> ValueError:
        found = self.row.get(key, "missing")
        return ValueError(f"row {self.id!r}: {key} is {found!r}, expected {expected}")

    def text(self, key: str) -> str:
        value = self.row.get(key)
        if not isinstance(value, str):
            raise self.bad(key, "a text")
        return value

    def integer(self, key: str) -> int:
        value = self.row.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.bad(key, "an int")
        return value

    def reference(self, key: str) -> str | None:
        if key in self.row and self.row[key] is None:
            return None
        return self.text(key) or None

    def currency(self, key: str) -> str:
        code = self.text(key)
        if not (len(code) == 3 and code.isascii() and code.isalpha()):
            raise self.bad(key, "three ASCII letters")
        return code.upper()

    def kind(self, key: str) -> str:
        kind = self.text(key)
        if kind not in KINDS:
            raise self.bad(key, f"one of {', '.join(KINDS)}")
        return kind

    def instant(self, key: str) -> datetime:
        try:
            return EPOCH + timedelta(seconds=self.integer(key))
        except OverflowError:
            raise self.bad(key, "a time of the years 1 to 9999") from None

    def moment(self, key: str) -> datetime:
        text = self.text(key)
        try:
            noon = f"{text}T12:00+00:00"
            at = datetime.fromisoformat(noon if BARE_DATE.fullmatch(text) else text)
        except ValueError:
            raise self.bad(key, "a date or an ISO timestamp") from None
        if at.utcoffset() is None:
            raise self.bad(key, "a timestamp with an offset")
        return at

    def minor_units(self, key: str, places: int) -> int:
        found = VALUE.fullmatch(self.text(key))
        sign, whole, part = found.groups("") if found else ("", "", "")
        if not whole or len(part) > places:
            raise self.bad(key, f"a plain number with at most {places} decimals")
        return int(sign + whole + part.ljust(places, "0"))


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor."""
    fields = Fields(row, "id")
    return Txn(
        source="a",
        id=fields.text("id"),
        ref=fields.reference("ref"),
        amount=fields.integer("amount"),
        currency=fields.currency("currency"),
        at=fields.instant("created"),
        kind=fields.kind("type"),
    )


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger; `decimals` says how many a currency has."""
    fields = Fields(row, "entry")
    currency = fields.currency("ccy")
    if currency not in decimals:
        raise fields.bad("ccy", f"one of {', '.join(decimals)}")
    return Txn(
        source="b",
        id=fields.text("entry"),
        ref=fields.reference("reference"),
        amount=fields.minor_units("value", decimals[currency]),
        currency=currency,
        at=fields.moment("date"),
        kind=fields.kind("kind"),
    )


# Reconciling


class Row(NamedTuple):
    """A transaction, in order of (instant, id)."""

    at: datetime
    id: str
    day: int
    """The calendar day, counted from the first of the year 1."""
    txn: Txn


Pair = tuple[Row, Row]
Group = tuple[Row, tuple[Row, ...]]


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report."""
    zone = checked_zone(policy)
    for rows in (a, b):
        if isinstance(rows, list) and all(
            row.at.utcoffset() is not None for row in rows
        ):
            rows.sort(key=lambda row: (row.at.astimezone(UTC), row.id))
    rows_a, repeats_a = without_repeats(in_order(a, zone))
    rows_b, repeats_b = without_repeats(in_order(b, zone))
    by_ref = pairs_by_ref(rows_a, rows_b)
    compared = [(x.id, y.id, differences(x, y, policy)) for x, y in by_ref]
    free = pairs_without_ref(rows_a, rows_b, policy.window_days)
    left_a = without(rows_a, (x for x, _ in by_ref + free))
    left_b = without(rows_b, (y for _, y in by_ref + free))
    groups_a = groups(left_a, left_b, policy)
    left_a, left_b = ungrouped(left_a, left_b, groups_a)
    groups_b = groups(left_b, left_a, policy)
    left_b, left_a = ungrouped(left_b, left_a, groups_b)
    return Report(
        matched=tuple(
            sorted(
                [(x.id, y.id) for x, y in free]
                + [(x, y) for x, y, fields in compared if not fields]
            )
        ),
        differing=tuple(sorted(each for each in compared if each[2])),
        grouped=tuple(
            sorted((one.id, ids(members)) for one, members in groups_a + groups_b)
        ),
        duplicates=tuple(
            sorted(
                (f"{side}:{repeat.id}", f"{side}:{first.id}")
                for side, repeats in (("a", repeats_a), ("b", repeats_b))
                for repeat, first in repeats
            )
        ),
        only_a=ids(left_a),
        only_b=ids(left_b),
    )


def checked_zone(policy: Policy) -> ZoneInfo:
    """Return the zone to count days in, or raise ValueError for a bad policy."""
    if policy.window_days < 0:
        raise ValueError(f"window_days is {policy.window_days}, expected 0 or more")
    if policy.tolerance < 0:
        raise ValueError(f"tolerance is {policy.tolerance}, expected 0 or more")
    if policy.max_group < 2:
        raise ValueError(f"max_group is {policy.max_group}, expected 2 or more")
    try:
        return ZoneInfo(policy.tz)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"tz is {policy.tz!r}, expected a time zone") from None


def in_order(txns: Iterable[Txn], zone: ZoneInfo) -> list[Row]:
    """Return the rows of one side by (instant, id)."""
    seen: set[str] = set()
    rows = []
    for txn in txns:
        if txn.at.utcoffset() is None:
            raise ValueError(f"row {txn.id!r}: {txn.at} has no offset")
        if txn.id in seen:
            raise ValueError(f"id {txn.id!r} comes twice within one source")
        seen.add(txn.id)
        # In UTC, for times of one zone compare by the hands of its clock.
        day = txn.at.astimezone(zone).toordinal()
        rows.append(Row(txn.at.astimezone(UTC), txn.id, day, txn))
    return sorted(rows)


def without_repeats(rows: list[Row]) -> tuple[list[Row], list[Pair]]:
    """Return the rows that repeat none before them, and those that do with which."""
    firsts: dict[Hashable, Row] = {}
    kept, repeats = [], []
    for row in rows:
        ref, txn = row.txn.ref, row.txn
        key = row.id if ref is None else (ref, txn.amount, txn.currency, txn.kind)
        first = firsts.setdefault(key, row)
        if first is row:
            kept.append(row)
        else:
            repeats.append((row, first))
    return kept, repeats


def buckets(
    rows: list[Row], key: Callable[[Txn], Hashable]
) -> dict[Hashable, list[Row]]:
    """Return the rows by a key of their transaction, each list in the same order."""
    found: dict[Hashable, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row.txn)].append(row)
    return found


def pairs_by_ref(a: list[Row], b: list[Row]) -> list[Pair]:
    """Pair the rows of the same ref, first with first."""
    mine = buckets([row for row in a if row.txn.ref is not None], lambda txn: txn.ref)
    others = buckets(b, lambda txn: txn.ref)
    return [
        pair
        for ref, rows in mine.items()
        for pair in zip(rows, others.get(ref, []), strict=False)
    ]


def differences(x: Row, y: Row, policy: Policy) -> tuple[str, ...]:
    """Return the fields in which a pair of the same ref differs."""
    differs = {
        "amount": abs(x.txn.amount - y.txn.amount) > policy.tolerance,
        "currency": x.txn.currency != y.txn.currency,
        "day": abs(x.day - y.day) > policy.window_days,
        "kind": x.txn.kind != y.txn.kind,
    }
    return tuple(field for field, is_different in differs.items() if is_different)


def pairs_without_ref(a: list[Row], b: list[Row], window: int) -> list[Pair]:
    """Pair the rows without a ref within each currency, kind and amount."""

    def what(txn: Txn) -> Hashable:
        return txn.currency, txn.kind, txn.amount

    mine = buckets([row for row in a if row.txn.ref is None], what)
    others = buckets([row for row in b if row.txn.ref is None], what)
    return [
        pair
        for key, rows in mine.items()
        for pair in most_and_nearest(rows, others.get(key, []), window)
    ]


def most_and_nearest(a: list[Row], b: list[Row], window: int) -> list[Pair]:
    """Return the most pairs of rows within the window that are nearest in total.

    On a line no two pairs need to cross: where they do, exchanging partners is no
    worse. So it is enough to go through both sides in order of day and to skip a row
    or pair it at each step. Time and memory grow with len(a) * len(b).
    """
    a, b = by_day(a), by_day(b)
    worth = window * len(a) + 1  # of a pair: more than all distances together
    days, best, steps = [y.day for y in b], [0] * (len(b) + 1), []
    for x in a:
        above, best, taken = best, [0], bytearray([SKIP_A])
        for j, day in enumerate(days):
            score, step = above[j + 1], SKIP_A
            if best[j] > score:
                score, step = best[j], SKIP_B
            gap = abs(x.day - day)
            if gap <= window and above[j] + worth - gap > score:
                score, step = above[j] + worth - gap, PAIR
            best.append(score)
            taken.append(step)
        steps.append(taken)
    return list(walk_back(a, b, steps))


def by_day(rows: list[Row]) -> list[Row]:
    # Where clocks go back over midnight, a later instant can have an earlier day.
    return sorted(rows, key=lambda row: row.day)


def walk_back(a: list[Row], b: list[Row], steps: list[bytearray]) -> Iterable[Pair]:
    """Yield the pairs on the way from the last step to the first."""
    i, j = len(a), len(b)
    while i and j:
        step = steps[i - 1][j]
        if step == PAIR:
            yield a[i - 1], b[j - 1]
        i -= step != SKIP_B
        j -= step != SKIP_A


def groups(ones: list[Row], others: list[Row], policy: Policy) -> list[Group]:
    """Give each of `ones` in turn the best group of `others` that are not used yet."""
    by_currency = buckets(by_day(others), lambda txn: txn.currency)
    used: set[str] = set()
    found = []
    for one in ones:
        same = by_currency.get(one.txn.currency, [])
        near = within(same, one.day, policy.window_days)
        members = best_group(one, without_ids(near, used), policy.max_group)
        if members:
            found.append((one, members))
            used.update(row.id for row in members)
    return found


def within(rows: list[Row], day: int, window: int) -> list[Row]:
    """Return the rows, sorted by day, that are at most `window` days away."""
    first = bisect_left(rows, day - window, key=lambda row: row.day)
    return rows[first : bisect_right(rows, day + window, key=lambda row: row.day)]


def best_group(one: Row, near: list[Row], most: int) -> tuple[Row, ...]:
    """Return the best rows that add up to one, or none."""
    for size in range(2, min(most, len(near)) + 1):
        fitting = [
            members
            for members in combinations(near, size)
            if sum(row.txn.amount for row in members) == one.txn.amount
        ]
        if fitting:
            return min(fitting, key=lambda members: badness(one, members))
    return ()


def badness(one: Row, members: tuple[Row, ...]) -> tuple[int, tuple[str, ...]]:
    return sum(abs(row.day - one.day) for row in members), ids(members)


def ungrouped(
    ones: list[Row], others: list[Row], found: list[Group]
) -> tuple[list[Row], list[Row]]:
    """Return what is left of both sides."""
    return (
        without(ones, (one for one, _ in found)),
        without(others, (row for _, members in found for row in members)),
    )


def without(rows: list[Row], used: Iterable[Row]) -> list[Row]:
    return without_ids(rows, {row.id for row in used})


def without_ids(rows: list[Row], used: set[str]) -> list[Row]:
    return [row for row in rows if row.id not in used]


def ids(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(sorted(row.id for row in rows))
