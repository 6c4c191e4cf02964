"""Imports run downwards only, and each layer keeps to what is its own."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    {
        "results",
        "showing",
        "kata",
        "contract",
        "mutants",
        "sandbox",
        "raising",
        "story",
    },
    {"candidate", "checks"},
    {
        *("history", "interleaving", "laws", "outcome", "scenario", "scoring", "speed"),
        "telling",
    },
    {"plugin"},
    {"judges"},
    {"grade"},
    {"audit"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
BARE = {
    *("worker", "protocol", "limits", "zygote", "stage", "props", "loops", "real"),
    *("schedules", "plans", "tasks", "opcodes", "standins", "keeping", "awaiting"),
    *("naming", "pool", "watching"),
}
MODULES = sorted([*ROOT.glob("graders/**/*.py"), *ROOT.glob("dojo/**/*.py")])
GRADERS = [path for path in MODULES if path.is_relative_to(ROOT / "graders")]


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names of all modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """Return the graders' modules that a module of graders imports."""
    names = (name.split(".") for name in imported(path))
    return {name[1] for name in names if name[0] == "graders"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", GRADERS, ids=name_of)
def test_graders_import_downwards(path: Path) -> None:
    """A module imports those of its own layer or below, and nothing of the dojo."""
    assert not any(name.startswith(("dojo", "katas")) for name in imported(path))
    top = path.relative_to(ROOT / "graders").parts[0].removesuffix(".py")
    if top not in ("__init__", "sandbox"):
        assert top in LEVEL, f"say in LAYERS where {top} belongs"
        assert {name for name in ours(path) if LEVEL[name] > LEVEL[top]} == set()


def test_the_sandbox_knows_no_checks() -> None:
    """The sandbox imports only itself and what results are."""
    names = {name for path in GRADERS if "sandbox" in path.parts for name in ours(path)}
    assert names <= {"sandbox", "results"}


def test_there_are_no_circles() -> None:
    """No module of graders is imported by what it imports, at whatever distance."""
    needs = {path.stem: ours(path) for path in GRADERS if "sandbox" not in path.parts}
    while leaves := {
        name for name, needed in needs.items() if not needed & needs.keys()
    }:
        needs = {name: needed for name, needed in needs.items() if name not in leaves}
    assert needs == {}


@pytest.mark.parametrize("name", sorted(BARE))
def test_the_answers_side_is_bare(name: str) -> None:
    """What runs beside an answer needs the standard library, msgspec and its own."""
    tops = imported(ROOT / f"graders/sandbox/{name}.py")
    allowed = sys.stdlib_module_names | BARE | {"msgspec"}
    assert {top.partition(".")[0] for top in tops} <= allowed


@pytest.mark.parametrize("path", GRADERS, ids=name_of)
def test_graders_never_print(path: Path) -> None:
    """Nothing in graders writes to the screen: what a person sees is the dojo's."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) != "print"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("sys.stdout", "sys.stderr")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_names_a_kata(path: Path) -> None:
    """A kata registers itself by being a folder; nothing else knows its name."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    texts = [str(node.value) for node in nodes if isinstance(node, ast.Constant)]
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    assert words.isdisjoint(folder.name for folder in ROOT.glob("katas/*/"))
