"""Checks at the door: an error that names the bad value and the remedy, before any work is done."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def did_you_mean(value: str, options: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the option nearest to ``value``, or ``""`` when none is near."""
    near = difflib.get_close_matches(value.lower(), list(options), n=1, cutoff=0.55)
    return f"; did you mean {near[0]!r}?" if near else ""


def choose(value: str, options: Iterable[str], what: str) -> str:
    """Return ``value`` if it is among ``options``.

    Raises:
        ValueError: otherwise, naming the value, the nearest option and all options. ``what`` says what is
            chosen, in the singular ("network").
    """
    options = list(options)
    if value in options:
        return value
    raise ValueError(f"unknown {what} {value!r}{did_you_mean(str(value), options)}\nThere are: {', '.join(options)}")


def positive_int(value: int, what: str, minimum: int = 1, maximum: int = 2**63 - 1) -> int:
    """Return ``value`` if it is an ``int`` from ``minimum`` to ``maximum``; a ``ValueError`` names it otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{what} must be a whole number of at least {minimum}, not {value!r}")
    if value > maximum:
        raise ValueError(f"{what} must be a whole number of at most {maximum}, not {value!r}")
    return value


# name of a number -> whether a value fits, and how a message calls what does
Ranges = dict[str, tuple[Callable[[float], bool], str]]


def check_numbers(given: object, ranges: Ranges) -> None:
    """Raise a ``ValueError`` that names the first attribute of ``given`` that is no number or does not fit."""
    for name, (fits, wanted) in ranges.items():
        value = getattr(given, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not fits(value):
            raise ValueError(f"{name} must be a number {wanted}, not {value!r}")


def shortened(words: Sequence[str]) -> str:
    """Return the first five of ``words`` as text, and how many more there are."""
    return ", ".join(words[:5]) + (f" and {len(words) - 5} more" if len(words) > 5 else "")


def named(index: "np.ndarray", what: str) -> str:
    """Return ``what`` and the first places of ``index``: "masks 2, 5 and 17 more"."""
    shown = ", ".join(str(int(i)) for i in index[:5])
    more = f" and {len(index) - 5} more" if len(index) > 5 else ""
    return f"{what}{'' if len(index) == 1 else 's'} {shown}{more}"
