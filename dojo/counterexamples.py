"""A counterexample as a Python file that runs by itself, also under a debugger."""

from __future__ import annotations

import ast
from pathlib import Path

from graders.results import Check, Counterexample

_FILE = '''\
"""{law}

Run it with  python3 {name}
To step through your answer, take the # from breakpoint() below.
"""

import importlib.util
import sys
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

ANSWER = {answer!r}

spec = importlib.util.spec_from_file_location("answer", ANSWER)
answer = sys.modules["answer"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(answer)
globals().update({{k: v for k, v in vars(answer).items() if not k.startswith("__")}})


class Clock:
    def __init__(self, now):
        self.now = now

    def set(self, now):
        self.now = now

    def __call__(self):
        return self.now


class Script:
    """Gives its steps in turn, the last one for ever; raises exceptions."""

    def __init__(self, *steps):
        self.steps = list(steps)

    def __call__(self, *args, **kwargs):
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step


class Stream:
    """Gives its items once, and counts those that were taken."""

    def __init__(self, items):
        self.items = items
        self.count = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.count == len(self.items):
            raise StopIteration
        self.count += 1
        return self.items[self.count - 1]

    def taken(self):
        return self.count


print("expected ", {expected!r})
{code}
print("got      ", {got})
'''


def runnable(check: Check, answer: Path, file: str) -> str:
    """Return the source of a file that shows what a check expected and what it got."""
    example = check.counterexample
    assert example is not None
    code, got = _ending_in_a_value(example)
    law = check.law.replace("\\", "\\\\").replace('"""', "'''")
    return _FILE.format(
        law=law,
        name=file,
        answer=str(answer.resolve()),
        expected=example.expected,
        code=code,
        got=got,
    )


def _ending_in_a_value(example: Counterexample) -> tuple[str, str]:
    """Return the statements, and the name that holds what the last one gave."""
    *before, last = example.code
    before.append("# breakpoint()")
    if not isinstance(ast.parse(last).body[-1], ast.Assign):
        return "\n".join([*before, f"got = {last}"]), "got"
    return "\n".join([*before, last]), last.partition(" = ")[0]
