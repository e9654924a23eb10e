"""Arrays of records: fields by name, records by reference, what is assigned to either."""

from __future__ import annotations

import numpy as np
import pytest
from array_backends import check, request

from kernelgen import njit, pipeline
from kernelgen.errors import TypingError
from kernelgen.types.table import SCALARS

POINT = np.dtype([("x", "f8"), ("y", "f8"), ("id", "i4"), ("ok", "?")], align=True)
PACKED = np.dtype([(name, POINT[name]) for name in ("id", "ok", "x", "y")])
BODY = np.dtype([
    ("name", "S5"), ("p", POINT), ("v", "f4", 3), ("m", "c16", (2, 2)), ("at", "M8[s]"),
    ("h", "f2"), ("swapped", ">i4"), ("many", PACKED, 2),
])  # fmt: skip
PAIR = np.dtype([("a", "f8"), ("b", "i2")])


def points(dtype=POINT, n=6):
    a = np.zeros(n, dtype)
    a["x"], a["y"], a["id"] = np.arange(n) + 0.5, 3.0 - np.arange(n), np.arange(n) % 4
    a["ok"] = np.arange(n) % 3 == 0
    return a


def bodies(n=4):
    a = np.zeros(n, BODY)
    a["name"], a["p"], a["v"], a["h"] = b"body", points(n=n), np.arange(3 * n).reshape(n, 3), 1.5
    a["m"], a["at"], a["swapped"] = np.arange(4).reshape(2, 2) * 1j, np.arange(n), 7
    a["many"] = points(PACKED, 2 * n).reshape(n, 2)
    return a


READ_ONLY = points()
READ_ONLY.flags.writeable = False
GRID = np.asfortranarray(points(n=12).reshape(3, 4))
LAYOUTS = {
    "aligned": points(),
    "packed": points(PACKED),
    "strided": points(PACKED, 12)[::-2],
    "matrix": points(n=12).reshape(3, 4),
    "Fortran": GRID,
    "cut": GRID[1:, ::2],
    "0-d": points(n=1).reshape(()),
    "empty": points(n=0),
    "odd address": np.frombuffer(b"x" + points().tobytes(), POINT, offset=1),
}


@pytest.mark.parametrize("a", LAYOUTS.values(), ids=LAYOUTS)
def test_fields_are_views_of_any_array(a):
    def read(a):
        return a["x"], a["ok"], a["id"].T, a["x"] + a["id"], a.shape

    def write(a):
        a["x"] = a["y"] * 2
        a["y"][...] = 1
        a["x"] += a["id"]
        a["id"] -= 1
        a["ok"] = a["x"] > 1

    check(read, a)
    if a.flags.writeable:
        check(write, a)


def test_strides_of_what_has_no_gaps():
    def strides(a):
        return a["x"].strides, a["x"][..., 1:].strides

    check(strides, points())
    check(strides, points(n=12).reshape(3, 4))
    check(strides, GRID)


@pytest.mark.parametrize("dtype", SCALARS, ids=str)
@pytest.mark.parametrize("align", [True, False])
def test_fields_of_all_types(dtype, align):
    a = np.zeros(3, np.dtype([("before", "i1"), ("x", dtype.dtype), ("y", dtype.dtype)], align))
    a["x"] = [0, 1, 1]

    def move(a, i):
        a["y"] = a["x"]
        a["before"][0] = 1
        a[i]["x"] = a[i - 1]["y"]
        return a["x"][i], a[i]["y"]

    check(move, a, 1)


def test_records_refer_to_the_array():
    def of_records(a):
        r = a[1]
        a["x"][1] = 7
        before = r["x"]
        r["y"] = before + r["id"]
        r["ok"] = True
        a[-2]["id"] = r["y"]
        a[2]["id"] += 300
        return before, r["y"], r[0], r["ok"], r["id"] + 1

    check(of_records, points())
    check(of_records, points(PACKED))
    check(of_records, points()[::-1])


def test_loops_over_records():
    def total(a):
        s, last = 0.0, a[0]
        for r in a:
            if r["ok"] and r["x"] >= last["x"]:
                last = r
                s += r["x"]
                r["y"] = s
        last["id"] = 77
        return s, last["y"]

    def of_rows(a):
        s = 0
        for row in a:
            for r in row:
                s += r["id"]
            s += row["x"].sum()
            s += row[0]["y"]
        return s

    check(total, points())
    check(total, points(PACKED)[::-1])
    check(of_rows, points(n=12).reshape(3, 4))


def test_records_in_matrices():
    def item(a, i, j):
        a[i, j]["x"] += a["y"][i, j] * a[i][j]["id"]
        return a[i, j]["x"], a[i]["x"], a[..., j]["id"]

    check(item, points(n=12).reshape(3, 4), 1, -1)
    check(item, GRID, 2, 1)


def test_records_without_dimensions():
    def alone(a):
        r = a[()]
        a["x"] = 5
        r["y"] = 6
        return r["x"], a["id"]

    check(alone, points(n=1).reshape(()))


def test_records_are_copied():
    def copies(a, b):
        a[0] = a[1]
        r = a[3]
        a[2] = r
        a[1:3] = b[3:]
        a[4:] = b[0]
        b[:] = a[::-1]
        c = a.copy()
        c["x"] = 0
        d = a[1].copy()
        d["x"] = -1
        return c, d, a[1]["x"]

    def exchanged(a):
        a[0], a[1] = a[1], a[0]  # these refer to the array: both become the same

    for dtype in (POINT, PACKED):
        check(copies, points(dtype), points(dtype, 5))
        check(exchanged, points(dtype))
    check(copies, points(), np.frombuffer(bytearray(b"x" + points(n=5).tobytes()), POINT, offset=1))


def test_records_overlap():
    def shifted(a):
        a[1:] = a[:-1]
        a["x"][1:] = a["y"][:-1]
        a["y"][:-1] = a["y"][1:]
        a["x"] = a["x"][::-1]

    check(shifted, points())
    check(shifted, points(PACKED)[::-1])


def test_records_that_lie_in_each_other():
    def shifted(a):
        a["x"] = a["y"] + 1
        a["y"] += a["x"]
        a["x"][1:] = a["y"][:-1]

    memory = np.arange(30.0)
    pairs = np.dtype([("x", "f8"), ("y", "f8")])
    for stride in (8, 16, 24, -8):
        start = memory[20 if stride < 0 else 0 :].view(pairs)[:1]
        check(shifted, np.lib.stride_tricks.as_strided(start, (6,), (stride,)))


def test_fields_are_known_to_be_apart():
    """Assigning one field of what others hold makes no array in between."""

    def direct(a, b):
        a["x"] += a["y"] * 2
        a["y"][1:] = a["x"][:-1]
        b["p"]["x"] = b["p"]["y"] + b["h"]
        b["v"] = b["h"][:, None]
        r = b[1]
        r["v"] = r["p"]["x"]

    def by_way_of_another(a, b):
        a["x"][1:] = a["x"][:-1]

    def names(function, *args):
        return {op.name for op in pipeline.rewritten(request(function, args)).ops()}

    assert "allocate" not in names(direct, points(), bodies())
    assert "allocate" in names(by_way_of_another, points(), bodies())
    check(direct, points(), bodies())


def test_tuples_and_numbers_become_records():
    def assigned(a, x):
        a[0] = (x, 2, 3.9, True)
        a[1:3] = (1, x, 4, x > 1)
        a[3] = 1
        a[4:] = x > 1
        a[[5, 0]] = (9, 9, 9, False)
        a[a["x"] == 1] = a[0]

    check(assigned, points(), 2.5)


def test_nested_records_and_subarrays():
    def read(a):
        r = a[1]
        return (
            r["p"]["x"], a["p"]["y"], a["p"][1]["id"], r["p"], r["v"], r["v"][1], a["v"], a["v"][2, 0],
            r["m"].T, a["m"][:, 0, 1], a["at"], r["at"], r["h"] * 2, r["many"]["x"], a["many"]["x"],
            a["many"][0, 1]["id"], r["many"][1], a["v"].sum(), len(r["v"]),
        )  # fmt: skip

    def write(a):
        r = a[1]
        r["p"]["x"] = 9
        r["p"] = a[2]["p"]
        a["p"]["y"] = a["p"]["x"] * 3
        a[0]["p"] = (1, 2, 3, False)
        r["v"] = 4
        r["v"][1] = 5
        a["v"][3] = (1, 2, 3)
        a["v"] += 1
        a[2]["v"] = a[3]["v"][::-1]
        a["m"][0] = 2j
        a["h"] = a["v"][:, 1]
        r["many"] = a[0]["many"]
        r["many"]["x"][0] = -1
        a["many"][2] = (1, False, 2, 3)
        a[3] = r
        a["at"] = a["at"][::-1]

    check(read, bodies())
    check(read, bodies(6)[::2])
    check(write, bodies())
    check(write, bodies()[::-1])


def test_the_only_field_of_records():
    def only(a, b):
        a["x"] *= 2
        b["v"][...] = b["v"].T.sum(axis=1) + a["x"][0]
        return a["x"], b["v"], b["v"].reshape(-1), a["x"][::-1]

    single, rows = np.zeros(4, [("x", "f8")]), np.zeros(3, [("v", "f4", 3)])
    single["x"], rows["v"] = range(4), np.arange(9).reshape(3, 3)
    check(only, single, rows)
    check(only, single[::2], rows[::-1])


def test_tuples_become_subarrays():
    pairs = np.dtype([("two", PAIR, 2), ("m", "i2", (2, 3)), ("v", "f4", 2)])

    def assigned(a, x):
        a[0]["v"] = (x, 7)
        r = a[1]
        r["m"] = ((1, 2, 3), (4, 5, x))
        r["m"] = (x, 1, 2)
        r["two"] = (x, 1)
        r["v"] = (r["v"][1], r["v"][0])
        a[2] = ((1, 2), 5, (x, x))
        a["v"][1:] = (3, x)
        r["m"][1] = (9, 8, 7)

    check(assigned, np.zeros(3, pairs), 2)

    def of_no_allocation(a, x):
        a[0] = ((x, 1), ((1, 2, x), (4, 5, 6)), (x, 2))

    check(of_no_allocation, np.zeros(3, pairs), 2)
    rewritten = pipeline.rewritten(request(of_no_allocation, (np.zeros(3, pairs), 2)))
    assert "allocate" not in {op.name for op in rewritten.ops()}


def test_indices_of_records():
    def gathered(a, i):
        b = a[i]
        c = a[a["ok"]]
        b["x"] = -1
        a[i] = b
        a[a["id"] == 1] = a[0]
        return b, c, a[::-1][i], a[i]["y"]

    check(gathered, points(), np.array([4, 0, 2]))
    check(gathered, points(PACKED), np.array([4, 0, 2]))


def test_shapes_of_records():
    def shaped(a):
        b = a.reshape(2, 3)
        b["x"][0, 1] = 9
        return (
            b,
            b.T,
            b.T["x"],
            b.ravel(),
            a[None, ::2],
            np.concatenate((a, a[:2])),
            b.flatten()["y"],
        )

    check(shaped, points())
    check(shaped, points(PACKED))


def test_new_arrays_of_records():
    def made(a, n):
        zeros, ones = np.zeros(n, PAIR), np.ones((2, n), PAIR)
        empty, like = np.empty(n, dtype=PAIR), np.zeros_like(a)
        empty["a"], empty["b"] = 3, ones[1]["b"]
        empty[1] = (0.5, n)
        ones[0]["a"] = zeros["a"]
        like[2] = a[1]
        return zeros, ones, empty, empty["a"], like, empty[0], np.full(n, 2.0, PAIR)

    check(made, points(), 3)


def test_fields_are_attributes_of_records():
    def by_attribute(a):
        r = a[1]
        r.x = r.y + 1
        r.id += 2
        for each in a:
            each.y = each.x * 2 if each.ok else each.y
        return r.x, r.id

    check(by_attribute, points(np.dtype((np.record, POINT))))


def test_names_are_constants_of_any_kind():
    first, names = "x", ("x", "y")

    def named(a):
        s = 0.0
        for name in names:
            a[name] += 1
            s += a[name].sum() + a[1][name]
        return s, a[first], a[names[1]][0]

    check(named, points())


TABLE, PACKED_TABLE, RECORD = points(), points(PACKED, 4)[::-1], points()[2]
SEVERAL = (points(n=2), points(n=3))


def test_constant_records():
    def looked_up(i):
        r = TABLE[i]
        s = r["x"] + TABLE["y"][i] + TABLE[1]["id"] + PACKED_TABLE[i]["y"] + RECORD["x"]
        for each in PACKED_TABLE:
            s += each["x"]
        return s, r, TABLE["x"], PACKED_TABLE, RECORD["id"], SEVERAL[1]["x"], SEVERAL[0][1], RECORD

    check(looked_up, 2)


def test_constant_records_are_those_of_the_time_of_compilation():
    table = points()
    record = table[1]

    def looked_up(i):
        return table[i]["x"], record["x"], table[i]

    compiled = njit(looked_up)
    before = compiled(0)
    table["x"] = 100
    assert compiled(0) == before
    compiled(0)[2]["x"] = 5
    assert compiled(0)[2]["x"] == 0.5

    def put(i):
        table[i]["x"] = 1

    with pytest.raises(TypingError, match="the record is read-only"):
        pipeline.lowered(request(put, (0,)))


def test_what_the_type_of_a_record_tells():
    def told(a):
        r = a[0]
        names = 0
        for name in r.dtype.names:
            names += r[name]
        kinds = isinstance(r, np.void), type(r) is np.void, r is None, r.dtype == POINT
        return kinds, len(r), r.itemsize, r.nbytes, r.shape, r.ndim, names, a.dtype == POINT

    check(told, points())
    check(told, points(PACKED))


def test_records_are_chosen():
    def chosen(a, b, i):
        r = a[0] if i else b[1]
        r["x"] = 9
        c = a if i else b
        return c["y"], r["y"], (r, c["id"])

    for i in (0, 1):
        check(chosen, points(), points(n=3), i)


def test_unpacked_records():
    def unpacked(a):
        x, y, count, ok = a[1]
        return x + y, count, ok

    check(unpacked, points())


def test_records_are_arguments_and_results():
    def handed(r, v):
        r["x"] += v
        return r, r["y"]

    check(handed, points()[1], 2)
    check(handed, points(PACKED)[1], 2)


def test_bounds_of_records_are_checked():
    def item(a, i):
        return a[i]["x"]

    def put(a, i):
        a[i] = a[0]

    check(item, points(), 1, boundscheck=True)
    check(item, points(), 6, boundscheck=True)
    check(put, points(), -7, boundscheck=True)
    check(put, points(), -6, boundscheck=True)


def test_recursive_functions_take_records():
    def walk(r, a, n):
        if n == 0:
            return r["x"]
        a[n]["y"] = r["x"]
        return walk(a[n], a, n - 1) + 1

    check(walk, points()[2], points(), 3)


WRONG = [
    (lambda a: a["z"], "no field of name z", "the fields are name, p, v"),
    (lambda a: a[0]["z"], "no field of name z", "the fields are name, p, v"),
    (
        lambda a: a["name"],
        "the field 'name' is of |S5, a type that kernels do not have",
        "bool, int8",
    ),
    (
        lambda a: a[0]["swapped"],
        "the field 'swapped' holds bytes in the other order",
        "newbyteorder",
    ),
    (lambda a: a[["v", "h"]], "there is no array of a str", "name one field at a time"),
    (lambda a: a + 1, "a 1-dimensional array of records (name, p, v", "name a field of it: a['x']"),
    (
        lambda a: a[0] + 1,
        "a record (name, p, v, m, at, h, swapped, many) cannot be",
        "name a field",
    ),
    (lambda a: a["p"] == a["p"], "array of records (x, y, id, ok) cannot be computed with", "name"),
    (lambda a: np.sort(a["p"]), "array of records (x, y, id, ok) cannot be computed with", "name"),
    (lambda a: a["h"]["x"], "only arrays of records have fields, and this is a 1-dim", ""),
    (lambda a: a["p"].view("f8"), "records (x, y, id, ok) cannot be computed with", "name a field"),
    (lambda a: np.full(2, (1, 2), PAIR), "cannot be assigned to records (a, b)", ""),
    (
        lambda a: np.array((1, 2), PAIR),
        "no array of records is made of tuples",
        "np.empty(n, dtype)",
    ),
    (lambda a: a[0][a["v"][0, 0]], "the name of a field is a constant", "write record['name']"),
    (lambda a: a[0].nothing, "record (name, p, v, m, at, h, swapped, many) has no attribute", ""),
    (lambda a: a[0][8], "no field at index 8", "the fields are name"),
    (lambda a: a["p"].imag, "records (x, y, id, ok) have no imaginary parts", "a['x'].imag"),
    (lambda a: a[0][len(a)], "the name of a field is a constant", ""),
]


@pytest.mark.parametrize(("function", "words", "hint"), WRONG, ids=[words for _, words, _ in WRONG])
def test_what_there_is_not(function, words, hint):
    with pytest.raises(TypingError) as caught:
        pipeline.lowered(request(function, (bodies(),)))
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.loc is not None


def _shorter(a):
    a[0] = (1, 2)


def _of_another_dtype(a):
    a[0] = np.zeros(2, PAIR)[0]


def _array_of_another_dtype(a):
    a[:] = np.zeros(2, PAIR)


def _record_into_field(a):
    a["x"] = a[0]


def _tuple_into_field(a):
    a[0]["x"] = (1, 2)


def _list_of_tuples(a):
    a[:2] = [(1, 2, 3, True), (1, 2, 3, True)]


def _text(a):
    a[0] = "text"


def _text_into_field(a):
    a["x"] = "text"


def _too_great(a):
    a[0] = (1, 2, 1 << 40, True)


def _numbers(a):
    a[:] = a["x"]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_shorter, "could not assign tuple of length 2 to structure with 4 fields."),
        (
            _of_another_dtype,
            "a record (a, b) cannot be assigned to records (x, y, id, ok) of another",
        ),
        (_array_of_another_dtype, "cannot be assigned to records (x, y, id, ok) of another dtype"),
        (_record_into_field, "a record (x, y, id, ok)"),
        (_tuple_into_field, "an element of an array cannot be a tuple (Python int, Python int)"),
        (_text, "a str cannot be assigned to records (x, y, id, ok)"),
        (_text_into_field, "an element of an array cannot be a str"),
        (_list_of_tuples, "a list cannot be assigned to records"),
        (_too_great, "the literal 1099511627776 does not fit int32"),
        (_numbers, "a 1-dimensional array of float64 cannot be assigned to records (x, y, id, ok)"),
    ],
)
def test_what_cannot_be_assigned(function, words):
    with pytest.raises(TypingError) as caught:
        pipeline.lowered(request(function, (points(),)))
    assert words in caught.value.message
    assert caught.value.loc is not None


def test_read_only_records():
    def put(a):
        a[0]["x"] = 1

    def put_in_field(a):
        a["x"] = 1

    def put_record(a):
        a[0] = a[1]

    for function, what in ((put, "record"), (put_in_field, "array"), (put_record, "array")):
        with pytest.raises(TypingError, match=f"the {what} is read-only"):
            pipeline.lowered(request(function, (READ_ONLY,)))
    check(lambda a: (a["x"], a[1]["y"]), READ_ONLY)
