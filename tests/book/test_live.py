"""The demonstrations in a real browser: the same answers as PyTorch, in time, by every hand, and nothing from outside."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
import torch

from c2f import datasets, zoo
from c2f.book import live, vendor
from c2f.book.chapters import ROOT
from c2f.networks.glimpse.network import MultiGlimpse
from c2f.runs.folder import find_record
from tests.browser import CHROMIUM, NEEDS_CHROMIUM, QuietHandler

SOURCES = ROOT / "book" / "live"
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
NEEDS_FIREFOX = pytest.mark.skipif(FIREFOX is None, reason="no Firefox here: apt install firefox-esr")
HERE = Path(__file__).parent / "live"
PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{}</title></head><body><main><h1>A</h1><h2>B</h2>'
    "{}</main></body></html>"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder of two pages, one of them with a place for each demonstration."""
    try:
        vendor.engine()
    except vendor.EngineMissing as missing:
        pytest.skip(f"no demonstration is looked at: {missing}")
    html = tmp_path_factory.mktemp("site")
    places = "".join(f'<div class="live" data-live="{name}"><p>Here</p></div>' for name in live.TITLES)
    (html / "index.html").write_text(PAGE.format("A", places))
    (html / "other.html").write_text(PAGE.format("A", ""))
    assert live.put_into(html, SOURCES) == sorted(live.TITLES)
    return html


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(site, chromium):
    """Open a demonstration, from the disk if nothing is said, and start it; gives the page, with all that it asked for
    and its errors."""
    contexts = []

    def call(name, base=None, **how):
        context = chromium.new_context(**how)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(f"{base or site.as_uri() + '/'}live/{name}.html")
        page.click(".live-start")
        page.wait_for_function(f"c2fLive['{name}']")
        return page

    yield call
    for context in contexts:
        context.close()


def _page(site, name):
    return (site / "live" / f"{name}.html").read_text(encoding="utf-8")


def voice(page):
    return page.inner_text(".live-voice")


def test_pages_without_a_place_are_left_to_the_byte(site):
    assert (site / "other.html").read_text() == PAGE.format("A", "")


def test_pages_link_to_the_page_of_its_own_and_that_one_to_the_book(site):
    for name in live.TITLES:
        assert f'<a href="live/{name}.html">' in (site / "index.html").read_text()
        assert '<a href="../index.html">' in _page(site, name)


def test_a_demonstration_adds_at_most_three_megabytes_on_a_press(site):
    before = sum((site / live.FOLDER / name).stat().st_size for name in ("start.js", "live.css"))
    assert before < 8000
    for name in live.TITLES:
        needs = re.search(r'data-needs="([^"]+)"', _page(site, name))[1].split()
        size = sum((site / live.FOLDER / file).stat().st_size for file in needs)
        print(f"{name}: {size / 1e6:.2f} MB on a press")
        assert size < 3e6


def test_answers_have_the_numbers_of_the_records(site):
    accuracies = [run.values["test_accuracy"] for run in zoo.record("equal_small_cnn", "scenes-fashion-mnist").runs]
    assert f"misses nothing: {100 * sum(accuracies) / len(accuracies):.1f} %" in _page(site, "looking")
    scales = find_record(None, "lenetfc_td--fashion-mnist--additive_gaussian--minimal--scales")
    middle = [run.values["accuracy middle"] for run in scales.runs]
    assert f"{100 * sum(middle) / len(middle):.1f} % for the middle one" in _page(site, "three-eyes")
    maps = find_record(None, "densenet_maps--scenes-fashion-mnist").runs[0].values
    assert re.search(rf"correlates\s+{maps['to_low']:.2f} with the low-resolution one", _page(site, "shuffled"))


def test_a_name_that_is_no_demonstration(tmp_path):
    (tmp_path / "a.html").write_text('<div class="live" data-live="four-eyes"></div>')
    with pytest.raises(live.LiveError, match="four-eyes is no demonstration"):
        live.put_into(tmp_path, SOURCES)


def test_without_the_engine_the_figures_stay_and_no_button_comes(tmp_path, monkeypatch, caplog):
    def missing():
        raise vendor.EngineMissing("no npm")

    monkeypatch.setattr(vendor, "engine", missing)
    monkeypatch.setattr("c2f.book.live_data.MAKERS", {"three-eyes": lambda: ({}, _Words())})
    (tmp_path / "a.html").write_text(PAGE.format("A", '<div class="live" data-live="three-eyes"></div>'))
    live.put_into(tmp_path, SOURCES)
    page = (tmp_path / "a.html").read_text()
    assert "live-static" in page
    assert "<button" not in page
    assert "stay figures: no npm" in caplog.text


class _Words(dict):
    def __missing__(self, key):
        return "-"


def test_the_engine_is_refused_where_its_checksum_differs_or_downloads_are_forbidden(tmp_path, monkeypatch):
    monkeypatch.setenv("C2F_DATA", str(tmp_path))
    monkeypatch.setenv("C2F_OFFLINE", "1")
    folder = tmp_path / "vendor" / f"tfjs-{vendor.VERSION}"
    folder.mkdir(parents=True)
    for name in vendor.FILES:
        (folder / name).write_text("something else")
    with pytest.raises(vendor.EngineMissing, match="C2F_OFFLINE forbids"):
        vendor.engine()


def test_what_the_registry_gives_is_kept_only_with_its_checksum(tmp_path, monkeypatch):
    def pack(command, **_):
        folder = Path(command[command.index("--pack-destination") + 1])
        with tarfile.open(folder / "it.tgz", "w:gz") as archive:
            for name in vendor.FILES:
                about = tarfile.TarInfo(f"package/dist/{name}")
                about.size = len(name)
                archive.addfile(about, io.BytesIO(name.encode()))

    monkeypatch.setenv("C2F_DATA", str(tmp_path))
    monkeypatch.setenv("C2F_OFFLINE", "0")
    monkeypatch.setattr(vendor.shutil, "which", lambda name: name)
    monkeypatch.setattr(vendor.subprocess, "run", pack)
    with pytest.raises(vendor.EngineMissing, match="sha256 differs"):
        vendor.engine()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    digests = {n: (owner, hashlib.sha256(n.encode()).hexdigest()) for n, (owner, _) in vendor.FILES.items()}
    monkeypatch.setattr(vendor, "FILES", digests)
    assert not vendor.there()
    assert {name: path.read_text() for name, path in vendor.engine().items()} == {name: name for name in digests}
    monkeypatch.setenv("C2F_OFFLINE", "1")  # now it is here
    assert vendor.there()
    vendor.engine()


# The same answers as PyTorch


def _wanted(folder):
    """Write 1,000 pictures for each demonstration and what PyTorch says of them."""
    test = datasets.load("fashion-mnist-sample").test
    images = test.images[:1000]
    x = images.float() / 255
    top_down, bottom_up = (zoo.load(name, "fashion-mnist").network for name in ("lenetfc_td", "lenetfc"))
    coarse, middle, fine = (x.roll(-shift, dims=0) for shift in range(3))
    with torch.no_grad():
        logits = torch.cat([top_down([fine, middle, coarse]), bottom_up(fine)], dim=1)
    images.numpy().tofile(folder / "eyes.pictures")
    logits.numpy().tofile(folder / "eyes.logits")

    scenes = datasets.load("scenes-fashion-mnist-sample").test.images[:1000]
    x = scenes.float() / 255
    network, single = (
        zoo.load(f"{kind}_small_cnn", "scenes-fashion-mnist").network_of(MultiGlimpse) for kind in ("mgnet", "equal")
    )
    with torch.no_grad():
        seen = network(x)
        logits = torch.cat([*seen.logits, single(x).logits[-1]], dim=1)
    scenes.numpy().tofile(folder / "looking.pictures")
    logits.numpy().tofile(folder / "looking.logits")
    (folder / "looking.places").write_text(json.dumps(seen.locations.transpose(0, 1).tolist()))


@pytest.fixture(scope="module")
def parity(site):
    """A server of the page that compares, and a function that waits for what it found."""
    _wanted(site)
    page = (HERE / "parity.html").read_text()
    for name in ("three-eyes", "looking"):
        needs = re.search(r'data-needs="([^"]+)"', _page(site, name))[1]
        page = page.replace("$" + name.replace("-", "_"), needs)
    (site / "parity.html").write_text(page)
    found, told = [], Event()

    class Handler(QuietHandler):
        def do_POST(self):
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            told.set()

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()

    def wait():
        assert told.wait(240), "the page sent nothing"
        told.clear()
        return found.pop()

    yield f"http://127.0.0.1:{server.server_port}/parity.html", wait
    server.shutdown()


def _check(said):
    assert "error" not in said, said
    print(said)
    for name in ("eyes", "looking"):
        assert said[name]["off"] < 1e-4, name
        assert said[name]["same"] == said[name]["answers"]


@NEEDS_CHROMIUM
def test_logits_in_chromium_are_pytorchs(parity, chromium):
    address, wait = parity
    page = chromium.new_page()
    page.goto(address)
    _check(wait())
    page.close()


@contextmanager
def firefox(address):
    """Firefox without a window at ``address``; there is no driver of it, so a page has to tell what it found."""
    with tempfile.TemporaryDirectory() as home:
        command = [str(FIREFOX), "--headless", "--no-remote", "--profile", home, address]
        environment = {"HOME": home, "PATH": os.environ["PATH"]}
        quiet = subprocess.DEVNULL
        browser = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
        try:
            yield
        finally:
            browser.terminate()
            browser.wait(30)


@NEEDS_FIREFOX
def test_logits_in_firefox_are_pytorchs(parity):
    address, wait = parity
    with firefox(address):
        _check(wait())


@NEEDS_FIREFOX
def test_firefox_runs_all_from_a_disk(site, parity):
    address, wait = parity
    places = "".join(re.search(r"<section.*</section>", _page(site, name), re.DOTALL)[0] for name in live.TITLES)
    page = (HERE / "disk.html").read_text().replace("$places", places)
    (site / "disk.html").write_text(page.replace("$result", address.replace("parity.html", "result")))
    with firefox((site / "disk.html").as_uri()):
        said = wait()
    assert said.get("error") is None
    assert said["address"] == "file:"
    for name in live.TITLES:
        before, after = said[name]
        assert before != after, name


# In time

_HUNDRED = """([selector, first, step]) => {
  const input = document.querySelector(selector);
  const spent = [];
  for (let n = 0; n < 100; n++) {
    input.value = String(Number(input.min) + ((first + n * step) % 1) * (input.max - input.min));
    const before = performance.now();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    document.body.offsetHeight;  // drawn, not only said
    spent.push(performance.now() - before);
  }
  return spent.sort((a, b) => a - b)[50];
}"""


@NEEDS_CHROMIUM
@pytest.mark.parametrize("name", ["three-eyes", "looking"])
def test_an_answer_comes_within_50_ms_of_a_change_on_a_slow_core(name, opened):
    page = opened(name)
    if name == "looking":
        guess_look_guess(page)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 2})
    median = page.evaluate(_HUNDRED, ["input[type=range]", 0.1, 0.37])
    print(f"{name}: {median:.1f} ms, the median of 100 changes on a core of half the speed")
    assert median < 50


# By every hand


def guess_look_guess(page):
    page.click(".live-guesses button >> nth=3")
    page.click("text=Look here")
    page.click(".live-guesses button >> nth=4")


@NEEDS_CHROMIUM
def test_three_eyes_by_pointer(opened):
    page = opened("three-eyes")
    before = voice(page)
    page.drag_and_drop(".live-shelf [title=Trouser] >> nth=0", '[data-slot="1"]')
    assert page.inner_text('[data-slot="1"] .live-slot-name') == "Trouser"
    assert page.inner_text('[data-slot="0"] .live-slot-name') == page.inner_text('[data-slot="2"] .live-slot-name')
    assert voice(page) != before
    assert page.locator(".live-won tbody tr").count() == 1
    page.click("summary:has-text('Draw')")
    pad = page.locator(".live-pad").bounding_box()
    page.mouse.move(pad["x"] + 40, pad["y"] + 40)
    page.mouse.down()
    page.mouse.move(pad["x"] + 180, pad["y"] + 180, steps=8)
    page.mouse.up()
    assert page.inner_text('[data-slot="0"] .live-slot-name') == "a drawing"
    assert page.said == []


@NEEDS_CHROMIUM
def test_three_eyes_by_touch(opened):
    page = opened("three-eyes", has_touch=True, viewport={"width": 390, "height": 844})
    page.locator("label", has_text="fine").tap()
    page.locator(".live-shelf [title=Bag] >> nth=0").tap()
    assert page.inner_text('[data-slot="2"] .live-slot-name') == "Bag"
    assert "bottom-up says Bag" in voice(page)


@NEEDS_CHROMIUM
def test_three_eyes_by_keyboard(opened):
    page = opened("three-eyes")
    page.focus("input[type=radio]:checked")
    page.keyboard.press("ArrowRight")  # from all three around to coarse
    page.focus(".live-shelf [title=Trouser] >> nth=0")
    page.keyboard.press("Enter")
    names = [page.inner_text(f'[data-slot="{slot}"] .live-slot-name') for slot in range(3)]
    assert names[0] == "Trouser" != names[1] == names[2]
    page.focus("input[type=range] >> nth=0")
    page.keyboard.press("End")
    assert float(re.search(r"coarse ([\d.]+), middle 0.0", page.inner_text(".live-did"))[1]) > 5


@NEEDS_CHROMIUM
def test_a_shuffle_moves_the_class_map_alone(opened):
    page = opened("shuffled")
    pictures = "() => [...document.querySelectorAll('.live-row figure canvas')].map((c) => c.toDataURL())"
    score, before = page.inner_text(".live-bars"), page.evaluate(pictures)
    page.click("[data-do=shuffle]")
    after = page.evaluate(pictures)
    assert (before[:3] == after[:3], before[3] == after[3]) == (True, False)  # scene, rebuilt and low; decoded
    assert page.inner_text(".live-bars") == score
    assert "moved by 0 grey levels" in page.inner_text(".live-stage")
    assert voice(page).endswith("Orders tried: 1.")


@NEEDS_CHROMIUM
@pytest.mark.parametrize("hand", ["pointer", "touch", "keyboard"])
def test_two_maps_are_exchanged_by(hand, opened):
    page = opened("shuffled", has_touch=hand == "touch")
    third, seventh = (page.locator(".live-maps button").nth(place) for place in (2, 6))
    if hand == "pointer":
        third.drag_to(seventh)
    elif hand == "touch":
        third.tap()
        seventh.tap()
    else:
        for button in (third, seventh):
            button.focus()
            page.keyboard.press("Enter")
    assert (third.inner_text(), seventh.inner_text()) == ("3: map 7", "7: map 3")
    page.select_option("select", label="Bag")
    page.check("input[type=checkbox]")
    assert "The map of Bag" in voice(page)
    assert page.said == []


@NEEDS_CHROMIUM
@pytest.mark.parametrize("hand", ["pointer", "touch", "keyboard"])
def test_a_round_is_played_by(hand, opened):
    page = opened("looking", has_touch=hand == "touch", viewport={"width": 390, "height": 844})

    def press(what):
        if hand == "touch":
            page.locator(what).tap()
        elif hand == "pointer":
            page.click(what)
        else:
            page.focus(what)
            page.keyboard.press("Enter")

    press(".live-guesses button >> nth=3")
    window = page.locator(".live-window")
    before = window.bounding_box()["x"]
    if hand == "keyboard":
        window.focus()
        page.keyboard.press("ArrowLeft")
    elif hand == "touch":
        page.touchscreen.tap(before + 10, window.bounding_box()["y"] + 10)
    else:
        window.scroll_into_view_if_needed()
        box = window.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"], box["y"] + 40, steps=4)
        page.mouse.up()
    assert window.bounding_box()["x"] < before
    press("text=Look here")
    press(".live-guesses button >> nth=4")
    assert re.search(r"Right so far: you [01], the network [01].* of 1\.", voice(page))
    press("text=Next scene")
    assert voice(page).startswith("Scene 2.")
    assert page.said == []


# Nothing from outside, nothing without a press, something without scripts


@NEEDS_CHROMIUM
def test_nothing_is_loaded_before_a_press(site, chromium):
    page = chromium.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.wait_for_timeout(300)
    assert {Path(url).name for url in asked if not url.startswith("data:")} == {"index.html", "live.css", "start.js"}
    page.close()


@NEEDS_CHROMIUM
@pytest.mark.parametrize("name", live.TITLES)
def test_it_runs_from_a_disk_and_from_a_server_and_asks_no_other_host(name, site, opened):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}/"
    said = []
    for base in (site.as_uri() + "/", host):
        page = opened(name, base)
        assert all(url.startswith((base, "data:", f"blob:{host if base == host else 'null'}")) for url in page.asked)
        said.append(voice(page))
        assert page.said == []
    server.shutdown()
    assert said[0] == said[1] != ""


@NEEDS_CHROMIUM
def test_without_scripts_the_figure_says_the_same(site, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    assert page.locator(".live-start:visible").count() == 0
    for summary in page.locator(".live > details > summary").all():
        summary.click()
    assert page.locator(".live-static:visible").count() == len(live.TITLES)
    for answer in page.locator(".live > details").all():
        assert re.search(r"\d\.\d", answer.inner_text())  # a number of the records
    context.close()


@NEEDS_CHROMIUM
@pytest.mark.parametrize("look", [("light", 900), ("dark", 390)])
@pytest.mark.parametrize("name", live.TITLES)
def test_axe_finds_nothing_before_or_after_the_press_and_nothing_is_too_wide(name, look, site, chromium, opened):
    from axe_playwright_python.sync_playwright import Axe

    how = {"color_scheme": look[0], "viewport": {"width": look[1], "height": 844}}
    before = chromium.new_page(**how)
    before.goto((site / "live" / f"{name}.html").as_uri())
    page = opened(name, **how)
    if name == "looking":
        guess_look_guess(page)
    for one in (before, page):
        found = Axe().run(one).response["violations"]
        assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found] == []
        assert one.evaluate("document.documentElement.scrollWidth <= innerWidth")
    before.close()
