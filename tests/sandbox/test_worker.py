"""What a worker does for each operation; asked directly, without a candidate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from graders.sandbox.host import Patience, Worker, Zygote
from graders.sandbox.protocol import MANY

FIELDS = {"Reading": ["count", "full"]}
SOURCE = """
from dataclasses import dataclass

@dataclass
class Reading:
    count: int
    full: bool

class Counter:
    def __init__(self, clock):
        self.clock = clock

    def add(self, n=1):
        if n < 0:
            raise ValueError(n)
        return Reading(n, self.clock() > 5)

def double(n):
    return 2 * n

def echo(value):
    return value

def letters():
    yield "a"
    yield "b"
"""
NEW = [["clock", 1, 0], ["new", 2, "Counter", [{"h": 1}], {}]]
Ask = Callable[..., Any]


@pytest.fixture
def ask(zygote: Zygote) -> Iterator[Ask]:
    """Return what sends operations to a worker that has loaded a source."""
    workers: list[Worker] = []

    def load(source: str) -> Worker:
        worker = zygote.fork()
        workers.append(worker)
        ((_, code),) = worker.request([["compile", source, "mine.py"]], Patience(30))
        operation = ["load", code, source, "mine.py", FIELDS]
        assert worker.request([operation], Patience(30))[0][0] == "ok"
        return worker

    def ask(*operations: list[Any], source: str = SOURCE) -> Any:
        if not workers:
            load(source)
        return workers[0].request(list(operations), Patience(30))

    yield ask
    for worker in workers:
        worker.close()


def test_each_operation_has_an_outcome(ask: Ask) -> None:
    """The reply is a list of outcomes, one for each operation, in order."""
    calls = [["call", "double", [n], {}] for n in (1, 2)]
    assert ask(*calls) == [["ok", 2], ["ok", 4]]


def test_the_first_failure_is_the_last_outcome(ask: Ask) -> None:
    """Operations after one that failed are not carried out."""
    outcomes = ask(
        ["call", "double", [1], {}],
        ["call", "double", [None], {}],
        ["call", "double", [2], {}],
    )
    assert [outcome[0] for outcome in outcomes] == ["ok", "raised"]


def test_an_exception_is_plain_data(ask: Ask) -> None:
    """A raised exception tells name, bases, message, own lines and attributes."""
    ask(*NEW)
    ((kind, name, bases, said, frames, attributes),) = ask(
        ["method", 2, "add", [-1], {}]
    )
    line = SOURCE.splitlines().index("            raise ValueError(n)") + 1
    assert (kind, name, said, attributes) == ("raised", "ValueError", "-1", {})
    assert bases == ["ValueError", "Exception", "BaseException", "object"]
    assert frames == [[line, "add", "raise ValueError(n)"]]


def test_a_missing_name_is_told(ask: Ask) -> None:
    """A function or method that the answer does not have is missing, not raised."""
    assert ask(["call", "triple", [1], {}]) == [["missing", "triple"]]
    assert ask(*NEW, ["method", 2, "sub", [], {}])[-1] == ["missing", "Counter.sub"]


def test_records_travel_by_field(ask: Ask) -> None:
    """A record is sent as its name and its fields, in the stub's order."""
    outcomes = ask(*NEW, ["method", 2, "add", [], {"n": 3}])
    assert outcomes[-1] == ["ok", {"r": ["Reading", [3, False]]}]


def test_a_record_can_be_an_argument(ask: Ask) -> None:
    """A record that is sent is made with the answer's own class."""
    sent = {"r": ["Reading", {"count": 1, "full": True}]}
    outcomes = ask(["call", "echo", [sent], {}])
    assert outcomes == [["ok", {"r": ["Reading", [1, True]]}]]


def test_playing_sets_the_clock(ask: Ask) -> None:
    """The results of many calls come in one message, each call at its own time."""
    play = ["play", 1, [[2, "add"]], [4, 9], [0, 0], [[1], [2]]]
    outcomes = ask(*NEW, play)
    results = [{"r": ["Reading", [1, False]]}, {"r": ["Reading", [2, True]]}]
    assert outcomes[-1] == ["played", results, None]


def test_many_results_come_by_columns(ask: Ask) -> None:
    """Many records of one kind are sent field by field."""
    play = ["play", 1, [[2, "add"]], [0] * MANY, [0] * MANY, [[1]] * MANY]
    _, results, _ = ask(*NEW, play)[-1]
    columns = [[1] * MANY, [False] * MANY]
    assert results == {"rs": ["Reading", columns]}


def test_many_records_can_be_an_argument(ask: Ask) -> None:
    """Records that are sent by columns are made with the answer's own class."""
    sent = {"rs": ["Reading", [[1, 2], [True, False]]]}
    outcomes = ask(["call", "echo", [sent], {}])
    made = [{"r": ["Reading", [1, True]]}, {"r": ["Reading", [2, False]]}]
    assert outcomes == [["ok", made]]


def test_playing_stops_at_an_exception(ask: Ask) -> None:
    """What was played before an exception comes with it."""
    play = ["play", 1, [[2, "add"]], [0, 0, 0], [0, 0, 0], [[1], [-1], [2]]]
    kind, results, failure = ask(*NEW, play)[-1]
    assert (kind, results) == ("played", [{"r": ["Reading", [1, False]]}])
    assert failure[:2] == ["raised", "ValueError"]


def test_an_iterator_is_kept_and_read(ask: Ask) -> None:
    """An iterator stays in the worker under a number, and is read item by item."""
    ((_, kept),) = ask(["call", "letters", [], {}])
    number, kind = kept["it"]
    assert kind == "generator"
    assert ask(["next", number, 1]) == [["ok", [["a"], False]]]
    assert ask(["next", number, 5]) == [["ok", [["b"], True]]]


def test_reset_forgets_objects(ask: Ask) -> None:
    """After a reset the objects of the last example are gone."""
    ask(*NEW)
    outcomes = ask(["reset"], ["method", 2, "add", [], {}])
    assert outcomes[0] == ["ok", None]
    assert outcomes[1][0] == "raised"


def test_a_staged_call_runs_later(ask: Ask) -> None:
    """For timing a call is prepared, made and fetched by three operations."""
    assert ask(["stage", ["call", "double", [4], {}]]) == [["ok", None]]
    assert ask(["run"]) == [["ok", None]]
    assert ask(["fetch"]) == [["ok", 8]]


def test_a_staged_exception_is_fetched(ask: Ask) -> None:
    """An exception of a timed call is its result, told when fetched."""
    ask(["stage", ["call", "double", [None], {}]])
    assert ask(["run"]) == [["ok", None]]
    assert ask(["fetch"])[0][:2] == ["raised", "TypeError"]


def test_the_answer_is_a_module_of_its_name(ask: Ask) -> None:
    """The answer's module has a name, a file and none of our modules beside it."""
    source = (
        "import sys\n"
        "def echo(value):\n"
        "    ours = {'worker', 'protocol', 'msgspec', 'limits', 'pytest'}\n"
        "    return [__name__, __file__, sorted(ours & set(sys.modules)), sys.path]\n"
    )
    ((_, (name, file, ours, paths)),) = ask(["call", "echo", [0], {}], source=source)
    assert (name, file, ours) == ("answer", "mine.py", [])
    assert not any("site-packages" in path or "graders" in path for path in paths)


def test_text_that_is_none_is_escaped(ask: Ask) -> None:
    """A message that cannot be written as UTF-8 is told all the same."""
    source = "def echo(value):\n    raise ValueError('\\ud800')\n"
    ((_, _, _, said, _, _),) = ask(["call", "echo", [0], {}], source=source)
    assert said == "\\ud800"


@pytest.mark.parametrize(
    "body",
    ["raise SystemExit(3)", "1 // 0", "return 5", "raise KeyError", "return b'x'"],
)
def test_a_bad_str_is_told(ask: Ask, body: str) -> None:
    """An exception whose own `__str__` fails is told nevertheless."""
    source = f"class E(Exception):\n    def __str__(self): {body}\n"
    source += "def echo(value):\n    raise E\n"
    ((kind, name, _, said, _, _),) = ask(["call", "echo", [0], {}], source=source)
    assert (kind, name) == ("raised", "E")
    assert said.startswith("<str() raised ")


def test_own_lines_are_the_last_five(ask: Ask) -> None:
    """Of a deep recursion only the innermost lines of the answer are told."""
    source = "def echo(value):\n    return echo(value)\n"
    ((_, name, _, _, frames, _),) = ask(["call", "echo", [0], {}], source=source)
    assert name == "RecursionError"
    assert frames == [[2, "echo", "return echo(value)"]] * 5
