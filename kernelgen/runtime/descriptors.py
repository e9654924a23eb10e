"""Loops for operands whose dtypes have parameters: times, of which a DType does not tell the unit.

NumPy has one loop for all units. For each call it asks which dtypes exactly the loop is to see
(``resolve_descriptors``), has the operands cast to these, and asks for the loop (``get_loop``).
Both questions are answered by Python functions, which native code calls, as exceptions must
reach the caller.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kernelgen.runtime.cpython_api import python_call
from kernelgen.runtime.numpy_api import read_objects, write_objects

Dtype: TypeAlias = np.dtype[Any]

RESOLVE = "kernelgen_resolve_descriptors"
GET_LOOP = "kernelgen_get_loop_of_descriptors"

_ANSWER = "kernelgen_answer_descriptors"
_FIND = "kernelgen_find_get_loop"
_ASK = "kernelgen_ask_for_get_loop"

MODULE = f"""
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare void @Py_DecRef(ptr)
{
    python_call(
        RESOLVE,
        "ptr %method, i64 %dtypes, i64 %given, i64 %answer, ptr %view_offset",
        _ANSWER,
        "KKK",
        "i64 %dtypes, i64 %given, i64 %answer",
    )
}
{python_call(_ASK, "i64 %descriptors, i64 %answer", _FIND, "KK", "i64 %descriptors, i64 %answer")}

define i32 @{GET_LOOP}(ptr %context, i32 %aligned, i32 %move, ptr %strides,
                       ptr %loop, ptr %data, ptr %flags) {{
  %answer = alloca ptr
  %answer.int = ptrtoint ptr %answer to i64
  %descriptors.at = getelementptr ptr, ptr %context, i64 2
  %descriptors = load i64, ptr %descriptors.at
  %failed = call i32 @{_ASK}(i64 %descriptors, i64 %answer.int)
  %ok = icmp eq i32 %failed, 0
  br i1 %ok, label %found, label %failure
found:
  %get_loop = load ptr, ptr %answer
  %status = call i32 %get_loop(ptr %context, i32 %aligned, i32 %move, ptr %strides,
                               ptr %loop, ptr %data, ptr %flags)
  ret i32 %status
failure:
  ret i32 -1
}}
"""
"""``resolve_descriptors`` and ``get_loop``, as NumPy has them in a loop's slots.

A descriptor is NumPy's word for a dtype. The third word of a loop's context is the address of
those of its operands. What ``resolve_descriptors`` returns is the worst cast in it: 0 is none.
"""


class Answers(NamedTuple):
    """What a loop says of its operands.

    Attributes
    ----------
    resolve : callable ``(dtypes, given) -> dtypes``
        The dtypes of all operands, for a loop with these DTypes in a call with the dtypes
        ``given``, None for outputs that NumPy is to allocate.
    find : callable ``(dtypes) -> int``
        The address of the ``get_loop`` for operands of exactly these dtypes.
    """

    resolve: Callable[[Sequence[Callable[[], Dtype]], Sequence[Dtype | None]], Sequence[Dtype]]
    find: Callable[[Sequence[Dtype]], int]


class Callbacks:
    """The Python functions that the native code calls for a loop with ``nargs`` operands.

    Attributes
    ----------
    symbols : dict of str to int
        What to link. The addresses hold while this object lives.
    """

    def __init__(self, nargs: int, answers: Answers) -> None:
        self._nargs = nargs
        self._answers = answers
        self._functions = {_ANSWER: self._answer, _FIND: self._find}
        self.symbols = {name: id(function) for name, function in self._functions.items()}

    def _answer(self, dtypes: int, given: int, answer: int) -> None:
        asked = read_objects(dtypes, self._nargs), read_objects(given, self._nargs)
        write_objects(answer, self._answers.resolve(*asked))

    def _find(self, descriptors: int, answer: int) -> None:
        found = self._answers.find(read_objects(descriptors, self._nargs))
        ctypes.c_void_p.from_address(answer).value = found
