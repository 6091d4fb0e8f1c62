"""Defenses: what makes a network hard to fool, and how far that can be proved."""

from lecture_lib.defenses.certificates import lowest_margin
from lecture_lib.defenses.thresholding import (
    Certificate,
    certify,
    decoded_features,
    greedy_flip_attack,
    nearest_image_with_pattern,
    robust_mask,
    threshold,
    undecided_pixels,
    with_threshold,
)

__all__ = [
    "Certificate",
    "certify",
    "decoded_features",
    "greedy_flip_attack",
    "lowest_margin",
    "nearest_image_with_pattern",
    "robust_mask",
    "threshold",
    "undecided_pixels",
    "with_threshold",
]
