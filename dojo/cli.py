"""The `kata` command: parses and prints, decides nothing."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from dojo import attempts
from graders.kata import ROOT, Kata, KataError, kata_names, read_kata

EVERY = "all"
PASSED, NOT_PASSED, WRONG_CALL, FAULT = 0, 1, 2, 3
INTERRUPTED, TERMINATED = 130, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # whoever ends us means the answer's processes as well
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(TERMINATED))
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except KataError as error:
        return complain(str(error), WRONG_CALL)
    except KeyboardInterrupt:
        return complain("stopped; nothing was changed", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG_CALL
    except Exception as error:
        return complain(f"{apology(error)}", FAULT)


def complain(words: str, status: int) -> int:
    print(f"kata: {words}", file=sys.stderr)
    return status


def apology(error: Exception) -> str:
    """Return what to tell of a failure of ours; its traceback goes to a file."""
    log = ROOT / ".kata" / "fault.txt"
    attempts.write(log, "".join(traceback.format_exception(error)).encode())
    return (
        f"a fault of the grader, not of your answer: {error}\n"
        f"      No verdict was reached. Details are in {log}; please report them."
    )


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="kata", description="Practise live coding.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="grade an answer and print the report")
    check.set_defaults(command=check_command)
    check.add_argument("kata", help="its name; `all` for every one that is begun")
    check.add_argument("--answer", type=Path, help="a file other than the stub")
    check.add_argument("--level", type=int, help="only the laws of levels 1 to LEVEL")
    check.add_argument("--json", type=Path, help="also write the report to this file")
    check.add_argument("--seed", type=int, help="try other inputs than everybody's")
    check.add_argument("--deep", action="store_true", help="try ten times the inputs")
    check.add_argument(
        "--benchmark-json", type=Path, help="also write pytest-benchmark's JSON"
    )
    again = commands.add_parser("replay", help="play a failing schedule again")
    again.set_defaults(command=replay_command)
    again.add_argument("file", type=Path, help=".kata/<kata>/schedule_<n>.json")
    for name, command, words in (
        ("list", list_command, "show all katas"),
        ("reset", reset_command, "archive the attempt, restore the stub"),
    ):
        commands.add_parser(name, help=words).set_defaults(command=command)
    commands.choices["reset"].add_argument("kata")
    audit = commands.add_parser("audit", help="the author's gate for a kata")
    audit.set_defaults(command=audit_command)
    audit.add_argument("kata", nargs="?")
    return top


def check_command(arguments: argparse.Namespace) -> int:
    if arguments.kata == EVERY:
        return check_all(arguments)
    kata = read_kata(arguments.kata)
    answer = answer_of(arguments.answer, kata)
    level_of(arguments.level, kata)
    for file in (arguments.json, arguments.benchmark_json):
        writable(file)

    # these take a third of a second to import, and most failures come before them
    from dojo.progress import Progress
    from dojo.render.terminal import Terminal
    from dojo.replay import fingerprint
    from graders.grade import grade

    sha256 = fingerprint(answer)
    with Progress(sys.stderr) as progress:
        report = grade(
            kata,
            answer,
            seed=arguments.seed,
            deep=arguments.deep,
            up_to_level=arguments.level,
            watch=progress.check,
        )
    report = attempts.save(report, kata, sha256=sha256, deep=arguments.deep)
    if arguments.json:
        attempts.write(arguments.json, report.to_json())
    terminal = Terminal(kata, again=again(arguments), colour=in_colour())
    print(terminal.report(report), flush=True)
    if arguments.benchmark_json:
        from dojo.benchmark_json import write_benchmark_json

        write_benchmark_json(report, arguments.benchmark_json)
    return PASSED if report.passed else NOT_PASSED


def check_all(arguments: argparse.Namespace) -> int:
    """Grade every stub that is begun; the worst status is that of the whole."""
    for name in ("answer", "level", "json", "benchmark_json"):
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise KataError(f"{option} is for one kata; name it in place of {EVERY!r}")
    katas = [read_kata(name) for name in kata_names()]
    begun = [kata.name for kata in katas if attempts.is_begun(kata)]
    if not begun:
        words = f"nothing is filled in yet; begin with katas/{katas[0].name}/README.md"
        return complain(words, NOT_PASSED)
    statuses = []
    for name in begun:
        statuses.append(
            check_command(argparse.Namespace(**{**vars(arguments), "kata": name}))
        )
        print()
    for kata in katas:
        print(list_line(kata))
    return max(statuses)


def replay_command(arguments: argparse.Namespace) -> int:
    from dojo.render.terminal import Terminal
    from dojo.replay import read, replay

    before = read(arguments.file)
    kata = read_kata(before.kata)
    replayed = replay(before, kata)
    terminal = Terminal(kata, colour=in_colour())
    print(terminal.replayed(replayed.check, replayed.words), flush=True)
    return PASSED if replayed.check.passed else NOT_PASSED


def again(arguments: argparse.Namespace) -> str:
    """Return the command that does the same once more."""
    settings = {"KATA": arguments.kata, "LEVEL": arguments.level}
    settings |= {"ANSWER": arguments.answer, "SEED": arguments.seed}
    settings["DEEP"] = 1 if arguments.deep else None
    given = [
        f"{name}={shlex.quote(str(value))}"
        for name, value in settings.items()
        if value is not None
    ]
    return " ".join(["make check", *given])


def answer_of(given: Path | None, kata: Kata) -> Path:
    answer = given or kata.stub
    if not answer.is_file():
        what = "is a folder" if answer.is_dir() else "is not there"
        repair = "give the file with your answer"
        if given is None:
            repair = f'"make reset KATA={kata.name}" restores it'
        raise KataError(f"{shown_path(answer)} {what}; {repair}")
    return shown_path(answer)


def shown_path(path: Path) -> Path:
    """Return a path as short as it can be written from here."""
    whole, here = path.resolve(), Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else path


def writable(file: Path | None) -> None:
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        what = "is a folder" if file.is_dir() else "is in a folder that is not there"
        raise KataError(f"{file} {what}; give a file that can be written")


def level_of(level: int | None, kata: Kata) -> None:
    if level is not None and level not in kata.levels:
        last = len(kata.levels)
        raise KataError(f"{kata.name} has no level {level}; it has levels 1 to {last}")


def in_colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def list_command(_: argparse.Namespace) -> int:
    for name in kata_names():
        kata = read_kata(name)
        print(list_line(kata))
        topics = f"{kata.settings.title}: {', '.join(kata.settings.topics)}"
        print(textwrap.indent(textwrap.fill(topics, 76), "    "))
    return PASSED


def list_line(kata: Kata) -> str:
    """Return a kata's name, size, and how far its learner has come."""
    size = f"{len(kata.levels)} levels, {kata.settings.minutes} minutes"
    best = attempts.best_score(kata)
    if best is not None:
        return f"{kata.name:<24}{size}, best score {best}"
    state = "begun, not graded yet" if attempts.is_begun(kata) else "not begun"
    return f"{kata.name:<24}{size}, {state}"


def reset_command(arguments: argparse.Namespace) -> int:
    kata = read_kata(arguments.kata)
    kept = attempts.reset(kata)
    if kept is not None:
        print(f"Your attempt is kept in {shown_path(kept)}.")
    print(f"katas/{kata.name}/stub.py is as it was handed out.")
    return PASSED


def audit_command(arguments: argparse.Namespace) -> int:
    from dojo.audit import audit_all

    names = [arguments.kata] if arguments.kata else kata_names()
    return PASSED if audit_all(names) else NOT_PASSED


if __name__ == "__main__":
    sys.exit(main())
