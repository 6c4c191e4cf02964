"""The language between the grader and an answer's worker: frames and values.

A frame is a 4-byte length, an 8-byte ticket and a MessagePack payload. The ticket
of a reply is that of its question; anything else on the channel is a broken one.

On the wire None, bool, float, str, bytes, 64-bit ints and lists stand for themselves;
every other value is a map with one key, the tag that says what it is. A long list whose
items are of one kind travels by columns, which is many times as fast. Only the standard
library and msgspec are needed here, because a bare interpreter loads this file too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import chain, islice
from typing import Any
from zoneinfo import ZoneInfo

HEADER = struct.Struct(">I8s")
STEP = struct.Struct("=Q")
"""How far a worker has come with the calls of one request, in shared memory."""
MAX_DEPTH = 200
MAX_HASHED = 10_000
"""Most members of a set or dict whose keys are not all str: colliding ints are slow."""

MANY = 64
"""From how many items on a list of one kind travels by columns."""
MAX_COLUMN_DEPTH = 8
MAX_PARTS = 1 << 20
"""Most items of lists within a list that travel by columns."""
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
_EPOCH, _TICK = datetime(1970, 1, 1), timedelta(microseconds=1)
Form = dict[str, Any]
Special = Callable[[Any, int], Form | None]


class Unsendable(Exception):
    """A value that has no form on the wire."""


class Malformed(Exception):
    """A payload that no honest worker sends."""


def encode(value: Any, special: Special, depth: int = 0) -> Any:
    """Return the wire form of `value`.

    `special` is asked for the form of anything that is not exactly a built-in type;
    None from it means: send the container that the value's class derives from. It is
    also asked for that of a long list of one such kind; None means: item by item.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is int:
        return value if _LEAST <= value <= _MOST else {"i": hex(_showable(value))}
    if depth > MAX_DEPTH:
        raise Unsendable(f"a value nested deeper than {MAX_DEPTH} levels, or a cycle")
    if kind is list:
        return _encode_list(value, special, depth)
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


def _fraction_form(value: Fraction) -> Form:
    parts = (_showable(value.numerator), _showable(value.denominator))
    return {"F": [hex(part) for part in parts]}


def _time_form(value: time) -> Form | None:
    return {"time": value.isoformat()} if value.tzinfo is None else None


def _timedelta_form(value: timedelta) -> Form:
    return {"td": [value.days, value.seconds, value.microseconds]}


def _datetime_parts(value: datetime) -> list[Any]:
    naive = value.replace(tzinfo=None).isoformat()
    if value.tzinfo is None:
        return [naive, value.fold, None, None]
    offset = value.utcoffset() or timedelta()
    key = getattr(value.tzinfo, "key", None)
    return [naive, value.fold, offset // timedelta(microseconds=1), key]


_FORMS: dict[type, Callable[[Any], Form | None]] = {
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


def _encode_list(values: list[Any], special: Special, depth: int) -> Any:
    if is_plain(values):
        return values
    by_columns = len(values) >= MANY and depth < MAX_COLUMN_DEPTH
    columns = _columns(values, special, depth) if by_columns else None
    return columns or [encode(item, special, depth + 1) for item in values]


def _columns(values: list[Any], special: Special, depth: int) -> Form | None:
    """Return the form of a long list of one kind, or None; some may be None."""
    kinds = set(map(type, values))
    if len(kinds) == 2 and type(None) in kinds:
        given = [value for value in values if value is not None]
        there = bytes([value is not None for value in values])
        return {"some": [there, _encode_list(given, special, depth + 1)]}
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    if kind is date:
        return {"dates": [value.toordinal() for value in values]}
    if kind is datetime:
        return _datetime_column(values)
    if kind is Decimal:
        return {"Ds": list(map(str, values))}
    if kind in (list, tuple):
        return _parts_column(values, _CONTAINERS[kind], special, depth)
    return None if kind in _KNOWN else special(values, depth)


def _parts_column(
    values: list[Any], tag: str, special: Special, depth: int
) -> Form | None:
    lengths = list(map(len, values))
    if sum(lengths) > MAX_PARTS:  # a list that holds itself, above all
        return None
    parts = list(chain.from_iterable(values))
    return {f"{tag}s": [lengths, _encode_list(parts, special, depth + 1)]}


def _datetime_column(values: list[datetime]) -> Form | None:
    zone = values[0].tzinfo
    if any(value.tzinfo is not zone or value.fold for value in values):
        return None
    if type(zone) not in (type(None), timezone, ZoneInfo):
        return None
    _, _, *of_zone = _datetime_parts(values[0])
    times = [(value.replace(tzinfo=None) - _EPOCH) // _TICK for value in values]
    return {"dts": [of_zone, times]}


def _encode_container(value: Any, base: type, special: Special, depth: int) -> Form:
    tag = _CONTAINERS[base]
    if base is dict:
        _refuse_costly(dict.keys(value), base)
        columns = (list(dict.keys(value)), list(dict.values(value)))
        return {tag: [_encode_list(column, special, depth) for column in columns]}
    # The base's own __iter__: a subclass cannot lie about its members.
    members = list(base.__iter__(value))  # type: ignore[attr-defined]
    if base in (set, frozenset):
        _refuse_costly(members, base)
    return {tag: _encode_list(members, special, depth)}


_KNOWN = {*_AS_THEY_ARE, *_CONTAINERS, *_FORMS, int}


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
    members: list[Any] = decode(body, special)
    if len(members) > MAX_HASHED and not all(type(item) is str for item in members):
        raise Malformed(f"a collection of {len(members)} members")
    return members


def _read_dict(body: Any, special: Callable[[str, Any], Any]) -> dict[Any, Any]:
    keys, values = body
    return dict(zip(_read_members(keys, special), decode(values, special), strict=True))


def _read_some(body: Any, special: Callable[[str, Any], Any]) -> list[Any]:
    there, given = body[0], decode(body[1], special)
    if type(there) is not bytes or sum(there) != len(given):
        raise Malformed("more or less than there should be")
    values = iter(given)
    return [next(values) if is_there else None for is_there in there]


def _read_parts(body: Any, special: Callable[[str, Any], Any], kind: type) -> list[Any]:
    lengths, parts = body[0], decode(body[1], special)
    if sum(lengths) != len(parts):
        raise Malformed("more or less than there should be")
    rest = iter(parts)
    return [kind(islice(rest, length)) for length in lengths]


def _read_datetimes(body: Any) -> list[datetime]:
    of_zone, times = body
    epoch = _EPOCH.replace(tzinfo=_read_zone(*of_zone))
    return [epoch + timedelta(microseconds=time) for time in times]


def _read_datetime(body: Any) -> datetime:
    text, fold, offset_us, key = body
    zone = _read_zone(offset_us, key)
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=int(fold))


def _read_zone(offset_us: Any, key: Any) -> tzinfo | None:
    if key is not None:
        return ZoneInfo(key)
    if offset_us is None:
        return None
    return timezone(timedelta(microseconds=offset_us))


def _read_int(body: str) -> int:
    if len(body) > MAX_BITS // 4 + 4:
        raise Malformed("an int that no honest worker sends")
    return int(body, 16)


_READERS: dict[Any, Callable[[Any, Callable[[str, Any], Any]], Any]] = {
    "i": lambda body, _: _read_int(body),
    "l": decode,
    "t": lambda body, special: tuple(decode(body, special)),
    "d": _read_dict,
    "s": lambda body, special: set(_read_members(body, special)),
    "f": lambda body, special: frozenset(_read_members(body, special)),
    "D": lambda body, _: Decimal(body),
    "F": lambda body, _: Fraction(*map(_read_int, body)),
    "date": lambda body, _: date.fromisoformat(body),
    "time": lambda body, _: time.fromisoformat(body),
    "td": lambda body, _: timedelta(*body),
    "dt": lambda body, _: _read_datetime(body),
    "some": _read_some,
    "ls": lambda body, special: _read_parts(body, special, list),
    "ts": lambda body, special: _read_parts(body, special, tuple),
    "Ds": lambda body, _: list(map(Decimal, body)),
    "dates": lambda body, _: list(map(date.fromordinal, body)),
    "dts": lambda body, _: _read_datetimes(body),
}
