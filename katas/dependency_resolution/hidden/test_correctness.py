"""What has to hold in normal use: plain graphs and packages, cycles or not."""

from __future__ import annotations

from functools import partial

import oracle
from hypothesis import example, given
from hypothesis import strategies as st
from oracle import needs_of
from strategies import (
    CHIEFS,
    CHORD,
    DIAMOND,
    FREED,
    LATE,
    LATER_ROW,
    MIDDLE,
    RING,
    STEPS,
    TAIL,
    TANGLED,
    TWINS,
    UNEVEN,
    acyclic,
    cases,
    cyclic,
    disputes,
    expect_cycle,
    expect_no_order,
    expect_unsatisfiable,
    graphs,
    listed_twice,
    tangles,
    with_implied,
)

from graders.laws import check, expect, require

ONE_NEED = {"a": ["b"], "b": []}
IMPLIED = {"a": ["b"], "b": ["c"]}

# Level 1: order


@given(graph=acyclic())
@example(graph={"a": ["b"], "b": []})
@example(graph=DIAMOND)
@example(graph=UNEVEN)
@check(level=1, category="correctness", examples=10)
def test_order_puts_needs_first(candidate, graph):
    """Whatever a node needs comes before the node."""
    got = candidate.order(graph)
    for node, given_needs in graph.items():
        for need in given_needs:
            wanted = f"{need!r} before {node!r}, which needs it"
            both = node in got and need in got
            require(both and got.index(need) < got.index(node), got, wanted)


@given(graph=acyclic())
@example(graph={"a": [], "b": []})
@example(graph={"a": ["c"], "b": ["c"], "c": []})
@example(graph=DIAMOND)
@check(level=1, category="correctness", examples=10)
def test_order_has_each_node_once(candidate, graph):
    """Every node is in the order once, and nothing else is."""
    got = candidate.order(graph)
    require(sorted(got) == sorted(needs_of(graph)), got, "each node exactly once")


@given(graph=acyclic(most=5))
@example(graph=LATE)
@example(graph=FREED)
@example(graph={"b": [], "a": []})
@example(graph={"b": ["a"], "a": [], "c": ["a"], "d": []})
@check(level=1, category="correctness", examples=10)
def test_order_is_smallest(candidate, graph):
    """Of all orders in which needs come first, it is the lexicographically smallest."""
    want = oracle.smallest_order(needs_of(graph))
    expect(
        candidate.order(graph), want, why="the smallest name that is free comes next"
    )


@given(listings=listed_twice(acyclic()))
@example(listings=({"b": ["c"], "a": []}, {"a": [], "b": ["c"]}))
@example(listings=({"a": ["b", "c"]}, {"a": ["c", "b"]}))
@check(level=1, category="correctness", examples=8)
def test_order_ignores_listing(candidate, listings):
    """In which order nodes and needs are listed changes nothing in the order."""
    graph, other = listings
    got = candidate.order(graph)
    expect(candidate.order(other), got, why="the same graph, listed otherwise")


@given(pair=with_implied())
@example(pair=(IMPLIED, {"a": ["b", "c"], "b": ["c"]}))
@check(level=1, category="correctness", examples=6)
def test_order_ignores_implied(candidate, pair):
    """To name a need that is implied already changes nothing in the order."""
    graph, more = pair
    got = candidate.order(graph)
    expect(candidate.order(more), got, why="the new need was implied already")


@given(graph=cyclic())
@example(graph={"a": ["b"], "b": ["a"]})
@example(graph=RING)
@example(graph={**RING, "d": [], "e": ["d"]})
@example(graph=TAIL)
@example(graph=TANGLED)
@example(graph=CHORD)
@example(graph={"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["b"], "e": ["a", "d"]})
@check(level=1, category="correctness", examples=10)
def test_order_names_a_cycle(candidate, graph):
    """With a cycle there is no order: in CycleError's `cycle` each needs the next."""
    cycle = expect_no_order(candidate, lambda: candidate.order(graph))
    expect_cycle(needs_of(graph), cycle)


@given(graph=cyclic())
@example(graph={"b": ["c"], "c": ["a"], "a": ["b"]})
@example(graph={"c": ["b"], "b": ["a"], "a": ["c"]})
@example(graph={"a": ["c"], "c": ["b"], "b": ["c"]})
@check(level=1, category="correctness", examples=10)
def test_order_rotates_cycle(candidate, graph):
    """`cycle` begins with its smallest name."""
    cycle = expect_no_order(candidate, lambda: candidate.order(graph))
    wanted = "`cycle` to begin with its smallest name"
    require(cycle[:1] == sorted(cycle)[:1] != [], cycle, wanted)


# Level 2: batches


@given(graph=acyclic())
@example(graph=UNEVEN)
@example(graph=STEPS)
@example(graph=DIAMOND)
@check(level=2, category="correctness", examples=10)
def test_batches_put_needs_earlier(candidate, graph):
    """What a node needs is in an earlier batch than the node."""
    got = candidate.batches(graph)
    place = {node: number for number, batch in enumerate(got) for node in batch}
    for node, given_needs in graph.items():
        for need in given_needs:
            wanted = f"{need!r} in an earlier batch than {node!r}, which needs it"
            both = node in place and need in place
            require(both and place[need] < place[node], got, wanted)


@given(graph=acyclic())
@example(graph={"a": ["b"], "b": [], "c": []})
@example(graph=STEPS)
@check(level=2, category="correctness", examples=10)
def test_batches_have_each_node_once(candidate, graph):
    """Every node is in exactly one batch, and no batch is empty."""
    got = candidate.batches(graph)
    nodes = sorted(node for batch in got for node in batch)
    require(nodes == sorted(needs_of(graph)), got, "each node in exactly one batch")
    require(all(got), got, "no batch to be empty")


@given(graph=acyclic(most=6))
@example(graph=UNEVEN)
@example(graph=STEPS)
@example(graph={"a": ["b"], "b": ["c"], "c": ["d"], "e": ["d", "a"]})
@check(level=2, category="correctness", examples=12)
def test_batch_is_longest_chain(candidate, graph):
    """Batch k holds the nodes whose longest chain of needs has k edges."""
    got, want = candidate.batches(graph), oracle.batches(needs_of(graph))
    wanted = f"these batches, however they are sorted: {want}"
    require([sorted(batch) for batch in got] == want, got, wanted)


@given(graph=acyclic(most=5))
@example(graph={"b": [], "a": [], "c": []})
@example(graph={"c": ["a"], "b": ["d"]})
@example(graph={"b": ["x"], "a": ["y"], "y": [], "x": []})
@check(level=2, category="correctness", examples=8)
def test_batches_are_sorted(candidate, graph):
    """Each batch is sorted."""
    got = candidate.batches(graph)
    require(got == [sorted(batch) for batch in got], got, "each batch sorted by name")


@given(graph=cyclic())
@example(graph=RING)
@example(graph=TAIL)
@example(graph=TANGLED)
@example(graph={"a": ["b"], "b": ["c"], "c": ["b"]})
@check(level=2, category="correctness", examples=12)
def test_batches_refuse_cycles(candidate, graph):
    """A graph with a cycle has no batches: CycleError, with a cycle as in level 1."""
    cycle = expect_no_order(candidate, lambda: candidate.batches(graph))
    expect_cycle(needs_of(graph), cycle)
    wanted = "`cycle` to begin with its smallest name"
    require(cycle[0] == min(cycle), cycle, wanted)


# Level 3: cycles


@given(graph=graphs())
@example(graph={"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]})
@example(graph=TANGLED)
@example(graph=CHORD)
@example(graph=TAIL)
@check(level=3, category="correctness", examples=12)
def test_cycles_one_each(candidate, graph):
    """Each component that has a cycle is there with one, and no other is."""
    got, needs = candidate.cycles(graph), needs_of(graph)
    parts = [oracle.component(needs, cycle[0]) for cycle in oracle.cycles(needs)]
    within = [part for cycle in got for part in parts if set(cycle) <= set(part)]
    each_once = len(got) == len(parts) and sorted(within) == sorted(parts)
    require(each_once, got, f"one cycle in each of {parts}")


@given(graph=graphs())
@example(graph=RING)
@example(graph=CHORD)
@example(graph=TAIL)
@check(level=3, category="correctness", examples=10)
def test_cycles_are_cycles(candidate, graph):
    """In each cycle an element needs the next, and the last needs the first."""
    got, needs = candidate.cycles(graph), needs_of(graph)
    for cycle in got:
        wrong = oracle.wrong_with_cycle(needs, cycle)
        require(not wrong, got, f"simple cycles, but in {cycle} {wrong}")


@given(graph=cyclic(most=9))
@example(graph=CHORD)
@example(graph=MIDDLE)
@example(graph={"a": ["b"], "b": ["c", "a"], "c": ["a"]})
@example(graph=LATER_ROW)
@check(level=3, category="correctness", examples=12)
def test_cycles_are_shortest(candidate, graph):
    """No cycle of a component is shorter than the one that is listed."""
    got, needs = candidate.cycles(graph), needs_of(graph)
    every = oracle.simple_cycles(needs)
    for cycle in got:
        part = oracle.component(needs, cycle[0]) if cycle and cycle[0] in needs else []
        shorter = [c for c in every if c[0] in part and len(c) < len(cycle)]
        require(not shorter, got, f"a shorter one than {cycle}, as {shorter[:1]}")


@given(graph=cyclic(most=9))
@example(graph=TWINS)
@example(graph=CHORD)
@example(graph=MIDDLE)
@example(graph={"c": ["d"], "d": ["c"], "a": ["b"], "b": ["a"]})
@example(graph={**RING, "d": ["e"], "e": ["d"], "f": ["f"]})
@example(graph={"c": ["b"], "b": ["a"], "a": ["c"]})
@example(graph=LATER_ROW)
@check(level=3, category="correctness", examples=10)
def test_cycles_are_smallest(candidate, graph):
    """Of a component's shortest cycles it is the smallest one, rotated; all sorted."""
    want = oracle.cycles(needs_of(graph))
    expect(candidate.cycles(graph), want, why="of equally short ones the smallest list")


@given(listings=listed_twice(cyclic(most=9)))
@example(listings=(TWINS, {"d": ["a"], "b": ["a"], "c": ["b", "d"], "a": ["c"]}))
@example(listings=({"d": ["d"], "a": ["a"]}, {"a": ["a"], "d": ["d"]}))
@check(level=3, category="correctness", examples=8)
def test_cycles_ignore_listing(candidate, listings):
    """In which order a graph is listed changes nothing in its cycles."""
    graph, other = listings
    got = candidate.cycles(graph)
    expect(candidate.cycles(other), got, why="the same graph, listed otherwise")


@given(listings=listed_twice(cyclic(most=9)))
@example(listings=(CHIEFS, dict(reversed(CHIEFS.items()))))
@example(listings=({"a": ["b"], "c": ["d"]}, {"c": ["d"], "a": ["b"]}))
@check(level=3, category="correctness", examples=8)
def test_condensed_ignores_listing(candidate, listings):
    """In which order a graph is listed changes nothing in its condensed order."""
    graph, other = listings
    got = candidate.condensed_order(graph)
    why = "the same graph, listed otherwise"
    expect(candidate.condensed_order(other), got, why=why)


@given(graph=graphs())
@example(graph={"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c", "a"]})
@example(graph={"b": ["a"], "a": ["b"], "c": []})
@example(graph=TANGLED)
@example(graph=CHORD)
@check(level=3, category="correctness", examples=12)
def test_condensed_has_components(candidate, graph):
    """It lists each component once, sorted: nodes that need each other."""
    got, want = candidate.condensed_order(graph), oracle.components(needs_of(graph))
    wanted = f"these components, in some order: {[list(part) for part in want]}"
    require(sorted(got) == [list(part) for part in want], got, wanted)


@given(graph=graphs())
@example(graph=TAIL)
@example(graph=TANGLED)
@example(graph=CHIEFS)
@check(level=3, category="correctness", examples=10)
def test_condensed_puts_needs_first(candidate, graph):
    """What a component needs of others comes before it."""
    got = candidate.condensed_order(graph)
    place = {node: number for number, part in enumerate(got) for node in part}
    for node, given_needs in graph.items():
        for need in given_needs:
            wanted = f"{need!r} not after {node!r}, which needs it"
            both = node in place and need in place
            require(both and place[need] <= place[node], got, wanted)


@given(graph=graphs(most=7))
@example(graph=CHIEFS)
@example(graph=LATE)
@example(graph={"z": ["a"], "a": ["z"], "b": []})
@example(graph={"b": ["c"], "c": ["b"], "a": ["c"], "d": []})
@example(graph={"a": ["x", "d"], "d": ["a"], "c": [], "x": []})
@check(level=3, category="correctness", examples=10)
def test_condensed_is_smallest(candidate, graph):
    """Of all such orders it is the smallest, by the smallest member of each."""
    want = oracle.condensed_order(needs_of(graph))
    why = "of the components that are free, the one with the smallest member"
    expect(candidate.condensed_order(graph), want, why=why)


CHANGED = st.sets(st.sampled_from("abcdef"), min_size=1, max_size=2)


@given(graph=graphs(), changed=CHANGED)
@example(graph={"a": ["b"], "b": ["c"], "d": ["c"]}, changed={"b"})
@example(graph={"b": ["a"], "c": ["b"], "d": ["c"]}, changed={"a"})
@example(graph=TAIL, changed={"d"})
@example(graph=DIAMOND, changed={"b"})
@check(level=3, category="correctness", examples=12)
def test_affected_is_all_that_needs_it(candidate, graph, changed):
    """Affected is what changed and what needs it, directly or through others."""
    known = {**graph, **{name: graph.get(name, []) for name in sorted(changed)}}
    got = candidate.affected(known, sorted(changed))
    want = oracle.affected(needs_of(known), changed)
    wanted = f"these, however they are sorted: {sorted(want)}"
    require(sorted(got) == sorted(want), got, wanted)


@given(graph=cyclic(), place=st.integers(0, 5))
@example(graph=RING, place=1)
@example(graph=TANGLED, place=3)
@check(level=3, category="correctness", examples=6)
def test_affected_has_whole_components(candidate, graph, place):
    """If one of a component changes, all of it is affected, each once."""
    needs = needs_of(graph)
    first = sorted(needs)[place % len(needs)]
    got = candidate.affected(graph, [first])
    part = oracle.component(needs, first)
    wanted = f"each of {part} once: they need each other"
    require(all(got.count(node) == 1 for node in part), got, wanted)


@given(graph=graphs(), changed=CHANGED)
@example(graph=CHIEFS, changed={"b", "c"})
@example(graph=LATE, changed={"b", "y"})
@example(graph={"a": ["z"], "z": ["b"], "b": ["c"]}, changed={"c"})
@example(graph={"d": ["a"], "c": ["d"], "b": ["a", "c"]}, changed={"a"})
@check(level=3, category="correctness", examples=10)
def test_affected_in_condensed_order(candidate, graph, changed):
    """What is affected comes in the order in which `condensed_order` lists it."""
    known = {**graph, **{name: graph.get(name, []) for name in sorted(changed)}}
    want = oracle.affected(needs_of(known), changed)
    got = candidate.affected(known, sorted(changed))
    expect(got, want, why=f"condensed: {oracle.condensed_order(needs_of(known))}")


# Level 4: versions

LOWER = ({"a": "*"}, {"a": {"1.0.0": {}, "2.0.0": {"b": ">1.0.0"}}, "b": {"1.0.0": {}}})
"""The newest a needs a version of b that there is not."""
NUMBERS = ({"a": "*"}, {"a": {"1.9.0": {}, "1.10.0": {}, "1.2.11": {}}})
LATE_WORD = (
    {"a": "*", "b": "*"},
    {
        "a": {"1.0.0": {"c": "*"}},
        "b": {"1.0.0": {"d": "*"}},
        "c": {"1.0.0": {}, "2.0.0": {}},
        "d": {"1.0.0": {"c": "<2.0.0"}},
    },
)
"""c is decided before d, the only version of which allows no newest c."""
EARLIER_WINS = (LATE_WORD[0], {**LATE_WORD[1], "d": {"0.1.0": {}, **LATE_WORD[1]["d"]}})
"""There is an old d that says nothing about c."""
FIRST_SAY = (
    {"a": "*", "b": "*"},
    {
        "a": {"1.0.0": {"c": "=2.0.0"}, "2.0.0": {"c": "=1.0.0"}},
        "b": {"1.0.0": {"c": "*"}, "2.0.0": {"c": "=2.0.0"}},
        "c": {"1.0.0": {}, "2.0.0": {}},
    },
)
"""a and b cannot both be newest; a is decided first."""
BREADTH = (
    {"a": "*", "b": "*"},
    {
        "a": {"1.0.0": {"c": "*"}},
        "b": {"1.0.0": {"c": "=2.0.0"}, "2.0.0": {"c": "=1.0.0"}},
        "c": {"1.0.0": {}, "2.0.0": {}},
    },
)
"""b is decided before c, though c is asked for earlier."""
ROOT_FIRST = (
    {"a": "*", "c": "*"},
    {
        "a": {"1.0.0": {"b": "*"}},
        "b": {"1.0.0": {}, "2.0.0": {}},
        "c": {"1.0.0": {}, "2.0.0": {"b": "=1.0.0"}},
    },
)
"""c is decided before b, though b is smaller: root asked for c."""
SORTED_NEEDS = (
    {"a": "*"},
    {
        "a": {"1.0.0": {"c": "*", "b": "*"}},
        "b": {"1.0.0": {}, "2.0.0": {"c": "=1.0.0"}},
        "c": {"1.0.0": {}, "2.0.0": {"b": "=1.0.0"}},
    },
)
"""b or c can be newest, and b is decided first."""
STUCK = (
    {"a": "*", "b": "*"},
    {
        "a": {"2.0.0": {"c": "=2.0.0"}, "1.0.0": {"c": "*"}},
        "b": {"1.0.0": {}, "2.0.0": {}},
        "c": {"1.0.0": {}, "2.0.0": {"d": "*"}},
    },
)
"""Only with the older a there is a solution; b has nothing to do with it."""
TWO_REASONS = (
    {"a": "*", "b": "*", "c": "*"},
    {
        "a": {"2.0.0": {}, "1.0.0": {}},
        "b": {"2.0.0": {}, "1.0.0": {}},
        "c": {"2.0.0": {"d": "*"}, "1.0.0": {"e": "*"}},
        "d": {"1.0.0": {"b": "=1.0.0"}},
        "e": {"1.0.0": {"a": "=1.0.0"}},
    },
)
"""Each version of c fails for another reason; that of the newer one is the later."""
PAIR = (
    {"a": "*", "b": "*", "c": "*"},
    {
        "a": {"1.0.0": {"d": "=1.0.0"}},
        "b": {"1.0.0": {}},
        "c": {"1.0.0": {"d": "=2.0.0"}},
        "d": {"1.0.0": {}, "2.0.0": {}},
    },
)
"""a and c conflict; neither does alone, and b has nothing to do with it."""
GONE = ({"a": ">=1.0.0", "b": "*"}, {"a": {"0.9.0": {}}, "b": {"1.0.0": {}}})
FORGOTTEN = (
    {"a": "*", "b": "*"},
    {
        "a": {"1.0.0": {"d": "*"}, "2.0.0": {"c": "=1.0.0", "d": "*"}},
        "b": {"1.0.0": {"c": "=2.0.0"}},
        "c": {"1.0.0": {}, "2.0.0": {}},
        "d": {"1.0.0": {}, "2.0.0": {}},
    },
)
"""a 2.0.0 has to be taken back, and what it needed with it."""
TAKEN_BACK = (
    {"a": "*"},
    {
        "a": {"2.0.0": {"b": "*", "c": "*"}, "1.0.0": {}},
        "b": {"1.0.0": {"z": "*"}},
        "c": {"1.0.0": {}},
    },
)
"""With a 2.0.0 all that it needed goes, also what has not been decided by then."""
DEMAND_GONE = (
    {"d": ">=1.0.0"},
    {
        "a": {"1.0.0": {}, "2.0.0": {"a": ">=1.0.0", "c": "*", "d": ">=2.0.0"}},
        "b": {"1.0.0": {"a": "*", "d": ">=2.0.0"}},
        "c": {"1.0.0": {}, "2.0.0": {}},
        "d": {
            "1.0.0": {"d": "*"},
            "2.0.0": {"a": "!=1.0.0", "b": ">2.0.0", "c": "!=1.0.0"},
        },
    },
)
"""What was asked of d by choices that are taken back does not hold for 1.0.0."""
OWN_NEEDS = (
    {"a": "<3.0.0", "b": ">=10.0.0"},
    {
        "a": {"1.0.0": {"a": "*"}, "2.0.0": {}},
        "b": {
            "1.0.0": {},
            "2.0.0": {"a": ">=3.0.0", "b": "<1.0.0"},
            "3.0.0": {},
            "10.0.0": {"a": "!=2.0.0", "b": "=10.0.0"},
        },
    },
)
"""What b 10.0.0 needs goes against a, which was decided before."""
ALL_THREE = (
    {"a": "*", "b": "*", "c": "*", "d": "*"},
    {
        "a": {"1.0.0": {"x": "!=0.9.0"}},
        "b": {"1.0.0": {"x": "!=0.10.0"}},
        "c": {"1.0.0": {"x": "!=1.0.0"}},
        "d": {"1.0.0": {}},
        "x": {"0.9.0": {}, "0.10.0": {}, "1.0.0": {}},
    },
)
"""Any two of a, b and c go together; d has nothing to do with it."""


@given(case=cases())
@example(case=LOWER)
@example(case=LATE_WORD)
@example(case=STUCK)
@example(case=FORGOTTEN)
@example(case=OWN_NEEDS)
@check(level=4, category="correctness", examples=12)
def test_resolve_keeps_constraints(candidate, case):
    """The chosen versions meet every constraint of root and of each other."""
    root, index = case
    if oracle.resolve(root, index) is None:
        return
    got = candidate.resolve(root, index)
    wrong = oracle.wrong_with(root, index, got)
    require(not wrong, got, f"all constraints to hold, but {wrong}")


@given(case=cases())
@example(case=FORGOTTEN)
@example(case=TAKEN_BACK)
@example(case=STUCK)
@example(case=({"a": "*"}, {"a": {"1.0.0": {}}, "b": {"1.0.0": {}}}))
@check(level=4, category="correctness", examples=12)
def test_resolve_only_what_is_needed(candidate, case):
    """Only what root needs, directly or through chosen versions, has a version."""
    root, index = case
    if oracle.resolve(root, index) is None:
        return
    got = candidate.resolve(root, index)
    needed = set(root)
    for name, version in got.items():
        needed |= index.get(name, {}).get(version, {}).keys()
    wanted = "no package that nothing chosen needs"
    require(got.keys() <= needed, got, wanted)


@given(case=cases() | tangles())
@example(case=LOWER)
@example(case=LATE_WORD)
@example(case=EARLIER_WINS)
@example(case=FIRST_SAY)
@example(case=BREADTH)
@example(case=ROOT_FIRST)
@example(case=SORTED_NEEDS)
@example(case=STUCK)
@example(case=FORGOTTEN)
@example(case=TAKEN_BACK)
@example(case=DEMAND_GONE)
@example(case=OWN_NEEDS)
@example(case=TWO_REASONS)
@check(level=4, category="correctness", examples=40)
def test_resolve_takes_newest(candidate, case):
    """Each package, in order of the queue, gets the newest version that can be."""
    root, index = case
    want = oracle.resolve(root, index)
    if want is not None:
        why = "decided in this order, each as new as a full solution allows"
        expect(candidate.resolve(root, index), want, why=why)


@given(numbers=st.lists(st.tuples(*[st.integers(0, 12)] * 3), min_size=2, max_size=4))
@example(numbers=[(1, 9, 0), (1, 10, 0)])
@example(numbers=[(9, 0, 0), (10, 0, 0)])
@example(numbers=[(0, 0, 9), (0, 0, 10), (0, 0, 2)])
@example(numbers=[(1, 0, 0), (0, 9, 9)])
@example(numbers=[(0, 1, 0), (0, 0, 20_261_125), (0, 0, 10**18)])
@check(level=4, category="correctness", examples=6)
def test_resolve_compares_numbers(candidate, numbers):
    """Versions compare as three numbers, not as text: 1.10.0 is newer than 1.9.0."""
    versions = [".".join(map(str, version)) for version in numbers]
    newest = ".".join(map(str, max(numbers)))
    index = {"a": {version: {} for version in versions}}
    got = candidate.resolve({"a": "*"}, index)
    expect(got, {"a": newest}, why="the newest one by numbers")


OLD, MIDST, NEW = "1.2.0", "1.10.0", "1.11.0"


@given(sign=st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
@example(sign="=")
@example(sign="!=")
@example(sign="<")
@example(sign="<=")
@example(sign=">")
@example(sign=">=")
@check(level=4, category="correctness", examples=6)
def test_resolve_reads_signs(candidate, sign):
    """Each of = != < <= > >= allows the versions that it says, and no other."""
    constraint = f"{sign}{MIDST}"
    for version in (OLD, MIDST, NEW):
        root, index = {"a": constraint}, {"a": {version: {}}}
        if oracle.holds(version, constraint):
            got = candidate.resolve(root, index)
            expect(got, {"a": version}, why=f"{version} meets {constraint}")
        else:
            call = partial(candidate.resolve, root, index)
            expect_unsatisfiable(candidate, call)


@given(
    parts=st.lists(st.sampled_from(["*", ">=1.0.0", "<2.0.0", "!=1.5.0"]), min_size=2)
)
@example(parts=[">=1.0.0", "<2.0.0"])
@example(parts=["<2.0.0", "!=1.5.0"])
@example(parts=["*", "<2.0.0", "*"])
@example(parts=["<1.0.0", ">0.1.0", "!=0.5.0"])
@check(level=4, category="correctness", examples=6)
def test_resolve_reads_all_parts(candidate, parts):
    """Of a constraint with commas, every part has to hold."""
    constraint = ",".join(parts)
    versions = ["0.1.0", "0.4.0", "0.5.0", "1.0.0", "1.4.0", "1.5.0", "2.0.0"]
    index = {"a": {version: {} for version in versions}}
    possible = [version for version in versions if oracle.holds(version, constraint)]
    got = candidate.resolve({"a": constraint}, index)
    expect(got, {"a": possible[-1]}, why=f"of {possible} the newest")


@given(case=disputes())
@example(case=PAIR)
@example(case=GONE)
@example(case=ALL_THREE)
@example(case=({"a": "*"}, {"a": {"1.0.0": {"b": "=2.0.0"}}, "b": {"1.0.0": {}}}))
@check(level=4, category="correctness", examples=15)
def test_resolve_knows_when_not(candidate, case):
    """Where no versions go together, it raises Unsatisfiable."""
    root, index = case
    if oracle.resolve(root, index) is None:
        expect_unsatisfiable(candidate, lambda: candidate.resolve(root, index))


@given(case=disputes())
@example(case=PAIR)
@example(case=GONE)
@example(case=ALL_THREE)
@check(level=4, category="correctness", examples=15)
def test_because_conflicts(candidate, case):
    """The constraints of root on the names in `because` cannot all be met."""
    root, index = case
    if oracle.resolve(root, index) is not None:
        return
    names = expect_unsatisfiable(candidate, lambda: candidate.resolve(root, index))
    require(set(names) <= root.keys(), names, "`because` to be names in root")
    some = {name: root[name] for name in names}
    known = oracle.resolve(some, index)
    require(known is None, names, f"a conflict, but with these alone: {known}")


@given(case=disputes())
@example(case=PAIR)
@example(case=GONE)
@example(case=ALL_THREE)
@example(
    case=(
        {"a": "=1.0.0", "b": "*", "c": "*"},
        {"b": {"1.0.0": {"a": "=2.0.0"}}, "a": {"2.0.0": {}}, "c": {"1.0.0": {}}},
    )
)
@check(level=4, category="correctness", examples=15)
def test_because_is_minimal(candidate, case):
    """Without any one name in `because` the others could be met."""
    root, index = case
    if oracle.resolve(root, index) is not None:
        return
    names = expect_unsatisfiable(candidate, lambda: candidate.resolve(root, index))
    possible = oracle.conflicts(root, index)
    least = any(set(names) == set(conflict) for conflict in possible)
    require(least, names, f"one of {possible}: no smaller set conflicts")


@given(case=cases(), order=st.permutations("abcd"))
@example(case=FIRST_SAY, order=["d", "c", "b", "a"])
@example(case=SORTED_NEEDS, order=["d", "c", "b", "a"])
@example(case=NUMBERS, order=["a", "b", "c", "d"])
@check(level=4, category="correctness", examples=8)
def test_resolve_ignores_listing(candidate, case, order):
    """In which order root, packages, versions and needs are listed changes nothing."""
    root, index = case
    if oracle.resolve(root, index) is None:
        return
    other = {
        name: {
            version: dict(reversed(index[name][version].items()))
            for version in reversed(index[name])
        }
        for name in order
        if name in index
    }
    got = candidate.resolve(root, index)
    why = "the same, listed otherwise"
    expect(candidate.resolve(dict(reversed(root.items())), other), got, why=why)
