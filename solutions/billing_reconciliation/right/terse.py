"""As short as it can be said and still be read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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


def need(
    row: Mapping[str, Any], name: str, key: str, good: Callable[[Any], Any]
) -> Any:
    """Return a field, or raise ValueError if there is none or it is not good."""
    try:
        if good(row[key]):
            return row[key]
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"row {row.get(name)}: bad {key} {row.get(key)!r}")


def full(pattern: str) -> Callable[[Any], Any]:
    return re.compile(pattern).fullmatch


def a_ref(value: Any) -> bool:
    return value is None or isinstance(value, str)


ID, CODE = full(r"(?s:.+)"), full("[A-Za-z]{3}")
KIND = full("charge|refund|fee|payout")


def an_int(value: Any) -> bool:
    return type(value) is int


def from_seconds(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def from_text(text: str) -> datetime:
    bare = re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text)
    return datetime.fromisoformat(text + "T12:00Z" if bare else text)


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor."""

    def instant(value: Any) -> bool:
        try:
            return an_int(value) and bool(from_seconds(value))
        except OSError:
            return False

    return Txn(
        "a",
        need(row, "id", "id", ID),
        need(row, "id", "ref", a_ref) or None,
        need(row, "id", "amount", an_int),
        need(row, "id", "currency", CODE).upper(),
        from_seconds(need(row, "id", "created", instant)),
        need(row, "id", "type", KIND),
    )


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger; `decimals` says how many a currency has."""
    known = need(row, "entry", "ccy", lambda c: CODE(c) and c.upper() in decimals)
    places = decimals[known.upper()]
    point = rf"(\.[0-9]{{1,{places}}})?" if places else ""
    value = need(row, "entry", "value", full("-?[0-9]+" + point))
    whole, _, part = value.partition(".")
    return Txn(
        "b",
        need(row, "entry", "entry", ID),
        need(row, "entry", "reference", a_ref) or None,
        int(whole + f"{part:0<{places}}") if places else int(whole),
        known.upper(),
        from_text(need(row, "entry", "date", lambda text: from_text(text).tzinfo)),
        need(row, "entry", "kind", KIND),
    )


Groups = list[tuple[str, tuple[str, ...]]]


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report."""
    for field, least in ("window_days", 0), ("tolerance", 0), ("max_group", 2):
        if getattr(policy, field) < least:
            raise ValueError(f"{field} {getattr(policy, field)} is below {least}")
    try:
        zone = ZoneInfo(policy.tz)
    except Exception as error:
        raise ValueError(f"unknown zone {policy.tz}") from error
    for side in a, b:
        for txn in side:
            if txn.at.utcoffset() is None:
                raise ValueError(f"{txn.id} is naive")
        for twice, times in Counter(txn.id for txn in side).items():
            if times > 1:
                raise ValueError(f"{twice} comes {times} times")
    day = {id(txn): txn.at.astimezone(zone).toordinal() for txn in [*a, *b]}
    pools: dict[Any, tuple[list[Txn], list[Txn]]] = defaultdict(lambda: ([], []))
    firsts: dict[Any, Txn] = {}
    doubles, matched, differing = [], [], []
    left: tuple[list[Txn], list[Txn]] = [], []
    for s, side in enumerate((a, b)):
        for txn in sorted(side, key=lambda t: (t.at.astimezone(UTC), t.id)):
            what = txn.currency, txn.kind, txn.amount
            first = firsts.setdefault(
                (s, id(txn) if txn.ref is None else txn.ref, what), txn
            )
            if first is txn:
                pools[what if txn.ref is None else ("ref", txn.ref)][s].append(txn)
            else:
                doubles.append(("ab"[s] + ":" + txn.id, "ab"[s] + ":" + first.id))
    for key, (mine, others) in pools.items():
        if key[0] == "ref":
            pairs = list(zip(mine, others, strict=False))
        else:
            pairs = nearest(mine, others, lambda t: day[id(t)], policy.window_days)
        for x, y in pairs:
            tests = {
                "amount": abs(x.amount - y.amount) > policy.tolerance,
                "currency": x.currency != y.currency,
                "day": abs(day[id(x)] - day[id(y)]) > policy.window_days,
                "kind": x.kind != y.kind,
            }
            fields = tuple(name for name, differs in tests.items() if differs)
            if fields:
                differing.append((x.id, y.id, fields))
            else:
                matched.append((x.id, y.id))
        used = {id(txn) for pair in pairs for txn in pair}
        for rows, rest in (mine, left[0]), (others, left[1]):
            rest += [txn for txn in rows if id(txn) not in used]
    grouped = groups(*left, lambda t: day[id(t)], policy)
    grouped += groups(*left[::-1], lambda t: day[id(t)], policy)
    return Report(
        tuple(sorted(matched)),
        tuple(sorted(differing)),
        tuple(sorted(grouped)),
        tuple(sorted(doubles)),
        *(tuple(sorted(txn.id for txn in rest)) for rest in left),
    )


Chain = tuple[int, Any]
"""The score of some pairs, and the pairs: the last one, and the chain before it."""


def nearest(
    a: list[Txn], b: list[Txn], day: Callable[[Txn], int], window: int
) -> list[tuple[Txn, Txn]]:
    """Pair as many as possible as near as possible, without crossings."""
    a, b = sorted(a, key=day), sorted(b, key=day)
    worth = 1 + window * len(a)
    row: list[Chain] = [(0, None)] * (len(b) + 1)
    for x in a:
        above, row = row, [(0, None)]
        for y, up, corner in zip(b, above[1:], above, strict=False):
            best = up if up[0] > row[-1][0] else row[-1]
            gap = abs(day(x) - day(y))
            if gap <= window and corner[0] + worth - gap > best[0]:
                best = corner[0] + worth - gap, ((x, y), corner[1])
            row.append(best)
    pairs, chain = [], row[-1][1]
    while chain:
        pair, chain = chain
        pairs.append(pair)
    return pairs


def groups(
    ones: list[Txn], others: list[Txn], day: Callable[[Txn], int], policy: Policy
) -> Groups:
    """Form groups; take their rows out of both lists."""
    near: dict[Any, list[Txn]] = defaultdict(list)
    width = policy.window_days + 1
    for txn in others:
        near[txn.currency, day(txn) // width].append(txn)
    found = []
    for one in sorted(ones, key=lambda t: (t.at.astimezone(UTC), t.id)):
        slots = [day(one) // width + shift for shift in (-1, 0, 1)]
        rows = [txn for slot in slots for txn in near.get((one.currency, slot), ())]
        rows = [txn for txn in rows if abs(day(txn) - day(one)) < width]
        members = best(one, rows, day, policy.max_group)
        if members:
            found.append((one.id, tuple(sorted(txn.id for txn in members))))
            for txn in members:
                near[txn.currency, day(txn) // width].remove(txn)
    gone = {name for one, names in found for name in (one, *names)}
    for side in ones, others:
        side[:] = [txn for txn in side if txn.id not in gone]
    return found


def best(
    one: Txn, rows: list[Txn], day: Callable[[Txn], int], most: int
) -> Iterable[Txn]:
    for size in range(2, min(most, len(rows)) + 1):
        fits = [
            (
                sum(abs(day(t) - day(one)) for t in some),
                sorted(t.id for t in some),
                some,
            )
            for some in combinations(rows, size)
            if sum(t.amount for t in some) == one.amount
        ]
        if fits:
            return min(fits, key=lambda fit: fit[:2])[2]
    return ()
