"""Constants of mathematics with more digits than a float has."""

from __future__ import annotations

from typing import Any

import numpy as np


class Digits(float):
    """A Python float that knows more of its digits, which a longdouble takes of it."""

    exact: Any

    def __new__(cls, text: str) -> Digits:
        """Read a decimal number."""
        made = super().__new__(cls, text)
        made.exact = np.longdouble(text)
        return made


LN_2 = Digits("0.693147180559945309417232121458176568")
LOG2_E = Digits("1.44269504088896340735992468100189214")
LOG10_E = Digits("0.434294481903251827651128918916605082")
HALF_PI = Digits("1.57079632679489661923132169163975144")
DEGREES_OF_RADIAN = Digits("57.2957795130823208767981548141051703")
RADIANS_OF_DEGREE = Digits("0.0174532925199432957692369076848861271")
