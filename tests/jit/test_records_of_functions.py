"""Structured arrays and records as arguments and results: classes, dtypes, memory, signatures."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest

import kernelgen as kg
from kernelgen import from_dtype, guvectorize, jit, njit, vectorize
from kernelgen.errors import SignatureError, TypingError, UnsupportedError

POINT = np.dtype([("x", "f8"), ("y", "i4")], align=True)
PAIR = np.dtype([("x", "f8"), ("y", "i4")])


@jit
def itself(a):
    return a


@jit
def field(a):
    return a["x"]


@jit
def second(a):
    return a[1]


def points(dtype=POINT):
    return np.array([(1, 2), (3, 4), (5, 6)], dtype)


def test_what_comes_back_is_what_went_in():
    a = points()
    assert itself(a) is a
    assert field(a).base is a
    view = itself(a[1:])
    assert view.dtype == POINT
    assert view.tolist() == [(3, 4), (5, 6)]


def test_records_that_are_returned_refer_to_the_array():
    a = points()
    r = second(a)
    assert type(r) is np.void
    assert r.dtype == POINT
    r["x"] = 9
    assert a["x"][1] == 9
    a["y"][1] = 8
    assert r["y"] == 8
    a.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        second(a)["x"] = 1


def test_a_record_that_is_given_is_changed_in_place():
    @jit
    def double(r):
        r["x"] *= 2
        return r

    a = points()
    r = double(a[1])
    assert a["x"][1] == 6
    r["x"] = 1
    assert a["x"][1] == 1
    alone = a[0].copy()
    assert double(alone)["x"] == 2
    assert alone["x"] == 2


def test_memory_lives_as_long_as_what_refers_to_it():
    @jit
    def made(n):
        a = np.zeros(n, POINT)
        a["x"] = 7
        return a["x"], a[0], a[1:]

    @jit
    def part(r):
        return r["v"]

    a = points()
    died = weakref.finalize(a, lambda: None)
    views = [field(a), second(a)]
    del a
    gc.collect()
    assert died.alive
    assert views[0].tolist() == [1, 3, 5]
    views.pop(0)
    gc.collect()
    assert died.alive
    assert views.pop()["y"] == 4
    gc.collect()
    assert not died.alive
    x, first, rest = made(1000)
    del rest
    assert first["x"] == 7
    del first
    assert set(x.tolist()) == {7}
    holder = np.zeros(2, [("v", "f8", 3)])
    v = part(holder[1])
    v[1] = 5
    assert holder["v"][1].tolist() == [0, 5, 0]


def test_nothing_leaks():
    @jit
    def work(a, r, n):
        b = np.empty(n, POINT)
        b[:] = r
        best = b[0]
        for each in a:
            if each["x"] > best["x"]:
                best = each
        c = b.copy()
        c[0] = best
        return c[0], b["x"], best

    a, r = points(), points()[2]
    before = [sys.getrefcount(each) for each in (a, r, POINT)]
    for _ in range(50):
        work(a, r, 10)
    gc.collect()
    after = [sys.getrefcount(each) for each in (a, r, POINT)]
    assert all(late <= early + 3 for early, late in zip(before, after, strict=True))


def test_code_is_compiled_for_each_dtype():
    @jit
    def total(a):
        return a["x"].sum()

    again = np.dtype([("x", "f8"), ("y", "i4")], align=True)
    assert again is not POINT
    for dtype in (POINT, again, PAIR, POINT, again):
        assert total(points(dtype)) == 9
    assert len(total.signatures) == 2
    others = [
        np.dtype([("x", "f8"), ("z", "i4")], align=True),
        np.dtype([("x", "f8"), ("y", "u4")], align=True),
        np.dtype([("y", "i4"), ("x", "f8")], align=True),
        np.dtype({"names": ["x", "y"], "formats": ["f8", "i4"], "offsets": [0, 12]}),
        np.dtype({"names": ["x"], "formats": ["f8"], "itemsize": 16}),
        np.dtype((np.record, POINT)),
        np.dtype([("x", "M8[s]"), ("y", "i4")], align=True),
        np.dtype([("x", "m8[s]"), ("y", "i4")], align=True),
        np.dtype([("x", "m8[ms]"), ("y", "i4")], align=True),
    ]
    for count, dtype in enumerate(others, 3):
        a = np.zeros(2, dtype)
        if dtype["x"].kind == "M":
            with pytest.raises(TypingError):
                total(a)
            continue
        assert total(a) == a["x"].sum()
        assert type(total(a)) is type(a["x"].sum())
        assert len(total.signatures) == count - (count > 8)


def test_a_dtype_whose_names_are_changed_is_another():
    dtype = np.dtype([("x", "f8"), ("y", "f8")])
    a = np.zeros(2, dtype)
    a["y"] = 1
    compiled = jit(lambda a: a["x"].sum())
    assert compiled(a) == 0
    a.dtype.names = ("y", "x")
    assert compiled(a) == 2
    assert compiled(np.ones(2, [("x", "f8"), ("y", "f8")])) == 2
    assert compiled.signatures[0][0].dtype.dtype.names == ("x", "y")


def test_records_of_classes():
    a = points().view(np.recarray)
    assert a.dtype.type is np.record
    r = second(a)
    assert type(r) is np.record
    assert r.x == 3
    assert second(points()).dtype.type is np.void
    assert second(a).dtype.type is np.record


def test_fields_are_attributes():
    """Of a record array in Python as well; of any other in compiled code alone, as in Numba's."""

    def read(a):
        r = a[1]
        return a.x + a.y, r.x, r.y + a.x[0], a.size, a.x.size

    compiled = jit(read)
    a = points().view(np.recarray)
    for got, want in zip(compiled(a), read(a), strict=True):
        assert np.array_equal(got, want)
    assert compiled(points())[1:] == (3, 5, 3, 3)
    with pytest.raises(AttributeError):
        read(points())


def test_fields_are_assigned_as_attributes():
    def write(a):
        a.x = a.y * 2
        a.x += 1
        a.y = 7
        r = a[1]
        r.y = a.x[2]
        r.x -= 3

    a, b, c = (points().view(np.recarray) for _ in range(3))
    write(a)
    jit(write)(b)
    assert a.tolist() == b.tolist()
    plain = c.view(POINT, np.ndarray)
    jit(write)(plain)
    assert a.tolist() == plain.tolist()


def test_attributes_by_names_that_are_constants():
    def by_name(a):
        r = a[1]
        for name in ("x", "y"):
            setattr(r, name, getattr(r, name) + 1)
        return getattr(r, "x"), getattr(a, "y").sum()  # noqa: B009

    a, b = points(np.dtype((np.record, POINT))), points(np.dtype((np.record, POINT)))
    assert jit(by_name)(a) == by_name(b.view(np.recarray))
    assert a.tolist() == b.tolist()
    with pytest.raises(TypingError, match="takes the name of an attribute, which is a constant"):
        jit(lambda a, i: getattr(a[0], ("x", "y")[i]))(a, 1)


def _shape(a):
    a.shape = (3, 1)


def _attribute(r):
    r.z = 1


@pytest.mark.parametrize(
    ("function", "value", "words"),
    [
        (_shape, points(), "'shape' of 1-dimensional array of records (x, y) is none"),
        (_attribute, points()[0], "'z' of record (x, y) is none"),
        (_attribute, 1.5, "'z' of Python float is none"),
    ],
)
def test_other_attributes_are_not_assigned(function, value, words):
    with pytest.raises(UnsupportedError) as caught:
        jit(function)(value)
    assert words in caught.value.message


def test_attributes_of_the_class_come_first():
    a = np.ones(3, [("size", "f8"), ("T", "i4"), ("tolist", "f8")])
    assert jit(lambda a: a.size + a.T["T"].size + a[0].size)(a) == 7
    with pytest.raises(TypingError, match="has no attribute 'tolist'"):
        jit(lambda a: a[0].tolist)(a)


def test_signatures():
    record = from_dtype(POINT)
    assert kg.types.Record.make_c_struct([("x", kg.float64), ("y", kg.int32)]) is record
    assert from_dtype(PAIR) is not record
    assert from_dtype(np.dtype([("x", "f8"), ("y", "i4")], align=True)) is record

    @njit(kg.void(record[:], kg.float64))
    def shift(a, by):
        a["x"] += by

    @njit(kg.float64(record, kg.intp))
    def scaled(r, n):
        return r["x"] * n

    @njit([record(record[:], kg.intp), record(record[:, :], kg.intp)])
    def chosen(a, i):
        return a[i][0] if a.ndim > 1 else a[i]

    @njit((record[::1],))
    def dense(a):
        return len(a)

    a = points()
    shift(a[::-1], 1)
    assert a["x"].tolist() == [2, 4, 6]
    assert scaled(a[1], 3) == 12
    assert dense(a) == 3
    shift(a.view(np.recarray), 1)
    assert a["x"].tolist() == [3, 5, 7]
    for wrong in (lambda: dense(a[::2]), lambda: shift(points(PAIR), 1), lambda: shift(a["x"], 1)):
        with pytest.raises(TypingError, match="no signature of"):
            wrong()
    with pytest.raises(SignatureError, match="the function returns record"):
        njit(kg.float64(record[:]))(lambda a: a[0])


def test_jitted_functions_hand_records_on():
    @njit
    def energy(p):
        return p["x"] ** 2 + p["y"]

    @njit
    def total(a):
        s = 0.0
        for p in a:
            s += energy(p)
        return s

    assert total(points()) == 1 + 2 + 9 + 4 + 25 + 6


def test_what_ufuncs_do_not_take():
    record = from_dtype(POINT)
    for make in (
        lambda: vectorize([kg.float64(record)])(lambda r: 1.0),
        lambda: guvectorize([(record[:], kg.float64[:])], "(n)->()")(lambda a, out: None),
    ):
        with pytest.raises(SignatureError, match="records|is not one of numbers alone"):
            make()
    for ufunc in (vectorize(lambda x: x), guvectorize("(n)->()")(lambda a: a[0]["x"])):
        with pytest.raises(TypingError, match="was given void") as caught:
            ufunc(points())
        assert "a['x']" in str(caught.value)


def test_objects_stay_where_they_are():
    a = np.empty(2, [("what", "O"), ("x", "f8")])
    a["what"], a["x"] = [{}, ["kept"]], [1, 2]

    @jit
    def swap_numbers(a):
        a["x"] = a["x"][::-1]
        return a[1:]

    assert swap_numbers(a)["what"][0] == ["kept"]
    assert a["x"].tolist() == [2, 1]
    for function in (lambda a: a.copy(), lambda a: a[[0]], lambda a: np.zeros_like(a)):
        with pytest.raises(TypingError, match="with fields of Python objects cannot be copied"):
            jit(function)(a)

    @jit
    def exchange(a):
        a[0] = a[1]

    with pytest.raises(TypingError, match="assign the other fields one by one"):
        exchange(a)
    with pytest.raises(TypingError, match="the field 'what' is of object"):
        jit(lambda a: a["what"])(a)


def test_messages_show_some_of_the_fields():
    a = np.zeros(2, [(f"field{i}", "f8") for i in range(30)])
    with pytest.raises(TypingError) as caught:
        jit(lambda a: a[0] + 1)(a)
    assert caught.value.message.startswith("a record (field0, field1, field2")
    assert caught.value.message.endswith("field7, ...) cannot be computed with")


def test_titles_are_refused():
    a = np.zeros(2, [(("a title", "x"), "f8")])
    with pytest.raises(TypingError, match="the fields of this dtype have titles"):
        field(a)
    with pytest.raises(TypingError, match="the fields of this dtype have titles"):
        jit(lambda dtype: np.zeros(3, dtype))(a.dtype)


def test_unaligned_arrays_are_taken():
    a = np.frombuffer(bytearray(b"x" + np.arange(5.0).tobytes()), "f8", offset=1)
    assert not a.flags.aligned
    total = jit(lambda a: (a.sum(), a * 2, a[1:] + a[:-1]))
    for got, want in zip(total(a), (a.sum(), a * 2, a[1:] + a[:-1]), strict=True):
        assert np.array_equal(got, want)
    total(a.copy())
    assert len(total.signatures) == 2
    bytes_ = np.arange(17, dtype="u1")[1:]
    assert jit(lambda a: a.view("f8").sum())(bytes_) == bytes_.view("f8").sum()
    packed = np.zeros(3, [("flag", "?"), ("x", "f8")])
    assert jit(lambda a: a.sum())(packed["x"] + 1) == 3
    packed["x"] = [1, 2, 3]
    assert jit(lambda a: a.sum())(packed["x"]) == 6


def test_ufuncs_take_fields_inside_functions():
    @guvectorize("(n),()->(n)")
    def scaled(x, by, out):
        for i in range(len(x)):
            out[i] = x[i] * by

    def both(a):
        scaled(a["v"], a["x"], a["v"])
        return scaled(a["x"], 2), np.add(a["x"], a["y"], out=a["x"])

    dtype = np.dtype([("flag", "?"), ("x", "f8"), ("y", "i4"), ("v", "f4", 3)])
    a = np.zeros(4, dtype)
    a["x"], a["v"] = np.arange(4), np.arange(12).reshape(4, 3)
    b = a.copy()
    for got, want in zip(jit(both)(a), both(b), strict=True):
        assert np.array_equal(got, want)
    assert a.tobytes() == b.tobytes()
