"""The pool of threads by itself: native functions that are run in chunks."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from many_threads import in_threads

import kernelgen
from kernelgen.errors import KernelgenError
from kernelgen.runtime import cpus, engine, pool, trampolines

CHUNKS = """
@work = internal global i64 0
@factory = external global i8
declare void @kernelgen_raise(ptr)
declare i32 @kernelgen_launch(ptr, ptr, ptr, i64)

; Add one to the number of each chunk.
define i32 @count(ptr %counts, i64 %chunk) {
  %at = getelementptr i64, ptr %counts, i64 %chunk
  %old = atomicrmw add ptr %at, i64 1 monotonic
  ret i32 0
}

; Raise in chunk 37, and count the others.
define i32 @fail(ptr %counts, i64 %chunk) {
  %bad = icmp eq i64 %chunk, 37
  br i1 %bad, label %raise, label %good
raise:
  call void @kernelgen_raise(ptr @factory)
  ret i32 -1
good:
  %old = atomicrmw add ptr %counts, i64 1 monotonic
  ret i32 0
}

; Some milliseconds of work.
define i32 @slow(ptr %counts, i64 %chunk) {
entry:
  br label %each
each:
  %k = phi i64 [ 0, %entry ], [ %k.next, %each ]
  %w = load volatile i64, ptr @work
  %k.next = add i64 %k, 1
  %end = icmp eq i64 %k.next, 10000000
  br i1 %end, label %done, label %each
done:
  %old = atomicrmw add ptr %counts, i64 1 monotonic
  ret i32 0
}

; The same with some milliseconds of work in a chunk.
define i32 @fail_slowly(ptr %counts, i64 %chunk) {
  %bad = icmp eq i64 %chunk, 37
  br i1 %bad, label %raise, label %good
raise:
  call void @kernelgen_raise(ptr @factory)
  ret i32 -1
good:
  %status = call i32 @slow(ptr %counts, i64 %chunk)
  ret i32 %status
}

; Launch from within a launch: the counts, then the pool.
define i32 @nested(ptr %counts, i64 %chunk) {
  %pool.at = getelementptr i64, ptr %counts, i64 100
  %pool = load ptr, ptr %pool.at
  %status = call i32 @kernelgen_launch(ptr %pool, ptr @count, ptr %counts, i64 100)
  ret i32 %status
}
"""


def failure() -> ValueError:
    return ValueError("chunk 37")


class Chunks:
    """The native functions, launched from Python."""

    def __init__(self):
        names = ["count", "fail", "slow", "fail_slowly", "nested"]
        launcher = pool.launcher()
        launch, self.pool = launcher.launch, launcher.pool
        symbols = {**trampolines.addresses().for_loops, "factory": id(failure)}
        symbols["kernelgen_launch"] = launch
        self.library = engine.link(engine.compile_module(CHUNKS).object_code, names, symbols)
        pointer = ctypes.c_void_p
        of_launch = ctypes.PYFUNCTYPE(ctypes.c_int, pointer, pointer, pointer, ctypes.c_int64)
        self._launch = of_launch(launch)

    def __call__(self, name, counts, chunks):
        return self._launch(self.pool, self.library.address(name), ctypes.addressof(counts), chunks)


@pytest.fixture(scope="module")
def chunks():
    return Chunks()


def counts(n=100):
    return (ctypes.c_int64 * n)()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 100, 10_000])
def test_each_chunk_is_run_once(chunks, n):
    counted = counts(n)
    for _ in range(20):
        assert chunks("count", counted, n) == 0
    assert list(counted) == [20] * n


def test_workers_take_part(chunks):
    counted = counts(1)
    chunks("slow", counted, 8)
    assert counted[0] == 8
    assert kernelgen.threading_info().workers >= 3
    assert [t for t in threading.enumerate() if t.name.startswith("kernelgen-")]


def test_an_exception_stops_the_rest_and_reaches_the_caller(chunks):
    for _ in range(50):
        with pytest.raises(ValueError, match="chunk 37"):
            chunks("fail", counts(1), 1000)
        assert chunks("count", counts(100), 100) == 0


def test_what_is_not_begun_by_then_is_not_run(chunks):
    counted = counts(1)
    with pytest.raises(ValueError, match="chunk 37"):
        chunks("fail_slowly", counted, 1_000_000)  # an hour
    assert counted[0] < 1_000_000 - 1


def test_launches_within_launches_end(chunks):
    counted = counts(101)
    counted[100] = chunks.pool
    workers = kernelgen.threading_info().workers
    assert chunks("nested", counted, 50) == 0
    assert list(counted)[:100] == [50] * 100
    assert kernelgen.threading_info().workers == max(workers, 3)


def test_many_threads_launch_at_once(chunks):
    wrong = []

    def drive(number):
        for k in range(200):
            counted = counts(50)
            try:
                chunks("fail" if (k + number) % 5 == 0 else "count", counted, 50)
                if list(counted) != [1] * 50:
                    wrong.append("a chunk is missing")
            except ValueError:
                if (k + number) % 5:
                    wrong.append("an error of somebody else's")
            else:
                if (k + number) % 5 == 0:
                    wrong.append("an error is missing")

    in_threads(drive, 16)
    assert not wrong


def test_one_thread_alone_needs_no_workers():
    code = """
        import threading
        import kernelgen, numpy as np
        kernelgen.set_num_threads(1)
        square = kernelgen.vectorize(target="parallel")(lambda x: x * x)
        assert square(np.ones(10**6)).sum() == 10**6
        assert kernelgen.threading_info().workers == 0
        assert threading.active_count() == 1
    """
    run(code)


def run(code):
    """Run code in a process of its own, which must end by itself and print nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


FORK = """
    import os, sys, threading
    import numpy as np, kernelgen
    from kernelgen.targets import parallel
    parallel.limits.long = 0  # every call is shared
    kernelgen.set_num_threads(4)
    square = kernelgen.vectorize(target="parallel")(lambda x: x * x)
    a = np.arange(10.0**6)

    def work():
        return bool((square(a) == a * a).all())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_the_child_of_a_fork_has_a_pool_of_its_own():
    code = """
        assert work()
        for _ in range(20):
            child = os.fork()
            if not child:
                os._exit(0 if work() and kernelgen.threading_info().workers == 3 else 1)
            assert os.waitpid(child, 0)[1] == 0 and work()
    """
    run(textwrap.dedent(FORK) + textwrap.dedent(code))


def test_an_interpreter_ends_while_workers_are_busy():
    code = """
        threading.Thread(target=lambda: [work() for _ in range(10**6)], daemon=True).start()
        for _ in range(20):
            work()
    """
    run(textwrap.dedent(FORK) + textwrap.dedent(code))


def test_ctrl_c_reaches_the_caller_soon(chunks):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            chunks("slow", counts(1), 1_000_000)  # an hour
        assert time.monotonic() - begun < 60
    finally:
        signal.signal(signal.SIGINT, before)
    assert chunks("count", counts(100), 100) == 0


def test_an_idle_pool_takes_no_processor(chunks):
    chunks("count", counts(100), 100)
    time.sleep(0.05)
    begun = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - begun < 0.1


@pytest.mark.parametrize("n", [0, -1, 513, 1.5, None, "two"])
def test_numbers_of_threads_are_checked(n):
    with pytest.raises(KernelgenError, match="integer from 1 to 512"):
        kernelgen.set_num_threads(n)
    assert kernelgen.get_num_threads() == 4


@pytest.mark.parametrize(("given", "found"), [("3", 3), ("", cpus.count())])
def test_the_environment_says_how_many_threads_there_are(given, found):
    environment = {**os.environ, "KERNELGEN_NUM_THREADS": given}
    code = "import kernelgen; print(kernelgen.get_num_threads())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == found


def test_a_wrong_number_in_the_environment_is_an_error(monkeypatch):
    monkeypatch.setattr("kernelgen.runtime.threads._chosen", [])
    monkeypatch.setenv("KERNELGEN_NUM_THREADS", "many")
    with pytest.raises(KernelgenError, match="KERNELGEN_NUM_THREADS='many'"):
        kernelgen.get_num_threads()


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/a/b\n", {"a/cpu.max": "150000 100000", "a/b/cpu.max": "max 100000"}, 1.5),
        ("0::/\n", {"cpu.max": "50000 100000"}, 0.5),
        ("4:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "300000"}, 3.0),
        ("4:cpu:/\n3:memory:/x\n", {"cpu/cpu.cfs_quota_us": "-1"}, float("inf")),
        ("0::/nowhere\n", {}, float("inf")),
    ],
)
def test_quotas_of_groups(tmp_path, groups, files, expected):
    (tmp_path / "cgroup").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if "quota" in name:
            path.with_name("cpu.cfs_period_us").write_text("100000")
    assert cpus.quota(tmp_path / "cgroup", tmp_path / "fs") == expected
    assert cpus.quota(tmp_path / "missing", tmp_path) == float("inf")
