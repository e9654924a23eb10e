"""PTX: NVIDIA's assembler takes it, finds no spills, and bad input gets one clear sentence."""

from __future__ import annotations

import math
import re

import numpy as np
import ptxas
import pytest
from device_kernels import CASES
from grid_kernels import GRID_CASES

from kernelgen import KernelgenError, UnsupportedError, guvectorize, jit, vectorize
from kernelgen.errors import SignatureError
from kernelgen.runtime import libdevice, nvptx
from kernelgen.shells.grid import FUNCTION
from kernelgen.targets import cuda

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("optimised")]

ENTRIES = {cuda.CONTIGUOUS, cuda.STRIDED}


def has_libdevice():
    try:
        libdevice.find()
    except KernelgenError:
        return False
    return True


needs_libdevice = pytest.mark.skipif(not has_libdevice(), reason="there is no libdevice here")


@ptxas.needed
@needs_libdevice
@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels_assemble_without_spills(case, tmp_path):
    for arch in ptxas.ARCHITECTURES:
        if arch not in ptxas.known():
            continue
        ptx = case.ufunc.inspect_ptx(case.types, arch)
        reports = ptxas.assemble(ptx, arch, tmp_path)
        assert set(reports) == ENTRIES
        for report in reports.values():
            assert report.spills == 0
            assert case.stack or report.stack == 0, arch


@ptxas.needed
@needs_libdevice
@pytest.mark.parametrize("case", GRID_CASES, ids=str)
def test_kernels_of_grids_assemble_without_spills(case, tmp_path):
    for arch in ptxas.ARCHITECTURES:
        if arch not in ptxas.known():
            continue
        ptx = case.kernel.inspect_ptx(case.signature, arch)
        (entry,) = ptxas.assemble(ptx, arch, tmp_path).items()
        assert entry[0] == FUNCTION
        assert entry[1].spills == 0
        assert case.stack or entry[1].stack == 0, arch


@ptxas.needed
@pytest.mark.parametrize("arch", nvptx.ARCHITECTURES)
def test_all_architectures(arch, tmp_path):
    ptx = vectorize(lambda x, y: x * y + 1).inspect_ptx("f4,f4", arch)
    assert f".target {arch}" in ptx
    if arch in ptxas.known():
        assert set(ptxas.assemble(ptx, arch, tmp_path)) == ENTRIES


def body(ptx, entry):
    """The instructions of an entry."""
    return re.search(rf"\.entry {entry}\(.*?\n\)\s*\{{(.*?)\n\}}", ptx, re.DOTALL)[1]


def test_neighbouring_threads_read_neighbouring_elements():
    """The first element of a thread is its number in the grid, and the address goes with it."""
    ptx = vectorize(lambda x: x * 2).inspect_ptx("f4", "sm_80")
    text = body(ptx, cuda.CONTIGUOUS)
    assert re.findall(r"%(tid|ctaid|ntid|nctaid)\.x", text)
    assert len(re.findall(r"ld\.(?:global\.|)(?:f32|b32)", text)) == 1
    assert len(re.findall(r"st\.(?:global\.|)(?:f32|b32)", text)) == 1
    assert re.search(r"shl\.b64\s+%rd\d+, %rd\d+, 2", text)
    assert ".local" not in text


@needs_libdevice
def test_functions_of_math_are_libdevices_and_no_others_come_along():
    ptx = vectorize(lambda x: math.exp(x) + math.sin(x)).inspect_ptx("f4")
    assert ".extern" not in ptx
    assert "__nv_" not in ptx  # inlined
    assert len(ptx) < 40_000


def test_no_function_of_math_needs_no_libdevice(monkeypatch):
    monkeypatch.setattr(libdevice, "_places", lambda: iter(()))
    assert "mul" in vectorize(lambda x: x * x).inspect_ptx("f8")


def test_libdevice_that_is_not_there(monkeypatch):
    monkeypatch.setattr(libdevice, "_places", lambda: iter(()))
    libdevice._library.cache_clear()
    with pytest.raises(KernelgenError, match="libdevice, which computes functions of math"):
        vectorize(lambda x: math.exp(x)).inspect_ptx("f8")


def test_an_architecture_that_there_is_not():
    with pytest.raises(KernelgenError, match="arch cannot be 'sm_20'") as caught:
        vectorize(lambda x: x).inspect_ptx("f8", "sm_20")
    assert "sm_75" in str(caught.value)


def test_types_are_those_of_the_signature():
    with pytest.raises(SignatureError, match="takes 1 arguments"):
        vectorize(lambda x: x).inspect_ptx("f8,f8")


@jit
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


def calls_itself(n):
    return factorial(n)


def draws(x):
    return x + np.random.random()


def has_wide_type(x):
    return x * 2


@pytest.mark.parametrize(
    ("function", "types", "words"),
    [
        (calls_itself, "i8", "a function that calls itself cannot run on a GPU"),
        (draws, "f8", "cannot draw random numbers"),
        (has_wide_type, "g", "there is no longdouble on a GPU"),
    ],
)
def test_what_no_gpu_can_do(function, types, words):
    with pytest.raises(UnsupportedError, match=words):
        vectorize(function).inspect_ptx(types)


def test_generalized_ufuncs_are_refused():
    @guvectorize("(n)->()")
    def total(x, out):
        out[()] = x.sum()

    with pytest.raises(UnsupportedError, match="takes arrays"):
        total.inspect_ptx("f8[:](f8[:])")


def test_floating_point_errors_are_noted_on_no_gpu():
    with pytest.raises(KernelgenError, match="fp_errors='numpy' is not for GPUs"):
        vectorize(fp_errors="numpy")(lambda x: 1 / x).inspect_ptx("f8")


def test_an_exception_writes_the_error_block():
    def root(x):
        if x < 0:
            raise ValueError(f"{x} is negative")
        return x

    text = body(vectorize(root).inspect_ptx("f8"), cuda.CONTIGUOUS)
    assert re.search(r"atom\S*\.cas\.b32", text)
