"""Grades one answer: the one place that puts the parts together."""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from graders.candidate import MAX_SHRINKS, Answer
from graders.checks import CheckFacts, Judged, Outcome
from graders.judges import Judges
from graders.kata import Kata
from graders.results import (
    Category,
    Check,
    Performance,
    Report,
    Timing,
    Verdict,
)
from graders.scoring import levels_of, scores_of
from graders.speed import machine_busy

MAX_SOURCE = 1 << 20
RUN_S = 60.0
"""The answer's own seconds for the whole run; later checks are not run."""

Watch = Callable[[Check], None]


def grade(
    kata: Kata,
    answer: Path,
    *,
    seed: int | None = None,
    deep: bool = False,
    up_to_level: int | None = None,
    only: Collection[str] | None = None,
    watch: Watch = lambda check: None,
) -> Report:
    """Return the report on one file; `watch` is told each check as it ends.

    With `only`, nothing but the checks of these names is run.

    Raises KataError for a kata that is not well made, OSError for a file that cannot
    be read, GraderFault for a failure of the grader itself.
    """
    source = answer.read_bytes()
    with Judges(kata, deep=deep) as judges:
        return grade_with(
            judges,
            source,
            str(answer),
            seed=kata.default_seed if seed is None else seed,
            up_to_level=up_to_level,
            only=only,
            watch=watch,
        )


def grade_with(
    judges: Judges,
    source: bytes,
    name: str,
    *,
    seed: int,
    up_to_level: int | None = None,
    only: Collection[str] | None = None,
    categories: Collection[Category] = tuple(Category),
    watch: Watch = lambda check: None,
) -> Report:
    """Grade with judges that are already there, as the audit does many times."""
    text, problem = decoded(source)
    answer = Answer(text, Path(name).name)
    problem = judges.prepare(answer) or problem
    facts = [
        check
        for check in judges.checks
        if check.category in categories
        and (up_to_level is None or check.level <= up_to_level)
        and (only is None or check.name in only)
    ]
    run = Run(judges, seed, watch)
    if problem is not None:
        run.all_end_with(facts, problem)
    else:
        run.all(facts)
    return report_of(judges, name, seed, facts, run)


def decoded(source: bytes) -> tuple[str, Outcome | None]:
    """Return the text of an answer, or why it has none."""
    problem = ""
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        problem = f"The file is not UTF-8 (line {line}): save it as UTF-8."
    if len(source) > MAX_SOURCE:
        problem = f"The file is larger than {MAX_SOURCE >> 20} MiB."
    if problem:
        return "", Outcome(Verdict.ERROR, problem)
    return text, None


class Run:
    """The checks of one answer, as they end."""

    def __init__(
        self, judges: Judges, seed: int, watch: Watch, shrinks: int = MAX_SHRINKS
    ) -> None:
        self.judges = judges
        self.seed = seed
        self.watch = watch
        self.shrinks = shrinks
        self.until_caught = False
        """Whether the first verdict that is not a pass ends the run."""
        self.caught = False
        self.judged: dict[str, Judged] = {}
        self.own_s = 0.0

    def all_end_with(self, facts: list[CheckFacts], outcome: Outcome) -> None:
        """Note one outcome for checks that need not run."""
        for fact in facts:
            self._end(Judged(fact.ended(outcome)))

    def all(self, facts: list[CheckFacts]) -> None:
        """Run what is about results, then time what is right."""
        timed = [fact for fact in facts if fact.category is Category.PERFORMANCE]
        self._run([fact for fact in facts if fact not in timed])
        measurable = []
        for fact in timed:
            outcome = self.why_not_timed(fact)
            if outcome is None:
                measurable.append(fact)
            else:
                self.all_end_with([fact], outcome)
        self._run(measurable)

    def _run(self, facts: list[CheckFacts]) -> None:
        names: Iterable[str] = [fact.name for fact in facts]
        names = self._while_patient(names)
        for judged in self.judges.run(names, self.seed, self.shrinks):
            self.own_s += judged.own_s
            self._end(judged)
        message = f"Not run: your code has used up its {RUN_S:g} s for all checks."
        if self.until_caught:
            return
        left = [fact for fact in facts if fact.name not in self.judged]
        self.all_end_with(left, Outcome(Verdict.TIMEOUT, message))

    def _while_patient(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            if self.own_s > RUN_S or (self.until_caught and self.caught):
                return
            yield name

    def _end(self, judged: Judged) -> None:
        self.judged[judged.check.name] = judged
        self.caught = self.caught or not judged.check.passed
        self.watch(judged.check)

    def why_not_timed(self, fact: CheckFacts) -> Outcome | None:
        """A wrong answer has no speed: return what stands in the way of timing it."""
        about = [
            judged
            for judged in self.judged.values()
            if judged.check.category is Category.CORRECTNESS
            and judged.check.level <= fact.level
        ]
        using = [judged for judged in about if judged.used & set(fact.measures)]
        failed = [judged.check for judged in using if not judged.check.passed]
        if using and not failed:
            return None
        failed = failed or [judged.check for judged in about]
        names = " and ".join(fact.measures)
        if all(check.verdict is Verdict.TODO for check in failed):
            return Outcome(Verdict.TODO, f"{names} is still to do")
        words = f"Timed once the correctness checks of {names} pass."
        return Outcome(Verdict.NOT_MEASURED, words)


def report_of(
    judges: Judges, name: str, seed: int, facts: list[CheckFacts], run: Run
) -> Report:
    kata = judges.kata
    checks = [run.judged[fact.name].check for fact in facts]
    ordered = sorted(checks, key=lambda check: check.level)
    return Report(
        kata=kata.name,
        answer=name,
        seed=seed,
        environment=environment_of(kata),
        protection=tuple(judges.protection),
        levels=levels_of(ordered, kata.levels),
        checks=tuple(ordered),
        performance=performance_of(kata, facts, run),
        scores=scores_of(ordered, kata.settings.weights),
    )


def performance_of(kata: Kata, facts: list[CheckFacts], run: Run) -> Performance:
    timings: list[Timing] = []
    for fact in facts:
        timing = run.judged[fact.name].timing
        if timing is not None:
            timings.append(replace(timing, check=fact.name, law=fact.law))
    budget = kata.settings.performance.budget
    return Performance(tuple(timings), budget, machine_busy())


def environment_of(kata: Kata) -> dict[str, str]:
    return {
        "kata_version": str(kata.settings.version),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "hypothesis": version("hypothesis"),
    }
