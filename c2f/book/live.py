"""Demonstrations that run in the page, without a kernel: put into the built HTML where a page has a place for one.

A page says ``<div class="live" data-live="three-eyes">...</div>``; with ``data-teaser="true"`` it gets the short form,
of the same scripts and data. The sources are in ``book/live``: a fragment of HTML with the question, a static figure
and the folded answer, and a module of JavaScript. Modules are joined to one plain script, since browsers load no
modules from a disk; data is a script too, since they read no other file from there.
"""

import json
import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from string import Template

from c2f.book import vendor
from c2f.common.files import write_text

logger = logging.getLogger(__name__)

NEEDS_ENGINE = {"three-eyes": True, "shuffled": False, "looking": True}
"""Demonstration -> whether it runs a network."""
TITLES = {
    "three-eyes": "Three eyes",
    "shuffled": "The same map, shuffled",
    "looking": "Where would you look?",
}
FOLDER = "_static/live"
ENGINE = "engine.data.js"
_PLACE = re.compile(r'data-live="([a-z-]+)"')
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async function|function|const|class)", re.MULTILINE)


class LiveError(ValueError):
    """A page with a place for a demonstration that there is not."""


def put_into(html: Path, sources: Path) -> list[str]:
    """Put demonstrations into the pages in the folder ``html`` that have a place for one, and each on a page alone.

    Pages without one are left to the byte. Where the engine cannot be had, those that need it stay static figures, and
    a warning says why.

    Args:
        html: a built book.
        sources: the folder ``book/live``.

    Returns:
        The names of the demonstrations that are there.

    Raises:
        LiveError: a name that is not among ``TITLES``.
    """
    pages = {path: found for path in sorted(html.rglob("*.html")) if (found := _PLACE.findall(path.read_text("utf-8")))}
    names = sorted({name for found in pages.values() for name in found})
    if not names:
        return []
    strange = [name for name in names if name not in TITLES]
    if strange:
        raise LiveError(f"{', '.join(strange)} is no demonstration: there are {', '.join(TITLES)}")
    folder = html / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    runs = _engine(folder) if any(NEEDS_ENGINE[name] for name in names) else False
    fragments: dict[str, str] = {}
    for name in names:
        fragments |= _write(name, sources, folder, runs or not NEEDS_ENGINE[name])
        write_text(html / "live" / f"{name}.html", _alone(name, fragments[name]))
    for extra in ("start.js", "live.css", *(["LICENSE-tensorflow.txt"] if runs else [])):
        shutil.copy(sources / extra, folder)
    for path in pages:
        _fill(path, fragments, "../" * (len(path.relative_to(html).parts) - 1))
    return names


def _engine(folder: Path) -> bool:
    """Write the engine's scripts; return whether it is there."""
    try:
        files = vendor.engine()
    except vendor.EngineMissing as missing:
        logger.warning("demonstrations stay figures: %s", missing)
        return False
    for name, path in files.items():
        if path.suffix == ".js":
            shutil.copy(path, folder / name)
    from c2f.book.plans import squeezed  # brings torch, for which a book that has not changed need not wait

    wasm = squeezed(files["tfjs-backend-wasm-simd.wasm"].read_bytes())
    write_text(folder / ENGINE, f'c2fLive.wasm = "{wasm}";\n')
    return True


def _write(name: str, sources: Path, folder: Path, runs: bool) -> dict[str, str]:
    """Write the scripts of a demonstration; return its fragment under its name, and that of its teaser, if it has one,
    under ``NAME.teaser``. They are without a button where it cannot run.
    """
    from c2f.book.live_data import MAKERS  # brings torch, too

    data, words = MAKERS[name]()
    values = json.dumps(data, separators=(",", ":"))
    write_text(folder / f"{name}.data.js", f"c2fLive.data[{json.dumps(name)}] = {values};\n")
    write_text(folder / f"{name}.js", joined(sources / f"{name}.js"))
    engine = [*(file for file in vendor.FILES if file.endswith(".js")), ENGINE] if NEEDS_ENGINE[name] else []
    needs = [*engine, f"{name}.data.js", f"{name}.js"]
    size = sum((folder / file).stat().st_size for file in needs) if runs else 0
    button = (
        f'<button type="button" class="live-start" hidden>Run it here ({size / 1e6:.1f} MB)</button>' if runs else ""
    )
    fragments = {}
    for path in sources.glob(f"{name}.*html"):  # NAME.html and NAME.teaser.html
        text = Template(path.read_text(encoding="utf-8")).substitute(words)
        about = f'data-live="{name}" data-needs="{" ".join(needs)}" aria-label="{TITLES[name]}"'
        about += ' data-teaser="true"' if path.stem != name else ""
        fragments[path.stem] = (
            f'<section class="live" {about}>\n{text}\n{button}\n<div class="live-stage"></div>\n</section>'
        )
    return fragments


def joined(path: Path) -> str:
    """Return a module and what it imports as one plain script, each once, what is imported first.

    Modules import by name from files beside them and share one scope, so that no two may use a name for different
    things; the last one's ``begin`` is what ``c2fLive.demos`` is given.

    Raises:
        LiveError: an import or export of another form.
    """
    seen: dict[str, str] = {}

    def take(file: Path) -> None:
        text = file.read_text(encoding="utf-8")
        for name in _IMPORT.findall(text):
            if name not in seen and name != path.name:
                take(file.parent / name)
        plain = _EXPORT.sub("", _IMPORT.sub("", text))
        left = re.search(r"^(import|export)\b.*", plain, re.MULTILINE)
        if left:
            raise LiveError(f"{file.name}: {left[0]!r} cannot be joined; import {{ names }} from files beside it")
        seen[file.name] = plain

    take(path)
    name = path.stem
    end = f"c2fLive.demos[{json.dumps(name)}] = (stage, data) => begin(stage, data[{json.dumps(name)}]);\n"
    return "(() => {\n" + "".join(seen.values()) + end + "})();\n"


def _fill(path: Path, fragments: Mapping[str, str], up: str) -> None:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    for place in soup.select("div.live[data-live]"):
        name = str(place["data-live"])
        form = f"{name}.teaser" if place.has_attr("data-teaser") else name
        if form not in fragments:
            raise LiveError(f"{path.name} asks for a teaser of {name}: there is no {form}.html in book/live")
        link = f'<p><a href="{up}live/{name}.html">On a page of its own</a></p>\n</section>'
        place.replace_with(BeautifulSoup(fragments[form].replace("</section>", link), "html.parser"))
    assert soup.head is not None
    soup.head.append(soup.new_tag("link", rel="stylesheet", href=f"{up}{FOLDER}/live.css"))
    soup.head.append(soup.new_tag("script", src=f"{up}{FOLDER}/start.js", defer=""))
    write_text(path, str(soup))


def _alone(name: str, fragment: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLES[name]} - Coarse to Fine</title>
<link rel="stylesheet" href="../{FOLDER}/live.css">
<script src="../{FOLDER}/start.js" defer></script>
</head>
<body class="live-alone">
<main>
<h1>{TITLES[name]}</h1>
{fragment}
<p><a href="../index.html">Coarse to Fine, the book</a></p>
</main>
</body>
</html>
"""
