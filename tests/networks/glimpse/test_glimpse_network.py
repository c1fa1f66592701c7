import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from c2f import datasets, networks, zoo
from c2f.networks import glimpse
from c2f.networks.glimpse import GlimpseSettings
from tests.oracles import multi_glimpse as oracle


@pytest.fixture(scope="module")
def network():
    return oracle.network().eval()


@pytest.fixture(scope="module")
def pictures():
    """Six of them, all different."""
    two = oracle.pictures()
    return torch.cat([two, two.flip(2), two.transpose(2, 3)])


def as_published(network, pictures, count):
    """The authors' loop: every query of every token so far, anew after each glimpse."""
    tokens, logits, location = [], [], glimpse.whole_picture(pictures)
    for _ in range(count):
        crop = glimpse.take_glimpse(
            pictures, location, glimpse.glimpse_side(pictures.shape[2], network.settings.downsampling)
        )
        tokens.append(torch.cat([network.backbone(crop), location.detach()], dim=1))
        fused, _ = network.fusion.plain(torch.stack(tokens))
        logits.append(network.classify(fused))
        location = network.locate(fused)
    return torch.stack(logits)


def test_only_the_newest_query_matters(network, pictures):
    ours, theirs = network(pictures), as_published(network, pictures, 4)
    assert oracle.difference(ours.logits, theirs.detach()) < 3e-6
    gradients = []
    for logits in (ours.logits, theirs):
        network.zero_grad()
        logits.square().sum().backward()
        gradients.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-4, atol=1e-5 * gradient.abs().max()), name


def test_remembered_tokens_are_those_of_the_loop(network):
    tokens = torch.randn(3, 2, 131, generator=torch.Generator().manual_seed(0))
    memory = None
    for token in tokens:
        fused, _, memory = network.fusion(token, memory)
    again = network.fusion.remember(tokens)
    assert torch.allclose(again.keys, memory.keys, atol=1e-5)
    assert torch.allclose(again.values, memory.values, atol=1e-5)
    assert torch.allclose(fused, network.fusion.plain(tokens)[0], atol=1e-5)


@torch.no_grad()
def test_fewer_glimpses_are_the_first_of_more(network, pictures):
    four = network(pictures)
    for count in (1, 2, 3):
        fewer = network(pictures, glimpses=count)
        assert torch.equal(fewer.logits, four.logits[:count])
        assert torch.equal(fewer.locations, four.locations[:count])
    more = network(pictures, glimpses=6)
    assert more.logits.shape == (6, 6, 10)
    assert torch.allclose(more.logits[:4], four.logits)


@torch.no_grad()
def test_attention_sums_to_one_over_what_was_seen(network, pictures):
    attention = network(pictures).attention
    assert attention.shape == (4, 6, 4)
    assert torch.allclose(attention.sum(dim=2), torch.ones(4, 6))
    assert attention[0, :, 1:].abs().max() == 0
    assert attention[2, :, 3].abs().max() == 0


@torch.no_grad()
@pytest.mark.parametrize("sure_at_once", [0, 2, 4, 6])
def test_early_exit(pictures, sure_at_once):
    network = oracle.network()
    every = network(pictures)
    probabilities = every.logits.softmax(dim=2).amax(dim=2)  # (4, 6)
    between = torch.cat([torch.zeros(1), probabilities[0].sort().values, torch.ones(1)]).unfold(0, 2, 1).mean(dim=1)
    confidence = between[6 - sure_at_once].item()
    found = glimpse.early_exit(network, pictures, confidence)
    assert network.training, "the mode is left alone"

    sure = probabilities >= confidence
    assert sure[0].sum() == sure_at_once
    sure[-1] = True
    first = sure.long().argmax(dim=0)
    assert found.glimpses.tolist() == (first + 1).tolist()
    assert torch.allclose(found.logits, every.logits[first, torch.arange(6)], atol=1e-5)


def test_the_last_answer_is_a_classifier(network, pictures):
    with torch.no_grad():
        assert torch.equal(glimpse.LastAnswer(network, 2)(pictures), network(pictures).logits[1])


def test_the_glimpse_classifier_only_works_in_training(pictures):
    network = oracle.network()
    assert network(pictures).glimpse_logits.shape == (3, 6, 10)
    assert network(pictures, glimpses=1).glimpse_logits is None
    assert network.eval()(pictures).glimpse_logits is None
    assert oracle.network(glimpse_classifier=False)(pictures).glimpse_logits is None


@pytest.mark.parametrize("name", ["small_cnn", "torchvision-resnet18", "lenetfc", "nin_light_td", "resnet32_td_uni"])
def test_any_backbone(name):
    settings = GlimpseSettings(glimpses=2, downsampling=2)
    network = glimpse.build(name, 1, 5, 64, settings, seed=0)
    seen = network(torch.rand(2, 1, 64, 64))
    assert seen.logits.shape == (2, 2, 5)
    seen.logits.sum().backward()
    assert network.locate.fc.weight.grad.abs().sum() > 0
    again = glimpse.build(name, 1, 5, 64, settings, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


@torch.no_grad()
@pytest.mark.parametrize("name", ["lenetfc", "lenetfc_td"])
def test_a_trained_network_keeps_what_it_knows(name):
    trained = zoo.load(name, "fashion-mnist", 0).network
    backbone, width = glimpse.without_classes(trained)
    test = datasets.load("fashion-mnist-sample").test
    pictures, labels = test.images[:400].float() / 255, test.labels[:400]
    features = backbone(pictures)
    assert features.shape == (400, width)
    assert trained(pictures).shape == (400, 10), "the original is left alone"
    features = features / features.norm(dim=1, keepdim=True)
    means = torch.stack([features[:200][labels[:200] == k].mean(dim=0) for k in range(10)])
    nearest = torch.cdist(features[200:], means).argmin(dim=1)
    assert (nearest == labels[200:]).float().mean() > 0.75


def test_multiply_adds_of_the_paper():
    """0.184 and 0.369 of a single pass at full resolution; computing only what is needed costs a little less."""

    def cost(count, downsampling, published=False):
        settings = GlimpseSettings(glimpses=count, downsampling=downsampling)
        with torch.device("meta"):
            network = glimpse.build("torchvision-resnet18", 3, 100, 224, settings).eval()
            pictures = torch.empty(1, 3, 224, 224)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            as_published(network, pictures, count) if published else network(pictures)
        return counter.get_total_flops() / 2

    single = cost(1, 1.0)
    assert single == pytest.approx(1.8147e9, rel=1e-4)
    ratios = oracle.facts()["multiply_add_ratio_resnet18"]
    assert cost(1, 2.33, published=True) / single == pytest.approx(ratios["n1_scale2.33"], rel=1e-5)
    assert cost(2, 2.33, published=True) / single == pytest.approx(ratios["n2_scale2.33"], rel=1e-5)
    assert cost(1, 2.33) / single == pytest.approx(0.184, abs=0.0005)
    assert cost(2, 2.33) / single == pytest.approx(0.3684, abs=0.0001)
    assert cost(4, 2.33) < 0.996 * cost(4, 2.33, published=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"glimpses": 0}, "glimpses must be .* at least 1, not 0"),
        ({"glimpses": 2.0}, r"glimpses must be a whole number .* not 2\.0"),
        ({"downsampling": 0.5}, r"downsampling must be at least 1 .* not 0\.5"),
        ({"downsampling": float("nan")}, "downsampling .* not nan"),
        ({"scale_min": 0.0}, "scale_min 0.0"),
        ({"scale_max": 1.0}, "scale_max 1.0"),
        ({"scale_min": 0.5, "scale_max": 0.2}, "scale_min 0.5 and scale_max 0.2"),
        ({"rule": "center-invariant"}, "did you mean 'centre_invariant'"),
        ({"gradient_scale": 0.0}, r"gradient_scale must be in \(0, 1\], .* not 0\.0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), not 1\.0"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        GlimpseSettings(**changes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: n(torch.rand(1, 1, 100, 200)), r"square .* not \(1, 1, 100, 200\).* crop or pad"),
        (lambda n: n(torch.rand(1, 112, 112)), r"square pictures .* not \(1, 112, 112\)"),
        (lambda n: n(torch.rand(1, 1, 40, 40)), "10 pixels are too small for small_cnn"),
        (lambda n: n(oracle.pictures(), glimpses=0), "glimpses must be .* not 0"),
        (lambda n: glimpse.early_exit(n, oracle.pictures(), 1.5), r"probability .* not 1\.5"),
        (lambda n: glimpse.early_exit(n, torch.rand(1, 1, 100, 200), 0.5), "square"),
        (lambda n: glimpse.build("resnet18x"), "unknown backbone 'resnet18x'; did you mean"),
        (lambda n: glimpse.build(image_size=28), "7 pixels are too small for small_cnn"),
        (lambda n: glimpse.build("lenetfc_td", image_size=100), "multiple of 4, not 25"),
        (lambda n: glimpse.build(num_classes=0), "num_classes .* not 0"),
        (lambda n: glimpse.without_classes(nn.Linear(3, 2)), "Linear is neither .* give MultiGlimpse"),
        (
            lambda n: glimpse.MultiGlimpse(nn.Conv2d(1, 8, 3), 8, 10)(torch.rand(2, 1, 32, 32)),
            r"gave \(2, 8, 6, 6\), not features \(2, 8\)",
        ),
        (
            lambda n: glimpse.MultiGlimpse(networks.build("lenetfc", 1, 10, 8), 64, 10)(torch.rand(2, 1, 32, 32)),
            r"gave \(2, 10\), not features \(2, 64\)",
        ),
    ],
)
def test_bad_input(network, call, message):
    with pytest.raises(ValueError, match=message):
        call(network)
