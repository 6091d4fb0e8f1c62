"""Make `facets.npz`: the means of groups of a class's pictures that look alike to `tinynet_robust`:
python make_facets.py.

Each class's 500 training pictures are put into four groups by their pooled features (k-means), or
into three or two where a group would
have fewer than 30 pictures. Only means are stored: of the pictures, and of the features "block4"
(Nguyen et al., Multifaceted feature visualization, 2016).
"""

import numpy as np
from export import DATA
from robust_features import training_features
from sklearn.cluster import KMeans
from tiny_imagenet import CLASSES, read

SMALLEST = 30  # pictures in a group: a mean of so many shows none of them


def groups(pooled, *, seed=0):
    """A number for each row of `pooled` (N, 256), its group; the largest group is number 0."""
    for count in 4, 3, 2, 1:
        found = KMeans(count, n_init=10, random_state=seed).fit_predict(pooled)
        sizes = np.bincount(found, minlength=count)
        if sizes.min() >= SMALLEST:
            return np.argsort(np.argsort(-sizes))[found]


def main():
    pictures, labels, *_ = read()
    features = training_features(pictures)
    rows = []
    for index in range(len(CLASSES)):
        mine = np.flatnonzero(labels == index)
        found = groups(features[mine].astype("float32").mean(axis=(1, 2)))
        for number in range(found.max() + 1):
            group = mine[found == number]
            picture = np.rint(pictures[group].mean(axis=0)).astype("uint8")
            rows.append(
                (
                    picture,
                    features[group].astype("float32").mean(axis=0).astype("float16"),
                    index,
                    len(group),
                )
            )
    names = ("pictures", "features", "class_index", "count")
    arrays = dict(zip(names, map(np.stack, zip(*rows, strict=True)), strict=True))
    np.savez_compressed(DATA / "weights" / "facets.npz", **arrays)
    print(
        f"facets: {len(rows)} groups of {min(arrays['count'])} to {max(arrays['count'])} pictures"
    )


if __name__ == "__main__":
    main()
