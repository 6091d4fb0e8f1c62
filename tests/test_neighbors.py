"""Neighbors and maps: an image is nearest to itself, blobs stay apart, grids keep their order."""

import numpy as np
import pytest
from leaving import left_after
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors
from small_nets import normal, random

from lecture_lib.neighbors import (
    assign_to_grid,
    nearest_neighbors,
    pca_map,
    precision_at_k,
    tsne_map,
)
from lecture_lib.panels import image_map

BANK = normal(60, 7)
BLOBS = np.concatenate([normal(40, 8), normal(40, 8, seed=1) + 12])
SIDES = np.repeat([0, 1], 40)


# Neighbors


def test_an_image_is_its_own_nearest_neighbor():
    images = random(20, 6, 5, 3)
    found = nearest_neighbors(images, images, count=1)
    np.testing.assert_array_equal(found.indices[:, 0], range(20))
    np.testing.assert_allclose(found.distances, 0, atol=1e-3)


def test_neighbors_are_those_of_all_distances_sorted():
    queries = normal(9, 7, seed=2)
    distances = np.sqrt(np.square(queries[:, None] - BANK[None]).sum(axis=-1))
    found = nearest_neighbors(queries, BANK, count=4)
    np.testing.assert_array_equal(found.indices, np.argsort(distances, axis=1)[:, :4])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :4], rtol=1e-4)


def test_neighbors_agree_with_a_tree_search():
    distances, indices = (
        NearestNeighbors(n_neighbors=5, algorithm="kd_tree").fit(BANK).kneighbors(BANK)
    )
    found = nearest_neighbors(BANK, BANK)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, atol=1e-3)


def test_a_batch_of_queries_is_one_after_another():
    together = nearest_neighbors(BANK[:5], BANK, count=3, exclude=np.arange(5))
    for number in range(5):
        alone = nearest_neighbors(BANK[number], BANK, count=3, exclude=number)
        assert alone.indices.shape == (3,)
        np.testing.assert_array_equal(alone.indices, together.indices[number])
        np.testing.assert_allclose(alone.distances, together.distances[number], rtol=1e-5)


def test_the_one_left_out_does_not_answer_even_among_copies():
    copies = np.repeat(
        BANK[:3], 4, axis=0
    )  # each picture four times: which copy comes first is nobody's business
    found = nearest_neighbors(copies, copies, count=3, exclude=np.arange(12)).indices
    assert not (found == np.arange(12)[:, None]).any()
    np.testing.assert_array_equal(found // 4, np.arange(12)[:, None] // 4 * np.ones((1, 3)))
    far = nearest_neighbors(
        BANK, BANK, count=2, exclude=np.full(60, 7)
    ).indices  # one that is not near most of them
    assert 7 not in far and far.shape == (60, 2)


def test_large_numbers_with_small_differences_are_told_apart():
    bank = 1000 + np.float32([[0.0], [0.25], [0.5], [1.0]])
    np.testing.assert_array_equal(nearest_neighbors(bank[1], bank, count=4).indices[0], 1)
    np.testing.assert_allclose(
        nearest_neighbors(bank[0], bank, count=4).distances, [0, 0.25, 0.5, 1.0], atol=1e-3
    )


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: nearest_neighbors(BANK[0, :3], BANK), "a query is one row of the bank"),
        (lambda: nearest_neighbors(BANK[0], BANK[0]), "a query is one row of the bank"),
        (lambda: nearest_neighbors(BANK[0], BANK, count=0), "1 to 60 neighbors"),
        (lambda: nearest_neighbors(BANK[0], BANK, count=60, exclude=0), "1 to 59 neighbors"),
        (
            lambda: nearest_neighbors(BANK[:5], BANK, exclude=np.arange(4)),
            "one for each of the 5 queries",
        ),
        (lambda: nearest_neighbors(BANK[0] * np.nan, BANK), "not finite"),
        (lambda: nearest_neighbors(BANK[0], np.empty((0, 7))), "holds no numbers"),
        (lambda: nearest_neighbors(["a"], BANK), "no array of numbers"),
        (lambda: nearest_neighbors([[1.0], [1.0, 2.0]], BANK), "no array of numbers"),
        (lambda: precision_at_k([1, 2], [1, 2]), r"\(Q, count\)"),
        (lambda: precision_at_k([[1], [2]], [1]), r"\(Q, count\)"),
    ],
)
def test_questions_that_have_no_answer_give_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


def test_the_share_of_right_neighbors_is_counted():
    assert precision_at_k([[1, 1, 0, 1], [2, 0, 0, 0]], [1, 2]) == pytest.approx(4 / 8)
    assert precision_at_k([[3]], [3]) == 1.0


# Maps


def test_pca_is_the_one_of_scikit_learn_and_of_the_eigenvectors():
    features = BANK * np.arange(1, 8)
    theirs, ours = PCA(2, svd_solver="full").fit_transform(features), pca_map(features)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-4, atol=1e-4)
    centered = features - features.mean(axis=0)
    by_hand = centered @ np.linalg.eigh(centered.T @ centered)[1][:, :-3:-1]
    np.testing.assert_allclose(np.abs(ours), np.abs(by_hand), rtol=1e-3, atol=1e-3)


def test_pca_of_a_single_feature_is_a_line():
    feature = np.float32([[3], [1], [2], [6]])
    found = pca_map(feature)
    np.testing.assert_allclose(np.abs(found[:, 0]), np.abs(feature[:, 0] - 3), atol=1e-6)
    np.testing.assert_array_equal(found[:, 1], 0)


def test_pca_of_points_in_a_plane_keeps_every_distance():
    flat = normal(30, 2) @ np.linalg.qr(normal(9, 2, seed=3))[0].T
    np.testing.assert_allclose(cdist(pca_map(flat), pca_map(flat)), cdist(flat, flat), atol=1e-4)


@pytest.mark.parametrize("make", [pca_map, lambda features: tsne_map(features, perplexity=15)])
def test_two_blobs_stay_apart(make):
    points = make(BLOBS)
    middles = np.stack([points[SIDES == side].mean(axis=0) for side in (0, 1)])
    radii = [np.linalg.norm(points[SIDES == side] - middles[side], axis=1).max() for side in (0, 1)]
    assert points.shape == (80, 2) and points.dtype == np.float32
    assert np.linalg.norm(middles[0] - middles[1]) > max(radii)
    found = nearest_neighbors(points, points, exclude=np.arange(80)).indices
    assert precision_at_k(SIDES[found], SIDES) == 1.0


def test_tsne_keeps_neighborhoods_and_repeats_itself():
    features = normal(90, 2) @ normal(
        2, 60, seed=1
    )  # a sheet in sixty dimensions, so that PCA comes first
    one, same, other = (tsne_map(features, perplexity=10, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    assert min(trustworthiness(features, points, n_neighbors=8) for points in (one, other)) > 0.8


def test_tsne_is_watched_step_by_step_and_the_map_is_that_of_scikit_learn():
    start = np.random.default_rng(0).standard_normal((len(BLOBS), 2))
    small = np.float32(1e-4 * start / np.std(start))
    options = {"perplexity": 10, "max_iter": 260, "random_state": 0}
    theirs = TSNE(2, init=small, **options).fit_transform(BLOBS)
    seen = []
    ours = tsne_map(
        BLOBS, perplexity=10, steps=260, start=start, watch=lambda *told: seen.append(told)
    )
    assert type(ours) is np.ndarray
    np.testing.assert_array_equal(ours, theirs)
    assert [(step, steps) for step, steps, _ in seen] == [(n, 260) for n in range(1, 261)]
    np.testing.assert_array_equal(seen[-1][2], theirs)
    assert seen[0][2].std() < seen[-1][2].std()


def test_tsne_ends_where_its_watch_says_so():
    first = []
    reached = tsne_map(BLOBS, perplexity=10, watch=lambda step, *rest: first.append(step) or True)
    assert first == [1] and reached.shape == (len(BLOBS), 2)


def test_a_map_that_nobody_waits_for_is_left_between_two_steps():
    with left_after(3) as told:
        tsne_map(BLOBS, perplexity=10)
    assert told == [(1, 500), (2, 500), (3, 500)]


def test_tsne_goes_on_from_where_it_is_told_to_begin():
    start = np.linspace(-1, 1, 80)[:, None] * [1, 0] + 0.01 * normal(80, 2)
    np.testing.assert_array_equal(
        tsne_map(BLOBS, start=start), tsne_map(BLOBS, start=7 * start)
    )  # only its shape counts
    kept = tsne_map(BLOBS, start=start)
    assert (kept[SIDES == 0, 0].mean() < 0) and (kept[SIDES == 1, 0].mean() > 0)


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: pca_map(BANK[:2]), "at least 3 pictures"),
        (lambda: pca_map(BANK[0]), "at least 3 pictures"),
        (lambda: tsne_map(BANK, perplexity=60), "from 2 to less than 60"),
        (lambda: tsne_map(BANK, perplexity=1), "from 2 to less than 60"),
        (lambda: tsne_map(BANK, steps=10), "250 or more"),
        (lambda: tsne_map(BANK, start=BANK), r"\(60, 2\)"),
        (lambda: tsne_map(BANK, start=np.zeros((60, 2))), "finite points that differ"),
        (lambda: tsne_map(BANK, start=np.full((60, 2), np.nan)), "finite points that differ"),
        (lambda: tsne_map(BANK, start=pca_map(np.ones((60, 7)))), "finite points that differ"),
        (lambda: tsne_map(BANK * np.inf), "not finite"),
        (lambda: assign_to_grid(BANK), r"\(N, 2\)"),
    ],
)
def test_maps_of_nothing_give_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


# Grids


@pytest.mark.parametrize("count, columns", [(1, None), (7, None), (36, None), (50, 5), (50, 60)])
def test_every_point_gets_a_cell_of_its_own(count, columns):
    cells = assign_to_grid(normal(count, 2), columns=columns)
    width = columns or int(np.ceil(np.sqrt(count)))
    assert len({tuple(cell) for cell in cells.tolist()}) == count
    assert cells.min() >= 0 and cells[:, 1].max() < width and cells[:, 0].max() < -(-count // width)


def test_points_on_a_grid_stay_where_they_are():
    rows, columns = np.divmod(np.random.default_rng(0).permutation(30), 6)
    points = np.stack([columns * 2.0, -rows * 3.0], axis=1)  # y upwards, rows downwards
    np.testing.assert_array_equal(
        assign_to_grid(points, columns=6), np.stack([rows, columns], axis=1)
    )


def test_no_exchange_of_two_cells_brings_all_points_nearer():
    points = random(25, 2)
    cells = assign_to_grid(points).astype(float)
    spread = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    wanted = 4 * np.stack([1 - spread[:, 1], spread[:, 0]], axis=1)
    cost = np.square(wanted[:, None] - cells[None]).sum(axis=-1)
    now, exchanged = cost.diagonal()[:, None] + cost.diagonal(), cost + cost.T
    assert (exchanged >= now - 1e-9).all()


# Pictures on a map


def test_each_picture_lies_at_its_point():
    pictures = np.stack([np.full((4, 4, 3), shade, np.float32) for shade in (0.0, 0.2, 0.4)])
    canvas = image_map.pictures_at([[0, 0], [10, 10], [0, 5]], pictures, size=4, width=44)
    np.testing.assert_allclose(canvas[40:44, 0:4], 0.0)  # (0, 0) is below on the left
    np.testing.assert_allclose(canvas[0:4, 40:44], 0.2, atol=1 / 255)
    np.testing.assert_allclose(canvas[20:24, 0:4], 0.4, atol=1 / 255)
    assert np.sum(canvas[..., 0] < 1) == 3 * 16


def test_a_map_keeps_its_shape_and_ink_shows_through():
    wide = image_map.pictures_at(
        [[0, 0], [10, 1]], np.zeros((2, 2, 2, 3), np.float32), size=2, width=22
    )
    rows, columns = np.nonzero(wide[..., 0] == 0)
    assert np.ptp(columns) == 21 and np.ptp(rows) == 3
    shades = np.stack([np.full((4, 4, 3), shade, np.float32) for shade in (0.0, 1.0)])
    assert image_map.pictures_at([[0, 0], [0, 0]], shades, size=4, width=4).max() == 0


def test_each_picture_lies_in_its_cell():
    pictures = np.stack([np.full((3, 3, 3), shade, np.float32) for shade in (0.0, 0.2, 0.4)])
    sheet = image_map.pictures_on_grid(np.array([[0, 1], [1, 0], [1, 1]]), pictures, size=3)
    assert sheet.shape == (6, 6, 3)
    np.testing.assert_allclose(sheet[::3, ::3, 0], [[1, 0], [0.2, 0.4]], atol=1 / 255)


def test_names_are_written_and_frames_and_inks_have_the_color_of_the_class():
    pictures, labels = np.ones((3, 8, 8, 3), np.float32), np.array([0, 1, 11])
    bare = image_map.pictures_at(normal(3, 2), pictures, width=300)
    assert (
        bare.min() == 1
        and image_map.pictures_at(
            normal(3, 2), pictures, width=300, labels=[0, 0, 1], names=["a", "b"]
        ).min()
        < 0.5
    )
    frames = image_map.framed(pictures, labels, width=2)
    assert frames.shape == (3, 12, 12, 3)
    np.testing.assert_array_equal(frames[:, 0, 5], image_map.colors_of(labels))
    np.testing.assert_array_equal(frames[:, 2:-2, 2:-2], pictures)
    np.testing.assert_array_equal(image_map.colors_of([1]), image_map.colors_of([11]))
    ink = image_map.tinted(
        np.stack([np.zeros((2, 2, 1)), np.ones((2, 2, 1))]).astype(np.float32), [3, 3]
    )
    np.testing.assert_allclose(ink[0], 1)
    np.testing.assert_allclose(ink[1, 0, 0], image_map.colors_of(3), rtol=1e-6)


@pytest.mark.parametrize("draw", [image_map.pictures_at, image_map.pictures_on_grid])
def test_pictures_without_points_give_a_sentence(draw):
    for points in (np.zeros((2, 2)), np.zeros((3, 3)), np.full((3, 2), np.nan)):
        with pytest.raises(ValueError, match="one point for each picture"):
            draw(points, random(3, 4, 4, 3))


def test_pointing_at_a_dot_shows_its_picture():
    points, labels = normal(5, 2), np.array([0, 1, 0, 12, 1])

    def show(number):
        return np.full((8, 8, 3), number / 10, np.float32), f"number {number}"

    panel = image_map.explore_map_panel(
        points, show, labels=labels, names=[f"kind {n}" for n in range(13)], alt="a gray square"
    )
    (figure,) = panel.above.children
    assert [trace.name for trace in figure.data] == ["kind 0", "kind 1", "kind 12"]
    np.testing.assert_allclose(
        np.stack([figure.data[1].x, figure.data[1].y], axis=1), points[[1, 4]]
    )
    for event in ("_dispatch_on_hover", "_dispatch_on_click"):
        slider = panel.controls["number"].sources[0]
        slider.value = 0
        getattr(figure.data[1], event)(_at(1), None)
        assert slider.value == 4


def _at(place):
    from plotly.callbacks import Points

    return Points(point_inds=[place])


@pytest.mark.parametrize("wrong", [-1, 5, [0, 1, -1]])
def test_only_rows_of_the_bank_can_be_excluded(wrong):
    bank = normal(5, 3)
    with pytest.raises(ValueError, match="numbered from 0 to 4"):
        nearest_neighbors(bank[: np.size(wrong)], bank, count=2, exclude=np.array(wrong))
