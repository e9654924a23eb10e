"""Applying a stencil to its own result, again and again."""

from __future__ import annotations

import operator
import warnings
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
        run = _Run(stencil, arrays, args, outs, advance)
        taken = run.to_the_end(count) if until is None else run.until(count, until)
    result = run.result()
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


def check_made(name: str, made: Arrays, before: Arrays) -> None:
    """Raise TypeError if a step makes another number of arrays than it starts from."""
    if len(made) != len(before):
        raise TypeError(
            f"{name}() makes {len(made)} arrays of {len(before)}: to be iterated, it has to make "
            "as many as it starts from"
        )


def check_fits(name: str, out: Any, made: Any) -> None:
    """Raise ValueError if what is given as ``out=`` has another shape than the result."""
    if out.shape != made.shape:
        raise ValueError(
            f"out= of {name}.iterate() has the shape {out.shape}, but the result has {made.shape}"
        )


class _Run:
    """A run: the arrays of the last step, and two buffers that take turns."""

    def __init__(
        self,
        stencil: Stencil,
        arrays: Arrays,
        args: tuple[Any, ...],
        outs: Arrays | None,
        advance: Callable[[int], object],
    ) -> None:
        self.stencil = stencil
        self.arrays = arrays
        self.args = args
        self.outs = outs
        self.advance = advance
        self.spare: Arrays | None = None
        self.is_given = True
        self.pace: int | None = None

    def to_the_end(self, count: int) -> int:
        """Do so many steps."""
        left = count
        while left:
            at_once = min(left, self._at_once())
            if at_once > 1:
                self._steps(at_once)
            else:
                self._step()
            left -= at_once
            self.advance(at_once)
        return count

    def until(self, count: int, tolerance: Any) -> int:
        """Do at most so many steps, until one changes nothing by more than ``tolerance``."""
        for taken in range(1, count + 1):
            before = self.arrays
            self._step()
            self.advance(1)
            pairs = list(zip(self.arrays, before, strict=True))
            if all(a.shape == b.shape and _change(a, b) <= tolerance for a, b in pairs):
                return taken
        return count

    def result(self) -> Arrays:
        """The arrays of the last step, in those that were given for them."""
        if self.outs is None:
            return tuple(each.copy() for each in self.arrays) if self.is_given else self.arrays
        for out, made in zip(self.outs, self.arrays, strict=True):
            check_fits(self.stencil.__name__, out, made)
            np.copyto(out, made, casting="same_kind")
        return self.outs

    def _at_once(self) -> int:
        """How many steps to do at once: so many as long as the arrays stay alike."""
        if self.is_given:
            return 1
        if self.pace is None:
            plan = self.stencil.kernel.plan((*self.arrays, *self.args))
            sizes = [each.itemsize for each in self.arrays]
            self.pace = steps_at_once(plan, self.arrays[0].shape, sizes)
        return self.pace

    def _step(self) -> None:
        """One call. It makes new arrays until they are as those before, which can be taken then."""
        made = self.stencil(*self.arrays, *self.args, out=self._target())
        self._went_on(made if isinstance(made, tuple) else (made,))

    def _target(self) -> Any:
        if self.spare is None:
            return None
        return self.spare if len(self.spare) > 1 else self.spare[0]

    def _steps(self, count: int) -> None:
        if self.spare is None:
            self.spare = tuple(map(np.empty_like, self.arrays))
        target = self._target()
        self.stencil.kernel.steps(*self.arrays, *self.args, count, target)
        self._went_on(self.spare)

    def _went_on(self, made: Arrays) -> None:
        """Go on from what a step has made."""
        check_made(self.stencil.__name__, made, self.arrays)
        alike = all(map(_are_alike, made, self.arrays))
        self.spare = self.arrays if alike and not self.is_given else None
        self.pace = self.pace if alike else None
        self.arrays, self.is_given = made, False


@contextmanager
def bar(shown: bool, count: int, name: str) -> Iterator[Callable[[int], object]]:
    """What is told of steps that have been done; a bar if it is ``shown`` and there is tqdm."""
    bar: Any = None
    if shown:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            warnings.warn("progress=True shows nothing without tqdm", stacklevel=5)
        else:
            bar = tqdm(total=count, desc=name, unit="step")
    try:
        yield (lambda steps: None) if bar is None else bar.update
    finally:
        if bar is not None:
            bar.close()


def _are_alike(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and a.dtype == b.dtype and a.strides == b.strides)


def _change(new: Any, old: Any) -> Any:
    """By how much the elements differ that differ most; nan if one does in being nan."""
    if not new.size:
        return 0
    if new.dtype.kind == "b" or new.dtype != old.dtype:
        return np.max(np.abs(new.astype(float) - old))
    signed = new.dtype.kind in "fc"
    return (_greatest_distance if signed else _greatest_difference)(new, old)


@jit
def _greatest_distance(new: Any, old: Any) -> Any:
    return np.max(np.abs(new - old))


@jit
def _greatest_difference(new: Any, old: Any) -> Any:
    """The same of integers, which may have no sign, and of times."""
    return np.max(np.where(new > old, new - old, old - new))
