"""How fast the tuned answer of tax_aggregation is beside pandas and polars.

The same month of sales, the same rules, the same exact result, in the same run. Rates
become integers over a power of ten there, as a good user of either would write it: all
rules of a jurisdiction are joined to its lines, and the best one in force is kept.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HIDDEN = ROOT / "katas" / "tax_aggregation" / "hidden"
FAST = ROOT / "solutions" / "tax_aggregation" / "fast.py"
LINES, RULES, ROUNDS, SEED = 100_000, 5_000, 3, 1
Totals = dict[str, int]
Columns = dict[str, list[Any]]


def compare(line_count: int = LINES, rule_count: int = RULES) -> dict[str, float]:
    """Print and return the best wall seconds of each way to the same totals."""
    lines, rules = month(line_count, rule_count)
    ways: dict[str, Callable[[], Totals]] = {
        "fast.py": partial(fast_module().totals, lines, rules)
    }
    for name, ways_of in (("pandas", pandas_ways), ("polars", polars_ways)):
        try:
            ways.update(ways_of(lines, rules))
        except ImportError:
            print(f'{name} is not here; it comes with pip install -e ".[bench]"')
    seconds = timed(ways)
    print(
        f"{line_count:,} lines x {rule_count:,} rules, best of {ROUNDS}, wall seconds"
    )
    for name, best in seconds.items():
        print(f"  {name:<24}{best:7.3f} s  {best / seconds['fast.py']:6.2f}x")
    return seconds


def timed(ways: dict[str, Callable[[], Totals]]) -> dict[str, float]:
    """Take the best of some rounds of each way, in turn; all must agree."""
    best = dict.fromkeys(ways, math.inf)
    want: Totals | None = None
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begun = time.perf_counter()
            got = way()
            best[name] = min(best[name], time.perf_counter() - begun)
            want = got if want is None else want
            assert got == want, f"{name} has other totals than fast.py"
    return best


# What is measured


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported by name, and forget them afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def month(line_count: int, rule_count: int) -> tuple[list[Any], list[Any]]:
    with importing_from(HIDDEN):
        generators = importlib.import_module("generators")
        made: tuple[list[Any], list[Any]] = generators.month(
            SEED, line_count, rule_count
        )
        return made


def fast_module() -> Any:
    name = "benchmarks_tax_aggregation_fast"
    spec = importlib.util.spec_from_file_location(name, FAST)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns_of_lines(lines: list[Any]) -> Columns:
    days = [
        line.original_day if line.qty < 0 and line.original_day else line.day
        for line in lines
    ]
    return {
        "day": [day.toordinal() for day in days],
        "unit_price": [line.unit_price for line in lines],
        "qty": [line.qty for line in lines],
        "category": [line.category for line in lines],
        "jurisdiction": [list(dict.fromkeys(line.jurisdictions)) for line in lines],
    }


def columns_of_rules(rules: list[Any]) -> tuple[Columns, int]:
    """Return columns, with rates as integers over a power of ten, and that power."""
    unit = 10 ** max(-rule.rate.as_tuple().exponent for rule in rules)
    columns: Columns = {
        "jurisdiction": [rule.jurisdiction for rule in rules],
        "rate": [int(rule.rate * unit) for rule in rules],
        "start": [rule.start.toordinal() for rule in rules],
        "end": [rule.end.toordinal() if rule.end else 10**7 for rule in rules],
        "for_category": [rule.category for rule in rules],
        "kind": [rule.kind for rule in rules],
        "limit": [rule.limit or 0 for rule in rules],
        "rule": [rule.id for rule in rules],
    }
    return columns, unit


# pandas


def pandas_ways(lines: list[Any], rules: list[Any]) -> dict[str, Callable[[], Totals]]:
    import pandas

    def frames() -> Any:
        columns, unit = columns_of_rules(rules)
        return (
            pandas.DataFrame(columns_of_lines(lines)),
            pandas.DataFrame(columns),
            unit,
        )

    ready = frames()
    return {
        "pandas, from records": lambda: pandas_totals(*frames()),
        "pandas, from columns": lambda: pandas_totals(*ready),
    }


def pandas_totals(lines: Any, rules: Any, unit: int) -> Totals:
    import numpy

    taxes = lines.explode("jurisdiction").reset_index(names="line")
    taxes = taxes.merge(rules, on="jurisdiction")
    general = taxes["for_category"].isna()
    in_force = (taxes["start"] <= taxes["day"]) & (taxes["day"] <= taxes["end"])
    fits = general | (taxes["for_category"] == taxes["category"])
    taxes = taxes.assign(general=general)[in_force & fits]
    order, up = ["general", "start", "rule"], [False, True, True]
    taxes = taxes.sort_values(order, ascending=up)
    taxes = taxes.drop_duplicates(["line", "jurisdiction"], keep="last")
    price, limit, kind = taxes["unit_price"], taxes["limit"], taxes["kind"]
    bases = {
        "exempt_below": price.where(price >= limit, 0),
        "exempt_up_to": (price - limit).clip(lower=0),
        "cap": numpy.minimum(price, limit),
    }
    base = numpy.select([kind == name for name in bases], list(bases.values()), price)
    exact = base * taxes["qty"] * taxes["rate"]
    rounded = numpy.sign(exact) * ((2 * exact.abs() + unit) // (2 * unit))
    totals: Totals = rounded.groupby(taxes["jurisdiction"]).sum().to_dict()
    return totals


# polars


def polars_ways(lines: list[Any], rules: list[Any]) -> dict[str, Callable[[], Totals]]:
    import polars

    def frames() -> Any:
        columns, unit = columns_of_rules(rules)
        return (
            polars.DataFrame(columns_of_lines(lines)),
            polars.DataFrame(columns),
            unit,
        )

    ready = frames()
    return {
        "polars, from records": lambda: polars_totals(*frames()),
        "polars, from columns": lambda: polars_totals(*ready),
    }


def polars_totals(lines: Any, rules: Any, unit: int) -> Totals:
    from polars import col, lit, when

    general = col("for_category").is_null()
    price, limit, kind = col("unit_price"), col("limit"), col("kind")
    base = (
        when(kind == "exempt_below")
        .then(when(price >= limit).then(price).otherwise(0))
        .when(kind == "exempt_up_to")
        .then((price - limit).clip(lower_bound=0))
        .when(kind == "cap")
        .then(when(price < limit).then(price).otherwise(limit))
        .otherwise(price)
    )
    exact = base * col("qty") * col("rate")
    rounded = exact.sign() * ((2 * exact.abs() + lit(unit)) // (2 * unit))
    standing = col("start"), col("rule")
    totals = (
        lines.lazy()
        .with_row_index("line")
        .explode("jurisdiction")
        .join(rules.lazy(), on="jurisdiction")
        .filter(
            col("day").is_between(col("start"), col("end")),
            general | (col("for_category") == col("category")),
        )
        .sort(~general, *standing, descending=True)
        .unique(["line", "jurisdiction"], keep="first", maintain_order=True)
        .group_by("jurisdiction")
        .agg(rounded.sum().alias("tax"))
        .collect()
    )
    return dict(totals.iter_rows())


if __name__ == "__main__":
    compare()
