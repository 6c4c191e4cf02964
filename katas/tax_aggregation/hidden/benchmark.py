"""The work that performance checks time, made from a seed.

Rules rise with the lines, so that it shows if each rule is looked at for each line.
Results are compared with those of the yardstick.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import generators
from generators import jurisdictions, places
from strategies import Line, sent
from texts import good


def taxing_many_places(candidate: Any, n: int, seed: int) -> None:
    """Read n lines from texts and tax them, in n / 10 places of one rule each."""
    random = Random(seed)
    addresses = places(n // 10)
    names = jurisdictions(addresses)
    rules = [next(generators.history(random, name, 1)) for name in names]
    lines = generators.sales(random, addresses, n)
    read = candidate.read_lines([good(line).text for line in lines])
    candidate.totals(read, sent(candidate, rules))


def taxing_many_dates(candidate: Any, n: int, seed: int) -> None:
    """Tax n sales of some decades in one county, where rates changed n / 5 times."""
    random = Random(seed)
    addresses = [places(1)[0][:2]]
    made = generators.rules(random, jurisdictions(addresses), n // 4)
    rules = [rule for rule in made if rule.kind == "rate"]
    lines = generators.sales(random, addresses, n, days=10_000)
    lines = [line for line in lines if line.qty > 0]
    candidate.totals(sent(candidate, lines), sent(candidate, rules))


def rounding_invoices(candidate: Any, n: int, seed: int) -> None:
    """Tax n lines of n / 2 invoices, with all kinds of rules and returns."""
    lines, rules = generators.month(seed, n, n // 10, layers=2, per_invoice=2)
    Random(seed).shuffle(lines)
    candidate.totals(sent(candidate, lines), sent(candidate, rules), rounding="invoice")


def rounding_one_invoice(candidate: Any, n: int, seed: int) -> None:
    """Tax n lines of one invoice, in one state; one of four is in a city too.

    Nearly every city has a remainder, so about half of them get a cent.
    """
    random = Random(seed)
    state = ("state 00",)
    cities = [(*state, f"city {number:05}") for number in range(n // 4)]
    addresses = cities + [state] * (n - len(cities))
    rules = [
        next(generators.history(random, name, 1))
        for name in generators.jurisdictions(addresses)
    ]
    lines = generators.sales(random, addresses, n, per_invoice=n)
    candidate.totals(sent(candidate, lines), sent(candidate, rules), rounding="invoice")


def _tell(candidate: Any, told: Any, lines: list[Line], method: str = "add") -> None:
    call = getattr(told, method).at
    records = sent(candidate, lines)
    candidate.play(candidate.clock(), [call(0, line) for line in records])


def adding(candidate: Any, n: int, seed: int) -> None:
    """Add n lines, every fourth a second time, and ask for totals."""
    lines, rules = generators.month(seed, n, n // 10, layers=1)
    told = candidate.Aggregator(sent(candidate, rules))
    _tell(candidate, told, lines + lines[::4])
    told.totals()


def correcting(candidate: Any, n: int, seed: int) -> None:
    """Correct all of n lines, from the first on, and ask for totals."""
    lines, rules = generators.month(seed, n, n // 10, layers=1)
    told = candidate.Aggregator(sent(candidate, rules))
    _tell(candidate, told, lines)
    corrected = [replace(line, qty=line.qty + 1) for line in lines]
    _tell(candidate, told, corrected, "correct")
    told.totals()


def merging(candidate: Any, n: int, seed: int) -> None:
    """Merge n / 2 lines, some of them corrections, into n / 2 others."""
    lines, rules = generators.month(seed, n, n // 10, layers=1)
    one, other = (candidate.Aggregator(sent(candidate, rules)) for _ in range(2))
    _tell(candidate, one, lines[::2])
    _tell(candidate, other, lines[1::2])
    _tell(candidate, other, lines[: n // 8], "correct")
    one.merge(other)
    one.totals()


def conflicting(candidate: Any, n: int, seed: int) -> None:
    """Find the conflicts of n lines, of which most have one of their own."""
    random = Random(seed)
    addresses = places(n // 10)
    one_each = [
        rule
        for name in jurisdictions(addresses)
        for rule in generators.history(random, name, 1)
    ]
    rules = one_each + [replace(rule, id=f"{rule.id} too") for rule in one_each]
    told = candidate.Aggregator(sent(candidate, rules))
    _tell(candidate, told, generators.sales(random, addresses, n))
    told.conflicts()
