"""What a process may no longer do: files, network, signals, system calls, memory.

Linux only, without privileges. Each layer is tried and tells whether it holds; where
the system lacks one, its function says so and changes nothing. None of them raises.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from errno import ENOSYS, EPERM
from functools import cache
from pathlib import Path

Instruction = tuple[int, int, int, int]
Action = tuple[Instruction, ...]
Paths = tuple[list[str], list[str]]

_LIBC = ctypes.CDLL(None, use_errno=True)
_PROJECT = str(Path(__file__).resolve().parents[2])


def call(function: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    """Call the C library; return -1 where that fails."""
    if not sys.platform.startswith("linux"):
        return -1
    plain = (ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    return int(getattr(_LIBC, function)(*plain))


def prctl(option: int, *arguments: int) -> bool:
    return call("prctl", option, *arguments, *[0] * (4 - len(arguments))) >= 0


# Belonging together


def die_with_parent(parent: int | None = None) -> bool:
    """Be killed when the parent ends; leave at once if it is gone already."""
    expected = os.getppid() if parent is None else parent
    done = prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != expected:
        os._exit(1)
    return done


def adopt_orphans() -> bool:
    """Become the parent of descendants that lose theirs."""
    return prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def hide_memory() -> bool:
    """Keep processes of the same user out of this one's memory and environment."""
    return prctl(4, 0)  # PR_SET_DUMPABLE


# Capabilities


def drop_capabilities() -> bool:
    """Give up all privileges for good; tell whether none is left."""
    for capability in range(64):
        prctl(24, capability)  # PR_CAPBSET_DROP
    prctl(47, 4)  # PR_CAP_AMBIENT, CLEAR_ALL
    header, held = struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    call("capset", header, bytes(24))
    return (
        no_new_privileges()
        and call("capget", header, held) == 0
        and held.raw == bytes(24)
    )


def no_new_privileges() -> bool:
    return prctl(38, 1)  # PR_SET_NO_NEW_PRIVS


# Files

_LIBRARY = re.compile(
    r"glibc-hwcaps$|(ld-linux|ld-musl|lib(c|m|dl|rt|pthread|util|resolv|nsl|tirpc|crypt"
    r"|ssl|crypto|z|bz2|lzma|zstd|ffi|expat|mpdec|sqlite3|uuid|gdbm|gdbm_compat|db"
    r"|readline|edit|ncursesw?|panelw?|tinfow?|gcc_s|stdc\+\+|b2|atomic)[-.].*\bso\b)"
)


def readable_paths() -> Paths:
    """Return the folders to list and what to read: the standard library's needs.

    Files are named one by one, for whatever allows a folder allows all below it, and
    site-packages, where the checks may be installed, lies below the standard library.
    """
    library = os.path.realpath(os.path.dirname(os.__file__))
    dynamic = [os.path.realpath(p) for p in sys.path if p.endswith("/lib-dynload")]
    content = [*standard_modules(library), *dynamic, *shared_libraries()]
    zones = os.environ.get("PYTHONTZPATH", "/usr/share/zoneinfo").split(os.pathsep)
    content += ["/etc/ld.so.cache", *zones, "/dev/null", "/dev/urandom"]
    return [library, *dynamic, *zones], [p for p in content if not holds_project(p)]


def holds_project(path: str) -> bool:
    return f"{_PROJECT}/".startswith(f"{path}/")


def standard_modules(library: str) -> Iterator[str]:
    """Yield the entries of the standard library's folder that belong to it."""
    known = {*sys.stdlib_module_names, "__pycache__"}
    for name in entries(library):
        if name.partition(".")[0] in known or name.startswith("_sysconfigdata"):
            yield f"{library}/{name}"


def shared_libraries() -> Iterator[str]:
    """Yield the libraries that a standard module may load when it is imported."""
    triplet = getattr(sys.implementation, "_multiarch", "")
    folders = ["/lib", "/usr/lib", "/lib64", "/usr/lib64", f"{sys.base_prefix}/lib"]
    folders += [f"/lib/{triplet}", f"/usr/lib/{triplet}"]
    for folder in set(map(os.path.realpath, folders)):
        for name in filter(_LIBRARY.match, entries(folder)):
            yield f"{folder}/{name}"


def entries(folder: str) -> list[str]:
    with suppress(OSError):
        return os.listdir(folder)
    return []


_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture
_WRITE, _READ, _LIST = 2, 4, 8
_SIGNALS = 2


def confine_files(paths: Paths) -> str | None:
    """Refuse all files but these, to be read, and TCP; return what is in force."""
    version = landlock_version()
    ruleset = new_ruleset(*everything(version))
    if ruleset < 0:
        return None
    listed, content = paths
    for path in listed:
        allow(ruleset, path, _LIST)
    for path in content:
        allow(ruleset, path, _READ)
    allow(ruleset, "/dev/null", _READ | _WRITE)
    scopes = "files" + ", TCP" * (version >= 4) + ", signals" * (version >= 6)
    return f"landlock {version}: {scopes}" if enforce(ruleset) else None


def landlock_version() -> int:
    """Return the version of Landlock's interface, -1 where there is none."""
    return call("syscall", _CREATE, 0, 0, 1)


def everything(version: int) -> tuple[int, int, int]:
    """Return all rights to files, to TCP, and all scopes that this version knows."""
    file_rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    return (1 << file_rights) - 1, 3 * (version >= 4), 3 * (version >= 6)


def new_ruleset(files: int, network: int, scopes: int) -> int:
    attributes = struct.pack("QQQ", files, network, scopes)
    return call("syscall", _CREATE, attributes, len(attributes), 0)


def allow(ruleset: int, path: str, rights: int) -> None:
    """Allow rights below a path; where that fails, they stay refused."""
    with suppress(OSError):
        below = os.open(path, os.O_PATH | os.O_CLOEXEC)
        call("syscall", _ADD, ruleset, 1, struct.pack("=Qi", rights, below), 0)
        os.close(below)


def enforce(ruleset: int) -> bool:
    done = no_new_privileges() and call("syscall", _RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return done


def confine_signals() -> bool:
    """Refuse to signal or trace any process but this one.

    The filter of system calls does the same, where it is to be had; and signals can be
    sent in roundabout ways that a filter must know one by one.
    """
    ruleset = new_ruleset(0, 0, _SIGNALS) if landlock_version() >= 6 else -1
    return ruleset >= 0 and enforce(ruleset)


# Resources


@cache
def mapped_bytes() -> int:
    """Return how much address space is in use, as found at the first call."""
    with suppress(OSError):
        pages = Path("/proc/self/statm").read_text().split()[0]
        return int(pages) * resource.getpagesize()
    return 0


def limit_resources(
    memory_mib: int, cpu_s: int, file_mib: int, open_files: int
) -> bool:
    """Limit memory beside what is mapped already, CPU time, file size, open files."""
    memory = (memory_mib << 20) + mapped_bytes()
    wanted = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 2),
        resource.RLIMIT_FSIZE: (file_mib << 20, file_mib << 20),
        resource.RLIMIT_NOFILE: (open_files, open_files),
        resource.RLIMIT_CORE: (0, 0),
    }
    lowered = [lower(kind, *limits) for kind, limits in wanted.items()]
    return all(lowered)


def lower(kind: int, soft: int, hard: int) -> bool:
    """Lower one limit; one that is lower already stays."""
    present = resource.getrlimit(kind)[1]
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), min(hard, present)
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (soft, hard))
        return True
    return False


# System calls: their numbers on x86_64 and aarch64

_REFUSED = """
socket 41 198, connect 42 203, bind 49 200, listen 50 201, accept 43 202,
accept4 288 242, fork 57 -, vfork 58 -, execve 59 221, execveat 322 281,
setsid 112 157, setpgid 109 154, kill 62 129, tkill 200 130, rt_sigqueueinfo 129 138,
rt_tgsigqueueinfo 297 240, pidfd_send_signal 424 424, pidfd_open 434 434,
pidfd_getfd 438 438, ptrace 101 117, kcmp 312 272, process_vm_readv 310 270,
process_vm_writev 311 271, process_madvise 440 440, process_mrelease 448 448,
unshare 272 97, setns 308 268, chroot 161 51, pivot_root 155 41, mount 165 40,
umount2 166 39, open_tree 428 428, move_mount 429 429, fsopen 430 430,
fsconfig 431 431, fsmount 432 432, fspick 433 433, mount_setattr 442 442,
shmget 29 194, shmat 30 196, shmctl 31 195, semget 64 190, semop 65 193,
semctl 66 191, semtimedop 220 192, msgget 68 186, msgsnd 69 189, msgrcv 70 188,
msgctl 71 187, mq_open 240 180, mq_unlink 241 181, memfd_create 319 279,
memfd_secret 447 447, io_uring_setup 425 425, io_uring_enter 426 426,
io_uring_register 427 427, bpf 321 280, perf_event_open 298 241, userfaultfd 323 282,
fanotify_init 300 262, keyctl 250 219, add_key 248 217, request_key 249 218,
open_by_handle_at 304 265, sched_setaffinity 203 122, sched_setscheduler 144 119,
sched_setparam 142 118, sched_setattr 314 274, setpriority 141 140, ioprio_set 251 30,
truncate 76 45, chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452,
chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54, utime 132 -, utimes 235 -,
futimesat 261 -, utimensat 280 88, setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7,
removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16
"""
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_NEWEST, _X32 = 463, 1 << 30  # beyond the calls known here, and another numbering

_LOAD, _RETURN, _MASK = 0x20, 0x06, 0x54
_IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT = 0x15, 0x35, 0x45
_ALLOW: Action = ((_RETURN, 0, 0, 0x7FFF0000),)
_KILL: Action = ((_RETURN, 0, 0, 0x80000000),)
_REFUSE: Action = ((_RETURN, 0, 0, 0x00050000 | EPERM),)
_UNKNOWN: Action = ((_RETURN, 0, 0, 0x00050000 | ENOSYS),)
_OWN_PID = 0x7FFFFFFE  # stands in the program for the worker's own, put in later


def argument(index: int) -> Instruction:
    """Load the lower half of an argument."""
    return (_LOAD, 0, 0, 16 + 8 * index)


def allow_if(test: int, value: int) -> Action:
    return ((test, 0, 1, value), *_ALLOW, *_REFUSE)


def refuse_if(*values: int) -> Action:
    tests = [part for v in values for part in ((_IF_EQUAL, 0, 1, v), *_REFUSE)]
    return (*tests, *_ALLOW)


_BY_ARGUMENT: dict[str, Action] = {
    # Threads are allowed, processes are not. The arguments of clone3 are out of reach
    # here; told that it does not exist, the C library takes clone.
    "clone 56 220": (argument(0), *allow_if(_IF_ANY_BIT, 0x10000)),
    "clone3 435 435": _UNKNOWN,
    # A process may abort itself, and read its own limits.
    "tgkill 234 131": (argument(0), *allow_if(_IF_EQUAL, _OWN_PID)),
    "prlimit64 302 261": (argument(0), *allow_if(_IF_EQUAL, 0)),
    # asyncio wants a pair of streams; a datagram socket could send to any address.
    "socketpair 53 199": (argument(1), (_MASK, 0, 0, 15), *allow_if(_IF_EQUAL, 1)),
    # Having a signal sent by a pipe: F_SETOWN, F_SETSIG, F_SETOWN_EX; FIOSETOWN,
    # SIOCSPGRP. Typing into a terminal: TIOCSTI.
    "fcntl 72 25": (argument(1), *refuse_if(8, 10, 15)),
    "ioctl 16 29": (argument(1), *refuse_if(0x8901, 0x8902, 0x5412)),
    # Outliving the parent: PR_SET_PDEATHSIG.
    "prctl 157 167": (argument(0), *refuse_if(1)),
}


def filter_system_calls() -> bool:
    """Refuse the system calls that no answer needs; threads stay allowed."""
    compiled = compile_filter(os.uname().machine)
    if compiled is None or not no_new_privileges():
        return False
    program, place_of_pid = compiled
    struct.pack_into("I", program, place_of_pid, os.getpid())
    header = struct.pack("HP", len(program) // 8, ctypes.addressof(program))
    return call("prctl", 22, 2, header, 0, 0) == 0  # PR_SET_SECCOMP, by filter


@cache
def compile_filter(
    machine: str,
) -> tuple[ctypes.Array[ctypes.c_char], int] | None:
    """Return the program for a machine, and where in it the own process id goes."""
    if machine not in _ARCHITECTURES:
        return None
    column, architecture = _ARCHITECTURES[machine]
    search = Search()
    search.among(intervals(actions(column)))
    check = ((_LOAD, 0, 0, 4), (_IF_EQUAL, 1, 0, architecture), *_KILL)
    program = [*check, (_LOAD, 0, 0, 0), *reversed(search.backward)]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    place_of_pid = code.index(struct.pack("I", _OWN_PID))
    return ctypes.create_string_buffer(code, len(code)), place_of_pid


def actions(column: int) -> dict[int, Action]:
    """Return what to do on each system call, by number; all others are allowed."""
    lines = dict.fromkeys(_REFUSED.strip().split(","), _REFUSE) | _BY_ARGUMENT
    numbered = {line.split()[1 + column]: action for line, action in lines.items()}
    return {int(n): action for n, action in numbered.items() if n != "-"}


def intervals(actions: dict[int, Action]) -> list[tuple[int, Action]]:
    """Return the numbers from which on another action holds, with that action."""
    starts = [(0, _ALLOW)]
    for number in range(_NEWEST):
        action = actions.get(number, _ALLOW)
        if action != starts[-1][1]:
            starts.append((number, action))
    return [*starts, (_NEWEST, _UNKNOWN), (_X32, _KILL)]


@dataclass
class Search:
    """Code that finds the action for the loaded number by halving.

    Built from its end, because jumps only go forward; `places` count from there. Short
    code matters: the system translates it again for every worker.
    """

    backward: list[Instruction] = field(default_factory=list)
    places: dict[Action, int] = field(default_factory=dict)

    def among(self, starts: list[tuple[int, Action]]) -> int:
        """Put code before the rest that chooses among actions; return its place."""
        if len(starts) == 1:
            return self.place(starts[0][1])
        middle = len(starts) // 2
        high, low = self.among(starts[middle:]), self.among(starts[:middle])
        here = len(self.backward)
        jumps = here - high - 1, here - low - 1
        self.backward.append((_IF_AT_LEAST, *jumps, starts[middle][0]))
        return here

    def place(self, action: Action) -> int:
        if action not in self.places:
            self.backward += reversed(action)
            self.places[action] = len(self.backward) - 1
        return self.places[action]


# For the process that forks workers


def prepare() -> None:
    """Work out what every worker needs, while files can be read, once for all."""
    mapped_bytes()
    compile_filter(os.uname().machine)


def worker_protection() -> list[str]:
    """Return which layers of a worker keep a child from signalling this process."""
    layers = {"seccomp": filter_system_calls, "signal scope": confine_signals}
    return [name for name, harden in layers.items() if holds_in_child(harden)]


def holds_in_child(harden: Callable[[], bool]) -> bool:
    parent, child = os.getpid(), os.fork()
    if child == 0:
        try:
            os._exit(0 if harden() and not may_signal(parent) else 1)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def may_signal(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False
