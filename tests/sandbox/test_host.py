"""How an answer that does not answer is told, stopped, and cleared away."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import all_end, children, open_processes

from graders.results import Verdict
from graders.sandbox.host import (
    AnswerStopped,
    Ending,
    Limits,
    Patience,
    Printed,
    SandboxFault,
    Worker,
    Zygote,
    explain,
)

SMALL = Limits(memory_mib=200, output_mib=1, reply_mib=1)
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def small() -> Iterator[Zygote]:
    """A zygote whose workers may use little."""
    zygote = Zygote(SMALL)
    yield zygote
    zygote.close()
    gc.collect()  # large replies in tracebacks would count as memory in later tests


@pytest.fixture
def stopped(small: Zygote) -> Iterator[Callable[[str], AnswerStopped]]:
    """Return what runs a function body in a worker and returns how it was stopped."""
    workers: list[Worker] = []

    def run(body: str, own_s: float = 30) -> AnswerStopped:
        worker = loaded(small, body)
        workers.append(worker)
        with pytest.raises(AnswerStopped) as error:
            worker.request([CALL], Patience(own_s))
        assert error.value is worker.stopped
        return error.value

    yield run
    for worker in workers:
        worker.close()


CALL = ["call", "f", [], {}]


def loaded(zygote: Zygote, body: str) -> Worker:
    """Return a worker that has imported a function `f` with this body."""
    indented = body.replace("\n", "\n    ")
    source = f"import os, signal, sys, time\ndef f():\n    {indented}\n"
    worker = zygote.fork()
    ((_, code),) = worker.request([["compile", source, "a.py"]], Patience(30))
    loading = ["load", code, source, "a.py", {}]
    assert worker.request([loading], Patience(30))[0][0] == "ok"
    return worker


# Each way to break has its own verdict


@pytest.mark.parametrize(
    ("body", "verdict", "words"),
    [
        (
            "while True: pass",
            Verdict.TIMEOUT,
            "No answer within 0.2 s: an endless loop",
        ),
        ("time.sleep(99)", Verdict.TIMEOUT, "No answer within 0.2 s: an endless loop"),
        ("os._exit(3)", Verdict.EXIT, "ended the program (exit status 3)"),
        ("os._exit(0)", Verdict.EXIT, "ended the program (exit status 0)"),
        ("os.abort()", Verdict.EXIT, "crashed the Python interpreter (SIGABRT)"),
        (
            "import ctypes\nctypes.string_at(0)",
            Verdict.EXIT,
            "crashed the Python interpreter (SIGSEGV)",
        ),
        ("while True: print('x' * 9999)", Verdict.OUTPUT, "more than 1 MiB; it was"),
        ("return 'x' * (2 << 20)", Verdict.MEMORY, "returned more than 1 MiB of data"),
    ],
)
def test_each_break_has_its_verdict(
    stopped: Callable[..., AnswerStopped], body: str, verdict: Verdict, words: str
) -> None:
    """An answer that does not return is told in words of what it did."""
    error = stopped(body, own_s=0.2 if verdict is Verdict.TIMEOUT else 30)
    assert error.verdict is verdict
    assert words in error.message


FIND = """
import struct
for fd in range(3, 64):
    try:
        os.fstat(fd)
    except OSError:
        continue
    try:
        {act}
    except OSError:
        pass
"""


def test_a_closed_channel_is_an_exit(
    stopped: Callable[..., AnswerStopped],
) -> None:
    """An answer that closes the channel and lives on is stopped at once."""
    error = stopped(FIND.format(act="os.close(fd)") + "while True: pass")
    assert error.verdict is Verdict.EXIT
    assert error.message == "Your code closed the grader's channel; it was stopped."


@pytest.mark.parametrize(
    "garbage",
    [
        "b'hello world, this is no frame'",
        "b'\\0' * 64",
        "struct.pack('>I8s', 1, b'01234567') + b'\\x90'",
        "b'\\xff' * 12",
    ],
)
def test_garbage_on_the_channel_is_an_error(
    stopped: Callable[..., AnswerStopped], garbage: str
) -> None:
    """Bytes without the ticket of the question are no answer, whatever they say."""
    body = FIND.format(act=f"os.write(fd, {garbage})") + "while True: pass"
    error = stopped(body)
    assert error.verdict is Verdict.ERROR
    assert error.message.startswith("Something that is no answer arrived")


TRICKLE = """
import struct
frame = sys._getframe()
while "ticket" not in frame.f_locals:
    frame = frame.f_back
channel = frame.f_locals["self"].channel
os.write(channel.replies, struct.pack(">I8s", 1 << 19, frame.f_locals["ticket"]))
for _ in range(1 << 19):
    os.write(channel.replies, b"0")
    time.sleep(0.001)
"""


def test_a_reply_that_trickles_is_a_timeout(
    stopped: Callable[..., AnswerStopped],
) -> None:
    """An answer that sends for ever, a byte at a time, is not waited for longer."""
    error = stopped(TRICKLE, own_s=0.2)
    assert error.verdict is Verdict.TIMEOUT


def test_memory_has_a_limit(small: Zygote) -> None:
    """Asking for more memory than there is raises MemoryError where it happens."""
    worker = loaded(small, "return len(bytearray(1 << 40))")
    ((kind, name, *_),) = worker.request([CALL], Patience(30))
    assert (kind, name) == ("raised", "MemoryError")
    worker.close()


def test_an_exit_can_be_caught_in_time(small: Zygote) -> None:
    """`sys.exit` is an exception like others; the worker lives on and says so."""
    worker = loaded(small, "sys.exit(2)")
    for _ in range(2):
        ((kind, name, *_),) = worker.request([CALL], Patience(30))
        assert (kind, name) == ("raised", "SystemExit")
    worker.close()


def test_a_stopped_worker_stays_stopped(small: Zygote) -> None:
    """Whoever asks a stopped worker again gets the same verdict at once."""
    worker = loaded(small, "os._exit(1)")
    with pytest.raises(AnswerStopped) as first:
        worker.request([CALL], Patience(30))
    with pytest.raises(AnswerStopped) as second:
        worker.request([CALL], Patience(30))
    assert second.value is first.value


def test_a_closed_worker_answers_nothing(small: Zygote) -> None:
    """Whoever asks a closed worker writes to no file that was opened since."""
    worker = loaded(small, "return 1")
    worker.close()
    other = os.pipe()
    with pytest.raises(AnswerStopped):
        worker.request([CALL], Patience(30))
    for descriptor in other:
        os.close(descriptor)


def test_patience_is_charged(small: Zygote) -> None:
    """What a request takes of the answer's own time is charged to its patience."""
    worker = loaded(small, "for _ in range(10 ** 5): pass")
    patience = Patience(30)
    worker.request([CALL], patience)
    assert 0 < patience.used_s < 30
    assert patience.left_s == 30 - patience.used_s
    worker.close()


@pytest.fixture
def crowded(small: Zygote) -> Iterator[None]:
    """Workers share one processor with three processes that never rest."""
    place = {min(os.sched_getaffinity(0))}
    before = os.sched_getaffinity(small.process.pid)
    os.sched_setaffinity(small.process.pid, place)
    spin = f"import os\nos.sched_setaffinity(0, {place})\nwhile True: pass"
    # each a session of its own: a kernel may share processors out between sessions
    alone = {"start_new_session": True}
    hogs = [subprocess.Popen([sys.executable, "-c", spin], **alone) for _ in range(3)]
    yield
    for hog in hogs:
        hog.kill()
        hog.wait()
    os.sched_setaffinity(small.process.pid, before)


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize(
    "work",
    [
        "for _ in range(4 * 10 ** 6): pass",
        "import threading\n"
        "for _ in range(1500):\n"
        "    thread = threading.Thread(target=len, args=[()])\n"
        "    thread.start()\n"
        "    thread.join()",
    ],
)
def test_waiting_for_a_processor_is_not_charged(small: Zygote, work: str) -> None:
    """On a crowded machine an answer is charged for little more than its CPU time."""
    worker = loaded(small, work)
    patience, before, begun = Patience(30), worker.cpu_ns(), time.monotonic()
    worker.request([CALL], patience)
    used_s, passed_s = (worker.cpu_ns() - before) / 1e9, time.monotonic() - begun
    worker.close()
    assert passed_s > 2 * used_s, "not crowded"
    assert patience.used_s < 1.5 * used_s


@pytest.mark.usefixtures("crowded")
def test_waiting_of_threads_that_ended_is_not_charged(small: Zygote) -> None:
    """How long a thread waited is not known once it has ended; nobody slept then."""
    work = "thread = threading.Thread(target=sum, args=[range(10 ** 6)])"
    worker = loaded(small, f"import threading\n{work}\nthread.start()\nthread.join()")
    patience, before, begun = Patience(30), worker.cpu_ns(), time.monotonic()
    for _ in range(50):
        worker.request([CALL], patience)
    used_s, passed_s = (worker.cpu_ns() - before) / 1e9, time.monotonic() - begun
    worker.close()
    assert passed_s > 2 * used_s, "not crowded"
    assert patience.used_s < 1.5 * used_s


@pytest.mark.usefixtures("crowded")
def test_waiting_of_ours_is_not_charged(small: Zygote) -> None:
    """When it is we who wait for a processor, an answer that replied has not slept."""
    worker = loaded(small, "for _ in range(10 ** 4): pass")
    before, begun = os.sched_getaffinity(0), time.monotonic()
    patience = Patience(30)
    os.sched_setaffinity(0, os.sched_getaffinity(small.process.pid))
    os.sched_setaffinity(worker.pid, before)
    try:
        while time.monotonic() - begun < 2:
            worker.request([CALL], patience)
            sum(range(10**5))
    finally:
        os.sched_setaffinity(0, before)
        used_s = worker.cpu_ns() / 1e9
        worker.close()
    assert patience.used_s < 4 * used_s


def test_sleeping_is_charged(small: Zygote) -> None:
    """Time asleep is an answer's own, in one call as in many short ones."""
    worker = loaded(small, "time.sleep(0.02)")
    patience = Patience(30)
    for _ in range(10):
        worker.request([CALL], patience)
    assert patience.used_s > 0.05
    worker.close()
    worker = loaded(small, "for _ in range(20): time.sleep(0.02)")
    patience = Patience(30)
    worker.request([CALL], patience)
    assert patience.used_s > 0.1
    worker.close()


def test_what_runs_while_nothing_is_asked_is_not_charged(small: Zygote) -> None:
    """A thread that an answer left behind costs the next call nothing."""
    worker = loaded(small, SPIN)
    patience, begun = Patience(30), worker.cpu_ns()
    worker.request([CALL], patience)
    while worker.cpu_ns() - begun < 0.3e9:
        time.sleep(0.01)
    worker.request([CALL], patience)
    worker.close()
    assert patience.used_s < 0.2


SPIN = """
import threading
def spin():
    end = time.thread_time() + 0.4
    while time.thread_time() < end:
        pass
if threading.active_count() == 1:
    threading.Thread(target=spin).start()
"""


def test_output_is_kept_from_its_beginning() -> None:
    """Of what is printed the size is known, and the beginning is kept."""
    printed = Printed()
    for part in (b"a" * 60_000, b"b" * 60_000):
        printed.add(part)
    assert printed.size == 120_000
    assert len(printed.start) == 1 << 16
    assert printed.start.count(b"a") == 60_000


def test_printing_does_not_reach_the_channel(small: Zygote) -> None:
    """What an answer prints, to either stream, changes no result."""
    body = "print('hm', flush=True)\nprint('no', file=sys.stderr)\nreturn 5"
    worker = loaded(small, body)
    assert worker.request([CALL], Patience(30)) == [["ok", 5]]
    worker.close()
    assert bytes(worker.printed.start) == b"hm\nno\n"


def test_a_reply_is_seen_among_what_is_printed(
    small: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output that comes faster than it is read keeps no reply from being read."""
    worker = loaded(small, "print(1)\ntime.sleep(0.05)\nreturn 5")
    with monkeypatch.context() as patch:
        patch.setattr(small, "read_output", lambda: b"")
        assert worker.request([CALL], Patience(1)) == [["ok", 5]]
    worker.close()


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (0, Verdict.EXIT, "exit status 0"),
        (7 << 8, Verdict.EXIT, "exit status 7"),
        (11, Verdict.EXIT, "SIGSEGV"),
        (24, Verdict.TIMEOUT, "more than 60 s of CPU"),
        (9, Verdict.EXIT, "closed the grader's channel"),
        (-1, Verdict.EXIT, "unknown"),
    ],
)
def test_an_end_is_explained(status: int, verdict: Verdict, words: str) -> None:
    """Each way in which a process can end has a verdict and words."""
    found, message = explain(Ending(status, 0.0, 0.0), Limits())
    assert found is verdict
    assert words in message


# Nothing stays


def test_no_worker_stays(small: Zygote) -> None:
    """A worker that was closed or stopped is no more; the zygote has no children."""
    before = children(small.process.pid)
    bodies = ("return 1", "os._exit(0)", "while True: pass", "os.abort()")
    for body in bodies:
        worker = loaded(small, body)
        process = open_processes(worker.pid)
        assert worker.pid in children(small.process.pid)
        try:
            worker.request([CALL], Patience(0.05))
        except AnswerStopped:
            assert worker.ending is not None
        worker.close()
        assert all_end(process)
    assert children(small.process.pid) == before


def test_threads_end_with_their_worker(small: Zygote) -> None:
    """An answer's threads do not outlive its worker."""
    body = (
        "import threading\n"
        "threading.Thread(target=time.sleep, args=(99,)).start()\n"
        "return threading.active_count()"
    )
    worker = loaded(small, body)
    assert worker.request([CALL], Patience(30)) == [["ok", 2]]
    process = open_processes(worker.pid)
    worker.close()
    assert all_end(process)


def test_closing_twice_is_fine(small: Zygote) -> None:
    """A worker that is closed again tells the same ending."""
    worker = loaded(small, "return 1")
    assert worker.close() is worker.close()


def test_workers_do_not_meet(small: Zygote) -> None:
    """What one worker does to its module, another never sees."""
    body = "sys.modules['marker'] = sys\nreturn 1"
    first = loaded(small, body)
    first.request([CALL], Patience(30))
    second = loaded(small, "return 'marker' in sys.modules")
    assert second.request([CALL], Patience(30)) == [["ok", False]]
    first.close()
    second.close()


def test_closing_a_zygote_ends_all() -> None:
    """Closing ends a zygote and its workers, once or twice."""
    zygote = Zygote()
    workers = [loaded(zygote, "return 1") for _ in range(2)]
    pids = [zygote.process.pid, *(worker.pid for worker in workers)]
    processes = open_processes(*pids)
    zygote.close()
    zygote.close()
    assert all_end(processes)


def test_protection_is_tried_out(small: Zygote) -> None:
    """What is said to be in force is words, the same each time they are asked for."""
    assert small.protection == small.protection
    assert all(isinstance(layer, str) and layer for layer in small.protection)


def test_a_sandbox_that_is_gone_is_a_fault() -> None:
    """A zygote that has ended is a fault of the sandbox, not of any answer."""
    zygote = Zygote()
    assert zygote.protection is not None
    zygote.process.kill()
    zygote.process.wait()
    try:
        with pytest.raises(SandboxFault):
            zygote.fork()
    finally:
        zygote.close()


def test_only_standard_modules_are_preloaded(small: Zygote) -> None:
    """Of what an answer imports only harmless standard modules are kept warm."""
    wanted = "_json json.decoder antigravity pytest os.path no.such graders answer"
    assert small.preload(wanted) == ["json.decoder", "os.path"]
    assert small.preload("") == []


def test_a_worker_knows_all_time_zones(small: Zygote) -> None:
    """Zones come from the tzdata package where the system has none."""
    worker = loaded(
        small,
        "import zoneinfo\nzoneinfo.reset_tzpath(zoneinfo.TZPATH[-1:])\n"
        "return [*zoneinfo.TZPATH, str(zoneinfo.ZoneInfo('Asia/Kathmandu'))]",
    )
    ((_, (path, zone)),) = worker.request([CALL], Patience(30))
    worker.close()
    assert "tzdata" in path
    assert zone == "Asia/Kathmandu"


def test_a_worker_cannot_see_our_environment(small: Zygote) -> None:
    """The process of an answer has an environment of its own, and no folder of ours."""
    worker = loaded(small, "return [sorted(os.environ), os.getcwd()]")
    ((_, (names, folder)),) = worker.request([CALL], Patience(30))
    worker.close()
    ours = {"LC_ALL", "MALLOC_ARENA_MAX", "PYTHONHASHSEED", "PYTHONTZPATH"}
    assert set(names) <= ours | {"LC_CTYPE"}
    assert folder == "/"
