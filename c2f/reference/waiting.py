"""What a table, a figure or a claim waits for: pieces of the reference runs that are not recorded yet."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from c2f.reference.costs import known_of
from c2f.reference.piece import Piece, Seeds, seeds_in
from c2f.runs.folder import SHIPPED

_MANY = 3
"""Of more pieces only the first is named."""


def waiting(*only: str, output: Path = SHIPPED) -> str:
    """Return what of the pieces ``only`` names is missing: ``not recorded yet (about N core-minutes: `c2f reference
    --only PIECE`)``, those that they need among them; an empty text where all of it is recorded. Where a part is
    recorded, ``(1 of 2 pieces, about N core-minutes: ...)``, and of few those alone are named.

    Args:
        only: pieces, or the beginnings of several, as for ``c2f reference --only``.
        output: the folder of the records.

    Raises:
        ValueError: a name that fits no piece.
    """
    from c2f.reference import pieces, select  # which import all parts, and one of them may import this

    by_name = {piece.name: piece for piece in pieces()}
    chosen, seeds = select(only), cache(seeds_in)
    left = _missing(chosen, by_name, output, seeds)
    if not left:
        return ""
    known = known_of(output)
    costs = [piece.cost(known) for piece in left]
    total = sum(cost for cost in costs if cost is not None)
    about = "at a cost that is not known" if None in costs else f"about {float(f'{total:.2g}'):,.0f} core-minutes"
    lacking = [piece for piece in chosen if piece in left]
    part = "" if len(lacking) == len(chosen) else f"{len(lacking)} of {len(chosen)} pieces, "
    if part and len(left) <= _MANY:
        names = [piece.name for piece in left]
    else:
        needed = [piece.name for piece in left if piece not in lacking]
        names = [*needed, *(name for name in only if any(piece.name.startswith(name) for piece in lacking))]
    if len(names) > _MANY:
        how = f"{about} in {len(left)} pieces, beginning with `c2f reference --only {names[0]}`"
    else:
        how = f"{about}: `c2f reference --only {' '.join(names)}`"
    return f"not recorded yet ({part}{how})"


def waiting_list(wanted: Mapping[str, Sequence[str]], output: Path = SHIPPED) -> str:
    """Return a list in Markdown of what is missing of ``wanted`` (what it is called -> pieces, as for ``waiting``); a
    sentence where nothing is.
    """
    lines = [f"- {name}: {text}." for name, only in wanted.items() if (text := waiting(*only, output=output))]
    return "\n".join(lines) or "All that belongs here is recorded."


def _missing(chosen: Sequence[Piece], by_name: dict[str, Piece], output: Path, seeds: Seeds) -> list[Piece]:
    """Return those of ``chosen`` that ``output`` lacks, each behind the missing ones that it needs."""
    left: dict[str, Piece] = {}
    for piece in chosen:
        if piece.state(output, seeds) != "done":
            needed = _missing([by_name[name] for name in piece.needs], by_name, output, seeds)
            left |= {other.name: other for other in needed} | {piece.name: piece}
    return list(left.values())
