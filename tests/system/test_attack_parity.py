"""The same digits, the same network, the same budgets in foolbox, on PyTorch with these weights.

Run where they are installed: `pip install torch foolbox`. Success within 2 points, Carlini and
Wagner's median distance within 5 %.
"""

from functools import cache

import numpy as np
import pytest

from lecture_lib.adversarial.attacks import fgsm, pgd
from lecture_lib.adversarial.nearest import carlini_wagner
from lecture_lib.datasets.digits import load_digits
from lecture_lib.models.inference import class_scores
from lecture_lib.models.zoo import load_model

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")

COUNT = 200
FEW = 48  # Carlini and Wagner's search is long


@cache
def torch_net():
    """`mnist_cnn` in PyTorch; Keras flattens with the channels last."""
    nn = torch.nn

    class Flatten(nn.Module):
        def forward(self, maps):
            return maps.permute(0, 2, 3, 1).flatten(1)

    net = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Flatten(),
        nn.Linear(1600, 10),
    )
    weights = [torch_weight(weight) for weight in load_model("mnist_cnn").get_weights()]
    net.load_state_dict(dict(zip(net.state_dict(), weights, strict=True)))
    return net.eval()


def torch_weight(weight):
    """Kernels (height, width, in, out) become (out, in, height, width), matrices are transposed."""
    axes = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}[weight.ndim]
    return torch.tensor(weight.transpose(axes))


@cache
def digits():
    """Digits that the network classifies rightly: (images, labels)."""
    images, labels = load_digits()
    right = class_scores(load_model("mnist_cnn"), images[:COUNT]).argmax(axis=1) == labels[:COUNT]
    return images[:COUNT][right], labels[:COUNT][right]


def theirs(attack, epsilon, *, count=COUNT):
    """The images that an attack of foolbox makes of the first digits, (N, 28, 28, 1)."""
    images, labels = (numbers[:count] for numbers in digits())
    net = foolbox.PyTorchModel(torch_net(), bounds=(0, 1))
    inputs = torch.tensor(images.transpose(0, 3, 1, 2))
    classes = torch.tensor(labels.astype(np.int64))
    _, clipped, _ = attack(net, inputs, classes, epsilons=epsilon)
    return clipped.numpy().transpose(0, 2, 3, 1)


def success(images):
    predictions = class_scores(load_model("mnist_cnn"), images).argmax(axis=1)
    return np.mean(predictions != digits()[1][: len(images)])


def test_both_nets_give_the_same_scores():
    images, _ = digits()
    expected = torch_net()(torch.tensor(images.transpose(0, 3, 1, 2))).detach().numpy()
    found = class_scores(load_model("mnist_cnn"), images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert len(images) > 0.8 * COUNT


@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.2])
def test_the_fast_gradient_sign_is_that_of_foolbox(epsilon):
    ours = fgsm(load_model("mnist_cnn"), *digits(), epsilon=epsilon)
    other = theirs(foolbox.attacks.LinfFastGradientAttack(random_start=False), epsilon)
    # Equal, but for pixels whose gradient is 0 but for rounding.
    np.testing.assert_allclose(np.mean(np.abs(ours - other) > 1e-4), 0, atol=0.002)
    assert abs(success(ours) - success(other)) <= 0.02 and 0.02 < success(ours) < 1


OPTIONS = {"rel_stepsize": 2.5 / 40, "steps": 40, "random_start": True}


@pytest.mark.parametrize("epsilon", [0.05, 0.1])
def test_projected_gradient_fools_as_often_as_that_of_foolbox(epsilon):
    ours = pgd(load_model("mnist_cnn"), *digits(), epsilon=epsilon, steps=40)
    other = theirs(foolbox.attacks.LinfPGD(**OPTIONS), epsilon)
    assert abs(success(ours) - success(other)) <= 0.02 and success(ours) > 0.02


@pytest.mark.parametrize("epsilon", [0.5, 1.0])
def test_projected_gradient_in_euclidean_length_too(epsilon):
    ours = pgd(load_model("mnist_cnn"), *digits(), epsilon=epsilon, steps=40, norm="l2")
    other = theirs(foolbox.attacks.L2PGD(**OPTIONS), epsilon)
    apart = round(abs(success(ours) - success(other)), 6)  # 4 of 200 digits are 0.02 exactly
    assert apart <= 0.02 and success(ours) > 0.02


def test_the_changes_of_carlini_and_wagner_are_as_long_as_those_of_foolbox():
    images, labels = (numbers[:FEW] for numbers in digits())
    options = {"steps": 100, "binary_search_steps": 6, "initial_const": 1.0}
    ours = carlini_wagner(load_model("mnist_cnn"), images, labels, learning_rate=0.02, **options)
    attack = foolbox.attacks.L2CarliniWagnerAttack(stepsize=0.02, abort_early=False, **options)
    other = theirs(attack, None, count=FEW)
    assert success(ours) == success(other) == 1

    def median_distance(found):
        return np.median(np.linalg.norm((found - images).reshape(FEW, -1), axis=1))

    assert abs(median_distance(ours) / median_distance(other) - 1) < 0.05
