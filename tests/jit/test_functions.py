"""Calls of jitted functions from Python: arguments, results, and what the object is."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import itertools
import math
import os
import pickle
import sys
import threading
import weakref
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import kernelgen as kg
from kernelgen import jit, njit, vectorize
from kernelgen.errors import KernelgenError, SignatureError, TypingError, UnsupportedError

Point = namedtuple("Point", "x y")


@njit
def product(x, y):
    """Multiply."""
    return x * y


@njit
def keywords(a, b=2, /, c=3, *, d=4, e=None):
    return a, b, c, d, e


def same(got: Any, want: Any) -> bool:
    """Whether two results are equal and of the same classes."""
    if isinstance(want, tuple):
        return type(got) is type(want) and len(got) == len(want) and all(map(same, got, want))
    if type(got) is not type(want):
        return False
    return bool(got == want or (got != got and want != want))


# ------------------------------------------------------------------- numbers stay what they are

NUMBERS = (True, False, 3, -7, 2.5, -0.5, 1 + 2j, np.float32(1.5), np.int8(3), np.bool_(True))
NUMBERS += (np.uint16(9), np.complex64(2j), np.float64(0.25), np.int64(-2), np.float16(2))

EXPRESSIONS = (
    "x + y, x * y",
    "x == y, x != y",
    "abs(x), y if y != y else y",
    "not x, bool(y)",
    "x * 1.5 + 1",
    "(x, (y, None), ())",
    "isinstance(x, int), isinstance(x, float), isinstance(x, np.floating)",
    "x.real, y.conjugate()",
    "np.float32(x.real), np.float64(y.real) + x",
    "int(x.real), float(y.real)",
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_results_are_those_of_python_on_the_same_objects(expression, unoptimised):
    plain = eval(f"lambda x, y: ({expression})", {"np": np})
    compiled = njit(plain)
    for x, y in itertools.product(NUMBERS, NUMBERS):
        if {type(x), type(y)} == {complex, np.float64}:
            continue  # Python takes the float64 for a float when it compares them
        with np.errstate(all="ignore"):
            try:
                want = plain(x, y)
            except OverflowError:
                continue  # a negative int and an unsigned type: ours wraps
        assert same(compiled(x, y), want), (expression, x, y)


REAL = ("x // y", "x % y", "x / y", "divmod(x, y)", "x < y, x >= y", "round(x), round(x, 1)")


@pytest.mark.parametrize("expression", REAL)
def test_division_and_order_of_pythons_numbers(expression):
    plain = eval(f"lambda x, y: ({expression})")
    compiled = njit(plain)
    for x, y in itertools.product((3, -7, 2.5, -0.5, True), repeat=2):
        assert same(compiled(x, y), plain(x, y)), (expression, x, y)


def test_every_scalar_type_comes_back_as_it_was():
    identity = njit(lambda x: x)
    for dtype in "?bhilqBHILQefdFD":
        for value in np.array([0, 1, 100]).astype(dtype):
            got = identity(value)
            assert got == value
            assert got.dtype == value.dtype
    for unit in ("D", "ns", "25s"):
        for kind in ("M8", "m8"):
            value = np.array(12345).view(f"{kind}[{unit}]")[()]
            got = identity(value)
            assert got == value
            assert got.dtype == value.dtype


def test_units_of_times_are_told_apart():
    days = njit(lambda x: x + np.timedelta64(1, "D"))
    assert days(np.datetime64("2020-01-01")) == np.datetime64("2020-01-02")
    assert days(np.datetime64("2020-01-01T00", "h")) == np.datetime64("2020-01-02T00", "h")
    assert len(days.signatures) == 2


def test_integers_at_the_ends_of_int64():
    identity = njit(lambda n: n)
    for n in (2**63 - 1, -(2**63), 0, -1):
        assert identity(n) == n
    for n in (2**63, -(2**63) - 1, 10**30):
        with pytest.raises(OverflowError, match="'n' is an int that does not fit int64"):
            identity(n)


def test_subclasses_of_pythons_numbers_are_taken_for_these():
    class Count(int):
        pass

    class Length(float):
        pass

    assert same(product(Count(3), Length(1.5)), 4.5)
    assert product.signatures.count(product.signatures[0]) == 1


def test_nan_and_signed_zero():
    identity = njit(lambda x: x)
    assert math.isnan(identity(math.nan))
    assert math.copysign(1, identity(-0.0)) == -1


# -------------------------------------------------------------------------------- parameters


CALLS = (
    ((1,), {}),
    ((1, 5), {}),
    ((1, 5, 6), {}),
    ((1,), {"c": 7}),
    ((1,), {"d": 8, "c": 7}),
    ((1, 2.5), {"e": 3}),
    ((1,), {"e": (1, 2)}),
)


@pytest.mark.parametrize(("args", "named"), CALLS)
def test_defaults_and_keywords(args, named):
    for _ in range(3):  # by way of Python, and natively
        assert same(keywords(*args, **named), keywords.py_func(*args, **named))


def test_keywords_that_are_not_interned():
    class Name(str):
        pass

    keywords(1)
    assert keywords(1, **{Name("d"): 9}) == (1, 2, 3, 9, None)


WRONG = (
    ((), {}, "missing a required argument: 'a'"),
    ((1, 2, 3, 4), {}, "too many positional arguments"),
    ((1,), {"f": 1}, "got an unexpected keyword argument 'f'"),
    ((1, 2, 3), {"c": 1}, "multiple values for argument 'c'"),
)


@pytest.mark.parametrize(("args", "named", "text"), WRONG)
def test_wrong_arguments_are_type_errors(args, named, text):
    keywords(1)
    with pytest.raises(TypeError, match=r"keywords\(\) " + text):
        keywords(*args, **named)


def test_the_rest_of_the_arguments_is_a_tuple():
    @njit
    def total(first, *rest, scale=1):
        result = first
        for each in rest:
            result += each
        return result * scale, rest

    assert total(1) == (1, ())
    assert total(1, 2, 3.5) == (6.5, (2, 3.5))
    assert total(1, 2, scale=2) == (6, (2,))


def test_no_arguments():
    answer = njit(lambda: 42)
    assert answer() == 42
    assert answer() == 42


def test_tuples_and_named_tuples():
    @njit
    def swap(p, q):
        return Point(p.y, p.x), p, q[::-1], q[0][0], len(q)

    for _ in range(2):
        got = swap(Point(1, 2.5), ((1, True), None))
        assert same(got, swap.py_func(Point(1, 2.5), ((1, True), None)))
    assert type(swap(Point(1, 2.5), ((1, True), None))[0]) is Point


def test_a_named_tuple_is_no_tuple_and_lengths_differ():
    kind = njit(lambda p: len(p))
    assert (kind((1, 2)), kind((1, 2, 3)), kind(Point(1, 2)), kind(())) == (2, 3, 2, 0)
    assert len(kind.signatures) == 4


def test_subclasses_of_tuples_and_odd_elements():
    class Pair(tuple):
        pass

    class Count(int):
        pass

    total = njit(lambda p: p[0] + p[1])
    assert total(Pair((1, 2))) == 3
    assert total((Count(1), 2)) == 3
    assert len(total.signatures) == 1


def test_none_and_optional_arguments():
    @njit
    def clip(x, low=None):
        if low is None:
            return x
        return low if x < low else x

    assert (clip(1.0), clip(1.0, 2.0), clip(1.0, None)) == (1.0, 2.0, 1.0)
    assert len(clip.signatures) == 2


def test_functions_as_arguments():
    @njit
    def twice(f, x):
        return f(f(x))

    assert twice(math.sqrt, 16.0) == 2.0
    assert twice(lambda x: x + 1, 3) == 5
    assert twice(njit(lambda x: x * 2), 3) == 12
    assert twice(np.negative, 3) == 3
    assert twice(vectorize(lambda x: x * x), 3) == 81
    assert len(twice.signatures) == 5


def test_a_function_argument_is_known_by_its_identity_and_kept():
    @njit
    def apply(f, x):
        return f(x)

    def make(k):
        return lambda x: x + k

    for k in range(5):
        assert apply(make(k), 1) == k + 1
    gc.collect()
    assert len(apply.signatures) == 5


def test_strings_are_known_by_their_values():
    @njit
    def fail(kind, x):
        if x > 0:
            raise ValueError(kind)
        return x

    one = "".join(["a", "b"])
    assert fail(one, 0) == 0
    with pytest.raises(ValueError, match="ab"):
        fail("ab", 1)
    assert len(fail.signatures) == 1


@pytest.mark.parametrize("value", [[1], {1: 2}, {1}, b"x", object(), 1.5j.__class__, range(3)])
def test_what_code_cannot_be_given_is_named(value):
    identity = njit(lambda something: 1)
    if isinstance(value, type):
        assert identity(value) == 1
        return
    with pytest.raises(TypingError, match=r"'something' is an? \w+, which compiled code cannot"):
        identity(value)


def test_the_place_in_a_tuple_is_named():
    with pytest.raises(TypingError, match=r"'p\[1\]\[0\]' is a list"):
        njit(lambda p: 1)((1, ([],)))


def test_a_scalar_of_no_type():
    with pytest.raises(TypingError, match="'x' is a NumPy scalar of <U1"):
        njit(lambda x: 1)(np.str_("a"))


# ----------------------------------------------------------------------------------- results


def test_what_cannot_be_returned():
    with pytest.raises(TypingError, match="cannot return the function"):
        njit(lambda: math.sqrt)()


def test_a_function_that_always_raises():
    @njit
    def fail():
        raise KeyError("always")

    for _ in range(2):
        with pytest.raises(KeyError, match="always"):
            fail()


def test_one_kind_of_result_on_all_ways():
    @njit
    def maybe(x):
        if x > 0:
            return x

    with pytest.raises(TypingError, match="returns Python int here and None there"):
        maybe(1)


def test_named_tuples_of_different_classes_meet_in_a_tuple():
    Other = namedtuple("Other", "x y")

    @njit
    def choose(x):
        return Point(x, x) if x > 0 else Other(x, x)

    assert choose(1) == (1, 1)


def test_results_are_not_leaked():
    @njit
    def parts(x):
        return x, (x + 1, None), Point(x, x), np.float64(x), True

    parts(1.5)
    before = sys.getrefcount(None), sys.getrefcount(True), sys.getrefcount(Point)
    for _ in range(1000):
        parts(1.5)
    after = sys.getrefcount(None), sys.getrefcount(True), sys.getrefcount(Point)
    assert all(abs(a - b) < 50 for a, b in zip(before, after))


def test_arguments_are_not_leaked():
    value, pair = 1.5e300, (2.5, None)
    keywords(value, e=pair)
    before = sys.getrefcount(value), sys.getrefcount(pair)
    for _ in range(1000):
        keywords(value, e=pair)
        with pytest.raises(TypeError):
            keywords(value, value, value, value, e=pair)
    assert (sys.getrefcount(value), sys.getrefcount(pair)) == before


# -------------------------------------------------------------------------------- signatures


def test_a_signature_converts_safely():
    f = njit("f8(f8, i4)")(lambda x, n: x * n)
    assert f.signatures == [(kg.float64, kg.int32)]
    for x, n in ((1.5, 2), (1, 2), (np.float32(1.5), np.int8(2)), (True, True), (np.float64(3), 4)):
        got = f(x, n)
        assert got == float(x) * int(n)
        assert type(got) is np.float64
    assert len(f.signatures) == 1


@pytest.mark.parametrize("args", [(1j, 2), (1.5, 2.5), (1.5, np.int64(2)), (1.5, None)])
def test_what_a_signature_does_not_take(args):
    f = njit("f8(f8, i4)")(lambda x, n: x * n)
    with pytest.raises(TypingError, match=r"no signature of <lambda> takes") as caught:
        f(*args)
    assert "its signatures are f8(f8, i4)" in str(caught.value)


@pytest.mark.parametrize("n", [2**31, -(2**31) - 1, 2**63])
def test_an_int_that_does_not_fit_its_declared_type(n):
    f = njit("i4(i4)")(lambda n: n)
    with pytest.raises(OverflowError):
        f(n)


def test_declared_uint64_takes_all_its_values():
    f = njit("u8(u8)")(lambda n: n)
    for n in (0, 2**63 - 1, np.uint64(2**64 - 1)):
        assert f(n) == n
    with pytest.raises(OverflowError):
        f(-1)


def test_among_signatures_the_exact_one_wins_then_the_first_that_fits():
    f = njit(["f4(f4)", "f8(f8)", "i8(i8)"])(lambda x: x + 1)
    assert type(f(np.float32(1))) is np.float32
    assert type(f(1.5)) is np.float64
    assert type(f(1)) is np.int64
    assert type(f(np.int16(1))) is np.float32
    assert type(f(np.int32(1))) is np.float64
    assert type(njit(["f4(f4)", "f8(f8)"])(lambda x: x)(1)) is np.float64
    assert type(njit(["f4(f4)", "i1(i1)"])(lambda x: x)(1)) is np.float32


FORMS = (
    "f8(f8,f8)",
    "float64(float64, float64)",
    kg.float64(kg.float64, kg.float64),
    "(f8, f8)",
    "f8, f8",
    (kg.float64, kg.float64),
    ("f8", np.float64),
    ["f8(f8,f8)"],
    [(kg.float64, kg.float64)],
)


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_signatures(form):
    f = njit(form)(lambda x, y: x + y)
    assert f.signatures == [(kg.float64, kg.float64)]
    assert f(1, 2) == 3


def test_tuples_in_signatures():
    f = njit("Tuple((f8, i8))(UniTuple(f4, 2), none)")(lambda p, q: p)
    got = f((1, 2), None)
    assert same(got, (np.float64(1), np.int64(2)))
    assert f.signatures == [(kg.types.UniTuple(kg.float32, 2), kg.types.none)]
    assert njit("void(f8)")(lambda x: None)(1) is None


BAD_SIGNATURES = (
    ("f8(f8", "cannot read the signature"),
    ("f8(f8,f9)", "names the type 'f9', which does not exist"),
    ("f8(f8)(f8)", "cannot read the signature"),
    ("UniTuple(f8)", "cannot read the signature"),
    ("f8(f8,f8,f8)", "takes 2 arguments, the signature has 3"),
    (["f8(f8,f8)", "i4(f8,f8)"], "two signatures have the arguments of"),
    ("void(f8,f8)", "the function returns float64, its signature has None"),
    ("Tuple((f8,f8))(f8,f8)", "the function returns float64, its signature has tuple"),
    ("f8(f8,list)", "names the type 'list'"),
    ((kg.float64, object()), "is not a type"),
)


@pytest.mark.parametrize(("form", "text"), BAD_SIGNATURES)
def test_signatures_that_are_errors(form, text):
    with pytest.raises(SignatureError) as caught:
        njit(form)(lambda x, y: x + y)
    assert text in str(caught.value)


def test_compile_ahead_of_calls():
    f = njit(lambda x: x + 1)
    f.compile("f8")
    f.compile((kg.float64,))
    f.compile("f8(f8)")
    assert f.signatures == [(kg.float64,)]
    with pytest.raises(SignatureError):
        f.compile("f8,f8")


# ----------------------------------------------------------------------------------- options


def test_error_models():
    assert njit(error_model="numpy")(lambda x, y: x / y)(1.0, 0.0) == math.inf
    with pytest.raises(ZeroDivisionError):
        njit(lambda x, y: x / y)(1.0, 0.0)
    with pytest.raises(KernelgenError, match="error_model cannot be 'c'"):
        njit(error_model="c")


def test_locals_have_their_types():
    @njit(locals={"s": kg.float32, "n": "i1"})
    def convert(x):
        s = x
        n = int(x) + 299
        s += 1
        return s, n

    assert same(convert(1.1), (np.float32(np.float32(1.1) + 1), np.int8(44)))
    with pytest.raises(KernelgenError, match="'s' cannot be declared as"):
        njit(locals={"s": kg.types.none})


def test_options_that_change_nothing_are_accepted():
    f = jit(
        nopython=False,
        cache=True,
        boundscheck=False,
        debug=True,
        inline="always",
        looplift=True,
        parallel=True,
    )(lambda x: x + 1)
    assert f(1) == 2
    with pytest.raises(KernelgenError, match="inline cannot be"):
        jit(inline="sometimes")


def test_forceobj_runs_python():
    seen = []
    f = jit(forceobj=True)(lambda x: seen.append(x))
    f("anything")
    assert seen == ["anything"]
    assert f.signatures == []


def test_disabled_compilation(monkeypatch):
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1")
    seen = []
    f = njit(lambda x: seen.append(x))
    f([1])
    assert seen == [[1]]


def test_disabled_compilation_compiles_no_signatures(monkeypatch):
    monkeypatch.setenv("KERNELGEN_DISABLE_JIT", "1")
    f = njit("f8(f8)")(lambda x: [x])
    assert f(1) == [1]


def test_keyword_dictionaries_are_refused():
    with pytest.raises(UnsupportedError, match="named parameters"):
        njit(lambda **named: 1)


@pytest.mark.parametrize("what", [len, int, 5])
def test_only_python_functions_are_compiled(what):
    with pytest.raises((UnsupportedError, SignatureError)):
        njit()(what)


def test_fastmath_and_precise():
    assert njit(fastmath=True, precise=True)(lambda x: math.exp(x))(0.0) == 1.0
    with pytest.raises(KernelgenError, match="no flag"):
        njit(fastmath="quick")


# -------------------------------------------------------------------------------- the object


def test_attributes():
    assert product.__name__ == "product"
    assert product.__qualname__ == "product"
    assert product.__module__ == __name__
    assert product.__doc__ == "Multiply."
    assert product.__wrapped__ is product.py_func
    assert repr(product) == "<jitted function product>"
    assert str(inspect.signature(keywords)) == "(a, b=2, /, c=3, *, d=4, e=None)"
    assert callable(product)
    product.note = 1
    assert product.__dict__["note"] == 1
    del product.note

    @functools.wraps(product)
    def wrapper():
        pass

    assert wrapper.__name__ == "product"


def test_pickle_and_copy():
    assert pickle.loads(pickle.dumps(product)) is product
    assert copy.copy(product) is product
    assert copy.deepcopy([product])[0] is product
    for nested in (njit(lambda x: x),):
        assert copy.deepcopy(nested) is nested
        with pytest.raises(pickle.PicklingError, match="cannot be pickled"):
            pickle.dumps(nested)


def test_methods():
    class Kernel:
        @staticmethod
        @njit
        def add(x, y):
            return x + y

        @njit
        def method(self, x):
            return x

    assert Kernel.add(1, 2) == Kernel().add(1, 2) == 3
    assert Kernel.method(None, 3) == 3
    with pytest.raises(TypingError, match="'self' is a Kernel"):
        Kernel().method(1)


def test_jit_of_a_jitted_function_compiles_its_python_function():
    again = njit(error_model="numpy")(product)
    assert again.py_func is product.py_func


def test_it_is_freed_with_its_code():
    def make():
        f = njit(lambda x: x + 1)
        f(1)
        f(1.5)
        return f

    f = make()
    function = weakref.ref(f)
    library = weakref.ref(next(iter(f._dispatcher.overloads.values())))
    gc.collect()  # what compiling left behind
    del f
    assert function() is None
    assert library() is None


def test_a_function_that_refers_to_itself_is_collected():
    def make():
        @njit
        def f(n):
            return 1 if n <= 0 else n * f(n - 1)

        f(3)
        return weakref.ref(f)

    reference = make()
    gc.collect()
    assert reference() is None


def test_inspection(capsys):
    f = njit(lambda x: x + 1.0)
    f(2.5)
    f(np.float32(1))
    weak, strong = f.signatures
    assert set(f.inspect_llvm()) == set(f.inspect_asm()) == {weak, strong}
    assert "fadd float" in f.inspect_llvm(strong)
    assert "kernelgen_entry" in f.inspect_asm(weak)
    assert "add(" in f.inspect_ir("f4")
    f.inspect_types()
    text = capsys.readouterr().out
    assert "<lambda>(~f8)" in text
    assert "%x: f4" in text
    with pytest.raises(ValueError, match="plain text"):
        f.inspect_types(pretty=True)


# ----------------------------------------------------------------------- threads and processes


def test_threads_that_call_at_once():
    f = njit(lambda x, y: x * y + 1)
    wrong = []
    start = threading.Barrier(8)

    def run(k):
        start.wait()
        for i in range(200):
            for x in (i, float(i), np.float32(i), np.int16(i)):
                if f(x, k) != x * k + 1:
                    wrong.append((x, k))

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert len(f.signatures) == 4


def test_without_the_gil_other_threads_run():
    @njit(nogil=True)
    def spin(n):
        x = 1
        for i in range(n):
            x = (x * 1103515245 + i) % 2147483648
        return x

    spin(1)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(spin(10**9)))
    thread.start()
    count = 0
    while thread.is_alive():
        count += 1
        thread.join(0.001)
    assert count > 3
    assert len(seen) == 1


def test_without_the_gil_exceptions_arrive():
    @njit(nogil=True)
    def fail(x):
        if x > 0:
            raise ValueError("positive", x)
        return x

    assert fail(0) == 0
    with pytest.raises(ValueError, match="positive"):
        fail(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_compiles_on():
    f = njit(lambda x: x + 1)
    f(1)
    child = os.fork()
    if child == 0:
        os._exit(0 if f(1) == 2 and f(1.5) == 2.5 else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
