"""The tables of these pages, made from the tables of the package, so that they cannot go stale.

A page asks for one by a line ``<!-- table: NAME -->``; ``conf.py`` puts it there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from kernelgen import config, pipeline, rewrites
from kernelgen.bytecode import rejected
from kernelgen.errors import TypingError
from kernelgen.infer import check_outputs
from kernelgen.ops import complex_table, library, math, refused
from kernelgen.ops.registry import OPS
from kernelgen.types import table
from kernelgen.types.table import FLOAT64, INT64, Scalar

MARKER = re.compile(r"^<!-- table: (\w+) -->$", re.MULTILINE)
SHOWN_TYPES = (table.BOOL, table.INT32, table.FLOAT32, table.FLOAT64, table.COMPLEX128)


def fill(page: str) -> str:
    """Put the tables into the text of a page."""
    return MARKER.sub(lambda match: TABLES[match[1]](), page)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The text of a table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def code(text: object) -> str:
    """Text in the typewriter's font."""
    return f"`{text}`"


# ---------------------------------------------------------------------- types and switches


def switches() -> str:
    """The environment variables."""
    rows = [(code(s.name), code(s.default), s.meaning) for s in config.SWITCHES]
    return markdown(("variable", "default", "meaning"), rows)


def types() -> str:
    """The scalar types, with all their names in signatures."""
    rows = []
    for row in table.SCALARS + table.TIMES:
        names = [name for name, found in table.BY_NAME.items() if found is row]
        others = sorted(set(names) - {row.name, row.long_name}, key=lambda n: (len(n), n))
        attribute = "boolean" if row is table.BOOL else row.long_name
        rows.append((code(f"kernelgen.{attribute}"), code(row.name), code(row.long_name),
                     ", ".join(map(code, others))))  # fmt: skip
    return markdown(("object", "name", "long name", "also"), rows)


# ------------------------------------------------------------------------------- functions


def spelled(function: Any) -> str:
    """A function's name as a kernel writes it."""
    if isinstance(function, np.ufunc):
        return f"np.{function.__name__}"
    prefix = {"math": "math.", "cmath": "cmath.", "numpy": "np."}.get(function.__module__, "")
    return prefix + str(function.__name__)


def call(function: Any, arity: int) -> str:
    """A call with as many arguments, as a kernel writes it."""
    return f"{spelled(function)}({', '.join('xyzuv'[:arity])})"


def result(function: Any, inputs: tuple[Scalar, ...]) -> str:
    """The types of a call's result, as inference finds them, or a dash."""
    arguments = ", ".join("xyzuv"[: len(inputs)])
    kernel = eval(f"lambda {arguments}: function({arguments})", {"function": function})
    try:
        outputs = check_outputs(pipeline.typed(pipeline.Request(kernel, inputs)))
    except TypingError:
        return "–"
    return ", ".join(code(output.long_name) for output in outputs)


def results(function: Any, arity: int) -> list[str]:
    """The types of a call for each of the types that are shown, which all arguments have.

    The second argument of ``round`` is an integer.
    """
    others = [INT64 if function is round else t for t in SHOWN_TYPES]
    return [
        result(function, (t, *[other] * (arity - 1)))
        for t, other in zip(SHOWN_TYPES, others, strict=True)
    ]


RESULTS = [f"of {t.long_name}" for t in SHOWN_TYPES]


def mathematics() -> str:
    """The functions that the C library or LLVM computes, with their error bounds."""
    rows = []
    for row in sorted(math_rows(), key=lambda row: spelled(row.python)):
        libm = f"libm's {code(row.symbol(FLOAT64))}"
        by = f"LLVM's {code(row.intrinsic)}" if row.intrinsic else libm
        rows.append((code(call(row.python, row.arity)), by, f"{row.ulp:g}"))
    return markdown(("call", "computed by", "error in ulp, at most"), rows)


def complex_mathematics() -> str:
    """The functions of complex numbers, with their error bounds."""
    rows = []
    for row in complex_table.ROWS:
        names = [code(call(f, 1)) for f in (row.python, row.ufunc) if f]
        part = "–" if row.part_ulp is None else f"{row.part_ulp:g}"
        rows.append((", ".join(names), f"{row.ulp:g}", part))
    return markdown(("call", "error in ulp of the larger part", "of each part, in its own"), rows)


def math_rows() -> list[math.Row]:
    """The rows that users can call by the name of a function of ``math``."""
    return [row for row in math.ROWS if not is_internal(row.python)]


def is_internal(function: Any) -> bool:
    """Whether only our own functions of the kernel language call it."""
    return str(getattr(function, "__module__", None)).startswith("kernelgen.")


def is_numpys(function: Any) -> bool:
    """Whether it is called by a name of NumPy."""
    return spelled(function).startswith("np.")


def op_calls() -> list[tuple[Any, int]]:
    """The callables that mean an op, but for those of the math table."""
    rows = {row.python for row in math.ROWS}
    return [
        (function, arity)
        for op in OPS.values()
        for function, arity in op.calls
        if function not in rows and not is_internal(function)
    ]


def library_calls() -> list[tuple[Any, int]]:
    """The callables that the library of the kernel language replaces, but for ``range``."""
    return [(function, arity) for function, arity in library.BY_CALL if function is not range]


def other_functions() -> str:
    """All other functions, with the types of their results."""
    calls = [c for c in (*op_calls(), *library_calls()) if not is_numpys(c[0])]
    calls += [(min, 2), (max, 2)]
    calls.sort(key=lambda each: (spelled(each[0]).startswith("math."), spelled(each[0]), each[1]))
    rows = [(code(call(*each)), *results(*each)) for each in calls]
    return markdown(("call", *RESULTS), rows)


def numpy_functions() -> str:
    """The functions of NumPy, with the types of their results."""
    calls = [c for c in (*op_calls(), *library_calls()) if is_numpys(c[0])]
    calls.sort(key=lambda each: (spelled(each[0]), each[1]))
    rows = [(code(call(*each)), *results(*each)) for each in calls]
    return markdown(("call", *RESULTS), rows)


def refusals() -> str:
    """The functions that are refused, with the reasons."""
    rows = [(code(spelled(f)), reason, hint) for f, reason, hint in refused.REFUSED if f]
    return markdown(("function", "why not", "instead"), rows)


# ----------------------------------------------------------------- the compiler's own tables


def rejections() -> str:
    """What is refused, in the words of the error, and by which opcodes it is known."""
    rows = [
        (sentence, hint, ", ".join(code(name + "…" * name.endswith("_")) for name in names))
        for names, sentence, hint in rejected._SENTENCES
    ]
    return markdown(("error", "hint", "opcodes that begin with"), rows)


def passes() -> str:
    """The rewrites in their order."""
    rows = [(code(p.__name__), "before inference", why) for p, why in rewrites.UNTYPED_PASSES]
    rows += [(code(p.__name__), "after it", why) for p, why in rewrites.TYPED_PASSES]
    check, why = rewrites.CHECK_DIVISION
    rows.append((code(check.__name__), "after it", why))
    return markdown(("pass", "when", "why"), rows)


def ops() -> str:
    """The ops of the IR."""
    names = sorted(OPS)
    return ", ".join(map(code, names)) + "."


TABLES: dict[str, Callable[[], str]] = {
    "switches": switches,
    "types": types,
    "mathematics": mathematics,
    "complex_mathematics": complex_mathematics,
    "other_functions": other_functions,
    "ufuncs": numpy_functions,
    "refused": refusals,
    "rejections": rejections,
    "passes": passes,
    "ops": ops,
}
