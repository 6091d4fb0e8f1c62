"""The benchmarks: their harness with clocks wound by hand, translated nets, maps that agree."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
from course_files import ROOT
from small_nets import linear_net, normal, random, random_tinynet, small_net

sys.path += [str(ROOT / "benchmarks"), str(ROOT / "benchmarks" / "peers")]

import copied
import report
import side_by_side
from report import BARE, COPIED, OURS, PEER, TORCH, Fresh, Row
from side_by_side import Contender, Work, compare, measure, race

from lecture_lib.core.scores import class_score
from lecture_lib.grad_cam import grad_cam_map
from lecture_lib.guided_backprop import guided_map
from lecture_lib.models.backend import keras
from lecture_lib.models.zoo import load_model
from lecture_lib.occlusion.occlusion import occlusion_map
from lecture_lib.saliency import integrated_gradients_map, saliency_map, smoothgrad_map


def test_no_benchmark_hides_a_module_of_the_tests():
    """benchmarks/camera.py uses both; what lies beside a program is found first."""
    names = {path.name for path in (ROOT / "tests").glob("*.py")}
    assert names & {path.name for path in (ROOT / "benchmarks").glob("*.py")} == set()


class Clock:
    """A clock that only work moves on: `work(3, 4)` takes 3 at first, then 4, then 3 again."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def __call__(self):
        return self.now

    def work(self, *costs, answer=None, name=""):
        turns = iter(costs * 100)

        def run():
            self.order.append(name)
            self.now += next(turns)
            return answer

        return run


def rows_of(*contenders, rounds=3, clock=None):
    work = Work("a work", ("a net",), lambda net: list(contenders))
    return {row.who: row for row in measure(work, "a net", rounds=rounds, clock=clock or Clock())}


def test_contenders_take_turns_and_each_begins_once():
    clock = Clock()
    turns = race(
        [Contender(name, clock.work(1, name=name)) for name in "abc"], rounds=3, clock=clock, rest=0
    )
    assert "".join(clock.order) == "abcbcacab"
    assert {who: list(seconds[:, 0]) for who, seconds in turns.items()} == dict.fromkeys(
        "abc", [1, 1, 1]
    )


def test_a_part_of_the_work_counts_as_often_as_it_should():
    clock = Clock()
    turns = race(
        [Contender("a row of thirteen", clock.work(2), times=13)], rounds=2, clock=clock, rest=0
    )
    assert list(turns["a row of thirteen"][:, 0]) == [26, 26]


def test_ratios_are_those_of_one_round_and_the_first_call_is_apart():
    clock = Clock()  # the first cost is that of the call before the rounds
    rows = rows_of(
        Contender("ours", clock.work(100, 1, 2, 4), OURS),
        Contender("bare", clock.work(100, 1, 1, 1), BARE),
        Contender("peer", clock.work(0, 3, 4, 4), PEER),
        clock=clock,
    )
    assert rows["peer"][5:6] + rows["peer"][7:13] == (
        4,
        2,
        1,
        3,
        4,
        3,
        4,
    )  # median seconds; 3/1, 4/2, 4/4 of ours; 3, 4, 4 of bare
    assert rows["ours"][7:13] == (1, 1, 1, 2, 1, 4)


def test_without_bare_passes_there_is_no_ratio_to_them():
    rows = rows_of(
        Contender("ours", lambda: 1, OURS),
        Contender("peer", lambda: 1),
        clock=iter(range(100)).__next__,
    )
    assert rows["peer"].ours == 1 and np.isnan(rows["peer"].bare)


def test_who_should_answer_as_we_do_is_held_to_it():
    mine = np.array([1.0, 2, 4])
    near = np.array([1.0, 2, 4.004])
    far = np.array([1.0, 2, 5])
    ours = Contender("ours", lambda: mine, OURS)
    same = rows_of(
        ours, Contender("peer", lambda: near, tolerance=0.002), clock=iter(range(100)).__next__
    )["peer"]
    assert same.difference == pytest.approx(0.001) and same.correlation > 0.999
    for wrong, away in ((far, "0.25"), (far[:2], "nan")):
        with pytest.raises(
            AssertionError,
            match=f"a work by peer on a net: {away} away, which should be 0.01 at most",
        ):
            rows_of(
                ours,
                Contender("peer", lambda wrong=wrong: wrong, tolerance=0.01),
                clock=iter(range(100)).__next__,
            )


def test_who_does_not_run_has_a_row_that_says_why_and_takes_no_turns():
    clock = Clock()
    rows = rows_of(
        Contender("ours", clock.work(1), OURS),
        Contender("peer", lambda: [][0], tolerance=0.01),
        clock=clock,
    )
    assert rows["peer"].note == "does not run: IndexError: list index out of range" and np.isnan(
        rows["peer"].seconds
    )
    with pytest.raises(IndexError):
        rows_of(Contender("ours", lambda: [][0], OURS))


def test_comparing_arrays():
    assert compare([1.0, -2.0], [1.0, -4.0]) == (0.5, 1.0)
    assert compare([2.0, 4.0], [1.0, 2.0])[1] == pytest.approx(1)
    assert np.isnan(compare([1.0], [1.0, 2.0])).all() and np.isnan(compare(None, [1.0])).all()


def test_results_are_kept_by_work_and_net(tmp_path):
    path = tmp_path / "results" / "rows.csv"
    rows = [
        Fresh("net", work, who, 1.0, 20.0)
        for work in ("one", "two")
        for who in ("ours", "peer, the other")
    ]
    report.write(path, rows)
    report.write(path, [Fresh("net", "one", "ours", 3.0, 40.0)])
    assert report.read(path, Fresh) == [*rows[2:], Fresh("net", "one", "ours", 3.0, 40.0)]
    assert report.read(tmp_path / "none.csv", Row) == []


def test_the_picture_has_a_mark_at_each_ratio_and_a_line_as_long_as_its_range():
    def row(net, *ours):
        return Row(net, "maps", "a loop", COPIED, 7, 1.0, 1.0, *ours, 1.0, 1.0, 1.0, 0.0, 1.0, "")

    figure = report.draw([row("small", 5.0, 4.0, 6.0), row("large", 3.0, 2.5, 3.5)])
    assert [axes.get_title() for axes in figure.axes] == ["small", "large"]
    for axes, (ours, low, high) in zip(
        figure.axes, [(5.0, 4.0, 6.0), (3.0, 2.5, 3.5)], strict=True
    ):
        (drawn,) = [container for container in axes.containers if container.get_label() == COPIED]
        mark, _, (line,) = drawn
        assert mark.get_xdata() == [ours]
        np.testing.assert_allclose(line.get_segments()[0][:, 0], [low, high])
        assert axes.get_xscale() == "log"


def test_memory_is_what_the_work_needs_beyond_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "wasteful.py").write_text(
        "import numpy as np\nfrom side_by_side import Contender, Work\nkept = np.ones(10**7)\n"
        "ours = Contender('ours', lambda: np.ones(2 * 10**7).sum())\n"
        "WORKS = [Work('a work', ('net',), lambda net: [ours])]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = side_by_side.in_fresh_processes("wasteful", 0, "net")
    assert (
        found[:3] == ("net", "a work", "ours") and 155 <= found.memory <= 200
    )  # 160 MB of numbers; not the 80 that were there


# The same net on both sides


def net_of_all_kinds():
    """Every kind of layer that is translated, with odd sides, strides and paddings."""
    layers = keras.layers
    images = keras.Input((23, 18, 3), name="image")
    x = layers.Rescaling([2.0, 1.0, 0.5], offset=[-1.0, 0.0, 0.2])(images)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU(max_value=6)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)(
        layers.ZeroPadding2D(((0, 1), (2, 1)))(x)
    )
    x = layers.BatchNormalization(scale=False)(x)
    left = layers.Conv2D(6, (1, 3), padding="same", dilation_rate=2, activation="relu")(x)
    right = layers.Activation("relu")(layers.Conv2D(6, 3, padding="same", groups=2)(x))
    x = layers.Concatenate()(
        [layers.Add()([left, right]), layers.MaxPooling2D(3, strides=1, padding="same")(left)]
    )
    x = layers.Flatten()(layers.AveragePooling2D(2)(layers.Dropout(0.5)(x)))
    model = keras.Model(images, layers.Dense(4)(layers.Dense(7, activation="relu")(x)))
    for number, weight in enumerate(model.weights):
        weight.assign(
            np.abs(normal(*weight.shape, seed=number))
            if "variance" in weight.path
            else 0.4 * normal(*weight.shape, seed=number)
        )
    return model


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize(
    "make, shape", [(net_of_all_kinds, (23, 18)), (random_tinynet, (67, 48)), (small_net, (12, 9))]
)
def test_a_net_translated_to_pytorch_gives_the_same_scores_and_gradients(make, shape):
    import torch
    from keras_to_torch import torch_net

    from lecture_lib.core.gradients import gradient

    model = make()
    images = random(3, *shape, 3, seed=1)
    given = torch.tensor(images.transpose(0, 3, 1, 2).copy()).requires_grad_()
    scores = torch_net(model)(given)
    ours = model(images, training=False).numpy()
    np.testing.assert_allclose(scores.detach().numpy(), ours, atol=1e-4 * np.abs(ours).max())
    scores[:, 1].sum().backward()
    gradients = gradient(class_score(model, 1), images)
    np.testing.assert_allclose(
        given.grad.numpy().transpose(0, 2, 3, 1), gradients, atol=1e-4 * np.abs(gradients).max()
    )


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_a_layer_without_counterpart_is_named():
    from keras_to_torch import torch_net

    images = keras.Input((8, 8, 3))
    with pytest.raises(
        ValueError, match="The layer 'curved' is a UpSampling2D, which is not translated"
    ):
        torch_net(keras.Model(images, keras.layers.UpSampling2D(name="curved")(images)))
    with pytest.raises(ValueError, match="The layer 'curved' ends in tanh"):
        torch_net(
            keras.Model(images, keras.layers.Conv2D(3, 3, activation="tanh", name="curved")(images))
        )


# The same maps


def assert_close(theirs, ours):
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5 * np.abs(ours).max())


NET = small_net()
IMAGE = random(12, 9, 3, seed=2)


def test_the_copied_gradient_maps_are_ours():
    ours = smoothgrad_map(NET, IMAGE, 1, samples=5, seed=3)
    assert_close(copied.smoothgrad(NET, IMAGE, 1, samples=5, seed=3), ours)
    ours = integrated_gradients_map(NET, IMAGE, 1, steps=1)  # more points would lie elsewhere
    assert_close(copied.integrated_gradients(NET, IMAGE, 1, steps=1), ours)
    ours = grad_cam_map(NET, IMAGE, 1, layer="conv1")
    assert_close(copied.grad_cam(NET, IMAGE, 1, layer="conv1"), ours)


def test_the_copied_occlusion_is_ours():
    apart = occlusion_map(NET, IMAGE, 1, patch=3, stride=3, score=class_score)
    assert_close(copied.occlusion(NET, IMAGE, 1, patch=3, stride=3), apart[::3, ::3])
    assert_close(copied.occlusion(NET, IMAGE, 1, patch=3, stride=3, rows=2), apart[:6:3, ::3])


def test_the_copied_guided_backprop_is_ours_but_for_a_relu_that_is_a_layer():
    # ReLU stands as an activation in conv1, as a layer of its own after conv2.
    conv1_alone = copied.guided_model(NET)
    assert not np.allclose(copied.saliency(conv1_alone, IMAGE, 1), guided_map(NET, IMAGE, 1))
    linear = linear_net(normal(12, 9, 3, 2))
    ours = saliency_map(linear, IMAGE, 1)  # without a ReLU no rule changes anything
    assert_close(copied.saliency(copied.guided_model(linear), IMAGE, 1), ours)
    activations = load_model("mnist_cnn")
    digit = random(28, 28, 1)
    ours = guided_map(activations, digit, 1)
    assert_close(copied.saliency(copied.guided_model(activations), digit, 1), ours)


@pytest.mark.parametrize(
    "work",
    ["occlusion", "saliency", "SmoothGrad", "integrated gradients", "Grad-CAM", "guided backprop"],
)
def test_maps_of_peers_are_ours_where_they_should_be(work, monkeypatch):
    """Whoever is installed, on a small untrained net at 224 pixels; ratios are not looked at."""
    pytest.importorskip(
        "captum", reason="the peers are not installed: pip install -r benchmarks/peers/peers.txt"
    )
    import peers_maps
    import torch

    torch.set_num_threads(1)  # several wait for one another busily where others compute too
    monkeypatch.setitem(peers_maps.COUNTS, "tinynet", (8, 8))
    (asked,) = [each for each in peers_maps.WORKS if each.name == work]
    rows = measure(asked, "tinynet", rounds=1)
    assert [row for row in rows if row.note.startswith("does not run")] == []
    assert {row.who for row in rows if row.kind == PEER or row.kind == TORCH}
    held = {
        contender.who
        for contender in asked.contenders("tinynet")
        if contender.tolerance is not None
    }
    assert {row.who for row in rows if row.difference <= 0.01 and row.correlation > 0.9999} >= held
