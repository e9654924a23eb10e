"""A kernel's entries on the CPU: the LLVM of the GPU, run for one thread of a grid after the other.

Registers that say which thread it is become variables, and libdevice's functions those of libm. So
this tells of the loops, the addresses and the exceptions, but nothing of libdevice, of LLVM's back
end, or of threads that run at the same time.
"""

from __future__ import annotations

import ctypes
import re

import numpy as np

from kernelgen.lower import Lowered
from kernelgen.payload import read_words
from kernelgen.runtime import engine
from kernelgen.shells.grid import grid_module
from kernelgen.targets import cuda

REGISTERS = ("tid", "ctaid", "ntid", "nctaid")


class Emulated:
    """A kernel, launched on a grid of ``blocks`` times ``threads``."""

    def __init__(self, kernel: Lowered, blocks: int = 3, threads: int = 4) -> None:
        self.kernel = kernel
        self.grid = blocks, threads
        module = engine.compile_module(_for_cpu(grid_module(kernel)))
        exports = [cuda.CONTIGUOUS, cuda.STRIDED, *REGISTERS]
        self._library = engine.link(module.object_code, exports, {})
        self.errors = np.zeros(cuda.WORDS // 8 + kernel.words, np.uint64)

    def contiguous(self, *arrays: np.ndarray) -> None:
        self._launch(cuda.CONTIGUOUS, arrays[-1].size, arrays, [])

    def strided(self, *arrays: np.ndarray) -> None:
        """Inputs are broadcast to the last of the outputs."""
        shape = arrays[-1].shape or (1,)
        if 0 in shape:  # then nothing is launched
            return
        whole = [np.broadcast_to(a, shape) for a in arrays]
        strides = [[a.strides[axis] for a in whole] for axis in reversed(range(len(shape)))]
        space = ctypes.create_string_buffer(cuda.pack_space(shape[::-1], strides))
        self._launch(cuda.STRIDED, arrays[-1].size, arrays, [ctypes.addressof(space)])

    @property
    def exception(self) -> tuple[BaseException, int] | None:
        """The exception in the error block, and the number of the element."""
        block = self.errors.tobytes()
        status = int.from_bytes(block[:4], "little")
        if status == 0:
            return None
        error = self.kernel.errors[status - 1]
        element = int.from_bytes(block[cuda.ELEMENT : cuda.WORDS], "little")
        return error.make(read_words(error.slots, block[cuda.WORDS :])), element

    def _launch(self, entry: str, n: int, arrays: tuple[np.ndarray, ...], more: list[int]) -> None:
        given = [n, *(a.ctypes.data for a in arrays), *more]
        given += [self.errors.ctypes.data] * bool(self.kernel.errors)
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(given))(
            self._library.address(entry)
        )
        blocks, threads = self.grid
        for block in range(blocks):
            for thread in range(threads):
                for name, value in zip(REGISTERS, (thread, block, threads, blocks)):
                    ctypes.c_int32.from_address(self._library.address(name)).value = value
                function(*given)


def _for_cpu(text: str) -> str:
    register = r"@llvm\.nvvm\.read\.ptx\.sreg\.(\w+)\.x\(\)"
    text = re.sub(rf"declare i32 {register}", r"@\1 = global i32 0", text)
    text = re.sub(rf"call i32 {register}", r"load i32, ptr @\1", text)
    text = text.replace("ptx_kernel ", "").replace("byval(%space) align 8 ", "")
    return text.replace("@__nv_", "@")
