"""Nearest neighbors and maps of many pictures; as a program it makes the table of t-SNE.

    PYTHONPATH=benchmarks python benchmarks/peers/neighbors.py [--count 1797] [--rounds 3]

Which neighbors are found joins the other rows of `side_by_side`. A map is worth what its neighbors
are worth: the table holds its trustworthiness (of 12 neighbors; that of 10,000 pictures is the mean
of five parts), and the seconds that it took.
"""

import argparse
from functools import cache, partial

import numpy as np
from side_by_side import BARE, COPIED, OURS, PEER, RESULTS, TORCH, Contender, Work, peer, race
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors

from lecture_lib.datasets import downloads
from lecture_lib.datasets.digits import load_mnist
from lecture_lib.neighbors import nearest_neighbors, tsne_map

NEAR = 12


@cache
def digits(count):
    """The pixels (count, numbers) in [0, 1] of 1,797 digits of scikit-learn, or more of MNIST."""
    pictures = load_digits().images / 16 if count == 1797 else load_mnist()[2][:count]
    return np.float32(pictures.reshape(count, -1))


def one_query_at_a_time(bank):
    found = []
    for number, query in enumerate(bank):
        distances = np.linalg.norm(bank - query, axis=1)
        distances[number] = np.inf
        found.append(np.argsort(distances)[:5])
    return np.stack(found)


def everyone(net, *, count):
    """The five nearest of every picture, itself left out.

    All answer with distances to them, for ties may fall either way.
    """
    bank = digits(count)

    def length(indices):
        return np.linalg.norm(bank[indices] - bank[:, None], axis=2)

    def theirs():
        return NearestNeighbors(n_neighbors=5).fit(bank).kneighbors()[0]

    return [
        Contender(
            "ours", lambda: nearest_neighbors(bank, bank, exclude=np.arange(count)).distances, OURS
        ),
        Contender("bare products of all pairs", lambda: bank @ bank.T, BARE),
        Contender("scikit-learn", theirs, PEER, tolerance=1e-3),
        *(
            [
                Contender(
                    "a loop of norms",
                    lambda: length(one_query_at_a_time(bank)),
                    COPIED,
                    tolerance=1e-3,
                )
            ]
            if count < 4000
            else []
        ),
        *peer("torch", "PyTorch, all distances", torch_distances, bank, kind=TORCH, tolerance=1e-3),
    ]


def torch_distances(bank):
    import torch

    rows = torch.tensor(bank)
    return lambda: (
        torch.cdist(rows, rows).fill_diagonal_(torch.inf).topk(5, largest=False)[0].numpy()
    )


def open_tsne(features, **options):
    import openTSNE

    return lambda: np.asarray(openTSNE.TSNE(random_state=0, **options).fit(features))


def maps(count):
    """Who makes a map of these pictures, as contenders."""
    features = digits(count)
    yield Contender("ours, 500 steps", lambda: tsne_map(features), OURS)
    yield Contender(
        "scikit-learn, 1,000 steps", lambda: TSNE(2, random_state=0).fit_transform(features)
    )
    yield from peer("openTSNE", "openTSNE, 750 steps", open_tsne, features)
    yield from peer(
        "openTSNE", "openTSNE, interpolated", open_tsne, features, negative_gradient_method="fft"
    )


def trust(features, points):
    """Trustworthiness in 0..1: how few neighbors in the map are none in the features.

    Where there are many pictures, the mean of five parts.
    """
    order = np.random.default_rng(0).permutation(len(features))
    parts = np.array_split(order, 1 if len(features) < 4000 else 5)
    found = [trustworthiness(features[part], points[part], n_neighbors=NEAR) for part in parts]
    return float(np.mean(found))


def command_line():
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    count = "1797, or up to 10000 digits of MNIST"
    parser.add_argument("--count", type=int, default=1797, help=count)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main():
    """Make maps in turns, print the table and keep it."""
    arguments = command_line()
    features = digits(arguments.count)
    contenders = list(maps(arguments.count))
    trusts = {contender.who: trust(features, contender.run()) for contender in contenders}
    turns = race(contenders, rounds=arguments.rounds)
    ours = turns[contenders[0].who][:, 0]
    lines = [
        "who,pictures,trustworthiness,processor seconds,seconds on the wall,times ours,"
        "lowest,highest"
    ]
    for who, taken in turns.items():
        numbers = [*np.median(taken, axis=0), *spread(taken[:, 0] / ours)]
        seconds_and_ratios = ",".join(f"{number:.2f}" for number in numbers)
        lines.append(f'"{who}",{arguments.count},{trusts[who]:.4f},{seconds_and_ratios}')
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"tsne_{arguments.count}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


def spread(ratios):
    return np.median(ratios), ratios.min(), ratios.max()


COUNTS = (1797, 10000) if downloads.is_here("mnist.npz") else (1797,)
WORKS = tuple(
    Work(f"five neighbors of each of {count:,}", ("digits",), partial(everyone, count=count))
    for count in COUNTS
)

if __name__ == "__main__":
    main()
