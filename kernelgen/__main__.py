"""``python -m kernelgen``: look at the stages of a kernel, at the machine, at a demonstration."""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

import kernelgen
from kernelgen import config, demo
from kernelgen.errors import KernelgenError

STAGES = ("bytecode", "cfg", "ssa", "typed", "rewritten", "llvm", "optimized", "asm")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KernelgenError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kernelgen", description=kernelgen.__doc__)
    parser.add_argument("--version", action="version", version=kernelgen.__version__)
    commands = parser.add_subparsers(required=True, metavar="command")

    dump = commands.add_parser("dump", help="print a stage of a kernel's compilation")
    dump.add_argument("kernel", help="path/to/file.py:function")
    dump.add_argument("--types", required=True, help="types of the arguments: f8,f8,i4")
    dump.add_argument("--stage", choices=STAGES, default="rewritten")
    dump.set_defaults(run=_dump)

    info = commands.add_parser("info", help="print versions, the processor, and the switches")
    info.set_defaults(run=_info)

    check = commands.add_parser(
        "cuda-check", help="test the CUDA device, time launches and copies, and print a report"
    )
    check.add_argument("--no-tests", action="store_true", help="only print what the device is")
    check.set_defaults(run=_cuda_check)

    show = commands.add_parser("demo", help="great-circle distances of all pairs of real cities")
    show.set_defaults(run=lambda arguments: demo.main([]))
    return parser


def _dump(arguments: argparse.Namespace) -> int:
    from kernelgen import pipeline
    from kernelgen.types.signature import parse_inputs

    function, options = _find_kernel(arguments.kernel)
    request = pipeline.Request(function, parse_inputs(arguments.types), None, options)
    print(pipeline.STAGES[arguments.stage](request))
    return 0


def _cuda_check(arguments: argparse.Namespace) -> int:
    from kernelgen.cuda import check

    return check.main(tests=not arguments.no_tests)


def _find_kernel(path: str) -> tuple[FunctionType, Any]:
    """The function that ``file.py:name`` names, decorated or not, and its options."""
    from kernelgen.dispatch import Kernel
    from kernelgen.options import Options

    file, _, name = path.rpartition(":")
    if not file or not Path(file).is_file():
        raise KernelgenError(f"there is no file {file!r}", None, "write path/to/file.py:function")
    found = getattr(_run_file(file), name, None)
    if isinstance(found, np.ufunc):
        kernel = getattr(getattr(found, "compile", None), "__self__", None)
        if isinstance(kernel, Kernel):
            return kernel.function, kernel.choices.options
    if isinstance(found, FunctionType):
        return found, Options()
    raise KernelgenError(f"{file} has no kernel or function {name!r}")


def _run_file(file: str) -> Any:
    """Import a file as a module of its own."""
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _info(arguments: argparse.Namespace) -> int:
    import llvmlite
    import llvmlite.binding

    from kernelgen.runtime import engine, vector_library

    host = engine.host()
    rows = {
        "kernelgen": kernelgen.__version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "NumPy": np.__version__,
        "llvmlite": f"{llvmlite.__version__} (LLVM {_version(llvmlite.binding.llvm_version_info)})",
        "target": host.triple,
        "processor": host.cpu,
        "features": ", ".join(f[1:] for f in host.features.split(",") if f.startswith("+")),
        "vector library": vector_library.find() or "none: functions are libm's, one at a time",
    }
    for name, value in rows.items():
        print(f"{name:<15} {value}")
    print("\nswitches")
    for switch in config.SWITCHES:
        print(f"{switch.name}={switch.value()}  {switch.meaning} (default {switch.default})")
    return 0


def _version(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


if __name__ == "__main__":
    sys.exit(main())
