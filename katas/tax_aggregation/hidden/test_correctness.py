"""What has to hold in normal use."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import oracle
from hypothesis import example, given
from hypothesis import strategies as st
from real import (
    BAHRAIN,
    CHANGING,
    CHICAGO,
    GERMAN_RETURN,
    GERMANY,
    JAPAN,
    LIMITING,
    MASSACHUSETTS,
    NEW_YORK,
    ONE_DAY,
    TENNESSEE,
    UNITED_KINGDOM,
)
from strategies import (
    CATEGORIES,
    CHANGE,
    DAY,
    THREE,
    TWO,
    any_lines,
    ask,
    calls_of,
    dated,
    dated_lines,
    dated_rules,
    dated_sales,
    day,
    expect_totals,
    flat_rules,
    line,
    named,
    roundings,
    rule,
    rules_of_all_kinds,
    sales,
    sent,
)
from texts import (
    FIELDS,
    Text,
    around,
    bad,
    bad_raw,
    expect_read,
    good,
    good_texts,
    without,
)

from graders.laws import check, expect, require

small = st.integers(1, 4)

# Level 1: reading


@given(texts=good_texts)
@example(texts=[good(line(250, 3, "BAC", invoice="J", day=date(2023, 12, 31)))])
@example(texts=[good(line(5, -2, original_day=date(2024, 1, 2)))])
@check(level=1, category="correctness", examples=8)
def test_read_gives_lines(candidate, texts):
    """Each good text becomes a Line with its fields as written, in order."""
    expect_read(candidate, texts, "all fields are there, with their types")


@given(
    texts=st.sampled_from(
        ["nonsense", "{", "{}}", "{'id': 1}", '{"id": }', good(line()).text[:-1], '"a']
    ),
    before=st.integers(0, 3),
)
@example(texts="nonsense", before=0)
@example(texts=good(line()).text + good(line()).text, before=2)
@example(texts=good(line()).text + ",", before=1)
@example(texts=bad_raw("category", '"fo\tod"').text, before=1)  # a tab not escaped
@check(level=1, category="correctness", examples=8)
def test_read_rejects_what_is_no_json(candidate, texts, before):
    """A text that is not JSON becomes Rejected with its number, the rest is read."""
    expect_read(candidate, around([Text(texts)], before, 2), "the text is not JSON")


@given(text=st.sampled_from(["[]", "1", "null", '"id"', "true", "[{}]", "0.5", "0"]))
@example(text="null")
@example(text="[]")
@example(text=f"[{good(line()).text}]")
@check(level=1, category="correctness", examples=6)
def test_read_rejects_what_is_no_object(candidate, text):
    """JSON that is not an object becomes Rejected."""
    expect_read(candidate, around([Text(text)]), "it is JSON, but no object")


@given(name=st.sampled_from(FIELDS))
@example(name="id")
@example(name="invoice")
@example(name="category")
@example(name="jurisdictions")
@example(name="qty")
@example(name="unit_price")
@example(name="day")
@check(level=1, category="correctness", examples=4)
def test_read_rejects_a_missing_field(candidate, name):
    """A line that lacks a field becomes Rejected; only `original_day` may be absent."""
    expect_read(candidate, around([without(name)]), f"{name} is missing")


@given(name=st.sampled_from(["note", "Id", "", "original", "kind"]))
@example(name="note")
@check(level=1, category="correctness", examples=3)
def test_read_rejects_an_extra_field(candidate, name):
    """A line with a field that Line does not have becomes Rejected."""
    expect_read(candidate, around([bad(**{name: None})]), f"no field is named {name!r}")


@given(
    name=st.sampled_from(FIELDS), value=st.sampled_from([None, {}, {"a": 1}, [[]], [1]])
)
@example(name="id", value=7)
@example(name="invoice", value=7)
@example(name="category", value=None)
@example(name="day", value=20240229)
@example(name="unit_price", value="100")
@example(name="qty", value="1")
@example(name="qty", value=None)
@example(name="original_day", value=20240229)
@example(name="original_day", value=["2024-02-29"])
@check(level=1, category="correctness", examples=8)
def test_read_rejects_a_wrong_type(candidate, name, value):
    """A field of the wrong type makes the line Rejected."""
    why = f"{value!r} is not what {name} has to be"
    expect_read(candidate, around([bad(**{name: value})]), why)


@given(texts=st.sampled_from([[good(line())] * 4, [bad(qty=None), good(line())]]))
@example(texts=[good(line())])
@check(level=1, category="correctness", examples=2)
def test_read_is_lazy(candidate, texts):
    """The first result comes before the stream has been read to its end."""
    stream = candidate.stream([one.text for one in texts] * 100)
    next(candidate.read_lines(stream))
    taken, most = stream.taken(), 50 * len(texts)
    require(taken <= most, taken, f"most of {2 * most} lines not yet taken")


# Level 1: totals


@given(lines=sales, rules=flat_rules)
@example(lines=[line(100, 3)], rules=[rule("0.0625")])
@example(lines=[line(5), line(5, id="2")], rules=[rule("0.1")])
@example(lines=[line(1999, 2, "AB")], rules=[rule("0.0625"), rule("0.01", "B", id="s")])
@check(level=1, category="correctness", examples=12)
def test_tax_is_price_times_quantity_times_rate(candidate, lines, rules):
    """The tax of a line in a jurisdiction is its price times quantity times rate."""
    expect_totals(candidate, lines, rules)


@given(price=st.sampled_from([1, 3, 5, 7, 15]), rate=st.sampled_from(["0.5", "0.1"]))
@example(price=5, rate="0.5")
@example(price=3, rate="0.5")
@example(price=115, rate="0.1")
@example(price=25, rate="0.1")
@example(price=24, rate="0.1")
@example(price=26, rate="0.1")
@check(level=1, category="correctness", examples=5)
def test_a_half_is_rounded_up(candidate, price, rate):
    """A tax is rounded to the next minor unit, half of one up."""
    expect_totals(candidate, [line(price)], [rule(rate)])


@given(count=st.integers(2, 5), qty=small)
@example(count=2, qty=1)
@example(count=4, qty=1)
@check(level=1, category="correctness", examples=6)
def test_each_line_is_rounded_by_itself(candidate, count, qty):
    """Taxes are rounded line by line, before they are added up."""
    lines = [line(5, qty, id=str(n)) for n in range(count)]
    why = f"{count} lines of 5 x {qty} x 0.1, each rounded"
    expect_totals(candidate, lines, [rule("0.1")], why=why)


@given(price=st.sampled_from([1, 2, 3, 7]), qty=st.integers(2, 9))
@example(price=1, qty=2)
@example(price=1, qty=3)
@check(level=1, category="correctness", examples=6)
def test_a_line_is_rounded_once(candidate, price, qty):
    """The tax of a line is rounded once, not for each unit."""
    expect_totals(candidate, [line(price, qty)], [rule("0.25")])


@given(rates=st.lists(st.sampled_from(["0.5", "0.25", "0.1"]), min_size=2, max_size=3))
@example(rates=["0.5", "0.5"])
@example(rates=["0.25", "0.25"])
@check(level=1, category="correctness", examples=6)
def test_each_jurisdiction_has_its_own_rate(candidate, rates):
    """Each jurisdiction's tax is calculated and rounded by itself, at its own rate."""
    places = "ABC"[: len(rates)]
    rules = [rule(rate, where) for rate, where in zip(rates, places, strict=True)]
    expect_totals(candidate, [line(5, 1, places), line(9, 1, "A")], named(rules))


@given(lines=sales, rules=flat_rules)
@example(lines=[line(100, 1, "AXY")], rules=named([rule(), rule("0.2", "Z")]))
@check(level=1, category="correctness", examples=8)
def test_only_taxed_jurisdictions_are_listed(candidate, lines, rules):
    """The result has the jurisdictions of the lines that have a rule, and no other."""
    got = ask(candidate, lines, rules)
    named_by_lines = {name for one in lines for name in one.jurisdictions}
    want = sorted(named_by_lines & {one.jurisdiction for one in rules})
    require(sorted(got) == want, got, f"totals for {want}")


@given(lines=sales, rules=flat_rules)
@example(lines=[line(100), line(200, 2, "AB")], rules=named([rule(), rule("1", "B")]))
@check(level=1, category="correctness", examples=6)
def test_lines_may_be_read_only_once(candidate, lines, rules):
    """Lines may come from an iterator that can be read only once."""
    stream = candidate.stream(sent(candidate, lines))
    got = candidate.totals(stream, sent(candidate, rules))
    expect(got, oracle.totals(lines, rules), why=f"all {len(lines)} lines count")


@given(lines=sales, rules=flat_rules)
@example(lines=[line(100), line(200, 2, "AB")], rules=named([rule(), rule("1", "B")]))
@check(level=1, category="correctness", examples=6)
def test_reading_and_totals_fit_together(candidate, lines, rules):
    """What `read_lines` gives can be given to `totals` as it is."""
    read = candidate.read_lines([good(one).text for one in lines])
    got = candidate.totals(read, sent(candidate, rules))
    expect(got, oracle.totals(lines, rules), why=f"all {len(lines)} lines count")


@given(lines=sales, rules=flat_rules, times=st.integers(2, 3))
@example(lines=[line(100)], rules=[rule()], times=2)
@check(level=1, category="correctness", examples=6)
def test_every_line_given_counts(candidate, lines, rules, times):
    """`totals` counts every line that it is given, also one that it had before."""
    why = f"the same lines {times} times"
    expect_totals(candidate, lines * times, rules, why=why)


@given(data=sales.flatmap(lambda lines: st.tuples(*[st.permutations(lines)] * 2)))
@example(data=([line(100), line(3, 1, "AB")], [line(3, 1, "AB"), line(100)]))
@check(level=1, category="correctness", examples=6)
def test_order_of_lines_is_irrelevant(candidate, data):
    """The same lines in another order have the same totals."""
    lines, turned = data
    rules = named([rule("0.0625"), rule("0.5", "B"), rule("0.1", "C")])
    first = ask(candidate, lines, rules)
    expect(ask(candidate, turned, rules), first, why="only the order of lines differs")


@given(lines=any_lines, more=any_lines, rules=flat_rules)
@example(lines=[line(5), line(5)], more=[line(5)], rules=[rule()])
@check(level=1, category="correctness", examples=6)
def test_totals_of_parts_add_up(candidate, lines, more, rules):
    """The totals of two lots of lines add up to those of all of them."""
    one, other = ask(candidate, lines, rules), ask(candidate, more, rules)
    want = {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
    got = ask(candidate, lines + more, rules)
    expect(got, want, why=f"{one} and {other} apart")


# Level 2: rules with dates


@given(lines=dated_sales, rules=dated_rules)
@example(lines=[line(100, day=day(1))], rules=[dated("A", -1, 0, "0.5")])
@example(lines=[line(100, day=day(-2))], rules=[dated("A", -1, 0, "0.5")])
@example(lines=[line(100, 1, "AB")], rules=THREE)
@example(lines=[line(100, 1, "AB")], rules=THREE[::-1])
@check(level=2, category="correctness", examples=40)
def test_one_rule_is_chosen(candidate, lines, rules):
    """In each jurisdiction a line is taxed by the one rule of highest standing."""
    expect_totals(candidate, lines, rules)


@given(offsets=st.lists(st.integers(-4, 4), min_size=2, max_size=4))
@example(offsets=[-1, 0])
@example(offsets=[0, -1])
@example(offsets=[-3, -1, 1])
@check(level=2, category="correctness", examples=6)
def test_each_line_has_the_rate_of_its_day(candidate, offsets):
    """When a rate changes, each line is taxed at the rate of its own day."""
    lines = [line(100, day=day(at), id=str(at)) for at in offsets]
    expect_totals(candidate, lines, CHANGE)
    expect_totals(candidate, lines, CHANGE[::-1])


@given(at=st.integers(-3, 3))
@example(at=-2)
@example(at=2)
@check(level=2, category="correctness", examples=4)
def test_no_rule_applies_outside_its_days(candidate, at):
    """Before its start and after its end a rule does not apply."""
    expect_totals(candidate, [line(day=day(at))], [dated("A", -1, 1, "0.1")])


@given(general=st.integers(-3, 0), special=st.integers(-3, 0), turned=st.booleans())
@example(general=0, special=-3, turned=False)
@example(general=0, special=-3, turned=True)
@example(general=-3, special=0, turned=False)
@example(general=-1, special=-1, turned=True)
@check(level=2, category="correctness", examples=4)
def test_a_rule_for_the_category_wins(candidate, general, special, turned):
    """A rule for the line's category beats a general one, whatever their starts."""
    rules = [
        dated("A", general, None, "0.5", id="z"),
        dated("A", special, None, "0.1", id="a", category="food"),
    ]
    lines = [line(100), line(1000, category="book", id="2")]
    expect_totals(candidate, lines, rules[::-1] if turned else rules)


@given(
    category=st.sampled_from(["book", "Food", "food ", "", "foo"]),
    of=st.sampled_from(["food", ""]),
)
@example(category="book", of="food")
@example(category="Food", of="food")
@example(category="food", of="")
@check(level=2, category="correctness", examples=3)
def test_a_rule_is_for_its_category_only(candidate, category, of):
    """A rule for one category, be it "", does not apply to lines of another."""
    rules = [rule("0.1", category=of)]
    lines = [line(100, category=category)]
    expect_totals(candidate, lines, rules, why=f"the rule is for {of!r} only")
    expect_totals(candidate, [*lines, line(100, category=of)], rules)


@given(starts=st.lists(st.integers(-5, 0), min_size=2, max_size=4, unique=True))
@example(starts=[-1, -2])
@example(starts=[-2, -1])
@example(starts=[-3, 0, -2])
@check(level=2, category="correctness", examples=5)
def test_the_later_start_wins(candidate, starts):
    """Of rules of equal standing in force, the one that started last is used."""
    rates = ["0.1", "0.2", "0.3", "0.4"]
    pairs = list(zip(starts, rates, strict=False))
    rules = named([dated("A", at, None, rate) for at, rate in pairs])
    latest = max(starts)
    expect_totals(candidate, [line()], rules, why=f"the latest start is day {latest}")
    special = [replace(one, category="food") for one in rules]
    expect_totals(candidate, [line()], special, why=f"the latest start is day {latest}")


@given(ids=st.lists(st.sampled_from("abcxyz"), min_size=2, max_size=4, unique=True))
@example(ids=["a", "b"])
@example(ids=["b", "a"])
@example(ids=["b", "c", "a"])
@check(level=2, category="correctness", examples=5)
def test_at_equal_starts_the_greater_id_wins(candidate, ids):
    """Of rules of equal standing and start, the one with the greater id is used."""
    rates = ["0.1", "0.2", "0.3", "0.4"]
    pairs = zip(ids, rates, strict=False)
    rules = [dated("A", -1, None, rate, id=name) for name, rate in pairs]
    expect_totals(candidate, [line()], rules, why=f"the greatest id is {max(ids)!r}")
    rules = [replace(one, category="food") for one in rules]
    expect_totals(candidate, [line()], rules, why=f"the greatest id is {max(ids)!r}")


@given(data=dated_rules.flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))))
@example(data=(CHANGE, CHANGE[::-1]))
@example(
    data=(
        [rule("0.1", id="a"), rule("0.2", id="b")],
        [rule("0.2", id="b"), rule("0.1", id="a")],
    )
)
@check(level=2, category="correctness", examples=8)
def test_order_of_rules_is_irrelevant(candidate, data):
    """The same rules in another order give the same totals."""
    rules, turned = data
    lines = [
        line(100, 1, "AB", day=day(at), category=c) for at in (-1, 0) for c in "ab"
    ]
    lines += [line(100, 1, "AB", day=day(at)) for at in (-1, 0, 1)]
    first = ask(candidate, lines, rules)
    expect(ask(candidate, lines, turned), first, why="only the order of rules differs")


@given(
    lines=dated_sales, rules=dated_rules, by=st.sampled_from([-400, -31, 1, 30, 366])
)
@example(lines=[line(100)], rules=[dated("A", -1, 0, "0.5")], by=1)
@check(level=2, category="correctness", examples=8)
def test_all_days_may_be_moved(candidate, lines, rules, by):
    """When all days are moved by the same number, the totals stay."""
    step = day(by) - DAY
    later = [replace(one, day=one.day + step) for one in lines]
    moved = [
        replace(one, start=one.start + step, end=one.end and one.end + step)
        for one in rules
    ]
    first = ask(candidate, lines, rules)
    expect(ask(candidate, later, moved), first, why=f"all days moved by {by}")


@given(lines=dated_sales, rules=dated_rules)
@example(lines=[line(100)], rules=[rule("0.1", id="x")])
@check(level=2, category="correctness", examples=10)
def test_a_higher_rate_takes_no_less(candidate, lines, rules):
    """When every rate rises, no jurisdiction takes less from sales."""
    higher = [replace(one, rate=one.rate + Decimal("0.125")) for one in rules]
    first, second = ask(candidate, lines, rules), ask(candidate, lines, higher)
    fair = all(second.get(name, -1) >= tax for name, tax in first.items())
    require(fair, second, f"at least {first}, as at the lower rates")


# Level 3: limits


def taxed_by(kind: str, limit: int, prices: list[int], qty: int = 1) -> tuple[Any, Any]:
    lines = [line(price, qty, id=str(price)) for price in prices]
    return lines, [rule("0.5", kind=kind, limit=limit)]


limits = st.sampled_from([100, 99, 50, 101])
some_prices = st.lists(st.sampled_from([40, 99, 100, 101, 260]), min_size=1, max_size=3)


@given(limit=limits, prices=some_prices, qty=small)
@example(limit=100, prices=[40], qty=1)
@example(limit=100, prices=[260], qty=1)
@example(limit=100, prices=[40], qty=4)
@check(level=3, category="correctness", examples=8)
def test_exempt_below_is_a_cliff(candidate, limit, prices, qty):
    """`exempt_below`: units priced under the limit are exempt, others taxed in full."""
    expect_totals(candidate, *taxed_by("exempt_below", limit, prices, qty))


@given(limit=limits, prices=some_prices, qty=small)
@example(limit=100, prices=[40], qty=1)
@example(limit=100, prices=[260], qty=1)
@example(limit=100, prices=[40], qty=4)
@check(level=3, category="correctness", examples=8)
def test_exempt_up_to_taxes_the_rest(candidate, limit, prices, qty):
    """`exempt_up_to`: only the part of the price above the limit is taxed."""
    expect_totals(candidate, *taxed_by("exempt_up_to", limit, prices, qty))


@given(limit=limits, prices=some_prices, qty=small)
@example(limit=100, prices=[40], qty=1)
@example(limit=100, prices=[260], qty=1)
@example(limit=100, prices=[40], qty=4)
@check(level=3, category="correctness", examples=8)
def test_cap_taxes_the_first_part(candidate, limit, prices, qty):
    """`cap`: only the first `limit` of each unit's price is taxed."""
    expect_totals(candidate, *taxed_by("cap", limit, prices, qty))


@given(
    kind=st.sampled_from(["exempt_below", "exempt_up_to", "cap"]),
    price=st.sampled_from([30, 60, 150]),
    qty=st.integers(2, 9),
)
@example(kind="exempt_below", price=60, qty=2)
@example(kind="exempt_up_to", price=60, qty=2)
@example(kind="exempt_up_to", price=150, qty=2)
@example(kind="cap", price=60, qty=2)
@example(kind="cap", price=150, qty=2)
@check(level=3, category="correctness", examples=5)
def test_limits_are_for_each_unit(candidate, kind, price, qty):
    """A limit is compared with the price of one unit, never with that of the line."""
    expect_totals(candidate, *taxed_by(kind, 100, [price], qty))


@given(
    kind=st.sampled_from(["exempt_below", "exempt_up_to", "cap"]),
    price=st.sampled_from([60, 150]),
    of_category=st.booleans(),
)
@example(kind="exempt_below", price=60, of_category=True)
@example(kind="exempt_up_to", price=150, of_category=True)
@example(kind="cap", price=150, of_category=False)
@check(level=3, category="correctness", examples=4)
def test_limiting_rules_stand_alone(candidate, kind, price, of_category):
    """A rule with a limit is chosen like any other, and only its own rate counts."""
    rules = [
        dated("A", -5, None, "0.5", id="b"),
        dated("A", -3, None, "0.1", id="a", kind=kind, limit=100),
    ]
    if of_category:
        rules[1] = replace(rules[1], category="food", start=day(-9))
    expect_totals(candidate, [line(price)], rules)
    rules[0] = replace(rules[0], category="food")
    expect_totals(candidate, [line(price)], rules)


@given(lines=dated_lines, limit=limits)
@example(lines=[line(150, 2), line(60, 3, "AB")], limit=100)
@check(level=3, category="correctness", examples=6)
def test_cap_and_exempt_up_to_complete_each_other(candidate, lines, limit):
    """What `cap` taxes and what `exempt_up_to` taxes is the whole price."""
    up, cap = (
        ask(candidate, lines, [rule("1", kind=kind, limit=limit)])
        for kind in ("exempt_up_to", "cap")
    )
    whole = ask(candidate, lines, [rule("1")])
    want = {name: whole[name] - tax for name, tax in up.items()}
    expect(cap, want, why=f"of {whole}, {up} is above the limit {limit}")


@given(lines=dated_sales, limit=st.sampled_from([0, 1, 50, 99, 100]))
@example(lines=[line(100)], limit=50)
@check(level=3, category="correctness", examples=6)
def test_a_higher_exemption_takes_no_more(candidate, lines, limit):
    """When an exemption rises, sales are taxed no more; when a cap rises, no less."""
    taken = {}
    for kind in ("exempt_below", "exempt_up_to", "cap"):
        for more in (0, 51):
            rules = [rule("0.25", kind=kind, limit=limit + more)]
            result = ask(candidate, lines, rules)
            taken[kind, more] = (result, sum(result.values()))
    for kind, way in (("exempt_below", -1), ("exempt_up_to", -1), ("cap", 1)):
        (_, low), (result, high) = taken[kind, 0], taken[kind, 51]
        word = "no more" if way < 0 else "no less"
        said = f"{word} than {low}, as with {kind} {limit}"
        require((high - low) * way >= 0, result, said)


# Level 3: returns


@given(
    sold=st.integers(-3, 3), back=st.integers(-3, 3), qty=st.sampled_from([-1, -2, 1])
)
@example(sold=-1, back=1, qty=-1)
@example(sold=1, back=-1, qty=-2)
@example(sold=-1, back=1, qty=1)
@check(level=3, category="correctness", examples=6)
def test_a_return_has_the_rate_of_its_sale(candidate, sold, back, qty):
    """A return is taxed under the rules of `original_day`, a sale under its own."""
    lines = [line(100, qty, day=day(back), original_day=day(sold))]
    expect_totals(candidate, lines, CHANGE)


@given(at=st.integers(-3, 3), qty=st.integers(-3, -1))
@example(at=-1, qty=-1)
@example(at=0, qty=-1)
@check(level=3, category="correctness", examples=3)
def test_a_return_of_unknown_sale_has_its_own_day(candidate, at, qty):
    """A return without `original_day` is taxed under the rules of its own day."""
    expect_totals(candidate, [line(100, qty, day=day(at))], CHANGE)


@given(lines=dated_sales, rules=rules_of_all_kinds, rounding=roundings)
@example(lines=[line(5)], rules=[rule("0.5")], rounding="line")
@example(
    lines=[line(5, 1, "AB")],
    rules=named([rule("0.5"), rule("0.25", "B")]),
    rounding="invoice",
)
@example(
    lines=[line(15, 1, "ABC")],
    rules=named([rule("0.1", where) for where in "ABC"]),
    rounding="invoice",
)
@check(level=3, category="correctness", examples=12)
def test_a_full_return_cancels_its_sale(candidate, lines, rules, rounding):
    """Sales and their full returns, each in an invoice of its own, come to 0."""
    back = [
        replace(
            one,
            qty=-one.qty,
            original_day=one.day,
            day=day(9),
            invoice=f"{one.invoice}back",
        )
        for one in lines
    ]
    got = ask(candidate, lines + back, rules, rounding=rounding)
    require(not any(got.values()), got, "0 everywhere: all was brought back")


@given(lines=dated_lines, rules=rules_of_all_kinds)
@example(lines=[line(100, -1, original_day=day(-1))], rules=CHANGE)
@check(level=3, category="correctness", examples=35)
def test_lines_under_rules_of_all_kinds(candidate, lines, rules):
    """Sales and returns are taxed by the one rule chosen, on the base of its kind."""
    expect_totals(candidate, lines, rules, rounding="line")


# Level 3: invoices


def why_shared(lines: Any, rules: Any) -> str:
    invoices = oracle.invoices(lines, rules).items()
    parts = [f"{number}: {oracle.told(exact)}" for number, exact in invoices]
    return "exact sums of each invoice: " + "; ".join(parts)


def expect_shared(candidate: Any, lines: Any, rules: Any) -> None:
    why = why_shared(lines, rules)
    expect_totals(candidate, lines, rules, why, rounding="invoice")


@given(lines=dated_lines, rules=rules_of_all_kinds)
@example(lines=[line(5), line(5, id="2")], rules=[rule("0.1")])
@example(lines=[line(4, 1, "AB")], rules=named([rule("0.1"), rule("0.2", "B")]))
@example(lines=[line(5), line(5, id="2", invoice="J")], rules=[rule("0.1")])
@check(level=3, category="correctness", examples=40)
def test_invoices_are_shared_out(candidate, lines, rules):
    """An invoice's exact taxes are summed, rounded once and shared out."""
    expect_shared(candidate, lines, rules)


@given(count=st.integers(2, 9), price=st.sampled_from([1, 4, 5]))
@example(count=2, price=5)
@example(count=3, price=4)
@check(level=3, category="correctness", examples=5)
def test_an_invoice_is_rounded_once(candidate, count, price):
    """The taxes of an invoice are rounded once for all of its lines."""
    lines = [line(price, id=str(n)) for n in range(count)]
    expect_shared(candidate, lines, [rule("0.1")])


@given(
    rates=st.lists(st.sampled_from(["0.3", "0.4", "0.7"]), min_size=2, max_size=4),
    price=st.sampled_from([1, 3, 7]),
)
@example(rates=["0.3", "0.4"], price=1)
@example(rates=["0.4", "0.3"], price=1)
@example(rates=["0.4", "0.4", "0.4"], price=1)
@example(rates=["0.7", "0.3"], price=3)
@check(level=3, category="correctness", examples=6)
def test_largest_remainders_get_the_cents(candidate, rates, price):
    """The cents that are left over go one each to the largest remainders."""
    places = "ABCD"[: len(rates)]
    rules = [rule(rate, where) for rate, where in zip(rates, places, strict=True)]
    expect_shared(candidate, [line(price, 1, places)], named(rules))


@given(lines=dated_lines, rules=rules_of_all_kinds)
@example(lines=[line(1, 1, "AB")], rules=named([rule("0.3"), rule("0.3", "B")]))
@check(level=3, category="correctness", examples=10)
def test_shares_sum_to_the_rounded_sum(candidate, lines, rules):
    """The shares of an invoice sum to its exact tax, rounded once."""
    lines = [replace(one, invoice="I") for one in lines]
    got = ask(candidate, lines, rules, rounding="invoice")
    exact = [oracle.taxes(one, rules).values() for one in lines]
    total = sum((tax for taxes in exact for tax in taxes), Fraction())
    want = oracle.rounded(total)
    require(sum(got.values()) == want, got, f"a sum of {want}: exactly {float(total)}")


@given(lines=dated_lines, rules=rules_of_all_kinds)
@example(
    lines=[line(5, invoice="I"), line(5, invoice="J"), line(5, id="3")], rules=[rule()]
)
@check(level=3, category="correctness", examples=8)
def test_invoices_are_apart(candidate, lines, rules):
    """Each invoice is rounded by itself, wherever its lines stand in the stream."""
    both = ask(candidate, lines, rules, rounding="invoice")
    parts: Counter[str] = Counter()
    names = {one.invoice for one in lines}
    for name in sorted(names):
        own = [one for one in lines if one.invoice == name]
        for where, tax in ask(candidate, own, rules, rounding="invoice").items():
            parts[where] += tax
    expect(both, dict(parts), why=f"{len(names)} invoices, as each of them alone")


@given(lines=dated_lines, rules=rules_of_all_kinds)
@example(lines=[line(5), line(5, id="2")], rules=[rule("0.1")])
@check(level=3, category="correctness", examples=8)
def test_rounding_is_by_line_unless_told(candidate, lines, rules):
    """`totals` rounds by line unless told otherwise."""
    expect_totals(candidate, lines, rules)


# Rates as they were


@given(case=st.sampled_from(ONE_DAY))
@example(case=CHICAGO)
@check(level=1, category="correctness", examples=2)
def test_rates_of_one_day(candidate, case):
    """Prices of a day in real places have the tax that is due there."""
    expect(ask(candidate, case.lines, case.rules), case.taxes, why=case.why)


@given(case=st.sampled_from(CHANGING))
@example(case=GERMANY)
@example(case=UNITED_KINGDOM)
@example(case=JAPAN)
@example(case=BAHRAIN)
@check(level=2, category="correctness", examples=2)
def test_rates_that_changed(candidate, case):
    """Sales before and after a real change of rates have the tax of their time."""
    expect(ask(candidate, case.lines, case.rules), case.taxes, why=case.why)


@given(case=st.sampled_from(LIMITING))
@example(case=NEW_YORK)
@example(case=MASSACHUSETTS)
@example(case=TENNESSEE)
@example(case=GERMAN_RETURN)
@check(level=3, category="correctness", examples=2)
def test_rates_with_limits(candidate, case):
    """Real exemptions, caps and returns have the tax that is due."""
    expect(ask(candidate, case.lines, case.rules), case.taxes, why=case.why)


# Level 4: lines that come twice, late or corrected


def aggregator(candidate: Any, rules: Any, **how: str) -> Any:
    return candidate.Aggregator(sent(candidate, rules), **how)


def tell(candidate: Any, told: Any, calls: Any, held: Any = None) -> Any:
    """Make the calls, (method, line) each; return what has to be held then."""
    held = held or oracle.Held()
    for name, one in calls:
        getattr(told, name)(*sent(candidate, [one]))
        getattr(held, name)(one)
    return held


def expect_held(told: Any, held: Any, rules: Any, why: str, **how: str) -> None:
    expect(told.totals(), oracle.totals(held.lines(), rules, **how), why=why)


def adding(lines: Any) -> Any:
    return [("add", one) for one in lines]


@given(lines=dated_sales, rules=dated_rules)
@example(lines=[line(5), line(5, id="2")], rules=[rule("0.1")])
@check(level=4, category="correctness", examples=8)
def test_aggregator_totals_its_lines(candidate, lines, rules):
    """The totals of an aggregator are those of the lines that were added."""
    told = aggregator(candidate, rules)
    held = tell(candidate, told, adding(lines))
    expect_held(told, held, rules, f"{len(lines)} lines were added")


@given(lines=dated_lines, rules=rules_of_all_kinds, rounding=roundings)
@example(
    lines=[line(100, -1, original_day=day(-1)), line(100, 1, id="2", invoice="J")],
    rules=CHANGE,
    rounding="line",
)
@example(lines=[line(5), line(5, id="2")], rules=[rule("0.1")], rounding="invoice")
@example(lines=[line(5), line(5, id="2")], rules=[rule("0.1")], rounding="line")
@example(lines=[line(5, 1, "AA")], rules=[rule("0.5")], rounding="line")
@check(level=4, category="correctness", examples=10)
def test_aggregator_agrees_with_totals(candidate, lines, rules, rounding):
    """An aggregator gives what `totals` gives for its lines, rules and rounding."""
    told = aggregator(candidate, rules, rounding=rounding)
    tell(candidate, told, adding(lines))
    want = ask(candidate, lines, rules, rounding=rounding)
    expect(told.totals(), want, why="as `totals` says of the same lines")


@given(lines=dated_lines, rules=rules_of_all_kinds)
@example(lines=[line(5), line(5, id="2")], rules=[rule("0.1")])
@check(level=4, category="correctness", examples=4)
def test_aggregator_rounds_by_line_unless_told(candidate, lines, rules):
    """An aggregator rounds by line unless told otherwise."""
    told = aggregator(candidate, rules)
    tell(candidate, told, adding(lines))
    want = ask(candidate, lines, rules, rounding="line")
    expect(told.totals(), want, why="as `totals` says, rounding by line")


MOVING = [line(100), line(300, id="2"), line(100, invoice="J")]
"""Two lines of one invoice, and the first again in another one."""


@given(calls=calls_of(4), rules=dated_rules, rounding=roundings)
@example(
    calls=[("add", line(100)), ("add", line(200))], rules=[rule()], rounding="line"
)
@example(
    calls=[("add", line(100)), ("correct", line(200))], rules=[rule()], rounding="line"
)
@example(
    calls=[("correct", line(100)), ("add", line(200))], rules=[rule()], rounding="line"
)
@example(
    calls=adding([line(100), line(200, invoice="J")]), rules=[rule()], rounding="line"
)
@example(
    calls=[*adding(MOVING[:2]), ("correct", MOVING[2])],
    rules=[rule()],
    rounding="invoice",
)
@example(
    calls=[*adding([line(4), line(4, id="2")]), ("correct", line(4, 1, "B"))],
    rules=TWO,
    rounding="invoice",
)
@example(
    calls=[*adding([line(5), line(5, id="2")]), ("correct", line(5, category="b"))],
    rules=THREE,
    rounding="invoice",
)
@check(level=4, category="correctness", examples=10)
def test_totals_may_be_asked_at_any_time(candidate, calls, rules, rounding):
    """After each call, the totals are those of the lines that are held then."""
    told, held = aggregator(candidate, rules, rounding=rounding), oracle.Held()
    for place, call in enumerate(calls, 1):
        tell(candidate, told, [call], held)
        expect_held(told, held, rules, f"after {place} calls", rounding=rounding)


@given(first=any_lines, second=any_lines)
@example(first=[line(100)], second=[line(300, 2, "AB")])
@check(level=4, category="correctness", examples=5)
def test_a_known_line_is_ignored(candidate, first, second):
    """A line whose id was added before is ignored: the first one stays."""
    told = aggregator(candidate, TWO)
    held = tell(candidate, told, adding([*first, *second]))
    expect_held(told, held, TWO, "the first line of each id counts")


@given(first=any_lines, second=any_lines, rounding=roundings)
@example(first=[line(100)], second=[line(300)], rounding="line")
@example(first=[line(100, 1, "A")], second=[line(100, 1, "B")], rounding="line")
@example(first=[line(100), line(50, id="2")], second=[line(300)], rounding="line")
@example(first=MOVING[:2], second=MOVING[2:], rounding="invoice")
@example(first=MOVING[:2], second=[line(100, 1, "B")], rounding="invoice")
@check(level=4, category="correctness", examples=6)
def test_a_correction_replaces(candidate, first, second, rounding):
    """A correction takes the place of the line with its id, in all of its fields."""
    told = aggregator(candidate, TWO, rounding=rounding)
    corrections = [("correct", one) for one in second]
    held = tell(candidate, told, [*adding(first), *corrections])
    why = "corrections count in place of what was added"
    expect_held(told, held, TWO, why, rounding=rounding)


@given(lines=any_lines)
@example(lines=[line(100)])
@check(level=4, category="correctness", examples=3)
def test_a_correction_may_come_first(candidate, lines):
    """A correction counts at once, also when no line with its id was seen."""
    told = aggregator(candidate, TWO)
    held = tell(candidate, told, [("correct", one) for one in lines])
    expect_held(told, held, TWO, "nothing was added, but corrections count")


@given(lines=any_lines, seen=st.booleans())
@example(lines=[line(100)], seen=False)
@example(lines=[line(100)], seen=True)
@check(level=4, category="correctness", examples=4)
def test_a_correction_outlasts_a_later_add(candidate, lines, seen):
    """A line that was corrected stays so when it is added again, or at last."""
    old = [replace(one, unit_price=one.unit_price + 1000) for one in lines]
    calls = adding(old) * seen + [("correct", one) for one in lines] + adding(old)
    told = aggregator(candidate, TWO)
    held = tell(candidate, told, calls)
    expect_held(told, held, TWO, "the corrected lines count")


@given(prices=st.lists(st.integers(0, 9), min_size=2, max_size=4, unique=True))
@example(prices=[1, 2])
@example(prices=[2, 1])
@check(level=4, category="correctness", examples=4)
def test_the_last_correction_wins(candidate, prices):
    """Of several corrections of a line, the last one counts."""
    told = aggregator(candidate, TWO)
    lines = [line(100 * price) for price in prices]
    held = tell(candidate, told, [("correct", one) for one in lines])
    expect_held(told, held, TWO, f"the last price was {lines[-1].unit_price}")


@given(data=sales.flatmap(lambda lines: st.tuples(*[st.permutations(lines)] * 2)))
@example(data=([line(4), line(5, id="2")], [line(5, id="2"), line(4)]))
@check(level=4, category="correctness", examples=4)
def test_order_of_adding_is_irrelevant(candidate, data):
    """Different lines may be added in any order."""
    results = []
    for lines in data:
        told = aggregator(candidate, TWO, rounding="invoice")
        tell(candidate, told, adding(lines))
        results.append(told.totals())
    expect(results[1], results[0], why="only the order of the lines differs")


@given(lines=sales, more=sales)
@example(lines=[line(100)], more=[line(200)])
@check(level=4, category="correctness", examples=3)
def test_aggregators_are_apart(candidate, lines, more):
    """What one aggregator is told is nothing to another."""
    one, other = (aggregator(candidate, TWO) for _ in range(2))
    first = tell(candidate, one, adding(lines))
    second = tell(candidate, other, adding(more))
    expect_held(one, first, TWO, "only what this one was told counts")
    expect_held(other, second, TWO, "only what this one was told counts")


# Level 4: merging


def merged(candidate: Any, ours: Any, theirs: Any, rules: Any, **how: str) -> Any:
    """Return two aggregators with what they hold, the second merged into the first."""
    one, other = (aggregator(candidate, rules, **how) for _ in range(2))
    held = tell(candidate, one, ours), tell(candidate, other, theirs)
    one.merge(other)
    held[0].merge(held[1])
    return one, other, *held


@given(ours=calls_of(3), theirs=calls_of(3), rules=dated_rules)
@example(ours=adding([line(100)]), theirs=adding([line(7, id="2")]), rules=[rule()])
@example(ours=[("correct", line(100))], theirs=[("correct", line(7))], rules=[rule()])
@example(  # a correction that changes nothing where it is made
    ours=adding([line(100)]),
    theirs=[("add", line(200)), ("correct", line(200))],
    rules=[rule()],
)
@check(level=4, category="correctness", examples=12)
def test_merge_is_as_if_told_here(candidate, ours, theirs, rules):
    """After a merge it is as if the other's calls had been made after one's own."""
    one, _, held, _ = merged(candidate, ours, theirs, rules)
    expect_held(one, held, rules, "as if all calls had been made on one aggregator")


@given(lines=any_lines, others=any_lines)
@example(lines=[line(100)], others=[line(200)])
@check(level=4, category="correctness", examples=4)
def test_merge_ignores_known_lines(candidate, lines, others):
    """A line that both sides were told to add counts once, as it is here."""
    one, _, held, _ = merged(candidate, adding(lines), adding(others), TWO)
    expect_held(one, held, TWO, "the lines of this side were added first")


@given(lines=any_lines, others=any_lines, ours=st.sampled_from(["add", "correct"]))
@example(lines=[line(100)], others=[line(200)], ours="add")
@example(lines=[line(100)], others=[line(200)], ours="correct")
@check(level=4, category="correctness", examples=4)
def test_merge_brings_corrections(candidate, lines, others, ours):
    """A correction of the other side replaces what is held here, corrected or not."""
    calls = [(ours, one) for one in lines], [("correct", one) for one in others]
    one, _, held, _ = merged(candidate, *calls, TWO)
    expect_held(one, held, TWO, "the corrections of the other side came last")


@given(lines=any_lines, others=any_lines)
@example(lines=[line(100)], others=[line(200)])
@check(level=4, category="correctness", examples=4)
def test_merge_keeps_corrections(candidate, lines, others):
    """A correction made here outlasts the same line added on the other side."""
    calls = [("correct", one) for one in lines], adding(others)
    one, _, held, _ = merged(candidate, *calls, TWO)
    expect_held(one, held, TWO, "what the other added changes no correction")


@given(lines=any_lines, more=any_lines)
@example(lines=[line(100)], more=[line(200)])
@check(level=4, category="correctness", examples=3)
def test_merged_corrections_stay_corrections(candidate, lines, more):
    """A correction that came by a merge outlasts lines added later."""
    fix = [("correct", one) for one in lines]
    one, _, held, _ = merged(candidate, [], fix, TWO)
    tell(candidate, one, adding(more), held)
    expect_held(one, held, TWO, "corrections outlast what was added")


@given(lines=any_lines, more=any_lines, came=st.sampled_from(["add", "correct"]))
@example(lines=[line(100)], more=[line(200)], came="add")
@example(lines=[line(100)], more=[line(200)], came="correct")
@check(level=4, category="correctness", examples=4)
def test_merges_can_be_merged(candidate, lines, more, came):
    """What came by a merge is, for a further merge, as it was: added or corrected."""
    one, _, held, _ = merged(candidate, [], [(came, made) for made in lines], TWO)
    last = aggregator(candidate, TWO)
    final = tell(candidate, last, adding(more))
    last.merge(one)
    final.merge(held)
    expect_held(last, final, TWO, f"the lines that were merged came by {came}")


@given(ours=calls_of(3), theirs=calls_of(3))
@example(ours=adding([line(100)]), theirs=adding([line(7, id="2")]))
@check(level=4, category="correctness", examples=5)
def test_merge_leaves_the_other_unchanged(candidate, ours, theirs):
    """The other aggregator is unchanged by a merge, and works on by itself."""
    one, other, _, held = merged(candidate, ours, theirs, TWO)
    expect_held(other, held, TWO, "it was merged into another")
    tell(candidate, one, adding([line(9000, id="new"), line(8000, 1, "B", id="n")]))
    tell(candidate, one, [("correct", line(9000))])
    expect_held(other, held, TWO, "only the other one was told more")


@given(ours=calls_of(3), theirs=calls_of(3))
@example(ours=adding([line(100)]), theirs=adding([line(7, id="2")]))
@example(ours=[], theirs=adding([line(7)]))
@check(level=4, category="correctness", examples=5)
def test_later_calls_on_the_other_have_no_effect(candidate, ours, theirs):
    """What the other aggregator is told after a merge has no effect here."""
    one, other, held, _ = merged(candidate, ours, theirs, TWO)
    tell(candidate, other, adding([line(9000, id="new"), line(8000, 1, "B", id="n")]))
    tell(candidate, other, [("correct", line(9000)), ("correct", line(7, id="2"))])
    expect_held(one, held, TWO, "only the other one was told more")


@given(theirs=calls_of(2), more=calls_of(2), turned=st.booleans())
@example(theirs=[("correct", line(7, id="2"))], more=adding([line(300)]), turned=False)
@example(theirs=[("correct", line(7, id="2"))], more=adding([line(300)]), turned=True)
@check(level=4, category="correctness", examples=4)
def test_merged_ones_go_apart(candidate, theirs, more, turned):
    """After a merge, a correction of one side is none of the other, for a third too."""
    one, other, ours, held = merged(candidate, [], theirs, TWO)
    if turned:
        one, other, held = other, one, ours
    tell(candidate, one, [("correct", line(9000))])
    tell(candidate, other, more, held)
    last = aggregator(candidate, TWO)  # it knows the line: a correction shows
    final = tell(candidate, last, adding([line(500)]))
    last.merge(other)
    final.merge(held)
    expect_held(last, final, TWO, "only the other one was told of a correction")


@given(ours=calls_of(3), theirs=calls_of(3), rounding=roundings)
@example(ours=adding([line(5)]), theirs=adding([line(5, id="2")]), rounding="invoice")
@example(ours=adding([line(5)]), theirs=adding([line(5, id="2")]), rounding="line")
@check(level=4, category="correctness", examples=8)
def test_merge_comes_before_rounding(candidate, ours, theirs, rounding):
    """Lines of one invoice that come from both sides are rounded as one invoice."""
    one, _, held, _ = merged(candidate, ours, theirs, TWO, rounding=rounding)
    want = ask(candidate, held.lines(), TWO, rounding=rounding)
    expect(one.totals(), want, why="as `totals` says of all the lines")


@given(ours=calls_of(3), theirs=calls_of(3))
@example(ours=adding([line(100)]), theirs=adding([line(7, id="2")]))
@check(level=4, category="correctness", examples=5)
def test_merging_again_changes_nothing(candidate, ours, theirs):
    """Merging the same aggregator a second time changes nothing."""
    one, other, _, _ = merged(candidate, ours, theirs, TWO)
    first = one.totals()
    one.merge(other)
    expect(one.totals(), first, why="the other was merged before")


# Level 4: conflicts


def expect_conflicts(told: Any, held: Any, rules: Any, why: str) -> None:
    expect(told.conflicts(), oracle.conflicts(held.lines(), rules), why=why)


@given(calls=calls_of(4), rules=dated_rules)
@example(calls=adding([line(1, 1, "AB")]), rules=THREE)
@example(calls=adding([line(1, 1, "AB")]), rules=THREE[::-1])
@example(calls=[("add", line(1)), ("correct", line(1, 1, "B"))], rules=THREE)
@check(level=4, category="correctness", examples=20)
def test_conflicts_are_rules_of_equal_standing(candidate, calls, rules):
    """A conflict is a rule in force passed over for another of the same standing."""
    told = aggregator(candidate, rules)
    held = tell(candidate, told, calls)
    expect_conflicts(told, held, rules, "rules in force of the same standing")


@given(of=st.sampled_from(CATEGORIES), starts=st.lists(st.integers(-3, 0), min_size=3))
@example(of=None, starts=[-1, -1, -1])
@example(of="food", starts=[-1, -1, -1])
@example(of="food", starts=[-1, 0, -2])
@check(level=4, category="correctness", examples=4)
def test_every_rule_passed_over_is_listed(candidate, of, starts):
    """If several rules are passed over, each is an entry beside the one used."""
    rules = named([dated("A", at, None, "0.1", category=of) for at in starts[:4]])
    told = aggregator(candidate, rules)
    held = tell(candidate, told, adding([line()]))
    expect_conflicts(told, held, rules, f"{len(rules)} rules for {of or 'everything'}")


@given(lines=st.permutations([line(1, 1, w, day=day(n)) for n in (1, 0) for w in "BA"]))
@example(lines=[line(1, 1, w, day=day(n)) for n in (1, 0) for w in "BA"])
@check(level=4, category="correctness", examples=3)
def test_conflicts_are_sorted(candidate, lines):
    """Conflicts are sorted: by jurisdiction, day, rule used, rule passed over."""
    told = aggregator(candidate, THREE)
    lines = [replace(one, id=str(n)) for n, one in enumerate(lines)]
    held = tell(candidate, told, adding(lines))
    expect_conflicts(told, held, THREE, "two days, two jurisdictions, rules of three")


@given(count=st.integers(2, 5))
@example(count=2)
@check(level=4, category="correctness", examples=2)
def test_a_conflict_is_listed_once(candidate, count):
    """A conflict is listed once, however many lines have it."""
    told = aggregator(candidate, THREE)
    lines = [line(n, 1, "AB", id=str(n)) for n in range(count)]
    held = tell(candidate, told, adding(lines))
    expect_conflicts(told, held, THREE, f"{count} lines of one day")


@given(first=dated_sales, second=dated_sales)
@example(first=[line(1)], second=[line(1, 1, "C")])
@example(first=[line(1)], second=[line(1, day=day(-3))])
@example(first=[line(1, 1, "C")], second=[line(1)])
@check(level=4, category="correctness", examples=5)
def test_conflicts_are_of_lines_held(candidate, first, second):
    """Conflicts are those of the lines held now, not of what a correction replaced."""
    told = aggregator(candidate, THREE)
    held = tell(candidate, told, adding(first))
    expect_conflicts(told, held, THREE, "before the correction")
    tell(candidate, told, [("correct", one) for one in second], held)
    expect_conflicts(told, held, THREE, "after the correction")


@given(ours=calls_of(3), theirs=calls_of(3))
@example(ours=[], theirs=adding([line(1, 1, "AB")]))
@example(ours=adding([line(1)]), theirs=[("correct", line(1, 1, "B"))])
@check(level=4, category="correctness", examples=6)
def test_merge_brings_conflicts(candidate, ours, theirs):
    """After a merge, conflicts are those of all the lines held then."""
    one, _, held, _ = merged(candidate, ours, theirs, THREE)
    expect_conflicts(one, held, THREE, "the lines of both sides")


@given(calls=calls_of(3))
@example(calls=adding([line(1)]))
@check(level=4, category="correctness", examples=3)
def test_asking_changes_nothing(candidate, calls):
    """Asking for totals and conflicts changes neither."""
    told = aggregator(candidate, THREE, rounding="invoice")
    tell(candidate, told, calls)
    first = told.totals(), told.conflicts()
    expect(told.totals(), first[0], why="nothing was told in between")
    expect(told.conflicts(), first[1], why="nothing was told in between")
