"""A report as text for a terminal of at least 80 columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from dojo.render.plot import doubling_table, plot
from graders.kata import Kata
from graders.results import (
    UNDECIDED,
    Category,
    Check,
    Counterexample,
    Performance,
    Report,
    Scores,
    Timing,
    Verdict,
)

WIDTH = 80
CODE_LINES = 5
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1"}
_WORDS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "FAIL",
    Verdict.TODO: "to do",
    Verdict.ERROR: "ERROR",
    Verdict.TIMEOUT: "TIMEOUT",
    Verdict.MEMORY: "MEMORY",
    Verdict.OUTPUT: "OUTPUT",
    Verdict.EXIT: "EXIT",
    Verdict.DEADLOCK: "DEADLOCK",
    Verdict.RACE: "RACE",
    Verdict.NOT_MEASURED: "-",
}


_UNTIMED = (Verdict.TODO, Verdict.NOT_MEASURED)


class Terminal:
    """Turns reports into text, in colour or not."""

    def __init__(self, kata: Kata, *, again: str = "", colour: bool = False) -> None:
        self.kata = kata
        self.again = again or f"make check KATA={kata.name}"
        """The command that grades the same once more."""
        self.colour = colour

    def report(self, report: Report) -> str:
        """Return everything a learner wants to know, the most useful thing last."""
        title = self.paint("bold", f"{self.kata.settings.title}: {report.answer}")
        cause = common_cause(report)
        if cause:
            body = ["", *indented(cause, 2)]
        else:
            body = [*self.levels(report), *self.performance(report)]
        return "\n".join([title, *body, "", *self.closing(report)])

    def replayed(self, check: Check, words: str) -> str:
        """Return one check, and how it relates to the schedule that was kept."""
        return "\n".join([*self.check(check, {}), "", *wrapped(words)])

    def paint(self, name: str, text: str) -> str:
        return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m" if self.colour else text

    # Laws

    def levels(self, report: Report) -> Iterator[str]:
        for level in report.levels:
            checks = [
                check
                for check in report.checks
                if check.level == level.level
                and check.category is not Category.PERFORMANCE
            ]
            yield ""
            yield from self.level(f"Level {level.level}  {level.title}", checks)

    def level(self, title: str, checks: list[Check]) -> Iterator[str]:
        if checks and all(check.verdict is Verdict.TODO for check in checks):
            yield f"{self.paint('bold', title)}: to do ({len(checks)} laws)"
            return
        passed = sum(check.passed for check in checks)
        yield f"{self.paint('bold', title)}: {passed} of {len(checks)} laws hold"
        shown = dict[str, str]()
        for check in checks:
            yield from self.check(check, shown)

    def check(self, check: Check, shown: dict[str, str]) -> Iterator[str]:
        """Yield a law and what breaks it; the same thing is told in full only once."""
        yield from self.law(check)
        example = check.counterexample
        if check.passed:
            return
        if check.message in shown:
            if example is not None:
                where = shown[check.message]
                yield from self.fact("got", f"the same as in {where}", "red")
        elif example is not None:
            yield from self.counterexample(example)
            shown[check.message] = example.file.rpartition("/")[2]
        else:
            yield from indented(check.message, 10)
            shown[check.message] = ""

    def law(self, check: Check) -> Iterator[str]:
        word = f"{_WORDS[check.verdict]:<8}"
        colour = "green" if check.passed else "yellow"
        if check.verdict not in UNDECIDED:
            colour = "red"
        gap = "" if word.endswith(" ") else " "
        first, *rest = textwrap.wrap(check.law, WIDTH - 10, initial_indent=gap)
        yield f"  {self.paint(colour, word)}{first}"
        yield from (f"          {line}" for line in rest)

    def counterexample(self, example: Counterexample) -> Iterator[str]:
        """Yield at most about eight lines: statements, got and expected, the file."""
        lines = joined(example.code)
        for line in lines if example.schedule else shortened(lines):
            yield f"          {cut(line)}"
        for line in example.schedule:
            yield f"    {cut(line, WIDTH - 4)}"
        yield from self.fact("got", example.got, "red")
        yield from self.fact("expected", example.expected, "green")
        if example.where:
            yield from self.fact("at", example.where, "dim")
        if example.printed:
            lines = example.printed.strip().splitlines()
            more = [f"… ({len(lines) - 3} more lines)"] if len(lines) > 3 else []
            yield from self.fact("printed", " | ".join([*lines[:3], *more]), "dim")
        if example.file:
            yield from self.fact("run it", how_to_run(example), "dim")

    def fact(self, name: str, text: str, colour: str) -> Iterator[str]:
        first, *rest = textwrap.wrap(one_line(text), WIDTH - 20) or [""]
        yield f"          {self.paint(colour, f'{name:<9}')} {first}"
        for line in rest[:2]:
            yield " " * 20 + line
        if rest[2:]:
            yield " " * 20 + "…"

    # Speed

    def performance(self, report: Report) -> Iterator[str]:
        timings = {timing.check: timing for timing in report.performance.timings}
        checks = [c for c in report.checks if c.category is Category.PERFORMANCE]
        if not checks:
            return
        yield ""
        if all(check.verdict in _UNTIMED for check in checks):
            words = f"timed once the correctness laws hold ({len(checks)} laws)"
            yield f"{self.paint('bold', 'Performance')}: {words}"
            return
        yield self.paint("bold", "Performance")
        for check in checks:
            yield from self.law(check)
            timing = timings.get(check.name)
            if timing is None:
                yield from indented(check.message, 10)
            else:
                yield from self.timing(timing, check, report.performance)
        if timings and report.performance.machine_busy:
            yield "  machine busy: took longer, score unaffected"

    def timing(
        self, timing: Timing, check: Check, performance: Performance
    ) -> Iterator[str]:
        last = timing.sizes[-1]
        figures = (
            f"n={last.n}: you {last.answer_ms:.1f} ms, "
            f"reference {last.reference_ms:.1f} ms, {last.ratio:.2f}x, "
            f"tier {timing.tier}{growth_text(timing)}"
        )
        yield f"          {cut(figures)}"
        if not check.passed:
            yield from indented(check.message, 10)
            yield from (f"          {line}" for line in doubling_table(timing))
            yield from (f"          {line}" for line in plot(timing, performance))

    # What it comes to

    def closing(self, report: Report) -> Iterator[str]:
        yield self.paint("bold", f"Score {report.scores.total}") + score_parts(
            report.scores
        )
        yield self.isolation(report)
        words, *commands = next_step(report, self.kata)
        yield from wrapped(words)
        # a command stands alone on its line, whole, to be copied
        yield from (f"  {command}" for command in [*commands, self.again])

    def isolation(self, report: Report) -> str:
        layers = "; ".join(report.protection)
        if "files" in layers and "seccomp" in layers:
            words = f"strong ({layers})"
        else:
            words = "basic (files and network not isolated), grade not verified"
        return self.paint("dim", cut(f"isolation: {words}", WIDTH))


def growth_text(timing: Timing) -> str:
    """Return how the ratio grows; 0 is to grow as the reference does."""
    return "" if timing.growth is None else f", ratio n^{timing.growth:.2f}"


def score_parts(scores: Scores) -> str:
    parts = [
        f"{category.value.replace('_', ' ')} {getattr(scores, category.value)}"
        for category in Category
        if getattr(scores, category.value) is not None
    ]
    return f" of 100   ({', '.join(parts)})"


def common_cause(report: Report) -> str:
    """Return why nothing could be checked at all, or ""."""
    causes = {(check.verdict, check.message) for check in report.checks}
    verdict, message = next(iter(causes))
    known = len(causes) == 1 and verdict not in (Verdict.PASS, Verdict.TODO)
    return f"{_WORDS[verdict]}: {message}" if known and message else ""


def next_step(report: Report, kata: Kata) -> list[str]:
    """Return the one thing to do now, and the commands that help with it."""
    failing = sorted(
        (check for check in report.checks if not check.passed),
        # what is only not timed yet is repaired by what comes before it
        key=lambda check: (
            check.verdict is Verdict.NOT_MEASURED,
            check.level,
            check.verdict is not Verdict.TODO,
        ),
    )
    if not failing:
        return [
            f"Every law holds. Compare your answer with solutions/{kata.name}/"
            "reference.py, and read notes.md beside it. To be sure once more:"
        ]
    first = failing[0]
    if common_cause(report):
        return ["Next: repair that, for nothing could be checked. Then:"]
    if first.verdict is Verdict.TODO:
        where = f" in {report.answer}" * first.message.endswith(" to do")
        return [
            f"Next: level {first.level}, {first.message}{where}; "
            f"katas/{kata.name}/README.md says what it is to do. Then:"
        ]
    example = first.counterexample
    words = (
        f"Next: level {first.level}, “{first.law}” {help_with(first)}Then once more:"
    )
    return [words, how_to_run(example)] if example and example.file else [words]


def help_with(check: Check) -> str:
    """Return which page helps to find what is wrong, or ""."""
    slow = (Verdict.FAIL, Verdict.TIMEOUT)
    if check.category is Category.PERFORMANCE and check.verdict in slow:
        return "docs/how-to/find-what-is-slow.md shows how to find the cause. "
    return ""


def how_to_run(example: Counterexample) -> str:
    """Return the command that shows a counterexample once more."""
    if example.schedule:
        return f"make replay FILE={example.file}"
    return f"python3 {example.file}"


def joined(code: tuple[str, ...]) -> list[str]:
    """Return the lines, each setting of a clock before the call that it is for.

    Where both together are too wide, they stay apart: their ends are what matters.
    """
    lines: list[str] = []
    sets_clock = False
    for line in code:
        if sets_clock and len(f"{lines[-1]}; {line}") <= WIDTH - 10:
            lines[-1] += f"; {line}"
        else:
            lines.append(line)
        sets_clock = bool(re.fullmatch(r"clock\w* = .*|clock\w*\.set\(.*\)", line))
    return lines


def shortened(lines: list[str]) -> list[str]:
    """Return a few of the lines: what is made first, and above all the last ones."""
    if len(lines) <= CODE_LINES:
        return lines
    left_out = len(lines) - CODE_LINES + 1
    return [lines[0], f"# ... {left_out} more in the file", *lines[2 - CODE_LINES :]]


def cut(text: str, width: int = WIDTH - 10) -> str:
    line = one_line(text)
    return line if len(line) <= width else line[: width - 1] + "…"


def one_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text)


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def indented(text: str, by: int) -> Iterator[str]:
    for line in textwrap.wrap(text, WIDTH - by, break_on_hyphens=False)[:6]:
        yield " " * by + line
