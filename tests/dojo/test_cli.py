"""The `kata` command, as it is called."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REFERENCE, MakeKata

from dojo import attempts, cli
from graders.kata import ROOT, Kata, read_kata
from graders.results import Report

PRISTINE = read_kata("rate_limiter").starting_point


def kata(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dojo.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment
    )


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    file = tmp_path / "answer.py"
    file.write_text(PRISTINE, "utf-8")
    return file


def test_unfilled_stub_tells_where_to_begin(stub: Path) -> None:
    """Status 1, every law to do, and the first thing to fill in by name."""
    done = kata("check", "rate_limiter", "--answer", stub)
    assert done.returncode == 1
    assert "SlidingWindow.__init__" in done.stdout
    assert "Score 0 of 100" in done.stdout
    assert not done.stderr


def test_all_laws_pass_is_status_0(tmp_path: Path) -> None:
    """Status 0 when every check passes, and the report is where it was asked for."""
    file = tmp_path / "report.json"
    reference = "solutions/rate_limiter/reference.py"
    options = ["--level", "1", "--answer", reference, "--json", file]
    done = kata("check", "rate_limiter", *options)
    assert done.returncode == 0, done.stdout
    report = Report.from_json(file.read_bytes())
    assert report.passed
    assert {check.level for check in report.checks} == {1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "rate_limter"], "did you mean 'rate_limiter'?"),
        (["check", "../etc"], "no kata named '../etc'"),
        (
            ["check", "rate_limiter", "--answer", "nowhere.py"],
            "nowhere.py is not there",
        ),
        (["check", "rate_limiter", "--answer", "docs"], "docs is a folder"),
        (["check", "rate_limiter", "--level", "5"], "it has levels 1 to 4"),
        (["check", "rate_limiter", "--seed", "x"], "invalid int value"),
        (["chek"], "invalid choice"),
    ],
)
def test_wrong_call_is_status_2(arguments: list[str], words: str) -> None:
    """Status 2 and one sentence for a call that cannot be carried out."""
    done = kata(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def only_tiny(make_kata: MakeKata, monkeypatch: pytest.MonkeyPatch) -> Kata:
    """A project with one kata, not begun."""
    tiny = make_kata()
    attempts.reset(tiny)
    monkeypatch.setattr(cli, "kata_names", lambda: ["tiny"])
    monkeypatch.setattr(cli, "read_kata", lambda name: tiny)
    return tiny


def test_all_is_every_kata_that_is_begun(
    only_tiny: Kata, capsys: pytest.CaptureFixture[str]
) -> None:
    """`all` grades what is filled in, and ends with how far each kata is."""
    assert cli.main(["check", "all"]) == 1
    assert "begin with katas/tiny/README.md" in capsys.readouterr().err
    only_tiny.stub.write_text(REFERENCE, "utf-8")
    cli.main(["check", "all"])
    shown = capsys.readouterr().out
    assert "correctness 100" in shown
    assert "best score" in shown.splitlines()[-1]


def test_all_takes_no_options_of_one(only_tiny: Kata) -> None:
    """A file, a level or where a report goes is for one kata."""
    assert cli.main(["check", "all", "--answer", "stub.py"]) == 2
    assert cli.main(["check", "all", "--level", "1"]) == 2


def test_list_shows_how_far_one_is(
    only_tiny: Kata, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list has size, topics, and the best score."""
    cli.main(["list"])
    assert "not begun" in capsys.readouterr().out
    only_tiny.stub.write_text(REFERENCE, "utf-8")
    cli.main(["list"])
    assert "begun, not graded yet" in capsys.readouterr().out


FAULTY = """
import sys
import graders.grade
from dojo.cli import main

graders.grade.grade = lambda *_, **__: 1 / 0
sys.exit(main(sys.argv[1:]))
"""


def test_fault_of_ours_is_status_3(stub: Path) -> None:
    """Status 3, no traceback, and not a word against the answer."""
    command = [sys.executable, "-c", FAULTY, "check", "rate_limiter", "--answer", stub]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 3
    assert "not of your answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """Interrupted in the middle, it ends at once with all its processes."""
    answer = tmp_path / "answer.py"
    answer.write_text("while True: pass\n")
    # the command itself: what `python -m` ends with after Ctrl-C is the interpreter's
    command = Path(sys.executable).with_name("kata")
    process = subprocess.Popen(
        [command, "check", "rate_limiter", "--answer", answer],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for_child(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not list(children_of(process.pid))


INTERRUPTED_WHILE_LOADING = """
import os, signal, sys

class Interrupt:
    def find_spec(name, *_):
        if name == "dojo.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt)
import dojo.__main__
"""


def test_ctrl_c_while_it_loads_is_silent() -> None:
    """Interrupted before there is anything to stop, it ends without a word."""
    command = [sys.executable, "-c", INTERRUPTED_WHILE_LOADING]
    done = subprocess.run(command, capture_output=True, cwd=ROOT)
    assert done.returncode == -signal.SIGINT
    assert not done.stdout + done.stderr


def wait_for_child(pid: int) -> None:
    while not any("zygote.py" in command for command in children_of(pid)):
        assert Path(f"/proc/{pid}").exists()


def children_of(pid: int) -> list[str]:
    """Return the commands of the processes of a session's leader and its children."""
    commands = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                commands.append((stat.parent / "cmdline").read_text())
        except OSError:
            continue
    return commands


def test_list_names_every_kata() -> None:
    """Each kata with its levels, minutes and topics."""
    done = kata("list")
    assert done.returncode == 0
    assert "rate_limiter" in done.stdout
