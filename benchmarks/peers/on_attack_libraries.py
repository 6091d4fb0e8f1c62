"""Attacks of other libraries, each as function(net name, number of pictures, ...) -> run().

run() answers how the pictures were changed.
"""

from functools import cache, partial
from typing import NamedTuple

import numpy as np
from bare import noise_pictures, untrained

from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.inference import class_scores
from lecture_lib.models.zoo import BUNDLED, load_model

STEPS = 20


class Task(NamedTuple):
    """What is attacked: a net and pictures (N, H, W, 3).

    targets: the classes that they should become. labels: those that the net predicts now.
    """

    model: object
    images: np.ndarray
    targets: np.ndarray
    labels: np.ndarray


@cache
def net_of(name):
    """A bundled net as it was trained, any other as `untrained` gives it."""
    return load_model(name) if name in BUNDLED else untrained(name)


@cache
def task(net, count):
    model = net_of(net)
    side = model.image_size
    images = random_crops(count, size=side) if net in BUNDLED else noise_pictures(count, side=side)
    return Task(
        model,
        images,
        np.int32(np.arange(count) % 7),
        np.int32(class_scores(model, images).argmax(axis=1)),
    )


@cache
def on_torch(net):
    """The same net in PyTorch, for pictures with their channels first."""
    from keras_to_torch import torch_net

    return torch_net(net_of(net))


def channels_first(images):
    import torch

    return torch.tensor(np.ascontiguousarray(np.moveaxis(images, -1, 1)))


def channels_last(tensor):
    return np.moveaxis(np.asarray(tensor.detach() if hasattr(tensor, "detach") else tensor), 1, -1)


def bare_torch(net, count, steps):
    """The same passes in PyTorch, all pictures in one batch."""
    import torch

    model = on_torch(net)
    x = channels_first(task(net, count).images)

    def run():
        for _ in range(steps):
            watched = x.clone().requires_grad_(True)
            torch.autograd.grad(model(watched)[:, 3].sum(), watched)

    return run


def foolbox_attack(net, count, attack, *, targeted, epsilon):
    """attack: foolbox -> one of its attacks."""
    import foolbox
    import torch

    _, images, targets, labels = task(net, count)
    model = foolbox.PyTorchModel(on_torch(net), bounds=(0, 1))
    x = channels_first(images)
    wrong = (
        foolbox.criteria.TargetedMisclassification
        if targeted
        else foolbox.criteria.Misclassification
    )
    criterion = wrong(torch.tensor(targets if targeted else labels).long())
    return lambda: channels_last(attack(foolbox)(model, x, criterion, epsilons=epsilon)[1]) - images


def cleverhans_torch(net, count, *, norm, epsilon, length, targeted):
    import torch
    from cleverhans.torch.attacks.projected_gradient_descent import projected_gradient_descent

    _, images, targets, labels = task(net, count)
    options = {
        "clip_min": 0.0,
        "clip_max": 1.0,
        "y": torch.tensor(targets if targeted else labels).long(),
        "targeted": targeted,
    }
    attack = partial(
        projected_gradient_descent,
        on_torch(net),
        channels_first(images),
        epsilon,
        length,
        STEPS,
        norm,
        rand_init=not targeted,
        rand_minmax=epsilon,
        sanity_checks=False,
        **options,
    )
    return lambda: channels_last(attack()) - images


def cleverhans_keras(net, count, *, norm, epsilon, length, targeted):
    from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent

    model, images, targets, labels = task(net, count)
    attack = partial(
        projected_gradient_descent,
        model,
        tf.constant(images),
        epsilon,
        length,
        STEPS,
        norm,
        clip_min=0.0,
        clip_max=1.0,
        y=targets if targeted else labels,
        targeted=targeted,
        rand_init=not targeted,
        sanity_checks=False,
    )
    return lambda: attack().numpy() - images


def cleverhans_wagner(net, count):
    import torch
    from cleverhans.torch.attacks.carlini_wagner_l2 import carlini_wagner_l2

    model, images, _, labels = task(net, count)
    options = {
        "y": torch.tensor(labels).long(),
        "lr": 0.02,
        "binary_search_steps": 3,
        "max_iterations": STEPS,
        "initial_const": 1.0,
    }
    return lambda: (
        channels_last(
            carlini_wagner_l2(
                on_torch(net), channels_first(images), model.output.shape[-1], **options
            )
        )
        - images
    )


def captum_attack(net, count, *, norm, epsilon, length, targeted):
    import torch
    from captum.robust import PGD

    _, images, targets, labels = task(net, count)
    loss = torch.nn.CrossEntropyLoss(reduction="none")
    x = channels_first(images)
    attack = PGD(on_torch(net), loss, lower_bound=0, upper_bound=1)
    target = torch.tensor(targets if targeted else labels).long()
    options = {
        "radius": epsilon,
        "step_size": length,
        "step_num": STEPS,
        "target": target,
        "targeted": targeted,
        "norm": norm,
    }
    return lambda: channels_last(attack.perturb(x, random_start=not targeted, **options)) - images


def art_attack(net, count, kind, *, torch=True, targeted, **options):
    """kind: the name of an attack of the Adversarial Robustness Toolbox; on PyTorch or on Keras."""
    from art.attacks import evasion
    from art.estimators.classification import PyTorchClassifier, TensorFlowV2Classifier

    model, images, targets, labels = task(net, count)
    classes = model.output.shape[-1]
    shape = images.shape[1:]
    if torch:
        from torch.nn import CrossEntropyLoss

        net = PyTorchClassifier(
            on_torch(net), CrossEntropyLoss(), (shape[2], *shape[:2]), classes, clip_values=(0, 1)
        )
    else:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        net = TensorFlowV2Classifier(model, classes, shape, loss_object=loss, clip_values=(0, 1))
    given, back = (
        (np.moveaxis(images, -1, 1).copy(), channels_last) if torch else (images, np.asarray)
    )
    attack = getattr(evasion, kind)(
        net, targeted=targeted, batch_size=count, verbose=False, **options
    )
    return lambda: back(attack.generate(given, targets if targeted else labels)) - images
