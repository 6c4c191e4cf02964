"""The author's gate: it finds what is not as a kata claims, and passes what is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import (
    CORRECTNESS,
    HINTS,
    README,
    REFERENCE,
    TOML,
    MakeKata,
)

from graders.audit import Audit, Finding, Kept, digest, is_caught
from graders.judges import Judges
from graders.kata import Kata
from graders.results import Verdict

WRONG = "solutions/tiny/wrong/"
HIDDEN = "katas/tiny/hidden/"


def wrong(old: str, new: str, header: str = "Caught: level 1, correctness") -> str:
    """Return a wrong answer: the reference with one change, and a header."""
    assert old in REFERENCE
    text = REFERENCE.replace('"""The reference."""', f'"""Wrong.\n\n{header}\n"""')
    return text.replace(old, new)


ADDS_THREE = wrong("return n + n", "return n + 3")
NO_HEADER = wrong("return n + n", "return n + 3", header="")
AT_WRONG_LEVEL = wrong("return n + n", "return n + 3", "Caught: level 2, correctness")
NOT_WRONG = wrong("return n + n", "return 2 * n")


@pytest.fixture
def judged(tiny: Kata, judges: Judges, tmp_path: Path) -> Audit:
    """The audit of the tiny kata, with judges that are already there."""
    return Audit(tiny, judges, Kept(tmp_path / "kept.jsonl"), seeds=3)


def problems(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(each.subject, each.problem) for each in findings if each.problem]


def with_wrong(audit: Audit, **sources: str) -> list[tuple[str, str]]:
    """Return what is found of these wrong answers."""
    folder = audit.kata.solutions / "wrong"
    folder.mkdir(exist_ok=True)
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    try:
        return problems(audit.wrong_answers())
    finally:
        for file in folder.iterdir():
            file.unlink()


# A kata that is as it claims

EQUIVALENT = """
[[mutant]]
name = "climb: step = 0 -> step = 1"
reason = "The loop runs at least once for every n that is asked for."

[[mutant]]
name = "count_from: yield from count(start) -> pass"
reason = "No check of the tiny kata reads from it."

[[mutant]]
name = "climb: step = 0 -> step = -1"
reason = "The loop runs at least once for every n that is asked for."
"""


GONE = '[[mutant]]\nname = "old: 1 -> 2"\nreason = "It was so."\n'
DOUBLE = "def double(n):\n    return n + n\n"


def test_a_good_kata_has_no_problems(make_kata: MakeKata) -> None:
    """A kata of which all claims are true gets findings, none with a problem."""
    kata = make_kata({"solutions/tiny/equivalent.toml": EQUIVALENT})
    (kata.solutions / "wrong").mkdir()
    (kata.solutions / "wrong/adds_three.py").write_text(ADDS_THREE)
    with Judges(kata, count=2) as judges:
        judges.collect()
        audit = Audit(kata, judges, Kept(kata.folder / "kept.jsonl"), seeds=2)
        findings = [found for _, step in audit.steps() for found in step()]
    assert problems(findings) == []
    steps = {finding.step for finding in findings}
    assert {"stub", "reference", "naive", "wrong", "mutants", "check"} <= steps


# Wrong answers


def test_a_caught_answer_is_fine(judged: Audit) -> None:
    """A wrong answer that is caught where its header says, under each seed, is fine."""
    assert with_wrong(judged, adds_three=ADDS_THREE) == []
    assert "double_is_twice" in judged.needed


def test_a_header_is_asked_for(judged: Audit) -> None:
    """A wrong answer whose header does not say where it is caught is told to."""
    words = 'its docstring has no line "Caught: level N, CATEGORY"; add it'
    assert with_wrong(judged, silent=NO_HEADER) == [("silent.py", words)]


def test_an_answer_that_is_not_caught_is_found(judged: Audit) -> None:
    """A wrong answer that passes is told, with the level where it was due."""
    words = "not caught at level 1, correctness; caught by []"
    assert with_wrong(judged, right=NOT_WRONG) == [("right.py", words)]


def test_being_caught_elsewhere_is_not_enough(judged: Audit) -> None:
    """A wrong answer that only other checks catch is told with their names."""
    words = "not caught at level 2, correctness; caught by ['double_is_twice']"
    assert with_wrong(judged, other=AT_WRONG_LEVEL) == [("other.py", words)]


def test_being_caught_by_chance_is_not_enough(
    judged: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong answer that one of the seeds lets through is told with that seed."""
    graded = Audit._graded

    def lucky(audit: Audit, source: bytes, checks: list, seed: int, until: bool):  # type: ignore[no-untyped-def,type-arg]
        found = graded(audit, source, checks, seed, until)
        return found if seed != 2 else dict.fromkeys(found, "pass")

    monkeypatch.setattr(Audit, "_graded", lucky)
    words = "not caught under seed 2; strengthen double_is_twice"
    assert with_wrong(judged, unlucky=ADDS_THREE) == [("unlucky.py", words)]


def test_slow_answers_are_caught_by_timing(judged: Audit) -> None:
    """A wrong answer of the category performance has to fail when it is timed."""
    quadratic = wrong(
        "    step = 0\n",
        "    step = 0\n    for _ in range(4 * n * n):\n        pass\n",
        "Caught: level 1, performance",
    )
    fast = wrong("return n + n", "return 2 * n", "Caught: level 1, performance")
    words = "not caught at level 1, performance; caught by []"
    found = with_wrong(judged, quadratic=quadratic, fast=fast)
    assert found == [("fast.py", words)]
    assert "climbing_is_linear" in judged.needed


# The other claims


def test_the_pristine_stub_is_all_to_do(judged: Audit) -> None:
    """The stub that a learner starts with fails nothing and passes nothing."""
    assert problems(judged.pristine_stub()) == []


def test_a_stub_that_does_something_is_found(
    judges: Judges, make_kata: MakeKata, tmp_path: Path
) -> None:
    """A stub of which a check fails or passes is told with that check."""
    done = "def double(n: int) -> int:\n    return n\n"
    todo = "def double(n: int) -> int:\n    raise NotImplementedError\n"
    kata = make_kata({"katas/tiny/README.md": README.replace(todo, done)})
    found = problems(Audit(kata, judges, Kept(tmp_path / "kept")).pristine_stub())
    assert ("double_is_twice", "is fail, not to do") in found


def test_references_get_full_marks(judged: Audit) -> None:
    """The reference and every other right answer passes all checks."""
    assert problems(judged.references()) == []
    assert [file.name for file in judged.right_answers()] == ["reference.py"]


def test_a_right_answer_that_fails_is_found(
    judges: Judges, make_kata: MakeKata, tmp_path: Path
) -> None:
    """A right answer that does not pass is told with the checks that it fails."""
    kata = make_kata({"solutions/tiny/right/mine.py": ADDS_THREE})
    audit = Audit(kata, judges, Kept(tmp_path / "kept"))
    assert problems(audit.references()) == [
        ("mine.py", "does not pass double_is_twice")
    ]


def test_the_naive_answer_is_right_and_slow(
    judged: Audit, judges: Judges, make_kata: MakeKata, tmp_path: Path
) -> None:
    """A naive answer passes what is about results, and fails where it is timed."""
    assert problems(judged.naive()) == []
    kata = make_kata({"solutions/tiny/naive.py": REFERENCE})
    quick = Audit(kata, judges, Kept(tmp_path / "other"))
    words = "no performance check fails; it is not naive"
    assert problems(quick.naive()) == [("growth", words)]


def test_a_mutant_that_survives_is_found(
    judges: Judges, make_kata: MakeKata, tmp_path: Path
) -> None:
    """A mutant that no check notices is told with its line, and counts."""
    unchecked = "def unchecked(a, b):\n    return a + b\n" + DOUBLE
    kata = make_kata({"solutions/tiny/reference.py": unchecked})
    audit = Audit(kata, judges, Kept(tmp_path / "kept"))
    assert problems(audit.mutants()) == [
        (
            "unchecked: return a + b -> return a - b",
            "line 2 survives, not listed as equivalent",
        ),
        ("killed", "50.0% killed, 97% wanted; strengthen the checks"),
    ]


def test_a_listed_mutant_that_is_gone_is_found(
    judges: Judges, make_kata: MakeKata, tmp_path: Path
) -> None:
    """A name in equivalent.toml that no mutant has any more is to be removed."""
    solutions = {
        "solutions/tiny/reference.py": DOUBLE,
        "solutions/tiny/equivalent.toml": GONE,
    }
    audit = Audit(make_kata(solutions), judges, Kept(tmp_path / "kept"))
    words = "no such mutant any more; remove it from equivalent.toml"
    assert problems(audit.mutants()) == [("old: 1 -> 2", words)]


def test_a_check_that_catches_nothing_is_found(judged: Audit) -> None:
    """A check that nothing has ever failed is told to go."""
    judged.needed = {check.name for check in judged.judges.checks} - {"counter_counts"}
    words = "catches nothing; remove it, or add the wrong answer it is for"
    assert problems(judged.every_check()) == [("counter_counts", words)]


@pytest.mark.parametrize(
    ("changed", "subject", "words"),
    [
        (
            {"katas/tiny/README.md": README.replace("2 - Counters", "2 - Count")},
            "level 2",
            "README.md has no '## Level 2 - Counters', as in kata.toml",
        ),
        (
            {"katas/tiny/hints.md": HINTS.replace("3. three\n\n", "")},
            "level 1",
            "hints.md has 2 rungs; write at least 3",
        ),
        (
            {"katas/tiny/kata.toml": TOML + "[[levels]]\ntitle='X'\nminutes=1\n"},
            "level 3",
            "no check of correctness and edge_cases; add one",
        ),
    ],
)
def test_what_does_not_agree_is_found(
    judges: Judges,
    make_kata: MakeKata,
    tmp_path: Path,
    changed: dict[str, str | None],
    subject: str,
    words: str,
) -> None:
    """Statement, hints and checks have to fit the levels of kata.toml."""
    audit = Audit(make_kata(changed), judges, Kept(tmp_path / "kept"))
    judges.collect()
    assert (subject, words) in problems(audit.agreement())


# Memory


@pytest.fixture
def gradings(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What has been graded rather than remembered."""
    done: list[bytes] = []
    graded = Audit._graded

    def counted(audit: Audit, source: bytes, *rest: object) -> dict[str, str]:
        done.append(source)
        return graded(audit, source, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Audit, "_graded", counted)
    monkeypatch.setattr(Audit, "fingerprint", "the same")
    return done


def again(audit: Audit) -> Audit:
    """Return an audit that knows only what an earlier one has kept."""
    return Audit(audit.kata, audit.judges, Kept(audit.kept.file), audit.seeds)


def test_a_second_run_grades_nothing(judged: Audit, gradings: list[bytes]) -> None:
    """What was graded before is read from the file, with the same findings."""
    first = [*judged.pristine_stub(), *judged.references()]
    assert len(gradings) == 2
    second = again(judged)
    assert [*second.pristine_stub(), *second.references()] == first
    assert len(gradings) == 2


def test_a_changed_answer_is_graded_again(judged: Audit, gradings: list[bytes]) -> None:
    """Another source, seed or set of checks is another verdict."""
    checks = judged.about_results
    for _ in range(2):
        judged.verdicts(b"a = 1", checks)
        judged.verdicts(b"a = 2", checks)
        judged.verdicts(b"a = 1", checks, seed=7)
        judged.verdicts(b"a = 1", checks[:1])
    assert len(gradings) == 4


def test_a_line_cut_off_is_no_matter(judged: Audit, gradings: list[bytes]) -> None:
    """A file that ends in the middle of a line loses only that line."""
    judged.verdicts(b"a = 1", judged.about_results)
    judged.verdicts(b"a = 2", judged.about_results)
    text = judged.kept.file.read_text()
    judged.kept.file.write_text(text[:-20])
    second = again(judged)
    second.verdicts(b"a = 1", second.about_results)
    assert len(gradings) == 2
    second.verdicts(b"a = 2", second.about_results)
    assert len(gradings) == 3


def test_what_verdicts_depend_on_is_known(
    judges: Judges, make_kata: MakeKata, tmp_path: Path
) -> None:
    """A changed check, kata.toml or engine makes all verdicts old."""

    def fingerprint(changed: dict[str, str | None]) -> str:
        return Audit(make_kata(changed), judges, Kept(tmp_path / "kept")).fingerprint

    prints = [
        fingerprint({}),
        fingerprint({HIDDEN + "test_correctness.py": CORRECTNESS + "\n"}),
        fingerprint({HIDDEN + "oracle.py": "a = 1"}),
        fingerprint({"katas/tiny/kata.toml": TOML + "\n"}),
    ]
    assert len(set(prints)) == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"solutions/tiny/fast.py": f"{REFERENCE}# faster\n"},
        {"katas/tiny/README.md": README.replace("(n: int) -> int", "(n: int) -> str")},
    ],
)
def test_yardstick_and_contract_count(
    judges: Judges,
    make_kata: MakeKata,
    tmp_path: Path,
    changed: dict[str, str | None],
) -> None:
    """Another reference to time against, or another promise, makes verdicts old."""
    kept = Kept(tmp_path / "kept")
    before = Audit(make_kata(), judges, kept).fingerprint
    assert Audit(make_kata(changed), judges, kept).fingerprint != before


def test_caught_means_a_real_verdict() -> None:
    """To do and not measured catch nothing, and neither does a pass."""
    free = {Verdict.PASS, Verdict.TODO, Verdict.NOT_MEASURED}
    assert {v for v in Verdict if not is_caught(v)} == free


def test_a_digest_tells_parts_apart() -> None:
    """Parts that are equal only when joined have different digests."""
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(b"a") == digest(b"a")
