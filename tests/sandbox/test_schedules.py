"""The scheduler by itself, in this process: what it switches, waits for and tells."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from graders.judges import uninterrupted
from graders.sandbox.host import HOME

sys.path.insert(0, str(HOME))  # as beside an answer, where they have no package
import watching
from plans import Gaps, Replay, plan_for
from schedules import Schedule
from standins import patched

FILE = "subject.py"


def played(
    source: str, plan: Any = None, **options: Any
) -> tuple[Schedule, dict[str, Any]]:
    """Run a source; its `main` is the first thread, untraced like a scenario's."""
    namespace: dict[str, Any] = {}
    code = compile(source, FILE, "exec", dont_inherit=True)
    schedule = Schedule(plan or Replay([]), FILE, **options)

    def body() -> None:
        exec(code, namespace)
        threads = [threading.Thread(target=run) for run in namespace["threads"]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        namespace.get("afterwards", lambda: None)()

    watching.watch(code)
    # the threads stay, and Ctrl-C is not for them
    with uninterrupted(), patched():
        if options.get("tracing"):
            watching.look_at_lines()
        schedule.run(body)
        schedule.dismiss()
    return schedule, namespace


def explored(
    source: str, number: int = 150, hasty: bool = True
) -> Iterator[tuple[Schedule, Any]]:
    """Yield what comes of many schedules."""
    gaps: Gaps = {}
    for place in range(number):
        counted = gaps if place in (0, 5, 13) else None
        plan = plan_for(place, 1, gaps, hasty)
        yield played(source, plan, hasty=hasty, gaps=counted)


def ends(source: str) -> set[str]:
    return {schedule.ending for schedule, _ in explored(source)}


COUNTING = """
n = 0
def add():
    global n
    n += 1
threads = [add, add]
"""


def test_updates_of_a_global_are_lost() -> None:
    """A thread can be interrupted between reading a global and writing it."""
    assert {space["n"] for _, space in explored(COUNTING)} == {1, 2}


def test_updates_through_a_closure_are_lost() -> None:
    """The same holds for a variable that two functions share."""
    source = """
def make():
    n = 0
    def add():
        nonlocal n
        n += 1
    return add, lambda: n
add, value = make()
threads = [add, add]
"""
    assert {space["value"]() for _, space in explored(source)} == {1, 2}


def test_a_schedule_is_replayed_by_its_choices() -> None:
    """Its choices, replayed with a trace, give the same result and the same choices."""
    for first, space in explored(COUNTING, 60):
        again, repeated = played(
            COUNTING, Replay(first.choices), hasty=True, tracing=True
        )
        assert (again.choices, repeated["n"]) == (first.choices, space["n"])
        assert {line for _, line, _ in again.trace} == {5}


def test_a_trace_has_every_switch() -> None:
    """Lines come in their order; one that goes on after others ran is marked."""
    lost = next(found for found, space in explored(COUNTING) if space["n"] == 1)
    again, _ = played(COUNTING, Replay(lost.choices), hasty=True, tracing=True)
    assert any(goes_on for _, _, goes_on in again.trace)


def test_waits_take_no_time() -> None:
    """A wait of a thousand seconds is over at once, and the clocks say a thousand."""
    source = """
import time
from threading import Condition, Event, Timer
from time import monotonic, sleep
seen = []
begun = monotonic()
def wait():
    condition = Condition()
    with condition:
        seen.append(condition.wait(1000))
    seen.append(Event().wait(1000))
    sleep(1000)
    seen.append(monotonic() - begun)
def ring():
    bell = Event()
    Timer(500, bell.set).start()
    seen.append(bell.wait(1000))
threads = [wait, ring]
"""
    begun_s = time.monotonic()
    _, space = played(source)
    assert sorted(space["seen"]) == [False, False, True, 3000.0]
    assert time.monotonic() - begun_s < 5


def test_time_stands_while_somebody_can_run() -> None:
    """Without haste, a timeout is over only when nobody can go on."""
    source = """
from threading import Event
event, seen = Event(), []
def wait():
    seen.append(event.wait(1))
def work():
    for _ in range(50):
        pass
    event.set()
threads = [wait, work]
"""
    for place in range(60):
        _, space = played(source, plan_for(place, 1, {(0, 0): 1}, False))
        assert space["seen"] == [True]


def test_haste_lets_a_timeout_win() -> None:
    """With haste, a wait may be over before a slow thread has done its work."""
    source = """
from threading import Event
event, seen = Event(), []
def wait():
    seen.append(event.wait(1))
threads = [wait, event.set]
"""
    assert {space["seen"][0] for _, space in explored(source)} == {True, False}


PHILOSOPHERS = """
from threading import Lock
left, right = Lock(), Lock()
def one():
    with left:
        with right:
            pass
def other():
    with right:
        with left:
            pass
threads = [one, other]
"""


def test_a_deadlock_names_both_locks() -> None:
    """It is told who waits where, for which lock, and who took it in which line."""
    found = next(s for s, _ in explored(PHILOSOPHERS) if s.ending == "stuck")
    again, _ = played(PHILOSOPHERS, Replay(found.choices), hasty=True, tracing=True)
    facts = [(w["line"], w["lock"], w["since"]) for w in again.stuck]
    assert facts == [(6, "right", 9), (10, "left", 5)]
    assert again.stuck[0]["holder"] == again.stuck[1]["thread"]


def test_lock_order_kept_is_no_deadlock() -> None:
    """Locks taken in one order never block each other for good."""
    wrong = "with right:\n        with left"
    right = PHILOSOPHERS.replace(wrong, "with left:\n        with right")
    assert ends(right) == {"done"}


def test_spinning_is_told() -> None:
    """A thread that runs on without waiting is stopped, and said to be busy."""
    source = """
ready = False
def spin():
    while not ready:
        pass
threads = [spin]
"""
    schedule, _ = played(source)
    assert schedule.ending == "busy"


def test_polling_is_told() -> None:
    """So is one that sleeps a little again and again."""
    source = """
import time
def poll():
    while True:
        time.sleep(0.001)
threads = [poll]
"""
    schedule, _ = played(source)
    assert schedule.ending == "busy"


TOOLS = """
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Barrier, BoundedSemaphore, Lock, RLock, Semaphore, local

class Kept:
    @cached_property
    def value(self):
        with again: return 1

lock, again, gate = Lock(), RLock(), Semaphore(1)
barrier, own, kept = Barrier(2), local(), Kept()
items, simple, seen = queue.Queue(1), queue.SimpleQueue(), []
def give():
    barrier.wait()
    for n in range(3):
        items.put(n)
        simple.put(n)
    own.name = threading.current_thread().name
    with again, again, gate, lock:
        seen.append(kept.value)
def take():
    barrier.wait(5)
    got = [(items.get(timeout=9), simple.get()) for _ in range(3)]
    with again, again, gate, lock:
        seen.extend(got)
    assert not hasattr(own, "name")
def pool():
    with ThreadPoolExecutor(2) as executor:
        seen.extend(executor.map(abs, [-5, -6]))
threads = [give, take, pool]
"""


def test_all_tools_work_on_top() -> None:
    """What the standard library builds on locks and threads works unchanged."""
    expected = {1, 5, 6, (0, 0), (1, 1), (2, 2)}
    for schedule, space in explored(TOOLS, 40, hasty=False):
        errors = [task.error for task in schedule.tasks if task.error]
        assert (schedule.ending, errors) == ("done", []), schedule.stuck
        assert set(space["seen"]) == expected


def test_threads_that_are_left_are_ended() -> None:
    """A schedule is over although a thread of the subject waits for ever."""
    source = """
from threading import Event, Thread
def start():
    Thread(target=Event().wait).start()
threads = [start]
"""
    before = threading.active_count()
    schedule, _ = played(source)
    assert schedule.ending == "done"
    assert [waiting["line"] for waiting in schedule.stuck] == [0]
    assert threading.active_count() == before


def test_an_exception_ends_its_thread_only() -> None:
    """It is kept with the thread; the others go on."""
    source = """
seen = []
def fail():
    raise KeyError(1)
threads = [fail, lambda: seen.append(1)]
"""
    schedule, space = played(source)
    assert [type(task.error) for task in schedule.tasks if task.error] == [KeyError]
    assert space["seen"] == [1]


def test_the_originals_come_back() -> None:
    """After a schedule, threading and time are what they were."""
    originals: list[Callable[..., Any]] = [threading.Lock, time.sleep, time.monotonic]
    played(COUNTING)
    assert [threading.Lock, time.sleep, time.monotonic] == originals
