"""What a scenario gives to an answer: gates, scripts, items; and notes of their use.

Worker's side, as all of this is within the answer's reach. Needs only the standard
library and `schedules`.
"""

from __future__ import annotations

import _thread
import inspect
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import schedules  # type: ignore[import-not-found]
from tasks import Abort  # type: ignore[import-not-found]

MAX_INNER = 300
"""How many calls of scripted callables are noted one by one."""
OWN_THREAD = -1


class Note:
    """A call, and what came of it."""

    def __init__(self, thread: int, what: int, began: int, at: int, args: Any) -> None:
        self.thread, self.what, self.args = thread, what, args
        self.began, self.at = began, at
        self.ended, self.until = -1, 0
        self.threads = 0
        self.result: Any = None


class Notes:
    """All that is noted while a scenario is played once, in its order."""

    def __init__(self) -> None:
        self.calls: list[Note] = []
        self.inner: list[Note] = []
        self.uses: dict[int, Use] = {}
        self.raised: dict[int, tuple[BaseException, int]] = {}
        """By id: exceptions of scripts, and whose they are."""
        self.threads: dict[Any, int] = {}
        """By ident: the scenario's threads; or its tasks."""
        self.fates: dict[int, str] = {}
        """What became of each scripted coroutine."""
        self._order = itertools.count()

    def call(self, thread: int, place: int) -> Note:
        note = Note(thread, place, next(self._order), now(), None)
        self.calls.append(note)
        return note

    def ended(self, note: Note, result: Any) -> None:
        note.ended, note.until = next(self._order), now()
        note.threads = self.own_threads()
        note.result = [result]

    def own_threads(self) -> int:
        """Return how many threads, or tasks, of the answer's own are alive."""
        living = schedules.running.living() if schedules.running else ()
        return len([each for each in living if each not in self.threads])

    def use(self, number: int) -> Use:
        return self.uses.setdefault(number, Use(number, self))

    def origin(self, error: BaseException) -> int:
        """Return whose script raised this very exception, 0 if none did."""
        return self.raised.get(id(error), (error, 0))[1]


def now() -> int:
    """Return the virtual time, microseconds."""
    return int(schedules.running.now_ns // 1000) if schedules.running else 0


class Use:
    """How often one scripted thing is used, and by how many at once."""

    def __init__(self, number: int, notes: Notes) -> None:
        self.number = number
        self.notes = notes
        self.begun = self.given = self.running = self.at_once = 0
        self.alive = self.most_alive = 0
        self.guard = _thread.RLock()  # a real one; what dies within may ask again

    def begin(self, args: Any) -> Note:
        notes = self.notes
        with self.guard:
            self.begun += 1
            self.running += 1
            self.at_once = max(self.at_once, self.running)
            thread = notes.threads.get(schedules.who(), OWN_THREAD)
            note = Note(thread, self.number, next(notes._order), now(), args)
            if len(notes.inner) < MAX_INNER:
                notes.inner.append(note)
        return note

    def end(self, note: Note, result: Any, given: bool) -> None:
        with self.guard:
            self.running -= 1
            self.given += given
            note.ended, note.until = next(self.notes._order), now()
            note.result = [result]

    def fail(
        self, note: Note, error: BaseException, result: Any, step: Step | None
    ) -> None:
        """Note that a call raised, and whether that is what it was to raise."""
        if step is not None and error is step.value:
            self.notes.raised.setdefault(id(error), (error, self.number))
        self.end(note, result, given=False)

    def born(self) -> None:
        with self.guard:
            self.alive += 1
            self.most_alive = max(self.alive, self.most_alive)

    def died(self) -> None:
        with self.guard:
            self.alive -= 1

    def formed(self) -> list[int]:
        counts = [self.begun, self.given, self.at_once, self.alive, self.most_alive]
        return [self.number, *counts]


class Counted:
    """A value in an object whose life is counted."""

    def __init__(self, value: Any, use: Use) -> None:
        self.value = value
        self._use = use
        use.born()

    def __del__(self) -> None:
        self._use.died()

    def __repr__(self) -> str:
        return repr(self.value)


def plain(value: Any) -> Any:
    """Return what stands in a counted object, or in those of a list."""
    if type(value) is list:
        return [plain(item) for item in value]
    return value.value if type(value) is Counted else value


class Clock:
    """Tells virtual time, in microseconds since `base`."""

    def __init__(self, base: int) -> None:
        self.base = base

    def __call__(self) -> int:
        return self.base + now()

    def __repr__(self) -> str:
        return "clock"


class Gate:
    """Holds up who waits for it, until it is opened."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.opened = 0

    def open(self) -> None:
        self.opened += 1
        schedules.let_others_run()

    def wait(self, times: int = 1) -> None:
        opening = Opening(self, times)
        if not opening.is_free():
            schedules.running.wait(opening)


class Opening:
    """What a thread waits for at a gate."""

    told_as = "gate"

    def __init__(self, gate: Gate, times: int) -> None:
        self.name = gate.name
        self._gate, self._times = gate, times

    def is_free(self) -> bool:
        return self._gate.opened >= self._times


class AwaitedGate:
    """The same, for coroutines."""

    def __init__(self, name: str) -> None:
        self._waiting: list[tuple[int, Any]] = []
        self._opened = 0

    def open(self) -> None:
        self._opened += 1
        for times, future in self._waiting:
            if times <= self._opened and not future.done():
                future.set_result(None)

    async def wait(self, times: int = 1) -> None:
        if self._opened < times:
            future = schedules.running.create_future()
            self._waiting.append((times, future))
            await future


class Step:
    """What a scripted callable does: makes calls, then gives or raises a value."""

    def __init__(self, kind: str, value: Any, actions: list[Callable[[], Any]]) -> None:
        self.kind = kind
        self.value = value
        self.actions = actions

    def take(self, args: tuple[Any, ...]) -> Any:
        for act in self.actions:
            act()
        return self.take_last(args)

    def take_last(self, args: tuple[Any, ...]) -> Any:
        """Give or raise what there is in the end."""
        if self.kind == "raise":
            raise self.value
        return args[0] if self.kind == "argument" else self.value


class Scripted:
    """Has its use noted; others may run as it begins and before it ends."""

    def __init__(self, use: Use, raised: Any) -> None:
        self._use = use
        self._raised = raised

    def _take(self, args: tuple[Any, ...], find: Callable[[], Step]) -> Any:
        use = self._use
        note = use.begin([plain(arg) for arg in args])
        schedules.let_others_run()
        step = None
        try:
            step = find()
            result = step.take(args)
        except Abort:
            raise
        except StopIteration:
            # not this one, whose frames keep alive what the answer has let go
            use.end(note, self._raised(StopIteration()), given=False)
            raise
        except BaseException as error:
            use.fail(note, error, self._raised(error), step)
            raise
        schedules.let_others_run()
        use.end(note, result, given=True)
        return result


class Script(Scripted):
    """A callable that takes its steps in turn, the last one for ever."""

    def __init__(self, use: Use, raised: Any, steps: list[Step]) -> None:
        super().__init__(use, raised)
        last = itertools.repeat(steps[-1])
        self._steps = itertools.chain(steps, last)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._take(args, partial(next, self._steps))


class Table(Scripted):
    """A callable whose step depends on its first argument."""

    def __init__(
        self, use: Use, raised: Any, rows: dict[Any, Step], otherwise: Step
    ) -> None:
        super().__init__(use, raised)
        self._rows = rows
        self._otherwise = otherwise

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            raise TypeError(
                f"table() takes 1 argument, {len(args) + len(kwargs)} given"
            )
        if type(args[0]) is not Counted:
            return self._take(args, partial(self._row, args[0]))
        (item,) = args
        result = self._take((item.value,), partial(self._row, item.value))
        return Counted(result, self._use)

    def _row(self, argument: Any) -> Step:
        try:
            return self._rows.get(argument, self._otherwise)
        except TypeError:  # it cannot be hashed
            return self._otherwise


class Items(Scripted):
    """An iterator that takes its steps in turn, then ends."""

    def __init__(
        self, use: Use, raised: Any, steps: Iterator[Step], counted: bool
    ) -> None:
        super().__init__(use, raised)
        self._steps = steps
        self._counted = counted

    def __iter__(self) -> Items:
        return self

    def __next__(self) -> Any:
        value = self._take((), partial(next, self._steps))
        return Counted(value, self._use) if self._counted else value


class Number(int):
    """An int that makes calls whenever it is added or taken away."""

    step: Step

    def __add__(self, other: int) -> int:
        return self._slowly() + other

    def __radd__(self, other: int) -> int:
        return other + self._slowly()

    def __rsub__(self, other: int) -> int:
        return other - self._slowly()

    def __neg__(self) -> int:
        return -self._slowly()

    def _slowly(self) -> int:
        return int(self.step.take(()))


class Awaited:
    """A coroutine that does what its step says; it is in `made`."""

    def __init__(self, use: Use, raised: Any, step: Step, cleaning: list[Any]) -> None:
        self._use = use
        self._raised = raised
        self._step = step
        self._cleaning = cleaning
        """What it does when it is cancelled, before it ends."""
        self.made = self._run()

    async def _run(self) -> Any:
        use, fates = self._use, self._use.notes.fates
        note = use.begin([])
        try:
            result = await self._take()
        except Abort:
            raise
        except BaseException as error:
            fates[use.number] = FATES.get(type(error).__name__, "raised")
            use.fail(note, error, self._raised(error), self._step)
            raise
        fates[use.number] = "returned"
        use.end(note, result, given=True)
        return result

    async def _take(self) -> Any:
        import asyncio

        loop = schedules.running
        await loop.hop(self._use.number)
        try:
            await do(self._step.actions)
            await loop.hop(self._use.number)
        except asyncio.CancelledError:
            await do(self._cleaning)
            raise
        return self._step.take_last(())

    def fate(self) -> str:
        """Return what became of it, in a word or two."""
        state = inspect.getcoroutinestate(self.made)
        words = {inspect.CORO_CREATED: "never awaited", inspect.CORO_CLOSED: "closed"}
        found: dict[int, str] = self._use.notes.fates
        return found.get(self._use.number, words.get(state, "not ended"))


class Awaitable:
    """What can be awaited and is no coroutine."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Any:
        return self._coroutine.__await__()


FATES = {"CancelledError": "cancelled", "GeneratorExit": "closed"}


async def do(actions: list[Callable[[], Any]]) -> None:
    """Make calls in turn, and await what they return if that can be awaited."""
    for act in actions:
        result = act()
        if inspect.isawaitable(result):
            await result
