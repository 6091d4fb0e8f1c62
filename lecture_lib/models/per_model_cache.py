"""A cache that hangs on a network: what was compiled for it is forgotten together with it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

LIMIT = 64  # results kept for each network; the oldest goes first


def kept_with_model(make: Callable) -> Callable:
    """Remember what `make(model, *arguments)` returned for as long as the model exists.

    `functools.lru_cache` would hold on to its last networks for good, which a notebook that trains
    one network after another pays with its memory. Here the results hang on the network itself.

    Args:
        make: a function whose first argument is a network, or None; the others can be keys of a
            dict.

    Returns:
        A function of the same arguments, which calls `make` once for each combination of them.
    """

    @wraps(make)
    def remembered(model: Any, *arguments: Any) -> Any:
        owner = without_network if model is None else model
        # Past Keras's own __setattr__, which would take the dict for a part of the network.
        kept = owner.__dict__.setdefault("_kept_by_lecture_lib", {})
        key = (make, arguments)
        if key not in kept:
            result = make(model, *arguments)
            if len(kept) >= LIMIT:
                kept.pop(next(iter(kept)), None)
            kept[key] = result
        return kept[key]

    return remembered


def without_network() -> None:
    """The owner of what belongs to no network, such as the compiled graph of a penalty."""
