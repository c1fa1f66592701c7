"""Where the project and its book live: two settings of ``_config.yml``, read by all that names an address.

While they are empty, links to the project and buttons that open a chapter elsewhere are left out.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSTALL = "install"
"""The tag of the cell that installs the package; the book's own chapters have none."""

_PLACEHOLDERS = ("<this project>", "<it>")
_CLONE = re.compile(r"^git clone .+ && cd \S+$", re.MULTILINE)
_HTTPS = re.compile(r"https://[\w.-]+(/[\w.~-]+)*/?")
_INSTALL = """# c2f, the book's package. Where it is missing, as on Colab, it is fetched with its data and installed.
import importlib.util
import pathlib
import subprocess
import sys

if importlib.util.find_spec("c2f") is None:
    here = pathlib.Path({name}).resolve()
    if not (here / "pyproject.toml").exists():
        subprocess.run(["git", "clone", "--depth", "1", {url}, str(here)], check=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "-e", f"{{here}}[attacks]", "captum>=0.9"]
    subprocess.run(pip, check=True)
    sys.path.insert(0, str(here))"""


@dataclass(frozen=True)
class Site:
    """The addresses of the project and its book.

    Attributes:
        repository: of the project, e.g. ``https://github.com/OWNER/NAME``; empty while it has none.
        branch: that edit links and Binder use.
        book: of the published pages, ending in a slash; empty while there are none.
    """

    repository: str = ""
    branch: str = "main"
    book: str = ""

    @property
    def on_github(self) -> bool:
        """Whether Colab can open notebooks of the project."""
        return self.repository.startswith("https://github.com/")

    @property
    def clone(self) -> str:
        """The command that fetches the project, with placeholders while it has no address."""
        url, name = (self.repository, self.repository.rsplit("/", 1)[1]) if self.repository else _PLACEHOLDERS
        return f"git clone {url} && cd {name}"

    @property
    def missing(self) -> list[str]:
        """What is not set, what it would give and how to set it, a line each."""
        lines = []
        if not self.repository:
            lines.append("No links to the project and no launch buttons: set repository, url in _config.yml")
        if not self.book:
            lines.append("No sitemap, canonical addresses or preview picture: set html, baseurl in _config.yml")
        return lines


def read_site(config: Path) -> Site:
    """Return the addresses in the ``config``, a ``_config.yml``.

    Raises:
        ValueError: one that is no address, or of a kind that the pages cannot link to.
    """
    import yaml

    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    repository = settings.get("repository") or {}
    url, branch = str(repository.get("url") or "").rstrip("/"), str(repository.get("branch") or "main")
    book = str((settings.get("html") or {}).get("baseurl") or "")
    if (url and not re.fullmatch(r"https://(github|gitlab)\.com/[\w.-]+/[\w.-]+", url)) or url.endswith(".git"):
        raise ValueError(
            f"{config.name}: repository, url must be like https://github.com/OWNER/NAME, on github.com or gitlab.com "
            f"and without .git, or empty; not {url!r}"
        )
    if book and not _HTTPS.fullmatch(book):
        raise ValueError(
            f"{config.name}: html, baseurl must be like https://OWNER.github.io/NAME/, or empty; not {book!r}"
        )
    return Site(url, branch, f"{book.rstrip('/')}/" if book else "")


def with_links(settings: dict[str, Any], site: Site) -> dict[str, Any]:
    """Return the ``settings`` of Jupyter Book with the theme's links to the project and its launch buttons."""
    if not site.repository:
        return settings
    settings = json.loads(json.dumps(settings))
    launch = {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab", "thebe": False}
    if site.on_github:
        launch["colab_url"] = "https://colab.research.google.com"
    settings["sphinx"]["config"]["html_theme_options"] |= {
        "repository_url": site.repository,
        "repository_branch": site.branch,
        "use_repository_button": True,
        "use_edit_page_button": True,
        "use_issues_button": True,
        "launch_buttons": launch,
    }
    return settings


def name_project(text: str, site: Site) -> str:
    """Return ``text`` with the project's address in its line ``git clone ... && cd ...``."""
    return _CLONE.sub(lambda _: site.clone, text)


def install_cell(site: Site) -> dict[str, Any] | None:
    """Return the cell that fetches and installs the package where it is missing; None while there is no address."""
    if not site.repository:
        return None
    name = site.repository.rsplit("/", 1)[1]
    code = _INSTALL.format(name=json.dumps(name), url=json.dumps(site.repository))
    empty: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": INSTALL, "metadata": {"tags": [INSTALL]}, **empty, "source": code}
