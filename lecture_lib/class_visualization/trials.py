"""Trials that ask an eye what a channel responds to, with drawn or with natural references."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lecture_lib.class_visualization.fourier import maximize_fourier
from lecture_lib.core.layer_scores import channel_score
from lecture_lib.core.transforms import random_fourier_coefficients
from lecture_lib.datasets.shapes import Image, Images, Network
from lecture_lib.models.layers import mean_activations
from lecture_lib.models.remarks import interrupts_passed_on

KINDS = ("synthetic", "natural")


class Trial(NamedTuple):
    """One question about a channel, with its pictures: which of two excites it more.

    Attributes:
        channel: its number.
        kind: of the references, "synthetic" or "natural".
        exciting: references that excite the channel, (n, H, W, 3).
        others: references that excite it least, (n, H, W, 3).
        stronger: the picture of the question that excites it more, (H, W, 3).
        weaker: the other one.
    """

    channel: int
    kind: str
    exciting: Images
    others: Images
    stronger: Image
    weaker: Image


def make_trials(
    model: Network,
    layer: str,
    channels: Sequence[int],
    *,
    references: Images,
    questions: Images,
    drawing_model: Network | None = None,
    count: int = 4,
    steps: int = 64,
    seed: int = 0,
) -> list[Trial]:
    """Make two trials for each channel, one with drawn references and one with natural ones.

    Natural references are the pictures that excite a channel most and least. Drawn ones are
    gradient ascents on the channel's mean and on its negative. The pictures of the question come
    from another set: one of the strongest twentieth and one of the weakest.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        channels: their numbers.
        references: pictures to take natural references from, (N, H, W, C) in [0, 1].
        questions: others, for the questions.
        drawing_model: the network that draws, by default `model`. A copy whose ReLUs let some of
            the gradient through reaches channels that are 0 on a gray picture.
        count: how many references excite the channel, and how many do not.
        steps: of each ascent.
        seed: of the ascents, of the pictures drawn, and of the order.

    Returns:
        Two trials a channel, in random order.

    Raises:
        ValueError: for a channel that the layer does not have, for one that answers all questions
            with the same number, and for too few pictures.

    Source:
        Borowski et al., Exemplary natural images explain CNN activations better than
        state-of-the-art feature visualization, 2021.
    """
    if len(references) < 2 * count or len(questions) < 40:
        raise ValueError(
            f"A trial needs {2 * count} references and 40 pictures to ask about at least; there "
            f"are {len(references)} and {len(questions)}."
        )
    random = np.random.default_rng(seed)
    with interrupts_passed_on():
        drawn = _drawn_references(
            drawing_model or model, layer, channels, count=count, steps=steps, seed=seed
        )
    means = [mean_activations(model, layer, shown)[layer] for shown in (references, questions)]
    _check_channels_differ(means[1], channels)
    ranks = [np.argsort(activations, axis=0) for activations in means]
    trials = []
    for place, channel in enumerate(channels):
        order, order_of_questions = (rank[:, channel] for rank in ranks)
        natural = (references[order[-count:]], references[order[:count]])
        for kind, (exciting, others) in zip(KINDS, (drawn[place], natural), strict=True):
            weaker, stronger = questions[_two_ends(order_of_questions, random)]
            trials.append(Trial(int(channel), kind, exciting, others, stronger, weaker))
    return [trials[place] for place in random.permutation(len(trials))]


def _check_channels_differ(means: np.ndarray, channels: Sequence[int]) -> None:
    """The strongest twentieth of the pictures must excite a channel more than the weakest."""
    twentieth = len(means) // 20
    ordered = np.sort(means, axis=0)
    for channel in channels:
        if not ordered[-twentieth, channel] > ordered[twentieth - 1, channel]:
            raise ValueError(
                f"Channel {channel} is the same for most of the pictures, so that nothing can be "
                "asked about it; choose channels that vary."
            )


def _two_ends(order: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One of the weakest twentieth of the pictures and one of the strongest."""
    twentieth = len(order) // 20
    weak, strong = random.integers(twentieth, size=2)
    return order[[weak, len(order) - 1 - strong]]


def _drawn_references(
    model: Network, layer: str, channels: Sequence[int], *, count: int, steps: int, seed: int
) -> list[tuple[Images, Images]]:
    """For each channel, pictures that raise its mean and pictures that lower it."""
    wanted = np.repeat(np.asarray(channels, np.int32), count)
    score = channel_score(model, layer, wanted)
    colors = model.input.shape[-1]
    start = random_fourier_coefficients(len(wanted), model.image_size, channels=colors, seed=seed)
    ends = [maximize_fourier(end, start, steps=steps).images for end in (score, -score)]
    raised, lowered = (np.split(images, len(channels)) for images in ends)
    return list(zip(raised, lowered, strict=True))
