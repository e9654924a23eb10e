"""The table of ops checks itself; every op has a lowering, or a pass that removes it."""

from __future__ import annotations

import importlib
import math

import pytest
from op_samples import kernels_of_all_ops

from kernelgen import pipeline
from kernelgen.errors import InternalError
from kernelgen.ops import library, registry
from kernelgen.ops.registry import BY_CALL, OPS, OpDef, by_call
from kernelgen.ops.tuples import never_lowered


@pytest.fixture
def scratch(monkeypatch):
    """Tables of which nothing is kept."""
    monkeypatch.setattr(registry, "OPS", dict(OPS))
    monkeypatch.setattr(registry, "BY_CALL", {k: dict(v) for k, v in BY_CALL.items()})


def an_op(name, **more):
    return OpDef(name, None, None, None, **more)


def test_an_op_is_defined_once(scratch):
    registry.define(an_op("fresh"))
    with pytest.raises(InternalError, match="'fresh' is defined twice"):
        registry.define(an_op("fresh"))


def test_a_callable_means_one_op(scratch):
    registry.define(an_op("first", calls=((math.dist, 2),)))
    registry.define(an_op("second", calls=((math.dist, 3),)))
    with pytest.raises(InternalError, match="means both first and third"):
        registry.define(an_op("third", calls=((math.dist, 2),)))


def test_callables_are_known_by_identity_and_arity():
    assert by_call(abs)[1] is OPS["abs"]
    assert by_call(round).keys() == {1, 2}
    assert by_call(test_callables_are_known_by_identity_and_arity) == {}
    assert by_call([]) == {}


def test_no_callable_is_both_an_op_and_a_function_of_the_library():
    for original, arity in library.BY_CALL:
        assert arity not in by_call(original)


def test_every_op_keeps_its_name():
    assert all(definition.name == name for name, definition in OPS.items())


def test_every_op_occurs_and_is_lowered_or_removed():
    """Over kernels that use all ops: what reaches the lowering is what has one."""
    importlib.import_module("kernelgen.ops.stencils")  # otherwise the first stencil loads it
    importlib.import_module("kernelgen.ops.grid")  # otherwise kernelgen.cuda does
    built, left = set(), set()
    for request in kernels_of_all_ops():
        for stage in (pipeline.ssa, pipeline.typed):
            built |= {op.name for op in stage(request).ops() if op.result is not None}
        left |= {op.name for op in pipeline.rewritten(request).ops() if op.result is not None}
        assert pipeline.lowered(request).text
    made_by_passes = {"convert", "default", "range_count"}
    made_by_passes |= {
        "assign", "dim", "element", "get", "in_bounds", "load", "offset", "put", "require", "store",
        "choose", "table",
    }  # fmt: skip
    made_by_passes |= {  # see tests/semantics/test_array_expressions.py
        "address_number", "allocate", "copied", "disturbs", "dtype_for", "flattened", "is_null",
        "keep", "keep_owner", "new_array", "new_like", "release", "release_owner", "retain",
        "retain_owner", "row", "same_array", "stretched",
    }  # fmt: skip
    made_by_passes |= {  # see tests/semantics/test_array_reductions.py
        "accumulate", "frame_array", "greater_number", "greater_or_nan", "less_number",
        "less_or_nan", "merged", "reduce", "reserve", "scratch", "squared_magnitude",
    }  # fmt: skip
    made_by_passes |= {name for name in OPS if name.startswith("array_")}
    made_by_passes |= {"apply", "call_core", "call_ufunc", "each", "masked"}  # test_ufunc_calls.py
    of_arrays = {  # see test_array_shapes.py, test_array_gathers.py, test_random_generators.py
        "kernelgen.ops.shapes", "kernelgen.ops.products", "kernelgen.ops.gathering",
        "kernelgen.ops.orders", "kernelgen.ops.generators", "kernelgen.ops.draws",
    }  # fmt: skip
    made_by_passes |= {name for name, op in OPS.items() if op.rule.__module__ in of_arrays}
    made_by_passes |= {"overlaps"}
    made_by_passes |= {"begin_scope", "either", "stencil", "stencil_steps"}  # see tests/stencils
    made_by_passes |= {  # see tests/semantics/test_records.py
        "as_array", "clear", "clear_bytes", "copy_record", "field", "store_attr",
    }  # fmt: skip
    made_by_passes |= {"parallel_for", "thread_id"}  # see tests/parallel/test_prange.py
    made_by_passes |= {name for name in OPS if name.startswith("random_")}  # test_random_numbers.py
    on_grids = {name for name, op in OPS.items() if op.rule.__module__ == "kernelgen.ops.grid"}
    made_by_passes |= on_grids  # see tests/cuda/test_kernels.py
    resolved_before_inference = {
        "class_of", "contains", "unpack_starred", "zip", "generator", "yield",
    }  # fmt: skip
    assert built | left | made_by_passes | resolved_before_inference == set(OPS)
    never = {name for name, op in OPS.items() if op.lower is never_lowered}
    assert left & never == {"invoke", "require"}  # they may leave the function: see lower.py
    left |= {"in_bounds", "element"}  # see tests/semantics/test_arrays.py
    left |= {"address_number", "allocate", "array_bytes", "copied", "is", "is_null"}
    left |= {"keep_owner", "release_owner", "retain_owner", "blas_gemm"}
    left |= {"accumulated", "plus_product"}  # see test_array_products.py
    left |= {"greater_number", "greater_or_nan", "less_number", "less_or_nan"}
    left |= {"reserve"}  # see test_array_reductions.py
    left |= {"begin_scope"}  # see tests/stencils
    left |= {"thread_id"}  # see tests/parallel/test_prange.py
    left |= {"clear_bytes", "copy_record"}  # see tests/semantics/test_records.py
    left |= {name for name in OPS if name.startswith("random_")}  # see test_random_numbers.py
    left |= {name for name, op in OPS.items() if op.rule.__module__ in of_arrays}
    left |= on_grids
    assert left | never | {"item", "unpack"} >= set(OPS) - {"default"}
