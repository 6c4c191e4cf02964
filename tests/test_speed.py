"""How timings become a verdict, and that growth is told apart whatever the load."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from conftest import CLIMB, QUADRATIC, REFERENCE, climbing_after

from graders.candidate import Answer, Candidate
from graders.checks import GraderFault, Judged
from graders.judges import Judges
from graders.results import SizePoint, Timing, Verdict
from graders.sandbox.host import AnswerStopped, Patience
from graders.speed import (
    GROWTH_LIMIT,
    GROWTH_POINTS,
    SETUP_FACTOR,
    Different,
    Sample,
    Samples,
    Speed,
    outcome_of,
    points_of,
    same,
    slope,
    tier_of,
)

MS = 1e6


def timing(ratios: list[float], sizes: tuple[int, ...] = (100, 200, 400)) -> Timing:
    """Return the timing of an answer with these ratios to a linear reference."""
    points = tuple(
        SizePoint(n, n * ratio, float(n), 1)
        for n, ratio in zip(sizes, ratios, strict=True)
    )
    growth = slope([(point.n, point.ratio) for point in points])
    return Timing("", "", points, growth, None, None, ratios[-1], "")


def unmeasured() -> Speed:
    nothing: Any = None
    return Speed(
        nothing, nothing, answer=nothing, reference=nothing, budget=1.5, seed=1
    )


def samples(n: int, answer_ms: float, reference_ms: float) -> Samples:
    def sample(ms: float) -> Sample:
        return Sample(total=(ms + 1) * MS, timed=ms * MS, setup=0.0)

    return Samples(n, [], [sample(answer_ms)], [sample(reference_ms)])


# Slope, points, tiers


@pytest.mark.parametrize("power", [0, 0.5, 1, 2, -1])
def test_a_slope_is_the_power(power: float) -> None:
    """The slope over logarithms is the power with which something grows."""
    found = slope([(n, 7 * n**power) for n in (100, 200, 800)])
    assert found == pytest.approx(power, abs=1e-9)


def test_one_point_has_no_slope() -> None:
    """A single size, or none, says nothing of growth."""
    assert slope([(1, 1)]) is None
    assert slope([]) is None


def test_a_slope_does_not_depend_on_units() -> None:
    """Milliseconds and nanoseconds have the same growth."""
    points = [(1, 3.0), (2, 5.0), (4, 11.0)]
    scaled = [(n, 1e6 * y) for n, y in points]
    assert slope(scaled) == pytest.approx(slope(points))


@pytest.mark.parametrize(
    ("ratio", "points"),
    [(0.1, 1.0), (1.5, 1.0), (3.0, 0.85), (6.0, 0.7), (12.0, 0.55), (99.0, 0.5)],
)
def test_points_fall_with_doublings(ratio: float, points: float) -> None:
    """Up to the budget all points, then 0.15 less for each doubling, at least half."""
    assert points_of(ratio, 1.5) == pytest.approx(points)


def test_a_wider_budget_moves_the_points() -> None:
    """Points depend on the ratio as a multiple of the budget only."""
    assert points_of(8.0, 4.0) == pytest.approx(points_of(3.0, 1.5))


@pytest.mark.parametrize(
    ("ratio", "tier"),
    [
        (0.5, "A"),
        (1.5, "A"),
        (1.6, "B"),
        (3.0, "B"),
        (6.0, "C"),
        (6.1, "D"),
        (1e9, "D"),
    ],
)
def test_a_tier_is_the_ratios(ratio: float, tier: str) -> None:
    """Tiers A to D go by the ratio at the largest size; E is the wrong growth."""
    assert tier_of(ratio, 0.0) == tier
    assert tier_of(ratio, None) == tier
    assert tier_of(ratio, GROWTH_LIMIT + 0.01) == "E"


# From timings to an outcome


def test_the_right_growth_passes() -> None:
    """An answer that grows like the reference passes, however slow it is."""
    outcome = outcome_of(timing([3.0, 3.0, 3.0]), 1.5)
    assert outcome.verdict is Verdict.PASS
    assert outcome.points == pytest.approx(0.85)
    assert outcome.message == "3.00x the reference's time"


def test_the_wrong_growth_fails() -> None:
    """An answer that grows faster fails, with both growths in words."""
    outcome = outcome_of(timing([0.01, 0.02, 0.04]), 1.5)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.points == GROWTH_POINTS
    assert outcome.message == (
        "Grows too fast: 2x the input takes 4x the time (the reference: 2x)."
    )


def test_a_check_has_its_own_limit() -> None:
    """A growth up to the check's limit passes, with a tier by its ratio."""
    between = timing([1.0, 1.4, 2.0])  # 0.5
    assert outcome_of(between, 3).verdict is Verdict.FAIL
    assert outcome_of(between, 3, limit=0.6).verdict is Verdict.PASS
    assert outcome_of(timing([1.0, 1.7, 2.9]), 3, limit=0.6).verdict is Verdict.FAIL
    assert tier_of(2.0, 0.5, limit=0.6) == "B"


def test_a_slower_growth_passes() -> None:
    """An answer that grows more slowly than the reference passes."""
    assert outcome_of(timing([4.0, 2.0, 1.0]), 1.5).verdict is Verdict.PASS


@pytest.mark.parametrize("sizes", [(), (100,)])
def test_too_few_sizes_are_no_measurement(sizes: tuple[int, ...]) -> None:
    """One size has no growth: that is neither a pass nor a fail."""
    some = timing([1.0] * len(sizes), sizes) if sizes else None
    outcome = outcome_of(some, 1.5)
    assert outcome.verdict is Verdict.NOT_MEASURED
    assert outcome.points == 0


def test_a_timing_is_of_the_last_three_sizes() -> None:
    """Growth looks at the last three sizes, the ratio at the last."""
    speed = unmeasured()
    speed.measured = [
        samples(100, 900, 1),
        *(samples(n, 2 * n, n) for n in (200, 400, 800)),
    ]
    found = speed.timing
    assert found is not None
    assert found.growth == pytest.approx(0)
    assert found.answer_growth == pytest.approx(1)
    assert found.reference_growth == pytest.approx(1)
    assert found.ratio == pytest.approx(2)
    assert found.tier == "B"
    assert len(found.sizes) == 4
    assert found.answer_samples_ms == (1600.0,)


def test_nothing_measured_has_no_timing() -> None:
    """Without a measured size there is no timing."""
    assert unmeasured().timing is None


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Different(), Verdict.FAIL),
        (AnswerStopped(Verdict.MEMORY, "Too much."), Verdict.MEMORY),
    ],
)
def test_what_ends_a_timing_is_its_outcome(
    error: BaseException, verdict: Verdict
) -> None:
    """Wrong results and a stopped answer have no points, whatever was measured."""
    speed = unmeasured()
    speed.measured = [samples(n, n, n) for n in (100, 200)]
    outcome = speed.outcome(error)
    assert (outcome.verdict, outcome.points) == (verdict, 0)


def test_other_errors_are_the_graders() -> None:
    """An exception that no answer can cause is a fault of the grader."""
    with pytest.raises(GraderFault, match="KeyError"):
        unmeasured().outcome(KeyError("a"))


# What a sample costs


def test_only_timed_requests_cost() -> None:
    """Bringing requests in and results out is free as far as the reference needs it."""
    side = Sample(total=15 * MS, timed=10 * MS, setup=0)
    found = Samples(1, [], answer=[side], reference=[side])
    assert found.allowance == 5 * MS
    assert found.costs(found.answer) == [10 * MS]


def test_work_outside_timed_requests_is_charged() -> None:
    """CPU time beyond the allowance is charged, wherever the answer hides it."""
    reference = Sample(total=15 * MS, timed=10 * MS, setup=0)
    hidden = Sample(total=45 * MS, timed=10 * MS, setup=0)
    found = Samples(1, [], answer=[hidden], reference=[reference])
    assert found.costs(found.answer) == [40 * MS]
    assert found.costs(found.reference) == [10 * MS]


def test_setting_up_may_take_longer() -> None:
    """Preparing may cost an answer many times what it costs the reference."""
    reference = Sample(total=12 * MS, timed=10 * MS, setup=1 * MS)
    allowed = (1 + SETUP_FACTOR) * MS
    for extra in (0.0, 3 * MS):
        total = 10 * MS + allowed + extra
        slow = Sample(total, timed=10 * MS, setup=allowed - MS + extra)
        found = Samples(1, [], answer=[slow], reference=[reference])
        assert found.costs(found.answer) == [10 * MS + extra]


def test_heavier_objects_are_no_fault() -> None:
    """Preparing may take what it took at the smallest size, twice that for growth."""

    def preparing(ms: float) -> Sample:
        return Sample(total=(1 + ms) * MS, timed=1 * MS, setup=ms * MS)

    smallest = Samples(100, [], [preparing(30)], [preparing(1)])
    factor = smallest.fair_setup_factor()
    assert factor == 60
    for ms, charged_ms in ((400, 0), (600, 0), (650, 50)):
        larger = Samples(1000, [], [preparing(ms)], [preparing(10)], factor)
        assert larger.point.answer_ms == pytest.approx(1 + charged_ms)
    assert Samples(9, [], [preparing(1)], [preparing(1)]).fair_setup_factor() == (
        SETUP_FACTOR
    )


def test_a_size_that_is_not_ended_has_a_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is stopped at a large size has used that much at least."""
    speed = unmeasured()

    def sample(answer: Answer, tape: Any) -> Sample:
        n = sizes[len(speed.measured)]
        if n == 400:
            stopped = AnswerStopped(Verdict.TIMEOUT, "no answer")
            stopped.used_s = 6.0
            raise stopped
        return Sample(total=n * MS, timed=n * MS, setup=0)

    sizes = (100, 200, 400, 800)
    recorded = Sample(total=10 * MS, timed=10 * MS, setup=0)
    monkeypatch.setattr(speed, "record", lambda work, n: ([], recorded))
    monkeypatch.setattr(speed, "sample", sample)
    speed.compare(lambda candidate, n, seed: None, sizes)
    assert [samples.n for samples in speed.measured] == [100, 200, 400]
    assert speed.measured[-1].point.answer_ms == 6000
    assert speed.outcome(None).verdict is Verdict.FAIL


def test_the_best_sample_counts() -> None:
    """A point has the smallest cost of each side, whatever disturbed the others."""
    found = samples(100, 4, 2)
    disturbed = replace(found.answer[0], total=99 * MS, timed=90 * MS)
    found.answer.append(disturbed)
    found.reference.append(disturbed)
    assert found.point == SizePoint(100, 4, 2, 2)


def test_a_prediction_follows_the_growth() -> None:
    """The next size is predicted from the answer's own growth, at least linear."""
    speed = unmeasured()
    assert speed._predicted_s(100) == 0
    speed.measured = [samples(100, 10, 1), samples(200, 40, 2)]
    assert speed._predicted_s(400) == pytest.approx(0.16)
    speed.measured = [samples(100, 10, 1), samples(200, 10, 2)]
    assert speed._predicted_s(400) == pytest.approx(0.02)


def test_a_costly_size_is_left_out_when_the_growth_is_known() -> None:
    """While the growth is in doubt a size may cost three times as much."""
    speed = unmeasured()
    for growth, costs_s in ((0.0, 1.0), (0.4, 3.0), (1.5, 1.0)):
        speed.measured = [samples(n, n * (n / 200) ** growth, n) for n in (100, 200)]
        n = 200 * (costs_s / 0.2) ** (1 / (1 + growth))
        assert not speed._is_left_out(int(n * 0.99))
        assert speed._is_left_out(int(n * 1.01) + 1)


@pytest.mark.parametrize(
    ("growth", "quiet", "busy"),
    [(0.0, 0, 2), (0.3, 9, 9), (0.5, 9, 9), (1.0, 1, 2)],
)
def test_doubt_asks_for_more_rounds(growth: float, quiet: int, busy: int) -> None:
    """A growth near the limit is measured on and on, one too large once more at least.

    On a busy machine no single sample decides anything.
    """
    speed = unmeasured()
    speed.measured = [samples(n, n * n**growth, n) for n in (100, 200, 400)]
    for most, is_busy in ((quiet, False), (busy, True)):
        asked = [speed._is_in_doubt(rounds, is_busy) for rounds in range(9)]
        assert asked == [True] * most + [False] * (9 - most)
    speed.limit += 0.5
    assert speed._is_in_doubt(1, busy=False) == (growth == 1.0)


# Through the whole engine


def timed(judges: Judges, source: str) -> Judged:
    assert judges.prepare(Answer(source)) is None
    (judged,) = judges.run(["climbing_is_linear"], seed=1)
    return judged


def test_a_linear_answer_passes(judges: Judges) -> None:
    """An answer that does three times the work passes with about that ratio."""
    judged = timed(judges, climbing_after("range(800 * n)"))
    assert judged.check.verdict is Verdict.PASS
    assert judged.timing is not None
    assert judged.timing.growth is not None
    assert abs(judged.timing.growth) < GROWTH_LIMIT
    assert judged.timing.ratio is not None
    assert 2 < judged.timing.ratio < 5
    assert 0.5 < judged.check.points < 1


def test_a_quadratic_answer_fails(judges: Judges) -> None:
    """An answer of another growth fails, with a tier of its own."""
    judged = timed(judges, climbing_after(QUADRATIC))
    assert judged.check.verdict is Verdict.FAIL
    assert judged.check.message.startswith("Grows too fast: 3x the input takes ")
    assert judged.check.points == GROWTH_POINTS
    assert judged.timing is not None
    assert judged.timing.tier == "E"
    assert judged.timing.growth is not None
    assert judged.timing.growth > GROWTH_LIMIT
    assert judged.timing.reference_growth is not None
    assert math.isclose(judged.timing.reference_growth, 1, abs_tol=0.4)


def test_iterators_are_the_same_result(judges: Judges) -> None:
    """Iterators of other classes, or inside of lists, are no different results."""
    reader = Candidate(judges.kata.contract, Answer(""), judges.zygotes[0], Patience(0))
    ours, theirs = (
        msgspec.msgpack.encode(["ok", [1, {"it": [-1, name]}]])
        for name in ("generator", "Numbers")
    )
    other = msgspec.msgpack.encode(["ok", [1, {"it": [-2, "generator"]}]])
    assert same(reader, ours, theirs)
    assert not same(reader, ours, other)


def test_different_results_have_no_speed(judges: Judges) -> None:
    """An answer that is fast because it is wrong is not timed."""
    judged = timed(judges, REFERENCE.replace(CLIMB, "range(n > 1)"))
    assert judged.check.verdict is Verdict.FAIL
    assert judged.check.message.endswith("a wrong answer has no speed.")
    assert judged.check.points == 0
    assert judged.timing is None
