"""`guvectorize(target="cuda")` against the generalized ufuncs of the processor."""

from __future__ import annotations

import copy
import inspect
import pickle
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laid_out import Foreign, arrays, on_host, placed, same

from kernelgen import TypingError, UnsupportedError, cuda, float64, guvectorize, int64, njit

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("emulated")]

X = np.arange(12.0).reshape(3, 4)
CUBE = np.arange(24.0).reshape(2, 3, 4) - 7


def distance(x, y, out):
    out[0] = 0
    for i in range(len(x)):
        out[0] += (x[i] - y[i]) ** 2


def doubled_and_sum(x, doubled, total):
    total[0] = 0
    for i in range(len(x)):
        doubled[i] = x[i] * 2
        total[0] += x[i]


def extremes(x):
    low = high = x[0]
    for v in x:
        low, high = min(low, v), max(high, v)
    return low, high


def moving(x, weights, out):
    for i in range(len(out)):
        out[i] = 0
        for j in range(len(weights)):
            out[i] += x[i + j] * weights[j]


def reversed_row(x):
    return x[::-1]


def transposed(x):
    return x.T


def scaled(x, factor, out):
    out[:] = x * factor


def product(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = 0
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]


def cross(a, b, out):
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


def sized(x, y, out):
    for i in range(len(out)):
        out[i] = len(x) * 10 + len(y)


CORES = {
    distance: "(n),(n)->()",
    doubled_and_sum: "(n)->(n),()",
    extremes: "(n)->(),()",
    moving: "(n),(w)->(n-w+1)",
    reversed_row: "(n)->(n)",
    transposed: "(m,n)->(n,m)",
    scaled: "(n),()->(n)",
    product: "(m?,n),(n,p?)->(m?,p?)",
    cross: "(3),(3)->(3)",
    sized: "(n),(m)->(max(n,m)//2)",
}


@cache
def on(target: str, function: Any, core: str | None = None, **options: Any) -> Any:
    return guvectorize(core or CORES[function], target=target, **options)(function)


def cpu(function: Any) -> Any:
    return on("cpu", function)


def device(function: Any) -> Any:
    return on("cuda", function)


# ------------------------------------------------------------------- everything at once

OPERANDS: dict[Any, list[tuple[str, ...]]] = {
    distance: [("n",), ("n",), ()],
    doubled_and_sum: [("n",), ("n",), ()],
    extremes: [("n",), (), ()],
    moving: [("n",), ("w",), ("v",)],
    reversed_row: [("n",), ("n",)],
    transposed: [("m", "n"), ("n", "m")],
    scaled: [("n",), (), ("n",)],
    product: [("m", "n"), ("n", "p"), ("m", "p")],
    cross: [("3",), ("3",), ("3",)],
    sized: [("n",), ("m",), ("h",)],
}
"""The core dimensions of all operands."""


@st.composite
def calls(draw: Any, kernel: Any) -> tuple[Any, ...]:
    """Operands with core dimensions at any axes, and outputs that are given, or not."""
    sizes = {name: draw(st.integers(1 if kernel in (extremes, moving) else 0, 4)) for name in "mnp"}
    sizes |= {"w": draw(st.integers(1, sizes["n"] + 1)), "3": 3}
    sizes |= {"v": sizes["n"] - sizes["w"] + 1, "h": max(sizes["n"], sizes["m"]) // 2}
    loop = tuple(draw(st.lists(st.integers(0, 3), max_size=2)))
    gone = draw(st.sets(st.sampled_from("mp"))) if kernel is product and not loop else ()
    dtypes, moves, shapes = [], [], []
    cores = [[d for d in core if d not in gone] for core in OPERANDS[kernel]]
    nin = on("cpu", kernel).nin
    for k, core in enumerate(cores):
        own = loop
        if k < nin:
            own = loop[draw(st.integers(0, len(loop))) :]
            own = tuple(n if draw(st.integers(0, 3)) else 1 for n in own)
        dtypes.append(draw(st.sampled_from(["f8", "f4", "i4"])) if k < nin else "D")
        places = draw(st.permutations(range(len(own) + len(core))))[: len(core)]
        moves.append(tuple(places))
        lengths = dict(zip(places, (sizes[d] for d in core)))
        rest = iter(own)
        shapes.append(
            tuple(lengths[a] if a in lengths else next(rest) for a in range(len(own) + len(core)))
        )
    inputs = [draw(arrays(s, t)) for s, t in zip(shapes[:nin], dtypes)]
    met = np.broadcast_shapes(
        *(tuple(n for a, n in enumerate(s) if a not in m) for s, m in zip(shapes[:nin], moves))
    )
    outs: list[Any] = [None] * (len(cores) - nin)
    for k, core in enumerate(cores[nin:]):
        if draw(st.booleans()) or met != loop:
            axes = moves[nin + k]
            if len(met) != len(loop):
                axes = tuple(range(len(met), len(met) + len(core)))
                moves[nin + k] = axes
            lengths, rest = dict(zip(axes, (sizes[d] for d in core))), iter(met)
            shape = tuple(
                lengths[a] if a in lengths else next(rest) for a in range(len(met) + len(core))
            )
            outs[k] = draw(arrays(shape, "D", repeats=False))
    return inputs, tuple(outs), moves


@pytest.mark.parametrize("kernel", CORES)
def test_any_call(kernel: Any) -> None:
    @given(calls(kernel), st.integers(0, 31))
    def run(call: Any, places: int) -> None:
        inputs, outs, axes = call
        before = [None if out is None else out.copy() for out in outs]
        want = cpu(kernel)(*inputs, out=outs, axes=axes)
        want = [np.array(w) for w in (want if isinstance(want, tuple) else (want,))]
        for out, old in zip(outs, before):
            if out is not None:
                out[...] = old
        given_inputs = [placed(a) if places >> k & 1 else a for k, a in enumerate(inputs)]
        given_outs = tuple(
            placed(out) if out is not None and places >> 3 + k & 1 else out
            for k, out in enumerate(outs)
        )
        made = device(kernel)(*given_inputs, out=given_outs, axes=axes)
        made = made if isinstance(made, tuple) else (made,)
        for got, right, out in zip(made, want, given_outs):
            assert out is None or got is out
            same(np.asarray(on_host(got)), right)

    run()


def test_places_of_results() -> None:
    f = device(distance)
    x, out = cuda.to_device(X), cuda.device_array(3)
    for call in (
        lambda: f(x, X),
        lambda: f(X, x[0]),
        lambda: f(X, X, out=out),
        lambda: f(x, x, axis=0),
    ):
        assert isinstance(call(), cuda.DeviceArray)
    mine = np.zeros(3)
    assert f(x, x, mine) is mine
    assert isinstance(f(X, X), np.ndarray)
    assert isinstance(f(X[0], X[0]), np.float64)
    assert f(x[0], X[0]).shape == ()
    assert isinstance(device(doubled_and_sum)(X, out=(None, out))[0], cuda.DeviceArray)
    foreign = Foreign(np.zeros(3))
    assert f(Foreign(X), 2 * X, out=foreign) is foreign
    np.testing.assert_array_equal(foreign.copy_to_host(), (X * X).sum(1))
    stream = cuda.stream()
    same(f(x, 2 * X, stream=stream), (X * X).sum(1))


def test_keepdims_and_axis() -> None:
    for keywords in (
        {"axis": 0},
        {"axis": 1, "keepdims": True},
        {"axis": -2, "keepdims": True},
        {"keepdims": True},
        {"axes": [0, 1]},
        {"axes": [0, 1], "keepdims": True},
        {"axes": [0, 1, 0], "keepdims": True},
        {"axes": [(1,), (0,), (-1,)], "keepdims": True},
        {"axes": [0, 0, ()]},
    ):
        x = CUBE[:, :2, :2]
        same(device(distance)(x, x + 1, **keywords), cpu(distance)(x, x + 1, **keywords))
    out = placed(np.zeros((2, 1, 4)))
    want = cpu(distance)(CUBE, 1.0 - CUBE, axis=1, keepdims=True)
    same(device(distance)(CUBE, 1.0 - CUBE, axis=1, keepdims=True, out=out), want)
    for f in (device, cpu):
        low, high = f(extremes)(CUBE, axis=1, keepdims=True)
        assert low.shape == high.shape == (2, 1, 4)


ERRORS = {
    "mismatch": lambda f: f[distance](X, X[:, :3]),
    "no dimensions": lambda f: f[distance](X, 1.0),
    "too many": lambda f: f[distance](X, X, X, X),
    "too few": lambda f: f[distance](X),
    "two outs": lambda f: f[distance](X, X, out=(np.zeros(3), np.zeros(3))),
    "one out of two": lambda f: f[extremes](X, out=np.zeros(3)),
    "out is a number": lambda f: f[distance](X, X, out=3.0),
    "out is read-only": lambda f: f[distance](X, X, out=np.broadcast_to(0.0, (3,))),
    "no such axis": lambda f: f[distance](X, X, axis=5),
    "an axis for a number": lambda f: f[distance](X, X, axes=[(0,), (0,), (0,)]),
    "two axes for one": lambda f: f[distance](X, X, axes=[(0, 1), (0,), ()]),
    "axes is a number": lambda f: f[distance](X, X, axes=3),
    "too few axes": lambda f: f[distance](X, X, axes=[0]),
    "axis and axes": lambda f: f[distance](X, X, axis=0, axes=[0, 0]),
    "axis of no integer": lambda f: f[distance](X, X, axis=1.5),
    "axis of two dimensions": lambda f: f[moving](X, X, axis=0),
    "axis of matrices": lambda f: f[transposed](X, axis=0),
    "keepdims": lambda f: f[moving](X, X, keepdims=True),
    "keepdims of outputs": lambda f: f[doubled_and_sum](X, keepdims=True),
    "axes of outputs": lambda f: f[moving](X, X, axes=[(1,), (1,)]),
    "fixed size": lambda f: f[cross](X, X),
    "too few dimensions": lambda f: f[product](1.0, X[0]),
    "sizes of matrices": lambda f: f[product](X, X),
    "size of out": lambda f: f[product](X, X.T, out=np.zeros((4, 3))),
    "size of out of rows": lambda f: f[reversed_row](X, out=np.zeros((3, 3))),
    "computed size": lambda f: f[moving](X, np.ones(6)),
    "computed size of out": lambda f: f[moving](X, np.ones(2), out=np.zeros((3, 4))),
    "casts": lambda f: f[distance](X, X, casting="no", dtype="f4"),
    "out of integers": lambda f: f[distance](X, X, out=np.zeros(3, int)),
    "second out of integers": lambda f: f[extremes](X, out=(None, np.zeros(3, int))),
    "order": lambda f: f[distance](X, X, order="Q"),
    "dtype and signature": lambda f: f[distance](X, X, dtype="f4", signature="ff->f"),
    "a short signature": lambda f: f[distance](X, X, signature="f->f"),
    "large numbers": lambda f: f[scaled](np.int8([1]), 300),
    "objects": lambda f: f[distance](np.array([None]), X[0]),
}


class _Made:
    def __init__(self, target: str) -> None:
        self.target = target

    def __getitem__(self, function: Any) -> Any:
        return on(self.target, function)


@pytest.mark.parametrize("wrong", ERRORS.values(), ids=ERRORS)
def test_errors_are_those_of_the_processor(wrong: Any) -> None:
    with pytest.raises(Exception) as want:
        wrong(_Made("cpu"))
    with pytest.raises(Exception) as got:
        wrong(_Made("cuda"))
    assert str(got.value) == str(want.value)
    assert isinstance(want.value, type(got.value))


@pytest.mark.parametrize(
    "call",
    [
        lambda f: f[distance](X, X[:2]),
        lambda f: f[distance](X, X, out=np.zeros(4)),
        lambda f: f[reversed_row](X, out=np.zeros(4)),
        lambda f: f[reversed_row](X, out=np.zeros((1, 4))),
        lambda f: f[product](X, X.T, axes=[(0, 0), (0, 1), (0, 1)]),
        lambda f: f[product](X, X.T, axes=[1, (0, 1), (0, 1)]),
        lambda f: f[distance](X, X, where=True),
    ],
)  # fmt: skip
def test_other_errors(call: Any) -> None:
    """Whose words are not NumPy's."""
    for target in ("cpu", "cuda"):
        with pytest.raises((ValueError, TypeError)):
            call(_Made(target))


def test_loops_of_outputs() -> None:
    """An output may have more loop dimensions than the inputs."""
    out, again = np.zeros((2, 3)), np.zeros((2, 3))
    device(distance)(X, 2 * X, out=out)
    cpu(distance)(X, 2 * X, out=again)
    np.testing.assert_array_equal(out, again)
    wide = placed(np.zeros((5, 3, 4)))
    same(device(reversed_row)(X, out=wide), np.broadcast_to(X[:, ::-1], (5, 3, 4)))


# ---------------------------------------------------------------------------- what is written to


def rolled(x, by):
    first = x[0]
    for i in range(len(x) - 1):
        x[i] = x[i + 1] + by
    x[len(x) - 1] = first


@pytest.mark.parametrize(
    "place", [np.array, placed, lambda a: placed(np.asfortranarray(a)), Foreign]
)
def test_arguments_are_changed_in_place(place: Any) -> None:
    for dtype in ("f8", "f4", "i4"):
        x = X.astype(dtype)
        given_x = place(x)
        assert (
            on("cuda", rolled, "(n),()", writable_args=("x",))(given_x, X[:, 0].astype(dtype)) == ()
        )
        on("cpu", rolled, "(n),()", writable_args=("x",))(x, X[:, 0].astype(dtype))
        got = given_x if isinstance(given_x, np.ndarray) else given_x.copy_to_host()
        np.testing.assert_array_equal(got, x, strict=True)


def test_what_is_written_is_cast_and_comes_back() -> None:
    declared = guvectorize([(float64[:], float64)], "(n),()", target="cuda", writable_args=(0,))
    f = declared(rolled)
    x, on_it = X.astype("f4"), placed(X.astype("f4"))
    f(x, 1)
    f(on_it, 1)
    np.testing.assert_array_equal(on_it.copy_to_host(), x)
    assert x[0].tolist() == [2, 3, 4, 0]


def test_what_is_written_is_not_broadcast() -> None:
    f = on("cuda", rolled, "(n),()", writable_args=("x",))
    for by in (X[0], X[:2]):
        with pytest.raises(ValueError, match="output operand requires a reduction"):
            f(X[0].copy(), by)
    with pytest.raises(ValueError, match="operand array with iterator write flag set is read-only"):
        f(np.broadcast_to(1.0, (3,)), 1)
    locked = placed(np.ones(3))
    locked.view_of_host.flags.writeable = False
    with pytest.raises(ValueError, match="operand array with iterator write flag set is read-only"):
        f(locked, 1)


def added(x, y):
    for i in range(len(x)):
        y[i] += x[-1 - i]


def test_one_array_of_the_device_for_two_inputs() -> None:
    f = on("cuda", added, "(n),(n)", writable_args=(1,))
    x = placed(X)
    f(x, x)
    np.testing.assert_array_equal(x.copy_to_host(), X + X[:, ::-1])
    y = placed(X)
    f(y[:, :-1], y[:, 1:])
    want = X.copy()
    want[:, 1:] += X[:, 2::-1]
    np.testing.assert_array_equal(y.copy_to_host(), want)


def exchanged(x, y):
    for i in range(len(x)):
        x[i], y[i] = y[i] + 1, x[i] + 2


def test_two_writable_arrays_in_one() -> None:
    f = on("cuda", exchanged, "(n),(n)", writable_args=(0, 1))
    x, y = placed(X), placed(2 * X)
    f(x, y)
    np.testing.assert_array_equal(x.copy_to_host(), 2 * X + 1)
    np.testing.assert_array_equal(y.copy_to_host(), X + 2)
    f(x, x)
    np.testing.assert_array_equal(x.copy_to_host(), 2 * X + 3)


def test_outputs_that_overlap() -> None:
    x = placed(X)
    assert device(reversed_row)(x, out=x) is x
    np.testing.assert_array_equal(x.copy_to_host(), X[:, ::-1])
    x = placed(X)
    device(reversed_row)(x[:, :-1], out=x[:, 1:])
    want = X.copy()
    want[:, 1:] = X[:, 2::-1]
    np.testing.assert_array_equal(x.copy_to_host(), want)
    both = placed(np.zeros((3, 5)))
    device(doubled_and_sum)(X, out=(both[:, :4], both[:, 3]))
    np.testing.assert_array_equal(both.copy_to_host()[:, 3], X.sum(1))
    np.testing.assert_array_equal(both.copy_to_host()[:, :3], 2 * X[:, :3])


def test_outputs_that_are_only_changed() -> None:
    @guvectorize("(n)->()", target="cuda")
    def counted(x, out):
        for v in x:
            out[0] += v

    for out in (np.ones(3), placed(np.ones(3)), placed(np.ones(3, "c8")), np.ones(3, "f4")):
        counted(X, out=out)
        got = out if isinstance(out, np.ndarray) else out.copy_to_host()
        np.testing.assert_array_equal(got, X.sum(1) + 1)


# ------------------------------------------------------------------------------------ types


def plus(x, boxed, out):
    for i in range(len(x)):
        out[i] = x[i] + boxed[0]


def test_inputs_that_are_arrays_of_one_element() -> None:
    made = {
        t: guvectorize([(float64[:], int64[:], float64[:])], "(n),()->(n)", target=t)(plus)
        for t in ("cpu", "cuda")
    }
    for x, boxed in [(X, 2), (X, np.int8(3)), (X[0], np.arange(3)), (X.astype("f4"), [1, 2, 3])]:
        same(made["cuda"](x, boxed), made["cpu"](x, boxed))
        same(made["cuda"](placed(x), boxed), made["cpu"](x, boxed))
    assert made["cuda"].signatures == ["f8(f8,i8)"]


def test_signatures() -> None:
    @guvectorize(["f4[:](f4[:])", "i8[:](i8[:])"], "(n)->(n)", target="cuda")
    def itself(x):
        return x

    assert itself.signatures == []
    assert itself(np.float32([1, 2])).dtype == np.float32
    assert itself(np.int32([1, 2])).dtype == np.int64
    with pytest.raises(TypingError, match="no signature of itself takes"):
        itself(X)
    assert itself(X, casting="same_kind", dtype="f4").dtype == np.float32
    assert itself(X.astype(">f4")).dtype == np.float32
    assert itself.signatures == ["f4(f4)", "i8(i8)"]
    itself.compile("f4[:]")
    assert "func @itself" in itself.inspect_ir("f4[:]")


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "F", "M8[D]"])
def test_dtypes(dtype: str) -> None:
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    same(device(reversed_row)(placed(x)), cpu(reversed_row)(x))
    if dtype[0] not in "M?":
        same(device(doubled_and_sum)(x), cpu(doubled_and_sum)(x))
        same(device(scaled)(placed(x), 2), cpu(scaled)(x, 2))


# -------------------------------------------------------------------------------- exceptions


def checked(x, out):
    out[0] = 0
    for v in x:
        if v < 0:
            raise ValueError(f"{v} is negative")
        out[0] += v


def test_exceptions() -> None:
    f = on("cuda", checked, "(n)->()")
    same(f(X), X.sum(1))
    for x in (X - 5, placed(X - 5)):
        with pytest.raises(ValueError, match=r"^-[1-5]\.0 is negative$") as caught:
            f(x)
        assert caught.traceback[-1].name == "checked"

    def beyond(x, out):
        out[0] = x[len(x)]

    with pytest.raises(IndexError, match="out of bounds"):
        guvectorize("(n)->()", target="cuda", boundscheck=True)(beyond)(X)


def test_what_kernels_of_gpus_cannot_do() -> None:
    @guvectorize("(n)->(n)", target="cuda")
    def sums(x):
        made = np.zeros(len(x))
        for i in range(len(x)):
            made[i] = x[i]
        return made

    with pytest.raises(UnsupportedError, match="cannot allocate memory for an array"):
        sums(X)

    @guvectorize("(n),(n)", target="cuda", writable_args=(0,))
    def shifted(x, y):
        x[1:] = x[:-1]

    with pytest.raises(ValueError, match="is assigned to one that overlaps it: write a loop"):
        shifted(X.copy(), X)


def test_other_kernels_call_it() -> None:
    inner = on("cuda", distance)

    def calls(a, b, out):
        out[0] = inner(a, b) + 1

    for target in ("cpu", "cuda"):
        same(on(target, calls, "(n),(n)->()")(X, 2 * X), (X * X).sum(1) + 1)
    np.testing.assert_array_equal(njit(lambda a: inner(a, 2 * a))(X), (X * X).sum(1))


@guvectorize("(n)->()", target="cuda")
def total(x, out):
    """The sum."""
    out[0] = 0
    for v in x:
        out[0] += v


def test_what_it_says_of_itself() -> None:
    assert repr(total) == "<generalized ufunc 'total' for a device>"
    assert (total.nin, total.nout, total.nargs) == (1, 1, 2)
    assert (total.signature, total.identity, total.__doc__) == ("(n)->()", None, "The sum.")
    assert list(inspect.signature(total).parameters)[:3] == ["x", "out", "axes"]
    assert pickle.loads(pickle.dumps(total)) is total
    assert copy.deepcopy(total) is total


def test_many_places() -> None:
    """More than a grid has threads."""
    x = np.arange(200_000.0).reshape(-1, 2)
    same(device(distance)(x, x[::-1]), ((x - x[::-1]) ** 2).sum(1))
