"""What is left of an attack whose images are rounded, compressed, or shown to another network."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from skimage.metrics import structural_similarity

from lecture_lib.core.ascent import clip, identity, length
from lecture_lib.core.gradients import value
from lecture_lib.core.scores import class_margin
from lecture_lib.datasets.images import decode_image, resize_image, to_uint8
from lecture_lib.datasets.saving import encode_jpeg, encode_png
from lecture_lib.datasets.shapes import Classes, Image, Images, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.checks import batch_for
from lecture_lib.models.inference import class_scores
from lecture_lib.models.remarks import interrupts_passed_on

SIMILARITY_WINDOW = 7  # pixels a side, over which the structural similarity compares


class AttackSuccess(NamedTuple):
    """How an attack fares after one stage of post-processing.

    Attributes:
        stage: its name, one of `post_processing`.
        success: the share of images that still fool the network, in 0..1.
        l2: ‖I' − I‖, the median over the images.
        linf: max |I' − I|, the median over the images.
        ssim: the structural similarity of I' and I, the median; 1 for equal images.
    """

    stage: str
    success: float
    l2: float
    linf: float
    ssim: float


def post_processing() -> dict[str, Callable]:
    """Return what may happen to an image on its way: {name of the stage: image -> image}.

    Images are (H, W, C); only "float" hands on numbers outside [0, 1].
    """
    return {
        "float": identity,
        "clipped": clip,
        "8 bits": _through_8_bits,
        "save_img": _through_save_img,
        "PNG": _through_png,
        "JPEG 90": partial(_through_jpeg, quality=90),
        "JPEG 75": partial(_through_jpeg, quality=75),
        "resized": _through_a_smaller_size,
    }


def _through_8_bits(image: Image) -> Image:
    return to_uint8(clip(image)) / np.float32(255)


def _through_save_img(image: Image) -> Image:
    """What `keras.utils.save_img` writes: it stretches the numbers to the whole range."""
    pixels = np.asarray(keras.utils.array_to_img(image, "channels_last"), np.float32)
    return pixels.reshape(image.shape) / 255


def _through_png(image: Image) -> np.ndarray:
    """Through a file, which holds three colors: a gray image comes back with three equal ones."""
    return decode_image(encode_png(clip(image)))


def _through_jpeg(image: Image, *, quality: int) -> np.ndarray:
    return decode_image(encode_jpeg(clip(image), quality=quality))


def _through_a_smaller_size(image: Image) -> np.ndarray:
    """Resized to three quarters of its height and width, and back."""
    height, width, _ = image.shape
    smaller = (max(1, 3 * height // 4), max(1, 3 * width // 4))
    return resize_image(resize_image(clip(image), smaller), (height, width))


def attack_success_after(
    model: Network,
    images: Images,
    adversarial: np.ndarray,
    *,
    labels: Classes,
    targeted: bool = False,
) -> list[AttackSuccess]:
    """Measure how often adversarial examples still succeed after each stage of `post_processing`.

    Args:
        model: images -> logits (N, classes).
        images: the originals, (N, H, W, C) in [0, 1], at least 7 pixels high and wide, of 1 or 3
            channels.
        adversarial: their adversarial examples, (N, H, W, C). Numbers outside [0, 1] are allowed,
            as an attack that does not clip leaves them.
        labels: the true class, one for all images or one for each. An adversarial example succeeds
            when the prediction is another.
        targeted: labels are the classes wanted, and one succeeds when that is the prediction.

    Returns:
        One AttackSuccess for each stage.

    Raises:
        ValueError: for images that do not fit one another or the network, that are too small or of
            other channels, and for a class out of range.

    Source:
        Of the structural similarity: Wang et al., Image quality assessment: from error visibility
        to structural similarity, 2004.
    """
    originals = batch_for(model, images)
    adversarial = np.asarray(adversarial, np.float32)
    if adversarial.shape != originals.shape:
        raise ValueError(
            f"The originals have the shape {originals.shape}, the adversarial examples "
            f"{adversarial.shape}; give as many of one size."
        )
    _check_pictures(originals)
    channels = originals.shape[-1]
    margin = class_margin(model, labels)
    rows = []
    for name, stage in post_processing().items():
        processed = np.stack([stage(image)[..., :channels] for image in adversarial])
        succeeded = (value(margin, processed) > 0) == targeted
        norms = perturbation_norms(originals, processed)
        rows.append(AttackSuccess(name, float(succeeded.mean()), *norms))
    return rows


def _check_pictures(images: Images) -> None:
    """Raise ValueError for images that no file holds, or too small for the similarity's windows."""
    _, *sides, channels = images.shape
    if min(sides) < SIMILARITY_WINDOW or channels not in (1, 3):
        raise ValueError(
            "Files and the structural similarity take images of 1 or 3 channels and at least "
            f"{SIMILARITY_WINDOW} pixels a side; these are {sides[0]} x {sides[1]} with {channels}."
        )


def perturbation_norms(images: Images, changed: Images) -> tuple[float, float, float]:
    """Return how far images are from their originals: medians of ‖I' − I‖, max |I' − I| and SSIM.

    Args:
        images: the originals I, (N, H, W, C) in [0, 1].
        changed: I', (N, H, W, C).

    Returns:
        (l2, linf, ssim).
    """
    changes = changed - images
    l2 = length(changes)
    linf = np.abs(changes).max(axis=(1, 2, 3))
    ssim = [
        structural_similarity(
            image, other, win_size=SIMILARITY_WINDOW, channel_axis=-1, data_range=1
        )
        for image, other in zip(images, changed, strict=True)
    ]
    return float(np.median(l2)), float(np.median(linf)), float(np.median(ssim))


def transfer_matrix(models: Sequence[Network], images: Images, attack: Callable) -> np.ndarray:
    """Measure how many adversarial examples of each network fool each other one.

    Args:
        models: networks that take these images.
        images: (N, H, W, C) in [0, 1].
        attack: (model, images, labels) -> images, such as `fgsm`. Each network is attacked away
            from its own predictions.

    Returns:
        share[i, j] of the images, in 0..1, at which network j changes its prediction when they
        were made to fool network i: (networks, networks).

    Raises:
        ValueError: for images that do not fit a network.

    Source:
        Szegedy et al., Intriguing properties of neural networks, 2014.
    """
    predictions = [_predicted(model, images) for model in models]
    shares = np.zeros((len(models), len(models)))
    for row, attacked in enumerate(models):
        with interrupts_passed_on():
            adversarial = attack(attacked, images, predictions[row])
        for column, asked in enumerate(models):
            changed = _predicted(asked, adversarial) != predictions[column]
            shares[row, column] = np.mean(changed)
    return shares


def _predicted(model: Network, images: Images) -> np.ndarray:
    return class_scores(model, images).argmax(axis=1)
