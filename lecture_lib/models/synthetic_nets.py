"""Nets whose scores have a known cause: badges that were painted onto photographs."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from lecture_lib.datasets.synthetic import cross, paint_badges, ring
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores, features
from lecture_lib.models.surgery import named, wrap_model


def badge_network(trunk, photographs, *, badges=(ring, cross), layer="block3", seed=0):
    """A net whose scores are caused by badges alone, learned in seconds: one linear head a badge on the mean activations of a layer.

    trunk: a network. photographs: (N, H, W, 3). They are shown with every combination of the badges, so that whatever else they show is
    of no use, and one badge says nothing about another. Class k of the net is badges[k]: a score above 0 says that it is there.
    """
    present = np.indices((2,) * len(badges)).reshape(len(badges), -1).T.astype(bool)
    worn = lambda row: [badge for badge, there in zip(badges, row, strict=True) if there]
    groups = [
        paint_badges(photographs, worn(row), seed=seed + number).images
        for number, row in enumerate(present)
    ]
    pooled = keras.Model(
        trunk.input, keras.layers.GlobalAveragePooling2D(name="pool")(features(trunk, layer))
    )
    means, answers = (
        np.concatenate([class_scores(pooled, group) for group in groups]),
        np.repeat(present, len(photographs), axis=0),
    )
    heads = [
        LogisticRegression(C=100.0, solver="newton-cg", max_iter=1000).fit(means, there)
        for there in answers.T
    ]
    scores = keras.layers.Dense(len(badges), name="scores")
    net = keras.Model(trunk.input, scores(pooled.output))
    scores.set_weights(
        [
            np.concatenate([head.coef_ for head in heads]).T,
            np.concatenate([head.intercept_ for head in heads]),
        ]
    )
    return wrap_model(
        net, class_names=[badge.__name__ for badge in badges], image_size=trunk.image_size
    )


def hand_set_network():
    """A net set by hand for badges on gray photographs: S_ring is the mean of relu(red − blue), S_cross that of relu(blue − red).

    Gray and white pixels have no red without blue: a score has no other cause than the colored pixels, each as much as any other.
    """
    images = keras.Input((None, None, 3), name="image")
    maps = keras.layers.Conv2D(2, 1, activation="relu", use_bias=False, name="colors")(images)
    scores = keras.layers.Dense(2, use_bias=False, name="scores")
    net = keras.Model(images, scores(keras.layers.GlobalAveragePooling2D(name="pool")(maps)))
    net.get_layer("colors").set_weights([np.float32([[1, -1], [0, 0], [-1, 1]])[None, None]])
    scores.set_weights([np.eye(2, dtype=np.float32)])
    return named(net, class_names=("ring", "cross"), image_size=64)
