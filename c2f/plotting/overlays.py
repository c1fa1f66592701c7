"""Maps and boxes painted into a picture pixel by pixel, at the picture's own size, and sheets of many.

For pictures by the thousand, which ``c2f.plotting.heatmaps`` would need a figure each for; colours and limits are its.
Axes: H rows, W columns.
"""

from collections.abc import Sequence
from functools import cache

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from c2f.plotting.colours import AMOUNT, SIGNED

Limits = tuple[float, float]
_BAR = 10
OPACITY = 0.65
"""Of a map over its picture, from 0 to 1; a map alone is a file of its own, in the colours of the bar."""


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont("DejaVu Sans"), size)  # matplotlib's own, which knows more than Latin letters


def colour_map(limits: Limits) -> matplotlib.colors.Colormap:
    """Return the colours of maps within ``limits``: of two signs where they reach below 0."""
    return matplotlib.colormaps[SIGNED if limits[0] < 0 else AMOUNT]


def paint(picture: Image.Image, heat: np.ndarray, limits: Limits, region: tuple[int, int, int, int]) -> Image.Image:
    """Return ``picture`` with ``heat`` ``(H, W)`` laid over its ``region``, x0, y0, x1, y1 in pixels, x1, y1 outside.

    Raises:
        ValueError: a map of another size than the region.
    """
    x0, y0, x1, y1 = region
    if heat.shape != (y1 - y0, x1 - x0):
        raise ValueError(f"the map is {heat.shape}, the region {(y1 - y0, x1 - x0)}: resize the map first")
    colours = colour_map(limits)(Normalize(*limits, clip=True)(heat), bytes=True)[..., :3]
    painted = picture.convert("RGB")
    below = painted.crop(region)
    painted.paste(Image.blend(below, Image.fromarray(np.ascontiguousarray(colours)), OPACITY), (x0, y0))
    return painted


def outline(picture: Image.Image, box: Sequence[float], colour: str, tag: str = "") -> None:
    """Draw a box x0, y0, x1, y1 in pixels, both ends inside, into ``picture``, on white, and a tag at its corner."""
    width = max(1, round(max(picture.size) / 200))
    draw = ImageDraw.Draw(picture)
    for shade, wide in (("white", 2 * width), (colour, width)):  # seen on any ground
        draw.rectangle([float(end) for end in box], outline=shade, width=wide)
    if tag:
        font = _font(max(10, round(max(picture.size) / 22)))
        place = (float(box[0]) + 2 * width, float(box[1]) + 2 * width)
        draw.text(place, tag, fill="white", font=font, stroke_width=2, stroke_fill=colour)


def colour_bar(limits: Limits, width: int = 200) -> Image.Image:
    """Return a bar of the colours of ``limits`` with the numbers at its ends, ``width`` pixels wide."""
    ramp = colour_map(limits)(np.linspace(0, 1, width), bytes=True)[..., :3]
    bar = Image.new("RGB", (width, _BAR + 16), "white")
    bar.paste(Image.fromarray(np.ascontiguousarray(np.repeat(ramp[None], _BAR, axis=0))), (0, 0))
    draw, font = ImageDraw.Draw(bar), _font(11)
    draw.text((0, _BAR + 1), f"{limits[0]:.3g}", fill="black", font=font)
    draw.text((width, _BAR + 1), f"{limits[1]:.3g}", fill="black", font=font, anchor="ra")
    return bar


def tile(parts: Sequence[Image.Image], caption: str, side: int = 200) -> Image.Image:
    """Return pictures side by side, each shrunk to fit ``side`` x ``side``, with a caption of one line below."""
    sheet = Image.new("RGB", (len(parts) * (side + 4) - 4, side + 18), "white")
    for column, part in enumerate(parts):
        small = part.convert("RGB")
        small.thumbnail((side, side), Image.Resampling.BILINEAR)
        left, top = column * (side + 4) + (side - small.width) // 2, (side - small.height) // 2
        sheet.paste(small, (left, top))
    font = _font(12)
    while caption and ImageDraw.Draw(sheet).textlength(caption, font=font) > sheet.width:
        caption = caption[:-2].rstrip(".") + "..." if len(caption) > 2 else ""
    ImageDraw.Draw(sheet).text((0, side + 1), caption, fill="black", font=font)
    return sheet


def contact_sheet(tiles: Sequence[Image.Image], columns: int, below: Image.Image | None = None) -> Image.Image:
    """Return ``tiles`` in rows of ``columns``, and ``below`` under them.

    Raises:
        ValueError: no tiles.
    """
    if not tiles:
        raise ValueError("there are no pictures for a contact sheet")
    wide, high = max(x.width for x in tiles) + 12, max(x.height for x in tiles) + 12
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    extra = 0 if below is None else below.height + 12
    sheet = Image.new("RGB", (columns * wide, rows * high + extra), "white")
    for i, each in enumerate(tiles):
        sheet.paste(each, (i % columns * wide + 6, i // columns * high + 6))
    if below is not None:
        sheet.paste(below, (6, rows * high + 6))
    return sheet
