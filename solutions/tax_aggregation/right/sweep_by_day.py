"""Lines are sorted by day and the rules swept along; nothing is looked up twice."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from math import floor
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


FORM = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
SHAPE: dict[str, Any] = {
    "id": lambda v: type(v) is str,
    "invoice": lambda v: type(v) is str,
    "day": lambda v: is_day(v),
    "unit_price": lambda v: type(v) is int and v >= 0,
    "qty": lambda v: type(v) is int,
    "category": lambda v: type(v) is str,
    "jurisdictions": lambda v: type(v) is list and all(type(n) is str for n in v),
    "original_day": lambda v: v is None or is_day(v),
}


def is_day(value: object) -> bool:
    if not isinstance(value, str) or not FORM.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def problem(found: Any) -> str:
    if not isinstance(found, dict):
        return "not an object"
    missing = SHAPE.keys() - found.keys() - {"original_day"}
    extra = found.keys() - SHAPE.keys()
    if missing or extra:
        return f"missing {missing}, extra {extra}"
    wrong = [name for name, value in found.items() if not SHAPE[name](value)]
    return f"wrong: {wrong}" if wrong else ""


def read_lines(stream: Iterable[str]) -> Iterator[Line | Rejected]:
    for number, text in enumerate(stream, 1):
        stripped = (text.removeprefix("\ufeff") if number == 1 else text).strip(
            " \t\r\n"
        )
        if stripped:
            try:
                found = json.loads(stripped)
            except (ValueError, RecursionError) as error:
                yield Rejected(number, f"no JSON: {error}")
                continue
            reason = problem(found)
            yield Rejected(number, reason) if reason else line_of(found)


def line_of(found: dict[str, Any]) -> Line:
    original = found.get("original_day")
    return Line(
        id=found["id"],
        invoice=found["invoice"],
        day=date.fromisoformat(found["day"]),
        unit_price=found["unit_price"],
        qty=found["qty"],
        category=found["category"],
        jurisdictions=tuple(found["jurisdictions"]),
        original_day=date.fromisoformat(original) if original else None,
    )


def validate(rules: Sequence[Rule]) -> None:
    before: Rule | None = None
    for rule in sorted(rules, key=lambda rule: rule.id):
        if before and rule.id == before.id:
            raise ValueError(f"two rules are called {rule.id}")
        before = rule
        if rule.rate < 0 or (rule.end or rule.start) < rule.start:
            raise ValueError(f"{rule.id} has rate {rule.rate}, end {rule.end}")
        if rule.kind == "rate":
            continue
        if rule.kind not in ("exempt_below", "exempt_up_to", "cap"):
            raise ValueError(f"{rule.id} is of kind {rule.kind}")
        if rule.limit is None or rule.limit < 0:
            raise ValueError(f"{rule.id} has limit {rule.limit}")


def effective(line: Line) -> date:
    if line.qty >= 0 or line.original_day is None:
        return line.day
    return line.original_day


Match = tuple[Line, str, list[Rule]]


def matches(lines: Iterable[Line], rules: Sequence[Rule]) -> Iterator[Match]:
    """Go through the days in order, with the rules in force on each."""
    coming = sorted(rules, key=lambda rule: (rule.start, rule.id), reverse=True)
    force: dict[tuple[str, str | None], list[Rule]] = defaultdict(list)
    for day, group in groupby(sorted(lines, key=effective), key=effective):
        while coming and coming[-1].start <= day:
            rule = coming.pop()
            own = force[rule.jurisdiction, rule.category]
            own[:] = [r for r in own if r.end is None or r.end >= rule.start]
            own.append(rule)
        for line in group:
            for name in set(line.jurisdictions):
                best = alive(force, (name, line.category), day)
                best = best or alive(force, (name, None), day)
                if best:
                    yield line, name, best


def alive(force: Any, key: tuple[str, str | None], day: date) -> list[Rule]:
    return [r for r in reversed(force.get(key, ())) if r.end is None or day <= r.end]


def amount(line: Line, rule: Rule) -> Fraction:
    price = line.unit_price
    if rule.kind == "exempt_below" and price < (rule.limit or 0):
        price = 0
    if rule.kind == "exempt_up_to":
        price = max(0, price - (rule.limit or 0))
    if rule.kind == "cap":
        price = min(price, rule.limit or 0)
    return Fraction(rule.rate) * (price * line.qty)


def nearest(value: Fraction) -> int:
    return floor(value + Fraction(1, 2)) if value >= 0 else -nearest(-value)


def totals(
    lines: Iterable[Line], rules: Sequence[Rule], *, rounding: str = "line"
) -> dict[str, int]:
    if rounding != "line" and rounding != "invoice":
        raise ValueError(f"unknown rounding {rounding}")
    validate(rules)
    result: dict[str, int] = defaultdict(int)
    if rounding == "line":
        for line, name, best in matches(lines, rules):
            result[name] += nearest(amount(line, best[0]))
        return dict(result)
    bills: dict[str, dict[str, Fraction]] = defaultdict(dict)
    for line, name, best in matches(lines, rules):
        bill = bills[line.invoice]
        bill[name] = bill.get(name, Fraction(0)) + amount(line, best[0])
    for bill in bills.values():
        for name, share in allot(bill):
            result[name] += share
    return dict(result)


def allot(bill: dict[str, Fraction]) -> list[tuple[str, int]]:
    total = sum(bill.values(), Fraction(0))
    if total < 0:
        return [(name, -n) for name, n in allot({k: -v for k, v in bill.items()})]
    ranked = sorted((floor(tax) - tax, name, floor(tax)) for name, tax in bill.items())
    left = nearest(total) - sum(low for *_, low in ranked)
    return [(name, low + (n < left)) for n, (_, name, low) in enumerate(ranked)]


class Aggregator:
    def __init__(self, rules: Sequence[Rule], *, rounding: str = "line") -> None:
        totals((), rules, rounding=rounding)
        self._rules = tuple(rules)
        self._rounding = rounding
        self._lines: dict[str, Line] = {}
        self._final: dict[str, None] = {}

    def add(self, line: Line) -> None:
        if line.id in self._lines:
            return
        self._lines[line.id] = line

    def correct(self, line: Line) -> None:
        self._final[line.id] = None
        self._lines[line.id] = line

    def merge(self, other: Aggregator) -> None:
        if frozenset(other._rules) != frozenset(self._rules):
            raise ValueError("other rules")
        if other._rounding != self._rounding:
            raise ValueError(f"rounding {other._rounding}")
        news = {k: v for k, v in other._lines.items() if k in other._final}
        self._lines = {**other._lines, **self._lines, **news}
        self._final.update(other._final)

    def totals(self) -> dict[str, int]:
        return totals(self._lines.values(), self._rules, rounding=self._rounding)

    def conflicts(self) -> list[tuple[str, date, str, str]]:
        found = {
            (name, effective(line), best[0].id, other.id)
            for line, name, best in matches(self._lines.values(), self._rules)
            for other in best[1:]
        }
        return sorted(found)
