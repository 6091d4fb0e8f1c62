"""The same digits, the same net, the same budgets in foolbox, on PyTorch with the weights carried over.

Run where they are installed: `pip install torch foolbox`. Success within 2 points, Carlini and Wagner's median length within 5 %.
"""

from functools import cache

import numpy as np
import pytest

from lecture_lib.adversarial.attacks import carlini_wagner, fgsm, l2_ball, pgd
from lecture_lib.datasets.digits import load_digits
from lecture_lib.models.inference import class_scores
from lecture_lib.models.zoo import load_model

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
foolbox = pytest.importorskip("foolbox", reason="foolbox is not installed")

COUNT, FEW = 200, 48  # Carlini and Wagner's search is long


@cache
def torch_net():
    """`mnist_cnn` in PyTorch: kernels (height, width, in, out) become (out, in, height, width); Keras flattens channels last."""
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
    numbers = [
        np.transpose(weight)
        if weight.ndim == 2
        else weight.transpose(3, 2, 0, 1)
        if weight.ndim == 4
        else weight
        for weight in load_model("mnist_cnn").get_weights()
    ]
    net.load_state_dict(dict(zip(net.state_dict(), map(torch.tensor, numbers), strict=True)))
    return net.eval()


@cache
def digits():
    """Digits that the net reads right: (images, labels)."""
    images, labels = load_digits()
    right = class_scores(load_model("mnist_cnn"), images[:COUNT]).argmax(axis=1) == labels[:COUNT]
    return images[:COUNT][right], labels[:COUNT][right]


def theirs(attack, epsilon, *, count=COUNT):
    """The pictures that an attack of foolbox makes of the first digits, as (N, 28, 28, 1)."""
    images, labels = (numbers[:count] for numbers in digits())
    net = foolbox.PyTorchModel(torch_net(), bounds=(0, 1))
    asked = torch.tensor(images.transpose(0, 3, 1, 2)), torch.tensor(labels.astype(np.int64))
    return attack(net, *asked, epsilons=epsilon)[1].numpy().transpose(0, 2, 3, 1)


def success(pictures):
    return np.mean(
        class_scores(load_model("mnist_cnn"), pictures).argmax(axis=1)
        != digits()[1][: len(pictures)]
    )


def test_both_nets_give_the_same_scores():
    images = digits()[0]
    scores = torch_net()(torch.tensor(images.transpose(0, 3, 1, 2))).detach().numpy()
    np.testing.assert_allclose(
        class_scores(load_model("mnist_cnn"), images), scores, rtol=1e-4, atol=1e-4
    )
    assert len(images) > 0.8 * COUNT


@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.2])
def test_the_fast_gradient_sign_is_that_of_foolbox(epsilon):
    ours = fgsm(load_model("mnist_cnn"), *digits(), epsilon=epsilon)
    other = theirs(foolbox.attacks.LinfFastGradientAttack(random_start=False), epsilon)
    np.testing.assert_allclose(
        np.mean(np.abs(ours - other) > 1e-4), 0, atol=0.002
    )  # but for pixels whose slope is 0 but for rounding
    assert abs(success(ours) - success(other)) <= 0.02 and 0.02 < success(ours) < 1


@pytest.mark.parametrize("epsilon", [0.05, 0.1])
def test_projected_gradient_fools_as_often_as_that_of_foolbox(epsilon):
    ours = pgd(load_model("mnist_cnn"), *digits(), epsilon=epsilon, steps=40)
    other = theirs(
        foolbox.attacks.LinfPGD(rel_stepsize=2.5 / 40, steps=40, random_start=True), epsilon
    )
    assert abs(success(ours) - success(other)) <= 0.02 and success(ours) > 0.02


@pytest.mark.parametrize("epsilon", [0.5, 1.0])
def test_projected_gradient_in_euclidean_length_too(epsilon):
    ours = pgd(load_model("mnist_cnn"), *digits(), epsilon=epsilon, steps=40, ball=l2_ball)
    other = theirs(
        foolbox.attacks.L2PGD(rel_stepsize=2.5 / 40, steps=40, random_start=True), epsilon
    )
    assert abs(success(ours) - success(other)) <= 0.02 and success(ours) > 0.02


def test_the_changes_of_carlini_and_wagner_are_as_long_as_those_of_foolbox():
    images, labels = (numbers[:FEW] for numbers in digits())
    ours = carlini_wagner(load_model("mnist_cnn"), images, labels, steps=100, searches=6)
    attack = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=6, steps=100, stepsize=0.02, initial_const=1.0, abort_early=False
    )
    other = theirs(attack, None, count=FEW)
    assert success(ours) == success(other) == 1
    medians = [
        np.median(np.linalg.norm((pictures - images).reshape(FEW, -1), axis=1))
        for pictures in (ours, other)
    ]
    assert abs(medians[0] / medians[1] - 1) < 0.05, medians
