import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2f.book import chapters as book_chapters
from c2f.book.chapters import (
    ParameterError,
    check,
    check_parameters,
    find,
    from_text,
    parameters,
)
from c2f.book.parameters import Mismatch, convert, declared
from c2f.book.profiles import profile_values, profiles
from tests.toys import PARAMETERS, code, write_chapter, write_notebook


@pytest.fixture
def book(tmp_path):
    write_chapter(tmp_path, "01-seeing")
    write_chapter(tmp_path, "02-training")
    return tmp_path


@pytest.fixture
def chapter(book):
    return find("01-seeing", book)


def test_chapters_are_found_in_order_and_by_number(book):
    (book / "Untitled.ipynb").write_text("{}")
    assert [c.name for c in book_chapters.chapters(book)] == ["01-seeing", "02-training"]
    for name in ("02-training", "02-training.ipynb", str(book / "02-training.ipynb"), "02", "2"):
        assert find(name, book).name == "02-training"
    assert find("1", book).title == "About 01-seeing"


@pytest.mark.parametrize("name", ["02-trainig", "trainng", "training"])
def test_an_unknown_chapter_is_named_with_the_nearest(book, name):
    with pytest.raises(ValueError, match=r"unknown chapter .*did you mean '02-training'\?\nThere are: 01-seeing, 02"):
        find(name, book)


def test_a_path_must_be_that_of_the_chapter(book, monkeypatch):
    elsewhere = book / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert find("../02-training.ipynb", book).name == "02-training"
    write_chapter(elsewhere, "02-training")  # a copy of the reader's own
    for name in (
        "../nowhere/01-seeing.ipynb",
        "../1",
        "./1",
        "02-training.ipynb",
        str(elsewhere / "02-training.ipynb"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"{name!r} is not the book's chapter 0")):
            find(name, book)


def test_two_chapters_of_one_number_are_refused(book):
    write_chapter(book, "01-copy")
    with pytest.raises(ValueError, match=r"01-copy\.ipynb and 01-seeing\.ipynb have the same number"):
        book_chapters.chapters(book)


def test_a_book_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="clone the project"):
        book_chapters.chapters(tmp_path / "none")


def test_a_file_that_is_no_notebook(book):
    (book / "03-broken.ipynb").write_text("{half")
    with pytest.raises(ValueError, match=r"03-broken\.ipynb is not a Jupyter notebook"):
        parameters(find("3", book))


def test_parameters_are_read_with_type_and_comment(chapter):
    known = parameters(chapter)
    assert {name: p.type for name, p in known.items()} == {
        "epochs": "int",
        "lr": "float",
        "name": "str",
        "seeds": "list[int]",
        "limit": "int | None",
        "augment": "bool",
    }
    assert known["epochs"].default == 3
    assert known["epochs"].comment == "passes over the training pictures"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = 3", "line 1: 'epochs' needs a comment"),
        ("a = 1  # one\nb = a + 1  # two", "line 2: a parameter is declared as name = literal"),
        ("a = None  # x", "line 1: 'a' = None has no type; annotate it: a: int | None = None"),
        ("a = []  # x", "line 1: the items of 'a' must have one type; annotate an empty list"),
        ("a = [1, 'b']  # x", "must have one type"),
        ("a = {}  # x", "must be a number, a string, True or False"),
        ("a: dict = {}  # x", "'a' is annotated 'dict'"),
        ("a: int = 2.5  # x", "the default of 'a' must be int"),
        ("a = b = 1  # x", "a parameter is declared as"),
        ("import os", "not 'import os'"),
        ("_a = 1  # x", "must not start with an underscore"),
        ("a: int  # x", "has no default"),
        ("a = 1  # x\na = 2  # y", "line 2: 'a' is declared twice"),
        ("a = 1 +  # x", "line 1: not Python"),
        ("%matplotlib inline", "line 1: not Python"),
        ("a = 1  # [1 to 9]", "'a' needs a comment"),
        ("a = 1  # [atleast 1] x", "the range of 'a' is not understood: 'atleast 1'; numbers have [1 to 9]"),
        ("a = 'b'  # [1 to 9] x", "the range of 'a' is not understood: '1 to 9'"),
        ("a = 1  # [not empty] x", "the range of 'a' is not understood: 'not empty'"),
        (
            "a = 1  # [below b] x\nb = 'c'  # y",
            "the range of 'a' ends at 'b', which is neither a number nor one's name",
        ),
        (
            "a = 1  # [below test pictures of b] x\nb = 2  # y",
            "the range of 'a' ends at 'test pictures of b', which is",
        ),
        ("a = 0  # [1 to 9] x", "the default of 'a' must be at least 1, not 0"),
        ("a = 3  # [below b] x\nb = 3  # y", "the default of 'a' must be below b (3), not 3"),
    ],
)
def test_a_bad_declaration_is_named_with_its_cell_and_line(book, text, message):
    write_chapter(book, "03-bad", parameters=text)
    with pytest.raises(ParameterError, match=re.escape(message)) as caught:
        parameters(find("3", book))
    assert str(caught.value).startswith("03-bad, cell 2, ")


def test_comment_and_hash_in_a_string():
    known = declared('a = "# no comment"  # of a\nb = [\n    1,  # first\n    2,\n]  # of b\n')
    assert [p.comment for p in known.values()] == ["of a", "of b"]


@pytest.mark.parametrize("count", [0, 2])
def test_there_must_be_one_tagged_cell(tmp_path, count):
    write_notebook(tmp_path / "01-x.ipynb", [code(f"a{i} = 1  # x", "parameters") for i in range(count)])
    with pytest.raises(ParameterError, match=f"01-x has {count} cells tagged 'parameters', and must have one"):
        parameters(find("1", tmp_path))


RANGES = """pictures = 5  # [1 to 100] how many
shown = [0]  # [at least 0, below pictures, not empty] which of them
eps: float | None = 0.1  # [above 0, below 0.5] how far
kind = "raw"  # [one of raw, clamped] of map
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pictures": 0}, "parameter 'pictures' must be at least 1, not 0 (how many)"),
        ({"pictures": 10**9}, "must be at most 100, not 1000000000"),
        ({"pictures": 3, "shown": [1, 3]}, "parameter 'shown' must be below pictures (3), not 3 (item 1)"),
        ({"shown": [-1]}, "must be at least 0, not -1 (item 0)"),
        ({"shown": []}, "parameter 'shown' must not be empty"),
        ({"eps": 0}, "must be above 0, not 0.0"),
        ({"eps": "0.5"}, "must be below 0.5, not 0.5"),
        ({"kind": "clampd"}, "parameter 'kind' must be one of raw, clamped, not 'clampd'; did you mean 'clamped'?"),
    ],
)
def test_a_value_out_of_range_is_refused(tmp_path, given, message):
    write_notebook(tmp_path / "01-x.ipynb", [code(RANGES, "parameters")])
    with pytest.raises(ParameterError, match=re.escape(message)):
        check(find("1", tmp_path), given)


def test_the_bounds_of_a_range_are_in_it(tmp_path):
    write_notebook(tmp_path / "01-x.ipynb", [code(RANGES, "parameters")])
    for good in ({"pictures": 1}, {"pictures": 100, "shown": [0, 99]}, {"eps": None}, {"shown": [7]}):
        assert check(find("1", tmp_path), good) == good


def test_a_range_that_is_counted_in_a_data_set(tmp_path):
    text = """data = "mnist"  # the pictures
one = 0  # [at least 0, below test pictures of data] which
some = [0]  # [at least 0, below test meshes of data] which of the meshes
"""
    write_notebook(tmp_path / "01-x.ipynb", [code(text, "parameters")])
    chapter = find("1", tmp_path)
    for good in ({"data": "mnist", "one": 9999, "some": [2499]}, {"one": 10**9}):  # the second names no data
        assert check(chapter, good) == good
    for part in ("train", "test"):
        for label in "ab":
            (tmp_path / "tree" / part / label).mkdir(parents=True)
            (tmp_path / "tree" / part / label / "1.png").touch()
    tree = f"folder:{tmp_path / 'tree'}"
    for values, message in (
        ({"data": "mnist", "one": 10_000}, "'one' must be below test pictures of data (10000), not 10000 (which)"),
        ({"data": "mnist", "some": [0, 2500]}, "'some' must be below test meshes of data (2500), not 2500 (item 1)"),
        ({"data": tree, "one": 2}, "'one' must be below test pictures of data (2), not 2"),
        (
            {"data": "mnits", "one": 2},
            "'one' counts pictures of what is no data set: unknown data set 'mnits'; did you",
        ),
        ({"data": "folder:none", "one": 2}, "'one' counts pictures of what is no data set: there is no folder"),
    ):
        with pytest.raises(ParameterError, match=re.escape(message)):
            check(chapter, values)


def test_values_are_put_into_their_types(chapter):
    checked = check(chapter, {"lr": "1e-4", "epochs": 5, "limit": None, "seeds": (3,), "augment": True})
    assert checked == {"lr": 1e-4, "epochs": 5, "limit": None, "seeds": [3], "augment": True}
    assert isinstance(check(chapter, {"lr": 1})["lr"], float)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"epohcs": 3},
            "01-seeing: unknown parameter 'epohcs'; did you mean 'epochs'?\n    There are: epochs, lr,",
        ),
        ({"zzz": 3}, "unknown parameter 'zzz'\n"),
        ({"epochs": 2.5}, "parameter 'epochs' must be int: a whole number, not the float 2.5 (passes over"),
        ({"epochs": 3.0}, "not the float 3.0; write 3"),
        ({"epochs": "1e2"}, "not the str '1e2'; write 100"),
        ({"epochs": True}, "must be int: a whole number, not the bool True"),
        ({"epochs": None}, "must be int: a whole number, not None"),
        ({"lr": "fast"}, "must be float: a number, not the str 'fast'"),
        ({"lr": False}, "must be float: a number, not the bool False"),
        ({"lr": float("nan")}, "must be float: a finite number, not nan"),
        ({"lr": "1e999"}, "a finite number, not inf"),
        ({"name": 3}, 'must be str: a string, not the int 3; put it in quotes: "3"'),
        ({"augment": 1}, "must be bool: true or false, not the int 1"),
        ({"augment": "yes"}, "must be bool: true or false, not the str 'yes'"),
        ({"seeds": 3}, "must be list[int], not the int 3; write [3] for a list of one"),
        ({"seeds": [0, "b"]}, "must be list[int]: item 1: a whole number, not the str 'b'"),
        ({"limit": "all"}, "must be int | None: a whole number"),
    ],
)
def test_a_bad_value_is_refused_with_the_remedy(chapter, given, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        check(chapter, given)


def test_all_that_is_wrong_is_said_at_once(chapter):
    with pytest.raises(ParameterError) as caught:
        check(chapter, {"epochs": "x", "lrr": 1}, complete=True)
    for part in (
        "'epochs' must be",
        "'lrr'; did you mean 'lr'?",
        "'seeds' is missing; its default is [0, 1]",
    ):
        assert part in str(caught.value)


def test_the_command_line_s_texts(chapter):
    texts = ["epochs=5", "lr=1e-4", "name=resnet32=x", "seeds=[0, 1, 2]", "limit=null", "augment=true"]
    assert from_text(chapter, texts) == {
        "epochs": 5,
        "lr": 1e-4,
        "name": "resnet32=x",
        "seeds": [0, 1, 2],
        "limit": None,
        "augment": True,
    }
    assert from_text(chapter, ["name=123"]) == {"name": "123"}
    assert from_text(chapter, ["name=null"]) == {"name": "null"}
    for bad, message in [
        ("epochs", "is given as name=value, not 'epochs'; e.g. epochs=3"),
        ("=3", "name=value"),
        ("lr=[", "must be float"),
    ]:
        with pytest.raises(ParameterError, match=re.escape(message)):
            from_text(chapter, [bad])
    with pytest.raises(ParameterError, match="'lr' is given twice"):
        from_text(chapter, ["lr=1", "lr=2"])


def test_null_stands_for_none_where_none_is_allowed(tmp_path):
    write_notebook(tmp_path / "01-none.ipynb", [code('data: str | None = "mnist"  # a name', "parameters")])
    chapter = find("1", tmp_path)
    assert from_text(chapter, ["data=null"]) == {"data": None}
    assert from_text(chapter, ["data=nul"]) == {"data": "nul"}
    given = {"data": "null"}  # what papermill's -p makes of it
    check_parameters("01-none", given, tmp_path)
    assert given == {"data": None}


@pytest.mark.parametrize("text", ["010", "1:30", "0x10"])
def test_a_number_is_decimal(text, chapter, tmp_path):
    with pytest.raises(ParameterError, match=f"'epochs' must be int: a whole number, not the str '{text}'"):
        from_text(chapter, [f"epochs={text}"])
    profile = tmp_path / "own.yaml"
    profile.write_text(f"{chapter.name}:\n  epochs: {text}\n")
    with pytest.raises(ParameterError, match=f"'epochs' must be int: a whole number, not the str '{text}'"):
        profile_values(chapter, str(profile))


def test_a_name_that_stands_twice_in_a_profile_is_refused(chapter, tmp_path):
    profile = tmp_path / "own.yaml"
    profile.write_text(f"{chapter.name}:\n  epochs: 1\n  epochs: 2\n")
    with pytest.raises(ParameterError, match="'epochs' stands twice"):
        profile_values(chapter, str(profile))


TEXT = st.text(st.sampled_from("a0é'\"\\#\n ="))
SCALARS = {
    "int": st.integers(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "str": TEXT,
    "bool": st.booleans(),
}


@given(data=st.data(), kind=st.sampled_from(sorted(SCALARS)), is_list=st.booleans(), optional=st.booleans())
def test_a_declared_default_comes_back_as_it_is(data, kind, is_list, optional):
    value = data.draw(st.lists(SCALARS[kind], max_size=3) if is_list else SCALARS[kind])
    full = (f"list[{kind}]" if is_list else kind) + (" | None" if optional else "")
    known = declared(f"a: {full} = {value!r}  # it")["a"]
    assert (known.default, known.type) == (value, full)
    assert convert(value, full) == value


@given(value=st.floats(allow_nan=False, allow_infinity=False), form=st.sampled_from(["{!r}", "{:e}", "{:.3f}"]))
def test_a_string_that_is_a_number_becomes_the_float_it_says(value, form):
    text = form.format(value)
    assert convert(text, "float") == float(text)


@given(value=st.one_of(st.floats(), st.booleans(), TEXT, st.none()))
def test_nothing_but_an_int_becomes_an_int(value):
    with pytest.raises(Mismatch):
        convert(value, "int")


# Profiles


def write_profile(book, name, text):
    (book / "profiles").mkdir(exist_ok=True)
    path = book / "profiles" / f"{name}.yaml"
    path.write_text(text)
    return path


FULL = "{epochs: 9, lr: 1e-4, name: nin, seeds: [0], limit: null, augment: true}"


def test_a_profile_gives_every_parameter(book, chapter):
    path = write_profile(book, "paper", f"01-seeing: {FULL}\n")
    assert profiles(book) == ["quick", "paper"]
    assert profile_values(chapter, "quick") == {}
    assert profile_values(chapter, "paper")["lr"] == 1e-4
    assert profile_values(chapter, str(path)) == profile_values(chapter, "paper")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"01-seing: {FULL}", "unknown chapter '01-seing'; did you mean '01-seeing'?"),
        (f"02-training: {FULL}", "does not give the parameters of 01-seeing; add '01-seeing:'"),
        ("01-seeing: {epochs: 9}", "paper.yaml, 01-seeing: parameter 'lr' is missing; its default is 0.1"),
        (
            "01-seeing: {epohcs: 9}",
            "paper.yaml, 01-seeing: unknown parameter 'epohcs'; did you mean 'epochs'?",
        ),
        ("- a", "must map chapters to their parameters"),
        ("01-seeing: 3", "must map chapters to their parameters"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_bad_profile_is_refused(book, chapter, text, message):
    write_profile(book, "paper", text)
    with pytest.raises(ParameterError, match=re.escape(message)):
        profile_values(chapter, "paper")


def test_an_unknown_profile(book, chapter):
    write_profile(book, "paper", "{}")
    with pytest.raises(ValueError, match=r"unknown profile 'papr'; did you mean 'paper'\?\nThere are: quick, paper"):
        profile_values(chapter, "papr")


# The check inside a notebook


def notebook(book, injected="", **more):
    namespace = {"In": ["", PARAMETERS]}
    exec(PARAMETERS, namespace)
    if injected:
        namespace["In"].append(f"# Parameters\n{injected}")
        exec(injected, namespace)
    namespace.update(more)
    check_parameters("01-seeing", namespace, book)
    return namespace


def test_the_notebook_s_check_passes_and_converts(book):
    assert notebook(book)["epochs"] == 3
    assert notebook(book, 'lr = "1e-4"\nepochs = 7')["lr"] == 1e-4


def test_the_notebook_s_check_refuses_what_papermill_lets_pass(book):
    with pytest.raises(ParameterError, match="unknown parameter 'epohcs'; did you mean 'epochs'"):
        notebook(book, "epohcs = 5")
    with pytest.raises(ParameterError, match="'epochs' must be int"):
        notebook(book, "epochs = 2.5")


def test_the_notebook_s_check_can_be_run_again_later(book):
    namespace = notebook(book, "epochs = 7", accuracy=0.9, network="x")
    namespace["In"] += ["accuracy = 0.9", "# Parameters of the plot\nwidth = 3"]
    check_parameters("01-seeing", namespace, book)


def test_the_notebook_s_check_refuses_what_is_out_of_range(tmp_path):
    write_notebook(tmp_path / "01-x.ipynb", [code(RANGES, "parameters")])
    namespace = {"pictures": 5, "shown": [5], "eps": 0.1, "kind": "raw", "In": []}
    with pytest.raises(ParameterError, match=re.escape("'shown' must be below pictures (5), not 5")):
        check_parameters("01-x", namespace, tmp_path)


def test_a_chapter_in_the_book_s_folder_works_in_the_folder_above(tmp_path, monkeypatch):
    book = tmp_path / "book"
    write_chapter(book, "01-seeing")
    monkeypatch.chdir(book)
    for _ in range(2):  # the cell may be run again
        notebook(book)
        assert os.getcwd() == str(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    notebook(book)
    assert os.getcwd() == str(tmp_path / "elsewhere")


def test_an_output_that_cannot_be_written_to_is_refused_at_once(tmp_path, monkeypatch):
    write_notebook(tmp_path / "01-x.ipynb", [code('output = "output"  # folder of the results', "parameters")])
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "output", "/proc/none"):
        with pytest.raises(ParameterError, match="01-x: parameter 'output' is no folder that can be written to"):
            check_parameters("01-x", {"output": str(place), "In": []}, tmp_path)
    check_parameters("01-x", {"output": str(tmp_path / "new"), "In": []}, tmp_path)


def test_the_notebook_s_check_before_the_parameters(book):
    with pytest.raises(ParameterError, match=r"epochs, lr, .* not set; run the parameters cell above first"):
        check_parameters("01-seeing", {"In": [""]}, book)


def test_the_check_is_light():
    """A chapter must refuse a bad parameter within the first second: no torch, nothing slow is imported for it."""
    probe = "import sys, c2f.book.chapters; print({'torch', 'numpy', 'matplotlib', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
