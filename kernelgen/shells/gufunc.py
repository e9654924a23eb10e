"""The shell of generalized ufuncs: NumPy's inner loop around a kernel that takes arrays.

NumPy hands over the number of iterations and the sizes of the core dimensions, then for each
operand the address and the stride of the outer loop, then the strides of its core dimensions. The
kernel is given arrays of that, whose memory NumPy keeps alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kernelgen.lower import Lowered
from kernelgen.shells.loop import ARGUMENTS, done, entry, failure, load_table, module
from kernelgen.space import Layout, Operand
from kernelgen.targets import cpu
from kernelgen.types.compound import Array, Type, dtype_of

SYMBOL = "kernelgen_core_loop"

_BODY = "kernelgen_core"


class CoreArgument(NamedTuple):
    """An operand: what the kernel takes it as, and which of all core dimensions it has."""

    type: Type
    dims: tuple[int, ...]


def core_module(kernel: Lowered, operands: Sequence[CoreArgument], dims: int) -> str:
    """The loop around ``kernel``: ``int kernelgen_core_loop(context, char **data,
    npy_intp *dimensions, npy_intp *strides, auxdata)``.

    Parameters
    ----------
    kernel : Lowered
        What it takes are the leaves of the operands. It returns a status alone.
    operands : sequence of CoreArgument
        All of them, inputs first.
    dims : int
        How many different core dimensions there are.
    """
    space = [_Operand(i, each) for i, each in enumerate(operands)]
    frame = cpu.Frame("each", kernel._replace(name=_BODY), cpu.IN_ORDER)
    core = [name for o in space for name in o.core_strides]
    body = [line for o in space for line in o.load(frame)]
    loop = [
        f"define i32 @{SYMBOL}({ARGUMENTS}) {kernel.attribute} {{",
        *entry(kernel),
        *load_table("i64", "%dims", ["%n", *map(_size, range(dims))]),
        *load_table("ptr", "%data", [o.outer.pointer for o in space]),
        *load_table("i64", "%strides", [*(o.outer.stride for o in space), *core]),
        "  br label %each",
        *frame.start([]),
        *body,
        *frame.call([f"{llvm} {value}" for o in space for llvm, value in o.leaves(frame)]),
        *frame.end(),
        *done(kernel),
        *failure(kernel, ("each",)),
        "}",
    ]
    return module(kernel, [], [*_body(kernel, space), *loop])


def _size(dim: int) -> str:
    """LLVM's name for the size of a core dimension."""
    return f"%d{dim}"


def _body(kernel: Lowered, space: Sequence[_Operand]) -> list[str]:
    """The kernel, with the promise that its arrays lie apart.

    NumPy copies operands that an output or a writable input overlaps, and calls with one array
    for several inputs are given copies before NumPy sees them.
    """
    types = [each for o in space for each in o.leaf_types()]
    parameters = ", ".join(f"{each} %x{i}" for i, each in enumerate(types))
    arguments = ", ".join(f"{each.removesuffix(' noalias')} %x{i}" for i, each in enumerate(types))
    return [
        f"define internal {kernel.result} @{_BODY}({parameters}) alwaysinline nounwind "
        f"{kernel.attribute} {{",
        f"  %result = call {kernel.result} @{kernel.name}({arguments})",
        f"  ret {kernel.result} %result",
        "}",
    ]


class _Operand:
    """An operand in the text of the loop."""

    def __init__(self, number: int, argument: CoreArgument) -> None:
        self.dims = argument.dims
        self.array = argument.type if isinstance(argument.type, Array) else None
        self.outer = Operand(number, dtype_of(argument.type), False, Layout.STRIDED)

    @property
    def core_strides(self) -> list[str]:
        """The names of the strides of its core dimensions."""
        return [f"%c{self.outer.number}.{axis}" for axis in range(len(self.dims))]

    def load(self, frame: cpu.Frame) -> list[str]:
        """Find where it is in this iteration; the value of a number."""
        lines = frame.advance(self.outer)
        if self.array is None:
            lines += cpu.load(self.outer, frame.address(self.outer), "", frame)
        return lines

    def leaves(self, frame: cpu.Frame) -> list[tuple[str, str]]:
        """What the kernel is handed: LLVM's types and names."""
        if self.array is None:
            return [(self.outer.type.llvm, frame.value(self.outer))]
        shape, strides = list(map(_size, self.dims)), self.core_strides
        if len(shape) < self.array.ndim:  # one element
            shape, strides = ["1"], [str(self.outer.type.size)]
        numbers = [("i64", name) for name in (*shape, *strides)]
        return [("ptr", frame.address(self.outer)), *numbers, ("ptr", "null")]

    def leaf_types(self) -> list[str]:
        """The types of the leaves, with what is known of them."""
        if self.array is None:
            return [self.outer.type.llvm]
        return ["ptr noalias", *["i64"] * (2 * self.array.ndim), "ptr"]
