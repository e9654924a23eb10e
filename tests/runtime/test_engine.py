"""The LLVM engine: compile, link, call, unload."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading

import pytest

from kernelgen.errors import InternalError
from kernelgen.runtime import cpython_api, engine, locks

SQUARE = """
define double @square(double %x) {
  %copy = fadd double %x, -0.0
  %y = fmul double %copy, %x
  ret double %y
}
"""

EXPONENTIAL = """
declare double @exp(double)
declare double @fmod(double, double)
define double @f(double %x) {
  %y = call double @exp(double %x)
  %z = frem double %y, 2.0
  ret double %z
}
"""

MAKE_INT = """
declare ptr @PyLong_FromLong(i64)
@counter = global i64 41
define ptr @count() {
  %old = load i64, ptr @counter
  %new = add i64 %old, 1
  store i64 %new, ptr @counter
  %number = call ptr @PyLong_FromLong(i64 %new)
  ret ptr %number
}
"""


def double_function(library: engine.Library, name: str):
    return ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(library.address(name))


@pytest.mark.parametrize("opt_level", [0, 1, 2, 3])
def test_compiles_and_links_at_every_level(opt_level):
    module = engine.compile_module(SQUARE, opt_level=opt_level)
    library = engine.link(module.object_code, ["square"], {})
    assert double_function(library, "square")(3.0) == 9.0


def test_module_shows_all_its_forms():
    module = engine.compile_module(SQUARE)
    assert module.llvm == SQUARE
    assert "%copy" not in module.optimized
    assert "square" in module.assembly
    assert "%copy" in engine.compile_module(SQUARE, opt_level=0).optimized


def test_same_text_gives_same_object_code():
    first, second = engine.compile_module(SQUARE), engine.compile_module(SQUARE)
    assert first.object_code == second.object_code


def test_math_library_is_found_without_being_named():
    library = engine.link(engine.compile_module(EXPONENTIAL).object_code, ["f"], {})
    assert double_function(library, "f")(1.0) == pytest.approx(2.718281828459045 % 2.0)


def test_code_calls_far_functions_and_has_data():
    symbols = {"PyLong_FromLong": cpython_api.address("PyLong_FromLong")}
    library = engine.link(engine.compile_module(MAKE_INT).object_code, ["count"], symbols)
    count = ctypes.PYFUNCTYPE(ctypes.py_object)(library.address("count"))
    assert (count(), count()) == (42, 43)


def test_imported_address_may_be_anywhere():
    text = "@far = external global i8\ndefine ptr @where() {\n  ret ptr @far\n}"
    code = engine.compile_module(text).object_code
    for address in (0x10, 0x7FFF_0000_0000, 0xFFFF_FFFF_0000):
        library = engine.link(code, ["where"], {"far": address})
        where = ctypes.CFUNCTYPE(ctypes.c_void_p)(library.address("where"))
        assert where() == address


def test_same_code_links_twice():
    code = engine.compile_module(SQUARE).object_code
    libraries = [engine.link(code, ["square"], {}) for _ in range(2)]
    addresses = {library.address("square") for library in libraries}
    assert len(addresses) == 2


def test_unknown_export_of_a_library():
    library = engine.link(engine.compile_module(SQUARE).object_code, ["square"], {})
    with pytest.raises(KeyError):
        library.address("cube")


@pytest.mark.parametrize("text", ["define", "define i32 @f() {\n  ret i32 %x\n}"])
def test_invalid_text_is_an_internal_error(text):
    with pytest.raises(InternalError, match="LLVM rejects the generated code"):
        engine.compile_module(text)


def test_undefined_symbol_is_an_internal_error():
    text = "declare void @nowhere()\ndefine void @f() {\n  call void @nowhere()\n  ret void\n}"
    with pytest.raises(InternalError, match="does not link"):
        engine.link(engine.compile_module(text).object_code, ["f"], {})


def test_damaged_object_code_is_an_internal_error():
    with pytest.raises(InternalError, match="does not link"):
        engine.link(b"no object code", ["f"], {})


def test_library_that_does_not_exist():
    assert not engine.load_library("libkernelgen-does-not-exist.so")


def test_threads_compile_at_once():
    results: list[float] = []

    def compile_and_call() -> None:
        module = engine.compile_module(SQUARE)
        library = engine.link(module.object_code, ["square"], {})
        results.append(double_function(library, "square")(4.0))

    threads = [threading.Thread(target=compile_and_call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [16.0] * 8


class Tracker:
    """What a library holds of LLVM: it notes whether compiling is locked when it goes."""

    def __init__(self, locked: list[bool]) -> None:
        self.locked = locked

    def __del__(self) -> None:
        def other_thread() -> None:
            free = locks.compiling.acquire(blocking=False)
            self.locked.append(not free)
            if free:
                locks.compiling.release()

        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()


def test_garbage_is_unloaded_under_the_lock():
    """A collector may finalise the parts of a cycle in any order."""
    locked: list[bool] = []
    cycle: list[object] = [Tracker(locked)]
    cycle[0] = engine.Library(cycle[0])
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert locked == [True]


FORKING = """
import os, threading, warnings
warnings.simplefilter("ignore")
from kernelgen.runtime import engine
text = "define i32 @f() { ret i32 7 }"
def work():
    for _ in range(20):
        engine.link(engine.compile_module(text).object_code, ["f"], {})
thread = threading.Thread(target=work)
thread.start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        engine.link(engine.compile_module(text).object_code, ["f"], {})
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_compile_while_a_thread_does():
    run = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_exit_with_living_libraries_is_silent():
    text = (
        "from kernelgen.runtime import engine\n"
        "code = engine.compile_module('define i32 @f() { ret i32 7 }').object_code\n"
        "kept = [engine.link(code, ['f'], {}) for _ in range(3)]\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
