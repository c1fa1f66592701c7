"""The table of the Top-Down Networks paper: five families of four networks, as data.

A row lists the stages of a network from fine to coarse. The bottom-up network reads it forwards and the top-down one
backwards; the uniform and reversed top-down networks have rows of their own, because their widths differ.
Lelekas et al. 2020, section 3, and the authors' code.
"""

from dataclasses import dataclass

from c2f.networks.blocks import KERAS_NORM, RESNET_NORM, NormConstants

VARIANTS = {"": "bottom-up", "_td": "top-down", "_td_uni": "top-down uniform", "_td_rev": "top-down reversed"}
"""Name ending of each variant, and what it is called in figures and tables."""


@dataclass(frozen=True)
class Stage:
    """What happens at one resolution.

    ``width``: channels. Plain networks: ``kernel`` x ``kernel`` convolution, then 1x1 convolutions of the widths in
    ``pointwise``. Residual networks: ``blocks`` residual blocks, the one that changes resolution included.
    """

    width: int
    kernel: int = 3
    pointwise: tuple[int, ...] = ()
    blocks: int = 0

    @property
    def out_channels(self) -> int:
        """Channels at the end of the stage."""
        return self.pointwise[-1] if self.pointwise else self.width


@dataclass(frozen=True)
class Family:
    """A backbone and its four networks.

    ``title``: its name in the paper. ``style``: ``plain`` or ``residual``. ``image_size`` (pixels), ``in_channels``: as
    in the paper. ``stages``: by variant, fine to coarse. ``first_stems``: in the top-down networks, the pyramid levels
    (0 = finest) whose stems the authors' code makes first and in which order; the others are made just before use.
    ``pool``: kernel of the bottom-up max pooling (plain). ``dropout``: rate. ``stem_pool``: a max pool behind the first
    convolution (residual), whose mirror in the top-down network is one more scale. ``stems_l2``, ``head_l2``: whether
    the penalty covers the top-down stems and the bottom-up head (oddity O5 of the authors' code).
    """

    title: str
    style: str
    image_size: int
    in_channels: int
    norm: NormConstants
    initialiser: str
    stages: dict[str, tuple[Stage, ...]]
    first_stems: tuple[int, ...]
    pool: int = 2
    dropout: float = 0.0
    stem_pool: bool = False
    stems_l2: bool = True
    head_l2: bool = True


def _nin(wide: int, middle: int, narrow: int) -> dict[str, tuple[Stage, ...]]:
    return {
        "": (
            Stage(wide, 5, (middle, narrow)),
            Stage(wide, 5, (wide, wide)),
            Stage(wide, 3, (wide,)),
        ),
        "_td_uni": (
            Stage(wide, 5, (wide, wide)),
            Stage(wide, 5, (wide, wide)),
            Stage(wide, 3, (wide,)),
        ),
        "_td_rev": (
            Stage(wide, 5, (wide,)),
            Stage(wide, 5, (wide, wide)),
            Stage(wide, 3, (middle, narrow, wide)),
        ),
    }


def _resnet(blocks: tuple[int, ...], base: tuple[int, ...], uniform: int) -> dict[str, tuple[Stage, ...]]:
    widths = {"": base, "_td_uni": (uniform,) * len(base), "_td_rev": base[::-1]}
    return {
        variant: tuple(Stage(w, blocks=n) for w, n in zip(ws, blocks, strict=True)) for variant, ws in widths.items()
    }


FAMILIES: dict[str, Family] = {
    "lenetfc": Family(
        title="LeNetFC",
        style="plain",
        image_size=28,
        in_channels=1,
        norm=KERAS_NORM,
        initialiser="glorot",
        stages={
            "": (Stage(6, 5), Stage(16, 5), Stage(32, 3)),
            "_td_uni": (Stage(16, 5), Stage(16, 5), Stage(16, 3)),
            "_td_rev": (Stage(32, 5), Stage(16, 5), Stage(6, 3)),
        },
        first_stems=(0, 1, 2),
        stems_l2=False,
    ),
    "nin_light": Family(
        title="NIN-light",
        style="plain",
        image_size=28,
        in_channels=1,
        norm=KERAS_NORM,
        initialiser="glorot",
        stages=_nin(48, 40, 24),
        first_stems=(1, 0, 2),
        pool=3,
        dropout=0.5,
    ),
    "nin": Family(
        title="NIN",
        style="plain",
        image_size=32,
        in_channels=3,
        norm=KERAS_NORM,
        initialiser="glorot",
        stages=_nin(192, 160, 96),
        first_stems=(1, 0, 2),
        pool=3,
        dropout=0.5,
        head_l2=False,
    ),
    "resnet32": Family(
        title="ResNet32",
        style="residual",
        image_size=32,
        in_channels=3,
        norm=RESNET_NORM,
        initialiser="he",
        stages=_resnet((5, 5, 5), (16, 32, 64), uniform=32),
        first_stems=(0, 1, 2),
    ),
    "resnet18": Family(
        title="ResNet18",
        style="residual",
        image_size=128,
        in_channels=3,
        norm=RESNET_NORM,
        initialiser="he",
        # The paper has no uniform and reversed ResNet18; the uniform width is ours, the lower of the two middle ones.
        stages=_resnet((2, 2, 2, 2), (32, 64, 128, 256), uniform=64),
        first_stems=(3, 4),
        stem_pool=True,
    ),
}
