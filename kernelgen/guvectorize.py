"""The decorator that makes generalized ufuncs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kernelgen.api import ufunc_options
from kernelgen.config import checks_bounds


def guvectorize(
    signatures: Any,
    core_dimensions: str | None = None,
    /,
    *,
    writable_args: Iterable[str | int] = (),
    identity: object = None,
    error_model: str = "numpy",
    fastmath: bool | Iterable[str] = False,
    precise: bool = False,
    fp_errors: str = "ignore",
    boundscheck: bool | None = None,
    target: str = "cpu",
    nopython: bool = True,
    nogil: bool = True,
    cache: bool = False,
    inline: str = "never",
    forceobj: bool = False,
) -> Callable[[Callable[..., Any]], np.ufunc]:
    """Make a generalized ufunc of a function on arrays.

    Parameters
    ----------
    signatures : signature or list of signatures, optional
        Types of all operands, ``"void(f8[:], f8[:])"``, ``(float64[:], float64[:])``,
        ``float64[:](float64[:])`` or ``"d->d"``. The ufunc has these loops, which are compiled at
        once. An input without core dimensions is a number, or an array of one element if its type
        is one, ``f8[:]``. Left out, as in ``@guvectorize("(n)->()")``, a loop is compiled for every
        combination of dtypes when it is first met; inputs without core dimensions are numbers
        then, and the outputs' dtypes are those of what the kernel stores or returns.
    core_dimensions : str
        The core dimensions of inputs and outputs, ``"(m,n),(n)->(m)"``: names, fixed sizes
        (``3``), and dimensions that may be missing (``n?``). The dimension of an output may be an
        expression, of ``+ - * //``, ``min``, ``max``, numbers and the inputs' dimensions:
        ``"(n),(w)->(n-w+1)"``. The call raises ValueError where it is negative. Without ``->``
        there are no outputs, and the kernel changes arguments in place: ``"(a),(a),(b)"``.
    writable_args : sequence of str or int
        Names or numbers of inputs that the kernel may write to. Where there are no outputs, those
        that it does write to, as far as its code tells, need not be named.
    identity : object, optional
        Kept as an attribute; NumPy has no reductions of generalized ufuncs.
    error_model, fastmath, precise, fp_errors, target
        As for `vectorize`.
    boundscheck : bool, optional
        Raise IndexError where an index is out of range. By default nothing is checked, unless
        ``KERNELGEN_BOUNDSCHECK`` says so.
    forceobj : bool
        Run the kernel as plain Python. With signatures, it may be whatever Python has.
    nopython, nogil, cache, inline
        As for `vectorize`.

    Returns
    -------
    callable
        A decorator, which takes the kernel and returns a ``numpy.ufunc`` with the attributes of one
        that `vectorize` makes; with ``target="cuda"`` a `DeviceGufunc`, which is called like one.
        The kernel has a parameter for each input and each output, and fills the outputs, where one
        without core dimensions is an array of one element; or it has parameters for the inputs
        alone, and returns what is to be stored.

    Raises
    ------
    SignatureError
        The core dimensions or a signature cannot be read, or they do not fit each other or the
        kernel.
    UnsupportedError
        The function cannot be a kernel.

    Notes
    -----
    As all of NumPy's generalized ufuncs, it takes ``axes``, ``axis``, ``keepdims``, ``out``,
    ``dtype``, ``casting`` and ``order``, but not ``where``.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import guvectorize
    >>> @guvectorize("(n),(w)->(n-w+1)")
    ... def moving_sum(x, window, out):
    ...     for i in range(len(out)):
    ...         out[i] = 0
    ...         for j in range(len(window)):
    ...             out[i] += x[i + j] * window[j]
    >>> moving_sum([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]], [1.0, 1.0])
    array([[ 3.,  6.],
           [24., 48.]])
    """
    from kernelgen import generalized  # importing us stays cheap

    options = ufunc_options(
        error_model,
        fastmath,
        precise,
        fp_errors,
        boundscheck=checks_bounds(boundscheck),
        interpreted=bool(forceobj),
        target=target,
    )
    if core_dimensions is None:
        signatures, core_dimensions = (), signatures
    return generalized.decorator(
        signatures, core_dimensions, tuple(writable_args), identity, options
    )
