"""What grading returns: frozen data, to and from versioned JSON.

Everything a person sees is rendered from a `Report`; nothing else is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

REPORT_VERSION = 1


class Category(StrEnum):
    """What a check looks at; each has a weight in the score."""

    CORRECTNESS = "correctness"
    EDGE_CASES = "edge_cases"
    PERFORMANCE = "performance"


class Verdict(StrEnum):
    """How one check ended."""

    PASS = "pass"
    FAIL = "fail"
    TODO = "todo"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    EXIT = "exit"
    DEADLOCK = "deadlock"
    RACE = "race"
    NOT_MEASURED = "not_measured"


UNDECIDED = frozenset({Verdict.PASS, Verdict.TODO, Verdict.NOT_MEASURED})
"""The verdicts that accuse an answer of nothing."""


@dataclass(frozen=True)
class Counterexample:
    """The smallest input found on which a check fails, as Python to paste."""

    code: tuple[str, ...]
    """Statements that rebuild the situation, the last one being the call at fault."""
    got: str
    """What the last call gave, or the exception it raised, as source text."""
    expected: str
    """What the law asks for, in words or as source text."""
    where: str = ""
    """The answer's own line at fault, e.g. ``stub.py:42 in check``."""
    printed: str = ""
    """The beginning of what the answer printed meanwhile."""
    schedule: tuple[str, ...] = ()
    """For threads: the lines that ran, in order, one column for each thread."""
    file: str = ""
    """The file that was written from it, relative to the project: a runnable one, or
    for threads one to replay."""


@dataclass(frozen=True)
class Check:
    """One hidden test and how the answer did on it."""

    name: str
    law: str
    level: int
    category: Category
    verdict: Verdict
    message: str = ""
    counterexample: Counterexample | None = None
    seconds: float = 0.0
    """Wall time that the check took, seconds."""
    points: float = 0.0
    """0 to 1: what the check earned; between the two only for performance."""

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.PASS


@dataclass(frozen=True)
class Level:
    """One part of a kata and how many of its checks pass."""

    level: int
    title: str
    passed: int
    total: int


@dataclass(frozen=True)
class SizePoint:
    """The best CPU times at one input size."""

    n: int
    answer_ms: float
    reference_ms: float
    rounds: int

    @property
    def ratio(self) -> float:
        return self.answer_ms / self.reference_ms


@dataclass(frozen=True)
class Timing:
    """What one performance check measured."""

    check: str
    law: str
    sizes: tuple[SizePoint, ...]
    growth: float | None
    """Slope of log(answer / reference) over log(n): 0 is the reference's own growth."""
    answer_growth: float | None
    """Slope of log(answer) over log(n): 1 is linear, 2 is quadratic."""
    reference_growth: float | None
    ratio: float | None
    """CPU time of the answer over the reference's at the largest size."""
    tier: str
    """A to D by ratio, E for the wrong growth, "-" when not measured."""
    answer_samples_ms: tuple[float, ...] = ()
    reference_samples_ms: tuple[float, ...] = ()
    """The samples at the largest size, in the order in which they were taken."""


@dataclass(frozen=True)
class Performance:
    """All timings of a report."""

    timings: tuple[Timing, ...] = ()
    budget: float = 1.5
    """Full marks up to this multiple of the reference's CPU time."""
    machine_busy: bool = False
    """Others used more than a core meanwhile: it took longer, scores are unaffected."""


@dataclass(frozen=True)
class Scores:
    """0 to 100 each; a category without checks is None."""

    correctness: int | None
    edge_cases: int | None
    performance: int | None
    total: int


@dataclass(frozen=True)
class Report:
    """The whole result of grading one answer."""

    kata: str
    answer: str
    seed: int
    environment: dict[str, str]
    protection: tuple[str, ...]
    levels: tuple[Level, ...]
    checks: tuple[Check, ...]
    performance: Performance
    scores: Scores
    version: int = REPORT_VERSION
    notes: tuple[str, ...] = field(default=())
    """Facts about this run that its reader should know."""

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def to_json(self) -> bytes:
        """Return the report as indented JSON, version first."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        ordered = {"version": data.pop("version"), **data}
        return msgspec.json.format(msgspec.json.encode(ordered), indent=2)

    @staticmethod
    def from_json(text: bytes) -> Report:
        """Read a report back; ValueError if it is none, or of another version."""
        version = msgspec.json.decode(text, type=dict[str, Any]).get("version")
        if version != REPORT_VERSION:
            raise ValueError(
                f"report of version {version!r}; this program reads {REPORT_VERSION}"
            )
        return msgspec.json.decode(text, type=Report)
