"""Plays a scenario of several threads with the answer, again and again. Worker's side.

A scenario is plain data: operations that set up, operations for each thread, and
operations for afterwards. A history is what came of it under one schedule.
"""

from __future__ import annotations

import gc
import marshal
import operator
import sys
import threading
import types
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import schedules  # type: ignore[import-not-found]

MODULE = "answer"
COUNTED = {0, 5, 13, 40}
"""The schedules in which all opcodes are counted, to know where to interrupt others."""
_OF_TUPLES = vars(namedtuple("_OfTuples", "one"))
_UNCHANGING = {
    *(bool, int, float, complex, str, bytes, type(None), type(...), property),
    *(types.ModuleType, types.BuiltinFunctionType, types.MemberDescriptorType),
    *(types.GetSetDescriptorType, type(_OF_TUPLES["one"])),
    *(types.FunctionType, staticmethod, classmethod),
}
_HARMLESS = {
    *("typing", "types", "collections.abc", "__future__", "_abc", "re"),
    *("fractions", "decimal", "datetime", "logging", "dataclasses"),
}


class Clock:
    """Tells virtual time, in microseconds since `base`."""

    def __init__(self, base: int) -> None:
        self.base = base

    def __call__(self) -> int:
        now_ns = schedules.running.now_ns if schedules.running else 0
        return int(self.base + now_ns // 1000)

    def __repr__(self) -> str:
        return "clock"


class Stage:
    """A scenario and the answer that plays it."""

    def __init__(self, worker: Any, raised: Any, scenario: dict[str, Any]) -> None:
        self.worker = worker
        self.raised = raised
        """What stands for an exception in the place of a result."""
        self.scenario = scenario
        self.seen: set[bytes] = set()
        self.gaps: schedules.Gaps = {}
        self.namespace: dict[str, Any] = {}
        self.held: list[Any] | None = None
        """What the module refers to, if none of it can change within itself."""
        self.calls: list[list[Any]] = []
        self.order = count()

    def explore(self, seed: int, first: int, number: int) -> list[list[Any]]:
        """Play under some schedules; return each history that is a new one."""
        with self._in_place():
            found = []
            for place in range(first, first + number):
                gaps = self.gaps if place in COUNTED else None
                history = self._play(self._plan(place, seed), gaps=gaps)
                if self._is_new(history):
                    found.append([place, *history])
                if history[0] == "busy":
                    break
            gc.collect()
            return found

    def replay(self, choices: list[Any]) -> list[Any]:
        """Play once more under known choices, with a trace of the lines."""
        with self._in_place():
            plan = schedules.Replay(choices)
            return [0, *self._play(plan, tracing=True)]

    def _plan(self, place: int, seed: int) -> Any:
        hasty = self.scenario["hasty"]
        return schedules.plan_for(place, seed, self.gaps, hasty)

    def _is_new(self, history: list[Any]) -> bool:
        key = marshal.dumps(history[:4])
        is_new = key not in self.seen
        self.seen.add(key)
        return is_new

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Keep the worker's own module and objects out of it, and the collector."""
        worker, before = self.worker, (self.worker.namespace, self.worker.objects)
        gc.disable()
        try:
            with schedules.patched():
                yield
        finally:
            worker.namespace, worker.objects = before
            gc.enable()

    def _play(self, plan: Any, *, tracing: bool = False, gaps: Any = None) -> list[Any]:
        self.calls, self.order = [], count()
        self.worker.objects = {}
        schedule = schedules.Schedule(
            plan,
            self.worker.filename,
            hasty=self.scenario["hasty"],
            tracing=tracing,
            gaps=gaps,
        )
        schedule.run(self._perform)
        return self._history(schedule)

    def _history(self, schedule: Any) -> list[Any]:
        formed = self.worker.formed
        main, *others = schedule.tasks
        crashed = [formed(self.raised(t.error)) for t in others if t.error]
        unprepared = formed(self.raised(main.error)) if main.error else None
        calls = [[*call[:-1], call[-1] and formed(call[-1][0])] for call in self.calls]
        return [
            schedule.ending,
            unprepared,
            calls,
            crashed,
            schedule.stuck,
            schedule.choices,
            schedule.trace,
            [task.name for task in schedule.tasks],
        ]

    # Run by the first thread

    def _perform(self) -> None:
        self._load()
        for operation in self.scenario["setup"]:
            self._set_up(operation)
        parts = [list(map(self._act, part)) for part in self.scenario["threads"]]
        finals = list(map(self._act, self.scenario["finals"]))
        threads = [
            threading.Thread(
                target=partial(self._call_all, number, part), name=f"T{number}"
            )
            for number, part in enumerate(parts, start=1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._call_all(0, finals)

    def _set_up(self, operation: list[Any]) -> None:
        if operation[0] == "clock":
            _, number, base = operation
            self.worker.objects[number] = Clock(base)
        else:
            self.worker.prepared(operation)()

    def _act(self, operation: list[Any]) -> Callable[[], Any]:
        """Return what makes a call, or a pause."""
        if operation[0] == "pause":
            return partial(schedules._sleep, operation[1] / 1e6)
        act: Callable[[], Any] = self.worker.prepared(operation)
        return act

    def _call_all(self, number: int, acts: list[Any]) -> None:
        for place, act in enumerate(acts):
            call: list[Any] = [number, place, next(self.order), self._now()]
            self.calls.append([*call, -1, 0, None])
            at = len(self.calls) - 1
            result = self._outcome(act)
            self.calls[at] = [*call, next(self.order), self._now(), [result]]
            if type(result) is self.raised:
                break

    def _outcome(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except schedules.Abort:
            raise
        except BaseException as error:  # the answer may raise anything at all
            return self.raised(error)

    def _now(self) -> int:
        now_ns: int = schedules.running.now_ns
        return now_ns // 1000

    def _load(self) -> None:
        """Run the answer's module, once for all as long as nothing in it changes."""
        if self.held is None or is_changed(self.held, self.namespace):
            module = sys.modules[MODULE] = types.ModuleType(MODULE)
            module.__file__ = self.worker.filename
            self.namespace = module.__dict__
            exec(marshal.loads(self.worker.code), self.namespace)
            held = held_by(self.namespace, set())
            self.held = None if any(map(can_change, held)) else held
        self.worker.namespace = self.namespace


# Does a module keep something from one schedule to the next?


def held_by(namespace: dict[str, Any], seen: set[int]) -> list[Any]:
    """Return all that a module or class refers to, and what that refers to in turn."""
    values = [value for name, value in namespace.items() if is_looked_at(name, value)]
    return [*values, *(part for value in values for part in parts_of(value, seen))]


def is_looked_at(name: str, value: Any) -> bool:
    if name.startswith("__"):
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
