"""The three segmentation networks of the Top-Down Networks paper (Lelekas et al. 2020): a class for every pixel.

``build_segmentation`` one by name. All share their convolutions (3x3, batch norm, ReLU) and differ in how they come
from coarse features to a full-size answer: the top-down network starts from the blurred picture and merges one finer
scale of the pyramid after the other; the U-Net (Ronneberger et al. 2015) shrinks, grows and concatenates; the fully
convolutional network (FCN, Long et al. 2015) adds coarse scores, upsampled, to finer ones.

The outputs are logits, before the softmax. Training takes the log-softmax of them, which is exact; the authors clip
the probability to [1e-7, 1 - 1e-7] instead, so that there a pixel's unweighted loss ends at 16.1 and its gradient at 0.

Axes: N pictures, C channels, H rows, W columns, K classes. Modules that hold weights are registered in the order of the
authors' code, as in ``c2f.networks.blocks``.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.common.checks import choose, positive_int
from c2f.networks.blocks import KERAS_NORM, ConvNormReLU, Merge, SameConv2d, SameMaxPool2d, initialise, upsample2
from c2f.networks.pyramid import Pyramid
from c2f.networks.repeated import Upward, of_merged


def stack(count: int, in_channels: int, width: int) -> nn.Sequential:
    """Return ``count`` times a 3x3 convolution to ``width`` channels with batch norm and ReLU."""
    channels = [in_channels, *[width] * count]
    return nn.Sequential(*(ConvNormReLU(channels[i], width, 3, KERAS_NORM) for i in range(count)))


def pixel_head(in_channels: int, num_classes: int) -> nn.Sequential:
    """Return a 1x1 convolution to the classes and batch norm, without a ReLU."""
    return nn.Sequential(SameConv2d(in_channels, num_classes, 1), KERAS_NORM.layer(num_classes))


class Segmentation(nn.Module):
    """What the three networks share: the check at the door. A subclass supplies ``logits``.

    ``coarsest``: by how much the network shrinks pictures. ``stage_names``: its stages, in the order in which they run.
    """

    coarsest: int
    stage_names: tuple[str, ...]

    def __init__(self, in_channels: int, image_size: int):
        super().__init__()
        self.in_channels, self.image_size = in_channels, image_size

    def logits(self, batches: Sequence[Tensor]) -> Tensor:
        """Map picture batches of the right shape to logits ``(N, K, H, W)``."""
        raise NotImplementedError

    def forward(self, pictures: Tensor | Sequence[Tensor]) -> Tensor:
        """Return the logits ``(N, K, H, W)`` of pictures ``(N, C, H, W)``.

        The top-down network also takes a sequence with one full-size batch for each scale, from fine to coarse.
        """
        batches = [pictures] if isinstance(pictures, Tensor) else list(pictures)
        expected = (self.in_channels, self.image_size, self.image_size)
        for x in batches:
            if x.ndim != 4 or tuple(x.shape[1:]) != expected:
                raise ValueError(
                    f"expected pictures (N, {', '.join(map(str, expected))}), not {tuple(x.shape)}; "
                    "build the network with the in_channels and image_size of your pictures"
                )
        return self.logits(batches)


class TopDownSegmentation(Segmentation, Upward):
    """From coarse to fine: the pyramid's three levels, merged as in the classifiers (sum and concatenation)."""

    coarsest = 4
    stage_names = ("stem_x4", "stage_x2", "stage_x1")

    def __init__(self, in_channels: int, num_classes: int, image_size: int, width: int):
        super().__init__(in_channels, image_size)
        self.pyramid = Pyramid(image_size, (1, 2, 4))
        self.stem_x1 = stack(2, in_channels, width)
        self.stem_x2 = stack(2, in_channels, 2 * width)
        self.stem_x4 = stack(2, in_channels, 4 * width)
        self.merge = Merge("sum_concat")
        self.lateral_x2 = ConvNormReLU(4 * width, 2 * width, 1, KERAS_NORM)
        self.stage_x2 = stack(3, 4 * width, 2 * width)
        self.lateral_x1 = ConvNormReLU(2 * width, width, 1, KERAS_NORM)
        self.stage_x1 = stack(3, 2 * width, width)
        self.head = pixel_head(width, num_classes)

    def logits(self, batches: Sequence[Tensor]) -> Tensor:
        """Return ``(N, K, H, W)``; of several batches, level i of the pyramid is made from batch i alone."""
        x1, x2, x4 = self.pyramid(batches[0] if len(batches) == 1 else batches)
        fine, middle = self.stem_x1(x1), self.stem_x2(x2)  # (N, w, H, W), (N, 2w, H/2, W/2)
        x = self.stem_x4(x4)  # (N, 4w, H/4, W/4)
        x = self._up(self.stage_x2, self.lateral_x2(x), middle)  # (N, 2w, H/2, W/2)
        x = self._up(self.stage_x1, self.lateral_x1(x), fine)  # (N, w, H, W)
        return self.head(x)

    def _up(self, stage: nn.Sequential, x: Tensor, finer: Tensor) -> Tensor:
        if not self.repeats:
            return of_merged(stage, self.merge, x, finer)
        return stage(self.merge(upsample2(x), finer))


class BottomUpSegmentation(Segmentation):
    """What the two bottom-up networks share: the encoder, two 3x3 convolutions at each of three sizes."""

    def __init__(self, in_channels: int, image_size: int, width: int):
        super().__init__(in_channels, image_size)
        self.pool = SameMaxPool2d(2)
        self.encode_x1 = stack(2, in_channels, width)
        self.encode_x2 = stack(2, width, 2 * width)
        self.encode_x4 = stack(2, 2 * width, 4 * width)

    def logits(self, batches: Sequence[Tensor]) -> Tensor:
        """Return ``(N, K, H, W)``; a second batch is refused."""
        if len(batches) != 1:
            raise ValueError(f"a bottom-up network takes one batch of pictures, not {len(batches)}; use 'td'")
        return self.decode(self.encode_x1(batches[0]))

    def decode(self, fine: Tensor) -> Tensor:
        """Map the features ``(N, w, H, W)`` of the first size to logits ``(N, K, H, W)``."""
        raise NotImplementedError


class UNet(BottomUpSegmentation):
    """Shrinks by max pooling, grows by repeating pixels, and concatenates the features of equal size, without a sum."""

    coarsest = 4
    stage_names = ("encode_x1", "encode_x2", "encode_x4", "decode_x2", "decode_x1")

    def __init__(self, in_channels: int, num_classes: int, image_size: int, width: int):
        super().__init__(in_channels, image_size, width)
        self.merge = Merge("concat")
        self.lateral_x2 = ConvNormReLU(4 * width, 2 * width, 1, KERAS_NORM)
        self.decode_x2 = stack(2, 4 * width, 2 * width)
        self.lateral_x1 = ConvNormReLU(2 * width, width, 1, KERAS_NORM)
        self.decode_x1 = stack(2, 2 * width, width)
        self.head = pixel_head(width, num_classes)

    def decode(self, fine: Tensor) -> Tensor:
        """Return ``(N, K, H, W)``."""
        middle = self.encode_x2(self.pool(fine))  # (N, 2w, H/2, W/2)
        x = self.encode_x4(self.pool(middle))  # (N, 4w, H/4, W/4)
        # Upsampled before the 1x1 convolution, unlike in the top-down network: the same numbers at four times the cost.
        x = self.decode_x2(self.merge(self.lateral_x2(upsample2(x)), middle))  # (N, 2w, H/2, W/2)
        x = self.decode_x1(self.merge(self.lateral_x1(upsample2(x)), fine))  # (N, w, H, W)
        return self.head(x)


class FCN(BottomUpSegmentation):
    """A plain encoder; class scores at three scales, the coarser ones upsampled (bilinear, half-pixel) and added."""

    coarsest = 8
    stage_names = ("encode_x1", "encode_x2", "encode_x4")

    def __init__(self, in_channels: int, num_classes: int, image_size: int, width: int):
        super().__init__(in_channels, image_size, width)
        self.score_x8 = SameConv2d(4 * width, num_classes, 1)
        self.score_x4 = SameConv2d(2 * width, num_classes, 1)
        self.score_x2 = SameConv2d(width, num_classes, 1)
        self.head = nn.Sequential(KERAS_NORM.layer(num_classes))

    def decode(self, fine: Tensor) -> Tensor:
        """Return ``(N, K, H, W)``."""
        pooled_x2 = self.pool(fine)  # (N, w, H/2, W/2)
        pooled_x4 = self.pool(self.encode_x2(pooled_x2))  # (N, 2w, H/4, W/4)
        pooled_x8 = self.pool(self.encode_x4(pooled_x4))  # (N, 4w, H/8, W/8)
        scores = _bilinear2(self.score_x8(pooled_x8)) + self.score_x4(pooled_x4)  # (N, K, H/4, W/4)
        scores = _bilinear2(scores) + self.score_x2(pooled_x2)  # (N, K, H/2, W/2)
        return self.head(_bilinear2(scores))  # (N, K, H, W)


def _bilinear2(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


SEGMENTATION_NETWORKS: dict[str, tuple[str, type[TopDownSegmentation] | type[UNet] | type[FCN]]] = {
    "td": ("Top-down", TopDownSegmentation),
    "unet": ("U-Net", UNet),
    "fcn": ("FCN", FCN),
}
"""Name -> what figures and tables call it, and its class."""


def build_segmentation(
    name: str,
    num_classes: int = 12,
    image_size: int = 56,
    in_channels: int = 1,
    width: int = 64,
    seed: int | None = None,
) -> Segmentation:
    """Build a segmentation network with fresh weights (Glorot uniform); ``(N, C, H, W)`` to logits ``(N, K, H, W)``.

    Args:
        name: ``td``, ``unet`` or ``fcn``.
        num_classes: K of the logits; the paper's are ten garments, background and ignore.
        image_size: H = W in pixels, a multiple of 4 (FCN: of 8).
        in_channels: C of the pictures.
        width: channels at full resolution (64 in the paper); twice as many at half of it, four times at a quarter.
            The cost grows with its square.
        seed: where given, the weights are drawn from it and torch's global random state is left as it was.

    Raises:
        ValueError: an unknown name (with the nearest known one), or a size or count out of range.
    """
    _, kind = SEGMENTATION_NETWORKS[choose(name, SEGMENTATION_NETWORKS, "segmentation network")]
    counts = {"num_classes": num_classes, "image_size": image_size, "in_channels": in_channels, "width": width}
    for what, value in counts.items():
        positive_int(value, what, maximum=4096 if what == "width" else 2**63 - 1)
    if image_size % kind.coarsest:
        raise ValueError(
            f"{name} shrinks pictures by {kind.coarsest}: image_size must be a multiple of that, not {image_size}"
        )
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        network = kind(in_channels, num_classes, image_size, width)
        initialise(network, "glorot")
    return network
