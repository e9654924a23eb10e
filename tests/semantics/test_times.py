"""Dates and durations: NumPy's values and units, on every back end; what NumPy refuses is refused."""

from __future__ import annotations

import datetime
import operator

import numpy as np
import pytest
from backends import NAT, attempt, check, edges, grid, quiet
from hypothesis import given
from hypothesis import strategies as st

import kernelgen
from kernelgen import TypingError, UnsupportedError, pipeline, vectorize
from kernelgen.ir.interp import interpret
from kernelgen.ops.convert import convert_value
from kernelgen.types import table
from kernelgen.types.table import INT64, named
from kernelgen.types.units import is_convertible

pytestmark = [pytest.mark.any_python, pytest.mark.usefixtures("unoptimised")]

UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s", "3M", "7D")
LINEAR = tuple(unit for unit in UNITS if unit[-1] not in "MY")
NEIGHBOURS = (
    ("D", "s"),
    ("s", "D"),
    ("ms", "25s"),
    ("Y", "M"),
    ("3M", "Y"),
    ("h", "W"),
    ("s", "s"),
)
neighbours = pytest.mark.parametrize(("u", "v"), NEIGHBOURS)

DAY_ONE = np.datetime64("2020-01-01")
HOUR = np.timedelta64(1, "h")
UINT64 = np.dtype("u8")


def message_of(kernel, *arrays) -> str:
    with pytest.raises((TypingError, UnsupportedError)) as caught:
        vectorize(kernel)(*arrays)
    return str(caught.value)


# -------------------------------------------------------------------------------- operators


@neighbours
def test_sums_and_differences(u, v):
    check(lambda x, y: x - y, *grid(f"M8[{u}]", f"M8[{v}]"))
    check(lambda x, y: (x + y, x - y), *grid(f"m8[{u}]", f"m8[{v}]"))
    if (u, v) != ("3M", "Y"):
        check(lambda x, y: (x + y, y + x, x - y), *grid(f"M8[{u}]", f"m8[{v}]"))


def test_a_date_of_months_and_a_duration_of_days():
    check(lambda x, y: (x + y, x - y), *grid("M8[M]", "m8[D]"))
    check(lambda x, y: x - y, *grid("M8[Y]", "M8[s]"))


@neighbours
def test_quotients_of_durations(u, v):
    check(lambda x, y: (x / y, x // y, x % y), *grid(f"m8[{u}]", f"m8[{v}]"))

    def both(x, y):
        quotient, remainder = divmod(x, y)
        return quotient, remainder

    check(both, *grid(f"m8[{u}]", f"m8[{v}]"))


@pytest.mark.parametrize("dtype", ["i1", "u2", "i4"])
def test_durations_and_integers(dtype):
    check(lambda x, n: (x * n, n * x, x / n, x // n), *grid("m8[s]", dtype))
    check(lambda x, n: (x + n, n + x, x - n, n - x), *grid("m8[s]", dtype))
    check(lambda x, n: (x + n, n + x, x - n), *grid("M8[D]", dtype))


def test_durations_and_bools():
    check(lambda x, n: (x * n, n + x, x > n), *grid("m8[s]", "?"))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_durations_and_floats(dtype):
    """Beyond 64 bits NumPy's result is the processor's; here it is NaT."""
    x, y = grid("m8[s]", dtype)
    with quiet():
        made = (x.view(np.int64) * np.float64(y), x.view(np.int64) / np.float64(y))
    inside = np.all([np.isnan(m) | (abs(m) < 2.0**63) for m in made], axis=0)
    check(lambda x, y: (x * y, y * x, x / y, x // y), x[inside], y[inside])
    assert np.isnat(vectorize(lambda x, y: x * y)(x[~inside], y[~inside])).any()
    huge = np.array([1e300, -1e300, np.inf, -np.inf, np.nan, 2.0**63, -(2.0**63)])
    assert np.isnat(vectorize(lambda x, y: x * y)(np.timedelta64(1, "s"), huge)).all()


def test_literals_are_counts_or_factors():
    check(lambda x: (x + 1, 1 + x, x - 1, x * 2, x * 2.5, x / 2, x // 3, x / 0.5), edges("m8[s]"))
    check(lambda x: (x + 1, 1 + x, x - 1), edges("M8[D]"))
    check(lambda x: (x > 3, x == 7, 2 <= x), edges("m8[s]"))


@pytest.mark.parametrize("unit", ["Y", "D", "25s", "generic"])
def test_signs(unit):
    check(lambda x: (-x, +x, abs(x), np.negative(x), np.absolute(x)), edges(f"m8[{unit}]"))


def test_sign_is_a_number_or_a_duration_as_numpy_has_it():
    x = edges("m8[s]")
    with quiet():
        want = np.sign(x)
    got = vectorize(lambda x: np.sign(x))(x)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    if want.dtype.kind == "f":
        check(lambda x: np.sign(x), x)


@neighbours
@pytest.mark.parametrize("kind", ["M8", "m8"])
def test_comparisons(kind, u, v):
    def kernel(x, y):
        return x < y, x <= y, x == y, x != y, x > y, x >= y

    check(kernel, *grid(f"{kind}[{u}]", f"{kind}[{v}]"))
    check(
        lambda x, y: (np.less(x, y), np.greater_equal(x, y), np.not_equal(x, y)),
        *grid(f"{kind}[{u}]", f"{kind}[{v}]"),
    )


@neighbours
@pytest.mark.parametrize("kind", ["M8", "m8"])
def test_the_least_and_the_greatest(kind, u, v):
    pair = grid(f"{kind}[{u}]", f"{kind}[{v}]")
    met = np.promote_types(pair[0].dtype, pair[1].dtype)
    check(lambda x, y: min(x, y), *pair, dtype=met)
    check(lambda x, y: max(x, y), *pair, dtype=met)
    check(lambda x, y: (np.maximum(x, y), np.minimum(x, y)), *pair)
    check(lambda x, y: (np.fmax(x, y), np.fmin(x, y)), *pair)
    check(lambda x, y: np.where(x < y, x, y), *pair, oracle=_where_less, dtype=met)


def _where_less(x, y):
    return np.where(x < y, x, y)[()]


@pytest.mark.parametrize("dtype", ["M8[D]", "m8[s]", "M8[25s]", "m8[Y]"])
def test_questions(dtype):
    check(lambda x: (np.isnat(x), np.isfinite(x), np.isinf(x), np.isnan(x)), edges(dtype))
    check(lambda x: (bool(x), not x, 1 if x else 2), edges(dtype), dtype=("?", "?", "i8"))
    check(lambda x: x or x, edges(dtype))


def test_clip_and_logic():
    x, y = grid("m8[s]", "m8[s]")
    check(lambda x, y: (np.clip(x, y, y + 5), np.logical_and(x, y), np.logical_or(x, y)), x, y)


# ----------------------------------------------------------------------- constants and casts


def test_constants_are_globals_closures_and_calls():
    limit = np.datetime64("2020-01-05T12")
    check(lambda x: x - DAY_ONE, edges("M8[s]"))
    check(lambda x: x + HOUR * 24 if x > limit else x - HOUR, edges("M8[m]"))
    check(lambda x, by=HOUR: x + by, edges("M8[D]"))
    check(lambda x: (x - np.datetime64("1999-12-31")) / np.timedelta64(1, "D"), edges("M8[h]"))
    check(lambda x: x if x > np.datetime64(5, "D") else np.datetime64("NaT", "h"), edges("M8[D]"))
    check(lambda x: np.timedelta64(7, ("s", 25)) + x, edges("m8[s]"))


def test_durations_made_of_integers():
    for dtype in ("i1", "i4", "u4"):
        check(lambda n: np.timedelta64(n, "s"), edges(dtype))
    check(lambda n: np.timedelta64(n, "25s") + np.timedelta64(n), edges("i2"))


def test_dates_made_of_pythons_integers():
    def kernel(n):
        day = 0
        for _ in range(n):
            day += 2
        return np.datetime64(day, "D")

    got = vectorize(kernel)(np.arange(4))
    np.testing.assert_array_equal(got, np.arange(0, 8, 2).astype("M8[D]"))


@pytest.mark.parametrize(("u", "v"), [("D", "M"), ("M", "D"), ("D", "Y"), ("s", "D"), ("D", "s")])
def test_constructors_convert_units(u, v):
    check(lambda x, unit=v: np.datetime64(x, unit), edges(f"M8[{u}]"))
    check(lambda x: np.datetime64(x), edges(f"M8[{u}]"))
    durations = edges(f"m8[{u}]")
    check(lambda x: np.timedelta64(x), durations)
    if not np.isnat(np.timedelta64(np.timedelta64("NaT", "D"), "s")):  # older versions of NumPy
        durations = durations[~np.isnat(durations)]
    if "M" not in (u, v) and "Y" not in (u, v):
        check(lambda x, unit=v: np.timedelta64(x, unit), durations)


@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", "f4", "f8", "?", "c16"])
@pytest.mark.parametrize("source", ["M8[D]", "m8[s]"])
def test_astype_and_constructors_make_numbers(source, dtype):
    make = np.dtype(dtype).type
    if dtype != "c16":
        check(lambda x: make(x), edges(source))
    check(lambda x: x.astype(dtype), edges(source))


@pytest.mark.parametrize("dtype", ["i8", "i1", "u4", "?", "f8", "f4"])
def test_astype_makes_times_of_numbers(dtype):
    x = edges(dtype)
    if dtype[0] == "f":
        x = x[~(abs(x) >= 2.0**63)]
    check(lambda x: (x.astype("m8[s]"), x.astype("M8[D]")), x)


def test_astype_of_numbers():
    check(lambda x: x.astype("f4") * x.astype(np.int8), edges("i2"))
    check(lambda x: x.astype(UINT64), edges("i2"))
    assert "astype() takes one constant" in message_of(lambda x, y: x.astype(y), 1.0, 2.0)
    assert "to a type that kernels do not have" in message_of(lambda x: x.astype("U3"), 1.0)
    assert "Python int has no astype()" in message_of(lambda x: int(x).astype("i4"), 1.0)


def test_astype_between_kinds_keeps_the_count():
    check(lambda x: (x.astype("m8[s]"), x.astype("M8")), edges("M8[D]"))
    check(lambda x: (x.astype("M8[ns]"), x.astype("m8")), edges("m8[D]"))


@st.composite
def conversions(draw):
    kind = draw(st.sampled_from("Mm"))
    units = draw(st.tuples(st.sampled_from(UNITS), st.sampled_from(UNITS)))
    source, to = (named(f"{kind}8[{unit}]") for unit in units)
    bound = draw(st.sampled_from((400, 10**5, 10**9, 10**12)))
    counts = draw(st.lists(st.integers(-bound, bound), min_size=4, max_size=4))
    return source, to, np.array([*counts, NAT], np.int64).view(source.dtype)


@given(conversions())
def test_conversions_between_units_are_numpys(case):
    """Where NumPy's overflow in passing, only the back ends are compared with each other."""
    source, to, values = case
    if not is_convertible(source, to):
        return
    kernel = eval(f"lambda x: x.astype({to.name!r})")
    got = vectorize(kernel)(values)
    assert got.dtype == to.dtype
    wanted = [convert_value(value, to) for value in values]
    np.testing.assert_array_equal(got, np.array(wanted, to.dtype))
    function = pipeline.rewritten(pipeline.Request(kernel, (source,)))
    assert [interpret(function, (v,)).view(np.int64) for v in values] == list(got.view(np.int64))
    if np.all(np.abs(in_years(values[:-1])) < 200) and in_range(source, to):
        with quiet():
            np.testing.assert_array_equal(got, values.astype(to.dtype))


def in_years(values: np.ndarray) -> np.ndarray:
    """How long that is, about."""
    year = np.timedelta64(31556952, "s")
    count = values.view(np.int64).astype(float)
    unit = named(values.dtype.str[1:])
    return count * (kernelgen.types.units.length(unit) / 10**18) / (year / np.timedelta64(1, "s"))


def in_range(source, to) -> bool:
    """Whether 200 years, times NumPy's factors, fit into 64 bits."""
    return all(t.unit[0] not in ("ns", "ps", "fs", "as") for t in (source, to))


# ------------------------------------------------------------------------------ refused, wraps


@pytest.mark.parametrize(
    ("kernel", "types", "message"),
    [
        (lambda x, y: x + y, "M8[D] M8[D]", "`+` does not exist for datetime64[D]"),
        (lambda x, y: x * y, "M8[D] i8", "`*` does not exist for datetime64[D] and int64"),
        (lambda x, y: x * y, "m8[D] m8[D]", "`*` does not exist for timedelta64[D]"),
        (lambda x, y: y - x, "M8[D] m8[D]", "`-` does not exist for timedelta64[D]"),
        (lambda x, y: x + y, "m8[D] f8", "`+` does not exist for timedelta64[D] and float64"),
        (lambda x, y: x % y, "m8[D] i8", "`%` does not exist for timedelta64[D] and int64"),
        (lambda x, y: y / x, "m8[D] i8", "`/` does not exist for int64 and timedelta64[D]"),
        (lambda x, y: x < y, "M8[D] m8[D]", "`<` does not exist for datetime64[D]"),
        (lambda x, y: x == y, "M8[D] i8", "`==` does not exist for datetime64[D] and int64"),
        (lambda x, y: x == y, "m8[D] f8", "`==` does not exist for timedelta64[D]"),
        (lambda x, y: -x, "M8[D] i8", "`-` does not exist for datetime64[D]"),
        (lambda x, y: abs(x), "M8[D] i8", "abs() does not exist for datetime64[D]"),
        (lambda x, y: x**2, "m8[D] i8", "`**` does not exist for timedelta64[D]"),
        (lambda x, y: x & y, "m8[D] m8[D]", "`&` does not exist for timedelta64[D]"),
        (lambda x, y: ~x, "m8[D] m8[D]", "invert() does not exist for timedelta64[D]"),
        (lambda x, y: int(x), "m8[D] i8", "int() does not exist for timedelta64[D]"),
        (lambda x, y: float(x), "M8[D] i8", "float() does not exist for datetime64[D]"),
        (lambda x, y: round(x), "m8[D] i8", "round() does not exist for timedelta64[D]"),
        (lambda x, y: range(x), "m8[D] i8", "range() does not exist for timedelta64[D]"),
        (lambda x, y: np.sqrt(x), "m8[D] i8", "np.sqrt() does not exist for timedelta64[D]"),
        (lambda x, y: np.isnat(y), "m8[D] i8", "np.isnat() does not exist for int64"),
        (lambda x, y: np.where(y, x, y), "M8[D] i8", "np.where() has no type for datetime64[D]"),
        (lambda x, y: min(x, y), "M8[D] m8[D]", "min() does not exist for datetime64[D]"),
        (lambda x, y: x if x else y, "M8[D] m8[D]", "datetime64[D]"),
        (lambda x, y: np.timedelta64(y, "s"), "m8[D] f8", "makes no timedelta64[s] of float64"),
        (lambda x, y: np.datetime64(y, "s"), "m8[D] i8", "makes no datetime64[s] of int64"),
        (lambda x, y: np.datetime64(x, "s"), "m8[D] i8", "makes no datetime64[s] of timedelta64"),
        (lambda x, y: np.timedelta64(x, "M"), "m8[D] i8", "makes no timedelta64[M] of"),
        (lambda x, y: x.astype("m8[as]"), "m8[W] i8", "is too large"),
        (lambda x, y: x.astype("i8").foo, "m8[W] i8", "the attribute 'foo' of int64"),
        (lambda x, y: np.datetime64("today"), "m8[W] i8", "'today', is no constant"),
        (lambda x, y: np.datetime64("no"), "m8[W] i8", "datetime64(): Error parsing"),
        (lambda x, y: np.timedelta64(1, y), "m8[W] i8", "a number and a constant unit"),
        (lambda x, y: np.timedelta64(x, "bad"), "m8[W] i8", "there is no unit 'bad'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_numpy_refuses_is_refused_at_the_users_line(kernel, types, message):
    arrays = [np.ones(2, "i8").astype(dtype) for dtype in types.split()]
    found = message_of(kernel, *arrays)
    # NumPy asks for a loop before it knows the units.
    assert message.replace("[D]", "") in found.replace("[D]", "")
    assert "test_times.py" in found and "^" in found


@pytest.mark.parametrize(("u", "v"), [("m8[M]", "m8[D]"), ("M8[D]", "m8[M]"), ("m8[W]", "m8[as]")])
def test_units_that_do_not_go_together(u, v):
    arrays = [np.ones(2, "i8").astype(dtype) for dtype in (u, v)]
    found = message_of(lambda x, y: x + y, *arrays)
    first, second = (named(t).long_name for t in (u, v))
    assert f"`+` does not exist for {first} and {second}" in found
    assert "these units do not go together" in found


def test_overflow_wraps():
    """On every version of NumPy, some of which raise OverflowError."""
    most = np.array([INT64.maximum, INT64.maximum - 1, NAT + 1], np.int64).view("m8[s]")
    one = np.timedelta64(1, "s")
    with quiet():
        plus, twice = most.view(np.int64) + 1, most.view(np.int64) * 2
    for kernel, want in ((lambda x, y: x + y, plus), (lambda x, y: x * 2, twice)):
        got = vectorize(kernel)(most, one)
        np.testing.assert_array_equal(got.view(np.int64), want)
        typed = pipeline.rewritten(pipeline.Request(kernel, (named("m8[s]"), named("m8[s]"))))
        found = [interpret(typed, (x, one)).view(np.int64) for x in most]
        np.testing.assert_array_equal(found, want)


# ------------------------------------------------------------------------------ a property

OPERATORS = {
    "x + y": operator.add,
    "x - y": operator.sub,
    "x * y": operator.mul,
    "x / y": operator.truediv,
    "x // y": operator.floordiv,
    "x % y": operator.mod,
    "x < y": operator.lt,
    "x >= y": operator.ge,
    "x == y": operator.eq,
    "x != y": operator.ne,
    "np.maximum(x, y)": np.maximum,
    "np.fmin(x, y)": np.fmin,
}
DTYPES = [f"{kind}8[{unit}]" for kind in "Mm" for unit in UNITS] + ["i8", "i4", "f8", "M8", "m8"]
UFUNCS = {text: vectorize(eval(f"lambda x, y: {text}")) for text in OPERATORS}
"""Made once, so that each has met many units before."""


def counts(dtype: str) -> st.SearchStrategy[int]:
    special = st.sampled_from((0, 1, -1, NAT, NAT + 1, INT64.maximum))
    number = st.integers(-(10**6), 10**6)
    return number if dtype[0] in "if" else st.one_of(number, special)


@given(st.data())
def test_operators_of_any_units_are_numpys(data):
    text = data.draw(st.sampled_from(sorted(OPERATORS)))
    dtypes = data.draw(st.tuples(st.sampled_from(DTYPES), st.sampled_from(DTYPES)))
    if not any(dtype[0] in "Mm" for dtype in dtypes):
        return
    arrays = [
        np.array(data.draw(st.lists(counts(d), min_size=3, max_size=3)), np.int64).astype(d)
        if d[0] in "if"
        else np.array(data.draw(st.lists(counts(d), min_size=3, max_size=3)), np.int64).view(d)
        for d in dtypes
    ]
    with quiet():
        want = attempt(OPERATORS[text], *arrays)
    if not isinstance(want, np.ndarray):
        if want.cls is not OverflowError or "metadata" in want.text or "factor" in want.text:
            with pytest.raises(TypingError):
                UFUNCS[text](*arrays)
        return
    if want.dtype == bool and text in ("x == y", "x != y") and not _comparable(dtypes):
        return  # NumPy: all different
    got = UFUNCS[text](*arrays)
    assert got.dtype == want.dtype
    outside = _beyond_64_bits(text, arrays)
    np.testing.assert_array_equal(got[~outside], want[~outside])


def _comparable(dtypes) -> bool:
    kinds = {np.dtype(dtype).kind for dtype in dtypes}
    return len(kinds) == 1 or kinds == {"m", "i"}


def _beyond_64_bits(text, arrays) -> np.ndarray:
    """Where a duration times a float overflows, which NumPy leaves to the processor."""
    floats = [a for a in arrays if a.dtype.kind == "f"]
    if not floats:
        return np.zeros(3, bool)
    with quiet():
        numbers = [a.view(np.int64).astype(float) if a.dtype.kind == "m" else a for a in arrays]
        made = numbers[0] * numbers[1] if text == "x * y" else numbers[0] / numbers[1]
    return ~(abs(made) < 2.0**63) & ~np.isnan(made)


# ---------------------------------------------------------------------------- everyday kernels


def test_loops_and_helpers():
    def weekday(day):
        return (day.astype("i8") + 3) % 7

    def business_days(start, stop):
        count = 0
        while start < stop:
            count += weekday(start) < 5
            start += 1
        return count

    starts, stops = grid("M8[D]", "M8[D]")
    near = ~(np.isnat(starts) | np.isnat(stops)) & (abs(stops - starts) < np.timedelta64(400, "D"))
    check(business_days, starts[near], stops[near], dtype="i8")
    np.testing.assert_array_equal(
        vectorize(business_days)(starts[near], stops[near]),
        np.maximum(np.busday_count(starts[near], stops[near]), 0),
    )


def test_months_by_the_calendar():
    def end_of_month(day):
        return (day.astype("M8[M]") + 1).astype("M8[D]") - np.timedelta64(1, "D")

    check(end_of_month, edges("M8[D]"))
    days = np.arange(np.datetime64("1895-01-01"), np.datetime64("2105-01-01"))
    with quiet():
        want = (days.astype("M8[M]") + 1).astype("M8[D]") - np.timedelta64(1, "D")
    np.testing.assert_array_equal(vectorize(end_of_month)(days), want)


def test_pythons_error_model():
    divide = vectorize(error_model="python")(lambda x, y: x // y)
    with pytest.raises(ZeroDivisionError):
        divide(np.timedelta64(1, "s"), np.timedelta64(0, "s"))
    with pytest.raises(ZeroDivisionError):
        divide(np.timedelta64(1, "s"), 0)
    assert divide(np.timedelta64(7, "m"), np.timedelta64(3, "s")) == 140


def test_floating_point_errors_are_reported_on_demand():
    ratio = vectorize(fp_errors="numpy")(lambda x, y: x / y)
    with np.errstate(divide="raise"):
        with pytest.raises(FloatingPointError, match="divide by zero"):
            ratio(np.timedelta64(1, "s"), np.timedelta64(0, "s"))
        assert np.isnan(ratio(np.timedelta64("NaT", "s"), np.timedelta64(0, "s")))
    whole = vectorize(fp_errors="numpy")(lambda x, y: (x // y, x % y))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        whole(np.timedelta64(1, "s"), np.timedelta64(0, "s"))


def test_pythons_durations_are_objects_to_numpy():
    add = vectorize(lambda x, y: x + y)
    with pytest.raises(TypingError, match="was given object"):
        add(np.datetime64(5, "s"), datetime.timedelta(1))


def test_the_type_of_a_constant_has_its_unit():
    assert table.from_dtype(HOUR.dtype) is named("m8[h]")
