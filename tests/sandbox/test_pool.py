"""Threads that are used again are as new ones."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from decimal import getcontext

import pytest

from graders.judges import uninterrupted
from graders.sandbox.host import HOME

sys.path.insert(0, str(HOME))  # as beside an answer, where they have no package
from pool import Pool


@pytest.fixture(autouse=True)
def _undisturbed() -> Iterator[None]:
    """The threads stay when the tests are over, and Ctrl-C is not for them."""
    with uninterrupted():
        yield


def idents(pool: Pool, number: int) -> list[int]:
    """Return which threads do so many tasks, one after the other."""
    found: list[int] = []
    for _ in range(number):
        done = threading.Event()

        def work(done: threading.Event = done) -> None:
            found.append(threading.get_ident())
            done.set()

        pool.submit(work)
        assert done.wait(10)
    return found


def test_each_task_has_a_thread_of_its_own_until_it_is_renewed() -> None:
    """What a thread keeps for itself is not seen by the next task of a schedule."""
    pool = Pool()
    first = idents(pool, 3)
    assert len(set(first)) == 3
    while len(pool.used) < 3:  # they come back just after their work
        pass
    pool.renew()
    assert set(idents(pool, 3)) == set(first)


def test_each_task_has_a_context_of_its_own() -> None:
    """The precision of decimals is as at the beginning, whatever was set before."""
    pool, seen = Pool(), []

    def work() -> None:
        seen.append(getcontext().prec)
        getcontext().prec = 5

    for _ in range(3):
        pool.submit(work)
        while not pool.used:
            pass
        pool.renew()
    assert seen == [28, 28, 28]
    assert len(pool.fresh) == 1
