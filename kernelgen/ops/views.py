"""Views that loops over whole arrays need, and whether arrays overlap: the compiler's own ops.

Of what they are given all has been checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.ops import gather_library as library
from kernelgen.ops.registry import OpDef, Typed, define
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import Type
from kernelgen.types.table import WEAK_BOOL


def _as_it_is(op: Op, types: tuple[Type, ...]) -> Typed:
    assert op.value.type is not None
    return Typed((None,) * len(types), op.value.type)


def define_view(name: str, python: Any) -> None:
    """Define an op whose result is an array that is some view of its operands."""
    define(OpDef(name, _as_it_is, python, never_lowered, carries=True))


# The operands of ``stretched`` are an array, then the shape that it is broadcast to.
define_view("stretched", lambda array, *shape: np.broadcast_to(array, tuple(map(int, shape))))

# The elements of an array without gaps, as they lie in memory.
define_view("flattened", lambda array: array.ravel("K"))

# The axes of an array without gaps from the one ``first`` on are one axis.
define_view("merged", lambda array, first: array.reshape(*array.shape[:first], -1))

# The operands of ``row`` are an array, then the indices of all axes but the last.
define_view("row", lambda array, *indices: array[tuple(map(int, indices))])

# An array of ``count`` elements in the frame of the function, which is all that may refer to it.
define_view("frame_array", np.zeros)


def _overlap_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    return Typed((None, None), WEAK_BOOL)


def _disturbs(target: Any, source: Any, interleaved: bool = False) -> Any:
    """Whether assigning elements of the one may change elements of the other not yet read.

    They are looked at more closely if they may be interleaved.
    """
    return np.bool_(np.may_share_memory(target, source))


define(OpDef("disturbs", _overlap_rule, _disturbs, never_lowered, carries=True))
define(
    OpDef(
        "overlaps",
        _overlap_rule,
        library.overlaps,
        never_lowered,
        calls=((library.overlaps, 2),),
        carries=True,
    )
)
