"""Class visualization: images of what a class, a channel or a neuron responds to most.

Gradient ascent on the score, from an image that shows nothing: on its pixels, on its Fourier
coefficients, or on its phases alone.
"""

from lecture_lib.class_visualization.crops import (
    importance_map,
    important_square,
    over_random_crops,
)
from lecture_lib.class_visualization.deception import (
    visualization_frames,
    with_deceptive_drawings,
)
from lecture_lib.class_visualization.evaluation import top_k_recognition_rate
from lecture_lib.class_visualization.fourier import (
    accentuate,
    maximize_fourier,
    visualize_channel_fourier,
    visualize_class_fourier,
)
from lecture_lib.class_visualization.phases import (
    maximize_phases,
    mean_amplitudes,
    phases_to_image,
    random_phases,
    visualize_class_phases,
)
from lecture_lib.class_visualization.pixels import (
    maximize_pixels,
    visualize_channel,
    visualize_class,
)
from lecture_lib.class_visualization.starts import facets, gray_noise
from lecture_lib.class_visualization.trials import Trial, make_trials

__all__ = [
    "Trial",
    "accentuate",
    "facets",
    "gray_noise",
    "importance_map",
    "important_square",
    "make_trials",
    "maximize_fourier",
    "maximize_phases",
    "maximize_pixels",
    "mean_amplitudes",
    "over_random_crops",
    "phases_to_image",
    "random_phases",
    "top_k_recognition_rate",
    "visualization_frames",
    "visualize_channel",
    "visualize_channel_fourier",
    "visualize_class",
    "visualize_class_fourier",
    "visualize_class_phases",
    "with_deceptive_drawings",
]
