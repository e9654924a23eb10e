"""What all loops that NumPy calls have in common: their module, their arguments, their errors."""

from __future__ import annotations

from kernelgen.llvm_strict import StrictEmitter
from kernelgen.lower import Lowered
from kernelgen.runtime import float_status
from kernelgen.runtime.cpython_api import ExceptionTable
from kernelgen.targets import cpu

ARGUMENTS = "ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %aux"
"""The parameters of NumPy's strided loops."""


def module(kernel: Lowered, own: list[str], loops: list[str]) -> str:
    """The text of a module: what the kernel needs, the declarations ``own``, kernel and loops."""
    own = [*own, *_status(kernel, float_status.DECLARATIONS)]
    lines = [*kernel.declarations, *kernel.held, *_error_declarations(kernel), *own]
    return "\n".join([*lines, kernel.text, *loops, *cpu.METADATA, ""])


def entry(kernel: Lowered) -> list[str]:
    """The start of a loop's function, with room for what exceptions are made of."""
    room = [f"  %words = alloca [{kernel.words} x i64]"] if kernel.words else []
    return ["entry:", *room, *_status(kernel, float_status.BEFORE)]


def done(kernel: Lowered) -> list[str]:
    """Where loops go that nothing has ended early."""
    return ["done:", *_status(kernel, float_status.AFTER), "  ret i32 0"]


def _status(kernel: Lowered, lines: list[str]) -> list[str]:
    """``lines`` about the floating point exceptions that a kernel raises and does not report."""
    return [] if kernel.attribute == StrictEmitter.attribute else lines


def _error_declarations(kernel: Lowered) -> list[str]:
    if not kernel.errors:
        return []
    tables = (ExceptionTable.symbol(k) for k in range(len(kernel.errors)))
    lines = [f"@{table} = external global i8" for table in tables]
    if kernel.words:
        lines.append("declare void @kernelgen_raise_with(ptr, ptr) cold")
    return ["declare void @kernelgen_raise(ptr) cold", *lines]


def load_table(llvm: str, base: str, names: list[str]) -> list[str]:
    """Load the pointers or strides that NumPy hands over as an array."""
    lines = []
    for i, name in enumerate(names):
        lines.append(f"  {name}.at = getelementptr {llvm}, ptr {base}, i64 {i}")
        lines.append(f"  {name} = load {llvm}, ptr {name}.at")
    return lines


def failure(kernel: Lowered, labels: tuple[str, ...]) -> list[str]:
    """Where the loops ``labels`` go with the status of an element that raised."""
    if not kernel.errors:
        return []
    numbers = range(len(kernel.errors))
    lines = [
        "failed:",
        _from_loops("%error", "i32", "status", labels),
        *_store_words(kernel, labels),
        "  switch i32 %error, label %raised [",
        *(f"    i32 {k + 1}, label %raise{k}" for k in numbers),
        "  ]",
    ]
    for k, error in enumerate(kernel.errors):
        factory = f"ptr @{ExceptionTable.symbol(k)}"
        call = f"_with({factory}, ptr %words)" if error.slots else f"({factory})"
        lines += [f"raise{k}:", f"  call void @kernelgen_raise{call}", "  br label %raised"]
    return [*lines, "raised:", "  ret i32 -1"]


def _from_loops(name: str, llvm: str, value: str, labels: tuple[str, ...]) -> str:
    """The value of the loop that was left."""
    ways = ", ".join(f"[ %{label}.{value}, %{label}.body ]" for label in labels)
    return f"  {name} = phi {llvm} {ways}"


def _store_words(kernel: Lowered, labels: tuple[str, ...]) -> list[str]:
    """Put what the exception is made of in memory, where Python reads it."""
    words = range(kernel.words)
    lines = [_from_loops(f"%word{k}", "i64", f"w{k}", labels) for k in words]
    for k in words:
        lines += [
            f"  %word{k}.at = getelementptr i64, ptr %words, i64 {k}",
            f"  store i64 %word{k}, ptr %word{k}.at",
        ]
    return lines
