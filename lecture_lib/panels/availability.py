"""What a panel cannot offer now, with the reason: nets that are not downloaded, layers without maps."""

from lecture_lib.models.inference import layer_names
from lecture_lib.models.zoo import load_model, model_is_here


def missing_models(names):
    """{name: the reason} of those nets that cannot be loaded now without a network."""
    return {
        name: f"not downloaded; load_model('{name}') fetches it"
        for name in names
        if not model_is_here(name)
    }


def unfit_layers(names, *, net):
    """{name: the reason} of those layers that the net of this name has no maps of: activations with rows, columns and channels."""
    model = load_model(net)
    known, maps = layer_names(model, maps_only=False), layer_names(model)
    reasons = {
        name: "no rows and columns; it has one number a channel"
        if name in known
        else f"not in {net}"
        for name in names
    }
    return {name: reason for name, reason in reasons.items() if name not in maps}
