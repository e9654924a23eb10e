"""What ufuncs, gufuncs and stencils of a device are for NVIDIA's assembler."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import ptxas
import pytest

from kernelgen import guvectorize, stencil, vectorize
from kernelgen.cuda import reductions
from kernelgen.cuda.kernels import generated
from kernelgen.cuda.reductions import Reduction
from kernelgen.options import Options
from kernelgen.targets.cuda import CONTIGUOUS, STRIDED
from kernelgen.types.compound import Array
from kernelgen.types.table import WEAK_INT, from_dtype

pytestmark = [pytest.mark.any_python, ptxas.needed]

FUNCTION = {"kernelgen_function"}
ARCHITECTURES = [arch for arch in ptxas.ARCHITECTURES if ptxas.find() and arch in ptxas.known()]


def check(inspect: Any, tmp_path: Any, entries: Any = FUNCTION, archs: Any = ARCHITECTURES) -> None:
    """It assembles for architectures, without spills and without a stack."""
    for arch in archs:
        reports = ptxas.assemble(inspect(arch), arch, tmp_path)
        assert set(reports) == set(entries)
        for report in reports.values():
            assert (report.spills, report.stack) == (0, 0), (arch, report)


def axpy(a, x, y):
    return a * x + y


def checked(x, y):
    if y == 0:
        raise ZeroDivisionError(f"{x} by zero")
    return x // y, x % y


@pytest.mark.parametrize(
    "function, types",
    [
        (axpy, "f4,f4,f4"),
        (axpy, "f8,f8,f8"),
        (axpy, "F,F,F"),
        (axpy, "f2,f2,f2"),
        (axpy, "i8,i4,u1"),
        (checked, "i8,i8"),
        (checked, "f4,f4"),
    ],
)
def test_ufuncs(function: Any, types: str, tmp_path: Any) -> None:
    ufunc = vectorize(function, target="cuda")
    check(lambda arch: ufunc.inspect_ptx(types, arch), tmp_path, {CONTIGUOUS, STRIDED})


def test_elements_of_float32_are_computed_without_local_memory() -> None:
    ptx = vectorize(axpy, target="cuda").inspect_ptx("f4,f4,f4", "sm_80")
    assert not re.search(r"\.local|%SP|f64", ptx)
    assert re.search(r"fma\.rn\.f32|mul\.rn\.f32|mul\.f32", ptx)
    assert len(re.findall(r"ld\.global[.\w]*32|ld\.b32|ld\.f32", ptx)) >= 3


def doubled_and_sum(x, doubled, total):
    total[0] = 0
    for i in range(len(x)):
        doubled[i] = x[i] * 2
        total[0] += x[i]


def product(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = 0
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]


def rolled(x, by):
    x[:] = x[::-1] + by


def reversed_row(x):
    return x[::-1]


@pytest.mark.parametrize(
    "function, core, types, loops",
    [
        (doubled_and_sum, "(n)->(n),()", "f4", (0, 1, 3)),
        (product, "(m,n),(n,p)->(m,p)", "f4,f4", (1, 2)),
        (product, "(m,n),(n,p)->(m,p)", "f8,i4", (1,)),
        (reversed_row, "(n)->(n)", "D", (1,)),
        (rolled, "(n),()", "i8,i8", (1,)),
    ],
)
def test_gufuncs(function: Any, core: str, types: str, loops: Any, tmp_path: Any) -> None:
    ufunc = guvectorize(core, target="cuda")(function)
    for loop in loops:
        check(lambda arch: ufunc.inspect_ptx(types, arch, loop_ndim=loop), tmp_path)


def test_gufuncs_of_boxed_numbers(tmp_path: Any) -> None:
    def plus(x, n, out):
        for i in range(len(x)):
            out[i] = x[i] + n[0]

    ufunc = guvectorize("void(f8[:],i8[:],f8[:])", "(n),()->(n)", target="cuda")(plus)
    check(lambda arch: ufunc.inspect_ptx("void(f8[:],i8[:],f8[:])", arch), tmp_path)


def line(a):
    return (a[-1] + 2 * a[0] + a[1]) / 4


def plane(a):
    return a[-1, 0] + a[1, 0] + a[0, -1] + a[0, 1] - 4 * a[0, 0]


def block(a, b):
    return a[-1, 0, 2] - a[0, 1, 0] + b[2, -1, -1], a[0, 0, 0] > b[0, 0, 0]


def weighed(a, w):
    s = 0.0
    for i in range(-1, 2):
        for j in range(-1, 2):
            s += a[i, j] * w[i + 1, j + 1]
    return s


def far(a):
    return a[-700] - a[9000]


@pytest.mark.parametrize("mode", ["constant", "mirror", "wrap", "valid"])
@pytest.mark.parametrize(
    "kernel, types",
    [
        (line, "f4[::1]"),
        (plane, "f4[:,::1]"),
        (plane, "f8[::1,:]"),
        (block, "f4[:,:,::1],i4[:,:,:]"),
        (far, "f8[::1]"),
    ],
)
def test_stencils(kernel: Any, types: str, mode: str, tmp_path: Any) -> None:
    made = stencil(kernel, mode=mode, target="cuda")
    archs = ARCHITECTURES if mode == "mirror" else ARCHITECTURES[:1]
    check(lambda arch: made.inspect_ptx(types, arch), tmp_path, archs=archs)


def test_stencils_with_weights(tmp_path: Any) -> None:
    made = stencil(weighed, mode="nearest", standard_indexing="w", target="cuda")
    check(lambda arch: made.inspect_ptx("f4[:,::1],f4[:,::1]", arch), tmp_path)


def test_tiles_are_in_shared_memory() -> None:
    ptx = stencil(plane, mode="mirror", target="cuda").inspect_ptx("f4[:,::1]")
    (size,) = re.findall(r"\.shared .*\[(\d+)\];", ptx)
    assert int(size) == 10 * 34 * 4
    assert len(re.findall(r"bar(?:rier)?\.(?:cta\.)?sync", ptx)) == 2
    assert ".shared" not in stencil(far, target="cuda").inspect_ptx("f8[::1]")


@pytest.mark.parametrize(
    "dtype, masked", [("f4", False), ("f4", True), ("f8", False), ("u1", False), ("F", True)]
)
@pytest.mark.parametrize("make", [reductions.tree, reductions.in_order])
def test_reductions(make: Any, masked: bool, dtype: str, tmp_path: Any) -> None:
    def larger_or_sum(x, y):
        return x + y

    t = from_dtype(np.dtype(dtype))
    for kept, reduced in [(0, 1), (2, 2)]:
        reduction = Reduction(t, kept, reduced, masked, masked)
        kernel = generated(make(larger_or_sum, reduction), Options(cuda=True), boundscheck=False)
        whole = Array(t, kept + reduced, "A", readonly=True)
        mask = Array(from_dtype(np.dtype(bool)), kept + reduced, "A", readonly=True)
        types = [whole, mask, Array(t, 1, "C"), t]
        if make is reductions.tree:
            types[3:3] = [Array(from_dtype(np.dtype(bool)), 1, "C")]
            types.append(WEAK_INT)
        archs = ARCHITECTURES if dtype == "f4" else ARCHITECTURES[:1]
        check(lambda arch: kernel.inspect_ptx(tuple(types), arch), tmp_path, archs=archs)
