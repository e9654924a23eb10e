"""Ten kernels side by side: kernelgen, NumPy, Numba, numexpr, and C compiled by gcc.

Run as ``python peers.py [--n N] [--dtype D] [--kernels NAME ...] [--repeat K] [--json]``.
Whatever is not installed is left out. All competitors run on one thread and write to an array
that exists already, except that NumPy's expressions make the temporaries they need. The rounds
are interleaved in random order, so a change of the machine's speed meets all alike; every number
is the median of the processor's time over the rounds. Before a kernel is timed, all results are
compared.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import importlib.util
import inspect
import json
import math
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from time import process_time

import numpy as np
from kernels import CONSTANTS, FLOATS, KERNELS, Array, Arrays, Kernel

HERE = Path(__file__).resolve().parent
OURS = "kernelgen"
OURS_FUSED = "kernelgen, FMA"
SAMPLE_SECONDS = 0.002
SPOT_CHECKS = 100
C_TYPES = {"float64": "double", "float32": "float", "int64": "int64_t"}
C_FLAGS = {
    "C": ("-O3", "-march=native"),
    "C, no FMA": ("-O3", "-march=native", "-ffp-contract=off"),
    "C fast-math": ("-O3", "-march=native", "-ffast-math"),
}
# gcc fuses a * b + c unless it is told not to, which changes results; we only if told to.
RATIOS = (
    (OURS, "C, no FMA"),
    (OURS_FUSED, "C"),
    (OURS, "C fast-math"),
    (OURS, "Numba"),
    (OURS, "NumPy"),
)
FRESH_STEPS = ("import", "load LLVM", "first kernel", "further kernel")

Action = Callable[[], object]
Table = Sequence[Sequence[str]]


class DisagreementError(Exception):
    """Two implementations of one kernel differ by more than its tolerance."""


# C


def c_constant(name: str, value: float) -> str:
    """Definition of one Python constant as a C macro."""
    return f"#define {name} {value if isinstance(value, int) else f'R({value.hex()})'}"


def c_source(kernel: Kernel, dtype: str) -> str:
    """C program with a function ``run(n, inputs…, out)`` over contiguous arrays."""
    names = kernel.parameters
    inputs = "".join(f"const real *restrict in_{name}, " for name in names)
    return "\n".join(
        [
            "#include <stdint.h>",
            "#include <tgmath.h>",
            f"typedef {C_TYPES[dtype]} real;",
            f"typedef {C_TYPES[kernel.result_dtype(dtype)]} result;",
            "#define R(v) ((real)(v))",
            *(c_constant(name, value) for name, value in CONSTANTS.items()),
            f"static inline result kernel({', '.join(f'real {name}' for name in names)})",
            "{" + kernel.c + "}",
            f"void run(int64_t n, {inputs}result *restrict out)",
            "{",
            "    for (int64_t i = 0; i < n; ++i)",
            f"        out[i] = kernel({', '.join(f'in_{name}[i]' for name in names)});",
            "}",
            "",
        ]
    )


def c_library(source: str, flags: Iterable[str]) -> ctypes.CDLL:
    """Compile a C program and load it; its file is gone when this returns."""
    with tempfile.TemporaryDirectory() as folder:
        program, library = Path(folder, "kernel.c"), Path(folder, "kernel.so")
        program.write_text(source)
        command = ["gcc", *flags, "-shared", "-fPIC", "-o", library, program, "-lm"]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library))


def c_action(
    flags: Iterable[str], kernel: Kernel, dtype: str, inputs: Arrays, out: Array
) -> Action:
    """Call of the kernel's C form."""
    run = c_library(c_source(kernel, dtype), flags).run
    run.restype = None
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (*inputs, out)]  # keep arrays
    return functools.partial(run, ctypes.c_int64(out.size), *pointers)


# The other competitors


def kernelgen_action(kernel: Kernel, dtype: str, inputs: Arrays, out: Array) -> Action:
    """Call of the ufunc that kernelgen makes."""
    import kernelgen

    return functools.partial(kernelgen.vectorize(kernel.function), *inputs, out=out)


def fused_action(kernel: Kernel, dtype: str, inputs: Arrays, out: Array) -> Action:
    """Call of our ufunc with multiplications and additions fused, as gcc does unasked."""
    import kernelgen

    ufunc = kernelgen.vectorize(fastmath={"contract"})(kernel.function)
    return functools.partial(ufunc, *inputs, out=out)


def numpy_action(kernel: Kernel, dtype: str, inputs: Arrays, out: Array) -> Action:
    """Call of the kernel's array form, straight into `out` where that is a ufunc itself."""
    if isinstance(kernel.array, np.ufunc):
        return functools.partial(kernel.array, *inputs, out=out)
    return functools.partial(kernel.array, *inputs)


def with_jitted_helpers(function: types.FunctionType) -> types.FunctionType:
    """Copy of `function` whose plain helper functions are compiled, as Numba requires it."""
    import numba

    found = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    helpers = {
        name: numba.njit(value) for name, value in found.items() if inspect.isfunction(value)
    }
    return types.FunctionType(function.__code__, {**function.__globals__, **helpers})


def numba_action(kernel: Kernel, dtype: str, inputs: Arrays, out: Array) -> Action:
    """Call of Numba's ufunc; its types are given, as its literals would widen float32."""
    import numba

    signature = f"{kernel.result_dtype(dtype)}({', '.join(dtype for _ in inputs)})"
    ufunc = numba.vectorize([signature])(with_jitted_helpers(kernel.function))
    return functools.partial(ufunc, *inputs, out=out)


def numexpr_action(kernel: Kernel, dtype: str, inputs: Arrays, out: Array) -> Action | None:
    """Evaluation of the kernel's expression, where it has one."""
    import numexpr

    if kernel.numexpr is None:
        return None
    numexpr.set_num_threads(1)
    names = dict(zip(kernel.parameters, inputs, strict=True))
    return functools.partial(
        numexpr.evaluate, kernel.numexpr, local_dict=names, out=out, casting="same_kind"
    )


def installed(package: str) -> bool:
    """Whether a Python package can be imported."""
    return importlib.util.find_spec(package) is not None


def competitors() -> dict[str, Callable[[Kernel, str, Arrays, Array], Action | None]]:
    """Builder of an action for everyone who is present, by name."""
    python = {"kernelgen": kernelgen_action, "numba": numba_action, "numexpr": numexpr_action}
    titles = {"kernelgen": OURS, "numba": "Numba", "numexpr": "numexpr"}
    found = {titles[name]: action for name, action in python.items() if installed(name)}
    if OURS in found:
        found[OURS_FUSED] = fused_action
    if shutil.which("gcc"):
        found |= {name: functools.partial(c_action, flags) for name, flags in C_FLAGS.items()}
    return {"NumPy": numpy_action, **found}


# Checks


def misses(kernel: Kernel, dtype: str, value: Array, expected: Array) -> float:
    """Share of the elements of `value` that differ from `expected` beyond the tolerance."""
    eps = np.finfo(dtype).eps if dtype in FLOATS else 0.0
    allowed = kernel.tolerance * eps * np.maximum(1.0, np.abs(expected))
    return float(np.mean(~(np.abs(value - expected) <= allowed)))


def require_agreement(kernel: Kernel, dtype: str, who: str, value: Array, expected: Array) -> None:
    """Raise `DisagreementError` unless `value` agrees with `expected`."""
    share = misses(kernel, dtype, value, expected)
    if share > kernel.mismatches:
        raise DisagreementError(
            f"{kernel.name}, {dtype}: {who} misses {tolerance_text(kernel)} of the reference"
            f" on {share:.2%} of the elements"
        )


def check_reference(kernel: Kernel, dtype: str, inputs: Arrays, expected: Array) -> None:
    """Compare the array form with the Python function itself, on a few elements."""
    picked = np.linspace(0, expected.size - 1, min(SPOT_CHECKS, expected.size)).astype(int)
    rows = zip(*(array[picked] for array in inputs), strict=True)
    value = np.array([kernel.function(*row) for row in rows])
    require_agreement(kernel, dtype, "the Python function", value, expected[picked])


def tolerance_text(kernel: Kernel) -> str:
    """The tolerance of a kernel in words."""
    near = f"{kernel.tolerance:g} eps" if kernel.tolerance else "equality"
    return f"{near} but for {kernel.mismatches:.1%}" if kernel.mismatches else near


# Clock


def calls_per_sample(action: Action) -> int:
    """Number of calls that make a sample long enough for the clock."""
    action()  # may compile, which must not count
    calls, elapsed = 1, sample(action, 1)
    while elapsed < SAMPLE_SECONDS:
        calls = max(2 * calls, math.ceil(0.8 * calls * SAMPLE_SECONDS / elapsed))
        elapsed = sample(action, calls)
    return calls


def sample(action: Action, calls: int) -> float:
    """Seconds of the processor for a number of calls."""
    start = process_time()
    for _ in range(calls):
        action()
    return process_time() - start


def rounds(actions: Mapping[str, Action], repeat: int) -> dict[str, list[float]]:
    """Seconds of the processor per call of each action, in all rounds."""
    calls = {name: calls_per_sample(action) for name, action in actions.items()}
    return interleaved(actions, repeat, lambda k: sample(actions[k], calls[k]) / calls[k])


def interleaved(
    names: Iterable[str], repeat: int, measure: Callable[[str], float]
) -> dict[str, list[float]]:
    """What is measured of each name in all rounds; all take part in each, in random order."""
    order, shuffle = list(names), random.Random(0).shuffle
    times: dict[str, list[float]] = {name: [] for name in order}
    for _ in range(repeat):
        shuffle(order)
        for name in order:
            times[name].append(measure(name))
    return times


def medians(actions: Mapping[str, Action], repeat: int) -> dict[str, float]:
    """Median seconds per call of each action, over these rounds."""
    return {name: statistics.median(values) for name, values in rounds(actions, repeat).items()}


# Measurements


def compete(kernel: Kernel, n: int, dtype: str, repeat: int) -> dict[str, float]:
    """Nanoseconds per element of all competitors on one kernel, after their results agree."""
    dtype = kernel.input_dtype(dtype)
    inputs = kernel.make(n, dtype, 0)
    expected = kernel.array(*inputs)
    check_reference(kernel, dtype, inputs, expected)
    actions = {}
    for name, build in competitors().items():
        out = np.empty(n, kernel.result_dtype(dtype))
        action = build(kernel, dtype, inputs, out)
        if action is not None:
            value = action()
            require_agreement(kernel, dtype, name, out if value is None else value, expected)
            actions[name] = action
    return {name: value / n * 1e9 for name, value in medians(actions, repeat).items()}


def add(x: float, y: float) -> float:
    """Kernel of the overhead measurement."""
    return x + y


def overhead(repeat: int) -> dict[str, float]:
    """Nanoseconds for adding two arrays of one element each."""
    x, y = np.array([1.5]), np.array([2.5])
    actions: dict[str, Action] = {"NumPy": functools.partial(np.add, x, y)}
    for title, package in ((OURS, "kernelgen"), ("Numba", "numba")):
        if installed(package):
            ufunc = importlib.import_module(package).vectorize(add)
            actions[title] = functools.partial(ufunc, x, y)
    if installed("numexpr"):
        evaluate = importlib.import_module("numexpr").evaluate
        actions["numexpr"] = functools.partial(evaluate, "x + y", local_dict={"x": x, "y": y})
    return {name: value * 1e9 for name, value in medians(actions, repeat).items()}


def fresh(package: str, cache: str) -> dict[str, float]:
    """Milliseconds of the first steps with a compiler, in a new process.

    Python's own bytecode is cached in ``cache``, as it is of any installed package.
    """
    command = [sys.executable, str(HERE / "fresh.py"), package]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout
    return {step: value * 1e3 for step, value in json.loads(output).items()}


def first_steps(repeat: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of the first steps with each compiler."""
    packages = [name for name in ("kernelgen", "numba") if repeat and installed(name)]
    with tempfile.TemporaryDirectory() as cache:
        runs = [{name: fresh(name, cache) for name in packages} for _ in range(repeat + 1)][1:]
    return {
        name: {step: statistics.median(run[name][step] for run in runs) for step in FRESH_STEPS}
        for name in packages
    }


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Everything that is reported, as plain data."""
    return {
        "machine": machine(),
        "n": options.n,
        "dtype": options.dtype,
        "ns_per_element": {
            name: compete(KERNELS[name], options.n, options.dtype, options.repeat)
            for name in options.kernels
        },
        "ns_per_call": overhead(options.repeat),
        "first_steps_ms": first_steps(options.fresh),
    }


def machine() -> dict[str, str]:
    """Versions of everything that takes part."""
    packages = ("numpy", "kernelgen", "llvmlite", "numba", "numexpr", "scipy")
    found = {name: version_of(name) for name in packages if installed(name)}
    return {"processor": processor(), "python": platform.python_version(), **found, "gcc": gcc()}


def version_of(package: str) -> str:
    """Version of a package, or a dash where it runs from its source folder."""
    try:
        return version(package)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def gcc() -> str:
    """Version of gcc, or a dash."""
    if not shutil.which("gcc"):
        return "-"
    command = ["gcc", "-dumpfullversion"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# Report


def number(value: float | None) -> str:
    """At least three significant digits of a number above 0.1, or a dash."""
    if value is None:
        return "-"
    return f"{value:.{3 - min(3, len(str(int(value))) if value >= 1 else 0)}f}"


def ratio(times: Mapping[str, float], pair: tuple[str, str]) -> float | None:
    """Time of the first of two competitors in units of the second's, if both are there."""
    ours, theirs = (times.get(name) for name in pair)
    return None if ours is None or theirs is None else ours / theirs


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """Geometric mean of those values that exist."""
    known = [value for value in values if value is not None]
    return statistics.geometric_mean(known) if known else None


def markdown(rows: Table) -> str:
    """Table with its first row as header and all columns but the first aligned right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        f"| {' | '.join(aligned(row, widths))} |" for row in (rows[0], rule, *rows[1:])
    )


def aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Cells padded to their column's width."""
    return [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]


def throughput_table(results: Mapping[str, Mapping[str, float]]) -> Table:
    """Nanoseconds per element and the ratios, a row per kernel and one for the mean."""
    columns = list(dict.fromkeys(name for times in results.values() for name in times))
    pairs = [pair for pair in RATIOS if set(pair) <= set(columns)]
    shares = {name: [ratio(times, pair) for pair in pairs] for name, times in results.items()}
    mean = [geometric_mean(column) for column in zip(*shares.values(), strict=True)]
    table = [["kernel", *columns, *(" / ".join(pair) for pair in pairs), "agree within"]]
    for name, times in results.items():
        cells = [*(times.get(column) for column in columns), *shares[name]]
        table.append([name, *map(number, cells), tolerance_text(KERNELS[name])])
    if pairs:
        table.append(["geometric mean", *("" for _ in columns), *map(number, mean), ""])
    return table


def report(data: Mapping[str, object]) -> str:
    """The measurements as markdown."""
    per_call = data["ns_per_call"]
    steps = data["first_steps_ms"]
    parts = [
        ", ".join(f"{name} {value}" for name, value in data["machine"].items()),
        f"Nanoseconds per element, {data['dtype']}, n = {data['n']:,}",
        markdown(throughput_table(data["ns_per_element"])),
        "Nanoseconds per call, x + y with n = 1",
        markdown([["", *per_call], ["call", *map(number, per_call.values())]]),
    ]
    if steps:
        rows = [[name, *map(number, times.values())] for name, times in steps.items()]
        parts += [
            "Milliseconds in a fresh process with NumPy loaded",
            markdown([["", *FRESH_STEPS], *rows]),
        ]
    return "\n\n".join(parts)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Command line options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=32_000, help="elements per array (%(default)s)")
    parser.add_argument("--dtype", choices=FLOATS, default=FLOATS[0], help="(%(default)s)")
    parser.add_argument(
        "--kernels",
        nargs="+",
        choices=KERNELS,
        default=list(KERNELS),
        metavar="NAME",
        help=f"of {', '.join(KERNELS)}; all unless given",
    )
    parser.add_argument("--repeat", type=int, default=15, help="rounds (%(default)s)")
    parser.add_argument(
        "--fresh", type=int, default=5, help="fresh processes, 0 for none (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if results disagree."""
    options = parse(argv)
    try:
        data = measure(options)
    except DisagreementError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(data, indent=2) if options.json else report(data))
    return 0


if __name__ == "__main__":
    sys.exit(main())
