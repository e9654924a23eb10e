"""The pipeline: each stage can be dumped, and the verifier runs between all passes."""

from __future__ import annotations

import os

import pytest

from kernelgen import pipeline
from kernelgen.errors import InternalError, SignatureError, TypingError
from kernelgen.ir.core import Function
from kernelgen.types.table import FLOAT32, FLOAT64, INT8, INT64


def formula(x, y):
    return (x + 2) * y


def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def two(x, n):
    for i in range(n):
        if x < 0:
            raise ValueError("negative")
        x = x - i
    return x, n


REQUESTS = [
    pipeline.Request(formula, (FLOAT32, INT8)),
    pipeline.Request(collatz, (INT64,)),
    pipeline.Request(two, (FLOAT64, INT8)),
]
MARKS = {
    "bytecode": "RETURN_VALUE",
    "cfg": "block 0:",
    "ssa": "func @",
    "typed": "func @",
    "rewritten": "func @",
    "llvm": "define internal {",
    "optimized": "target triple",
    "asm": "kernelgen",
}


@pytest.mark.parametrize("stage", pipeline.STAGES)
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: r.function.__name__)
def test_every_stage_dumps(stage, request_):
    text = pipeline.STAGES[stage](request_)
    assert isinstance(text, str)
    assert MARKS[stage] in text


def test_the_stages_are_these_in_this_order():
    assert list(pipeline.STAGES) == list(MARKS)


def test_stages_show_what_they_add():
    request = REQUESTS[0]
    assert ": f4" not in pipeline.STAGES["ssa"](request)
    assert "convert" not in pipeline.STAGES["typed"](request)
    assert "convert" in pipeline.STAGES["rewritten"](request)
    assert "fmul float" in pipeline.STAGES["llvm"](request)


def test_a_dump_is_the_same_each_time():
    for request in REQUESTS:
        for stage in ("bytecode", "cfg", "ssa", "typed", "rewritten", "llvm"):
            assert pipeline.STAGES[stage](request) == pipeline.STAGES[stage](request)


def test_asked_outputs_are_converted_to():
    request = pipeline.Request(formula, (FLOAT32, INT8), (INT64,))
    result = pipeline.Compilation(request)
    assert str(result.signature) == "i8(f4,i1)"


def test_a_signature_with_other_numbers_of_types():
    with pytest.raises(SignatureError, match="takes 2 arguments, the signature has 1"):
        pipeline.typed(pipeline.Request(formula, (FLOAT32,)))
    with pytest.raises(SignatureError, match="returns 1 values, its signature has 2 outputs"):
        pipeline.typed(pipeline.Request(formula, (FLOAT32, INT8), (INT64, INT64)))


def test_errors_of_types_need_no_llvm():
    def kernel(x):
        return x & 1.5

    with pytest.raises(TypingError):
        pipeline.typed(pipeline.Request(kernel, (FLOAT64,)))


def test_division_is_checked_on_demand():
    def kernel(x, y):
        return x / y + x // y + x % y

    def raises(model):
        options = pipeline.Options(error_model=model)
        function = pipeline.rewritten(pipeline.Request(kernel, (FLOAT64, INT8), None, options))
        return [op.attrs["error"].cls for op in function.ops() if op.name == "raise"]

    assert raises("numpy") == []
    assert raises("python") == [ZeroDivisionError] * 3


# ------------------------------------------------------------------------------- the verifier


def break_it(function: Function) -> None:
    function.entry.ops.clear()


def test_tests_run_the_verifier():
    assert os.environ["KERNELGEN_VERIFY"] == "1"


def test_the_verifier_runs_behind_every_pass(monkeypatch):
    for passes in ("UNTYPED_PASSES", "TYPED_PASSES"):
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, passes, (*getattr(pipeline, passes), (break_it, "to be found")))
            with pytest.raises(InternalError, match="a block has no terminator"):
                pipeline.rewritten(REQUESTS[0])


def test_the_verifier_is_off_for_users(monkeypatch):
    monkeypatch.delenv("KERNELGEN_VERIFY")
    checked = []
    monkeypatch.setattr(pipeline, "verify", lambda *args, **kwargs: checked.append(args))
    pipeline.rewritten(REQUESTS[0])
    assert not checked
