"""The LLVM text around a loop that threads share: what hands it over, and what runs some of it.

What the loop needs stands in a struct in the frame of who starts it. Iterations begin in order, and
those in front of one that raises are gone through to their end, so the exception that counts is
the one of the first iteration that raises: the one that a loop on one thread would raise.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelgen import cost, sharing
from kernelgen.ir.core import Function
from kernelgen.llvm_text import Emitter

_LOCK, _FIRST, _STATUS, _WORDS = range(4)
"""The members of the struct in front of what the loop is given: a lock, the number of the
iteration behind the first exception so far, its status, and its words."""

_NONE_YET = (1 << 63) - 1

_RAISED = -1
"""The status if an exception of Python is set already, as by Ctrl-C."""


class ParallelFor:
    """A loop's function, by its symbol; its exceptions have ``words`` words at most."""

    def __init__(self, function: Function, symbol: str, words: int) -> None:
        self.function = function
        self.loop = symbol
        self.symbol = f"{symbol}.run"
        self.struct = f"%{symbol}.given"
        self.words = words

    def text(self, result: str, types: Sequence[str], attribute: str, schedule: str) -> str:
        """The struct, what the pool knows of the loop, and the function that the pool calls.

        ``result`` is the LLVM type that the loop's function returns.
        """
        time = cost.of_iteration(self.function)
        known = time is not None
        nanoseconds = sharing.UNKNOWN if time is None else time
        members = ["i64", "i64", "i64", f"[{max(self.words, 1)} x i64]", *types]
        static = int(schedule == "static")
        words = f"double {nanoseconds:e}, i64 {int(known)}, i64 {static}, [3 x i64] zeroinitializer"
        lines = [
            f"{self.struct} = type {{ {', '.join(members)} }}",
            f"@{self.loop}.words = internal global {{ double, i64, i64, [3 x i64] }} {{ {words} }}",
            f"define internal i32 @{self.symbol}(ptr %given, i64 %first, i64 %end) {attribute} {{",
            "entry:",
        ]
        values = []
        for i, t in enumerate(types):
            lines.append(f"  %at{i} = {self._member('%given', _WORDS + 1 + i)}")
            lines.append(f"  %in{i} = load {t}, ptr %at{i}")
            values.append(f"{t} %in{i}")
        given = ", ".join([*values, "i64 %start", "i64 %end"])
        # What LLVM does not know to be no negative index, it computes the wrapped one of.
        lines.append(f"  %start = and i64 %first, {(1 << 63) - 1}")
        return "\n".join([*lines, *self._run(result, given), "}"])

    def _member(self, struct: str, index: int) -> str:
        return f"getelementptr {self.struct}, ptr {struct}, i64 0, i32 {index}"

    def _run(self, result: str, given: str) -> list[str]:
        lines = [
            f"  %made = call {result} @{self.loop}({given})",
            f"  %status = extractvalue {result} %made, 0",
            "  %good = icmp eq i32 %status, 0",
            "  br i1 %good, label %done, label %wait",
            "wait:",
            f"  %lock = {self._member('%given', _LOCK)}",
            "  %taken = atomicrmw xchg ptr %lock, i64 1 acquire",
            "  %free = icmp eq i64 %taken, 0",
            "  br i1 %free, label %look, label %wait",
            "look:",
            f"  %first.at = {self._member('%given', _FIRST)}",
            "  %known = load i64, ptr %first.at",
            "  %earlier = icmp slt i64 %first, %known",
            "  br i1 %earlier, label %keep, label %leave",
            "keep:",
            "  store i64 %first, ptr %first.at",
            f"  %status.at = {self._member('%given', _STATUS)}",
            "  %status.kept = sext i32 %status to i64",
            "  store i64 %status.kept, ptr %status.at",
            f"  %words.at = {self._member('%given', _WORDS)}",
        ]
        for i in range(self.words):
            lines += [
                f"  %word{i} = extractvalue {result} %made, {1 + i}",
                f"  %word{i}.at = getelementptr i64, ptr %words.at, i64 {i}",
                f"  store i64 %word{i}, ptr %word{i}.at",
            ]
        return [
            *lines,
            "  br label %leave",
            "leave:",
            "  store atomic i64 0, ptr %lock release, align 8",
            "  ret i32 -1",
            "done:",
            "  ret i32 0",
        ]

    def call(
        self, e: Emitter, given: Sequence[tuple[str, str]], count: str
    ) -> tuple[str, str, list[str]]:
        """Write what hands the loop to the pool; whether it failed, its status, and the words."""
        e.declarations[sharing.SHARE] = sharing.DECLARED[sharing.SHARE]
        place = f"%{self.loop}.here"
        e.frame.append(f"  {place} = alloca {self.struct}")
        before = [("i64", "0"), ("i64", str(_NONE_YET)), ("i64", "0")]
        numbered = [*enumerate(before), *enumerate(given, _WORDS + 1)]
        for i, (t, value) in numbered:
            e.lines.append(f"  store {t} {value}, ptr {e(self._member(place, i))}")
        arguments = f"ptr @{self.loop}.words, ptr @{self.symbol}, ptr {place}, i64 {count}"
        failed = e(f"icmp ne i32 {e(f'call i32 @{sharing.SHARE}({arguments})')}, 0")
        kept = e(f"load i64, ptr {e(self._member(place, _STATUS))}")
        other = e(f"icmp eq i64 {kept}, 0")
        status = e(f"select i1 {other}, i32 {_RAISED}, i32 {e(f'trunc i64 {kept} to i32')}")
        words, at = [], e(self._member(place, _WORDS))
        for i in range(self.words):
            words.append(e(f"load i64, ptr {e(f'getelementptr i64, ptr {at}, i64 {i}')}"))
        return failed, status, words
