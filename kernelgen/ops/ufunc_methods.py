"""The methods of ufuncs: which functions of the kernel language they are, for each ufunc.

A reduction that NumPy has as a function is that one. All others are a generalized ufunc for one
axis, made of the ufunc.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from kernelgen.ops import ufunc_method_library as library
from kernelgen.ops.array_reductions import REDUCING
from kernelgen.ops.cores import Core

Function = Callable[..., Any]


class Methods:
    """What a ufunc of two inputs does along one axis.

    Attributes
    ----------
    name : str
        The ufunc's.
    reorders : bool
        Whether the order of elements does not matter.
    needs_elements : bool
        Whether there is no result of none.
    dtype : type, optional
        What elements are taken as, if the caller does not say.
    """

    def __init__(self, ufunc: Any) -> None:
        self._ufunc = ufunc
        self.name: str = ufunc.__name__
        self.reorders: bool = ufunc.identity is not None
        self.needs_elements = ufunc.identity is None
        self.dtype = np.bool_ if ufunc in _LOGICAL else None

    @cached_property
    def rows(self) -> Core:
        """What reduces all elements."""
        return Core("(n)->()", _reducing(self._ufunc), lambda a: self._ufunc.reduce(a, axis=-1))

    @cached_property
    def rows_after(self) -> Core:
        """The same, beginning with a number."""

        def python(a: Any, initial: Any) -> Any:
            return self._ufunc.reduce(a, axis=-1, initial=initial)

        of_numpy = bool(self._ufunc.types)
        reducing = library.reducing_after_as_result if of_numpy else library.reducing_after
        return Core("(n),()->()", reducing(self._ufunc), python)

    @cached_property
    def running(self) -> Core:
        """What keeps all that a reduction goes through."""
        function = library.accumulating(self._ufunc)
        return Core("(n)->(n)", function, lambda a: self._ufunc.accumulate(a, axis=-1))

    @cached_property
    def parts(self) -> Core:
        """What reduces parts, which begin at some places."""
        reduction = reduction_of(self._ufunc)
        part = library.part_by(self._ufunc) if reduction is None else library.part_as(reduction)
        function = library.reducing_parts(self.name, part)
        return Core("(n),(k)->(k)", function, lambda a, at: self._ufunc.reduceat(a, at, axis=-1))


_LOGICAL = (np.logical_and, np.logical_or, np.logical_xor)
_OF_NOTHING = {
    np.bitwise_or: False,
    np.bitwise_xor: False,
    np.logaddexp: -np.inf,
    np.logaddexp2: -np.inf,
}
"""Those that begin with the first element: what comes of none, in the type that the result has."""


def _reducing(ufunc: Any) -> Function:
    if ufunc is np.bitwise_and:
        return library.all_bits
    if ufunc in _OF_NOTHING:
        return library.reducing_or(ufunc, _OF_NOTHING[ufunc])
    if ufunc.identity is None:
        return library.reducing(ufunc)
    return library.reducing_from(ufunc, ufunc.identity)


def reduction_of(ufunc: Any) -> str | None:
    """The name of NumPy's reduction by a ufunc, if it has one."""
    return next((name for name, known in REDUCING.items() if known is ufunc), None)


PARAMETERS = {
    "reduce": ("array", "axis", "dtype", "out", "keepdims", "initial", "where"),
    "accumulate": ("array", "axis", "dtype", "out"),
    "reduceat": ("array", "indices", "axis", "dtype", "out"),
    "at": ("a", "indices", "b"),
}
"""What the methods take, in order."""


NO_LOOP = "No loop matching the specified signature and casting was found for ufunc {}"


def definition_of(ufunc: Any, method: str) -> tuple[Function, Any]:
    """The function of the kernel language for a method, and what it is given in front.

    Raises
    ------
    ValueError
        The ufunc has no such method.
    """
    if method == "at":
        return (library.change_at if ufunc.nin == 1 else library.combine_at), ufunc
    _check_reduces(ufunc, method)
    reduction = reduction_of(ufunc)
    if method == "reduce" and reduction is not None:
        return library.reduce_as, reduction
    if method == "accumulate" and reduction in ("sum", "prod"):
        return library.accumulate_as, reduction
    functions: dict[str, Function] = {
        "reduce": library.reduce_by,
        "accumulate": library.accumulate_by,
        "reduceat": library.reduceat,
    }
    return functions[method], Methods(ufunc)


def refuses_dtype(ufunc: Any, dtype: Any) -> bool:
    """Whether a ufunc makes bools only, and is asked for something else."""
    return ufunc in _LOGICAL and dtype is not None and np.dtype(dtype) != np.bool_


def _check_reduces(ufunc: Any, method: str) -> None:
    if ufunc.signature is not None:
        raise ValueError("Reduction not defined on ufunc with signature")
    if ufunc.nin != 2:
        raise ValueError(f"{method} only supported for binary functions")
    if ufunc.nout != 1:
        raise ValueError(f"{method} only supported for functions returning a single value")
    if ufunc.types and {each[-1] for each in ufunc.types} <= {"?", "O"} and ufunc not in _LOGICAL:
        raise ValueError(NO_LOOP.format(ufunc.__name__))
