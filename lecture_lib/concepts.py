"""Concepts: directions in a layer's activations along which images show more of something.

A layer's activations are averaged over their positions, φ̄_l(I): what is in the image, not where.
So a concept is one direction v among the channels of a layer. Adding a little of it at every
position changes the logit of class c by v · Σ ∂S_c/∂φ_l, a sum over positions.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import permutation_test
from sklearn.decomposition import NMF
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from lecture_lib.core.gradients import gradient, gradient_at_layers, value
from lecture_lib.core.scores import class_score
from lecture_lib.datasets.shapes import Activations, Classes, Images, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.batching import batches, default_batch_size
from lecture_lib.models.checks import batch_for, check_has_classes, class_per_image, one_class
from lecture_lib.models.cuts import cuts_of
from lecture_lib.models.layers import (
    Rows,
    as_tuple,
    layers_and_scores,
    map_features,
    mean_activations,
)
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.surgery import named

__all__ = [
    "ConceptTest",
    "ConceptVector",
    "ConceptVectors",
    "Factorization",
    "accuracy",
    "concept_importances",
    "concept_test",
    "concept_vector",
    "concept_vectors",
    "factorize_activations",
    "layer_gradients",
    "logits_without",
    "mean_activations",
    "tcav_score",
]


def layer_gradients(
    model: Network, layers: str | list[str], images: Images, *, class_index: Classes
) -> dict[str, Rows]:
    """Return what a little more of each channel does to a logit: Σ_positions ∂S_c/∂φ_l.

    Computed once for each class and image, whatever the number of concepts.

    Args:
        model: images -> logits (N, classes).
        layers: one name or several.
        images: (N, H, W, C) in [0, 1].
        class_index: c, 0..classes-1, or one for each image (N,).

    Returns:
        {layer: (N, channels) float32}.

    Raises:
        ValueError: for a layer or a class that the network does not have, and for another number of
            classes than of images.
    """
    names = as_tuple(layers)
    batch = batch_for(model, images)
    one_each = class_per_image(model, class_index, count=len(batch))
    outputs = layers_and_scores(model, names)
    rows = {name: [] for name in names}
    size = default_batch_size(batch.shape)
    for some, classes in zip(batches(batch, size=size), batches(one_each, size=size), strict=True):
        _, gradients = gradient_at_layers(outputs, some, classes)
        for name, at_layer in zip(names, gradients, strict=True):
            rows[name].append(_positions_in_a_row(at_layer).sum(axis=1))
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _positions_in_a_row(activations: np.ndarray) -> np.ndarray:
    """(N, h, w, channels) or (N, units) -> (N, positions, channels)."""
    activations = np.asarray(activations)
    return activations.reshape(len(activations), -1, activations.shape[-1])


class ConceptVector(NamedTuple):
    """The direction of a concept.

    Attributes:
        vector: v, (channels,), of length 1.
        threshold: an image shows the concept where φ̄ · v is above it.
    """

    vector: np.ndarray
    threshold: float


def concept_vector(concept: Rows, negatives: Rows) -> ConceptVector:
    """Find the direction that tells images of a concept from others.

    v = w / ‖w‖, w the weights of a logistic regression on raw activations

    All channels keep their own spread: brought to one spread for the fit, and back after it, quiet
    channels would dominate the direction. Only one common unit is taken out.

    Args:
        concept: (N, channels), from `mean_activations` of images that show the concept.
        negatives: (M, channels), of random images that do not.

    Raises:
        ValueError: for arrays that do not fit together, or fewer than 2 images of either.

    Source:
        Kim et al., Interpretability beyond feature attribution: quantitative testing with concept
        activation vectors, 2018.
    """
    concept, negatives = _matching(concept, negatives)
    both = np.concatenate([concept, negatives])
    labels = np.repeat([1, 0], [len(concept), len(negatives)])
    unit = np.sqrt(both.var(axis=0).mean()) + 1e-6  # the spread of a typical channel
    regression = LogisticRegression(C=0.05, solver="newton-cg", tol=1e-6, max_iter=1000)
    fitted = regression.fit((both - both.mean(axis=0)) / unit, labels)
    weights = fitted.coef_[0] / unit
    length = np.linalg.norm(weights)
    if length < 1e-9:
        raise ValueError(
            "The pictures of the concept and the others have the same activations; no direction "
            "tells them apart."
        )
    intercept = fitted.intercept_[0] - weights @ both.mean(axis=0)
    return ConceptVector(weights / length, float(-intercept / length))


def _matching(concept: Rows, negatives: Rows) -> tuple[np.ndarray, np.ndarray]:
    concept = np.asarray(concept, np.float64)
    negatives = np.asarray(negatives, np.float64)
    if concept.ndim != 2 or negatives.ndim != 2 or concept.shape[1] != negatives.shape[1]:
        raise ValueError(
            "Activations are (pictures, channels), both of one layer; these are "
            f"{concept.shape} and {negatives.shape}."
        )
    if not (np.isfinite(concept).all() and np.isfinite(negatives).all()):
        raise ValueError("The activations hold a NaN or an infinite number.")
    if min(len(concept), len(negatives)) < 2:
        raise ValueError(
            "A direction takes 2 or more pictures of both kinds; there are "
            f"{len(concept)} and {len(negatives)}."
        )
    return concept, negatives


def accuracy(found: ConceptVector, concept: Rows, negatives: Rows) -> float:
    """Return the share of images that a direction tells apart, each kind counting half.

    1 is perfect, ½ is chance. Give images that the fit has not seen.

    Args:
        found: from `concept_vector`.
        concept: (N, channels).
        negatives: (M, channels).
    """
    concept, negatives = _matching(concept, negatives)
    recognized = concept @ found.vector > found.threshold
    rejected = negatives @ found.vector <= found.threshold
    return float((recognized.mean() + rejected.mean()) / 2)


def tcav_score(gradients: Rows, vector: np.ndarray) -> float | np.ndarray:
    """Return the share of a class's images whose logit rises with a little more of a concept.

    |{I : g(I) · v > 0}| / N

    Args:
        gradients: g, (N, channels), from `layer_gradients`.
        vector: v, (channels,), or several (runs, channels).

    Returns:
        A number in 0..1, or (runs,).

    Source:
        Kim et al., Interpretability beyond feature attribution, 2018.
    """
    return (np.asarray(gradients) @ np.asarray(vector).T > 0).mean(axis=0)


class ConceptVectors(NamedTuple):
    """Directions of a concept, found several times over.

    Attributes:
        vectors: (runs, channels), of the concept.
        negatives: (runs, channels), of random images in its place: what nonsense gives.
        accuracy: of the concept's directions, on images that they have not seen.
    """

    vectors: np.ndarray
    negatives: np.ndarray
    accuracy: float


def concept_vectors(concept: Rows, negatives: Rows, *, runs: int = 30) -> ConceptVectors:
    """Find the direction of a concept several times, from other images each time.

    Run r tells the r-th part of the concept's images from a set of negatives. Another set of
    negatives is told from the same set: what that gives is what meaningless images give.

    Args:
        concept: (N, channels), 2 or more images for each run, in random order.
        negatives: twice as many or more, in random order.
        runs: how often, 2 or more, as the direction of one run is judged by the images of another.

    Raises:
        ValueError: for too few images or runs.
    """
    concept, negatives = _matching(concept, negatives)
    if runs < 2:
        raise ValueError(f"Directions are judged by the images of another run; runs was {runs}.")
    size = len(concept) // runs
    if size < 2 or len(negatives) < 2 * runs * size:
        raise ValueError(
            f"{runs} runs take {2 * runs} or more pictures of the concept and twice as many "
            f"negatives as pictures of the concept; there are {len(concept)} and {len(negatives)}."
        )
    # Three piles, each dealt into one set for each run: (runs, size, channels).
    shown = _dealt(concept, runs, size)
    others = _dealt(negatives, runs, size)
    blanks = _dealt(negatives[runs * size :], runs, size)
    found = [concept_vector(*pair) for pair in zip(shown, others, strict=True)]
    null = [concept_vector(*pair) for pair in zip(blanks, others, strict=True)]
    # The direction of each run is judged by the images of the next.
    held_out = [accuracy(found[run - 1], shown[run], others[run]) for run in range(runs)]
    vectors = np.stack([one.vector for one in found])
    meaningless = np.stack([one.vector for one in null])
    return ConceptVectors(vectors, meaningless, float(np.mean(held_out)))


def _dealt(rows: np.ndarray, runs: int, size: int) -> np.ndarray:
    return rows[: runs * size].reshape(runs, size, -1)


class ConceptTest(NamedTuple):
    """Whether a class leans on a concept.

    Attributes:
        score: the mean TCAV score of the runs, in 0..1.
        scores: those behind it, (runs,).
        negative_scores: those of random images in the concept's place, (runs,).
        p_value: of the difference between the two, two-sided.
    """

    score: float
    scores: np.ndarray
    negative_scores: np.ndarray
    p_value: float


def concept_test(
    gradients: Rows, found: ConceptVectors, *, samples: int = 9999, seed: int = 0
) -> ConceptTest:
    """Test whether a class leans on a concept more than on meaningless images.

    If the concept were meaningless, concept and negatives of a run could swap places. The p-value
    is the share of random swaps whose mean difference is as far from 0 as the one found.

    Args:
        gradients: (N, channels) of the class, from `layer_gradients`.
        found: from `concept_vectors`.
        samples: how many swaps are tried, at most.
        seed: draws them.

    Source:
        Fisher, The design of experiments, 1935 (the test). Kim et al., Interpretability beyond
        feature attribution, 2018, compare the same two groups by a t-test.
    """
    scores = tcav_score(gradients, found.vectors)
    null = tcav_score(gradients, found.negatives)
    swaps = permutation_test(
        (scores, null),
        _mean_difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=samples,
        rng=np.random.default_rng(seed),
    )
    return ConceptTest(float(scores.mean()), scores, null, float(swaps.pvalue))


def _mean_difference(scores: np.ndarray, null: np.ndarray, axis: int) -> float | np.ndarray:
    return np.mean(scores - null, axis=axis)


# Concepts that nobody named


class Factorization(NamedTuple):
    """Concepts found in the activations of a layer: A ≈ U W, both factors 0 or more.

    Attributes:
        strengths: U, (N, h, w, concepts): how much of each concept is where.
        directions: W, (concepts, channels), each of length 1.
    """

    strengths: np.ndarray
    directions: np.ndarray


def factorize_activations(activations: Activations, *, count: int = 10) -> Factorization:
    """Write the activations at each position as a sum of a few concepts, nothing taken away.

    U, W = argmin ‖A − U W‖², U ≥ 0, W ≥ 0

    Args:
        activations: A, (N, h, w, channels), 0 or more, such as those after a ReLU.
        count: how many concepts.

    Raises:
        ValueError: for activations below 0, and for more concepts than positions or channels.

    Source:
        Lee and Seung, Learning the parts of objects by non-negative matrix factorization, 1999.
        Fel et al., CRAFT: concept recursive activation factorization for explainability, 2023.
    """
    activations = np.asarray(activations, np.float32)
    rows = activations.reshape(-1, activations.shape[-1])  # one row for each position
    if not (rows.min() >= 0 and 1 <= count <= min(rows.shape)):
        raise ValueError(
            f"{count} concepts take activations of 0 or more, such as those after a ReLU, and as "
            f"many positions and channels or more; these have the shape {activations.shape}."
        )
    solver = NMF(count, init="nndsvda", random_state=0, tol=3e-4, max_iter=2000)
    # The products are small: threads would wait for each other more than they work.
    with threadpool_limits(1, user_api="blas"):
        strengths = solver.fit_transform(rows)
    # One of U and W can be doubled and the other halved; so each direction gets the length 1.
    lengths = np.linalg.norm(solver.components_, axis=1) + 1e-12
    strengths = (strengths * lengths).reshape(*activations.shape[:-1], count)
    return Factorization(strengths, solver.components_ / lengths[:, None])


def concept_importances(
    model: Network, layer: str, found: Factorization, *, class_index: int, steps: int = 8
) -> np.ndarray:
    """Say how much of a logit each concept carries, by integrated gradients over its strengths.

    E_j(I) = Σ_positions U_j · (G W_j), G = mean of ∂S_c/∂A along α U W, α from 0 to 1

    They add up to S_c(U W) − S_c(0), up to the steps of the path.

    Args:
        model: images -> logits (N, classes).
        layer: the one whose activations were factorized.
        found: from `factorize_activations`.
        class_index: c, 0..classes-1.
        steps: on the path from no activations to U W, 1 or more.

    Returns:
        (N, concepts) float32.

    Raises:
        ValueError: for a layer that a connection leads past, for a class or a layer that the
            network does not have, and for no steps.

    Source:
        Sundararajan, Taly and Yan, Axiomatic attribution for deep networks, 2017.
    """
    if steps < 1:
        raise ValueError(f"Integrated gradients takes 1 or more steps; it was {steps}.")
    score = class_score(_network_above(model, layer), one_class(model, class_index))
    whole = found.strengths @ found.directions  # (N, h, w, channels)
    along = (np.arange(steps, dtype=np.float32) + 0.5) / steps  # the middle of each step
    mean_gradient = sum(gradient(score, alpha * whole) for alpha in along) / steps
    return np.sum(found.strengths * (mean_gradient @ found.directions.T), axis=(1, 2))


def logits_without(
    model: Network, layer: str, found: Factorization, *, class_index: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a logit of the rest of the network for U W, and for U W without each concept in turn.

    Args:
        model: images -> logits (N, classes).
        layer: the one whose activations were factorized.
        found: U and W, from `factorize_activations`.
        class_index: c, 0..classes-1.

    Returns:
        (whole (N,), without (N, concepts)), float32.

    Raises:
        ValueError: for a layer that a connection leads past, and for a class or a layer that the
            network does not have.
    """
    score = class_score(_network_above(model, layer), one_class(model, class_index))
    strengths, directions = found
    whole = strengths @ directions
    without = [
        value(score, whole - strengths[..., [j]] * directions[j]) for j in range(len(directions))
    ]
    return value(score, whole), np.stack(without, axis=1)


@kept_with_model
def _network_above(model: Network, layer: str) -> Network:
    """The rest of a network, from the activations of a layer to its logits."""
    check_has_classes(model)
    maps = map_features(model, layer)
    if model.get_layer(layer) not in cuts_of(model):
        raise ValueError(
            f"A connection leads past layer {layer!r}, so the logits do not depend on it alone; "
            "choose another layer."
        )
    above = keras.Model(maps, model.output)
    return named(above, class_names=model.class_names, image_size=model.image_size)
