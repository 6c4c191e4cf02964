"""The plainest right answer: look through all rows again for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import combinations
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


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_code(value: Any) -> bool:
    return is_text(value) and len(value) == 3 and value.isascii() and value.isalpha()


def is_ref(value: Any) -> bool:
    return value is None or is_text(value)


def is_kind(value: Any) -> bool:
    return is_text(value) and value in ("charge", "refund", "fee", "payout")


def is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def need(row: Mapping[str, Any], id_key: str, key: str, good: bool) -> None:
    if key not in row or not good:
        raise ValueError(f"row {row.get(id_key)!r}: {key} is {row.get(key)!r}")


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor."""
    get: Any = row.get
    need(row, "id", "id", is_text(get("id")) and get("id") != "")
    need(row, "id", "ref", is_ref(get("ref")))
    need(row, "id", "amount", is_int(get("amount")))
    need(row, "id", "currency", is_code(get("currency")))
    need(row, "id", "created", is_int(get("created")))
    need(row, "id", "type", is_kind(get("type")))
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=get("created"))
    except OverflowError:
        raise ValueError(f"row {get('id')!r}: created {get('created')}") from None
    ref, code = get("ref") or None, get("currency").upper()
    return Txn("a", get("id"), ref, get("amount"), code, at, get("type"))


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger; `decimals` says how many a currency has."""
    get: Any = row.get
    need(row, "entry", "entry", is_text(get("entry")) and get("entry") != "")
    need(row, "entry", "reference", is_ref(get("reference")))
    need(row, "entry", "ccy", is_code(get("ccy")) and get("ccy").upper() in decimals)
    need(row, "entry", "kind", is_kind(get("kind")))
    code = get("ccy").upper()
    need(row, "entry", "value", is_value(get("value"), decimals[code]))
    amount = Fraction(get("value")) * 10 ** decimals[code]
    try:
        at = moment(get("date"))
    except (TypeError, ValueError):
        raise ValueError(f"row {get('entry')!r}: date is {get('date')!r}") from None
    ref = get("reference") or None
    return Txn("b", get("entry"), ref, amount.numerator, code, at, get("kind"))


def is_value(value: Any, places: int) -> bool:
    if not is_text(value):
        return False
    whole, point, part = value.removeprefix("-").partition(".")
    if point and not (is_digits(part) and len(part) <= places):
        return False
    return is_digits(whole)


def moment(text: str) -> datetime:
    if len(text) == 10 and text[4] == text[7] == "-" and "W" not in text:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at


# Reconciling

Pair = tuple[Txn, Txn]


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report."""
    refuse(a, b, policy)
    a, b = in_order(a), in_order(b)
    twice_a, twice_b = repeats(a), repeats(b)
    left_a = [txn for txn in a if txn not in [again for again, _ in twice_a]]
    left_b = [txn for txn in b if txn not in [again for again, _ in twice_b]]
    matched, differing = [], []
    for x in list(left_a):
        for y in left_b:
            if x.ref is not None and x.ref == y.ref:
                fields = differences(x, y, policy)
                if fields:
                    differing.append((x.id, y.id, fields))
                else:
                    matched.append((x.id, y.id))
                left_a.remove(x)
                left_b.remove(y)
                break
    for x, y in all_free_pairs(left_a, left_b, policy):
        matched.append((x.id, y.id))
        left_a.remove(x)
        left_b.remove(y)
    grouped = groups(left_a, left_b, policy) + groups(left_b, left_a, policy)
    return Report(
        tuple(sorted(matched)),
        tuple(sorted(differing)),
        tuple(sorted(grouped)),
        tuple(
            sorted(
                [(f"a:{again.id}", f"a:{first.id}") for again, first in twice_a]
                + [(f"b:{again.id}", f"b:{first.id}") for again, first in twice_b]
            )
        ),
        tuple(sorted(txn.id for txn in left_a)),
        tuple(sorted(txn.id for txn in left_b)),
    )


def refuse(a: Sequence[Txn], b: Sequence[Txn], policy: Policy) -> None:
    """Raise ValueError for bad arguments."""
    if policy.window_days < 0 or policy.tolerance < 0 or policy.max_group < 2:
        raise ValueError(f"bad policy: {policy}")
    try:
        ZoneInfo(policy.tz)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"bad zone: {policy.tz}") from None
    for side in (a, b):
        for place, txn in enumerate(side):
            if txn.at.utcoffset() is None:
                raise ValueError(f"naive: {txn}")
            if txn.id in [other.id for other in side[:place]]:
                raise ValueError(f"id twice: {txn.id}")


def in_order(txns: Sequence[Txn]) -> list[Txn]:
    return sorted(txns, key=lambda txn: (txn.at.astimezone(UTC), txn.id))


def day(txn: Txn, policy: Policy) -> date:
    return txn.at.astimezone(ZoneInfo(policy.tz)).date()


def gap(x: Txn, y: Txn, policy: Policy) -> int:
    return abs((day(x, policy) - day(y, policy)).days)


def what(txn: Txn) -> tuple[str | None, int, str, str]:
    return txn.ref, txn.amount, txn.currency, txn.kind


def repeats(txns: list[Txn]) -> list[Pair]:
    """Return each row that repeats an earlier one, with the first of them."""
    found = []
    for place, txn in enumerate(txns):
        for first in txns[:place]:
            if txn.ref is not None and what(first) == what(txn):
                found.append((txn, first))
                break
    return found


def differences(x: Txn, y: Txn, policy: Policy) -> tuple[str, ...]:
    fields = []
    if abs(x.amount - y.amount) > policy.tolerance:
        fields.append("amount")
    if x.currency != y.currency:
        fields.append("currency")
    if gap(x, y, policy) > policy.window_days:
        fields.append("day")
    if x.kind != y.kind:
        fields.append("kind")
    return tuple(fields)


def all_free_pairs(a: list[Txn], b: list[Txn], policy: Policy) -> list[Pair]:
    found = []
    for key in dict.fromkeys(what(txn) for txn in a if txn.ref is None):
        mine = [txn for txn in a if what(txn) == key]
        others = [txn for txn in b if what(txn) == key]
        found += free_pairs(mine, others, policy)
    return found


def free_pairs(a: list[Txn], b: list[Txn], policy: Policy) -> list[Pair]:
    """Add one pair after the other, each time by the cheapest change of all others.

    A shortest path in the graph of exchanges, by Bellman and Ford.
    """
    gaps = [[gap(x, y, policy) for y in b] for x in a]
    mate_a: list[int | None] = [None] * len(a)
    mate_b: list[int | None] = [None] * len(b)
    while True:
        cost: list[float] = [0 if mate is None else float("inf") for mate in mate_a]
        via: list[int | None] = [None] * len(b)
        reach = [float("inf")] * len(b)
        changed = True
        while changed:
            changed = False
            for i, row in enumerate(gaps):
                for j, distance in enumerate(row):
                    if distance > policy.window_days or mate_a[i] == j:
                        continue
                    if cost[i] + distance < reach[j]:
                        reach[j], via[j], changed = cost[i] + distance, i, True
                        mate = mate_b[j]
                        if mate is not None:
                            cost[mate] = reach[j] - gaps[mate][j]
        ends = [j for j in range(len(b)) if mate_b[j] is None and via[j] is not None]
        if not ends:
            break
        end: int | None = min(ends, key=lambda j: reach[j])
        while end is not None:
            i_or_none = via[end]
            assert i_or_none is not None
            before = mate_a[i_or_none]
            mate_a[i_or_none], mate_b[end] = end, i_or_none
            end = before
    return [(a[i], b[j]) for i, j in enumerate(mate_a) if j is not None]


def groups(
    ones: list[Txn], others: list[Txn], policy: Policy
) -> list[tuple[str, tuple[str, ...]]]:
    """Form groups; take their rows out of both lists."""
    found = []
    for one in list(ones):
        near = [
            txn
            for txn in others
            if txn.currency == one.currency
            and gap(txn, one, policy) <= policy.window_days
        ]
        members = best_group(one, near, policy)
        if members:
            found.append((one.id, tuple(sorted(txn.id for txn in members))))
            ones.remove(one)
            for txn in members:
                others.remove(txn)
    return found


def best_group(one: Txn, near: list[Txn], policy: Policy) -> tuple[Txn, ...]:
    for size in range(2, min(policy.max_group, len(near)) + 1):
        fitting = [
            some
            for some in combinations(near, size)
            if sum(txn.amount for txn in some) == one.amount
        ]
        if fitting:
            return min(
                fitting,
                key=lambda some: (
                    sum(gap(txn, one, policy) for txn in some),
                    sorted(txn.id for txn in some),
                ),
            )
    return ()
