"""One class for each thing that the story speaks of; scores are pairs of numbers."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import total_ordering
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


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


class BadField(ValueError):
    """A field of a row is not as it has to be."""

    def __init__(self, row: str, key: str, why: str) -> None:
        super().__init__(f"{row}, {key}: {why}")


class Reader:
    """Reads the fields of one row by their names."""

    kinds = ("charge", "refund", "fee", "payout")

    def __init__(self, row: Mapping[str, Any], id_key: str) -> None:
        self.row = row
        self.name = str(row.get(id_key))
        self.id = self.of_type(id_key, str)
        if self.id == "":
            raise BadField(self.name, id_key, "empty")

    def of_type(self, key: str, kind: type) -> Any:
        if key not in self.row:
            raise BadField(self.name, key, "missing")
        value = self.row[key]
        if isinstance(value, bool) or not isinstance(value, kind):
            raise BadField(self.name, key, f"{value!r} is no {kind.__name__}")
        return value

    def reference(self, key: str) -> str | None:
        if self.row.get(key, "") is None:
            return None
        text: str = self.of_type(key, str)
        return text if text else None

    def currency(self, key: str) -> str:
        text: str = self.of_type(key, str)
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z][a-zA-Z]", text):
            raise BadField(self.name, key, f"{text!r} is no currency")
        return text.upper()

    def kind(self, key: str) -> str:
        text: str = self.of_type(key, str)
        if text not in self.kinds:
            raise BadField(self.name, key, f"{text!r} is no kind")
        return text

    def instant(self, key: str) -> datetime:
        seconds: int = self.of_type(key, int)
        try:
            return datetime.fromtimestamp(seconds, tz=UTC)
        except (ValueError, OverflowError, OSError):
            raise BadField(self.name, key, f"{seconds} is no time") from None

    def amount(self, key: str, places: int) -> int:
        text: str = self.of_type(key, str)
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            raise BadField(self.name, key, f"{text!r} is no value")
        sign, digits, exponent = Decimal(text).as_tuple()
        assert isinstance(exponent, int)
        if -exponent > places:
            raise BadField(self.name, key, f"{text!r} has more than {places} decimals")
        units = int("".join(map(str, digits)) + "0" * (places + exponent))
        return -units if sign else units

    def moment(self, key: str) -> datetime:
        text: str = self.of_type(key, str)
        try:
            if re.fullmatch(r"\d\d\d\d-\d\d-\d\d", text, re.ASCII):
                return datetime.combine(date.fromisoformat(text), time(12), UTC)
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadField(self.name, key, str(error)) from None
        if at.tzinfo is None:
            raise BadField(self.name, key, f"{text!r} has no offset")
        return at


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor."""
    read = Reader(row, "id")
    amount: int = read.of_type("amount", int)
    return Txn(
        "a",
        read.id,
        read.reference("ref"),
        amount,
        read.currency("currency"),
        read.instant("created"),
        read.kind("type"),
    )


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger; `decimals` says how many a currency has."""
    read = Reader(row, "entry")
    currency = read.currency("ccy")
    if currency not in decimals:
        raise BadField(read.name, "ccy", f"{currency} is unknown")
    return Txn(
        "b",
        read.id,
        read.reference("reference"),
        read.amount("value", decimals[currency]),
        currency,
        read.moment("date"),
        read.kind("kind"),
    )


# Reconciling


class Calendar:
    """Knows on which day a row is."""

    def __init__(self, name: str) -> None:
        try:
            self.zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone") from None

    def day(self, txn: Txn) -> date:
        return txn.at.astimezone(self.zone).date()


@total_ordering
class Entry:
    """A row of one side, with its day; in order of (instant, id)."""

    def __init__(self, txn: Txn, calendar: Calendar) -> None:
        self.txn = txn
        self.id = txn.id
        self.day = calendar.day(txn)
        self.key = (txn.at.astimezone(UTC).replace(tzinfo=None), txn.id)

    def __lt__(self, other: Entry) -> bool:
        return self.key < other.key

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def gap(self, other: Entry) -> int:
        return abs((self.day - other.day).days)


class Side:
    """The rows of one source: those still to be explained, and the repeats."""

    def __init__(self, name: str, txns: Sequence[Txn], calendar: Calendar) -> None:
        self.name = name
        self.check(txns)
        self.open: dict[str, Entry] = {}
        self.repeats: list[tuple[str, str]] = []
        firsts: dict[Any, Entry] = {}
        for entry in sorted(Entry(txn, calendar) for txn in txns):
            txn = entry.txn
            key = (txn.ref, txn.amount, txn.currency, txn.kind)
            if txn.ref is not None and key in firsts:
                self.repeats.append((f"{name}:{txn.id}", f"{name}:{firsts[key].id}"))
            else:
                firsts[key] = entry
                self.open[txn.id] = entry

    def check(self, txns: Sequence[Txn]) -> None:
        known = set()
        for txn in txns:
            if txn.at.tzinfo is None or txn.at.utcoffset() is None:
                raise ValueError(f"{self.name}:{txn.id} has a naive time {txn.at}")
            if txn.id in known:
                raise ValueError(f"{self.name}:{txn.id} comes twice")
            known.add(txn.id)

    def by(self, key: Any) -> dict[Any, list[Entry]]:
        found: dict[Any, list[Entry]] = {}
        for entry in self.open.values():
            found.setdefault(key(entry.txn), []).append(entry)
        return found

    def take(self, *entries: Entry) -> None:
        for entry in entries:
            del self.open[entry.id]

    def ids(self) -> tuple[str, ...]:
        return tuple(sorted(self.open))


class Bucket:
    """Rows that can stand for each other, of both sides; who goes with whom?"""

    def __init__(self, a: list[Entry], b: list[Entry], window: int) -> None:
        self.a = sorted(a, key=lambda entry: (entry.day, entry.key))
        self.b = sorted(b, key=lambda entry: (entry.day, entry.key))
        self.window = window

    def pairs(self) -> Iterator[tuple[Entry, Entry]]:
        """Yield the best pairs, the last ones first."""
        i, j, table = len(self.a), len(self.b), self.scores()
        while i > 0 and j > 0:
            if table[i][j] == table[i][j - 1]:
                j -= 1
            elif table[i][j] == table[i - 1][j]:
                i -= 1
            else:
                i, j = i - 1, j - 1
                yield self.a[i], self.b[j]

    def scores(self) -> list[list[tuple[int, int]]]:
        """Return (pairs, -distance) for the first i and j rows of the sides."""
        table = [[(0, 0)] * (len(self.b) + 1)]
        days = [entry.day.toordinal() for entry in self.b]
        for entry in self.a:
            day = entry.day.toordinal()
            above, row = table[-1], [(0, 0)]
            for j, other in enumerate(days):
                best = above[j + 1]
                if row[j] > best:
                    best = row[j]
                gap = abs(day - other)
                if gap <= self.window:
                    pairs, distance = above[j]
                    if (pairs + 1, distance - gap) > best:
                        best = (pairs + 1, distance - gap)
                row.append(best)
            table.append(row)
        return table


@dataclass
class Search:
    """Finds the best rows that add up to a total, going deeper one row at a time."""

    rows: list[Entry]
    one: Entry
    found: list[tuple[int, list[str], list[Entry]]] = field(default_factory=list)

    def best(self, most: int) -> list[Entry]:
        for size in range(2, min(most, len(self.rows)) + 1):
            self.deeper([], 0, size, self.one.txn.amount)
            if self.found:
                return min(self.found, key=lambda fit: fit[:2])[2]
        return []

    def deeper(self, some: list[Entry], start: int, size: int, lacking: int) -> None:
        if size == 0:
            if lacking == 0:
                distance = sum(self.one.gap(row) for row in some)
                self.found.append((distance, sorted(row.id for row in some), some))
            return
        for place in range(start, len(self.rows) - size + 1):
            row = self.rows[place]
            if size > 1 or row.txn.amount == lacking:
                rest = lacking - row.txn.amount
                self.deeper([*some, row], place + 1, size - 1, rest)


class Reconciliation:
    """Explains the rows of two sides step by step."""

    def __init__(self, a: Side, b: Side, policy: Policy) -> None:
        self.a, self.b, self.policy = a, b, policy
        self.matched: list[tuple[str, str]] = []
        self.differing: list[tuple[str, str, tuple[str, ...]]] = []
        self.grouped: list[tuple[str, tuple[str, ...]]] = []

    def by_ref(self) -> None:
        others = self.b.by(lambda txn: txn.ref)
        for ref, rows in self.a.by(lambda txn: txn.ref).items():
            if ref is not None:
                for pair in zip(rows, others.get(ref, []), strict=False):
                    self.pair(*pair)

    def pair(self, x: Entry, y: Entry) -> None:
        self.a.take(x)
        self.b.take(y)
        fields = tuple(self.differences(x, y))
        if fields:
            self.differing.append((x.id, y.id, fields))
        else:
            self.matched.append((x.id, y.id))

    def differences(self, x: Entry, y: Entry) -> Iterator[str]:
        if abs(x.txn.amount - y.txn.amount) > self.policy.tolerance:
            yield "amount"
        if x.txn.currency != y.txn.currency:
            yield "currency"
        if x.gap(y) > self.policy.window_days:
            yield "day"
        if x.txn.kind != y.txn.kind:
            yield "kind"

    def without_ref(self) -> None:
        def what(txn: Txn) -> Any:
            return txn.ref is None and (txn.amount, txn.currency, txn.kind)

        others = self.b.by(what)
        for key, rows in self.a.by(what).items():
            if key is not False and key in others:
                bucket = Bucket(rows, others[key], self.policy.window_days)
                for pair in list(bucket.pairs()):
                    self.pair(*pair)

    def groups(self, ones: Side, others: Side) -> None:
        shelves = others.by(lambda txn: txn.currency)
        for shelf in shelves.values():
            shelf.sort(key=lambda entry: entry.day)
        for one in list(ones.open.values()):
            shelf = shelves.get(one.txn.currency, [])
            near = [row for row in self.near(shelf, one) if row.id in others.open]
            members = Search(near, one).best(self.policy.max_group)
            if members:
                ones.take(one)
                others.take(*members)
                ids = tuple(sorted(row.id for row in members))
                self.grouped.append((one.id, ids))

    def near(self, shelf: list[Entry], one: Entry) -> list[Entry]:
        day, window = one.day.toordinal(), self.policy.window_days
        first = bisect_left(shelf, day - window, key=lambda row: row.day.toordinal())
        last = bisect_left(shelf, day + window + 1, key=lambda row: row.day.toordinal())
        return shelf[first:last]

    def report(self) -> Report:
        return Report(
            matched=tuple(sorted(self.matched)),
            differing=tuple(sorted(self.differing)),
            grouped=tuple(sorted(self.grouped)),
            duplicates=tuple(sorted(self.a.repeats + self.b.repeats)),
            only_a=self.a.ids(),
            only_b=self.b.ids(),
        )


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report."""
    if policy.window_days < 0:
        raise ValueError(f"negative window: {policy.window_days}")
    if policy.tolerance < 0:
        raise ValueError(f"negative tolerance: {policy.tolerance}")
    if policy.max_group < 2:
        raise ValueError(f"max_group too small: {policy.max_group}")
    calendar = Calendar(policy.tz)
    work = Reconciliation(Side("a", a, calendar), Side("b", b, calendar), policy)
    work.by_ref()
    work.without_ref()
    work.groups(work.a, work.b)
    work.groups(work.b, work.a)
    return work.report()
