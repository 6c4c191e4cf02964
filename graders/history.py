"""What came of a scenario under one schedule, and how it comes from the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Literal

import msgspec

from graders.candidate import RemoteObject
from graders.raising import AnswerRaised
from graders.scenario import END, Call, Scenario
from graders.showing import clean, without_addresses
from graders.story import arguments

Choices = list[tuple[int, int, int, int]]


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


@dataclass(frozen=True)
class Reader:
    """Reads the histories of a scenario, which a worker may have forged."""

    scene: Scenario

    def read(self, wire: Wire) -> History:
        """Return a history; stops the answer for one that no honest worker sends."""
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
