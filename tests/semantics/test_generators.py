"""Generator expressions, generator functions, and comprehensions of known length."""

from __future__ import annotations

import math

import numpy as np
import pytest
from array_backends import check as check_function
from backends import check

from kernelgen import vectorize
from kernelgen.errors import KernelgenError

X = np.array([0.5, -2.0, 3.5, 0.0])
Y = np.array([1.5, 2.0, -0.5, 4.0])
N = np.array([0, 1, 2, 5])
TABLE = np.array([1.5, -2.5, 4.0])


def test_sums_of_generators():
    def kernel(x, y):
        return (
            sum(v * v for v in (x, y, x - y)),
            sum((v for v in (x, y) if v > 1), x),
            sum(i * v for i, v in enumerate((x, y, x + y))),
            sum(a * b for a, b in zip((x, y), (y, 2.0))),
            sum(math.sqrt(abs(a * b)) for a in (x, y) for b in (x, 1.0) if a != b),
            sum(v * x for v in TABLE if v > 0),
        )

    check(kernel, X, Y)


def test_generators_over_ranges_are_loops():
    def kernel(x, n):
        return (
            sum(x * i for i in range(n)),
            sum(i * j + x for i in range(n) for j in range(i) if (i + j) % 2),
            sum(x for _ in reversed(range(1, n, 2))),
            math.prod(x + i for i in range(n)),
        )

    check(kernel, *(a.ravel() for a in np.meshgrid(X, N)))


def test_elements_have_types_of_their_own():
    def kernel(x, y):
        return sum(v * 2 for v in (x, y, 1)), max(v for v in (x, y)), sum(v for v in (x, x))

    check(kernel, np.array([1, 2], np.int8), np.array([2, 1], np.float32))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_any_and_all_look_no_further_than_needed(n):
    def kernel(x, m):
        steps = 0

        def seen(v):
            nonlocal steps
            steps += 1
            return v > 0

        found = any(seen(x - i) for i in range(m))
        return found, steps, all(seen(v) for v in (x, x - 1, x - 2)), steps

    check(kernel, X, np.full(4, n))


def test_any_and_all_do_not_evaluate_what_would_raise():
    def positive(v):
        if v < 0:
            raise ValueError("negative")
        return v > 0

    def kernel(x, y):
        return any(positive(v) for v in (x, y)), all(positive(v) for v in (x, y))

    check(kernel, *(a.ravel() for a in np.meshgrid(X, Y)))


def test_extrema_of_generators():
    def kernel(x, y):
        return (
            max(abs(v) for v in (x, y, x + y)),
            min(v for v in (x, y, x * y)),
            max((v for v in (x, y) if v > 0), default=-1.0),
            min((x - i for i in range(int(abs(y)))), default=x),
        )

    check(kernel, *(a.ravel() for a in np.meshgrid([*X, np.nan], [*Y])))


def test_extrema_of_nothing_raise():
    def least(x):
        return min(v for v in (x, x + 1) if v > 3)

    def greatest(x):
        return max(v * x for v in range(int(x)))

    check(least, X)
    check(greatest, np.array([1.0, 0.0, 2.5]))


def test_tuples_of_generators():
    def kernel(x, y):
        a, b, c = (v * 2 for v in (x, y, x - y))
        first, *rest = (v + 1 for v in (x, y, 1.0))
        t = tuple(v * v for v in (x, y) if True)
        return a, b * c, first + rest[1], t[0] - t[1], len(t), max(*(v for v in (x, y, 0.5)))

    check(kernel, X, Y)


def test_generators_in_other_places():
    def add(a, b, c=0.0):
        return a + 2 * b + 3 * c

    def kernel(x, y):
        total = add(*(v + 1 for v in (x, y)))
        for i, v in enumerate(v * v for v in (x, y)):
            total += i * v
        for v, w in zip((v - 1 for v in (x, y)), (2, 3)):
            total += v * w
        return total, x in (v - 1 for v in (y, x + 1))

    check(kernel, X, Y)


def test_a_loop_over_a_generator_breaks_returns_and_has_an_else():
    def kernel(x, n):
        total = 0.0
        for i, v in ((i, x * i) for i in range(n) if i != 1):
            if v > 8:
                break
            if v < -5:
                return total - 100
            if i == 3:
                continue
            total += v
        else:
            total += 1000
        return total

    check(kernel, *(a.ravel() for a in np.meshgrid([*X, -4.0, 4.0], N)))


def test_the_first_value_of_a_generator():
    def kernel(x, n):
        for v in (x * i for i in range(n) if i > 1):
            return v
        return -1.0

    check(kernel, *(a.ravel() for a in np.meshgrid(X, N)))


def collatz(n):
    while n > 1:
        yield n
        n = n // 2 if n % 2 == 0 else 3 * n + 1


def scaled(values, factor=2):
    for v in values:
        yield v * factor


def test_generator_functions():
    def kernel(n):
        steps, top = 0, 0
        for v in collatz(n):
            steps += 1
            top = max(top, v)
        return steps, top, sum(scaled((n, 1))), sum(scaled(collatz(n), factor=3))

    check(kernel, np.arange(30))


def test_generator_functions_share_variables():
    def kernel(x, n):
        count = 0

        def values():
            nonlocal count
            for i in range(n):
                count += 1
                yield x + i * k

        k = 2.0
        total = 0.0
        for v in values():
            total += v
            k += 1
            if total > 20:
                break
        return total, count, k

    check(kernel, *(a.ravel() for a in np.meshgrid(X, N)))


def test_nested_generators_and_loops():
    def kernel(x, n):
        total = 0.0
        for i in range(n):
            total += sum(x * i + v for v in (1.0, x) if v > i)
            total += sum(sum(a * b for a in (x, i)) for b in range(i))
            for v in (w for w in (u * 2 for u in (x, i))):
                if v > 2:
                    total -= v
        return total

    check(kernel, *(a.ravel() for a in np.meshgrid(X, N)))


def test_lists_of_known_length():
    def kernel(x, y):
        squares = [v * v for v in (x, y, x - y)]
        pair = [x, y]
        a, b = pair
        total = sum(squares) + max(squares) + min([x, y]) + squares[1] + pair[-1] + a - b
        for v in [u + 1 for u in pair if True]:
            total += v
        return total, len(squares), x in [y, 0.5], sum([i * x for i in range(4)]), any([x, y])

    check(kernel, X, Y)


def test_a_comprehension_leaves_variables_as_they_are():
    def kernel(v, x):
        w = x
        total = sum([v * v for v in (x, w)]) + sum([w for w in (x, v)])
        for u in (1.0, 2.0):
            total += sum([u + x for x in (v, w)])
        return total, v, w, x, u

    check(kernel, X, Y)


def test_comprehensions_in_comprehensions():
    def kernel(x, y):
        rows = [[a * b for a in (x, 1.0)] for b in (y, 2.0)]
        flat = [v for row in rows for v in row]
        return sum(flat), rows[1][0], len(flat), sum([sum(row) for row in rows])

    check(kernel, X, Y)


def test_generators_over_arrays():
    def kernel(a):
        return sum(v * v for v in a if v > 0), max(v for v in a), sum(len(a[i:]) for i in range(3))

    check_function(kernel, X)


def test_an_exception_within_a_generator():
    def checked(v):
        if v < 0:
            raise ValueError(f"{v} is negative")
        return v

    def kernel(x, y):
        return sum(checked(v) for v in (x, y))

    check(kernel, *(a.ravel() for a in np.meshgrid(X, Y)))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("g = (v for v in (x, x)); return sum(g) + sum(g)", "a generator is gone over once"),
        (
            "g = (v for v in (x, x))\n for i in range(2):\n  x += sum(g)\n return x",
            "gone over once",
        ),
        ("return next(v for v in (x, x))", "a generator is gone over once"),
        ("return tuple(i for i in range(int(x)))[0]", "this list cannot be compiled"),
        ("return [v for v in (x, 1.0) if v > 0][0]", "this list"),
        ("return sorted([x, x])[0]", "this list cannot be compiled"),
        ("y = [x]; y.append(x); return y[0]", "this list cannot be compiled"),
        ("y = [x]; y += [x]; return y[0]", "this list cannot be compiled"),
        ("return {v for v in (x, x)}", "a set cannot be compiled"),
        ("return {v: v for v in (x, x)}[x]", "a dict cannot be compiled"),
    ],
)
def test_what_generators_and_lists_cannot_be(body, words):
    namespace = {}
    exec(f"def kernel(x):\n {body}", namespace)
    with pytest.raises(KernelgenError, match=words):
        vectorize(namespace["kernel"])(1.5)


def two_yields(x):
    yield x
    yield x + 1


def endless(x):
    yield x
    yield from endless(x + 1)


def inner_endless(x):
    for v in inner_endless(x - 1):
        yield v


@pytest.mark.parametrize(
    ("generator", "words"),
    [
        (two_yields, "several `yield`s"),
        (endless, "takes values of itself"),
        (inner_endless, "takes values of itself"),
    ],
)
def test_what_generator_functions_cannot_be(generator, words):
    with pytest.raises(KernelgenError, match=words) as info:
        vectorize(lambda x: sum(generator(x)))(1.5)
    assert "^" in str(info.value)


def test_a_comprehension_over_a_range_alone():
    def kernel(x):
        return sum([i * x for i in range(3)]) + tuple(x - i for i in range(1, 4))[2]

    check(kernel, X)


def test_map_filter_and_list():
    def twice(v):
        return 2 * v

    def kernel(x, y):
        return (
            sum(map(abs, (x, y))) + max(map(lambda v: v * x, range(1, 4))),
            sum(filter(None, (x, y, x - y))) + sum(filter(lambda v: v > 1, (x, y, 3.0))),
            tuple(map(twice, (x, y)))[1] + sum(map(pow, (x, y), (2, 3))),
            list((x, y))[0] + sum(list(v for v in (x, y))) + len(list(range(3))),
        )

    check(kernel, *(a.ravel() for a in np.meshgrid(X, Y)))


def test_membership_in_ranges():
    def kernel(x, n):
        return (
            x in range(n), x not in range(-n, n, 2), 2 in range(n), x in range(5, -n, -3),
            x in range(4), n in range(n, n + 1),
        )  # fmt: skip

    check(kernel, *(a.ravel() for a in np.meshgrid([*X, 1.0, -3.0, 5.0, np.nan, np.inf], N)))


def test_loops_over_constant_sets():
    def kernel(x):
        total = x
        for v in (1, 2, 5):
            total += v * x
        return total + sum(v for v in (3, 4)), x in {0.5, 2}

    check(kernel, X)
