"""Defenses: what makes a network hard to fool, and how far that can be proved."""

from lecture_lib.defenses.certificates import lowest_margin
from lecture_lib.defenses.thresholding import (
    Certificate,
    certify,
    decoded_features,
    fragile,
    greedy_flip_attack,
    picture_of,
    survivors,
    threshold,
    with_threshold,
)

__all__ = [
    "Certificate",
    "certify",
    "decoded_features",
    "greedy_flip_attack",
    "fragile",
    "lowest_margin",
    "picture_of",
    "survivors",
    "threshold",
    "with_threshold",
]
