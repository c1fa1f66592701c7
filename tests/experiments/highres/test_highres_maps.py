import numpy as np
import pytest
import torch
from captum.attr import GuidedGradCam, LayerGradientXActivation

from c2f import datasets
from c2f.cam import grad_cam, hires_cam
from c2f.cam.guided import guided_grad_cam
from c2f.cam.highres import class_maps
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import DataSet
from c2f.datasets.scenes import scenes
from c2f.experiments.highres import data as highres_data
from c2f.experiments.highres import decoders
from c2f.experiments.highres import maps_run as measuring
from c2f.experiments.highres.maps import LAYERS, TITLES, all_maps, refine_options, relabelled
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.experiments.highres.resemblance import (
    colour_share,
    correlation,
    mean_between,
    moments,
    other_orders,
    reordered,
)
from c2f.experiments.highres.run import densenet_run
from c2f.experiments.highres.training import fit_dense
from c2f.metrics.localization.objects import find_objects
from c2f.networks.densenet_fcn import build_densenet
from c2f.runs.record import RecordError

SIZE = 32


@pytest.fixture(scope="module")
def made():
    sample = datasets.load("fashion-mnist-sample")
    return DataSet("made", scenes(sample.train, 60, size=SIZE, seed=0), scenes(sample.test, 24, size=SIZE, seed=1))


@pytest.fixture(scope="module")
def full():
    return build_densenet("full", 10, SIZE, 3, "tiny", seed=0).eval()


@pytest.fixture(scope="module")
def x(made):
    return made.test.images.float() / 255


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_correlation_is_numpys_and_a_constant_map_has_none():
    a, b = noise(4, 5, 6), noise(4, 5, 6, seed=1)
    b[3] = 0.1  # the sum of equal floats need not be exact
    found = correlation(a, b)
    for i in range(3):
        assert found[i] == pytest.approx(np.corrcoef(a[i].flatten(), b[i].flatten())[0, 1])
    assert found[3].isnan()
    assert correlation(a, -2 * a + 3).tolist() == pytest.approx([-1] * 4)
    with pytest.raises(ValueError, match="differ in size"):
        correlation(a, b[:, :4])
    a[2, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="not finite in 1 of 4 maps, first in number 2"):
        correlation(a, b)


def test_the_colour_share_is_one_for_a_tinted_picture_and_small_for_another():
    pictures = noise(3, 3, 16, 16)
    pictures[2] = 0.5  # a constant picture explains nothing
    tinted = 0.2 * pictures[:, 0] - 0.7 * pictures[:, 1] + 3
    tinted[2] = noise(16, 16, seed=4)
    shares = colour_share(tinted, pictures)
    assert shares.tolist() == pytest.approx([1, 1, 0], abs=1e-9)
    assert (colour_share(noise(3, 16, 16, seed=9), pictures) < 0.05).all()
    with pytest.raises(ValueError, match="do not fit"):
        colour_share(noise(3, 8, 8), pictures)


def test_moments_give_the_correlations_of_sums():
    features, target, weights = noise(3, 4, 6, 6), noise(3, 6, 6, seed=1), noise(3, 4, seed=2) - 0.5
    found = moments(features, target)
    direct = correlation(torch.einsum("nm,nmhw->nhw", weights, features), target)
    torch.testing.assert_close(found.correlations(weights), direct)
    kernel = noise(5, 4, seed=3) - 0.5
    between = found.between_classes(kernel)
    maps = torch.einsum("km,nmhw->nkhw", kernel, features)
    np.testing.assert_allclose(between[1], np.corrcoef(maps[1].flatten(1)), atol=1e-5)
    off = np.corrcoef(maps[1].flatten(1))[~np.eye(5, dtype=bool)].mean()
    assert mean_between(between)[1] == pytest.approx(off, abs=1e-6)
    shuffled = other_orders(weights, 7)
    assert shuffled.shape == (7, 3, 4)
    assert torch.equal(shuffled.sort(dim=-1).values, weights.sort(dim=-1).values.expand(7, -1, -1))
    assert found.correlations(shuffled).shape == (7, 3)


def test_a_map_in_another_order_correlates_as_the_reordered_sum_does():
    features, weights = noise(3, 4, 6, 6), noise(3, 4, seed=2) - 0.5
    found = reordered(features, weights, 5, seed=1)
    assert found.shape == (5, 3)
    first = torch.einsum("nm,nmhw->nhw", weights, features)
    for order, shuffled in zip(found, other_orders(weights, 5, seed=1), strict=True):
        torch.testing.assert_close(order, correlation(torch.einsum("nm,nmhw->nhw", shuffled, features), first))


def test_hires_cam_of_the_classifiers_own_features_is_the_low_resolution_cam(full, x):
    low = class_maps(full, x).low
    found = hires_cam(full, "classifier.head.0", x, batch_size=10).maps
    torch.testing.assert_close(found * low[0].numel(), low, rtol=1e-4, atol=1e-5)
    chosen = torch.full((len(x),), 3)
    torch.testing.assert_close(
        hires_cam(full, "classifier.head.0", x, chosen).maps * low[0].numel(),
        class_maps(full, x, 3).low,
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("layer", LAYERS.values())
def test_hires_cam_is_captums_gradient_times_activation(full, x, layer):
    classes = torch.arange(len(x)) % 10
    theirs = LayerGradientXActivation(full, full.get_submodule(layer)).attribute(x, target=classes).sum(dim=1)
    found = hires_cam(full, layer, x, classes).maps
    torch.testing.assert_close(found, theirs.detach(), rtol=1e-4, atol=1e-7)
    assert found.abs().max() > 1e-3


def test_guided_grad_cam_is_captums(full, x):
    classes = torch.arange(len(x)) % 10
    found = guided_grad_cam(full, "classifier.tap", x, classes, batch_size=10)
    theirs = GuidedGradCam(full, full.classifier.tap).attribute(
        x.clone().requires_grad_(), target=classes, interpolate_mode="bilinear"
    )
    torch.testing.assert_close(found.maps, theirs.detach().abs().sum(dim=1), rtol=1e-3, atol=1e-7)
    assert found.maps.max() > 0
    assert torch.equal(found.classes, classes)
    assert not any(p.requires_grad for p in full.classifier.parameters())
    assert torch.equal(guided_grad_cam(full, "classifier.tap", x[:2]).classes, full(x[:2]).argmax(dim=1))


@pytest.mark.parametrize("layer", ["expand_up", "rebuild"])
def test_no_class_score_depends_on_the_expanding_path(full, x, layer):
    for how in (grad_cam, hires_cam):
        with pytest.raises(ValueError, match=f"layer '{layer}' does not run in a forward pass"):
            how(full, layer, x[:2])


def test_all_maps_have_the_pictures_size_and_name_their_kind(full, x):
    found = all_maps(full, x[:4])
    assert list(found) == list(TITLES)
    assert {tuple(maps.shape) for maps in found.values()} == {(4, SIZE, SIZE)}
    torch.testing.assert_close(found["high"], class_maps(full, x[:4]).high)
    torch.testing.assert_close(found["high_blurred"][:, 9, 9], found["high"][:, 7:12, 7:12].mean(dim=(1, 2)))
    torch.testing.assert_close(found["high_blurred"][:, 0, 0], found["high"][:, :3, :3].mean(dim=(1, 2)))
    assert not torch.allclose(found["gradcam_stem"], found["hirescam_stem"])
    assert set(LAYERS.values()) <= {name for name, _ in full.named_modules()}
    with pytest.raises(ValueError, match="did you mean 'high'"):
        all_maps(full, x[:4], names=["hihg"])
    assert refine_options(224).hole_area == 256
    assert refine_options(64, filter_percentage=30).hole_area == 21


def test_another_order_of_the_decoded_maps_is_the_same_model_with_another_map(full, x):
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    other = relabelled(full, order)
    with torch.no_grad():
        a, b = full.outputs(x), other.outputs(x)
    assert torch.equal(a.logits, b.logits)
    torch.testing.assert_close(a.reconstruction, b.reconstruction, rtol=1e-4, atol=1e-5)
    assert torch.equal(a.high_features[:, order], b.high_features)
    assert correlation(class_maps(full, x).high, class_maps(other, x).high).mean() < 0.9
    with pytest.raises(ValueError, match="each of the places 0 to 7 once"):
        relabelled(full, [0] * 8)


class Planted(torch.nn.Module):
    """A full model whose decoded maps are its classifier's, enlarged, so that its high-resolution CAM is the low one."""

    def __init__(self, full):
        super().__init__()
        self.full = full

    @property
    def class_weights(self):
        return self.full.class_weights

    def outputs(self, x):
        found = self.full.outputs(x)
        finer = torch.nn.functional.interpolate(found.low_features, x.shape[2:], mode="bilinear")
        return type(found)(found.logits, found.low_features, finer, found.reconstruction)


def test_the_measures_see_a_planted_tie_and_its_absence(full, x):
    tied = measuring.resemblance(Planted(full), x, orders=200, batch_size=10)
    assert (tied.to_low > 0.95).all()  # the blur takes a little
    assert tied.orders.shape == (200, len(x))
    assert tied.orders_as_good < 0.01
    torch.testing.assert_close(tied.to_colours, tied.low_to_colours, rtol=0, atol=0.1)
    free = measuring.resemblance(full, x, orders=200)
    assert free.to_low.mean() < 0.9
    assert free.values["orders_as_good"] == free.orders_as_good


def test_a_measurement_is_recorded_and_refused_with_other_numbers(made, tmp_path, monkeypatch):
    recipe = DenseRecipe("test", config="tiny", image_size=SIZE, epochs=1, batch_size=16, augmentation="none")
    monkeypatch.setattr(highres_data, "load_pictures", lambda name, size: made)
    monkeypatch.setattr(datasets, "load", lambda name, image_size: made)
    monkeypatch.setattr(measuring, "ORDERS", 20)
    for name in ("densenet_half", "densenet_full"):
        densenet_run(name, "made", 0, tmp_path, recipe=recipe)
    run = measuring.maps_run("made", 0, tmp_path, threshold_pictures=4, pictures=8, resamples=20, weights=tmp_path)
    record = measuring.maps_record("made", tmp_path)
    assert record.runs[0].values == run.values
    assert {f"pointing {name}" for name in (*TITLES, "centre box", "random map")} <= set(run.values)
    low, high = run.details["intervals"]["pointing low"]
    assert low <= run.values["pointing low"] <= high
    assert len(run.details["orders"]) == record.parameters["orders"] == 20
    with pytest.raises(RecordError, match="pictures"):
        measuring.maps_run("made", 0, tmp_path, threshold_pictures=4, pictures=9, weights=tmp_path)
    with pytest.raises(ValueError, match="29 pictures are asked for, but the test part of made has 24"):
        measuring.maps_run("made", 0, tmp_path / "new", threshold_pictures=20, pictures=9, weights=tmp_path)
    with pytest.raises(RecordError, match="c2f reference --only densenet_maps--nothing"):
        measuring.maps_record("nothing", tmp_path)


def test_a_constant_map_is_refused_by_the_refined_map_and_named(full, x):
    grey = torch.full_like(x[:2], 0.5)
    # A constant picture gives a map that varies at the border only: it has a region of interest, and is measured.
    assert all_maps(full, grey, names=["refined"])["refined"].isfinite().all()
    with pytest.raises(ValueError, match="NaN or infinity"):
        all_maps(full, torch.full_like(grey, float("nan")), names=["low"])


def test_localisation_measures_all_maps_and_the_baselines(made, full, x):
    choosing = torch.arange(len(x)) < 6
    objects = find_objects(made.test, "made")
    perfect = objects.masks.float()
    found = measuring.locate(full, x, objects, choosing, names=("low", "high"), others={"perfect": perfect})
    assert list(found) == ["low", "high", "perfect", "centre box", "whole picture", "random map"]
    assert found["perfect"].values["px_ap"] == pytest.approx(1)
    assert found["whole picture"].values["recall"] == 1


def test_another_decoder_is_trained_behind_the_same_classifier_and_recorded(made, tmp_path, monkeypatch):
    recipe = DenseRecipe("test", config="tiny", image_size=SIZE, epochs=1, batch_size=16, augmentation="none")
    for module in (highres_data, decoders):
        monkeypatch.setattr(module, "load_pictures", lambda name, size: made)
    monkeypatch.setattr(decoders, "ORDERS", 20)
    monkeypatch.setattr(decoders, "HELD_OUT", 20)
    densenet_run("densenet_half", "made", 0, tmp_path, recipe=recipe)
    settings = {"recipe": recipe, "train_pictures": 40, "pictures": 12, "weights": tmp_path}
    one, two = (decoders.decoder_run("made", seed, tmp_path, **settings) for seed in (1, 2))
    record = decoders.decoders_record("made", tmp_path)
    assert record.seeds == [1, 2]
    assert one.values["low_classes"] == pytest.approx(two.values["low_classes"])  # one classifier
    assert one.values["to_low"] != two.values["to_low"]  # two decoders
    assert one.values["rebuilt_error"] > 0
    with pytest.raises(
        ValueError, match="train_pictures is 50, and 20 more are held out, but made has 60 training pictures"
    ):
        decoders.decoder_run("made", 3, tmp_path / "new", **{**settings, "train_pictures": 50})
    with pytest.raises(RecordError, match="pictures"):
        decoders.decoder_run("made", 3, tmp_path, **{**settings, "pictures": 10})


def test_training_commutes_with_another_order_of_the_decoded_maps(made):
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    one = build_densenet("full", 10, SIZE, 3, "tiny", seed=2)
    other = relabelled(one, order)
    recipe = DenseRecipe("test", config="tiny", image_size=SIZE, epochs=2, batch_size=16, augmentation="none")
    for network in (one, other):
        train, held = (Batches(made.train.select(part), 16) for part in (torch.arange(40), torch.arange(40, 60)))
        fit_dense(network, train, held, recipe)
    expected = relabelled(one, order).state_dict()
    for name, value in other.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-2, atol=1e-3)
