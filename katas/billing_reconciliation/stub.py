"""Explain every row of two exports exactly once. Begin with the parsers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Txn:
    """One row of an export."""

    source: str  # "a" | "b"
    id: str  # unique within its source
    ref: str | None  # the reference both sides may share
    amount: int  # minor units, signed
    currency: str  # upper case ISO code
    at: datetime  # timezone-aware
    kind: str = "charge"  # "charge" | "refund" | "fee" | "payout"


@dataclass(frozen=True)
class Policy:
    """How far apart two rows may be and still belong together."""

    window_days: int = 3
    tolerance: int = 0  # minor units, for rows matched by ref
    tz: str = "UTC"  # calendar days are counted in this zone
    max_group: int = 4


@dataclass(frozen=True)
class Report:
    """Where each row of both sides has gone; every tuple is sorted."""

    matched: tuple[tuple[str, str], ...]  # (a id, b id)
    # Same ref: a id, b id, and which of "amount", "currency", "day", "kind" differ,
    # in that order.
    differing: tuple[tuple[str, str, tuple[str, ...]], ...]
    # One row of either side, and the rows of the other that make it up.
    grouped: tuple[tuple[str, tuple[str, ...]], ...]
    # (duplicate, the row it repeats), ids prefixed "a:" or "b:".
    duplicates: tuple[tuple[str, str], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def parse_a(row: Mapping[str, object]) -> Txn:
    """Read a row of the processor (level 1).

    Its keys: "id", "ref", "amount" (an int of minor units), "currency", "created"
    (an int of seconds since 1970 in UTC) and "type".
    """
    raise NotImplementedError


def parse_b(row: Mapping[str, str], decimals: Mapping[str, int]) -> Txn:
    """Read a row of the ledger (level 1); `decimals` says how many a currency has.

    Its keys: "entry", "reference", "value" (major units), "ccy", "date" (YYYY-MM-DD or
    an ISO timestamp with offset) and "kind".
    """
    raise NotImplementedError


def reconcile(a: Sequence[Txn], b: Sequence[Txn], policy: Policy = Policy()) -> Report:
    """Give each row of both sides its place in the report (levels 1 to 4)."""
    raise NotImplementedError
