"""The author's gate: is everything that a kata claims of itself true?

Grades the pristine stub, the references, the naive answer, every wrong answer under
many seeds, and mutants of the reference. Verdicts are kept by what they depend on, so
that a second run only does what has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from graders.candidate import Answer
from graders.checks import CheckFacts
from graders.grade import Run, decoded
from graders.judges import Judges
from graders.kata import ROOT, Kata
from graders.mutants import Mutant, mutants, read_equivalents
from graders.results import UNDECIDED, Category, Verdict

SEEDS = 10
KILLED = 0.97
"""Least part of the mutants, those known to be equivalent left out, to be noticed."""
FEWEST_RUNGS = 3
_CAUGHT = re.compile(r"^Caught: level (\d), (\w+)$", re.M)

Verdicts = dict[str, str]
"""Verdict by name of check."""


@dataclass(frozen=True)
class Finding:
    """One thing that the audit has looked at."""

    step: str
    subject: str
    problem: str = ""
    """What is wrong and what to do, or "" if all is well."""


class Kept:
    """Verdicts of earlier runs, by what they depend on; one line each in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.verdicts: dict[str, Verdicts] = {}
        if file.is_file():
            for line in file.read_text("utf-8").splitlines():
                self._read(line)

    def _read(self, line: str) -> None:
        try:
            key, verdicts = json.loads(line)
        except ValueError:  # cut off by an interruption
            return
        self.verdicts[key] = verdicts

    def keep(self, key: str, verdicts: Verdicts) -> None:
        self.verdicts[key] = verdicts
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, verdicts]) + "\n")


@dataclass
class Audit:
    """The audit of one kata."""

    kata: Kata
    judges: Judges
    kept: Kept
    seeds: int = SEEDS
    needed: set[str] = field(default_factory=set)
    """Checks that have caught something."""

    def steps(self) -> list[tuple[str, Callable[[], Iterator[Finding]]]]:
        return [
            ("statement, stub, kata.toml, hints and checks agree", self.agreement),
            ("the pristine stub is all to do", self.pristine_stub),
            ("references get full marks", self.references),
            ("the naive answer is right and too slow", self.naive),
            ("wrong answers are caught where their headers say", self.wrong_answers),
            ("mutants of the reference are noticed", self.mutants),
            ("every check is needed", self.every_check),
        ]

    # Grading, with memory

    def verdicts(
        self,
        source: bytes,
        checks: list[CheckFacts],
        *,
        seed: int | None = None,
        until_caught: bool = False,
    ) -> Verdicts:
        """Return the verdicts of checks on an answer, perhaps of an earlier run."""
        seed = self.kata.default_seed if seed is None else seed
        names = [check.name for check in checks]
        key = digest(self.fingerprint, source, seed, names, until_caught)
        if key not in self.kept.verdicts:
            found = self._graded(source, checks, seed, until_caught)
            self.kept.keep(key, found)
        return self.kept.verdicts[key]

    def _graded(
        self, source: bytes, checks: list[CheckFacts], seed: int, until_caught: bool
    ) -> Verdicts:
        text, problem = decoded(source)
        run = Run(self.judges, seed, lambda check: None, shrinks=0)
        run.until_caught = until_caught
        problem = self.judges.prepare(Answer(text)) or problem
        if problem is not None:
            run.all_end_with(checks, problem)
        else:
            run.all(checks)
        return {name: str(judged.check.verdict) for name, judged in run.judged.items()}

    @cached_property
    def fingerprint(self) -> str:
        """Stands for all that a verdict depends on beside the answer."""
        files = [
            *sorted(self.kata.hidden.glob("*.py")),
            *sorted((ROOT / "graders").rglob("*.py")),
            self.kata.folder / "kata.toml",
            self.kata.yardstick,
        ]
        contents = [file.read_bytes() for file in files]
        return digest(self.kata.starting_point, *contents)

    def of(self, *categories: Category) -> list[CheckFacts]:
        return [check for check in self.judges.checks if check.category in categories]

    @property
    def about_results(self) -> list[CheckFacts]:
        return self.of(Category.CORRECTNESS, Category.EDGE_CASES)

    # Steps

    def agreement(self) -> Iterator[Finding]:
        statement = (self.kata.folder / "README.md").read_text("utf-8")
        hints = (self.kata.folder / "hints.md").read_text("utf-8")
        for level, title in self.kata.levels.items():
            yield self._heading(statement, level, title)
            yield self._rungs(hints, level)
            yield self._checks_of(level)
        for question in self.kata.settings.questions:
            yield Finding("question", question.question)

    def _heading(self, statement: str, level: int, title: str) -> Finding:
        heading = f"## Level {level} - {title}"
        there = heading in statement.splitlines()
        problem = "" if there else f"README.md has no {heading!r}, as in kata.toml"
        return Finding("statement", f"level {level}", problem)

    def _rungs(self, hints: str, level: int) -> Finding:
        part = hints.partition(f"## Level {level}\n")[2].partition("\n## ")[0]
        rungs = len(re.findall(r"^\d+\. ", part, re.M))
        problem = f"hints.md has {rungs} rungs; write at least {FEWEST_RUNGS}"
        return Finding("hints", f"level {level}", problem * (rungs < FEWEST_RUNGS))

    def _checks_of(self, level: int) -> Finding:
        missing = [
            str(category)
            for category in (Category.CORRECTNESS, Category.EDGE_CASES)
            if not any(check.level == level for check in self.of(category))
        ]
        problem = f"no check of {' and '.join(missing)}; add one" if missing else ""
        return Finding("checks", f"level {level}", problem)

    def pristine_stub(self) -> Iterator[Finding]:
        verdicts = self.verdicts(
            self.kata.starting_point.encode(), list(self.judges.checks)
        )
        for name, verdict in verdicts.items():
            problem = "" if verdict == Verdict.TODO else f"is {verdict}, not to do"
            yield Finding("stub", name, problem)

    def references(self) -> Iterator[Finding]:
        for file in self.right_answers():
            verdicts = self.verdicts(file.read_bytes(), list(self.judges.checks))
            failed = [name for name, v in verdicts.items() if v != Verdict.PASS]
            problem = f"does not pass {', '.join(failed)}" if failed else ""
            yield Finding("reference", file.name, problem)

    def right_answers(self) -> list[Path]:
        named = [self.kata.reference, self.kata.solutions / "fast.py"]
        right = sorted((self.kata.solutions / "right").glob("*.py"))
        return [file for file in [*named, *right] if file.is_file()]

    def naive(self) -> Iterator[Finding]:
        source = (self.kata.solutions / "naive.py").read_bytes()
        verdicts = self.verdicts(source, list(self.judges.checks))
        for check in self.about_results:
            problem = "" if verdicts[check.name] == Verdict.PASS else "must pass"
            yield Finding("naive", check.name, problem)
        slow = [
            check.name
            for check in self.of(Category.PERFORMANCE)
            if verdicts[check.name] in (Verdict.FAIL, Verdict.TIMEOUT)
        ]
        problem = "" if slow else "no performance check fails; it is not naive"
        yield Finding("naive", "growth", problem)
        self.needed.update(slow)

    def wrong_answers(self) -> Iterator[Finding]:
        for file in sorted((self.kata.solutions / "wrong").glob("*.py")):
            yield Finding("wrong", file.name, self.why_not_caught(file))

    def why_not_caught(self, file: Path, briefly: bool = False) -> str:
        """Return why a wrong answer is not what its header says, or "".

        `briefly` runs no more checks than it takes to see that it is caught there.
        """
        source = file.read_bytes()
        header = _CAUGHT.search(source.decode())
        if not header:
            return 'its docstring has no line "Caught: level N, CATEGORY"; add it'
        level, category = int(header[1]), header[2]
        every = self.judges.checks
        due = [c for c in every if (c.level, c.category) == (level, category)]
        verdicts = self._verdicts_on_wrong(source, due, briefly)
        everywhere = [name for name, verdict in verdicts.items() if is_caught(verdict)]
        self.needed.update(everywhere)
        caught = [check for check in due if check.name in everywhere]
        if not caught:
            return f"not caught at level {level}, {category}; caught by {everywhere}"
        return self._missed_seed(source, caught)

    def _verdicts_on_wrong(
        self, source: bytes, due: list[CheckFacts], briefly: bool
    ) -> Verdicts:
        timed = any(check.category is Category.PERFORMANCE for check in due)
        if not timed and briefly:
            return self.verdicts(source, due, until_caught=True)
        if not timed:
            # beside these, only what has caught nothing yet
            more = [c for c in self.about_results if c.name not in self.needed]
            return self.verdicts(source, due + [c for c in more if c not in due])
        before = [
            check
            for check in self.of(Category.CORRECTNESS)
            if check.level <= due[0].level
        ]
        return self.verdicts(source, before + due)

    def _missed_seed(self, source: bytes, checks: list[CheckFacts]) -> str:
        if checks[0].category is Category.PERFORMANCE:
            return ""  # its input is large, and the same for every seed but in detail
        for seed in range(1, self.seeds):
            verdicts = self.verdicts(source, checks, seed=seed, until_caught=True)
            if not any(is_caught(verdict) for verdict in verdicts.values()):
                return f"not caught under seed {seed}; strengthen {checks[0].name}"
        return ""

    def mutants(self) -> Iterator[Finding]:
        source = self.kata.reference.read_text("utf-8")
        equivalents = read_equivalents(self.kata.solutions / "equivalent.toml")
        made = [m for m in mutants(source) if m.name not in equivalents]
        survivors = 0
        for mutant in made:
            survived = not self._kills(mutant)
            survivors += survived
            words = f"line {mutant.line} survives, not listed as equivalent"
            yield Finding("mutant", mutant.name, words if survived else "")
        killed = 1 - survivors / max(len(made), 1)
        problem = f"{killed:.1%} killed, {KILLED:.0%} wanted; strengthen the checks"
        yield Finding("mutants", "killed", problem if killed < KILLED else "")
        for name in equivalents.keys() - {m.name for m in mutants(source)}:
            problem = "no such mutant any more; remove it from equivalent.toml"
            yield Finding("mutant", name, problem)

    def _kills(self, mutant: Mutant) -> bool:
        # those first that have caught nothing yet: they may be needed for this one
        checks = sorted(self.about_results, key=lambda c: c.name in self.needed)
        verdicts = self.verdicts(mutant.source.encode(), checks, until_caught=True)
        caught = [name for name, verdict in verdicts.items() if is_caught(verdict)]
        self.needed.update(caught)
        return bool(caught)

    def every_check(self) -> Iterator[Finding]:
        for check in self.judges.checks:
            problem = "catches nothing; remove it, or add the wrong answer it is for"
            missing = check.name not in self.needed
            yield Finding("check", check.name, problem if missing else "")


def is_caught(verdict: str) -> bool:
    return verdict not in UNDECIDED


def digest(*parts: object) -> str:
    text = "\0".join(
        part.hex() if isinstance(part, bytes) else str(part) for part in parts
    )
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def kept_file(kata: Kata) -> Path:
    return kata.folder.parents[1] / ".kata" / "audit" / f"{kata.name}.jsonl"
