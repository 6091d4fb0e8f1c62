"""Trials: their pictures are the extremes of the channel, and the drawn ones move it."""

import numpy as np
import pytest
from small_nets import pixel_features, pixel_net, random

from lecture_lib.class_visualization.trials import make_trials
from lecture_lib.models.backend import keras
from lecture_lib.models.surgery import named

REFERENCES = random(30, 8, 8, 3) * random(30, 1, 1, 3, seed=3)
QUESTIONS = random(60, 8, 8, 3, seed=1) * random(60, 1, 1, 3, seed=4)


def made(**options):
    return make_trials(
        pixel_net(), "conv", [0, 2], references=REFERENCES, questions=QUESTIONS, **options
    )


def means(pictures):
    return pixel_features(pictures).mean(axis=(1, 2))


def test_each_channel_is_asked_twice_and_the_right_answer_is_the_stronger_picture():
    trials = made(steps=20)
    assert sorted((trial.channel, trial.kind) for trial in trials) == [
        (0, "natural"),
        (0, "synthetic"),
        (2, "natural"),
        (2, "synthetic"),
    ]
    for trial in trials:
        weaker, stronger = means(np.stack([trial.weaker, trial.stronger]))[:, trial.channel]
        assert stronger > weaker
        exciting, others = (means(part)[:, trial.channel] for part in trial[2:4])
        assert exciting.min() > others.max()


def test_natural_references_are_the_ends_of_the_order():
    trial = next(trial for trial in made(steps=1, count=3) if trial[:2] == (2, "natural"))
    order = np.argsort(means(REFERENCES)[:, 2])
    np.testing.assert_array_equal(trial.exciting, REFERENCES[order[-3:]])
    np.testing.assert_array_equal(trial.others, REFERENCES[order[:3]])


def test_the_same_seed_makes_the_same_trials():
    first, same, other = (made(steps=2, seed=seed) for seed in (0, 0, 1))
    for one, two in zip(first, same, strict=True):
        assert one[:2] == two[:2]
        np.testing.assert_array_equal(one.exciting, two.exciting)
    assert any(np.abs(a.stronger - b.stronger).max() > 0 for a, b in zip(first, other, strict=True))


def test_too_few_pictures_give_a_sentence():
    with pytest.raises(ValueError, match="8 references and 40 pictures to ask about"):
        make_trials(pixel_net(), "conv", [0], references=REFERENCES[:7], questions=QUESTIONS)


def test_a_channel_that_does_not_vary_gives_a_sentence():
    gray = np.full((40, 8, 8, 3), 0.5, np.float32)
    with pytest.raises(ValueError, match="Channel 0 is the same for most"):
        make_trials(pixel_net(), "conv", [0], references=REFERENCES, questions=gray, steps=1)


def test_another_network_can_draw():
    other = pixel_net()
    trials = made(steps=3)
    same = made(steps=3, drawing_model=other)
    np.testing.assert_array_equal(trials[0].exciting, same[0].exciting)


def test_trials_of_a_gray_network():
    images = keras.Input((None, None, 1), name="image")
    maps = keras.layers.Conv2D(2, 3, name="conv")(images)
    scores = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(maps))
    net = named(keras.Model(images, scores), class_names=None, image_size=8)
    pictures = random(48, 8, 8, 1)
    trials = make_trials(net, "conv", [1], references=pictures[:8], questions=pictures[8:], steps=1)
    assert {trial.exciting.shape for trial in trials} == {(4, 8, 8, 1)}
