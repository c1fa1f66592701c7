"""The top-down builder: a row of the table read backwards, resolution grows with depth.

The network starts from the most blurred picture and takes in one finer scale of the pyramid at each stage.
Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from c2f.networks.blocks import (
    KERAS_NORM,
    MERGES,
    ConvNormReLU,
    Merge,
    NormConstants,
    NormReLU,
    ResidualBlock,
    SameConv2d,
    upsample2,
)
from c2f.networks.bottom_up import plain_head, plain_stage, residual_head
from c2f.networks.dropout import Dropout
from c2f.networks.pyramid import Pyramid
from c2f.networks.repeated import Upward, of_merged, of_upsampled
from c2f.networks.table import Family, Stage


class PlainUp(Upward):
    """Up to the next scale: 1x1 convolution to its width where that differs, upsample, merge, 3x3 convolution."""

    def __init__(self, family: Family, in_channels: int, width: int, merge: str):
        super().__init__()
        self.lateral = ConvNormReLU(in_channels, width, 1, family.norm) if in_channels != width else None
        self.merge = Merge(merge)
        self.merge_conv = ConvNormReLU(MERGES[merge] * width, width, 3, family.norm)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        """Map ``(N, in_channels, H, W)`` and the scale's features ``(N, width, 2H, 2W)`` to ``(N, width, 2H, 2W)``."""
        if self.lateral is not None:
            x = self.lateral(x)
        if not self.repeats:
            return of_merged(self.merge_conv, self.merge, x, scale)
        return self.merge_conv(self.merge(upsample2(x), scale))


class UpBlock(Upward):
    """Residual block that doubles the resolution and merges the next finer scale.

    Where input and output are equally wide (the uniform networks) there is no 1x1 convolution and the shortcut is the
    raw input, upsampled.
    """

    def __init__(self, in_channels: int, width: int, merge: str, norm: NormConstants):
        super().__init__()
        self.norm1 = NormReLU(in_channels, norm)
        self.shortcut = SameConv2d(in_channels, width, 1) if in_channels != width else None
        self.conv1 = SameConv2d(in_channels, width, 3)
        self.norm2 = NormReLU(width, norm)
        self.conv2 = SameConv2d(width, width, 3)
        self.merge = Merge(merge)
        self.merge_norm = NormReLU(MERGES[merge] * width, norm)
        self.merge_conv = SameConv2d(MERGES[merge] * width, width, 3)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        """Map ``(N, in_channels, H, W)`` and the scale's features ``(N, width, 2H, 2W)`` to ``(N, width, 2H, 2W)``."""
        h = self.norm1(x)
        shortcut = upsample2(x if self.shortcut is None else self.shortcut(h))
        y = self.conv1(upsample2(h)) if self.repeats else of_upsampled(self.conv1, h)
        y = self.conv2(self.norm2(y))
        return self.merge_conv(self.merge_norm(self.merge(shortcut + y, scale)))


class PoolMirror(nn.Module):
    """What mirrors the first max pool of ResNet18: upsample, merge, batch norm, ReLU, 3x3 convolution.

    Its batch norm has Keras's default constants, unlike all others of the network (oddity O4 of the authors' code).
    """

    def __init__(self, width: int, merge: str):
        super().__init__()
        self.merge = Merge(merge)
        self.merge_norm = NormReLU(MERGES[merge] * width, KERAS_NORM)
        self.merge_conv = SameConv2d(MERGES[merge] * width, width, 3)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        """Map ``(N, width, H, W)`` and the scale's features ``(N, width, 2H, 2W)`` to ``(N, width, 2H, 2W)``."""
        return self.merge_conv(self.merge_norm(self.merge(upsample2(x), scale)))


class TopDown(nn.Module):
    """A top-down network of the table; pictures ``(N, C, H, W)``, or one batch of pictures a scale, to logits ``(N,
    K)``.

    Children are named by how much smaller than the picture they are: ``stem_x4`` reads the level shrunk by four,
    ``up_x2`` merges the level shrunk by two, ``stage_x2`` works at that resolution.
    """

    def __init__(
        self,
        family: Family,
        variant: str,
        in_channels: int,
        num_classes: int,
        image_size: int,
        merge: str,
        scaler: str,
    ):
        super().__init__()
        self.family, self.in_channels = family, in_channels
        stages = family.stages["" if variant == "_td" else variant]
        levels = len(stages) + family.stem_pool
        self.pyramid = Pyramid(image_size, [2**i for i in range(levels)], scaler)
        self.stage_names: list[str] = []
        for level in family.first_stems:
            self._add_stem(level, stages)

        coarsest = stages[-1]
        if family.style == "plain":
            # The coarsest stem already is the stage's k x k convolution; what is left are its 1x1 convolutions.
            pointwise, width = [], coarsest.width
            for out_channels in coarsest.pointwise:
                pointwise.append(ConvNormReLU(width, out_channels, 1, family.norm))
                width = out_channels
            self._add_stage(len(stages) - 1, nn.Sequential(*pointwise))
        else:
            if family.stem_pool:
                self.pool_mirror = PoolMirror(coarsest.width, merge)
            self._add_stage(len(stages) - 1, self._blocks(coarsest.width, coarsest.blocks))
        channels = coarsest.out_channels

        for level in reversed(range(len(stages) - 1)):
            stage = stages[level]
            if level not in family.first_stems:
                self._add_stem(level, stages)
            if family.style == "plain":
                up: nn.Module = PlainUp(family, channels, stage.width, merge)
                body = plain_stage(family, stage.width, stage, (Dropout(family.dropout),))
            else:
                up = UpBlock(channels, stage.width, merge, family.norm)
                body = self._blocks(stage.width, stage.blocks - 1)
            self.add_module(f"up_x{2**level}", up)
            self._add_stage(level, body)
            channels = stage.out_channels
        head = plain_head if family.style == "plain" else residual_head
        self.head = head(family, channels, num_classes)

    def _add_stem(self, level: int, stages: Sequence[Stage]) -> None:
        stage = stages[min(level, len(stages) - 1)]
        if self.family.style == "plain":
            stem: nn.Module = ConvNormReLU(
                self.in_channels, stage.width, stage.kernel, self.family.norm, regularised=self.family.stems_l2
            )
        else:
            stem = SameConv2d(self.in_channels, stage.width, 3)
        self.add_module(f"stem_x{2**level}", stem)

    def _add_stage(self, level: int, module: nn.Module) -> None:
        name = f"stage_x{2**level}"
        self.add_module(name, module)
        self.stage_names.append(name)

    def _blocks(self, width: int, count: int) -> nn.Sequential:
        return nn.Sequential(*(ResidualBlock(width, width, 1, self.family.norm) for _ in range(count)))

    def forward(self, pictures: Tensor | Sequence[Tensor]) -> Tensor:
        """Return the logits ``(N, K)``.

        ``pictures`` is one tensor ``(N, C, H, W)``, or a sequence with one full-size tensor for each scale from fine to
        coarse; level i of the pyramid is then made from picture i alone.
        """
        levels = self.pyramid(pictures)
        if levels[0].shape[1] != self.in_channels:
            raise ValueError(
                f"expected pictures of {self.in_channels} channels, not {levels[0].shape[1]}; "
                f"build the network with in_channels={levels[0].shape[1]}"
            )

        def seen(level: int) -> Tensor:
            return self.get_submodule(f"stem_x{2**level}")(levels[level])

        level = len(levels) - 1
        x = seen(level)
        if self.family.stem_pool:
            level -= 1
            x = self.pool_mirror(x, seen(level))
        x = self.get_submodule(f"stage_x{2**level}")(x)
        for finer in reversed(range(level)):
            x = self.get_submodule(f"up_x{2**finer}")(x, seen(finer))
            x = self.get_submodule(f"stage_x{2**finer}")(x)
        return self.head(x)
