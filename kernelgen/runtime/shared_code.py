"""How the iterations of a loop in a function are shared: on one thread, or in chunks on the pool.

What is shared is a function ``int run(argument, int64_t first, int64_t end)``, which goes through
iterations of the loop. How long one takes is known if the loop's code tells, else from the last
call. A loop that seems too short is begun on one thread and watched: if what is left turns out to
be long, it is shared.
"""

from __future__ import annotations

from functools import cache

from kernelgen import sharing
from kernelgen.runtime import engine, pool, pool_code
from kernelgen.targets.parallel import AT, CHUNKS_PER_THREAD, LINE, PATIENCE

_PROBED = 16
"""A loop of which nothing is known is watched after this part of its iterations."""

_MANY = 4096
"""Of more iterations one may be run before the others are shared."""


@cache
def _library() -> engine.Library:
    launcher = pool.launcher()
    symbols = {**launcher.symbols, "pool": launcher.pool}
    module = engine.compile_module(source(), opt_level=1)
    return engine.link(module.object_code, [sharing.SHARE], symbols)


def symbols() -> dict[str, int]:
    """What functions are linked with that share loops."""
    return {
        sharing.SHARE: _library().address(sharing.SHARE),
        sharing.THREAD: pool.launcher().functions[sharing.THREAD],
    }


def source() -> str:
    """The LLVM text."""
    return _SOURCE.format(
        share=sharing.SHARE,
        launch=pool_code.LAUNCH,
        now=pool_code.NOW,
        room=pool_code.ROOM,
        **{f"{name}_limit": place for name, place in AT.items()},
        worth=pool_code.WORTH,
        note=pool_code.NOTE,
        pieces=CHUNKS_PER_THREAD,
        probed=_PROBED,
        unknown=sharing.UNKNOWN,
        many=_MANY,
        patience=float(PATIENCE),
        line_less=LINE - 1,
        line_mask=-LINE,
    )


_SOURCE = """
@pool = external global i8
@limits = external global i8
declare i32 @{launch}(ptr, ptr, ptr, i64)
declare i64 @{now}()
declare i1 @{worth}(ptr, ptr, double)
declare void @{note}(ptr, i64, double)
declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
declare double @llvm.maxnum.f64(double, double)
declare double @llvm.minnum.f64(double, double)

; Of a loop: the nanoseconds that an iteration takes, whether its code tells them, whether each
; thread gets one chunk, and what the pool remembers.
%words = type {{ double, i64, i64, [3 x i64] }}

; What chunks are told: run, its argument, the first iteration, how many a chunk has, the end; and
; the nanoseconds that they have taken.
%chunks = type {{ ptr, ptr, i64, i64, i64, i64 }}

define internal i32 @chunk(ptr %chunks, i64 %k) {{
  %run = load ptr, ptr %chunks
  %argument.at = getelementptr %chunks, ptr %chunks, i64 0, i32 1
  %argument = load ptr, ptr %argument.at
  %first.at = getelementptr %chunks, ptr %chunks, i64 0, i32 2
  %first = load i64, ptr %first.at
  %size.at = getelementptr %chunks, ptr %chunks, i64 0, i32 3
  %size = load i64, ptr %size.at
  %end.at = getelementptr %chunks, ptr %chunks, i64 0, i32 4
  %end = load i64, ptr %end.at
  %way = mul i64 %k, %size
  %from = add i64 %first, %way
  %to = add i64 %from, %size
  %until = call i64 @llvm.umin.i64(i64 %to, i64 %end)
  %begun = call i64 @{now}()
  %status = call i32 %run(ptr %argument, i64 %from, i64 %until)
  %ended = call i64 @{now}()
  %taken = sub i64 %ended, %begun
  %time.at = getelementptr %chunks, ptr %chunks, i64 0, i32 5
  %before = atomicrmw add ptr %time.at, i64 %taken monotonic
  ret i32 %status
}}

; Go through n iterations: 0, or what run returned, or -1 with an exception of Python set.
define i32 @{share}(ptr %words, ptr %run, ptr %argument, i64 %n) {{
entry:
  %chunks = alloca %chunks
  %none = icmp slt i64 %n, 1
  br i1 %none, label %nothing, label %some
nothing:
  ret i32 0
some:
  %room.at = getelementptr i8, ptr @pool, i64 {room}
  %room = load atomic i64, ptr %room.at monotonic, align 8
  %no.room = icmp slt i64 %room, 1
  %single = icmp slt i64 %n, 2
  %alone = or i1 %no.room, %single
  br i1 %alone, label %serial, label %ask
serial:
  %serial.status = call i32 %run(ptr %argument, i64 0, i64 %n)
  ret i32 %serial.status
ask:
  %certain.at = getelementptr %words, ptr %words, i64 0, i32 1
  %certain = load i64, ptr %certain.at
  %is.certain = icmp ne i64 %certain, 0
  %time = load atomic double, ptr %words monotonic, align 8
  %count = sitofp i64 %n to double
  %total = fmul double %time, %count
  %timed.at = getelementptr i8, ptr @limits, i64 {timed_limit}
  %timed = load double, ptr %timed.at
  %short = fcmp olt double %total, %timed
  %memory = getelementptr %words, ptr %words, i64 0, i32 3
  br i1 %short, label %brief, label %decide
brief:
  ; Whether it still is, where the code does not tell, is looked at in one of eight calls.
  %count.at = getelementptr i64, ptr %memory, i64 2
  %calls = load atomic i64, ptr %count.at monotonic, align 8
  %calls.next = add i64 %calls, 1
  store atomic i64 %calls.next, ptr %count.at monotonic, align 8
  %turn = and i64 %calls, 7
  %passes = icmp ne i64 %turn, 0
  %untimed = or i1 %passes, %is.certain
  br i1 %untimed, label %serial, label %decide
decide:
  %worth.at = getelementptr i8, ptr @limits, i64 {worth_limit}
  %worth = load double, ptr %worth.at
  %begun = call i64 @{now}()
  %long = fcmp oge double %total, %worth
  br i1 %long, label %ask.pool, label %probe
ask.pool:
  %pays = call i1 @{worth}(ptr @pool, ptr %memory, double %total)
  br i1 %pays, label %known, label %probe
known:
  ; Where nothing is known, and there are very many iterations, one tells how long chunks may be.
  %unknown = fcmp oge double %time, {unknown}
  %many = icmp sgt i64 %n, {many}
  %tastes = and i1 %unknown, %many
  br i1 %tastes, label %taste, label %share
taste:
  %taste.status = call i32 %run(ptr %argument, i64 0, i64 1)
  %taste.bad = icmp ne i32 %taste.status, 0
  br i1 %taste.bad, label %taste.failed, label %taste.done
taste.failed:
  ret i32 %taste.status
taste.done:
  %taste.now = call i64 @{now}()
  %taste.passed = sub i64 %taste.now, %begun
  %taste.each = sitofp i64 %taste.passed to double
  br label %share
probe:
  %part = udiv i64 %n, {probed}
  %part.more = call i64 @llvm.umax.i64(i64 %part, i64 1)
  %probe.end = select i1 %is.certain, i64 %n, i64 %part.more
  %probe.status = call i32 %run(ptr %argument, i64 0, i64 %probe.end)
  %probe.bad = icmp ne i32 %probe.status, 0
  br i1 %probe.bad, label %probe.failed, label %probe.done
probe.failed:
  ret i32 %probe.status
probe.done:
  %probe.now = call i64 @{now}()
  %probe.passed = sub i64 %probe.now, %begun
  %probe.time = sitofp i64 %probe.passed to double
  %probe.count = sitofp i64 %probe.end to double
  %probe.each = fdiv double %probe.time, %probe.count
  %left = sub i64 %n, %probe.end
  %all = icmp eq i64 %left, 0
  br i1 %all, label %learn, label %rest
rest:
  %left.count = sitofp i64 %left to double
  %left.time = fmul double %probe.each, %left.count
  %left.pays = fcmp oge double %left.time, %worth
  %left.many = icmp sgt i64 %left, 1
  %surprise = fcmp olt double %total, %worth
  %a = and i1 %left.pays, %left.many
  %maybe = and i1 %a, %surprise
  br i1 %maybe, label %ask.again, label %go.on
ask.again:
  %left.worth = call i1 @{worth}(ptr @pool, ptr %memory, double %left.time)
  br i1 %left.worth, label %share, label %go.on
go.on:
  %rest.status = call i32 %run(ptr %argument, i64 %probe.end, i64 %n)
  %rest.bad = icmp ne i32 %rest.status, 0
  br i1 %rest.bad, label %rest.failed, label %learn
rest.failed:
  ret i32 %rest.status
learn:
  %ended = call i64 @{now}()
  %passed = sub i64 %ended, %begun
  %passed.time = sitofp i64 %passed to double
  %each = fdiv double %passed.time, %count
  store atomic double %each, ptr %words monotonic, align 8
  ret i32 0
share:
  %first = phi i64 [ 0, %known ], [ 1, %taste.done ], [ %probe.end, %ask.again ]
  %guess = phi double [ %time, %known ], [ %taste.each, %taste.done ],
                      [ %probe.each, %ask.again ]
  %iterations = sub i64 %n, %first
  %threads = add i64 %room, 1
  %threads.less = sub i64 %threads, 1
  %rounded = add i64 %iterations, %threads.less
  %even = udiv i64 %rounded, %threads
  %most = mul i64 %threads, {pieces}
  %fair = udiv i64 %iterations, %most
  %safe = call double @llvm.maxnum.f64(double %guess, double 1.0e-3)
  %chunk.at = getelementptr i8, ptr @limits, i64 {chunk_limit}
  %chunk = load double, ptr %chunk.at
  %wanted = fdiv double %chunk, %safe
  %wanted.count = fptoui double %wanted to i64
  %wanted.more = add i64 %wanted.count, 1
  %large = call i64 @llvm.umax.i64(i64 %fair, i64 %wanted.more)
  %bounded = call i64 @llvm.umin.i64(i64 %large, i64 %even)
  %patient.float = fdiv double {patience}, %safe
  %patient.int = fptoui double %patient.float to i64
  %patient = call i64 @llvm.umax.i64(i64 %patient.int, i64 1)
  %dynamic = call i64 @llvm.umin.i64(i64 %bounded, i64 %patient)
  %static.at = getelementptr %words, ptr %words, i64 0, i32 2
  %static = load i64, ptr %static.at
  %is.static = icmp ne i64 %static, 0
  %chosen = select i1 %is.static, i64 %even, i64 %dynamic
  ; Vectors begin where they do on one thread: vector functions may differ from libm's.
  %more.lines = add i64 %chosen, {line_less}
  %lines = and i64 %more.lines, {line_mask}
  %size = select i1 %is.certain, i64 %lines, i64 %chosen
  %size.less = sub i64 %size, 1
  %rounded.up = add i64 %iterations, %size.less
  %number = udiv i64 %rounded.up, %size
  store ptr %run, ptr %chunks
  %argument.at = getelementptr %chunks, ptr %chunks, i64 0, i32 1
  store ptr %argument, ptr %argument.at
  %first.at = getelementptr %chunks, ptr %chunks, i64 0, i32 2
  store i64 %first, ptr %first.at
  %size.at = getelementptr %chunks, ptr %chunks, i64 0, i32 3
  store i64 %size, ptr %size.at
  %end.at = getelementptr %chunks, ptr %chunks, i64 0, i32 4
  store i64 %n, ptr %end.at
  %time.at = getelementptr %chunks, ptr %chunks, i64 0, i32 5
  store i64 0, ptr %time.at
  %share.begun = call i64 @{now}()
  %status = call i32 @{launch}(ptr @pool, ptr @chunk, ptr %chunks, i64 %number)
  %share.ended = call i64 @{now}()
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %failed, label %done
failed:
  ret i32 %status
done:
  %iterations.count = sitofp i64 %iterations to double
  %expected = fmul double %guess, %iterations.count
  %wall = sub i64 %share.ended, %share.begun
  call void @{note}(ptr %memory, i64 %wall, double %expected)
  ; Threads that share a core take longer, so only what is shared in any case tells its time.
  %long.at = getelementptr i8, ptr @limits, i64 {long_limit}
  %long.time = load double, ptr %long.at
  %is.long = fcmp oge double %expected, %long.time
  br i1 %is.long, label %remember, label %end
remember:
  %taken = load atomic i64, ptr %time.at monotonic, align 8
  %taken.time = sitofp i64 %taken to double
  %found = fdiv double %taken.time, %iterations.count
  store atomic double %found, ptr %words monotonic, align 8
  br label %end
end:
  ret i32 0
}}
"""
