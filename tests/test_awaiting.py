"""Coroutines: mistakes are found, right answers pass, and fates are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Try

from graders.candidate import Candidate
from graders.interleaving import (
    AwaitingScenario,
    History,
    at_once,
    cancel,
    explore,
    pause,
)
from graders.laws import expect, require
from graders.results import Verdict

GATHER = """
import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

async def gather_limited(
    coroutines: Iterable[Awaitable[Any]], *, limit: int, timeout: float | None = None
) -> list[Any]:
    gate = asyncio.Semaphore(limit)
    coroutines = list(coroutines)
    begun = set()

    async def one(place, coroutine):
        async with gate:
            begun.add(place)
            return await coroutine

    tasks = [asyncio.ensure_future(one(*pair)) for pair in enumerate(coroutines)]
    try:
        async with asyncio.timeout(timeout):
            if tasks:
                done, _ = await asyncio.wait(
                    tasks, return_when=asyncio.FIRST_EXCEPTION
                )
                for task in tasks:
                    if task in done and task.exception():
                        raise task.exception()
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for place, coroutine in enumerate(coroutines):
            if place not in begun:
                coroutine.close()
"""
UNLIMITED = GATHER.replace("Semaphore(limit)", "Semaphore(99)")
UNORDERED = GATHER.replace(
    "for task in tasks]\n    finally", "for task in done]\n    finally"
)
NOT_AWAITED = GATHER.replace(
    "        if tasks:\n            await asyncio.wait(tasks)\n        for place",
    "        for place",
)
LEFT_RUNNING = NOT_AWAITED.replace("            task.cancel()", "            pass")
UNCLOSED = GATHER.replace("                coroutine.close()", "                pass")
NO_TIMEOUT = GATHER.replace("asyncio.timeout(timeout)", "asyncio.timeout(None)")
FORGETS = GATHER.replace("    tasks = [", "    one(0, None)\n    tasks = [")
SHIELDED = GATHER.replace(
    "return await coroutine", "return await asyncio.shield(coroutine)"
)

Judge = Callable[[History], None]
Law = Callable[[Candidate], None]


def law(write: Callable[[AwaitingScenario], Judge], **options: Any) -> Law:
    def hold(candidate: Candidate) -> None:
        scene = AwaitingScenario(candidate, hasty=False)
        explore(scene, write(scene), **options)

    return hold


def results_in_order(scene: AwaitingScenario) -> Judge:
    made = [scene.coroutine(pause(9 - n), gives=n) for n in range(4)]
    scene.task(scene.function("gather_limited", made, limit=2))

    def judge(history: History) -> None:
        (done,) = history.done
        expect(done.result, [0, 1, 2, 3], why="in the order of the coroutines")
        most = at_once(history.inner(*made))
        require(most <= 2, most, "at most 2 at once: limit is 2")
        require(done.threads == 0, done.threads, "no task to be left")
        require(not history.complaints, history.complaints, "no complaints")
        require(not history.left, history.left, "none to be left")

    return judge


def first_error_wins(scene: AwaitingScenario) -> Judge:
    slow = scene.coroutine(pause(50), gives=1, when_cancelled=[pause(3)])
    fails = scene.coroutine(pause(5), gives=KeyError("x"))
    late = scene.coroutine(gives=3)
    scene.task(scene.function("gather_limited", [slow, fails, late], limit=2))

    def judge(history: History) -> None:
        (done,) = history.done
        require(done.raised_by is fails, done.error, "its very exception")
        require(history.fate(slow) == "cancelled", history.fate(slow), "cancelled")
        (inner,) = history.inner(slow)
        require(inner.ended < done.ended, done.until, "it to be awaited")
        require(done.until == 8, done.until, "8: cleaning up takes 3")
        expect(done.threads, 0)
        fate = history.fate(late)
        require(fate in ("closed", "returned", "cancelled"), fate, "it to be closed")

    return judge


def the_timeout_is_for_all(scene: AwaitingScenario) -> Judge:
    made = [scene.coroutine(pause(600_000), gives=n) for n in range(3)]
    call = scene.function("gather_limited", made, limit=1, timeout=1.0)
    scene.task(call)

    def judge(history: History) -> None:
        (done,) = history.done
        error = done.error
        require(isinstance(error, TimeoutError), error or done.value, "TimeoutError")
        expect(done.until, 1_000_000, why="the timeout is 1 s")
        fates = [history.fate(coroutine) for coroutine in made]
        expect(fates, ["returned", "cancelled", "closed"])

    return judge


def cancelling_cancels_all(scene: AwaitingScenario) -> Judge:
    gate = scene.gate()
    made = [scene.coroutine(gate.wait()) for _ in range(2)]
    scene.task(scene.function("gather_limited", made, limit=2))
    scene.task(pause(4), cancel(1))

    def judge(history: History) -> None:
        done = history.thread(1)[0]
        require(done.cancelled, done.error, "CancelledError")
        expect([done.until, done.threads], [4, 0])
        fates = {history.fate(coroutine) for coroutine in made}
        require(fates <= {"cancelled", "closed"}, fates, "all to be cancelled")

    return judge


def anything_can_be_awaited(scene: AwaitingScenario) -> Judge:
    slow = scene.coroutine(pause(5), gives=1, bare=False)
    future, failing = scene.future(gives=2), scene.future(gives=KeyError("x"))
    items = scene.items([slow, future])
    scene.task(
        scene.function("gather_limited", items, limit=2),
        scene.function("gather_limited", [failing], limit=1),
    )
    scene.task(pause(9), future.resolve(), failing.resolve())

    def judge(history: History) -> None:
        first, second = history.thread(1)
        expect([first.result, first.until], [[1, 2], 9])
        require(second.raised_by is failing, second.error, "its very exception")
        expect(history.fate(slow), "returned")

    return judge


ALL = {
    "order": law(results_in_order),
    "error": law(first_error_wins, expects=(KeyError,)),
    "timeout": law(the_timeout_is_for_all, expects=(TimeoutError,)),
    "cancel": law(cancelling_cancels_all),
}


@pytest.mark.parametrize("name", ALL)
def test_a_right_answer_passes(name: str, try_law: Try) -> None:
    """No law is broken by the answer that keeps them, under any of five seeds."""
    for seed in range(5):
        outcome = try_law(GATHER, ALL[name], seed)
        assert outcome.verdict is Verdict.PASS, outcome


WRONG = {
    "unlimited": (UNLIMITED, "order"),
    "unordered": (UNORDERED, "order"),
    "not awaited": (NOT_AWAITED, "error"),
    "left running": (LEFT_RUNNING, "error"),
    "not closed": (UNCLOSED, "timeout"),
    "no timeout": (NO_TIMEOUT, "timeout"),
    "forgotten": (FORGETS, "order"),
    "shielded": (SHIELDED, "cancel"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_caught(name: str, try_law: Try) -> None:
    """Each typical mistake breaks the law that is about it."""
    source, broken = WRONG[name]
    assert source != GATHER
    assert try_law(source, ALL[broken]).verdict in (Verdict.FAIL, Verdict.RACE)


LOST = """
import asyncio

class Counter:
    def __init__(self) -> None:
        self.n = 0

    async def add(self, work) -> None:
        n = self.n
        await work
        self.n = n + 1

    def value(self) -> int:
        return self.n
"""


def nothing_is_lost(scene: AwaitingScenario) -> Judge:
    counter = scene.Counter()
    for _ in range(2):
        scene.task(counter.add(scene.coroutine()))
    scene.finally_(counter.value())
    return lambda history: expect(history.finals[0].result, 2, why="two added 1 each")


def test_a_lost_update_is_a_race(try_law: Try) -> None:
    """It needs another order than asyncio's first one, and is shown side by side."""
    outcome = try_law(LOST, law(nothing_is_lost))
    assert outcome.verdict is Verdict.RACE
    assert outcome.counterexample is not None
    columns = [
        [cell.strip() for cell in row.split("|")]
        for row in outcome.counterexample.schedule
    ]
    assert columns[0] == ["T1", "T2"]
    assert ["10 await work", ""] in columns
    assert ["10 ... await work", ""] in columns
    assert outcome == try_law(LOST, law(nothing_is_lost))


def test_a_wait_for_nothing_is_a_deadlock(try_law: Try) -> None:
    """A task that waits for what never comes is named with its line."""

    def write(scene: AwaitingScenario) -> Judge:
        counter, gate = scene.Counter(), scene.gate()
        scene.task(counter.add(scene.coroutine(gate.wait())))
        return lambda history: None

    outcome = try_law(LOST, law(write))
    assert outcome.verdict is Verdict.DEADLOCK
    assert outcome.counterexample is not None
    assert "T1 waits in line 10 for what never comes" in outcome.counterexample.got


def test_polling_is_busy(try_law: Try) -> None:
    """A task that looks again and again runs on and on, without waiting."""

    def write(scene: AwaitingScenario) -> Judge:
        counter, gate = scene.Counter(), scene.gate()
        scene.task(counter.add(scene.coroutine(gate.wait())))
        return lambda history: None

    source = LOST.replace("await work", "while True: await asyncio.sleep(0.001)")
    outcome = try_law(source, law(write))
    assert outcome.counterexample is not None
    assert "without waiting" in outcome.counterexample.got


TASK_GROUP = """
import asyncio

async def gather_limited(coroutines, *, limit, timeout=None):
    waiting = list(enumerate(coroutines))[::-1]
    left, results = {c for _, c in waiting}, {}

    async def work():
        while waiting:
            place, coroutine = waiting.pop()
            left.discard(coroutine)
            results[place] = await coroutine

    async def all_of_them():
        async with asyncio.TaskGroup() as group:
            for _ in range(limit):
                group.create_task(work())

    try:
        await asyncio.wait_for(all_of_them(), timeout)
    except BaseExceptionGroup as found:
        raise found.exceptions[0] from None
    finally:
        for coroutine in left:
            coroutine.close()
    return [results[place] for place in sorted(results)]
"""
QUEUE = """
import asyncio

async def gather_limited(coroutines, *, limit, timeout=None):
    queue, results = asyncio.Queue(), {}
    for pair in enumerate(coroutines):
        queue.put_nowait(pair)
    size = queue.qsize()

    async def work():
        while not queue.empty():
            place, coroutine = queue.get_nowait()
            results[place] = await coroutine

    workers = [asyncio.create_task(work()) for _ in range(min(limit, size))]
    try:
        async with asyncio.timeout(timeout):
            await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        while not queue.empty():
            queue.get_nowait()[1].close()
    return [results[place] for place in range(size)]
"""


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("source", [TASK_GROUP, QUEUE], ids=["group", "queue"])
def test_right_answers_of_other_shapes_pass(
    source: str, name: str, try_law: Try
) -> None:
    """Task groups, queues and `gather` work as they do elsewhere."""
    for seed in range(3):
        outcome = try_law(source, ALL[name], seed)
        assert outcome.verdict is Verdict.PASS, outcome


TOOLS = """
import asyncio

async def play():
    seen, condition, barrier = [], asyncio.Condition(), asyncio.Barrier(2)
    event, lock = asyncio.Event(), asyncio.Lock()

    async def one():
        async with condition:
            await condition.wait()
        await barrier.wait()
        async with lock:
            seen.append(1)
        event.set()

    async def other():
        await asyncio.sleep(2)
        async with condition:
            condition.notify_all()
        await barrier.wait()
        async with lock:
            seen.append(1)

    tasks = [asyncio.create_task(one()), asyncio.create_task(other())]
    for done in asyncio.as_completed(tasks, timeout=5):
        await done
    await event.wait()
    try:
        await asyncio.wait_for(asyncio.shield(asyncio.sleep(9)), 1)
    except TimeoutError:
        seen.append(asyncio.get_running_loop().time())
    async def numbers():
        for n in range(2):
            await asyncio.sleep(0)
            yield n
    seen += [n async for n in numbers()]
    return seen
"""


def test_all_tools_of_asyncio_work(try_law: Try) -> None:
    """What asyncio offers works on this loop, in virtual time."""

    def write(scene: AwaitingScenario) -> Judge:
        scene.task(scene.function("play"))
        return lambda history: expect(history.done[0].result, [1, 1, 3.0, 0, 1])

    outcome = try_law(TOOLS, law(write))
    assert outcome.verdict is Verdict.PASS, outcome


def test_anything_can_be_awaited(try_law: Try) -> None:
    """Objects with `__await__` and futures do, from an iterator; some answers fail."""
    held = law(anything_can_be_awaited, expects=(KeyError,))
    right = QUEUE.replace(
        "queue.get_nowait()[1].close()", "getattr(queue.get_nowait()[1], 'close', id)()"
    )
    assert try_law(right, held).verdict is Verdict.PASS
    wrong = right.replace("await coroutine", "await asyncio.create_task(coroutine)")
    assert try_law(wrong, held).verdict is Verdict.ERROR
