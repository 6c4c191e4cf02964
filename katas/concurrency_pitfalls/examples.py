"""Run the examples of the statement against the answer."""

from __future__ import annotations

import asyncio
import threading
from itertools import count

import pytest
from stub import (
    Bank,
    BoundedQueue,
    Closed,
    Empty,
    InsufficientFunds,
    OnceCache,
    ReadWriteLock,
    gather_limited,
    lock_order_cycles,
    parallel_map,
    races,
)


def nested(thread, *locks):
    """Return the log of a thread that nests locks, and lets go of them again."""
    taken = [(thread, "acquire", lock) for lock in locks]
    return taken + [(thread, "release", lock) for lock in reversed(locks)]


# Level 1 - No money lost


def test_transfer_moves_money():
    """A transfer moves the amount, and the total stays what it was."""
    bank = Bank({"ann": 100, "bob": 20})
    bank.transfer("ann", "bob", 30)
    assert (bank.balance("ann"), bank.balance("bob"), bank.total()) == (70, 50, 120)


def test_transfer_without_funds():
    """Who has too little pays nothing."""
    bank = Bank({"ann": 100, "bob": 20})
    with pytest.raises(InsufficientFunds):
        bank.transfer("bob", "ann", 21)
    assert bank.balance("bob") == 20


def test_unknown_account():
    """An unknown account is named, whatever the funds."""
    with pytest.raises(ValueError, match="eve"):
        Bank({"ann": 0}).transfer("ann", "eve", 5)


def test_transfers_to_and_fro():
    """Two threads that transfer to and fro both come to an end."""
    bank = Bank({"ann": 1_000, "bob": 1_000})

    def move(source, target):
        for _ in range(500):
            bank.transfer(source, target, 1)

    threads = [
        threading.Thread(target=move, args=pair, daemon=True)
        for pair in (("ann", "bob"), ("bob", "ann"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert (bank.balance("ann"), bank.total()) == (1_000, 2_000)


# Level 2 - A cache and a queue


def test_cache_loads_once():
    """The first value is kept."""
    cache = OnceCache()
    assert cache.get("rate", lambda: 7) == 7
    assert cache.get("rate", lambda: 8) == 7


def test_cache_keeps_no_error():
    """What failed is loaded again."""
    cache = OnceCache()
    with pytest.raises(ZeroDivisionError):
        cache.get("rate", lambda: 1 // 0)
    assert cache.get("rate", lambda: 7) == 7


def test_queue_is_bounded():
    """There is room for one item, and one item comes out."""
    queue = BoundedQueue(1)
    assert queue.put("a") is True
    assert queue.put("b", timeout=0) is False
    assert queue.get() == "a"
    with pytest.raises(Empty):
        queue.get(timeout=0)


def test_queue_is_drained_after_close():
    """What is in is handed out after close."""
    queue = BoundedQueue(1)
    queue.put("a")
    queue.close()
    with pytest.raises(Closed):
        queue.put("b")
    assert queue.get() == "a"
    with pytest.raises(Closed):
        queue.get()


# Level 3 - Bounded and lazy


def test_lock_is_free_again():
    """Readers and writers come one after the other."""
    lock = ReadWriteLock()
    with lock.reading():
        pass
    with lock.writing():
        pass
    with lock.reading():
        pass


def test_map_keeps_the_order():
    """Results come in the order of the items."""
    assert list(parallel_map(abs, [-1, 2, -3], limit=2)) == [1, 2, 3]


def test_map_is_lazy():
    """An endless input will do."""
    results = parallel_map(abs, count(), limit=2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    results.close()


def test_map_raises_in_its_place():
    """The results before a failure come first."""
    results = parallel_map(lambda n: 6 // n, [3, 2, 0, 1], limit=2)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


# Level 4 - Found before it happens


def test_cycle_of_two_threads():
    """One thread takes A then B, the other B then A."""
    log = nested("T1", "A", "B") + nested("T2", "B", "A")
    assert lock_order_cycles(log) == [["A", "B"]]


def test_guarded_cycle():
    """Both hold G meanwhile: they never wait for each other."""
    log = nested("T1", "G", "A", "B") + nested("T2", "G", "B", "A")
    assert lock_order_cycles(log) == []


def test_race():
    """T2 reads x without the lock under which T1 writes it."""
    log = [("T1", "acquire", "A"), ("T1", "write", "x"), ("T1", "release", "A")]
    assert races(log) == []
    assert races([*log, ("T2", "read", "x")]) == ["x"]


def test_gather_limited():
    """Results come in the order of the coroutines."""

    async def later(turns, value):
        for _ in range(turns):
            await asyncio.sleep(0)
        return value

    async def main():
        return await gather_limited([later(9, "a"), later(1, "b")], limit=2)

    assert asyncio.run(main()) == ["a", "b"]


def test_gather_raises_the_first_error():
    """The error of one ends the call."""

    async def fails():
        raise KeyError("x")

    async def waits():
        await asyncio.sleep(3_600)

    with pytest.raises(KeyError):
        asyncio.run(gather_limited([waits(), fails()], limit=2))
