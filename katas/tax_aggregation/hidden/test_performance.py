"""How the cost of a line grows: not with the rules, nor with the lines before it."""

from __future__ import annotations

from benchmark import (
    adding,
    conflicting,
    correcting,
    merging,
    rounding_invoices,
    rounding_one_invoice,
    taxing_many_dates,
    taxing_many_places,
)

from graders.laws import check

SIZES = (500, 2_000, 8_000)
LARGER = (1_000, 4_000, 16_000)
"""Up to where copying a dict costs several times what adding a line does."""


@check(level=1, category="performance", measures=("read_lines", "totals"))
def test_many_places(speed):
    """Reading and taxing a line takes as long with many jurisdictions as with few."""
    speed.compare(taxing_many_places, sizes=SIZES)


@check(level=2, category="performance", measures=("totals",))
def test_many_dates(speed):
    """Taxing a line takes as long with a long history of rates as with a short one."""
    speed.compare(taxing_many_dates, sizes=SIZES)


@check(level=3, category="performance", measures=("totals",))
def test_many_invoices(speed):
    """Rounding by invoice takes as long for a line of many invoices as of few."""
    speed.compare(rounding_invoices, sizes=SIZES)


@check(level=3, category="performance", measures=("totals",))
def test_large_invoice(speed):
    """Rounding an invoice takes as long for each line and place of many as of few."""
    speed.compare(rounding_one_invoice, sizes=LARGER)


@check(level=4, category="performance", measures=("Aggregator",))
def test_many_lines_added(speed):
    """Adding a line takes as long when many are held as when there are few."""
    speed.compare(adding, sizes=LARGER)


@check(level=4, category="performance", measures=("Aggregator",))
def test_many_lines_corrected(speed):
    """Correcting a line takes as long when many are held as when there are few."""
    speed.compare(correcting, sizes=LARGER)


@check(level=4, category="performance", measures=("Aggregator",))
def test_many_lines_merged(speed):
    """Merging takes as long for each line of many as of few."""
    speed.compare(merging, sizes=LARGER)


@check(level=4, category="performance", measures=("Aggregator",))
def test_many_conflicts(speed):
    """Finding conflicts takes as long for each line of many as of few."""
    speed.compare(conflicting, sizes=SIZES)
