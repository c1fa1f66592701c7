"""The bottom-up builder: a row of the table read forwards, resolution shrinks with depth.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from torch import Tensor, nn

from c2f.networks.blocks import ConvNormReLU, GlobalMean, NormReLU, ResidualBlock, SameConv2d, SameMaxPool2d
from c2f.networks.dropout import Dropout
from c2f.networks.table import Family, Stage


def plain_head(family: Family, in_channels: int, num_classes: int, regularised: bool = True) -> nn.Sequential:
    """Return a 1x1 convolution to the classes, batch norm, **ReLU**, then the mean: scores are never negative (O1)."""
    return nn.Sequential(ConvNormReLU(in_channels, num_classes, 1, family.norm, regularised=regularised), GlobalMean())


def residual_head(family: Family, in_channels: int, num_classes: int) -> nn.Sequential:
    """Return batch norm, ReLU, mean, dense layer."""
    return nn.Sequential(NormReLU(in_channels, family.norm), GlobalMean(), nn.Linear(in_channels, num_classes))


def plain_stage(family: Family, in_channels: int, stage: Stage, first: tuple[nn.Module, ...] = ()) -> nn.Sequential:
    """Return the modules ``first``, the stage's ``kernel`` x ``kernel`` convolution, and its 1x1 convolutions."""
    modules, width = [*first, ConvNormReLU(in_channels, stage.width, stage.kernel, family.norm)], stage.width
    for out_channels in stage.pointwise:
        modules.append(ConvNormReLU(width, out_channels, 1, family.norm))
        width = out_channels
    return nn.Sequential(*modules)


class BottomUp(nn.Module):
    """A bottom-up network of the table; ``(N, C, H, W)`` to logits ``(N, K)``.

    Its stages are the children ``stage_x1``, ``stage_x2``, ... named by how much smaller than the picture they are.
    """

    def __init__(self, family: Family, variant: str, in_channels: int, num_classes: int, image_size: int):
        super().__init__()
        self.image_size, self.in_channels = image_size, in_channels
        stages, factor, channels = family.stages[variant], 1, in_channels
        self.stage_names: list[str] = []
        if family.style == "residual":
            self.stem: nn.Module = SameConv2d(in_channels, stages[0].width, 3)
            channels = stages[0].width
            if family.stem_pool:
                self.stem, factor = nn.Sequential(self.stem, SameMaxPool2d(3)), 2
        for i, stage in enumerate(stages):
            if family.style == "plain":
                shrink = (SameMaxPool2d(family.pool), Dropout(family.dropout)) if i else ()
                module = plain_stage(family, channels, stage, shrink)
            else:
                first = ResidualBlock(channels, stage.width, 2 if i else 1, family.norm)
                rest = [ResidualBlock(stage.width, stage.width, 1, family.norm) for _ in range(stage.blocks - 1)]
                module = nn.Sequential(first, *rest)
            name = f"stage_x{factor}"
            self.add_module(name, module)
            self.stage_names.append(name)
            channels, factor = stage.out_channels, factor * 2
        if family.style == "plain":
            self.head = plain_head(family, channels, num_classes, family.head_l2)
        else:
            self.head = residual_head(family, channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of pictures ``(N, C, H, W)``."""
        if x.ndim != 4 or tuple(x.shape[1:]) != (self.in_channels, self.image_size, self.image_size):
            raise ValueError(
                f"expected pictures (N, {self.in_channels}, {self.image_size}, {self.image_size}), "
                f"not {tuple(x.shape)}; "
                "build the network with the in_channels and image_size of your pictures"
            )
        if hasattr(self, "stem"):
            x = self.stem(x)
        for name in self.stage_names:
            x = self.get_submodule(name)(x)
        return self.head(x)
