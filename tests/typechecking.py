"""How the tests check signatures: results must have the shape that is promised.

Arguments are only looked at, as many tests give what must be refused: the sentence that refuses it
comes from the library, and not from here.
"""

import warnings

from beartype import BeartypeConf, beartype


class ArgumentWarning(UserWarning):
    """An argument that is not of the shape that the signature names."""


warnings.simplefilter("ignore", ArgumentWarning)
results_only = beartype(
    conf=BeartypeConf(
        violation_param_type=ArgumentWarning,
        is_pep484_tower=True,  # a whole number is a float, too
    )
)
