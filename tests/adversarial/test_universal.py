"""One change for many images, and a patch: more than noise does, and pasted whole."""

import numpy as np
import pytest
from small_nets import normal, random, small_net

from lecture_lib.adversarial.universal import paste, patch, universal_perturbation
from lecture_lib.models.inference import class_scores, probabilities

IMAGES = 0.3 + 0.4 * random(6, 12, 12, 3)


def predictions(model, images):
    return class_scores(model, images).argmax(axis=1)


def test_a_universal_change_turns_more_predictions_than_noise_of_the_same_size():
    net = small_net()
    images = random(40, 12, 12, 3, seed=8)
    before = predictions(net, images)

    def share_turned(change):
        return np.mean(predictions(net, np.clip(images + change, 0, 1)) != before)

    change = universal_perturbation(net, images, epsilon=0.1)
    assert change.shape == (12, 12, 3) and np.abs(change).max() <= 0.1 + 1e-6
    noise = 0.1 * np.sign(normal(12, 12, 3, seed=2))
    assert share_turned(change) > share_turned(noise) + 0.2


def test_small_batches_learn_a_change_too_and_the_same_one_each_time():
    net = small_net()
    images = random(40, 12, 12, 3, seed=8)
    before = predictions(net, images)
    changes = [universal_perturbation(net, images, epsilon=0.1, batch_size=8) for _ in range(2)]
    np.testing.assert_array_equal(*changes)
    turned = predictions(net, np.clip(images + changes[0], 0, 1)) != before
    noise = 0.1 * np.sign(normal(12, 12, 3, seed=2))
    by_noise = predictions(net, np.clip(images + noise, 0, 1)) != before
    assert turned.mean() > by_noise.mean() + 0.2


def test_a_patch_draws_images_toward_its_class_wherever_it_is_pasted():
    net = small_net()
    images = random(20, 12, 12, 3, seed=9)
    sticker = patch(net, images, 3, share=0.5, steps=40)
    assert sticker.shape == (6, 6, 3) and sticker.min() >= 0 and sticker.max() <= 1
    gray = np.full_like(sticker, 0.5)
    with_sticker, with_gray = (
        probabilities(net, paste(images, pasted, seed=4))[:, 3] for pasted in (sticker, gray)
    )
    assert with_sticker.mean() > with_gray.mean()


def test_a_patch_is_pasted_whole_and_changes_nothing_else():
    images = random(5, 12, 12, 3)
    sticker = np.full((4, 4, 3), 0.25, np.float32)
    pasted = paste(images, sticker, seed=1)
    changed = (pasted != images).any(axis=-1)
    corners = [tuple(np.argwhere(mask)[0]) for mask in changed]
    for mask, image, (top, left) in zip(changed, pasted, corners, strict=True):
        assert mask.sum() == 16
        np.testing.assert_array_equal(image[top : top + 4, left : left + 4], sticker)
    assert len(set(corners)) > 1
    np.testing.assert_array_equal(pasted, paste(images, sticker, seed=1))
    assert paste(images[0], sticker).shape == (12, 12, 3)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (
            lambda: universal_perturbation(small_net(), IMAGES, epsilon=2),
            "between 0 and 1; it was 2",
        ),
        (lambda: patch(small_net(), IMAGES, 0, share=0), "share of the image"),
        (lambda: patch(small_net(), IMAGES, 7), "7 is not among them"),
        (lambda: paste(IMAGES, np.zeros((20, 20, 3))), "larger than the image"),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
