from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.optim.lr_scheduler import ReduceLROnPlateau

from c2f import zoo
from c2f.cli import highres as _registered  # noqa: F401
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.experiments.highres import augment
from c2f.experiments.highres.data import load_parts
from c2f.experiments.highres.recipes import DenseRecipe, dense_recipe
from c2f.experiments.highres.run import densenet_run
from c2f.experiments.highres.training import best_epoch, dense_optimiser, dense_penalty, fit_dense, losses
from c2f.networks.densenet_fcn import build_densenet, regularised_kernels
from c2f.networks.summary import multiply_adds
from c2f.reference import highres as reference
from c2f.runs.record import RecordError
from c2f.training.checkpoints import History

TINY = DenseRecipe("test", config="tiny", image_size=16, epochs=2, batch_size=4, validation=0.25)
COLOURS = {"blue": (30, 40, 220), "green": (20, 200, 40), "red": (220, 30, 30)}


@pytest.fixture
def folder(tmp_path):
    """Three classes of plain, speckled colours as files: 8 and 3 pictures of each."""
    generator = torch.Generator().manual_seed(0)
    for part, count in (("train", 8), ("test", 3)):
        for name, colour in COLOURS.items():
            (tmp_path / "pictures" / part / name).mkdir(parents=True)
            for number in range(count):
                speckle = torch.randint(-20, 21, (16, 16, 3), generator=generator)
                pixels = (torch.tensor(colour) + speckle).clamp(0, 255).byte().numpy()
                Image.fromarray(pixels).save(tmp_path / "pictures" / part / name / f"{number}.png")
    return tmp_path / "pictures"


def pictures(count=12, size=16, channels=3):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, channels, size, size), generator=generator, dtype=torch.uint8)
    return Pictures(images, torch.arange(count) % 3, ("a", "b", "c"))


def model(kind):
    return build_densenet(kind, 3, 16, 3, "tiny", seed=0)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_half_and_full_are_trained_recorded_and_loaded(folder, tmp_path):
    data, out = f"folder:{folder}", tmp_path / "out"
    half_run = densenet_run("densenet_half", data, 0, out, recipe=TINY)
    full_run = densenet_run("densenet_full", data, 0, out, recipe=TINY)
    assert half_run.details["pictures"] == {"train": 18, "validation": 6, "test": 9}
    assert full_run.details["same_scores"] == 9
    assert full_run.details["half"] == half_run.files["weights"]
    assert full_run.values["test_accuracy"] == half_run.values["test_accuracy"]
    assert 0 < full_run.values["test_rebuilt_error"] < 255
    assert "test_top5" not in half_run.values  # there are but three classes
    assert len(half_run.details["history"]["val_loss"]) == 2
    half, full = (zoo.load(name, data, 0, out).network for name in ("densenet_half", "densenet_full"))
    assert equal(half.state_dict(), full.classifier.state_dict())
    described = zoo.record("densenet_full", data, out).parameters
    assert described["multiply_adds"] > zoo.record("densenet_half", data, out).parameters["multiply_adds"]
    assert described["parameters"] - described["trained_parameters"] == sum(p.numel() for p in half.parameters())
    assert not (out / "checkpoints" / "densenet_half--folder-pictures--seed0.pt").exists()
    with pytest.raises(RecordError, match=r"differ|epochs"):
        densenet_run("densenet_half", data, 1, out, recipe=replace(TINY, epochs=3))


def test_streamed_and_killed_runs_give_the_same_weights_bit_for_bit(folder, tmp_path):
    data = f"folder:{folder}"

    def stop(history):
        if len(history) == 1:
            raise KeyboardInterrupt

    plain = densenet_run("densenet_half", data, 3, tmp_path / "a", recipe=TINY)
    with pytest.raises(KeyboardInterrupt):
        densenet_run("densenet_half", data, 3, tmp_path / "b", recipe=TINY, workers=0, on_epoch=stop)
    streamed = densenet_run("densenet_half", data, 3, tmp_path / "b", recipe=TINY, workers=0)
    weights = [
        load_file(tmp_path / x / "weights" / r.files["weights"]["file"]) for x, r in (("a", plain), ("b", streamed))
    ]
    assert equal(*weights)
    assert plain.details["history"]["val_loss"] == streamed.details["history"]["val_loss"]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    train, recipe, path = Batches(pictures(), 4), replace(TINY, epochs=1, augmentation="none"), tmp_path / "x.pt"
    fit_dense(model("half"), train, train, recipe, checkpoint=path)
    with pytest.raises(ValueError, match=r"of another run, .*: lr "):
        fit_dense(model("half"), train, train, replace(recipe, lr=0.5), checkpoint=path)


def test_the_classifier_of_the_full_model_stays_bit_for_bit_and_the_best_epoch_is_kept():
    full, train = model("full"), Batches(pictures(), 4, shuffle=True)
    before = {name: value.clone() for name, value in full.state_dict().items()}

    def spoil(history):
        if len(history) == 1:
            with torch.no_grad():
                full.rebuild.weight.mul_(100)

    history = fit_dense(full, train, train, replace(TINY, lr=0.1, weight_decay=0.0), on_epoch=spoil)
    after = full.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items() if name.startswith("classifier."))
    assert not torch.equal(after["rebuild.weight"], before["rebuild.weight"])
    assert best_epoch(history, full=True) == 0
    x, y = next(Batches(pictures(), 12).epoch(0))
    with torch.no_grad():
        assert losses(full.eval(), x, y)[0].mean().item() == pytest.approx(history.val_loss[0], rel=1e-5)


def test_the_reconstruction_error_is_in_grey_levels():
    full = model("full")
    with torch.no_grad():
        full.rebuild.weight.zero_()
        each, logits = losses(full, torch.full((2, 3, 16, 16), 0.5), torch.zeros(2, dtype=torch.int64))
    assert each.tolist() == pytest.approx([127.5**2] * 2)
    assert logits.shape == (2, 3)


def test_the_best_epoch_is_the_first_of_equal_ones():
    history = History(val_loss=[3.0, 1.0, 1.0, 2.0], val_accuracy=[0.1, 0.5, 0.6, 0.6])
    assert (best_epoch(history, full=True), best_epoch(history, full=False)) == (1, 2)


@pytest.mark.parametrize("kind", ["half", "full"])
def test_the_penalty_covers_the_regularised_kernels_that_are_trained_as_weight_decay(kind):
    network = model(kind)
    optimiser = dense_optimiser(network, TINY)
    trained = {id(p) for p in network.parameters() if p.requires_grad}
    decayed, free = (group["params"] for group in optimiser.param_groups)
    assert {id(p) for p in [*decayed, *free]} == trained
    assert {id(p) for p in decayed} == {id(w) for w in regularised_kernels(network)} & trained
    gradients = torch.autograd.grad(dense_penalty(network, TINY.weight_decay), decayed)
    for weight, gradient in zip(decayed, gradients, strict=True):
        torch.testing.assert_close(gradient, optimiser.param_groups[0]["weight_decay"] * weight.detach())
    assert optimiser.param_groups[1]["weight_decay"] == 0


def test_the_learning_rate_follows_the_plateaus_as_keras_does():
    generator = torch.Generator().manual_seed(0)
    recipe = replace(DenseRecipe(), patience=3, min_lr=0.05)
    for _ in range(20):
        values = (torch.randint(0, 8, (40,), generator=generator) / 4).tolist()
        optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.lr)
        # torch waits for one epoch more than its patience, Keras for just as many
        theirs = ReduceLROnPlateau(
            optimiser, factor=recipe.factor, patience=2, threshold=1e-4, threshold_mode="abs", min_lr=0.05
        )
        for epoch, value in enumerate(values, start=1):
            theirs.step(value)
            assert recipe.learning_rate(values[:epoch]) == pytest.approx(optimiser.param_groups[0]["lr"])


def test_affine_changes_do_what_they_say(monkeypatch):
    x = torch.rand(64, 2, 8, 8)
    monkeypatch.setattr(augment, "_both", lambda *shape, generator: torch.ones(shape))
    for name in ("SCALE", "SHIFT", "ROTATION", "SHEAR"):
        monkeypatch.setattr(augment, name, 0.0)
    before = x.clone()
    torch.testing.assert_close(augment.affine(x, torch.Generator().manual_seed(0)), x)
    for name, value, expected in (
        ("ROTATION", 90.0, x.rot90(-1, dims=(2, 3))),
        ("SHIFT", 0.25, torch.nn.functional.pad(x, (2, -2, 2, -2))),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(augment, name, value)
            done = augment.affine(x, torch.Generator().manual_seed(0))
        same = (done == x).all(dim=(1, 2, 3))
        assert 20 < same.sum() < 44
        torch.testing.assert_close(done[~same], expected[~same])
    assert torch.equal(x, before)


def test_the_augmentation_depends_on_its_generator_alone_and_flips_half():
    x = torch.rand(200, 1, 8, 8)
    one, again = (augment.affine_flip(x, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, again)
    unchanged, mirrored = ((one == y).all(dim=(1, 2, 3)).sum() for y in (x, x.flip(3)))
    assert 30 < unchanged < 70
    assert 30 < mirrored < 70


def test_recipes_know_the_paper_and_refuse_nonsense():
    paper = dense_recipe("densenet_half", "folder:x")
    assert (paper.epochs, paper.batch_size, paper.image_size, paper.config) == (50, 16, 224, "paper")
    assert dense_recipe("densenet_full", "tiny-animals").epochs == 30
    assert dense_recipe("densenet_full", "tiny-animals", "quick", lr=0.5).epochs == 2
    for call, said in (
        (lambda: dense_recipe("densenet_hlf", "mnist"), "did you mean 'densenet_half'"),
        (lambda: dense_recipe("densenet_half", "mnist", epoch=3), "did you mean 'epochs'"),
        (lambda: dense_recipe("densenet_half", "mnist", augmentation="affine-flip"), "did you mean 'affine_flip'"),
        (lambda: DenseRecipe(config="smal"), "did you mean 'small'"),
        (lambda: DenseRecipe(rho=1.0), "rho must be a number of at least 0 and below 1, not 1.0"),
        (lambda: DenseRecipe(epochs=0), "epochs must be a whole number of at least 1"),
    ):
        with pytest.raises(ValueError, match=said):
            call()


def test_data_that_do_not_do_are_refused_by_name(folder):
    data = f"folder:{folder}"
    with pytest.raises(ValueError, match="multiple of that, such as 16 or 24, not 20"):
        densenet_run("densenet_half", data, 0, folder / "out", recipe=replace(TINY, image_size=20))
    with pytest.raises(ValueError, match="only folders of pictures are streamed"):
        load_parts("fashion-mnist-sample", TINY, 0, workers=0)
    (folder / "train" / "red" / "3.png").write_bytes(b"no picture")
    for workers in (None, 0):
        with pytest.raises(ValueError, match=r"3\.png"):
            densenet_run("densenet_half", data, 0, folder / "out", recipe=TINY, workers=workers)
    for part in ("train", "test"):
        for name in ("red", "green"):
            (folder / part / name).rename(folder / f"{part}-{name}")
    for workers in (None, 0):
        with pytest.raises(ValueError, match=r"one class .blue."):
            load_parts(f"{data}/train::{folder / 'test'}", TINY, 0, workers=workers)


def test_a_full_model_without_its_half_says_how_to_get_it(folder, tmp_path):
    with pytest.raises(
        RecordError, match=r"no record .*/out/runs/densenet_half--.*c2f train densenet_half .* --output .*/out`"
    ):
        densenet_run("densenet_full", f"folder:{folder}", 0, tmp_path / "out", recipe=TINY)


def test_the_cost_of_a_full_model_counts_its_expanding_path():
    half, full = model("half"), model("full")
    half_cost, full_cost = (multiply_adds(n, 3, 16, lambda n, x: n.outputs(x)) for n in (half, full))
    assert full_cost > 1.5 * half_cost
    assert full.training
    assert not full.classifier.training


def test_the_command_hands_over_and_refuses_what_means_nothing(c2f, folder, tmp_path):
    small = (f"folder:{folder}", "--recipe", "scenes", "--image-size", 16, "--epochs", 1, "--device", "cpu")
    where = ("--output", tmp_path / "out")
    status, text, complaint = c2f("train", "densenet_half", *small, *where)
    assert status == 0, complaint
    assert "densenet_half--folder-pictures--seed0: test accuracy" in text
    status, text, complaint = c2f("train", "densenet_full", *small, *where, "--stream", "--workers", 0)
    assert status == 0, complaint
    assert "grey levels" in text
    assert "already in" in c2f("train", "densenet_full", *small, *where)[1]
    for arguments in (("densenet_half", *small, "--merge", "sum"), ("lenetfc", "mnist", "--workers", 1)):
        status, _, complaint = c2f("train", *arguments)
        assert status == 2
        assert "Unrecognized" in complaint
        assert arguments[-2] in complaint
    status, _, text = c2f(
        "measure-maps", f"folder:{folder}", "--weights", tmp_path / "out", "--threshold-pictures", 3, "--pictures", 6
    )
    assert status == 2
    assert "neither boxes nor masks" in text


def test_reference_pieces_come_half_before_full():
    names = [piece.name for piece in reference.pieces()]
    assert len(set(names)) == len(names)
    for name in names:
        if name.startswith("densenet_full"):
            assert names.index(name.replace("_full", "_half")) < names.index(name)
    assert names[:3] == [f"densenet_{what}--scenes-fashion-mnist--seed0" for what in ("half", "full", "maps")]
