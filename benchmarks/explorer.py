"""How surely and how fast the explorer of threads finds classic mistakes.

Each mistake, and its repair, is tried under many seeds. Those that take four switches
in one order are searched for as `kata check --deep` does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from benchmarks.loading import loaded
from benchmarks.races import DEEP, SUBJECTS, Subject
from graders.contract import read_contract
from graders.outcome import outcome_of
from graders.plugin import DEEP as DEPTH
from graders.raising import NotDone
from graders.results import Verdict
from graders.sandbox.host import AnswerStopped, Zygote

SEEDS = range(20)
LIMIT_S = 0.5
"""What finding a mistake, or passing what is right, may take with the usual budget."""


def main() -> None:
    """Print a line for each mistake: how often it is found, and how long that takes."""
    zygote = Zygote()
    print(f"mistakes of threads, {len(SEEDS)} seeds, load {os.getloadavg()[0]:.1f}")
    print(f"  {'':<26}{'found':>14}{'median, max':>18}{'right':>12}{'median, max':>18}")
    for subject in SUBJECTS.values():
        print(line(subject, partial(tried, zygote, subject)), flush=True)
    zygote.close()


def line(subject: Subject, attempt: Callable[[str, int], tuple[Verdict, float]]) -> str:
    """Return what came of trying a mistake and its repair under every seed."""
    parts = [f"  {subject.name:<26}"]
    for source, wanted in (
        (subject.wrong, {Verdict.RACE, Verdict.DEADLOCK}),
        (subject.right, {Verdict.PASS}),
    ):
        verdicts, seconds = zip(*(attempt(source, seed) for seed in SEEDS), strict=True)
        good = sum(verdict in wanted for verdict in verdicts)
        slow = " !" if max(seconds) > LIMIT_S and subject.name not in DEEP else ""
        parts.append(f"{good:>8} of {len(SEEDS)}")
        parts.append(f"{median(seconds):9.2f}, {max(seconds):.2f} s{slow:<2}")
    return "".join(parts)


def tried(
    zygote: Zygote, subject: Subject, source: str, seed: int
) -> tuple[Verdict, float]:
    """Return the verdict on a source under one seed, and the seconds that it took."""
    contract = read_contract(source, "subject")
    candidate = loaded(contract, source, zygote, 60, seed=seed)
    candidate.depth = DEPTH if subject.name in DEEP else 1
    begun_s, error = time.perf_counter(), None
    try:
        candidate.example(partial(subject.law, candidate))
    except (Exception, AnswerStopped, NotDone) as raised:
        error = raised
    seconds = time.perf_counter() - begun_s
    candidate.close()
    return outcome_of(error, candidate).verdict, seconds


if __name__ == "__main__":
    main()
