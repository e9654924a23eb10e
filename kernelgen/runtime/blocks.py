"""Memory of arrays in compiled code, and the NumPy arrays that are made of it: native functions.

What owns the memory of an array is a header of four words: how many values refer to it, the Python
object that it stands for, and its neighbours in the list of all blocks of a call. A header with an
object is in the frame of a call that was given this object, an array, and is never freed. All
others stand in front of their block, and are in the list while the call lasts. The list begins
with a header of its own, in the frame of the call.
"""

from __future__ import annotations

import numpy as np

from kernelgen.heap import (
    ALLOCATE,
    FREE_ALL,
    KEEP,
    MAKE_ARRAY,
    RELEASE,
    RETAIN,
    SIZE,
)
from kernelgen.runtime import cpython_api, numpy_api
from kernelgen.runtime.layouts import (
    ARRAY_DATA,
    ARRAY_DTYPE,
    ARRAY_NDIM,
    ARRAY_SHAPE,
    ARRAY_STRIDES,
    DTYPE_KIND,
    TYPE,
)

OBJECT, PREVIOUS, NEXT = 8, 16, 24
"""Offsets in a header. The elements of an array follow it."""

_ALIGNMENT = 64

NDARRAY = "kernelgen_ndarray"
"""The symbol of NumPy's class of arrays."""

SOURCE = f"""
@{NDARRAY} = external global i8
@block = private constant [16 x i8] c"kernelgen.block\\00"

declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare i32 @memcmp(ptr, ptr, i64)
declare ptr @PyCapsule_New(ptr, ptr, ptr)
declare ptr @PyCapsule_GetPointer(ptr, ptr)
declare ptr @PyArray_NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare i32 @PyArray_SetBaseObject(ptr, ptr)

; The owner of a new block of so many bytes behind it, with one reference to it; null if there is
; no memory.
define ptr @{ALLOCATE}(ptr %list, i64 %bytes) {{
  %negative = icmp slt i64 %bytes, 0
  %huge = icmp sgt i64 %bytes, {(1 << 62) - 1}
  %impossible = or i1 %negative, %huge
  br i1 %impossible, label %failed, label %possible
possible:
  %more = add i64 %bytes, {2 * _ALIGNMENT - 1}
  %whole = and i64 %more, {-_ALIGNMENT}
  %block = call ptr @aligned_alloc(i64 {_ALIGNMENT}, i64 %whole)
  %none = icmp eq ptr %block, null
  br i1 %none, label %failed, label %made
made:
  %owner = getelementptr i8, ptr %block, i64 {_ALIGNMENT - SIZE}
  store i64 1, ptr %owner
  %object.at = getelementptr i8, ptr %owner, i64 {OBJECT}
  store ptr null, ptr %object.at
  %first.at = getelementptr i8, ptr %list, i64 {NEXT}
  %first = load ptr, ptr %first.at
  %previous.at = getelementptr i8, ptr %owner, i64 {PREVIOUS}
  store ptr %list, ptr %previous.at
  %next.at = getelementptr i8, ptr %owner, i64 {NEXT}
  store ptr %first, ptr %next.at
  store ptr %owner, ptr %first.at
  %alone = icmp eq ptr %first, null
  br i1 %alone, label %done, label %linked
linked:
  %back.at = getelementptr i8, ptr %first, i64 {PREVIOUS}
  store ptr %owner, ptr %back.at
  br label %done
done:
  ret ptr %owner
failed:
  ret ptr null
}}

; Take a block out of its list, if it still is in it.
define internal void @unlink(ptr %owner) {{
  %previous.at = getelementptr i8, ptr %owner, i64 {PREVIOUS}
  %previous = load ptr, ptr %previous.at
  %out = icmp eq ptr %previous, null
  br i1 %out, label %done, label %in
in:
  %next.at = getelementptr i8, ptr %owner, i64 {NEXT}
  %next = load ptr, ptr %next.at
  %forth.at = getelementptr i8, ptr %previous, i64 {NEXT}
  store ptr %next, ptr %forth.at
  store ptr null, ptr %previous.at
  %last = icmp eq ptr %next, null
  br i1 %last, label %done, label %more
more:
  %back.at = getelementptr i8, ptr %next, i64 {PREVIOUS}
  store ptr %previous, ptr %back.at
  br label %done
done:
  ret void
}}

define internal void @free_block(ptr %owner) {{
  call void @unlink(ptr %owner)
  %start = getelementptr i8, ptr %owner, i64 {SIZE - _ALIGNMENT}
  call void @free(ptr %start)
  ret void
}}

; Whether an owner is that of a block, not an argument's or that of foreign memory.
define internal i1 @is_block(ptr %owner) alwaysinline {{
  %foreign = icmp eq ptr %owner, null
  br i1 %foreign, label %no, label %ours
ours:
  %object.at = getelementptr i8, ptr %owner, i64 {OBJECT}
  %object = load ptr, ptr %object.at
  %block = icmp eq ptr %object, null
  ret i1 %block
no:
  ret i1 false
}}

; Add a reference.
define void @{RETAIN}(ptr %owner) {{
  %block = call i1 @is_block(ptr %owner)
  br i1 %block, label %count, label %done
count:
  %references = load i64, ptr %owner
  %more = add i64 %references, 1
  store i64 %more, ptr %owner
  br label %done
done:
  ret void
}}

; Take a block out of the list of its call, which it outlives.
define void @{KEEP}(ptr %owner) {{
  %block = call i1 @is_block(ptr %owner)
  br i1 %block, label %out, label %done
out:
  call void @unlink(ptr %owner)
  br label %done
done:
  ret void
}}

; Drop a reference, and free the block with the last one.
define void @{RELEASE}(ptr %owner) {{
  %block = call i1 @is_block(ptr %owner)
  br i1 %block, label %count, label %done
count:
  %references = load i64, ptr %owner
  %left = sub i64 %references, 1
  store i64 %left, ptr %owner
  %none = icmp eq i64 %left, 0
  br i1 %none, label %free, label %done
free:
  call void @free_block(ptr %owner)
  br label %done
done:
  ret void
}}

; Free all blocks in a list.
define void @{FREE_ALL}(ptr %list) {{
  %first.at = getelementptr i8, ptr %list, i64 {NEXT}
  br label %each
each:
  %owner = load ptr, ptr %first.at
  %none = icmp eq ptr %owner, null
  br i1 %none, label %done, label %free
free:
  call void @free_block(ptr %owner)
  br label %each
done:
  ret void
}}

define internal void @free_capsule(ptr %capsule) {{
  %owner = call ptr @PyCapsule_GetPointer(ptr %capsule, ptr @block)
  call void @{RELEASE}(ptr %owner)
  ret void
}}

; A new reference to what keeps a block or the memory of an argument alive: a capsule, which takes
; over the reference to the block, or the argument. The block is in no list.
define internal ptr @base_of(ptr %owner) {{
  %object.at = getelementptr i8, ptr %owner, i64 {OBJECT}
  %object = load ptr, ptr %object.at
  %block = icmp eq ptr %object, null
  br i1 %block, label %capsule, label %argument
capsule:
  %made = call ptr @PyCapsule_New(ptr %owner, ptr @block, ptr @free_capsule)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %drop, label %done
drop:
  call void @{RELEASE}(ptr %owner)
  br label %done
done:
  ret ptr %made
argument:
  call void @Py_IncRef(ptr %object)
  ret ptr %object
}}

; Whether an array is the argument itself: the same address, shape, strides and kind of elements.
; A record that is an argument is no array.
define internal i1 @is_argument(ptr %object, ptr %dtype, i32 %ndim, ptr %lengths, ptr %data) {{
  %is.argument = icmp ne ptr %object, null
  br i1 %is.argument, label %ask, label %no
ask:
  %class.at = getelementptr i8, ptr %object, i64 {TYPE}
  %class = load ptr, ptr %class.at
  %is.array = icmp eq ptr %class, @{NDARRAY}
  br i1 %is.array, label %look, label %no
look:
  %data.at = getelementptr i8, ptr %object, i64 {ARRAY_DATA}
  %its.data = load ptr, ptr %data.at
  %ndim.at = getelementptr i8, ptr %object, i64 {ARRAY_NDIM}
  %its.ndim = load i32, ptr %ndim.at
  %same.data = icmp eq ptr %its.data, %data
  %same.ndim = icmp eq i32 %its.ndim, %ndim
  %dtype.at = getelementptr i8, ptr %object, i64 {ARRAY_DTYPE}
  %its.dtype = load ptr, ptr %dtype.at
  %its.kind.at = getelementptr i8, ptr %its.dtype, i64 {DTYPE_KIND}
  %its.kind = load i8, ptr %its.kind.at
  %kind.at = getelementptr i8, ptr %dtype, i64 {DTYPE_KIND}
  %kind = load i8, ptr %kind.at
  %same.kind = icmp eq i8 %its.kind, %kind
  %same.place = and i1 %same.data, %same.ndim
  %alike = and i1 %same.place, %same.kind
  br i1 %alike, label %compare, label %no
compare:
  %count = sext i32 %ndim to i64
  %bytes = mul i64 %count, 8
  %shape.at = getelementptr i8, ptr %object, i64 {ARRAY_SHAPE}
  %shape = load ptr, ptr %shape.at
  %strides.at = getelementptr i8, ptr %object, i64 {ARRAY_STRIDES}
  %strides = load ptr, ptr %strides.at
  %steps = getelementptr i8, ptr %lengths, i64 %bytes
  %a = call i32 @memcmp(ptr %shape, ptr %lengths, i64 %bytes)
  %b = call i32 @memcmp(ptr %strides, ptr %steps, i64 %bytes)
  %differ = or i32 %a, %b
  %same = icmp eq i32 %differ, 0
  ret i1 %same
no:
  ret i1 false
}}

; A new reference to the NumPy array of these parts; null with an exception set. ``lengths`` are the
; shape, then the strides. The reference to the block is taken over in any case. The owner is not
; null: an array without one is not handed out.
define ptr @{MAKE_ARRAY}(ptr %dtype, i32 %ndim, ptr %lengths, ptr %data, ptr %owner, i32 %flags) {{
  %object.at = getelementptr i8, ptr %owner, i64 {OBJECT}
  %object = load ptr, ptr %object.at
  %is.argument = call i1 @is_argument(ptr %object, ptr %dtype, i32 %ndim, ptr %lengths, ptr %data)
  br i1 %is.argument, label %argument, label %make
argument:
  call void @Py_IncRef(ptr %object)
  ret ptr %object
make:
  %base = call ptr @base_of(ptr %owner)
  %no.base = icmp eq ptr %base, null
  br i1 %no.base, label %failed, label %array
array:
  %count = sext i32 %ndim to i64
  %strides = getelementptr i64, ptr %lengths, i64 %count
  call void @Py_IncRef(ptr %dtype)
  %made = call ptr @PyArray_NewFromDescr(ptr @{NDARRAY}, ptr %dtype, i32 %ndim, ptr %lengths,
      ptr %strides, ptr %data, i32 %flags, ptr null)
  %no.array = icmp eq ptr %made, null
  br i1 %no.array, label %drop.base, label %join
join:
  %status = call i32 @PyArray_SetBaseObject(ptr %made, ptr %base)
  %joined = icmp eq i32 %status, 0
  br i1 %joined, label %done, label %drop.array
done:
  ret ptr %made
drop.array:
  call void @Py_DecRef(ptr %made)
  br label %failed
drop.base:
  call void @Py_DecRef(ptr %base)
  br label %failed
failed:
  ret ptr null
}}
"""


def symbols() -> dict[str, int]:
    """What to link the source with."""
    return {**cpython_api.symbols(), **numpy_api.symbols(), NDARRAY: id(np.ndarray)}
