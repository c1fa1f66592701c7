"""Draws the pictures of the page *Use your own pictures*: three kinds of thing somewhere on a table, in any light.

``python book/own-pictures/draw.py FOLDER`` writes ``FOLDER/things`` (a hundred each of balls, cups and leaves, one of
them twice and one broken, as in any folder) and ``FOLDER/twenty``, twenty more, some of which lie on their side in the
file as phones save them. They are drawn here and free of rights.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SUPER = 2
"""How many times larger things are drawn than they are shown, for smooth edges."""


def table(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Return a table top: two tones, grain along it, light from one side."""
    rows, columns = np.mgrid[:height, :width] / max(width, height)
    angle = random.uniform(0, np.pi)
    along, across = np.cos(angle) * columns + np.sin(angle) * rows, np.cos(angle) * rows - np.sin(angle) * columns
    grain = np.sin(60 * across + 3 * np.sin(5 * along + random.uniform(0, 6))) * 0.02
    light = 0.75 + 0.5 * (along - along.min()) / np.ptp(along)
    colour = random.uniform(0.6, 0.8) + random.uniform(-0.06, 0.06, 3)
    noise = random.normal(0, 0.02, (height, width))
    picture = (colour * light[..., None] + (grain + noise)[..., None]).clip(0, 1)
    return Image.fromarray((255 * picture).astype(np.uint8))


def thing(kind: str, random: np.random.Generator, side: int) -> Image.Image:
    """Return a thing of ``kind``, ``side`` pixels wide and high, on transparent ground, turned a little."""
    s = SUPER * side
    image = Image.new("RGBA", (s, s))
    draw = ImageDraw.Draw(image)
    colour = tuple(int(x) for x in random.integers(20, 150, 3))
    dark, bright = (tuple(int(min(255, x * f)) for x in colour) for f in (0.6, 1.35))
    if kind == "ball":
        draw.ellipse((0.1 * s, 0.1 * s, 0.9 * s, 0.9 * s), fill=colour)
        draw.arc((0.1 * s, -0.3 * s, 0.9 * s, 0.55 * s), 20, 160, fill=dark, width=s // 20)
        draw.ellipse((0.28 * s, 0.22 * s, 0.45 * s, 0.38 * s), fill=bright)
    elif kind == "cup":
        draw.arc((0.62 * s, 0.35 * s, 0.95 * s, 0.7 * s), -90, 90, fill=dark, width=s // 14)
        corners = ((0.15, 0.28), (0.75, 0.28), (0.65, 0.85), (0.25, 0.85))
        draw.polygon([(x * s, y * s) for x, y in corners], fill=colour)
        draw.ellipse((0.15 * s, 0.18 * s, 0.75 * s, 0.38 * s), fill=bright)
        draw.ellipse((0.2 * s, 0.21 * s, 0.7 * s, 0.36 * s), fill=dark)
    else:
        edge = np.linspace(0, np.pi, 40)
        half = 0.22 * np.sin(edge) * (1 + 0.1 * np.sin(9 * edge))
        x, y = 0.5 + half, 0.1 + 0.8 * edge / np.pi
        outline = [*zip(x * s, y * s, strict=True), *zip((1 - x[::-1]) * s, y[::-1] * s, strict=True)]
        draw.polygon([tuple(point) for point in outline], fill=colour)
        draw.line((0.5 * s, 0.1 * s, 0.5 * s, 0.97 * s), fill=dark, width=s // 40)
        for place in (0.3, 0.45, 0.6):
            for sign in (-1, 1):
                draw.line((0.5 * s, (place + 0.1) * s, (0.5 + 0.15 * sign) * s, place * s), fill=dark, width=s // 60)
    turned = image.rotate(random.uniform(-20, 20), Image.Resampling.BICUBIC)
    return turned.resize((side, side), Image.Resampling.LANCZOS)


def photograph(kind: str, random: np.random.Generator) -> Image.Image:
    """Return a picture of one thing, with its shadow, somewhere on a table."""
    width, height = (int(x) for x in random.integers(220, 360, 2))
    picture = table(random, width, height)
    side = int(random.uniform(0.65, 0.9) * min(width, height))
    x, y = int(random.integers(0, width - side + 1)), int(random.integers(0, height - side + 1))
    found = thing(kind, random, side)
    shadow = Image.new("RGBA", found.size, (0, 0, 0, 0))
    shadow.putalpha(found.getchannel("A").point(lambda a: a // 3))
    picture.paste(shadow, (x + side // 20, y + side // 20), shadow.filter(ImageFilter.GaussianBlur(side / 40)))
    picture.paste(found, (x, y), found)
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0, 1)))


def main(folder: Path) -> None:
    """Write all pictures."""
    kinds = ("ball", "cup", "leaf")
    for number in range(300):
        kind = kinds[number % 3]
        place = folder / "things" / kind
        place.mkdir(parents=True, exist_ok=True)
        photograph(kind, np.random.default_rng([0, number])).save(place / f"{number:03d}.jpg", quality=90)
    with Image.open(folder / "things/cup/001.jpg") as again:
        again.save(folder / "things/cup/001-edited.jpg", quality=70)
    (folder / "things/leaf/302.jpg").write_bytes((folder / "things/leaf/002.jpg").read_bytes()[:2000])
    (folder / "twenty").mkdir(exist_ok=True)
    for number in range(20):
        picture = photograph(kinds[number % 3], np.random.default_rng([1, number]))
        tag = Image.Exif()
        if number % 5 == 4:  # the camera was held upright: the file lies on its side and says so
            picture, tag[0x0112] = picture.transpose(Image.Transpose.ROTATE_90), 6
        picture.save(folder / f"twenty/{kinds[number % 3]}-{number:02d}.jpg", quality=90, exif=tag)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
