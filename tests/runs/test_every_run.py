"""All eleven kinds of run keep to one skeleton: what is there is not done again, what was stopped is resumed."""

import os
import shutil
from dataclasses import replace

import pytest
import torch

from c2f import datasets
from c2f.datasets.pictures import DataSet
from c2f.experiments.classification.run import train_run
from c2f.experiments.corruptions.run import corruption_run
from c2f.experiments.glimpses.pgd_run import pgd_run
from c2f.experiments.glimpses.recipes import GlimpseRecipe, Setup
from c2f.experiments.glimpses.run import glimpse_run
from c2f.experiments.highres import data as highres_data
from c2f.experiments.highres import decoders, maps_run
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.experiments.highres.run import densenet_run
from c2f.experiments.localization.run import locate_run
from c2f.experiments.robustness.run import attack_run
from c2f.experiments.robustness.scales import ablation_run
from c2f.experiments.segmentation import MeshRecipe, meshes, segmentation_run
from c2f.networks.glimpse.losses import LossSettings
from c2f.networks.glimpse.network import GlimpseSettings
from c2f.runs.parts import OutOfTime, PartialResults
from c2f.training import data as training_data
from c2f.training.recipes import recipe

DATA = "fashion-mnist-sample"
DENSE = DenseRecipe("t", config="tiny", image_size=32, epochs=2, batch_size=16, validation=0.25, augmentation="none")
GLIMPSES = Setup(
    GlimpseRecipe(epochs=2, lr=3e-3, optimiser="adam", batch_size=16, weight_decay=0.0),
    GlimpseSettings(glimpses=2, downsampling=2.0),
    LossSettings(),
)
SHORT = {"epochs": 2, "batch_size": 16}


def classification(output, **more):
    return train_run("lenetfc_td", DATA, recipe("lenetfc_td", DATA, **SHORT), 0, output, **more)


def segmentation(output, **more):
    return segmentation_run("td", DATA, 0, output, recipe=MeshRecipe(epochs=2, batch_size=4), width=4, **more)


def half(output, **more):
    return densenet_run("densenet_half", DATA, 0, output, recipe=DENSE, **more)


def full(output, **more):
    half(output)
    return densenet_run("densenet_full", DATA, 0, output, recipe=DENSE, **more)


def glimpses(output, **more):
    return glimpse_run("mgnet_small_cnn", DATA, 0, output, setup=GLIMPSES, **more)


def other_decoder(output, **more):
    half(output)
    return decoders.decoder_run(DATA, 1, output, recipe=DENSE, train_pictures=40, pictures=8, weights=output, **more)


def attack(output, **more):
    classification(output)
    settings = {"pictures": 20, "restarts": 2, "batch_size": 10, "weights": output}
    return attack_run("lenetfc_td", DATA, 0, "blended_uniform", output=output, **settings, **more)


def ablation(output, **more):
    attack(output)
    return ablation_run("lenetfc_td", DATA, 0, "blended_uniform", output=output, weights=output, **more)


def localization(output, **more):
    classification(output)
    settings = {"threshold_pictures": 10, "pictures": 10, "faithful": 2, "resamples": 10, "weights": output}
    return locate_run("lenetfc_td", DATA, 0, output=output, **settings, **more)


def corruption(output, **more):
    glimpses(output)
    settings = {"types": ("fog", "contrast"), "pictures": 20, "weights": output}
    return corruption_run("mgnet_small_cnn", DATA, 0, output=output, **settings, **more)


def pgd(output, **more):
    glimpses(output)
    settings = {"epsilons": (0.02,), "steps": 2, "restarts": 1, "pictures": 20, "checked": 0, "weights": output}
    return pgd_run("mgnet_small_cnn", DATA, 0, output=output, **settings, **more)


def maps(output, **more):
    full(output)
    return maps_run.maps_run(DATA, 0, output, threshold_pictures=4, pictures=8, resamples=10, weights=output, **more)


TRAININGS = (classification, segmentation, half, full, glimpses, other_decoder)
MEASUREMENTS = (attack, ablation, localization, corruption, pgd, maps)
every_run = pytest.mark.parametrize("run", TRAININGS + MEASUREMENTS, ids=lambda run: run.__name__)


@pytest.fixture(autouse=True)
def few(monkeypatch, whole_sample):
    """A few pictures of 32x32 in place of any data set's, and short measurements."""

    def part(pictures, count):
        chosen = pictures.select(torch.arange(count))
        return replace(chosen, images=torch.nn.functional.pad(chosen.images, (2, 2, 2, 2)))

    small = DataSet(DATA, part(whole_sample.train, 80), part(whole_sample.test, 40))
    monkeypatch.setattr(datasets, "load", lambda name, image_size=None: small)
    for cached in (training_data.load_data_set, highres_data.load_pictures, meshes.load_meshes):
        cached.cache_clear()
    monkeypatch.setattr(maps_run, "ORDERS", 10)
    monkeypatch.setattr(decoders, "ORDERS", 10)
    monkeypatch.setattr(decoders, "HELD_OUT", 20)
    yield
    for cached in (training_data.load_data_set, highres_data.load_pictures, meshes.load_meshes):
        cached.cache_clear()


def facts(run):
    """What must be the same whenever the same run is made; times are not."""
    details = {key: value for key, value in run.details.items() if key != "history"}
    details |= {key: value for key, value in run.details.get("history", {}).items() if key != "seconds"}
    return {k: v for k, v in run.values.items() if "seconds" not in k}, details, run.files


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


@every_run
def test_what_is_there_is_not_done_again_until_asked_for(run, tmp_path, monkeypatch):
    first = run(tmp_path)
    assert first.fresh
    before = {path: path.stat().st_mtime_ns for path in files(tmp_path)}
    with monkeypatch.context() as patch:
        patch.setattr(PartialResults, "get", lambda *a: pytest.fail("measured again"))
        patch.setattr(torch.optim.Optimizer, "step", lambda *a, **k: pytest.fail("trained again"))
        second = run(tmp_path)
    assert not second.fresh
    assert facts(second) == facts(first)
    assert {path: path.stat().st_mtime_ns for path in files(tmp_path)} == before
    assert not [path for path in before if "checkpoints" in path.parts]
    third = run(tmp_path, again=True)
    assert third.fresh
    assert facts(third) == facts(first)


@every_run
def test_a_run_that_was_stopped_goes_on_and_ends_as_if_unbroken(run, tmp_path, monkeypatch, caplog):
    unbroken = run(tmp_path / "a")
    with pytest.raises(OutOfTime):
        run(tmp_path / "b", deadline=0.0)
    if run in TRAININGS:

        def stop(history):
            if len(history) == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "b", on_epoch=stop)
    else:
        write = PartialResults._write

        def killed(parts, name, made):
            write(parts, name, made)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(PartialResults, "_write", killed)
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path / "b")
    (left,) = (path for path in files(tmp_path / "b") if path.parent.name == "checkpoints")
    begun = left.read_bytes()
    flipped = bytearray(begun)
    flipped[len(begun) // 3] ^= 1
    left.write_bytes(bytes(flipped))
    (tmp_path / "c").mkdir()
    shutil.copytree(tmp_path / "b", tmp_path / "c", dirs_exist_ok=True)
    assert facts(run(tmp_path / "c")) == facts(unbroken)
    assert "checksum does not fit" in caplog.text
    left.write_bytes(begun)
    resumed = run(tmp_path / "b")
    assert resumed.fresh
    assert facts(resumed) == facts(unbroken)
    assert not left.exists()
    relative = [{path.relative_to(tmp_path / x) for path in files(tmp_path / x)} for x in "ab"]
    assert relative[0] == relative[1]
    # What is older than the run is no beginning of one that replaces it, and is cleared away by the next call.
    left.write_bytes(begun)
    caplog.clear()
    assert facts(run(tmp_path / "b", again=True)) == facts(unbroken)
    assert ("before the run that it is to replace" in caplog.text) == (run in TRAININGS)
    assert not left.exists()
    left.write_bytes(begun)
    os.utime(left, (0, 0))
    run(tmp_path / "b")
    assert not left.exists()


@pytest.mark.parametrize("run", TRAININGS, ids=lambda run: run.__name__)
def test_a_training_that_was_stopped_behind_its_last_epoch_ends_as_if_unbroken(run, tmp_path):
    def stop(history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", on_epoch=stop)
    assert facts(run(tmp_path / "b")) == facts(run(tmp_path / "a"))
