"""The shortest right answer that still is O(log rules) for each tax."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction as F
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Line:
    """One line of a sale, or of a return if `qty` is negative."""

    id: str
    invoice: str
    day: date
    unit_price: int
    qty: int
    category: str
    jurisdictions: tuple[str, ...]
    original_day: date | None = None


@dataclass(frozen=True)
class Rule:
    """Say what a jurisdiction takes from `start` to `end`, both days included."""

    id: str
    jurisdiction: str
    rate: Decimal
    start: date
    end: date | None
    category: str | None = None
    kind: str = "rate"
    limit: int | None = None


@dataclass(frozen=True)
class Rejected:
    """Stand for a line of the stream that could not be read."""

    number: int
    reason: str


NEEDED = {
    "id": str,
    "invoice": str,
    "day": str,
    "unit_price": int,
    "qty": int,
    "category": str,
    "jurisdictions": list,
}


def read_lines(stream: Iterable[str]) -> Iterator[Line | Rejected]:
    for n, text in enumerate(stream, 1):
        text = text.removeprefix("\ufeff") if n == 1 else text
        if text.strip():
            try:
                yield parsed(**json.loads(text))
            except (AttributeError, RecursionError, TypeError, ValueError) as error:
                yield Rejected(n, str(error))


def parsed(original_day: Any = None, **given: Any) -> Line:
    if {k: type(v) for k, v in given.items()} != NEEDED or given["unit_price"] < 0:
        raise ValueError(f"not a line: {given}")
    if any(type(name) is not str for name in given["jurisdictions"]):
        raise ValueError(f"not texts: {given}")
    given["jurisdictions"] = tuple(given["jurisdictions"])
    given["day"] = to_day(given["day"])
    return Line(
        **given, original_day=None if original_day is None else to_day(original_day)
    )


def to_day(text: str) -> date:
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text, re.ASCII)
    return date(*map(int, found.groups()))  # type: ignore[union-attr]


LIMITED = ("exempt_below", "exempt_up_to", "cap")


class Finder:
    def __init__(self, rules: Sequence[Rule]) -> None:
        groups: dict[Any, list[Rule]] = defaultdict(list)
        ids = set()
        for r in rules:
            if (
                r.id in ids
                or r.rate < 0
                or (r.end and r.end < r.start)
                or r.kind not in ("rate", *LIMITED)
                or (r.kind in LIMITED and not (r.limit is not None and r.limit >= 0))
            ):
                raise ValueError(f"no good: {r!r}")
            ids.add(r.id)
            groups[r.jurisdiction, r.category].append(r)
        self.tables = {key: table(group) for key, group in groups.items()}

    def best(self, line: Line, place: str) -> list[Rule]:
        for key in ((place, line.category), (place, None)):
            days, lists = self.tables.get(key, ((), ([],)))
            if found := lists[bisect(days, taxed_on(line).toordinal())]:
                return found
        return []


def table(rules: list[Rule]) -> tuple[list[int], list[list[Rule]]]:
    rules = sorted(rules, key=lambda r: (r.start, r.id), reverse=True)
    on, off = defaultdict(list), defaultdict(list)
    for r in rules:
        on[r.start.toordinal()].append(r)
        off[r.end.toordinal() + 1 if r.end else 10**9].append(r)
    days = sorted(on.keys() | off.keys())
    lists: list[list[Rule]] = [[]]
    for day in days:
        stay = [r for r in lists[-1] if r not in off[day]]
        lists.append(on[day] + stay)
    return days, lists


def taxed_on(line: Line) -> date:
    return line.original_day if line.qty < 0 and line.original_day else line.day


def exact(line: Line, rule: Rule) -> F:
    price, limit = line.unit_price, rule.limit or 0
    if rule.kind in LIMITED:
        price = (
            price if price >= limit else 0,
            max(price - limit, 0),
            min(price, limit),
        )[LIMITED.index(rule.kind)]
    return price * line.qty * ratio(rule.rate)


@lru_cache
def ratio(rate: Decimal) -> F:
    return F(rate)


def rounded(x: F) -> int:
    return int(abs(x) + F(1, 2)) * (1 if x > 0 else -1)


def shares(parts: dict[str, F]) -> dict[str, int]:
    total = sum(parts.values(), F(0))
    sign = -1 if total < 0 else 1
    low = {k: sign * v // 1 for k, v in parts.items()}
    lucky = sorted(parts, key=lambda k: (low[k] - sign * parts[k], k))
    lucky = lucky[: rounded(abs(total)) - sum(low.values())]
    return {k: sign * (v + (k in lucky)) for k, v in low.items()}


def totals(
    lines: Iterable[Line], rules: Sequence[Rule], *, rounding: str = "line"
) -> dict[str, int]:
    return total_of(lines, Finder(rules), rounding)


def total_of(lines: Iterable[Line], finder: Finder, rounding: str) -> dict[str, int]:
    if rounding not in ("line", "invoice"):
        raise ValueError(f"rounding by {rounding}")
    result: dict[str, int] = defaultdict(int)
    bills: dict[str, dict[str, F]] = defaultdict(lambda: defaultdict(F))
    for line in lines:
        for place in {*line.jurisdictions}:
            if best := finder.best(line, place):
                tax = exact(line, best[0])
                if rounding == "line":
                    result[place] += rounded(tax)
                else:
                    bills[line.invoice][place] += tax
    for parts in bills.values():
        for place, share in shares(parts).items():
            result[place] += share
    return dict(result)


class Aggregator:
    def __init__(self, rules: Sequence[Rule], *, rounding: str = "line") -> None:
        self.finder, self.rounding = Finder(rules), rounding
        total_of([], self.finder, rounding)
        self.rules = {r.id: r for r in rules}
        self.held: dict[str, list[Line | None]] = {}

    def add(self, line: Line) -> None:
        slot = self.held.setdefault(line.id, [None, None])
        slot[0] = slot[0] or line

    def correct(self, line: Line) -> None:
        self.held.setdefault(line.id, [None, None])[1] = line

    def merge(self, other: Aggregator) -> None:
        if (self.rules, self.rounding) != (other.rules, other.rounding):
            raise ValueError("not the same")
        for added, corrected in [*other.held.values()]:
            if added:
                self.add(added)
            if corrected:
                self.correct(corrected)

    def lines(self) -> list[Line]:
        return [corrected or added for added, corrected in self.held.values()]  # type: ignore[misc]

    def totals(self) -> dict[str, int]:
        return total_of(self.lines(), self.finder, self.rounding)

    def conflicts(self) -> list[tuple[str, date, str, str]]:
        return sorted(
            {
                (place, taxed_on(line), best[0].id, other.id)
                for line in self.lines()
                for place in line.jurisdictions
                for best in [self.finder.best(line, place)]
                for other in best[1:]
            }
        )
