"""Models of people's own: read rightly, or refused in a sentence.

That all functions give the right values for them is tested in tests/system/test_any_network.py.
"""

import warnings

import numpy as np
import pytest
from brought_nets import model_of, reference, softmax_head, three, with_numbers
from small_nets import normal, random, softmax

from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_log_probability, class_margin, class_score
from lecture_lib.models.backend import keras
from lecture_lib.models.checks import check_class
from lecture_lib.models.inference import class_scores, probabilities, top_classes
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.wrapping import wrap_model
from lecture_lib.models.zoo import load_decoder, load_model

layers, ops = keras.layers, keras.ops
IMAGES = random(3, 16, 16, 3)


def remarks(model, **options):
    """What is said while a model is wrapped, and the network."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        net = wrap_model(model, **options)
    return [str(one.message) for one in said if one.category is UserWarning], net


# The range of the pixels


def test_a_bundled_network_behind_a_rescaling_comes_back_as_it_was(tmp_path):
    tinynet = load_model("tinynet")
    images = keras.Input((64, 64, 3))
    rescaled = layers.Rescaling(1 / 255)(images)
    keras.Model(images, layers.Softmax()(tinynet(rescaled))).save(tmp_path / "mine.keras")
    with pytest.warns(UserWarning, match="scales pixels from 0 to 255 itself"):
        found = load_model(tmp_path / "mine.keras")
    image = random(64, 64, 3)
    np.testing.assert_allclose(
        class_scores(found, image), class_scores(tinynet, image), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "densenet", "mobilenet_v3", "xception"])
def test_preprocess_input_gets_pixels_from_0_to_255(name):
    preprocess = getattr(keras.applications, name).preprocess_input
    theirs = three()
    said, net = remarks(theirs, preprocess=preprocess)
    expected = theirs(preprocess(255 * IMAGES.copy()))
    np.testing.assert_allclose(probabilities(net, IMAGES), expected, rtol=1e-3, atol=1e-5)
    assert not said


def test_a_function_around_preprocess_input_is_seen_through():
    preprocess = keras.applications.vgg16.preprocess_input
    theirs = three()
    said, net = remarks(theirs, preprocess=lambda images: preprocess(images))
    expected = theirs(preprocess(255 * IMAGES.copy()))
    np.testing.assert_allclose(probabilities(net, IMAGES), expected, rtol=1e-3, atol=1e-5)
    assert len(said) == 1


def test_a_border_of_zeros_behind_a_rescaling_hides_no_range():
    front = keras.Sequential([layers.Rescaling(1 / 127.5, offset=-1), layers.ZeroPadding2D(2)])
    theirs = three(front=front)
    said, net = remarks(theirs)
    assert len(said) == 1
    np.testing.assert_allclose(probabilities(net, IMAGES), theirs(255 * IMAGES), rtol=1e-3)


def test_digits_of_4_bits_are_asked_about():
    said, _ = remarks(three(front=layers.Rescaling(1 / 16)))
    assert "cannot be seen in it" in said[0]


def normalized(variance, *, front=lambda images: images):
    """A model without preprocessing whose batch normalization has seen this much variance."""
    model = model_of(softmax_head, front=front, body=normalized_trunk)
    layer = model.get_layer("norm")
    layer.set_weights([*layer.get_weights()[:3], np.float32(variance)])
    return model


def normalized_trunk(x):
    x = layers.Conv2D(6, 3, padding="same", name="conv1")(x)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    return layers.GlobalAveragePooling2D()(x)


@pytest.mark.parametrize("white", [1, 255])
def test_the_statistics_of_a_batch_normalization_tell_the_range(white):
    seen = np.var(layer_outputs(reference("three"), "conv1")(IMAGES)["conv1"], axis=(0, 1, 2))
    theirs = normalized(seen * white**2)
    said, net = remarks(theirs)
    expected = theirs(white * IMAGES)
    np.testing.assert_allclose(probabilities(net, IMAGES), expected, rtol=1e-3, atol=1e-5)
    assert len(said) == (white == 255)


def test_the_statistics_count_behind_a_border_of_zeros_too():
    theirs = normalized(np.full(6, 255.0**2), front=layers.ZeroPadding2D(2))
    said, net = remarks(theirs)
    assert len(said) == 1
    np.testing.assert_allclose(probabilities(net, IMAGES), theirs(255 * IMAGES), rtol=1e-3)


def test_a_model_that_hardly_reacts_to_pixels_up_to_1_is_asked_about():
    theirs = three()
    theirs.get_layer("conv1").set_weights(
        [weight / 255 for weight in theirs.get_layer("conv1").get_weights()]
    )
    said, _ = remarks(theirs)
    assert "cannot be seen in it" in said[0] and "pixel_range=(0, 255)" in said[0]
    said, net = remarks(theirs, pixel_range=(0, 255))
    assert not said
    np.testing.assert_allclose(probabilities(net, IMAGES), theirs(255 * IMAGES), rtol=1e-3)


def test_a_network_for_pixels_up_to_1_is_read_without_a_word():
    assert remarks(three())[0] == []


def test_whole_numbers_are_0_to_255():
    images = keras.Input((16, 16, 3), dtype="uint8")
    scaled = ops.cast(images, "float32") / 255.0
    head = softmax_head(layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, name="conv2")(scaled)))
    theirs = keras.Model(images, head)
    wanted = np.uint8(IMAGES * 255)
    net = wrap_model(theirs)
    found = probabilities(net, np.float32(wanted) / 255)
    np.testing.assert_allclose(found, theirs(wanted), rtol=1e-3)


# Logits


def test_a_confident_sigmoid_has_gradients():
    theirs = model_of(lambda x: layers.Dense(1, activation="sigmoid", name="scores")(500 * x))
    net = wrap_model(theirs)
    assert probabilities(net, IMAGES[0]).max() > 0.99999
    assert np.abs(gradient(class_score(net, 1), IMAGES[0])).max() > 1


def test_one_sigmoid_gives_two_classes_with_names():
    theirs = model_of(layers.Dense(1, activation="sigmoid", name="scores"))
    for names, wanted in [
        (None, ("not class 1", "class 1")),
        ("cat", ("not cat", "cat")),
        (["cat"], ("not cat", "cat")),
        ({0: "cat"}, ("not cat", "cat")),
        ({"cat": 1}, ("not cat", "cat")),
        (["dogs", "cats"], ("dogs", "cats")),
        ({"dogs": 0, "cats": 1}, ("dogs", "cats")),
    ]:
        assert wrap_model(theirs, class_names=names).class_names == wanted
    chances = probabilities(wrap_model(theirs), IMAGES)
    np.testing.assert_allclose(chances[:, 1:], theirs(IMAGES), rtol=1e-4)
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)


def test_labels_that_hold_each_for_itself_have_probabilities_of_their_own():
    theirs = model_of(layers.Dense(3, activation="sigmoid", name="scores"))
    net = wrap_model(theirs)
    chances = probabilities(net, IMAGES)
    np.testing.assert_allclose(chances, theirs(IMAGES), rtol=1e-4)
    for number in range(3):
        logarithms = class_log_probability(net, number)(IMAGES)
        np.testing.assert_allclose(logarithms, np.log(chances[:, number]), rtol=1e-3)
        margins = class_margin(net, number)(IMAGES)
        np.testing.assert_array_equal(margins > 0, chances[:, number] > 0.5)


def test_a_single_number_is_a_score_without_probabilities():
    said, net = remarks(model_of(layers.Dense(1, name="scores")))
    assert "probability='sigmoid'" in said[0] and net.class_names == ("score",)
    for ask in (
        lambda: probabilities(net, IMAGES),
        lambda: top_classes(net, IMAGES[0]),
        lambda: class_log_probability(net, 0),
        lambda: class_margin(net, 0),
    ):
        with pytest.raises(ValueError, match="a score without probabilities"):
            ask()


def test_an_average_of_two_different_sigmoids_has_its_own_probability():
    def head(x):
        ends = [layers.Dense(1, activation="sigmoid")(x) for _ in range(2)]
        return layers.Average()(ends)

    theirs = model_of(head)
    with pytest.warns(UserWarning, match="gradients fade where a class is nearly certain"):
        net = wrap_model(theirs)
    np.testing.assert_allclose(probabilities(net, IMAGES)[:, 1:], theirs(IMAGES), rtol=1e-4)


def test_an_average_of_two_different_softmaxes_has_its_own_probabilities():
    def head(x):
        return layers.Average()([layers.Dense(3, activation="softmax")(x) for _ in range(2)])

    theirs = model_of(head)
    with pytest.warns(UserWarning, match="gradients fade where a class is nearly certain"):
        net = wrap_model(theirs)
    expected = theirs(IMAGES).numpy()
    np.testing.assert_allclose(probabilities(net, IMAGES), expected, rtol=1e-4)
    np.testing.assert_allclose(softmax(class_scores(net, IMAGES)), expected, rtol=1e-4)


def test_shares_of_any_whole_are_probabilities():
    theirs = model_of(lambda x: 255.0 * softmax_head(x))
    net = wrap_model(theirs)
    np.testing.assert_allclose(255 * probabilities(net, IMAGES), theirs(IMAGES), rtol=1e-4)


def test_outputs_from_0_to_1_that_are_no_shares_are_asked_about():
    def head(x):
        return layers.Maximum()([layers.Dense(3, activation="softmax")(x) for _ in range(2)])

    said, _ = remarks(model_of(head))
    assert "lie from 0 to 1 and do not sum to 1" in said[0]


@pytest.mark.parametrize("classes, activation", [(1, "sigmoid"), (3, "softmax")])
def test_maps_of_probabilities_are_maps(classes, activation):
    images = keras.Input((16, 16, 3))
    maps = layers.Conv2D(classes, 3, activation=activation, name="maps")(images)
    net = wrap_model(keras.Model(images, maps))
    assert net.class_names == () and net.output.shape[-1] == classes
    np.testing.assert_allclose(net(IMAGES), layer_outputs(net, "maps")(IMAGES)["maps"])


def test_a_network_that_is_wrapped_again_stays_what_it_was():
    theirs = model_of(layers.Dense(3, activation="sigmoid", name="scores"))
    once = wrap_model(theirs, class_names=["a", "b", "c"], image_size=20)
    said, net = remarks(once)
    assert (net.class_names, net.image_size, net.probability) == (("a", "b", "c"), 20, "sigmoid")
    np.testing.assert_allclose(probabilities(net, IMAGES), theirs(IMAGES), rtol=1e-4)
    assert not said


def test_names_that_somebody_gave_a_model_make_no_network_of_it():
    theirs = three()
    theirs.class_names = ["a", "b", "c"]
    with pytest.raises(ValueError, match="wrap_model"):
        class_scores(theirs, IMAGES)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"preprocess": "vgg16"}, "preprocess is a function"),
        ({"preprocess": lambda x: np.asarray(x) / 255}, "preprocess cannot be built into"),
        ({"preprocess": keras.ops.image.rgb_to_grayscale}, "preprocess cannot be built into"),
        ({"pixel_range": 255}, r"give what black and white are, such as \(0, 255\)"),
        ({"pixel_range": (1, 1)}, "give what black and white are"),
        ({"image_size": "224"}, "size is '224'"),
        ({"image_size": 0}, "size is 0"),
    ],
)
def test_an_option_that_is_none_gives_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        wrap_model(three(), **options)
    assert "\n" not in str(caught.value)


def test_convolutions_up_to_the_softmax_are_read_as_classes():
    def head(x):
        x = layers.Reshape((1, 1, 8))(x)
        return layers.Conv2D(3, 1, activation="softmax", name="head")(x)

    theirs = model_of(head)
    net = wrap_model(theirs)
    expected = np.reshape(theirs(IMAGES), (-1, 3))
    np.testing.assert_allclose(probabilities(net, IMAGES), expected, rtol=1e-4)


def test_an_unknown_kind_of_probability_gives_a_sentence():
    with pytest.raises(ValueError, match="probability is 'odds'; it must be one of softmax"):
        wrap_model(three(), probability="odds")


# Layers


def test_what_only_keeps_training_away_keeps_no_gradient_away():
    theirs = model_of(softmax_head, front=lambda images: ops.stop_gradient(images))
    image = IMAGES[0]
    wanted = gradient(class_score(reference("three"), 0), image)
    found = gradient(class_score(wrap_model(theirs), 0), image)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("layer", [layers.BatchNormalization, lambda: layers.Dropout(0.9)])
def test_a_layer_that_was_called_for_training_predicts_as_keras_does(layer):
    theirs = model_of(softmax_head, front=lambda images: layer()(images, training=True))
    before = [np.array(weight) for weight in theirs.get_weights()]
    net = wrap_model(theirs)
    expected = theirs(IMAGES, training=False)
    np.testing.assert_allclose(probabilities(net, IMAGES), expected, rtol=1e-3)
    np.testing.assert_allclose(probabilities(net, IMAGES[:1]), expected[:1], rtol=1e-3)
    for weight, after in zip(before, theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, after)


def test_both_calls_of_a_layer_have_a_name():
    images = keras.Input((16, 16, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    once = shared(images)
    scores = layers.Dense(2)(layers.GlobalAveragePooling2D()(shared(once)))
    theirs = keras.Model(images, scores)
    weight, bias = normal(3, 3, 3, 3), normal(3)
    shared.set_weights([weight, bias])
    net = wrap_model(theirs)
    found = layer_outputs(net, ["shared", "shared_call2"])(IMAGES)
    wanted = shared(IMAGES)
    np.testing.assert_allclose(found["shared"], wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["shared_call2"], shared(wanted), rtol=1e-4, atol=1e-4)


def test_augmentation_that_holds_numbers_of_its_own_hides_no_rescaling():
    theirs = three(front=lambda images: layers.Rescaling(1 / 255)(layers.RandAugment()(images)))
    said, net = remarks(theirs)
    assert len(said) == 1 and not any(
        "augment" in layer.name for layer in net.layers if layer.weights
    )
    np.testing.assert_allclose(
        class_scores(net, IMAGES), class_scores(reference("three"), IMAGES), rtol=1e-3, atol=1e-4
    )


def test_a_layer_that_is_random_in_prediction_too_is_refused():
    images = keras.Input((16, 16, 3))
    x = layers.Lambda(lambda x: x + keras.random.normal((1, 1, 1, 3)))(images)
    theirs = keras.Model(images, softmax_head(layers.GlobalAveragePooling2D()(x)))
    with pytest.raises(ValueError, match="outputs change from call to call") as caught:
        wrap_model(theirs)
    assert "\n" not in str(caught.value)


def test_features_in_a_row_are_read_for_images_of_the_models_own_size():
    images = keras.Input((16, 16, 3))
    theirs = keras.Model(images, layers.Flatten()(layers.Conv2D(4, 3)(images)))
    net = wrap_model(theirs)
    np.testing.assert_allclose(class_scores(net, IMAGES), theirs(IMAGES), rtol=1e-4, atol=1e-5)


def test_a_random_crop_crops_nothing_in_prediction():
    theirs = three(front=layers.RandomCrop(12, 12))
    net = wrap_model(theirs)
    np.testing.assert_allclose(
        probabilities(net, IMAGES), theirs(IMAGES, training=False), rtol=1e-4
    )
    assert layer_outputs(net, "conv2")(IMAGES)["conv2"].shape[1:3] == (16, 16)


def test_a_size_that_a_model_cannot_take_is_named_with_the_way_out():
    images = keras.Input((None, None, 3))
    theirs = keras.Model(images, layers.GlobalMaxPooling2D()(layers.Conv2D(3, 100)(images)))
    with pytest.raises(ValueError, match="of 96 x 96 pixels, unless image_size names others"):
        wrap_model(theirs)
    assert wrap_model(theirs, image_size=128).image_size == 128


def test_a_base_without_a_head_has_layers_and_no_classes():
    net = wrap_model(keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(4, 3, name="c")]))
    assert net.class_names == () and layer_outputs(net, "c")(IMAGES)["c"].shape[-1] == 4
    with pytest.raises(ValueError, match="has no classes, as it ends in maps of shape"):
        check_class(net, 0)


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_bundled_networks_compute_in_single_precision_under_any_setting(policy):
    image = random(28, 28, 1)
    expected = class_scores(load_model("mnist_cnn"), image)
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        net = load_model("mnist_cnn", weights=None)
        net.set_weights(load_model("mnist_cnn").get_weights())
        found = class_scores(net, image)
        assert load_decoder("protonet_decoder").compute_dtype == "float32"
    finally:
        keras.config.set_dtype_policy(before)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# Sizes and files


def test_a_network_for_images_that_are_not_square_says_so():
    shape = (12, 20, 3)
    theirs = with_numbers(keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(2)]))
    net = wrap_model(theirs)
    assert net.image_size == (12, 20)
    with pytest.raises(
        ValueError, match=r"made for 12 x 20, and resize_image\(image, \(12, 20\)\)"
    ):
        class_scores(net, random(8, 8, 3))


def test_a_file_is_read_with_its_preprocessing_and_names(tmp_path, monkeypatch):
    three().save(tmp_path / "own.keras")
    (tmp_path / "own.keras").rename(tmp_path / "OWN.KERAS")
    monkeypatch.setenv("HOME", str(tmp_path))
    preprocess = keras.applications.mobilenet_v2.preprocess_input
    net = load_model("~/OWN.KERAS", preprocess=preprocess, class_names=["abc"] * 3)
    assert net.class_names == ("abc", "abc (1)", "abc (2)")
    found = class_scores(net, IMAGES)
    np.testing.assert_allclose(found, class_scores(reference("symmetric"), IMAGES), rtol=1e-3)


@pytest.mark.parametrize(
    "loss, kind",
    [
        ("mse", "none"),
        (keras.losses.BinaryCrossentropy(from_logits=True), "sigmoid"),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), "softmax"),
        (keras.losses.huber, "none"),
        ({"scores": keras.losses.BinaryCrossentropy(from_logits=True)}, "sigmoid"),
        (["mse"], "none"),
        (None, "softmax"),
    ],
)
def test_the_loss_in_a_file_tells_the_kind_of_probabilities(loss, kind, tmp_path):
    theirs = model_of(layers.Dense(3, name="scores"))
    theirs.compile(loss=loss)
    theirs.save(tmp_path / "own.keras")
    assert load_model(tmp_path / "own.keras").probability == kind


@pytest.mark.parametrize(
    "loss, kind", [(None, "none"), ("sparse_categorical_crossentropy", "softmax")]
)
def test_what_ends_in_a_relu_has_features_and_not_logits(loss, kind):
    theirs = model_of(layers.Dense(3, activation="relu", name="scores"))
    theirs.get_layer("scores").bias.assign([-9.0, 1.0, 1.0])
    theirs.compile(loss=loss)
    said, net = remarks(theirs)
    assert net.probability == kind and len(said) == (kind == "none")


class Tripled(layers.Layer):
    """A layer that Keras knows nothing of."""

    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


def test_a_file_with_a_layer_of_ones_own_is_read_where_its_class_is_named(tmp_path):
    theirs = model_of(lambda x: softmax_head(Tripled(3.0)(x)))
    theirs.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="named by custom_objects={'Mine': Mine}") as caught:
        load_model(tmp_path / "own.keras")
    assert "\n" not in str(caught.value)
    net = load_model(tmp_path / "own.keras", custom_objects={"Tripled": Tripled})
    np.testing.assert_allclose(probabilities(net, IMAGES), theirs(IMAGES), rtol=1e-3)
    with pytest.raises(ValueError, match="custom_objects is for a file of your own"):
        load_model("tinynet", custom_objects={"Tripled": Tripled})


FORMS = {
    "x -> y": (lambda i: i, lambda o: o),
    "[x] -> [y]": (lambda i: [i], lambda o: [o]),
    "(x,) -> y": (lambda i: (i,), lambda o: o),
    "{x} -> {y}": (lambda i: {"photo": i}, lambda o: {"scores": o}),
    "{x} -> y": (lambda i: {"photo": i}, lambda o: o),
    "x -> {y}": (lambda i: i, lambda o: {"scores": o}),
    "[{x}] -> {y: [y]}": (lambda i: [{"photo": i}], lambda o: {"scores": [o]}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("nested", [False, True])
def test_a_file_whose_input_and_output_stand_in_lists_or_dicts_is_read(form, nested, tmp_path):
    plain = three()
    inputs, outputs = FORMS[form]
    theirs = keras.Model(inputs(plain.inputs[0]), outputs(plain.outputs[0]))
    if nested:  # as the base of another model
        images = keras.Input((16, 16, 3))
        theirs = keras.Model(inputs(images), outputs(keras.tree.flatten(theirs(inputs(images)))[0]))
    theirs.save(tmp_path / "own.keras")
    found = class_scores(load_model(tmp_path / "own.keras"), IMAGES)
    np.testing.assert_allclose(found, class_scores(reference("three"), IMAGES), rtol=1e-3)


@pytest.mark.parametrize("collect", [list, lambda outputs: dict(enumerate_as_text(outputs))])
def test_a_file_with_two_outputs_says_how_to_choose_one(collect, tmp_path):
    images = keras.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(images))
    keras.Model(images, collect([layers.Dense(3)(x), layers.Dense(1)(x)])).save(
        tmp_path / "own.keras"
    )
    with pytest.raises(ValueError, match="this model has 2 outputs, and keras.Model") as caught:
        load_model(tmp_path / "own.keras")
    assert "\n" not in str(caught.value)


def enumerate_as_text(outputs):
    return ((f"output {number}", output) for number, output in enumerate(outputs))


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("own.weights.h5", "holds weights without their model"),
        ("own.pth", "is no file of Keras"),
        ("resnet.onnx", "is no file of Keras"),
    ],
)
def test_a_file_that_holds_no_model_of_keras_is_named(name, sentence):
    with pytest.raises(ValueError, match=sentence):
        load_model(name)


@pytest.mark.parametrize(
    "content, sentence",
    [(b"", "or is cut off"), (b"a text", "or is cut off"), (b"\x89HDF\r\n", "is an HDF5 file")],
)
def test_another_file_under_the_name_of_one_of_keras_is_told(content, sentence, tmp_path):
    (tmp_path / "own.keras").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        load_model(tmp_path / "own.keras")


@pytest.mark.parametrize("name", ["own.h5", "OWN.HDF5", "saved_model.pb"])
def test_an_older_form_of_file_is_named_with_the_way_out(name):
    with pytest.raises(ValueError, match="older form of Keras.*save it as 'own.keras'"):
        load_model(name)


def test_options_are_for_files():
    with pytest.raises(ValueError, match="class_names is for a file of your own"):
        load_model("tinynet", class_names=["a"])
