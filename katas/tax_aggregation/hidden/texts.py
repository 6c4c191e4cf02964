"""Lines of a stream as JSON texts, good and bad, and what has to be read from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st
from strategies import Line, any_lines, line, sent

from graders.contract import problem_finder
from graders.laws import expect, require

GOOD: dict[str, Any] = {
    "id": "1",
    "invoice": "I",
    "day": "2024-02-29",
    "unit_price": 100,
    "qty": 1,
    "category": "food",
    "jurisdictions": ["A"],
}
FIELDS = list(GOOD)


class Text(NamedTuple):
    """A text and the line in it; None if it is to be rejected."""

    text: str
    line: Line | None = None


def good(one: Line, **changes: Any) -> Text:
    """Return a line as a text; `changes` are further fields."""
    fields = {name: value for name, value in vars(one).items() if value is not None}
    fields["day"] = one.day.isoformat()
    if one.original_day is not None:
        fields["original_day"] = one.original_day.isoformat()
    return Text(json.dumps({**fields, **changes}, ensure_ascii=False), one)


def bad(**changes: Any) -> Text:
    """Return a text that is good but for these fields."""
    return Text(json.dumps({**GOOD, **changes}))


def bad_raw(name: str, value: str) -> Text:
    """Return a text that is good but for a field, whose JSON is given."""
    return Text(bad(**{name: "?"}).text.replace('"?"', value))


def without(name: str) -> Text:
    return Text(json.dumps({key: GOOD[key] for key in FIELDS if key != name}))


good_texts = any_lines.map(lambda lines: [good(one) for one in lines])
few_good = st.sampled_from([0, 1, 2])


@cache
def _problem(line: type, rejected: type) -> Any:
    return problem_finder(line | rejected)


def read(candidate: Any, texts: Iterable[Any]) -> list[Any]:
    """Return all that the answer reads, each of its type."""
    items = []
    find = _problem(candidate.Line, candidate.Rejected)
    for item in candidate.read_lines(texts if hasattr(texts, "number") else [*texts]):
        problem = find(item)
        require(not problem, item, f"a Line or a Rejected of the stub, not {problem}")
        items.append(item)
    return items


def expect_read(
    candidate: Any, texts: Sequence[Text], why: str, ending: str = "\n"
) -> None:
    """Demand that each text gives its line, or a Rejected with its number."""
    got = read(candidate, [one.text + ending for one in texts])
    numbered = enumerate(texts, 1)
    wanted = [(n, one) for n, one in numbered if one.text.strip("\ufeff \t\r\n")]
    for item, (number, one) in zip(got, wanted, strict=False):
        if one.line is None:
            is_it = type(item) is candidate.Rejected and item.number == number
            require(is_it, item, f"Rejected(number={number}, reason=...): {why}")
        else:
            expect(item, *sent(candidate, [one.line]), why=why)
    require(len(got) == len(wanted), got, f"{len(wanted)} results, one a line: {why}")


def around(texts: Sequence[Text], before: int = 1, after: int = 1) -> list[Text]:
    """Return the texts with good ones around them."""
    one = good(line(7, 2, "BA", id="g", category="book"))
    return [*[one] * before, *texts, *[one] * after]
