"""Several CPU threads: a loop for NumPy that hands chunks of its elements to the pool.

Behind each loop that may be shared stands the loop of one thread, which runs a chunk as it would
run a call of fewer elements. Calls that are too small go to it whole, and so do calls whose
elements depend on each other: reductions, accumulations, operands that overlap.

How long an element takes is estimated beforehand. Calls of one thread that are not too short to be
timed correct that, within limits, and so do long ones of several; where a call took much longer
than expected, as it may have lost its processor, only twice as much is believed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

SYMBOL = "kernelgen_parallel_loop"

DESCRIPTOR = "kernelgen_descriptor"
"""What a loop is linked with: the words that say what it shares, and how."""

CHUNK, WORTH, LONG, TIMED = 4_000, 10_000, 1_000_000, 2_000
"""Nanoseconds: what a chunk takes at least; what a call takes that is shared; one that is shared
whatever came of earlier ones. What is expected to take less than the last is not timed, which takes
some 50."""

PATIENCE = 20_000_000
"""Nanoseconds that a chunk takes at most, if it can: a call is interrupted between chunks."""

_LEAST, _MOST = 0.05, 100
"""How much less or more time than estimated an element may be found to take."""

CHUNKS_PER_THREAD = 32
"""So many even out elements that take different times."""

LINE = 64
"""Chunks begin at multiples of so many elements, where lines of the cache begin, if they have that
many, or if vectors must begin where they do in a call of one thread."""


DEPTHS = 4
"""How deep loops over core dimensions are told apart: in none, one, two, three."""


class Words(ctypes.Structure):
    """What a loop is linked with, as it stands in memory.

    Attributes
    ----------
    pool, loop : int
        The addresses of the pool, and of the loop of one thread.
    outputs, nargs : int
        The number of the first operand that must not overlap others, and how many there are.
    dims : int
        How many core dimensions there are.
    least : int
        How many elements a chunk has at least.
    memory : array of int
        What the pool remembers of calls that were shared.
    times : array of float
        The nanoseconds that an element takes in no loop, in loops over a core dimension, in loops
        over two, and over three.
    scale : float
        What these are to be multiplied with, as calls have shown.
    sizes : array of int
        The bytes of an element of each operand.
    """

    _fields_ = (
        ("pool", ctypes.c_void_p),
        ("loop", ctypes.c_void_p),
        ("outputs", ctypes.c_int64),
        ("nargs", ctypes.c_int64),
        ("dims", ctypes.c_int64),
        ("least", ctypes.c_int64),
        ("memory", ctypes.c_int64 * 3),
        ("times", ctypes.c_double * DEPTHS),
        ("scale", ctypes.c_double),
        ("sizes", ctypes.c_int64 * 64),
    )


def words(pool: int, loop: int, operands: Sharing) -> Words:
    """The words of a loop of one thread."""
    return Words(
        pool,
        loop,
        operands.outputs,
        len(operands.sizes),
        operands.dims,
        1 if operands.exact else LINE,
        (ctypes.c_int64 * 3)(),
        (ctypes.c_double * DEPTHS)(*operands.times),
        1.0,
        (ctypes.c_int64 * 64)(*operands.sizes),
    )


class Sharing(NamedTuple):
    """How calls of a loop may be shared.

    Attributes
    ----------
    sizes : sequence of int
        The bytes of an element of each operand.
    outputs : int
        The number of the first operand that a call writes to and that may overlap others: of
        generalized ufuncs none may, as their operands are copied.
    dims : int
        How many core dimensions there are.
    times : sequence of float
        The nanoseconds that an element takes, as `cost.of_slice` has them.
    exact : bool
        Whether an element is computed the same way wherever a chunk begins: vector functions,
        which the last few elements of a loop do not go through, may differ from libm's.
    """

    sizes: Sequence[int]
    outputs: int
    dims: int
    times: Sequence[float]
    exact: bool


class Limits(ctypes.Structure):
    """What is shared, in nanoseconds, as it stands in memory: `CHUNK` and so on, at the time."""

    _fields_ = (
        ("chunk", ctypes.c_double),
        ("worth", ctypes.c_double),
        ("long", ctypes.c_double),
        ("timed", ctypes.c_double),
    )


limits = Limits(CHUNK, WORTH, LONG, TIMED)

AT = {name: getattr(Limits, name).offset for name in ("chunk", "worth", "long", "timed")}
"""Where in them each stands."""


class Symbols(NamedTuple):
    """The symbols of the pool's functions.

    Attributes
    ----------
    launch, now, worth, note : str
        What runs chunks; the clock; whether it is worth to share a call; and what remembers
        whether it was.
    room : int
        Where in the pool it stands how many workers may join.
    """

    launch: str
    now: str
    worth: str
    note: str
    room: int


def module(pool: Symbols) -> str:
    """The LLVM text of the loop."""
    offsets = {name: getattr(Words, name).offset for name, _ in Words._fields_}
    return _SOURCE.format(
        symbol=SYMBOL,
        descriptor=DESCRIPTOR,
        **pool._asdict(),
        chunk_limit=AT["chunk"],
        worth_limit=AT["worth"],
        long_limit=AT["long"],
        pieces=CHUNKS_PER_THREAD,
        line=LINE,
        depths=DEPTHS,
        rest=LINE - 1,
        timed=float(TIMED),
        patience=float(PATIENCE),
        lowest=_LEAST,
        highest=float(_MOST),
        **offsets,
    )


_SOURCE = """
@{descriptor} = external global i64
@limits = external global i8
declare i1 @{worth}(ptr, ptr, double)
declare void @{note}(ptr, i64, double)
declare i32 @{launch}(ptr, ptr, ptr, i64)
declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @{now}()
declare double @llvm.minnum.f64(double, double)
declare double @llvm.maxnum.f64(double, double)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

; What chunks are told: context, data, dimensions, strides, the number of elements of a chunk; and
; the nanoseconds that they have taken.
%call = type {{ ptr, ptr, ptr, ptr, i64, i64 }}

; The lower end of an operand, and the number of bytes from there to behind the last element.
define internal {{ i64, i64 }} @extent(i64 %p, i64 %stride, i64 %n, i64 %size) alwaysinline {{
  %last = sub i64 %n, 1
  %way = mul i64 %last, %stride
  %back = icmp slt i64 %way, 0
  %forth = sub i64 0, %way
  %length = select i1 %back, i64 %forth, i64 %way
  %below = add i64 %p, %way
  %low = select i1 %back, i64 %below, i64 %p
  %bytes = add i64 %length, %size
  %a = insertvalue {{ i64, i64 }} poison, i64 %low, 0
  %b = insertvalue {{ i64, i64 }} %a, i64 %bytes, 1
  ret {{ i64, i64 }} %b
}}

; Whether elements may be computed in any order: no output is one element, or overlaps another
; operand, unless it takes the place of an input.
define internal i1 @independent(ptr %data, i64 %n, ptr %strides) {{
entry:
  %outputs.at = getelementptr i8, ptr @{descriptor}, i64 {outputs}
  %outputs = load i64, ptr %outputs.at
  %nargs.at = getelementptr i8, ptr @{descriptor}, i64 {nargs}
  %nargs = load i64, ptr %nargs.at
  %sizes = getelementptr i8, ptr @{descriptor}, i64 {sizes}
  br label %each
each:
  %i = phi i64 [ %outputs, %entry ], [ %i.next, %next ]
  %i.more = icmp ult i64 %i, %nargs
  br i1 %i.more, label %output, label %yes
output:
  %p.at = getelementptr i64, ptr %data, i64 %i
  %p = load i64, ptr %p.at
  %stride.at = getelementptr i64, ptr %strides, i64 %i
  %stride = load i64, ptr %stride.at
  %size.at = getelementptr i64, ptr %sizes, i64 %i
  %size = load i64, ptr %size.at
  %p.extent = call {{ i64, i64 }} @extent(i64 %p, i64 %stride, i64 %n, i64 %size)
  %p.low = extractvalue {{ i64, i64 }} %p.extent, 0
  %p.bytes = extractvalue {{ i64, i64 }} %p.extent, 1
  %still = icmp eq i64 %stride, 0
  br i1 %still, label %no, label %other
other:
  %k = phi i64 [ 0, %output ], [ %k.next, %apart ]
  %k.more = icmp ult i64 %k, %nargs
  br i1 %k.more, label %compare, label %next
compare:
  %q.at = getelementptr i64, ptr %data, i64 %k
  %q = load i64, ptr %q.at
  %q.stride.at = getelementptr i64, ptr %strides, i64 %k
  %q.stride = load i64, ptr %q.stride.at
  %q.size.at = getelementptr i64, ptr %sizes, i64 %k
  %q.size = load i64, ptr %q.size.at
  %q.extent = call {{ i64, i64 }} @extent(i64 %q, i64 %q.stride, i64 %n, i64 %q.size)
  %q.low = extractvalue {{ i64, i64 }} %q.extent, 0
  %q.bytes = extractvalue {{ i64, i64 }} %q.extent, 1
  %ahead = sub i64 %p.low, %q.low
  %behind = sub i64 %q.low, %p.low
  %p.clear = icmp uge i64 %ahead, %q.bytes
  %q.clear = icmp uge i64 %behind, %p.bytes
  %clear = and i1 %p.clear, %q.clear
  %itself = icmp eq i64 %i, %k
  %input = icmp ult i64 %k, %outputs
  %place = icmp eq i64 %p, %q
  %step = icmp eq i64 %stride, %q.stride
  %fits = icmp ule i64 %q.size, %size
  %a = and i1 %input, %place
  %b = and i1 %step, %fits
  %in.place = and i1 %a, %b
  %c = or i1 %clear, %itself
  %good = or i1 %c, %in.place
  br i1 %good, label %apart, label %no
apart:
  %k.next = add i64 %k, 1
  br label %other
next:
  %i.next = add i64 %i, 1
  br label %each
yes:
  ret i1 true
no:
  ret i1 false
}}

; Run the loop of one thread, and count how long it takes.
define internal i32 @timed(ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %total) {{
  %loop.at = getelementptr i8, ptr @{descriptor}, i64 {loop}
  %loop = load ptr, ptr %loop.at
  %begun = call i64 @{now}()
  %status = call i32 %loop(ptr %context, ptr %data, ptr %dims, ptr %strides, ptr null)
  %ended = call i64 @{now}()
  %taken = sub i64 %ended, %begun
  %before = atomicrmw add ptr %total, i64 %taken monotonic
  ret i32 %status
}}

; Learn from a call that was expected to take so many nanoseconds.
define internal void @learn(ptr %total, double %expected) {{
  %taken = load atomic i64, ptr %total monotonic, align 8
  %taken.float = sitofp i64 %taken to double
  %ratio = fdiv double %taken.float, %expected
  %scale.at = getelementptr i8, ptr @{descriptor}, i64 {scale}
  %scale = load atomic double, ptr %scale.at monotonic, align 8
  %found = fmul double %scale, %ratio
  %low = call double @llvm.maxnum.f64(double %found, double {lowest})
  %bound = call double @llvm.minnum.f64(double %low, double {highest})
  %twice = fmul double %scale, 2.0
  %next = call double @llvm.minnum.f64(double %bound, double %twice)
  store atomic double %next, ptr %scale.at monotonic, align 8
  ret void
}}

define internal i32 @chunk(ptr %call, i64 %number) {{
entry:
  %context = load ptr, ptr %call
  %data.at = getelementptr %call, ptr %call, i64 0, i32 1
  %data = load ptr, ptr %data.at
  %dims.at = getelementptr %call, ptr %call, i64 0, i32 2
  %dims = load ptr, ptr %dims.at
  %n = load i64, ptr %dims
  %strides.at = getelementptr %call, ptr %call, i64 0, i32 3
  %strides = load ptr, ptr %strides.at
  %length.at = getelementptr %call, ptr %call, i64 0, i32 4
  %length = load i64, ptr %length.at
  %first = mul i64 %number, %length
  %left = sub i64 %n, %first
  %count = call i64 @llvm.umin.i64(i64 %left, i64 %length)
  %nargs.at = getelementptr i8, ptr @{descriptor}, i64 {nargs}
  %nargs = load i64, ptr %nargs.at
  %own = alloca ptr, i64 %nargs
  %count.at = getelementptr i8, ptr @{descriptor}, i64 {dims}
  %cores = load i64, ptr %count.at
  %ndims = add i64 %cores, 1
  %own.dims = alloca i64, i64 %ndims
  %bytes = mul i64 %ndims, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %own.dims, ptr %dims, i64 %bytes, i1 false)
  store i64 %count, ptr %own.dims
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i.next, %move ]
  %more = icmp ult i64 %i, %nargs
  br i1 %more, label %move, label %run
move:
  %p.at = getelementptr ptr, ptr %data, i64 %i
  %p = load ptr, ptr %p.at
  %stride.at = getelementptr i64, ptr %strides, i64 %i
  %stride = load i64, ptr %stride.at
  %offset = mul i64 %first, %stride
  %moved = getelementptr i8, ptr %p, i64 %offset
  %own.at = getelementptr ptr, ptr %own, i64 %i
  store ptr %moved, ptr %own.at
  %i.next = add i64 %i, 1
  br label %each
run:
  %total = getelementptr %call, ptr %call, i64 0, i32 5
  %status = call i32 @timed(ptr %context, ptr %own, ptr %own.dims, ptr %strides, ptr %total)
  ret i32 %status
}}

; The nanoseconds that an element takes. Loops one in another are taken to be over the longest core
; dimension, but not over more elements than all core dimensions span: over one more, over the
; longest again.
define internal double @time(ptr %dims) {{
entry:
  %first = getelementptr i8, ptr @{descriptor}, i64 {times}
  %alone = load double, ptr %first
  %count.at = getelementptr i8, ptr @{descriptor}, i64 {dims}
  %count = load i64, ptr %count.at
  br label %core
core:
  %k = phi i64 [ 1, %entry ], [ %k.next, %next ]
  %longest = phi double [ 0.0, %entry ], [ %longest.next, %next ]
  %all = phi double [ 1.0, %entry ], [ %all.next, %next ]
  %k.more = icmp ule i64 %k, %count
  br i1 %k.more, label %next, label %depths
next:
  %size.at = getelementptr i64, ptr %dims, i64 %k
  %size.int = load i64, ptr %size.at
  %size = sitofp i64 %size.int to double
  %longest.next = call double @llvm.maxnum.f64(double %longest, double %size)
  %all.next = fmul double %all, %size
  %k.next = add i64 %k, 1
  br label %core
depths:
  %d = phi i64 [ 1, %core ], [ %d.next, %depth ]
  %sum = phi double [ %alone, %core ], [ %sum.next, %depth ]
  %rounds = phi double [ 1.0, %core ], [ %rounds.next, %depth ]
  %most = phi double [ %all, %core ], [ %most.next, %depth ]
  %d.more = icmp ult i64 %d, {depths}
  br i1 %d.more, label %depth, label %done
depth:
  %rounds.next = fmul double %rounds, %longest
  %beyond = icmp ugt i64 %d, %count
  %factor = select i1 %beyond, double %longest, double 1.0
  %most.next = fmul double %most, %factor
  %taken = call double @llvm.minnum.f64(double %rounds.next, double %most.next)
  %time.at = getelementptr double, ptr %first, i64 %d
  %time = load double, ptr %time.at
  %part = fmul double %time, %taken
  %sum.next = fadd double %sum, %part
  %d.next = add i64 %d, 1
  br label %depths
done:
  %scale.at = getelementptr i8, ptr @{descriptor}, i64 {scale}
  %scale = load atomic double, ptr %scale.at monotonic, align 8
  %scaled = fmul double %sum, %scale
  ret double %scaled
}}

define i32 @{symbol}(ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %aux) {{
entry:
  %call = alloca %call
  %total = getelementptr %call, ptr %call, i64 0, i32 5
  store i64 0, ptr %total
  %n = load i64, ptr %dims
  %time = call double @time(ptr %dims)
  %n.float = sitofp i64 %n to double
  %whole.time = fmul double %time, %n.float
  %worth.at = getelementptr i8, ptr @limits, i64 {worth_limit}
  %least.time = load double, ptr %worth.at
  %enough = fcmp oge double %whole.time, %least.time
  %several = icmp sgt i64 %n, 1
  %asks = and i1 %enough, %several
  br i1 %asks, label %look, label %alone
look:
  %free = call i1 @independent(ptr %data, i64 %n, ptr %strides)
  br i1 %free, label %ask, label %alone
ask:
  %pool.at = getelementptr i8, ptr @{descriptor}, i64 {pool}
  %pool = load ptr, ptr %pool.at
  %memory = getelementptr i8, ptr @{descriptor}, i64 {memory}
  %pays = call i1 @{worth}(ptr %pool, ptr %memory, double %whole.time)
  br i1 %pays, label %share, label %alone
share:
  %room.at = getelementptr i8, ptr %pool, i64 {room}
  %room = load atomic i64, ptr %room.at monotonic, align 8
  %threads = add i64 %room, 1
  %pieces = mul i64 %threads, {pieces}
  %even = udiv i64 %n, %pieces
  %chunk.at = getelementptr i8, ptr @limits, i64 {chunk_limit}
  %chunk = load double, ptr %chunk.at
  %grain.float = fdiv double %chunk, %time
  %grain.most = call double @llvm.minnum.f64(double %grain.float, double %n.float)
  %grain.int = fptosi double %grain.most to i64
  %least.at = getelementptr i8, ptr @{descriptor}, i64 {least}
  %fewest = load i64, ptr %least.at
  %grain = call i64 @llvm.umax.i64(i64 %grain.int, i64 %fewest)
  %fair = call i64 @llvm.umax.i64(i64 %even, i64 %grain)
  %patient.float = fdiv double {patience}, %time
  %patient.most = call double @llvm.minnum.f64(double %patient.float, double %n.float)
  %patient.int = fptosi double %patient.most to i64
  %patient = call i64 @llvm.umax.i64(i64 %patient.int, i64 %grain)
  %least = call i64 @llvm.umin.i64(i64 %fair, i64 %patient)
  %more = add i64 %least, {rest}
  %rounded = and i64 %more, -{line}
  %lines = icmp uge i64 %least, {line}
  %length = select i1 %lines, i64 %rounded, i64 %least
  %whole = add i64 %n, %length
  %up = sub i64 %whole, 1
  %chunks = udiv i64 %up, %length
  store ptr %context, ptr %call
  %data.at = getelementptr %call, ptr %call, i64 0, i32 1
  store ptr %data, ptr %data.at
  %dims.at = getelementptr %call, ptr %call, i64 0, i32 2
  store ptr %dims, ptr %dims.at
  %strides.at = getelementptr %call, ptr %call, i64 0, i32 3
  store ptr %strides, ptr %strides.at
  %length.at = getelementptr %call, ptr %call, i64 0, i32 4
  store i64 %length, ptr %length.at
  %begun = call i64 @{now}()
  %status = call i32 @{launch}(ptr %pool, ptr @chunk, ptr %call, i64 %chunks)
  %fine = icmp eq i32 %status, 0
  br i1 %fine, label %note, label %failed
note:
  %ended = call i64 @{now}()
  %wall = sub i64 %ended, %begun
  call void @{note}(ptr %memory, i64 %wall, double %whole.time)
  %long.at = getelementptr i8, ptr @limits, i64 {long_limit}
  %long.time = load double, ptr %long.at
  %is.long = fcmp oge double %whole.time, %long.time
  br i1 %is.long, label %learn, label %done
learn:
  call void @learn(ptr %total, double %whole.time)
  br label %done
done:
  ret i32 0
failed:
  ret i32 %status
alone:
  %long = fcmp oge double %whole.time, {timed}
  br i1 %long, label %look.alone, label %plain
look.alone:
  %status.timed = call i32 @timed(ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %total)
  %fine.alone = icmp eq i32 %status.timed, 0
  br i1 %fine.alone, label %learn, label %failed.alone
failed.alone:
  ret i32 %status.timed
plain:
  %loop.at = getelementptr i8, ptr @{descriptor}, i64 {loop}
  %loop = load ptr, ptr %loop.at
  %status.alone = tail call i32 %loop(ptr %context, ptr %data, ptr %dims, ptr %strides, ptr %aux)
  ret i32 %status.alone
}}
"""
