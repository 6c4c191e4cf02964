"""The work that performance checks time, made from a seed."""

from __future__ import annotations

from random import Random
from typing import Any

TIMED = 2_000
"""Calls that are timed, however much is held."""


def bank_transfers(candidate: Any, n: int, seed: int) -> None:
    """Transfer between some of n accounts."""
    random = Random(seed)
    names = [f"account {number}" for number in range(n)]
    clock = candidate.clock()
    with candidate.setting_up():
        call = candidate.Bank(dict.fromkeys(names, 1_000)).transfer.at
    pairs = [random.sample(names, 2) for _ in range(TIMED)]
    candidate.play(clock, [call(0, source, target, 1) for source, target in pairs])


def queue_moves(candidate: Any, n: int, seed: int) -> None:
    """Hold n items; then take the oldest out and put a new one in, in turn."""
    clock = candidate.clock()
    queue = candidate.BoundedQueue(n)
    with candidate.setting_up():
        candidate.play(clock, [queue.put.at(0, item) for item in range(n)])
    moves = [(queue.get.at(0), queue.put.at(0, item)) for item in range(TIMED)]
    candidate.play(clock, [step for move in moves for step in move])


def cache_hits(candidate: Any, n: int, seed: int) -> None:
    """Load n keys; then ask for some of them again."""
    random = Random(seed)
    clock, load = candidate.clock(), candidate.script(7)
    call = candidate.OnceCache().get.at
    with candidate.setting_up():
        candidate.play(clock, [call(0, f"key {key}", load) for key in range(n)])
    keys = [f"key {random.randrange(n)}" for _ in range(TIMED)]
    candidate.play(clock, [call(0, key, load) for key in keys])


def one_order(candidate: Any, n: int, seed: int) -> None:
    """Nest n locks, always in the same order, some left out."""
    random = Random(seed)
    names = [f"lock {number}" for number in range(n)]
    random.shuffle(names)
    log: list[tuple[str, str, str]] = []
    for part in range(24):
        taken = [name for name in names if part == 0 or random.random() < 0.9]
        log += nested(f"worker {part % 3}", taken)
    candidate.lock_order_cycles(log)


def nested(thread: str, names: list[str]) -> list[tuple[str, str, str]]:
    log = [(thread, "acquire", name) for name in names]
    return log + [(thread, "release", name) for name in reversed(names)]


def crossed_pairs(candidate: Any, n: int, seed: int) -> None:
    """Have n pairs of locks, each taken in both orders, by one thread or by two."""
    random = Random(seed)
    log: list[tuple[str, str, str]] = []
    for pair in range(n):
        one, other = f"left {pair}", f"right {pair}"
        log += nested(f"worker {random.randrange(8)}", [one, other])
        log += nested(f"worker {random.randrange(8)}", [other, one])
    candidate.lock_order_cycles(log)


def shared_variables(candidate: Any, n: int, seed: int) -> None:
    """Touch n variables several times, each under a lock that is mostly the same."""
    random = Random(seed)
    log: list[tuple[str, str, str]] = []
    for _ in range(3 * n):
        number, thread = random.randrange(n), f"worker {random.randrange(8)}"
        careless = random.random() < 0.1
        lock = f"lock {random.randrange(16) if careless else number % 16}"
        log.append((thread, "acquire", lock))
        log.append((thread, random.choice(["read", "write"]), f"variable {number}"))
        log.append((thread, "release", lock))
    candidate.races(log)
