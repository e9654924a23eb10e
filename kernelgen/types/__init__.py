"""Types of kernel values: scalars, tuples, ranges, and what NumPy makes of pairs of them."""
