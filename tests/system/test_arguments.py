"""What is asked of arguments in every topic alike: images in [0, 1], and one where one is due.

A topic that is not in a list here may still take 0..255 for white, or the first of a batch for all.
"""

import numpy as np
import pytest
from small_nets import graph, linear_net, normal, random, small_net

from lecture_lib import activations, adversarial, deepdream, filters, inversion, style_transfer
from lecture_lib import class_visualization as drawings
from lecture_lib.concepts import concept_vector
from lecture_lib.core import layer_scores
from lecture_lib.core.scores import class_score
from lecture_lib.datasets.images import fit_within
from lecture_lib.models.backend import keras
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import top_classes
from lecture_lib.models.teaching import with_new_classes
from lecture_lib.neighbors import assign_to_grid
from lecture_lib.occlusion import grid_parts, masked_scores
from lecture_lib.scoreboard import bootstrap_interval, normalized_auc

NET = small_net()
IMAGE = random(24, 24, 3)
IN_BYTES = np.uint8(255 * IMAGE)
STYLE = {"content_layer": "conv1", "style_layers": "conv1", "steps": 1}
DREAM = {"octaves": 1, "steps": 1}

# Everything that begins an ascent with images.
STARTS = {
    "filter": lambda start: filters.visualize_filter(NET, "conv1", 0, start=start, steps=1),
    "class": lambda start: drawings.visualize_class(NET, 0, start=start, steps=1),
    "fourier": lambda start: drawings.visualize_class_fourier(NET, 0, start=start, steps=1),
    "channel": lambda start: drawings.visualize_channel(NET, "conv1", 0, start=start, steps=1),
    "pixels": lambda start: drawings.maximize_pixels(class_score(NET, 0), start, steps=1),
    "accentuate": lambda start: drawings.accentuate(class_score(NET, 0), start, steps=1),
    "invert": lambda start: inversion.invert(NET, IMAGE, layer="conv1", start=start, steps=1),
    "octaves": lambda start: deepdream.maximize_octaves(class_score(NET, 0), start, **DREAM),
    "stylize": lambda start: style_transfer.stylize(NET, IMAGE, IMAGE, start=start, **STYLE),
    "pgd": lambda start: adversarial.pgd(NET, start, 0, steps=1),
    "carlini_wagner": lambda start: adversarial.carlini_wagner(NET, start, 0, steps=1),
}
# Everything that is given one image besides those that `tests/system/test_maps.py` knows.
ONE_IMAGE = {
    "dream": lambda image: deepdream.dream(NET, image, layer="conv1", **DREAM),
    "guide": lambda image: deepdream.guided_objective(NET, "conv1", image),
    "zoom": lambda image: deepdream.zoom_film(class_score(NET, 0), image, frames=1, steps=1),
    "accentuate": lambda image: drawings.accentuate(class_score(NET, 0), image, steps=1),
    "content": lambda image: style_transfer.style_score(NET, image, IMAGE, **_of_score(STYLE)),
    "style": lambda image: style_transfer.style_score(NET, IMAGE, image, **_of_score(STYLE)),
    "stylize": lambda image: style_transfer.stylize(NET, image, IMAGE, **STYLE),
    "texture": lambda image: style_transfer.texture(NET, image, layers="conv1", size=12, steps=1),
    "style distance": lambda image: style_transfer.style_distance(NET, "conv1", image),
    "feature distance": lambda image: layer_scores.feature_distance(NET, "conv1", image),
    "similarity": lambda image: inversion.reconstruction_similarity(image, IMAGE),
    "similarity to": lambda image: inversion.reconstruction_similarity(IMAGE, image),
    "patch": lambda image: adversarial.paste(random(2, 32, 32, 3), image),
    "sticker": lambda image: adversarial.photograph(random(2, 32, 32, 3), image),
    "masked": lambda image: list(masked_scores(class_score(NET, 0), image, NOTHING)),
    "guesses": lambda image: top_classes(NET, image),
}
NOTHING = [np.zeros((24, 24), bool)]


def _of_score(options):
    return {name: value for name, value in options.items() if name != "steps"}


@pytest.mark.parametrize("ask", [*STARTS.values(), *ONE_IMAGE.values()], ids=[*STARTS, *ONE_IMAGE])
def test_images_in_bytes_are_refused_everywhere(ask):
    with pytest.raises(ValueError, match="divide by 255"):
        ask(IN_BYTES)
    with pytest.raises(ValueError, match="divide by 255"):
        ask(255 * IMAGE)


@pytest.mark.parametrize("ask", [*STARTS.values(), *ONE_IMAGE.values()], ids=[*STARTS, *ONE_IMAGE])
def test_images_with_a_number_that_is_none_are_refused_everywhere(ask):
    broken = IMAGE.copy()
    broken[3, 4, 1] = np.nan
    with pytest.raises(ValueError, match="no numbers"):
        ask(broken)


@pytest.mark.parametrize("ask", ONE_IMAGE.values(), ids=ONE_IMAGE)
def test_several_images_are_refused_where_one_is_due(ask):
    with pytest.raises(ValueError, match="[oO]ne image"):
        ask(random(3, 12, 12, 3))


@pytest.mark.parametrize("ask", [*STARTS.values(), *ONE_IMAGE.values()], ids=[*STARTS, *ONE_IMAGE])
def test_an_image_as_it_should_be_is_taken(ask):
    ask(IMAGE)


# Numbers of channels, filters, rows


@pytest.mark.parametrize(
    "ask",
    [
        lambda number: layer_scores.channel_score(NET, "conv1", number),
        lambda number: layer_scores.neuron_score(NET, "conv1", 0, 0, number),
        lambda number: layer_scores.neuron_score(NET, "conv1", number, 0, 0),
        lambda number: layer_scores.neuron_score(NET, "conv1", 0, number, 0),
        lambda number: filters.filter_score(NET, "conv1", number),
        lambda number: activations.top_patches(NET, "conv1", number, IMAGE[None]),
        lambda number: class_score(NET, number),
    ],
)
@pytest.mark.parametrize("wrong", [1.5, -1, "1", True, None, np.nan])
def test_what_is_no_number_of_a_channel_or_a_class_is_refused(ask, wrong):
    if wrong is None and "top_patches" in ask.__code__.co_names:
        pytest.skip("None is all channels there")
    with pytest.raises(ValueError, match="numbered|whole number"):
        ask(wrong)


def test_a_neuron_that_a_network_of_one_size_does_not_have_is_refused():
    net = linear_net(normal(6, 5, 3, 2))
    with pytest.raises(ValueError, match="'flatten' has no rows and columns"):
        layer_scores.neuron_score(net, "flatten", 0, 0, 0)


# Options that mean nothing, and would give an answer all the same


IMAGES = random(4, 24, 24, 3)
LABELS = np.array([0, 1, 0, 1])
NOT_AN_OPTION = {
    "no start": lambda: adversarial.pgd(NET, IMAGE, 0, restarts=0),
    "no search": lambda: adversarial.carlini_wagner(NET, IMAGE, 0, binary_search_steps=0),
    "constant 0": lambda: adversarial.carlini_wagner(NET, IMAGE, 0, initial_const=0),
    "patch of several classes": lambda: adversarial.patch(NET, IMAGES, [0, 1, 2, 3], steps=1),
    "sticker of several classes": lambda: adversarial.make_sticker(NET, IMAGES, [0, 1], steps=1),
    "border below 0": lambda: filters.filter_score(NET, "conv1", 0, border=-1),
    "half a border": lambda: filters.filter_score(NET, "conv1", 0, border=1.5),
    "size 0": lambda: drawings.visualize_class(NET, 0, size=0, steps=1),
    "size 3 by frequencies": lambda: drawings.visualize_class_fourier(NET, 0, size=3, steps=1),
    "size 1 by phases": lambda: drawings.visualize_class_phases(NET, 0, size=1, steps=1),
    "side below 0": lambda: fit_within(IMAGE, -5),
    "columns of a grid": lambda: assign_to_grid(random(5, 2), columns=0),
    "half a part": lambda: grid_parts((24, 24), 2.5),
    "curve of one number": lambda: normalized_auc([1.0]),
    "curve without numbers": lambda: normalized_auc([1.0, np.nan]),
    "interval of NaN": lambda: bootstrap_interval([1.0, np.nan, 2.0]),
    "interval beyond 1": lambda: bootstrap_interval([1.0, 2.0], level=95),
    "labels that are names": lambda: taught(labels=["a", "b", "a", "b"]),
    "no penalty": lambda: taught(penalty=0),
    "class by a number as a name": lambda: class_index(NET, 99),
    "activations of NaN": lambda: concept_vector(np.full((3, 2), np.nan), random(3, 2)),
    "decoder at another size": lambda: decoder()(random(33, 47, 3)),
}


def taught(*, labels=LABELS, penalty=1.0):
    return with_new_classes(NET, IMAGES, labels, class_names=["a", "b"], penalty=penalty)


def decoder():
    return inversion.fit_decoder(pooled_net(), IMAGES, layer="pooled")


def pooled_net():
    return graph(lambda x: keras.layers.AveragePooling2D(4, padding="same", name="pooled")(x))


@pytest.mark.parametrize("ask", NOT_AN_OPTION.values(), ids=NOT_AN_OPTION)
def test_an_option_that_means_nothing_gives_one_sentence(ask):
    with pytest.raises(ValueError) as caught:
        ask()
    assert len(str(caught.value).splitlines()) == 1 and "node" not in str(caught.value)


def test_numbers_of_numpy_are_sizes_too():
    size = np.int64(24)
    painted = style_transfer.texture(NET, IMAGE, layers="conv1", size=size, steps=1)
    drawn = drawings.visualize_class(NET, 0, size=size, steps=1)
    assert painted.images.shape == drawn.images.shape == (24, 24, 3)
    assert decoder()(random(32, 48, 3)).shape == (32, 48, 3)
