"""What has to hold at the edges: formats, midnights, odd zones, bad arguments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st
from oracle import Choice, Row, Rules, best_on_a_line, minor_units
from strategies import (
    IDS,
    KINDS,
    ODD_ZONES,
    Case,
    after,
    ask,
    bucket_case,
    chosen,
    expect_instant,
    expect_nearest,
    expect_right,
    expect_valid,
    goodness,
    group_case,
    local_buckets,
    local_cases,
    moment,
    row,
    row_a,
    row_b,
    txns,
)

from graders.laws import check, expect, refused, require
from graders.raising import AnswerRaised, LawBroken

turns = st.integers(0, 6)
DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}
EMPTY: dict[str, Any] = {
    "matched": (),
    "differing": (),
    "grouped": (),
    "duplicates": (),
    "only_a": (),
    "only_b": (),
}
MICRO = timedelta(microseconds=1)


def expect_row_refused(candidate: Any, read: Callable[[], Any], *names: str) -> None:
    """Demand a ValueError that names each of these: the row's id and key."""
    for name in names:
        with refused(candidate, naming=name):
            read()


def expect_a_refused(candidate: Any, key: str, value: Any) -> None:
    changed = row_a(**{key: value})
    expect_row_refused(candidate, partial(candidate.parse_a, changed), "tx77", key)


def expect_b_refused(candidate: Any, key: str, value: Any) -> None:
    changed = row_b(**{key: value})
    read = partial(candidate.parse_b, changed, DECIMALS)
    expect_row_refused(candidate, read, "tx77", key)


# Level 1: the parsers

NO_VALUES = [
    *("1,234.50", "12.345", "1e3", " 5.00", "5.00 ", "+5", ".5", "5.", "", "-", "--5"),
    *("1_000", "0x1F", "NaN", "inf", "5.00\n", "5\n", "1.2.3", "5,00", "- 5", "five"),
    *(
        "\u0661\u0662",
        "\uff15",
        "5.\u0660",
        "1 000",
        "$5",
        "5-",
        "-.5",
        "\u22125",
        "5.0e1",
        "5.-1",
        "1/2",
    ),
]


@given(value=st.sampled_from(NO_VALUES))
@example(value="1,234.50")
@example(value="12.345")
@example(value="1e3")
@example(value=" 5.00")
@example(value="5.00 ")
@example(value="+5")
@example(value=".5")
@example(value="5.")
@example(value="")
@example(value="-")
@example(value="1_000")
@example(value="NaN")
@example(value="5.00\n")
@example(value="\u0665")
@example(value="5.\u0660")
@check(level=1, category="edge_cases", examples=10)
def test_value_is_strict(candidate, value):
    """A value that is not `-?digits`, a point and 1 to `decimals` digits is refused."""
    expect_b_refused(candidate, "value", value)


@given(code=st.sampled_from(["JPY", "EUR", "KWD"]), extra=st.sampled_from("05"))
@example(code="JPY", extra="0")
@example(code="EUR", extra="0")
@example(code="KWD", extra="0")
@check(level=1, category="edge_cases", examples=6)
def test_value_has_no_more_decimals(candidate, code, extra):
    """More digits after the point than the currency has are refused, zeros too."""
    value = "7." + "0" * DECIMALS[code] + extra
    changed = row_b(value=value, ccy=code)
    read = partial(candidate.parse_b, changed, DECIMALS)
    expect_row_refused(candidate, read, "tx77", "value")


@given(digits=st.integers(10**15, 10**60))
@example(digits=9_007_199_254_740_993)
@example(digits=10**30 + 1)
@example(digits=10**60 + 1)
@check(level=1, category="edge_cases", examples=10)
def test_value_of_any_size(candidate, digits):
    """A value of any number of digits is read exactly, to the last minor unit."""
    for value in (f"{digits}.01", f"-{digits}.99", f"{digits}"):
        got = candidate.parse_b(row_b(value=value), DECIMALS)
        expect(got, amount=minor_units(value, 2), why=f"{value} with 2 decimals")


@given(value=st.sampled_from(["-0.00", "0", "-0", "0.0", "000", "-00.0"]))
@example(value="-0.00")
@check(level=1, category="edge_cases", examples=3)
def test_value_of_nothing(candidate, value):
    """ "-0.00" is 0, and so is every other way to write it."""
    expect(candidate.parse_b(row_b(value=value), DECIMALS), amount=0)


@given(key=st.sampled_from(sorted(row_a())))
@example(key="id")
@example(key="ref")
@example(key="amount")
@example(key="currency")
@example(key="created")
@example(key="type")
@check(level=1, category="edge_cases", examples=6)
def test_parse_a_needs_every_field(candidate, key):
    """A row of the processor without one of its fields is refused, ref included."""
    short = row_a()
    del short[key]
    names = [key] if key == "id" else ["tx77", key]
    expect_row_refused(candidate, partial(candidate.parse_a, short), *names)


@given(key=st.sampled_from(sorted(row_b())))
@example(key="entry")
@example(key="reference")
@example(key="value")
@example(key="ccy")
@example(key="date")
@example(key="kind")
@check(level=1, category="edge_cases", examples=6)
def test_parse_b_needs_every_field(candidate, key):
    """A row of the ledger without one of its fields is refused."""
    short = row_b()
    del short[key]
    names = [key] if key == "entry" else ["tx77", key]
    expect_row_refused(candidate, partial(candidate.parse_b, short, DECIMALS), *names)


@check(level=1, category="edge_cases")
def test_empty_id(candidate):
    """An empty id is refused in both formats."""
    with refused(candidate, naming="id"):
        candidate.parse_a(row_a(id=""))
    with refused(candidate, naming="entry"):
        candidate.parse_b(row_b(entry=""), DECIMALS)


WRONG_A = [
    *(("amount", value) for value in (True, False, 12.0, "12", None)),
    *(("created", value) for value in (True, 1.5, "0", None, 1_709_629_200.0)),
    *(("ref", 7), ("ref", False), ("ref", 0), ("currency", 978), ("currency", None)),
    *(("type", None), ("type", 1)),
]


@given(wrong=st.sampled_from(WRONG_A))
@example(wrong=("amount", True))
@example(wrong=("amount", 12.0))
@example(wrong=("amount", "12"))
@example(wrong=("amount", None))
@example(wrong=("created", False))
@example(wrong=("created", 1.0))
@example(wrong=("created", "0"))
@example(wrong=("ref", 7))
@example(wrong=("ref", 0))
@example(wrong=("currency", None))
@example(wrong=("type", None))
@check(level=1, category="edge_cases", examples=10)
def test_parse_a_wrong_type(candidate, wrong):
    """A field of the processor of a wrong type is refused; bool and float too."""
    expect_a_refused(candidate, *wrong)


WRONG_B = [
    *(("value", value) for value in (12, 12.5, None, True)),
    *(("reference", 7), ("ccy", None), ("ccy", 978), ("date", None), ("kind", None)),
    *(("date", 20240305), ("kind", 1)),
]


@given(wrong=st.sampled_from(WRONG_B))
@example(wrong=("value", 12))
@example(wrong=("value", 12.5))
@example(wrong=("value", None))
@example(wrong=("reference", 7))
@example(wrong=("ccy", None))
@example(wrong=("date", None))
@example(wrong=("date", 20240305))
@example(wrong=("kind", None))
@check(level=1, category="edge_cases", examples=8)
def test_parse_b_wrong_type(candidate, wrong):
    """A field of the ledger that is no text is refused."""
    expect_b_refused(candidate, *wrong)


@check(level=1, category="edge_cases")
def test_id_of_wrong_type(candidate):
    """An id that is no text is refused in both formats."""
    for value in (77, None, True):
        with refused(candidate, naming="id"):
            candidate.parse_a(row_a(id=value))
        with refused(candidate, naming="entry"):
            candidate.parse_b(row_b(entry=value), DECIMALS)


@given(kind=st.sampled_from(["", "sale", "charges", "Charge", "charge ", "REFUND"]))
@example(kind="sale")
@example(kind="Charge")
@example(kind="")
@check(level=1, category="edge_cases", examples=5)
def test_unknown_kind(candidate, kind):
    """A kind other than charge, refund, fee and payout is refused in both formats."""
    expect_a_refused(candidate, "type", kind)
    expect_b_refused(candidate, "kind", kind)


NO_CODES = ["", "EU", "EURO", "E1R", "EU ", " EUR", "E-R", "ÄUR", "eüo", "EUR\n", "123"]
LONG_S, KELVIN = "u\u017fd", "\u212awd"


@given(code=st.sampled_from([*NO_CODES, LONG_S, KELVIN]))
@example(code="")
@example(code="EU")
@example(code="EURO")
@example(code="E1R")
@example(code="EU ")
@example(code="ÄUR")
@example(code=LONG_S)
@example(code="EUR\n")
@check(level=1, category="edge_cases", examples=8)
def test_no_currency(candidate, code):
    """A currency that is not three ASCII letters is refused in both formats."""
    expect_a_refused(candidate, "currency", code)
    places = {**DECIMALS, code: 2, code.upper(): 2}
    changed = row_b(ccy=code)
    read = partial(candidate.parse_b, changed, places)
    expect_row_refused(candidate, read, "tx77", "ccy")


@given(code=st.sampled_from(["USD", "usd", "XXX"]))
@example(code="USD")
@check(level=1, category="edge_cases", examples=3)
def test_currency_without_decimals_known(candidate, code):
    """`parse_b` refuses a currency that is not in `decimals`; `parse_a` takes it."""
    expect_b_refused(candidate, "ccy", code)
    expect(candidate.parse_a(row_a(currency=code)), currency=code.upper())


NO_DATES = [
    *("2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "2024-3-5", "", "today"),
    *("05.03.2024", "20240305", "2024-W10-2", " 2024-03-05", "2024-03-05 ", "24-03-05"),
    *("2024-03-05\n", "2024/03/05", "2024-03", "2024-065", "0000-01-01"),
]
NAIVE = ["2024-03-05T10:00", "2024-03-05T10:00:00", "2024-03-05 10:00:00.5"]


@given(text=st.sampled_from(NO_DATES))
@example(text="2023-02-29")
@example(text="2024-02-30")
@example(text="2024-3-5")
@example(text="20240305")
@example(text="2024-W10-2")
@example(text="05.03.2024")
@example(text="2024-03-05 ")
@example(text="")
@check(level=1, category="edge_cases", examples=9)
def test_bad_date(candidate, text):
    """A date that is not YYYY-MM-DD, or not in the calendar, is refused."""
    expect_b_refused(candidate, "date", text)


@given(text=st.sampled_from(NAIVE))
@example(text="2024-03-05T10:00")
@example(text="2024-03-05T12:00:00")
@check(level=1, category="edge_cases", examples=3)
def test_timestamp_without_offset(candidate, text):
    """A timestamp without an offset is refused: it is no instant."""
    expect_b_refused(candidate, "date", text)


STAMPS = [
    ("2024-03-05T10:00:00+05:45", moment("2024-03-05T04:15")),
    ("2024-03-05T10:00:00-12:00", moment("2024-03-05T22:00")),
    ("2024-03-05 10:00+00:00", moment("2024-03-05T10:00")),
    ("2024-03-05T10:00:00Z", moment("2024-03-05T10:00")),
    ("20240305T100000+0100", moment("2024-03-05T09:00")),
    ("2024-03-05T23:59:59.999999+14:00", moment("2024-03-05T09:59:59.999999")),
    ("2024-02-29T00:00-00:30", moment("2024-02-29T00:30")),
]


@given(stamp=st.sampled_from(STAMPS))
@example(stamp=STAMPS[0])
@example(stamp=STAMPS[3])
@example(stamp=STAMPS[4])
@example(stamp=STAMPS[5])
@check(level=1, category="edge_cases", examples=5)
def test_timestamps_of_every_form(candidate, stamp):
    """Every timestamp with offset that `datetime.fromisoformat` takes is an instant."""
    text, want = stamp
    expect_instant(candidate.parse_b(row_b(date=text), DECIMALS), want)


@check(level=1, category="edge_cases")
def test_leap_day(candidate):
    """29 February of a leap year is a date."""
    got = candidate.parse_b(row_b(date="2024-02-29"), DECIMALS)
    expect_instant(got, moment("2024-02-29T12:00"))


@given(seconds=st.sampled_from([-1, -86_400, -2_208_988_800, 4_102_444_800]))
@example(seconds=-1)
@check(level=1, category="edge_cases", examples=3)
def test_created_before_1970(candidate, seconds):
    """`created` may be any time, also before 1970."""
    got = candidate.parse_a(row_a(created=seconds))
    expect_instant(got, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


@given(seconds=st.sampled_from([10**12, -(10**12), 10**19, 10**30, -(10**20)]))
@example(seconds=10**12)
@example(seconds=10**30)
@check(level=1, category="edge_cases", examples=3)
def test_created_out_of_range(candidate, seconds):
    """Seconds that are no time of the years 1 to 9999 are refused as a bad date."""
    expect_a_refused(candidate, "created", seconds)


@check(level=1, category="edge_cases")
def test_extra_fields(candidate):
    """Fields beyond those of the format are ignored, whatever they hold."""
    extra = {"note": None, "value2": 1.5, "source": "x", "at": [1]}
    expect(candidate.parse_a(row_a(**extra)), id="tx77", amount=1230, source="a")
    got = candidate.parse_b(row_b(**extra), DECIMALS)
    expect(got, id="tx77", amount=1200, source="b")


# Level 1: pairs by reference


@given(minutes=st.sampled_from([1, 719, 1439]), window=st.integers(0, 2))
@example(minutes=1, window=0)
@example(minutes=1439, window=0)
@check(level=1, category="edge_cases", examples=6)
def test_midnight(candidate, minutes, window):
    """Two instants around midnight are a day apart, however near they are."""
    begin = after(window)
    x = row("a1", ref="r1", at=after(0) - MICRO)
    within = row("b1", ref="r1", at=begin - MICRO)
    beyond = row("b1", ref="r1", at=begin + timedelta(minutes=minutes - 1))
    got = ask(candidate, [x], [within], Rules(window))
    expect(got, matched=(("a1", "b1"),), why=f"{window} days apart")
    got = ask(candidate, [x], [beyond], Rules(window))
    why = f"{window + 1} calendar days apart"
    expect(got, differing=(("a1", "b1", ("day",)),), why=why)


@given(ends=st.sampled_from([("2024-02-28", 2), ("2023-02-28", 1), ("2023-12-31", 1)]))
@example(ends=("2024-02-28", 2))
@example(ends=("2023-02-28", 1))
@example(ends=("2023-12-31", 1))
@check(level=1, category="edge_cases", examples=3)
def test_end_of_months(candidate, ends):
    """Days are counted over the end of a month or year, 29 February included."""
    begin, days = moment(ends[0]), ends[1]
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    case = Case(
        [row("a1", ref="r1", at=begin)],
        [row("b1", ref="r1", at=end.replace(day=1))],
        Rules(days),
    )
    expect_right(candidate, case, "matched", why=f"{days} days apart")
    narrow = case.with_rules(window_days=days - 1)
    expect_right(candidate, narrow, "differing", why=f"{days} days apart")


@given(gap=st.sampled_from([1, 999_999, 60_000_000]), swap=st.booleans())
@example(gap=1, swap=False)
@example(gap=1, swap=True)
@check(level=1, category="edge_cases", examples=4)
def test_order_to_the_microsecond(candidate, gap, swap):
    """Rows of one reference a microsecond apart are still in order of time."""
    early, late = after(0), after(0, micros=gap)
    a = [row("a1", 10, ref="r1", at=late), row("a2", 110, ref="r1", at=early)]
    b = [row("b1", 110, ref="r1", at=early), row("b2", 10, ref="r1", at=late)]
    case = Case(b, a) if swap else Case(a, b)
    expect_right(candidate, case, "matched", why="the earlier ones are a pair")


@given(turn=turns)
@example(turn=0)
@example(turn=1)
@check(level=1, category="edge_cases", examples=6)
def test_same_instant_by_id(candidate, turn):
    """Rows of one reference and instant are in order of their ids, as text."""
    a = [row("a9", 10, ref="r1"), row("a10", 110, ref="r1"), row("a1", 11, ref="r1")]
    b = [row("b1", 11, ref="r1"), row("b3", 10, ref="r1"), row("b2", 110, ref="r1")]
    expect_right(candidate, Case(a, b).turned(turn), "matched", why='"a10" < "a9"')


@given(x=st.sampled_from(["R1", "r1 ", " r1", "r1\n", "r10", "r", "é", "None", "0"]))
@example(x="R1")
@example(x="r1 ")
@example(x="r10")
@check(level=1, category="edge_cases", examples=6)
def test_refs_that_look_alike(candidate, x):
    """References are the same only if their texts are exactly the same."""
    got = ask(candidate, [row("a1", ref=x)], [row("b1", ref="r1")])
    expect(got, **{**EMPTY, "only_a": ("a1",), "only_b": ("b1",)})
    expect(ask(candidate, [row("a1", ref=x)], [row("b1", ref=x)]).matched, PAIR)


PAIR = (("a1", "b1"),)


@check(level=1, category="edge_cases")
def test_amounts_of_two_currencies(candidate):
    """Amounts are compared as ints even where the currencies differ."""
    x, y = row("a1", 1000, ref="r1"), row("b1", 1000, ref="r1", currency="JPY")
    expect(ask(candidate, [x], [y]).differing, (("a1", "b1", ("currency",)),))
    y = y._replace(amount=1003)
    got = ask(candidate, [x], [y], Rules(tolerance=2))
    expect(got.differing, (("a1", "b1", ("amount", "currency")),))


@given(amount=st.sampled_from([0, -10, 10**30]), off=st.integers(0, 2))
@example(amount=10**30, off=1)
@example(amount=10**30, off=2)
@example(amount=0, off=0)
@example(amount=-10, off=2)
@check(level=1, category="edge_cases", examples=5)
def test_amounts_of_any_size(candidate, amount, off):
    """Amounts of 0, below 0 and beyond all floats are compared exactly."""
    x, y = row("a1", amount, ref="r1"), row("b1", amount + off, ref="r1")
    case = Case([x], [y], Rules(tolerance=1))
    expect_right(candidate, case, "matched", "differing", why=f"{off} apart")


@check(level=1, category="edge_cases")
def test_opposite_amounts(candidate):
    """A charge of 10 and one of -10 are 20 apart."""
    x, y = row("a1", 10, ref="r1"), row("b1", -10, ref="r1")
    got = ask(candidate, [x], [y], Rules(tolerance=19))
    expect(got.differing, (("a1", "b1", ("amount",)),), why="20 apart, tolerance 19")
    got = ask(candidate, [x], [y], Rules(tolerance=20))
    expect(got.matched, PAIR, why="20 apart, tolerance 20")


@check(level=1, category="edge_cases")
def test_no_rows(candidate):
    """Without rows the report is empty; rows on one side alone are left over."""
    expect(ask(candidate, [], []), **EMPTY)
    x = row("x1", ref="r1")
    expect(ask(candidate, [x], []), **{**EMPTY, "only_a": ("x1",)})
    expect(ask(candidate, [], [x]), **{**EMPTY, "only_b": ("x1",)})


@check(level=1, category="edge_cases")
def test_rows_are_only_read(candidate):
    """Nothing is changed in what `reconcile` and the parsers are given."""
    rows = [row("2", ref="r2", days=2), row("1", ref="r1"), row("3", 20, days=1)]
    sides = txns(candidate, "a", rows), txns(candidate, "b", rows[::-1])
    given = *sides, row_a(), row_b(), dict(DECIMALS)
    kept = [candidate.keep(each, "given") for each in given]
    candidate.reconcile(*kept[:2])
    candidate.parse_a(kept[2])
    candidate.parse_b(*kept[3:])
    for each, want in zip(kept, given, strict=True):
        expect(each.value(), want, why="what is given is only read")


@check(level=1, category="edge_cases")
def test_any_sequence(candidate):
    """The rows may come as tuples: any sequence will do."""
    a = tuple(txns(candidate, "a", [row("a2", ref="r2"), row("a1", ref="r1")]))
    b = tuple(txns(candidate, "b", [row("b2", ref="r2"), row("b1", ref="r1")]))
    expect(candidate.reconcile(a, b).matched, (("a1", "b1"), ("a2", "b2")))


@check(level=1, category="edge_cases")
def test_first_argument_is_side_a(candidate):
    """The first argument is side a, whatever its rows name as their source."""
    a = txns(candidate, "b", [row("x1", ref="r1"), row("x2", 110, ref="r2")])
    b = txns(candidate, "a", [row("y1", ref="r1"), row("y2", 110, ref="r3")])
    got = candidate.reconcile(a, b)
    why = "x1 and x2 came first"
    expect(got, matched=(("x1", "y1"),), only_a=("x2",), only_b=("y2",), why=why)


@check(level=1, category="edge_cases")
def test_default_policy(candidate):
    """Without a policy the window is 3 days, the tolerance 0 and the zone UTC."""
    x = row("a1", ref="r1", hours=1)
    for y, fields in [
        (row("b1", ref="r1", hours=95), ()),
        (row("b1", ref="r1", hours=96), ("day",)),
        (row("b1", 11, ref="r1", hours=1), ("amount",)),
    ]:
        got = ask(candidate, [x], [y])
        expect(got, differing=(("a1", "b1", fields),) if fields else ())


BAD = [
    ({"window_days": -1}, -1),
    ({"tolerance": -1}, -1),
    ({"max_group": 1}, 1),
    ({"max_group": 0}, 0),
    ({"max_group": -2}, -2),
    ({"window_days": -7, "tolerance": 5}, -7),
]
NO_ZONES = ["Mars/Phobos", "Europe/Atlantis", "europe berlin", "UTC+25", "No/Such/Zone"]
SOME = [row("a1", ref="r1")], [row("b1", ref="r1")]


@given(bad=st.sampled_from(BAD), empty=st.booleans())
@example(bad=BAD[0], empty=True)
@example(bad=BAD[1], empty=True)
@example(bad=BAD[2], empty=True)
@example(bad=BAD[3], empty=True)
@example(bad=BAD[0], empty=False)
@example(bad=BAD[1], empty=False)
@example(bad=BAD[2], empty=False)
@check(level=1, category="edge_cases", examples=8)
def test_bad_policy(candidate, bad, empty):
    """A negative window or tolerance or a max_group below 2 is refused, rows or not."""
    changes, value = bad
    with refused(candidate, naming=value):
        ask(candidate, *(([], []) if empty else SOME), Rules()._replace(**changes))


@given(zone=st.sampled_from(NO_ZONES), empty=st.booleans())
@example(zone="Mars/Phobos", empty=True)
@example(zone="Mars/Phobos", empty=False)
@check(level=1, category="edge_cases", examples=4)
def test_unknown_zone(candidate, zone, empty):
    """A zone that does not exist is refused, also when there are no rows."""
    with refused(candidate, naming=zone):
        ask(candidate, *(([], []) if empty else SOME), Rules(tz=zone))


@check(level=1, category="edge_cases")
def test_least_policy(candidate):
    """A window and tolerance of 0 and a max_group of 2 are fine."""
    got = ask(candidate, *SOME, Rules(0, 0, "UTC", 2))
    expect(got.matched, PAIR)


@given(
    side=st.sampled_from("ab"), others=st.booleans(), ref=st.sampled_from([None, "r1"])
)
@example(side="a", others=False, ref="r1")
@example(side="b", others=False, ref="r1")
@example(side="a", others=True, ref="r1")
@example(side="b", others=True, ref=None)
@check(level=1, category="edge_cases", examples=4)
def test_naive_time(candidate, side, others, ref):
    """A row whose time has no offset is refused, on either side, pair or not."""
    naive = row("naive1", ref=ref, at=datetime(2024, 3, 5, 10))
    good = [row("x1", ref="r1")] if others else []
    other = [row("y1", ref="r1")] if others else []
    sides = ([*good, naive], other) if side == "a" else (other, [*good, naive])
    expect_refused_in_words(candidate, sides, naive)


def expect_refused_in_words(candidate: Any, sides: Any, bad: Row) -> None:
    """Demand a ValueError that says which row it is about, or its time."""
    try:
        ask(candidate, *sides)
    except AnswerRaised as error:
        said = [bad.id, str(bad.at), bad.at.isoformat(), repr(bad.at)]
        if isinstance(error, ValueError) and any(text in error.said for text in said):
            return
        raise LawBroken(error, f"ValueError that names {bad.id} or its time") from None
    with refused(candidate):
        ask(candidate, *sides)


@given(side=st.sampled_from("ab"), same=st.booleans())
@example(side="a", same=True)
@example(side="b", same=True)
@example(side="a", same=False)
@example(side="b", same=False)
@check(level=1, category="edge_cases", examples=4)
def test_id_twice(candidate, side, same):
    """An id that comes twice within a source is refused, equal rows or not."""
    first = row("tw77", ref="r1")
    second = first if same else row("tw77", 110, 40, ref="r9")
    rows = [first, row("x1", 210, ref="r2"), second]
    with refused(candidate, naming="tw77"):
        ask(candidate, *((rows, []) if side == "a" else ([], rows)))


@check(level=1, category="edge_cases")
def test_same_id_on_both_sides(candidate):
    """A row of a and one of b may have the same id: it is unique in its source only."""
    x, y = row("x1", ref="r1"), row("x1", ref="r1")
    expect(ask(candidate, [x], [y]), **{**EMPTY, "matched": (("x1", "x1"),)})
    y = row("x1", 110, ref="r2")
    expect(ask(candidate, [x], [y]), **{**EMPTY, "only_a": ("x1",), "only_b": ("x1",)})


# Level 2: rows without a reference


@given(window=st.integers(0, 3), turn=st.integers(0, 1))
@example(window=0, turn=0)
@example(window=1, turn=0)
@example(window=3, turn=1)
@check(level=2, category="edge_cases", examples=6)
def test_free_midnight(candidate, window, turn):
    """The window of rows without a ref ends at midnight, to the microsecond."""
    x = row("a1", at=after(0) + timedelta(hours=23))
    end = after(window + 1)
    for at in (end - MICRO, end):
        case = Case([x], [row("b1", at=at)], Rules(window))
        expect_nearest(candidate, case.swapped() if turn else case)


@given(amount=st.sampled_from([0, -10, -1, 10**30, 10**16]))
@example(amount=0)
@example(amount=-10)
@example(amount=10**16)
@example(amount=10**30)
@check(level=2, category="edge_cases", examples=5)
def test_free_amounts_of_any_size(candidate, amount):
    """Amounts of 0, below 0 and beyond all floats match themselves and no others."""
    expect(ask(candidate, [row("a1", amount)], [row("b1", amount)]).matched, PAIR)
    got = ask(candidate, [row("a1", amount)], [row("b1", amount + 1)])
    expect(got, matched=(), only_a=("a1",), only_b=("b1",), why="1 apart")


@check(level=2, category="edge_cases")
def test_free_amounts_of_opposite_sign(candidate):
    """A charge of 10 and one of -10 without a ref do not match."""
    got = ask(candidate, [row("a1", 10)], [row("b1", -10)])
    expect(got, matched=(), only_a=("a1",), only_b=("b1",))


@given(kinds=st.lists(st.sampled_from(KINDS), min_size=2, max_size=2))
@example(kinds=["charge", "refund"])
@example(kinds=["payout", "fee"])
@check(level=2, category="edge_cases", examples=8)
def test_free_kinds(candidate, kinds):
    """A row without a ref matches its own kind only: a refund is no charge."""
    x, y = row("a1", kind=kinds[0]), row("b1", kind=kinds[1])
    got = ask(candidate, [x], [y])
    expect(got.matched, PAIR if kinds[0] == kinds[1] else (), why=" and ".join(kinds))


@given(
    a=st.integers(0, 10),
    b=st.integers(0, 10),
    hours=st.sampled_from([0, 23]),
    turn=turns,
)
@example(a=10, b=7, hours=0, turn=1)
@example(a=7, b=10, hours=23, turn=2)
@example(a=2, b=2, hours=0, turn=1)
@check(level=2, category="edge_cases", examples=8)
def test_many_equal_rows(candidate, a, b, hours, turn):
    """Of many equal rows of one day each is used once, in any order of input."""
    case = Case(
        [row("a" + id) for id in IDS[:a]],
        [row("b" + id, hours=hours) for id in IDS[:b]],
        Rules(0),
    )
    got, pairs = chosen(candidate, case)
    expect_valid(got, pairs, case.rules)
    require(
        len(pairs) == min(a, b), got, f"{min(a, b)} pairs of {a} and {b} equal rows"
    )
    why = "the same rows, turned"
    expect(case.turned(turn).ask(candidate), got, why=why)


YEAR = [
    ([n * 13 % 365 for n in range(90)], [n * 29 % 365 for n in range(80)], 3),
    ([n * n % 365 for n in range(70)], [n * n * 2 % 365 for n in range(90)], 1),
    ([n // 3 for n in range(60)], [2 + n // 4 for n in range(60)], 2),
    ([n % 10 for n in range(40)], [5 + n % 7 for n in range(60)], 30),
]


@given(year=st.sampled_from(YEAR))
@example(year=YEAR[0])
@example(year=YEAR[1])
@example(year=YEAR[2])
@example(year=YEAR[3])
@check(level=2, category="edge_cases", examples=1)
def test_one_bucket_of_a_year(candidate, year):
    """Many equal rows over a year are matched as many, and as near, as can be."""
    days_a, days_b, window = year
    case = Case(
        [row(f"a{n}", days=day) for n, day in enumerate(days_a)],
        [row(f"b{n}", days=day) for n, day in enumerate(days_b)],
        Rules(window),
    )
    got, pairs = chosen(candidate, case)
    expect_valid(got, pairs, case.rules)
    best: Choice = best_on_a_line(days_a, days_b, window)
    words = f"{best.pairs} pairs without a ref, {best.distance} days apart in total"
    require(goodness(pairs, case.rules) == best, got, words)


@given(window=st.sampled_from([10**4, 10**9, 10**18]))
@example(window=10**4)
@example(window=10**18)
@check(level=2, category="edge_cases", examples=3)
def test_huge_window(candidate, window):
    """A window may be larger than any calendar."""
    case = bucket_case([0, 700], [5000, 690], window)
    expect_nearest(candidate, case)


@given(
    begin=st.sampled_from(["2024-02-28T23:00", "2023-12-31T23:00", "2023-02-28T23:00"])
)
@example(begin="2024-02-28T23:00")
@example(begin="2023-12-31T23:00")
@check(level=2, category="edge_cases", examples=3)
def test_free_rows_at_end_of_months(candidate, begin):
    """Rows without a ref are near over the end of a month or year as well."""
    at = moment(begin)
    a = [row("a1", at=at), row("a2", at=at + timedelta(hours=25))]
    b = [row("b1", at=at + timedelta(hours=1)), row("b2", at=at + timedelta(hours=49))]
    for window in (0, 1, 2):
        expect_nearest(candidate, Case(a, b, Rules(window)))


# Level 3: duplicates and groups


@check(level=3, category="edge_cases")
def test_same_without_ref_is_no_duplicate(candidate):
    """Rows without a ref repeat nothing, though they are the same in all else."""
    case = Case([row("a1"), row("a2"), row("a3")], [row("b1")])
    got = case.ask(candidate)
    expect(got, duplicates=(), why="no ref")
    require(
        len(got.matched) == 1 and len(got.only_a) == 2, got, "a pair, two leftovers"
    )


@check(level=3, category="edge_cases")
def test_same_on_both_sides_is_no_duplicate(candidate):
    """A row repeats only rows of its own side."""
    got = ask(candidate, [row("a1", ref="r1")], [row("b1", ref="r1")])
    expect(got, duplicates=(), matched=PAIR)


@given(days=st.sampled_from([1, 40, 4000]), turn=turns)
@example(days=4000, turn=1)
@check(level=3, category="edge_cases", examples=5)
def test_duplicates_of_any_day(candidate, days, turn):
    """A duplicate may be any number of days after what it repeats."""
    a = [row("a1", ref="r1", days=days), row("a2", ref="r1"), row("a3", 110, ref="r1")]
    case = Case(a, [row("b1", ref="r1")]).turned(turn)
    expect_right(candidate, case, why=f"{days} days apart, and the window is 3")


@given(side=st.sampled_from("ab"), turn=turns)
@example(side="a", turn=0)
@example(side="b", turn=1)
@check(level=3, category="edge_cases", examples=6)
def test_many_copies(candidate, side, turn):
    """All copies of a row repeat the first one, none another copy."""
    copies = [row(side + id, ref="r1", hours=int(id) % 3) for id in IDS[:5]]
    case = (Case(copies, []) if side == "a" else Case([], copies)).turned(turn)
    expect_right(candidate, case, why="the earliest by (at, id) is repeated")


@check(level=3, category="edge_cases")
def test_duplicates_do_not_add_up(candidate):
    """A duplicate is neither a member of a group nor the sum of one."""
    parts = [row("b1", 2, ref="r1"), row("b2", 2, ref="r1"), row("b3", 3)]
    expect_right(candidate, Case([row("a1", 4)], parts), why="b2 repeats b1")
    ones = [row("a1", 5, ref="r2"), row("a2", 5, ref="r2")]
    parts = [row("b1", 2), row("b2", 3), row("b3", 1), row("b4", 4)]
    expect_right(candidate, Case(ones, parts), why="a2 repeats a1")


@given(window=st.integers(0, 2), over=st.integers(0, 1), late=st.booleans())
@example(window=1, over=0, late=True)
@example(window=1, over=1, late=True)
@example(window=2, over=1, late=False)
@example(window=0, over=0, late=False)
@check(level=3, category="edge_cases", examples=8)
def test_window_of_a_group(candidate, window, over, late):
    """Each member is at most `window_days` from the one row, on either side of it."""
    far = 10 + (window + over if late else -window - over)
    case = group_case([(5, 10)], [(2, 10), (3, far)], window)
    expect_right(
        candidate, case, "grouped", why=f"{abs(far - 10)} days from the one row"
    )


@check(level=3, category="edge_cases")
def test_members_far_from_each_other(candidate):
    """Members may be farther from each other than the window."""
    case = group_case([(5, 3)], [(2, 0), (3, 6)], 3)
    expect_right(candidate, case, "grouped", why="each is 3 days from the one row")


@given(most=st.integers(2, 5), size=st.integers(2, 6))
@example(most=2, size=3)
@example(most=3, size=3)
@example(most=5, size=5)
@example(most=4, size=5)
@check(level=3, category="edge_cases", examples=8)
def test_largest_group(candidate, most, size):
    """A group has up to `max_group` members, and not one more."""
    parts = [(10**n, 0) for n in range(size)]
    case = group_case([(sum(amount for amount, _ in parts), 0)], parts, most=most)
    expect_right(candidate, case, "grouped", why=f"{size} rows, max_group {most}")


@given(parts=st.lists(st.sampled_from([0, 0, 5, -5, 7, -2]), min_size=2, max_size=4))
@example(parts=[5, 0])
@example(parts=[7, -2])
@example(parts=[-5, -2])
@example(parts=[5, -5])
@example(parts=[0, 0])
@check(level=3, category="edge_cases", examples=9)
def test_members_of_nothing_and_below(candidate, parts):
    """Members may be 0 or negative, and so may the one row."""
    case = group_case([(sum(parts), 0)], [(amount, 0) for amount in parts])
    expect_right(candidate, case, "grouped", "only_a", "only_b")


@check(level=3, category="edge_cases")
def test_no_group_of_one(candidate):
    """One row alone makes no group, though its amount is the same."""
    got = ask(candidate, [row("a1", 5)], [row("b1", 5, kind="fee")])
    expect(got, grouped=(), only_a=("a1",), only_b=("b1",), why="2 rows at least")


@check(level=3, category="edge_cases")
def test_no_tolerance_in_groups(candidate):
    """A group adds up exactly, whatever the tolerance."""
    case = group_case([(6, 0)], [(2, 0), (3, 0)])
    expect_right(candidate, case.with_rules(tolerance=5), "grouped", "only_a")


@check(level=3, category="edge_cases")
def test_differing_rows_do_not_add_up(candidate):
    """A row of a differing pair is in no group."""
    a = [row("a1", 5, kind="payout"), row("a2", 9, ref="r1")]
    b = [row("b1", 2), row("b2", 3, ref="r1")]
    expect_right(candidate, Case(a, b), why="a2 and b2 are a pair that differs")


@given(large=st.sampled_from([10**16, 10**30]))
@example(large=10**16)
@check(level=3, category="edge_cases", examples=2)
def test_groups_of_large_amounts(candidate, large):
    """Sums of groups are exact beyond all floats."""
    case = group_case(
        [(2 * large + 1, 0)], [(large, 0), (large + 2, 0), (large + 1, 0)]
    )
    expect_right(candidate, case, "grouped")


@given(turn=turns)
@example(turn=0)
@example(turn=1)
@check(level=3, category="edge_cases", examples=4)
def test_group_ids_as_text(candidate, turn):
    """Ids of equally good groups are compared sorted and as text."""
    a = [row("a1", 5, kind="payout")]
    b = [row("b9", 2), row("b10", 2), row("b3", 3), row("b11", 2)]
    case = Case(a, b).turned(turn)
    expect_right(candidate, case, "grouped", why='"b10" < "b3" < "b9"')


@check(level=3, category="edge_cases")
def test_forty_candidates(candidate):
    """Choosing from 40 rows, of which none add up, does not take for ever."""
    parts = [row(f"b{n}", 2 * n + 2, days=n % 3) for n in range(40)]
    one = row("a1", 101, kind="payout")
    got = ask(candidate, [one], parts, Rules(max_group=3))
    expect(got, grouped=(), only_a=("a1",), why="an odd sum of even amounts")


@check(level=3, category="edge_cases")
def test_forty_candidates_and_a_group(candidate):
    """With 40 rows to choose from the only group is found, though it has 4 rows."""
    parts = [row(f"b{n}", 1000 + 4 * n) for n in range(36)]
    odd = [row(f"b{n}", 1 << n) for n in range(36, 40)]
    one = row("a1", sum(each.amount for each in odd), kind="payout")
    got = ask(candidate, [one], [*odd[:2], *parts, *odd[2:]])
    expect(got, grouped=(("a1", ("b36", "b37", "b38", "b39")),))


@given(most=st.sampled_from([100, 10**6, 10**12]))
@example(most=10**12)
@check(level=3, category="edge_cases", examples=2)
def test_huge_max_group(candidate, most):
    """`max_group` may be larger than there are rows."""
    case = group_case([(10, 0), (99, 0)], [(2, 0), (3, 0), (5, 0)], most=most)
    expect_right(candidate, case, "grouped", "only_a")


# Level 4: odd zones and clocks


@given(case=local_cases("r1", ODD_ZONES))
@example(
    case=Case(
        [row("a1", ref="r1", at=moment("2024-02-28T18:14"))],
        [row("b1", ref="r1", at=moment("2024-02-28T18:15"))],
        Rules(0, tz="Asia/Kathmandu"),
    )
)
@example(
    case=Case(
        [row("a1", ref="r1", at=moment("2024-03-01T11:59"))],
        [row("b1", ref="r1", at=moment("2024-03-01T12:00"))],
        Rules(0, tz="Etc/GMT+12"),
    )
)
@example(
    case=Case(
        [row("a1", ref="r1", at=moment("2024-12-31T09:59"))],
        [row("b1", ref="r1", at=moment("2024-12-31T10:00"))],
        Rules(0, tz="Pacific/Kiritimati"),
    )
)
@check(level=4, category="edge_cases", examples=12)
def test_days_of_odd_zones(candidate, case):
    """Days begin at local midnight at +05:45, at -12, at +14 and wherever else."""
    expect_right(candidate, case, "differing", "matched", why=f"in {case.rules.tz}")


@given(case=local_buckets(ODD_ZONES))
@example(
    case=Case(
        [row("a1", at=moment("2024-02-29T18:14"))],
        [row("b1", at=moment("2024-02-28T18:15"))],
        Rules(0, tz="Asia/Kathmandu"),
    )
)
@check(level=4, category="edge_cases", examples=12)
def test_free_rows_of_odd_zones(candidate, case):
    """Rows without a ref are matched by the local days of any zone."""
    expect_nearest(candidate, case)


@given(window=st.integers(0, 2), ref=st.sampled_from([None, "r1"]))
@example(window=1, ref="r1")
@example(window=2, ref="r1")
@example(window=1, ref=None)
@example(window=2, ref=None)
@check(level=4, category="edge_cases", examples=6)
def test_skipped_day(candidate, window, ref):
    """Dates count, not nights: over a day that a zone skipped they are 2 apart."""
    x = row("a1", ref=ref, at=moment("2011-12-30T09:30"))
    y = row("b1", ref=ref, at=moment("2011-12-30T10:30"))
    case = Case([x], [y], Rules(window, tz="Pacific/Apia"))
    why = "in Apia after 29 December came the 31st"
    expect_right(candidate, case, "matched", "differing", why=why)
    expect_nearest(candidate, case)


@given(case=local_buckets([("America/St_Johns", moment("2006-10-29T02:31"))]))
@example(
    case=Case(
        [
            row("a1", at=moment("2006-10-29T02:30:30")),
            row("a2", at=moment("2006-10-29T03:00")),
        ],
        [
            row("b1", at=moment("2006-10-28T12:00")),
            row("b2", at=moment("2006-10-29T12:00")),
        ],
        Rules(0, tz="America/St_Johns"),
    )
)
@example(
    case=Case(
        [
            row("a1", at=moment("2006-10-29T02:30:30")),
            row("a2", at=moment("2006-10-29T03:00")),
        ],
        [
            row("b1", at=moment("2006-10-27T12:00")),
            row("b2", at=moment("2006-10-30T12:00")),
        ],
        Rules(1, tz="America/St_Johns"),
    )
)
@check(level=4, category="edge_cases", examples=9)
def test_back_over_midnight(candidate, case):
    """Where clocks go back over midnight, a later row may have an earlier day."""
    expect_nearest(candidate, case)


def told_in(zone: str, at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(zone))


EARLY, LATE = moment("2024-10-27T00:30"), moment("2024-10-27T01:10")
"""In Berlin 2:30 and then, for the second time that night, 2:10."""


@given(turn=turns)
@example(turn=0)
@example(turn=1)
@check(level=4, category="edge_cases", examples=4)
def test_hour_that_comes_twice(candidate, turn):
    """Times are in order of instant, also within the hour that a clock shows twice."""
    early, late = told_in("Europe/Berlin", EARLY), told_in("Europe/Berlin", LATE)
    a = [row("a1", 10, ref="r1", at=late), row("a2", 110, ref="r1", at=early)]
    b = [row("b1", 110, ref="r1", at=EARLY), row("b2", 10, ref="r1", at=LATE)]
    why = "2:30 summer time was before 2:10 winter time"
    expect_right(candidate, Case(a, b).turned(turn), "matched", "differing", why=why)


@given(turn=turns)
@example(turn=0)
@check(level=4, category="edge_cases", examples=3)
def test_duplicate_in_the_hour_that_comes_twice(candidate, turn):
    """The first of two duplicates, and of two sums, is the first by instant."""
    early, late = told_in("Europe/Berlin", EARLY), told_in("Europe/Berlin", LATE)
    a = [row("a1", ref="r1", at=late), row("a2", ref="r1", at=early)]
    case = Case(a, [], Rules(tz="Europe/Berlin")).turned(turn)
    expect_right(candidate, case, "duplicates", why="2:30 was before 2:10")
    ones = [row("a1", 5, at=late, kind="fee"), row("a2", 5, at=early, kind="fee")]
    parts = [row("b1", 2, at=early), row("b2", 3, at=late)]
    case = Case(ones, parts, Rules(tz="Europe/Berlin")).turned(turn)
    expect_right(candidate, case, "grouped", why="2:30 was before 2:10")


@given(case=local_cases("r1", ODD_ZONES), zone=st.sampled_from(["Asia/Kathmandu"]))
@example(
    case=Case(
        [row("a1", ref="r1", at=moment("2024-03-05T17:00"))],
        [row("b1", ref="r1", at=moment("2024-03-05T19:00"))],
        Rules(0),
    ),
    zone="Asia/Kathmandu",
)
@check(level=4, category="edge_cases", examples=10)
def test_times_told_in_other_zones(candidate, case, zone):
    """In which zone a time is told makes no difference for its day in `tz`."""
    told = case.mapped(lambda r: r._replace(at=told_in(zone, r.at)))
    expect_right(
        candidate, told, "matched", "differing", why=f"days of {case.rules.tz}"
    )


@given(window=st.integers(0, 2), hours=st.integers(0, 3))
@example(window=0, hours=0)
@example(window=0, hours=1)
@example(window=2, hours=1)
@check(level=4, category="edge_cases", examples=6)
def test_groups_of_odd_zones(candidate, window, hours):
    """The window and the distances of a group are in local days as well."""
    at = moment("2011-12-30T09:30")
    one = row("a1", 5, at=at, kind="payout")
    parts = [row("b1", 2, at=at), row("b2", 3, at=at + timedelta(hours=hours))]
    parts += [row("b3", 3, at=at - timedelta(days=1))]
    case = Case([one], parts, Rules(window, tz="Pacific/Apia"))
    expect_right(candidate, case, "grouped", why="29 December, then the 31st")
