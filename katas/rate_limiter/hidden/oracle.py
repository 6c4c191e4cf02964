"""Right decisions the slow and obvious way: look at everything, calculate exactly.

An oracle follows the answer: it says what each decision has to be after what the
answer itself accepted so far, so that one mistake does not show in every law.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple, Protocol

NEVER = -1


class Want(NamedTuple):
    """What a decision has to be, and what in the calls so far makes it so."""

    allowed: bool
    retry_after: int
    remaining: int
    why: str


class Call(NamedTuple):
    """A check and the time at which it is made."""

    at: int
    key: str
    cost: int


class Rule(Protocol):
    """What the oracles of one limit and of several have in common."""

    def look(self, key: str, cost: int, now: int) -> Want: ...
    def take(self, key: str, cost: int, now: int) -> None: ...
    def refund(self, key: str, cost: int, now: int) -> None: ...
    def fresh(self, key: str, now: int) -> bool: ...


class Window:
    """At most `limit` units in any `window` microseconds, for each key."""

    def __init__(self, limit: int, window: int) -> None:
        self.limit = limit
        self.window = window
        self.events: dict[str, list[list[int]]] = {}

    def used(self, key: str, now: int) -> int:
        events = self.events.get(key, [])
        return sum(cost for at, cost in events if now - self.window < at <= now)

    def fits(self, key: str, cost: int, now: int) -> bool:
        return cost == 0 or self.used(key, now) + cost <= self.limit

    def retry_after(self, key: str, cost: int, now: int) -> int:
        if cost > self.limit and cost > 0:
            return NEVER
        instants = [now, *(at + self.window for at, _ in self.events.get(key, []))]
        return min(
            instant - now
            for instant in instants
            if instant >= now and self.fits(key, cost, instant)
        )

    def look(self, key: str, cost: int, now: int) -> Want:
        used = self.used(key, now)
        return Want(
            self.fits(key, cost, now),
            self.retry_after(key, cost, now),
            max(0, self.limit - used - (cost if self.fits(key, cost, now) else 0)),
            f"{used} of {self.limit} units within ({now - self.window}, {now}]",
        )

    def take(self, key: str, cost: int, now: int) -> None:
        self.events.setdefault(key, []).append([now, cost])

    def refund(self, key: str, cost: int, now: int) -> None:
        for event in reversed(self.events.get(key, [])):
            back = min(event[1], cost)
            event[1] -= back
            cost -= back

    def fresh(self, key: str, now: int) -> bool:
        return self.used(key, now) == 0


class Bucket:
    """Tokens as fractions: `refill` of them every `per`, at most `burst`."""

    def __init__(self, refill: int, per: int, burst: int) -> None:
        self.rate = Fraction(refill, per)
        self.burst = burst
        self.held: dict[str, tuple[Fraction, int]] = {}

    def tokens(self, key: str, now: int) -> Fraction:
        tokens, since = self.held.get(key, (Fraction(self.burst), now))
        return min(Fraction(self.burst), tokens + (now - since) * self.rate)

    def retry_after(self, key: str, cost: int, now: int) -> int:
        if cost > self.burst and cost > 0:
            return NEVER
        return max(0, ceil((cost - self.tokens(key, now)) / self.rate))

    def look(self, key: str, cost: int, now: int) -> Want:
        tokens = self.tokens(key, now)
        fits = cost == 0 or cost <= tokens
        return Want(
            fits,
            0 if fits else self.retry_after(key, cost, now),
            max(0, floor(tokens - (cost if fits else 0))),
            f"{tokens} of {self.burst} tokens at {now}",
        )

    def take(self, key: str, cost: int, now: int) -> None:
        self.held[key] = (self.tokens(key, now) - cost, now)

    def refund(self, key: str, cost: int, now: int) -> None:
        tokens = self.tokens(key, now) + cost
        self.held[key] = (min(Fraction(self.burst), tokens), now)

    def fresh(self, key: str, now: int) -> bool:
        return self.tokens(key, now) == self.burst


class Rules:
    """Several limits at once, all or nothing."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules

    def look(self, key: str, cost: int, now: int) -> Want:
        wants = [rule.look(key, cost, now) for rule in self.rules]
        retries = [want.retry_after for want in wants]
        allowed = all(want.allowed for want in wants)
        # what the others would have left does not count if one of them denies
        left = wants if allowed else [rule.look(key, 0, now) for rule in self.rules]
        return Want(
            allowed,
            NEVER if NEVER in retries else max(retries),
            min(want.remaining for want in left),
            "; ".join(want.why for want in wants),
        )

    def take(self, key: str, cost: int, now: int) -> None:
        for rule in self.rules:
            rule.take(key, cost, now)

    def refund(self, key: str, cost: int, now: int) -> None:
        for rule in self.rules:
            rule.refund(key, cost, now)

    def fresh(self, key: str, now: int) -> bool:
        return all(rule.fresh(key, now) for rule in self.rules)


def follow(
    rule: Rule, calls: Iterable[Call], results: Sequence[Any]
) -> Iterator[tuple[Any, Want]]:
    """Yield each result with what it has to be, after what was accepted before it.

    A clock that goes back stands still.
    """
    now = None
    for (at, key, cost), got in zip(calls, results, strict=True):
        now = at if now is None else max(now, at)
        yield got, rule.look(key, cost, now)
        if got.allowed and cost:
            rule.take(key, cost, now)


def learn(rule: Rule, calls: Iterable[Call], results: Sequence[Any]) -> None:
    """Bring an oracle to where it is after what the answer accepted."""
    for _ in follow(rule, calls, results):
        pass
