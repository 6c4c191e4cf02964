"""What has to hold at the edges: odd clocks, huge numbers, nothing, bad arguments."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from oracle import NEVER
from strategies import (
    BUCKET_STORY,
    EPOCH,
    LIMITER_STORY,
    TURNED_STORY,
    WINDOW_STORY,
    BucketRule,
    Script,
    WindowRule,
    bucket_rules,
    expect_fields,
    nothing_and_too_large_too,
    rules,
    scripts,
    several_rules,
    together,
    up_to_limit,
    window_rules,
)

from graders.laws import check, expect, refused

small = st.integers(1, 4)
below_zero = st.integers(-9, -1)
zero_or_below = st.integers(-9, 0)
large_times = st.sampled_from([EPOCH, 10**18, 10**30])
negative_times = st.sampled_from([-1, -7, -20, -EPOCH])
any_text = st.text("aA0 é\u0301\x00🦀", max_size=3)
any_keys = st.lists(any_text, unique=True, min_size=1, max_size=8)
LOOKALIKES = ["", " ", "a", "A", "a ", "0", "00", "é", "e\u0301", "\x00", "None", "🦀"]
FIELDS = ("allowed", "retry_after", "remaining")


def expect_nothing_taken(candidate: Any, made: Any, clock: Any, most: int) -> None:
    """Demand that calls of cost 0 are allowed and take nothing, used up or not."""
    nothing, some = made.check.at(0, "a", 0), made.check.at(0, "a")
    steps = [nothing, nothing, some, nothing, *[some] * (most - 1), nothing, nothing]
    results = candidate.play(clock, steps)
    for place, left in [(0, most), (1, most), (3, most - 1), (-2, 0), (-1, 0)]:
        why = f"cost 0 while {left} of {most} units are left"
        got = results[place]
        expect(got, allowed=True, retry_after=0, remaining=left, why=why)


def expect_negative_refused(candidate: Any, made: Any, cost: int, most: int) -> None:
    """Demand that a negative cost is refused, and gives nothing."""
    with refused(candidate, naming=cost):
        made.check("a", cost)
    made.check("a")
    with refused(candidate, naming=cost):
        made.check("a", cost)
    why = f"1 of {most} taken before, and the refused call changes nothing"
    expect(made.check("a", most), allowed=False, remaining=most - 1, why=why)


def expect_told_apart(candidate: Any, made: Any, clock: Any, keys: list[str]) -> None:
    """Demand that each key has its one unit, and only one."""
    results = candidate.play(clock, [made.check.at(0, key) for key in keys * 2])
    for place, got in enumerate(results):
        new = place < len(keys)
        call = "first" if new else "second"
        expect(got, allowed=new, why=f"{call} call for this key, of 1 unit")


def expect_works(made: Any) -> None:
    """Demand that what was made with good arguments decides, and was not refused."""
    expect(made.check("a"), allowed=True, remaining=2, why="1 of 3 taken")


def expect_all_denied(candidate: Any, made: Any, clock: Any, cost: int) -> None:
    """Demand that nothing is ever allowed, except for a cost of 0."""
    steps = [made.check.at(at, "a", cost) for at in (0, 1, 1000)]
    *denied, nothing = candidate.play(clock, [*steps, made.check.at(1000, "a", 0)])
    for got in denied:
        why = "no unit is ever to be had"
        expect(got, allowed=False, retry_after=NEVER, remaining=0, why=why)
    expect(nothing, allowed=True, retry_after=0, remaining=0, why="cost 0")


# Level 1: the sliding window


@given(limit=small, over=st.integers(1, 9), before=st.integers(0, 3))
@example(limit=1, over=1, before=0)
@check(level=1, category="edge_cases", examples=10)
def test_window_cost_above_limit(candidate, limit, over, before):
    """A cost above a window's `limit` is never allowed: -1, and nothing is taken."""
    before = min(before, limit)
    clock = candidate.clock()
    window = candidate.SlidingWindow(limit, 10, clock)
    steps = [window.check.at(0, "a")] * before
    steps += [window.check.at(0, "a", limit + over)] * 2
    for got in candidate.play(clock, steps)[before:]:
        why = f"{limit + over} units, limit {limit}, {before} taken"
        left = limit - before
        expect(got, allowed=False, retry_after=NEVER, remaining=left, why=why)


@given(limit=small)
@example(limit=1)
@check(level=1, category="edge_cases", examples=4)
def test_window_cost_of_nothing(candidate, limit):
    """A window allows a call of cost 0 always, and it takes nothing."""
    clock = candidate.clock()
    window = candidate.SlidingWindow(limit, 10, clock)
    expect_nothing_taken(candidate, window, clock, limit)


@given(cost=small)
@example(cost=1)
@check(level=1, category="edge_cases", examples=3)
def test_window_limit_of_nothing(candidate, cost):
    """A window of limit 0 is fine; it denies all that costs anything, for ever."""
    clock = candidate.clock()
    window = candidate.SlidingWindow(0, 10, clock)
    expect_all_denied(candidate, window, clock, cost)


@given(script=scripts(window_rules, up_to_limit, keys="a", back=True))
@example(script=Script(WindowRule(1, 5), [(5, "a", 1), (-5, "a", 1)]))
@example(script=Script(WindowRule(2, 5), [(9, "a", 1), (-9, "a", 1), (5, "a", 2)]))
@example(script=WINDOW_STORY)
@check(level=1, category="edge_cases")
def test_window_clock_goes_back(candidate, script):
    """While the clock is behind an earlier reading, time stands still for a window."""
    expect_fields(candidate, script, "allowed", "remaining")


@given(script=scripts(window_rules, nothing_and_too_large_too, back=True))
@example(
    script=Script(
        WindowRule(1, 5), [(0, "a", 1), (5, "b", 1), (-1, "a", 1), (5, "a", 1)]
    )
)
@example(script=Script(WindowRule(1, 5), [(0, "a", 1), (5, "b", 0), (-1, "a", 1)]))
@example(script=Script(WindowRule(1, 5), [(0, "a", 1), (5, "b", 2), (-1, "a", 1)]))
@example(script=WINDOW_STORY)
@check(level=1, category="edge_cases", examples=25)
def test_window_clock_is_one_for_all_keys(candidate, script):
    """The latest time that any call of a window has read counts for all its keys."""
    expect_fields(candidate, script, "allowed", "remaining")


@given(script=scripts(window_rules, up_to_limit, back=True))
@example(script=Script(WindowRule(1, 9), [(9, "a", 1), (-4, "a", 1)]))
@example(script=WINDOW_STORY)
@check(level=1, category="edge_cases", examples=25)
def test_window_wait_counts_from_the_latest_time(candidate, script):
    """While a window's time stands still, `retry_after` counts from the latest time."""
    expect_fields(candidate, script, "retry_after")


@given(script=scripts(window_rules, up_to_limit), start=negative_times)
@example(
    script=Script(WindowRule(1, 5), [(0, "a", 1), (4, "a", 1), (1, "a", 1)]), start=-20
)
@example(script=WINDOW_STORY, start=-1)
@check(level=1, category="edge_cases", examples=20)
def test_window_times_below_zero(candidate, script, start):
    """A window works with a clock that reads less than 0."""
    expect_fields(candidate, script, *FIELDS, start=start)


@given(script=scripts(window_rules, up_to_limit), start=large_times)
@example(
    script=Script(WindowRule(1, 5), [(0, "a", 1), (4, "a", 1), (1, "a", 1)]),
    start=10**30,
)
@example(script=WINDOW_STORY, start=EPOCH)
@check(level=1, category="edge_cases", examples=20)
def test_window_large_times(candidate, script, start):
    """A window is exact at times as large as microseconds since 1970, and larger."""
    expect_fields(candidate, script, *FIELDS, start=start)


@given(limit=st.integers(10**16, 10**30), window=st.integers(10**16, 10**30))
@example(limit=10**30 + 1, window=10**30 + 1)
@check(level=1, category="edge_cases", examples=5)
def test_window_large_limits(candidate, limit, window):
    """A window is exact for limits and windows of any size."""
    steps = [(1, "a", 2), (1, "a", 1), (window - 2, "a", 1), (1, "a", 1)]
    expect_fields(candidate, Script(WindowRule(limit, window), steps), *FIELDS)
    steps = [(1, "a", 1), (window - 1, "a", 1), (1, "a", 1)]
    expect_fields(candidate, Script(WindowRule(1, window), steps), *FIELDS)


@given(keys=any_keys)
@example(keys=LOOKALIKES)
@check(level=1, category="edge_cases", examples=10)
def test_window_keys_are_any_text(candidate, keys):
    """A key is any text, also the empty one; texts that only look alike differ."""
    clock = candidate.clock()
    window = candidate.SlidingWindow(1, 10, clock)
    expect_told_apart(candidate, window, clock, keys)


@given(limit=below_zero)
@example(limit=-1)
@check(level=1, category="edge_cases", examples=3)
def test_window_refuses_limit(candidate, limit):
    """A window's limit below 0 is a ValueError that names it."""
    with refused(candidate, naming=limit):
        candidate.SlidingWindow(limit, 10, candidate.clock())
    expect_works(candidate.SlidingWindow(3, 10, candidate.clock()))


@given(window=zero_or_below)
@example(window=0)
@example(window=-5)
@check(level=1, category="edge_cases", examples=3)
def test_window_refuses_window(candidate, window):
    """A window of 0 microseconds or less is a ValueError that names it."""
    with refused(candidate, naming=window):
        candidate.SlidingWindow(3, window, candidate.clock())
    expect_works(candidate.SlidingWindow(3, 1, candidate.clock()))


@given(cost=below_zero, limit=small)
@example(cost=-1, limit=1)
@check(level=1, category="edge_cases", examples=3)
def test_window_refuses_cost(candidate, cost, limit):
    """A window answers a cost below 0 with a ValueError that names it."""
    window = candidate.SlidingWindow(limit, 10, candidate.clock())
    expect_negative_refused(candidate, window, cost, limit)


# Level 2: the token bucket


@given(burst=small, over=st.integers(1, 9), before=st.integers(0, 3))
@example(burst=1, over=1, before=0)
@check(level=2, category="edge_cases", examples=10)
def test_bucket_cost_above_burst(candidate, burst, over, before):
    """A cost above a bucket's `burst` is never allowed: -1, and nothing is taken."""
    before = min(before, burst)
    clock = candidate.clock()
    bucket = candidate.TokenBucket(1, 10, burst, clock)
    steps = [bucket.check.at(0, "a")] * before
    steps += [bucket.check.at(0, "a", burst + over)] * 2
    for got in candidate.play(clock, steps)[before:]:
        why = f"{burst + over} tokens, burst {burst}, {before} taken"
        left = burst - before
        expect(got, allowed=False, retry_after=NEVER, remaining=left, why=why)


@given(burst=small)
@example(burst=1)
@check(level=2, category="edge_cases", examples=4)
def test_bucket_cost_of_nothing(candidate, burst):
    """A bucket allows a call of cost 0 always, and it takes nothing."""
    clock = candidate.clock()
    bucket = candidate.TokenBucket(1, 10, burst, clock)
    expect_nothing_taken(candidate, bucket, clock, burst)


@given(cost=small)
@example(cost=1)
@check(level=2, category="edge_cases", examples=3)
def test_bucket_burst_of_nothing(candidate, cost):
    """A bucket of burst 0 is fine; it denies all that costs anything, for ever."""
    clock = candidate.clock()
    bucket = candidate.TokenBucket(3, 1, 0, clock)
    expect_all_denied(candidate, bucket, clock, cost)


@given(script=scripts(bucket_rules, up_to_limit, keys="a", back=True))
@example(script=Script(BucketRule(1, 2, 2), [(8, "a", 1), (-6, "a", 1), (0, "a", 1)]))
@example(script=Script(BucketRule(1, 4, 1), [(8, "a", 1), (-8, "a", 1), (8, "a", 1)]))
@example(script=BUCKET_STORY)
@check(level=2, category="edge_cases")
def test_bucket_clock_goes_back(candidate, script):
    """While the clock is behind an earlier reading, time stands still for a bucket."""
    expect_fields(candidate, script, "allowed", "remaining")


@given(script=scripts(bucket_rules, nothing_and_too_large_too, back=True))
@example(script=Script(BucketRule(1, 4, 1), [(0, "a", 1), (4, "b", 1), (-1, "a", 1)]))
@example(script=Script(BucketRule(1, 4, 1), [(0, "a", 1), (4, "b", 0), (-1, "a", 1)]))
@example(script=Script(BucketRule(1, 4, 1), [(0, "a", 1), (4, "b", 2), (-1, "a", 1)]))
@example(script=BUCKET_STORY)
@check(level=2, category="edge_cases", examples=25)
def test_bucket_clock_is_one_for_all_keys(candidate, script):
    """The latest time that any call of a bucket has read counts for all its keys."""
    expect_fields(candidate, script, *FIELDS)


@given(script=scripts(bucket_rules, up_to_limit), start=negative_times)
@example(script=Script(BucketRule(1, 5, 1), [(0, "a", 1), (4, "a", 1)]), start=-20)
@example(script=BUCKET_STORY, start=-1)
@check(level=2, category="edge_cases", examples=20)
def test_bucket_times_below_zero(candidate, script, start):
    """A bucket works with a clock that reads less than 0."""
    expect_fields(candidate, script, *FIELDS, start=start)


@given(rule=bucket_rules, step=st.integers(1, 3), start=large_times)
@example(rule=BucketRule(1, 3, 2), step=1, start=EPOCH)
@example(rule=BucketRule(2, 7, 3), step=1, start=EPOCH)
@check(level=2, category="edge_cases", examples=15)
def test_bucket_large_times(candidate, rule, step, start):
    """A bucket gains and loses no part of a token at microseconds since 1970."""
    script = Script(rule, [(step, "a", 1)] * 40)
    expect_fields(candidate, script, *FIELDS, start=start)


@given(large=st.integers(10**16, 10**30), extra=small)
@example(large=10**30, extra=1)
@check(level=2, category="edge_cases", examples=8)
def test_bucket_large_numbers(candidate, large, extra):
    """A bucket is exact for rates, bursts, costs and pauses of any size."""
    rule = BucketRule(large + extra, large, large)
    steps = [(0, "a", large - 1), (1, "a", 3), (1, "a", large), (large, "a", large)]
    expect_fields(candidate, Script(rule, steps), *FIELDS)
    steps = [(0, "a", 1), (0, "a", 1), (large, "a", 1), (extra, "a", 1)]
    expect_fields(candidate, Script(BucketRule(1, large + extra, 1), steps), *FIELDS)


@given(keys=any_keys)
@example(keys=LOOKALIKES)
@check(level=2, category="edge_cases", examples=5)
def test_bucket_keys_are_any_text(candidate, keys):
    """A bucket's key is any text, also the empty one; no two share their tokens."""
    clock = candidate.clock()
    bucket = candidate.TokenBucket(1, 10, 1, clock)
    expect_told_apart(candidate, bucket, clock, keys)


@given(refill=zero_or_below)
@example(refill=0)
@example(refill=-5)
@check(level=2, category="edge_cases", examples=3)
def test_bucket_refuses_refill(candidate, refill):
    """A bucket's refill of 0 or less is a ValueError that names it."""
    with refused(candidate, naming=refill):
        candidate.TokenBucket(refill, 10, 3, candidate.clock())
    expect_works(candidate.TokenBucket(1, 10, 3, candidate.clock()))


@given(per=zero_or_below)
@example(per=0)
@example(per=-5)
@check(level=2, category="edge_cases", examples=3)
def test_bucket_refuses_per(candidate, per):
    """A bucket's `per` of 0 or less is a ValueError that names it."""
    with refused(candidate, naming=per):
        candidate.TokenBucket(1, per, 3, candidate.clock())
    expect_works(candidate.TokenBucket(1, 1, 3, candidate.clock()))


@given(burst=below_zero)
@example(burst=-1)
@check(level=2, category="edge_cases", examples=3)
def test_bucket_refuses_burst(candidate, burst):
    """A bucket's burst below 0 is a ValueError that names it."""
    with refused(candidate, naming=burst):
        candidate.TokenBucket(1, 10, burst, candidate.clock())
    expect_works(candidate.TokenBucket(1, 10, 3, candidate.clock()))


@given(cost=below_zero, burst=small)
@example(cost=-1, burst=1)
@check(level=2, category="edge_cases", examples=3)
def test_bucket_refuses_cost(candidate, cost, burst):
    """A bucket answers a cost below 0 with a ValueError that names it."""
    bucket = candidate.TokenBucket(1, 10, burst, candidate.clock())
    expect_negative_refused(candidate, bucket, cost, burst)


# Level 3: several rules at once


def limiter_of(candidate: Any, clock: Any, most: int, **settings: int) -> Any:
    """Return a limiter whose window and bucket both allow `most` for now."""
    window = candidate.SlidingWindow(most, 1000, clock)
    bucket = candidate.TokenBucket(1, 1000, most, clock)
    return candidate.Limiter(window, bucket, **settings)


@given(script=scripts(several_rules, up_to_limit, keys="a", back=True))
@example(
    script=Script(
        together(WindowRule(2, 5), BucketRule(1, 2, 3)),
        [(9, "a", 1), (-9, "a", 1), (5, "a", 2)],
    )
)
@example(script=LIMITER_STORY)
@example(script=TURNED_STORY)
@check(level=3, category="edge_cases", examples=30)
def test_limiter_clock_goes_back(candidate, script):
    """While the clock is behind an earlier reading, time stands still for a limiter."""
    expect_fields(candidate, script, *FIELDS)


@given(script=scripts(several_rules, nothing_and_too_large_too, back=True))
@example(
    script=Script(
        together(WindowRule(1, 5), BucketRule(1, 5, 1)),
        [(0, "a", 1), (5, "b", 1), (-1, "a", 1), (5, "a", 1)],
    )
)
@example(
    script=Script(
        together(BucketRule(1, 4, 2)), [(0, "a", 2), (4, "b", 0), (-1, "a", 1)]
    )
)
@example(
    script=Script(
        together(BucketRule(1, 4, 2)), [(0, "a", 2), (4, "b", 3), (-1, "a", 1)]
    )
)
@example(script=LIMITER_STORY)
@example(script=TURNED_STORY)
@check(level=3, category="edge_cases", examples=30)
def test_limiter_clock_is_one_for_all_keys(candidate, script):
    """The latest time that any call of a limiter has read counts for all its keys."""
    expect_fields(candidate, script, *FIELDS)


@given(
    script=scripts(several_rules, up_to_limit),
    start=large_times | negative_times,
)
@example(
    script=Script(
        together(WindowRule(1, 5), BucketRule(1, 3, 2)),
        [(0, "a", 1), (4, "a", 1), (1, "a", 1)],
    ),
    start=-20,
)
@example(script=LIMITER_STORY, start=-1)
@example(script=TURNED_STORY, start=-1)
@check(level=3, category="edge_cases", examples=20)
def test_limiter_takes_any_time(candidate, script, start):
    """A limiter is exact at times below 0 and at very large ones."""
    expect_fields(candidate, script, *FIELDS, start=start)


@given(keys=any_keys)
@example(keys=[""])
@example(keys=LOOKALIKES)
@check(level=3, category="edge_cases", examples=5)
def test_limiter_keys_are_any_text(candidate, keys):
    """A limiter's key is any text, also the empty one, for `refund` and `keys` too."""
    clock = candidate.clock()
    limiter = limiter_of(candidate, clock, 1)
    expect_told_apart(candidate, limiter, clock, keys)
    expect(limiter.keys(), len(keys), why="each key took its unit just now")
    candidate.play(clock, [limiter.refund.at(0, keys[0])])
    got = limiter.check(keys[0])
    expect(got, allowed=True, why="its unit was refunded")


@given(most=small)
@example(most=1)
@check(level=3, category="edge_cases", examples=4)
def test_limiter_cost_of_nothing(candidate, most):
    """A limiter allows a call of cost 0 always, and it takes nothing."""
    clock = candidate.clock()
    limiter = limiter_of(candidate, clock, most)
    expect_nothing_taken(candidate, limiter, clock, most)


@given(keys=st.lists(any_text, unique=True, min_size=1, max_size=5))
@example(keys=["a", "b"])
@check(level=3, category="edge_cases", examples=5)
def test_limiter_holds_nothing_for_nothing(candidate, keys):
    """A call of cost 0 makes no key be held."""
    clock = candidate.clock()
    limiter = limiter_of(candidate, clock, 1)
    candidate.play(clock, [limiter.check.at(0, key, 0) for key in keys])
    expect(limiter.keys(), 0, why="only calls of cost 0 were made")


@given(most=small)
@example(most=1)
@check(level=3, category="edge_cases", examples=4)
def test_max_keys_allows_nothing(candidate, most):
    """A call of cost 0 is allowed for a new key even while `max_keys` keys are held."""
    clock = candidate.clock()
    limiter = limiter_of(candidate, clock, 1, max_keys=most)
    steps = [limiter.check.at(0, f"key {n}") for n in range(most)]
    got = candidate.play(clock, [*steps, limiter.check.at(0, "new", 0)])[-1]
    expect(got, allowed=True, retry_after=0, why=f"cost 0, {most} other keys are held")
    expect(limiter.keys(), most, why="a call of cost 0 holds no key")


@check(level=3, category="edge_cases")
def test_no_max_keys(candidate):
    """Without `max_keys` there is no limit to the number of keys."""
    clock = candidate.clock()
    limiter = limiter_of(candidate, clock, 1)
    results = candidate.play(clock, [limiter.check.at(0, f"{n}") for n in range(200)])
    for got in results:
        expect(got, allowed=True, why="the first call for this key")
    expect(limiter.keys(), 200, why="200 keys took something just now")


@given(most=st.integers(1, 3), tries=small)
@example(most=1, tries=1)
@check(level=3, category="edge_cases", examples=5)
def test_max_keys_denial_takes_nothing(candidate, most, tries):
    """A new key that was denied by `max_keys` has all its units once there is room."""
    clock = candidate.clock()
    window = candidate.SlidingWindow(2, 10, clock)
    limiter = candidate.Limiter(window, max_keys=most + 1)
    steps = [limiter.check.at(0, f"key {n}") for n in range(most + 1)]
    steps += [limiter.check.at(0, "new", 2)] * tries
    steps += [limiter.check.at(10, "key 0")] * (most + 1)
    got = candidate.play(clock, [*steps, limiter.check.at(10, "new", 2)])[-1]
    expect(got, allowed=True, remaining=0, why="there is room, and 2 units are free")


@given(rule=rules)
@example(rule=WindowRule(1, 5))
@check(level=3, category="edge_cases", examples=4)
def test_refund_frees_a_place(candidate, rule):
    """A key that got everything back leaves its place to a new key, one check later."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock), max_keys=1)
    steps = [limiter.check.at(0, "a"), limiter.refund.at(0, "a")]
    first = candidate.play(clock, [*steps, limiter.check.at(0, "b")])[-1]
    got = first if first.allowed else limiter.check("b")
    expect(got, allowed=True, why="the only other key got everything back")


@given(limit=small, cost=small, nothing=st.sampled_from(["window", "bucket"]))
@example(limit=1, cost=1, nothing="window")
@example(limit=1, cost=1, nothing="bucket")
@check(level=3, category="edge_cases", examples=4)
def test_limiter_with_a_rule_of_nothing(candidate, limit, cost, nothing):
    """A limiter with a rule of limit 0 or burst 0 denies all that costs anything."""
    clock = candidate.clock()
    is_window = nothing == "window"
    window = candidate.SlidingWindow(0 if is_window else limit, 10, clock)
    bucket = candidate.TokenBucket(1, 10, limit if is_window else 0, clock)
    limiter = candidate.Limiter(window, bucket)
    expect_all_denied(candidate, limiter, clock, cost)


@given(rule=rules, back=st.integers(1, 9))
@example(rule=WindowRule(2, 5), back=3)
@example(rule=BucketRule(1, 5, 2), back=3)
@check(level=3, category="edge_cases", examples=8)
def test_refund_of_more_than_is_left(candidate, rule, back):
    """What is refunded beyond what was taken is ignored, then and later."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    steps = [limiter.check.at(0, "a"), limiter.refund.at(0, "a", back)] * 2
    steps += [limiter.check.at(0, "a", rule.most), limiter.check.at(0, "a")]
    everything, more = candidate.play(clock, steps)[-2:]
    why = f"all {rule.most} units are free again"
    expect(everything, allowed=True, remaining=0, why=why)
    expect(more, allowed=False, why=f"{rule.most} units are taken, no refund since")


@given(rule=rules, back=st.integers(0, 9))
@example(rule=WindowRule(1, 5), back=1)
@example(rule=BucketRule(1, 5, 1), back=1)
@check(level=3, category="edge_cases", examples=5)
def test_refund_for_an_unknown_key(candidate, rule, back):
    """A refund for an unknown key is no error, gives nothing and holds no key."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    limiter.refund("a", back)
    expect(limiter.keys(), 0, why="no call was made yet")
    steps = [limiter.check.at(0, "a", rule.most), limiter.check.at(0, "a")]
    everything, more = candidate.play(clock, steps)
    expect(everything, allowed=True, remaining=0, why="nothing was taken before")
    expect(more, allowed=False, why="a refund before the first call gives nothing")


@given(first=small, second=small, back=st.integers(1, 9))
@example(first=1, second=1, back=2)
@check(level=3, category="edge_cases", examples=8)
def test_refund_of_what_has_left_the_window(candidate, first, second, back):
    """A refund of units that have left the window already gives nothing."""
    clock = candidate.clock()
    limiter = candidate.Limiter(candidate.SlidingWindow(9, 10, clock))
    steps = [limiter.check.at(0, "a", first), limiter.check.at(10, "a", second)]
    steps += [limiter.refund.at(11, "a", back), limiter.check.at(12, "a")]
    left = max(0, second - back)
    why = f"{second} taken at 10, {back} refunded; the units of time 0 do not count"
    expect(candidate.play(clock, steps)[-1], remaining=8 - left, why=why)


@given(churn=st.integers(1, 40), key=st.sampled_from(["early", "late"]))
@example(churn=40, key="early")
@example(churn=40, key="late")
@check(level=3, category="edge_cases", examples=4)
def test_many_refunds_keep_no_key(candidate, churn, key):
    """However often units were refunded, a key is dropped once it is fresh."""
    clock = candidate.clock()
    limiter = candidate.Limiter(candidate.TokenBucket(1, 10, 99, clock))
    steps = [limiter.check.at(0, "late", 9), limiter.check.at(0, "early")]
    taken, back = limiter.check.at(0, key, 2), limiter.refund.at(0, key)
    steps += [taken, back, back] * churn
    candidate.play(clock, steps + [limiter.check.at(10, "new")] * 2)
    expect(limiter.keys(), 2, why="'early' had 1 token less, which came until 10")


@given(
    costs=st.lists(st.integers(1, 9), min_size=6, max_size=16),
    churn=st.integers(0, 99),
)
@example(costs=[9, 1, 8, 2, 7, 3, 6, 4, 5, 9, 1, 8, 2, 7, 3, 6], churn=86)
@check(level=3, category="edge_cases", examples=4)
def test_keys_are_dropped_one_by_one(candidate, costs, churn):
    """Of many keys each is dropped when it is fresh, whatever was refunded before."""
    clock = candidate.clock()
    limiter = candidate.Limiter(candidate.TokenBucket(1, 10, 99, clock))
    keys = [f"key {number}" for number in range(len(costs))]
    steps = [limiter.check.at(0, *taken) for taken in zip(keys, costs, strict=True)]
    candidate.play(clock, steps)
    for token in range(1, 10):
        now, left = 10 * token, sum(cost > token for cost in costs)
        brief = [
            limiter.check.at(now - 5, "brief"),
            limiter.refund.at(now - 5, "brief"),
        ]
        further = [limiter.check.at(now, "new", 0)] * len(keys)
        candidate.play(clock, brief * churn + further)
        why = f"the others are fresh at {now}, and {len(keys)} checks came after that"
        expect(limiter.keys(), left, why=why)


@given(rule=rules, denied=small)
@example(rule=WindowRule(2, 5), denied=2)
@example(rule=BucketRule(1, 5, 2), denied=2)
@check(level=3, category="edge_cases", examples=5)
def test_refund_after_denied_calls(candidate, rule, denied):
    """A refund takes back accepted units; calls denied since make no difference."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    steps = [limiter.check.at(0, "a", rule.most)]
    steps += [limiter.check.at(0, "a", rule.most)] * denied
    steps += [limiter.refund.at(0, "a"), limiter.check.at(0, "a")]
    why = "1 unit was refunded after the denied calls"
    expect(candidate.play(clock, steps)[-1], allowed=True, remaining=0, why=why)


@given(rule=rules)
@example(rule=WindowRule(1, 5))
@example(rule=BucketRule(1, 5, 1))
@check(level=3, category="edge_cases", examples=4)
def test_refund_of_nothing(candidate, rule):
    """A refund of 0 changes nothing."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    steps = [limiter.check.at(0, "a", rule.most), limiter.refund.at(0, "a", 0)]
    got = candidate.play(clock, [*steps, limiter.check.at(0, "a")])[-1]
    expect(got, allowed=False, why=f"all {rule.most} units are taken")


@check(level=3, category="edge_cases")
def test_limiter_refuses_no_rules(candidate):
    """A limiter without any rule is a ValueError."""
    with refused(candidate):
        candidate.Limiter()
    with refused(candidate):
        candidate.Limiter(max_keys=1)
    expect_works(limiter_of(candidate, candidate.clock(), 3))


@given(most=zero_or_below)
@example(most=0)
@example(most=-5)
@check(level=3, category="edge_cases", examples=3)
def test_limiter_refuses_max_keys(candidate, most):
    """A `max_keys` below 1 is a ValueError that names it."""
    with refused(candidate, naming=most):
        limiter_of(candidate, candidate.clock(), 1, max_keys=most)
    expect_works(limiter_of(candidate, candidate.clock(), 3, max_keys=1))


@given(cost=below_zero, most=small)
@example(cost=-1, most=1)
@check(level=3, category="edge_cases", examples=3)
def test_limiter_refuses_cost(candidate, cost, most):
    """A limiter answers a cost below 0 with a ValueError that names it."""
    limiter = limiter_of(candidate, candidate.clock(), most)
    expect_negative_refused(candidate, limiter, cost, most)


@given(cost=below_zero, most=small)
@example(cost=-1, most=1)
@check(level=3, category="edge_cases", examples=3)
def test_refund_refuses_cost(candidate, cost, most):
    """A refund of less than 0 is a ValueError that names it, and takes nothing."""
    limiter = limiter_of(candidate, candidate.clock(), most + 1)
    with refused(candidate, naming=cost):
        limiter.refund("an unknown key", cost)
    limiter.check("a")
    with refused(candidate, naming=cost):
        limiter.refund("a", cost)
    got = limiter.check("a", most)
    expect(got, allowed=True, remaining=0, why=f"1 of {most + 1} taken before")


# Level 4: acquire, as far as it need not wait


@given(timeout=st.sampled_from([None, 0, 10**9, -5]), most=small)
@example(timeout=None, most=1)
@example(timeout=0, most=1)
@check(level=4, category="edge_cases", examples=4)
def test_acquire_nothing(candidate, timeout, most):
    """`acquire` with cost 0 is True at once, with nothing left or for a new key too."""
    clock = candidate.clock()
    limiter = limiter_of(candidate, clock, most, max_keys=1)
    limiter.check("a", most)
    expect(limiter.acquire("a", 0, timeout), True, why="cost 0")
    expect(limiter.acquire("b", 0, timeout), True, why="cost 0")
    expect(limiter.keys(), 1, why="a call of cost 0 holds no key")


@given(rule=st.builds(BucketRule, st.just(1), st.integers(2, 9), st.integers(2, 4)))
@example(rule=BucketRule(1, 4, 2))
@check(level=4, category="edge_cases", examples=3)
def test_acquire_in_vain_is_a_reading(candidate, rule):
    """The time that an `acquire` has read in vain is the latest for all calls."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    limiter.check("a", rule.most)
    clock.set(rule.per)
    expect(limiter.acquire("a", rule.most, 0), False, why=f"1 of {rule.most} is there")
    clock.set(rule.per - 1)
    why = f"{rule.per} was read before, and time does not go back: 1 is there"
    expect(limiter.check("a", 1), allowed=True, why=why)


@given(keys=any_keys)
@example(keys=[""])
@example(keys=LOOKALIKES)
@check(level=4, category="edge_cases", examples=3)
def test_acquire_keys_are_any_text(candidate, keys):
    """The key of an `acquire` is any text, also the empty one."""
    limiter = limiter_of(candidate, candidate.clock(), 1)
    for key in keys:
        expect(limiter.acquire(key, 1, 0), True, why="the first call for this key")
    for key in keys:
        expect(limiter.acquire(key, 1, 0), False, why="its only unit is taken")


@given(timeout=below_zero, most=small)
@example(timeout=-1, most=1)
@check(level=4, category="edge_cases", examples=4)
def test_acquire_negative_timeout(candidate, timeout, most):
    """A timeout below 0 counts as 0: one try, and no waiting."""
    limiter = limiter_of(candidate, candidate.clock(), most)
    expect(limiter.acquire("a", most, timeout), True, why=f"{most} units are free")
    expect(limiter.acquire("a", 1, timeout), False, why="no unit is free")


@given(timeout=st.sampled_from([None, 0, 10**9, -5]), most=small)
@example(timeout=None, most=1)
@example(timeout=0, most=1)
@example(timeout=10**9, most=1)
@check(level=4, category="edge_cases", examples=4)
def test_acquire_new_key_at_max_keys(candidate, timeout, most):
    """`acquire` is False at once for a new key while `max_keys` keys are held."""
    clock = candidate.clock()
    limiter = limiter_of(candidate, clock, 2, max_keys=most)
    candidate.play(clock, [limiter.check.at(0, f"key {n}") for n in range(most)])
    got = limiter.acquire("new", 1, timeout)
    expect(got, False, why=f"{most} other keys are held")
    expect(limiter.acquire("key 0", 1, timeout), True, why="this key is held")


@given(timeout=st.sampled_from([None, 0, 10**9, -5]))
@example(timeout=None)
@example(timeout=10**9)
@check(level=4, category="edge_cases", examples=2)
def test_acquire_from_a_rule_of_nothing(candidate, timeout):
    """`acquire` is False at once when a rule has limit 0 or burst 0."""
    clock = candidate.clock()
    for rule in (
        candidate.SlidingWindow(0, 10, clock),
        candidate.TokenBucket(1, 10, 0, clock),
    ):
        got = candidate.Limiter(rule).acquire("a", 1, timeout)
        expect(got, False, why="no unit is ever to be had")


@given(cost=below_zero, timeout=st.sampled_from([None, 0]))
@example(cost=-1, timeout=None)
@check(level=4, category="edge_cases", examples=3)
def test_acquire_refuses_cost(candidate, cost, timeout):
    """`acquire` answers a cost below 0 with a ValueError that names it."""
    limiter = limiter_of(candidate, candidate.clock(), 2)
    with refused(candidate, naming=cost):
        limiter.acquire("a", cost, timeout)
    limiter.check("a")
    with refused(candidate, naming=cost):
        limiter.acquire("a", cost, timeout)
    got = limiter.check("a", 2)
    expect(got, allowed=False, remaining=1, why="1 of 2 taken before")
