"""Attacks, by this course and by the libraries that one might pick instead; `side_by_side` says how all of them are compared.

All answer how they changed the pictures. The targeted attack is one rule everywhere: a step of one length along each picture's own
gradient of log P, back into [0, 1]; as projected gradients in a ball too large to be felt it is found in every library of attacks.
"""

from functools import cache, partial
from typing import NamedTuple

import numpy as np
from bare import best_batch, gradient_of, noise_pictures, passes, untrained
from side_by_side import BARE, COPIED, OURS, PEER, TORCH, Contender, Work, installed

from lecture_lib.adversarial import make_adversarial
from lecture_lib.attacks import carlini_wagner, pgd
from lecture_lib.backend import keras, tf
from lecture_lib.models import class_scores, load_model
from lecture_lib.picture_sets import photo_crops
from lecture_lib.zoo import BUNDLED

STEPS, LENGTH, EPSILON = 20, 0.1, 8 / 255
FEW = 4  # pictures, where one is attacked after another: each costs the same
FAR = 1e3  # the radius of a ball that holds every picture


class Task(NamedTuple):
    """What is attacked: a net, pictures (N, H, W, 3), the classes that they should become, and those that the net sees in them now."""

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
    images = photo_crops(count, size=side) if net in BUNDLED else noise_pictures(count, side=side)
    return Task(model, images, np.int32(np.arange(count) % 7), np.int32(class_scores(model, images).argmax(axis=1)))


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


def peer(package, who, prepare, *arguments, kind=PEER, times=1.0, tolerance=None, note="", **options):
    """A list of one contender, or of none where its package is not here; prepare(...) gives its run, and is called when it first runs."""
    prepared = cache(partial(prepare, *arguments, **options))
    return [Contender(who, lambda: prepared()(), kind, times, tolerance, note)] if installed(package) else []


def bare(net, count, steps):
    """The gradient passes of `steps` steps for `count` pictures, at the batch that is fastest; one picture goes alone."""
    work = task(net, count)
    compiled = gradient_of(work.model)
    size = 1 if count == 1 else min(count, best_batch(compiled, work.images[0]))
    run, done = passes(compiled, work.images[0], count=steps * count, size=size)
    return Contender("bare passes", run, BARE, times=steps * count / done)


def bare_torch(net, count, steps):
    """The same passes in PyTorch, all pictures in one batch."""
    import torch

    model, x = on_torch(net), channels_first(task(net, count).images)

    def run():
        for _ in range(steps):
            watched = x.clone().requires_grad_(True)
            torch.autograd.grad(model(watched)[:, 3].sum(), watched)

    return run


def copied_targeted(net, count):
    """The loop of the slides: one picture at a time, eagerly, the gradient of the probability at length 1."""
    model, images, targets, _ = task(net, count)

    def step(image, target):
        with tf.GradientTape() as tape:
            tape.watch(image)
            gain = tf.nn.softmax(model(image))[:, target]
        return image + LENGTH * tf.math.l2_normalize(tape.gradient(gain, image))

    def run():
        reached = []
        for image, target in zip(images, targets, strict=True):
            image = tf.constant(image[None])
            for _ in range(STEPS):
                image = step(image, target)
            reached.append(image[0])
        return np.stack(reached) - images

    return run


def copied_pgd(net, count):
    """Projected gradients as one finds them written: the loss of Keras, a tape, all pictures in one batch, eagerly."""
    model, images, _, labels = task(net, count)
    loss, random = keras.losses.SparseCategoricalCrossentropy(from_logits=True), np.random.default_rng(0)

    def run():
        moved = tf.constant(np.clip(images + random.uniform(-EPSILON, EPSILON, images.shape), 0, 1).astype(np.float32))
        for _ in range(STEPS):
            with tf.GradientTape() as tape:
                tape.watch(moved)
                wrong = loss(labels, model(moved))
            moved = moved + 2.5 * EPSILON / STEPS * tf.sign(tape.gradient(wrong, moved))
            moved = tf.clip_by_value(tf.clip_by_value(moved, images - EPSILON, images + EPSILON), 0, 1)
        return moved.numpy() - images

    return run


def foolbox_attack(net, count, attack, *, targeted, epsilon):
    """attack: foolbox -> one of its attacks."""
    import foolbox
    import torch

    _, images, targets, labels = task(net, count)
    model, x = foolbox.PyTorchModel(on_torch(net), bounds=(0, 1)), channels_first(images)
    wrong = foolbox.criteria.TargetedMisclassification if targeted else foolbox.criteria.Misclassification
    criterion = wrong(torch.tensor(targets if targeted else labels).long())
    return lambda: channels_last(attack(foolbox)(model, x, criterion, epsilons=epsilon)[1]) - images


def cleverhans_torch(net, count, *, norm, epsilon, length, targeted):
    import torch
    from cleverhans.torch.attacks.projected_gradient_descent import projected_gradient_descent

    _, images, targets, labels = task(net, count)
    options = {"clip_min": 0.0, "clip_max": 1.0, "y": torch.tensor(targets if targeted else labels).long(), "targeted": targeted}
    attack = partial(projected_gradient_descent, on_torch(net), channels_first(images), epsilon, length, STEPS, norm,
                     rand_init=not targeted, rand_minmax=epsilon, sanity_checks=False, **options)  # fmt: skip
    return lambda: channels_last(attack()) - images


def cleverhans_keras(net, count, *, norm, epsilon, length, targeted):
    from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent

    model, images, targets, labels = task(net, count)
    attack = partial(projected_gradient_descent, model, tf.constant(images), epsilon, length, STEPS, norm, clip_min=0.0, clip_max=1.0,
                     y=targets if targeted else labels, targeted=targeted, rand_init=not targeted, sanity_checks=False)  # fmt: skip
    return lambda: attack().numpy() - images


def captum_attack(net, count, *, norm, epsilon, length, targeted):
    import torch
    from captum.robust import PGD

    _, images, targets, labels = task(net, count)
    loss, x = torch.nn.CrossEntropyLoss(reduction="none"), channels_first(images)
    attack = PGD(on_torch(net), loss, lower_bound=0, upper_bound=1)
    target = torch.tensor(targets if targeted else labels).long()
    options = {"radius": epsilon, "step_size": length, "step_num": STEPS, "target": target, "targeted": targeted, "norm": norm}
    return lambda: channels_last(attack.perturb(x, random_start=not targeted, **options)) - images


def art_attack(net, count, kind, *, torch=True, targeted, **options):
    """kind: the name of an attack of the Adversarial Robustness Toolbox; on PyTorch or on Keras."""
    from art.attacks import evasion
    from art.estimators.classification import PyTorchClassifier, TensorFlowV2Classifier

    model, images, targets, labels = task(net, count)
    classes, shape = model.output.shape[-1], images.shape[1:]
    if torch:
        from torch.nn import CrossEntropyLoss

        net = PyTorchClassifier(on_torch(net), CrossEntropyLoss(), (shape[2], *shape[:2]), classes, clip_values=(0, 1))
    else:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        net = TensorFlowV2Classifier(model, classes, shape, loss_object=loss, clip_values=(0, 1))
    given, back = (np.moveaxis(images, -1, 1).copy(), channels_last) if torch else (images, np.asarray)
    attack = getattr(evasion, kind)(net, targeted=targeted, batch_size=count, verbose=False, **options)
    return lambda: back(attack.generate(given, targets if targeted else labels)) - images


def targeted(net, *, count):
    """Twenty steps of one length towards other classes; no picture is finished early."""
    model, images, targets, _ = task(net, count)
    options = {"threshold": 1 - 1e-7, "learning_rate": LENGTH, "iterations": STEPS}
    far = {"norm": 2, "epsilon": FAR, "length": LENGTH, "targeted": True, "tolerance": 0.05}
    art = {"norm": 2, "eps": FAR, "eps_step": LENGTH, "max_iter": STEPS, "targeted": True, "tolerance": 0.05}
    alone = lambda: make_adversarial(model, images[0], targets[0], **options).image[None] - images
    together = lambda: make_adversarial(model, images, targets, **options).image - images
    step = lambda foolbox: foolbox.attacks.L2PGD(abs_stepsize=LENGTH, steps=STEPS, random_start=False)
    return [
        Contender("ours", alone if count == 1 else together, OURS),
        bare(net, count, STEPS),
        Contender("loop of the slides", copied_targeted(net, min(count, FEW)), COPIED, max(1, count / FEW), note="never back into [0, 1]"),
        *peer("cleverhans", "cleverhans, Keras", cleverhans_keras, net, count, **far),
        *peer("art", "ART, Keras", art_attack, net, count, "ProjectedGradientDescent", torch=False, **art),
        *peer("foolbox", "foolbox", foolbox_attack, net, count, step, targeted=True, epsilon=FAR, kind=TORCH, tolerance=0.05),
        *peer("cleverhans", "cleverhans, PyTorch", cleverhans_torch, net, count, **far, kind=TORCH),
        *peer("art", "ART, PyTorch", art_attack, net, count, "ProjectedGradientDescent", **art, kind=TORCH),
        *peer("torch", "bare passes, PyTorch", bare_torch, net, count, STEPS, kind="bare passes on PyTorch"),
    ]


def projected(net):
    """Twenty steps of signs in a box around sixteen pictures, from random places in it."""
    count, (model, images, _, labels) = 16, task(net, 16)
    note = {"note": "from other random places"}
    box = {"norm": np.inf, "epsilon": EPSILON, "length": 2.5 * EPSILON / STEPS, "targeted": False} | note
    art = {"norm": np.inf, "eps": EPSILON, "eps_step": box["length"], "max_iter": STEPS, "num_random_init": 1, "targeted": False} | note
    step = lambda foolbox: foolbox.attacks.LinfPGD(abs_stepsize=box["length"], steps=STEPS)
    return [
        Contender("ours", lambda: pgd(model, images, labels, epsilon=EPSILON, steps=STEPS) - images, OURS),
        bare(net, count, STEPS),
        Contender("eager loop", copied_pgd(net, count), COPIED, **note),
        *peer("cleverhans", "cleverhans, Keras", cleverhans_keras, net, count, **box),
        *peer("art", "ART, Keras", art_attack, net, count, "ProjectedGradientDescent", torch=False, **art),
        *peer("foolbox", "foolbox", foolbox_attack, net, count, step, targeted=False, epsilon=EPSILON, kind=TORCH, **note),
        *peer("cleverhans", "cleverhans, PyTorch", cleverhans_torch, net, count, **box, kind=TORCH),
        *peer("art", "ART, PyTorch", art_attack, net, count, "ProjectedGradientDescent", **art, kind=TORCH),
        *peer("captum", "captum", captum_attack, net, count, **box | {"norm": "Linf"}, kind=TORCH),
        *peer("torch", "bare passes, PyTorch", bare_torch, net, count, STEPS, kind="bare passes on PyTorch"),
    ]


def nearest_wrong(net):
    """The attack of Carlini and Wagner on four pictures: three weights, twenty steps of Adam at each."""
    count, (model, images, _, labels) = 4, task(net, 4)
    ours = lambda: carlini_wagner(model, images, labels, steps=STEPS, searches=3) - images
    # They look at a picture before each step, we after the last one too: one step more of theirs is the same way.
    climb = lambda foolbox: foolbox.attacks.L2CarliniWagnerAttack(3, STEPS + 1, 0.02, 0, 1.0, abort_early=False)
    art = {"max_iter": STEPS, "binary_search_steps": 3, "initial_const": 1.0, "learning_rate": 0.02, "targeted": False,
           "note": "halves and doubles its steps"}  # fmt: skip
    early = {"kind": TORCH, "note": "stops early where a climb stalls"}
    same = {"kind": TORCH, "tolerance": 0.5, "note": "the same way; near the border, wrong a step earlier or later"}
    return [
        Contender("ours", ours, OURS),
        bare(net, count, 3 * (STEPS + 1)),
        *peer("foolbox", "foolbox", foolbox_attack, net, count, climb, targeted=False, epsilon=None, **same),
        *peer("cleverhans", "cleverhans, PyTorch", cleverhans_wagner, net, count, **early),
        *peer("art", "ART, PyTorch", art_attack, net, count, "CarliniL2Method", **art, kind=TORCH),
        *peer("art", "ART, Keras", art_attack, net, count, "CarliniL2Method", torch=False, **art),
    ]


def cleverhans_wagner(net, count):
    import torch
    from cleverhans.torch.attacks.carlini_wagner_l2 import carlini_wagner_l2

    model, images, _, labels = task(net, count)
    options = {"y": torch.tensor(labels).long(), "lr": 0.02, "binary_search_steps": 3, "max_iterations": STEPS, "initial_const": 1.0}
    return lambda: channels_last(carlini_wagner_l2(on_torch(net), channels_first(images), model.output.shape[-1], **options)) - images


NETS = "mobilenetv2", "squeezenet", "tinynet"
WORKS = (
    Work("targeted attack, 20 steps, 1 picture", NETS, partial(targeted, count=1)),
    Work("targeted attack, 20 steps, 16 pictures", NETS, partial(targeted, count=16)),
    Work("projected gradient, 20 steps, 16 pictures", NETS, projected),
    Work("Carlini and Wagner, 3 x 20 steps, 4 pictures", NETS, nearest_wrong),
)
