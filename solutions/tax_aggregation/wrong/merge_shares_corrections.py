"""A merge shares the other's set of corrected ids if there is none here yet.

Caught: level 4, correctness
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

ROUNDINGS = ("line", "invoice")
LIMITED = ("exempt_below", "exempt_up_to", "cap")
FIELDS: dict[str, type] = {
    "id": str,
    "invoice": str,
    "day": str,
    "unit_price": int,
    "qty": int,
    "category": str,
    "jurisdictions": list,
}


@dataclass(frozen=True)
class Line:
    """One line of a sale, or of a return if `qty` is negative."""

    id: str
    invoice: str
    day: date
    unit_price: int  # minor units
    qty: int
    category: str
    jurisdictions: tuple[str, ...]
    original_day: date | None = None  # of the sale that a return reverses


@dataclass(frozen=True)
class Rule:
    """Say what a jurisdiction takes from `start` to `end`, both days included."""

    id: str
    jurisdiction: str
    rate: Decimal  # 0.0625 is 6.25 %
    start: date
    end: date | None  # None: open
    category: str | None = None  # None: every category
    kind: str = "rate"
    limit: int | None = None  # minor units per unit sold


@dataclass(frozen=True)
class Rejected:
    """Stand for a line of the stream that could not be read."""

    number: int  # counts from 1
    reason: str


# Reading


def read_lines(stream: Iterable[str]) -> Iterator[Line | Rejected]:
    """Yield a Line or a Rejected for each text that is not white space."""
    for number, text in enumerate(stream, start=1):
        if number == 1:
            text = text.removeprefix("\ufeff")
        if text.strip():
            yield _line_or_rejected(number, text)


def _line_or_rejected(number: int, text: str) -> Line | Rejected:
    try:
        return _line(json.loads(text))
    except (ValueError, RecursionError) as error:
        return Rejected(number, str(error))


def _line(fields: Any) -> Line:
    if not isinstance(fields, dict):
        raise ValueError(f"expected an object, got {fields!r}")
    original = fields.pop("original_day", None)
    if fields.keys() != FIELDS.keys():
        raise ValueError(f"missing or extra: {sorted(fields.keys() ^ FIELDS.keys())}")
    for name, kind in FIELDS.items():
        if type(fields[name]) is not kind:  # True is an instance of int
            raise ValueError(f"{name} must be {kind.__name__}, got {fields[name]!r}")
    if fields["unit_price"] < 0:
        raise ValueError(f"unit_price is negative: {fields['unit_price']}")
    if not all(isinstance(name, str) for name in fields["jurisdictions"]):
        raise ValueError(f"jurisdictions must be str, got {fields['jurisdictions']}")
    fields["day"] = _day(fields["day"])
    fields["jurisdictions"] = tuple(fields["jurisdictions"])
    return Line(**fields, original_day=None if original is None else _day(original))


def _day(text: Any) -> date:
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError(f"expected a date as YYYY-MM-DD, got {text!r}")
    return date.fromisoformat(text)


# Which rule


class RuleBook:
    """Find the rules in force for a jurisdiction and category on a day."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        _validate(rules)
        groups: dict[tuple[str, str | None], list[Rule]] = defaultdict(list)
        for rule in rules:
            groups[rule.jurisdiction, rule.category].append(rule)
        self._timelines = {key: Timeline(group) for key, group in groups.items()}

    def in_force(self, jurisdiction: str, line: Line) -> list[Rule]:
        """Return the rules of the highest standing, the one to use first."""
        day = taxed_day(line)
        special = self._on(day, jurisdiction, line.category)
        return special or self._on(day, jurisdiction, None)

    def matches(self, line: Line) -> Iterator[tuple[str, Rule, list[Rule]]]:
        """Yield each jurisdiction that taxes a line, the rule used and the others."""
        for jurisdiction in dict.fromkeys(line.jurisdictions):
            if rules := self.in_force(jurisdiction, line):
                yield jurisdiction, rules[0], rules[1:]

    def _on(self, day: date, jurisdiction: str, category: str | None) -> list[Rule]:
        timeline = self._timelines.get((jurisdiction, category))
        return timeline.on(day) if timeline else []


class Timeline:
    """Rules of equal standing, by the days on which one of them begins or ends."""

    def __init__(self, rules: list[Rule]) -> None:
        # ordinals, for there is no day after date.max
        changes: dict[int, set[Rule]] = defaultdict(set)
        for rule in rules:
            changes[rule.start.toordinal()].add(rule)
            if rule.end is not None:
                changes[rule.end.toordinal() + 1].add(rule)
        self._days = sorted(changes)
        self._in_force: list[list[Rule]] = [[]]
        active: set[Rule] = set()
        for day in self._days:
            active ^= changes[day]
            self._in_force.append(sorted(active, key=_standing, reverse=True))

    def on(self, day: date) -> list[Rule]:
        return self._in_force[bisect_right(self._days, day.toordinal())]


def _standing(rule: Rule) -> tuple[date, str]:
    return rule.start, rule.id


def taxed_day(line: Line) -> date:
    """Return the day whose rules tax a line: for a return that of its sale."""
    return line.original_day if line.qty < 0 and line.original_day else line.day


def _validate(rules: Sequence[Rule]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if problem := _problem(rule) or ("is there twice" if rule.id in seen else ""):
            raise ValueError(f"rule {rule.id!r} {problem}")
        seen.add(rule.id)


def _problem(rule: Rule) -> str:
    if rule.rate < 0:
        return f"has a negative rate: {rule.rate}"
    if rule.end is not None and rule.end < rule.start:
        return f"ends on {rule.end}, before it starts on {rule.start}"
    if rule.kind not in ("rate", *LIMITED):
        return f"is of an unknown kind: {rule.kind!r}"
    if rule.kind in LIMITED and (rule.limit is None or rule.limit < 0):
        return f"needs a limit of 0 or more, got {rule.limit}"
    return ""


# How much


def exact_tax(line: Line, rule: Rule) -> Fraction:
    numerator, denominator = rule.rate.as_integer_ratio()
    return Fraction(taxable(line.unit_price, rule) * line.qty * numerator, denominator)


def taxable(price: int, rule: Rule) -> int:
    """Return which part of a unit's price is taxed."""
    limit = rule.limit or 0
    match rule.kind:
        case "exempt_below":
            return price if price >= limit else 0
        case "exempt_up_to":
            return max(0, price - limit)
        case "cap":
            return min(price, limit)
    return price


def round_half_up(amount: Fraction) -> int:
    """Round to a whole number, halves away from zero."""
    size = (2 * abs(amount.numerator) + amount.denominator) // (2 * amount.denominator)
    return size if amount >= 0 else -size


def totals(
    lines: Iterable[Line], rules: Sequence[Rule], *, rounding: str = "line"
) -> dict[str, int]:
    """Return the tax of each jurisdiction in which a rule applies."""
    _check_rounding(rounding)
    return _totals(lines, RuleBook(rules), rounding)


def _check_rounding(rounding: str) -> None:
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding must be one of {ROUNDINGS}, got {rounding!r}")


def _totals(lines: Iterable[Line], book: RuleBook, rounding: str) -> dict[str, int]:
    if rounding == "line":
        return _by_line(lines, book)
    return _by_invoice(lines, book)


def _by_line(lines: Iterable[Line], book: RuleBook) -> dict[str, int]:
    result: dict[str, int] = defaultdict(int)
    for line in lines:
        for jurisdiction, rule, _ in book.matches(line):
            result[jurisdiction] += round_half_up(exact_tax(line, rule))
    return dict(result)


def _by_invoice(lines: Iterable[Line], book: RuleBook) -> dict[str, int]:
    invoices: dict[str, dict[str, Fraction]] = defaultdict(
        lambda: defaultdict(Fraction)
    )
    for line in lines:
        for jurisdiction, rule, _ in book.matches(line):
            invoices[line.invoice][jurisdiction] += exact_tax(line, rule)
    result: dict[str, int] = defaultdict(int)
    for exact in invoices.values():
        for jurisdiction, share in shares(exact).items():
            result[jurisdiction] += share
    return dict(result)


def shares(exact: dict[str, Fraction]) -> dict[str, int]:
    """Round the sum once, and share it out so that the parts sum to it."""
    total = sum(exact.values(), Fraction())
    if total < 0:  # the mirror image, so that a full return cancels its sale
        mirrored = shares({name: -tax for name, tax in exact.items()})
        return {name: -share for name, share in mirrored.items()}
    result = {name: tax.__floor__() for name, tax in exact.items()}
    left = round_half_up(total) - sum(result.values())
    for name in sorted(exact, key=lambda name: (result[name] - exact[name], name))[
        :left
    ]:
        result[name] += 1
    return result


# Lines that come twice, late or corrected


class Aggregator:
    """Hold the line that counts for each id; tax them when asked."""

    def __init__(self, rules: Sequence[Rule], *, rounding: str = "line") -> None:
        _check_rounding(rounding)
        self._book = RuleBook(rules)
        self._terms = frozenset(rules), rounding
        self._lines: dict[str, Line] = {}
        self._corrected: set[str] = set()

    def add(self, line: Line) -> None:
        self._lines.setdefault(line.id, line)

    def correct(self, line: Line) -> None:
        self._lines[line.id] = line
        self._corrected.add(line.id)

    def merge(self, other: Aggregator) -> None:
        if other._terms != self._terms:
            raise ValueError(f"merging needs the same rules and {self._terms[1]!r}")
        self._corrected = self._corrected or other._corrected
        for line in list(other._lines.values()):
            if line.id in other._corrected:
                self.correct(line)
            else:
                self.add(line)

    def totals(self) -> dict[str, int]:
        return _totals(self._lines.values(), self._book, self._terms[1])

    def conflicts(self) -> list[tuple[str, date, str, str]]:
        return sorted(
            {
                (jurisdiction, taxed_day(line), used.id, other.id)
                for line in self._lines.values()
                for jurisdiction, used, others in self._book.matches(line)
                for other in others
            }
        )
