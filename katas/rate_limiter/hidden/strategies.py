"""Small inputs that meet the edges often: few keys, low limits, times at the edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, product
from typing import Any, NamedTuple

import oracle
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from oracle import Call, Want, follow

from graders.laws import expect

Step = tuple[int, str, int]
"""Microseconds since the call before, key, cost."""
Costs = Callable[[int], range]
"""From the largest cost that a rule can ever allow to the costs of the calls."""

EPOCH = 1_700_000_000_000_000
"""A day of the year 2023, as microseconds since 1970."""


class WindowRule(NamedTuple):
    """The numbers of a SlidingWindow."""

    limit: int
    window: int

    def make(self, candidate: Any, clock: Any) -> Any:
        return candidate.SlidingWindow(self.limit, self.window, clock)

    def oracle(self) -> oracle.Window:
        return oracle.Window(self.limit, self.window)

    @property
    def most(self) -> int:
        return self.limit

    @property
    def deltas(self) -> set[int]:
        return {0, 1, self.window - 1, self.window, self.window + 1}


class BucketRule(NamedTuple):
    """The numbers of a TokenBucket."""

    refill: int
    per: int
    burst: int

    def make(self, candidate: Any, clock: Any) -> Any:
        return candidate.TokenBucket(self.refill, self.per, self.burst, clock)

    def oracle(self) -> oracle.Bucket:
        return oracle.Bucket(self.refill, self.per, self.burst)

    @property
    def most(self) -> int:
        return self.burst

    @property
    def deltas(self) -> set[int]:
        per_token = -(-self.per // self.refill)
        return {0, 1, per_token - 1, per_token, self.per - 1, self.per, self.per + 1}


class LimiterRules(NamedTuple):
    """The rules of a Limiter."""

    rules: tuple[WindowRule | BucketRule, ...]

    def make(self, candidate: Any, clock: Any) -> Any:
        return candidate.Limiter(*(rule.make(candidate, clock) for rule in self.rules))

    def oracle(self) -> oracle.Rules:
        return oracle.Rules(*(rule.oracle() for rule in self.rules))

    @property
    def most(self) -> int:
        return min(rule.most for rule in self.rules)

    @property
    def deltas(self) -> set[int]:
        return set().union(*(rule.deltas for rule in self.rules))


def together(*rules: WindowRule | BucketRule) -> LimiterRules:
    return LimiterRules(rules)


class Script(NamedTuple):
    """What to make, and the checks to ask it for."""

    rule: WindowRule | BucketRule | LimiterRules
    steps: Sequence[Step]

    def calls(self, start: int = 0) -> list[Call]:
        """Return the steps with the times at which they happen."""
        times = accumulate((delta for delta, _, _ in self.steps), initial=start)
        next(times)
        return [
            Call(at, key, cost)
            for at, (_, key, cost) in zip(times, self.steps, strict=True)
        ]

    def play(self, candidate: Any, start: int = 0) -> list[tuple[Any, Want]]:
        """Return each decision of the answer with what it has to be."""
        calls = self.calls(start)
        results = ask(candidate, self.rule, calls)
        return list(follow(self.rule.oracle(), calls, results))


def ask(candidate: Any, rule: Any, calls: Sequence[Call]) -> list[Any]:
    """Return the decisions of a new object of the answer."""
    clock = candidate.clock(calls[0].at)
    judged = rule.make(candidate, clock)
    return candidate.play(clock, [judged.check.at(*call) for call in calls])


def expect_fields(candidate: Any, script: Script, *fields: str, start: int = 0) -> None:
    """Demand these fields of every decision."""
    for got, want in script.play(candidate, start):
        expect(got, why=want.why, **{name: getattr(want, name) for name in fields})


# Costs


def one(most: int) -> range:
    return range(1, 2)


def up_to_limit(most: int) -> range:
    return range(1, most + 1)


def too_large_too(most: int) -> range:
    return range(1, most + 3)


def nothing_and_too_large_too(most: int) -> range:
    return range(most + 2)


# Rules

window_rules = st.builds(WindowRule, st.integers(1, 5), st.integers(1, 12))
bucket_rules = st.builds(
    BucketRule, st.integers(1, 4), st.integers(1, 7), st.integers(1, 5)
)
rules = window_rules | bucket_rules
several_rules = st.lists(rules, min_size=2, max_size=3).map(
    lambda rules: together(*rules)
)
one_rule = rules.map(together)


# Scripts


def scripts(
    rules: SearchStrategy[Any], costs: Costs, *, keys: str = "ab", back: bool = False
) -> SearchStrategy[Script]:
    """Return scripts whose clock goes forward, and back as well if asked to."""

    def of(rule: Any) -> SearchStrategy[Script]:
        deltas = sorted(rule.deltas)
        if back:
            deltas += [-delta for delta in deltas if delta]
        # one draw a step: it is the drawing that takes the time
        steps = [
            (delta, key, cost)
            for cost, key, delta in product(costs(rule.most), keys, deltas)
        ]
        return st.builds(Script, st.just(rule), steps_of(st.sampled_from(steps)))

    return rules.flatmap(of)


def steps_of(step: SearchStrategy[Any]) -> SearchStrategy[list[Any]]:
    """Return lists of up to 24 steps, of which most are not short."""
    return st.integers(1, 24).flatmap(
        lambda size: st.lists(step, min_size=size, max_size=size)
    )


# Stories that many a mistake breaks: tried first, they fail fast and read well

WINDOW_STORY = Script(
    WindowRule(2, 6),
    [(0, "a", 1), (5, "a", 1), (0, "a", 1), (1, "a", 1), (0, "a", 1), (5, "a", 2)],
)
BUCKET_STORY = Script(
    BucketRule(2, 7, 2),
    [(0, "a", 2), (3, "a", 1), (1, "a", 1), (2, "a", 2), (5, "a", 2), (20, "a", 2)],
)
_BOTH = [(0, "a", 1), (5, "a", 1), (0, "a", 1), (1, "a", 1), (0, "a", 1)]
_BOTH += [(5, "a", 1), (0, "a", 1), (1, "a", 1), (0, "a", 2)]
LIMITER_STORY = Script(together(WindowRule(2, 6), BucketRule(2, 7, 2)), _BOTH)
TURNED_STORY = Script(together(BucketRule(2, 7, 2), WindowRule(2, 6)), _BOTH)
