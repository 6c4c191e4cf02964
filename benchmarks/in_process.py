"""A pytest plugin that runs hidden checks with the answer imported into this process.

A baseline for what the walls between judge and answer cost, and of use to whoever
writes checks:

    ANSWER=solutions/rate_limiter/reference.py SEED=1 PYTHONPATH=. \\
        python -m pytest -p benchmarks.in_process katas/rate_limiter/hidden
"""

from __future__ import annotations

import copy
import os
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, settings

from graders.contract import Contract
from graders.laws import law_of
from graders.raising import AnswerRaised, exception_class

_NO_CONTRACT = Contract(types.ModuleType("none"))


@dataclass
class Event:
    """A call and its result."""

    result: Any


@dataclass(frozen=True)
class Step:
    """One call of `InProcess.play`: when, what, with which arguments."""

    at: int
    call: Call
    args: tuple[Any, ...]


class Clock:
    """A clock that a check sets and an answer reads."""

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def set(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Stream:
    """An iterator that gives its items once, and counts those that were taken."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = list(items)
        self.count = 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        if self.count == len(self.items):
            raise StopIteration
        self.count += 1
        return self.items[self.count - 1]

    def taken(self) -> int:
        return self.count


@dataclass(frozen=True)
class Kept:
    """A value that is an argument of calls, and that can be looked at."""

    made: Any

    def value(self) -> Any:
        return self.made


class Call:
    """A function, class or method of the answer."""

    def __init__(self, candidate: InProcess, function: Callable[..., Any]) -> None:
        self.candidate = candidate
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            result = self.function(
                *(getattr(arg, "made", arg) for arg in args), **kwargs
            )
        except Exception as error:
            raise told(error) from error
        self.candidate.events.append(Event(result))
        is_class = isinstance(self.function, type)
        return Made(self.candidate, result) if is_class else result

    def at(self, moment: int, *args: Any) -> Step:
        return Step(moment, self, args)


@dataclass(frozen=True)
class Made:
    """An object that the answer made."""

    candidate: InProcess
    made: Any

    def __getattr__(self, name: str) -> Call:
        return Call(self.candidate, getattr(self.made, name))


@dataclass
class InProcess:
    """The same surface as `graders.candidate.Candidate`, without a worker."""

    module: types.ModuleType
    events: list[Event] = field(default_factory=list)
    clock = Clock

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.module, name)
        is_data = isinstance(value, type) and (
            is_dataclass(value) or issubclass(value, BaseException)
        )
        return value if is_data else Call(self, value)

    def stream(self, items: Iterable[Any]) -> Stream:
        return Stream(items)

    def keep(self, value: Any, name: str = "kept") -> Kept:
        return Kept(copy.deepcopy(value))

    def script(self, *steps: Any) -> Callable[..., Any]:
        waiting = list(steps)

        def play_next(*args: Any, **kwargs: Any) -> Any:
            step = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(step, Exception):
                raise step
            return step

        return play_next

    def example(self, run: Callable[[], None]) -> None:
        self.events.clear()
        run()

    def play(self, clock: Clock, steps: Sequence[Step]) -> list[Any]:
        return [clock.set(step.at) or step.call(*step.args) for step in steps]


def told(error: Exception) -> AnswerRaised:
    """Return the exception as a check sees one of an answer."""
    bases = [base.__name__ for base in type(error).__mro__]
    seen = exception_class(type(error).__name__, bases, _NO_CONTRACT)()
    seen.said, seen.frames = str(error), []
    return seen


@pytest.fixture(scope="session")
def answer() -> types.ModuleType:
    module = sys.modules["answer"] = types.ModuleType("answer")
    source = Path(os.environ["ANSWER"]).read_text("utf-8")
    exec(compile(source, os.environ["ANSWER"], "exec"), module.__dict__)
    return module


@pytest.fixture
def candidate(answer: types.ModuleType) -> InProcess:
    return InProcess(answer)


@pytest.fixture
def speed() -> None:
    pytest.skip("speed is measured in a process of its own")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    for item in items:
        law = law_of(item.obj)
        if law is None or not hasattr(item.obj, "hypothesis"):
            continue
        settings(
            max_examples=law.examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )(item.obj)
        hypothesis.seed(int(os.environ.get("SEED", "0")))(item.obj)
