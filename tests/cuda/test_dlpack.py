"""Arrays of other libraries that speak DLPack: a library made of ctypes, in the emulator's memory."""

from __future__ import annotations

import ctypes
import gc
import sys

import numpy as np
import pytest

from kernelgen import cuda
from kernelgen.runtime import dlpack

pytestmark = pytest.mark.any_python

HOST, CUDA, PINNED, ROCM, MANAGED = 1, 2, 3, 10, 13
READ_ONLY = 1
CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}

_raw = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


def of_python(result, name, *arguments):
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_new = of_python(
    ctypes.py_object, "PyCapsule_New", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
)
_is_valid = of_python(ctypes.c_int, "PyCapsule_IsValid", ctypes.c_void_p, ctypes.c_char_p)


lent = []
"""What has been exported: a library keeps it until it is given back, and this one for longer."""


class Exported:
    """An array of a library that lends one of ours, and counts how often it is given back."""

    def __init__(
        self, array, *, device=(CUDA, 0), versioned=False, flags=0, major=1, offset=0, dense=False
    ):
        self.device, self.versioned = device, versioned
        self.deleted = 0
        self.asked = []
        lent.append(self)
        self._array = array
        self._deleter = _raw(self._delete)
        self._destructor = _raw(self._destroy)
        ndim = array.ndim
        self._shape = (ctypes.c_int64 * ndim)(*array.shape)
        self._strides = (ctypes.c_int64 * ndim)(*(s // array.itemsize for s in array.strides))
        deleter = ctypes.cast(self._deleter, ctypes.c_void_p)
        self.managed = dlpack._Versioned() if versioned else dlpack._Managed()
        self.managed.deleter = deleter
        if versioned:
            self.managed.major, self.managed.flags = major, flags
        tensor = self.managed.tensor
        tensor.data, tensor.byte_offset = array.address - offset, offset
        tensor.device_type, tensor.device_id = device
        tensor.ndim = ndim
        tensor.code, tensor.bits = CODES[array.dtype.kind], 8 * array.itemsize
        tensor.lanes = 1
        tensor.shape = self._shape
        if not dense:
            tensor.strides = self._strides
        self.name = b"dltensor_versioned" if versioned else b"dltensor"

    def _delete(self, address):
        assert address == ctypes.addressof(self.managed)
        self.deleted += 1

    def _destroy(self, capsule):
        if _is_valid(capsule, self.name):  # nobody has taken it
            self._delete(ctypes.addressof(self.managed))

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, stream=None, max_version=None):
        self.asked.append((stream, max_version))
        destructor = ctypes.cast(self._destructor, ctypes.c_void_p)
        return _new(ctypes.addressof(self.managed), self.name, destructor)


class Old(Exported):
    """From before DLPack 1.0."""

    def __dlpack__(self, *, stream=None):
        return super().__dlpack__(stream=stream)


@pytest.fixture(autouse=True)
def emulated():
    with cuda.emulator():
        yield


@pytest.fixture(params=[False, True], ids=["unversioned", "versioned"])
def versioned(request):
    return request.param


def there(count: int = 12, dtype="f8"):
    return cuda.to_device(np.arange(count).astype(dtype))


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "i2", "i4", "i8", "u1", "u8", "f2", "f4", "f8", "c8", "c16"]
)
def test_elements_of_every_type(dtype, versioned):
    x = there(dtype=dtype)
    taken = cuda.as_device(Exported(x, versioned=versioned))
    assert (taken.address, taken.shape, taken.dtype) == (x.address, x.shape, x.dtype)
    np.testing.assert_array_equal(taken.copy_to_host(), x.copy_to_host())


def test_it_is_given_back_once_with_the_last_view(versioned):
    exported = Exported(there(), versioned=versioned)
    taken = cuda.as_device(exported)
    view = taken[2:]
    del taken
    gc.collect()
    assert exported.deleted == 0
    assert view.copy_to_host()[0] == 2
    del view
    gc.collect()
    assert exported.deleted == 1


def test_it_may_have_nothing_to_be_given_back(versioned):
    exported = Exported(there(), versioned=versioned)
    exported.managed.deleter = None
    assert cuda.as_device(exported).copy_to_host()[3] == 3


def test_strides_and_offsets(versioned):
    x = there().reshape(3, 4)
    turned = cuda.as_device(Exported(x.T, versioned=versioned, offset=8))
    assert (turned.shape, turned.strides, turned.address) == ((4, 3), (8, 32), x.address)
    np.testing.assert_array_equal(turned.copy_to_host(), x.copy_to_host().T)


def test_without_strides_elements_lie_side_by_side(versioned):
    taken = cuda.as_device(Exported(there().reshape(3, 4), versioned=versioned, dense=True))
    assert taken.strides == (32, 8)


def test_scalars_and_arrays_without_elements(versioned):
    assert cuda.as_device(Exported(there().reshape(3, 4)[1, 2], versioned=versioned)).shape == ()
    nothing = Exported(there(0), versioned=versioned)
    nothing.managed.tensor.data = None
    assert cuda.as_device(nothing).copy_to_host().shape == (0,)


def test_a_kernel_takes_it(versioned):
    @cuda.jit
    def double(x):
        i = cuda.grid(1)
        if i < len(x):
            x[i] *= 2

    x = there()
    double[1, 32](cuda.as_device(Exported(x, versioned=versioned)))
    np.testing.assert_array_equal(x.copy_to_host(), 2 * np.arange(12.0))


@pytest.mark.parametrize("flags, writeable", [(0, True), (READ_ONLY, False)])
def test_some_must_not_be_written_to(flags, writeable):
    taken = cuda.as_device(Exported(there(), versioned=True, flags=flags))
    assert taken.flags.writeable == writeable


@pytest.mark.parametrize("device, stream", [((CUDA, 0), 1), ((MANAGED, 0), 1), ((PINNED, 0), None)])
def test_the_other_library_is_told_the_stream_and_the_version(device, stream):
    exported, old = (cls(there(), device=device) for cls in (Exported, Old))
    cuda.as_device(exported)
    assert exported.asked == [(stream, (1, 0))]
    cuda.as_device(old)
    assert old.asked == [(stream, None)]


@pytest.mark.parametrize(
    "device, message",
    [
        ((HOST, 0), "Exported is an array of the host: call cuda.to_device()"),
        ((ROCM, 0), "Exported is on a device that is none of CUDA's"),
        ((CUDA, 1), "Exported is on device 1, and kernels run on device 0"),
    ],
)
def test_other_devices_are_refused(device, message):
    exported = Exported(there(), device=device)
    with pytest.raises(TypeError) as caught:
        cuda.as_device(exported)
    assert str(caught.value) == message
    assert exported.asked == []


@pytest.mark.parametrize(
    "code, bits, lanes",
    [(4, 16, 1), (2, 32, 4), (2, 128, 1), (0, 4, 1), (3, 64, 1), (5, 32, 1), (10, 8, 1)],
    ids=["bfloat16", "lanes", "float128", "int4", "opaque", "complex32", "float8"],
)
def test_elements_that_kernels_do_not_know_are_refused_and_given_back(code, bits, lanes, versioned):
    exported = Exported(there(), versioned=versioned)
    tensor = exported.managed.tensor
    tensor.code, tensor.bits, tensor.lanes = code, bits, lanes
    with pytest.raises(
        TypeError, match="^Exported has elements that kernels do not know: DLPack's"
    ):
        cuda.as_device(exported)
    assert exported.deleted == 1


def test_a_version_to_come_is_refused_and_given_back():
    exported = Exported(there(), versioned=True, major=2)
    with pytest.raises(TypeError, match="^Exported speaks DLPack 2, and kernels speak 1$"):
        cuda.as_device(exported)
    assert exported.deleted == 1


@pytest.mark.parametrize("readonly", [False, True])
def test_the_interface_of_cuda_arrays_is_taken_first(readonly):
    class Both(Exported):
        @property
        def __cuda_array_interface__(self):
            given = self._array.__cuda_array_interface__
            return {**given, "data": (given["data"][0], readonly)}

    both = Both(there())
    taken = cuda.as_device(both)
    assert both.asked == []
    assert taken.flags.writeable != readonly
    assert taken.copy_to_host()[5] == 5


@pytest.mark.parametrize("max_version", [None, (1, 0)], ids=["unversioned", "versioned"])
def test_a_capsule_that_numpy_has_made(max_version):
    class Lender:
        def __dlpack_device__(self):
            return CUDA, 0

        def __dlpack__(self, **asked):
            return x.__dlpack__(max_version=max_version)

    held = cuda.to_device(np.arange(24.0))  # memory that the emulator has
    x = np.lib.stride_tricks.as_strided(held.view_of_host, (2, 2, 4), (96, 64, 8))
    before = sys.getrefcount(x)
    taken = cuda.as_device(Lender())
    assert (taken.address, taken.strides) == (x.ctypes.data, x.strides)
    assert sys.getrefcount(x) == before + 1
    del taken
    gc.collect()
    assert sys.getrefcount(x) == before
