"""Adversarial examples: small changes of an image that change what a network answers."""

from lecture_lib.adversarial.attacks import carlini_wagner, fgsm, pgd
from lecture_lib.adversarial.targeted import Adversarial, make_adversarial
from lecture_lib.adversarial.transfer import Survival, sizes, stages, survival, transfer
from lecture_lib.adversarial.universal import paste, patch, universal_perturbation

__all__ = [
    "Adversarial",
    "Survival",
    "carlini_wagner",
    "fgsm",
    "make_adversarial",
    "paste",
    "patch",
    "pgd",
    "sizes",
    "stages",
    "survival",
    "transfer",
    "universal_perturbation",
]
