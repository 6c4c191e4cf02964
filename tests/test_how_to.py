"""Pages that show Python show what it prints."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from graders.kata import ROOT

SHOWN = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.M | re.S)
EXAMPLES = [
    pytest.param(code, output, id=f"{page.stem}-{number}")
    for page in sorted(ROOT.glob("docs/**/*.md"))
    for number, (code, output) in enumerate(SHOWN.findall(page.read_text("utf-8")), 1)
]


def run(*command: str) -> str:
    """Run it as a learner would, in the project's folder; return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_shown_output_is_real(code: str, output: str) -> None:
    """What stands below a piece of Python is what it prints."""
    assert run(sys.executable, "-c", code) == output


def test_there_are_such_examples() -> None:
    """One for each kata that has data as it is in life."""
    assert len(EXAMPLES) >= len(list(ROOT.glob("katas/*/hidden/generators.py")))


def test_profiling_works() -> None:
    """The command that profiles an answer shows its functions, and their times."""
    page = (ROOT / "docs/how-to/find-what-is-slow.md").read_text("utf-8")
    (command,) = re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)
    command = command.replace(
        "katas/dependency_resolution:", "solutions/dependency_resolution:"
    )
    command = command.replace(", stub", ", naive as stub").replace("4000", "40")
    command = command.replace(".venv/bin/python", sys.executable)
    assert "naive.py" in run("sh", "-c", command)
