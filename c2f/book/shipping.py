"""Of what the built book's folder holds, what its pages load: one font of few icons, few scripts, lighter pictures."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from c2f.common.files import write_text

if TYPE_CHECKING:
    from bs4 import Tag

_ICON = re.compile(r"fa-([a-z0-9-]+)")
_DRAWN_BY_STYLE = re.compile(r"--pst-icon[\w-]*: ?[\"'](?:\\([0-9a-f]+)|(.))[\"']")
"""Icons of boxes and links, which style sheets draw."""
_SOLID = Path("_static/vendor/fontawesome/webfonts/fa-solid-900.woff2")
_NOT_LOADED = (
    "scripts/fontawesome.js",
    "sphinx-thebe.*",
    "togglebutton.*",
    "**/*.map",
    "vendor/fontawesome/webfonts/fa-[!s]*",
    "vendor/fontawesome/webfonts/*.ttf",
    "mathjax/*-*.js",
    "mathjax/a11y/[!a]*.js",
    "mathjax/sre/**/*.json",
)
"""Patterns of files in _static that no page loads any more: icons come from one font, no cell runs in the page, and
MathJax comes in parts."""
_NAMED_ICONS = re.compile(r"((?:\.fa-[\w-]+:before,?)+)\{content:\"\\[0-9a-f]+\"\}")


def icons(tag: "Tag") -> list[str]:
    """Return the names of the icons that a tag draws, by its classes."""
    classes = " ".join(tag.get_attribute_list("class")).split()
    return [found[1] for one in classes if (found := _ICON.fullmatch(one))]


def ship_what_is_loaded(html: Path, names: set[str]) -> None:
    """Keep of the icons those that the pages show, and drop the files that none loads; make the pictures lighter.

    Args:
        html: the folder of the pages.
        names: of the icons in them.

    Raises:
        RuntimeError: the theme's icons are not where they were, so that none could be kept.
    """
    from fontTools.subset import Options, Subsetter, load_font, log, save_font
    from PIL import Image

    log.setLevel("WARNING")  # it tells of every table of the font

    sheets = sorted((html / "_static").rglob("*.css"))
    css = "\n".join(path.read_text(encoding="utf-8") for path in sheets)
    points = {code for name in names if (code := _code_point(css, name)) is not None}
    points |= {int(code, 16) if code else ord(drawn) for code, drawn in _DRAWN_BY_STYLE.findall(css)}
    if not points or not (html / _SOLID).is_file():
        raise RuntimeError("the theme's icons are not where they were: mend c2f/book/shipping.py")
    options = Options(flavor="woff2", notdef_outline=True, layout_features=[])
    font = load_font(str(html / _SOLID), options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=points)
    subsetter.subset(font)
    save_font(font, str(html / _SOLID), options)
    shown = {f".fa-{name}:before" for name in names}
    for sheet in sheets:
        text = sheet.read_text(encoding="utf-8")
        write_text(sheet, _NAMED_ICONS.sub(lambda rule: rule[0] if shown & {*rule[1].split(",")} else "", text))
    for picture in (html / "_images").glob("*.png"):
        with Image.open(picture) as opened:
            opened.save(picture.with_suffix(".webp"), lossless=True, quality=50, method=3)
    for pattern in _NOT_LOADED:
        for path in list((html / "_static").glob(pattern)):
            path.unlink()


def _code_point(css: str, icon: str) -> int | None:
    found = re.search(rf"\.fa-{re.escape(icon)}:before(?:,[^{{}}]*)?\{{content:\"\\([0-9a-f]+)\"", css)
    return int(found[1], 16) if found else None
