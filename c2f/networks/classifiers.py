"""The classifiers of the Top-Down Networks paper: ``build_classifier`` by name, list ``classifier_names``.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

import torch
from torch import nn

from c2f.common.checks import choose, positive_int
from c2f.networks.blocks import MERGES, initialise
from c2f.networks.bottom_up import BottomUp
from c2f.networks.pyramid import SCALERS
from c2f.networks.table import FAMILIES, VARIANTS, Family
from c2f.networks.top_down import TopDown


def classifier_names() -> list[str]:
    """Return the names that ``build_classifier`` knows: each family with its four variants."""
    return [family + variant for family in FAMILIES for variant in VARIANTS]


def family_name(name: str) -> str:
    """Return the family part of a network's name: ``"lenetfc"`` of ``"lenetfc_td_uni"``."""
    return _parse(name)[0]


def _parse(name: str) -> tuple[str, str]:
    choose(name, classifier_names(), "network")
    family = max((f for f in FAMILIES if name.startswith(f)), key=len)
    return family, name[len(family) :]


def family_of(name: str) -> Family:
    """Return the row of the table that the network ``name`` belongs to."""
    return FAMILIES[family_name(name)]


def classifier_title(name: str) -> str:
    """Return the network's name as figures and tables show it, e.g. ``"LeNetFC top-down"``."""
    family, variant = _parse(name)
    return f"{FAMILIES[family].title} {VARIANTS[variant]}"


def build_classifier(
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
        name: one of ``classifier_names()``: a family (lenetfc, nin_light, nin, resnet32, resnet18), and nothing for
            bottom-up, or ``_td``, ``_td_uni``, ``_td_rev`` for top-down, its uniform and its reversed variant.
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
