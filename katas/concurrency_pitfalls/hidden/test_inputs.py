"""What an answer is given stays as it is."""

from __future__ import annotations

from hypothesis import example, given
from strategies import logs, mixed, sections

from graders.laws import check, expect


@check(level=1, category="edge_cases")
def test_balances_stay_as_they_are(candidate):
    """The mapping of opening balances is not changed, whatever is transferred."""
    balances = {"a": 5, "b": 0}
    kept = candidate.keep(balances, "balances")
    bank = candidate.Bank(kept)
    bank.transfer("a", "b", 3)
    bank.transfer("b", "a", 1)
    expect(bank.balance("b"), 2, why="0 + 3 - 1")
    expect(kept.value(), balances, why="it belongs to the caller")


@given(log=logs)
@example(log=sections("T2 B A", "T1 A B"))
@check(level=4, category="edge_cases", examples=5)
def test_log_of_cycles_stays_as_it_is(candidate, log):
    """`lock_order_cycles` does not change its log."""
    kept = candidate.keep(log, "log")
    candidate.lock_order_cycles(kept)
    expect(kept.value(), log, why="it belongs to the caller")


@given(log=mixed())
@example(log=sections("T2 B x", "T1 A x"))
@check(level=4, category="edge_cases", examples=5)
def test_log_of_races_stays_as_it_is(candidate, log):
    """`races` does not change its log."""
    kept = candidate.keep(log, "log")
    candidate.races(kept)
    expect(kept.value(), log, why="it belongs to the caller")
