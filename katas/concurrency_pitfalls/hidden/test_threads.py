"""What has to hold of Bank, OnceCache, BoundedQueue and ReadWriteLock among threads."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

from scenes import (
    SECOND,
    expect_raised,
    expect_sorted,
    expect_until,
    last,
    raised,
)

from graders.interleaving import (
    Done,
    History,
    Scenario,
    at_once,
    does,
    explore,
    pause,
    within,
)
from graders.laws import check, expect, require

# Level 1: the bank


def bank_of(candidate: Any, hasty: bool = True, **balances: int) -> tuple[Any, Any]:
    scene = Scenario(candidate, hasty=hasty)
    return scene, scene.Bank(balances)


def expect_finals(history: History, *want: Any, why: str) -> None:
    expect([done.result for done in history.finals], list(want), why=why)


@check(level=1, category="correctness")
def test_no_update_is_lost(candidate):
    """Transfers that run at once are all counted, whole."""
    scene, bank = bank_of(candidate, a=10, b=10, c=0)
    scene.thread(bank.transfer("a", "b", 5))
    scene.thread(bank.transfer("a", "c", 3))
    scene.thread(bank.transfer("b", "a", 2))
    scene.finally_(bank.balance("a"), bank.balance("b"), bank.balance("c"))

    def judge(history: History) -> None:
        expect_finals(history, 4, 13, 3, why="10 - 5 - 3 + 2, 10 + 5 - 2 and 0 + 3")

    explore(scene, judge, schedules=80, real=5)


@check(level=1, category="correctness")
def test_slow_updates_are_counted(candidate):
    """Transfers of the same accounts are all counted, however long each takes."""
    scene, bank = bank_of(candidate, hasty=False, a=10, b=0)
    slow = scene.number(3, pause(10))
    for _ in range(3):
        scene.thread(bank.transfer("a", "b", slow))
    scene.finally_(bank.balance("a"), bank.balance("b"))

    def judge(history: History) -> None:
        expect_finals(history, 1, 9, why="10 - 3 - 3 - 3 and 0 + 3 + 3 + 3")

    explore(scene, judge, schedules=250)


@check(level=1, category="correctness")
def test_never_below_zero(candidate):
    """Of transfers that run at once, no more succeed than the source can pay."""
    scene, bank = bank_of(candidate, a=5, b=0, c=0)
    for target in "bcb":
        scene.thread(bank.transfer("a", target, 5))
    scene.finally_(bank.balance("a"), bank.total())

    def judge(history: History) -> None:
        kind = candidate.InsufficientFunds
        failed = [done for done in history.done if raised(done, kind)]
        require(
            len(failed) == 2, len(failed), "InsufficientFunds twice: 5 is there once"
        )
        expect_finals(history, 0, 5, why="5 was moved, once")

    explore(scene, judge, schedules=80, expects=(candidate.InsufficientFunds,))


@check(level=1, category="correctness")
def test_opposite_transfers(candidate):
    """Transfers to and fro between two accounts never wait for each other for ever."""
    # an order of the locks by name has to tell these two apart
    scene, bank = bank_of(candidate, A=5, a=5)
    scene.thread(bank.transfer("a", "A", 1))
    scene.thread(bank.transfer("A", "a", 2))
    scene.finally_(bank.balance("a"), bank.balance("A"))

    def judge(history: History) -> None:
        expect_finals(history, 6, 4, why="5 - 1 + 2 and 5 + 1 - 2")

    explore(scene, judge, schedules=60)


@check(level=1, category="correctness")
def test_transfers_in_a_ring(candidate):
    """Transfers in a ring of three accounts never wait for each other for ever."""
    scene, bank = bank_of(candidate, c=5, a=5, b=5)
    scene.thread(bank.transfer("a", "b", 1))
    scene.thread(bank.transfer("b", "c", 2))
    scene.thread(bank.transfer("c", "a", 3))
    scene.finally_(bank.balance("a"), bank.balance("b"), bank.balance("c"))

    def judge(history: History) -> None:
        expect_finals(history, 7, 4, 4, why="5 - 1 + 3, 5 + 1 - 2 and 5 + 2 - 3")

    explore(scene, judge, schedules=60)


@check(level=1, category="correctness")
def test_totals_at_once(candidate):
    """Totals that run at once all come to their end, and nothing stands still after."""
    scene, bank = bank_of(candidate, a=10, b=10)
    scene.thread(bank.transfer("a", "b", 5))
    scene.thread(bank.total())
    scene.thread(bank.total())
    scene.finally_(bank.transfer("b", "a", 1), bank.total())

    def judge(history: History) -> None:
        for done in history.of("total"):
            expect(done.result, 20, why="transfers only move money")

    explore(scene, judge, schedules=80)


@check(level=1, category="correctness")
def test_total_at_one_instant(candidate):
    """The total is the same at every instant, while transfers run."""
    scene, bank = bank_of(candidate, c=3, b=10, a=10)
    scene.thread(bank.transfer("a", "c", 5))
    scene.thread(bank.transfer("c", "b", 1))
    scene.thread(bank.total(), bank.total())

    def judge(history: History) -> None:
        for done in history.of("total"):
            expect(done.result, 23, why="transfers only move money")

    explore(scene, judge, schedules=120, real=5)


@check(level=1, category="edge_cases")
def test_total_of_frozen_transfers(candidate):
    """However long a transfer takes, the total shows all of it or nothing."""
    scene, bank = bank_of(candidate, hasty=False, b=10, a=10)
    # one side is changed at 10 s and the other at 20 s
    scene.thread(bank.transfer("a", "b", scene.number(5, pause(10 * SECOND))))
    scene.thread(pause(15 * SECOND), bank.total())

    def judge(history: History) -> None:
        expect(last(history, 2).result, 20, why="transfers only move money")

    explore(scene, judge, schedules=5)


@check(level=1, category="correctness")
def test_balance_shows_whole_transfers(candidate):
    """Whoever sees one side of a transfer done then sees the other side done."""
    for order, before in (("ab", 10), ("ba", 0)):
        for slow in (True, False):
            scene, bank = bank_of(candidate, hasty=False, a=10, b=0)
            # slow, one side is changed at 10 and the other at 20
            amount = scene.number(5, pause(10)) if slow else 5
            scene.thread(bank.transfer("a", "b", amount))
            scene.thread(*[pause(15)] * slow, *map(bank.balance, order))

            def judge(history: History, before: int = before) -> None:
                first, second = [done.result for done in history.of("balance")]
                require(first in (before, 5), first, f"{before} or 5")
                if first == 5:
                    expect(second, 5, why="the transfer is done: 5 was seen before")

            explore(scene, judge, schedules=5 if slow else 200)


@check(level=1, category="correctness")
def test_failed_transfer_lets_go(candidate):
    """A transfer that raises holds nobody up afterwards."""
    scene, bank = bank_of(candidate, a=0, b=5)
    scene.thread(bank.transfer("a", "b", 1))
    scene.thread(bank.transfer("b", "nobody", 1))
    scene.thread(bank.transfer("a", "a", 7))
    scene.finally_(bank.transfer("b", "a", 5), bank.balance("a"), bank.total())

    def judge(history: History) -> None:
        kind = candidate.InsufficientFunds
        for thread, wants in ((1, True), (2, False), (3, True)):
            done = last(history, thread)
            words = (
                "InsufficientFunds" if wants else "a ValueError, the account is unknown"
            )
            require(raised(done, kind) is wants, done.error or done.value, words)
        expect_finals(history, None, 5, 5, why="nothing else was moved")

    explore(scene, judge, schedules=40, expects=(ValueError,))


@check(level=1, category="correctness")
def test_frozen_transfer(candidate):
    """A transfer that is frozen while it changes balances does not hold up others."""
    scene, bank = bank_of(candidate, hasty=False, a=9, b=9, c=9, d=9, e=9)
    slow = scene.number(5, pause(100))
    scene.thread(bank.transfer("a", "b", slow))
    scene.thread(pause(1), bank.transfer("c", "d", 1), bank.transfer("d", "e", 1))
    scene.thread(pause(2), bank.transfer("e", "c", 1), bank.transfer("d", "c", 1))

    def judge(history: History) -> None:
        expect_not_held_up(history, 2, 1)
        expect_not_held_up(history, 3, 2)

    explore(scene, judge, schedules=25)


@check(level=1, category="edge_cases")
def test_frozen_among_many(candidate):
    """A transfer that is frozen holds up none of many others, whatever their names."""
    names = [f"n{number}" for number in range(200)]
    scene, bank = bank_of(candidate, hasty=False, **dict.fromkeys(["a", *names], 9))
    slow = scene.number(5, pause(100))
    scene.thread(bank.transfer("a", "n0", slow))
    others = [bank.transfer(one, other, 1) for one, other in pairwise(names[1:])]
    scene.thread(pause(1), *others)

    def judge(history: History) -> None:
        expect_not_held_up(history, 2, 1)

    explore(scene, judge, schedules=3)


@check(level=1, category="correctness")
def test_waiting_transfer(candidate):
    """A transfer that waits for a frozen one does not hold up others either."""
    scene, bank = bank_of(candidate, hasty=False, a=9, b=9, c=9, d=9, e=9)
    slow = scene.number(5, pause(100))
    scene.thread(bank.transfer("c", "b", slow))
    scene.thread(pause(1), bank.transfer("b", "c", 1))
    scene.thread(pause(2), bank.transfer("a", "d", 1), bank.transfer("d", "e", 1))
    scene.finally_(bank.balance("b"), bank.balance("c"))

    def judge(history: History) -> None:
        expect_not_held_up(history, 3, 2)
        expect_finals(history, 13, 5, why="9 + 5 - 1 and 9 - 5 + 1")

    explore(scene, judge, schedules=25)


@check(level=1, category="correctness")
def test_waiting_for_different_accounts(candidate):
    """A transfer goes on once its own accounts are free, whoever waits for others."""
    scene, bank = bank_of(candidate, hasty=False, a=9, b=9, c=9, d=9, e=9, f=9)
    scene.thread(bank.transfer("a", "b", scene.number(5, pause(100))))
    scene.thread(bank.transfer("c", "d", scene.number(5, pause(10_000))))
    scene.thread(pause(1), bank.transfer("c", "e", 1))
    scene.thread(pause(2), bank.transfer("a", "f", 1))

    def judge(history: History) -> None:
        first, last_one = last(history, 1), last(history, 4)
        words = f"T4 to end when T1 does, at {first.until}, not at {last_one.until}"
        require(last_one.until <= first.until + 1, last_one.value, words)

    explore(scene, judge, schedules=25)


def expect_not_held_up(history: History, thread: int, at: int) -> None:
    for done in history.thread(thread):
        words = f"{done.text()} to end at {at}, when it was made, not at {done.until}"
        require(done.until == at, done.value, f"{words}: no other has these accounts")


@check(level=1, category="edge_cases")
def test_transfers_to_itself_at_once(candidate):
    """A transfer to the same account, among others, changes nothing."""
    scene, bank = bank_of(candidate, a=5, b=5)
    scene.thread(bank.transfer("a", "a", 3))
    scene.thread(bank.transfer("a", "b", 5))
    scene.thread(bank.transfer("b", "a", 1))
    scene.finally_(bank.balance("a"), bank.balance("b"))

    def judge(history: History) -> None:
        kind = candidate.InsufficientFunds
        for thread in (2, 3):
            require(
                last(history, thread).error is None, last(history, thread).error, ""
            )
        own = last(history, 1)
        require(own.error is None or raised(own, kind), own.error, "no other error")
        expect_finals(history, 1, 9, why="5 - 5 + 1 and 5 + 5 - 1")

    explore(scene, judge, schedules=60, expects=(candidate.InsufficientFunds,))


# Level 2: the cache


def cache_of(candidate: Any, hasty: bool = True) -> tuple[Any, Any]:
    scene = Scenario(candidate, hasty=hasty)
    return scene, scene.OnceCache()


@check(level=2, category="correctness")
def test_loaded_once(candidate):
    """However many ask for a key at once, it is loaded once, and all get the value."""
    scene, cache = cache_of(candidate)
    load, other = scene.script(7), scene.script(8)
    scene.thread(cache.get("k", load), cache.get("j", other))
    scene.thread(cache.get("k", load))
    scene.thread(cache.get("j", other), cache.get("k", load))

    def judge(history: History) -> None:
        for script, value in ((load, 7), (other, 8)):
            begun = history.use(script).begun
            expect(begun, 1, why=f"{script.name} is for one key, loaded once")
            mine = [d for d in history.done if f" {script.name})" in d.text()]
            for done in mine:
                expect(done.result, value, why=f"{done.text()}: it was loaded")

    explore(scene, judge, schedules=120, real=5)


@check(level=2, category="correctness")
def test_waits_for_the_load(candidate):
    """Who asks for a key that is being loaded waits for this load, and no longer."""
    scene, cache = cache_of(candidate, hasty=False)
    load, unused = scene.script(does(pause(10), gives=7)), scene.script(8)
    scene.thread(cache.get("k", load))
    for thread in (2, 3):
        scene.thread(pause(thread), cache.get("k", unused))

    def judge(history: History) -> None:
        expect(history.use(unused).begun, 0, why="another thread is loading the key")
        for done in history.of("get"):
            expect([done.result, done.until], [7, 10], why="it is loaded at 10")

    explore(scene, judge, schedules=40)


@check(level=2, category="edge_cases")
def test_many_keys_together(candidate):
    """However many keys are loaded at one time, none is held up by the others."""
    scene, cache = cache_of(candidate, hasty=False)
    loads = [scene.script(does(pause(5), gives=number)) for number in range(40)]
    for key, load in enumerate(loads):
        scene.thread(cache.get(key, load))

    def judge(history: History) -> None:
        late = [done.until for done in history.of("get") if done.until > 5]
        require(not late, f"{len(late)} come later", "all 40 values at 5")

    explore(scene, judge, schedules=2)


@check(level=2, category="correctness")
def test_other_keys_go_on(candidate):
    """While a key is loaded, other keys are loaded and found."""
    scene, cache = cache_of(candidate, hasty=False)
    gate, known = scene.gate(), scene.script(3)
    slow = scene.script(does(gate.wait(), gives=1))
    scene.first(cache.get("c", known))
    scene.thread(cache.get("a", slow))
    scene.thread(
        pause(1),
        cache.get("b", scene.script(2)),
        cache.get("b", known),
        cache.get("c", known),
        gate.open(),
    )

    def judge(history: History) -> None:
        got = [done.result for done in history.thread(2)]
        expect(got, [2, 2, 3], why="a is still being loaded")
        expect(last(history, 1).result, 1, why="then its load goes on")

    explore(scene, judge, schedules=40)


@check(level=2, category="edge_cases")
def test_many_other_keys_go_on(candidate):
    """While a key is loaded, any of many others can be loaded, whatever its hash."""
    scene, cache = cache_of(candidate, hasty=False)
    gate, known = scene.gate(), scene.script(3)
    scene.thread(cache.get(0, scene.script(does(gate.wait(), gives=1))))
    gets = [cache.get(key, known) for key in range(1, 200)]
    scene.thread(pause(1), *gets, gate.open())

    def judge(history: History) -> None:
        got = [done.result for done in history.thread(2)]
        expect(got, [3] * len(gets), why="0 is still being loaded")

    explore(scene, judge, schedules=3)


@check(level=2, category="correctness")
def test_two_loads_at_once(candidate):
    """Two keys can be loaded at one time."""
    scene, cache = cache_of(candidate, hasty=False)
    one, other = scene.gate(), scene.gate()
    scene.thread(cache.get("a", scene.script(does(one.open(), other.wait(), gives=1))))
    scene.thread(cache.get("b", scene.script(does(other.open(), one.wait(), gives=2))))

    def judge(history: History) -> None:
        got = [last(history, thread).result for thread in (1, 2)]
        expect(got, [1, 2], why="each load waits until the other one runs")

    explore(scene, judge, schedules=30)


@check(level=2, category="edge_cases")
def test_load_may_use_the_cache(candidate):
    """A load may ask the cache for another key."""
    scene, cache = cache_of(candidate)
    inner = scene.script(2)
    outer = scene.script(does(cache.get("b", inner), gives=1))
    scene.thread(cache.get("a", outer))
    scene.thread(cache.get("b", inner), cache.get("a", outer))

    def judge(history: History) -> None:
        got = [done.result for done in history.thread(2)]
        expect([last(history, 1).result, *got], [1, 2, 1])
        begun = [history.use(script).begun for script in (inner, outer)]
        expect(begun, [1, 1], why="each key is loaded once")

    explore(scene, judge, schedules=60)


def failing(candidate: Any, error: BaseException) -> tuple[Any, Any, Any]:
    """Return a scene in which a load fails at 5, while two others wait for it."""
    scene, cache = cache_of(candidate, hasty=False)
    load = scene.script(does(pause(5), gives=error), 8, 9)
    for thread in (1, 2, 3):
        scene.thread(pause(thread), cache.get("k", load))
    return scene, cache, load


def expect_failed(history: History, load: Any, *threads: int) -> None:
    """Demand that these got the exception of the load, the very object, at once."""
    for thread in threads:
        done = last(history, thread)
        words = f"{done.text()} to raise the very exception that the load raised"
        got = done.error if done.error is not None else done.value
        require(done.raised_by is load, got, words)
        expect(done.until, 6, why="the load fails at 6")


@check(level=2, category="correctness")
def test_error_reaches_all(candidate):
    """All who wait get the very exception that the load raised, and do not load."""
    scene, _, load = failing(candidate, KeyError("lost"))

    def judge(history: History) -> None:
        expect_failed(history, load, 1, 2, 3)
        expect(history.use(load).begun, 1, why="those who waited do not load again")

    explore(scene, judge, schedules=60, expects=(KeyError,))


@check(level=2, category="edge_cases")
def test_base_exception_reaches_all(candidate):
    """What is no Exception, such as KeyboardInterrupt, reaches all who wait, too."""
    for error in (KeyboardInterrupt("stop"), SystemExit("end"), GeneratorExit("end")):
        scene, _, load = failing(candidate, error)

        def judge(history: History, load: Any = load) -> None:
            expect_failed(history, load, 1, 2, 3)

        explore(scene, judge, schedules=15, expects=(Exception,))


@check(level=2, category="correctness")
def test_error_is_not_kept(candidate):
    """Once a load has failed, a later `get` loads again, and that value is kept."""
    scene, cache, load = failing(candidate, KeyError("lost"))
    scene.thread(pause(9), cache.get("k", load), cache.get("k", load))

    def judge(history: History) -> None:
        expect_failed(history, load, 1, 2, 3)
        got = [done.result for done in history.thread(4)]
        expect(got, [8, 8], why="the second load gives 8")

    explore(scene, judge, schedules=30, expects=(KeyError,))


@check(level=2, category="correctness")
def test_new_value_outlives_the_error(candidate):
    """A value that is loaded as soon as a load has failed is kept all the same."""
    scene, cache, load = failing(candidate, KeyError("lost"))
    scene.thread(pause(6), cache.get("k", load))
    scene.thread(pause(9), cache.get("k", load))

    def judge(history: History) -> None:
        expect_failed(history, load, 1, 2, 3)
        at_once = last(history, 4)
        fine = at_once.raised_by is load or at_once.value == 8
        require(fine, at_once.error or at_once.value, "the error, or 8 of a new load")
        expect(last(history, 5).result, 8, why="it was loaded, by this get or before")
        expect(history.use(load).begun, 2, why="one load failed, the next one is kept")

    explore(scene, judge, expects=(KeyError,))


# Level 2: the queue


def queue_of(candidate: Any, capacity: int, *held: Any, hasty: bool = True) -> Any:
    scene = Scenario(candidate, hasty=hasty)
    queue = scene.BoundedQueue(capacity)
    scene.first(*(queue.put(item) for item in held))
    return scene, queue


def results(history: History, name: str) -> list[Any]:
    return [done.value for done in history.of(name) if done.error is None]


@check(level=2, category="correctness")
def test_one_to_one(candidate):
    """From one thread to another, items come in their order, each once."""
    scene, queue = queue_of(candidate, 1)
    scene.thread(*(queue.put(item) for item in (1, 2, 3)))
    scene.thread(*(queue.get() for _ in range(3)))

    def judge(history: History) -> None:
        expect(results(history, "get"), [1, 2, 3], why="first in, first out")
        expect(results(history, "put"), [True] * 3, why="room comes in time")

    explore(scene, judge, schedules=30)


@check(level=2, category="correctness")
def test_many_to_many(candidate):
    """Among several threads, each item comes out once, those of a thread in order."""
    scene, queue = queue_of(candidate, 1)
    scene.thread(queue.put(1), queue.put(2))
    scene.thread(queue.put(3), queue.put(4))
    scene.thread(queue.get(), queue.get())
    scene.thread(queue.get(), queue.get())

    def judge(history: History) -> None:
        expect_sorted(results(history, "get"), [1, 2, 3, 4], "each was put in once")
        for thread in (3, 4):
            got = [done.result for done in history.thread(thread)]
            for one, other in ((1, 2), (3, 4)):
                require(got != [other, one], got, f"{one} before {other}")

    explore(scene, judge, real=5)


@check(level=2, category="correctness")
def test_never_over_capacity(candidate):
    """Of items that come at once, no more go in than there is room for, nor less."""
    scene, queue = queue_of(candidate, 3, 0)
    for item in (1, 2, 3):
        scene.thread(queue.put(item, 0))
    scene.finally_(*(queue.get(0) for _ in range(3)))

    def judge(history: History) -> None:
        went_in = [d.thread for d in history.done if d.value is True]
        require(len(went_in) == 2, went_in, "two of three to be True: one item was in")
        first, *others = [done.result for done in history.finals]
        expect(first, 0, why="it was in first")
        expect_sorted(others, went_in, "what went in comes out")

    explore(scene, judge, schedules=60)


@check(level=2, category="correctness")
def test_each_item_for_one(candidate):
    """When several wait and one item comes, one gets it and the others wait on."""
    scene, queue = queue_of(candidate, 2)
    for _ in range(2):
        scene.thread(queue.get())
    scene.thread(pause(1), queue.put(1), pause(1), queue.put(2))

    def judge(history: History) -> None:
        expect_sorted(results(history, "get"), [1, 2], "each item for one of two")

    explore(scene, judge, schedules=80)


@check(level=2, category="correctness")
def test_each_place_for_one(candidate):
    """When one waits and one comes just as there is room for one, one item goes in."""
    scene, queue = queue_of(candidate, 1, 0, hasty=False)
    scene.thread(queue.put(1, 20))
    scene.thread(pause(5 * SECOND), queue.get())
    scene.thread(pause(5 * SECOND), queue.put(2, 0))
    scene.finally_(queue.get(0), queue.get(0))

    def judge(history: History) -> None:
        went_in = [d.thread for d in history.of("put") if d.value is True]
        require(len(went_in) == 1, went_in, "one of two to be True: room comes once")
        got = [done.value for done in history.finals if done.error is None]
        require(len(got) < 2, got, "one item at most: the capacity is 1")

    explore(scene, judge, schedules=80, expects=(candidate.Empty,))


@check(level=2, category="correctness")
def test_waiting_puts_keep_the_order(candidate):
    """The item of a `put` that waited comes out after those that were in."""
    scene, queue = queue_of(candidate, 2, 0, 1, hasty=False)
    scene.thread(queue.put(2), queue.put(3))
    scene.thread(pause(5), *(queue.get() for _ in range(4)))

    def judge(history: History) -> None:
        expect(results(history, "get"), [0, 1, 2, 3], why="first in, first out")

    explore(scene, judge, schedules=20)


@check(level=2, category="edge_cases")
def test_equal_items_are_several(candidate):
    """A `put` that gives up takes its own item back, and not one that is equal."""
    scene, queue = queue_of(candidate, 1, 0, hasty=False)
    scene.thread(queue.put(7), queue.put(8))
    scene.thread(pause(1), queue.put(7, timeout=1))
    scene.thread(pause(2 * SECOND), *(queue.get() for _ in range(3)))

    def judge(history: History) -> None:
        expect(last(history, 2).result, False, why="there is no room for 1 s")
        expect(results(history, "get"), [0, 7, 8], why="the first 7 was still waiting")

    explore(scene, judge, schedules=20)


@check(level=2, category="correctness")
def test_wakes_at_once(candidate):
    """Who waits for an item or for room goes on at the moment when there is one."""
    scene, queue = queue_of(candidate, 1, hasty=False)
    moments = (1_234_567, 2_345_678)
    scene.thread(queue.get(), queue.get(9.5))
    scene.thread(*(part for at in moments for part in (pause(at), queue.put(at))))

    def judge(history: History) -> None:
        when = 0
        for done, item in zip(history.thread(1), moments, strict=True):
            when += item
            expect(done.result, item)
            expect_until(done, when, "the item comes then")

    explore(scene, judge, schedules=20)
    scene, queue = queue_of(candidate, 1, "full", hasty=False)
    scene.thread(queue.put(1), queue.put(2, 9.5))
    scene.thread(*(part for at in moments for part in (pause(at), queue.get())))

    def judge_puts(history: History) -> None:
        for done, when in zip(
            history.thread(1), (moments[0], sum(moments)), strict=True
        ):
            expect(done.result, True, why="there is room in time")
            expect_until(done, when, "an item is taken out then")

    explore(scene, judge_puts, schedules=20)


@check(level=2, category="correctness")
def test_each_is_woken(candidate):
    """When several wait and as much comes at once, all of them go on at that moment."""
    for number, wait in product((1, 2), ("get", "put")):
        held = () if wait == "get" else (8, 9)
        scene, queue = queue_of(candidate, 2, *held, hasty=False)
        gets = [queue.get() for _ in range(number)]
        puts = [queue.put(item) for item in range(number)]
        waiting, coming = (gets, puts) if wait == "get" else (puts, gets)
        for call in waiting:
            scene.thread(call)
        scene.thread(pause(5), *coming)

        def judge(history: History) -> None:
            for done in history.of("get", "put"):
                expect_until(done, 5, "there is an item, or room, for each by then")

        explore(scene, judge, schedules=15)


@check(level=2, category="correctness")
def test_timeouts(candidate):
    """`get` raises Empty and `put` is False exactly when the timeout is over."""
    scene, queue = queue_of(candidate, 1, hasty=False)
    scene.thread(pause(7), queue.get(2.5))
    scene.thread(pause(3 * SECOND), queue.put(1), queue.put(2, 1.5), queue.put(3, 0))
    scene.finally_(queue.get(0), queue.get(0))

    def judge(history: History) -> None:
        empty = last(history, 1)
        expect_raised(empty, candidate.Empty, "nothing was put in within 2.5 s")
        expect_until(empty, 7 + int(2.5 * SECOND), "the timeout is 2.5 s")
        one, two, three = history.thread(2)
        expect([one.result, two.result, three.result], [True, False, False])
        expect_until(
            two, int(4.5 * SECOND), "it was put at 3 s with a timeout of 1.5 s"
        )
        expect_until(three, int(4.5 * SECOND), "a timeout of 0 waits for nothing")
        expect(history.finals[0].result, 1, why="only 1 was put in")
        expect_raised(history.finals[1], candidate.Empty, "only 1 was put in")

    explore(scene, judge, schedules=15, expects=(candidate.Empty,))


@check(level=2, category="correctness")
def test_timeout_for_the_whole_put(candidate):
    """The timeout of a `put` is for the whole call, however often it is woken."""
    scene, queue = queue_of(candidate, 1, 0, hasty=False)
    scene.thread(queue.put(1, 10))
    turn = (pause(4 * SECOND), queue.get(), queue.put(0, 0))
    scene.thread(*turn, *turn, *turn)

    def judge(history: History) -> None:
        done = last(history, 1)
        if not done.result:
            expect_until(done, 10 * SECOND, "it was made at 0 with a timeout of 10 s")
        require(done.until <= 10 * SECOND + 1, done.value, "an end within 10 s")

    explore(scene, judge, schedules=30)


@check(level=2, category="correctness")
def test_timeout_for_the_whole_get(candidate):
    """The timeout of a `get` is for the whole call, however often it is woken."""
    scene, queue = queue_of(candidate, 1, hasty=False)
    scene.thread(queue.get(10))
    turn = (pause(4 * SECOND), queue.put(1, 0), queue.get(0))
    scene.thread(*turn, *turn, *turn)

    def judge(history: History) -> None:
        done = last(history, 1)
        if done.error is not None:
            expect_until(done, 10 * SECOND, "it was made at 0 with a timeout of 10 s")
        require(done.until <= 10 * SECOND + 1, done.value, "an end within 10 s")

    explore(scene, judge, schedules=30, expects=(candidate.Empty,))


@check(level=2, category="edge_cases")
def test_no_waking_is_lost(candidate):
    """An item that comes just as one gives up goes to the other who waits."""
    scene, queue = queue_of(candidate, 1, hasty=False)
    scene.thread(queue.get(5))
    scene.thread(pause(1), queue.get())
    scene.thread(pause(5 * SECOND), queue.put(1))
    scene.thread(pause(9 * SECOND), queue.close())

    def judge(history: History) -> None:
        served = [done for done in history.of("get") if done.error is None]
        require(len(served) == 1, len(served), "one get to return: there is one item")
        expect_until(served[0], 5 * SECOND, "the item comes then, and somebody waits")

    explore(scene, judge, expects=(candidate.Empty, candidate.Closed))


@check(level=2, category="correctness")
def test_close_wakes_all(candidate):
    """`close` wakes all who wait, and they raise Closed at once, timeout or not."""
    for held, wait in (((), "get"), ((0,), "put")):
        scene, queue = queue_of(candidate, 1, *held, hasty=False)
        for timeout in (None, 20, None):
            scene.thread(queue.get(timeout) if wait == "get" else queue.put(1, timeout))
        scene.thread(pause(5 * SECOND), queue.close())

        def judge(history: History, wait: str = wait) -> None:
            for done in history.of(wait):
                expect_raised(done, candidate.Closed, "the queue is closed")
                expect_until(done, 5 * SECOND, "it is closed then")

        explore(scene, judge, schedules=15, expects=(candidate.Closed,))


@check(level=2, category="correctness")
def test_drained_by_all(candidate):
    """After `close`, each item that is in is handed out once, then all get Closed."""
    scene, queue = queue_of(candidate, 2, 0)
    scene.thread(queue.put(1), queue.put(2), queue.close())
    for _ in range(3):
        scene.thread(*(queue.get() for _ in range(4)))

    def judge(history: History) -> None:
        expect_sorted(results(history, "get"), [0, 1, 2], "these were put in")
        for thread in (2, 3, 4):
            expect_raised(last(history, thread), candidate.Closed, "drained and closed")

    explore(scene, judge, schedules=80, expects=(candidate.Closed,))


@check(level=2, category="correctness")
def test_put_or_closed(candidate):
    """A `put` that meets `close` puts its item in, or raises Closed and does not."""
    scene, queue = queue_of(candidate, 1, 0)
    scene.thread(queue.put(1))
    scene.thread(queue.put(2, 5))
    scene.thread(queue.close())
    scene.thread(queue.get())
    scene.finally_(*(queue.get(0) for _ in range(3)))

    def judge(history: History) -> None:
        puts = history.of("put")
        for done in puts:
            closed = raised(done, candidate.Closed)
            late = done.value is False and done.until - done.at >= 5 * SECOND
            require(done.value is True or closed or late, done.value, "True or Closed")
        accepted = [done.thread for done in puts if done.value is True]
        finals = [done.value for done in history.finals if done.error is None]
        got = [*results(history, "get"), *finals]
        expect_sorted(got, [0, *accepted], "what went in comes out, and nothing else")
        expect_raised(history.finals[-1], candidate.Closed, "closed and drained")

    explore(scene, judge, expects=(candidate.Closed,))


@check(level=2, category="correctness")
def test_closed_while_put_waits(candidate):
    """A `put` that waits when the queue is closed raises Closed, room or not."""
    scene, queue = queue_of(candidate, 1, 0, hasty=False)
    scene.thread(queue.put(1))
    scene.thread(pause(5), queue.close(), queue.get())
    scene.finally_(queue.get(0))

    def judge(history: History) -> None:
        expect_raised(last(history, 1), candidate.Closed, "it was closed at 5")
        expect(results(history, "get"), [0], why="it was in before")
        expect_raised(history.finals[0], candidate.Closed, "closed and drained")

    explore(scene, judge, schedules=60, expects=(candidate.Closed,))


# Level 3: the lock


def lock_of(candidate: Any, hasty: bool = False) -> tuple[Any, Any]:
    scene = Scenario(candidate, hasty=hasty)
    return scene, scene.ReadWriteLock()


def overlap(one: Done, other: Done) -> bool:
    return at_once([one, other]) == 2


@check(level=3, category="correctness")
def test_readers_together(candidate):
    """Several readers are in at one time."""
    scene, lock = lock_of(candidate)
    gates = [scene.gate() for _ in range(3)]
    for mine in gates:
        others = [gate.wait() for gate in gates if gate is not mine]
        scene.thread(within(lock.reading(), mine.open(), *others))

    def judge(history: History) -> None:
        most = at_once(history.spans("reading"))
        expect(most, 3, why="each waits inside until the others are in")

    explore(scene, judge, schedules=15, real=5)


@check(level=3, category="edge_cases")
def test_many_readers_together(candidate):
    """However many readers there are, all are in at one time."""
    scene, lock = lock_of(candidate)
    for _ in range(40):
        scene.thread(within(lock.reading(), pause(5)))

    def judge(history: History) -> None:
        most = at_once(history.spans("reading"))
        expect(most, 40, why="40 readers come, and each stays for a while")

    explore(scene, judge, schedules=2)


@check(level=3, category="correctness")
def test_writer_alone(candidate):
    """While a writer is in, nobody else is."""
    scene, lock = lock_of(candidate, hasty=True)
    for _ in range(2):
        scene.thread(within(lock.writing(), pause(3)))
    scene.thread(within(lock.reading(), pause(2)), within(lock.writing()))
    scene.thread(within(lock.reading(), pause(4)))

    explore(scene, expect_writers_alone, schedules=60)


@check(level=3, category="correctness")
def test_writer_comes_as_readers_wake(candidate):
    """A writer that comes just as readers are let in is alone like any other."""
    scene, lock = lock_of(candidate)
    scene.thread(within(lock.writing(), pause(10)), within(lock.writing(), pause(5)))
    scene.thread(pause(1), within(lock.reading(), pause(5)))
    scene.thread(pause(2), within(lock.reading(), pause(5)))
    scene.thread(pause(10), within(lock.writing(), pause(5)))

    explore(scene, expect_writers_alone, schedules=40)


def expect_writers_alone(history: History) -> None:
    """Demand that nobody else was in while a writer was."""
    for writer in history.spans("writing"):
        for other in history.spans("reading", "writing"):
            alone = other == writer or not overlap(writer, other)
            require(alone, other, f"not in while T{writer.thread} writes")


def expect_in_at(history: History, **moments: int) -> None:
    """Demand when threads get in: T1=0, T2=10."""
    spans = {f"T{s.thread}": s for s in history.spans("reading", "writing")}
    for thread, at in moments.items():
        words = f"{thread} to be let in at {at}, not at {spans[thread].at}"
        require(spans[thread].at == at, spans[thread].at, words)


@check(level=3, category="correctness")
def test_waiting_writer_holds_off_readers(candidate):
    """A reader that comes while a writer waits gets in after the writer."""
    scene, lock = lock_of(candidate)
    scene.thread(within(lock.reading(), pause(10)))
    scene.thread(pause(1), within(lock.writing(), pause(5)))
    scene.thread(pause(2), within(lock.reading(), pause(20)))
    scene.thread(pause(9), within(lock.reading(), pause(20)))
    scene.thread(pause(10), within(lock.reading(), pause(20)))

    def judge(history: History) -> None:
        expect_in_at(history, T1=0, T2=10, T3=15, T4=15, T5=15)

    explore(scene, judge, schedules=30)


@check(level=3, category="correctness")
def test_several_waiting_writers(candidate):
    """A reader gets in after all writers that were waiting when it came."""
    for first in ("reading", "writing"):
        scene, lock = lock_of(candidate)
        before = lock.reading() if first == "reading" else lock.writing()
        scene.thread(within(before, pause(10)))
        scene.thread(pause(1), within(lock.writing(), pause(5)))
        scene.thread(pause(2), within(lock.writing(), pause(5)))
        scene.thread(pause(3), within(lock.reading(), pause(1)))

        def judge(history: History) -> None:
            expect_in_at(history, T1=0, T4=20)
            writers = [s.at for s in history.spans("writing") if s.thread > 1]
            expect(sorted(writers), [10, 15], why="one writer after the other")

        explore(scene, judge, schedules=25)


@check(level=3, category="correctness")
def test_reader_between_two_writers(candidate):
    """A reader does not pass a waiting writer by joining one that waited before it."""
    scene, lock = lock_of(candidate)
    scene.thread(within(lock.reading(), pause(10)))
    scene.thread(pause(1), within(lock.writing(), pause(5)))
    scene.thread(pause(2), within(lock.reading(), pause(5)))
    scene.thread(pause(3), within(lock.writing(), pause(5)))
    scene.thread(pause(4), within(lock.reading(), pause(5)))

    def judge(history: History) -> None:
        spans = {s.thread: s for s in history.spans("reading", "writing")}
        late = spans[5].at
        for thread in (2, 4):
            left = spans[thread].until
            require(late >= left, late, f"T5 after T{thread}, which leaves at {left}")

    explore(scene, judge, schedules=15)


@check(level=3, category="correctness")
def test_writer_waits_for_all_readers(candidate):
    """A writer gets in when the last of the readers has left, and at that moment."""
    scene, lock = lock_of(candidate)
    scene.thread(within(lock.reading(), pause(10)))
    scene.thread(within(lock.reading(), pause(20)))
    scene.thread(pause(1), within(lock.writing(), pause(1)))
    scene.thread(pause(2), within(lock.reading()))  # is woken with the writer, or not

    def judge(history: History) -> None:
        expect_in_at(history, T1=0, T2=0, T3=20, T4=21)

    explore(scene, judge, schedules=20)


@check(level=3, category="correctness")
def test_readers_come_and_go(candidate):
    """However readers come and go at once, a writer gets in when all have left."""
    scene, lock = lock_of(candidate, hasty=True)
    for _ in range(3):
        scene.thread(within(lock.reading()), within(lock.reading()))
    scene.finally_(within(lock.writing()), within(lock.reading()))

    def judge(history: History) -> None:
        expect(len(history.finals), 4, why="both get in and leave")

    explore(scene, judge)


@check(level=3, category="correctness")
def test_all_readers_after_a_writer(candidate):
    """When a writer leaves and no other waits, all who wait to read get in."""
    scene, lock = lock_of(candidate)
    scene.thread(within(lock.writing(), pause(10)))
    for thread in (2, 3, 4):
        scene.thread(pause(thread), within(lock.reading(), pause(5)))

    def judge(history: History) -> None:
        expect_in_at(history, T1=0, T2=10, T3=10, T4=10)

    explore(scene, judge, schedules=25)


@check(level=3, category="correctness")
def test_exception_inside_the_lock(candidate):
    """An exception inside of `with` comes out, and the lock is free afterwards."""
    for kind, error in product(("reading", "writing"), (KeyError, KeyboardInterrupt)):
        scene, lock = lock_of(candidate)
        script = scene.script(error("inside"))
        hold = lock.reading() if kind == "reading" else lock.writing()
        scene.thread(within(hold, script.call()))
        scene.thread(pause(5), within(lock.writing()), within(lock.reading()))

        def judge(history: History, kind: str = kind) -> None:
            (left,) = history.of(f"leave {kind}")[:1]
            came_out = left.error is None and left.value is False
            require(came_out, left.error or left.value, "the exception to come out")
            for span in history.spans("writing", "reading"):
                require(
                    span.thread == 1 or span.at == 5, span.at, "in at 5: it is free"
                )

        explore(scene, judge, schedules=6, expects=(Exception,))


@check(level=3, category="edge_cases")
def test_taken_on_entering(candidate):
    """Calling `reading()` or `writing()` takes nothing; only entering `with` does."""
    scene, lock = lock_of(candidate)
    scene.first(lock.reading(), lock.writing(), lock.reading())
    scene.thread(lock.writing(), within(lock.writing(), lock.reading(), pause(3)))
    scene.thread(pause(1), lock.reading(), within(lock.reading(), pause(1)))

    def judge(history: History) -> None:
        expect_in_at(history, T1=0, T2=3)

    explore(scene, judge, schedules=20)


@check(level=3, category="edge_cases")
def test_lock_used_again(candidate):
    """A lock can be taken again and again, by the same threads."""
    scene, lock = lock_of(candidate)
    scene.thread(
        *(within(lock.reading()), within(lock.writing())),
        *(within(lock.writing()), within(lock.reading(), pause(1))),
    )
    scene.thread(within(lock.writing()), within(lock.reading()), within(lock.writing()))

    def judge(history: History) -> None:
        expect(len(history.spans("reading", "writing")), 7, why="all get in and leave")

    explore(scene, judge, schedules=40)
