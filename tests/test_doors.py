"""Every function that takes a user's network leaves its modes alone, and refuses what is no logits."""

import pytest
import torch
from torch import nn

from c2f import attacks, networks
from c2f.attacks import gradient, masking
from c2f.cam import grad_cam, hires_cam
from c2f.experiments.glimpses.evaluation import evaluate_glimpses
from c2f.experiments.glimpses.pgd import correct_by_glimpse, pgd_as_published
from c2f.experiments.robustness.scales import ablate
from c2f.experiments.segmentation.receptive_field import influence
from c2f.experiments.segmentation.scores import evaluate_meshes
from c2f.metrics.classification import evaluate, inference_time
from c2f.metrics.faithfulness import deletion, insertion
from c2f.metrics.report import report
from c2f.networks.glimpse import early_exit
from c2f.zoo.models import TrainedModel
from c2f.zoo.predict import predict_fn, predict_fn_of
from c2f.zoo.samples import predictions

X = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0])
MAPS = X[:, 0]
LARGE = torch.rand(4, 3, 48, 48, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """Logits ``(N, 3)``, or with ``pixels`` ``(N, 3, H, W)``; ``end`` says what becomes of them."""

    def __init__(self, end=None, pixels=False):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.end = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), end or nn.Identity()
        self.pixels = pixels

    def forward(self, x):
        x = self.norm(self.conv(x))
        return self.end(x if self.pixels else x.mean(dim=(2, 3)))


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Loader:
    """One batch."""

    num_pictures = 4

    def __init__(self, images=X, labels=LABELS):
        self.batch = images, labels

    def epoch(self, epoch):
        yield self.batch


def trained(network):
    return TrainedModel("net", network, None, 0, {}, ("a", "b", "c"), None)


DOORS = {
    "evaluate": lambda network: evaluate(network, Loader(), 3),
    "deletion": lambda network: deletion(network, X, MAPS),
    "deletion of a class": lambda network: deletion(network, X, MAPS, classes=LABELS),
    "insertion": lambda network: insertion(network, X, MAPS),
    "grad_cam": lambda network: grad_cam(network, "conv", X),
    "hires_cam": lambda network: hires_cam(network, "conv", X),
    "victim": lambda network: attacks.victim(network)(X),
    "contrast": lambda network: attacks.build("contrast")(attacks.victim(network), X, LABELS, epsilons=None),
    "pgd": lambda network: gradient.run("pgd_linf", attacks.victim(network), X, LABELS, 0.1, steps=2),
    "masking": lambda network: masking.check(network, X, LABELS, 0.1, auto="none", steps=2, more_steps=2),
}
PIXEL_DOORS = {
    "influence": lambda network: influence(network, X, 5, 5),
    "evaluate_meshes": lambda network: evaluate_meshes(
        network, Loader(labels=torch.zeros(4, 12, 12, dtype=torch.int64)), torch.ones(3)
    ),
}
OTHERS = {
    "inference_time": lambda network: inference_time(network, X, repeats=1),
    "predictions": lambda network: predictions(network, X, None),
    "predict_fn_of": lambda network: predict_fn_of(trained(network))(X),
    "report": lambda network: report(network, Loader(), 3),
}
GLIMPSE_DOORS = {
    "evaluate_glimpses": lambda network: evaluate_glimpses(network, Loader(LARGE)),
    "correct_by_glimpse": lambda network: correct_by_glimpse(network, LARGE, LABELS),
    "pgd_as_published": lambda network: pgd_as_published(network, LARGE, LABELS, steps=1),
    "early_exit": lambda network: early_exit(network, LARGE, 0.5),
    "predict_fn": lambda network: predict_fn(network)(LARGE),
}
ALL = [
    *((door, Net) for door in (DOORS | OTHERS).values()),
    *((door, lambda: Net(pixels=True)) for door in PIXEL_DOORS.values()),
    *((door, lambda: networks.build("mgnet_small_cnn", 3, 3, 48)) for door in GLIMPSE_DOORS.values()),
    (
        lambda network: ablate(network, X[:, :1], X[:, :1], LABELS),
        lambda: networks.build("lenetfc_td", 1, 3, 12),
    ),
]
NAMES = [*DOORS, *OTHERS, *PIXEL_DOORS, *GLIMPSE_DOORS, "ablate"]


@pytest.mark.parametrize(("door", "build"), ALL, ids=NAMES)
def test_a_frozen_part_stays_frozen_and_the_rest_in_training_mode(door, build):
    network = build().train()
    leaves = [module for module in network.modules() if not list(module.children())]
    frozen = next((module for module in leaves if isinstance(module, nn.BatchNorm2d)), leaves[0])
    frozen.eval().requires_grad_(False)
    modes = {name: module.training for name, module in network.named_modules()}
    wanted = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    before = {name: value.clone() for name, value in network.state_dict().items()}
    door(network)
    assert {name: module.training for name, module in network.named_modules()} == modes
    assert {name: parameter.requires_grad for name, parameter in network.named_parameters()} == wanted
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training
    assert not frozen.training


ENDS = {
    "probabilities": (nn.Softmax(dim=1), "outputs are probabilities .* take the softmax off"),
    "NaN": (Lambda(lambda logits: logits * torch.nan), "outputs hold NaN or infinity"),
    "infinity": (Lambda(lambda logits: logits / 0), "outputs hold NaN or infinity"),
    "a tuple": (Lambda(lambda logits: (logits, logits)), "gives tuple, not its logits as one tensor"),
    "a dict": (Lambda(lambda logits: {"out": logits}), "gives dict, not its logits as one tensor"),
    "classes": (Lambda(lambda logits: logits.argmax(dim=1)), "gives torch.int64, not its logits"),
    "one row too few": (Lambda(lambda logits: logits[1:]), r"needs a network that gives logits \(\d+, K"),
    "no axis of classes": (Lambda(lambda logits: logits[:, 0]), r"needs a network that gives logits \(\d+, K"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("door", DOORS | PIXEL_DOORS)
def test_what_is_no_logits_is_refused(door, end):
    module, message = ENDS[end]
    with pytest.raises(ValueError, match=message):
        (DOORS | PIXEL_DOORS)[door](Net(module, pixels=door in PIXEL_DOORS).eval())


@pytest.mark.parametrize("door", [name for name in GLIMPSE_DOORS if name != "predict_fn"])
def test_a_network_of_glimpses_that_is_broken_is_refused(door):
    network = networks.build("mgnet_small_cnn", 3, 3, 48).eval()
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match=r"NaN|finite"):
        GLIMPSE_DOORS[door](network)


class LateNaN(nn.Module):
    """Class 0 is in order; a picture that is darkened gives NaN."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)

    def forward(self, x):
        logit = 0 * self.conv(x).mean(dim=(1, 2, 3)) + torch.where(x.amin(dim=(1, 2, 3)) < 0.4, torch.nan, 1.0)
        return torch.stack([logit, -logit, -logit], dim=1)


def test_an_answer_that_is_nan_later_on_is_no_success_and_no_area():
    bright, labels = X / 2 + 0.5, torch.zeros(4, dtype=torch.int64)
    for model in (attacks.victim(LateNaN()), attacks.gradient.foolbox.PyTorchModel(LateNaN().eval(), (0, 1), "cpu")):
        for name in ("additive_gaussian", "single_pixel"):
            with pytest.raises(ValueError, match="hold NaN"):
                attacks.build(name)(model, bright, labels, epsilons=None)
        with pytest.raises(ValueError, match="hold NaN"):
            gradient.run("pgd_linf", model, bright, labels, 0.5, steps=3)
    with pytest.raises(ValueError, match="hold NaN"):
        deletion(LateNaN(), bright, MAPS)
