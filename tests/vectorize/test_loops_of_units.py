"""Ufuncs of dates and durations: every use of them, in whatever units and order, as NumPy's."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref

import numpy as np
import pytest

import kernelgen as kg
from kernelgen import SignatureError, TypingError, vectorize
from kernelgen.runtime import numpy_api

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("interpreted")]

DAYS = np.array(["2020-02-29", "NaT", "1960-05-05", "1969-12-31"], "M8[D]")
SECONDS = np.array(["2019-01-01T01", "2020", "1960", "NaT"], "M8[s]")
LENGTHS = np.array([90, -7, 0, 3], "m8[m]")
UNALIGNED = np.frombuffer(bytes(1) + SECONDS.tobytes(), "u1")[1:].view("M8[s]")
RECORDS = np.array([(1, d) for d in DAYS], [("n", "i1"), ("day", "M8[D]")])


def plus(x, y):
    return x + y


def minus(x, y):
    return x - y


def later(x, y):
    return np.maximum(x, y)


def same(got, want):
    if isinstance(want, tuple):
        for g, w in zip(got, want, strict=True):
            same(g, w)
    else:
        assert np.asarray(got).dtype == np.asarray(want).dtype
        np.testing.assert_array_equal(got, want)


def into(out, use):
    returned = use(out)
    return returned is out, returned


def at(ufunc, target, *arguments):
    ufunc.at(target, *arguments)
    return target


DIFFERENCES = {
    "call": lambda f: f(DAYS, SECONDS),
    "call of one unit": lambda f: f(DAYS, DAYS),
    "call the other way": lambda f: f(SECONDS, DAYS),
    "call of scalars": lambda f: f(DAYS[0], SECONDS[0]),
    "date and duration": lambda f: f(DAYS, LENGTHS),
    "durations": lambda f: f(LENGTHS, np.timedelta64(1, "s")),
    "integers": lambda f: f(DAYS, np.int8(3)),
    "an array of integers": lambda f: f(LENGTHS, np.arange(4)),
    "numbers": lambda f: f(3, 2.5),
    "broadcast": lambda f: f(DAYS[:, None], SECONDS),
    "strided": lambda f: f(DAYS[::-2], SECONDS[::2]),
    "swapped": lambda f: f(DAYS.astype(">M8[D]"), SECONDS.astype(">M8[us]")),
    "unaligned": lambda f: f(DAYS, UNALIGNED),
    "records": lambda f: f(RECORDS["day"], SECONDS),
    "empty": lambda f: f(DAYS[:0], SECONDS[:0]),
    "no dimensions": lambda f: f(DAYS[0], np.array(SECONDS[1])),
    "out": lambda f: into(np.zeros(4, "m8[s]"), lambda o: f(DAYS, SECONDS, out=o)),
    "out of another unit": lambda f: into(np.zeros(4, "m8[ms]"), lambda o: f(DAYS, SECONDS, o)),
    "out swapped": lambda f: into(np.zeros(4, ">m8[us]"), lambda o: f(DAYS, SECONDS, o)),
    "where": lambda f: f(DAYS, SECONDS, where=[1, 0, 1, 0] == np.ones(4), out=np.ones(4, "m8[s]")),
    "dtype": lambda f: f(DAYS, SECONDS, dtype="m8"),
    "signature": lambda f: f(DAYS, SECONDS, signature="MM->m"),
    "outer": lambda f: f.outer(DAYS, SECONDS),
    "reduce": lambda f: f.reduce(LENGTHS),
    "reduce along an axis": lambda f: f.reduce(LENGTHS.reshape(2, 2), axis=1),
}


@pytest.mark.parametrize("use", DIFFERENCES.values(), ids=DIFFERENCES)
def test_every_use_gives_what_numpys_subtract_gives(use, target):
    same(use(vectorize(minus, target=target)), use(np.subtract))


DIFFERENCES_ON_HOSTS = {
    "accumulate": lambda f: f.accumulate(LENGTHS),
    "reduceat": lambda f: f.reduceat(LENGTHS, [0, 2]),
    "at": lambda f: at(f, SECONDS.copy(), [0, 0, 1], LENGTHS[:3]),
    "at of one unit": lambda f: at(f, LENGTHS.copy(), [0, 0, 1], LENGTHS[:3]),
    "resolve_dtypes": lambda f: f.resolve_dtypes((DAYS.dtype, DAYS.dtype, None))[2:],
}


@pytest.mark.parametrize("use", DIFFERENCES_ON_HOSTS.values(), ids=DIFFERENCES_ON_HOSTS)
def test_every_use_of_a_host_gives_what_numpys_subtract_gives(use):
    same(use(vectorize(minus)), use(np.subtract))


REDUCTIONS = {
    "reduce": lambda f: f.reduce(SECONDS[:3]),
    "reduce with NaT": lambda f: f.reduce(DAYS),
    "reduce with initial": lambda f: f.reduce(DAYS[2:], initial=np.datetime64("2000")),
    "reduce where": lambda f: f.reduce(
        DAYS, where=[True, False, True, True], initial=np.datetime64("1900", "D")
    ),
    "reduce of two axes": lambda f: f.reduce(DAYS[[0, 2, 3, 3]].reshape(2, 2), axis=0),
    "reduce swapped": lambda f: f.reduce(DAYS[2:].astype(">M8[h]")),
    "reduce of durations": lambda f: f.reduce(LENGTHS),
    "reduce into out": lambda f: into(np.array("1900", "M8[D]"), lambda o: f.reduce(DAYS, out=o)),
    "keepdims": lambda f: f.reduce(LENGTHS, keepdims=True),
}


@pytest.mark.parametrize("use", REDUCTIONS.values(), ids=REDUCTIONS)
def test_every_reduction_gives_what_numpys_maximum_gives(use, target):
    same(use(vectorize(later, target=target)), use(np.maximum))


REDUCTIONS_ON_HOSTS = {
    "accumulate": lambda f: f.accumulate(DAYS[2:]),
    "at": lambda f: at(f, DAYS.copy(), [0, 3, 3], np.datetime64("2021-01-01")),
}


@pytest.mark.parametrize("use", REDUCTIONS_ON_HOSTS.values(), ids=REDUCTIONS_ON_HOSTS)
def test_every_reduction_of_a_host_gives_what_numpys_maximum_gives(use):
    same(use(vectorize(later)), use(np.maximum))


def test_sums_start_with_the_identity(target):
    total = vectorize(identity=0, target=target)(plus)
    same(total.reduce(LENGTHS[:0]), np.add.reduce(LENGTHS[:0]))
    same(total.reduce(LENGTHS.reshape(2, 2), axis=None), np.add.reduce(LENGTHS))
    assert total.reduce([1, 2]) == 3
    with pytest.raises(ValueError, match="no identity"):
        vectorize(identity=0, target=target)(later).reduce(DAYS[:0])


UNITS = ("Y", "M", "D", "h", "s", "ms", "25s", "ns")


def test_results_do_not_depend_on_the_order_of_calls():
    pairs = [p for p in itertools.product(UNITS, UNITS)]
    dates = {unit: np.array([0, 1, -3, 40], "i8").astype(f"M8[{unit}]") for unit in UNITS}
    for order in (pairs, pairs[::-1]):
        difference = vectorize(minus)
        for u, v in order:
            same(difference(dates[u], dates[v]), dates[u] - dates[v])


def test_threads_meet_units_at_once():
    difference = vectorize(minus)
    wrong = []

    def work(unit):
        x = np.arange(1000).astype(f"M8[{unit}]")
        for _ in range(20):
            if not np.array_equal(difference(x, SECONDS[0]), x - SECONDS[0]):
                wrong.append(unit)

    threads = [threading.Thread(target=work, args=(unit,)) for unit in UNITS[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# -------------------------------------------------------------------------------- signatures


def test_explicit_units_cast_inputs_and_outputs(target):
    elapsed = vectorize(["m8[ns](M8[ns],M8[ns])"], target=target)(minus)
    assert elapsed.signatures == []
    same(elapsed(DAYS, SECONDS), (DAYS - SECONDS).astype("m8[ns]"))
    same(elapsed(SECONDS, SECONDS), (SECONDS - SECONDS).astype("m8[ns]"))
    assert elapsed.signatures == ["m8[ns](M8[ns],M8[ns])"]
    coarse = vectorize("m8[h](M8[s],M8[s])", target=target)(minus)
    same(coarse(DAYS, SECONDS), (DAYS - SECONDS).astype("m8[h]"))
    fine = SECONDS.astype("M8[ns]")
    same(coarse(fine, fine), (SECONDS - SECONDS).astype("m8[h]"))
    with pytest.raises(TypeError, match="Cannot cast ufunc 'minus' input 0"):
        coarse(fine, fine, casting="safe")


def test_of_several_signatures_the_exact_one_wins_and_else_the_first_that_is_safe(target):
    which = vectorize(["m8[s](M8[s],M8[s])", "m8[D](M8[D],M8[D])"], target=target)(minus)
    assert which(DAYS, DAYS).dtype == "m8[D]"
    assert which(SECONDS, DAYS).dtype == "m8[s]"
    assert which(DAYS.astype("M8[h]"), DAYS).dtype == "m8[s]"
    assert which(DAYS.astype("M8[M]"), DAYS).dtype == "m8[s]"
    assert which(SECONDS.astype("M8[us]"), DAYS).dtype == "m8[s]"


def test_a_signature_without_units_takes_all(target):
    for text in ("m8(M8,M8)", "MM->m", "timedelta64(datetime64, datetime64)"):
        difference = vectorize(text, target=target)(minus)
        same(difference(DAYS, SECONDS), DAYS - SECONDS)
        same(difference(DAYS, DAYS), DAYS - DAYS)
        with pytest.raises(TypingError, match="no signature of minus takes"):
            difference(1.0, 2.0)
    exact = vectorize(["m8(M8,M8)", "m8[ms](M8[D],M8[D])"], target=target)(minus)
    assert exact(DAYS, DAYS).dtype == "m8[ms]"
    assert exact(DAYS, SECONDS).dtype == "m8[s]"


def test_types_make_signatures(target):
    date, hours = kg.datetime64["D"], kg.timedelta64["h"]
    move = vectorize(kg.datetime64["s"](date, hours), target=target)(plus)
    same(move(DAYS, np.timedelta64(3, "h")), (DAYS + np.timedelta64(3, "h")).astype("M8[s]"))
    assert move.declared_signatures[0].inputs == (date, hours)
    assert str(move.declared_signatures[0]) == "M8[s](M8[D],m8[h])"


def test_numbers_and_times_in_one_ufunc(target):
    both = vectorize(["f8(f8,f8)", "M8[s](M8[s],m8[s])"], target=target)(plus)
    assert both(1, 2) == 3.0
    same(both(SECONDS, LENGTHS), (SECONDS + LENGTHS).astype("M8[s]"))


def test_mixed_operands(target):
    scale = vectorize("m8[s](m8[s],f8)", target=target)(lambda t, k: t * k)
    same(scale(LENGTHS, 2), LENGTHS.astype("m8[s]") * 2.0)
    ratio = vectorize(lambda t: t / np.timedelta64(1, "h"), target=target)
    same(ratio(LENGTHS), LENGTHS / np.timedelta64(1, "h"))
    parts = vectorize(lambda t: (t.astype("M8[M]"), t - t.astype("M8[M]")), target=target)
    same(parts(DAYS), (DAYS.astype("M8[M]"), DAYS - DAYS.astype("M8[M]")))


def test_dates_made_of_numbers():
    day = vectorize(lambda n: n.astype("M8[D]"))
    same(day(np.arange(5)), np.arange(5).astype("M8[D]"))
    same(day.resolve_dtypes((np.dtype("i8"), None)), (np.dtype("i8"), np.dtype("M8[D]")))


@pytest.mark.parametrize(
    ("signatures", "message"),
    [
        ("i8(M8[s])", "the kernel returns datetime64[s], its signature has int64"),
        ("m8[s](M8[s])", "the kernel returns datetime64[s], its signature has timedelta64[s]"),
        ("M8[bad](M8[s])", "names the type 'M8[bad]', which does not exist"),
        ("M8[s/0](M8[s])", "names the type 'M8[s/0]', which does not exist"),
        (["f8(M8[s])", "i8(M8[D])"], "differ in their units alone"),
        (["M8[s](M8[s])", "M8[D](M8[s])"], "two signatures have the inputs of"),
    ],
)
def test_signatures_that_cannot_be(signatures, message):
    with pytest.raises(SignatureError) as caught:
        vectorize(signatures)(lambda x: x)
    assert message in str(caught.value)


def test_compile_and_inspect_take_units():
    difference = vectorize(minus)
    difference.compile("m8[s](M8[s],M8[D])")
    assert difference.signatures == ["m8[s](M8[s],M8[D])"]
    assert "time.sub" in difference.inspect_ir("M8[s],M8[D]")
    assert "i64" in difference.inspect_llvm((kg.datetime64["s"], np.dtype("M8[D]")))
    with pytest.raises(SignatureError, match="makes m8\\[s\\]"):
        difference.compile("m8[ms](M8[s],M8[s])")


def test_a_kernel_calls_one_with_a_signature():
    move = vectorize("M8[s](M8[s],m8[s])")(plus)
    anywhere = vectorize("M8(M8,m8)")(plus)
    step = np.timedelta64(90, "s")
    same(vectorize(lambda x: move(x, step))(DAYS), (DAYS + step).astype("M8[s]"))
    same(vectorize(lambda x: anywhere(x, step))(DAYS), DAYS + step)
    with pytest.raises(TypingError, match="cannot be cast safely"):
        vectorize(lambda x: move(x, step))(SECONDS.astype("M8[ns]"))


# ------------------------------------------------------------------------------------ errors


def test_an_error_about_units_is_that_of_the_call_and_nothing_is_left_of_it(target):
    total = vectorize(plus, target=target)
    for _ in range(3):
        with pytest.raises(TypingError, match=r"timedelta64\[m\] and timedelta64\[M\]") as caught:
            total(LENGTHS, np.timedelta64(1, "M"))
        assert "return x + y" in str(caught.value)
    same(total(LENGTHS, LENGTHS), LENGTHS + LENGTHS)


def test_casts_that_numpy_refuses(target):
    difference = vectorize(minus, target=target)
    with pytest.raises(TypeError, match="Cannot cast ufunc 'minus' output"):
        difference(DAYS, DAYS, out=np.zeros(4, "i8"))
    with pytest.raises(TypeError, match="Cannot cast ufunc 'minus' output"):
        difference(DAYS, DAYS, out=np.zeros(4, "m8[M]"))
    with pytest.raises(TypeError, match="does not exist for"):
        vectorize(plus, target=target).reduce(DAYS)
    with pytest.raises(TypeError, match="not details such as the byte order or time unit"):
        difference(DAYS, DAYS, dtype="m8[s]")


def test_units_that_kernels_cannot_have(target):
    zero = np.zeros(2, "M8[0s]")
    with pytest.raises(TypingError, match="kernels cannot have datetime64"):
        vectorize(minus, target=target)(zero, zero)


def test_exceptions_of_kernels_reach_the_caller(target):
    @vectorize(target=target)
    def after_epoch(x):
        if x < np.datetime64(0, "s"):
            raise ValueError("too early")
        return x

    same(after_epoch(SECONDS[:2]), SECONDS[:2])
    for dates in (DAYS, SECONDS):
        with pytest.raises(ValueError, match="too early"):
            after_epoch(dates)


# --------------------------------------------------------------------------------------- life


def test_kernels_without_times_have_no_such_slot(monkeypatch):
    seen = []
    add_loop = numpy_api._add_loop

    def watch(ufunc, spec):
        slots = spec._obj.slots
        numbers = (slots[i].slot for i in itertools.count())
        seen.append(list(itertools.takewhile(bool, numbers)))  # a zero ends the list
        return add_loop(ufunc, spec)

    monkeypatch.setattr(numpy_api, "_add_loop", watch)
    total = vectorize(plus)
    total(1, 2)
    assert numpy_api._RESOLVE_DESCRIPTORS not in seen[-1]
    total(DAYS, LENGTHS)
    assert numpy_api._RESOLVE_DESCRIPTORS in seen[-1]
    total(SECONDS, LENGTHS)
    assert len(seen) == 2


def test_a_ufunc_that_met_times_is_freed(target):
    def used() -> weakref.ref:
        def kernel(x, y):
            return x - y

        ufunc = vectorize(kernel, target=target)
        ufunc(DAYS, SECONDS)
        ufunc(DAYS, DAYS)
        return weakref.ref(kernel)

    kernel = used()
    gc.collect()
    assert kernel() is None
