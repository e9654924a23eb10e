"""What few kernels need is loaded by the first kernel that does, whatever came before it."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = pytest.mark.any_python

FIRST = {
    "a tuple": "assert njit(lambda x: (x, x + 1))(1) == (1, 2)",
    "a range": "assert njit(sum_of)(4) == 6",
    "an array": "assert njit(lambda a: (a * 2 + 1).sum())(np.arange(3.0)) == 9.0",
    "a new array": "assert njit(lambda n: np.zeros(n))(2).tolist() == [0.0, 0.0]",
    "a record": "assert njit(lambda r: r['x'])(np.zeros(1, [('x', 'f8')])[0]) == 0.0",
    "a product": "assert njit(lambda a: a @ a)(np.ones(3)) == 3.0",
    "sorting": "assert njit(lambda a: np.sort(a)[0])(np.array([2, 1])) == 1",
    "a list of numbers": "assert vectorize(lambda x: np.array([x, 1.0]).max())(3.0) == 3.0",
    "np.random": "assert 0 <= vectorize(lambda x: x * np.random.random())(1.0) < 1",
    "a generator": "assert 0 <= njit(lambda g: g.random())(np.random.default_rng(0)) < 1",
    "a ufunc's method": "assert njit(lambda a: np.add.reduce(a))(np.ones(3)) == 3.0",
    "a ufunc's output": "assert njit(into)(np.ones(2)).tolist() == [2.0, 2.0]",
    "a ufunc of a kernel on arrays": "assert njit(lambda a: twice(a))(np.ones(1)).tolist() == [2.0]",
    "a generalized ufunc": "assert guvectorize('(n)->()')(lambda a: a.sum())(np.ones(3)) == 3.0",
    "one that is called": "assert njit(lambda a: total(a))(np.ones(3)) == 3.0",
    "one of NumPy's": "assert njit(lambda a: np.vecdot(a, a))(np.ones(3)) == 3.0",
    "a table": "assert vectorize(lambda x: np.interp(x, (0.0, 1.0), (0.0, 2.0)))(0.5) == 1.0",
    "a median": "assert njit(lambda a: np.median(a))(np.ones(3)) == 1.0",
    "a stencil": "assert stencil(lambda a: a[-1])(np.ones(2)).tolist() == [0.0, 1.0]",
    "times": "assert vectorize(lambda t: t + t)(np.timedelta64(1, 's')) == np.timedelta64(2, 's')",
    "complex numbers": "assert vectorize(lambda z: np.exp(z * 0))(1j) == 1",
}

NAMES = """
import numpy as np
from kernelgen import guvectorize, njit, stencil, vectorize

def sum_of(n):
    total = 0
    for i in range(n):
        total += i
    return total

def into(a):
    np.add(a, a, out=a)
    return a

twice = vectorize(lambda x: x * 2)
total = guvectorize("(n)->()")(lambda a: a.sum())
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("what", FIRST)
def test_it_may_be_the_first(what):
    run(NAMES + FIRST[what])


def test_a_kernel_of_numbers_loads_nothing_else():
    code = """
    import sys
    import numpy as np
    from kernelgen import vectorize
    assert vectorize(lambda x, y: x * y if x > y else np.exp(x))(1.0, 2.0) > 2
    print(*sys.modules)
    """
    loaded = {name for name in run(dedent(code)).split() if name.startswith("kernelgen.")}
    assert "kernelgen.pipeline" in loaded
    families = """
    rewrites.resolve_arrays rewrites.fuse_arrays rewrites.loop_arrays rewrites.loop_reductions
    rewrites.loop_cores rewrites.count_references rewrites.split_tuples rewrites.split_arrays
    rewrites.core_body rewrites.element_body rewrites.resolve_core_call rewrites.loop_stencils
    rewrites.resolve_table_calls rewrites.resolve_ufunc_method
    ops.core_calls ops.cores ops.generators ops.draws ops.randoms ops.random_library
    ops.statistics_library ops.ufunc_methods ops.stencils ops.table_library
    types.core_dims types.operands infer_outputs generators ziggurats functions stencils
    """
    assert not loaded.intersection(f"kernelgen.{name}" for name in families.split())
