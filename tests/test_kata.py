"""Reading a kata folder: what it gives, and how it says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import README, STUB, TOML, MakeKata

from graders.kata import NEEDED, Kata, KataError, kata_names, read_kata


def problem(make_kata: MakeKata, changed: dict[str, str | None]) -> str:
    """Return the one line that says why the changed kata cannot be read."""
    with pytest.raises(KataError) as error:
        make_kata(changed)
    assert "\n" not in str(error.value)
    return str(error.value)


def toml(make_kata: MakeKata, text: str) -> str:
    return problem(make_kata, {"katas/tiny/kata.toml": text})


def test_a_kata_is_its_folder(tiny: Kata) -> None:
    """A kata knows its name, its levels in order, and the paths of its parts."""
    assert tiny.name == "tiny"
    assert tiny.levels == {1: "Numbers", 2: "Counters"}
    assert tiny.stub.is_file()
    assert tiny.hidden.is_dir()
    assert tiny.reference.is_file()


def test_the_stub_is_the_statements(make_kata: MakeKata) -> None:
    """The pristine stub is the statement's code block, whatever stub.py holds now."""
    kata = make_kata({"katas/tiny/stub.py": "the learner's"})
    assert kata.starting_point == STUB.lstrip()
    assert "double" in kata.contract.functions


def test_fast_is_the_yardstick_if_there(make_kata: MakeKata) -> None:
    """Speed is compared with fast.py, or with the reference where there is none."""
    assert make_kata().yardstick.name == "reference.py"
    assert make_kata({"solutions/tiny/fast.py": ""}).yardstick.name == "fast.py"


def test_weights_and_budget_have_defaults(tiny: Kata) -> None:
    """A kata.toml without weights and budget gets 50, 25, 25 and 1.5."""
    weights = tiny.settings.weights
    assert (weights.correctness, weights.edge_cases, weights.performance) == (
        (50, 25, 25)
    )
    assert tiny.settings.performance.budget == 1.5


def test_the_seed_is_the_versions(make_kata: MakeKata) -> None:
    """The default seed is the same each time, and another for another version."""
    first = make_kata().default_seed
    assert make_kata().default_seed == first
    newer = TOML.replace("version = 1", "version = 2")
    assert make_kata({"katas/tiny/kata.toml": newer}).default_seed != first


def test_katas_are_found_by_their_file(make_kata: MakeKata, tmp_path: Path) -> None:
    """A folder with a kata.toml is a kata; nothing else registers it."""
    assert kata_names(tmp_path) == []
    make_kata({"katas/other/kata.toml": TOML, "katas/none/README.md": ""})
    assert kata_names(tmp_path) == ["other", "tiny"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tinny", "no kata named 'tinny'; did you mean 'tiny'? \"make list\" shows"),
        ("zzz", "no kata named 'zzz'; \"make list\" shows all 1"),
        ("../katas/tiny", "no kata named '../katas/tiny'"),
        ("", "no kata named ''"),
    ],
)
def test_an_unknown_name_gets_a_guess(
    make_kata: MakeKata, tmp_path: Path, name: str, words: str
) -> None:
    """A name that is no kata's is shown with the closest one, if any is close."""
    make_kata()
    with pytest.raises(KataError) as error:
        read_kata(name, tmp_path)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_named(make_kata: MakeKata, name: str) -> None:
    """Each file that a kata needs is named when it is not there."""
    said = problem(make_kata, {f"katas/tiny/{name}": None})
    assert said == f"katas/tiny/{name} is missing; every kata needs one"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version =", "is not valid TOML: "),
        (TOML.replace("minutes = 5", 'minutes = "5"'), "is not as expected: "),
        (TOML.replace('title = "Tiny"', ""), "missing required field `title`"),
        ("colour = 1\n" + TOML, "unknown field `colour`"),
        (TOML + "[weights]\ncorrectness = 60\n", "weights sum to 110; make them sum"),
        (TOML.partition("[[levels]]")[0] + "levels = []", "no [[levels]]; add one"),
    ],
)
def test_bad_settings_are_told(make_kata: MakeKata, text: str, words: str) -> None:
    """What is wrong with kata.toml is told in one line that names it."""
    said = toml(make_kata, text)
    assert said.startswith("katas/tiny/kata.toml")
    assert words in said


@pytest.mark.parametrize("level", [0, 3])
def test_a_question_has_a_level(make_kata: MakeKata, level: int) -> None:
    """A clarifying question belongs to a level that the kata has."""
    question = f'[[questions]]\nlevel = {level}\nquestion = "?"\nanswer = "!"\n'
    said = toml(make_kata, TOML + question)
    assert said.endswith(f"a question is of level {level}; there are 1 to 2")


@pytest.mark.parametrize(
    "text",
    ["# Tiny\n", README.replace("## Starting", "## Start"), "## Starting point\n"],
)
def test_a_statement_has_a_starting_point(make_kata: MakeKata, text: str) -> None:
    """A statement without the stub as a code block is told what to add."""
    said = problem(make_kata, {"katas/tiny/README.md": text})
    assert said.startswith('katas/tiny/README.md has no "## Starting point"')
    assert said.endswith("add the pristine stub there")


@pytest.mark.parametrize("name", ["README.md", "kata.toml"])
def test_files_are_utf_8(make_kata: MakeKata, tmp_path: Path, name: str) -> None:
    """A file of a kata that is not UTF-8 is named, and is no traceback."""
    make_kata()
    (tmp_path / "katas/tiny" / name).write_bytes(b"\xff")
    with pytest.raises(KataError, match=f"katas/tiny/{name}"):
        read_kata("tiny", tmp_path)


def test_a_stub_that_fails_is_told(make_kata: MakeKata) -> None:
    """A starting point that cannot be run is the kata's fault, told in one line."""
    kata = make_kata({"katas/tiny/README.md": README.replace("def double", "deff")})
    with pytest.raises(KataError, match=r"katas/tiny/README\.md"):
        kata.contract  # noqa: B018 - reading it is what fails
