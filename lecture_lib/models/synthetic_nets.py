"""Networks whose logits have a known cause: badges that were painted onto photographs."""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from lecture_lib.datasets.shapes import Images, Network
from lecture_lib.datasets.synthetic import cross, paint_badges, ring
from lecture_lib.models.backend import keras, usual_settings
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import features
from lecture_lib.models.surgery import named
from lecture_lib.models.wrapping import wrap_model


@usual_settings()
def badge_network(
    trunk: Network,
    photographs: Images,
    *,
    badges: Sequence[Callable] = (ring, cross),
    layer: str = "block3",
    seed: int = 0,
) -> Network:
    """Train a network whose logits are caused by badges alone, in seconds.

    It has one linear head per badge on the mean activations of a layer. The photographs are shown
    with every combination of the badges: whatever else they show is of no use, and one badge says
    nothing about another.

    Args:
        trunk: the network whose layers are used, images -> logits (N, classes).
        photographs: (N, H, W, 3) in [0, 1].
        badges: functions that draw a badge; class k of the network is badges[k].
        layer: the name of the layer of `trunk` whose means are read.
        seed: of the places of the badges.

    Returns:
        A network; a logit above 0 predicts that the badge is there.
    """
    # Every combination of badges, one a row: (2 ** badges, badges).
    present = np.indices((2,) * len(badges)).reshape(len(badges), -1).T.astype(bool)
    pooled = keras.Model(
        trunk.input, keras.layers.GlobalAveragePooling2D(name="pool")(features(trunk, layer))
    )
    named(pooled, image_size=trunk.image_size)
    means = []
    for number, row in enumerate(present):
        worn = [badge for badge, is_worn in zip(badges, row, strict=True) if is_worn]
        painted = paint_badges(photographs, worn, seed=seed + number)
        means.append(class_scores(pooled, painted.images))  # one combination in memory at a time
    head = _linear_heads(np.concatenate(means), np.repeat(present, len(photographs), axis=0))
    return wrap_model(
        keras.Model(trunk.input, head(pooled.output)),
        class_names=[badge.__name__ for badge in badges],
        image_size=trunk.image_size,
    )


def _linear_heads(means: np.ndarray, answers: np.ndarray) -> keras.layers.Dense:
    """One logistic regression per column of the answers, as a layer."""
    heads = [
        LogisticRegression(C=100.0, solver="newton-cg", max_iter=1000).fit(means, answer)
        for answer in answers.T
    ]
    layer = keras.layers.Dense(len(heads), name="scores")
    layer.build(means.shape)
    kernel = np.concatenate([head.coef_ for head in heads]).T
    bias = np.concatenate([head.intercept_ for head in heads])
    layer.set_weights([kernel, bias])
    return layer


@usual_settings()
def hand_set_network() -> Network:
    """Build a network for badges on gray photographs whose weights are set by hand.

    S_ring = mean of relu(red − blue), S_cross = mean of relu(blue − red)

    Gray and white pixels have no red without blue: a logit has no other cause than the colored
    pixels, each as much as any other.
    """
    images = keras.Input((None, None, 3), name="image")
    maps = keras.layers.Conv2D(2, 1, activation="relu", use_bias=False, name="colors")(images)
    scores = keras.layers.Dense(2, use_bias=False, name="scores")
    net = keras.Model(images, scores(keras.layers.GlobalAveragePooling2D(name="pool")(maps)))
    net.get_layer("colors").set_weights([np.float32([[1, -1], [0, 0], [-1, 1]])[None, None]])
    scores.set_weights([np.eye(2, dtype=np.float32)])
    return named(net, class_names=("ring", "cross"), image_size=64)
