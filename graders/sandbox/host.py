"""The trusted side of the sandbox: starts, asks, times and kills workers.

Time is the answer's own: CPU seconds read from the kernel, and seconds asleep. A busy
machine makes a call take longer, and changes no verdict.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import tzdata  # type: ignore[import-untyped]

from graders.results import Verdict
from graders.sandbox.protocol import HEADER, STEP, Malformed

HOME = Path(__file__).parent
_TICK_MS = 50
_CHUNK = 1 << 13
_LARGE_CHUNK = 1 << 18
_SHORT_S = 0.005
_READ_S = 2e-7
"""What an answer is given for each byte that it is sent: reading it takes time."""
_MAX_NAMES = 4000
BROKEN_CHANNEL = 120
"""The exit status of a worker that can no longer talk to us."""
_TICKETS = 64
"""How many tickets are drawn at once: each time is a system call."""
_SOON_MS = 5
"""How long a reply is waited for before anything else is looked at."""
_FRESH_S = 0.001
"""How long a reading of the answer's CPU time is good for while nothing is asked."""
_NO_THREAD_NS = 5_000
"""CPU time that no thread gets by with, from its start to its end."""
_NEARLY = 0.6
_KEPT_OUTPUT = 1 << 16


@dataclass(frozen=True)
class Limits:
    """What one worker may use. Times are the answer's own, see `Patience`."""

    call_s: float = 0.5
    load_s: float = 2.0
    wall_s: float = 60.0
    cpu_s: int = 60
    memory_mib: int = 512
    output_mib: int = 8
    file_mib: int = 1
    reply_mib: int = 16
    open_files: int = 64

    def for_worker(self) -> dict[str, int]:
        """Return what the worker's own process enforces, as keyword arguments."""
        names = ("memory_mib", "cpu_s", "file_mib", "open_files")
        return {name: getattr(self, name) for name in names}


class AnswerStopped(BaseException):
    """The answer did not answer: too long, too large, gone, or nonsense.

    A BaseException, so that neither a check nor hypothesis goes on with the next input.
    """

    def __init__(self, verdict: Verdict, message: str) -> None:
        super().__init__(message)
        self.verdict = verdict
        self.message = message
        self.used_s = 0.0
        """Own seconds up to then, where they are known."""


class SandboxFault(Exception):
    """The sandbox itself does not work here; never the answer's fault."""


@dataclass(slots=True)
class Patience:
    """How much longer an answer may take: own time in seconds, used and allowed."""

    allowed_s: float
    used_s: float = 0.0

    @property
    def left_s(self) -> float:
        return self.allowed_s - self.used_s


@dataclass(frozen=True)
class Ending:
    """How a worker ended."""

    status: int
    cpu_s: float
    peak_kib: float


@dataclass
class Printed:
    """What the answer printed: its size, and its beginning."""

    size: int = 0
    start: bytearray = field(default_factory=bytearray)

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self.start += data[: _KEPT_OUTPUT - len(self.start)]


class Zygote:
    """A confined process that forks workers on request."""

    def __init__(self, limits: Limits = Limits(), hash_seed: int = 0) -> None:
        self.limits = limits
        self._steps = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the zygote
        self._steps.truncate(STEP.size)
        self.control, theirs = socket.socketpair()
        self.output, writable = os.pipe()
        os.set_blocking(self.output, False)
        self.process = self._start(theirs, writable, hash_seed)
        theirs.close()
        os.close(writable)
        self._claims: list[str] | None = None
        self._protection: list[str] | None = None
        self.closed = False

    def _start(
        self, theirs: socket.socket, writable: int, hash_seed: int
    ) -> subprocess.Popen[bytes]:
        options = {
            "control": theirs.fileno(),
            "steps": self._steps.fileno(),
            "home": str(HOME),
            "library": str(Path(msgspec.__file__).parents[1]),
            "limits": self.limits.for_worker(),
        }
        # -u: what an answer prints must be out before its process is ended
        bare = ["-u", "-s", "-S", "-P", "-X", "utf8", str(HOME / "zygote.py")]
        return subprocess.Popen(
            [os.path.realpath(sys.executable), *bare, json.dumps(options)],
            pass_fds=[theirs.fileno(), self._steps.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=writable,
            stderr=writable,
            cwd="/",
            env=environment(hash_seed),
            start_new_session=True,
        )

    @property
    def protection(self) -> list[str]:
        """What is in force for workers, as tried out in one of them."""
        if self._protection is None:
            refused = self._refused()
            self._protection = [
                layer
                for layer in self._claimed()
                if all(act in refused for act in acts_stopped_by(layer))
            ]
        return self._protection

    def _claimed(self) -> list[str]:
        """Return what the zygote says of itself, once it is ready."""
        if self._claims is None:
            self._claims = json.loads(self._receive())
        return self._claims

    def _refused(self) -> set[str]:
        """Return which of the forbidden acts a worker is refused."""
        worker = self.fork()
        written = Path(tempfile.gettempdir(), f"kata-{os.getpid()}-{worker.pid}")
        tries = {
            "read": str(HOME / "host.py"),
            "write": str(written),
            "network": "",
            "fork": "",
            "signal": str(os.getpid()),
        }
        operations = [["attempt", act, target] for act, target in tries.items()]
        try:
            outcomes = worker.request(operations, Patience(self.limits.load_s))
        finally:
            worker.close()
            written.unlink(missing_ok=True)
        came = zip(tries, outcomes, strict=True)
        return {act for act, outcome in came if outcome[1] == "refused"}

    def fork(self) -> Worker:
        """Return a fresh worker."""
        self._claimed()
        their_requests, requests = os.pipe()
        replies, their_replies = os.pipe()
        try:
            self._ask(b"F", their_requests, their_replies)
        finally:
            os.close(their_requests)
            os.close(their_replies)
        return Worker(self, requests, replies, json.loads(self._receive()))

    def end(self, pid: int) -> Ending:
        """Kill a worker and everything it started; return how it ended."""
        self._ask(b"W%d" % pid)
        return Ending(*json.loads(self._receive()))

    def preload(self, modules: str) -> list[str]:
        """Import standard modules, so that no answer is charged for importing them."""
        # cut, so that it is one message whatever an answer says that it imports
        self._ask(b"I" + modules.encode()[:_MAX_NAMES])
        imported: list[str] = json.loads(self._receive())
        return imported

    def _ask(self, request: bytes, *descriptors: int) -> None:
        try:
            socket.send_fds(self.control, [request], descriptors)
        except OSError as error:
            raise SandboxFault(f"the sandbox is gone: {error}") from None

    def _receive(self) -> bytes:
        self.control.settimeout(self.limits.wall_s)
        try:
            data = self.control.recv(1 << 16)
        except OSError as error:
            raise SandboxFault(f"the sandbox does not reply: {error}") from None
        if not data:
            said = self.read_output().decode("utf-8", "replace").strip()
            raise SandboxFault(f"the sandbox did not start: {said[-600:]}")
        return data

    @property
    def step(self) -> int:
        """How many calls of its last `play` a worker had ended, as it says itself."""
        count: int = STEP.unpack(os.pread(self._steps.fileno(), STEP.size, 0))[0]
        return count

    def read_output(self) -> bytes:
        """Return what was printed since the last time, at most one pipe full."""
        try:
            return os.read(self.output, 1 << 20)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """End the zygote and all its workers."""
        if self.closed:
            return
        self.closed = True
        self.control.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.output)
        self._steps.close()


def environment(hash_seed: int) -> dict[str, str]:
    # one arena for all threads: each reserves 64 MiB of the memory that is allowed
    always = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
    # where the system has no zones, those of the tzdata package
    zones = [*zoneinfo.TZPATH, str(Path(tzdata.__file__).parent / "zoneinfo")]
    always["PYTHONTZPATH"] = os.pathsep.join(zones)
    return {"PYTHONHASHSEED": str(hash_seed), **always}


def acts_stopped_by(layer: str) -> tuple[str, ...]:
    """Return what a worker must be refused where a layer is in force."""
    if layer.startswith("landlock"):
        return ("read", "write")
    return ("network", "fork", "signal") if layer == "seccomp" else ()


class Worker:
    """One process that runs the answer; ask it with `request`."""

    def __init__(self, zygote: Zygote, requests: int, replies: int, pid: int) -> None:
        self.zygote = zygote
        self.pid = pid
        self.printed = Printed()
        self.ending: Ending | None = None
        self.stopped: AnswerStopped | None = None
        self.own_time = OwnTime(pid, zygote.limits.wall_s)
        self._requests, self._replies = requests, replies
        self._open = [requests, replies]
        os.set_blocking(requests, False)
        self._soon = poll_of((replies, select.POLLIN))
        printing = (zygote.output, select.POLLIN)
        self._readable = poll_of((replies, select.POLLIN), printing)
        self._writable = poll_of((requests, select.POLLOUT), printing)
        self._tickets = tickets()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder().decode

    def request(self, operations: list[list[Any]], patience: Patience) -> Any:
        """Send operations; return the decoded outcomes.

        Raises AnswerStopped when no honest reply comes within `patience`.
        """
        try:
            return self._decode(self.exchange(self._encode(operations), patience))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Malformed):
            raise self.broken_channel() from None

    def exchange(self, payload: bytes, patience: Patience) -> bytes:
        """Send one payload and return that of the reply, both as they travel."""
        if self.stopped:
            raise self.stopped
        ticket = next(self._tickets)
        self.own_time.begin(patience, len(payload) * _READ_S)
        self._send(HEADER.pack(len(payload), ticket) + payload)
        if not self._soon.poll(_SOON_MS):
            self._wait(self._readable)
        reply = self._read(_CHUNK)
        if len(reply) < HEADER.size:
            reply = self._receive(reply, HEADER.size)
        length, echoed = HEADER.unpack_from(reply)
        if echoed != ticket:
            raise self.broken_channel()
        if length > self.zygote.limits.reply_mib << 20:
            raise self.stop(Verdict.MEMORY, _TOO_LARGE.format(self.zygote.limits))
        size = HEADER.size + length
        if len(reply) < size:
            reply = self._receive(reply, size)
        if len(reply) != size:
            raise self.broken_channel()
        self.own_time.charge()
        return reply[HEADER.size :]

    def _send(self, frame: bytes | memoryview) -> None:
        while frame:
            try:
                sent = os.write(self._requests, frame)
            except BlockingIOError:
                self._wait(self._writable)
            except OSError:
                raise self.gone() from None
            else:
                frame = memoryview(frame)[sent:]

    def _receive(self, received: bytes, size: int) -> bytes:
        """Read on until at least `size` bytes have come."""
        parts = bytearray(received)
        while len(parts) < size:
            self._wait(self._readable)
            parts += self._read(_LARGE_CHUNK)
        return bytes(parts)

    def _read(self, most: int) -> bytes:
        data = os.read(self._replies, most)
        if not data:
            raise self.gone()
        return data

    def _wait(self, channel: select.poll) -> None:
        """Wait until the channel is ready; stop the answer when patience is over."""
        printing, is_ready = self.zygote.output, False
        while not is_ready:
            ready = {descriptor for descriptor, _ in channel.poll(_TICK_MS)}
            is_ready = not ready <= {printing}
            # what comes or goes a byte at a time is ready each time, and never ends
            if not is_ready or printing in ready or self.own_time.is_due:
                self._look()

    def _look(self) -> None:
        self._drain()
        why = self.own_time.look()
        if why:
            self.own_time.charge()
            raise self.stop(Verdict.TIMEOUT, why)

    def _drain(self) -> None:
        self.printed.add(self.zygote.read_output())
        if self.printed.size > self.zygote.limits.output_mib << 20:
            limit = self.zygote.limits.output_mib
            message = f"Your code printed more than {limit} MiB; it was stopped."
            raise self.stop(Verdict.OUTPUT, message)

    def broken_channel(self) -> AnswerStopped:
        return self.stop(Verdict.ERROR, _BROKEN)

    def stop(self, verdict: Verdict, message: str) -> AnswerStopped:
        """Kill the worker; return the exception that says why."""
        self.close()
        self.stopped = AnswerStopped(verdict, message)
        return self.stopped

    def gone(self) -> AnswerStopped:
        """Return the exception for a worker that closed its channel."""
        ending = self.close()
        return self.stop(*explain(ending, self.zygote.limits))

    def cpu_ns(self) -> int:
        """CPU time that the worker has used, from the kernel."""
        return cpu_clock_ns(self.pid)

    def close(self) -> Ending:
        """End the worker now and return how it ended."""
        if self.ending is None:
            self._requests = self._replies = -1  # these numbers may soon be another's
            while self._open:  # an earlier try may have got no further
                os.close(self._open.pop())
            self.ending = self.zygote.end(self.pid)
            self.printed.add(self.zygote.read_output())
        return self.ending


def poll_of(*wanted: tuple[int, int]) -> select.poll:
    """Return what waits for these events of file descriptors."""
    poll = select.poll()
    for descriptor, event in wanted:
        poll.register(descriptor, event)
    return poll


def tickets() -> Iterator[bytes]:
    """Yield what no worker can guess, for ever."""
    while True:
        drawn = os.urandom(_TICKETS * 8)
        for place in range(0, len(drawn), 8):
            yield drawn[place : place + 8]


class OwnTime:
    """The time an answer uses in one exchange: CPU seconds, and seconds asleep.

    Waiting for a processor is not the answer's doing, and is not counted.
    """

    def __init__(self, pid: int, wall_s: float) -> None:
        self.pid = pid
        self.wall_s = wall_s
        self.waits = Waits.of(pid)
        """How long it and we had waited for a processor when last looked at."""
        self.cpu_ns = cpu_clock_ns(pid)
        """CPU time of the worker when last looked at, at `looked_s`."""
        self.looked_s = time.monotonic()

    def begin(self, patience: Patience, grace_s: float) -> None:
        """Count from now on."""
        self.patience = patience
        self.grace_s = grace_s
        self.asleep_s = 0.0
        self.begun_s = time.monotonic()
        if self.begun_s - self.looked_s > _FRESH_S:
            self.cpu_ns = cpu_clock_ns(self.pid)
        self.looked_s = self.begun_s
        self.begun_cpu_ns = self.cpu_ns

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() - self.looked_s > _TICK_MS / 1000

    def look(self) -> str:
        """Note whether it is asleep; return why the answer must stop now, or "".

        What has passed since the last look is taken to have been like now.
        """
        if is_busy(self.pid):
            self.waits = Waits.of(self.pid)
        else:
            self._note_sleep(time.monotonic() - self.looked_s)
        self.looked_s = time.monotonic()
        self.cpu_ns = cpu_clock_ns(self.pid)
        return self._why_too_long()

    def _note_sleep(self, passed_s: float) -> None:
        """Take for sleep what passed in which neither it nor we had to wait."""
        before, self.waits = self.waits, Waits.of(self.pid)
        if self.waits.ended_ns - before.ended_ns > _NO_THREAD_NS:
            return  # how long a thread has waited is not known once it has ended
        cpu_ns = cpu_clock_ns(self.pid) - self.cpu_ns
        waited_ns = self.waits.waited_ns - before.waited_ns
        self.asleep_s += max(passed_s - (waited_ns + cpu_ns) / 1e9, 0.0)

    def _why_too_long(self) -> str:
        if self.used_s > self.patience.left_s + self.grace_s:
            return (
                f"No answer within {self.patience.allowed_s:g} s: an endless loop, "
                "a wait that nothing ends, or far too slow for this input."
            )
        if self.looked_s - self.begun_s > self.wall_s:
            return f"No answer within {self.wall_s:g} s of waiting."
        return ""

    @property
    def used_s(self) -> float:
        """Own seconds up to the last look."""
        return (self.cpu_ns - self.begun_cpu_ns) / 1e9 + self.asleep_s

    def charge(self) -> None:
        """Charge what this exchange took."""
        now_s = time.monotonic()
        if now_s - self.looked_s >= _SHORT_S:
            self._note_sleep(now_s - self.looked_s)
        self.looked_s = now_s
        self.cpu_ns = cpu_clock_ns(self.pid)
        self.patience.used_s += self.used_s


def cpu_clock_ns(pid: int) -> int:
    """Return the CPU time of another process in nanoseconds, its threads included."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:  # gone, or a system without these clocks: wall time stands in
        return time.monotonic_ns()


@dataclass(frozen=True)
class Waits:
    """How long a process and we have waited for a processor up to now."""

    waited_ns: int
    """Ours is in it because a reply that waits for us looks like an answer asleep."""
    ended_ns: int
    """CPU time of its threads that have ended."""

    @classmethod
    def of(cls, pid: int) -> Waits:
        _, waited_ns = run_and_waited_ns("/proc/thread-self/schedstat")
        alive_ns = 0
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                times = run_and_waited_ns(f"/proc/{pid}/task/{thread}/schedstat")
                alive_ns += times[0]
                waited_ns += times[1]
        return cls(waited_ns, cpu_clock_ns(pid) - alive_ns)


def run_and_waited_ns(schedstat: str) -> tuple[int, int]:
    """Return how long a thread has run, and has waited for a processor."""
    with (
        contextlib.suppress(OSError, LookupError, ValueError),
        open(schedstat, "rb") as file,
    ):
        ran, waited, *_ = map(int, file.read().split())
        return ran, waited
    return 0, 0


def is_busy(pid: int) -> bool:
    """Tell whether any thread of a process runs, or waits for a processor."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:  # gone, or a system without /proc
        return False
    return any(state_of(pid, thread) not in "STtZX" for thread in threads)


def state_of(pid: int, thread: str) -> str:
    """Return the letter of a thread's state, X when it has ended."""
    try:
        with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0].decode()
    except (OSError, LookupError):
        return "X"


def explain(ending: Ending, limits: Limits) -> tuple[Verdict, str]:
    """Return the verdict and the words for a worker that ended by itself."""
    status = ending.status
    if status >= 0 and os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        if code == BROKEN_CHANNEL:
            return Verdict.EXIT, _CLOSED
        return Verdict.EXIT, (
            f"Your code ended the program (exit status {code}) in place of returning "
            "an answer."
        )
    number = os.WTERMSIG(status) if status >= 0 else 0
    if number == signal.SIGXCPU:
        return Verdict.TIMEOUT, f"Your code used more than {limits.cpu_s} s of CPU."
    if number == signal.SIGKILL:
        return Verdict.EXIT, _CLOSED
    if ending.peak_kib > limits.memory_mib * 1024 * _NEARLY:
        # the interpreter does not survive every allocation that fails
        return Verdict.MEMORY, out_of_memory(limits)
    name = signal.Signals(number).name if number else "unknown"
    return Verdict.EXIT, f"Your code crashed the Python interpreter ({name})."


def out_of_memory(limits: Limits) -> str:
    return f"Your code needed more memory than it may have ({limits.memory_mib} MiB)."


_CLOSED = "Your code closed the grader's channel; it was stopped."
_TOO_LARGE = "Your code returned more than {0.reply_mib} MiB of data."
_BROKEN = (
    "Something that is no answer arrived on the grader's channel (did your code write "
    "to a file descriptor that it did not open?)."
)
