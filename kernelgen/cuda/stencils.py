"""`stencil(target="cuda")`: what is called like a stencil, and computes on a device."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from kernelgen.cuda import operands
from kernelgen.cuda.arrays import DeviceArray, device_array, is_device_array
from kernelgen.cuda.callables import OnDevice
from kernelgen.cuda.copies import converted, copy_elements
from kernelgen.cuda.generating import defined
from kernelgen.cuda.kernels import Kernel, generated
from kernelgen.cuda.operands import Taken, take
from kernelgen.errors import TypingError, UnsupportedError
from kernelgen.ops.registry import NoRule, Unsupported
from kernelgen.ops.stencils import Plan
from kernelgen.rewrites.grid_cells import THREADS, tile_of
from kernelgen.runtime import device, locks
from kernelgen.stencils import StencilKernel, fresh
from kernelgen.types.arguments import Group
from kernelgen.types.compound import Array
from kernelgen.types.declared import declare


class DeviceStencil(OnDevice):
    """A stencil that computes on a device.

    Made by `stencil` with ``target="cuda"``. It is called with the kernel's arguments, and takes
    ``out=`` and ``stream=``. Arrays of the host are copied to the device, and the results back; if
    an array is the device's, the results stay there.

    Attributes
    ----------
    py_func : function
        The kernel.
    """

    __name__: str
    call_func = None
    """Compiled code cannot call it."""

    def __init__(self, kernel: StencilKernel, call: FunctionType) -> None:
        functools.update_wrapper(self, kernel.function)
        self.kernel = kernel
        self.py_func = kernel.function
        self._signature = inspect.signature(call)
        self._names = tuple(self._signature.parameters)[:-1]
        names, own = ", ".join(self._names), fresh("kernel", self._names)
        lines = [f"def over({names}, out):", f"    {own}({names}, out)"]
        options = kernel.choices.options
        self._grid: Kernel = generated(
            defined("over", lines, **{own: kernel}),
            options,
            boundscheck=options.boundscheck or None,
        )

    def __repr__(self) -> str:
        return f"<stencil {self.py_func.__qualname__} for a device>"

    @property
    def neighborhood(self) -> Any:
        """The offsets that the kernel may read, as the decorator was given them."""
        return self.kernel.choices.neighborhood

    def __call__(self, *args: Any, stream: Any = None, **kwargs: Any) -> Any:
        """Compute all cells.

        Parameters
        ----------
        *args, **kwargs
            The kernel's arguments, arrays of the device or of the host and numbers; then ``out``,
            an array or a tuple of them, where results go.
        stream : Stream, optional
            Which computes. If all arrays are the device's, the call returns before it has.

        Returns
        -------
        DeviceArray or numpy.ndarray, or a tuple of them
            Arrays of the device if one of the arguments is.

        Raises
        ------
        ValueError
            Shapes do not fit each other.
        TypingError
            The kernel cannot be compiled for the arguments.
        Exception
            What the kernel raises, of which the first one counts.
        """
        *bound, out = self._bound(args, kwargs)
        on_device = any(map(is_on_device, [*bound, *listed(out)]))
        given = [uploaded(each, stream) for each in bound]
        plan = self._plan(given)
        shape = self._shape(plan, given)
        outs = listed(out) or [None] * len(plan.dtypes)
        targets = self._targets(plan, outs, shape)
        order = "F" if plan.reverse else "C"
        results = [
            device_array(shape, t.dtype, order=order) if o is None or not o.on_device else o.value
            for o, t in zip(targets, plan.dtypes, strict=True)
        ]
        written = [
            self._apart(r, t.dtype, given, results)
            for r, t in zip(results, plan.dtypes, strict=True)
        ]
        self._launch(plan, given, written, shape, stream)
        for result, made in zip(results, written, strict=True):
            if made is not result:
                copy_elements(converted(made, result.dtype, stream), result, stream)
        handed = tuple(
            operands.hand_back(*each, on_device=on_device, stream=stream)
            for each in zip(results, outs, targets, strict=True)
        )
        return handed[0] if plan.single else handed

    def iterate(
        self,
        a: Any,
        steps: int,
        *args: Any,
        out: Any = None,
        until: float | None = None,
        progress: bool = False,
        stream: Any = None,
    ) -> Any:
        """Apply the stencil to an array, then to the result, and so on; arrays stay on the device
        between the steps.

        Parameters
        ----------
        a : array or tuple of arrays
            The kernel's first argument; a tuple of as many arrays as the kernel returns values, if
            it returns a tuple.
        steps : int
            How often, at most if ``until`` is given.
        *args
            The kernel's other arguments.
        out : array or tuple of arrays, optional
            Where the result goes; may be ``a``.
        until : float, optional
            Stop behind a step that has changed no element by more than that.
        progress : bool
            Show a bar, by tqdm where that is installed.
        stream : Stream, optional
            Which computes.

        Returns
        -------
        array or tuple of arrays
            The result, on the device if an argument is. With ``until``, a tuple of this and the
            number of steps that were taken.

        Raises
        ------
        ValueError
            ``steps`` is negative, or ``out`` has another shape than the result.
        TypeError
            The kernel makes another number of arrays than it starts from.
        """
        from kernelgen.cuda.iterate import iterate

        return iterate(self, a, steps, args, out, until, progress, stream)

    def inspect_ptx(self, signature: Any, arch: str = "sm_80") -> str:
        """The PTX for the types of the kernel's arguments.

        Parameters
        ----------
        signature : str or tuple of types
            ``"f4[:,::1]"``.
        arch : str, optional
            The oldest architecture that it is for.

        Raises
        ------
        KernelgenError
            It cannot be compiled for a GPU.
        """
        given = declare(signature).arguments
        with locks.compiling:
            plan = self._planned(lambda: self.kernel.plan_of_types(given))
        layout = "F" if plan.reverse else "C"
        made = tuple(Array(t, plan.ndim, layout) for t in plan.dtypes)
        return self._grid.inspect_ptx((*given, made[0] if plan.single else Group(made)), arch)

    # ------------------------------------------------------------------- the parts of a call

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.__name__}() {error}") from None
        bound.apply_defaults()
        return list(bound.arguments.values())

    def _plan(self, given: Sequence[Any]) -> Plan:
        described = list(map(_described, given))
        with locks.undisturbed():
            return self._planned(lambda: self.kernel.plan(described))

    def _planned(self, plan: Callable[[], Plan]) -> Plan:
        """What is planned, or an error in place of its refusal."""
        try:
            return plan()
        except NoRule as refusal:
            error = UnsupportedError if isinstance(refusal, Unsupported) else TypingError
            raise error(refusal.message, self.kernel.place(None), refusal.hint) from None

    def _shape(self, plan: Plan, given: Sequence[Any]) -> tuple[int, ...]:
        """The shape of the results."""
        shapes = [given[i].shape for i in plan.windows]
        for other in shapes[1:]:
            if other != shapes[0]:
                raise ValueError(
                    f"the arrays that {self.__name__}() reads at offsets have the shapes "
                    f"{shapes[0]} and {other}"
                )
        lengths = []
        for n, (low, high), border in zip(shapes[0], plan.halo, plan.borders, strict=True):
            cut = (low if border.low == "valid" else 0) + (high if border.high == "valid" else 0)
            lengths.append(max(n - cut, 0) if cut else n)
        return tuple(lengths)

    def _targets(
        self, plan: Plan, outs: Sequence[Any], shape: tuple[int, ...]
    ) -> list[Taken | None]:
        """What is given for the results, which they can be stored in."""
        name = self.__name__
        if len(outs) != len(plan.dtypes):
            raise TypingError(f"{name}() makes {len(plan.dtypes)} arrays, out= has {len(outs)}")
        targets = [None if out is None else take(out) for out in outs]
        for out, taken, t in zip(outs, targets, plan.dtypes, strict=True):
            if taken is None:
                continue
            if taken.weak or not (taken.on_device or isinstance(out, np.ndarray)):
                raise TypingError(f"out= of {name}() is an array, not {type(out).__name__}")
            if not taken.value.flags.writeable:
                raise TypingError(f"out= of {name}() is read-only")
            if taken.shape != shape:
                raise ValueError(
                    f"out= of {name}() has the shape {taken.shape}, but the result has {shape}"
                )
            if not np.can_cast(t.dtype, taken.dtype, "same_kind"):
                raise TypingError(
                    f"cannot cast the results of {name}() from {t.dtype!r} to {taken.dtype!r} "
                    "with casting rule 'same_kind'"
                )
        return targets

    def _apart(
        self,
        result: DeviceArray,
        dtype: np.dtype[Any],
        given: Sequence[Any],
        results: Sequence[DeviceArray],
    ) -> DeviceArray:
        """Where a result is computed: elsewhere if it has another dtype, or shares memory."""
        others = list(_arrays(given))
        others += [r for r in results if r is not result]
        shared = any(np.may_share_memory(result.view_of_host, o.view_of_host) for o in others)
        return device_array(result.shape, dtype) if shared or result.dtype != dtype else result

    def _launch(
        self,
        plan: Plan,
        given: Sequence[Any],
        written: Sequence[DeviceArray],
        shape: tuple[int, ...],
        stream: Any,
    ) -> None:
        if 0 in shape or 0 in given[plan.windows[0]].shape:
            return
        order = range(plan.ndim)[:: -1 if plan.reverse else 1]
        tiles = 1
        for axis, cells in zip(order, tile_of(plan.ndim), strict=True):
            tiles *= -(-shape[axis] // cells)
        blocks = min(tiles, device.current().most_blocks)
        target = written[0] if plan.single else tuple(written)
        self._grid[blocks, THREADS, stream](*given, target)


def listed(out: Any) -> list[Any]:
    """What is given as ``out=``, one by one."""
    if out is None:
        return []
    return list(out) if isinstance(out, tuple) else [out]


def is_on_device(value: Any) -> bool:
    """Whether a value is an array of the device, or a tuple with one."""
    return any(map(is_on_device, value)) if isinstance(value, tuple) else is_device_array(value)


def uploaded(value: Any, stream: Any) -> Any:
    """An argument: arrays are the device's, anything else is as it is."""
    if isinstance(value, tuple):
        return _made_like(value, [uploaded(each, stream) for each in value])
    if isinstance(value, np.ndarray) or is_device_array(value):
        taken = take(value)
        return operands.upload(taken, taken.dtype, stream)
    return value


def _described(value: Any) -> Any:
    """An argument with arrays as NumPy describes them."""
    if isinstance(value, tuple):
        return _made_like(value, [_described(each) for each in value])
    return value.view_of_host if isinstance(value, DeviceArray) else value


def _made_like(value: tuple[Any, ...], parts: list[Any]) -> Any:
    """A tuple of other elements, of the same class."""
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)


def _arrays(values: Sequence[Any]) -> Iterator[DeviceArray]:
    """The arrays of the device among some values, and in tuples of them."""
    for value in values:
        if isinstance(value, tuple):
            yield from _arrays(value)
        elif isinstance(value, DeviceArray):
            yield value
