"""Let the kernel of a generalized ufunc be a function that fills arrays.

Before: untyped SSA with its calls resolved. After: its last parameters are the outputs, also if it
returned what is to be stored there.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelgen.infer import Prepare, infer
from kernelgen.infer_outputs import infer_outputs, returned_outputs
from kernelgen.ir.clone import copy_function
from kernelgen.ir.core import Function
from kernelgen.rewrites.store_results import store_results
from kernelgen.types.compound import Array, Type


def fill_outputs(
    function: Function,
    inputs: Sequence[Type],
    outputs: Sequence[Array],
    prepare: Prepare,
    *,
    returns: bool,
) -> tuple[Array, ...]:
    """Apply the pass; the types of the outputs, of which dtypes may be ``UNDEFINED`` before.

    ``returns`` says that the function has no parameters for them.
    """
    if not returns:
        return infer_outputs(function, inputs, outputs, prepare)
    trial = copy_function(function)
    prepare(trial, inputs)
    infer(trial, inputs, prepare=prepare)
    found = returned_outputs(trial, outputs)
    store_results(function, [t.ndim for t in found])
    return found
