"""The errors that users meet: what is wrong, where, and what to write instead."""

from __future__ import annotations

from kernelgen.source import Loc, excerpt


class KernelgenError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message : str
        One sentence that says what is wrong.
    loc : Loc, optional
        The user's code that it is about.
    hint : str, optional
        What to write instead.
    """

    def __init__(self, message: str, loc: Loc | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.loc = loc
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.message]
        if self.loc is not None:
            parts.append(excerpt(self.loc))
        if self.hint is not None:
            parts.append(f"  hint: {self.hint}")
        return "\n".join(parts)


class UnsupportedError(KernelgenError):
    """The kernel uses Python that cannot become scalar machine code."""


class TypingError(KernelgenError, TypeError):
    """An operation of the kernel does not exist for the types it would be given."""


class SignatureError(KernelgenError, ValueError):
    """A signature that cannot be read, or that does not fit its kernel."""


class InternalError(KernelgenError):
    """A defect of kernelgen itself. Please report it with the kernel that caused it."""
