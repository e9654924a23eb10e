"""Standard distributions of ``np.random.Generator``, in double or single precision, or into arrays.

Written in the kernel language, as all methods in ``generator_library.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ops import generators as g
from kernelgen.ops.draws import Form, any_array
from kernelgen.ops.parameter_library import IS_NAN, check_all, not_negative, over_arrays
from kernelgen.ops.random_library import drawn
from kernelgen.ops.shape_library import all_elements, as_dense, is_dense

_next_standard_cauchy = g.NEXT["standard_cauchy"]
_next_standard_exponential = g.NEXT["standard_exponential"]
_next_standard_gamma = g.NEXT["standard_gamma"]
_next_standard_normal = g.NEXT["standard_normal"]
_over_standard_gamma = g.OVER["standard_gamma"]


def _filled(draw: Any, size: Any, dtype: Any, out: Any) -> Any:
    """A number, a new array, or ``out``, whose elements are filled as they lie in memory."""
    if out is None:
        return float(draw()) if size is None else drawn(draw, size, dtype)
    if out.dtype != dtype:
        raise TypeError(
            f"Supplied output array has the wrong type. Expected {dtype}, got {out.dtype}"
        )
    if size is not None and (size if isinstance(size, tuple) else (size,)) != out.shape:
        raise ValueError("size must match out.shape when used together")
    flat = _elements(out)
    for i in range(len(flat)):
        flat[i] = draw()
    return out


def _elements(out: Any) -> Any:
    if is_dense(out):
        return all_elements(as_dense(out))
    if not is_dense(out.T):
        raise ValueError(
            "Supplied output array must be contiguous, writable, aligned, "
            "and in machine byte-order."
        )
    return all_elements(as_dense(out.T))


def random(rng: Any, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
    if np.dtype(dtype) == np.float32:
        return _filled(lambda: g.next_single(rng), size, np.dtype(np.float32), out)
    _check_double(dtype, "random")
    return _filled(lambda: g.next_double(rng), size, np.dtype(np.float64), out)


def standard_normal(rng: Any, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
    if np.dtype(dtype) == np.float32:
        return _filled(lambda: g.next_normal_single(rng), size, np.dtype(np.float32), out)
    _check_double(dtype, "standard_normal")
    return _filled(lambda: _next_standard_normal(rng), size, np.dtype(np.float64), out)


def standard_exponential(
    rng: Any, size: Any = None, dtype: Any = np.float64, method: Any = "zig", out: Any = None
) -> Any:
    if np.dtype(dtype) == np.float32:
        if method == "zig":
            return _filled(lambda: g.next_exponential_single(rng), size, np.dtype(np.float32), out)
        return _filled(lambda: g.next_inverse_single(rng), size, np.dtype(np.float32), out)
    _check_double(dtype, "standard_exponential")
    if method == "zig":
        return _filled(lambda: _next_standard_exponential(rng), size, np.dtype(np.float64), out)
    return _filled(lambda: g.next_inverse(rng), size, np.dtype(np.float64), out)


def standard_gamma(
    rng: Any, shape: Any, size: Any = None, dtype: Any = np.float64, out: Any = None
) -> Any:
    if any_array(shape) and out is None and np.dtype(dtype) == np.float64:
        return _over_standard_gamma(rng, shape, size)
    a = float(shape)
    not_negative(a, "shape", IS_NAN)
    if np.dtype(dtype) == np.float32:
        single = np.float32(a)
        return _filled(lambda: g.next_gamma_single(rng, single), size, np.dtype(np.float32), out)
    _check_double(dtype, "standard_gamma")
    return _filled(lambda: _next_standard_gamma(rng, a), size, np.dtype(np.float64), out)


def gamma_over_arrays(form: Form) -> Callable[..., Any]:
    def draws(rng: Any, shape: Any, size: Any) -> Any:
        check_all(shape, 1, not_negative, "shape")
        draw = lambda x, y, z: _next_standard_gamma(rng, x)  # noqa: E731
        return over_arrays(draw, form, size, np.float64, shape)

    return draws


def _check_double(dtype: Any, name: Any) -> None:
    if np.dtype(dtype) != np.float64:
        raise TypeError(f"Unsupported dtype {np.dtype(dtype)!r} for {name}")


def standard_cauchy(rng: Any, size: Any = None) -> Any:
    return drawn(lambda: _next_standard_cauchy(rng), size)
