"""The exercises' solutions: their code runs behind the chapter, and what it prints stands below it in the book."""

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from c2f.book.chapters import Chapter, source

_SOLUTION = re.compile(
    r"(?P<head>```\{solution\} (?P<label>\S+)\n)(?P<body>.*?)(?P<end>^```)", re.DOTALL | re.MULTILINE
)
_CODE = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)
_LONGEST = 2000
"""Characters of what a solution prints that the page shows."""


def solutions(chapter: Chapter) -> dict[str, str]:
    """Return the code of the chapter's solutions that hold code, by their labels: the indented lines of each."""
    found = {}
    for cell in chapter.notebook()["cells"]:
        for solution in _SOLUTION.finditer(source(cell)):
            blocks = [textwrap.dedent(block) for block in _CODE.findall(solution["body"]) if block.strip()]
            if blocks:
                label = solution["label"]
                found[label] = f"# the solution of {label}\n" + "\n".join(blocks)
    return found


def printed(cell: Mapping[str, Any]) -> str:
    """Return what a cell has printed, and its result in words."""
    parts = []
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream" and output["name"] == "stdout":
            parts.append(output["text"])
        elif "text/plain" in output.get("data", {}):
            parts.append(output["data"]["text/plain"] + "\n")
    return "".join(parts).rstrip()


def show_what_they_print(notebook: dict[str, Any], said: Mapping[str, str]) -> None:
    """Put what each solution printed, ``said`` by label, behind its last line of code."""

    def fill(found: re.Match[str]) -> str:
        words = said.get(found["label"], "")
        blocks = [block for block in _CODE.finditer(found["body"]) if block[0].strip()]
        if not words or not blocks:
            return found[0]
        if len(words) > _LONGEST:
            words = words[:_LONGEST].rsplit("\n", 1)[0] + "\n..."
        end = blocks[-1].end()
        body = f"{found['body'][:end].rstrip()}\n\nIt prints\n\n~~~text\n{words}\n~~~\n\n{found['body'][end:].lstrip()}"
        return f"{found['head']}{body}{found['end']}"

    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _SOLUTION.sub(fill, source(cell))
