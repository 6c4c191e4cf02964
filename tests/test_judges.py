"""The judge processes: what they are asked, and that nothing of them stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from conftest import (
    CORRECTNESS,
    REFERENCE,
    MakeKata,
    all_end,
    children,
    open_processes,
)

from graders.candidate import Answer
from graders.checks import GraderFault
from graders.judges import Judges
from graders.kata import Kata, KataError
from graders.results import Verdict

NAMES = ("double_is_twice", "climb_ends_at_the_last_step", "counter_counts")


def test_two_judges_share_the_checks(tiny: Kata) -> None:
    """Each check is run once, whichever judge is free, and has its own verdict."""
    with Judges(tiny, count=2) as judges:
        assert judges.prepare(Answer(REFERENCE)) is None
        judged = list(judges.run(NAMES, seed=1))
    assert sorted(each.check.name for each in judged) == sorted(NAMES)
    assert {each.check.verdict for each in judged} == {Verdict.PASS}


def test_names_are_taken_when_needed(judges: Judges) -> None:
    """The next name is asked for only when a judge is free for it."""
    taken: list[str] = []

    def names() -> Iterator[str]:
        for name in NAMES:
            taken.append(name)
            yield name

    judges.prepare(Answer(REFERENCE))
    running = judges.run(names(), seed=1)
    next(running)
    assert taken == list(NAMES[:1])
    assert len(list(running)) == 2
    assert taken == list(NAMES)


def test_ctrl_c_during_a_fork_is_not_lost(tiny: Kata) -> None:
    """Python forgets what its hooks raise while it forks; Ctrl-C comes after it."""
    interrupts = [signal.SIGINT]

    def interrupt() -> None:
        if interrupts:
            os.kill(os.getpid(), interrupts.pop())

    os.register_at_fork(after_in_parent=interrupt)
    before = children(os.getpid())
    with pytest.raises(KeyboardInterrupt):
        Judges(tiny, count=2)
    assert not interrupts
    assert children(os.getpid()) == before


def test_there_is_a_judge_for_each_core(tiny: Kata) -> None:
    """Without a number there are as many judges as processors to run them on."""
    with Judges(tiny) as judges:
        assert len(judges.seats) == len(os.sched_getaffinity(0))


def test_judge_and_answer_share_a_processor(tiny: Kata) -> None:
    """A judge runs on one processor with its answers, and on another than the next."""
    with Judges(tiny, count=2) as judges:
        judges.prepare(Answer(REFERENCE))
        pairs = zip(judges.seats, judges.zygotes, strict=True)
        places = [
            {*map(frozenset, map(os.sched_getaffinity, pids))}
            for pids in ((s.process.pid or 0, z.process.pid) for s, z in pairs)
        ]
    assert [len(place) for place in places] == [1, 1]
    assert len(set.union(*places)) == min(2, len(os.sched_getaffinity(0)))


def test_a_judge_that_dies_is_a_fault(tiny: Kata) -> None:
    """A judge that ends before its verdict is the grader's fault, and no waiting."""
    with Judges(tiny, count=1) as judges:
        judges.prepare(Answer(REFERENCE))
        judges.seats[0].process.kill()
        judges.seats[0].process.join()
        with pytest.raises(GraderFault, match="a judge process ended"):
            list(judges.run(NAMES, seed=1))


def test_a_zygote_that_dies_is_a_fault(tiny: Kata) -> None:
    """A sandbox that is gone is the grader's fault, and no verdict."""
    with Judges(tiny, count=1) as judges:
        judges.prepare(Answer(REFERENCE))
        judges.zygotes[0].process.kill()
        with pytest.raises(GraderFault):
            list(judges.run(NAMES, seed=1))


def test_nothing_is_left_after_closing(tiny: Kata) -> None:
    """Closing ends judges, zygotes and workers."""
    with Judges(tiny, count=1) as judges:
        judges.prepare(Answer(REFERENCE))
        next(judges.run(NAMES, seed=1))
        zygote = judges.zygotes[0]
        pids = [judges.seats[0].process.pid or 0, zygote.process.pid]
        processes = open_processes(*pids, *children(zygote.process.pid))
    assert all_end(processes)


def test_nothing_is_left_of_a_bad_kata(make_kata: MakeKata) -> None:
    """Judges of a kata whose checks are not well made can be closed like others."""
    broken = CORRECTNESS.replace("import given", "import gibben")
    kata = make_kata({"katas/tiny/hidden/test_correctness.py": broken})
    with Judges(kata, count=1) as judges:
        with pytest.raises(KataError):
            judges.collect()
        processes = open_processes(judges.zygotes[0].process.pid)
    assert all_end(processes)
