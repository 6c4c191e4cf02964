"""Sales under rates as they really were, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from strategies import Line, Rule


class Case(NamedTuple):
    """Lines, the rules of their place and time, and the tax due."""

    lines: list[Line]
    rules: list[Rule]
    taxes: dict[str, int]
    why: str


def sale(
    where: str, day: str, price: int, qty: int = 1, category: str = "goods"
) -> Line:
    name = f"{day} {price}"
    places = tuple(where.split(", "))
    return Line(name, day, date.fromisoformat(day), price, qty, category, places)


def back(where: str, day: str, original: str, price: int, qty: int) -> Line:
    bought = sale(where, original, price, -qty)
    on = {"day": date.fromisoformat(day), "original_day": bought.day}
    return replace(bought, id=f"back {day}", **on)


def rate(where: str, percent: str, start: str, end: str = "", **fields: Any) -> Rule:
    last = date.fromisoformat(end) if end else None
    name = f"{where} {start} {fields.get('category', '')}".strip()
    share = Decimal(percent) / 100
    return Rule(name, where, share, date.fromisoformat(start), last, **fields)


CHICAGO = Case(
    [sale("IL, Cook, Chicago, RTA", "2024-03-01", 1999)],
    [
        rate("IL", "6.25", "1990-01-01"),
        rate("Cook", "1.75", "2016-01-01"),
        rate("Chicago", "1.25", "2005-07-01"),
        rate("RTA", "1", "2008-04-01"),
    ],
    {"IL": 125, "Cook": 35, "Chicago": 25, "RTA": 20},
    "19.99 in Chicago: 1.249375, 0.349825, 0.249875 and 0.1999",
)
ONE_DAY = [CHICAGO]

_GERMAN = [
    rate("DE", "19", "2007-01-01", "2020-06-30"),
    rate("DE", "16", "2020-07-01", "2020-12-31"),
    rate("DE", "19", "2021-01-01"),
    rate("DE", "7", "1983-07-01", "2020-06-30", category="food"),
    rate("DE", "5", "2020-07-01", "2020-12-31", category="food"),
    rate("DE", "7", "2021-01-01", category="food"),
]
GERMANY = Case(
    [
        sale("DE", "2020-06-30", 10_000),
        sale("DE", "2020-07-01", 10_000),
        sale("DE", "2020-12-31", 10_000),
        sale("DE", "2021-01-01", 10_000),
        sale("DE", "2020-12-31", 1_010, category="food"),
    ],
    _GERMAN,
    {"DE": 1900 + 1600 + 1600 + 1900 + 51},
    "19 %, from July to December 2020 16 %; food at 5 % then: 0.505",
)
UNITED_KINGDOM = Case(
    [
        sale("UK", "2008-11-30", 9_999),
        sale("UK", "2008-12-01", 9_999),
        sale("UK", "2009-12-31", 9_990),
        sale("UK", "2010-01-01", 9_999),
        sale("UK", "2011-01-03", 9_999),
        sale("UK", "2011-01-04", 9_999),
    ],
    [
        rate("UK", "17.5", "1991-04-01", "2008-11-30"),
        rate("UK", "15", "2008-12-01", "2009-12-31"),
        rate("UK", "17.5", "2010-01-01", "2011-01-03"),
        rate("UK", "20", "2011-01-04"),
    ],
    {"UK": 1750 + 1500 + 1499 + 1750 + 1750 + 2000},
    "17.5 %, 15 % from 1 December 2008 for 13 months, 20 % from 4 January 2011",
)
JAPAN = Case(
    [
        sale("JP", "2019-09-30", 980),
        sale("JP", "2019-10-01", 985),
        sale("JP", "2019-10-01", 106, category="food"),
    ],
    [
        rate("JP", "8", "2014-04-01", "2019-09-30"),
        rate("JP", "10", "2019-10-01"),
        rate("JP", "8", "2019-10-01", category="food"),
    ],
    {"JP": 78 + 99 + 8},
    "yen: 78.4, then 10 %: 98.5, but food stays at 8 %: 8.48",
)
BAHRAIN = Case(
    [sale("BH", "2021-12-31", 12_345), sale("BH", "2022-01-01", 12_345)],
    [
        rate("BH", "5", "2019-01-01", "2021-12-31"),
        rate("BH", "10", "2022-01-01"),
    ],
    {"BH": 617 + 1_235},
    "12.345 dinars of 1000 fils: 617.25 fils, and 1234.5 from 2022",
)
CHANGING = [GERMANY, UNITED_KINGDOM, JAPAN, BAHRAIN]

NEW_YORK = Case(
    [
        sale("NY, NYC", "2024-03-01", 10_999, 2, "clothing"),
        sale("NY, NYC", "2024-03-02", 11_000, 1, "clothing"),
        sale("NY, NYC", "2024-03-02", 1_000),
    ],
    [
        rate("NY", "4", "2005-06-01"),
        rate("NYC", "4.5", "2009-08-01"),
        *(
            rate(
                where,
                percent,
                "2012-04-01",
                category="clothing",
                kind="exempt_below",
                limit=11_000,
            )
            for where, percent in (("NY", "4"), ("NYC", "4.5"))
        ),
    ],
    {"NY": 440 + 40, "NYC": 495 + 45},
    "clothing under $110 is exempt, at $110 it is taxed in full",
)
MASSACHUSETTS = Case(
    [
        sale("MA", "2009-07-31", 20_000, 1, "clothing"),
        sale("MA", "2024-03-01", 20_000, 1, "clothing"),
        sale("MA", "2024-03-01", 17_500, 3, "clothing"),
        sale("MA", "2024-03-01", 1_000),
    ],
    [
        rate("MA", "6.25", "2009-08-01"),
        rate(
            "MA",
            "5",
            "1976-01-01",
            "2009-07-31",
            category="clothing",
            kind="exempt_up_to",
            limit=17_500,
        ),
        rate(
            "MA",
            "6.25",
            "2009-08-01",
            category="clothing",
            kind="exempt_up_to",
            limit=17_500,
        ),
    ],
    {"MA": 125 + 156 + 0 + 63},
    "of clothing only what is above $175 is taxed: $25 at 5 %, later at 6.25 %",
)
TENNESSEE = Case(
    [sale("TN, Davidson", "2024-03-01", 500_000, 2), sale("TN", "2024-03-01", 10_000)],
    [
        rate("TN", "7", "2002-07-15"),
        rate("Davidson", "2.25", "1980-07-01", kind="cap", limit=160_000),
    ],
    {"TN": 70_000 + 700, "Davidson": 7_200},
    "the county takes 2.25 % of the first $1,600 of each article: $36",
)
GERMAN_RETURN = Case(
    [
        sale("DE", "2020-06-30", 10_000, 3),
        back("DE", "2020-07-15", "2020-06-30", 10_000, 1),
    ],
    _GERMAN,
    {"DE": 5_700 - 1_900},
    "what was bought at 19 % comes back at 19 %, whatever the rate is now",
)
LIMITING = [NEW_YORK, MASSACHUSETTS, TENNESSEE, GERMAN_RETURN]
