"""What each result has to be, plain and slow: every cycle, every choice, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations, product
from typing import NamedTuple

Log = Sequence[tuple[str, str, str]]


class Access(NamedTuple):
    """An acquisition, a read or a write, and what its thread held just before."""

    thread: str
    event: str
    name: str
    held: frozenset[str]


def accesses(log: Log) -> Iterator[Access]:
    """Yield the events of a log that is known to be good, releases left out."""
    for place, (thread, event, name) in enumerate(log):
        if event != "release":
            yield Access(thread, event, name, held_by(thread, log[:place]))


def held_by(thread: str, log: Log) -> frozenset[str]:
    """Return the locks that a thread has acquired more often than released."""
    mine = [(event, name) for who, event, name in log if who == thread]
    names = {name for _, name in mine}
    return frozenset(
        name
        for name in names
        if mine.count(("acquire", name)) > mine.count(("release", name))
    )


# Deadlocks


def lock_order_cycles(log: Log) -> list[list[str]]:
    """Return the possible deadlocks, by trying every ring of locks."""
    acquired = [
        access
        for access in accesses(log)
        if access.event == "acquire" and access.name not in access.held
    ]
    locks = sorted({access.name for access in acquired})
    return sorted(ring for ring in rings(locks) if deadlock(ring, acquired))


def rings(locks: Sequence[str]) -> Iterator[list[str]]:
    """Yield every ring of two locks or more, written from its smallest name."""
    for size in range(2, len(locks) + 1):
        for chosen in combinations(locks, size):
            for rest in permutations(chosen[1:]):
                yield [chosen[0], *rest]


def deadlock(ring: list[str], acquired: Sequence[Access]) -> bool:
    """Tell whether the edges of a ring can be taken by several threads, unguarded."""
    edges = zip(ring, [*ring[1:], ring[0]], strict=True)
    ways = [
        [access for access in acquired if access.name == end and start in access.held]
        for start, end in edges
    ]
    return any(map(is_dangerous, product(*ways)))


def is_dangerous(chosen: Sequence[Access]) -> bool:
    threads = {access.thread for access in chosen}
    return len(threads) > 1 and not held_at_all(chosen)


def held_at_all(chosen: Sequence[Access]) -> frozenset[str]:
    return frozenset.intersection(*(access.held for access in chosen))


# Races


def races(log: Log) -> list[str]:
    """Return the variables that several threads share and no lock protects."""
    touched = [a for a in accesses(log) if a.event in ("read", "write")]
    names = {access.name for access in touched}
    return sorted(n for n in names if is_race([a for a in touched if a.name == n]))


def is_race(touched: Sequence[Access]) -> bool:
    return (
        len({access.thread for access in touched}) > 1
        and any(access.event == "write" for access in touched)
        and not held_at_all(touched)
    )
