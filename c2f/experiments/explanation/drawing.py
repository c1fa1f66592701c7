"""How a trained network's answers to picture files are drawn: maps painted over them, or the windows of glimpses.

Axes: T glimpses, h rows and columns of what one sees, C channels, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from c2f.cam import upsample
from c2f.common.checks import choose
from c2f.common.files import atomic_path
from c2f.datasets.decoding import open_picture, resize_boxes
from c2f.experiments.explanation.maps import METHODS, default_method, explain, find_path
from c2f.experiments.explanation.pictures import read_for, seen_region
from c2f.metrics.localization import boxes_from_map
from c2f.networks.glimpse.geometry import boxes as glimpse_boxes
from c2f.networks.glimpse.geometry import glimpse_side, take_glimpse
from c2f.networks.glimpse.network import MultiGlimpse
from c2f.networks.modes import eval_mode
from c2f.plotting import overlays
from c2f.plotting.colours import glimpse_colour
from c2f.plotting.heatmaps import OBJECT
from c2f.zoo.models import TrainedModel

SCALES = ("shared", "own")
"""One scale of colours for all pictures, or each picture's own."""


@dataclass(frozen=True)
class Settings:
    """What is mapped, and how it is drawn.

    Attributes:
        method: a name in ``c2f.experiments.explanation.maps.METHODS``; None for what the network is made for.
        layer: its path, or ``act_1``, ... of the Top-Down paper's; None for the last one.
        of: the name of the class that is mapped; None for each picture's predicted one.
        against: the name of a class whose evidence is taken off.
        scale: a name in ``SCALES``.
        threshold: of the box round the largest part of the map above it, in [0, 1] of the map's range; None for none.

    Raises:
        ValueError: an unknown name, or a threshold out of its range.
    """

    method: str | None = None
    layer: str | None = None
    of: str | None = None
    against: str | None = None
    scale: str = "shared"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.method is not None:
            choose(self.method, METHODS, "method")
        choose(self.scale, SCALES, "scale")
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise ValueError(f"the threshold of a box must be from 0 to below 1, not {self.threshold}")


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", compress_level=1)


def _save_array(values: Tensor, path: Path) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, values.cpu().numpy())


def _stem(paths: Sequence[Path], number: int) -> str:
    digits = len(str(len(paths)))
    return f"{number + 1:0{digits}d}-{paths[number].stem}"


class Maps:
    """Heat maps: asked for in batches, then drawn one by one, on the scale of all where it is shared."""

    columns = 5  # of the contact sheet

    def __init__(self, model: TrainedModel, paths: Sequence[Path], folder: Path, settings: Settings, device: str):
        self.model, self.paths, self.folder, self.settings, self.device = model, paths, folder, settings, device
        self.method = settings.method or default_method(model.network)
        self.path = find_path(model, settings.layer, read_for(model, paths[:1]).to(device))
        index = model.classes.index
        self.of, self.against = (None if name is None else index(name) for name in (settings.of, settings.against))

    def ask(self, numbers: range) -> list[dict[str, Any]]:
        """Map the pictures of ``numbers``, write the raw maps, and return a row each."""
        x = read_for(self.model, [self.paths[n] for n in numbers]).to(self.device)
        found = explain(self.model, x, self.method, self.path, self.of, self.against)
        rows = []
        for i, number in enumerate(numbers):
            heat = found.maps[i]
            _save_array(heat, self._raw(number))
            rows.append(
                {
                    "picture": str(self.paths[number]),
                    "predicted": self.model.classes[int(found.predicted[i])],
                    "probability": round(float(found.probabilities[i]), 4),
                    "mapped": self.model.classes[int(found.classes[i])],
                    "lowest": float(heat.min()),
                    "highest": float(heat.max()),
                    **self._box(number, heat),
                }
            )
        return rows

    def _raw(self, number: int) -> Path:
        return self.folder / f"{_stem(self.paths, number)}.npy"

    def _box(self, number: int, heat: Tensor) -> dict[str, int | None]:
        """Return the box round the largest part above the threshold, in pixels of the file, both ends inside."""
        if self.settings.threshold is None:
            return {}
        size = self.model.image_size
        found = boxes_from_map(upsample(heat[None], size)[0], self.settings.threshold)
        names = ("x0", "y0", "x1", "y1")
        if not len(found):
            return dict.fromkeys(names)
        with Image.open(self.paths[number]) as picture:
            exchanged = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # lies on its side in the file
            width, height = picture.size[::-1] if exchanged else picture.size
        x0, y0, x1, y1 = seen_region(width, height, self.model.cropped)
        scaled = _to_file(found, size, (x1 - x0, y1 - y0))
        return dict(zip(names, (scaled + torch.tensor([x0, y0, x0, y0])).tolist(), strict=True))

    def limits(self, rows: list[dict[str, Any]]) -> tuple[float, float]:
        """Return the ends of the colour scale of ``rows``: it starts at 0, or is as wide on both sides."""
        low, high = min(row["lowest"] for row in rows), max(row["highest"] for row in rows)
        top = max(high, -low) or 1.0
        return (-top if low < 0 else 0.0, top)

    def draw(self, number: int, rows: list[dict[str, Any]]) -> None:
        """Paint the map over the picture, at its size."""
        picture, row = open_picture(self.paths[number]), rows[number]
        region = seen_region(*picture.size, self.model.cropped)
        heat = torch.from_numpy(np.load(self._raw(number)))
        enlarged = upsample(heat[None], (region[3] - region[1], region[2] - region[0]))[0].numpy()
        painted = overlays.paint(picture, enlarged, self._scale(row, rows), region)
        if row.get("x0") is not None:
            overlays.outline(painted, [row[end] for end in ("x0", "y0", "x1", "y1")], OBJECT)
        save_picture(painted, self.folder / f"{_stem(self.paths, number)}.png")

    def _scale(self, row: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[float, float]:
        return self.limits(rows if self.settings.scale == "shared" else [row])

    def tile(self, number: int, row: dict[str, Any]) -> Image.Image:
        """Return picture and painted picture for the contact sheet, and under them what was said."""
        painted = Image.open(self.folder / f"{_stem(self.paths, number)}.png")
        caption = f"{row['predicted']} {100 * row['probability']:.0f} %"
        if row["mapped"] != row["predicted"]:
            caption += f" (map of {row['mapped']})"
        parts = [painted]
        made = overlays.tile(parts, caption)
        return (
            made
            if self.settings.scale == "shared"
            else overlays.contact_sheet([made], 1, overlays.colour_bar(self.limits([row])))
        )

    def bar(self, rows: list[dict[str, Any]]) -> Image.Image | None:
        """Return the colour bar of a shared scale, also written to ``scale.png``."""
        if self.settings.scale != "shared":
            return None
        bar = overlays.colour_bar(self.limits(rows), 400)
        save_picture(bar, self.folder / "scale.png")
        return bar

    def about(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what ``explanation.json`` says."""
        return {"method": METHODS[self.method], "layer": self.path, "limits": self.limits(rows)}


def _to_file(box: Tensor, size: int, wanted: tuple[int, int]) -> Tensor:
    """Carry a box ``(1, 4)`` in a picture of ``size`` over to one of ``wanted`` columns and rows: ``(4,)``."""
    columns, rows = (resize_boxes(box, torch.tensor([[size, size]]), side)[0] for side in wanted)
    return torch.stack([columns[0], rows[1], columns[2], rows[3]])


class Glimpses:
    """The windows, what was seen in them and said behind each."""

    columns = 2

    def __init__(self, model: TrainedModel, paths: Sequence[Path], folder: Path, device: str):
        self.model, self.paths, self.folder, self.device = model, paths, folder, device
        self.network = model.network_of(MultiGlimpse)

    def ask(self, numbers: range) -> list[dict[str, Any]]:
        """Look at the pictures of ``numbers``, write the windows and crops, and return a row each."""
        x = read_for(self.model, [self.paths[n] for n in numbers]).to(self.device)
        with eval_mode(self.network), torch.no_grad():
            seen = self.network(x)
        side = glimpse_side(self.model.image_size, self.network.settings.downsampling)
        crops = [take_glimpse(x, locations, side) for locations in seen.locations]
        rows = []
        for i, number in enumerate(numbers):
            probabilities = seen.logits[:, i].softmax(dim=1)  # (T, K)
            sure, said = probabilities.max(dim=1)
            _save_array(seen.locations[:, i], self.folder / f"{_stem(self.paths, number)}.npy")
            self._save_crops(number, torch.stack([crop[i] for crop in crops]))
            row: dict[str, Any] = {"picture": str(self.paths[number]), "predicted": self.model.classes[int(said[-1])]}
            row["probability"] = round(float(sure[-1]), 4)
            for glimpse, (k, p) in enumerate(zip(said.tolist(), sure.tolist(), strict=True), start=1):
                row |= {f"answer {glimpse}": self.model.classes[k], f"probability {glimpse}": round(p, 4)}
            rows.append(row)
        return rows

    def _save_crops(self, number: int, crops: Tensor) -> None:
        levels = (crops.clamp(0, 1) * 255).round().to(torch.uint8).cpu()
        strip = levels.permute(2, 0, 3, 1).flatten(1, 2).numpy()  # (h, T * h, C)
        save_picture(Image.fromarray(strip.squeeze(2) if strip.shape[2] == 1 else strip), self._crops(number))

    def _crops(self, number: int) -> Path:
        return self.folder / f"{_stem(self.paths, number)}--crops.png"

    def draw(self, number: int, rows: list[dict[str, Any]]) -> None:
        """Draw the windows into the picture, at its size."""
        picture = open_picture(self.paths[number])
        x0, y0, x1, y1 = seen_region(*picture.size, self.model.cropped)
        locations = torch.from_numpy(np.load(self.folder / f"{_stem(self.paths, number)}.npy"))
        ends = torch.tensor([x1 - x0 - 1, y1 - y0 - 1, x1 - x0 - 1, y1 - y0 - 1])
        corners = (glimpse_boxes(locations) + 1) / 2 * ends + torch.tensor([x0, y0, x0, y0])
        for glimpse, box in enumerate(corners.tolist()):
            overlays.outline(picture, box, glimpse_colour(glimpse), str(glimpse + 1))
        save_picture(picture, self.folder / f"{_stem(self.paths, number)}.png")

    def tile(self, number: int, row: dict[str, Any]) -> Image.Image:
        """Return the picture with its windows and the crops for the contact sheet, and under them the answers."""
        painted = Image.open(self.folder / f"{_stem(self.paths, number)}.png")
        with Image.open(self._crops(number)) as strip:
            side = strip.height
            places = [(left, 0, left + side, side) for left in range(0, strip.width, side)]
            crops = [strip.crop(place).resize((200, 200)) for place in places]
        said = [f"{row[f'answer {t}']} {100 * row[f'probability {t}']:.0f} %" for t in range(1, len(crops) + 1)]
        return overlays.tile([painted, *crops], ", ".join(said))

    def bar(self, rows: list[dict[str, Any]]) -> None:
        """There is no scale of colours."""

    def about(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what ``explanation.json`` says."""
        return {"method": "the windows of the glimpses", "glimpses": self.network.settings.glimpses}
