"""What a ufunc says of itself, and how it is named, copied and looked into."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import pydoc
import sys
import weakref

import numpy as np
import pytest
from uses import run_in_new_process

from kernelgen import vectorize


@vectorize
def distance(x, y):
    """Distance of two numbers.

    More of it.
    """
    return abs(x - y)


def undocumented(x):
    return x


class Geometry:
    @vectorize
    def area(width, height):
        return width * height


def test_names_and_documentation_are_the_kernels():
    assert distance.__name__ == "distance"
    assert distance.__qualname__ == "distance"
    assert distance.__module__ == __name__
    assert distance.__doc__ == "Distance of two numbers.\n\n    More of it.\n    " or (
        sys.version_info >= (3, 13) and distance.__doc__ == distance.py_func.__doc__
    )
    assert Geometry.area.__qualname__ == "Geometry.area"
    assert repr(distance) == "<ufunc 'distance'>"
    assert vectorize(undocumented).__doc__ is None
    assert repr(vectorize(lambda x: x)) == "<ufunc '<lambda>'>"


def test_py_func_is_the_function_itself(target):
    ufunc = vectorize(undocumented, target=target)
    assert ufunc.py_func is undocumented
    assert ufunc.__wrapped__ is undocumented
    assert inspect.unwrap(ufunc) is undocumented
    assert distance.py_func(2, 5) == 3


def test_inspect_signature_has_the_kernels_arguments():
    parameters = inspect.signature(distance).parameters
    assert list(parameters)[:3] == ["x", "y", "out"]
    assert parameters["x"].kind is inspect.Parameter.POSITIONAL_ONLY
    assert parameters["casting"].default == "same_kind"
    inspect.signature(distance).bind(1, 2, where=True, dtype="f4")


def test_inspect_signature_of_two_outputs(target):
    ufunc = vectorize(lambda x: (x, x), target=target)
    assert inspect.signature(ufunc).parameters["out"].default == (None, None)


@pytest.mark.parametrize("name", ["out", "where", "dtype", "signature", "order"])
def test_arguments_may_be_called_like_a_ufuncs_keywords(name, target):
    scope = {}
    exec(f"def kernel(x, {name}): return x + {name}", scope)
    ufunc = vectorize(scope["kernel"], target=target)
    assert list(inspect.signature(ufunc).parameters)[:2] == ["x", name]
    assert ufunc(1.0, 2.0) == 3.0


def test_help_shows_the_documentation():
    text = pydoc.plain(pydoc.render_doc(distance))
    assert "distance" in text
    assert "Distance of two numbers." in text


def test_source_is_found():
    assert "return abs(x - y)" in inspect.getsource(distance)


def test_signatures_grow_with_use(target):
    ufunc = vectorize(undocumented, target=target)
    assert ufunc.signatures == []
    ufunc(1.0)
    ufunc(np.float32(1))
    ufunc(2.0)
    assert ufunc.signatures == ["f8(f8)", "f4(f4)"]


def test_compile_makes_the_loop_before_the_first_call():
    ufunc = vectorize(undocumented)
    ufunc.compile("i2")
    assert ufunc.signatures == ["i2(i2)"]
    assert ufunc(np.int16(3)).dtype == np.int16


def test_inspect_shows_every_stage():
    ufunc = vectorize(lambda x, y: x * y + 1.0)
    ir = ufunc.inspect_ir("f8,f8")
    assert ir.startswith("func @<lambda> -> f8")
    assert "mul" in ir
    llvm = ufunc.inspect_llvm("f8,f8")
    assert "define" in llvm
    assert "fmul" in llvm
    assert "double" in llvm
    assembly = ufunc.inspect_asm("f8,f8")
    assert "_loop" in assembly
    assert "ret" in assembly
    assert ufunc.signatures == ["f8(f8,f8)"]
    assert "float" in ufunc.inspect_llvm("f4,f4")


def test_inspected_loop_of_independent_elements_is_vectorised(optimised):
    assert " x double>" in vectorize(lambda x, y: x * y + 1.0).inspect_llvm("f8,f8")


# ------------------------------------------------------------------------------- pickles and copies


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_finds_a_ufunc_of_a_module_again(protocol):
    assert pickle.loads(pickle.dumps(distance, protocol)) is distance
    if protocol >= 4:
        assert pickle.loads(pickle.dumps(Geometry.area, protocol)) is Geometry.area


def test_copies_are_the_ufunc_itself():
    assert copy.copy(distance) is distance
    assert copy.deepcopy({"f": [distance]})["f"][0] is distance


def test_numpys_own_ufuncs_pickle_as_ever():
    assert pickle.loads(pickle.dumps(np.add)) is np.add
    assert copy.deepcopy(np.frompyfunc) is np.frompyfunc


def test_pickle_of_a_local_ufunc_says_why_not():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(vectorize(lambda x: x))


PICKLED = """
import pickle, sys
sys.path.insert(0, {folder!r})
f = pickle.loads({data!r})
print(f(2.0, 5.0), f.signatures)
"""


def test_pickle_travels_to_another_process():
    data = pickle.dumps(distance)
    folder = str(__file__).rsplit("/", 1)[0]
    run = run_in_new_process(PICKLED.format(folder=folder, data=data))
    assert (run.stderr, run.stdout) == ("", "3.0 ['f8(f8,f8)']\n")


# ----------------------------------------------------------------------------------------- lifetime


def test_a_dropped_ufunc_frees_its_function(target):
    def kernel(x):
        return x + 1

    alive = weakref.ref(kernel)
    ufunc = vectorize(kernel, target=target)
    ufunc(1.0)
    ufunc.reduce if ufunc.nin == 2 else None  # noqa: B018
    del kernel
    gc.collect()
    assert alive() is not None
    del ufunc
    gc.collect()
    assert alive() is None


def test_users_may_set_attributes(target):
    ufunc = vectorize(undocumented, target=target)
    ufunc.unit = "m"
    ufunc.__doc__ = "Changed."
    assert (ufunc.unit, ufunc.__doc__) == ("m", "Changed.")


# ------------------------------------------------------------------------------- forms of vectorize


@pytest.mark.parametrize(
    "decorate",
    [
        vectorize,
        vectorize(),
        vectorize(None),
        vectorize("f8(f8)"),
        vectorize(["f8(f8)", "i8(i8)"]),
        vectorize(identity=0),
        vectorize(target="cpu"),
        vectorize(target="parallel"),
        vectorize(error_model="python"),
        vectorize(fastmath=True),
        vectorize(fastmath={"nnan", "reassoc"}),
        vectorize(fastmath="nnan"),
        vectorize("f8(f8)", identity=None, error_model="numpy", fastmath=False, target="cpu"),
    ],
)
def test_forms_of_the_decorator(decorate):
    ufunc = decorate(lambda x: x + 1.5)
    assert type(ufunc) is np.ufunc
    assert ufunc(2.0) == 3.5


def test_one_decorator_serves_many_kernels(target):
    decorate = vectorize("f8(f8)", target=target)
    assert decorate(lambda x: x + 1)(1) == 2
    assert decorate(lambda x: x - 1)(1) == 0


def test_plain_call_with_choices(target):
    assert vectorize(lambda x, y: x + y, identity=0, target=target).reduce([]) == 0


def test_fastmath_reaches_the_code():
    ufunc = vectorize(fastmath={"nnan", "reassoc"})(lambda x, y: x + y)
    assert "fadd reassoc nnan" in ufunc.inspect_llvm("f8,f8")
    assert "fadd reassoc" not in vectorize(lambda x, y: x + y).inspect_llvm("f8,f8")
