"""What is kept of practice, and that nothing written is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MakeKata

from dojo import attempts
from graders.results import Level, Report


def test_reset_keeps_the_attempt(make_kata: MakeKata) -> None:
    """The stub is pristine again, and what was in it stands under `.kata/`."""
    kata = make_kata()
    kata.stub.write_bytes(b"my own work \xff")
    kept = attempts.reset(kata)
    assert kept is not None
    assert kept.read_bytes() == b"my own work \xff"
    assert kata.stub.read_text("utf-8") == kata.starting_point


def test_reset_of_a_pristine_stub_keeps_nothing(make_kata: MakeKata) -> None:
    """There is no attempt to keep in a stub that is as it was handed out."""
    kata = make_kata()
    attempts.write(kata.stub, kata.starting_point.encode())
    assert attempts.reset(kata) is None
    assert not attempts.folder_of(kata).exists()


def test_reset_restores_a_deleted_stub(make_kata: MakeKata) -> None:
    """A stub that was deleted comes back."""
    kata = make_kata()
    kata.stub.unlink()
    assert attempts.reset(kata) is None
    assert kata.stub.read_text("utf-8") == kata.starting_point


def test_no_archive_replaces_another(make_kata: MakeKata) -> None:
    """Two attempts of one second are both kept."""
    kata = make_kata()
    kept = {attempts.archive(kata, text) for text in (b"one", b"two", b"three")}
    assert {file.read_bytes() for file in kept} == {b"one", b"two", b"three"}


def test_best_score_is_kept(make_kata: MakeKata, report: Report) -> None:
    """The best whole report of the learner's own is kept, whatever comes after it."""
    kata = make_kata()
    levels = tuple(Level(n, title, 0, 1) for n, title in kata.levels.items())
    assert attempts.best_score(kata) is None
    for total in (30, 70, 50):
        scores = replace(report.scores, total=total)
        attempts.save(replace(report, levels=levels, scores=scores), kata)
    assert attempts.best_score(kata) == 70


def test_only_own_and_whole_scores_count(make_kata: MakeKata, report: Report) -> None:
    """Neither a reference's score nor that of some levels is the learner's best."""
    kata = make_kata()
    levels = tuple(Level(n, title, 0, 1) for n, title in kata.levels.items())
    reference = replace(report, levels=levels, answer=str(kata.reference))
    attempts.save(reference, kata)
    attempts.save(replace(report, levels=()), kata)
    assert attempts.best_score(kata) is None


def test_unreadable_best_is_none(make_kata: MakeKata) -> None:
    """A report that is cut off, or of another version, is no best score."""
    kata = make_kata()
    attempts.write(attempts.folder_of(kata) / "best.json", b'{"version": 0}')
    assert attempts.best_score(kata) is None


def test_a_begun_stub_is_told(make_kata: MakeKata) -> None:
    """A kata is begun when its stub is not as it was handed out."""
    kata = make_kata()
    attempts.reset(kata)
    assert not attempts.is_begun(kata)
    kata.stub.write_text("x = 1\n", "utf-8")
    assert attempts.is_begun(kata)
    kata.stub.unlink()
    assert not attempts.is_begun(kata)


def test_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that is cut off leaves the old content, and no draft."""
    file = tmp_path / "stub.py"
    file.write_text("old")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        attempts.write(file, b"new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_report_is_kept_with_its_files(make_kata: MakeKata, report: Report) -> None:
    """The kept report names the counterexample files, and these are there."""
    kata = make_kata()
    saved = attempts.save(report, kata)
    folder = attempts.folder_of(kata)
    assert Report.from_json((folder / "report.json").read_bytes()) == saved
    files = [c.counterexample.file for c in saved.checks if c.counterexample]
    assert files == [".kata/tiny/counterexample_1.py"]
    assert (folder / "counterexample_1.py").is_file()


def test_old_counterexamples_go(make_kata: MakeKata, report: Report) -> None:
    """Counterexamples of an earlier report do not stay beside those of the last."""
    kata = make_kata()
    stale = attempts.folder_of(kata) / "counterexample_7.py"
    attempts.write(stale, b"")
    attempts.save(report, kata)
    assert not stale.exists()


def test_schedules_get_files_to_replay(make_kata: MakeKata, report: Report) -> None:
    """A schedule cannot be pasted and run: its file is one to replay."""
    kata = make_kata()
    failed = [check for check in report.checks if check.counterexample is not None]
    assert failed
    example = failed[0].counterexample
    assert example is not None
    threads = replace(example, schedule=("T1 | T2",))
    checks = (failed[0], replace(failed[0], counterexample=threads))
    saved = attempts.save(replace(report, checks=checks), kata)
    files = [c.counterexample.file for c in saved.checks if c.counterexample]
    names = [file.rpartition("/")[2] for file in files]
    assert names == ["counterexample_1.py", "schedule_2.json"]
