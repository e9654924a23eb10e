"""Types of kernel values, and the names by which signatures call them."""

from kernelgen.types.arguments import NONE as none
from kernelgen.types.arguments import NONE as void
from kernelgen.types.arguments import FunctionSignature as FunctionType
from kernelgen.types.arguments import tuple_type as Tuple
from kernelgen.types.arguments import uniform_tuple_type as UniTuple
from kernelgen.types.compound import GENERATOR as Generator
from kernelgen.types.compound import Array
from kernelgen.types.records import Record
from kernelgen.types.table import BOOL as b1
from kernelgen.types.table import BOOL as bool_
from kernelgen.types.table import BOOL as boolean
from kernelgen.types.table import CLONGDOUBLE as clongdouble
from kernelgen.types.table import COMPLEX64 as c8
from kernelgen.types.table import COMPLEX64 as complex64
from kernelgen.types.table import COMPLEX128 as c16
from kernelgen.types.table import COMPLEX128 as complex128
from kernelgen.types.table import DATETIME as datetime64
from kernelgen.types.table import FLOAT16 as f2
from kernelgen.types.table import FLOAT16 as float16
from kernelgen.types.table import FLOAT32 as f4
from kernelgen.types.table import FLOAT32 as float32
from kernelgen.types.table import FLOAT64 as f8
from kernelgen.types.table import FLOAT64 as float64
from kernelgen.types.table import INT8 as i1
from kernelgen.types.table import INT8 as int8
from kernelgen.types.table import INT16 as i2
from kernelgen.types.table import INT16 as int16
from kernelgen.types.table import INT32 as i4
from kernelgen.types.table import INT32 as int32
from kernelgen.types.table import INT64 as i8
from kernelgen.types.table import INT64 as int64
from kernelgen.types.table import INT64 as intp
from kernelgen.types.table import LONGDOUBLE as longdouble
from kernelgen.types.table import TIMEDELTA as timedelta64
from kernelgen.types.table import UINT8 as u1
from kernelgen.types.table import UINT8 as uint8
from kernelgen.types.table import UINT16 as u2
from kernelgen.types.table import UINT16 as uint16
from kernelgen.types.table import UINT32 as u4
from kernelgen.types.table import UINT32 as uint32
from kernelgen.types.table import UINT64 as u8
from kernelgen.types.table import UINT64 as uint64
from kernelgen.types.table import UINT64 as uintp

__all__ = [
    "Array",
    "FunctionType",
    "Generator",
    "Record",
    "Tuple",
    "UniTuple",
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
    "i1",
    "i2",
    "i4",
    "i8",
    "int8",
    "int16",
    "int32",
    "int64",
    "intp",
    "longdouble",
    "none",
    "timedelta64",
    "u1",
    "u2",
    "u4",
    "u8",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "uintp",
    "void",
]
