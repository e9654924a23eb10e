"""Dominators and natural loops of a flow graph.

Source: K. D. Cooper, T. J. Harvey, K. Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def reverse_postorder(entry: Node, successors: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """The nodes that ``entry`` reaches, each before its successors except along back edges."""
    order: list[Node] = []
    seen = {entry}
    work = [(entry, iter(list(successors(entry))[::-1]))]
    while work:
        node, rest = work[-1]
        for successor in rest:
            if successor not in seen:
                seen.add(successor)
                work.append((successor, iter(list(successors(successor))[::-1])))
                break
        else:
            order.append(node)
            work.pop()
    return order[::-1]


def immediate_dominators(
    order: list[Node], successors: Callable[[Node], Iterable[Node]]
) -> dict[Node, Node]:
    """For each node of the reverse postorder ``order`` its immediate dominator.

    The entry is its own.
    """
    number = {node: i for i, node in enumerate(order)}
    predecessors: dict[Node, list[Node]] = {node: [] for node in order}
    for node in order:
        for successor in successors(node):
            predecessors[successor].append(node)

    def intersect(a: Node, b: Node) -> Node:
        while a != b:
            while number[a] > number[b]:
                a = idom[a]
            while number[b] > number[a]:
                b = idom[b]
        return a

    idom = {order[0]: order[0]}
    changed = True
    while changed:
        changed = False
        for node in order[1:]:
            known = [p for p in predecessors[node] if p in idom]
            new = known[0]
            for other in known[1:]:
                new = intersect(new, other)
            if idom.get(node) != new:
                idom[node] = new
                changed = True
    return idom


def dominates(idom: dict[Node, Node], a: Node, b: Node) -> bool:
    """Whether every way from the entry to ``b`` leads through ``a``."""
    while b != a and idom[b] != b:
        b = idom[b]
    return a == b


def natural_loops(
    order: list[Node], successors: Callable[[Node], Iterable[Node]], idom: dict[Node, Node]
) -> dict[Node, set[Node]]:
    """For each loop header the nodes of its loop, the header among them."""
    predecessors: dict[Node, list[Node]] = {node: [] for node in order}
    for node in order:
        for successor in successors(node):
            predecessors[successor].append(node)
    loops: dict[Node, set[Node]] = {}
    for node in order:
        for header in successors(node):
            if dominates(idom, header, node):
                body = loops.setdefault(header, {header})
                work = [node]
                while work:
                    member = work.pop()
                    if member not in body:
                        body.add(member)
                        work.extend(predecessors[member])
    return loops
