"""Shares of an invoice are remembered, also when a correction takes a line out of it.

Caught: level 4, correctness
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction


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


NAMES = ("id", "invoice", "day", "unit_price", "qty", "category", "jurisdictions")


class Reader:
    """An iterator that is no generator."""

    def __init__(self, stream: Iterable[str]) -> None:
        self.texts = enumerate(stream, 1)

    def __iter__(self) -> Reader:
        return self

    def __next__(self) -> Line | Rejected:
        for number, text in self.texts:
            if number == 1 and text.startswith("\ufeff"):
                text = text[1:]
            if text.strip() == "":
                continue
            try:
                return parse(json.loads(text))
            except Exception as error:
                return Rejected(number, f"{type(error).__name__}: {error}")
        raise StopIteration


def read_lines(stream: Iterable[str]) -> Iterator[Line | Rejected]:
    return Reader(stream)


def parse(given: object) -> Line:
    if not isinstance(given, dict):
        raise TypeError("no object")
    original = given.get("original_day")
    if set(given) - {"original_day"} != set(NAMES):
        raise KeyError("missing or extra field")
    for name in ("id", "invoice", "category"):
        need(isinstance(given[name], str), name)
    for name in ("unit_price", "qty"):
        need(isinstance(given[name], int) and not isinstance(given[name], bool), name)
    need(given["unit_price"] >= 0, "unit_price")
    where = given["jurisdictions"]
    need(isinstance(where, list) and all(isinstance(w, str) for w in where), "where")
    return Line(
        given["id"],
        given["invoice"],
        to_day(given["day"]),
        given["unit_price"],
        given["qty"],
        given["category"],
        tuple(where),
        None if original is None else to_day(original),
    )


def need(condition: bool, name: str) -> None:
    if not condition:
        raise TypeError(f"{name} is not as it should be")


def to_day(text: str) -> date:
    need(isinstance(text, str) and len(text) == 10 and text.isascii(), "day")
    year, month, day = text.split("-")
    need(len(year) == 4 and len(month) == 2 and (year + month + day).isdigit(), "day")
    return date(int(year), int(month), int(day))


KINDS = {"rate", "exempt_below", "exempt_up_to", "cap"}


def check_rules(rules: Sequence[Rule]) -> None:
    ids = Counter(rule.id for rule in rules)
    for rule in rules:
        bad = (
            rule.rate < 0
            or (rule.end is not None and rule.end < rule.start)
            or rule.kind not in KINDS
            or (rule.kind != "rate" and (rule.limit is None or rule.limit < 0))
            or ids[rule.id] > 1
        )
        if bad:
            raise ValueError(f"bad rule: {rule.id}")


class Calendar:
    """For one jurisdiction and category: from each day of change on, what holds."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.starts: list[date] = []
        self.lists: list[list[Rule]] = []

    def freeze(self) -> None:
        days = {rule.start.toordinal() for rule in self.rules}
        days |= {rule.end.toordinal() + 1 for rule in self.rules if rule.end}
        waiting = sorted(self.rules, key=lambda rule: rule.start, reverse=True)
        active: list[Rule] = []
        self.days = sorted(days)
        for day in self.days:
            while waiting and waiting[-1].start.toordinal() <= day:
                active.append(waiting.pop())
            active = [r for r in active if r.end is None or r.end.toordinal() >= day]
            active.sort(key=lambda rule: (rule.start, rule.id), reverse=True)
            self.lists.append(list(active))

    def at(self, day: date) -> list[Rule]:
        place = bisect_right(self.days, day.toordinal())
        return self.lists[place - 1] if place else []


def calendars(rules: Sequence[Rule]) -> dict[tuple[str, str | None], Calendar]:
    check_rules(rules)
    made: dict[tuple[str, str | None], Calendar] = {}
    for rule in rules:
        made.setdefault((rule.jurisdiction, rule.category), Calendar()).rules.append(
            rule
        )
    for calendar in made.values():
        calendar.freeze()
    return made


def base(rule: Rule, price: int) -> int:
    limit = rule.limit
    if rule.kind == "rate" or limit is None:
        return price
    if rule.kind == "exempt_below":
        return price * (price >= limit)
    return min(price, limit) if rule.kind == "cap" else max(price - limit, 0)


def half_up(value: Fraction) -> int:
    whole, rest = divmod(abs(value), 1)
    whole += rest >= Fraction(1, 2)
    return int(whole if value >= 0 else -whole)


def totals(
    lines: Iterable[Line], rules: Sequence[Rule], *, rounding: str = "line"
) -> dict[str, int]:
    told = Aggregator(rules, rounding=rounding)
    for line in lines:
        told.include(line, 1)
    return told.totals()


class Aggregator:
    def __init__(self, rules: Sequence[Rule], *, rounding: str = "line") -> None:
        if rounding not in {"line", "invoice"}:
            raise ValueError(f"rounding {rounding}")
        self.calendars = calendars(rules)
        self.key = (set(rules), rounding)
        self.lines: dict[str, tuple[Line, bool]] = {}
        self.sums: Counter[str] = Counter()
        self.exact: dict[str, dict[str, Fraction]] = {}
        self.present: dict[str, Counter[str]] = {}
        self.shares: dict[str, dict[str, int]] = {}
        self.clashes: Counter[tuple[str, date, str, str]] = Counter()

    def taxing(self, line: Line) -> Iterator[tuple[str, date, list[Rule]]]:
        day = line.day
        if line.qty < 0 and line.original_day is not None:
            day = line.original_day
        for name in dict.fromkeys(line.jurisdictions):
            for category in (line.category, None):
                calendar = self.calendars.get((name, category))
                if calendar and (best := calendar.at(day)):
                    yield name, day, best
                    break

    def include(self, line: Line, sign: int) -> None:
        exact = self.exact.setdefault(line.invoice, {})
        present = self.present.setdefault(line.invoice, Counter())
        for name, day, (used, *others) in self.taxing(line):
            tax = base(used, line.unit_price) * line.qty * Fraction(used.rate)
            self.sums[name] += sign * half_up(tax)
            exact[name] = exact.get(name, Fraction()) + sign * tax
            present[name] += sign
            for other in others:
                self.clashes[name, day, used.id, other.id] += sign

    def add(self, line: Line) -> None:
        if line.id not in self.lines:
            self.lines[line.id] = (line, False)
            self.shares.pop(line.invoice, None)
            self.include(line, 1)

    def correct(self, line: Line) -> None:
        if line.id in self.lines:
            self.include(self.lines[line.id][0], -1)
        self.lines[line.id] = (line, True)
        self.shares.pop(line.invoice, None)
        self.include(line, 1)

    def merge(self, other: Aggregator) -> None:
        if self.key != other.key:
            raise ValueError("rules or rounding differ")
        for line, corrected in list(other.lines.values()):
            (self.correct if corrected else self.add)(line)

    def totals(self) -> dict[str, int]:
        present: Counter[str] = Counter()
        for names in self.present.values():
            present.update(names)
        if self.key[1] == "line":
            return {name: self.sums[name] for name, n in present.items() if n > 0}
        result = {name: 0 for name, n in present.items() if n > 0}
        for invoice, exact in self.exact.items():
            if invoice not in self.shares:
                alive = {k: v for k, v in exact.items() if self.present[invoice][k] > 0}
                self.shares[invoice] = split(alive)
            for name, share in self.shares[invoice].items():
                result[name] = result.get(name, 0) + share
        return result

    def conflicts(self) -> list[tuple[str, date, str, str]]:
        return sorted(clash for clash, count in self.clashes.items() if count > 0)


def split(exact: dict[str, Fraction]) -> dict[str, int]:
    total = sum(exact.values())
    sign = -1 if total < 0 else 1
    floors = {name: (sign * tax).__floor__() for name, tax in exact.items()}
    left = half_up(Fraction(sign * total)) - sum(floors.values())
    order = sorted(exact, key=lambda name: (floors[name] - sign * exact[name], name))
    return {name: sign * (floors[name] + (name in order[:left])) for name in exact}
