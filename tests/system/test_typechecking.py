"""What the tests check of every function's signature: results, also against the arguments."""

import numpy as np
import pytest
from jaxtyping import Float, TypeCheckError, jaxtyped
from typechecking import results_only

Map = Float[np.ndarray, "height width"]


@jaxtyped(typechecker=results_only)
def handed_on(given: Map, result: object) -> Map:
    return result


def test_a_result_of_the_promised_shape_is_handed_on():
    found = handed_on(np.zeros((2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(found, np.ones((2, 3)))


@pytest.mark.parametrize(
    "wrong", [None, np.ones(3), np.ones((2, 3), int), np.ones((3, 2))], ids=lambda one: str(one)[:9]
)
def test_another_result_is_refused_also_one_that_does_not_fit_the_argument(wrong):
    with pytest.raises(TypeCheckError, match="return value"):
        handed_on(np.zeros((2, 3)), wrong)


def test_an_argument_of_another_shape_is_left_to_the_library():
    handed_on(np.zeros(3), np.ones((2, 3)))
