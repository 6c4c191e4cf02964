"""The language between the grader and an answer's worker: frames and values.

A frame is a 4-byte length, an 8-byte ticket and a MessagePack payload. The ticket
of a reply is that of its question; anything else on the channel is a broken one.

On the wire None, bool, float, str, bytes, 64-bit ints and lists stand for themselves;
every other value is a map with one key, the tag that says what it is. Only the standard
library and msgspec are needed here, because a bare interpreter loads this file too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

HEADER = struct.Struct(">I8s")
STEP = struct.Struct("=Q")
"""How far a worker has come with the calls of one request, in shared memory."""
MAX_DEPTH = 200
MAX_HASHED = 10_000
"""Most members of a set or dict whose keys are not all str: colliding ints are slow."""

MAX_BITS = 10_000
"""Most bits of an int; beyond, even showing it takes long."""

_AS_THEY_ARE = frozenset({type(None), bool, float, str, bytes})
_IN_PARTS = frozenset({list, dict})
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_CONTAINERS: dict[type, str] = {
    list: "l",
    tuple: "t",
    dict: "d",
    set: "s",
    frozenset: "f",
}
Special = Callable[[Any, int], dict[str, Any] | None]


class Unsendable(Exception):
    """A value that has no form on the wire."""


class Malformed(Exception):
    """A payload that no honest worker sends."""


def encode(value: Any, special: Special, depth: int = 0) -> Any:
    """Return the wire form of `value`.

    `special` is asked for the form of anything that is not exactly a built-in type;
    None from it means: send the container that the value's class derives from.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is int:
        return value if _LEAST <= value <= _MOST else {"i": hex(_showable(value))}
    if depth > MAX_DEPTH:
        raise Unsendable(f"a value nested deeper than {MAX_DEPTH} levels, or a cycle")
    if kind is list:
        if is_plain(value):
            return value
        return [encode(item, special, depth + 1) for item in value]
    if kind in _CONTAINERS:
        return _encode_container(value, kind, special, depth)
    if isinstance(value, str):
        return str.__str__(value)
    form = _FORMS.get(kind)
    plain = (form and form(value)) or special(value, depth)
    if plain is not None:
        return plain
    base = next(base for base in _CONTAINERS if isinstance(value, base))
    return _encode_container(value, base, special, depth)


def is_plain(values: Sequence[Any]) -> bool:
    """Tell whether all travel as they are; long lists of them are common."""
    for value in values:
        kind = type(value)
        if kind is int:
            if not _LEAST <= value <= _MOST:
                return False
        elif kind not in _AS_THEY_ARE:
            return False
    return True


def _showable(value: int) -> int:
    if value.bit_length() > MAX_BITS:
        raise Unsendable(f"an int of {value.bit_length()} bits")
    return value


def _fraction_form(value: Fraction) -> dict[str, Any]:
    parts = (_showable(value.numerator), _showable(value.denominator))
    return {"F": [hex(part) for part in parts]}


def _time_form(value: time) -> dict[str, Any] | None:
    return {"time": value.isoformat()} if value.tzinfo is None else None


def _timedelta_form(value: timedelta) -> dict[str, Any]:
    return {"td": [value.days, value.seconds, value.microseconds]}


def _datetime_parts(value: datetime) -> list[Any]:
    naive = value.replace(tzinfo=None).isoformat()
    if value.tzinfo is None:
        return [naive, value.fold, None, None]
    offset = value.utcoffset() or timedelta()
    key = getattr(value.tzinfo, "key", None)
    return [naive, value.fold, offset // timedelta(microseconds=1), key]


_FORMS: dict[type, Callable[[Any], dict[str, Any] | None]] = {
    Decimal: lambda value: {"D": str(value)},
    Fraction: _fraction_form,
    date: lambda value: {"date": value.isoformat()},
    time: _time_form,
    timedelta: _timedelta_form,
    datetime: lambda value: {"dt": _datetime_parts(value)},
}


def _refuse_costly(keys: Collection[Any], base: type) -> None:
    """Refuse what takes long to put together again: colliding ints, above all."""
    if len(keys) > MAX_HASHED and not all(type(key) is str for key in keys):
        raise Unsendable(f"a {base.__name__} of {len(keys)} members")


def _encode_container(
    value: Any, base: type, special: Special, depth: int
) -> dict[str, Any]:
    tag = _CONTAINERS[base]
    if base is dict:
        _refuse_costly(dict.keys(value), base)
        return {
            tag: [
                [encode(key, special, depth + 1), encode(item, special, depth + 1)]
                for key, item in dict.items(value)
            ]
        }
    # The base's own __iter__: a subclass cannot lie about its members.
    members = list(base.__iter__(value))  # type: ignore[attr-defined]
    if base in (set, frozenset):
        _refuse_costly(members, base)
    return {tag: [encode(item, special, depth + 1) for item in members]}


def decode(value: Any, special: Callable[[str, Any], Any]) -> Any:
    """Return the value of a wire form; `special` reads the tags that are not ours.

    Raises Malformed for anything that `encode` cannot have written.
    """
    kind = type(value)
    if kind is list:
        if _IN_PARTS.isdisjoint(map(type, value)):
            return value
        return [decode(item, special) for item in value]
    if kind is not dict:
        return value
    if len(value) != 1:
        raise Malformed("a map that is no tagged value")
    ((tag, body),) = value.items()
    try:
        reader = _READERS.get(tag)
        return special(tag, body) if reader is None else reader(body, special)
    except Malformed:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise Malformed(f"tag {tag!r:.20}: {error!s:.80}") from None


def _read_members(body: Any, special: Callable[[str, Any], Any]) -> list[Any]:
    members = [decode(item, special) for item in body]
    if len(members) > MAX_HASHED and not all(type(item) is str for item in members):
        raise Malformed(f"a collection of {len(members)} members")
    return members


def _read_dict(body: Any, special: Callable[[str, Any], Any]) -> dict[Any, Any]:
    keys = _read_members([key for key, _ in body], special)
    return dict(zip(keys, (decode(item, special) for _, item in body), strict=True))


def _read_datetime(body: Any) -> datetime:
    text, fold, offset_us, key = body
    value = datetime.fromisoformat(text).replace(fold=int(fold))
    if offset_us is None:
        return value
    if key is not None:
        from zoneinfo import ZoneInfo

        return value.replace(tzinfo=ZoneInfo(key))
    return value.replace(tzinfo=timezone(timedelta(microseconds=offset_us)))


def _read_int(body: str) -> int:
    if len(body) > MAX_BITS // 4 + 4:
        raise Malformed("an int that no honest worker sends")
    return int(body, 16)


_READERS: dict[Any, Callable[[Any, Callable[[str, Any], Any]], Any]] = {
    "i": lambda body, _: _read_int(body),
    "l": lambda body, special: [decode(item, special) for item in body],
    "t": lambda body, special: tuple([decode(item, special) for item in body]),
    "d": _read_dict,
    "s": lambda body, special: set(_read_members(body, special)),
    "f": lambda body, special: frozenset(_read_members(body, special)),
    "D": lambda body, _: Decimal(body),
    "F": lambda body, _: Fraction(*map(_read_int, body)),
    "date": lambda body, _: date.fromisoformat(body),
    "time": lambda body, _: time.fromisoformat(body),
    "td": lambda body, _: timedelta(*body),
    "dt": lambda body, _: _read_datetime(body),
}
