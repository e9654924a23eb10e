"""The loop over the rows of a matrix that is multiplied by a vector, and by what comes of that."""

from __future__ import annotations

from kernelgen.ir.core import Value
from kernelgen.ops import product_library as library
from kernelgen.rewrites.loop_arrays import Expression, Rows, array_type, element_type
from kernelgen.rewrites.virtual_rows import Virtual, put_in_place
from kernelgen.types.compound import NONE
from kernelgen.types.table import WEAK_INT

_FUNCTIONS = {
    ("matmul", False): library.matmul_there_and_back,
    ("matmul", True): library.left_matmul_there_and_back,
    ("dot", False): library.dot_there_and_back,
    ("dot", True): library.left_dot_there_and_back,
}


class NormalProduct(Expression):
    """A tree of ops on the products of rows and a vector, of which the root makes another product.

    The root's operands are the residuals that the tree computes, the array that gets the products,
    the matrix and the vector.
    """

    @property
    def independent(self) -> bool:
        """All rows are added to the one result."""
        return False

    def write(self) -> Value:
        residuals, products, x, w = self.root.operands
        made = self.w.emit(
            "array_of_shape", array_type(self.root.value), self.w.emit("dim", WEAK_INT, x, axis=1)
        )
        zero = self.w.emit("const", element_type(made), value=element_type(made).dtype.type(0))
        self.w.emit("assign", NONE, made, zero)
        t = array_type(residuals)._replace(layout="C")

        def on_row(rows: Rows, outer: tuple[Value, ...], count: Value | None) -> None:
            def element(i: Value) -> Value:
                return self.element(residuals, lambda leaf: self._get(rows[leaf], (i,)))

            assert count is not None
            function = _FUNCTIONS[self.root.attrs["of"], self.root.attrs["by_columns"]]
            put_in_place(self.w, function, [made, x, w, products, Virtual(t, count, element)])

        self._over_rows([], self.shapes[residuals], [], on_row)
        return made
