"""Words of sentences that are made of numbers and names."""

from collections.abc import Sequence


def how_many(n: int, noun: str) -> str:
    """Return ``n`` and ``noun``, with an s unless ``n`` is 1: ``1 epoch``, ``2 seeds``, ``1,000 test pictures``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def how_many_each(a: int, b: int, noun: str) -> str:
    """Return two counts of the same: ``4 seeds each``, or ``4 and 1 seeds`` where they differ."""
    return f"{how_many(a, noun)} each" if a == b else f"{a:,} and {b:,} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Return words as ``a, b and c``; no words as an empty text."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
