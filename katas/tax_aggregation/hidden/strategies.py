"""Small inputs that meet the edges often: few places, days around 29 February, halves.

Lines and rules are drawn whole, each by one draw: it is the drawing that takes time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import oracle
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from graders.laws import expect


@dataclass(frozen=True)
class Line:
    """The fields of the stub's Line, before there is an answer to make one."""

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
    """The fields of the stub's Rule."""

    id: str
    jurisdiction: str
    rate: Decimal
    start: date
    end: date | None
    category: str | None = None
    kind: str = "rate"
    limit: int | None = None


DAY = date(2024, 2, 29)
EARLY = date(2001, 1, 1)


def day(offset: int) -> date:
    """Return a day near 29 February 2024, which is day 0."""
    return DAY + timedelta(offset)


def line(price: int = 100, qty: int = 1, where: str = "A", **fields: Any) -> Line:
    """Return a line; `where` names a jurisdiction by each letter."""
    given = {"id": "1", "invoice": "I", "day": DAY, "category": "food", **fields}
    return Line(unit_price=price, qty=qty, jurisdictions=tuple(where), **given)


def rule(rate: str = "0.1", where: str = "A", **fields: Any) -> Rule:
    """Return a rule that is in force for long, unless told otherwise."""
    given = {"id": "r", "start": EARLY, "end": None, **fields}
    return Rule(jurisdiction=where, rate=Decimal(rate), **given)


def sent(candidate: Any, things: Iterable[Line | Rule]) -> list[Any]:
    """Return lines or rules as the answer's own records."""
    return [getattr(candidate, type(one).__name__)(**vars(one)) for one in things]


def ask(
    candidate: Any, lines: Iterable[Line], rules: Iterable[Rule], **how: str
) -> dict[str, int]:
    result: dict[str, int] = candidate.totals(
        sent(candidate, lines), sent(candidate, rules), **how
    )
    return result


def expect_totals(
    candidate: Any,
    lines: Sequence[Line],
    rules: Sequence[Rule],
    why: str = "",
    **how: str,
) -> None:
    """Demand the oracle's totals."""
    want = oracle.totals(lines, rules, **how)
    got = ask(candidate, lines, rules, **how)
    expect(got, want, why=why or reckoning(lines, rules))


def reckoning(lines: Sequence[Line], rules: Sequence[Rule]) -> str:
    """Tell how the taxes come about, in short."""
    parts = []
    for one in lines:
        for name in sorted(set(one.jurisdictions)):
            best = oracle.equals(one, name, rules)
            parts.append(f"{name}: {_sum_of(one, best[0]) if best else 'no rule'}")
    return "; ".join(parts[:4]) + ("; ..." if len(parts) > 4 else "")


def _sum_of(one: Line, used: Rule) -> str:
    base, exact = oracle.base_of(one.unit_price, used), oracle.exact_tax(one, used)
    limited = "" if used.kind == "rate" else f", {used.kind} {used.limit}"
    sum_of_it = f"{base} x {one.qty} x {used.rate} = {float(exact):.15g}"
    return f"{sum_of_it} by rule {used.id}{limited}, on {oracle.day_of(one)}"


# Lines

PRICES = [5, 1, 15, 50, 99, 100, 101, 115, 250, 0]
WHERE = ["A", "AB", "B", "ABC", "C", "BD", "D"]


def some(things: Iterable[Any], most: int = 4, least: int = 1) -> SearchStrategy[Any]:
    """Return lists of these things."""
    return st.lists(st.sampled_from(list(things)), min_size=least, max_size=most)


def numbered(lines: Sequence[Line]) -> list[Line]:
    return [replace(one, id=str(place)) for place, one in enumerate(lines, 1)]


def lines_of(
    qty: Iterable[int] = (1, 2, 3, 7),
    offsets: Iterable[int] = (0,),
    originals: Iterable[date | None] = (None,),
    most: int = 4,
) -> SearchStrategy[list[Line]]:
    parts = product(
        PRICES, qty, WHERE, offsets, ("food", "book"), originals, ("I", "J")
    )
    made = [
        line(price, n, where, day=day(at), category=kind, original_day=back, invoice=to)
        for price, n, where, at, kind, back, to in parts
    ]
    return some(made, most).map(numbered)


OFFSETS = range(-2, 3)
ANY_QTY = (1, -1, 2, -3, 0)
sales = lines_of()
any_lines = lines_of(ANY_QTY)
dated_sales = lines_of((1, 3), OFFSETS)
dated_lines = lines_of(ANY_QTY, OFFSETS, (None, day(-2), day(0), day(1)))

# Rules

RATES = ["0.5", "0.1", "0.0625", "0.05", "0.25", "0.08875", "1", "0"]
IDS = ["m", "c", "x", "a", "q", "b", "z", "k"]
SPANS = [
    (-9, None),
    (0, None),
    (-9, 0),
    (0, 0),
    (-1, 1),
    (1, 2),
    (-2, -1),
    (-1, 0),
    (1, None),
    (-9, -1),
]
CATEGORIES = (None, "food", "book")
LIMITED = [
    (kind, limit)
    for limit in (100, 50, 15, 1, 0)
    for kind in ("exempt_below", "exempt_up_to", "cap")
]


def named(rules: Sequence[Rule]) -> list[Rule]:
    """Return rules with ids that do not follow their order."""
    return [replace(one, id=IDS[place]) for place, one in enumerate(rules)]


def dated(where: str, start: int, end: int | None, rate: str, **fields: Any) -> Rule:
    last = None if end is None else day(end)
    return rule(rate, where, start=day(start), end=last, **fields)


flat_rules = st.permutations(
    [
        rule(rate, where)
        for where, rate in {"A": "0.5", "B": "0.0625", "C": "0.1"}.items()
    ]
).map(lambda rules: named(rules[:2]))
dated_rules = some(
    [
        dated(where, *span, rate, category=category)
        for span, where, rate, category in product(SPANS, "AB", RATES[:4], CATEGORIES)
    ],
    most=6,
).map(named)
rules_of_all_kinds = some(
    [
        dated(where, *span, rate, category=category, kind=kind, limit=limit)
        for span, where, rate, category, (kind, limit) in product(
            SPANS[:6], "AB", RATES[:4], CATEGORIES, [("rate", None), *LIMITED]
        )
    ],
    most=6,
).map(named)
roundings = st.sampled_from(["line", "invoice"])

CHANGE = named([dated("A", -9, -1, "0.1"), dated("A", 0, None, "0.2")])
"""A rate that changes on day 0."""
TWO = named([rule("0.1"), rule("0.25", "B")])
THREE = named(
    [
        dated("A", -2, None, "0.1"),
        dated("A", -1, None, "0.2"),
        dated("A", 1, None, "0.3"),
        dated("B", -1, None, "0.1"),
        dated("B", -1, None, "0.2", category="food"),
        dated("B", -1, 0, "0.3", category="food"),
    ]
)
"""Some that are in force together, of equal standing and not."""


def calls_of(most: int) -> SearchStrategy[list[tuple[str, Line]]]:
    """Return calls of an aggregator, with few ids."""
    parts = product((100, 5, 7), (1, 2), ("A", "AB", "B"), (0, 1), "123", "IJ")
    lines = [
        line(price, qty, where, day=day(at), id=name, invoice=to)
        for price, qty, where, at, name, to in parts
    ]
    calls = [(name, one) for one in lines for name in ("add", "correct")]
    return st.lists(st.sampled_from(calls), max_size=most)
