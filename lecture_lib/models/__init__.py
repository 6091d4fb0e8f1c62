"""Networks: where they come from, what is asked of them, and how one is made from another."""

import lazy_loader

# Each name is imported when it is first asked for, so that a notebook waits for nothing that it does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "backend": ["keras", "tf"],
        "batching": ["default_batch_size", "batches", "counted"],
        "cache": ["LIMIT", "layer_features", "cached", "folder", "fingerprint"],
        "classifiers": ["tinynet", "mnist_cnn", "mnist_wide", "protonet", "Prototypes", "squeezenet", "ceil_max_pooling"],
        "decoders": ["mnist_decoder", "protonet_decoder", "tinynet_generator", "stylizer"],
        "inference": ["Guess", "class_scores", "batch_for", "probabilities", "top_classes", "class_index", "check_class", "layer_names", "features", "map_features", "layer_outputs", "as_tuple", "compiled_outputs", "layers_and_scores", "one_image"],
        "receptive_field": ["WINDOWED", "BORDERS", "WHOLE", "POINTWISE", "ARITHMETIC", "Box", "receptive_field", "visible_pixels", "read_along"],
        "surgery": ["wrap_model", "named", "rebuild", "weight_synchronizer", "copy", "with_relu_rule", "with_shuffled_weights"],
        "synthetic_nets": ["badge_network", "hand_set_network"],
        "zoo": ["BUNDLED", "PARTS", "Application", "CAFFE", "TORCH", "APPLICATIONS", "model_names", "model_is_here", "load_model", "load_bundled", "load_decoder", "read_weights", "load_squeezenet", "load_application", "imagenet_class_names", "read_keras_file"],
    },
)
