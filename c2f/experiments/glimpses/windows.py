"""What the windows that a network chooses have to do with the picture: habits, objects inside, rows of pixels.

Axes: N pictures, T glimpses, H rows, W = H columns.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Generator, Tensor

from c2f.common.words import how_many
from c2f.experiments.glimpses.evaluation import GlimpseEvaluation
from c2f.metrics.statistics import seeds_interval
from c2f.networks.glimpse.geometry import glimpse_side, share_inside
from c2f.networks.glimpse.names import GLIMPSE_KINDS as KINDS
from c2f.runs.record import Record


@dataclass(frozen=True)
class Habits:
    """How one network chooses its windows: means over N pictures and the glimpses after the first, shares in [0, 1].

    ``largest``: of the windows that are as large as they may be. ``spread``: standard deviation over pictures of the
    centre, in sides of the picture. ``moved``: how far the last glimpse's centre is from the second's, likewise.
    ``chosen``: of an object in the window chosen for its picture; ``dealt``: in one chosen for another picture;
    ``random``: in one of the same size at a random place; the three are NaN where nobody knows the objects.
    """

    pictures: int
    largest: float
    spread: float
    moved: float
    chosen: float
    dealt: float
    random: float


def habits(locations: Tensor, masks: Tensor | None, scale_max: float, seed: int = 0) -> Habits:
    """Return the habits of a network.

    Args:
        locations: of all its glimpses, ``(T, N, 3)``.
        masks: bool ``(N, H, W)``, the objects; None where nobody knows them.
        scale_max: the largest scale that a window may have.
        seed: deals windows out among the pictures, and draws random ones.
    """
    later, generator = locations[1:].double(), torch.Generator().manual_seed(seed)
    inside = [math.nan] * 3
    if masks is not None:
        inside = torch.tensor([_inside(chosen, masks, generator) for chosen in later]).mean(dim=0).tolist()
    return Habits(
        later.shape[1],
        (later[..., 0] > 0.99 * scale_max).double().mean().item(),
        later[..., 1:].std(dim=1).mean().item() / 2,  # the side is 2 units long
        (later[-1] - later[0])[:, 1:].norm(dim=1).mean().item() / 2,
        *inside,
    )


def habits_by_seed(found: Mapping[int, GlimpseEvaluation], masks: Tensor | None, scale_max: float) -> dict[int, Habits]:
    """Return the ``habits`` of the network of each seed; windows are dealt and drawn by its number."""
    return {seed: habits(seen.locations, masks, scale_max, seed) for seed, seen in found.items()}


def _inside(chosen: Tensor, masks: Tensor, generator: Generator) -> list[float]:
    """Return the share of an object in windows ``(N, 3)``, in the same dealt out anew, and in random ones."""
    scale, u = chosen[:, :1], 2 * torch.rand(len(chosen), 2, generator=generator) - 1
    dealt = chosen[torch.randperm(len(chosen), generator=generator)]
    random = torch.cat([scale, u * (1 - scale)], dim=1)
    return [share_inside(places, masks).mean().item() for places in (chosen, dealt, random)]


def habits_table(found: Mapping[int, Habits]) -> pd.DataFrame:
    """Return size and place of the windows in percent, a row a seed of ``found``."""
    rows = {f"seed {seed}": [100 * h.largest, 100 * h.spread, 100 * h.moved] for seed, h in found.items()}
    heads = ["as large as may be (% of windows)", "centre varies by (% of side)", "centre moves by (% of side)"]
    return _table(rows, heads, found)


def objects_table(found: Mapping[int, Habits], thing: str = "object") -> pd.DataFrame:
    """Return how much of a ``thing`` windows hold, in percent, a row a seed of ``found``."""
    rows = {f"seed {seed}": [100 * h.chosen, 100 * h.dealt, 100 * h.random] for seed, h in found.items()}
    of = f"(% of the {thing})"
    return _table(rows, [f"its window {of}", f"another picture's {of}", f"a random one {of}"], found)


def _table(rows: dict[str, list[float]], heads: list[str], found: Mapping[int, Habits]) -> pd.DataFrame:
    pictures = next(iter(found.values())).pictures
    table = pd.DataFrame.from_dict(rows, orient="index", columns=heads)
    return table.rename_axis(columns=f"n = {pictures:,} pictures")


def habit_verdict(found: Mapping[int, Habits]) -> str:
    """Say in a sentence whether windows are large, and alike for all pictures, in how many of the seeds."""
    wide = sum(h.largest > 0.95 for h in found.values())
    still = sum(h.spread < 0.1 and h.moved < 0.1 for h in found.values())
    widest = max(max(h.spread, h.moved) for h in found.values())
    return (
        f"In {wide} of {len(found)} seeds nearly all windows are as large as they may be; in {still} they move by less "
        f"than a tenth of the side from picture to picture and from glimpse to glimpse (at most {100 * widest:.0f} %)."
    )


def following(found: Mapping[int, Habits], thing: str = "object") -> str:
    """Say in a sentence whether the windows follow the picture: whether they hold more of its own ``thing`` than
    windows of another picture do, and more than that those more than random ones.
    """
    runs = list(found.values())
    gap = seeds_interval([100 * (h.chosen - h.dealt) for h in runs])
    chosen, dealt, random = (
        100 * sum(getattr(h, name) for h in runs) / len(runs) for name in ("chosen", "dealt", "random")
    )
    if len(runs) < 2:
        begin = "Of one seed alone"
    elif not gap.low > 0:
        begin = "The windows do not follow the picture, as far as these seeds can tell"
    elif gap.value < dealt - random:
        begin = "The windows follow the picture a little, and are mostly one view for all pictures"
    else:
        begin = "The windows follow the picture"
    return (
        f"{begin}: a window holds {chosen:.1f} % of its {thing}, one chosen for another picture {dealt:.1f} %, one at "
        f"random {random:.1f} %. What is known of *this* picture is worth {gap:+.1f} points (n = "
        f"{how_many(len(runs), 'seed')})."
    )


def rows_table(records: Mapping[str, Record], image_size: int, object_size: int) -> pd.DataFrame:
    """Return into how many rows of pixels each look of ``mgnet`` brings an object, mean over its recorded seeds and
    pictures, and each baseline that is there.

    Args:
        records: by kind, ``mgnet`` among them.
        image_size: H of the pictures.
        object_size: rows of the object in them.
    """

    def side(kind: str) -> int:
        return glimpse_side(image_size, records[kind].parameters["look"]["downsampling"])

    means = torch.tensor([run.details["places"]["mean"] for run in records["mgnet"].runs]).mean(dim=0)  # (T, 3)
    rows = {}
    for t, scale in enumerate(means[:, 0].tolist(), start=1):
        rows[f"glimpse {t}"] = object_size / image_size * side("mgnet") / scale
    for kind in [kind for kind in KINDS if kind in records and kind != "mgnet"]:
        rows[KINDS[kind]] = object_size / image_size * side(kind)
    return pd.DataFrame({f"rows of pixels for {object_size}": rows})
