"""What is read from a stub, and what is said of a value that is not of its type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pytest

from graders.contract import Contract, problem_finder, read_contract
from graders.showing import Foreign

T = TypeVar("T")


@dataclass(frozen=True)
class Pair:
    left: int
    right: list[str]


class Subclass(int):
    pass


def test_names_are_sorted_by_kind(contract: Contract) -> None:
    """Records, exceptions, classes and functions of a stub are told apart."""
    assert list(contract.records) == ["Reading"]
    assert list(contract.exceptions) == ["Full"]
    assert list(contract.classes) == ["Counter"]
    assert list(contract.functions) == ["double", "climb", "count_from", "echo"]


def test_only_own_public_names_count() -> None:
    """What a stub imports, and what begins with an underscore, is not promised."""
    source = "from os import getcwd\nA = 1\ndef _f(): ...\ndef g(): ..."
    contract = read_contract(source, "only_own")
    assert list(contract.functions) == ["g"]
    assert not contract.classes
    assert not contract.records


def test_fields_are_known(contract: Contract) -> None:
    """The fields of a record are known in their order."""
    assert contract.record_fields == {"Reading": ["count", "full"]}


def test_methods_are_known(contract: Contract) -> None:
    """A class has its callable names and no others."""
    assert contract.has("Counter", "add")
    assert not contract.has("Counter", "remove")
    assert not contract.has("Counter", "__doc__")


def test_a_signature_reads_as_source(contract: Contract) -> None:
    """A signature is shown as the stub has it."""
    assert contract.signature("", "double") == "double(n: int) -> int"
    wanted = "add(self, times: int = 1) -> Reading"
    assert read_contract(ADDER, "adder").signature("Adder", "add") == wanted


ADDER = """
from __future__ import annotations
class Reading: ...
class Adder:
    def add(self, times: int = 1) -> Reading: ...
"""


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        *((int, 1), (bool, True), (str, ""), (None, None), (Any, object())),
        *((int | None, None), (int | str, "a"), (T, 1), (float, 1.0)),
        *((list, [1, "a"]), (list[int], [1]), (list[int], []), (set[int], {1})),
        *((dict, {1: 2}), (dict[str, list[int]], {"a": [1]})),
        *((tuple, (1, "a")), (tuple[int, str], (1, "a")), (tuple[int, ...], (1, 2))),
        *((Pair, Pair(1, ["a"])), (list[Pair | None], [None])),
        *((Iterator[int], iter([])), (Iterator[int], ["not looked at"])),
    ],
)
def test_right_types_have_no_problem(hint: Any, value: Any) -> None:
    """A value of the promised type gives no words."""
    assert problem_finder(hint)(value) == ""


@pytest.mark.parametrize(
    ("hint", "value", "words"),
    [
        (int, None, "None, expected int"),
        (int, True, "True (bool), expected int"),
        (bool, 1, "1 (int), expected bool"),
        (int, 1.0, "1.0 (float), expected int"),
        (int, Subclass(1), "1 (Subclass), expected int"),
        (int, Foreign("Eq", "<Eq>"), "<Eq>, expected int"),
        (int, Foreign("Eq", "equal"), "equal (Eq), expected int"),
        (None, 1, "1 (int), expected NoneType"),
        (int | None, "a", "'a' (str), expected int"),
        (list[int], (1,), "(1,) (tuple), expected list"),
        (list[int], [1, "a"], "a list with 'a' (str), expected int"),
        (list[list[int]], [[None]], "a list with a list with None, expected int"),
        (tuple[int, int], (1,), "(1,) (tuple), expected tuple of 2"),
        (tuple[int, ...], (1, "a"), "a tuple with 'a' (str), expected int"),
        (dict[str, int], {1: 1}, "a dict with 1 (int), expected str"),
        (dict[str, int], {"a": "b"}, "a dict with 'b' (str), expected int"),
        (Pair, None, "None, expected Pair"),
        (
            Pair,
            Pair(1, cast(Any, [2])),
            "a Pair whose right is a list with 2 (int), expected str",
        ),
        (Iterator[int], 5, "5 (int), expected an iterator"),
    ],
)
def test_wrong_types_are_told(hint: Any, value: Any, words: str) -> None:
    """The first part of a value that is of a wrong type is shown with its type."""
    assert problem_finder(hint)(value) == words


def test_no_equality_is_asked() -> None:
    """A value's own methods cannot make a wrong type pass."""

    class Liar:
        __class__ = int  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    assert problem_finder(int)(Liar()).endswith(", expected int")


def test_a_result_is_looked_up_by_name(contract: Contract) -> None:
    """The result of a function or method is held against its own annotation."""
    assert contract.problem("", "double")("2") == "'2' (str), expected int"
    assert contract.problem("Counter", "add")(2) == "2 (int), expected Reading"
