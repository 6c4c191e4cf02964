"""What an answer calls a lock that a thread of its waits for."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from keeping import MODULE  # type: ignore[import-not-found]

_DEPTH = 2
"""How many steps of attributes and items a lock is looked for in."""
_MANY = 100
"""How many items of a list are looked at."""
_KEYS = (str, int)


def name_of(lock: Any, frame: types.FrameType) -> str:
    """Return what a function calls a lock, or the condition with it; "" if nothing."""
    scopes = (frame.f_locals, _DEPTH), (frame.f_globals, 1)
    named = ((name, scope[name], depth) for scope, depth in scopes for name in scope)
    paths = (path_to(lock, *place) for place in named)
    return next(filter(None, paths), "")


def path_to(lock: Any, name: str, value: Any, depth: int) -> str:
    """Return the expression for a lock that a value is, or has; "" if it has not."""
    if value is lock or is_condition_of(lock, value):
        return name
    inner = parts_within(value, name) if depth else ()
    paths = (path_to(lock, path, part, depth - 1) for path, part in inner)
    return next(filter(None, paths), "")


def is_condition_of(lock: Any, value: Any) -> bool:
    kind = type(value)
    return kind.__name__ == "Condition" and parts_of(value).get("_lock") is lock


def parts_within(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what a value holds, each with its expression, without running its code."""
    kind = type(value)
    if kind in (list, tuple):
        yield from ((f"{name}[{i}]", v) for i, v in enumerate(value[:_MANY]))
    elif kind is dict:
        yield from ((f"{name}[{k!r}]", v) for k, v in value.items() if type(k) in _KEYS)
    elif kind.__module__ == MODULE:
        of_class = (vars(base) for base in kind.__mro__ if base.__module__ == MODULE)
        for parts in (parts_of(value), *of_class):
            yield from ((f"{name}.{attribute}", v) for attribute, v in parts.items())


def parts_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object without running any code of its own."""
    try:
        parts: dict[str, Any] = object.__getattribute__(value, "__dict__")
        return parts
    except AttributeError:
        return {}
