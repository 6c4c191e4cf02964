"""A rule for the category "" is taken for one for every category.

Caught: level 2, correctness
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import lcm
from typing import Any, NamedTuple

ROUNDINGS = ("line", "invoice")
LIMITED = ("exempt_below", "exempt_up_to", "cap")
FIELDS = {"id", "invoice", "day", "unit_price", "qty", "category", "jurisdictions"}
WITH_ORIGINAL = FIELDS | {"original_day"}
TYPES = [str, str, str, str, int, int, list]
is_date = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


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
        if not text or text.isspace():
            continue
        try:
            yield _line(json.loads(text))
        except (ValueError, RecursionError) as error:
            yield Rejected(number, str(error))


def _line(fields: Any) -> Line:
    if type(fields) is not dict or fields.keys() not in (FIELDS, WITH_ORIGINAL):
        raise ValueError("expected an object with exactly the fields of a line")
    name, invoice, category = fields["id"], fields["invoice"], fields["category"]
    day, price, qty = fields["day"], fields["unit_price"], fields["qty"]
    where = fields["jurisdictions"]
    values = (name, invoice, category, day, price, qty, where)
    if [*map(type, values)] != TYPES or price < 0 or not {*map(type, where)} <= {str}:
        raise ValueError(f"a field of the wrong type, or a price below 0: {fields}")
    original = fields.get("original_day")
    back = None if original is None else _day(original)
    return Line(name, invoice, _day(day), price, qty, category, tuple(where), back)


def _day(text: Any) -> date:
    if type(text) is not str:
        raise ValueError(f"expected a date as YYYY-MM-DD, got {text!r}")
    return _date(text)


@lru_cache(maxsize=4096)
def _date(text: str) -> date:
    if not is_date(text):
        raise ValueError(f"expected a date as YYYY-MM-DD, got {text!r}")
    return date.fromisoformat(text)


# Which rule


class Terms(NamedTuple):
    """A rule in force, ready for calculating, and those passed over for it."""

    numerator: int
    denominator: int
    kind: str
    limit: int
    used: str
    passed_over: list[str]


Timeline = tuple[list[int], list[Terms | None]]
"""Days from which something else is in force, and what; the first is for before."""
RuleBook = dict[str, tuple[dict[str, Timeline], Timeline]]
"""For each jurisdiction its timelines by category, and that for every category."""


def _rule_book(rules: Sequence[Rule]) -> RuleBook:
    _validate(rules)
    groups: dict[str, dict[str | None, list[Rule]]] = {}
    for rule in rules:
        own = groups.setdefault(rule.jurisdiction, {})
        own.setdefault(rule.category or None, []).append(rule)
    return {name: _timelines(own) for name, own in groups.items()}


def _timelines(
    groups: dict[str | None, list[Rule]],
) -> tuple[dict[str, Timeline], Timeline]:
    general = _timeline(groups.get(None, []))
    special = {name: _timeline(own) for name, own in groups.items() if name is not None}
    return special, general


def _timeline(rules: list[Rule]) -> Timeline:
    changes: dict[int, list[tuple[date, str, Rule]]] = {}
    for rule in rules:
        entry = (rule.start, rule.id, rule)
        changes.setdefault(rule.start.toordinal(), []).append(entry)
        if rule.end is not None:
            changes.setdefault(rule.end.toordinal() + 1, []).append(entry)
    days, terms = sorted(changes), [_terms([])]
    active: dict[str, tuple[date, str, Rule]] = {}
    for day in days:
        for entry in changes[day]:
            if active.pop(entry[1], None) is None:
                active[entry[1]] = entry
        terms.append(_terms([rule for *_, rule in sorted(active.values())[::-1]]))
    return days, terms


def _terms(best: list[Rule]) -> Terms | None:
    if not best:
        return None
    used = best[0]
    ratio = used.rate.as_integer_ratio()
    others = [rule.id for rule in best[1:]]
    return Terms(*ratio, used.kind, used.limit or 0, used.id, others)


def _matches(line: Line, book: RuleBook) -> list[tuple[str, Terms]]:
    """Return each jurisdiction that taxes a line, and its terms."""
    names: Iterable[str] = line.jurisdictions
    if len(set(names)) < len(line.jurisdictions):
        names = dict.fromkeys(names)
    day, category, found = taxed_day(line).toordinal(), line.category, []
    for name in names:
        if name in book:
            special, (days, general) = book[name]
            terms = None
            if category in special:
                own_days, own = special[category]
                terms = own[bisect_right(own_days, day)]
            terms = terms or general[bisect_right(days, day)]
            if terms is not None:
                found.append((name, terms))
    return found


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


def taxable(price: int, kind: str, limit: int) -> int:
    """Return which part of a unit's price is taxed."""
    if kind == "exempt_below":
        return price if price >= limit else 0
    if kind == "exempt_up_to":
        return price - limit if price > limit else 0
    return min(price, limit) if kind == "cap" else price


def round_half_up(numerator: int, denominator: int) -> int:
    """Round a quotient to a whole number, halves away from zero."""
    if numerator < 0:
        return -((denominator - 2 * numerator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def totals(
    lines: Iterable[Line], rules: Sequence[Rule], *, rounding: str = "line"
) -> dict[str, int]:
    """Return the tax of each jurisdiction in which a rule applies."""
    _check_rounding(rounding)
    return _totals(lines, _rule_book(rules), rounding)


def _check_rounding(rounding: str) -> None:
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding must be one of {ROUNDINGS}, got {rounding!r}")


def _totals(lines: Iterable[Line], book: RuleBook, rounding: str) -> dict[str, int]:
    return (_by_line if rounding == "line" else _by_invoice)(lines, book)


def _by_line(lines: Iterable[Line], book: RuleBook) -> dict[str, int]:
    result: dict[str, int] = {}
    for line in lines:
        price, qty = line.unit_price, line.qty
        for name, (numerator, denominator, kind, limit, *_) in _matches(line, book):
            base = price if kind == "rate" else taxable(price, kind, limit)
            tax = round_half_up(base * qty * numerator, denominator)
            result[name] = result.get(name, 0) + tax
    return result


def _by_invoice(lines: Iterable[Line], book: RuleBook) -> dict[str, int]:
    # numerators by denominator: adding integers is cheaper than adding fractions
    invoices: dict[str, dict[str, dict[int, int]]] = {}
    for line in lines:
        price, qty = line.unit_price, line.qty
        invoice = invoices.setdefault(line.invoice, {})
        for name, (numerator, denominator, kind, limit, *_) in _matches(line, book):
            base = price if kind == "rate" else taxable(price, kind, limit)
            sums = invoice.setdefault(name, {})
            sums[denominator] = sums.get(denominator, 0) + base * qty * numerator
    result: dict[str, int] = {}
    for invoice in invoices.values():
        for name, share in shares(invoice).items():
            result[name] = result.get(name, 0) + share
    return result


def shares(invoice: dict[str, dict[int, int]]) -> dict[str, int]:
    """Round the sum once, and share it out so that the parts sum to it."""
    unit = lcm(*{part for sums in invoice.values() for part in sums})
    exact = {
        name: sum([unit // part * number for part, number in sums.items()])
        for name, sums in invoice.items()
    }
    total = sum(exact.values())
    sign = -1 if total < 0 else 1  # a full return has to cancel its sale
    parts = {name: divmod(sign * tax, unit) for name, tax in exact.items()}
    left = round_half_up(abs(total), unit) - sum([floor for floor, _ in parts.values()])
    result = {name: sign * floor for name, (floor, _) in parts.items()}
    if left:
        for name in sorted(parts, key=lambda name: (-parts[name][1], name))[:left]:
            result[name] += sign
    return result


# Lines that come twice, late or corrected


class Aggregator:
    """Hold the line that counts for each id; tax them when asked."""

    def __init__(self, rules: Sequence[Rule], *, rounding: str = "line") -> None:
        _check_rounding(rounding)
        self._book = _rule_book(rules)
        self._terms = frozenset(rules), rounding
        self._added: dict[str, Line] = {}
        self._corrected: dict[str, Line] = {}

    def add(self, line: Line) -> None:
        self._added.setdefault(line.id, line)

    def correct(self, line: Line) -> None:
        self._corrected[line.id] = line

    def merge(self, other: Aggregator) -> None:
        if other._terms != self._terms:
            raise ValueError(f"merging needs the same rules and {self._terms[1]!r}")
        self._added = other._added | self._added
        self._corrected |= other._corrected

    def totals(self) -> dict[str, int]:
        return _totals(self._held(), self._book, self._terms[1])

    def conflicts(self) -> list[tuple[str, date, str, str]]:
        found = set()
        for line in self._held():
            for name, terms in _matches(line, self._book):
                for passed_over in terms.passed_over:
                    found.add((name, taxed_day(line), terms.used, passed_over))
        return sorted(found)

    def _held(self) -> Iterable[Line]:
        return (self._added | self._corrected).values()
