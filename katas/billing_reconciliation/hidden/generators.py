"""Two exports of one billing month, made from a seed, with known discrepancies.

The processor's rows are as `parse_a` takes them, the ledger's as `parse_b` does. Most
pairs share a reference and agree. The others are of known kinds, and `Month` says for
each row where a right report has it: there is only one right report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

DECIMALS = {"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "JPY": 0, "KRW": 0, "KWD": 3}
OTHER = {"EUR": "USD", "USD": "EUR", "GBP": "CHF", "CHF": "GBP", "JPY": "KRW"}
"""A currency of as many decimals."""
FIRST = date(2024, 3, 1)
DAYS = 31
MOST_ODD = 8
"""Most of each kind of discrepancy in a currency: few rows may be near one."""


@dataclass
class Month:
    """Both exports, and the report that they should give."""

    a: list[dict[str, Any]] = field(default_factory=list)
    b: list[dict[str, str]] = field(default_factory=list)
    matched: list[tuple[str, str]] = field(default_factory=list)
    differing: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    grouped: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    only_a: list[str] = field(default_factory=list)
    only_b: list[str] = field(default_factory=list)


def month(seed: int, size: int) -> Month:
    """Return a month of about `size` rows a side."""
    return Maker(Random(seed), size).made()


class Maker:
    """Adds rows to a month, one event of business after another.

    Amounts end in 01, those of payouts of k charges in 0k: so nothing adds up by
    accident, but for whole sums of exactly the right number of rows.
    """

    def __init__(self, random: Random, size: int) -> None:
        self.random = random
        self.size = size
        self.month = Month()
        self.numbers = iter(range(1, 1 << 40))
        self.prices = self.all_different()
        self.codes = list(DECIMALS)

    def all_different(self) -> Iterator[int]:
        """Yield amounts that all differ, in no order."""
        step, modulus = 7_368_787, 10_000_019  # primes
        now = self.random.randrange(1, modulus)
        while True:
            now = (now + step) % modulus
            yield 100 * (now + 1) + 1

    def made(self) -> Month:
        odd = max(1, min(MOST_ODD * len(self.codes), self.size // 40))
        for _ in range(odd):
            self.pair("amount", cents=self.random.choice([-100, 100, 1900]))
            self.pair("day", days=5)
            self.pair("currency")
            self.pair("kind", kind="fee")
            self.pair("amount", "day", cents=100, days=-5)
            self.twice("a")
            self.twice("b")
            self.payout()
            self.missing("a")
            self.missing("b")
        for _ in range(self.size // 5):
            self.without_ref()
        while len(self.month.a) < self.size:
            self.pair()
        self.random.shuffle(self.month.a)
        self.random.shuffle(self.month.b)
        return self.month

    # Rows

    def row_a(self, amount: int, code: str, at: datetime, **more: Any) -> str:
        """Add a row of the processor; return its id."""
        id = f"ch_{self.random.getrandbits(48):012x}{next(self.numbers)}"
        seconds = int(at.timestamp())
        row = {"id": id, "ref": None, "amount": amount, "currency": code.lower()}
        row |= {"created": seconds, "type": "charge", **more}
        self.month.a.append(row)
        return id

    def row_b(self, amount: int, code: str, at: datetime, **more: Any) -> str:
        """Add a row of the ledger; return its id."""
        id = f"L{next(self.numbers):08}"
        value = f"{Decimal(amount).scaleb(-DECIMALS[code]):f}"
        row = {"entry": id, "reference": "", "value": value, "ccy": code}
        row |= {"date": self.written(at), "kind": "charge", **more}
        self.month.b.append(row)
        return id

    def written(self, at: datetime) -> str:
        """Return a bare date where it is noon, else a timestamp."""
        return at.date().isoformat() if at.hour == 12 else at.isoformat()

    def noon(self, spare: int = 2) -> datetime:
        """Return noon of a day that has some more days after it."""
        day = FIRST + timedelta(days=self.random.randrange(DAYS - spare))
        return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    def any_time(self, noon: datetime) -> datetime:
        return noon + timedelta(seconds=self.random.randrange(-10_000, 10_000))

    def thing(self) -> tuple[int, str, datetime, str]:
        """Return an amount, currency, noon and reference for the next event."""
        code = self.random.choice(self.codes)
        return next(self.prices), code, self.noon(), f"ord-{next(self.numbers)}"

    # What happens in a month

    def pair(self, *differs: str, cents: int = 0, days: int = 0, **more: Any) -> None:
        """Add a pair of one reference, and where it differs."""
        amount, code, noon, ref = self.thing()
        if "currency" in differs:
            code = self.random.choice(list(OTHER))
            more["ccy"] = OTHER[code]
        a = self.row_a(amount, code, self.any_time(noon), ref=ref)
        at = noon + timedelta(days=days)
        b = self.row_b(amount + cents, code, at, reference=ref, **more)
        if differs:
            self.month.differing.append((a, b, differs))
        else:
            self.month.matched.append((a, b))

    def without_ref(self) -> None:
        """Two payments of one price, a week apart, each booked a day later."""
        amount, code, noon, _ = self.thing()
        for days in (0, 7):
            at = noon + timedelta(days=days)
            a = self.row_a(amount, code, self.any_time(at))
            b = self.row_b(amount, code, at + timedelta(days=1))
            self.month.matched.append((a, b))

    def twice(self, side: str) -> None:
        """The same payment exported twice by one side."""
        amount, code, noon, ref = self.thing()
        at, again = noon, noon + timedelta(days=1)
        a, b = [], []
        a.append(self.row_a(amount, code, at, ref=ref))
        b.append(self.row_b(amount, code, at, reference=ref))
        if side == "a":
            a.append(self.row_a(amount, code, again, ref=ref))
        else:
            b.append(self.row_b(amount, code, again, reference=ref))
        first, double = a if side == "a" else b
        self.month.matched.append((a[0], b[0]))
        self.month.duplicates.append((f"{side}:{double}", f"{side}:{first}"))

    def payout(self) -> None:
        """One payout of the processor that the ledger has as its charges."""
        size = self.random.choice([2, 3])
        _, code, noon, ref = self.thing()
        amounts = [next(self.prices) for _ in range(size)]
        one = self.row_a(sum(amounts), code, noon, ref=ref, type="payout")
        at = noon + timedelta(days=1)
        members = [self.row_b(amount, code, at, kind="charge") for amount in amounts]
        self.month.grouped.append((one, tuple(sorted(members))))

    def missing(self, side: str) -> None:
        amount, code, noon, ref = self.thing()
        if side == "b":
            self.month.only_a.append(self.row_a(amount, code, noon, ref=ref))
        else:
            self.month.only_b.append(self.row_b(amount, code, noon, reference=ref))
