"""Vector functions of the C library: which there are, which are called, and machines without."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

import kernelgen as kg
from kernelgen import __main__ as command
from kernelgen import pipeline
from kernelgen.ops.math import ROWS
from kernelgen.runtime import engine, vector_library
from kernelgen.runtime.engine import Host
from kernelgen.types.table import FLOAT32, FLOAT64

pytestmark = pytest.mark.any_python

LINUX = "x86_64-unknown-linux-gnu"
SSE2 = Host(LINUX, "x86-64", "+sse2")
AVX2 = Host(LINUX, "x86-64-v3", "+sse2,+avx2")
AVX512 = Host(LINUX, "x86-64-v4", "+sse2,+avx2,+avx512f,-prefer-256-bit")
NEON = Host("aarch64-unknown-linux-gnu", "generic", "+neon")

ABSENT = {
    "c": "AVX: the vectors are those of AVX2, and glibc computes each by two of SSE2's",
    "exp10": "math and NumPy have no such function",
    "sincos": "stores its results, so no call of a kernel means it",
}
"""The letter or function of symbols that the table does not use, and the reason."""

has_library = pytest.mark.skipif(
    vector_library.find() is None or engine.host().triple != LINUX,
    reason="this machine has no vector library",
)


def assembly_for(machine: Host, kernel, *types) -> str:
    """A ufunc's loops for a machine whose library exports every name."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    library = vector_library.of_machine(machine, lambda symbol: True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_library, "find", lambda: library)
        text = pipeline.STAGES["llvm"](pipeline.Request(kernel, types))
    return engine.assembly(text, machine)


def calls(assembly: str) -> set[str]:
    return set(re.findall(r"_ZGV\w+", assembly))


# ----------------------------------------------------------------- the names of the functions


@pytest.mark.parametrize(("machine", "letter", "doubles"), [
    (SSE2, "b", 2), (AVX2, "d", 4), (AVX512, "e", 8), (NEON, "n", 2),
], ids=["sse2", "avx2", "avx512", "neon"])  # fmt: skip
def test_the_widest_version_of_a_machine_is_called(machine, letter, doubles):
    def sine(x):
        return math.sin(x)

    def power(x, y):
        return math.pow(x, y)

    double, single = doubles, 2 * doubles
    assert f"_ZGV{letter}N{double}v_sin" in calls(assembly_for(machine, sine, FLOAT64))
    assert f"_ZGV{letter}N{single}v_sinf" in calls(assembly_for(machine, sine, FLOAT32))
    both = assembly_for(machine, power, FLOAT64, FLOAT64)
    assert f"_ZGV{letter}N{double}vv_pow" in calls(both)


def test_no_wider_version_than_the_machine_has():
    def sine(x):
        return math.sin(x)

    assembly = assembly_for(SSE2, sine, FLOAT64)
    assert calls(assembly) == {"_ZGVbN2v_sin"} and "ymm" not in assembly
    assembly = assembly_for(AVX2, sine, FLOAT64)
    assert calls(assembly) == {"_ZGVdN4v_sin"} and "zmm" not in assembly


def exported() -> set[str]:
    """The symbols of vector functions, as they are in the library's table of strings."""
    vector_library.find()
    maps = Path("/proc/self/maps").read_text()
    path = next(line.split()[-1] for line in maps.splitlines() if "libmvec" in line)
    found = re.findall(rb"_ZGV[a-z]N\d+\w+", Path(path).read_bytes())
    return {name.decode() for name in found}


@has_library
def test_every_function_of_the_library_is_in_the_table():
    sets = vector_library._INSTRUCTION_SETS["x86_64"]
    everything = vector_library.VectorLibrary(
        exported().__contains__, tuple((letter, size) for letter, size, _ in sets)
    )
    table = {
        version.symbol
        for row in ROWS
        if row.intrinsic is None
        for t in (FLOAT32, FLOAT64)
        for version in everything.versions(row.symbol(t), t, row.arity)
    }
    unused = {
        symbol
        for symbol in exported() - table
        if symbol[4] not in ABSENT and symbol.rpartition("_")[2].removesuffix("f") not in ABSENT
    }
    assert not unused
    assert len(table) > 100


@has_library
def test_every_function_that_is_called_is_exported():
    library = vector_library.find()
    symbols = {
        version.symbol
        for row in ROWS
        for t in (FLOAT32, FLOAT64)
        for version in library.versions(row.symbol(t), t, row.arity)
    }
    assert symbols and symbols <= exported()


# ------------------------------------------------------------------------- other machines


@pytest.mark.parametrize("triple", [
    "x86_64-pc-windows-msvc", "x86_64-apple-darwin23", "arm64-apple-darwin23",
    "riscv64-unknown-linux-gnu",
])  # fmt: skip
def test_machines_without_the_library(triple):
    machine = Host(triple, "generic", "+sse2,+neon")
    assert vector_library.of_machine(machine, lambda symbol: True) is None


@pytest.fixture
def musl(monkeypatch):
    """A C library without vector functions; what was found before is forgotten, and again after."""
    monkeypatch.setattr(engine, "load_library", lambda name: False)
    vector_library._find.cache_clear()
    yield
    vector_library._find.cache_clear()


def test_without_the_library_functions_are_scalar(musl, capsys):
    ufunc = kg.vectorize(lambda x: math.exp(x))
    x = np.linspace(-5, 5, 64)
    np.testing.assert_array_equal(ufunc(x), kg.vectorize(precise=True)(lambda x: math.exp(x))(x))
    assert not calls(ufunc.inspect_asm("f8"))
    assert command.main(["info"]) == 0
    assert "vector library  none: functions are libm's, one at a time" in capsys.readouterr().out


def test_the_library_is_looked_for_once(monkeypatch):
    vector_library.find()
    monkeypatch.setattr(engine, "load_library", lambda name: pytest.fail("looked for again"))
    assert vector_library.find() is vector_library.find()


# ----------------------------------------------------------------------- KERNELGEN_CPU

RUN = """
import math, re, numpy as np, kernelgen as kg
x = np.linspace(-20, 20, 1001)
f = kg.vectorize(lambda x: math.exp(x) * 2.0 + math.gamma(x))
want = kg.vectorize(precise=True)(lambda x: math.exp(x) * 2.0 + math.gamma(x))(x)
np.testing.assert_allclose(f(x), want, rtol=2e-15)
g = kg.vectorize(lambda x: math.exp(x))
np.testing.assert_allclose(g(x), np.exp(x), rtol=2e-15)
assembly = g.inspect_asm("f8")
print(*sorted(set(re.findall("_ZGV[a-z]N|[xyz]mm", assembly))))
"""


def run_on(cpu: str, code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "KERNELGEN_CPU": cpu},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@has_library
@pytest.mark.parametrize(("cpu", "feature", "seen"), [
    ("x86-64", "+sse2", {"_ZGVbN", "xmm"}),
    ("x86-64-v2", "+sse4.2", {"_ZGVbN", "xmm"}),
    ("x86-64-v3", "+avx2", {"_ZGVdN", "xmm", "ymm"}),
])  # fmt: skip
def test_code_for_a_lesser_processor_runs(cpu, feature, seen, optimised):
    if feature not in engine.host().features.split(","):
        pytest.skip(f"this processor has no {feature}")
    run = run_on(cpu, RUN)
    assert (run.returncode, run.stderr) == (0, "")
    assert set(run.stdout.split()) == seen


def test_an_unknown_processor_is_refused():
    run = run_on("pentium", "import kernelgen as kg; kg.vectorize(lambda x: x)(1.0)")
    assert run.returncode == 1
    assert "KERNELGEN_CPU='pentium': the processors are native" in run.stderr
