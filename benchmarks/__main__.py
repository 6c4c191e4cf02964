"""How long the loop takes beside bare pytest, and fast answers beside libraries.

Whole commands, interleaved in the same run; the median of the rounds is shown, and the
fastest and slowest beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any

from benchmarks import explorer, sending
from benchmarks.loading import loaded
from graders.judges import share_processor
from graders.kata import ROOT, Kata, kata_names, read_kata
from graders.sandbox.host import Zygote

ROUNDS = 3
CALLS = 3_000


def main() -> None:
    """Measure all katas, or those that are named on the command line."""
    names = sys.argv[1:] or kata_names()
    for name in names:
        show_loop(read_kata(name))
        if find_spec(f"benchmarks.{name}"):
            import_module(f"benchmarks.{name}").compare()
    show_call_costs()
    sending.main()
    explorer.main()


def show_loop(kata: Kata) -> None:
    """Print the wall seconds of grading the reference, and of bare pytest."""
    measured: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for what, seconds in one_round(kata).items():
            measured.setdefault(what, []).append(seconds)
    baseline = median(measured["bare pytest, in-process"])
    print(f"{kata.name}: the reference, {ROUNDS} rounds, load {os.getloadavg()[0]:.1f}")
    for what, seconds in measured.items():
        low, high = min(seconds), max(seconds)
        print(
            f"  {what:<32}{median(seconds):6.2f} s  ({low:.2f} to {high:.2f})"
            f"  {median(seconds) / baseline:5.2f}x"
        )


def one_round(kata: Kata) -> dict[str, float]:
    verdicts = json.loads(python("-m", "benchmarks.results_only", kata.name)[1])
    answer = ["--answer", str(kata.reference)]
    return {
        "bare pytest, in-process": bare_pytest(kata),
        "correctness and edge cases": verdicts["last"],
        "  first verdict": verdicts["first"],
        "kata check, with performance": python(
            "-m", "dojo.cli", "check", kata.name, *answer
        )[0],
    }


def bare_pytest(kata: Kata) -> float:
    files = [kata.hidden / f"test_{name}.py" for name in ("correctness", "edge_cases")]
    plugins = ["-p", "benchmarks.in_process", "-p", "no:cacheprovider"]
    return python("-m", "pytest", "-q", *plugins, *map(str, files), kata=kata)[0]


def python(*arguments: str, kata: Kata | None = None) -> tuple[float, str]:
    """Run Python in the project; return wall seconds and what it printed."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if kata is not None:
        environment["ANSWER"] = str(kata.reference)
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return time.perf_counter() - begun, done.stdout


class Cost:
    """The median microseconds of a call of an answer that does nothing."""

    def __init__(self, kata: Kata, zygote: Zygote) -> None:
        self.candidate = loaded(kata.contract, _EMPTY, zygote, 1e6)

    def of(self, call: Callable[[], Any], calls: int) -> float:
        took = []
        for _ in range(calls):
            begun = time.perf_counter()
            call()
            took.append(time.perf_counter() - begun)
        return median(took) * 1e6


_EMPTY = """
class Decision:
    def __init__(self, allowed, retry_after, remaining):
        self.allowed, self.retry_after, self.remaining = allowed, retry_after, remaining

class SlidingWindow:
    def __init__(self, limit, window, clock):
        self.decision = Decision(True, 0, 1)

    def check(self, key, cost=1):
        return self.decision
"""


def show_call_costs() -> None:
    """Print what crossing to the worker and back costs."""
    kata = read_kata("rate_limiter")
    zygote = Zygote()
    share_processor(zygote, 0)
    cost = Cost(kata, zygote)

    def example() -> None:
        clock = cost.candidate.clock()
        window = cost.candidate.SlidingWindow(1, 1, clock)
        steps = [window.check.at(now, "a", 1) for now in range(CALLS)]
        print("what crossing to the answer's process costs, median")
        print(
            f"  one call        {cost.of(lambda: window.check('a', 1), CALLS):7.1f} us"
        )
        batch = cost.of(lambda: cost.candidate.play(clock, steps), 9) / CALLS
        print(f"  one of many     {batch:7.1f} us")

    cost.candidate.example(example)
    shared = cost.of(lambda: cost.candidate.example(lambda: None), 200)
    print(f"  one example     {shared:7.1f} us")
    cost.candidate.close()
    zygote.close()


if __name__ == "__main__":
    main()
