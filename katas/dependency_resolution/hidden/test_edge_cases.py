"""What has to hold at the edges: nothing, odd names, long chains, bad text."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import oracle
from hypothesis import example, given
from hypothesis import strategies as st
from oracle import needs_of
from strategies import (
    DIAMOND,
    LATE,
    RING,
    TAIL,
    TANGLED,
    UNEVEN,
    acyclic,
    cases,
    disputes,
    expect_cycle,
    expect_no_order,
    expect_unsatisfiable,
    graphs,
)

from graders.laws import check, expect, refused, require

LONG = 2_000
"""Nodes of a chain: more than recursion gets through, too few to be about speed."""
ODD_NAMES = ["", " ", "0", "a", "a10", "a9", "B", "a b", "é", "e\u0301", "ß", "🦀"]
TWICE = {"a": ["b", "b", "c", "b"], "b": ["c", "c"], "c": []}
UNEVENLY = {"a": ["b", "b"], "c": ["d"], "e": ["c"]}


def chain(length: int) -> dict[str, list[str]]:
    """Return nodes each of which needs the next; the names fall along the chain."""
    names = [f"n{number:06}" for number in range(length, 0, -1)]
    return {node: [need] for node, need in pairwise(names)}


def ring(length: int) -> dict[str, list[str]]:
    graph = chain(length)
    first, last = next(iter(graph)), f"n{1:06}"
    return {**graph, last: [first]}


def streams(candidate: Any, graph: dict[str, list[str]]) -> dict[str, Any]:
    """Return the graph with values that can be iterated only once."""
    return {node: candidate.stream(needs) for node, needs in graph.items()}


def expect_unchanged(kept: Any, before: Any) -> None:
    """Demand that what was given to the answer is still what it was."""
    expect(kept.value(), before, why="what is given is only read")


def named(text: str) -> str:
    """Return what a message has to have of a bad text, however it is quoted."""
    return text.strip("=!<>~^, \n") if text.isprintable() else ""


def each(values: Any, name: str = "bad") -> Any:
    """Decorate a check so that each of these is tried every time."""

    def decorate(test: Any) -> Any:
        for value in reversed(values):
            test = example(**{name: value})(test)
        return test

    return decorate


# Level 1: order


@given(graph=st.sampled_from([{}, {"a": []}]))
@example(graph={})
@check(level=1, category="edge_cases", examples=2)
def test_order_of_nothing(candidate, graph):
    """An empty graph has the empty order, and a single node is its own."""
    expect(candidate.order(graph), list(graph), why="there is nothing to wait for")


@given(needs=st.lists(st.sampled_from("bcd"), min_size=1, max_size=3))
@example(needs=["b"])
@example(needs=["d", "c"])
@check(level=1, category="edge_cases", examples=5)
def test_order_has_bare_needs(candidate, needs):
    """A name that only appears as a need is a node like any other."""
    got = candidate.order({"a": needs})
    expect(got, [*sorted(set(needs)), "a"], why="they are nodes that need nothing")


@given(graph=acyclic(most=6))
@example(graph=TWICE)
@example(graph=UNEVENLY)
@example(graph={"a": ["b"]})
@check(level=1, category="edge_cases", examples=6)
def test_order_counts_a_need_once(candidate, graph):
    """A need that is named several times counts once in the order."""
    twice = {node: [*needs, *needs] for node, needs in graph.items()}
    want = oracle.smallest_order(needs_of(graph))
    expect(candidate.order(twice), want, why="named twice, but still one need")


@given(graph=acyclic(), node=st.sampled_from("abc"))
@example(graph={}, node="a")
@example(graph={"a": ["b"], "b": ["c"]}, node="c")
@example(graph={"b": ["a"], "c": ["b"]}, node="a")
@check(level=1, category="edge_cases", examples=6)
def test_order_of_self_loop(candidate, graph, node):
    """A node that needs itself is a cycle of one."""
    looped = {**graph, node: [*graph.get(node, []), node]}
    cycle = expect_no_order(candidate, lambda: candidate.order(looped))
    expect(cycle, [node], why="it needs itself, and there is no other cycle")


@given(graph=graphs())
@example(graph={"a": ["b"]})
@example(graph=LATE)
@example(graph=RING)
@example(graph=TAIL)
@check(level=1, category="edge_cases", examples=8)
def test_order_iterates_once(candidate, graph):
    """The needs of a node may be an iterable that can be iterated only once."""
    needs, given_streams = needs_of(graph), streams(candidate, graph)
    if oracle.has_cycle(needs):
        cycle = expect_no_order(candidate, lambda: candidate.order(given_streams))
        expect_cycle(needs, cycle)
    else:
        want = oracle.smallest_order(needs)
        got = candidate.order(given_streams)
        expect(got, want, why="iterate each value once at most")


@given(graph=graphs())
@example(graph={"a": ["b"]})
@example(graph={"b": ["c", "a"], "a": []})
@example(graph={"a": ["b", "b"], "b": []})
@example(graph=RING)
@check(level=1, category="edge_cases", examples=5)
def test_order_only_reads(candidate, graph):
    """`order` changes nothing in the graph that it is given."""
    kept = candidate.keep(graph, "graph")
    if oracle.has_cycle(needs_of(graph)):
        expect_no_order(candidate, lambda: candidate.order(kept))
    else:
        candidate.order(kept)
    expect_unchanged(kept, graph)


@given(graph=acyclic(), kind=st.sampled_from([tuple, set, frozenset]))
@example(graph=LATE, kind=set)
@example(graph=LATE, kind=tuple)
@check(level=1, category="edge_cases", examples=5)
def test_order_takes_any_iterable(candidate, graph, kind):
    """The needs of a node may be a list, a tuple, a set or a frozenset."""
    given_kind = {node: kind(needs) for node, needs in graph.items()}
    want = oracle.smallest_order(needs_of(graph))
    expect(candidate.order(given_kind), want, why=f"each value is a {kind.__name__}")


@given(names=st.lists(st.sampled_from(ODD_NAMES), min_size=2, max_size=5, unique=True))
@example(names=["a9", "a10", "B"])
@example(names=["", "0", " "])
@example(names=["é", "e\u0301", "🦀", "a b"])
@check(level=1, category="edge_cases", examples=6)
def test_order_compares_text(candidate, names):
    """Any text is a name, the empty one too, and names compare as Python text does."""
    last, *others = names
    want = oracle.smallest_order(needs_of({last: others}))
    expect(candidate.order({last: others}), want, why="as `sorted` has them")


@given(first=acyclic(), second=graphs())
@example(first={"a": ["b"]}, second={"b": ["a"]})
@example(first={"a": ["b"], "b": []}, second={"a": ["a"], "c": []})
@check(level=1, category="edge_cases", examples=5)
def test_order_remembers_nothing(candidate, first, second):
    """What was ordered before changes nothing."""
    want = oracle.smallest_order(needs_of(first))
    expect(candidate.order(first), want, why="the first call")
    if oracle.has_cycle(needs_of(second)):
        expect_no_order(candidate, lambda: candidate.order(second))
    expect(candidate.order(first), want, why="as at the first call")


@given(length=st.just(LONG))
@check(level=1, category="edge_cases", examples=1)
def test_order_of_long_chain(candidate, length):
    """A chain of thousands is ordered: nothing limits its length."""
    want = [f"n{number:06}" for number in range(1, length + 1)]
    got = candidate.order(chain(length))
    require(got == want, got[:5], f"the {length} nodes from the end of the chain on")


@given(length=st.just(10 * LONG))
@check(level=1, category="edge_cases", examples=1)
def test_order_of_long_ring(candidate, length):
    """A cycle of 20 000 is named in full, without going back and forth in it."""
    graph = {**ring(length), "before": [f"n{length:06}"]}
    cycle = expect_no_order(candidate, lambda: candidate.order(graph))
    names = [f"n{number:06}" for number in range(length, 0, -1)]
    want = [names[-1], *names[:-1]]
    require(cycle == want, cycle[:5], f"the {length} nodes of the cycle, in its order")


# Level 2: batches


@given(graph=st.sampled_from([{}, {"a": []}, {"b": [], "a": []}]))
@example(graph={})
@check(level=2, category="edge_cases", examples=3)
def test_batches_of_nothing(candidate, graph):
    """An empty graph has no batches; without needs there is one."""
    want = [sorted(graph)] if graph else []
    expect(candidate.batches(graph), want, why="nothing waits for anything")


@given(needs=st.lists(st.sampled_from("bcd"), min_size=1, max_size=3))
@example(needs=["b"])
@example(needs=["d", "c"])
@check(level=2, category="edge_cases", examples=5)
def test_batches_have_bare_needs(candidate, needs):
    """A name that only appears as a need is in batch 0."""
    got = candidate.batches({"a": needs})
    expect(got, [sorted(set(needs)), ["a"]], why="they are nodes that need nothing")


@given(graph=acyclic(most=6))
@example(graph=TWICE)
@example(graph=UNEVENLY)
@example(graph={"a": ["b"], "b": ["c"]})
@check(level=2, category="edge_cases", examples=6)
def test_batches_count_a_need_once(candidate, graph):
    """A need that is named several times counts once in the batches."""
    twice = {node: [*needs, *needs] for node, needs in graph.items()}
    want = oracle.batches(needs_of(graph))
    expect(candidate.batches(twice), want, why="named twice, but still one need")


@given(graph=acyclic(), node=st.sampled_from("abc"))
@example(graph={}, node="a")
@example(graph={"a": ["b"], "b": ["c"]}, node="c")
@check(level=2, category="edge_cases", examples=5)
def test_batches_of_self_loop(candidate, graph, node):
    """There are no batches if a node needs itself: CycleError with that node."""
    looped = {**graph, node: [*graph.get(node, []), node]}
    cycle = expect_no_order(candidate, lambda: candidate.batches(looped))
    expect(cycle, [node], why="it needs itself, and there is no other cycle")


@given(graph=acyclic())
@example(graph={"a": ["b"]})
@example(graph=UNEVEN)
@check(level=2, category="edge_cases", examples=6)
def test_batches_iterate_once(candidate, graph):
    """For batches, too, each value may be one that can be iterated only once."""
    want = oracle.batches(needs_of(graph))
    got = candidate.batches(streams(candidate, graph))
    expect(got, want, why="iterate each value once at most")


@given(graph=acyclic())
@example(graph={"a": ["b"]})
@example(graph={"b": ["c", "a"], "a": []})
@example(graph={"a": ["b", "b"], "b": []})
@check(level=2, category="edge_cases", examples=5)
def test_batches_only_read(candidate, graph):
    """`batches` changes nothing in the graph that it is given."""
    kept = candidate.keep(graph, "graph")
    candidate.batches(kept)
    expect_unchanged(kept, graph)


@given(length=st.just(LONG))
@check(level=2, category="edge_cases", examples=1)
def test_batches_of_long_chain(candidate, length):
    """A chain of thousands has as many batches of one."""
    want = [[f"n{number:06}"] for number in range(1, length + 1)]
    got = candidate.batches(chain(length))
    require(got == want, got[:5], f"{length} batches of one node each")


# Level 3: cycles


@given(graph=st.just({}))
@check(level=3, category="edge_cases", examples=1)
def test_level_3_of_nothing(candidate, graph):
    """An empty graph has no cycles and no components, and no change affects it."""
    for function in (candidate.cycles, candidate.condensed_order):
        expect(function(graph), [], why="there are no nodes")
    expect(candidate.affected(graph, []), [], why="there are no nodes")


@given(graph=acyclic())
@example(graph={"a": []})
@example(graph=DIAMOND)
@example(graph=UNEVEN)
@check(level=3, category="edge_cases", examples=6)
def test_cycles_without_any(candidate, graph):
    """A graph without a cycle has no cycles: []."""
    expect(candidate.cycles(graph), [], why="no node needs itself in any way")


@given(graph=graphs("abcd"), node=st.sampled_from("abcd"))
@example(graph={}, node="a")
@example(graph=RING, node="c")
@example(graph={"a": ["a", "b"], "b": ["a"]}, node="b")
@check(level=3, category="edge_cases", examples=8)
def test_cycles_of_self_loop(candidate, graph, node):
    """A node that needs itself is a cycle of length 1, the shortest there is."""
    looped = {**graph, node: [*graph.get(node, []), node]}
    want = oracle.cycles(needs_of(looped))
    expect(candidate.cycles(looped), want, why=f"{node!r} needs itself")


@given(layers=st.integers(2, 10))
@example(layers=2)
@example(layers=10)
@check(level=3, category="edge_cases", examples=4)
def test_cycles_of_many(candidate, layers):
    """A component of 100 nodes may have millions of cycles: not all are looked at."""
    names = [[f"{9 - i}{layer}" for i in range(10)] for layer in range(layers)]
    after = [*names[1:], names[0]]
    pairs = zip(names, after, strict=True)
    graph = {node: needs for part, needs in pairs for node in part}
    want = [f"0{layer}" for layer in range(layers)]
    expect(candidate.cycles(graph), [want], why="one through the first of each layer")


@given(graph=graphs(most=6))
@example(graph={"a": ["b"]})
@example(graph={"b": ["c", "a"]})
@check(level=3, category="edge_cases", examples=6)
def test_level_3_has_bare_needs(candidate, graph):
    """A name that only appears as a need is a component, and may have changed."""
    graph = {**graph, "g": ["h"]}
    want = oracle.condensed_order(needs_of(graph))
    expect(candidate.condensed_order(graph), want, why="'h' is a node")
    expect(candidate.affected(graph, ["h"]), ["h", "g"], why="'h' is a node")


@given(graph=graphs(most=6))
@example(graph=TWICE)
@example(graph=UNEVENLY)
@example(graph=RING)
@check(level=3, category="edge_cases", examples=6)
def test_level_3_counts_a_need_once(candidate, graph):
    """A need that is named several times counts once in cycles and components."""
    twice = {node: [*needs, *needs] for node, needs in graph.items()}
    needs = needs_of(graph)
    why = "named twice, but still one need"
    expect(candidate.cycles(twice), oracle.cycles(needs), why=why)
    expect(candidate.condensed_order(twice), oracle.condensed_order(needs), why=why)


@given(graph=graphs())
@example(graph={"a": ["b"]})
@example(graph=RING)
@example(graph=TANGLED)
@check(level=3, category="edge_cases", examples=6)
def test_level_3_iterates_once(candidate, graph):
    """In level 3, too, each value may be one that can be iterated only once."""
    graph, why = {**graph, "g": ["a"]}, "iterate each value once at most"
    needs = needs_of(graph)
    expect(candidate.cycles(streams(candidate, graph)), oracle.cycles(needs), why=why)
    want = oracle.condensed_order(needs)
    expect(candidate.condensed_order(streams(candidate, graph)), want, why=why)
    want = oracle.affected(needs, ["a"])
    expect(candidate.affected(streams(candidate, graph), ["a"]), want, why=why)


@given(graph=graphs())
@example(graph={"a": ["b"]})
@example(graph={"b": ["c", "a", "c"], "a": ["b"]})
@check(level=3, category="edge_cases", examples=5)
def test_level_3_only_reads(candidate, graph):
    """In level 3 nothing is changed in the graph, nor in `changed`."""
    graph = {**graph, "b": graph.get("b", ["a"])}
    kept, changed = candidate.keep(graph, "graph"), candidate.keep(["b"], "changed")
    candidate.cycles(kept)
    expect_unchanged(kept, graph)
    candidate.condensed_order(kept)
    expect_unchanged(kept, graph)
    candidate.affected(kept, changed)
    expect_unchanged(kept, graph)
    expect_unchanged(changed, ["b"])
    changed = candidate.keep({"b"}, "changed")
    candidate.affected(kept, changed)
    expect_unchanged(changed, {"b"})


@given(graph=acyclic(most=5), unknown=st.sampled_from(["zoo", "A", "ab"]))
@example(graph={}, unknown="zoo")
@example(graph={"a": ["b"], "b": ["a"]}, unknown="zoo")
@check(level=3, category="edge_cases", examples=6)
def test_affected_refuses_unknown(candidate, graph, unknown):
    """A changed name that is no node is refused by name, among known ones too."""
    graph = {**graph, "a": graph.get("a", [])}
    for changed in ([unknown], ["a", unknown], [unknown, "a"]):
        with refused(candidate, naming=unknown):
            candidate.affected(graph, changed)


@given(graph=graphs())
@example(graph=RING)
@check(level=3, category="edge_cases", examples=5)
def test_affected_by_nothing(candidate, graph):
    """If nothing has changed, nothing is affected, cycles or not."""
    expect(candidate.affected(graph, []), [], why="nothing has changed")


@given(graph=graphs(), kind=st.sampled_from([tuple, set, frozenset]))
@example(graph={"b": ["a"], "a": ["c"]}, kind=set)
@example(graph={"b": ["a"], "c": ["b"]}, kind=tuple)
@check(level=3, category="edge_cases", examples=5)
def test_affected_takes_any_collection(candidate, graph, kind):
    """`changed` may be a tuple or a set, and a name in it twice counts once."""
    graph = {**graph, "a": graph.get("a", []), "b": graph.get("b", [])}
    want = oracle.affected(needs_of(graph), ["a", "b"])
    got = candidate.affected(graph, kind(["b", "a", "b"]))
    expect(got, want, why=f"`changed` is a {kind.__name__}")


@given(length=st.just(LONG))
@check(level=3, category="edge_cases", examples=1)
def test_components_of_long_chain(candidate, length):
    """A chain of thousands has as many components; closed to a ring it is one."""
    names = [f"n{number:06}" for number in range(1, length + 1)]
    got = candidate.condensed_order(chain(length))
    wanted = f"{length} components of one node each, needs first"
    require(got == [[name] for name in names], got[:5], wanted)
    got = candidate.condensed_order(ring(length))
    require(
        got == [names], [part[:5] for part in got[:5]], f"one component of {length}"
    )


@given(length=st.just(LONG))
@check(level=3, category="edge_cases", examples=1)
def test_cycles_of_long_chain(candidate, length):
    """In a long chain that ends in a cycle only this is found."""
    graph = {**chain(length), "n000001": ["n000003"]}
    want = [["n000001", "n000003", "n000002"]]
    expect(candidate.cycles(graph), want, why="only the last three need each other")


@given(length=st.just(LONG))
@check(level=3, category="edge_cases", examples=1)
def test_affected_along_long_chain(candidate, length):
    """A change at the end of a long chain affects all of it."""
    want = [f"n{number:06}" for number in range(1, length + 1)]
    got = candidate.affected(chain(length), [want[0]])
    require(got == want, got[:5], f"the {length} nodes from the end of the chain on")


# Level 4: versions

BAD_VERSIONS = ["1.0", "1", "1.2.3.4", "01.2.3", "1.02.3", "1.2.03", "00.0.1", "v1.2.3"]
BAD_VERSIONS += ["1.2.x", "1..3", "1.2.3-rc1", "1.2.3a", "+1.2.3", "-1.2.3", "1.-2.3"]
BAD_VERSIONS += ["1_0.2.3", "1,2,3", "\u0661.2.3", "1.2.\u00b2", "\uff11.2.3", "*", ""]
BAD_VERSIONS += [" 1.2.3", "1.2.3 ", "1.2.3\n", "1. 2.3", "1\u0661.2.3"]
BAD_PARTS = ["1.2.3", "==1.2.3", "=>1.2.3", "=<1.2.3", "<>1.2.3", "~1.2.3", "^1.2.3"]
BAD_PARTS += ["~=1.2.3", "!1.2.3", ">>1.2.3", ">=1.2", "=1.2.x", "=01.2.3", "<1.2.3.4"]
BAD_PARTS += ["=*", "**", "1.*", ">", "=", "", " ", ">= 1.2.3", " >=1.2.3", "* "]
BAD_PARTS += [">=1.2.3\n", ">=\u0661.2.3", "=1.2.\u00b2", "latest", "<=-1.2.3"]
BAD_PARTS += ["<1\u0661.2.3"]
BAD_LISTS = [">=1.2.3,", ",<1.2.3", ",", ">=1.0.0,,<1.2.3", ">=1.0.0, <1.2.3"]
BAD_LISTS += [">=1.0.0 <1.2.3", ">=1.0.0;<1.2.3", "*,", ">=1.0.0,1.2.3", "*,>1.2"]
GOOD = {"b": {"1.0.0": {}}}


@given(index=st.sampled_from([{}, {"a": {"1.0.0": {}}}, {"a": {"1.0.0": {"z": "*"}}}]))
@example(index={})
@example(index={"a": {"1.0.0": {"z": "*"}}})
@check(level=4, category="edge_cases", examples=3)
def test_resolve_nothing(candidate, index):
    """A root that asks for nothing gets nothing: {}."""
    expect(candidate.resolve({}, index), {}, why="nothing is needed")


@given(index=st.sampled_from([GOOD, {}, {"a": {}}]))
@example(index=GOOD)
@example(index={"a": {}})
@check(level=4, category="edge_cases", examples=3)
def test_resolve_lacks_package(candidate, index):
    """A package that the index lacks, or that has no versions, cannot be had."""
    root = {"a": "*"}
    names = expect_unsatisfiable(candidate, lambda: candidate.resolve(root, index))
    expect(names, ["a"], why="there is no version of 'a'")


@given(lacking=st.sampled_from(["z", "empty"]))
@example(lacking="z")
@example(lacking="empty")
@check(level=4, category="edge_cases", examples=2)
def test_resolve_avoids_lacking(candidate, lacking):
    """A version that needs what there is not is passed over for an older one."""
    index = {"a": {"2.0.0": {lacking: "*"}, "1.0.0": {}}, "empty": {}}
    got = candidate.resolve({"a": "*"}, index)
    expect(got, {"a": "1.0.0"}, why=f"there is no version of {lacking!r}")


@given(case=cases())
@example(case=({"a": "*"}, {"a": {"1.0.0": {"a": "*"}}}))
@example(case=({"a": "*"}, {"a": {"2.0.0": {"a": "<2.0.0"}, "1.0.0": {"a": "*"}}}))
@example(case=({"a": "*"}, {"a": {"2.0.0": {"a": "=1.0.0"}, "1.0.0": {}}}))
@example(
    case=({"b": "*"}, {"b": {"1.0.0": {"a": "*"}}, "a": {"1.0.0": {"a": "<1.0.0"}}})
)
@check(level=4, category="edge_cases", examples=12)
def test_resolve_needs_itself(candidate, case):
    """A package may need itself: its own version has to meet that constraint."""
    root, index = case
    want = oracle.resolve(root, index)
    if want is None:
        expect_unsatisfiable(candidate, lambda: candidate.resolve(root, index))
    else:
        why = "a constraint of a package on itself holds for its own version"
        expect(candidate.resolve(root, index), want, why=why)


CIRCLE = {
    "a": {"1.0.0": {"b": "*"}},
    "b": {"1.0.0": {"a": "*"}, "2.0.0": {"a": "=2.0.0"}},
}


@given(first=st.sampled_from("ab"))
@example(first="a")
@example(first="b")
@check(level=4, category="edge_cases", examples=2)
def test_resolve_in_a_circle(candidate, first):
    """Packages may need each other in a circle, if the versions fit."""
    got = candidate.resolve({first: "*"}, CIRCLE)
    expect(got, {"a": "1.0.0", "b": "1.0.0"}, why="each is what the other one needs")


@given(bad=st.sampled_from(BAD_VERSIONS))
@each(BAD_VERSIONS)
@check(level=4, category="edge_cases", examples=1)
def test_resolve_refuses_version(candidate, bad):
    """A version in the index that is not x.y.z is refused by name."""
    with refused(candidate, naming=named(bad)):
        candidate.resolve({"a": "*"}, {"a": {"1.0.0": {}, bad: {}}})


@given(bad=st.sampled_from(BAD_PARTS))
@each(BAD_PARTS)
@check(level=4, category="edge_cases", examples=1)
def test_resolve_refuses_constraint(candidate, bad):
    """A constraint that is neither `*` nor a sign and a version is refused by name."""
    index = {"a": {"1.2.3": {}, "1.0.0": {}}}
    with refused(candidate, naming=named(bad)):
        candidate.resolve({"a": bad}, index)


@given(bad=st.sampled_from(BAD_LISTS))
@each(BAD_LISTS)
@check(level=4, category="edge_cases", examples=1)
def test_resolve_refuses_part(candidate, bad):
    """One part that cannot be read, an empty one too, spoils the whole constraint."""
    index = {"a": {"1.2.3": {}, "1.1.0": {}, "1.0.0": {}}}
    with refused(candidate):
        candidate.resolve({"a": bad}, index)


@given(place=st.integers(0, 6))
@each(range(7), "place")
@check(level=4, category="edge_cases", examples=1)
def test_resolve_reads_all(candidate, place):
    """Bad text is refused by name wherever it stands, reachable or not."""
    root = {"b": "*", "a": "*", **({"z": "1.0"} if place == 0 else {})}
    index = {"a": {"2.0.0": {}, "1.0.0": {}}, "b": {"1.0.0": {}}, "c": {"1.0.0": {}}}
    if place == 1:
        index["c"]["1.0"] = {}
    elif place > 1:
        name, need = ["aa", "ba", "ca", "cz", "az"][place - 2]
        index[name]["1.0.0"] = {need: "1.0"}
    with refused(candidate, naming="1.0"):
        candidate.resolve(root, index)


@given(root=st.sampled_from([{"a": "=9.9.9"}, {"z": "*"}, {}]))
@each([{"a": "=9.9.9"}, {"z": "*"}, {}], "root")
@check(level=4, category="edge_cases", examples=1)
def test_resolve_reads_first(candidate, root):
    """All text is checked first, even if there is no solution, or nothing to do."""
    for package in ({"1.0.0": {"a": "latest"}}, {"latest": {}}):
        with refused(candidate, naming="latest"):
            candidate.resolve(root, {"a": {"1.0.0": {}}, "b": package})


@given(case=cases())
@example(case=({"a": "*"}, {"a": {"1.0.0": {"b": "*"}}, "b": {"1.0.0": {}}}))
@example(case=({"a": "*"}, {"a": {"2.0.0": {"b": "*"}, "1.0.0": {}}}))
@check(level=4, category="edge_cases", examples=5)
def test_resolve_only_reads(candidate, case):
    """`resolve` changes nothing in root and index."""
    root, index = candidate.keep(case[0], "root"), candidate.keep(case[1], "index")
    if oracle.resolve(*case) is None:
        expect_unsatisfiable(candidate, lambda: candidate.resolve(root, index))
    else:
        candidate.resolve(root, index)
    expect_unchanged(root, case[0])
    expect_unchanged(index, case[1])


@given(case=disputes())
@example(case=({"b": "=2.0.0", "a": "=2.0.0"}, {"a": {}, "b": {}}))
@example(
    case=(
        {"c": "*", "a": "=1.0.0", "b": "*"},
        {
            "a": {"1.0.0": {}, "2.0.0": {}},
            "c": {"1.0.0": {"a": "=2.0.0"}},
            "b": {"1.0.0": {}},
        },
    )
)
@check(level=4, category="edge_cases", examples=8)
def test_because_is_sorted(candidate, case):
    """`because` is sorted, and each name is in it once."""
    root, index = case
    if oracle.resolve(root, index) is None:
        names = expect_unsatisfiable(candidate, lambda: candidate.resolve(root, index))
        wanted = "`because` to be sorted, each name once"
        require(names == sorted(set(names)), names, wanted)


@given(big=st.integers(10**15, 10**20))
@example(big=2**53)
@example(big=2**64)
@check(level=4, category="edge_cases", examples=4)
def test_resolve_with_large_numbers(candidate, big):
    """The numbers of a version may be of any size, and compare exactly."""
    index = {"a": {f"{big}.0.0": {}, f"{big + 1}.0.0": {}, "0.0.0": {}}}
    got = candidate.resolve({"a": f">0.0.0,<{big + 1}.0.0"}, index)
    expect(got, {"a": f"{big}.0.0"}, why="the newest below the bound")
    got = candidate.resolve({"a": "*"}, index)
    expect(got, {"a": f"{big + 1}.0.0"}, why="the newest by numbers")


@given(first=disputes(), second=cases())
@example(
    first=({"a": "*"}, {"a": {"1.0.0": {}}}), second=({"a": "*"}, {"a": {"2.0.0": {}}})
)
@check(level=4, category="edge_cases", examples=5)
def test_resolve_remembers_nothing(candidate, first, second):
    """What was resolved before, with another index, changes nothing."""
    for root, index in (first, second):
        want = oracle.resolve(root, index)
        if want is not None:
            got = candidate.resolve(root, index)
            expect(got, want, why="with this index alone")
