"""The DenseNet-FCN of the High-Resolution CAM paper (Tagaris, Sdraka, Stafylopatis, ICIP 2019), in Keras's arithmetic.

Two models share one classifier. The **half model** is the classifier: it shrinks the picture through dense blocks,
grows back once (to 14x14 of 224x224) and pools there. The **full model** holds that classifier, frozen, and grows on to
the picture's own size; this expanding path is trained to rebuild the picture. Because the classifier is the same, so
are the class scores. ::

    half = build_densenet("half", num_classes=10, image_size=64, config="small", seed=0)
    half(pictures)  # logits (N, 10): the package's evaluation, attacks and Grad-CAM take the models as they are
    full = build_densenet("full", num_classes=10, image_size=64, config="small", seed=0)
    transfer(half, full)  # copies the classifier and checks that the scores are identical
    full.outputs(pictures).reconstruction  # (N, 3, 64, 64)
    maps = class_maps(full, pictures)  # of the predicted classes
    maps.low, maps.high  # (N, 8, 8), (N, 64, 64)

What the full model learns is what of it needs a gradient: ``[p for p in full.parameters() if p.requires_grad]``.

Axes: N pictures, C channels (of pictures), M feature maps, H rows, W columns, h and w rows and columns of a feature
map, K classes.
"""

import math
from typing import Literal, overload

import torch
from torch import Tensor, nn

from c2f.common.checks import choose, positive_int
from c2f.networks.blocks import initialise
from c2f.networks.densenet_models import (
    DENSENETS,
    DenseConfig,
    FullDenseNet,
    FullOutputs,
    HalfDenseNet,
    HalfOutputs,
    regularised_kernels,
)
from c2f.networks.modes import frozen

__all__ = [
    "DENSENETS",
    "DenseConfig",
    "FullDenseNet",
    "FullOutputs",
    "HalfDenseNet",
    "HalfOutputs",
    "build_densenet",
    "check_same_scores",
    "regularised_kernels",
    "transfer",
]

MODELS = ("half", "full")
DENSENET_TITLES = {"densenet_half": "half model", "densenet_full": "full model"}
"""Titles by name. The half model classifies; the full model holds it, frozen, and learns to rebuild the picture."""
HALF, FULL = DENSENET_TITLES


@overload
def build_densenet(
    kind: Literal["half"],
    num_classes: int = ...,
    image_size: int = ...,
    in_channels: int = ...,
    config: str | DenseConfig = ...,
    seed: int | None = ...,
) -> HalfDenseNet: ...


@overload
def build_densenet(
    kind: Literal["full"],
    num_classes: int = ...,
    image_size: int = ...,
    in_channels: int = ...,
    config: str | DenseConfig = ...,
    seed: int | None = ...,
) -> FullDenseNet: ...


@overload
def build_densenet(
    kind: str,
    num_classes: int = ...,
    image_size: int = ...,
    in_channels: int = ...,
    config: str | DenseConfig = ...,
    seed: int | None = ...,
) -> HalfDenseNet | FullDenseNet: ...


def build_densenet(
    kind: str,
    num_classes: int = 398,
    image_size: int = 224,
    in_channels: int = 3,
    config: str | DenseConfig = "paper",
    seed: int | None = None,
) -> HalfDenseNet | FullDenseNet:
    """Build a model with fresh weights; it maps pictures ``(N, C, H, W)`` to logits ``(N, K)``, ``outputs`` to more.

    Convolutions are drawn as Keras's ``he_normal``, the dense layer as Glorot uniform, biases are zero. With one seed
    the full model's classifier is the half model.

    Args:
        kind: ``half``, the classifier, or ``full``, which rebuilds the picture too and has its classifier frozen.
        num_classes: K of the logits, at least 2.
        image_size: H = W in pixels, a multiple of the configuration's ``coarsest``: 32 for ``paper``.
        in_channels: C of the pictures.
        config: a name in ``DENSENETS`` (``paper``, ``small``, ``slim``, ``tiny``) or a row of your own.
        seed: where given, the weights are drawn from it and torch's global random state is left as it was.

    Raises:
        ValueError: an unknown model or configuration (with the nearest known one), or a size or count out of range.
    """
    choose(kind, MODELS, "model")
    if isinstance(config, DenseConfig):
        row = config
    elif isinstance(config, str):
        row = DENSENETS[choose(config, DENSENETS, "configuration")]
    else:
        raise ValueError(f"config must be a name ({', '.join(DENSENETS)}) or a DenseConfig, not {config!r}")
    positive_int(num_classes, "num_classes", minimum=2)
    positive_int(in_channels, "in_channels")
    positive_int(image_size, "image_size")
    if image_size % row.coarsest:
        below = image_size // row.coarsest * row.coarsest
        near = f"{below} or {below + row.coarsest}" if below else f"{row.coarsest}"
        raise ValueError(
            f"{row.blocks} blocks shrink pictures by {row.coarsest}: image_size must be a multiple of that, such as "
            f"{near}, not {image_size}; fewer blocks shrink less (config)"
        )
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        half = HalfDenseNet(row, in_channels, num_classes, image_size)
        _initialise(half)
        initialise(half.head[-1], "glorot")
        if kind == "half":
            return half
        full = FullDenseNet(half)
        for part in (full.expand, full.expand_up, full.rebuild):
            _initialise(part)
    return full


def _initialise(network: nn.Module) -> None:
    initialise(network, "he")
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d):
            fan_in = module.weight[0].numel()  # as Keras counts it: rows x columns x the channels that come out
            std = math.sqrt(2 / fan_in) / 0.87962566  # of the truncated normal, see c2f.networks.blocks.initialise
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def transfer(half: HalfDenseNet, full: FullDenseNet, pictures: Tensor | None = None) -> None:
    """Copy the classifier ``half`` into ``full`` and check that the class scores of both are identical.

    Args:
        half: the trained half model; it is left as it was.
        full: its classifier is overwritten and stays frozen; its expanding path is left as it was.
        pictures: float ``(N, C, H, W)`` to compare on; by default two of noise in [0, 1).

    Raises:
        ValueError: the models differ in configuration or sizes, or their scores do.
    """
    for what in ("config", "in_channels", "num_classes", "image_size"):
        ours, theirs = getattr(half, what), getattr(full.classifier, what)
        if ours != theirs:
            raise ValueError(
                f"the half model has {what} {ours} and the full model {theirs}: build both with the same values"
            )
    full.classifier.load_state_dict(half.state_dict())
    if pictures is None:
        shape = (2, half.in_channels, half.image_size, half.image_size)
        pictures = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(half.class_weights)
    check_same_scores(half, full, pictures)


def check_same_scores(half: nn.Module, full: nn.Module, pictures: Tensor, batch_size: int = 16) -> None:
    """Check that both models give the same logits for all pictures ``(N, C, H, W)``, bit for bit.

    Raises:
        ValueError: they do not; it says for how many pictures and by how much.
    """
    positive_int(batch_size, "batch_size")
    if len(pictures) == 0:
        raise ValueError("there are no pictures to compare the models on")
    with frozen(half), frozen(full), torch.no_grad():
        batches = pictures.split(batch_size)
        ours, theirs = (torch.cat([model(batch).cpu() for batch in batches]) for model in (half, full))  # (N, K)
    differing = int((ours != theirs).any(dim=1).sum())
    if differing:
        raise ValueError(
            f"the class scores of half and full model differ for {differing} of {len(pictures)} pictures, by up to "
            f"{(ours - theirs).abs().max():.3g}: copy the classifier with transfer(half, full)"
        )
