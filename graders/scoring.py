"""From checks to scores; pure arithmetic.

A category's score is the mean over the levels that it has checks in, so that a file
which solves levels 1 and 2 gets what it earned, however many checks each level has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from graders.kata import Weights
from graders.results import Category, Check, Level, Scores


def scores_of(checks: Sequence[Check], weights: Weights) -> Scores:
    """Return 0 to 100 for each category and in total, always rounded down."""
    parts = {category: category_score(checks, category) for category in Category}
    counted = {c: part for c, part in parts.items() if part is not None}
    weight = {c: getattr(weights, c.value) for c in counted}
    total = sum(weight[c] * part for c, part in counted.items())
    whole = sum(weight.values())
    return Scores(
        **{c.value: None if part is None else int(part) for c, part in parts.items()},
        total=int(total / whole) if whole else 0,
    )


def category_score(checks: Iterable[Check], category: Category) -> Fraction | None:
    """Return 0 to 100, the mean over levels of the mean over checks; None if none."""
    points: dict[int, list[Fraction]] = {}
    for check in checks:
        if check.category is category:
            points.setdefault(check.level, []).append(Fraction(check.points))
    if not points:
        return None
    return 100 * mean([mean(level) for level in points.values()])


def mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def levels_of(checks: Sequence[Check], titles: dict[int, str]) -> tuple[Level, ...]:
    """Return how many of the checks of each level pass."""
    return tuple(
        Level(
            number,
            title,
            passed=sum(check.passed for check in checks if check.level == number),
            total=sum(check.level == number for check in checks),
        )
        for number, title in titles.items()
        if any(check.level == number for check in checks)
    )
