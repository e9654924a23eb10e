"""The verifier names each broken invariant."""

from __future__ import annotations

import pytest

from kernelgen.errors import InternalError
from kernelgen.ir.core import Block, Edge, Function, Op, Value, const, jump
from kernelgen.ir.parse import parse_function
from kernelgen.ir.verify import verify
from kernelgen.types.table import BOOL, FLOAT64, INT64


def diamond() -> Function:
    """A sound function: a branch whose ways meet in a block with an argument."""
    return parse_function(
        """
        func @f -> f8 {
        ^0(%x: f8, %c: b1):
          branch(%c) ^1, ^2
        ^1:
          %y: f8 = neg(%x)
          jump ^3(%y)
        ^2:
          jump ^3(%x)
        ^3(%z: f8):
          return(%z)
        }
        """
    )


def refused(function: Function, message: str, *, typed: bool = True) -> None:
    with pytest.raises(InternalError, match=message):
        verify(function, typed=typed)


def test_a_sound_function_passes():
    verify(diamond(), typed=True)


def test_a_function_without_blocks():
    function = Function("f")
    function.result = FLOAT64
    refused(function, "a function has no block")


def test_an_empty_block():
    function = diamond()
    function.blocks[1].ops.clear()
    refused(function, "a block has no terminator")


def test_a_block_without_a_terminator():
    function = diamond()
    function.blocks[1].ops.pop()
    refused(function, "a block has no terminator")


def test_code_after_a_terminator():
    function = diamond()
    function.blocks[3].ops.insert(0, Op("return", function.params[:1]))
    refused(function, "code after a terminator")


def test_a_branch_with_one_edge():
    function = diamond()
    function.entry.terminator.edges.pop()
    refused(function, "wrong number of edges")


def test_a_return_with_an_edge():
    function = diamond()
    function.blocks[3].terminator.edges.append(Edge(function.blocks[1]))
    refused(function, "wrong number of edges")


def test_a_result_that_belongs_to_another_op():
    function = diamond()
    negation = function.blocks[1].ops[0]
    negation.value.definition = const(1)
    refused(function, "neg lost its result")


def test_an_argument_that_belongs_to_another_block():
    function = diamond()
    function.blocks[3].args[0].definition = function.blocks[1]
    refused(function, "an argument belongs to another block")


def test_an_edge_out_of_the_function():
    function = diamond()
    function.blocks[1].terminator.edges[0] = Edge(Block())
    refused(function, "an edge leads out of the function")


def test_an_edge_to_the_entry():
    function = diamond()
    function.blocks[2].ops[-1] = jump(function.entry, function.params)
    refused(function, "an edge leads to the entry")


def test_too_few_and_too_many_values_on_an_edge():
    for values in ([], [diamond().params[0]] * 2):
        function = diamond()
        function.blocks[2].terminator.edges[0].args = values
        refused(function, "an edge has too many or few values")


def test_a_block_that_cannot_be_reached():
    function = diamond()
    lost = Block()
    lost.append(Op("return", function.params[:1]))
    function.blocks.append(lost)
    refused(function, "a block cannot be reached")


def test_a_value_without_definition():
    function = diamond()
    function.blocks[3].terminator.operands = [Value(FLOAT64)]
    refused(function, "return uses a value without definition")


def test_a_value_defined_twice():
    function = diamond()
    function.blocks[1].ops.insert(0, function.blocks[1].ops[0])
    refused(function, "a value is defined twice")


def test_a_use_before_the_definition_in_a_block():
    function = diamond()
    negation = function.blocks[1].ops[0]
    early = Op("neg", [negation.value])
    early.value.type = FLOAT64
    function.blocks[1].ops.insert(0, early)
    refused(function, "neg uses a value before its definition")


def test_a_use_that_the_definition_does_not_dominate():
    function = diamond()
    function.blocks[3].terminator.operands = [function.blocks[1].ops[0].value]
    refused(function, "return uses a value before its definition")


def test_an_edge_that_hands_over_a_value_not_yet_defined():
    function = diamond()
    function.blocks[2].terminator.edges[0].args = [function.blocks[3].args[0]]
    refused(function, "jump uses a value before its definition")


def test_a_function_without_a_result_type():
    function = diamond()
    function.result = None
    verify(function)
    refused(function, "result has no type")


def test_a_value_without_type():
    function = diamond()
    function.blocks[1].ops[0].value.type = None
    verify(function)
    refused(function, "a value has no type")


def test_an_edge_that_hands_over_another_type():
    function = diamond()
    function.blocks[1].ops[0].value.type = INT64
    verify(function)
    refused(function, "a i8 is handed to a f8")


def test_a_return_of_another_type():
    function = diamond()
    function.result = BOOL
    refused(function, "a return of another type")


def test_a_branch_on_something_not_bool():
    function = diamond()
    function.params[1].type = INT64
    refused(function, "a branch on something not bool")


def test_the_function_is_shown():
    function = diamond()
    function.result = BOOL
    refused(function, r"func @f -> b1 \{")
