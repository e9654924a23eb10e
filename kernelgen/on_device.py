"""What no GPU can do: kernels that need it are refused, with the user's line."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kernelgen.errors import KernelgenError, UnsupportedError
from kernelgen.ir.core import Function, Op
from kernelgen.options import Options
from kernelgen.source import Loc
from kernelgen.types.compound import Type, describe
from kernelgen.types.table import FLOAT64, Scalar

_LOCAL_BYTES = 512 << 10
"""What a thread has for arrays of its own, on every architecture. (NVIDIA, "CUDA C++ Programming
Guide", Compute Capabilities.)"""


class _Refusal(NamedTuple):
    """Ops that there are not on a GPU, the sentence that says so, and what to write instead."""

    concerns: Callable[[str], bool]
    message: str
    hint: str | None = None


_REFUSALS = (
    _Refusal(
        lambda name: name in ("invoke", "parallel_for"),
        "a function that calls itself cannot run on a GPU, whose threads have small stacks",
        "write a loop",
    ),
    _Refusal(
        lambda name: name == "allocate",
        "a kernel on a GPU cannot allocate memory for an array",
    ),
    _Refusal(
        lambda name: name.startswith("blas_"),
        "a kernel on a GPU cannot call NumPy's matrix product",
    ),
    _Refusal(
        lambda name: name.startswith(("random_", "draw_")) or name == "generator_address",
        "a kernel on a GPU cannot draw random numbers, whose generators NumPy has",
        "hand over an array of random numbers",
    ),
    _Refusal(
        lambda name: name == "thread_id",
        "get_thread_id() numbers the threads of a processor, not those of a GPU",
    ),
)


def check(function: Function, options: Options) -> None:
    """Look whether a rewritten kernel can run on a GPU.

    Raises
    ------
    KernelgenError
        An option has no meaning there.
    UnsupportedError
        An operation or a type does not exist there.
    """
    if options.fp_errors == "numpy":
        raise KernelgenError(
            "fp_errors='numpy' is not for GPUs, which do not note floating point errors"
        )
    for each in (function, *function.callees()):
        for param in each.params:
            _check_type(param.type, each.loc)
        for op in each.ops():
            _check_op(op)
    _check_memory(function)


def _check_memory(function: Function) -> None:
    """Look whether the arrays of a thread fit in its memory, all at a time."""
    size = 0
    for each in (function, *function.callees()):
        for op in each.ops():
            if op.name == "reserve":
                size += op.attrs["type"].size * op.attrs["count"]
                if size > _LOCAL_BYTES:
                    raise UnsupportedError(
                        f"a thread has {_LOCAL_BYTES} bytes for arrays of its own, and this "
                        f"makes it {size}",
                        op.loc,
                    )


def _check_op(op: Op) -> None:
    for refusal in _REFUSALS:
        if refusal.concerns(op.name):
            raise UnsupportedError(refusal.message, op.loc, refusal.hint)
    for value in (*op.operands, *([] if op.result is None else [op.result])):
        _check_type(value.type, op.loc)


def _check_type(t: Type | None, loc: Loc | None) -> None:
    if isinstance(t, Scalar) and t.component.is_float and t.component.bits > FLOAT64.bits:
        wide = "complex128" if t.is_complex else "float64"
        raise UnsupportedError(f"there is no {describe(t)} on a GPU", loc, f"use {wide}")
