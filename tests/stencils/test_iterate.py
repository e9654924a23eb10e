"""Stencils applied to their own results: one step at a time, and several on one way."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from kernelgen import iterate, schedule, stencil

pytestmark = pytest.mark.any_python


def repeated(k, arrays, steps, *args):
    """What a loop of calls gives."""
    state = arrays
    for _ in range(steps):
        made = k(*state, *args)
        state = made if isinstance(made, tuple) else (made,)
    return state


@pytest.fixture(params=[1, 2, 5])
def at_once(request, monkeypatch):
    """So many steps on one way through memory, whatever the size, where that can be."""
    if request.param == 1:
        return 1
    real = schedule.steps_at_once

    def steps(plan, shape, itemsizes):
        monkeypatch.setattr(schedule, "cache_size", lambda: 0)
        monkeypatch.setattr(schedule, "kept_bytes", lambda: 1 << 60)
        monkeypatch.setattr(schedule, "_MOST_STEPS", request.param)
        return real(plan, shape, itemsizes)

    monkeypatch.setattr(iterate, "steps_at_once", steps)
    return request.param


def uneven(a):
    return 0.2 * (a[-2, 0] + a[1, 0] + a[0, -1] + a[0, 3]) + 0.1


MODES = [
    "constant",
    "nearest",
    "reflect",
    "mirror",
    "wrap",
    "valid",
    ("wrap", ("nearest", "constant")),
    (("mirror", "reflect"), "wrap"),
    (("wrap", "nearest"), "constant"),
]
MADE = {mode: stencil(uneven, mode=mode, cval=2.0) for mode in MODES}
ON_DEVICE = {mode: stencil(uneven, mode=mode, cval=2.0, target="cuda") for mode in MODES}


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_every_mode_gives_what_a_loop_of_calls_gives(mode, at_once):
    rng = np.random.default_rng(0)
    k = MADE[mode]
    for shape in (7, 9), (40, 31), (1, 5), (2, 2), (3, 1), (0, 3):
        for order in "CF":
            a = np.asarray(rng.random(shape), order=order)
            (right,) = repeated(k, (a,), 13)
            assert np.array_equal(k.iterate(a, 13), right), (shape, order)


@pytest.mark.parametrize("mode", MODES[-3:], ids=str)
def test_a_device_gives_what_a_loop_of_calls_gives(mode, emulated):
    a = np.random.default_rng(0).random((9, 31))
    (right,) = repeated(MADE[mode], (a,), 5)
    assert np.array_equal(ON_DEVICE[mode].iterate(a, 5), right)


def test_three_dimensions(at_once):
    k = stencil(lambda a: (a[-1, 0, 0] + a[1, 0, 0] + a[0, -1, 1]) / 3, mode="reflect")
    a = np.random.default_rng(1).random((9, 6, 7))
    (right,) = repeated(k, (a,), 12)
    assert np.array_equal(k.iterate(a, 12), right)


def test_several_arrays_and_what_stays_the_same(at_once, target):
    @stencil(mode="wrap", target=target)
    def wave(now, before, speed, factor):
        curve = now[-1, 0] + now[1, 0] + now[0, -1] + now[0, 1] - 4 * now[0, 0]
        return 2 * now[0, 0] - before[0, 0] + factor * speed[0, -1] * curve, now[0, 0]

    rng = np.random.default_rng(2)
    state, speed = (rng.random((20, 30)), rng.random((20, 30))), rng.random((20, 30))
    right = repeated(wave, state, 11, speed, 0.3)
    made = wave.iterate(state, 11, speed, 0.3)
    assert isinstance(made, tuple)
    assert all(map(np.array_equal, made, right))


def test_an_array_that_is_computed_may_be_indexed_as_usual(at_once):
    @stencil(mode="nearest", standard_indexing=("w",))
    def k(w, a):
        return w[1, 1] + a[-1, 0]

    w, a = np.zeros((6, 5)), np.random.default_rng(5).random((6, 5))
    (right,) = repeated(lambda w: k(w, a), (w,), 7)
    assert np.array_equal(k.iterate(w, 7, a), right)


def test_the_dtype_is_that_of_a_loop_of_calls(at_once, target):
    k = stencil(lambda a: (a[0, -1] + a[1, 0]) / 2, mode="wrap", target=target)
    a = np.arange(24, dtype="i4").reshape(4, 6)
    (right,) = repeated(k, (a,), 6)
    made = k.iterate(a, 6)
    assert made.dtype == right.dtype == float
    assert np.array_equal(made, right)


def test_the_start_is_not_changed_and_the_result_is_an_array_of_its_own(at_once, target):
    k = {"cpu": MADE, "cuda": ON_DEVICE}[target]["wrap"]
    a = np.ones((6, 6))
    kept = a.copy()
    for steps in range(5):
        made = k.iterate(a, steps)
        assert not np.shares_memory(made, a)
        assert np.array_equal(a, kept)
    assert np.array_equal(k.iterate(a, 0), a)


def test_the_result_goes_to_out(at_once, target):
    k = {"cpu": MADE, "cuda": ON_DEVICE}[target]["nearest"]
    a = np.random.default_rng(3).random((8, 9))
    right = k.iterate(a, 7)
    out = np.empty((9, 8)).T
    assert k.iterate(a, 7, out=out) is out
    assert np.array_equal(out, right)
    assert k.iterate(a, 7, out=a) is a
    assert np.array_equal(a, right)
    with pytest.raises(ValueError, match=r"shape \(2, 2\), but the result has \(8, 9\)"):
        k.iterate(a, 3, out=np.empty((2, 2)))
    with pytest.raises(TypeError, match="same_kind"):
        k.iterate(a, 3, out=np.empty((8, 9), int))


def test_it_stops_when_nothing_changes():
    k = stencil(lambda a: (a[-1] + 2 * a[0] + a[1]) / 4, mode="nearest")
    a = np.array([0.0, 4.0, 8.0])
    made, taken = k.iterate(a, 1000, until=0.01)
    (before,), (last,) = repeated(k, (a,), taken - 1), repeated(k, (a,), taken)
    assert np.array_equal(made, last)
    assert np.abs(last - before).max() <= 0.01
    (earlier,) = repeated(k, (a,), taken - 2)
    assert np.abs(before - earlier).max() > 0.01
    _, taken = k.iterate(a, 3, until=0.0)
    assert taken == 3


@pytest.mark.parametrize("dtype", ("?", "u1", "i8", "f4", "c8"))
def test_changes_of_all_types_are_measured(dtype):
    k = stencil(lambda a: a[0], mode="nearest")
    _, taken = k.iterate(np.zeros(4, dtype), 10, until=0)
    assert taken == 1
    shift = stencil(lambda a: a[-1], mode="constant", cval=1)
    _, taken = shift.iterate(np.zeros(4, dtype), 10, until=0)
    assert taken == 5


def test_times_change_by_times():
    k = stencil(lambda a: a[-1], mode="nearest")
    a = np.array([1, 1, 1, 9], "m8[s]")
    made, taken = k.iterate(a, 9, until=np.timedelta64(0, "s"))
    assert taken == 2
    assert np.array_equal(made, np.array([1, 1, 1, 1], "m8[s]"))


def test_nan_is_a_change():
    k = stencil(lambda a: a[0] * 1.0, mode="nearest")
    _, taken = k.iterate(np.array([np.nan, 1.0]), 4, until=1.0)
    assert taken == 4


def test_what_it_refuses(target):
    k = {"cpu": MADE, "cuda": ON_DEVICE}[target]["wrap"]
    two = stencil(lambda a: (a[0], a[1]), mode="wrap", target=target)
    a = np.ones((3, 3))
    with pytest.raises(ValueError, match="uneven.iterate.. cannot go -1 steps"):
        k.iterate(a, -1)
    with pytest.raises(TypeError, match="integer"):
        k.iterate(a, 1.5)
    with pytest.raises(TypeError, match="starts from an array, or a tuple of them"):
        k.iterate([[1.0]], 1)
    with pytest.raises(TypeError, match="makes 2 arrays of 1"):
        two.iterate(np.ones(3), 2)
    with pytest.raises(TypeError, match="missing a required argument"):
        stencil(lambda a, w: a[0], mode="wrap", target=target).iterate(np.ones(3), 2)


def test_an_error_in_a_later_step_reaches_the_caller(at_once, target):
    @stencil(mode="wrap", target=target)
    def growing(a):
        if a[0, 0] > 50:
            raise ValueError(f"{a[0, 0]} is too much")
        return 2 * a[0, 0]

    with pytest.raises(ValueError, match="64.0 is too much"):
        growing.iterate(np.ones((5, 5)), 20)


def test_progress_is_shown_by_tqdm(monkeypatch):
    seen = []

    class Bar:
        def __init__(self, total, desc, unit):
            seen.append((total, desc, unit))

        def update(self, steps):
            seen.append(steps)

        def close(self):
            seen.append("closed")

    module = types.ModuleType("tqdm.auto")
    module.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    MADE["wrap"].iterate(np.ones((3, 3)), 4, progress=True)
    assert seen[0] == (4, "uneven", "step")
    assert sum(each for each in seen[1:] if isinstance(each, int)) == 4
    assert seen[-1] == "closed"
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.warns(UserWarning, match="without tqdm"):
        MADE["wrap"].iterate(np.ones((3, 3)), 1, progress=True)


def test_plain_python_gives_the_same(monkeypatch):
    a = np.random.default_rng(4).random((5, 4))
    right = MADE["mirror"].iterate(a, 3)
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1")
    assert np.array_equal(MADE["mirror"].iterate(a, 3), right)


def test_the_model_of_the_cache(monkeypatch):
    monkeypatch.setattr(schedule, "cache_size", lambda: 1 << 20)
    plan = stencil(lambda a: a[-1, 0] + a[0, 1], mode="nearest").kernel.plan((np.ones((2, 2)),))
    assert schedule.steps_at_once(plan, (100, 100), (8,)) == 1  # it is in the cache
    assert schedule.steps_at_once(plan, (4000, 4000), (8,)) == (1 << 19) // (3 * 32_000)
    assert schedule.steps_at_once(plan, (4000, 4000), (4,)) == (1 << 19) // (3 * 16_000)
    assert schedule.steps_at_once(plan, (10_000, 1000), (4,)) == 16
    assert schedule.steps_at_once(plan, (10, 1_000_000), (8,)) == 1
    ends = stencil(lambda a: a[-1, 0], mode=("wrap", "nearest")).kernel.plan((np.ones((2, 2)),))
    assert schedule.steps_at_once(ends, (4000, 4000), (8,)) > 1  # nothing is read behind
