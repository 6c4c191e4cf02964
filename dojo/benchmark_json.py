"""The scored samples in pytest-benchmark's own format, for its compare and histogram.

Nothing is timed here: `benchmark.pedantic` runs on a timer that replays what the grader
has measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from graders.results import Report, Timing

_REPLAYS = """\
def test_replay(benchmark, recorded):
    timing, replay = recorded
    benchmark.group = f"{timing.check} n={timing.sizes[-1].n}"
    benchmark.extra_info.update(
        ratio=timing.ratio, growth=timing.growth, tier=timing.tier
    )
    benchmark._timer = replay
    benchmark.pedantic(lambda: None, rounds=replay.rounds)
"""


class Replay:
    """A timer that is read twice a sample: the difference is the recorded time."""

    def __init__(self, samples_ms: Sequence[float]) -> None:
        self.now = 0.0
        self.rounds = len(samples_ms)
        self.left = [sample / 1e3 for sample in samples_ms]
        self.running = False

    def __call__(self) -> float:
        if self.running:
            self.now += self.left.pop(0)
        self.running = not self.running
        return self.now


class Recorded:
    """The pytest plugin that gives the replaying test its samples."""

    def __init__(self, timings: tuple[Timing, ...]) -> None:
        self.timings = timings

    def pytest_generate_tests(self, metafunc: Any) -> None:
        cases = {}
        for timing in self.timings:
            for side in ("answer", "reference"):
                samples_ms = getattr(timing, f"{side}_samples_ms")
                cases[f"{timing.check}-{side}"] = (timing, Replay(samples_ms))
        metafunc.parametrize("recorded", list(cases.values()), ids=list(cases))


def write_benchmark_json(report: Report, file: Path) -> bool:
    """Write pytest-benchmark's JSON of a report's timings; False if it has none."""
    if not report.performance.timings:
        return False
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder, "test_replayed_timings.py")
        test.write_text(_REPLAYS, "utf-8")
        options = ["-p", "no:terminal", "-p", "no:cacheprovider", "--rootdir", folder]
        plugin = Recorded(report.performance.timings)
        pytest.main([f"--benchmark-json={file}", *options, str(test)], [plugin])
    return file.is_file()
