"""Writing LLVM IR whose floating point exceptions are exactly those that the kernel earns.

LLVM takes floating point instructions for free of side effects, and may run those of a branch
that is not taken. Its *constrained intrinsics* say otherwise: they keep their place, at the price
of speed. (LLVM Language Reference, "Constrained Floating-Point Intrinsics".)
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kernelgen.llvm_text import Emitter, literal
from kernelgen.types.table import FLOAT64, Scalar

_EXCEPTIONS = 'metadata !"fpexcept.strict"'
_ROUNDED = f'metadata !"round.tonearest", {_EXCEPTIONS}'
_SUFFIX = {
    "half": "f16", "float": "f32", "double": "f64", "x86_fp80": "f80", "fp128": "f128",
}  # fmt: skip

# Strings, which `re` compiles when they are first needed.
_ARITHMETIC = r"(fadd|fsub|fmul|fdiv|frem) (?:[a-z ]* )?(\w+) (\S+), (\S+)"
_COMPARISON = r"fcmp (\w+) (\w+) (\S+), (\S+)"
_CONVERSION = r"(fptrunc|fpext|sitofp|uitofp) (\w+) (\S+) to (\w+)"
_INTRINSIC = r"call (?:[a-z ]* )?\w+ @llvm\.(sqrt|floor|ceil|trunc|roundeven)\.\w+\((\w+) (\S+)\)"


class StrictEmitter(Emitter):
    """An emitter that puts constrained intrinsics in place of the instructions it is given."""

    attribute = "strictfp"

    def __call__(self, instruction: str) -> str:
        for pattern, constrain in _CONSTRAINED:
            match = re.match(pattern, instruction)
            if match is not None:
                return self._intrinsic(*constrain(match))
        return super().__call__(instruction)

    def _intrinsic(self, name: str, result: str, types: list[str], args: list[str]) -> str:
        name = f"llvm.experimental.constrained.{name}"
        metadata = [arg for arg in args if arg.startswith("metadata")]
        values = [f"{t} {arg}" for t, arg in zip(types, args, strict=False)]
        declared = ", ".join([*types, *("metadata" for m in metadata for _ in m.split(", "))])
        self.declarations[name] = f"declare {result} @{name}({declared})"
        return super().__call__(
            f"call {result} @{name}({', '.join([*values, *metadata])}) {self.attribute}"
        )

    def library_call(self, function: str, t: Scalar, *args: str) -> str:
        """A call of a function of libm, which raises its own exceptions."""
        types = ", ".join(t.llvm for _ in args)
        self.declarations[function] = f"declare {t.llvm} @{function}({types}) nounwind"
        values = ", ".join(f"{t.llvm} {arg}" for arg in args)
        return super().__call__(f"call {t.llvm} @{function}({values}) nounwind {self.attribute}")

    def signal_division_by_zero(self, condition: str) -> None:
        """Raise the exception by a division of floats that nothing uses."""
        divisor = self.select(condition, FLOAT64, literal(FLOAT64, 0), literal(FLOAT64, 1))
        self.float_op("fdiv", FLOAT64, literal(FLOAT64, 1), divisor)

    def signal_overflow(self, condition: str) -> None:
        """Raise the exception by a product of floats that nothing uses."""
        huge = literal(FLOAT64, 1.7976931348623157e308)
        factor = self.select(condition, FLOAT64, huge, literal(FLOAT64, 1))
        self.float_op("fmul", FLOAT64, factor, literal(FLOAT64, 2))


_Call = tuple[str, str, list[str], list[str]]


def _arithmetic(match: re.Match[str]) -> _Call:
    opcode, t, a, b = match.groups()
    return f"{opcode}.{_SUFFIX[t]}", t, [t, t], [a, b, _ROUNDED]


def _comparison(match: re.Match[str]) -> _Call:
    """Quiet, as in NumPy: a comparison with nan is no invalid operation."""
    condition, t, a, b = match.groups()
    return f"fcmp.{_SUFFIX[t]}", "i1", [t, t], [a, b, f'metadata !"{condition}", {_EXCEPTIONS}']


def _conversion(match: re.Match[str]) -> _Call:
    opcode, source, x, to = match.groups()
    name = f"{opcode}.{_SUFFIX[to]}.{_SUFFIX.get(source, source)}"
    return name, to, [source], [x, _EXCEPTIONS if opcode == "fpext" else _ROUNDED]


def _intrinsic(match: re.Match[str]) -> _Call:
    function, t, x = match.groups()
    rounded = function == "sqrt"
    return f"{function}.{_SUFFIX[t]}", t, [t], [x, _ROUNDED if rounded else _EXCEPTIONS]


_CONSTRAINED: tuple[tuple[str, Callable[[re.Match[str]], _Call]], ...] = (
    (_ARITHMETIC, _arithmetic),
    (_COMPARISON, _comparison),
    (_CONVERSION, _conversion),
    (_INTRINSIC, _intrinsic),
)
