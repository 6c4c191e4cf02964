"""The work that performance checks time, made from a seed.

Each has only one right report, for reports are compared with the reference's. Few rows
are left over near each other, so that there is little to group.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, product
from random import Random
from string import ascii_uppercase
from typing import Any

import generators

START = datetime(2024, 1, 1, 12, tzinfo=UTC)
CODES = ["".join(letters) for letters in product(ascii_uppercase, repeat=3)]
"""Far more currencies than there are: rows of another one are of no account."""


class Sides:
    """The rows of both sides, as they are made."""

    def __init__(self, candidate: Any, seed: int) -> None:
        self.candidate = candidate
        self.random = Random(seed)
        self.numbers = count(1)
        self.a: list[Any] = []
        self.b: list[Any] = []

    def add(
        self,
        side: str,
        days: int,
        amount: int,
        code: str = "EUR",
        ref: str | None = None,
    ) -> None:
        id = f"{side}{self.random.getrandbits(32):08x}{next(self.numbers)}"
        rows = self.a if side == "a" else self.b
        at = START + timedelta(days=days, seconds=self.random.randrange(40_000))
        rows.append(self.candidate.Txn(side, id, ref, amount, code, at))

    def reconcile(self, **policy: Any) -> None:
        self.random.shuffle(self.a)
        self.random.shuffle(self.b)
        policy = self.candidate.Policy(**policy)
        self.candidate.reconcile(self.a, self.b, policy)


def amount(number: int) -> int:
    """Return an amount of which no 2 to 4 add up to another one."""
    return 100 * number + 10


def by_ref(candidate: Any, n: int, seed: int) -> None:
    """Most references are of one row a side; one has an eighth of all rows."""
    sides = Sides(candidate, seed)
    for number in range(n):
        busy = number % 8 == 0
        ref = "standing order" if busy else f"ord-{number}"
        for side in "ab":
            if number % 50 != 1 or (side == "a") == (number % 100 == 1):
                # what has no partner is alone in its currency
                code = CODES[number] if number % 50 == 1 else "EUR"
                days = number % 365 if busy else sides.random.randrange(365)
                sides.add(side, days, amount(number), code, ref)
    sides.reconcile(window_days=1)


# Days of a few equal rows a side, with one best choice each for a window of 3
PATTERNS = [
    ([0], [2]),
    ([0, 2], [1, 3]),
    ([3, 1], [4, 2]),
    ([0, 4, 9, 11], [1, 5, 10, 12]),
]
SURPLUS = ([0, 3, 20], [2, 21, 23])
"""One row of each side has nobody near."""


def small_buckets(candidate: Any, n: int, seed: int) -> None:
    """Many amounts, and a few rows without a ref of each."""
    sides = Sides(candidate, seed)
    for number in count():
        if len(sides.a) >= n:
            break
        pattern = sides.random.choice(PATTERNS) if number % 20 else SURPLUS
        first, code = sides.random.randrange(300), CODES[number]
        for side, days in zip("ab", pattern, strict=True):
            for day in days:
                sides.add(side, first + day, amount(number), code)
    sides.reconcile()


def one_bucket(candidate: Any, n: int, seed: int) -> None:
    """Equal rows without a ref, all in reach of each other; one choice is the best.

    All but the first row of a are nearest to the partner of the row before. To whoever
    adds one pair after the other, each row is a reason to think of moving all others.
    """
    sides = Sides(candidate, seed)
    for number in range(n):
        sides.add("a", 3 * number, amount(7))
        sides.add("b", 3 * number + 2, amount(7))
    sides.reconcile(window_days=3 * n)


def repeats_and_groups(candidate: Any, n: int, seed: int) -> None:
    """Rows that come many times over, and payouts that are a few charges each."""
    sides = Sides(candidate, seed)
    for number in range(n // 4):
        sides.add("a", number % 365, amount(1), ref="retried")
        for side in "aab":
            sides.add(side, number % 365, amount(number), ref=f"ord-{number}")
    for number in range(n // 4):
        # a few a day, in two currencies, over years
        day, code = number // 2, CODES[number % 2]
        parts = [amount(sides.random.randrange(10**6)) for _ in range(3)]
        sides.add("a", day, sum(parts), code)
        for part in parts:
            sides.add("b", day + sides.random.randrange(2), part, code)
    sides.reconcile(window_days=1, max_group=3)


def whole_month(candidate: Any, n: int, seed: int) -> None:
    """Two exports of a month in a zone whose clocks change."""
    month = generators.month(seed, n)
    a = list(map(partial(read_a, candidate), month.a))
    b = list(map(partial(read_b, candidate), month.b))
    candidate.reconcile(a, b, candidate.Policy(tz="Europe/Berlin"))


def read_a(candidate: Any, row: dict[str, Any]) -> Any:
    """Return a row of the processor as a transaction; the parsers are not timed."""
    at = datetime.fromtimestamp(row["created"], UTC)
    code = row["currency"].upper()
    return candidate.Txn(
        "a", row["id"], row["ref"], row["amount"], code, at, row["type"]
    )


def read_b(candidate: Any, row: dict[str, str]) -> Any:
    """Return a row of the ledger as a transaction."""
    places = generators.DECIMALS[row["ccy"]]
    whole, _, part = row["value"].partition(".")
    units = int(whole + part.ljust(places, "0"))
    day = row["date"]
    at = datetime.fromisoformat(day if "T" in day else f"{day}T12:00+00:00")
    ref = row["reference"] or None
    return candidate.Txn("b", row["entry"], ref, units, row["ccy"], at, row["kind"])
