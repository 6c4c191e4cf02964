"""The only reader of a kata folder: gives a `Kata`, or says what is wrong with it."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from graders.contract import Contract, read_contract

ROOT = Path(__file__).parents[1]
NEEDED = (
    "README.md",
    "kata.toml",
    "examples.py",
    "hints.md",
    "hidden/test_correctness.py",
    "hidden/test_edge_cases.py",
    "hidden/test_performance.py",
)
_STARTING_POINT = re.compile(
    r"^## Starting point\n.*?^```python\n(.*?)^```$", re.M | re.S
)


class KataError(Exception):
    """A kata that is not there or not well made: one line with file and repair."""


class LevelText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A level in kata.toml."""

    title: str
    minutes: int


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A clarifying question and its answer."""

    level: int
    question: str
    answer: str


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much each category counts; they sum to 100."""

    correctness: int = 50
    edge_cases: int = 25
    performance: int = 25


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of an answer's speed."""

    budget: float = 1.5


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """kata.toml as it is written."""

    version: int
    title: str
    minutes: int
    topics: list[str]
    levels: list[LevelText]
    questions: list[Question] = []
    weights: Weights = Weights()
    performance: Budget = Budget()


@dataclass(frozen=True)
class Kata:
    """All that the engine knows of one kata."""

    name: str
    folder: Path
    solutions: Path
    settings: Settings
    starting_point: str
    """The pristine stub, from the statement; `stub.py` is the learner's."""

    @property
    def stub(self) -> Path:
        return self.folder / "stub.py"

    @property
    def hidden(self) -> Path:
        return self.folder / "hidden"

    @property
    def reference(self) -> Path:
        return self.solutions / "reference.py"

    @property
    def yardstick(self) -> Path:
        """The reference that speed is compared with: the one tuned for it, if any."""
        fast = self.solutions / "fast.py"
        return fast if fast.is_file() else self.reference

    @property
    def levels(self) -> dict[int, str]:
        return dict(enumerate((level.title for level in self.settings.levels), start=1))

    @cached_property
    def contract(self) -> Contract:
        try:
            return read_contract(self.starting_point, f"contract_{self.name}")
        except Exception as error:
            raise KataError(
                f"the Starting point of katas/{self.name}/README.md does not run: "
                f"{type(error).__name__}: {error}; correct it"
            ) from None

    @property
    def default_seed(self) -> int:
        """The same for everybody who has this version of the kata."""
        text = f"{self.name} {self.settings.version}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def kata_names(root: Path = ROOT) -> list[str]:
    return sorted(path.parent.name for path in root.glob("katas/*/kata.toml"))


def read_kata(name: str, root: Path = ROOT) -> Kata:
    """Return the kata of this name; KataError says in one line why it cannot be."""
    folder = root / "katas" / name
    if not re.fullmatch(r"\w+", name) or not folder.is_dir():
        raise KataError(_no_such_kata(name, kata_names(root)))
    for needed in NEEDED:
        if not (folder / needed).is_file():
            raise KataError(f"katas/{name}/{needed} is missing; every kata needs one")
    settings = _read_settings(folder / "kata.toml", name)
    starting_point = _read_starting_point(folder / "README.md", name)
    return Kata(name, folder, root / "solutions" / name, settings, starting_point)


def _no_such_kata(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f'no kata named {name!r}; {guess}"make list" shows all {len(known)}'


def _read_settings(file: Path, name: str) -> Settings:
    where = f"katas/{name}/kata.toml"
    try:
        data = tomllib.loads(file.read_text("utf-8"))
        settings = msgspec.convert(data, Settings)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KataError(f"{where} is not valid TOML: {error}; correct it") from None
    except msgspec.ValidationError as error:
        raise KataError(f"{where} is not as expected: {error}; correct it") from None
    problem = _problem_of(settings)
    if problem:
        raise KataError(f"{where}: {problem}")
    return settings


def _problem_of(settings: Settings) -> str:
    weights = settings.weights
    total = weights.correctness + weights.edge_cases + weights.performance
    if total != 100:
        return f"weights sum to {total}; make them sum to 100"
    if not settings.levels:
        return "no [[levels]]; add one for each level of the statement"
    levels = len(settings.levels)
    for question in settings.questions:
        if not 1 <= question.level <= levels:
            return f"a question is of level {question.level}; there are 1 to {levels}"
    return ""


def _read_starting_point(file: Path, name: str) -> str:
    try:
        found = _STARTING_POINT.search(file.read_text("utf-8"))
    except UnicodeDecodeError:
        raise KataError(f"katas/{name}/README.md is not UTF-8; save it so") from None
    if not found:
        raise KataError(
            f'katas/{name}/README.md has no "## Starting point" with a ```python '
            "block; add the pristine stub there"
        )
    return found[1]
