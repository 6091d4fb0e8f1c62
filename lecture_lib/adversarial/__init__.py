"""Adversarial examples: small changes of an image that change what a network predicts."""

from lecture_lib.adversarial.attacks import fgsm, pgd
from lecture_lib.adversarial.nearest import carlini_wagner
from lecture_lib.adversarial.stickers import (
    HANDHELD,
    PASTED,
    Conditions,
    make_sticker,
    photograph,
)
from lecture_lib.adversarial.targeted import Adversarial, make_adversarial
from lecture_lib.adversarial.transfer import (
    AttackSuccess,
    attack_success_after,
    perturbation_norms,
    post_processing,
    transfer_matrix,
)
from lecture_lib.adversarial.universal import paste, patch, universal_perturbation

__all__ = [
    "HANDHELD",
    "PASTED",
    "Adversarial",
    "AttackSuccess",
    "Conditions",
    "attack_success_after",
    "carlini_wagner",
    "fgsm",
    "make_adversarial",
    "make_sticker",
    "paste",
    "patch",
    "perturbation_norms",
    "pgd",
    "photograph",
    "post_processing",
    "transfer_matrix",
    "universal_perturbation",
]
