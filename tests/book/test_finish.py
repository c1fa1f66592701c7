"""What is mended in the built pages."""

import shutil
from pathlib import Path

import pytest
import sphinx_book_theme
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from PIL import Image

from c2f.book import finish as module
from c2f.book import shipping
from c2f.book.finish import finish
from c2f.common.files import write_text

HEAD = "<!DOCTYPE html><html><head><title>T</title></head><body>"


def mended(mend, body):
    soup = BeautifulSoup(HEAD + body + "</body></html>", "html.parser")
    mend(soup)
    return soup


def test_no_kernel_is_named_in_the_page():
    scripts = """<script>const THEBE_JS_URL = "https://unpkg.com/x"</script><script src="s/sphinx-thebe.js"></script>
    <script type="text/x-thebe-config">{}</script><script>kernelName = 'python3'</script><script>let a = 1</script>
    <link href="s/sphinx-thebe.css" rel="stylesheet">"""
    left = mended(module._no_kernel_in_the_page, scripts)
    assert [tag.get_text() for tag in left.find_all("script")] == ["let a = 1"]
    assert not left.find("link")


def test_a_brand_s_icon_is_drawn_by_the_font_that_is_shipped():
    left = mended(module._icons_from_the_font, '<i class="fab fa-github"></i>')
    assert shipping.icons(left.find("i")) == ["solid", "code-branch"]


def test_controls_have_the_name_that_they_show():
    body = """<details><summary aria-label="Toggle hidden content"><p>Code</p></summary></details>
    <nav><ul><li><a>The package</a><details><summary><span role="presentation"><i></i></span></summary></details></li></ul></nav>
    <button class="search-button-field" aria-label="Search"><span>Search</span> <kbd>Ctrl</kbd></button>
    <button class="sidebar-toggle" title="Toggle primary sidebar"><span></span></button>"""
    left = mended(module._named_controls, body)
    code, pages = left.find_all("summary")
    assert "aria-label" not in code.attrs
    assert pages["aria-label"] == "Pages of: The package"
    search, toggle = left.find_all("button")
    assert "aria-label" not in search.attrs
    assert toggle["aria-label"] == "Toggle primary sidebar"


def test_the_side_bar_ends_with_the_index_of_terms():
    body = """<link rel="index" href="../genindex.html"><nav class="bd-links"><ul class="bd-sidenav"><li>1</li></ul>
    <ul class="bd-sidenav"><li>Glossary<ul><li>A</li></ul></li></ul></nav>"""
    last = mended(module._index_of_terms, body).select("nav.bd-links > ul")[-1].find_all("li", recursive=False)[-1]
    assert (last.a["href"], last.a.string) == ("../genindex.html", "Index of terms")


def test_empty_heads_are_cells_and_tables_that_scroll_can_be_reached():
    body = """<div class="cell_output"><div class="output text_html"><table><tr><th></th><th>n</th></tr></table></div></div><div class="math">x</div>"""
    left = mended(module._tables, body)
    assert left.select_one(".math")["tabindex"] == "0"
    assert [cell.name for cell in left.find("tr").find_all(recursive=False)] == ["td", "th"]
    assert left.select_one(".text_html")["tabindex"] == "0"


def test_every_figure_leads_to_its_picture_once():
    body = """<div class="cell_output"><img alt="A line" src="../_images/a.png"></div><article><figure><a href="b"><img src="b.png"></a></figure></article>"""
    left = mended(module._pictures_in_full, body)
    assert [link["href"] for link in left.find_all("a")] == ["../_images/a.png", "b"]
    assert [image["src"] for image in left.find_all("img")] == ["../_images/a.webp", "b.png"]


def test_formulas_and_search_are_loaded_where_they_are_needed():
    scripts = """<script>window.MathJax = {}</script><script defer src="../_static/mathjax/tex-chtml.js"></script>
    <script src="../searchindex.js"></script>"""

    def loaded(body):
        left = mended(module._scripts_where_they_are_needed, scripts + body)
        return [tag.get("src") or tag.string for tag in left.find_all("script")][1:]

    assert loaded("<p>No formula</p>") == []
    assert loaded('<span class="math">x</span>') == [module._MATHJAX, "../_static/mathjax/startup.js"]
    assert loaded('<div id="search-results"></div>') == ["../searchindex.js"]


def test_folded_code_is_heard_by_its_first_line_and_solutions_fold_without_a_script():
    body = """<details class="hide"><summary><p>Code</p></summary><pre>\n<span>x</span> = 1\ny = 2</pre></details>"""
    left = mended(module._folded_code_by_its_first_line, body)
    assert " ".join(left.find("summary").get_text(" ").split()) == "Code : x = 1"
    body = """<div class="solution dropdown admonition" id="s"><p class="admonition-title">Solution to<a href="#ex"> Exercise 1</a></p>
    <section id="solution-content"><p>4</p></section></div><script>let toggleHintShow = 'x';</script><script src="_static/togglebutton.js"></script>"""
    left = mended(module._folded_solutions, body)
    box = left.find("details", id="s")
    assert box.find("summary").get_text() == "Solution to Exercise 1"
    assert not left.select("a, [id=solution-content], script")


def test_only_what_is_loaded_is_shipped(tmp_path):
    fonts = tmp_path / shipping._SOLID
    fonts.parent.mkdir(parents=True)
    theme = Path(sphinx_book_theme.__file__).parents[1] / "pydata_sphinx_theme/theme/pydata_sphinx_theme/static"
    shutil.copy(theme / shipping._SOLID.relative_to("_static"), fonts)
    sheet = tmp_path / "_static" / "a.css"
    sheet.write_text('.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}.fa-0:before{content:"\\30"}a{color:red}')
    gone = [
        "mathjax/tex-chtml.js",
        "mathjax/sre/mathmaps/en.json",
        "a.css.map",
        "vendor/fontawesome/webfonts/fa-brands-400.woff2",
    ]
    kept = ["mathjax/startup.js", "mathjax/a11y/assistive-mml.js", "doctools.js"]
    for name in (*gone, *kept):
        write_text(tmp_path / "_static" / name, "")
    (tmp_path / "_images").mkdir()
    pixels = Image.effect_noise((40, 30), 50).convert("RGB")
    pixels.save(tmp_path / "_images" / "a.png")
    before = fonts.stat().st_size
    shipping.ship_what_is_loaded(tmp_path, {"bars"})
    assert fonts.stat().st_size < before / 50
    with TTFont(fonts) as font:
        assert set(font.getBestCmap()) == {0xF0C9}
    assert sheet.read_text() == '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}a{color:red}'
    assert [name for name in (*gone, *kept) if (tmp_path / "_static" / name).exists()] == kept
    with Image.open(tmp_path / "_images" / "a.webp") as shown:
        assert shown.convert("RGB").tobytes() == pixels.tobytes()


def test_a_figure_keeps_its_place_until_it_is_loaded(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    figure = '<a class="full-size" href="{}"><img src="x.webp"/></a>'
    soup = BeautifulSoup(figure.format("a.png") + figure.format("gone.png"), "html.parser")
    module._sized(soup, tmp_path)
    first, second = soup.find_all("img")
    assert (first["width"], first["height"]) == ("40", "30")
    assert "width" not in second.attrs


def test_a_page_is_described_by_its_first_paragraph():
    long = "A picture can be changed so little that nobody would notice, and a network calls it something else. " * 3
    body = f"<article><section><h1>A</h1><div><p>Not this one, which stands in a box of its own, though.</p></div><p>{long}</p></section></article>"
    left = mended(module._described, body)
    described = left.find("meta", attrs={"name": "description"})["content"]
    assert described.startswith("A picture can be changed")
    assert described.endswith(" ...")
    assert len(described) <= 160
    assert left.find("meta", property="og:title")["content"] == "T"


def test_works_are_a_list_of_items():
    body = """<div class="citation-list" role="list"><div class="citation" role="doc-biblioentry"><a role="doc-backlink"></a></div></div>"""
    left = mended(module._lists, body)
    assert left.select_one(".citation")["role"] == "listitem"
    assert not left.find("a").get("role")


def test_the_index_of_listings_is_one_page_and_its_lists_hold_items_alone(tmp_path, monkeypatch):
    page = tmp_path / "_modules" / "index.html"
    page.parent.mkdir()
    page.write_text(
        f"{HEAD}<article><ul><li>c2f</li><ul><li>c2f.cam</li></ul></ul></article><footer>x</footer></body></html>"
    )
    monkeypatch.setattr(module, "ship_what_is_loaded", lambda html, names: None)
    finish(tmp_path)
    assert "<ul><li>c2f<ul><li>c2f.cam</li></ul></li></ul>" in page.read_text()
    assert page.read_text().count("<footer") == 1


def test_a_listing_comes_out_as_it_went_in(tmp_path, monkeypatch):
    listing = '<div class="highlight"><pre>a &lt; b  <b>x</b>\n<img src="x"></pre></div>'
    page = tmp_path / "_modules" / "a.html"
    page.parent.mkdir()
    page.write_text(
        f"{HEAD}<article><h1>A</h1>{listing}\n</article><i class='fa-solid fa-bars' title='x'></i></body></html>"
    )
    shipped = []
    monkeypatch.setattr(module, "ship_what_is_loaded", lambda html, names: shipped.append(names))
    finish(tmp_path)
    assert f"<h1>A</h1>{listing}\n</article>" in page.read_text()
    assert 'aria-hidden="true"' in page.read_text()
    assert shipped == [{"solid", "bars"}]


def test_a_theme_whose_icons_lie_elsewhere_is_an_error(tmp_path):
    (tmp_path / "_static").mkdir()
    with pytest.raises(RuntimeError, match="icons are not where they were"):
        finish(tmp_path)
