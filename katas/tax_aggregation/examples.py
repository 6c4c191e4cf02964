"""Run the examples of the statement against the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from stub import Aggregator, Line, Rejected, Rule, read_lines, totals

FIELDS = {
    "id": "1",
    "invoice": "I",
    "day": "2024-03-01",
    "unit_price": 1999,
    "qty": 1,
    "category": "toys",
    "jurisdictions": ["IL", "Cook"],
}
STATE = Rule("s", "IL", Decimal("0.0625"), date(1990, 1, 1), None)
COUNTY = Rule("c", "Cook", Decimal("0.0175"), date(2016, 1, 1), None)
OLD = Rule("a", "DE", Decimal("0.19"), date(2007, 1, 1), date(2020, 6, 30))
NEW = Rule("b", "DE", Decimal("0.16"), date(2020, 7, 1), date(2020, 12, 31))
JUNE = Line("1", "I", date(2020, 6, 30), 10_000, 1, "toys", ("DE",))
JULY = Line("2", "I", date(2020, 7, 1), 10_000, 1, "toys", ("DE",))


# Level 1 - Read and multiply


def test_read_lines():
    """A good text becomes a Line, a bad one a Rejected with its number."""
    line, rejected = read_lines([json.dumps(FIELDS), "{oops"])
    assert line == Line(
        "1", "I", date(2024, 3, 1), 1999, 1, "toys", ("IL", "Cook"), None
    )
    assert isinstance(rejected, Rejected)
    assert rejected.number == 2


def test_read_lines_is_strict():
    """A whole number with a point is no int."""
    (rejected,) = read_lines([json.dumps({**FIELDS, "unit_price": 19.0})])
    assert isinstance(rejected, Rejected)


def test_totals_of_a_line():
    """124.9375 and 34.9825 cents, each rounded."""
    lines = list(read_lines([json.dumps(FIELDS)]))
    assert totals(lines, [STATE, COUNTY]) == {"IL": 125, "Cook": 35}


def test_halves_go_away_from_zero():
    """Half a cent is rounded up, and for a return down."""
    rule = Rule("r", "IL", Decimal("0.1"), date(2000, 1, 1), None)
    sale = Line("1", "I", date(2024, 3, 1), 25, 1, "toys", ("IL",))
    assert totals([sale], [rule]) == {"IL": 3}
    assert totals([replace(sale, qty=-1)], [rule]) == {"IL": -3}


# Level 2 - Rules with dates


def test_each_line_has_the_rate_of_its_day():
    """Until 30 June 19 %, from 1 July on 16 %."""
    assert totals([JUNE, JULY], [OLD, NEW]) == {"DE": 3500}


def test_a_rule_for_the_category_wins():
    """Food has a rate of its own."""
    food = replace(NEW, id="f", category="food", rate=Decimal("0.05"))
    meal = replace(JULY, category="food")
    assert totals([JULY, meal], [NEW, food]) == {"DE": 2100}


# Level 3 - Limits, returns, invoices


def test_exempt_up_to():
    """Of a coat of $200, $25 are taxed."""
    coat = Line("1", "I", date(2024, 3, 1), 20_000, 1, "clothing", ("MA",))
    rule = Rule("m", "MA", Decimal("0.0625"), date(2009, 8, 1), None)
    rule = replace(rule, category="clothing", kind="exempt_up_to", limit=17_500)
    assert totals([coat], [rule]) == {"MA": 156}


def test_return_at_the_rate_of_its_sale():
    """What was bought in June comes back at the rate of June."""
    back = replace(JUNE, day=date(2020, 7, 9), qty=-1, original_day=JUNE.day)
    assert totals([JUNE, back], [OLD, NEW]) == {"DE": 0}


def test_an_invoice_is_rounded_once():
    """Three times 0.3 cents are 0.9: one cent, for the smallest id."""
    rules = [Rule(j, j, Decimal("0.3"), date(2024, 1, 1), None) for j in "ABC"]
    penny = Line("1", "I", date(2024, 3, 1), 1, 1, "toys", ("A", "B", "C"))
    assert totals([penny], rules, rounding="invoice") == {"A": 1, "B": 0, "C": 0}


def test_bad_rules_are_refused():
    """A cap needs a limit."""
    with pytest.raises(ValueError, match="rule 7"):
        totals([], [replace(OLD, id="rule 7", kind="cap")])


# Level 4 - Twice, late, corrected


def test_a_line_comes_twice():
    """The first one stays."""
    told = Aggregator([OLD, NEW])
    told.add(JUNE)
    told.add(replace(JUNE, qty=5))
    assert told.totals() == {"DE": 1900}


def test_a_correction_wins():
    """It replaces the line, and a later add does not undo it."""
    told = Aggregator([OLD, NEW])
    told.correct(replace(JUNE, qty=2))
    told.add(JUNE)
    assert told.totals() == {"DE": 3800}


def test_merge():
    """A line that both were told counts once."""
    one, other = Aggregator([OLD, NEW]), Aggregator([OLD, NEW])
    one.add(JUNE)
    other.add(JUNE)
    other.add(JULY)
    one.merge(other)
    assert one.totals() == {"DE": 3500}
    assert one.conflicts() == []


def test_conflicts():
    """Two rules for everything are in force: the later start is used."""
    late = replace(OLD, id="late", start=date(2020, 1, 1))
    told = Aggregator([OLD, late])
    told.add(JUNE)
    assert told.conflicts() == [("DE", JUNE.day, "late", "a")]
