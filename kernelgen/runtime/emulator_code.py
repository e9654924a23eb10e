"""How blocks of an emulated grid are run, in native code.

Threads of the pool take blocks. Where the threads of a block never wait for each other, a kernel's
entry runs a block by itself. Else each thread is a coroutine, and here it stands who goes on when:

- all that may go on do, one after the other, up to where they wait or end;
- where all threads in the mask of a warp's barrier that have not ended wait at one with that mask,
  these go on; so do those that hand over words;
- where nobody else can go on and all wait at the block's barrier, all go on.

What can never go on is reported. So is, where that is asked for, a barrier to which not all threads
of the block have come, and a race: accesses of two threads to the same byte of shared memory, one
of them a write, or one of two that is atomic, without a barrier between them. Of each byte and each
kind of access two threads are known that have made it last without a barrier between. Threads of a
warp have vector clocks: for each lane, the number of its turn that this thread has waited for.
"""

from __future__ import annotations

from kernelgen.targets import cuda
from kernelgen.targets.emulated import ACCESSES, AT, BARRIER, EXCHANGE, SIZE, TOUCHED, WARP

CHUNK = "kernelgen_emulate"
"""``int emulate(launch, int64_t chunk)`` runs some blocks."""

LAUNCH = {
    "entry": 0, "grid": 8, "block": 20, "threads": 32, "waits": 36, "shared": 40, "dynamic": 48,
    "parameters": 56, "errors": 64, "blocks_of_chunk": 72, "blocks": 80, "watched": 88,
}  # fmt: skip
"""Where the members of a launch are: the entry's address, the numbers of blocks and of threads
along three dimensions and of threads in all, whether they wait for each other, the bytes of shared
memory, the parameters, the block for exceptions, how many blocks a chunk has, how many there are,
and whether barriers and shared memory are watched."""

LAUNCH_SIZE = 96

DIVERGED, ENDED, STUCK, RACE, NO_MEMORY = -2, -3, -4, -5, -6
"""What the status says that no kernel has raised."""

WORDS = 6
"""How many words these have at most."""

_DONE = 4
_RECORD = 168
"""Of a thread: handle, why it waits, mask, site, word, its place, its clock."""

_SHADOW = 96
"""Of a byte: twice for each kind of access the epoch, thread, site and access, and its turn."""


def source() -> str:
    """The LLVM text."""
    numbers = {f"at_{name}": place for name, place in AT.items()}
    numbers |= {f"launch_{name}": place for name, place in LAUNCH.items()}
    return _SOURCE.format(
        chunk=CHUNK,
        touched=TOUCHED,
        context=SIZE,
        record=_RECORD,
        shadow=_SHADOW,
        barrier=BARRIER,
        warp=WARP,
        exchange=EXCHANGE,
        done=_DONE,
        element=cuda.ELEMENT,
        words=cuda.WORDS,
        diverged=DIVERGED,
        ended=ENDED,
        stuck=STUCK,
        race=RACE,
        no_memory=NO_MEMORY,
        write=ACCESSES.index("write"),
        slots=2 * len(ACCESSES),
        **numbers,
    )


_SOURCE = """
declare ptr @malloc(i64)
declare ptr @calloc(i64, i64)
declare void @free(ptr)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.coro.resume(ptr)
declare i1 @llvm.coro.done(ptr)
declare i64 @llvm.umin.i64(i64, i64)
declare <32 x i32> @llvm.umax.v32i32(<32 x i32>, <32 x i32>)

%record = type {{ ptr, i32, i32, i32, i32, [3 x i32], i32, [32 x i32] }}
%shadow = type {{ i32, i32, i32, i32 }}

; Report what has gone wrong, if nothing has before.
define internal void @report(ptr %context, i32 %status, ptr %words, i64 %count) {{
  %errors.at = getelementptr i8, ptr %context, i64 {at_errors}
  %errors = load ptr, ptr %errors.at
  %seen = cmpxchg ptr %errors, i32 0, i32 %status seq_cst seq_cst
  %first = extractvalue {{ i32, i1 }} %seen, 1
  br i1 %first, label %write, label %end
write:
  %block.at = getelementptr i8, ptr %context, i64 {at_block}
  %block = load i64, ptr %block.at
  %element.at = getelementptr i8, ptr %errors, i64 {element}
  store i64 %block, ptr %element.at
  %target = getelementptr i8, ptr %errors, i64 {words}
  %size = mul i64 %count, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %target, ptr %words, i64 %size, i1 false)
  br label %end
end:
  ret void
}}

; Say in the context which thread it is that runs.
define internal ptr @turn_to(ptr %context, i32 %t) {{
  %table.at = getelementptr i8, ptr %context, i64 {at_table}
  %table = load ptr, ptr %table.at
  %record = getelementptr %record, ptr %table, i32 %t
  %place = getelementptr %record, ptr %record, i32 0, i32 5
  call void @llvm.memcpy.p0.p0.i64(ptr %context, ptr %place, i64 12, i1 false)
  %thread.at = getelementptr i8, ptr %context, i64 {at_thread}
  store i32 %t, ptr %thread.at
  %warp = and i32 %t, -32
  %words.at = getelementptr i8, ptr %context, i64 {at_words}
  %words = load ptr, ptr %words.at
  %own = getelementptr i32, ptr %words, i32 %warp
  %taken.at = getelementptr i8, ptr %context, i64 {at_taken}
  store ptr %own, ptr %taken.at
  ret ptr %record
}}

; The bits of the lanes that a warp has, whose first thread is given.
define internal i32 @lanes(ptr %context, i32 %warp) {{
  %threads.at = getelementptr i8, ptr %context, i64 {at_threads}
  %threads = load i32, ptr %threads.at
  %left = sub i32 %threads, %warp
  %whole = icmp uge i32 %left, 32
  %some = and i32 %left, 31
  %bit = shl i32 1, %some
  %bits = sub i32 %bit, 1
  %lanes = select i1 %whole, i32 -1, i32 %bits
  ret i32 %lanes
}}

; Behind the turn of a thread: what it waits for, or that it has ended.
define internal void @note(ptr %context, ptr %record) {{
  %handle = load ptr, ptr %record
  %why.at = getelementptr %record, ptr %record, i32 0, i32 1
  %done = call i1 @llvm.coro.done(ptr %handle)
  br i1 %done, label %ended, label %waits
ended:
  call void @free(ptr %handle)
  store ptr null, ptr %record
  store i32 {done}, ptr %why.at
  ret void
waits:
  %from = getelementptr i8, ptr %context, i64 {at_why}
  call void @llvm.memcpy.p0.p0.i64(ptr %why.at, ptr %from, i64 16, i1 false)
  ret void
}}

; Let those go on who wait at barriers of their warps and are complete; whether there are any.
define internal i1 @release_warps(ptr %context) {{
entry:
  %threads.at = getelementptr i8, ptr %context, i64 {at_threads}
  %threads = load i32, ptr %threads.at
  %table.at = getelementptr i8, ptr %context, i64 {at_table}
  %table = load ptr, ptr %table.at
  %words.at = getelementptr i8, ptr %context, i64 {at_words}
  %words = load ptr, ptr %words.at
  br label %each
each:
  %t = phi i32 [ 0, %entry ], [ %t.next, %next ]
  %released = phi i1 [ false, %entry ], [ %released.next, %next ]
  %record = getelementptr %record, ptr %table, i32 %t
  %why.at = getelementptr %record, ptr %record, i32 0, i32 1
  %why = load i32, ptr %why.at
  %orders = icmp eq i32 %why, {warp}
  %exchanges = icmp eq i32 %why, {exchange}
  %waits = or i1 %orders, %exchanges
  br i1 %waits, label %ask, label %next
ask:
  %warp = and i32 %t, -32
  %lanes = call i32 @lanes(ptr %context, i32 %warp)
  %mask.at = getelementptr %record, ptr %record, i32 0, i32 2
  %mask.given = load i32, ptr %mask.at
  %mask = and i32 %mask.given, %lanes
  %own.lane = and i32 %t, 31
  %own.shifted = lshr i32 %mask, %own.lane
  %own.bit = and i32 %own.shifted, 1
  %own = icmp eq i32 %own.bit, 1
  br i1 %own, label %look, label %next
look:
  %lane = phi i32 [ 0, %ask ], [ %lane.next, %looked ]
  %clock = phi <32 x i32> [ zeroinitializer, %ask ], [ %clock.next, %looked ]
  %shifted = lshr i32 %mask, %lane
  %bit = and i32 %shifted, 1
  %asked = icmp eq i32 %bit, 1
  br i1 %asked, label %compare, label %looked
compare:
  %other = add i32 %warp, %lane
  %other.record = getelementptr %record, ptr %table, i32 %other
  %other.why.at = getelementptr %record, ptr %other.record, i32 0, i32 1
  %other.why = load i32, ptr %other.why.at
  %other.waits = icmp eq i32 %other.why, %why
  %other.mask.at = getelementptr %record, ptr %other.record, i32 0, i32 2
  %other.mask.given = load i32, ptr %other.mask.at
  %other.mask = and i32 %other.mask.given, %lanes
  %same = icmp eq i32 %other.mask, %mask
  %other.ended = icmp eq i32 %other.why, {done}
  %alike = and i1 %other.waits, %same
  %here = or i1 %alike, %other.ended
  %other.clock.at = getelementptr %record, ptr %other.record, i32 0, i32 7
  %other.clock = load <32 x i32>, ptr %other.clock.at, align 8
  %joined = call <32 x i32> @llvm.umax.v32i32(<32 x i32> %clock, <32 x i32> %other.clock)
  br i1 %here, label %looked, label %next
looked:
  %clock.next = phi <32 x i32> [ %clock, %look ], [ %joined, %compare ]
  %lane.next = add i32 %lane, 1
  %lanes.left = icmp ult i32 %lane.next, 32
  br i1 %lanes.left, label %look, label %complete
complete:
  %members = bitcast i32 %mask to <32 x i1>
  %turns = zext <32 x i1> %members to <32 x i32>
  %clock.then = add <32 x i32> %clock.next, %turns
  br label %release
release:
  %freed = phi i32 [ 0, %complete ], [ %freed.next, %went ]
  %freed.shifted = lshr i32 %mask, %freed
  %freed.bit = and i32 %freed.shifted, 1
  %is.freed = icmp eq i32 %freed.bit, 1
  br i1 %is.freed, label %go, label %went
go:
  %one = add i32 %warp, %freed
  %one.record = getelementptr %record, ptr %table, i32 %one
  %one.why.at = getelementptr %record, ptr %one.record, i32 0, i32 1
  %one.why = load i32, ptr %one.why.at
  %one.ended = icmp eq i32 %one.why, {done}
  %one.why.then = select i1 %one.ended, i32 {done}, i32 0
  store i32 %one.why.then, ptr %one.why.at
  %given.at = getelementptr %record, ptr %one.record, i32 0, i32 4
  %given = load i32, ptr %given.at
  %word = select i1 %one.ended, i32 0, i32 %given
  %word.at = getelementptr i32, ptr %words, i32 %one
  store i32 %word, ptr %word.at
  %clock.at = getelementptr %record, ptr %one.record, i32 0, i32 7
  %clock.before = load <32 x i32>, ptr %clock.at, align 8
  %clock.now = select i1 %orders, <32 x i32> %clock.then, <32 x i32> %clock.before
  store <32 x i32> %clock.now, ptr %clock.at, align 8
  br label %went
went:
  %freed.next = add i32 %freed, 1
  %freed.left = icmp ult i32 %freed.next, 32
  br i1 %freed.left, label %release, label %next
next:
  %released.next = phi i1 [ %released, %each ], [ %released, %ask ], [ %released, %compare ],
                          [ true, %went ]
  %t.next = add i32 %t, 1
  %more = icmp ult i32 %t.next, %threads
  br i1 %more, label %each, label %end
end:
  ret i1 %released.next
}}

; Let all go on who wait at the block's barrier; false if there are none, or some can never go on.
define internal i1 @release_block(ptr %context, i1 %watched) {{
entry:
  %words = alloca [2 x i64]
  %threads.at = getelementptr i8, ptr %context, i64 {at_threads}
  %threads = load i32, ptr %threads.at
  %table.at = getelementptr i8, ptr %context, i64 {at_table}
  %table = load ptr, ptr %table.at
  br label %each
each:
  %t = phi i32 [ 0, %entry ], [ %t.next, %next ]
  %site = phi i32 [ 0, %entry ], [ %site.next, %next ]
  %ended = phi i1 [ false, %entry ], [ %ended.next, %next ]
  %record = getelementptr %record, ptr %table, i32 %t
  %why.at = getelementptr %record, ptr %record, i32 0, i32 1
  %why = load i32, ptr %why.at
  %site.at = getelementptr %record, ptr %record, i32 0, i32 3
  %own = load i32, ptr %site.at
  %own.wide = zext i32 %own to i64
  switch i32 %why, label %next [
    i32 {warp}, label %stuck i32 {exchange}, label %stuck i32 {barrier}, label %waits
  ]
stuck:
  store i64 %own.wide, ptr %words
  call void @report(ptr %context, i32 {stuck}, ptr %words, i64 1)
  ret i1 false
waits:
  %first = icmp eq i32 %site, 0
  %same = icmp eq i32 %site, %own
  %fits = or i1 %first, %same
  %unwatched = xor i1 %watched, true
  %good = or i1 %fits, %unwatched
  br i1 %good, label %next, label %diverged
diverged:
  %site.wide = zext i32 %site to i64
  store i64 %site.wide, ptr %words
  %second = getelementptr i64, ptr %words, i64 1
  store i64 %own.wide, ptr %second
  call void @report(ptr %context, i32 {diverged}, ptr %words, i64 2)
  ret i1 false
next:
  %site.next = phi i32 [ %site, %each ], [ %own, %waits ]
  %is.ended = icmp eq i32 %why, {done}
  %ended.next = or i1 %ended, %is.ended
  %t.next = add i32 %t, 1
  %more = icmp ult i32 %t.next, %threads
  br i1 %more, label %each, label %look
look:
  %nobody = icmp eq i32 %site.next, 0
  br i1 %nobody, label %over, label %ask
over:
  ret i1 false
ask:
  %missing = and i1 %ended.next, %watched
  br i1 %missing, label %incomplete, label %release
incomplete:
  %last.wide = zext i32 %site.next to i64
  store i64 %last.wide, ptr %words
  call void @report(ptr %context, i32 {ended}, ptr %words, i64 1)
  ret i1 false
release:
  %r = phi i32 [ 0, %ask ], [ %r.next, %released ]
  %r.record = getelementptr %record, ptr %table, i32 %r
  %r.why.at = getelementptr %record, ptr %r.record, i32 0, i32 1
  %r.why = load i32, ptr %r.why.at
  %r.waits = icmp eq i32 %r.why, {barrier}
  br i1 %r.waits, label %go, label %released
go:
  store i32 0, ptr %r.why.at
  br label %released
released:
  %r.next = add i32 %r, 1
  %r.more = icmp ult i32 %r.next, %threads
  br i1 %r.more, label %release, label %end
end:
  %epoch.at = getelementptr i8, ptr %context, i64 {at_epoch}
  %epoch = load i64, ptr %epoch.at
  %epoch.next = add i64 %epoch, 1
  store i64 %epoch.next, ptr %epoch.at
  ret i1 true
}}

; Run a block whose threads are coroutines.
define internal void @run_block(ptr %context, ptr %run, i1 %watched) {{
entry:
  %threads.at = getelementptr i8, ptr %context, i64 {at_threads}
  %threads = load i32, ptr %threads.at
  %table.at = getelementptr i8, ptr %context, i64 {at_table}
  %table = load ptr, ptr %table.at
  br label %start
start:
  %s = phi i32 [ 0, %entry ], [ %s.next, %started ]
  %s.record = call ptr @turn_to(ptr %context, i32 %s)
  %handle = call ptr %run(ptr %context)
  %no.frame = icmp eq ptr %handle, null
  br i1 %no.frame, label %poor, label %started
poor:
  call void @report(ptr %context, i32 {no_memory}, ptr null, i64 0)
  br label %clear
started:
  store ptr %handle, ptr %s.record
  call void @note(ptr %context, ptr %s.record)
  %s.next = add i32 %s, 1
  %s.more = icmp ult i32 %s.next, %threads
  br i1 %s.more, label %start, label %decide
decide:
  %warps = call i1 @release_warps(ptr %context)
  br i1 %warps, label %round, label %all
all:
  %block = call i1 @release_block(ptr %context, i1 %watched)
  br i1 %block, label %round, label %clear
round:
  %t = phi i32 [ 0, %decide ], [ 0, %all ], [ %t.next, %next ]
  %record = getelementptr %record, ptr %table, i32 %t
  %why.at = getelementptr %record, ptr %record, i32 0, i32 1
  %why = load i32, ptr %why.at
  %runs = icmp eq i32 %why, 0
  br i1 %runs, label %resume, label %next
resume:
  %own = call ptr @turn_to(ptr %context, i32 %t)
  %own.handle = load ptr, ptr %own
  call void @llvm.coro.resume(ptr %own.handle)
  call void @note(ptr %context, ptr %own)
  br label %next
next:
  %t.next = add i32 %t, 1
  %more = icmp ult i32 %t.next, %threads
  br i1 %more, label %round, label %decide
clear:
  %c = phi i32 [ 0, %all ], [ 0, %poor ], [ %c.next, %clear ]
  %c.record = getelementptr %record, ptr %table, i32 %c
  %c.handle = load ptr, ptr %c.record
  call void @free(ptr %c.handle)
  store ptr null, ptr %c.record
  %c.next = add i32 %c, 1
  %c.more = icmp ult i32 %c.next, %threads
  br i1 %c.more, label %clear, label %end
end:
  ret void
}}

; Tell each thread its place in the block.
define internal void @place(ptr %context, ptr %table) {{
entry:
  %threads.at = getelementptr i8, ptr %context, i64 {at_threads}
  %threads = load i32, ptr %threads.at
  %x.at = getelementptr i8, ptr %context, i64 {at_ntid}
  %nx = load i32, ptr %x.at
  %y.at = getelementptr i32, ptr %x.at, i64 1
  %ny = load i32, ptr %y.at
  br label %each
each:
  %t = phi i32 [ 0, %entry ], [ %t.next, %each ]
  %record = getelementptr %record, ptr %table, i32 %t
  %tx.at = getelementptr %record, ptr %record, i32 0, i32 5
  %x = urem i32 %t, %nx
  %row = udiv i32 %t, %nx
  %y = urem i32 %row, %ny
  %z = udiv i32 %row, %ny
  store i32 %x, ptr %tx.at
  %ty.at = getelementptr i32, ptr %tx.at, i64 1
  store i32 %y, ptr %ty.at
  %tz.at = getelementptr i32, ptr %tx.at, i64 2
  store i32 %z, ptr %tz.at
  %t.next = add i32 %t, 1
  %more = icmp ult i32 %t.next, %threads
  br i1 %more, label %each, label %end
end:
  ret void
}}

define i32 @{chunk}(ptr %launch, i64 %chunk) {{
entry:
  %context = alloca [{context} x i8], align 16
  call void @llvm.memset.p0.i64(ptr %context, i8 0, i64 {context}, i1 false)
  %entry.at = getelementptr i8, ptr %launch, i64 {launch_entry}
  %run = load ptr, ptr %entry.at
  %grid.at = getelementptr i8, ptr %launch, i64 {launch_grid}
  %nctaid = getelementptr i8, ptr %context, i64 {at_nctaid}
  call void @llvm.memcpy.p0.p0.i64(ptr %nctaid, ptr %grid.at, i64 12, i1 false)
  %block.at = getelementptr i8, ptr %launch, i64 {launch_block}
  %ntid = getelementptr i8, ptr %context, i64 {at_ntid}
  call void @llvm.memcpy.p0.p0.i64(ptr %ntid, ptr %block.at, i64 12, i1 false)
  %threads.at = getelementptr i8, ptr %launch, i64 {launch_threads}
  %threads = load i32, ptr %threads.at
  %own.threads.at = getelementptr i8, ptr %context, i64 {at_threads}
  store i32 %threads, ptr %own.threads.at
  %waits.at = getelementptr i8, ptr %launch, i64 {launch_waits}
  %waits.word = load i32, ptr %waits.at
  %waits = icmp ne i32 %waits.word, 0
  %watched.at = getelementptr i8, ptr %launch, i64 {launch_watched}
  %watched.word = load i32, ptr %watched.at
  %watched = icmp ne i32 %watched.word, 0
  %shared.at = getelementptr i8, ptr %launch, i64 {launch_shared}
  %static = load i64, ptr %shared.at
  %dynamic.at = getelementptr i8, ptr %launch, i64 {launch_dynamic}
  %dynamic = load i64, ptr %dynamic.at
  %bytes = add i64 %static, %dynamic
  %parameters.at = getelementptr i8, ptr %launch, i64 {launch_parameters}
  %parameters = load ptr, ptr %parameters.at
  %own.parameters.at = getelementptr i8, ptr %context, i64 {at_parameters}
  store ptr %parameters, ptr %own.parameters.at
  %errors.at = getelementptr i8, ptr %launch, i64 {launch_errors}
  %errors = load ptr, ptr %errors.at
  %own.errors.at = getelementptr i8, ptr %context, i64 {at_errors}
  store ptr %errors, ptr %own.errors.at
  %own.bytes.at = getelementptr i8, ptr %context, i64 {at_bytes}
  store i64 %bytes, ptr %own.bytes.at
  %dynamic.bytes.at = getelementptr i8, ptr %context, i64 {at_dynamic_bytes}
  store i64 %dynamic, ptr %dynamic.bytes.at
  %count = zext i32 %threads to i64
  %bytes.enough = add i64 %bytes, 16
  %memory = call ptr @malloc(i64 %bytes.enough)
  %table = call ptr @calloc(i64 %count, i64 {record})
  %words.count = add i64 %count, 32
  %words = call ptr @calloc(i64 %words.count, i64 4)
  %shadows = select i1 %watched, i64 %bytes.enough, i64 1
  %shadow = call ptr @calloc(i64 %shadows, i64 {shadow})
  %own.shared.at = getelementptr i8, ptr %context, i64 {at_shared}
  store ptr %memory, ptr %own.shared.at
  %behind = getelementptr i8, ptr %memory, i64 %static
  %own.dynamic.at = getelementptr i8, ptr %context, i64 {at_dynamic}
  store ptr %behind, ptr %own.dynamic.at
  %own.table.at = getelementptr i8, ptr %context, i64 {at_table}
  store ptr %table, ptr %own.table.at
  %own.words.at = getelementptr i8, ptr %context, i64 {at_words}
  store ptr %words, ptr %own.words.at
  %own.shadow.at = getelementptr i8, ptr %context, i64 {at_shadow}
  store ptr %shadow, ptr %own.shadow.at
  %no.memory = icmp eq ptr %memory, null
  %no.table = icmp eq ptr %table, null
  %no.words = icmp eq ptr %words, null
  %no.shadow = icmp eq ptr %shadow, null
  %lacks.a = or i1 %no.memory, %no.table
  %lacks.b = or i1 %no.words, %no.shadow
  %lacks = or i1 %lacks.a, %lacks.b
  br i1 %lacks, label %poor, label %prepare
poor:
  call void @report(ptr %context, i32 {no_memory}, ptr null, i64 0)
  br label %end
prepare:
  call void @place(ptr %context, ptr %table)
  %nx = load i32, ptr %nctaid
  %ny.at = getelementptr i32, ptr %nctaid, i64 1
  %ny = load i32, ptr %ny.at
  %nx.wide = zext i32 %nx to i64
  %ny.wide = zext i32 %ny to i64
  %size.at = getelementptr i8, ptr %launch, i64 {launch_blocks_of_chunk}
  %size = load i64, ptr %size.at
  %blocks.at = getelementptr i8, ptr %launch, i64 {launch_blocks}
  %blocks = load i64, ptr %blocks.at
  %first = mul i64 %chunk, %size
  %beyond = add i64 %first, %size
  %stop = call i64 @llvm.umin.i64(i64 %beyond, i64 %blocks)
  %ctaid = getelementptr i8, ptr %context, i64 {at_ctaid}
  %ctaid.y = getelementptr i32, ptr %ctaid, i64 1
  %ctaid.z = getelementptr i32, ptr %ctaid, i64 2
  %number.at = getelementptr i8, ptr %context, i64 {at_block}
  %epoch.at = getelementptr i8, ptr %context, i64 {at_epoch}
  br label %each
each:
  %b = phi i64 [ %first, %prepare ], [ %b.next, %next ]
  store i64 %b, ptr %number.at
  %x = urem i64 %b, %nx.wide
  %rows = udiv i64 %b, %nx.wide
  %y = urem i64 %rows, %ny.wide
  %z = udiv i64 %rows, %ny.wide
  %x.short = trunc i64 %x to i32
  %y.short = trunc i64 %y to i32
  %z.short = trunc i64 %z to i32
  store i32 %x.short, ptr %ctaid
  store i32 %y.short, ptr %ctaid.y
  store i32 %z.short, ptr %ctaid.z
  %epoch = load i64, ptr %epoch.at
  %epoch.next = add i64 %epoch, 1
  store i64 %epoch.next, ptr %epoch.at
  br i1 %waits, label %together, label %alone
together:
  call void @run_block(ptr %context, ptr %run, i1 %watched)
  br label %next
alone:
  call void %run(ptr %context)
  br label %next
next:
  %b.next = add i64 %b, 1
  %more = icmp ult i64 %b.next, %stop
  br i1 %more, label %each, label %end
end:
  call void @free(ptr %memory)
  call void @free(ptr %table)
  call void @free(ptr %words)
  call void @free(ptr %shadow)
  ret i32 0
}}

; Whether what is known of a byte and an access of this thread have no barrier between them.
define internal i1 @is_race(ptr %context, ptr %known) {{
  %epoch.at = getelementptr i8, ptr %context, i64 {at_epoch}
  %epoch.wide = load i64, ptr %epoch.at
  %epoch = trunc i64 %epoch.wide to i32
  %thread.at = getelementptr i8, ptr %context, i64 {at_thread}
  %thread = load i32, ptr %thread.at
  %then = load i32, ptr %known
  %other.at = getelementptr %shadow, ptr %known, i32 0, i32 1
  %other = load i32, ptr %other.at
  %same.epoch = icmp eq i32 %then, %epoch
  %another = icmp ne i32 %other, %thread
  %between = and i1 %same.epoch, %another
  br i1 %between, label %warp, label %no
warp:
  %turn.at = getelementptr %shadow, ptr %known, i32 0, i32 3
  %turn = load i32, ptr %turn.at
  %waited.for = call i32 @clock(ptr %context, i32 %other)
  %own.warp = lshr i32 %thread, 5
  %other.warp = lshr i32 %other, 5
  %same.warp = icmp eq i32 %own.warp, %other.warp
  %later = icmp ugt i32 %waited.for, %turn
  %ordered = and i1 %same.warp, %later
  %race = xor i1 %ordered, true
  ret i1 %race
no:
  ret i1 false
}}

; Of the clock of the thread that runs, the number for the lane of a thread.
define internal i32 @clock(ptr %context, i32 %other) {{
  %thread.at = getelementptr i8, ptr %context, i64 {at_thread}
  %thread = load i32, ptr %thread.at
  %table.at = getelementptr i8, ptr %context, i64 {at_table}
  %table = load ptr, ptr %table.at
  %lane = and i32 %other, 31
  %number.at = getelementptr %record, ptr %table, i32 %thread, i32 7, i32 %lane
  %number = load i32, ptr %number.at
  ret i32 %number
}}

define internal void @remember(ptr %context, ptr %known, i32 %what) {{
  %epoch.at = getelementptr i8, ptr %context, i64 {at_epoch}
  %epoch.wide = load i64, ptr %epoch.at
  %epoch = trunc i64 %epoch.wide to i32
  %thread.at = getelementptr i8, ptr %context, i64 {at_thread}
  %thread = load i32, ptr %thread.at
  %turn = call i32 @clock(ptr %context, i32 %thread)
  store i32 %epoch, ptr %known
  %own.at = getelementptr %shadow, ptr %known, i32 0, i32 1
  store i32 %thread, ptr %own.at
  %what.at = getelementptr %shadow, ptr %known, i32 0, i32 2
  store i32 %what, ptr %what.at
  %turn.at = getelementptr %shadow, ptr %known, i32 0, i32 3
  store i32 %turn, ptr %turn.at
  ret void
}}

define internal void @report_race(ptr %context, ptr %known, i32 %what) {{
  %words = alloca [4 x i64]
  %other.at = getelementptr %shadow, ptr %known, i32 0, i32 1
  %other = load i32, ptr %other.at
  %then.at = getelementptr %shadow, ptr %known, i32 0, i32 2
  %then = load i32, ptr %then.at
  %thread.at = getelementptr i8, ptr %context, i64 {at_thread}
  %thread = load i32, ptr %thread.at
  %a = zext i32 %then to i64
  %b = zext i32 %other to i64
  %c = zext i32 %what to i64
  %d = zext i32 %thread to i64
  store i64 %a, ptr %words
  %b.at = getelementptr i64, ptr %words, i64 1
  store i64 %b, ptr %b.at
  %c.at = getelementptr i64, ptr %words, i64 2
  store i64 %c, ptr %c.at
  %d.at = getelementptr i64, ptr %words, i64 3
  store i64 %d, ptr %d.at
  call void @report(ptr %context, i32 {race}, ptr %words, i64 4)
  ret void
}}

; Look at an access to so many bytes. What it was is its site, and in the two lowest bits its kind.
define void @{touched}(ptr %context, ptr %address, i64 %size, i32 %access, i32 %site) {{
entry:
  %shared.at = getelementptr i8, ptr %context, i64 {at_shared}
  %shared = load ptr, ptr %shared.at
  %base = ptrtoint ptr %shared to i64
  %place = ptrtoint ptr %address to i64
  %offset = sub i64 %place, %base
  %bytes.at = getelementptr i8, ptr %context, i64 {at_bytes}
  %bytes = load i64, ptr %bytes.at
  %is.shared = icmp ult i64 %offset, %bytes
  br i1 %is.shared, label %look, label %end
look:
  %site.bits = shl i32 %site, 2
  %what = or i32 %site.bits, %access
  %shadow.at = getelementptr i8, ptr %context, i64 {at_shadow}
  %table = load ptr, ptr %shadow.at
  %writes = icmp eq i32 %access, {write}
  %own.slot = mul i32 %access, 2
  br label %each
each:
  %k = phi i64 [ 0, %look ], [ %k.next, %note ]
  %byte = add i64 %offset, %k
  %start = mul i64 %byte, {shadow}
  %slots = getelementptr i8, ptr %table, i64 %start
  br label %compare
compare:
  %s = phi i32 [ 0, %each ], [ %s.next, %next ]
  %known = getelementptr %shadow, ptr %slots, i32 %s
  %kind = lshr i32 %s, 1
  %differs = icmp ne i32 %kind, %access
  %matters = or i1 %differs, %writes
  %unordered = call i1 @is_race(ptr %context, ptr %known)
  %race = and i1 %unordered, %matters
  br i1 %race, label %bad, label %next
bad:
  call void @report_race(ptr %context, ptr %known, i32 %what)
  br label %end
next:
  %s.next = add i32 %s, 1
  %s.more = icmp ult i32 %s.next, {slots}
  br i1 %s.more, label %compare, label %note
note:
  %first = getelementptr %shadow, ptr %slots, i32 %own.slot
  %second = getelementptr %shadow, ptr %first, i32 1
  %taken = call i1 @is_race(ptr %context, ptr %first)
  %free = select i1 %taken, ptr %second, ptr %first
  call void @remember(ptr %context, ptr %free, i32 %what)
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %size
  br i1 %more, label %each, label %end
end:
  ret void
}}
"""
