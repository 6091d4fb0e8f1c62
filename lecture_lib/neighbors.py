"""Neighbors: which images are alike, by their pixels or by their features, and maps of many images.

Everything here takes features, one row of numbers for each image: `layer_features` makes them, and
pixels are features, too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from lecture_lib.models.parts import between_parts
from lecture_lib.models.remarks import say_interrupted

DIRECTIONS = 50  # of the features, that t-SNE looks at: the rest is next to nothing and costs time
ONE_THREAD_BELOW = 4000  # points: in a smaller map the threads of t-SNE wait more than they work

Points = Float[np.ndarray, "points 2"]


class Neighbors(NamedTuple):
    """The nearest rows of a bank, nearest first.

    Attributes:
        indices: (count,) for one query, (Q, count) for several.
        distances: the same shape, in units of the features.
    """

    indices: np.ndarray
    distances: np.ndarray


def nearest_neighbors(
    query: np.ndarray,
    bank: np.ndarray,
    *,
    count: int = 5,
    exclude: int | np.ndarray | None = None,
) -> Neighbors:
    """Find the rows of a bank that are nearest to a query, by L2 distance to every one of them.

    argmin_j ‖φ(I) − φ(I_j)‖

    Args:
        query: one row of numbers shaped like those of the bank, or several (Q, ...).
        bank: (N, ...) numbers, one row or image each.
        count: how many neighbors.
        exclude: the index in the bank, from 0, that may not be found, such as the query's own; one
            for all queries, or one for each.

    Raises:
        ValueError: for shapes that do not match, for more neighbors than there are, and for an
            index that is none of the bank's.
    """
    bank = _finite(bank, what="bank")
    query = _finite(query, what="query")
    excluded = 0 if exclude is None else 1
    _check_query(query, bank)
    _check_exclude(exclude, query, bank)
    _check_count(count, len(bank) - excluded)
    # One more than asked for, as the excluded one may be among them.
    search = NearestNeighbors(n_neighbors=count + excluded, algorithm="brute")
    search.fit(bank.reshape(len(bank), -1))
    distances, indices = search.kneighbors(query.reshape(-1, bank[0].size))
    if excluded:
        allowed = _allowed(indices, exclude)
        indices = indices[allowed].reshape(-1, count)
        distances = distances[allowed].reshape(-1, count)
    if query.ndim < bank.ndim:
        return Neighbors(indices[0], distances[0])
    return Neighbors(indices, distances)


def _allowed(indices: np.ndarray, exclude: int | np.ndarray) -> np.ndarray:
    """Which of the neighbors (Q, count + 1) stay, one less in each row."""
    allowed = indices != np.broadcast_to(exclude, len(indices))[:, None]
    # Where the excluded one was not among them, the last one is too many.
    allowed[allowed.all(axis=1), -1] = False
    return allowed


def _check_query(query: np.ndarray, bank: np.ndarray) -> None:
    if bank.ndim < 2 or query.shape not in (bank.shape[1:], (len(query), *bank.shape[1:])):
        raise ValueError(
            f"The bank has the shape {bank.shape}, the query {query.shape}; a query is one row of "
            "the bank, or several."
        )


def _check_exclude(exclude: int | np.ndarray | None, query: np.ndarray, bank: np.ndarray) -> None:
    one_for_each = query.shape[: query.ndim - bank.ndim + 1]
    if exclude is not None and np.shape(exclude) not in ((), one_for_each):
        raise ValueError(
            f"exclude has the shape {np.shape(exclude)}; it is one index, or one for each of the "
            f"{len(query)} queries."
        )
    excluded = np.asarray([] if exclude is None else exclude)
    if excluded.size and not ((excluded >= 0) & (excluded < len(bank))).all():
        raise ValueError(
            f"exclude is {exclude}; the rows of this bank are numbered from 0 to {len(bank) - 1}."
        )


def _check_count(count: int, available: int) -> None:
    if not 1 <= count <= available:
        raise ValueError(f"count is {count}; this bank has 1 to {available} neighbors to give.")


def precision_at_k(
    found_labels: Integer[np.ndarray, "queries k"], labels: Integer[np.ndarray, " queries"]
) -> float:
    """Return the share of neighbors that have their query's label, in 0..1.

    Args:
        found_labels: those of the k neighbors of each query, (Q, k).
        labels: those of the queries, (Q,).

    Raises:
        ValueError: when there is not one label for each query.
    """
    found_labels = np.asarray(found_labels)
    labels = np.asarray(labels)
    if found_labels.ndim != 2 or labels.shape != found_labels.shape[:1]:
        raise ValueError(
            f"The labels found have the shape {found_labels.shape}, those asked {labels.shape}; "
            "give (Q, count) and (Q,)."
        )
    return float(np.mean(found_labels == labels[:, None]))


def pca_map(features: np.ndarray) -> Points:
    """Project features onto the two directions in which they spread most.

    y = ((φ − mean) · v₁, (φ − mean) · v₂)

    Args:
        features: (N, ...) numbers, N at least 3.

    Returns:
        (N, 2) float32 in units of the features, the widest direction first; of a single feature
        the second number is 0.

    Raises:
        ValueError: for features that are none.

    Source:
        Pearson, On lines and planes of closest fit to systems of points in space, 1901.
    """
    rows = _rows(features)
    if rows.shape[1] == 1:
        rows = np.pad(rows, [(0, 0), (0, 1)])
    return PCA(2, random_state=0).fit_transform(rows).astype(np.float32)


def tsne_map(
    features: np.ndarray,
    *,
    perplexity: float = 30,
    seed: int = 0,
    start: Points | None = None,
    steps: int = 500,
    watch: Callable | None = None,
) -> Points:
    """Place points in the plane so that each has the neighbors there that its features have.

    min over y of KL(P ‖ Q), P the neighborhoods among the features and Q those among the points y

    Who is near whom can be read off the map; sizes of clusters and gaps between them cannot.
    Interrupting the kernel returns the points as they are by then, and says so.

    Args:
        features: (N, ...) numbers, N at least 3.
        perplexity: how many neighbors count for each, from 2 to less than N.
        seed: draws the random start; the same seed gives the same map.
        start: points (N, 2) to begin with, instead.
        steps: of gradient descent, 250 or more.
        watch: (step, steps, points), called after each step; returning True ends the descent there.

    Returns:
        (N, 2) float32 without units.

    Raises:
        ValueError: for features that are none, and for options out of range.

    Source:
        van der Maaten and Hinton, Visualizing data using t-SNE, 2008; van der Maaten, Accelerating
        t-SNE using tree-based algorithms, 2014.
    """
    rows = _rows(features)
    _check_options(len(rows), perplexity=perplexity, start=start, steps=steps)
    if min(rows.shape) > DIRECTIONS:
        rows = PCA(DIRECTIONS, random_state=0).fit_transform(rows)
    if start is None:
        start = np.random.default_rng(seed).standard_normal((len(rows), 2))
    small = np.float32(1e-4 * np.asarray(start) / np.std(start)).view(_MovingPoints)
    small.tell = told = _Told(watch, steps)
    tsne = TSNE(2, perplexity=perplexity, init=small, max_iter=steps, random_state=seed)
    return _points_reached(tsne, rows, told)


def _points_reached(tsne: TSNE, rows: np.ndarray, told: "_Told") -> Points:
    """The points at the end of a descent, or where it was ended or interrupted."""
    threads = 1 if len(rows) < ONE_THREAD_BELOW else None
    try:
        with threadpool_limits(threads, user_api="openmp"):
            return np.asarray(tsne.fit_transform(rows))
    except _ToldToStop:
        return told.points
    except KeyboardInterrupt:
        if told.points is None:
            raise
        say_interrupted(f"These are the points after step {told.step} of {told.steps}.")
        return told.points


class _MovingPoints(np.ndarray):
    """Points that tell when they have moved.

    scikit-learn has nothing that watches its descent, but adds each step to these points in place.
    """

    tell: Callable | None = None

    def __array_finalize__(self, other: Any) -> None:
        self.tell = getattr(other, "tell", None)

    def __iadd__(self, step: Any) -> Any:
        moved = super().__iadd__(step)
        if self.tell and np.shape(step) == self.shape:
            self.tell(np.array(moved).reshape(-1, 2))
        return moved


class _ToldToStop(Exception):  # noqa: N818 - nothing went wrong
    """Raised in the middle of a descent whose `watch` said that it shall end."""


class _Told:
    """Hears of each step, keeps its points, and tells who watches."""

    def __init__(self, watch: Callable | None, steps: int) -> None:
        self.watch = watch
        self.steps = steps
        self.step = 0
        self.points: Points | None = None

    def __call__(self, points: Points) -> None:
        self.step += 1
        self.points = points
        if self.watch is not None and self.watch(self.step, self.steps, points):
            raise _ToldToStop
        between_parts(self.step, self.steps)


def _check_options(count: int, *, perplexity: float, start: np.ndarray | None, steps: int) -> None:
    if not 2 <= perplexity < count:
        raise ValueError(
            f"The perplexity is {perplexity}; among {count} pictures it can be from 2 to less than "
            f"{count}."
        )
    if np.shape(start) not in ((), (count, 2)) or steps < 250:
        raise ValueError(
            f"start has the shape {np.shape(start)} and steps is {steps}; they are ({count}, 2), "
            "and 250 or more."
        )
    # Of such points the descent of scikit-learn makes NaN, which ends the whole kernel.
    if start is not None and not (np.isfinite(start).all() and np.std(start) > 0):
        raise ValueError(
            "The points to start from hold a NaN or an infinite number, or are all the same; give "
            "finite points that differ, or none."
        )


def assign_to_grid(
    points: Points, *, columns: int | None = None
) -> Integer[np.ndarray, "points 2"]:
    """Give every point of a map a cell of a grid of its own, as near as can be.

    min over assignments of Σ ‖point − cell‖²

    Args:
        points: (N, 2).
        columns: of the grid, by default as many as rows.

    Returns:
        (N, 2) whole numbers, row and column from the top left; no two are the same.

    Raises:
        ValueError: for points that are none, and less than one column.

    Source:
        Jonker and Volgenant, A shortest augmenting path algorithm for dense and sparse linear
        assignment problems, 1987.
    """
    points = _finite(points, what="map")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            "A map is an array (N, 2), a point for each picture; this one has the shape "
            f"{points.shape}."
        )
    columns = int(np.ceil(np.sqrt(len(points)))) if columns is None else columns
    if columns < 1:
        raise ValueError(f"A grid has 1 or more columns; it was asked for {columns}.")
    rows = -(-len(points) // columns)
    cells = np.stack(np.indices((rows, columns)), axis=-1).reshape(-1, 2)
    # The map stretched over the grid, its second axis pointing down.
    spread = (points - points.min(axis=0)) / np.maximum(np.ptp(points, axis=0), 1e-12)
    wanted = np.stack([(1 - spread[:, 1]) * (rows - 1), spread[:, 0] * (columns - 1)], axis=1)
    costs = cdist(wanted, cells, "sqeuclidean")
    return cells[linear_sum_assignment(costs)[1]]


def _rows(features: np.ndarray) -> np.ndarray:
    features = _finite(features, what="features")
    if features.ndim < 2 or len(features) < 3:
        raise ValueError(
            "A map needs the features (N, units) of at least 3 pictures; these have the shape "
            f"{features.shape}."
        )
    return features.reshape(len(features), -1)


def _finite(numbers: np.ndarray, *, what: str) -> np.ndarray:
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
