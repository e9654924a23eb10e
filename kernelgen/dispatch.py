"""From the dtypes of a call to compiled code: which types to compile for, and when.

NumPy asks a ufunc's promoter for the loop of each combination of dtypes that it meets. What
is answered depends on the kernel and on these dtypes alone, never on earlier calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from kernelgen.errors import KernelgenError, SignatureError, TypingError
from kernelgen.options import Options
from kernelgen.runtime import locks
from kernelgen.runtime.numpy_api import DType, loop_for
from kernelgen.source import definition_of
from kernelgen.types import signature as signatures
from kernelgen.types import table
from kernelgen.types.matching import Types, all_cast_safely, first, is_exactly, is_one_of
from kernelgen.types.promote import can_cast_safely, common_type, promote
from kernelgen.types.signature import Signature
from kernelgen.types.table import INT64, WEAK_COMPLEX, WEAK_FLOAT, WEAK_INT, Scalar

if TYPE_CHECKING:
    from kernelgen.load import Loop
    from kernelgen.pipeline import Compilation

Wanted: TypeAlias = tuple[Scalar | None, ...]


class Choices(NamedTuple):
    """What the user asked of a ufunc, beside its kernel."""

    signatures: tuple[Signature, ...]
    identity: object
    options: Options


def _dtype_classes() -> dict[type, Scalar]:
    """The row of each DType; C types of the same width share one."""
    dtypes = (np.dtype(code) for code in "?bhilqBHILQefdgFDGMm")
    return {type(dtype): row for dtype in dtypes if (row := table.from_dtype(dtype)) is not None}


_ROWS = _dtype_classes()
_WEAK = {"_PyLongDType": WEAK_INT, "_PyFloatDType": WEAK_FLOAT, "_PyComplexDType": WEAK_COMPLEX}


class Kernel:
    """A Python function and the code that it has been compiled to so far."""

    decorator = "vectorize"

    def __init__(self, function: FunctionType, nin: int, nout: int, choices: Choices) -> None:
        self.function = function
        self.nin = nin
        self.nout = nout
        self.choices = choices
        self.ufunc: np.ufunc  # assigned by who makes it, before anything is compiled
        self.signatures: list[str] = []
        self._loops: dict[Types, tuple[Signature, Loop]] = {}
        self._loops_of_units: dict[Types, tuple[Signature, Loop]] = {}
        self._outputs: dict[Types, Types | KernelgenError] = {}
        self._compilations: dict[Types, Compilation] = {}  # typed, and not compiled yet

    # What the ufunc offers.

    @property
    def name(self) -> str:
        return self.function.__name__

    def compile(self, signature: Any) -> None:
        """Compile the loop for ``signature`` now, if it does not exist yet.

        Parameters
        ----------
        signature : str, Signature or tuple of types
            In any form that ``vectorize`` takes, or types of the inputs alone: ``"f8,i4"``.

        Raises
        ------
        SignatureError
            It has the wrong number of types, or outputs that the kernel does not have.
        """
        self._compiled_for(signature)

    def inspect_ir(self, signature: Any) -> str:
        """The kernel's SSA for ``signature``, typed and rewritten, as text."""
        return self._inspect("rewritten", signature)

    def inspect_llvm(self, signature: Any) -> str:
        """The LLVM IR of the loop for ``signature``, after optimisation."""
        return self._inspect("optimized", signature)

    def inspect_asm(self, signature: Any) -> str:
        """The assembly of the loop for ``signature``."""
        return self._inspect("asm", signature)

    def inspect_ptx(self, signature: Any, arch: str = "sm_80") -> str:
        """The PTX of the kernel for ``signature``, for a CUDA GPU. Nothing runs it yet.

        Parameters
        ----------
        signature : str, Signature or tuple of types
            As for `compile`.
        arch : str, optional
            The oldest architecture that it is for: sm_75, sm_80, sm_86, sm_89, sm_90, sm_100 or
            sm_120.

        Raises
        ------
        KernelgenError
            There is no such architecture, or libdevice is needed and not on this machine.
        UnsupportedError
            The kernel does what no GPU can do.

        Examples
        --------
        >>> from kernelgen import vectorize
        >>> ptx = vectorize(lambda x, y: x * y).inspect_ptx("f4,f4", arch="sm_90")
        >>> ".target sm_90" in ptx
        True
        """
        from kernelgen import pipeline

        with locks.compiling:
            return pipeline.ptx(self.request(self.inputs_of(signature)), arch)

    def _inspect(self, stage: str, signature: Any) -> str:
        from kernelgen import pipeline

        inputs = self._compiled_for(signature).inputs
        return pipeline.STAGES[stage](self.request(inputs))

    def _compiled_for(self, spec: Any) -> Signature:
        with locks.compiling:
            chosen = self.inputs_of(spec)
            signature, _ = self.loop_of(chosen)
            self._register(*self._registered_loop(chosen), ())
            return signature

    def inputs_of(self, spec: Any) -> Types:
        """The inputs of the loop that is compiled for a signature."""
        inputs, asked = self._read(spec)
        if len(inputs) != self.nin:
            raise SignatureError(
                f"{self.name}() takes {self.nin} arguments, the signature has {len(inputs)}"
            )
        explicit = self.choices.signatures
        if explicit and inputs not in [s.inputs for s in explicit]:
            raise SignatureError(
                f"{self.name} has no signature for these inputs", None, self._known()
            )
        outputs = self.outputs_for(inputs)
        if asked not in (None, outputs):
            raise self._wrong_outputs(Signature(inputs, asked), outputs)
        return inputs if explicit else self._uniform(inputs)

    def _read(self, spec: Any) -> tuple[Types, Types | None]:
        """The inputs of a signature, and its outputs if it names them."""
        whole = signatures.parse_whole(spec)
        return signatures.parse_inputs(spec), None if whole is None else whole.outputs

    def _wrong_outputs(self, asked: Signature, outputs: Types) -> SignatureError:
        made = Signature(asked.inputs, outputs)
        return SignatureError(
            f"{self.name} makes {made} of these inputs, not {asked}",
            None,
            f"give {self.decorator} the signature, and the result is converted",
        )

    # Compiling.

    def outputs_for(self, inputs: Types) -> Types:
        """The types that the kernel returns for ``inputs``, inferred once.

        Raises
        ------
        KernelgenError
            It cannot be compiled for them.
        """
        found = self._outputs.get(inputs)
        if found is None:
            found = self._infer_outputs(inputs)
            self._outputs[inputs] = found
        if isinstance(found, KernelgenError):
            raise found.with_traceback(None)
        return found

    def _infer_outputs(self, inputs: Types) -> Types | KernelgenError:
        try:
            outputs = self._compilation(inputs).outputs
        except KernelgenError as error:
            return error
        if len(outputs) != self.nout:
            return TypingError(
                f"{self.name}() returns {len(outputs)} values, but was taken for a kernel with "
                f"{self.nout}",
                definition_of(self.function.__code__),
                "write `return a, b` in the kernel itself, or give vectorize a signature "
                'such as "(f8,f8)(f8)"',
            )
        return outputs

    def _compilation(self, inputs: Types) -> Compilation:
        """The compilation for ``inputs``, as far as it has gone."""
        found = self._compilations.get(inputs)
        if found is None:
            from kernelgen import pipeline

            found = self._compilations[inputs] = pipeline.Compilation(self.request(inputs))
        return found

    def request(self, inputs: Types) -> Any:
        """What is compiled for inputs of these types."""
        from kernelgen import pipeline

        explicit = first(self.choices.signatures, inputs, is_exactly, is_one_of)
        outputs = None if explicit is None else explicit.outputs
        return pipeline.Request(self.function, inputs, outputs, self.choices.options, self.ufunc)

    def loop_of(self, inputs: Types) -> tuple[Signature, Loop]:
        """Compile for ``inputs`` and link, once."""
        found = self._loops.get(inputs)
        if found is None:
            self.outputs_for(inputs)  # refuses what does not fit the ufunc's number of outputs
            compiled = self._compilation(inputs)
            found = compiled.signature, self._link(inputs, compiled)
            self._loops[inputs] = found
            self._compilations.clear()  # the others were but considered
            self.signatures.append(str(compiled.signature))
        return found

    def _link(self, inputs: Types, compiled: Compilation) -> Loop:
        from kernelgen import load

        return load.link_loop(self.request(inputs), compiled, self.choices.identity)

    def _registered_loop(self, inputs: Types) -> tuple[Signature, Loop]:
        """The loop that NumPy is given for ``inputs``: one for all units, if there are times."""
        signature = Signature(inputs, self.outputs_for(inputs)).unitless
        if not any(t.is_time for t in signature.types):
            return self.loop_of(inputs)
        found = self._loops_of_units.get(signature.inputs)
        if found is None:
            from kernelgen import load
            from kernelgen.runtime.descriptors import Answers
            from kernelgen.units import Units

            units = Units(self, self.choices.signatures, signature)
            answers = Answers(units.resolve, units.find)
            choices = self.choices
            loop = load.link_loop_of_units(
                self.function, signature, choices.options, choices.identity, answers
            )
            found = self._loops_of_units.setdefault(signature.inputs, (signature, loop))
        return found

    def _register(
        self, signature: Signature, loop: Loop, asked: Sequence[DType | None]
    ) -> tuple[DType, ...]:
        """Give NumPy the loop, once for each spelling of its inputs; the DTypes it has there."""
        dtypes = _spelled(signature, asked)
        if loop_for(self.ufunc, dtypes) is None:
            from kernelgen import load

            load.add_to_ufunc(self.ufunc, dtypes, loop)
        return loop_for(self.ufunc, dtypes) or dtypes

    # Choosing.

    def promote(
        self, ufunc: np.ufunc, inputs: tuple[DType | None, ...], pinned: tuple[DType | None, ...]
    ) -> Sequence[DType]:
        """Answer NumPy: the DTypes of the loop for a call, which exists when this returns.

        NumPy remembers the answer by the DTypes of the inputs, whether pinned or not, and by
        those pinned of the outputs. So the answer depends on nothing else, and a loop that is
        there answers for its own inputs, as NumPy then does not ask.

        Parameters
        ----------
        ufunc : numpy.ufunc
            This kernel's.
        inputs : tuple of DType or None
            Those of the operands, or pinned ones; None for the first of a reduction in which
            the kernel chooses.
        pinned : tuple of DType or None
            For inputs and outputs, what ``dtype=`` or ``signature=`` demand.
        """
        with locks.undisturbed():
            try:
                asked = (*inputs, *pinned[self.nin :])
                rows = tuple(None if d is None else self._row(d) for d in asked)
                chosen = self._choose(rows[: self.nin], rows[self.nin :])
                return self._register(*self._registered_loop(chosen), asked)
            except KernelgenError as error:
                # The user's line is in the message; our frames would only bury it.
                raise error.with_traceback(None) from None

    def resolve(self, asked: Wanted, wanted: Wanted) -> Signature:
        """The types of the loop for operands, as NumPy chooses it.

        Parameters
        ----------
        asked : tuple of Scalar or None
            The inputs' types, weak ones of Python numbers, with units. None for the first of a
            reduction in which the kernel chooses.
        wanted : tuple of Scalar or None
            The types that the caller demands of the outputs, None for any.

        Raises
        ------
        KernelgenError
            There is no such loop, or it cannot be compiled.
        """
        with locks.undisturbed():
            try:
                unitless = tuple(None if t is None else t.unitless for t in asked)
                chosen = self._choose(unitless, wanted)
                if not any(t.is_time for t in chosen):
                    return Signature(chosen, self.outputs_for(chosen))
                from kernelgen.units import Units

                signature = Signature(chosen, self.outputs_for(chosen)).unitless
                units = Units(self, self.choices.signatures, signature)
                known = [t for t in asked if t is not None]
                like = known if len(known) == self.nin else known * self.nin
                pairs = zip(chosen, like, strict=True)
                given = tuple(c.unitless.with_unit_of(t) for c, t in pairs)
                types = units.types(given)
            except KernelgenError as error:
                raise error.with_traceback(None) from None
        return Signature(types[: self.nin], types[self.nin :])

    def row_of(self, dtype: np.dtype[Any]) -> Scalar:
        """The type of the elements of an operand.

        Raises
        ------
        TypingError
            Kernels do not have it.
        """
        row = self._row(type(dtype))
        found = table.from_dtype(dtype) if row.is_time else row
        if found is None:  # multiples by 0, which NumPy has
            raise TypingError(f"kernels cannot have {dtype}", None, table.UNITS)
        return found

    def _row(self, dtype: DType) -> Scalar:
        row = _ROWS.get(dtype) or _WEAK.get(dtype.__name__)
        if row is None:
            name = dtype.__name__.removesuffix("DType").removeprefix("_Py").lower()
            hint = f"convert the array with astype(); {signatures.known_types()}"
            if name == "void":
                hint += "; records are for njit, so give it their fields, a['x']"
            if name == "object":
                hint += "; random generators are for njit"
            message = f"the kernel {self.name} was given {name}, a type that kernels do not have"
            raise TypingError(message, None, hint)
        return row

    def _choose(self, asked: Wanted, wanted: Wanted) -> Types:
        """The inputs of the loop for operands of the types ``asked``.

        ``wanted`` are the types that the caller demands of the outputs, None for any.
        """
        given = tuple(t for t in asked if t is not None)
        reduced = len(given) < self.nin
        if reduced:
            given *= 2
        if self.choices.signatures:
            return self._choose_signature(given, wanted)
        natural = self._type_of_reduction(given) if reduced else self._strong_types(given)
        if wanted == (None,) * self.nout:
            return self._uniform(natural)
        return self._uniform(self._types_for_outputs(natural, wanted))

    def _known(self) -> str:
        return "its signatures are " + ", ".join(map(str, self.choices.signatures))

    # Among signatures.

    def _choose_signature(self, given: Types, wanted: Wanted) -> Types:
        """An exact match, else the first signature to which the inputs cast safely.

        Python scalars take the type that they have among the other inputs; if nothing fits
        that, any that their kind fits. Where the outputs are pinned, the caller chooses, and
        NumPy checks the casts.
        """
        candidates = [s for s in self.choices.signatures if _agree(wanted, s.outputs)]
        unitless = [s.unitless for s in candidates]
        found = first(unitless, _as_promoted(given), is_exactly, all_cast_safely)
        if found is not None:
            return candidates[unitless.index(found)].inputs
        for s in candidates:
            if _all_cast(given, s.unitless.inputs) or wanted != (None,) * self.nout:
                return s.inputs
        made = "" if wanted == (None,) * self.nout else f" and makes ({_listed(wanted)})"
        raise TypingError(
            f"no signature of {self.name} takes ({_listed(given)}){made}", None, self._known()
        )

    # Among all types.

    def _works(self, types: Types) -> bool:
        try:
            self.outputs_for(types)
        except KernelgenError:
            return False
        return True

    def _strong_types(self, given: Types) -> Types:
        """Give Python scalars the types that NumPy's promotion gives them among these inputs.

        Where the kernel cannot be typed so, an int stays an integer: it may be a count.
        """
        usual = _as_promoted(given)
        counts = tuple(INT64 if t == WEAK_INT else u for t, u in zip(given, usual, strict=True))
        if usual == counts or self._works(usual) or not self._works(counts):
            return usual
        return counts

    def _type_of_reduction(self, given: Types) -> Types:
        """The type in which a reduction stays: the array's, or what the kernel makes of it.

        Where there is none, the type that the kernel returns takes the place of the first.
        """
        t = given[0]
        while (result := self.outputs_for((t, t))[0]) != t:
            met = common_type(t, result)
            if met in (None, t):
                return given
            t = promote(t, result)
        return t, t

    def _uniform(self, types: Types) -> Types:
        """Of two inputs give the second the first's type, if the kernel converts it anyway.

        NumPy then does the conversion, with the same result. It takes loops of a single type
        alone for ``accumulate`` and ``reduceat``.
        """
        if self.nin != 2 or self.nout != 1 or types[0] == types[1] or types[0].is_time:
            return types
        first, second = types
        both = (first, first)
        same_result = self.outputs_for(types) == (first,) and self._works(both)
        if not (same_result and self.outputs_for(both) == (first,)):
            return types
        return both if can_cast_safely(second, first) and self._only_converts(types) else types

    def _only_converts(self, types: Types) -> bool:
        """Whether all that the kernel does with its second input is to make it a ``types[0]``."""
        function = self._compilation(types).rewritten
        if function.asks:
            return False
        param = function.params[1]
        return not any(param in edge.args for edge in function.edges()) and all(
            op.name == "convert" and op.attrs["to"].strong == types[0]
            for op in function.ops()
            if param in op.operands
        )

    def _types_for_outputs(self, natural: Types, wanted: Wanted) -> Types:
        """The inputs of which the kernel makes the outputs that ``dtype=`` demands.

        These, or all of that type, or those of its kind.
        """
        candidates = [natural]
        for t in dict.fromkeys(t for t in wanted if t is not None):
            candidates.append((t,) * self.nin)
            candidates.append(tuple(t if n.kind == t.kind else n for n in natural))
        for types in candidates:
            if self._works(types) and _agree(wanted, self.outputs_for(types)):
                return types
        self.outputs_for(natural)
        raise TypingError(
            f"{self.name} has no loop that makes {_listed(wanted)} of these inputs",
            None,
            "call it without dtype=, and convert the result with astype()",
        )


def _spelled(signature: Signature, asked: Sequence[DType | None]) -> tuple[DType, ...]:
    """The DTypes of a loop: of two C types of one width the one that the call has.

    A pinned output decides, else an input that is not the usual one, as in NumPy. Loops differ
    in their inputs, so a type that only outputs have is always the usual one.
    """
    spelling = {t: type(t.dtype) for t in signature.types}
    nin = len(signature.inputs)
    unusual = [d for d in asked[:nin] if d not in spelling.values()]
    for dtype in (*unusual, *asked[nin:]):
        row = None if dtype is None else _ROWS.get(dtype)
        if dtype is not None and row in signature.inputs:
            spelling[row] = dtype
    return tuple(spelling[t] for t in signature.types)


def _listed(types: Wanted) -> str:
    return ", ".join("any" if t is None else t.strong.long_name for t in types)


def _agree(wanted: Wanted, types: Types) -> bool:
    return all(w in (None, t.unitless) for w, t in zip(wanted, types, strict=True))


def _as_promoted(given: Types) -> Types:
    """The types with those of Python scalars made strong, by promotion with the other numbers."""
    strong = [t for t in given if not t.weak and not t.is_time]
    if not strong:
        return tuple(t.strong for t in given)
    partner = reduce(promote, strong)
    return tuple(promote(t, partner) if t.weak else t for t in given)


def _all_cast(given: Types, to: Types) -> bool:
    """Whether all cast safely, a Python scalar to any type of its kind or a higher one."""
    return all(
        common_type(g, t) == t if g.weak else can_cast_safely(g, t)
        for g, t in zip(given, to, strict=True)
    )
