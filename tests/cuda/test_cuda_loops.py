"""What the entries compute, on an emulated grid, is what the ufunc does."""

from __future__ import annotations

import numpy as np
import pytest
from device_kernels import CASES, arithmetic, lowered
from emulator import Emulated

from kernelgen import vectorize
from kernelgen.targets import cuda
from kernelgen.types.signature import parse_inputs

pytestmark = [pytest.mark.any_python, pytest.mark.filterwarnings("ignore::RuntimeWarning")]


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


def empty_outputs(results: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    return [np.full_like(result, 99) for result in results]


def results_of(case, inputs) -> tuple[np.ndarray, ...]:
    results = case.ufunc(*inputs)
    return results if isinstance(results, tuple) else (results,)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_entries_compute_what_the_ufunc_does(case):
    inputs = samples(case.types, 41)
    expected = results_of(case, inputs)
    emulated = Emulated(lowered(case.function, case.types))
    outputs = empty_outputs(expected)
    emulated.contiguous(*inputs, *outputs)
    for found, wanted in zip(outputs, expected):
        np.testing.assert_array_equal(found, wanted)
    outputs = [np.repeat(output, 2) for output in empty_outputs(expected)]
    emulated.strided(*(np.repeat(x, 3)[::3] for x in inputs), *(out[::2] for out in outputs))
    for found, wanted in zip(outputs, expected):
        np.testing.assert_array_equal(found[::2], wanted)
        assert (found[1::2] == np.full_like(found, 99)[1::2]).all()


@pytest.mark.parametrize("count", [0, 1, 11, 12, 13, 1000])
@pytest.mark.parametrize("grid", [(1, 1), (3, 4), (40, 32)])
def test_each_element_is_done_once_on_any_grid(count, grid):
    """In place, so that what is done twice shows."""
    emulated = Emulated(lowered(lambda x: x + 1, "i8"), *grid)
    for launch in (emulated.contiguous, emulated.strided):
        guarded = np.arange(count + 2)
        array = guarded[1:-1]
        launch(array, array)
        assert guarded.tolist() == [0, *range(2, count + 2), count + 1]


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
    out = np.zeros_like(expected)
    Emulated(lowered(arithmetic, "f4,f4")).strided(x, y, out)
    np.testing.assert_array_equal(out, expected)


def test_strides_may_be_negative_and_axes_in_any_order():
    x = np.arange(24.0).reshape(2, 3, 4)[:, ::-1, ::2]
    y = np.arange(12.0).reshape(2, 2, 3).transpose(0, 2, 1)
    out = np.zeros((3, 2, 2)).transpose(1, 0, 2)
    Emulated(lowered(lambda x, y: x - 10 * y, "f8,f8")).strided(x, y, out)
    np.testing.assert_array_equal(out, x - 10 * y)


def test_operands_need_not_be_aligned_for_the_strided_entry():
    packed = np.zeros(5, np.dtype([("pad", "i1"), ("x", "f8")]))
    packed["x"] = np.arange(5)
    out = np.zeros(5)
    Emulated(lowered(lambda x: x * 2, "f8")).strided(packed["x"], out)
    assert out.tolist() == [0, 2, 4, 6, 8]


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


def test_an_exception_is_in_the_error_block():
    emulated = Emulated(lowered(root, "f8,i4"), blocks=1, threads=4)
    x, limit = np.array([4.0, 1.0, -2.5, 9.0, 16.0, 25.0, -1.0]), np.arange(7, dtype=np.int32)
    out = np.zeros(7)
    emulated.contiguous(x, limit, out)
    error, element = emulated.exception
    assert type(error) is ValueError
    assert str(error) == "-2.5 is negative, at most 2"
    assert element == 2
    assert out.tolist() == [2.0, 1.0, 0.0, 3.0, 4.0, 5.0, 0.0]


def test_the_first_exception_stays():
    """In time: threads run one after the other here, so that of a lower one comes first."""
    emulated = Emulated(lowered(root, "f8,i4"), blocks=1, threads=2)
    x, limit = np.array([1.0, -1.0, -4.0]), np.zeros(3, np.int32)
    emulated.strided(x, limit, np.zeros(3))
    assert emulated.exception[1] == 2
    emulated.contiguous(x, limit, np.zeros(3))
    assert emulated.exception[1] == 2


def test_no_exception():
    emulated = Emulated(lowered(root, "f8,i4"))
    emulated.contiguous(np.ones(5), np.zeros(5, np.int32), np.zeros(5))
    assert emulated.exception is None


def test_division_by_zero_raises_with_pythons_error_model():
    kernel = lowered(lambda x, y: x // y, "i4,i4", error_model="python")
    emulated = Emulated(kernel)
    ones = np.ones(3, np.int32)
    emulated.contiguous(ones, np.array([1, 1, 0], np.int32), ones.copy())
    error, element = emulated.exception
    assert isinstance(error, ZeroDivisionError)
    assert element == 2
