"""Classic mistakes of threads are found by every seed, their repairs never accused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks.races import DEEP, SUBJECTS
from graders.candidate import Candidate
from graders.checks import Outcome
from graders.interleaving import (
    UNBEGUN,
    Done,
    History,
    Scenario,
    explore,
    pause,
    serial_equivalent,
)
from graders.laws import expect, require
from graders.results import Verdict

SEEDS = range(3)
Law = Callable[[Candidate], None]
Try = Callable[..., Outcome]


def law_of(name: str) -> tuple[str, Law]:
    """Return a classic mistake and the law that it breaks."""
    return SUBJECTS[name].wrong, SUBJECTS[name].law


COUNTER, nothing_is_lost = law_of("lost_update")
BANK, transfers_end = law_of("lock_order")
BOX, everybody_gets_one = law_of("if_around_wait")
SIGNAL, a_signal_is_seen = law_of("lost_wakeup")


@pytest.mark.parametrize("subject", sorted(SUBJECTS.keys() - DEEP))
def test_a_classic_mistake_is_found(subject: str, try_law: Try) -> None:
    """Each is found with the default budget, by every seed, as a race or deadlock."""
    wrong, law = law_of(subject)
    verdicts = {try_law(wrong, law, seed).verdict for seed in SEEDS}
    assert verdicts <= {Verdict.RACE, Verdict.DEADLOCK}


@pytest.mark.parametrize("subject", sorted(DEEP))
def test_four_switches_are_found_deeply(subject: str, try_law: Try) -> None:
    """Those that need four switches in one order are found by a deep search."""
    wrong, law = law_of(subject)
    verdicts = {try_law(wrong, law, seed, depth=10).verdict for seed in SEEDS}
    assert verdicts == {Verdict.RACE}


@pytest.mark.parametrize("subject", sorted(SUBJECTS))
def test_its_repair_is_not_accused(subject: str, try_law: Try) -> None:
    """The corrected twin passes under every seed."""
    right = SUBJECTS[subject].right
    assert right != SUBJECTS[subject].wrong
    for seed in SEEDS:
        outcome = try_law(right, SUBJECTS[subject].law, seed)
        assert outcome.verdict is Verdict.PASS, outcome


def test_a_race_shows_the_lines_side_by_side(try_law: Try) -> None:
    """The story says what runs; the schedule says in which order, with few switches."""
    outcome = try_law(COUNTER, nothing_is_lost)
    example = outcome.counterexample
    assert example is not None
    assert example.code[:2] == ("counter = Counter()", "# T1: counter.add()")
    columns = [[c.strip() for c in row.split("|")] for row in example.schedule]
    assert [cell for row in columns for cell in row if cell] == [
        *("T1", "T2", "10 self.n += 1", "10 self.n += 1", "10 ... self.n += 1")
    ]
    assert (example.got, outcome.verdict) == ("1", Verdict.RACE)


def test_a_seed_gives_the_same_schedule(try_law: Try) -> None:
    """The same check with the same seed tells the same story."""
    first, second = (try_law(BOX, everybody_gets_one, 3) for _ in range(2))
    assert first == second


def test_a_deadlock_names_both_locks(try_law: Try) -> None:
    """It is said who waits for which lock, and where the other one took it."""
    outcome = try_law(BANK, transfers_end)
    assert outcome.verdict is Verdict.DEADLOCK
    assert outcome.counterexample is not None
    for words in (
        "T1 waits in line 11 for self.b, which T2 holds since line 16",
        "T2 waits in line 17 for self.a, which T1 holds since line 10",
    ):
        assert words in outcome.counterexample.got


def test_a_failure_without_switches_is_no_race(try_law: Try) -> None:
    """What fails when threads run one after the other is a failure like any other."""
    wrong = COUNTER.replace("+= 1", "+= 2")
    assert try_law(wrong, nothing_is_lost).verdict is Verdict.FAIL
    crash = COUNTER.replace("self.n += 1", "self.m += 1")
    assert try_law(crash, nothing_is_lost).verdict is Verdict.ERROR


def test_what_is_not_written_is_to_do(try_law: Try) -> None:
    """NotImplementedError in a thread or before makes the check one to do."""
    for line in ("self.n += 1", "self.n = 0"):
        source = COUNTER.replace(line, "raise NotImplementedError")
        assert try_law(source, nothing_is_lost).verdict is Verdict.TODO


def test_busy_waiting_is_told(try_law: Try) -> None:
    """A thread that spins until a flag is set fails, in words."""
    source = SIGNAL.replace(
        """        if not self.on:
            with self.changed:
                self.changed.wait()
""",
        """        while not self.on:
            pass
""",
    )
    outcome = try_law(source, a_signal_is_seen)
    assert outcome.counterexample is not None
    assert "without waiting" in outcome.counterexample.got


ADD = "self.n += 1"
KEPT = {
    "list of the module": ("kept: list[int] = []", "kept.append(1)", "len(kept)"),
    "global": (
        "n = 0\nguard = Lock()",
        "global n\n        with guard:\n            n += 1",
        "n",
    ),
    "global with two underscores": (
        "__n = [0]\nguard = Lock()",
        "with guard:\n            globals()['__n'][0] += 1",
        "globals()['__n'][0]",
    ),
    "namespace": (
        "from types import SimpleNamespace\nkept = SimpleNamespace(n=0)\n"
        "guard = Lock()",
        "with guard:\n            kept.n += 1",
        "kept.n",
    ),
    "attribute of the class": (
        "guard = Lock()",
        "with guard:\n            Counter.kept = getattr(Counter, 'kept', 0) + 1",
        "Counter.kept",
    ),
    "argument by default": (
        "def more(kept: list[int] = []) -> int:\n    kept.append(1)\n"
        "    return len(kept)",
        "more()",
        "more() - 1",
    ),
    "variable of an outer function": (
        "def make() -> Any:\n    n, guard = 0, Lock()\n    def more(by: int) -> int:\n"
        "        nonlocal n\n        with guard:\n            n += by\n"
        "            return n\n    return more\nmore = make()",
        "more(1)",
        "more(0)",
    ),
}


@pytest.mark.parametrize("place", KEPT)
def test_module_state_is_made_anew(place: str, try_law: Try) -> None:
    """What a module keeps does not get from one schedule into the next."""
    setup, add, value = KEPT[place]
    source = COUNTER.replace("class Counter", f"{setup}\n\nclass Counter")
    source = "from typing import Any\n" + source.replace(ADD, add)
    source = source.replace("return self.n", f"return {value}")
    outcome = try_law(source, nothing_is_lost)
    assert outcome.verdict is Verdict.PASS, outcome


LOG = """
from queue import Queue
from threading import Thread
from time import sleep

class Log:
    def __init__(self) -> None:
        self.waiting: Queue[str] = Queue()
        self.lines: list[str] = []
        Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            self.take()

    def take(self) -> None:
        self.lines.append(self.waiting.get())
        self.waiting.task_done()

    def write(self, line: str) -> None:
        self.waiting.put(line)

    def all(self) -> list[str]:
        self.waiting.join()
        return self.lines
"""
LEFT = {
    "waits": "self.take()",
    "sleeps again and again": "sleep(60)\n            self.take()",
    "catches all": (
        "try:\n                self.take()\n"
        "            except BaseException:\n                continue"
    ),
    "writes in the end": (
        "try:\n                self.take()\n"
        "            except BaseException:\n"
        "                self.lines.append('closed')\n                raise"
    ),
    "ticks": "sleep(60)\n            while not self.waiting.empty():\n"
    "                self.take()",
}


@pytest.mark.parametrize("left", LEFT)
def test_a_thread_that_is_left_does_no_harm(left: str, try_law: Try) -> None:
    """What a daemon does when all calls have returned is not held against it."""
    source = LOG.replace("            self.take()", f"            {LEFT[left]}")

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        log = scene.Log()
        scene.thread(log.write("a"))
        scene.thread(log.write("a"))
        scene.finally_(log.all())

        def judge(history: History) -> None:
            expect(history.finals[0].result, ["a", "a"])

        explore(scene, judge)

    outcome = try_law(source, law)
    assert outcome.verdict is Verdict.PASS, outcome


def test_a_call_that_catches_its_end_has_not_returned(try_law: Try) -> None:
    """What waits for ever is cut off; what it makes of that is no result."""
    source = """
from queue import Queue

class Box:
    def __init__(self) -> None:
        self.inside: Queue[int] = Queue()

    def get(self) -> int:
        try:
            return self.inside.get()
        except BaseException:
            return -2
"""

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        scene.thread(scene.Box().get())

        def judge(history: History) -> None:
            expect(history.of("get"), [])

        explore(scene, judge, ends=False, schedules=5)

    assert try_law(source, law).verdict is Verdict.PASS


def test_a_function_that_is_replaced_is_shared(try_law: Try) -> None:
    """A global that holds a function may be another one at the next look."""
    source = """
def _hook() -> None:
    pass

def fire() -> None:
    if _hook is not None:
        _hook()

def clear() -> None:
    global _hook
    _hook = None
"""

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        scene.thread(scene.function("fire"))
        scene.thread(scene.function("clear"))
        explore(scene, lambda history: None)

    assert try_law(source, law).verdict is Verdict.RACE


@pytest.mark.parametrize(
    ("made", "taken"),
    [
        ("self.lock = Lock()", "self.lock"),
        ("self.forks = [Lock(), Lock()]", "self.forks[1]"),
        ("self.by_name = {'a': Lock()}", "self.by_name['a']"),
        ("type(self).shared = Lock()", "self.shared"),
        ("self._lock = Lock()", "self._lock"),
    ],
)
def test_a_lock_is_named_as_in_the_source(made: str, taken: str, try_law: Try) -> None:
    """A lock that its own holder waits for is told as the answer writes it."""
    source = f"""
from threading import Lock

class Table:
    def __init__(self) -> None:
        {made}

    def eat(self) -> None:
        with {taken}:
            {taken}.acquire()
"""

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        scene.thread(scene.Table().eat())
        explore(scene, lambda history: None, schedules=1)

    outcome = try_law(source, law)
    assert outcome.counterexample is not None
    assert f"for {taken}, which T1 holds" in outcome.counterexample.got


def test_a_call_before_the_threads_may_wait_for_ever(try_law: Try) -> None:
    """It is told where, and that no thread had begun."""
    source = """
from threading import Lock

class Lamp:
    def on(self) -> None:
        lock = Lock()
        lock.acquire()
        lock.acquire()
"""

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        lamp = scene.Lamp()
        scene.first(lamp.on())
        scene.thread(lamp.on())
        explore(scene, lambda history: None)

    outcome = try_law(source, law)
    assert outcome.verdict is Verdict.DEADLOCK
    assert outcome.counterexample is not None
    assert "line 8 for lock, which main holds" in outcome.counterexample.got
    assert outcome.counterexample.schedule == (UNBEGUN,)


def test_a_wait_takes_no_real_time(try_law: Try) -> None:
    """A wait of 1000 s ends at once, and exactly 1000 s later by the clock."""
    source = SIGNAL.replace("self.changed.wait()", "self.changed.wait(1000)")

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate, hasty=False)
        signal = scene.Signal()
        scene.thread(pause(5), signal.wait())

        def judge(history: History) -> None:
            (done,) = history.thread(1)
            expect([done.at, done.until], [5, 1_000_000_005])

        explore(scene, judge, schedules=5)

    assert try_law(source, law).verdict is Verdict.PASS


def test_serial_orders_explain_results(try_law: Try) -> None:
    """Results are serial if some order of the calls that overlapped explains them."""

    def one_after_the_other(calls: Sequence[Done]) -> list[Any]:
        left, results = 1, []
        for _ in calls:
            results.append(left > 0)
            left = max(0, left - 1)
        return results

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        stock = scene.Stock(1)
        scene.thread(stock.take())
        scene.thread(stock.take())

        def judge(history: History) -> None:
            serial = serial_equivalent(history, one_after_the_other)
            got = [done.result for done in history.done]
            require(serial, got, "what some order of the calls gives")

        explore(scene, judge)

    subject = SUBJECTS["check_then_act"]
    assert try_law(subject.wrong, law).verdict is Verdict.RACE
    assert try_law(subject.right, law).verdict is Verdict.PASS
