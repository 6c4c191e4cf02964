"""The later rows are decided first; sums are looked up in a table of all sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
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


DIGITS = frozenset("0123456789")
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def wrong(row: Mapping[str, Any], id_key: str, key: str) -> ValueError:
    return ValueError(f"row {row.get(id_key)!r} has a bad {key!r}: {row.get(key)!r}")


def read_text(row: Mapping[str, Any], id_key: str, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise wrong(row, id_key, key)
    return value


def read_int(row: Mapping[str, Any], id_key: str, key: str) -> int:
    value = row.get(key)
    if type(value) is not int:
        raise wrong(row, id_key, key)
    return value


def read_id(row: Mapping[str, Any], id_key: str) -> str:
    value = read_text(row, id_key, id_key)
    if not value:
        raise wrong(row, id_key, id_key)
    return value


def read_ref(row: Mapping[str, Any], id_key: str, key: str) -> str | None:
    if key in row and row[key] is None:
        return None
    return read_text(row, id_key, key) or None


def read_code(row: Mapping[str, Any], id_key: str, key: str) -> str:
    code = read_text(row, id_key, key)
    if len(code) != 3 or not LETTERS.issuperset(code):
        raise wrong(row, id_key, key)
    return code.upper()


def read_kind(row: Mapping[str, Any], id_key: str, key: str) -> str:
    kind = read_text(row, id_key, key)
    if kind not in {"charge", "refund", "fee", "payout"}:
        raise wrong(row, id_key, key)
    return kind


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor."""
    seconds = read_int(row, "id", "created")
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(0, seconds)
    except OverflowError:
        raise wrong(row, "id", "created") from None
    return Txn(
        "a",
        read_id(row, "id"),
        read_ref(row, "id", "ref"),
        read_int(row, "id", "amount"),
        read_code(row, "id", "currency"),
        at,
        read_kind(row, "id", "type"),
    )


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger; `decimals` says how many a currency has."""
    code = read_code(row, "entry", "ccy")
    if code not in decimals:
        raise wrong(row, "entry", "ccy")
    return Txn(
        "b",
        read_id(row, "entry"),
        read_ref(row, "entry", "reference"),
        read_value(row, decimals[code]),
        code,
        read_date(row),
        read_kind(row, "entry", "kind"),
    )


def read_value(row: Mapping[str, str], places: int) -> int:
    value = read_text(row, "entry", "value")
    parts = value.removeprefix("-").split(".")
    if len(parts) > 2 or not all(part and DIGITS.issuperset(part) for part in parts):
        raise wrong(row, "entry", "value")
    if len(parts) == 2 and len(parts[1]) > places:
        raise wrong(row, "entry", "value")
    units = Fraction(value) * 10**places
    return int(units)


def read_date(row: Mapping[str, str]) -> datetime:
    text = read_text(row, "entry", "date")
    try:
        if len(text) == 10 and text[4] + text[7] == "--" and text[5] != "W":
            day = datetime.strptime(text, "%Y-%m-%d")
            return day.replace(hour=12, tzinfo=UTC)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise wrong(row, "entry", "date") from None
    if at.utcoffset() is None:
        raise wrong(row, "entry", "date")
    return at


# Reconciling


class Line(NamedTuple):
    """A row in order of (instant, id), with its day."""

    micros: int
    id: str
    day: int
    txn: Txn


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report."""
    refuse(policy)
    kept_a, again_a = firsts("a", lines(a, policy.tz))
    kept_b, again_b = firsts("b", lines(b, policy.tz))
    pairs = ref_pairs(kept_a, kept_b)
    told = [(x.id, y.id, differences(x, y, policy)) for x, y in pairs]
    free = free_pairs(kept_a, kept_b, policy.window_days)
    used_a = {x.id for x, _ in pairs + free}
    used_b = {y.id for _, y in pairs + free}
    left_a = {line.id: line for line in kept_a if line.id not in used_a}
    left_b = {line.id: line for line in kept_b if line.id not in used_b}
    grouped = groups(left_a, left_b, policy)
    grouped += groups(left_b, left_a, policy)
    matched = [(x, y) for x, y, fields in told if not fields]
    matched += [(x.id, y.id) for x, y in free]
    return Report(
        matched=tuple(sorted(matched)),
        differing=tuple(sorted(one for one in told if one[2])),
        grouped=tuple(sorted(grouped)),
        duplicates=tuple(sorted(again_a + again_b)),
        only_a=tuple(sorted(left_a)),
        only_b=tuple(sorted(left_b)),
    )


def refuse(policy: Policy) -> None:
    if min(policy.window_days, policy.tolerance) < 0 or policy.max_group < 2:
        raise ValueError(f"not a policy: {policy!r}")


def lines(txns: Iterable[Txn], tz: str) -> list[Line]:
    try:
        zone = ZoneInfo(tz)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"no zone: {tz}") from error
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    found: dict[str, Line] = {}
    for txn in txns:
        if txn.at.utcoffset() is None:
            raise ValueError(f"naive time in {txn!r}")
        if txn.id in found:
            raise ValueError(f"twice: {txn!r}")
        micros = (txn.at - begin) // timedelta(microseconds=1)
        day = txn.at.astimezone(zone).date().toordinal()
        found[txn.id] = Line(micros, txn.id, day, txn)
    return sorted(found.values(), key=lambda line: line[:2])


def firsts(side: str, rows: list[Line]) -> tuple[list[Line], list[tuple[str, str]]]:
    """Return the rows that repeat none, and the repeats with what they repeat."""
    seen: dict[Any, str] = {}
    kept, again = [], []
    for line in rows:
        txn = line.txn
        key = (txn.ref, txn.amount, txn.currency, txn.kind)
        if txn.ref is None or seen.setdefault(key, line.id) == line.id:
            kept.append(line)
        else:
            again.append((f"{side}:{line.id}", f"{side}:{seen[key]}"))
    return kept, again


def ref_pairs(a: list[Line], b: list[Line]) -> list[tuple[Line, Line]]:
    """Number the rows of each reference, and pair those of the same number."""
    there = numbered(b)
    return [(line, there[key]) for key, line in numbered(a).items() if key in there]


def numbered(rows: list[Line]) -> dict[tuple[str, int], Line]:
    counts: dict[str, int] = {}
    found = {}
    for line in rows:
        ref = line.txn.ref
        if ref is not None:
            counts[ref] = counts.get(ref, 0) + 1
            found[ref, counts[ref]] = line
    return found


def differences(x: Line, y: Line, policy: Policy) -> tuple[str, ...]:
    return tuple(
        field
        for field, differs in (
            ("amount", abs(x.txn.amount - y.txn.amount) > policy.tolerance),
            ("currency", x.txn.currency != y.txn.currency),
            ("day", abs(x.day - y.day) > policy.window_days),
            ("kind", x.txn.kind != y.txn.kind),
        )
        if differs
    )


def free_pairs(a: list[Line], b: list[Line], window: int) -> list[tuple[Line, Line]]:
    """Sort all rows without a reference into buckets, and match within each."""

    def bucket(each: tuple[Line, int]) -> Any:
        txn = each[0].txn
        return txn.amount, txn.currency, txn.kind

    both = [(line, 0) for line in a] + [(line, 1) for line in b]
    free = [each for each in both if each[0].txn.ref is None]
    found = []
    for _, rows in groupby(sorted(free, key=bucket), bucket):
        sides: tuple[list[Line], list[Line]] = [], []
        for line, side in rows:
            sides[side].append(line)
        for part_a, part_b in parts(*sides, window):
            found += best_pairs(part_a, part_b, window)
    return found


def parts(
    a: list[Line], b: list[Line], window: int
) -> Iterable[tuple[list[Line], list[Line]]]:
    """Split a bucket where no row of either side is within the window of the next."""
    both = sorted(
        [(line.day, 0, line) for line in a] + [(line.day, 1, line) for line in b]
    )
    part: tuple[list[Line], list[Line]] = [], []
    before = None
    for day, side, line in both:
        if before is not None and day - before > window:
            yield part
            part = [], []
        part[side].append(line)
        before = day
    yield part


def best_pairs(a: list[Line], b: list[Line], window: int) -> list[tuple[Line, Line]]:
    """Match what remains from place i and j on, the last rows first."""
    prize = (window + 1) * (len(a) + len(b) + 1)
    after = [0] * (len(b) + 1)
    choices = []
    for x in reversed(a):
        now, choice = after[:], [0] * len(b)
        for j in range(len(b) - 1, -1, -1):
            gap = abs(x.day - b[j].day)
            if now[j] < now[j + 1]:
                now[j], choice[j] = now[j + 1], 1
            if gap <= window and after[j + 1] + prize - gap >= now[j]:
                now[j], choice[j] = after[j + 1] + prize - gap, 2
        choices.append(choice)
        after = now
    pairs, j = [], 0
    for x, choice in zip(a, reversed(choices), strict=True):
        while j < len(b) and choice[j] == 1:
            j += 1
        if j < len(b) and choice[j] == 2:
            pairs.append((x, b[j]))
            j += 1
    return pairs


Sums = dict[int, tuple[int, tuple[str, ...]]]
"""By total: the least distance, and the smallest ids that have it."""


def groups(
    ones: dict[str, Line], others: dict[str, Line], policy: Policy
) -> list[tuple[str, tuple[str, ...]]]:
    """Form groups; take their rows out of both."""
    by_day: dict[tuple[str, int], list[Line]] = {}
    for line in others.values():
        by_day.setdefault((line.txn.currency, line.day), []).append(line)
    days = sorted({day for _, day in by_day})
    found = []
    for one in list(ones.values()):
        near = []
        for day in around(days, one.day, policy.window_days):
            near += by_day.get((one.txn.currency, day), [])
        near = sorted((line for line in near if line.id in others), key=lambda r: r.id)
        members = group(one, near, policy.max_group)
        if members:
            found.append((one.id, members))
            del ones[one.id]
            for id in members:
                del others[id]
    return found


def around(days: list[int], day: int, window: int) -> Iterable[int]:
    if window < 1000:
        return range(day - window, day + window + 1)
    return [other for other in days if abs(other - day) <= window]


def group(one: Line, near: list[Line], most: int) -> tuple[str, ...]:
    """Return the best group, from a table of all sums of 1, 2, 3.. rows.

    Rows are added in order of id, so that ids stay sorted and comparable.
    """
    most = min(most, len(near))
    if most < 2:
        return ()
    table: list[Sums] = [{0: (0, ())}, *({} for _ in range(most))]
    for line in near:
        distance = abs(line.day - one.day)
        for size in range(most, 0, -1):
            sums = table[size]
            for total, (before, ids) in table[size - 1].items():
                entry = before + distance, (*ids, line.id)
                with_it = total + line.txn.amount
                if with_it not in sums or entry < sums[with_it]:
                    sums[with_it] = entry
    for size in range(2, most + 1):
        if one.txn.amount in table[size]:
            return table[size][one.txn.amount][1]
    return ()
