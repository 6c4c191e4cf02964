"""Runs the answer. Forked by the zygote; nothing that happens here is trusted.

A request is a list of operations; the reply is the list of their outcomes, up to the
first that did not succeed. Outcomes are `["ok", value]`, `["raised", ...]` and
`["played", ...]`. Needs only the standard library, msgspec and `protocol`.
"""

from __future__ import annotations

import builtins
import gc
import inspect
import linecache
import marshal
import os
import random
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from mmap import mmap
from typing import Any

from awaiting import AwaitingStage  # type: ignore[import-not-found]
from protocol import (  # type: ignore[import-not-found]
    HEADER,
    STEP,
    Unsendable,
    decode,
    encode,
    is_plain,
)
from real import RealStage  # type: ignore[import-not-found]
from stage import Stage  # type: ignore[import-not-found]

MODULE = "answer"
_CHUNK = 1 << 13
Act = Callable[[], Any]
_MAX_TEXT = 2000
_MAX_FRAMES = 5
_MAX_ATTRIBUTES = 8


class Clock:
    """The clock that a check sets and the answer reads by calling it."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def __repr__(self) -> str:
        return "clock"


class Script:
    """A callable whose results were written down beforehand, the last one repeating."""

    def __init__(self, steps: list[tuple[str, Any]]) -> None:
        self.steps = steps
        self.calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kind, value = self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1
        if kind == "raise":
            raise value
        return value


class Stream:
    """An iterator that gives its items once, and counts those that were taken."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.taken = 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        if self.taken == len(self.items):
            raise StopIteration
        self.taken += 1
        return self.items[self.taken - 1]


@dataclass
class Raised:
    """In place of a result: what was raised."""

    error: BaseException


class Missing(Exception):
    """A name of the stub that the answer does not have."""


@dataclass
class Played:
    """The results of `play`, and what ended it before its time."""

    results: list[Any]
    error: BaseException | None


@dataclass
class Histories:
    """What came of some schedules, in plain data already."""

    formed: list[Any]


class Channel:
    """Frames over two pipes, by file descriptor."""

    def __init__(self, requests: int, replies: int, encoder: Any, decoder: Any) -> None:
        self.requests, self.replies = requests, replies
        self._encode = encoder.encode
        self._decode = decoder.decode
        # Bound now: an answer that patches os must not break an honest reply.
        self._read, self._write, self._exit = os.read, os.write, os._exit

    def receive(self) -> tuple[bytes, Any]:
        # one frame at a time is on its way: what comes belongs to it
        data = self._read(self.requests, _CHUNK)
        length = HEADER.unpack_from(data)[0] if len(data) >= HEADER.size else None
        if length is None or len(data) < HEADER.size + length:
            data = self._rest(bytearray(data))
        return data[4:12], self._decode(memoryview(data)[HEADER.size :])

    def _rest(self, data: bytearray) -> bytes:
        while len(data) < HEADER.size or len(data) < _frame_size(data):
            more = self._read(self.requests, 1 << 20)
            if not more:
                self._exit(0)
            data += more
        return bytes(data)

    def send(self, ticket: bytes, reply: Any) -> None:
        payload = self._encode(reply)
        frame = HEADER.pack(len(payload), ticket) + payload
        sent = self._write(self.replies, frame)
        while sent < len(frame):
            sent += self._write(self.replies, memoryview(frame)[sent:])


def _frame_size(data: bytearray) -> int:
    size: int = HEADER.size + HEADER.unpack_from(data)[0]
    return size


class Worker:
    """The answer's module, its objects by number, and the operations on them."""

    def __init__(self, channel: Channel, steps: mmap) -> None:
        self.channel = channel
        self.note_step = partial(STEP.pack_into, steps, 0)
        self.namespace: dict[str, Any] = {}
        self.objects: dict[int, Any] = {}
        self.record_fields: dict[str, list[str]] = {}
        self.record_names: dict[type, str | None] = {}
        self.handles = 0
        self.filename = ""
        self.staged: Act = lambda: None
        self.held: Any = None
        self.code: types.CodeType | None = None
        self.theatre: Any = None
        self.acts: dict[str, Callable[..., Any]] = {
            "compile": self.compile,
            "load": self.load,
            "reset": self.reset,
            "clock": self.make_clock,
            "set": self.set_clock,
            "script": self.make_script,
            "stream": self.make_stream,
            "keep": self.keep_value,
            "look": self.look,
            "next": self.next,
            "close": self.close,
            "settle": self.settle,
            "stage": self.stage,
            "run": self.run,
            "fetch": lambda: self.held,
            "attempt": self.attempt,
            "explore": self.explore,
            "replay": self.replay,
            "play_for_real": self.play_for_real,
        }
        self.forms: dict[type, Callable[[Any], list[Any]]] = {
            Raised: lambda raised: self.raised(raised.error),
            Played: self.played,
            Histories: lambda histories: ["ok", histories.formed],
        }
        self.calls: dict[str, Callable[..., Act]] = {
            "new": self.new,
            "call": self.call,
            "method": self.method,
            "play": self.play,
        }

    def serve(self) -> None:
        """Answer requests until the other side closes the channel."""
        while True:
            ticket, operations = self.channel.receive()
            outcomes = []
            for operation in operations:
                outcomes.append(self.outcome(operation))
                if outcomes[-1][0] in ("raised", "missing"):
                    break
            try:
                self.channel.send(ticket, outcomes)
            except (MemoryError, UnicodeEncodeError) as error:
                self.channel.send(ticket, [self.raised(error)])

    def outcome(self, operation: list[Any]) -> list[Any]:
        """Carry out one operation; return what came of it, in plain data."""
        try:
            result = self.prepared(operation)()
        except BaseException as error:  # the answer may raise anything at all
            result = Raised(error)
        return self.formed(result)

    def prepared(self, operation: list[Any]) -> Act:
        """Return what carries out an operation; its arguments are decoded here."""
        kind, *arguments = operation
        if kind in self.calls:
            return self.calls[kind](*arguments)
        return partial(self.acts[kind], *arguments)

    def formed(self, result: Any) -> list[Any]:
        """Return the outcome, in plain data, of a result."""
        try:
            if type(result) in self.forms:
                return self.forms[type(result)](result)
            return ["ok", self.encode_or_foreign(result)]
        except BaseException as error:  # raised by the result's own methods
            return self.raised(error)

    # For timing: what comes before and after the answer's own work is kept apart

    def stage(self, operation: list[Any]) -> None:
        self.staged = self.prepared(operation)

    def run(self) -> None:
        try:
            self.held = self.staged()
        except BaseException as error:
            self.held = Raised(error)

    # Loading

    def compile(self, source: str, filename: str) -> bytes:
        return marshal.dumps(compile(source, filename, "exec", dont_inherit=True))

    def load(
        self,
        code: bytes,
        source: str,
        filename: str,
        record_fields: dict[str, list[str]],
    ) -> str:
        """Run the answer; return the names of the modules that it imported."""
        before = set(sys.modules)
        module = types.ModuleType(MODULE)
        module.__file__ = self.filename = filename
        sys.modules[MODULE] = module
        linecache.cache[filename] = (
            len(source),
            None,
            source.splitlines(True),
            filename,
        )
        random.seed(0)
        self.record_fields = record_fields
        self.code = marshal.loads(code)
        self.namespace = module.__dict__
        exec(self.code, self.namespace)
        return " ".join(sorted(set(sys.modules) - before - {MODULE}))

    def reset(self) -> None:
        """Forget the objects of the last example."""
        self.objects.clear()
        random.seed(0)

    # Objects that live here

    def make_clock(self, number: int, now: Any) -> None:
        self.objects[number] = Clock(self.decode(now))

    def set_clock(self, number: int, now: Any) -> None:
        self.objects[number].now = self.decode(now)

    def make_script(self, number: int, steps: list[list[Any]]) -> None:
        self.objects[number] = Script([(kind, self.decode(v)) for kind, v in steps])

    def make_stream(self, number: int, items: list[Any]) -> None:
        self.objects[number] = Stream(self.decode(items))

    def keep_value(self, number: int, value: Any) -> None:
        self.objects[number] = self.decode(value)

    def look(self, number: int, name: str) -> Any:
        """Return what a kept value is now, or an attribute of an object of ours."""
        return getattr(self.objects[number], name) if name else self.objects[number]

    # Calling the answer: each returns what makes the call

    def new(self, number: int, name: str, args: list[Any], kwargs: Any) -> Act:
        make = self.call(name, args, kwargs)

        def act() -> None:
            self.objects[number] = make()

        return act

    def call(self, name: str, args: list[Any], kwargs: Any) -> Act:
        if name not in self.namespace:
            raise Missing(name)
        function = self.namespace[name]
        return partial(function, *self.decode(args), **self.keywords(kwargs))

    def method(self, number: int, name: str, args: list[Any], kwargs: Any) -> Act:
        return partial(
            self.bound(number, name), *self.decode(args), **self.keywords(kwargs)
        )

    def bound(self, number: int, name: str) -> Any:
        owner = self.objects[number]
        try:
            return getattr(owner, name)
        except AttributeError:
            raise Missing(f"{type(owner).__name__[:80]}.{name}") from None

    def keywords(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return kwargs and {name: self.decode(v) for name, v in kwargs.items()}

    def play(
        self,
        clock: int,
        methods: list[list[Any]],
        times: list[Any],
        which: list[int],
        calls: list[list[Any]],
    ) -> Act:
        """Make many calls; each sets the clock first. Stops at the first exception."""
        now = self.objects[clock]
        bound = [self.bound(number, name) for number, name in methods]
        steps = list(zip(self.decode(times), which, self.decode(calls), strict=True))

        def act() -> Played:
            results: list[Any] = []
            try:
                for place, (moment, index, row) in enumerate(steps):
                    self.note_step(place)
                    now.now = moment
                    results.append(bound[index](*row))
            except BaseException as error:
                return Played(results, error)
            return Played(results, None)

        return act

    def played(self, played: Played) -> list[Any]:
        failure = self.raised(played.error) if played.error else None
        try:
            results = self.encode(played.results)
        except Unsendable:
            results = [self.encode_or_foreign(result) for result in played.results]
        return ["played", results, failure]

    def next(self, number: int, count: int) -> list[Any]:
        """Return up to `count` items of an iterator and whether it is exhausted."""
        items: list[Any] = []
        for _ in range(count):
            try:
                items.append(next(self.objects[number]))
            except StopIteration:
                return [items, True]
        return [items, False]

    def close(self, number: int) -> None:
        self.objects[number].close()

    def settle(self) -> None:
        """Leave the garbage collector out of what is timed next."""
        gc.collect()
        gc.freeze()
        gc.disable()

    def explore(
        self, scenario: dict[str, Any], seed: int, first: int, number: int
    ) -> Histories:
        """Play a scenario of threads under some of its schedules."""
        if first == 0:
            kind = AwaitingStage if scenario["awaits"] else Stage
            self.theatre = kind(self, Raised, scenario)
        return Histories(self.theatre.explore(seed, first, number))

    def replay(self, choices: list[Any]) -> Histories:
        """Play the last scenario again, under known choices."""
        return Histories([self.theatre.replay(choices)])

    def play_for_real(self, scenario: dict[str, Any], number: int) -> Histories:
        """Play a scenario on real threads."""
        return Histories(RealStage(self, Raised, scenario).play_for_real(number))

    def attempt(self, act: str, target: str) -> str:
        """Try one forbidden act, for the self-test; return what came of it."""
        try:
            _ATTEMPTS[act](target)
        except OSError:
            return "refused"
        return "done"

    # Values

    def decode(self, value: Any) -> Any:
        return decode(value, self.read_special)

    def read_special(self, tag: str, body: Any) -> Any:
        if tag == "h":
            return self.objects[body]
        if tag == "r":
            name, fields = body
            return self.namespace[name](**self.keywords(fields))
        if tag == "rs":
            name, columns = body
            return self.records(name, [self.decode(column) for column in columns])
        if tag == "e":
            name, message = body
            kind = self.namespace.get(name) or vars(builtins)[name]
            if not issubclass(kind, BaseException):
                raise ValueError(f"{name} is no exception")
            return kind(message)
        raise ValueError(f"unknown tag {tag}")

    def records(self, name: str, columns: list[list[Any]]) -> list[Any]:
        make, fields = self.namespace[name], self.record_fields[name]
        if takes_in_order(make, fields):
            with resting_collector():
                return list(map(make, *columns))
        rows = zip(*columns, strict=True)
        return [make(**dict(zip(fields, row, strict=True))) for row in rows]

    def encode(self, value: Any) -> Any:
        return encode(value, self.special)

    def encode_or_foreign(self, value: Any) -> Any:
        try:
            return encode(value, self.special)
        except Unsendable as error:
            return {"x": [str(error), ""]}

    def special(self, value: Any, depth: int) -> dict[str, Any] | None:
        kind = type(value)
        if kind is list:
            return self.columns(value)
        name = self.record_name(kind)
        if name is not None:
            return {"r": [name, self.fields(value, name, depth)]}
        for number, known in self.objects.items():
            if known is value:
                return {"h": number}
        if issubclass(kind, (list, tuple, dict, set, frozenset)):
            return None
        if hasattr(kind, "__next__"):
            return {"it": [self.keep(value), kind.__name__[:80]]}
        return {"x": [kind.__name__[:80], text_of(value, repr)[:200]]}

    def columns(self, values: list[Any]) -> dict[str, Any] | None:
        name = self.record_name(type(values[0]))
        if name is None:
            return None
        fields = self.record_fields[name]
        rows = [fields_of(value, fields) for value in values]
        columns = [self.encode(list(column)) for column in zip(*rows, strict=True)]
        return {"rs": [name, columns]} if columns else None

    def fields(self, value: Any, name: str, depth: int) -> list[Any]:
        values = fields_of(value, self.record_fields[name])
        if is_plain(values):
            return values
        return [self.part(item, depth) for item in values]

    def part(self, value: Any, depth: int) -> Any:
        """Return the form of a field; what cannot be sent is told in its place."""
        try:
            return encode(value, self.special, depth + 1)
        except Unsendable as error:
            if depth > 1:  # it may be within itself
                raise
            return {"x": [str(error), ""]}

    def record_name(self, kind: type) -> str | None:
        """Return which of the stub's records `kind` is, by the answer's own class."""
        if kind not in self.record_names:
            self.record_names[kind] = self._record_name(kind)
        return self.record_names[kind]

    def _record_name(self, kind: type) -> str | None:
        for name in self.record_fields:
            record = self.namespace.get(name)
            if isinstance(record, type) and issubclass(kind, record):
                return name
        return None

    def keep(self, value: Any) -> int:
        self.handles -= 1
        self.objects[self.handles] = value
        return self.handles

    # Exceptions

    def raised(self, error: BaseException) -> list[Any]:
        if type(error) is Missing:
            return ["missing", text_of(error, str)]
        kind = type(error)
        return [
            "raised",
            kind.__name__[:80],
            [base.__name__[:80] for base in kind.__mro__[:16]],
            text_of(error, str),
            self.frames(error),
            self.attributes(error),
        ]

    def frames(self, error: BaseException) -> list[list[Any]]:
        """Return [line, function] of the answer's own frames, the innermost last."""
        frames: list[list[Any]] = []
        if isinstance(error, SyntaxError) and error.filename == self.filename:
            return [[error.lineno or 0, "", (error.text or "").strip()[:200]]]
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename == self.filename:
                line = linecache.getline(self.filename, trace.tb_lineno).strip()[:200]
                frames = [*frames, [trace.tb_lineno, code.co_name[:80], line]]
                frames = frames[-_MAX_FRAMES:]
            trace = trace.tb_next
        return frames

    def attributes(self, error: BaseException) -> dict[str, Any]:
        """Return what the exception carries beside its message."""
        found = {}
        for name in public_names(error)[:_MAX_ATTRIBUTES]:
            with suppress(BaseException):  # a property may do anything at all
                found[name[:80]] = self.encode_or_foreign(getattr(error, name))
        return found


def public_names(error: BaseException) -> list[str]:
    """Return the names of an exception's attributes: its own, then its classes'."""
    own = list(vars(error)) if hasattr(error, "__dict__") else []
    kinds = [kind for kind in type(error).__mro__ if kind.__module__ == MODULE]
    held = [name for kind in kinds for name in vars(kind) if is_held(kind, name)]
    names = dict.fromkeys([*own, *held])
    return [name for name in names if type(name) is str and name[:1] != "_"]


def is_held(kind: type, name: str) -> bool:
    """Tell whether instances have it as a value: a slot, a property or a constant."""
    return not callable(inspect.getattr_static(kind, name))


@contextmanager
def resting_collector() -> Iterator[None]:
    """Do not look for garbage while much is made: there is none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def takes_in_order(make: Callable[..., Any], fields: list[str]) -> bool:
    """Tell whether these are the first parameters, by place: twice as fast."""
    parameters = list(inspect.signature(make).parameters.values())[: len(fields)]
    by_place = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    return by_place == fields


def fields_of(record: Any, names: list[str]) -> list[Any]:
    try:
        return [getattr(record, name) for name in names]
    except AttributeError:
        kind = type(record).__name__[:80]
        missing = next(name for name in names if not hasattr(record, name))
        raise Unsendable(f"a {kind} that has no {missing}") from None


def text_of(value: Any, form: Callable[[Any], str]) -> str:
    """Return `form(value)`, whatever the value's own methods do."""
    try:
        text = form(value)
        return text[:_MAX_TEXT].encode("utf-8", "backslashreplace").decode()
    except BaseException as error:
        return f"<{form.__name__}() raised {type(error).__name__[:80]}>"


def _open(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY))


def _write(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def _socket(_: str) -> None:
    import socket

    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _fork(_: str) -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


_ATTEMPTS: dict[str, Callable[[str], None]] = {
    "read": _open,
    "write": _write,
    "network": _socket,
    "fork": _fork,
    "signal": lambda pid: os.kill(int(pid), 0),
}
