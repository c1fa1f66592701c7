"""Corrupt pictures by name and severity.

Axes: N pictures, C channels, H = W rows and columns.
"""

import os
from collections.abc import Sequence
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from c2f.common.checks import choose, positive_int
from c2f.corruptions import frost
from c2f.corruptions.digital import as_jpeg
from c2f.corruptions.draws import Draws
from c2f.corruptions.resampling import to_bytes
from c2f.corruptions.table import CORRUPTIONS, SEVERITIES, SIZES, table_for

SMALLEST, LARGEST = 28, 224
"""Rows and columns that pictures may have."""
STORED = {"imagenet-c": 85, "tiny-imagenet-c": 85}
"""Data sets whose corrupted pictures were stored as JPEG, and at which quality. CIFAR-10-C was not."""
VALUES_AT_A_TIME = {"cpu": 2**18, "cuda": 2**25}
"""Values corrupted at once, by kind of device, others as a CPU, so that they stay in its cache. Changes no result."""


def names() -> list[str]:
    """Return the names of the fifteen types, in the paper's order."""
    return list(CORRUPTIONS)


def available(root: str | os.PathLike[str] | None = None) -> list[str]:
    """Return the types that can be made here: all, or all but frost where its photographs are missing."""
    return [name for name in CORRUPTIONS if name != "frost" or frost.there(root)]


def title(kind: str) -> str:
    """Return a type's name as figures and tables show it."""
    return CORRUPTIONS[choose(kind, CORRUPTIONS, "corruption")].title


def check(kind: str, severity: int) -> None:
    """Raise ``ValueError`` unless there is a corruption of this name and severity: 3 is one, 3.0 of a table is not."""
    choose(kind, CORRUPTIONS, "corruption")
    if isinstance(severity, bool) or not isinstance(severity, Integral) or severity not in SEVERITIES:
        raise ValueError(f"a severity is a whole number from 1 to 5, not {severity!r}")


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return ``kinds``, or all fifteen where there are none, in the paper's order.

    Raises:
        ValueError: an unknown type.
    """
    for kind in kinds:
        choose(kind, names(), "corruption")
    return tuple(name for name in names() if name in kinds or not kinds)


def check_pictures(pictures: Tensor) -> None:
    """Raise ``ValueError`` unless pictures are uint8 ``(N, C, H, H)``, C 1 or 3, of a size that can be corrupted."""
    if pictures.ndim != 4 or pictures.dtype != torch.uint8 or pictures.shape[1] not in (1, 3):
        raise ValueError(
            f"pictures must be uint8 (N, 1 or 3, H, H), grey levels 0 to 255, not {pictures.dtype} "
            f"{tuple(pictures.shape)}"
        )
    rows, columns = pictures.shape[2:]
    if rows != columns or not SMALLEST <= rows <= LARGEST:
        raise ValueError(
            f"corruptions are for square pictures of {SMALLEST} to {LARGEST} pixels, not {rows}x{columns}: "
            "resize or crop them first"
        )


def corrupt(
    pictures: Tensor,
    kind: str,
    severity: int,
    *,
    seed: int = 0,
    picture_ids: Sequence[int] | None = None,
    photographs: Sequence[Tensor] | None = None,
    stored_as: str | None = None,
    table: int | None = None,
) -> Tensor:
    """Return corrupted pictures, on the same device.

    A picture's random numbers depend on (seed, type, severity, its id) alone, not on the pictures beside it.

    Args:
        pictures: uint8 ``(N, C, H, H)``, C 1 or 3, H from 28 to 224.
        kind: one of ``names()``.
        severity: 1 to 5.
        seed: of the random numbers.
        picture_ids: whole numbers of at least 0, ``(N,)``; by default 0 to N - 1.
        photographs: of frost, uint8 ``(3, h, w)`` each; None takes those that ``c2f fetch frost`` brought.
        stored_as: a name in ``STORED``: then store the pictures as that data set was stored. This changes noise
            most: most of it is gone.
        table: a size in ``SIZES`` whose numbers are taken; by default the nearest, ``table_for``.

    Returns:
        uint8 ``(N, C, H, H)``.

    Raises:
        ValueError: an unknown type, severity, data set or table, other pictures, a seed below 0, another number of ids.
        FileNotFoundError: the photographs of frost are not here; how to get them.
    """
    check(kind, severity)
    check_pictures(pictures)
    positive_int(seed, "seed", minimum=0)
    if stored_as is not None:
        choose(stored_as, STORED, "data set that was stored as JPEG")
    if table is not None and table not in SIZES:
        raise ValueError(f"there are published numbers for {', '.join(map(str, SIZES))} pixels, not for {table!r}")
    ids = range(len(pictures)) if picture_ids is None else picture_ids
    if len(ids) != len(pictures):
        raise ValueError(f"{len(ids)} picture ids for {len(pictures)} pictures: give one a picture")
    more = [photographs if photographs is not None else frost.load()] if kind == "frost" else []

    side = pictures.shape[2]
    row = CORRUPTIONS[kind]
    strength = row.strengths[table or table_for(side)][severity - 1]
    room = max(0, SIZES[0] - side)
    before, after = room // 2, room - room // 2
    at_a_time = VALUES_AT_A_TIME.get(pictures.device.type, VALUES_AT_A_TIME["cpu"])
    count = max(1, at_a_time // pictures[0].numel()) if len(pictures) else 1
    done = torch.empty_like(pictures)
    for start in range(0, len(pictures), count):
        part = slice(start, start + count)
        draws = Draws(seed, kind, severity, ids[part], pictures.device)
        x = F.pad(pictures[part].float(), (before, after) * 2, mode="replicate")
        spoiled = to_bytes(row.apply(x, strength, draws, *more))[:, :, before : before + side, before : before + side]
        done[part] = spoiled if stored_as is None else as_jpeg(spoiled, STORED[stored_as])
    return done
