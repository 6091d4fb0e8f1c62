"""The judge: a network that did not draw says what it sees."""

import numpy as np
import pytest
from small_nets import pixel_net, random

from lecture_lib.class_visualization.evaluation import top_k_recognition_rate
from lecture_lib.models.inference import class_scores
from lecture_lib.models.surgery import named


def test_the_judge_looks_for_classes_by_their_names():
    judge = named(pixel_net(), class_names=("tench", "goldfish", "great white shark"), image_size=6)
    images = random(4, 6, 6, 3)
    order = np.argsort(-class_scores(judge, images), axis=1)
    names = [judge.class_names[index] for index in order[:, 1]]  # always the second guess
    shares = [top_k_recognition_rate(judge, images, names, k=k) for k in (1, 2, 3)]
    assert shares == [0, 1, 1]
    # What it does not know is left out.
    assert top_k_recognition_rate(judge, images, [*names[:2], "teapot", "lemon"], k=2) == 1


def test_a_judge_that_knows_none_of_the_classes_says_so():
    with pytest.raises(ValueError, match="knows none of these classes"):
        top_k_recognition_rate(pixel_net(), random(1, 6, 6, 3), ["teapot"])
