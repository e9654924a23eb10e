"""`guvectorize(target="cuda")`: what is called like a generalized ufunc, and computes on a device.

Each thread of a grid takes some places of the loop dimensions, and calls the kernel with views.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

from kernelgen.cuda import operands
from kernelgen.cuda.arrays import DeviceArray, device_array
from kernelgen.cuda.callables import UfuncOnDevice
from kernelgen.cuda.copies import converted, copy_elements
from kernelgen.cuda.dimensions import Layout, Places
from kernelgen.cuda.generating import defined, unravelled
from kernelgen.cuda.kernels import Kernel, generated
from kernelgen.cuda.language import grid, gridsize
from kernelgen.cuda.operands import Taken
from kernelgen.generalized import GeneralizedKernel
from kernelgen.runtime import locks
from kernelgen.types.arguments import Group
from kernelgen.types.compound import Array
from kernelgen.types.operands import Operands
from kernelgen.types.signature import Signature
from kernelgen.types.table import WEAK_INT

_THREADS = 128


class DeviceGufunc(UfuncOnDevice[GeneralizedKernel]):
    """A function of arrays that is called with arrays of more dimensions, and computes on a device.

    Made by `guvectorize` with ``target="cuda"``. It is called as NumPy's generalized ufuncs are.
    Arrays of the host are copied to the device, and the results back; if an operand is an array of
    the device, the results stay there.

    Attributes
    ----------
    signature : str
        The core dimensions.
    """

    def __init__(self, kernel: GeneralizedKernel, call: inspect.Signature) -> None:
        super().__init__(kernel, call)
        core = kernel.operands.core
        self.signature = core.numpys if any(core.shapes) else None
        self.operands, self.options = kernel.operands, kernel.choices.options
        self._kernels: dict[int, Kernel] = {}

    def __repr__(self) -> str:
        return f"<generalized ufunc {self.__name__!r} for a device>"

    def __call__(
        self,
        *args: Any,
        out: Any = None,
        axes: Any = None,
        axis: Any = None,
        keepdims: bool = False,
        casting: str = "same_kind",
        order: str = "K",
        dtype: Any = None,
        subok: bool = True,
        signature: Any = None,
        stream: Any = None,
    ) -> Any:
        """Call the kernel for all places of the loop dimensions, as a gufunc of NumPy does.

        Parameters
        ----------
        *args
            The inputs, and if wanted the outputs: arrays of the device or of the host, numbers.
        out : array or tuple of arrays, optional
            Where results go.
        axes, axis, keepdims, casting, dtype, signature
            As of NumPy's generalized ufuncs.
        order, subok
            Accepted, and nothing depends on them.
        stream : Stream, optional
            Which computes.

        Returns
        -------
        DeviceArray, numpy.ndarray or scalar, or a tuple of them
            Arrays of the device if an operand is one.

        Raises
        ------
        ValueError
            Shapes do not fit each other.
        TypeError
            An operand cannot be cast, or has a dtype that kernels do not have.
        Exception
            What the kernel raises, of which the first one counts.
        """
        call = operands.call_of(self.__name__, self.nin, self.nout, args, out)
        operands.order_of(order)
        types = call.resolve(self._kernel, dtype, signature)
        call.check_casts(types, casting)
        own = self._kernel.operands
        for i in own.writable:
            if not call.inputs[i].strong.flags.writeable:
                raise ValueError("operand array with iterator write flag set is read-only")
        layout = Layout(self.__name__, own.core, axes, axis, keepdims)
        arrays = call.upload(types, stream)
        outs = [None if t is None else t.value for t in call.targets]
        places = layout.of(arrays, outs, own.writable)
        results = [
            device_array(shape, t.dtype)
            if target is None
            else operands.target_of(target, stream, with_contents=not own.returns)
            for shape, t, target in zip(places.results, types.outputs, call.targets, strict=True)
        ]
        self._run(types, arrays, results, places, stream)
        self._write_back(call.inputs, arrays, stream)
        handed = call.hand_back(results, stream)
        return handed[0] if self.nout == 1 else handed

    def inspect_ptx(self, signature: Any, arch: str = "sm_80", loop_ndim: int = 1) -> str:
        """The PTX for a signature.

        Parameters
        ----------
        signature : str, Signature or tuple of types
            In any form that `guvectorize` takes, or types of the inputs alone.
        arch : str, optional
            The oldest architecture that it is for.
        loop_ndim : int, optional
            How many loop dimensions there are.

        Raises
        ------
        KernelgenError
            It cannot be compiled for a GPU.
        """
        kernel, own = self._kernel, self._kernel.operands
        with locks.compiling:
            inputs = kernel.inputs_of(signature)
            outputs = kernel.outputs_for(inputs)
        boxed = own.boxed(kernel.declared(inputs))
        types: list[Any] = [Group((WEAK_INT,) * loop_ndim)]
        for i, (t, shape) in enumerate(zip(inputs, own.core.inputs, strict=True)):
            ndim = loop_ndim + max(len(shape), i in boxed)
            types.append(Array(t, ndim, "C", readonly=i not in own.writable))
        for t, shape in zip(outputs, own.core.outputs, strict=True):
            types.append(Array(t, loop_ndim + max(len(shape), not own.returns), "C"))
        return self._over(loop_ndim).inspect_ptx(tuple(types), arch)

    def _over(self, loop_ndim: int) -> Kernel:
        """The kernel of a grid for so many loop dimensions."""
        found = self._kernels.get(loop_ndim)
        if found is None:
            over = _over(self.py_func, self._kernel.operands, loop_ndim)
            options = self._kernel.choices.options
            found = generated(over, options, boundscheck=options.boundscheck or None)
            self._kernels[loop_ndim] = found
        return found

    # ------------------------------------------------------------------- the parts of a call

    def _run(
        self,
        types: Signature,
        arrays: list[DeviceArray],
        results: list[DeviceArray],
        places: Places,
        stream: Any,
    ) -> None:
        """Launch the kernel; ``arrays`` that it writes to hold what it has written."""
        own = self._kernel.operands
        boxed = own.boxed(self._kernel.declared(types.inputs))
        written = []
        for result, t in zip(results, types.outputs, strict=True):
            others = [r for r in results if r is not result]
            written.append(_apart(converted(result, t.dtype, stream), others, stream))
        changed = list(arrays)
        given = []
        for i, t in enumerate(types.inputs):
            writable = i in own.writable
            others = [*results, *(changed[k] for k in own.writable if k != i)]
            used = _apart(converted(arrays[i], t.dtype, stream), others, stream)
            arrays[i] = used if writable else arrays[i]
            given.append(places.input(i, used, one=i in boxed, writable=writable))
        for k, result in enumerate(written):
            given.append(places.output(k, result, one=not own.returns))
        count = math.prod(places.loop)
        if count:
            kernel = self._over(len(places.loop))
            blocks, threads = operands.grid_for(count, _THREADS)
            kernel[blocks, threads, stream](places.loop, *given)
            if str(types) not in self.signatures:
                self.signatures.append(str(types))
        for result, made in zip(results, written, strict=True):
            if made is not result:
                copy_elements(converted(made, result.dtype, stream), result, stream)

    def _write_back(
        self, taken: Sequence[Taken], arrays: Sequence[DeviceArray], stream: Any
    ) -> None:
        """Put what the kernel has written to inputs where the caller has them."""
        for i in self._kernel.operands.writable:
            given, array = taken[i], arrays[i]
            if given.weak is not None:
                continue
            if not given.on_device:
                given.value[...] = array.copy_to_host(stream=stream)
            elif array is not given.value:
                copy_elements(converted(array, given.dtype, stream), given.value, stream)


def _apart(array: DeviceArray, others: Sequence[DeviceArray], stream: Any) -> DeviceArray:
    """The array, or a copy if what the kernel writes to overlaps it: it takes them for separate."""
    if not any(np.may_share_memory(array.view_of_host, each.view_of_host) for each in others):
        return array
    made = device_array(array.shape, array.dtype)
    copy_elements(array, made, stream)
    return made


# -------------------------------------------------------------------------------- the kernel


def _over(function: FunctionType, operands: Operands, loop: int) -> Any:
    """The function of a grid that goes over the loop dimensions."""
    nin, nout = len(operands.core.inputs), len(operands.core.outputs)
    names = [f"a{i}" for i in range(nin + nout)]
    lines = [f"def over(loop, {', '.join(names)}):", "    count = 1"]
    lines += [f"    count *= loop[{k}]" for k in range(loop)]
    lines += ["    for number in range(grid(1), count, gridsize(1)):", "        rest = number"]
    split = unravelled("rest", list(range(loop)))
    lines += ["    " + line.replace("x.shape", "loop") for line in split]
    places = "".join(f"i{k}, " for k in range(loop))
    views = [f"{name}[{places or '()'}]" for name in names]
    if operands.returns:
        lines.append(f"        made = function({', '.join(views[:nin])})")
        for k, shape in enumerate(operands.core.outputs):
            value = "made" if nout == 1 else f"made[{k}]"
            index = f"{places}..." if shape else places or "()"
            lines.append(f"        {names[nin + k]}[{index}] = {value}")
    else:
        lines.append(f"        function({', '.join(views)})")
    return defined("over", lines, grid=grid, gridsize=gridsize, function=function)
