"""Classic mistakes of threads are found by every seed, their repairs never accused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from graders.candidate import Candidate
from graders.checks import Outcome
from graders.interleaving import (
    Done,
    History,
    Scenario,
    explore,
    pause,
    serial_equivalent,
)
from graders.laws import expect, require
from graders.results import Verdict

SEEDS = range(5)
Law = Callable[[Candidate], None]
Try = Callable[..., Outcome]


# Subjects: a wrong one, its repair as a replacement of text, and a law


COUNTER = """
from threading import Lock

class Counter:
    def __init__(self) -> None:
        self.n = 0
        self.lock = Lock()

    def add(self) -> None:
        self.n += 1

    def value(self) -> int:
        return self.n
"""


def nothing_is_lost(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    counter = scene.Counter()
    scene.thread(counter.add())
    scene.thread(counter.add())
    scene.finally_(counter.value())

    def judge(history: History) -> None:
        expect(history.finals[0].result, 2, why="two threads added 1 each")

    explore(scene, judge)


STOCK = """
from threading import Lock

class Stock:
    def __init__(self, units: int) -> None:
        self.units = units
        self.lock = Lock()

    def left(self) -> int:
        return self.units

    def take(self) -> bool:
        if self.left() > 0:
            self.units = self.left() - 1
            return True
        return False
"""
LOCKED_TAKE = """
    def take(self) -> bool:
        with self.lock:
            return self._take()

    def _take(self) -> bool:
"""


def no_more_than_there_is(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    stock = scene.Stock(1)
    for _ in range(3):
        scene.thread(stock.take())

    def judge(history: History) -> None:
        taken = [done.result for done in history.done]
        require(taken.count(True) == 1, taken, "one of three to get the last unit")

    explore(scene, judge)


BANK = """
from threading import Lock

class Bank:
    def __init__(self) -> None:
        self.a, self.b = Lock(), Lock()
        self.money = [10, 10]

    def there(self) -> None:
        with self.a:
            with self.b:
                self.money[0] -= 1
                self.money[1] += 1

    def back(self) -> None:
        with self.b:
            with self.a:
                self.money[1] -= 1
                self.money[0] += 1
"""


def transfers_end(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    bank = scene.Bank()
    scene.thread(bank.there())
    scene.thread(bank.back())
    explore(scene, lambda history: None)


BOX = """
from collections import deque
from threading import Condition

class Box:
    def __init__(self) -> None:
        self.items: deque[int] = deque()
        self.filled = Condition()

    def put(self, item: int) -> None:
        with self.filled:
            self.items.append(item)
            self.filled.notify_all()

    def get(self) -> int:
        with self.filled:
            if not self.items:
                self.filled.wait()
            return self.items.popleft()
"""


def everybody_gets_one(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    box = scene.Box()
    scene.thread(box.get())
    scene.thread(box.get())
    scene.thread(box.put(1), box.put(2))

    def judge(history: History) -> None:
        got = sorted(done.result for done in history.of("get"))
        expect(got, [1, 2], why="1 and 2 were put")

    explore(scene, judge)


SIGNAL = """
from threading import Condition

class Signal:
    def __init__(self) -> None:
        self.on = False
        self.changed = Condition()

    def give(self) -> None:
        self.on = True
        with self.changed:
            self.changed.notify_all()

    def wait(self) -> None:
        if not self.on:
            with self.changed:
                self.changed.wait()
"""
NO_LOST_SIGNAL = SIGNAL.replace(
    """        if not self.on:
            with self.changed:
                self.changed.wait()
""",
    """        with self.changed:
            while not self.on:
                self.changed.wait()
""",
)


def a_signal_is_seen(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    signal = scene.Signal()
    scene.thread(signal.wait())
    scene.thread(signal.give())
    explore(scene, lambda history: None)


SLOTS = """
from threading import Condition

class Slots:
    def __init__(self) -> None:
        self.item: int | None = None
        self.changed = Condition()

    def put(self, item: int) -> None:
        with self.changed:
            while self.item is not None:
                self.changed.wait()
            self.item = item
            self.changed.notify()

    def get(self) -> int:
        with self.changed:
            while self.item is None:
                self.changed.wait()
            item, self.item = self.item, None
            self.changed.notify()
            return item
"""


def all_is_handed_over(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    slots = scene.Slots()
    scene.thread(slots.get())
    scene.thread(slots.get())
    scene.thread(slots.put(1))
    scene.thread(slots.put(2))
    explore(scene, lambda history: None)


GATE = """
from threading import Lock

class Gate:
    def __init__(self, most: int) -> None:
        self.most, self.inside = most, 0
        self.lock = Lock()

    def enter(self) -> bool:
        with self.lock:
            full = self.inside >= self.most
        if full:
            return False
        with self.lock:
            self.inside += 1
        return True
"""
TIGHT_GATE = GATE.replace(
    """        if full:
            return False
        with self.lock:
            self.inside += 1
        return True
""",
    """            if full:
                return False
            self.inside += 1
            return True
""",
)


def at_most_one_inside(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    gate = scene.Gate(1)
    scene.thread(gate.enter())
    scene.thread(gate.enter())

    def judge(history: History) -> None:
        entered = [done.result for done in history.done]
        require(entered.count(True) == 1, entered, "one to enter")

    explore(scene, judge)


CACHE = """
from collections import OrderedDict
from threading import Lock

class Cache:
    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: OrderedDict[str, int] = OrderedDict()
        self.lock = Lock()

    def put(self, key: str, value: int) -> None:
        with self.lock:
            self.kept[key] = value
            if len(self.kept) > self.size:
                self.kept.popitem(last=False)

    def get(self, key: str) -> int | None:
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        return None
"""
LOCKED_CACHE = CACHE.replace("def get(", "def _get(") + ("""
    def get(self, key: str) -> int | None:
        with self.lock:
            return self._get(key)
""")


def reading_never_raises(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    cache = scene.Cache(1)
    scene.first(cache.put("a", 1))
    scene.thread(cache.get("a"))
    scene.thread(cache.put("b", 2))
    explore(scene, lambda history: None)


SHOP = """
from threading import Lock

class Shop:
    def __init__(self) -> None:
        self.stock, self.money = 1, 0
        self.lock = Lock()

    def buy(self) -> bool:
        with self.lock:
            there = self.stock > 0
        if there:
            with self.lock:
                self.stock -= 1
                self.money += 5
        return there

    def books(self) -> list[int]:
        with self.lock:
            return [self.stock, self.money]
"""
ONE_PHASE_SHOP = SHOP.replace(
    """        if there:
            with self.lock:
""",
    """            if there:
""",
).replace("                self.stock -= 1", "                self.stock -= 1")


def the_books_agree(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    shop = scene.Shop()
    scene.thread(shop.buy())
    scene.thread(shop.buy())
    scene.finally_(shop.books())

    def judge(history: History) -> None:
        expect(history.finals[0].result, [0, 5], why="there was one to sell, for 5")

    explore(scene, judge)


DRAIN = """
from queue import Empty, Queue

class Drain:
    def __init__(self) -> None:
        self.queue: Queue[int] = Queue()
        for n in range(3):
            self.queue.put(n)

    def drain(self) -> list[int]:
        found = []
        while not self.queue.empty():
            found.append(self.queue.get())
        return found
"""
PATIENT_DRAIN = DRAIN.replace(
    """        while not self.queue.empty():
            found.append(self.queue.get())
        return found
""",
    """        while True:
            try:
                found.append(self.queue.get_nowait())
            except Empty:
                return found
""",
)


def draining_ends(candidate: Candidate) -> None:
    scene = Scenario(candidate)
    drain = scene.Drain()
    scene.thread(drain.drain())
    scene.thread(drain.drain())

    def judge(history: History) -> None:
        found = sorted(n for done in history.done for n in done.result)
        expect(found, [0, 1, 2], why="each is drained once")

    explore(scene, judge)


SUBJECTS: dict[str, tuple[str, str, Law]] = {
    "lost update": (
        COUNTER,
        COUNTER.replace("self.n += 1", "with self.lock: self.n += 1"),
        nothing_is_lost,
    ),
    "lost update with a call between": (
        COUNTER.replace("self.n += 1", "self.n = self.value() + 1"),
        COUNTER.replace("self.n += 1", "with self.lock: self.n = self.value() + 1"),
        nothing_is_lost,
    ),
    "check, then act": (
        STOCK,
        STOCK.replace("\n    def take(self) -> bool:\n", LOCKED_TAKE),
        no_more_than_there_is,
    ),
    "lock order": (
        BANK,
        BANK.replace(
            "with self.b:\n            with self.a:",
            "with self.a:\n            with self.b:",
        ),
        transfers_end,
    ),
    "if around wait": (BOX, BOX.replace("if not", "while not"), everybody_gets_one),
    "lost wake-up": (SIGNAL, NO_LOST_SIGNAL, a_signal_is_seen),
    "notify for two kinds": (
        SLOTS,
        SLOTS.replace("notify()", "notify_all()"),
        all_is_handed_over,
    ),
    "admission gate": (GATE, TIGHT_GATE, at_most_one_inside),
    "least recently used": (CACHE, LOCKED_CACHE, reading_never_raises),
    "two phases": (SHOP, ONE_PHASE_SHOP, the_books_agree),
    "drain by empty": (DRAIN, PATIENT_DRAIN, draining_ends),
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_classic_mistake_is_found(subject: str, try_law: Try) -> None:
    """Each is found with the default budget, by every seed, as a race or deadlock."""
    wrong, _, law = SUBJECTS[subject]
    verdicts = {try_law(wrong, law, seed).verdict for seed in SEEDS}
    assert verdicts <= {Verdict.RACE, Verdict.DEADLOCK}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_its_repair_is_not_accused(subject: str, try_law: Try) -> None:
    """The corrected twin passes under every seed."""
    wrong, right, law = SUBJECTS[subject]
    assert right != wrong
    for seed in SEEDS:
        outcome = try_law(right, law, seed)
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

    wrong, right, _ = SUBJECTS["check, then act"]
    assert try_law(wrong, law).verdict is Verdict.RACE
    assert try_law(right, law).verdict is Verdict.PASS
