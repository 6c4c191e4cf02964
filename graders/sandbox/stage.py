"""Plays a scenario of several threads with the answer, again and again. Worker's side.

A scenario is plain data: operations that set up, operations for each thread, and
operations for afterwards. A history is what came of it under one schedule.
"""

from __future__ import annotations

import gc
import inspect
import marshal
import operator
import sys
import threading
import types
import warnings
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from typing import Any, ClassVar

import loops  # type: ignore[import-not-found]
import props  # type: ignore[import-not-found]
import schedules  # type: ignore[import-not-found]

MODULE = "answer"
COUNTED = {0, 5, 13, 40}
"""The schedules in which all opcodes are counted, to know where to interrupt others."""
_OF_TUPLES = vars(namedtuple("_OfTuples", "one"))
_UNCHANGING = {
    *(bool, int, float, complex, str, bytes, type(None), type(...), property),
    *(types.ModuleType, types.BuiltinFunctionType, types.MemberDescriptorType),
    *(types.GetSetDescriptorType, type(_OF_TUPLES["one"])),
    *(types.FunctionType, staticmethod, classmethod),
}
_HARMLESS = {
    *("typing", "types", "collections.abc", "__future__", "_abc", "re"),
    *("fractions", "decimal", "datetime", "logging", "dataclasses"),
}


class Stage:
    """A scenario and the answer that plays it."""

    def __init__(self, worker: Any, raised: Any, scenario: dict[str, Any]) -> None:
        self.worker = worker
        self.raised = raised
        """What stands for an exception in the place of a result."""
        self.scenario = scenario
        self.seen: set[bytes] = set()
        self.gaps: schedules.Gaps = {}
        self.namespace: dict[str, Any] = {}
        self.held: list[Any] | None = None
        """What the module refers to, if none of it can change within itself."""
        self.notes = props.Notes()
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
                if history[0] == "busy":
                    break
            gc.collect()
            return found

    def replay(self, choices: list[Any]) -> list[Any]:
        """Play once more under known choices, with a trace of the lines."""
        with self._in_place():
            plan = self._replay(choices)
            return [0, *self._play(plan, tracing=True)]

    def _plan(self, place: int, seed: int) -> Any:
        hasty = self.scenario["hasty"]
        return schedules.plan_for(place, seed, self.gaps, hasty)

    def _replay(self, choices: list[Any]) -> Any:
        return schedules.Replay(choices)

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
            with schedules.patched():
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
        schedule.run(self._perform)
        return self._history(schedule)

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
        schedules.sleep(microseconds / 1e6)

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
        except schedules.Abort:
            raise
        except BaseException as error:  # the answer may raise anything at all
            return self.raised(error)

    def _load(self) -> None:
        """Run the answer's module, once for all as long as nothing in it changes."""
        if self.held is None or is_changed(self.held, self.namespace):
            module = sys.modules[MODULE] = types.ModuleType(MODULE)
            module.__file__ = self.worker.filename
            self.namespace = module.__dict__
            exec(marshal.loads(self.worker.code), self.namespace)
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


class AwaitingStage(Stage):
    """A scenario of coroutines, which an event loop of ours plays in one thread."""

    def _plan(self, place: int, seed: int) -> Any:
        return loops.plan_for(place, seed, self.scenario["hasty"])

    def _replay(self, choices: list[Any]) -> Any:
        return loops.Replay(choices)

    def _play(self, plan: Any, *, tracing: bool = False, gaps: Any = None) -> list[Any]:
        self._forget()
        hasty, filename = self.scenario["hasty"], self.worker.filename
        self.loop = loops.Loop(plan, filename, hasty=hasty, tracing=tracing)
        self.coroutines: dict[int, Any] = {}
        self.futures: dict[int, Any] = {}
        self.calling: set[int] = set()
        self.doomed: set[int] = set()
        """Tasks to cancel once they call something."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", RuntimeWarning)
            warnings.showwarning = self._hear  # type: ignore[assignment]
            main = self.loop.run(self._perform_awaiting())
        return self._heard(main)

    def _hear(self, message: Any, kind: Any, *_: Any, **__: Any) -> None:
        self.loop.complain(f"{kind.__name__}: {message}")

    def _heard(self, main: Any) -> list[Any]:
        error = main.exception() if main.done() and not main.cancelled() else None
        for number, made in self.coroutines.items():
            self.notes.fates[number] = made.fate()
            with suppress(BaseException):
                made.made.close()  # or it complains when it is forgotten
        names = [task.get_name() for task in self.loop.started]
        return [*self._noted(self.loop, error, []), names]

    async def _perform_awaiting(self) -> None:
        import asyncio

        self._load()
        self.notes.threads[schedules.who()] = 0
        for operation in self.scenario["setup"]:
            self._set_up(operation)
        parts = enumerate(self.scenario["threads"], start=1)
        self.tasks = [
            self.loop.create_task(self._await_all(number, part), name=f"T{number}")
            for number, part in parts
        ]
        self.notes.threads.update({t: n for n, t in enumerate(self.tasks, start=1)})
        await asyncio.wait(self.tasks)
        await self._await_all(0, self.scenario["finals"])

    async def _await_all(self, number: int, operations: list[Any]) -> None:
        import asyncio

        for place, operation in enumerate(operations):
            with suppress(asyncio.CancelledError):  # it is meant for a call
                await self.loop.hop(_TASKS + number)
            note = self.notes.call(number, place)
            self.calling.add(number)
            if number in self.doomed:
                self.tasks[number - 1].cancel()
            result = await self._awaited(operation)
            self.calling.discard(number)
            self.notes.ended(note, result)
            if type(result) is self.raised:
                break

    async def _awaited(self, operation: list[Any]) -> Any:
        try:
            result = self.make(operation)
            return await result if inspect.isawaitable(result) else result
        except schedules.Abort:
            raise
        except BaseException as error:  # it may be cancelled, or raise anything
            return self.raised(error)

    async def _pause_awaiting(self, microseconds: int) -> None:
        import asyncio

        await asyncio.sleep(microseconds / 1e6)

    def _cancel(self, number: int) -> None:
        """Cancel a task; if it has not yet begun a call, as soon as it does."""
        if number in self.calling:
            self.tasks[number - 1].cancel()
        else:
            self.doomed.add(number)

    def _resolve(self, number: int) -> None:
        future, step = self.worker.objects[number], self.futures[number]
        if future.done():
            return
        try:
            future.set_result(step.take(()))
        except Exception as error:
            self.notes.raised[id(error)] = (error, number)
            future.set_exception(error)

    def _future(self, number: int, step: list[Any]) -> Any:
        self.futures[number] = self._step(step)
        return self.loop.create_future()

    def _coroutine(
        self, number: int, step: list[Any], cleaning: list[Any], bare: bool
    ) -> Any:
        acts = [partial(self.make, action) for action in cleaning]
        use = self.notes.use(number)
        awaited = props.Awaited(use, self.raised, self._step(step), acts)
        self.coroutines[number] = awaited
        return awaited.made if bare else props.Awaitable(awaited.made)

    makers: ClassVar[dict[str, Callable[..., Any]]] = {
        **Stage.makers,
        "gate": lambda stage, number, name: props.AwaitedGate(name),
        "coroutine": _coroutine,
        "future": _future,
    }
    acts: ClassVar[dict[str, Callable[..., Any]]] = {
        **Stage.acts,
        "pause": _pause_awaiting,
        "cancel": _cancel,
        "resolve": _resolve,
    }


_TASKS = 1 << 20
"""Added to the number of a task, to tell its turns from those of something scripted."""


# Does a module keep something from one schedule to the next?


def held_by(namespace: dict[str, Any], seen: set[int]) -> list[Any]:
    """Return all that a module or class refers to, and what that refers to in turn."""
    values = [value for name, value in namespace.items() if is_looked_at(name, value)]
    return [*values, *(part for value in values for part in parts_of(value, seen))]


def is_looked_at(name: str, value: Any) -> bool:
    if name.startswith("__"):
        # that of a dataclass remembers whom it is just showing
        return isinstance(value, types.FunctionType) and name != "__repr__"
    return name != "_field_defaults"


def parts_of(value: Any, seen: set[int]) -> list[Any]:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, type) and value.__module__ == MODULE:
        return held_by(dict(vars(value)), seen)
    if not isinstance(value, types.FunctionType):
        return []
    parts = [*map(contents, value.__closure__ or ()), *vars(value).values()]
    parts += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    return [*parts, *(inner for part in parts for inner in parts_of(part, seen))]


def contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def can_change(value: Any) -> bool:
    """Tell whether a value may hold state within itself; yes when in doubt."""
    if isinstance(value, (tuple, frozenset)):
        return any(map(can_change, value))
    kind = type(value)
    if isinstance(value, type) or kind in _UNCHANGING:
        return False
    return kind.__module__ not in _HARMLESS


def is_changed(held: list[Any], namespace: dict[str, Any]) -> bool:
    """Tell whether anything is not what it was: a counter, say."""
    now = held_by(namespace, set())
    return len(now) != len(held) or any(map(operator.is_not, now, held))
