"""The tables of these pages, made from the tables of the package, so that they cannot go stale.

A page asks for one by a line ``<!-- table: NAME -->``; ``conf.py`` puts it there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
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
MEASURED = (
    (table.FLOAT32, "vector"), (table.FLOAT64, "vector"), (table.FLOAT32, "precise"),
    (table.FLOAT64, "precise"), (table.LONGDOUBLE, "precise"),
)  # fmt: skip
"""Of which types, and how compiled, the errors are shown."""
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


def call(function: Any, arity: int, name: str = "") -> str:
    """A call with as many arguments, as a kernel writes it; the last ones may have keywords."""
    arguments = list("xyzuvw"[:arity])
    code = getattr(library.BY_CALL.get((function, arity)), "__code__", None)
    if code is not None:
        names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        for k, keyword in zip(range(code.co_argcount, arity), names, strict=False):
            arguments[k] = f"{keyword}={arguments[k]}"
    return f"{name or spelled(function)}({', '.join(arguments)})"


def result(function: Any, inputs: tuple[Scalar, ...]) -> str:
    """The types of a call's result, as inference finds them, or a dash."""
    parameters = ", ".join("xyzuvw"[: len(inputs)])
    text = call(function, len(inputs), "function")
    kernel = eval(f"lambda {parameters}: {text}", {"function": function})
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


def measured() -> dict[tuple[str, str, str], str]:
    """The largest errors that ``python -m tests.accuracy`` found, by function, type and path."""
    with (Path(__file__).parent / "accuracy.csv").open(newline="") as file:
        return {
            (row["function"], row["dtype"], row["path"]): f"{float(row['ulp']):.2f}"
            for row in csv.DictReader(file)
        }


def mathematics() -> str:
    """The functions that the C library, LLVM or we compute, with their errors."""
    figures, rows = measured(), []
    for row in sorted(math_rows(), key=lambda row: spelled(row.python)):
        libm = f"libm's {code(row.symbol(FLOAT64))}"
        by = f"LLVM's {code(row.intrinsic)}" if row.intrinsic else libm
        by = "kernelgen" if row.computed else by
        bounds = {row.ulp, row.bound(table.LONGDOUBLE)}
        found = [
            "exact" if row.ulp == 0 else figures[row.name, t.long_name, path]
            for t, path in MEASURED
        ]
        bound = ", ".join(f"{ulp:g}" for ulp in sorted(bounds))
        rows.append((code(call(row.python, row.arity)), by, bound, *found))
    head = [f"{t.long_name}, {path}" for t, path in MEASURED]
    return markdown(("call", "computed by", "bound", *head), rows)


def complex_mathematics() -> str:
    """The functions of complex numbers, with their error bounds and errors."""
    figures, rows = measured(), []
    for row in complex_table.ROWS:
        names = [code(call(f, 1)) for f in (row.python, row.ufunc) if f]
        bounds = ["–" if ulp is None else f"{ulp:g}" for ulp in (row.ulp, row.part_ulp)]
        name = f"{row.ufunc.__name__} of complex"
        found = [
            " / ".join(figures[name + part, "complex128", path] for part in ("", ", each part"))
            for path in ("vector", "precise")
        ]
        rows.append((", ".join(names), " / ".join(bounds), *found))
    return markdown(("call", "bound", "vector", "precise"), rows)


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
    """The callables that the library of the kernel language replaces, but for ``range``.

    Those of NumPy are listed with the fewest arguments that a definition takes.
    """
    fewest: dict[Any, int] = {}
    for (function, arity), definition in library.BY_CALL.items():
        fewest.setdefault((function, definition if is_numpys(function) else arity), arity)
    return [(function, arity) for (function, _), arity in fewest.items() if function is not range]


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
