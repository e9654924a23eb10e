"""Linear regression by gradient descent, on the diabetes data that scikit-learn ships.

How far the disease has progressed after a year is predicted from ten measurements of 442 patients
and from products of these, up to 65 features. Needs scikit-learn.
"""

from __future__ import annotations

import time
from itertools import combinations_with_replacement

import numpy as np

from kernelgen import njit


@njit
def descend(x, y, steps, rate):
    """The weights after some steps down the gradient of the mean squared error."""
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        w -= rate / len(y) * (x.T @ (x @ w - y))
    return w


@njit
def mean_squared_error(x, y, w):
    """Of the prediction by the weights."""
    return np.sum((x @ w - y) ** 2) / len(y)


def features(data):
    """The measurements and all products of two of them, each with mean 0 and deviation 1."""
    pairs = combinations_with_replacement(range(data.shape[1]), 2)
    columns = np.column_stack([data, *(data[:, i] * data[:, j] for i, j in pairs)])
    columns = columns[:, np.ptp(columns, axis=0) > 0]
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def measured(function, *arguments):
    """The result and the best time of several calls, in milliseconds."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        result = function(*arguments)
        times.append(time.perf_counter() - start)
    return result, 1e3 * min(times)


def main() -> None:
    """Fit with more and more features, compiled and as plain NumPy."""
    try:
        from sklearn.datasets import load_diabetes
    except ImportError:
        print("This example needs scikit-learn: pip install scikit-learn")
        return
    data, target = load_diabetes(return_X_y=True, scaled=False)
    everything = features(data)
    y = target - target.mean()
    print("features  error before  after  least squares  kernelgen  NumPy")
    for d in (2, 5, 10, 30, 65):
        x = np.ascontiguousarray(everything[:, :d])
        rate = 1 / np.linalg.norm(x, 2) ** 2 * len(y)
        descend(x, y, 1, rate)
        w, ours = measured(descend, x, y, 1000, rate)
        plain, theirs = measured(descend.py_func, x, y, 1000, rate)
        best = np.linalg.lstsq(x, y, rcond=None)[0]
        errors = [mean_squared_error(x, y, weights) for weights in (np.zeros(d), w, best)]
        print(
            f"{d:8}  {errors[0]:12.0f}  {errors[1]:5.0f}  {errors[2]:13.0f}"
            f"  {ours:6.1f} ms  {theirs:5.1f} ms"
        )
        assert np.allclose(w, plain)
        assert errors[2] <= errors[1] * (1 + 1e-9) < errors[0]


if __name__ == "__main__":
    main()
