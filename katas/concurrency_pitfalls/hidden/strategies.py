"""Logs that real threads could have written: no lock is held by two at once."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from oracle import held_by

Event = tuple[str, str, str]
Log = list[Event]

THREADS = ("T1", "T2", "T3")
LOCKS = ("A", "B", "C", "D")
VARIABLES = ("x", "y")

threads = st.sampled_from(THREADS)


def section(thread: str, *names: str) -> Log:
    """Return a log in which a thread nests locks, "A B", and lets go of them again.

    A name in lower case is a variable that is written, "?x" one that is read.
    """
    log: Log = []
    for name in names:
        if name.isupper():
            log.append((thread, "acquire", name))
        elif name.startswith("?"):
            log.append((thread, "read", name[1:]))
        else:
            log.append((thread, "write", name))
    return [*log, *closing(thread, [name for name in names if name.isupper()])]


def closing(thread: str, locks: Sequence[str]) -> Log:
    return [(thread, "release", lock) for lock in reversed(locks)]


def sections(*parts: str) -> Log:
    """Return the log of parts such as "T1 A B", one after the other."""
    return [event for part in parts for event in section(*part.split())]


def both_ways(edges: str) -> Log:
    """Return a log in which two threads make each edge of, say, "AB BC CA"."""
    pairs = [" ".join(edge) for edge in edges.split()]
    return sections(*(f"{thread} {pair}" for pair in pairs for thread in ("T1", "T2")))


def event(text: str) -> Event:
    """Return the event that is written as "T1 +A", "T1 -A", "T1 x" or "T1 ?x"."""
    thread, what = text.split()
    kinds = {"+": "acquire", "-": "release", "?": "read"}
    kind = kinds.get(what[0])
    return (thread, kind, what[1:]) if kind else (thread, "write", what)


def events(*texts: str) -> Log:
    return list(map(event, texts))


@st.composite
def nested(draw: st.DrawFn, locks: Sequence[str] = LOCKS) -> Log:
    """Return sections one after the other, which makes many edges and guards."""
    some = st.lists(st.sampled_from(locks), min_size=2, max_size=3, unique=True)
    parts = draw(st.lists(st.tuples(threads, some), min_size=2, max_size=6))
    return [event for thread, names in parts for event in section(thread, *names)]


@st.composite
def mixed(draw: st.DrawFn, locks: Sequence[str] = LOCKS[:3]) -> Log:
    """Return steps of threads in turn; what cannot be done is left out."""
    kinds = ["acquire", "acquire", "release", "read", "write"]
    step = st.tuples(threads, st.sampled_from(kinds), st.integers(0, len(locks) - 1))
    log: Log = []
    for thread, kind, number in draw(st.lists(step, min_size=4, max_size=16)):
        touches = kind in ("read", "write")
        name = VARIABLES[number % 2] if touches else locks[number]
        if touches or can_do(thread, kind, name, log):
            log.append((thread, kind, name))
    return log


def can_do(thread: str, kind: str, lock: str, log: Log) -> bool:
    holders = [one for one in THREADS if lock in held_by(one, log)]
    return holders == [thread] or (kind == "acquire" and not holders)


@st.composite
def guarded(draw: st.DrawFn) -> Log:
    """Return accesses of variables, each under some of two locks."""
    held = st.sampled_from([(), ("A",), ("A",), ("B",), ("A", "B")])
    touch = st.sampled_from(["x", "?x", "y", "?y"])
    parts = draw(st.lists(st.tuples(threads, held, touch), min_size=2, max_size=7))
    return [
        event
        for thread, locks, name in parts
        for event in section(thread, *locks, name)
    ]


logs: SearchStrategy[Log] = st.one_of(nested(), nested(LOCKS[:3]), mixed())
