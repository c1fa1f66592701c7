import io
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from c2f import networks
from c2f.common.files import sealed
from c2f.datasets.augment import shift_flip
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.networks.blocks import GlobalMean, SameConv2d
from c2f.runs.parts import OutOfTime
from c2f.training import checkpoints
from c2f.training import loop as training
from c2f.training.checkpoints import History
from c2f.training.loop import fit, optimiser, penalty, set_learning_rate
from c2f.training.recipes import Recipe

RECIPE = Recipe("r", epochs=5, weight_decay=1e-3, batch_size=16)


def pictures(n=60, size=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=generator)
    images = torch.randint(0, 120, (n, 1, size, size), generator=generator)
    images += 60 * labels[:, None, None, None]  # brighter by class: there is something to learn
    return Pictures(images.byte(), labels, ("a", "b", "c"))


def tiny(seed=0):
    """A network with all that has a state: kernels with and without penalty, batch norm, dropout."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first = SameConv2d(1, 4, 3, regularised=False)
        return nn.Sequential(first, nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), GlobalMean(), nn.Linear(4, 3))


def loaders(augment=shift_flip, seed=0, batch_size=16):
    train = Batches(pictures(), batch_size, shuffle=True, augment=augment, seed=seed)
    return train, Batches(pictures(20, seed=1), 7)


def run(network=None, recipe=RECIPE, seed=0, **more):
    network = tiny() if network is None else network
    train, validation = loaders(seed=seed)
    history = fit(network, train, recipe, num_classes=3, validation=validation, seed=seed, **more)
    return network, history


def same_weights(a, b):
    a, b = a.state_dict(), b.state_dict()
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


def summary_line(history):
    """What a history says but for how long it took."""
    return {key: value for key, value in vars(history).items() if key != "seconds"}


class Fixed:
    """The same batches every epoch."""

    def __init__(self, *batches):
        self.batches = batches
        self.num_pictures = sum(len(y) for _, y in batches)

    def __len__(self):
        return len(self.batches)

    def epoch(self, number):
        return iter(self.batches)


def test_it_learns_and_tells_how():
    _, history = run(recipe=replace(RECIPE, epochs=20))
    assert history.val_accuracy[-1] > 0.8
    assert history.train_loss[-1] < history.train_loss[0]
    assert len(history) == 20
    assert all(seconds > 0 for seconds in history.seconds)
    assert history.learning_rate == pytest.approx([0.1] * 10 + [0.01] * 6 + [0.001] * 4)
    frame = history.frame()
    assert list(frame) == ["epoch", *vars(history)]
    assert frame["epoch"].tolist() == list(range(1, 21))
    assert frame["val_loss"].tolist() == history.val_loss


def test_it_says_nothing_and_leaves_the_global_random_state(capsys):
    state = torch.get_rng_state()
    run(recipe=replace(RECIPE, epochs=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert capsys.readouterr() == ("", "")


def test_without_validation_pictures_there_is_no_validation():
    history = fit(tiny(), loaders()[0], replace(RECIPE, epochs=2), num_classes=3)
    assert np.isnan(history.val_loss).all()
    assert np.isnan(history.val_accuracy).all()


def test_validation_has_no_influence():
    watched, _ = run()
    alone = tiny()
    fit(alone, loaders()[0], RECIPE, num_classes=3)
    assert same_weights(watched, alone)


# The arithmetic


def by_hand(w, b, x, y, rates, weight_decay, momentum=0.9):
    """Keras's SGD with Nesterov momentum on a linear classifier, in numpy: v <- m v - lr g, w <- w + m v - lr g."""
    velocity_w, velocity_b = np.zeros_like(w), np.zeros_like(b)
    for lr in rates:
        logits = x @ w.T + b
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        error = (p - np.eye(len(b))[y]) / len(y)
        gradient_w, gradient_b = error.T @ x + 2 * weight_decay * w, error.sum(axis=0)
        velocity_w = momentum * velocity_w - lr * gradient_w
        velocity_b = momentum * velocity_b - lr * gradient_b
        w, b = w + momentum * velocity_w - lr * gradient_w, b + momentum * velocity_b - lr * gradient_b
    return w, b


@pytest.mark.parametrize("epochs", [1, 4, 10])  # ten go over both drops of the learning rate
@pytest.mark.parametrize("weight_decay", [0.0, 0.03])
def test_steps_are_keras_steps(epochs, weight_decay):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (12,), generator=generator)
    network = nn.Linear(5, 3).double()
    w, b = network.weight.detach().numpy().copy(), network.bias.detach().numpy().copy()
    recipe = Recipe("r", epochs=epochs, lr=0.5, weight_decay=weight_decay)
    rates = [recipe.learning_rate(epoch) for epoch in range(epochs)]
    w, b = by_hand(w, b, x.numpy(), y.numpy(), rates, weight_decay)
    fit(network, Fixed((x, y)), recipe, num_classes=3)
    assert len(set(rates)) == {1: 1, 4: 2, 10: 3}[epochs]
    np.testing.assert_allclose(network.weight.detach().numpy(), w, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(network.bias.detach().numpy(), b, rtol=1e-12, atol=1e-14)


def test_at_a_drop_the_velocity_keeps_the_old_rate():
    weight = nn.Parameter(torch.zeros(1))
    optim = torch.optim.SGD([weight], lr=1.0, momentum=0.9, nesterov=True)
    set_learning_rate(optim, 1.0)
    weight.grad = torch.tensor([1.0])
    optim.step()
    assert weight.item() == pytest.approx(-1.9)
    set_learning_rate(optim, 0.1)
    weight.grad = torch.tensor([0.0])
    optim.step()
    # v was -1: v <- 0.9 v = -0.9, w <- w + 0.9 v = w - 0.81, as if nothing had dropped; torch alone goes by -0.081.
    assert weight.item() == pytest.approx(-1.9 - 0.81)


def test_the_penalty_is_without_a_half_and_covers_kernels_alone():
    network = nn.Sequential(SameConv2d(1, 1, 1, regularised=False), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 2))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 3.0)
    assert penalty(network, 0.01).item() == pytest.approx(0.01 * 8 * 9)
    decayed, free = optimiser(network, replace(RECIPE, weight_decay=0.01)).param_groups
    assert decayed["weight_decay"] == 0.02
    assert [id(p) for p in decayed["params"]] == [id(network[3].weight)]
    assert free["weight_decay"] == 0
    assert len(free["params"]) == 5


@pytest.mark.parametrize("name", ["lenetfc_td", "nin", "resnet32_td_uni"])
def test_the_optimiser_has_every_parameter_once(name):
    network = networks.build(name, 1, 10, 8)
    decayed, free = optimiser(network, replace(RECIPE, weight_decay=0.01)).param_groups
    assert sorted(map(id, decayed["params"] + free["params"])) == sorted(map(id, network.parameters()))
    assert all(p.ndim > 1 for p in decayed["params"])
    gradients = torch.autograd.grad(penalty(network, 0.01), decayed["params"])
    for parameter, gradient in zip(decayed["params"], gradients, strict=True):
        torch.testing.assert_close(gradient, decayed["weight_decay"] * parameter.detach())


@pytest.mark.parametrize("batch_size", [60, 16, 7])
def test_losses_weigh_every_picture_the_same_and_include_the_penalty(batch_size):
    # A rate so small that no weight moves: the epoch's means are those of the network as it was.
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    before = network[1].weight.detach().clone()
    recipe = Recipe("r", epochs=1, lr=1e-30, weight_decay=0.05)
    train, validation = loaders(augment=None, batch_size=batch_size)
    history = fit(network, train, recipe, num_classes=3, validation=validation)
    assert torch.equal(network[1].weight, before)
    with torch.no_grad():
        extra = 0.05 * float((before**2).sum())
        for part, loss, accuracy in (
            (pictures(), history.train_loss[0], history.train_accuracy[0]),
            (pictures(20, seed=1), history.val_loss[0], history.val_accuracy[0]),
        ):
            logits = network(part.images.float() / 255)
            assert loss == pytest.approx(float(F.cross_entropy(logits, part.labels)) + extra, rel=1e-5)
            assert accuracy == pytest.approx(float((logits.argmax(dim=1) == part.labels).double().mean()), abs=1e-12)


def test_dropout_acts_in_training_and_not_in_validation():
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(self.training)
            return x

    network = nn.Sequential(Spy(), nn.Flatten(), nn.Linear(64, 3)).eval()
    train, validation = loaders(augment=None)
    fit(network, train, replace(RECIPE, epochs=2), num_classes=3, validation=validation)
    assert seen == ([True] * 4 + [False] * 3) * 2


# Determinism, and runs that are killed


@pytest.mark.parametrize("name", ["tiny", "nin_light", "lenetfc_td"])
def test_the_same_seed_gives_the_same_weights_bit_for_bit(name):
    def train(seed, state):
        torch.manual_seed(state)  # which must not matter
        network = tiny() if name == "tiny" else networks.build(name, 1, 3, 8, seed=0)
        return run(network, replace(RECIPE, epochs=2), seed=seed)

    (first, history), (again, history_again) = train(0, 5), train(0, 6)
    assert same_weights(first, again)
    assert summary_line(history) == summary_line(history_again)
    assert not same_weights(first, train(1, 5)[0])


def test_dropout_follows_the_seed():
    def train(seed):
        network = tiny()
        fit(network, loaders(augment=None)[0], replace(RECIPE, epochs=1), num_classes=3, seed=seed)
        return network

    assert same_weights(train(1), train(1))
    assert not same_weights(train(1), train(2))  # the loaders have the same order


def test_every_epoch_draws_anew():
    drawn = []

    class Draws(nn.Module):
        def forward(self, x):
            drawn.append(float(torch.rand(())))
            return x

    recipe = replace(RECIPE, epochs=3)
    for seed in (0, 1):
        fit(nn.Sequential(Draws(), nn.Flatten(), nn.Linear(64, 3)), loaders()[0], recipe, num_classes=3, seed=seed)
    assert len(set(drawn)) == len(drawn) == 2 * 3 * 4  # seeds, epochs, batches


class Killed(BaseException):
    """Stands for SIGKILL where the test must live on."""


class KilledAt:
    """A loader that kills in epoch ``epoch``, at its batch ``batch``."""

    def __init__(self, loader, epoch, batch, kill):
        self.loader, self.when, self.kill = loader, (epoch, batch), kill
        self.num_pictures = loader.num_pictures

    def __len__(self):
        return len(self.loader)

    def epoch(self, number):
        for i, batch in enumerate(self.loader.epoch(number)):
            if (number, i) == self.when:
                self.kill()
            yield batch


def kill():
    raise Killed


@pytest.mark.parametrize(("name", "epoch"), [("tiny", 0), ("tiny", 1), ("tiny", 3), ("tiny", 4), ("nin_light_td", 1)])
def test_killed_within_an_epoch_and_resumed_it_ends_as_if_unbroken(tmp_path, name, epoch):
    def fresh(seed=0):
        return tiny(seed) if name == "tiny" else networks.build(name, 1, 3, 8, seed=seed)

    recipe = RECIPE if name == "tiny" else replace(RECIPE, epochs=2)
    unbroken, history = run(fresh(), recipe)
    checkpoint = tmp_path / "run.pt"
    train, validation = loaders()
    options = {"num_classes": 3, "validation": validation, "seed": 0, "checkpoint": checkpoint}
    with pytest.raises(Killed):
        fit(fresh(), KilledAt(train, epoch, 2, kill), recipe, **options)
    assert checkpoint.exists() == (epoch > 0)
    resumed = fresh(seed=9 if epoch else 0)  # its own weights do not matter once there is a checkpoint
    history_resumed = fit(resumed, train, recipe, **options)
    assert same_weights(resumed, unbroken)
    assert summary_line(history_resumed) == summary_line(history)


def test_killed_after_every_epoch(tmp_path):
    unbroken, history = run()

    def stop(history):
        if len(history) > lengths[-1]:
            lengths.append(len(history))
            raise Killed

    lengths = [0]
    for seed in range(RECIPE.epochs):  # the first network's weights count, the others' are in the checkpoint
        with pytest.raises(Killed):
            run(tiny(seed), checkpoint=tmp_path / "run.pt", on_epoch=stop)
    assert lengths == [0, 1, 2, 3, 4, 5]
    network, resumed = run(tiny(9), checkpoint=tmp_path / "run.pt", on_epoch=stop)
    assert same_weights(network, unbroken)
    assert summary_line(resumed) == summary_line(history)


def test_killed_while_it_writes_the_checkpoint(tmp_path, monkeypatch):
    unbroken, _ = run()
    save, calls = torch.save, []

    def half_way(state, path):
        calls.append(path)
        if len(calls) == 3:
            Path(path).write_bytes(b"half a checkpoint")
            raise Killed
        save(state, path)

    monkeypatch.setattr(training.torch, "save", half_way)
    with pytest.raises(Killed):
        run(checkpoint=tmp_path / "run.pt")
    assert os.listdir(tmp_path) == ["run.pt"]
    lengths = []
    network, _ = run(tiny(9), checkpoint=tmp_path / "run.pt", on_epoch=lambda history: lengths.append(len(history)))
    assert lengths == [2, 3, 4, 5]  # once when resuming, then after each epoch
    assert same_weights(network, unbroken)


VICTIM = """
import os, signal, sys
from pathlib import Path
import tests.training.test_training as t

train, validation = t.loaders()
train = t.KilledAt(train, 3, 1, lambda: os.kill(os.getpid(), signal.SIGKILL))
t.fit(t.tiny(), train, t.RECIPE, num_classes=3, validation=validation, checkpoint=Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_by_the_system_and_resumed_in_another_process(tmp_path):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": str(root)}
    checkpoint = tmp_path / "run.pt"
    command = [sys.executable, "-c", VICTIM, str(checkpoint)]
    died = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    lengths = []
    resumed, history = run(tiny(9), checkpoint=checkpoint, on_epoch=lambda history: lengths.append(len(history)))
    assert lengths == [3, 4, 5]
    unbroken, expected = run()
    assert same_weights(resumed, unbroken)
    assert summary_line(history) == summary_line(expected)


def test_a_finished_run_is_not_trained_again(tmp_path):
    finished, history = run(checkpoint=tmp_path / "run.pt")
    calls = []
    again, told_again = run(tiny(9), checkpoint=tmp_path / "run.pt", on_epoch=calls.append)
    assert len(calls) == 1
    assert same_weights(finished, again)
    assert vars(told_again) == vars(history)


def test_a_checkpoint_holds_no_code(tmp_path):
    run(recipe=replace(RECIPE, epochs=1), checkpoint=tmp_path / "run.pt")
    state = torch.load(io.BytesIO(sealed(tmp_path / "run.pt")), weights_only=True)
    assert set(state) == {"fingerprint", "network", "optimiser", "history"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("once") / "run.pt"
    run(recipe=replace(RECIPE, epochs=2), checkpoint=path, identity={"data": "mine", "merge": "sum"})
    return path


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"recipe": replace(RECIPE, epochs=2, lr=0.2)}, "lr 0.1 there, 0.2 now"),
        ({"recipe": replace(RECIPE, epochs=3, weight_decay=0.0)}, "epochs 2 there, 3 now, weight_decay .* now"),
        ({"seed": 1}, "seed 0 there, 1 now"),
        ({"network": nn.Sequential(nn.Flatten(), nn.Linear(64, 3))}, "shapes of .* tensors there, of 2 tensors now"),
        ({"identity": {"data": "mine", "merge": "concat"}}, "merge sum there, concat now"),
        ({"identity": {}}, "data mine there, None now, merge sum there, None now"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(checkpoint, tmp_path, changes, differs):
    path = Path(shutil.copy(checkpoint, tmp_path))
    before = path.read_bytes()
    options = {"recipe": replace(RECIPE, epochs=2), "identity": {"data": "mine", "merge": "sum"}, **changes}
    network = options.pop("network", None) or tiny()
    weights = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(
        ValueError, match=rf"run\.pt is of another run, or would end in other weights: {differs}; go on .*delete it"
    ):
        run(network, checkpoint=path, **options)
    assert path.read_bytes() == before
    assert all(torch.equal(weights[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped", "older"])
def test_a_damaged_checkpoint_is_begun_anew(checkpoint, tmp_path, caplog, damage):
    path = tmp_path / "run.pt"
    whole = checkpoint.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 16
    parts = {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"hello", "flipped": bytes(flipped)}
    if damage == "older":
        torch.save({"fingerprint": {}}, path)
    else:
        path.write_bytes(parts[damage])
    unbroken, _ = run()
    found, history = run(checkpoint=path)
    assert same_weights(found, unbroken)
    assert len(history) == RECIPE.epochs
    assert [record.message for record in caplog.records] == [
        f"{path} is damaged: its checksum does not fit; training from the start"
    ]


def test_other_code_begins_anew_and_other_threads_are_refused(tmp_path, caplog, monkeypatch):
    path = tmp_path / "run.pt"
    short = replace(RECIPE, epochs=2)
    run(recipe=short, checkpoint=path)
    kept = path.read_bytes()
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(ValueError, match=rf"threads {threads} there, {threads + 1} now; .*OMP_NUM_THREADS"):
            run(recipe=short, checkpoint=path)
    finally:
        torch.set_num_threads(threads)
    assert path.read_bytes() == kept
    seen = []
    run(recipe=short, checkpoint=path, on_epoch=lambda history: seen.append(len(history)))
    monkeypatch.setattr(checkpoints, "code_version", lambda: "another")
    run(recipe=short, checkpoint=path, on_epoch=lambda history: seen.append(len(history)))
    assert seen == [2, 1, 2]
    assert "was made by other code" in caplog.text


# Time, and losses that are no numbers


def test_an_epoch_that_would_not_end_in_time_is_not_begun(tmp_path, monkeypatch):
    unbroken, _ = run()
    clock = SimpleNamespace(now=0.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now, perf_counter=lambda: clock.now)
    for module in (training, checkpoints):
        monkeypatch.setattr(module, "time", fake)

    def tick():
        clock.now += 10  # every epoch takes ten seconds by this clock: one tick, in its third batch

    train, validation = loaders()
    options = {"num_classes": 3, "validation": validation, "checkpoint": tmp_path / "run.pt"}

    class Slow(KilledAt):
        def epoch(self, number):
            self.when = (number, 2)
            return super().epoch(number)

    with pytest.raises(OutOfTime, match="stopped before epoch 3 of 5"):
        fit(tiny(), Slow(train, 0, 0, tick), RECIPE, deadline=29, **options)
    assert clock.now == 20
    with pytest.raises(OutOfTime, match="stopped before epoch 4 of 5"):
        fit(tiny(), Slow(train, 0, 0, tick), RECIPE, deadline=30, **options)  # to the very second
    with pytest.raises(OutOfTime, match="stopped before epoch 4 of 5"):
        fit(tiny(), Slow(train, 0, 0, tick), RECIPE, deadline=39, **options)
    resumed = tiny(9)
    history = fit(resumed, Slow(train, 0, 0, tick), RECIPE, deadline=1000, **options)
    assert history.seconds == [10] * 5
    assert same_weights(resumed, unbroken)


def test_past_its_deadline_nothing_is_done(tmp_path):
    network = tiny()
    with pytest.raises(OutOfTime, match="stopped before epoch 1 of 5"):
        run(network, checkpoint=tmp_path / "run.pt", deadline=time.monotonic() - 1)
    assert same_weights(network, tiny())
    assert os.listdir(tmp_path) == []


def test_a_loss_that_is_no_number_is_refused(tmp_path):
    x, y = torch.randn(4, 5), torch.tensor([0, 1, 2, 0])
    bad = x.clone()
    bad[0, 0] = float("nan")

    class Later(Fixed):
        def epoch(self, number):
            return iter([(x, y), (bad if number == 2 else x, y)])

    checkpoint = tmp_path / "run.pt"
    message = r"the training loss is nan in epoch 3 at learning rate 0\.01: try a lower one"
    with pytest.raises(FloatingPointError, match=message):
        fit(nn.Linear(5, 3), Later((x, y)), replace(RECIPE, epochs=4), num_classes=3, checkpoint=checkpoint)
    state = torch.load(checkpoint, weights_only=True)
    assert len(History(**state["history"])) == 2  # the good epochs are kept
    assert all(value.isfinite().all() for value in state["network"].values())


def test_a_rate_that_is_too_high_is_refused():
    with pytest.raises(FloatingPointError, match=r"the training loss is (nan|inf) in epoch \d at learning rate 1e\+20"):
        run(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), replace(RECIPE, epochs=4, lr=1e20))
