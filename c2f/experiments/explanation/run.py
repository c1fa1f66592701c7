"""Explain a trained network's answers to picture files, picture by picture, into a folder.

For each picture: its map painted over it, at the picture's own size and the right way up (``NUMBER-STEM.png``), and the
raw map (``NUMBER-STEM.npy``); for a network of glimpses its windows, and what each saw and said. For all together
``pictures.csv``, the contact sheet ``sheet.png``, and ``explanation.json``, which says what was done. Pictures are read
when they are needed; a run that was interrupted goes on where it stopped.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from c2f import networks
from c2f.common.checks import choose
from c2f.common.files import check_writable, write_text
from c2f.experiments.explanation.drawing import Glimpses, Maps, Settings, save_picture
from c2f.experiments.explanation.maps import default_method
from c2f.plotting import overlays
from c2f.runs.parts import PartialResults
from c2f.zoo.models import TrainedModel

AT_ONCE = 16
"""Pictures of a part of the work."""
ON_SHEET = 100
"""Pictures on the contact sheet, the first ones where there are more."""


@dataclass(frozen=True)
class Explanation:
    """What is in the folder ``folder``: ``pictures``, a row a picture, and whether it was made just now."""

    folder: Path
    pictures: pd.DataFrame
    fresh: bool


def explain_files(
    model: TrainedModel,
    paths: Sequence[Path],
    output: Path,
    settings: Settings | None = None,
    device: str = "cpu",
    again: bool = False,
) -> Explanation:
    """Explain a network's answers to the pictures in ``paths``, see the module's text.

    Args:
        model: see ``c2f.zoo``.
        paths: of picture files.
        output: the folder in which a folder is made, called by network, weights and method.
        settings: see ``Settings``; a network of glimpses has its windows and none of them.
        device: as torch names it.
        again: do anew what is there already.

    Raises:
        ValueError: no pictures, a bad name, a method or layer that the network does not have, other pictures or
            settings than those that the folder holds (unless ``again``).
        c2f.datasets.decoding.DamagedData: a file that is no whole picture; its name.
        OSError: the folder cannot be written to, or the disk is full.
    """
    settings = settings or Settings()
    if not paths:
        raise ValueError("there are no pictures to explain")
    kind = networks.kind_of(model.name)
    if kind == "segmentation":
        raise ValueError(f"{model.name} classifies pixels: take a network that classifies pictures")
    for name in (settings.of, settings.against):
        if name is not None:
            choose(name, model.classes, "class")
    if kind == "glimpses" and settings != Settings():
        raise ValueError("of a network of glimpses its windows are shown: leave method, layer, class and threshold out")
    method = "glimpses" if kind == "glimpses" else settings.method or default_method(model.network)
    folder = output / "explanations" / f"{model.record.name}--seed{model.seed}--{method}"
    check_writable(folder)
    listed = hashlib.sha256("\n".join(map(_signature, paths)).encode()).hexdigest()
    identity = {"weights": model.weights, "settings": {**asdict(settings), "method": method}, "pictures": listed}
    there = folder / "explanation.json"
    if there.exists() and not again:
        if json.loads(there.read_text(encoding="utf-8"))["identity"] != identity:
            raise ValueError(
                f"{folder} holds what was made of other pictures, weights or settings: replace it by --again, or "
                "choose another folder for output"
            )
        return Explanation(folder, pd.read_csv(folder / "pictures.csv"), False)
    there.unlink(missing_ok=True)  # what is begun now is not what it says
    model.network.to(device)
    work: Maps | Glimpses
    if kind == "glimpses":
        work = Glimpses(model, paths, folder, device)
    else:
        work = Maps(model, paths, folder, settings, device)
    parts = PartialResults(folder / "explaining", identity)
    if not len(parts):
        _clear(folder)
    batches = [range(first, min(first + AT_ONCE, len(paths))) for first in range(0, len(paths), AT_ONCE)]
    answers = parts.get_all({f"{batch[0]}": partial(work.ask, batch) for batch in batches})
    rows = [row for answer in answers.values() for row in answer]
    parts.get_all({f"draw {batch[0]}": partial(_draw_all, work, rows, batch) for batch in batches})
    tiles = [work.tile(number, rows[number]) for number in range(min(len(paths), ON_SHEET))]
    save_picture(overlays.contact_sheet(tiles, work.columns, work.bar(rows)), folder / "sheet.png")
    table = pd.DataFrame(rows)
    write_text(folder / "pictures.csv", table.to_csv(index=False))
    write_text(there, json.dumps({"network": model.name, "identity": identity, **work.about(rows)}, indent=1) + "\n")
    parts.remove()
    return Explanation(folder, table, True)


def _signature(path: Path) -> str:
    status = path.stat()
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def _clear(folder: Path) -> None:
    """Remove what is there of other pictures or settings: it would lie among the new files."""
    for path in folder.iterdir():
        if path.suffix in (".npy", ".png", ".part"):
            path.unlink()


def _draw_all(work: Maps | Glimpses, rows: list[dict[str, Any]], numbers: range) -> int:
    for number in numbers:
        work.draw(number, rows)
    return len(numbers)
