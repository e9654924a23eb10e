"""From a code object to SSA: decoding, basic blocks, and the symbolic stack machine."""
