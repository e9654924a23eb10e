"""Libdevice: found on this machine, read once, and linked function by function, as text.

A module that calls ``__nv_exp`` gets the text of that function and of what it calls, and nothing
else of the library's 350 functions. So the optimiser never sees the others.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from kernelgen.errors import KernelgenError
from kernelgen.llvm_device import PREFIX
from kernelgen.runtime import locks

_FILE = Path("nvvm", "libdevice", "libdevice.10.bc")

_DECLARED = re.compile(rf"^declare [^\n]*@({PREFIX}\w+)\([^\n]*\n", re.MULTILINE)
_KNOWN = re.compile(r"^declare [^\n]*?@([\w.]+)\(", re.MULTILINE)
_NAME = re.compile(r"[@%]([\w.]+)")
_ATTRIBUTES = re.compile(r"^; Function Attrs: (.*)\n", re.MULTILINE)
_LEFT_OUT = re.compile(r" #\d+|, !srcloc !\d+|, !llvm\.loop !\d+")
"""References to groups of attributes and to metadata, which stand elsewhere in the library."""

_REFLECT = "call i32 @__nvvm_reflect(ptr @{})"
_EXACT_ROOTS = '"__CUDA_PREC_SQRT\\00"'


def link(text: str) -> str:
    """Put definitions in place of a module's declarations of libdevice's functions.

    Parameters
    ----------
    text : str
        LLVM IR.

    Raises
    ------
    KernelgenError
        It declares one, and libdevice is not on this machine.
    """
    called = _DECLARED.findall(text)
    if not called:
        return text
    rest = _DECLARED.sub("", text)
    with locks.compiling:
        return "\n".join([rest, *_closure(called, known=set(_KNOWN.findall(rest)))])


def find() -> Path:
    """The file of the library: NVIDIA's wheel has it, and every CUDA toolkit.

    Raises
    ------
    KernelgenError
        It is not there.
    """
    for path in _places():
        if path.is_file():
            return path
    raise KernelgenError(
        "libdevice, which computes functions of math on GPUs, is not on this machine",
        None,
        "pip install nvidia-nvvm cuda-pathfinder, or set CUDA_HOME to a CUDA toolkit",
    )


def _places() -> Iterator[Path]:
    """Where it may be, the wheel first."""
    with contextlib.suppress(ImportError):
        from cuda import pathfinder

        with contextlib.suppress(AttributeError, RuntimeError):  # an old one, or no wheel
            yield Path(pathfinder.find_bitcode_lib("device"))
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if variable in os.environ:
            yield Path(os.environ[variable]) / _FILE
    compiler = shutil.which("nvcc")
    if compiler is not None:
        yield Path(compiler).resolve().parents[1] / _FILE
    yield Path("/usr/local/cuda") / _FILE
    for toolkit in sorted(Path("/usr/local").glob("cuda-*"), reverse=True):
        yield toolkit / _FILE


class _Library:
    """The parsed library, and the texts of what has been asked for."""

    def __init__(self, path: Path) -> None:
        self._module = llvm.parse_bitcode(path.read_bytes(), llvm.create_context())
        self._functions = {f.name: f for f in self._module.functions}
        self._variables = {v.name: str(v) for v in self._module.global_variables}
        self._structs = {t.name: str(t) for t in self._module.struct_types}
        self._roots = [n for n, text in self._variables.items() if _EXACT_ROOTS in text]
        self._texts: dict[str, str] = {}

    def text(self, name: str) -> str:
        """The text of a function, a variable or a struct; nothing for other names."""
        if name not in self._texts:
            self._texts[name] = self._text(name)
        return self._texts[name]

    def _text(self, name: str) -> str:
        if name in self._functions:
            return self._function(self._functions[name])
        return self._variables.get(name) or self._structs.get(name, "")

    def _function(self, function: Any) -> str:
        text = str(function)
        found = _ATTRIBUTES.match(text)
        body = _LEFT_OUT.sub("", _ATTRIBUTES.sub("", text))
        for name in self._roots:  # LLVM would answer 0, where NVIDIA's compiler says 1
            body = body.replace(_REFLECT.format(name), "add i32 0, 1")
        if function.is_declaration or found is None:
            return body
        head, _, rest = body.partition("{\n")
        head = head.replace("define internal ", "define ").replace("define ", "define internal ")
        return f"{head}{found[1]} {{\n{rest}"


@cache
def _library() -> _Library:
    return _Library(find())


def _closure(names: list[str], known: set[str]) -> list[str]:
    """The texts of functions and of all that they refer to but the ``known``: structs first."""
    library = _library()
    found: dict[str, str] = {}
    while names:
        name = names.pop()
        if name not in found and name not in known:
            found[name] = library.text(name)
            names += _NAME.findall(found[name])
    return sorted(filter(None, found.values()), key=lambda text: not text.startswith("%"))
