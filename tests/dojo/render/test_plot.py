"""A timing as text."""

from __future__ import annotations

from dojo.render.plot import doubling_table, plot
from graders.results import Report


def test_table_tells_each_step(report: Report) -> None:
    """The doubling table has a line a size, with what the step to it cost."""
    lines = list(doubling_table(report.performance.timings[0]))
    assert lines[1].split()[:3] == ["100", "2.0", "ms"]
    assert lines[2].endswith("x4 input -> x16 time")


def test_plot_shows_both_lines(report: Report) -> None:
    """The steeper line ends above the other one, inside the frame."""
    lines = plot(report.performance.timings[0], report.performance)
    rows = [line.partition("|")[2] for line in lines if "|" in line]
    first_row = {letter: find(rows, letter, last=True) for letter in "yr"}
    assert first_row["y"] < first_row["r"]
    assert max(map(len, lines)) <= 70


def find(rows: list[str], letter: str, last: bool) -> int:
    """Return the row in which a letter stands in the rightmost column."""
    ends = [(row.rfind(letter), -number) for number, row in enumerate(rows)]
    return -max(ends)[1]
