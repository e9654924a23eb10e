"""Blocks of memory for arrays: who owns them, and when they are freed."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys

import numpy as np
import pytest

from kernelgen import heap
from kernelgen.runtime import layouts
from kernelgen.runtime.native_library import _library

_pointer, _int64 = ctypes.c_void_p, ctypes.c_int64


@pytest.fixture(scope="module")
def native():
    library = _library()

    def function(symbol, result, *arguments):
        return ctypes.PYFUNCTYPE(result, *arguments)(library.address(symbol))

    class Native:
        allocate = function(heap.ALLOCATE, _pointer, _pointer, _int64)
        release = function(heap.RELEASE, None, _pointer)
        keep = function(heap.KEEP, None, _pointer)
        free_all = function(heap.FREE_ALL, None, _pointer)
        make_array = function(
            heap.MAKE_ARRAY,
            ctypes.py_object,
            *(ctypes.py_object, ctypes.c_int, _pointer, _pointer, _pointer, ctypes.c_int),
        )

    return Native


@pytest.fixture
def heads():
    """The header at the beginning of a list."""
    return (_int64 * 4)()


def words(owner):
    """References, object, previous, next."""
    return list((_int64 * 4).from_address(owner))


def blocks_in(head):
    """The owners in a list, in order; each knows the one before."""
    found, before, at = [], ctypes.addressof(head), head[3]
    while at:
        assert words(at)[2] == before
        found.append(at)
        before, at = at, words(at)[3]
    return found


def array_of(native, owner, shape, offset=0, strides=None, flags=None):
    native.keep(owner)
    dtype = np.dtype("f8")
    if strides is None:
        strides = np.empty(shape, dtype).strides
    lengths = (_int64 * max(2 * len(shape), 1))(*shape, *strides)
    flags = layouts.WRITEABLE if flags is None else flags
    data = owner + heap.SIZE + offset
    return native.make_array(dtype, len(shape), lengths, data, owner, flags)


def test_blocks_are_aligned_and_listed(native, heads):
    owners = [native.allocate(heads, size) for size in (0, 1, 64, 1000)]
    assert all((owner + heap.SIZE) % 64 == 0 for owner in owners)
    assert blocks_in(heads) == owners[::-1]
    assert [words(owner)[:2] for owner in owners] == [[1, 0]] * 4
    native.free_all(heads)
    assert blocks_in(heads) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_last_release_frees_and_takes_out_of_the_list(native, heads, order):
    owners = [native.allocate(heads, 8) for _ in range(3)]
    left = owners[::-1]
    for i in order:
        (_int64 * 1).from_address(owners[i])[0] = 2
        native.release(owners[i])
        assert blocks_in(heads) == left
        native.release(owners[i])
        left.remove(owners[i])
        assert blocks_in(heads) == left


@pytest.mark.parametrize("size", [-1, -(2**63), 2**62, 2**63 - 1, 2**55])
def test_there_is_no_such_memory(native, heads, size):
    assert native.allocate(heads, size) is None
    assert blocks_in(heads) == []


def test_foreign_memory_and_arguments_are_not_freed(native):
    native.release(None)
    header = (_int64 * 4)(1, id(native), 0, 0)
    native.release(ctypes.addressof(header))
    assert list(header) == [1, id(native), 0, 0]


def test_an_array_takes_its_block_over(native, heads):
    owner = native.allocate(heads, 48)
    ctypes.memset(owner + heap.SIZE, 0, 48)
    array = array_of(native, owner, (2, 3))
    assert blocks_in(heads) == []
    assert (array.shape, array.dtype, array.flags.writeable) == ((2, 3), np.float64, True)
    assert array.flags.c_contiguous
    assert array.flags.aligned
    assert not array.flags.owndata
    array += 1
    assert array.sum() == 6
    assert sys.getrefcount(array) == 2


def test_two_arrays_may_share_a_block(native, heads):
    owner = native.allocate(heads, 32)
    ctypes.memset(owner + heap.SIZE, 0, 32)
    (_int64 * 1).from_address(owner)[0] = 2
    whole = array_of(native, owner, (4,))
    backwards = array_of(native, owner, (4,), offset=24, strides=(-8,), flags=0)
    whole[:] = range(4)
    assert backwards.tolist() == [3, 2, 1, 0]
    assert not backwards.flags.writeable
    del whole
    gc.collect()
    assert words(owner)[0] == 1
    assert backwards.tolist() == [3, 2, 1, 0]


def test_memory_is_given_back(native, heads):
    def once():
        owner = native.allocate(heads, 8 << 20)
        ctypes.memset(owner + heap.SIZE, 1, 8 << 20)
        array_of(native, owner, (1 << 20,))

    for _ in range(3):
        once()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(30):
        once()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_an_array_that_cannot_be_made_frees_its_block(native, heads):
    owner = native.allocate(heads, 8)
    (_int64 * 1).from_address(owner)[0] = 2
    with pytest.raises(ValueError, match="negative dimensions"):
        array_of(native, owner, (-1,), strides=(8,))
    assert words(owner)[0] == 1
    native.release(owner)


def test_no_dimensions(native, heads):
    owner = native.allocate(heads, 8)
    (ctypes.c_double * 1).from_address(owner + heap.SIZE)[0] = 2.5
    array = array_of(native, owner, ())
    assert (array.shape, array[()]) == ((), 2.5)
