"""What has to hold of parallel_map: order, how much runs at once, laziness, its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from scenes import SECOND, expect_raised, last

from graders.interleaving import (
    ARGUMENT,
    END,
    Done,
    History,
    Scenario,
    at_once,
    does,
    explore,
    pause,
)
from graders.laws import check, expect, refused, require

Rows = Mapping[Any, Any]
"""What the function does with an item."""


class Mapped:
    """A scene in which one thread reads the results of a parallel_map."""

    def __init__(
        self,
        candidate: Any,
        items: Iterable[Any],
        rows: Rows | Callable[[Scenario], Rows] | None = None,
        *,
        limit: int,
        counted: bool = False,
        hasty: bool = False,
        otherwise: Any = ARGUMENT,
    ) -> None:
        self.limit = limit
        self.scene = Scenario(candidate, hasty=hasty)
        self.items = self.scene.items(items, counted=counted)
        rows = rows(self.scene) if callable(rows) else rows
        self.table = self.scene.table(rows, otherwise)
        call = self.scene.function("parallel_map", self.table, self.items, limit=limit)
        self.results = self.scene.iterator(call)

    def reads(self, number: int) -> list[Any]:
        return [self.results.next() for _ in range(number)]

    def calls(self, history: History) -> list[Done]:
        """Return the calls of the function."""
        return history.inner(self.table)

    def started(self, history: History) -> list[Any]:
        return sorted(done.args[0] for done in self.calls(history))


def read(history: History) -> list[Any]:
    """Return the results that the thread has read, one by one."""
    return [done.value for done in history.of("next") if done.error is None]


@check(level=3, category="correctness")
def test_results_in_order(candidate):
    """Results come in the order of the items, however long each call takes."""
    rows = {0: does(pause(9), gives="a"), 1: "b", 2: does(pause(3), gives="c"), 3: "d"}
    mapped = Mapped(candidate, range(5), rows, limit=3)
    mapped.scene.thread(mapped.results.rest())

    def judge(history: History) -> None:
        expect(last(history, 1).result, ["a", "b", "c", "d", 4])
        expect(mapped.started(history), [0, 1, 2, 3, 4], why="one call for each item")

    explore(mapped.scene, judge, schedules=25)


@check(level=3, category="correctness")
def test_at_most_limit_at_once(candidate):
    """At most `limit` calls run at once, whatever else waits."""
    for limit in (1, 2, 3):
        slowly = does(pause(5), gives=ARGUMENT)
        mapped = Mapped(candidate, range(7), limit=limit, otherwise=slowly)
        mapped.scene.thread(mapped.results.next(), pause(50), mapped.results.rest())

        def judge(history: History, mapped: Mapped = mapped) -> None:
            most = history.use(mapped.table).at_once
            require(most <= mapped.limit, most, f"at most {mapped.limit} at once")
            rest = last(history, 1).result
            expect([*read(history), *rest], list(range(7)))

        explore(mapped.scene, judge, schedules=8)


@check(level=3, category="correctness")
def test_limit_calls_run_together(candidate):
    """`limit` calls that wait for each other all get to run."""

    def rows(scene: Scenario) -> Rows:
        gates = [scene.gate() for _ in range(6)]
        parts = [gates[:3], gates[3:]]
        return {
            item: does(gates[item].open(), *(g.wait() for g in part), gives=ARGUMENT)
            for part, numbers in zip(parts, (range(3), range(3, 6)), strict=True)
            for item in numbers
        }

    mapped = Mapped(candidate, range(6), rows, limit=3)
    mapped.scene.thread(mapped.results.rest())

    def judge(history: History) -> None:
        expect(last(history, 1).result, [0, 1, 2, 3, 4, 5])

    explore(mapped.scene, judge, schedules=30, real=5)


@check(level=3, category="correctness")
def test_next_is_started_while_waiting(candidate):
    """While a `next()` waits for a slow call, the next items are started."""

    def rows(scene: Scenario) -> Rows:
        gate = scene.gate()
        waits = does(gate.wait(), gives=ARGUMENT)
        return {1: waits, 2: does(gate.open(), gives=ARGUMENT)}

    mapped = Mapped(candidate, range(5), rows, limit=2)
    mapped.scene.thread(mapped.results.rest())

    def judge(history: History) -> None:
        words = "the call for 1 ends once that for 2 has begun"
        expect(last(history, 1).result, [0, 1, 2, 3, 4], why=words)

    explore(mapped.scene, judge, schedules=40)


@check(level=3, category="correctness")
def test_not_more_than_twice_the_limit(candidate):
    """Items taken minus results handed out never exceed `2 * limit`."""
    for limit, apart in ((1, 3), (2, 3), (2, 6)):
        rows = {n: does(pause(10), gives=n) for n in range(0, 12, apart)}
        mapped = Mapped(candidate, count(), rows, limit=limit)
        steps = [part for _ in range(5) for part in (pause(7), mapped.results.next())]
        mapped.scene.thread(*steps, pause(30), mapped.results.close())

        def judge(history: History, mapped: Mapped = mapped) -> None:
            expect(read(history), [0, 1, 2, 3, 4])
            expect_lazy(history, mapped)

        explore(mapped.scene, judge, schedules=10)


def expect_lazy(history: History, mapped: Mapped) -> None:
    """Demand that at no time too many items were taken."""
    taken = [done for done in history.inner(mapped.items) if done.error is None]
    for number, item in enumerate(taken, start=1):
        handed_out = [d for d in history.of("next") if d.until <= item.until]
        most = 2 * mapped.limit + len(handed_out)
        words = f"at most {most} taken: {len(handed_out)} results are handed out"
        require(number <= most, f"{number} items taken at {item.until}", words)


@check(level=3, category="edge_cases")
def test_call_alone_reads_little(candidate):
    """The call alone reads at most `2 * limit` items, even if nothing else happens."""
    for limit in (1, 3):
        mapped = Mapped(candidate, count(), limit=limit)
        mapped.scene.thread(pause(50), mapped.results.close(), mapped.results.next())

        def judge(history: History, mapped: Mapped = mapped) -> None:
            taken = history.use(mapped.items).given
            most = 2 * mapped.limit
            require(taken <= most, taken, f"at most {most} items: nothing was read")
            expect(last(history, 1).result is END, True, why="it is closed")
            expect(last(history, 1).threads, 0, why="it is closed")

        explore(mapped.scene, judge, schedules=15)


@check(level=3, category="correctness")
def test_holds_little(candidate):
    """A long input is not held: at most `3 * limit + 4` items or results are alive."""
    limit = 2
    mapped = Mapped(candidate, range(40), limit=limit, counted=True)
    mapped.scene.thread(mapped.results.drain())

    def judge(history: History) -> None:
        expect(last(history, 1).result, 40, why="there are 40 items")
        for made, name in ((mapped.items, "items"), (mapped.table, "results")):
            most = history.use(made).most_alive
            words = f"at most {3 * limit + 4} {name} alive at any time"
            require(most <= 3 * limit + 4, f"{most} {name} alive", words)

    explore(mapped.scene, judge, schedules=5)


@check(level=3, category="correctness")
def test_items_advanced_by_one(candidate):
    """Two threads never advance the items at once."""
    steps = [does(pause(2), gives=number) for number in range(6)]
    mapped = Mapped(candidate, steps, limit=3, hasty=True)
    mapped.scene.thread(mapped.results.rest())

    def judge(history: History) -> None:
        expect(last(history, 1).result, list(range(6)))
        expect(history.use(mapped.items).at_once, 1, why="one at a time")

    explore(mapped.scene, judge, schedules=25)


# When a call fails


@check(level=3, category="correctness")
def test_results_before_a_failure(candidate):
    """The results before a failure are handed out, then that exception is raised."""
    rows = {0: does(pause(9), gives=0), 1: does(pause(5), gives=1), 2: KeyError("two")}
    for limit in (1, 2, 3, 4):
        mapped = Mapped(candidate, range(9), rows, limit=limit)
        mapped.scene.thread(*mapped.reads(4))

        def judge(history: History, mapped: Mapped = mapped) -> None:
            expect(read(history), [0, 1], why="these are before the failure")
            expect_very(last(history, 1), mapped.table)

        explore(mapped.scene, judge, schedules=6, expects=(KeyError,))


def expect_very(done: Done, script: Any, said: str = "") -> None:
    """Demand the very exception of a script."""
    words = f"the very exception that {script.name} raised"
    words += f", with {said!r}" if said else ""
    got = done.error if done.error is not None else done.value
    very = done.raised_by is script and said in done.error.said
    require(very, got, words)


@check(level=3, category="correctness")
def test_nothing_started_after_a_failure(candidate):
    """Once a call has failed, no further item is started."""
    fails = does(pause(5), gives=KeyError("one"))
    for limit, slow in ((1, {}), (2, {0: 20}), (3, {0: 20, 2: 8}), (3, {2: 20, 0: 8})):
        rows = {item: does(pause(time), gives=item) for item, time in slow.items()}
        mapped = Mapped(candidate, count(), {**rows, 1: fails}, limit=limit)
        mapped.scene.thread(*mapped.reads(3))

        def judge(history: History, mapped: Mapped = mapped) -> None:
            expect(read(history), [0], why="it is before the failure")
            expect_none_after(history, mapped)

        explore(mapped.scene, judge, schedules=8, expects=(KeyError,))


@check(level=3, category="correctness")
def test_failure_while_items_are_slow(candidate):
    """An item that comes after a call has failed is not started."""
    steps = [0, 1, does(pause(30), gives=2), 3]
    rows = {0: does(pause(50), gives=0), 1: does(pause(5), gives=KeyError("one"))}
    mapped = Mapped(candidate, steps, rows, limit=3)
    mapped.scene.thread(*mapped.reads(2))

    def judge(history: History) -> None:
        expect(read(history), [0], why="it is before the failure")
        expect(mapped.started(history), [0, 1], why="1 fails before 2 comes")

    explore(mapped.scene, judge, schedules=10, expects=(KeyError,))


def expect_none_after(history: History, mapped: Mapped) -> None:
    """Demand that no call begins after one has failed; all others are busy then."""
    calls = mapped.calls(history)
    failed = min(done.ended for done in calls if done.error is not None)
    late = [done.args[0] for done in calls if done.began > failed]
    require(not late, f"started afterwards: {late}", "nothing started after a failure")


@check(level=3, category="correctness")
def test_first_failure_in_order(candidate):
    """Of several failures the first in the order of the items is raised."""
    rows = {
        0: does(pause(9), gives=0),
        1: does(pause(9), gives=KeyError("one")),
        2: does(pause(3), gives=KeyError("two")),
    }
    for items in (range(9), [0, 1, KeyError("source")]):
        mapped = Mapped(candidate, items, rows, limit=3)
        mapped.scene.thread(*mapped.reads(2))

        def judge(history: History, mapped: Mapped = mapped) -> None:
            expect(read(history), [0], why="it is before the failures")
            expect_very(last(history, 1), mapped.table, "one")

        explore(mapped.scene, judge, schedules=15, expects=(KeyError,))


@check(level=3, category="correctness")
def test_earlier_calls_are_made(candidate):
    """An early failure keeps none of the items before it from being handed out."""
    rows = {1: KeyError("one")}
    mapped = Mapped(candidate, range(2), rows, limit=2)
    mapped.scene.thread(*mapped.reads(2))

    def judge(history: History) -> None:
        expect(read(history), [0], why="it is before the failures")
        expect_very(last(history, 1), mapped.table, "one")

    explore(mapped.scene, judge, schedules=300, expects=(KeyError,))


@check(level=3, category="correctness")
def test_items_that_raise(candidate):
    """If the items raise, the results before are handed out; nothing is started."""
    for limit in (1, 2, 3):
        steps = [0, 1, KeyError("source"), 3, 4, 5]
        rows = {1: does(pause(5), gives=1)}
        mapped = Mapped(candidate, steps, rows, limit=limit)
        mapped.scene.thread(*mapped.reads(4))

        def judge(history: History, mapped: Mapped = mapped) -> None:
            expect(read(history), [0, 1], why="these were taken before the items raise")
            expect_very(last(history, 1), mapped.items, "source")
            expect(mapped.started(history), [0, 1], why="the items have raised")

        explore(mapped.scene, judge, schedules=10, expects=(KeyError,))


@check(level=3, category="edge_cases")
def test_base_exceptions(candidate):
    """What is no Exception, such as KeyboardInterrupt, is raised in its place, too."""
    rows = {0: does(pause(5), gives=0), 1: KeyboardInterrupt("stop")}
    mapped = Mapped(candidate, range(5), rows, limit=2)
    mapped.scene.thread(*mapped.reads(2))

    def judge(history: History) -> None:
        expect(read(history), [0], why="it is before the failure")
        expect_very(last(history, 1), mapped.table, "stop")
        expect(last(history, 1).threads, 0, why="an exception leaves no thread behind")

    explore(mapped.scene, judge, schedules=20, expects=(Exception,))
    steps = [0, KeyboardInterrupt("source"), 2]
    source = Mapped(candidate, steps, {0: does(pause(5), gives=0)}, limit=2)
    source.scene.thread(*source.reads(2))

    def judge_source(history: History) -> None:
        expect(read(history), [0], why="it was taken before the items raise")
        expect_very(last(history, 1), source.items, "source")

    explore(source.scene, judge_source, schedules=10, expects=(Exception,))


@check(level=3, category="edge_cases")
def test_exhausted_after_a_failure(candidate):
    """After an exception, of a call or of the items, the iterator is exhausted."""
    failures = [({1: KeyError("one")}, range(9)), ({}, [0, KeyError("source"), 2, 3])]
    for rows, items in failures:
        mapped = Mapped(candidate, items, rows, limit=2)
        mapped.scene.thread(*mapped.reads(2))
        mapped.scene.finally_(*mapped.reads(2))

        def judge(history: History) -> None:
            expect_raised(last(history, 1), KeyError, "it is the second result")
            for done in history.finals:
                require(done.result is END, done.value, "StopIteration")

        explore(mapped.scene, judge, schedules=15, expects=(KeyError,))


# Its end


@check(level=3, category="correctness")
def test_close_waits_for_calls(candidate):
    """`close` returns when each call in progress has ended and its thread is gone."""
    slow = does(pause(2 * SECOND), gives=ARGUMENT)
    mapped = Mapped(candidate, count(), {0: 0}, limit=2, otherwise=slow)
    mapped.scene.thread(mapped.results.next(), pause(5), mapped.results.close())

    def judge(history: History) -> None:
        expect_all_over(history, mapped, last(history, 1))

    explore(mapped.scene, judge, schedules=20)


def expect_all_over(history: History, mapped: Mapped, end: Done) -> None:
    """Demand that by the end of a call no other was in progress."""
    for done in mapped.calls(history):
        words = f"the call for {done.args[0]} to end before {end.call.text()} does"
        require(done.ended < end.ended, f"it ended at {done.until}", words)
    require(end.threads == 0, f"{end.threads} threads alive", "all threads to be gone")
    require(not history.left, len(history.left), "no thread left behind")


@check(level=3, category="correctness")
def test_failure_waits_for_calls(candidate):
    """An exception comes when each call in progress is over, its thread gone."""
    rows = {0: does(pause(5), gives=KeyError("zero"))}
    slow = does(pause(2 * SECOND), gives=ARGUMENT)
    mapped = Mapped(candidate, count(), rows, limit=3, otherwise=slow)
    mapped.scene.thread(mapped.results.next())

    def judge(history: History) -> None:
        expect_very(last(history, 1), mapped.table)
        expect_all_over(history, mapped, last(history, 1))

    explore(mapped.scene, judge, schedules=20, expects=(KeyError,))


@check(level=3, category="correctness")
def test_close_waits_for_calls_that_fail(candidate):
    """`close` waits for the calls in progress also when one of them fails."""
    rows = {0: 0, 1: does(pause(5), gives=KeyError("one"))}
    slow = does(pause(2 * SECOND), gives=ARGUMENT)
    mapped = Mapped(candidate, count(), rows, limit=3, otherwise=slow)
    mapped.scene.thread(mapped.results.next(), pause(1), mapped.results.close())

    def judge(history: History) -> None:
        expect_all_over(history, mapped, last(history, 1))

    explore(mapped.scene, judge, schedules=20, expects=(KeyError,))


@check(level=3, category="correctness")
def test_source_failure_waits_for_calls(candidate):
    """An exception of the items, too, comes when all threads are gone."""
    mapped = Mapped(
        candidate, [0, KeyError("source")], {0: does(pause(9), gives=0)}, limit=3
    )
    mapped.scene.thread(*mapped.reads(2))

    def judge(history: History) -> None:
        expect_very(last(history, 1), mapped.items)
        expect_all_over(history, mapped, last(history, 1))

    explore(mapped.scene, judge, schedules=20, expects=(KeyError,))


@check(level=3, category="correctness")
def test_no_thread_left_at_the_end(candidate):
    """When the results are exhausted, no thread is left."""
    mapped = Mapped(candidate, range(4), {2: does(pause(5), gives=2)}, limit=3)
    mapped.scene.thread(*mapped.reads(5))

    def judge(history: History) -> None:
        expect(read(history)[:-1], [0, 1, 2, 3])
        require(last(history, 1).result is END, last(history, 1).value, "StopIteration")
        expect_all_over(history, mapped, last(history, 1))

    explore(mapped.scene, judge, schedules=20)


@check(level=3, category="edge_cases")
def test_close_ends_it(candidate):
    """After `close` there are no more results, and nothing is started any more."""
    mapped = Mapped(candidate, count(), {2: does(pause(9), gives=2)}, limit=2)
    mapped.scene.thread(*mapped.reads(2), pause(3), mapped.results.close())
    mapped.scene.finally_(*mapped.reads(2))

    def judge(history: History) -> None:
        expect(read(history), [0, 1])
        (closed,) = history.of("close")
        late = [d.args[0] for d in mapped.calls(history) if d.began > closed.ended]
        expect(late, [], why="nothing is started after close")
        for done in history.finals:
            require(done.result is END, done.value, "StopIteration: it is closed")

    explore(mapped.scene, judge, schedules=20)


# Edges


@check(level=3, category="edge_cases")
def test_same_item_again(candidate):
    """An item that comes again is called for again, and has a place of its own."""
    slow = does(pause(3), gives=ARGUMENT)
    mapped = Mapped(candidate, [1, 1, 1, 2, 1], limit=2, otherwise=slow)
    mapped.scene.thread(mapped.results.rest())

    def judge(history: History) -> None:
        expect(last(history, 1).result, [1, 1, 1, 2, 1])
        expect(mapped.started(history), [1, 1, 1, 1, 2], why="one call for each item")

    explore(mapped.scene, judge, schedules=10)


@check(level=3, category="edge_cases")
def test_any_item_and_result(candidate):
    """None and the like are items and results like any other."""
    rows = {None: 7, "": None, (): ""}  # the function is to be called for each
    mapped = Mapped(candidate, [None, 0, None, False, "", ()], rows, limit=2)
    mapped.scene.thread(*mapped.reads(7))

    def judge(history: History) -> None:
        expect(read(history)[:-1], [7, 0, 7, False, None, ""])
        require(last(history, 1).result is END, last(history, 1).value, "StopIteration")

    explore(mapped.scene, judge, schedules=10)


@check(level=3, category="edge_cases")
def test_fewer_items_than_limit(candidate):
    """An input may be empty, or shorter than `limit`."""
    for length in (0, 1, 2):
        mapped = Mapped(candidate, range(length), limit=3)
        mapped.scene.thread(*mapped.reads(length + 1))

        def judge(history: History, length: int = length) -> None:
            expect(read(history)[:-1], list(range(length)))
            end = last(history, 1)
            require(end.result is END, end.value, "StopIteration")
            expect(end.threads, 0, why="no thread is left at the end")

        explore(mapped.scene, judge, schedules=10)


@check(level=3, category="edge_cases")
def test_limit_is_refused(candidate):
    """A `limit` below 1 is a ValueError that names it, by the first `next`."""
    for limit in (0, -1, -7):
        with refused(candidate, naming=limit):
            mapped = candidate.parallel_map(candidate.script(1), [1, 2], limit=limit)
            next(mapped, None)


@check(level=3, category="edge_cases")
def test_two_maps_at_once(candidate):
    """Several maps run side by side, and are read by several threads in turn."""
    mapped = Mapped(candidate, range(4), limit=2)
    other = mapped.scene.items(range(10, 13))
    call = mapped.scene.function("parallel_map", mapped.table, other, limit=1)
    second = mapped.scene.iterator(call)
    mapped.scene.first(mapped.results.next())
    mapped.scene.thread(mapped.results.rest())
    mapped.scene.thread(second.rest())

    def judge(history: History) -> None:
        got = [last(history, thread).result for thread in (1, 2)]
        expect(got, [[1, 2, 3], [10, 11, 12]])
        most = at_once(mapped.calls(history))
        require(most <= 3, most, "at most 2 and 1 calls at once")

    explore(mapped.scene, judge, schedules=10)
