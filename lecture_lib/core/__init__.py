"""Scores, their gradients, and gradient ascent: the machinery that every topic shares."""

import lazy_loader

# Each name is imported when it is first asked for, so that a notebook waits for nothing that it
# does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "ascent": ["Ascent", "ascend", "length", "unit", "adam", "clip", "sign", "identity"],
        "gradients": [
            "derivative_along",
            "gradient",
            "value_and_gradient",
            "value",
            "gradient_at_layers",
            "gradient_at_layers_of_prediction",
        ],
        "layer_scores": ["channel_score", "neuron_score", "layer_energy", "feature_distance"],
        "penalties": ["l2", "total_variation", "total_variation_beta"],
        "regularizers": [
            "blurred",
            "clip_small_pixels",
            "drop_small_gradients",
            "center_biased",
        ],
        "scores": [
            "class_score",
            "select_per_row",
            "class_log_probability",
            "log_probabilities",
            "class_margin",
            "margins",
            "class_probability",
        ],
        "tiling": ["pyramid", "add_lost_detail", "resize", "tiled_gradient", "jittered_gradient"],
        "transforms": [
            "from_gray",
            "random_fourier_coefficients",
            "fourier_to_image",
            "image_to_fourier",
            "random_jitter",
        ],
    },
)
