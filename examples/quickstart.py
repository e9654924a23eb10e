"""What a kernelgen ufunc can do, in a minute. Run as ``python quickstart.py``."""

import math

import numpy as np

import kernelgen as kg

RADIAN = math.pi / 180.0
EARTH_DIAMETER = 2.0 * 6371.0088


@kg.vectorize
def haversine(lat1, lon1, lat2, lon2):
    """Great-circle distance in kilometres of two points given in degrees."""
    north = math.sin((lat2 - lat1) * RADIAN * 0.5)
    east = math.sin((lon2 - lon1) * RADIAN * 0.5)
    a = north * north + math.cos(lat1 * RADIAN) * math.cos(lat2 * RADIAN) * east * east
    return EARTH_DIAMETER * math.asin(math.sqrt(a))


def softplus(x):
    """Plain helper function: needs no decorator, and is inlined."""
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))


@kg.vectorize(identity=-math.inf)
def logaddexp(a, b):
    """Logarithm of ``exp(a) + exp(b)``."""
    if b == -math.inf:
        return a
    return b + softplus(a - b)


@kg.vectorize
def to_polar(x, y):
    """Radius and angle: a kernel may have several results."""
    return math.hypot(x, y), math.atan2(y, x)


@kg.vectorize
def checked_sqrt(x):
    """Square root that refuses negative numbers: exceptions reach the caller."""
    if x < 0:
        raise ValueError("negative number")
    return math.sqrt(x)


def show_broadcasting():
    """Call the ufunc as any of NumPy's own: here every city against every other."""
    names = ["Berlin", "Nairobi", "Lima"]
    latitude = np.array([52.5200, -1.2921, -12.0464])
    longitude = np.array([13.4050, 36.8219, -77.0428])
    table = haversine(latitude[:, None], longitude[:, None], latitude, longitude)
    for name, row in zip(names, table, strict=True):
        print(f"  {name:<8}", "".join(f"{distance:9.0f} km" for distance in row))
    assert isinstance(haversine, np.ufunc)
    assert np.allclose(table, table.T)
    assert np.allclose(np.diag(table), 0.0)


def show_dtypes():
    """Each combination of dtypes is compiled when it is first met; literals adapt."""
    single = haversine(*np.float32([52.5, 13.4, -1.3, 36.8]))
    double = haversine(52.5, 13.4, -1.3, 36.8)
    print(f"  float32 gives {single.dtype}, Python numbers give {double.dtype}")
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert np.isclose(single, double, rtol=1e-5)


def show_reduce_and_outer():
    """Use the methods of a ufunc."""
    x = np.linspace(-3.0, 3.0, 7)
    total = logaddexp.reduce(x)
    table = logaddexp.outer(x, x)
    print(f"  reduce: {total:.6f}, of nothing: {logaddexp.reduce([])}, outer: {table.shape}")
    assert np.isclose(total, np.logaddexp.reduce(x))
    assert np.allclose(table, np.logaddexp.outer(x, x))


def show_where_and_out():
    """Compute only some elements, into an array that exists."""
    x = np.array([4.0, -1.0, 9.0])
    out = np.zeros(3)
    checked_sqrt(x, out=out, where=x >= 0)
    print(f"  square roots where there are any: {out}")
    assert out.tolist() == [2.0, 0.0, 3.0]


def show_several_outputs():
    """Get a tuple of arrays."""
    radius, angle = to_polar(np.array([3.0, 0.0]), np.array([4.0, 2.0]))
    print(f"  radius {radius}, angle {np.degrees(angle).round(2)} degrees")
    assert np.allclose(radius, [5.0, 2.0])
    assert np.allclose(angle, np.arctan2([4.0, 2.0], [3.0, 0.0]))


def show_exceptions():
    """An exception stops the call."""
    try:
        checked_sqrt(np.array([4.0, -1.0, 9.0]))
    except ValueError as error:
        print(f"  ValueError: {error}")
    else:
        raise AssertionError("the exception did not reach the caller")


def main():
    """Run all sections."""
    for section in (
        show_broadcasting,
        show_dtypes,
        show_reduce_and_outer,
        show_where_and_out,
        show_several_outputs,
        show_exceptions,
    ):
        print(section.__doc__)
        section()


if __name__ == "__main__":
    main()
