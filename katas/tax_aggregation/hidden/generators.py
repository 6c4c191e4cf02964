"""A month of sales under rates that change, made from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from strategies import Line, Rule

MONTH = date(2024, 2, 1)
DAYS = 29
HISTORY = date(1990, 1, 1)
CATEGORIES = ("food", "clothing", "toys", "books", "tools")
KINDS = ("exempt_below", "exempt_up_to", "cap")
SHARES = {"state": "0.05", "county": "0.0175", "city": "0.0125", "district": "0.00375"}
"""About what each layer takes."""


def places(count: int) -> list[tuple[str, ...]]:
    """Return addresses: state, county, city and sometimes a special district.

    About `count` jurisdictions: in five one county, two cities, two districts.
    """
    result = []
    for number in range(max(1, count // 5)):
        above = (f"state {number % 50:02}", f"county {number:05}")
        result.append((*above, f"city {number:05}a", f"district {number:05}n"))
        result.append((*above, f"city {number:05}b", f"district {number:05}s"))
        result.append((*above, f"city {number:05}b"))
    return result


def jurisdictions(addresses: list[tuple[str, ...]]) -> list[str]:
    return sorted({name for address in addresses for name in address})


def rate_of(random: Random, name: str) -> Decimal:
    """Return a rate in steps of an eighth of a percent around that of its layer."""
    base = Decimal(SHARES[name.split()[0]])
    return base + Decimal("0.00125") * random.randrange(5)


def history(
    random: Random, name: str, changes: int, category: str | None = None
) -> Iterator[Rule]:
    """Yield rules that follow each other; some last a few days into the next one."""
    step = max(1, ((MONTH - HISTORY).days + DAYS) // changes)
    for number in range(changes):
        start = HISTORY + timedelta(step * number)
        last = number == changes - 1
        overlap = random.choice([0, 0, 0, 3])
        end = None if last else start + timedelta(step - 1 + min(overlap, step - 1))
        limited: dict[str, Any] = {}
        if category is not None:
            limited = {
                "kind": random.choice(KINDS),
                "limit": random.randrange(500, 15_000),
            }
        rule_id = f"{name} {category or 'all'} {number:05}"
        rate = rate_of(random, name)
        yield Rule(rule_id, name, rate, start, end, category, **limited)


def rules(random: Random, names: list[str], count: int) -> list[Rule]:
    """Return `count` rules, of which every fifth is for a category.

    With few names there are not so many categories, and so fewer rules.
    """
    changes = max(2, count * 4 // 5 // len(names))
    made = [rule for name in names for rule in history(random, name, changes)]
    pairs = [(name, category) for name in names for category in CATEGORIES]
    random.shuffle(pairs)
    for name, category in pairs:
        if len(made) < count:
            made += history(random, name, 2, category)
    random.shuffle(made)
    return made[:count]


def sales(
    random: Random,
    addresses: list[tuple[str, ...]],
    count: int,
    *,
    days: int = DAYS,
    per_invoice: int = 4,
) -> list[Line]:
    """Return lines of the last `days` days to the month's end, every 12th a return."""
    last = MONTH + timedelta(DAYS - 1)
    lines = []
    for number in range(count):
        day = last - timedelta(random.randrange(days))
        invoice = f"invoice {number // per_invoice:06}"
        price, qty = random.randrange(50, 30_000), random.randrange(1, 6)
        original = None
        if random.randrange(12) == 0:
            qty, original = -qty, day - timedelta(random.randrange(60))
        category, address = random.choice(CATEGORIES), random.choice(addresses)
        fields = (day, price, qty, category, address, original)
        lines.append(Line(f"line {number:06}", invoice, *fields))
    return lines


def month(
    seed: int, lines: int, rule_count: int, *, layers: int = 4, per_invoice: int = 4
) -> tuple[list[Line], list[Rule]]:
    """Return a month of sales and its rules, with about a fifth as many places.

    With less than 4 layers, the lines name only the states, or states and counties ...
    """
    random = Random(seed)
    addresses = places(max(5, rule_count // 5))
    made = rules(random, jurisdictions(addresses), rule_count)
    addresses = [address[:layers] for address in addresses]
    return sales(random, addresses, lines, per_invoice=per_invoice), made
