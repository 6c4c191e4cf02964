"""What a check holds: a stand-in for the answer's module.

Calls go to the worker, results come back decoded and of the type that the stub
promises. Every call is noted, so that the smallest failing example can be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from graders.contract import Contract
from graders.raising import (
    AnswerRaised,
    LawBroken,
    NotDone,
    SmallestFound,
    WrongType,
    exception_class,
)
from graders.results import Verdict
from graders.sandbox.host import (
    AnswerStopped,
    Patience,
    Worker,
    Zygote,
    out_of_memory,
)
from graders.sandbox.protocol import Malformed, decode, encode, is_plain
from graders.showing import Foreign, clean, show, without_addresses
from graders.story import Event, Failure, arguments, snake_case

MAX_ITEMS = 1_000_000
"""Most items that are read from one iterator."""
MAX_SHRINKS = 300
"""Most examples that are tried to make a failing one smaller."""


@dataclass(frozen=True)
class Answer:
    """A file to grade, as bytes that were decoded, and its compiled form."""

    source: str
    filename: str = "stub.py"
    code: bytes = b""

    def load_operation(self, contract: Contract) -> list[Any]:
        return ["load", self.code, self.source, self.filename, contract.record_fields]


class Step(NamedTuple):
    """One call of `Candidate.play`: when, what, with which arguments."""

    at: int
    method: RemoteMethod
    args: tuple[Any, ...] = ()


class Candidate:
    """The answer's module, as a check sees it."""

    def __init__(
        self,
        contract: Contract,
        answer: Answer,
        zygote: Zygote,
        patience: Patience,
        shrinks: int = MAX_SHRINKS,
        seed: int = 0,
    ) -> None:
        self._contract = contract
        self._answer = answer
        self._zygote = zygote
        self.patience = patience
        self.seed = seed
        self.depth = 1
        """How many times the usual number of schedules to try, for threads."""
        self._worker: Worker | None = None
        self._pending: list[list[Any]] = []
        self._numbers = 0
        self._names: dict[str, int] = {}
        self.tries_left = shrinks
        self._shares_process = True
        self.events: list[Event] = []
        self.failure: Failure | None = None
        self.called: set[str] = set()
        """Names of the answer's classes and functions that the check has used."""

    # For whoever runs the check

    def example(self, run: Callable[[], None]) -> None:
        """Run one example of a check; note it if it fails.

        Examples share a process, which is ten times faster than one for each. What
        fails in it is believed only if it also fails in a fresh one; an answer that
        keeps something between examples gets a fresh process for each from then on.
        """
        if self.failure is not None:
            if self.tries_left <= 0:
                raise SmallestFound
            self.tries_left -= 1
        if self._worker is not None:
            with suppress(AnswerRaised, LawBroken, AnswerStopped, NotDone):
                self._tell_anew(["reset"])
                return run()
            self.close()
            self._shares_process = False
        self._in_fresh_process(run)

    def _in_fresh_process(self, run: Callable[[], None]) -> None:
        self._tell_anew(self._answer.load_operation(self._contract))
        try:
            run()
        except (AnswerRaised, LawBroken) as error:
            self._note_failure(error, self.close())
            self._shares_process = True
            raise
        if not self._shares_process:
            self.close()

    def _note_failure(self, error: AnswerRaised | LawBroken, printed: str) -> None:
        events = self.events[: self.event_of(error.got) + 1]
        if self.failure is None or len(events) <= len(self.failure.events):
            self.failure = Failure(error, events, printed)

    def _tell_anew(self, beginning: list[Any]) -> None:
        self._numbers, self._names, self.events = 0, {}, []
        self._pending = [beginning]

    def close(self) -> str:
        """End the worker, if there is one; return the beginning of what it printed."""
        if self._worker is None:
            return ""
        self._worker.close()
        printed = self._worker.printed.start.decode("utf-8", "backslashreplace")
        self._worker = None
        return clean(printed)

    def first_load(self) -> tuple[Answer, str]:
        """Compile and import the answer; return it compiled, and what it imported."""
        limit_s = self._zygote.limits.load_s
        source = ["compile", self._answer.source, self._answer.filename]
        code = self._result(self._ask(source, limit_s))
        compiled = replace(self._answer, code=code)
        load = compiled.load_operation(self._contract)
        imported = self._result(self._ask(load, limit_s))
        return compiled, str(imported)

    def _result(self, outcome: list[Any]) -> Any:
        if outcome[0] != "ok":
            raise self._unanswered(outcome, None)
        return outcome[1]

    def event_of(self, value: Any) -> int:
        """Return the place of the latest call that gave this very value."""
        for place in range(len(self.events) - 1, -1, -1):
            if self.events[place].is_call and self.events[place].result is value:
                return place
        return len(self.events) - 1

    @property
    def source_lines(self) -> list[str]:
        return self._answer.source.splitlines()

    # For the author of a check

    def clock(self, now: int = 0) -> RemoteClock:
        """Make a clock that lives with the answer; set it with `clock.set(now)`."""
        clock = RemoteClock(self, self._number(), self._name("clock"), now)
        self._pending.append(["clock", clock.number, self._encode(now)])
        self._note(lambda width: f"{clock.name} = Clock({show(now, width)})")
        return clock

    def script(self, *steps: Any) -> RemoteObject:
        """Make a callable that gives these values in turn, the last one for ever.

        An exception instance is raised in place of being returned.
        """
        made = RemoteObject(self, self._number(), self._name("script"), "")
        wire = [
            ["raise" if isinstance(step, Exception) else "return", self._encode(step)]
            for step in steps
        ]
        self._pending.append(["script", made.number, wire])
        self._note(lambda width: f"{made.name} = Script({arguments(steps, {}, width)})")
        return made

    def stream(self, items: Iterable[Any]) -> RemoteStream:
        """Make an iterator that gives these items once; it is an argument for calls.

        `stream.taken()` says how many have been taken.
        """
        made = RemoteStream(self, self._number(), self._name("stream"), "")
        items = list(items)
        self._pending.append(["stream", made.number, self._encode(items)])
        self._note(lambda width: f"{made.name} = Stream({show(items, width)})")
        return made

    def keep(self, value: Any, name: str = "kept") -> RemoteValue:
        """Make a value that stays with the answer; it is an argument for calls.

        `kept.value()` says what it is by then: a call may have changed it.
        """
        made = RemoteValue(self, self._number(), self._name(name), "")
        self._pending.append(["keep", made.number, self._encode(value)])
        self._note(lambda width: f"{made.name} = {show(value, width)}")
        return made

    def play(self, clock: RemoteClock, steps: Sequence[Step]) -> list[Any]:
        """Make many calls in one message; each one sets the clock to its time first.

        Returns the results. An exception of the answer ends the list and is raised.
        """
        self.called |= {step.method.owner_name for step in steps}
        try:
            outcome = self._ask(self._play_operation(clock, steps))
        except AnswerStopped:
            for step in steps[: self._zygote.step + 1]:
                self._note_step(clock, step, None)
            raise
        if outcome[0] != "played":
            outcome = ["played", [], outcome]
        body, failure = outcome[1:]
        if failure is not None and not _are_outcomes([failure], 1):
            raise self._broken()
        results = self._decode(body)
        if type(results) is not list:
            raise self._broken()
        for step, result in zip(steps, results, strict=False):
            self._note_step(clock, step, result)
            self._check_type(step.method, result)
        if failure and len(results) < len(steps):
            failed = steps[len(results)]
            self._note_step(clock, failed, None)
            raise self._unanswered(failure, failed.method)
        if failure or len(results) != len(steps):
            raise self._broken()
        return results

    def _play_operation(self, clock: RemoteClock, steps: Sequence[Step]) -> list[Any]:
        methods = list({(step.method.owner.number, step.method.name) for step in steps})
        places = {method: place for place, method in enumerate(methods)}
        which = [places[step.method.owner.number, step.method.name] for step in steps]
        times = self._encode([step.at for step in steps])
        calls = self._encode([list(step.args) for step in steps])
        return ["play", clock.number, methods, times, which, calls]

    def __getattr__(self, name: str) -> Any:
        contract = self._contract
        if name in contract.records:
            return contract.records[name]
        if name in contract.exceptions:
            return contract.exceptions[name]
        if name in contract.classes:
            return RemoteClass(self, name)
        if name in contract.functions:
            return RemoteFunction(self, name)
        raise AttributeError(f"the stub has no {name!r}")

    # Asking the worker

    def _ask(self, operation: list[Any], limit_s: float | None = None) -> list[Any]:
        """Send what is pending and then the operation; return its outcome."""
        operations, self._pending = self._pending, []
        operations.append(operation)
        worker, law = self._worker, self.patience
        if worker is None:
            self._worker = worker = self._zygote.fork()
        if law.used_s >= law.allowed_s:
            message = f"Far too slow: more than {law.allowed_s:g} s for this law."
            raise worker.stop(Verdict.TIMEOUT, message)
        patience = Patience(limit_s or self._zygote.limits.call_s)
        try:
            outcomes = worker.request(operations, patience)
        finally:
            law.used_s += patience.used_s
        if not _are_outcomes(outcomes, len(operations)):
            raise worker.broken_channel()
        outcome: list[Any] = outcomes[-1]
        return outcome

    def ask(
        self, operation: list[Any], event: Event, method: RemoteMethod | None
    ) -> Any:
        """Make one call of the answer; return its result, of the promised type."""
        self.events.append(event)
        if method is not None:
            self.called.add(method.owner_name or method.name)
        try:
            outcome = self._ask(operation)
        except AnswerStopped as stopped:
            event.result = stopped
            raise
        if outcome[0] != "ok":
            raise self._unanswered(outcome, method)
        event.result = self._decode(outcome[1])
        if method is not None:
            self._check_type(method, event.result)
        return event.result

    def _check_type(self, method: RemoteMethod, result: Any) -> None:
        wrong = method.problem(result)
        if wrong:
            raise WrongType(result, f"{method.name}() returned {wrong}")

    # Values on the wire

    def _encode(self, value: Any) -> Any:
        return encode(value, self._special)

    def _encode_arguments(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> list[Any]:
        named = kwargs and {key: self._encode(value) for key, value in kwargs.items()}
        return [list(args) if is_plain(args) else self._encode(list(args)), named]

    def _special(self, value: Any, depth: int) -> dict[str, Any] | None:
        if isinstance(value, RemoteObject | RemoteIterator):
            return {"h": value.number}
        if type(value) is list:
            return self._columns(value)
        name = type(value).__name__
        if type(value) is self._contract.records.get(name):
            fields = self._contract.record_fields[name]
            return {"r": [name, {f: self._encode(getattr(value, f)) for f in fields}]}
        if isinstance(value, BaseException):
            return {"e": [name, str(value)]}
        raise TypeError(f"{show(value)} cannot be sent to an answer")

    def _columns(self, values: list[Any]) -> dict[str, Any] | None:
        name = type(values[0]).__name__
        if type(values[0]) is not self._contract.records.get(name):
            return None
        fields = self._contract.record_fields[name]
        columns = [self._encode(list(map(attrgetter(f), values))) for f in fields]
        return {"rs": [name, columns]} if columns else None

    def read(self, value: Any) -> Any:
        """Return the value of a wire form; Malformed if it is none."""
        return decode(value, self._read_special)

    def _decode(self, value: Any) -> Any:
        try:
            return decode(value, self._read_special)
        except (Malformed, RecursionError):
            raise self._broken() from None

    def _read_special(self, tag: str, body: Any) -> Any:
        if tag == "r":
            name, fields = body
            return self._contract.records[name](*decode(fields, self._read_special))
        if tag == "rs":
            name, columns = body
            columns = [decode(column, self._read_special) for column in columns]
            return list(map(self._contract.records[name], *columns))
        if tag == "x":
            text = without_addresses(clean(str(body[1]), 200))
            return Foreign(clean(str(body[0]), 120), text)
        if tag == "it":
            return RemoteIterator(self, int(body[0]), clean(str(body[1]), 80))
        if tag == "h":
            return RemoteObject(self, int(body), f"object {int(body)}", "")
        raise Malformed(f"unknown tag {tag!r:.20}")

    def _broken(self) -> AnswerStopped:
        assert self._worker is not None
        return self._worker.broken_channel()

    # Exceptions of the answer

    def _unanswered(
        self, outcome: list[Any], method: RemoteMethod | None
    ) -> BaseException:
        """Return what a check sees of a call that gave no result."""
        if outcome[0] == "missing":
            return NotDone(f"your file has no {clean(str(outcome[1]), 160)}")
        if outcome[0] != "raised":
            return self._broken()
        error = self._exception(outcome)
        if self.events:
            self.events[-1].raised = error
        stopped = self._no_exception(error, method)
        if stopped is None and method is not None and not error.frames:
            # raised before any line of the answer ran
            signature = self._contract.signature(method.owner_name, method.name)
            error.said = f"{error.said} (the stub says: {signature})"
        return stopped or error

    def _exception(self, outcome: list[Any]) -> AnswerRaised:
        try:
            _, name, bases, said, frames, attributes = outcome
            bases = [str(base) for base in bases]
            error = exception_class(clean(name, 80), bases, self._contract)()
            error.bases = bases
            error.said = without_addresses(clean(said))
            error.frames = [[int(f[0]), clean(f[1]), clean(f[2])] for f in frames]
            for key, value in attributes.items():
                if key.isidentifier() and not hasattr(error, key):
                    setattr(error, key, self._decode(value))
            return error
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
            raise self._broken() from None

    def _no_exception(
        self, error: AnswerRaised, method: RemoteMethod | None
    ) -> BaseException | None:
        """Return what an exception means that is not to be seen as one."""
        if "NotImplementedError" in error.bases:
            return NotDone(f"{method.qualified if method else 'it'} is still to do")
        if "MemoryError" in error.bases:
            return self._stop(Verdict.MEMORY, out_of_memory(self._zygote.limits))
        if {"SystemExit", "KeyboardInterrupt"} & set(error.bases):
            name = error.type_name
            message = f"Your code raised {name} in place of returning an answer."
            return self._stop(Verdict.EXIT, message)
        if "Exception" not in error.bases:
            words = f"Your code raised {error}, which is no Exception."
            return self._stop(Verdict.ERROR, words)
        return None

    def _stop(self, verdict: Verdict, message: str) -> AnswerStopped:
        assert self._worker is not None
        return self._worker.stop(verdict, message)

    # The story so far

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _name(self, base: str) -> str:
        self._names[base] = count = self._names.get(base, 0) + 1
        return base if count == 1 else f"{base}_{count}"

    def _note(self, text: Callable[[int], str]) -> None:
        self.events.append(Event(text, is_call=False))

    def _note_step(self, clock: RemoteClock, step: Step, result: Any) -> None:
        clock.note(step.at)
        text = partial(step.method.text, step.args, {})
        self.events.append(Event(text, result))


_SIZES: dict[Any, int] = {"ok": 2, "raised": 6, "played": 3, "missing": 2}


def _are_outcomes(outcomes: Any, asked: int) -> bool:
    """Tell whether a reply has the form of outcomes: it may be forged."""
    if type(outcomes) is not list or not 0 < len(outcomes) <= asked:
        return False
    for outcome in outcomes:
        if type(outcome) is not list or not outcome or type(outcome[0]) is not str:
            return False
        if _SIZES.get(outcome[0]) != len(outcome):
            return False
    return len(outcomes) == asked or outcomes[-1][0] in ("raised", "missing")


class RemoteObject:
    """An object that lives in the worker, by number."""

    def __init__(
        self, candidate: Candidate, number: int, name: str, class_name: str
    ) -> None:
        self.candidate = candidate
        self.number = number
        self.name = name
        self.class_name = class_name

    def __repr__(self) -> str:
        return self.name


class RemoteClock(RemoteObject):
    """A clock that the answer reads and the check sets."""

    def __init__(self, candidate: Candidate, number: int, name: str, now: int) -> None:
        super().__init__(candidate, number, name, "Clock")
        self.now = now

    def set(self, now: int) -> None:
        candidate = self.candidate
        candidate._pending.append(["set", self.number, candidate._encode(now)])
        self.note(now)

    def note(self, now: int) -> None:
        """Add to the story that the clock was set, if that changes it."""
        if now != self.now:
            self.now = now
            line = f"{self.name}.set({{}})"
            self.candidate._note(lambda width: line.format(show(now, width)))


class RemoteStream(RemoteObject):
    """An iterator that the answer may read once."""

    def taken(self) -> int:
        """Return how many of its items have been taken."""
        event = Event(lambda width: f"{self.name}.taken()")
        count = self.candidate.ask(["look", self.number, "taken"], event, None)
        if type(count) is not int:
            raise self.candidate._broken()
        return count


class RemoteValue(RemoteObject):
    """A value that an answer gets as an argument, perhaps of several calls."""

    def value(self) -> Any:
        """Return what it is now."""
        event = Event(lambda width: self.name)
        return self.candidate.ask(["look", self.number, ""], event, None)


class RemoteInstance(RemoteObject):
    """An instance of one of the answer's classes."""

    def __getattr__(self, name: str) -> RemoteMethod:
        if not self.candidate._contract.has(self.class_name, name):
            raise AttributeError(f"the stub's {self.class_name} has no {name!r}")
        method = RemoteMethod(self.candidate, self, name)
        setattr(self, name, method)
        return method


class RemoteMethod:
    """A method of an object in the worker; call it, or name it in a `Step`."""

    def __init__(self, candidate: Candidate, owner: RemoteObject, name: str) -> None:
        self.candidate = candidate
        self.owner = owner
        self.name = name
        self.owner_name = owner.class_name
        self.problem = candidate._contract.problem(owner.class_name, name)

    @property
    def qualified(self) -> str:
        return f"{self.owner_name}.{self.name}".strip(".")

    def text(self, args: Sequence[Any], kwargs: dict[str, Any], width: int) -> str:
        """Return the call as source."""
        return f"{self.owner.name}.{self.name}({arguments(args, kwargs, width)})"

    def at(self, moment: int, *args: Any) -> Step:
        """Return this call as a step of `Candidate.play`."""
        return Step(moment, self, args)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        candidate = self.candidate
        operation = ["method", self.owner.number, self.name]
        operation += candidate._encode_arguments(args, kwargs)
        return candidate.ask(operation, Event(partial(self.text, args, kwargs)), self)


@dataclass(frozen=True)
class RemoteFunction:
    """A function of the answer's module."""

    candidate: Candidate
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        candidate = self.candidate
        operation = ["call", self.name, *candidate._encode_arguments(args, kwargs)]
        event = Event(lambda width: f"{self.name}({arguments(args, kwargs, width)})")
        module = RemoteObject(candidate, 0, "", "")
        return candidate.ask(
            operation, event, RemoteMethod(candidate, module, self.name)
        )


@dataclass(frozen=True)
class RemoteClass:
    """A class of the answer's module; call it for an instance."""

    candidate: Candidate
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> RemoteInstance:
        candidate = self.candidate
        variable = candidate._name(snake_case(self.name))
        made = RemoteInstance(candidate, candidate._number(), variable, self.name)
        operation = ["new", made.number, self.name]
        operation += candidate._encode_arguments(args, kwargs)
        making = f"{variable} = {self.name}"
        event = Event(lambda width: f"{making}({arguments(args, kwargs, width)})")
        candidate.ask(operation, event, RemoteMethod(candidate, made, "__init__"))
        return made


class RemoteIterator:
    """An iterator of the answer, read one item at a time."""

    def __init__(self, candidate: Candidate, number: int, type_name: str) -> None:
        self._candidate = candidate
        self.number = number
        self._read = 0
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<{self.type_name}>"

    def __eq__(self, other: object) -> bool:
        """Two are the same to a check whatever the answer's class for them is."""
        return isinstance(other, RemoteIterator) and other.number == self.number

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        event = Event(lambda width: "next(iterator)")
        operation = ["next", self.number, 1]
        items, exhausted = self._candidate.ask(operation, event, None)
        if exhausted and not items:
            raise StopIteration
        self._read += 1
        if self._read > MAX_ITEMS:
            raise LawBroken(self, f"at most {MAX_ITEMS:,} items from one iterator")
        event.result = items[0]
        return items[0]

    def close(self) -> None:
        self._candidate.ask(
            ["close", self.number], Event(lambda width: "iterator.close()"), None
        )
