"""The head and the foot of a chapter's page."""

import json

import pytest
import yaml

from c2f.book.cards import FILE, foot, head, minutes_to_read, put_in, read_cards
from c2f.book.chapters import BOOK, chapters
from tests.toys import code, text, write_executed


def executed(path):
    return json.loads(write_executed(path, [text("# About\n\nText."), code("1")]).read_text())


def test_every_chapter_of_the_book_has_a_card_that_holds():
    cards = read_cards(BOOK, chapters())
    assert list(cards) == [chapter.number for chapter in chapters()]
    assert all(int(other) < int(number) for number, card in cards.items() for other in card["after"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cards: cards.pop("01"), "a card for each of the chapters 01"),
        (lambda cards: cards["01"].pop("know"), "a card says after, know and try"),
        (lambda cards: cards["01"].update(after=["07"]), "there is no chapter 07"),
        (lambda cards: cards["01"].update({"try": {"epoch": 5}}), "epoch"),
        (lambda cards: cards["01"].update({"try": {"epochs": "many"}}), "epochs"),
    ],
)
def test_a_card_that_does_not_fit_its_chapter_is_refused(root, change, message):
    path = root / "book" / FILE
    cards = yaml.safe_load(path.read_text())
    change(cards)
    path.write_text(json.dumps(cards))
    with pytest.raises(ValueError, match=message) as caught:
        read_cards(root / "book", chapters(root / "book"))
    assert str(path) in str(caught.value)


def test_the_head_says_what_it_takes_and_how_to_run_it_otherwise(root, tmp_path):
    (chapter,) = chapters(root / "book")
    card = {"after": ["01"], "know": "how to read", "try": {"epochs": 5, "seeds": [0, 1]}}
    said = head(chapter, [chapter], card, executed(tmp_path / "x.ipynb"))
    assert "**Read first:** [1. About 01-a](01-a.ipynb). **Know:** how to read." in said
    assert "profile `quick`, 2 threads): 61 s, 0.8 GiB" in said
    assert "| `epochs` | `3` | passes over the training pictures |" in said
    assert "c2f run 1 -p epochs=5 -p seeds='[0, 1]'" in said
    assert """papermill book/01-a.ipynb output/01.ipynb -y '{"epochs": 5, "seeds": [0, 1]}'""" in said


def test_the_foot_says_where_it_was_made(tmp_path):
    notebook = executed(tmp_path / "x.ipynb")
    said = foot(notebook)
    assert "on 2026-11-29 17:30 UTC from commit `0123456789ab` with changes that are not committed" in said
    assert "in 61 s on a CPU; python 3.11, torch 2.12." in said
    del notebook["metadata"]["c2f"]["made"]
    assert foot(notebook) == ""


def test_head_and_foot_stand_behind_the_heading_and_at_the_end(tmp_path):
    notebook = executed(tmp_path / "x.ipynb")
    put_in(notebook, "ABOVE", "BELOW")
    assert notebook["cells"][0]["source"] == "# About\n\nABOVE\n\nText."
    assert notebook["cells"][-1]["source"] == "BELOW"


def test_minutes_to_read_count_words_and_the_code_that_is_shown():
    shown, folded = code("x\n" * 50), code("x\n" * 500, "hide-input")
    words = text("```{exercise} " + "title " * 100 + "\n" + "word " * 660 + "\n```")
    assert minutes_to_read({"cells": [shown, folded, words]}) == 5
    assert minutes_to_read({"cells": []}) == 1
