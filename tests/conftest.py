"""What the tests share: a tiny kata, made anew in a temporary folder, and its parts."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from graders.candidate import Answer, Candidate
from graders.checks import Outcome
from graders.contract import Contract, read_contract
from graders.judges import Judges
from graders.kata import Kata, read_kata
from graders.outcome import outcome_of
from graders.raising import NotDone
from graders.results import (
    Category,
    Counterexample,
    Level,
    Performance,
    Report,
    Scores,
    SizePoint,
    Timing,
    Verdict,
)
from graders.results import Check as CheckResult
from graders.sandbox.host import AnswerStopped, Patience, Zygote

MakeKata = Callable[..., Kata]
Check = Callable[[Candidate], Any]
Try = Callable[..., Outcome]

STUB = '''
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reading:
    """What a counter says."""

    count: int
    full: bool


class Full(Exception):
    """Nothing more can be counted."""


class Counter:
    def __init__(self, limit: int, clock: Callable[[], int]) -> None:
        raise NotImplementedError

    def add(self, times: int = 1) -> Reading:
        raise NotImplementedError


def double(n: int) -> int:
    raise NotImplementedError


def climb(n: int) -> int:
    raise NotImplementedError


def count_from(start: int) -> Iterator[int]:
    raise NotImplementedError


def echo(value: Any) -> Any:
    raise NotImplementedError
'''

REFERENCE = '''
"""The reference."""

from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True)
class Reading:
    count: int
    full: bool


class Full(Exception):
    pass


class Counter:
    def __init__(self, limit, clock):
        self.limit = limit
        self.count = clock()

    def add(self, times=1):
        if self.count + times > self.limit:
            raise Full(self.limit)
        self.count += times
        return Reading(self.count, self.count == self.limit)


def double(n):
    if n > 1000:
        raise ValueError(n)
    return n + n


def climb(n):
    step = 0
    for step in range(400 * n):
        pass
    return step


def count_from(start):
    yield from count(start)


def echo(value):
    return value
'''

CLIMB = "range(400 * n)"
QUADRATIC = "range(4 * n * n)"


def climbing_after(steps: str) -> str:
    """Return the reference, with so many steps for nothing before it climbs."""
    loop = f"    for step in {CLIMB}"
    return REFERENCE.replace(loop, f"    for _ in {steps}:\n        pass\n{loop}")


CORRECTNESS = '''
from hypothesis import given
from hypothesis import strategies as st

from graders.laws import check, expect


@given(n=st.integers(-1000, 1000))
@check(level=1, category="correctness")
def test_double_is_twice(candidate, n):
    """`double` gives twice its argument."""
    expect(candidate.double(n), 2 * n)


@check(level=1, category="correctness")
def test_climb_ends_at_the_last_step(candidate):
    """`climb` returns the last step."""
    expect([candidate.climb(n) for n in (1, 2)], [399, 799])


@given(many=st.lists(st.integers(1, 3), min_size=1), start=st.integers(0, 9))
@check(level=2, category="correctness")
def test_counter_counts(candidate, many, start):
    """A counter starts at the clock's time and adds up."""
    counter = candidate.Counter(10_000, candidate.clock(start))
    for place, times in enumerate(many, 1):
        count = start + sum(many[:place])
        expect(counter.add(times), count=count, why="the sum so far")
'''

EDGE_CASES = '''
from hypothesis import given
from hypothesis import strategies as st

from graders.laws import check, expect, refused


@given(n=st.integers(1001, 2000))
@check(level=1, category="edge_cases")
def test_large_numbers_are_refused(candidate, n):
    """`double` refuses numbers above 1000."""
    with refused(candidate, naming=n):
        candidate.double(n)


@given(limit=st.integers(2, 9))
@check(level=2, category="edge_cases")
def test_counter_fills_up(candidate, limit):
    """A counter is full exactly at its limit, and then raises `Full`."""
    counter = candidate.Counter(limit, candidate.clock())
    for count in range(1, limit + 1):
        expect(counter.add(), count=count, full=count == limit)
    try:
        got = counter.add()
    except candidate.Full:
        return
    expect(got, "Full")
'''

PERFORMANCE = '''
from graders.laws import check


def climbing(candidate, n, seed):
    candidate.climb(n)


@check(level=1, category="performance", measures=("climb",))
def test_climbing_is_linear(speed):
    """Climbing twice as far takes twice as long."""
    speed.compare(climbing, sizes=(100, 300, 900))
'''

TOML = """
version = 1
title = "Tiny"
minutes = 5
topics = ["counting"]

[[levels]]
title = "Numbers"
minutes = 2

[[levels]]
title = "Counters"
minutes = 3
"""

README = f"""# Tiny

## Starting point

```python
{STUB.lstrip()}```

## Level 1 - Numbers

## Level 2 - Counters
"""

HINTS = """# Hints

## Level 1
1. one
2. two
3. three

## Level 2
1. one
2. two
3. three
"""

FILES = {
    "katas/tiny/README.md": README,
    "katas/tiny/kata.toml": TOML,
    "katas/tiny/stub.py": STUB,
    "katas/tiny/examples.py": "",
    "katas/tiny/hints.md": HINTS,
    "katas/tiny/hidden/test_correctness.py": CORRECTNESS,
    "katas/tiny/hidden/test_edge_cases.py": EDGE_CASES,
    "katas/tiny/hidden/test_performance.py": PERFORMANCE,
    "solutions/tiny/reference.py": REFERENCE,
    "solutions/tiny/naive.py": climbing_after(QUADRATIC),
}


def write_kata(root: Path, changed: dict[str, str | None]) -> None:
    """Write the tiny kata; files can be changed, added, or left out with None."""
    for name, text in (FILES | changed).items():
        if text is not None:
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")


@pytest.fixture
def make_kata(tmp_path: Path) -> MakeKata:
    """Return what writes the tiny kata, perhaps changed, and reads it."""

    def make(changed: dict[str, str | None] | None = None) -> Kata:
        write_kata(tmp_path, changed or {})
        return read_kata("tiny", tmp_path)

    return make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Kata:
    """The tiny kata as it is; not to be changed."""
    root = tmp_path_factory.mktemp("root")
    write_kata(root, {})
    return read_kata("tiny", root)


@pytest.fixture(scope="session")
def contract() -> Contract:
    return read_contract(STUB, "tiny_stub")


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """One confined process for all tests that need nothing special of it."""
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture(scope="module")
def judges(tiny: Kata) -> Iterator[Judges]:
    """One judge of the tiny kata for a whole module."""
    with Judges(tiny, count=1) as judges:
        judges.collect()
        yield judges


@pytest.fixture
def try_on(contract: Contract, zygote: Zygote) -> Try:
    """Return what runs a check once on a source, in a process of its own."""

    def run(source: str, check: Check, *, own_s: float = 30.0) -> Outcome:
        first = Candidate(contract, Answer(source), zygote, Patience(own_s))
        answer, _ = first.first_load()
        first.close()
        candidate = Candidate(contract, answer, zygote, Patience(own_s))
        return outcome_of(ended(candidate, check), candidate)

    return run


@pytest.fixture
def try_law(zygote: Zygote) -> Try:
    """Return what tries a law on a source, which is its own stub."""

    def run(source: str, law: Check, seed: int = 0, depth: int = 1) -> Outcome:
        contract = read_contract(source, "subject")
        first = Candidate(contract, Answer(source), zygote, Patience(9))
        answer, _ = first.first_load()
        first.close()
        candidate = Candidate(contract, answer, zygote, Patience(20), seed=seed)
        candidate.depth = depth
        error = None
        try:
            candidate.example(partial(law, candidate))
        except (Exception, AnswerStopped, NotDone) as raised:
            error = raised
        candidate.close()
        return outcome_of(error, candidate)

    return run


def open_processes(*pids: int) -> list[int]:
    """Return a descriptor for each process, to see its end by."""
    return [os.pidfd_open(pid) for pid in pids]


def all_end(processes: list[int]) -> bool:
    """Tell whether all end, also those that are just about to."""
    ended = [bool(select.select([process], [], [], 30)[0]) for process in processes]
    for process in processes:
        os.close(process)
    return all(ended)


def children(pid: int) -> list[int]:
    """Return the processes whose parent this one is."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def ended(candidate: Candidate, check: Check) -> BaseException | None:
    """Run one example of a check; return what ended it."""
    try:
        candidate.example(lambda: check(candidate))
    except BaseException as error:
        return error
    finally:
        candidate.close()
    return None


EXAMPLE = Counterexample(
    code=(
        "clock = Clock(3)",
        "counter = Counter(5, clock)",
        "counter.add(1)  # Reading(4, False)",
        "counter.add(1)",
    ),
    got="Reading(count=4, full=False)",
    expected="count=5: the sum so far",
)
SLOW = Timing(
    check="climbing_is_linear",
    law="Climbing twice as far takes twice as long.",
    sizes=(SizePoint(100, 2.0, 1.0, 1), SizePoint(400, 32.0, 4.0, 1)),
    growth=1.0,
    answer_growth=2.0,
    reference_growth=1.0,
    ratio=8.0,
    tier="E",
    answer_samples_ms=(33.0, 32.0),
    reference_samples_ms=(4.0, 4.5),
)


def check(name: str, verdict: Verdict, **fields: object) -> CheckResult:
    known = {"level": 1, "category": Category.CORRECTNESS, "law": f"Law of {name}."}
    return CheckResult(name=name, verdict=verdict, **(known | fields))  # type: ignore[arg-type]


@pytest.fixture
def report() -> Report:
    """One law holds, one is broken, one is to do, one grows too fast."""
    return Report(
        kata="tiny",
        answer="katas/tiny/stub.py",
        seed=1,
        environment={"python": "3.11"},
        protection=("landlock 7: files", "seccomp"),
        levels=(Level(1, "Numbers", 1, 3), Level(2, "Counters", 0, 1)),
        checks=(
            check("holds", Verdict.PASS, points=1.0),
            check("broken", Verdict.FAIL, message="no", counterexample=EXAMPLE),
            check(
                "climbing_is_linear",
                Verdict.FAIL,
                category=Category.PERFORMANCE,
                message="Grows too fast.",
            ),
            check("later", Verdict.TODO, level=2, message="Counter is still to do"),
        ),
        performance=Performance((SLOW,), budget=4.0),
        scores=Scores(25, None, 25, 25),
    )
