"""Whatever a fresh generalized ufunc is asked to do first, it does as NumPy's own does."""

from __future__ import annotations

import numpy as np
import pytest
from gufunc_uses import (
    DOT_USES,
    MATMUL_USES,
    REFUSALS,
    A,
    assert_same,
    make_dot,
    make_matmul,
    run_in_new_process,
)

pytestmark = pytest.mark.any_python


@pytest.mark.parametrize("use", DOT_USES.values(), ids=DOT_USES)
def test_first_use(use):
    assert_same(use(make_dot()), use(np.vecdot))


@pytest.mark.parametrize("use", MATMUL_USES.values(), ids=MATMUL_USES)
def test_first_use_of_optional_dimensions(use):
    assert_same(use(make_matmul()), use(np.matmul))


@pytest.mark.parametrize("use", REFUSALS.values(), ids=REFUSALS)
def test_what_numpy_refuses_is_refused_alike(use):
    with pytest.raises(Exception) as numpys:
        use(np.vecdot)
    with pytest.raises(Exception) as ours:
        use(make_dot())
    kind = TypeError if issubclass(numpys.type, TypeError) else numpys.type
    assert issubclass(ours.type, kind)


def test_one_ufunc_for_all_uses():
    dot = make_dot()
    for use in DOT_USES.values():
        assert_same(use(dot), use(np.vecdot))


def test_it_is_a_ufunc():
    dot = make_dot()
    assert type(dot) is np.ufunc
    assert (dot.nin, dot.nout, dot.nargs) == (2, 1, 3)
    assert dot.signature == np.vecdot.signature == "(n),(n)->()"
    assert make_matmul().signature == "(m?,n),(n,p?)->(m?,p?)"


FIRST_IN_PROCESS = """
import sys
sys.path.insert(0, {folder!r})
from gufunc_uses import DOT_USES, assert_same, make_dot
import numpy as np
use = DOT_USES[{name!r}]
assert_same(use(make_dot()), use(np.vecdot))
"""


@pytest.mark.parametrize("name", ["call", "dtype text", "axis", "resolve_dtypes"])
def test_first_use_in_the_process(name):
    folder = __file__.rpartition("/")[0]
    run = run_in_new_process(FIRST_IN_PROCESS.format(name=name, folder=folder))
    assert (run.stderr, run.returncode) == ("", 0)


@pytest.mark.parametrize("size", range(40))
def test_every_length_up_to_a_few_vectors(size):
    x = np.arange(5.0 * size).reshape(5, size)
    spread = np.repeat(x, 2, axis=1)[:, ::-2][:, ::-1]
    dot = make_dot(fastmath=True)
    assert_same(dot(x, x), np.vecdot(x, x))
    assert_same(dot(spread, x), np.vecdot(x, x))
    assert_same(dot(x, spread), np.vecdot(x, x))


class Recorder:
    """An object that takes over whatever is done with it."""

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        return ufunc, method, keywords


def test_other_classes_take_over():
    dot = make_dot()
    assert dot(Recorder(), A, axis=0) == (dot, "__call__", {"axis": 0})
