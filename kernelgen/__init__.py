"""Real NumPy ufuncs from plain Python functions, compiled through LLVM."""

from typing import Any as _Any

from kernelgen import types
from kernelgen.api import jit, njit, vectorize
from kernelgen.errors import (
    InternalError,
    KernelgenError,
    SignatureError,
    TypingError,
    UnsupportedError,
)
from kernelgen.guvectorize import guvectorize
from kernelgen.prange import prange
from kernelgen.runtime.threads import (
    get_num_threads,
    get_thread_id,
    set_num_threads,
    threading_info,
)
from kernelgen.stencil import stencil
from kernelgen.types import (
    b1,
    bool_,
    c8,
    c16,
    f2,
    f4,
    f8,
    i1,
    i2,
    i4,
    i8,
    intp,
    none,
    u1,
    u2,
    u4,
    u8,
    uintp,
    void,
)
from kernelgen.types.declared import from_dtype
from kernelgen.types.table import BOOL as boolean
from kernelgen.types.table import CLONGDOUBLE as clongdouble
from kernelgen.types.table import COMPLEX64 as complex64
from kernelgen.types.table import COMPLEX128 as complex128
from kernelgen.types.table import DATETIME as datetime64
from kernelgen.types.table import FLOAT16 as float16
from kernelgen.types.table import FLOAT32 as float32
from kernelgen.types.table import FLOAT64 as float64
from kernelgen.types.table import INT8 as int8
from kernelgen.types.table import INT16 as int16
from kernelgen.types.table import INT32 as int32
from kernelgen.types.table import INT64 as int64
from kernelgen.types.table import LONGDOUBLE as longdouble
from kernelgen.types.table import TIMEDELTA as timedelta64
from kernelgen.types.table import UINT8 as uint8
from kernelgen.types.table import UINT16 as uint16
from kernelgen.types.table import UINT32 as uint32
from kernelgen.types.table import UINT64 as uint64

__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    """``kernelgen.cuda`` is loaded when it is first named, as few need it."""
    if name == "cuda":
        import importlib

        return importlib.import_module("kernelgen.cuda")
    raise AttributeError(f"module 'kernelgen' has no attribute {name!r}")


__all__ = [
    "InternalError",
    "KernelgenError",
    "SignatureError",
    "TypingError",
    "UnsupportedError",
    "b1",
    "bool_",
    "boolean",
    "c8",
    "c16",
    "clongdouble",
    "complex64",
    "complex128",
    "datetime64",
    "f2",
    "f4",
    "f8",
    "float16",
    "float32",
    "float64",
    "from_dtype",
    "get_num_threads",
    "get_thread_id",
    "guvectorize",
    "i1",
    "i2",
    "i4",
    "i8",
    "int8",
    "int16",
    "int32",
    "int64",
    "intp",
    "jit",
    "longdouble",
    "njit",
    "none",
    "prange",
    "set_num_threads",
    "stencil",
    "threading_info",
    "timedelta64",
    "types",
    "u1",
    "u2",
    "u4",
    "u8",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "uintp",
    "vectorize",
    "void",
]
