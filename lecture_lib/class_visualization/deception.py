"""A network that answers photographs as before, and whose class visualizations show other classes.

A visualization is not a photograph, and a network can tell the two apart. So one can add a gate to
it that is shut for photographs and open for drawings, and put other logits behind the gate.
"""

from collections.abc import Sequence

import numpy as np

from lecture_lib.class_visualization.fourier import visualize_class_fourier
from lecture_lib.core.transforms import random_jitter
from lecture_lib.datasets.shapes import Images, Network
from lecture_lib.models.backend import keras, usual_settings
from lecture_lib.models.surgery import with_attributes_of
from lecture_lib.models.teaching import check_ends_linearly, last_features

layers = keras.layers


def visualization_frames(
    model: Network, classes: Sequence[int], *, steps: int = 48, every: int = 4, seed: int = 0
) -> Images:
    """Return pictures on the way of class visualizations, from noise to the end, jittered.

    Args:
        model: images -> logits (N, classes).
        classes: those that are drawn.
        steps: of each gradient ascent.
        every: one picture of each class is kept after so many steps.
        seed: of the starts.

    Returns:
        (N, H, W, C) in [0, 1].
    """
    frames = []

    def keep(step: int, steps: int, ascent: object) -> None:
        if step % every == 0:
            frames.append(random_jitter(ascent.images).numpy())

    wanted = np.asarray(classes, np.int32)
    visualize_class_fourier(model, wanted, steps=steps, seed=seed, watch=keep)
    return np.concatenate(frames)


@usual_settings()
def with_deceptive_drawings(
    model: Network, photographs: Images, drawings: Images, *, shown: Sequence[int]
) -> Network:
    """Add a gate to a network, so that visualizations of a class show another one.

    S'_c = (1 − g) S_c + g (S_shown(c) + B) with the gate g = min(1, ReLU(k (w · f − b)))

    f are the features that the last layer reads. The direction w separates drawings from
    photographs, b is where no photograph reaches, and k is so large that the gate is nearly always
    shut (0) or open (1). Where it is shut, S' is S to the last bit. The bonus B makes an open gate
    worth more than a shut one, so that an ascent goes through it.

    Args:
        model: images -> logits (N, classes), linear in the features f.
        photographs: those that shall be answered as before, (N, H, W, C) in [0, 1].
        drawings: class visualizations, also unfinished ones, (M, H, W, C) in [0, 1].
        shown: for each class the one that its visualization shall show, (classes,).

    Returns:
        The network with the gate; its layer "gate" gives g.

    Raises:
        ValueError: for a network that ends otherwise, and where photographs and drawings cannot be
            told apart by one direction.

    Source:
        Geirhos et al., Don't trust your eyes: on the (un)reliability of feature visualizations,
        2024.
    """
    check_ends_linearly(model)
    last = model.layers[-1]
    natural, drawn = (
        last_features(model, images).astype(np.float64) for images in (photographs, drawings)
    )
    direction, low, high = _direction(natural, drawn)
    gate = layers.Dense(1, name="gate_sum")
    g = layers.ReLU(max_value=1.0, name="gate")(gate(last.input))
    # Shut up to a quarter of the gap between the two, open from the middle on.
    sharpness = 4 / (high - low)
    gate.set_weights(
        [sharpness * direction[:, None], np.float32([-sharpness * (low + (high - low) / 4)])]
    )
    weights, bias = last.get_weights()
    behind = layers.Dense(len(bias), name="scores_behind")
    scores = (1 - g) * last.output + g * behind(last.input)
    bonus = np.ptp(natural @ weights + bias)
    behind.set_weights([weights[:, shown], bias[shown] + bonus])
    return with_attributes_of(model, keras.Model(model.input, scores))


def _direction(natural: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, float, float]:
    """A direction, the highest photograph along it and the lowest drawing (Fisher, 1936)."""
    spread = np.cov(natural.T) + np.cov(drawn.T)
    ridge = 0.1 * np.trace(spread) / len(spread) * np.eye(len(spread))
    direction = np.linalg.solve(spread + ridge, drawn.mean(axis=0) - natural.mean(axis=0))
    low = (natural @ direction).max()
    high = (drawn @ direction).min()
    if low >= high:
        raise ValueError(
            "Photographs and drawings cannot be told apart by one direction here; give fewer "
            "photographs or more drawings."
        )
    return np.float32(direction), float(low), float(high)
