"""Writing LLVM IR for a thread of a grid that a processor emulates.

The thread has a *context* (`targets/emulated.py`), in which its registers stand. Where it waits for
others, it is suspended as a coroutine; who runs the block resumes it (`runtime/emulator_code.py`).
"""

from __future__ import annotations

from kernelgen.llvm_grid import GridEmitter
from kernelgen.source import Loc
from kernelgen.targets.emulated import (
    ACCESSES,
    AT,
    BARRIER,
    CONTEXT,
    EXCHANGE,
    TOUCHED,
    WARP,
    register_place,
)
from kernelgen.types.table import Scalar


class EmulatedEmitter(GridEmitter):
    """An emitter for the host's processor.

    Parameters
    ----------
    math_flags : str
        As of all emitters.
    watched : bool
        Whether accesses to shared memory are looked at.

    Attributes
    ----------
    shared_bytes : int
        How much of the block's memory the arrays of constant shape take.
    """

    hidden = (f"ptr {CONTEXT}",)

    def __init__(self, math_flags: str = "", *, watched: bool = False) -> None:
        super().__init__(math_flags)
        self.watched = watched
        self.shared_bytes = 0

    def register(self, name: str) -> str:
        """Load it from the context."""
        if name == "laneid":
            return self(f"and i32 {self._loaded('i32', AT['thread'])}, 31")
        return self._loaded("i32", register_place(name))

    def barrier(self, loc: Loc | None) -> None:
        """Wait, and be resumed when all threads do."""
        self._wait(BARRIER, "0", loc)

    def warp_barrier(self, mask: str, loc: Loc | None) -> None:
        """Wait, and be resumed when those in the mask do."""
        self._wait(WARP, mask, loc)

    def shared(self, t: Scalar, count: int) -> str:
        """A part of the block's memory."""
        place = self.shared_bytes
        self.shared_bytes += -(-max(count, 1) * t.size // 16) * 16
        base = self._loaded("ptr", AT["shared"])
        return self(f"getelementptr i8, ptr {base}, i64 {place}")

    def dynamic_shared(self) -> tuple[str, str]:
        """What the launch asked for."""
        return self._loaded("ptr", AT["dynamic"]), self._loaded("i64", AT["dynamic_bytes"])

    def shuffle(self, kind: str, mask: str, value: str, lane: str, loc: Loc | None) -> str:
        """Hand over a word, wait, and take another thread's."""
        own = self.register("laneid")
        self._hand_over(value)
        self._wait(EXCHANGE, mask, loc)
        if kind == "idx":
            return self._taken(self(f"and i32 {lane}, 31"))
        if kind == "xor":
            return self._taken_within(own, self(f"xor i32 {own}, {lane}"))
        opcode = "sub" if kind == "up" else "add"
        return self._taken_within(own, self(f"{opcode} i32 {own}, {lane}"))

    def vote(self, kind: str, mask: str, predicate: str, loc: Loc | None) -> str:
        """Hand over a bit, wait, and look at those of all in the mask: all do if nobody denies."""
        own = self.register("laneid")
        asked = self(f"xor i1 {predicate}, true") if kind == "all" else predicate
        self._hand_over(self(f"shl i32 {self(f'zext i1 {asked} to i32')}, {own}"))
        self._wait(EXCHANGE, mask, loc)
        bits = "0"
        for lane in range(32):
            bits = self(f"or i32 {bits}, {self._taken(str(lane))}")
        bits = self(f"and i32 {bits}, {mask}")
        if kind == "ballot":
            return bits
        return self(f"icmp {'ne' if kind == 'any' else 'eq'} i32 {bits}, 0")

    def touched(self, t: Scalar, address: str, access: str, loc: Loc | None) -> None:
        """Have the access looked at."""
        if self.watched:
            self.declarations[TOUCHED] = f"declare void @{TOUCHED}(ptr, ptr, i64, i32, i32)"
            given = f"ptr {CONTEXT}, ptr {address}, i64 {t.size}, i32 {ACCESSES.index(access)}"
            self.lines.append(f"  call void @{TOUCHED}({given}, i32 {self.place(loc)})")

    def _wait(self, why: int, mask: str, loc: Loc | None) -> None:
        for name, value in (("why", why), ("mask", mask), ("site", self.place(loc))):
            at = self(f"getelementptr i8, ptr {CONTEXT}, i64 {AT[name]}")
            self.lines.append(f"  store i32 {value}, ptr {at}")
        self.declarations["coro.suspend"] = "declare i8 @llvm.coro.suspend(token, i1)"
        self.pause(self("call i8 @llvm.coro.suspend(token none, i1 false)"))

    def _hand_over(self, word: str) -> None:
        at = self(f"getelementptr i8, ptr {CONTEXT}, i64 {AT['given']}")
        self.lines.append(f"  store i32 {word}, ptr {at}")

    def _taken(self, lane: str) -> str:
        """The word of a lane of this warp."""
        words = self._loaded("ptr", AT["taken"])
        return self(f"load i32, ptr {self(f'getelementptr i32, ptr {words}, i32 {lane}')}")

    def _taken_within(self, own: str, lane: str) -> str:
        """The same, or the thread's own if there is no such lane."""
        inside = self(f"icmp ult i32 {lane}, 32")
        return self._taken(self(f"select i1 {inside}, i32 {lane}, i32 {own}"))

    def _loaded(self, llvm: str, place: int) -> str:
        return self(f"load {llvm}, ptr {self(f'getelementptr i8, ptr {CONTEXT}, i64 {place}')}")
