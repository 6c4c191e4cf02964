"""Run the examples of the statement against the answer."""

from __future__ import annotations

import pytest
from stub import (
    CycleError,
    Unsatisfiable,
    affected,
    batches,
    condensed_order,
    cycles,
    order,
    resolve,
)

APP = {"app": ["lib", "db"], "lib": ["core"], "db": []}
LOOPED = {"a": ["b"], "b": ["c"], "c": ["a", "b"], "d": ["c", "e"]}


# Level 1 - Order


def test_order_puts_needs_first():
    """`core` has no entry of its own and is a node all the same."""
    assert order(APP) == ["core", "db", "lib", "app"]


def test_order_is_the_smallest():
    """After `y` both `b` and `x` are free; `a` has to wait for `x`."""
    assert order({"a": ["x"], "b": ["y"], "x": ["y"]}) == ["y", "b", "x", "a"]


def test_order_names_a_cycle():
    """`app` and `b` are not in the cycle."""
    with pytest.raises(CycleError) as caught:
        order({"app": ["a", "b"], "a": ["c"], "c": ["b", "a"]})
    assert caught.value.cycle == ["a", "c"]


# Level 2 - Batches


def test_batches():
    """What is in a batch needs nothing of the same batch."""
    assert batches(APP) == [["core", "db"], ["lib"], ["app"]]


def test_longest_chain_decides():
    """`a` needs `d` directly, and also through `b` and `c`."""
    graph = {"a": ["d", "b"], "b": ["c"], "c": ["d"]}
    assert batches(graph) == [["d"], ["c"], ["b"], ["a"]]


# Level 3 - Cycles


def test_cycles():
    """`b`, `c` is shorter than `a`, `b`, `c`."""
    assert cycles(LOOPED) == [["b", "c"]]


def test_condensed_order():
    """`a`, `b` and `c` need each other: one component."""
    assert condensed_order(LOOPED) == [["a", "b", "c"], ["e"], ["d"]]


def test_affected():
    """`e` needs nothing that has changed."""
    assert affected(LOOPED, ["b"]) == ["a", "b", "c", "d"]
    assert affected(LOOPED, {"e"}) == ["e", "d"]


# Level 4 - Versions


def test_resolve_goes_back():
    """The newest `app` needs a `lib` that there is not."""
    index = {
        "app": {"1.9.0": {"lib": "*"}, "1.10.0": {"lib": ">=2.0.0,<3.0.0"}},
        "lib": {"1.0.0": {}, "3.0.0": {}},
    }
    assert resolve({"app": "*"}, index) == {"app": "1.9.0", "lib": "3.0.0"}
    index["lib"]["2.5.0"] = {}
    assert resolve({"app": "*"}, index) == {"app": "1.10.0", "lib": "2.5.0"}


def test_resolve_names_the_conflict():
    """`a` and `c` do not agree on `d`; `b` has nothing to do with it."""
    index = {
        "a": {"1.0.0": {"d": "=1.0.0"}},
        "b": {"1.0.0": {}},
        "c": {"1.0.0": {"d": "=2.0.0"}},
        "d": {"1.0.0": {}, "2.0.0": {}},
    }
    with pytest.raises(Unsatisfiable) as caught:
        resolve({"a": "*", "b": "*", "c": "*"}, index)
    assert caught.value.because == ["a", "c"]


def test_resolve_reads_all_text():
    """A version that nothing asks for is checked too."""
    with pytest.raises(ValueError, match="1\\.0-beta"):
        resolve({}, {"a": {"1.0-beta": {}}})
