"""`ufunc.reduce` on a device, against NumPy's and that of the processor."""

from __future__ import annotations

import gc
import weakref
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laid_out import Foreign, arrays, on_host, placed

from kernelgen import cuda, vectorize

pytestmark = pytest.mark.any_python

A = np.arange(6.0).reshape(2, 3)
I = np.arange(6).reshape(2, 3)
CUBE = np.arange(24.0).reshape(2, 3, 4)


@pytest.fixture(params=[False, True], ids=["emulator", "checked"])
def either(request: pytest.FixtureRequest, unoptimised: None) -> Any:
    """On an emulator, and on one that looks for races."""
    with cuda.emulator(checked=request.param):
        yield


def plus(x, y):
    return x + y


def minus(x, y):
    return x - y


def larger(x, y):
    return x if x > y else y


def twice_and(x, y):
    """Which depends on the order."""
    return 2 * x + y


def halves(x, y):
    """Whose second operand is another one than what it makes."""
    return x + y // 2


@cache
def on(target: str, function: Any, identity: Any = None) -> Any:
    return vectorize(function, target=target, identity=identity)


def same(got: Any, want: Any) -> None:
    got = on_host(got)
    assert got.dtype == np.asarray(want).dtype
    np.testing.assert_array_equal(got, want, strict=True)


# ------------------------------------------------------------------- everything at once

FUNCTIONS = [
    (plus, 0),
    (larger, "reorderable"),
    (minus, None),
    (twice_and, None),
    (halves, None),
]


@st.composite
def calls(draw: Any, ordered: bool) -> tuple[Any, dict[str, Any]]:
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=3)))
    array = draw(arrays(shape, draw(st.sampled_from(["f8", "i4", "?", "f4"]))))
    ndim = len(shape)
    one = st.integers(-ndim, ndim - 1)
    axis = draw(one if ordered else one | st.none() | st.sets(st.integers(0, ndim - 1)).map(tuple))
    keywords: dict[str, Any] = {"axis": axis, "keepdims": draw(st.booleans())}
    if draw(st.booleans()):
        keywords["initial"] = draw(st.sampled_from([3, 1, None]))
    if draw(st.booleans()):
        keywords["dtype"] = draw(st.sampled_from(["f8", "i8"]))
    if draw(st.booleans()):
        first = draw(st.integers(0, ndim))
        lengths = tuple(n if draw(st.integers(0, 3)) else 1 for n in shape[first:])
        keywords["where"] = draw(arrays(lengths, "?"))
    return array, keywords


@pytest.mark.parametrize("function, identity", FUNCTIONS)
def test_any_call(function: Any, identity: Any, emulated: None) -> None:
    @given(calls(identity is None), st.integers(0, 7), st.sampled_from([None, "f8", "i4"]))
    def run(call: Any, places: int, into: str | None) -> None:
        array, keywords = call
        host, device = on("cpu", function, identity), on("cuda", function, identity)
        try:
            want = host.reduce(array, **keywords)
        except (ValueError, TypeError) as error:
            with pytest.raises(type(error)) as caught:
                device.reduce(placed(array), **keywords)
            assert str(caught.value) == str(error)
            return
        if places & 1 and "where" in keywords:
            keywords["where"] = placed(keywords["where"])
        given_array = placed(array) if places & 2 else array
        got = device.reduce(given_array, **keywords)
        assert isinstance(got, cuda.DeviceArray) == bool(places & 2)
        same(got, want)
        if into is None:
            return
        out, again = np.zeros(want.shape, into), np.zeros(want.shape, into)
        host.reduce(
            array, **{**keywords, "where": on_host(keywords.get("where", True)), "out": again}
        )
        target = placed(out) if places & 4 else out
        assert device.reduce(given_array, out=target, **keywords) is target
        same(np.asarray(on_host(target)), again)

    run()


# ---------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("identity", [0, "reorderable", None])
def test_all_sizes(identity: Any, either: None) -> None:
    f = on("cuda", plus, identity)
    for n in (1, 2, 3, 31, 32, 33, 255, 256, 257, 1000):
        x = np.arange(2 * n).reshape(2, n) % 101
        same(f.reduce(placed(x), axis=1), x.sum(1))
        same(f.reduce(x[:, ::-2].T), x[:, ::-2].sum(1))


@pytest.mark.parametrize("size", [8191, 8192, 100_003])
@pytest.mark.parametrize("function", [plus, larger])
def test_large_arrays_take_two_launches(function: Any, size: int, either: None) -> None:
    x = np.random.default_rng(0).integers(-50, 50, size)
    name = {plus: np.add, larger: np.maximum}[function]
    f = on("cuda", function, 0 if function is plus else "reorderable")
    same(f.reduce(placed(x)), name.reduce(x))
    same(f.reduce(placed(x), initial=200), name.reduce(x, initial=200))
    for mask in (x > 40, x > 1000, np.arange(size) == 7000):
        same(f.reduce(placed(x), where=mask, initial=-60), name.reduce(x, where=mask, initial=-60))
    both = np.stack([x, -x])
    same(f.reduce(both, axis=1), name.reduce(both, axis=1))
    same(f.reduce(both.T, axis=None), name.reduce(both, axis=None))


def test_a_start_that_is_not_neutral_counts_once(emulated: None) -> None:
    f = on("cuda", plus, 100)
    x = np.arange(20_000)
    same(f.reduce(x), x.sum() + 100)
    same(f.reduce(x, where=x < 10), np.int64(45 + 100))
    same(f.reduce(x, initial=None), x.sum())
    same(f.reduce(x[:0]), np.int64(100))


def test_many_results(emulated: None) -> None:
    """More than a grid has blocks."""
    x = np.arange(60_000).reshape(20_000, 3)
    for identity in (0, None):
        same(on("cuda", plus, identity).reduce(x, axis=1), x.sum(1))


def test_the_order_without_identity_is_numpys(emulated: None) -> None:
    x = np.arange(50.0).reshape(5, 10) % 7
    f, want = on("cuda", twice_and), on("cpu", twice_and)
    for axis in (0, 1, -1):
        same(f.reduce(x, axis=axis), want.reduce(x, axis=axis))
        same(f.reduce(x, axis=axis, initial=3), want.reduce(x, axis=axis, initial=3))
        where = x > 2
        same(
            f.reduce(x, axis=axis, initial=3, where=where),
            want.reduce(x, axis=axis, initial=3, where=where),
        )


# ------------------------------------------------------------------------------- identities

IDENTITIES = [
    (0, "f8"), (1, "f4"), (-1, "i2"), (0, "?"), (True, "?"), (np.inf, "f8"), (np.nan, "f8"),
    (2.0, "i4"), (255, "u1"), (np.float32(0.5), "f8"), (2**70, "f8"), (np.inf, "i8"), (-1, "u1"),
    (256, "u1"), (0.5, "i8"), (2, "?"), (1e300, "f4"), (1j, "f8"), ("text", "f8"), (object(), "f8"),
    ((), "f8"), (np.zeros(3), "f8"), (np.datetime64("2020-01-01"), "i8"),
]  # fmt: skip


@pytest.mark.parametrize("identity, dtype", IDENTITIES)
def test_identities(identity: Any, dtype: str, emulated: None) -> None:
    """Those that the result cannot hold are none there."""
    host, device = (vectorize(plus, target=t, identity=identity) for t in ("cpu", "cuda"))
    nothing = np.zeros((0, 3), dtype)
    try:
        want = host.reduce(nothing)
    except ValueError as error:
        with pytest.raises(ValueError) as caught:
            device.reduce(nothing)
        assert str(caught.value) == str(error)
        return
    same(device.reduce(nothing), want)


# ---------------------------------------------------------------------------------- errors

WRONG = {
    "two outputs": lambda f, g, h: vectorize(lambda x, y: (x, y), target=f).reduce(A),
    "unary": lambda f, g, h: vectorize(lambda x: x, target=f).reduce(A),
    "all axes in order": lambda f, g, h: h.reduce(A, axis=None),
    "two axes in order": lambda f, g, h: h.reduce(A, axis=(0, 1)),
    "no such axis": lambda f, g, h: g.reduce(A, axis=2),
    "an axis twice": lambda f, g, h: g.reduce(A, axis=(0, 0)),
    "an axis twice, from the back": lambda f, g, h: g.reduce(A, axis=(0, -2)),
    "an axis of a number": lambda f, g, h: g.reduce(5, axis=1),
    "axes of a number": lambda f, g, h: g.reduce(5, axis=(0,)),
    "nothing": lambda f, g, h: h.reduce(np.zeros(0)),
    "rows of nothing": lambda f, g, h: h.reduce(np.zeros((0, 3))),
    "columns of nothing": lambda f, g, h: h.reduce(np.zeros((3, 0)), axis=1),
    "nothing at all": lambda f, g, h: h.reduce(np.zeros((0, 0)), axis=1),
    "a mask in order": lambda f, g, h: h.reduce(A, where=A > 1),
    "a mask without a start": lambda f, g, h: g.reduce(A, where=A > 2, initial=None),
    "a mask of integers": lambda f, g, h: g.reduce(A, where=I),
    "a mask of more dimensions": lambda f, g, h: g.reduce(A, where=np.ones((4, 2, 3), bool)),
    "a larger mask": lambda f, g, h: g.reduce(A[:1], where=np.ones((2, 3), bool)),
    "a dimension too many": lambda f, g, h: g.reduce(A, out=np.zeros((1, 3))),
    "a dimension too few": lambda f, g, h: g.reduce(A, out=np.zeros(())),
    "axes that are kept": lambda f, g, h: g.reduce(A, out=np.zeros(3), keepdims=True),
    "two outs": lambda f, g, h: g.reduce(A, out=(np.zeros(3), None)),
    "out is a number": lambda f, g, h: g.reduce(A, out=5),
    "initial is complex": lambda f, g, h: g.reduce(A, initial=1j),
    "initial is too large": lambda f, g, h: g.reduce(I.astype("i1"), initial=300),
    "initial is text": lambda f, g, h: g.reduce(A, initial="a"),
    "initial is a list": lambda f, g, h: g.reduce(A, initial=[1, 2]),
    "text": lambda f, g, h: g.reduce(np.array(["a"])),
    "objects": lambda f, g, h: g.reduce(np.zeros(3, object)),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_errors_are_those_of_the_processor(wrong: Any, emulated: None) -> None:
    caught = []
    for target in ("cpu", "cuda"):
        with pytest.raises(Exception) as found:
            wrong(target, on(target, plus, 0), on(target, minus))
        caught.append(found.value)
    assert str(caught[1]) == str(caught[0])
    assert isinstance(caught[0], type(caught[1]))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda f: f.reduce(A, where=np.ones((2, 2), bool)),
        lambda f: f.reduce(A, out=np.zeros(2)),
        lambda f: f.reduce(A, out=np.zeros(1)),
        lambda f: f.reduce(A, out=np.zeros((2, 3)), keepdims=True),
        lambda f: f.reduce(A, out=np.broadcast_to(0.0, (3,))),
    ],
)
def test_other_errors(wrong: Any, emulated: None) -> None:
    """Whose words are not NumPy's."""
    for target in ("cpu", "cuda"):
        with pytest.raises(ValueError):
            wrong(on(target, plus, 0))


def test_exceptions_of_kernels(emulated: None) -> None:
    def checked(x, y):
        if y > 100:
            raise ValueError(f"{y} is too large")
        return larger(x, y)

    x = np.arange(12) * 9
    for identity in (None, "reorderable"):
        f = vectorize(checked, target="cuda", identity=identity)
        assert f.reduce(x[:5]) == 36
        with pytest.raises(ValueError, match=r"^10[18] is too large$") as caught:
            f.reduce(placed(np.append(x, 101)))
        assert caught.traceback[-1].name == "checked"


# --------------------------------------------------------------------------- types and places


@pytest.mark.parametrize("dtype", ["?", "i1", "u4", "f2", "f4", "F", "D"])
def test_dtypes(dtype: str, emulated: None) -> None:
    x = np.array([[1, 0, 1], [1, 1, 0]], dtype)
    for identity in (0, None):
        host, device = on("cpu", plus, identity), on("cuda", plus, identity)
        same(device.reduce(placed(x)), host.reduce(x))
        same(
            device.reduce(x, dtype="f8" if dtype not in "FD" else "D"),
            x.sum(0, "f8" if dtype not in "FD" else "D"),
        )
    same(device.reduce(x.astype(np.dtype(dtype).newbyteorder())), host.reduce(x))


def test_the_type_of_out_counts(emulated: None) -> None:
    x = np.int8([100, 100])
    for dtype in ("i4", "i1", "f4", "D"):
        out, again = np.zeros((), dtype), np.zeros((), dtype)
        on("cuda", plus, 0).reduce(x, out=out)
        np.add.reduce(x, out=again)
        assert out == again
    halved = np.array([10.7, 100])
    out, again = placed(np.zeros((), "i1")), np.zeros((), "i1")
    on("cuda", plus, 0).reduce(halved, out=out)
    np.add.reduce(halved, out=again)
    np.testing.assert_array_equal(out.copy_to_host(), again)


def test_times(emulated: None) -> None:
    days = np.array(["2020-02-29", "2021-01-01", "1960-05-05"], "M8[D]")
    lengths = np.array([[90, -7], [0, 3]], "m8[m]")
    f = on("cuda", larger, "reorderable")
    same(f.reduce(placed(days)), days.max())
    same(f.reduce(days, where=days < days[1], initial=np.datetime64("1900")), days[0])
    total = vectorize(plus, target="cuda", identity=0)
    same(total.reduce(lengths, axis=None), lengths.sum())
    same(total.reduce(lengths[:0]), lengths[:0].sum(0))


def test_numbers_and_lists(emulated: None) -> None:
    f = on("cuda", plus, 0)
    for x in (5, 2.5, True, np.float32(2), np.array(7)):
        same(f.reduce(x), np.add.reduce(x) if not isinstance(x, bool) else np.True_)
        same(f.reduce(x, axis=-1), on("cpu", plus, 0).reduce(x))
        same(f.reduce(x, axis=None), on("cpu", plus, 0).reduce(x))
    same(f.reduce([[1, 2], [3, 4]], axis=-1), np.array([3, 7]))
    same(f.reduce(array=A, axis=()), A)


def test_arrays_of_the_device(emulated: None) -> None:
    f = on("cuda", plus, 0)
    stream = cuda.stream()
    x, out = Foreign(CUBE[:, ::-1]), Foreign(np.zeros((2, 4)))
    assert f.reduce(x, axis=1, out=out, stream=stream) is out
    stream.synchronize()
    np.testing.assert_array_equal(out.copy_to_host(), CUBE.sum(1))
    mine = np.zeros(3)
    assert f.reduce(placed(CUBE), axis=(0, 2), out=(mine,)) is mine
    np.testing.assert_array_equal(mine, CUBE.sum((0, 2)))
    assert f.reduce(placed(CUBE), axis=None).shape == ()
    row = placed(A)
    f.reduce(row, out=row[0])
    np.testing.assert_array_equal(row.copy_to_host()[0], A.sum(0))


def test_what_is_kept_of_a_ufunc_goes_with_it(emulated: None) -> None:
    def kernel(x, y):
        return x + y

    f = vectorize(kernel, target="cuda", identity=0)
    f.reduce(A)
    alive = weakref.ref(kernel)
    del kernel, f
    gc.collect()
    assert alive() is None
