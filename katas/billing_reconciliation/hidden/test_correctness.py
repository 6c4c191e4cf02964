"""What has to hold in normal use: rows as two real exports have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import generators
from hypothesis import example, given
from hypothesis import strategies as st
from oracle import Rules, day, differences, minor_units
from strategies import (
    BOTH_WAYS,
    CHAIN,
    EARLIER,
    FAR,
    GREEDY,
    KINDS,
    LATER,
    MONTH_ZONES,
    OFFSETS,
    SUMMER_TIME,
    Case,
    ask,
    bodies,
    both_ways_cases,
    bucket_case,
    bucket_cases,
    cases,
    chosen,
    expect_instant,
    expect_most,
    expect_nearest,
    expect_right,
    expect_valid,
    free_cases,
    goodness,
    group_case,
    group_cases,
    in_offset,
    local_buckets,
    local_cases,
    mixed_cases,
    moment,
    ref_cases,
    repeated_cases,
    row,
    row_a,
    row_b,
    whole_cases,
)

from graders.laws import check, expect, require

turns = st.integers(0, 6)
small = st.integers(1, 4)
text = st.text("abR-1_é", min_size=1, max_size=4)
DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}

# Level 1: the parsers


@given(id=text, amount=st.integers(-2000, 2000), created=st.integers(0, 1 << 31))
@example(id="a1", amount=1230, created=1_709_629_200)
@example(id="a1", amount=0, created=0)
@example(id="a1", amount=-5, created=0)
@check(level=1, category="correctness", examples=10)
def test_parse_a_reads_a_row(candidate, id, amount, created):
    """`parse_a` takes id, amount and currency as they are, and seconds as UTC."""
    got = candidate.parse_a(row_a(id=id, amount=amount, created=created))
    expect(got, source="a", id=id, amount=amount, currency="EUR")
    expect_instant(got, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=created))


@given(id=text)
@example(id="b1")
@check(level=1, category="correctness", examples=5)
def test_parse_b_reads_a_row(candidate, id):
    """`parse_b` takes the entry as id, and the currency as it is."""
    got = candidate.parse_b(row_b(entry=id, ccy="KWD"), DECIMALS)
    expect(got, source="b", id=id, currency="KWD")


@given(ref=text, kind=st.sampled_from(KINDS))
@example(ref=" R 1", kind="refund")
@example(ref="r1", kind="fee")
@example(ref="r1", kind="payout")
@example(ref="r1", kind="charge")
@check(level=1, category="correctness", examples=10)
def test_parsers_keep_reference_and_kind(candidate, ref, kind):
    """Both parsers keep the reference as it is, and each of the four kinds."""
    got = candidate.parse_a(row_a(ref=ref, type=kind))
    expect(got, ref=ref, kind=kind)
    got = candidate.parse_b(row_b(reference=ref, kind=kind), DECIMALS)
    expect(got, ref=ref, kind=kind)


@check(level=1, category="correctness")
def test_parsers_know_no_reference(candidate):
    """A reference of None, or of an empty text in either format, is None."""
    expect(candidate.parse_a(row_a(ref=None)), ref=None, why="ref is None")
    expect(candidate.parse_a(row_a(ref="")), ref=None, why="ref is empty")
    expect(candidate.parse_b(row_b(reference=""), DECIMALS), ref=None, why="empty")


@given(units=st.integers(0, 99_999), places=st.sampled_from([2, 3]))
@example(units=29, places=2)
@example(units=115, places=2)
@example(units=1_999, places=2)
@example(units=12_345, places=3)
@example(units=1_005, places=3)
@example(units=100, places=2)
@check(level=1, category="correctness", examples=20)
def test_value_is_exact(candidate, units, places):
    """A value with all its decimals is read exactly, to the last minor unit."""
    whole, part = divmod(units, 10**places)
    value = f"{whole}.{part:0{places}}"
    got = candidate.parse_b(value_row(value, places), DECIMALS)
    expect(got, amount=units, why=f"{value!r} with {places} decimals")


def value_row(value: str, places: int) -> dict[str, str]:
    code = {places: code for code, places in DECIMALS.items()}[places]
    return row_b(value=value, ccy=code)


@given(value=st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,2})?", fullmatch=True))
@example(value="5")
@example(value="12.3")
@example(value="0.5")
@example(value="007")
@check(level=1, category="correctness", examples=10)
def test_value_may_have_fewer_decimals(candidate, value):
    """A value may have fewer digits after the point than its currency, or no point."""
    for code, places in (("EUR", 2), ("KWD", 3)):
        got = candidate.parse_b(row_b(value=value, ccy=code), DECIMALS)
        why = f"{value!r}, and {code} has {places} decimals"
        expect(got, amount=minor_units(value, places), why=why)


@given(value=st.from_regex(r"-[0-9]{1,3}(\.[0-9]{1,2})?", fullmatch=True))
@example(value="-0.05")
@example(value="-1.5")
@example(value="-12")
@check(level=1, category="correctness", examples=12)
def test_value_below_zero(candidate, value):
    """A minus sign makes all of a value negative, also its decimals."""
    got = candidate.parse_b(row_b(value=value), DECIMALS)
    expect(got, amount=minor_units(value, 2), why=f"{value!r} with 2 decimals")


@given(value=st.from_regex(r"-?[0-9]{1,6}", fullmatch=True))
@example(value="1250")
@check(level=1, category="correctness", examples=8)
def test_value_without_decimals(candidate, value):
    """In a currency without decimals the value is the amount."""
    got = candidate.parse_b(row_b(value=value, ccy="JPY"), DECIMALS)
    expect(got, amount=int(value), why=f"{value!r} and no decimals")


@given(day=st.dates(datetime(1980, 1, 1).date(), datetime(2100, 1, 1).date()))
@example(day=datetime(2024, 3, 5).date())
@check(level=1, category="correctness", examples=10)
def test_bare_date_is_noon(candidate, day):
    """A bare date is noon UTC of that day."""
    got = candidate.parse_b(row_b(date=day.isoformat()), DECIMALS)
    expect_instant(got, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


@given(seconds=st.integers(0, 1 << 31), offset=st.sampled_from(OFFSETS))
@example(seconds=1_709_629_200, offset=345)
@example(seconds=1_709_629_200, offset=-720)
@check(level=1, category="correctness", examples=10)
def test_timestamp_has_its_offset(candidate, seconds, offset):
    """A timestamp is the instant that its offset makes it."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    written = in_offset(at, offset).isoformat()
    expect_instant(candidate.parse_b(row_b(date=written), DECIMALS), at)


@given(code=st.sampled_from(["eur", "Eur", "EUR", "kWd", "jpy"]))
@example(code="eur")
@check(level=1, category="correctness", examples=5)
def test_currency_is_upper_case(candidate, code):
    """A currency code is upper-cased, and only then looked up."""
    expect(candidate.parse_a(row_a(currency=code)), currency=code.upper())
    got = candidate.parse_b(row_b(ccy=code, value="5"), DECIMALS)
    amount = 5 * 10 ** DECIMALS[code.upper()]
    expect(got, currency=code.upper(), amount=amount, why=f"5 {code}")


# Level 1: pairs by reference


@given(case=ref_cases)
@example(case=Case([row("a1", ref="r1")], [row("b1", ref="r1")]))
@example(case=Case([row("a1", ref="r1")], [row("b1", ref="r2")]))
@check(level=1, category="correctness", examples=12)
def test_same_ref_and_all_the_same(candidate, case):
    """Rows of one reference that agree are matched, with all others of it in order."""
    expect_right(candidate, case, "matched", why="same ref, and nothing differs")


@given(case=ref_cases)
@example(case=Case([row("a1", ref="r1")], [row("b1", 110, ref="r1")]))
@example(case=Case([row("a1", ref="r1")], [row("b1", ref="r1", days=4)]))
@example(case=Case([row("a1", ref="r1", days=4)], [row("b1", ref="r1")]))
@example(case=Case([row("a1", ref="r1", hours=23)], [row("b1", ref="r1", days=4)]))
@example(case=Case([row("a1", ref="r1")], [row("b1", ref="r1", currency="USD")]))
@example(case=Case([row("a1", ref="r1")], [row("b1", ref="r1", kind="fee")]))
@check(level=1, category="correctness", examples=12)
def test_differing_fields(candidate, case):
    """A pair of one reference that does not agree differs, in just these fields."""
    expect_right(candidate, case, "differing")


@given(bits=st.integers(0, 15))
@example(bits=15)
@example(bits=0)
@check(level=1, category="correctness", examples=16)
def test_differing_in_every_way(candidate, bits):
    """All fields that differ are listed: amount, currency, day, kind, in that order."""
    amount, currency, days, kind = 110, "USD", 5, "refund"
    x = row("a1", ref="r1")
    y = row(
        "b1",
        amount if bits & 1 else 10,
        days if bits & 4 else 0,
        ref="r1",
        currency=currency if bits & 2 else "EUR",
        kind=kind if bits & 8 else "charge",
    )
    fields = differences(x, y, Rules())
    got = ask(candidate, [x], [y])
    expect(got, differing=(("a1", "b1", fields),) if fields else ())
    expect(got, matched=() if fields else (("a1", "b1"),))


@given(
    tolerance=st.integers(0, 3), off=st.integers(-4, 4), amount=st.sampled_from([10, 0])
)
@example(tolerance=2, off=2, amount=10)
@example(tolerance=2, off=-2, amount=10)
@example(tolerance=2, off=3, amount=10)
@example(tolerance=2, off=-3, amount=10)
@example(tolerance=0, off=1, amount=10)
@example(tolerance=2, off=-4, amount=2)
@check(level=1, category="correctness", examples=10)
def test_tolerance(candidate, tolerance, off, amount):
    """Amounts up to `tolerance` apart, either way, are no difference; more is one."""
    rows = [row("a1", amount, ref="r1")], [row("b1", amount + off, ref="r1")]
    got = ask(candidate, *rows, Rules(tolerance=tolerance))
    differs = abs(off) > tolerance
    want = (("a1", "b1", ("amount",)),) if differs else ()
    expect(got, differing=want, why=f"{off} apart, tolerance {tolerance}")


@given(
    window=st.integers(0, 4), gap=st.integers(-5, 5), hours=st.sampled_from([0, 12, 23])
)
@example(window=0, gap=0, hours=23)
@example(window=1, gap=1, hours=23)
@example(window=1, gap=2, hours=0)
@example(window=3, gap=-3, hours=12)
@example(window=3, gap=-4, hours=12)
@check(level=1, category="correctness", examples=10)
def test_window_in_days(candidate, window, gap, hours):
    """Days up to `window_days` apart, either way, are no difference; more is one."""
    x, y = row("a1", ref="r1"), row("b1", ref="r1", days=gap, hours=hours)
    got = ask(candidate, [x], [y], Rules(window))
    want = (("a1", "b1", ("day",)),) if abs(gap) > window else ()
    expect(got, differing=want, why=f"{gap} calendar days apart, window {window}")


@given(case=local_cases("r1"))
@example(
    case=Case(
        [row("a1", ref="r1", hours=16)],
        [row("b1", ref="r1", hours=17)],
        Rules(0, tz="Asia/Kolkata"),
    )
)
@example(
    case=Case(
        [row("a1", ref="r1", hours=20)],
        [row("b1", ref="r1", hours=24)],
        Rules(0, tz="Etc/GMT+5"),
    )
)
@check(level=1, category="correctness", examples=10)
def test_days_are_local(candidate, case):
    """Two times of one reference are on the days that the calendar of `tz` says."""
    why = f"the days are those in {case.rules.tz}"
    expect_right(candidate, case, "differing", why=why)


@given(case=ref_cases, x=st.sampled_from(OFFSETS), y=st.sampled_from(OFFSETS))
@example(
    case=Case([row("a1", ref="r1")], [row("b1", ref="r1", hours=95)]), x=-720, y=840
)
@example(
    case=Case(
        [row("a1", ref="r1"), row("a2", 11, ref="r1", days=1)], [row("b1", ref="r1")]
    ),
    x=0,
    y=-720,
)
@check(level=1, category="correctness", examples=10)
def test_own_clock_of_a_row(candidate, case, x, y):
    """In which zone a time is written makes no difference, only its instant."""
    offsets = {each.id: (x, y)[n % 2] for n, each in enumerate([*case.a, *case.b])}
    told = case.mapped(lambda r: r._replace(at=in_offset(r.at, offsets[r.id])))
    expect_right(candidate, told, "matched", "differing", why="by instant, in UTC")


@given(case=cases(bodies(["r1"], currencies=["EUR"]), most=5))
@example(
    case=Case(
        [row("a1", 10, 2, ref="r1"), row("a2", 110, 1, ref="r1")],
        [row("b1", 10, 2, ref="r1"), row("b2", 110, 1, ref="r1")],
    )
)
@example(
    case=Case(
        [row("a1", 10, 1, ref="r1"), row("a2", 110, 2, ref="r1")],
        [row("b1", 110, 2, ref="r1"), row("b2", 10, 1, ref="r1")],
    )
)
@check(level=1, category="correctness", examples=9)
def test_one_ref_in_order_of_time(candidate, case):
    """Rows of one reference are paired in order of time on both sides."""
    got = case.ask(candidate)
    want = right_pairs(case)
    have = {(x, y) for x, y, *_ in (*got.matched, *got.differing)}
    words = f"the pairs {sorted(want)}, first with first in order of (at, id)"
    require(have == want, got, words)


def right_pairs(case: Case) -> set[tuple[str, str]]:
    """Return the pairs of a single reference."""
    a, b = (sorted(side, key=lambda r: (r.at, r.id)) for side in (case.a, case.b))
    return {(x.id, y.id) for x, y in zip(a, b, strict=False)}


@given(case=ref_cases)
@example(
    case=Case(
        [row("a1", 10, 1, ref="r1"), row("a2", 110, 0, ref="r1")],
        [row("b1", 10, ref="r1")],
    )
)
@example(case=Case([row("a1", ref="r1")], [row("b1", ref="R1"), row("b2", ref="r")]))
@check(level=1, category="correctness", examples=12)
def test_surplus_is_left_over(candidate, case):
    """What has no partner of the same reference is in `only_a` or `only_b`."""
    expect_right(candidate, case, "only_a", "only_b", why="no partner is left for it")


@given(case=ref_cases)
@example(case=Case([row("a1", ref="r1"), row("a2", 110, ref="r1")], []))
@example(case=Case([], [row("b1", ref="r1"), row("b2", 110, ref="r1")]))
@check(level=1, category="correctness", examples=9)
def test_every_row_once(candidate, case):
    """Every row of both sides is in exactly one place of the report."""
    got = case.ask(candidate)
    a = [*got.only_a, *(pair[0] for pair in (*got.matched, *got.differing))]
    b = [*got.only_b, *(pair[1] for pair in (*got.matched, *got.differing))]
    for side, have, rows in (("a", a, case.a), ("b", b, case.b)):
        want = sorted(each.id for each in rows)
        require(sorted(have) == want, got, f"each row of {side} once: {want}")


@given(case=ref_cases)
@example(
    case=Case(
        [row("a2", ref="r1"), row("a10", ref="r2", days=1)],
        [row("b2", ref="r1"), row("b10", ref="r2", days=1)],
    )
)
@example(
    case=Case(
        [row("a2", ref="r1"), row("a10", ref="r2", days=1)],
        [row("b2", 110, ref="r1"), row("b10", 110, ref="r2", days=1)],
    )
)
@example(
    case=Case(
        [row("a2", ref="r1"), row("a10", ref="r2", days=1)],
        [row("b2", ref="r3"), row("b10", ref="r4", days=1)],
    )
)
@check(level=1, category="correctness", examples=9)
def test_report_is_sorted(candidate, case):
    """Every tuple of the report is sorted, ids as text."""
    got = case.ask(candidate)
    for field in ("matched", "differing", "only_a", "only_b"):
        expect(got, why="sorted", **{field: tuple(sorted(getattr(got, field)))})


@given(case=ref_cases, turn=turns)
@example(
    case=Case(
        [row("a1", 10, ref="r1"), row("a2", 110, ref="r1")],
        [row("b1", 10, ref="r1"), row("b2", 110, ref="r1")],
    ),
    turn=1,
)
@check(level=1, category="correctness", examples=9)
def test_order_of_input(candidate, case, turn):
    """Rows with references in another order give the same report."""
    first = case.ask(candidate)
    expect(case.turned(turn).ask(candidate), first, why="the same rows, turned")


@given(case=ref_cases)
@example(case=Case([row("a1", ref="r1")], [row("b1", 110, 9, ref="r1")]))
@check(level=1, category="correctness", examples=9)
def test_swapped_sides(candidate, case):
    """Swapping the sides mirrors what is matched, differing and left over."""
    got, there = case.ask(candidate), case.swapped().ask(candidate)
    why = "the mirror of the same rows the other way round"
    expect(there, only_a=got.only_b, only_b=got.only_a, why=why)
    expect(there, matched=tuple(sorted((y, x) for x, y in got.matched)), why=why)
    mirrored = sorted((y, x, fields) for x, y, fields in got.differing)
    expect(there, differing=tuple(mirrored), why=why)


# Level 2: rows without a reference


@given(case=free_cases)
@example(case=Case([row("a1")], [row("b1", kind="refund")]))
@example(case=Case([row("a1")], [row("b1", currency="USD")]))
@example(case=Case([row("a1")], [row("b1", 110)]))
@example(case=Case([row("a1", 10)], [row("b1", -10)]))
@example(case=Case([row("a1")], [row("b1", days=4)]))
@example(case=Case([row("a1", days=4)], [row("b1")]))
@example(case=Case([row("a1"), row("a2")], [row("b1")]))
@check(level=2, category="correctness", examples=12)
def test_free_pairs_are_valid(candidate, case):
    """Rows without a ref match only near ones of the same currency, kind and amount."""
    got, pairs = chosen(candidate, case)
    expect_valid(got, pairs, case.rules)
    words = "only rows that were given, without a ref, in matched"
    require(len(got.matched) == len(pairs), got, words)


@given(case=bucket_cases)
@example(case=CHAIN)
@example(case=CHAIN.swapped())
@example(case=GREEDY)
@example(case=GREEDY.swapped())
@example(case=bucket_case([0, 0, 0], [0, 0, 0], 0))
@example(case=bucket_case([0, 1, 2], [1, 2, 3], 1))
@example(case=bucket_case([1, 2, 3], [2, 1, 0], 1))
@example(case=bucket_case([0, 5], [5], 1))
@check(level=2, category="correctness", examples=12)
def test_as_many_as_possible(candidate, case):
    """Of equal rows without a ref as many are matched as the window allows."""
    expect_most(candidate, case)


@given(case=bucket_cases)
@example(case=FAR)
@example(case=FAR.swapped())
@example(case=LATER)
@example(case=LATER.swapped())
@example(case=EARLIER)
@example(case=EARLIER.swapped())
@example(case=BOTH_WAYS)
@check(level=2, category="correctness", examples=12)
def test_nearest_of_the_most(candidate, case):
    """Of all ways to match the most rows, one of the least total distance is taken."""
    expect_nearest(candidate, case)


@given(case=free_cases)
@example(case=Case([row("a1"), row("a2", 110)], [row("b1", 110), row("b2")]))
@example(
    case=Case([row("a1"), row("a2", kind="fee")], [row("b1", kind="fee"), row("b2")])
)
@example(case=Case([row("a1"), row("a2")], [row("b1"), row("b2")]))
@check(level=2, category="correctness", examples=12)
def test_buckets_are_matched_each(candidate, case):
    """Rows of different currency, kind or amount do not stand in each other's way."""
    expect_nearest(candidate, case)


@given(case=mixed_cases)
@example(case=Case([row("a1", ref="r1")], [row("b1")]))
@example(case=Case([row("a1")], [row("b1", ref="r1")]))
@example(case=Case([row("a1", ref="r1")], [row("b1", ref="r2")]))
@example(case=Case([row("a1", ref="r1"), row("a2")], [row("b1", ref="r1"), row("b2")]))
@check(level=2, category="correctness", examples=12)
def test_free_rows_and_others(candidate, case):
    """A row without a ref never matches one with a ref, and changes nothing for it."""
    expect_right(candidate, case, "matched", "differing", "only_a", "only_b")
    expect_nearest(candidate, case)


@given(off=st.sampled_from([1, -1, 100]), tolerance=st.sampled_from([1, 100]))
@example(off=1, tolerance=100)
@check(level=2, category="correctness", examples=4)
def test_no_tolerance_without_ref(candidate, off, tolerance):
    """Amounts of rows without a ref have to be the same, whatever the tolerance."""
    case = Case([row("a1", 10)], [row("b1", 10 + off)], Rules(tolerance=tolerance))
    why = f"amounts {off} apart"
    expect(case.ask(candidate), matched=(), only_a=("a1",), only_b=("b1",), why=why)


@given(case=local_cases(None))
@example(
    case=Case([row("a1", hours=18)], [row("b1", hours=19)], Rules(0, tz="Asia/Kolkata"))
)
@example(
    case=Case([row("a1", hours=23)], [row("b1", hours=25)], Rules(0, tz="Etc/GMT+5"))
)
@check(level=2, category="correctness", examples=10)
def test_free_days_are_local(candidate, case):
    """The window of rows without a ref counts the calendar days of `tz`."""
    expect_nearest(candidate, case)


@given(case=bucket_cases, turn=turns)
@example(case=bucket_case([0, 0, 0], [0, 0], 0), turn=1)
@example(case=bucket_case([1], [0, 2], 1), turn=1)
@example(case=bucket_case([1, 1], [0, 2, 0, 2], 2), turn=3)
@example(case=FAR, turn=1)
@example(case=FAR, turn=2)
@check(level=2, category="correctness", examples=12)
def test_free_rows_in_another_order(candidate, case, turn):
    """Rows without a ref in another order give the same report, also among equals."""
    first = case.ask(candidate)
    expect(case.turned(turn).ask(candidate), first, why="the same rows, turned")


@given(case=mixed_cases, more=small)
@example(case=CHAIN, more=1)
@example(case=CHAIN, more=2)
@example(case=bucket_case([0, 3, 4], [1, 7, 8], 1), more=3)
@check(level=2, category="correctness", examples=12)
def test_wider_window(candidate, case, more):
    """A larger window never gives fewer matched and differing pairs."""
    narrow = case.ask(candidate)
    wider = case.with_rules(window_days=case.rules.window_days + more).ask(candidate)
    least = len(narrow.matched) + len(narrow.differing)
    words = f"at least the {least} pairs of a window of {case.rules.window_days}"
    require(len(wider.matched) + len(wider.differing) >= least, wider, words)


@given(case=free_cases, days=st.sampled_from([1, 30, -400, 3650]))
@example(case=CHAIN, days=1)
@check(level=2, category="correctness", examples=10)
def test_all_days_later(candidate, case, days):
    """All rows a number of days later are matched just as well."""
    later = case.mapped(lambda r: r._replace(at=r.at + timedelta(days=days)))
    expect_as_good(candidate, case, later, f"all rows {days} days later")


def expect_as_good(candidate: Any, case: Case, other: Case, words: str) -> None:
    """Demand as many pairs without a ref, as near, for both cases."""
    _, pairs = chosen(candidate, case)
    got, others = chosen(candidate, other)
    want = goodness(pairs, case.rules)
    words = f"{want.pairs} pairs, {want.distance} days apart in total, as for {words}"
    require(goodness(others, other.rules) == want, got, words)


@given(case=free_cases)
@example(case=CHAIN)
@example(case=LATER)
@example(case=Case([row("a1"), row("a2")], [row("b1"), row("b2"), row("b3")]))
@check(level=2, category="correctness", examples=9)
def test_free_rows_swapped(candidate, case):
    """Swapping the sides gives as many pairs without a ref, as near."""
    expect_as_good(candidate, case, case.swapped(), "the sides the other way round")


@given(case=bucket_cases, other=bucket_cases)
@example(case=CHAIN, other=GREEDY)
@check(level=2, category="correctness", examples=10)
def test_split_and_merge(candidate, case, other):
    """Two accounts of different currency in one call are matched as in two calls."""
    other = other._replace(rules=case.rules)
    francs = other.mapped(lambda r: r._replace(id=r.id + "f", currency="CHF"))
    both = Case([*case.a, *francs.a], [*case.b, *francs.b], case.rules)
    first, second = (goodness(chosen(candidate, c)[1], c.rules) for c in (case, francs))
    got, pairs = chosen(candidate, both)
    want = first.pairs + second.pairs, first.distance + second.distance
    words = f"{want[0]} pairs, {want[1]} days apart in total, as in two calls"
    require(goodness(pairs, both.rules) == want, got, words)


@given(case=mixed_cases)
@example(case=Case([row("a1"), row("a2")], []))
@example(case=Case([row("a1", ref="r1"), row("a2"), row("a3", days=1)], []))
@check(level=2, category="correctness", examples=9)
def test_side_with_itself(candidate, case):
    """A side with a copy of itself is matched altogether, at no distance."""
    copies = [each._replace(id=each.id.replace("a", "b")) for each in case.a]
    twin = Case(case.a, copies, case.rules)
    got, pairs = chosen(candidate, twin)
    require(len(got.matched) == len(twin.a), got, f"all {len(twin.a)} rows matched")
    words = "each row matched to one of the same day"
    require(goodness(pairs, twin.rules).distance == 0, got, words)


@given(case=mixed_cases)
@example(case=CHAIN)
@example(case=bucket_case([0, 4, 5], [1, 9, 9], 2))
@check(level=2, category="correctness", examples=9)
def test_leftovers_once_more(candidate, case):
    """What is left over does not match when it is reconciled once more."""
    got = case.ask(candidate)
    a = [each for each in case.a if each.id in got.only_a]
    b = [each for each in case.b if each.id in got.only_b]
    again = ask(candidate, a, b, case.rules)
    expect(
        again, matched=(), only_a=got.only_a, only_b=got.only_b, why="only leftovers"
    )


# Level 3: duplicates


@given(case=repeated_cases)
@example(case=Case([row("a1", ref="r1"), row("a2", ref="r1")], [row("b1", ref="r1")]))
@example(case=Case([], [row("b2", ref="r1"), row("b1", ref="r1", days=300)]))
@check(level=3, category="correctness", examples=9)
def test_duplicates_are_found(candidate, case):
    """A row of the ref, amount, currency and kind of another one is a duplicate."""
    expect_right(candidate, case, "duplicates")


@given(case=repeated_cases)
@example(
    case=Case(
        [row("a1", ref="r1", days=2), row("a2", ref="r1"), row("a3", ref="r1", days=1)],
        [],
    )
)
@example(
    case=Case([row("a2", ref="r1"), row("a10", ref="r1"), row("a1", ref="r1")], [])
)
@check(level=3, category="correctness", examples=9)
def test_duplicates_of_the_first(candidate, case):
    """Each duplicate repeats the row of the earliest (at, id), however many follow."""
    got = expect_right(candidate, case, "duplicates", why="the earliest by (at, id)")
    require(got.duplicates == tuple(sorted(got.duplicates)), got, "duplicates sorted")


@given(field=st.sampled_from(["ref", "amount", "currency", "kind"]))
@example(field="ref")
@example(field="amount")
@example(field="currency")
@example(field="kind")
@check(level=3, category="correctness", examples=4)
def test_almost_a_duplicate(candidate, field):
    """A row that differs in ref, amount, currency or kind is no duplicate."""
    other = {"ref": "r2", "amount": 110, "currency": "USD", "kind": "fee"}[field]
    first = row("a1", ref="r1")
    second = first._replace(id="a2", **{field: other})
    got = ask(candidate, [first, second], [])
    expect(got, duplicates=(), only_a=("a1", "a2"), why=f"{field} is another")


@given(case=repeated_cases)
@example(
    case=Case(
        [row("a1", ref="r1"), row("a2", ref="r1")],
        [row("b1", ref="r1"), row("b2", 110, ref="r1")],
    )
)
@example(
    case=Case(
        [row("a1", ref="r1"), row("a2", ref="r1")],
        [row("b1", ref="r1"), row("b2", ref="r1")],
    )
)
@check(level=3, category="correctness", examples=9)
def test_duplicates_are_never_paired(candidate, case):
    """A duplicate is in no pair; the row that it repeats is paired as if alone."""
    expect_right(candidate, case, "matched", "differing", why="duplicates left out")


@given(case=repeated_cases)
@example(case=Case([row("a1", ref="r1"), row("a2", ref="r1")], []))
@example(case=Case([], [row("b1", ref="r1"), row("b2", ref="r1")]))
@check(level=3, category="correctness", examples=9)
def test_duplicates_are_not_missing(candidate, case):
    """A duplicate is not in `only_a` or `only_b`."""
    expect_right(candidate, case, "only_a", "only_b", why="duplicates are no leftovers")


@given(case=repeated_cases)
@example(case=Case([row("a1", ref="r1"), row("a2", ref="r1")], [row("b1", ref="r1")]))
@check(level=3, category="correctness", examples=10)
def test_duplicates_swapped(candidate, case):
    """Swapping the sides mirrors the duplicates."""
    got, there = case.ask(candidate), case.swapped().ask(candidate)
    mirrored = sorted((other_side(x), other_side(y)) for x, y in got.duplicates)
    expect(there, duplicates=tuple(mirrored), why="the mirror of the same rows")


def other_side(name: str) -> str:
    side, _, id = name.partition(":")
    return f"{'b' if side == 'a' else 'a'}:{id}"


# Level 3: groups


@given(case=group_cases)
@example(case=group_case([(5, 0)], [(2, 0), (3, 0)]))
@example(case=group_case([(5, 0)], [(2, 0), (3, 0)]).swapped())
@example(case=group_case([(6, 0)], [(1, 0), (2, 0), (3, 0)]))
@example(case=group_case([(5, 0), (5, 0)], [(2, 0), (3, 0)]))
@example(case=group_case([(5, 1), (1, 1), (4, 1)], [(2, 1), (3, 1), (5, 0)]))
@example(case=group_case([(3, 1), (1, 1)], [(4, 0), (2, 1), (1, 1)]))
@example(case=group_case([(6, 0)], [(1, 0), (2, 0), (3, 0)], most=2))
@example(case=group_case([(5, 0)], [(2, 0), (3, 4)]))
@example(case=group_case([(11, 0)], [(1, 0), (2, 0), (3, 0), (5, 0)], most=3))
@example(case=group_case([(11, 0)], [(1, 0), (2, 0), (3, 0), (5, 0)]))
@check(level=3, category="correctness", examples=12)
def test_groups_add_up(candidate, case):
    """Each group is a leftover row, and 2 to `max_group` others that add up to it."""
    got = case.ask(candidate)
    amounts = {each.id: each.amount for each in [*case.a, *case.b]}
    for one, members in got.grouped:
        known = {one, *members} <= amounts.keys()
        require(known, got, "only rows that were given in grouped")
        enough = 2 <= len(members) <= case.rules.max_group
        require(enough, got, f"2 to {case.rules.max_group} rows for {one}")
        total = sum(amounts[id] for id in members)
        words = f"a group for {one} that adds up to {amounts[one]}, not {total}"
        require(total == amounts[one], got, words)
    expect_right(candidate, case, "grouped")


@given(case=group_cases)
@example(case=group_case([(6, 0)], [(1, 0), (2, 0), (3, 0), (1, 3), (5, 3)]))
@example(case=group_case([(8, 0)], [(1, 0), (1, 0), (1, 0), (5, 0), (2, 3), (6, 3)]))
@check(level=3, category="correctness", examples=9)
def test_fewest_rows(candidate, case):
    """Of the groups that add up, one of the fewest rows is taken, however far."""
    expect_right(candidate, case, "grouped", why="fewest rows first")


@given(case=group_cases)
@example(case=group_case([(5, 2)], [(2, 0), (3, 2), (2, 2), (3, 1)]))
@example(case=group_case([(5, 0)], [(2, 3), (3, 3), (1, 1), (4, 3)]))
@example(case=group_case([(5, 3)], [(2, 0), (3, 6), (1, 3), (4, 4)]))
@example(case=group_case([(5, 3)], [(2, 2), (3, 2), (1, 3), (4, 6)]))
@check(level=3, category="correctness", examples=9)
def test_nearest_group(candidate, case):
    """Of the groups of fewest rows the one nearest in total is taken."""
    expect_right(candidate, case, "grouped", why="then the least total day distance")


@given(case=group_cases)
@example(case=group_case([(4, 0)], [(2, 0), (2, 0), (2, 0)]))
@example(case=group_case([(5, 0)], [(2, 0), (3, 0), (4, 0), (1, 0), (2, 0), (3, 0)]))
@example(
    case=Case(
        [row("a1", 5, kind="payout")],
        [row("b2", 2), row("b1", 2, hours=5), row("b3", 3)],
    )
)
@example(
    case=Case(
        [row("a1", 5, kind="payout")],
        [row("b9", 2), row("b1", 3, hours=5), row("b2", 1), row("b3", 4)],
    )
)
@example(
    case=Case(
        [row("a1", 5, days=1, kind="payout")],
        [row("b9", 2), row("b1", 2, days=2), row("b3", 3, days=1)],
    )
)
@check(level=3, category="correctness", examples=9)
def test_smallest_ids(candidate, case):
    """Of groups that are equally few and near, the smallest sorted ids are taken."""
    expect_right(candidate, case, "grouped", why="then the smallest sorted ids")


@given(case=group_cases)
@example(case=group_case([(5, 1), (5, 0)], [(2, 0), (3, 0)]))
@example(case=group_case([(5, 0), (5, 1)], [(2, 0), (3, 1)]))
@example(case=group_case([(5, 0), (5, 1)], [(2, 0), (3, 0), (1, 1), (4, 1)]))
@example(case=group_case([(5, 0), (5, 0)], [(2, 0), (3, 0)]))
@example(case=group_case([(5, 1), (4, 0)], [(2, 1), (3, 1), (2, 1), (1, 1)]))
@check(level=3, category="correctness", examples=9)
def test_groups_in_turn(candidate, case):
    """Groups are formed one row at a time by (at, id), and each row is used once."""
    expect_right(candidate, case, "grouped", why="in order of (at, id)")


@given(case=both_ways_cases)
@example(case=group_case([(5, 1), (1, 1), (4, 1)], [(2, 1), (3, 1), (5, 0)]))
@example(case=group_case([(2, 0), (3, 0), (5, 2)], [(5, 0), (2, 2), (3, 2)]))
@example(case=group_case([(3, 1), (1, 1)], [(4, 0), (2, 1), (1, 1)]))
@example(case=group_case([(5, 0), (1, 0), (1, 0)], [(2, 0), (3, 0)]))
@example(case=group_case([(2, 0), (3, 0)], [(1, 0), (2, 0), (2, 0)]))
@check(level=3, category="correctness", examples=12)
def test_groups_of_both_sides(candidate, case):
    """A row of either side may be the sum; all rows of a come before those of b."""
    expect_right(candidate, case, "grouped", "only_a", "only_b", why="first a, then b")


@given(
    refs=st.lists(st.sampled_from([None, "r1", "r2", "r3"]), min_size=3, max_size=3),
    kinds=st.lists(st.sampled_from(KINDS), min_size=3, max_size=3),
)
@example(refs=["p1", "r1", "r2"], kinds=["payout", "charge", "fee"])
@example(refs=[None, None, None], kinds=["charge", "charge", "charge"])
@example(refs=[None, "r1", None], kinds=["refund", "fee", "refund"])
@check(level=3, category="correctness", examples=12)
def test_groups_of_any_kind_and_ref(candidate, refs, kinds):
    """The rows of a group may be of any kind and have any reference, or none."""
    case = Case([row("a1", 5)], [row("b1", 2), row("b2", 3)])
    told = zip([*case.a, *case.b], refs, kinds, strict=True)
    one, *parts = [r._replace(ref=ref, kind=kind) for r, ref, kind in told]
    # of the same reference they would be a pair, and differ
    parts = [r._replace(ref=None if r.ref == one.ref else r.ref) for r in parts]
    expect_right(candidate, Case([one], parts), why="kinds and refs do not count")


@given(code=st.sampled_from(["USD", "CHF"]))
@example(code="USD")
@check(level=3, category="correctness", examples=2)
def test_groups_of_one_currency(candidate, code):
    """All rows of a group are of the same currency."""
    parts = [row("b1", 2, currency=code), row("b2", 3), row("b3", 3, currency=code)]
    expect_right(candidate, Case([row("a1", 5)], parts), why="another currency")


@given(case=whole_cases)
@example(
    case=Case(
        [row("a1", 5, ref="r1"), row("a2", 5)],
        [row("b1", 5), row("b2", 6, ref="r1"), row("b3", 2), row("b4", 3)],
    )
)
@example(case=Case([row("a1", 2), row("a2", 5)], [row("b1", 2), row("b2", 3)]))
@example(case=Case([row("a1", 5, ref="r1")], [row("b1", 2, ref="r1"), row("b2", 3)]))
@example(
    case=Case(
        [row("a1", 4, ref="p1", kind="payout")],
        [row("b1", 2, ref="r1"), row("b2", 2, ref="r1")],
    )
)
@check(level=3, category="correctness", examples=12)
def test_groups_come_last(candidate, case):
    """Only what is left over after duplicates and pairs is grouped."""
    why = "neither paired rows nor duplicates are members"
    expect_right(candidate, case, "grouped", why=why)
    expect_nearest(candidate, case)


@given(case=whole_cases)
@example(
    case=Case(
        [row("a1", 5, ref="r1"), row("a2", 5, ref="r1"), row("a3", 1), row("a4", 3)],
        [row("b1", 5, ref="r1"), row("b2", 1), row("b3", 1), row("b4", 2)],
    )
)
@check(level=3, category="correctness", examples=12)
def test_whole_report(candidate, case):
    """Every row has its one place: pair, duplicate, group or left over."""
    expect_nearest(candidate, case)
    expect_right(candidate, case)


@given(case=whole_cases, turn=turns)
@example(case=group_case([(5, 0), (5, 0)], [(2, 0), (3, 0), (3, 0)]), turn=1)
@example(
    case=Case([row("a1", ref="r1"), row("a2", ref="r1"), row("a3", ref="r1")], []),
    turn=1,
)
@check(level=3, category="correctness", examples=9)
def test_whole_report_in_another_order(candidate, case, turn):
    """Rows in another order give the same duplicates, pairs and groups."""
    first = case.ask(candidate)
    expect(case.turned(turn).ask(candidate), first, why="the same rows, turned")


# Level 4: any zone


@given(case=local_cases("r1", SUMMER_TIME))
@example(
    case=Case(
        [row("a1", ref="r1", at=moment("2024-03-30T23:30"))],
        [row("b1", ref="r1", at=moment("2024-03-31T22:30"))],
        Rules(0, tz="Europe/Berlin"),
    )
)
@example(
    case=Case(
        [row("a1", ref="r1", at=moment("2024-10-26T22:30"))],
        [row("b1", ref="r1", at=moment("2024-10-27T22:30"))],
        Rules(0, tz="Europe/Berlin"),
    )
)
@example(
    case=Case(
        [row("a1", ref="r1", at=moment("2024-03-10T04:30"))],
        [row("b1", ref="r1", at=moment("2024-03-09T20:00"))],
        Rules(0, tz="America/New_York"),
    )
)
@check(level=4, category="correctness", examples=12)
def test_days_when_clocks_change(candidate, case):
    """A day of 23 or 25 hours is one day, and begins at local midnight."""
    expect_right(candidate, case, "matched", "differing", why=in_zone(case))


def in_zone(case: Case) -> str:
    days = [day(each, case.rules).isoformat() for each in (*case.a[:1], *case.b[:1])]
    return f"in {case.rules.tz} the days are {' and '.join(days)}"


@given(case=local_buckets(SUMMER_TIME))
@example(
    case=Case(
        [row("a1", at=moment("2024-03-31T21:30"))],
        [row("b1", at=moment("2024-03-31T22:30"))],
        Rules(0, tz="Europe/Berlin"),
    )
)
@example(
    case=Case(
        [row("a1", at=moment("2024-10-26T22:30"))],
        [row("b1", at=moment("2024-10-27T22:30"))],
        Rules(0, tz="Europe/Berlin"),
    )
)
@example(
    case=Case(
        [
            row("a1", at=moment("2024-03-30T12:00")),
            row("a2", at=moment("2024-03-31T22:30")),
        ],
        [row("b1", at=moment("2024-03-31T10:00"))],
        Rules(0, tz="Europe/Berlin"),
    )
)
@check(level=4, category="correctness", examples=12)
def test_free_rows_when_clocks_change(candidate, case):
    """Rows without a ref are matched by local days, also around a change of clocks."""
    expect_nearest(candidate, case)


@given(hours=st.integers(0, 30), window=st.integers(0, 1))
@example(hours=22, window=0)
@example(hours=23, window=0)
@check(level=4, category="correctness", examples=12)
def test_groups_by_local_days(candidate, hours, window):
    """The window of a group counts local days."""
    begin = moment("2024-03-30T23:00")
    one = row("a1", 5, at=begin, kind="payout")
    parts = [row("b1", 2, at=begin), row("b2", 3, at=begin + timedelta(hours=hours))]
    case = Case([one], parts, Rules(window, tz="Europe/Berlin"))
    expect_right(candidate, case, "grouped", why="the 31st has 23 hours in Berlin")


@check(level=4, category="correctness")
def test_zone_of_each_call(candidate):
    """Each call counts days in the zone of its own policy, whichever came before."""
    x = row("a1", ref="r1", at=moment("2024-03-05T18:14"))
    y = row("b1", ref="r1", at=moment("2024-03-05T18:15"))
    for zone in ("UTC", "Asia/Kathmandu", "UTC"):
        why = "midnight comes at 18:15 UTC in Kathmandu, and at 24:00 in UTC"
        case = Case([x], [y], Rules(0, tz=zone))
        expect_right(candidate, case, "matched", "differing", why=why)


@given(seed=st.integers(0, 1 << 16), zone=st.sampled_from(MONTH_ZONES))
@example(seed=1, zone="UTC")
@example(seed=2, zone="America/New_York")
@check(level=4, category="correctness", examples=1)
def test_billing_month(candidate, seed, zone):
    """Two exports of one month with known discrepancies are explained just so."""
    month = generators.month(seed, 16)
    a = [candidate.parse_a(each) for each in month.a]
    b = [candidate.parse_b(each, generators.DECIMALS) for each in month.b]
    got = candidate.reconcile(a, b, candidate.Policy(tz=zone))
    for field, rows in vars(month).items():
        if field not in "ab":
            expect(got, why="as it was made", **{field: tuple(sorted(rows))})
