"""The tables of NumPy's ziggurats, which are found by asking it.

NumPy's functions are given words that are made for the purpose, by an interface of our own. From
what they return follow the widths of the layers. How far a layer goes is looked for below where it
should end, so that what code returns by itself is what NumPy returns; where nothing is found, NumPy
is asked for every number.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

from kernelgen.generators import NEXT_DOUBLE, NEXT_UINT32, NEXT_UINT64
from kernelgen.runtime import engine
from kernelgen.runtime.generators import function
from kernelgen.ziggurats import FUSED, LAYERS, NORMAL, ZIGGURATS, Ziggurat

_DRAW_WORD = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)
_DRAW_HALF = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)
_DRAW_DOUBLE = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p)
_STANDARD = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p)
_SCALED = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p, ctypes.c_double, ctypes.c_double)


_SURE = 8
"""A layer of which less than one part in 2**8 is inside has not been understood."""


class _Words:
    """An interface whose first word is ours; it counts what is drawn."""

    def __init__(self) -> None:
        self._word = self._drawn = 0
        self._functions = (
            _DRAW_WORD(self._next),
            _DRAW_HALF(self._next_half),
            _DRAW_DOUBLE(self._next_double),
        )
        word, half, double = (ctypes.cast(f, ctypes.c_void_p).value for f in self._functions)
        self._interface = (ctypes.c_void_p * 5)(None, word, half, double, word)
        self.address = ctypes.addressof(self._interface)

    def _next(self, state: Any) -> int:
        self._drawn += 1
        return self._word if self._drawn == 1 else 0

    def _next_half(self, state: Any) -> int:
        self._drawn += 2
        return 0

    def _next_double(self, state: Any) -> float:
        self._drawn += 2
        return 0.5

    def drawn(self, word: int, draw: Any, *parameters: float) -> float | None:
        """What ``draw`` makes of a word, None if it takes more than that."""
        self._word, self._drawn = word, 0
        value = float(draw(self.address, *parameters))
        return value if self._drawn == 1 else None


class _Tables:
    """The tables of one ziggurat."""

    def __init__(self, ziggurat: Ziggurat) -> None:
        self.ziggurat = ziggurat
        self._words = _Words()
        self._draw = _STANDARD(function(ziggurat.name))
        self.widths = (ctypes.c_double * LAYERS)()
        self.limits = (ctypes.c_uint64 * LAYERS)()
        for layer in range(LAYERS):
            self._find(layer)

    def _find(self, layer: int) -> None:
        width = self._asked(layer, 1)
        if width is None or not width > 0:
            return  # every number of this layer takes more than a word
        self.widths[layer] = width
        bits = self.ziggurat.bits
        below = self.widths[layer - 1] if layer else 0.0
        limit = min(int(below / width * (1 << bits)), 1 << bits) - 2
        if below == 0.0 or not self._is_inside(layer, limit - 1):
            limit = self._searched(layer)
        self.limits[layer] = limit if limit >> (bits - _SURE) else 0

    def _searched(self, layer: int) -> int:
        """How many distances are inside a layer, by halving."""
        low, high = 1, 1 << self.ziggurat.bits
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._is_inside(layer, middle) else (low, middle)
        return low + 1

    def _is_inside(self, layer: int, distance: int) -> bool:
        """Whether NumPy returns what code does, whatever the bits that do not count."""
        x, other = distance * self.widths[layer], self.ziggurat.others
        negative = -x if self.ziggurat.signed else x
        return self._asked(layer, distance) == x and self._asked(layer, distance, other) == negative

    def _asked(self, layer: int, distance: int, other: int = 0) -> float | None:
        """What NumPy makes of a word with these parts."""
        place = self.ziggurat
        word = layer << place.layer | distance << place.distance | other
        return self._words.drawn(word, self._draw)


_REST = """
declare double @numpy_{name}(ptr)

; The same number as if the word had not been drawn yet: NumPy is given an interface that gives it.
define double @{rest}(ptr %interface, i64 %word) {{
  %own = alloca [5 x ptr]
  %state = alloca [3 x i64]
  %address = ptrtoint ptr %interface to i64
  store i64 %address, ptr %state
  %word.at = getelementptr i64, ptr %state, i64 1
  store i64 %word, ptr %word.at
  %left.at = getelementptr i64, ptr %state, i64 2
  store i64 1, ptr %left.at
  store ptr %state, ptr %own
  %next.at = getelementptr i8, ptr %own, i64 {next}
  store ptr @next_word, ptr %next.at
  %half.at = getelementptr i8, ptr %own, i64 {half}
  store ptr @next_half, ptr %half.at
  %double.at = getelementptr i8, ptr %own, i64 {double}
  store ptr @next_double, ptr %double.at
  %value = call double @numpy_{name}(ptr %own)
  ret double %value
}}
"""

_NEXT = f"""
define internal i64 @next_word(ptr %state) {{
  %left.at = getelementptr i64, ptr %state, i64 2
  %left = load i64, ptr %left.at
  %ours = icmp ne i64 %left, 0
  br i1 %ours, label %again, label %ask
again:
  store i64 0, ptr %left.at
  %word.at = getelementptr i64, ptr %state, i64 1
  %word = load i64, ptr %word.at
  ret i64 %word
ask:
  %interface = load ptr, ptr %state
  %next.at = getelementptr i8, ptr %interface, i64 {NEXT_UINT64}
  %next = load ptr, ptr %next.at
  %inner = load ptr, ptr %interface
  %other = call i64 %next(ptr %inner)
  ret i64 %other
}}

"""

_DELEGATE = """
define internal {llvm} @{name}(ptr %state) {{
  %interface = load ptr, ptr %state
  %next.at = getelementptr i8, ptr %interface, i64 {offset}
  %next = load ptr, ptr %next.at
  %inner = load ptr, ptr %interface
  %value = call {llvm} %next(ptr %inner)
  ret {llvm} %value
}}
"""


@cache
def _tables(name: str) -> _Tables:
    return _Tables(ZIGGURATS[name])


@cache
def _library() -> engine.Library:
    """What is called where a word is not enough."""
    source = _NEXT
    source += _DELEGATE.format(llvm="i32", name="next_half", offset=NEXT_UINT32)
    source += _DELEGATE.format(llvm="double", name="next_double", offset=NEXT_DOUBLE)
    places = {"next": NEXT_UINT64, "half": NEXT_UINT32, "double": NEXT_DOUBLE}
    for each in ZIGGURATS.values():
        source += _REST.format(name=each.name, rest=each.rest, **places)
    module = engine.compile_module(source, opt_level=2)
    given = {f"numpy_{name}": function(name) for name in ZIGGURATS}
    return engine.link(module.object_code, [each.rest for each in ZIGGURATS.values()], given)


@cache
def _fused() -> ctypes.c_uint8:
    """Whether NumPy multiplies and adds at once for a normal number."""
    words, draw = _Words(), _SCALED(function("normal"))
    fused = False
    for k in range(1, 40):
        word = 7 * k << NORMAL.layer | k * 0x12345678912 << NORMAL.distance
        x = words.drawn(word, _STANDARD(function(NORMAL.name)))
        value = words.drawn(word, draw, 1 / 3, 1.1)
        fused |= x is not None and value != 1 / 3 + 1.1 * x
    return ctypes.c_uint8(fused)


def symbols(names: Sequence[str]) -> dict[str, int]:
    """What code that draws by these ziggurats is linked with."""
    found = {FUSED: ctypes.addressof(_fused())}
    for name in names:
        tables = _tables(name)
        found[tables.ziggurat.widths] = ctypes.addressof(tables.widths)
        found[tables.ziggurat.limits] = ctypes.addressof(tables.limits)
        found[tables.ziggurat.rest] = _library().address(tables.ziggurat.rest)
    return found
