import math
from dataclasses import replace

import pytest
import torch

from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.experiments.glimpses import evaluation, training
from c2f.experiments.glimpses.evaluation import evaluate_glimpses
from c2f.experiments.glimpses.recipes import OPTIMISERS, SCHEDULES, SETUPS, GlimpseRecipe, setup_name
from c2f.experiments.glimpses.training import GlimpseHistory, fit_glimpses
from c2f.networks import glimpse
from c2f.networks.glimpse import GlimpseSettings, LossSettings
from c2f.runs.parts import OutOfTime
from c2f.training.engine import Engine
from c2f.training.recipes import changed

LOOK = GlimpseSettings(glimpses=2, downsampling=2.0)
RECIPE = GlimpseRecipe(epochs=3, lr=3e-3, optimiser="adam", batch_size=8, weight_decay=0.0)


def some(count=26, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=generator)
    images = torch.randint(40, (count, 1, 24, 24), dtype=torch.uint8, generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):  # a bright bar whose place is the class
        image[:, :, 8 * label : 8 * label + 8] += 180
    return Pictures(images, labels, ("a", "b", "c"))


def network(look=LOOK):
    return glimpse.build("small_cnn", 1, 3, 24, look, seed=0, standard=([0.5], [0.3]))


def fitted(recipe=RECIPE, losses=None, look=LOOK, **options):
    model = network(look)
    history = fit_glimpses(
        model, Batches(some(), recipe.batch_size, shuffle=True), recipe, losses, **{"validation": valid(), **options}
    )
    return model, history


def valid():
    return Batches(some(12, seed=1), 5)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.fixture(scope="module")
def whole():
    return fitted()


def test_the_loop_is_the_one_written_by_hand(whole):
    """Adam, one-cycle, whole batches only, total loss: two epochs by hand, with torch's own tools."""
    recipe = replace(RECIPE, epochs=2, clip=0.5)
    ours, _ = fitted(recipe, validation=None)
    theirs = network().train()
    optimiser = torch.optim.Adam(theirs.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=6, pct_start=0.2)
    batches = Batches(some(), 8, shuffle=True)
    for epoch in range(2):
        for x, y in list(batches.epoch(epoch))[:3]:  # 26 pictures: the two that are left over are left out
            optimiser.zero_grad()
            glimpse.total_loss(theirs, x, theirs(x), y, LossSettings()).total.backward()
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
            optimiser.step()
            schedule.step()
    assert same(ours, theirs)


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_mixed_precision_learns_the_same(whole, half):
    """On a CPU; a GPU takes the same way with float16."""
    model, history = fitted(engine=Engine(precision=half))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert history.train_loss != whole[1].train_loss
    assert history.train_loss == pytest.approx(whole[1].train_loss, rel=0.05)
    assert history.val_loss[-1] < history.val_loss[0] / 2


def test_mixed_precision_rounds_no_locations():
    model = network()
    seen = {}
    model.backbone.register_forward_hook(lambda module, given, feature: seen.update(feature=feature.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        looks = model(some().images / 255)
    assert seen["feature"] == torch.bfloat16
    assert looks.locations.dtype == looks.logits.dtype == torch.float32
    exact = model(some().images / 255)
    # What is left comes from the backbone's own rounding; in mixed precision as torch does it, it is ten times as much.
    assert (looks.locations[1] - exact.locations[1]).abs().max() < 2e-3


def test_mixed_precision_resumes(tmp_path):
    def kill(history):
        raise KeyboardInterrupt

    straight, _ = fitted(engine=Engine(precision="float16"))
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fitted(engine=Engine(precision="float16"), checkpoint=path, on_epoch=kill)
    resumed, _ = fitted(engine=Engine(precision="float16"), checkpoint=path)
    assert same(straight, resumed)


def test_it_learns_and_tells(whole):
    history = whole[1]
    assert len(history) == 3
    assert history.train_loss[-1] < history.train_loss[0]
    assert [len(values) for values in history.val_by_glimpse] == [2, 2, 2]
    assert history.val_accuracy == [values[-1] for values in history.val_by_glimpse]
    assert history.frame().shape == (3, 8)


def test_interrupted_and_resumed_it_is_the_same(whole, tmp_path):
    checkpoint = tmp_path / "run.pt"

    def stop(history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(checkpoint=checkpoint, on_epoch=stop)
    model, history = fitted(checkpoint=checkpoint)
    assert same(model, whole[0])
    assert history.val_by_glimpse == whole[1].val_by_glimpse
    with pytest.raises(ValueError, match=r"of another run, .*: lr "):
        fitted(replace(RECIPE, lr=1e-3), checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"of another run, .*: alpha "):
        fitted(losses=LossSettings(alpha=0.5), checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"of another run, .*: looks "):
        fitted(look=replace(LOOK, scale_max=0.6), checkpoint=checkpoint)
    checkpoint.write_bytes(b"torn")
    assert same(fitted(checkpoint=checkpoint)[0], whole[0])


def test_the_best_epoch_is_kept_and_not_the_worst(monkeypatch):
    scripted, weights = iter([0.4, 0.9, 0.9, 0.2]), []

    def watched(model, loader):
        weights.append({name: value.clone() for name, value in model.state_dict().items()})
        found = evaluate_glimpses(model, loader)
        right = round(next(scripted) * 10)
        labels = torch.zeros(10, dtype=torch.int64)
        predictions = (torch.arange(10) >= right).long().expand(2, 10)
        return replace(found, labels=labels, predictions=predictions)

    monkeypatch.setattr(training, "evaluate_glimpses", watched)
    model, history = fitted(replace(RECIPE, epochs=4))
    assert history.best == 1
    assert all(torch.equal(value, weights[1][name]) for name, value in model.state_dict().items())


def test_without_validation_the_last_epoch_is_kept():
    history = GlimpseHistory(*[[math.nan] * 3] * 6, [[math.nan]] * 3)
    assert history.best == 2


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
@pytest.mark.parametrize("steps", range(1, 8))
def test_a_training_of_a_few_steps_has_rates_up_to_its_own(schedule, steps):
    recipe = GlimpseRecipe(epochs=1, schedule=schedule)
    optimiser = OPTIMISERS["sgd"](torch.nn.Linear(1, 1), recipe)
    schedule, rates = SCHEDULES[schedule](optimiser, recipe, steps), []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert all(0 < rate <= recipe.lr for rate in rates)
    assert max(rates) > 0.9 * recipe.lr or steps == 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_learning_rates(schedule):
    drops = (1, 3) if schedule == "multi_step" else ()
    recipe = GlimpseRecipe(epochs=4, lr=0.1, schedule=schedule, drops=drops)
    optimiser = OPTIMISERS["sgd"](torch.nn.Linear(2, 2), recipe)
    steps = SCHEDULES[schedule](optimiser, recipe, 5)
    rates = []
    for _ in range(20):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        steps.step()
    expected = {
        "one_cycle": (0.004, 0.1, rates[19]),
        "cosine": (0.1, 0.05 * (1 + math.cos(math.pi * 3 / 20)), 0.05 * (1 + math.cos(math.pi * 19 / 20))),
        "multi_step": (0.1, 0.1, 0.001),
    }[schedule]
    assert [rates[0], rates[3], rates[19]] == pytest.approx(expected)
    if schedule == "one_cycle":
        assert rates[19] < 1e-3
        assert optimiser.param_groups[0]["momentum"] == pytest.approx(0.95, abs=2e-3)
    if schedule == "multi_step":
        assert rates[5] == pytest.approx(0.01)


def test_every_parameter_decays():
    recipe = GlimpseRecipe(weight_decay=0.25)
    for make in OPTIMISERS.values():
        (group,) = make(network(), recipe).param_groups
        assert group["weight_decay"] == 0.25
        assert len(group["params"]) == len(list(network().parameters()))


def test_equilibrium_is_finished_and_changes_the_outcome():
    recipe = replace(RECIPE, epochs=1, equilibrium=(10.0, 5.0))
    balanced, _ = fitted(recipe)
    plain, _ = fitted(replace(recipe, equilibrium=None))
    assert not same(balanced, plain)


def test_out_of_time_and_a_loss_that_explodes():
    with pytest.raises(OutOfTime, match="stopped before epoch 1 of 3"):
        fitted(deadline=-1.0)
    bad = replace(RECIPE, lr=1e30, optimiser="sgd", schedule="cosine")
    with pytest.raises(FloatingPointError, match=r"in epoch 1 at learning rate 1e\+30: try a lower one, or clip"):
        fitted(bad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimiser": "adm"}, "unknown optimiser 'adm'; did you mean 'adam'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
        ({"lr": 0}, "lr must be a number above 0, not 0"),
        ({"clip": -1.0}, "clip must be a number of at least 0, where 0 is off, not -1.0"),
        ({"schedule": "multi_step"}, "multi_step needs them"),
        ({"drops": (3,)}, "drops .* do not go with schedule 'one_cycle'"),
        ({"equilibrium": (1.0, -1.0)}, "equilibrium must be two ratios"),
        ({"epoch": 3}, "GlimpseRecipe has no field 'epoch'; did you mean 'epochs'"),
    ],
)
def test_recipes_refuse(change, message):
    with pytest.raises(ValueError, match=message):
        changed(GlimpseRecipe(), **change)


def test_setups_by_data():
    assert [setup_name(name) for name in ("canvas-mnist", "scenes-fashion-mnist", "cifar10")] == [
        "canvas",
        "scenes",
        "other",
    ]
    assert setup_name("folder:here", streamed=True) == "photographs"
    paper = SETUPS["canvas"]
    assert (paper.recipe.lr, paper.recipe.weight_decay, paper.recipe.schedule) == (0.1, 1e-4, "one_cycle")
    assert (paper.look.gradient_scale, paper.losses.alpha, paper.look.downsampling) == (0.02, 0.6, 4.0)
    assert SETUPS["photographs"].look.downsampling == 2.33


# Evaluation and early exit from what it holds


def test_evaluation_is_the_forward_pass(whole):
    model, _ = whole
    model.train()
    found = evaluate_glimpses(model, valid(), glimpses=3)
    assert model.training
    model.eval()
    x = some(12, seed=1).images.float() / 255
    with torch.no_grad():
        seen = model(x, 3)
    assert torch.equal(found.predictions, seen.logits.argmax(dim=2))
    assert torch.allclose(found.locations, seen.locations, atol=1e-6)
    right = (seen.logits.argmax(dim=2) == some(12, seed=1).labels).double().mean(dim=1)
    assert found.accuracy == right.tolist()
    cross = torch.nn.functional.cross_entropy(seen.logits[2], some(12, seed=1).labels)
    assert found.loss[2] == pytest.approx(float(cross), abs=1e-5)


def test_exits_are_those_of_looking_again(whole):
    model, _ = whole
    found, x = evaluate_glimpses(model, valid(), glimpses=3), some(12, seed=1).images.float() / 255
    levels = [0.0, *found.confidences[0].sort().values[[3, 8]].sub(1e-4).tolist(), 1.0]
    exits = found.exits(levels)
    for k, level in enumerate(levels):
        again = glimpse.early_exit(model, x, level, glimpses=3)
        assert torch.equal(found.glimpses_used(level), again.glimpses)
        assert exits.glimpses[k] == pytest.approx(again.glimpses.double().mean().item())
        right = (again.logits.argmax(dim=1) == some(12, seed=1).labels).double().mean().item()
        assert exits.accuracy[k] == pytest.approx(right)
        assert sum(exits.shares[k]) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"a probability in \[0, 1\], not 1.5"):
        evaluation.GlimpseEvaluation.glimpses_used(found, 1.5)
