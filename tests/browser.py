"""Pages in a real browser: axe's findings, errors of scripts, requests to other hosts, pages that scroll sideways.

``python -m tests.browser book/_build/quick/html`` looks at every page of a built book in both colour schemes and at
both widths, which takes a quarter of an hour and more; names of pages behind it look at these alone.
"""

import itertools
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here, so that no page is looked at: apt install chromium"
)
LOOKS = (("light", 1280), ("dark", 390))
"""Colour schemes and widths in pixels."""
EVERY_LOOK = tuple(itertools.product(("light", "dark"), (1280, 390)))


WITHOUT_FOCUS = """() => [...document.querySelectorAll("a[href], button, summary, input, [tabindex='0']")].filter(e => {
  if (!e.checkVisibility({visibilityProperty: true}) || e.disabled) return false;
  e.focus({preventScroll: true});
  const drawn = getComputedStyle(e);
  return document.activeElement === e && drawn.outlineStyle === "none" && drawn.boxShadow === "none";
}).map(e => e.outerHTML.slice(0, 100))"""
"""What can be reached by the keyboard and does not show that it has been."""


class QuietHandler(SimpleHTTPRequestHandler):
    """A server of files that writes no log."""

    def log_message(self, *arguments: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # of a page that is left before it is loaded
            super().handle()


def every_page(html: Path) -> list[str]:
    """Return the pages of the book in the folder ``html``, as ``faults`` takes them."""
    found = (path.relative_to(html) for path in sorted(html.rglob("*.html")))
    return [path.with_suffix("").as_posix() for path in found if "_static" not in path.parts]


def faults(html: Path, pages: Sequence[str], looks: Sequence[tuple[str, int]] = LOOKS) -> Iterator[str]:
    """Yield what is wrong with ``pages`` of the book in the folder ``html``, a line each."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(html)))
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for scheme, width in looks:
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page = context.new_page()
                said: list[str] = []
                page.on("pageerror", lambda error, said=said: said.append(f"script: {error}"))
                page.on(
                    "request",
                    lambda r, said=said: r.url.startswith((base, "data:")) or said.append(f"asks {r.url}"),
                )
                for name in pages:
                    said.clear()
                    page.goto(f"{base}{name}.html", wait_until="load")
                    page.wait_for_timeout(300)
                    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    found = [f"scrolls sideways by {wide} pixels"] if wide > 0 else []
                    for fault in Axe().run(page).response["violations"]:
                        where = f"{len(fault['nodes'])} places, e.g. {fault['nodes'][0]['html'][:200]}"
                        found.append(f"{fault['impact']} {fault['id']}: {where}")
                    page.keyboard.press("Tab")  # from here on what is focused shows it, as after a key
                    found += [f"shows no focus: {tag}" for tag in page.evaluate(WITHOUT_FOCUS)]
                    yield from (f"{name} ({scheme}, {width}): {what}" for what in [*said, *found])
                context.close()
            browser.close()
    finally:
        server.shutdown()


def main() -> None:
    """Print the faults of the pages of the built book that the command line names; end with 1 where there are any."""
    html, *pages = sys.argv[1:]
    found = 0
    for fault in faults(Path(html), pages or every_page(Path(html)), EVERY_LOOK):
        found += 1
        print(fault, flush=True)
    raise SystemExit(f"{found} faults" if found else 0)


if __name__ == "__main__":
    main()
