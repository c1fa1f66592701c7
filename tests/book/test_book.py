import contextlib
import json
import os
import re
import subprocess
import sys
import time

import pytest

from c2f.book import build as books
from c2f.book import execute, pages
from c2f.book.build import build, execution_key
from c2f.book.chapters import ParameterError, chapters, find
from c2f.book.execute import ChapterError, run
from c2f.common.files import write_text
from tests.toys import PARAMETERS, PROFILE, code, write_chapter, write_notebook


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


def test_a_kernel_that_is_done_takes_no_interrupt(tmp_path, monkeypatch):
    interrupted = f"{execute._LAST}\nimport os, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0.1)"
    monkeypatch.setattr(execute, "_LAST", interrupted)
    write_notebook(tmp_path / "01-a.ipynb", [code("a = 1  # x", "parameters")])
    assert run(find("1", tmp_path), output=tmp_path / "out.ipynb").peak_mib > 0


def test_nor_does_it_take_one_with_its_next_message(tmp_path, monkeypatch):
    """After the last cell neither hook of the kernel makes it listen again."""
    look = (
        "for hook in (kernel.post_handler_hook, kernel.pre_handler_hook):\n"
        "    hook()\n    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN"
    )
    monkeypatch.setattr(execute, "_LAST", f"{execute._LAST}\n{look}")
    write_notebook(tmp_path / "01-a.ipynb", [code("a = 1  # x", "parameters")])
    assert run(find("1", tmp_path), output=tmp_path / "out.ipynb").peak_mib > 0


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

    monkeypatch.setattr(pages, "stage", None)
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
