"""How `reconcile` compares with the joins that pandas and polars offer.

    python -m benchmarks.billing_reconciliation

All get the same rows: 100 000 a side, one billing month with known discrepancies, and
2 000 a side that differ in their day only.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
ROWS = 100_000
ROUNDS = 3
SEED = 1
DAY_TOLERANCE = 3
BUCKET = ["currency", "kind", "amount"]
NOT_DONE = """\
What the joins of pandas and polars do not do:
  - Without a ref they take the nearest row, whoever else needs it, so fewer pairs;
    a row may be taken twice (here its first taker keeps it, and the others have none).
  - Their window is 72 hours from instant to instant, not calendar days of a zone.
  - No duplicates (one shifts the pairs of its ref), no groups that add up, no list of
    what differs, no place for every row, no refusal of bad rows.
What they do: pairs of one ref in order of (at, id), and pairs without a ref."""


@dataclass(frozen=True)
class Result:
    """One way to reconcile: its best times, and the pairs that it found."""

    name: str
    cpu_s: float
    """Of all threads."""
    wall_s: float
    pairs: set[tuple[str, str]]


def compare(rows: int = ROWS) -> None:
    """Time all ways on the same data in turn, and print tables with ratios."""
    fast, a, b, known = data(rows)
    print(f"A month of {rows:,} rows a side, load {os.getloadavg()[0]:.1f}")
    show(results_of(fast, a, b), known)
    a, b = one_price(fast)
    print(f"\n{len(a):,} equal rows a side, without a ref, over a year")
    show(results_of(fast, a, b), None)
    print(f"\n{NOT_DONE}")


def results_of(fast: ModuleType, a: list[Any], b: list[Any]) -> list[Result]:
    results = [best_of(ours(fast, a, b))]
    for name, make in (("pandas", with_pandas), ("polars", with_polars)):
        try:
            ways = make(a, b)
        except ImportError:
            print(f"{name} is not installed; it is in the `bench` extra: {INSTALL}")
        else:
            results += map(best_of, ways)
    return results


def one_price(fast: ModuleType) -> tuple[list[Any], list[Any]]:
    """Return many rows that differ in their day only."""
    random, begin = Random(SEED), datetime(2024, 1, 1, 12, tzinfo=UTC)

    def row(side: str, number: int) -> Any:
        at = begin + timedelta(days=random.randrange(365))
        return fast.Txn(side, f"{side}{number}", None, 999, "EUR", at)

    return [row("a", n) for n in range(2_000)], [row("b", n) for n in range(2_000)]


INSTALL = "pip install -e '.[bench]'"
Way = tuple[str, Callable[[], set[tuple[str, str]]]]


def data(rows: int) -> tuple[ModuleType, list[Any], list[Any], set[tuple[str, str]]]:
    """Return the answer, both sides as its transactions, and all known pairs."""
    kata = ROOT / "katas" / "billing_reconciliation"
    generators = load("generators", kata / "hidden" / "generators.py")
    solutions = ROOT / "solutions" / "billing_reconciliation"
    fast = load("billing_reconciliation_fast", solutions / "fast.py")
    month = generators.month(SEED, rows)
    a = [fast.parse_a(row) for row in month.a]
    b = [fast.parse_b(row, generators.DECIMALS) for row in month.b]
    known = {*month.matched, *((x, y) for x, y, _ in month.differing)}
    return fast, a, b, known


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def best_of(way: Way) -> Result:
    """Run one way a few times; return its shortest times and its pairs."""
    name, run = way
    cpu_s, wall_s, pairs = float("inf"), float("inf"), set()
    for _ in range(ROUNDS):
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        pairs = run()
        cpu_s = min(cpu_s, time.process_time() - cpu)
        wall_s = min(wall_s, time.perf_counter() - wall)
    return Result(name, cpu_s, wall_s, pairs)


def ours(fast: ModuleType, a: list[Any], b: list[Any]) -> Way:
    def run() -> set[tuple[str, str]]:
        report = fast.reconcile(a, b)
        return {*report.matched, *((x, y) for x, y, _ in report.differing)}

    return "reconcile (fast.py)", run


def columns(txns: list[Any]) -> dict[str, list[Any]]:
    """Return the columns that a join needs."""
    names = ("id", "ref", "amount", "currency", "at", "kind")
    return {name: [getattr(txn, name) for txn in txns] for name in names}


# pandas


def with_pandas(a: list[Any], b: list[Any]) -> list[Way]:
    import pandas

    def frames() -> tuple[Any, Any]:
        return pandas.DataFrame(columns(a)), pandas.DataFrame(columns(b))

    def joined(x: Any, y: Any) -> set[tuple[str, str]]:
        return pandas_by_ref(x, y) | pandas_without_ref(x, y)

    built = frames()
    return [
        ("pandas, frames at hand", lambda: joined(*built)),
        ("pandas, frames built", lambda: joined(*frames())),
    ]


def pandas_by_ref(a: Any, b: Any) -> set[tuple[str, str]]:
    """Number the rows of each reference, and merge on reference and number."""

    def numbered(frame: Any) -> Any:
        kept = frame[frame["ref"].notna()].sort_values(["at", "id"])
        return kept.assign(number=kept.groupby("ref").cumcount())

    pairs = numbered(a).merge(numbered(b), on=["ref", "number"])
    return set(zip(pairs["id_x"], pairs["id_y"], strict=True))


def pandas_without_ref(a: Any, b: Any) -> set[tuple[str, str]]:
    """Merge each row with the nearest of its currency, kind and amount."""
    import pandas

    def free(frame: Any) -> Any:
        return frame[frame["ref"].isna()].drop(columns="ref").sort_values("at")

    pairs = pandas.merge_asof(
        free(a),
        free(b),
        on="at",
        by=BUCKET,
        direction="nearest",
        tolerance=pandas.Timedelta(days=DAY_TOLERANCE),
        suffixes=("_x", "_y"),
    )
    pairs = pairs[pairs["id_y"].notna()].drop_duplicates("id_y")
    return set(zip(pairs["id_x"], pairs["id_y"], strict=True))


# polars


def with_polars(a: list[Any], b: list[Any]) -> list[Way]:
    import polars

    def frames() -> tuple[Any, Any]:
        return polars.DataFrame(columns(a)), polars.DataFrame(columns(b))

    def joined(x: Any, y: Any) -> set[tuple[str, str]]:
        return polars_by_ref(x, y) | polars_without_ref(x, y)

    built = frames()
    return [
        ("polars, frames at hand", lambda: joined(*built)),
        ("polars, frames built", lambda: joined(*frames())),
    ]


def polars_by_ref(a: Any, b: Any) -> set[tuple[str, str]]:
    """Number the rows of each reference, and join on reference and number."""
    import polars

    def numbered(frame: Any) -> Any:
        kept = frame.lazy().filter(polars.col("ref").is_not_null()).sort("at", "id")
        number = polars.int_range(polars.len()).over("ref").alias("number")
        return kept.with_columns(number)

    pairs = numbered(a).join(numbered(b), on=["ref", "number"], suffix="_y")
    return set(pairs.select("id", "id_y").collect().iter_rows())


def polars_without_ref(a: Any, b: Any) -> set[tuple[str, str]]:
    """Join each row with the nearest of its currency, kind and amount."""
    import polars

    def free(frame: Any) -> Any:
        return frame.lazy().filter(polars.col("ref").is_null()).drop("ref").sort("at")

    pairs = free(a).join_asof(
        free(b),
        on="at",
        by=BUCKET,
        strategy="nearest",
        tolerance=f"{DAY_TOLERANCE}d",
        suffix="_y",
        check_sortedness=False,
    )
    pairs = pairs.filter(polars.col("id_y").is_not_null()).unique(
        "id_y", keep="first", maintain_order=True
    )
    return set(pairs.select("id", "id_y").collect().iter_rows())


# The table


def show(results: list[Result], known: set[tuple[str, str]] | None) -> None:
    """Print a table; ratios are of CPU time, of all threads."""
    first = results[0]
    heads = f"{'CPU s':>8}{'ratio':>8}{'wall s':>8}{'pairs':>9}"
    print(f"{f'best of {ROUNDS}':24}{heads}" + f"{'right':>9}" * (known is not None))
    for result in results:
        ratio, right = result.cpu_s / first.cpu_s, len(result.pairs & (known or set()))
        print(
            f"{result.name:24}{result.cpu_s:8.3f}{ratio:7.2f}x{result.wall_s:8.3f}"
            f"{len(result.pairs):9,}" + f"{right:9,}" * (known is not None)
        )


if __name__ == "__main__":
    compare()
