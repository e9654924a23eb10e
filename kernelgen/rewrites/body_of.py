"""The body of a function of the kernel language that is put into typed SSA."""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType

from kernelgen.bytecode.build import build
from kernelgen.infer import infer
from kernelgen.ir.core import Function
from kernelgen.rewrites.resolve_calls import resolve_calls
from kernelgen.rewrites.resolve_classes import resolve_classes
from kernelgen.types.compound import Type


def body_of(definition: FunctionType, types: Sequence[Type]) -> Function:
    """A function for parameters of some types, inferred, still without conversions."""
    body = build(definition)
    resolve_calls(body)
    resolve_classes(body, types)
    infer(body, types)
    return body
