"""Plays a scenario of several threads with the answer, again and again. Worker's side.

A scenario is plain data: operations that set up, operations for each thread, and
operations for afterwards. A history is what came of it under one schedule.
"""

from __future__ import annotations

import gc
import marshal
import random
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from typing import Any, ClassVar

import opcodes  # type: ignore[import-not-found]
import plans  # type: ignore[import-not-found]
import props  # type: ignore[import-not-found]
import schedules  # type: ignore[import-not-found]
import standins  # type: ignore[import-not-found]
import watching  # type: ignore[import-not-found]
from keeping import MODULE, can_change, held_by, is_changed  # type: ignore[import-not-found]
from tasks import Abort  # type: ignore[import-not-found]

COUNTED = {0, 5, 13, 40}
"""The schedules in which all opcodes are counted, to know where to interrupt others."""


MAX_ABANDONED = 30
"""After so many threads that cannot be ended no more schedules are tried: each one
keeps its stack."""


class Stage:
    """A scenario and the answer that plays it."""

    def __init__(self, worker: Any, raised: Any, scenario: dict[str, Any]) -> None:
        self.worker = worker
        self.raised = raised
        """What stands for an exception in the place of a result."""
        self.scenario = scenario
        self.seen: set[bytes] = set()
        self.gaps: plans.Gaps = {}
        self.namespace: dict[str, Any] = {}
        self.held: list[Any] | None = None
        """What the module refers to, if none of it can change within itself."""
        self.notes = props.Notes()
        self.abandoned = 0
        """Threads that could not be ended."""
        self.entered: dict[int, list[ExitStack]] = {}
        """By ident of a thread: the `with` blocks that it is in."""

    def explore(self, seed: int, first: int, number: int) -> list[list[Any]]:
        """Play under some schedules; return each history that is a new one."""
        with self._in_place():
            found = []
            for place in range(first, first + number):
                gaps = self.gaps if place in COUNTED else None
                history = self._play(self._plan(place, seed), gaps=gaps)
                if self._is_new(history):
                    found.append([place, *history])
                if history[0] == "busy" or self.abandoned > MAX_ABANDONED:
                    break
            gc.collect()
            return found

    def replay(self, choices: list[Any]) -> list[Any]:
        """Play once more under known choices, with a trace of the lines."""
        with self._in_place():
            watching.look_at_lines()
            plan = self._replay(choices)
            return [0, *self._play(plan, tracing=True)]

    def _plan(self, place: int, seed: int) -> Any:
        hasty = self.scenario["hasty"]
        return plans.plan_for(place, seed, self.gaps, hasty)

    def _replay(self, choices: list[Any]) -> Any:
        return plans.Replay(choices)

    def _is_new(self, history: list[Any]) -> bool:
        key = marshal.dumps(history[:7])
        is_new = key not in self.seen
        self.seen.add(key)
        return is_new

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Keep the worker's own module and objects out of it, and the collector."""
        worker, before = self.worker, (self.worker.namespace, self.worker.objects)
        gc.disable()
        try:
            self._watch()
            with standins.patched():
                yield
                self._forget()
        finally:
            worker.namespace, worker.objects = before
            gc.enable()

    def _play(self, plan: Any, *, tracing: bool = False, gaps: Any = None) -> list[Any]:
        self._forget()
        schedule = schedules.Schedule(
            plan,
            self.worker.filename,
            hasty=self.scenario["hasty"],
            tracing=tracing,
            gaps=gaps,
        )
        schedule.run(self._perform_as_main)
        try:
            return self._history(schedule)
        finally:
            schedule.dismiss()
            self.abandoned += sum(not task.done for task in schedule.tasks)

    def _forget(self) -> None:
        """Let go of what the last playing has made."""
        self.notes, self.entered = props.Notes(), {}
        self.worker.objects = {}

    def _history(self, schedule: Any) -> list[Any]:
        main, *others = schedule.tasks
        crashed = [self._error(task.error) for task in others if task.error]
        names = [task.name for task in schedule.tasks]
        return [*self._noted(schedule, main.error, crashed), names]

    def _noted(self, run: Any, error: BaseException | None, crashed: Any) -> list[Any]:
        """Return what was noted of one run, the names of threads left out."""
        notes = self.notes
        return [
            run.ending,
            self._error(error) if error else None,
            list(map(self._formed, notes.calls)),
            crashed,
            list(map(self._formed, notes.inner)),
            [use.formed() for use in notes.uses.values()],
            list(notes.fates.items()),
            run.said,
            run.stuck,
            run.choices,
            run.trace,
        ]

    def _error(self, error: BaseException) -> Any:
        return self.worker.formed(self.raised(error))

    def _formed(self, note: Any) -> list[Any]:
        """Return a call in plain data."""
        outcome, origin = None, 0
        if note.result is not None:
            (result,) = note.result
            outcome = self.worker.formed(props.plain(result))
            if type(result) is self.raised:
                origin = self.notes.origin(result.error)
        began, ended = [note.began, note.at], [note.ended, note.until]
        args = self.worker.encode_or_foreign(note.args)
        who = [note.thread, note.what]
        return [*who, *began, *ended, outcome, origin, note.threads, args]

    # Run by the first thread

    def _perform_as_main(self) -> None:
        standins.become_main()
        self._perform()

    def _perform(self) -> None:
        self._load()
        self.notes.threads[schedules.who()] = 0
        for operation in self.scenario["setup"]:
            self._set_up(operation)
        parts = [self.scenario["finals"], *self.scenario["threads"]]
        finals, *others = [
            partial(self._call_all, number, part, list(map(self.act, part)))
            for number, part in enumerate(parts)
        ]
        threads = [
            threading.Thread(target=run, name=f"T{number}")
            for number, run in enumerate(others, start=1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        finals()

    # Making what a scenario has

    def _set_up(self, operation: list[Any]) -> None:
        kind, *wire = operation
        if kind in self.makers:
            number, *described = wire
            self.worker.objects[number] = self.makers[kind](self, number, *described)
        else:
            self.act(operation)()

    def _keep(self, number: int, operation: list[Any]) -> Any:
        return self.act(operation)()

    def _script(self, number: int, steps: list[Any]) -> Any:
        use = self.notes.use(number)
        return props.Script(use, self.raised, list(map(self._step, steps)))

    def _table(self, number: int, rows: list[Any], otherwise: list[Any]) -> Any:
        steps = {self.worker.decode(key): self._step(step) for key, step in rows}
        use = self.notes.use(number)
        return props.Table(use, self.raised, steps, self._step(otherwise))

    def _items(self, number: int, described: list[Any], counted: bool) -> Any:
        kind, *wire = described
        if kind == "steps":
            steps: Iterator[Any] = map(self._step, wire[0])
        else:
            values = range(*wire) if kind == "range" else count(*wire)
            steps = (props.Step("return", value, []) for value in values)
        return props.Items(self.notes.use(number), self.raised, steps, counted)

    def _number(self, number: int, value: int, step: list[Any]) -> Any:
        made = props.Number(value)
        made.step = self._step(step)
        return made

    def _step(self, wire: list[Any]) -> Any:
        kind, value, actions = wire
        # bound when they are made: they may be of objects that are still to come
        acts = [partial(self.make, action) for action in actions]
        return props.Step(kind, self.worker.decode(value), acts)

    makers: ClassVar[dict[str, Callable[..., Any]]] = {
        "clock": lambda stage, number, base: props.Clock(base),
        "gate": lambda stage, number, name: props.Gate(name),
        "script": _script,
        "table": _table,
        "items": _items,
        "number": _number,
        "keep": _keep,
    }

    # Making calls

    def make(self, operation: list[Any]) -> Any:
        return self.act(operation)()

    def act(self, operation: list[Any]) -> Callable[[], Any]:
        """Return what makes a call; its arguments are decoded here."""
        kind, *wire = operation
        if kind in self.acts:
            return partial(self.acts[kind], self, *wire)
        act: Callable[[], Any] = self.worker.prepared(operation)
        return act

    def _pause(self, microseconds: int) -> None:
        standins.sleep(microseconds / 1e6)

    def _next(self, number: int) -> list[Any]:
        """Return the next item in a list, which is empty if there is none."""
        try:
            return [props.plain(next(self.worker.objects[number]))]
        except StopIteration:
            return []

    def _rest(self, number: int) -> list[Any]:
        # what is read is let go, or it would count among what is alive
        return list(map(props.plain, self.worker.objects[number]))

    def _drain(self, number: int) -> int:
        return sum(1 for _ in self.worker.objects[number])

    def _enter(self, operation: list[Any]) -> Any:
        block = ExitStack()
        result = block.enter_context(self.make(operation))
        self.entered.setdefault(threading.get_ident(), []).append(block)
        return result

    def _leave(self, error: BaseException | None = None) -> bool:
        """Leave the innermost `with`; return whether it stopped the exception."""
        block = self.entered[threading.get_ident()].pop()
        kind = None if error is None else type(error)
        trace = None if error is None else error.__traceback__
        return bool(block.__exit__(kind, error, trace))

    acts: ClassVar[dict[str, Callable[..., Any]]] = {
        "pause": _pause,
        "next": _next,
        "rest": _rest,
        "drain": _drain,
        "enter": _enter,
        "leave": _leave,
    }

    # The part of a thread

    def _call_all(self, number: int, operations: list[Any], acts: list[Any]) -> None:
        self.notes.threads[schedules.who()] = number
        for place, act in enumerate(acts):
            result = self._call(number, place, act)
            if type(result) is self.raised:
                for leave in leaving(operations, place):
                    act = partial(self._leave, result.error)
                    self._call(number, leave, act)
                break

    def _call(self, number: int, place: int, act: Callable[[], Any]) -> Any:
        """Make one call of a thread; note it, and return what came of it."""
        note = self.notes.call(number, place)
        result = self._outcome(act)
        self.notes.ended(note, result)
        return result

    def _outcome(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Abort:
            raise
        except BaseException as error:  # the answer may raise anything at all
            return self.raised(error)

    def _watch(self) -> None:
        """Have the scheduler look at what the answer's functions do."""
        opcodes.note_globals_given(self.worker.code)
        watching.watch(self.worker.code)

    def _load(self) -> None:
        """Run the answer's module, once for all as long as nothing in it changes."""
        random.seed(0)
        if self.held is None or is_changed(self.held, self.namespace):
            module = sys.modules[MODULE] = types.ModuleType(MODULE)
            module.__file__ = self.worker.filename
            self.namespace = module.__dict__
            exec(self.worker.code, self.namespace)
            held = held_by(self.namespace, set())
            self.held = None if any(map(can_change, held)) else held
        self.worker.namespace = self.namespace


def leaving(operations: list[Any], place: int) -> Iterator[int]:
    """Yield where the `with` blocks end in which the call at a place stands."""
    depth = 0
    for later in range(place + 1, len(operations)):
        kind = operations[later][0]
        if kind == "leave" and depth == 0:
            yield later
        else:
            depth += {"enter": 1, "leave": -1}.get(kind, 0)
