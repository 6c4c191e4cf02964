"""Does a module keep something from one schedule to the next?"""

from __future__ import annotations

import operator
import types
from collections import namedtuple
from typing import Any

MODULE = "answer"
_OfTuples = namedtuple("_OfTuples", "one")
_UNCHANGING = {
    *(bool, int, float, complex, str, bytes, type(None), type(...), object, property),
    *(types.ModuleType, types.BuiltinFunctionType, types.MemberDescriptorType),
    *(types.GetSetDescriptorType, type(vars(_OfTuples)["one"])),
    *(types.FunctionType, staticmethod, classmethod),
    *(types.GenericAlias, types.UnionType),
}
_HARMLESS = {
    *("typing", "collections.abc", "__future__", "_abc", "re"),
    *("fractions", "decimal", "datetime", "logging", "dataclasses"),
}


def held_by(namespace: dict[str, Any], seen: set[int]) -> list[Any]:
    """Return all that a module or class refers to, and what that refers to in turn."""
    values = [value for name, value in namespace.items() if is_looked_at(name, value)]
    return [*values, *(part for value in values for part in parts_of(value, seen))]


def is_looked_at(name: str, value: Any) -> bool:
    if name.startswith("__") and name.endswith("__"):
        # that of a dataclass remembers whom it is just showing
        return isinstance(value, types.FunctionType) and name != "__repr__"
    return name != "_field_defaults"


def parts_of(value: Any, seen: set[int]) -> list[Any]:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, type) and value.__module__ == MODULE:
        return held_by(dict(vars(value)), seen)
    if not isinstance(value, types.FunctionType):
        return []
    parts = [*map(contents, value.__closure__ or ()), *vars(value).values()]
    parts += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    return [*parts, *(inner for part in parts for inner in parts_of(part, seen))]


def contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def can_change(value: Any) -> bool:
    """Tell whether a value may hold state within itself; yes when in doubt."""
    if isinstance(value, (tuple, frozenset)):
        return any(map(can_change, value))
    kind = type(value)
    if isinstance(value, type) or kind in _UNCHANGING:
        return False
    return kind.__module__ not in _HARMLESS


def is_changed(held: list[Any], namespace: dict[str, Any]) -> bool:
    """Tell whether anything is not what it was: a counter, say."""
    now = held_by(namespace, set())
    return len(now) != len(held) or any(map(operator.is_not, now, held))
