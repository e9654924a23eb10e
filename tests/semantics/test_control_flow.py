"""Control flow: each kernel on every back end, with Python as the oracle."""

# Kernels are written in every way that users may write them.
# ruff: noqa: RUF021, RUF034, B007

from __future__ import annotations

import kernels_with_assert
import numpy as np
import pytest
from backends import check, edges, grid

import kernelgen
from kernelgen.errors import TypingError

SMALL = np.arange(-6, 12)
I8, U8, F4, F8 = (np.dtype(t) for t in ("i1", "u1", "f4", "f8"))
INT64 = np.iinfo(np.int64)


def pairs(a=I8, b=F8):
    return grid(a, b)


# ---------------------------------------------------------------------------- if, elif, else


def test_if_else():
    def kernel(x, y):
        if x > y:
            result = x - y
        else:
            result = y - x
        return result

    check(kernel, *pairs())


def test_if_without_else():
    def kernel(x):
        if x < 0:
            x = -x
        return x

    check(kernel, edges(F8))
    check(kernel, edges(I8))


def test_elif_chain():
    def kernel(x):
        if x < -100:
            return 1
        elif x < 0:
            return 2
        elif x == 0:
            return 3
        elif x < 50:
            return 4
        else:
            return 5

    check(kernel, edges(I8))
    check(kernel, edges(F4))


def test_nested_ifs():
    def kernel(x, y):
        if x > 0:
            if y > 0:
                q = 1
            else:
                q = 4
        else:
            if y > 0:
                q = 2
            else:
                q = 3
            q = q * 10
        return q

    check(kernel, *grid(I8, F4))


def test_branch_on_numbers_not_only_bools():
    def kernel(x, y):
        return 1 if x else 2 if y else 3

    check(kernel, *grid(I8, F8))
    check(kernel, *grid(bool, "u8"))


def test_empty_branches():
    def kernel(x):
        if x > 0:
            pass
        else:
            pass
        return x

    check(kernel, SMALL)


def test_both_ways_to_one_place():
    def kernel(x, y):
        return x if x is not None and y > 0 else x

    check(kernel, *pairs())


def test_several_returns():
    def kernel(x, y):
        if x < 0:
            return x
        y = y + 1
        if y > 3:
            return y
        return x + y

    check(kernel, *grid(F8, F8))
    check(kernel, *grid(I8, F4), dtype="f4")


def test_code_after_return_is_dead():
    def kernel(x):
        return x
        return x / 0

    check(kernel, SMALL)


# ----------------------------------------------------------------- conditional expressions


def test_conditional_expressions():
    def kernel(x, y):
        return (x if x > y else y) + (1 if x < 0 else 2 if x == 0 else 3)

    check(kernel, *grid(F8, F8))
    check(kernel, *grid("i4", "i4"))


def test_and_or_return_values():
    def kernel(x, y):
        return x and y

    def other(x, y):
        return x or y

    def mixed(x, y):
        return x and y or x

    for function in (kernel, other, mixed):
        check(function, *grid(I8, I8))
        check(function, *grid(F8, F8))
        check(function, *grid(bool, bool))


def test_and_or_with_literals():
    def kernel(x):
        return x or 5

    def other(x):
        return x and 2.5

    check(kernel, edges(I8))
    check(other, edges(F4))


def test_and_or_join_different_types():
    def kernel(x, y):
        return x or y

    check(kernel, *grid(I8, F4), dtype="f4")
    check(kernel, *grid(bool, "i2"), dtype="i2")


def test_conditions_with_and_or_not():
    def kernel(x, y):
        if (x > 0 and y > 0) or not (x != y):
            return 1
        if not x and not y or x > 5:
            return 2
        return 3

    check(kernel, *grid(I8, F8))


def test_not_gives_python_bool():
    def kernel(x):
        return not x

    def arithmetic(x):
        return x + (not x)

    for dtype in (bool, I8, F4, F8):
        check(kernel, edges(dtype))
        check(arithmetic, edges(dtype))


def test_comparison_gives_numpy_bool_and_so_promotes():
    def kernel(x, y):
        return (x < y) + 1

    def sums(x, y):
        return (x < y) + (x == y)

    def differences(x, y):
        return (x < y) - (not x)

    check(kernel, *grid(I8, I8))
    check(sums, *grid(F4, F4))
    with pytest.raises(TypingError, match="two bools"):
        kernelgen.vectorize(differences)(1.0, 2.0)


def test_comparisons_of_weak_values_give_python_bools():
    def kernel(x):
        n = 3
        if x > 0:
            n = 4
        return x * (n > 3)

    check(kernel, edges(F4))


def test_chained_comparisons():
    def kernel(x, y):
        return -1 < x < y <= 3

    def tested(x, y):
        if 0 <= x <= 10 != y:
            return 1
        return 0

    check(kernel, *grid(F8, F8))
    check(tested, *grid(I8, I8))


def test_chained_comparison_evaluates_the_middle_once():
    def kernel(x):
        return 0 <= (x * x - 2) < 10

    check(kernel, edges("i2"))


# ------------------------------------------------------------------------------- while loops


def test_while():
    def kernel(n):
        steps = 0
        while n > 1:
            n = n // 2
            steps += 1
        return steps

    check(kernel, edges("i8"))
    check(kernel, edges(U8))


def test_while_true_with_break():
    def kernel(n):
        k = 0
        while True:
            if k * k > n:
                break
            k += 1
        return k

    check(kernel, np.arange(-3, 50))


def test_while_with_continue():
    def kernel(n):
        total = 0
        while n > 0:
            n -= 1
            if n % 3 == 0:
                continue
            total += n
        return total

    check(kernel, SMALL)


def test_while_else():
    def kernel(n):
        while n > 5:
            n -= 3
            if n == 6:
                found = 100
                break
        else:
            found = 200
        return found + n

    check(kernel, np.arange(0, 20))


def test_nested_whiles():
    def kernel(n):
        total = 0
        i = 0
        while i < n:
            j = i
            while j > 0:
                total += i * j
                j -= 2
            i += 1
        return total

    check(kernel, SMALL)


def test_while_whose_condition_is_never_true():
    def kernel(x):
        while False:
            x += 1
        while x != x and x == x:
            x += 2
        return x

    check(kernel, edges(F4))


def test_swap_in_a_loop():
    """The values of a loop's variables are handed over all at once."""

    def kernel(n):
        a, b = 0, 1
        while n > 0:
            a, b = b, a + b
            n -= 1
        return a

    check(kernel, np.arange(-1, 60))


def test_rotation_of_three_in_a_loop():
    def kernel(n, x):
        a, b, c = x, x + 1, x + 2
        for _ in range(n):
            a, b, c = c, a, b
        return a, b, c

    check(kernel, np.arange(12), np.linspace(0, 5, 12))


def test_collatz():
    def kernel(n):
        length = 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            length += 1
        return length

    check(kernel, np.arange(1, 60))


def test_floating_point_iteration():
    def kernel(x):
        guess = x
        for _ in range(30):
            guess = 0.5 * (guess + x / guess)
        return guess

    check(kernel, np.array([1.0, 2.0, 1e10, 1e-300, np.inf, np.nan]))
    check(kernel, np.array([1.0, 2.0, 1e10, 1e-30], F4))


# --------------------------------------------------------------------------------- for loops


def test_range_of_one_argument():
    def kernel(n):
        total = 0
        for i in range(n):
            total += i
        return total

    check(kernel, SMALL)
    check(kernel, np.arange(20, dtype=U8))


def test_range_of_two_arguments():
    def kernel(a, b):
        total = 0
        for i in range(a, b):
            total = 3 * total + i
        return total

    check(kernel, *(x.ravel() for x in np.meshgrid(np.arange(-4, 5), np.arange(-4, 5))))


def test_range_of_three_arguments():
    def kernel(a, b, c):
        total = 0
        for i in range(a, b, c):
            total = 3 * total + i
        return total

    axis = np.arange(-5, 6)
    check(kernel, *(x.ravel() for x in np.meshgrid(axis, axis, axis[axis != 0])))


def test_range_with_a_zero_step_is_an_error():
    def kernel(a):
        total = 0
        for i in range(3, 9, a):
            total += i
        return total

    check(kernel, np.array([0, 1, -1, 0]))


def test_range_variable_keeps_its_last_value():
    def kernel(n):
        i = -1
        for i in range(n):
            pass
        return i

    check(kernel, SMALL)


def test_assigning_the_range_variable_does_not_steer_the_loop():
    def kernel(n):
        total = 0
        for i in range(n):
            i = i * 10
            total += i
        return total

    check(kernel, SMALL)


def test_range_is_evaluated_once():
    def kernel(n):
        total = 0
        for i in range(n):
            n += 1
            total += i
        return total + n

    check(kernel, SMALL)


@pytest.mark.parametrize(
    ("start", "stop", "step"),
    [
        (INT64.max - 5, INT64.max, 2), (INT64.max - 5, INT64.max, 3), (INT64.min, INT64.max, 2**62),
        (INT64.max, INT64.min, -(2**62)), (INT64.min, INT64.min + 7, 3),
        (INT64.max, INT64.min, INT64.min),
        (0, INT64.max, INT64.max), (INT64.min, INT64.max, INT64.max), (5, INT64.min, INT64.min),
        (INT64.min, INT64.max, INT64.min), (INT64.min + 3, INT64.min, -1),
    ],
)  # fmt: skip
def test_ranges_at_the_limits_of_int64(start, stop, step):
    def kernel(a, b, c):
        count = 0
        last = 0
        for i in range(a, b, c):
            count += 1
            last = i // 2
        return count, last

    check(kernel, np.array([start]), np.array([stop]), np.array([step]), dtype=("i8", "i8"))


def test_huge_ranges_left_early():
    def kernel(n):
        for i in range(n):
            if i * i > 50:
                return i
        return -1

    check(kernel, np.array([INT64.max, INT64.max - 1, 3, INT64.min, 0]))


def test_range_over_a_literal():
    def kernel(x):
        for i in range(4):
            x = x * 2 + i
        for i in range(5, 0, -2):
            x = x - i
        for i in range(0):
            x = x + i
        return x

    check(kernel, edges(I8))
    check(kernel, edges(F4))


def test_for_else_and_break():
    def kernel(n):
        for d in range(2, n):
            if n % d == 0:
                answer = d
                break
        else:
            answer = 0
        return answer

    check(kernel, np.arange(2, 40))


def test_for_with_continue():
    def kernel(n):
        total = 0
        for i in range(n):
            if i % 2:
                continue
            total += i
        else:
            total += 1000
        return total

    check(kernel, SMALL)


def test_nested_for_loops_with_break_and_continue():
    def kernel(n, m):
        total = 0
        for i in range(n):
            for j in range(m):
                if j > i:
                    break
                if (i + j) % 2:
                    continue
                total += i * 10 + j
            else:
                total += 7
            if total > 300:
                break
        return total

    check(kernel, *(x.ravel() for x in np.meshgrid(np.arange(8), np.arange(8))))


def test_return_from_inside_loops():
    def kernel(n):
        for i in range(n):
            for j in range(i):
                if i * j == 12:
                    return i, j
        return -1, -1

    check(kernel, np.arange(8))


def test_loop_in_a_branch_and_branch_in_a_loop():
    def kernel(n, x):
        if n % 2:
            for i in range(n):
                x += i if x < 10 else -i
        else:
            while x > 1:
                x = x / 2
        return x

    check(kernel, np.arange(-4, 12), np.linspace(-3, 40, 16))


# ------------------------------------------------------------------------- weak locals, joins


def test_weak_local_takes_the_type_that_it_meets():
    def kernel(x):
        s = 0
        s += x
        return s

    for dtype in (I8, U8, F4, F8, "i8"):
        check(kernel, edges(dtype))


def test_weak_accumulator_in_a_loop():
    def kernel(x, n):
        s = 0
        for _ in range(n):
            s += x
        return s

    n = np.arange(6)
    check(kernel, n.astype(F4) / 3, n)
    check(kernel, n.astype(I8) * 50, n)
    check(kernel, n.astype(U8) * 50, n)


def test_weak_counter_is_int64():
    def kernel(x, n):
        count = 0
        for _ in range(n):
            if x > 0:
                count += 1
        return count

    check(kernel, np.linspace(-1, 1, 6).astype(F4), np.arange(6, dtype=I8))


def test_weak_counter_times_a_narrow_type_stays_narrow():
    def kernel(x, n):
        total = x
        for i in range(n):
            total = total + i * x
        return total

    check(kernel, np.arange(6, dtype=I8), np.arange(6))
    check(kernel, np.arange(6, dtype=F4), np.arange(6))


def test_int_and_float_join_as_float():
    def kernel(x):
        if x > 0:
            y = 1
        else:
            y = 0.5
        return y

    check(kernel, SMALL)


def test_int_that_becomes_float_in_a_loop():
    def kernel(n):
        s = 0
        for i in range(n):
            s = s / 2 + i
        return s

    check(kernel, np.arange(12), dtype="f8")


def test_strong_types_join_as_they_promote():
    def kernel(x, y):
        return x if x < y else y

    check(kernel, *grid(I8, U8), dtype="i2")
    check(kernel, *grid("i8", "u8"), dtype="f8")
    check(kernel, *grid("i4", "f4"), dtype="f8")
    check(kernel, *grid(bool, "u4"), dtype="u4")


def test_bool_and_int_join():
    def kernel(x):
        return x > 0 if x < 5 else 7

    check(kernel, SMALL, dtype="i8")


def test_join_with_a_python_bool_keeps_the_number():
    def kernel(x):
        return x if x > 3 else False

    check(kernel, edges(I8), dtype="i1")
    check(kernel, edges(F4), dtype="f4")


def test_none_joins_with_nothing():
    def kernel(x):
        y = None
        if x > 0:
            y = x
        return y

    with pytest.raises(TypingError, match="None"):
        kernelgen.vectorize(kernel)(1.0)


# -------------------------------------------------------------------------------- assignment


def test_augmented_assignment_of_every_operator():
    def kernel(x, y):
        a = x
        a += y
        a -= 3
        a *= y
        a //= 5
        a %= 7
        a <<= 2
        a |= y
        a &= 0x3F
        a ^= 5
        a >>= 1
        a **= 2
        b = x
        b /= 4
        return a, b

    check(kernel, *grid("i4", "i4"))
    check(kernel, *grid(I8, I8))


def test_chained_and_tuple_assignment():
    def kernel(x, y):
        a = b = x
        (c, d), e = (a + 1, y), b
        a, b = b, a + y
        c, d, e = e, c, d
        return a - b, c * d, e

    check(kernel, *grid("i4", F8))


def test_assignment_expression():
    def kernel(x):
        if (y := x * 2) > 10:
            return y
        return y + 1

    check(kernel, SMALL)


def test_nested_tuples():
    def kernel(x, y):
        point = (x, (y, x + y))
        inner = point[1]
        if x > y:
            inner = (y + 1, x)
        return point[0] + inner[0], inner[-1]

    check(kernel, *grid("i4", F8))


def test_tuples_carried_around_a_loop():
    def kernel(n, x):
        state = (x, 1.0, 0)
        for i in range(n):
            a, b, c = state
            state = (b, a + b, c + i)
        a, b, c = state
        return a, b, c

    check(kernel, np.arange(10), np.linspace(0, 1, 10))


def test_tuple_of_joined_types():
    def kernel(x):
        p = (x, 1) if x > 0 else (2.5, x)
        return p[0], p[1]

    check(kernel, SMALL, dtype=("f8", "i8"))


def test_tuple_truth_and_comparison_with_none():
    def kernel(x):
        p = (x, x)
        if p and p is not None:
            return 1
        return 0

    check(kernel, SMALL)


def test_unpacking_the_wrong_number_is_an_error_of_types():
    def kernel(x):
        a, b = x, x, x
        return a + b

    with pytest.raises(TypingError, match="3 values into 2"):
        kernelgen.vectorize(kernel)(1.0)


# ------------------------------------------------------------------------ unassigned variables


def test_unbound_local_raises_only_where_it_is_unbound():
    def kernel(x):
        if x > 0:
            y = x * 2
        return y

    check(kernel, np.array([-1.0, 1.0, 0.0, 3.0]))


def test_loop_variable_after_an_empty_loop_is_unbound():
    def kernel(n):
        for i in range(n):
            y = i * 2
        return y

    check(kernel, np.array([3, 0, 1, -4]))


def test_variable_bound_in_each_way_that_reads_it():
    def kernel(x):
        if x > 0:
            y = x
        z = 1
        if x > 0:
            z = y + 1
        return z

    check(kernel, edges(F8))


def test_deleted_variable_is_unbound():
    def kernel(x):
        y = x + 1
        if x > 0:
            del y
        return y

    check(kernel, np.array([-1.0, 1.0, 0.0, 3.0]))


def test_deleting_an_unbound_variable_raises():
    def kernel(x):
        if x > 0:
            y = x
        del y
        return x

    check(kernel, np.array([-1.0, 1.0, 0.0, 3.0]))


def test_deleted_parameter():
    def kernel(x, y):
        z = x
        del x
        if z > y:
            x = y
        return x

    check(kernel, np.array([1.0, 2.0]), np.array([2.0, 1.0]))


def test_a_variable_that_is_never_bound_may_stand_anywhere():
    def kernel(x):
        if x > 0:
            y = 1
            del y
        else:
            y = 2.0
            del y
        if x > 5:
            if y:
                return y**2
            for i in range(y):
                x += i + y
            return x / y + (y // x)
        return x

    check(kernel, SMALL, dtype="i8")
    check(kernel, SMALL.astype(F4), dtype="f4", error_model="python")


def test_rebinding_in_a_loop_after_del():
    def kernel(n):
        y = 0
        for i in range(n):
            del y
            if i != 2:
                y = i
        return y

    check(kernel, np.array([0, 1, 2, 3, 4, 5]))


# -------------------------------------------------------------------------------- exceptions


def test_raise_reaches_the_caller():
    def kernel(x):
        if x < 0:
            raise ValueError("must not be negative")
        if x > 8:
            raise OverflowError
        return x

    check(kernel, SMALL)


def test_raise_in_a_loop_and_assert():
    check(kernels_with_assert.sum_with_assertions, SMALL)


def test_jumps_over_more_code_than_a_byte_counts():
    """Such jumps, and such constants, have a prefix; jumps lead to the prefix of an instruction."""
    lines = "".join(
        f"        y = y * {i / 2} + x\n        if y > {i}e6: y -= {i}\n" for i in range(90)
    )
    source = f"def kernel(x, n):\n    y = x\n    for i in range(n):\n{lines}    return y + n\n"
    namespace = {}
    exec(source, namespace)
    check(namespace["kernel"], np.linspace(-2, 2, 5), np.arange(5))


def test_match_on_numbers():
    def kernel(x):
        match x:
            case 0:
                return 10
            case 1 | 2:
                return 20
            case -3:
                return 30
            case _ if x > 6:
                return 40
            case _:
                return 50

    check(kernel, SMALL)
    check(kernel, edges(F8))
