"""Types of kernel values, and the names by which signatures call them."""

from kernelgen.types.arguments import NONE as none
from kernelgen.types.arguments import NONE as void
from kernelgen.types.arguments import tuple_type as Tuple
from kernelgen.types.arguments import uniform_tuple_type as UniTuple

__all__ = ["Tuple", "UniTuple", "none", "void"]
