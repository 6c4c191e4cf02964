"""What has to hold of gather_limited: order, how much runs at once, how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scenes import SECOND, last

from graders.interleaving import (
    AwaitingScenario,
    Done,
    History,
    at_once,
    cancel,
    explore,
    pause,
)
from graders.laws import check, expect, require


def gathering(scene: Any, coroutines: Any, **options: Any) -> Any:
    return scene.function("gather_limited", coroutines, **options)


def scene_of(candidate: Any) -> Any:
    """Return a scene whose times are exact."""
    return AwaitingScenario(candidate, hasty=False)


def expect_very(done: Done, script: Any) -> None:
    """Demand the very exception of a coroutine, no copy and no group."""
    words = f"the very exception that {script.name} raised"
    got = done.error if done.error is not None else done.value
    require(done.raised_by is script, got, words)


def expect_all_over(history: History, coroutines: Sequence[Any]) -> None:
    """Demand that each coroutine has ended or is closed, and no task is left."""
    done = last(history, 1)
    for coroutine in coroutines:
        fate = history.fate(coroutine)
        over = fate not in ("never awaited", "not ended")
        require(over, fate, f"{coroutine.name} to be awaited or closed")
    for inner in history.inner(*coroutines):
        words = f"{inner.call.text()} to be over before the call returns"
        require(inner.ended < done.ended, f"it ends at {inner.until}", words)
    require(done.threads == 0, f"{done.threads} tasks left", "no task to be left")
    warnings = [words for words in history.complaints if "never awaited" in words]
    require(not warnings, warnings, "no warning")


@check(level=4, category="correctness")
def test_gathered_in_order(candidate):
    """Results come in the order of the coroutines, whichever ends first."""
    for limit in (1, 2, 9):
        scene = scene_of(candidate)
        made = [scene.coroutine(pause(9 - 2 * n), gives=n) for n in range(4)]
        scene.task(gathering(scene, made, limit=limit))

        def judge(history: History, made: Any = made) -> None:
            expect(last(history, 1).result, [0, 1, 2, 3])
            expect_all_over(history, made)

        explore(scene, judge, schedules=15)


@check(level=4, category="correctness")
def test_gathered_within_limit(candidate):
    """At most `limit` run at once."""
    for limit in (1, 2, 3):
        scene = scene_of(candidate)
        made = [scene.coroutine(pause(1 + n % 3), gives=n) for n in range(6)]
        scene.task(gathering(scene, made, limit=limit))

        def judge(history: History, made: Any = made, limit: int = limit) -> None:
            most = at_once(history.inner(*made))
            require(most <= limit, most, f"at most {limit} at once")
            expect(last(history, 1).result, list(range(6)))

        explore(scene, judge, schedules=15)


@check(level=4, category="correctness")
def test_gathered_together(candidate):
    """As many as `limit` run together: they may wait for each other."""
    scene = scene_of(candidate)
    gates = [scene.gate() for _ in range(3)]
    made = [
        scene.coroutine(gate.open(), *(other.wait() for other in gates), gives=number)
        for number, gate in enumerate(gates)
    ]
    scene.task(gathering(scene, made, limit=3))

    def judge(history: History) -> None:
        expect(last(history, 1).result, [0, 1, 2])

    explore(scene, judge, schedules=15)


@check(level=4, category="correctness")
def test_first_error_is_raised(candidate):
    """The very first error is raised, itself and in no group."""
    for limit, place in ((1, 1), (2, 0), (3, 0), (2, 1), (3, 1)):
        scene = scene_of(candidate)
        fails_too = scene.script(ValueError("while it was cancelled")).call()
        late = scene.coroutine(
            pause(50), gives=KeyError("late"), when_cancelled=[fails_too]
        )
        early = scene.coroutine(pause(5), gives=KeyError("early"))
        other = scene.coroutine(pause(50), gives=1)
        made = [early, other]
        made.insert(place, late)
        scene.task(gathering(scene, made, limit=limit))

        def judge(history: History, early: Any = early, made: Any = made) -> None:
            expect_very(last(history, 1), early)
            expect(last(history, 1).until, 5, why="it fails at 5, nothing else is due")
            expect_all_over(history, made)

        explore(scene, judge, schedules=15, expects=(Exception,))


@check(level=4, category="correctness")
def test_others_are_cancelled_and_awaited(candidate):
    """On an error the others are cancelled, and awaited until they are over."""
    scene = scene_of(candidate)
    slow = scene.coroutine(pause(50), gives=1, when_cancelled=[pause(3)])
    quick = scene.coroutine(pause(1), gives=2)
    fails = scene.coroutine(pause(5), gives=KeyError("fails"))
    slower = scene.coroutine(pause(70), gives=1, when_cancelled=[pause(7)])
    made = [slow, quick, fails, slower]
    scene.task(gathering(scene, made, limit=4))

    def judge(history: History) -> None:
        done = last(history, 1)
        expect_very(done, fails)
        for coroutine in (slow, slower):
            expect(
                history.fate(coroutine), "cancelled", why=f"{coroutine.name} was due"
            )
        expect_all_over(history, made)

    explore(scene, judge, schedules=30, expects=(KeyError,))


@check(level=4, category="correctness")
def test_nothing_goes_on_after_an_error(candidate):
    """After an error nothing more is worked off; what was not started is closed."""
    scene = scene_of(candidate)
    fails = scene.coroutine(pause(5), gives=KeyError("fails"))
    others = [scene.coroutine(pause(20), gives=number) for number in range(5)]
    scene.task(gathering(scene, [others[0], fails, *others[1:]], limit=2))

    def judge(history: History) -> None:
        expect_very(last(history, 1), fails)
        expect(last(history, 1).until, 5, why="it fails at 5")
        begun = len(history.inner(*others))
        require(begun <= 2, f"{begun} others begun", "1, or 2 for a moment")
        expect_all_over(history, others)

    explore(scene, judge, schedules=30, expects=(KeyError,))


@check(level=4, category="correctness")
def test_error_stops_what_never_waits(candidate):
    """An error stops the call, though nothing that is left ever has to wait."""
    scene = scene_of(candidate)
    fails = scene.coroutine(pause(5), gives=KeyError("fails"))
    # whoever awaits this one goes on just after the error, before it is cancelled
    beside = scene.coroutine(pause(5), gives=0)
    quick = [scene.coroutine(gives=number) for number in range(40)]
    scene.task(gathering(scene, [fails, beside, *quick], limit=2))

    def judge(history: History) -> None:
        expect_very(last(history, 1), fails)
        (failed,) = history.inner(fails)
        late = [one for one in history.inner(*quick) if one.began > failed.ended]
        words = f"{len(late)} of 40 others begun after the error"
        require(len(late) <= 20, words, "a few, for a moment")
        expect_all_over(history, quick)

    explore(scene, judge, schedules=15, expects=(KeyError,))


@check(level=4, category="correctness")
def test_timeout_is_for_the_whole_call(candidate):
    """After `timeout` seconds in all, TimeoutError is raised and nothing goes on."""
    scene = scene_of(candidate)
    made = [scene.coroutine(pause(600_000), gives=n) for n in range(4)]
    scene.task(gathering(scene, made, limit=1, timeout=1.5))

    def judge(history: History) -> None:
        expect_timed_out(history, int(1.5 * SECOND), cleaning_up=0)
        fates = [history.fate(coroutine) for coroutine in made[:3]]
        expect(fates, ["returned", "returned", "cancelled"], why="each takes 0.6 s")
        expect_all_over(history, made)

    explore(scene, judge, schedules=20, expects=(TimeoutError,))


def expect_timed_out(history: History, until: int, cleaning_up: int) -> None:
    """Demand TimeoutError then; who is cancelled twice may not clean up to the end."""
    done = last(history, 1)
    got = done.error if done.error is not None else done.value
    require(isinstance(done.error, TimeoutError), got, "TimeoutError")
    words = f"an end at {until / SECOND:g} s, not at {done.until / SECOND:g} s"
    require(until - 1 <= done.until <= until + cleaning_up + 1, got, words)


@check(level=4, category="correctness")
def test_timeout_awaits_the_cancelled(candidate):
    """At the timeout what runs is cancelled, and awaited until it is over."""
    scene = scene_of(candidate)
    tidy = [pause(3 * SECOND)]
    made = [scene.coroutine(pause(SECOND), when_cancelled=tidy) for _ in range(3)]
    scene.task(gathering(scene, made, limit=2, timeout=0.5))

    def judge(history: History) -> None:
        expect_timed_out(history, 500_000, cleaning_up=3 * SECOND)
        for coroutine in made[:2]:
            expect(history.fate(coroutine), "cancelled", why="it takes 1 s")
        expect_all_over(history, made)

    explore(scene, judge, schedules=20, expects=(TimeoutError,))


@check(level=4, category="correctness")
def test_timeout_that_is_not_reached(candidate):
    """What ends before the timeout is not disturbed by it."""
    scene = scene_of(candidate)
    made = [scene.coroutine(pause(400_000), gives=n) for n in range(4)]
    scene.task(gathering(scene, made, limit=2, timeout=1.0))

    def judge(history: History) -> None:
        expect(last(history, 1).result, [0, 1, 2, 3], why="it takes 0.8 s of 1 s")
        expect_all_over(history, made)

    explore(scene, judge, schedules=15)


@check(level=4, category="correctness")
def test_cancelling_cancels_all(candidate):
    """Cancelling the call cancels and awaits all that runs, and closes the others."""
    scene = scene_of(candidate)
    made = [scene.coroutine(pause(50), when_cancelled=[pause(3)]) for _ in range(4)]
    scene.task(gathering(scene, made, limit=2))
    scene.task(pause(4), cancel(1))

    def judge(history: History) -> None:
        done = last(history, 1)
        got = done.error if done.error is not None else done.value
        require(done.cancelled, got, "CancelledError")
        for coroutine in made[:2]:
            expect(history.fate(coroutine), "cancelled", why="it takes 50")
        expect_all_over(history, made)

    explore(scene, judge, schedules=20)


@check(level=4, category="edge_cases")
def test_gather_timeout_zero(candidate):
    """A timeout of 0 is over at once: what needs any time is cancelled or closed."""
    for limit in (1, 2, 9):
        scene = scene_of(candidate)
        made = [scene.coroutine(pause(SECOND), gives=n) for n in range(3)]
        scene.task(gathering(scene, made, limit=limit, timeout=0))

        def judge(history: History, made: Any = made) -> None:
            expect_timed_out(history, 0, cleaning_up=0)
            expect_all_over(history, made)

        explore(scene, judge, schedules=8, expects=(TimeoutError,))


@check(level=4, category="edge_cases")
def test_gather_limit_is_refused(candidate):
    """A `limit` below 1 is a ValueError that names it."""
    for limit in (0, -1, -7):
        scene = scene_of(candidate)
        scene.task(gathering(scene, [], limit=limit))

        def judge(history: History, limit: int = limit) -> None:
            done = last(history, 1)
            got = done.error if done.error is not None else done.value
            named = isinstance(done.error, ValueError) and str(limit) in done.error.said
            require(named, got, f"ValueError with {limit} in its message")

        explore(scene, judge, schedules=2, expects=(ValueError,))


@check(level=4, category="edge_cases")
def test_gather_nothing(candidate):
    """No coroutines at all give no results, with a timeout or without."""
    for timeout in (None, 5.0):
        scene = scene_of(candidate)
        scene.task(gathering(scene, [], limit=2, timeout=timeout))

        def judge(history: History) -> None:
            expect(last(history, 1).result, [], why="there is nothing to await")

        explore(scene, judge, schedules=3)


@check(level=4, category="edge_cases")
def test_gather_any_result(candidate):
    """None and the like are results like any other."""
    scene = scene_of(candidate)
    values = [None, 0, False, "", []]
    made = [scene.coroutine(gives=value) for value in values]
    scene.task(gathering(scene, made, limit=2))

    def judge(history: History) -> None:
        expect(last(history, 1).result, values)

    explore(scene, judge, schedules=10)


@check(level=4, category="edge_cases")
def test_gather_own_timeout_error(candidate):
    """A TimeoutError that a coroutine raises itself is an error like any other."""
    for timeout in (None, 5.0):
        scene = scene_of(candidate)
        fails = scene.coroutine(pause(5), gives=TimeoutError("own"))
        slow = scene.coroutine(pause(50), when_cancelled=[pause(3)])
        scene.task(gathering(scene, [slow, fails], limit=2, timeout=timeout))

        def judge(history: History, fails: Any = fails, slow: Any = slow) -> None:
            expect_very(last(history, 1), fails)
            expect_all_over(history, [slow, fails])

        explore(scene, judge, schedules=10, expects=(TimeoutError,))


@check(level=4, category="edge_cases")
def test_gather_twice_at_once(candidate):
    """Two calls at once do not disturb each other, each with its own limit."""
    scene = scene_of(candidate)
    first = [scene.coroutine(pause(4), gives=n) for n in range(3)]
    fails = scene.coroutine(pause(2), gives=KeyError("other"))
    scene.task(gathering(scene, first, limit=1))
    scene.task(gathering(scene, [fails], limit=1))

    def judge(history: History) -> None:
        expect(last(history, 1).result, [0, 1, 2], why="only the other call fails")
        expect(last(history, 1).until, 12, why="one after the other, 4 each")
        expect_very(last(history, 2), fails)
        expect(last(history, 2).until, 2, why="it waits for none of the first call")

    explore(scene, judge, schedules=10, expects=(KeyError,))


@check(level=4, category="edge_cases")
def test_gather_any_awaitable(candidate):
    """Whatever can be awaited will do: a future, an object with `__await__`."""
    for limit in (1, 3):
        scene = scene_of(candidate)
        future = scene.future(gives="b")
        made = [scene.coroutine(pause(3), gives="a"), future]
        made += [scene.coroutine(pause(2), gives="c", bare=False)]
        scene.task(gathering(scene, made, limit=limit))
        scene.task(pause(5), future.resolve())

        def judge(history: History) -> None:
            expect(last(history, 1).result, ["a", "b", "c"])

        explore(scene, judge, schedules=8)


@check(level=4, category="edge_cases")
def test_gather_unstarted_awaitable(candidate):
    """What was not started and is no coroutine needs no closing."""
    scene = scene_of(candidate)
    fails = scene.coroutine(pause(5), gives=KeyError("fails"))
    others = [scene.coroutine(pause(9), gives=n, bare=False) for n in range(2)]
    scene.task(gathering(scene, [fails, *others], limit=1))

    def judge(history: History) -> None:
        expect_very(last(history, 1), fails)
        expect(last(history, 1).until, 5, why="it fails at 5")

    explore(scene, judge, schedules=8, expects=(Exception,))


@check(level=4, category="edge_cases")
def test_gather_an_iterator(candidate):
    """The coroutines may come from an iterator, once."""
    scene = scene_of(candidate)
    made = [scene.coroutine(pause(4 - n), gives=n) for n in range(4)]
    scene.task(gathering(scene, scene.items(made), limit=2))

    def judge(history: History) -> None:
        expect(last(history, 1).result, [0, 1, 2, 3])
        expect_all_over(history, made)

    explore(scene, judge, schedules=8)
