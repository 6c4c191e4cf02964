"""A scenario of threads, as a check writes it down: objects, scripts, and calls.

    scene = Scenario(candidate)
    gate = scene.gate()
    load = scene.script(does(gate.wait(), gives=7))
    cache = scene.OnceCache()
    scene.thread(cache.get("a", load))
    scene.thread(pause(5), gate.open())

All of it is data. The worker makes everything anew for each schedule that it plays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from graders.candidate import Candidate, RemoteMethod, RemoteObject
from graders.showing import show
from graders.story import arguments, snake_case


@dataclass(frozen=True)
class Call:
    """Something that a thread is to do."""

    name: str
    """What `History.of` knows it by."""
    said: str
    """As source, for the story."""
    operation: list[Any]
    """As it travels."""
    method: RemoteMethod | None = None
    """Which of the stub's functions it is, if it is one."""
    is_scenery: bool = False
    """Whether it belongs to the scenario alone: a pause, or the use of a gate."""

    def text(self) -> str:
        return self.said


Calls = Call | Sequence[Call]


def pause(microseconds: int) -> Call:
    """Let the thread sleep, in virtual time."""
    said = f"pause({microseconds})"
    return Call("pause", said, ["pause", microseconds], is_scenery=True)


def cancel(thread: int) -> Call:
    """Cancel a task, as from outside, by its number; 1 is the first."""
    return Call("cancel", f"cancel(T{thread})", ["cancel", thread], is_scenery=True)


def within(call: Call, *calls: Calls) -> list[Call]:
    """Make calls within a `with` of what the first one returns.

    `History.spans` tells from when to when it was held. If one of the calls raises,
    the `with` is left by the exception, and the thread ends.
    """
    name = call.name
    enter = Call(name, f"enter {call.said}", ["enter", call.operation], call.method)
    leave = Call(f"leave {name}", f"leave {call.said}", ["leave"])
    return [enter, *flat(calls), leave]


def flat(calls: Iterable[Calls]) -> list[Call]:
    parts = [[part] if isinstance(part, Call) else list(part) for part in calls]
    return [call for part in parts for call in part]


class Constant:
    """A name that stands for itself."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ARGUMENT = Constant("ARGUMENT")
"""What a scripted callable gives to return its own first argument."""
END = Constant("END")
"""What `next()` of an iterator gives when there is nothing more."""


class Step:
    """What a scripted callable does when it is called, and what it then gives."""

    def __init__(self, actions: Sequence[Call], gives: Any) -> None:
        self.actions = actions
        self.gives = gives

    def __repr__(self) -> str:
        given = "" if self.gives is None else f"gives={show(self.gives, 40)}"
        parts = [*map(Call.text, self.actions), given]
        return f"does({', '.join(filter(None, parts))})"


def does(*actions: Calls, gives: Any = None) -> Step:
    """Return a step that makes calls, e.g. `gate.wait()`, before it gives a value."""
    return Step(flat(actions), gives)


class Made(RemoteObject):
    """An object that each playing of a scenario makes anew; its methods give calls."""

    def __getattr__(self, name: str) -> Callable[..., Call]:
        if not self.candidate._contract.has(self.class_name, name):
            raise AttributeError(f"the stub's {self.class_name} has no {name!r}")
        method = RemoteMethod(self.candidate, self, name)
        return lambda *args, **kwargs: call_of(method, args, kwargs)


class Scripted(RemoteObject):
    """An object of the scenario's own, for an answer to use: its use is noted."""

    def call(self, *args: Any) -> Call:
        """Return a call of it by the scenario itself."""
        wire = [[self.candidate._encode(arg) for arg in args], {}]
        operation = ["method", self.number, "__call__", *wire]
        said = f"{self.name}({arguments(args, {}, 60)})"
        return Call("call", said, operation, is_scenery=True)


class Future(Scripted):
    """A future of the event loop; `resolve()` gives it its result."""

    def resolve(self) -> Call:
        operation = ["resolve", self.number]
        return Call("resolve", f"{self.name}.resolve()", operation, is_scenery=True)


class Gate(RemoteObject):
    """Holds up who waits for it, until somebody opens it; then it stays open."""

    def open(self) -> Call:
        return self._use("open")

    def wait(self, times: int = 1) -> Call:
        """Wait until it has been opened so often."""
        return self._use("wait", *([times] if times > 1 else []))

    def _use(self, name: str, *args: int) -> Call:
        operation = ["method", self.number, name, list(args), {}]
        said = f"{self.name}.{name}({arguments(args, {}, 60)})"
        return Call(name, said, operation, is_scenery=True)


class Iteration(RemoteObject):
    """An iterator that the answer returned."""

    def next(self) -> Call:
        """Ask for one item; it gives `END` if there is none left."""
        return self._use("next")

    def rest(self) -> Call:
        """Ask for all items that are left; it gives a list."""
        return self._use("rest")

    def drain(self) -> Call:
        """Ask for all items that are left, and keep none; it gives their number."""
        return self._use("drain")

    def close(self) -> Call:
        return self._use("close")

    def _use(self, name: str) -> Call:
        return Call(name, f"{self.name}.{name}()", [name, self.number])


def call_of(method: RemoteMethod, args: Sequence[Any], kwargs: dict[str, Any]) -> Call:
    """Return the call of one of the stub's functions."""
    encode, owner = method.candidate._encode, method.owner
    wire = [encode(list(args)), {key: encode(arg) for key, arg in kwargs.items()}]
    operation = ["method", owner.number, method.name, *wire]
    said = f"{owner.name}.{method.name}"
    if owner.number == 0:
        operation, said = ["call", method.name, *wire], method.name
    return Call(
        method.name, f"{said}({arguments(args, kwargs, 60)})", operation, method
    )


@dataclass
class Parts:
    """A scenario in the making."""

    setup: list[list[Any]] = field(default_factory=list)
    threads: list[tuple[Call, ...]] = field(default_factory=list)
    finals: list[Call] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    scripted: dict[int, RemoteObject] = field(default_factory=dict)


class Scenario:
    """Objects to make, calls for each thread, and calls for when all have ended."""

    awaits = False

    def __init__(self, candidate: Candidate, *, hasty: bool = True) -> None:
        self.candidate = candidate
        self.hasty = hasty
        """Whether waits may be over while others could run, as if those were slow.

        If not, time passes only when nobody can run: times are then exact."""
        self.parts = Parts()

    # What the answer is given

    def clock(self, now: int = 0) -> Made:
        """Make a clock that moves with virtual time."""
        clock = Made(*self._identity("clock"), "Clock")
        self._make(clock, ["clock", now], f"Clock({show(now)})")
        return clock

    def gate(self) -> Gate:
        """Make a gate: `gate.wait()` and `gate.open()` are for threads and scripts."""
        gate = Gate(*self._identity("gate"), "")
        self._make(gate, ["gate", gate.name], "Gate()")
        return gate

    def script(self, *steps: Any) -> Scripted:
        """Make a callable that takes these steps in turn, the last one for ever.

        A step is a value to return, an exception to raise, or `does(...)`.
        """
        wire = [self._step(step) for step in steps]
        said = f"Script({arguments(steps, {}, 60)})"
        return self._scripted("script", [wire], said)

    def table(
        self, rows: Mapping[Any, Any] | None = None, otherwise: Any = ARGUMENT
    ) -> Scripted:
        """Make a callable whose step depends on its first argument."""
        wire = [[self._encode(k), self._step(v)] for k, v in (rows or {}).items()]
        said = show(dict(rows or {}), 100)
        if otherwise is not ARGUMENT:
            said += f", otherwise={show(otherwise, 60)}"
        return self._scripted("table", [wire, self._step(otherwise)], f"Table({said})")

    def items(self, steps: Iterable[Any], *, counted: bool = False) -> Scripted:
        """Make an iterator that takes these steps in turn, then ends.

        Of `range(n)` and `itertools.count()` only the form travels. Counted items are
        objects whose lives are counted, and so are a table's results for them.
        """
        if isinstance(steps, range):
            wire: list[Any] = ["range", steps.start, steps.stop, steps.step]
        elif isinstance(steps, count):
            wire = ["count", next(steps)]
        else:
            steps = list(steps)
            wire = ["steps", [self._step(step) for step in steps]]
        said = show(steps, 100)
        return self._scripted("items", [wire, counted], f"Items({said})")

    def number(self, value: int, *actions: Calls) -> Scripted:
        """Make an int that makes calls whenever it is added or taken away."""
        step = self._step(Step(flat(actions), value))
        calls = ", ".join(call.text() for call in flat(actions))
        return self._scripted("number", [value, step], f"Number({value}, {calls})")

    def _scripted(self, kind: str, wire: list[Any], said: str) -> Scripted:
        made = Scripted(*self._identity(kind), "")
        self._make(made, [kind, *wire], said)
        self.parts.scripted[made.number] = made
        return made

    def _step(self, step: Any) -> list[Any]:
        """Return a step as it travels."""
        if isinstance(step, Step):
            actions = [call.operation for call in step.actions]
            return [*self._step(step.gives)[:2], actions]
        if step is ARGUMENT:
            return ["argument", None, []]
        kind = "raise" if isinstance(step, BaseException) else "return"
        return [kind, self._encode(step), []]

    # What is called

    def __getattr__(self, name: str) -> Callable[..., Made]:
        if name not in self.candidate._contract.classes:
            raise AttributeError(f"the stub has no class {name!r}")
        return lambda *args, **kwargs: self._new(name, args, kwargs)

    def _new(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Made:
        made = Made(*self._identity(snake_case(name)), name)
        wire = {key: self._encode(value) for key, value in kwargs.items()}
        operation = ["new", name, self._encode(list(args)), wire]
        self._make(made, operation, f"{name}({arguments(args, kwargs, 60)})")
        self.candidate.called.add(name)
        return made

    def function(self, name: str, *args: Any, **kwargs: Any) -> Call:
        """Return a call of one of the stub's functions."""
        self.candidate.called.add(name)
        module = RemoteObject(self.candidate, 0, "", "")
        return call_of(RemoteMethod(self.candidate, module, name), args, kwargs)

    def iterator(self, call: Call) -> Iteration:
        """Make a call before there are threads, and keep the iterator it returns."""
        made = Iteration(*self._identity("iterator"), "")
        self._make(made, ["keep", call.operation], call.said)
        return made

    def _identity(self, base: str) -> tuple[Candidate, int, str]:
        return self.candidate, self.candidate._number(), self.candidate._name(base)

    def _make(self, made: RemoteObject, operation: list[Any], said: str) -> None:
        kind, *wire = operation
        self.parts.setup.append([kind, made.number, *wire])
        self.parts.story.append(f"{made.name} = {said}")

    # When

    def first(self, *calls: Calls) -> None:
        """Make calls while there is one thread only."""
        for call in flat(calls):
            self.parts.setup.append(call.operation)
            self.parts.story.append(call.text())

    def thread(self, *calls: Calls) -> None:
        self.parts.threads.append(tuple(flat(calls)))

    def finally_(self, *calls: Calls) -> None:
        """Make calls when all threads have ended."""
        self.parts.finals.extend(flat(calls))

    def wire(self) -> dict[str, Any]:
        """Return the scenario as it travels."""
        parts = self.parts
        return {
            "setup": parts.setup,
            "threads": [[call.operation for call in calls] for calls in parts.threads],
            "finals": [call.operation for call in parts.finals],
            "hasty": self.hasty,
            "awaits": self.awaits,
        }

    def story(self) -> tuple[str, ...]:
        """Return the scenario as source, what threads do as comments."""
        parts = enumerate(self.parts.threads, start=1)
        threads = [f"# T{n}: {'; '.join(c.text() for c in part)}" for n, part in parts]
        if self.parts.finals:
            finals = "; ".join(call.text() for call in self.parts.finals)
            threads.append(f"# then: {finals}")
        return (*self.parts.story, *threads)

    def planned(self, thread: int, place: int) -> Call:
        """Return the call that stands at a place of a thread, 0 for the last ones."""
        parts = self.parts
        if thread < 0 or place < 0:
            raise LookupError("no such call")
        return (parts.threads[thread - 1] if thread else parts.finals)[place]

    def needs_virtual_time(self) -> bool:
        """Tell whether time passes in it, or whether it is about coroutines."""
        parts = self.parts
        calls = [*parts.finals, *(call for part in parts.threads for call in part)]
        operations = [*parts.setup, *(call.operation for call in calls)]
        return self.awaits or mentions(operations, {"clock", "pause"})

    def is_cancelled(self, number: int) -> bool:
        """Tell whether a call is cancelled from outside, in some schedules at least."""
        calls = [*self.parts.finals, *(c for part in self.parts.threads for c in part)]
        return cancel(number) in calls

    def _encode(self, value: Any) -> Any:
        return self.candidate._encode(value)


def mentions(operations: Any, kinds: set[str]) -> bool:
    """Tell whether an operation of some kind is among others, or within one."""
    if not isinstance(operations, list):
        return False
    if operations and isinstance(operations[0], str) and operations[0] in kinds:
        return True
    return any(mentions(part, kinds) for part in operations)


class AwaitingScenario(Scenario):
    """The same with tasks of one event loop in the place of threads.

    What a call returns is awaited, if it can be. Gates, pauses and steps are awaited.
    """

    awaits = True

    def coroutine(
        self,
        *actions: Calls,
        gives: Any = None,
        when_cancelled: Sequence[Call] = (),
        bare: bool = True,
    ) -> Scripted:
        """Make a coroutine that makes calls, and then gives a value or raises.

        When it is cancelled, it first makes those for `when_cancelled`. If it is not
        to be bare, the answer gets an object with nothing but `__await__`.
        """
        step, cleaning = Step(flat(actions), gives), flat(when_cancelled)
        said = repr(step).removeprefix("does(").removesuffix(")")
        if cleaning:
            said += f", when_cancelled=[{', '.join(map(Call.text, cleaning))}]"
        wire = [self._step(step), [call.operation for call in cleaning], bare]
        kind = "Coroutine" if bare else "Awaitable"
        return self._scripted("coroutine", wire, f"{kind}({said})")

    def future(self, gives: Any = None) -> Future:
        """Make a future that gives a value, or raises, once it has been resolved."""
        future = Future(*self._identity("future"), "")
        self._make(future, ["future", self._step(gives)], f"Future({show(gives)})")
        self.parts.scripted[future.number] = future
        return future

    def task(self, *calls: Calls) -> None:
        """Add a task, and what it calls in turn."""
        self.thread(*calls)
