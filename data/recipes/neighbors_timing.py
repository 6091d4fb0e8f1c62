"""Measure how long neighbors and t-SNE take for more and more images: neighbors_timing.csv.

    python data/recipes/neighbors_timing.py

And what an index saves. Takes about ten minutes and needs faiss-cpu as well. Times are processor
seconds on one core, the best of two runs (t-SNE: one). Features: the layer "pool" of `tinynet` for
crops of the bundled photographs, and synthetic vectors in clusters.
"""

import csv
import os
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import faiss
import numpy as np

from lecture_lib.datasets.downloads import DATA
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.models.cache import cached, layer_features
from lecture_lib.models.zoo import load_model
from lecture_lib.neighbors import nearest_neighbors, tsne_map

TABLE = DATA / "tables" / "neighbors_timing.csv"
UNITS = 64  # numbers in a vector
CELLS = 4096  # of the large index
SEARCHED = 8  # cells that a query looks into
QUERIES = 1000
COUNTS_EXACT = (500, 1000, 2000, 5000, 10_000)
COUNTS_INDEX = (10_000, 100_000, 1_000_000)


def seconds(function, *, runs=2):
    """Return the processor seconds of the best run, and what the function returned."""
    times = []
    for _ in range(runs):
        began = time.process_time()
        result = function()
        times.append(time.process_time() - began)
    return min(times), result


def growth(count):
    """Yield rows for exact neighbors of `count` images among themselves and for their t-SNE map."""
    features = cached(layer_features, load_model("tinynet"), "pool", random_crops(count))
    used, _ = seconds(lambda: nearest_neighbors(features, features, count=6))
    yield "all neighbors", count, used, 1.0
    used, _ = seconds(lambda: tsne_map(features), runs=1)
    yield "t-SNE", count, used, ""


def clustered(count, *, seed=0):
    """Draw vectors (count, 64) in 2,000 clusters, and 1,000 queries near some of them."""
    random = np.random.default_rng(seed)
    middles = random.standard_normal((2000, UNITS), np.float32)
    chosen = random.integers(0, 2000, count)
    vectors = middles[chosen] + 0.5 * random.standard_normal((count, UNITS), np.float32)
    noise = 0.1 * random.standard_normal((QUERIES, UNITS), np.float32)
    return vectors, vectors[:QUERIES] + noise


def index(count):
    """Yield rows for 1,000 queries among `count` vectors, searched whole and by an index."""
    vectors, queries = clustered(count)
    used, exact = seconds(lambda: nearest_neighbors(queries, vectors).indices)
    yield "search everything", count, used, 1.0
    cells = CELLS if count > 300_000 else CELLS // 8
    quick = faiss.index_factory(UNITS, f"IVF{cells},Flat")

    def build():
        quick.train(vectors[:: max(1, count // 200_000)])
        quick.add(vectors)

    used, _ = seconds(build, runs=1)
    yield "build the index", count, used, ""
    quick.nprobe = SEARCHED
    used, (_, found) = seconds(lambda: quick.search(queries, 5))
    yield "search the index", count, used, round(share_found(found, exact), 4)


def share_found(found, exact):
    """Return which share of the five nearest neighbors an index found."""
    shares = [len(set(one) & set(other)) / 5 for one, other in zip(found, exact, strict=True)]
    return np.mean(shares)


def rows():
    """Yield all rows of the table, as they are measured."""
    for count in COUNTS_EXACT:
        yield from growth(count)
    for count in COUNTS_INDEX:
        yield from index(count)


def main():
    """Measure everything and write the table."""
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["what", "count", "processor_seconds", "share_found"])
        for what, count, used, share in rows():
            table.writerow([what, count, f"{used:.3g}", share])
            file.flush()


if __name__ == "__main__":
    main()
