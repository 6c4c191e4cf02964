"""The process that forks workers: warm, confined, and free of any answer.

Started as ``python -s -S -P zygote.py OPTIONS`` with a control socket. One request at
a time: ``F`` and two pipes forks a worker, ``W<pid>`` ends one and tells how it ended,
``I<names>`` imports standard modules ahead of the next fork. End of file ends all.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import mmap
import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Any

PRELOAD = [
    "abc",
    "bisect",
    "collections",
    "collections.abc",
    "concurrent.futures",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "graphlib",
    "heapq",
    "inspect",
    "itertools",
    "json",
    "math",
    "numbers",
    "operator",
    "queue",
    "random",
    "re",
    "statistics",
    "string",
    "threading",
    "time",
    "traceback",
    "types",
    "typing",
    "uuid",
    "weakref",
    "zoneinfo",
]
OWN = {
    *("limits", "msgspec", "protocol", "worker"),
    *("awaiting", "keeping", "loops", "naming", "opcodes", "plans", "pool", "props"),
    *("real", "schedules", "stage", "standins", "tasks", "watching"),
}
# Importing these does something beside defining names.
NOT_PRELOADED = {"antigravity", "idlelib", "test", "this", "tkinter", "turtle"}


@dataclass(frozen=True)
class Own:
    """Our own modules, which are not to be found by name once an answer runs."""

    limits: Any
    worker: Any
    encoder: Any
    decoder: Any


class Zygote:
    """The loop over requests."""

    def __init__(
        self,
        own: Own,
        control: socket.socket,
        kin: int | None,
        options: dict[str, Any],
    ) -> None:
        self.own = own
        self.steps = mmap.mmap(options["steps"], 0)
        os.close(options["steps"])
        self.control = control
        self.kin = kin
        self.options = options
        self.ended: dict[int, list[float]] = {}
        self.children: set[int] = set()

    def serve(self) -> None:
        while True:
            message, pipes, _, _ = socket.recv_fds(self.control, 1 << 16, 2)
            if not message:
                self.leave()
            kind, rest = message[:1], message[1:]
            if kind == b"F":
                self.fork(*pipes)
            elif kind == b"W":
                self.reply(self.end(int(rest)))
            elif kind == b"I":
                self.reply(import_standard(rest.decode().split()))

    def reply(self, data: Any) -> None:
        self.control.send(json.dumps(data).encode())

    def fork(self, requests: int, replies: int) -> None:
        self.reap()
        pid = os.fork()
        if pid == 0:
            try:
                self.become_worker(requests, replies)
            finally:
                os._exit(120)
        self.children.add(pid)
        os.close(requests)
        os.close(replies)
        self.reply(pid)

    def end(self, pid: int) -> list[float]:
        """Kill a worker and all it left; return [status, CPU seconds, peak KiB]."""
        if pid not in self.ended:
            kill(pid)
            self.wait_for(pid)
        status, cpu_s, peak_kib = self.ended.pop(pid)
        return [status, cpu_s + self.end_orphans(), peak_kib]

    def wait_for(self, pid: int) -> None:
        try:
            _, status, usage = os.wait4(pid, 0)
        except ChildProcessError:
            self.ended[pid] = [-1, 0.0, 0.0]
            return
        self.note(pid, status, usage)

    def note(self, pid: int, status: int, usage: Any) -> None:
        cpu_s = usage.ru_utime + usage.ru_stime
        self.ended[pid] = [status, cpu_s, usage.ru_maxrss]
        self.children.discard(pid)

    def reap(self) -> None:
        """Collect workers that left by themselves; nobody will ask for most of them."""
        for pid in list(self.children):
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                self.note(pid, status, usage)
        while len(self.ended) > 64:
            del self.ended[next(iter(self.ended))]

    def end_orphans(self) -> float:
        """Kill adopted children that are no workers; return their CPU seconds."""
        cpu_s = 0.0
        for pid in self.living_children() - self.children:
            kill(pid)
            try:
                _, _, usage = os.wait4(pid, 0)
            except ChildProcessError:
                continue
            cpu_s += usage.ru_utime + usage.ru_stime
        return cpu_s

    def living_children(self) -> set[int]:
        if self.kin is None:
            return set()
        return set(map(int, os.pread(self.kin, 1 << 16, 0).split()))

    def become_worker(self, requests: int, replies: int) -> None:
        """Turn this forked child into a worker: leave the zygote, harden, serve."""
        self.control.close()
        if self.kin is not None:
            os.close(self.kin)
        os.setpgid(0, 0)
        limits = self.own.limits
        limits.die_with_parent(os.getsid(0))  # the zygote leads the session
        limits.limit_resources(**self.options["limits"])
        limits.confine_signals()
        limits.filter_system_calls()
        own = self.own
        channel = own.worker.Channel(requests, replies, own.encoder, own.decoder)
        own.worker.Worker(channel, self.steps).serve()

    def leave(self) -> None:
        for pid in list(self.children):
            kill(pid)
        self.end_orphans()
        os._exit(0)


def kill(pid: int) -> None:
    """Kill a process and its group, if it leads one."""
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)


def open_kin() -> int | None:
    """Open the system's list of our children, before files are out of reach."""
    pid = os.getpid()
    try:
        return os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
    except OSError:
        return None


def import_standard(names: list[str]) -> list[str]:
    """Import those of the names that are harmless standard modules; return them."""
    done = []
    for name in names:
        top, *below = name.split(".")
        if top not in sys.stdlib_module_names or top in NOT_PRELOADED:
            continue
        if any(part.startswith("_") for part in (top, *below)):
            continue  # what needs it imports it, and some do not stand to come later
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
            done.append(name)
    gc.freeze()
    return done


def import_own(home: str, library: str) -> Own:
    """Import our own modules and msgspec by path, then forget the paths again."""
    sys.path[:0] = [home, library]
    limits, worker, msgpack = map(
        importlib.import_module, ("limits", "worker", "msgspec.msgpack")
    )
    del sys.path[:2]
    for name in list(sys.modules):
        if name.partition(".")[0] in OWN:
            del sys.modules[name]
    return Own(limits, worker, msgpack.Encoder(), msgpack.Decoder())


def confine(limits: Any) -> list[str]:
    """Give up what no worker may have; return the names of what is in force."""
    limits.die_with_parent()
    limits.adopt_orphans()
    limits.prepare()
    files = limits.confine_files(limits.readable_paths())
    dropped = "no capabilities" if limits.drop_capabilities() else None
    return [*filter(None, (files, dropped)), *limits.worker_protection()]


def main() -> None:
    options = json.loads(sys.argv[1])
    del sys.argv[1:]
    own = import_own(options["home"], options["library"])
    import_standard(PRELOAD)
    control = socket.socket(fileno=options["control"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    kin = open_kin()
    control.send(json.dumps(confine(own.limits)).encode())
    gc.collect()
    gc.freeze()
    Zygote(own, control, kin, options).serve()


if __name__ == "__main__":
    main()
