"""The decorator that makes stencils."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kernelgen.api import checked_function, ufunc_options
from kernelgen.config import checks_bounds
from kernelgen.errors import KernelgenError


def stencil(
    func_or_mode: Any = None,
    *,
    mode: Any = None,
    cval: Any = 0,
    neighborhood: Any = None,
    standard_indexing: Any = (),
    dtype: Any = None,
    error_model: str = "numpy",
    fastmath: bool | Iterable[str] = False,
    precise: bool = False,
    boundscheck: bool | None = None,
    target: str = "cpu",
    nopython: bool = True,
    nogil: bool = False,
    cache: bool = False,
    inline: str = "never",
) -> Any:
    """Make a stencil of a function that computes a cell of an array from the cells around it.

    The kernel is called for each cell. It reads its arrays at offsets from the cell: of a
    2-dimensional one, ``a[0, 0]`` is the cell's own element, and ``a[-1, 0]`` the one above it;
    ``a.shape``, ``len(a)``, ``a.size``, ``a.ndim`` and ``a.dtype`` are those of the array. It
    returns the cell's new value, or a tuple of values for several arrays.

    Parameters
    ----------
    func_or_mode : callable, str or sequence, optional
        The kernel itself (``@stencil``, ``stencil(f)``), or the mode, as ``mode=``.
    mode : str or sequence, optional
        What is read beyond the border of an array of length n, as in ``scipy.ndimage``:

        - ``"constant"``, the default: ``cval``;
        - ``"nearest"``: the last element, ``a a | a b c | c c``;
        - ``"reflect"``: mirrored at the edge of the last element, ``b a | a b c | c b``;
        - ``"mirror"``: mirrored at the centre of the last element, ``c b | a b c | b a``;
        - ``"wrap"``: the other end, ``b c | a b c | a b``;
        - ``"valid"``: nothing; the result has only the cells that read nothing beyond.

        A sequence has one mode for each axis. Each of these is a mode, or a pair of modes, in front
        of the first element and behind the last: ``("wrap", ("nearest", "constant"))``.
    cval : number
        The constant of mode "constant". It must be a value of the dtypes of the arrays, in whose
        place it is read, and of the result's, unless that is bool.
    neighborhood : sequence of pairs of int, optional
        For each axis the least and the greatest offset. It is needed if offsets are computed while
        the kernel runs; an offset outside of it raises IndexError. Loops over ranges of constants
        need none. Slices without bounds, ``a[:]``, read all of it.
    standard_indexing : sequence of str
        The names of arrays that are no grids: they are indexed as usual.
    dtype : dtype or sequence of dtypes, optional
        Of the result, or of each; by default that of what the kernel returns.
    error_model : {"numpy", "python"}
        What division by zero does: what NumPy gives, or ZeroDivisionError.
    fastmath, precise
        As for `vectorize`.
    target : {"cpu", "parallel", "cuda"}
        Whether the threads of a pool share the cells of an array that is large enough for that, or
        it runs on a GPU or its emulator (`kernelgen.cuda`). The results are the same.
    boundscheck : bool, optional
        Raise IndexError for an index of an array in ``standard_indexing`` that is out of range. By
        default, ``KERNELGEN_BOUNDSCHECK`` decides. Offsets are always right.
    nopython, nogil, cache, inline
        Accepted, and nothing depends on them.

    Returns
    -------
    Stencil or DeviceStencil
        It is called with the kernel's arguments: arrays of one shape, which are read at offsets,
        arrays in ``standard_indexing``, and anything else that a jitted function takes. It returns
        a new array of that shape (but for mode "valid"), or fills and returns the one that is given
        as ``out=``, which may be one that is read. It can be called in jitted functions. Without
        a kernel, a decorator that makes one.

    Raises
    ------
    KernelgenError
        An option has no such value.
    UnsupportedError
        The function cannot be the kernel of a stencil. What its code uses is found out at the first
        call for the types of its arguments.

    See Also
    --------
    scipy.ndimage.generic_filter : the same for a function of an array of the neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from kernelgen import stencil
    >>> @stencil(mode="nearest")
    ... def blurred(a):
    ...     return (a[-1] + 2 * a[0] + a[1]) / 4
    >>> blurred(np.array([4.0, 0.0, 0.0, 8.0]))
    array([3., 1., 2., 6.])
    """
    from kernelgen import stencils  # importing us stays cheap

    is_kernel = callable(func_or_mode)
    if mode is not None and func_or_mode is not None and not is_kernel:
        raise KernelgenError(f"the mode is given twice: {func_or_mode!r} and {mode!r}")
    asked = mode if is_kernel or func_or_mode is None else func_or_mode
    choices = stencils.choices_of(
        "constant" if asked is None else asked,
        cval,
        neighborhood,
        standard_indexing,
        dtype,
        ufunc_options(
            error_model,
            fastmath,
            precise,
            "ignore",
            boundscheck=checks_bounds(boundscheck),
            target=target,
        ),
    )

    def decorate(function: Callable[..., Any]) -> Any:
        kernel = checked_function(getattr(function, "py_func", function))
        return stencils.make_stencil(kernel, choices)

    return decorate(func_or_mode) if is_kernel else decorate
