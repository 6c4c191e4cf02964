"""How a check deals with an answer as if it had imported it."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from conftest import REFERENCE, STUB, Try

from graders.candidate import Answer, Candidate
from graders.contract import Contract
from graders.laws import expect, require
from graders.raising import AnswerRaised, NotDone, exception_class
from graders.results import Verdict
from graders.sandbox.host import Patience

ECHO = "def echo(value):\n    return {}\n"
ADD = REFERENCE.replace("return Reading(self.count, self.count == self.limit)", "{}")


def echo(candidate: Candidate) -> Any:
    return candidate.echo(1)


def add(candidate: Candidate) -> Any:
    return candidate.Counter(9, candidate.clock()).add()


def double(candidate: Candidate) -> Any:
    return candidate.double(1)


def passes(outcome: Any) -> None:
    assert (outcome.verdict, outcome.message) == (Verdict.PASS, "")


# Values


@pytest.mark.parametrize(
    "source",
    [
        *("None", "True", "-1", "1 << 70", "1.5", "'é'", "b'\\x00'"),
        *("[]", "[1, [True]]", "(1, (2,))", "{1, 2}", "frozenset({1})"),
        *("{}", "{1: 'a', (2, 3): [None]}", "[(), set()]"),
    ],
)
def test_plain_data_travels_both_ways(try_on: Try, source: str) -> None:
    """Plain data reaches the answer and comes back, equal and of the same type."""
    value = eval(source)

    def check(candidate: Candidate) -> None:
        expect(candidate.echo(value), value)
        expect(candidate.echo(value=value), value)

    passes(try_on(REFERENCE, check))


def test_an_answer_makes_the_same_data(try_on: Try) -> None:
    """What the answer itself makes is decoded to the same types."""
    made = "[1, (2,), {3: {4}}, frozenset({5}), 1 << 70]"

    def check(candidate: Candidate) -> None:
        expect(candidate.echo(0), eval(made))

    passes(try_on(ECHO.format(made), check))


def test_dataclasses_travel_both_ways(try_on: Try) -> None:
    """A record reaches the answer as its own class, and comes back as the stub's."""

    def check(candidate: Candidate) -> None:
        reading = candidate.Reading(3, False)
        expect(candidate.echo(reading), reading)
        expect(candidate.echo([reading]), [reading])

    is_own = "    assert type(value) is Reading or type(value[0]) is Reading\n"
    checked = REFERENCE.replace("    return value", is_own + "    return value")
    passes(try_on(checked, check))


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ("None", "None, expected int"),
        ("True", "True (bool), expected int"),
        ("2.0", "2.0 (float), expected int"),
        ("'2'", "'2' (str), expected int"),
        ("type('Int', (int,), {})(2)", "2 (Int), expected int"),
        ("[2]", "[2] (list), expected int"),
    ],
)
def test_a_wrong_type_fails_clearly(try_on: Try, result: str, problem: str) -> None:
    """A result that is not exactly of the stub's type is a failure that names both."""
    source = f"def double(n):\n    return {result}\n"
    outcome = try_on(source, double)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.message == f"double() returned {problem}"
    assert outcome.counterexample is not None
    assert outcome.counterexample.expected == "int"


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ("None", "None, expected Reading"),
        ("(1, False)", "(1, False) (tuple), expected Reading"),
        ("Reading(1, 0)", "a Reading whose full is 0 (int), expected bool"),
        ("Reading(None, False)", "a Reading whose count is None, expected int"),
    ],
)
def test_a_wrong_record_fails_clearly(try_on: Try, result: str, problem: str) -> None:
    """A record is looked at field by field."""
    outcome = try_on(ADD.format(f"return {result}"), add)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.message == f"add() returned {problem}"


def test_a_str_subclass_arrives_as_str(try_on: Try) -> None:
    """A str of an own class arrives as the text that it is, without its methods."""
    lie = "type('Str', (str,), {'__str__': lambda self: 'b', '__eq__': bool})('a')"

    def check(candidate: Candidate) -> None:
        expect(candidate.echo(0), "a")

    passes(try_on(ECHO.format(lie), check))


def test_a_container_subclass_cannot_lie(try_on: Try) -> None:
    """A list of a class of its own arrives with the members that it really has."""
    lie = "type('List', (list,), {'__iter__': lambda self: iter([9])})([1, 2])"

    def check(candidate: Candidate) -> None:
        require(candidate.echo(0) == [1, 2], None, "[1, 2]")

    passes(try_on(ECHO.format(lie), check))


CYCLE = "x = []\nx.append(x)\n" + ECHO.format("x")
DEEP = "x = []\nfor _ in range(999):\n    x = [x]\n" + ECHO.format("x")


@pytest.mark.parametrize("source", [CYCLE, DEEP, ECHO.format("1 << 99_999")])
def test_what_cannot_travel_is_no_crash(try_on: Try, source: str) -> None:
    """A value too deep, cyclic or too large arrives as something of no known type."""
    names: list[str] = []
    passes(try_on(source, lambda candidate: names.append(repr(echo(candidate)))))
    assert "a value nested deeper" in names[0] or "an int of 100000 bits" in names[0]


def test_a_large_set_is_no_broken_channel(try_on: Try) -> None:
    """A set with more members than are read back is told as such, by its size."""
    names: list[str] = []
    source = ECHO.format("set(range(20_000))")
    passes(try_on(source, lambda candidate: names.append(repr(echo(candidate)))))
    assert "20000" in names[0]


def test_a_record_without_a_field_is_none(try_on: Try) -> None:
    """A record of which a field was deleted is told by the field that it lacks."""
    deleted = "result = Reading(1, True)\n        object.__delattr__(result, 'full')"
    outcome = try_on(ADD.format(f"{deleted}\n        return result"), add)
    assert outcome.verdict is Verdict.FAIL
    assert "a Reading that has no full" in outcome.message


def test_an_object_shows_its_repr(try_on: Try) -> None:
    """An object of the answer's own class fails by its type, shown by its repr."""
    source = "class Two:\n    __repr__ = lambda self: 'two'\ndouble = lambda n: Two()"
    outcome = try_on(source, double)
    assert outcome.message == "double() returned two (Two), expected int"


def test_unsendable_arguments_are_the_checks_fault(try_on: Try) -> None:
    """A check that sends what is no data gets a TypeError of its own."""
    with pytest.raises(Exception, match="cannot be sent to an answer"):
        try_on(REFERENCE, lambda candidate: candidate.echo(object()))


# Exceptions

RAISING = """
class Own(ValueError):
    def __init__(self, said, size):
        super().__init__(said)
        self.size = size

def double(n):
    return halve(n)

def halve(n):
    raise Own(f"{n} is odd", size=n)  # here
"""


def test_an_exception_is_the_answers(try_on: Try) -> None:
    """An exception has its class's builtin base, its message and its attributes."""

    def check(candidate: Candidate) -> None:
        try:
            candidate.double(3)
        except ValueError as error:
            seen = (type(error).__name__, str(error), error.size)  # type: ignore[attr-defined]
            expect(seen, ("Own", "Own: 3 is odd", 3))
        else:
            raise AssertionError

    passes(try_on(RAISING, check))


@pytest.mark.parametrize(
    "holds",
    [
        "__slots__ = ('size',)\n    def __init__(self, n):\n        self.size = n",
        "size = property(lambda self: self.args[0])",
        "size = 3",
        "bad = property(lambda self: exit())\n    size = property(lambda self: 3)",
    ],
)
def test_an_exception_holds_attributes_in_any_way(try_on: Try, holds: str) -> None:
    """A slot, a property or a value of the class is an attribute as any other."""
    answer = f"""
class Own(ValueError):
    {holds}

def double(n):
    raise Own(n)
"""

    def check(candidate: Candidate) -> None:
        with pytest.raises(ValueError, match="Own") as caught:
            candidate.double(3)
        expect(caught.value.size, 3)  # type: ignore[attr-defined]

    passes(try_on(answer, check))


def test_an_exception_has_the_answers_lines(try_on: Try) -> None:
    """An exception that nobody expected is an error, with the answer's own line."""
    outcome = try_on(RAISING, double)
    line = 'line 11 in halve: raise Own(f"{n} is odd", size=n)  # here'
    assert outcome.verdict is Verdict.ERROR
    assert outcome.message == f"Own: 1 is odd ({line})"
    assert outcome.counterexample is not None
    assert outcome.counterexample.where == line


def test_the_stubs_exceptions_are_caught_by_name(try_on: Try) -> None:
    """A check can catch an exception of the stub as `candidate.Full`."""

    def check(candidate: Candidate) -> None:
        with pytest.raises(candidate.Full):
            candidate.Counter(0, candidate.clock()).add()

    passes(try_on(REFERENCE, check))


def test_exception_classes_are_kept(contract: Contract) -> None:
    """The same name and base give the same class, so that failures compare."""
    once = exception_class("Own", ["Own", "KeyError"], contract)
    assert once is exception_class("Own", ["Own", "KeyError"], contract)
    assert issubclass(once, KeyError)
    assert exception_class("Own", ["Own", "Full"], contract) is not once
    assert exception_class("Own", ["Own"], contract).__mro__[1] is AnswerRaised


def test_a_wrong_signature_shows_the_stubs(try_on: Try) -> None:
    """A call that the answer's function does not take is told with the stub's form."""
    outcome = try_on("def double():\n    return 2\n", double)
    assert outcome.verdict is Verdict.ERROR
    assert outcome.message.startswith("TypeError: double() takes 0 positional")
    assert outcome.message.endswith("(the stub says: double(n: int) -> int)")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (STUB, "double is still to do"),
        ("", "your file has no double"),
        ("def double(n):\n    raise NotImplementedError('x')", "double is still to do"),
    ],
)
def test_what_is_not_there_is_to_do(try_on: Try, source: str, words: str) -> None:
    """A stub's body and a missing name are to do, which is no failure."""
    outcome = try_on(source, double)
    assert (outcome.verdict, outcome.message) == (Verdict.TODO, words)


def test_a_missing_method_is_to_do(try_on: Try) -> None:
    """A class without a method of the stub has that still to do."""
    outcome = try_on(REFERENCE.replace("def add", "def sub"), add)
    assert outcome.verdict is Verdict.TODO
    assert outcome.message == "your file has no Counter.add"


def test_a_check_cannot_catch_to_do() -> None:
    """`except Exception` in a check does not swallow what is still to do."""
    assert not issubclass(NotDone, Exception)


BREAKS = [
    ("raise SystemExit(1)", Verdict.EXIT, "Your code raised SystemExit in place of"),
    ("raise KeyboardInterrupt", Verdict.EXIT, "Your code raised KeyboardInterrupt"),
    ("raise GeneratorExit", Verdict.ERROR, "Your code raised GeneratorExit, which is"),
    ("return 'a' * (1 << 40)", Verdict.MEMORY, "Your code needed more memory than it"),
    ("raise NotImplementedError", Verdict.TODO, "double is still to do"),
    ("raise RecursionError", Verdict.ERROR, "RecursionError (line 2 in double"),
    ("raise StopIteration", Verdict.ERROR, "StopIteration (line 2 in double"),
    ("__import__('os')._exit(0)", Verdict.EXIT, "Your code ended the program (exit"),
]


@pytest.mark.parametrize(("body", "verdict", "words"), BREAKS)
def test_a_check_cannot_catch_what_breaks(
    try_on: Try, body: str, verdict: Verdict, words: str
) -> None:
    """What is no ordinary exception has its verdict, whatever a check suppresses."""

    def check(candidate: Candidate) -> None:
        try:
            candidate.double(1)
        except ValueError:
            raise AssertionError from None

    outcome = try_on(f"def double(n):\n    {body}\n", check)
    assert outcome.verdict is verdict
    assert outcome.message.startswith(words)


def test_a_stopped_call_is_the_counterexample(try_on: Try) -> None:
    """The call that ended the answer is shown, with the calls before it."""
    source = "import os\ndef double(n):\n    return n if n < 3 else os._exit(0)\n"
    example = try_on(source, lambda c: [c.double(n) for n in range(9)]).counterexample
    assert example is not None
    assert example.code[-1] == "double(3)"
    assert len(example.code) == 4
    assert example.got.startswith("Your code ended the program")


def test_own_time_is_for_all_calls(try_on: Try) -> None:
    """A check has one budget of the answer's time, however many calls share it."""
    source = (
        "def double(n):\n    for _ in range(10 ** 6):\n        pass\n    return n\n"
    )

    def check(candidate: Candidate) -> None:
        while True:
            candidate.double(1)

    outcome = try_on(source, check, own_s=0.3)
    assert outcome.verdict is Verdict.TIMEOUT


# Iterators


def test_an_endless_generator_is_read_lazily(try_on: Try) -> None:
    """Of a generator only those items are made that are read."""

    def check(candidate: Candidate) -> None:
        numbers = candidate.count_from(5)
        expect(list(islice(numbers, 3)), [5, 6, 7])
        expect(next(numbers), 8)
        numbers.close()
        expect(list(numbers), [])

    passes(try_on(REFERENCE, check))


def test_a_generator_ends_where_it_ends(try_on: Try) -> None:
    """A generator's end is the iterator's end, and its exception is the answer's."""
    source = "def count_from(start):\n    yield start\n    if start: raise KeyError(2)"

    def check(candidate: Candidate) -> None:
        expect(list(candidate.count_from(0)), [0])
        with pytest.raises(KeyError):
            list(candidate.count_from(1))

    passes(try_on(source, check))


def test_a_generator_yields_records(try_on: Try) -> None:
    """Items are decoded like results."""
    source = ADD.replace("yield from count(start)", "yield Reading(1, True)")

    def check(candidate: Candidate) -> None:
        expect(list(candidate.count_from(0)), [candidate.Reading(1, True)])

    passes(try_on(source, check))


# Objects that live with the answer


def test_a_clock_is_read_when_called(try_on: Try) -> None:
    """The answer reads the time that the check has set, whenever it calls the clock."""
    source = "def echo(value):\n    return [value(), value()]"

    def check(candidate: Candidate) -> None:
        clock = candidate.clock(7)
        expect(candidate.echo(clock), [7, 7])
        clock.set(-3)
        expect(candidate.echo(clock), [-3, -3])

    passes(try_on(source, check))


def test_a_stream_is_read_once(try_on: Try) -> None:
    """A stream gives its items once, and tells how many of them were taken."""
    source = "def echo(value):\n    return [next(value['items']), *value['items']]"

    def check(candidate: Candidate) -> None:
        stream = candidate.stream([1, (2,), 3])
        expect(stream.taken(), 0)
        expect(candidate.echo({"items": stream}), [1, (2,), 3])
        expect(stream.taken(), 3)
        with pytest.raises(RuntimeError):
            candidate.echo({"items": stream})

    passes(try_on(source.replace("next(value", "take(value") + TAKE, check))


TAKE = """

def take(items):
    for item in items:
        return item
    raise RuntimeError("empty")
"""


def test_an_iterator_of_the_answer_is_an_argument(try_on: Try) -> None:
    """What the answer gave to be iterated can be passed to another call, unread."""
    source = REFERENCE + "\n\ndef echo(value):\n    return [next(value), next(value)]"

    def check(candidate: Candidate) -> None:
        counting = candidate.count_from(5)
        expect(next(counting), 5)
        expect(candidate.echo(counting), [6, 7])

    passes(try_on(source, check))


def test_a_kept_value_shows_what_was_done_to_it(try_on: Try) -> None:
    """A value that stays with the answer is one object, and can be looked at."""
    source = "def echo(value):\n    value.setdefault('b', []).append(1)\n    return 0"

    def check(candidate: Candidate) -> None:
        kept = candidate.keep({"a": [0]}, "graph")
        expect(kept.value(), {"a": [0]})
        candidate.echo(kept)
        candidate.echo(kept)
        expect(kept.value(), {"a": [0], "b": [1, 1]})
        require(False, kept.value(), "a look at the story")

    outcome = try_on(source, check)
    assert outcome.counterexample is not None
    assert outcome.counterexample.code == (
        "graph = {'a': [0]}",
        "graph  # {'a': [0]}",
        "echo(graph)  # 0",
        "echo(graph)  # 0",
        "graph  # {'a': [0], 'b': [1, 1]}",
        "graph",
    )


def test_only_exceptions_are_made_by_name(try_on: Try) -> None:
    """An exception that is named like something else does not become that."""

    class eval(Exception):
        pass

    def check(candidate: Candidate) -> None:
        candidate.echo(candidate.script(eval("1 + 1")))

    outcome = try_on(ECHO.format("value()"), check)
    assert outcome.verdict is Verdict.ERROR


def test_a_script_returns_and_raises(try_on: Try) -> None:
    """A scripted callable gives its steps in turn, the last one for ever."""
    source = "def echo(value):\n    return value(1, two=2)"

    def check(candidate: Candidate) -> None:
        script = candidate.script(1, ValueError("no"), [2])
        expect(candidate.echo(script), 1)
        with pytest.raises(ValueError, match="no"):
            candidate.echo(script)
        expect([candidate.echo(script), candidate.echo(script)], [[2], [2]])

    passes(try_on(source, check))


def test_objects_are_told_apart(try_on: Try) -> None:
    """Two instances keep their own state, and can be passed to the answer again."""
    source = REFERENCE.replace("return value", "return value.add(5)")

    def check(candidate: Candidate) -> None:
        first = candidate.Counter(9, candidate.clock())
        second = candidate.Counter(9, candidate.clock(1))
        first.add(2)
        expect(second.add(1), candidate.Reading(2, False))
        expect(candidate.echo(first), candidate.Reading(7, False))

    passes(try_on(source, check))


def test_unknown_names_are_the_checks_fault(try_on: Try) -> None:
    """A name that the stub does not have is an error of the check's author."""

    def check(candidate: Candidate) -> None:
        with pytest.raises(AttributeError, match="the stub has no 'triple'"):
            candidate.triple  # noqa: B018
        with pytest.raises(AttributeError, match="the stub's Counter has no 'sub'"):
            candidate.Counter(1, candidate.clock()).sub  # noqa: B018

    passes(try_on(REFERENCE, check))


# Many calls at once


def test_playing_equals_calling(try_on: Try) -> None:
    """Calls played in one message give what the same calls give one by one."""

    def check(candidate: Candidate) -> None:
        clock = candidate.clock()
        played = candidate.Counter(9, clock)
        called = candidate.Counter(9, clock)
        results = candidate.play(clock, [played.add.at(t, t) for t in (1, 2, 3)])
        expect(results, [called.add(t) for t in (1, 2, 3)])

    passes(try_on(REFERENCE, check))


def test_playing_sets_the_clock(try_on: Try) -> None:
    """Each played call reads the clock at its own time."""
    source = ADD.format("return Reading(self.clock(), True)")
    source = source.replace("self.limit = limit", "self.clock = clock; self.limit = 9")

    def check(candidate: Candidate) -> None:
        clock = candidate.clock(5)
        counter = candidate.Counter(9, clock)
        results = candidate.play(clock, [counter.add.at(t) for t in (5, 3, 8)])
        expect([result.count for result in results], [5, 3, 8])
        expect(counter.add(), count=8)

    passes(try_on(source, check))


def test_a_played_exception_ends_the_list(try_on: Try) -> None:
    """An exception in a played call is raised with the calls before it in the story."""

    def check(candidate: Candidate) -> None:
        clock = candidate.clock()
        counter = candidate.Counter(2, clock)
        candidate.play(clock, [counter.add.at(t) for t in range(9)])

    example = try_on(REFERENCE, check).counterexample
    assert example is not None
    assert example.got == "raises Full: 2"
    assert example.code[-1] == "counter.add()"
    assert example.code.count("clock.set(2)") == 1
    assert "clock.set(3)" not in example.code


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ("return None", "None, expected Reading"),
        ("return Reading(1, None)", "a Reading whose full is None, expected bool"),
    ],
)
def test_played_results_have_types(try_on: Try, result: str, problem: str) -> None:
    """A played call's result of a wrong type is a failure of that very call."""

    def check(candidate: Candidate) -> None:
        clock = candidate.clock()
        counter = candidate.Counter(9, clock)
        candidate.play(clock, [counter.add.at(t) for t in range(3)])

    outcome = try_on(ADD.format(result), check)
    assert outcome.message == f"add() returned {problem}"
    assert outcome.counterexample is not None
    assert outcome.counterexample.code[-1] == "counter.add()"
    assert len(outcome.counterexample.code) == 3


# The story


def test_used_names_are_noted(contract: Contract, zygote: Any) -> None:
    """What a check has used of an answer is known by name."""
    first = Candidate(contract, Answer(REFERENCE), zygote, Patience(9))
    answer, imported = first.first_load()
    first.close()
    assert "itertools" not in imported  # it was there before
    candidate = Candidate(contract, answer, zygote, Patience(9))
    candidate.example(lambda: expect([add(candidate).count, double(candidate)], [1, 2]))
    candidate.close()
    assert candidate.called == {"Counter", "double"}
