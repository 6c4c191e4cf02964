"""Grade a kata's reference with the checks that bare pytest can run too.

Prints the seconds until the first and the last verdict. What explores threads is left
out: there is nothing in-process to compare it with.
"""

from __future__ import annotations

import json
import re
import sys
import time

from graders.candidate import Answer
from graders.grade import Run
from graders.judges import Judges
from graders.kata import Kata, read_kata
from graders.results import Check

FILES = ("test_correctness.py", "test_edge_cases.py")


def main(name: str) -> None:
    begun = time.perf_counter()
    verdicts_s: list[float] = []

    def note(check: Check) -> None:
        assert check.passed, check.name
        verdicts_s.append(time.perf_counter() - begun)

    kata = read_kata(name)
    with Judges(kata) as judges:
        answer = Answer(kata.reference.read_text("utf-8"))
        assert judges.prepare(answer) is None
        names = names_in(kata)
        checks = [check for check in judges.checks if check.name in names]
        Run(judges, kata.default_seed, note).all(checks)
    print(json.dumps({"first": verdicts_s[0], "last": verdicts_s[-1]}))


def names_in(kata: Kata) -> set[str]:
    texts = [(kata.hidden / file).read_text("utf-8") for file in FILES]
    return set(re.findall(r"^def test_(\w+)", "".join(texts), re.M))


if __name__ == "__main__":
    main(sys.argv[1])
