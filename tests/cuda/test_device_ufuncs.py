"""`vectorize(target="cuda")` against NumPy's ufuncs, and against those of the processor."""

from __future__ import annotations

import copy
import itertools
import pickle
import struct
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laid_out import Foreign, arrays, on_host, placed, same, views

from kernelgen import KernelgenError, TypingError, cuda, njit, vectorize
from kernelgen.cuda import operands
from kernelgen.cuda.arrays import described
from kernelgen.targets import cuda as entries

sys.path.insert(0, str(Path(__file__).parents[1] / "vectorize"))
from uses import CALLS, assert_same

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("emulated")]

A = np.arange(6.0).reshape(2, 3)
I = np.arange(6).reshape(2, 3)
READ_ONLY = A.copy()
READ_ONLY.flags.writeable = False


def plus(x, y):
    return x + y


def minus(x, y):
    return x - y


def negated(x):
    return -x


def both(x):
    return x + 1, x * 2


def clipped(x, low, high):
    return min(max(x, low), high)


@cache
def on(where: str, function: Any, **options: Any) -> Any:
    return vectorize(function, target=where, identity=0, **options)


def cpu(function: Any) -> Any:
    return on("cpu", function)


def device(function: Any) -> Any:
    return on("cuda", function)


# ------------------------------------------------------------------- everything at once

KERNELS = {1: negated, 2: minus, 3: clipped}


@st.composite
def calls(draw: Any) -> tuple[Any, ...]:
    """Operands that broadcast, a mask or none, an output or none, an order."""
    count = draw(st.integers(1, 3))
    shape = draw(st.lists(st.integers(0, 4) | st.just(3), max_size=4).map(tuple))
    inputs = [
        draw(arrays(draw(parts_of(shape)), draw(st.sampled_from(["f8", "f4", "i4"]))))
        for _ in range(count)
    ]
    mask = draw(st.none() | parts_of(shape).flatmap(lambda s: arrays(s, "?")))
    met = np.broadcast_shapes(*(a.shape for a in inputs), *[] if mask is None else [mask.shape])
    out = None
    if mask is not None or draw(st.booleans()):
        out = draw(arrays(met, "f8", repeats=False))
    return inputs, mask, out, draw(st.sampled_from("KCFA"))


@st.composite
def parts_of(draw: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to another one."""
    first = draw(st.integers(0, len(shape)))
    return tuple(n if draw(st.integers(0, 3)) else 1 for n in shape[first:])


@given(calls(), st.integers(0, 31))
def test_any_call(call: Any, places: int) -> None:
    """Some operands are on the device, as the bits of ``places`` say."""
    inputs, mask, out, order = call
    kernel = KERNELS[len(inputs)]
    keywords = {} if mask is None else {"where": mask}
    before = None if out is None else out.copy()
    want = cpu(kernel)(*inputs, out=out, order=order, **keywords)
    want = want if out is None else out.copy()
    if out is not None:
        out[...] = before
    taken = [placed(a) if places >> k & 1 else a for k, a in enumerate(inputs)]
    if mask is not None and places >> 3 & 1:
        keywords["where"] = placed(mask)
    into = placed(out) if out is not None and places >> 4 & 1 else out
    got = device(kernel)(*taken, out=into, order=order, **keywords)
    if out is None and any(isinstance(x, cuda.DeviceArray) for x in taken):
        assert isinstance(got, cuda.DeviceArray)
        want = np.asarray(want)
    if out is not None:
        assert got is into
        np.testing.assert_array_equal(on_host(got), want, strict=True)
        return
    same(got, want)
    if want.size > 1:
        assert steps(got) == steps(want)


def steps(array: Any) -> list[int]:
    """The strides along the axes that have any."""
    return [s for s, n in zip(array.strides, array.shape) if n > 1]


@given(views((4, 5), 10), views((4, 5), 10), views((4, 5), 10), st.booleans())
def test_operands_in_one_array(first: Any, second: Any, out: Any, masked: bool) -> None:
    """As if all results had been made first, and then been stored."""
    whole = np.arange(100.0).reshape(10, 10)
    x, y, result = first(whole).copy(), second(whole).copy(), whole.copy()
    mask = x % 3 > 0
    np.subtract(x, y, out=out(result), where=mask if masked else True)
    on_it = cuda.to_device(whole)

    def at(view: Any) -> Any:
        made = described_like(view(on_it.view_of_host), on_it)
        return made

    where = cuda.to_device(mask) if masked else True
    device(minus)(at(first), at(second), out=at(out), where=where)
    np.testing.assert_array_equal(on_it.copy_to_host(), result)


def described_like(view: np.ndarray, owner: Any) -> Any:
    address = view.__array_interface__["data"][0]
    return described(address, view.shape, view.strides, view.dtype, owner, owner.driver)


def test_outputs_in_one_array() -> None:
    whole = cuda.to_device(np.zeros((3, 4)))
    x = np.arange(4.0)
    device(both)(x, out=(whole[0], whole[1]))
    device(both)(x[:3], out=(whole[2, :3], whole[2, 1:]))
    want = [[1, 2, 3, 4], [0, 2, 4, 6], [1, 0, 2, 4]]
    np.testing.assert_array_equal(whole.copy_to_host(), want)


LEFT_OUT = {
    "masked": "a kernel for GPUs was given a masked array",
    "masked both": "a kernel for GPUs was given a masked array",
}
PLAIN = (
    "subclass",
    "subclass out",
    "long long",
    "long and long long",
    "long long and long",
    "dtype long long",
)
"""Whose results are plain arrays, of the usual one of two C types."""


@pytest.mark.parametrize("name", CALLS)
def test_every_use_gives_what_numpys_add_gives(name: str) -> None:
    use = CALLS[name]
    if name in LEFT_OUT:
        with pytest.raises(TypingError, match=LEFT_OUT[name]):
            use(device(plus))
    elif name in PLAIN:
        np.testing.assert_array_equal(use(device(plus))[-1], np.asarray(use(np.add)[-1]))
    else:
        assert_same(use(device(plus)), use(np.add))


# --------------------------------------------------------------------------------- errors

WRONG = {
    "too few": lambda f, g: f(A),
    "too many": lambda f, g: f(A, A, A, A),
    "none": lambda f, g: f(),
    "out twice": lambda f, g: f(A, A, A.copy(), out=A.copy()),
    "a tuple of two": lambda f, g: f(A, A, out=(None, None)),
    "no outputs": lambda f, g: f(A, A, out=()),
    "one output of two": lambda f, g: g(A, out=A),
    "a tuple of one of two": lambda f, g: g(A, out=(A,)),
    "too many with outputs": lambda f, g: g(A, A, A, A),
    "out is a number": lambda f, g: f(A, A, out=5),
    "out is a list": lambda f, g: f(A, A, out=[1, 2]),
    "a number as third": lambda f, g: f(A, A, 5),
    "out is a scalar": lambda f, g: f(A, A, out=np.float64(3)),
    "a number among outs": lambda f, g: g(A, out=(5, None)),
    "out is read-only": lambda f, g: f(A, A, out=READ_ONLY),
    "out has another shape": lambda f, g: f(A, A, out=np.zeros((3, 2))),
    "out is too small": lambda f, g: f(A, A, out=np.zeros(3)),
    "out would be broadcast": lambda f, g: f(A, A, out=np.zeros((1, 3))),
    "no common shape": lambda f, g: f(A, A[:, :2]),
    "no common shape with out": lambda f, g: f(A, A[:, :2], out=A.copy()),
    "out of integers": lambda f, g: f(A, A, out=np.zeros((2, 3), int)),
    "first output of integers": lambda f, g: g(A, out=(np.zeros((2, 3), int), None)),
    "second output of integers": lambda f, g: g(A, None, np.zeros((2, 3), int)),
    "casting": lambda f, g: f(A, A, casting="no", dtype="f4"),
    "dtype": lambda f, g: f(A, A, dtype=int),
    "a casting that is none": lambda f, g: f(A, A, casting="foo"),
    "an order that is none": lambda f, g: f(A, A, order="X"),
    "order is a number": lambda f, g: f(A, A, order=3),
    "a mask of integers": lambda f, g: f(A, A, where=I, out=A.copy()),
    "a mask of one integer": lambda f, g: f(A, A, where=np.array(1), out=A.copy()),
    "a mask of more dimensions": lambda f, g: f(A, A, where=np.ones((5, 2, 3), bool), out=A.copy()),
    "dtype and signature": lambda f, g: f(A, A, dtype="f4", signature="ff->f"),
    "a short signature": lambda f, g: f(A, A, signature="f->f"),
    "a long signature": lambda f, g: f(A, A, signature="ff->ff"),
    "a short tuple": lambda f, g: f(A, A, signature=("f", "f")),
    "signature is a number": lambda f, g: f(A, A, signature=5),
    "too large": lambda f, g: f(np.int8([1]), 300),
    "too small": lambda f, g: f(np.int8([1]), -129),
    "without a sign": lambda f, g: f(np.uint8([1]), -1),
    "larger than an int64": lambda f, g: f(2**63, 1),
    "larger than 64 bits": lambda f, g: f(2**64, 1),
    "text": lambda f, g: f("a", 1),
    "None": lambda f, g: f(None, 1),
    "objects": lambda f, g: f(np.array([None]), 1),
    "ragged": lambda f, g: f([[1], [2, 3]], 1),
    "outer of one": lambda f, g: g.outer(A, A),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_errors_are_those_of_the_processor(wrong: Any) -> None:
    with pytest.raises(Exception) as want:
        wrong(cpu(plus), cpu(both))
    with pytest.raises(Exception) as got:
        wrong(device(plus), device(both))
    assert str(got.value) == str(want.value)
    assert isinstance(want.value, type(got.value))


def test_units_of_dtype() -> None:
    days = np.zeros(2, "m8[D]")
    for dtype in ("m8[s]", ">f8"):
        with pytest.raises(TypeError, match="only select the general DType"):
            device(plus)(days, days, dtype=dtype)


@pytest.mark.parametrize("method", ["accumulate", "reduceat", "at"])
def test_methods_that_there_are_not(method: str) -> None:
    with pytest.raises(KernelgenError, match=rf"plus.{method}\(\) is not for GPUs"):
        getattr(device(plus), method)(A)


# ------------------------------------------------------------------------------- where arrays are


def test_results_stay_where_an_operand_is() -> None:
    f = device(plus)
    x, out = cuda.to_device(A), cuda.device_array((2, 3))
    for call in (
        lambda: f(x, 1),
        lambda: f(x, A),
        lambda: f(A, x),
        lambda: f(x[0], A),
        lambda: f(A, A, out=out),
        lambda: f(A, A, out),
        lambda: f(x, x, out=out),
        lambda: f.outer(x, A[0]),
        lambda: f.outer(A[0], x),
        lambda: f(x, A, where=A > 2, out=(out,)),
    ):
        assert isinstance(call(), cuda.DeviceArray)
    assert f(A, A, out=out) is out
    mine = np.zeros((2, 3))
    assert f(x, x, out=mine) is mine
    np.testing.assert_array_equal(mine, A + A)
    sums, doubled = device(both)(x, out=(mine, None))
    assert sums is mine and isinstance(doubled, cuda.DeviceArray)
    same((sums, doubled), (A + 1, A * 2))
    assert isinstance(f(A, A, where=placed(A > 2), out=mine), np.ndarray)
    for where in (1, np.int64(1), [[True], [1]], np.bool_(True), [[2, 0.5, 1]] * 2):
        same(f(x, 1, where=where, out=np.zeros((2, 3))), A + 1)


def test_arrays_without_dimensions() -> None:
    f = device(plus)
    assert isinstance(f(1.0, np.array(2.0)), np.float64)
    made = f(cuda.to_device(np.array(1.0)), 2)
    assert isinstance(made, cuda.DeviceArray) and made.shape == ()
    assert made.copy_to_host() == 3.0
    out = np.array(0.0)
    assert f(1.0, 2.0, out=out) is out
    assert out == 3.0


def test_results_are_arrays_of_their_own() -> None:
    made = device(negated)(A)
    assert made.flags.owndata
    assert made.flags.writeable


def test_arrays_of_another_library() -> None:
    f = device(plus)
    x, out = Foreign(A[:, ::-1]), Foreign(np.zeros((3, 2)).T)
    made = f(x, x)
    assert isinstance(made, cuda.DeviceArray)
    same(made, A[:, ::-1] * 2)
    assert f(x, A, out=out) is out
    np.testing.assert_array_equal(out.copy_to_host(), A[:, ::-1] + A)
    same(f(x, 1, where=Foreign(A > -1)), A[:, ::-1] + 1)
    locked = Foreign(A.copy(), readonly=True)
    same(f(locked, 1), A + 1)
    with pytest.raises(ValueError, match="output array is read-only"):
        f(x, 1, out=locked)


def test_bytes_in_another_order_are_of_the_host() -> None:
    swapped = A.astype(A.dtype.newbyteorder())
    same(device(plus)(swapped, cuda.to_device(A)), A + A)
    with pytest.raises(TypingError, match="the device has no numbers in the byte order of '>f8'"):
        device(plus)(placed(swapped), 1)


def test_unaligned_arrays() -> None:
    packed = np.zeros(5, [("pad", "i1"), ("x", "f8"), ("y", "i2")])
    packed["x"], packed["y"] = np.arange(5), np.arange(5) * 3
    out = np.zeros(5, [("pad", "i1"), ("x", "f8")])
    target = placed(out["x"])
    same(device(plus)(placed(packed["x"]), placed(packed["y"]), out=target), np.arange(5.0) * 4)
    shifted = np.frombuffer(bytes(1) + A.tobytes(), np.uint8)[1:].view("f8")
    same(device(plus)(placed(shifted), shifted), shifted * 2)


DTYPES = ("?", "i1", "u2", "i4", "i8", "u8", "f2", "f4", "f8", "F", "D")


@pytest.mark.parametrize("dtype", DTYPES)
def test_elements_are_converted_on_the_device(dtype: str) -> None:
    """To the types of the loop as they are read, to those of the output as they are stored."""
    x = np.array([0, 1, 0, 1], dtype)
    for other in ("i4", "f4"):
        y = np.array([1, 2, 3, 4], other)
        want = cpu(plus)(x, y)
        same(device(plus)(placed(x), placed(y)), want)
        same(device(plus)(placed(x), y), want)
        out = np.zeros(4, "D")
        same(device(plus)(placed(x), y, out=placed(out)), want.astype("D"))
    into = placed(np.zeros(4, dtype))
    device(plus)(np.array([0.0, 1, 0, 1]), 0.0, out=into, casting="unsafe")
    np.testing.assert_array_equal(into.copy_to_host(), x)
    same(device(plus)(placed(x), 1), cpu(plus)(x, 1))
    same(device(plus)(placed(x), np.float32(1)), cpu(plus)(x, np.float32(1)))


def test_python_numbers_have_the_types_of_arrays() -> None:
    for x, y in itertools.product(
        [np.int8([1]), np.uint8([2]), np.float32([3]), np.float16([4]), np.complex64([5]), True],
        [1, 2.5, 2j, np.int16(3), np.float32(2), False],
    ):
        same(device(plus)(x, y), cpu(plus)(x, y))
        same(device(plus)(y, x), cpu(plus)(y, x))
    same(device(plus)(np.float32([1]), 2**70), cpu(plus)(np.float32([1]), 2**70))


def test_more_dimensions_than_an_entry_has() -> None:
    x = np.arange(3.0**9).reshape((3,) * 9)[..., ::2]
    y = np.arange(2.0**9).reshape((2,) * 9)[(slice(None),) * 8 + (0,)]
    turned = x.transpose(1, 0, 3, 2, 5, 4, 7, 6, 8)
    same(device(minus)(turned, 1), turned - 1)
    wide = np.ones((2, 1) * 6) * np.arange(4096.0).reshape((2,) * 12)
    same(device(minus)(wide.T, wide), wide.T - wide)
    same(device(minus)(y, y.T), y - y.T)


def test_times() -> None:
    days = np.array(["2020-02-29", "NaT", "1960-05-05"], "M8[D]")
    seconds = np.array(["2019-01-01T01", "2020", "1960"], "M8[s]")
    same(device(minus)(placed(days), placed(seconds)), days - seconds)
    same(device(minus)(placed(days), np.timedelta64(3, "h")), days - np.timedelta64(3, "h"))
    out = placed(np.zeros(3, "m8[ms]"))
    same(device(minus)(days, seconds, out=out), (days - seconds).astype("m8[ms]"))


def test_exceptions() -> None:
    @vectorize(target="cuda")
    def root(x):
        if x < 0:
            raise ValueError(f"{x} is negative")
        return x**0.5

    for x in (A - 3, placed(A - 3), placed((A - 3)[:, ::-2])):
        with pytest.raises(ValueError, match=r"^-[123]\.0 is negative$") as caught:
            root(x)
        assert caught.traceback[-1].name == "root"
    out = np.full((2, 3), 7.0)
    with pytest.raises(ValueError, match="negative"):
        root(A - 3, out=out)
    assert (out == 7).all()
    same(root(A - 3, where=A >= 3, out=np.zeros((2, 3))), np.sqrt(np.maximum(A - 3, 0)))


def test_explicit_signatures() -> None:
    f = vectorize(["f4(f4,f4)", "i8(i8,i8)"], target="cuda")(plus)
    assert f.signatures == [] and f.ntypes == 0
    assert f(np.float32([1]), 2).dtype == np.float32
    assert f(placed(np.int32([1])), 2).dtype == np.int64
    assert f.signatures == ["f4(f4,f4)", "i8(i8,i8)"]
    assert f.types == ["ff->f", "ll->l"]
    assert [str(s) for s in f.declared_signatures] == ["f4(f4,f4)", "i8(i8,i8)"]
    with pytest.raises(TypingError, match="no signature of plus takes"):
        f(A, A)
    f.compile("f4,f4")
    assert "add" in f.inspect_ir("i8,i8")


def test_streams() -> None:
    stream = cuda.stream()
    x = cuda.to_device(A, stream=stream)
    made = device(plus)(x, A, stream=stream)
    copied = made.copy_to_host(stream=stream)
    stream.synchronize()
    np.testing.assert_array_equal(copied, A + A)
    np.testing.assert_array_equal(device(plus)(A, A, out=np.zeros((2, 3)), stream=stream), A + A)


def test_outer() -> None:
    f = device(minus)
    for x, y in [(A, I[0]), (A.T, 2.5), (3, I), (np.float32([1]), 2.5), (2, 3), ([1, 2], [3.5])]:
        same(f.outer(x, y), np.subtract.outer(x, y))
        got = on_host(f.outer(placed(np.asarray(x)), y))
        np.testing.assert_array_equal(got, np.subtract.outer(x, y), strict=True)
    out = np.zeros((2, 2, 3))
    same(f.outer([5, 6], A, out=out, where=A > 1), np.subtract.outer([5, 6], A) * (A > 1))


def test_other_kernels_call_it() -> None:
    inner = vectorize("f4(f4)", target="cuda")(lambda x: x / 3)
    third = np.float32([1, 2]) / np.float32(3)
    for where in ("cpu", "cuda"):
        same(vectorize(lambda x: inner(x) + 1, target=where)(np.float32([1, 2])), third + 1)
    np.testing.assert_array_equal(njit(lambda x: inner(x))(np.float32([1, 2])), third)


@vectorize(target="cuda")
def known(x):
    """Doubles."""
    return 2 * x


def test_what_it_says_of_itself() -> None:
    assert repr(known) == "<ufunc 'known' for a device>"
    assert (known.__name__, known.__doc__) == ("known", "Doubles.")
    assert (known.nin, known.nout, known.nargs, known.signature) == (1, 1, 2, None)
    assert known.py_func(3) == 6
    assert pickle.loads(pickle.dumps(known)) is known
    assert copy.deepcopy(known) is copy.copy(known) is known


def test_threads() -> None:
    f = vectorize(plus, target="cuda")
    wrong = []

    def work(dtype: str) -> None:
        with cuda.emulator():
            x = np.arange(1000, dtype=dtype)
            for _ in range(5):
                if not np.array_equal(f(placed(x), x).copy_to_host(), x + x):
                    wrong.append(dtype)

    threads = [threading.Thread(target=work, args=(t,)) for t in ("i4", "f8", "i4", "u1")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ------------------------------------------------------------------------- launches in parts


def read(part: operands.Part, count: int) -> tuple[list[int], list[int], list[list[int]]]:
    """The addresses of a part, its lengths, and the strides along each, the innermost first."""
    numbers = [int.from_bytes(each, "little") for each in part.parameters[: count + 1]]
    assert numbers[0] == part.elements
    if part.contiguous:
        return numbers[1:], [part.elements], []
    space = part.parameters[-1]
    (ndim,) = struct.unpack_from("<I", space)
    dims = [
        struct.unpack_from(f"<IIII{count}q", space, 8 + k * (16 + 8 * count)) for k in range(ndim)
    ]
    return numbers[1:], [d[0] for d in dims], [list(d[4:]) for d in dims]


def described_at(address: int, shape: Any, strides: Any = None, dtype: Any = "f4") -> np.ndarray:
    made = described(address, shape, strides, np.dtype(dtype), None, None)
    return made.view_of_host


def test_large_arrays_without_gaps_are_one_launch() -> None:
    shape = (3 << 16, 1 << 16)
    a, b = described_at(1 << 40, shape), described_at(1 << 41, shape, dtype="f8")
    (part,) = operands.parts([a, b], shape)
    assert part.contiguous
    assert part.elements == 3 << 32
    assert read(part, 2)[0] == [1 << 40, 1 << 41]


def test_unaligned_ones_are_not_contiguous() -> None:
    (part,) = operands.parts([described_at((1 << 40) + 2, (8, 8))], (8, 8))
    assert not part.contiguous
    assert read(part, 1) == ([(1 << 40) + 2], [64], [[4]])


@pytest.mark.parametrize(
    "shape, strides",
    [
        (((1 << 31) + 5,), (8,)),
        ((1 << 33,), (-8,)),
        ((5, 1 << 30), (1 << 40, 8)),
        ((1 << 30, 5), (64, 8)),
        ((3, 1 << 31, 2), (1 << 40, 16, 8)),
        ((2,) * 9 + (1 << 23,), (*(1 << 40 - k for k in range(9)), 8)),
        (((1 << 31) - 1,), (8,)),
    ],
)
def test_large_strided_arrays_are_done_in_parts(shape: Any, strides: Any) -> None:
    a, b = described_at(1 << 50, shape, strides), described_at(1 << 45, shape)
    found = list(operands.parts([a, b], shape))
    assert sum(part.elements for part in found) == np.prod(shape, dtype=np.int64)
    ends, reach = [], 0
    for part in found:
        assert not part.contiguous and part.elements < entries.MOST
        starts, lengths, steps = read(part, 2)
        assert np.prod(lengths, dtype=np.int64) == part.elements
        assert len(lengths) <= entries.DIMENSIONS
        last = [
            s + sum((n - 1) * d[k] for n, d in zip(lengths, steps)) for k, s in enumerate(starts)
        ]
        ends += [*zip(starts, last)]
        reach += part.elements
    lows, highs = zip(*((min(e), max(e)) for e in ends[0::2]))
    whole = a.__array_interface__["data"][0] + sum((n - 1) * s for n, s in zip(shape, strides))
    assert {min(lows), max(highs)} == {1 << 50, whole}
    dense = sorted(ends[1::2])  # of the other one, parts follow each other without gaps
    assert dense[0][0] == 1 << 45
    assert all(after[0] == before[1] + 4 for before, after in itertools.pairwise(dense))


@given(calls())
def test_parts_of_small_calls(call: Any) -> None:
    """With room for few elements and dimensions, parts have each element once."""
    inputs = call[0]
    shape = np.broadcast_shapes(*(a.shape for a in inputs))
    if 0 in shape:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "MOST", 5)
        patch.setattr(entries, "DIMENSIONS", 2)
        wide = [np.broadcast_to(a, shape) for a in inputs]
        found = []
        for part in operands.parts(wide, shape):
            starts, lengths, steps = read(part, len(wide))
            if part.contiguous:
                steps = [[a.itemsize for a in wide]]
            else:
                assert part.elements < 5 and len(lengths) <= 2
            for place in itertools.product(*map(range, lengths)):
                found.append(
                    tuple(
                        s + sum(i * d[k] for i, d in zip(place, steps))
                        for k, s in enumerate(starts)
                    )
                )
    want = [
        tuple(
            a.__array_interface__["data"][0] + sum(i * s for i, s in zip(place, a.strides))
            for a in wide
        )
        for place in np.ndindex(*shape)
    ]
    assert sorted(found) == sorted(want)


def test_calls_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MOST", 50)
    x = np.arange(240.0).reshape(2, 3, 4, 10)
    for a, b in [(x, x.T.copy().T), (x[..., ::-2], 1.0), (x, x[:, :, :1]), (x.T, x.T[..., ::-1])]:
        same(device(minus)(a, b), a - b)
        same(device(minus)(a, b, where=a > 7, out=np.zeros(a.shape)), (a - b) * (a > 7))
