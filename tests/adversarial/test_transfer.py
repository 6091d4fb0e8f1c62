"""What survives: the stages against Pillow and scikit-image by hand; transfer on linear nets whose answers are known."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity
from small_nets import linear_net, random, small_net

from lecture_lib.adversarial.attacks import fgsm
from lecture_lib.adversarial.transfer import sizes, stages, survival, transfer
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores

IMAGES = random(4, 12, 12, 3)
ATTACKED = np.clip(IMAGES + 0.1 * (random(4, 12, 12, 3, seed=1) - 0.5), 0, 1)


def test_each_stage_is_what_it_says():
    image, by_name = 1.4 * random(8, 12, 3) - 0.2, stages()
    inside = image.clip(0, 1)
    np.testing.assert_array_equal(by_name["float"](image), image)
    np.testing.assert_array_equal(by_name["clipped"](image), inside)
    eight = np.floor(255 * inside + 0.5) / 255
    np.testing.assert_allclose(by_name["8 bits"](image), eight, atol=1e-6)
    np.testing.assert_allclose(by_name["PNG"](image), eight, atol=1e-6)
    for quality in (90, 75):
        file = io.BytesIO()
        Image.fromarray(np.uint8(np.rint(255 * inside))).save(file, "JPEG", quality=quality)
        np.testing.assert_allclose(
            by_name[f"JPEG {quality}"](image), np.asarray(Image.open(file)) / 255, atol=1e-6
        )
    small = Image.fromarray(np.uint8(np.rint(255 * inside))).resize(
        (9, 6), Image.Resampling.LANCZOS
    )
    np.testing.assert_allclose(
        by_name["resized"](image),
        np.asarray(small.resize((12, 8), Image.Resampling.LANCZOS)) / 255,
        atol=1e-6,
    )


def test_save_img_is_the_file_that_keras_writes(tmp_path):
    image = 0.3 + 0.2 * random(8, 12, 3)
    keras.utils.save_img(tmp_path / "picture.png", image)
    written = np.asarray(Image.open(tmp_path / "picture.png")) / 255
    np.testing.assert_allclose(stages()["save_img"](image), written, atol=1e-6)
    assert (
        written.min() == 0 and written.max() == 1 and np.abs(written - image).max() > 0.2
    )  # stretched: another picture


def test_the_rows_hold_what_numpy_and_the_net_say():
    net, labels = small_net(), class_scores(small_net(), IMAGES).argmax(axis=1)
    for row in survival(net, IMAGES, ATTACKED, labels=labels):
        reached = np.stack([stages()[row.stage](picture) for picture in ATTACKED])
        assert row.success == np.mean(class_scores(net, reached).argmax(axis=1) != labels)
        change = (reached - IMAGES).reshape(4, -1)
        np.testing.assert_allclose(row.l2, np.median(np.linalg.norm(change, axis=1)), rtol=1e-5)
        np.testing.assert_allclose(row.largest, np.median(np.abs(change).max(axis=1)), rtol=1e-5)
        ssim = [
            structural_similarity(a, b, channel_axis=-1, data_range=1)
            for a, b in zip(IMAGES, reached, strict=True)
        ]
        np.testing.assert_allclose(row.ssim, np.median(ssim), rtol=1e-5)


def test_a_targeted_attack_counts_where_it_hits_its_class():
    net, target = small_net(), 3
    for row in survival(net, IMAGES, ATTACKED, labels=target, targeted=True):
        reached = np.stack([stages()[row.stage](picture) for picture in ATTACKED])
        assert row.success == np.mean(class_scores(net, reached).argmax(axis=1) == target)


def test_a_change_of_half_a_level_dies_in_the_file_and_one_of_ten_lives():
    weights = np.zeros((8, 8, 3, 2), np.float32)
    weights[..., 1] = 1
    gray = np.full((2, 8, 8, 3), 100 / 255, np.float32)
    net = linear_net(
        weights, bias=np.float32([weights[..., 1].sum() * (100 / 255 + 0.0005), 0])
    )  # says 1 above 100.13 levels of 255
    for levels, survives in (0.4, False), (10, True):
        rows = {
            row.stage: row.success for row in survival(net, gray, gray + levels / 255, labels=0)
        }
        assert rows["float"] == rows["clipped"] == 1 and rows["8 bits"] == rows["PNG"] == survives


def test_digits_keep_their_one_channel():
    net = linear_net(np.float32(np.eye(144)[:, :2]).reshape(12, 12, 1, 2))
    rows = survival(net, random(3, 12, 12, 1), random(3, 12, 12, 1, seed=1), labels=0)
    assert [row.stage for row in rows] == list(stages())


def test_equal_pictures_differ_by_nothing():
    assert sizes(IMAGES, IMAGES) == (0.0, 0.0, 1.0)


def test_transfer_knows_opposite_nets_from_equal_ones():
    """Two nets with the same weights fall together; one whose weights lie elsewhere is not touched."""
    left, right = np.zeros((4, 4, 3, 2), np.float32), np.zeros((4, 4, 3, 2), np.float32)
    left[:, :2, :, 0], right[:, 2:, :, 0] = 1, 1
    nets = [
        linear_net(weights, bias=np.float32([0, 12])) for weights in (left, left.copy(), right)
    ]  # says 0 where the half is above 1/2
    images = np.full((3, 4, 4, 3), 0.53, np.float32)
    shares = transfer(
        nets, images, lambda model, images, labels: fgsm(model, images, labels, epsilon=0.1)
    )
    np.testing.assert_array_equal(shares, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


def test_what_makes_no_sense_gives_a_sentence():
    with pytest.raises(ValueError, match="give as many of one size"):
        survival(small_net(), IMAGES, ATTACKED[:2], labels=0)
    with pytest.raises(ValueError, match="9 is not among them"):
        survival(small_net(), IMAGES, ATTACKED, labels=9)
    with pytest.raises(ValueError, match="divide by 255"):
        survival(small_net(), 255 * IMAGES, ATTACKED, labels=0)
