"""Basic blocks of bytecode, and what flows through them."""

from __future__ import annotations

from kernelgen.bytecode.cfg import flow_graph, maybe_unbound
from kernelgen.bytecode.decode import decode
from kernelgen.bytecode.parameters import parameters_of


def graph(source):
    namespace = {}
    exec(source, namespace)
    function = namespace["f"]
    return flow_graph(decode(function), set(parameters_of(function)))


LOOPS = """
def f(n, m):
    total = 0
    for i in range(n):
        j = 0
        while j < m:
            total += i * j
            j += 1
        if total > 100:
            break
    return total
"""


def test_straight_code_is_one_block():
    g = graph("def f(x, y):\n a = x + y\n return a * 2")
    assert len(g.blocks) == 1
    assert g.blocks[0].successors == []


def test_blocks_are_connected_both_ways():
    g = graph(LOOPS)
    for block in g.blocks:
        assert all(block in successor.predecessors for successor in block.successors)
        assert all(block in predecessor.successors for predecessor in block.predecessors)


def test_jumps_end_blocks_and_targets_start_them():
    g = graph(LOOPS)
    starts = {block.start for block in g.blocks}
    for block in g.blocks:
        assert all(i.target is None for i in block.instructions[:-1])
        target = block.instructions[-1].target
        assert target is None or target in starts


def test_code_that_cannot_be_reached_is_left_out():
    g = graph("def f(x):\n while True:\n  x += 1\n return x")
    assert all(block.instructions[-1].op != "RETURN_VALUE" for block in g.blocks)


def test_entry_comes_first_and_dominates_all():
    g = graph(LOOPS)
    assert g.blocks[0].predecessors == []
    assert g.idom[g.blocks[0]] is g.blocks[0]
    assert all(block in g.idom for block in g.blocks)


def test_loops_nest():
    g = graph(LOOPS)
    bodies = sorted(g.loops.values(), key=len)
    inner, outer = bodies[0], bodies[-1]
    assert inner < outer


def test_liveness():
    g = graph(LOOPS)
    for header in g.loops:
        assert {"total", "m"} <= header.live
    assert g.blocks[0].live == {"n", "m"}


def test_a_variable_that_is_only_assigned_is_not_live():
    g = graph("def f(x):\n y = x\n if x > 0:\n  y = 1\n return x")
    assert all("y" not in block.live for block in g.blocks)


def test_assigned_on_every_way():
    g = graph("def f(x):\n if x > 0:\n  a = 1\n  b = 2\n else:\n  a = 3\n return a")
    last = g.blocks[-1]
    returning = [b for b in g.blocks if len(b.predecessors) == 2] or [last]
    assert all("a" in block.assigned and "b" not in block.assigned for block in returning[1:])


def test_maybe_unbound():
    def unbound(body):
        return maybe_unbound(graph(f"def f(x, n):\n{body}"))

    assert unbound(" if x:\n  y = 1\n return y") == {"y"}
    assert unbound(" if x:\n  y = 1\n else:\n  y = 2\n return y") == set()
    assert unbound(" for i in range(n):\n  y = i\n return y + i") == {"y", "i"}
    assert unbound(" while True:\n  y = n\n  break\n return y") == set()
    assert unbound(" y = 1\n del y\n return y") == {"y"}
    assert unbound(" if x:\n  y = 1\n del y\n return x") == {"y"}
    assert unbound(" if x:\n  del x\n return x") == {"x"}


def test_text_names_loops_and_live_variables():
    text = str(graph(LOOPS))
    assert "header of loop" in text
    assert "loop depth 2" in text
    assert "live: i, j, m, n, total" in text or "live: i, j, m, total" in text
