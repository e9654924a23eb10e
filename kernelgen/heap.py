"""The native functions that code calls which allocates arrays; ``runtime/blocks.py`` has them."""

from __future__ import annotations

SIZE = 32
"""Bytes of the header in front of a block's elements."""

LIST = "%heap"
"""The list of the blocks of a call, in functions that allocate."""

ALLOCATE = "kernelgen_allocate"
RETAIN = "kernelgen_retain"
RELEASE = "kernelgen_release"
KEEP = "kernelgen_keep"
FREE_ALL = "kernelgen_free_all"
MAKE_ARRAY = "kernelgen_make_array"

_OWN = "nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)"

DECLARED = {
    ALLOCATE: f"declare noalias ptr @{ALLOCATE}(ptr, i64) {_OWN}",
    RETAIN: f"declare void @{RETAIN}(ptr) {_OWN}",
    RELEASE: f"declare void @{RELEASE}(ptr) {_OWN}",
    KEEP: f"declare void @{KEEP}(ptr) {_OWN}",
    FREE_ALL: f"declare void @{FREE_ALL}(ptr)",
    MAKE_ARRAY: f"declare ptr @{MAKE_ARRAY}(ptr, i32, ptr, ptr, ptr, i32)",
}
"""Their declarations, by symbol."""
