"""The emulator that looks for races and for barriers that not all threads come to.

Of each report both lines are checked. What is reported there, the other emulator runs to its end.
"""

from __future__ import annotations

import linecache
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from kernelgen import KernelgenError, cuda

pytestmark = pytest.mark.any_python

THREADS = 64
FULL = 0xFFFFFFFF


def run(kernel, *, checked, block=THREADS, grid=1):
    with cuda.emulator(checked=checked):
        out = cuda.to_device(np.zeros(THREADS))
        kernel[grid, block](out)
        return out.copy_to_host()


def runs(kernel, **launch):
    """Nothing is reported."""
    return run(kernel, checked=True, **launch)


def report(kernel, **launch):
    """The message that the checking emulator gives, the line it is about, the other line."""
    run(kernel, checked=False, **launch)
    with pytest.raises(KernelgenError) as caught:
        run(kernel, checked=True, **launch)
    error = caught.value
    assert error.loc.filename == __file__
    other = re.search(r"in line (\d+)", error.message)
    lines = [error.loc.line, *([] if other is None else [int(other[1])])]
    return (error.message, *(linecache.getline(__file__, n).strip() for n in lines))


# -------------------------------------------------------------------------------------- races


def test_two_write_the_same():
    @cuda.jit
    def kernel(out):
        s = cuda.shared.array(1, "f4")
        s[0] = cuda.threadIdx.x
        out[cuda.threadIdx.x] = 1

    message, now, then = report(kernel)
    assert message.startswith("a race on shared memory in block (0, 0, 0): thread (1, 0, 0) writes")
    assert "what thread (0, 0, 0) writes in line" in message
    assert message.endswith("without a barrier between")
    assert now == then == "s[0] = cuda.threadIdx.x"


def test_one_reads_what_another_writes():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "f4")
        s[i] = i
        out[i] = s[(i + THREADS - 1) % THREADS]

    message, now, then = report(kernel)
    assert "reads what thread (0, 0, 0) writes" in message
    assert now == "out[i] = s[(i + THREADS - 1) % THREADS]"
    assert then == "s[i] = i"


def test_one_writes_what_another_reads():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "f4")
        s[i] = i
        cuda.syncthreads()
        out[i] = s[(i + 1) % THREADS]
        s[i] = 0

    message, now, then = report(kernel)
    assert "writes what thread (0, 0, 0) reads" in message
    assert now == "s[i] = 0"
    assert then == "out[i] = s[(i + 1) % THREADS]"


def test_the_second_of_two_readers_is_known():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(1, "f4")
        if i < 2:
            out[i] = s[0]
        if i == 0:
            cuda.syncwarp(1)
        cuda.syncwarp()
        if i == 40:
            s[0] = 1

    message, now, then = report(kernel)
    assert "thread (40, 0, 0) writes what thread (0, 0, 0) reads" in message
    assert now == "s[0] = 1"
    assert then == "out[i] = s[0]"


def test_an_atomic_and_a_plain_access():
    @cuda.jit
    def reads(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(1, "f4")
        cuda.atomic.add(s, 0, 1)
        out[i] = s[0]

    message, now, then = report(reads)
    assert "thread (1, 0, 0) changes what thread (0, 0, 0) reads" in message
    assert now == "cuda.atomic.add(s, 0, 1)"
    assert then == "out[i] = s[0]"

    @cuda.jit
    def clears(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(1, "f4")
        if i == 0:
            s[0] = 0
        cuda.atomic.add(s, 0, 1)
        out[i] = 1

    message, now, then = report(clears)
    assert "thread (1, 0, 0) changes what thread (0, 0, 0) writes" in message
    assert now == "cuda.atomic.add(s, 0, 1)"
    assert then == "s[0] = 0"

    @cuda.jit
    def reads_last(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(1, "f4")
        cuda.atomic.cas(s, 0, 0, 1)
        if i == THREADS - 1:
            out[i] = s[0]

    message, now, then = report(reads_last)
    assert "thread (63, 0, 0) reads what thread (0, 0, 0) changes" in message
    assert now == "out[i] = s[0]"
    assert then == "cuda.atomic.cas(s, 0, 0, 1)"


def test_a_part_of_an_element():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(1, "f8")
        halves = s.view("i4")
        if i == 0:
            s[0] = 1
        if i == 1:
            halves[1] = 1

    message, now, then = report(kernel)
    assert "writes what thread (0, 0, 0) writes" in message
    assert now == "halves[1] = 1"
    assert then == "s[0] = 1"


def test_a_helper_has_its_own_line():
    def store(s, value):
        s[0] = value

    @cuda.jit
    def kernel(out):
        s = cuda.shared.array(1, "f4")
        store(s, cuda.threadIdx.x)

    _, now, then = report(kernel)
    assert now == then == "s[0] = value"


def test_dynamic_memory():
    @cuda.jit
    def kernel(out):
        s = cuda.shared.array(0, "f4")
        s[0] = cuda.threadIdx.x

    with cuda.emulator(checked=True), pytest.raises(KernelgenError, match="a race on shared"):
        kernel[1, 32, None, 16](cuda.to_device(np.zeros(1)))


def test_places_in_a_grid_of_three_dimensions():
    @cuda.jit
    def kernel(out):
        s = cuda.shared.array(1, "f4")
        if cuda.blockIdx.z == 1 and cuda.blockIdx.y == 2:
            if cuda.threadIdx.z == 1 or cuda.threadIdx.y == 1:
                s[0] = 1

    message, *_ = report(kernel, grid=(1, 3, 2), block=(1, 2, 2))
    assert "in block (0, 2, 1): thread (0, 0, 1) writes what thread (0, 1, 0) writes" in message


def test_a_barrier_between():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "f4")
        for k in range(3):
            s[i] = i + k
            cuda.syncthreads()
            out[i] = s[THREADS - 1 - i]
            cuda.syncthreads()

    assert runs(kernel).tolist() == [THREADS + 1 - i for i in range(THREADS)]


def test_a_barrier_of_the_warp_between():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "f4")
        s[i] = i
        cuda.syncwarp()
        out[i] = s[i ^ 1]

    assert runs(kernel).tolist() == [i ^ 1 for i in range(THREADS)]


def test_votes_and_shuffles_do_not_say_that_memory_is_written():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "f4")
        s[i] = i
        if cuda.any_sync(FULL, i == 1):
            out[i] = s[i ^ cuda.shfl_sync(FULL, 1, 0)]

    message, now, then = report(kernel)
    assert "thread (0, 0, 0) reads what thread (1, 0, 0) writes" in message
    assert now == "out[i] = s[i ^ cuda.shfl_sync(FULL, 1, 0)]"
    assert then == "s[i] = i"


def test_a_barrier_of_another_warp_does_not_help():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "f4")
        s[i] = i
        cuda.syncwarp()
        out[i] = s[i ^ 32]

    message, now, _ = report(kernel)
    assert "thread (0, 0, 0) reads what thread (32, 0, 0) writes" in message
    assert now == "out[i] = s[i ^ 32]"


def test_a_barrier_of_some_of_the_warp():
    """Those that have waited for each other are ordered, whatever else each of them has waited for."""

    @cuda.jit
    def helps(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "f4")
        if i < 16:
            cuda.syncwarp(0xFFFF)
        s[i] = i
        cuda.syncwarp()
        out[i] = s[i ^ 16]

    assert runs(helps, block=32)[:32].tolist() == [i ^ 16 for i in range(32)]

    @cuda.jit
    def does_not(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "f4")
        s[i] = i
        if i < 16:
            cuda.syncwarp(0xFFFF)
            out[i] = s[i + 16]

    message, now, then = report(does_not, block=32)
    assert "thread (0, 0, 0) reads what thread (16, 0, 0) writes" in message
    assert now == "out[i] = s[i + 16]"
    assert then == "s[i] = i"

    @cuda.jit
    def is_handed_on(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(1, "f4")
        if i == 0:
            s[0] = 5
        if i < 16:
            cuda.syncwarp(0xFFFF)
        if i == 15 or i == 16:
            cuda.syncwarp(0x18000)
        if i == 16:
            out[i] = s[0]

    assert runs(is_handed_on, block=32)[16] == 5


def test_atomics_among_themselves():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(1, "i4")
        if i == 0:
            s[0] = 0
        cuda.syncthreads()
        cuda.atomic.add(s, 0, 1)
        cuda.atomic.max(s, 0, 1)
        cuda.syncthreads()
        out[i] = s[0]

    assert runs(kernel).tolist() == [THREADS] * THREADS


def test_reads_among_themselves():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(1, "i4")
        if i == 3:
            s[0] = 7
        cuda.syncthreads()
        out[i] = s[0]

    assert runs(kernel).tolist() == [7] * THREADS


def test_blocks_have_memory_of_their_own():
    @cuda.jit
    def kernel(out):
        s = cuda.shared.array(1, "i4")
        if cuda.threadIdx.x == 0:
            s[0] = cuda.blockIdx.x
            out[cuda.blockIdx.x] = s[0]

    assert runs(kernel, grid=50)[:50].tolist() == list(range(50))


def test_threads_that_wait_for_nobody():
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        s = cuda.shared.array(THREADS, "i4")
        s[i] = i
        out[i] = s[i]

    assert runs(kernel).tolist() == list(range(THREADS))


# ----------------------------------------------------------------------------------- barriers


def test_two_barriers():
    @cuda.jit
    def kernel(out):
        if cuda.threadIdx.x < 10:
            out[0] = 1
            cuda.syncthreads()
        else:
            out[1] = 1
            cuda.syncthreads()  # the other one
        out[2] = 1

    message, now, then = report(kernel)
    assert message.startswith("threads wait at different barriers in block (0, 0, 0): some here")
    assert {now, then} == {"cuda.syncthreads()", "cuda.syncthreads()  # the other one"}


def test_a_barrier_that_some_threads_do_not_come_to():
    @cuda.jit
    def kernel(out):
        if cuda.threadIdx.x < 10:
            cuda.syncthreads()
        out[cuda.threadIdx.x] = 1

    message, now = report(kernel)
    assert message == "some threads wait at a barrier in block (0, 0, 0), and others have ended"
    assert now == "cuda.syncthreads()"
    assert run(kernel, checked=False).tolist() == [1] * THREADS


def test_a_loop_that_threads_go_through_differently_often():
    @cuda.jit
    def kernel(out):
        for _ in range(1 + cuda.threadIdx.x % 2):
            cuda.syncthreads()
        out[cuda.threadIdx.x] = 1

    message, now = report(kernel)
    assert message == "some threads wait at a barrier in block (0, 0, 0), and others have ended"
    assert now == "cuda.syncthreads()"


def test_the_same_barrier_by_different_calls():
    def wait():
        cuda.syncthreads()

    @cuda.jit
    def kernel(out):
        if cuda.threadIdx.x < 10:
            wait()
        else:
            out[0] = 1
            wait()

    message, now, then = report(kernel)
    assert message.startswith("threads wait at different barriers")
    assert now == then == "cuda.syncthreads()"


@pytest.mark.parametrize("checked", [False, True])
def test_threads_that_wait_forever_at_a_barrier_of_the_warp(checked):
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        if i < 3:
            cuda.syncwarp(3 if i == 0 else 7)
        out[i] = 1

    with pytest.raises(KernelgenError, match="not all in the mask have come here") as caught:
        run(kernel, checked=checked)
    assert str(caught.value).startswith("threads wait forever in block (0, 0, 0)")
    line = linecache.getline(__file__, caught.value.loc.line)
    assert line.strip() == "cuda.syncwarp(3 if i == 0 else 7)"


@pytest.mark.parametrize("checked", [False, True])
def test_nobody_waits_for_threads_that_have_ended(checked):
    @cuda.jit
    def kernel(out):
        i = cuda.threadIdx.x
        if i % 2:
            cuda.syncwarp()
            out[i] = cuda.ballot_sync(FULL, i > 2) + cuda.all_sync(FULL, True)

    found = run(kernel, checked=checked)
    odd = sum(1 << lane for lane in range(1, 32, 2))
    assert found[1::2].tolist() == [odd - 1] * 16 + [odd + 1] * 16


@pytest.mark.parametrize("checked", [False, True])
def test_a_mask_without_the_own_lane(checked):
    @cuda.jit
    def kernel(out):
        out[cuda.threadIdx.x] = cuda.shfl_sync(1, 5, 0)

    with pytest.raises(KernelgenError, match="not all in the mask have come here"):
        run(kernel, checked=checked)


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("other", [cuda.syncthreads, lambda: cuda.any_sync(FULL, True)])
def test_a_barrier_of_the_warp_and_another_call(other, checked):
    @cuda.jit
    def kernel(out):
        if cuda.threadIdx.x % 2:
            cuda.syncwarp()
        else:
            other()

    with pytest.raises(KernelgenError, match="threads wait forever"):
        run(kernel, checked=checked)


def test_an_exception_comes_before_what_it_leads_to():
    @cuda.jit
    def kernel(out):
        if cuda.threadIdx.x == 5:
            raise ValueError("five")
        cuda.syncthreads()
        out[cuda.threadIdx.x] = 1

    for checked in (False, True):
        with pytest.raises(ValueError, match="five"):
            run(kernel, checked=checked)


WITHOUT_MEMORY = """
import resource
from pathlib import Path
import numpy as np
from kernelgen import KernelgenError, cuda, set_num_threads

@cuda.jit
def turned(x):
    own = cuda.local.array(60_000, "f8")
    i = cuda.threadIdx.x
    own[i] = x[i]
    cuda.syncthreads()
    x[i] = own[int(x[i])]

set_num_threads(1)
x = cuda.to_device(np.arange(1000.0))
turned[1, 1](x)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 28), resource.RLIM_INFINITY))
for _ in range(3):
    try:
        turned[4, 1000](x)
        cuda.synchronize()
    except KernelgenError as error:
        print(error)
    turned[1, 9](x)
print(np.array_equal(x.copy_to_host(), np.arange(1000.0)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
def test_threads_that_there_is_no_memory_for():
    command = [sys.executable, "-W", "error", "-c", WITHOUT_MEMORY]
    environment = os.environ | {"KERNELGEN_CUDA": "emulator"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.stderr == ""
    says = "the emulator has no memory left for a block"
    assert run.stdout.splitlines() == [says, says, says, "True"]
