"""Small wrong variants of an answer, to see whether the checks notice each of them."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Annotated, NamedTuple

import libcst as cst
import libcst.matchers as m
import msgspec
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

WIDTH = 100
"""Most characters of a line in a name; formatted lines are shorter."""
# Operators are exchanged in the text, so a partner should bind as tightly as what it
# replaces; where that cannot be, the rest of the line is read as Python reads it.
PARTNERS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "is": ("is not",),
    "is not": ("is",),
    "in": ("not in",),
    "not in": ("in",),
    "and": ("or",),
    "or": ("and",),
    "+": ("-",),
    "-": ("+",),
    "*": ("//",),
    "/": ("*",),
    "//": ("*",),
    "%": ("//",),
    "**": ("*",),
    "<<": (">>",),
    ">>": ("<<",),
    "&": ("|",),
    "|": ("&",),
    "^": ("|",),
}
NAMES = {
    "True": "False",
    "False": "True",
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
}
TYPE_OR_SPECIAL = re.compile(r"_?[A-Z]\w*[a-z]\w*|__\w+__")
"""Names of type aliases, type variables, `__slots__` and the like."""

REMOVABLE = (cst.AugAssign, cst.Raise, cst.Del, cst.Break, cst.Continue)
TRAILING_COMMENT = re.compile(r"\s+# .*")

Change = tuple[str, cst.CSTNode, str]
"""An operator, the node it changes, and the text that takes the node's place."""


@dataclass(frozen=True)
class Mutant:
    """A source with one change in it."""

    operator: str
    line: int
    before: str
    """The line that is changed; of several lines, their beginning."""
    after: str
    source: str
    scope: str
    """Qualified name of the function or class that is changed."""
    repeat: int = 1
    """Which of the same changes in the same scope this is."""

    @property
    def name(self) -> str:
        """The identity, which stays when other lines of the file change."""
        number = f" #{self.repeat}" if self.repeat > 1 else ""
        return f"{self.scope}: {self.before} -> {self.after}{number}"


def mutants(source: str) -> list[Mutant]:
    """Return every mutant of a source, in order of line and operator."""
    shapes, names, found = {_shape(source)}, Counter[str](), []
    for edit in _edits(source):
        mutant = edit.applied_to(source.encode())
        shape = _shape(mutant.source)
        if shape not in shapes:
            shapes.add(shape)
            names[mutant.name] += 1
            found.append(replace(mutant, repeat=names[mutant.name]))
    return found


def read_equivalents(path: Path) -> dict[str, str]:
    """Return the mutants that a TOML file lists, each with why no check can notice."""
    if not path.is_file():
        return {}
    where = "/".join(path.parts[-3:])
    try:
        listed = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Listed).mutant
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{where} is not valid TOML: {error}; correct it") from None
    except msgspec.ValidationError as error:
        raise ValueError(f"{where} is not as expected: {error}; correct it") from None
    for name, times in Counter(item.name for item in listed).items():
        if times > 1:
            raise ValueError(f"{where} lists {name!r} {times} times; keep one of them")
    return {item.name: item.reason for item in listed}


_Text = Annotated[str, msgspec.Meta(pattern=r"\S")]


class _Equivalent(msgspec.Struct, forbid_unknown_fields=True):
    name: _Text
    reason: _Text


class _Listed(msgspec.Struct, forbid_unknown_fields=True):
    mutant: list[_Equivalent] = []


def _shape(source: str) -> str:
    return ast.dump(ast.parse(source))


class _Edit(NamedTuple):
    """A replacement of some bytes of a source."""

    line: int
    operator: str
    start: int
    end: int
    text: str
    scope: str

    def applied_to(self, source: bytes) -> Mutant:
        first = source.rfind(b"\n", 0, self.start) + 1
        last = (source + b"\n").index(b"\n", self.end)
        before = source[first:last].decode()
        after = self._within(source, first, last)
        return Mutant(
            self.operator,
            self.line,
            _one_line(before),
            _one_line(after),
            self._within(source, 0, len(source)),
            self.scope,
        )

    def _within(self, source: bytes, first: int, last: int) -> str:
        head, tail = source[first : self.start], source[self.end : last]
        return head.decode() + self.text + tail.decode()


def _one_line(text: str) -> str:
    return shorten(TRAILING_COMMENT.sub("", text), WIDTH, placeholder=" ...")


def _edits(source: str) -> list[_Edit]:
    finder = _EditFinder(source.encode())
    MetadataWrapper(cst.parse_module(source)).visit(finder)
    return sorted(finder.edits, key=lambda edit: edit[:3])


class _EditFinder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (ByteSpanPositionProvider,)

    def __init__(self, source: bytes) -> None:
        super().__init__()
        self.edits: list[_Edit] = []
        self._source = source
        self._scope: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _has_no_behaviour(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._scope.append(node.name.value)
        for changes in (_of_values, _of_operators, _of_conditions, _of_statements):
            for operator, target, text in changes(node):
                self._add(operator, target, text)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._scope.pop()

    def _add(self, operator: str, target: cst.CSTNode, text: str) -> None:
        span = self.get_metadata(ByteSpanPositionProvider, target)
        start, end = span.start, span.start + span.length
        line = self._source.count(b"\n", 0, start) + 1
        scope = ".".join(self._scope) or "module"
        self.edits.append(_Edit(line, operator, start, end, text, scope))


def _has_no_behaviour(node: cst.CSTNode) -> bool:
    match node:
        case cst.Annotation() | cst.Decorator() | cst.TypeAlias():
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]):
            return bool(TYPE_OR_SPECIAL.fullmatch(name))
        case cst.AnnAssign(annotation=cst.Annotation(annotation=cst.Name(value=name))):
            return name == "TypeAlias"
        case cst.If(test=cst.Name(value=name)):
            return name == "TYPE_CHECKING"
    return False


def _of_values(node: cst.CSTNode) -> Iterator[Change]:
    match node:
        case cst.Integer():
            yield "boundary", node, str(node.evaluated_value + 1)
            yield "boundary", node, str(node.evaluated_value - 1)
        case cst.Name(value="True" | "False" as name):
            yield "constant", node, NAMES[name]
        case cst.Call(func=cst.Name(value="min" | "max" | "any" | "all" as name)):
            yield "function", node.func, NAMES[name]


def _of_operators(node: cst.CSTNode) -> Iterator[Change]:
    match node:
        case cst.UnaryOperation(operator=cst.Not()):
            yield "boolean", node, _code(node.expression)
        case cst.UnaryOperation(operator=cst.Minus()):
            yield "sign", node, _code(node.expression)
        case cst.BooleanOperation(operator=operator):
            yield from _exchanged("boolean", operator)
        case cst.ComparisonTarget(operator=operator):
            yield from _exchanged("comparison", operator)
        case cst.BinaryOperation(left=left, operator=operator, right=right):
            yield from _exchanged("arithmetic", operator)
            if isinstance(operator, cst.FloorDivide):
                yield "rounding", node, f"-(-({_code(left)}) // {_code(right)})"
        case cst.AugAssign(operator=operator):
            yield from _exchanged("augmented", operator)
            yield "augmented", operator, "="


def _exchanged(kind: str, operator: cst.CSTNode) -> Iterator[Change]:
    end = "=" if kind == "augmented" else ""
    text = " ".join(_code(operator).split()).removesuffix(end)
    for partner in PARTNERS.get(text, ()):
        yield kind, operator, partner + end


def _of_conditions(node: cst.CSTNode) -> Iterator[Change]:
    match node:
        case (
            cst.If(test=test)
            | cst.IfExp(test=test)
            | cst.CompIf(test=test)
            | cst.MatchCase(guard=cst.BaseExpression() as test)
        ):
            yield "condition", test, "True"
            yield "condition", test, "False"
        case cst.While(test=test):
            # Not True: any check notices an endless loop, but only after a long wait.
            yield "condition", test, "False"
        case cst.FunctionDef(
            returns=cst.Annotation(annotation=cst.Name(value="bool")), body=body
        ):
            for found in m.findall(body, m.Return()):
                yield from _negated(cst.ensure_type(found, cst.Return).value)


def _negated(value: cst.BaseExpression | None) -> Iterator[Change]:
    match value:
        case None | cst.Name(value="True" | "False"):
            return
        case cst.UnaryOperation(operator=cst.Not()) | cst.Comparison(comparisons=[_]):
            return  # other operators give the opposite of these
    yield "negation", value, f"not ({_code(value)})"


def _of_statements(node: cst.CSTNode) -> Iterator[Change]:
    match node:
        case cst.Expr(value=value):
            removed = not isinstance(value, cst.BaseString | cst.Ellipsis)
        case cst.Assign(targets=targets):
            removed = any(_is_shared(each.target) for each in targets)
        case cst.AnnAssign(target=target, value=cst.BaseExpression()):
            removed = _is_shared(target)
        case cst.Return(value=value):
            removed = value is None
        case _:
            removed = isinstance(node, REMOVABLE)
    if removed:
        yield "statement", node, "pass"
    # An `if` without `else` is emptied by the condition False.
    if isinstance(node, cst.Else) or (isinstance(node, cst.If) and node.orelse):
        yield "block", node.body, "pass"


def _is_shared(target: cst.BaseExpression) -> bool:
    """Tell a place in an object from a name, without which all later lines fail."""
    return bool(re.search(r"[.\[]", _code(target)))


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node).strip()
