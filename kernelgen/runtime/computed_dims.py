"""Output dimensions that are computed: what NumPy asks when it allocates a gufunc's outputs."""

from __future__ import annotations

import numpy as np

from kernelgen.llvm_text import Emitter
from kernelgen.runtime import engine, trampolines
from kernelgen.runtime.cpython_api import ExceptionTable
from kernelgen.types.core_dims import CoreSignature, Size, why_impossible

_SYMBOL = "kernelgen_process_core_dims"
_OVERFLOWING = {"+": "sadd", "-": "ssub", "*": "smul", "neg": "ssub"}


class ComputedDimensions:
    """Native code that computes dimensions, for `gufunc_api.compute_core_dims`.

    It is called with the sizes of a call's dimensions, and computes those that are -1. Where that
    cannot be, it has Python find out why, and raises ValueError.

    Attributes
    ----------
    address : int
        ``int (PyUFuncObject *ufunc, npy_intp *core_dim_sizes)``. It holds while this lives.
    """

    def __init__(self, signature: CoreSignature, name: str) -> None:
        self._signature = signature
        self._name = name
        self._errors = ExceptionTable([self._error], [len(signature.names)])
        module = engine.compile_module(_module(signature), opt_level=0)
        symbols = {**trampolines.addresses().for_loops, **self._errors.symbols}
        self._library = engine.link(module.object_code, [_SYMBOL], symbols)
        self.address = self._library.address(_SYMBOL)

    def _error(self, words: bytes) -> ValueError:
        sizes = np.frombuffer(words, np.int64).tolist()
        found = dict(zip(self._signature.names, sizes, strict=True))
        return ValueError(why_impossible(self._signature, found, self._name))


def _module(signature: CoreSignature) -> str:
    """The text of the function."""
    writer = _Writer(signature.names)
    checked = [(name, writer.checked(name, size)) for name, size in signature.computed.items()]
    stores = [f"  store i64 {value}, ptr {writer.places[name]}" for name, value in checked]
    error = ExceptionTable.symbol(0)
    lines = [
        *(f"declare {{i64, i1}} @llvm.{op}.with.overflow.i64(i64, i64)" for op in _INTRINSICS),
        *("declare i64 @llvm.smin.i64(i64, i64)", "declare i64 @llvm.smax.i64(i64, i64)"),
        "declare void @kernelgen_raise_with(ptr, ptr)",
        f"@{error} = external global i8",
        f"define i32 @{_SYMBOL}(ptr %ufunc, ptr %sizes) {{",
        *writer.e.lines,
        f"  br i1 {writer.failed}, label %impossible, label %fine",
        "fine:",
        *stores,
        "  ret i32 0",
        "impossible:",
        f"  call void @kernelgen_raise_with(ptr @{error}, ptr %sizes)",
        "  ret i32 -1",
        "}",
    ]
    return "\n".join([*lines, ""])


_INTRINSICS = ("sadd", "ssub", "smul")


class _Writer:
    """Writes expressions over sizes; ``failed`` is whether any of them cannot be computed."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.e = Emitter()
        self.failed = "false"
        self.places = {
            name: self.e(f"getelementptr i64, ptr %sizes, i64 {i}") for i, name in enumerate(names)
        }

    def checked(self, name: str, size: Size) -> str:
        """The value of the dimension called ``name``: not negative, and no other than is there."""
        value = self.value(size)
        self._fail_if(self.e(f"icmp slt i64 {value}, 0"))
        given = self.e(f"load i64, ptr {self.places[name]}")
        differs, known = self.e(f"icmp ne i64 {given}, {value}"), self.e(f"icmp ne i64 {given}, -1")
        self._fail_if(self.e(f"and i1 {differs}, {known}"))
        return value

    def value(self, size: Size) -> str:
        """The value of an expression."""
        first = size.operands[0]
        if isinstance(first, str):
            return self.e(f"load i64, ptr {self.places[first]}")
        if isinstance(first, int):
            return str(first)
        values = [self.value(each) for each in size.operands if isinstance(each, Size)]
        if size.operation == "neg":
            values.insert(0, "0")
        result, *others = values
        for other in others:
            result = self._operation(size.operation, result, other)
        return result

    def _operation(self, operation: str, a: str, b: str) -> str:
        if operation == "//":
            return self._floor_division(a, b)
        if operation in _OVERFLOWING:
            op = _OVERFLOWING[operation]
            both = self.e(f"call {{i64, i1}} @llvm.{op}.with.overflow.i64(i64 {a}, i64 {b})")
            self._fail_if(self.e(f"extractvalue {{i64, i1}} {both}, 1"))
            return self.e(f"extractvalue {{i64, i1}} {both}, 0")
        return self.e(f"call i64 @llvm.s{operation}.i64(i64 {a}, i64 {b})")

    def _floor_division(self, a: str, b: str) -> str:
        e = self.e
        least = e(f"icmp eq i64 {a}, {-(2**63)}")  # the one that has no negative
        wraps = e(f"and i1 {least}, {e(f'icmp eq i64 {b}, -1')}")
        bad = e(f"or i1 {wraps}, {e(f'icmp eq i64 {b}, 0')}")
        self._fail_if(bad)
        divisor = e(f"select i1 {bad}, i64 1, i64 {b}")
        rest = e(f"srem i64 {a}, {divisor}")
        crosses = e(f"icmp slt i64 {e(f'xor i64 {rest}, {divisor}')}, 0")
        less = e(f"and i1 {crosses}, {e(f'icmp ne i64 {rest}, 0')}")
        return e(f"sub i64 {e(f'sdiv i64 {a}, {divisor}')}, {e(f'zext i1 {less} to i64')}")

    def _fail_if(self, condition: str) -> None:
        self.failed = self.e(f"or i1 {self.failed}, {condition}")
