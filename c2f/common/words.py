"""Words of sentences that are made of numbers."""


def how_many(n: int, noun: str) -> str:
    """Return ``n`` and ``noun``, with an s unless ``n`` is 1: ``1 epoch``, ``2 seeds``, ``1,000 test pictures``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def how_many_each(a: int, b: int, noun: str) -> str:
    """Return two counts of the same: ``4 seeds each``, or ``4 and 1 seeds`` where they differ."""
    return f"{how_many(a, noun)} each" if a == b else f"{a:,} and {b:,} {noun}s"
