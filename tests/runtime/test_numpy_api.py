"""Ufuncs that start without loops: first use, errors, reductions, lifetime, threads."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from hand_written import (
    BINARY_LOOP,
    RAISING_LOOP,
    common_dtype,
    compiled_loop,
    make_addition,
    make_raising,
)

from kernelgen.errors import InternalError
from kernelgen.runtime import cpython_api, numpy_api, trampolines

f4, f8 = np.dtypes.Float32DType, np.dtypes.Float64DType
A = np.arange(6.0).reshape(2, 3)
SWAPPED = A.astype(A.dtype.newbyteorder())

FIRST_USES = {
    "call": lambda f: f(A, A),
    "integers": lambda f: f(np.arange(4), np.arange(4)),
    "scalars": lambda f: f(3, 4),
    "mixed scalars": lambda f: f(True, 2.5),
    "weak float": lambda f: f(A.astype("f4"), 2.5),
    "weak int": lambda f: f(2, np.int32(5)),
    "mixed arrays": lambda f: f(A.astype("f4"), np.arange(3)),
    "lists": lambda f: f([1.0, 2.0], [3.0, 4.0]),
    "zero dimensions": lambda f: f(np.array(1.0), np.float32(2)),
    "empty": lambda f: f(np.zeros(0), np.zeros(0)),
    "strided": lambda f: f(A[:, ::-2], A[:, ::2]),
    "broadcast": lambda f: f(A, A[:, :1]),
    "byte-swapped": lambda f: f(SWAPPED, A),
    "unaligned": lambda f: f(np.frombuffer(bytes(33), "u1")[1:].view("f8"), 1.0),
    "masked": lambda f: f(np.ma.array([1.0, 2.0], mask=[0, 1]), 1.0),
    "dtype": lambda f: f(A, A, dtype="f4", casting="same_kind"),
    "dtype of integers": lambda f: f(1, 2, dtype=np.float64),
    "signature": lambda f: f(A, A, signature="dd->d"),
    "signature with cast": lambda f: f(A, A, signature="ff->f", casting="same_kind"),
    "signature of output": lambda f: f(A, A, signature=(None, None, "f8")),
    "signature of input": lambda f: f(A, A, signature=("f8", None, None)),
    "out": lambda f: f(A, A, out=np.zeros((2, 3))),
    "out with cast": lambda f: f(A, A, out=np.zeros((2, 3), "f4"), casting="same_kind"),
    "where": lambda f: f(A, A, where=A > 2, out=np.zeros((2, 3))),
    "reduce": lambda f: f.reduce(A),
    "reduce axis": lambda f: f.reduce(A, axis=1, keepdims=True),
    "reduce dtype": lambda f: f.reduce(A, dtype="f4"),
    "reduce integers as float": lambda f: f.reduce(np.arange(5), dtype="f8"),
    "reduce out": lambda f: f.reduce(A, out=np.zeros(3)),
    "reduce initial": lambda f: f.reduce(A, initial=10.0),
    "reduce where": lambda f: f.reduce(A, where=A > 1, initial=0.0),
    "reduce masked": lambda f: f.reduce(np.ma.array([1.0, 2.0, 4.0], mask=[0, 1, 0]).filled(0)),
    "accumulate": lambda f: f.accumulate(A, axis=1),
    "reduceat": lambda f: f.reduceat(np.arange(8.0), [0, 3, 5]),
    "outer": lambda f: f.outer(A[0], A[1]),
    "at": lambda f: at_result(f, [0, 0, 2], 1.5),
    "at with cast": lambda f: at_result(f, [1, 1], 1),
    "resolve_dtypes": lambda f: f.resolve_dtypes((np.dtype("f4"), np.dtype("i4"), None)),
    "resolve weak dtypes": lambda f: f.resolve_dtypes((np.dtype("f4"), float, None)),
}


def at_result(ufunc, indices, value):
    target = np.zeros(3)
    ufunc.at(target, indices, value)
    return target


@pytest.mark.parametrize("use", FIRST_USES.values(), ids=FIRST_USES)
def test_first_use_of_a_fresh_ufunc(use):
    ufunc = make_addition()
    for _ in range(2):
        result, expected = use(ufunc), use(np.add)
        assert type(result) is type(expected)
        if isinstance(result, tuple):
            assert result == expected
        else:
            np.testing.assert_array_equal(result, expected, strict=True)


def test_second_use_never_depends_on_the_first():
    """Every ordered pair of uses, as NumPy caches what earlier calls decided."""
    small = {name: use for name, use in FIRST_USES.items() if "mask" not in name}
    for first in small.values():
        ufunc = make_addition()
        first(ufunc)
        for second in small.values():
            np.testing.assert_array_equal(second(ufunc), second(np.add), strict=True)


def run_in_new_process(text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", text]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parent,
    )


FIRST_IN_PROCESS = """
from hand_written import make_addition
import numpy as np
f = make_addition()
a = np.arange(4, dtype="f4")
print({statement})
print(f(a, a).dtype, f(a, 1).dtype, f(1, 2).dtype)
"""


@pytest.mark.parametrize(
    ("statement", "printed"),
    [
        ("f(a, a)", "[0. 2. 4. 6.]"),
        ("f.reduce(a)", "6.0"),
        ("f(a, a, dtype='f8').dtype", "float64"),
        ("f(a, a, signature='dd->d').dtype", "float64"),
        ("f(a, a, signature='ff->f').dtype", "float32"),
        ("f.accumulate(a)", "[0. 1. 3. 6.]"),
        ("f.outer(a, a).shape", "(4, 4)"),
        ("f.at(a.copy(), [0], 1)", "None"),
    ],
)
def test_first_use_in_the_process(statement, printed):
    run = run_in_new_process(FIRST_IN_PROCESS.format(statement=statement))
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout.splitlines() == [printed, "float32 float32 int64"]


def test_error_of_the_first_promotion_in_the_process():
    text = """
from hand_written import make_addition
for use in (lambda f: f(1j, 2j), lambda f: f.reduce([1j]), lambda f: f(1j, 2)):
    try:
        use(make_addition())
    except TypeError as error:
        print(error)
    else:
        print("nothing raised")
"""
    run = run_in_new_process(text)
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout.splitlines() == ["no addition of Complex128DType, says the kernel"] * 3


def test_attribute_error_of_the_first_promotion_in_the_process():
    text = """
from hand_written import make_addition
def promote(ufunc, inputs, signature):
    raise AttributeError("no such thing")
try:
    make_addition(promote=promote)(1, 2)
except Exception as error:
    print(type(error).__name__, error)
"""
    run = run_in_new_process(text)
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout == "InternalError AttributeError: no such thing\n"


def test_missing_llvm_is_told_to_the_caller():
    text = """
import sys
import numpy as np
from kernelgen.runtime import numpy_api
sys.modules["llvmlite"] = sys.modules["llvmlite.binding"] = None
f = numpy_api.make_ufunc("f", "", 1, 1, None, None)
for _ in range(2):
    try:
        f(1.0)
    except ImportError as error:
        print(error)
"""
    run = run_in_new_process(text)
    assert (run.stderr, run.returncode) == ("", 0)
    assert run.stdout.count("llvmlite") == 2


def test_making_ufuncs_does_not_load_llvm():
    text = """
import sys
from kernelgen.runtime import numpy_api
numpy_api.make_ufunc("f", "", 1, 1, None, None)
assert not any(name.startswith("llvmlite") for name in sys.modules)
"""
    run = run_in_new_process(text)
    assert (run.stderr, run.returncode) == ("", 0)


ERROR_USES = {
    "call": lambda f: f(1.0, 2.0),
    "reduce": lambda f: f.reduce([1.0, 2.0]),
    "accumulate": lambda f: f.accumulate([1.0, 2.0]),
    "reduceat": lambda f: f.reduceat([1.0, 2.0], [0]),
    "outer": lambda f: f.outer([1.0], [2.0]),
    "at": lambda f: f.at(np.zeros(3), [0], 1.0),
    "resolve_dtypes": lambda f: f.resolve_dtypes((np.dtype("f8"), np.dtype("f8"), None)),
}


class NoSuchKernelError(Exception):
    pass


@pytest.mark.parametrize("use", ERROR_USES.values(), ids=ERROR_USES)
@pytest.mark.parametrize("kind", [NoSuchKernelError, TypeError, AttributeError, KeyboardInterrupt])
def test_error_in_promote_reaches_the_caller(use, kind):
    def promote(ufunc, inputs, signature):
        raise kind("line 3 of the kernel")

    make_addition()(1, 2)
    with pytest.raises(kind, match="line 3 of the kernel") as caught:
        use(make_addition(promote=promote))
    assert "promote" in [entry.name for entry in caught.traceback]


def test_promotion_at_the_recursion_limit_raises():
    make_addition()(1, 2)

    def descend(depth):
        try:
            descend(depth + 1)
        except RecursionError:
            make_addition()(1, 2)
            raise

    with pytest.raises(RecursionError):
        descend(0)


def test_promoter_must_keep_its_promise():
    ufunc = make_addition(promote=lambda ufunc, inputs, signature: (f8, f8, f8))
    with pytest.raises(InternalError, match="has no loop for Float64DType"):
        ufunc(1.0, 2.0)


def test_promoter_sees_weak_scalars_and_pinned_dtypes():
    seen = []

    def promote(ufunc, inputs, signature):
        seen.append((inputs, signature))
        raise NoSuchKernelError

    ufunc = make_addition(promote=promote)
    for arguments, keywords in [
        ((np.float32(1), 2), {}),
        ((1.5, A), {"signature": (None, "f4", "f8")}),
        ((A, A), {"dtype": "f4"}),
    ]:
        with pytest.raises(NoSuchKernelError):
            ufunc(*arguments, **keywords)
    (inputs0, signature0), (inputs1, signature1), (inputs2, signature2) = seen
    assert inputs0[0] is f4
    assert inputs0[1].__name__ == "_PyLongDType"
    assert signature0 == (None, None, None)
    assert inputs1[0].__name__ == "_PyFloatDType"
    assert (inputs1[1], signature1) == (f4, (None, f4, f8))
    assert (inputs2, signature2) == ((f8, f8), (None, None, f4))


def test_two_loops_for_the_same_inputs_are_refused():
    ufunc = make_addition()
    ufunc(1.0, 2.0)
    with pytest.raises(InternalError, match="has a loop for the inputs of Float64DType"):
        numpy_api.add_loop(ufunc, (f8, f8, f4), 1, flags=0, name="second")


def test_contiguous_operands_take_the_contiguous_loop():
    table = cpython_api.ExceptionTable([lambda: ValueError("strided")])
    raising = compiled_loop(RAISING_LOOP, {**trampolines.addresses().for_loops, **table.symbols})
    adding = compiled_loop(BINARY_LOOP.format(type="double", operation="fadd"), {})

    def promote(ufunc, inputs, signature):
        if not numpy_api.binding_of(ufunc).loops:
            numpy_api.add_loop(
                ufunc,
                (f8, f8, f8),
                raising.address("loop"),
                flags=0,
                name="two_loops",
                contiguous_loop=adding.address("loop"),
                owner=(raising, adding, table),
            )
        return f8, f8, f8

    ufunc = make_addition(promote=promote)
    np.testing.assert_array_equal(ufunc(A, A), A + A)
    with pytest.raises(ValueError, match="strided"):
        ufunc(A[:, ::2], A[:, ::2])


def test_loops_are_only_added_to_our_ufuncs():
    with pytest.raises(InternalError, match="not made by kernelgen"):
        numpy_api.add_loop(np.add, (f8, f8, f8), 1, flags=0, name="foreign")


def test_output_that_no_loop_has_is_numpys_error():
    with pytest.raises(TypeError, match="did not contain a loop with signature matching"):
        make_addition()(A, A, signature=("f8", "f8", "f4"))


@pytest.mark.parametrize("use", list(ERROR_USES.values())[:5], ids=list(ERROR_USES)[:5])
def test_error_in_a_loop_reaches_the_caller_as_a_fresh_instance(use):
    table = cpython_api.ExceptionTable([lambda: ValueError("negative size", 3)])
    ufunc = make_raising(table.symbols, table)
    raised = []
    for _ in range(2):
        with pytest.raises(ValueError, match="negative size") as caught:
            use(ufunc)
        assert caught.value.args == ("negative size", 3)
        assert caught.value.__context__ is None
        raised.append(caught.value)
    assert raised[0] is not raised[1]


def test_exception_that_cannot_be_made_raises_its_own_error():
    def make():
        raise LookupError("no such exception")

    table = cpython_api.ExceptionTable([make])
    with pytest.raises(LookupError, match="no such exception"):
        make_raising(table.symbols, table)(1.0, 2.0)


@pytest.mark.parametrize(
    ("identity", "shown"), [(None, None), ("reorderable", None), (0, 0), (1, 1), (-2.5, -2.5)]
)
def test_identity_is_shown(identity, shown):
    assert make_addition(identity=identity).identity == shown


def test_reduce_of_nothing_is_the_identity():
    assert make_addition(identity=7).reduce(np.zeros(0)) == 7.0
    assert make_addition(identity=7).reduce(np.zeros(0, "i4")).dtype == np.int32
    np.testing.assert_array_equal(make_addition(identity=7).reduce(np.zeros((0, 3))), [7.0] * 3)


@pytest.mark.parametrize("identity", [None, "reorderable"])
def test_reduce_of_nothing_without_identity(identity):
    with pytest.raises(ValueError, match="zero-size array to reduction operation"):
        make_addition(identity=identity).reduce(np.zeros(0))


@pytest.mark.parametrize("identity", [0, "reorderable"])
def test_reduce_over_several_axes(identity):
    cube = np.arange(24.0).reshape(2, 3, 4)
    ufunc = make_addition(identity=identity)
    assert ufunc.reduce(cube, axis=None) == cube.sum()
    np.testing.assert_array_equal(ufunc.reduce(cube, axis=(0, 2)), cube.sum(axis=(0, 2)))


def test_reduce_over_several_axes_of_an_ordered_operation():
    with pytest.raises(ValueError, match="not reorderable"):
        make_addition().reduce(A, axis=(0, 1))


def test_name_and_documentation():
    ufunc = make_addition(name="größer")
    assert (ufunc.__name__, ufunc.nin, ufunc.nout) == ("größer", 2, 1)
    assert ufunc.__doc__.endswith("Add.")
    assert repr(ufunc) == "<ufunc 'größer'>"


@pytest.mark.parametrize(("nin", "nout"), [(64, 1), (1, 64), (200, 1)])
def test_too_many_operands(nin, nout):
    with pytest.raises(ValueError, match="more than 64 operands"):
        numpy_api.make_ufunc("f", "", nin, nout, None, None)


def test_as_many_operands_as_numpy_takes():
    def promote(ufunc, inputs, signature):
        raise NoSuchKernelError(len(inputs))

    ufunc = numpy_api.make_ufunc("f", "", 63, 1, None, promote)
    with pytest.raises(NoSuchKernelError, match="63"):
        ufunc(*range(63))


def test_generalized_ufunc_and_malformed_signature():
    ufunc = numpy_api.make_ufunc("f", "", 2, 1, None, None, signature="(n),(n)->()")
    assert ufunc.signature == "(n),(n)->()"
    with pytest.raises(ValueError, match="expect ','"):
        numpy_api.make_ufunc("f", "", 2, 1, None, None, signature="(n),(n->()")


class Canary:
    """Weakly referable, as ufuncs are not."""


def test_dropped_ufunc_frees_what_it_owns():
    ufunc, canary = make_addition(), Canary()
    ufunc(1.0, 2.0)
    numpy_api.binding_of(ufunc).owned.append(canary)
    alive = weakref.ref(canary)
    del canary
    gc.collect()
    assert alive() is not None
    del ufunc
    gc.collect()
    assert alive() is None


def test_ufunc_that_its_promoter_refers_to_is_freed():
    class Dispatcher(Canary):
        def __init__(self):
            self.ufunc = make_addition(promote=self.promote)

        def promote(self, ufunc, inputs, signature):
            raise NoSuchKernelError

    dispatcher = Dispatcher()
    alive = weakref.ref(dispatcher)
    del dispatcher
    gc.collect()
    assert alive() is None


def resident_kilobytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_thousand_ufuncs_come_and_go():
    def use_fresh(count):
        for _ in range(count):
            ufunc = make_addition(identity=0, name="temporary" * 100)
            assert ufunc(1.0, 2.0) == 3.0
        gc.collect()

    use_fresh(100)
    before = resident_kilobytes()
    use_fresh(1000)
    # LLVM keeps about 10 kilobytes for the name of each library that ever was.
    assert resident_kilobytes() - before < 20_000


def test_threads_meet_fresh_ufuncs_at_once():
    ufunc, errors, results = make_addition(), [], []
    barrier = threading.Barrier(8)
    lock = threading.Lock()

    def promote(ufunc, inputs, signature):
        with lock:
            return numpy_api.binding_of(inner).promote(ufunc, inputs, signature)

    inner = ufunc
    shared = make_addition(promote=promote)

    def call(dtype):
        try:
            barrier.wait()
            results.append(shared(np.ones(3, dtype), 1).dtype == dtype)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(np.dtype(c),)) for c in "fdilfdil"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert results == [True] * 8


FIRST_CALLS_AT_ONCE = """
import threading
import numpy as np
from hand_written import make_addition
barrier, results = threading.Barrier(6), []
def call():
    ufunc = make_addition()
    barrier.wait()
    results.append(float(ufunc(np.float32(1), 2)))
threads = [threading.Thread(target=call) for _ in range(6)]
[t.start() for t in threads]
[t.join() for t in threads]
print(results == [3.0] * 6)
"""


def test_threads_make_the_first_calls_of_the_process():
    run = run_in_new_process(FIRST_CALLS_AT_ONCE)
    assert (run.stderr, run.stdout) == ("", "True\n")


module_level = make_addition(name="module_level")
module_level.__module__ = __name__
module_level.__qualname__ = "module_level"


class Holder:
    nested = make_addition(name="nested")


Holder.nested.__module__ = __name__
Holder.nested.__qualname__ = "Holder.nested"


@pytest.mark.parametrize("ufunc", [module_level, Holder.nested, np.add], ids=str)
def test_pickle_and_copy_give_the_same_ufunc(ufunc):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        if protocol >= 4 or ufunc is not Holder.nested:
            assert pickle.loads(pickle.dumps(ufunc, protocol)) is ufunc
    assert copy.copy(ufunc) is ufunc
    assert copy.deepcopy([ufunc])[0] is ufunc


def test_common_dtype_of_the_helper():
    assert common_dtype((f4, f8), (None, None, None)) is f8
