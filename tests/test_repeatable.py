"""The same seed gives the same schedules, whatever addresses objects have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from graders.candidate import Answer, Candidate
from graders.contract import read_contract
from graders.interleaving import AwaitingScenario, Exploration, Scenario, pause
from graders.sandbox.host import Patience, Zygote

POOL = """
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from threading import Thread

def mapped(function, items):
    with ThreadPoolExecutor(3) as pool:
        futures = {pool.submit(function, item) for item in items}
        return [future.result() for future in as_completed(futures)]

def waited(function, items):
    with ThreadPoolExecutor(3) as pool:
        done, _ = wait([pool.submit(function, item) for item in items])
        return [future.result() for future in done]

def started(function, items):
    threads = {Thread(target=function, args=(item,)) for item in items}
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return []
"""
TASKS = """
import asyncio

async def mapped(coroutines):
    async with asyncio.TaskGroup() as group:
        tasks = {group.create_task(coroutine) for coroutine in coroutines}
    return [task.result() for task in tasks]

async def waited(coroutines):
    done, _ = await asyncio.wait([asyncio.ensure_future(c) for c in coroutines])
    return [task.result() for task in done]
"""


@pytest.fixture(scope="module")
def zygotes() -> Iterator[list[Zygote]]:
    """Three, each with addresses of its own."""
    zygotes = [Zygote() for _ in range(3)]
    yield zygotes
    for zygote in zygotes:
        zygote.close()


def histories(zygote: Zygote, source: str, write: Any) -> list[Any]:
    contract = read_contract(source, "subject")
    first = Candidate(contract, Answer(source), zygote, Patience(9))
    answer, _ = first.first_load()
    first.close()
    candidate = Candidate(contract, answer, zygote, Patience(30), seed=1)
    found: list[Any] = []

    def play() -> None:
        exploration = Exploration(write(candidate), lambda history: None, 60, True, ())
        found.extend(exploration._histories())

    candidate.example(play)
    candidate.close()
    return found


@pytest.mark.parametrize("name", ["mapped", "waited", "started"])
def test_threads_are_repeated(name: str, zygotes: list[Zygote]) -> None:
    """Sets of threads and of futures are gone through in one order."""

    def write(candidate: Candidate) -> Scenario:
        scene = Scenario(candidate)
        scene.thread(scene.function(name, scene.table(), [1, 2, 3, 4]))
        scene.thread(pause(3))
        return scene

    first, *others = [histories(zygote, POOL, write) for zygote in zygotes]
    assert first
    assert others == [first, first]


@pytest.mark.parametrize("name", ["mapped", "waited"])
def test_tasks_are_repeated(name: str, zygotes: list[Zygote]) -> None:
    """Sets of tasks are, too; and under some schedules in another order."""

    def write(candidate: Candidate) -> AwaitingScenario:
        scene = AwaitingScenario(candidate)
        made = [scene.coroutine(pause(5), gives=n) for n in range(4)]
        scene.task(scene.function(name, made))
        return scene

    first, *others = [histories(zygote, TASKS, write) for zygote in zygotes]
    assert others == [first, first]
    results = {str(wire.calls[0].outcome) for wire in first}
    assert len(results) > 1
