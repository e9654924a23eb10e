"""One kernel on every back end: what runs it, and what counts as the same answer.

Plain Python on NumPy scalars is the oracle. After it come the reference interpreter on untyped
SSA, the interpreter on rewritten typed SSA, and machine code over contiguous and over strided
arrays (they are different loops), on the processor and on the emulated device.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import devices
import numpy as np

import kernelgen
from kernelgen import pipeline
from kernelgen.ir.interp import interpret
from kernelgen.ops.control import constant_type
from kernelgen.ops.convert import convert_value
from kernelgen.rewrites import UNTYPED_PASSES
from kernelgen.types import table
from kernelgen.types.compound import Tuple
from kernelgen.types.join import join

DTYPES = tuple(row.dtype for row in table.SCALARS if not row.is_complex)
COMPLEX = tuple(row.dtype for row in table.SCALARS if row.is_complex)
INTEGERS = tuple(dtype for dtype in DTYPES if dtype.kind in "iu")
FLOATS = tuple(dtype for dtype in DTYPES if dtype.kind == "f")


# ------------------------------------------------------------------------------ edge values


@functools.cache
def edges(dtype: Any) -> np.ndarray:
    """The values of a type at which arithmetic goes wrong, and a few at which it should not."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind == "f":
        return _float_edges(dtype)
    if dtype.kind in "Mm":
        return _time_edges(dtype)
    if dtype.kind == "c":
        return _complex_edges(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    values = {low, low + 1, low // 2, high, high - 1, high // 2, 0, 1, 2, 3, 7, 8, 63, 64, 100}
    values |= {-1, -2, -3, -7, -8, -100} if low else {high - 6}
    return np.array(sorted(values), dtype)


def _float_edges(dtype: np.dtype) -> np.ndarray:
    info = np.finfo(dtype)
    positive = [
        0.0, info.smallest_subnormal, info.tiny, info.eps, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0,
        7.0, 1e6 + 0.5, 2.0**31, 2.0**63, 2.0**64, info.max / 2, info.max, np.inf,
    ]  # fmt: skip
    with quiet():  # float16 does not hold them all
        return np.array([*positive, *(-x for x in positive), np.nan], dtype)


def _complex_edges(dtype: np.dtype) -> np.ndarray:
    """Parts of all signs, none of them so far from 1 that NumPy's own algorithms lose it."""
    parts = np.array([0.0, -0.0, 1.0, -1.0, 0.1, -2.5, 100.0, np.inf, -np.inf, np.nan], dtype)
    made = np.zeros((len(parts), len(parts)), dtype)
    made.real, made.imag = parts.real[:, None], parts.real[None, :]
    return made.ravel()


def _time_edges(dtype: np.dtype) -> np.ndarray:
    """Counts that no operation of two in like units overflows, and the one that is NaT."""
    counts = [0, 1, 2, 3, 7, 59, 60, 365, 18262]
    return np.array([*counts, *(-n for n in counts), NAT], np.int64).view(dtype)


NAT = -(2**63)


def grid(*dtypes: Any) -> tuple[np.ndarray, ...]:
    """Every combination of the edge values of the types, as parallel one-dimensional arrays."""
    axes = [edges(dtype) for dtype in dtypes]
    return tuple(axis.ravel().copy() for axis in np.meshgrid(*axes, indexing="ij"))


# ------------------------------------------------------------------------- running a kernel


@dataclass(frozen=True)
class Failure:
    """An exception as a value: two kernels that raise the same raise equal ones.

    What NumPy's scalars look like shows their types.
    """

    cls: type
    text: str
    args: str = ""


@contextmanager
def quiet() -> Iterator[None]:
    """No floating point warnings, no deprecation of ``~True``: the oracle may do anything."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def attempt(function: Callable[..., Any], *args: Any) -> Any:
    """What a call returns, or the Failure that it ends in."""
    try:
        with quiet():
            return function(*args)
    except Exception as error:
        return Failure(type(error), str(error), repr(error.args))


def rows(arrays: Sequence[np.ndarray]) -> list[tuple[Any, ...]]:
    """The arguments of each call: NumPy scalars."""
    return list(zip(*arrays, strict=True))


def request(kernel: Any, *arrays: np.ndarray) -> pipeline.Request:
    """The request to compile ``kernel`` for the dtypes of ``arrays``."""
    types = tuple(table.from_dtype(a.dtype) for a in arrays)
    return pipeline.Request(kernel, types)


def untyped(wanted: pipeline.Request) -> Any:
    """Untyped SSA with its calls resolved: what inference starts from."""
    function = pipeline.ssa(wanted)
    for rewrite, _ in UNTYPED_PASSES:
        rewrite(function)
    return function


def run_interpreter(function: Any, arrays: Sequence[np.ndarray]) -> list[Any]:
    """A function of the IR, on each row of arguments."""
    return [attempt(interpret, function, row) for row in rows(arrays)]


def run_machine(ufunc: np.ufunc, arrays: Sequence[np.ndarray]) -> list[tuple[Any, ...]]:
    """Machine code over all rows at once: a tuple of outputs for each row."""
    outputs = ufunc(*arrays)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return list(zip(*outputs, strict=True))


def strided(array: np.ndarray) -> np.ndarray:
    """The same values, at twice their distance and from the back."""
    spread = np.empty(2 * len(array), array.dtype)
    spread[::-2] = array
    return spread[::-2]


# ----------------------------------------------------------------------------- same answers


def as_tuple(value: Any) -> tuple[Any, ...]:
    """The leaves of what a kernel returns."""
    return value if isinstance(value, tuple) else (value,)


def ulps(got: Any, want: Any) -> float:
    """The distance of two floats of one type in units in the last place of ``want``."""
    if np.isnan(got) and np.isnan(want):
        return 0.0
    if got == want or not (np.isfinite(got) and np.isfinite(want)):
        return 0.0 if got == want and np.signbit(got) == np.signbit(want) else np.inf
    with quiet():
        distance = abs(np.longdouble(got) - np.longdouble(want))
        return float(distance / np.longdouble(unit_in_the_last_place(want)))


def unit_in_the_last_place(x: Any) -> Any:
    """The distance of floats around ``x``; NumPy's is inf or nan at the greatest of a type."""
    x = np.abs(x)
    with np.errstate(all="ignore"):
        return np.where(x > 1, 2 * np.spacing(x / 2), np.spacing(x))[()]


def same(got: Any, want: Any, ulp: float = 0) -> bool:
    """Whether two values of one type are equal: in every bit, or within ``ulp`` for floats."""
    if isinstance(want, Failure) or isinstance(got, Failure):
        return bool(got == want)
    if isinstance(want, (np.datetime64, np.timedelta64)):
        return same_time(got, want)
    if isinstance(want, np.complexfloating):
        return same(got.real, want.real, ulp) and same(got.imag, want.imag, ulp)
    return ulps(got, want) <= ulp if isinstance(want, np.floating) else bool(got == want)


def same_time(got: Any, want: Any) -> bool:
    """Whether two dates or durations have the same unit and count; NaT is itself here."""
    return bool(got.dtype == want.dtype and got.view(np.int64) == want.view(np.int64))


def joined_type(values: Sequence[Any]) -> Any:
    """The type in which several returned values meet, weak ones at their default."""
    types = [constant_type(value) for value in values if not isinstance(value, Failure)]
    found = join(*types)
    elements = found.elements if isinstance(found, Tuple) else (found,)
    return tuple(t.strong.dtype for t in elements)


def expect(name: str, kernel: Any, args: Any, got: Any, want: Any, ulp: float) -> None:
    """Fail with the kernel's name, back end and arguments unless the leaves are the same."""
    leaves = itertools.zip_longest(as_tuple(got), as_tuple(want))
    if not all(same(g, w, ulp) for g, w in leaves):
        raise AssertionError(f"{kernel.__name__}{args} on {name}: {got!r}, expected {want!r}")


def check(
    kernel: Callable[..., Any],
    *arrays: Any,
    oracle: Callable[..., Any] | None = None,
    dtype: Any = None,
    ulp: float = 0,
    **options: Any,
) -> np.ufunc:
    """Run ``kernel`` on every back end over parallel arrays, and compare values and dtypes.

    Parameters
    ----------
    kernel : function
        Plain Python.
    *arrays : array_like
        One-dimensional, of one length: an argument each.
    oracle : function, optional
        What to compare with instead of the kernel run as plain Python.
    dtype : dtype or tuple of dtype, optional
        The outputs' types, where the rows do not take every way through the kernel.
    ulp : float
        How far floats may be from the oracle.
    **options
        For ``vectorize``.
    """
    arrays = tuple(map(np.atleast_1d, arrays))
    wanted = request(kernel, *arrays)
    raw = [attempt(oracle or kernel, *row) for row in rows(arrays)]
    if oracle is None:
        _check_untyped(kernel, wanted, arrays, raw)
    ufunc = kernelgen.vectorize(**options)(kernel)
    compiled = pipeline.typed(wanted).result
    leaves = compiled.elements if isinstance(compiled, Tuple) else (compiled,)
    found = tuple(t.strong.dtype for t in leaves)
    expected = joined_type(raw) if dtype is None else tuple(map(np.dtype, np.atleast_1d(dtype)))
    assert found == expected, f"{kernel.__name__} returns {found}, expected {expected}"
    want = [r if isinstance(r, Failure) else _cast(r, leaves) for r in raw]
    for row, got, value in zip(
        rows(arrays), run_interpreter(devices.rewritten(wanted), arrays), want, strict=True
    ):
        expect("the typed interpreter", kernel, row, got, value, ulp)
    _check_machine(kernel, ufunc, arrays, want, found, ulp)
    if devices.has_all(wanted, options):
        with devices.emulated():
            on_device = kernelgen.vectorize(**{**options, "target": "cuda"})(kernel)
            _check_machine(kernel, on_device, arrays, want, found, ulp)
    return ufunc


def _cast(value: Any, types: Sequence[Any]) -> tuple[Any, ...]:
    with quiet():
        return tuple(
            convert_value(v, t.strong) for v, t in zip(as_tuple(value), types, strict=True)
        )


def _same_in_python(got: Any, want: Any) -> bool:
    if isinstance(got, (np.datetime64, np.timedelta64)):
        return same_time(got, want)
    inexact = isinstance(got, (float, complex, np.inexact))
    return bool(got == want) or (inexact and bool(np.isnan(got) and np.isnan(want)))


def _check_untyped(kernel: Any, wanted: Any, arrays: Any, raw: list[Any]) -> None:
    """Untyped SSA is Python still: values and types are those of the oracle, weak or strong."""
    results = run_interpreter(untyped(wanted), arrays)
    for row, got, want in zip(rows(arrays), results, raw, strict=True):
        for g, w in itertools.zip_longest(as_tuple(got), as_tuple(want)):
            assert type(g) is type(w) and _same_in_python(g, w), (
                f"{kernel.__name__}{row} on untyped SSA: {got!r}, expected {want!r}"
            )


def unaligned(array: np.ndarray) -> np.ndarray:
    """The same values, at odd addresses."""
    moved = np.ndarray(len(array), array.dtype, np.zeros(array.nbytes + 1, np.uint8), 1)
    moved[:] = array
    return moved


def layouts(arrays: Sequence[np.ndarray]) -> Iterator[tuple[str, tuple[np.ndarray, ...], slice]]:
    """The ways that arrays may lie, each of which has a loop of its own, and the rows it takes.

    Contiguous, strided, unaligned, and each argument in turn a scalar that all rows share: their first.
    """
    whole = slice(None)
    yield "contiguous", tuple(map(np.ascontiguousarray, arrays)), whole
    yield "strided", tuple(map(strided, arrays)), whole
    yield "unaligned", tuple(map(unaligned, arrays)), whole
    for i, array in enumerate(arrays if len(arrays) > 1 else ()):
        alike = np.flatnonzero([same(v, array[0]) for v in array])
        taken = [np.ascontiguousarray(a[alike]) for a in arrays]
        taken[i] = array[:1].reshape(())
        yield f"scalar argument {i}", tuple(taken), alike


def _check_machine(
    kernel: Any, ufunc: np.ufunc, arrays: Any, want: list[Any], dtypes: Any, ulp: float
) -> None:
    """Rows that raise are run one by one, all others at once in each layout."""
    fails = np.array([isinstance(w, Failure) for w in want])
    for i in np.flatnonzero(fails)[:8]:
        row = tuple(a[i : i + 1] for a in arrays)
        got = attempt(ufunc, *row)
        expect("machine code", kernel, rows(row)[0], got, want[i], ulp)
    if fails.all():
        return
    chosen = tuple(a[~fails] for a in arrays)
    wanted = [w for w in want if not isinstance(w, Failure)]
    for layout, operands, taken in layouts(chosen):
        results = run_machine(ufunc, operands)
        found = tuple(value.dtype for value in results[0])
        assert found == dtypes, f"{kernel.__name__} stores {found}, expected {dtypes}"
        right = [wanted[i] for i in np.arange(len(wanted))[taken]]
        for row, got, value in zip(
            rows(tuple(a[taken] for a in chosen)), results, right, strict=True
        ):
            expect(f"{layout} machine code", kernel, row, got, value, ulp)
