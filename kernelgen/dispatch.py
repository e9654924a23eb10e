"""From the dtypes of a call to compiled code: which types to compile for, and when.

NumPy asks a ufunc's promoter for the loop of each combination of dtypes that it meets. What
is answered depends on the kernel and on these dtypes alone, never on earlier calls.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernelgen.errors import KernelgenError, SignatureError, TypingError
from kernelgen.options import Options
from kernelgen.runtime.numpy_api import DType
from kernelgen.types import signature as signatures
from kernelgen.types import table
from kernelgen.types.promote import can_cast_safely, promote
from kernelgen.types.signature import Signature
from kernelgen.types.table import INT64, WEAK_FLOAT, WEAK_INT, Scalar

if TYPE_CHECKING:
    from kernelgen.pipeline import Compiled


class Choices(NamedTuple):
    """What the user asked of a ufunc, beside its kernel."""

    signatures: tuple[Signature, ...]
    identity: object
    options: Options


def _dtype_classes() -> dict[type, Scalar]:
    """The row of each DType; C types of the same width share one."""
    dtypes = (np.dtype(code) for code in "?bhilqBHILQfd")
    return {type(dtype): row for dtype in dtypes if (row := table.from_dtype(dtype)) is not None}


_ROWS = _dtype_classes()
_WEAK = {"_PyLongDType": WEAK_INT, "_PyFloatDType": WEAK_FLOAT}
_MAX_REDUCTION_STEPS = 4


class Kernel:
    """A Python function and the code that it has been compiled to so far."""

    def __init__(self, function: FunctionType, nin: int, nout: int, choices: Choices) -> None:
        self.function = function
        self.nin = nin
        self.nout = nout
        self.choices = choices
        self.ufunc: np.ufunc
        self.signatures: list[str] = []
        self.compiled: dict[tuple[Scalar, ...], Compiled] = {}
        self._outputs: dict[tuple[Scalar, ...], tuple[Scalar, ...] | KernelgenError] = {}
        self._lock = threading.RLock()

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

    def _inspect(self, stage: str, signature: Any) -> str:
        from kernelgen import pipeline

        inputs = self._compiled_for(signature).signature.inputs
        return pipeline.STAGES[stage](self._request(inputs))

    def _compiled_for(self, spec: Any) -> Compiled:
        inputs = signatures.parse_inputs(spec)
        if len(inputs) != self.nin:
            raise SignatureError(
                f"{self.name}() takes {self.nin} arguments, the signature has {len(inputs)}"
            )
        with self._lock:
            explicit = self.choices.signatures
            if explicit and inputs not in [s.inputs for s in explicit]:
                raise SignatureError(
                    f"{self.name} has no signature for these inputs", None, self._known()
                )
            asked = signatures.parse_whole(spec)
            outputs = self.outputs_for(inputs)
            if asked is not None and asked.outputs != outputs:
                raise self._wrong_outputs(asked, outputs)
            return self._ensure(inputs)

    def _wrong_outputs(self, asked: Signature, outputs: tuple[Scalar, ...]) -> SignatureError:
        made = Signature(asked.inputs, outputs)
        return SignatureError(
            f"{self.name} makes {made} of these inputs, not {asked}",
            None,
            "give vectorize the signature, and the result is converted",
        )

    # Compiling.

    def outputs_for(self, inputs: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
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

    def _infer_outputs(self, inputs: tuple[Scalar, ...]) -> tuple[Scalar, ...] | KernelgenError:
        from kernelgen import pipeline
        from kernelgen.infer import check_outputs

        try:
            outputs = check_outputs(pipeline.typed(self._request(inputs)))
        except KernelgenError as error:
            return error
        if len(outputs) != self.nout:
            return TypingError(
                f"{self.name}() returns {len(outputs)} values, but was taken for a kernel with "
                f"{self.nout}",
                pipeline.location(self.function),
                "write `return a, b` in the kernel itself, or give vectorize a signature "
                'such as "(f8,f8)(f8)"',
            )
        return outputs

    def _request(self, inputs: tuple[Scalar, ...]) -> Any:
        from kernelgen import pipeline

        explicit = {s.inputs: s.outputs for s in self.choices.signatures}
        return pipeline.Request(self.function, inputs, explicit.get(inputs), self.choices.options)

    def _ensure(self, inputs: tuple[Scalar, ...]) -> Compiled:
        """Compile for ``inputs`` and register the loop with NumPy, once."""
        found = self.compiled.get(inputs)
        if found is None:
            from kernelgen import load, pipeline

            found = pipeline.compile_request(self._request(inputs))
            load.add_to_ufunc(self.ufunc, self.function, found, self.choices.identity)
            self.compiled[inputs] = found
            self.signatures.append(str(found.signature))
        return found

    # Choosing.

    def promote(
        self, ufunc: np.ufunc, inputs: tuple[DType | None, ...], pinned: tuple[DType | None, ...]
    ) -> Sequence[DType]:
        """Answer NumPy: the DTypes of the loop for a call, which exists when this returns.

        Parameters
        ----------
        ufunc : numpy.ufunc
            This kernel's.
        inputs : tuple of DType or None
            Those of the operands; None where a reduction leaves the choice.
        pinned : tuple of DType or None
            For inputs and outputs, what ``dtype=`` or ``signature=`` demand.
        """
        with self._lock:
            try:
                signature = self._loop_for(inputs, pinned)
            except KernelgenError as error:
                # The user's line is in the message; our frames would only bury it.
                raise error.with_traceback(None) from None
            return [type(t.dtype) for t in signature.types]

    def _loop_for(
        self, inputs: tuple[DType | None, ...], pinned: tuple[DType | None, ...]
    ) -> Signature:
        given = tuple(None if d is None else self._row(d) for d in inputs)
        wanted = tuple(None if d is None else self._row(d) for d in pinned)
        choose = self._choose_signature if self.choices.signatures else self._choose_types
        return self._ensure(choose(given, wanted)).signature

    def _row(self, dtype: DType) -> Scalar:
        row = _ROWS.get(dtype) or _WEAK.get(dtype.__name__)
        if row is None:
            name = dtype.__name__.removesuffix("DType").removeprefix("_Py").lower()
            raise TypingError(
                f"the kernel {self.name} was given {name}, a type that kernels do not have",
                None,
                f"convert the array with astype(); {signatures.known_types()}",
            )
        return row

    def _known(self) -> str:
        return "its signatures are " + ", ".join(map(str, self.choices.signatures))

    # Among signatures.

    def _choose_signature(
        self, given: tuple[Scalar | None, ...], pinned: tuple[Scalar | None, ...]
    ) -> tuple[Scalar, ...]:
        """An exact match, else the first signature to which the inputs cast safely."""
        fitting = [
            s
            for s in self.choices.signatures
            if all(p in (None, t) for p, t in zip(pinned, s.types, strict=True))
            and all(_casts(g, t) for g, t in zip(given, s.inputs, strict=True))
            and (None not in given or s.inputs[0] == s.outputs[0])
        ]
        if not fitting:
            types = ", ".join("any" if g is None else str(g) for g in given)
            raise TypingError(f"no signature of {self.name} takes ({types})", None, self._known())
        exact = [
            s for s in fitting if all(g in (None, t) for g, t in zip(given, s.inputs, strict=True))
        ]
        return (exact or fitting)[0].inputs

    # Among all types.

    def _choose_types(
        self, given: tuple[Scalar | None, ...], pinned: tuple[Scalar | None, ...]
    ) -> tuple[Scalar, ...]:
        outputs = {t for t in pinned[self.nin :] if t is not None}
        if None in given:
            return self._reduction_types(given, outputs)
        types = tuple(t for t in given if t is not None)
        if self.nin == 2 and pinned[0] is not None and pinned[1] is None and not outputs:
            uniform = self._uniform(types)
            if uniform is not None:
                return uniform
        natural = self._strong_types(types)
        if not outputs:
            return natural
        return self._types_for_outputs(natural, pinned, outputs)

    def _uniform(self, types: tuple[Scalar, ...]) -> tuple[Scalar, ...] | None:
        """The types of ``reduce(dtype=…)``, which pins the first: both the same, if that fits."""
        first, second = types
        same = (first, first)
        fits = _casts(second, first) and self._works(same)
        return same if fits and self.outputs_for(same) == (first,) else None

    def _reduction_types(
        self, given: tuple[Scalar | None, ...], outputs: set[Scalar]
    ) -> tuple[Scalar, ...]:
        """The type in which a reduction stays: the array's, or what the kernel makes of it."""
        (t,) = {t.strong for t in given if t is not None} or {table.FLOAT64}
        if len(outputs) == 1:
            (t,) = outputs
        for _ in range(_MAX_REDUCTION_STEPS):
            result = self.outputs_for((t, t))[0]
            if result == t:
                return (t, t)
            t = promote(t, result)
        raise TypingError(
            f"{self.name} cannot reduce: of two values of one type it makes another type"
        )

    def _works(self, types: tuple[Scalar, ...]) -> bool:
        try:
            self.outputs_for(types)
        except KernelgenError:
            return False
        return True

    def _strong_types(self, given: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        """Give Python scalars the types that NumPy's promotion gives them among these inputs.

        Where the kernel cannot be typed so, an int stays an integer: it may be a count.
        """
        strong = [t for t in given if not t.weak]
        if len(strong) == len(given):
            return given
        partner = strong[0] if strong else None
        for t in strong[1:]:
            assert partner is not None
            partner = promote(partner, t)
        usual = tuple(
            t if not t.weak else t.strong if partner is None else promote(t, partner) for t in given
        )
        counts = tuple(INT64 if t == WEAK_INT else u for t, u in zip(given, usual, strict=True))
        return usual if self._works(usual) or not self._works(counts) else counts

    def _types_for_outputs(
        self,
        natural: tuple[Scalar, ...],
        pinned: tuple[Scalar | None, ...],
        outputs: set[Scalar],
    ) -> tuple[Scalar, ...]:
        """The inputs for which the outputs are what ``dtype=`` demands: these, or all that type."""
        candidates = [natural]
        for t in outputs:
            candidates.append(
                tuple(n if p is not None else t for n, p in zip(natural, pinned, strict=False))
            )
        for types in candidates:
            if self._works(types) and all(
                p in (None, o)
                for p, o in zip(pinned[self.nin :], self.outputs_for(types), strict=True)
            ):
                return types
        self.outputs_for(natural)
        wanted = ", ".join(map(str, outputs))
        raise TypingError(
            f"{self.name} has no loop that makes {wanted} of these inputs",
            None,
            "call it without dtype=, and convert the result with astype()",
        )


def _casts(given: Scalar | None, to: Scalar) -> bool:
    """Whether an input may be given to a signature: safely, and a Python scalar by its kind."""
    if given is None:
        return True
    if given.weak:
        return promote(given, to) == to
    return can_cast_safely(given, to)
