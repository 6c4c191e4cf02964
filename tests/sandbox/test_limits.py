"""What a confined process can no longer do, each tried in a child."""

from __future__ import annotations

import os
import resource
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from errno import ENOSYS, EPERM
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from graders.sandbox import limits

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes")
InChild = Callable[[Callable[[], Any]], str]
REFUSED = "PermissionError"
PROJECT = Path(limits.__file__).parents[2]


def in_child(act: Callable[[], Any]) -> str:
    """Return what an act returns in a forked child, or the name of what it raises."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(send, outcome(act).encode())
        finally:
            os._exit(0)
    os.close(send)
    with open(receive) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


def outcome(act: Callable[[], Any]) -> str:
    try:
        return str(act())
    except BaseException as error:
        return type(error).__name__


def after(*layers: Callable[[], Any]) -> InChild:
    """Return `in_child` with these layers put on first."""

    def run(act: Callable[[], Any]) -> str:
        def harden_and_act() -> Any:
            for layer in layers:
                layer()
            return act()

        return in_child(harden_and_act)

    return run


def confine() -> str | None:
    return limits.confine_files(limits.readable_paths())


def limit(**changed: int) -> bool:
    usual = {"memory_mib": 64, "cpu_s": 5, "file_mib": 1, "open_files": 32}
    return limits.limit_resources(**(usual | changed))


@pytest.fixture(scope="module")
def confined() -> InChild:
    if limits.landlock_version() < 1:
        pytest.skip("this system has no Landlock")
    return after(confine)


@pytest.fixture(scope="module")
def filtered() -> InChild:
    if in_child(limits.filter_system_calls) != "True":
        pytest.skip("this system cannot filter system calls")
    return after(limits.filter_system_calls)


# Files


def read(path: Path | str) -> Callable[[], int]:
    return lambda: len(Path(path).read_bytes()) and 1


@pytest.mark.parametrize(
    "path", [PROJECT / "pyproject.toml", __file__, pytest.__file__, "/etc/passwd"]
)
def test_only_the_standard_library_can_be_read(
    confined: InChild, path: str | Path
) -> None:
    assert in_child(read(path)) == "1"
    assert confined(read(path)) == REFUSED
    assert confined(read(threading.__file__)) == "1"


@pytest.mark.parametrize(
    "path", ["/proc/self/environ", f"/proc/{os.getpid()}/stat", "~", gettempdir(), "."]
)
def test_neither_processes_nor_folders_can_be_looked_at(
    confined: InChild, path: str | Path
) -> None:
    there = Path(path).expanduser()
    look = (lambda: len(os.listdir(there))) if there.is_dir() else read(there)
    assert confined(look) == REFUSED


@pytest.mark.parametrize("folder", [Path("/dev/shm"), Path(limits.__file__).parent])
def test_nothing_can_be_written(
    confined: InChild, folder: Path, tmp_path: Path
) -> None:
    for there in (folder / f"new-{os.getpid()}", tmp_path / "new"):
        assert confined(there.touch) == REFUSED
        assert confined(there.mkdir) == REFUSED
        assert not there.exists()


def test_a_present_file_stays_as_it_is(
    confined: InChild, filtered: InChild, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine")
    mine = tmp_path / "mine"
    both = after(confine, limits.filter_system_calls)
    assert both(lambda: mine.write_text("yours")) == REFUSED
    assert both(mine.unlink) == REFUSED
    assert both(lambda: mine.chmod(0)) == REFUSED
    assert both(lambda: os.truncate(mine, 0)) == REFUSED
    assert both(lambda: os.utime(mine, (0, 0))) == REFUSED
    assert mine.read_text() == "mine"
    assert mine.stat().st_mode & 0o600 == 0o600


def test_output_can_be_thrown_away(confined: InChild) -> None:
    assert confined(lambda: Path(os.devnull).write_text("x")) == "1"


def test_the_lists_hold_neither_project_nor_installed_packages() -> None:
    _, content = limits.readable_paths()
    kept_out = [
        PROJECT,
        Path.home(),
        Path("/proc"),
        Path(gettempdir()),
        Path(pytest.__file__),
    ]
    for path in map(Path, content):
        assert not any(out.is_relative_to(path) for out in kept_out)
        assert not {"site-packages", "dist-packages"} & set(path.parts)


def test_a_folder_that_holds_the_project_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not limits.holds_project("/usr/lib/zones")
    monkeypatch.setattr(limits, "_PROJECT", "/usr/lib/zones/katas")
    assert limits.holds_project("/usr/lib/zones")
    assert limits.holds_project("/usr/lib/zones/katas")
    assert not limits.holds_project("/usr/lib/zon")
    assert not limits.holds_project("/usr/lib/zones/katas/python/lib/python3/json")


IMPORTS = """
import sys
sys.path.insert(0, sys.argv[1])
import limits
del sys.path[0]
if sys.argv[2:]:
    limits.prepare()
    assert limits.confine_files(limits.readable_paths()), "not confined"
    limits.drop_capabilities()
    assert limits.filter_system_calls(), "not filtered"
for name in ["asyncio", "bz2", "hashlib", "lzma", "sqlite3", "ssl", "uuid", "xml.dom",
             "curses", "readline", "decimal", "concurrent.futures", "zoneinfo"]:
    try:
        print(name, __import__(name) and "imported")
    except ImportError:
        print(name, "is not there")
import asyncio, zoneinfo
async def answer():
    return 42
print(asyncio.run(answer()))
print(zoneinfo.ZoneInfo("Europe/Paris"))
"""


def test_standard_modules_are_imported_as_ever(
    confined: InChild, filtered: InChild
) -> None:
    bare = [os.path.realpath(sys.executable), "-s", "-S", "-P", "-c", IMPORTS]
    home = str(Path(limits.__file__).parent)
    free, confined_too = (
        subprocess.run([*bare, home, *more], capture_output=True, text=True, env={})
        for more in ([], ["confined"])
    )
    assert confined_too.stderr == free.stderr == ""
    assert confined_too.stdout == free.stdout


# System calls


def a_socket() -> None:
    import socket

    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def a_datagram_pair() -> None:
    import socket

    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


def a_signal_by_way_of_a_pipe() -> None:
    import fcntl

    fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())


@pytest.mark.parametrize(
    "act",
    [
        a_socket,
        a_datagram_pair,
        a_signal_by_way_of_a_pipe,
        os.fork,
        os.setsid,
        lambda: os.execv("/bin/true", ["true"]),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        lambda: subprocess.run(["true"]),
        lambda: os.kill(os.getppid(), 0),
        lambda: os.kill(-1, 0),
        lambda: os.killpg(0, 0),
        lambda: os.sched_setaffinity(0, {0}),
        lambda: os.setpriority(os.PRIO_PROCESS, 0, 1),
        lambda: os.memfd_create("hidden"),
        lambda: os.pidfd_open(os.getppid()),
        lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU),
    ],
)
def test_system_calls_that_reach_others_are_refused(
    filtered: InChild, act: Callable[[], Any]
) -> None:
    assert filtered(act) == REFUSED


def in_thread() -> list[int]:
    seen: list[int] = []
    threads = [threading.Thread(target=seen.append, args=[n]) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(seen)


def test_threads_are_allowed(filtered: InChild) -> None:
    roomy = partial(limit, memory_mib=512)
    everything = after(confine, roomy, limits.filter_system_calls)
    assert filtered(in_thread) == everything(in_thread) == str(list(range(16)))


def test_a_process_may_abort_itself(filtered: InChild) -> None:
    caught: list[int] = []

    def act() -> list[int]:
        signal.signal(signal.SIGUSR1, lambda number, _: caught.append(number))
        signal.raise_signal(signal.SIGUSR1)
        return caught

    assert filtered(act) == f"[{int(signal.SIGUSR1)}]"


def test_signals_to_the_parent_are_refused_without_a_filter() -> None:
    if in_child(limits.confine_signals) != "True":
        pytest.skip("this system cannot scope signals")
    within = after(limits.confine_signals)
    assert within(lambda: os.kill(os.getppid(), 0)) == REFUSED
    assert within(lambda: os.kill(os.getpid(), 0)) == "None"


KILL, ALLOW, ERROR = 0x80000000, 0x7FFF0000, 0x00050000


def decision(machine: str, number: int, *arguments: int, foreign: bool = False) -> int:
    """Run the filter's program for one system call, as the system would."""
    architecture = 0 if foreign else limits._ARCHITECTURES[machine][1]
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=iIQ6Q", number, architecture, 0, *padded)
    compiled = limits.compile_filter(machine)
    assert compiled is not None
    return run(list(struct.iter_unpack("=HBBI", compiled[0].raw)), data)


def run(program: list[tuple[int, int, int, int]], data: bytes) -> int:
    place = value = 0
    while True:
        operation, yes, no, operand = program[place]
        if operation == limits._RETURN:
            return operand
        if operation == limits._LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == limits._MASK:
            value &= operand
        else:
            place += yes if TESTS[operation](value, operand) else no
        place += 1


TESTS: dict[int, Callable[[int, int], bool]] = {
    limits._IF_EQUAL: lambda value, operand: value == operand,
    limits._IF_AT_LEAST: lambda value, operand: value >= operand,
    limits._IF_ANY_BIT: lambda value, operand: bool(value & operand),
}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_decides_by_number(machine: str) -> None:
    for number, action in limits.actions(limits._ARCHITECTURES[machine][0]).items():
        if action == limits._REFUSE:
            assert decision(machine, number) == ERROR | EPERM
    refused = [n for n in range(463) if decision(machine, n) == ERROR | EPERM]
    assert len(refused) > 80
    assert decision(machine, 463) == decision(machine, 435) == ERROR | ENOSYS


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 0), ("aarch64", 63)])
def test_reading_is_allowed_in_the_own_numbering_only(
    machine: str, number: int
) -> None:
    assert decision(machine, number) == ALLOW
    assert decision(machine, number, foreign=True) == KILL
    assert decision(machine, number | 1 << 30) == KILL


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 56), ("aarch64", 220)])
def test_clone_makes_threads_only(machine: str, number: int) -> None:
    assert decision(machine, number, 0x10000 | 0x100) == ALLOW
    assert decision(machine, number, signal.SIGCHLD) == ERROR | EPERM


# Resources


def test_memory_is_limited() -> None:
    mib = 1 << 20
    assert after(limit)(lambda: len(bytearray(32 * mib)) // mib) == "32"
    assert after(limit)(lambda: len(bytearray(128 * mib))) == "MemoryError"


def test_files_are_limited(tmp_path: Path) -> None:
    file = tmp_path / "large"
    assert after(limit)(lambda: file.write_bytes(bytes(1 << 20))) == str(1 << 20)
    assert after(limit)(lambda: file.write_bytes(bytes(2 << 20))) == "OSError"
    assert (
        after(limit)(lambda: [os.open(os.devnull, 0) for _ in range(33)]) == "OSError"
    )


def test_processor_time_is_limited() -> None:
    seconds = after(lambda: limit(cpu_s=7))(
        lambda: resource.getrlimit(resource.RLIMIT_CPU)
    )
    assert seconds == "(7, 9)"


def test_a_lower_limit_stays() -> None:
    twice = after(lambda: limit(open_files=20), limit)
    assert twice(lambda: resource.getrlimit(resource.RLIMIT_NOFILE)) == "(20, 20)"


# Privileges and kinship


def test_privileges_are_gone() -> None:
    def act() -> bool:
        kept = limits.drop_capabilities()
        status = Path("/proc/self/status").read_text()
        return kept and "CapEff:\t0000000000000000" in status

    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has capabilities")
    assert in_child(act) == "True"


def test_root_without_privileges_reads_no_foreign_file(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    file = tmp_path / "foreign"
    file.touch()
    os.chown(file, 12345, 12345)
    file.chmod(0o600)
    tmp_path.chmod(0o711)
    assert in_child(lambda: file.read_text() or "empty") == "empty"
    assert after(limits.drop_capabilities)(file.read_text) == REFUSED


def test_a_child_whose_parent_is_gone_ends() -> None:
    assert in_child(lambda: limits.die_with_parent(os.getppid())) == "True"
    assert in_child(lambda: limits.die_with_parent(os.getppid() + 1)) == ""


# Where a layer is missing


def test_nothing_is_claimed_that_the_system_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "call", lambda *_: -1)
    assert in_child(confine) == "None"
    for layer in (
        limits.confine_signals,
        limits.filter_system_calls,
        limits.drop_capabilities,
        limits.hide_memory,
        limits.adopt_orphans,
        limits.die_with_parent,
    ):
        assert in_child(layer) == "False"
    assert in_child(limits.worker_protection) == "[]"


def test_a_layer_that_only_claims_to_hold_is_not_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "call", lambda *_: 0)
    assert in_child(limits.worker_protection) == "[]"


def test_other_systems_and_machines_get_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert limits.landlock_version() == -1
    assert not limits.hide_memory()
    assert limits.compile_filter("riscv64") is None


@pytest.mark.parametrize(
    ("version", "words"),
    [(1, "files"), (3, "files"), (4, "files, TCP"), (7, "files, TCP, signals")],
)
def test_an_older_landlock_claims_less(
    monkeypatch: pytest.MonkeyPatch, version: int, words: str
) -> None:
    monkeypatch.setattr(limits, "landlock_version", lambda: version)
    monkeypatch.setattr(limits, "enforce", lambda ruleset: True)
    monkeypatch.setattr(limits, "new_ruleset", lambda *rights: 1000)
    assert limits.confine_files(([], [])) == f"landlock {version}: {words}"
