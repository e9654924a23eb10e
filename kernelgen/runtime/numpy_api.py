"""NumPy's C API: ufuncs that start without loops and ask for one when they need it.

A ufunc made here has a single *promoter*. NumPy calls it for each combination of dtypes
that it sees for the first time, in calls and methods alike; the promoter has a loop
compiled and registered, and names the loop's dtypes.

In NumPy's words a *DType* is the class of a dtype (`numpy.dtypes.Float64DType`), and only
DTypes occur here. Python's own numbers have abstract ones, which is how their weak
promotion shows.
"""

from __future__ import annotations

import copyreg
import ctypes
import importlib
from collections.abc import Callable, Sequence
from enum import IntFlag
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from kernelgen.errors import InternalError
from kernelgen.runtime import cpython_api, locks

DType: TypeAlias = type[np.dtype[Any]]
"""The class of a dtype."""

Promote: TypeAlias = Callable[
    [np.ufunc, tuple[DType | None, ...], tuple[DType | None, ...]], Sequence[DType]
]
"""``promote(ufunc, inputs, signature)`` returns the DTypes of all operands of the loop to
use, having added that loop. ``inputs`` has None where NumPy leaves the choice (in some
reductions), ``signature`` where the caller pinned nothing."""

ATTRIBUTE = "_kernelgen"
"""The attribute by which ufuncs made here are known. It holds their `Binding`."""


class LoopFlag(IntFlag):
    """What NumPy may assume of a loop (``NPY_ARRAYMETHOD_FLAGS``)."""

    REQUIRES_GIL = 1
    NO_FLOATINGPOINT_ERRORS = 2
    SUPPORTS_UNALIGNED = 4
    REORDERABLE = 8


class Binding:
    """What a ufunc needs to live on, kept exactly as long as the ufunc.

    Attributes
    ----------
    promote : Promote
        Makes the loops.
    name, doc, signature : bytes
        The buffers that the ufunc points into; NumPy does not copy them.
    loops : dict
        The DTypes of each loop, by those of its inputs.
    owned : list
        Whatever the loops' code needs.
    """

    def __init__(self, promote: Promote, name: str, doc: str, signature: str | None) -> None:
        self.promote = promote
        self.name = name.encode()
        self.doc = doc.encode()
        self.signature = None if signature is None else signature.encode()
        self.loops: dict[tuple[DType, ...], tuple[DType, ...]] = {}
        self.owned: list[object] = []


# The numbers of functions in NumPy's tables, as in numpy/__multiarray_api.h and
# numpy/__ufunc_api.h.
_LINKED = {
    "PyArray_EquivTypes": 182,
    "PyArray_NewFromDescr": 94,
    "PyArray_Scalar": 60,
    "PyArray_SetBaseObject": 282,
}
_FROM_FUNC_AND_DATA_AND_SIGNATURE_AND_IDENTITY = 42
_ADD_LOOP_FROM_SPEC = 43
_ADD_PROMOTER = 44

# What stands for an identity that is not a value, as in numpy/ufuncobject.h.
_NO_IDENTITY = -1
_REORDERABLE_WITHOUT_IDENTITY = -2
_IDENTITY_VALUE = -3

# The kinds of functions that make up a loop, as in numpy/dtype_api.h.
_RESOLVE_DESCRIPTORS = 2
_GET_LOOP = 3
_GET_REDUCTION_INITIAL = 4
_STRIDED_LOOP = 5
_CONTIGUOUS_LOOP = 6
_CONTIGUOUS_INDEXED_LOOP = 9

_pointer, _object, _int, _text = ctypes.c_void_p, ctypes.py_object, ctypes.c_int, ctypes.c_char_p

_capsule_new = cpython_api.function("PyCapsule_New", _object, _pointer, _text, _pointer)
_capsule_name = cpython_api.function("PyCapsule_GetName", _text, _object)
_capsule_get = cpython_api.function("PyCapsule_GetPointer", _pointer, _object, _text)
_capsule_set = cpython_api.function("PyCapsule_SetPointer", _int, _object, _pointer)
_add_reference = cpython_api.function("Py_IncRef", None, _object)
_track = cpython_api.function("PyObject_GC_Track", None, _object)


def _address(table: str, number: int) -> int:
    """The address of a function in a table of NumPy's."""
    capsule = getattr(importlib.import_module("numpy._core._multiarray_umath"), table)
    functions = _capsule_get(capsule, _capsule_name(capsule))
    address: int | None = ctypes.cast(functions, ctypes.POINTER(_pointer))[number]
    assert address is not None
    return address


def _numpy_function(number: int, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.PYFUNCTYPE(result, *arguments)(_address("_UFUNC_API", number))


@cache
def symbols() -> dict[str, int]:
    """The functions of NumPy that generated code may call, by name."""
    return {name: _address("_ARRAY_API", number) for name, number in _LINKED.items()}


class _Slot(ctypes.Structure):
    """``PyType_Slot``: one function of a loop."""

    _fields_ = (("slot", _int), ("function", _pointer))


class _LoopSpec(ctypes.Structure):
    """``PyArrayMethod_Spec``: a loop. NumPy copies all of it, the name included."""

    _fields_ = (
        ("name", _text),
        ("nin", _int),
        ("nout", _int),
        ("casting", _int),
        ("flags", _int),
        ("dtypes", ctypes.POINTER(_pointer)),
        ("slots", ctypes.POINTER(_Slot)),
    )


_ufunc_new = _numpy_function(
    _FROM_FUNC_AND_DATA_AND_SIGNATURE_AND_IDENTITY,
    _object,
    *(_pointer, _pointer, _text, _int, _int, _int, _int, _text, _text, _int, _text, _pointer),
)
_add_promoter = _numpy_function(_ADD_PROMOTER, _int, _object, _object, _object)
_add_loop = _numpy_function(_ADD_LOOP_FROM_SPEC, _int, _object, ctypes.POINTER(_LoopSpec))


def make_ufunc(
    name: str,
    doc: str,
    nin: int,
    nout: int,
    identity: object,
    promote: Promote,
    *,
    signature: str | None = None,
) -> np.ufunc:
    """Make a ufunc that asks `promote` for a loop whenever it meets new dtypes.

    Parameters
    ----------
    name, doc : str
        The ufunc's ``__name__``, and what ``__doc__`` says after NumPy's own first line.
    nin, nout : int
        Numbers of inputs and outputs.
    identity : object
        The identity of reductions. None: there is none. The string ``"reorderable"``: there
        is none, but several axes may be reduced at once. Loops must say the same, by
        `LoopFlag.REORDERABLE` and ``initial``: NumPy asks the loop, and shows the user this.
    promote : Promote
        Its exceptions become those of the call that needed the loop.
    signature : str, optional
        Core dimensions, of a generalized ufunc.

    Raises
    ------
    ValueError
        If there are more operands than NumPy can take, or the signature is malformed.
    """
    binding = Binding(promote, name, doc, signature)
    kind, value = _identity_kind(identity)
    value_address = id(value) if kind == _IDENTITY_VALUE else None
    strings = (binding.name, binding.doc, 0, binding.signature)
    ufunc: np.ufunc = _ufunc_new(None, None, None, 0, nin, nout, kind, *strings, value_address)
    setattr(ufunc, ATTRIBUTE, binding)
    # NumPy leaves tracking to whoever gives a ufunc something to refer to. Without it a
    # ufunc that its own promoter refers to would never be freed.
    _track(ufunc)
    # Reductions that name no dtype leave the first input open. NumPy then asks a promoter only
    # if it takes that as anything.
    first = None if (nin, nout, signature) == (2, 1, None) else np.dtype
    dtypes = (first, *(np.dtype,) * (nin - 1), *(None,) * nout)
    _check(_add_promoter(ufunc, dtypes, _promoter_capsule))
    return ufunc


def _identity_kind(identity: object) -> tuple[int, object]:
    if identity is None:
        return _NO_IDENTITY, None
    if isinstance(identity, str) and identity == "reorderable":
        return _REORDERABLE_WITHOUT_IDENTITY, None
    return _IDENTITY_VALUE, identity


def _check(status: int) -> None:
    # ctypes has raised the exception already, if NumPy set one.
    if status < 0:
        raise InternalError("NumPy refused a ufunc without saying why")


def binding_of(ufunc: np.ufunc) -> Binding | None:
    """Return the binding of a ufunc made here, and None for any other ufunc."""
    binding = getattr(ufunc, ATTRIBUTE, None)
    return binding if isinstance(binding, Binding) else None


def own_binding(ufunc: np.ufunc) -> Binding:
    """Return the binding of a ufunc made here; any other is a defect."""
    binding = binding_of(ufunc)
    if binding is None:
        raise InternalError(f"{ufunc!r} was not made by kernelgen")
    return binding


def loop_for(ufunc: np.ufunc, dtypes: Sequence[DType]) -> tuple[DType, ...] | None:
    """Return the DTypes of the loop that has the inputs of ``dtypes``, if there is one."""
    return own_binding(ufunc).loops.get(tuple(dtypes[: ufunc.nin]))


def add_loop(
    ufunc: np.ufunc,
    dtypes: Sequence[DType],
    loop: int,
    *,
    flags: int,
    name: str,
    initial: int = 0,
    contiguous_loop: int = 0,
    indexed_loop: int = 0,
    get_loop: int = 0,
    resolve_descriptors: int = 0,
    owner: object = None,
) -> None:
    """Register compiled code as a loop of a ufunc made by `make_ufunc`.

    Parameters
    ----------
    ufunc : numpy.ufunc
        The ufunc.
    dtypes : sequence of DType
        Of all operands. A ufunc has at most one loop for the same inputs: otherwise the
        loop that NumPy picks would depend on the order of earlier calls.
    loop : int
        Address of the strided loop, ``int (context, char **data, npy_intp *dimensions,
        npy_intp *strides, auxdata)``. It returns 0, or -1 with an exception set.
    flags : int
        A combination of `LoopFlag`.
    name : str
        For NumPy's error messages.
    initial : int, optional
        Address of ``int (context, npy_bool is_empty, void *initial)`` that writes the
        initial value of reductions and returns 1; see `trampolines.reduction_initial`.
    contiguous_loop, indexed_loop, get_loop : int, optional
        Addresses of the loop for contiguous operands, of the one for ``ufunc.at``, and of
        the function that chooses a loop by strides.
    resolve_descriptors : int, optional
        Address of the function that answers the dtypes of a call (`descriptors`).
    owner : object, optional
        What the code needs, such as its `engine.Library`. Kept as long as the ufunc.

    Raises
    ------
    InternalError
        If there is another loop for these inputs.
    """
    chosen, binding = tuple(dtypes), own_binding(ufunc)
    if chosen[: ufunc.nin] in binding.loops:
        raise InternalError(f"{ufunc!r} has a loop for the inputs of {_text_of(chosen)} already")
    slots = {
        _RESOLVE_DESCRIPTORS: resolve_descriptors,
        _GET_LOOP: get_loop,
        _GET_REDUCTION_INITIAL: initial,
        _STRIDED_LOOP: loop,
        _CONTIGUOUS_LOOP: contiguous_loop,
        _CONTIGUOUS_INDEXED_LOOP: indexed_loop,
    }
    binding.owned.append(owner)  # first: an interrupt must not leave a loop without its code
    spec = _loop_spec(name, ufunc, chosen, flags, slots)
    _check(_add_loop(ufunc, ctypes.byref(spec)))
    binding.loops[chosen[: ufunc.nin]] = chosen


def _loop_spec(
    name: str, ufunc: np.ufunc, dtypes: tuple[DType, ...], flags: int, slots: dict[int, int]
) -> _LoopSpec:
    present = [_Slot(slot, function) for slot, function in slots.items() if function]
    return _LoopSpec(
        name=name.encode(),
        nin=ufunc.nin,
        nout=ufunc.nout,
        casting=0,
        flags=flags,
        dtypes=(_pointer * len(dtypes))(*map(id, dtypes)),
        slots=(_Slot * (len(present) + 1))(*present),  # a zero slot ends the list
    )


def answer_promotion(ufunc: np.ufunc, operands: int, signature: int, answer: int) -> None:
    """Answer NumPy's question which loop to use. Called by the promoter only.

    Parameters
    ----------
    ufunc : numpy.ufunc
        One made by `make_ufunc`.
    operands, signature, answer : int
        Addresses of arrays of DTypes: the operands' (outputs only where pinned), those
        pinned by the caller, and the ones to be written.
    """
    binding = own_binding(ufunc)
    given = read_objects(operands, ufunc.nargs)
    if isinstance(given[0], _Detour):
        write_objects(answer, given[0].chosen)
        return
    pinned = read_objects(signature, ufunc.nargs)
    chosen = tuple(binding.promote(ufunc, given[: ufunc.nin], pinned))
    # NumPy would ask again and again for a loop that is not there.
    if binding.loops.get(chosen[: ufunc.nin]) != chosen:
        raise InternalError(f"{ufunc!r} has no loop for {_text_of(chosen)}, which it promised")
    changed = _as_change(given, chosen, ufunc.nin)
    if changed != given:
        write_objects(answer, changed)
        return
    detour = _Detour(chosen)
    binding.owned.append(detour)  # NumPy remembers its address
    write_objects(answer, (detour, *chosen[1:]))


class _Detour:
    """Takes the place of the first DType where nothing else can change, as there are no outputs.

    It says that it is a DType of any kind, so that NumPy asks again, and is given the answer then.
    """

    __bases__ = (np.dtype,)

    def __init__(self, chosen: tuple[DType, ...]) -> None:
        self.chosen = chosen


def _as_change(
    given: tuple[DType | None, ...], chosen: tuple[DType, ...], nin: int
) -> tuple[DType | None, ...]:
    """Leave the outputs open where the answer equals the question.

    NumPy takes an unchanged answer for "no such loop", although the loop is there now.
    With open outputs it looks again and finds the one loop for these inputs.
    """
    return chosen if chosen != given else (*chosen[:nin], *[None] * (len(chosen) - nin))


def read_objects(address: int, count: int) -> tuple[Any, ...]:
    """The Python objects in an array of pointers, None for a null pointer."""
    # Reading a null pointer as an object is an error in ctypes, so it is read both ways.
    of_pointers, of_objects = _arrays(count)
    pointers, objects = of_pointers.from_address(address)[:], of_objects.from_address(address)
    if None not in pointers:
        return tuple(objects[:])
    return tuple(None if pointers[i] is None else objects[i] for i in range(count))


@cache
def _arrays(count: int) -> tuple[Any, Any]:
    """The types of arrays of pointers and of objects; making them is slow."""
    return _pointer * count, _object * count


def write_objects(address: int, objects: Sequence[object]) -> None:
    """Fill an array of pointers with new references, null pointers for None."""
    for each in objects:
        if each is not None:
            _add_reference(each)
    _arrays(len(objects))[0].from_address(address)[:] = [
        None if each is None else id(each) for each in objects
    ]


def _text_of(dtypes: tuple[object, ...]) -> str:
    return ", ".join(getattr(dtype, "__name__", repr(dtype)) for dtype in dtypes)


# NumPy finds the promoter in a capsule. All ufuncs share one, whose pointer is first a
# ctypes callback, so that making a ufunc does not load LLVM. The first call of any ufunc
# replaces it by native code: ctypes cannot let exceptions through, and one raised at the
# very entry of a callback (recursion limit, Ctrl-C) would leave NumPy with no answer at all.

_PROMOTER_NAME = b"numpy._ufunc_promoter"


class _ErrorCarrier:
    """Takes the place of a DType, and raises an error when NumPy looks at its bases."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    @property
    def __bases__(self) -> tuple[type, ...]:
        raise self._error


def _first_promotion(ufunc: np.ufunc, operands: int, signature: int, answer: int) -> int:
    try:
        with locks.undisturbed():
            _load_native_promoter()
            answer_promotion(ufunc, operands, signature, answer)
    except BaseException as error:
        # In all inputs, as NumPy does not look at one that a promoter takes as anything.
        carrier = _ErrorCarrier(_carried(error))
        write_objects(answer, [carrier] * ufunc.nin + [None] * ufunc.nout)
    return 0


def _carried(error: BaseException) -> BaseException:
    if not isinstance(error, AttributeError):
        return error
    # NumPy would take it for an object without bases.
    carried = InternalError(f"AttributeError: {error}")
    carried.__cause__ = error
    return carried


def _load_native_promoter() -> None:
    trampolines = importlib.import_module("kernelgen.runtime.trampolines")
    _capsule_set(_promoter_capsule, trampolines.addresses().promoter)


_first_promoter = ctypes.PYFUNCTYPE(_int, _object, _pointer, _pointer, _pointer)(_first_promotion)
_promoter_capsule = _capsule_new(
    ctypes.cast(_first_promoter, _pointer), ctypes.c_char_p(_PROMOTER_NAME), None
)

_numpy_reduce = copyreg.dispatch_table[np.ufunc]


def _reduce_ufunc(ufunc: np.ufunc) -> Any:
    """Pickle our ufuncs by the qualified name of their kernel, all others as NumPy does."""
    return ufunc.__qualname__ if binding_of(ufunc) is not None else _numpy_reduce(ufunc)


# pickle and copy have one reducer for a type, and the type is NumPy's.
copyreg.pickle(np.ufunc, _reduce_ufunc)
