"""The addresses of project and book: read, refused, put into the pages, the clone lines and the downloads."""

import json
import runpy
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image

from c2f.book.build import build
from c2f.book.chapters import ROOT
from c2f.book.pages import build_html, stage
from c2f.book.plain import plain
from c2f.book.readme import write_address
from c2f.book.site import Site, install_cell, name_project, read_site
from tests.toys import code, text, write_executed

ADDRESS, PAGES = "https://github.com/us/coarse", "https://us.github.io/coarse/"


def set_addresses(root, url, baseurl):
    settings = yaml.safe_load((root / "_config.yml").read_text())
    settings["repository"]["url"], settings["html"]["baseurl"] = url, baseurl
    (root / "_config.yml").write_text(yaml.safe_dump(settings))


@pytest.mark.parametrize(
    ("url", "baseurl", "said"),
    [
        ("github.com/us/coarse", "", "must be like https://github.com/OWNER/NAME"),
        ("https://github.com/us/coarse.git", "", "without .git, or empty; not 'https://github.com/us/coarse.git'"),
        ("https://github.com/us", "", "not 'https://github.com/us'"),
        ("", "us.github.io", "must be like https://OWNER.github.io/NAME/, or empty; not 'us.github.io'"),
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_runs(root, url, baseurl, said):
    set_addresses(root, url, baseurl)
    with pytest.raises(ValueError, match=r"_config\.yml") as refused:
        build(root=root)
    assert said in str(refused.value)
    assert not (root / "book" / "_build").exists()


def test_addresses_are_read_with_one_slash_at_the_end_of_pages(root):
    set_addresses(root, f"{ADDRESS}/", PAGES.removesuffix("/"))
    assert read_site(root / "_config.yml") == Site(ADDRESS, "main", PAGES)
    assert Site(ADDRESS, "main", PAGES).missing == []
    assert [line.rpartition(": ")[2] for line in Site().missing] == [
        "set repository, url in _config.yml",
        "set html, baseurl in _config.yml",
    ]


def test_the_clone_lines_name_the_address_and_name_it_anew(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("make it:\n```sh\ngit clone <this project> && cd <it>\nmake book\n```\n")
    for site, line in ((Site(ADDRESS), f"git clone {ADDRESS} && cd coarse"), (Site(), Site().clone)):
        write_address(readme, site)
        assert readme.read_text() == f"make it:\n```sh\n{line}\nmake book\n```\n"


def test_readme_and_first_page_have_a_clone_line_that_is_up_to_date():
    readme = (ROOT / "README.md").read_text()
    assert read_site(ROOT / "_config.yml").clone in readme, "c2f book --readme writes it"
    assert Site(ADDRESS).clone in name_project((ROOT / "book" / "index.md").read_text(), Site(ADDRESS))


def test_a_downloaded_chapter_installs_what_is_missing_and_nothing_where_it_is_there(tmp_path):
    cells = [text("# A"), code("print('c2f')")]
    assert plain({"cells": cells}, {})["cells"] == cells
    first, install, *_ = plain({"cells": cells}, {}, Site(ADDRESS))["cells"]
    assert first == cells[0]
    assert install["metadata"]["tags"] == ["install"]
    faked = "import json, subprocess, sys\nsubprocess.run = lambda command, check: print(json.dumps(command))\n"
    hide = "import importlib.util\nimportlib.util.find_spec = lambda name: None\n"

    def runs(before):
        command = [sys.executable, "-c", faked + before + install["source"]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    folder = str(tmp_path / "coarse")
    assert runs("") == []
    clone, pip = runs(hide)
    assert clone == ["git", "clone", "--depth", "1", ADDRESS, folder]
    assert pip[3:] == ["install", "-q", "-e", f"{folder}[attacks]", "captum>=0.9"]
    (tmp_path / "coarse").mkdir()
    (tmp_path / "coarse" / "pyproject.toml").write_text("")
    assert runs(hide) == [pip]  # it was cloned already
    assert install_cell(Site()) is None


def pages_of(root, tmp_path):
    executed = root / "executed.ipynb"
    write_executed(executed, [text("# A\n\nWords."), code("1")])
    stage(root, root / "site", {"01-a": executed})
    html = build_html(root / "site", tmp_path)
    return html, BeautifulSoup((html / "book" / "01-a.html").read_text(), "html.parser")


def test_pages_link_to_the_project_once_it_has_an_address(root, tmp_path):
    (root / "book" / "index.md").write_text("# A book\n\n```sh\ngit clone <this project> && cd <it>\n```\n")
    html, page = pages_of(root, tmp_path)
    assert [a["href"] for a in page.select("a[href^=http]") if "sphinx" not in a["href"]] == []
    assert "install" not in (html / "_sources" / "book" / "01-a.ipynb").read_text()

    assert not (html / "sitemap.xml").exists()
    assert not page.select('link[rel=canonical], meta[property="og:url"]')

    set_addresses(root, ADDRESS, PAGES)
    html, page = pages_of(root, tmp_path)
    links = {a["href"] for a in page.select("a[href^=http]")}
    assert links >= {
        ADDRESS,
        f"{ADDRESS}/edit/main/book/01-a.ipynb",
        "https://mybinder.org/v2/gh/us/coarse/main?urlpath=lab/tree/book/01-a.ipynb",
        "https://colab.research.google.com/github/us/coarse/blob/notebooks/book/01-a.ipynb",
    }
    assert any(link.startswith(f"{ADDRESS}/issues/new") for link in links)
    assert not page.select("i.fab")  # that font is not shipped
    assert Site(ADDRESS).clone in BeautifulSoup((html / "book" / "index.html").read_text(), "html.parser").get_text()
    assert (
        f'git\\", \\"clone\\", \\"--depth\\", \\"1\\", \\"{ADDRESS}'
        in (html / "_sources" / "book" / "01-a.ipynb").read_text()
    )
    here = f"{PAGES}book/01-a.html"
    assert page.select_one("link[rel=canonical]")["href"] == here
    told = {m["property"]: m["content"] for m in page.select("meta[property]")}
    assert (told["og:url"], told["og:image"]) == (here, f"{PAGES}_static/social.png")
    listed = [url.text for url in ElementTree.parse(html / "sitemap.xml").iter() if url.tag.endswith("}loc")]
    assert listed == [here, f"{PAGES}book/index.html"]


@pytest.mark.parametrize(("script", "drawn"), [("idea", "images/idea"), ("social", "_static/social")])
def test_what_draws_a_picture_of_the_book_draws_it_at_the_size_that_is_shipped(script, drawn, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "images")
    figure = runpy.run_path(str(ROOT / "book" / "images" / f"{script}.py"))["draw"]()
    with Image.open(ROOT / "book" / f"{drawn}.png") as shipped:
        assert shipped.size == tuple(figure.get_size_inches() * figure.dpi)
    if script == "social":
        assert shipped.size == (1200, 630)
