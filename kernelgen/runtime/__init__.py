"""The only ctypes in the house: NumPy's and CPython's C API, and the LLVM engine."""
