"""What it takes to bring a large input to the answer's process: a month of sales."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.loading import loaded
from benchmarks.tax_aggregation import LINES, RULES, month
from graders.candidate import Candidate
from graders.judges import share_processor
from graders.kata import Kata, read_kata
from graders.sandbox.host import Zygote

ROUNDS = 3


def main() -> None:
    """Print the best wall seconds to encode lines, and to send and decode them."""
    kata, zygote = read_kata("tax_aggregation"), Zygote()
    share_processor(zygote, 0)
    candidate = loaded(kata.contract, kata.starting_point, zygote, 1e6)
    lines = sent(kata)
    candidate.example(lambda: show(candidate, lines))
    candidate.close()
    zygote.close()


def sent(kata: Kata) -> list[Any]:
    record = kata.contract.records["Line"]
    lines, _ = month(LINES, RULES)
    return [record(**vars(line)) for line in lines]


def show(candidate: Candidate, lines: list[Any]) -> None:
    encoding, sending = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        candidate.keep(lines)
        encoded = time.perf_counter()
        candidate.keep(None).value()  # the first to need a reply
        encoding.append(encoded - begun)
        sending.append(time.perf_counter() - encoded)
    print(f"{len(lines):,} lines to the answer's process, best of {ROUNDS}")
    print(f"  encoded, once     {min(encoding):7.3f} s")
    print(f"  sent and decoded  {min(sending):7.3f} s")
