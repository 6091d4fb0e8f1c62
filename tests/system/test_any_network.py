"""Any network through every function: the value of a plain reference, or one sentence.

Many of those that are brought become the same network: the same plain layers in a row, with the
same numbers. The first of them goes through every function, the others through a few.

`python -m pytest tests/system/test_any_network.py -s` prints a line for each of them.
"""

import contextlib
import gc
import json
import warnings
import weakref
from functools import cache, lru_cache, partial

import numpy as np
import pytest
from brought_nets import BROUGHT, REFERENCES, reference, setting, three
from small_nets import random

from lecture_lib.activations import activation_maps, top_patches
from lecture_lib.adversarial.attacks import fgsm, pgd
from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.class_visualization import visualize_class, visualize_class_fourier
from lecture_lib.class_visualization.deception import with_deceptive_drawings
from lecture_lib.concepts import concept_vector, layer_gradients, mean_activations
from lecture_lib.deepdream import dream
from lecture_lib.defenses.thresholding import with_threshold
from lecture_lib.filters import filters_of, visualize_filter
from lecture_lib.grad_cam import cam_map, grad_cam_map
from lecture_lib.guided_backprop import guided_map
from lecture_lib.inversion import invert
from lecture_lib.microscope import channels_for_class, class_effects, switched_off
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.inference import class_scores, probabilities, top_classes
from lecture_lib.models.synthetic_nets import hand_set_network
from lecture_lib.models.teaching import with_new_classes
from lecture_lib.models.wrapping import wrap_model
from lecture_lib.occlusion.occlusion import occlusion_map
from lecture_lib.occlusion.shapley import shapley_map
from lecture_lib.saliency import integrated_gradients_map, saliency_map, smoothgrad_map
from lecture_lib.style_transfer import stylize

NETWORKS = [name for name, brought in BROUGHT.items() if brought.reference in REFERENCES]
REFUSED = [name for name in BROUGHT if name not in NETWORKS]


def likeliest(net, image):
    return np.float32([guess.probability for guess in top_classes(net, image)])


def strongest_patches(net, image):
    found = top_patches(net, "conv1", 0, [image, 1 - image], count=2)
    return np.float32([patch.value for patch in found])


def concept(net, image):
    rows = mean_activations(net, "conv1", np.stack([image * share for share in (0.2, 0.4, 0.6)]))
    others = mean_activations(net, "conv1", np.stack([1 - image * share for share in (0.3, 0.7)]))
    return np.float32(concept_vector(rows["conv1"], others["conv1"]).vector)


def gradients_at(net, image):
    return layer_gradients(net, "conv1", image[None], class_index=0)["conv1"]


def class_picture(net, image):
    return visualize_class(net, 0, start=image, steps=2).images


def fourier_picture(net, image):
    return visualize_class_fourier(net, 0, start=image, steps=1).images


def targeted(net, image):
    return make_adversarial(net, image, 0, steps=2, threshold=0.999).images


def painted(net, image):
    layers = {"content_layer": "conv2", "style_layers": ["conv1"]}
    return stylize(net, image, 1 - image, steps=1, **layers).images


FUNCTIONS = {
    "class_scores": class_scores,
    "probabilities": probabilities,
    "top_classes": likeliest,
    "saliency": partial(saliency_map, class_index=0),
    "smoothgrad": partial(smoothgrad_map, class_index=0, samples=2),
    "integrated gradients": partial(integrated_gradients_map, class_index=0, steps=2),
    "occlusion": partial(occlusion_map, class_index=0, patch=4, stride=4),
    "shapley": partial(shapley_map, class_index=0, grid=2),
    "grad_cam": partial(grad_cam_map, class_index=0, layer="conv2"),
    "cam": partial(cam_map, class_index=0),
    "guided": partial(guided_map, class_index=0),
    "activations": lambda net, image: activation_maps(net, "conv2", image),
    "filters": lambda net, _: filters_of(net, "conv1"),
    "filter picture": lambda net, image: (
        visualize_filter(net, "conv1", 0, start=image, steps=1).images
    ),
    "top_patches": strongest_patches,
    "concept": concept,
    "layer_gradients": gradients_at,
    "class picture": class_picture,
    "fourier picture": fourier_picture,
    "switched_off": lambda net, image: switched_off(net, "conv1", 0, image),
    "class_effects": lambda net, image: class_effects(net, "conv1", 0, image),
    "channels_for_class": lambda net, image: channels_for_class(net, "conv1", image, class_index=0),
    "fgsm": partial(fgsm, labels=0),
    "pgd": partial(pgd, labels=0, steps=2),
    "targeted": targeted,
    "inversion": lambda net, image: invert(net, image, layer="conv1", steps=1).images,
    "dream": lambda net, image: (
        dream(net, image, layer="conv1", octaves=1, steps=1, shift=2).images
    ),
    "style": painted,
}


@lru_cache(maxsize=1)  # all functions of one network come one after another
def wrapped(name):
    """A network that was brought, as `wrap_model` reads it."""
    brought = BROUGHT[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is said of them is tested beside `wrap_model`
        return wrap_model(brought.build(), **brought.options)


def image_for(net):
    """An image of the network's size that nobody can write into."""
    height, width = np.broadcast_to(net.image_size, 2)
    image = 0.1 + 0.8 * random(height, width, net.input.shape[-1], seed=3)
    image.flags.writeable = False
    return image


@cache
def expected(name, function):
    """What a reference gives, or the sentence with which it is refused."""
    return outcome(reference(name), function)


def outcome(net, function):
    """The value of one function for one network, or its sentence."""
    try:
        return np.asarray(FUNCTIONS[function](net, image_for(net)))
    except ValueError as error:
        assert "\n" not in str(error) and "read-only" not in str(error)
        return str(error)


# Of layers of these classes, what they compute is all in their settings and their weights.
PLAIN = {
    keras.layers.InputLayer,
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.GlobalAveragePooling2D,
}
# A value, a gradient and activations: what is asked of a network that has the same layers as one
# that went through every function.
FEW = ["class_scores", "saliency", "activations"]
asked_of_all = {}  # the network that went through every function, by the text of its layers


def text_of(net):
    """All that tells a network of plain layers from another, None for one with other layers."""
    if any(type(layer) not in PLAIN or len(layer.weights) > 2 for layer in net.layers):
        return None
    numbers = [(weight.dtype, weight.shape, weight.numpy().tobytes()) for weight in net.weights]
    return str((layers_of(net), numbers, net.class_names, net.image_size, net.probability))


def layers_of(net):
    """The layers of a network as Keras writes them down, numbered where nobody named them."""
    stored = json.dumps(net.get_config()["layers"], sort_keys=True)
    for number, layer in enumerate(net.layers):
        if layer.name not in ("conv1", "conv2", "scores"):
            stored = stored.replace(f'"{layer.name}"', f'"layer {number}"')
    # A layer that stands in two networks has no single output; Keras says so here.
    return stored, [(layer.output.dtype, layer.output.shape) for layer in net.layers]


def functions_to_ask(name):
    """Every function, or a few where a network of the same layers went through every one before."""
    text = text_of(wrapped(name))
    first = asked_of_all.setdefault(text, name) if text else name
    return FUNCTIONS if first == name else FEW


# Maps that are read off the layers may be refused where these are in the way; all else must work.
MAY_REFUSE = {"cam", "top_patches"}


def cell(name, function):
    """Return "=" for the value of the reference, "says" for a sentence, else what is wrong."""
    found = outcome(wrapped(name), function)
    wanted = expected(BROUGHT[name].reference, function)
    if isinstance(found, str):
        may_refuse = isinstance(wanted, str) or function in MAY_REFUSE
        return "says" if may_refuse else f"refused: {found}"
    if isinstance(wanted, str):
        return f"not refused, as it should be: {wanted}"
    if found.dtype != np.float32 or found.shape != wanted.shape:
        return f"{found.dtype} {found.shape} in the place of {wanted.shape}"
    size = max(np.abs(wanted).max(), 1e-9)
    far = np.abs(found - wanted).max() / size
    return "=" if far < 2e-3 else f"away by {far:.2g}"


def has_convolutions(precision):
    """Whether TensorFlow convolves in a precision here; on some processors not in bfloat16."""
    image = tf.ones((1, 8, 8, 3), precision)
    with contextlib.suppress(tf.errors.OpError):
        tf.nn.conv2d(image, tf.ones((3, 3, 3, 4), precision), 1, "SAME")
        return True
    return False


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_was_brought_gives_what_the_reference_gives(name):
    if name == "bfloat16" and not has_convolutions(name):
        pytest.skip("TensorFlow has no convolution in bfloat16 on this processor")
    row = {function: cell(name, function) for function in functions_to_ask(name)}
    says = [function for function, found in row.items() if found == "says"]
    print(f"\n{name}: {len(row) - len(says)} values; sentences: {', '.join(says) or 'none'}")
    assert {function: found for function, found in row.items() if found not in ("=", "says")} == {}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_is_refused_in_a_sentence(name):
    brought = BROUGHT[name]
    with pytest.raises(ValueError, match=brought.reference) as caught:
        wrap_model(brought.build(), **brought.options)
    assert "\n" not in str(caught.value)


def two_of(image):
    return np.stack([image, 0.9 * image])


MADE = {
    "new classes": lambda net, image: with_new_classes(
        net, np.stack([image, 1 - image]), [0, 1], class_names=["a", "b"]
    ),
    "deceptive drawings": lambda net, image: with_deceptive_drawings(
        net, two_of(image), two_of(1 - image), shown=[1, 2, 0]
    ),
    "threshold": lambda net, _: with_threshold(net),
    "set by hand": lambda *_: hand_set_network(),
}


@pytest.mark.parametrize("make", MADE)
def test_networks_made_under_another_setting_of_keras_compute_in_single_precision(make):
    net = wrapped("logits")
    with setting("dtype_policy", "mixed_float16"):
        made = MADE[make](net, image_for(net))
    assert {layer.compute_dtype for layer in made.layers} == {"float32"}


@pytest.fixture
def only_new_garbage():
    """Look for garbage among what the test makes, and not among all that is there already."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def put_through(functions):
    """Weak references to a net that was wrapped, asked and dropped, and to all it is made of."""
    net = wrap_model(three())
    for function in functions:
        FUNCTIONS[function](net, image_for(net))
    return [weakref.ref(part) for part in (net, *net.layers, *net.weights)]


@pytest.mark.parametrize(
    "count, functions", [(2, FUNCTIONS), (12, ["saliency", "grad_cam", "cam"])]
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_networks_that_were_dropped_leave_nothing_behind(count, functions, only_new_garbage):
    pointers, objects = [], []
    for _ in range(count):
        pointers += put_through(functions)
        gc.collect()
        objects.append(len(gc.get_objects()))
    assert [pointer() for pointer in pointers if pointer() is not None] == []
    if count == 12:  # of anything else, too, hardly more is left of twelve nets than of six
        assert objects[-1] - objects[5] < 6 * 100


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_that_was_not_wrapped_is_refused_by_name(function):
    model = three()
    with pytest.raises(ValueError, match="wrap_model"):
        FUNCTIONS[function](model, random(16, 16, 3))
