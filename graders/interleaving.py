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

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from typing import Any, Literal

import msgspec

from graders.candidate import (
    AnswerRaised,
    LawBroken,
    RemoteObject,
    WrongType,
    arguments,
)
from graders.results import Verdict
from graders.sandbox.host import AnswerStopped
from graders.scenario import ARGUMENT as ARGUMENT
from graders.scenario import END as END
from graders.scenario import AwaitingScenario as AwaitingScenario
from graders.scenario import Call as Call
from graders.scenario import Gate as Gate
from graders.scenario import Scenario as Scenario
from graders.scenario import cancel as cancel
from graders.scenario import does as does
from graders.scenario import pause as pause
from graders.scenario import within as within
from graders.showing import clean, without_addresses

SCHEDULES = 150
"""How many schedules a scenario is played under."""
BATCHES = (1, 9, 30)
"""Schedules of the first messages: most mistakes show early. Then as the last one."""
BATCH_S = 2.0
"""The answer's own seconds for one message."""
REAL_S = 20.0
"""The same for real threads, which are seldom slow, but may hang."""
REAL_MARGIN_S = 1.0
"""How much must be left for real threads; else they are left out."""
FOR_REAL = "# on real threads: in which order they ran is not known"
MAX_TRIES = 60
"""Most schedules that are tried to find one with fewer switches."""
MAX_ROWS = 12
_WIDTH = 76

Choices = list[tuple[int, int, int, int]]
Broken = LawBroken | AnswerRaised


@dataclass(frozen=True)
class Done:
    """A call as it was made under one schedule."""

    thread: int
    """1 for the first; 0 for a call before or after all threads; else `OWN_THREAD`."""
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
    raised_by: RemoteObject | None = None
    """Whose script raised this very exception, if one did."""
    threads: int = 0
    """How many threads of the answer's own were alive when it ended."""
    args: tuple[Any, ...] = ()
    """For a call of a scripted callable: with what the answer called it."""

    @property
    def name(self) -> str:
        return self.call.name

    @property
    def result(self) -> Any:
        """What it returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def cancelled(self) -> bool:
        return self.error is not None and "CancelledError" in self.error.bases

    @property
    def returned(self) -> bool:
        return self.ended < NOT_ENDED

    def text(self) -> str:
        return f"T{self.thread}: {self.call.text()}"


NOT_ENDED = 1 << 60
OWN_THREAD = -1
"""In the place of its number: a thread that the answer itself started."""


class Waiting(msgspec.Struct, frozen=True):
    """A thread that can never go on, and what for."""

    thread: str
    line: int
    what: str = msgspec.field(name="for")
    """What it waits for: "lock", "gate", "task", "future" or "nothing"."""
    lock: str
    """What the line's function calls the lock; "" for one that it has no name for."""
    holder: str
    since: int
    """The line in which the holder took it."""


class Use(msgspec.Struct, array_like=True, frozen=True):
    """How often something scripted was used in all."""

    number: int
    begun: int = 0
    """Calls of it; of items, how often one was asked for."""
    given: int = 0
    """Values that it gave."""
    at_once: int = 0
    """The most calls of it that ran at one time."""
    alive: int = 0
    """Counted items, or results for them, that are left at the end."""
    most_alive: int = 0
    """The most of them at one time."""


class Noted(msgspec.Struct, array_like=True, frozen=True):
    """A call as it comes from the worker."""

    thread: int
    what: int
    """Its place among the calls of the thread, or the number of what was called."""
    began: int
    at: int
    ended: int
    until: int
    outcome: list[Any] | None
    origin: int
    """The number of what raised this very exception, or 0."""
    threads: int
    args: Any


class Wire(msgspec.Struct, array_like=True, frozen=True):
    """A history as it comes from the worker."""

    place: int
    ending: Literal["done", "stuck", "busy"]
    unprepared: list[Any] | None
    calls: list[Noted]
    crashed: list[list[Any]]
    inner: list[Noted]
    uses: list[Use]
    fates: list[tuple[int, str]]
    said: list[str]
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
    """Who waits for ever: of a history that is "done", threads of the answer's own."""
    scripted: tuple[Done, ...] = ()
    uses: dict[int, Use] = field(default_factory=dict)
    fates: dict[int, str] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()
    """For coroutines: what asyncio or Python said, e.g. that one was never awaited."""

    def of(self, *names: str) -> list[Done]:
        """Return the calls of these methods that have ended."""
        return [d for d in self.done if d.returned and d.name in names]

    def thread(self, number: int) -> list[Done]:
        """Return the calls of one thread, pauses and gates left out."""
        mine = [done for done in self.done if done.thread == number]
        return [done for done in mine if not done.call.is_scenery]

    def spans(self, *names: str) -> list[Done]:
        """Return from when to when something was held, by `within`."""
        return [
            replace(
                done, began=done.ended, ended=left.began, at=done.until, until=left.at
            )
            for done, left in self._entered()
            if done.name in names
        ]

    def _entered(self) -> Iterator[tuple[Done, Done]]:
        """Yield each entering of a `with` that was not refused, and its leaving."""
        held: dict[int, list[Done]] = {}
        for done in self.done:
            mine = held.setdefault(done.thread, [])
            if done.call.operation[0] == "enter" and done.error is None:
                mine.append(done)
            elif done.call.operation[0] == "leave" and mine:
                yield mine.pop(), done
        for done in (done for mine in held.values() for done in mine if done.returned):
            yield done, replace(done, began=NOT_ENDED, at=NOT_ENDED)

    def inner(self, *scripted: RemoteObject) -> list[Done]:
        """Return the calls of scripted callables; those of items ask for the next one.

        At most the first 300 of a history; `use` counts all.
        """
        names = {made.name for made in scripted}
        return [done for done in self.scripted if done.name in names]

    def use(self, scripted: RemoteObject) -> Use:
        """Return how often something scripted was used."""
        return self.uses.get(scripted.number, Use(scripted.number))

    def fate(self, coroutine: RemoteObject) -> str:
        """Return what became of a scripted coroutine.

        "returned", "raised", "cancelled", "closed" (from outside, begun or not),
        "never awaited", or "not ended".
        """
        return self.fates.get(coroutine.number, "never awaited")

    @property
    def left(self) -> tuple[Waiting, ...]:
        """Return the threads of the answer's own that have not ended by themselves."""
        return self.stuck if self.ending == "done" else ()


def at_once(calls: Iterable[Done]) -> int:
    """Return how many of these calls, at most, ran at one time."""
    changes = [(done.began, 1) for done in calls]
    changes += [(done.ended, -1) for done in calls]
    return max(accumulate(change for _, change in sorted(changes)), default=0)


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
    real: int = 0,
) -> None:
    """Play a scenario under many schedules; raise for the first that `judge` refuses.

    With `ends` a history in which a thread waits for ever is refused at once, and so
    is an exception that is not one of those that the check `expects`. In the end it is
    played `real` times on real threads: what is judged must hold for any timing.
    """
    if real and (scene.needs_virtual_time() or not ends):
        raise TypeError(
            "real threads have no virtual time, and must end: leave out `real`, or "
            "the clock, the pauses, coroutines and ends=False"
        )
    exploration = Exploration(scene, judge, schedules, ends, expects)
    exploration.run()
    if real:
        exploration.run_for_real(real)


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

    def run_for_real(self, number: int) -> None:
        """Play on real threads, to see that nothing depends on how we schedule."""
        candidate = self.scene.candidate
        if candidate.patience.left_s < REAL_MARGIN_S:
            return
        operation = ["play_for_real", self.scene.wire(), number]
        for wire in self._asked(operation, REAL_S):
            broken = self._broken(wire)
            if broken is not None:
                raise self._told_for_real(broken)

    def _told_for_real(self, broken: Broken) -> Broken:
        if isinstance(broken, WrongType):
            return broken
        verdict = Verdict.DEADLOCK if isinstance(broken, Stuck) else Verdict.RACE
        return ScheduleFailed(broken, verdict, self.scene.story(), (FOR_REAL,))

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
        return self._asked(list(operation), BATCH_S)

    def _asked(self, operation: list[Any], limit_s: float) -> list[Wire]:
        candidate = self.scene.candidate
        outcome = candidate._ask(operation, limit_s)
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
            done = [self._done(noted) for noted in wire.calls]
            scripted = [self._scripted(noted) for noted in wire.inner]
        except (LookupError, TypeError, ValueError):
            raise candidate._broken() from None
        if wire.ending == "done" and not self._is_whole(done):
            raise candidate._broken()
        return History(
            tuple(d for d in done if d.thread),
            tuple(d for d in done if not d.thread),
            wire.ending,
            tuple(wire.stuck),
            tuple(scripted),
            {use.number: use for use in wire.uses},
            {number: clean(fate, 20) for number, fate in wire.fates},
            tuple(without_addresses(clean(words, 200)) for words in wire.said),
        )

    def _is_whole(self, done: list[Done]) -> bool:
        """Tell whether no call is left out: a reply may be forged."""
        parts = self.scene.parts
        planned = sum(map(len, parts.threads)) + len(parts.finals)
        return len(done) == planned or any(d.error is not None for d in done)

    def _done(self, noted: Noted) -> Done:
        candidate = self.scene.candidate
        planned = self.scene.planned(noted.thread, noted.what)
        done = self._ended(noted, planned)
        kind = planned.operation[0]
        if done.error is not None or not done.returned:
            return done
        if kind == "next":
            (value,) = done.value or [END]
            return replace(done, value=value)
        if kind in ("call", "method") and planned.method is not None:
            candidate._check_type(planned.method, done.value)
        return done

    def _scripted(self, noted: Noted) -> Done:
        """Return a call that the answer made of something scripted."""
        made = self.scene.parts.scripted[noted.what]
        args = tuple(self.scene.candidate._decode(noted.args))
        said = f"{made.name}({arguments(args, {}, 60)})"
        return replace(self._ended(noted, Call(made.name, said, [""])), args=args)

    def _ended(self, noted: Noted, call: Call) -> Done:
        """Return a call with what came of it."""
        done = Done(noted.thread, call, noted.began, NOT_ENDED, noted.at, NOT_ENDED)
        if noted.outcome is None:
            return done
        done = replace(
            done, ended=noted.ended, until=noted.until, threads=noted.threads
        )
        if noted.outcome[0] == "ok":
            value = self.scene.candidate._decode(noted.outcome[1])
            return replace(done, value=value)
        raised_by = self.scene.parts.scripted.get(noted.origin)
        error = self._error(noted.outcome, call, raised_by)
        return replace(done, error=error, raised_by=raised_by)

    def _error(
        self, outcome: list[Any], call: Call, raised_by: RemoteObject | None
    ) -> AnswerRaised:
        """Return what a call raised, if it is something that a law can look at."""
        candidate = self.scene.candidate
        if outcome[0] == "raised" and (raised_by is not None or call.operation == [""]):
            return candidate._exception(outcome)
        if outcome[0] == "raised" and "CancelledError" in outcome[2]:
            return candidate._exception(outcome)
        error = candidate._unanswered(outcome, call.method)
        if not isinstance(error, AnswerRaised):
            raise error
        return error

    def _refuse_exceptions(self, wire: Wire, history: History) -> None:
        for crash in wire.crashed:
            raise self.scene.candidate._unanswered(crash, None)
        for done in (*history.done, *history.finals):
            if done.cancelled and self.scene.is_cancelled(done.thread):
                continue
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
        return ScheduleFailed(broken, verdict, self.scene.story(), self._table(wire))

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
    if waiting.what == "gate":
        return f"{place} for {clean(waiting.lock, 60)}, which nobody opens any more"
    if waiting.what == "future":
        return f"{place} for what never comes"
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
    calls = [d for d in history.done if not d.call.is_scenery]
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
