"""Dominators and natural loops, on known graphs and against the definitions on random ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kernelgen.ir.dominance import (
    dominates,
    immediate_dominators,
    natural_loops,
    reverse_postorder,
)

DIAMOND = {0: [1, 2], 1: [3], 2: [3], 3: []}
NESTED = {0: [1], 1: [2, 5], 2: [3], 3: [2, 4], 4: [1], 5: []}
SELF = {0: [1], 1: [1, 2], 2: []}
IRREDUCIBLE = {0: [1, 2], 1: [2, 3], 2: [1], 3: []}


def analyse(graph):
    order = reverse_postorder(0, graph.__getitem__)
    idom = immediate_dominators(order, graph.__getitem__)
    return order, idom, natural_loops(order, graph.__getitem__, idom)


def reached(graph, without=None):
    """The nodes that 0 reaches, on ways that avoid one node."""
    found, work = set(), [0] if without != 0 else []
    while work:
        node = work.pop()
        if node not in found:
            found.add(node)
            work += [s for s in graph[node] if s != without]
    return found


graphs = st.integers(1, 9).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(0, n - 1), max_size=3, unique=True), min_size=n, max_size=n
    ).map(lambda successors: dict(enumerate(successors)))
)


def test_diamond():
    order, idom, loops = analyse(DIAMOND)
    assert order == [0, 1, 2, 3]
    assert idom == {0: 0, 1: 0, 2: 0, 3: 0}
    assert loops == {}


def test_nested_loops():
    _, idom, loops = analyse(NESTED)
    assert idom == {0: 0, 1: 0, 2: 1, 3: 2, 4: 3, 5: 1}
    assert loops == {1: {1, 2, 3, 4}, 2: {2, 3}}


def test_a_loop_of_one_block():
    assert analyse(SELF)[2] == {1: {1}}


def test_a_cycle_with_two_entries_is_no_natural_loop():
    _, idom, loops = analyse(IRREDUCIBLE)
    assert idom == {0: 0, 1: 0, 2: 0, 3: 1}
    assert loops == {}


def test_unreached_nodes_are_left_out():
    order, idom, _ = analyse({0: [1], 1: [], 2: [1]})
    assert order == [0, 1]
    assert set(idom) == {0, 1}


@given(graphs)
def test_order_has_predecessors_first_except_along_cycles(graph):
    order = reverse_postorder(0, graph.__getitem__)
    assert set(order) == reached(graph)
    assert len(set(order)) == len(order)
    assert order[0] == 0
    position = {node: i for i, node in enumerate(order)}
    for node in order[1:]:
        assert any(position[p] < position[node] for p in order if node in graph[p])


@given(graphs)
def test_a_node_dominates_what_cannot_be_reached_without_it(graph):
    order, idom, _ = analyse(graph)
    for a in order:
        avoiding = reached(graph, without=a)
        for b in order:
            assert dominates(idom, a, b) == (b not in avoiding)


@given(graphs)
def test_immediate_dominators_are_the_closest(graph):
    order, idom, _ = analyse(graph)
    for node in order[1:]:
        above = [a for a in order if a != node and dominates(idom, a, node)]
        assert idom[node] in above
        assert all(dominates(idom, a, idom[node]) for a in above)


@given(graphs)
def test_loops_are_what_reaches_the_back_edge_without_the_header(graph):
    order, idom, loops = analyse(graph)
    back = {(n, h) for n in order for h in graph[n] if dominates(idom, h, n)}
    assert set(loops) == {h for _, h in back}
    for header, body in loops.items():
        wanted = {header}
        for node in order:
            inside = {k: [s for s in v if s != header] for k, v in graph.items()}
            ways = _from(inside, node)
            if node != header and any(n in ways for n, h in back if h == header):
                wanted.add(node)
        assert body == wanted


def _from(graph, start):
    found, work = set(), [start]
    while work:
        node = work.pop()
        if node not in found:
            found.add(node)
            work += graph[node]
    return found
