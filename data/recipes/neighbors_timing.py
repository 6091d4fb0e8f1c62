"""Measure how the time for neighbors and for t-SNE grows with the number of pictures, and what an
index saves: neighbors_timing.csv.

python data/recipes/neighbors_timing.py takes about ten minutes and needs faiss-cpu as well. Times
are processor seconds on one core, the best of two runs (t-SNE: one). Features: what `tinynet` says
of crops of the bundled photographs, and synthetic vectors in clusters.
"""

import csv
import os
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import faiss
import numpy as np

from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.models.cache import cached, layer_features
from lecture_lib.models.zoo import load_model
from lecture_lib.neighbors import nearest_neighbors, tsne_map

TABLE = Path(__file__).parent.parent / "tables" / "neighbors_timing.csv"
UNITS, CELLS, QUERIES = 64, 4096, 1000


def seconds(function, *, runs=2):
    """(processor seconds of the best run, what the function returned)."""
    times = []
    for _ in range(runs):
        began = time.process_time()
        result = function()
        times.append(time.process_time() - began)
    return min(times), result


def growth(count):
    """Rows for exact neighbors of `count` pictures among themselves and for their t-SNE map."""
    features = cached(layer_features, load_model("tinynet"), "pool", random_crops(count))
    yield (
        "all neighbors",
        count,
        seconds(lambda: nearest_neighbors(features, features, count=6))[0],
        1.0,
    )
    yield "t-SNE", count, seconds(lambda: tsne_map(features), runs=1)[0], ""


def clustered(count, *, seed=0):
    """Vectors (count, 64) in 2,000 clusters, and 1,000 queries near some of them."""
    random = np.random.default_rng(seed)
    middles = random.standard_normal((2000, UNITS), np.float32)
    vectors = middles[random.integers(0, 2000, count)] + 0.5 * random.standard_normal(
        (count, UNITS), np.float32
    )
    return vectors, vectors[:QUERIES] + 0.1 * random.standard_normal((QUERIES, UNITS), np.float32)


def index(count):
    """Rows for 1,000 queries among `count` vectors, compared with all of them and with an index of
    4,096 cells of which 8 are searched.
    """
    vectors, queries = clustered(count)
    time_exact, exact = seconds(lambda: nearest_neighbors(queries, vectors).indices)
    yield "search everything", count, time_exact, 1.0
    quick = faiss.index_factory(UNITS, f"IVF{CELLS if count > 300_000 else CELLS // 8},Flat")

    def build():
        quick.train(vectors[:: max(1, count // 200_000)])
        quick.add(vectors)

    yield "build the index", count, seconds(build, runs=1)[0], ""
    quick.nprobe = 8
    time_quick, (_, found) = seconds(lambda: quick.search(queries, 5))
    share = np.mean(
        [len(set(one) & set(other)) / 5 for one, other in zip(found, exact, strict=True)]
    )
    yield "search the index", count, time_quick, round(share, 4)


def main():
    """Measure everything and write the table."""
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["what", "count", "processor_seconds", "share_found"])
        for measure, counts in (
            (growth, (500, 1000, 2000, 5000, 10_000)),
            (index, (10_000, 100_000, 1_000_000)),
        ):
            for count in counts:
                for what, number, used, share in measure(count):
                    table.writerow([what, number, f"{used:.3g}", share])
                    file.flush()


if __name__ == "__main__":
    main()
