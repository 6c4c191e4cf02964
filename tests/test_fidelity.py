"""Under a schedule the standard library is to an answer what it is in plain Python."""

from __future__ import annotations

import pytest
from conftest import Try

from graders.candidate import Candidate
from graders.interleaving import History, Scenario, explore
from graders.laws import expect
from graders.results import Verdict

SEES = {
    "three timeouts that do not add up as floats": """
def see():
    asked, empty = queue.Queue(), 0
    for _ in range(3):
        try:
            asked.get(timeout=0.1)
        except queue.Empty:
            empty += 1
    return empty
""",
    "a deadline of its own": """
def see():
    deadline = time.monotonic() + 0.3
    rounds = 0
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
        rounds += 1
    return 3 <= rounds <= 4
""",
    "clocks that do not begin at nothing": """
def see():
    return bool(time.monotonic()) and bool(time.perf_counter())
""",
    "a main thread that is alive": """
class Made:
    def __init__(self):
        self.seen = threading.current_thread() is threading.main_thread()
        self.daemon = threading.Thread(target=print).daemon
def see():
    made = Made()
    return threading.main_thread().is_alive(), made.daemon, threading.get_ident() > 0
""",
    "the thread that runs": """
def see():
    me = threading.current_thread()
    native = me.native_id == threading.get_native_id()
    return me.ident == threading.get_ident(), native, me in threading.enumerate()
""",
    "a thread among all as soon as it has started": """
def see():
    before, halt = threading.active_count(), threading.Event()
    thread = threading.Thread(target=halt.wait)
    thread.start()
    seen = threading.active_count() - before, thread in threading.enumerate()
    halt.set()
    thread.join()
    return seen
""",
    "an exit of one thread alone": """
def see():
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    return thread.is_alive()
""",
    "a hook for what threads raise": """
def see():
    seen, before = [], threading.excepthook
    threading.excepthook = lambda told: seen.append((told.exc_type, told.thread))
    thread = threading.Thread(target=divmod, args=(1, 0))
    thread.start()
    thread.join()
    threading.excepthook = before
    return seen == [(ZeroDivisionError, thread)]
""",
    "threads that are forgotten when they have ended": """
class Call(threading.Thread):
    def run(self):
        self.value = Value()
class Value:
    alive = 0
    def __init__(self):
        Value.alive += 1
    def __del__(self):
        Value.alive -= 1
def see():
    for _ in range(3):
        call = Call()
        call.start()
        call.join()
    return Value.alive
""",
    "what each thread keeps for itself": """
kept = threading.local()
def see():
    seen = []
    def use():
        seen.append((hasattr(kept, "n"), decimal.getcontext().prec))
        kept.n = decimal.getcontext().prec = 5
    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    return seen
""",
}
"""What an answer does, by what it shows."""

HEAD = """
import decimal
import queue
import sys
import threading
import time
from typing import Any
"""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("what", SEES)
def test_it_is_as_in_plain_python(what: str, try_law: Try) -> None:
    """What an answer sees is what it would see without us."""
    source = HEAD + SEES[what].replace("def see():", "def see() -> Any:")
    plain: dict[str, object] = {}
    exec(source, plain)
    real = plain["see"]()  # type: ignore[operator]

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        scene.thread(scene.function("see"))

        def judge(history: History) -> None:
            expect(history.done[0].result, real)

        explore(scene, judge, schedules=12)

    outcome = try_law(source, law)
    assert outcome.verdict is Verdict.PASS, outcome


def test_names_are_the_same_in_every_schedule(try_law: Try) -> None:
    """Threads, pools and chance begin anew: a schedule can be repeated."""
    source = """
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Thread, current_thread

def see() -> str:
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(current_thread).result().name
    return f"{Thread().name} {worker} {random.random():.3f}"
"""
    seen = set()

    def law(candidate: Candidate) -> None:
        scene = Scenario(candidate)
        scene.thread(scene.function("see"))
        explore(scene, lambda history: seen.add(history.done[0].result), schedules=12)

    assert try_law(source, law).verdict is Verdict.PASS
    assert seen == {"Thread-1 ThreadPoolExecutor-0_0 0.844"}
