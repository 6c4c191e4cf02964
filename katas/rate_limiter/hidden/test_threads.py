"""What has to hold while calls wait or run at once, however threads interleave."""

from __future__ import annotations

from typing import Any

from strategies import BucketRule, WindowRule

from graders.interleaving import Done, History, Scenario, explore, pause
from graders.laws import check, expect, require

ONE = WindowRule(1, 10)
TWO = WindowRule(2, 10)
THREE = WindowRule(3, 10)
LONG = 10**9
"""Microseconds that are longer than anything else in a scenario."""


def scene_of(
    candidate: Any,
    *rules: Any,
    start: int = 1_000,
    hasty: bool = False,
    **options: Any,
) -> tuple[Scenario, Any]:
    """Return a scenario with a limiter, by default one whose times are exact."""
    scene = Scenario(candidate, hasty=hasty)
    clock = scene.clock(start)
    return scene, scene.Limiter(*(rule.make(scene, clock) for rule in rules), **options)


def call_of(history: History, thread: int) -> Done:
    """Return the last call of a thread."""
    return history.thread(thread)[-1]


def expect_at(done: Done, result: Any, at: int, why: str) -> None:
    """Demand the result of a call and the virtual time of its end."""
    expect(done.result, result, why=f"{done.text()}: {why}")
    words = f"{done.text()} to end at {at}, not at {done.until}: {why}"
    require(done.until == at, done.result, words)


def taken(history: History) -> int:
    """Return how many units the calls of all threads got, with one each."""
    results = [done.result for done in history.of("check", "acquire")]
    return sum(getattr(result, "allowed", result) for result in results)


# Calls that run at once


@check(level=4, category="correctness")
def test_checks_at_once(candidate):
    """Checks that run at once never take more than there is, nor less."""
    scene, limiter = scene_of(candidate, WindowRule(2, LONG), BucketRule(1, LONG, 3))
    for _ in range(3):
        scene.thread(limiter.check("a"))

    def judge(history: History) -> None:
        got = [done.result for done in history.done]
        left = sorted(decision.remaining for decision in got)
        require(taken(history) == 2, got, "2 of 3 to be allowed: the limit is 2")
        require(left == [0, 0, 1], got, "remaining 1, 0 and 0, in the order of turns")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_new_keys_at_once(candidate):
    """Of new keys that come at once, no more than `max_keys` are held."""
    scene, limiter = scene_of(candidate, WindowRule(2, LONG), max_keys=1)
    scene.thread(limiter.check("a"))
    scene.thread(limiter.check("b"))
    scene.finally_(limiter.keys())

    def judge(history: History) -> None:
        got = [done.result for done in history.done]
        require(taken(history) == 1, got, "one of two to be allowed: max_keys is 1")
        expect(history.finals[0].result, 1, why="max_keys is 1")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_keys_while_others_check(candidate):
    """`keys()` counts also while other threads bring new keys."""
    scene, limiter = scene_of(candidate, WindowRule(2, LONG))
    scene.first(limiter.check("a"), limiter.check("b"))
    scene.thread(limiter.keys())
    scene.thread(limiter.check("c"), limiter.check("d"))

    def judge(history: History) -> None:
        count = call_of(history, 1).result
        require(2 <= count <= 4, count, "2 keys are held before, 4 afterwards")

    explore(scene, judge, schedules=80)


@check(level=4, category="correctness")
def test_refunds_at_once(candidate):
    """Refunds that run at once are all counted."""
    scene, limiter = scene_of(candidate, WindowRule(4, LONG), BucketRule(1, LONG, 4))
    scene.first(limiter.check("a", 4))
    scene.thread(limiter.refund("a"))
    scene.thread(limiter.refund("a"))
    scene.thread(limiter.check("b"), limiter.refund("a"))
    scene.finally_(limiter.check("a", 3))

    def judge(history: History) -> None:
        why = "4 of 4 were taken, 3 are given back"
        expect(history.finals[0].result, allowed=True, remaining=0, why=why)

    explore(scene, judge)


@check(level=4, category="correctness")
def test_check_and_refund_at_once(candidate):
    """A check and a refund that run at once end as if one came after the other."""
    scene, limiter = scene_of(candidate, WindowRule(3, LONG), BucketRule(1, LONG, 3))
    scene.first(limiter.check("a"), limiter.check("a"))
    scene.thread(limiter.check("a"))
    scene.thread(limiter.refund("a", 2))
    scene.finally_(limiter.check("a", 0))

    def judge(history: History) -> None:
        why = "2 of 3 were taken, then 1 more, and 2 are given back"
        expect(history.finals[0].result, remaining=2, why=why)

    explore(scene, judge)


@check(level=4, category="correctness")
def test_acquire_and_check_at_once(candidate):
    """`acquire` and `check` together never take more than there is, nor less."""
    scene, limiter = scene_of(candidate, WindowRule(2, LONG))
    scene.thread(limiter.acquire("a", 1, 0))
    scene.thread(limiter.check("a"))
    scene.thread(limiter.acquire("a", 1, 0))
    scene.finally_(limiter.check("a", 0))

    def judge(history: History) -> None:
        got = [done.result for done in history.done]
        require(taken(history) == 2, got, "two of three to get a unit: there are 2")
        expect(history.finals[0].result, remaining=0, why="2 of 2 are taken")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_slow_threads(candidate):
    """However slowly threads run, `acquire` takes what there is and is not early."""
    scene, limiter = scene_of(candidate, WindowRule(2, LONG), hasty=True)
    for _ in range(3):
        scene.thread(limiter.acquire("a", 1, 5))

    def judge(history: History) -> None:
        got = [done.result for done in history.done]
        require(taken(history) >= 2, got, "two of three to be True: there are 2 units")
        # much later, there are as many once more
        if all(done.until < LONG for done in history.done):
            require(
                taken(history) == 2, got, "no more than two True: there are 2 units"
            )
        for done in history.done:
            late = done.result or done.until - done.at >= 5
            require(late, False, "False not before 5 microseconds have passed")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_slow_checks(candidate):
    """However slowly threads run, `check` allows no more than came in that time."""
    scene, limiter = scene_of(candidate, BucketRule(1, 10, 1), hasty=True)
    scene.first(limiter.check("a"))
    scene.thread(limiter.check("a"))
    scene.thread(pause(10), limiter.check("a"), limiter.check("a"))

    def judge(history: History) -> None:
        came = max(done.until for done in history.done) // 10
        got = [done.result for done in history.done]
        words = f"at most {came} to be allowed: 1 token comes every 10 microseconds"
        require(taken(history) <= came, got, words)

    explore(scene, judge)


@check(level=4, category="correctness")
def test_slow_checks_in_a_window(candidate):
    """However slowly threads run, no wait is longer than from the time last read."""
    scene, limiter = scene_of(candidate, ONE, hasty=True)
    scene.first(limiter.check("a"))
    scene.thread(*[limiter.check("a")] * 3)
    scene.thread(pause(10), limiter.check("a"))

    def judge(history: History) -> None:
        got = [done.result for done in history.of("check")]
        longest = max(decision.retry_after for decision in got)
        words = "retry_after 10 at most: by then the window of 10 holds nothing of now"
        require(longest <= 10, got, words)

    explore(scene, judge, schedules=80)


# When acquire returns


@check(level=4, category="correctness")
def test_acquire_waits(candidate):
    """`acquire` is True as soon as the call is allowed, and not later."""
    for rule, timeout in ((TWO, None), (BucketRule(1, 5, 2), None), (TWO, 25)):
        scene, limiter = scene_of(candidate, rule)
        scene.first(limiter.check("a", 2))
        scene.thread(limiter.acquire("a", 2, timeout))

        def judge(history: History) -> None:
            why = "2 units were taken at 0 and are free again at 10"
            expect_at(call_of(history, 1), True, 10, why)

        explore(scene, judge, schedules=5)


@check(level=4, category="edge_cases")
def test_acquire_at_the_deadline(candidate):
    """A call that becomes allowed at the very instant of the deadline is allowed."""
    scene, limiter = scene_of(candidate, TWO)
    scene.first(limiter.check("a", 2))
    scene.thread(limiter.acquire("a", 1, 10))

    def judge(history: History) -> None:
        why = "the units of time 0 are free again at 10, the deadline"
        expect_at(call_of(history, 1), True, 10, why)

    explore(scene, judge, schedules=5)


@check(level=4, category="correctness")
def test_acquire_in_time(candidate):
    """`acquire` gives up exactly at the deadline, and has taken nothing."""
    for start in (1_000, -7):  # from -7 on, the deadline is at the instant 0
        scene, limiter = scene_of(candidate, TWO, start=start)
        scene.first(limiter.check("a", 2))
        scene.thread(limiter.acquire("a", 1, 7))
        scene.thread(pause(10), limiter.check("a", 2))

        def judge(history: History, start: int = start) -> None:
            why = f"the clock began at {start}, and the timeout is 7"
            expect_at(call_of(history, 1), False, 7, why)
            why = "nothing was taken after that, so all is free 10 later"
            expect(call_of(history, 2).result, allowed=True, why=why)

        explore(scene, judge, schedules=20)


@check(level=4, category="correctness")
def test_deadline_stands(candidate):
    """Being woken for nothing moves no deadline, of the first or of one behind it."""
    scene, limiter = scene_of(candidate, THREE)
    scene.first(limiter.check("a", 3))
    scene.thread(limiter.acquire("a", 3, 7))
    scene.thread(pause(1), limiter.acquire("a", 1, 5))
    scene.thread(pause(2), limiter.refund("a"), pause(2), limiter.refund("a"))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), False, 7, "2 of 3 are given back, 3 are needed")
        expect_at(call_of(history, 2), False, 6, "it waits for 5, behind another")

    explore(scene, judge, schedules=60)


@check(level=4, category="correctness")
def test_acquire_tries_on(candidate):
    """`acquire` waits on when the units it waited for are taken by a check."""
    scene, limiter = scene_of(candidate, ONE)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 1, 30))
    scene.thread(pause(10), limiter.check("a"))

    def judge(history: History) -> None:
        at = 20 if call_of(history, 2).result.allowed else 10
        expect_at(call_of(history, 1), True, at, f"a unit is free at {at}")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_acquire_without_end(candidate):
    """Without a timeout `acquire` waits as long as it takes, and does not run."""
    scene, limiter = scene_of(candidate, WindowRule(1, LONG))
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a"))
    scene.thread(limiter.acquire("a"))

    def judge(history: History) -> None:
        ends = sorted(done.until for done in history.done if done.result)
        words = f"True at {LONG} and at {2 * LONG}, when a unit is free"
        require(ends == [LONG, 2 * LONG], ends, words)

    explore(scene, judge, schedules=60)


# Who comes first


@check(level=4, category="correctness")
def test_first_come_first_served(candidate):
    """Those who wait for a key are served in the order in which they came."""
    scene, limiter = scene_of(candidate, ONE)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a"))
    scene.thread(pause(1), limiter.acquire("a"))
    scene.thread(pause(2), limiter.acquire("a"))

    def judge(history: History) -> None:
        for thread in (1, 2, 3):
            why = f"it came as number {thread}, and a unit is free at 10, 20 and 30"
            expect_at(call_of(history, thread), True, 10 * thread, why)

    explore(scene, judge)


@check(level=4, category="correctness")
def test_no_overtaking(candidate):
    """A small `acquire` does not overtake a large one that waits before it."""
    scene, limiter = scene_of(candidate, TWO)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 2))
    scene.thread(pause(1), limiter.acquire("a", 1))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), True, 10, "2 units are free at 10")
        expect_at(call_of(history, 2), True, 20, "the one before it takes both")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_timeout_zero_behind_a_waiter(candidate):
    """With a timeout of 0 or less, `acquire` is False at once behind one who waits."""
    scene, limiter = scene_of(candidate, TWO)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 2))
    scene.thread(pause(1), limiter.acquire("a", 1, 0))
    scene.thread(pause(2), limiter.acquire("a", 1, -3))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), True, 10, "2 units are free at 10")
        for thread in (2, 3):
            why = "one who needs 2 waits before it"
            expect_at(call_of(history, thread), False, thread - 1, why)

    explore(scene, judge, schedules=60)


@check(level=4, category="correctness")
def test_cost_zero_behind_a_waiter(candidate):
    """`acquire` with cost 0 is True at once, behind one who waits as well."""
    scene, limiter = scene_of(candidate, TWO)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 2))
    scene.thread(pause(1), limiter.acquire("a", 0))
    scene.thread(pause(2), limiter.acquire("a", 0, 0))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), True, 10, "2 units are free at 10")
        for thread in (2, 3):
            expect_at(call_of(history, thread), True, thread - 1, "it needs nothing")

    explore(scene, judge, schedules=20)


@check(level=4, category="correctness")
def test_never_behind_a_waiter(candidate):
    """`acquire` of what is never allowed is False at once, behind others as well."""
    scene, limiter = scene_of(candidate, TWO)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 2))
    scene.thread(pause(1), limiter.acquire("a", 3))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), True, 10, "2 units are free at 10")
        expect_at(call_of(history, 2), False, 1, "there are never 3 units")

    explore(scene, judge, schedules=20)


@check(level=4, category="correctness")
def test_served_but_late_to_wake(candidate):
    """However late an `acquire` wakes, it is True if it was charged, and only then."""
    scene, limiter = scene_of(candidate, WindowRule(1, LONG), hasty=True)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 1, 5))
    scene.thread(pause(3), limiter.refund("a"))
    scene.thread(pause(50))
    scene.finally_(limiter.check("a", 0))

    def judge(history: History) -> None:
        charged = call_of(history, 1).result
        words = f"acquire said {charged}, and the unit was given back"
        if history.finals[0].until < LONG:  # much later, no unit counts any more
            expect(history.finals[0].result, remaining=1 - charged, why=words)

    explore(scene, judge, schedules=100)


@check(level=4, category="correctness")
def test_check_does_not_queue(candidate):
    """`check` is decided by the rules alone, also while others wait for the key."""
    scene, limiter = scene_of(candidate, TWO)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 2))
    scene.thread(pause(1), limiter.check("a"))

    def judge(history: History) -> None:
        checked = call_of(history, 2)
        why = "1 of 2 units is free, and only acquires queue"
        expect(checked.result, allowed=True, retry_after=0, remaining=0, why=why)
        expect_at(call_of(history, 1), True, 11, "the unit of time 1 is free at 11")

    explore(scene, judge, schedules=60)


@check(level=4, category="correctness")
def test_line_after_some_have_left(candidate):
    """Who waits is served in its turn and at once, whoever left the line before."""
    scene, limiter = scene_of(candidate, ONE)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 1, 3))
    scene.thread(pause(1), limiter.acquire("a"))
    scene.thread(pause(5), limiter.acquire("a"))
    scene.thread(pause(15), limiter.refund("a"))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), False, 3, "its timeout is over, none is free")
        expect_at(call_of(history, 2), True, 10, "the unit of 0 leaves at 10")
        expect_at(call_of(history, 3), True, 15, "the unit of 10 is given back at 15")

    explore(scene, judge, schedules=60)


@check(level=4, category="correctness")
def test_line_that_is_empty_again(candidate):
    """When all have left the line, the next call is the first again."""
    scene, limiter = scene_of(candidate, ONE)
    scene.first(limiter.check("a"))
    scene.thread(
        *(limiter.acquire("a", 1, 5), pause(5), limiter.acquire("a", 1, 0)),
        *(limiter.acquire("a"), pause(10), limiter.acquire("a", 1, 0)),
    )

    def judge(history: History) -> None:
        got = [(done.result, done.until) for done in history.of("acquire")]
        want = [(False, 5), (True, 10), (True, 20), (True, 30)]
        require(got == want, got, f"{want}: result and time of each acquire")

    explore(scene, judge, schedules=10)


@check(level=4, category="correctness")
def test_next_after_one_gives_up(candidate):
    """When the first in line gives up, the next is served at that instant."""
    scene, limiter = scene_of(candidate, TWO)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 2, 5))
    scene.thread(pause(1), limiter.acquire("a", 1))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), False, 5, "2 units are free at 10 only")
        expect_at(call_of(history, 2), True, 5, "nobody waits before it from 5 on")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_waiting_keeps_no_key(candidate):
    """A key for which some have waited is dropped once it is fresh."""
    scene, limiter = scene_of(candidate, ONE)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 1, 5))
    scene.thread(pause(1), limiter.acquire("a"))
    scene.thread(pause(40), limiter.check("b"), limiter.check("b"))
    scene.finally_(limiter.keys())

    def judge(history: History) -> None:
        expect_at(call_of(history, 2), True, 10, "the unit of time 0 is free at 10")
        why = "'a' is fresh since 20, and 2 checks were made at 40"
        expect(history.finals[0].result, 1, why=why)

    explore(scene, judge, schedules=60)


# Refunds, and other keys


@check(level=4, category="correctness")
def test_who_gave_up_takes_nothing(candidate):
    """An `acquire` that gave up behind another takes nothing when that is served."""
    scene, limiter = scene_of(candidate, THREE)
    scene.first(limiter.check("a", 3))
    scene.thread(limiter.acquire("a", 2))
    scene.thread(pause(1), limiter.acquire("a", 1, 5))
    scene.finally_(limiter.check("a", 0))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), True, 10, "3 units are free at 10")
        expect_at(call_of(history, 2), False, 6, "it waits for 5, behind another")
        expect(history.finals[0].result, remaining=1, why="2 of 3 are taken at 10")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_refund_lets_go(candidate):
    """A refund lets all go at once for whom there is enough, in their order."""
    scene, limiter = scene_of(candidate, THREE)
    scene.first(limiter.check("a", 3))
    scene.thread(limiter.acquire("a"))
    scene.thread(pause(1), limiter.acquire("a", 1, 50))
    scene.thread(pause(3), limiter.refund("a", 2))

    def judge(history: History) -> None:
        for thread in (1, 2):
            expect_at(call_of(history, thread), True, 3, "2 units are given back at 3")

    explore(scene, judge)


@check(level=4, category="correctness")
def test_refund_for_several_costs(candidate):
    """Of those that a refund lets go together, each takes its own cost."""
    for costs in ((1, 2), (2, 1)):
        scene, limiter = scene_of(candidate, WindowRule(4, LONG))
        scene.first(limiter.check("a", 4))
        scene.thread(limiter.acquire("a", costs[0]))
        scene.thread(pause(1), limiter.acquire("a", costs[1]))
        scene.thread(pause(3), limiter.refund("a", 4))
        scene.finally_(limiter.check("a", 0))

        def judge(history: History) -> None:
            for thread in (1, 2):
                expect_at(call_of(history, thread), True, 3, "4 are given back at 3")
            expect(history.finals[0].result, remaining=1, why="1 and 2 of 4 are taken")

        explore(scene, judge, schedules=30)


@check(level=4, category="correctness")
def test_refund_as_one_begins_to_wait(candidate):
    """A refund lets go also one that is just about to wait, or to wait again."""
    scene, limiter = scene_of(candidate, WindowRule(2, LONG))
    scene.first(limiter.check("a", 2))
    scene.thread(limiter.acquire("a", 2))
    scene.thread(limiter.refund("a"))
    scene.thread(limiter.refund("a"))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), True, 0, "both units are given back at 0")

    explore(scene, judge, schedules=80)


@check(level=4, category="correctness")
def test_refund_shortens_the_wait(candidate):
    """A refund that is not enough by itself makes `acquire` wait less long."""
    scene, limiter = scene_of(candidate, WindowRule(3, 10))
    scene.first(limiter.check("a"))
    scene.thread(pause(5), limiter.check("a", 2), limiter.acquire("a", 2))
    scene.thread(pause(6), limiter.refund("a"))

    def judge(history: History) -> None:
        why = "1 of 2 units taken at 5 is given back, that of 0 leaves at 10"
        expect_at(call_of(history, 1), True, 10, why)

    explore(scene, judge, schedules=60)


@check(level=4, category="correctness")
def test_refunds_one_by_one(candidate):
    """Every refund shortens the wait of the first in line, whoever stands behind."""
    scene, limiter = scene_of(candidate, BucketRule(1, 10, 4))
    scene.first(limiter.check("a", 4))
    scene.thread(limiter.acquire("a", 4))
    scene.thread(pause(1), limiter.acquire("a", 1))
    scene.thread(pause(2), limiter.refund("a"), pause(1), limiter.refund("a"))

    def judge(history: History) -> None:
        why = "2 of 4 tokens are given back, and 1 comes every 10"
        expect_at(call_of(history, 1), True, 20, why)
        expect_at(call_of(history, 2), True, 30, "the one before it takes all at 20")

    explore(scene, judge, schedules=60)


@check(level=4, category="correctness")
def test_refund_wakes_the_first(candidate):
    """A refund lets go the first in line, however many are behind and woken before."""
    scene, limiter = scene_of(candidate, WindowRule(2, LONG))
    scene.first(limiter.check("a", 2))
    scene.thread(limiter.acquire("a", 2))
    scene.thread(pause(1), limiter.acquire("a", 1, 20))
    scene.thread(pause(2), limiter.acquire("a", 1, 20))
    scene.thread(pause(3), limiter.refund("a"), pause(1), limiter.refund("a"))

    def judge(history: History) -> None:
        expect_at(call_of(history, 1), True, 4, "both units are given back by 4")
        for thread in (2, 3):
            why = "the one before it has taken all"
            expect_at(call_of(history, thread), False, 19 + thread, why)

    explore(scene, judge, schedules=60)


@check(level=4, category="correctness")
def test_refund_wakes_the_right_one(candidate):
    """A refund lets go the one it is for, whoever else waits for other keys."""
    scene, limiter = scene_of(candidate, WindowRule(1, LONG))
    scene.first(limiter.check("a"), limiter.check("b"))
    scene.thread(limiter.acquire("a"))
    scene.thread(limiter.acquire("a"))
    scene.thread(pause(1), limiter.acquire("b"))
    scene.thread(pause(3), limiter.refund("b"))

    def judge(history: History) -> None:
        expect_at(call_of(history, 3), True, 3, "its unit is given back at 3")

    explore(scene, judge, schedules=60)


@check(level=4, category="correctness")
def test_refund_at_the_deadline(candidate):
    """An `acquire` whose units come at its deadline has them, or leaves them."""
    scene, limiter = scene_of(candidate, ONE)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a", 1, 5))
    scene.thread(pause(5), limiter.refund("a"))
    scene.finally_(limiter.check("a", 0))

    def judge(history: History) -> None:
        got = call_of(history, 1).result
        why = f"acquire said {got}, and the unit was given back"
        expect(history.finals[0].result, remaining=0 if got else 1, why=why)

    explore(scene, judge)


@check(level=4, category="correctness")
def test_other_keys_go_on(candidate):
    """While one waits, calls for other keys go on at once."""
    scene, limiter = scene_of(candidate, ONE)
    scene.first(limiter.check("a"))
    scene.thread(limiter.acquire("a"))
    scene.thread(pause(1), limiter.check("b"), limiter.acquire("c", 1, 5))
    scene.thread(pause(2), limiter.acquire("d"), limiter.refund("d"))

    def judge(history: History) -> None:
        for thread in (2, 3):
            for done in history.thread(thread):
                words = f"{done.text()} to end at {thread - 1}, when it was made"
                require(done.until == thread - 1, done.until, words)
        expect_at(call_of(history, 1), True, 10, "the unit of time 0 is free at 10")

    explore(scene, judge, schedules=60)
