"""Calls whose operands NumPy does not join to one axis: threads share the rows."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from kernelgen import vectorize
from kernelgen.runtime import shared_rows


@pytest.fixture(autouse=True)
def _shares_all_rows(shares_all, monkeypatch):
    monkeypatch.setattr(shared_rows, "CHUNK", 0)
    monkeypatch.setattr(shared_rows, "ROW", 0)


@pytest.fixture
def taken(monkeypatch):
    """How many calls had their rows shared."""
    calls = []
    launch = shared_rows._launch()

    def counted(*args):
        calls.append(args)
        return launch(*args)

    monkeypatch.setattr(shared_rows, "_launch", lambda: counted)
    return calls


def both(x, y):
    return x * y + 1, x - y


def flat(x, y):
    return x * y + 1


def curved(x, y):
    return math.exp(x) + y


BIG = np.random.default_rng(0).normal(size=(700, 700))


def compare(function, *operands):
    """Call the target cpu and the target parallel, which has compiled its loop before."""
    alone, parallel = vectorize(function), vectorize(target="parallel")(function)
    parallel(*(x.flat[:1] if isinstance(x, np.ndarray) else x for x in operands))
    look_at_all_calls(parallel)
    found, expected = parallel(*operands), alone(*operands)
    for one, other in zip(
        found if isinstance(found, tuple) else [found],
        expected if isinstance(expected, tuple) else [expected],
        strict=True,
    ):
        assert (one.dtype, one.shape, one.strides) == (other.dtype, other.shape, other.strides)
        np.testing.assert_array_equal(one, other)


CASES = {
    "inner part": (BIG[1:-1, 1:-1], BIG[:-2, 2:]),
    "row and column": (BIG[:, :1], BIG[:1]),
    "row": (BIG, BIG[3]),
    "column": (BIG[:, 3:4], BIG),
    "gaps": (BIG[:, ::2], BIG[:, 1::2]),
    "turned": (BIG[:, ::-1], BIG[::-1]),
    "transposed": (BIG, BIG.T),
    "both transposed": (BIG[1:].T, BIG[:-1].T),
    "number": (BIG[:, 1:], 2),
    "numpy's number": (BIG[:, 1:], np.float64(2)),
    "three axes": (BIG.reshape(10, 70, 700)[:, 1:, 1:], BIG.reshape(10, 70, 700)[:, :-1, :1]),
    "short rows": (BIG.reshape(-1, 7)[:, :3], BIG.reshape(-1, 7)[:, 4:]),
}


JOINED = ("gaps", "both transposed")  # NumPy goes through these as through one axis


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("function", [flat, both, curved])
def test_results_are_those_of_one_thread(case, function):
    compare(function, *CASES[case])


@pytest.mark.parametrize("case", [name for name in CASES if name not in JOINED])
def test_rows_are_shared(case, taken):
    compare(flat, *CASES[case])
    assert len(taken) == 1


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 90), st.integers(1, 30)),
    dtypes=st.tuples(*[st.sampled_from("fd")] * 2),
    orders=st.tuples(*[st.permutations(range(3))] * 2),
    spread=st.integers(0, 7),
)
def test_any_layout(targets, shape, dtypes, orders, spread):
    alone, parallel = targets
    operands = []
    for dtype, order in zip(dtypes, orders, strict=True):
        made = np.arange(8 * math.prod(shape), dtype=dtype)
        made = made.reshape(2 * np.array(shape)[order])[::2, ::2, ::2].transpose(np.argsort(order))
        operands.append(made)
    spread_axes = [0 if spread >> k & 1 else slice(None) for k in range(3)]
    place = tuple(slice(0, 1) if each == 0 else each for each in spread_axes)
    operands[1] = operands[1][place]
    found, expected = parallel(*operands), alone(*operands)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.fixture(scope="module")
def targets():
    found = vectorize(flat), vectorize(target="parallel")(flat)
    for ufunc in found:
        for dtypes in ("ff", "dd"):
            ufunc(*(np.ones(1, t) for t in dtypes))
    look_at_all_calls(found[1])
    return found


def look_at_all_calls(ufunc):
    """However small they are."""
    for rows in shared_rows.own_binding(ufunc).owned:
        if isinstance(rows, shared_rows._Rows):
            rows.time.value = 1e9


def test_given_outputs(taken):
    parallel = vectorize(target="parallel")(flat)
    parallel(BIG[:1], BIG[:1])
    look_at_all_calls(parallel)
    x, y = BIG[:, 1:], BIG[:, :-1]
    for out in (np.zeros((700, 699)), np.zeros((699, 700)).T, np.zeros((700, 1400))[:, 1:-1:2]):
        assert parallel(x, y, out=out) is out
        np.testing.assert_array_equal(out, x * y + 1)
        out.fill(0)
        parallel(x, y, out)
        np.testing.assert_array_equal(out, x * y + 1)
    assert len(taken) == 6


def test_what_numpy_is_left_to_do(taken):
    parallel = vectorize(target="parallel")(flat)
    parallel(BIG[:1], BIG[:1])
    look_at_all_calls(parallel)
    x, y = BIG[:, 1:], BIG[:, :-1]
    expected = x * y + 1
    np.testing.assert_array_equal(parallel(x, y, where=True), expected)
    np.testing.assert_array_equal(parallel(x, y, dtype=np.float64), expected)
    np.testing.assert_array_equal(parallel(x.astype(">f8"), y), expected)
    overlapping = BIG.copy()
    parallel(overlapping[1:, 1:], overlapping[1:, :-1], out=overlapping[:-1, 1:])
    np.testing.assert_array_equal(overlapping[:-1, 1:], (x * y + 1)[1:])
    assert type(parallel(x.view(np.matrix), y)) is np.matrix
    assert not taken
    np.testing.assert_array_equal(parallel(x.astype("i4"), y), x.astype("i4") * y + 1)
    np.testing.assert_array_equal(parallel(x, y, out=np.zeros((2, 700, 699)))[1], expected)
    in_place = BIG.copy()
    view = in_place[:, 1:]
    parallel(view, y, out=view)
    np.testing.assert_array_equal(view, expected)
    assert len(taken) == 3


def test_rows_of_vector_functions_are_numpys(taken):
    """Where its runs of elements end decides over their last bits."""
    compare(curved, *CASES["inner part"])
    assert not taken
    compare_precise = vectorize(target="parallel", precise=True)(curved)
    compare_precise(BIG[:1], BIG[:1])
    look_at_all_calls(compare_precise)
    expected = vectorize(precise=True)(curved)(BIG[:, 1:], BIG[:, 1:])
    np.testing.assert_array_equal(compare_precise(BIG[:, 1:], BIG[:, 1:]), expected)
    assert len(taken) == 1


def test_errors_are_numpys(taken):
    parallel = vectorize(target="parallel")(flat)
    parallel(BIG[:1], BIG[:1])
    look_at_all_calls(parallel)
    with pytest.raises(ValueError, match="could not be broadcast"):
        parallel(BIG[:, 1:], BIG)
    fixed = np.zeros((700, 699))
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        parallel(BIG[:, 1:], BIG[:, 1:], out=fixed)
    with pytest.raises(TypeError, match="Cannot cast|cannot cast"):
        parallel(BIG[:, 1:], BIG[:, 1:], out=np.zeros((700, 699), int))
    with pytest.raises(TypeError):
        parallel(BIG[:, 1:])
    with pytest.raises(TypeError, match="as both a positional and keyword"):
        parallel(BIG[:, 1:], BIG[:, 1:], np.zeros((700, 699)), out=np.zeros((700, 699)))
    with pytest.raises(TypeError, match="wrong"):
        parallel(BIG[:, 1:], BIG[:, 1:], wrong=1)
    assert not taken


def test_an_exception_in_a_row_reaches_the_caller(taken):
    @vectorize(target="parallel")
    def root(x):
        if x < 0:
            raise ValueError("no root of a negative number")
        return x

    a = np.abs(BIG)
    root(a[:1])
    look_at_all_calls(root)
    root(a[:, 1:])
    a[500, 300] = -1
    with pytest.raises(ValueError, match="no root of a negative number"):
        root(a[:, 1:])
    assert len(taken) == 2
