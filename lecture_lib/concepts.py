"""Concepts: directions in which a layer's activations move when pictures show more of something, and how a class leans on them.

A layer's activations are averaged over their positions, φ̄_l(I): what is in the picture, not where. So a concept is one direction among
the channels of a layer. To add a little of it at every position changes the score of class c by v · Σ ∂S_c/∂φ_l, a sum over positions.
"""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from lecture_lib.core.gradients import gradient_at_layers
from lecture_lib.datasets.images import as_batch
from lecture_lib.models.batching import batches
from lecture_lib.models.inference import as_tuple, check_class, compiled_outputs, layers_and_scores


def mean_activations(model, layers, images):
    """φ̄_l(I), the mean of each channel over its positions: {layer: (N, channels)} float32, for one layer name or several.

    images: (N, H, W, C) in [0, 1]. Raises ValueError that lists the layers when there is none of that name.
    """
    batch, names = as_batch(images, channels=model.input.shape[-1]), as_tuple(layers)
    parts = [compiled_outputs(model, names)(some) for some in batches(batch)]
    return {
        name: np.concatenate([_over_positions(part[name], np.mean) for part in parts])
        for name in names
    }


def layer_gradients(model, layers, images, *, class_index):
    """Σ over positions of ∂S_c/∂φ_l, what a little more of each channel everywhere does to the score: {layer: (N, channels)} float32.

    Once per class and picture, whatever the number of concepts. images: (N, H, W, C) in [0, 1]. class_index: 0..classes-1.
    """
    batch, names, index = (
        as_batch(images, channels=model.input.shape[-1]),
        as_tuple(layers),
        check_class(model, class_index),
    )
    parts = [
        gradient_at_layers(layers_and_scores(model, names), some, index)[1]
        for some in batches(batch)
    ]
    return {
        name: np.concatenate([_over_positions(part[place], np.sum) for part in parts])
        for place, name in enumerate(names)
    }


def _over_positions(activations, fold):
    """(N, h, w, channels) or (N, units) -> (N, channels)."""
    activations = np.asarray(activations)
    return fold(activations.reshape(len(activations), -1, activations.shape[-1]), axis=1)


class ConceptVector(NamedTuple):
    """A direction `vector` (channels,) of length 1; a picture shows the concept where φ̄ · vector is above `threshold`."""

    vector: np.ndarray
    threshold: float


def concept_vector(concept, counterparts):
    """v = w / ‖w‖, w the weights of a logistic regression that tells activations of a concept's pictures from those of others.

    concept: (N, channels), counterparts: (M, channels), from `mean_activations`. Channels are brought to one spread for the fit.
    Returns a ConceptVector. Raises ValueError for arrays that do not fit together, or fewer than 2 pictures of either.
    Source: Kim et al., Interpretability beyond feature attribution: testing with concept activation vectors, 2018.
    """
    concept, counterparts = _matching(concept, counterparts)
    both, labels = (
        np.concatenate([concept, counterparts]),
        np.repeat([1, 0], [len(concept), len(counterparts)]),
    )
    spread = both.std(axis=0) + 1e-6
    fitted = LogisticRegression(C=0.05, solver="newton-cg", max_iter=1000).fit(
        both / spread, labels
    )
    weights = fitted.coef_[0] / spread
    length = np.linalg.norm(weights)
    if length < 1e-9:
        raise ValueError(
            "The pictures of the concept and the others have the same activations; no direction tells them apart."
        )
    return ConceptVector(weights / length, float(-fitted.intercept_[0] / length))


def _matching(concept, counterparts):
    concept, counterparts = (
        np.asarray(activations, np.float64) for activations in (concept, counterparts)
    )
    if concept.ndim != 2 or counterparts.ndim != 2 or concept.shape[1] != counterparts.shape[1]:
        raise ValueError(
            f"Activations are (pictures, channels), both of one layer; these are {concept.shape} and {counterparts.shape}."
        )
    if min(len(concept), len(counterparts)) < 2:
        raise ValueError(
            f"A direction takes 2 or more pictures of both kinds; there are {len(concept)} and {len(counterparts)}."
        )
    return concept, counterparts


def accuracy(found, concept, counterparts):
    """The share of pictures told apart, each kind counting half: 1 is perfect, ½ is chance. Give pictures that the fit has not seen."""
    concept, counterparts = _matching(concept, counterparts)
    return float(
        (
            (concept @ found.vector > found.threshold).mean()
            + (counterparts @ found.vector <= found.threshold).mean()
        )
        / 2
    )


def tcav_score(gradients, vector):
    """The share of a class's pictures whose score rises with a little more of the concept: |{I : g(I) · v > 0}| / N, in 0..1.

    gradients: (N, channels) from `layer_gradients`. vector: (channels,), or several (runs, channels), which give (runs,) shares.
    Source: Kim et al., as above.
    """
    return (np.asarray(gradients) @ np.asarray(vector).T > 0).mean(axis=0)


class ConceptVectors(NamedTuple):
    """Directions of a concept (runs, channels), of sets of counterparts in its place (runs, channels), and the held-out accuracy."""

    vectors: np.ndarray
    counterparts: np.ndarray
    accuracy: float


def concept_vectors(concept, counterparts, *, runs=30):
    """The direction of a concept found `runs` times over, each time from other pictures, and as often of what is no concept.

    Run r sets the r-th part of the concept's pictures against a set of counterparts, and another set of counterparts against the same:
    what the second gives is what meaningless pictures give. concept: (N, channels), 2 or more pictures a run; counterparts: (2 N, channels)
    or more; both in random order. The accuracy is that of each direction on the pictures of the next run.
    """
    concept, counterparts = _matching(concept, counterparts)
    size = len(concept) // runs
    if size < 2 or len(counterparts) < 2 * runs * size:
        raise ValueError(
            f"{runs} runs take {2 * runs} or more pictures of the concept and twice as many counterparts as pictures of the "
            f"concept; there are {len(concept)} and {len(counterparts)}."
        )
    sets = [
        part[: runs * size].reshape(runs, size, -1)
        for part in (concept, counterparts, counterparts[runs * size :])
    ]
    shown, others, blanks = sets
    found = [concept_vector(*pair) for pair in zip(shown, others, strict=True)]
    null = [concept_vector(*pair) for pair in zip(blanks, others, strict=True)]
    held_out = np.mean([accuracy(found[run - 1], shown[run], others[run]) for run in range(runs)])
    return ConceptVectors(
        np.stack([one.vector for one in found]),
        np.stack([one.vector for one in null]),
        float(held_out),
    )


class ConceptTest(NamedTuple):
    """The mean `score`, the `scores` (runs,) behind it, those of the counterparts, and the `p_value` of the difference."""

    score: float
    scores: np.ndarray
    counterpart_scores: np.ndarray
    p_value: float


def concept_test(gradients, found, *, samples=9999, seed=0):
    """Whether a class leans on a concept (score near 1) or against it (near 0) more than on meaningless pictures: two-sided.

    gradients: (N, channels) of the class. found: ConceptVectors. If the concept were meaningless, concept and counterparts of a run could
    swap places: the p-value is the share of random swaps whose mean difference is as far from 0. Returns a ConceptTest.
    Source: Fisher, The design of experiments, 1935 (the test); Kim et al., as above, compare the same two groups by a t-test.
    """
    scores, null = tcav_score(gradients, found.vectors), tcav_score(gradients, found.counterparts)
    swaps = np.random.default_rng(seed).choice([-1, 1], (samples, len(scores)))
    difference = scores - null
    as_far = np.abs(swaps @ difference) >= abs(difference.sum()) - 1e-9
    return ConceptTest(
        float(scores.mean()), scores, null, float((1 + as_far.sum()) / (1 + samples))
    )
