import contextlib
import json
import os
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import yaml

from c2f.book import build as books
from c2f.book import execute
from c2f.book.build import BookError, build, execution_key, stage
from c2f.book.chapters import ROOT, ParameterError, chapters, find
from c2f.book.check import Report, look_over, toc_pages
from c2f.book.execute import ChapterError, run
from c2f.common.files import write_text
from tests.toys import PARAMETERS, code, text, write_book, write_chapter, write_notebook

PROFILE = "{epochs: 2, lr: 1e-4, name: nin, seeds: [0], limit: null, augment: true}"


def outputs(path):
    cells = json.loads(path.read_text())["cells"]
    return ["".join(o.get("text", "")) for c in cells for o in c.get("outputs", []) if "text" in o]


# One chapter


def test_a_run_writes_the_executed_notebook_with_its_cost(tmp_path, monkeypatch):
    source = write_chapter(tmp_path / "book", "01-a", "import os; print(lr, epochs, os.getcwd())")
    before = source.read_bytes()
    monkeypatch.chdir(tmp_path)
    done = run(find("1", tmp_path / "book"), {"lr": "1e-4"}, output=tmp_path / "out" / "{lr}.ipynb")
    assert done.output == tmp_path / "out" / "{lr}.ipynb"
    assert outputs(done.output) == [f"0.0001 3 {tmp_path}\n"]
    metadata = json.loads(done.output.read_text())["metadata"]["c2f"]
    assert metadata["parameters"] == {"lr": 1e-4}
    assert metadata["ended"] is True
    assert 0.1 < done.seconds < 60
    assert 20 < done.peak_mib < 2000
    assert source.read_bytes() == before
    assert sorted(os.listdir(tmp_path / "out")) == ["{lr}.ipynb"]
    assert str(tmp_path) not in json.dumps(json.loads(done.output.read_text())["metadata"])
    assert "publish_use" not in done.output.read_text()


def test_a_failed_run_keeps_what_there_is(tmp_path):
    write_chapter(tmp_path, "01-a", "print('so far')", "total = 1 / 0  # oh", "print('never')")
    output = tmp_path / "out.ipynb"
    with pytest.raises(
        ChapterError, match=re.escape("01-a failed in cell [5] (total = 1 / 0  # oh): ZeroDivisionError")
    ):
        run(find("1", tmp_path), output=output)
    assert outputs(output) == ["so far\n"]
    assert json.loads(output.read_text())["metadata"]["c2f"]["ended"] is False


@pytest.mark.parametrize("last", ["b = 1", "1 / 0"])
def test_no_kernel_is_left_behind(tmp_path, last):
    note = tmp_path / "pid"
    write_chapter(
        tmp_path, "01-a", f"import os, pathlib; pathlib.Path({str(note)!r}).write_text(str(os.getpid()))", last
    )
    with contextlib.suppress(ChapterError):
        run(find("1", tmp_path), output=tmp_path / "out.ipynb")
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_kernel_that_is_done_takes_no_interrupt(tmp_path, monkeypatch):
    (last,) = execute.behind(find("1"))
    interrupted = f"{last}\nimport os, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0.1)"
    monkeypatch.setattr(execute, "behind", lambda chapter: [interrupted])
    write_notebook(tmp_path / "01-a.ipynb", [code("a = 1  # x", "parameters")])
    assert run(find("1", tmp_path), output=tmp_path / "out.ipynb").peak_mib > 0


def statuses(path):
    notebook = json.loads(path.read_text())
    cells = [c["metadata"]["papermill"] for c in notebook["cells"] if c["cell_type"] == "code"]
    return [(c["status"], c["exception"]) for c in cells], notebook["metadata"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("import sys; sys.exit(0)", r"01-a ended itself in the cell \(import sys; sys.exit\(0\)\)"),
        ("import os; os._exit(1)", "01-a failed: .*died.*run out of memory"),
        ("import time; time.sleep(60)", "01-a failed: A cell timed out"),
    ],
)
def test_a_chapter_that_does_not_come_to_its_end_has_failed(tmp_path, cell, message):
    write_notebook(tmp_path / "01-a.ipynb", [code("a = 1  # x", "parameters"), code(cell), code("b = 1")])
    output = tmp_path / "out.ipynb"
    with pytest.raises(ChapterError, match=message):
        run(find("1", tmp_path), output=output, timeout=2)
    told, metadata = statuses(output)
    assert told == [("completed", False), ("failed", True), ("pending", None)]
    assert metadata["papermill"]["exception"] is True
    assert metadata["c2f"]["ended"] is False


def test_a_chapter_that_ends_itself_is_not_kept_as_done(tmp_path):
    write_notebook(tmp_path / "book" / "01-a.ipynb", [code("a = 1  # x", "parameters"), code("raise SystemExit")])
    for _ in range(2):
        with pytest.raises(ChapterError, match="ended itself"):
            books.execute(find("1", tmp_path / "book"), "quick", tmp_path / "executed", root=tmp_path)
    assert os.listdir(tmp_path / "executed") == ["01-a.failed.ipynb"]


def test_left_overs_of_killed_runs_are_removed(tmp_path):
    write_notebook(tmp_path / "01-a.ipynb", [code("a = 1  # x", "parameters")])
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    out = tmp_path / "out"
    out.mkdir()
    kept = [f".b.{gone.pid}.in.ipynb", f".a.{os.getppid()}.out.ipynb", "a.1.in.ipynb", ".a.x.in.ipynb"]
    for name in (f".a.{gone.pid}.in.ipynb", f".a.{gone.pid}.out.ipynb", *kept):
        (out / name).write_text("")
    run(find("1", tmp_path), output=out / "a.ipynb")
    assert sorted(os.listdir(out)) == sorted([*kept, "a.ipynb"])


def test_what_will_not_do_is_said_before_anything_runs(tmp_path):
    source = write_chapter(tmp_path, "01-a", "raise SystemExit")
    (tmp_path / "file").write_text("")
    chapter = find("1", tmp_path)
    for output, message in [
        (tmp_path / "out.html", "must end in .ipynb, not 'out.html'"),
        (source, "is the chapter itself"),
        (tmp_path / "file" / "out.ipynb", "cannot write into"),
    ]:
        with pytest.raises((ValueError, PermissionError), match=message):
            run(chapter, output=output)
    with pytest.raises(ParameterError, match="did you mean 'epochs'"):
        run(chapter, {"epoch": 3}, output=tmp_path / "out.ipynb")
    write_text(tmp_path / "profiles" / "large.yaml", f"01-a: {PROFILE}")
    write_chapter(tmp_path, "01-a", parameters=PARAMETERS.replace("# learning", "# [above 0, below epochs] learning"))
    with pytest.raises(ParameterError, match=re.escape("'lr' must be below epochs (2), not 2.5")):
        run(chapter, {"lr": 2.5}, profile="large", output=tmp_path / "out.ipynb")
    with pytest.raises(ValueError, match="unknown profile 'big'"):
        run(chapter, profile="big", output=tmp_path / "out.ipynb")


# A book


@pytest.fixture
def root(tmp_path):
    write_chapter(tmp_path / "book", "01-a", "print(epochs)")
    write_book(tmp_path, "01-a", config=ROOT / "_config.yml")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.txt").write_text("1")
    write_text(tmp_path / "book" / "profiles" / "smallest.yaml", f"01-a: {PROFILE}")
    return tmp_path


def test_a_book_is_built_once_and_whole(root, monkeypatch):
    said = []
    book = build(root=root, said=said.append)
    assert book.index == root / "book" / "_build" / "quick" / "html" / "index.html"
    assert book.index.is_file()
    assert (book.report.pages > 2, book.report.figures, book.report.problems) == (True, 1, ())
    page = (book.index.parent / "book" / "01-a.html").read_text()
    assert 'alt="A line that rises from 0 to 2 in 3 steps"' in page
    assert "check_parameters" in page
    assert re.fullmatch(r"01-a: \d+ s, \d+ MiB", said[0])
    executed = book.executed[0].path
    first = executed.stat().st_mtime_ns

    monkeypatch.setattr(books, "stage", None)
    again = build(root=root)
    assert (again.sphinx_seconds, again.report) == (0, book.report)
    assert executed.stat().st_mtime_ns == first
    again = books.execute(find("1", root / "book"), "quick", executed.parent, root=root)
    assert again.cached
    assert executed.stat().st_mtime_ns == first
    (root / "data" / "numbers.txt").write_text("2")
    anew = books.execute(find("1", root / "book"), "quick", executed.parent, root=root)
    assert not anew.cached
    assert os.listdir(executed.parent) == [anew.path.name]  # the outdated one is gone


def test_html_is_built_anew_when_anything_has_changed(root, monkeypatch):
    folder, package, chapter = root / "book" / "_build" / "quick", root / "c2f", root / "executed.ipynb"
    monkeypatch.setattr(books, "PACKAGE", package)
    sources = [root / "_toc.yml", root / "book" / "index.md", package / "a" / "b.py", chapter]
    html = folder / "html" / "a" / "index.html"
    for file in (*sources, html):
        write_text(file, "as it was")

    def unchanged():
        return books.unchanged(folder, books.goes_in(root, {"01-a": chapter}))

    assert unchanged() is None  # nothing is known of it
    report = Report(pages=3, figures=2, links=5, problems=())
    books._remember(folder, books.goes_in(root, {"01-a": chapter}), report)
    assert unchanged() == report
    for file in (*sources, html):
        file.write_text("otherwise")
        assert unchanged() is None, file
        file.write_text("as it was")
    for file in (*sources[1:3], html):
        file.unlink()
        assert unchanged() is None, file
        file.write_text("as it was")
    for more in (folder / "html" / "more.html", root / "book" / "more.md"):
        more.write_text("")
        assert unchanged() is None, more
        more.unlink()
    write_text(root / "book" / "_build" / "paper" / "html" / "index.html", "another book")
    assert unchanged() == report
    with monkeypatch.context() as patched:
        patched.setattr(books.metadata, "distributions", lambda: [SimpleNamespace(name="sphinx", version="0")])
        assert unchanged() is None
    assert unchanged() == report
    (folder / "html.json").write_text("{")
    assert unchanged() is None


def execute_all(root, jobs):
    return books._execute_all(chapters(root / "book"), "quick", root / "executed", False, jobs, root)


def note(root, name, *cells):
    """Write a chapter that notes when it began."""
    begun = f"import pathlib, time; pathlib.Path({str(root)!r}, {name!r}).write_text(str(time.time()))"
    write_notebook(root / "book" / f"{name}.ipynb", [code("a = 1  # x", "parameters"), code(begun), *map(code, cells)])


def test_chapters_run_side_by_side_and_come_in_order(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(books, "spare_cores", lambda: 6)
    other = "import pathlib, time\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.05)"
    note(tmp_path, "01-a", other.format(str(tmp_path / "02-b")), "import os; print(os.environ['OMP_NUM_THREADS'])")
    note(tmp_path, "02-b", other.format(str(tmp_path / "01-a")))
    done = list(execute_all(tmp_path, 2))
    assert [one.chapter for one in done] == ["01-a", "02-b"]
    assert outputs(done[0].path) == ["3\n"]


def test_longest_first(tmp_path):
    for name in ("01-a", "02-b", "03-c"):
        note(tmp_path, name)
    for name, seconds in (("01-a", 5), ("03-c", 7)):
        write_text(tmp_path / "executed" / f"{name}.0.ipynb", json.dumps({"metadata": {"c2f": {"seconds": seconds}}}))
    assert [one.chapter for one in execute_all(tmp_path, 1)] == ["01-a", "02-b", "03-c"]
    begun = {name: float((tmp_path / name).read_text()) for name in ("01-a", "02-b", "03-c")}
    assert sorted(begun, key=begun.get) == ["02-b", "03-c", "01-a"]


def test_after_a_failure_nothing_is_begun(tmp_path):
    note(tmp_path, "01-a", "1 / 0")
    note(tmp_path, "02-b", "import time; time.sleep(1)")
    for name in ("03-c", "04-d"):
        note(tmp_path, name, "import time; time.sleep(1)")
    with pytest.raises(ChapterError, match="01-a failed"):
        list(execute_all(tmp_path, 2))
    assert not (tmp_path / "04-d").exists()
    assert [path.name[:4] for path in sorted((tmp_path / "executed").iterdir())][:2] == ["01-a", "02-b"]


def test_kernels_end_where_the_caller_stops(tmp_path):
    note(tmp_path, "01-a")
    note(tmp_path, "02-b", "import time; time.sleep(600)")
    begun = time.monotonic()
    runs = execute_all(tmp_path, 2)
    assert next(runs).chapter == "01-a"
    while not (tmp_path / "02-b").exists():
        time.sleep(0.1)
    with pytest.raises(KeyboardInterrupt):
        runs.throw(KeyboardInterrupt())
    assert time.monotonic() - begun < 120
    assert (tmp_path / "executed" / "02-b.failed.ipynb").exists()  # as far as it came


def test_as_many_at_a_time_as_cores_and_memory_allow(monkeypatch):
    monkeypatch.setattr(books, "_GPUS", ())
    monkeypatch.setattr(books, "free_memory", lambda: 7.9)
    assert (books._jobs(1, 10), books._jobs(2, 10), books._jobs(8, 10), books._jobs(8, 2)) == (1, 2, 3, 2)
    monkeypatch.setattr(books, "free_memory", lambda: 1.0)
    assert books._jobs(8, 10) == 1
    monkeypatch.setattr(books, "free_memory", lambda: None)
    assert books._jobs(8, 10) == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert books._jobs(8, 10) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(books, "_GPUS", (os.devnull,))
    assert books._jobs(8, 10) == 1


def test_the_key_changes_with_what_matters_alone(root, monkeypatch):
    def key(profile="quick"):
        return execution_key(find("1", root / "book"), profile, root)

    first = key()
    notebook = json.loads((root / "book" / "01-a.ipynb").read_text())
    notebook["metadata"]["kernelspec"]["display_name"] = "Another"
    (root / "book" / "01-a.ipynb").write_text(json.dumps(notebook, indent=3))
    assert key() == first
    keys = [first, key("smallest")]
    monkeypatch.setattr(books, "versions", lambda: {"pillow": "0.0"})
    keys.append(key())
    monkeypatch.undo()
    (root / "data" / "numbers.txt").rename(root / "data" / "names.txt")
    keys.append(key())
    notebook["cells"][-1]["source"] = "print(lr)"
    (root / "book" / "01-a.ipynb").write_text(json.dumps(notebook))
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_a_bad_profile_stops_the_build_before_it_runs(root):
    write_text(root / "book" / "profiles" / "smallest.yaml", "01-a: {epochs: 1}")
    with pytest.raises(ParameterError, match="'lr' is missing"):
        build("smallest", root=root)
    assert not (root / "book" / "_build").exists()


def test_a_warning_of_the_build_is_an_error(root):
    (root / "book" / "01-a.ipynb").unlink()
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    (root / "book" / "index.md").write_text("# A book\n\nSee {ref}`nowhere`.\n")
    with pytest.raises(BookError, match=r"book/index\.md:\d+: WARNING: undefined label: 'nowhere'"):
        build(root=root)


def png(alt=None):
    metadata = {"image/png": {"alt": alt}} if alt else {}
    return {"output_type": "display_data", "data": {"image/png": "aGk="}, "metadata": metadata}


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([png()], "01-a, cell 2 (plot()): shows a figure without an alternative text"),
        (
            [png("A line that rises"), png("A line that falls")],
            "shows 2 figures; give each a cell of its own",
        ),
        ([png("learning-curves-of-all-networks.png")], "is the name of a file"),
        ([png("A line")], "is too short"),
    ],
)
def test_a_figure_must_say_what_it_shows(root, pictures, message):
    executed = root / "executed.ipynb"
    write_notebook(executed, [text("# A"), {**code("draw()\nplot()"), "outputs": pictures}])
    with pytest.raises(BookError, match=re.escape(message)):
        stage(root, root / "site", {"01-a": executed})


def test_the_sources_are_copied_without_what_is_no_page(root):
    (root / "book" / "_build" / "old").mkdir(parents=True)
    executed = root / "executed.ipynb"
    figure = {**code("plot()"), "outputs": [png("A line that rises from one to two")]}
    write_notebook(executed, [text("# A"), figure])
    stage(root, root / "site", {"01-a": executed})
    assert sorted(os.listdir(root / "site" / "book")) == [
        "01-a.ipynb",
        "_static",
        "index.md",
        "references.bib",
    ]
    staged = json.loads((root / "site" / "book" / "01-a.ipynb").read_text())
    assert staged["cells"][1]["metadata"]["mystnb"]["image"]["alt"] == "A line that rises from one to two"


# Looking over


GOOD = """<html><body><h1 id="top">A</h1><a href="#top">up</a><a href="b.html#there">b</a>
<div class="cell_output"><img alt="A line that rises from one to two" src="line.png"></div></body></html>"""


@pytest.fixture
def html(tmp_path):
    (tmp_path / "line.png").write_bytes(b"")
    (tmp_path / "a.html").write_text(GOOD)
    (tmp_path / "b.html").write_text("<html><body><h1 id='there'>B</h1></body></html>")
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"root": "b", "parts": [{"chapters": [{"file": "a.md"}]}]}))
    return tmp_path


def test_a_whole_book_has_no_problems(html):
    report = look_over(html, html / "_toc.yml", ["a"])
    assert report.problems == ()
    assert (report.pages, report.figures, report.links) == (2, 1, 3)
    assert toc_pages(html / "_toc.yml") == ["b", "a"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('alt="A line that rises from one to two"', "", "a: the alternative text '' is too short"),
        (
            'alt="A line that rises from one to two"',
            'alt="a-line-that-rises-from-one.png"',
            "the name of a file",
        ),
        ("<img", "<b", "a: a chapter without a figure"),
        ("line.png", "gone.png", "a: gone.png leads nowhere"),
        ("b.html#there", "b.html#gone", "a: b.html#gone leads to an anchor that is not there"),
        ("#top", "#gone", "a: #gone leads to an anchor that is not there"),
        ("b.html#there", "c.html", "a: c.html leads nowhere"),
        ("</body>", "<div class='output traceback'>Error: x</div></body>", "a: shows an exception: Error: x"),
        (
            "</body>",
            "<div class='output stderr'>Warn: x</div></body>",
            "a: shows something written to stderr: Warn",
        ),
        (
            "</body>",
            "<div class='cell_output'>Traceback (most recent call last):</div></body>",
            "shows an exception",
        ),
        (
            "</body>",
            "<script src='https://a.org/x.js'></script></body>",
            "loads https://a.org/x.js from a network",
        ),
    ],
)
def test_what_is_wrong_is_found(html, old, new, message):
    assert old in GOOD
    (html / "a.html").write_text(GOOD.replace(old, new))
    problems = look_over(html, html / "_toc.yml", ["a"]).problems
    assert any(message in problem for problem in problems), problems


def test_a_missing_page_is_found(html):
    (html / "a.html").unlink()
    assert "a: the page is not there" in look_over(html, html / "_toc.yml", ["a"]).problems
    problems = look_over(html, html / "_toc.yml", ["a", "z"]).problems
    assert "z: a chapter that _toc.yml does not name" in problems
