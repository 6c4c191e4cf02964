"""Values as Python source, never longer than asked and safe for any screen."""

from __future__ import annotations

import dataclasses
import re
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

MAX_DEPTH = 6
MANY_ZEROS = 12
"""From so many on, the zeros of an int are shown as their number."""
_DATES = frozenset({date, datetime, time, timedelta, timezone, ZoneInfo})
_MODULES = re.compile(r"\b(datetime|zoneinfo)\.(?=[a-zA-Z])")


class Foreign:
    """An object of the answer that cannot travel: its type's name and its repr."""

    def __init__(self, type_name: str, text: str) -> None:
        self.type_name = type_name
        self.text = text

    def __repr__(self) -> str:
        return clean(self.text or f"<{self.type_name}>")


def without_addresses(text: str) -> str:
    """Return text without what differs each time that Python is started."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def source(value: Any) -> str:
    """Return Python source that builds a value of plain data."""
    return show(value, 1 << 20)


def show(value: Any, width: int = 160) -> str:
    """Return source for a value, cut to `width` characters."""
    text = _source(value, width, 0)
    return text if len(text) <= width else text[: width - 1] + "…"


def _source(value: Any, width: int, depth: int) -> str:
    kind = type(value)
    if kind in (str, bytes) and len(value) > width:
        return f"{value[:width]!a}…"
    if kind in (list, tuple, set, frozenset, dict):
        if depth > MAX_DEPTH:
            return f"<{kind.__name__} of {len(value)}>"
        return _container(value, kind, width, depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _record(value, width, depth)
    try:
        if kind is int:
            return _whole(value)
        if kind in _DATES:
            return _MODULES.sub("", repr(value))
        return repr(value) if kind is not str else clean(repr(value))
    except ValueError:  # an int of more digits than Python converts
        return f"<{kind.__name__} too long to show>"


def _whole(value: int) -> str:
    """Return an int so that its size can be seen: 3 * 10**18 for many zeros."""
    digits = str(value)
    zeros = len(digits) - len(digits.rstrip("0"))
    if zeros < MANY_ZEROS:
        return digits
    front = digits[:-zeros]
    power = f"10**{zeros}"
    return front[:-1] + power if front in ("1", "-1") else f"{front} * {power}"


def _container(value: Any, kind: type, width: int, depth: int) -> str:
    parts: list[str] = []
    room = width
    for item in value:
        if room < 0:
            parts.append("…")
            break
        part = _source(item, width, depth + 1)
        if kind is dict:
            part += ": " + _source(value[item], width, depth + 1)
        parts.append(part)
        room -= len(part) + 2
    inside = ", ".join(parts)
    if kind is list:
        return f"[{inside}]"
    if kind is tuple:
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if kind is frozenset or not value:
        return f"{kind.__name__}({'{' + inside + '}' if inside else ''})"
    return f"{{{inside}}}"


def _record(value: Any, width: int, depth: int) -> str:
    names = [item.name for item in dataclasses.fields(value)]
    parts = [
        f"{name}={_source(getattr(value, name), width, depth + 1)}" for name in names
    ]
    return f"{type(value).__name__}({', '.join(parts)})"


def clean(text: str, width: int = 2000) -> str:
    """Return text of the answer with nothing in it that drives a terminal."""
    cut = text[:width] + ("…" if len(text) > width else "")
    return "".join(
        (
            char
            if char.isprintable() or char == "\n"
            else char.encode("unicode_escape").decode()
        )
        for char in cut
    )
