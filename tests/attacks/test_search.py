"""The shared search, on models whose answers are known."""

import foolbox
import pytest
import torch
from foolbox.criteria import Misclassification, TargetedMisclassification
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from c2f import attacks, networks
from c2f.attacks import gradient
from c2f.attacks.search import Judge, Search
from c2f.common.streams import Streams
from c2f.networks.inference import CLOSE
from c2f.networks.one_pixel import OnePixel


def search_of(strengths, window):
    """A search over pictures of one pixel, 0; picture i is fooled by the steps in ``strengths[i]``."""
    n = len(strengths)
    asked = []

    def fools(made, rows):
        asked.extend(zip(rows.tolist(), made[:, 0, 0, 0].tolist(), strict=True))
        return torch.tensor(
            [round(1000 * v) in strengths[r] for r, v in zip(rows.tolist(), made.flatten().tolist(), strict=True)]
        )

    return Search(torch.zeros(n, 1, 1, 1), (0.0, 1.0), Streams(0, "toy", range(n)), fools, window), asked


def by_step(rows, steps):
    return (steps / 1000)[:, :, None, None, None].float()


hits = st.lists(st.sets(st.integers(0, 29), max_size=4), min_size=1, max_size=5)


@settings(max_examples=25)
@given(hits, st.integers(1, 40))
def test_the_first_hit_is_found_and_every_step_asked_once(strengths, window):
    search, asked = search_of(strengths, window)
    hit, found = search.first_of(by_step, 30)
    assert hit.tolist() == [min(s, default=-1) for s in strengths]
    assert found.flatten().tolist() == pytest.approx([min(s, default=0) / 1000 for s in strengths])
    assert len(asked) == len(set(asked))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(1, 40), st.integers(1, 9))
def test_coarse_to_fine_finds_where_success_begins(begins, window, stride):
    search, _ = search_of([set(range(begin, 30)) for begin in begins], window)
    found = search.first_coarse_to_fine(by_step, 30, stride)
    assert found.flatten().tolist() == pytest.approx([begin / 1000 if begin < 30 else 0 for begin in begins])


class Edges(nn.Module):
    """Logits 0 and ``scale`` (x - 1/2), of one pixel."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        logit = self.scale * (x[:, 0, 0, 0] - 0.5)
        return torch.stack([torch.zeros_like(logit), logit], dim=1)


def test_where_the_answer_is_close_the_network_itself_is_asked():
    model = attacks.victim(Edges())
    pictures = torch.tensor([0.1, 0.9, 0.2, 0.8]).view(4, 1, 1, 1)
    judge = Judge(model, Misclassification(torch.tensor([0, 0, 1, 1])), pictures)
    assert judge.fast
    assert judge.fooled.tolist() == [False, True, True, False]
    close = torch.tensor([0.5, 0.5]).view(2, 1, 1, 1)
    model.fast = lambda x: torch.tensor([[1, 1 + CLOSE / 2]]).expand(len(x), 2)  # says 1, by a hair
    assert judge(close, torch.tensor([0, 0])).tolist() == [False, False]
    model.fast = lambda x: torch.tensor([[1, 1 + 3 * CLOSE]]).expand(len(x), 2)
    assert judge(close, torch.tensor([0, 0])).tolist() == [True, True]


def test_a_network_that_folding_changes_is_not_asked_through_it():
    model = attacks.victim(Edges())
    model.fast = lambda x: torch.zeros(len(x), 2)
    pictures = torch.tensor([0.1, 0.9]).view(2, 1, 1, 1)
    assert not Judge(model, Misclassification(torch.tensor([0, 1])), pictures).fast


def test_single_pixels_whose_logits_are_others_are_not_believed(monkeypatch):
    model, pictures = attacks.victim(networks.build("lenetfc", 1, 3, 8, seed=1)), torch.rand(3, 1, 8, 8)
    goal = Misclassification(torch.tensor([0, 1, 2]))
    assert Judge(model, goal, pictures).of_one_pixel(pictures[0], 0) is not None
    monkeypatch.setattr(OnePixel, "__call__", lambda self, pixels, changes: torch.ones(len(pixels), 3))
    assert Judge(model, goal, pictures).of_one_pixel(pictures[0], 0) is None


# From here on through Foolbox's own call.

MODEL = attacks.victim(Edges())
GREY = torch.full((3, 1, 8, 8), 0.9)
ONES = torch.ones(3, dtype=torch.int64)


def run(model=MODEL, pictures=GREY, labels=ONES, attack="contrast", **options):
    return attacks.build(attack)(model, pictures, labels, epsilons=None, **options)


@pytest.mark.parametrize("protocol", attacks.PROTOCOLS)
@pytest.mark.parametrize("name", attacks.names())
def test_a_network_that_never_changes_its_mind_and_one_that_is_always_wrong(name, protocol, monkeypatch):
    monkeypatch.setattr("c2f.attacks.noise.DIRECTIONS", 20)
    x = torch.rand(2, 2, 6, 6, generator=torch.Generator().manual_seed(0))

    class Constant(nn.Module):
        def forward(self, x):
            return torch.tensor([[3.0, 0.0]]).expand(len(x), 2) + 0 * x.mean()

    attack = attacks.build(name, protocol)
    for label, succeeds in ((0, False), (1, True)):
        raw, clipped, success = attack(attacks.victim(Constant()), x, torch.full((2,), label), epsilons=None)
        assert torch.equal(raw, x)
        assert torch.equal(clipped, x)
        assert success.tolist() == [succeeds] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pictures": GREY + 0.2}, r"within the model's bounds \[0, 1\], but run from 1.1 to 1.1"),
        ({"pictures": GREY * torch.nan}, "within the model's bounds"),
        ({"pictures": GREY[0]}, r"float32 tensor \(N, C, H, W\) .* not torch.float32 \(1, 8, 8\)"),
        ({"pictures": GREY.double()}, "not torch.float64"),
        ({"pictures": GREY[:0], "labels": ONES[:0]}, "at least one picture"),
        ({"pictures": GREY.numpy()}, "not ndarray"),
        ({"labels": ONES[:2]}, r"labels must be an int64 tensor \(3,\), one a picture, not torch.int64 \(2,\)"),
        ({"labels": ONES.float()}, "not torch.float32"),
        ({"labels": [1, 1, 1]}, "not list"),
        ({"labels": ONES + 1}, "labels run from 2 to 2 but the model has 2 classes"),
        ({"labels": Misclassification(ONES) & Misclassification(ONES)}, "not _And"),
        ({"picture_ids": [0, 1]}, "2 picture ids, the smallest 0, for 3 pictures"),
        ({"picture_ids": [0, 1, -1]}, "the smallest -1"),
        ({"model": attacks.victim(Edges(), torch.zeros(1, 9, 9))}, r"mean picture is \(1, 9, 9\) but"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)


def test_bad_names_seeds_and_repetitions_are_refused():
    with pytest.raises(ValueError, match="unknown attack 'gaussian_blurr'; did you mean 'gaussian_blur'"):
        attacks.build("gaussian_blurr")
    with pytest.raises(ValueError, match="unknown protocol 'papers'; did you mean 'paper'"):
        attacks.build("contrast", "papers")
    with pytest.raises(ValueError, match="unknown attack"):
        attacks.title("x")
    for seed in (-1, 1.5, True):
        with pytest.raises(ValueError, match="seed must be a whole number of at least 0"):
            attacks.build("contrast", seed=seed)
    with pytest.raises(ValueError, match="the seeds 0 to 2"):
        attacks.build("contrast").repeat(3)
    with pytest.raises(TypeError, match="unexpected"):
        run(typo=1)


def test_foolbox_s_own_call_with_epsilons_and_a_target():
    exact = run()[0]
    sizes = (exact - GREY).flatten(1).norm(dim=1)
    _, clipped, success = attacks.build("contrast")(MODEL, GREY, ONES, epsilons=[0.1, 100.0])
    assert success.tolist() == [[False] * 3, [True] * 3]
    assert torch.equal(clipped[1], exact)
    assert sizes[0] > 0.1
    target = TargetedMisclassification(torch.zeros(3, dtype=torch.int64))
    assert torch.equal(run(labels=target)[0], exact)


class Reduced(nn.Module):
    def forward(self, x):
        return nn.functional.linear(x.flatten(1), torch.eye(64)[:3])  # bfloat16 under autocast


def test_a_model_of_reduced_precision_is_refused_and_autocast_does_not_reach_the_search():
    plain = foolbox.PyTorchModel(Reduced().eval(), bounds=(0, 1), device="cpu")
    labels = torch.zeros(3, dtype=torch.int64)
    alone = run(plain, labels=labels, attack="additive_uniform")[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert plain(GREY).dtype == torch.bfloat16
        assert torch.equal(run(plain, labels=labels, attack="additive_uniform")[0], alone)
    half = foolbox.PyTorchModel(nn.Sequential(Half()).eval(), bounds=(0, 1), device="cpu")
    with pytest.raises(ValueError, match=r"outputs are torch.bfloat16 \(3, 2\); attacks need logits .* float32"):
        run(half)


class Half(Edges):
    def forward(self, x):
        return super().forward(x).bfloat16()


class Fickle(Edges):
    """In a batch of three, rounding turns a tie."""

    def forward(self, x):
        return super().forward(x) + torch.tensor([0.0, 1e-6 if len(x) == 3 else 0.0])


def test_what_fools_alone_but_not_in_the_given_batch_comes_back_unchanged():
    raw, _, success = run(foolbox.PyTorchModel(Fickle().eval(), bounds=(0, 1), device="cpu"))
    assert torch.equal(raw, GREY)
    assert not success.any()
    assert run(foolbox.PyTorchModel(Edges().eval(), bounds=(0, 1), device="cpu"))[2].all()


class Mixed(nn.Module):
    """It has a batch norm."""

    def __init__(self, **options):
        super().__init__()
        self.norm = nn.BatchNorm2d(1, **options)

    def forward(self, x):
        return Edges()(self.norm(x))


@pytest.mark.parametrize("n", [1, 3])
def test_answers_that_depend_on_the_batch_or_on_chance_are_refused(n):
    pictures, labels = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)), ONES[:n]
    network = Mixed().train()
    with pytest.warns(UserWarning, match="training mode"):
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    for bad in (model, attacks.victim(Mixed(track_running_stats=False))):
        with pytest.raises(ValueError, match=r"depends on the pictures beside it .* \(network.eval\(\)\)"):
            run(bad, pictures, labels)
        with pytest.raises(ValueError, match="depends on the pictures beside it"):
            gradient.run("pgd_linf", bad, pictures, labels, 0.1)
    run(attacks.victim(network), pictures, labels)  # the copy is in inference mode
    network.eval()
    run(model, pictures, labels)


class Chance(nn.Module):
    def forward(self, x):
        return torch.rand(len(x), 2)


def test_chance_in_the_answers_is_refused():
    with pytest.raises(ValueError, match="or on chance"):
        run(attacks.victim(Chance()))


class ChannelsLast(nn.Module):
    def forward(self, x):
        return Edges()(x.permute(0, 3, 1, 2))


def test_pictures_whose_channels_come_last_are_refused():
    model = foolbox.PyTorchModel(ChannelsLast().eval(), bounds=(0, 1), device="cpu")
    with pytest.raises(ValueError, match=r"channels of \(3, 8, 8, 1\) seem to come last: give pictures.permute"):
        run(model, GREY.permute(0, 2, 3, 1))
    model.data_format = "channels_last"  # as Foolbox's models of TensorFlow say
    with pytest.raises(ValueError, match="seem to come last"):
        run(model)
    run(pictures=GREY.expand(-1, 13, -1, -1))  # a multispectral picture
