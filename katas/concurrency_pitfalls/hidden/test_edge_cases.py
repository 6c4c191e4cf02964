"""What has to hold at the edges: odd values, bad arguments, rare logs."""

from __future__ import annotations

from typing import Any

import oracle
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import both_ways, events, logs, mixed, sections

from graders.laws import check, expect, refused, require

BAD = (0, -1, -7)


def raised(call: Any, *args: Any, kinds: tuple[type[Exception], ...]) -> Any:
    """Make a call; return the exception of one of these kinds, else None."""
    try:
        call(*args)
    except kinds as error:
        return error
    return None


# Level 1


@given(held=st.integers(0, 5), amount=st.integers(-3, 8))
@example(held=5, amount=5)
@example(held=5, amount=6)
@example(held=0, amount=1)
@example(held=5, amount=0)
@check(level=1, category="edge_cases", examples=15)
def test_transfer_to_itself(candidate, held, amount):
    """A transfer to the same account changes nothing and raises as any other would."""
    bank = candidate.Bank({"a": held, "b": 3})
    other = raised(bank.transfer, "a", "b", amount, kinds=(ValueError,))
    bank = candidate.Bank({"a": held, "b": 3})
    itself = raised(bank.transfer, "a", "a", amount, kinds=(ValueError,))
    words = "no exception" if other is None else other.type_name
    kind = None if itself is None else itself.type_name
    same = kind == (None if other is None else other.type_name)
    require(same, itself, f"{words}, as of a transfer to another account")
    expect(bank.balance("a"), held, why="nothing changes")
    expect(bank.total(), held + 3, why="nothing changes")


@given(held=st.integers(0, 9), amount=st.sampled_from(BAD))
@example(held=0, amount=0)
@check(level=1, category="edge_cases", examples=8)
def test_amount_is_refused(candidate, held, amount):
    """An amount of 0 or less is a ValueError that names it, and nothing moves."""
    bank = candidate.Bank({"a": held, "b": 3})
    with refused(candidate, naming=amount):
        bank.transfer("a", "b", amount)
    expect(bank.balance("a"), held, why=f"{amount} must not be moved")


@given(amount=st.sampled_from([1, 500]), held=st.integers(0, 1))
@example(amount=500, held=0)
@check(level=1, category="edge_cases", examples=6)
def test_unknown_account_is_refused(candidate, amount, held):
    """An unknown account is a ValueError that names it, in every method."""
    bank = candidate.Bank({"a": held})
    for source, target in (("nobody", "a"), ("a", "nobody"), ("nobody", "nobody")):
        with refused(candidate, naming="nobody"):
            bank.transfer(source, target, amount)
    with refused(candidate, naming="nobody"):
        bank.balance("nobody")
    expect(bank.balance("a"), held, why="nothing was moved")


@given(amount=st.sampled_from([1, 500, 0, -4]), target=st.sampled_from(["a", "x"]))
@example(amount=500, target="x")
@example(amount=0, target="a")
@example(amount=-4, target="x")
@check(level=1, category="edge_cases", examples=8)
def test_arguments_before_funds(candidate, amount, target):
    """Bad arguments are never InsufficientFunds, however little the source holds."""
    if target == "a" and amount > 0:
        return
    bank = candidate.Bank({"a": 0, "b": 0})
    error = raised(bank.transfer, "b", target, amount, kinds=(ValueError,))
    fine = error is not None and not isinstance(error, candidate.InsufficientFunds)
    require(fine, error, "a ValueError that is not InsufficientFunds")


@given(balances=st.dictionaries(st.sampled_from("abc"), st.integers(-2, 5), min_size=1))
@example(balances={"a": -1})
@example(balances={"a": 4, "b": -17})
@example(balances={"a": 0})
@check(level=1, category="edge_cases", examples=10)
def test_negative_opening_balance(candidate, balances):
    """A negative opening balance is a ValueError that names it; 0 is fine."""
    negative = [balance for balance in balances.values() if balance < 0]
    if len(negative) == 1:
        with refused(candidate, naming=negative[0]):
            candidate.Bank(balances)
    elif negative:
        with refused(candidate):
            candidate.Bank(balances)
    else:
        bank = candidate.Bank(balances)
        expect(bank.total(), sum(balances.values()), why="they are all fine")


# Level 2


@given(value=st.sampled_from([None, False, 0, "", []]))
@example(value=None)
@example(value=0)
@example(value=[])
@check(level=2, category="edge_cases", examples=5)
def test_any_value_is_kept(candidate, value):
    """None, False and the like are values too, loaded once and kept."""
    cache = candidate.OnceCache()
    for other in (value, 1, 2):
        expect(cache.get("k", candidate.script(other)), value, why="it is loaded once")


@given(failures=st.integers(1, 3), value=st.sampled_from([None, 7]))
@example(failures=1, value=7)
@check(level=2, category="edge_cases", examples=6)
def test_failure_is_not_kept(candidate, failures, value):
    """After a `load` that raised, a later `get` loads again."""
    cache = candidate.OnceCache()
    for number in range(failures):
        load = candidate.script(KeyError(f"try {number}"))
        error = raised(cache.get, "k", load, kinds=(KeyError,))
        fine = error is not None and f"try {number}" in error.said
        require(fine, error, f"KeyError of try {number}: what this load raised")
    expect(cache.get("k", candidate.script(value)), value, why="now it is loaded")
    expect(cache.get("k", candidate.script(8)), value, why="and kept")


@given(one=st.sampled_from([None, (), ("a", 1), 0, "k"]))
@example(one=None)
@example(one=())
@check(level=2, category="edge_cases", examples=5)
def test_any_key(candidate, one):
    """Whatever is hashable is a key, None too."""
    cache = candidate.OnceCache()
    expect(cache.get(one, candidate.script(1)), 1, why="it is loaded")
    for number, other in enumerate(("other", "None", "0", "()"), start=2):
        got = cache.get(other, candidate.script(number))
        expect(got, number, why="it is another key")
    expect(cache.get(one, candidate.script(3)), 1, why="it is kept")


@given(keys=st.permutations([-1, -2, 2**61 - 1, 0]))
@example(keys=[-1, -2, 0, 2**61 - 1])
@check(level=2, category="edge_cases", examples=3)
def test_keys_of_one_hash(candidate, keys):
    """Keys of one hash are told apart, as -1 and -2 are, and caches from each other."""
    for first in (10, 20):
        cache = candidate.OnceCache()
        for value, key in enumerate(keys, start=first):
            got = cache.get(key, candidate.script(value))
            expect(got, value, why="no equal key was loaded in this cache")


@check(level=2, category="edge_cases")
def test_nothing_is_forgotten(candidate):
    """However many keys there are, each is loaded once and kept."""
    cache, clock = candidate.OnceCache(), candidate.clock()
    first, again = candidate.script(1), candidate.script(2)
    steps = [cache.get.at(0, key, first) for key in range(3000)]
    steps += [cache.get.at(0, key, again) for key in (0, 1, 2999)]
    for got in candidate.play(clock, steps):
        expect(got, 1, why="it was loaded once, and is kept")


@given(capacity=st.sampled_from(BAD))
@example(capacity=0)
@check(level=2, category="edge_cases", examples=3)
def test_capacity_is_refused(candidate, capacity):
    """A capacity below 1 is a ValueError that names it."""
    with refused(candidate, naming=capacity):
        candidate.BoundedQueue(capacity)


@given(capacity=st.integers(1, 3), timeout=st.sampled_from([0, 0.0, -1, -0.5]))
@example(capacity=1, timeout=0)
@example(capacity=1, timeout=-1)
@example(capacity=2, timeout=0)
@check(level=2, category="edge_cases", examples=10)
def test_timeout_of_nothing(candidate, capacity, timeout):
    """With a timeout of 0 or less, `put` and `get` try once, and not in vain."""
    queue = candidate.BoundedQueue(capacity)
    error = raised(queue.get, timeout, kinds=(candidate.Empty,))
    require(error is not None, error, "Empty: there is nothing")
    for item in range(capacity):
        expect(queue.put(item, timeout), True, why="there is room")
    expect(queue.put(99, timeout), False, why=f"{capacity} items are in")
    got = [queue.get(timeout) for _ in range(capacity)]
    expect(got, list(range(capacity)), why="they are in; the one turned away is not")
    error = raised(queue.get, timeout, kinds=(candidate.Empty,))
    require(error is not None, error, "Empty: all is handed out")


@given(held=st.integers(0, 3), timeout=st.sampled_from([None, 0, -1, 5.0]))
@example(held=2, timeout=None)
@example(held=1, timeout=0)
@example(held=0, timeout=0)
@example(held=0, timeout=-1)
@check(level=2, category="edge_cases", examples=12)
def test_close_hands_out_what_is_in(candidate, held, timeout):
    """After `close`, what is in is handed out, and then `get` raises Closed."""
    queue = candidate.BoundedQueue(4)
    for item in range(held):
        queue.put(item)
    queue.close()
    got = [queue.get(timeout) for _ in range(held)]
    expect(got, list(range(held)), why="they were in before close")
    for _ in range(2):
        error = raised(queue.get, timeout, kinds=(candidate.Closed,))
        require(error is not None, error, "Closed: closed and drained")


@given(held=st.integers(0, 2), timeout=st.sampled_from([None, 0, -1]))
@example(held=0, timeout=None)
@example(held=1, timeout=0)
@example(held=2, timeout=0)
@example(held=2, timeout=-1)
@check(level=2, category="edge_cases", examples=8)
def test_put_after_close(candidate, held, timeout):
    """After `close`, `put` raises Closed, full or not, and its item is not in."""
    queue = candidate.BoundedQueue(2)
    for item in range(held):
        queue.put(item)
    for _ in range(2):
        queue.close()
        error = raised(queue.put, 99, timeout, kinds=(candidate.Closed,))
        require(error is not None, error, "Closed: the queue is closed")
    got = [queue.get() for _ in range(held)]
    expect(got, list(range(held)), why="what was in before close")
    error = raised(queue.get, kinds=(candidate.Closed,))
    require(error is not None, error, "Closed: there is nothing else in it")


@given(item=st.sampled_from([None, False, 0, "", ()]))
@example(item=None)
@check(level=2, category="edge_cases", examples=5)
def test_any_item(candidate, item):
    """None and the like are items too."""
    queue = candidate.BoundedQueue(2)
    for timeout in (None, 0):
        expect(queue.put(item, timeout), True, why="there is room")
    for timeout in (0, None):
        expect(queue.get(timeout), item, why="it was put in")
    queue.put(item)
    queue.close()
    expect(queue.get(), item, why="it was in before close")


# Level 4: cycles


@given(log=logs)
@example(log=[])
@example(log=sections("T1 A"))
@example(log=events("T1 +A", "T2 +B"))
@check(level=4, category="edge_cases", examples=15)
def test_cycles_need_threads_in_turn(candidate, log):
    """The same log always gives the same cycles, none if there is none."""
    want = oracle.lock_order_cycles(log)
    for _ in range(2):
        expect(candidate.lock_order_cycles(log), want)


@given(log=mixed())
@example(
    log=events(
        *("T1 +A", "T1 +A", "T1 -A", "T1 +B", "T1 -B", "T1 -A"),
        *("T2 +B", "T2 +A", "T2 -A", "T2 -B"),
    )
)
@example(
    log=events(
        *("T1 +A", "T1 +B", "T1 +A", "T1 -A", "T1 -B", "T1 -A"),
        *("T2 +B", "T2 +A", "T2 +B", "T2 -B", "T2 -A", "T2 -B"),
    )
)
@example(
    log=events(
        *("T1 +A", "T1 +B", "T1 +A", "T1 -A", "T1 -B", "T1 -A"),
        *("T2 +A", "T2 +B", "T2 +A", "T2 -A", "T2 -B", "T2 -A"),
    )
)
@example(
    log=events(
        *("T1 +A", "T1 +C", "T1 +A", "T1 -A", "T1 -C", "T1 -A"),
        *("T2 +A", "T2 +B", "T2 -B", "T2 -A", "T2 +B", "T2 +C", "T2 -C", "T2 -B"),
    )
)
@example(
    log=events(
        *("T1 +C", "T1 +C", "T1 +A", "T1 +B", "T1 -B", "T1 -A", "T1 -C", "T1 -C"),
        *("T2 +C", "T2 +C", "T2 +B", "T2 +A", "T2 -A", "T2 -B", "T2 -C", "T2 -C"),
    )
)
@check(level=4, category="edge_cases", examples=15)
def test_reentrant_locks(candidate, log):
    """Acquiring a lock again makes no edge, and it is held until released as often."""
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(log))


@given(log=mixed())
@example(
    log=events(
        *("T1 +A", "T1 +B", "T1 -A", "T1 +C", "T1 -C", "T1 -B"),
        *("T2 +C", "T2 +A", "T2 -A", "T2 -C"),
    )
)
@example(
    log=events(
        *("T1 +A", "T1 +B", "T1 -A", "T1 +C", "T1 -C", "T1 -B"),
        *("T2 +C", "T2 +B", "T2 -C", "T2 -B"),
    )
)
@check(level=4, category="edge_cases", examples=15)
def test_released_in_any_order(candidate, log):
    """Locks may be released in any order; what is released makes no more edges."""
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(log))


@given(log=logs)
@example(log=sections("T1 A B", "T2 B C", "T1 C A"))
@example(log=sections("T1 A B", "T1 B C", "T2 C A"))
@check(level=4, category="edge_cases", examples=10)
def test_two_threads_are_enough(candidate, log):
    """A ring of three locks needs two threads, not three."""
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(log))


@given(log=logs)
@example(log=sections("T1 D A B", "T2 D B A", "T2 B A"))
@example(log=sections("T2 B A", "T1 D A B", "T2 D B A"))
@example(log=sections("T1 A B", "T2 D A B", "T2 D B A", "T1 D B A"))
@check(level=4, category="edge_cases", examples=10)
def test_one_acquisition_without_guard(candidate, log):
    """One recorded acquisition without the guard is enough for a possible deadlock."""
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(log))


@given(log=logs)
@example(log=sections("T1 C A B", "T2 A B", "T2 C B A"))
@example(log=sections("T1 C A B", "T2 C B A", "T1 B A"))
@example(log=sections("T1 A B", "T1 C B A", "T2 C A B"))
@example(log=sections("T1 C A B", "T1 D A B", "T2 C B A"))
@example(log=sections("T1 D A B", "T1 C A B", "T2 C B A"))
@check(level=4, category="edge_cases", examples=10)
def test_threads_and_guards_of_one_choice(candidate, log):
    """Two threads and no guard must hold for the same choice of acquisitions."""
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(log))


@given(log=logs)
@example(log=sections("T1 D A B", "T2 D B C", "T3 C A"))
@example(log=sections("T1 D E A B", "T2 E B C", "T3 D C A"))
@example(log=sections("T1 D A B", "T2 E B A"))
@check(level=4, category="edge_cases", examples=10)
def test_guard_of_a_part(candidate, log):
    """A lock that guards only some of the acquisitions prevents nothing."""
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(log))


@given(log=logs)
@example(log=sections("T1 A B C D", "T2 D C B A"))
@example(log=sections("T1 A B", "T2 B A", "T1 C D", "T2 D C"))
@example(log=both_ways("AB AC AD BC CA CD DB"))
@example(log=both_ways("DB AB BA BD AE ED BC CB"))
@example(log=both_ways("CE EC EA AE DE AC CD BD"))
@example(log=both_ways("AB AD BA BD DB"))
@example(log=sections("T1 A B", "T2 B A", "T1 B C", "T2 C B", "T1 C D", "T2 D C"))
@example(log=sections("T1 A B", "T2 B C", "T3 C A", "T1 A C", "T2 B A"))
@check(level=4, category="edge_cases", examples=10)
def test_every_simple_cycle(candidate, log):
    """Every simple cycle counts, also those that share locks."""
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(log))


@given(log=mixed())
@example(log=events("T1 +A", "T1 A", "T1 ?B", "T1 x", "T1 -A"))
@example(
    log=events(
        *("T1 +A", "T1 x", "T1 +B", "T1 ?x", "T1 -B", "T1 -A"),
        *("T2 +B", "T2 x", "T2 +A", "T2 x"),
    )
)
@check(level=4, category="edge_cases", examples=15)
def test_cycles_pass_over_accesses(candidate, log):
    """Reads and writes change nothing about the cycles."""
    want = [event for event in log if event[1] in ("acquire", "release")]
    expect(candidate.lock_order_cycles(log), oracle.lock_order_cycles(want))


@check(level=4, category="edge_cases")
def test_unknown_event_in_cycles(candidate):
    """`lock_order_cycles` refuses an unknown event with a ValueError that names it."""
    expect_unknown_refused(candidate, candidate.lock_order_cycles)


@check(level=4, category="edge_cases")
def test_release_not_held_in_cycles(candidate):
    """`lock_order_cycles` refuses a release of what the thread does not hold."""
    expect_release_refused(candidate, candidate.lock_order_cycles)


def expect_unknown_refused(candidate: Any, function: Any) -> None:
    for unknown in ("lock", "Acquire", "wait"):
        for before in ([], sections("T1 A B x", "T2 B A x")):
            with refused(candidate, naming=unknown):
                function([*before, ("T1", unknown, "A")])


def expect_release_refused(candidate: Any, function: Any) -> None:
    """Demand a ValueError that names the lock: not held, no more held, another's."""
    bad = [
        events("T1 -LOCK"),
        events("T1 +LOCK", "T2 -LOCK"),
        events("T1 +LOCK", "T1 -LOCK", "T1 -LOCK"),
        events("T1 +LOCK", "T1 +LOCK", "T1 -LOCK", "T1 -LOCK", "T1 -LOCK"),
        events("T1 +A", "T1 -LOCK"),
        events("T1 +A", "T1 x", "T2 x", "T2 -LOCK"),
    ]
    for log in bad:
        with refused(candidate, naming="LOCK"):
            function(log)


# Level 4: races


@given(log=mixed())
@example(log=events("T1 +A", "T1 +A", "T1 -A", "T1 x", "T2 +B", "T2 x"))
@example(
    log=events(
        *("T1 +A", "T1 +A", "T1 -A", "T1 x", "T1 -A"),
        *("T2 +A", "T2 x", "T2 -A"),
    )
)
@check(level=4, category="edge_cases", examples=15)
def test_races_with_reentrant_locks(candidate, log):
    """A lock acquired twice still guards after one release."""
    expect(candidate.races(log), oracle.races(log))


@given(log=mixed())
@example(log=sections("T1 x", "T1 A x", "T2 A x"))
@example(log=sections("T1 x", "T2 A x"))
@example(log=sections("T1 ?x", "T2 A x", "T1 A ?x"))
@example(log=sections("T1 A x", "T1 x", "T2 A x"))
@check(level=4, category="edge_cases", examples=10)
def test_from_the_first_access_on(candidate, log):
    """Every access counts, the very first too, though one thread was alone then."""
    expect(candidate.races(log), oracle.races(log))


@given(log=mixed())
@example(log=[])
@example(log=sections("T1 A", "T2 A"))
@example(log=sections("T1 A ?x", "T2 B ?x"))
@example(log=sections("T1 x", "T2 y"))
@example(log=events("T1 +A", "T1 A", "T1 -A", "T2 +A", "T2 -A"))
@check(level=4, category="edge_cases", examples=15)
def test_no_race_without_sharing(candidate, log):
    """A log without shared writes has no races, and the same log the same result."""
    want = oracle.races(log)
    for _ in range(2):
        expect(candidate.races(log), want)


@check(level=4, category="edge_cases")
def test_unknown_event_in_races(candidate):
    """`races` refuses an unknown event with a ValueError that names it."""
    expect_unknown_refused(candidate, candidate.races)


@check(level=4, category="edge_cases")
def test_release_not_held_in_races(candidate):
    """`races` refuses a release of what the thread does not hold."""
    expect_release_refused(candidate, candidate.races)
