"""What has to hold at the edges: boundary days, halves, odd texts, bad rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import oracle
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import (
    CHANGE,
    DAY,
    THREE,
    TWO,
    any_lines,
    ask,
    calls_of,
    dated,
    dated_lines,
    day,
    expect_totals,
    flat_rules,
    line,
    named,
    rule,
    rules_of_all_kinds,
    sent,
)
from texts import (
    GOOD,
    Text,
    around,
    bad,
    bad_raw,
    expect_read,
    good,
    read,
)

from graders.laws import check, expect, refused, require

BOM = "\ufeff"
INTS = ["unit_price", "qty"]
TEXTS = ["id", "invoice", "category"]
small = st.integers(1, 4)

# Level 1: reading


@given(blank=st.booleans(), broken=st.booleans())
@example(blank=False, broken=False)
@example(blank=False, broken=True)
@check(level=1, category="edge_cases", examples=2)
def test_bom_is_taken_off(candidate, blank, broken):
    """A byte order mark at the beginning of the stream is taken off."""
    first = Text("") if blank else Text("nonsense") if broken else good(line())
    texts = [Text(BOM + first.text, first.line), good(line(7)), Text("{"), good(line())]
    expect_read(candidate, texts, "a BOM before the first line is no part of it")


@given(at=st.integers(1, 3), white=st.booleans())
@example(at=1, white=False)
@example(at=1, white=True)
@check(level=1, category="edge_cases", examples=2)
def test_bom_is_for_the_first_line(candidate, at, white):
    """On a later line a byte order mark is no JSON, also behind white lines."""
    texts = around([Text(BOM + good(line()).text)], before=at)
    if white:
        texts[:at] = [Text("")] * at
    expect_read(candidate, texts, "only the first line may begin with a BOM")


@given(
    blanks=st.lists(st.sampled_from(["", " ", "\t", " \t \r", "\n"]), max_size=3),
    ending=st.sampled_from(["\n", "", "\r\n"]),
)
@example(blanks=[""], ending="\n")
@example(blanks=[""], ending="")
@example(blanks=["  \t", "\n"], ending="\r\n")
@check(level=1, category="edge_cases", examples=8)
def test_white_lines_are_skipped_and_count(candidate, blanks, ending):
    """Lines that are empty or white space are skipped, but count in `number`."""
    blank = [Text(text) for text in blanks]
    texts = [*blank, good(line()), *blank, Text("{"), *blank, good(line(7)), Text("]")]
    expect_read(candidate, texts, "white lines give nothing, but count", ending)


@given(space=st.sampled_from([" ", "\t", "  \t"]), ending=st.sampled_from(["\r\n", ""]))
@example(space=" ", ending="\r\n")
@check(level=1, category="edge_cases", examples=2)
def test_space_around_a_line_is_fine(candidate, space, ending):
    """White space around the JSON of a line does not matter."""
    text = Text(space + good(line()).text + space, line())
    expect_read(candidate, [text, text], "white space is no part of JSON", ending)


@check(level=1, category="edge_cases")
def test_no_lines_no_results(candidate):
    """An empty stream has no lines, and no lines have no totals."""
    expect(read(candidate, []), [], why="the stream is empty")
    expect(read(candidate, [BOM, "\n"]), [], why="white space and nothing else")
    expect(ask(candidate, [], [rule()]), {}, why="no lines")
    expect(ask(candidate, [line()], []), {}, why="no rules")
    expect(ask(candidate, [], []), {}, why="no lines and no rules")


@given(name=st.sampled_from(INTS), value=st.booleans())
@example(name="unit_price", value=True)
@example(name="unit_price", value=False)
@example(name="qty", value=True)
@check(level=1, category="edge_cases", examples=2)
def test_read_rejects_a_bool_for_an_int(candidate, name, value):
    """`true` and `false` are no numbers."""
    expect_read(candidate, around([bad(**{name: value})]), f"{name} is a bool")


@given(
    name=st.sampled_from(INTS),
    value=st.sampled_from(
        ["1.0", "0.0", "-1.0", "1e2", "1E0", "2.5", "NaN", "Infinity"]
    ),
)
@example(name="unit_price", value="100.0")
@example(name="qty", value="1.0")
@example(name="qty", value="1e2")
@example(name="unit_price", value="NaN")
@check(level=1, category="edge_cases", examples=5)
def test_read_rejects_a_float_for_an_int(candidate, name, value):
    """A number with a point or an exponent is no int, even if it is whole."""
    expect_read(candidate, around([bad_raw(name, value)]), f"{value} is a float")


@given(price=st.integers(-300, -1))
@example(price=-1)
@check(level=1, category="edge_cases", examples=2)
def test_read_rejects_a_price_below_zero(candidate, price):
    """A price below 0 makes a line Rejected; 0 is a price."""
    expect_read(candidate, around([bad(unit_price=price)]), "the price is below 0")
    expect_read(candidate, [good(line(0))], "a price of 0 is fine")


@given(
    price=st.sampled_from([0, 1, 2**53 + 1, 2**63, 10**25]),
    qty=st.sampled_from([0, -1, 1, -(2**53) - 1]),
)
@example(price=2**53 + 1, qty=-1)
@example(price=10**25, qty=0)
@check(level=1, category="edge_cases", examples=3)
def test_read_takes_ints_of_any_size(candidate, price, qty):
    """Prices from 0 and quantities of any sign and size are read exactly."""
    expect_read(candidate, [good(line(price, qty))], "these are ints")


@given(
    text=st.sampled_from(["2024-13-01", "2024-00-10", "2024-04-31", "2024-01-00", ""]),
    name=st.sampled_from(["day", "original_day"]),
)
@example(text="2023-02-29", name="day")
@example(text="1900-02-29", name="day")
@example(text="2024-02-30", name="original_day")
@example(text="2024-04-31", name="day")
@example(text="", name="original_day")
@example(text="0000-01-01", name="day")
@check(level=1, category="edge_cases", examples=3)
def test_read_rejects_days_that_are_none(candidate, text, name):
    """A day that is in no calendar makes a line Rejected."""
    expect_read(candidate, around([bad(**{name: text})]), f"no day is {text!r}")


@given(
    text=st.sampled_from(
        [
            *("20240229", "2024-W09-4", "2024-2-29", "24-02-29", "2024/02/29"),
            *("2024-02-29T00:00", "2024-02-29 ", " 2024-02-29", "29-02-2024"),
            *("2024-02-29Z", "+2024-02-29", "2024-060", "2024-02", "02/29/2024"),
        ]
    ),
    name=st.sampled_from(["day", "original_day"]),
)
@example(text="20240229", name="day")
@example(text="20240229", name="original_day")
@example(text="2024-W09-4", name="day")
@example(text="2024-2-29", name="day")
@example(text="2024-02-9", name="day")
@example(text="2024-02-29T00:00:00", name="day")
@example(text="2024-02-29 ", name="day")
@example(text="2024-02-29\n", name="day")
@example(text="\uff12\uff10\uff12\uff14-02-29", name="day")
@check(level=1, category="edge_cases", examples=4)
def test_read_takes_one_form_of_dates(candidate, text, name):
    """A date is exactly YYYY-MM-DD, in ASCII digits; no other form is read."""
    expect_read(candidate, around([bad(**{name: text})]), f"{text!r} is no YYYY-MM-DD")


@given(year=st.integers(250, 2499).map(lambda n: 4 * n))
@example(year=2024)
@example(year=2000)
@check(level=1, category="edge_cases", examples=3)
def test_read_takes_leap_days(candidate, year):
    """29 February is a day in leap years, and only then."""
    leap = year % 100 != 0 or year % 400 == 0
    made = line(day=date(year, 2, 29)) if leap else None
    text = Text(bad(day=f"{year:04}-02-29").text, made)
    expect_read(
        candidate, around([text]), f"{year} is {'a' if leap else 'no'} leap year"
    )


@given(first=st.sampled_from([date(1000, 1, 1), date.max, DAY]))
@example(first=date(1000, 1, 1))
@example(first=date.max)
@check(level=1, category="edge_cases", examples=2)
def test_read_takes_early_and_late_days(candidate, first):
    """Days of long ago are read, and the last day of the year 9999."""
    expect_read(candidate, [good(line(day=first, original_day=first))], "it is a day")


@check(level=1, category="edge_cases")
def test_original_day_may_be_null(candidate):
    """`original_day` may be absent or null, and no other field may be null."""
    null = Text(bad(original_day=None).text, line())
    expect_read(candidate, [null, good(line())], "original_day is None then")
    for name in GOOD:
        expect_read(candidate, around([bad(**{name: None})]), f"{name} is null")


@given(value=st.sampled_from([False, 0, "", "null", [], {}, 0.0]))
@example(value=False)
@example(value="")
@example(value=0)
@check(level=1, category="edge_cases", examples=3)
def test_only_null_is_no_original_day(candidate, value):
    """Where `original_day` is anything but a date or null, the line is Rejected."""
    expect_read(candidate, around([bad(original_day=value)]), f"{value!r} is no date")


@given(
    value=st.sampled_from(
        ["A", "", {"A": 1}, {}, None, [1], ["A", None], ["A", ["B"]], [True], 1, True]
    )
)
@example(value="AB")
@example(value="")
@example(value={"A": 1})
@example(value=["A", 1])
@example(value=["A", None])
@check(level=1, category="edge_cases", examples=5)
def test_jurisdictions_are_a_list_of_texts(candidate, value):
    """`jurisdictions` is a list of texts, and nothing else."""
    expect_read(candidate, around([bad(jurisdictions=value)]), f"it is {value!r}")


@given(names=st.lists(st.sampled_from(["A", "a", " A", "B", "é", ""]), max_size=5))
@example(names=[])
@example(names=["B", "A", "B", " a", "A "])
@check(level=1, category="edge_cases", examples=4)
def test_jurisdictions_are_kept_as_written(candidate, names):
    """Jurisdictions are kept as written: in order, with case, spaces and doublets."""
    made = replace(line(), jurisdictions=tuple(names))
    expect_read(candidate, [good(made)], "jurisdictions are kept as written")


@given(name=st.sampled_from(TEXTS), value=st.sampled_from([0, 1.5, True, ["1"], {}]))
@example(name="id", value=1)
@example(name="invoice", value=True)
@example(name="category", value=[])
@check(level=1, category="edge_cases", examples=3)
def test_read_converts_nothing(candidate, name, value):
    """What should be a text is not made one: numbers and lists are Rejected."""
    expect_read(candidate, around([bad(**{name: value})]), f"{name} is {value!r}")


@given(texts=st.permutations(["{", "[]", bad(qty=None).text, bad(day="x").text, "1"]))
@example(texts=["{", "[]", bad(qty=None).text, bad(day="x").text, bad(x=1).text])
@check(level=1, category="edge_cases", examples=2)
def test_many_bad_lines_lose_nothing(candidate, texts):
    """However many bad lines there are, each is numbered and the good ones are read."""
    lines = [part for text in texts for part in (Text(text), good(line(7)))]
    expect_read(candidate, lines, "every second line is bad")


# Level 1: totals


@given(qty=st.integers(-9, -1), price=st.sampled_from([1, 3, 5, 15, 25]))
@example(qty=-1, price=5)
@example(qty=-1, price=4)
@example(qty=-1, price=6)
@example(qty=-3, price=5)
@example(qty=-1, price=15)
@check(level=1, category="edge_cases", examples=6)
def test_halves_below_zero_go_down(candidate, qty, price):
    """Below 0, half a minor unit is rounded away from 0: -2.5 is -3."""
    expect_totals(candidate, [line(price, qty)], [rule("0.1")])


@given(lines=any_lines, rules=flat_rules)
@example(lines=[line(5), line(15, 1, "AB")], rules=TWO)
@example(lines=[line(5, 2), line(3, -1)], rules=[rule("0.5")])
@check(level=1, category="edge_cases", examples=10)
def test_totals_have_a_mirror_image(candidate, lines, rules):
    """When all quantities change sign, so do the totals."""
    mirror = [replace(one, qty=-one.qty) for one in lines]
    want = {name: -tax for name, tax in ask(candidate, lines, rules).items()}
    expect(ask(candidate, mirror, rules), want, why="all quantities have changed sign")


FLOAT_TRAPS = [
    (50, "0.29"),
    (50, "0.57"),
    (100, "0.145"),
    (750, "0.29"),
    (650, "0.57"),
    (2**53 + 1, "1"),
    (2**53 + 3, "0.1"),
    (10**17 + 5, "0.1"),
]
"""Products of price and rate that a float has a hair below a half, or too short."""


@given(trap=st.sampled_from(FLOAT_TRAPS), qty=st.sampled_from([1, -1, 3]))
@example(trap=(50, "0.29"), qty=1)
@example(trap=(100, "0.145"), qty=1)
@example(trap=(2**53 + 1, "1"), qty=1)
@check(level=1, category="edge_cases", examples=12)
def test_no_float_comes_near(candidate, trap, qty):
    """Taxes are exact where floats are a hair off a half, or too short."""
    price, rate = trap
    expect_totals(candidate, [line(price, qty)], [rule(rate)])


@given(
    digits=st.integers(20, 30), rate=st.sampled_from(["0.0625", "0.12345678901234567"])
)
@example(digits=30, rate="0.5")
@example(digits=29, rate="0.08875")
@example(digits=28, rate="0.1")
@check(level=1, category="edge_cases", examples=4)
def test_amounts_of_any_size_are_exact(candidate, digits, rate):
    """Taxes are exact however many digits price, quantity and rate have."""
    price = 10**digits // 9 * 2 + 5
    expect_totals(candidate, [line(price, 7), line(5, 1)], [rule(rate)])


@given(places=st.integers(0, 30), price=st.sampled_from([5, 15, 14, 4, 1]))
@example(places=1, price=5)
@example(places=30, price=5)
@check(level=1, category="edge_cases", examples=5)
def test_rates_of_any_scale_are_exact(candidate, places, price):
    """Rates are exact whatever their number of decimal places, from none to many."""
    tiny = str(Decimal(1).scaleb(-places))
    lines = [line(price * 10 ** max(0, places - 1)), line(price, 2)]
    expect_totals(candidate, lines, [rule(tiny)])
    expect_totals(candidate, lines, [rule(f"{tiny}0" if "." in tiny else tiny)])
    just_below = Decimal("0.49" + "9" * places)
    expect_totals(candidate, [line(1)], [rule(str(just_below))])


@given(rate=st.sampled_from(["2E0", "1E-1", "5E-2", "25E-3", "1.0", "3"]))
@example(rate="3")
@example(rate="5E-2")
@check(level=1, category="edge_cases", examples=3)
def test_rates_may_have_exponents(candidate, rate):
    """A rate may be written with an exponent, and may be above 1."""
    expect_totals(candidate, [line(15), line(5)], [rule(rate)])


@given(
    of=st.sampled_from([(0, 1, "0.1"), (100, 0, "0.1"), (100, 1, "0"), (1, 1, "0.1")])
)
@example(of=(0, 1, "0.1"))
@example(of=(100, 0, "0.1"))
@example(of=(100, 1, "0"))
@example(of=(4, 1, "0.1"))
@check(level=1, category="edge_cases", examples=3)
def test_a_tax_of_nothing_is_listed(candidate, of):
    """A jurisdiction whose tax is 0 is in the result, with 0."""
    price, qty, rate = of
    expect(ask(candidate, [line(price, qty)], [rule(rate)]), {"A": 0}, why="0 is a tax")
    got = ask(candidate, [line(100), line(100, -1)], [rule()])
    expect(got, {"A": 0}, why="10 and -10 come to 0")


@given(where=st.sampled_from(["AA", "ABA", "AAB", "BAAA"]))
@example(where="AA")
@example(where="ABA")
@check(level=1, category="edge_cases", examples=3)
def test_a_jurisdiction_twice_counts_once(candidate, where):
    """A jurisdiction that stands twice in a line is taxed once."""
    expect_totals(candidate, [line(100, 1, where)], TWO, why=f"a line within {where}")


@given(where=st.sampled_from(["", "X", "XY"]))
@example(where="")
@example(where="X")
@check(level=1, category="edge_cases", examples=2)
def test_a_line_may_have_no_tax(candidate, where):
    """A line may have no jurisdictions, or none that has a rule."""
    expect_totals(candidate, [line(100, 1, where), line(5)], TWO)
    expect(ask(candidate, [line(100, 1, where)], TWO), {}, why="no rule is for it")


@given(name=st.sampled_from(["a", "Á", " A", "AA", ""]))
@example(name="a")
@example(name="A ")
@example(name="")
@check(level=1, category="edge_cases", examples=2)
def test_jurisdictions_differ_by_every_letter(candidate, name):
    """Names of jurisdictions are compared as they are: case and spaces count."""
    one = replace(line(), jurisdictions=(name,))
    expect(ask(candidate, [one], [rule()]), {}, why=f"{name!r} is not 'A'")
    got = ask(candidate, [one], [rule(), rule(where=name, id="s")])
    expect(got, {name: 10}, why=f"the second rule is for {name!r}")


def expect_refused(candidate: Any, rules: Any, culprit: str) -> None:
    """Demand that rules are refused by the id of one, with lines and without."""
    for lines in ([], [line(1, 1, "X")], [line()]):
        with refused(candidate, naming=culprit):
            ask(candidate, lines, rules)


@given(
    rate=st.sampled_from(["-0.01", "-1", "-1E-9"]), name=st.sampled_from(["r7", "x"])
)
@example(rate="-0.01", name="rule 7")
@check(level=1, category="edge_cases", examples=2)
def test_a_rate_below_zero_is_refused(candidate, rate, name):
    """A rate below 0 is a ValueError that names the rule, also without lines."""
    wrong = rule(rate, "C", id=name)
    expect_refused(candidate, [*TWO, wrong], name)
    expect_totals(
        candidate, [line(100, 1, "C")], [*TWO, replace(wrong, rate=Decimal())]
    )


# Level 2: rules with dates


@given(start=st.integers(-3, 0), length=st.integers(0, 3), at=st.integers(-4, 4))
@example(start=-1, length=1, at=0)
@example(start=-1, length=1, at=-1)
@example(start=0, length=0, at=0)
@example(start=0, length=0, at=1)
@example(start=0, length=0, at=-1)
@example(start=-1, length=1, at=1)
@example(start=-1, length=1, at=-2)
@check(level=2, category="edge_cases", examples=10)
def test_both_ends_are_included(candidate, start, length, at):
    """A rule is in force on its first and on its last day, and not a day longer."""
    rules = [dated("A", start, start + length, "0.1")]
    expect_totals(candidate, [line(day=day(at))], rules)


@given(at=st.integers(-3, 3), turned=st.booleans())
@example(at=0, turned=False)
@example(at=-1, turned=False)
@example(at=0, turned=True)
@example(at=-1, turned=True)
@check(level=2, category="edge_cases", examples=3)
def test_rates_change_overnight(candidate, at, turned):
    """The last day of a rule has its rate, the next day that of the next rule."""
    rules = named([dated("A", -3, -1, "0.1"), dated("A", 0, 2, "0.2")])
    expect_totals(candidate, [line(day=day(at))], rules[::-1] if turned else rules)


@given(gap=st.integers(1, 3), at=st.integers(-2, 4))
@example(gap=1, at=0)
@example(gap=2, at=1)
@check(level=2, category="edge_cases", examples=4)
def test_there_may_be_gaps(candidate, gap, at):
    """On days between two rules nothing is taxed."""
    rules = named([dated("A", -3, -1, "0.1"), dated("A", gap, None, "0.2")])
    expect_totals(candidate, [line(day=day(at)), line(1, 1, "B")], rules)


@given(at=st.sampled_from([date.min, date(2, 1, 1), DAY, date(9999, 12, 30), date.max]))
@example(at=date.max)
@example(at=date.min)
@check(level=2, category="edge_cases", examples=3)
def test_rules_may_last_for_ever(candidate, at):
    """A rule may reach from the first day of the calendar to the last."""
    lines = [line(day=at)]
    for end in (date.max, None):
        expect_totals(candidate, lines, [rule(start=date.min, end=end)])
    expect_totals(candidate, lines, [rule(start=date.max, end=date.max)])
    expect_totals(candidate, lines, [rule(start=date.min, end=date.min)])


@given(at=st.integers(-4, 4))
@example(at=0)
@example(at=1)
@example(at=-3)
@check(level=2, category="edge_cases", examples=4)
def test_a_rule_within_another(candidate, at):
    """When a short rule within a long one ends, the long one is in force again."""
    rules = [
        dated("A", -9, None, "0.1", id="z"),
        dated("A", -3, 0, "0.2", id="a"),
        dated("A", -1, -1, "0.3", id="m"),
    ]
    expect_totals(candidate, [line(day=day(at))], rules)
    expect_totals(candidate, [line(day=day(at))], rules[::-1])


@given(at=st.integers(-2, 3))
@example(at=1)
@example(at=-1)
@check(level=2, category="edge_cases", examples=3)
def test_without_its_own_rule_a_category_has_the_general_one(candidate, at):
    """While the rule for a category is not in force, the one for every category is."""
    rules = [
        dated("A", -9, None, "0.1", id="a"),
        dated("A", 0, 0, "0.5", id="b", category="food"),
    ]
    expect_totals(candidate, [line(day=day(at))], rules)


@given(ids=st.permutations(["r10", "r9", "R99"]))
@example(ids=["r10", "r9", "R99"])
@example(ids=["r9", "r10", "R99"])
@check(level=2, category="edge_cases", examples=2)
def test_ids_are_compared_as_texts(candidate, ids):
    """Which id is greater is a comparison of texts: "r9" is greater than "r10"."""
    rules = [rule(f"0.{n}", id=name) for n, name in enumerate(ids, 1)]
    expect_totals(candidate, [line()], rules)


@given(lines=any_lines)
@example(lines=[line(100)])
@check(level=2, category="edge_cases", examples=3)
def test_overlapping_rules_tax_once(candidate, lines):
    """However many rules are in force, a line is taxed once in a jurisdiction."""
    rules = [rule("0.25", where, id=f"{where}{n}") for where in "AB" for n in range(3)]
    rules += [replace(one, id=f"{one.id} f", category="food") for one in rules[:2]]
    expect_totals(candidate, lines, rules)


@given(length=st.integers(1, 400), of=st.sampled_from(["A", "X"]))
@example(length=1, of="A")
@check(level=2, category="edge_cases", examples=2)
def test_an_end_before_the_start_is_refused(candidate, length, of):
    """An end before the start is a ValueError that names the rule, lines or none."""
    wrong = dated(of, 0, -length, "0.1", id="rule 7")
    expect_refused(candidate, [rule(), wrong], "rule 7")
    ask(candidate, [], [rule(), dated(of, 0, 0, "0.1", id="rule 7")])


@given(apart=st.booleans(), same=st.booleans())
@example(apart=True, same=False)
@example(apart=False, same=False)
@example(apart=False, same=True)
@check(level=2, category="edge_cases", examples=2)
def test_an_id_twice_is_refused(candidate, apart, same):
    """Two rules with one id are a ValueError that names it, whatever they are for."""
    first = dated("A", 0, 1, "0.1", id="rule 7")
    second = replace(first, jurisdiction="B", start=day(-3)) if apart else first
    second = second if same else replace(second, rate=Decimal("0.2"), end=None)
    expect_refused(candidate, [first, rule(), second], "rule 7")


@given(rules=st.permutations(THREE), lines=dated_lines)
@example(rules=[*THREE[::-1]], lines=[line(5, 1, "AB", id="2"), line(4)])
@check(level=2, category="edge_cases", examples=3)
def test_arguments_stay_as_they_are(candidate, rules, lines):
    """The lists of lines and rules are not changed, and both may be tuples."""
    given = sent(candidate, lines), sent(candidate, rules)
    kept = [candidate.keep(*one) for one in zip(given, ("lines", "rules"), strict=True)]
    got = candidate.totals(*kept)
    for one, before in zip(kept, given, strict=True):
        expect(one.value(), before, why="arguments are not changed")
    expect(candidate.totals(*map(tuple, given)), got, why="the same, in tuples")


# Level 3: limits

KINDS = st.sampled_from(["exempt_below", "exempt_up_to", "cap"])


@given(kind=KINDS, off=st.integers(-2, 2))
@example(kind="exempt_below", off=0)
@example(kind="exempt_below", off=-1)
@example(kind="exempt_up_to", off=0)
@example(kind="exempt_up_to", off=1)
@example(kind="cap", off=0)
@example(kind="cap", off=1)
@check(level=3, category="edge_cases", examples=8)
def test_a_price_at_the_limit(candidate, kind, off):
    """A price of exactly the limit is not below it, not above it, and within a cap."""
    rules = [rule("0.5", kind=kind, limit=100)]
    expect_totals(candidate, [line(100 + off, 3)], rules)


@given(kind=KINDS, price=st.sampled_from([0, 1, 100]))
@example(kind="exempt_below", price=100)
@example(kind="exempt_below", price=0)
@example(kind="exempt_up_to", price=100)
@example(kind="cap", price=100)
@check(level=3, category="edge_cases", examples=4)
def test_a_limit_of_zero(candidate, kind, price):
    """A limit of 0 is fine: nothing is below it, and a cap of 0 taxes nothing."""
    rules = [rule("0.5", kind=kind, limit=0)]
    expect_totals(candidate, [line(price, 3)], rules)


@given(limit=st.sampled_from([0, 1, 100, -1, -100]), price=st.sampled_from([1, 250]))
@example(limit=0, price=250)
@example(limit=1, price=250)
@example(limit=-1, price=250)
@check(level=3, category="edge_cases", examples=3)
def test_a_rate_ignores_its_limit(candidate, limit, price):
    """On a rule of kind "rate" the limit is ignored, whatever it is."""
    expect_totals(candidate, [line(price, 3)], [rule("0.5", limit=limit)])


@given(kind=KINDS, price=st.sampled_from([99, 100, 150]), qty=st.integers(-3, -1))
@example(kind="exempt_below", price=99, qty=-2)
@example(kind="exempt_below", price=100, qty=-2)
@example(kind="exempt_up_to", price=150, qty=-3)
@example(kind="cap", price=150, qty=-3)
@check(level=3, category="edge_cases", examples=4)
def test_returns_have_limits_for_each_unit(candidate, kind, price, qty):
    """For a return a limit is compared with the price of one unit, as for a sale."""
    rules = [rule("0.25", kind=kind, limit=100)]
    expect_totals(candidate, [line(price, qty)], rules)


@given(kind=KINDS, rounding=st.sampled_from(["line", "invoice"]))
@example(kind="exempt_below", rounding="line")
@example(kind="exempt_up_to", rounding="line")
@example(kind="exempt_below", rounding="invoice")
@check(level=3, category="edge_cases", examples=2)
def test_exempt_lines_are_listed(candidate, kind, rounding):
    """A jurisdiction in which every line is exempt is in the result, with 0."""
    rules = [rule("0.5", kind=kind, limit=0 if kind == "cap" else 100)]
    got = ask(candidate, [line(60, 2)], rules, rounding=rounding)
    expect(got, {"A": 0}, why="its rule was chosen, and exempts the line")


# Level 3: returns


@given(qty=st.integers(1, 3), rounding=st.sampled_from(["line", "invoice"]))
@example(qty=1, rounding="line")
@example(qty=2, rounding="invoice")
@check(level=3, category="edge_cases", examples=2)
def test_a_sale_does_not_look_at_original_day(candidate, qty, rounding):
    """A sale is taxed under the rules of its own day, even if it has `original_day`."""
    lines = [line(100, qty, day=day(0), original_day=day(-1))]
    expect_totals(candidate, lines, CHANGE, rounding=rounding)


@given(at=st.integers(-2, 2), original=st.integers(-2, 2))
@example(at=0, original=-1)
@example(at=-1, original=0)
@check(level=3, category="edge_cases", examples=3)
def test_quantity_zero_is_no_return(candidate, at, original):
    """A line of quantity 0 is no return, and has the rules of its own day."""
    lines = [line(100, 0, day=day(at), original_day=day(original))]
    expect_totals(candidate, lines, [dated("A", 0, None, "0.1")])


@given(sold=st.integers(-3, 3), back=st.integers(-3, 3))
@example(sold=-2, back=0)
@example(sold=2, back=-1)
@example(sold=0, back=2)
@check(level=3, category="edge_cases", examples=4)
def test_a_return_needs_a_rule_of_its_sale(candidate, sold, back):
    """A return is untaxed if no rule was in force on the day of its sale."""
    lines = [line(100, -1, day=day(back), original_day=day(sold))]
    expect_totals(candidate, lines, [dated("A", -1, 0, "0.1")])


# Level 3: invoices


def expect_invoice(candidate: Any, lines: Any, rules: Any) -> None:
    exact = oracle.invoices(lines, rules)
    why = "exactly " + "; ".join(map(oracle.told, exact.values()))
    expect_totals(candidate, lines, rules, why, rounding="invoice")


@given(places=st.permutations("ABCD"), count=st.integers(1, 7))
@example(places=tuple("BA"), count=1)
@example(places=tuple("CBA"), count=1)
@example(places=tuple("DCBA"), count=2)
@check(level=3, category="edge_cases", examples=5)
def test_equal_remainders_by_jurisdiction(candidate, places, count):
    """Of equal remainders, the smaller jurisdiction id gets the cent."""
    rules = named([rule("0.3", where) for where in places])
    expect_invoice(candidate, [line(count, 1, "".join(places))], rules)


@given(
    price=st.sampled_from([5, 15, 25]), parts=st.integers(1, 3), sign=st.integers(0, 1)
)
@example(price=5, parts=1, sign=1)
@example(price=25, parts=1, sign=1)
@example(price=5, parts=1, sign=0)
@example(price=25, parts=1, sign=0)
@example(price=5, parts=3, sign=0)
@check(level=3, category="edge_cases", examples=4)
def test_half_of_an_invoice(candidate, price, parts, sign):
    """Where an invoice's exact tax ends in a half, it is rounded away from 0."""
    qty = 1 if sign else -1
    rules = named([rule("0.1", where) for where in "ABC"[:parts]])
    expect_invoice(candidate, [line(price, qty, "ABC"[:parts])], rules)


@given(
    rates=st.lists(
        st.sampled_from(["0.3", "0.4", "0.7", "0.1"]), min_size=2, max_size=4
    ),
    qty=st.integers(-4, -1),
)
@example(rates=["0.3", "0.4"], qty=-1)
@example(rates=["0.3", "0.3"], qty=-1)
@example(rates=["0.4", "0.4", "0.4"], qty=-1)
@example(rates=["0.7", "0.7"], qty=-1)
@check(level=3, category="edge_cases", examples=6)
def test_an_invoice_below_zero_is_mirrored(candidate, rates, qty):
    """An invoice whose exact sum is below 0 gets the negated shares of its mirror."""
    places = "ABCD"[: len(rates)]
    rules = [rule(rate, where) for rate, where in zip(rates, places, strict=True)]
    expect_invoice(candidate, [line(1, qty, places)], named(rules))


@given(back=st.integers(-19, -10))
@example(back=-14)
@check(level=3, category="edge_cases", examples=2)
def test_an_invoice_just_below_zero_is_mirrored(candidate, back):
    """An exact sum below 0 has its mirror's shares also where it is rounded to 0."""
    rules = named([rule("0.5"), rule("0.5", "B"), rule("0.1", "C")])
    lines = [line(1, 1, "AB"), line(1, back, "C", id="2")]
    expect_invoice(candidate, lines, rules)


@given(sold=st.integers(1, 9), back=st.integers(-9, -1))
@example(sold=9, back=-4)
@example(sold=4, back=-9)
@example(sold=8, back=-5)
@check(level=3, category="edge_cases", examples=6)
def test_floors_go_towards_minus_infinity(candidate, sold, back):
    """In an invoice above 0, parts below 0 get their floor too: -0.4 begins at -1."""
    lines = [line(sold, 1, "A"), line(1, back, "B", id="2"), line(1, 1, "C", id="3")]
    rules = named([rule("0.6"), rule("0.1", "B"), rule("0.3", "C")])
    expect_invoice(candidate, lines, rules)


@given(pair=st.permutations("AB"), price=st.sampled_from([1, 3, 4, 5, 7]))
@example(pair=tuple("AB"), price=5)
@example(pair=tuple("BA"), price=5)
@example(pair=tuple("AB"), price=3)
@example(pair=tuple("BA"), price=3)
@check(level=3, category="edge_cases", examples=5)
def test_an_invoice_that_sums_to_zero(candidate, pair, price):
    """An invoice whose exact sum is 0 is shared out like one above 0."""
    first, second = pair
    lines = [line(price, 1, first), line(price, -1, second, id="2")]
    expect_invoice(candidate, lines, named([rule("0.1"), rule("0.1", "B")]))


@given(where=st.sampled_from(["AA", "ABA", "BAA"]), price=st.sampled_from([3, 5, 7]))
@example(where="AA", price=5)
@example(where="ABA", price=3)
@check(level=3, category="edge_cases", examples=2)
def test_a_jurisdiction_twice_has_one_share(candidate, where, price):
    """A jurisdiction that stands twice in a line counts once in its invoice."""
    expect_invoice(candidate, [line(price, 1, where)], TWO)


@given(count=st.integers(2, 4), price=st.sampled_from([4, 5, 6]))
@example(count=2, price=5)
@example(count=2, price=4)
@check(level=3, category="edge_cases", examples=3)
def test_invoices_may_be_interleaved(candidate, count, price):
    """The lines of an invoice belong together wherever they stand."""
    lines = [
        line(price, id=f"{n}{name}", invoice=name, day=day(-n))
        for n in range(count)
        for name in ("I", "J")
    ]
    expect_invoice(candidate, lines, [rule("0.1")])


@given(price=st.sampled_from([1, 2, 5]), places=st.integers(3, 30))
@example(price=5, places=30)
@check(level=3, category="edge_cases", examples=3)
def test_invoices_are_exact(candidate, price, places):
    """Sums and remainders of an invoice are exact to the last decimal place."""
    third, rest = "0." + "3" * places, "0." + "3" * (places - 1) + "4"
    rules = [rule(third, "B"), rule(rest, "C", id="s"), rule(third, "A", id="t")]
    expect_invoice(candidate, [line(price, 1, "ABC")], rules)
    half = "0.1" + "6" * (places - 2)
    rules = [rule(half, where, id=where) for where in "ABC"]
    expect_invoice(candidate, [line(price, 1, "ABC")], rules)


# Level 3: bad rules


@given(kind=st.sampled_from(["", "Rate", "exempt", "flat", "cap ", "exempt_above"]))
@example(kind="exempt")
@example(kind="")
@example(kind="CAP")
@check(level=3, category="edge_cases", examples=3)
def test_an_unknown_kind_is_refused(candidate, kind):
    """A kind that is not one of the four is a ValueError that names the rule."""
    wrong = rule("0.1", "X", id="rule 7", kind=kind, limit=1)
    expect_refused(candidate, [rule(), wrong], "rule 7")


@given(kind=KINDS, limit=st.sampled_from([None, -1, -100]))
@example(kind="exempt_below", limit=None)
@example(kind="exempt_up_to", limit=None)
@example(kind="cap", limit=None)
@example(kind="exempt_below", limit=-1)
@example(kind="exempt_up_to", limit=-1)
@example(kind="cap", limit=-1)
@check(level=3, category="edge_cases", examples=1)
def test_a_limit_is_needed(candidate, kind, limit):
    """A limit that is missing or below 0 is a ValueError that names the rule."""
    wrong = rule("0.1", "X", id="rule 7", kind=kind, limit=limit)
    expect_refused(candidate, [rule(), wrong], "rule 7")


@given(rounding=st.sampled_from(["total", "Line", "invoices", "half"]))
@example(rounding="total")
@example(rounding="Invoice")
@check(level=3, category="edge_cases", examples=2)
def test_an_unknown_rounding_is_refused(candidate, rounding):
    """An unknown rounding is a ValueError that names it, also without lines."""
    for lines in ([], [line()]):
        with refused(candidate, naming=rounding):
            ask(candidate, lines, [rule()], rounding=rounding)


# Level 4


def aggregator(candidate: Any, rules: Any, **how: str) -> Any:
    return candidate.Aggregator(sent(candidate, rules), **how)


def add(candidate: Any, told: Any, lines: Any, method: str = "add") -> None:
    for one in sent(candidate, lines):
        getattr(told, method)(one)


BAD_RULES = {
    "rate": rule("-0.1", "X", id="rule 7"),
    "end": dated("X", 0, -1, "0.1", id="rule 7"),
    "kind": rule(id="rule 7", kind="exempt"),
    "missing limit": rule(id="rule 7", kind="cap"),
    "negative limit": rule(id="rule 7", kind="exempt_up_to", limit=-1),
    "id twice": rule("0.2", "X", id="r"),
}


@given(what=st.sampled_from(list(BAD_RULES)))
@example(what="rate")
@example(what="end")
@example(what="kind")
@example(what="missing limit")
@example(what="negative limit")
@example(what="id twice")
@check(level=4, category="edge_cases", examples=1)
def test_aggregator_refuses_bad_rules(candidate, what):
    """An aggregator refuses a bad rule when it is made, by its id."""
    wrong = BAD_RULES[what]
    with refused(candidate, naming=wrong.id):
        aggregator(candidate, [rule(), wrong])


@given(rounding=st.sampled_from(["total", "Line", "invoices"]))
@example(rounding="total")
@check(level=4, category="edge_cases", examples=2)
def test_aggregator_refuses_unknown_rounding(candidate, rounding):
    """An aggregator refuses an unknown rounding when it is made, by its name."""
    with refused(candidate, naming=rounding):
        aggregator(candidate, [rule()], rounding=rounding)
    made = aggregator(candidate, [rule()], rounding="invoice")
    expect(made.totals(), {}, why="it has no lines yet")


@given(rules=rules_of_all_kinds)
@example(rules=[])
@check(level=4, category="edge_cases", examples=2)
def test_an_aggregator_begins_empty(candidate, rules):
    """An aggregator without lines has no totals and no conflicts, merged or not."""
    told = aggregator(candidate, rules)
    told.merge(aggregator(candidate, rules))
    expect(told.totals(), {}, why="it has no lines")
    expect(told.conflicts(), [], why="it has no lines")


@given(calls=calls_of(4))
@example(calls=[("add", line(100)), ("correct", line(5, 1, "AB", id="2"))])
@check(level=4, category="edge_cases", examples=3)
def test_merging_with_itself_changes_nothing(candidate, calls):
    """An aggregator that is merged with itself stays as it is."""
    told, held = aggregator(candidate, THREE), oracle.Held()
    for name, one in calls:
        getattr(told, name)(*sent(candidate, [one]))
        getattr(held, name)(one)
    told.merge(told)
    want = oracle.totals(held.lines(), THREE)
    expect(told.totals(), want, why="all of it was here before")


LONGER = [replace(one, rate=Decimal(f"{one.rate}0")) for one in THREE]
"""The same rules: Decimal("0.10") equals Decimal("0.1")."""


@given(rules=st.permutations(THREE))
@example(rules=THREE[::-1])
@example(rules=LONGER)
@check(level=4, category="edge_cases", examples=2)
def test_merge_takes_rules_in_another_order(candidate, rules):
    """Equal sets of rules merge, in any order, and 0.10 as a rate equals 0.1."""
    one, other = aggregator(candidate, THREE), aggregator(candidate, rules)
    add(candidate, other, [line(100, 1, "AB")])
    one.merge(other)
    expect(one.totals(), oracle.totals([line(100, 1, "AB")], THREE), why="it is merged")


OTHER_RULES = {
    "one less": TWO[:1],
    "one more": [*TWO, rule(id="more")],
    "another rate": [TWO[0], replace(TWO[1], rate=Decimal("0.2"))],
    "another start": [TWO[0], replace(TWO[1], start=day(-1))],
    "another end": [TWO[0], replace(TWO[1], end=date.max)],
    "another category": [TWO[0], replace(TWO[1], category="food")],
    "another kind": [TWO[0], replace(TWO[1], kind="cap", limit=10**9)],
    "another id": [TWO[0], replace(TWO[1], id="y")],
    "none": [],
}


@given(what=st.sampled_from(list(OTHER_RULES)), turned=st.booleans())
@example(what="one less", turned=False)
@example(what="one more", turned=False)
@example(what="another rate", turned=False)
@example(what="another end", turned=False)
@example(what="another category", turned=False)
@check(level=4, category="edge_cases", examples=4)
def test_merge_refuses_other_rules(candidate, what, turned):
    """Aggregators whose rules differ cannot be merged: ValueError, nothing changes."""
    pair = [aggregator(candidate, TWO), aggregator(candidate, OTHER_RULES[what])]
    one, other = pair[::-1] if turned else pair
    add(candidate, one, [line(100)])
    add(candidate, other, [line(900, id="2")])
    before = one.totals()
    with refused(candidate):
        one.merge(other)
    expect(one.totals(), before, why="the merge was refused")


@given(turned=st.booleans())
@example(turned=False)
@example(turned=True)
@check(level=4, category="edge_cases", examples=1)
def test_merge_refuses_another_rounding(candidate, turned):
    """Aggregators that round differently cannot be merged: ValueError."""
    how = ["line", "invoice"]
    one, other = (
        aggregator(candidate, TWO, rounding=rounding)
        for rounding in (how[::-1] if turned else how)
    )
    add(candidate, other, [line(100)])
    with refused(candidate):
        one.merge(other)
    expect(one.totals(), {}, why="the merge was refused")


def expect_conflicts(candidate: Any, lines: Any, rules: Any, why: str) -> None:
    told = aggregator(candidate, rules)
    add(candidate, told, [replace(one, id=str(n)) for n, one in enumerate(lines)])
    expect(told.conflicts(), oracle.conflicts(lines, rules), why=why)


@given(qty=st.integers(-2, 2), at=st.integers(-3, 1), original=st.integers(-3, 1))
@example(qty=-1, at=-3, original=-1)
@example(qty=-1, at=0, original=-3)
@example(qty=1, at=-3, original=-1)
@example(qty=0, at=-3, original=-1)
@check(level=4, category="edge_cases", examples=4)
def test_conflicts_of_a_return_are_of_its_sale(candidate, qty, at, original):
    """A return has the conflicts of `original_day`, other lines those of their day."""
    one = line(100, qty, day=day(at), original_day=day(original))
    expect_conflicts(candidate, [one], THREE, f"taxed under day {oracle.day_of(one)}")


@given(price=st.sampled_from([0, 100]), rate=st.sampled_from(["0", "0.1"]))
@example(price=0, rate="0.1")
@example(price=100, rate="0")
@check(level=4, category="edge_cases", examples=2)
def test_conflicts_need_no_tax(candidate, price, rate):
    """A conflict is one also where the tax is 0, the same, or of another kind."""
    rules = named([rule(rate), rule(rate, kind="exempt_up_to", limit=5), rule("0.1")])
    expect_conflicts(candidate, [line(price), line(price, 0)], rules, "three rules")


@given(category=st.sampled_from(["food", "book"]))
@example(category="food")
@example(category="book")
@check(level=4, category="edge_cases", examples=1)
def test_beaten_general_rules_are_no_conflict(candidate, category):
    """A general rule beaten by a rule for the category is no conflict."""
    rules = named([rule("0.1"), rule("0.2", category="food")])
    expect_conflicts(candidate, [line(category=category)], rules, "no equal standing")
    rules = named([*rules, rule("0.3")])
    expect_conflicts(candidate, [line(category=category)], rules, "two general rules")


@given(at=st.integers(-2, 2))
@example(at=0)
@example(at=1)
@example(at=-1)
@check(level=4, category="edge_cases", examples=3)
def test_conflicts_last_as_long_as_both_rules(candidate, at):
    """Two rules conflict from the first to the last day on which both are in force."""
    rules = named([dated("A", -9, 0, "0.1"), dated("A", 0, None, "0.2")])
    expect_conflicts(candidate, [line(day=day(at))], rules, "they share day 0")


@given(where=st.sampled_from(["AA", "ABA"]))
@example(where="AA")
@check(level=4, category="edge_cases", examples=2)
def test_a_jurisdiction_twice_has_its_conflicts_once(candidate, where):
    """A jurisdiction that stands twice in a line has each conflict once."""
    expect_conflicts(candidate, [line(1, 1, where)], THREE, f"a line within {where}")


@given(lines=dated_lines, qty=st.integers(-3, 3))
@example(lines=[line(100, 1, "AB")], qty=-2)
@example(lines=[line(100, 1, "AB")], qty=0)
@check(level=4, category="edge_cases", examples=4)
def test_a_correction_may_change_everything(candidate, lines, qty):
    """A correction may move a line to other places and invoices, or to nothing."""
    told = aggregator(candidate, TWO, rounding="invoice")
    add(candidate, told, lines)
    new = [
        replace(one, qty=qty, invoice="K", jurisdictions=("B",) * (qty != 0))
        for one in lines
    ]
    add(candidate, told, new, "correct")
    want = ask(candidate, new, TWO, rounding="invoice")
    expect(told.totals(), want, why="as if only the corrected lines had been added")


@given(ids=st.lists(st.sampled_from(["1", "01", "1 ", "", "a", "A"]), unique=True))
@example(ids=["1", "01", "1 ", ""])
@check(level=4, category="edge_cases", examples=2)
def test_ids_differ_by_every_letter(candidate, ids):
    """Ids are compared as they are; lines of one invoice and day are not the same."""
    told = aggregator(candidate, TWO)
    lines = [line(100, id=name) for name in ids]
    add(candidate, told, lines)
    expect(told.totals(), oracle.totals(lines, TWO), why=f"{len(ids)} different ids")


@given(price=small, count=st.integers(2, 4))
@example(price=1, count=2)
@check(level=4, category="edge_cases", examples=2)
def test_aggregator_is_exact(candidate, price, count):
    """An aggregator is exact for amounts of any size."""
    told = aggregator(candidate, TWO)
    lines = [line(price * 10**30 + 5 * n, id=str(n)) for n in range(count)]
    add(candidate, told, lines)
    got = told.totals()
    want = oracle.totals(lines, TWO)
    require(got == want, got, f"{want}: every cent of {count} large lines")
