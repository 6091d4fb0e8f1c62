"""Numbers as they are written on pictures and pages."""

import re

# A minus in front of a number whose digits are all 0, such as −0, -0.00, -0.0e+00 and -0%.
MINUS_ZERO = re.compile(r"(?<![\w.)\]])[-−](?=0+(?:\.0+)?(?:e[+-]0+)?(?![\w.]*\d)(?![A-Za-z_]))")


def short_number(number: float) -> str:
    """Return two digits of a small number, and a whole number from 10 on: 280 and not 2.8e+02."""
    return without_minus_zero(f"{number:.0f}" if abs(number) >= 10 else f"{number:.2g}")


def scale_ends(low: float, high: float) -> tuple[str, str]:
    """Return two numbers as they are written at the ends of a scale of colors.

    What is less than a hundredth of the scale is 0: on the scale itself nobody could see it.
    """
    visible = max(abs(low), abs(high)) / 100
    return tuple(short_number(end if abs(end) >= visible else 0) for end in (low, high))


def without_minus_zero(text: str) -> str:
    """Return a text in which zero has no sign: what is rounded to 0 is neither below nor above.

    Args:
        text: any; "from -0.00 to 1" becomes "from 0.00 to 1".
    """
    return MINUS_ZERO.sub("", text)
