"""A failing schedule is kept, and shown again on the answer as it is then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import EXAMPLE, MakeKata

from dojo import attempts
from dojo.cli import main
from dojo.replay import Kept, fingerprint, read, replay
from graders.grade import grade
from graders.kata import Kata, KataError
from graders.results import Report, Verdict

THREADS = '''
from graders.interleaving import Scenario, explore
from graders.laws import check, expect


@check(level=2, category="correctness")
def test_none_is_lost(candidate):
    """Readings of two threads are both counted."""
    scene = Scenario(candidate)
    counter = scene.Counter(9, scene.clock())
    scene.thread(counter.add())
    scene.thread(counter.add())
    scene.finally_(counter.add())
    explore(scene, lambda history: expect(history.finals[0].result, count=3))
'''


REPAIR = {
    "from dataclasses": "from threading import Lock\nfrom dataclasses",
    "self.limit = limit\n": "self.limit = limit\n        self.lock = Lock()\n",
    "def add(self, times=1):": (
        "def add(self, times=1):\n        with self.lock:\n"
        "            return self._add(times)\n\n    def _add(self, times):"
    ),
}


@pytest.fixture
def kata(make_kata: MakeKata) -> Kata:
    return make_kata({"katas/tiny/hidden/test_threads.py": THREADS})


def graded(kata: Kata, answer: Path) -> Report:
    report = grade(kata, answer, only=("none_is_lost",))
    return attempts.save(report, kata, sha256=fingerprint(answer))


@pytest.fixture
def schedule(kata: Kata) -> Path:
    """The file that is kept of the reference, which knows no threads."""
    report = graded(kata, kata.reference)
    (check,) = report.checks
    assert check.verdict is Verdict.RACE
    assert check.counterexample is not None
    assert check.counterexample.file == ".kata/tiny/schedule_1.json"
    return attempts.folder_of(kata) / "schedule_1.json"


def test_the_same_answer_shows_the_same(kata: Kata, schedule: Path) -> None:
    """Replayed on the same answer, it is the same schedule to the letter."""
    before = read(schedule)
    replayed = replay(before, kata)
    assert not replayed.is_changed
    assert replayed.words == "This is the schedule that was kept."
    assert replayed.check.counterexample is not None
    assert replayed.check.counterexample.schedule == before.schedule


def test_a_repaired_answer_is_told(kata: Kata, schedule: Path) -> None:
    """When the answer has been repaired, it passes, and is said to have changed."""
    source = kata.reference.read_text("utf-8")
    for old, new in REPAIR.items():
        source = source.replace(old, new)
    kata.reference.write_text(source, "utf-8")
    replayed = replay(read(schedule), kata)
    assert replayed.check.passed
    assert "has changed since, and no schedule" in replayed.words


def test_an_answer_still_wrong_is_told(kata: Kata, schedule: Path) -> None:
    """When it has changed and fails still, its own schedule is shown."""
    source = kata.reference.read_text("utf-8")
    kata.reference.write_text(f"# a remark\n{source}", "utf-8")
    replayed = replay(read(schedule), kata)
    assert replayed.check.verdict is Verdict.RACE
    assert replayed.words == "The answer has changed since; this is how it fails now."


def test_other_circumstances_are_named(kata: Kata, schedule: Path) -> None:
    """If the answer is the same but the kata is not, that is said."""
    before = read(schedule)
    environment = {**before.environment, "kata_version": "0"}
    old = Kept(**{**_fields(before), "environment": environment, "got": "other"})
    words = replay(old, kata).words
    assert words.endswith("in another way now: kata_version was 0 and is 1.")


def _fields(kept: Kept) -> dict[str, object]:
    return {name: getattr(kept, name) for name in kept.__struct_fields__}


def test_what_is_gone_is_said(kata: Kata, schedule: Path) -> None:
    """A file, an answer or a check that is not there is a wrong call."""
    before = read(schedule)
    gone = Kept(**{**_fields(before), "check": "gone"})
    with pytest.raises(KataError, match="no check 'gone' any more"):
        replay(gone, kata)
    kata.reference.unlink()
    with pytest.raises(KataError, match="is not there any more"):
        replay(before, kata)
    with pytest.raises(KataError, match="is not there"):
        read(schedule.with_name("schedule_9.json"))


@pytest.mark.parametrize("content", [b"{}", b"nonsense", b"\xff", b'{"version": 1}'])
def test_other_files_are_refused(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 and one sentence for a file that is no schedule."""
    file = tmp_path / "schedule.json"
    file.write_bytes(content)
    assert main(["replay", str(file)]) == 2
    assert "is no schedule that was kept" in capsys.readouterr().err


def test_the_command_shows_it(
    kata: Kata,
    schedule: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Status 1, the law, the lines side by side, and how it relates to the file."""
    monkeypatch.setattr("dojo.cli.read_kata", lambda name: kata)
    assert main(["replay", str(schedule)]) == 1
    shown = capsys.readouterr().out
    assert "Readings of two threads are both counted." in shown
    assert "| T2" in shown
    assert shown.endswith("This is the schedule that was kept.\n")


def test_old_schedules_go(kata: Kata, schedule: Path, report: Report) -> None:
    """Those of an earlier report do not stay beside the last one's files."""
    attempts.save(report, kata)
    assert not schedule.exists()
    assert (schedule.parent / "counterexample_1.py").exists()
    shown = replace(EXAMPLE, schedule=("T1 | T2",))
    checks = (replace(report.checks[1], counterexample=shown),)
    attempts.save(replace(report, checks=checks), kata)
    assert [file.name for file in schedule.parent.glob("*_1.*")] == [schedule.name]
