"""What each demonstration in the page is given: recorded networks as plans, pictures, and the numbers of its answer.

Each function returns (data for the script, words for the static figure and the answer). Everything is computed from the
weights and records that come with the book, so that a page and its answer cannot disagree.

Axes: N pictures, C channels, H rows, W columns, M feature maps, K classes, T glimpses.
"""

import base64
import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from c2f import datasets, zoo
from c2f.attacks import title
from c2f.book.plans import base64_of, packed, plan, squeezed
from c2f.datasets.canvas import load_canvas
from c2f.datasets.pictures import Pictures
from c2f.networks.densenet_models import FullDenseNet
from c2f.networks.glimpse.fusion import Memory
from c2f.networks.glimpse.geometry import glimpse_side, locations_from, share_inside, take_glimpse
from c2f.networks.glimpse.network import Glimpses, MultiGlimpse
from c2f.networks.modes import copied
from c2f.networks.pyramid import resize_matrix
from c2f.networks.top_down import TopDown
from c2f.runs.folder import find_record, folder_of, run_name, where
from c2f.runs.record import Record

Made = tuple[dict[str, Any], dict[str, str]]
_EFFECTS = {"noise": "additive_gaussian", "contrast": "contrast", "blur": "gaussian_blur", "shift": "shifts"}
"""Slider of the first demonstration -> the attack whose recorded distance stands beside."""
_SCENES, _CANVASES = "scenes-fashion-mnist", "canvas-fashion-mnist"
_SCALES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
"""Half sides of windows that the third demonstration's slider offers."""


class LevelsToLogits(nn.Module):
    """A top-down network behind its pyramid: levels ``(N, C, H/f, W/f)``, fine to coarse, to logits ``(N, K)``."""

    def __init__(self, network: TopDown):
        super().__init__()
        self.network = copied(network)
        self.network.pyramid = _AsTheyAre()  # type: ignore[assignment]

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        """Return the logits ``(N, K)``."""
        return self.network([fine, middle, coarse])


class _AsTheyAre(nn.Module):
    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(levels)


class NextLook(nn.Module):
    """One look of a network of glimpses: a glimpse, its location and the memory (keys and values, or nothing) to the
    logits ``(N, K)``, the next location ``(N, 3)`` and the new memory.
    """

    def __init__(self, network: MultiGlimpse):
        super().__init__()
        self.network = copied(network)

    def forward(self, glimpse: Tensor, location: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        """Return logits, location, keys and values."""
        network = self.network
        token = network.token(network.backbone(glimpse), location)
        fused, _, kept = network.fusion(token, Memory(*memory) if memory else None)
        look = network.settings
        sigma = network.locate.fc(fused).sigmoid()
        after = locations_from(sigma, look.rule, look.scale_min, look.scale_max)
        return network.classify(fused), after, kept.keys, kept.values


def three_eyes() -> Made:
    """Return what chapter 4's demonstration needs: the LeNetFC pair, forty garments, and how conflicts end."""
    models = {name: zoo.load(name, "fashion-mnist") for name in ("lenetfc", "lenetfc_td")}
    bottom_up, top_down = (model.network for model in models.values())
    assert isinstance(top_down, TopDown)
    test = datasets.load("fashion-mnist-sample").test
    test = test.select(torch.arange(400))
    x = test.images.float() / 255
    with torch.no_grad():
        known = (bottom_up(x).argmax(1) == test.labels) & (top_down(x).argmax(1) == test.labels)
    chosen = torch.cat([(known & (test.labels == k)).nonzero()[:4, 0] for k in range(10)])
    x, labels = x[chosen], test.labels[chosen]
    levels = [torch.rand(1, 1, 28 // factor, 28 // factor) for factor in top_down.pyramid.factors]
    plans = {
        "top_down": _with_weights(LevelsToLogits(top_down), *levels),
        "bottom_up": _with_weights(bottom_up, torch.rand(1, 1, 28, 28)),
    }
    medians = {}
    for slider, attack in _EFFECTS.items():
        found = {n: find_record(None, f"{n}--fashion-mnist--{attack}--minimal") for n in models}
        means = {n: _mean(record, "median_l2") for n, record in found.items()}
        said = title(attack)[0].lower() + title(attack)[1:]
        medians[slider] = {"title": said, "bottom_up": means["lenetfc"], "top_down": means["lenetfc_td"]}
    data = {
        **plans,
        "matrices": [base64_of(resize_matrix(28, 28 // factor), "<f4") for factor in (4, 2, 1)],
        "garments": base64_of(test.images[chosen], "u1"),
        "labels": labels.tolist(),
        "classes": list(test.classes),
        "medians": medians,
    }
    scales = find_record(None, "lenetfc_td--fashion-mnist--additive_gaussian--minimal--scales")
    ablation = {
        f"noise_{name}": _percent(_mean(scales, f"accuracy {name}")) for name in ("clean", "fine", "middle", "coarse")
    }
    ablation["noise_two"] = _percent(_mean(scales, "accuracy middle+coarse"))
    words = {**_conflicts(top_down, x, labels), **ablation}
    for k in (1, 8):
        name, one = test.classes[k].lower(), x[labels == k][:1]
        for scale, level in zip(("fine", "middle", "coarse"), top_down.pyramid(one), strict=True):
            words[f"{scale}_{name}"] = picture_of(level[0, 0].numpy(), f"a {name} in {level.shape[-1]} pixels a side")
    return data, words


def _conflicts(network: TopDown, x: Tensor, labels: Tensor) -> dict[str, str]:
    """Return how often the network says what the one odd scale shows, and what the two others show, in percent."""
    pairs = torch.tensor([(a, b) for a, b in itertools.permutations(range(len(x)), 2) if labels[a] != labels[b]])
    odd, rest = pairs.T
    words = {"pairs": f"{len(pairs):,}"}
    for place, name in enumerate(("fine", "middle", "coarse")):
        with torch.no_grad():
            said = network([x[odd if place == at else rest] for at in range(3)]).argmax(dim=1)
        shares = [(said == labels[who]).double().mean().item() for who in (odd, rest)]
        words |= {f"{name}_odd": _percent(shares[0]), f"{name}_rest": _percent(shares[1])}
        words[f"{name}_else"] = _percent(1 - sum(shares))
    return words


def shuffled() -> Made:
    """Return what chapter 9's demonstration needs: features and weights of six scenes, no network."""
    network = zoo.load("densenet_full", _SCENES).network_of(FullDenseNet)
    test = datasets.load(f"{_SCENES}-sample").test
    x = test.images[:200].float() / 255
    with torch.no_grad():
        right = network(x).argmax(dim=1) == test.labels[:200]
        chosen = [int((right & (test.labels[:200] == k)).nonzero()[0]) for k in (0, 1, 5, 7, 8, 9)]
        outputs = network.outputs(x[chosen])
    head, rebuild = cast(nn.Linear, network.head[-1]), network.rebuild
    high = outputs.high_features
    most = high.amax(dim=(2, 3))
    coarse = (255 * high / most.clamp(min=1e-9)[..., None, None]).round()
    bias = torch.zeros(len(rebuild.weight)) if rebuild.bias is None else rebuild.bias.detach()
    data = {
        "decoded": base64_of(coarse, "u1"),
        "most": most.tolist(),
        "low": base64_of(outputs.low_features, "<f4"),
        "low_side": outputs.low_features.shape[-1],
        "maps": high.shape[1],
        "rebuild": rebuild.weight.detach()[:, :, 0, 0].tolist(),
        "rebuild_bias": bias.tolist(),
        "class_weights": head.weight.detach().tolist(),
        "class_bias": head.bias.detach().tolist(),
        "scenes": base64_of(test.images[chosen], "u1"),
        "labels": test.labels[chosen].tolist(),
        "classes": list(test.classes),
    }
    values = find_record(None, "densenet_maps--scenes-fashion-mnist").runs[0].values
    others = find_record(None, "densenet_decoders--scenes-fashion-mnist").runs
    lowest, highest = (f(run.values["to_low"] for run in others) for f in (min, max))
    words = {
        "maps": str(high.shape[1]),
        "to_low": f"{values['to_low']:.2f}",
        "as_good": f"{100 * values['orders_as_good']:.1f}",
        "colours": _percent(values["to_colours"]),
        "others": f"{lowest:.2f}" if lowest == highest else f"{lowest:.2f} to {highest:.2f}",
    }
    weights = head.weight.detach()[test.labels[chosen[0]]]
    orders = [torch.arange(len(weights)), torch.randperm(len(weights), generator=torch.Generator().manual_seed(0))]
    maps = [torch.einsum("m,mhw->hw", weights, high[0, order]) for order in orders]
    words |= {
        "before": picture_of(_signed(maps[0]), "the class map in the order as trained"),
        "after": picture_of(_signed(maps[1]), "the class map with the decoded maps in another order"),
        "rebuilt": picture_of(outputs.reconstruction[0].clamp(0, 1).permute(1, 2, 0).numpy(), "the rebuilt picture"),
    }
    return data, words


def _signed(values: Tensor) -> np.ndarray:
    """Return orange above zero, blue below and white at it, ``(H, W, 3)`` in [0, 1], of values ``(H, W)``."""
    share = (values / values.abs().max()).numpy()[..., None]
    return np.where(
        share > 0, 1 - share * (1 - np.array([0.835, 0.369, 0])), 1 + share * (1 - np.array([0, 0.447, 0.698]))
    )


def looking() -> Made:
    """Return what chapter 10's demonstration needs: on scenes and on canvases the glimpse network, a pass of equal cost
    and sixteen pictures.
    """
    scenes = datasets.load(f"{_SCENES}-sample").test
    canvases = load_canvas(f"{_CANVASES}-sample").test.select(torch.arange(1000))
    assert scenes.masks is not None
    kinds = []
    words: dict[str, str] = {}
    for name, data, test, garments in (
        ("scenes", _SCENES, scenes, scenes.masks),
        ("canvases", _CANVASES, canvases, canvases.images[:, 0] > 0),
    ):
        kind, said = _to_look_at(data, test, garments)
        kinds.append({"title": name, **kind})
        words |= {f"{name}_{of}": word for of, word in said.items()}
    return {"kinds": kinds, "classes": list(scenes.classes)}, words


def _to_look_at(data: str, test: Pictures, masks: Tensor) -> Made:
    """Return players and pictures of one kind, the networks as trained on ``data``, and what is said of them."""
    home = where(run_name("mgnet_small_cnn", data))  # short runs stand in for full ones
    network = zoo.load("mgnet_small_cnn", data, 0, home).network_of(MultiGlimpse)
    records = [zoo.record(f"{kind}_small_cnn", data, home) for kind in ("mgnet", "equal")]
    size = test.image_size
    side, pass_side = (glimpse_side(size, record.parameters["look"]["downsampling"]) for record in records)
    plans = []
    weights: dict[str, Tensor] = {}
    for count in (0, 1):  # the plan of a second look is that of all later ones: the memory may be of any length
        memory = [torch.rand(1, count, network.width + 3) for _ in range(2)] if count else []
        made, own = plan(NextLook(network), torch.rand(1, test.in_channels, side, side), torch.rand(1, 3), *memory)
        plans.append(made)
        weights |= own
    equal = _percent(_mean(records[1], "test_accuracy"))
    x, shown = test.images.float() / 255, _sixteen(test)
    with torch.no_grad():
        seen = network(x)
    trade = [_trade(seen.locations[-1], masks, scale, side) for scale in _SCALES]
    players = {
        "glimpses": {"plans": plans, "weights": packed(weights, short=True)},
        "single": _single(records[1], home, torch.rand(1, test.in_channels, pass_side, pass_side)),
        "equal": equal,
        "looks": network.settings.glimpses,
        "side": size,
        "channels": test.in_channels,
        "sides": [side, pass_side],
        "scales": [network.settings.scale_min, network.settings.scale_max],
        "pictures": squeezed(test.images[shown].numpy().tobytes()),
        "masks": squeezed(masks[shown].numpy().tobytes()),
        "labels": test.labels[shown].tolist(),
        "dealt": seen.locations[:, [shown[-1], *shown[:-1]]].transpose(0, 1).tolist(),
        "trade": trade,
    }
    picture = x[shown[0]]
    first = take_glimpse(picture[None], torch.tensor([[1.0, 0, 0]]), side)[0]
    about = f"{test.classes[test.labels[shown[0]]]}, {size} pixels wide"
    words = _accuracies(network, x, test.labels, seen) | {
        **{f"after_{t}": _percent(_mean(records[0], f"test_accuracy {t}")) for t in (1, 2, 4)},
        "equal": equal,
        "epochs": str(records[0].parameters["recipe"]["epochs"]),
        "pictures": f"{len(test):,}",
        "rows_large": f"{trade[-1]['rows']:.0f}",
        "rows_small": f"{trade[0]['rows']:.0f}",
        "missed_large": _percent(trade[-1]["missed"]),
        "missed_small": _percent(trade[0]["missed"]),
        "pass_side": str(pass_side),
        "picture": picture_of(_rows_columns(picture), about),
        "glimpse": picture_of(_rows_columns(first), f"its first glimpse, {side} pixels wide"),
    }
    return players, words


def _single(record: Record, home: Path | None, whole: Tensor) -> dict[str, Any] | None:
    """Return the plan and weights of the pass of equal cost, or None where its weights do not ship (data/README.md)."""
    if not (folder_of(home) / "weights" / record.file(0, "weights")["file"]).exists():
        return None
    network = zoo.load("equal_small_cnn", record.parameters["data"], 0, home).network_of(MultiGlimpse)
    return _with_weights(NextLook(network), whole, torch.rand(1, 3), short=True)


def _rows_columns(x: Tensor) -> np.ndarray:
    """Return a picture ``(C, H, W)`` as ``picture_of`` takes it."""
    return (x.permute(1, 2, 0) if len(x) == 3 else x[0]).numpy()


def _accuracies(network: MultiGlimpse, x: Tensor, labels: Tensor, seen: Glimpses) -> dict[str, str]:
    """Return the accuracies of ``network`` on ``x`` in percent: after the first glimpse, with windows of its own, and
    with windows dealt from other pictures.
    """
    dealt = seen.locations[:, torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]
    answers = {"first_alone": seen.logits[0], "own_windows": seen.logits[-1]}
    memory = None
    with torch.no_grad():
        for location in dealt:
            look = network.look(x, location, memory)
            answers["dealt_windows"], memory = look.logits, look.memory
    return {name: _percent((said.argmax(dim=1) == labels).double().mean().item()) for name, said in answers.items()}


def _sixteen(test: Pictures) -> list[int]:
    """Return sixteen test pictures, the first of each class and then the second of some."""
    places = [(test.labels == k).nonzero()[:2, 0].tolist() for k in range(len(test.classes))]
    return [place[0] for place in places] + [place[1] for place in places[:6]]


def _trade(locations: Tensor, masks: Tensor, scale: float, side: int) -> dict[str, float]:
    """Return what windows of ``scale`` about the same centres give: mean rows of pixels on the garment, and the share
    of pictures of whose garment the window holds less than half.
    """
    reach = 1 - scale
    moved = torch.cat([torch.full_like(locations[:, :1], scale), locations[:, 1:].clamp(-reach, reach)], dim=1)
    heights = masks.any(dim=2).sum(dim=1).double()  # rows of the garment in the picture
    rows = (heights / masks.shape[1] * side / scale).mean().item()
    return {"scale": scale, "rows": rows, "missed": (share_inside(moved, masks) < 0.5).double().mean().item()}


def _with_weights(network: nn.Module, *inputs: Tensor, short: bool = False) -> dict[str, Any]:
    made, weights = plan(network, *inputs)
    return {"plan": made, "weights": packed(weights, short)}


def _mean(record: Record, value: str) -> float:
    return float(np.mean([run.values[value] for run in record.runs]))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def picture_of(values: np.ndarray, alt: str) -> str:
    """Return an ``<img>`` of ``(H, W)`` or ``(H, W, 3)`` in [0, 1], the picture inside it, 96 pixels wide."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray((255 * values).round().astype(np.uint8)).save(file, "PNG")
    address = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{alt}" width="96" height="96" class="live-still" src="data:image/png;base64,{address}">'


MAKERS: dict[str, Callable[[], Made]] = {"three-eyes": three_eyes, "shuffled": shuffled, "looking": looking}
"""Demonstration -> what makes its data and words."""
