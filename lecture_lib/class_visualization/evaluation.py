"""How many class images another network recognizes."""

from collections.abc import Sequence

import numpy as np

from lecture_lib.datasets.images import resize_image
from lecture_lib.datasets.shapes import Images, Network
from lecture_lib.models.inference import class_scores


def top_k_recognition_rate(
    judge: Network, images: Images | Sequence, class_names: Sequence[str], *, k: int = 5
) -> float:
    """Return the share of images whose class another network ranks among its first k.

    Classes that the judge does not know are left out.

    Args:
        judge: a network that did not take part in making the images.
        images: (N, H, W, 3) in [0, 1]; they are resized for the judge.
        class_names: what each image should show, N names.
        k: how many guesses the judge has.

    Returns:
        A number in 0..1.

    Raises:
        ValueError: when the judge knows none of the names.
    """
    known = [number for number, name in enumerate(class_names) if name in judge.class_names]
    if not known:
        raise ValueError(
            "The judge knows none of these classes; take a network that shares some with the one "
            "that was visualized."
        )
    wanted = [judge.class_names.index(class_names[number]) for number in known]
    resized = np.stack([resize_image(images[number], judge.image_size) for number in known])
    guesses = np.argsort(-class_scores(judge, resized), axis=1)[:, :k]  # (known, k)
    return float(np.mean((guesses == np.array(wanted)[:, None]).any(axis=1)))
