"""What the entries of a ufunc's kernel compute, on emulated grids, is what the ufunc does."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from device_kernels import CASES, arithmetic

from kernelgen import pipeline, vectorize
from kernelgen.cuda import device_array, emulator, to_device
from kernelgen.cuda.kernels import launch
from kernelgen.runtime import device
from kernelgen.targets import cuda
from kernelgen.targets.cuda import CONTIGUOUS, STRIDED
from kernelgen.types.signature import parse_inputs

pytestmark = [pytest.mark.any_python, pytest.mark.filterwarnings("ignore::RuntimeWarning")]


@pytest.fixture(autouse=True)
def emulated():
    with emulator():
        yield


class Entries:
    """The entries of a kernel, launched on a grid of ``blocks`` times ``threads``."""

    def __init__(self, function, types, blocks=3, threads=4, **options):
        request = pipeline.Request(
            function, parse_inputs(types), options=pipeline.Options(**options)
        )
        driver = device.current()
        emitter = driver.emitter(request.options)
        code = pipeline.grid_kernel(request, emitter, driver.machine)
        symbols = [CONTIGUOUS, STRIDED]
        self._contiguous, self._strided = driver.load(code.text, code.kernel, emitter, symbols)
        self._grid, self._block = (blocks, 1, 1), (threads, 1, 1)

    def contiguous(self, *arrays):
        self._launch(self._contiguous, arrays)

    def strided(self, *arrays):
        """Inputs are broadcast to the last of the outputs."""
        shape = arrays[-1].shape or (1,)
        if 0 in shape:  # then nothing is launched
            return
        whole = [np.broadcast_to(a.view_of_host, shape) for a in arrays]
        strides = [[a.strides[axis] for a in whole] for axis in reversed(range(len(shape)))]
        self._launch(self._strided, arrays, cuda.pack_space(shape[::-1], strides))

    def _launch(self, entry, arrays, *more):
        count, addresses = arrays[-1].size, [a.address for a in arrays]
        parameters = [struct.pack("<q", count), *(struct.pack("<Q", a) for a in addresses), *more]
        launch(device.current(), entry, self._grid, self._block, None, parameters)


def samples(types: str, count: int) -> list[np.ndarray]:
    """Numbers for each type; none is zero, and integers stay small."""
    numbers = np.random.default_rng(0)
    columns = []
    for t in parse_inputs(types):
        whole = numbers.integers(1, 50, count)
        if t.is_complex:
            columns.append((numbers.normal(size=count) + 1j * numbers.normal(size=count)))
        else:
            columns.append(whole if t.is_integer or t.is_time else numbers.normal(size=count) * 4)
        columns[-1] = columns[-1].astype(t.dtype)
    return columns


@pytest.mark.parametrize("case", CASES, ids=str)
def test_entries_compute_what_the_ufunc_does(case):
    inputs = samples(case.types, 41)
    expected = as_tuple(case.ufunc(*inputs))
    on_device = case.device_ufunc
    for found, wanted in zip(as_tuple(on_device(*inputs)), expected):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype
    outputs = [to_device(np.full(82, 99).astype(each.dtype)) for each in expected]
    apart = [to_device(np.repeat(x, 3))[::3] for x in inputs]
    on_device(*apart, out=tuple(out[::2] for out in outputs))
    for found, wanted in zip(outputs, expected):
        np.testing.assert_array_equal(found.copy_to_host()[::2], wanted)
        assert (found.copy_to_host()[1::2] == np.full(41, 99).astype(wanted.dtype)).all()


def as_tuple(results):
    return results if isinstance(results, tuple) else (results,)


@pytest.mark.parametrize("count", [0, 1, 11, 12, 13, 1000])
@pytest.mark.parametrize("grid", [(1, 1), (3, 4), (40, 32)])
def test_each_element_is_done_once_on_any_grid(count, grid):
    """In place, so that what is done twice shows."""
    entries = Entries(lambda x: x + 1, "i8", *grid)
    for run in (entries.contiguous, entries.strided):
        guarded = to_device(np.arange(count + 2))
        array = guarded[1:-1]
        run(array, array)
        assert guarded.copy_to_host().tolist() == [0, *range(2, count + 2), count + 1]


SHAPES = {
    "scalars": ((7,), (), (1,)),
    "outer": ((3, 1), (1, 5), (3, 5)),
    "of three dimensions": ((2, 1, 4), (3, 1), (2, 3, 4)),
    "of eight": ((2, 1, 2, 1, 2, 1, 2, 1), (1, 3, 1, 2, 1, 2, 1, 3), (2, 3, 2, 2, 2, 2, 2, 3)),
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_operands_are_broadcast(shapes):
    numbers = np.random.default_rng(1)
    x, y = (numbers.normal(size=shape).astype(np.float32) for shape in shapes[:2])
    expected = vectorize(arithmetic)(x, y)
    out = device_array(expected.shape, expected.dtype)
    Entries(arithmetic, "f4,f4").strided(to_device(x), to_device(y), out)
    np.testing.assert_array_equal(out.copy_to_host(), expected)


def test_strides_may_be_negative_and_axes_in_any_order():
    x = np.arange(24.0).reshape(2, 3, 4)
    y = np.arange(12.0).reshape(2, 2, 3)
    out = device_array((3, 2, 2)).transpose(1, 0, 2)
    given = to_device(x)[:, ::-1, ::2], to_device(y).transpose(0, 2, 1)
    Entries(lambda x, y: x - 10 * y, "f8,f8").strided(*given, out)
    expected = x[:, ::-1, ::2] - 10 * y.transpose(0, 2, 1)
    np.testing.assert_array_equal(out.copy_to_host(), expected)


def test_operands_need_not_be_aligned_for_the_strided_entry():
    packed = to_device(np.arange(6 * 9, dtype="u1"))
    x = packed[1:46].reshape(5, 9)[:, :8].view("f8")[:, 0]
    assert x.address % 8
    out = device_array(5)
    Entries(lambda x: x * 2, "f8").strided(x, out)
    np.testing.assert_array_equal(out.copy_to_host(), x.copy_to_host() * 2)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 10, 641, 65536, 65537, 2**31 - 1])
def test_lengths_divide_by_multiplication(length):
    multiplier, shift = cuda.divider(length)
    assert multiplier < 1 << 32
    numbers = np.random.default_rng(2).integers(0, cuda.MOST, 1000).tolist()
    near = [k * length + d for k in (1, 2, cuda.MOST // length - 1) for d in (-1, 0, 1)]
    for n in [0, cuda.MOST - 1, *numbers, *(n for n in near if 0 <= n < cuda.MOST)]:
        high = n * multiplier >> 32
        assert high + n < 1 << 32
        assert high + n >> shift == n // length


# --------------------------------------------------------------------------------- exceptions


def root(x, limit):
    if x < 0:
        raise ValueError(f"{x} is negative, at most {limit}")
    return x**0.5


def test_an_exception_is_raised_and_other_threads_go_on():
    x, limit = np.array([4.0, 1.0, -2.5, 9.0, 16.0, 25.0, -1.0]), np.arange(7, dtype=np.int32)
    out = to_device(np.zeros(7))
    entries = Entries(root, "f8,i4", blocks=1, threads=4)
    with pytest.raises(ValueError, match=r"-2\.5 is negative, at most 2"):
        entries.contiguous(to_device(x), to_device(limit), out)
    assert out.copy_to_host().tolist() == [2.0, 1.0, 0.0, 3.0, 4.0, 5.0, 0.0]


def test_the_first_exception_counts():
    """In time: threads of an emulated block come one after the other, with all their elements."""
    x, limit = to_device(np.array([1.0, -1.0, -4.0])), to_device(np.zeros(3, np.int32))
    entries = Entries(root, "f8,i4", blocks=1, threads=2)
    for run in (entries.contiguous, entries.strided):
        with pytest.raises(ValueError, match=r"-4\.0 is negative"):
            run(x, limit, device_array(3))


def test_no_exception():
    ones, zeros = to_device(np.ones(5)), to_device(np.zeros(5, np.int32))
    out = device_array(5)
    Entries(root, "f8,i4").contiguous(ones, zeros, out)
    assert out.copy_to_host().tolist() == [1] * 5


def test_division_by_zero_raises_with_pythons_error_model():
    entries = Entries(lambda x, y: x // y, "i4,i4", error_model="python")
    ones = to_device(np.ones(3, np.int32))
    with pytest.raises(ZeroDivisionError):
        entries.contiguous(ones, to_device(np.array([1, 1, 0], np.int32)), device_array(3, "i4"))
