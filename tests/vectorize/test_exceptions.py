"""Exceptions that kernels raise reach the caller, from everywhere, and nothing else does."""

from __future__ import annotations

import contextlib
import gc
import sys
import warnings
import weakref

import numpy as np
import pytest

from kernelgen import vectorize

V = np.arange(12.0)
LARGE = 3 * np.getbufsize() + 5


class OutOfRangeError(Exception):
    """A user's own class, whose constructor does not take its ``args``."""

    def __init__(self, code, unit="m"):
        super().__init__(f"code {code} {unit}")
        self.code = code


def make_checked(target="cpu"):
    @vectorize(identity=0, target=target)
    def checked(x, y):
        if y > 100:
            raise ValueError("y is too large")
        return x + y

    return checked


def values(size=12, at=7, dtype="f8"):
    array = np.arange(size, dtype=dtype) % 50
    array[at] = 101
    return array


def in_place(ufunc, target, *args):
    ufunc.at(target, *args)


USES = {
    "call": lambda f: f(V, values()),
    "scalar": lambda f: f(1.0, 101.0),
    "Python scalar": lambda f: f(1, 101),
    "0-d": lambda f: f(np.array(1.0), np.array(101.0)),
    "out": lambda f: f(V, values(), out=np.zeros(12)),
    "dtype": lambda f: f(V, values(), dtype="f4"),
    "where": lambda f: f(V, values(), where=values() > 50, out=np.zeros(12)),
    "strided": lambda f: f(V[::2], values(24, 8)[::4]),
    "backwards": lambda f: f(V, values()[::-1]),
    "broadcast": lambda f: f(V, values()[:, None]),
    "cast": lambda f: f(V, values(dtype=">f4")),
    "reduce": lambda f: f.reduce(values()),
    "reduce along an axis": lambda f: f.reduce(values().reshape(3, 4), axis=0),
    "reduce with dtype": lambda f: f.reduce(values(), dtype="f4"),
    "outer": lambda f: f.outer(V, values()),
    "large": lambda f: f(np.zeros(LARGE), values(LARGE, LARGE - 1)),
    "large at the beginning": lambda f: f(np.zeros(LARGE), values(LARGE, 0)),
    "large strided": lambda f: f(np.zeros(LARGE), values(2 * LARGE, LARGE - 1)[::2]),
    "large with a cast": lambda f: f(np.zeros(LARGE), values(LARGE, LARGE - 7, "i2")),
    "large rows": lambda f: f(np.zeros((9, 1)), values(LARGE, LARGE - 7)[None, :]),
    "large reduce": lambda f: f.reduce(values(LARGE, LARGE - 3)),
}
ON_HOSTS = {
    "masked": lambda f: f(np.ma.array(V), values()),
    "accumulate": lambda f: f.accumulate(values()),
    "reduceat": lambda f: f.reduceat(values(), [0, 6]),
    "at": lambda f: in_place(f, V.copy(), [0, 1], [1.0, 101.0]),
    "at one": lambda f: in_place(f, V.copy(), [0, 0], 101.0),
}


def check_exception(use, ufunc):
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^y is too large$") as caught:
            use(ufunc)
        assert type(caught.value) is ValueError
        assert caught.value.args == ("y is too large",)
    assert ufunc(1.0, 2.0) == 3.0


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_an_exception_reaches_the_caller(use, target):
    check_exception(use, make_checked(target))


@pytest.mark.parametrize("use", ON_HOSTS.values(), ids=ON_HOSTS)
def test_an_exception_of_a_host_reaches_the_caller(use):
    check_exception(use, make_checked())


def make_telling(target="cpu"):
    @vectorize(identity=0, target=target)
    def telling(x, y):
        if y > 100:
            raise ValueError(f"{y!r} is too large", x > y, y)
        return x + y

    return telling


@pytest.mark.parametrize("fp_errors", ["ignore", "numpy"])
@pytest.mark.parametrize("use", (USES | ON_HOSTS).values(), ids=USES | ON_HOSTS)
def test_an_exception_made_of_numbers_reaches_the_caller(use, fp_errors):
    check_telling(use, vectorize(make_telling().py_func, identity=0, fp_errors=fp_errors))


@pytest.mark.parametrize("use", [use for name, use in USES.items() if name != "large reduce"])
def test_an_exception_made_of_numbers_leaves_the_device(use, emulated):
    """But those of sums of parts, which are others."""
    check_telling(use, make_telling("cuda"))


def check_telling(use, ufunc):
    for _ in range(2):
        with pytest.raises(ValueError, match="is too large") as caught:
            use(ufunc)
        text, larger, y = caught.value.args
        assert text == f"{y!r} is too large"
        assert isinstance(larger, np.bool_)
        assert isinstance(y, np.generic)
        assert y == 101
    assert ufunc(1.0, 2.0) == 3.0


def test_elements_that_where_leaves_out_raise_nothing(target):
    result = make_checked(target)(V, values(), where=values() <= 100, out=np.full(12, -1.0))
    assert result[7] == -1
    assert result[8] == 16


def test_no_exception_where_there_are_no_elements(target):
    assert make_checked(target)(np.zeros(0), np.full(0, 101.0)).shape == (0,)
    assert make_checked(target).reduce(np.zeros(0)) == 0


def test_elements_before_the_one_that_raised_are_written():
    out = np.full(12, -1.0)
    with pytest.raises(ValueError, match="too large"):
        make_checked()(V, values(), out=out)
    np.testing.assert_array_equal(out[:7], (V + values())[:7])
    assert (out[8:] == -1).all()


# ------------------------------------------------------------------------------- what can be raised


def kernel_class_alone(x):
    if x > 0:
        raise KeyError
    return x


def kernel_user_defined(x):
    if x > 0:
        raise OutOfRangeError(5, "km")
    return x


def kernel_several_arguments(x):
    if x > 0:
        raise OSError(2, "no such element", 3.5)
    return x


def kernel_interrupt(x):
    if x > 0:
        raise KeyboardInterrupt
    return x


def kernel_stop_iteration(x):
    if x > 0:
        raise StopIteration("done")
    return x


def kernel_attribute_error(x):
    if x > 0:
        raise AttributeError("none of NumPy's")
    return x


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (kernel_class_alone, KeyError()),
        (kernel_user_defined, OutOfRangeError(5, "km")),
        (kernel_several_arguments, OSError(2, "no such element", 3.5)),
        (kernel_interrupt, KeyboardInterrupt()),
        (kernel_stop_iteration, StopIteration("done")),
        (kernel_attribute_error, AttributeError("none of NumPy's")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_exceptions_are_made_as_python_makes_them(kernel, expected, target):
    with pytest.raises(type(expected)) as caught:
        vectorize(kernel, target=target)(1.0)
    assert type(caught.value) is type(expected)
    assert caught.value.args == expected.args
    assert vars(caught.value) == vars(expected)


def test_an_exception_whose_class_refuses_its_arguments_is_that_refusal(target):
    def kernel(x):
        if x > 0:
            raise OutOfRangeError
        return x

    assert vectorize(kernel, target=target)(0.0) == 0.0
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'code'"):
        vectorize(kernel, target=target)(1.0)


def test_an_error_of_the_exceptions_own_class_reaches_the_caller(target):
    class PickyError(Exception):
        def __init__(self, number):
            super().__init__(10 // (number - 3))

    def kernel(x):
        if x > 0:
            raise PickyError(int(x))
        return x

    for number, expected in [(1.0, PickyError), (3.0, ZeroDivisionError)]:
        with pytest.raises(expected):
            vectorize(kernel, target=target)(number)


def test_an_error_of_formatting_reaches_the_caller(target):
    def kernel(x):
        if x > 0:
            raise KeyError(f"{x:d}")
        return x

    with pytest.raises(ValueError, match="Unknown format code 'd'"):
        vectorize(kernel, target=target)(1.0)
    with pytest.raises(KeyError, match="7"):
        vectorize(kernel, target=target)(7)


def test_constants_that_are_equal_are_told_apart(target):
    @vectorize(target=target)
    def kernel(x):
        if x == 1:
            raise ValueError(1)
        if x == 2:
            raise ValueError(True)
        if x == 3:
            raise ValueError(1.0)
        return x

    for number, expected in [(1, "(1,)"), (2, "(True,)"), (3, "(1.0,)")]:
        with pytest.raises(ValueError, match=r"^(1|True|1\.0)$") as caught:
            kernel(number)
        assert repr(caught.value.args) == expected


def test_several_raises_are_told_apart(target):
    @vectorize(target=target)
    def graded(x):
        if x == 1:
            raise ValueError("one")
        if x == 2:
            raise ValueError("two")
        if x == 3:
            raise TypeError("three")
        return x

    for value, kind, text in [
        (1, ValueError, "one"),
        (2, ValueError, "two"),
        (3, TypeError, "three"),
    ]:
        for size in (1, 100):
            with pytest.raises(kind, match=text):
                graded(np.full(size, float(value)))
    assert graded(4) == 4


def test_the_first_element_that_raises_decides():
    @vectorize
    def pick(x):
        if x == 1:
            raise ValueError("one")
        if x == 2:
            raise KeyError("two")
        return x

    with pytest.raises(KeyError):
        pick(np.array([0.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match="one"):
        pick(np.array([0.0, 1.0, 2.0]))


def checked_root(x):
    if x < 0:
        raise ValueError("negative")
    return x**0.5


def test_an_exception_of_a_helper(target):
    ufunc = vectorize(lambda x, y: checked_root(x) + checked_root(y), target=target)
    assert ufunc(4.0, 9.0) == 5.0
    with pytest.raises(ValueError, match="negative"):
        ufunc(4.0, -9.0)


def test_an_exception_of_a_loop(target):
    @vectorize(target=target)
    def bounded(n):
        total = 0
        for i in range(n):
            if i == 5:
                raise OverflowError("more than five")
            total += i
        return total

    assert bounded(5) == 10
    with pytest.raises(OverflowError, match="more than five"):
        bounded(np.arange(10))


def test_an_exception_with_two_outputs(target):
    @vectorize(target=target)
    def both(x):
        if x < 0:
            raise ValueError("negative")
        return x, -x

    with pytest.raises(ValueError, match="negative"):
        both(np.array([1.0, -1.0]))
    np.testing.assert_array_equal(both([1.0]), ([1.0], [-1.0]))


ASSERTIONS = """
def positive(x):
    assert x >= 0, "x must not be negative"
    assert x < 10
    return x
"""


def test_assert_raises_with_its_text(target):
    scope = {}  # pytest rewrites the assertions of this file
    exec(ASSERTIONS, scope)
    positive = vectorize(scope["positive"], target=target)
    assert positive(3.0) == 3.0
    with pytest.raises(AssertionError, match="x must not be negative"):
        positive(-1.0)
    with pytest.raises(AssertionError) as caught:
        positive(10.0)
    assert caught.value.args == ()


def test_unassigned_variables_raise_as_in_python(target):
    @vectorize(target=target)
    def maybe(x):
        if x > 0:
            y = x * 2
        return y

    assert maybe(2.0) == 4.0
    with pytest.raises(UnboundLocalError, match="'y'") as caught:
        maybe(np.array([1.0, -1.0]))
    with pytest.raises(UnboundLocalError) as pythons:
        maybe.py_func(-1.0)
    assert str(caught.value) == str(pythons.value)


def test_deleted_variables_raise(target):
    @vectorize(target=target)
    def gone(x):
        y = x
        if x > 0:
            del y
        return y

    assert gone(-1.0) == -1.0
    with pytest.raises(UnboundLocalError):
        gone(1.0)


# ----------------------------------------------------------------------------- instances, lifetimes


def test_every_raise_makes_an_instance_of_its_own(target):
    ufunc = make_checked(target)
    caught = []
    for _ in range(2):
        with pytest.raises(ValueError, match="too large") as info:
            ufunc(1.0, 101.0)
        caught.append(info.value)
    assert caught[0] is not caught[1]
    assert caught[1].__context__ is None
    assert caught[1].__cause__ is None


def test_the_context_is_the_exception_being_handled(target):
    try:
        raise LookupError("outer")
    except LookupError as outer:
        with pytest.raises(ValueError, match="too large") as caught:
            make_checked(target)(1.0, 101.0)
        assert caught.value.__context__ is outer


def test_the_traceback_ends_in_the_kernels_line():
    with pytest.raises(ValueError, match="too large") as caught:
        make_checked()(1.0, 101.0)
    assert [entry.name for entry in caught.traceback] == [
        "test_the_traceback_ends_in_the_kernels_line",
        "checked",
    ]


def test_instances_are_freed(target):
    class FreedError(Exception):
        pass

    def kernel(x):
        if x > 0:
            raise FreedError("text")
        return x

    ufunc = vectorize(kernel, target=target)
    seen = []
    for array in (np.ones(1), np.ones(LARGE), np.ones((3, 4)).T[::2]):
        try:
            ufunc(array)
        except FreedError as error:
            seen.append(weakref.ref(error))
    gc.collect()
    assert len(seen) == 3
    assert [ref() for ref in seen] == [None] * 3


def test_reference_counts_stay():
    ufunc = make_checked()

    def use(count):
        for _ in range(count):
            with contextlib.suppress(ValueError):
                ufunc(1.0, 101.0)

    use(10)
    gc.collect()
    before = sys.getrefcount(ValueError), sys.getrefcount(None)
    use(1000)
    gc.collect()
    after = sys.getrefcount(ValueError), sys.getrefcount(None)
    assert all(abs(a - b) < 100 for a, b in zip(after, before, strict=True))


def test_an_error_handler_of_numpy_is_not_involved(target):
    with np.errstate(all="raise"), pytest.raises(ValueError, match="too large"):
        make_checked(target)(V, values())


# ------------------------------------------------------------------------------------- error models

DIVISIONS = {
    "/": lambda x, y: x / y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
}
DIVIDENDS = np.array([-7, 0, 7])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "u1", "?"])
@pytest.mark.parametrize("kernel", DIVISIONS.values(), ids=DIVISIONS)
def test_python_model_raises_zero_division_error(kernel, dtype, target):
    ufunc = vectorize(error_model="python", target=target)(kernel)
    x = np.abs(DIVIDENDS).astype(dtype)
    for size in (3, 300):
        with pytest.raises(ZeroDivisionError, match=r"^division by zero$"):
            ufunc(np.resize(x, size), np.zeros(size, dtype))
    np.testing.assert_array_equal(ufunc(x, np.ones(3, dtype)), kernel(x, np.ones(3, dtype)))


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "u1", "?"])
@pytest.mark.parametrize("kernel", DIVISIONS.values(), ids=DIVISIONS)
def test_numpy_model_gives_numpys_values_without_warnings(kernel, dtype, target):
    x = DIVIDENDS.astype(dtype)
    zero = np.zeros(3, dtype)
    with np.errstate(all="ignore"):
        expected = kernel(x, zero)
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for model in ({}, {"error_model": "numpy"}):
            ufunc = vectorize(kernel, target=target, **model)
            np.testing.assert_array_equal(ufunc(x, zero), expected, strict=True)


def test_python_model_leaves_divisions_that_are_not_reached(target):
    ufunc = vectorize(error_model="python", target=target)(lambda x, y: x / y if y != 0 else -1.0)
    np.testing.assert_array_equal(ufunc([1.0, 2.0], [0.0, 4.0]), [-1.0, 0.5])


def test_python_model_in_divmod_and_helpers(target):
    def helper(x, y):
        return x / y

    for kernel in (lambda x, y: divmod(x, y)[0], lambda x, y: helper(x, y) + x):
        with pytest.raises(ZeroDivisionError):
            vectorize(error_model="python", target=target)(kernel)(1.0, 0.0)


def test_signed_minimum_by_minus_one_does_not_trap(target):
    least = np.iinfo("i8").min
    for kernel, expected in [(lambda x, y: x // y, least), (lambda x, y: x % y, 0)]:
        assert vectorize(kernel, target=target)(np.full(9, least), np.int64(-1))[4] == expected
