"""Arrays of a device: copies both ways are what NumPy's are; streams, events, and memory."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernelgen import KernelgenError, cuda
from kernelgen.cuda import arrays
from kernelgen.runtime import device as devices

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("device")]

RECORD = np.dtype([("a", "f4"), ("b", "i8", 3)])
ALIGNED = np.dtype([("a", "i1"), ("b", "f8")], align=True)
OVERLAPPING = np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2]})
DTYPES = [
    "?", "i1", "u2", "i4", "i8", "f2", "f4", "f8", "F", "D", "M8[s]", "M8[25us]", "m8[D]", "M8",
    "S3", "U2", "V5", RECORD, ALIGNED, OVERLAPPING,
]  # fmt: skip


def numbered(shape, dtype="f8", order="C"):
    """An array whose bytes differ."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape)) * dtype.itemsize
    raw = np.arange(count, dtype="u4").astype("u1")
    return np.ndarray(shape, dtype, (raw % 2 if dtype == bool else raw).tobytes(), order=order)


def check_same(found, wanted):
    """Bit by bit, but for what is between fields."""
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    for name in wanted.dtype.names or [()]:
        assert found[name].tobytes() == wanted[name].tobytes()


# ------------------------------------------------------------------------------ there and back


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4), (0, 3)], ids=str)
def test_there_and_back(dtype, shape):
    x = numbered(shape, dtype)
    there = cuda.to_device(x)
    assert there.dtype == x.dtype
    assert (there.shape, there.ndim, there.size) == (x.shape, x.ndim, x.size)
    assert (there.itemsize, there.nbytes) == (x.itemsize, x.nbytes)
    check_same(there.copy_to_host(), x)


LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "turned": lambda x: x.transpose(1, 0, 2),
    "reversed": lambda x: x[::-1, :, ::-1],
    "stepped": lambda x: x[::2, 1:, ::-2],
    "broadcast": lambda x: np.broadcast_to(x[0, 0], (3, 4)),
    "a row": lambda x: x[1, :, 2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["i2", "D", RECORD], ids=str)
def test_layouts_of_the_host(layout, dtype):
    x = LAYOUTS[layout](numbered((2, 3, 4), dtype))
    there = cuda.to_device(x)
    check_same(there.copy_to_host(), x)
    assert there.flags.f_contiguous or not x.flags.f_contiguous
    assert there.flags.c_contiguous or not x.flags.c_contiguous
    made = np.zeros(x.shape[::-1], dtype).T[...]
    assert there.copy_to_host(made) is made
    check_same(made, x)
    spread = np.zeros([2 * n for n in x.shape], dtype)
    part = spread[(slice(1, None, 2),) * x.ndim]
    there.copy_to_host(part)
    check_same(part, x)
    assert spread[::2].tobytes() == bytes(spread[::2].nbytes)


INDICES = {
    "all": np.s_[...],
    "reversed": np.s_[::-1],
    "stepped": np.s_[:, ::-1, ::2],
    "a number": np.s_[1],
    "the last": np.s_[..., -1],
    "a new axis": np.s_[None, :, 1, None],
    "an element": np.s_[1, 2, 3],
    "nothing": np.s_[:, 2:1],
}


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("dtype", ["u1", "f8", "M8[s]", RECORD, ALIGNED], ids=str)
def test_parts_of_arrays_both_ways(index, dtype):
    x, index = numbered((2, 3, 4), dtype), INDICES[index]
    there = cuda.to_device(x)
    check_same(there[index].copy_to_host(), x[index][...])
    other = np.zeros(x[index].shape, dtype)
    assert there[index].copy_to_device(other).shape == other.shape
    expected = x.copy()
    expected[index] = other
    check_same(there.copy_to_host(), expected)


def test_an_array_that_lies_differently():
    x = numbered((3, 4))
    for order in "CF":
        there = cuda.device_array((3, 4), order=order)
        check_same(there.copy_to_device(x.copy("F")).copy_to_host(), x)
        check_same(there.copy_to_device(x[::-1]).copy_to_host(), x[::-1])


def test_copies_within_the_device():
    x = numbered((3, 4))
    there = cuda.to_device(x)
    copy = cuda.to_device(there)
    assert copy.address != there.address
    check_same(copy.copy_to_host(), x)
    for index in (np.s_[:], np.s_[::-1], np.s_[:, ::-1]):
        other = cuda.device_array((3, 4), order="F")
        check_same(other.copy_to_device(there[index]).copy_to_host(), x[index])
    check_same(cuda.to_device(there.T).copy_to_host(), x.T)


def test_copies_within_an_array():
    x = numbered(20)
    there = cuda.to_device(x)
    there[1:].copy_to_device(there[:-1])
    check_same(there.copy_to_host(), np.append(x[:1], x[:-1]))
    there.copy_to_device(there[::-1])
    check_same(there.copy_to_host(), np.append(x[:1], x[:-1])[::-1])


def test_large_arrays():
    x = np.arange(700_000)
    check_same(cuda.to_device(x).copy_to_host(), x)
    check_same(cuda.to_device(x)[::-3].copy_to_host(), x[::-3])


@pytest.mark.parametrize("dtype", [">f8", ">i2", ">c8", ">M8[s]", [("a", ">f4"), ("b", "i2")]])
def test_bytes_in_another_order_are_turned(dtype):
    x = np.arange(5).astype(dtype)
    there = cuda.to_device(x)
    assert there.dtype.isnative
    np.testing.assert_array_equal(there.copy_to_host(), x)


def test_numbers_and_lists():
    assert cuda.to_device(2.5).copy_to_host()[()] == 2.5
    assert cuda.to_device([[1, 2]]).copy_to_host().tolist() == [[1, 2]]


def test_to_an_array_that_there_is():
    there = cuda.device_array(3)
    assert cuda.to_device(np.arange(3.0), to=there) is there
    assert there.copy_to_host().tolist() == [0, 1, 2]


def test_copies_that_there_are_not():
    there = cuda.to_device(np.zeros(3))
    locked = np.zeros(3)
    locked.flags.writeable = False
    says = r"an array of shape \(4,\) and dtype float64 is no copy of one of shape \(3,\)"
    with pytest.raises(ValueError, match=says):
        there.copy_to_host(np.zeros(4))
    with pytest.raises(ValueError, match="dtype float32 is no copy of one of shape"):
        there.copy_to_device(np.zeros(3, "f4"))
    with pytest.raises(ValueError, match="the array that is copied to is read-only"):
        there.copy_to_host(locked)
    there.view_of_host.flags.writeable = False
    with pytest.raises(ValueError, match="the array that is copied to is read-only"):
        there.copy_to_device(np.zeros(3))
    with pytest.raises(TypeError, match="the device has no Python objects"):
        cuda.to_device(np.array([None]))


# ---------------------------------------------------------------------------------- new arrays


@pytest.mark.parametrize(
    "like",
    [
        np.zeros((2, 3, 4)),
        np.zeros((2, 3), "f4", order="F"),
        np.zeros((2, 3, 4), RECORD).transpose(2, 0, 1),
        np.zeros((4, 6))[::2, ::-2],
        np.zeros((2, 0, 3)),
        np.float32(2),
        np.zeros((3, 1, 2), "M8[s]"),
    ],
    ids=lambda x: f"{x.shape} {x.dtype.str}",
)
def test_like_another_one(like):
    for other in (like, cuda.to_device(like)):
        made = cuda.device_array_like(other)
        assert (made.shape, made.dtype) == (like.shape, like.dtype)
        if like.size:
            assert made.strides == np.empty_like(like).strides


def test_new_arrays():
    assert cuda.device_array(3).dtype == np.float64
    assert cuda.device_array((2, 3), "i2").strides == (6, 2)
    assert cuda.device_array((2, 3), "i2", order="F").strides == (2, 4)
    assert cuda.device_array((), "i2").shape == ()
    spread = cuda.device_array((2, 3), "f4", strides=(32, 8))
    assert spread.strides == (32, 8)
    spread.copy_to_device(numbered((2, 3), "f4"))
    check_same(spread.copy_to_host(), numbered((2, 3), "f4"))


@pytest.mark.parametrize(
    ("shape", "more", "error", "says"),
    [
        (-1, {}, ValueError, "negative dimensions are not allowed"),
        (3, {"dtype": "O"}, TypeError, "the device has no Python objects"),
        (3, {"strides": (-8,)}, ValueError, "the strides of a new array are not negative"),
        ((2, 3), {"strides": (8,)}, ValueError, "1 strides are not those of 2 dimensions"),
        (3, {"order": "K"}, ValueError, r"order must be 'C' or 'F' \(got 'K'\)"),
    ],
)
def test_arrays_that_there_are_not(shape, more, error, says):
    with pytest.raises(error, match=says):
        cuda.device_array(shape, **more)


@pytest.mark.parametrize("shape", [1 << 50, 1 << 60, (1 << 40, 1 << 40)])
def test_more_memory_than_there_is(shape):
    with pytest.raises(KernelgenError, match=r"the device has no \d+ bytes of memory left"):
        cuda.device_array(shape)


# --------------------------------------------------------------------------------------- views


def test_views_share_the_memory():
    x = np.arange(24.0).reshape(4, 6)
    there = cuda.to_device(x)
    views = {
        "T": (there.T, x.T),
        "transpose": (there.transpose(1, 0), x.T),
        "reshape": (there.reshape(2, 12), x.reshape(2, 12)),
        "reshape by a tuple": (there.reshape((3, -1)), x.reshape(3, -1)),
        "reshape in order": (there.T.reshape(2, 12, order="F"), x.T.reshape(2, 12, order="F")),
        "ravel": (there.ravel(), x.ravel()),
        "view": (there.view("i8"), x.view("i8")),
        "view of halves": (there.view("i4"), x.view("i4")),
        "a view of a view": (there[1:].T[::2], x[1:].T[::2]),
    }
    for view, wanted in views.values():
        assert isinstance(view, cuda.DeviceArray)
        check_same(view.copy_to_host(), wanted)
    there[1:3].T.copy_to_device(np.full((6, 2), 9.0))
    x[1:3] = 9
    for view, wanted in views.values():
        check_same(view.copy_to_host(), wanted)


def test_views_that_would_be_copies():
    there = cuda.to_device(np.zeros((4, 6)))
    for make in (lambda: there.T.ravel(), lambda: there[:, :3].reshape(-1)):
        with pytest.raises(ValueError, match="Unable to avoid creating a copy"):
            make()
    with pytest.raises(ValueError, match="last axis must be contiguous"):
        there.T.view("i4")
    with pytest.raises(ValueError, match="cannot reshape array of size 24"):
        there.reshape(5, 5)


@pytest.mark.parametrize("index", [[0, 1], np.array([0]), True, (np.array([True]),)], ids=str)
def test_indices_that_make_copies(index):
    with pytest.raises(TypeError, match="is indexed by integers and slices: write a kernel"):
        cuda.to_device(np.zeros(3))[index]


def test_indices_that_there_are_not():
    there = cuda.to_device(np.zeros((3, 3)))
    for index, says in ((7, "index 7 is out of bounds"), ((0, 0, 0), "too many indices")):
        with pytest.raises(IndexError, match=says):
            there[index]


@given(st.data())
def test_any_basic_index_is_that_of_numpy(data):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    dtype = data.draw(st.sampled_from(["i1", "f4", "D", "m8[s]"]))
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=6))
    x = numbered(shape, dtype)
    check_same(cuda.to_device(x)[index].copy_to_host(), x[index][...])


# ------------------------------------------------------------------------- what it is to others


def test_the_interface_goes_round():
    class Other:
        def __init__(self, array, **more):
            self.__cuda_array_interface__ = {**array.__cuda_array_interface__, **more}
            self.array = array

    x = numbered((4, 6), "f4")
    there = cuda.to_device(x)
    interface = there.__cuda_array_interface__
    assert interface["version"] == 3
    assert interface["strides"] is None
    assert there.T.__cuda_array_interface__["strides"] == (4, 24)
    for view, wanted in ((there, x), (there.T, x.T), (there[::-1, 1::2], x[::-1, 1::2])):
        assert cuda.is_device_array(Other(view))
        taken = cuda.as_device(Other(view))
        assert taken.address == view.address
        check_same(taken.copy_to_host(), wanted)
    check_same(cuda.to_device(Other(there)).copy_to_host(), x)
    dates = cuda.to_device(np.arange(3).astype("M8[s]"))
    check_same(cuda.as_device(Other(dates)).copy_to_host(), np.arange(3).astype("M8[s]"))
    locked = cuda.as_device(Other(there, data=(there.address, True)))
    assert locked.__cuda_array_interface__["data"] == (there.address, True)
    with pytest.raises(ValueError, match="read-only"):
        locked.copy_to_device(x)
    assert cuda.as_device(there) is there
    with pytest.raises(TypeError, match=r"list is no array of a device: call cuda\.to_device\(\)"):
        cuda.as_device([1])
    assert not cuda.is_device_array(x)


def test_numpy_does_not_take_it():
    there, says = cuda.to_device(np.zeros(3)), r"is no array of the host: call copy_to_host\(\)"
    with pytest.raises(TypeError, match=says):
        np.asarray(there)
    with pytest.raises(TypeError, match=says):
        np.zeros(3)[...] = there
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.add(there, 1)
    with pytest.raises(TypeError):
        np.ones(3) + there


def test_what_python_asks():
    assert len(cuda.to_device(np.zeros((2, 3)))) == 2
    assert (
        repr(cuda.device_array((2, 3), "i1")) == "<array of the device, shape (2, 3), dtype int8>"
    )
    with pytest.raises(TypeError, match="unsized"):
        len(cuda.to_device(1))
    assert [row.shape for row in cuda.device_array((2, 3))] == [(3,), (3,)]


# ------------------------------------------------------------------------------ pinned, streams


@pytest.mark.parametrize("dtype", ["f4", "M8[s]", RECORD], ids=str)
@pytest.mark.parametrize("shape", [3, (2, 3), 0, ()], ids=str)
def test_pinned_memory(dtype, shape):
    made = cuda.pinned_array(shape, dtype)
    x = numbered(shape, dtype)
    made[...] = x
    there = cuda.to_device(made)
    made[...] = np.zeros((), dtype)
    check_same(there.copy_to_host(made), x)


def test_pinned_memory_is_known():
    made = cuda.pinned_array(10)
    address = made.ctypes.data
    assert arrays._is_pinned(address)
    assert arrays._is_pinned(made[3:].ctypes.data)
    part = made[3:]
    del made
    assert arrays._is_pinned(part.ctypes.data)
    del part
    gc.collect()
    assert not arrays._is_pinned(address)


def test_streams():
    @cuda.jit
    def add(x, k):
        x[cuda.grid(1)] += k

    first, second = cuda.stream(), cuda.stream()
    x, host = numbered(8, "i4"), np.zeros(8, "i4")
    there = cuda.to_device(x, stream=first)
    add[1, 8, first](there, 5)
    there.copy_to_host(host, stream=first)
    check_same(host, x + np.int32(5))
    done = cuda.event()
    add[1, 8, first](there, 2)
    done.record(first)
    done.wait(second)
    add[1, 8, second](there, 3)
    check_same(there.copy_to_host(stream=second), x + np.int32(10))
    check_same(there[::-1].copy_to_host(stream=second), (x + np.int32(10))[::-1])
    first.synchronize()
    cuda.synchronize()
    assert done.query()
    assert repr(first) == f"<stream {int(first)}>"
    assert int(first) == first.handle != second.handle


def test_events():
    stream, start, end = cuda.stream(), cuda.event(), cuda.event()
    start.record(stream)
    x = cuda.to_device(np.arange(100_000.0), stream=stream)
    x[::-1].copy_to_host(stream=stream)
    end.record(stream)
    end.synchronize()
    assert start.query()
    assert end.query()
    assert 0 < start.elapsed_time(end) < 60_000
    end.record()
    end.wait()
    end.wait(stream)
    cuda.synchronize()


def test_an_event_that_has_not_been(device):
    if device == "gpu":
        pytest.skip("the driver says so in its words")
    with pytest.raises(KernelgenError, match="an event has not been recorded"):
        cuda.event().elapsed_time(cuda.event())


def test_streams_of_other_libraries():
    class Other:
        ptr = 0

    class Torch:
        cuda_stream = 0

    for stream in (None, 0, Other(), Torch(), cuda.stream()):
        there = cuda.to_device(np.arange(3), stream=stream)
        assert there.copy_to_host(stream=stream).tolist() == [0, 1, 2]


# -------------------------------------------------------------------------------------- memory


@pytest.fixture
def allocations(device):
    """How many pieces of memory the emulator has given out that have not come back."""
    if device == "gpu":
        pytest.skip("it is the emulator that is asked")
    gc.collect()
    driver = devices.current()
    before = len(driver._blocks)
    return lambda: len(driver._blocks) - before


def test_memory_is_given_back(allocations):
    there = cuda.to_device(np.zeros((4, 5)))
    other = cuda.device_array_like(there)
    assert allocations() == 2
    view = there.T[1:, ::2]
    del there, other
    assert allocations() == 1
    check_same(view.copy_to_host(), np.zeros((4, 2)))
    assert allocations() == 1
    del view
    assert allocations() == 0


def test_launches_give_back_what_they_took(allocations):
    @cuda.jit
    def fail(x):
        if cuda.grid(1) == 3:
            raise ValueError(x[0])

    there = cuda.to_device(np.zeros(4))
    for block in (2, 4):
        try:
            fail[1, block](there)
        except ValueError:
            pass
    gc.collect()
    assert allocations() == 1


def test_other_libraries_keep_memory(allocations):
    class Other:
        def __init__(self, array):
            self.__cuda_array_interface__ = array.__cuda_array_interface__
            self.array = array

    taken = cuda.as_device(Other(cuda.to_device(np.arange(3))))
    gc.collect()
    assert allocations() == 1
    assert taken.copy_to_host().tolist() == [0, 1, 2]
    del taken
    gc.collect()
    assert allocations() == 0


def test_pinned_memory_is_given_back(allocations):
    made = cuda.pinned_array(5)
    part = made[1:]
    del made
    assert allocations() == 1
    del part
    assert allocations() == 0
