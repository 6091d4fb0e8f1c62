"""Make `facets.npz`, the means of groups of a class's images that look alike to `tinynet_robust`.

    python data/recipes/make_facets.py

Each class's 500 training images are put into four groups by their pooled features (k-means), or
into three or two where a group would have fewer than 30 images. Only means are stored: of the
images, and of the features "block4" (Nguyen et al., Multifaceted feature visualization, 2016).
"""

import numpy as np
from export import DATA
from robust_features import training_features
from sklearn.cluster import KMeans
from tiny_imagenet import CLASSES, read

SMALLEST = 30  # images in a group: a mean of so many shows none of them


def groups(pooled, *, seed=0):
    """Return the number of each row's group; the largest group is number 0. pooled: (N, 256)."""
    for count in 4, 3, 2, 1:
        found = KMeans(count, n_init=10, random_state=seed).fit_predict(pooled)
        sizes = np.bincount(found, minlength=count)
        if sizes.min() >= SMALLEST:
            return np.argsort(np.argsort(-sizes))[found]
    raise ValueError(f"{len(pooled)} images are too few for a group of {SMALLEST}.")


def means(images, features, class_index):
    """Yield one row of the file for each group of the images of a class."""
    found = groups(features.astype("float32").mean(axis=(1, 2)))
    for number in range(found.max() + 1):
        group = found == number
        yield {
            "pictures": np.rint(images[group].mean(axis=0)).astype("uint8"),
            "features": features[group].astype("float32").mean(axis=0).astype("float16"),
            "class_index": class_index,
            "count": np.count_nonzero(group),
        }


def main():
    """Group the images of every class and store the means."""
    images, labels, *_ = read()
    features = training_features(images)
    rows = []
    for class_index in range(len(CLASSES)):
        mine = labels == class_index
        rows += means(images[mine], features[mine], class_index)
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    np.savez_compressed(DATA / "weights" / "facets.npz", **arrays)
    sizes = arrays["count"]
    print(f"facets: {len(rows)} groups of {min(sizes)} to {max(sizes)} images")


if __name__ == "__main__":
    main()
