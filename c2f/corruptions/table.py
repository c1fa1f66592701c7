"""The table of corruptions: fifteen types, five severities, for pictures of about 224, 64 and 32 pixels.

Hendrycks and Dietterich: "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019,
arXiv 1903.12261, with the numbers of their code (https://github.com/hendrycks/robustness, Apache 2.0). The numbers for
one size spoil pictures of another size more or less than they should: those for 224 pixels change pictures of 32 pixels
up to three and a half times as much.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from c2f.common.checks import positive_int
from c2f.corruptions import blur, digital, noise, weather
from c2f.corruptions.noise import Strength

SEVERITIES = (1, 2, 3, 4, 5)
SIZES = (32, 64, 224)
"""Rows in pixels that there are published numbers for."""
_Strengths = Sequence[float | Strength]


@dataclass(frozen=True)
class Corruption:
    """A row of the table.

    ``title``: the name in figures and tables. ``group``: noise, blur, weather or digital, the module of ``apply``.
    ``apply``: maps grey levels, strength and draws (and for frost the photographs) to grey levels. ``strengths``: by
    size, one row a severity. ``random``: whether another seed gives another picture.
    """

    title: str
    group: str
    apply: Callable[..., Tensor]
    strengths: dict[int, tuple[Strength, ...]]
    random: bool = True


def _row(title: str, apply: Callable[..., Tensor], *by_size: _Strengths, random: bool = True) -> Corruption:
    """Return a row; ``by_size``: the five strengths for each of ``SIZES``, a strength of one number as that number."""
    rows = (tuple(each if isinstance(each, tuple) else (each,) for each in five) for five in by_size)
    group = apply.__module__.rpartition(".")[2]
    return Corruption(title, group, apply, dict(zip(SIZES, rows, strict=True)), random)


def _times(side: int, *rows: Strength) -> tuple[Strength, ...]:
    return tuple(tuple(side * value for value in row) for row in rows)


def _with(last: float, *rows: Strength) -> tuple[Strength, ...]:
    return tuple((*row, last) for row in rows)


_ZOOM = ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01))
_BRIGHTNESS, _CONTRAST = (0.1, 0.2, 0.3, 0.4, 0.5), (0.4, 0.3, 0.2, 0.1, 0.05)

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": _row(
        "Gaussian noise",
        noise.gaussian_noise,
        (0.04, 0.06, 0.08, 0.09, 0.10),
        (0.04, 0.08, 0.12, 0.15, 0.18),
        (0.08, 0.12, 0.18, 0.26, 0.38),
    ),
    "shot_noise": _row(
        "Shot noise", noise.shot_noise, (500, 250, 100, 75, 50), (250, 100, 50, 30, 15), (60, 25, 12, 5, 3)
    ),
    "impulse_noise": _row(
        "Impulse noise",
        noise.impulse_noise,
        (0.01, 0.02, 0.03, 0.05, 0.07),
        (0.01, 0.02, 0.05, 0.08, 0.14),
        (0.03, 0.06, 0.09, 0.17, 0.27),
    ),
    "defocus_blur": _row(
        "Defocus blur",
        blur.defocus_blur,
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
        ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        random=False,
    ),
    "glass_blur": _row(
        "Glass blur",
        blur.glass_blur,
        ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ),
    "motion_blur": _row(
        "Motion blur",
        blur.motion_blur,
        ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
        ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    ),
    "zoom_blur": _row(
        "Zoom blur",
        blur.zoom_blur,
        _ZOOM,
        _ZOOM,
        ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        random=False,
    ),
    "snow": _row(
        "Snow",
        weather.snow,
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
        ),
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    ),
    "frost": _row(
        "Frost",
        weather.frost,
        _with(0.2 / 32, (1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
        _with(0.3 / 64, (1, 0.3), (0.9, 0.4), (0.8, 0.45), (0.75, 0.5), (0.7, 0.55)),
        _with(1 / 224, (1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    ),
    "fog": _row(
        "Fog",
        weather.fog,
        ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    ),
    "brightness": _row(
        "Brightness", weather.brightness, (0.05, 0.1, 0.15, 0.2, 0.3), _BRIGHTNESS, _BRIGHTNESS, random=False
    ),
    "contrast": _row("Contrast", digital.contrast, (0.75, 0.5, 0.4, 0.3, 0.15), _CONTRAST, _CONTRAST, random=False),
    "elastic_transform": _row(
        "Elastic transform",
        digital.elastic_transform,
        _times(32, (0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
        _times(64, (0, 0, 0.08), (0.05, 0.3, 0.06), (0.1, 0.08, 0.06), (0.1, 0.03, 0.03), (0.16, 0.03, 0.02)),
        # 244, a slip of the published code, is part of the definition
        _times(244, (2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02)),
    ),
    "pixelate": _row(
        "Pixelate",
        digital.pixelate,
        (0.95, 0.9, 0.85, 0.75, 0.65),
        (0.9, 0.8, 0.7, 0.6, 0.5),
        (0.6, 0.5, 0.4, 0.3, 0.25),
        random=False,
    ),
    "jpeg_compression": _row(
        "JPEG compression",
        digital.jpeg_compression,
        (80, 65, 58, 50, 40),
        (65, 58, 50, 40, 25),
        (25, 18, 15, 10, 7),
        random=False,
    ),
}
"""The fifteen types, by name, in the paper's order."""


def table_for(side: int) -> int:
    """Return the size in ``SIZES`` whose numbers pictures of ``side`` pixels get: the nearest, the smaller of two.

    Raises:
        ValueError: a side that is no whole number of at least 1.
    """
    positive_int(side, "side")
    return min(SIZES, key=lambda size: abs(size - side))
