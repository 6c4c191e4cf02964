"""How values are shown: as source, cut, and with nothing that drives a terminal."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from graders.showing import Foreign, clean, show, source


@dataclass(frozen=True)
class Point:
    x: int
    label: str


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, -1, 1.5, "it's", b"\x00", 1 << 300),
        *([], [1, [2]], (), (1,), (1, 2), {}, {"a": [1]}, {1}, set(), frozenset()),
        *(frozenset({1}), {(1, 2): {3}}, Point(1, "a"), [Point(2, "é")]),
        *(date(2024, 2, 29), [datetime(2024, 1, 2, 3, tzinfo=UTC)], time(1, 2)),
        *(timedelta(days=1), timezone(timedelta(hours=-3)), Decimal("0.10")),
        datetime(2024, 1, 2, tzinfo=ZoneInfo("Asia/Kathmandu")),
    ],
)
def test_source_builds_the_value(value: Any) -> None:
    """The source of a value, evaluated, gives an equal value of the same type."""
    names = (date, datetime, time, timedelta, timezone, ZoneInfo, Decimal, Point)
    built = eval(source(value), {name.__name__: name for name in names})
    assert built == value
    assert type(built) is type(value)


@pytest.mark.parametrize(
    "value",
    ["a" * 9999, b"a" * 9999, list(range(9999)), {i: i for i in range(9999)}],
)
def test_long_values_are_cut(value: Any) -> None:
    """A value is shown in at most the width asked for, and an ellipsis says so."""
    shown = show(value, 40)
    assert len(shown) <= 40
    assert "…" in shown


def test_a_short_value_is_not_cut() -> None:
    """What fits is shown whole."""
    assert show([1, 2], 6) == "[1, 2]"
    assert show([1, 2], 5) == "[1, …"


def test_deep_values_end_somewhere() -> None:
    """Nesting beyond a depth is told by type and size, also in a cycle."""
    cycle: list[Any] = []
    cycle.append(cycle)
    assert "<list of 1>" in show(cycle)


def test_a_huge_int_has_words() -> None:
    """An int of more digits than Python converts is no error."""
    assert show(1 << 100_000) == "<int too long to show>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (10**30, "10**30"),
        (-(10**30), "-10**30"),
        (17 * 10**15, "17 * 10**15"),
        (10**30 + 1, str(10**30 + 1)),
        (10**9, "1000000000"),
        (0, "0"),
        (True, "True"),
    ],
)
def test_the_size_of_an_int_can_be_seen(value: int, shown: str) -> None:
    """Many zeros are counted, as Python that gives the same."""
    assert show(value) == shown
    assert eval(shown) == value


def test_control_characters_are_escaped() -> None:
    """Text of an answer cannot move the cursor, colour, or turn text around."""
    assert clean("a\x1b[31m\rb\u202e\x07\n") == "a\\x1b[31m\\rb\\u202e\\x07\n"
    assert "\x1b" not in show("\x1b[31m") + show(["\x1b"])


def test_cleaned_text_is_cut() -> None:
    """Cleaned text has a width of its own."""
    assert clean("abc", 2) == "ab…"
    assert clean("ab", 2) == "ab"


def test_foreign_objects_show_their_text() -> None:
    """An object that cannot travel shows what its repr said, or else its type."""
    assert repr(Foreign("Eq", "Eq(\x1b)")) == "Eq(\\x1b)"
    assert show([Foreign("Eq", "")]) == "[<Eq>]"


def test_subclasses_show_as_themselves() -> None:
    """A container of another class is not shown as if it were built in."""
    assert show(OrderedDict(a=1)) == repr(OrderedDict(a=1))
