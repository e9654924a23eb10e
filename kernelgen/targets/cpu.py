"""One CPU thread: the iteration is a counted loop."""

from __future__ import annotations

from kernelgen.lower import Lowered
from kernelgen.space import Layout, Operand
from kernelgen.types.table import Scalar

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

INDEPENDENT = "!2"
IN_ORDER = "!5"


def loop(label: str, kernel: Lowered, space: tuple[Operand, ...], *, mark: str) -> list[str]:
    """The text of a loop over ``%n`` elements; it leaves to ``done``, or to ``failed``.

    ``mark`` says what the optimiser may make of it. Strided operands keep running pointers,
    so that a stride needs no multiplication; a scalar one is loaded once.
    """
    group = ", !llvm.access.group !0" if mark == INDEPENDENT else ""
    inputs = [o for o in space if not o.output]
    once = [o for o in inputs if o.layout is Layout.SCALAR]
    each = [o for o in inputs if o.layout is not Layout.SCALAR]
    frame = Frame(label, kernel, mark)
    lines = frame.start([line for o in once for line in load(o, o.pointer, "", frame)])
    for o in space:
        lines += frame.advance(o)
    for o in each:
        lines += load(o, frame.address(o), group, frame)
    lines += frame.call([f"{o.type.llvm} {frame.value(o)}" for o in inputs])
    for k, o in enumerate(o for o in space if o.output):
        lines += store(o, f"%{label}.y{k}", frame.address(o), group)
    return lines + frame.end()


class Frame:
    """The skeleton of a counted loop: its blocks, its counter, its call of the kernel."""

    def __init__(self, label: str, kernel: Lowered, mark: str) -> None:
        self.label = label
        self.kernel = kernel
        self.mark = mark
        self.latch = f"{label}.next" if kernel.errors else f"{label}.body"

    def value(self, o: Operand) -> str:
        """The value of an input in this iteration."""
        return f"%{self.label}.x{o.number}"

    def address(self, o: Operand) -> str:
        """Where an operand's element of this iteration is."""
        return o.pointer if o.layout is Layout.SCALAR else f"%{self.label}.a{o.number}"

    def start(self, preheader: list[str]) -> list[str]:
        """From the loop's label to its counter; ``preheader`` runs once, if there are elements."""
        label = self.label
        return [
            f"{label}:",
            f"  %{label}.empty = icmp eq i64 %n, 0",
            f"  br i1 %{label}.empty, label %done, label %{label}.first",
            f"{label}.first:",
            *preheader,
            f"  br label %{label}.body",
            f"{label}.body:",
            self.phi(f"%{label}.i", "i64", "0", f"%{label}.i.next"),
        ]

    def phi(self, name: str, llvm: str, first: str, following: str) -> str:
        """A value that each iteration hands to the next."""
        return (
            f"  {name} = phi {llvm} [ {first}, %{self.label}.first ], "
            f"[ {following}, %{self.latch} ]"
        )

    def advance(self, o: Operand) -> list[str]:
        """The address of an operand's element, from the counter or from the one before."""
        name = self.address(o)
        if o.layout is Layout.DENSE:
            memory = o.type.memory
            counter = f"i64 %{self.label}.i"
            return [f"  {name} = getelementptr inbounds {memory}, ptr {o.pointer}, {counter}"]
        if o.layout is Layout.STRIDED:
            return [
                f"  {name}.offset = mul i64 %{self.label}.i, {o.stride}",
                f"  {name} = getelementptr i8, ptr {o.pointer}, i64 {name}.offset",
            ]
        return []

    def call(self, args: list[str]) -> list[str]:
        """Call the kernel, which LLVM inlines, and leave if it raised."""
        label, kernel = self.label, self.kernel
        result = f"%{label}.r"
        given = ", ".join([*args, *kernel.hidden])
        lines = [f"  {result} = call {kernel.result} @{kernel.name}({given})"]
        count = len(kernel.outputs)
        lines += [
            f"  %{label}.y{k} = extractvalue {kernel.result} {result}, {k}" for k in range(count)
        ]
        if kernel.errors:
            lines += [
                f"  %{label}.status = extractvalue {kernel.result} {result}, {count}",
                *(
                    f"  %{label}.w{k} = extractvalue {kernel.result} {result}, {count + 1 + k}"
                    for k in range(kernel.words)
                ),
                f"  %{label}.ok = icmp eq i32 %{label}.status, 0",
                f"  br i1 %{label}.ok, label %{self.latch}, label %failed",
                f"{self.latch}:",
            ]
        return lines

    def end(self, exit: str = "done") -> list[str]:
        """Count, and go round again."""
        label = self.label
        mark = f", !llvm.loop {self.mark}" if self.mark else ""
        return [
            f"  %{label}.i.next = add nuw i64 %{label}.i, 1",
            f"  %{label}.end = icmp eq i64 %{label}.i.next, %n",
            f"  br i1 %{label}.end, label %{exit}, label %{label}.body{mark}",
        ]


def load(o: Operand, address: str, group: str, frame: Frame) -> list[str]:
    """Load an input; any byte but zero is a true bool."""
    name = frame.value(o)
    if o.type.is_complex:
        return _load_parts(o.type, name, address, group)
    raw = f"{name}.byte" if o.type.is_bool else name
    size = o.type.size
    lines = [f"  {raw} = load {o.type.memory}, ptr {address}, align {size}{group}"]
    return lines + [f"  {name} = icmp ne i8 {raw}, 0"] * o.type.is_bool


def store(o: Operand, value: str, address: str, group: str = "") -> list[str]:
    """Store an output."""
    lines, stored = [], value
    if o.type.is_complex:
        return _store_parts(o.type, value, address, group)
    if o.type.is_bool:
        stored = f"{value}.byte"
        lines.append(f"  {stored} = zext i1 {value} to i8")
    size = o.type.size
    return [*lines, f"  store {o.type.memory} {stored}, ptr {address}, align {size}{group}"]


def _load_parts(t: Scalar, name: str, address: str, group: str) -> list[str]:
    """Load a complex number: LLVM vectorises loads of its parts, but not of a struct."""
    part, size = t.component.llvm, t.alignment
    return [
        f"  {name}.at = getelementptr i8, ptr {address}, i64 {size}",
        f"  {name}.re = load {part}, ptr {address}, align {size}{group}",
        f"  {name}.im = load {part}, ptr {name}.at, align {size}{group}",
        f"  {name}.half = insertvalue {t.llvm} undef, {part} {name}.re, 0",
        f"  {name} = insertvalue {t.llvm} {name}.half, {part} {name}.im, 1",
    ]


def _store_parts(t: Scalar, value: str, address: str, group: str) -> list[str]:
    part, size = t.component.llvm, t.alignment
    return [
        f"  {value}.re = extractvalue {t.llvm} {value}, 0",
        f"  {value}.im = extractvalue {t.llvm} {value}, 1",
        f"  {value}.at = getelementptr i8, ptr {address}, i64 {size}",
        f"  store {part} {value}.re, ptr {address}, align {size}{group}",
        f"  store {part} {value}.im, ptr {value}.at, align {size}{group}",
    ]
