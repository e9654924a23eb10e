"""Each pass on small functions: IR text in, IR text out.

``golden/<pass>/<name>.in.ir`` goes in; what comes out is compared with ``<name>.out.ir``.
``pytest tests/rewrites --update-golden`` writes what comes out; read the difference.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from kernelgen.ir.core import Function
from kernelgen.ir.parse import parse_function
from kernelgen.ir.text import print_function
from kernelgen.ir.verify import verify

GOLDEN = Path(__file__).with_name("golden")
CASES = sorted(GOLDEN.glob("*/*.in.ir"))
TYPED = {
    "widen_halves", "check_bounds", "resolve_arrays",
    "insert_conversions", "expand_ops", "split_tuples", "eliminate_dead_code", "check_division", "form_raises",
    "fuse_products", "fuse_arrays", "count_references",
}  # fmt: skip


def apply(name: str, function: Function) -> None:
    """Apply a pass as the pipeline does: to a function and to those that it invokes."""
    rewrite = getattr(import_module(f"kernelgen.rewrites.{name}"), name)
    for each in (function, *function.callees()):
        rewrite(each)


def expected_file(case: Path) -> Path:
    return case.with_name(case.name.replace(".in.ir", ".out.ir"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name[:-6]}")
def test_golden(case, request):
    name = case.parent.name
    function = parse_function(case.read_text())
    verify(function)
    apply(name, function)
    for each in (function, *function.callees()):
        verify(each, typed=name in TYPED)
    result = print_function(function)
    if request.config.getoption("--update-golden"):
        expected_file(case).write_text(result)
    assert result == expected_file(case).read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name[:-6]}")
def test_passes_leave_nothing_to_do_for_themselves(case):
    if case.parent.name in ("check_division", "check_bounds", "count_references"):
        pytest.skip("it guards every division that it sees, or counts what it sees")
    function = parse_function(case.read_text())
    apply(case.parent.name, function)
    once = print_function(function)
    apply(case.parent.name, function)
    assert print_function(function) == once


def test_no_golden_file_is_left_over():
    assert set(GOLDEN.glob("*/*.out.ir")) == set(map(expected_file, CASES))


def test_every_pass_has_golden_files():
    passes = {
        path.stem for path in Path(import_module("kernelgen.rewrites").__file__).parent.glob("*.py")
    }
    # inline: by resolve_calls and expand_ops; the others: in tests/semantics, test_defaults.py,
    # test_calls.py, test_isinstance.py, test_times.py, test_recursion.py, test_arrays.py and
    # test_ufunc_calls.py, test_ufunc_methods.py, test_gufunc_calls.py, and in tests/jit and tests/guvectorize; loops of arrays in
    # test_array_expressions.py, test_array_reductions.py and test_array_products.py; what is about
    # constant arrays: in test_tables.py; what is about generators: in test_generators.py
    tested_elsewhere = {
        "__init__", "inline", "bind_defaults", "resolve_ufunc_call", "resolve_classes",
        "resolve_casts", "outline", "split_arrays", "unpack_arguments", "resolve_jitted_call",
        "store_results", "capture_arrays", "fold_arrays", "split_indexed", "move_behind_branch",
        "splice_generators", "resolve_table_calls", "choose_functions", "loop_arrays", "split_views",
        "place", "split_ufunc_calls", "element_body", "compare_tuples", "body_of", "writer", "loop_reductions",
        "loop_accumulations", "split_shapes", "join_arrays", "resolve_gathers",
        "virtual_rows", "loop_normal_products",
        "broadcast", "core_body", "core_shapes", "fill_outputs", "loop_cores",
        "arrays_of_tuples", "resolve_records", "split_records", "lanes",  # test_records.py
        "resolve_ufunc_method", "resolve_core_call", "part_of_itself", "array_passes",
        "know_arguments", "stencil_body", "stencil_cells", "stencil_rows", "stencil_steps", "loop_stencils",  # stencils/
        "share_loops", "outline_loops", "reductions_of_loops", "same_values",  # parallel/test_prange.py
        "resolve_grid_calls", "grid_cells",  # tests/cuda
    }  # fmt: skip
    assert passes - tested_elsewhere == {case.parent.name for case in CASES}
