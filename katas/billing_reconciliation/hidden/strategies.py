"""Small inputs that meet the edges often, and what is asked of the answer for them.

Levels 1 and 2 know neither duplicates nor groups, so their inputs have none: rows of a
side differ in what makes a duplicate, and amounts are 10, 11 or 12 above a multiple of
100, so that no 2 to 4 of them add up to another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from oracle import Choice, Pairs, Row, Rules, best_choice, free_pairs, gap, may_match
from oracle import report as right_report

from graders.laws import expect, require

START = datetime(2024, 3, 5, tzinfo=UTC)
# In no order, so that sorting by id, by time and not at all all differ.
IDS = ("3", "10", "2", "1", "21", "4", "9", "30", "12", "7", "20", "5")
KINDS = ("charge", "refund", "fee", "payout")
AMOUNTS = (10, 11, 12, 110, -90, -89)
PLAIN = Rules()


def after(days: int = 0, hours: int = 0, micros: int = 0) -> datetime:
    """Return a time counted from the beginning of a day."""
    return START + timedelta(days=days, hours=hours, microseconds=micros)


def row(
    id: str,
    amount: int = 10,
    days: int = 0,
    *,
    ref: str | None = None,
    currency: str = "EUR",
    kind: str = "charge",
    hours: int = 0,
    at: datetime | None = None,
) -> Row:
    """Return a row, by default without a reference, at the beginning of a day."""
    return Row(id, ref, amount, currency, at or after(days, hours), kind)


class Case(NamedTuple):
    """Two sides and the rules for them."""

    a: Sequence[Row]
    b: Sequence[Row]
    rules: Rules = PLAIN

    def ask(self, candidate: Any) -> Any:
        return ask(candidate, self.a, self.b, self.rules)

    def swapped(self) -> Case:
        return Case(self.b, self.a, self.rules)

    def turned(self, turn: int) -> Case:
        """Return the same rows in another order."""
        return Case(turned(self.a, turn), turned(self.b, turn + 1), self.rules)

    def with_rules(self, **changes: Any) -> Case:
        return self._replace(rules=self.rules._replace(**changes))

    def mapped(self, change: Callable[[Row], Row]) -> Case:
        return Case([*map(change, self.a)], [*map(change, self.b)], self.rules)


def turned(rows: Sequence[Row], turn: int) -> list[Row]:
    """Return the rows in another order: some from the end, then all backwards."""
    turn %= len(rows) + 1
    moved = [*rows[turn:], *rows[:turn]]
    return moved[::-1] if turn % 2 else moved


def txns(candidate: Any, side: str, rows: Iterable[Row]) -> list[Any]:
    return [candidate.Txn(side, *each) for each in rows]


def ask(
    candidate: Any, a: Iterable[Row], b: Iterable[Row], rules: Rules = PLAIN
) -> Any:
    """Return the answer's report; plain rules are left to the default."""
    sides = txns(candidate, "a", a), txns(candidate, "b", b)
    if rules == PLAIN:
        return candidate.reconcile(*sides)
    return candidate.reconcile(*sides, candidate.Policy(*rules))


# What is demanded


def expect_right(candidate: Any, case: Case, *fields: str, why: str = "") -> Any:
    """Demand these fields of the report, given the answer's own choice of pairs."""
    got, pairs = chosen(candidate, case)
    expect_valid(got, pairs, case.rules)
    want = right_report(case.a, case.b, case.rules, pairs)
    for field in fields or want._fields:
        expect(got, why=why, **{field: getattr(want, field)})
    return got


def chosen(candidate: Any, case: Case) -> tuple[Any, Pairs]:
    """Return the report, and the pairs without a reference in it."""
    got = case.ask(candidate)
    return got, free_pairs(got, case.a, case.b)


def goodness(pairs: Pairs, rules: Rules) -> Choice:
    return Choice(len(pairs), sum(gap(x, y, rules) for x, y in pairs))


def expect_valid(got: Any, pairs: Pairs, rules: Rules) -> None:
    """Demand that the pairs may match, and that no row is in two of them."""
    for x, y in pairs:
        words = f"{x.id} and {y.id} not matched: {why_not(x, y, rules)}"
        require(may_match(x, y, rules), got, words)
    for side in zip(*pairs, strict=True):
        names = [each.id for each in side]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, got, f"each row used once, not {' and '.join(twice)} twice")


def why_not(x: Row, y: Row, rules: Rules) -> str:
    for field in ("currency", "kind", "amount"):
        if getattr(x, field) != getattr(y, field):
            return f"another {field}"
    return f"{gap(x, y, rules)} days apart in {rules.tz}, window {rules.window_days}"


def expect_most(candidate: Any, case: Case) -> None:
    """Demand as many pairs as there can be."""
    got, pairs = chosen(candidate, case)
    best = best_choice(case.a, case.b, case.rules)
    words = f"{best.pairs} pairs of rows without a ref, window {case.rules.window_days}"
    require(len(pairs) == best.pairs, got, words)


def expect_nearest(candidate: Any, case: Case) -> None:
    """Demand the most pairs, of the least distance."""
    got, pairs = chosen(candidate, case)
    expect_valid(got, pairs, case.rules)
    best = best_choice(case.a, case.b, case.rules)
    words = f"{best.pairs} pairs without a ref, {best.distance} days apart in total"
    require(goodness(pairs, case.rules) == best, got, words)


# Rows

BOUNDARIES = (0, 1, 23, 24, 47, 71, 72, 95, 96, 97, 120)
"""Hours at which days begin or end, up to beyond the default window."""

Bodies = SearchStrategy[tuple[Any, ...]]


def bodies(
    refs: Sequence[str | None],
    amounts: Sequence[int] = AMOUNTS,
    currencies: Sequence[str] = ("EUR", "USD"),
    hours: Sequence[int] = BOUNDARIES,
    kinds: Sequence[str] = ("charge", "refund"),
) -> Bodies:
    """Return strategies for all of a row but its id; one draw, which is what costs."""
    times = [after(hours=hour) for hour in hours]
    return st.sampled_from([*product(refs, amounts, currencies, times, kinds)])


def without_repeats(drawn: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Leave out what repeats another row: same ref, amount, currency and kind."""
    kept = {}
    for place, body in enumerate(drawn):
        ref, amount, currency, _, kind = body
        key = place if ref is None else (ref, amount, currency, kind)
        kept.setdefault(key, body)
    return [*kept.values()]


def named(side: str, drawn: Iterable[tuple[Any, ...]]) -> list[Row]:
    return [Row(side + id, *body) for id, body in zip(IDS, drawn, strict=False)]


def cases(
    body: Bodies,
    rules: SearchStrategy[Rules] | None = None,
    most: int = 6,
    *,
    repeating: bool = False,
) -> SearchStrategy[Case]:
    """Return cases of rows that repeat none, unless they may."""
    side = st.lists(body, max_size=most)
    if not repeating:
        side = side.map(without_repeats)
    return st.builds(
        lambda a, b, rules: Case(named("a", a), named("b", b), rules),
        side,
        side,
        st.just(PLAIN) if rules is None else rules,
    )


windows = st.sampled_from([Rules(window) for window in (0, 1, 2, 3, 5)])
tolerances = st.sampled_from([Rules(w, t) for w in (0, 1, 3) for t in (0, 1, 100)])

referred = bodies(["r1", "r2", "r10"])
"""Rows with a reference."""
free_rows = bodies([None], AMOUNTS[::3], hours=[24 * day for day in range(8)])
mixed = bodies([None, "r1", "r2"], AMOUNTS[:4], ["EUR"], kinds=["charge"])
ref_cases = cases(referred, tolerances)
mixed_cases = cases(mixed, windows)


def bucket_case(days_a: Sequence[int], days_b: Sequence[int], window: int) -> Case:
    """Return a case of equal rows without a reference on these days."""
    a = [row("a" + id, days=day) for id, day in zip(IDS, days_a, strict=False)]
    b = [row("b" + id, days=day) for id, day in zip(IDS, days_b, strict=False)]
    return Case(a, b, Rules(window))


_days = st.lists(st.integers(0, 9), min_size=1, max_size=6)
bucket_cases = st.builds(bucket_case, _days, _days, st.integers(0, 4))
"""One bucket: what is to be found out is only who goes with whom."""
free_cases = cases(free_rows, windows)

# Cases that many a mistake breaks: tried first, they fail fast and read well

CHAIN = bucket_case([1, 3], [2, 4], 1)
"""Nearest first may take (3, 2), and then 1 and 4 have nobody."""
GREEDY = bucket_case([2, 0], [1, 3], 1)
"""In order of input, or a alone by day, 2 may take 1, and then 0 has nobody."""
FAR = bucket_case([0, 4], [3, 5], 4)
"""Two pairs either way: 3 + 1 or 5 + 1, and 0 to 3 is not the nearest for 3."""
LATER = bucket_case([2], [0, 3], 3)
"""The earlier one is in reach, the later one is nearer."""
EARLIER = bucket_case([0, 3], [2], 3)
BOTH_WAYS = bucket_case([0, 4, 5, 9], [1, 3, 6, 8], 3)
EVERY_BUCKET = [CHAIN, GREEDY, FAR, LATER, EARLIER, BOTH_WAYS]


# Zones

OFFSETS = [0, 60, 330, 345, 840, -720, -210]
"""Minutes east of UTC; +05:45 and -12:00 among them."""


def in_offset(at: datetime, minutes: int) -> datetime:
    """Return the same instant as told by another clock."""
    return at.astimezone(timezone(timedelta(minutes=minutes)))


def times_near(zone_moments: Sequence[tuple[str, datetime]]) -> SearchStrategy[Any]:
    """Return a zone and two times around a moment of it, mostly near midnights."""
    return st.tuples(
        st.sampled_from(zone_moments), st.sampled_from(STEPS), st.sampled_from(STEPS)
    )


STEPS = [
    timedelta(hours=h, minutes=m)
    for h in (-48, -25, -24, -23, -2, -1, 0, 1, 2, 22, 23, 24, 25, 47, 48, 72)
    for m in (-1, 0, 15)
]
FIXED = [
    ("Asia/Kolkata", START + timedelta(hours=18, minutes=30)),
    ("Asia/Tokyo", START + timedelta(hours=15)),
    ("Etc/GMT+5", START + timedelta(hours=5)),
    ("UTC", START),
]
"""Zones that never change, and a midnight of each."""


def local_cases(
    ref: str | None, moments: Sequence[tuple[str, datetime]] = FIXED
) -> SearchStrategy[Case]:
    """Return a row on each side, around midnight of a zone, and windows that matter."""

    def of(drawn: Any, window: int) -> Case:
        (zone, moment), x, y = drawn
        a, b = row("a1", ref=ref, at=moment + x), row("b1", ref=ref, at=moment + y)
        return Case([a], [b], Rules(window, tz=zone))

    return st.builds(of, times_near(moments), st.integers(0, 3))


def local_buckets(moments: Sequence[tuple[str, datetime]]) -> SearchStrategy[Case]:
    """Return equal rows without a reference around midnights of a zone."""
    steps = st.lists(st.sampled_from(STEPS), min_size=1, max_size=4)

    def of(moment: Any, x: Any, y: Any, window: int) -> Case:
        zone, at = moment
        a = [row("a" + id, at=at + step) for id, step in zip(IDS, x, strict=False)]
        b = [row("b" + id, at=at + step) for id, step in zip(IDS, y, strict=False)]
        return Case(a, b, Rules(window, tz=zone))

    return st.builds(of, st.sampled_from(moments), steps, steps, st.integers(0, 3))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SUMMER_TIME = [
    ("Europe/Berlin", moment("2024-03-31T01:00")),
    ("Europe/Berlin", moment("2024-10-27T01:00")),
    ("America/New_York", moment("2024-03-10T07:00")),
    ("America/New_York", moment("2024-11-03T06:00")),
    ("Europe/Berlin", moment("2024-03-30T23:00")),
    ("Europe/Berlin", moment("2024-10-26T22:00")),
    ("America/New_York", moment("2024-11-03T04:00")),
]
"""When clocks change, and midnights before."""
MONTH_ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Etc/GMT+12",
]
ODD_ZONES = [
    ("Asia/Kathmandu", moment("2024-02-28T18:15")),  # +05:45, begin of 29 February
    ("Asia/Kathmandu", moment("2024-02-29T18:15")),
    ("Etc/GMT+12", moment("2024-03-01T12:00")),  # -12, end of 29 February
    ("Pacific/Kiritimati", moment("2024-12-31T10:00")),  # +14, a new year
    ("Pacific/Chatham", moment("2023-02-28T10:15")),  # +13:45, no 29 February
    ("Pacific/Apia", moment("2011-12-30T10:00")),  # after the 29th came the 31st
    ("Pacific/Kwajalein", moment("1993-08-21T12:00")),  # another day skipped
    ("America/Sao_Paulo", moment("2018-11-04T03:00")),  # a day that begins at 1:00
    ("America/St_Johns", moment("2006-10-29T02:31")),  # back over midnight
    ("Australia/Lord_Howe", moment("2024-04-06T15:00")),  # half an hour
]

# Rows that repeat others, and rows that add up

repeated_cases = cases(
    bodies(["r1", "r1", "r2", None], [10, 110], ["EUR"], hours=[0, 1, 24, 240]),
    repeating=True,
)
"""Rows of few references, so that many of a side are the same."""
PARTS = (1, 2, 3, 5, -1, 0)


def group_case(
    ones: Sequence[tuple[int, int]],
    parts: Sequence[tuple[int, int]],
    window: int = 3,
    most: int = 4,
) -> Case:
    """Return payouts and charges as (amount, day): they never match each other."""
    a = [row("a" + i, *one, kind="payout") for i, one in zip(IDS, ones, strict=False)]
    b = [row("b" + i, *part) for i, part in zip(IDS, parts, strict=False)]
    return Case(a, b, Rules(window, max_group=most))


def _amounts_and_days(amounts: Sequence[int], most: int) -> SearchStrategy[Any]:
    each = st.sampled_from([*product(amounts, range(6))])
    return st.lists(each, min_size=1, max_size=most)


group_cases = st.builds(
    group_case,
    _amounts_and_days((3, 4, 6, 0, -1), 3),
    _amounts_and_days(PARTS, 7),
    st.integers(0, 3),
    st.integers(2, 4),
)
both_ways_cases = st.builds(
    group_case,
    _amounts_and_days((*PARTS, 4, 7), 5),
    _amounts_and_days((*PARTS, 4, 7), 5),
    st.integers(0, 3),
    st.integers(2, 4),
)
"""Rows of either side may be made up of the other."""
whole_cases = cases(
    bodies(["r1", None, None], (1, 2, 3, 5), ["EUR"], [0, 1, 25, 50, 100]),
    st.sampled_from(
        [Rules(w, t, "UTC", g) for w in (1, 3) for t in (0, 1) for g in (2, 3)]
    ),
    most=7,
    repeating=True,
)
"""All at once: references, repeats, rows without a reference, sums."""


# Rows as they are exported


def row_a(**changes: Any) -> dict[str, Any]:
    """Return a good row of the processor, but for some changes."""
    row = {"id": "tx77", "ref": "r1", "amount": 1230, "currency": "EUR"}
    return {**row, "created": 1_709_629_200, "type": "charge", **changes}


def row_b(**changes: Any) -> dict[str, Any]:
    """Return a good row of the ledger, but for some changes."""
    row = {"entry": "tx77", "reference": "r1", "value": "12", "ccy": "EUR"}
    return {**row, "date": "2024-03-05", "kind": "charge", **changes}


def expect_instant(got: Any, want: datetime) -> None:
    """Demand a time-zone aware time of this instant, whatever its zone."""
    aware = got.at.utcoffset() is not None
    require(aware, got, "at to be timezone-aware")
    same = got.at.astimezone(UTC) == want
    require(same, got, f"at to be the instant {want.isoformat()}")
