"""What a stub promises: its records, exceptions, classes, functions and their types.

Read from the pristine stub, which is ours; never from an answer.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args, get_origin

from graders.showing import show

Problem = Callable[[Any], str]
"""Says what is wrong with a value, e.g. "1 (int), expected bool"; "" if nothing."""


@dataclass(frozen=True, eq=False)
class Contract:
    """The public names of a stub, by kind."""

    module: types.ModuleType
    records: dict[str, type] = field(default_factory=dict)
    exceptions: dict[str, type[Exception]] = field(default_factory=dict)
    classes: dict[str, type] = field(default_factory=dict)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def record_fields(self) -> dict[str, list[str]]:
        return {name: field_names(kind) for name, kind in self.records.items()}

    def function(self, owner: str, name: str) -> Callable[..., Any]:
        """Return the stub's function, or its method if `owner` names a class."""
        if not owner:
            return self.functions[name]
        method: Callable[..., Any] = getattr(self.classes[owner], name)
        return method

    def has(self, owner: str, name: str) -> bool:
        return callable(getattr(self.classes[owner], name, None))

    def signature(self, owner: str, name: str) -> str:
        """Return e.g. ``check(self, key: str, cost: int = 1) -> Decision``."""
        return f"{name}{inspect.signature(self.function(owner, name))}".replace("'", "")

    def problem(self, owner: str, name: str) -> Problem:
        """Return what finds whether a result of this function is of its type."""
        return self._problem(owner, name)

    @cache  # noqa: B019 - a contract lives as long as the program
    def _problem(self, owner: str, name: str) -> Problem:
        hints = typing.get_type_hints(self.function(owner, name))
        return problem_finder(hints.get("return", Any))


def read_contract(source: str, name: str) -> Contract:
    """Run a pristine stub and sort its public names by kind."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, f"<{name}>", "exec", dont_inherit=True), module.__dict__)
    contract = Contract(module)
    for key, value in vars(module).items():
        if getattr(value, "__module__", None) == name and not key.startswith("_"):
            _kind_of(value, contract)[key] = value
    return contract


def _kind_of(value: Any, contract: Contract) -> dict[str, Any]:
    if not isinstance(value, type):
        return contract.functions if callable(value) else {}
    if issubclass(value, Exception):
        return contract.exceptions
    return contract.records if dataclasses.is_dataclass(value) else contract.classes


def field_names(record: type) -> list[str]:
    return [item.name for item in dataclasses.fields(record)]


def problem_finder(hint: Any) -> Problem:
    """Return what finds the first part of a value that is not of the type `hint`."""
    if hint is Any or isinstance(hint, typing.TypeVar):
        return lambda value: ""
    if hint is None:
        hint = type(None)
    if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union:
        return _union(get_args(hint))
    container = get_origin(hint) or hint
    if container in _OF_PARTS:
        return _OF_PARTS[container](container, get_args(hint))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _record(hint)
    return _exactly(hint)


def _exactly(kind: Any) -> Problem:
    # type identity, not isinstance: True is no int, and no subclass may lie
    def find(value: Any) -> str:
        return "" if type(value) is kind else mismatch(value, kind.__name__)

    return find


def mismatch(value: Any, expected: str) -> str:
    if value is None:
        return f"None, expected {expected}"
    kind = getattr(value, "type_name", type(value).__name__)
    shown = show(value, 60)
    said = shown if kind in shown else f"{shown} ({kind})"
    return f"{said}, expected {expected}"


def _record(kind: type) -> Problem:
    hints = typing.get_type_hints(kind)
    parts = [(name, problem_finder(hints[name])) for name in field_names(kind)]

    def find(value: Any) -> str:
        if type(value) is not kind:
            return mismatch(value, kind.__name__)
        for name, part in parts:
            wrong = part(getattr(value, name))
            if wrong:
                return f"a {kind.__name__} whose {name} is {wrong}"
        return ""

    return find


def _union(hints: tuple[Any, ...]) -> Problem:
    finders = [problem_finder(hint) for hint in hints]

    def find(value: Any) -> str:
        wrong = [finder(value) for finder in finders]
        return "" if "" in wrong else wrong[0]

    return find


def _members(container: Any, hints: tuple[Any, ...]) -> Problem:
    part = problem_finder(hints[0] if hints else Any)

    def find(value: Any) -> str:
        if type(value) is not container:
            return mismatch(value, container.__name__)
        return _first(f"a {container.__name__} with ", map(part, value))

    return find


def _first(where: str, problems: Iterable[str]) -> str:
    return next((where + problem for problem in problems if problem), "")


def _tuple(container: type, hints: tuple[Any, ...]) -> Problem:
    if len(hints) == 2 and hints[1] is Ellipsis:
        return _members(container, hints[:1])
    parts = [problem_finder(hint) for hint in hints]

    def find(value: Any) -> str:
        if type(value) is not tuple or (hints and len(value) != len(parts)):
            return mismatch(value, f"tuple of {len(parts)}" if hints else "tuple")
        wrong = (part(item) for part, item in zip(parts, value, strict=False))
        return _first("a tuple with ", wrong)

    return find


def _dict(container: type, hints: tuple[Any, ...]) -> Problem:
    keys, values = [problem_finder(hint) for hint in hints or (Any, Any)]

    def find(value: Any) -> str:
        if type(value) is not dict:
            return mismatch(value, "dict")
        wrong = (keys(key) or values(item) for key, item in value.items())
        return _first("a dict with ", wrong)

    return find


def _iterable(container: type, hints: tuple[Any, ...]) -> Problem:
    # Items are looked at when they are read; here it only has to be iterable.
    def find(value: Any) -> str:
        return "" if hasattr(value, "__iter__") else mismatch(value, "an iterator")

    return find


def _anything(container: type, hints: tuple[Any, ...]) -> Problem:
    # what it is good for shows when it is used
    return lambda value: ""


_OF_PARTS: dict[Any, Callable[[Any, tuple[Any, ...]], Problem]] = {
    list: _members,
    set: _members,
    frozenset: _members,
    tuple: _tuple,
    dict: _dict,
    Iterator: _iterable,
    Iterable: _iterable,
    Collection: _iterable,
    types.GeneratorType: _iterable,
    typing.Generator.__origin__: _iterable,  # type: ignore[attr-defined]
    AbstractContextManager: _anything,
}
