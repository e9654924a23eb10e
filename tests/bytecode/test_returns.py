"""How many outputs a kernel has is read off its ``return`` statements."""

from __future__ import annotations

import pytest

from kernelgen.bytecode.returns import count_returned


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("return x", 1),
        ("return x, y", 2),
        ("return (x, y, x)", 3),
        ("return x,", 1),
        ("return 1, 2.5", 2),
        ("return (1, 2), x", 2),
        ("if x: return x, y\n return 1, 2", 2),
        ("if x: return 1, 2\n return y, x", 2),
        ("raise ValueError('no')", 1),
        ("pass", 1),
        ("a = x, y, x\n return a[0]", 1),
        ("return x if y else (x, y)[0]", 1),
        ("for i in range(x):\n  if i > y: return i, x\n return y, x", 2),
        ("return (x, y) if x > y else (y, x)", 2),
        ("return x and (x, y)", 2),
    ],
)
def test_count_of_returned_values(body, count):
    namespace = {}
    exec(f"def f(x, y):\n {body}", namespace)
    assert count_returned(namespace["f"].__code__) == count


def test_more_constants_than_a_byte_counts():
    lines = "".join(f" x = x + {i / 8}\n" for i in range(300))
    namespace = {}
    exec(f"def f(x, y):\n{lines} return x, y, x", namespace)
    assert count_returned(namespace["f"].__code__) == 3


def test_many_outputs():
    for count in (2, 10, 25):
        namespace = {}
        exec(f"def f(x):\n return {', '.join(['x'] * count)}", namespace)
        assert count_returned(namespace["f"].__code__) == count
