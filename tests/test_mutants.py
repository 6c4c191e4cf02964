"""What `graders.mutants` makes of a source, and how equivalent mutants are listed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import graders.showing
from graders.mutants import Mutant, mutants, read_equivalents

SAMPLE = Path(graders.showing.__file__)

TRUTH = ("True", "False")

SOURCE = '''
"""A counter."""


class Counter:
    """Count up to a limit."""

    def __init__(self, limit: int = 10) -> None:
        self._limit = limit
        self._count = 0

    def add(self, times: int = 1) -> bool:
        if self._count + times > self._limit:
            return False
        self._count += times
        return True

    def twice(self) -> None:
        self.add()
        self.add()
'''


def afters(source: str, operator: str) -> list[str]:
    return [each.after for each in mutants(source) if each.operator == operator]


@pytest.mark.parametrize(
    ("operator", "source", "expected"),
    [
        ("comparison", "a < b", ["a <= b", "a >= b"]),
        ("comparison", "a <= b", ["a < b", "a > b"]),
        ("comparison", "a > b", ["a >= b", "a <= b"]),
        ("comparison", "a >= b", ["a > b", "a < b"]),
        ("comparison", "a == b", ["a != b"]),
        ("comparison", "a != b", ["a == b"]),
        ("comparison", "a is b", ["a is not b"]),
        ("comparison", "a is  not b", ["a is b"]),
        ("comparison", "a in b", ["a not in b"]),
        ("comparison", "a not in b", ["a in b"]),
        ("comparison", "a < b == c", ["a <= b == c", "a >= b == c", "a < b != c"]),
        ("boundary", "a < 10", ["a < 11", "a < 9"]),
        ("boundary", "a[0]", ["a[1]", "a[-1]"]),
        ("boundary", "a = -1", ["a = -2", "a = -0"]),
        ("boundary", "a = 1_000", ["a = 1001", "a = 999"]),
        ("boundary", "def f(a=1): 'f'", ["def f(a=2): 'f'", "def f(a=0): 'f'"]),
        ("arithmetic", "a + b", ["a - b"]),
        ("arithmetic", "a - b", ["a + b"]),
        ("arithmetic", "a * b", ["a // b"]),
        ("arithmetic", "a / b", ["a * b"]),
        ("arithmetic", "a // b", ["a * b"]),
        ("arithmetic", "a % b", ["a // b"]),
        ("rounding", "a + b // c", ["a + -(-(b) // c)"]),
        ("sign", "a = -b", ["a = b"]),
        ("augmented", "a += b", ["a -= b", "a = b"]),
        ("augmented", "a //= b", ["a *= b", "a = b"]),
        ("constant", "f(a=True)", ["f(a=False)"]),
        ("constant", "def f(a=False): 'f'", ["def f(a=True): 'f'"]),
        ("constant", "a = None", []),
        ("boolean", "a and b", ["a or b"]),
        ("boolean", "a or b", ["a and b"]),
        ("boolean", "a = not b", ["a = b"]),
        ("boolean", "a = not (b or c) ", ["a = (b or c)", "a = not (b and c)"]),
        ("condition", "if a: f()", ["if True: f()", "if False: f()"]),
        ("condition", "a if b else c", ["a if True else c", "a if False else c"]),
        (
            "condition",
            "{a for a in b if c}",
            [f"{{a for a in b if {x}}}" for x in TRUTH],
        ),
        (
            "condition",
            "match a:\n    case b if c: f()",
            ["case b if True: f()", "case b if False: f()"],
        ),
        ("condition", "while a: f()", ["while False: f()"]),
        ("function", "min(a, b)", ["max(a, b)"]),
        ("function", "any(a)", ["all(a)"]),
        ("function", "a.min(b)", []),
        (
            "negation",
            "def f() -> bool: return g()",
            ["def f() -> bool: return not (g())"],
        ),
        ("negation", "def f() -> bool: return a < b", []),
        ("negation", "def f() -> int: return g()", []),
        ("statement", "f()", ["pass"]),
        ("statement", "a = b", []),
        ("statement", "a: int = b", []),
        ("statement", "a.b = c", ["pass"]),
        ("statement", "a[b] = c", ["pass"]),
        ("statement", "a.b, c = d", ["pass"]),
        ("statement", "a.b: int = c", ["pass"]),
        ("statement", "a.b: int", []),
        ("statement", "a += b", ["pass"]),
        ("statement", "del a[b]", ["pass"]),
        ("statement", "raise a", ["pass"]),
        ("statement", "def f(): return a", []),
        ("statement", "for a in b: break", ["for a in b: pass"]),
        ("block", "if a:\n    b = c\n    d = e\nelse:\n    f = g", ["pass", "pass"]),
        ("block", "if a:\n    b = c", []),
    ],
)
def test_an_operator_makes_these_changes(operator, source, expected):
    assert afters(source, operator) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Add 1 + 1."""',
        "def f(a: int | None, b: Literal[1]) -> tuple[int, ...]: ...",
        "a: Literal[1] = b",
        "from a import b",
        "class A:\n    'An A.'\n    __slots__ = ('a', 'b')",
        "@dataclass(frozen=True, order=False)\nclass A:\n    a: int",
        "a = 'b'",
        "a = b'c'",
        "Money = Literal[0, 1] | None",
        "Key: TypeAlias = int | str",
        "Value = TypeVar('Value', bound=A | B)",
        "if TYPE_CHECKING:\n    import a",
    ],
)
def test_what_does_nothing_is_left_alone(source):
    assert mutants(source) == []


def test_changes_are_in_order_of_line_and_operator():
    found = [(each.line, each.operator) for each in mutants(SOURCE)]
    assert found == sorted(found)
    assert {line for line, _ in found} == {8, 9, 10, 12, 13, 14, 15, 16, 19, 20}


def test_a_mutant_is_the_source_with_only_its_line_changed():
    first = next(each for each in mutants(SOURCE) if each.operator == "comparison")
    assert first == Mutant(
        operator="comparison",
        line=13,
        before="if self._count + times > self._limit:",
        after="if self._count + times >= self._limit:",
        source=SOURCE.replace(" > ", " >= "),
        scope="Counter.add",
    )


def test_a_name_tells_scope_and_change():
    assert [each.name for each in mutants(SOURCE)][-2:] == [
        "Counter.twice: self.add() -> pass",
        "Counter.twice: self.add() -> pass #2",
    ]
    assert mutants("A = 1")[0].name == "module: A = 1 -> A = 2"


@pytest.mark.parametrize(
    "edit",
    [
        lambda source: "\n\n# é\n" + source,
        lambda source: "def twice():\n    self.add()\n\n" + source,
        lambda source: source.replace("    def twice", "    # Twice.\n\n    def twice"),
        lambda source: source.replace("times\n", "times  # so often\n"),
    ],
    ids=["blank lines", "function", "comment", "trailing comment"],
)
def test_names_stay_when_other_lines_change(edit: Callable[[str], str]):
    names = [each.name for each in mutants(SOURCE)]
    edited = [each.name for each in mutants(edit(SOURCE))]
    assert [name for name in edited if not name.startswith("twice: ")] == names


def test_a_change_of_several_lines_has_a_short_name():
    call = "f(\n" + "    'a long argument',\n" * 20 + ")\n"
    (mutant,) = mutants(call)
    assert mutant.name.startswith("module: f( 'a long argument', 'a long")
    assert mutant.name.endswith(" ... -> pass")
    assert len(mutant.name) < 130


def test_lines_outside_ascii_are_changed_at_the_right_place():
    assert afters("a = 'é€', 1", "boundary") == ["a = 'é€', 2", "a = 'é€', 0"]


def test_no_mutant_means_the_same_as_another_or_as_the_source():
    source = (
        SOURCE
        + "\nif True:\n    pass\nwhile (True):\n    f(-0, (not a), a if False else b)\n"
    )
    texts = [source, *(each.source for each in mutants(source))]
    assert len({ast.dump(ast.parse(text)) for text in texts}) == len(texts)
    assert afters("if True: pass", "condition") == ["if False: pass"]
    assert afters("if True: pass", "constant") == []


def test_mutants_of_a_long_source_compile_and_have_names_of_their_own():
    found = mutants(SAMPLE.read_text("utf-8"))
    assert len(found) > 100
    assert all(compile(each.source, "<mutant>", "exec") for each in found)
    assert len({each.name for each in found}) == len(found)


def test_equivalents_are_read_with_their_reasons(tmp_path: Path):
    file = tmp_path / "equivalent.toml"
    assert read_equivalents(file) == {}
    file.write_text('[[mutant]]\nname = "f: 1 -> 2"\nreason = "any n > 0 will do"\n')
    assert read_equivalents(file) == {"f: 1 -> 2": "any n > 0 will do"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[[mutant]", "is not valid TOML"),
        (b"\xff", "is not valid TOML"),
        (b"mutant = 1", "is not as expected"),
        (b'[[mutant]]\nname = "a"', "missing required field `reason`"),
        (b'[[mutant]]\nname = "a"\nreason = " "', r"\$.mutant\[0\].reason"),
        (b'[[mutants]]\nname = "a"', "unknown field `mutants`"),
        (b'[[mutant]]\nname = "a"\nreason = "b"\n' * 2, "lists 'a' 2 times; keep one"),
    ],
)
def test_a_bad_list_of_equivalents_is_one_line(tmp_path: Path, text, problem):
    file = tmp_path / "solutions" / "kata" / "equivalent.toml"
    file.parent.mkdir(parents=True)
    file.write_bytes(text)
    with pytest.raises(ValueError, match=problem) as error:
        read_equivalents(file)
    assert str(error.value).startswith("solutions/kata/equivalent.toml ")
    assert "\n" not in str(error.value)
