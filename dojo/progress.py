"""One line on a terminal that tells how far grading is."""

from __future__ import annotations

from typing import TextIO

from graders.results import UNDECIDED, Check


class Progress:
    """Shows checks as they end, on a terminal only, and leaves nothing behind."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.shown = stream.isatty()
        self.ended = self.failed = 0

    def check(self, check: Check) -> None:
        self.ended += 1
        self.failed += check.verdict not in UNDECIDED
        words = f"{self.ended} laws checked, {self.failed} broken"
        self.show(f"{words}  {check.law}"[:78])

    def show(self, line: str) -> None:
        if self.shown:
            self.stream.write(f"\r\x1b[K{line}")
            self.stream.flush()

    def __enter__(self) -> Progress:
        self.show("importing your answer")
        return self

    def __exit__(self, *_: object) -> None:
        self.show("")
