"""The Multi-Glimpse Network against the authors' own, with the same weights."""

import pytest
import torch
import torch.nn.functional as F

from c2f.networks import glimpse
from c2f.networks.glimpse.geometry import box_overlap
from c2f.networks.glimpse.losses import even_weights, small_scale_loss, step_by_step_weights
from tests.oracles import multi_glimpse as oracle
from tests.oracles.multi_glimpse import LABELS, TOLERANCE, difference

LOSSES = {
    "loss_alpha0.6": ({}, {}),
    "loss_alpha0": ({}, {"alpha": 0.0}),
    "loss_coef1234": ({}, {"iteration_weights": (1, 2, 3, 4)}),
    "loss_step_by_step": ({}, {"step_by_step": True}),
    "loss_div1": ({}, {"diversity": 1.0}),
    "loss_ss1_thr100": ({}, {"small_scale": 1.0, "small_scale_threshold": 100.0}),
    "loss_naive": ({"rule": "naive"}, {}),
    "loss_center-invariant": ({"rule": "centre_invariant"}, {}),
    "loss_no_spatial_clue": ({"spatial_clue": False}, {}),
}
GRADIENTS = {
    "s=1.0": ({"gradient_scale": 1.0}, 0.6),
    "s=0.02": ({}, 0.6),
    "s=1.0,no_detach": ({"gradient_scale": 1.0, "detach_places": False}, 0.6),
    "s=1.0,alpha=0": ({"gradient_scale": 1.0}, 0.0),
}
PARTS = {
    "loc_fc": "locate",
    "loc_fc.weight": "locate.fc.weight",
    "loc_fc.bias": "locate.fc.bias",
    "fusion": "fusion",
    "backbone": "backbone",
    "global_fc": "classify.",
    "glimpse_fc": "classify_glimpse",
    "fusion.mha.in_proj_weight": "fusion.mha.in_proj_weight",
    "fusion.mha.in_proj_bias": "fusion.mha.in_proj_bias",
    "fusion.mha.out_proj.weight": "fusion.mha.out_proj.weight",
    "fusion.mha.out_proj.bias": "fusion.mha.out_proj.bias",
    "fusion.norm.weight": "fusion.norm.weight",
    "fusion.norm.bias": "fusion.norm.bias",
}


@pytest.fixture(scope="module")
def seen():
    network, pictures = oracle.network(), oracle.pictures()
    with torch.no_grad():
        return network, pictures, network(pictures)


def components(*names):
    found = oracle.facts()["components"]
    for name in names:
        found = found[name]
    return torch.tensor(found) if isinstance(found, list) else found


def test_answers_places_and_features(seen):
    _, _, glimpses = seen
    expected = oracle.arrays()
    assert difference(glimpses.logits, expected["n_logit"]) < TOLERANCE
    assert difference(glimpses.locations, expected["n_affparam"]) < TOLERANCE
    assert difference(glimpses.features, expected["n_feature"]) < TOLERANCE
    assert difference(glimpses.glimpse_logits, expected["n_aux_logit"]) < TOLERANCE


def test_what_each_glimpse_sees(seen):
    _, pictures, glimpses = seen
    for t, location in enumerate(glimpses.locations):
        crops = glimpse.take_glimpse(pictures, location, oracle.facts()["case"]["glimpse_size"])
        assert difference(crops, oracle.arrays()[f"glimpse{t}"]) < TOLERANCE


def test_attention(seen):
    network, _, glimpses = seen
    tokens = network.token(glimpses.features, glimpses.locations)
    assert difference(network.fusion.plain(tokens)[1], oracle.arrays()["attn"]) < TOLERANCE
    assert difference(glimpses.attention[-1], oracle.arrays()["attn"][:, -1]) < TOLERANCE


def test_the_naive_rule():
    with torch.no_grad():
        glimpses = oracle.network(rule="naive")(oracle.pictures())
    assert difference(glimpses.logits, oracle.arrays()["naive.n_logit"]) < TOLERANCE
    assert difference(glimpses.locations, oracle.arrays()["naive.n_affparam"]) < TOLERANCE


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    changes, mix = LOSSES[name]
    network, pictures = oracle.network(**changes), oracle.pictures()
    with torch.no_grad():
        losses = glimpse.total_loss(network, pictures, network(pictures), LABELS, glimpse.LossSettings(**mix))
    expected = oracle.facts()["case"][name]
    assert difference(losses.each, expected["n_b_ce"]) < TOLERANCE
    assert difference(losses.each.mean(dim=1), expected["n_ce"]) < TOLERANCE
    ours = {"total": losses.total, "ce": losses.classification, "aux": losses.glimpse}
    ours |= {"ss": losses.small_scale, "div": losses.diversity}
    for part, value in ours.items():
        assert (0.0 if value is None else value.item()) == pytest.approx(expected[part], rel=TOLERANCE), part


def test_the_loss_in_inference_mode_lacks_the_glimpse_classifier():
    network, pictures = oracle.network().eval(), oracle.pictures()
    with torch.no_grad():
        losses = glimpse.total_loss(network, pictures, network(pictures), LABELS, glimpse.LossSettings())
    assert losses.glimpse is None
    assert losses.total.item() == pytest.approx(
        oracle.facts()["case"]["loss_via_LitModule_forward_eval_mode"], rel=TOLERANCE
    )


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    changes, alpha = GRADIENTS[name]
    network, pictures = oracle.network(**changes), oracle.pictures()
    glimpse.total_loss(network, pictures, network(pictures), LABELS, glimpse.LossSettings(alpha=alpha)).total.backward()
    expected = oracle.facts()["case"]["grad_norm"][name]
    for theirs, norm in expected.items():
        squares = [p.grad.double().square().sum() for n, p in network.named_parameters() if n.startswith(PARTS[theirs])]
        assert torch.stack(squares).sum().sqrt().item() == pytest.approx(norm, rel=TOLERANCE), theirs
    for part in ("weight", "bias") if name in ("s=1.0", "s=0.02") else ():
        gradient = network.get_parameter(f"locate.fc.{part}").grad
        assert difference(gradient, oracle.arrays()[f"grad_loc_fc_{part}.{name.replace('=', '')}"]) < TOLERANCE


def test_the_gradient_in_the_picture_and_one_step_along_it():
    network, pictures = oracle.network().eval(), oracle.pictures().requires_grad_()
    case, expected = oracle.facts()["case"], oracle.arrays()
    loss = F.cross_entropy(network(pictures).logits[-1], LABELS)
    loss.backward()
    assert loss.item() == pytest.approx(case["pgd_k1"]["last_ce_clean"], rel=TOLERANCE)
    # Small sums of large terms of both signs: float32 noise is larger here than in the answers.
    assert difference(pictures.grad, expected["input_grad"]) < 10 * TOLERANCE
    assert (pictures.grad == 0).float().mean() == pytest.approx(case["input_grad_zero_fraction"], abs=1e-4)
    assert (pictures.grad.sign().numpy() == expected["pgd1.delta255"]).mean() > 0.999
    with torch.no_grad():
        logits = network(pictures + torch.from_numpy(expected["pgd1.delta255"]) / 255).logits
    assert difference(logits, expected["pgd1.n_logit"]) < TOLERANCE
    assert F.cross_entropy(logits[-1], LABELS).item() == pytest.approx(case["pgd_k1"]["last_ce_adv"], rel=TOLERANCE)


def test_parameter_counts():
    def count(module):
        return sum(p.numel() for p in module.parameters())

    network, case = glimpse.build(), oracle.facts()["case"]
    parts = {"backbone": network.backbone, "feat_fusion": network.fusion, "loc_network": network.locate}
    parts |= {"global_fc": network.classify, "glimpse_fc": network.classify_glimpse}
    assert {name: count(part) for name, part in parts.items()} | {"glimpse_gen": 0} == case["params_by_child"]
    assert count(network) == case["params_total"]
    alone = glimpse.GlimpseSettings(glimpses=1, downsampling=1)
    assert count(glimpse.build(settings=alone)) == 176_746
    with torch.device("meta"):
        photographs = glimpse.GlimpseSettings(downsampling=2.33)
        assert count(glimpse.build("torchvision-resnet18", 3, 100, 224, photographs)) == 12_344_950


@pytest.mark.parametrize(("name", "side"), oracle.facts()["components"]["glimpse_sizes"].items())
def test_sizes(name, side):
    height, downsampling = name.split("@")
    assert glimpse.glimpse_side(int(height), float(downsampling)) == side


def test_boxes():
    locations = components("geometry", "aff")
    assert difference(glimpse.boxes(locations), components("geometry", "rect")) < TOLERANCE
    pixels = glimpse.pixel_boxes(locations, 112, 112)
    assert pixels[:, [1, 0]].tolist() == components("geometry", "corners_tl_yx").tolist()
    assert pixels[:, [3, 2]].tolist() == components("geometry", "corners_br_yx").tolist()
    rectangles = components("geometry", "rect")
    overlap = box_overlap(rectangles[:4], rectangles[2:])
    assert difference(overlap, components("geometry", "iou_each")) < TOLERANCE


@pytest.mark.parametrize(("name", "weights"), [("ones", None), ("coef1234", (1, 2, 3, 4)), ("coef0011", (0, 0, 1, 1))])
def test_iteration_weights(name, weights):
    ours = even_weights(components("n_mask", "ce"), weights)
    assert difference(ours, components("n_mask", name, "mask")) < TOLERANCE
    later = ours[1:] / ours[1:].sum(dim=0)
    assert difference(later, components("n_mask", name, "aux_mask")) < TOLERANCE


def test_step_by_step_weights():
    ours = step_by_step_weights(components("n_mask", "ce"))
    assert difference(ours, components("n_mask", "step_by_step", "mask")) == 0
    assert difference(ours[1:] / ours[1:].sum(dim=0), components("n_mask", "step_by_step", "aux_mask")) == 0


@pytest.mark.parametrize(("threshold", "entry"), [(0.4, "loss"), (0.6, "threshold0.6")])
def test_small_scale_loss(threshold, entry):
    locations = components("geometry", "aff")[components("ss_loss", "aff_rows")]
    loss = small_scale_loss(locations, components("ss_loss", "last_ce"), threshold, components("ss_loss", "scale_min"))
    assert loss.item() == pytest.approx(components("ss_loss", entry), rel=TOLERANCE)
