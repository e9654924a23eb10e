"""Methods that arrays have, and numbers have not or in name only, in the kernel language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelgen.ops import gather_library as gathers
from kernelgen.ops import order_library as orders
from kernelgen.ops import product_library as products
from kernelgen.ops import shape_library as shapes
from kernelgen.ops.methods import ALL, METHODS, OF_ARRAYS, Method


def _is(name: str, kinds: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated function as the meaning of a method, of numbers of ``kinds`` as well."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        METHODS[name] = Method(function, kinds)
        OF_ARRAYS.add(name)
        return function

    return enter


@_is("transpose", ALL)
def transpose(a: Any, *axes: Any) -> Any:
    return shapes.permuted(a, axes)


@_is("squeeze", ALL)
def squeeze(a: Any, axis: Any = None) -> Any:
    return shapes.squeezed(a, axis)


@_is("reshape")
def reshape(a: Any, *shape: Any) -> Any:
    return shapes.reshaped(a, shape)


@_is("ravel")
def ravel(a: Any) -> Any:
    return shapes.raveled(a)


@_is("flatten")
def flatten(a: Any) -> Any:
    return shapes.all_elements(shapes.dense_copy(a))


@_is("swapaxes")
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    return shapes.swapped(a, axis1, axis2)


@_is("diagonal")
def diagonal(a: Any, offset: Any = 0) -> Any:
    return shapes.diagonal_of(a, offset)


@_is("fill")
def fill(a: Any, value: Any) -> None:
    a[...] = value


@_is("dot")
def dot(a: Any, b: Any, out: Any = None) -> Any:
    return products.dot(a, b, out)


@_is("take")
def take(a: Any, indices: Any, axis: Any = None) -> Any:
    return gathers.take(a, indices, axis)


@_is("nonzero")
def nonzero(a: Any) -> Any:
    return gathers.nonzero(a)


@_is("sort")
def sort(a: Any, axis: Any = -1, kind: Any = None) -> None:
    turned = shapes.moved(a, axis, -1)
    if kind is None or kind == "quicksort" or kind == "heapsort":
        orders.sort_last(turned)
    else:
        orders.sort_last_stably(turned)


@_is("argsort")
def argsort(a: Any, axis: Any = -1, kind: Any = None) -> Any:
    return orders.argsort(a, axis, kind)


@_is("searchsorted")
def searchsorted(a: Any, v: Any, side: Any = "left") -> Any:
    return np.searchsorted(a, v, side)


@_is("repeat")
def repeat(a: Any, repeats: Any) -> Any:
    return orders.repeat(a, repeats)


@_is("trace")
def trace(a: Any, offset: Any = 0) -> Any:
    return orders.trace(a, offset)
