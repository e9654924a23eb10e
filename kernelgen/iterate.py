"""Applying a stencil to its own result, again and again."""

from __future__ import annotations

import operator
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelgen.api import jit
from kernelgen.schedule import steps_at_once

if TYPE_CHECKING:
    from kernelgen.stencils import Stencil

Arrays = tuple[Any, ...]


def iterate(
    stencil: Stencil,
    state: Any,
    steps: Any,
    args: tuple[Any, ...],
    out: Any,
    until: Any,
    progress: bool,
) -> Any:
    """What ``Stencil.iterate`` does."""
    single = not isinstance(state, tuple)
    arrays = (state,) if single else state
    count = checked_start(stencil.__name__, arrays, steps, lambda x: isinstance(x, np.ndarray))
    outs = None if out is None else (out,) if single else tuple(out)
    with bar(progress, count, stencil.__name__) as advance:
        run = _HostRun(stencil, arrays, args, advance)
        taken = run.steps(count, until)
    result = run.result(outs)
    found = result[0] if single else result
    return found if until is None else (found, taken)


def checked_start(name: str, arrays: Arrays, steps: Any, is_array: Callable[[Any], bool]) -> int:
    """The number of steps, if one can go these from what is given."""
    if not arrays or not all(map(is_array, arrays)):
        raise TypeError(f"{name}.iterate() starts from an array, or a tuple of them")
    count = operator.index(steps)
    if count < 0:
        raise ValueError(f"{name}.iterate() cannot go {count} steps")
    return count


def check_fits(name: str, out: Any, made: Any) -> None:
    """Raise ValueError if what is given as ``out=`` has another shape than the result."""
    if out.shape != made.shape:
        raise ValueError(
            f"out= of {name}.iterate() has the shape {out.shape}, but the result has {made.shape}"
        )


class Run(ABC):
    """A run: the arrays of the last step, and two buffers that take turns.

    Parameters
    ----------
    stencil : callable
        It is called for each step.
    arrays : tuple of arrays
        What the run starts from.
    args : tuple
        The stencil's other arguments.
    advance : callable
        It is told how many steps have been done.
    **keywords
        What each call is given too.
    """

    def __init__(
        self,
        stencil: Any,
        arrays: Arrays,
        args: tuple[Any, ...],
        advance: Callable[[int], object],
        **keywords: Any,
    ) -> None:
        self.stencil = stencil
        self.arrays = arrays
        self.args = args
        self.advance = advance
        self.keywords = keywords
        self.spare: Arrays | None = None
        self.is_given = True

    def steps(self, count: int, tolerance: Any) -> int:
        """Do at most so many steps, until one changes nothing by more than ``tolerance``.

        None does not look. The number of steps that were done is returned.
        """
        taken = 0
        while taken < count:
            before = self.arrays
            done = self._go(count - taken if tolerance is None else 1)
            taken += done
            self.advance(done)
            if tolerance is not None and self._is_still(before, tolerance):
                break
        return taken

    def _is_still(self, before: Arrays, tolerance: Any) -> bool:
        pairs = zip(self.arrays, before, strict=True)
        return all(a.shape == b.shape and bool(self._change(a, b) <= tolerance) for a, b in pairs)

    def _go(self, most: int) -> int:
        """Do one step, or at most so many at once; how many these were."""
        # Calls make new arrays until they are as those before, which can be taken then.
        made = self.stencil(*self.arrays, *self.args, out=self._target(), **self.keywords)
        self._went_on(made if isinstance(made, tuple) else (made,))
        return 1

    def _change(self, new: Any, old: Any) -> Any:
        """By how much the elements differ that differ most; nan if one does in being nan."""
        if not new.size:
            return 0
        if new.dtype.kind == "b" or new.dtype != old.dtype:
            return self._greatest("mixed", new, old)
        return self._greatest("signed" if new.dtype.kind in "fc" else "unsigned", new, old)

    @abstractmethod
    def _greatest(self, kind: str, new: Any, old: Any) -> Any:
        """The greatest difference of elements that are "signed", "unsigned", which integers may be
        and times are, or "mixed", which are compared as float64."""

    def _target(self) -> Any:
        if self.spare is None:
            return None
        return self.spare if len(self.spare) > 1 else self.spare[0]

    def _went_on(self, made: Arrays) -> bool:
        """Go on from what a step has made; whether that is like what it started from."""
        if len(made) != len(self.arrays):
            raise TypeError(
                f"{self.stencil.__name__}() makes {len(made)} arrays of {len(self.arrays)}: to be "
                "iterated, it has to make as many as it starts from"
            )
        alike = all(map(_are_alike, made, self.arrays))
        self.spare = self.arrays if alike and not self.is_given else None
        self.arrays, self.is_given = made, False
        return alike


class _HostRun(Run):
    """A run on the processor, which may do many steps at once."""

    pace: int | None = None

    def _greatest(self, kind: str, new: Any, old: Any) -> Any:
        if kind == "mixed":
            return np.max(np.abs(new.astype(float) - old))
        return (_greatest_distance if kind == "signed" else _greatest_difference)(new, old)

    def _go(self, most: int) -> int:
        at_once = min(most, self._at_once()) if most > 1 else 1
        if at_once == 1:
            return super()._go(most)
        if self.spare is None:
            self.spare = tuple(map(np.empty_like, self.arrays))
        target = self._target()
        self.stencil.kernel.steps(*self.arrays, *self.args, at_once, target)
        self._went_on(self.spare)
        return at_once

    def _at_once(self) -> int:
        """How many steps to do at once: so many as long as the arrays stay alike."""
        if self.is_given:
            return 1
        if self.pace is None:
            plan = self.stencil.kernel.plan((*self.arrays, *self.args))
            sizes = [each.itemsize for each in self.arrays]
            self.pace = steps_at_once(plan, self.arrays[0].shape, sizes)
        return self.pace

    def _went_on(self, made: Arrays) -> bool:
        alike = super()._went_on(made)
        self.pace = self.pace if alike else None
        return alike

    def result(self, outs: Arrays | None) -> Arrays:
        """The arrays of the last step, in those that were given for them."""
        if outs is None:
            return tuple(each.copy() for each in self.arrays) if self.is_given else self.arrays
        for out, made in zip(outs, self.arrays, strict=True):
            check_fits(self.stencil.__name__, out, made)
            np.copyto(out, made, casting="same_kind")
        return outs


@contextmanager
def bar(shown: bool, count: int, name: str) -> Iterator[Callable[[int], object]]:
    """What is told of steps that have been done; a bar if it is ``shown`` and there is tqdm."""
    made: Any = None
    if shown:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            warnings.warn("progress=True shows nothing without tqdm", stacklevel=5)
        else:
            made = tqdm(total=count, desc=name, unit="step")
    try:
        yield (lambda steps: None) if made is None else made.update
    finally:
        if made is not None:
            made.close()


def _are_alike(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and a.dtype == b.dtype and a.strides == b.strides)


@jit
def _greatest_distance(new: Any, old: Any) -> Any:
    return np.max(np.abs(new - old))


@jit
def _greatest_difference(new: Any, old: Any) -> Any:
    """The same of integers, which may have no sign, and of times."""
    return np.max(np.where(new > old, new - old, old - new))
