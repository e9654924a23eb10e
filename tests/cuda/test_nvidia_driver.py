"""Behind the interface of a device, NVIDIA's driver is asked for the right things, in order."""

from __future__ import annotations

import ast
import ctypes
import gc
import inspect
import struct
import sys
import threading
from types import ModuleType

import numpy as np
import pytest
from fake_driver import ENUMS, FUNCTIONS, CUresult, FakeDriver

from kernelgen import KernelgenError, cuda
from kernelgen.runtime import device, nvidia

pytestmark = pytest.mark.any_python

MEBI = 1 << 20


@pytest.fixture
def fake(monkeypatch):
    package = ModuleType("cuda.bindings")
    package.driver = FakeDriver()
    monkeypatch.setitem(sys.modules, "cuda.bindings", package)
    return package.driver


@pytest.fixture
def driver(fake):
    made = nvidia.NvidiaDriver()
    with device.using(made):
        yield made
        gc.collect()
        fake.run()


def numbers(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=count)


def doubling(fake: FakeDriver):
    """What the kernel ``double`` does to memory."""

    def run(launch):
        address, length = struct.unpack("<QQ", b"".join(launch.parameters[:2]))
        fake.memory(address, 8 * length).view(np.float64)[:] *= 2

    return run


@cuda.jit
def double(x):
    i = cuda.grid(1)
    if i < len(x):
        x[i] *= 2


# ------------------------------------------------------------------------ the device itself


def test_what_the_device_is(driver):
    assert driver.properties == device.Properties(
        name="Fake 3000",
        architecture="sm_86",
        multiprocessors=16,
        block_threads=1024,
        block_shape=(1024, 1024, 64),
        grid_shape=((1 << 31) - 1, 65535, 65535),
        shared_bytes=99 << 10,
        memory_bytes=1 << 30,
    )


@pytest.mark.parametrize(
    "capability, architecture",
    [
        ((7, 5), "sm_75"),
        ((8, 0), "sm_80"),
        ((8, 7), "sm_86"),
        ((9, 0), "sm_90"),
        ((10, 3), "sm_100"),
        ((12, 1), "sm_120"),
        ((13, 0), "sm_120"),
    ],
)
def test_code_is_made_for_the_newest_architecture_that_the_device_runs(
    fake, capability, architecture
):
    fake.capability = capability
    assert nvidia.NvidiaDriver().properties.architecture == architecture


def test_an_old_device(fake):
    fake.capability = (6, 1)
    with pytest.raises(
        KernelgenError, match="^Fake 3000 has the architecture sm_61, which is older than sm_75\n"
    ):
        nvidia.NvidiaDriver()


def test_no_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(KernelgenError) as caught:
        nvidia.NvidiaDriver()
    assert caught.value.message == "NVIDIA's Python packages are not installed"
    assert "pip install 'kernelgen[cuda]'" in caught.value.hint


def test_no_library(fake):
    fake.missing.add("cuInit")
    with pytest.raises(KernelgenError, match="^NVIDIA's driver is not on this machine\n"):
        nvidia.NvidiaDriver()


@pytest.mark.parametrize("said_by", ["cuInit", "cuDeviceGetCount"])
def test_no_device(fake, said_by, monkeypatch):
    fake.devices = 0
    if said_by == "cuDeviceGetCount":
        monkeypatch.setattr(fake, "_cuInit", lambda flags: (CUresult.CUDA_SUCCESS,))
    with pytest.raises(KernelgenError, match="^there is no CUDA device\n"):
        nvidia.NvidiaDriver()


def test_a_driver_that_does_not_fit(fake):
    fake.failing["cuInit"] = CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
    with pytest.raises(KernelgenError) as caught:
        nvidia.NvidiaDriver()
    assert caught.value.message == (
        "the device cannot be initialised: system driver mismatch "
        "(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)"
    )


def test_a_driver_that_lacks_a_function(fake, driver):
    fake.missing.add("cuStreamCreate")
    with pytest.raises(
        KernelgenError, match="^NVIDIA's driver is too old for NVIDIA's Python pack"
    ):
        cuda.stream()


def test_a_code_that_the_package_does_not_know(fake, driver, monkeypatch):
    monkeypatch.setattr(fake, "_cuStreamCreate", lambda flags: (CUresult(9999),))
    with pytest.raises(KernelgenError, match="^the device cannot create a stream: 9999 is not a"):
        cuda.stream()


@pytest.mark.parametrize("set_before, expected", [(0, (1 << 64) - 1), (5, 5)])
def test_the_pool_keeps_memory_unless_somebody_has_said_how_much(fake, set_before, expected):
    fake.threshold = set_before
    nvidia.NvidiaDriver()
    assert fake.threshold == expected


def test_each_thread_is_given_the_context(driver):
    found = []
    thread = threading.Thread(target=lambda: found.append(driver.allocate(8)))
    thread.start()
    thread.join()
    driver.free(found[0])


# ---------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("pools", [True, False])
@pytest.mark.parametrize("count", [0, 1, 1000, MEBI // 8, 3 * MEBI // 8 + 5])
def test_arrays_go_there_and_back(fake, pools, count):
    fake.pools = pools
    x = numbers(count)
    with device.using(nvidia.NvidiaDriver()):
        there = cuda.to_device(x)
        x, expected = np.zeros_like(x), x.copy()
        np.testing.assert_array_equal(there.copy_to_host(), expected)
        back = np.empty_like(x)
        assert there.copy_to_host(back) is back
        np.testing.assert_array_equal(back, expected)
        del there
        fake.run()
    assert not fake.blocks and not fake.pinned and not fake.events


def test_large_copies_go_by_way_of_pinned_memory(fake, driver):
    large, small = numbers(MEBI), numbers(10)
    cuda.to_device(small)
    assert "cuMemAllocHost" not in fake.calls
    cuda.to_device(large)
    assert fake.calls.count("cuMemAllocHost") == 2
    assert fake.calls.count("cuMemcpyAsync") == 1 + 8


def test_pinned_arrays_are_copied_as_they_are(fake, driver):
    x = cuda.pinned_array(MEBI, np.float64)
    x[:] = numbers(MEBI)
    assert x.ctypes.data in fake.pinned
    there = cuda.to_device(x)
    back = cuda.pinned_array(MEBI)
    there.copy_to_host(back)
    np.testing.assert_array_equal(back, x)
    assert fake.calls.count("cuMemcpyAsync") == 2
    del x, back
    assert not fake.pinned


def test_arrays_of_the_host_are_pinned_for_a_while(fake, driver):
    x, back = numbers(MEBI), np.empty(MEBI)
    with cuda.pinned(x, back):
        assert fake.registered == {a.ctypes.data: a.nbytes for a in (x, back)}
        cuda.to_device(x).copy_to_host(back)
    assert not fake.registered
    assert fake.calls.count("cuMemcpyAsync") == 2
    np.testing.assert_array_equal(back, x)


def test_copies_within_the_device_do_not_pass_the_host(fake, driver):
    x = numbers(MEBI)
    a = cuda.to_device(x)
    b = cuda.device_array_like(a)
    before = fake.calls.count("cuMemcpyAsync")
    b.copy_to_device(a)
    assert fake.calls.count("cuMemcpyAsync") == before + 1
    np.testing.assert_array_equal(b.copy_to_host(), x)


def test_too_little_memory(fake, driver):
    with pytest.raises(MemoryError, match=r"^the device cannot allocate 2147483648 bytes: out of"):
        driver.allocate(1 << 31)
    with pytest.raises(KernelgenError, match="^the device has no 2147483648 bytes of memory left"):
        cuda.device_array(1 << 31, np.uint8)
    fake.failing["cuMemAllocHost"] = CUresult.CUDA_ERROR_OUT_OF_MEMORY
    with pytest.raises(MemoryError, match="^the device cannot pin 80 bytes of the host: out of"):
        cuda.pinned_array(10)


def test_bytes_are_set(fake, driver):
    address = driver.allocate(5)
    driver.fill(address, 7, 3, 0)
    driver.fill(address, 9, 0, 0)
    fake.run()
    assert fake.memory(address, 5).tolist() == [7, 7, 7, 0xA5, 0xA5]
    driver.free(address)


# ----------------------------------------------------------------------- streams and events


def test_streams_wait_for_the_default_one(fake, driver):
    stream = cuda.stream()
    assert fake.streams == {stream.handle: 0}
    x = numbers(10)
    there = cuda.to_device(x, stream=stream)
    np.testing.assert_array_equal(there.copy_to_host(stream=stream), x)
    assert "cuEventRecord" not in fake.calls
    del stream
    assert not fake.streams


def test_streams_of_others_are_put_in_order_with_the_memory(fake, driver):
    fake.streams[0x5000] = 1
    fake.calls.clear()
    driver.copy(driver.allocate(8), driver.allocate_pinned(8), 8, 0x5000)
    others = [c for c in fake.calls if c not in ("cuCtxSetCurrent", "cuStreamGetFlags")]
    order = ["cuEventCreate", "cuEventRecord", "cuStreamWaitEvent", "cuEventDestroy"]
    assert others == ["cuMemAllocAsync", "cuMemAllocHost", *order, "cuMemcpyAsync", *order]
    assert not fake.events
    fake.run()


def test_streams_of_others_need_no_order_without_a_pool(fake):
    fake.pools = False
    driver = nvidia.NvidiaDriver()
    fake.streams[0x5000] = 1
    driver.fill(driver.allocate(8), 0, 8, 0x5000)
    assert "cuEventCreate" not in fake.calls


def test_events(fake, driver):
    start, end = cuda.event(), cuda.event()
    start.record()
    there = cuda.device_array(3)
    driver.fill(there.address, 0, 24, 0)
    driver.fill(there.address, 1, 24, 0)
    end.record()
    assert start.query() and not end.query()
    with pytest.raises(KernelgenError, match="^an event has not been yet"):
        start.elapsed_time(end)
    end.wait(cuda.stream())
    end.synchronize()
    assert end.query()
    assert start.elapsed_time(end) == 2.0
    with pytest.raises(KernelgenError, match="^the device cannot tell the time between two events"):
        start.elapsed_time(cuda.event())
    fake.failing["cuEventQuery"] = CUresult.CUDA_ERROR_INVALID_HANDLE
    with pytest.raises(KernelgenError, match="^the device cannot tell of an event: invalid handle"):
        start.query()
    del start, end
    assert not fake.events


# --------------------------------------------------------------------------------- kernels


def test_a_kernel_is_launched_with_its_arguments(fake, driver):
    fake.on_launch = doubling(fake)
    x = numbers(100)
    there = cuda.to_device(x)
    stream = cuda.stream()
    double[(4, 2), 32, stream, 1000](there)
    np.testing.assert_array_equal(there.copy_to_host(stream=stream), 2 * x)
    (launch,) = fake.launches
    assert launch[:4] == ((4, 2, 1), (32, 1, 1), 1000, stream.handle)
    assert struct.unpack("<QQq", b"".join(launch.parameters[:3])) == (there.address, 100, 8)


def test_the_driver_chooses_a_block(fake, driver):
    double.forall(1000)(cuda.to_device(numbers(1000)))
    assert fake.launches[0][:2] == ((2, 1, 1), (768, 1, 1))


def test_an_exception_is_raised_when_the_stream_is_waited_for(fake, driver):
    @cuda.jit
    def refuse(x):
        if x[0] < 0:
            raise ValueError("less than nothing")

    def run(launch):
        (errors,) = struct.unpack("<Q", launch.parameters[-1])
        fake.memory(errors, 4)[:] = [1, 0, 0, 0]

    fake.on_launch = run
    refuse[1, 1](cuda.to_device(numbers(1)))
    with pytest.raises(ValueError, match="^less than nothing$"):
        cuda.synchronize()
    cuda.synchronize()


def test_modules_are_unloaded_when_their_kernels_are_gone(fake, driver):
    @cuda.jit
    def clear(x):
        x[cuda.grid(1)] = 0

    clear[1, 1](cuda.to_device(numbers(1)))
    cuda.synchronize()
    assert len(fake.modules) == 1
    fake.calls.clear()
    del clear
    gc.collect()
    assert not fake.modules
    unloading = fake.calls.index("cuModuleUnload")
    assert "cuCtxSynchronize" in fake.calls[:unloading]


def test_much_shared_memory_is_asked_for(fake, driver):
    fake.static_shared = 4 << 10
    there = cuda.to_device(numbers(1))

    @cuda.jit
    def copy(x):
        shared = cuda.shared.array(0, np.float64)
        shared[0] = x[0]

    copy[1, 1, None, 44 << 10](there)
    assert "cuFuncSetAttribute" not in fake.calls
    copy[1, 1, None, 60 << 10](there)
    copy[1, 1, None, 95 << 10](there)
    assert fake.calls.count("cuFuncSetAttribute") == 1
    with pytest.raises(KernelgenError) as caught:
        copy[1, 1, None, 96 << 10](there)
    assert caught.value.message == (
        "a block needs 102400 bytes of shared memory, and has at most 101376"
    )
    cuda.synchronize()


def test_what_the_drivers_compiler_says(fake, driver):
    fake.log = b"ptxas error   : Entry function uses too much shared data\n"

    @cuda.jit
    def clear(x):
        x[0] = 0

    with pytest.raises(KernelgenError) as caught:
        clear[1, 1](cuda.to_device(numbers(1)))
    assert caught.value.message == (
        "the device cannot load a kernel: ptxas error : Entry function uses too much shared data "
        "(CUDA_ERROR_INVALID_PTX)"
    )


def test_ptx_that_is_too_new(fake, driver):
    fake.failing["cuModuleLoadDataEx"] = CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION

    @cuda.jit
    def clear(x):
        x[0] = 0

    with pytest.raises(KernelgenError, match="^NVIDIA's driver is too old for this device's code"):
        clear[1, 1](cuda.to_device(numbers(1)))


@pytest.mark.parametrize(
    "code, message",
    [
        ("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "a block of the kernel needs more registers than"),
        ("CUDA_ERROR_INVALID_VALUE", "the device cannot launch a kernel: invalid value"),
        ("CUDA_ERROR_NOT_INITIALIZED", "a process that has used the device was forked"),
    ],
)
def test_a_launch_that_fails(fake, driver, code, message):
    fake.failing["cuLaunchKernel"] = CUresult[code]
    with pytest.raises(KernelgenError) as caught:
        double[1, 1](cuda.to_device(numbers(1)))
    assert caught.value.message.startswith(message)
    assert f"({code})" in caught.value.message


@pytest.mark.parametrize(
    "code, message, hint",
    [
        ("CUDA_ERROR_ILLEGAL_ADDRESS", "a kernel has accessed memory that is not", "boundscheck"),
        ("CUDA_ERROR_LAUNCH_FAILED", "a kernel has accessed memory that is not", "emulator"),
        ("CUDA_ERROR_LAUNCH_TIMEOUT", "a kernel has run for longer than the system", "less"),
    ],
)
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_kernel_that_fails(fake, driver, code, message, hint):
    """All that comes behind it fails as well, but nothing that is given back says so."""
    fake.broken_by_kernels = CUresult[code]
    there, stream, event = cuda.to_device(numbers(1)), cuda.stream(), cuda.event()
    double[1, 1](there)
    for wait in (cuda.synchronize, stream.synchronize, there.copy_to_host):
        with pytest.raises(KernelgenError) as caught:
            wait()
        assert caught.value.message.startswith(message)
        assert hint in caught.value.hint
    del there, stream, event
    gc.collect()


# ------------------------------------------------------------------------- the real package


def names_used() -> set[str]:
    """The names of NVIDIA's that the driver uses."""
    tree = ast.parse(inspect.getsource(nvidia))
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {n for n in found if n.startswith(("cu", "CU"))} | set(nvidia._SENTENCES)


def test_the_fake_has_all_that_is_used():
    members = {member.name for enum in ENUMS for member in enum}
    assert names_used() <= members | {e.__name__ for e in ENUMS} | set(FUNCTIONS) | {"cuuint64_t"}


def test_the_real_package_has_all_that_the_fake_has():
    real = pytest.importorskip("cuda.bindings.driver")
    for enum in ENUMS:
        theirs = getattr(real, enum.__name__)
        assert {m.name: int(m) for m in enum} == {
            m.name: int(getattr(theirs, m.name)) for m in enum
        }
    assert [name for name in [*FUNCTIONS, "cuuint64_t"] if not hasattr(real, name)] == []


def test_a_machine_without_a_driver(monkeypatch):
    pytest.importorskip("cuda.bindings.driver")
    try:
        ctypes.CDLL("libcuda.so.1" if sys.platform != "win32" else "nvcuda.dll")
    except OSError:
        pass
    else:
        pytest.skip("NVIDIA's driver is on this machine")
    monkeypatch.setenv("KERNELGEN_CUDA", "device")
    for _ in range(2):
        assert not cuda.is_available()
        with pytest.raises(KernelgenError, match="^NVIDIA's driver is not on this machine\n"):
            cuda.properties()
