"""Calls of ufuncs on a device with operands of all kinds are those of the ufunc on the host."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelgen import cuda, vectorize

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("emulated")]

DTYPES = ("f4", "f8", "i4", "i1", "u2", "?", "F", "f2", "i8")


def both(x, y):
    return x * y + 1, x - y


ON_HOST, ON_DEVICE = vectorize(both), vectorize(target="cuda")(both)


def laid_out(array, layout, numbers):
    """The same elements, elsewhere in memory."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "gaps" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "reversed" and array.ndim:
        return array[..., ::-1].copy()[..., ::-1]
    if layout == "turned":
        order = numbers.permutation(array.ndim)
        return array.transpose(order).copy().transpose(np.argsort(order))
    return array


LAYOUTS = ("C", "F", "gaps", "reversed", "turned")


@st.composite
def operands(draw, shape, numbers):
    """An array that is broadcast to a shape, or a number."""
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from([3, 2.5, -1, True]))
    lengths = [n if draw(st.integers(0, 3)) else 1 for n in shape]
    lengths = lengths[draw(st.integers(0, len(lengths))) if draw(st.booleans()) else 0 :]
    array = (numbers.normal(size=lengths) * 5).astype(draw(st.sampled_from(DTYPES)))
    return laid_out(array, draw(st.sampled_from(LAYOUTS)), numbers)


def outcome(ufunc, args, kwargs):
    try:
        with np.errstate(all="ignore"):
            found = ufunc(*args, **kwargs)
    except (TypeError, ValueError, OverflowError) as error:
        return "error", str(error)
    return [x.copy_to_host() if isinstance(x, cuda.DeviceArray) else x for x in found]


def strides(array):
    return [step for step, n in zip(array.strides, array.shape) if n > 1] if array.size else []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(st.data())
def test_calls_are_those_on_the_host(data):
    draw = data.draw
    numbers = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    args = [draw(operands(shape, numbers)) for _ in range(2)]
    kwargs = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "order": st.sampled_from("CFAK"),
                "dtype": st.sampled_from(["f4", "f8", "i4", "c16"]),
                "casting": st.sampled_from(["no", "safe", "same_kind", "unsafe"]),
            },
        )
    )
    outs = None
    if draw(st.booleans()):
        mask = laid_out(numbers.random(shape) < 0.5, draw(st.sampled_from(LAYOUTS)), numbers)
        try:
            whole = np.broadcast_shapes(*map(np.shape, args), mask.shape)
        except ValueError:
            return
        kinds = [draw(st.sampled_from(["f8", "f4", "c16", "i8"])) for _ in range(2)]
        outs = [tuple(np.full(whole, 7, kind) for kind in kinds) for _ in range(2)]
        kwargs["where"] = mask
    wanted = outcome(ON_HOST, args, {**kwargs, "out": outs[0]} if outs else kwargs)
    given_ = list(args)
    if draw(st.booleans()) and "order" not in kwargs:
        given_ = [cuda.to_device(a) if isinstance(a, np.ndarray) else a for a in args]
    found = outcome(ON_DEVICE, given_, {**kwargs, "out": outs[1]} if outs else kwargs)
    if isinstance(wanted, tuple):
        assert isinstance(found, tuple), (wanted, found)
        assert found[1] == wanted[1]
        return
    assert isinstance(found, list), found
    for got, want in zip(found, wanted):
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        np.testing.assert_array_equal(got, want)
        if all(a is b for a, b in zip(given_, args)) and not outs:
            assert strides(got) == strides(want)
