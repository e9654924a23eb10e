"""Whatever a fresh ufunc is asked to do first, it does as NumPy's own ufunc does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from uses import (
    CALLS,
    CUBE,
    METHODS,
    SWAPPED,
    A,
    F,
    I,
    V,
    assert_same,
    make_plus,
    run_in_new_process,
)

from kernelgen import pipeline, vectorize
from kernelgen.types.table import FLOAT32, FLOAT64, from_dtype

pytestmark = pytest.mark.any_python


@pytest.mark.parametrize("use", CALLS.values(), ids=CALLS)
def test_first_call(use):
    assert_same(use(make_plus()), use(np.add))


@pytest.mark.parametrize("use", METHODS.values(), ids=METHODS)
def test_first_use_of_a_method(use):
    assert_same(use(make_plus()), use(np.add))


@pytest.mark.parametrize("use", [CALLS["call"], *METHODS.values()], ids=["call", *METHODS])
def test_order_of_operands_is_kept(use):
    """A difference tells its operands apart, and has no identity."""

    @vectorize
    def minus(x, y):
        return x - y

    try:
        expected = use(np.subtract)
    except (TypeError, ValueError) as refusal:
        with pytest.raises(type(refusal)):
            use(minus)
    else:
        assert_same(use(minus), expected)


def test_it_is_a_ufunc():
    ufunc = make_plus()
    assert isinstance(ufunc, np.ufunc)
    assert type(ufunc) is np.ufunc
    assert (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.signature) == (2, 1, 3, None)


FIRST_IN_PROCESS = """
from uses import USES, assert_same, make_plus
import numpy as np
use = USES[{name!r}]
assert_same(use(make_plus()), use(np.add))
"""


@pytest.mark.parametrize(
    "name", ["call", "dtype text", "reduce", "accumulate", "outer", "at", "resolve_dtypes"]
)
def test_first_use_in_the_process(name):
    run = run_in_new_process(FIRST_IN_PROCESS.format(name=name))
    assert (run.stderr, run.returncode) == ("", 0)


# ----------------------------------------------------------------------------------------- refusals

REFUSALS = {
    "shapes that do not fit": lambda f: f(A, np.zeros(4)),
    "out of the wrong shape": lambda f: f(A, A, out=np.zeros(3)),
    "out that cannot hold the result": lambda f: f(A, A, out=np.zeros((2, 3), int)),
    "out that is no array": lambda f: f(A, A, out=[0.0]),
    "read-only out": lambda f: f(A, A, out=np.broadcast_to(0.0, (2, 3))),
    "casting no": lambda f: f(A, A, dtype="f4", casting="no"),
    "casting safe": lambda f: f(A, A, dtype="f4", casting="safe"),
    "dtype that the inputs cannot be cast to": lambda f: f(A, A, dtype="i8"),
    "unknown casting": lambda f: f(A, A, casting="some"),
    "unknown keyword": lambda f: f(A, A, nonsense=1),
    "one argument": lambda f: f(A),
    "four arguments": lambda f: f(A, A, None, A),
    "weak integer out of bounds": lambda f: f(np.arange(3, dtype="u1"), 300),
    "negative weak integer": lambda f: f(np.arange(3, dtype="u1"), -1),
    "where that is no bool": lambda f: f(A, A, where=A),
    "reduce over an axis that is not there": lambda f: f.reduce(A, axis=2),
    "reduce a number over its second axis": lambda f: f.reduce(1.0, axis=1),
    "dtype of another byte order": lambda f: f(A, A, dtype=SWAPPED.dtype),
    "signature of the output as text": lambda f: f(A, A, signature="f"),
    "reduceat past the end": lambda f: f.reduceat(V, [0, 12]),
    "accumulate over two axes": lambda f: f.accumulate(A, axis=(0, 1)),
    "at past the end": lambda f: f.at(V.copy(), [12], 1.0),
    "signature of the wrong length": lambda f: f(A, A, signature="d->d"),
    "signature of another output": lambda f: f(A, A, signature="dd->f"),
    "texts": lambda f: f.reduce(np.array([b"a"])),
}


@pytest.mark.parametrize("use", REFUSALS.values(), ids=REFUSALS)
def test_what_numpy_refuses_is_refused_alike(use):
    with pytest.raises(Exception) as numpys:
        use(np.add)
    with pytest.raises(Exception) as ours:
        use(make_plus())
    kind = TypeError if issubclass(numpys.type, TypeError) else numpys.type
    assert issubclass(ours.type, kind)


# ------------------------------------------------------------------------------------ other classes


class Recorder:
    """Takes over every use of a ufunc, and tells what it was given."""

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        return ufunc, method, len(inputs), sorted(keywords)


@pytest.mark.parametrize(
    ("use", "method", "count", "keywords"),
    [
        (lambda f, r: f(r, 1.0), "__call__", 2, []),
        (lambda f, r: f(A, r, dtype="f4"), "__call__", 2, ["dtype"]),
        (lambda f, r: f(A, A, out=r), "__call__", 2, ["out"]),
        (lambda f, r: f(A, A, where=r), "__call__", 2, ["where"]),
        (lambda f, r: f.reduce(r, axis=0), "reduce", 1, ["axis"]),
        (lambda f, r: f.accumulate(r), "accumulate", 1, []),
        (lambda f, r: f.reduceat(r, [0]), "reduceat", 2, []),
        (lambda f, r: f.outer(r, A), "outer", 2, []),
        (lambda f, r: f.at(r, [0], 1.0), "at", 3, []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_array_ufunc_of_another_class_takes_over(use, method, count, keywords):
    ufunc = make_plus()
    assert use(ufunc, Recorder()) == (ufunc, method, count, keywords)
    assert ufunc.signatures == []


class Aloof:
    __array_ufunc__ = None


@pytest.mark.parametrize(
    "use", [lambda f: f(Aloof(), A), lambda f: f(1.0, Aloof()), lambda f: f.reduce(Aloof())]
)
def test_array_ufunc_none_refuses(use):
    with pytest.raises(TypeError, match="does not support ufuncs"):
        use(make_plus())


class Doubling(np.ndarray):
    """A subclass with ``__array_ufunc__`` that calls the ufunc again on plain arrays."""

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        plain = [np.asarray(each) for each in inputs]
        return 2 * getattr(ufunc, method)(*plain, **keywords)


def test_array_ufunc_may_call_the_ufunc_on_plain_arrays():
    doubling = A.view(Doubling)
    np.testing.assert_array_equal(make_plus()(doubling, 1.0), 2 * (A + 1))
    np.testing.assert_array_equal(make_plus().reduce(doubling), 2 * A.sum(0))


def test_array_interface_of_another_class_is_used():
    class Holder:
        def __array__(self, dtype=None, copy=None):
            return F

    assert_same(make_plus()(Holder(), 1), F + 1)


# ---------------------------------------------------------------------------------- several outputs


def make_floor_division():
    @vectorize
    def floor_division(x, y):
        return x // y, x % y

    return floor_division


DIVISOR = np.array([2.0, 3.0, 4.0])

USES_OF_TWO_OUTPUTS = {
    "call": lambda f: f(A, DIVISOR),
    "integers": lambda f: f(I, 4),
    "scalars": lambda f: f(7, 2),
    "dtype": lambda f: f(A, DIVISOR, dtype="f4"),
    "signature": lambda f: f(I, I + 1, signature="dd->dd"),
    "out": lambda f: f(A, DIVISOR, out=(np.zeros((2, 3)), np.zeros((2, 3), "f4"))),
    "out of one": lambda f: f(A, DIVISOR, out=(None, np.zeros((2, 3)))),
    "out as arguments": lambda f: f(A, DIVISOR, np.zeros((2, 3)), np.zeros((2, 3))),
    "where": lambda f: f(A, DIVISOR, where=A > 2, out=(np.ones((2, 3)), np.ones((2, 3)))),
    "strided": lambda f: f(V[::2], V[::-2] + 1),
    "outer": lambda f: f.outer(V, DIVISOR),
    "empty": lambda f: f(np.zeros(0), np.zeros(0)),
    "resolve_dtypes": lambda f: f.resolve_dtypes((A.dtype, A.dtype, None, None)),
}


@pytest.mark.parametrize("use", USES_OF_TWO_OUTPUTS.values(), ids=USES_OF_TWO_OUTPUTS)
def test_first_use_of_two_outputs(use):
    assert_same(use(make_floor_division()), use(np.divmod))


def test_outputs_of_different_types():
    @vectorize
    def split(x):
        whole = int(x)
        return whole, x - whole, x > 1

    whole, rest, large = split(np.array([0.5, 2.25], "f4"))
    assert_same(whole, np.array([0, 2]))
    assert_same(rest, np.array([0.5, 0.25], "f4"))
    assert_same(large, np.array([False, True]))


def test_two_outputs_refuse_to_reduce():
    with pytest.raises(ValueError, match="reduce only supported for"):
        make_floor_division().reduce(A)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_kernels_of_any_number_of_arguments(count):
    names = [f"x{i}" for i in range(count)]
    scope = {}
    exec(f"def total({', '.join(names)}): return {' + '.join(names)}", scope)
    total = vectorize(scope["total"])
    assert (total.nin, total.nout) == (count, 1)
    assert_same(total(*[A] * count), A * count)


def test_only_binary_kernels_reduce():
    @vectorize
    def negative(x):
        return -x

    with pytest.raises(ValueError, match="reduce only supported for binary"):
        negative.reduce(A)
    target = V.copy()
    negative.at(target, [1, 1, 2])
    np.testing.assert_array_equal(target[:4], [0.0, 1.0, -2.0, 3.0])


# ------------------------------------------------------------------------------- overlapping memory

VIEWS = {
    "same": (slice(None), slice(None)),
    "shifted up": (slice(None, -1), slice(1, None)),
    "shifted down": (slice(1, None), slice(None, -1)),
    "shifted far": (slice(None, -5), slice(5, None)),
    "reversed": (slice(None), slice(None, None, -1)),
    "interleaved": (slice(None, None, 2), slice(1, None, 2)),
    "stretched": (slice(None, 500), slice(None, None, 2)),
}


@pytest.mark.parametrize("dtype", ["f8", "f4", "i2"])
@pytest.mark.parametrize("source", ["both", "first", "second"])
@pytest.mark.parametrize(("read", "write"), VIEWS.values(), ids=VIEWS)
def test_overlapping_operands_give_what_copies_give(read, write, source, dtype):
    memory = np.arange(1000, dtype=dtype)
    other = np.arange(memory[read].size, dtype=dtype)[::-1].copy()
    first = other if source == "second" else memory[read]
    second = other if source == "first" else memory[read]
    expected = memory.copy()
    expected[write] = first.copy() + second.copy()
    make_plus()(first, second, out=memory[write])
    np.testing.assert_array_equal(memory, expected)


def test_in_place_with_a_cast():
    x = np.arange(10_000, dtype="f4")
    make_plus()(x, x.astype("f8"), out=x)
    np.testing.assert_array_equal(x, np.arange(10_000, dtype="f4") * 2)


def test_outputs_that_overlap_inputs_crosswise():
    x, y = np.arange(100.0) + 1, np.arange(100.0)[::-1] + 1
    expected = np.divmod(x.copy(), y.copy())
    make_floor_division()(x, y, out=(y, x))
    assert_same((y, x), expected)


# ------------------------------------------------------------------------------------- large arrays

LARGE = 2 * np.getbufsize() + 17


@pytest.mark.parametrize(
    ("first", "second", "out"),
    [
        (">f8", ">f4", "f8"),
        ("i2", "f4", "f4"),
        (">i4", "u1", "i8"),
        ("?", ">u2", "u2"),
        ("f8", "f8", ">f4"),
        ("i8", "f8", "f4"),
    ],
)
@pytest.mark.parametrize("step", [1, -2])
def test_large_arrays_are_cast_in_pieces(first, second, out, step):
    x = (np.arange(LARGE * 2) % 100).astype(first)[::step][:LARGE]
    y = (np.arange(LARGE * 2) % 7).astype(second)[::step][:LARGE]
    results = [f(x, y, out=np.zeros(LARGE, out)) for f in (make_plus(), np.add)]
    assert_same(*results)
    where = np.arange(LARGE) % 3 == 0
    results = [f(x, y, out=np.zeros(LARGE, out), where=where) for f in (make_plus(), np.add)]
    assert_same(*results)


def test_large_reductions_with_a_cast():
    x = (np.arange(LARGE) % 100).astype("i2")
    assert make_plus().reduce(x, dtype="f8") == x.sum(dtype="f8")
    assert make_plus().reduce(x.astype(">i4")) == x.sum(dtype="i4")
    assert_same(make_plus().accumulate(x, dtype="i8"), np.add.accumulate(x, dtype="i8"))


def test_small_buffer():
    with np.errstate():  # the buffer's size is part of that state
        np.setbufsize(16)
        assert_same(make_plus()(np.arange(100), V[0] + np.zeros(100, ">f4")), np.arange(100.0))


def test_every_length_up_to_a_few_vectors():
    """Remainders of a vectorised loop, contiguous and not."""
    plus = make_plus()
    for size in range(70):
        x = np.arange(2.0 * size)
        assert_same(plus(x, x), x + x)
        assert_same(plus(x[::2], x[1::2]), x[::2] + x[1::2])


# -------------------------------------------------------------------------------------------- bools


ODD_BOOLS = np.array([0, 1, 2, 255], "u1").view("?")
"""Bools whose bytes are neither 0 nor 1, as views of other data have them."""


@pytest.mark.parametrize("step", [1, -1, 2])
@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (lambda x: x, [0, 1, 1, 1]),
        (lambda x: not x, [1, 0, 0, 0]),
        (lambda x: x + x, [0, 1, 1, 1]),
        (lambda x: x & True, [0, 1, 1, 1]),
        (lambda x: x ^ True, [1, 0, 0, 0]),
        (lambda x: x == True, [0, 1, 1, 1]),  # noqa: E712
        (lambda x: 10 if x else 20, [20, 10, 10, 10]),
        (lambda x: x + 1, [1, 2, 2, 2]),
        (lambda x: x * 2.5, [0, 2.5, 2.5, 2.5]),
    ],
    ids=["x", "not", "+", "&", "^", "==", "if", "+1", "*2.5"],
)
def test_every_byte_but_zero_is_true(kernel, expected, step):
    bools = np.concatenate([ODD_BOOLS] * 40)[::step]
    result = vectorize(kernel)(bools)
    np.testing.assert_array_equal(result, np.array(expected * 40)[::step])
    if result.dtype == bool:
        assert result.view("u1").max() == 1


def test_odd_bools_that_numpy_casts():
    assert_same(make_plus()(ODD_BOOLS, 0.5), ODD_BOOLS.astype(float) + 0.5)
    assert_same(make_plus()(np.zeros(4), ODD_BOOLS), np.array([0.0, 1, 1, 1]))
    assert make_plus().reduce(ODD_BOOLS, dtype=int) == 3


# -------------------------------------------------------------------------------------- no warnings


def test_no_floating_point_warnings():
    """Not even those of a branch that was not taken."""

    @vectorize
    def guarded(x, y):
        return x / y if y != 0 else x * 0

    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        guarded(np.arange(1000.0), np.arange(1000.0) % 3)
        make_plus()(np.array([np.inf, np.finfo(float).max] * 100), -np.inf)
        vectorize(lambda x: x * x)(np.full(1000, 1e300))


def test_results_are_independent_of_memory_order():
    fortran = np.asfortranarray(CUBE)
    result = make_plus()(fortran, CUBE)
    assert_same(result, np.add(fortran, CUBE))
    assert result.strides == np.add(fortran, CUBE).strides


def run_in_front_end(monkeypatch, ufunc, *args):
    """The types that inference was started with in a call, and what was built."""
    typed, built = [], []

    def infer(function, params, **rest):
        typed.append(params)
        return original_infer(function, params, **rest)

    def build(function, **rest):
        built.append(function.__name__)
        return original_build(function, **rest)

    original_infer, original_build = pipeline.infer, pipeline.build
    monkeypatch.setattr(pipeline, "infer", infer)
    monkeypatch.setattr(pipeline, "build", build)
    ufunc(*args)
    return typed, built


@pytest.mark.parametrize("dtypes", ["d", "dd", "fd", "df", "id", "ffb"])
def test_the_front_end_runs_once_for_each_combination_of_types(monkeypatch, dtypes):
    sources = {1: lambda x: x * x, 2: lambda x, y: x * y - y, 3: lambda x, y, z: x * y + z}
    args = [np.ones(3, dtype) for dtype in dtypes]
    ufunc = vectorize(sources[len(args)])
    typed, built = run_in_front_end(monkeypatch, ufunc, *args)
    assert tuple(map(from_dtype, map(np.dtype, dtypes))) in typed
    assert len(typed) == len(built) == len(set(typed))


def test_what_is_only_converted_is_not_typed_again(monkeypatch):
    plus = vectorize(lambda x, y: x + y)
    typed, _ = run_in_front_end(monkeypatch, plus, np.ones(3), np.ones(3, "f4"))
    assert typed == [(FLOAT64, FLOAT32), (FLOAT64, FLOAT64)]
