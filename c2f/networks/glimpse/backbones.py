"""Backbones: what turns a glimpse into a feature vector. Any module that maps pictures to vectors will do.

Axes: N pictures, C channels, H rows, W columns, F features.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.common.checks import choose, positive_int
from c2f.networks.blocks import GlobalMean
from c2f.networks.bottom_up import BottomUp
from c2f.networks.classifiers import build_classifier, classifier_names
from c2f.networks.top_down import TopDown

TORCHVISION = {f"torchvision-{name}": name for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")}
"""The residual networks of torchvision, under names that differ from our own ResNet18's."""


class SmallCNN(nn.Module):
    """The paper's small network for the digits on a canvas: four convolutions with ReLU, then the mean; 128 features.

    On 28x28: 24, 12, 12, 6, 6, 3, 3. No batch norm.
    """

    width = 128

    def __init__(self, in_channels: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, 5)
        self.conv2 = nn.Conv2d(16, 32, 5, padding=2)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 128, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, 128)``."""
        _check_side(min(x.shape[-2:]))
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.relu(F.max_pool2d(conv(x), 2))  # the same as after the ReLU, on a quarter of the values
        return F.relu(self.conv4(x)).mean(dim=(2, 3))


class Standardise(nn.Module):
    """Takes a mean from every channel and divides by a standard deviation, so that a network takes pictures in [0, 1].

    In front of a backbone it is the same as in front of the glimpses, as long as no window leaves the picture.

    Args:
        mean: of each channel of the training pictures in [0, 1].
        std: likewise, above 0.

    Raises:
        ValueError: not one of each a channel, or a standard deviation that is not above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        if len(mean) != len(std) or not len(mean) or not all(s > 0 for s in std):
            raise ValueError(f"give a mean and a standard deviation above 0 for each channel, not {mean} and {std}")
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to the same shape."""
        return (x - self.mean) / self.std


def _check_side(side: int) -> None:
    if side < 12:
        raise ValueError(
            f"glimpses of {side} pixels are too small for small_cnn, which needs 12: "
            "use a smaller downsampling or larger pictures"
        )


def backbone_names() -> list[str]:
    """Return the names that ``build_backbone`` knows: the small network, torchvision's, and those of the book."""
    return ["small_cnn", *TORCHVISION, *classifier_names()]


def build_backbone(name: str, in_channels: int, side: int) -> tuple[nn.Module, int]:
    """Build a backbone with fresh weights for glimpses of ``side`` pixels; return it and F, the width of its features.

    torchvision's first convolution is made anew where pictures do not have three channels.

    Raises:
        ValueError: an unknown name, or a side that is too small or that a network of the book cannot halve as often as
            it must.
    """
    choose(name, backbone_names(), "backbone")
    positive_int(in_channels, "in_channels")
    positive_int(side, "a glimpse's side")
    if name == "small_cnn":
        _check_side(side)
        return SmallCNN(in_channels), SmallCNN.width
    if name not in TORCHVISION:
        return without_classes(build_classifier(name, in_channels, image_size=side))
    from torchvision.models import get_model

    network, width = without_classes(get_model(TORCHVISION[name], weights=None))
    if in_channels != 3:
        network.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    return network, width


def without_classes(network: nn.Module) -> tuple[nn.Module, int]:
    """Return a copy of a classifier, trained or not, that ends in features ``(N, F)``, and F.

    torchvision's residual networks lose ``fc``. Networks of the book lose their head, and give the mean over rows and
    columns of what goes into its last convolution or dense layer.

    Raises:
        ValueError: another kind of network.
    """
    network = copy.deepcopy(network)
    if not isinstance(network, BottomUp | TopDown):
        from torchvision.models import ResNet

        if isinstance(network, ResNet):
            width = network.fc.in_features
            network.fc = nn.Identity()
            return network, width
        raise ValueError(
            f"{type(network).__name__} is neither a network of the book nor a residual network of torchvision: "
            "give MultiGlimpse a module that maps pictures to features (N, F), and F"
        )
    head = network.head
    if isinstance(head[-1], nn.Linear):
        network.head = nn.Sequential(head[0], GlobalMean())
        return network, head[-1].in_features
    network.head = nn.Sequential(GlobalMean())
    return network, next(m for m in head.modules() if isinstance(m, nn.Conv2d)).in_channels
