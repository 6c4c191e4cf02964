"""What a scenario gives to an answer, and what is noted of its use."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from conftest import Try

from graders.candidate import Candidate
from graders.interleaving import (
    ARGUMENT,
    END,
    OWN_THREAD,
    History,
    Scenario,
    at_once,
    does,
    explore,
    pause,
    within,
)
from graders.laws import expect, require
from graders.results import Verdict

SUBJECT = """
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, RLock, Thread
from typing import Any

def each(function: Callable[..., Any], *arguments: Any) -> list[Any]:
    return [function(argument) for argument in arguments]

def call(function: Callable[..., Any]) -> Any:
    return function()

def take(items: Iterable[Any], number: int) -> list[Any]:
    return [next(items) for _ in range(number)]

def mapped(function: Any, items: Any, limit: int) -> Generator[Any, None, None]:
    with ThreadPoolExecutor(limit) as pool:
        running = []
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) == limit:
                yield running.pop(0).result()
        while running:
            yield running.pop(0).result()

def forget(function: Callable[[], Any]) -> None:
    Thread(target=function, daemon=True).start()

class Account:
    def __init__(self) -> None:
        self.money = 10

    def pay(self, amount: int) -> None:
        self.money -= amount

    def balance(self) -> int:
        return self.money

class Room:
    def __init__(self) -> None:
        self.lock, self.others = Lock(), RLock()

    @contextmanager
    def alone(self) -> Any:
        self.lock.acquire()
        yield
        self.lock.release()

    @contextmanager
    def kindly(self) -> Any:
        with self.lock:
            yield

    @contextmanager
    def together(self) -> Any:
        yield
"""
Judge = Callable[[History], None]


def holds(
    write: Callable[[Scenario], Judge], hasty: bool = True, **options: Any
) -> Callable[[Candidate], None]:
    """Return the law of a scenario, which is written down and gives its judge."""

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate, hasty=hasty)
        judge = write(scene)
        explore(scene, judge, **{"schedules": 60, **options})

    return law


def test_a_gate_holds_up_until_it_is_opened(try_law: Try) -> None:
    """Who waits for a gate goes on when it is opened, at that very time."""

    def write(scene: Scenario) -> Judge:
        gate = scene.gate()
        script = scene.script(does(gate.wait(), gives=7))
        scene.thread(scene.function("call", script))
        scene.thread(pause(5), gate.open())

        def judge(history: History) -> None:
            (done,) = history.of("call")
            expect([done.result, done.until], [7, 5])
            (inner,) = history.inner(script)
            expect([inner.value, inner.thread, inner.at, inner.until], [7, 1, 0, 5])

        return judge

    assert try_law(SUBJECT, holds(write, hasty=False)).verdict is Verdict.PASS


def test_a_gate_that_nobody_opens_is_named(try_law: Try) -> None:
    """Who waits for it for ever is a deadlock, which says which gate it is."""

    def write(scene: Scenario) -> Judge:
        gate = scene.gate()
        script = scene.script(does(gate.wait()))
        scene.thread(scene.function("call", script))
        return lambda history: None

    outcome = try_law(SUBJECT, holds(write))
    assert outcome.verdict is Verdict.DEADLOCK
    assert outcome.counterexample is not None
    words = "T1 waits in line 12 for gate, which nobody opens any more"
    assert words in outcome.counterexample.got
    assert outcome.counterexample.code == (
        "gate = Gate()",
        "script = Script(does(gate.wait()))",
        "# T1: call(script)",
    )


def test_a_gate_can_be_opened_more_than_once(try_law: Try) -> None:
    """Who waits for a second opening waits longer: so calls can wait for each other."""

    def write(scene: Scenario) -> Judge:
        gate = scene.gate()
        script = scene.script(does(gate.open(), gate.wait(2), gives=1))
        scene.thread(scene.function("call", script))
        scene.thread(pause(5), script.call())

        def judge(history: History) -> None:
            expect([done.until for done in history.of("call")], [5, 5])
            expect([done.thread for done in history.inner(script)], [1, 2])

        return judge

    assert try_law(SUBJECT, holds(write, hasty=False)).verdict is Verdict.PASS


def test_a_script_opens_a_gate_and_takes_time(try_law: Try) -> None:
    """What a script does may open gates, take virtual time, and call the answer."""

    def write(scene: Scenario) -> Judge:
        account, gate = scene.Account(), scene.gate()
        script = scene.script(does(account.pay(3), pause(4), gate.open(), gives="x"))
        scene.thread(scene.function("call", script))
        scene.thread(gate.wait(), account.balance())

        def judge(history: History) -> None:
            (done,) = history.of("balance")
            expect([done.result, done.at], [7, 4])

        return judge

    assert try_law(SUBJECT, holds(write, hasty=False)).verdict is Verdict.PASS


def test_calls_at_once_are_counted(try_law: Try) -> None:
    """Under some schedule two threads are in a script at once, and never three."""
    seen = set()

    def write(scene: Scenario) -> Judge:
        script = scene.script(None)
        scene.thread(scene.function("call", script))
        scene.thread(scene.function("call", script))

        def judge(history: History) -> None:
            use = history.use(script)
            assert use.at_once == at_once(history.inner(script))
            assert (use.begun, use.given) == (2, 2)
            seen.add(use.at_once)

        return judge

    assert try_law(SUBJECT, holds(write)).verdict is Verdict.PASS
    assert seen == {1, 2}


def test_the_very_exception_is_known(try_law: Try) -> None:
    """It is told whose exception a call raised, and that one like it is another."""

    def write(scene: Scenario) -> Judge:
        first = scene.script(KeyError("x"))
        second = scene.script(KeyboardInterrupt())
        scene.thread(scene.function("call", first))
        scene.thread(scene.function("call", second))
        scene.thread(scene.function("take", scene.items([]), 1))

        def judge(history: History) -> None:
            raised = {done.thread: done for done in history.done}
            assert raised[1].raised_by is first
            assert isinstance(raised[1].error, KeyError)
            assert raised[2].raised_by is second
            assert raised[2].error is not None
            assert raised[2].error.type_name == "KeyboardInterrupt"

        return judge

    law = holds(write, expects=(Exception,))
    assert try_law(SUBJECT, law).verdict is Verdict.PASS
    copied = SUBJECT.replace(
        "    return function()",
        "    try:\n        return function()\n"
        "    except KeyError as error:\n        raise KeyError(*error.args)",
    )

    def write_for_copies(scene: Scenario) -> Judge:
        script = scene.script(KeyError("x"))
        scene.thread(scene.function("call", script))

        def judge(history: History) -> None:
            assert history.done[0].raised_by is None

        return judge

    law = holds(write_for_copies, expects=(KeyError,))
    assert try_law(copied, law).verdict is Verdict.PASS


def test_a_table_depends_on_its_argument(try_law: Try) -> None:
    """It gives what stands in the row, raises an exception, or gives its argument."""

    def write(scene: Scenario) -> Judge:
        table = scene.table({2: 20, "a": does(pause(3), gives=ARGUMENT)})
        same = scene.table(otherwise=None)
        scene.thread(scene.function("each", table, 1, 2, "a", [3]))
        scene.thread(scene.function("each", same, 1))

        def judge(history: History) -> None:
            results = {done.thread: done.result for done in history.done}
            expect(results, {1: [1, 20, "a", [3]], 2: [None]})
            args = [done.args for done in history.inner(table)]
            expect(args, [(1,), (2,), ("a",), ([3],)])

        return judge

    assert try_law(SUBJECT, holds(write)).verdict is Verdict.PASS


def test_an_iterator_is_driven_by_threads(try_law: Try) -> None:
    """`next`, `rest` and `close` are calls; the items that are taken are noted."""

    def write(scene: Scenario) -> Judge:
        table, items = scene.table({1: 10}), scene.items([1, 2, 3])
        results = scene.iterator(scene.function("mapped", table, items, 2))
        scene.thread(results.next(), results.next(), results.rest(), results.next())

        def judge(history: History) -> None:
            expect([done.result for done in history.done], [10, 2, [3], END])
            expect(history.use(items).given, 3)
            require(history.use(table).at_once <= 2, history, "two at once")
            own = [done.thread for done in history.inner(table)]
            expect(own, [OWN_THREAD] * 3)
            expect(history.done[-1].threads, 0)

        return judge

    assert try_law(SUBJECT, holds(write)).verdict is Verdict.PASS


def test_items_without_end_are_read_in_part(try_law: Try) -> None:
    """An endless iterator is no trouble, and closing ends all threads."""

    def write(scene: Scenario) -> Judge:
        items = scene.items(count(5))
        results = scene.iterator(
            scene.function("mapped", scene.table(), items, limit=2)
        )
        scene.thread(results.next(), results.close())

        def judge(history: History) -> None:
            first, closed = history.done
            expect(first.result, 5)
            require(1 <= first.threads <= 2, first.threads, "a pool of two")
            expect([closed.threads, history.use(items).given], [0, 2])

        return judge

    assert try_law(SUBJECT, holds(write)).verdict is Verdict.PASS


def test_items_may_raise_and_wait(try_law: Try) -> None:
    """A step of items is a value, an exception, or something that is done first."""

    def write(scene: Scenario) -> Judge:
        items = scene.items([does(pause(7), gives=1), KeyError("x"), 3])
        scene.thread(scene.function("take", items, 1), scene.function("take", items, 1))
        scene.finally_(scene.function("take", items, 1))

        def judge(history: History) -> None:
            first, second = history.done
            expect([first.result, first.until], [[1], 7])
            assert second.raised_by is items
            expect(history.finals[0].result, [3])

        return judge

    law = holds(write, hasty=False, expects=(KeyError,))
    assert try_law(SUBJECT, law).verdict is Verdict.PASS


def test_two_that_advance_at_once_are_noticed(try_law: Try) -> None:
    """Two threads that ask one iterator at once are counted as two."""

    def write(scene: Scenario) -> Judge:
        items = scene.items(range(9))
        scene.thread(scene.function("take", items, 1))
        scene.thread(scene.function("take", items, 1))

        def judge(history: History) -> None:
            require(history.use(items).at_once == 1, 2, "one at a time")

        return judge

    assert try_law(SUBJECT, holds(write)).verdict is Verdict.RACE


def test_lives_of_items_are_counted(try_law: Try) -> None:
    """Counted items and results for them are known to live while they are held."""

    def write(scene: Scenario) -> Judge:
        items, table = scene.items(range(6), counted=True), scene.table({1: 11})
        results = scene.iterator(scene.function("mapped", table, items, 2))
        scene.thread(results.next(), results.next(), results.rest())

        def judge(history: History) -> None:
            values = [done.result for done in history.done]
            expect(values, [0, 11, [2, 3, 4, 5]])
            use = history.use(items)
            expect(use.alive, 0)
            require(1 <= use.most_alive <= 4, use.most_alive, "a few at once")
            most = history.use(table).most_alive
            require(1 <= most <= 3, most, "what has been read is let go")

        return judge

    assert try_law(SUBJECT, holds(write)).verdict is Verdict.PASS


def test_a_with_is_entered_and_left(try_law: Try) -> None:
    """Calls are made within a `with`; from when to when it was held is told."""

    def write(scene: Scenario, way: str) -> Judge:
        room, inside = scene.Room(), scene.script(None)
        use = scene.function("call", inside)
        for _ in range(2):
            scene.thread(within(getattr(room, way)(), pause(3), use))

        def judge(history: History) -> None:
            spans = history.spans(way)
            expect([span.until - span.at for span in spans], [3, 3])
            require(at_once(spans) == 1, at_once(spans), "one at a time")
            expect(history.use(inside).at_once, 1)

        return judge

    alone = holds(lambda scene: write(scene, "alone"), hasty=False)
    together = holds(lambda scene: write(scene, "together"), hasty=False)
    assert try_law(SUBJECT, alone).verdict is Verdict.PASS
    outcome = try_law(SUBJECT, together)
    assert outcome.verdict in (Verdict.RACE, Verdict.FAIL)
    assert outcome.counterexample is not None
    line = "# T1: enter room.together(); pause(3); call(script); leave room.together()"
    assert line in outcome.counterexample.code


def test_an_exception_leaves_a_with(try_law: Try) -> None:
    """A call that raises leaves the `with` blocks around it, as Python does."""

    def write(scene: Scenario, way: str) -> Judge:
        room, fails = scene.Room(), scene.script(KeyError("x"))
        scene.thread(
            within(room.together(), within(getattr(room, way)(), _call(scene, fails)))
        )
        scene.finally_(within(room.kindly()))
        return lambda history: None

    kindly = holds(lambda s: write(s, "kindly"), expects=(KeyError,))
    assert try_law(SUBJECT, kindly).verdict is Verdict.PASS
    alone = holds(lambda s: write(s, "alone"), expects=(KeyError,))
    assert try_law(SUBJECT, alone).verdict is Verdict.DEADLOCK


def _call(scene: Scenario, script: Any) -> Any:
    return scene.function("call", script)


def test_threads_that_are_left_are_told(try_law: Try) -> None:
    """A thread that the answer started and that never ends is in the history."""

    def write(scene: Scenario) -> Judge:
        gate = scene.gate()
        script = scene.script(does(gate.wait()))
        scene.thread(scene.function("forget", script))

        def judge(history: History) -> None:
            expect(history.ending, "done")
            expect([waiting.lock for waiting in history.left], ["gate"])

        return judge

    assert try_law(SUBJECT, holds(write)).verdict is Verdict.PASS


def test_a_number_stops_within_arithmetic(try_law: Try) -> None:
    """A thread can be held up right where an amount is taken away."""

    def write(scene: Scenario) -> Judge:
        account, gate = scene.Account(), scene.gate()
        scene.thread(account.pay(scene.number(4, gate.wait())))
        scene.thread(pause(1), account.balance(), gate.open())
        scene.finally_(account.balance())

        def judge(history: History) -> None:
            expect([history.of("balance")[0].result], [10], why="it is held up")
            expect(history.finals[0].result, 6)

        return judge

    assert try_law(SUBJECT, holds(write, hasty=False)).verdict is Verdict.PASS


def test_what_is_unfinished_is_cut_off_in_silence(try_law: Try) -> None:
    """A generator that nobody closes neither hangs nor prints when it is forgotten."""

    def write(scene: Scenario) -> Judge:
        results = scene.iterator(
            scene.function("mapped", scene.table(), scene.items(range(9)), 2)
        )
        scene.thread(results.next())
        return lambda history: expect(history.done[0].result, 1)

    outcome = try_law(SUBJECT, holds(write))
    assert outcome.counterexample is not None
    assert outcome.counterexample.printed == ""
    assert outcome.counterexample.got == "0"


def test_what_is_to_do_stays_to_do_in_a_script(try_law: Try) -> None:
    """NotImplementedError from a call that a script makes is no error of the law."""

    def write(scene: Scenario) -> Judge:
        account = scene.Account()
        script = scene.script(does(account.pay(3)))
        scene.thread(scene.function("call", script))
        return lambda history: None

    source = SUBJECT.replace("self.money -= amount", "raise NotImplementedError")
    assert try_law(source, holds(write)).verdict is Verdict.TODO
