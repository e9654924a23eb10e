"""Stencils as objects: what they are called, what they show, when they compile."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import resource
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from stencils_to_pickle import smooth

from kernelgen import njit, stencil
from kernelgen.runtime import engine

A = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
SMOOTH = np.roll(A, 1) * 2 + np.roll(A, -1)


def test_it_looks_like_the_kernel() -> None:
    assert repr(smooth) == "<stencil smooth>"
    assert smooth.__doc__ == "Add the neighbours."
    assert smooth.__name__ == smooth.__qualname__ == "smooth"
    assert smooth.__module__ == "stencils_to_pickle"
    assert str(inspect.signature(smooth)) == "(a, factor=2.0, out=None)"
    assert smooth.neighborhood == ((-1, 1),)
    assert stencil(lambda a: a[0]).neighborhood is None
    assert callable(smooth)


def test_py_func() -> None:
    assert inspect.isfunction(smooth.py_func) and smooth.__wrapped__ is smooth.py_func
    assert smooth.py_func({-1: 2, 1: 5}, 3) == 11


def test_pickle_and_copy() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(smooth, protocol)) is smooth
    assert copy.copy(smooth) is smooth
    assert copy.deepcopy(smooth) is smooth
    here = Path(__file__).parent
    code = f"import sys, pickle; sys.path.insert(0, {str(here)!r}); import numpy as np\n"
    code += f"print(pickle.loads({pickle.dumps(smooth)!r})(np.arange(3.0)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[5. 2. 2.]\n", done.stderr


def test_signatures() -> None:
    made = stencil(smooth.py_func, mode="wrap")
    assert made.signatures == []
    made(A)
    made(A, 3.0)
    made(A.astype("f4"), 2, out=np.zeros(5))
    assert list(map(str, made.signatures)) == [
        "(f8[::1], ~f8, none)", "(f4[::1], ~i8, f8[::1])"
    ]  # fmt: skip
    assert made.nopython_signatures == made.signatures


def test_inspect() -> None:
    made = stencil(smooth.py_func, mode="wrap")
    made(A)
    (signature,) = made.signatures
    for inspected, word in (
        (made.inspect_ir, "func @smooth"), (made.inspect_llvm, "define"), (made.inspect_asm, "ret"),
    ):  # fmt: skip
        assert word in inspected(signature)
        assert list(inspected()) == [signature]
    text = Shown()
    made.inspect_types(file=text)
    assert "smooth(f8[::1], ~f8, none)" in text.shown
    assert "stencil(%a, %factor, %out)" in text.shown


class Shown:
    """A file that keeps what is printed."""

    shown = ""

    def write(self, text: str) -> None:
        self.shown += text


# ---------------------------------------------------------------------------------- compiling


def test_it_compiles_once_for_the_types(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    real = engine.compile_module
    monkeypatch.setattr(
        engine, "compile_module", lambda *args, **more: compiled.append(args) or real(*args, **more)
    )
    made = stencil(smooth.py_func, mode="wrap")
    assert compiled == []
    np.testing.assert_array_equal(made(A), SMOOTH)
    assert len(compiled) == 1
    for n in (0, 1, 2, 3, 1000):
        for array in (np.ones(n), np.ones(n) * 3):
            made(array)
            made(array, 4.0)
            made(array, factor=5.0)
    assert len(compiled) == 1
    out = np.zeros(5)
    for _ in range(3):
        made(A, out=out)
    assert len(compiled) == 2
    for array in (np.ones((10, 2))[:, 0], np.ones(20)[::-2]):
        made(array)
    assert len(compiled) == 3


def test_errors_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = stencil(lambda a: a.T)
    texts = set()
    for _ in range(3):
        with pytest.raises(TypeError) as caught:
            bad(A)
        texts.add(str(caught.value))
    assert len(texts) == 1
    assert bad.signatures == []


def test_threads() -> None:
    """The first calls of all come at once; so do calls of stencils inside of functions."""

    def third(a):
        return (a[-1] + a[0] + a[1]) / 3

    made = stencil(third, mode="nearest")
    twice = njit(lambda a: made(made(a)))
    barrier = Barrier(4)
    array = np.random.default_rng(0).random(1000)

    def run(_: int) -> list[np.ndarray]:
        barrier.wait()
        return [
            made(array),
            twice(array),
            made(array, out=np.empty(1000)),
            made(array.astype("f4")),
        ]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(4)))
    padded = np.pad(array, 1, "edge")
    want = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    for first, second, third_, narrow in results:
        np.testing.assert_array_equal(first, want)
        np.testing.assert_array_equal(third_, want)
        np.testing.assert_array_equal(second, results[0][1])
        assert narrow.dtype == np.float32


def test_memory_is_given_back() -> None:
    """Of each call a copy of what it goes over, at least, would take 200 MB in all."""
    array = np.random.default_rng(0).random((400, 1000))[:, ::2]

    @stencil
    def near(a):
        return a[-3, 0] + a[0, 5] - a[2, 1]

    @stencil(mode="mirror")
    def sliced(a):
        return a[-1:2, -1:2].sum(), a[0, 0]

    @stencil(neighborhood=((0, 1), (0, 0)))
    def computed(a):
        return a[int(a[0, 0]) % 2, 0]

    @stencil
    def raising(a):
        if a[0, 0] > 2:
            raise ValueError
        return a[-1:2, 0].sum()

    above = array.copy()
    above[300, 300] = 3
    out = np.zeros((400, 1000))[:, ::2]

    def all_calls(times: int) -> None:
        for _ in range(times):
            near(array)
            near(array, out=array)
            near(array, out=out)
            sliced(array)
            computed(array)
            with pytest.raises(ValueError):
                raising(above[:, ::-1])

    all_calls(3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    all_calls(125)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_references() -> None:
    """Neither arguments nor results are held."""
    array, out = A.copy(), np.zeros(5)
    counts = sys.getrefcount(array), sys.getrefcount(out)
    for _ in range(10):
        got = smooth(array, out=out)
        assert got is out
        del got
        smooth(array)
    assert (sys.getrefcount(array), sys.getrefcount(out)) == counts


def test_it_is_freed() -> None:
    made = stencil(lambda a: a[-1])
    made(A)
    seen = weakref.ref(made)
    del made
    gc.collect()
    assert seen() is None


# ------------------------------------------------------------------------------- plain Python


def third(a):
    return (a[-1] + a[0] + a[1]) / 3


def plane(a):
    return a[-2, 1] + 2 * a[0, -1] - a[1, 3]


def pair(a):
    return a[-1, 1], a[0, 0] > a[1, 1]


def around(a):
    return a[-1:2, ::-1].max() - a[0, -1:][0] + a.shape[1] * len(a)


def chosen(a, w, n):
    return a[n, -n] * w[n] + w.sum()


W = np.array([2.0, 3.0, 5.0])
GRID = np.random.default_rng(0).random((4, 5)).round(3) * 9
CASES: list[Any] = [
    *(
        (third, mode, (A,), {})
        for mode in ("constant", "nearest", "reflect", "mirror", "wrap", "valid")
    ),
    *(
        (plane, mode, (GRID,), {})
        for mode in ("wrap", "valid", (("valid", "wrap"), ("mirror", "constant")))
    ),
    (third, "wrap", (A.astype("f4"),), {}),
    (third, "wrap", (A.astype("i4"),), {}),
    (third, "wrap", (A.astype("c8"),), {"dtype": "c16"}),
    (third, "wrap", (A[:0],), {}),
    (third, "reflect", (A[:1],), {}),
    (pair, "nearest", (GRID,), {"dtype": ("f4", "i8")}),
    (pair, "nearest", (GRID,), {}),
    (pair, "valid", (GRID[:1],), {}),
    (around, "mirror", (GRID,), {"neighborhood": ((-1, 1), (-2, 0))}),
    (
        chosen,
        "constant",
        (GRID, W, 1),
        {"neighborhood": ((-1, 1), (-1, 1)), "standard_indexing": "w"},
    ),
]


@pytest.mark.parametrize("kernel, mode, args, options", CASES)
def test_plain_python_gives_the_same(
    kernel: Any, mode: Any, args: Any, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stencil(kernel, mode=mode, cval=2, **options)
    want = made(*args)
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1")
    got = made(*args)
    signatures = made.signatures
    for g, w in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, want)), strict=True):
        assert (g.dtype, g.shape) == (w.dtype, w.shape)
        np.testing.assert_allclose(g, w, rtol=1e-6)
    outs = tuple(np.zeros_like(each) for each in (want if isinstance(want, tuple) else (want,)))
    out = outs if isinstance(want, tuple) else outs[0]
    assert made(*args, out=out) is out
    np.testing.assert_array_equal(outs[0], got[0] if isinstance(got, tuple) else got)
    assert made.signatures == signatures


def test_plain_python_raises_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stencil(chosen, neighborhood=((-1, 1), (-1, 1)), standard_indexing="w")
    simple = stencil(third)
    ratio = stencil(lambda a: a[0] / a[1], error_model="python")
    calls = [
        lambda: made(GRID, W, 2),
        lambda: simple(A, out=np.zeros(4)),
        lambda: simple(A, out=np.zeros(5, int)),
        lambda: simple(3),
        lambda: ratio([1, 2]),
        lambda: simple(),
    ]

    def raised() -> list[type]:
        found = []
        for call in calls:
            with pytest.raises((IndexError, ValueError, TypeError)) as caught:
                call()
            found += [c for c in (IndexError, ValueError, TypeError) if isinstance(caught.value, c)]
        return found

    want = raised()
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1")
    assert raised() == want


def test_plain_python_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1")
    array = A.copy()
    assert smooth(array, out=array) is array
    np.testing.assert_array_equal(array, SMOOTH)
    inside = njit(lambda a: smooth(a) + 1)
    np.testing.assert_array_equal(inside(A), SMOOTH + 1)
