"""The story that a check tells: statements as source, and what came of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graders.raising import AnswerRaised, LawBroken
from graders.showing import show


@dataclass(slots=True)
class Event:
    """One line of the story that a check tells: a statement and what came of it."""

    text: Callable[[int], str]
    """Gives the statement as source, each value cut to a width."""
    result: Any = None
    raised: AnswerRaised | None = None
    is_call: bool = True


@dataclass
class Failure:
    """A failing example: what went wrong, and the story up to there."""

    error: AnswerRaised | LawBroken
    events: list[Event]
    printed: str = ""


def arguments(args: Sequence[Any], kwargs: dict[str, Any], width: int) -> str:
    named = (f"{key}={show(arg, width)}" for key, arg in kwargs.items())
    return ", ".join([*(show(arg, width) for arg in args), *named])


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
