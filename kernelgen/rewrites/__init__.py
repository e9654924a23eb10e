"""The rewrites in their order, with the reason for each."""

from __future__ import annotations

from collections.abc import Callable

from kernelgen.ir.core import Function
from kernelgen.rewrites.array_passes import (
    count_references,
    fuse_arrays,
    fuse_products,
    loop_cores,
    resolve_arrays,
    split_tuples,
)
from kernelgen.rewrites.capture_arrays import capture_arrays
from kernelgen.rewrites.check_bounds import check_bounds
from kernelgen.rewrites.check_division import check_division
from kernelgen.rewrites.eliminate_dead_code import eliminate_dead_code
from kernelgen.rewrites.expand_ops import expand_ops
from kernelgen.rewrites.form_raises import form_raises
from kernelgen.rewrites.insert_conversions import insert_conversions
from kernelgen.rewrites.resolve_calls import resolve_calls
from kernelgen.rewrites.widen_halves import widen_halves

Pass = Callable[[Function], None]

UNTYPED_PASSES: tuple[tuple[Pass, str], ...] = (
    (resolve_calls, "inference needs ops, not calls of Python objects; dead code needs no types"),
    (capture_arrays, "what a constant array holds is that of the time when a kernel is compiled"),
)

TYPED_PASSES: tuple[tuple[Pass, str], ...] = (
    (insert_conversions, "from here on an op computes in exactly the types of its operands"),
    (resolve_arrays, "what follows knows few ops on arrays"),
    (loop_cores, "what generalized ufuncs do with whole arrays is part of what is fused"),
    (fuse_products, "what is computed between two products is then fused with them"),
    (fuse_arrays, "what follows knows ops on numbers only, and the loops need the rest of it"),
    (widen_halves, "NumPy computes float16 in float32, and rounds after every operation"),
    (expand_ops, "what is written in the kernel language needs no lowering of its own"),
    (widen_halves, "the same for what has been inlined"),
    (form_raises, "exceptions and their text exist while compiling only"),
    (count_references, "whole arrays are easier to follow than their parts"),
    (split_tuples, "lowering knows scalars only"),
    (eliminate_dead_code, "constants, tuples and NULLs that are not needed any more"),
)

CHECK_DIVISION: tuple[Pass, str] = (
    check_division,
    "error_model='python' only; behind the conversions, so that divisors have their types, "
    "and before a division is replaced by its definition",
)

CHECK_BOUNDS: tuple[Pass, str] = (
    check_bounds,
    "boundscheck=True only; in front of what resolves the indices that users write",
)

__all__ = ["CHECK_BOUNDS", "CHECK_DIVISION", "TYPED_PASSES", "UNTYPED_PASSES", "Pass"]
