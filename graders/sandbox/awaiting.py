"""Plays a scenario of coroutines, in an event loop of ours. Worker's side."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

import loops  # type: ignore[import-not-found]
import props  # type: ignore[import-not-found]
import schedules  # type: ignore[import-not-found]
from stage import Stage  # type: ignore[import-not-found]
from tasks import Abort  # type: ignore[import-not-found]


class AwaitingStage(Stage):  # type: ignore[misc]
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

    def _watch(self) -> None:
        """Look at nothing: there are no threads to interrupt."""

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
        except Abort:
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
