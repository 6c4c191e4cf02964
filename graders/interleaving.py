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

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from graders.history import OWN_THREAD as OWN_THREAD
from graders.history import Choices, Reader, Wire
from graders.history import Done as Done
from graders.history import History as History
from graders.history import at_once as at_once
from graders.history import serial_equivalent as serial_equivalent
from graders.raising import AnswerRaised, LawBroken, WrongType
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
from graders.telling import BUSY, Text, reason, table

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
UNTOLD = "# no trace: it did not happen again when it was replayed"
UNBEGUN = "# no thread of the scenario had begun"
MAX_TRIES = 60
"""Most schedules that are tried to find one with fewer switches."""

Broken = LawBroken | AnswerRaised


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

    @property
    def reader(self) -> Reader:
        return Reader(self.scene)

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
            history = self.reader.read(wire)
            if wire.ending == "busy":
                raise Busy(BUSY, "threads that wait without running")
            if wire.ending == "stuck" and self.ends:
                raise Stuck(self._waiting(wire), "that every call returns")
            self._refuse_exceptions(wire, history)
            self.judge(history)
        except (LawBroken, AnswerRaised) as error:
            return error
        return None

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
        if found is None:
            return self._told(wire, broken, (UNTOLD,))
        return self._told(*found, self._table(found[0]))

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

    def _told(
        self, wire: Wire, broken: Broken, schedule: tuple[str, ...]
    ) -> ScheduleFailed:
        verdict = Verdict.RACE if wire.choices else Verdict.FAIL
        if isinstance(broken, Stuck):
            verdict = Verdict.DEADLOCK
        elif isinstance(broken, AnswerRaised) and not wire.choices:
            verdict = Verdict.ERROR
        return ScheduleFailed(broken, verdict, self.scene.story(), schedule)

    def _table(self, wire: Wire) -> tuple[str, ...]:
        trace = [row for row in wire.trace if row[0]]
        if not trace:
            return (UNBEGUN,)
        source = self.scene.candidate.source_lines
        names = [name for number, name in enumerate(wire.names) if number]
        ran = {number for number, _, _ in trace}
        shown = [number for number in range(1, len(names) + 1) if number in ran]
        return tuple(table(trace, shown, wire.names, source))
