"""Looks at the opcodes and lines that an answer runs, from Python 3.12 on.

There `sys.monitoring` looks at the answer's own code alone. Tracing, which 3.11 has
instead, makes all code slow on 3.12, that of the standard library too.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import schedules  # type: ignore[import-not-found]
from opcodes import codes_within, offsets_of  # type: ignore[import-not-found]

_monitoring: Any = getattr(sys, "monitoring", None)
IS_THERE = _monitoring is not None
_TOOL = 4
"""One of the numbers that are for nobody in particular."""
_watched: list[types.CodeType] = []
_wanted = ["INSTRUCTION"]
"""The events that are looked for, by name."""


def watch(code: types.CodeType) -> None:
    """Look at a module's functions from the next `begin` on, and at no others."""
    if IS_THERE:
        _watched[:] = codes_within(code)


def begin() -> None:
    if IS_THERE:
        _monitoring.use_tool_id(_TOOL, "kata")
        events = _monitoring.events
        _monitoring.register_callback(_TOOL, events.INSTRUCTION, _on_opcode)
        _monitoring.register_callback(_TOOL, events.LINE, _on_line)
        _wanted[:] = ["INSTRUCTION"]
        _look_for(_wanted)


def end() -> None:
    if IS_THERE:
        _look_for([])
        _monitoring.free_tool_id(_TOOL)


def look_at_lines() -> None:
    """Have lines noted too, for a schedule that is traced."""
    if IS_THERE:
        _wanted[:] = ["INSTRUCTION", "LINE"]
        _look_for(_wanted)


def _look_for(names: list[str]) -> None:
    events = sum(getattr(_monitoring.events, name) for name in names)
    for code in _watched:
        _monitoring.set_local_events(_TOOL, code, events)


def _on_opcode(code: types.CodeType, offset: int) -> Any:
    running = schedules.running
    if running is None or not running.current.traced:
        return None
    if offset not in offsets_of(code, sys._getframe(1).f_globals):
        return _monitoring.DISABLE  # for good: this one costs nothing any more
    running.pass_opcode()
    return None


def _on_line(code: types.CodeType, line: int) -> None:
    running = schedules.running
    if running is not None and running.current.traced:
        running.note_line(line)
