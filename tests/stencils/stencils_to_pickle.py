"""Stencils at the top level of a module."""

from __future__ import annotations

from kernelgen import stencil


@stencil(mode="wrap", neighborhood=((-1, 1),))
def smooth(a, factor=2.0):
    """Add the neighbours."""
    return a[-1] * factor + a[1]
