"""What an attack costs beside the bare gradient passes that it cannot do without: python benchmarks/attacks.py [--net NAME] [--rounds 5]

As in side_by_side.py: attack and bare passes take turns, what counts is the time of the processor, the table holds medians and ranges.
The last row is a climb of sixteen images until each has 99 %, with finished images in the batch to the end, and with images leaving as
they finish.
"""

import argparse
from functools import partial

import numpy as np
from bare import best_batch, gradient_of, passes
from side_by_side import seconds

from lecture_lib.adversarial import make_adversarial
from lecture_lib.ascent import ascend
from lecture_lib.attacks import pgd
from lecture_lib.models import load_model
from lecture_lib.picture_sets import photo_crops
from lecture_lib.scores import class_log_probability

ROW = "{:36}{:9.3f}{:9.3f}{:7.2f}  {:>12}"


def compare(name, attack, work, *, rounds, share=1.0):
    """Print one row: the attack's seconds, those of the other work times `share`, and their ratio."""
    attack(), attack(), work()
    pairs = np.array([(seconds(attack), seconds(work) * share) for _ in range(rounds)])
    ratios = pairs[:, 0] / pairs[:, 1]
    print(ROW.format(name, *np.median(pairs, axis=0), np.median(ratios), f"{ratios.min():.2f}..{ratios.max():.2f}"), flush=True)


def main():
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="tinynet", help="a name that load_model knows; its trained weights have to be here")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model = load_model(arguments.net)
    images, targets = photo_crops(16, size=model.image_size), np.arange(16) % 7
    bare = gradient_of(model)
    size = best_batch(bare, images[0])
    print(f"{arguments.net}, {model.image_size} pixels; fastest batch: {size}\n")
    print(f"{'attack':36}{'attack s':>9}{'bare s':>9}{'ratio':>7}  {'range':>12}")
    unreachable = {"threshold": 1 - 1e-7, "learning_rate": 1e-6, "iterations": 20}  # so that no image finishes
    for count in (1, 16):
        some, goals = (images[0], 3) if count == 1 else (images, targets)
        work, done = passes(bare, images[0], count=20 * count, size=1 if count == 1 else size)
        share = 20 * count / done
        attack = partial(make_adversarial, model, some, goals, **unreachable)
        compare(f"20 targeted steps, {count} images", attack, work, rounds=arguments.rounds, share=share)
        compare(f"projected gradient, 20 steps, {count}", partial(pgd, model, some, goals), work, rounds=arguments.rounds, share=share)
    stay = partial(ascend, class_log_probability(model, targets), images, steps=200, learning_rate=0.05, stop_above=np.log(0.99))
    compare("16 until 99 %: leaving / staying", partial(make_adversarial, model, images, targets, learning_rate=0.05), stay,
            rounds=arguments.rounds)  # fmt: skip


if __name__ == "__main__":
    main()
