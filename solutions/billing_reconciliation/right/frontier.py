"""Matching by what is worth keeping: of all beginnings only those that none beats."""

from __future__ import annotations

import string
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain, combinations, groupby
from operator import attrgetter
from typing import Any, NamedTuple
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


# Parsing: each rule returns the value that it makes of a field, or raises ValueError


def a_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def some_text(value: object) -> str:
    if not a_text(value):
        raise ValueError("empty")
    return a_text(value)


def an_int(value: object) -> int:
    if type(value) is not int:
        raise ValueError("no int")
    return value


def a_ref(value: object) -> str | None:
    return None if value is None else a_text(value) or None


def a_code(value: object) -> str:
    text = a_text(value)
    if len(text) != 3 or set(text) - set(string.ascii_letters):
        raise ValueError("no three ASCII letters")
    return text.upper()


def a_kind(value: object) -> str:
    text = a_text(value)
    if text not in ("charge", "refund", "fee", "payout"):
        raise ValueError("unknown")
    return text


def seconds(value: object) -> datetime:
    try:
        return datetime.fromtimestamp(an_int(value), UTC)
    except (OverflowError, OSError):
        raise ValueError("out of range") from None


def a_day(value: object) -> datetime:
    text = a_text(value)
    if [len(part) for part in text.split("-")] == [4, 2, 2] and "W" not in text:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    at = datetime.fromisoformat(text)
    if at.utcoffset() is None:
        raise ValueError("no offset")
    return at


def units(value: object, places: int) -> int:
    text = a_text(value)
    digits, point, part = text.removeprefix("-").partition(".")
    if point and not 1 <= len(part) <= places:
        raise ValueError(f"1 to {places} decimals")
    if not digits or set(digits + part) - set(string.digits):
        raise ValueError("no plain number")
    amount = int(digits + part.ljust(places, "0"))
    return -amount if text[0] == "-" else amount


def field(
    row: Mapping[str, Any], name: str, key: str, rule: Callable[[Any], Any]
) -> Any:
    try:
        if key not in row:
            raise ValueError("missing")
        return rule(row[key])
    except ValueError as error:
        where = f"{name}={row.get(name)!r}, {key}={row.get(key)!r}"
        raise ValueError(f"{where}: {error}") from None


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor."""
    rules: list[tuple[str, Callable[[Any], Any]]] = [
        ("id", some_text),
        ("ref", a_ref),
        ("amount", an_int),
        ("currency", a_code),
        ("created", seconds),
        ("type", a_kind),
    ]
    return Txn("a", *(field(row, "id", key, rule) for key, rule in rules))


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger; `decimals` says how many a currency has."""

    def known(value: object) -> str:
        code = a_code(value)
        if code not in decimals:
            raise ValueError("not known")
        return code

    code = field(row, "entry", "ccy", known)
    return Txn(
        "b",
        field(row, "entry", "entry", some_text),
        field(row, "entry", "reference", a_ref),
        field(row, "entry", "value", lambda value: units(value, decimals[code])),
        code,
        field(row, "entry", "date", a_day),
        field(row, "entry", "kind", a_kind),
    )


# Reconciling


class Entry(NamedTuple):
    """A row, in order of (instant, id)."""

    when: datetime
    id: str
    day: int
    txn: Txn


Pairs = list[tuple[Entry, Entry]]


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report."""
    check(policy)
    twice: list[tuple[str, str]] = []
    mine = list(originals("a", entries(a, policy.tz), twice))
    others = list(originals("b", entries(b, policy.tz), twice))
    pairs = [*by_ref(mine, others), *without_ref(mine, others, policy.window_days)]
    told = [(x.id, y.id, differences(x, y, policy)) for x, y in pairs]
    used = {id(entry) for entry in chain.from_iterable(pairs)}
    left = [[e for e in side if id(e) not in used] for side in (mine, others)]
    grouped = groups(left[0], left[1], policy)
    left = drop(left, grouped)
    grouped += groups(left[1], left[0], policy)
    left = drop(left, grouped)
    names = [(one.id, tuple(sorted(e.id for e in some))) for one, some in grouped]
    return Report(
        tuple(sorted((x, y) for x, y, fields in told if not fields)),
        tuple(sorted(each for each in told if each[2])),
        tuple(sorted(names)),
        tuple(sorted(twice)),
        *(tuple(sorted(entry.id for entry in side)) for side in left),
    )


def check(policy: Policy) -> None:
    """Raise ValueError for a bad policy."""
    for name, least in (("window_days", 0), ("tolerance", 0), ("max_group", 2)):
        value = getattr(policy, name)
        if value < least:
            raise ValueError(f"{name}={value}, below {least}")
    try:
        ZoneInfo(policy.tz)
    except Exception:
        raise ValueError(f"tz={policy.tz!r}, not a zone") from None


def entries(txns: Iterable[Txn], tz: str) -> list[Entry]:
    zone, found = ZoneInfo(tz), {}
    for txn in txns:
        if txn.at.utcoffset() is None or txn.id in found:
            raise ValueError(f"naive, or twice: {txn}")
        day = txn.at.astimezone(zone).toordinal()
        found[txn.id] = Entry(txn.at.astimezone(UTC), txn.id, day, txn)
    return sorted(found.values())


def originals(
    side: str, rows: list[Entry], twice: list[tuple[str, str]]
) -> Iterator[Entry]:
    """Yield what repeats nothing; note the others."""
    what = attrgetter("ref", "amount", "currency", "kind")
    first: dict[Any, str] = {}
    for entry in rows:
        if entry.txn.ref is None:
            yield entry
        elif what(entry.txn) in first:
            twice.append((f"{side}:{entry.id}", f"{side}:{first[what(entry.txn)]}"))
        else:
            first[what(entry.txn)] = entry.id
            yield entry


def by_ref(a: list[Entry], b: list[Entry]) -> Iterator[tuple[Entry, Entry]]:
    queues: dict[str, list[Entry]] = {}
    for entry in b:
        if entry.txn.ref is not None:
            queues.setdefault(entry.txn.ref, []).append(entry)
    waiting: dict[str | None, Iterator[Entry]] = {}
    waiting |= {ref: iter(rows) for ref, rows in queues.items()}
    for entry in a:
        if entry.txn.ref in waiting:
            other = next(waiting[entry.txn.ref], None)
            if other is not None:
                yield entry, other


def differences(x: Entry, y: Entry, policy: Policy) -> tuple[str, ...]:
    fields = []
    if not -policy.tolerance <= x.txn.amount - y.txn.amount <= policy.tolerance:
        fields.append("amount")
    if x.txn.currency != y.txn.currency:
        fields.append("currency")
    if not -policy.window_days <= x.day - y.day <= policy.window_days:
        fields.append("day")
    if x.txn.kind != y.txn.kind:
        fields.append("kind")
    return tuple(fields)


def without_ref(a: list[Entry], b: list[Entry], window: int) -> Pairs:
    def what(entry: Entry) -> Any:
        return entry.txn.currency, entry.txn.kind, entry.txn.amount

    def buckets(side: list[Entry]) -> dict[Any, list[Entry]]:
        free = sorted((e for e in side if e.txn.ref is None), key=what)
        return {key: list(rows) for key, rows in groupby(free, what)}

    others, found = buckets(b), []
    for key, rows in buckets(a).items():
        if key in others:
            found += nearest(rows, others[key], window)
    return found


class State(NamedTuple):
    """A beginning: how many rows of b it has passed, how good it is, its pairs."""

    passed: int
    pairs: int
    nearness: int
    last: Any


def nearest(a: list[Entry], b: list[Entry], window: int) -> Pairs:
    """Return the most and nearest pairs, none of which cross.

    States are in order of what they have passed, and each is better than all before
    it: who passes more has to have something for it. So a row of b is best taken from
    the last state that has not passed it.
    """
    a, b = sorted(a, key=attrgetter("day")), sorted(b, key=attrgetter("day"))
    days = [entry.day for entry in b]
    states = [State(0, 0, 0, None)]
    for x in a:
        low, high = bisect_left(days, x.day - window), bisect_right(
            days, x.day + window
        )
        states = list(better(states, taken(states, x, b, low, high)))
    pairs, last = [], states[-1].last
    while last:
        pair, last = last
        pairs.append(pair)
    return pairs


def taken(
    states: list[State], x: Entry, b: list[Entry], low: int, high: int
) -> Iterator[State]:
    """Yield the best state for each row of b that x may take."""
    place = 0
    for j in range(low, high):
        while place + 1 < len(states) and states[place + 1].passed <= j:
            place += 1
        _, pairs, nearness, last = states[place]
        gap = abs(x.day - b[j].day)
        yield State(j + 1, pairs + 1, nearness - gap, ((x, b[j]), last))


def better(old: list[State], new: Iterator[State]) -> Iterator[State]:
    """Merge states; leave out each that one before it beats or equals."""
    best = (-1, 0)
    place = 0
    for state in new:
        while place < len(old) and old[place].passed <= state.passed:
            if old[place][1:3] > best:
                best = old[place][1:3]
                yield old[place]
            place += 1
        if state[1:3] > best:
            best = state[1:3]
            yield state
    for state in old[place:]:
        if state[1:3] > best:
            best = state[1:3]
            yield state


Groups = list[tuple[Entry, tuple[Entry, ...]]]


def drop(sides: list[list[Entry]], grouped: Groups) -> list[list[Entry]]:
    gone = {id(e) for one, members in grouped for e in (one, *members)}
    return [[e for e in side if id(e) not in gone] for side in sides]


def groups(ones: list[Entry], others: list[Entry], policy: Policy) -> Groups:
    shelves: dict[str, list[Entry]] = {}
    for entry in sorted(others, key=attrgetter("day")):
        shelves.setdefault(entry.txn.currency, []).append(entry)
    used: set[int] = set()
    found = []
    for one in ones:
        shelf = shelves.get(one.txn.currency, [])
        first = bisect_left(shelf, one.day - policy.window_days, key=attrgetter("day"))
        last = bisect_right(shelf, one.day + policy.window_days, key=attrgetter("day"))
        near = [e for e in shelf[first:last] if id(e) not in used]
        fits = next(filter(None, sizes(one, near, policy.max_group)), None)
        if fits:
            members = min(fits, key=lambda some: order(one, some))
            used.update(map(id, members))
            found.append((one, members))
    return found


def order(one: Entry, members: tuple[Entry, ...]) -> tuple[int, list[str]]:
    return sum(abs(e.day - one.day) for e in members), sorted(e.id for e in members)


def sizes(
    one: Entry, near: list[Entry], most: int
) -> Iterator[list[tuple[Entry, ...]]]:
    """Yield, for each size, the choices that add up: two halves that meet."""
    for size in range(2, min(most, len(near)) + 1):
        half = size // 2
        halves: dict[int, list[tuple[int, ...]]] = {}
        for some in combinations(range(len(near)), half):
            total = sum(near[place].txn.amount for place in some)
            halves.setdefault(total, []).append(some)
        yield [
            tuple(near[place] for place in first + second)
            for second in combinations(range(len(near)), size - half)
            for first in halves.get(
                one.txn.amount - sum(near[place].txn.amount for place in second), ()
            )
            if first[-1] < second[0]
        ]
