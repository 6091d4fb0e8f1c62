"""Concepts: known directions come back, meaningless ones are found as often as by chance."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from small_nets import (
    assert_same_numbers,
    counting_net,
    normal,
    numbers_of,
    pixel_features,
    pixel_net,
    random,
    small_net,
)

from lecture_lib.concepts import (
    ConceptVectors,
    accuracy,
    concept_importances,
    concept_test,
    concept_vector,
    concept_vectors,
    factorize_activations,
    layer_gradients,
    logits_without,
    mean_activations,
    tcav_score,
)
from lecture_lib.datasets.synthetic import paint_color
from lecture_lib.models.backend import keras
from lecture_lib.models.layers import features, layer_outputs
from lecture_lib.models.surgery import named, without_classes
from lecture_lib.models.synthetic_nets import hand_set_network

IMAGES = random(11, 6, 7, 3)


def test_of_a_linear_head_the_gradient_is_its_weights_whatever_the_picture():
    kernel = pixel_net().get_layer("scores").get_weights()[0]
    found = layer_gradients(pixel_net(), "conv", IMAGES, class_index=2)["conv"]
    np.testing.assert_allclose(found, np.tile(kernel[:, 2], (11, 1)), rtol=1e-5)


def test_a_small_step_along_a_direction_changes_the_score_as_the_gradient_says():
    net, direction, step = small_net(), normal(6, seed=5), 1e-3
    above = keras.Model(features(net, "conv1"), net.output)
    maps = layer_outputs(net, "conv1")(IMAGES)["conv1"].numpy()
    expected = (above(maps + step * direction).numpy() - above(maps - step * direction).numpy())[
        :, 3
    ] / (2 * step)
    found = layer_gradients(net, "conv1", IMAGES, class_index=3)["conv1"] @ direction
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02 * np.abs(expected).max())


def test_a_class_for_each_image_gives_each_image_the_gradient_of_its_own():
    classes = np.arange(11) % 3
    found = layer_gradients(small_net(), "conv2", IMAGES, class_index=classes)["conv2"]
    for row, image, index in zip(found, IMAGES, classes, strict=True):
        alone = layer_gradients(small_net(), "conv2", image, class_index=int(index))["conv2"]
        np.testing.assert_allclose(row, alone[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("classes", [[1, 2], [0, 0, 1, 0, 0], np.eye(5, dtype=int)])
def test_another_number_of_classes_than_of_images_gives_a_sentence(classes):
    with pytest.raises(ValueError, match="classes for 11 images|is a whole number") as caught:
        layer_gradients(small_net(), "conv2", IMAGES, class_index=classes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "ask", [mean_activations, lambda *arguments: layer_gradients(*arguments, class_index=1)]
)
def test_several_layers_and_batches_equal_one_by_one(ask):
    together = ask(small_net(), ["conv1", "relu2"], IMAGES)
    for layer, values in together.items():
        alone = [ask(small_net(), layer, image[None])[layer][0] for image in IMAGES]
        np.testing.assert_allclose(values, np.stack(alone), rtol=1e-4, atol=1e-6)


def test_a_concept_that_separates_has_accuracy_1_and_score_1():
    """A net with the classes red and blue leans on red for the one, never for the other."""
    net, photographs = hand_set_network(), random(80, 8, 8, 3, seed=1)
    red, blue = (paint_color(photographs, color) for color in ((0.9, 0.2, 0.1), (0.1, 0.2, 0.9)))
    reds, blues = (mean_activations(net, "colors", pictures)["colors"] for pictures in (red, blue))
    found = concept_vector(reds[:40], blues[:40])
    assert accuracy(found, reds[40:], blues[40:]) == 1.0
    gradients = [
        layer_gradients(net, "colors", photographs[:8], class_index=index)["colors"]
        for index in (0, 1)
    ]
    assert [tcav_score(one, found.vector) for one in gradients] == [1.0, 0.0]


def test_the_vector_has_length_1_and_says_what_the_classifier_says():
    concept = normal(30, 6) + 0.5
    others = normal(25, 6, seed=1) * np.float32([1, 10, 1, 1, 0.1, 1])
    found = concept_vector(concept, others)
    both = np.concatenate([concept, others]).astype(np.float64)
    unit = np.sqrt(both.var(axis=0).mean())
    theirs = LogisticRegression(C=0.05, tol=1e-8).fit(both / unit, [1] * 30 + [0] * 25)
    np.testing.assert_allclose(np.linalg.norm(found.vector), 1)
    ours = both @ found.vector - found.threshold
    wanted = theirs.decision_function(both / unit)
    np.testing.assert_allclose(ours / np.abs(ours).max(), wanted / np.abs(wanted).max(), atol=1e-3)
    told_apart = ((wanted[:30] > 0).mean() + (wanted[30:] <= 0).mean()) / 2
    assert accuracy(found, concept, others) == pytest.approx(told_apart)


@pytest.mark.parametrize("quiet", [0.01, 0.1, 1.0])
def test_a_channel_that_does_not_differ_has_no_part_in_the_direction_however_quiet(quiet):
    """The concept is in channel 0; brought to one spread, noise in channel 1 would join in."""
    noise = normal(400, 2) * np.float32([1, quiet])
    concept = noise[:200] + np.float32([3, 0])
    vector = concept_vector(concept, noise[200:]).vector
    np.testing.assert_allclose(vector, [1, 0], atol=0.1)


def test_the_score_is_the_share_of_pictures_and_takes_many_vectors():
    gradients = np.array([[1.0, 0], [2, 1], [-1, 0], [0, 5]])
    assert tcav_score(gradients, np.array([1.0, 0])) == 0.5  # a derivative of 0 is no rise
    np.testing.assert_array_equal(
        tcav_score(gradients, np.array([[1.0, 0], [0, 1], [-1, 0]])), [0.5, 0.5, 0.25]
    )


def test_a_real_concept_is_found_and_a_meaningless_one_no_more_often_than_chance_allows():
    random_numbers = np.random.default_rng(0)
    shift = np.array([2.0, 0, 0, 0, 0, 0])

    def draw(count):
        return random_numbers.standard_normal((count, 6))

    gradients = draw(20) + [1.5, 0, 0, 0, 0, 0]
    real = concept_vectors(draw(120) + shift, draw(240), runs=12)
    assert real.accuracy > 0.75 and concept_test(gradients, real).p_value < 0.01
    nonsense = [concept_vectors(draw(120), draw(240), runs=12) for _ in range(60)]
    assert 0.4 < np.mean([one.accuracy for one in nonsense]) < 0.6
    assert (
        np.mean([concept_test(gradients, one).p_value < 0.05 for one in nonsense]) <= 8 / 60
    )  # 3 are expected


def test_the_p_value_is_that_of_all_swaps():
    vectors, negatives, gradients = (
        normal(10, 4),
        normal(10, 4, seed=1),
        normal(31, 4, seed=2) + 0.5,
    )
    found = concept_test(gradients, ConceptVectors(vectors, negatives, 1.0))
    difference = tcav_score(gradients, vectors) - tcav_score(gradients, negatives)
    swaps = np.array(list(itertools.product([-1, 1], repeat=10)))
    exact = np.mean(np.abs(swaps @ difference) >= np.abs(difference.sum()) - 1e-9)
    assert found.p_value == pytest.approx(exact, abs=0.02) and found.score == pytest.approx(
        found.scores.mean()
    )
    assert concept_test(
        -gradients, ConceptVectors(vectors, negatives, 1.0)
    ).p_value == pytest.approx(found.p_value)  # two-sided
    assert concept_test(gradients, ConceptVectors(vectors, vectors, 1.0)).p_value == 1.0


def test_the_same_seed_gives_the_same_answer():
    found = ConceptVectors(normal(10, 4), normal(10, 4, seed=1), 1.0)
    assert (
        concept_test(normal(9, 4), found, seed=3).p_value
        == concept_test(normal(9, 4), found, seed=3).p_value
    )
    one, same = (
        concept_vectors(normal(40, 3) + 1, normal(80, 3, seed=1), runs=5) for _ in range(2)
    )
    np.testing.assert_array_equal(one.vectors, same.vectors)


def test_every_run_has_pictures_of_its_own():
    """Another picture in the negatives of one run changes the vectors of this run only."""
    concept, others = normal(20, 3) + 1, normal(40, 3, seed=1)
    before = concept_vectors(concept, others, runs=5)
    others[4:8] += 1  # the negatives of run 1; 20 to 39 stand in the concept's place
    after = concept_vectors(concept, others, runs=5)
    assert [
        run for run in range(5) if not np.allclose(before.vectors[run], after.vectors[run])
    ] == [1]
    assert [
        run for run in range(5) if not np.allclose(before.negatives[run], after.negatives[run])
    ] == [1]


def test_a_new_class_compiles_nothing_anew_and_the_net_stays_as_it_was():
    net, calls = counting_net()
    kept = numbers_of(net)
    layer_gradients(net, "conv", random(8, 6, 6, 3), class_index=0)
    calls.clear()
    for index in (1, 2):
        layer_gradients(net, "conv", random(8, 6, 6, 3, seed=index), class_index=index)
    assert not calls
    assert_same_numbers(net, kept)


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (
            lambda: mean_activations(small_net(), "conv9", IMAGES),
            "no layer 'conv9'; its layers are conv1",
        ),
        (lambda: layer_gradients(small_net(), "conv9", IMAGES, class_index=0), "no layer 'conv9'"),
        (lambda: layer_gradients(small_net(), "conv1", IMAGES, class_index=5), "from 0 to 4"),
        (lambda: mean_activations(small_net(), "conv1", 255 * IMAGES), "divide by 255"),
        (lambda: mean_activations(small_net(), "conv1", IMAGES * np.nan), "NaN"),
        (lambda: concept_vector(normal(9, 3), normal(9, 4)), "both of one layer"),
        (lambda: concept_vector(normal(9, 3, 2, 2), normal(9, 3)), "both of one layer"),
        (lambda: concept_vector(normal(1, 3), normal(9, 3)), "2 or more pictures"),
        (lambda: concept_vector(np.ones((4, 3)), np.ones((4, 3))), "no direction tells them apart"),
        (lambda: concept_vectors(normal(9, 3), normal(18, 3), runs=5), "5 runs take 10 or more"),
        (
            lambda: concept_vectors(normal(10, 3), normal(19, 3), runs=5),
            "twice as many negatives",
        ),
    ],
)
def test_what_does_not_fit_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


# Concepts that nobody named


def two_concepts():
    """Activations of 3 images, 4 x 5 positions, 6 channels, in which two concepts never meet."""
    strengths = np.zeros((3, 4, 5, 2), np.float32)
    strengths[..., :2, 0] = random(3, 4, 2)  # the left columns show the first alone
    strengths[..., 3:, 1] = random(3, 4, 2, seed=1)
    directions = np.float32([[3, 4, 0, 0, 0, 0], [0, 0, 0, 1, 2, 2]])
    return strengths, directions


def test_concepts_that_never_meet_are_found_again():
    strengths, directions = two_concepts()
    found = factorize_activations(strengths @ directions, count=2)
    order = np.argsort(-found.directions[:, 0])
    lengths = np.linalg.norm(directions, axis=1)
    expected = directions / lengths[:, None]
    np.testing.assert_allclose(found.directions[order], expected, atol=1e-3)
    np.testing.assert_allclose(found.strengths[..., order], strengths * lengths, atol=0.01)


def test_of_a_linear_head_a_concept_carries_what_its_removal_takes_away():
    """Of `pixel_net`, E_j = mean of U_j · (W_j · w_c), worked out in numpy."""
    found = factorize_activations(pixel_features(IMAGES), count=3)
    weights = pixel_net().get_layer("scores").get_weights()[0]
    expected = found.strengths.mean(axis=(1, 2)) * (found.directions @ weights[:, 1])
    carried = concept_importances(pixel_net(), "conv", found, class_index=1)
    np.testing.assert_allclose(carried, expected, rtol=1e-3, atol=1e-5)
    whole, without = logits_without(pixel_net(), "conv", found, class_index=1)
    np.testing.assert_allclose(whole[:, None] - without, expected, rtol=1e-3, atol=1e-5)
    rebuilt = found.strengths @ found.directions
    bias = pixel_net().get_layer("scores").get_weights()[1]
    np.testing.assert_allclose(
        whole, (rebuilt.mean(axis=(1, 2)) @ weights + bias)[:, 1], rtol=1e-4, atol=1e-5
    )


def test_the_importances_add_up_to_what_all_concepts_change_together():
    maps = layer_outputs(small_net(), "conv1")(IMAGES)["conv1"].numpy()
    found = factorize_activations(maps, count=3)
    above = keras.Model(features(small_net(), "conv1"), small_net().output)
    whole = found.strengths @ found.directions
    carried = concept_importances(small_net(), "conv1", found, class_index=3, steps=100)
    change = (above(whole) - above(0 * whole)).numpy()[:, 3]
    np.testing.assert_allclose(carried.sum(axis=1), change, rtol=0.01, atol=0.01)
    assert np.ptp(carried) > 0.01


def leapt_over():
    """A network in which a connection leads past the layer "side"."""
    images = keras.Input((6, 6, 3))
    side = keras.layers.Conv2D(3, 1, activation="relu", name="side")(images)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([images, side]))
    net = keras.Model(images, keras.layers.Dense(2)(pooled))
    return named(net, class_names=None, image_size=6)


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: factorize_activations(normal(3, 4, 5, 6)), "0 or more, such as those after a"),
        (lambda: factorize_activations(random(3, 4, 5, 6), count=7), "7 concepts take"),
        (lambda: factorize_activations(random(3, 4, 5, 6), count=0), "0 concepts take"),
        (
            lambda: concept_importances(
                leapt_over(),
                "side",
                factorize_activations(random(2, 6, 6, 3), count=2),
                class_index=0,
            ),
            "leads past layer 'side'",
        ),
        (
            lambda: concept_importances(
                without_classes(leapt_over(), image_size=6),
                "side",
                factorize_activations(random(2, 6, 6, 3), count=2),
                class_index=0,
            ),
            "has no classes",
        ),
    ],
)
def test_a_factorization_that_there_is_not_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


@pytest.mark.parametrize("runs", [1, 0, -2])
def test_one_run_alone_has_no_images_to_be_judged_by(runs):
    with pytest.raises(ValueError, match="images of another run"):
        concept_vectors(normal(8, 3), normal(32, 3), runs=runs)


def test_a_path_without_steps_gives_a_sentence():
    found = factorize_activations(pixel_features(random(2, 6, 6, 3)), count=2)
    with pytest.raises(ValueError, match="1 or more steps"):
        concept_importances(pixel_net(), "conv", found, class_index=0, steps=0)
