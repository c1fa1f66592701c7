"""Which of several networks no other beats in every respect at once: the Pareto front, and how sure it is.

Axes: N networks, S seeds, M measures, each turned so that more is better.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 10000


def on_front(points: ArrayLike) -> np.ndarray:
    """Return of each of the ``points`` ``(..., N, M)`` whether no other is as good in all measures and better in one.

    Of one measure these are the best.

    Returns:
        bool ``(..., N)``.
    """
    values = np.asarray(points, dtype=float)
    this, other = values[..., :, None, :], values[..., None, :, :]
    beaten = (other >= this).all(axis=-1) & (other > this).any(axis=-1)
    return np.logical_not(beaten.any(axis=-1))


def front_shares(networks: Sequence[ArrayLike], draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Return how often each network is on the front when the means over seeds are drawn anew.

    A mean of S seeds is drawn from Student's t with S - 1 degrees of freedom around the one found, as wide as the
    spread over seeds says and with the measures' own correlation. Drawing the seeds themselves with replacement would
    be too sure of itself with four of them. A network of one seed stays where it is: its spread is not known.

    Args:
        networks: of each network the values ``(S, M)``, S its own.

    Returns:
        ``(N,)``, in [0, 1].

    Raises:
        ValueError: no networks, a value that is not finite, or tables of different M.
    """
    tables = [np.atleast_2d(np.asarray(values, dtype=float)) for values in networks]
    if not tables or not all(table.size and np.isfinite(table).all() for table in tables):
        raise ValueError("a front needs finite values of every network")
    if len({table.shape[1] for table in tables}) > 1:
        raise ValueError(f"each network needs the same measures, not {[table.shape[1] for table in tables]} of them")
    generator = np.random.default_rng(seed)
    return on_front(np.stack([_means(table, draws, generator) for table in tables], axis=1)).mean(axis=0)


def _means(table: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Return means ``(draws, M)`` that the seeds ``(S, M)`` allow."""
    seeds, mean = len(table), table.mean(axis=0)
    if seeds == 1:
        return np.broadcast_to(mean, (draws, table.shape[1]))
    normal = generator.standard_normal((draws, seeds)) @ (table - mean) / np.sqrt(seeds * (seeds - 1))
    return mean + normal / np.sqrt(generator.chisquare(seeds - 1, (draws, 1)) / (seeds - 1))
