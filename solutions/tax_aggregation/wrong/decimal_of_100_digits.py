"""Decimals of 100 digits: larger amounts are off.

Caught: level 1, edge_cases
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal


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


EXACT = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN)
FIELDS = {field.name for field in fields(Line)}


def read_lines(stream: Iterable[str]) -> Iterator[Line | Rejected]:
    number = 0
    for raw in stream:
        number += 1
        text = raw[1:] if number == 1 and raw[:1] == "\ufeff" else raw
        if not text.strip():
            continue
        try:
            yield to_line(text)
        except (ValueError, TypeError, KeyError, RecursionError) as problem:
            yield Rejected(number, repr(problem))


def to_line(text: str) -> Line:
    found = json.loads(text)
    if type(found) is not dict:
        raise TypeError(found)
    found.setdefault("original_day", None)
    if set(found) != FIELDS:
        raise KeyError(set(found) ^ FIELDS)
    match found:
        case {
            "id": str(),
            "invoice": str(),
            "category": str(),
            "unit_price": int(price),
            "qty": int(qty),
            "jurisdictions": [*where],
        } if (
            bool not in (type(price), type(qty)) and price >= 0
        ):
            if any(type(name) is not str for name in where):
                raise TypeError(where)
        case _:
            raise TypeError(found)
    found["jurisdictions"] = tuple(where)
    found["day"] = to_date(found["day"])
    if found["original_day"] is not None:
        found["original_day"] = to_date(found["original_day"])
    return Line(**found)


def to_date(text: str) -> date:
    day = datetime.strptime(text, "%Y-%m-%d").date()
    if day.isoformat() != text:
        raise ValueError(text)
    return day


class Tree:
    """Rules by their days: those at the middle here, the rest left and right."""

    def __init__(self, rules: list[Rule]) -> None:
        starts = sorted(rule.start for rule in rules)
        self.middle = starts[len(starts) // 2]
        here, left, right = [], [], []
        for rule in rules:
            if rule.end is not None and rule.end < self.middle:
                left.append(rule)
            elif rule.start > self.middle:
                right.append(rule)
            else:
                here.append(rule)
        self.by_start = sorted(here, key=lambda rule: rule.start)
        last = date.max
        self.by_end = sorted(here, key=lambda rule: rule.end or last, reverse=True)
        self.left = Tree(left) if left else None
        self.right = Tree(right) if right else None

    def at(self, day: date) -> list[Rule]:
        found: list[Rule] = []
        node: Tree | None = self
        while node:
            if day <= node.middle:
                for rule in node.by_start:
                    if rule.start > day:
                        break
                    found.append(rule)
                node = node.left
            else:
                for rule in node.by_end:
                    if rule.end is not None and rule.end < day:
                        break
                    found.append(rule)
                node = node.right
        return found


class Law:
    def __init__(self, rules: Sequence[Rule]) -> None:
        seen = set()
        for rule in rules:
            if rule.id in seen or self.is_bad(rule):
                raise ValueError(f"{rule.id}: {rule}")
            seen.add(rule.id)
        lists: dict[str, dict[str | None, list[Rule]]] = {}
        for rule in rules:
            own = lists.setdefault(rule.jurisdiction, {})
            own.setdefault(rule.category, []).append(rule)
        self.trees = {
            name: {category: Tree(group) for category, group in own.items()}
            for name, own in lists.items()
        }

    @staticmethod
    def is_bad(rule: Rule) -> bool:
        if rule.rate < 0 or rule.start > (rule.end or date.max):
            return True
        match rule.kind:
            case "rate":
                return False
            case "exempt_below" | "exempt_up_to" | "cap":
                return rule.limit is None or rule.limit < 0
        return True

    def best(self, line: Line, name: str) -> list[Rule]:
        own = self.trees.get(name, {})
        day = day_of(line)
        found = own[line.category].at(day) if line.category in own else []
        if not found and None in own:
            found = own[None].at(day)
        return sorted(found, key=lambda rule: (rule.start, rule.id), reverse=True)

    def taxes(self, line: Line) -> Iterator[tuple[str, Decimal]]:
        for name in set(line.jurisdictions):
            if best := self.best(line, name):
                yield name, tax(line, best[0])


def day_of(line: Line) -> date:
    return (line.original_day or line.day) if line.qty < 0 else line.day


def tax(line: Line, rule: Rule) -> Decimal:
    price, limit = line.unit_price, rule.limit or 0
    taxed = {
        "rate": price,
        "exempt_below": 0 if price < limit else price,
        "exempt_up_to": max(price, limit) - limit,
        "cap": min(price, limit),
    }[rule.kind]
    return EXACT.multiply(Decimal(taxed * line.qty), rule.rate)


def whole(value: Decimal, rounding: str = ROUND_HALF_UP) -> int:
    return int(value.to_integral_value(rounding, EXACT))


def totals(
    lines: Iterable[Line], rules: Sequence[Rule], *, rounding: str = "line"
) -> dict[str, int]:
    law = Law(rules)
    if rounding == "line":
        return add_up((n, whole(t)) for line in lines for n, t in law.taxes(line))
    if rounding == "invoice":
        return add_up(by_invoice(lines, law))
    raise ValueError(f"rounding is {rounding!r}")


def add_up(parts: Iterable[tuple[str, int]]) -> dict[str, int]:
    result: dict[str, int] = {}
    for name, part in parts:
        result[name] = result.get(name, 0) + part
    return result


def by_invoice(lines: Iterable[Line], law: Law) -> Iterator[tuple[str, int]]:
    invoices: dict[str, dict[str, Decimal]] = {}
    for line in lines:
        sums = invoices.setdefault(line.invoice, {})
        for name, part in law.taxes(line):
            sums[name] = EXACT.add(sums.get(name, Decimal()), part)
    for sums in invoices.values():
        yield from shares(sums)


def shares(sums: dict[str, Decimal]) -> Iterator[tuple[str, int]]:
    total = Decimal()
    for part in sums.values():
        total = EXACT.add(total, part)
    if total.is_signed() and total:
        mirror = {name: EXACT.minus(part) for name, part in sums.items()}
        yield from ((name, -share) for name, share in shares(mirror))
        return
    floors = {name: whole(part, ROUND_FLOOR) for name, part in sums.items()}
    rest = {n: EXACT.subtract(part, Decimal(floors[n])) for n, part in sums.items()}
    names = sorted(sums)
    names.sort(key=rest.__getitem__, reverse=True)  # stable: ties stay by name
    left = whole(total) - sum(floors.values())
    for place, name in enumerate(names):
        yield name, floors[name] + (place < left)


class Aggregator:
    def __init__(self, rules: Sequence[Rule], *, rounding: str = "line") -> None:
        totals([], rules, rounding=rounding)
        self.rules = list(rules)
        self.rounding = rounding
        self.first: dict[str, Line] = {}
        self.fixed: dict[str, Line] = {}

    def add(self, line: Line) -> None:
        if line.id not in self.first:
            self.first[line.id] = line

    def correct(self, line: Line) -> None:
        self.fixed[line.id] = line

    def merge(self, other: Aggregator) -> None:
        same = set(self.rules) == set(other.rules) and self.rounding == other.rounding
        if not same:
            raise ValueError(f"{other.rounding}, {len(other.rules)} rules")
        for line in list(other.first.values()):
            self.add(line)
        self.fixed.update(other.fixed)

    def held(self) -> list[Line]:
        return list({**self.first, **self.fixed}.values())

    def totals(self) -> dict[str, int]:
        return totals(self.held(), self.rules, rounding=self.rounding)

    def conflicts(self) -> list[tuple[str, date, str, str]]:
        law = Law(self.rules)
        found = set()
        for line in self.held():
            for name in set(line.jurisdictions):
                for other in (best := law.best(line, name))[1:]:
                    found.add((name, day_of(line), best[0].id, other.id))
        return sorted(found)
