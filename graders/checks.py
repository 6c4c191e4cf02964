"""What judges and their owner tell each other about checks; plain data."""

from __future__ import annotations

from dataclasses import dataclass

from graders.results import Category, Check, Counterexample, Timing, Verdict


@dataclass(frozen=True)
class CheckFacts:
    """What is known of a hidden check before it runs."""

    name: str
    law: str
    level: int
    category: Category
    measures: tuple[str, ...]
    """For performance: the stub's classes and functions whose speed it is about."""

    def ended(self, outcome: Outcome, seconds: float = 0.0) -> Check:
        """Return the check that ended so; all or nothing."""
        return Check(
            name=self.name,
            law=self.law,
            level=self.level,
            category=self.category,
            verdict=outcome.verdict,
            message=outcome.message,
            counterexample=outcome.counterexample,
            seconds=round(seconds, 3),
            points=outcome.points,
        )


@dataclass(frozen=True)
class Outcome:
    """What one run of a check says of the answer."""

    verdict: Verdict
    message: str = ""
    counterexample: Counterexample | None = None
    points: float = 0.0


@dataclass(frozen=True)
class Ready:
    """A judge's reply to an answer: its checks, its walls, and whether it imports."""

    checks: list[CheckFacts]
    protection: list[str]
    problem: Outcome | None


@dataclass(frozen=True)
class Judged:
    """A judge's reply to one check."""

    check: Check
    used: frozenset[str] = frozenset()
    """The answer's classes and functions that the check has used."""
    own_s: float = 0.0
    """The answer's own seconds, all examples together."""
    timing: Timing | None = None


class GraderFault(Exception):
    """The grader itself failed; the answer is not to blame and gets no verdict."""
