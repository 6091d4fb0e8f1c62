"""Neighbors: which pictures are alike, by their pixels or by what a layer says of them, and flat maps where alike lies near alike.

Everything here takes features, one row of numbers a picture: `feature_cache.layer_features` makes them, and pixels are features too.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

DIRECTIONS = 50  # of the features, that t-SNE looks at: the rest is next to nothing and costs time


class Neighbors(NamedTuple):
    """The nearest of a bank, nearest first: their indices and distances, (count,) for one query or (Q, count) for several."""

    indices: np.ndarray
    distances: np.ndarray


def nearest(query, bank, *, count=5, without=None):
    """argmin_j ‖φ(I) − φ(I_j)‖: the `count` nearest of a bank, by the L2 distance to every one of them.

    bank: (N, ...) numbers, one row or picture each. query: one such row, or several (Q, ...). without: the index in the bank that may not
    answer, such as the query's own; one for each query. Returns Neighbors(indices, distances), distances in units of the features.
    Raises ValueError for shapes that do not match and for more neighbors than there are.
    """
    bank, query = _finite(bank, what="bank"), _finite(query, what="query")
    if bank.ndim < 2 or query.shape not in (bank.shape[1:], (len(query), *bank.shape[1:])):
        raise ValueError(
            f"The bank has the shape {bank.shape}, the query {query.shape}; a query is one row of the bank, or several."
        )
    if without is not None and np.shape(without) not in (
        (),
        query.shape[: query.ndim - bank.ndim + 1],
    ):
        raise ValueError(
            f"without has the shape {np.shape(without)}; it is one index, or one for each of the {len(query)} queries."
        )
    extra = 0 if without is None else 1
    if not 1 <= count <= len(bank) - extra:
        raise ValueError(
            f"count is {count}; this bank has 1 to {len(bank) - extra} neighbors to give."
        )
    search = NearestNeighbors(n_neighbors=count + extra, algorithm="brute").fit(
        bank.reshape(len(bank), -1)
    )
    distances, indices = search.kneighbors(query.reshape(-1, bank[0].size))
    if extra:
        allowed = indices != np.broadcast_to(without, len(indices))[:, None]
        allowed[allowed.all(axis=1), -1] = (
            False  # where it was not among them, the last one is too many
        )
        indices, distances = (
            indices[allowed].reshape(-1, count),
            distances[allowed].reshape(-1, count),
        )
    return (
        Neighbors(indices[0], distances[0])
        if query.ndim < bank.ndim
        else Neighbors(indices, distances)
    )


def precision_at_k(found_labels, labels):
    """The share of neighbors that have their query's label, in 0..1. found_labels: (Q, count); labels: (Q,), those of the queries.

    Raises ValueError when there is not one label for each query.
    """
    found_labels, labels = np.asarray(found_labels), np.asarray(labels)
    if found_labels.ndim != 2 or labels.shape != found_labels.shape[:1]:
        raise ValueError(
            f"The labels found have the shape {found_labels.shape}, those asked {labels.shape}; give (Q, count) and (Q,)."
        )
    return float(np.mean(found_labels == labels[:, None]))


def pca_map(features):
    """((φ − mean) · v₁, (φ − mean) · v₂), v₁ and v₂ the directions in which the features spread most.

    features: (N, ...) numbers, N at least 3. Returns (N, 2) float32 in units of the features, the widest direction first.
    Source: Pearson, On lines and planes of closest fit to systems of points in space, 1901.
    """
    return PCA(2, random_state=0).fit_transform(_rows(features)).astype(np.float32)


def tsne_map(features, *, perplexity=30, seed=0, start=None, steps=500):
    """min over y of KL(P ‖ Q): points y in the plane among whom each has the neighbors Q that its features have, P.

    features: (N, ...) numbers. perplexity: how many neighbors count for each, from 2 to less than N. start: points (N, 2) to begin with,
    by default random ones drawn with `seed`. steps: of gradient descent, 250 at least. Returns (N, 2) float32 without units: who is near
    whom can be read off; sizes of clusters and gaps between them cannot. The same seed gives the same map.
    Source: van der Maaten and Hinton, Visualizing data using t-SNE, 2008; van der Maaten, Accelerating t-SNE, 2014.
    """
    rows = _rows(features)
    if not 2 <= perplexity < len(rows):
        raise ValueError(
            f"The perplexity is {perplexity}; among {len(rows)} pictures it can be from 2 to less than {len(rows)}."
        )
    if np.shape(start) not in ((), (len(rows), 2)) or steps < 250:
        raise ValueError(
            f"start has the shape {np.shape(start)} and steps is {steps}; they are ({len(rows)}, 2), and 250 or more."
        )
    if min(rows.shape) > DIRECTIONS:
        rows = PCA(DIRECTIONS, random_state=0).fit_transform(rows)
    start = (
        np.random.default_rng(seed).standard_normal((len(rows), 2))
        if start is None
        else np.asarray(start)
    )
    small = np.float32(1e-4 * start / start.std())
    with threadpool_limits(
        1 if len(rows) < 4000 else None, user_api="openmp"
    ):  # in a small map threads wait more than they work
        return TSNE(
            2, perplexity=perplexity, init=small, max_iter=steps, random_state=seed
        ).fit_transform(rows)


def assign_to_grid(points, *, columns=None):
    """min over assignments of Σ ‖point − cell‖²: every point gets a cell of a grid of its own, as near as can be.

    points: (N, 2), of a map. columns: of the grid, by default as many as rows. Returns (N, 2) whole numbers, row and column from the top
    left; no two are the same. Raises ValueError for points that are none.
    Source: Jonker and Volgenant, A shortest augmenting path algorithm for dense and sparse linear assignment problems, 1987.
    """
    points = _finite(points, what="map")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"A map is an array (N, 2), a point for each picture; this one has the shape {points.shape}."
        )
    columns = columns or int(np.ceil(np.sqrt(len(points))))
    rows = -(-len(points) // columns)
    cells = np.stack(np.indices((rows, columns)), axis=-1).reshape(-1, 2)
    spread = (points - points.min(axis=0)) / np.maximum(np.ptp(points, axis=0), 1e-12)
    wanted = np.stack([(1 - spread[:, 1]) * (rows - 1), spread[:, 0] * (columns - 1)], axis=1)
    return cells[linear_sum_assignment(cdist(wanted, cells, "sqeuclidean"))[1]]


def _rows(features):
    features = _finite(features, what="features")
    if features.ndim < 2 or len(features) < 3:
        raise ValueError(
            f"A map needs the features (N, units) of at least 3 pictures; these have the shape {features.shape}."
        )
    return features.reshape(len(features), -1)


def _finite(numbers, *, what):
    try:
        numbers = np.asarray(numbers, np.float32)
    except (TypeError, ValueError):
        raise ValueError(
            f"The {what} is no array of numbers; give one row of the same length for each picture."
        ) from None
    if not numbers.size or not np.isfinite(numbers).all():
        raise ValueError(
            f"The {what} holds no numbers, or some that are not finite (NaN or infinite)."
        )
    return numbers
