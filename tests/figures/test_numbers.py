"""Numbers on pictures and pages: short ones are short, and zero has no sign."""

import pytest

from lecture_lib.figures.numbers import scale_ends, short_number, without_minus_zero

TINY = -1e-9


@pytest.mark.parametrize(
    "text, wanted",
    [
        (f"{TINY:.0f}", "0"),
        (f"{TINY:.3f}", "0.000"),
        (f"{TINY:+.2f} and {-TINY:+.2f}", "0.00 and +0.00"),
        (f"{TINY:.0%}, {TINY:.1%}", "0%, 0.0%"),
        (f"{-0.0:.2e}", "0.00e+00"),
        (f"{-0.0:.2g}", "0"),
        ("from −0.00 to 1.", "from 0.00 to 1."),
        ("[-0.0, 2.5], (-0)", "[0.0, 2.5], (0)"),
        ("<td>-0.00</td>", "<td>0.00</td>"),
    ],
)
def test_zero_has_no_sign(text, wanted):
    assert without_minus_zero(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["-0.05", "-0.001", "-1e-09", "-10", "0-0.5", "2020-00", "x-0", "map-0.png", "-0x1", "−0.30"],
)
def test_what_is_no_zero_stays_as_it_is(text):
    assert without_minus_zero(text) == text


@pytest.mark.parametrize(
    "number, wanted",
    [(280.4, "280"), (-12.6, "-13"), (0.1234, "0.12"), (-0.0, "0"), (TINY, "-1e-09"), (0, "0")],
)
def test_a_short_number_has_two_digits_or_is_whole(number, wanted):
    assert short_number(number) == wanted


@pytest.mark.parametrize(
    "low, high, wanted",
    [
        (0.0, 3.14159, ("0", "3.1")),
        (-0.25, 12.3, ("-0.25", "12")),
        (7.9e-05, 0.031, ("0", "0.031")),  # less than anybody could see on this scale
        (-TINY, 1.0, ("0", "1")),
        (-12.0, TINY, ("-12", "0")),
        (0.0016, 0.021, ("0.0016", "0.021")),
        (0.0, 0.0, ("0", "0")),
    ],
)
def test_the_ends_of_a_scale_are_short_and_zero_has_no_sign(low, high, wanted):
    assert scale_ends(low, high) == wanted
