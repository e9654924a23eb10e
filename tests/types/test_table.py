"""The table of scalar types: everything that is derived from a row agrees with NumPy and LLVM."""

from __future__ import annotations

import pickle
import sys
from types import SimpleNamespace

import llvmlite.binding as llvm
import numpy as np
import pytest

from kernelgen.errors import SignatureError
from kernelgen.types import table
from kernelgen.types.table import (
    DATETIME,
    SCALARS,
    TIMEDELTA,
    TIMES,
    WEAK,
    from_dtype,
    named,
    ticks_of,
    time_of,
)

ALL = SCALARS + TIMES
UNITS = [
    "Y",
    "M",
    "W",
    "D",
    "h",
    "m",
    "s",
    "ms",
    "us",
    "ns",
    "ps",
    "fs",
    "as",
    "25s",
    "2147483647D",
]
WITH_UNITS = tuple(row[unit] for row in TIMES for unit in UNITS)

all_rows = pytest.mark.parametrize("row", SCALARS, ids=str)
all_and_times = pytest.mark.parametrize("row", ALL + WITH_UNITS, ids=str)


@all_and_times
def test_a_row_and_its_dtype_say_the_same(row):
    assert row.dtype.itemsize == row.size
    assert row.dtype.kind == row.kind
    assert row.dtype.name in (row.long_name, *row.aliases)
    assert from_dtype(row.dtype) is row
    assert from_dtype(row.dtype.newbyteorder()) is row


@all_rows
def test_limits(row):
    if row.is_integer:
        assert (row.minimum, row.maximum) == (np.iinfo(row.dtype).min, np.iinfo(row.dtype).max)
    assert row.is_bool + row.is_integer + row.is_float + row.is_complex == 1
    assert row.is_signed == (row.kind == "i")


@all_and_times
def test_llvm_knows_the_types(row):
    text = f"define {row.llvm} @f({row.memory} %x) {{ ret {row.llvm} zeroinitializer }}"
    module = llvm.parse_assembly(text)
    parameter = next(next(iter(module.functions)).arguments).type
    data = llvm.create_target_data("e-i64:64-f80:128-n8:16:32:64-S128")
    assert data.get_abi_size(parameter) == row.size


def test_every_numpy_type_of_these_kinds_has_a_row():
    for char in "?bhilqBHILQefdgFDG":
        row = from_dtype(np.dtype(char))
        assert row is not None
        assert row.dtype == np.dtype(char)


@pytest.mark.parametrize("char", ["O", "S1", "U1", "V4"])
def test_other_types_have_none(char):
    assert from_dtype(np.dtype(char)) is None


@all_rows
def test_names_are_spelled_as_numpy_spells_them(row):
    for name in (row.name, row.long_name, *row.aliases):
        assert table.BY_NAME[name] is row
        if name not in ("boolean", "float", "int", "uint", "long", "ulong") and name != "b":
            assert np.dtype(name) == row.dtype


def one(size: int, bits: int, byteorder: str = sys.byteorder):
    """A stand-in for ``np.longdouble(1)`` on another machine."""
    return SimpleNamespace(itemsize=size, tobytes=lambda: bits.to_bytes(size, byteorder))


def test_longdouble_follows_the_platform():
    x86, _ = table._longdoubles(one(16, 0xABCD << 80 | 0x3FFF << 64 | 1 << 63))
    assert (x86.llvm, x86.bits, x86.size, x86.alignment) == ("x86_fp80", 80, 16, 16)
    arm, of_arm = table._longdoubles(one(16, 0x3FFF << 112))
    assert (arm.llvm, arm.bits, arm.size, arm.padding) == ("fp128", 128, 16, 0)
    assert (of_arm.llvm, of_arm.name, of_arm.size) == ("{ fp128, fp128 }", "c32", 32)
    windows = table._longdoubles(one(8, 0x3FF << 52))
    assert windows == (table.FLOAT64, table.COMPLEX128)


def test_a_longdouble_of_two_doubles_is_refused(monkeypatch):
    pair = one(16, 0x3FF << 52)
    assert table._format_of(pair) is None
    refused = table._longdoubles(pair)
    monkeypatch.setattr(table, "REFUSED", refused)
    for row in refused:
        with pytest.raises(SignatureError, match="not a type that kernels can have") as caught:
            table.FLOAT64(row)
        assert "but others on this machine" in str(caught.value)


def test_a_longdouble_of_64_bits_is_another_name_of_float64(monkeypatch):
    monkeypatch.setattr(table, "LONGDOUBLE", table.FLOAT64)
    names = table._platform_aliases()
    assert names["g"] is names["longdouble"] is table.FLOAT64
    assert names["G"] is names["clongdouble"] is table.COMPLEX128


@pytest.mark.parametrize("row", SCALARS, ids=str)
def test_a_value_is_its_bits(row):
    values = np.array([0, 1, 2.75, 3.5, 100], row.component.dtype)
    for value in values:
        bits = table.bits_of(value, row.component)
        parts = (bits, bits)[: 1 + row.is_complex]
        made = table.value_of(row, *parts)
        assert made.dtype == row.dtype
        assert (made.real, made.imag) == (value, value if row.is_complex else 0)


def test_python_names_are_the_default_types():
    for python in (bool, int, float):
        assert table.BY_NAME[python.__name__].dtype == np.dtype(python)


def test_two_rows_of_one_name_are_refused(monkeypatch):
    twin = table.Scalar("f8", "float64", "f", 64, "double")
    monkeypatch.setattr(table, "SCALARS", (*SCALARS, twin))
    with pytest.raises(ValueError, match="are both called 'f8'"):
        table._by_name()


@pytest.mark.parametrize("row", WEAK, ids=str)
def test_weak_types_are_held_as_their_defaults(row):
    python = {"b": bool, "i": int, "f": float, "c": complex}[row.kind]
    assert row.strong.dtype == np.dtype(python)
    assert (row.llvm, row.bits) == (row.strong.llvm, row.strong.bits)
    assert not row.strong.weak


@pytest.mark.parametrize("row", (*ALL, *WEAK, *WITH_UNITS), ids=str)
def test_a_pickled_type_is_the_same_type(row):
    assert pickle.loads(pickle.dumps(row)) is row


@pytest.mark.parametrize("row", WITH_UNITS, ids=str)
def test_a_time_is_made_once_and_known_by_its_names(row):
    assert named(row.name) is row
    assert named(row.long_name) is row
    assert from_dtype(np.dtype(row.name)) is row
    assert row.unitless in TIMES
    assert row.unitless.with_unit_of(row) is row
    assert row.with_unit_of(row["s"]) is row
    assert row.unit == np.datetime_data(row.dtype)


def test_like_units_that_are_written_otherwise_are_types_of_their_own():
    assert named("M8[1000ms]") is not named("M8[s]")
    assert named("m8[μs]") is TIMEDELTA["us"]
    assert DATETIME["1D"] is DATETIME["D"]
    assert FLOAT.with_unit_of(DATETIME["D"]) is FLOAT


FLOAT = SCALARS[11]


@pytest.mark.parametrize(
    "unit", ["x", "", "0s", "-1s", "s/0", "s/10", "generic", "[s]", "9" * 30 + "s"]
)
def test_units_that_do_not_exist(unit):
    assert named(f"M8[{unit}]") is None
    with pytest.raises(TypeError, match="datetime64 has no unit"):
        DATETIME[unit]


def test_numbers_have_no_units():
    with pytest.raises(TypeError, match="float64 has no units"):
        FLOAT["s"]


def test_multiples_by_zero_have_no_row():
    assert from_dtype(np.dtype("M8[0s]")) is None


def test_times_are_counts():
    day = time_of(DATETIME["D"], 18262)
    assert day == np.datetime64("2020-01-01")
    assert ticks_of(day) == 18262
    assert np.isnat(time_of(TIMEDELTA["s"], -(2**63)))
    assert ticks_of(np.timedelta64("NaT", "s")) == -(2**63)
