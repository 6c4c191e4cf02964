"""After all schedules, a few runs on real threads: nothing depends on the explorer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Try

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, at_once, does, explore, pause
from graders.laws import expect, require
from graders.results import Verdict

COUNTER = """
import threading
import time

SEEN = type(threading.Lock()).__module__ != "_thread"

class Counter:
    def __init__(self) -> None:
        self.n = 0
        self.lock = threading.Lock()

    def add(self) -> None:
        with self.lock:
            self.n += 1

    def value(self) -> int:
        return self.n
"""
ADD = """        with self.lock:
            self.n += 1
"""
WITHOUT_LOCK = "            n = self.n; time.sleep(0.002); self.n = n + 1\n"


def only_when_real(line: str) -> str:
    """Return an answer that is right as long as it is explored."""
    branch = "        if SEEN:\n" + "".join(
        f"    {part}\n" for part in ADD.splitlines()
    )
    return COUNTER.replace(ADD, f"{branch}        else:\n{line}")


def nothing_is_lost(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    counter = scene.Counter()
    for _ in range(3):
        scene.thread(counter.add())
    scene.finally_(counter.value())

    def judge(history: History) -> None:
        expect(history.finals[0].result, 3, why="three added 1 each")

    explore(scene, judge, schedules=60, real=10)


def test_a_right_answer_passes_on_real_threads(try_law: Try) -> None:
    """What is right under all schedules is right on real threads."""
    assert try_law(COUNTER, nothing_is_lost).verdict is Verdict.PASS


def test_what_depends_on_the_explorer_is_found(try_law: Try) -> None:
    """An answer that is right only while it is explored breaks the law for real."""
    outcome = try_law(only_when_real(WITHOUT_LOCK), nothing_is_lost)
    assert outcome.verdict is Verdict.RACE
    assert outcome.counterexample is not None
    assert "on real threads" in outcome.counterexample.schedule[0]


def test_a_hang_is_found_by_standing_still(try_law: Try) -> None:
    """A thread that waits for ever is told with its line, after a generous time."""
    source = only_when_real("            threading.Event().wait()\n")
    outcome = try_law(source, nothing_is_lost)
    assert outcome.verdict is Verdict.DEADLOCK
    assert outcome.counterexample is not None
    assert "T1 waits in line 17" in outcome.counterexample.got


POOL = """
from concurrent.futures import ThreadPoolExecutor

def mapped(function, items, limit):
    with ThreadPoolExecutor(limit) as pool:
        yield from pool.map(function, items)
"""


def test_scripts_and_gates_work_for_real(try_law: Try) -> None:
    """Gates, tables, counted items and iterators are the same on real threads."""

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        gate = scene.gate()
        table = scene.table({0: does(gate.wait(), gives=0), 1: does(gate.open())})
        items = scene.items(range(6), counted=True)
        results = scene.iterator(scene.function("mapped", table, items, 2))
        scene.thread(results.next(), results.next(), results.drain())

        def judge(history: History) -> None:
            values = [done.result for done in history.done]
            expect(values, [0, None, 4])
            most = at_once(history.inner(table))
            require(most <= 2, most, "two at once")
            expect(history.use(items).given, 6)
            expect(history.done[-1].threads, 0)

        explore(scene, judge, schedules=40, real=10)

    assert try_law(POOL, law).verdict is Verdict.PASS


def test_many_items_need_no_schedules(try_law: Try) -> None:
    """With no schedules at all, a scenario may be large."""

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        items, table = scene.items(range(3_000), counted=True), scene.table()
        results = scene.iterator(scene.function("mapped", table, items, 2))
        scene.thread(results.drain())

        def judge(history: History) -> None:
            most = history.use(table).most_alive
            require(most >= 2_000, most, "that map holds all results")
            expect([history.use(table).alive, history.use(items).given], [0, 3_000])

        explore(scene, judge, schedules=0, real=1)

    assert try_law(POOL, law).verdict is Verdict.PASS


Write = Callable[[Scenario], object]


@pytest.mark.parametrize(
    "write",
    [lambda scene: scene.clock(), lambda scene: scene.thread(pause(1))],
    ids=["clock", "pause"],
)
def test_virtual_time_is_refused(write: Write, try_law: Try) -> None:
    """A scenario in which time passes cannot be played on real threads."""

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        write(scene)
        with pytest.raises(TypeError, match="real threads have no virtual time"):
            explore(scene, lambda history: None, real=1)

    assert try_law(COUNTER, law).verdict is Verdict.PASS
