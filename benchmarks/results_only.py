"""Grade a kata's reference on correctness and edge cases; print when verdicts came."""

from __future__ import annotations

import json
import sys
import time

from graders.grade import grade_with
from graders.judges import Judges
from graders.kata import read_kata
from graders.results import Category, Check


def main(name: str) -> None:
    begun = time.perf_counter()
    verdicts_s: list[float] = []

    def note(check: Check) -> None:
        verdicts_s.append(time.perf_counter() - begun)

    kata = read_kata(name)
    with Judges(kata) as judges:
        report = grade_with(
            judges,
            kata.reference.read_bytes(),
            kata.reference.name,
            seed=kata.default_seed,
            categories=(Category.CORRECTNESS, Category.EDGE_CASES),
            watch=note,
        )
    assert report.passed
    print(json.dumps({"first": verdicts_s[0], "last": verdicts_s[-1]}))


if __name__ == "__main__":
    main(sys.argv[1])
