"""The same report tuned for speed: order, days and pairs are worked out where needed.

Most references are of one row on each side, and most of these are near in time: they
need no sorting and no calendar. A duplicate has the reference of what it repeats, so
duplicates are looked for only where a reference comes more than once.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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


# Parsing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = frozenset({"charge", "refund", "fee", "payout"})
_VALUE = re.compile(r"(-?[0-9]+)(?:\.([0-9]+))?").fullmatch
_BARE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_CODE = re.compile(r"[A-Za-z]{3}").fullmatch


def _bad(row: Mapping[str, object], id_key: str, key: str) -> ValueError:
    found = repr(row[key]) if key in row else "missing"
    return ValueError(f"row {row.get(id_key)!r}: bad {key}: {found}")


def _common(row: Mapping[str, object], id_key: str, ref_key: str, kind_key: str) -> Any:
    """Return id, reference and kind."""
    id, ref, kind = row.get(id_key), row.get(ref_key, 0), row.get(kind_key)
    if type(id) is not str or not id:
        raise _bad(row, id_key, id_key)
    if ref is not None and type(ref) is not str:
        raise _bad(row, id_key, ref_key)
    if type(kind) is not str or kind not in _KINDS:
        raise _bad(row, id_key, kind_key)
    return id, ref or None, kind


def _code(row: Mapping[str, object], id_key: str, key: str) -> str:
    code = row.get(key)
    if type(code) is not str or not _CODE(code):
        raise _bad(row, id_key, key)
    return code.upper()


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor."""
    id, ref, kind = _common(row, "id", "ref", "type")
    code = _code(row, "id", "currency")
    amount, created = row.get("amount"), row.get("created")
    if type(amount) is not int:
        raise _bad(row, "id", "amount")
    if type(created) is not int:
        raise _bad(row, "id", "created")
    try:
        at = _EPOCH + timedelta(seconds=created)
    except OverflowError:
        raise _bad(row, "id", "created") from None
    return Txn("a", id, ref, amount, code, at, kind)


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger; `decimals` says how many a currency has."""
    id, ref, kind = _common(row, "entry", "reference", "kind")
    code = _code(row, "entry", "ccy")
    if code not in decimals:
        raise _bad(row, "entry", "ccy")
    amount = _minor_units(row, decimals[code])
    return Txn("b", id, ref, amount, code, _moment(row), kind)


def _minor_units(row: Mapping[str, str], places: int) -> int:
    value = row.get("value")
    found = _VALUE(value) if type(value) is str else None
    if found:
        whole, part = found.groups("")
        if len(part) <= places:
            return int(whole + part + "0" * (places - len(part)))
    raise _bad(row, "entry", "value")


def _moment(row: Mapping[str, str]) -> datetime:
    text = row.get("date")
    if type(text) is str:
        try:
            bare = _BARE_DATE(text)
            at = datetime.fromisoformat(f"{text}T12:00+00:00" if bare else text)
        except ValueError:
            raise _bad(row, "entry", "date") from None
        if at.tzinfo is not None:
            return at
    raise _bad(row, "entry", "date")


# Reconciling

Pairs = list[tuple[Txn, Txn]]
Dated = tuple[int, timedelta, str, Txn]
"""The local day, the time since 1970, the id and the transaction: what to sort by."""
Groups = list[tuple[str, tuple[str, ...]]]


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report."""
    day_of = _calendar(policy)
    refs_a, free_a = _by_ref_or_bucket(a)
    refs_b, free_b = _by_ref_or_bucket(b)
    duplicates = _take_repeats("a", refs_a) + _take_repeats("b", refs_b)
    matched, differing = [], []
    differences = _comparison(policy, day_of)
    left_a: list[Txn] = []
    left_b: list[Txn] = []
    for ref, mine in refs_a.items():
        others = refs_b.pop(ref, [])
        for x, y in zip(mine, others, strict=False):
            fields = differences(x, y)
            if fields:
                differing.append((x.id, y.id, fields))
            else:
                matched.append((x.id, y.id))
        left_a += mine[len(others) :]
        left_b += others[len(mine) :]
    for others in refs_b.values():
        left_b += others
    for key, mine in free_a.items():
        others = free_b.pop(key, None)
        if others is None:
            left_a += mine
        else:
            matched += _closest(mine, others, policy, day_of, left_a, left_b)
    for others in free_b.values():
        left_b += others
    grouped, rest_a, rest_b = _grouped(left_a, left_b, policy, day_of)
    return Report(
        tuple(sorted(matched)),
        tuple(sorted(differing)),
        tuple(sorted(grouped)),
        tuple(sorted(duplicates)),
        tuple(sorted(rest_a)),
        tuple(sorted(rest_b)),
    )


def _calendar(policy: Policy) -> Callable[[Txn], int]:
    """Return what gives the number of a row's local day."""
    for name, least in (("window_days", 0), ("tolerance", 0), ("max_group", 2)):
        if getattr(policy, name) < least:
            raise ValueError(f"{name} is {getattr(policy, name)}, less than {least}")
    try:
        zone = ZoneInfo(policy.tz)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"no time zone {policy.tz!r}") from None
    return lambda txn: txn.at.astimezone(zone).toordinal()


def _by_ref_or_bucket(
    txns: Sequence[Txn],
) -> tuple[dict[str, list[Txn]], dict[Any, Any]]:
    """Return the rows by reference, and those without one by what has to match."""
    refs: dict[str, list[Txn]] = {}
    free: dict[tuple[str, str, int], list[Txn]] = {}
    ids = set()
    for txn in txns:
        if txn.at.utcoffset() is None:
            raise ValueError(f"row {txn.id!r}: no offset in {txn.at}")
        ids.add(txn.id)
        if txn.ref is not None:
            refs.setdefault(txn.ref, []).append(txn)
        else:
            free.setdefault((txn.currency, txn.kind, txn.amount), []).append(txn)
    if len(ids) < len(txns):
        _refuse_twice(txns)
    return refs, free


def _refuse_twice(txns: Sequence[Txn]) -> None:
    seen: set[str] = set()
    for txn in txns:
        if txn.id in seen:
            raise ValueError(f"id {txn.id!r} comes twice within one source")
        seen.add(txn.id)


def _order(txn: Txn) -> tuple[timedelta, str]:
    # since 1970, for times of one zone compare by the hands of its clock
    return txn.at - _EPOCH, txn.id


def _take_repeats(side: str, refs: dict[str, list[Txn]]) -> list[tuple[str, str]]:
    """Sort the rows of each reference, and take out what repeats an earlier one."""
    found = []
    for ref, rows in refs.items():
        if len(rows) > 1:
            rows.sort(key=_order)
            firsts: dict[Any, Txn] = {}
            for row in rows:
                first = firsts.setdefault((row.amount, row.currency, row.kind), row)
                if first is not row:
                    found.append((f"{side}:{row.id}", f"{side}:{first.id}"))
            refs[ref] = list(firsts.values())
    return found


def _comparison(
    policy: Policy, day_of: Callable[[Txn], int]
) -> Callable[[Txn, Txn], tuple[str, ...]]:
    window, tolerance = policy.window_days, policy.tolerance
    # Clocks are never moved by more than a day, so what is so near needs no calendar.
    near_s = (window - 2) * 86_400

    def differences(x: Txn, y: Txn) -> tuple[str, ...]:
        fields = []
        if abs(x.amount - y.amount) > tolerance:
            fields.append("amount")
        if x.currency != y.currency:
            fields.append("currency")
        apart = abs((x.at - y.at).total_seconds())
        if apart > near_s and abs(day_of(x) - day_of(y)) > window:
            fields.append("day")
        if x.kind != y.kind:
            fields.append("kind")
        return tuple(fields)

    return differences


def _closest(
    mine: list[Txn],
    others: list[Txn],
    policy: Policy,
    day_of: Callable[[Txn], int],
    left_a: list[Txn],
    left_b: list[Txn],
) -> list[tuple[str, str]]:
    """Pair equal rows, the most and nearest; add what is left over to the leftovers."""
    if len(mine) == len(others) == 1:
        if abs(day_of(mine[0]) - day_of(others[0])) <= policy.window_days:
            return [(mine[0].id, others[0].id)]
        left_a += mine
        left_b += others
        return []
    a, b = _dated(mine, day_of), _dated(others, day_of)
    window = policy.window_days
    places = _most_and_nearest([row[0] for row in a], [row[0] for row in b], window)
    used_a, used_b = {i for i, _ in places}, {j for _, j in places}
    left_a += [row[3] for i, row in enumerate(a) if i not in used_a]
    left_b += [row[3] for j, row in enumerate(b) if j not in used_b]
    return [(a[i][2], b[j][2]) for i, j in places]


def _dated(txns: Iterable[Txn], day_of: Callable[[Txn], int]) -> list[Dated]:
    return sorted((day_of(txn), *_order(txn), txn) for txn in txns)


def _most_and_nearest(a: list[int], b: list[int], window: int) -> list[tuple[int, int]]:
    """Return the places of the pairs for sorted days; time grows with len(a) * len(b).

    A table of scores, of which only what the window allows is looked at: before it a
    score is that of the row above, and beyond it the last one of the row.
    """
    worth = window * min(len(a), len(b)) + 1
    best, steps = [0], []
    for x in a:
        low, high = bisect_left(b, x - window), bisect_right(b, x + window)
        if high >= len(best):
            best += [best[-1]] * (high + 1 - len(best))
        step = bytearray()
        left = diagonal = best[low]
        for y in range(low, high):
            above = best[y + 1]
            gap = b[y] - x
            paired = diagonal + worth - (gap if gap > 0 else -gap)
            diagonal = above
            if paired > above and paired > left:
                left = paired
                step.append(2)
            elif above >= left:
                left = above
                step.append(0)
            else:
                step.append(1)
            best[y + 1] = left
        steps.append((low, step))
    return _walk_back(steps, len(b))


def _walk_back(steps: list[tuple[int, bytearray]], j: int) -> list[tuple[int, int]]:
    places = []
    for i in range(len(steps) - 1, -1, -1):
        low, step = steps[i]
        j = min(j, low + len(step))
        while j > low and step[j - low - 1] == 1:
            j -= 1
        if j > low and step[j - low - 1] == 2:
            j -= 1
            places.append((i, j))
    return places


def _grouped(
    left_a: list[Txn], left_b: list[Txn], policy: Policy, day_of: Callable[[Txn], int]
) -> tuple[Groups, Iterable[str], Iterable[str]]:
    """Return the groups, and the ids that are in none."""
    rest_a, rest_b = {txn.id for txn in left_a}, {txn.id for txn in left_b}
    if not left_a or not left_b:
        return [], rest_a, rest_b
    a, b = _dated(left_a, day_of), _dated(left_b, day_of)
    grouped = _groups(a, b, rest_a, rest_b, policy)
    grouped += _groups(b, a, rest_b, rest_a, policy)
    return grouped, rest_a, rest_b


def _groups(
    ones: list[Dated],
    others: list[Dated],
    free_ones: set[str],
    free: set[str],
    policy: Policy,
) -> Groups:
    """Form groups for one side; take what they use from the ids that are free."""
    by_currency: dict[str, list[Dated]] = defaultdict(list)
    for row in others:
        by_currency[row[3].currency].append(row)
    days = {code: [row[0] for row in rows] for code, rows in by_currency.items()}
    found = []
    for day, _, id, txn in sorted(ones, key=lambda row: row[1:3]):
        if id not in free_ones or txn.currency not in days:
            continue
        first = bisect_left(days[txn.currency], day - policy.window_days)
        last = bisect_right(days[txn.currency], day + policy.window_days)
        near = by_currency[txn.currency][first:last]
        near = [row for row in near if row[2] in free]
        members = _best_group(txn.amount, day, near, policy.max_group)
        if members:
            found.append((id, members))
            free_ones.remove(id)
            free.difference_update(members)
    return found


def _best_group(amount: int, day: int, near: list[Dated], most: int) -> tuple[str, ...]:
    """Return the ids of the best rows that add up to the amount, or none."""
    rows = [(row[3].amount, abs(row[0] - day), row[2]) for row in near]
    last: dict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        last[row[0]].append(place)
    for size in range(2, min(most, len(rows)) + 1):
        best: tuple[int, tuple[str, ...]] | None = None
        for some in combinations(range(len(rows)), size - 1):
            lacking = amount - sum([rows[place][0] for place in some])
            for place in last.get(lacking, ()):
                if place > some[-1]:
                    members = [rows[place], *[rows[each] for each in some]]
                    distance = sum(row[1] for row in members)
                    fit = distance, tuple(sorted(row[2] for row in members))
                    best = fit if best is None else min(best, fit)
        if best is not None:
            return best[1]
    return ()
