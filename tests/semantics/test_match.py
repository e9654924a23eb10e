"""``match``: literals, alternatives, guards, captures, sequences, classes."""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np
from backends import check

X = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 7.5, np.nan])
PAIRS = [a.ravel() for a in np.meshgrid(X, X)]
INTS = [a.ravel() for a in np.meshgrid(np.arange(-2, 4), np.arange(-2, 4, dtype=np.int8))]

Point = namedtuple("Point", "x y")
ORIGIN = 0.5


def test_numbers():
    def kernel(x):
        match x:
            case 0:
                return 1.0
            case 1 | 2 as found:
                return found + 10
            case math.pi | -1.0:
                return 3.0
            case big if big > 5:
                return big * 2
            case (0.5 | 0.75) as part:
                return part - 1
        return -5.0

    check(kernel, X)


def test_numbers_of_weak_types():
    def kernel(n):
        total = 0
        for i in range(5):
            match i % 3:
                case 0:
                    total += n
                case 1 if n > 0:
                    total -= 1
                case other:
                    total += other * 10
        return total

    check(kernel, np.arange(-2, 3))


def test_sequences():
    def kernel(x, y):
        match (x, y):
            case (0, 0):
                return 0.0
            case (0, b) | (b, 0):
                return b
            case [a, b] if a == b:
                return 2 * a
            case (a, 1.0 | 2.0):
                return a - 1
            case (a, b):
                return a * b

    check(kernel, *PAIRS)


def test_sequences_in_sequences_and_stars():
    def kernel(x, y):
        result = 0.0
        match (x, (y, 1.0), x + y):
            case (a, (b, 2.0), _):
                result = -100.0
            case (a, (b, _), *rest) if b > a:
                result = a + b * len(rest) + rest[0]
            case (a, *_):
                result = a
        match (x, y, 1.0):
            case (_,):
                return 1e9
            case (first, *middle, 1.0):
                return result + first * sum(middle)
        return result

    check(kernel, *PAIRS)


def test_classes():
    def kernel(x, y):
        match Point(x, y):
            case Point(x=0):
                first = 1.0
            case Point(a, y=b) if a > b:
                first = a - b
            case Point(a, 0.0 | 1.0):
                first = a
            case _:
                first = 100.0
        return first

    check(kernel, *PAIRS)


def test_classes_of_numbers():
    def kernel(x, y):
        found = []
        match x:
            case np.integer():
                kind = 1
            case float(value):
                kind = 2 + value
        match y:
            case (a, b):
                kind += a + b
            case int() | np.bool_():
                kind += 100
            case np.int8():
                kind += 1000
        match 3:
            case int(k):
                kind += k
        return kind + len(found)

    check(kernel, *INTS)
    check(kernel, PAIRS[0], (PAIRS[1] > 0).astype(np.int8))


def test_the_subject_may_be_a_sequence_by_its_type():
    def size(value):
        match value:
            case ():
                return 0
            case (a,):
                return a
            case (a, b):
                return a + b
            case [a, b, *rest]:
                return a * b + len(rest)
            case number:
                return number * 1000

    def kernel(x, y):
        return size(()), size((x,)), size([x, y]), size((x, y, x)), size(x)

    check(kernel, *PAIRS)


def test_no_case_matches():
    def kernel(x):
        match x:
            case 0.0 | 1.0:
                y = x
            case v if v > 5:
                y = v
        return y

    check(kernel, X, dtype="f8")


def test_constants_by_dotted_names():
    constants = Point(1.0, 2.0)

    def kernel(x):
        match x:
            case constants.x:
                return 10
            case math.inf | constants.y:
                return 20
        return 30

    check(kernel, X)
