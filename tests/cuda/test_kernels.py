"""Kernels of `cuda.jit` against NumPy, or against a thread's work written in Python."""

from __future__ import annotations

import linecache
import threading
import traceback
from collections import namedtuple
from contextvars import copy_context

import grid_kernels as kernels
import numpy as np
import pytest
from grid_kernels import FLOATS, FULL, INTEGERS, SHUFFLED, TILE

import kernelgen
from kernelgen import KernelgenError, UnsupportedError, cuda
from kernelgen.errors import SignatureError, TypingError

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("device")]


@pytest.fixture
def four_threads():
    """The emulator's blocks are shared by four threads of the host."""
    before = kernelgen.get_num_threads()
    kernelgen.set_num_threads(4)
    yield
    kernelgen.set_num_threads(before)


def random(dtype, shape, low=0, high=100):
    return np.random.default_rng(0).integers(low, high, shape).astype(dtype)


def launched(kernel, grid, block, *args, shared=0):
    """What is in the arrays behind a launch."""
    given = [cuda.to_device(each) if isinstance(each, np.ndarray) else each for each in args]
    kernel[grid, block, None, shared](*given)
    return [each.copy_to_host() for each in given if isinstance(each, cuda.DeviceArray)]


# ------------------------------------------------------------------------------------- places


@pytest.mark.parametrize(
    ("kernel", "grid", "block"),
    [
        (kernels.places_1d, 5, 7),
        (kernels.places_1d, 3, 1024),
        (kernels.places_2d, (3, 2), (4, 5)),
        (kernels.places_2d, (4,), (9, 1)),
        (kernels.places_3d, (2, 3, 4), (2, 1, 5)),
    ],
)
def test_each_thread_knows_its_place(kernel, grid, block):
    ndim = int(kernel.__name__[-2])
    pairs = [(n if isinstance(n, tuple) else (n,)) + (1, 1) for n in (grid, block)]
    shape = tuple(g * b for g, b in zip(*pairs))[:ndim]
    out, size = launched(kernel, grid, block, np.zeros(shape, "i8"), np.zeros(ndim, "i8"))
    digits = 100 ** np.arange(ndim)[::-1]
    assert (out == sum(i * d for i, d in zip(np.indices(shape), digits))).all()
    assert tuple(size) == shape


@pytest.mark.parametrize(
    ("grid", "block"), [((3, 1, 1), (40, 1, 1)), ((2, 3, 2), (4, 3, 5)), ((1, 2, 1), (1, 2, 64))]
)
def test_registers(grid, block):
    """Blocks and threads are numbered along x first; lanes as threads are."""
    blocks, threads = np.prod(grid), np.prod(block)
    (out,) = launched(kernels.registers, grid, block, np.zeros((blocks * threads, 14), "i4"))
    for b, z, y, x in np.ndindex(blocks, *block[::-1]):
        thread = x + block[0] * (y + block[1] * z)
        place = np.unravel_index(b, grid, order="F")
        expected = [x, y, z, *place, *block, *grid, thread % 32, 32]
        assert out[b * threads + thread].tolist() == expected


def test_a_large_grid():
    @cuda.jit
    def count(out):
        cuda.atomic.add(out, cuda.blockIdx.y % 4, 1)

    (out,) = launched(count, (3, 30000, 2), 2, np.zeros(4, "i8"))
    assert out.tolist() == [90000] * 4


# ------------------------------------------------------------------------------------- memory


def test_shared_arrays():
    x, n = random("f4", 64), random("i8", 64)
    found = launched(kernels.two_shared_arrays, 1, 64, x, n)
    np.testing.assert_array_equal(found, [x[::-1], n[::-1]])


@pytest.mark.parametrize(
    "dtype",
    ["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "F", "D", "M8[s]", "m8[ms]"],
)
@pytest.mark.usefixtures("unoptimised")
def test_shared_and_own_arrays_of_all_dtypes(dtype):
    dtype = np.dtype(dtype)

    @cuda.jit
    def reverse(x):
        i = cuda.threadIdx.x
        shared = cuda.shared.array(6, dtype)
        own = cuda.local.array((1, 2), dtype)
        own[0, 1] = x[i]
        shared[i] = own[0, 1]
        cuda.syncthreads()
        own[0, 0] = shared[5 - i]
        x[i] = own[0, 0]

    x = np.arange(6).astype(dtype)
    (found,) = launched(reverse, 1, 6, x)
    np.testing.assert_array_equal(found, x[::-1])


def test_dynamic_shared_memory_is_as_long_as_the_launch_says():
    x = random("f8", 40)
    found, length = launched(kernels.dynamic_array, 1, 40, x, np.zeros(1, "i8"), shared=320)
    np.testing.assert_array_equal(found, x[::-1])
    assert length == [40]


def test_own_arrays_outlive_barriers():
    (out,) = launched(kernels.own_array, 2, 8, np.zeros(16))
    assert out.tolist() == [10 * i + 3 * (i % 2) + i % 3 for i in range(16)]


def test_constant_arrays():
    (out,) = launched(kernels.looked_up, 1, 12, np.zeros(12))
    np.testing.assert_array_equal(out, kernels.TABLE.ravel())


def test_shapes_and_dtypes_from_a_closure():
    def make(n, dtype):
        @cuda.jit
        def kernel(x):
            s = cuda.shared.array((n, 2 * n), dtype)
            s[n - 1, 2 * n - 1] = x[0]
            x[0] = s[-1, -1] + s.shape[1]

        return kernel

    assert launched(make(3, "i1"), 1, 1, np.array([2.5]))[0] == [8]
    assert launched(make(4, np.float64), 1, 1, np.array([2.5]))[0] == [10.5]


# ------------------------------------------------------------------------------------ atomics

_COMPUTED = [
    np.add, np.subtract, np.fmax, np.fmin, lambda x, v: v, lambda x, v: v + v if x == v else x,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor,
]  # fmt: skip


def operands(dtype, count):
    """What is changed, and by which values: floats that are integers, integers of all bits."""
    numbers = np.random.default_rng(1)
    if dtype in FLOATS:
        made = numbers.integers(-50, 50, 9 + count).astype(dtype)
    else:
        made = np.frombuffer(numbers.bytes((9 + count) * np.dtype(dtype).itemsize), dtype)
    x, values = made[:9].copy(), made[9:]
    x[5] = values[0]
    return x, values


def expected(x, values):
    """The array, and what each change has found, if they come one after the other."""
    x, olds = x.copy(), np.zeros((9, len(values)), x.dtype)
    with np.errstate(over="ignore"):
        for i, v in enumerate(values):
            for k, compute in enumerate(_COMPUTED[: 6 if x.dtype.kind == "f" else 9]):
                olds[k, i] = x[k]
                x[k] = compute(x[k], v)
    return x, olds


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_atomics_give_what_was_there(dtype):
    kernel = kernels.floats_in_turn if dtype in FLOATS else kernels.integers_in_turn
    x, values = operands(dtype, 20)
    found, _, olds = launched(kernel, 1, 1, x, values, np.zeros((9, 20), dtype))
    np.testing.assert_array_equal(found, expected(x, values)[0])
    np.testing.assert_array_equal(olds, expected(x, values)[1])


def check_changed(x, values, found):
    """Of those changes that come to the same in any order."""
    commute = [0, 1, 2, 3, *([] if x.dtype.kind == "f" else [6, 7, 8])]
    np.testing.assert_array_equal(found[commute], expected(x, values)[0][commute])


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_atomics_on_memory_of_the_device(dtype):
    kernel = kernels.atomics_of_floats if dtype in FLOATS else kernels.atomics_of_integers
    x, values = operands(dtype, 40 * 64)
    found, _, olds = launched(kernel, 40, 64, x, values, np.zeros((9, values.size), dtype))
    check_changed(x, values, found)
    exchanged = np.append(olds[4], found[4])
    np.testing.assert_array_equal(np.sort(exchanged), np.sort(np.append(values, x[4])))


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_atomics_on_memory_of_the_block(dtype):
    x, values = operands(dtype, 20 * 32)
    given = x, values, np.zeros((9, values.size), dtype), np.zeros((20, 9), dtype)
    *_, found = launched(kernels.SHARED_ATOMICS[dtype], 20, 32, *given)
    for block, part in zip(found, values.reshape(20, 32)):
        check_changed(x, part, block)


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("dtype", ["i8", "f8"])
def test_compare_and_swap_adds(dtype):
    (x,) = launched(kernels.add_by_cas, 50, 64, np.zeros(1, dtype))
    assert x == [3200]


@pytest.mark.parametrize("dtype", ["i8", "f4"])
def test_atomics_of_several_dimensions(dtype):
    (x,) = launched(kernels.atomics_of_three_dimensions, 2, 6, np.zeros((2, 3, 4), dtype))
    assert x[1, :, -1].tolist() == [4, 4, 4]
    assert x[0, 2, 0] == 12
    assert x.sum() == 24


def test_nan_counts_as_missing():
    @cuda.jit
    def kernel(x, v):
        cuda.atomic.max(x, 0, v)
        cuda.atomic.min(x, 1, v)
        cuda.atomic.max(x, 2, 3.0)

    (x,) = launched(kernel, 1, 1, np.array([1, 2, np.nan]), np.nan)
    assert x.tolist() == [1, 2, 3]


@pytest.mark.parametrize("dtype", ["i1", "u2", "f2", "?", "F", "D"])
def test_types_that_have_no_atomics(dtype):
    @cuda.jit
    def kernel(x):
        cuda.atomic.add(x, 0, 1)

    says = "an atomic operation has integers and floats of 32 or 64 bits, not "
    check_refused(kernel, "cuda.atomic.add(x, 0, 1)", TypingError, says, np.zeros(3, dtype))


# -------------------------------------------------------------------------------------- warps


def warps(count):
    return [range(start, min(start + 32, count)) for start in range(0, count, 32)]


@pytest.mark.parametrize("dtype", SHUFFLED)
@pytest.mark.parametrize(("count", "k"), [(64, 1), (64, 21), (32, 31)])
def test_shuffles(dtype, count, k):
    high = 2**62 if dtype in ("i8", "u8") else 2**20
    x = random(dtype, count, high=high)
    _, found = launched(kernels.shuffles, 1, count, x, np.zeros((5, count), dtype), k)
    for warp in warps(count):
        for i in warp:
            lane = i % 32
            sources = [k, lane - k, lane + k, lane ^ k, (i + k) % 32]
            own = [s if 0 <= s < 32 else lane for s in sources]
            assert found[:, i].tolist() == [x[warp[s]] for s in own]


def test_shuffles_in_a_warp_that_is_not_full():
    """Between threads that there are."""
    x = random("i4", 40)
    _, found = launched(kernels.shuffles, 1, 40, x, np.zeros((5, 40), "i4"), 1)
    assert found[0].tolist() == [x[1]] * 32 + [x[33]] * 8
    assert found[1].tolist() == [x[0], *x[:31], x[32], *x[32:39]]
    assert found[2, 32:39].tolist() == x[33:].tolist()
    assert found[3, 32:].tolist() == x[32:].reshape(-1, 2)[:, ::-1].ravel().tolist()


def test_masks_of_half_a_warp():
    x = np.arange(64)
    x[[5, 40]] = 300
    _, found = launched(kernels.shuffles_of_half_warps, 1, 64, x, np.zeros((6, 64), "i8"))
    for start in range(0, 64, 16):
        half, low = x[start : start + 16], start % 32 == 0
        lanes = np.arange(16)
        votes = half % (3 if low else 5) == 0
        ballot = int((votes << (lanes + (0 if low else 16))).sum())
        expected = [
            half[lanes ^ 5], np.full(16, half[3 if low else 4]), half[lanes ^ (1 if low else 2)],
            np.full(16, ballot), np.full(16, 20 in half), np.full(16, (half < 16).all()),
        ]  # fmt: skip
        np.testing.assert_array_equal(found[:, start : start + 16], expected)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 96])
@pytest.mark.parametrize("kind", ["none", "all", "some", "one"])
def test_votes(count, kind):
    x = np.zeros(count, bool)
    x[:: {"none": count + 1, "all": 1, "some": 3, "one": count}[kind]] = kind != "none"
    _, found = launched(kernels.votes, 1, count, x, np.zeros((6, count), "i8"))
    for warp in warps(count):
        votes = x[list(warp)]
        ballot = sum(1 << lane for lane, vote in enumerate(votes) if vote)
        everyone = (1 << len(votes)) - 1
        expected = [ballot, votes.all(), votes.any(), everyone, False, True]
        assert all(found[:, i].tolist() == expected for i in warp)


@pytest.mark.parametrize("dtype", ["f8", "i4"])
def test_sums_of_warps(dtype):
    x = random(dtype, 96)
    (found,) = launched(kernels.warp_sums, 1, 96, x)
    np.testing.assert_array_equal(found, np.repeat(x.reshape(3, 32).sum(1), 32))


@pytest.mark.parametrize("value", ["x", "np.int8(3)", "x[0] + 1j", "np.float16(2)"])
def test_values_that_cannot_be_shuffled(value):
    space = {"cuda": cuda, "np": np}
    exec(f"def kernel(x):\n    x[0] = cuda.shfl_sync(1, {value}, 0).real", space)
    with pytest.raises(TypingError, match="a shuffle (has|needs)"):
        launched(cuda.jit(space["kernel"]), 1, 1, np.zeros(1))


# ----------------------------------------------------------------------------------- barriers


@pytest.mark.parametrize("count", [0, 2, 5])
def test_barriers_in_loops_helpers_and_branches(count):
    x = random("i4", 64)
    (found,) = launched(kernels.barriers, 1, 64, x, count)
    np.testing.assert_array_equal(found, {0: x, 2: x[::-1], 5: np.roll(x, -5)}[count])


@pytest.mark.usefixtures("four_threads")
def test_blocks_wait_for_nobody_but_know_who_is_last():
    _, (count, total) = launched(kernels.last_block, 60, 32, np.zeros(60, "i8"), np.zeros(2, "i8"))
    assert (count, total) == (60, sum(range(60)))


@pytest.mark.usefixtures("unoptimised")
def test_barriers_without_optimisation():
    x = random("i8", 1024)
    (found,) = launched(cuda.jit(kernels.scan.py_func), 1, 256, x[:256])
    np.testing.assert_array_equal(found, np.cumsum(x[:256]))


# --------------------------------------------------------------------------------- algorithms


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("dtype", ["f8", "i4"])
def test_sum(dtype):
    x = random(dtype, 10_001)
    _, total = launched(kernels.block_sums, 7, 128, x, np.zeros(1, dtype))
    assert total == [x.sum()]


@pytest.mark.usefixtures("four_threads")
def test_histogram():
    x = random("u1", 10_001, high=256)
    _, bins = launched(kernels.histogram, 7, 64, x, np.zeros(16, "i4"))
    np.testing.assert_array_equal(bins, np.bincount(x % 16, minlength=16))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_matrix_product(dtype):
    a, b = random(dtype, (19, 21)), random(dtype, (21, 10))
    *_, c = launched(kernels.tiled_product, (3, 2), (TILE, TILE), a, b, np.zeros((19, 10), dtype))
    np.testing.assert_array_equal(c, a @ b)


def test_scan():
    x = random("i8", 256)
    (found,) = launched(kernels.scan, 1, 256, x)
    np.testing.assert_array_equal(found, np.cumsum(x))


@pytest.mark.parametrize("dtype", ["i4", "f8"])
def test_sort(dtype):
    x = random(dtype, 128)
    (found,) = launched(kernels.bitonic_sort, 1, 128, x)
    np.testing.assert_array_equal(found, np.sort(x))


@pytest.mark.parametrize("dtype", kernels.TRANSPOSITIONS)
def test_transpose(dtype):
    x = random(dtype, (19, 21))
    grid = 3, 3
    _, out = launched(
        kernels.TRANSPOSITIONS[dtype], grid, (TILE, TILE), x, np.zeros((21, 19), dtype)
    )
    np.testing.assert_array_equal(out, x.T)


# ---------------------------------------------------------------------------------- arguments

Pair = namedtuple("Pair", "low high")


def test_tuples():
    @cuda.jit
    def kernel(x, both, pair, nothing):
        i = cuda.grid(1)
        x[i] = both[0][i] + both[1] + pair.low + pair.high[0] + len(both) + (nothing is None)

    given = cuda.to_device(np.arange(3.0)), 2
    high = cuda.to_device(np.array([7], "i4"))
    (x,) = launched(kernel, 1, 3, np.zeros(3), given, Pair(3, high), None)
    assert x.tolist() == [15, 16, 17]


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("dtype", "?bBhHiIqQefdFD")
def test_numbers(dtype):
    @cuda.jit
    def kernel(x, s):
        x[0] = s

    value = np.dtype(dtype).type(1)
    (x,) = launched(kernel, 1, 1, np.zeros(1, dtype), value)
    assert x == [value]
    assert kernel.signatures[0][1].dtype == dtype


def test_numbers_of_python_are_weak():
    @cuda.jit
    def kernel(x, s):
        x[0] = (x[1] + s) / 3

    found = launched(kernel, 1, 1, np.array([0, 0.1], "f4"), 7.3)[0][0]
    assert found == (np.float32(0.1) + np.float32(7.3)) / np.float32(3)
    found = launched(kernel, 1, 1, np.array([0, 0.1], "f4"), np.float64(7.3))[0][0]
    assert found == np.float32((np.float64(np.float32(0.1)) + 7.3) / 3)
    for s in (True, 5, 2 + 3j):
        (x,) = launched(kernel, 1, 1, np.array([0, 1], "D"), s)
        assert x[0] == (1 + s) / 3


def test_dates():
    @cuda.jit
    def kernel(x, start, steps):
        i = cuda.grid(1)
        x[i] = start + steps[i]

    start, steps = np.datetime64("2020-02-28", "D"), np.arange(3).astype("m8[D]")
    x, _ = launched(kernel, 1, 3, np.zeros(3, "M8[D]"), start, steps)
    np.testing.assert_array_equal(x, start + steps)


def test_functions_and_closures():
    factor = 3

    @cuda.jit(device=True)
    def helper(a, b):
        return a * b, a - b

    @kernelgen.jit
    def plus_one(x):
        return x + 1

    @kernelgen.vectorize
    def twice(x):
        return 2 * x

    def apply(function, x):
        return function(x)

    @cuda.jit
    def kernel(x):
        i = cuda.grid(1)
        product, difference = helper(x[i], factor)
        x[i] = apply(plus_one, product) + apply(twice, difference)

    (x,) = launched(kernel, 1, 4, np.arange(4.0))
    assert x.tolist() == [3 * i + 1 + 2 * (i - 3) for i in range(4)]
    assert repr(helper).startswith("<device function ")
    with pytest.raises(KernelgenError, match=r"helper\(\) is a function for kernels") as caught:
        helper(1, 2)
    assert caught.value.loc.filename == __file__
    assert helper.py_func(1, 2) == (2, -1)


@pytest.mark.parametrize("ndim", range(5))
@pytest.mark.parametrize("how", ["C", "F", "reversed", "stepped"])
@pytest.mark.usefixtures("unoptimised")
def test_arrays_of_all_dimensions_and_layouts(ndim, how):
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)[(0,) * (4 - ndim)].astype("f4")
    stepped = {
        "C": lambda a: a,
        "F": lambda a: a.T,
        "reversed": lambda a: a[(slice(None, None, -1),) * ndim],
        "stepped": lambda a: a[(slice(None, None, 2),) * ndim],
    }[how]
    expected = stepped(x)
    given = stepped(cuda.to_device(x))
    out = cuda.to_device(np.zeros(max(expected.size, 1)))
    FLATTEN[ndim][1, max(expected.size, 1)](given, out)
    np.testing.assert_array_equal(out.copy_to_host(), expected.ravel())


@cuda.jit
def flatten_0(x, out):
    out[0] = x[()]


@cuda.jit
def flatten_1(x, out):
    i = cuda.grid(1)
    out[i] = x[i]


@cuda.jit
def flatten_2(x, out):
    i = cuda.grid(1)
    n = x.shape[1]
    out[i] = x[i // n, i % n]


@cuda.jit
def flatten_3(x, out):
    i = cuda.grid(1)
    _, m, n = x.shape
    out[i] = x[i // (m * n), i // n % m, i % n]


@cuda.jit
def flatten_4(x, out):
    i = cuda.grid(1)
    k, m, n = x.shape[1:]
    out[i] = x[i // (k * m * n)][i // (m * n) % k, i // n % m, i % n]


FLATTEN = flatten_0, flatten_1, flatten_2, flatten_3, flatten_4


def test_views_in_kernels():
    @cuda.jit
    def kernel(x, out):
        i = cuda.grid(1)
        part = x[1:, ::2]
        out[i] = part[i].sum() + part.T[-1, i]

    x = random("f8", (4, 6))
    _, out = launched(kernel, 1, 3, x, np.zeros(3))
    np.testing.assert_array_equal(out, x[1:, ::2].sum(1) + x[1:, 4])


def test_arrays_that_must_not_be_written():
    @cuda.jit
    def copy(x, out):
        out[0] = x[0]

    @cuda.jit
    def write(x):
        x[0] = 1

    x = cuda.to_device(np.arange(5.0))
    x.view_of_host.flags.writeable = False
    out = cuda.to_device(np.zeros(1) + 9)
    copy[1, 1](x, out)
    assert out.copy_to_host() == [0]
    check_refused(write, "x[0]", TypingError, "the array is read-only", x)


def test_empty_arrays():
    @cuda.jit
    def kernel(x, out):
        out[0] = len(x) + 10 * x.shape[1]

    _, out = launched(kernel, 1, 1, np.zeros((0, 3)), np.zeros(1))
    assert out == [30]


def test_structures():
    @cuda.jit
    def kernel(x):
        i = cuda.grid(1)
        x[i].a += i
        x[i]["b"] += 2

    (x,) = launched(kernel, 1, 3, np.zeros(3, [("a", "f4"), ("b", "i8")]))
    assert x.tolist() == [(0, 2), (1, 2), (2, 2)]


def test_arrays_of_other_libraries():
    class Other:
        def __init__(self, array):
            self.__cuda_array_interface__ = array.__cuda_array_interface__
            self.array = array

    x = cuda.to_device(np.arange(6.0))
    kernels.axpy[1, 6](Other(x), Other(x[::-1]), 0.0)
    kernels.axpy[1, 3](Other(x[::2]), x[:3], 1.0)
    assert x.copy_to_host().tolist()[3:] == [3, 4, 5]


# ----------------------------------------------------------------------- signatures, launches


def test_signatures_are_compiled_at_once_and_no_others():
    @cuda.jit(["void(f4[::1], f4)", "f8[:], f8"])
    def kernel(x, s):
        x[cuda.grid(1)] += s

    assert launched(kernel, 1, 3, np.ones(3, "f4"), 2)[0].tolist() == [3, 3, 3]
    assert launched(kernel, 1, 3, np.ones(3), np.int32(2))[0].tolist() == [3, 3, 3]
    assert [str(t[0]) for t in kernel.signatures] == ["f4[::1]", "f8[:]"]
    with pytest.raises(TypingError, match="no signature of kernel takes") as caught:
        launched(kernel, 1, 3, np.ones(3, "i4"), 2)
    assert "its signatures are none(f4[::1], f4), (f8[:], f8)" in str(caught.value)
    with pytest.raises(TypingError, match="no signature of kernel takes"):
        kernel[1, 3](cuda.to_device(np.ones(6, "f4"))[::2], 2)


def test_a_signature_finds_errors_at_once():
    with pytest.raises(SignatureError, match=r"kernel\(\) takes 1 arguments, not 2"):

        @cuda.jit("f4, f4")
        def kernel(x):
            pass

    with pytest.raises(TypingError):

        @cuda.jit("f4[:]")
        def bad(x):
            x[0] = x


def test_forall():
    @cuda.jit
    def kernel(x):
        i = cuda.grid(1)
        if i < len(x):
            x[i] = cuda.gridsize(1)

    x = cuda.to_device(np.zeros(300))
    kernel.forall(300)(x)
    size = set(x.copy_to_host())
    assert len(size) == 1
    assert size.pop() >= 300
    kernel.forall(300, 64)(x)
    assert set(x.copy_to_host()) == {320}
    kernel.forall(0)(x)
    with pytest.raises(KernelgenError, match="a block of 5000 x 1 x 1 is too large"):
        kernel.forall(300, 5000)(x)


@cuda.jit
def nothing(x):
    pass


BAD_LAUNCHES = {
    "k[1]": "nothing[...] has a grid and a block, and may have a stream and the bytes of shared",
    "k[1, 1, None, 0, 0]": "nothing[...] has a grid and a block",
    "k[0, 1]": "the grid is 0, but it has up to three dimensions, of 1 or more each",
    "k[1, 0]": "the block is 0, but it has",
    "k[1.5, 1]": "the grid is 1.5, but it has",
    "k[(1, 2, 3, 4), 1]": "the grid is (1, 2, 3, 4), but it has",
    "k[(), 1]": "the grid is (), but it has",
    "k[1, -1]": "the block is -1, but it has",
    "k[(1, 70000), 1]": "nothing: a grid of 1 x 70000 x 1 is too large, the device takes at most",
    "k[1, 1025]": "nothing: a block of 1025 x 1 x 1 is too large, the device takes at most",
    "k[1, (32, 33)]": "nothing: a block of 1056 threads is too large, the device takes at most",
    "k[1, (1, 1, 65)]": "nothing: a block of 1 x 1 x 65 is too large, the device takes at most",
    "k[1, 1, None, 1 << 30]": "nothing: 1073741824 bytes of shared memory are too many, a block",
    "k[1, 1, None, -8]": "nothing: there are no -8 bytes of shared memory",
    "k(x)": "the kernel nothing() is called without a grid",
    "k[1, 1](x, x)": "nothing() takes 1 arguments, not 2",
    "k[1, 1]()": "nothing() takes 1 arguments, not 0",
    "k[1, 1](h)": "the argument 'x' is an array of the host, and kernels take those of the device",
    "k[1, 1]((x, h))": "the argument 'x[1]' is an array of the host, and kernels take those",
    "k[1, 1]([1])": "the argument 'x' is a list, which compiled code cannot be given",
}


@pytest.mark.parametrize("launch", BAD_LAUNCHES)
def test_launches_that_there_are_not(launch):
    h = np.zeros(3)
    space = {"k": nothing, "x": cuda.to_device(h), "h": h}
    with pytest.raises(KernelgenError) as caught:
        eval(launch, space)
    assert caught.value.message.startswith(BAD_LAUNCHES[launch])
    assert "\n" not in caught.value.message


def test_what_is_no_stream():
    with pytest.raises(TypeError, match="'abc' is no stream"):
        nothing[1, 1, "abc"](1)


def test_more_shared_memory_than_there_is(device):
    if device == "gpu":
        pytest.skip("the driver says so in its words")

    @cuda.jit
    def kernel(x):
        s = cuda.shared.array(6000, "f8")
        s[0] = x[0]
        x[0] = s[0]

    launched(kernel, 1, 1, np.zeros(1))
    says = "the kernel takes 49200 bytes of shared memory, a block has at most 49152"
    with pytest.raises(KernelgenError, match=says):
        launched(kernel, 1, 1, np.zeros(1), shared=1200)


def test_several_threads_of_python_launch_at_once():
    @cuda.jit
    def kernel(x, v):
        cuda.syncthreads()
        cuda.atomic.add(x, 0, v)

    found = {}

    def run(j):
        x = cuda.to_device(np.zeros(1, "i8" if j % 2 else "f8"))
        for _ in range(10):
            kernel[10, 32](x, j)
        found[j] = x.copy_to_host()[0]

    workers = [threading.Thread(target=copy_context().run, args=(run, j)) for j in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == {j: 3200 * j for j in range(6)}


# ------------------------------------------------------------------------ what kernels cannot


def check_refused(kernel, code, error, says, *args):
    """A sentence, and the user's code that it is about."""
    with pytest.raises(error) as caught:
        launched(kernel, 1, 1, *args)
    assert says in caught.value.message
    loc = caught.value.loc
    line = linecache.getline(loc.filename, loc.line)
    assert loc.filename == __file__
    assert line[loc.column : loc.end_column] == code


def returns(x):
    return x[0]


def allocates(x):
    y = np.zeros(3)
    x[0] = y[0]


def draws(x):
    x[0] = np.random.random()


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


def calls_itself(x):
    x[0] = factorial(int(x[0]))


def has_no_such_register(x):
    x[0] = cuda.threadIdx.w


def has_no_such_function(x):
    x[0] = cuda.nothing()


def stores_registers(x):
    x[0] = cuda.threadIdx


def variable_shape(x):
    s = cuda.shared.array(len(x), "f4")
    x[0] = s[0]


def negative_shape(x):
    s = cuda.local.array(-1, "f4")
    x[0] = s[0]


def bad_dtype(x):
    s = cuda.shared.array(4, "O")
    x[0] = s[0]


def too_many_arguments(x):
    cuda.syncwarp(1, 2)


def unknown_keyword(x):
    cuda.atomic.add(x, 0, valve=1)


def constant_of_an_argument(x):
    x[0] = cuda.const.array_like(x)[0]


def bits_of_floats(x):
    cuda.atomic.and_(x, 0, 1)


def atomic_on_a_number(x):
    cuda.atomic.add(x[0], 0, 1)


def atomic_on_a_row(x):
    cuda.atomic.add(x.reshape((1, 1)), 0, 1)


def atomic_at_a_float(x):
    cuda.atomic.add(x, 0.5, 1)


def large_local_arrays(x):
    a = cuda.local.array(40_000, "f8")
    b = cuda.local.array((100, 300), "f8")
    x[0] = a[int(x[0])] + b[0, 0]


NO_ARRAY = " is a constant, of a type that kernels have"
REFUSED = {
    returns: ("return x[0]", "a kernel of cuda.jit returns nothing"),
    allocates: ("np.zeros(3)", "cannot allocate memory for an array"),
    draws: ("np.random.random()", "cannot draw random numbers"),
    calls_itself: ("factorial(n - 1)", "a function that calls itself cannot run on a GPU"),
    has_no_such_register: ("cuda.threadIdx.w", "has no attribute 'w'"),
    has_no_such_function: ("cuda.nothing", "has no attribute 'nothing'"),
    stores_registers: ("x[0]", "an element of an array cannot be a Registers"),
    variable_shape: ('cuda.shared.array(len(x), "f4")', "the shape of a cuda.shared.array() is a"),
    negative_shape: ('cuda.local.array(-1, "f4")', "the shape of a cuda.local.array() is a const"),
    large_local_arrays: (
        'cuda.local.array((100, 300), "f8")',
        "a thread has 524288 bytes for arrays of its own, and this makes it 560000",
    ),
    bad_dtype: ('cuda.shared.array(4, "O")', "the dtype of a cuda.shared.array() is a constant"),
    too_many_arguments: ("cuda.syncwarp(1, 2)", "cuda.syncwarp(mask) cannot be called with these"),
    unknown_keyword: (
        "cuda.atomic.add(x, 0, valve=1)",
        "cuda.atomic.add(array, index, value) cannot be called with these arguments",
    ),
    constant_of_an_argument: ("cuda.const.array_like(x)", "takes a global array"),
    bits_of_floats: ("cuda.atomic.and_(x, 0, 1)", "there is no atomic and_ of float64"),
    atomic_on_a_number: ("cuda.atomic.add(x[0], 0, 1)", "is on an element of an array, not of"),
    atomic_on_a_row: (
        "cuda.atomic.add(x.reshape((1, 1)), 0, 1)",
        "an atomic operation is on one element",
    ),
    atomic_at_a_float: ("cuda.atomic.add(x, 0.5, 1)", "an array cannot be indexed by Python float"),
}


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_what_kernels_cannot(function):
    code, says = REFUSED[function]
    check_refused(cuda.jit(function), code, (UnsupportedError, TypingError), says, np.ones(1))


def test_a_number_that_there_is_not_on_a_gpu():
    with pytest.raises(UnsupportedError, match="there is no longdouble on a GPU"):
        launched(nothing, 1, 1, np.longdouble(1))


# Names that have a meaning in kernels only.


def test_outside_of_kernels():
    for use in (
        lambda: cuda.threadIdx.x + 1,
        lambda: 2 * cuda.blockDim.y,
        lambda: range(cuda.laneid),
        lambda: bool(cuda.gridDim.z),
        lambda: cuda.grid(1),
        lambda: cuda.gridsize(2),
    ):
        with pytest.raises(KernelgenError, match="has a value in kernels of cuda.jit only"):
            use()
    for call in (
        cuda.syncthreads,
        cuda.threadfence,
        lambda: cuda.shared.array(3, "f4"),
        lambda: cuda.atomic.add(np.zeros(3), 0, 1),
        lambda: cuda.ballot_sync(FULL, True),
    ):
        with pytest.raises(KernelgenError, match="can be called in kernels of cuda.jit only"):
            call()
    assert repr(cuda.threadIdx.x) == "<cuda.threadIdx.x, a number in kernels>"
    assert repr(cuda.syncthreads) == "<cuda.syncthreads, a function in kernels>"


def adds_place(x):
    return x + cuda.threadIdx.x


def waits(x):
    cuda.syncthreads()
    return x


def shares(x):
    s = cuda.shared.array(3, "f4")
    s[0] = x
    return s[0]


def votes(x):
    return cuda.ballot_sync(FULL, x > 0)


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (adds_place, "cuda.threadIdx.x"),
        (waits, "cuda.syncthreads()"),
        (shares, 'cuda.shared.array(3, "f4")'),
        (votes, "cuda.ballot_sync(FULL, x > 0)"),
    ],
)
@pytest.mark.parametrize("make", [kernelgen.vectorize, kernelgen.jit])
def test_kernels_of_processors(make, function, code):
    with pytest.raises(UnsupportedError) as caught:
        make(function)(1.5)
    assert caught.value.message == "what threads of a grid do is for kernels of cuda.jit"
    loc = caught.value.loc
    assert linecache.getline(__file__, loc.line)[loc.column : loc.end_column] == code


# --------------------------------------------------------------------------------- exceptions


def raised(kernel, grid, block, *args):
    """The exception, and the line of the user's code that raised it."""
    with pytest.raises(Exception) as caught:
        launched(kernel, grid, block, *args)
        cuda.synchronize()
    frames = traceback.extract_tb(caught.value.__traceback__)
    return caught.value, [frame.line for frame in frames]


def test_an_exception_of_a_helper():
    x = np.ones(64)
    x[37] = -2.5
    error, lines = raised(kernels.roots, 2, 32, x)
    assert type(error) is ValueError
    assert str(error) == "-2.5 has no root"
    assert lines[-2:] == [
        "x[i] = root(x[i])",
        'raise ValueError(f"{x} has no root")',
    ]


def test_the_first_exception_counts():
    x = -np.arange(1.0, 65)
    error, _ = raised(kernels.roots, 2, 32, x)
    assert str(error) in {f"{each} has no root" for each in x}


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("bad", [[5], [5, 40, 41], range(64 * 5)])
def test_an_exception_between_barriers(bad):
    """Nobody waits for threads that have raised."""
    x = np.ones(64 * 5)
    x[bad] = -4
    error, lines = raised(kernels.roots_behind_barriers, 10, 32, x)
    assert str(error) == "-4.0 has no root"
    assert lines[-1] == 'raise ValueError(f"{x} has no root")'


def test_behind_an_exception_all_goes_on():
    raised(kernels.roots, 1, 1, np.array([-1.0]))
    (x,) = launched(kernels.roots, 1, 2, np.array([4.0, 9.0]))
    assert x.tolist() == [2, 3]


def test_division_by_zero():
    error, lines = raised(kernels.quotients, 1, 8, np.arange(8), 3)
    assert type(error) is ZeroDivisionError
    assert lines[-1] == "x[i] = x[i] // (i - y)"
    (x,) = launched(cuda.jit(kernels.quotients.py_func), 1, 8, np.arange(8) + 8, 3)
    assert x[4:].tolist() == [12, 6, 4, 3]


@pytest.mark.parametrize("k", [3, -9])
def test_an_index_out_of_range(k):
    error, lines = raised(kernels.shifted, 1, 8, np.arange(8), k)
    assert type(error) is IndexError
    assert "is out of bounds for axis 0 with size 8" in str(error)
    assert lines[-1] == "x[i] = x[i + k]"


def test_indices_are_checked_where_that_is_asked_for(device, monkeypatch):
    monkeypatch.delenv("KERNELGEN_BOUNDSCHECK", raising=False)
    if device == "gpu":
        pytest.skip("a GPU does not check by itself")

    def kernel(x):
        own = cuda.local.array(8, "i8")
        own[x[0]] = 1
        s = cuda.shared.array(8, "i8")
        cuda.atomic.add(s, x[0], 1)

    error, lines = raised(cuda.jit(kernel), 1, 1, np.array([8]))
    assert str(error) == "index 8 is out of bounds for axis 0 with size 8"
    assert lines[-1] == "own[x[0]] = 1"
    launched(cuda.jit(kernel, boundscheck=False), 1, 1, np.array([7]))


def test_an_assertion():
    error, lines = raised(kernels.assertion, 1, 1, np.zeros(1))
    assert type(error) is AssertionError
    assert str(error) == "it is not one"
    assert lines[-1] == 'assert x[0] == 1, "it is not one"'


# ----------------------------------------------------------------------------------- to look


def test_what_users_can_look_at():
    assert repr(kernels.axpy) == "<kernel axpy>"
    assert kernels.axpy.py_func.__name__ == kernels.axpy.__name__ == "axpy"
    assert "register" in kernels.axpy.inspect_ir("f4[:], f4[:], f4")
    assert ".target sm_90" in kernels.axpy.inspect_ptx("f4[:], f4[:], f4", arch="sm_90")
    with pytest.raises(SignatureError, match=r"axpy\(\) takes 3 arguments, not 1"):
        kernels.axpy.inspect_ptx("f4[:]")


def test_options_that_are_not():
    with pytest.raises(KernelgenError, match="error_model cannot be 'fortran'"):
        cuda.jit(error_model="fortran")
    with pytest.raises(TypeError):
        cuda.jit(nonsense=1)
