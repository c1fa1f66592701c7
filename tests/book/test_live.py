"""The demonstrations in a real browser: the same answers as PyTorch, in time, by every hand, and nothing from outside."""

import hashlib
import io
import json
import re
import statistics
import tarfile
import tempfile
from functools import cache, partial
from http.server import ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import pytest
import torch

from c2f import datasets, zoo
from c2f.book import live, vendor
from c2f.book.chapters import ROOT
from c2f.datasets.canvas import load_canvas
from c2f.networks.glimpse.network import MultiGlimpse
from c2f.networks.modes import copied
from c2f.runs.folder import find_record, where
from tests.browser import CHROMIUM, NEEDS_CHROMIUM, QuietHandler
from tests.firefox import NEEDS_FIREFOX, Firefox

SOURCES = ROOT / "book" / "live"
HANDS = ("pointer", "touch", "keyboard")
HERE = Path(__file__).parent / "live"
SCENES, CANVASES = "scenes-fashion-mnist", "canvas-fashion-mnist"
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
    teaser = '<div class="live" data-live="three-eyes" data-teaser="true"><p>Here</p></div>'
    (html / "front.html").write_text(PAGE.format("A", teaser))
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
    for data in (SCENES, CANVASES):
        assert f"the single pass in {_equal(data)} %" in " ".join(_page(site, "looking").split())
    scales = find_record(None, "lenetfc_td--fashion-mnist--additive_gaussian--minimal--scales")
    middle = [run.values["accuracy middle"] for run in scales.runs]
    assert f"{100 * sum(middle) / len(middle):.1f} % for the middle one" in _page(site, "three-eyes")
    maps = find_record(None, "densenet_maps--scenes-fashion-mnist").runs[0].values
    assert re.search(rf"correlates\s+{maps['to_low']:.2f} with the low-resolution one", _page(site, "shuffled"))


def _equal(data):
    """The recorded accuracy of a single pass of equal cost, in percent."""
    runs = zoo.record("equal_small_cnn", data, where(f"equal_small_cnn--{data}")).runs
    return f"{100 * sum(run.values['test_accuracy'] for run in runs) / len(runs):.1f}"


def test_on_canvases_a_choice_is_worth_more_than_on_scenes_as_the_answer_says(site):
    accuracies = r"from\s+([\d.]+) % to\s+([\d.]+) %.*?other\s+pictures.*?([\d.]+) %"
    said = re.findall(accuracies, _page(site, "looking"), re.DOTALL)
    (_, scenes, scenes_dealt), (_, canvases, canvases_dealt) = (map(float, found) for found in said)
    assert canvases - canvases_dealt > scenes - scenes_dealt > 0


def test_a_teaser_has_a_figure_and_the_answer_and_makes_a_page_heavier_by_a_few_kilobytes(site):
    page = (site / "front.html").read_text()
    assert page.count("<img") == 3
    assert re.search(r"coarse scale alone in [\d.]+ %", page)
    assert len(page) < 4000
    assert 'data-live="three-eyes" data-teaser="true"' in (ROOT / "book" / "index.md").read_text()
    assert re.search(r'data-needs="[^"]+"', _page(site, "three-eyes"))[0] in page  # the same files


def test_a_teaser_that_there_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("c2f.book.live_data.MAKERS", {"shuffled": lambda: ({}, _Words())})
    (tmp_path / "a.html").write_text('<div class="live" data-live="shuffled" data-teaser="true"></div>')
    with pytest.raises(live.LiveError, match=r"no shuffled.teaser.html"):
        live.put_into(tmp_path, SOURCES)


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

    for data, count in ((SCENES, 1000), (CANVASES, 200)):
        images = _pictures(data)[:count]
        x = images.float() / 255
        network, *single = (_rounded(each) for each in _lookers(data))
        with torch.no_grad():
            seen = network(x)
            logits = torch.cat([*seen.logits, *(each(x).logits[-1] for each in single)], dim=1)
        images.numpy().tofile(folder / f"{data}.pictures")
        logits.numpy().tofile(folder / f"{data}.logits")
        (folder / f"{data}.places").write_text(json.dumps(seen.locations.transpose(0, 1).tolist()))


def _lookers(data):
    """The network of glimpses and, of scenes, the pass of equal cost, as recorded."""
    home, kinds = where(f"mgnet_small_cnn--{data}"), ("mgnet", "equal") if data == SCENES else ("mgnet",)
    return [zoo.load(f"{kind}_small_cnn", data, 0, home).network_of(MultiGlimpse) for kind in kinds]


@cache
def _pictures(data):
    test = load_canvas(f"{data}-sample").test if data == CANVASES else datasets.load(f"{data}-sample").test
    return test.images[:1000]


def _rounded(network):
    """The network with weights of 16 bits, as the page has them."""
    network = copied(network)
    with torch.no_grad():
        for weight in (*network.parameters(), *network.buffers()):
            step = float(weight.abs().max()) / 32767
            weight.copy_((weight.double() / step).round() * step)
    return network


@pytest.mark.parametrize("data", [SCENES, CANVASES])
def test_weights_of_16_bits_give_the_same_class(data):
    x = _pictures(data).float() / 255
    for network in _lookers(data):
        with torch.no_grad():
            exact, rounded = (each(x).logits for each in (network, _rounded(network)))
        same = (exact.argmax(dim=-1) == rounded.argmax(dim=-1)).double().mean(dim=1)
        print(f"{data}: same class {same.tolist()}, logits off by {(exact - rounded).abs().amax(dim=(1, 2)).tolist()}")
        assert same.min() >= 0.995


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
    for name, most in (("eyes", 1e-4), (SCENES, 1e-4), (CANVASES, 2e-4)):  # canvases have hard edges
        assert said[name]["off"] < most, name
        assert said[name]["same"] == said[name]["answers"]


@NEEDS_CHROMIUM
def test_logits_in_chromium_are_pytorchs(parity, chromium):
    address, wait = parity
    page = chromium.new_page()
    page.goto(address)
    _check(wait())
    page.close()


@pytest.fixture(scope="module")
def firefox():
    """One Firefox for all tests."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Firefox(Path(home))
        yield browser
        browser.close()


@NEEDS_FIREFOX
def test_logits_in_firefox_are_pytorchs(parity, firefox):
    address, wait = parity
    firefox.goto(address)
    _check(wait())


# In time

_CHANGE = """([selector, n]) => {
  const input = document.querySelector(selector);
  if (input.type === "range") {
    input.value = String(Number(input.min) + ((0.1 + 0.37 * n) % 1) * (input.max - input.min));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  } else input.click();
  document.body.offsetHeight;  // drawn, not only said
}"""


@NEEDS_CHROMIUM
@pytest.mark.parametrize("name", live.TITLES)
def test_an_answer_comes_within_50_ms_of_a_change(name, opened):
    page = opened(name)
    if name == "looking":
        guess_look_guess(page)
    chromium = page.context.new_cdp_session(page)
    chromium.send("Performance.enable", {"timeDomain": "threadTicks"})  # not the clock: others' work is no part of it

    def spent():
        metrics = chromium.send("Performance.getMetrics")["metrics"]
        return 1000 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")

    clock = [spent()]
    for n in range(100):
        page.evaluate(_CHANGE, ["[data-do=shuffle]" if name == "shuffled" else "input[type=range]", n])
        clock.append(spent())
    median = 2 * statistics.median(after - before for before, after in pairwise(clock))
    print(f"{name}: {median:.1f} ms, the median of 100 changes on a core half as fast")
    assert 1 < median < 50


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
    page.locator(".live-shelf [title=Trouser] >> nth=0").tap()
    assert page.inner_text('[data-slot="2"] .live-slot-name') == "Trouser"
    assert "bottom-up says Trouser" in voice(page)


@NEEDS_CHROMIUM
def test_three_eyes_by_keyboard(opened):
    page = opened("three-eyes")
    page.focus("input[type=radio]:checked")
    page.keyboard.press("ArrowRight")  # from coarse to middle
    page.focus(".live-shelf [title=Trouser] >> nth=0")
    page.keyboard.press("Enter")
    names = [page.inner_text(f'[data-slot="{slot}"] .live-slot-name') for slot in range(3)]
    assert names == ["Bag", "Trouser", "Bag"]
    page.focus("input[type=range] >> nth=0")
    page.keyboard.press("End")
    assert float(re.search(r"coarse 0.0, middle ([\d.]+)", page.inner_text(".live-did"))[1]) > 5


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
@pytest.mark.parametrize("hand", HANDS)
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
@pytest.mark.parametrize("hand", HANDS)
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
    press("text=Next picture")
    assert voice(page).startswith("Picture 2.")
    press("label:has-text('canvases')" if hand != "keyboard" else "input[type=radio] >> nth=0")
    if hand == "keyboard":
        page.keyboard.press("ArrowRight")
    assert voice(page).startswith("Picture 1.")  # of the canvases, with a score of their own
    assert page.get_attribute(".live-scene canvas", "aria-label") == "the first glimpse, 28 pixels wide"
    assert page.locator(".live-board tr").count() == 4  # of scenes, hidden
    guess_look_guess(page)
    assert voice(page).endswith("of 1.")
    assert page.locator(".live-board td[colspan]").inner_text().endswith(f"its record: {_equal(CANVASES)} %")
    assert page.said == []


@NEEDS_CHROMIUM
def test_a_teaser_asks_its_question_in_one_press_and_leaves_the_rest_to_the_chapter(site, chromium):
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.goto((site / "front.html").as_uri())
    page.click(".live-start")
    page.click(".live-shelf [title=Trouser] >> nth=0")
    assert page.locator(".live-slot-name").all_inner_texts() == ["Trouser", "Bag", "Bag"]
    assert page.locator("input[type=range], .live-pad, .live-won").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


# By every hand in Firefox, from a disk


def one(selector, place=0):
    """An element, as an expression of JavaScript."""
    return f"document.querySelectorAll({json.dumps(selector)})[{place}]"


@pytest.fixture
def begun(site, firefox):
    """Open a demonstration from the disk in Firefox, and start it by a hand."""

    def call(name, hand):
        firefox.goto(f"{site.as_uri()}/live/{name}.html")
        firefox.press(one(".live-start"), hand)
        found = f"(look = () => c2fLive['{name}'] ? done(1) : setTimeout(look, 10))()"
        firefox.ask(f"new Promise((done) => {{ let look; {found}; }})")
        return firefox

    return call


@NEEDS_FIREFOX
@pytest.mark.parametrize("hand", HANDS)
def test_in_firefox_three_eyes_by(hand, begun):
    page = begun("three-eyes", hand)
    place = 1 if hand == "pointer" else 0
    page.press(one(".live-shelf [title=Trouser]"), hand, to=one(".live-slot", place) if hand == "pointer" else None)
    names = page.texts(".live-slot-name")
    assert names.pop(place) == "Trouser"
    assert names == ["Bag", "Bag"]
    assert len(page.texts(".live-won tbody tr")) == 1
    assert page.said == []


@NEEDS_FIREFOX
@pytest.mark.parametrize("hand", HANDS)
def test_in_firefox_two_maps_are_exchanged_by(hand, begun):
    page = begun("shuffled", hand)
    maps = [one(".live-maps button", place) for place in (2, 6)]
    if hand == "pointer":
        page.press(*maps[:1], to=maps[1])
    else:
        for button in maps:
            page.press(button, hand)
    assert [page.texts(".live-maps button")[place] for place in (2, 6)] == ["3: map 7", "7: map 3"]
    assert "moved by 0 grey levels" in page.texts(".live-stage")[0]
    assert page.said == []


@NEEDS_FIREFOX
@pytest.mark.parametrize("hand", HANDS)
def test_in_firefox_a_round_is_played_by(hand, begun):
    page = begun("looking", hand)
    guess = one(".live-guesses button", 3)
    look = "[...document.querySelectorAll('button')].find((one) => one.textContent === 'Look here')"
    page.press(guess, hand)
    before = page.ask(f"{one('.live-window')}.offsetLeft")
    if hand == "keyboard":
        page.ask(f"{one('.live-window')}.focus()")
        page.key("ArrowLeft")
    else:
        page.press(one(".live-window"), hand, to=look)
    assert page.ask(f"{one('.live-window')}.offsetLeft") < before
    page.press(look, hand)
    page.press(guess, hand)
    assert "Right so far: you" in page.texts(".live-voice")[0]
    assert page.said == []


# Nothing from outside, nothing without a press, something without scripts


@NEEDS_CHROMIUM
def test_nothing_is_loaded_before_a_press(site, chromium):
    page = chromium.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "front.html"):
        asked.clear()
        page.goto((site / name).as_uri())
        page.wait_for_timeout(200)
        assert {Path(url).name for url in asked if not url.startswith("data:")} == {name, "live.css", "start.js"}
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
