"""Replace calls of known callables: by ops, or by the callee's own code.

Before: untyped SSA as built. After: constants are folded, and no call is left but of objects
that have no meaning in a kernel, which inference reports.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import CO_VARKEYWORDS
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from kernelgen.bytecode.decode import is_generator
from kernelgen.bytecode.parameters import parameters_of, rest_parameter
from kernelgen.errors import UnsupportedError
from kernelgen.grids import GridFunction
from kernelgen.ir.core import Block, Function, Op, Value
from kernelgen.ir.sequences import constant_array, defining, elements, elements_of_any, put
from kernelgen.ops import iteration, library
from kernelgen.ops.definitions import counts, definition
from kernelgen.ops.functions import Nested
from kernelgen.ops.registry import by_call
from kernelgen.prange import SCHEDULES, scheduled
from kernelgen.rewrites.bind_defaults import defaults_of
from kernelgen.rewrites.choose_functions import choose_functions
from kernelgen.rewrites.fold_constants import fold_constants
from kernelgen.rewrites.inline import inline
from kernelgen.rewrites.outline import CALLS, Callers, Outlined
from kernelgen.rewrites.promote_cells import promote_cells
from kernelgen.rewrites.prune_arguments import prune_arguments
from kernelgen.rewrites.resolve_casts import resolve_cast
from kernelgen.rewrites.resolve_exceptions import resolve_exceptions
from kernelgen.rewrites.resolve_jitted_call import jitted_function, resolve_jitted_call
from kernelgen.rewrites.resolve_methods import (
    resolve_attribute_call,
    resolve_constant_method,
    resolve_methods,
)
from kernelgen.rewrites.resolve_tuples import (
    method,
    named_tuple,
    resolve_sequence_call,
    resolve_tuples,
)
from kernelgen.rewrites.resolve_ufunc_call import (
    has_options,
    is_kernel_ufunc,
    resolve_ufunc_call,
)
from kernelgen.rewrites.separate_messages import separate_messages
from kernelgen.rewrites.splice_generators import collect_generators, splice_generators
from kernelgen.rewrites.split_joined_tuples import split_joined_tuples
from kernelgen.rewrites.take_lists import take_lists
from kernelgen.rewrites.unroll_loops import unroll_loops
from kernelgen.rewrites.zip_ranges import zip_ranges
from kernelgen.source import Loc

_OURS = library.__name__.rpartition(".")[0]


def resolve_calls(function: Function) -> None:
    """Apply the pass to a function, and to those that it invokes."""
    outlined = function.outlined or Outlined(function)
    function.outlined = outlined
    _resolve_function(function, outlined)
    while outlined.unresolved:
        _resolve_function(outlined.unresolved.pop(), outlined)


def _resolve_function(function: Function, outlined: Outlined) -> None:
    callers = Callers(function, outlined)
    changed = True
    while changed:
        changed = prune_arguments(function) | fold_constants(function) | resolve_tuples(function)
        changed |= promote_cells(function) | resolve_exceptions(function) | take_lists(function)
        callers.start_round()
        for block in list(function.blocks):
            changed |= _resolve_block(function, block, callers)
        changed = changed or _resolve_loops(function, callers)


def _resolve_block(function: Function, block: Block, callers: Callers) -> bool:
    """Resolve the first call, and behind it those that do not depend on what it gives."""
    changed = False
    for op in list(block.ops):
        if op.name not in CALLS or (changed and not _is_independent(op, callers)):
            continue
        behind = _resolve(function, block, op, callers)
        if behind is not None:
            changed, block = True, behind
    return changed


def _is_independent(op: Op, callers: Callers) -> bool:
    """Whether a call is resolved alike whatever will be known of its arguments.

    A function that has just been met may turn out to call itself, so its other calls wait.
    """
    if op.name != "call":
        return False
    nested = defining(op.operands[0], "function")
    if nested is not None:
        return callers.is_familiar(nested.attrs["nested"].template)
    constant = op.operands[0].constant
    callee = None if constant is None else constant.attrs["value"]
    if isinstance(callee, (BuiltinFunctionType, np.ufunc)):
        return len(op.operands) - 1 in by_call(callee) and not op.attrs["keywords"]
    return isinstance(callee, FunctionType) and callers.is_familiar(callee)


def _resolve_loops(function: Function, callers: Callers) -> bool:
    """What takes analysis, and is tried only when there is nothing easier to do."""
    loops = any(
        op.name == "list_append"
        or (op.name == "iter" and bool(function.read_at_offsets or not _is_over_range(op)))
        for op in function.ops()
    )
    if loops and splice_generators(function, callers):
        return True
    if loops and (unroll_loops(function) or zip_ranges(function)):
        return True
    needed = loops or any(op.name in _NEED_TUPLES for op in function.ops())
    if collect_generators(function):
        return True
    if needed and (split_joined_tuples(function) or resolve_methods(function)):
        return True
    return separate_messages(function) or choose_functions(function)


_NEED_TUPLES = ("attr", "call", "contains", "subscript", "unpack_starred")


def _is_over_range(op: Op) -> bool:
    return defining(op.operands[0], "range") is not None


def _resolve(function: Function, block: Block, op: Op, callers: Callers) -> Block | None:
    """Resolve a call; the block in which what follows it stands then, None if it is left."""
    if op.name == "contains":
        return _resolve_contains(function, block, op, callers)
    if op.name == "call_starred":
        return block if _resolve_starred(block, op) else None
    nested = defining(op.operands[0], "function")
    if nested is not None:
        return _inline_nested(function, block, op, nested, callers)
    constant = op.operands[0].constant
    if constant is None:
        return block if _resolve_method(block, op) else None
    callee, args = constant.attrs["value"], op.operands[1:]
    if resolve_attribute_call(op, callee) or resolve_constant_method(block, op, callee):
        return block
    if isinstance(callee, MethodType) and not counts(callee):  # as those of np.random are
        bound = [put(block, op, "const", value=v) for v in (callee.__func__, callee.__self__)]
        op.operands = [*bound, *args]
        return block
    if isinstance(getattr(callee, "__self__", None), np.ufunc) and _resolve_ufunc_method(block, op):
        return block
    if (callee is isinstance or callee is type) and not op.attrs["keywords"]:
        return block if _resolve_class(block, op, callee, args) else None
    if (callee is np.finfo or callee is np.iinfo) and _ask_of_class(block, op, args):
        return block
    made = named_tuple(block, op) or resolve_sequence_call(block, op)
    if made is not None:
        _replace(function, block, op, made)
        return block
    op_name = getattr(type(callee), "stencil_op", None)
    if op_name is not None:
        op.name, op.operands, op.attrs = op_name, args, {"stencil": callee, "body": None}
        op.loc = callee.place(op.loc)
        return block
    callee = _core_of(callee)
    if is_kernel_ufunc(callee) or has_options(callee, op):
        return block if resolve_ufunc_call(block, op, callee) else None
    jitted = jitted_function(callee)
    if jitted is not None:
        args = _bind(block, op, jitted, _default_of(block, op, jitted))
        _replace(function, block, op, resolve_jitted_call(block, op, callee, jitted, args))
        return block
    if _becomes_ops(block, op, callee, args):
        return block
    by_arity = by_call(callee)
    replacement = definition(callee, len(args))
    if replacement is None and isinstance(callee, FunctionType):
        replacement = callee
    collecting = for_iterator(callee)
    if collecting is not None and _is_iterator(args):
        return _inline(function, block, op, collecting, callers)
    if callee is min or callee is max:
        values = (elements(args[0], block, op) if len(args) == 1 else None) or args
        if len(values) == 1 and values is not args:
            _replace(function, block, op, values[0])
            return block
        return block if _choose(op, callee.__name__, values) else None
    if len(args) > 2 and any(callee is f for f in library.FOLDED) and not op.attrs["keywords"]:
        _nest(block, op, args)
        return block
    if len(args) in by_arity and not op.attrs["keywords"]:
        op.name, op.operands, op.attrs = by_arity[len(args)].name, args, {}
        return block
    if replacement in library.OF_NUMBERS and replacement is not callee:
        args = _bind(block, op, replacement, _default_of(block, op, replacement))
        op.name, op.operands = "each", args
        op.attrs = {"original": callee, "function": replacement}
        return block
    if replacement is not None:
        return _inline(function, block, op, replacement, callers)
    if by_arity or counts(callee):
        _refuse_arguments(callee, op, len(args))
    return None


# What few kernels need is loaded when one does: the first call of a process waits for all that is
# imported.


def _resolve_ufunc_method(block: Block, op: Op) -> bool:
    from kernelgen.rewrites.resolve_ufunc_method import resolve_ufunc_method

    return resolve_ufunc_method(block, op)


def _resolve_grid_call(block: Block, op: Op, callee: GridFunction) -> bool:
    from kernelgen.rewrites.resolve_grid_calls import resolve_grid_call

    return resolve_grid_call(block, op, callee)


def _resolve_table_call(block: Block, op: Op, callee: Any) -> bool:
    if all(callee is not function for function in _ON_TABLES):
        return False
    from kernelgen.rewrites.resolve_table_calls import resolve_table_call

    return resolve_table_call(block, op, callee)


_ON_TABLES = (np.interp, np.searchsorted, np.digitize, np.polyval)


def _becomes_ops(block: Block, op: Op, callee: Any, args: list[Value]) -> bool:
    """Whether a call is replaced by ops that depend on what it is given."""
    if isinstance(callee, GridFunction):
        return _resolve_grid_call(block, op, callee)
    if resolve_cast(block, op, callee) or _resolve_table_call(block, op, callee):
        return True
    return _is_scheduled(op, callee, args)


def _is_scheduled(op: Op, callee: Any, args: list[Value]) -> bool:
    """Make the range of a ``prange`` one of which it is known that threads may share it."""
    if callee is not scheduled:
        return False
    made, schedule = defining(args[0], "range"), args[1].constant
    if made is None:
        return False
    if schedule is None or schedule.attrs["value"] not in SCHEDULES:
        raise UnsupportedError(f"schedule= of prange is one of {', '.join(SCHEDULES)}", op.loc)
    op.name, op.operands = "range", list(made.operands)
    op.attrs = {"schedule": schedule.attrs["value"]}
    return True


def _core_of(callee: Any) -> Any:
    """The generalized ufunc of the kernel language that one of NumPy's is; else ``callee``."""
    if not isinstance(callee, np.ufunc) or callee.signature is None:
        return callee
    from kernelgen.ops.cores import core_of

    return core_of(callee) or callee


def _resolve_starred(block: Block, op: Op) -> bool:
    """``f(*values, name=value)`` calls ``f`` with the elements."""
    callee, values, *by_name = op.operands
    made = [defining(value, "dict") for value in by_name]
    args = elements_of_any(values, block, op)
    if args is None or None in made:
        return False
    op.name, op.operands, op.attrs = "call", [callee, *args], {"keywords": ()}
    for keywords in made:
        assert keywords is not None
        op.operands += keywords.operands
        op.attrs["keywords"] = keywords.attrs["keys"]
    return True


def _ask_of_class(block: Block, op: Op, args: list[Value]) -> bool:
    """``np.finfo(x)`` of a number is that of its class."""
    if len(args) != 1 or args[0].constant or defining(args[0], "class_of", "attr") is not None:
        return False
    op.operands[1] = put(block, op, "class_of", args[0])
    return True


def _resolve_class(block: Block, op: Op, callee: Any, args: list[Value]) -> bool:
    """``type(x)`` is an op; ``isinstance(x, c)`` asks whether it gives a subclass of ``c``."""
    if callee is type and len(args) == 1:
        op.name, op.operands, op.attrs = "class_of", args, {}
        return True
    if callee is type or len(args) != 2:
        return False
    classes = elements(args[1], block, op)
    if classes is not None:
        known = [v.constant.attrs["value"] for v in classes if v.constant is not None]
        if len(known) < len(classes):
            return False
        args[1] = put(block, op, "const", value=tuple(known))
    issubclass_ = put(block, op, "const", value=issubclass)
    op.operands = [issubclass_, put(block, op, "class_of", args[0]), args[1]]
    return True


def _replace(function: Function, block: Block, op: Op, value: Value) -> None:
    """Use ``value`` wherever the result of ``op`` is used."""
    block.ops.remove(op)
    function.substitute({op.value: value})


def _resolve_contains(function: Function, block: Block, op: Op, callers: Callers) -> Block | None:
    """``value in values`` compares with one after the other."""
    array = constant_array(op.operands[1])
    if array is not None:
        op.operands[1] = put(block, op, "const", value=array.ravel())
    test: Any
    made = defining(op.operands[1], "range")
    values = elements_of_any(op.operands[1], block, op) if made is None else None
    if made is not None:
        test, operands = iteration.is_in_range, made.operands
    elif values is not None:
        test, operands = library.is_one_of, [put(block, op, "tuple", *values)]
    else:
        return None
    callee = put(block, op, "const", value=test)
    op.name, op.operands, op.attrs = "call", [callee, op.operands[0], *operands], {"keywords": ()}
    return _resolve(function, block, op, callers)


def _resolve_method(block: Block, op: Op) -> bool:
    """A method of a named tuple is a function whose first argument is the tuple."""
    function = method(op)
    if function is None:
        return False
    bound = defining(op.operands[0], "attr")
    assert bound is not None
    callee = put(block, op, "const", value=function)
    op.operands = [callee, bound.operands[0], *op.operands[1:]]
    block.ops.remove(bound) if bound in block.ops else None
    return True


def _refuse_arguments(callee: Any, op: Op, count: int) -> None:
    name = callee.__name__
    if op.attrs["keywords"]:
        raise UnsupportedError(f"{name}() takes no keyword arguments in a kernel", op.loc)
    known = counts(callee) | by_call(callee).keys()
    takes = " or ".join(map(str, sorted(known)))
    plural = "" if takes == "1" else "s"
    raise UnsupportedError(
        f"{name}() takes {takes} argument{plural} in a kernel, not {count}", op.loc
    )


_ITERATING: tuple[tuple[Any, Any], ...] = (
    (tuple, iteration.collected),
    (list, iteration.listed),
    (min, iteration.least),
    (max, iteration.greatest),
)


def for_iterator(callee: Any) -> FunctionType | None:
    """The function that goes over what ``tuple``, ``min`` or ``max`` is given, one by one."""
    return next((function for known, function in _ITERATING if known is callee), None)


def _is_iterator(args: list[Value]) -> bool:
    return bool(args) and defining(args[0], "generator", "range", "zip") is not None


def _choose(op: Op, name: str, args: list[Value]) -> bool:
    """``min`` and ``max`` of several numbers are ops; whether there are several."""
    if len(args) < 2 or op.attrs["keywords"]:
        return False
    op.name, op.operands, op.attrs = name, list(args), {}
    return True


def _nest(block: Block, op: Op, args: list[Value]) -> None:
    """``hypot(a, b, c)`` is ``hypot(hypot(a, b), c)``."""
    callee, (first, *middle, last) = op.operands[0], args
    for arg in middle:
        step = Op("call", (callee, first, arg), {"keywords": ()}, op.loc)
        block.ops.insert(block.ops.index(op), step)
        first = step.value
    op.operands = [callee, first, last]


def _inline(
    function: Function,
    block: Block,
    op: Op,
    callee: FunctionType,
    callers: Callers,
) -> Block:
    """Inline a Python function, or invoke one that calls itself; the block behind the call."""
    args = _bind(block, op, callee, _default_of(block, op, callee))
    if is_generator(callee):
        return _make_generator(block, op, callee, args, callers, nested=False)
    if callers.is_recursive(op, callee):
        callers.outlined.invoke(op, callee, args)
        return block
    return _inline_body(function, block, op, callee, callers.body(callee), args, callers)


def _default_of(block: Block, op: Op, callee: FunctionType) -> Callable[[str], Value | None]:
    """The default values of parameters, by their names, as constants in front of ``op``."""
    defaults = defaults_of(callee)
    return lambda name: put(block, op, "const", value=defaults[name]) if name in defaults else None


def _inline_nested(
    function: Function,
    block: Block,
    op: Op,
    made: Op,
    callers: Callers,
) -> Block:
    """Inline a function that the kernel defines; it is given the cells that it shares."""
    nested: Nested = made.attrs["nested"]
    cells, defaults = made.operands[: len(nested.free)], made.operands[len(nested.free) :]
    callee = nested.template
    if callers.is_recursive(op, callee):
        raise UnsupportedError(
            f"the function {callee.__name__!r} calls itself, and shares variables with another",
            op.loc,
            "hand them over as arguments, or write a loop",
        )
    default = dict(zip(nested.defaults, defaults, strict=True)).get
    args = [*_bind(block, op, callee, default), *cells]
    if is_generator(callee):
        return _make_generator(block, op, callee, args, callers, nested=True)
    body = callers.body(callee, nested=True)
    return _inline_body(function, block, op, callee, body, args, callers)


def _make_generator(
    block: Block,
    op: Op,
    callee: FunctionType,
    args: list[Value],
    callers: Callers,
    *,
    nested: bool,
) -> Block:
    """A call of a generator function runs where its values are taken, or makes a tuple of them."""
    if callers.is_recursive(op, callee):
        raise UnsupportedError(
            f"the generator {callee.__name__!r} takes values of itself, which cannot be compiled",
            op.loc,
            "write a loop",
        )
    op.name, op.operands, op.attrs = "generator", args, {"callee": callee, "nested": nested}
    return block


def _inline_body(
    function: Function,
    block: Block,
    op: Op,
    callee: FunctionType,
    body: Function,
    args: list[Value],
    callers: Callers,
) -> Block:
    """Put ``body`` in place of a call of ``callee``; the block behind it."""
    chain = callers.chain(op)
    ours = (callee.__module__ or "").startswith(_OURS)  # code of exec() may be of no module
    if ours:
        _place_at(body, op.loc)
    behind = inline(function, block, op, body, args)
    if not ours:
        callers.enter(body, (*chain, callee.__code__))
    return behind


def _place_at(body: Function, loc: Loc | None) -> None:
    """Have errors in our own functions point at the user's call of them."""
    for inner in body.ops():
        inner.loc = loc


def _bind(
    block: Block, op: Op, callee: FunctionType, default: Callable[[str], Value | None]
) -> list[Value]:
    """The values of the callee's parameters: positional, by keyword, or by default."""
    names = parameters_of(callee)
    positional_names = names[: callee.__code__.co_argcount]
    keywords = op.attrs["keywords"]
    split = len(op.operands) - len(keywords)
    positional = op.operands[1:split]
    bound = dict(zip(positional_names, positional, strict=False))
    by_keyword = dict(zip(keywords, op.operands[split:], strict=True))
    allowed = names[callee.__code__.co_posonlyargcount :]
    wrong = [n for n in by_keyword if n not in allowed or n in bound]
    bound |= by_keyword
    for name in names:
        if name not in bound and (value := default(name)) is not None:
            bound[name] = value
    rest = rest_parameter(callee)
    if rest is not None:
        bound[rest] = put(block, op, "tuple", *positional[len(positional_names) :])
    surplus = len(positional) > len(positional_names) and rest is None
    if wrong and callee.__code__.co_flags & CO_VARKEYWORDS:
        raise UnsupportedError(
            "a function with `**kwargs` cannot be compiled", op.loc, "name its parameters"
        )
    if surplus or wrong or any(n not in bound for n in names):
        raise UnsupportedError(
            f"{callee.__name__}({', '.join(names)}) cannot be called with these arguments", op.loc
        )
    return [bound[name] for name in names]
