"""The head and the foot of a chapter's page: what it asks of a reader and a machine, and where it was made.

The head is written from ``book/cards.yml``, the chapter's parameters and what its last execution took; the foot from
what that execution wrote down. Nothing of either is typed into a chapter.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from c2f.book.chapters import Chapter, ParameterError, check, parameters, source
from c2f.common.words import how_many

FILE = "cards.yml"
_WORDS_A_MINUTE, _LINES_A_MINUTE = 220, 25
"""Of prose and of code that is not folded, as a reader goes through them who means to understand."""
_FENCED = re.compile(r"^(`{3,}|:{3,}).*$", re.MULTILINE)


def read_cards(book: Path, chapters: Sequence[Chapter]) -> dict[str, dict[str, Any]]:
    """Return the cards in the folder ``book`` by the chapter's two digits, checked against the chapters.

    Raises:
        ValueError: a chapter without a card, a card without a chapter, or one that names what is not there.
    """
    import yaml

    path, known = book / FILE, {chapter.number: chapter for chapter in chapters}
    cards: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if set(cards) != set(known):
        raise ValueError(f"{path}: a card for each of the chapters {', '.join(known)}, not {', '.join(cards)}")
    for number, card in cards.items():
        if set(card) != {"after", "know", "try"}:
            raise ValueError(f"{path}, {number}: a card says after, know and try, not {', '.join(card)}")
        unknown = [other for other in card["after"] if other not in known]
        if unknown:
            raise ValueError(f"{path}, {number}: there is no chapter {', '.join(unknown)}")
        try:
            check(known[number], card["try"])
        except ParameterError as error:
            raise ValueError(f"{path}, {number}: {error}") from error
    return cards


def minutes_to_read(notebook: Mapping[str, Any]) -> int:
    """Return the minutes that a chapter's prose and the code that it shows take, from their lengths."""
    minutes = 0.0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            minutes += len(_FENCED.sub("", source(cell)).split()) / _WORDS_A_MINUTE
        elif "hide-input" not in cell["metadata"].get("tags", []):
            minutes += len(source(cell).splitlines()) / _LINES_A_MINUTE
    return max(1, round(minutes))


def head(chapter: Chapter, chapters: Sequence[Chapter], card: Mapping[str, Any], notebook: Mapping[str, Any]) -> str:
    """Return the card of ``chapter`` in MyST Markdown; ``notebook`` is the executed one, which tells the cost."""
    titles = {c.number: f"[{int(c.number)}. {c.title}]({c.path.name})" for c in chapters}
    after = " and ".join(titles[number] for number in card["after"]) or "nothing"
    cost = notebook["metadata"]["c2f"]
    device = f" on {cost['gpu']}" if cost.get("gpu") else ""
    threads = f", {how_many(cost['threads'], 'thread')}" if cost.get("threads") else ""
    rows = [
        f"| `{p.name}` | `{_literal(notebook['metadata']['c2f']['parameters'].get(p.name, p.default))}` "
        f"| {_cell(p.comment)} |"
        for p in parameters(chapter).values()
    ]
    given = [(name, _literal(value)) for name, value in card["try"].items()]
    run = " ".join(["c2f run", str(int(chapter.number)), *(f"-p {name}={shlex.quote(v)}" for name, v in given)])
    yaml_values = json.dumps(card["try"])
    papermill = f"papermill book/{chapter.path.name} output/{chapter.number}.ipynb -y {shlex.quote(yaml_values)}"
    return "\n".join(
        [
            ":::{admonition} Before you begin",
            ":class: card-head",
            f"**Read first:** {after}. **Know:** {card['know']}.",
            "",
            f"**Reading:** {minutes_to_read(notebook)} minutes. **Running** (as shown here, profile "
            f"`{cost['profile']}`{threads}{device}): {_duration(cost['seconds'])}, {cost['peak_mib'] / 1024:.1f} GiB. "
            f"By the papers' recipes: `c2f run {int(chapter.number)} --profile paper`.",
            "",
            "```{dropdown} Its parameters, and how to run it with others",
            "",
            "| parameter | here | what it is |",
            "|---|---|---|",
            *rows,
            "",
            "~~~sh",
            run,
            papermill,
            "~~~",
            "```",
            ":::",
        ]
    )


def foot(notebook: Mapping[str, Any]) -> str:
    """Return where the executed ``notebook`` was made, in MyST Markdown; empty where it does not say."""
    cost = notebook["metadata"]["c2f"]
    made = cost.get("made")
    if not made:
        return ""
    commit = made["commit"]
    changed = " with changes that are not committed" if commit and commit.endswith("+") else ""
    code = f"commit `{commit.rstrip('+')[:12]}`{changed}" if commit else "a copy without history"
    device = cost.get("gpu") or made["processor"]
    libraries = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    return "\n".join(
        [
            ":::{admonition} How this page was made",
            ":class: card-foot",
            f"Executed on {made['date'].replace('T', ' ').removesuffix('+00:00')} UTC from {code}, profile "
            f"`{cost['profile']}`, in {_duration(cost['seconds'])} on {device}; {libraries}. "
            "Text and code: MIT licence. The download button above gives this page as an executed notebook.",
            ":::",
        ]
    )


def put_in(notebook: dict[str, Any], above: str, below: str) -> None:
    """Put ``above`` right behind the heading of the notebook's first cell, and ``below`` at its end."""
    first = notebook["cells"][0]
    heading, _, rest = source(first).partition("\n")
    first["source"] = f"{heading}\n\n{above}\n{rest}"
    if below:
        notebook["cells"].append({"cell_type": "markdown", "id": "made", "metadata": {}, "source": below})


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, (list, bool)) or value is None else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
