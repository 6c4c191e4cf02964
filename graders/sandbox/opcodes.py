"""Where in a function's code a thread can be interrupted."""

from __future__ import annotations

import dis
import types
from functools import cache
from typing import Any

_SHARING = {
    *("LOAD_ATTR", "STORE_ATTR", "DELETE_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"),
    *("BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR", "BINARY_SLICE", "STORE_SLICE"),
    *("LOAD_DEREF", "STORE_DEREF", "DELETE_DEREF", "STORE_GLOBAL", "DELETE_GLOBAL"),
    *("CALL", "CALL_KW", "CALL_FUNCTION_EX", "CONTAINS_OP", "FOR_ITER"),
}


_GIVING = {"STORE_GLOBAL", "DELETE_GLOBAL"}
_given: set[str] = set()
"""Names of globals that functions of the answer give other values."""
_offsets: dict[int, tuple[types.CodeType, frozenset[int]]] = {}
"""By id, because the hash of a code object takes long; the code is kept alive."""


@cache
def note_globals_given(code: types.CodeType) -> None:
    """Note which globals a module's functions give other values."""
    for inner in codes_within(code):
        steps = dis.get_instructions(inner)
        _given.update(step.argval for step in steps if step.opname in _GIVING)


def codes_within(code: types.CodeType) -> list[types.CodeType]:
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return [*inner, *(found for part in inner for found in codes_within(part))]


def offsets_of(code: types.CodeType, namespace: dict[str, Any]) -> frozenset[int]:
    """Return where in a function's code something shared may be touched."""
    if id(code) not in _offsets:
        steps = dis.get_instructions(code)
        sharing = frozenset(s.offset for s in steps if may_share(s, namespace))
        _offsets[id(code)] = code, sharing
    return _offsets[id(code)][1]


def may_share(step: dis.Instruction, namespace: dict[str, Any]) -> bool:
    if step.opname == "LOAD_GLOBAL":
        return varies(namespace, step.argval)
    if step.opname == "BINARY_OP":
        return "[" in step.argrepr  # 3.14: a subscript
    return step.opname in _SHARING or "JUMP_BACKWARD" in step.opname


def varies(namespace: dict[str, Any], name: str) -> bool:
    """Tell whether a global is one that is given other values, or that holds some."""
    held = name in namespace and not callable(namespace[name])
    return held or name in _given
