"""Right totals the slow and obvious way: ask every rule, calculate with fractions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import floor
from typing import Any

Totals = dict[str, int]
Conflict = tuple[str, Any, str, str]


def day_of(line: Any) -> Any:
    """Return the day whose rules tax a line."""
    is_return = line.qty < 0
    return line.original_day if is_return and line.original_day else line.day


def equals(line: Any, jurisdiction: str, rules: Iterable[Any]) -> list[Any]:
    """Return the rules of the highest standing in force, the one to use first."""
    day = day_of(line)
    in_force = [
        rule
        for rule in rules
        if rule.jurisdiction == jurisdiction
        and rule.start <= day
        and (rule.end is None or day <= rule.end)
    ]
    special = [rule for rule in in_force if rule.category == line.category]
    general = [rule for rule in in_force if rule.category is None]
    return sorted(special or general, key=lambda rule: (rule.start, rule.id))[::-1]


def base_of(price: int, rule: Any) -> int:
    """Return which part of the price of one unit is taxed."""
    if rule.kind == "exempt_below":
        return 0 if price < rule.limit else price
    if rule.kind == "exempt_up_to":
        return price - rule.limit if price > rule.limit else 0
    if rule.kind == "cap":
        return rule.limit if price > rule.limit else price
    return price


def exact_tax(line: Any, rule: Any) -> Fraction:
    return base_of(line.unit_price, rule) * line.qty * Fraction(rule.rate)


def rounded(amount: Fraction) -> int:
    """Round half up, away from zero."""
    return floor(amount + Fraction(1, 2)) if amount >= 0 else -rounded(-amount)


def taxes(line: Any, rules: Sequence[Any]) -> dict[str, Fraction]:
    """Return the exact tax of one line in each jurisdiction that has a rule."""
    found = {name: equals(line, name, rules) for name in set(line.jurisdictions)}
    return {name: exact_tax(line, best[0]) for name, best in found.items() if best}


def totals(
    lines: Iterable[Any], rules: Sequence[Any], rounding: str = "line"
) -> Totals:
    result: Totals = {}
    parts = by_line(lines, rules) if rounding == "line" else by_invoice(lines, rules)
    for part in parts:
        for name, tax in part.items():
            result[name] = result.get(name, 0) + tax
    return result


def by_line(lines: Iterable[Any], rules: Sequence[Any]) -> list[Totals]:
    each = [taxes(line, rules) for line in lines]
    return [{name: rounded(tax) for name, tax in one.items()} for one in each]


def by_invoice(lines: Iterable[Any], rules: Sequence[Any]) -> list[Totals]:
    return [shared(exact) for exact in invoices(lines, rules).values()]


def invoices(
    lines: Iterable[Any], rules: Sequence[Any]
) -> dict[str, dict[str, Fraction]]:
    """Return the exact taxes of each invoice."""
    result: dict[str, dict[str, Fraction]] = {}
    for line in lines:
        exact = result.setdefault(line.invoice, {})
        for name, tax in taxes(line, rules).items():
            exact[name] = exact.get(name, Fraction()) + tax
    return result


def told(exact: dict[str, Fraction]) -> str:
    """Say what the exact taxes are, in short."""
    return ", ".join(f"{name} {float(tax):.6g}" for name, tax in sorted(exact.items()))


def shared(exact: dict[str, Fraction]) -> Totals:
    """Share out the sum, rounded once, by the largest remainders."""
    total = sum(exact.values(), Fraction())
    if total < 0:
        mirror = shared({name: -tax for name, tax in exact.items()})
        return {name: -share for name, share in mirror.items()}
    result = {name: floor(tax) for name, tax in exact.items()}
    remainders = sorted((floor(tax) - tax, name) for name, tax in exact.items())
    left = rounded(total) - sum(result.values())
    for _, name in remainders[:left]:
        result[name] += 1
    return result


def conflicts(lines: Iterable[Any], rules: Sequence[Any]) -> list[Conflict]:
    found: set[Conflict] = set()
    for line in lines:
        for name in line.jurisdictions:
            best = equals(line, name, rules)
            found |= {(name, day_of(line), best[0].id, r.id) for r in best[1:]}
    return sorted(found)


class Held:
    """The lines that an aggregator has to hold, from the calls that it was told."""

    def __init__(self) -> None:
        self.added: dict[str, Any] = {}
        self.corrected: dict[str, Any] = {}

    def add(self, line: Any) -> None:
        self.added.setdefault(line.id, line)

    def correct(self, line: Any) -> None:
        self.corrected[line.id] = line

    def merge(self, other: Held) -> None:
        self.added = {**other.added, **self.added}
        self.corrected = {**self.corrected, **other.corrected}

    def lines(self) -> list[Any]:
        return list({**self.added, **self.corrected}.values())
