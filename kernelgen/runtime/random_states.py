"""Random numbers of ``np.random``'s own generator: native functions on the state that it has.

The generator is an object of NumPy's class ``RandomState``. It has a copy of the bit generator's
interface, that is where the state lies and the functions that draw, and behind it the second normal
number of the last pair, if that has not been drawn yet. So what compiled code draws and what Python
draws are one sequence.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from kernelgen.errors import UnsupportedError
from kernelgen.randoms import BELOW, DECLARED, DOUBLE, EXPONENTIAL, GAUSS, SEED
from kernelgen.runtime import engine

_INTERFACE = 32
"""Where in a ``RandomState`` the interface is. The offsets below are in it."""

_NEXT_UINT64, _NEXT_UINT32, _NEXT_DOUBLE = 8, 16, 24
_ITSELF, _HAS_GAUSS, _GAUSS = 40, 48, 56
_WORDS = 624
"""Of the state of MT19937; behind them is the place of the next."""

_STATE = "kernelgen_random_state"

_SOURCE = f"""
@{_STATE} = external global i8
declare double @log(double)
declare double @llvm.sqrt.f64(double)
declare i64 @llvm.ctlz.i64(i64, i1)

define double @{DOUBLE}() {{
  %state = load ptr, ptr @{_STATE}
  %next.at = getelementptr i8, ptr @{_STATE}, i64 {_NEXT_DOUBLE}
  %next = load ptr, ptr %next.at
  %value = call double %next(ptr %state)
  ret double %value
}}

define double @{EXPONENTIAL}() {{
  %u = call double @{DOUBLE}()
  %rest = fsub double 1.0, %u
  %log = call double @log(double %rest)
  %value = fneg double %log
  ret double %value
}}

; A number of the standard normal distribution, by the polar method of Box and Muller.
define double @{GAUSS}() {{
  %has.at = getelementptr i8, ptr @{_STATE}, i64 {_HAS_GAUSS}
  %kept.at = getelementptr i8, ptr @{_STATE}, i64 {_GAUSS}
  %has = load i32, ptr %has.at
  %second = icmp ne i32 %has, 0
  br i1 %second, label %take, label %draw
take:
  %kept = load double, ptr %kept.at
  store i32 0, ptr %has.at
  store double 0.0, ptr %kept.at
  ret double %kept
draw:
  %u = call double @{DOUBLE}()
  %v = call double @{DOUBLE}()
  %u2 = fmul double 2.0, %u
  %v2 = fmul double 2.0, %v
  %x = fsub double %u2, 1.0
  %y = fsub double %v2, 1.0
  %xx = fmul double %x, %x
  %yy = fmul double %y, %y
  %r = fadd double %xx, %yy
  %outside = fcmp oge double %r, 1.0
  %origin = fcmp oeq double %r, 0.0
  %again = or i1 %outside, %origin
  br i1 %again, label %draw, label %scale
scale:
  %log = call double @log(double %r)
  %minus = fmul double -2.0, %log
  %ratio = fdiv double %minus, %r
  %f = call double @llvm.sqrt.f64(double %ratio)
  %keep = fmul double %f, %x
  %value = fmul double %f, %y
  store double %keep, ptr %kept.at
  store i32 1, ptr %has.at
  ret double %value
}}

; An integer from 0 to ``most``: those drawn that are greater, of as many bits, are drawn again.
define i64 @{BELOW}(i64 %most) {{
  %state = load ptr, ptr @{_STATE}
  %narrow.at = getelementptr i8, ptr @{_STATE}, i64 {_NEXT_UINT32}
  %narrow.next = load ptr, ptr %narrow.at
  %wide.at = getelementptr i8, ptr @{_STATE}, i64 {_NEXT_UINT64}
  %wide.next = load ptr, ptr %wide.at
  %none = icmp eq i64 %most, 0
  br i1 %none, label %zero, label %some
zero:
  ret i64 0
some:
  %unused = call i64 @llvm.ctlz.i64(i64 %most, i1 true)
  %mask = lshr i64 -1, %unused
  %narrow = icmp ule i64 %most, 4294967295
  br i1 %narrow, label %draw32, label %draw64
draw32:
  %word = call i32 %narrow.next(ptr %state)
  %long = zext i32 %word to i64
  %value32 = and i64 %long, %mask
  %fits32 = icmp ule i64 %value32, %most
  br i1 %fits32, label %done32, label %draw32
done32:
  ret i64 %value32
draw64:
  %word64 = call i64 %wide.next(ptr %state)
  %value64 = and i64 %word64, %mask
  %fits64 = icmp ule i64 %value64, %most
  br i1 %fits64, label %done64, label %draw64
done64:
  ret i64 %value64
}}

; The state of MT19937 that a seed of 32 bits stands for.
define void @{SEED}(i64 %seed) {{
  %state = load ptr, ptr @{_STATE}
  %first = trunc i64 %seed to i32
  br label %each
each:
  %i = phi i32 [ 0, %0 ], [ %after, %each ]
  %word = phi i32 [ %first, %0 ], [ %next, %each ]
  %word.at = getelementptr i32, ptr %state, i32 %i
  store i32 %word, ptr %word.at
  %high = lshr i32 %word, 30
  %mixed = xor i32 %word, %high
  %product = mul i32 %mixed, 1812433253
  %after = add i32 %i, 1
  %next = add i32 %product, %after
  %more = icmp ult i32 %after, {_WORDS}
  br i1 %more, label %each, label %done
done:
  %place.at = getelementptr i32, ptr %state, i32 {_WORDS}
  store i32 {_WORDS}, ptr %place.at
  %has.at = getelementptr i8, ptr @{_STATE}, i64 {_HAS_GAUSS}
  %kept.at = getelementptr i8, ptr @{_STATE}, i64 {_GAUSS}
  store i32 0, ptr %has.at
  store double 0.0, ptr %kept.at
  ret void
}}
"""


def _generator() -> Any:
    return np.random.mtrand._rand


def _check(generator: Any) -> int:
    """The address of the generator's interface, which is looked at first.

    Raises
    ------
    UnsupportedError
        It is not laid out as expected, or has another bit generator.
    """
    state = generator.get_state(legacy=False)
    own = id(generator) + _INTERFACE
    word = ctypes.c_uint64.from_address
    gauss = ctypes.c_double.from_address(own + _GAUSS).value
    expected = (
        type(generator).__basicsize__ >= _INTERFACE + _GAUSS + 8
        and state["bit_generator"] == "MT19937"
        and word(own).value == generator._bit_generator.ctypes.state_address
        and word(own + _ITSELF).value == own
        and ctypes.c_int32.from_address(own + _HAS_GAUSS).value == state["has_gauss"]
        and (gauss == state["gauss"] or not state["has_gauss"])
    )
    if not expected:
        raise UnsupportedError(
            "the generator of np.random cannot be used in compiled code: it is not NumPy's own"
        )
    return own


@cache
def _library() -> tuple[engine.Library, Any]:
    """The linked functions, and the generator, which lives as long."""
    generator = _generator()
    module = engine.compile_module(_SOURCE, opt_level=2)
    linked = engine.link(module.object_code, list(DECLARED), {_STATE: _check(generator)})
    return linked, generator


def symbols() -> dict[str, int]:
    """What code that draws random numbers is linked with."""
    library, _ = _library()
    return {symbol: library.address(symbol) for symbol in DECLARED}
