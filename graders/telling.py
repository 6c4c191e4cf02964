"""A schedule as text: who ran which line, who waits for what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from graders.history import Waiting
from graders.showing import clean

MAX_ROWS = 12
_WIDTH = 76


def table(
    trace: Sequence[tuple[int, int, bool]],
    shown: Sequence[int],
    names: Sequence[str],
    source: Sequence[str],
) -> Iterator[str]:
    """Yield the lines that ran, in their order, one column for each thread."""
    width = (_WIDTH - 3 * (len(shown) - 1)) // max(1, len(shown))
    yield " | ".join(clean(names[n], width - 1).ljust(width) for n in shown).rstrip()
    rows = list(brief_rows(trace))
    if len(rows) > MAX_ROWS:
        yield "..."
    for number, line, goes_on in rows[-MAX_ROWS:]:
        text = source[line - 1].strip() if 0 < line <= len(source) else "..."
        cell = clean(f"{line or ''} {'... ' if goes_on else ''}{text}", width - 1)
        cells = [cell if n == number else "" for n in shown]
        yield " | ".join(c.ljust(width) for c in cells).rstrip()


def brief_rows(
    trace: Sequence[tuple[int, int, bool]],
) -> Iterator[tuple[int, int, bool]]:
    """Yield the first and last lines of each turn, line 0 for those between."""
    for number, turn in groupby(trace, key=lambda row: row[0]):
        rows = list(turn)
        yield rows[0]
        if len(rows) > 3:
            yield (number, 0, False)
        yield from rows[-2:] if len(rows) == 3 else rows[1:][-1:]


class Text:
    """Words in the place of a value."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return self.words


BUSY = Text("a thread that runs on and on, without waiting")


def reason(waiting: Waiting) -> str:
    """Return where a thread waits, for what, and who holds it."""
    place = f"{clean(waiting.thread, 40)} waits in line {waiting.line}"
    if waiting.what == "gate":
        return f"{place} for {clean(waiting.lock, 60)}, which nobody opens any more"
    if waiting.what == "future":
        return f"{place} for what never comes"
    if waiting.what == "task":
        return f"{place} for another thread to end"
    if waiting.what == "lock" and waiting.holder == waiting.thread and not waiting.lock:
        return f"{place} to be woken"
    if waiting.holder:
        name = clean(waiting.lock, 60) or "the lock"
        since = f" since line {waiting.since}" if waiting.since else ""
        return f"{place} for {name}, which {clean(waiting.holder, 40)} holds{since}"
    return place
