"""`vectorize(target="cuda")`: what is called like a ufunc, and computes on a device."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelgen.cuda import operands
from kernelgen.cuda.arrays import DeviceArray, device_array
from kernelgen.cuda.callables import UfuncOnDevice
from kernelgen.cuda.copies import copy_elements
from kernelgen.cuda.kernels import Kernel as GridKernel
from kernelgen.cuda.kernels import launch
from kernelgen.cuda.operands import Call, Taken
from kernelgen.dispatch import Kernel
from kernelgen.errors import KernelgenError
from kernelgen.runtime import device, locks
from kernelgen.runtime.device import Driver, Entry
from kernelgen.targets.cuda import CONTIGUOUS, STRIDED
from kernelgen.types.matching import Types
from kernelgen.types.signature import Signature, parse_whole


class DeviceUfunc(UfuncOnDevice[Kernel]):
    """A function of numbers that is called with arrays, and computes on a device.

    Made by `vectorize` with ``target="cuda"``. It is called as NumPy's ufuncs are. Arrays of the
    host are copied to the device, and the results back; if an operand is an array of the device,
    the results stay there.
    """

    signature = None
    """It has no core dimensions."""

    def __init__(self, kernel: Kernel, call: inspect.Signature) -> None:
        super().__init__(kernel, call)
        self.inspect_ptx = kernel.inspect_ptx
        self._entries: dict[Any, list[Entry]] = {}
        self.reductions: dict[Any, GridKernel] = {}

    def __repr__(self) -> str:
        return f"<ufunc {self.__name__!r} for a device>"

    @property
    def kernel(self) -> Kernel:
        """The Python function, with what is known of its types."""
        return self._kernel

    @property
    def types(self) -> list[str]:
        """The loops there are, in NumPy's letters."""
        return [
            "".join(t.dtype.char for t in s.inputs)
            + "->"
            + "".join(t.dtype.char for t in s.outputs)
            for s in (parse_whole(each) for each in self.signatures)
            if s is not None
        ]

    @property
    def ntypes(self) -> int:
        """How many loops there are."""
        return len(self.signatures)

    def __call__(
        self,
        *args: Any,
        out: Any = None,
        where: Any = True,
        casting: str = "same_kind",
        order: str = "K",
        dtype: Any = None,
        subok: bool = True,
        signature: Any = None,
        stream: Any = None,
    ) -> Any:
        """Compute the kernel for all elements, as a ufunc of NumPy does.

        Parameters
        ----------
        *args
            The inputs, and if wanted the outputs: arrays of the device or of the host, numbers.
        out : array or tuple of arrays, optional
            Where results go.
        where : array_like of bool
            Where to compute; elsewhere results keep what they are.
        casting, order, dtype, signature
            As of NumPy's ufuncs.
        subok
            Accepted, and nothing depends on it.
        stream : Stream, optional
            Which computes. If all arrays are the device's, the call returns before it has.

        Returns
        -------
        DeviceArray, numpy.ndarray or scalar, or a tuple of them
            Arrays of the device if an operand is one.

        Raises
        ------
        TypeError
            An operand cannot be cast, or has a dtype that kernels do not have.
        ValueError
            Shapes do not fit each other.
        Exception
            What the kernel raises, of which the first one counts.
        """
        call = operands.call_of(self.__name__, self.nin, self.nout, args, out)
        axes = operands.order_of(order)
        mask = operands.take_mask(where)
        types = call.resolve(self._kernel, dtype, signature)
        call.check_casts(types, casting)
        shape = self._shape(call, mask)
        results = call.hand_back(self._compute(types, call, mask, shape, axes, stream), stream)
        return results[0] if self.nout == 1 else results

    def outer(self, a: Any, b: Any, /, **kwargs: Any) -> Any:
        """Apply the ufunc to all pairs of an element of ``a`` and one of ``b``."""
        if self.nin != 2:
            raise ValueError("outer product only supported for binary functions")
        x, y = (operands.take(each).strong for each in (a, b))
        return self(x[(..., *[None] * len(y.shape))], y, **kwargs)

    def reduce(
        self,
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = np._NoValue,
        where: Any = True,
        *,
        stream: Any = None,
    ) -> Any:
        """Reduce an array along axes, as a ufunc of NumPy does.

        With an ``identity``, or with ``identity="reorderable"``, each block of threads reduces a
        part in shared memory, as a tree; without one, elements are taken in order, by one thread
        for each result.

        Parameters
        ----------
        array : array_like or DeviceArray
            What is reduced.
        axis : int, tuple of int or None
            Along which axes; None is all of them.
        dtype : dtype, optional
            In which type.
        out : array, optional
            Where the result goes.
        keepdims : bool
            Whether the axes stay, with length 1.
        initial : scalar, optional
            What the reduction starts with.
        where : array_like of bool
            Which elements count.
        stream : Stream, optional
            Which computes.

        Returns
        -------
        DeviceArray, numpy.ndarray or scalar
            An array of the device if ``array`` or ``out`` is one.

        Raises
        ------
        ValueError
            The kernel is no binary operation; or there is nothing to reduce, and no identity; or
            several axes are to be reduced without one.
        """
        from kernelgen.cuda.reductions import reduce

        return reduce(self, array, axis, dtype, out, keepdims, initial, where, stream)

    def _refuse(self, name: str) -> Any:
        raise KernelgenError(
            f"{self.__name__}.{name}() is not for GPUs",
            None,
            'a ufunc of target="cpu" has it, or write a kernel with cuda.jit',
        )

    def accumulate(self, *args: Any, **kwargs: Any) -> Any:
        """Raise KernelgenError: there is none for GPUs."""
        self._refuse("accumulate")

    def reduceat(self, *args: Any, **kwargs: Any) -> Any:
        """Raise KernelgenError: there is none for GPUs."""
        self._refuse("reduceat")

    def at(self, *args: Any, **kwargs: Any) -> Any:
        """Raise KernelgenError: there is none for GPUs."""
        self._refuse("at")

    # ------------------------------------------------------------------- the parts of a call

    def _shape(self, call: Call, mask: Taken | None) -> tuple[int, ...]:
        targets = [t.shape for t in call.targets if t is not None]
        masks = [] if mask is None else [mask.shape]
        shapes = [*(t.shape for t in call.inputs), *targets, *masks]
        shape = operands.broadcast_shape(self.__name__, shapes)
        for target in targets:
            if target != shape:
                raise ValueError(
                    f"non-broadcastable output operand with shape {str(target).replace(' ', '')} "
                    f"doesn't match the broadcast shape {str(shape).replace(' ', '')}"
                )
        return shape

    def _compute(
        self,
        types: Signature,
        call: Call,
        mask: Taken | None,
        shape: tuple[int, ...],
        order: str,
        stream: Any,
    ) -> list[DeviceArray]:
        """The results in the device's memory."""
        inputs = call.upload(types, stream)
        results = [
            operands.new_result(shape, t.dtype, call.inputs, order)
            if target is None
            else operands.target_of(target, stream, with_contents=mask is not None)
            for target, t in zip(call.targets, types.outputs, strict=True)
        ]
        masks = [] if mask is None else [operands.upload(mask, np.dtype(bool), stream)]
        written = [self._apart(r, [*inputs, *masks], results) for r in results]
        for result, own in zip(results, written, strict=True):
            if own is not result and mask is not None:
                copy_elements(result, own, stream)
        self.run(types.inputs, inputs, written, masks, shape, stream)
        for result, own in zip(results, written, strict=True):
            if own is not result:
                copy_elements(own, result, stream)
        return results

    def _apart(
        self, result: DeviceArray, inputs: Sequence[DeviceArray], results: Sequence[DeviceArray]
    ) -> DeviceArray:
        """Where a result is written to: elsewhere if it shares memory with other operands."""
        others = [*inputs, *(r for r in results if r is not result)]
        if any(operands.overlaps(result, other) for other in others):
            return device_array(result.shape, result.dtype)
        return result

    def run(
        self,
        types: Types,
        inputs: Sequence[DeviceArray],
        outputs: Sequence[DeviceArray],
        masks: Sequence[DeviceArray],
        shape: tuple[int, ...],
        stream: Any,
    ) -> None:
        """Launch the kernel for inputs of ``types``, to which the elements are converted."""
        if 0 in shape:
            return
        driver = device.current()
        arrays = [*inputs, *outputs, *masks]
        rows = [self._kernel.row_of(a.dtype) for a in arrays]
        stored = tuple(rows[: self.nin]), tuple(rows[self.nin : self.nargs])
        contiguous, strided = self._entries_for(driver, types, stored, masked=bool(masks))
        views = [np.broadcast_to(a.view_of_host, shape) for a in arrays]
        for part in operands.parts(views, shape):
            entry = contiguous if part.contiguous else strided
            grid, block = operands.grid_for(part.elements, driver.block_size(entry, 0))
            launch(driver, entry, grid, block, stream, part.parameters)

    def _entries_for(
        self, driver: Driver, types: Types, stored: tuple[Types, Types], *, masked: bool
    ) -> list[Entry]:
        key = driver, types, stored, masked
        found = self._entries.get(key)
        if found is None:
            try:
                with locks.undisturbed():
                    found = self._load(driver, types, stored, masked=masked)
            except KernelgenError as error:
                raise error.with_traceback(None) from None
            self._entries[key] = found
            spelled = str(Signature(types, self._kernel.outputs_for(types)))
            if spelled not in self.signatures:
                self.signatures.append(spelled)
        return found

    def _load(
        self, driver: Driver, types: Types, stored: tuple[Types, Types], *, masked: bool
    ) -> list[Entry]:
        from kernelgen import pipeline

        request = self._kernel.request(types)
        emitter = driver.emitter(request.options)
        code = pipeline.grid_kernel(request, emitter, driver.machine, stored, masked=masked)
        return driver.load(code.text, code.kernel, emitter, [CONTIGUOUS, STRIDED])
