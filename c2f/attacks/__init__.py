"""The attacks of the Top-Down Networks paper as Foolbox attacks: ``build`` one by name, list ``names``, ask ``victim``.

::

    from c2f import attacks

    model = attacks.victim(network)
    raw, clipped, success = attacks.build("contrast")(model, pictures, labels, epsilons=None)

Each comes in two protocols: ``minimal`` is the correct search for the smallest L2 perturbation, ``paper`` what the
published runs did with Foolbox 2.2.1, oddities included where a number depends on them (Lelekas et al. 2020;
description 8.3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from c2f.attacks.filters import Contrast, GaussianBlur
from c2f.attacks.noise import AdditiveGaussian, AdditiveUniform, BlendedUniform
from c2f.attacks.pixels import SaltAndPepper, SinglePixel
from c2f.attacks.pointwise import PaperPointwise, PaperSaltAndPepper, Pointwise
from c2f.attacks.search import PictureAttack
from c2f.attacks.spatial import Shifts, Spatial
from c2f.attacks.victim import Victim, victim
from c2f.common.checks import choose

__all__ = ["ATTACKS", "PROTOCOLS", "Attack", "PictureAttack", "Victim", "build", "names", "title", "victim"]

PROTOCOLS = ("minimal", "paper")


@dataclass(frozen=True)
class Attack:
    """A row of the table.

    ``title``: the attack's name in figures and tables. ``minimal``, ``paper``: map a seed to that protocol's attack.
    ``randomised``: whether another seed gives another result, by protocol ``(minimal, paper)``.
    """

    title: str
    minimal: Callable[[int], PictureAttack]
    paper: Callable[[int], PictureAttack]
    randomised: tuple[bool, bool]


ATTACKS: dict[str, Attack] = {
    "single_pixel": Attack("Single pixel", SinglePixel, partial(SinglePixel, smallest=False), (False, True)),
    "salt_and_pepper": Attack("Salt and pepper", SaltAndPepper, PaperSaltAndPepper, (True, True)),
    "pointwise": Attack("Pointwise", Pointwise, PaperPointwise, (True, True)),
    "additive_gaussian": Attack(
        "Additive Gaussian noise", AdditiveGaussian, partial(AdditiveGaussian, twice=True), (True, True)
    ),
    "additive_uniform": Attack(
        "Additive uniform noise", AdditiveUniform, partial(AdditiveUniform, twice=True), (True, True)
    ),
    "blended_uniform": Attack("Blended uniform noise", BlendedUniform, BlendedUniform, (True, True)),
    "gaussian_blur": Attack("Gaussian blur", GaussianBlur, GaussianBlur, (False, False)),
    "contrast": Attack("Contrast reduction", Contrast, Contrast, (False, False)),
    "spatial": Attack("Shifts and rotations", Spatial, partial(Spatial, smallest=False), (False, False)),
    "shifts": Attack("Shifts", Shifts, partial(Shifts, smallest=False), (False, False)),
}
"""The ten attacks, by name, in the paper's order."""


def names() -> list[str]:
    """Return the names that ``build`` knows."""
    return list(ATTACKS)


def title(name: str) -> str:
    """Return the attack's name as figures and tables show it."""
    return ATTACKS[choose(name, ATTACKS, "attack")].title


def build(name: str, protocol: str = "minimal", seed: int = 0) -> PictureAttack:
    """Return an attack.

    Args:
        name: one of ``names()``.
        protocol: ``minimal`` or ``paper``.
        seed: of its random numbers.

    Raises:
        ValueError: an unknown name or protocol (with the nearest known one), or a seed below 0.
    """
    row = ATTACKS[choose(name, ATTACKS, "attack")]
    choose(protocol, PROTOCOLS, "protocol")
    return row.minimal(seed) if protocol == "minimal" else row.paper(seed)
