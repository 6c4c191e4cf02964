"""What the words that checks are written with demand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.contract import Contract
from graders.laws import check, expect, law_of, refused, require
from graders.raising import AnswerRaised, LawBroken, exception_class
from graders.results import Category


def told(error: pytest.ExceptionInfo[LawBroken]) -> tuple[Any, str]:
    return error.value.got, error.value.expected


def test_a_check_keeps_its_law() -> None:
    """The decorator notes level, category, examples and measures."""

    @check(level=2, category="performance", measures=("f",))
    def test_it(speed: Any) -> None:
        """It is fast."""

    law = law_of(test_it)
    assert law is not None
    assert (law.level, law.category) == (2, Category.PERFORMANCE)
    assert (law.examples, law.measures) == (40, ("f",))
    assert test_it.__doc__ == "It is fast."


def test_a_law_is_found_through_given() -> None:
    """The law is found on a function that draws its inputs."""

    @given(n=st.integers())
    @check(level=1, category="correctness", examples=7)
    def test_it(candidate: Any, n: int) -> None:
        """It works."""

    law = law_of(test_it)
    assert law is not None
    assert law.examples == 7


def test_other_functions_have_no_law() -> None:
    """A function without the decorator has no law."""
    assert law_of(told) is None


def test_an_unknown_category_is_refused() -> None:
    """A category that is none is a ValueError where the check is declared."""
    with pytest.raises(ValueError, match="speed"):
        check(level=1, category="speed")


def test_a_check_runs_as_an_example() -> None:
    """A check that has a candidate runs as one of the candidate's examples."""
    ran: list[Any] = []
    candidate = SimpleNamespace(example=lambda run: ran.append(run()))

    @check(level=1, category="correctness")
    def test_it(candidate: Any, n: int) -> int:
        return n

    test_it(candidate=candidate, n=3)
    assert ran == [3]


@pytest.mark.parametrize(
    ("got", "want"),
    [(1, 2), (True, 1), (1, True), (1.0, 1), ([1], (1,)), (None, 0), ("a", b"a")],
)
def test_expect_wants_type_and_value(got: Any, want: Any) -> None:
    """A result that is equal but of another type is not the one expected."""
    expect(want, want)
    with pytest.raises(LawBroken) as error:
        expect(got, want)
    assert told(error) == (got, repr(want))


def test_expect_names_only_wrong_fields() -> None:
    """Of several fields only those are named that are not as expected."""
    got = SimpleNamespace(a=1, b=2, c=3)
    expect(got, a=1, b=2)
    with pytest.raises(LawBroken) as error:
        expect(got, a=1, b=0, c=0)
    assert told(error) == (got, "b=0, c=0")


def test_none_can_be_expected() -> None:
    """None is a value to expect like any other."""
    expect(None, None)
    with pytest.raises(LawBroken):
        expect(0, None)


def test_a_reason_is_added() -> None:
    """Why a result is expected stands behind what is expected."""
    with pytest.raises(LawBroken, match=r"^expected 2: it is even$") as error:
        expect(1, 2, why="it is even")
    assert error.value.expected == "2: it is even"


def test_require_wants_a_condition() -> None:
    """A condition that does not hold is told in the author's words."""
    require(True, 1, "one")
    with pytest.raises(LawBroken) as error:
        require(False, 1, "more than one")
    assert told(error) == (1, "more than one")


def raised(name: str, bases: list[str], said: str, contract: Contract) -> AnswerRaised:
    error = exception_class(name, bases, contract)()
    error.said = said
    return error


def test_a_refusal_names_its_value(contract: Contract) -> None:
    """ValueError is demanded, with the value in its message if one is given."""
    candidate: Any = SimpleNamespace(events=[])
    error = raised("ValueError", ["ValueError"], "n is -5", contract)
    with refused(candidate):
        raise error
    with refused(candidate, naming=-5):
        raise error
    with pytest.raises(LawBroken) as broken, refused(candidate, naming=6):
        raise error
    assert told(broken) == (error, "ValueError with 6 in its message")


def test_a_subclass_of_value_error_refuses(contract: Contract) -> None:
    """An exception class of the answer's own that is a ValueError will do."""
    bases = ["TooLarge", "ValueError", "Exception"]
    with refused(SimpleNamespace(events=[])):  # type: ignore[arg-type]
        raise raised("TooLarge", bases, "", contract)


def test_another_exception_is_no_refusal(contract: Contract) -> None:
    """Any other exception of the answer breaks the law."""
    with pytest.raises(LawBroken), refused(SimpleNamespace()):  # type: ignore[arg-type]
        raise raised("KeyError", ["KeyError", "LookupError"], "", contract)


def test_no_exception_is_no_refusal() -> None:
    """A call that returns breaks the law, and its result is what was got."""
    candidate: Any = SimpleNamespace(events=[SimpleNamespace(result=42)])
    with pytest.raises(LawBroken) as error, refused(candidate):
        pass
    assert repr(error.value.got) == "no exception, but 42"
    assert error.value.expected == "ValueError"


def test_a_fault_of_the_check_is_none() -> None:
    """An exception that is not the answer's passes through."""
    with pytest.raises(ZeroDivisionError), refused(SimpleNamespace()):  # type: ignore[arg-type]
        raise ZeroDivisionError
