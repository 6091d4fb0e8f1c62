"""Adversarial examples: small changes of an image that change what a network predicts."""

from lecture_lib.adversarial.attacks import fgsm, pgd
from lecture_lib.adversarial.nearest import carlini_wagner
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
    "Adversarial",
    "AttackSuccess",
    "attack_success_after",
    "carlini_wagner",
    "fgsm",
    "make_adversarial",
    "paste",
    "patch",
    "perturbation_norms",
    "pgd",
    "post_processing",
    "transfer_matrix",
    "universal_perturbation",
]
