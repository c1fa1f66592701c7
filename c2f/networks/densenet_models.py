"""The two models of the DenseNet-FCN and the blocks they are made of; ``c2f.networks.densenet_fcn`` builds them.

Sizes on the way (``paper``, 224x224; ``->`` is what a dense block makes of its input):

==============  ====  ==========  ==========================================================
stage           side  channels    what it is
==============  ====  ==========  ==========================================================
``stem``        224   48          3x3 convolution
``early``       112   48          transition down
``encode.0``    112   48 -> 112   dense block, skip A; ``shrink.0`` follows, 112 channels
``encode.1``    56    112 -> 176  dense block, skip B; ``shrink.1``
``encode.2``    28    176 -> 240  dense block, skip C; ``shrink.2``
``encode.3``    14    240 -> 304  dense block, skip D; ``shrink.3``
``bottleneck``  7     304 -> 368  dense block; only its 64 new maps go up
``tap``         14    368 -> 432  up, skip D, dense block; the head reads its 64 new maps
``expand.0``    28    304 -> 368  up, skip C, dense block; its 64 new maps go up
``expand.1``    56    240 -> 304  up, skip B, dense block; its 64 new maps go up
``expand.2``    112   176 -> 240  up, skip A, dense block; all 240 go up
``expand_up``   224   240 -> 16   the high-resolution features; ``rebuild`` makes the picture
==============  ====  ==========  ==========================================================

The authors' documentation calls the tap "the bottleneck"; in their code, and here, it is one transition up behind it.

Axes: N pictures, C channels (of pictures), M feature maps, H rows, W columns, h and w rows and columns of the tap,
K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor, nn

from c2f.common.checks import positive_int
from c2f.networks.blocks import GlobalMean, NormConstants, NormReLU

DENSE_NORM = NormConstants(momentum=0.01, eps=1.1e-5)
"""Batch norm of all layers, with the authors' constants; momentum in torch's sense (0.99 in Keras's)."""


@dataclass(frozen=True)
class DenseConfig:
    """A row of the table of networks.

    ``blocks``: dense blocks on the way down, each before a halving; one more halving follows the stem. ``layers``: of
    each dense block. ``growth``: new maps of each layer. ``stem``: maps of the first convolution. ``maps``: M of the
    features, low- and high-resolution, that class activation maps are sums of.
    """

    blocks: int
    layers: int
    growth: int
    stem: int
    maps: int

    def __post_init__(self) -> None:
        for what, value in vars(self).items():
            positive_int(value, what)

    @property
    def coarsest(self) -> int:
        """By how much the bottleneck is smaller than the picture, whose side must be a multiple of it."""
        return 2 ** (self.blocks + 1)

    @property
    def new(self) -> int:
        """New maps of a dense block."""
        return self.layers * self.growth


DENSENETS = {
    "paper": DenseConfig(blocks=4, layers=4, growth=16, stem=48, maps=16),
    "small": DenseConfig(blocks=3, layers=3, growth=12, stem=24, maps=16),
    "slim": DenseConfig(blocks=3, layers=2, growth=12, stem=16, maps=16),
    "tiny": DenseConfig(blocks=2, layers=2, growth=8, stem=16, maps=8),
}
"""The paper's network, and three for small pictures, with 8x8 class maps of 64x64 (``small``, and ``slim`` at half the
cost) and of 32x32 (``tiny``)."""


class BareConv2d(nn.Conv2d):
    """A convolution without bias, stride 1, "SAME" padding; ``regularised``: whether the L2 penalty covers it."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, regularised: bool):
        super().__init__(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        self.regularised = regularised


class DenseBlock(nn.Module):
    """Layers of batch norm, ReLU, 3x3 convolution; each reads all maps before it and adds ``growth`` behind them."""

    def __init__(self, in_channels: int, config: DenseConfig):
        super().__init__()
        widths = [in_channels + i * config.growth for i in range(config.layers)]
        self.layers = nn.ModuleList(
            nn.Sequential(NormReLU(width, DENSE_NORM), BareConv2d(width, config.growth, 3, regularised=False))
            for width in widths
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, in_channels, H, W)`` to ``(N, in_channels + new, H, W)``, the new maps last."""
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class TransitionDown(nn.Sequential):
    """Batch norm, ReLU, 1x1 convolution, 2x2 maximum: ``(N, channels, H, W)`` to ``(N, channels, H/2, W/2)``."""

    def __init__(self, channels: int):
        super().__init__(
            NormReLU(channels, DENSE_NORM), BareConv2d(channels, channels, 1, regularised=True), nn.MaxPool2d(2)
        )


class TransitionUp(nn.Module):
    """Transposed 3x3 convolution with bias and stride 2, ReLU."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.grow = nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2)
        self.relu = nn.ReLU()  # a module, so that guided backpropagation finds it

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, in_channels, H, W)`` to ``(N, out_channels, 2H, 2W)``: Keras's "same" drops the last row and
        column."""
        return self.relu(self.grow(x)[..., :-1, :-1])


class UpStage(nn.Module):
    """Transition up, the skip behind it, dense block."""

    def __init__(self, skip_channels: int, config: DenseConfig):
        super().__init__()
        self.up = TransitionUp(config.new, config.new)
        self.dense = DenseBlock(config.new + skip_channels, config)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map ``(N, new, H, W)`` and the skip ``(N, S, 2H, 2W)`` to ``(N, new + S + new, 2H, 2W)``."""
        return self.dense(torch.cat([self.up(x), skip], dim=1))


@dataclass(frozen=True)
class HalfOutputs:
    """What the half model gives: ``logits`` ``(N, K)``, and ``low_features`` ``(N, M, h, w)``, signed, whose mean over
    space is what the dense layer reads."""

    logits: Tensor
    low_features: Tensor


@dataclass(frozen=True)
class FullOutputs(HalfOutputs):
    """What the full model gives: the half model's, ``high_features`` ``(N, M, H, W)``, never negative, and the
    ``reconstruction`` of the picture ``(N, C, H, W)``, in the range of the pictures that it was trained on."""

    high_features: Tensor
    reconstruction: Tensor


@dataclass(frozen=True)
class Trunk:
    """What the expanding path needs of the classifier: its ``skips`` from fine to coarse, each ``(N, S, side, side)``,
    and the ``stack`` of maps ``(N, S, h, w)`` at the tap."""

    skips: tuple[Tensor, ...]
    stack: Tensor


class HalfDenseNet(nn.Module):
    """The classifier (section 2 of the description of the paper's code); ``build_densenet`` makes one."""

    def __init__(self, config: DenseConfig, in_channels: int, num_classes: int, image_size: int):
        super().__init__()
        self.config, self.in_channels = config, in_channels
        self.num_classes, self.image_size = num_classes, image_size
        self.skip_channels = tuple(config.stem + (level + 1) * config.new for level in range(config.blocks))
        encode_names = (f"encode.{level}" for level in range(config.blocks))
        self.stage_names: tuple[str, ...] = ("stem", "early", *encode_names, "bottleneck", "tap")
        self.stem = nn.Sequential(
            BareConv2d(in_channels, config.stem, 3, regularised=True), NormReLU(config.stem, DENSE_NORM)
        )
        self.early = TransitionDown(config.stem)
        self.encode = nn.ModuleList(DenseBlock(skip - config.new, config) for skip in self.skip_channels)
        self.shrink = nn.ModuleList(TransitionDown(skip) for skip in self.skip_channels)
        self.bottleneck = DenseBlock(self.skip_channels[-1], config)
        self.tap = UpStage(self.skip_channels[-1], config)
        self.head = nn.Sequential(
            BareConv2d(config.new, config.maps, 1, regularised=False),
            GlobalMean(),
            nn.Linear(config.maps, num_classes),
        )

    @property
    def class_weights(self) -> Tensor:
        """The dense layer's kernel ``(K, M)``, how much each feature map speaks for each class."""
        return cast(Tensor, self.head[-1].weight)

    def trunk(self, pictures: Tensor) -> Trunk:
        """Run pictures ``(N, C, H, W)`` up to the tap."""
        expected = (self.in_channels, self.image_size, self.image_size)
        if pictures.ndim != 4 or tuple(pictures.shape[1:]) != expected or not pictures.is_floating_point():
            raise ValueError(
                f"expected float pictures (N, {', '.join(map(str, expected))}), not {pictures.dtype} "
                f"{tuple(pictures.shape)}; build the model with the in_channels and image_size of your pictures"
            )
        x = self.early(self.stem(pictures))  # (N, stem, H/2, W/2)
        skips = []
        for encode, shrink in zip(self.encode, self.shrink, strict=True):
            skips.append(encode(x))
            x = shrink(skips[-1])
        new = self.bottleneck(x)[:, -self.config.new :]  # (N, new, h/2, w/2)
        return Trunk(tuple(skips), self.tap(new, skips[-1]))

    def classify(self, trunk: Trunk) -> HalfOutputs:
        """Run the head on the tap's new maps."""
        features, mean, dense = self.head
        low_features = features(trunk.stack[:, -self.config.new :])  # (N, M, h, w)
        return HalfOutputs(dense(mean(low_features)), low_features)

    def outputs(self, pictures: Tensor) -> HalfOutputs:
        """Return logits and low-resolution features of pictures ``(N, C, H, W)``."""
        return self.classify(self.trunk(pictures))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of pictures ``(N, C, H, W)``."""
        return self.outputs(pictures).logits


class FullDenseNet(nn.Module):
    """A classifier, frozen, with the expanding path behind its tap (section 3); ``build_densenet`` makes one.

    The ``classifier`` becomes part of the model. Its parameters need no gradient, and it stays in inference mode when
    the model is set to training: its batch norms neither use nor learn the statistics of a batch. So the full model's
    scores are the half model's at every step of the training. (In the Keras of 2018 a frozen batch norm kept its moving
    statistics too, but used the batch's in training.)
    """

    def __init__(self, classifier: HalfDenseNet):
        super().__init__()
        config = classifier.config
        self.classifier = classifier.requires_grad_(False).eval()
        finer = classifier.skip_channels[-2::-1]  # from coarse to fine, without the tap's
        self.expand = nn.ModuleList(UpStage(skip, config) for skip in finer)
        # The last transition takes the whole stack, not its new maps alone.
        self.expand_up = TransitionUp(2 * config.new + classifier.skip_channels[0], config.maps)
        self.rebuild = BareConv2d(config.maps, classifier.in_channels, 1, regularised=False)
        self.stage_names: tuple[str, ...] = (
            *(f"classifier.{stage}" for stage in classifier.stage_names),
            *(f"expand.{stage}" for stage in range(len(self.expand))),
            *("expand_up", "rebuild"),
        )

    @property
    def head(self) -> nn.Sequential:
        """The classifier's head."""
        return self.classifier.head

    @property
    def class_weights(self) -> Tensor:
        """The classifier's ``(K, M)``, used again on the high-resolution features."""
        return self.classifier.class_weights

    def train(self, mode: bool = True) -> Self:
        """Set the expanding path to training, or back; the classifier stays in inference mode."""
        super().train(mode)
        self.classifier.eval()
        return self

    def outputs(self, pictures: Tensor) -> FullOutputs:
        """Return logits, features of both resolutions and the reconstruction of pictures ``(N, C, H, W)``."""
        trunk = self.classifier.trunk(pictures)
        half = self.classifier.classify(trunk)
        stack = trunk.stack
        for stage, skip in zip(self.expand, reversed(trunk.skips[:-1]), strict=True):
            stack = stage(stack[:, -self.classifier.config.new :], skip)
        high_features = self.expand_up(stack)  # (N, M, H, W)
        return FullOutputs(half.logits, half.low_features, high_features, self.rebuild(high_features))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of pictures ``(N, C, H, W)``; the expanding path has no part in them."""
        return self.classifier(pictures)


def regularised_kernels(network: nn.Module) -> Iterator[Tensor]:
    """Yield the kernels that the L2 penalty covers: stem, transitions down and up, dense layer (1e-4 in the paper)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and getattr(module, "regularised", True):
            yield module.weight
