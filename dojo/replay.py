"""A schedule under which an answer failed: kept as a file, and played again.

The same seed gives the same schedules. So little is kept that the file can be read:
what was played, on which answer, and what was shown of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from graders.kata import Kata, KataError
from graders.results import Check, Counterexample, Report

VERSION = 1


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to play a schedule again, and what it showed."""

    version: int = VERSION
    kata: str
    check: str
    law: str
    answer: str
    """The file, as an absolute path."""
    sha256: str
    """Of the answer's bytes when it was graded."""
    seed: int
    deep: bool
    environment: dict[str, str]
    code: tuple[str, ...]
    schedule: tuple[str, ...]
    got: str
    expected: str

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def kept(report: Report, check: Check, sha256: str, deep: bool) -> Kept:
    """Return what is to be kept of a check that failed under some schedule."""
    example = check.counterexample
    assert example is not None
    return Kept(
        kata=report.kata,
        check=check.name,
        law=check.law,
        answer=str(Path(report.answer).resolve()),
        sha256=sha256,
        seed=report.seed,
        deep=deep,
        environment=report.environment,
        code=example.code,
        schedule=example.schedule,
        got=example.got,
        expected=example.expected,
    )


def read(file: Path) -> Kept:
    """Read such a file; KataError if it is none."""
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is not there"
        raise KataError(
            f'{file} {what}; a failing "kata check" says which file to give'
        )
    try:
        return msgspec.json.decode(file.read_bytes(), type=Kept)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KataError(
            f"{file} is no schedule that was kept: {error}; "
            "give a file such as .kata/<kata>/schedule_1.json"
        ) from None


def fingerprint(answer: Path) -> str:
    return hashlib.sha256(answer.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Replayed:
    """A kept schedule, and the report on the same check as the answer is now."""

    before: Kept
    report: Report
    is_changed: bool
    """Whether the answer is another one than it was."""

    @property
    def check(self) -> Check:
        return self.report.checks[0]

    @property
    def words(self) -> str:
        """Say how what is shown relates to what was kept."""
        if self.check.passed and self.is_changed:
            return "The answer has changed since, and no schedule that was tried fails."
        if self.check.passed:
            return (
                f"The answer is the same, but no schedule fails now{self._elsewhere}."
            )
        if self.is_changed:
            return "The answer has changed since; this is how it fails now."
        if self._is_as_it_was(self.check.counterexample):
            return "This is the schedule that was kept."
        return f"The answer is the same, but fails in another way now{self._elsewhere}."

    def _is_as_it_was(self, example: Counterexample | None) -> bool:
        before = self.before
        return example is not None and (before.code, before.schedule, before.got) == (
            example.code,
            example.schedule,
            example.got,
        )

    @property
    def _elsewhere(self) -> str:
        """Return what else is not as it was, for a sentence; "" if nothing is."""
        now, then = self.report.environment, self.before.environment
        changed = [
            f"{name} was {then.get(name, 'unknown')} and is {value}"
            for name, value in now.items()
            if then.get(name) != value
        ]
        return f": {', '.join(changed)}" if changed else ""


def replay(before: Kept, kata: Kata) -> Replayed:
    """Play the schedules of a kept check again, on the answer as it is now."""
    from graders.grade import grade

    answer = Path(before.answer)
    if not answer.is_file():
        raise KataError(f"the answer {answer} is not there any more; put it back")
    found = fingerprint(answer)
    report = grade(
        kata, answer, seed=before.seed, deep=before.deep, only=(before.check,)
    )
    if not report.checks:
        raise KataError(
            f"{kata.name} has no check {before.check!r} any more; grade the answer anew"
        )
    return Replayed(before, report, found != before.sha256)
