"""Kernels of generalized ufuncs: what they take, fill and return."""

from __future__ import annotations

import math
import pickle
import threading

import numpy as np
import pytest

from kernelgen import (
    SignatureError,
    TypingError,
    UnsupportedError,
    float32,
    float64,
    guvectorize,
    int64,
    void,
)
from kernelgen.errors import KernelgenError

pytestmark = pytest.mark.usefixtures("interpreted")

X = np.arange(12.0).reshape(3, 4)


def layouts(array):
    """The same values, lying in memory in several ways."""
    yield array.copy()
    yield np.asfortranarray(array)
    yield np.repeat(array, 2, axis=-1)[..., ::2]
    yield array[..., ::-1].copy()[..., ::-1]
    yield np.repeat(array[::-1], 3, axis=0)[::-3]


# ------------------------------------------------------------------------- filling and returning


def test_a_kernel_fills_its_output(target):
    @guvectorize("(n),()->(n)", target=target)
    def scale(x, a, out):
        for i in range(len(x)):
            out[i] = a * x[i]

    for x in layouts(X):
        for a in (2.0, [1.0, 2.0, 3.0]):
            np.testing.assert_array_equal(scale(x, a), np.asarray(a)[..., None] * x)


def test_a_kernel_returns_a_number(target):
    @guvectorize("(n)->()", target=target)
    def mean(x):
        s = 0.0
        for v in x:
            s += v
        return s / len(x)

    for x in layouts(X):
        np.testing.assert_array_equal(mean(x), x.mean(-1))
    assert mean([1, 2, 6]) == 3.0


def test_a_kernel_returns_several_numbers(target):
    @guvectorize("(n)->(),()", target=target)
    def extremes(x):
        low = high = x[0]
        for v in x:
            low, high = min(low, v), max(high, v)
        return low, high

    low, high = extremes(X)
    np.testing.assert_array_equal(low, X.min(-1))
    np.testing.assert_array_equal(high, X.max(-1))
    assert [r.dtype for r in extremes(np.arange(3, dtype="i2"))] == [np.int16] * 2


def test_outputs_of_different_dtypes_and_shapes(target):
    @guvectorize("(n)->(n),()", target=target)
    def ranks(x, out, count):
        count[0] = 0
        for i in range(len(x)):
            below = 0
            for v in x:
                if v < x[i]:
                    below += 1
            out[i] = below / len(x)
            count[0] += 1

    shares, count = ranks(np.float32([[3, 1, 2], [5, 5, 4]]))
    np.testing.assert_array_equal(shares, np.array([[2, 0, 1], [1, 1, 0]]) / 3)
    np.testing.assert_array_equal(count, [3, 3])
    assert (shares.dtype, count.dtype) == (np.float64, np.int64)


def test_a_kernel_returns_arrays(target):
    x = np.arange(24.0).reshape(2, 3, 4)
    turned = guvectorize("(m,n)->(n,m)", target=target)(lambda a: a.T)
    np.testing.assert_array_equal(turned(x), x.transpose(0, 2, 1))
    np.testing.assert_array_equal(turned(x[:, ::-1, ::2]), x[:, ::-1, ::2].transpose(0, 2, 1))
    backwards = guvectorize("(n)->(n),()", target=target)(lambda a: (a[::-1], a[0]))
    for got, want in zip(backwards(x), (x[..., ::-1], x[..., 0])):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(
        backwards(x, out=(x, None))[0], np.arange(24.0).reshape(2, 3, 4)[..., ::-1]
    )
    for n in (1, 5, 33):
        y = np.arange(2.0 * n).reshape(2, n)
        want = y[:, ::-1].copy()
        np.testing.assert_array_equal(backwards(y, out=(y, None))[0], want)
    first = guvectorize("(n)->(n)", target=target)(lambda a: a[0])
    np.testing.assert_array_equal(first(x), np.broadcast_to(x[..., :1], x.shape))


def test_a_returned_array_must_have_the_output_s_shape(target):
    tail = guvectorize("(n)->(n)", target=target)(lambda a: a[1:])
    with pytest.raises(ValueError, match=r"could not broadcast .* shape \(3,\) into shape \(4,\)"):
        tail(X)
    with pytest.raises((TypingError, ValueError), match="does not fit|could not broadcast"):
        guvectorize("(m,n)->(n)", target=target)(lambda a: a)(X)


def test_a_returned_array_is_broadcast_to_the_output(target):
    x = np.arange(3.0)
    rows = guvectorize("(n)->(n,n)", target=target)(lambda a: a)
    np.testing.assert_array_equal(rows(x), np.broadcast_to(x, (3, 3)))
    columns = guvectorize("(n)->(n,n)", target=target)(lambda a: a[:, None])
    np.testing.assert_array_equal(columns(x), np.broadcast_to(x[:, None], (3, 3)))
    one = guvectorize("(n)->(n)", target=target)(lambda a: a[-1:])
    np.testing.assert_array_equal(one(x), [2, 2, 2])


@pytest.mark.parametrize("kernel", [lambda a: a, lambda a: a[0]], ids=["array", "number"])
def test_what_is_returned_has_the_declared_type(kernel, target):
    core = "(n)->(n)" if kernel(X[0]).ndim else "(n)->()"
    declared = "f4[:](f8[:])" if kernel(X[0]).ndim else "f4(f8[:])"
    got = guvectorize([declared], core, target=target)(kernel)(X + 0.1)
    want = kernel((X + 0.1).T).T.astype("f4")
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, want)


def test_early_returns(target):
    @guvectorize("(n),()->()", target=target)
    def find(x, value):
        for i in range(len(x)):
            if x[i] == value:
                return i
        return -1

    np.testing.assert_array_equal(find(X, 6.0), [-1, 2, -1])


def test_a_kernel_without_core_dimensions_is_a_ufunc(target):
    @guvectorize("(),()->()", target=target)
    def plus(x, y, out):
        out[0] = x + y

    np.testing.assert_array_equal(plus(X, X), X + X)
    assert plus.signature is None


# ---------------------------------------------------------------------------- dtypes of outputs


def stored_dtype(target, kernel, *args):
    return guvectorize("(n)->()", target=target)(kernel)(*args).dtype


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i4", "i8", "f4", "f8"])
def test_outputs_have_the_type_of_what_is_stored(dtype, target):
    def first(x, out):
        out[0] = x[0]

    def twice(x, out):
        out[0] = x[0] * 2.5

    def rising(x, out):
        out[0] = 0
        for v in x:
            out[0] += v

    x = np.ones(3, dtype)
    assert stored_dtype(target, first, x) == dtype
    assert stored_dtype(target, twice, x) == np.result_type(dtype, 2.5)
    assert stored_dtype(target, rising, x) == np.result_type(dtype, 0)


def test_weak_values_alone_have_their_usual_types(target):
    def integer(x, out):
        out[0] = len(x)

    def real(x, out):
        out[0] = 1.5

    def truth(x, out):
        out[0] = x[0] > 1 and len(x) > 2

    def either(x, out):
        out[0] = 0
        if x[0] > 1:
            out[0] = 0.5

    x = np.ones(3, "f4")
    assert [stored_dtype(target, k, x) for k in (integer, real, truth, either)] == [
        np.dtype(t) for t in ("i8", "f8", "?", "f8")
    ]


def test_stores_through_views_and_helpers_are_seen(target):
    def put(row, value):
        row[0] = value

    @guvectorize("(n)->(n,n),()", target=target)
    def table(x, out, last):
        for i in range(len(x)):
            row = out[i]
            for j in range(len(x)):
                put(row[j:], x[i] * x[j])
        for row in out[1:]:
            row[0] = 0.5
        t = last
        t[0] = len(x)

    square, last = table(np.arange(1, 4, dtype="f4"))
    want = np.outer([1, 2, 3], [1, 2, 3]).astype("f4")
    want[1:, 0] = 0.5
    np.testing.assert_array_equal(square, want)
    assert (square.dtype, last.dtype) == (np.float32, np.int64)


def test_outputs_that_depend_on_each_other(target):
    @guvectorize("(n)->(),()", target=target)
    def crossed(x, a, b):
        a[0] = 1
        b[0] = a[0] + x[0]
        a[0] = b[0] + 1

    a, b = crossed(np.float32([2.5]))
    assert (a, b, a.dtype, b.dtype) == (4.5, 3.5, np.float32, np.float32)


def test_what_tells_no_type_is_refused(target):
    @guvectorize("(n)->()", target=target)
    def nothing(x, out):
        pass

    @guvectorize("(n)->()", target=target)
    def itself(x, out):
        out[0] = out[0]

    for f in (nothing, itself):
        with pytest.raises(TypingError, match="nothing tells the type of the output 'out'") as e:
            f(X)
        assert "give guvectorize a signature" in str(e.value)


# -------------------------------------------------------------------------------- dimensions


def test_computed_dimensions(target):
    @guvectorize("(n),(w)->(n-w+1)", target=target)
    def moving(x, window, out):
        for i in range(len(out)):
            out[i] = 0
            for j in range(len(window)):
                out[i] += x[i + j] * window[j]

    w = np.array([1.0, 2.0])
    want = np.array([np.convolve(x, w[::-1], "valid") for x in X])
    np.testing.assert_array_equal(moving(X, w), want)
    out = np.zeros((3, 3))
    assert moving(X, w, out=out) is out
    with pytest.raises(ValueError, match=r"moving: the output dimension n-w\+1 would be -1"):
        moving(X, np.ones(6))
    with pytest.raises(ValueError, match="is 3 for n=4, w=2, and 4 in the output"):
        moving(X, w, out=np.zeros((3, 4)))


def test_fixed_dimensions(target):
    @guvectorize("(3),(3)->(3)", target=target)
    def cross(a, b, c):
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            c[i] = a[j] * b[k] - a[k] * b[j]

    a, b = X[:, 1:] + [1, 0, 2], X[0, :3] - 1.5
    np.testing.assert_array_equal(cross(a, b), np.cross(a, b))
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        cross(X, X)


def test_an_output_dimension_of_its_own_comes_from_out(target):
    @guvectorize("(n)->(m)", target=target)
    def spread(x, out):
        for i in range(len(out)):
            out[i] = x[i % len(x)]

    np.testing.assert_array_equal(spread(X, out=np.zeros((3, 6))), np.tile(X, 2)[:, :6])
    with pytest.raises(ValueError, match="core dimension"):
        spread(X)


# -------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    "signatures",
    [
        "void(f8[:],f8[:])",
        ["void(float64[:], float64[:])"],
        [(float64[:], float64[:])],
        (float64[:], float64[:]),
        void(float64[:], float64[:]),
        [void(float64[::1], float64[:]), void(float32[:], float64[:])],
        float64[:](float64[:]),
        "f8(f8[:])",
        ["d->d", "f->d"],
    ],
)
def test_spellings_of_signatures(signatures, target):
    core = "(n)->()" if signatures in ("f8(f8[:])", ["d->d", "f->d"]) else "(n)->(n)"

    @guvectorize(signatures, core, target=target)
    def first(x, out):
        for i in range(len(out)):
            out[i] = x[0]

    want = X[:, 0] if core == "(n)->()" else np.repeat(X[:, :1], 4, axis=1)
    np.testing.assert_array_equal(first(X), want)
    np.testing.assert_array_equal(first(X.astype("f4")), want)
    assert first(X.astype("f4")).dtype == np.float64


def test_an_input_may_be_an_array_of_one_element(target):
    def kernel(x, n, out):
        out[0] = x[0] + n[0]

    f = guvectorize([(float64[:], int64[:], float64[:])], "(n),()->()", target=target)(kernel)
    np.testing.assert_array_equal(f(X, [1, 2, 3]), X[:, 0] + [1, 2, 3])


def test_the_result_is_converted_to_what_is_declared(target):
    @guvectorize([(float64[:], int64[:])], "(n)->()", target=target)
    def truncated(x, out):
        out[0] = x[0] / 2

    assert truncated([7.0]) == 3
    assert truncated([7.0]).dtype == np.int64


def test_the_first_signature_to_which_inputs_cast_wins(target):
    @guvectorize([(int64[:], int64[:]), (float64[:], float64[:])], "(n)->()", target=target)
    def first(x, out):
        out[0] = x[0]

    assert [first(np.ones(2, t)).dtype for t in ("i2", "f4", "u8")] == [int64.dtype, "f8", "f8"]
    with pytest.raises(TypingError, match="no signature of first takes"):
        first(np.ones(2, complex))


# ------------------------------------------------------------------------------ writable inputs


def test_inputs_are_read_only(target):
    @guvectorize("(n)->()", target=target)
    def spoil(x, out):
        x[0] = 1
        out[0] = x[0]

    with pytest.raises(TypingError, match="read-only") as error:
        spoil(X)
    assert "x[0] = 1" in str(error.value)


@pytest.mark.parametrize("names", [["x"], [0], ("x",)])
def test_writable_inputs(names, target):
    @guvectorize("(n),()->()", writable_args=names, target=target)
    def add(x, a, out):
        out[0] = x[0]
        for i in range(len(x)):
            x[i] += a

    for x in layouts(X):
        np.testing.assert_array_equal(add(x, [1.0, 2.0, 3.0]), X[:, 0])
        np.testing.assert_array_equal(x, X + [[1], [2], [3]])


def test_writable_inputs_that_are_cast_are_written_back(target):
    @guvectorize([(float64[:], float64[:])], "(n)->()", writable_args=["x"], target=target)
    def negate(x, out):
        for i in range(len(x)):
            x[i] = -x[i]
        out[0] = 0.0

    x = X.astype("f4")
    negate(x)
    np.testing.assert_array_equal(x, -X)


def test_writable_args_that_do_not_exist():
    with pytest.raises(KernelgenError, match="writable_args has 'y', which is no input"):
        guvectorize("(n)->()", writable_args=["y"])(lambda x: x[0])


# ------------------------------------------------------------------------------------- errors


def test_exceptions_leave_the_loop(target):
    @guvectorize("(n)->()", target=target)
    def positive(x, out):
        for i in range(len(x)):
            if x[i] < 0:
                raise ValueError(f"negative at {i}")
            out[0] = x[i]

    out = np.full(3, -1.0)
    with pytest.raises(ValueError, match="^negative at 2$"):
        positive(np.array([[1.0, 2, 3], [4, 5, -6], [7, 8, 9]]), out=out)
    if target == "cpu":
        np.testing.assert_array_equal(out[[0, 2]], [3, -1])
    np.testing.assert_array_equal(positive(X), X[:, -1])


def test_bounds_are_checked_where_asked(target):
    @guvectorize("(n),()->()", boundscheck=True, target=target)
    def item(x, i, out):
        out[0] = x[i]

    np.testing.assert_array_equal(item(X, -1), X[:, -1])
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 0 with size 4"):
        item(X, 4)


REFUSED = [
    (lambda: guvectorize("(n)->()")(lambda x, y, z: 0), SignatureError, "takes 3 arguments"),
    (lambda: guvectorize("(n)->()")(lambda: 0), SignatureError, "takes 0 arguments"),
    (lambda: guvectorize("(n)->()")(lambda *x: 0), UnsupportedError, "fixed number of parameters"),
    (lambda: guvectorize("(n)->()")(math.sin), UnsupportedError, "is not a Python function"),
    (lambda: guvectorize("(n->()"), SignatureError, "is missing here"),
    (lambda: guvectorize("f8(f8)"), SignatureError, "is missing here"),
    (lambda: guvectorize([(float64[:],)], "(n)->()"), SignatureError, "has 1 types"),
    (lambda: guvectorize(["d->d", "d->f"], "(n)->()"), SignatureError, "two signatures have"),
    (lambda: guvectorize("(n)->()", target="moon"), KernelgenError, "target cannot be 'moon'"),
    (lambda: guvectorize("(n)->()", fastmath="quick"), KernelgenError, "fastmath has no flag"),
    (lambda: guvectorize("(n)->()")(lambda x: None)(X), TypingError, "the kernel returns None"),
    (lambda: guvectorize("(n)->(),()")(lambda x: x[0])(X), TypingError, "returns 1 values"),
    (lambda: guvectorize("(n)->()")(lambda x, out: x[0])(X), TypingError, "but returns float64"),
    (lambda: guvectorize("(n)->()")(lambda x: x[0] @ 2)(X), KernelgenError, "@"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "words"), REFUSED)
def test_what_is_wrong_is_said(make, error, words):
    with pytest.raises(error, match=words):
        make()


# --------------------------------------------------------------------------- what it offers


@guvectorize("(n)->()")
def total(x, out):
    """The sum."""
    out[0] = 0
    for v in x:
        out[0] += v


def test_attributes():
    assert total.__name__ == "total"
    assert total.__doc__ == "The sum."
    assert total.py_func.__code__.co_varnames[:2] == ("x", "out")
    assert list(total.__signature__.parameters)[:3] == ["x", "out", "axes"]
    assert "where" not in total.__signature__.parameters
    assert pickle.loads(pickle.dumps(total)) is total


def test_compiling_ahead_and_looking():
    @guvectorize("(n)->()")
    def summed(x, out):
        out[0] = 0
        for v in x:
            out[0] += v

    summed.compile("f4")
    summed.compile("f8(f8[:])")
    summed.compile(void(int64[:], int64[:]))
    assert summed.signatures == ["f4(f4)", "f8(f8)", "i8(i8)"]
    assert "func @summed" in summed.inspect_ir("f8")
    assert "kernelgen_core_loop" in summed.inspect_llvm((float64[:],))
    assert "kernelgen_core_loop" in summed.inspect_asm("void(f8[:],f8[:])")
    with pytest.raises(SignatureError, match="makes f8"):
        summed.compile("f4(f8[:])")


def test_options_of_other_compilers():
    @guvectorize(
        [(float64[:], float64[:])], "(n)->()", nopython=True, nogil=True, cache=True, target="cpu"
    )
    def first(x, out):
        out[0] = x[0]

    np.testing.assert_array_equal(first(X), X[:, 0])


def test_object_mode():
    @guvectorize([(float64[:], float64[:])], "(n)->()", forceobj=True)
    def median(x, out):
        out[0] = sorted(x.tolist())[len(x) // 2]

    np.testing.assert_array_equal(median(X[:, ::-1]), X[:, 2])


def test_closures_and_plain_calls(target):
    def make(power):
        return guvectorize("(n)->(n)", target=target)(lambda x, out: raise_to(x, power, out))

    def raise_to(x, power, out):
        for i in range(len(x)):
            out[i] = x[i] ** power

    np.testing.assert_array_equal(make(2)(X), X**2)
    np.testing.assert_array_equal(make(3)(X), X**3)


def test_many_threads_meet_a_fresh_gufunc():
    @guvectorize("(n)->()")
    def summed(x, out):
        out[0] = 0
        for v in x:
            out[0] += v

    results = [None] * 8

    def run(i):
        x = X.astype(["f8", "f4", "i8", "i4"][i % 4])
        results[i] = summed(x if i % 2 else np.asfortranarray(x))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, X.sum(-1))


def test_times(target):
    @guvectorize("(n)->()", target=target)
    def latest(t, out):
        out[0] = t[0]
        for each in t:
            out[0] = max(out[0], each)

    days = np.array([["2020-01-01", "2021-05-05"], ["2020-02-01", "1999-01-01"]], "M8[D]")
    got = latest(days)
    np.testing.assert_array_equal(got, days.max(-1))
    assert got.dtype == "M8[D]"
    assert latest(days.astype("M8[s]")).dtype == "M8[s]"


def test_complex_numbers_and_halves(target):
    for dtype in ("F", "D", "e"):
        x = (X + 1).astype(dtype) * (1 if dtype == "e" else 1 + 2j)
        got = total(x)
        assert got.dtype == np.dtype(dtype)
        np.testing.assert_allclose(got, x.sum(-1), rtol=1e-2 if dtype == "e" else 1e-6)


def test_a_complex_number_among_the_inputs(target):
    @guvectorize("(n),()->(n)", target=target)
    def scale(x, a, out):
        out[:] = a * x

    for dtype in ("F", "D"):
        x, a = X.astype(dtype), np.array([1j, 2, 3 - 1j], dtype)
        np.testing.assert_array_equal(scale(x, a), a[:, None] * x, strict=True)


def test_outputs_that_are_only_changed(target):
    @guvectorize("(n),(n)->(n)", target=target)
    def sums(a, b, out):
        out[:] = a
        out += b

    assert sums(np.arange(3), np.ones(3, np.int8)).dtype == np.int64

    @guvectorize("(n)->()", target=target)
    def total(a, out):
        for v in a:
            out[0] += v

    out = np.ones(2)
    np.testing.assert_array_equal(total(np.arange(6.0).reshape(2, 3), out=out), [4, 13])


def test_an_output_that_a_product_is_put_into():
    @guvectorize("(m,k),(k,n)->(m,n)")
    def product(a, b, out):
        np.dot(a, b, out)

    assert product(np.eye(2), np.ones((2, 3), np.float32)).dtype == np.float64
