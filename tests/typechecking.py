"""How the tests check signatures: results must have the shape that is promised.

Arguments are only looked at, as many tests give what must be refused: the sentence that refuses it
comes from the library, and not from here.
"""

import warnings
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype


class ArgumentWarning(UserWarning):
    """An argument that is not of the shape that the signature names."""


warnings.simplefilter("ignore", ArgumentWarning)
checked = beartype(
    conf=BeartypeConf(
        violation_param_type=ArgumentWarning,
        is_pep484_tower=True,  # a whole number is a float, too
    )
)


def results_only(function: Callable) -> Callable:
    """Check what a function returns, where the signature says anything about it.

    Before a call jaxtyping asks for the arguments alone, as a function that returns anything, and
    after it for the arguments together with the result: the second time is enough.
    """
    return function if function.__annotations__.get("return") is Any else checked(function)
