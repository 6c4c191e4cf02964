"""Every kata keeps what it claims: a short form of the audit, under one seed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from graders.audit import Audit, Finding, Kept
from graders.judges import Judges
from graders.kata import ROOT, kata_names, read_kata
from graders.results import Category, Verdict


def some(folder: str, count: int) -> list[Path]:
    """Return a few of each kata's answers, for time: the audit takes all."""
    chosen: list[Path] = []
    for name in kata_names():
        files = sorted(ROOT.glob(f"solutions/{name}/{folder}/*.py"))
        chosen += [files[len(files) * n // count] for n in range(count) if files]
    return list(dict.fromkeys(chosen))


WRONG = some("wrong", 4)
RIGHT = some("right", 1)


def label(file: Path) -> str:
    return f"{file.parents[1].name}-{file.stem}"


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Audit]]:
    """An audit for each kata, its judges waiting."""
    found = {}
    # ended last first: each one's judges hold what those before them had opened
    with ExitStack() as stack:
        for name in kata_names():
            kata = read_kata(name)
            judges = stack.enter_context(Judges(kata))
            judges.collect()
            kept = Kept(tmp_path_factory.mktemp(name) / "kept.jsonl")
            found[name] = Audit(kata, judges, kept, seeds=1)
        yield found


@pytest.fixture(params=kata_names())
def audit(request: pytest.FixtureRequest, audits: dict[str, Audit]) -> Audit:
    return audits[request.param]


def problems(findings: Iterator[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.problem]


def test_parts_of_a_kata_agree(audit: Audit) -> None:
    """Statement, kata.toml, hints and checks name the same levels."""
    assert not problems(audit.agreement())


def test_pristine_stub_is_all_to_do(audit: Audit) -> None:
    """The stub imports, passes nothing, and every check says that it is to do."""
    assert not problems(audit.pristine_stub())


def test_committed_stub_is_pristine(audit: Audit) -> None:
    """The stub that is handed out is the statement's, byte for byte."""
    path = f"HEAD:katas/{audit.kata.name}/stub.py"
    shown = subprocess.run(["git", "show", path], cwd=ROOT, capture_output=True)
    if shown.returncode:
        pytest.skip("no git checkout")
    assert shown.stdout.decode() == audit.kata.starting_point


def test_reference_is_right(audit: Audit) -> None:
    """The reference passes every check, of those of speed the first one."""
    checks = audit.about_results + audit.of(Category.PERFORMANCE)[:1]
    verdicts = audit.verdicts(audit.kata.reference.read_bytes(), checks)
    assert {name: v for name, v in verdicts.items() if v != Verdict.PASS} == {}


def test_naive_answer_is_right(audit: Audit) -> None:
    """The naive answer passes every check of the results of level 1."""
    source = (audit.kata.solutions / "naive.py").read_bytes()
    checks = [check for check in audit.about_results if check.level == 1]
    assert set(audit.verdicts(source, checks).values()) == {Verdict.PASS}


@pytest.mark.parametrize("file", RIGHT, ids=label)
def test_right_answer_is_not_rejected(file: Path, audits: dict[str, Audit]) -> None:
    """An answer that is right in another style passes every check of levels 1 to 3."""
    audit = audits[file.parents[1].name]
    checks = [check for check in audit.about_results if check.level <= 3]
    verdicts = audit.verdicts(file.read_bytes(), checks)
    assert set(verdicts.values()) == {Verdict.PASS}


@pytest.mark.parametrize("file", WRONG, ids=label)
def test_wrong_answer_is_caught(file: Path, audits: dict[str, Audit]) -> None:
    """A wrong answer is caught at the level and in the category of its header."""
    assert not audits[file.parents[1].name].why_not_caught(file, briefly=True)
