"""The judges: one process a core, each with a zygote of its own for the answers."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Any

from graders.candidate import MAX_SHRINKS, Answer
from graders.checks import CheckFacts, GraderFault, Judged, Outcome
from graders.kata import Kata, KataError
from graders.sandbox import limits
from graders.sandbox.host import SandboxFault, Zygote

DEADLINE_S = 900
"""Wall seconds without any news from any judge, after which grading is given up."""


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_processor(zygote: Zygote, place: int) -> None:
    """Keep this process and a zygote with its workers on one processor.

    They take turns: waking the other one up is four times as fast there. `place` is
    counted round the processors that may be used.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    usable = sorted(os.sched_getaffinity(0))
    with contextlib.suppress(OSError):  # not allowed here: slower, and that is all
        for pid in (0, zygote.process.pid):
            os.sched_setaffinity(pid, {usable[place % len(usable)]})


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off: in the middle of a fork or an import Python may lose it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass
class Seat:
    """One judge process, as its owner sees it."""

    process: ForkProcess
    connection: Connection


class Judges:
    """Processes that have collected a kata's hidden checks and wait for answers."""

    def __init__(
        self, kata: Kata, *, deep: bool = False, hash_seed: int = 0, count: int = 0
    ) -> None:
        self.kata = kata
        self.checks: list[CheckFacts] = []
        self.protection: list[str] = []
        self.zygotes: list[Zygote] = []
        self.seats: list[Seat] = []
        try:
            with uninterrupted():
                self._begin(count or cores(), hash_seed, deep)
        except BaseException:
            self.close()
            raise

    def _begin(self, count: int, hash_seed: int, deep: bool) -> None:
        for _ in range(count):
            self.zygotes.append(Zygote(hash_seed=hash_seed))
        # takes a third of a second, in which the zygotes make themselves ready
        import graders.plugin  # noqa: F401

        gc.freeze()
        for place in range(count):
            self.seats.append(self._seat(place, deep))

    def _seat(self, place: int, deep: bool) -> Seat:
        context = get_context("fork")
        ours, theirs = context.Pipe()
        arguments = (self.kata, self.zygotes[place], place, theirs, deep)
        process = context.Process(target=sit, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return Seat(process, ours)

    def collect(self) -> None:
        """Wait until the checks are known, without an answer."""
        self.prepare(Answer(""))

    def prepare(self, answer: Answer) -> Outcome | None:
        """Give the answer to every judge; return why it cannot be imported, if so.

        Raises KataError if the hidden checks are not well made.
        """
        for seat in self.seats:
            self._send(seat, ("prepare", answer))
        replies = [self._receive(seat) for seat in self.seats]
        self.checks = replies[0].checks
        self.protection = replies[0].protection
        return next((reply.problem for reply in replies if reply.problem), None)

    def run(
        self, names: Iterable[str], seed: int, shrinks: int = MAX_SHRINKS
    ) -> Iterator[Judged]:
        """Run checks on the answer, as many at a time as there are judges.

        A name is taken only when a judge is free for it, so `names` may end early.
        """
        waiting, busy = iter(names), dict[Connection, Seat]()
        idle = list(self.seats)
        while True:
            for name in islice(waiting, len(idle)):
                seat = idle.pop()
                self._send(seat, ("run", name, seed, shrinks))
                busy[seat.connection] = seat
            if not busy:
                return
            for ready in self._wait(list(busy)):
                idle.append(busy.pop(ready))
                yield self._receive(idle[-1])

    def _wait(self, connections: list[Connection]) -> list[Any]:
        ready = connection.wait(connections, DEADLINE_S)
        if not ready:
            raise GraderFault(f"no judge has said anything for {DEADLINE_S} s")
        return ready

    def _send(self, seat: Seat, request: tuple[Any, ...]) -> None:
        # a judge that has ended may have said why: that is read below
        with contextlib.suppress(OSError):
            seat.connection.send(request)

    def _receive(self, seat: Seat) -> Any:
        self._wait([seat.connection])
        try:
            reply = seat.connection.recv()
        except (EOFError, OSError):
            raise GraderFault("a judge process ended before its verdict") from None
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self) -> None:
        """End all judges, zygotes and workers."""
        for seat in self.seats:
            seat.process.kill()
        for seat in self.seats:
            seat.process.join()
            seat.connection.close()
        for zygote in self.zygotes:
            zygote.close()

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sit(
    kata: Kata, zygote: Zygote, place: int, connection: Connection, deep: bool
) -> None:
    """Be a judge until the owner ends this process."""
    from graders.plugin import Judge, collect_and_serve

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits.die_with_parent()
    limits.hide_memory()
    # from another one for each grading: several at once must not meet on the same
    share_processor(zygote, place + os.getppid())
    judge = Judge(kata, zygote, connection, deep)
    with contextlib.suppress(EOFError, BrokenPipeError):
        connection.send(why_not(lambda: collect_and_serve(judge)))


def why_not(serve: Callable[[], None]) -> Exception:
    """Return what ended a judge before its owner did."""
    try:
        serve()
    except (KataError, GraderFault) as error:
        return error
    except SandboxFault as error:
        return GraderFault(str(error))
    except Exception as error:
        return GraderFault(f"{type(error).__name__}: {error}")
    return GraderFault("pytest ended before it was asked to")
