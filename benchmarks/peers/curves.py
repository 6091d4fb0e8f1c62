"""How cost grows with pixels, steps, pictures and batch, as one picture.

    PYTHONPATH=benchmarks python benchmarks/peers/curves.py [--rounds 3]

Every point is the median processor time of one call that has been compiled. Dotted lines go through
the last point and grow as the work
does: a curve above them pays a fixed cost. In the last panel they are what a picture costs alone:
the deeper below, the more a batch saves.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure
from on_attack_libraries import net_of
from side_by_side import RESULTS, seconds

from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.class_visualization import gray_noise, visualize_class
from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_score
from lecture_lib.models.backend import tf
from lecture_lib.saliency import saliency_map

NETS = "tinynet_robust", "mobilenetv2"
COLORS = dict(zip(NETS, ("#0072B2", "#D55E00"), strict=True))
MARKS = dict(zip(NETS, "os", strict=True))


def of_pixels(model, side):
    image = gray_noise(model, size=side)
    return lambda: saliency_map(model, image, 3)


def of_steps(model, steps):
    return lambda: visualize_class(model, 3, size=64, steps=steps)


def of_pictures(model, count):
    images = gray_noise(model, size=64, shape=(count,))
    unreachable = {"threshold": 1 - 1e-7, "learning_rate": 1e-6}
    return lambda: make_adversarial(model, images, np.full(count, 3), steps=5, **unreachable)


def of_batch(model, count):
    images = tf.constant(gray_noise(model, size=64, shape=(count,)))
    return lambda: gradient(class_score(model, 3), images)


# (title, what is varied, its values, the work, the power with which cost should grow; 0: it is the
# cost of one picture)
CURVES = (
    (
        "saliency of one picture",
        "side in pixels",
        (32, 64, 96, 128, 192, 256, 384, 512),
        of_pixels,
        2,
    ),
    ("class picture of 64 pixels", "steps", (5, 10, 20, 50, 100, 200), of_steps, 1),
    ("targeted attack, 5 steps", "pictures", (1, 2, 4, 8, 16, 32, 64), of_pictures, 1),
    (
        "one gradient, a picture of many",
        "pictures in a batch",
        (1, 2, 4, 8, 16, 32, 64),
        of_batch,
        0,
    ),
)


def cost(work, *, rounds):
    work()
    return float(np.median([seconds(work) for _ in range(rounds)]))


def draw(curves, path):
    """Four panels side by side, cost against one thing each, both axes logarithmic."""
    figure = Figure(figsize=(13, 3.4), layout="constrained")
    for axes, (title, varied, values, _, power) in zip(
        figure.subplots(1, len(CURVES)), CURVES, strict=True
    ):
        for net in NETS:
            costs = np.array(curves[title, net])
            axes.plot(values, costs, color=COLORS[net], marker=MARKS[net], markersize=4, label=net)
            expected = (
                costs[-1] * (np.array(values) / values[-1]) ** power
                if power
                else np.full(len(values), costs[0])
            )
            axes.plot(values, expected, color=COLORS[net], linestyle=":", linewidth=1)
        axes.set(title=title, xlabel=varied, xscale="log", yscale="log")
        axes.set_xticks(values, [str(value) for value in values], fontsize=8)
        axes.minorticks_off()
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("seconds of the processor")
    figure.axes[-1].set_ylabel("seconds a picture")
    figure.axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120)


def main():
    """Read the command line, measure, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    curves = {}
    for title, varied, values, work, power in CURVES:
        for net in NETS:
            taken = [
                cost(work(net_of(net), value), rounds=rounds) / (1 if power else value)
                for value in values
            ]
            curves[title, net] = taken
            print(
                f"{title}, {net}, {varied}:",
                dict(zip(values, np.round(taken, 3).tolist(), strict=True)),
                flush=True,
            )
    RESULTS.mkdir(exist_ok=True)
    lines = ["work,net,varied,value,processor seconds"]
    for (title, net), costs in curves.items():
        varied, values = next((curve[1], curve[2]) for curve in CURVES if curve[0] == title)
        lines += [
            f'"{title}",{net},{varied},{value},{taken:.4g}'
            for value, taken in zip(values, costs, strict=True)
        ]
    (RESULTS / "curves.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(curves, RESULTS / "curves.png")


if __name__ == "__main__":
    main()
