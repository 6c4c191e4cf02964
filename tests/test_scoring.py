"""The arithmetic of scores."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graders.kata import Weights
from graders.results import Category, Check, Level, Scores, Verdict
from graders.scoring import category_score, levels_of, scores_of

CORRECT, EDGE, FAST = Category


def checks(category: Category, **levels: Sequence[float]) -> list[Check]:
    """Return checks with these points; `checks(EDGE, l2=[1, 0])` are two of level 2."""
    return [
        Check(f"{category}{level}", "", int(level[1:]), category, verdict(p), points=p)
        for level, points in levels.items()
        for p in points
    ]


def verdict(points: float) -> Verdict:
    return Verdict.PASS if points == 1 else Verdict.FAIL


def test_all_passing_is_100() -> None:
    """Full points in each category give 100 in each and in total."""
    full = [
        *checks(CORRECT, l1=[1, 1, 1]),
        *checks(EDGE, l1=[1]),
        *checks(FAST, l1=[1]),
    ]
    assert scores_of(full, Weights()) == Scores(100, 100, 100, 100)


def test_all_failing_is_0() -> None:
    """No points at all give 0, which is not None."""
    assert scores_of(checks(CORRECT, l1=[0, 0]), Weights()) == Scores(0, None, None, 0)


@pytest.mark.parametrize(
    ("levels", "score"),
    [
        ({"l1": [1, 1, 0]}, 66),
        ({"l1": [1] * 9, "l2": [0]}, 50),
        ({"l1": [1] * 9, "l2": [0], "l3": [0]}, 33),
        ({"l1": [1], "l4": [1, 0]}, 75),
        ({"l1": [1] * 199 + [0]}, 99),
        ({"l1": [0.5, 0.25]}, 37),
    ],
)
def test_levels_count_alike(levels: dict[str, list[float]], score: int) -> None:
    """A category is the mean over levels of the mean over checks, rounded down."""
    assert scores_of(checks(CORRECT, **levels), Weights()).correctness == score


def test_the_total_is_weighed() -> None:
    """The total weighs each category as the kata says, rounded down once."""
    some = [*checks(CORRECT, l1=[1]), *checks(EDGE, l1=[0]), *checks(FAST, l1=[0.99])]
    assert scores_of(some, Weights()).total == 74
    assert scores_of(some, Weights(20, 30, 50)).total == 69


def test_an_absent_category_has_no_weight() -> None:
    """A category without checks is None, and the others make up the whole."""
    some = [*checks(CORRECT, l1=[1]), *checks(FAST, l1=[0])]
    assert scores_of(some, Weights(50, 25, 25)) == Scores(100, None, 0, 66)


def test_rounding_never_rounds_up() -> None:
    """One check short of everything is not 100."""
    almost = checks(CORRECT, l1=[1] * 999 + [0])
    assert scores_of(almost, Weights()).total == 99


def test_thirds_are_exact() -> None:
    """Three levels of which all pass make 100, not 99."""
    thirds = checks(CORRECT, l1=[1], l2=[1], l3=[1])
    assert category_score(thirds, CORRECT) == 100


def test_no_checks_score_nothing() -> None:
    """Without any checks there is a total of 0 and no categories."""
    assert scores_of([], Weights()) == Scores(None, None, None, 0)


def test_only_the_heavy_counts() -> None:
    """A category of weight 0 has a score that does not enter the total."""
    some = [*checks(CORRECT, l1=[1]), *checks(EDGE, l1=[0])]
    assert scores_of(some, Weights(100, 0, 0)) == Scores(100, 0, None, 100)
    assert scores_of(checks(EDGE, l1=[1]), Weights(100, 0, 0)).total == 0


def test_levels_count_their_checks() -> None:
    """A level tells how many checks pass, in all categories; one without is absent."""
    some = [*checks(CORRECT, l1=[1, 0], l3=[0]), *checks(FAST, l1=[0.9])]
    titles = {1: "One", 2: "Two", 3: "Three"}
    assert levels_of(some, titles) == (Level(1, "One", 1, 3), Level(3, "Three", 0, 1))
