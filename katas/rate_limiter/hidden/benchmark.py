"""The work that performance checks time, made from a seed.

First `n` calls that only build up what is held, then `TIMED` calls in that state, at
the same pace: what is timed is a call, and it should cost the same whatever `n` is.
Costs are 0 and 1, and the clock goes forward. Results are compared elsewhere.
"""

from __future__ import annotations

from random import Random
from typing import Any

TIMED = 2_000
MEAN_STEP = 10
"""Microseconds between two calls, on average."""


def arrivals(random: Random, calls: int, start: int = 0) -> list[int]:
    """Return the times of calls that come at odd intervals."""
    times, now = [], start
    for _ in range(calls):
        now += random.randint(1, 2 * MEAN_STEP - 1)
        times.append(now)
    return times


def play(candidate: Any, clock: Any, steps: list[Any]) -> None:
    """Make the calls; only the last ones are timed."""
    with candidate.setting_up():
        candidate.play(clock, steps[:-TIMED])
    candidate.play(clock, steps[-TIMED:])


def window_expiring(candidate: Any, n: int, seed: int) -> None:
    """Fill a window of limit n; then each call comes as eight old ones leave."""
    random, length = Random(seed), 2 * n * MEAN_STEP
    clock = candidate.clock()
    call = candidate.SlidingWindow(n, length, clock).check.at
    filling = arrivals(random, n)
    with candidate.setting_up():
        candidate.play(clock, [call(now, "a") for now in filling])
    expiring = filling[::8][:TIMED]
    candidate.play(clock, [call(now + length, "a") for now in expiring])


def window_denying(candidate: Any, n: int, seed: int) -> None:
    """Ask n times at cost 0 and fill a window of limit n; then each call is denied."""
    clock = candidate.clock()
    length = 100 * (2 * n + TIMED) * MEAN_STEP
    call = candidate.SlidingWindow(n, length, clock).check.at
    times = enumerate(arrivals(Random(seed), 2 * n + TIMED))
    play(candidate, clock, [call(now, "a", int(place >= n)) for place, now in times])


def bucket_many_keys(candidate: Any, n: int, seed: int) -> None:
    """Use up tokens of n keys; then go on with them, sometimes at cost 0."""
    random = Random(seed)
    clock = candidate.clock()
    call = candidate.TokenBucket(3, 20 * n, 4, clock).check.at
    steps = [
        call(now, f"tenant {random.randrange(n)}", int(random.random() < 0.9))
        for now in arrivals(random, n + TIMED)
    ]
    play(candidate, clock, steps)


def limiter_fresh_keys(candidate: Any, n: int, seed: int) -> None:
    """Use ever new keys, of which n are held: for each that comes, one is fresh."""
    clock = candidate.clock()
    window = candidate.SlidingWindow(2, n * MEAN_STEP, clock)
    bucket = candidate.TokenBucket(1, n * MEAN_STEP // 2, 2, clock)
    call = candidate.Limiter(window, bucket).check.at
    times = enumerate(arrivals(Random(seed), n + n // 2 + TIMED))
    play(
        candidate,
        clock,
        [call(now, f"tenant {key}") for key, now in times],
    )


def limiter_window_and_bucket(candidate: Any, n: int, seed: int) -> None:
    """Use a limiter with a window of limit n and a bucket, for one busy key."""
    length = n * MEAN_STEP
    clock = candidate.clock()
    window = candidate.SlidingWindow(n, length, clock)
    bucket = candidate.TokenBucket(1, MEAN_STEP, n // 2, clock)
    call = candidate.Limiter(window, bucket).check.at
    times = arrivals(Random(seed), n + n // 4 + TIMED)
    play(candidate, clock, [call(now, "a") for now in times])


def acquire_at_once(candidate: Any, n: int, seed: int) -> None:
    """Acquire for n keys, always with room."""
    random = Random(seed)
    clock = candidate.clock()
    window = candidate.SlidingWindow(n, n * MEAN_STEP, clock)
    bucket = candidate.TokenBucket(1, 1, n, clock)
    call = candidate.Limiter(window, bucket).acquire.at
    steps = [
        call(now, f"tenant {random.randrange(n)}", 1)
        for now in arrivals(random, n + TIMED)
    ]
    play(candidate, clock, steps)
