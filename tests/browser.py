"""Pages in a real browser: axe's findings, errors of scripts, requests to other hosts, pages that scroll sideways."""

import shutil
from collections.abc import Iterator, Sequence
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
SERIOUS = ("critical", "serious", "moderate")


class QuietHandler(SimpleHTTPRequestHandler):
    """A server of files that writes no log."""

    def log_message(self, *arguments: object) -> None:
        pass


def faults(html: Path, pages: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with ``pages`` of the book in the folder ``html``, a line each."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(html)))
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for scheme, width in LOOKS:
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
                        if fault["impact"] in SERIOUS:
                            found.append(f"{fault['impact']} {fault['id']}: {fault['nodes'][0]['html'][:200]}")
                    yield from (f"{name} ({scheme}, {width}): {what}" for what in [*said, *found])
                context.close()
            browser.close()
    finally:
        server.shutdown()
