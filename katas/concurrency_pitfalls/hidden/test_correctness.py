"""What has to hold in normal use: one thread at a time, and logs as they mostly are."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import oracle
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import LOCKS, events, guarded, logs, mixed, nested, sections, threads

from graders.laws import check, expect, require

amounts = st.integers(1, 9)
CROSSED = sections("T1 A B", "T2 B A")


def expect_cycles(candidate: Any, log: Any, why: str = "") -> None:
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(log), why)


def expect_races(candidate: Any, log: Any, why: str = "") -> None:
    expect(candidate.races(log), oracle.races(log), why)


# Level 1


@given(held=st.integers(0, 20), amount=amounts)
@example(held=5, amount=5)
@example(held=4, amount=5)
@check(level=1, category="correctness", examples=15)
def test_transfer_moves_all_or_nothing(candidate, held, amount):
    """A transfer moves the whole amount, or raises InsufficientFunds and moves none."""
    bank = candidate.Bank({"a": held, "b": 3, "c": 1})
    enough, raised = amount <= held, False
    try:
        bank.transfer("a", "b", amount)
    except candidate.InsufficientFunds:
        raised = True
    words = "no exception" if enough else "InsufficientFunds"
    require(raised is not enough, raised, f"{words}: the account holds {held}")
    moved = amount if enough else 0
    expect(bank.balance("a"), held - moved, why="the source of the transfer")
    expect(bank.balance("b"), 3 + moved, why="the target of the transfer")
    expect(bank.balance("c"), 1, why="an account that has no part in it")


@given(balances=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 99)))
@example(balances={})
@example(balances={"a": 0})
@check(level=1, category="correctness", examples=15)
def test_total_is_the_sum(candidate, balances):
    """The total is the sum of all balances, whatever was transferred."""
    bank = candidate.Bank(balances)
    expect(bank.total(), sum(balances.values()), why="nothing was transferred")
    names = sorted(balances)
    for source, target in pairwise(names):
        if balances[source]:
            bank.transfer(source, target, 1)
    expect(bank.total(), sum(balances.values()), why="transfers only move money")


# Level 2


@given(values=st.lists(st.integers(0, 3), min_size=2, max_size=3))
@example(values=[0, 1])
@check(level=2, category="correctness", examples=10)
def test_first_load_is_kept(candidate, values):
    """`get` returns what the first `load` for the key gave, each time."""
    cache = candidate.OnceCache()
    for value in values:
        got = cache.get("k", candidate.script(value))
        expect(got, values[0], why="it was loaded the first time, and is kept")
    expect(cache.get("other", candidate.script(9)), 9, why="each key has its own value")


@given(items=st.lists(st.integers(0, 9), max_size=5), room=st.integers(0, 2))
@example(items=[1, 2, 3], room=0)
@check(level=2, category="correctness", examples=15)
def test_first_in_first_out(candidate, items, room):
    """Items come out in the order in which they went in, each once."""
    queue = candidate.BoundedQueue(len(items) + room + 1)
    for item in items:
        expect(queue.put(item), True, why="there is room")
    got = [queue.get() for _ in items]
    expect(got, items, why="first in, first out")


# Level 4: cycles


@given(log=nested(LOCKS[:3]))
@example(log=CROSSED)
@example(log=sections("T1 A B", "T2 A B"))
@example(log=sections("T1 A B", "T2 B C", "T3 C A"))
@check(level=4, category="correctness", examples=20)
def test_cycles_are_found(candidate, log):
    """Locks taken in a ring by several threads are a possible deadlock."""
    expect_cycles(candidate, log)


@given(log=logs)
@example(log=sections("T1 A B C", "T2 C A"))
@example(log=sections("T1 A B C", "T2 C B A"))
@example(log=sections("T1 A B C D", "T2 D A"))
@check(level=4, category="correctness", examples=25)
def test_edges_from_each_lock_held(candidate, log):
    """An edge goes from each of the locks held to the one that is acquired."""
    expect_cycles(candidate, log)


@given(thread=threads, locks=st.permutations(LOCKS[:3]))
@example(thread="T1", locks=["A", "B", "C"])
@check(level=4, category="correctness", examples=10)
def test_one_thread_alone(candidate, thread, locks):
    """A thread that takes locks in any order cannot be in a deadlock with itself."""
    log = sections(
        f"{thread} {' '.join(locks)}", f"{thread} {' '.join(reversed(locks))}"
    )
    expect(candidate.lock_order_cycles(log), [], why=f"only {thread} acquires anything")


@given(log=st.one_of(nested(), nested(LOCKS[:3])))
@example(log=sections("T1 D A B", "T2 D B A"))
@example(log=sections("T1 A B D", "T2 B A D"))
@example(log=sections("T1 A D B", "T2 B D A"))
@check(level=4, category="correctness", examples=20)
def test_guard_prevents_a_deadlock(candidate, log):
    """A lock that is held at every acquisition of a cycle prevents the deadlock."""
    expect_cycles(candidate, log)


@given(locks=st.permutations(LOCKS[:3]))
@example(locks=["B", "C", "A"])
@example(locks=["C", "B", "A"])
@check(level=4, category="correctness", examples=8)
def test_cycle_follows_its_edges(candidate, locks):
    """A cycle is written along its edges, from its smallest name."""
    ends = [*locks[1:], locks[0]]
    pairs = enumerate(zip(locks, ends, strict=True))
    parts = [f"T{number % 2} {one} {other}" for number, (one, other) in pairs]
    first = locks.index(min(locks))
    want = [[*locks[first:], *locks[:first]]]
    expect(candidate.lock_order_cycles(sections(*parts)), want, why="; ".join(parts))


@given(names=st.lists(st.sampled_from(["a", "B", "z1", "z10", "z9"]), unique=True))
@example(names=["z9", "z10", "a", "B"])
@check(level=4, category="correctness", examples=10)
def test_cycles_are_sorted(candidate, names):
    """All cycles are sorted, by the names of their locks in turn."""
    log: list[Any] = []
    for one, other in pairwise(names):
        for number, (first, second) in enumerate(((one, other), (other, one)), start=1):
            log += events(f"T{number} +{first}", f"T{number} +{second}")
            log += events(f"T{number} -{second}", f"T{number} -{first}")
    expect_cycles(candidate, log)


@given(log=mixed())
@example(log=events("T1 +A", "T2 +B", "T1 -A", "T2 +A", "T2 -B", "T1 +B"))
@example(
    log=events(
        *("T1 +A", "T2 +B", "T1 -A", "T2 +A", "T2 -A", "T2 -B"),
        *("T1 +B", "T1 -B"),
    )
)
@check(level=4, category="correctness", examples=25)
def test_each_thread_holds_its_own(candidate, log):
    """What one thread holds makes no edge for another, whatever runs in between."""
    expect_cycles(candidate, log)


@given(log=nested(LOCKS[:3]), swap=st.permutations(LOCKS[:3]))
@example(log=sections("T1 A B", "T2 B C", "T1 C A", "T2 B A"), swap=["C", "A", "B"])
@check(level=4, category="correctness", examples=10)
def test_names_do_not_matter(candidate, log, swap):
    """With the locks renamed, the same cycles are found under the new names."""
    names = dict(zip(LOCKS, swap, strict=False))
    renamed = [(thread, kind, names[lock]) for thread, kind, lock in log]
    found = candidate.lock_order_cycles(log)
    want = sorted(turned([names[lock] for lock in cycle]) for cycle in found)
    expect(candidate.lock_order_cycles(renamed), want, why=f"{found} before, {names}")


def turned(cycle: list[str]) -> list[str]:
    first = cycle.index(min(cycle))
    return [*cycle[first:], *cycle[:first]]


# Level 4: races


@given(log=guarded())
@example(log=sections("T1 x", "T2 x"))
@example(log=sections("T1 A x", "T2 A x"))
@example(log=sections("T1 A x", "T2 B x"))
@example(log=sections("T1 x", "T2 ?x"))
@example(log=[*sections("T1 x"), ("T2", "acquire", "x"), ("T2", "release", "x")])
@check(level=4, category="correctness", examples=25)
def test_races_are_found(candidate, log):
    """A shared variable is in a race unless one lock guards every access."""
    expect_races(candidate, log)


@given(log=guarded())
@example(log=sections("T1 ?x", "T2 ?x"))
@example(log=sections("T1 ?x", "T2 ?x", "T2 A y"))
@check(level=4, category="correctness", examples=10)
def test_reading_is_no_race(candidate, log):
    """What is only read is in no race."""
    reads = [(t, "read" if e == "write" else e, name) for t, e, name in log]
    expect(candidate.races(reads), [], why="nothing is written")


@given(log=guarded())
@example(log=sections("T1 x", "T1 A x"))
@check(level=4, category="correctness", examples=10)
def test_one_thread_is_no_race(candidate, log):
    """What only one thread touches is in no race."""
    alone = [("T1", kind, name) for _, kind, name in log]
    expect(candidate.races(alone), [], why="there is one thread")


@given(log=guarded())
@example(log=sections("T1 A x", "T2 ?x"))
@example(log=sections("T1 ?x", "T2 A x", "T1 A x"))
@check(level=4, category="correctness", examples=20)
def test_reads_need_the_lock_too(candidate, log):
    """A read without the lock that guards the writes is a race."""
    expect_races(candidate, log)


@given(log=guarded())
@example(log=sections("T1 A B x", "T2 A x", "T1 B x"))
@example(log=sections("T1 A x", "T2 A B x", "T3 B x"))
@check(level=4, category="correctness", examples=20)
def test_one_lock_for_all_accesses(candidate, log):
    """It takes one lock for all accesses, not a shared one for each two of them."""
    expect_races(candidate, log)


@given(log=mixed())
@example(log=events("T1 +A", "T2 +B", "T1 x", "T2 x"))
@example(log=events("T1 +A", "T1 x", "T2 x"))
@example(log=events("T1 +A", "T1 x", "T1 -A", "T1 x", "T2 +A", "T2 x"))
@check(level=4, category="correctness", examples=25)
def test_guards_are_held_by_the_thread(candidate, log):
    """Only a lock that the thread itself holds at the time guards its access."""
    expect_races(candidate, log)


@given(names=st.lists(st.sampled_from(["v9", "v10", "a", "B"]), unique=True))
@example(names=["v9", "v10", "a", "B"])
@check(level=4, category="correctness", examples=8)
def test_races_are_sorted(candidate, names):
    """The variables are sorted by name, and each is told once."""
    log = [
        (thread, kind, name)
        for thread in ("T1", "T2", "T1")
        for name in names
        for kind in ("write", "read")
    ]
    expect(candidate.races(log), sorted(names), why="no lock is held at all")
