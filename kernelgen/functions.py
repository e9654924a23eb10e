"""From the arguments of a call to compiled code: the functions that ``jit`` makes.

A call goes to native code, which tries the entries there are. What none of them is for comes to
Python, which finds out the types, has code compiled for them, and calls that.
"""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from kernelgen import config
from kernelgen.bytecode.parameters import parameters_of
from kernelgen.errors import KernelgenError, SignatureError, TypingError
from kernelgen.options import Options
from kernelgen.runtime import locks
from kernelgen.runtime.native_class import Record, native_class, set_target
from kernelgen.source import definition_of
from kernelgen.types.arguments import (
    Argument,
    Arguments,
    Constant,
    Group,
    classify,
    describe_arguments,
    leaves_of,
)
from kernelgen.types.compound import Array, Element
from kernelgen.types.declared import Declared, declare
from kernelgen.types.promote import can_cast_safely, common_type
from kernelgen.types.records import as_records, declared_type
from kernelgen.types.table import WEAK, Scalar

if TYPE_CHECKING:
    from kernelgen.overloads import Overload


class FunctionChoices(NamedTuple):
    """What the user asked of a jitted function."""

    signatures: tuple[Declared, ...] = ()
    options: Options = Options(error_model="python")
    nogil: bool = False
    interpreted: bool = False
    locals: dict[str, Scalar] | None = None


class Jitted:
    """A function that is compiled for the types of its arguments when it is called.

    Made by `jit`. It is called like the function that it was made of, which is ``py_func``.
    """

    __slots__ = ()

    _dispatcher: Dispatcher
    py_func: Any
    __name__: str
    __qualname__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._dispatcher.call(self, args, kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<jitted function {self.__qualname__}>"

    def __reduce__(self) -> str:
        if "<locals>" in self.__qualname__ or "<lambda>" in self.__qualname__:
            raise pickle.PicklingError(
                f"{self!r} cannot be pickled: it would be found by its name, and no module has it"
            )
        return self.__qualname__

    def __copy__(self) -> Jitted:
        return self

    def __deepcopy__(self, memo: Any) -> Jitted:
        return self

    @property
    def signatures(self) -> list[Arguments]:
        """The types of the arguments for which there is code."""
        return list(self._dispatcher.overloads)

    @property
    def nopython_signatures(self) -> list[Arguments]:
        """The same: nothing else is compiled."""
        return self.signatures

    @property
    def declared_signatures(self) -> tuple[Declared, ...]:
        """The signatures that the decorator was given."""
        return self._dispatcher.choices.signatures

    def compile(self, signature: Any) -> None:
        """Compile for the types of ``signature`` now, if there is no code for them yet.

        Parameters
        ----------
        signature : str, tuple of types or signature
            ``"f8,f8"``, ``(float64, float64)``, ``float64(float64, float64)``. Only the types of
            the arguments count.

        Raises
        ------
        SignatureError
            It has the wrong number of types.
        """
        self._dispatcher.compile(self, signature)

    def inspect_types(
        self, file: TextIO | None = None, signature: Any = None, pretty: bool = False
    ) -> None:
        """Print the SSA of the function with the type of each value.

        Parameters
        ----------
        file : file-like object, optional
            Where to; ``sys.stdout`` by default.
        signature : types of arguments, optional
            For which; all those there are by default.
        pretty : bool, optional
            Must be False: there is no other form.
        """
        if pretty:
            raise ValueError("inspect_types() prints plain text only")
        texts = self._dispatcher.texts(self, "typed", signature)
        for arguments, text in texts.items():
            title = f"{self.__name__}({', '.join(map(str, arguments))})"
            print(f"{title}\n{'-' * len(title)}\n{text}\n", file=file or sys.stdout)

    def parallel_report(self, signature: Any = None) -> str:
        """What became of the loops that threads may share: which they do, which not, and why.

        Parameters
        ----------
        signature : types of arguments, optional
            For which; all those there are by default.

        Returns
        -------
        str
            For each loop the line of the source, and what is to be said. Only functions with
            ``parallel=True`` have loops that threads share.

        Examples
        --------
        >>> from kernelgen import jit, prange
        >>> @jit("i8(i8)", parallel=True)
        ... def triangular(n):
        ...     s = 0
        ...     for i in prange(n + 1):
        ...         s += i
        ...     return s
        >>> print(triangular.parallel_report())  # doctest: +ELLIPSIS
        triangular(i8)
        ...: shared by threads (dynamic schedule)
        ...
          - s: the sum over all iterations
        """
        return self._dispatcher.report(self, signature)

    def inspect_ir(self, signature: Any = None) -> Any:
        """The SSA for ``signature``, typed and rewritten; without it a dict of all there are."""
        return self._inspect("rewritten", signature)

    def inspect_llvm(self, signature: Any = None) -> Any:
        """The LLVM IR for ``signature``, optimised; without it a dict of all there are."""
        return self._inspect("optimized", signature)

    def inspect_asm(self, signature: Any = None) -> Any:
        """The assembly for ``signature``; without it a dict of all there are."""
        return self._inspect("asm", signature)

    def _inspect(self, stage: str, signature: Any) -> Any:
        texts = self._dispatcher.texts(self, stage, signature)
        return texts if signature is None else next(iter(texts.values()))


NativeJitted = native_class(Jitted)


class Dispatcher:
    """A function, what was asked for it, and its code.

    It does not know the object that is called, which is handed to it: so both are freed at once.
    """

    def __init__(self, function: FunctionType, choices: FunctionChoices) -> None:
        self.function = function
        self.choices = choices
        self.overloads: dict[Arguments, Overload] = {}
        self._names = parameters_of(function)
        self._signature = inspect.signature(function, follow_wrapped=False)
        self._record: Record | None = None

    def _new_record(self) -> Record:
        code, function = self.function.__code__, self.function
        positional = self._names[: code.co_argcount]
        given = function.__defaults__ or ()
        defaults = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
        defaults |= function.__kwdefaults__ or {}
        return Record(self._names, code.co_argcount, code.co_posonlyargcount, defaults)

    # Calls that native code has no entry for.

    def call(self, itself: Jitted, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the code for these arguments, which is compiled first if there is none."""
        if self._is_interpreted():
            return self.function(*args, **kwargs)
        given = list(map(classify, self._bound(args, kwargs), self._names))
        types = tuple(each.type for each in given)
        values = [each.value for each in given]
        try:
            with locks.undisturbed():
                overload = self._overload_for(itself, types)
        except KernelgenError as error:
            # The user's line is in the message; our frames would only bury it.
            raise error.with_traceback(None) from None
        return overload.call(list(map(_as_declared, values, types, overload.arguments)))

    def _is_interpreted(self) -> bool:
        return self.choices.interpreted or bool(config.DISABLE_JIT)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The values of the parameters."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.function.__name__}() {error}") from None
        bound.apply_defaults()
        return [bound.arguments[name] for name in self._names]

    def _overload_for(self, itself: Jitted, types: Arguments) -> Overload:
        if not self.choices.signatures:
            return self.overloads.get(types) or self._compile(itself, Declared(types))
        declared = self._declared_for(types)
        return self.overloads.get(declared.arguments) or self._compile(itself, declared)

    def _declared_for(self, types: Arguments) -> Declared:
        """The signature for arguments: of exactly their types, or to which they cast safely."""
        declared = self.choices.signatures
        for fits in (_is, _casts, _casts_by_kind):
            for each in declared:
                if all(_fit(fits, g, d) for g, d in zip(types, each.arguments, strict=True)):
                    return each
        raise TypingError(
            f"no signature of {self.function.__name__} takes ({describe_arguments(types)})",
            None,
            "its signatures are " + ", ".join(map(str, declared)),
        )

    # Compiling.

    def compile(self, itself: Jitted, signature: Any) -> None:
        """Compile for the types of a signature."""
        with locks.compiling:
            self._overload_for(itself, self._parsed(signature))

    def compile_declared(self, itself: Jitted) -> None:
        """Compile for all signatures that there were with the decorator."""
        for declared in () if self._is_interpreted() else self.choices.signatures:
            self.check_count(declared.arguments)
            with locks.compiling:
                self._compile(itself, declared)

    def check_count(self, types: Arguments) -> None:
        """Raise SignatureError if ``types`` are not as many as the function has parameters."""
        if len(types) != len(self._names):
            raise SignatureError(
                f"{self.function.__name__}() takes {len(self._names)} arguments, "
                f"the signature has {len(types)}",
                definition_of(self.function.__code__),
            )

    def _parsed(self, signature: Any) -> Arguments:
        types = declare(signature).arguments
        self.check_count(types)
        return types

    def _compile(self, itself: Jitted, declared: Declared) -> Overload:
        from kernelgen import overloads
        from kernelgen.runtime import native_library

        request = self._request(itself, declared)
        overload = overloads.Overload(request, self._also_taken(), self.choices.nogil)
        self.overloads[declared.arguments] = overload
        if self._record is None:
            self._record = self._new_record()
            set_target(itself, native_library.native_call(), self._record.address)
        self._record.add(overload.entry)
        return overload

    def _request(self, itself: Jitted, declared: Declared) -> Any:
        from kernelgen.pipeline import Request

        arguments, returned = declared
        return Request(
            self.function,
            leaves_of(arguments),
            options=self.choices.options,
            itself=itself,
            arguments=arguments,
            returned=returned,
            locals=self.choices.locals,
        )

    def _also_taken(self) -> Callable[[Scalar], Sequence[Scalar]] | None:
        """Which Python numbers native code takes for a type in a signature."""
        signatures = self.choices.signatures
        if not signatures:
            return None
        if len(signatures) == 1:
            return lambda t: [w for w in WEAK if _casts_by_kind(w, t)]
        return lambda t: [w for w in WEAK if w.strong is t]

    # Looking inside.

    def report(self, itself: Jitted, signature: Any) -> str:
        """What became of the loops that threads may share."""
        with locks.compiling:
            found = list(self.overloads.values())
            if signature is not None:
                found = [self._overload_for(itself, self._parsed(signature))]
        if not self.choices.options.parallel:
            return f"{self.function.__name__}: threads share loops with parallel=True only"
        texts = [
            f"{self.function.__name__}({', '.join(map(str, each.arguments))})\n{each.report}"
            for each in found
        ]
        return "\n\n".join(texts) or f"{self.function.__name__}: nothing has been compiled yet"

    def texts(self, itself: Jitted, stage: str, signature: Any) -> dict[Arguments, str]:
        """The text of a stage of compilation for ``signature``, or for all there are."""
        from kernelgen import overloads

        with locks.compiling:
            found = self.overloads
            if signature is not None:
                overload = self._overload_for(itself, self._parsed(signature))
                found = {overload.arguments: overload}
            return {
                types: overloads.stage_of(stage, self._request(itself, self._of(types)), overload)
                for types, overload in found.items()
            }

    def _of(self, types: Arguments) -> Declared:
        """The signature with these arguments."""
        known = (each for each in self.choices.signatures if each.arguments == types)
        return next(known, Declared(types))


Fits = Callable[[Scalar, Scalar], bool]


def _is(given: Scalar, declared: Scalar) -> bool:
    """Whether a number is of the declared type; a Python number is of its default type."""
    return given is declared or given.strong is declared


def _casts(given: Scalar, declared: Scalar) -> bool:
    """Whether a number casts safely, a Python number as one of its default type."""
    return can_cast_safely(given.strong, declared)


def _casts_by_kind(given: Scalar, declared: Scalar) -> bool:
    """Whether a number casts safely, a Python number to all types of its kind or a higher one."""
    if given.weak:
        return not declared.is_time and common_type(given, declared) is declared
    return can_cast_safely(given, declared)


def _fit(fits: Fits, given: Argument, declared: Argument) -> bool:
    """Whether the numbers in an argument fit a declared type, and all else is the same."""
    if isinstance(given, Group) and isinstance(declared, Group):
        same = len(given.elements) == len(declared.elements) and given.cls is declared.cls
        pairs = zip(given.elements, declared.elements, strict=False)
        return same and all(_fit(fits, g, d) for g, d in pairs)
    if isinstance(given, Scalar) and isinstance(declared, Scalar):
        return fits(given, declared)
    if isinstance(given, Array) and isinstance(declared, Array):
        return _is_such_an_array(given, declared)
    if isinstance(given, Element) and isinstance(declared, Element):
        return given == declared._replace(readonly=given.readonly and declared.readonly)
    return given == declared


def _is_such_an_array(given: Array, declared: Array) -> bool:
    """Whether an array is what a signature asks for, or of a stricter type."""
    same = given._replace(dtype=declared_type(given.dtype, declared.dtype))
    return same == declared._replace(
        layout=given.layout if declared.layout == "A" else declared.layout,
        readonly=given.readonly and declared.readonly,
    )


def _as_declared(value: Any, given: Argument, declared: Argument) -> Any:
    """An argument as the object that code for the declared type takes."""
    if isinstance(declared, Constant):
        return declared.value  # of equal strings the one that the code knows
    if isinstance(given, Group) and isinstance(declared, Group):
        elements = map(_as_declared, value, given.elements, declared.elements)
        return tuple.__new__(declared.cls, elements)
    if isinstance(declared, Scalar) and given is not declared:
        return declared.dtype.type(value)
    if isinstance(given, Array) and isinstance(declared, Array) and given.dtype != declared.dtype:
        return as_records(value, declared.dtype)
    return value


def make_jitted(function: FunctionType, choices: FunctionChoices) -> Jitted:
    """The object that is called in place of ``function``."""
    made: Any = NativeJitted()
    become(made, function, function, choices)
    jitted: Jitted = made
    return jitted


def become(
    made: Any, shown: FunctionType, function: FunctionType, choices: FunctionChoices
) -> None:
    """Let a new object of a native class run ``function``, and look like ``shown``."""
    from functools import update_wrapper

    update_wrapper(made, shown)
    made.py_func = shown
    made._dispatcher = Dispatcher(function, choices)
    made._dispatcher.compile_declared(made)
