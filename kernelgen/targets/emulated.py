"""A grid of CUDA threads on a processor: what surrounds the code of one thread.

An entry is ``void entry(context)``, which runs a block: one thread after the other, in a loop.
Where threads wait for each other, it is ``ptr entry(context)``, which starts one thread as a
coroutine and returns its handle, or null where there is no memory left for it; the block is run by
`runtime/emulator_code.py`. (LLVM, "Coroutines in LLVM", switched-resume lowering.)

The *context* is memory that stands for what a GPU has in registers. There is one for each block
that is being run. It says which thread runs, so it changes with every switch to another one.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelgen.lower import WAITS, Lowered

CONTEXT = "%context"

AT = {
    "tid": 0, "thread": 12, "ctaid": 16, "ntid": 32, "threads": 44, "nctaid": 48,
    "why": 60, "mask": 64, "site": 68, "given": 72, "shared": 80, "dynamic": 88,
    "dynamic_bytes": 96, "taken": 104, "parameters": 112, "errors": 120, "table": 128,
    "words": 136, "shadow": 144, "epoch": 152, "bytes": 160, "block": 168,
}  # fmt: skip
"""Where in a context its members are: three words for x, y, z of the place of the thread, of the
block, and of their numbers; the thread's number in its block; why it waits, with whom, where in the
source, and what it hands over; the block's memory; what the thread's warp has handed over, 0 from
threads that there are not; the launch's parameters; the block for exceptions; and what
`runtime/emulator_code.py` keeps there."""

SIZE = 176
"""Bytes of a context."""

BARRIER, WARP, EXCHANGE = 1, 2, 3
"""Why a thread waits: for its block, for threads of its warp, or for what these hand over, which
does not say that what they have written can be read."""

TOUCHED = "kernelgen_touched"
"""``void touched(context, address, bytes, access, site)`` looks at an access to shared memory."""

ACCESSES = ("read", "write", "atomic")

_AXES = {"x": 0, "y": 4, "z": 8}


class Parameter(NamedTuple):
    """A parameter of an entry.

    ``by_value`` is the LLVM type of a struct that a launch hands over as it is; the parameter is
    its address. ``alignment`` is what an address is known to be a multiple of.
    """

    llvm: str
    name: str
    by_value: str = ""
    alignment: int = 0

    @property
    def text(self) -> str:
        """As LLVM writes it."""
        value = f" byval({self.by_value})" if self.by_value else ""
        aligned = f" align {self.alignment}" if self.alignment else ""
        return f"{self.llvm}{value}{aligned} {self.name}"


def register_place(name: str) -> int:
    """Where a register stands in the context, by PTX's name."""
    kind, _, axis = name.partition(".")
    return AT[kind] + _AXES[axis]


class Emulated:
    """How entries are written for a processor.

    Parameters
    ----------
    llvm : int
        The version of LLVM that reads them.
    """

    def __init__(self, llvm: int) -> None:
        self._ends = "void" if llvm >= 22 else "i1"
        self.declarations: tuple[str, ...] = (
            "declare token @llvm.coro.id(i32, ptr, ptr, ptr)",
            "declare i64 @llvm.coro.size.i64()",
            "declare ptr @llvm.coro.begin(token, ptr)",
            f"declare {self._ends} @llvm.coro.end(ptr, i1, token)",
            "declare ptr @malloc(i64)",
        )

    metadata: tuple[str, ...] = ()

    def entry(
        self, symbol: str, kernel: Lowered, parameters: list[Parameter], body: list[str]
    ) -> list[str]:
        """An entry of a kernel.

        Parameters
        ----------
        symbol : str
            Its name.
        kernel : Lowered
            What it calls.
        parameters : list of Parameter
            What a launch hands over.
        body : list of str
            What one thread does, from the block ``entry`` on. It leaves to the block ``done``; from
            a call that waits it leaves to ``waits``.
        """
        if kernel.waits:
            return self._coroutine(symbol, parameters, body)
        given = ", ".join([f"ptr {CONTEXT}", *(f"{p.llvm} {p.name}" for p in parameters)])
        return [
            f"define internal void @{symbol}.thread({given}) alwaysinline {{",
            "entry:",
            *body,
            "done:",
            "  ret void",
            "}",
            f"define void @{symbol}(ptr {CONTEXT}) {{",
            "entry:",
            *_load_parameters(parameters),
            *_each_thread(f"  call void @{symbol}.thread({given})"),
            "  ret void",
            "}",
        ]

    def _coroutine(self, symbol: str, parameters: list[Parameter], body: list[str]) -> list[str]:
        ends = self._ends
        result = "" if ends == "void" else "%ended = "
        return [
            f"define ptr @{symbol}(ptr {CONTEXT}) presplitcoroutine {{",
            "begin:",
            "  %id = call token @llvm.coro.id(i32 16, ptr null, ptr null, ptr null)",
            "  %size = call i64 @llvm.coro.size.i64()",
            "  %memory = call ptr @malloc(i64 %size)",
            "  %lacks = icmp eq ptr %memory, null",
            "  br i1 %lacks, label %poor, label %made",
            "poor:",
            "  ret ptr null",
            "made:",
            "  %handle = call noalias ptr @llvm.coro.begin(token %id, ptr %memory)",
            *_load_parameters(parameters),
            "  br label %entry",
            "entry:",
            *body,
            "done:",
            "  %last = call i8 @llvm.coro.suspend(token none, i1 true)",
            "  switch i8 %last, label %waits [ i8 0, label %never i8 1, label %never ]",
            "never:",
            "  unreachable",
            "waits:",
            f"  {result}call {ends} @llvm.coro.end(ptr %handle, i1 false, token none)",
            "  ret ptr %handle",
            "}",
        ]


def leave_if_waits(kernel: Lowered, status: str) -> list[str]:
    """Behind the call of a kernel: leave if it is suspended."""
    if not kernel.waits:
        return []
    return [
        f"  %is.waiting = icmp eq i32 {status}, {WAITS}",
        "  br i1 %is.waiting, label %waits, label %went",
        "went:",
    ]


def _load_parameters(parameters: list[Parameter]) -> list[str]:
    """Load the parameters of a launch, whose addresses stand in a table, as drivers take them."""
    lines = [
        f"  %parameters.at = getelementptr i8, ptr {CONTEXT}, i64 {AT['parameters']}",
        "  %parameters = load ptr, ptr %parameters.at",
    ]
    for i, each in enumerate(parameters):
        place = each.name if each.by_value else f"{each.name}.place"
        lines += [
            f"  {each.name}.entry = getelementptr ptr, ptr %parameters, i64 {i}",
            f"  {place} = load ptr, ptr {each.name}.entry",
        ]
        if not each.by_value:
            lines.append(f"  {each.name} = load {each.llvm}, ptr {place}")
    return lines


def _each_thread(call: str) -> list[str]:
    """A loop over the threads of a block, which says in the context which one it is."""
    lines = []
    for axis, place in _AXES.items():
        lines += [
            f"  %length.{axis}.at = getelementptr i8, ptr {CONTEXT}, i64 {AT['ntid'] + place}",
            f"  %length.{axis} = load i32, ptr %length.{axis}.at",
            f"  %place.{axis}.at = getelementptr i8, ptr {CONTEXT}, i64 {AT['tid'] + place}",
        ]
    lines.append(f"  %thread.at = getelementptr i8, ptr {CONTEXT}, i64 {AT['thread']}")
    lines += ["  br label %loop.z", "loop.z:"]
    lines += [
        "  %z = phi i32 [ 0, %entry ], [ %z.next, %end.z ]",
        "  store i32 %z, ptr %place.z.at",
    ]
    lines += ["  br label %loop.y", "loop.y:"]
    lines += [
        "  %y = phi i32 [ 0, %loop.z ], [ %y.next, %end.y ]",
        "  store i32 %y, ptr %place.y.at",
    ]
    lines += [
        "  %rows = mul i32 %z, %length.y",
        "  %row = add i32 %rows, %y",
        "  %before = mul i32 %row, %length.x",
        "  br label %loop.x",
        "loop.x:",
        "  %x = phi i32 [ 0, %loop.y ], [ %x.next, %loop.x ]",
        "  store i32 %x, ptr %place.x.at",
        "  %thread = add i32 %before, %x",
        "  store i32 %thread, ptr %thread.at",
        call,
        "  %x.next = add nuw i32 %x, 1",
        "  %x.more = icmp ult i32 %x.next, %length.x",
        "  br i1 %x.more, label %loop.x, label %end.y",
    ]
    for axis, outer in (("y", "loop.y"), ("z", "loop.z")):
        after = "end.z" if axis == "y" else "finished"
        lines += [
            f"end.{axis}:",
            f"  %{axis}.next = add nuw i32 %{axis}, 1",
            f"  %{axis}.more = icmp ult i32 %{axis}.next, %length.{axis}",
            f"  br i1 %{axis}.more, label %{outer}, label %{after}",
        ]
    return [*lines, "finished:"]
