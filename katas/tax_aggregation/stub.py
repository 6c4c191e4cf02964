"""Tax totals per jurisdiction. Begin with read_lines and totals; Aggregator is last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class Line:
    """One line of a sale, or of a return if `qty` is negative."""

    id: str
    invoice: str
    day: date
    unit_price: int  # minor units
    qty: int
    category: str
    jurisdictions: tuple[str, ...]
    original_day: date | None = None  # of the sale that a return reverses


@dataclass(frozen=True)
class Rule:
    """Say what a jurisdiction takes from `start` to `end`, both days included."""

    id: str
    jurisdiction: str
    rate: Decimal  # 0.0625 is 6.25 %
    start: date
    end: date | None  # None: open
    category: str | None = None  # None: every category
    kind: str = "rate"  # "rate" | "exempt_below" | "exempt_up_to" | "cap"
    limit: int | None = None  # minor units per unit sold, for the last three kinds


@dataclass(frozen=True)
class Rejected:
    """Stand for a line of the stream that could not be read."""

    number: int  # counts from 1
    reason: str


def read_lines(stream: Iterable[str]) -> Iterator[Line | Rejected]:
    """Read JSON texts, one line each, lazily (level 1)."""
    raise NotImplementedError


def totals(
    lines: Iterable[Line], rules: Sequence[Rule], *, rounding: str = "line"
) -> dict[str, int]:
    """Return the tax of each jurisdiction; rounding by "line" or "invoice" (1-3)."""
    raise NotImplementedError


class Aggregator:
    """Keep totals up to date while lines come twice, late or corrected (level 4)."""

    def __init__(self, rules: Sequence[Rule], *, rounding: str = "line") -> None:
        """Take the rules, which stay the same, and how to round."""
        raise NotImplementedError

    def add(self, line: Line) -> None:
        """Take in a line, unless one with its id is there already."""
        raise NotImplementedError

    def correct(self, line: Line) -> None:
        """Put this line in the place of the one with its id, seen or not yet seen."""
        raise NotImplementedError

    def merge(self, other: Aggregator) -> None:
        """Take in what the other was told, as if it had been told here, after all."""
        raise NotImplementedError

    def totals(self) -> dict[str, int]:
        """Return the tax of each jurisdiction for the lines held now."""
        raise NotImplementedError

    def conflicts(self) -> list[tuple[str, date, str, str]]:
        """Return (jurisdiction, day, id of rule used, id passed over), sorted."""
        raise NotImplementedError
