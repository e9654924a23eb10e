"""The shell of a jitted function: from Python's objects to a kernel, and back.

The entry of a function for arguments of some types is

    PyObject *kernelgen_entry(PyObject **args)

It looks whether each argument is of exactly the class that the types mean, takes the values out,
calls the kernel, and makes objects of what this returns. If an argument is of another class, it
returns ``MISSED``, and nothing has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kernelgen import generators
from kernelgen.lower import Lowered
from kernelgen.runtime import layouts
from kernelgen.runtime.cpython_api import ExceptionTable
from kernelgen.runtime.native_class import MISSED
from kernelgen.shells.objects import Objects
from kernelgen.types.arguments import Argument, Arguments
from kernelgen.types.table import Scalar

ENTRY = "kernelgen_entry"

_DECLARATIONS = """
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyComplex_FromDoubles(double, double)
declare ptr @PyTuple_New(i64)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare ptr @PyArray_Scalar(ptr, ptr, ptr)
declare i8 @PyArray_EquivTypes(ptr, ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare void @kernelgen_raise(ptr) cold
declare void @kernelgen_raise_with(ptr, ptr) cold
"""


_LOCKING = (
    f"declare i1 @{generators.LOCK}(ptr, i64)",
    f"declare void @{generators.UNLOCK}(ptr, i64)",
)


class Entry(NamedTuple):
    """The module of an entry, and the objects that it refers to, by their symbols.

    ``locks`` says whether it locks random generators.
    """

    text: str
    objects: dict[str, Any]
    locks: bool


def entry_module(
    kernel: Lowered,
    arguments: Arguments,
    result: Argument,
    *,
    also: Callable[[Scalar], Sequence[Scalar]] | None = None,
    nogil: bool = False,
) -> Entry:
    """The module with the entry of a kernel.

    Parameters
    ----------
    kernel : Lowered
        It takes the numbers in the arguments, and returns those in the result.
    arguments : Arguments
        What the arguments have to be.
    result : Argument
        What is returned. Weak numbers become Python's, strong ones NumPy's scalars.
    also : callable, optional
        If the arguments are those of a signature: of which types Python numbers are taken for a
        strong type, beside NumPy's scalars. Arrays then may be of a stricter type.
    nogil : bool, optional
        Whether other threads may run while the kernel does.
    """
    shell = _Shell(kernel, also)
    body = shell.run(arguments, result, nogil)
    lines = [
        *{**dict.fromkeys(kernel.declarations), **dict.fromkeys(shell.e.declarations.values())},
        *kernel.held,
        _DECLARATIONS,
        *_LOCKING * shell.locked,
        *(f"@{symbol} = external global i8" for symbol in shell.objects),
        *(f"@{ExceptionTable.symbol(k)} = external global i8" for k in range(len(kernel.errors))),
        kernel.text,
        f"define ptr @{ENTRY}(ptr %args) {kernel.attribute} {{",
        *body,
        "}",
        "",
    ]
    return Entry("\n".join(lines), shell.objects, shell.locked)


class _Shell(Objects):
    """An entry as it is written."""

    def __init__(self, kernel: Lowered, also: Callable[[Scalar], Sequence[Scalar]] | None) -> None:
        super().__init__(also)
        self.kernel = kernel
        self.generators = [f"@{symbol}" for symbol in kernel.objects]
        self.locked = kernel.draws or bool(kernel.objects)

    def run(self, arguments: Arguments, result: Argument, nogil: bool) -> list[str]:
        e = self.e
        self.frame += [
            "  %number = alloca [2 x i128], align 16",
            f"  %words = alloca [{max(self.kernel.words, 1)} x i64]",
        ]
        values = []
        for i, argument in enumerate(arguments):
            values += self._unbox(self._load("ptr", "%args", 8 * i), argument)
        outputs = self._call(values, nogil)
        e.lines.append(f"  ret ptr {self._box(result, iter(outputs), 'failed')}")
        return [
            "start:",
            *self.frame,
            *e.lines,
            "missed:",
            f"  ret ptr inttoptr (i64 {MISSED} to ptr)",
            "failed:",
            "  ret ptr null",
        ]

    # The call.

    def _call(self, values: list[str], nogil: bool) -> list[tuple[str, str]]:
        """Call the kernel; the types and names of what it returns."""
        e, kernel = self.e, self.kernel
        locked = self._lock()
        state = e("call ptr @PyEval_SaveThread()") if nogil else ""
        result = e(f"call {kernel.result} @{kernel.name}({', '.join(values)})")
        e.lines += [f"  call void @PyEval_RestoreThread(ptr {state})"] * nogil
        e.lines += [f"  call void @{generators.UNLOCK}({locked})"] * bool(locked)
        count = len(kernel.outputs)
        if kernel.errors or kernel.uses_threads:
            self._raise(result, count)
        return [
            (t.llvm, e(f"extractvalue {kernel.result} {result}, {i}"))
            for i, t in enumerate(kernel.outputs)
        ]

    def _lock(self) -> str:
        """Lock the generators; what locks and unlocks them is called with."""
        if not self.locked:
            return ""
        locks = [self._load("ptr", each, layouts.GENERATOR_LOCK) for each in self.generators]
        locks += [self._object(np.random.mtrand._rand._bit_generator.lock)] * self.kernel.draws
        self.frame.append(f"  %locks = alloca [{len(locks)} x ptr]")
        for i, lock in enumerate(locks):
            self.e.lines.append(f"  store ptr {lock}, ptr {self._at('%locks', 8 * i)}")
        given = f"ptr %locks, i64 {len(locks)}"
        self._require(self.e(f"call i1 @{generators.LOCK}({given})"), "failed")
        return given

    def _raise(self, result: str, count: int) -> None:
        """Go on if nothing is raised; else set the exception, unless there is one, and leave."""
        e, kernel = self.e, self.kernel
        status = e(f"extractvalue {kernel.result} {result}, {count}")
        raised, go_on = self._label("raised"), self._label("next")
        numbers = range(len(kernel.errors))
        ways = " ".join(f"i32 {k + 1}, label %{raised}.{k}" for k in numbers)
        self._branch(e(f"icmp eq i32 {status}, 0"), go_on, raised)
        self._start(raised)
        for k in range(kernel.words):
            word = e(f"extractvalue {kernel.result} {result}, {count + 1 + k}")
            e.lines.append(f"  store i64 {word}, ptr {self._at('%words', 8 * k)}")
        e.lines.append(f"  switch i32 {status}, label %failed [ {ways} ]")
        for k, error in enumerate(kernel.errors):
            self._start(f"{raised}.{k}")
            factory = f"ptr @{ExceptionTable.symbol(k)}"
            call = f"_with({factory}, ptr %words)" if error.slots else f"({factory})"
            e.lines += [f"  call void @kernelgen_raise{call}", "  br label %failed"]
        self._start(go_on)
