"""How the iterations of a loop in a function are shared: on one thread, or in chunks on the pool.

What is shared is a function ``int run(argument, int64_t first, int64_t end)``, which goes through
iterations of the loop. How long one takes is known if the loop's code tells, else from the last
call. A loop that seems too short is begun on one thread and watched: if what is left turns out to
be long, it is shared. One that did not profit from other threads, as the processors were busy
otherwise, stays on one thread for a while.
"""

from __future__ import annotations

import ctypes
from functools import cache

from kernelgen import sharing
from kernelgen.runtime import engine, pool, pool_code
from kernelgen.targets.parallel import (
    CHUNK,
    CHUNKS_PER_THREAD,
    LINE,
    TIMED,
    WORTH_COLD,
    WORTH_HOT,
)

_PROBED = 16
"""A loop of which nothing is known is watched after this part of its iterations."""

_SKIPPED, _LONG = 8, 1_000_000.0
"""How many calls stay on one thread behind one that did not profit, unless they take as many
nanoseconds."""


class Limits(ctypes.Structure):
    """What is shared, in nanoseconds, as it stands in memory.

    Attributes
    ----------
    timed, chunk, hot, cold : float
        What loops take that are not timed; `CHUNK`, `WORTH_HOT` and `WORTH_COLD`.
    """

    _fields_ = (
        ("timed", ctypes.c_double),
        ("chunk", ctypes.c_double),
        ("hot", ctypes.c_double),
        ("cold", ctypes.c_double),
    )


limits = Limits(TIMED, CHUNK, WORTH_HOT, WORTH_COLD)


@cache
def _library() -> engine.Library:
    launcher = pool.launcher()
    symbols = {
        pool_code.LAUNCH: launcher.launch,
        pool_code.NOW: launcher.now,
        "pool": launcher.pool,
        "limits": ctypes.addressof(limits),
    }
    module = engine.compile_module(_source(), opt_level=1)
    return engine.link(module.object_code, [sharing.SHARE], symbols)


def symbols() -> dict[str, int]:
    """What functions are linked with that share loops."""
    return {
        sharing.SHARE: _library().address(sharing.SHARE),
        sharing.THREAD: pool.launcher().thread,
    }


def _source() -> str:
    return _SOURCE.format(
        share=sharing.SHARE,
        launch=pool_code.LAUNCH,
        now=pool_code.NOW,
        room=pool_code.ROOM,
        spinning=pool_code.SPINNING,
        **{each: getattr(Limits, each).offset for each in ("timed", "chunk", "hot", "cold")},
        pieces=CHUNKS_PER_THREAD,
        probed=_PROBED,
        skipped=_SKIPPED,
        line_less=LINE - 1,
        line_mask=-LINE,
        long=_LONG,
    )


_SOURCE = """
@pool = external global i8
@limits = external global i8
declare i32 @{launch}(ptr, ptr, ptr, i64)
declare i64 @{now}()
declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
declare double @llvm.maxnum.f64(double, double)
declare double @llvm.minnum.f64(double, double)

; Of a loop: the nanoseconds that an iteration takes, whether its code tells them, whether each
; thread gets one chunk, and how many calls stay on one thread.
%words = type {{ double, i64, i64, i64 }}

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
  %room = load i64, ptr %room.at
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
  %time = load double, ptr %words
  %count = sitofp i64 %n to double
  %total = fmul double %time, %count
  %timed.at = getelementptr i8, ptr @limits, i64 {timed}
  %timed = load double, ptr %timed.at
  %short = fcmp olt double %total, %timed
  %untimed = and i1 %short, %is.certain
  br i1 %untimed, label %serial, label %look
look:
  %skip.at = getelementptr %words, ptr %words, i64 0, i32 3
  %skip = load i64, ptr %skip.at
  %skips = icmp sgt i64 %skip, 0
  %not.long = fcmp olt double %total, {long}
  %skipped = and i1 %skips, %not.long
  br i1 %skipped, label %pass, label %decide
pass:
  %skip.next = sub i64 %skip, 1
  store i64 %skip.next, ptr %skip.at
  br label %serial
decide:
  %spinning.at = getelementptr i8, ptr @pool, i64 {spinning}
  %spinning = load i64, ptr %spinning.at
  %asleep = icmp eq i64 %spinning, 0
  %hot.at = getelementptr i8, ptr @limits, i64 {hot}
  %cold.at = getelementptr i8, ptr @limits, i64 {cold}
  %worth.at = select i1 %asleep, ptr %cold.at, ptr %hot.at
  %worth = load double, ptr %worth.at
  %begun = call i64 @{now}()
  %pays = fcmp oge double %total, %worth
  br i1 %pays, label %share, label %probe
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
  %share.rest = and i1 %left.pays, %left.many
  br i1 %share.rest, label %share, label %go.on
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
  store double %each, ptr %words
  ret i32 0
share:
  %first = phi i64 [ 0, %decide ], [ %probe.end, %rest ]
  %guess = phi double [ %time, %decide ], [ %probe.each, %rest ]
  %iterations = sub i64 %n, %first
  %threads = add i64 %room, 1
  %threads.less = sub i64 %threads, 1
  %rounded = add i64 %iterations, %threads.less
  %even = udiv i64 %rounded, %threads
  %most = mul i64 %threads, {pieces}
  %fair = udiv i64 %iterations, %most
  %safe = call double @llvm.maxnum.f64(double %guess, double 1.0e-3)
  %chunk.at = getelementptr i8, ptr @limits, i64 {chunk}
  %chunk = load double, ptr %chunk.at
  %wanted = fdiv double %chunk, %safe
  %wanted.count = fptoui double %wanted to i64
  %wanted.more = add i64 %wanted.count, 1
  %large = call i64 @llvm.umax.i64(i64 %fair, i64 %wanted.more)
  %dynamic = call i64 @llvm.umin.i64(i64 %large, i64 %even)
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
  %taken = load i64, ptr %time.at
  %taken.time = sitofp i64 %taken to double
  %iterations.count = sitofp i64 %iterations to double
  %found = fdiv double %taken.time, %iterations.count
  store double %found, ptr %words
  %wall = sub i64 %share.ended, %share.begun
  %useless = icmp sge i64 %wall, %taken
  %skips.next = select i1 %useless, i64 {skipped}, i64 0
  store i64 %skips.next, ptr %skip.at
  ret i32 0
}}
"""
