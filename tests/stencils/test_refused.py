"""What stencils refuse, in which words, and what they point at."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from kernelgen import njit, stencil
from kernelgen.errors import KernelgenError, TypingError, UnsupportedError

A = np.arange(6.0)
GRID = np.arange(12.0).reshape(3, 4)


def refused(kernel: Any, *args: Any, **options: Any) -> str:
    """The text of the error that a stencil's call ends in."""
    with pytest.raises(TypingError) as caught:
        stencil(kernel, **options)(*args)
    return str(caught.value)


def points_at(text: str, *codes: str) -> bool:
    """Whether the caret is under one of ``codes``, in a line of this file."""
    found = re.search(r"  in .*, .*test_refused\.py:\d+\n *\d+ \| (.*)\n *\| ( *)(\^+)", text)
    assert found, text
    line, before, caret = found.groups()
    assert line[len(before) : len(before) + len(caret)] in codes, text
    return True


# ------------------------------------------------------------------------------------- offsets


def many(a):
    return a[0, 1, 2]


def one(a):
    return a[1]


def fraction(a):
    return a[0.5]


def by_element(a):
    return a[a[0]]


def far(a):
    return a[1 << 70]


def name(a):
    return a["x"]


def new_axis(a):
    return a[None]


def dots(a):
    return a[...]


def array_of_offsets(a):
    return a[np.array([0, 1])]


@pytest.mark.parametrize(
    "kernel, array, sentence, code",
    [
        (many, GRID, "a 2-dimensional array is read at 2 offsets, not at 3", "a[0, 1, 2]"),
        (one, GRID, "a 2-dimensional array is read at 2 offsets, not at 1", "a[1]"),
        (fraction, A, "an offset is an integer, or a slice of them, not Python float", "a[0.5]"),
        (by_element, A, "an offset is an integer, or a slice of them, not float64", "a[a[0]]"),
        (name, A, "an offset is an integer, or a slice of them, not a str", 'a["x"]'),
        (new_axis, A, "an offset is an integer, or a slice of them, not None", "a[None]"),
        (dots, A, "an offset is an integer, or a slice of them, not ellipsis", "a[...]"),
        (far, A, f"the offset {1 << 70} is too far away", "a[1 << 70]"),
        (array_of_offsets, A, "an offset is an integer, or a slice of them, not 1-dim", "a[np.array([0, 1])]"),
    ],
)  # fmt: skip
def test_offsets(kernel: Any, array: Any, sentence: str, code: str) -> None:
    text = refused(kernel, array)
    assert text.startswith(sentence)
    assert points_at(text, code)


def computed(a, n):
    return a[n]


def looped(a, n):
    s = 0.0
    for i in range(-n, n + 1):
        s += a[i]
    return s


def cut(a, n):
    return a[-n:1].sum()


def endless(a):
    return a[:].sum()


def empty(a):
    return a[1:1].sum()


def no_step(a):
    return a[-1:2:0].sum()


@pytest.mark.parametrize(
    "kernel, args, sentence, code",
    [
        (computed, (1,), "the offset of this read is computed", "a[n]"),
        (looped, (1,), "the offset of this read is computed", "a[i]"),
        (cut, (1,), "the bounds of this slice are not known", "a[-n:1]"),
        (endless, (), "the bounds of this slice are not known", "a[:]"),
        (empty, (), "this slice is empty", "a[1:1]"),
        (no_step, (), "the step of a slice cannot be zero", "a[-1:2:0]"),
    ],
)
def test_offsets_that_are_not_known(kernel: Any, args: Any, sentence: str, code: str) -> None:
    text = refused(kernel, A, *args)
    assert text.startswith(sentence)
    assert points_at(text, code)


def three_on(a):
    return a[0] + a[3]


def slice_on(a):
    return a[-3:1].sum()


@pytest.mark.parametrize("kernel, offset, code", [(three_on, 3, "a[3]"), (slice_on, -3, "a[-3:1]")])
def test_offsets_outside_of_the_neighborhood(kernel: Any, offset: int, code: str) -> None:
    text = refused(kernel, A, neighborhood=((-2, 2),))
    assert text.startswith(f"the offset {offset} is outside of the neighborhood (-2, 2) of axis 0")
    assert points_at(text, code)


# ---------------------------------------------------------------------- the array as a whole


def total(a):
    return np.sum(a)


def added(a):
    return a + 1


def gone_over(a):
    s = 0.0
    for x in a:
        s += x
    return s


def as_list(a):
    return list(a)[0]


def greatest(a):
    return max(a)


def copied(a):
    return a.copy()[0]


def of_class(a):
    return isinstance(a, np.ndarray)


def in_tuple(a):
    for b in (a, a):
        s = b[0]
    return s


@stencil
def inner(a):
    return a[-1]


def nested(a):
    return inner(a)


@pytest.mark.parametrize(
    "kernel, code",
    [
        (total, "np.sum(a)"), (added, "a + 1"), (gone_over, "a"), (as_list, "list(a)"),
        (greatest, "max(a)"), (copied, "a.copy()"), (of_class, "isinstance(a, np.ndarray)"),
        (in_tuple, "(a, a)"), (nested, "inner(a)"),
    ],
)  # fmt: skip
def test_windows_are_not_arrays(kernel: Any, code: str) -> None:
    text = refused(kernel, GRID)
    assert text.startswith("a stencil's kernel reads a at offsets, not as a whole")
    assert "a[0, 0] for the cell's element, a[-1:2, -1:2] for an array of those around" in text
    assert 'standard_indexing=("a",)' in text
    assert points_at(text, code, "for x in a:")


def turned(a):
    return a.T[0]


def test_attributes() -> None:
    text = refused(turned, A)
    assert text.startswith("an array that is read at offsets has no 'T' in a stencil's kernel")
    assert points_at(text, "a.T")


def assigned(a):
    a[0] = 1
    return a[0]


def increased(a):
    a[0] += 1
    return a[0]


@pytest.mark.parametrize("kernel", [assigned, increased])
def test_assignment(kernel: Any) -> None:
    text = refused(kernel, A)
    assert text.startswith(
        "a stencil's kernel does not assign to an array that it reads at offsets"
    )
    assert "hint: return the cell's new value" in text
    assert points_at(text, "a[0]")


def chosen(a, b, c):
    x = a if c[0] > 2 else b
    return x[0] + x[1]


def test_arrays_that_are_chosen_by_elements() -> None:
    text = refused(chosen, A, A, A)
    assert text.startswith("the array that is read at offsets here is chosen while the kernel runs")
    assert points_at(text, "x[0]")


def calls_itself(b, n):
    return b[0] if n == 0 else calls_itself(b, n - 1)


def starts(a, n):
    return calls_itself(a, n)


def test_recursion_with_the_window() -> None:
    text = refused(starts, A, 3)
    assert text.startswith("a function that calls itself cannot be given")
    assert points_at(text, "calls_itself(b, n - 1)")


# -------------------------------------------------------------------------------------- results


def nothing(a):
    a[0]


def several_elements(a):
    return a[-1:2]


def itself(a):
    return a


def text_of(a):
    return "x"


def nested_tuple(a):
    return a[0], (a[0], 1)


def empty_tuple(a):
    return ()


@pytest.mark.parametrize(
    "kernel, what",
    [
        (nothing, "None"), (several_elements, "1-dimensional array of float64"),
        (itself, "1-dimensional array of float64 that is read at offsets"), (text_of, "a str"),
        (nested_tuple, "tuple (float64, tuple (float64, Python int))"), (empty_tuple, "tuple ()"),
    ],
)  # fmt: skip
def test_results(kernel: Any, what: str) -> None:
    text = refused(kernel, A)
    assert text.startswith(f"a stencil cannot return {what}\n")
    assert re.search(rf"  in {kernel.__name__}, .*test_refused\.py:\d+\n", text)
    assert "hint: return the cell's new value" in text


def complex_result(a):
    return a[0] * 1j


def test_results_that_dtype_does_not_hold() -> None:
    text = refused(complex_result, A, dtype=float)
    assert text.startswith("the kernel returns complex128, dtype= of the stencil is float64")
    text = refused(one, A.astype("M8[s]"), dtype=float, mode="wrap")
    assert text.startswith("the kernel returns datetime64[s], dtype= of the stencil is float64")


# ------------------------------------------------------------------------------------ arguments


def left(a):
    return a[-1]


@pytest.mark.parametrize(
    "cval, dtype",
    [(np.nan, "i8"), (300, "u1"), (-1, "u1"), (1j, "f8"), (0.5, "i4"), ("x", "f8"), (None, "f8"),
     ([1, 2], "f8"), (1e300, "f4"), (2, "?"), (0.5, "?"), (1.5, "M8[s]"), (0, "M8[s]"), (np.timedelta64(1500, "ms"), "m8[s]"),
     (2**70, "i8")],
)  # fmt: skip
def test_constants_that_arrays_do_not_hold(cval: Any, dtype: str) -> None:
    text = refused(left, np.zeros(5, dtype), cval=cval)
    assert text.startswith(f"cval={cval!r} is no ")
    assert "which is what left() reads" in text
    assert re.search(r"  in left, .*test_refused\.py:\d+\n *\d+ \| def left\(a\):", text)


@pytest.mark.parametrize("mode", ["wrap", ["nearest"], [("valid", "mirror")]])
def test_constants_that_nothing_reads(mode: Any) -> None:
    """Only mode "constant" looks at it."""
    assert stencil(left, mode=mode, cval=np.nan)(np.arange(3)).dtype == int


def half(a):
    return a[-1] > 2


def test_constants_of_results() -> None:
    def as_int(a):
        return int(a[-1])

    assert refused(as_int, A, cval=0.5).startswith(
        "cval=0.5 is no int64, which is what as_int() makes"
    )
    assert stencil(half, cval=7.0)(A).tolist()[0] is True


def both(a, b):
    return a[0] + b[-1]


@pytest.mark.parametrize(
    "arrays",
    [(A, A[:5]), (GRID, GRID.T), (GRID[:, :3], GRID), (np.zeros((0, 3)), np.zeros((1, 3)))],
)
def test_shapes(arrays: Any) -> None:
    def both(a, b):
        return (a[0] + b[-1]) if arrays[0].ndim == 1 else a[0, 0] + b[0, -1]

    shapes = " and ".join(str(a.shape).replace(", ", ",") for a in arrays)
    sentence = f"the arrays that both() reads at offsets have the shapes {shapes}"
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        stencil(both)(*arrays)


@pytest.mark.parametrize(
    "args, sentence",
    [
        ((A, GRID), "both() reads a and b at offsets, but they have 1 and 2 dimensions"),
        ((1.0, 2.0), "both() is given no array that it reads at offsets"),
        ((np.array(1.0), np.array(2.0)), "both() is given an array without dimensions"),
        ((np.zeros(3, [("x", float)]), A), "both() cannot read 1-dimensional array of records (x)"),
    ],
)
def test_arrays(args: Any, sentence: str) -> None:
    text = refused(both, *args)
    assert text.startswith(sentence)
    assert re.search(r"  in both, .*test_refused\.py:\d+\n", text)


@pytest.mark.parametrize(
    "array, sentence",
    [
        (np.array(["a", "b"]), "the argument 'a' is an array of <U1"),
        (np.array([1, None], object), "the argument 'a' is an array of object"),
        (
            np.array([1.0], ">f8" if np.little_endian else "<f8"),
            "the argument 'a' is an array whose bytes",
        ),
        (np.ma.array([1.0]), "the argument 'a' is a masked array"),
        ([1.0, 2.0], "the argument 'a' is a list"),
    ],
)
def test_arrays_of_other_kinds(array: Any, sentence: str) -> None:
    assert refused(left, array).startswith(sentence)


def test_all_arrays_are_indexed_as_usual() -> None:
    text = refused(left, A, standard_indexing=("a",))
    assert text.startswith("left() is given no array that it reads at offsets")


def pair(a):
    return a[0], a[1]


@pytest.mark.parametrize(
    "kernel, out, sentence",
    [
        (left, 3, "out= of left() is an array, not Python int"),
        (
            left,
            (A.copy(),),
            "out= of left() is an array, not tuple (1-dimensional array of float64)",
        ),
        (pair, A.copy(), "pair() makes 2 arrays, out= has 1"),
        (pair, (A.copy(),) * 3, "pair() makes 2 arrays, out= has 3"),
        (pair, (A.copy(), None), "out= of pair() is an array, not None"),
        (
            left,
            np.zeros(6, [("x", float)]),
            "out= of left() is a 1-dimensional array of records (x)",
        ),
        (left, [A.copy()], "the argument 'out' is a list"),
        (left, np.zeros(6, "U3"), "the argument 'out' is an array of <U3"),
    ],
)
def test_out(kernel: Any, out: Any, sentence: str) -> None:
    with pytest.raises(TypingError) as caught:
        stencil(kernel)(A, out=out)
    assert str(caught.value).startswith(sentence)


def test_errors_in_jitted_functions_say_where_the_call_is() -> None:
    made = stencil(left)

    @njit
    def outer(a):
        return made(a, out=3)

    with pytest.raises(TypingError) as caught:
        outer(A)
    assert str(caught.value).startswith("out= of left() is an array, not Python int")
    assert points_at(str(caught.value), "made(a, out=3)")

    bad = stencil(fraction)

    @njit
    def with_bad(a):
        return bad(a)

    with pytest.raises(TypingError, match="called from") as caught:
        with_bad(A)
    assert points_at(str(caught.value), "a[0.5]")


# -------------------------------------------------------------------------------- the decorator


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"mode": "foo"}, "mode cannot be 'foo'"),
        ({"func_or_mode": "foo"}, "mode cannot be 'foo'"),
        ({"mode": 3}, "mode cannot be 3"),
        ({"mode": []}, r"mode cannot be \[\]"),
        ({"mode": ["wrap", "foo"]}, "mode cannot be 'foo'"),
        ({"mode": [("wrap", "foo")]}, "mode cannot be 'foo'"),
        ({"mode": [("wrap", "wrap", "wrap")]}, "the mode of an axis cannot be"),
        ({"mode": [3]}, "the mode of an axis cannot be 3"),
        ({"func_or_mode": "wrap", "mode": "wrap"}, "the mode is given twice: 'wrap' and 'wrap'"),
        ({"neighborhood": 3}, "neighborhood cannot be 3"),
        ({"neighborhood": ()}, r"neighborhood cannot be \(\)"),
        ({"neighborhood": ((1, 2),)}, r"neighborhood cannot be \(\(1, 2\),\)"),
        ({"neighborhood": ((-2, -1),)}, "neighborhood cannot be"),
        ({"neighborhood": ((-1.0, 2),)}, "neighborhood cannot be"),
        ({"neighborhood": (-1, 1)}, "neighborhood cannot be"),
        ({"neighborhood": ((-1, 0, 1),)}, "neighborhood cannot be"),
        ({"standard_indexing": 3}, "standard_indexing cannot be 3"),
        ({"standard_indexing": [3]}, r"standard_indexing cannot be \[3\]"),
        ({"dtype": "U3"}, "a stencil cannot make arrays of 'U3'"),
        ({"dtype": object}, "a stencil cannot make arrays of <class 'object'>"),
        ({"target": "gpu"}, "target cannot be 'gpu'"),
        ({"error_model": "c"}, "error_model cannot be 'c'"),
    ],
)
def test_options(options: Any, sentence: str) -> None:
    with pytest.raises(KernelgenError, match="^" + sentence):
        stencil(**options)


def test_numbers_of_axes() -> None:
    text = refused(left, A, mode=["wrap", "wrap"])
    assert text.startswith("the array has 1 dimensions, but mode= of the stencil has 2")
    text = refused(left, A, neighborhood=((-1, 1), (0, 0)))
    assert text.startswith("the array has 1 dimensions, neighborhood= of left() has 2")


def test_names_that_are_no_parameters() -> None:
    with pytest.raises(
        KernelgenError, match=r"standard_indexing= names 'w', which is no param.* left"
    ):
        stencil(left, standard_indexing=("a", "w"))


@pytest.mark.parametrize(
    "kernel, sentence",
    [
        (lambda *a: 1, "the kernel of a stencil has a fixed number of positional parameters"),
        (lambda a, **b: 1, "the kernel of a stencil has a fixed number of positional parameters"),
        (lambda a, *, b: 1, "the kernel of a stencil has a fixed number of positional parameters"),
        (lambda: 1, "the kernel of a stencil needs an array to go over"),
        (lambda a, out: 1, "a stencil takes out=, so its kernel has no parameter of that name"),
        (len, "'len' is not a Python function"),
        (np.sin, "'sin' is not a Python function"),
    ],
)
def test_functions(kernel: Any, sentence: str) -> None:
    with pytest.raises(UnsupportedError, match="^" + sentence):
        stencil(kernel)
