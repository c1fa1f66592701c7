"""The networks of the Top-Down Networks paper: ``build`` one by name, list ``names``, ``summary`` its sizes and cost.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from c2f.common.checks import choose, positive_int
from c2f.networks.blocks import MERGES, initialise
from c2f.networks.bottom_up import BottomUp
from c2f.networks.pyramid import SCALERS
from c2f.networks.table import FAMILIES, VARIANTS, Family
from c2f.networks.top_down import TopDown

__all__ = ["Summary", "build", "family_name", "family_of", "names", "summary", "title"]


def names() -> list[str]:
    """Return the names that ``build`` knows: each family with its four variants."""
    return [family + variant for family in FAMILIES for variant in VARIANTS]


def family_name(name: str) -> str:
    """Return the family part of a network's name: ``"lenetfc"`` of ``"lenetfc_td_uni"``."""
    return _parse(name)[0]


def _parse(name: str) -> tuple[str, str]:
    choose(name, names(), "network")
    family = max((f for f in FAMILIES if name.startswith(f)), key=len)
    return family, name[len(family) :]


def family_of(name: str) -> Family:
    """Return the row of the table that the network ``name`` belongs to."""
    return FAMILIES[family_name(name)]


def title(name: str) -> str:
    """Return the network's name as figures and tables show it, e.g. ``"LeNetFC top-down"``."""
    family, variant = _parse(name)
    return f"{FAMILIES[family].title} {VARIANTS[variant]}"


def build(
    name: str,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int = 32,
    merge: str = "sum_concat",
    scaler: str = "gaussian_resize",
    seed: int | None = None,
) -> nn.Module:
    """Build a network with fresh weights; it maps pictures ``(N, C, H, W)`` to logits ``(N, K)``.

    Args:
        name: one of ``names()``: a family (lenetfc, nin_light, nin, resnet32, resnet18), and nothing for bottom-up, or
            ``_td``, ``_td_uni``, ``_td_rev`` for top-down, its uniform and its reversed variant.
        in_channels: C of the pictures.
        num_classes: K of the logits.
        image_size: H = W in pixels, divisible by the network's coarsest factor.
        merge: how a top-down network joins scales: ``sum``, ``concat`` or ``sum_concat`` (the paper's networks).
            Bottom-up networks have no merges and ignore it.
        scaler: how a top-down network makes its pyramid, a name in ``c2f.networks.pyramid.SCALERS``.
        seed: where given, the weights are drawn from it and torch's global random state is left as it was.

    Raises:
        ValueError: an unknown name, merge or scaler (with the nearest known one), or a size or count out of range.
    """
    family_name, variant = _parse(name)
    family = FAMILIES[family_name]
    choose(merge, MERGES, "merge")
    choose(scaler, SCALERS, "scaler")
    positive_int(in_channels, "in_channels")
    positive_int(num_classes, "num_classes")
    positive_int(image_size, "image_size")
    coarsest = 2 ** (len(family.stages[""]) - 1 + family.stem_pool)
    if image_size % coarsest:
        raise ValueError(
            f"{name} shrinks pictures by up to {coarsest}: "
            f"image_size must be a multiple of {coarsest}, not {image_size}"
        )
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)  # and not the GPU's generators, which the fork does not restore
        if variant == "":
            network: nn.Module = BottomUp(family, variant, in_channels, num_classes, image_size)
        else:
            network = TopDown(family, variant, in_channels, num_classes, image_size, merge, scaler)
        initialise(network, family.initialiser)
    return network


@dataclass(frozen=True)
class Summary:
    """Size and cost of a network for one picture.

    ``parameters``: trained numbers; ``buffers``: batch norm's running statistics (the paper's "non-trainable");
    ``multiply_adds``: of convolutions, dense layers and matrix products in one forward pass;
    ``stages``: the output ``(C, H, W)`` of every stage, in the order in which they run.
    """

    parameters: int
    buffers: int
    multiply_adds: int
    stages: dict[str, tuple[int, ...]]


def summary(network: nn.Module, in_channels: int, image_size: int) -> Summary:
    """Run ``network`` once on a blank picture ``(1, C, H, H)`` and return its ``Summary``; its mode is left as it
    was."""
    stages: dict[str, tuple[int, ...]] = {}

    def record(stage: str):  # type: ignore[no-untyped-def]
        def hook(module: nn.Module, arguments: tuple, output: Tensor) -> None:
            stages[stage] = tuple(output.shape[1:])

        return hook

    handles = [network.get_submodule(s).register_forward_hook(record(s)) for s in network.stage_names]  # type: ignore
    handles.append(network.get_submodule("head.0").register_forward_hook(record("head")))
    device = next(network.parameters()).device
    was_training = network.training
    try:
        network.eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, in_channels, image_size, image_size, device=device))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    running = [
        b for n, b in network.named_buffers() if n.endswith(("running_mean", "running_var"))
    ]  # not the batch counter
    return Summary(
        parameters=sum(p.numel() for p in network.parameters()),
        buffers=sum(b.numel() for b in running),
        multiply_adds=counter.get_total_flops() // 2,
        stages=stages,
    )
