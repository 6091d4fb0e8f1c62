"""Networks: where they come from, what is asked of them, and how one is made from another."""

import lazy_loader

# Each name is imported when it is first asked for: a notebook waits for nothing it does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "backend": ["keras", "tf"],
        "batching": ["batches", "default_batch_size"],
        "cache": ["cached", "layer_features"],
        "checks": ["batch_for", "check_class", "class_index", "one_class", "one_image"],
        "class_names": ["find_class"],
        "classifiers": ["mnist_cnn", "mnist_wide", "protonet", "squeezenet", "tinynet"],
        "decoders": ["mnist_decoder", "protonet_decoder", "stylizer", "tinynet_generator"],
        "efficientnet_lite0": ["load_efficientnet_lite0"],
        "inference": ["Guess", "class_scores", "guesses_of", "probabilities", "top_classes"],
        "layers": [
            "compiled_outputs",
            "features",
            "layer_names",
            "layer_outputs",
            "layers_and_scores",
            "map_features",
        ],
        "receptive_field": ["Box", "receptive_field", "visible_pixels"],
        "relu_rules": ["with_relu_rule"],
        "surgery": ["clone", "with_shuffled_weights"],
        "synthetic_nets": ["badge_network", "hand_set_network"],
        "teaching": ["with_new_classes"],
        "wrapping": ["wrap_model"],
        "zoo": [
            "APPLICATIONS",
            "BUNDLED",
            "DECODERS",
            "load_decoder",
            "load_model",
            "model_is_here",
            "model_names",
        ],
    },
)
