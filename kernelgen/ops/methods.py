"""Methods and attributes of numbers, by name: what NumPy's scalars and Python's numbers have.

Methods are functions of the kernel language whose first argument is the number. Whether a type
has one at all, its class says. What a kernel cannot have is in ``refused.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernelgen.ir.core import Op
from kernelgen.llvm_text import Emitter
from kernelgen.ops import array_library, array_reductions, complex_library, library
from kernelgen.ops.arith import identity, result_type
from kernelgen.ops.arrays import CONSTANT_ATTRIBUTES
from kernelgen.ops.convert import lower_conversion
from kernelgen.ops.refused import MEMBERS, member_of_generator
from kernelgen.ops.registry import OPS, NoRule, OpDef, Typed, define
from kernelgen.ops.rules import ELEMENTS, same, scalars
from kernelgen.ops.tuples import never_lowered
from kernelgen.types.compound import GENERATOR, Array, Element, Type, Window, describe
from kernelgen.types.table import (
    FLOAT64,
    INT64,
    UINT64,
    WEAK_BOOL,
    WEAK_COMPLEX,
    WEAK_FLOAT,
    WEAK_INT,
    Scalar,
)

_CLASSES: dict[str, type] = {"b": bool, "i": int, "f": float, "c": complex}
_WEAK = {"b": WEAK_BOOL, "i": WEAK_INT, "u": WEAK_INT, "f": WEAK_FLOAT, "c": WEAK_COMPLEX}
_NUMBERS = "biufc"
ALL = "biufcMm"


class Method(NamedTuple):
    """What a call of a method means, and for which kinds of numbers."""

    function: Callable[..., Any]
    kinds: str


METHODS: dict[str, Method] = {}

OF_ARRAYS = {
    "astype", "clip", "copy", "conj", "conjugate", "round", "all", "any", "argmax", "argmin",
    "max", "min", "sum", "prod", "mean", "var", "std", "cumsum", "cumprod", "view",
}  # fmt: skip
"""The methods that arrays have as well; ``array_methods.py`` adds to them."""


OF_GENERATORS = {
    "beta", "binomial", "chisquare", "choice", "exponential", "f", "gamma", "geometric",
    "gumbel", "hypergeometric", "integers", "laplace", "logistic", "lognormal", "logseries",
    "negative_binomial", "noncentral_chisquare", "noncentral_f", "normal", "pareto",
    "permutation", "poisson", "power", "random", "rayleigh", "shuffle", "standard_cauchy",
    "standard_exponential", "standard_gamma", "standard_normal", "standard_t", "triangular",
    "uniform", "vonmises", "wald", "weibull", "zipf",
}  # fmt: skip
"""Those of ``np.random.Generator``, as ``generator_library.py`` defines them."""


def definition(name: str) -> Method | None:
    """What calls of the methods called ``name`` mean, None if no kernel has one."""
    if name not in OF_GENERATORS:
        return METHODS.get(name)
    from kernelgen.ops import generator_library  # few kernels need it

    return Method(getattr(generator_library, name), "")


def _is(*names: str, kinds: str = _NUMBERS) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated function as the meaning of the methods ``names``."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        METHODS.update(dict.fromkeys(names, Method(function, kinds)))
        return function

    return enter


def has_member(t: Scalar, name: str) -> bool:
    """Whether the class of a ``t`` has ``name``; ints have ``is_integer`` in any version."""
    if t.weak:
        return hasattr(_CLASSES[t.kind], name) or (name == "is_integer" and t.kind in "bi")
    return hasattr(t.dtype.type, name)


def check_member(t: Type, name: str) -> None:
    """Raise NoRule unless a kernel can use the method or attribute ``name`` of a ``t``."""
    if t == GENERATOR:
        if name not in OF_GENERATORS:
            raise NoRule(*member_of_generator(name))
        return
    if isinstance(t, Array):
        if name in OF_ARRAYS:
            return
        raise NoRule(f"the method {name!r} of an array cannot be used in a kernel", ELEMENTS)
    if isinstance(t, Element) and name == "copy":
        return
    if not isinstance(t, Scalar) or not has_member(t, name):
        raise NoRule(f"{describe(t)} has no attribute {name!r}")
    if name in MEMBERS:
        raise NoRule(*MEMBERS[name])
    if t.kind not in (METHODS[name].kinds if name in METHODS else ALL):
        raise NoRule(f"{name}() of {describe(t)} cannot be used in a kernel")


# --------------------------------------------------------------------------------- attributes

COMPUTED = {"real": "real", "imag": "imag", "numerator": "pos", "T": "method_of"}
"""The op that an attribute is."""

KNOWN: dict[str, Callable[[Scalar], Any]] = {
    "dtype": lambda t: t.dtype,
    "itemsize": lambda t: t.size,
    "nbytes": lambda t: t.size,
    "size": lambda t: 1,
    "ndim": lambda t: 0,
    "shape": lambda t: (),
    "strides": lambda t: (),
    "denominator": lambda t: 1,
    "device": lambda t: "cpu",
    "base": lambda t: None,
}
"""The attributes that the type tells when a kernel is compiled."""


def known_attribute(t: Type | None, name: str) -> tuple[bool, Any]:
    """Whether the attribute ``name`` of a ``t`` is a constant, and which."""
    if isinstance(t, Window):
        t = t.array
    if isinstance(t, Array) and name in CONSTANT_ATTRIBUTES:
        return True, CONSTANT_ATTRIBUTES[name](t)
    if isinstance(t, Element):
        t = t.record  # of which all scalars have
    if not isinstance(t, Scalar) or name not in KNOWN or not has_member(t, name):
        return False, None
    return True, KNOWN[name](t)


def attribute_rule(op: Op, t: Scalar) -> Typed:
    """The rule of an attribute that is computed when the kernel runs."""
    name = op.attrs["name"]
    check_member(t, name)
    if name not in COMPUTED:
        raise NoRule(
            f"the method {name!r} of {describe(t)} can be called in a kernel, but not handed on"
            if name in METHODS
            else f"the attribute {name!r} of {describe(t)} cannot be used in a kernel"
        )
    computed = COMPUTED[name]
    return OPS[computed].rule(Op(computed, op.operands, {"member": name}), (t,))


# ------------------------------------------------------------------------------- their ops


def _method_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    check_member(types[0], op.attrs["member"])
    return Typed(types, types[0])


def _method_of(x: Any, member: str = "") -> Any:
    return x


def _item_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    (t,) = scalars("item()", types)
    wide = t.component.is_float and t.component.bits > FLOAT64.bits  # Python has no such numbers
    return same(t if wide else _WEAK[t.kind], 1)


def python_number(x: Any) -> Any:
    """The op of that name: a number of NumPy as one of Python."""
    return x.item()


def _total_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    (t,) = scalars("sum()", types)
    wide = {"b": INT64, "i": INT64, "u": UINT64}.get(t.kind, t)
    return same(wide, 1)


def _bit_length_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    scalars("bit_length()", types)
    return same(WEAK_INT, 1)


def bit_length(x: Any) -> Any:
    """The op of that name: the bits of an int's magnitude."""
    return int(x).bit_length()


def _lower_bit_length(e: Emitter, op: Op, args: list[str]) -> str:
    e.declarations["abs"] = "declare i64 @llvm.abs.i64(i64, i1)"
    e.declarations["ctlz"] = "declare i64 @llvm.ctlz.i64(i64, i1)"
    magnitude = e(f"call i64 @llvm.abs.i64(i64 {args[0]}, i1 false)")
    return e(f"sub i64 64, {e(f'call i64 @llvm.ctlz.i64(i64 {magnitude}, i1 false)')}")


def _decimals_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    t, decimals = scalars("round()", types)
    if not (decimals.is_integer or decimals.is_bool):
        raise NoRule("round() needs an integer number of decimals")
    return Typed((t, WEAK_INT), t)


def rounded(x: Any, decimals: Any) -> Any:
    """The op ``decimals``: a number rounded to so many, in its type."""
    return x.round(decimals)


def _rounded_reference(x: Any, decimals: Any) -> Any:
    return x.round(int(decimals))


def _expand_decimals(op: Op) -> Callable[..., Any]:
    t = result_type(op)
    if t.is_complex:
        return _round_parts
    return library.round_to_digits if t.is_float else library.round_integer_to_digits


def _round_parts(x: Any, digits: Any) -> Any:
    real = library.round_to_digits(complex_library.real(x), digits)
    imag = library.round_to_digits(complex_library.imag(x), digits)
    return complex_library.of_parts(real, imag)


def _view_rule(op: Op, types: tuple[Type, ...]) -> Typed:
    to: Scalar = op.attrs["to"]
    if isinstance(types[0], Array):
        return Typed(types, viewed_type(types[0], to))
    (t,) = scalars("view()", types)
    check_member(t, "view")
    if t.size != to.size:
        raise NoRule(f"{describe(t)} and {describe(to)} differ in width", "use astype()")
    if t != to and (to.is_bool or t.is_complex or to.is_complex):
        raise NoRule(f"a view of {describe(t)} as {describe(to)} cannot be had in a kernel")
    return Typed(types, to)


def viewed_type(t: Array, to: Scalar) -> Array:
    """The type of an array whose memory is read as values of another type."""
    if t.dtype.size != to.size and t.ndim == 0:
        raise NoRule("changing the width of an array without dimensions has no meaning")
    layout = t.layout if t.dtype.size == to.size or t.layout == "C" else "A"
    aligned = t.aligned and to.alignment <= t.dtype.alignment
    return t._replace(dtype=to, layout=layout, aligned=aligned)


def _view(x: Any, to: Scalar) -> Any:
    return x.view(to.dtype)


def _lower_view(e: Emitter, op: Op, args: list[str]) -> str:
    source, to = op.operands[0].type, result_type(op)
    assert isinstance(source, Scalar)
    if source.llvm == to.llvm:
        return args[0]
    if source.is_bool:
        return lower_conversion(e, source, to, args[0])
    return e(f"bitcast {source.llvm} {args[0]} to {to.llvm}")


define(OpDef("method_of", _method_rule, _method_of, identity, halves=True))
define(
    OpDef(
        "python_number",
        _item_rule,
        python_number,
        identity,
        lambda x: x,
        ((python_number, 1),),
    )
)
define(
    OpDef(
        "total",
        _total_rule,
        array_reductions.total,
        identity,
        lambda x: x,
        ((array_reductions.total, 1),),
        halves=True,
    )
)
define(
    OpDef("bit_length", _bit_length_rule, bit_length, _lower_bit_length, calls=((bit_length, 1),))
)
define(
    OpDef(
        "decimals",
        _decimals_rule,
        rounded,
        never_lowered,
        _rounded_reference,
        ((rounded, 2),),
        _expand_decimals,
        halves=True,
    )
)
define(OpDef("view", _view_rule, _view, _lower_view, halves=True))

# ----------------------------------------------------------------------------- the methods


@_is("copy", kinds=ALL)
def copy(x: Any) -> Any:
    return array_library.copied(x)


@_is("conjugate", "conj")
def conjugate(x: Any) -> Any:
    return complex_library.conjugated(x)


@_is("item", "tolist")
def item(x: Any) -> Any:
    return python_number(x)


@_is("is_integer", kinds="biuf")
def is_integer(x: Any) -> Any:
    return bool(np.isfinite(x) and x == np.floor(x))


@_is("bit_count", kinds="biu")
def bit_count(x: Any) -> Any:
    return int(np.bitwise_count(x))


@_is("bit_length", kinds="bi")
def bits_of(x: Any) -> Any:
    return bit_length(x)


@_is("as_integer_ratio", kinds="bi")
def as_integer_ratio(x: Any) -> Any:
    return int(x), 1


for _name, _kinds in (
    ("all", ALL), ("any", ALL), ("argmax", ALL), ("argmin", ALL), ("max", ALL), ("min", ALL),
    ("sum", _NUMBERS + "m"), ("prod", _NUMBERS), ("mean", _NUMBERS), ("var", _NUMBERS),
    ("std", _NUMBERS), ("cumsum", ""), ("cumprod", ""),
):  # fmt: skip
    METHODS[_name] = Method(getattr(array_reductions, _name), _kinds)


@_is("round", kinds="iufc")
def round_(x: Any, decimals: Any = 0) -> Any:
    return rounded(x, decimals)


@_is("clip", kinds=ALL)
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    return np.clip(x, min, max)
