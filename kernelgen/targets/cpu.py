"""One CPU thread: the iteration is a counted loop."""

from __future__ import annotations

from kernelgen.lower import Lowered
from kernelgen.space import Access, Operand

METADATA = (
    "!0 = distinct !{}",
    '!1 = !{!"llvm.loop.parallel_accesses", !0}',
    "!2 = distinct !{!2, !1}",
    '!3 = !{!"llvm.loop.vectorize.enable", i1 false}',
    '!4 = !{!"llvm.loop.unroll.disable"}',
    "!5 = distinct !{!5, !3, !4}",
)
"""Marks of loops: !2 where iterations are independent (of accesses in group !0), !5 where
vectorising or unrolling would only cost compile time."""


def loop(label: str, kernel: Lowered, space: tuple[Operand, ...], access: Access) -> list[str]:
    """The text of a loop over ``%n`` elements; it leaves to ``done``, or to ``failed``.

    Operands that are not contiguous keep running pointers, so that a stride needs no
    multiplication.
    """
    body = f"{label}.body"
    latch = f"{label}.next" if kernel.errors else body
    lines = [
        f"{label}:",
        f"  %{label}.empty = icmp eq i64 %n, 0",
        f"  br i1 %{label}.empty, label %done, label %{body}",
        f"{body}:",
        f"  %{label}.i = phi i64 [ 0, %{label} ], [ %{label}.i.next, %{latch} ]",
    ]
    lines += _addresses(label, latch, space, access)
    lines += _call(label, kernel, space, access)
    if kernel.errors:
        lines += [
            f"  %{label}.ok = icmp eq i32 %{label}.status, 0",
            f"  br i1 %{label}.ok, label %{latch}, label %failed",
            f"{latch}:",
        ]
    lines += _store(label, kernel, space, access)
    mark = "!2" if access.contiguous else "!5"
    lines += [
        f"  %{label}.i.next = add nuw i64 %{label}.i, 1",
        f"  %{label}.end = icmp eq i64 %{label}.i.next, %n",
        f"  br i1 %{label}.end, label %done, label %{body}, !llvm.loop {mark}",
    ]
    return lines


def _addresses(label: str, latch: str, space: tuple[Operand, ...], access: Access) -> list[str]:
    """Where each operand's element of this iteration is: phis first, as LLVM wants them."""
    if access.contiguous:
        return [
            f"  %{label}.a{o.number} = getelementptr inbounds {o.type.memory}, "
            f"ptr {o.pointer}, i64 %{label}.i"
            for o in space
        ]
    phis = [
        f"  %{label}.a{o.number} = phi ptr [ {o.pointer}, %{label} ], "
        f"[ %{label}.a{o.number}.next, %{latch} ]"
        for o in space
    ]
    steps = [
        f"  %{label}.a{o.number}.next = getelementptr i8, ptr %{label}.a{o.number}, i64 {o.stride}"
        for o in space
    ]
    return phis + steps


def _group(access: Access) -> str:
    return ", !llvm.access.group !0" if access.contiguous else ""


def _call(label: str, kernel: Lowered, space: tuple[Operand, ...], access: Access) -> list[str]:
    """Load the inputs and call the kernel, which LLVM inlines."""
    lines, args = [], []
    for o in [o for o in space if not o.output]:
        value = f"%{label}.x{o.number}"
        raw = f"{value}.byte" if o.type.is_bool else value
        lines.append(
            f"  {raw} = load {o.type.memory}, ptr %{label}.a{o.number}, "
            f"align {o.type.size}{_group(access)}"
        )
        if o.type.is_bool:
            lines.append(f"  {value} = icmp ne i8 {raw}, 0")
        args.append(f"{o.type.llvm} {value}")
    lines.append(f"  %{label}.r = call {kernel.result} @{kernel.name}({', '.join(args)})")
    if kernel.errors:
        lines.append(
            f"  %{label}.status = extractvalue {kernel.result} %{label}.r, {len(kernel.outputs)}"
        )
    return lines


def _store(label: str, kernel: Lowered, space: tuple[Operand, ...], access: Access) -> list[str]:
    """Store the outputs."""
    lines = []
    for k, o in enumerate(o for o in space if o.output):
        value = f"%{label}.y{k}"
        lines.append(f"  {value} = extractvalue {kernel.result} %{label}.r, {k}")
        stored = value
        if o.type.is_bool:
            stored = f"{value}.byte"
            lines.append(f"  {stored} = zext i1 {value} to i8")
        lines.append(
            f"  store {o.type.memory} {stored}, ptr %{label}.a{o.number}, "
            f"align {o.type.size}{_group(access)}"
        )
    return lines
