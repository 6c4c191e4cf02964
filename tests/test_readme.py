"""README tells the truth: its commands are there, and print what it shows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from graders.kata import ROOT, read_kata

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]


def shown_outputs() -> list[tuple[str, str]]:
    """Return each shown output with the command that stands before it."""
    pairs, command = [], ""
    for language, text in BLOCKS:
        if language == "sh":
            command = text.splitlines()[0]
        elif language == "text":
            pairs.append((command, text))
    return pairs


@pytest.mark.parametrize(("command", "output"), shown_outputs())
def test_shown_output_is_real(command: str, output: str, tmp_path: Path) -> None:
    """What README shows below a command is what the command prints, or part of it."""
    program, target, *settings = shlex.split(command, comments=True)
    assert (program, target) == ("make", "check")
    options = dict(setting.split("=") for setting in settings)
    kata = read_kata(options["KATA"])
    pristine = tmp_path / "stub.py"
    pristine.write_text(kata.starting_point, "utf-8")
    answer = options.get("ANSWER", str(pristine))
    call = ["check", kata.name, "--answer", answer]
    call += ["--level", options["LEVEL"]] if "LEVEL" in options else []
    done = subprocess.run(
        [sys.executable, "-m", "dojo.cli", *call], cwd=ROOT, capture_output=True
    )
    printed = done.stdout.decode().replace(str(pristine), f"katas/{kata.name}/stub.py")
    assert unwrapped(output) in unwrapped(printed)


def unwrapped(text: str) -> str:
    """Return text without line breaks, and without what depends on the system."""
    return " ".join(re.sub(r"^isolation: .*$", "", text, flags=re.M).split())


def test_every_target_exists() -> None:
    """Every `make` target that a page names is in the Makefile."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    for page in PAGES:
        named = re.findall(r"(?:`|^)make ([a-z]+)", page.read_text("utf-8"), re.M)
        assert set(named) <= targets, page


def test_first_screen_has_both_commands() -> None:
    """What it is, how to begin and how to test stand before line 20."""
    screen = "\n".join(README.splitlines()[:20])
    assert "make check KATA=" in screen
    assert "make test" in screen


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link of a page to a file of the project finds one."""
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / link).exists(), link
