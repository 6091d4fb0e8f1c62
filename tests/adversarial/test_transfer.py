"""What is left of an attack: stages against Pillow and scikit-image; transfer on linear nets."""

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity
from small_nets import linear_net, random, small_net

from lecture_lib.adversarial.attacks import fgsm
from lecture_lib.adversarial.transfer import (
    attack_success_after,
    perturbation_norms,
    post_processing,
    transfer_matrix,
)
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores

IMAGES = random(4, 12, 12, 3)
ADVERSARIAL = np.clip(IMAGES + 0.1 * (random(4, 12, 12, 3, seed=1) - 0.5), 0, 1)


def after_stage(stage, images):
    return np.stack([post_processing()[stage](image) for image in images])


def predictions(model, images):
    return class_scores(model, images).argmax(axis=1)


def test_each_stage_is_what_it_says():
    image = 1.4 * random(8, 12, 3) - 0.2
    stages = post_processing()
    inside = image.clip(0, 1)
    np.testing.assert_array_equal(stages["float"](image), image)
    np.testing.assert_array_equal(stages["clipped"](image), inside)
    eight = np.floor(255 * inside + 0.5) / 255
    np.testing.assert_allclose(stages["8 bits"](image), eight, atol=1e-6)
    np.testing.assert_allclose(stages["PNG"](image), eight, atol=1e-6)


@pytest.mark.parametrize("quality", [90, 75])
def test_the_jpeg_stages_are_files_of_pillow(quality):
    image = 1.4 * random(8, 12, 3) - 0.2
    file = io.BytesIO()
    Image.fromarray(np.uint8(np.rint(255 * image.clip(0, 1)))).save(file, "JPEG", quality=quality)
    expected = np.asarray(Image.open(file)) / 255
    found = post_processing()[f"JPEG {quality}"](image)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_resized_is_three_quarters_and_back():
    image = 1.4 * random(8, 12, 3) - 0.2
    pixels = Image.fromarray(np.uint8(np.rint(255 * image.clip(0, 1))))
    small = pixels.resize((9, 6), Image.Resampling.LANCZOS)
    expected = np.asarray(small.resize((12, 8), Image.Resampling.LANCZOS)) / 255
    np.testing.assert_allclose(post_processing()["resized"](image), expected, atol=1e-6)


def test_save_img_is_the_file_that_keras_writes(tmp_path):
    image = 0.3 + 0.2 * random(8, 12, 3)
    keras.utils.save_img(tmp_path / "picture.png", image)
    written = np.asarray(Image.open(tmp_path / "picture.png")) / 255
    np.testing.assert_allclose(post_processing()["save_img"](image), written, atol=1e-6)
    # It is stretched, and so another image.
    assert written.min() == 0 and written.max() == 1 and np.abs(written - image).max() > 0.2


def test_the_rows_hold_what_numpy_and_the_net_say():
    net = small_net()
    labels = predictions(net, IMAGES)
    for row in attack_success_after(net, IMAGES, ADVERSARIAL, labels=labels):
        reached = after_stage(row.stage, ADVERSARIAL)
        assert row.success == np.mean(predictions(net, reached) != labels)
        changes = (reached - IMAGES).reshape(4, -1)
        np.testing.assert_allclose(row.l2, np.median(np.linalg.norm(changes, axis=1)), rtol=1e-5)
        np.testing.assert_allclose(row.linf, np.median(np.abs(changes).max(axis=1)), rtol=1e-5)
        ssim = [
            structural_similarity(image, other, channel_axis=-1, data_range=1)
            for image, other in zip(IMAGES, reached, strict=True)
        ]
        np.testing.assert_allclose(row.ssim, np.median(ssim), rtol=1e-5)


def test_a_targeted_attack_counts_where_it_hits_its_class():
    net = small_net()
    for row in attack_success_after(net, IMAGES, ADVERSARIAL, labels=3, targeted=True):
        reached = after_stage(row.stage, ADVERSARIAL)
        assert row.success == np.mean(predictions(net, reached) == 3)


@pytest.mark.parametrize("levels, survives", [(0.4, False), (10, True)])
def test_a_change_of_half_a_level_dies_in_the_file_and_one_of_ten_lives(levels, survives):
    weights = np.zeros((8, 8, 3, 2), np.float32)
    weights[..., 1] = 1
    # Predicts 1 above 100.13 levels of 255.
    border = weights[..., 1].sum() * (100 / 255 + 0.0005)
    net = linear_net(weights, bias=np.float32([border, 0]))
    gray = np.full((2, 8, 8, 3), 100 / 255, np.float32)
    rows = attack_success_after(net, gray, gray + levels / 255, labels=0)
    success = {row.stage: row.success for row in rows}
    assert success["float"] == success["clipped"] == 1
    assert success["8 bits"] == success["PNG"] == survives


def test_digits_keep_their_one_channel():
    net = linear_net(np.float32(np.eye(144)[:, :2]).reshape(12, 12, 1, 2))
    digits = random(3, 12, 12, 1)
    rows = attack_success_after(net, digits, random(3, 12, 12, 1, seed=1), labels=0)
    assert [row.stage for row in rows] == list(post_processing())


def test_equal_images_differ_by_nothing():
    assert perturbation_norms(IMAGES, IMAGES) == (0.0, 0.0, 1.0)


def test_transfer_knows_opposite_nets_from_equal_ones():
    """Two nets with the same weights fall together; one whose weights lie elsewhere is unharmed."""
    left, right = np.zeros((4, 4, 3, 2), np.float32), np.zeros((4, 4, 3, 2), np.float32)
    left[:, :2, :, 0] = 1
    right[:, 2:, :, 0] = 1
    # Each predicts 0 where its half is above 1/2.
    bias = np.float32([0, 12])
    nets = [linear_net(weights, bias=bias) for weights in (left, left.copy(), right)]
    images = np.full((3, 4, 4, 3), 0.53, np.float32)
    shares = transfer_matrix(nets, images, partial(fgsm, epsilon=0.1))
    np.testing.assert_array_equal(shares, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    "images, adversarial, label, sentence",
    [
        (IMAGES, ADVERSARIAL[:2], 0, "give as many of one size"),
        (IMAGES, ADVERSARIAL, 9, "9 is not among them"),
        (255 * IMAGES, ADVERSARIAL, 0, "divide by 255"),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(images, adversarial, label, sentence):
    with pytest.raises(ValueError, match=sentence):
        attack_success_after(small_net(), images, adversarial, labels=label)


@pytest.mark.parametrize("shape", [(6, 12, 3), (12, 6, 1), (12, 12, 4), (12, 12, 2)])
def test_images_that_no_file_holds_or_too_small_to_compare_give_a_sentence(shape):
    images = random(2, *shape)
    net = linear_net(random(*shape, 2))
    with pytest.raises(ValueError, match="1 or 3 channels and at least 7 pixels a side; these are"):
        attack_success_after(net, images, images, labels=0)
