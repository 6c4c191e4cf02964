"""What is kept of practice, under `.kata/`: reports, counterexamples, old attempts.

Nothing that a learner wrote is ever lost: files are replaced by rename, and a stub is
archived before it is reset.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from dojo.counterexamples import runnable
from dojo.replay import kept
from graders.kata import Kata
from graders.results import Check, Report


def folder_of(kata: Kata) -> Path:
    return kata.folder.parents[1] / ".kata" / kata.name


def save(report: Report, kata: Kata, *, sha256: str = "", deep: bool = False) -> Report:
    """Write a report and its counterexamples; return it with their places filled in.

    `sha256` is of the answer that was graded: for schedules, which are played again.
    """
    folder = folder_of(kata)
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in ("counterexample_*.py", "schedule_*.json"):
        for old in folder.glob(pattern):
            old.unlink()
    checks = _numbered(report, folder, sha256, deep)
    saved = replace(report, checks=checks)
    write(folder / "report.json", saved.to_json())
    if is_own(saved, kata) and saved.scores.total > (best_score(kata) or 0):
        write(folder / "best.json", saved.to_json())
    return saved


def is_own(report: Report, kata: Kata) -> bool:
    """Tell whether a score is the learner's own, and one of the whole kata."""
    whole = [level.level for level in report.levels] == list(kata.levels)
    return whole and not Path(report.answer).resolve().is_relative_to(kata.solutions)


def best_score(kata: Kata) -> int | None:
    """Return the learner's best score of the whole kata; None if there is none yet."""
    try:
        best = Report.from_json((folder_of(kata) / "best.json").read_bytes())
    except (OSError, ValueError):  # not there, or of another version
        return None
    return best.scores.total


def is_begun(kata: Kata) -> bool:
    """Tell whether anything is filled in."""
    try:
        return kata.stub.read_bytes() != kata.starting_point.encode()
    except OSError:
        return False


def _numbered(
    report: Report, folder: Path, sha256: str, deep: bool
) -> tuple[Check, ...]:
    """Return the checks, each counterexample written to a file of its own number."""
    number, checks = 0, []
    for check in report.checks:
        example = check.counterexample
        if example is not None:
            number += 1
            name = f"counterexample_{number}.py"
            if example.schedule:
                name = f"schedule_{number}.json"
                content = kept(report, check, sha256, deep).to_json()
            else:
                shown = f".kata/{folder.name}/{name}"
                content = runnable(check, Path(report.answer), shown).encode()
            write(folder / name, content)
            placed = replace(example, file=f".kata/{folder.name}/{name}")
            check = replace(check, counterexample=placed)
        checks.append(check)
    return tuple(checks)


def reset(kata: Kata) -> Path | None:
    """Restore the pristine stub; return where the attempt is kept, if there was one."""
    pristine = kata.starting_point.encode()
    written = kata.stub.read_bytes() if kata.stub.exists() else pristine
    archived = None if written == pristine else archive(kata, written)
    write(kata.stub, pristine)
    return archived


def archive(kata: Kata, written: bytes) -> Path:
    """Keep a copy of an attempt under its time; never over another one."""
    folder = folder_of(kata) / "attempts"
    folder.mkdir(parents=True, exist_ok=True)
    name = datetime.now().strftime("%Y-%m-%d_%H.%M.%S")
    file, number = folder / f"{name}.py", 1
    while file.exists():
        number += 1
        file = folder / f"{name}_{number}.py"
    write(file, written)
    return file


def write(file: Path, content: bytes) -> None:
    """Replace a file in one step: whoever reads it sees the old or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
