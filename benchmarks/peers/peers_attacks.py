"""Attacks, by this course and by the libraries that one might pick instead.

All answer how they changed the pictures. The targeted attack is one rule everywhere: a step of one
length along each picture's own gradient of log P, back into [0, 1]; as projected gradients in a
ball too large to be felt it is found in every library of attacks.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from bare import best_batch, gradient_of, passes
from on_attack_libraries import (
    STEPS,
    art_attack,
    bare_torch,
    captum_attack,
    cleverhans_keras,
    cleverhans_torch,
    cleverhans_wagner,
    foolbox_attack,
    task,
)
from side_by_side import BARE, COPIED, OURS, TORCH, Contender, Work, peer

from lecture_lib.adversarial.attacks import pgd
from lecture_lib.adversarial.nearest import carlini_wagner
from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.core.ascent import ascend
from lecture_lib.core.scores import class_log_probability
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.zoo import model_is_here

LENGTH = 0.1
EPSILON = 8 / 255
FEW = 4  # pictures, where one is attacked after another: each costs the same
FAR = 1e3  # the radius of a ball that holds every picture
DEEP = ("efficientnet_lite0", "mobilenetv2")


def bare(net, count, steps):
    """The gradient passes of `steps` steps for `count` pictures, at the batch that is fastest."""
    work = task(net, count)
    compiled = gradient_of(work.model)
    size = 1 if count == 1 else min(count, best_batch(compiled, work.images[0]))
    run, done = passes(compiled, work.images[0], count=steps * count, size=size)
    return Contender("bare passes", run, BARE, times=steps * count / done)


def copied_targeted(net, count):
    """The loop of the slides: one picture at a time, eagerly, the gradient of P at length 1."""
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
    """Projected gradients as one finds them: the loss of Keras, an eager tape, one batch."""
    model, images, _, labels = task(net, count)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    random = np.random.default_rng(0)

    def run():
        moved = tf.constant(
            np.clip(images + random.uniform(-EPSILON, EPSILON, images.shape), 0, 1).astype(
                np.float32
            )
        )
        for _ in range(STEPS):
            with tf.GradientTape() as tape:
                tape.watch(moved)
                wrong = loss(labels, model(moved))
            moved = moved + 2.5 * EPSILON / STEPS * tf.sign(tape.gradient(wrong, moved))
            moved = tf.clip_by_value(
                tf.clip_by_value(moved, images - EPSILON, images + EPSILON), 0, 1
            )
        return moved.numpy() - images

    return run


class Ball(NamedTuple):
    """Where an attack stays around each picture, and how far one of its steps goes.

    norm: 2 or infinity. targeted: it goes toward other classes, from the picture itself; else away
    from the picture's own class, from a random place in the ball.
    """

    norm: float
    epsilon: float
    length: float
    targeted: bool


def of_libraries(net, count, ball, **about):
    """The same attack, twenty steps in a ball, by every library that is installed.

    about: the tolerance or the note of all of them.
    """
    art = {
        "norm": ball.norm,
        "eps": ball.epsilon,
        "eps_step": ball.length,
        "max_iter": STEPS,
        "num_random_init": int(not ball.targeted),
        "targeted": ball.targeted,
    }

    def step(foolbox):
        kind = foolbox.attacks.L2PGD if ball.norm == 2 else foolbox.attacks.LinfPGD
        return kind(abs_stepsize=ball.length, steps=STEPS, random_start=not ball.targeted)

    attack = partial(peer, **about)
    given = (net, count)
    rule = ball._asdict()
    given_to_art = (*given, "ProjectedGradientDescent")
    foolbox_rule = {"targeted": ball.targeted, "epsilon": ball.epsilon, "kind": TORCH}
    captum = rule | {"norm": "Linf", "kind": TORCH}
    passes = {"kind": "bare passes on PyTorch"}
    return [
        *attack("cleverhans", "cleverhans, Keras", cleverhans_keras, *given, **rule),
        *attack("art", "ART, Keras", art_attack, *given_to_art, torch=False, **art),
        *attack("foolbox", "foolbox", foolbox_attack, *given, step, **foolbox_rule),
        *attack("cleverhans", "cleverhans, PyTorch", cleverhans_torch, *given, kind=TORCH, **rule),
        *attack("art", "ART, PyTorch", art_attack, *given_to_art, kind=TORCH, **art),
        # captum knows only steps of signs
        *(attack("captum", "captum", captum_attack, *given, **captum) if ball.norm > 2 else []),
        *peer("torch", "bare passes, PyTorch", bare_torch, *given, STEPS, **passes),
    ]


def targeted(net, *, count):
    """Twenty steps of one length toward other classes; no picture is finished early."""
    model, images, targets, _ = task(net, count)
    options = {"threshold": 1 - 1e-7, "learning_rate": LENGTH, "steps": STEPS}
    # Where weights are random, gradients change so fast from place to place that rounding alone
    # parts two ascents of one rule; where they are not, one ascent of sixteen, or of a net of many
    # kinks, comes near a border that it crosses a step earlier or later.
    bound = 0.05 if net == "tinynet" and count == 1 else 0.2
    same = (
        {"note": "the same rule; rounding parts ascents of a net of many layers"}
        if net in DEEP
        else {"tolerance": bound}
    )

    def alone():
        return make_adversarial(model, images[0], targets[0], **options).images[None] - images

    def together():
        return make_adversarial(model, images, targets, **options).images - images

    return [
        Contender("ours", alone if count == 1 else together, OURS),
        bare(net, count, STEPS),
        Contender(
            "loop of the slides",
            copied_targeted(net, min(count, FEW)),
            COPIED,
            max(1, count / FEW),
            note="never back into [0, 1]",
        ),
        *of_libraries(net, count, Ball(2, FAR, LENGTH, targeted=True), **same),
    ]


def projected(net):
    """Twenty steps of signs in a box around sixteen pictures, from random places in it."""
    count = 16
    model, images, _, labels = task(net, count)
    note = {"note": "from other random places"}
    box = Ball(np.inf, EPSILON, 2.5 * EPSILON / STEPS, targeted=False)
    return [
        Contender(
            "ours", lambda: pgd(model, images, labels, epsilon=EPSILON, steps=STEPS) - images, OURS
        ),
        bare(net, count, STEPS),
        Contender("eager loop", copied_pgd(net, count), COPIED, **note),
        *of_libraries(net, count, box, **note),
    ]


def nearest_wrong(net):
    """Carlini and Wagner's attack on four pictures: three weights, twenty steps of Adam at each."""
    count = 4
    (model, images, _, labels) = task(net, 4)

    def ours():
        return carlini_wagner(model, images, labels, steps=STEPS, binary_search_steps=3) - images

    # They look at a picture before each step, we after the last one too: one step more of theirs is
    # the same way.
    def attack(foolbox):
        return foolbox.attacks.L2CarliniWagnerAttack(3, STEPS + 1, 0.02, 0, 1.0, abort_early=False)

    art = {
        "max_iter": STEPS,
        "binary_search_steps": 3,
        "initial_const": 1.0,
        "learning_rate": 0.02,
        "targeted": False,
        "note": "halves and doubles its steps",
    }
    early = {"kind": TORCH, "note": "stops early where an ascent stalls"}
    same = {
        "kind": TORCH,
        "tolerance": 0.5,
        "note": "the same way; near the border, wrong a step earlier or later",
    }
    return [
        Contender("ours", ours, OURS),
        bare(net, count, 3 * (STEPS + 1)),
        *peer(
            "foolbox",
            "foolbox",
            foolbox_attack,
            net,
            count,
            attack,
            targeted=False,
            epsilon=None,
            **same,
        ),
        *peer("cleverhans", "cleverhans, PyTorch", cleverhans_wagner, net, count, **early),
        *peer("art", "ART, PyTorch", art_attack, net, count, "CarliniL2Method", **art, kind=TORCH),
        *peer("art", "ART, Keras", art_attack, net, count, "CarliniL2Method", torch=False, **art),
    ]


def until_confident(net):
    """Sixteen pictures until the net is 99 % confident of other classes.

    Those that are finished leave the batch, or stay in it to the end.
    """
    model, images, targets, _ = task(net, 16)
    together = partial(
        ascend,
        class_log_probability(model, targets),
        images,
        steps=200,
        learning_rate=0.05,
        stop_above=np.log(0.99),
    )
    return [
        Contender(
            "ours",
            lambda: make_adversarial(model, images, targets, learning_rate=0.05).images - images,
            OURS,
        ),
        Contender(
            "all stay to the end", lambda: together().images - images, COPIED, tolerance=0.05
        ),
    ]


NETS = (
    "efficientnet_lite0",
    "mobilenetv2",
    *(["squeezenet"] if model_is_here("squeezenet") else []),
    "tinynet",
)
WORKS = (
    Work("targeted attack, 20 steps, 1 picture", NETS, partial(targeted, count=1)),
    Work("targeted attack, 20 steps, 16 pictures", NETS, partial(targeted, count=16)),
    Work("projected gradient, 20 steps, 16 pictures", NETS, projected),
    Work("Carlini and Wagner, 3 x 20 steps, 4 pictures", NETS, nearest_wrong),
    Work("16 pictures until 99 %", ("tinynet",), until_confident),
)
