"""Run the examples of the statement against the answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from stub import Policy, Txn, parse_a, parse_b, reconcile

LEDGER = {"entry": "b1", "reference": "r1", "value": "12.3", "ccy": "eur"}
LEDGER |= {"date": "2024-03-05", "kind": "charge"}
PROCESSOR = {"id": "a1", "ref": "r1", "amount": 1231, "currency": "EUR"}
PROCESSOR |= {"created": 1_709_629_200, "type": "charge"}
MARCH = datetime(2024, 3, 5, tzinfo=UTC)


def on(day: int, id: str) -> Txn:
    """Return a row without a reference, on a day of March."""
    return Txn(id[0], id, None, 500, "EUR", datetime(2024, 3, day, tzinfo=UTC))


# Level 1 - Two formats, one reference


def test_parse_b_reads_major_units():
    """A value of major units becomes minor units, a bare date noon UTC."""
    row = parse_b(LEDGER, {"EUR": 2})
    assert (row.source, row.id, row.ref, row.kind) == ("b", "b1", "r1", "charge")
    assert (row.amount, row.currency) == (1230, "EUR")
    assert row.at == datetime(2024, 3, 5, 12, tzinfo=UTC)


def test_parse_a_reads_minor_units():
    """An amount of minor units is kept, seconds become a time."""
    row = parse_a(PROCESSOR)
    assert (row.source, row.id, row.ref, row.kind) == ("a", "a1", "r1", "charge")
    assert (row.amount, row.currency) == (1231, "EUR")
    assert row.at == datetime(2024, 3, 5, 9, tzinfo=UTC)


def test_value_is_strict():
    """More decimals than the currency has are refused, with the row's id and key."""
    with pytest.raises(ValueError, match=r"b1.*value"):
        parse_b({**LEDGER, "value": "12.345"}, {"EUR": 2})


def test_pair_by_reference():
    """A pair of one reference differs, unless the tolerance allows it."""
    a, b = [parse_a(PROCESSOR)], [parse_b(LEDGER, {"EUR": 2})]
    assert reconcile(a, b).differing == (("a1", "b1", ("amount",)),)
    assert reconcile(a, b, Policy(tolerance=1)).matched == (("a1", "b1"),)


# Level 2 - Rows without a reference


def test_most_pairs():
    """Two pairs are better than the one nearest pair."""
    report = reconcile(
        [on(1, "a1"), on(3, "a2")], [on(2, "b1"), on(4, "b2")], Policy(1)
    )
    assert report.matched == (("a1", "b1"), ("a2", "b2"))


def test_nearest_pair():
    """Where only one pair is possible, it is the nearest."""
    report = reconcile([on(2, "a1")], [on(4, "b1"), on(3, "b2")])
    assert report.matched == (("a1", "b2"),)
    assert report.only_b == ("b1",)


# Level 3 - Duplicates and groups


def test_duplicate_and_group():
    """A payout that comes twice is a duplicate once, and the sum of its charges."""
    payout = Txn("a", "a1", "p7", 1500, "EUR", MARCH, "payout")
    again = Txn("a", "a2", "p7", 1500, "EUR", MARCH, "payout")
    parts = [Txn("b", f"b{n}", None, n * 500, "EUR", MARCH) for n in (1, 2, 4)]
    report = reconcile([payout, again], parts)
    assert report.grouped == (("a1", ("b1", "b2")),)
    assert report.duplicates == (("a:a2", "a:a1"),)
    assert report.only_b == ("b4",)


# Level 4 - Any zone, any size


def test_days_of_a_zone():
    """What is 31 March in UTC is 1 April in Kathmandu already."""
    late = datetime(2024, 3, 31, 23, 30, tzinfo=UTC)
    a = [Txn("a", "a1", "r1", 5, "EUR", late)]
    b = [Txn("b", "b1", "r1", 5, "EUR", MARCH)]
    assert reconcile(a, b, Policy(26)).matched == (("a1", "b1"),)
    report = reconcile(a, b, Policy(26, tz="Asia/Kathmandu"))
    assert report.differing == (("a1", "b1", ("day",)),)
