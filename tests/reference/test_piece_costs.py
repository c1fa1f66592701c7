"""What pieces cost, by toy records, toy networks' steps and nothing at all."""

from dataclasses import replace

import pytest
import torch

from c2f.experiments.glimpses.recipes import SETUPS
from c2f.experiments.highres.recipes import dense_recipe
from c2f.reference import costs
from c2f.reference.costs import Known
from c2f.runs.environment import environment
from c2f.runs.record import Run, add_run
from c2f.training import engine
from c2f.training.recipes import recipe
from c2f.training.speed import remember, remembered

FASHION = recipe("lenetfc", "fashion-mnist")
"""40 epochs of 54,000 pictures."""


@pytest.fixture
def output(tmp_path, monkeypatch):
    """A folder that is all there is."""
    monkeypatch.setattr(costs, "SHIPPED", tmp_path / "nothing")
    monkeypatch.setattr(costs, "measure_step", lambda trial, precision: pytest.fail("a step is measured"))
    monkeypatch.setattr(costs, "inference_time", lambda network, pictures: pytest.fail("an answer is measured"))
    return tmp_path / "output"


def keep(output, kind, minutes, network="lenetfc", data="fashion-mnist", seed=0, gpu=False, answer=None, **parameters):
    """Record a run of so many core-minutes, with two threads."""
    about = {**environment("cpu", 30 * minutes), "threads": 2, "peak_device_memory_bytes": int(gpu)}
    values = {"value": 1} if answer is None else {"inference_seconds_per_1000": answer}
    told = [str(value) for value in parameters.values() if isinstance(value, str | int)]
    name = "--".join([network, data, *([] if answer is not None else [kind, *told])])
    add_run(output / "runs", name, kind, {"network": network, "data": data, **parameters}, Run(seed, values, {}, about))


def trained(output, minutes, network="lenetfc", data="fashion-mnist", answer=0.5, epochs=40, **more):
    parameters = {"merge": "sum_concat", "recipe": {"epochs": epochs, "validation": 0.1}}
    keep(output, "training", minutes, network, data, answer=answer, **parameters, **more)


def cost(output, network="lenetfc", data="fashion-mnist", merge="sum_concat", precision="float32", **changes):
    return costs.training(network, data, replace(FASHION, **changes), merge, precision, Known(output))


def test_a_training_costs_what_recorded_ones_did_picture_by_picture(output):
    trained(output, 30, epochs=10)
    trained(output, 50, epochs=10, seed=1)
    trained(output / "short", 40, epochs=10, seed=2)
    trained(output, 9999, epochs=10, seed=3, gpu=True)
    assert cost(output, epochs=10) == pytest.approx(40)
    assert cost(output, epochs=40) == pytest.approx(160)
    assert cost(output, data="mnist", epochs=10) == pytest.approx(40)  # the same shape
    assert cost(output, data="fashion-mnist-sample", epochs=10) == pytest.approx(40 / 6)
    trained(output, 20, data="mnist", epochs=10)
    assert cost(output, data="mnist", epochs=10) == pytest.approx(20)  # its own come first


def test_steps_that_are_remembered_come_first(output):
    trained(output, 30)
    trial = costs._trial("lenetfc", "fashion-mnist", "sum_concat", 128)
    threads = torch.get_num_threads()
    remember(
        engine._what(trial, trial.batch()[0]), {"plain float32": 3.0, "channels_last float32": 2.0, "compiling": 1.0}
    )
    remember(engine._what(trial, trial.batch()[0]), {"plain bfloat16": 1.0, "compiled float32": float("inf")})
    steps = 40 * 54_000 / 128
    assert cost(output) == pytest.approx(2 * threads * steps / 60)
    assert cost(output, precision="bfloat16") == pytest.approx(threads * steps / 60)
    assert engine.core_seconds(costs._trial("lenetfc", "fashion-mnist", "sum_concat", 64)) is None


def test_a_network_of_which_nothing_is_known_is_measured_once(output, monkeypatch):
    measured = []

    def measure(trial, precision):
        measured.append((trial.name, tuple(trial.batch()[0].shape), precision))
        return engine.measure_step(trial, precision)

    monkeypatch.setattr(costs, "measure_step", measure)
    first = cost(output)
    (what,) = remembered()
    assert ", 1 threads, " in what
    assert first == cost(output) == remembered()[what]["plain float32"] * 40 * 54_000 / costs.SMALL / 60
    assert measured == [("lenetfc", (costs.SMALL, 1, 28, 28), "float32")]


def test_other_merges_and_precisions_tell_nothing_of_a_training(output, monkeypatch):
    trained(output, 30)
    monkeypatch.setattr(costs, "measure_step", lambda trial, precision: float("inf"))  # what cannot be carried out
    assert cost(output) == pytest.approx(30)
    assert cost(output, "lenetfc", precision="bfloat16") is None
    trained(output, 30, "lenetfc_td")
    assert cost(output, "lenetfc_td", merge="sum") is None
    assert cost(output, data="folder:mine") is None


def attack(output, network="lenetfc", data="fashion-mnist", attacks=("shifts",), pictures=100):
    return costs.attack(network, data, "minimal", attacks, pictures, Known(output))


def test_attacks_cost_what_recorded_ones_did_scaled_by_the_networks_answers(output):
    trained(output, 1, answer=1.0)
    trained(output, 1, "lenetfc_td_uni", answer=4.0)
    keep(output, "attack", 10, attack="shifts", protocol="minimal", pictures=1000)
    keep(output, "attack", 99, attack="shifts", protocol="paper", pictures=1000)
    assert attack(output) == pytest.approx(1)
    assert attack(output, pictures=None) == pytest.approx(100)  # the whole test set
    assert attack(output, attacks=("shifts", "contrast")) is None  # of the other nothing is known
    keep(output, "attack", 20, attack="contrast", protocol="minimal", pictures=1000)
    assert attack(output, attacks=("shifts", "contrast")) == pytest.approx(3)
    assert attack(output, "lenetfc_td_uni") is None  # without its ablation
    keep(output, "ablation", 1, "lenetfc_td_rev", attack="shifts", protocol="minimal", pictures=1000)
    trained(output, 1, "lenetfc_td_rev", answer=2.0)
    assert attack(output, "lenetfc_td_uni") == pytest.approx(4 + 0.2)
    keep(output, "attack", 7, "lenetfc_td_uni", attack="shifts", protocol="minimal", pictures=700)
    assert attack(output, "lenetfc_td_uni") == pytest.approx(1 + 0.2)  # its own come first


def test_a_network_that_never_answered_is_asked_once(output, monkeypatch):
    trained(output, 1, answer=1.0)  # two thousandths of a core-second a picture
    keep(output, "attack", 10, attack="shifts", protocol="minimal", pictures=1000)
    asked = []
    monkeypatch.setattr(costs, "inference_time", lambda network, x: asked.append(tuple(x.shape)) or 16 * 0.006)
    for _ in range(2):
        assert attack(output, "nin_light", "mnist") == pytest.approx(3)
    assert asked == [(16, 1, 28, 28)]


def test_what_is_known_is_read_again_when_a_record_has_come_or_grown(output):
    trained(output, 1)
    known = costs.known_of(output)
    assert len(known.runs) == 1
    assert costs.known_of(output) is known
    trained(output, 1, seed=1)  # the same record
    assert len(costs.known_of(output).runs) == 2
    trained(output / "short", 1)  # another folder
    assert len(costs.known_of(output).runs) == 3


def test_maps_and_evaluations_cost_what_those_like_them_did(output):
    trained(output, 1, answer=1.0)
    trained(output, 1, "lenetfc_td", answer=3.0)
    keep(output, "localization", 6, maps="paper", faithful=100, chosen=200, pictures=400)
    known = Known(output)
    assert costs.localization("lenetfc", "fashion-mnist", "paper", 100, 700, known) == pytest.approx(7)
    assert costs.localization("lenetfc_td", "fashion-mnist", "paper", 100, 700, known) == pytest.approx(21)
    assert costs.localization("lenetfc", "fashion-mnist", "paper", 0, 700, known) is None
    assert costs.localization("lenetfc", "fashion-mnist", "raw", 100, 700, known) is None

    scenes, other = "scenes-fashion-mnist", "scenes-mnist"
    keep(output, "pgd", 5, "mgnet_small_cnn", scenes)
    keep(output, "maps", 8, "densenet_full", scenes, recipe={"config": "slim"})
    known = Known(output)
    assert costs.evaluation("pgd", "mgnet_small_cnn", scenes, known) == pytest.approx(5)
    assert costs.evaluation("corruptions", "mgnet_small_cnn", scenes, known) is None
    assert costs.maps("maps", other, "slim", known) == pytest.approx(8)
    assert costs.maps("maps", other, "small", known) is None


def test_glimpses_and_densenets_cost_what_shorter_ones_did(output):
    canvas = SETUPS["canvas"].recipe
    short = {"epochs": canvas.epochs // 50, "validation": 0.1}
    keep(output / "short", "glimpse", 3, "mgnet_small_cnn", "canvas-fashion-mnist", recipe=short)
    known = Known(output)
    assert costs.glimpses("mgnet_small_cnn", "canvas-mnist", canvas, known) == pytest.approx(150)
    assert costs.glimpses("mgnet_small_cnn", "scenes-mnist", canvas, known) is None  # of another shape
    assert costs.glimpses("mgnet_small_cnn", "folder:imagenet100", canvas, known) is None

    half = dense_recipe("densenet_half", "scenes-mnist")
    there = {"epochs": half.epochs, "validation": half.validation, "config": half.config}
    keep(output, "densenet", 20, "densenet_half", "scenes-fashion-mnist", recipe=there)
    assert costs.densenet("densenet_half", "scenes-mnist", half, Known(output)) == pytest.approx(20)
    wider = replace(half, config="small")
    assert costs.densenet("densenet_half", "scenes-mnist", wider, Known(output)) is None
