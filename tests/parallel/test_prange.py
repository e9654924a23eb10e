"""Loops over ``prange``: what threads share gives what one thread gives."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from kernelgen import KernelgenError, get_thread_id, jit, prange, set_num_threads, threading_info

pytestmark = pytest.mark.usefixtures("shares_all")

RNG = np.random.default_rng(7)
COUNTS = (0, 1, 2, 63, 64, 65, 1000)


def parallel(function, *args, shared=True):
    """What a function gives as plain Python and in parallel, after its report has been looked at;
    what it does to arrays is compared."""
    compiled = jit(parallel=True)(function)
    for _ in range(2):  # the second call knows how long the first one took
        own, other = copied(args), copied(args)
        found = compiled(*own)
        expected = function(*other)
        for a, b in zip(own, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    report = compiled.parallel_report()
    assert ("not shared" not in report and "shared by threads" in report) is shared, report
    return found, expected


def copied(args):
    return [a.copy(order="K") if isinstance(a, np.ndarray) else a for a in args]


# ------------------------------------------------------------------------------------ ranges


def fill(start, stop, step, out):
    n = 0
    for i in prange(start, stop, step):
        out[i] = i * i
        n += 1
    return n


@pytest.mark.parametrize(
    ("start", "stop", "step"),
    [(0, 700, 1), (3, 700, 7), (699, -1, -1), (650, 3, -13), (5, 5, 1), (9, 2, 1), (2, 9, -1)],
)
def test_all_ranges_are_gone_through(start, stop, step):
    found, expected = parallel(fill, start, stop, step, np.zeros(700))
    assert found == expected


def test_a_step_of_zero_is_an_error():
    with pytest.raises(ValueError, match="must not be zero"):
        jit(parallel=True)(fill)(0, 5, 0, np.zeros(5))


@pytest.mark.parametrize("schedule", ["static", "dynamic"])
def test_schedules(schedule):
    def each(out):
        for i in prange(len(out), schedule=schedule):
            out[i] += i

    compiled = jit(parallel=True)(each)
    out = np.zeros(1000)
    compiled(out)
    np.testing.assert_array_equal(out, np.arange(1000))
    assert f"{schedule} schedule" in compiled.parallel_report()


def test_a_schedule_that_there_is_not():
    with pytest.raises(KernelgenError, match="dynamic, static"):
        prange(5, schedule="guided")

    @jit(parallel=True)
    def each(n):
        for _i in prange(n, schedule="guided"):
            pass

    with pytest.raises(KernelgenError, match="dynamic, static"):
        each(5)


def test_in_plain_python_it_is_range():
    assert prange(2, 9, 3) == range(2, 9, 3)
    assert prange(4, schedule="static") == range(4)


def test_without_parallel_it_is_range():
    compiled = jit(fill)
    out = np.zeros(10)
    assert compiled(0, 10, 1, out) == 10
    assert "parallel=True only" in compiled.parallel_report()


# -------------------------------------------------------------------------------- reductions


def reduce_all(a, k):
    s = 0.0
    p = 1.0
    low = np.inf
    high = -np.inf
    for i in prange(len(a)):
        s += a[i]
        p *= 1.0 + a[i] / 1000
        low = min(low, a[i])
        high = max(a[i], high)
    return s, p, low, high


def reduce_integers(a, k):
    s = 0
    every = -1
    some = 0
    odd = 0
    low = k[0] if len(k) else 0
    for i in prange(len(k)):
        s -= k[i]
        every &= k[i] | 8
        some |= k[i] & 3
        odd ^= k[i]
        low = np.minimum(low, k[i])
    return s, every, some, odd, low


def reduce_on_ways(a, k):
    s, n = 0.0, 0
    for i in prange(len(a)):
        if a[i] < 0.5:
            continue
        if a[i] > 0.9:
            s += 1
            n += 1
        for j in range(k[i] % 3):
            s += a[i] * j
    return s, n


def reduce_complex(a, k):
    z = 0j
    for i in prange(len(a)):
        z += a[i] * 1j + k[i]
    return z


def reduce_by_numpy(a, k):
    low, high = np.inf, np.nan
    least, most, fewest, greatest = 500, 500, 500, 500
    for i in prange(len(a)):
        low = np.fmin(low, a[i])
        high = np.fmax(a[i], high)
        least = np.fmin(least, k[i])
        most = np.fmax(k[i], most)
        fewest = np.minimum(k[i], fewest)
        greatest = np.maximum(greatest, k[i])
    return low, high, least, most, fewest, greatest


@pytest.mark.parametrize(
    "function", [reduce_all, reduce_integers, reduce_on_ways, reduce_complex, reduce_by_numpy]
)
@pytest.mark.parametrize("n", COUNTS)
def test_reductions_of_numbers(function, n):
    found, expected = parallel(function, RNG.random(n), RNG.integers(0, 1000, n))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "i2", "u8", "c8", "f2"])
def test_reductions_keep_their_type(dtype):
    def total(a, zero):
        for i in prange(len(a)):
            zero += a[i]
        return zero

    a = (np.arange(300) % 7).astype(dtype)
    zero = a.dtype.type(0)
    found, expected = parallel(total, a, zero)
    assert found.dtype == expected.dtype == a.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-2)


def test_reductions_of_bools():
    def anything(a):
        found = False
        for i in prange(len(a)):
            found |= a[i] > 0.999
        return found

    for a in (RNG.random(5000), np.zeros(100)):
        found, expected = parallel(anything, a)
        assert found == expected


def test_sums_are_the_same_whatever_the_number_of_threads():
    def total(a):
        s = 0.0
        for i in prange(len(a)):
            s += a[i]
        return s

    compiled, a = jit(parallel=True)(total), RNG.random(100_001)
    found = set()
    for threads in (1, 2, 3, 4):
        set_num_threads(threads)
        found |= {float(compiled(a)) for _ in range(10)}
    assert len(found) == 1


# ------------------------------------------------------------------------------------ arrays


def histogram(k, h, other):
    for i in prange(len(k)):
        h[k[i]] += 1
        other[k[i] % 2, 1] -= k[i]


def columns(a):
    total = np.zeros(a.shape[1])
    for i in prange(a.shape[0]):
        total += a[i]
    return total


def columns_by_elements(a):
    total = np.ones(a.shape[1])
    for i in prange(a.shape[0]):
        for j in range(a.shape[1]):
            total[j] *= 1 + a[i, j]
        total[1:3] *= 0.5
    return total


def own_elements(a, out):
    for i in prange(a.shape[0]):
        for j in range(a.shape[1]):
            out[i] += a[i, j]
            a[i, j] *= 2


@pytest.mark.parametrize("n", COUNTS)
def test_elements_that_iterations_have_in_common(n):
    k = RNG.integers(0, 13, n)
    _, _ = parallel(histogram, k, np.zeros(13, np.int32), np.zeros((2, 2), order="F"))
    for function in (columns, columns_by_elements):
        found, expected = parallel(function, RNG.random((n, 4)))
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_greatest_elements():
    def highest(k, x, out):
        for i in prange(len(k)):
            out[k[i]] = max(out[k[i]], x[i])

    k, x = RNG.integers(0, 5, 900), RNG.random(900)
    for dtype in ("f8", "i4"):
        whole = x if dtype == "f8" else (100 * x).astype(dtype)
        parallel(highest, k, whole, np.full(5, 0.5).astype(dtype))
    compiled = jit(parallel=True)(highest)
    compiled(k, x, np.zeros(5))
    assert "out: each element is the maximum over" in compiled.parallel_report()


def passed_over(k, x, low, high):
    for i in prange(len(k)):
        low[k[i]] = np.fmin(low[k[i]], x[i])
        high[k[i]] = np.fmax(x[i], high[k[i]])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u2", "?"])
def test_least_and_greatest_elements_by_numpy(dtype):
    k, x = RNG.integers(0, 5, 900), RNG.integers(0, 2 if dtype == "?" else 1000, 900).astype(dtype)
    if x.dtype.kind == "f":
        x[::3] = np.nan
    some = x[1:6]
    parallel(passed_over, k, x, some.copy(), some.copy())


def indexed_by_length(k, h):
    for i in prange(len(k)):
        h[k[i] % len(h)] += 1
        h[k[i] % h.shape[0]] = h[k[i] % h.shape[0]] + 2


def indexed_on_a_way(k, h):
    for i in prange(len(k)):
        h[k[i], 1] = max(h[k[i], 1], i if k[i] < 3 else 2 * i)


def indexed_by_bytes(k, h):
    for i in prange(len(k)):
        h[np.uint8(i & 255)] += k[i]


@pytest.mark.parametrize("function", [indexed_by_length, indexed_on_a_way, indexed_by_bytes])
def test_indices_that_are_computed_are_recognised(function):
    k = RNG.integers(0, 13, 2000)
    h = np.zeros((13, 2) if function is indexed_on_a_way else 256, int)
    parallel(function, k, h)
    compiled = jit(parallel=True)(function)
    compiled(k, h)
    assert "h: each element is the" in compiled.parallel_report()


def several_terms(k, x, h):
    for i in prange(len(k)):
        h[k[i]] = x[i] + (h[k[i]] - 1.0) + 2 * x[i]


def several_factors(k, x, h):
    for i in prange(len(k)):
        h[k[i]] = h[k[i]] / (1 + x[i] / 1000) * (1 + x[i] / 500)


def greatest_of_several(k, x, h):
    for i in prange(len(k)):
        h[k[i]] = max(x[i], h[k[i]], 1 - x[i])


@pytest.mark.parametrize("function", [several_terms, several_factors, greatest_of_several])
def test_elements_may_be_changed_by_several_ops_of_one_kind(function):
    k, x, h = RNG.integers(0, 13, 900), RNG.random(900), np.full(13, 0.5)
    parallel(function, k, x, h)
    compiled = jit(parallel=True)(function)
    compiled(k, x, h)
    assert "h: each element is the" in compiled.parallel_report()


def test_elements_that_ops_of_two_kinds_change_have_no_copies():
    def decay(k, x, h):
        for i in prange(len(k)):
            h[k[i]] = h[k[i]] * 0.5 + x[i]

    def double(k, x, h):
        for i in prange(len(k)):
            t = h[k[i]] + x[i]
            h[k[i]] = t + t

    k, x, h = RNG.permutation(900), RNG.random(900), np.ones(900)
    for function in (decay, double):
        parallel(function, k, x, h)
        compiled = jit(parallel=True)(function)
        compiled(k, x, h)
        assert "copy" not in compiled.parallel_report()


def changed_index(k, x, h):
    for i in prange(len(k)):
        before = h[k[i]]
        k[i] += 1
        h[k[i]] = before + x[i]


def changed_in_a_view(k, x, h):
    for i in prange(len(k)):
        view = k[i : i + 1]
        before = h[k[i]]
        view[0] += 1
        h[k[i]] = before + x[i]


@pytest.mark.parametrize("function", [changed_index, changed_in_a_view])
def test_an_index_that_changes_between_is_another(function):
    k, x = np.arange(0, 600, 2), RNG.random(300)
    parallel(function, k, x, RNG.random(700))


def add_all(k, x, h):
    for i in prange(len(k)):
        h[k[i]] += x[i]


def multiply_all(k, x, h):
    for i in prange(len(k)):
        h[k[i]] = x[i] * h[k[i]]


def toggle_all(k, x, h):
    for i in prange(len(k)):
        h[k[i]] ^= x[i]
        h[k[i]] = h[k[i]] ^ 5


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "u8"])
@pytest.mark.parametrize("function", [add_all, multiply_all, toggle_all])
def test_integers_wrap_round_alike(function, dtype):
    k, x = RNG.integers(0, 5, 900), RNG.integers(-1000, 1000, 900) | 1
    x = x.astype("u8") if dtype == "u8" else x
    h, expected = np.ones(5, dtype), np.ones(5, x.dtype)
    compiled = jit(parallel=True)(function)
    compiled(k, x, h)
    with np.errstate(over="ignore"):
        function(k, x, expected)
    np.testing.assert_array_equal(h, expected.astype(dtype))
    assert "h: each element is the" in compiled.parallel_report()


def greatest_of_all(k, x, h):
    for i in prange(len(k)):
        h[k[i]] = max(h[k[i]], x[i])


def divide_all(k, x, h):
    for i in prange(len(k)):
        h[k[i]] /= x[i]


@pytest.mark.parametrize(
    ("function", "x", "h"),
    [
        (add_all, 3 * RNG.random(900) - 1, np.zeros(5, int)),
        (add_all, RNG.integers(-1, 2, 900), np.zeros(5, bool)),
        (greatest_of_all, 3 * RNG.random(900) - 1, np.full(5, -5)),
        (greatest_of_all, RNG.integers(-1000, 1000, 900), np.zeros(5, np.int8)),
        (divide_all, 1 + RNG.random(900) / 100, np.full(5, 10_000)),
    ],
)
def test_what_storing_cuts_off_depends_on_the_order(function, x, h):
    k, expected = RNG.integers(0, 5, 900), h.copy()
    compiled = jit(parallel=True)(function)
    compiled(k, x, h)
    jit(function)(k, x, expected)
    np.testing.assert_array_equal(h, expected)
    report = compiled.parallel_report()
    assert "not shared: what the elements of h become is cut off" in report
    assert "let h be an array of" in report


def test_elements_that_one_iteration_has_for_itself_may_be_cut_off():
    def halve(out):
        for i in prange(len(out)):
            out[i] *= 0.5

    out = np.arange(500)
    compiled = jit(parallel=True)(halve)
    compiled(out)
    np.testing.assert_array_equal(out, np.arange(500) // 2)
    assert "not shared" not in compiled.parallel_report()


def test_an_array_with_gaps_and_of_columns():
    k = RNG.integers(0, 13, 500)
    wide = np.zeros((13, 3))
    compiled = jit(parallel=True)(histogram)
    compiled(k, wide[:, 1], np.zeros((2, 2)))
    np.testing.assert_array_equal(wide[:, 1], np.bincount(k, minlength=13))
    assert not wide[:, [0, 2]].any()


def test_what_each_iteration_has_for_itself_is_not_copied():
    compiled = jit(parallel=True)(own_elements)
    a, out = RNG.random((50, 4)), np.zeros(50)
    expected = a.sum(1)
    compiled(a, out)
    np.testing.assert_allclose(out, expected)
    assert "copy" not in compiled.parallel_report()


def test_variables_of_an_iteration_are_its_own():
    def work(a, out):
        for i in prange(len(a)):
            scratch = np.empty(3)
            for j in range(3):
                scratch[j] = a[i] + j
            t = scratch.sum()
            pair = (t, a[i])
            out[i] = pair[0] * pair[1]

    parallel(work, RNG.random(500), np.zeros(500))


@pytest.mark.parametrize("n", COUNTS)
def test_what_the_last_iteration_leaves(n):
    def last(a):
        i, x = -1, 0.0
        for i in prange(len(a)):
            x = a[i] * 2
        return i, x

    found, expected = parallel(last, RNG.random(n))
    assert found == expected


def test_a_variable_that_no_iteration_has_set():
    @jit(parallel=True)
    def last(n):
        for i in prange(n):
            x = i
        return x

    assert last(5) == 4
    with pytest.raises(UnboundLocalError, match="'x'"):
        last(0)


# -------------------------------------------------------------------------- not to be shared


def recurrence(a):
    x = 0.5
    for i in prange(len(a)):
        x = x * 0.5 + a[i]
    return x


def with_break(a):
    n = 0
    for i in prange(len(a)):
        if a[i] > 0.9:
            break
        n += 1
    return n


def returning(a):
    for i in prange(len(a)):
        if a[i] > 0.9:
            return i
    return -1


def two_kinds(a):
    s = 1.0
    for i in prange(len(a)):
        s += a[i]
        s *= 0.5
    return s


def prefix(a):
    s = 0.0
    for i in prange(len(a)):
        s += a[i]
        a[i] = s
    return s


def maybe_last(a):
    x = 0.0
    for i in prange(len(a)):
        if a[i] > 0.5:
            x = a[i]
    return x


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (recurrence, "`x` of one iteration is used in the next one"),
        (with_break, "may end early"),
        (returning, "may end early"),
        (two_kinds, "`s` of one iteration"),
        (prefix, "`s` of one iteration"),
        (maybe_last, "`x` of one iteration"),
    ],
)
def test_what_cannot_be_shared_runs_in_order_and_is_reported(function, words):
    found, expected = parallel(function, RNG.random(300), shared=False)
    assert found == expected
    compiled = jit(parallel=True)(function)
    compiled(RNG.random(3))
    assert words in compiled.parallel_report()


def test_random_numbers_of_one_stream_are_drawn_in_order():
    def draw(out, rng):
        for i in prange(len(out)):
            out[i] = rng.normal()

    compiled, out = jit(parallel=True)(draw), np.empty(100)
    compiled(out, np.random.default_rng(3))
    np.testing.assert_array_equal(out, np.random.default_rng(3).normal(size=100))
    assert "one stream" in compiled.parallel_report()


@jit
def drawn_below(n):
    return np.random.random() if n < 1 else drawn_below(n - 1)


def draw_here(out):
    for i in prange(len(out)):
        out[i] = np.random.random()


def draw_elsewhere(out):
    for i in prange(len(out)):
        out[i] = drawn_below(2)


@pytest.mark.parametrize("each", [draw_here, draw_elsewhere])
def test_so_are_those_of_the_global_generator(each):
    compiled, out = jit(parallel=True)(each), np.empty(50)
    np.random.seed(4)
    compiled(out)
    np.testing.assert_array_equal(out, np.random.RandomState(4).random_sample(50))
    assert "one stream" in compiled.parallel_report()


def test_streams_of_their_own_are_shared():
    def draw(out, streams):
        for k in prange(len(streams)):
            rng = streams[k]
            for i in range(out.shape[1]):
                out[k, i] = rng.random()

    def streams():
        return tuple(map(np.random.default_rng, np.random.SeedSequence(5).spawn(8)))

    compiled, out = jit(parallel=True)(draw), np.empty((8, 1000))
    compiled(out, streams())
    np.testing.assert_array_equal(out, [rng.random(1000) for rng in streams()])
    assert "shared by threads" in compiled.parallel_report()


# ----------------------------------------------------------------------------------- nesting


def test_of_nested_loops_the_outer_one_is_shared():
    def table(out):
        for i in prange(out.shape[0]):
            for j in prange(out.shape[1]):
                out[i, j] = i * j

    compiled, out = jit(parallel=True)(table), np.zeros((30, 40))
    compiled(out)
    np.testing.assert_array_equal(out, np.outer(np.arange(30), np.arange(40)))
    assert "part of a loop that is" in compiled.parallel_report()


def test_the_inner_one_is_shared_where_the_outer_one_cannot_be():
    def steps(a, n):
        x = 0.25
        for _ in prange(n):
            s = 0.0
            for i in prange(len(a)):
                s += a[i] * x
            x = x * 0.5 + s / len(a)
        return x

    compiled, a = jit(parallel=True)(steps), RNG.random(400)
    np.testing.assert_allclose(compiled(a, 9), steps(a, 9), rtol=1e-12)
    report = compiled.parallel_report()
    assert "not shared" in report and "shared by threads" in report


@jit(parallel=True)
def row_sum(row):
    s = 0.0
    for j in prange(len(row)):
        s += row[j]
    return s


def test_functions_with_loops_of_their_own():
    def rows(a, out):
        for i in prange(a.shape[0]):
            out[i] = row_sum(a[i])

    compiled, a, out = jit(parallel=True)(rows), RNG.random((40, 30)), np.zeros(40)
    compiled(a, out)
    np.testing.assert_allclose(out, a.sum(1))


def test_a_function_that_calls_itself_within_a_loop():
    @jit
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    @jit(parallel=True)
    def all_of_them(out):
        for i in prange(len(out)):
            out[i] = fibonacci(i % 12)

    out = np.zeros(200, int)
    all_of_them(out)
    known = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
    np.testing.assert_array_equal(out, [known[i % 12] for i in range(200)])


def test_too_deep_recursion_within_a_loop_is_an_error():
    @jit
    def endless(n):
        return 0 if n < 0 else endless(n + 1) + 1

    @jit(parallel=True)
    def each(out):
        for i in prange(len(out)):
            out[i] = endless(i)

    with pytest.raises(RecursionError):
        each(np.zeros(50, int))


# ---------------------------------------------------------------------------- errors, threads


def test_the_error_is_that_of_the_first_iteration_that_raises():
    @jit(parallel=True)
    def check(a):
        for i in prange(len(a)):
            if a[i] > 0:
                raise ValueError(f"element {i} is {a[i]}")

    a = np.zeros(50_000)
    a[[49_999, 31_234, 777, 40_000]] = 1.5, 2.5, 3.5, 4.5
    for _ in range(50):
        with pytest.raises(ValueError, match=r"element 777 is 3\.5"):
            check(a)
    a[777] = 0
    with pytest.raises(ValueError, match=r"element 31234 is 2\.5"):
        check(a)


def test_the_error_has_the_line_that_raised_it():
    @jit(parallel=True)
    def divide(a, out):
        for i in prange(len(a)):
            out[i] = 1 // a[i]

    a = np.ones(1000, int)
    a[500] = 0
    with pytest.raises(ZeroDivisionError) as caught:
        divide(a, np.zeros(1000, int))
    assert str(caught.traceback[-1].statement).strip() == "out[i] = 1 // a[i]"


def test_an_index_out_of_bounds_is_an_error_if_it_is_checked():
    @jit(parallel=True, boundscheck=True)
    def shift(a):
        for i in prange(len(a)):
            a[i] = a[i + 1]

    with pytest.raises(IndexError, match="index 100 is out of bounds"):
        shift(np.zeros(100))


def test_memory_of_a_loop_that_raises_is_freed():
    @jit(parallel=True)
    def check(a):
        s = 0.0
        for i in prange(len(a)):
            scratch = np.full(1000, a[i])
            if a[i] > 0.5:
                raise ValueError("too much")
            s += scratch.sum()
        return s

    assert check(np.zeros(500)) == 0
    for _ in range(20):
        with pytest.raises(ValueError, match="too much"):
            check(np.linspace(0, 1, 500))


def test_threads_have_numbers():
    @jit(parallel=True)
    def numbers(out):
        for i in prange(len(out)):
            s = 0.0
            for j in range(20_000):
                s += np.sqrt(j)
            out[i] = get_thread_id() + 0 * s

    out = np.full(400, -1)
    numbers(out)
    assert set(out) <= set(range(threading_info().workers + 1))
    assert get_thread_id() == 0


def test_ctrl_c_reaches_the_caller_soon():
    @jit(parallel=True)
    def endless(n, out):
        for i in prange(n):
            x = 0.5
            for _ in range(10_000):
                x = np.sqrt(x + i)
            out[i % len(out)] = x

    out = np.zeros(7)
    endless(8, out)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            endless(1 << 40, out)
        assert time.monotonic() - begun < 60
    finally:
        signal.signal(signal.SIGINT, before)
    endless(8, out)


def test_other_threads_of_python_may_run_meanwhile():
    from concurrent.futures import ThreadPoolExecutor

    compiled = jit(parallel=True)(reduce_all)
    arguments = [(RNG.random(3000), RNG.integers(0, 9, 3000)) for _ in range(8)]
    expected = [compiled(*each) for each in arguments]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            assert list(pool.map(lambda each: compiled(*each), arguments)) == expected


# ------------------------------------------------------------------------ expressions of arrays


def expressions(a, b):
    c = a * b + np.exp(-a)
    c[1:, :] += b[:-1, :] * 2
    a[:] = a[::-1] + 1
    return c, c.sum(axis=1), c.max(axis=0), np.sum(c), a.T + b.T


def test_expressions_of_arrays_are_shared():
    compiled = jit(parallel=True)(expressions)
    for shape in [(70, 90), (1, 5), (0, 3), (300, 2)]:
        a, b = RNG.random(shape), RNG.random(shape)
        own, other = a.copy(), a.copy()
        if 0 in shape:
            continue
        found, expected = compiled(own, b), jit(expressions)(other, b)
        np.testing.assert_array_equal(own, other)
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_array_equal(x, y)
    report = compiled.parallel_report()
    assert "elements of arrays" in report and "reduced or accumulated" in report


def test_long_expressions_equal_those_of_one_thread_bit_for_bit():
    def waves(x):
        return np.sin(x) * np.exp(-x)

    x = RNG.random(100_003)
    expected = jit(waves)(x)
    compiled = jit(parallel=True)(waves)
    for threads in (1, 2, 3, 4):
        set_num_threads(threads)
        np.testing.assert_array_equal(compiled(x), expected)


def reductions(a, b):
    c = a * b
    return (
        c.sum(), np.sum(a), a.max(), c.min(), a.mean(), np.std(b), np.prod(1 + a / 1e6),
        np.any(c > 0.999), np.all(b >= 0), a.argmax(), np.sum(a, initial=3.0), np.sum(b > 0.5),
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 100, 8191, 8192, 8193, 600_000])
def test_reductions_of_arrays(n):
    a, b = RNG.random(n), RNG.random(n)
    compiled = jit(parallel=True)(reductions)
    found = {tuple(compiled(a, b)) for _ in range(5)}
    assert len(found) == 1
    np.testing.assert_allclose(found.pop(), reductions(a, b), rtol=1e-12)
    if n < 8192:
        assert compiled(a, b) == jit(reductions)(a, b)


def test_reductions_of_several_axes():
    def total(a):
        return a.sum(), np.max(a.T), a[:, ::2].sum(), a.sum(axis=0), a.sum(axis=(0, 1))

    a = RNG.random((300, 400))
    for x, y in zip(jit(parallel=True)(total)(a), total(a), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-13)
