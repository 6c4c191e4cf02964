"""What has to hold in normal use: clocks that go forward, costs of 1 and more."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from oracle import NEVER, Call, follow, learn
from strategies import (
    BUCKET_STORY,
    LIMITER_STORY,
    TURNED_STORY,
    WINDOW_STORY,
    BucketRule,
    LimiterRules,
    Script,
    WindowRule,
    ask,
    bucket_rules,
    expect_fields,
    one,
    one_rule,
    rules,
    scripts,
    several_rules,
    steps_of,
    together,
    too_large_too,
    up_to_limit,
    window_rules,
)

from graders.laws import check, expect, require

small = st.integers(1, 4)
FIELDS = ("allowed", "retry_after", "remaining")


def expect_wait(candidate: Any, script: Script) -> None:
    """Demand that the last denied call is told exactly how long to wait."""
    expect_denied_when_used_up(candidate, script.rule)
    calls = script.calls()
    results = ask(candidate, script.rule, calls)
    denied = [place for place, got in enumerate(results) if not got.allowed]
    if not denied:
        return
    so_far, told = calls[: denied[-1] + 1], results[denied[-1]]
    wait = told.retry_after
    require(wait > 0, told, "a retry_after of 1 or more: the call is denied for now")
    early = again(candidate, script, so_far, wait - 1)
    why = f"a shorter retry_after: {wait - 1} later the same call is allowed already"
    require(not early.allowed, told, why)
    late = again(candidate, script, so_far, wait)
    why = f"a longer retry_after: {wait} later the same call is still denied"
    require(late.allowed, told, why)


def expect_denied_when_used_up(candidate: Any, rule: Any) -> None:
    """Demand that there is anything to wait for."""
    everything = Call(0, "a", rule.most)
    _, denied = ask(candidate, rule, [everything, everything])
    expect(denied, allowed=False, why="the call before took all there is")


def again(candidate: Any, script: Script, so_far: list[Call], later: int) -> Any:
    """Make the same calls to a new object, then the last one once more, later."""
    at, key, cost = so_far[-1]
    return ask(candidate, script.rule, [*so_far, Call(at + later, key, cost)])[-1]


# Level 1: the sliding window


@given(script=scripts(window_rules, one))
@example(
    script=Script(
        WindowRule(2, 10),
        [(0, "a", 1), (9, "a", 1), (1, "a", 1), (0, "a", 1), (9, "a", 1)],
    )
)
@check(level=1, category="correctness")
def test_window_allows_what_fits(candidate, script):
    """A call is allowed exactly when the units taken within the window leave room."""
    expect_fields(candidate, script, "allowed")


@given(script=scripts(window_rules, up_to_limit, keys="a"))
@example(script=Script(WindowRule(3, 5), [(0, "a", 2), (1, "a", 2), (0, "a", 1)]))
@example(script=WINDOW_STORY)
@check(level=1, category="correctness", examples=25)
def test_window_counts_units(candidate, script):
    """A call of several units is allowed only if all of them fit."""
    expect_fields(candidate, script, "allowed")


@given(early=small, window=st.integers(2, 12), first=st.integers(0, 13))
@example(early=1, window=2, first=0)
@example(early=2, window=10, first=9)
@check(level=1, category="correctness", examples=10)
def test_window_edge(candidate, early, window, first):
    """A unit counts until it is exactly `window` microseconds old, and not then."""
    clock = candidate.clock(first)
    limiter = candidate.SlidingWindow(early + 1, window, clock)
    steps = [limiter.check.at(first, "a", early), limiter.check.at(first + 1, "a")]
    steps += [limiter.check.at(first + window - 1, "a")]
    steps += [limiter.check.at(first + window, "a", early)]
    *fitting, not_yet, now = candidate.play(clock, steps)
    for got in fitting:
        expect(got, allowed=True, why=f"{early + 1} units fit, and no more were taken")
    why = f"the units of time {first} are {window - 1} old and still count"
    expect(not_yet, allowed=False, why=why)
    why = f"the units of time {first} are {window} old and count no more"
    expect(now, allowed=True, why=why)


@given(limit=small, window=st.integers(2, 12), denied=st.integers(1, 6))
@example(limit=1, window=2, denied=1)
@check(level=1, category="correctness", examples=10)
def test_window_denied_consumes_nothing(candidate, limit, window, denied):
    """A denied call of a window consumes nothing."""
    clock = candidate.clock()
    limiter = candidate.SlidingWindow(limit, window, clock)
    steps = [limiter.check.at(0, "a", limit)]
    steps += [limiter.check.at(window - 1, "a", limit)] * denied
    steps += [limiter.check.at(window, "a", limit)]
    *_, before, last = candidate.play(clock, steps)
    expect(before, allowed=False, why=f"the units of time 0 are {window - 1} old")
    expect(last, allowed=True, why=f"only denied calls are within (0, {window}]")


@given(script=scripts(window_rules, one))
@example(script=Script(WindowRule(2, 7), [(0, "a", 1), (3, "a", 1), (2, "a", 1)]))
@example(script=WINDOW_STORY)
@check(level=1, category="correctness")
def test_window_wait_is_exact(candidate, script):
    """A window's `retry_after` is enough, and no shorter wait is."""
    expect_wait(candidate, script)


@given(script=scripts(window_rules, up_to_limit, keys="a"))
@example(
    script=Script(
        WindowRule(3, 9), [(0, "a", 1), (1, "a", 1), (1, "a", 1), (1, "a", 3)]
    )
)
@example(script=Script(WindowRule(4, 9), [(0, "a", 1), (2, "a", 3), (1, "a", 2)]))
@example(script=WINDOW_STORY)
@check(level=1, category="correctness")
def test_window_wait_for_several_units(candidate, script):
    """`retry_after` is when enough units have left the window for this very call."""
    expect_fields(candidate, script, "retry_after")


@given(script=scripts(window_rules, up_to_limit))
@example(script=Script(WindowRule(3, 5), [(0, "a", 1), (4, "a", 1), (1, "a", 3)]))
@example(script=WINDOW_STORY)
@check(level=1, category="correctness", examples=25)
def test_window_remaining(candidate, script):
    """`remaining` is what the window leaves room for right after the decision."""
    expect_fields(candidate, script, "remaining")


@given(limit=small, spent=st.lists(st.sampled_from("abc"), min_size=1, max_size=8))
@example(limit=1, spent=["a"])
@check(level=1, category="correctness", examples=10)
def test_window_keys_are_separate(candidate, limit, spent):
    """Calls for one key take nothing from a window's other keys."""
    clock = candidate.clock()
    limiter = candidate.SlidingWindow(limit, 10, clock)
    steps = [limiter.check.at(1, key) for key in spent]
    steps += [limiter.check.at(1, "other", limit)] * 2
    first, second = candidate.play(clock, steps)[-2:]
    expect(first, allowed=True, remaining=0, why="nothing was taken for this key")
    expect(second, allowed=False, why="all units were taken for this key")


@given(limit=small, spent=small)
@example(limit=1, spent=1)
@check(level=1, category="correctness", examples=5)
def test_windows_are_separate(candidate, limit, spent):
    """Two windows share nothing, not even for the same key and clock."""
    clock = candidate.clock()
    first = candidate.SlidingWindow(limit, 10, clock)
    second = candidate.SlidingWindow(limit, 10, clock)
    steps = [first.check.at(0, "a")] * spent + [second.check.at(0, "a", limit)] * 2
    unused, used_up = candidate.play(clock, steps)[-2:]
    expect(unused, allowed=True, remaining=0, why="only the other window was used")
    expect(used_up, allowed=False, why=f"all {limit} units of this window are taken")


@check(level=1, category="correctness")
def test_window_cost_is_one_unless_given(candidate):
    """A call costs 1 unless told otherwise, and arguments may be given by name."""
    clock = candidate.clock()
    limiter = candidate.SlidingWindow(limit=5, window=10, clock=clock)
    expect(limiter.check("a"), remaining=4, why="1 of 5 taken")
    expect(limiter.check(key="a", cost=2), remaining=2, why="3 of 5 taken")


# Level 2: the token bucket


@given(rule=bucket_rules, first=st.integers(0, 20), second=st.integers(0, 20))
@example(rule=BucketRule(1, 7, 2), first=0, second=0)
@check(level=2, category="correctness", examples=15)
def test_bucket_starts_full(candidate, rule, first, second):
    """A bucket is full when its key is first used, whenever that is."""
    clock = candidate.clock()
    bucket = rule.make(candidate, clock)
    steps = [bucket.check.at(first, "a", rule.burst)]
    steps += [bucket.check.at(first + second, "b", rule.burst)] * 2
    *unused, used_up = candidate.play(clock, steps)
    for got in unused:
        expect(got, allowed=True, remaining=0, why=f"{rule.burst} tokens to start with")
    expect(used_up, allowed=False, why=f"all {rule.burst} tokens were just taken")


@given(rule=bucket_rules, idle=st.integers(0, 50))
@example(rule=BucketRule(3, 1, 2), idle=1)
@check(level=2, category="correctness", examples=15)
def test_bucket_is_never_above_burst(candidate, rule, idle):
    """A bucket never holds more than `burst`, however long it is left alone."""
    clock = candidate.clock()
    bucket = rule.make(candidate, clock)
    full_again = 1 + rule.burst * rule.per + idle
    steps = [bucket.check.at(1, "a"), bucket.check.at(full_again, "a", rule.burst)]
    steps += [bucket.check.at(full_again, "a")]
    took_all, one_more = candidate.play(clock, steps)[1:]
    expect(took_all, allowed=True, remaining=0, why=f"{rule.burst} tokens when full")
    expect(one_more, allowed=False, why=f"all {rule.burst} tokens were just taken")


@given(script=scripts(bucket_rules, up_to_limit))
@example(script=Script(BucketRule(1, 3, 2), [(0, "a", 2), (2, "a", 1), (1, "a", 1)]))
@example(script=BUCKET_STORY)
@check(level=2, category="correctness")
def test_bucket_allows_what_it_holds(candidate, script):
    """A call is allowed exactly when the bucket holds enough tokens for it."""
    expect_fields(candidate, script, "allowed")


@given(script=scripts(bucket_rules, up_to_limit))
@example(script=Script(BucketRule(2, 3, 2), [(0, "a", 2), (1, "a", 1)]))
@example(script=Script(BucketRule(1, 3, 3), [(0, "a", 3), (1, "a", 2)]))
@example(script=BUCKET_STORY)
@check(level=2, category="correctness")
def test_bucket_wait_is_exact(candidate, script):
    """A bucket's `retry_after` is enough, and no shorter wait is."""
    expect_wait(candidate, script)


@given(script=scripts(bucket_rules, up_to_limit, keys="a"))
@example(script=Script(BucketRule(2, 7, 3), [(0, "a", 3), (3, "a", 3), (1, "a", 2)]))
@example(script=BUCKET_STORY)
@check(level=2, category="correctness", examples=25)
def test_bucket_wait_counts_tokens_and_parts(candidate, script):
    """`retry_after` counts the tokens this very call still needs, and parts of one."""
    expect_fields(candidate, script, "retry_after")


@given(script=scripts(bucket_rules, up_to_limit))
@example(script=Script(BucketRule(1, 2, 2), [(0, "a", 2), (3, "a", 1), (1, "a", 2)]))
@example(script=BUCKET_STORY)
@check(level=2, category="correctness", examples=25)
def test_bucket_remaining(candidate, script):
    """`remaining` is the whole tokens left right after the decision, rounded down."""
    expect_fields(candidate, script, "remaining")


@given(refill=st.integers(1, 9), per=st.integers(2, 11), step=st.integers(1, 3))
@example(refill=1, per=3, step=1)
@example(refill=1, per=10, step=1)
@example(refill=7, per=11, step=1)
@check(level=2, category="correctness", examples=10)
def test_bucket_does_not_drift(candidate, refill, per, step):
    """Parts of a token add up exactly over many calls, whether allowed or denied."""
    steps = [(step, "a", 1)] * 150
    expect_fields(candidate, Script(BucketRule(refill, per, 3), steps), "allowed")


@given(burst=small, denied=st.integers(1, 6), per=st.integers(2, 9))
@example(burst=1, denied=1, per=2)
@check(level=2, category="correctness", examples=10)
def test_bucket_denied_consumes_nothing(candidate, burst, denied, per):
    """A denied call of a bucket consumes nothing."""
    clock = candidate.clock()
    bucket = candidate.TokenBucket(1, per, burst, clock)
    full_again = burst * per
    steps = [bucket.check.at(0, "a", burst)]
    steps += [bucket.check.at(full_again - 1, "a", burst)] * denied
    steps += [bucket.check.at(full_again, "a", burst)]
    *_, before, last = candidate.play(clock, steps)
    expect(before, allowed=False, why=f"the last token comes at {full_again}")
    expect(last, allowed=True, why=f"{burst} tokens came since 0, none were taken")


@given(refill=st.integers(2, 20), per=st.integers(1, 3), costs=steps_of(small))
@example(refill=5, per=2, costs=[4, 4, 4, 4])
@check(level=2, category="correctness", examples=15)
def test_bucket_refills_several_each_microsecond(candidate, refill, per, costs):
    """A rate of more than one token a microsecond is kept exactly."""
    rule = BucketRule(refill, per, 9)
    steps = [(0, "a", 9), *((place % 2, "a", 2 * c) for place, c in enumerate(costs))]
    expect_fields(candidate, Script(rule, steps), "allowed", "retry_after", "remaining")


@given(burst=small, spent=st.lists(st.sampled_from("abc"), min_size=1, max_size=8))
@example(burst=1, spent=["a"])
@check(level=2, category="correctness", examples=10)
def test_buckets_are_separate(candidate, burst, spent):
    """Each key of each bucket has tokens of its own."""
    clock = candidate.clock()
    first = candidate.TokenBucket(1, 100, burst, clock)
    second = candidate.TokenBucket(1, 100, burst, clock)
    steps = [first.check.at(0, key) for key in spent]
    steps += [first.check.at(0, "other", burst)]
    steps += [second.check.at(0, spent[0], burst)] * 2
    *unused, used_up = candidate.play(clock, steps)[-3:]
    for got in unused:
        expect(got, allowed=True, remaining=0, why="this key of this bucket is unused")
    expect(used_up, allowed=False, why=f"all {burst} tokens were just taken")


@check(level=2, category="correctness")
def test_bucket_cost_is_one_unless_given(candidate):
    """A call to a bucket costs 1 unless told otherwise, and arguments have names."""
    clock = candidate.clock()
    bucket = candidate.TokenBucket(refill=1, per=10, burst=5, clock=clock)
    expect(bucket.check("a"), remaining=4, why="1 of 5 tokens taken")
    expect(bucket.check(key="a", cost=2), remaining=2, why="3 of 5 tokens taken")


# Level 3: several rules at once


@given(script=scripts(several_rules, up_to_limit))
@example(script=LIMITER_STORY)
@example(script=TURNED_STORY)
@check(level=3, category="correctness")
def test_limiter_allows_what_every_rule_allows(candidate, script):
    """A limiter allows a call exactly when every one of its rules does."""
    expect_fields(candidate, script, "allowed")


@given(order=st.permutations([0, 1]), denied=st.integers(1, 5))
@example(order=[0, 1], denied=1)
@example(order=[1, 0], denied=1)
@check(level=3, category="correctness", examples=5)
def test_limiter_charges_all_or_none(candidate, order, denied):
    """When one rule denies a call, no other rule is charged for it."""
    generous = [WindowRule(3, 1000), BucketRule(1, 1000, 3)]
    strict = [BucketRule(1, 10, 1), WindowRule(1, 10)]
    steps = [(0, "a", 1), *[(0, "a", 1)] * denied, (10, "a", 1), (10, "a", 1)]
    for pair in zip(generous, strict, strict=True):
        rule = together(*(pair[place] for place in order))
        expect_fields(candidate, Script(rule, steps), "allowed")


@given(script=scripts(several_rules, up_to_limit, keys="a"))
@example(
    script=Script(
        together(WindowRule(1, 9), BucketRule(1, 4, 1)),
        [(0, "a", 1), (1, "a", 1)],
    )
)
@example(
    script=Script(
        together(WindowRule(1, 4), BucketRule(1, 9, 1)),
        [(0, "a", 1), (1, "a", 1)],
    )
)
@example(script=LIMITER_STORY)
@example(script=TURNED_STORY)
@check(level=3, category="correctness")
def test_limiter_wait_is_the_longest(candidate, script):
    """A limiter's `retry_after` is the longest that any of its rules asks for."""
    expect_fields(candidate, script, "retry_after")


@given(script=scripts(several_rules, up_to_limit))
@example(script=LIMITER_STORY)
@example(script=TURNED_STORY)
@check(level=3, category="correctness", examples=30)
def test_limiter_wait_is_exact(candidate, script):
    """A limiter's `retry_after` is enough, and no shorter wait is."""
    expect_wait(candidate, script)


@given(script=scripts(several_rules, too_large_too, keys="a"))
@example(
    script=Script(
        together(WindowRule(2, 9), BucketRule(1, 9, 1)),
        [(0, "a", 1), (0, "a", 2)],
    )
)
@example(
    script=Script(
        together(BucketRule(1, 9, 1), WindowRule(2, 9)),
        [(0, "a", 1), (0, "a", 2)],
    )
)
@check(level=3, category="correctness", examples=20)
def test_limiter_never_wins(candidate, script):
    """A call that one rule can never allow is told -1, whatever the others say."""
    decisions = script.play(candidate)
    for (got, want), (_, _, cost) in zip(decisions, script.steps, strict=True):
        if cost > script.rule.most:
            why = f"a rule allows at most {script.rule.most} at once; {want.why}"
            expect(got, allowed=False, retry_after=NEVER, why=why)


@given(script=scripts(several_rules, up_to_limit))
@example(script=Script(together(WindowRule(5, 9), BucketRule(1, 9, 2)), [(0, "a", 1)]))
@example(script=Script(together(BucketRule(1, 9, 2), WindowRule(5, 9)), [(0, "a", 1)]))
@example(script=LIMITER_STORY)
@example(script=TURNED_STORY)
@check(level=3, category="correctness", examples=30)
def test_limiter_remaining_is_the_smallest(candidate, script):
    """A limiter's `remaining` is the smallest that any of its rules has."""
    expect_fields(candidate, script, "remaining")


@given(script=scripts(one_rule, up_to_limit))
@check(level=3, category="correctness", examples=15)
def test_limiter_of_one_rule(candidate, script):
    """A limiter of one rule decides as that rule does alone."""
    clock = candidate.clock()
    alone = script.rule.rules[0].make(candidate, clock)
    limiter = script.rule.make(candidate, clock)
    steps = []
    for call in script.calls():
        steps += [alone.check.at(*call), limiter.check.at(*call)]
    results = candidate.play(clock, steps)
    for rule_says, got in zip(results[::2], results[1::2], strict=True):
        fields = {name: getattr(rule_says, name) for name in FIELDS}
        expect(got, why="the rule says so when used alone", **fields)


@given(rule=rules, spent=small)
@example(rule=WindowRule(1, 5), spent=1)
@example(rule=BucketRule(1, 5, 1), spent=1)
@check(level=3, category="correctness", examples=10)
def test_limiter_leaves_its_rules_unchanged(candidate, rule, spent):
    """Calls of a limiter take nothing from its rule objects when used alone."""
    clock = candidate.clock()
    alone = rule.make(candidate, clock)
    limiter = candidate.Limiter(alone)
    steps = [limiter.check.at(0, "a")] * spent + [alone.check.at(0, "a", rule.most)]
    last = candidate.play(clock, steps)[-1]
    expect(last, allowed=True, remaining=0, why="only the limiter was used before")


@given(rule=rules, before=st.booleans())
@example(rule=WindowRule(1, 5), before=True)
@example(rule=WindowRule(1, 5), before=False)
@example(rule=BucketRule(1, 5, 1), before=True)
@example(rule=BucketRule(1, 5, 1), before=False)
@check(level=3, category="correctness", examples=5)
def test_limiter_ignores_what_its_rules_did(candidate, rule, before):
    """What a rule object allows when used alone takes nothing from a limiter."""
    clock = candidate.clock()
    alone = rule.make(candidate, clock)
    if before:
        alone.check("a", rule.most)
    limiter = candidate.Limiter(alone)
    if not before:
        alone.check("a", rule.most)
    got = limiter.check("a", rule.most)
    expect(got, allowed=True, remaining=0, why="only the rule alone was used before")


@given(rule=rules, ahead=st.integers(1, 9), turned=st.booleans())
@example(rule=WindowRule(1, 5), ahead=4, turned=False)
@example(rule=WindowRule(1, 5), ahead=4, turned=True)
@example(rule=BucketRule(1, 5, 1), ahead=4, turned=False)
@example(rule=BucketRule(1, 5, 1), ahead=4, turned=True)
@check(level=3, category="correctness", examples=5)
def test_limiter_has_a_time_of_its_own(candidate, rule, ahead, turned):
    """The latest time that a limiter has read is not that of its rules used alone."""
    clock = candidate.clock()
    alone, model = rule.make(candidate, clock), rule.oracle()
    first, second = candidate.Limiter(alone), alone
    if turned:
        first, second = second, first
    model.take("a", rule.most, 0)
    again = model.retry_after("a", rule.most, 0)
    steps = [first.check.at(ahead, "b"), second.check.at(0, "a", rule.most)]
    last = candidate.play(clock, [*steps, second.check.at(again, "a", rule.most)])[-1]
    expect(last, allowed=True, why=f"all was taken at 0 and is there at {again} again")


@given(script=scripts(one_rule, up_to_limit))
@example(script=Script(together(WindowRule(2, 5)), [(0, "a", 1), (0, "a", 1)]))
@example(script=Script(together(BucketRule(1, 5, 2)), [(0, "a", 2)]))
@check(level=3, category="correctness", examples=10)
def test_same_rule_twice(candidate, script):
    """A rule object given twice limits as if it were given once."""
    clock = candidate.clock()
    made = script.rule.rules[0].make(candidate, clock)
    limiter = candidate.Limiter(made, made)
    calls = script.calls()
    results = candidate.play(clock, [limiter.check.at(*call) for call in calls])
    for got, want in follow(script.rule.oracle(), calls, results):
        expect(got, allowed=want.allowed, remaining=want.remaining, why=want.why)


@given(rule=rules, spent=small)
@example(rule=WindowRule(1, 5), spent=1)
@example(rule=BucketRule(1, 5, 1), spent=1)
@check(level=3, category="correctness", examples=5)
def test_limiters_are_separate(candidate, rule, spent):
    """Two limiters made from the same rule object share nothing."""
    clock = candidate.clock()
    made = rule.make(candidate, clock)
    first, second = candidate.Limiter(made), candidate.Limiter(made)
    steps = [first.check.at(0, "a")] * spent + [second.check.at(0, "a", rule.most)]
    last = candidate.play(clock, steps)[-1]
    expect(last, allowed=True, remaining=0, why="only the other limiter was used")


@check(level=3, category="correctness")
def test_limiter_costs_are_one_unless_given(candidate):
    """Calls and refunds of a limiter are of 1 unit unless told otherwise."""
    clock = candidate.clock()
    limiter = candidate.Limiter(candidate.SlidingWindow(5, 10, clock), max_keys=None)
    limiter.check("a", 3)
    expect(limiter.check("a"), remaining=1, why="4 of 5 taken")
    limiter.refund("a")
    expect(limiter.check(key="a", cost=1), remaining=1, why="4 of 5 taken again")
    limiter.refund(key="a", cost=2)
    expect(limiter.check("a"), remaining=2, why="3 of 5 taken")


# Level 3: refunds

taken_or_back = st.sampled_from([1, 2, 3, -1, -2, -3])


@given(rule=rules, back=small)
@example(rule=WindowRule(1, 5), back=1)
@example(rule=BucketRule(1, 5, 1), back=1)
@check(level=3, category="correctness", examples=10)
def test_refund_makes_room(candidate, rule, back):
    """What was refunded can be taken again, and no more than that."""
    back = min(back, rule.most)
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    steps = [limiter.check.at(0, "a", rule.most), limiter.refund.at(0, "a", back)]
    steps += [limiter.check.at(0, "a", back), limiter.check.at(0, "a")]
    took, one_more = candidate.play(clock, steps)[2:]
    expect(took, allowed=True, remaining=0, why=f"{back} units were refunded")
    expect(one_more, allowed=False, why="all that was refunded is taken again")


@given(first=small, second=small, back=small)
@example(first=1, second=1, back=1)
@check(level=3, category="correctness", examples=15)
def test_refund_takes_the_newest(candidate, first, second, back):
    """A refund takes back the units that were accepted last."""
    back = min(back, second)
    clock = candidate.clock()
    limiter = candidate.Limiter(candidate.SlidingWindow(10, 10, clock))
    steps = [limiter.check.at(0, "a", first), limiter.check.at(4, "a", second)]
    steps += [limiter.refund.at(5, "a", back), limiter.check.at(10, "a")]
    left = second - back
    why = f"the {first} units of time 0 are out of the window, {left} of time 4 are in"
    expect(candidate.play(clock, steps)[-1], remaining=9 - left, why=why)


@given(costs=st.lists(small, min_size=2, max_size=4), back=st.integers(1, 12))
@example(costs=[2, 1], back=2)
@example(costs=[2, 2, 1], back=4)
@check(level=3, category="correctness", examples=15)
def test_refund_reaches_across_calls(candidate, costs, back):
    """A refund larger than the last call goes on with the calls before it."""
    script = Script(WindowRule(16, 10), [(1, "a", cost) for cost in costs])
    model, calls = script.rule.oracle(), script.calls()
    for call in calls:
        model.take(call.key, call.cost, call.at)
    model.refund("a", back, calls[-1].at)
    clock = candidate.clock()
    limiter = candidate.Limiter(script.rule.make(candidate, clock))
    steps = [limiter.check.at(*call) for call in calls]
    steps += [limiter.refund.at(calls[-1].at, "a", back)]
    steps += [limiter.check.at(at, "a") for at in (calls[-1].at, 11, 12, 13)]
    after = [Call(at, "a", 1) for at in (calls[-1].at, 11, 12, 13)]
    results = candidate.play(clock, steps)[len(calls) + 1 :]
    for got, want in follow(model, after, results):
        expect(got, remaining=want.remaining, why=want.why)


@given(
    rule=bucket_rules,
    beside=st.booleans(),
    taken=small,
    wait=st.integers(0, 9),
    back=small,
    later=small,
)
@example(rule=BucketRule(1, 9, 3), beside=False, taken=3, wait=0, back=2, later=1)
@example(rule=BucketRule(1, 9, 3), beside=False, taken=1, wait=8, back=2, later=1)
@example(rule=BucketRule(1, 4, 2), beside=False, taken=1, wait=3, back=2, later=1)
@example(rule=BucketRule(1, 4, 2), beside=True, taken=2, wait=8, back=2, later=1)
@check(level=3, category="correctness", examples=25)
def test_refund_fills_a_bucket(candidate, rule, beside, taken, wait, back, later):
    """A refund puts tokens back into a bucket, which never holds more than `burst`."""
    rules = together(rule, *[WindowRule(100, 1000)] * beside)
    before = [Call(0, "a", min(taken, rule.burst)), Call(wait, "a", 1)]
    after = [Call(wait, "a", rule.burst), Call(wait + later, "a", 1)]
    clock, model = candidate.clock(), rules.oracle()
    limiter = rules.make(candidate, clock)
    took = candidate.play(clock, [limiter.check.at(*call) for call in before])
    learn(model, before, took)
    pairs = zip(before, took, strict=True)
    back = min(back, sum(call.cost for call, got in pairs if got.allowed))
    model.refund("a", back, wait)
    steps = [limiter.refund.at(wait, "a", back)]
    steps += [limiter.check.at(*call) for call in after]
    for got, want in follow(model, after, candidate.play(clock, steps)[1:]):
        expect(got, why=want.why, allowed=want.allowed, remaining=want.remaining)


@given(order=st.permutations([0, 1]), taken=st.integers(2, 4), back=small)
@example(order=[0, 1], taken=2, back=1)
@check(level=3, category="correctness", examples=8)
def test_refund_reaches_every_rule(candidate, order, taken, back):
    """A refund gives units back to every rule of the limiter."""
    back = min(back, taken)
    pair = [WindowRule(4, 1000), BucketRule(1, 1000, 4)]
    clock = candidate.clock()
    made = [pair[place].make(candidate, clock) for place in order]
    limiter = candidate.Limiter(*made)
    steps = [limiter.check.at(0, "a", taken), limiter.refund.at(0, "a", back)]
    steps += [limiter.check.at(0, "a", 4 - taken + back)]
    last = candidate.play(clock, steps)[-1]
    why = f"{taken} of 4 taken, {back} refunded, in both rules"
    expect(last, allowed=True, remaining=0, why=why)


@given(steps=steps_of(st.tuples(taken_or_back, st.sampled_from([0, 1, 4, 5]))))
@example(steps=[(3, 0), (3, 4), (-2, 0), (-2, 0), (3, 0), (1, 1), (3, 5)])
@check(level=3, category="correctness", examples=30)
def test_refund_is_as_if_never_taken(candidate, steps):
    """With windows, the newest units refunded count as if they had never been taken."""
    rule = together(WindowRule(4, 5), WindowRule(6, 9))
    clock = candidate.clock()
    limiter, model = rule.make(candidate, clock), rule.oracle()
    now, played = 0, []
    for cost, delta in steps:
        now += delta
        method = limiter.check if cost > 0 else limiter.refund
        played.append(method.at(now, "a", abs(cost)))
    results = candidate.play(clock, played)
    for (cost, _), step, got in zip(steps, played, results, strict=True):
        if cost < 0:
            model.refund("a", -cost, step.at)
            continue
        ((_, want),) = follow(model, [Call(step.at, "a", cost)], [got])
        expect(got, allowed=want.allowed, remaining=want.remaining, why=want.why)


@given(rule=rules, back=small)
@example(rule=WindowRule(1, 5), back=1)
@check(level=3, category="correctness", examples=5)
def test_refund_is_for_one_key(candidate, rule, back):
    """A refund for one key gives nothing to another."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    steps = [limiter.check.at(0, key, rule.most) for key in "ab"]
    steps += [limiter.refund.at(0, "a", back), limiter.check.at(0, "b")]
    last = candidate.play(clock, steps)[-1]
    expect(last, allowed=False, why="only the other key got a refund")


# Level 3: the keys that are held


def long_after(rule: LimiterRules, last: int) -> int:
    """Return a time at which every key is fresh that was used until `last`."""
    waits = [
        one.window if isinstance(one, WindowRule) else one.burst * one.per
        for one in rule.rules
    ]
    return last + max(waits)


@given(rule=several_rules, keys=st.lists(st.sampled_from("abcdef"), min_size=1))
@example(rule=together(WindowRule(1, 5)), keys=["a", "b", "a"])
@check(level=3, category="correctness", examples=10)
def test_keys_counts_each_key_once(candidate, rule, keys):
    """`keys()` counts every key that has units taken, once each."""
    clock = candidate.clock()
    limiter = rule.make(candidate, clock)
    candidate.play(clock, [limiter.check.at(0, key) for key in keys])
    expect(limiter.keys(), len(set(keys)), why="all of them took something just now")


@given(script=scripts(several_rules, up_to_limit, keys="abcd"))
@check(level=3, category="correctness", examples=25)
def test_keys_holds_what_still_counts(candidate, script):
    """A key is held as long as any of its rules still feels what it took."""
    clock = candidate.clock()
    limiter, model = script.rule.make(candidate, clock), script.rule.oracle()
    calls = script.calls()
    results = candidate.play(clock, [limiter.check.at(*call) for call in calls])
    learn(model, calls, results)
    last = calls[-1].at
    feel = [key for key in "abcd" if not model.fresh(key, last)]
    held = limiter.keys()
    require(held >= len(feel), held, f"{len(feel)} or more: {feel} are not fresh")


@given(script=scripts(several_rules, up_to_limit, keys="abcd"), new=st.booleans())
@example(
    script=Script(
        together(WindowRule(1, 5)),
        [(0, key, 1) for key in "abcdefgh" for _ in range(2)],
    ),
    new=False,
)
@example(
    script=Script(together(WindowRule(3, 5)), [(1, key, 1) for key in "abcd" * 3]),
    new=False,
)
@example(
    script=Script(together(BucketRule(1, 2, 3)), [(0, key, 1) for key in "abcd" * 3]),
    new=True,
)
@check(level=3, category="correctness", examples=30)
def test_fresh_keys_are_dropped(candidate, script, new):
    """When n keys have become fresh, n further checks of any key drop all of them."""
    clock = candidate.clock()
    limiter = script.rule.make(candidate, clock)
    calls = script.calls()
    candidate.play(clock, [limiter.check.at(*call) for call in calls])
    fresh, now = max(1, limiter.keys()), long_after(script.rule, calls[-1].at)
    others = [f"new {place}" if new else "new" for place in range(fresh)]
    candidate.play(clock, [limiter.check.at(now, other) for other in others])
    why = f"{fresh} keys were fresh at {now}, and {fresh} checks came after that"
    expect(limiter.keys(), len(set(others)), why=why)


@given(
    script=scripts(several_rules, up_to_limit, keys="abcd"), later=st.integers(0, 12)
)
@example(
    script=Script(
        together(BucketRule(1, 5, 3)),
        [(0, "a", 1), (0, "b", 3), (0, "c", 2), (0, "d", 3)],
    ),
    later=6,
)
@example(
    script=Script(
        together(WindowRule(2, 9)),
        [(0, "a", 1), (1, "b", 1), (4, "c", 1), (3, "d", 1)],
    ),
    later=2,
)
@check(level=3, category="correctness", examples=25)
def test_only_fresh_keys_are_dropped(candidate, script, later):
    """While some keys have become fresh and others not, only the others stay held."""
    clock = candidate.clock()
    limiter, model = script.rule.make(candidate, clock), script.rule.oracle()
    calls = script.calls()
    results = candidate.play(clock, [limiter.check.at(*call) for call in calls])
    learn(model, calls, results)
    now = calls[-1].at + later
    stay = [key for key in "abcd" if not model.fresh(key, now)]
    further = max(1, limiter.keys())
    candidate.play(clock, [limiter.check.at(now, "new")] * further)
    why = f"{stay} are not fresh at {now}, and 'new' took something"
    expect(limiter.keys(), len(stay) + 1, why=why)


@given(script=scripts(several_rules, up_to_limit, keys="abcd"), too_much=st.booleans())
@example(
    script=Script(together(WindowRule(1, 5)), [(0, key, 1) for key in "abcd"]),
    too_much=False,
)
@example(
    script=Script(together(BucketRule(1, 5, 1)), [(0, key, 1) for key in "abcd"]),
    too_much=True,
)
@check(level=3, category="correctness", examples=10)
def test_any_check_drops_fresh_keys(candidate, script, too_much):
    """Fresh keys are dropped by checks that are denied or cost nothing as by others."""
    clock = candidate.clock()
    limiter = script.rule.make(candidate, clock)
    calls = script.calls()
    candidate.play(clock, [limiter.check.at(*call) for call in calls])
    fresh, now = limiter.keys(), long_after(script.rule, calls[-1].at)
    cost = script.rule.most + 1 if too_much else 0
    candidate.play(clock, [limiter.check.at(now, "other", cost)] * fresh)
    why = f"{fresh} keys were fresh at {now}, and {fresh} checks came after that"
    expect(limiter.keys(), 0, why=why)


@given(rule=bucket_rules, fresh=st.integers(1, 5))
@example(rule=BucketRule(1, 10, 2), fresh=1)
@check(level=3, category="correctness", examples=5)
def test_denied_checks_drop_fresh_keys(candidate, rule, fresh):
    """Checks that are denied for now drop fresh keys as others do."""
    clock = candidate.clock()
    rule = rule._replace(burst=rule.burst + rule.refill)
    limiter = candidate.Limiter(rule.make(candidate, clock))
    steps = [limiter.check.at(0, f"key {number}") for number in range(fresh)]
    steps += [limiter.check.at(0, "busy", rule.burst)]
    steps += [limiter.check.at(rule.per, "busy", rule.burst)] * fresh
    *_, last = candidate.play(clock, steps)
    expect(last, allowed=False, why=f"{rule.refill} of {rule.burst} tokens are there")
    why = f"{fresh} others were fresh at {rule.per}, and {fresh} checks came after that"
    expect(limiter.keys(), 1, why=why)


@given(rule=rules, given_back=st.lists(st.integers(0, 3), min_size=1, max_size=6))
@example(rule=WindowRule(1, 5), given_back=[1, 0])
@example(rule=BucketRule(1, 1, 2), given_back=[1, 0])
@example(rule=BucketRule(1, 5, 1), given_back=[0, 1, 0, 1])
@example(rule=BucketRule(1, 10, 3), given_back=[1, 1])
@check(level=3, category="correctness", examples=5)
def test_keys_fresh_for_any_reason_are_dropped(candidate, rule, given_back):
    """Keys are dropped whether they got all back, or part of it, or nothing."""
    clock, model = candidate.clock(), rule.oracle()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    keys, steps = [f"key {number}" for number in range(len(given_back))], []
    for key, back in zip(keys, given_back, strict=True):
        model.take(key, rule.most, 0)
        model.refund(key, back, 0)
        steps.append(limiter.check.at(0, key, rule.most))
        steps.append(limiter.refund.at(0, key, back))
    now = next(at for at in count() if all(model.fresh(key, at) for key in keys))
    further = [limiter.check.at(now, "other")] * len(keys)
    candidate.play(clock, [*steps, *further])
    why = f"{len(further)} keys were fresh at {now}, and as many checks came after that"
    expect(limiter.keys(), 1, why=why)


@given(rule=rules, fresh=st.integers(1, 6))
@example(rule=WindowRule(1, 5), fresh=3)
@example(rule=BucketRule(1, 5, 1), fresh=3)
@check(level=3, category="correctness", examples=5)
def test_refunded_keys_are_dropped(candidate, rule, fresh):
    """A key whose units have all been refunded is dropped like any other fresh one."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    steps = [limiter.check.at(0, f"key {n}", rule.most) for n in range(fresh)]
    steps += [limiter.refund.at(0, f"key {n}", rule.most) for n in range(fresh)]
    candidate.play(clock, steps + [limiter.check.at(0, "other")] * fresh)
    why = f"{fresh} keys got all back, then {fresh} checks of another key came"
    expect(limiter.keys(), 1, why=why)


@given(script=scripts(several_rules, up_to_limit, keys="abcdef"))
@example(
    script=Script(
        together(WindowRule(2, 3), BucketRule(1, 9, 2)),
        [(0, "a", 2), (3, "b", 1), (0, "c", 1), (0, "b", 1), (0, "a", 1)],
    )
)
@example(
    script=Script(
        together(BucketRule(1, 1, 2), WindowRule(2, 9)),
        [(0, "a", 2), (3, "b", 1), (0, "c", 1), (0, "b", 1), (0, "a", 1)],
    )
)
@example(script=LIMITER_STORY)
@example(script=TURNED_STORY)
@check(level=3, category="correctness", examples=30)
def test_dropping_changes_no_decision(candidate, script):
    """Dropping fresh keys changes no decision for them or others."""
    expect_fields(candidate, script, *FIELDS)


@given(denied=st.integers(1, 5), rule=rules)
@example(denied=3, rule=WindowRule(1, 5))
@check(level=3, category="correctness", examples=5)
def test_denied_keys_are_not_kept(candidate, denied, rule):
    """A key that only had calls denied is not kept."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    steps = [limiter.check.at(0, f"key {n}", rule.most + 1) for n in range(denied)]
    candidate.play(clock, steps + [limiter.check.at(0, "other")] * denied)
    expect(limiter.keys(), 1, why="only one key was ever allowed anything")


@given(most=small, rule=rules)
@example(most=1, rule=WindowRule(1, 5))
@check(level=3, category="correctness", examples=10)
def test_max_keys_denies_a_new_key(candidate, most, rule):
    """While `max_keys` keys are held, a new key is denied: never, nothing remaining."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock), max_keys=most)
    steps = [limiter.check.at(0, f"key {n}") for n in range(most)]
    *taken, new = candidate.play(clock, [*steps, limiter.check.at(0, "new")])
    for got in taken:
        expect(got, allowed=True, why=f"at most {most} keys so far")
    why = f"{most} other keys are held"
    expect(new, allowed=False, retry_after=NEVER, remaining=0, why=why)


@given(most=small, limit=small)
@example(most=1, limit=1)
@check(level=3, category="correctness", examples=10)
def test_max_keys_forgets_no_limit(candidate, most, limit):
    """Keys that are held go on as before when a new key is denied by `max_keys`."""
    clock = candidate.clock()
    window = candidate.SlidingWindow(limit + 1, 100, clock)
    limiter = candidate.Limiter(window, max_keys=most)
    keys = [f"key {n}" for n in range(most)]
    steps = [limiter.check.at(0, key, limit) for key in keys]
    steps += [limiter.check.at(0, f"new {n}") for n in range(2 * most)]
    steps += [limiter.check.at(0, key) for key in keys * 2]
    results = candidate.play(clock, steps)
    for got in results[-2 * most : -most]:
        expect(got, allowed=True, remaining=0, why=f"{limit} of {limit + 1} taken")
    for got in results[-most:]:
        expect(got, allowed=False, retry_after=100, why="all was taken at 0")


@given(most=st.integers(1, 5), rule=rules)
@example(most=1, rule=WindowRule(1, 5))
@example(most=3, rule=WindowRule(1, 5))
@check(level=3, category="correctness", examples=10)
def test_max_keys_frees_places(candidate, most, rule):
    """The places of keys that were dropped can be used by new keys, and no more."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock), max_keys=most)
    now = long_after(together(rule), 0)
    steps = [limiter.check.at(0, f"key {n}") for n in range(most)]
    steps += [limiter.check.at(now, "key 0")] * most
    steps += [limiter.check.at(now, f"new {n}") for n in range(most)]
    *free, full = candidate.play(clock, steps)[-most:]
    for got in free:
        why = f"1 of {most} keys is held: the others are fresh at {now}"
        expect(got, allowed=True, why=why)
    expect(full, allowed=False, why=f"{most} other keys are held")


@given(most=st.integers(1, 5), rule=rules)
@example(most=1, rule=WindowRule(1, 5))
@check(level=3, category="correctness", examples=5)
def test_keys_turned_away_drop_fresh_keys(candidate, most, rule):
    """Checks of a new key that there is no place for drop fresh keys as others do."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock), max_keys=most)
    now = long_after(together(rule), 0)
    steps = [limiter.check.at(0, f"key {n}") for n in range(most)]
    got = candidate.play(clock, steps + [limiter.check.at(now, "new")] * most)[most:]
    held = int(any(decision.allowed for decision in got))
    why = f"{most} keys were fresh at {now}, and {most} checks came after that"
    expect(limiter.keys(), held, why=why)


@given(script=scripts(several_rules, up_to_limit, keys="abcd"), most=st.integers(1, 3))
@check(level=3, category="correctness", examples=15)
def test_keys_is_at_most_max_keys(candidate, script, most):
    """There are never more than `max_keys` keys."""
    clock = candidate.clock()
    made = [rule.make(candidate, clock) for rule in script.rule.rules]
    limiter = candidate.Limiter(*made, max_keys=most)
    candidate.play(clock, [limiter.check.at(*call) for call in script.calls()])
    held = limiter.keys()
    require(held <= most, held, f"at most {most}")


# Level 4: acquire, as far as it need not wait


@given(rule=rules, taken=small)
@example(rule=WindowRule(1, 5), taken=1)
@example(rule=BucketRule(1, 5, 1), taken=1)
@check(level=4, category="correctness", examples=10)
def test_acquire_takes_what_fits(candidate, rule, taken):
    """`acquire` is True at once when the call is allowed, and takes the units."""
    taken = min(taken, rule.most)
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    expect(limiter.acquire("a", taken), True, why=f"{rule.most} units are free")
    got = limiter.check("a", rule.most - taken + 1)
    expect(got, allowed=False, why=f"{taken} of {rule.most} units are acquired")


@check(level=4, category="correctness")
def test_acquire_costs_one_unless_given(candidate):
    """`acquire` takes 1 unit unless told otherwise."""
    clock = candidate.clock()
    limiter = candidate.Limiter(candidate.SlidingWindow(5, 10, clock))
    expect(limiter.acquire("a"), True, why="5 units are free")
    expect(limiter.check("a"), remaining=3, why="2 of 5 taken")
    expect(limiter.acquire(key="a", cost=2, timeout=None), True, why="3 are free")
    expect(limiter.check("a"), remaining=0, why="5 of 5 taken")


@given(script=scripts(several_rules, up_to_limit, keys="a"))
@example(script=Script(together(WindowRule(1, 5)), [(0, "a", 1), (1, "a", 1)]))
@example(script=LIMITER_STORY)
@example(script=TURNED_STORY)
@check(level=4, category="correctness", examples=25)
def test_acquire_tries_once(candidate, script):
    """With a timeout of 0, `acquire` is True exactly when `check` would allow."""
    clock = candidate.clock()
    limiter, model = script.rule.make(candidate, clock), script.rule.oracle()
    calls = script.calls()
    for at, key, cost in calls:
        clock.set(at)
        want = model.look(key, cost, at)
        expect(limiter.acquire(key, cost, 0), want.allowed, why=want.why)
        if want.allowed:
            model.take(key, cost, at)


@given(rule=rules, tries=small)
@example(rule=WindowRule(1, 5), tries=1)
@example(rule=BucketRule(1, 5, 1), tries=1)
@check(level=4, category="correctness", examples=10)
def test_acquire_in_vain_takes_nothing(candidate, rule, tries):
    """An `acquire` that is False takes nothing."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    now = long_after(together(rule), 0)
    steps = [limiter.check.at(0, "a", rule.most)]
    steps += [limiter.acquire.at(0, "a", 1, 0)] * tries
    last = candidate.play(clock, [*steps, limiter.check.at(now, "a", rule.most)])[-1]
    expect(last, allowed=True, why=f"nothing was taken after 0, all is free at {now}")


@given(rule=rules, timeout=st.sampled_from([None, 0, 5, 10**9]))
@example(rule=WindowRule(2, 5), timeout=None)
@example(rule=BucketRule(1, 5, 2), timeout=None)
@example(rule=WindowRule(2, 5), timeout=10**9)
@example(rule=BucketRule(1, 5, 2), timeout=10**9)
@check(level=4, category="correctness", examples=5)
def test_acquire_never(candidate, rule, timeout):
    """`acquire` is False at once when the call can never be allowed."""
    clock = candidate.clock()
    limiter = candidate.Limiter(rule.make(candidate, clock))
    got = limiter.acquire("a", rule.most + 1, timeout)
    expect(got, False, why=f"{rule.most + 1} units, {rule.most} is the most")
