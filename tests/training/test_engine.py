"""How steps are carried out: chosen by measurements, remembered, and equal up to rounding."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from c2f import networks
from c2f.datasets.batches import Batches
from c2f.datasets.pictures import Pictures
from c2f.networks.pyramid import Pyramid
from c2f.training import engine as engines
from c2f.training import speed
from c2f.training.engine import ENGINES, Engine, settle
from c2f.training.loop import classifying, fit, trial
from c2f.training.recipes import Recipe

RECIPE = Recipe("r", epochs=2, lr=0.01, batch_size=8, validation=0.0)


def pictures(count=40, side=28, channels=1):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, channels, side, side), generator=generator).byte()
    return Pictures(images, torch.randint(10, (count,), generator=generator), tuple("abcdefghij"))


def loader(**how):
    return Batches(pictures(**how), 8, shuffle=True)


ALL = ["plain float32", "channels_last float32", "compiled float32"]


@pytest.fixture
def tried():
    return trial(networks.build("lenetfc", 1, 10, 28, seed=0), loader(), RECIPE, "lenetfc")


@pytest.fixture
def clock(monkeypatch):
    """Pretend that steps take these seconds; gives the engines that were measured, those of one call together."""
    seconds = {"plain float32": 4.0, "channels_last float32": 3.0, "compiled float32": 1.0}
    seconds |= {"channels_last bfloat16": 2.0, "plain bfloat16": 5.0, "compiled bfloat16": 0.5}
    asked = []

    def measured(trial, tried, batch):
        asked.append([str(engine) for engine in tried])
        found = {str(engine): seconds[str(engine)] for engine in tried}
        return found | ({"compiling": 100.0} if any(engine.name == "compiled" for engine in tried) else {})

    monkeypatch.setattr(engines, "_measured", measured)
    monkeypatch.setattr(engines, "can_compile", lambda device: True)
    return asked


@pytest.mark.parametrize(
    ("steps", "chosen", "measured"),
    [
        (10, "plain", 1),  # 40 s: not worth a look
        (20, "channels_last", 2),  # a minute and more, but compiling would take longer than it saves
        (150, "compiled", 3),  # 450 s by the best so far: 250 compiled
    ],
)
def test_the_quickest_is_chosen_where_the_training_is_long_enough(tried, clock, steps, chosen, measured):
    engine = settle(replace(tried, steps=steps), {})
    assert engine == Engine(chosen, "float32", torch.get_num_threads())
    assert clock == [ALL[:count] for count in range(1, measured + 1)]  # each time those known already take turns again


def test_what_was_measured_is_remembered_until_it_is_forgotten(tried, clock):
    long = replace(tried, steps=1000)
    assert settle(long, {}) == settle(long, {})
    assert clock.count(ALL) == 1
    ((what, seconds),) = speed.remembered().items()
    assert what.startswith("lenetfc, 7670 parameters, batch 8x1x28x28, 1 threads, torch ")
    assert seconds == {"plain float32": 4.0, "channels_last float32": 3.0, "compiled float32": 1.0, "compiling": 100.0}
    assert settle(replace(tried, steps=20), {}).name == "channels_last"  # remembered seconds, this training's steps
    speed.forget()
    assert speed.remembered() == {}
    settle(long, {})
    assert clock.count(ALL) == 2


@pytest.fixture
def turns(monkeypatch):
    """Pretend that steps take these seconds, an error being raised; gives which engine took each."""
    taken, seconds = [], {"plain": [9.0, 3.0, 1.0, 2.0, *[8.0] * 20], "compiled": [9.0, 4.0, 5.0, 3.0, *[0.5] * 20]}

    def timed(trial, engine, batch):
        left = iter(seconds[engine.name])

        def step():
            taken.append(engine.name)
            value = next(left)
            if isinstance(value, Exception):
                raise value
            return value

        return step

    monkeypatch.setattr(engines, "_timed_step", timed)

    def measured(trial):
        return engines._measured(trial, [Engine("plain"), Engine("compiled")], trial.batch())

    return taken, seconds, measured


@pytest.mark.parametrize(
    ("steps", "rounds", "found"),
    [
        (
            0,
            2,
            {"plain float32": 1.0, "compiled float32": 4.0, "compiling": 5.0},
        ),  # more would take longer than it saves
        (10**9, 10, {"plain float32": 1.0, "compiled float32": 0.5, "compiling": 8.5}),
    ],
)
def test_engines_take_turns_and_the_quickest_step_counts(tried, turns, steps, rounds, found):
    taken, _, measured = turns
    assert measured(replace(tried, steps=steps)) == found
    assert taken == ["plain", "compiled"] * (1 + rounds)


@pytest.mark.parametrize("when", [0, 2])
def test_an_engine_that_fails_is_passed_over_whenever_it_does(tried, turns, when):
    taken, seconds, measured = turns
    seconds["compiled"][when] = RuntimeError("")
    assert measured(replace(tried, steps=0)) == {"plain float32": 1.0, "compiled float32": math.inf}
    assert taken.count("compiled") == when + 1


def test_a_lack_of_memory_is_not_remembered(tried, turns):
    _, seconds, measured = turns
    seconds["compiled"][1] = torch.OutOfMemoryError("no room")
    assert measured(replace(tried, steps=0)) == {"plain float32": 1.0}


def test_an_engine_is_timed_at_work(tried):
    seen = []

    def begin(network, engine):
        def step(x, y):
            weights = [p for p in network.parameters() if p.dim() == 4 and min(p.shape[1], p.shape[2]) > 1]
            seen.append((network.training, weights[0].is_contiguous(), torch.get_num_threads()))
            return classifying(network, engine, len(x))(x, y)

        return step

    some = [Engine("plain", threads=1), Engine("channels_last", threads=1)]
    engines._measured(replace(tried, begin=begin, steps=0), some, tried.batch())
    assert seen == [(True, True, 1), (True, False, 1)] * 3


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {"plain float32": "x"}}', "{" * 5000])
def test_a_damaged_memory_is_no_memory(tried, clock, content):
    speed.speed_file().parent.mkdir(parents=True, exist_ok=True)
    speed.speed_file().write_text(content)
    assert speed.remembered() == {}
    assert settle(replace(tried, steps=1000), {}).name == "compiled"
    assert len(speed.remembered()) == 1


def test_where_nothing_can_be_kept_it_is_measured_each_time(tried, clock, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("C2F_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert settle(replace(tried, steps=1000), {}).name == "compiled"
    assert clock.count(ALL) == 2


def test_without_a_compiler_nothing_is_compiled(tried, clock, monkeypatch):
    monkeypatch.setattr(engines, "can_compile", lambda device: False)
    assert settle(replace(tried, steps=1000), {}).name == "channels_last"
    with pytest.raises(ValueError, match=r"engine 'compiled' needs a C\+\+ compiler"):
        settle(tried, {"engine": "compiled"})


def test_what_is_asked_for_is_taken_unmeasured(tried, clock):
    asked = settle(replace(tried, steps=1000), {"engine": "plain", "precision": "bfloat16"})
    assert (asked.name, asked.precision) == ("plain", "bfloat16")
    assert not clock


def test_bfloat16_is_taken_unasked_only_where_it_was_shown_to_do_as_well(tried, clock, monkeypatch):
    monkeypatch.setattr(engines, "_has_bfloat16", lambda device: True)
    monkeypatch.setattr(engines, "SAME_IN_BFLOAT16", ())
    assert settle(replace(tried, steps=1000), {}).precision == "float32"
    monkeypatch.setattr(engines, "SAME_IN_BFLOAT16", ("lenetfc",))
    assert str(settle(replace(tried, steps=1000), {})) == "compiled bfloat16"
    assert settle(replace(tried, steps=1000, name="nin"), {}).precision == "float32"
    monkeypatch.setattr(engines, "_has_bfloat16", lambda device: False)
    assert settle(replace(tried, steps=1000), {}).precision == "float32"


@pytest.mark.parametrize("wanted", [{"engine": "channel_last"}, {"precision": "float8"}, {"engine": "compiled"}])
def test_what_there_is_not_is_refused(tried, wanted):
    with pytest.raises(ValueError, match=r"unknown (engine|precision)"):
        settle(replace(tried, engines=("plain", "channels_last")), wanted)


def test_measuring_leaves_the_network_and_the_random_numbers_alone(tried, monkeypatch):
    monkeypatch.setattr(engines, "SHORT", 0.0)
    before = {name: value.clone() for name, value in tried.network.state_dict().items()}
    state = torch.get_rng_state()
    engine = settle(tried, {})
    assert engine.name in ("plain", "channels_last")
    (seconds,) = speed.remembered().values()
    assert set(seconds) == {"plain float32", "channels_last float32"}
    assert all(0 < value < 60 for value in seconds.values())
    assert all(torch.equal(before[name], value) for name, value in tried.network.state_dict().items())
    assert all(p.grad is None and p.is_contiguous() for p in tried.network.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_compiler_that_fails_is_passed_over(tried, monkeypatch):
    def fail(network, **how):
        def forward(x):
            raise RuntimeError("no such header")

        return forward

    monkeypatch.setattr(engines.torch, "compile", fail)
    monkeypatch.setattr(engines, "SHORT", 0.0)
    monkeypatch.setattr(engines, "LONG", 0.0)
    monkeypatch.setattr(engines, "can_compile", lambda device: True)
    assert settle(tried, {}).name != "compiled"
    assert math.isinf(next(iter(speed.remembered().values()))["compiled float32"])


class Exact:
    """A loader's batches in another precision."""

    def __init__(self, batches, dtype):
        self.batches, self.dtype, self.num_pictures = batches, dtype, batches.num_pictures

    def __len__(self):
        return len(self.batches)

    def epoch(self, number):
        return ((x.to(self.dtype), y) for x, y in self.batches.epoch(number))


def train(name, engine, shape=(1, 28), dtype=torch.float32, **how):
    channels, side = shape
    network = networks.build(name, channels, 10, side, seed=0).to(dtype)
    batches = Exact(loader(side=side, channels=channels), dtype)
    return network, fit(network, batches, replace(RECIPE, epochs=4), num_classes=10, engine=engine, **how)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("lenetfc", (1, 28)), ("lenetfc_td", (1, 28)), ("nin_light_td_rev", (1, 12)), ("resnet32_td", (3, 8))],
)
def test_engines_learn_the_same(name, shape, monkeypatch):
    # what torch's default backend makes of a graph is for torch to test; this one is quick
    compiling = torch.compile
    monkeypatch.setattr(engines.torch, "compile", lambda module, **how: compiling(module, backend="aot_eager", **how))
    # Twenty steps. In float32 they part from float64's by up to a hundredth, whatever the engine; here they must not.
    exact = {one: train(name, Engine(one, threads=1), shape, torch.float64)[1].train_loss[-1] for one in ENGINES}
    assert exact["channels_last"] == pytest.approx(exact["plain"], abs=1e-9)
    assert exact["compiled"] == pytest.approx(exact["plain"], abs=1e-9)
    half = train(name, Engine("channels_last", "bfloat16", 1), shape)[1].train_loss[-1]
    assert 0 < abs(half - exact["plain"]) < 0.05


@pytest.mark.parametrize(("name", "shape"), [("lenetfc_td", (1, 28)), ("resnet32_td", (3, 8))])
def test_the_first_loss_is_the_same_in_float32(name, shape):
    network = networks.build(name, shape[0], 10, shape[1], seed=0)
    x, y = next(iter(loader(channels=shape[0], side=shape[1]).epoch(0)))
    plain, other = (classifying(network, Engine(one), 8)(x, y)[0] for one in ("plain", "channels_last"))
    torch.testing.assert_close(other, plain, rtol=0, atol=1e-5)


def test_in_bfloat16_weights_and_averages_stay_float32():
    network, _ = train("lenetfc_td", Engine("channels_last", "bfloat16", 1))
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32, torch.int64}
    plain, _ = train("lenetfc_td", Engine(threads=1))
    for name, value in network.state_dict().items():
        if "running_mean" in name:
            torch.testing.assert_close(value, plain.state_dict()[name], rtol=0.1, atol=0.02)


def test_mixed_precision_rounds_no_level_of_the_pyramid():
    pyramid, x = Pyramid(28), torch.rand(2, 1, 28, 28)
    expected = pyramid(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(torch.equal(a, b) for a, b in zip(pyramid(x), expected, strict=True))


def test_afterwards_memory_format_and_threads_are_as_before():
    threads = torch.get_num_threads()
    network, _ = train("lenetfc", Engine("channels_last", "float32", 2))
    assert all(parameter.is_contiguous() for parameter in network.parameters())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("engine", [Engine("channels_last", "float32", 1), Engine("channels_last", "bfloat16", 1)])
def test_a_killed_training_goes_on_with_its_engine_and_ends_in_the_same_weights(engine, tmp_path, tried, clock):
    """Weights and momentum come back in one memory format: an optimiser that runs through both would mix them up."""

    def kill(history):
        raise KeyboardInterrupt

    straight, _ = train("lenetfc_td", engine)
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        train("lenetfc_td", engine, checkpoint=path, on_epoch=kill)
    bits = "float32" if engine.precision == "float32" else "bfloat16"
    begun = settle(replace(tried, steps=1000), {"precision": bits}, path)
    assert (begun, clock) == (engine, [])
    resumed, history = train("lenetfc_td", begun, checkpoint=path)
    assert len(history) == 4
    for name, value in straight.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)
    with pytest.raises(ValueError, match="engine channels_last there, plain now"):
        train("lenetfc_td", Engine(threads=1), checkpoint=path)


def test_a_training_goes_on_with_its_threads_beside_other_work_too(tmp_path, tried, monkeypatch):
    """A busy machine leaves fewer threads than the training was begun with, by the same variable that a user sets."""

    def kill(history):
        raise KeyboardInterrupt

    path, engine = tmp_path / "run.pt", Engine(threads=2)
    with pytest.raises(KeyboardInterrupt):
        train("lenetfc", engine, checkpoint=path, on_epoch=kill)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    begun = settle(tried, {}, path)
    assert begun == engine
    assert len(train("lenetfc", begun, checkpoint=path)[1]) == 4


def test_a_frozen_batch_norm_stays_frozen():
    network = networks.build("lenetfc", 1, 10, 28, seed=0)
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    norm.eval()
    before = norm.running_mean.clone()
    fit(network, loader(), RECIPE, num_classes=10, validation=loader())
    assert not norm.training
    assert torch.equal(norm.running_mean, before)
    network.eval()  # as a network comes that was looked at: all of it is to learn
    fit(network, loader(), RECIPE, num_classes=10)
    assert norm.training
    assert not torch.equal(norm.running_mean, before)
