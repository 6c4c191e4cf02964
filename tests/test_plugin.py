"""How a judge collects a kata's checks and runs one of them on an answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import CORRECTNESS, EDGE_CASES, PERFORMANCE, REFERENCE, STUB, MakeKata

from graders.candidate import Answer
from graders.checks import GraderFault, Judged
from graders.judges import Judges
from graders.kata import KataError
from graders.results import Category, Verdict

RunOn = Callable[..., Judged]
HIDDEN = "katas/tiny/hidden/"


@pytest.fixture
def run_on(judges: Judges) -> RunOn:
    """Return what runs one check of the tiny kata on a source."""

    def run(source: str, name: str, seed: int = 1, shrinks: int = 300) -> Judged:
        assert judges.prepare(Answer(source)) is None
        (judged,) = judges.run([name], seed, shrinks)
        return judged

    return run


def test_checks_are_known_by_name(judges: Judges) -> None:
    """Every hidden test is a check, with its docstring as its law."""
    laws = {check.name: check.law for check in judges.checks}
    assert list(laws) == [
        "double_is_twice",
        "climb_ends_at_the_last_step",
        "counter_counts",
        "large_numbers_are_refused",
        "counter_fills_up",
        "climbing_is_linear",
    ]
    assert laws["double_is_twice"] == "`double` gives twice its argument."
    timed = [c for c in judges.checks if c.category is Category.PERFORMANCE]
    assert [check.measures for check in timed] == [("climb",)]


def test_the_smallest_input_is_found(run_on: RunOn) -> None:
    """A failing input is made as small as it can be."""
    wrong = REFERENCE.replace("return n + n", "return n + n + (n > 123)")
    check = run_on(wrong, "double_is_twice").check
    assert check.verdict is Verdict.FAIL
    assert check.counterexample is not None
    assert check.counterexample.code == ("double(124)",)
    assert (check.counterexample.got, check.counterexample.expected) == ("249", "248")


def test_the_fewest_calls_are_found(run_on: RunOn) -> None:
    """A failing sequence of calls is made as short as it can be."""
    wrong = REFERENCE.replace("self.count += times", "self.count += min(times, 2)")
    example = run_on(wrong, "counter_counts").check.counterexample
    assert example is not None
    assert example.code == (
        "clock = Clock(0)",
        "counter = Counter(10000, clock)",
        "counter.add(3)",
    )
    assert example.got == "Reading(count=2, full=False)"
    assert example.expected == "count=3: the sum so far"


def test_the_place_of_an_exception_is_told(run_on: RunOn) -> None:
    """An exception is told with the answer's own line."""
    wrong = REFERENCE.replace("return n + n", "return {}[n]")
    check = run_on(wrong, "double_is_twice").check
    line = wrong[: wrong.index("return {}[n]")].count("\n") + 1
    assert check.verdict is Verdict.ERROR
    assert check.counterexample is not None
    assert check.counterexample.where == f"line {line} in double: return {{}}[n]"
    assert check.counterexample.got == "raises KeyError: 0"


def test_the_seed_decides_the_inputs(run_on: RunOn) -> None:
    """The same seed gives the same failure, another seed need not."""
    wrong = REFERENCE.replace("return n + n", "return -n")

    def found(seed: int) -> str:
        return str(run_on(wrong, "double_is_twice", seed, shrinks=0).check)

    without_time = {found(seed).partition("seconds")[0] for seed in (1, 1)}
    assert len(without_time) == 1
    first = {found(seed).partition("seconds")[0] for seed in range(2, 8)}
    assert len(first | without_time) > 1


def test_a_flaky_answer_is_told_so(run_on: RunOn) -> None:
    """An answer that differs for the same input fails, and is told of that."""
    wrong = REFERENCE.replace("return n + n", "return n + n + (os.urandom(1)[0] > 99)")
    check = run_on("import os\n" + wrong, "double_is_twice").check
    assert check.verdict is Verdict.FAIL
    assert "expected " in check.message


def test_used_names_come_with_the_verdict(run_on: RunOn) -> None:
    """A judge tells which of the answer's names the check has used."""
    assert run_on(REFERENCE, "double_is_twice").used == {"double"}
    judged = run_on(REFERENCE, "counter_counts")
    assert judged.used == {"Counter"}
    assert judged.own_s > 0


def test_a_judge_takes_one_answer_after_another(run_on: RunOn) -> None:
    """Nothing of an answer is left for the next one."""
    verdicts = [
        run_on(source, "double_is_twice").check.verdict
        for source in (REFERENCE, STUB, REFERENCE)
    ]
    assert verdicts == [Verdict.PASS, Verdict.TODO, Verdict.PASS]


def test_a_broken_import_is_a_problem_of_all(judges: Judges) -> None:
    """What stops an answer's import is told when it is prepared."""
    problem = judges.prepare(Answer("def double(n)\n    return 2 * n"))
    assert problem is not None
    assert problem.verdict is Verdict.ERROR
    assert problem.message.startswith("stub.py cannot be imported: SyntaxError: ")
    assert "line 1" in problem.message


# Checks that are not well made

NO_LAW = "\ndef test_more(candidate):\n    '''More.'''\n"
DECLARED = "\n@check(level={level}, category='correctness'{more})"
LAW = DECLARED.format(level=1, more="") + "\ndef test_more(candidate):\n    '''{}'''\n"


def why_not(make_kata: MakeKata, changed: dict[str, str | None]) -> str:
    """Return the one line with which the checks of a changed kata are refused."""
    with (
        Judges(make_kata(changed), count=1) as judges,
        pytest.raises(KataError) as error,
    ):
        judges.collect()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "test_correctness.py",
            CORRECTNESS + NO_LAW,
            "test_more has no @check(level=..., category=...); add it",
        ),
        (
            "test_correctness.py",
            CORRECTNESS + LAW.format(""),
            "test_more has no docstring; write its law there",
        ),
        (
            "test_correctness.py",
            CORRECTNESS + LAW.format("`double` gives\n    twice its argument."),
            "test_more has the same law as test_double_is_twice; reword one",
        ),
        (
            "test_edge_cases.py",
            EDGE_CASES.replace("level=2", "level=3"),
            "test_counter_fills_up is of level 3; kata.toml has levels 1 to 2",
        ),
        (
            "test_edge_cases.py",
            EDGE_CASES.replace("counter_fills_up", "counter_counts"),
            "test_counter_counts: two checks have this name; rename one",
        ),
        (
            "test_edge_cases.py",
            "import nowhere\n",
            "cannot be imported: ModuleNotFoundError: No module named 'nowhere'; corr",
        ),
        (
            "test_performance.py",
            PERFORMANCE.replace(', measures=("climb",)', ""),
            "test_climbing_is_linear does not say what it measures; add measures=(...)",
        ),
        (
            "test_performance.py",
            PERFORMANCE.replace('("climb",)', '("climbb",)'),
            "test_climbing_is_linear measures 'climbb'; the stub has ['Counter', ",
        ),
    ],
)
def test_bad_checks_are_told(
    make_kata: MakeKata, name: str, text: str, words: str
) -> None:
    """What is wrong with a hidden check is one line with file, name and repair."""
    said = why_not(make_kata, {HIDDEN + name: text})
    assert said.startswith(HIDDEN + name)
    assert words in said


def test_no_checks_at_all_are_told(make_kata: MakeKata) -> None:
    """A kata whose hidden files have no checks is told to add some."""
    files = {HIDDEN + f"test_{category}.py": "" for category in Category}
    assert why_not(make_kata, dict(files)) == (
        "katas/tiny/hidden has no checks; add some"
    )


# Faults of a check itself

FAULTY = CORRECTNESS + DECLARED.format(level=1, more="") + '''
def test_divides(candidate):
    """It divides."""
    candidate.double(1)
    1 // 0


@check(level=1, category="correctness")
def test_asks_for_more(candidate, nothing):
    """It asks for a fixture that is not there."""


@given(n=st.integers())
@check(level=1, category="correctness")
def test_misspells(candidate, n):
    """It misspells a name."""
    candidate.doubel(n)
'''


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("divides", "divides: ZeroDivisionError: "),
        ("asks_for_more", "asks_for_more: it did not run: "),
        ("misspells", "misspells: AttributeError: the stub has no 'doubel'"),
    ],
)
def test_a_fault_of_a_check_is_no_verdict(
    make_kata: MakeKata, name: str, words: str
) -> None:
    """A check that itself fails is a fault of the grader that names the check."""
    kata = make_kata({HIDDEN + "test_correctness.py": FAULTY})
    with Judges(kata, count=1) as judges:
        assert judges.prepare(Answer(REFERENCE)) is None
        with pytest.raises(GraderFault) as error:
            list(judges.run([name], 1))
    assert str(error.value).startswith(words)
