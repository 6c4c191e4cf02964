"""What values look like on the wire, and what is taken for none."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.sandbox.protocol import (
    HEADER,
    MANY,
    MAX_BITS,
    MAX_DEPTH,
    MAX_HASHED,
    Malformed,
    Unsendable,
    decode,
    encode,
    is_plain,
)

plain = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 80), 1 << 80)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.datetimes()
)
hashable = st.recursive(
    plain, lambda inner: st.tuples(inner, inner) | st.frozensets(inner), max_leaves=3
)
values = st.recursive(
    hashable | st.sets(hashable),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(plain, inner),
    max_leaves=5,
)


def foreign(value: Any, depth: int) -> dict[str, Any] | None:
    """Send containers of other classes as their base; all else by name."""
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return None
    return {"x": type(value).__name__}


def unknown(tag: str, body: Any) -> Any:
    raise Malformed(f"unknown tag {tag}")


def travelled(value: Any) -> Any:
    wire = msgspec.msgpack.encode(encode(value, foreign))
    return decode(msgspec.msgpack.decode(wire), unknown)


def typed(value: Any) -> Any:
    """Return a value with the types of all its parts, to compare."""
    if type(value) is dict:
        return [(typed(key), typed(item)) for key, item in value.items()]
    if type(value) in (list, tuple):
        return (type(value), [typed(item) for item in value])
    if type(value) in (set, frozenset):
        return (type(value), {(type(item), item) for item in value})
    return (type(value), value)


@given(values)
@settings(max_examples=60, database=None, deadline=None)
def test_values_survive_the_wire(value: Any) -> None:
    """Plain data comes back equal and of the same types, in the same order."""
    assert typed(travelled(value)) == typed(value)


@given(st.lists(values | st.none(), min_size=1, max_size=3), st.booleans())
@settings(max_examples=60, database=None, deadline=None)
def test_long_lists_survive_the_wire(some: list[Any], alike: bool) -> None:
    """A long list, of one kind or of several, comes back equal in order and types."""
    many = [value for value in some for _ in range(MANY)]
    many = many[: MANY + 1] if alike else many
    assert typed(travelled(many)) == typed(many)
    assert typed(travelled([many, tuple(many)])) == typed([many, tuple(many)])


ZONES = (None, UTC, timezone(timedelta(minutes=-210)), ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    "kind",
    [
        *([date(2024, 2, 29)], [date.min, None], [Decimal("1.10"), Decimal("-0.00")]),
        *([("a", None), ()], [["a"], []], [[(1,), (2, 3)]], [[[]], []]),
        *([datetime(1, 1, 1, tzinfo=zone)] for zone in ZONES),
        *([datetime(2026, 10, 25, 2, 30, 0, 7, zone)] for zone in ZONES),
    ],
)
def test_columns_survive_the_wire(kind: list[Any]) -> None:
    """What travels by columns does, in a form of its own, and comes back the same."""
    many = kind * MANY
    wire = encode(many, foreign)
    assert isinstance(wire, dict)
    back = travelled(many)
    assert typed(back) == typed(many)
    if isinstance(many[0], datetime):
        assert back[0].tzinfo == many[0].tzinfo


def test_zones_that_differ_survive_the_wire() -> None:
    """Datetimes of several zones, or with a fold, are no column."""
    moments = [datetime(2026, 10, 25, 2, 30, tzinfo=zone) for zone in ZONES[1:]]
    many = [moments[0], *moments * MANY, moments[-1].replace(fold=1)]
    back = travelled(many)
    assert back == many
    assert [m.utcoffset() for m in back] == [m.utcoffset() for m in many]


@pytest.mark.parametrize("length", [MANY, 1000, 100_000])
def test_a_list_of_itself_is_refused_at_once(length: int) -> None:
    """A cycle through a long list is found, not unrolled."""
    cycle: list[Any] = []
    cycle.extend([cycle] * length)
    loop: list[Any] = []
    loop.append(loop)
    for value in (cycle, [loop] * length):
        with pytest.raises(Unsendable, match="or a cycle"):
            encode(value, foreign)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 10, 25, 2, 30, fold=1),
    ],
)
def test_zones_survive_the_wire(moment: datetime) -> None:
    """A moment keeps its zone, by name where it has one, and its fold."""
    back = travelled(moment)
    assert back == moment
    assert back.utcoffset() == moment.utcoffset()
    assert back.fold == moment.fold


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (1 << 63, {"i": "0x8000000000000000"}),
        ((1,), {"t": [1]}),
        ({"a": 1}, {"d": [["a"], [1]]}),
        (Decimal("1.0"), {"D": "1.0"}),
        (Fraction(1, 3), {"F": ["0x1", "0x3"]}),
        (date(2026, 1, 2), {"date": "2026-01-02"}),
        (time(1, 2), {"time": "01:02:00"}),
        (timedelta(1, 2, 3), {"td": [1, 2, 3]}),
        ([1, "a", None], [1, "a", None]),
        ([1, (2,)], [1, {"t": [2]}]),
    ],
)
def test_each_kind_has_its_form(value: Any, wire: Any) -> None:
    """What is not plain is a map with one key, which says what it is."""
    assert encode(value, foreign) == wire


def test_an_int_subclass_is_no_int() -> None:
    """An object of an own class that is an int is sent as what it is."""
    assert encode(type("Int", (int,), {})(2), foreign) == {"x": "Int"}


def test_containers_of_own_classes_travel_as_built_in() -> None:
    """Subclasses of containers are sent with their real members, as their base."""
    point = namedtuple("point", "x y")
    liar = type("Liar", (list,), {"__iter__": lambda self: iter([9])})
    assert travelled(point(1, 2)) == (1, 2)
    assert travelled(OrderedDict(a=1)) == {"a": 1}
    assert travelled(liar([1, 2])) == [1, 2]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_depth_has_an_end() -> None:
    """What is nested too deep, or contains itself, cannot be sent."""
    assert travelled(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    cycle: list[Any] = []
    cycle.append(cycle)
    for value in (nested(MAX_DEPTH + 1), cycle):
        with pytest.raises(Unsendable, match="or a cycle"):
            encode(value, foreign)


@pytest.mark.parametrize(
    "make",
    [lambda n: n, lambda n: [n], lambda n: {n: n}, lambda n: Fraction(1, n)],
)
def test_ints_have_a_largest(make: Any) -> None:
    """An int of too many bits cannot be sent, wherever it is."""
    assert travelled(make((1 << MAX_BITS) - 1)) == make((1 << MAX_BITS) - 1)
    with pytest.raises(Unsendable, match=f"an int of {MAX_BITS + 1} bits"):
        encode(make(1 << MAX_BITS), foreign)


def test_plain_lists_are_told_apart() -> None:
    """A list is sent as it is only if each member can be."""
    assert is_plain([1, "a", None, 1.5, True])
    assert is_plain([])
    assert not is_plain([1 << 63])
    assert not is_plain([[1]])
    assert not is_plain([type("Int", (int,), {})(2)])


@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"t": [1], "l": [2]},
        {"nothing": 1},
        {1: 1},
        {"i": "0x" + "f" * 9999},
        {"i": "no number"},
        {"i": 5},
        {"t": 5},
        {"d": [[1]]},
        {"d": [1]},
        {"d": [[{"l": []}], [1]]},
        {"d": [[1, 2], [3]]},
        {"some": [b"\1\1", [1]]},
        {"some": [[2, 1, -1], [1, 2]]},
        {"ts": [[1, 2], [1, 2]]},
        {"ls": [[3, -1], [1, 2]]},
        {"Ds": ["1", "one"]},
        {"dates": [1 << 40]},
        {"dts": [[None, None], [1 << 62]]},
        {"dts": [[None, "../../etc/passwd"], [0]]},
        {"s": [{"l": []}]},
        {"F": ["0x1", "0x0"]},
        {"F": ["0x1", "0x1", "0x1"]},
        {"D": "one"},
        {"date": "2026-13-01"},
        {"td": [1 << 62, 0, 0]},
        {"dt": ["2026-01-01T00:00:00", 0, 1 << 60, None]},
        {"dt": ["2026-01-01T00:00:00", 2, None, None]},
        {"dt": ["2026-01-01T00:00:00", 0, 0, "../../etc/passwd"]},
        {"dt": []},
        [[1, {"t": None}]],
        {"s": list(range(MAX_HASHED + 1))},
        {"d": [list(range(MAX_HASHED + 1))] * 2},
    ],
)
def test_malformed_values_are_told(wire: Any) -> None:
    """What no honest worker sends is Malformed, and never another exception."""
    with pytest.raises(Malformed):
        decode(wire, unknown)


def test_many_texts_are_fine() -> None:
    """Only keys that an answer can make collide are limited in number."""
    many = {str(n): n for n in range(MAX_HASHED + 1)}
    assert travelled(many) == many


@pytest.mark.parametrize("value", [None, 1, "a", [1, [2, "b"]]])
def test_plain_values_are_not_copied(value: Any) -> None:
    """Values that travel as they are stay what they are, with no tag."""
    assert encode(value, foreign) == value
    assert decode(value, unknown) == value


def test_a_header_has_twelve_bytes() -> None:
    """A frame begins with its length and its ticket."""
    assert HEADER.unpack(HEADER.pack(5, b"12345678")) == (5, b"12345678")
    assert HEADER.size == 12
