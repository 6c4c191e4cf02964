"""What a check says of threads: a scenario, and what must hold however they interleave.

    scene = Scenario(candidate)
    clock = scene.clock()
    limiter = scene.Limiter(scene.SlidingWindow(1, 10, clock))
    scene.thread(limiter.check("a"))
    scene.thread(pause(5), limiter.check("a"))
    explore(scene, at_most_one)

The worker plays the scenario under many schedules; the histories that come back are
judged here. What fails is made smaller, and shown with the lines that ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, NamedTuple

import msgspec

from graders.candidate import (
    AnswerRaised,
    Candidate,
    LawBroken,
    RemoteMethod,
    RemoteObject,
    WrongType,
    arguments,
    snake_case,
)
from graders.results import Verdict
from graders.sandbox.host import AnswerStopped
from graders.showing import clean, show

SCHEDULES = 150
"""How many schedules a scenario is played under."""
BATCHES = (1, 9, 30)
"""Schedules of the first messages: most mistakes show early. Then as the last one."""
BATCH_S = 2.0
"""The answer's own seconds for one message."""
MAX_TRIES = 60
"""Most schedules that are tried to find one with fewer switches."""
MAX_ROWS = 12
_WIDTH = 76

Choices = list[tuple[int, int, int, int]]
Broken = LawBroken | AnswerRaised


class Call(NamedTuple):
    """A call that a thread is to make, or a pause."""

    method: RemoteMethod | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    pause: int = 0

    def text(self, width: int = 60) -> str:
        if self.method is None:
            return f"pause({self.pause})"
        return self.method.text(self.args, self.kwargs, width)


def pause(microseconds: int) -> Call:
    """Let the thread sleep, in virtual time."""
    return Call(None, (), {}, microseconds)


class Made(RemoteObject):
    """An object that each playing of a scenario makes anew; its methods give calls."""

    def __getattr__(self, name: str) -> Callable[..., Call]:
        if not self.candidate._contract.has(self.class_name, name):
            raise AttributeError(f"the stub's {self.class_name} has no {name!r}")
        method = RemoteMethod(self.candidate, self, name)
        return lambda *args, **kwargs: Call(method, args, kwargs)


class Scenario:
    """Objects to make, calls for each thread, and calls for when all have ended."""

    def __init__(self, candidate: Candidate, *, hasty: bool = True) -> None:
        self.candidate = candidate
        self.hasty = hasty
        """Whether waits may be over while others could run, as if those were slow.

        If not, time passes only when nobody can run: times are then exact."""
        self.story: list[str] = []
        self._setup: list[list[Any]] = []
        self.threads: list[tuple[Call, ...]] = []
        self.finals: list[Call] = []

    def clock(self, now: int = 0) -> Made:
        """Make a clock that moves with virtual time."""
        clock = self._made("clock", "Clock")
        self._setup.append(["clock", clock.number, now])
        self.story.append(f"{clock.name} = Clock({show(now)})")
        return clock

    def script(self, *steps: Any) -> Made:
        """Make a callable that gives these values in turn, as `Candidate.script`."""
        script = self._made("script", "Script")
        wire = [
            ["raise" if isinstance(s, Exception) else "return", self._encode(s)]
            for s in steps
        ]
        self._setup.append(["script", script.number, wire])
        self.story.append(f"{script.name} = Script({arguments(steps, {}, 60)})")
        return script

    def __getattr__(self, name: str) -> Callable[..., Made]:
        if name not in self.candidate._contract.classes:
            raise AttributeError(f"the stub has no class {name!r}")
        return lambda *args, **kwargs: self._new(name, args, kwargs)

    def _new(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Made:
        made = self._made(snake_case(name), name)
        wire = {key: self._encode(value) for key, value in kwargs.items()}
        self._setup.append(["new", made.number, name, self._encode(list(args)), wire])
        self.story.append(f"{made.name} = {name}({arguments(args, kwargs, 60)})")
        self.candidate.called.add(name)
        return made

    def _made(self, base: str, class_name: str) -> Made:
        candidate = self.candidate
        number, name = candidate._number(), candidate._name(base)
        return Made(candidate, number, name, class_name)

    def function(self, name: str, *args: Any, **kwargs: Any) -> Call:
        """Return a call of one of the stub's functions."""
        module = RemoteObject(self.candidate, 0, "", "")
        return Call(RemoteMethod(self.candidate, module, name), args, kwargs)

    def first(self, *calls: Call) -> None:
        """Make calls while there is one thread only."""
        for call in calls:
            self._setup.append(self._operation(call))
            self.story.append(call.text())

    def thread(self, *calls: Call) -> None:
        self.threads.append(calls)

    def finally_(self, *calls: Call) -> None:
        """Make calls when all threads have ended."""
        self.finals.extend(calls)

    def wire(self) -> dict[str, Any]:
        """Return the scenario as it travels."""
        return {
            "setup": self._setup,
            "threads": [list(map(self._operation, calls)) for calls in self.threads],
            "finals": list(map(self._operation, self.finals)),
            "hasty": self.hasty,
        }

    def _operation(self, call: Call) -> list[Any]:
        if call.method is None:
            return ["pause", call.pause]
        wire = {key: self._encode(value) for key, value in call.kwargs.items()}
        args, owner = self._encode(list(call.args)), call.method.owner.number
        if owner == 0:
            return ["call", call.method.name, args, wire]
        return ["method", owner, call.method.name, args, wire]

    def _encode(self, value: Any) -> Any:
        return self.candidate._encode(value)

    def planned(self, thread: int, place: int) -> Call:
        return (self.threads[thread - 1] if thread else self.finals)[place]


@dataclass(frozen=True)
class Done:
    """A call as it was made under one schedule."""

    thread: int
    """1 for the first; 0 for a call after all threads have ended."""
    call: Call
    began: int
    """Its place in the order of all beginnings and endings."""
    ended: int
    """Likewise; larger than any other if the call has not ended."""
    at: int
    """Virtual time at which it was made, microseconds."""
    until: int
    """Virtual time at which it ended."""
    value: Any = None
    error: AnswerRaised | None = None

    @property
    def name(self) -> str:
        return self.call.method.name if self.call.method else "pause"

    @property
    def result(self) -> Any:
        """What it returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def returned(self) -> bool:
        return self.ended < NOT_ENDED

    def text(self) -> str:
        return f"T{self.thread}: {self.call.text()}"


NOT_ENDED = 1 << 60


class Waiting(msgspec.Struct, frozen=True):
    """A thread that can never go on, and what for."""

    thread: str
    line: int
    what: str = msgspec.field(name="for")
    """What it waits for: "lock", "task" or "nothing"."""
    lock: str
    """What the line's function calls the lock; "" for one that it has no name for."""
    holder: str
    since: int
    """The line in which the holder took it."""


class Wire(msgspec.Struct, array_like=True, frozen=True):
    """A history as it comes from the worker."""

    place: int
    ending: Literal["done", "stuck", "busy"]
    unprepared: list[Any] | None
    calls: list[tuple[int, int, int, int, int, int, list[Any] | None]]
    crashed: list[list[Any]]
    stuck: list[Waiting]
    choices: Choices
    trace: list[tuple[int, int, bool]]
    names: list[str]


@dataclass(frozen=True)
class History:
    """What came of a scenario under one schedule."""

    done: tuple[Done, ...]
    """The calls of the threads, in the order in which they began."""
    finals: tuple[Done, ...]
    ending: Literal["done", "stuck", "busy"]
    """"done", "stuck" or "busy"."""
    stuck: tuple[Waiting, ...] = ()

    def of(self, *names: str) -> list[Done]:
        """Return the calls of these methods that have ended."""
        return [d for d in self.done if d.returned and d.name in names]

    def thread(self, number: int) -> list[Done]:
        """Return the calls of one thread, pauses left out."""
        mine = [done for done in self.done if done.thread == number]
        return [done for done in mine if done.call.method is not None]


Judge = Callable[[History], None]


class ScheduleFailed(LawBroken):
    """A law that is broken under some schedule, and the story of that schedule."""

    def __init__(
        self,
        broken: LawBroken | AnswerRaised,
        verdict: Verdict,
        story: tuple[str, ...],
        schedule: tuple[str, ...],
    ) -> None:
        super().__init__(broken.got, broken.expected)
        self.verdict, self.story, self.schedule = verdict, story, schedule


class Stuck(LawBroken):
    """Threads that wait for each other, or for what never comes."""


class Busy(LawBroken):
    """A thread that runs on and on without waiting."""


def explore(
    scene: Scenario,
    judge: Judge,
    *,
    schedules: int = SCHEDULES,
    ends: bool = True,
    expects: tuple[type[Exception], ...] = (),
) -> None:
    """Play a scenario under many schedules; raise for the first that `judge` refuses.

    With `ends` a history in which a thread waits for ever is refused at once, and so
    is an exception that is not one of those that the check `expects`.
    """
    Exploration(scene, judge, schedules, ends, expects).run()


@dataclass
class Exploration:
    """The schedules of one scenario."""

    scene: Scenario
    judge: Judge
    schedules: int
    ends: bool
    expects: tuple[type[Exception], ...]
    played: int = field(default=0)

    def run(self) -> None:
        for wire in self._histories():
            broken = self._broken(wire)
            if broken is not None:
                raise self._smallest(wire, broken)

    def _histories(self) -> Iterator[Wire]:
        """Yield the histories that differ, from a few messages to the worker."""
        scenario, seed = self.scene.wire(), self.scene.candidate.seed
        schedules = self.schedules * self.scene.candidate.depth
        batches, number = list(BATCHES), 0
        while self.played < schedules:
            number = batches.pop(0) if batches else number
            number = min(number, schedules - self.played)
            found = self._ask("explore", scenario, seed, self.played, number)
            if self.played == 0 and not found:
                raise self.scene.candidate._broken()
            yield from found
            self.played += number

    def _ask(self, *operation: Any) -> list[Wire]:
        candidate = self.scene.candidate
        outcome = candidate._ask(list(operation), BATCH_S)
        try:
            found = msgspec.convert(candidate._result(outcome), list[Wire])
        except msgspec.ValidationError:
            raise candidate._broken() from None
        if operation[0] == "replay" and len(found) != 1:
            raise candidate._broken()
        return found

    # Judging

    def _broken(self, wire: Wire) -> Broken | None:
        """Return what is wrong with a history."""
        try:
            history = self._decoded(wire)
            if wire.ending == "busy":
                raise Busy(BUSY, "threads that wait without running")
            if wire.ending == "stuck" and self.ends:
                raise Stuck(self._waiting(wire), "that every call returns")
            self._refuse_exceptions(wire, history)
            self.judge(history)
        except (LawBroken, AnswerRaised) as error:
            return error
        return None

    def _decoded(self, wire: Wire) -> History:
        candidate = self.scene.candidate
        if wire.unprepared is not None:
            raise candidate._unanswered(wire.unprepared, None)
        try:
            done = [self._done(call) for call in wire.calls]
        except LookupError:
            raise candidate._broken() from None
        if wire.ending == "done" and not self._is_whole(done):
            raise candidate._broken()
        return History(
            tuple(d for d in done if d.thread),
            tuple(d for d in done if not d.thread),
            wire.ending,
            tuple(wire.stuck),
        )

    def _is_whole(self, done: list[Done]) -> bool:
        """Tell whether no call is left out: a reply may be forged."""
        planned = sum(map(len, self.scene.threads)) + len(self.scene.finals)
        return len(done) == planned or any(d.error is not None for d in done)

    def _done(self, call: tuple[Any, ...]) -> Done:
        thread, place, began, at, ended, until, outcome = call
        candidate, planned = self.scene.candidate, self.scene.planned(thread, place)
        if outcome is None:
            return Done(thread, planned, began, NOT_ENDED, at, NOT_ENDED)
        if outcome[0] != "ok":
            error = candidate._unanswered(outcome, planned.method)
            if not isinstance(error, AnswerRaised):
                raise error
            return Done(thread, planned, began, ended, at, until, error=error)
        value = candidate._decode(outcome[1])
        if planned.method is not None:
            candidate._check_type(planned.method, value)
        return Done(thread, planned, began, ended, at, until, value)

    def _refuse_exceptions(self, wire: Wire, history: History) -> None:
        for crash in wire.crashed:
            raise self.scene.candidate._unanswered(crash, None)
        for done in (*history.done, *history.finals):
            if done.error is not None and not isinstance(done.error, self.expects):
                raise done.error

    def _waiting(self, wire: Wire) -> Any:
        return Text("; ".join(map(reason, wire.stuck)))

    # Making it smaller, and telling it

    def _smallest(self, wire: Wire, broken: Broken) -> Broken:
        """Return the failure under the fewest switches that are found to cause it."""
        if isinstance(broken, WrongType):
            return broken
        found = None
        with suppress(AnswerStopped):  # by its time: what is found so far is told
            found = self._replayed(wire.choices, type(broken))
            tries = min(MAX_TRIES, self.scene.candidate.tries_left)
            while found and tries > 0:
                fewer, tries = self._with_fewer(found[0], type(broken), tries)
                if fewer is None:
                    break
                found = fewer
        return self._told(*(found or (wire, broken)))

    def _with_fewer(
        self, wire: Wire, kind: type[Broken], tries: int
    ) -> tuple[tuple[Wire, Broken] | None, int]:
        """Leave out some of the choices so that it still fails; count the tries."""
        size = len(wire.choices)
        while size:
            for start in range(0, len(wire.choices), size):
                if tries <= 0:
                    return None, 0
                tries -= 1
                kept = [*wire.choices[:start], *wire.choices[start + size :]]
                found = self._replayed(kept, kind)
                if found and len(found[0].choices) < len(wire.choices):
                    return found, tries
            size //= 2
        return None, tries

    def _replayed(
        self, choices: Choices, kind: type[Broken]
    ) -> tuple[Wire, Broken] | None:
        wire = self._ask("replay", choices)[0]
        broken = self._broken(wire)
        return (wire, broken) if broken is not None and type(broken) is kind else None

    def _told(self, wire: Wire, broken: Broken) -> ScheduleFailed:
        verdict = Verdict.RACE if wire.choices else Verdict.FAIL
        if isinstance(broken, Stuck):
            verdict = Verdict.DEADLOCK
        elif isinstance(broken, AnswerRaised) and not wire.choices:
            verdict = Verdict.ERROR
        return ScheduleFailed(broken, verdict, self._story(), self._table(wire))

    def _story(self) -> tuple[str, ...]:
        """Return the scenario as source, what threads do as comments."""
        parts = enumerate(self.scene.threads, start=1)
        threads = [f"# T{n}: {'; '.join(c.text() for c in part)}" for n, part in parts]
        if self.scene.finals:
            finals = "; ".join(call.text() for call in self.scene.finals)
            threads.append(f"# then: {finals}")
        return (*self.scene.story, *threads)

    def _table(self, wire: Wire) -> tuple[str, ...]:
        if not wire.trace:
            return ("# no trace: it did not happen again when it was replayed",)
        source = self.scene.candidate.source_lines
        names = [name for number, name in enumerate(wire.names) if number]
        ran = {number for number, _, _ in wire.trace}
        shown = [number for number in range(1, len(names) + 1) if number in ran]
        return tuple(table(wire.trace, shown, wire.names, source))


def table(
    trace: Sequence[tuple[int, int, bool]],
    shown: Sequence[int],
    names: Sequence[str],
    source: Sequence[str],
) -> Iterator[str]:
    """Yield the lines that ran, in their order, one column for each thread."""
    width = (_WIDTH - 3 * (len(shown) - 1)) // max(1, len(shown))
    yield " | ".join(clean(names[n], width - 1).ljust(width) for n in shown).rstrip()
    rows = list(brief_rows(trace))
    if len(rows) > MAX_ROWS:
        yield "..."
    for number, line, goes_on in rows[-MAX_ROWS:]:
        text = source[line - 1].strip() if 0 < line <= len(source) else "..."
        cell = clean(f"{line or ''} {'... ' if goes_on else ''}{text}", width - 1)
        cells = [cell if n == number else "" for n in shown]
        yield " | ".join(c.ljust(width) for c in cells).rstrip()


def brief_rows(
    trace: Sequence[tuple[int, int, bool]],
) -> Iterator[tuple[int, int, bool]]:
    """Yield the first and last lines of each turn, line 0 for those between."""
    for number, turn in groupby(trace, key=lambda row: row[0]):
        rows = list(turn)
        yield rows[0]
        if len(rows) > 3:
            yield (number, 0, False)
        yield from rows[-2:] if len(rows) == 3 else rows[1:][-1:]


class Text:
    """Words in the place of a value."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return self.words


BUSY = Text("a thread that runs on and on, without waiting")


def reason(waiting: Waiting) -> str:
    """Return where a thread waits, for what, and who holds it."""
    place = f"{clean(waiting.thread, 40)} waits in line {waiting.line}"
    if waiting.what == "task":
        return f"{place} for another thread to end"
    if waiting.what == "lock" and waiting.holder == waiting.thread and not waiting.lock:
        return f"{place} to be woken"
    if waiting.holder:
        name = clean(waiting.lock, 60) or "the lock"
        since = f" since line {waiting.since}" if waiting.since else ""
        return f"{place} for {name}, which {clean(waiting.holder, 40)} holds{since}"
    return place


def serial_equivalent(
    history: History, run: Callable[[Sequence[Done]], Sequence[Any]]
) -> bool:
    """Tell whether some order of the calls, one after another, explains all results.

    `run` returns what calls in an order would return. Calls that did not overlap keep
    their order. For small histories: the orders are tried one by one.
    """
    calls = [d for d in history.done if d.call.method is not None]
    wanted = {id(d): d.error or d.value for d in (*calls, *history.finals)}
    return any(
        list(run(order)) == [wanted[id(d)] for d in order]
        for order in ([*order, *history.finals] for order in serial_orders(calls))
    )


def serial_orders(calls: Sequence[Done]) -> Iterator[list[Done]]:
    """Yield the orders of calls in which none comes after one that began later on."""
    if not calls:
        yield []
    first_end = min((done.ended for done in calls), default=0)
    for place, done in enumerate(calls):
        if done.began <= first_end:
            rest = [*calls[:place], *calls[place + 1 :]]
            yield from ([done, *order] for order in serial_orders(rest))
