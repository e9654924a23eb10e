"""What kernels of a grid of threads are written with: names that have a meaning in kernels only.

Registers are numbers that each thread has, grid functions are what threads do together. Outside of
a kernel neither can be used.
"""

from __future__ import annotations

from typing import Any, NoReturn

from kernelgen.errors import KernelgenError


class Register:
    """A number that each thread of a grid has, as ``threadIdx.x``.

    Attributes
    ----------
    name : str
        PTX's name of it, as ``tid.x``.
    """

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self._python = python

    def __repr__(self) -> str:
        return f"<{self._python}, a number in kernels>"

    def _has_no_value(self, *others: object) -> NoReturn:
        raise KernelgenError(f"{self._python} has a value in kernels of cuda.jit only")


for _name in (
    "add", "radd", "sub", "rsub", "mul", "rmul", "floordiv", "rfloordiv", "truediv", "rtruediv",
    "mod", "rmod", "pow", "rpow", "and", "rand", "or", "ror", "xor", "rxor", "lshift", "rshift",
    "lt", "le", "gt", "ge", "int", "float", "index", "bool", "neg",
):  # fmt: skip
    setattr(Register, f"__{_name}__", Register._has_no_value)


class Registers:
    """The three registers of a place in a grid, or of a size."""

    def __init__(self, name: str, python: str) -> None:
        self.x: Any = Register(f"{name}.x", f"{python}.x")
        self.y: Any = Register(f"{name}.y", f"{python}.y")
        self.z: Any = Register(f"{name}.z", f"{python}.z")


class GridFunction:
    """A function that threads of a grid call.

    Attributes
    ----------
    name : str
        How users call it.
    op : str
        The op that a call becomes.
    parameters : dict of str to object
        The names of its parameters, with their defaults; `REQUIRED` for those that have none.
    attributes : dict of str to object
        Of the op.
    """

    def __init__(
        self,
        name: str,
        op: str,
        parameters: dict[str, object],
        doc: str,
        **attributes: object,
    ) -> None:
        self.name = self.__name__ = name
        self.op = op
        self.parameters = parameters
        self.attributes = attributes
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"<{self.name}, a function in kernels>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise KernelgenError(f"{self.name}() can be called in kernels of cuda.jit only")


REQUIRED = object()
"""Stands for the default of a parameter that has none."""

WARP = 32
"""How many threads there are in a warp."""
