"""A timing as text: the doubling table, and a plot with logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from graders.results import Performance, SizePoint, Timing

COLUMNS = 46
ROWS = 9


def doubling_table(timing: Timing) -> Iterator[str]:
    """Yield what each step to a larger size cost you and the reference."""
    yield f"{'n':>9}  {'you':>10}  {'reference':>10}  {'ratio':>7}"
    before: SizePoint | None = None
    for point in timing.sizes:
        line = (
            f"{point.n:>9}  {point.answer_ms:>7.1f} ms  {point.reference_ms:>7.1f} ms  "
            f"{point.ratio:>6.1f}x"
        )
        yield line + (step(before, point) if before else "")
        before = point


def step(before: SizePoint, after: SizePoint) -> str:
    return (
        f"   x{after.n / before.n:.3g} input -> "
        f"x{after.answer_ms / before.answer_ms:.3g} time"
    )


def plot(timing: Timing, performance: Performance) -> list[str]:
    """Return a log-log plot: y you, r reference, shaded up to the budget."""
    points = timing.sizes
    if len(points) < 2:
        return []
    budget = [(p.n, p.reference_ms * performance.budget) for p in points]
    mine = [(p.n, p.answer_ms) for p in points]
    theirs = [(p.n, p.reference_ms) for p in points]
    axes = Axes(points, [ms for _, ms in (*budget, *mine, *theirs)])
    grid = [[" "] * COLUMNS for _ in range(ROWS)]
    for column in range(COLUMNS):
        low, high = axes.row_at(theirs, column), axes.row_at(budget, column)
        for row in range(high, low + 1):
            grid[row][column] = "."
    for letter, line in (("r", theirs), ("y", mine)):
        for column in range(COLUMNS):
            grid[axes.row_at(line, column)][column] = letter
    return axes.framed(["".join(row).rstrip() for row in grid])


class Axes:
    """From sizes and milliseconds to columns and rows, both logarithmic."""

    def __init__(self, points: tuple[SizePoint, ...], values_ms: list[float]) -> None:
        self.first_n, self.last_n = points[0].n, points[-1].n
        self.low, self.high = math.log(min(values_ms)), math.log(max(values_ms))

    def row_at(self, line: list[tuple[int, float]], column: int) -> int:
        """Return the row of a line, straight between its points, at a column."""
        span = math.log(self.last_n / self.first_n)
        x = math.log(self.first_n) + span * column / (COLUMNS - 1)
        for (n1, ms1), (n2, ms2) in pairwise(line):
            if x <= math.log(n2) + 1e-9:
                part = (x - math.log(n1)) / math.log(n2 / n1)
                return self.row(math.log(ms1) + part * math.log(ms2 / ms1))
        return self.row(math.log(line[-1][1]))

    def row(self, y: float) -> int:
        height = (y - self.low) / max(self.high - self.low, 1e-9)
        return min(max(round((1 - height) * (ROWS - 1)), 0), ROWS - 1)

    def framed(self, rows: list[str]) -> list[str]:
        top, bottom = math.exp(self.high), math.exp(self.low)
        labels = [f"{top:.3g} ms", *[""] * (ROWS - 2), f"{bottom:.3g} ms"]
        lines = [f"{label:>9} |{row}" for label, row in zip(labels, rows, strict=True)]
        scale = f"n={self.first_n}".ljust(COLUMNS - len(f"{self.last_n}"))
        return [
            *lines,
            " " * 10 + "+" + "-" * COLUMNS,
            " " * 11 + scale + f"{self.last_n}",
            " " * 11 + "y you   r reference   . within the budget",
        ]
