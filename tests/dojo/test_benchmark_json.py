"""The scored samples for pytest-benchmark."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from dojo.benchmark_json import Replay, write_benchmark_json
from graders.results import Performance, Report


def test_replay_tells_recorded_times() -> None:
    """The timer's readings differ, two by two, by the recorded samples."""
    replay = Replay([3.0, 5.0])
    readings = [replay() for _ in range(4)]
    assert readings == [0.0, 0.003, 0.003, 0.008]


def test_json_holds_the_scored_samples(report: Report, tmp_path: Path) -> None:
    """pytest-benchmark's own file has each side's samples, ratio, growth and tier."""
    file = tmp_path / "benchmark.json"
    assert write_benchmark_json(report, file)
    answer, reference = json.loads(file.read_text())["benchmarks"]
    assert answer["stats"]["min"] == 0.032
    assert reference["stats"]["rounds"] == 2
    assert answer["extra_info"] == {"ratio": 8.0, "growth": 1.0, "tier": "E"}


def test_nothing_timed_writes_nothing(report: Report, tmp_path: Path) -> None:
    """A report without timings makes no file."""
    untimed = replace(report, performance=Performance())
    assert not write_benchmark_json(untimed, tmp_path / "benchmark.json")
