"""The pool of threads in native code: work is offered in chunks, and who is free takes the next.

A *task* stands in the frame of the thread that launches it, which always works on it itself, so
that a task ends even if no other thread ever comes: one that is launched from within another
cannot wait for threads that wait for it. Workers join the tasks that are in the pool's list. A
chunk is taken by an atomic addition. To join and leave a task takes a few instructions under a
spin lock; the mutex is for those who sleep.

Workers look for new tasks for some microseconds, then sleep on a condition variable. They are
threads of Python that hold the GIL for nothing but exceptions. What a chunk raises is set in the
state of its thread, is fetched from there, and becomes the launching thread's.
"""

from __future__ import annotations

import sys
import time

from kernelgen.runtime import cpython_api, float_status
from kernelgen.sharing import THREAD
from kernelgen.targets.parallel import AT

LAUNCH = "kernelgen_launch"
WORKER = "kernelgen_worker"
RESET = "kernelgen_pool_reset"
NOW = "kernelgen_now"
WORTH = "kernelgen_worth"
NOTE = "kernelgen_note"

FUNCTIONS = (LAUNCH, NOW, THREAD, WORTH, NOTE)
"""What other code calls."""

SIZE = 320
"""The bytes of a pool."""

WORKERS, ROOM, MAIN = 208, 216, 224
"""Where in a pool it stands how many workers there are, how many may work on one task, and the
identity of Python's main thread."""

# Nanoseconds: how long workers look for tasks before they sleep, and launching threads for the end
# of theirs; how often the main thread asks for signals.
_SPIN, _WAIT, _SIGNALS = 50_000, 20_000, 50_000_000

_CALLS = (
    "PyErr_CheckSignals",
    "PyErr_Fetch",
    "PyErr_Restore",
    "PyEval_RestoreThread",
    "PyEval_SaveThread",
    "PyGILState_Check",
    "PyGILState_Ensure",
    "PyGILState_Release",
    "PyObject_CallNoArgs",
    "PyThread_get_thread_ident",
    "Py_DecRef",
)


def symbols() -> dict[str, int]:
    """CPython's functions that the source calls."""
    return {name: cpython_api.address(name) for name in _CALLS}


def source() -> str:
    """The LLVM text. It is linked with what starts the workers, a Python function."""
    return _SOURCE.format(
        size=SIZE,
        spin=_SPIN,
        wait=_WAIT,
        signals=_SIGNALS,
        room=ROOM,
        long=AT["long"],
        monotonic=time.CLOCK_MONOTONIC,
        pause="@llvm.x86.sse2.pause()" if float_status.INTEL else "@llvm.aarch64.hint(i32 1)",
        pause_type="@llvm.x86.sse2.pause()" if float_status.INTEL else "@llvm.aarch64.hint(i32)",
        exceptions=float_status.ALL,
        timedout=60 if sys.platform == "darwin" else 110,
    )


_SOURCE = """
; next, run, argument, chunks, room, active, listed, the exception's three parts, floating point
; exceptions, failed; and on a line of its own the number of the next chunk.
%task = type {{ ptr, ptr, ptr, i64, i64, i64, i64, ptr, ptr, ptr, i32, i32, [40 x i8], i64,
                [56 x i8] }}
; The mutex, what sleeping workers wait for, what launching threads wait for, the list of tasks;
; how many workers sleep, how many there are, room in a task; the main thread; the spin lock, how
; many tasks there have been, how many launching threads wait.
%pool = type {{ [64 x i8], [64 x i8], [64 x i8], ptr, i64, i64, i64, i64, i64, i64, i64 }}

@start = external global i8

; What threads keep their numbers under, once it is made.
@key = internal global i32 0
@key.made = internal global i1 false

@limits = external global i8

declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_timedwait(ptr, ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_key_create(ptr, ptr)
declare ptr @pthread_getspecific(i32)
declare i32 @pthread_setspecific(i32, ptr)
declare i32 @sched_yield()
declare i32 @clock_gettime(i32, ptr)
declare i32 @feclearexcept(i32)
declare i32 @fetestexcept(i32)
declare i32 @feraiseexcept(i32)
declare void {pause_type}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.umin.i64(i64, i64)
declare i32 @PyErr_CheckSignals()
declare void @PyErr_Fetch(ptr, ptr, ptr)
declare void @PyErr_Restore(ptr, ptr, ptr)
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyEval_SaveThread()
declare i32 @PyGILState_Check()
declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare ptr @PyObject_CallNoArgs(ptr)
declare i64 @PyThread_get_thread_ident()
declare void @Py_DecRef(ptr)

; Make a pool of this memory, without workers: at first, and in the child of a fork.
define void @kernelgen_pool_reset(ptr %pool) {{
  %made = load i1, ptr @key.made
  br i1 %made, label %clear, label %make
make:
  %status = call i32 @pthread_key_create(ptr @key, ptr null)
  store i1 true, ptr @key.made
  br label %clear
clear:
  call void @llvm.memset.p0.i64(ptr %pool, i8 0, i64 {size}, i1 false)
  %wake = getelementptr %pool, ptr %pool, i64 0, i32 1
  %done = getelementptr %pool, ptr %pool, i64 0, i32 2
  %a = call i32 @pthread_mutex_init(ptr %pool, ptr null)
  %b = call i32 @pthread_cond_init(ptr %wake, ptr null)
  %c = call i32 @pthread_cond_init(ptr %done, ptr null)
  ret void
}}

; The number of this thread: that of a worker, 0 of all others.
define i64 @kernelgen_thread() {{
  %key = load i32, ptr @key
  %kept = call ptr @pthread_getspecific(i32 %key)
  %number = ptrtoint ptr %kept to i64
  ret i64 %number
}}

; Whether to share what would take so many nanoseconds on one thread. Of earlier calls it is known
; how many are still to be passed over, how many in a row did not profit, and how many there were.
; Now and then a call that is not long stays on one thread, so that it is known what that takes:
; threads that share a core take longer than one that has it to itself.
define i1 @kernelgen_worth(ptr %pool, ptr %memory, double %time) {{
  %room.at = getelementptr i8, ptr %pool, i64 {room}
  %room = load atomic i64, ptr %room.at monotonic, align 8
  %others = icmp sgt i64 %room, 0
  br i1 %others, label %look, label %no
look:
  %long.at = getelementptr i8, ptr @limits, i64 {long}
  %long = load double, ptr %long.at
  %is.long = fcmp oge double %time, %long
  br i1 %is.long, label %yes, label %remember
remember:
  %count.at = getelementptr i64, ptr %memory, i64 2
  %count = load atomic i64, ptr %count.at monotonic, align 8
  %count.next = add i64 %count, 1
  store atomic i64 %count.next, ptr %count.at monotonic, align 8
  %turn = and i64 %count, 63
  %measures = icmp eq i64 %turn, 0
  br i1 %measures, label %no, label %ask
ask:
  %skip = load atomic i64, ptr %memory monotonic, align 8
  %skips = icmp sgt i64 %skip, 0
  br i1 %skips, label %pass, label %yes
pass:
  %skip.next = sub i64 %skip, 1
  store atomic i64 %skip.next, ptr %memory monotonic, align 8
  br label %no
yes:
  ret i1 true
no:
  ret i1 false
}}

; Remember how long a call took, and how long it would have taken on one thread. Where it did not
; profit, the next ones may, as the workers are awake by then. If four did not, calls are passed
; over: 16, then 32, and so on up to 256.
define void @kernelgen_note(ptr %memory, i64 %wall, double %alone) {{
  %level.at = getelementptr i64, ptr %memory, i64 1
  %level = load atomic i64, ptr %level.at monotonic, align 8
  %taken = sitofp i64 %wall to double
  %bound = fmul double %alone, 0.875
  %useful = fcmp ole double %taken, %bound
  %level.more = add i64 %level, 1
  %beyond = icmp ugt i64 %level.more, 20
  %level.most = select i1 %beyond, i64 17, i64 %level.more
  %level.next = select i1 %useful, i64 0, i64 %level.most
  %tries = and i64 %level.next, 3
  %again = icmp ne i64 %tries, 0
  %power = lshr i64 %level.next, 2
  %many = shl i64 8, %power
  %first = icmp eq i64 %level.next, 0
  %none = or i1 %again, %first
  %skip = select i1 %none, i64 0, i64 %many
  store atomic i64 %level.next, ptr %level.at monotonic, align 8
  store atomic i64 %skip, ptr %memory monotonic, align 8
  ret void
}}

; Nanoseconds of a clock.
define i64 @kernelgen_now() {{
  %at = alloca [2 x i64]
  %status = call i32 @clock_gettime(i32 {monotonic}, ptr %at)
  %seconds = load i64, ptr %at
  %rest.at = getelementptr i64, ptr %at, i64 1
  %rest = load i64, ptr %rest.at
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %rest
  ret i64 %sum
}}

; Look at a word until it is zero or not, as wanted, for so many nanoseconds at most.
define internal i1 @watch(ptr %word, i1 %zero, i64 %time) {{
entry:
  %start = call i64 @kernelgen_now()
  br label %look
look:
  %k = phi i64 [ 0, %entry ], [ %k.next, %pause ], [ 0, %clock ]
  %value = load atomic i64, ptr %word acquire, align 8
  %is.zero = icmp eq i64 %value, 0
  %found = icmp eq i1 %is.zero, %zero
  br i1 %found, label %yes, label %wait
wait:
  %often = icmp eq i64 %k, 16
  br i1 %often, label %clock, label %pause
pause:
  call void {pause}
  %k.next = add i64 %k, 1
  br label %look
clock:
  %now = call i64 @kernelgen_now()
  %passed = sub i64 %now, %start
  %late = icmp sgt i64 %passed, %time
  br i1 %late, label %no, label %look
yes:
  ret i1 true
no:
  ret i1 false
}}

; Take the spin lock. Its holders are soon done, unless they lose their processor just then.
define internal void @lock(ptr %pool) {{
entry:
  %at = getelementptr %pool, ptr %pool, i64 0, i32 8
  br label %each
each:
  %k = phi i64 [ 1, %entry ], [ %k.next, %wait ], [ 1, %yield ]
  %before = atomicrmw xchg ptr %at, i64 1 acquire
  %free = icmp eq i64 %before, 0
  br i1 %free, label %done, label %pause
pause:
  call void {pause}
  %k.next = add i64 %k, 1
  %long = icmp eq i64 %k.next, 100
  br i1 %long, label %yield, label %wait
wait:
  br label %each
yield:
  %status = call i32 @sched_yield()
  br label %each
done:
  ret void
}}

define internal void @unlock(ptr %pool) {{
  %at = getelementptr %pool, ptr %pool, i64 0, i32 8
  store atomic i64 0, ptr %at release, align 8
  ret void
}}

; Wake some of those who wait for a condition: they have it looked up under the mutex.
define internal void @rouse(ptr %pool, ptr %condition, i64 %count) {{
entry:
  %none = icmp eq i64 %count, 0
  br i1 %none, label %done, label %pass
pass:
  %a = call i32 @pthread_mutex_lock(ptr %pool)
  %b = call i32 @pthread_mutex_unlock(ptr %pool)
  br label %each
each:
  %k = phi i64 [ 0, %pass ], [ %k.next, %each ]
  %c = call i32 @pthread_cond_signal(ptr %condition)
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %count
  br i1 %more, label %each, label %done
done:
  ret void
}}

; Take a task out of the list, if it still is in it. The lock is held.
define internal void @unlist(ptr %pool, ptr %task) {{
entry:
  %listed.at = getelementptr %task, ptr %task, i64 0, i32 6
  %listed = load i64, ptr %listed.at
  %gone = icmp eq i64 %listed, 0
  br i1 %gone, label %done, label %find
find:
  store i64 0, ptr %listed.at
  %first.at = getelementptr %pool, ptr %pool, i64 0, i32 3
  br label %each
each:
  %at = phi ptr [ %first.at, %find ], [ %other, %next ]
  %other = load ptr, ptr %at
  %this = icmp eq ptr %other, %task
  br i1 %this, label %found, label %next
next:
  br label %each
found:
  %following = load ptr, ptr %task
  store atomic ptr %following, ptr %at release, align 8
  br label %done
done:
  ret void
}}

; The first task in the list that has chunks and room, joined; null if there is none. The lock is
; held.
define internal ptr @join(ptr %pool) {{
entry:
  %first.at = getelementptr %pool, ptr %pool, i64 0, i32 3
  %first = load ptr, ptr %first.at
  br label %each
each:
  %task = phi ptr [ %first, %entry ], [ %following, %next ]
  %none = icmp eq ptr %task, null
  br i1 %none, label %done, label %look
look:
  %taken.at = getelementptr %task, ptr %task, i64 0, i32 13
  %taken = load atomic i64, ptr %taken.at monotonic, align 8
  %chunks.at = getelementptr %task, ptr %task, i64 0, i32 3
  %chunks = load i64, ptr %chunks.at
  %more = icmp slt i64 %taken, %chunks
  %active.at = getelementptr %task, ptr %task, i64 0, i32 5
  %active = load i64, ptr %active.at
  %room.at = getelementptr %task, ptr %task, i64 0, i32 4
  %room = load i64, ptr %room.at
  %fits = icmp slt i64 %active, %room
  %good = and i1 %more, %fits
  br i1 %good, label %take, label %next
take:
  %active.next = add i64 %active, 1
  store atomic i64 %active.next, ptr %active.at release, align 8
  br label %done
next:
  %following = load ptr, ptr %task
  br label %each
done:
  ret ptr %task
}}

; Have no more chunks taken, and keep the exception that this thread has set; the first one counts.
define internal void @fail(ptr %task) {{
  %parts = alloca [3 x ptr]
  %value.at = getelementptr ptr, ptr %parts, i64 1
  %traceback.at = getelementptr ptr, ptr %parts, i64 2
  %chunks.at = getelementptr %task, ptr %task, i64 0, i32 3
  %chunks = load i64, ptr %chunks.at
  %taken.at = getelementptr %task, ptr %task, i64 0, i32 13
  store atomic i64 %chunks, ptr %taken.at monotonic, align 8
  %gil = call i32 @PyGILState_Ensure()
  call void @PyErr_Fetch(ptr %parts, ptr %value.at, ptr %traceback.at)
  %failed.at = getelementptr %task, ptr %task, i64 0, i32 11
  %failed = atomicrmw xchg ptr %failed.at, i32 1 acq_rel
  %first = icmp eq i32 %failed, 0
  br i1 %first, label %keep, label %drop
keep:
  %kept = getelementptr %task, ptr %task, i64 0, i32 7
  %parts.value = load [3 x ptr], ptr %parts
  store [3 x ptr] %parts.value, ptr %kept
  br label %done
drop:
  %type = load ptr, ptr %parts
  %value = load ptr, ptr %value.at
  %traceback = load ptr, ptr %traceback.at
  call void @Py_DecRef(ptr %type)
  call void @Py_DecRef(ptr %value)
  call void @Py_DecRef(ptr %traceback)
  br label %done
done:
  call void @PyGILState_Release(i32 %gil)
  ret void
}}

; Let Python handle signals; whether a handler raised.
define internal i1 @interrupted() {{
  %gil = call i32 @PyGILState_Ensure()
  %status = call i32 @PyErr_CheckSignals()
  call void @PyGILState_Release(i32 %gil)
  %raised = icmp ne i32 %status, 0
  ret i1 %raised
}}

; Run chunks of a task until none is left. The main thread looks for signals from time to time.
define internal void @work(ptr %task, i1 %main) {{
entry:
  %run.at = getelementptr %task, ptr %task, i64 0, i32 1
  %run = load ptr, ptr %run.at
  %argument.at = getelementptr %task, ptr %task, i64 0, i32 2
  %argument = load ptr, ptr %argument.at
  %chunks.at = getelementptr %task, ptr %task, i64 0, i32 3
  %chunks = load i64, ptr %chunks.at
  %taken.at = getelementptr %task, ptr %task, i64 0, i32 13
  %begun = call i64 @kernelgen_now()
  br label %each
each:
  %looked = phi i64 [ %begun, %entry ], [ %looked, %fine ], [ %looked.now, %on ]
  %chunk = atomicrmw add ptr %taken.at, i64 1 monotonic
  %more = icmp slt i64 %chunk, %chunks
  br i1 %more, label %go, label %done
go:
  %status = call i32 %run(ptr %argument, i64 %chunk)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %fine, label %failed
fine:
  br i1 %main, label %clock, label %each
clock:
  %now = call i64 @kernelgen_now()
  %passed = sub i64 %now, %looked
  %late = icmp sgt i64 %passed, {signals}
  br i1 %late, label %signals, label %on
signals:
  %raised = call i1 @interrupted()
  br i1 %raised, label %failed, label %on
on:
  %looked.now = phi i64 [ %looked, %clock ], [ %now, %signals ]
  br label %each
failed:
  call void @fail(ptr %task)
  br label %done
done:
  ret void
}}

; What a worker does as long as the process lives. Their numbers begin at 1.
define void @kernelgen_worker(ptr %pool, i64 %number) {{
entry:
  %key = load i32, ptr @key
  %kept = inttoptr i64 %number to ptr
  %set = call i32 @pthread_setspecific(i32 %key, ptr %kept)
  %wake = getelementptr %pool, ptr %pool, i64 0, i32 1
  %finished = getelementptr %pool, ptr %pool, i64 0, i32 2
  %tasks = getelementptr %pool, ptr %pool, i64 0, i32 3
  %sleeping = getelementptr %pool, ptr %pool, i64 0, i32 4
  %offered = getelementptr %pool, ptr %pool, i64 0, i32 9
  %waiting = getelementptr %pool, ptr %pool, i64 0, i32 10
  br label %look
look:
  ; Who wakes for a task that is over by then looks for the next one before sleeping again.
  %spun = phi i1 [ false, %entry ], [ false, %awake ], [ true, %spin ]
  call void @lock(ptr %pool)
  %seen = load atomic i64, ptr %offered monotonic, align 8
  %task = call ptr @join(ptr %pool)
  call void @unlock(ptr %pool)
  %none = icmp eq ptr %task, null
  br i1 %none, label %idle, label %joined
idle:
  br i1 %spun, label %sleep, label %spin
sleep:
  ; Who offers counts the offer, then looks whether somebody sleeps; here it is the other way round.
  %a = call i32 @pthread_mutex_lock(ptr %pool)
  %b = atomicrmw add ptr %sleeping, i64 1 seq_cst
  br label %asleep
asleep:
  %offers = load atomic i64, ptr %offered seq_cst, align 8
  %news = icmp ne i64 %offers, %seen
  br i1 %news, label %awake, label %wait
wait:
  %c = call i32 @pthread_cond_wait(ptr %wake, ptr %pool)
  br label %asleep
awake:
  %d = atomicrmw sub ptr %sleeping, i64 1 seq_cst
  %e = call i32 @pthread_mutex_unlock(ptr %pool)
  br label %look
joined:
  %f = call i32 @feclearexcept(i32 {exceptions})
  call void @work(ptr %task, i1 false)
  %raised = call i32 @fetestexcept(i32 {exceptions})
  call void @lock(ptr %pool)
  call void @unlist(ptr %pool, ptr %task)
  %floating.at = getelementptr %task, ptr %task, i64 0, i32 10
  %floating = load i32, ptr %floating.at
  %both = or i32 %floating, %raised
  store i32 %both, ptr %floating.at
  call void @unlock(ptr %pool)
  ; Behind this the task may be gone.
  %active.at = getelementptr %task, ptr %task, i64 0, i32 5
  %g = atomicrmw sub ptr %active.at, i64 1 seq_cst
  %waiters = load atomic i64, ptr %waiting seq_cst, align 8
  call void @rouse(ptr %pool, ptr %finished, i64 %waiters)
  br label %spin
spin:
  %found = call i1 @watch(ptr %tasks, i1 false, i64 {spin})
  br label %look
}}

; Put a task in the list, and wake as many workers as it has use for.
define internal void @offer(ptr %pool, ptr %task, i64 %useful) {{
  %wake = getelementptr %pool, ptr %pool, i64 0, i32 1
  %tasks = getelementptr %pool, ptr %pool, i64 0, i32 3
  %sleeping = getelementptr %pool, ptr %pool, i64 0, i32 4
  %offered = getelementptr %pool, ptr %pool, i64 0, i32 9
  call void @lock(ptr %pool)
  %first = load ptr, ptr %tasks
  store ptr %first, ptr %task
  store atomic ptr %task, ptr %tasks release, align 8
  call void @unlock(ptr %pool)
  %a = atomicrmw add ptr %offered, i64 1 seq_cst
  %asleep = load atomic i64, ptr %sleeping seq_cst, align 8
  %count = call i64 @llvm.umin.i64(i64 %asleep, i64 %useful)
  call void @rouse(ptr %pool, ptr %wake, i64 %count)
  ret void
}}

; Let nobody join a task any more, and wait for those who have.
define internal void @finish(ptr %pool, ptr %task, i1 %main) {{
entry:
  %until = alloca [2 x i64]
  %finished = getelementptr %pool, ptr %pool, i64 0, i32 2
  %waiting = getelementptr %pool, ptr %pool, i64 0, i32 10
  %active.at = getelementptr %task, ptr %task, i64 0, i32 5
  call void @lock(ptr %pool)
  call void @unlist(ptr %pool, ptr %task)
  call void @unlock(ptr %pool)
  %soon = call i1 @watch(ptr %active.at, i1 true, i64 {wait})
  br i1 %soon, label %done, label %wait
wait:
  %a = call i32 @pthread_mutex_lock(ptr %pool)
  %b = atomicrmw add ptr %waiting, i64 1 seq_cst
  br label %look
look:
  %active = load atomic i64, ptr %active.at seq_cst, align 8
  %none = icmp eq i64 %active, 0
  br i1 %none, label %end, label %sleep
sleep:
  %c = call i32 @clock_gettime(i32 0, ptr %until)
  %rest.at = getelementptr i64, ptr %until, i64 1
  %rest = load i64, ptr %rest.at
  %later = add i64 %rest, {signals}
  %over = icmp sge i64 %later, 1000000000
  %carry = zext i1 %over to i64
  %whole = mul i64 %carry, 1000000000
  %rest.next = sub i64 %later, %whole
  store i64 %rest.next, ptr %rest.at
  %seconds = load i64, ptr %until
  %seconds.next = add i64 %seconds, %carry
  store i64 %seconds.next, ptr %until
  %d = call i32 @pthread_cond_timedwait(ptr %finished, ptr %pool, ptr %until)
  %late = icmp eq i32 %d, {timedout}
  %ask = and i1 %late, %main
  br i1 %ask, label %signals, label %look
signals:
  %e = atomicrmw sub ptr %waiting, i64 1 seq_cst
  %f = call i32 @pthread_mutex_unlock(ptr %pool)
  %raised = call i1 @interrupted()
  br i1 %raised, label %failed, label %wait
failed:
  call void @fail(ptr %task)
  br label %wait
end:
  %g = atomicrmw sub ptr %waiting, i64 1 seq_cst
  %h = call i32 @pthread_mutex_unlock(ptr %pool)
  br label %done
done:
  ret void
}}

; Call ``run(argument, chunk)`` for each chunk, on this thread and on workers: 0, or -1 with the
; exception set of a chunk that did not return 0; then some chunks may not have been run.
define i32 @kernelgen_launch(ptr %pool, ptr %run, ptr %argument, i64 %chunks) {{
entry:
  %task = alloca %task, align 64
  call void @llvm.memset.p0.i64(ptr %task, i8 0, i64 192, i1 false)
  %run.at = getelementptr %task, ptr %task, i64 0, i32 1
  store ptr %run, ptr %run.at
  %argument.at = getelementptr %task, ptr %task, i64 0, i32 2
  store ptr %argument, ptr %argument.at
  %chunks.at = getelementptr %task, ptr %task, i64 0, i32 3
  store i64 %chunks, ptr %chunks.at
  %room.at = getelementptr %pool, ptr %pool, i64 0, i32 6
  %workers.at = getelementptr %pool, ptr %pool, i64 0, i32 5
  %wanted = load atomic i64, ptr %room.at monotonic, align 8
  %workers = load atomic i64, ptr %workers.at monotonic, align 8
  %short = icmp slt i64 %workers, %wanted
  br i1 %short, label %start, label %ready
start:
  %start.gil = call i32 @PyGILState_Ensure()
  %answer = call ptr @PyObject_CallNoArgs(ptr @start)
  call void @Py_DecRef(ptr %answer)
  call void @PyGILState_Release(i32 %start.gil)
  %none = icmp eq ptr %answer, null
  br i1 %none, label %failure, label %ready
ready:
  %room = load atomic i64, ptr %room.at monotonic, align 8
  %task.room.at = getelementptr %task, ptr %task, i64 0, i32 4
  store i64 %room, ptr %task.room.at
  %listed.at = getelementptr %task, ptr %task, i64 0, i32 6
  store i64 1, ptr %listed.at
  %identity = call i64 @PyThread_get_thread_ident()
  %main.at = getelementptr %pool, ptr %pool, i64 0, i32 7
  %main.identity = load i64, ptr %main.at
  %main = icmp eq i64 %identity, %main.identity
  %others = sub i64 %chunks, 1
  %useful = call i64 @llvm.umin.i64(i64 %others, i64 %room)
  %held = call i32 @PyGILState_Check()
  %holds = icmp ne i32 %held, 0
  br i1 %holds, label %let, label %go
let:
  %saved = call ptr @PyEval_SaveThread()
  br label %go
go:
  %state = phi ptr [ null, %ready ], [ %saved, %let ]
  call void @offer(ptr %pool, ptr %task, i64 %useful)
  call void @work(ptr %task, i1 %main)
  call void @finish(ptr %pool, ptr %task, i1 %main)
  br i1 %holds, label %take, label %ended
take:
  call void @PyEval_RestoreThread(ptr %state)
  br label %ended
ended:
  %floating.at = getelementptr %task, ptr %task, i64 0, i32 10
  %floating = load i32, ptr %floating.at
  %any = icmp ne i32 %floating, 0
  br i1 %any, label %report, label %check
report:
  %reported = call i32 @feraiseexcept(i32 %floating)
  br label %check
check:
  %failed.at = getelementptr %task, ptr %task, i64 0, i32 11
  %failed = load i32, ptr %failed.at
  %bad = icmp ne i32 %failed, 0
  br i1 %bad, label %raise, label %good
raise:
  %parts = getelementptr %task, ptr %task, i64 0, i32 7
  %value.at = getelementptr %task, ptr %task, i64 0, i32 8
  %traceback.at = getelementptr %task, ptr %task, i64 0, i32 9
  %type = load ptr, ptr %parts
  %value = load ptr, ptr %value.at
  %traceback = load ptr, ptr %traceback.at
  %gil = call i32 @PyGILState_Ensure()
  call void @PyErr_Restore(ptr %type, ptr %value, ptr %traceback)
  call void @PyGILState_Release(i32 %gil)
  br label %failure
good:
  ret i32 0
failure:
  ret i32 -1
}}
"""
