"""Occlusion: how a score falls when parts of the image are hidden, one by one or in every order."""

from lecture_lib.occlusion.occlusion import masked_scores, occlusion_map, patch_places
from lecture_lib.occlusion.shapley import (
    Shapley,
    grid_parts,
    shapley_map,
    shapley_values,
    shares_on_image,
)

__all__ = [
    "Shapley",
    "grid_parts",
    "masked_scores",
    "occlusion_map",
    "patch_places",
    "shapley_map",
    "shapley_values",
    "shares_on_image",
]
