"""Classic mistakes of threads, one a file: WRONG, its repair RIGHT, and the law."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from graders.candidate import Candidate


@dataclass(frozen=True)
class Subject:
    """A mistake, as a source that is its own stub."""

    name: str
    wrong: str
    right: str
    law: Callable[[Candidate], None]


def read(name: str) -> Subject:
    module = importlib.import_module(f"{__name__}.{name}")
    return Subject(name, module.WRONG, module.RIGHT, module.law)


SUBJECTS = {found.name: read(found.name) for found in pkgutil.iter_modules(__path__)}
DEEP = frozenset(name for name in SUBJECTS if name.startswith("four_switches"))
"""Those that only a deep search is meant to find."""
