"""Normal and exponential numbers by the ziggurat method, where one word of the generator is enough.

NumPy's functions cover the density by layers. A word says which layer, and how far from its middle;
nearly always that is a number to return. What else there is to do, NumPy's own function does, which
is given the same word again. How wide the layers are is in tables that ``runtime/ziggurats.py``
fills.
"""

from __future__ import annotations

from typing import NamedTuple

LAYERS = 256
FUSED = "kernelgen_fused"
"""The symbol of a byte: whether NumPy's function adds to a product without rounding that."""


class Ziggurat(NamedTuple):
    """How NumPy's function of that name takes a word apart.

    Parameters
    ----------
    name : str
        The function.
    layer : int
        The place of the bits that say which layer.
    signed : bool
        Whether the bit behind these is the sign.
    bits : int
        How many bits behind these the distance has.
    """

    name: str
    layer: int
    signed: bool
    bits: int

    @property
    def distance(self) -> int:
        """The place of the bits that say how far from the middle."""
        return self.layer + 8 + self.signed

    @property
    def others(self) -> int:
        """All bits of a word that say neither which layer nor how far."""
        told = (LAYERS - 1) << self.layer | ((1 << self.bits) - 1) << self.distance
        return ((1 << 64) - 1) & ~told

    @property
    def symbol(self) -> str:
        """What draws a number: of the address of the generator's interface."""
        return f"kernelgen_{self.name}"

    @property
    def widths(self) -> str:
        """The symbol of the table of the numbers that distances are multiplied by."""
        return f"{self.symbol}_widths"

    @property
    def limits(self) -> str:
        """The symbol of the table of what distances have to be less than."""
        return f"{self.symbol}_limits"

    @property
    def rest(self) -> str:
        """The symbol of what is called where a word is not enough."""
        return f"{self.symbol}_of_word"

    @property
    def definition(self) -> str:
        """The function that draws a number."""
        sign = [
            f"  %sign.at = lshr i64 %word, {self.layer + 8}",
            "  %sign = trunc i64 %sign.at to i1",
            "  %minus = fneg double %size",
            "  %x = select i1 %sign, double %minus, double %size",
            "  ret double %x",
        ]
        return "\n".join(
            [
                f"@{self.widths} = external constant [{LAYERS} x double]",
                f"@{self.limits} = external constant [{LAYERS} x i64]",
                f"declare double @{self.rest}(ptr, i64) nounwind cold",
                f"define internal double @{self.symbol}(ptr %interface) alwaysinline nounwind {{",
                "  %next.at = getelementptr i8, ptr %interface, i64 8",
                "  %next = load ptr, ptr %next.at, !invariant.load !{}",
                "  %state = load ptr, ptr %interface, !invariant.load !{}",
                "  %word = call i64 %next(ptr %state)",
                f"  %layer.at = lshr i64 %word, {self.layer}",
                f"  %layer = and i64 %layer.at, {LAYERS - 1}",
                f"  %distance.at = lshr i64 %word, {self.distance}",
                f"  %distance = and i64 %distance.at, {(1 << self.bits) - 1}",
                f"  %limit.at = getelementptr i64, ptr @{self.limits}, i64 %layer",
                "  %limit = load i64, ptr %limit.at, !invariant.load !{}",
                "  %inside = icmp ult i64 %distance, %limit",
                "  br i1 %inside, label %quick, label %slow",
                "quick:",
                f"  %width.at = getelementptr double, ptr @{self.widths}, i64 %layer",
                "  %width = load double, ptr %width.at, !invariant.load !{}",
                "  %number = sitofp i64 %distance to double",
                "  %size = fmul double %number, %width",
                *(sign if self.signed else ["  ret double %size"]),
                "slow:",
                f"  %other = call double @{self.rest}(ptr %interface, i64 %word)",
                "  ret double %other",
                "}",
            ]
        )


NORMAL = Ziggurat("standard_normal", 0, True, 52)
EXPONENTIAL = Ziggurat("standard_exponential", 3, False, 53)
ZIGGURATS = {ziggurat.name: ziggurat for ziggurat in (NORMAL, EXPONENTIAL)}

SCALED = {
    "normal": f"""
@{FUSED} = external constant i8
declare double @llvm.fma.f64(double, double, double)
define internal double @kernelgen_normal(ptr %interface, double %loc, double %scale)
    alwaysinline nounwind {{
  %fused = load i8, ptr @{FUSED}, !invariant.load !{{}}
  %plain = icmp eq i8 %fused, 0
  %x = call double @{NORMAL.symbol}(ptr %interface)
  br i1 %plain, label %twice, label %once
twice:
  %product = fmul double %scale, %x
  %sum = fadd double %loc, %product
  ret double %sum
once:
  %total = call double @llvm.fma.f64(double %scale, double %x, double %loc)
  ret double %total
}}
""",
    "exponential": f"""
define internal double @kernelgen_exponential(ptr %interface, double %scale)
    alwaysinline nounwind {{
  %x = call double @{EXPONENTIAL.symbol}(ptr %interface)
  %product = fmul double %scale, %x
  ret double %product
}}
""",
}
"""What draws numbers with parameters, rounded as NumPy's functions round, by their names."""
