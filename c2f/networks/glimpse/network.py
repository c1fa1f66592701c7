"""The Multi-Glimpse Network: it looks a few times at small crops, and each look chooses the next.

Axes: N pictures, C channels, H rows, W columns, T glimpses, F features of the backbone, D = F + 3 width of a token,
K classes. Tan, Dong, Ma: "Multi-Glimpse Network", BMVC 2021, section 3.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from c2f.common.checks import choose, positive_int
from c2f.networks.glimpse.backbones import Standardise, build_backbone
from c2f.networks.glimpse.fusion import Fusion, Memory
from c2f.networks.glimpse.geometry import (
    TRANSLATIONS,
    check_scales,
    glimpse_side,
    locations_from,
    take_glimpse,
    whole_picture,
)
from c2f.networks.glimpse.gradients import GradientEquilibrium, rescale_gradient
from c2f.networks.modes import in_float32


@dataclass(frozen=True)
class GlimpseSettings:
    """How a network looks. The defaults are the paper's for digits on a 112x112 canvas.

    Attributes:
        glimpses: how many by default, the whole picture included.
        downsampling: how many times smaller than the picture a glimpse's side is (the paper's "scale"; 2.33 for
            photographs of 224 pixels).
        scale_min: side of the smallest window as a share of the picture's, above 0.
        scale_max: side of the largest window, below 1.
        rule: how a window's centre is chosen, one of ``TRANSLATIONS``.
        gradient_scale: in (0, 1], by which the gradient of the location path is multiplied (the paper's s; 1 is off).
        spatial_clue: whether tokens know their location (zeros otherwise).
        detach_places: whether no gradient goes through a token's location.
        dropout: of the attention, in [0, 1).
        glimpse_classifier: whether glimpses after the first are also classified by themselves in training.

    Raises:
        ValueError: a value out of its range, or an unknown rule.
    """

    glimpses: int = 4
    downsampling: float = 4.0
    scale_min: float = 0.2
    scale_max: float = 0.5
    rule: str = "tight_crop"
    gradient_scale: float = 0.02
    spatial_clue: bool = True
    detach_places: bool = True  # in records and checkpoints under this name: what else is a place is a location here
    dropout: float = 0.0
    glimpse_classifier: bool = True

    def __post_init__(self) -> None:
        positive_int(self.glimpses, "glimpses")
        if not 1 <= self.downsampling < math.inf:
            raise ValueError(
                f"downsampling must be at least 1 (a glimpse as large as the picture), not "
                f"{self.downsampling!r}: 4 makes a glimpse of 28 pixels out of 112"
            )
        check_scales(self.scale_min, self.scale_max)
        choose(self.rule, TRANSLATIONS, "translation rule")
        if not 0 < self.gradient_scale <= 1:
            raise ValueError(f"gradient_scale must be in (0, 1], where 1 is off, not {self.gradient_scale!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout!r}")


@dataclass(frozen=True)
class Look:
    """One glimpse. ``logits``: ``(N, K)``. ``location``: ``(N, 3)``, (scale, x, y). ``feature``: ``(N, F)``. ``fused``:
    ``(N, D)``. ``attention``: ``(N, T)``, the newest token's weights on the T so far. ``memory``: what the next look
    needs of this and earlier ones.
    """

    logits: Tensor
    location: Tensor
    feature: Tensor
    fused: Tensor
    attention: Tensor
    memory: Memory


@dataclass(frozen=True)
class Glimpses:
    """What a forward pass of T glimpses saw and said.

    ``logits``: ``(T, N, K)``, the answer after each glimpse. ``locations``: ``(T, N, 3)``, the (scale, x, y) that were
    looked at. ``features``: ``(T, N, F)``. ``attention``: ``(T, N, T)``, row t the weights of the first t + 1 tokens in
    answer t, zeros behind. ``glimpse_logits``: ``(T - 1, N, K)`` of the glimpse classifier for the glimpses after
    the first; None outside of training, without such a classifier or with one glimpse.
    """

    logits: Tensor
    locations: Tensor
    features: Tensor
    attention: Tensor
    glimpse_logits: Tensor | None


class Locate(nn.Module):
    """The localisation network: a fused vector ``(N, D)`` to the next location ``(N, 3)``; one dense layer.

    ``gradient_scale`` may be changed at any time: see ``without_rescaling``.
    """

    def __init__(self, width: int, settings: GlimpseSettings):
        super().__init__()
        self.fc = nn.Linear(width, 3)
        self.settings, self.gradient_scale = settings, settings.gradient_scale

    def forward(self, fused: Tensor) -> Tensor:
        """Return (scale, x, y), ``(N, 3)``."""
        with in_float32(fused.device):  # rounded to half precision, windows would move by a fraction of a pixel
            sigma = self.fc(fused).sigmoid()
        sigma = rescale_gradient(sigma, self.gradient_scale)
        return locations_from(sigma, self.settings.rule, self.settings.scale_min, self.settings.scale_max)


class MultiGlimpse(nn.Module):
    """A Multi-Glimpse Network on any backbone.

    Args:
        backbone: maps glimpses ``(N, C, h, h)`` to features ``(N, F)``; see ``c2f.networks.glimpse.backbones``.
        width: F.
        num_classes: K.
        settings: see ``GlimpseSettings``.

    The new layers start as in the authors' code (normal, variance 2 / inputs; biases zero); the backbone is left as is.
    """

    def __init__(self, backbone: nn.Module, width: int, num_classes: int, settings: GlimpseSettings | None = None):
        super().__init__()
        positive_int(width, "width")
        positive_int(num_classes, "num_classes")
        self.settings = settings = settings or GlimpseSettings()
        self.width = width
        self.backbone = backbone
        self.fusion = Fusion(width + 3, settings.dropout)
        self.locate = Locate(width + 3, settings)
        self.classify = nn.Linear(width + 3, num_classes)
        alone = settings.glimpse_classifier and settings.glimpses >= 2
        self.classify_glimpse = nn.Linear(width, num_classes) if alone else None
        for part in (self.fusion.mha, self.locate, self.classify, self.classify_glimpse):
            for parameter in part.parameters() if part is not None else ():
                if parameter.ndim >= 2:
                    nn.init.kaiming_normal_(parameter)
                else:
                    nn.init.zeros_(parameter)

    def forward(
        self, pictures: Tensor, glimpses: int | None = None, equilibrium: GradientEquilibrium | None = None
    ) -> Glimpses:
        """Look ``glimpses`` times at pictures ``(N, C, H, W)``, H = W; by default as often as the settings say.

        Fewer glimpses give the first answers of more: nothing depends on what comes later.

        Args:
            pictures: the batch.
            glimpses: at least 1; may exceed the number in training.
            equilibrium: brings gradients of the location path into proportion; see ``GradientEquilibrium``.

        Raises:
            ValueError: no glimpses, pictures that are not square or too small, or a backbone that gives something else
                than ``(N, F)``.
        """
        count = self.settings.glimpses if glimpses is None else positive_int(glimpses, "glimpses")
        check_square(pictures)
        if equilibrium is not None:
            equilibrium.start()
        looks: list[Look] = []
        location, memory = whole_picture(pictures), None
        for glimpse in range(count):
            looks.append(self.look(pictures, location, memory, equilibrium, glimpse))
            memory = looks[-1].memory
            if glimpse + 1 < count:
                fused = looks[-1].fused
                location = self.locate(fused if equilibrium is None else equilibrium.watch_location(fused, glimpse))
        features = torch.stack([look.feature for look in looks])
        alone = self.training and count >= 2 and self.classify_glimpse is not None
        return Glimpses(
            logits=torch.stack([look.logits for look in looks]),
            locations=torch.stack([look.location for look in looks]),
            features=features,
            attention=torch.stack(
                [nn.functional.pad(look.attention, (0, count - 1 - t)) for t, look in enumerate(looks)]
            ),
            glimpse_logits=self.classify_glimpse(features[1:]) if alone else None,  # type: ignore[misc]
        )

    def look(
        self,
        pictures: Tensor,
        location: Tensor,
        memory: Memory | None = None,
        equilibrium: GradientEquilibrium | None = None,
        glimpse: int = 0,
    ) -> Look:
        """Look once more at pictures ``(N, C, H, W)``, at ``location`` ``(N, 3)``, remembering ``memory`` or None.

        ``glimpse`` is the number that ``equilibrium`` knows this look by.
        """
        side = glimpse_side(pictures.shape[2], self.settings.downsampling)
        with in_float32(pictures.device):  # the backbone alone may be of mixed precision
            crop = take_glimpse(pictures, location, side)
        feature = self.backbone(crop).to(location.dtype)
        if tuple(feature.shape) != (pictures.shape[0], self.width):
            raise ValueError(
                f"the backbone gave {tuple(feature.shape)}, not features ({len(pictures)}, {self.width}): "
                "end it with a mean over rows and columns, and give its width"
            )
        with in_float32(pictures.device):
            fused, attention, memory = self.fusion(self.token(feature, location), memory)
            seen = fused if equilibrium is None else equilibrium.watch_classification(fused, glimpse)
            return Look(self.classify(seen), location, feature, fused, attention, memory)

    def token(self, feature: Tensor, location: Tensor) -> Tensor:
        """Join features ``(..., F)`` and locations ``(..., 3)`` to tokens ``(..., D)``, as the settings say."""
        if not self.settings.spatial_clue:
            location = torch.zeros_like(location)
        elif self.settings.detach_places:
            location = location.detach()
        return torch.cat([feature, location], dim=-1)


class LastAnswer(nn.Module):
    """A Multi-Glimpse Network as a plain classifier: pictures ``(N, C, H, W)`` to the logits ``(N, K)`` of the last
    glimpse; for whatever wants one.
    """

    def __init__(self, network: MultiGlimpse, glimpses: int | None = None):
        super().__init__()
        self.network, self.glimpses = network, glimpses

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits ``(N, K)``."""
        return self.network(pictures, self.glimpses).logits[-1]


def check_square(pictures: Tensor) -> None:
    """Raise ``ValueError`` unless ``pictures`` are ``(N, C, H, W)`` with H = W."""
    if pictures.ndim != 4 or pictures.shape[2] != pictures.shape[3]:
        raise ValueError(
            f"expected square pictures (N, C, H, H), not {tuple(pictures.shape)}: glimpses are square and "
            "would squeeze others; crop or pad them"
        )


def build(
    backbone: str = "small_cnn",
    in_channels: int = 1,
    num_classes: int = 10,
    image_size: int = 112,
    settings: GlimpseSettings | None = None,
    seed: int | None = None,
    standard: tuple[Sequence[float], Sequence[float]] | None = None,
) -> MultiGlimpse:
    """Build a Multi-Glimpse Network with fresh weights.

    Args:
        backbone: one of ``backbone_names()``.
        in_channels: C of the pictures.
        num_classes: K.
        image_size: H = W of the pictures in pixels.
        settings: see ``GlimpseSettings``.
        seed: where given, the weights are drawn from it and torch's global random state is left as it was.
        standard: mean and standard deviation of each channel, with which glimpses are standardised (``Standardise``);
            None leaves them as they are.

    Raises:
        ValueError: an unknown backbone, a size or count out of range, or glimpses too small for the backbone.
    """
    settings = settings or GlimpseSettings()
    side = glimpse_side(image_size, settings.downsampling)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)  # and not the GPU's generators, which the fork does not restore
        module, width = build_backbone(backbone, in_channels, side)
        if standard is not None:
            module = nn.Sequential(Standardise(*standard), module)
        return MultiGlimpse(module, width, num_classes, settings)


@contextmanager
def without_rescaling(network: MultiGlimpse) -> Iterator[MultiGlimpse]:
    """Leave gradients as they are while it lasts.

    An attack that follows re-scaled gradients follows wrong ones, and makes the network look stronger than it is.
    """
    before = network.locate.gradient_scale
    network.locate.gradient_scale = 1.0
    try:
        yield network
    finally:
        network.locate.gradient_scale = before
