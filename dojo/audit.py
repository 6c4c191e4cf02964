"""Prints the author's audit as it goes."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from graders.audit import Audit, Finding, Kept, kept_file
from graders.judges import Judges
from graders.kata import read_kata


def audit_all(names: Iterable[str]) -> bool:
    """Audit katas; tell whether all is well. Interrupted, it goes on where it was."""
    passed = [audit_one(name) for name in names]
    return all(passed)


def audit_one(name: str) -> bool:
    kata = read_kata(name)
    print(f"{name}: audit")
    with Judges(kata) as judges:
        judges.collect()
        audit = Audit(kata, judges, Kept(kept_file(kata)))
        passed = [run_step(title, step()) for title, step in audit.steps()]
    return all(passed)


def run_step(title: str, findings: Iterable[Finding]) -> bool:
    problems, looked_at = [], 0
    for finding in findings:
        looked_at += 1
        if finding.problem:
            problems.append(finding)
        show_progress(f"  {title}: {looked_at} ({finding.subject})")
    show_progress("")
    print(f"  {'FAIL' if problems else 'ok':<5} {title} ({looked_at})", flush=True)
    for finding in problems:
        print(f"        {finding.step} {finding.subject}: {finding.problem}")
    return not problems


def show_progress(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line[:78]}")
        sys.stderr.flush()
