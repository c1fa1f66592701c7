"""How fast the attacks are: ours against the plain use of Foolbox 3, and whether the results are the same.

Both sides run on the same pictures, weights and random numbers. The other side is Foolbox's own attack, drawing from
our streams; where Foolbox 3 has none (the additive noises searched over strength, the single pixel, the smallest of the
spatial grid) it is the plain loop: the whole batch at every step. "differ" counts pictures of which one side's success
or a value (by more than 1e-4) is another.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest import mock

import foolbox
import numpy as np
import torch
from eagerpy.tensor import PyTorchTensor
from foolbox import attacks as fa
from foolbox.attacks.spatial_attack_transformations import rotate_and_shift
from foolbox.distances import l2
from torch import Tensor

from benchmarks.suite import Case, Sides
from c2f import attacks, zoo
from c2f.attacks.spatial import GRID, Shifts, Spatial
from c2f.common.streams import Streams
from c2f.datasets import load
from c2f.runs.costs import PLAIN, Row

PAPERS_ORDER = {"spatial", "shifts"}
"""Comparisons of attacks that are none of the default protocol: they go through Foolbox's grid in its order."""

TOGETHER = 9
"""How many times faster the ten attacks of the default protocol have to be together."""

SIDES = (PLAIN, "c2f")
PICTURES, MANY = 32, 1000
"""How many pictures of Fashion-MNIST are attacked, through the shipped LeNetFC; and from how many on the bars count:
with few, ours has too little to share out.
"""

Attack = Callable[[foolbox.PyTorchModel, Tensor, Tensor], Tensor]
"""Maps a model, pictures ``(N, C, H, W)`` and labels ``(N,)`` to perturbed pictures."""


class FoolboxSpatial(Spatial):
    """Ours, in the order of Foolbox's grid."""

    def transforms(self) -> list[tuple[float, float, float]]:
        """Return the grid with the angle outermost, then columns."""
        return [(row, column, angle) for angle in self.angles for column in GRID for row in GRID]


class FoolboxShifts(FoolboxSpatial, Shifts):
    """Ours, in the order of Foolbox's grid."""


@dataclass(frozen=True)
class Comparison:
    """Two ways to attack; ``bar``: how many times faster ours has to be."""

    title: str
    ours: Any
    plain: Attack
    bar: float | None = None


@contextmanager
def our_random_numbers(streams: Streams, n: int) -> Iterator[None]:
    """Let Foolbox draw from ``streams`` of ``n`` pictures."""
    everyone, keys, calls = torch.arange(n), [], 0

    def uniform(self: PyTorchTensor, shape: Any, low: float = 0.0, high: float = 1.0) -> PyTorchTensor:
        return PyTorchTensor(streams.uniform(everyone, 1, tuple(shape[1:]))[:, 0].to(self.raw) * (high - low) + low)

    def permutation(places: list[int]) -> np.ndarray:  # of Pointwise: picture by picture, round by round
        nonlocal calls
        if not keys:
            keys.extend(streams.uniform(everyone, 1, (28 * 28,))[:, 0].numpy())
        chosen = np.array(places, dtype=np.int64)
        order = chosen[keys[calls % n][chosen].argsort()]
        calls += 1
        return order

    with mock.patch.object(PyTorchTensor, "uniform", uniform), mock.patch.object(np.random, "permutation", permutation):
        yield


def of_foolbox(attack: Any, name: str = "") -> Attack:
    """Return Foolbox's ``attack``, with the random numbers of ours called ``name``."""

    def run(model: foolbox.PyTorchModel, x: Tensor, y: Tensor) -> Tensor:
        with our_random_numbers(Streams(0, name, range(len(x))), len(x)):
            return attack(model, x, y, epsilons=None)[0]

    return run


def fools(model: foolbox.PyTorchModel, x: Tensor, y: Tensor) -> Tensor:
    """Return bool ``(N,)``."""
    with torch.no_grad():
        return model(x).argmax(dim=1) != y


def plain_noise(name: str, draw: Callable[[Streams, Tensor, tuple[int, ...]], Tensor]) -> Attack:
    """Return the search over strength with fresh noise at every step, on the whole batch."""

    def run(model: foolbox.PyTorchModel, x: Tensor, y: Tensor) -> Tensor:
        streams, everyone = Streams(0, name, range(len(x))), torch.arange(len(x))
        result, found = x.clone(), fools(model, x, y)
        for step in range(1000):
            made = (x + (step + 1) / 1000 * draw(streams, everyone, x.shape[1:])).clamp(0, 1)
            new = fools(model, made, y) & ~found
            result[new], found = made[new], found | new
            if found.all():
                break
        return result

    return run


def plain_smallest(candidates: Callable[[Tensor], Iterator[Tensor]]) -> Attack:
    """Return the search for the smallest L2 among all ``candidates``, on the whole batch."""

    def run(model: foolbox.PyTorchModel, x: Tensor, y: Tensor) -> Tensor:
        result, nearest = x.clone(), torch.where(fools(model, x, y), 0, torch.inf)
        for made in candidates(x):
            distance = (made - x).flatten(1).norm(dim=1)
            new = fools(model, made, y) & (distance < nearest)
            result[new], nearest[new] = made[new], distance[new]
        return result

    return run


def single_pixels(x: Tensor) -> Iterator[Tensor]:
    """Yield ``x`` with each pixel at 0 and at 1."""
    for row in range(x.shape[2]):
        for column in range(x.shape[3]):
            for value in (0, 1):
                made = x.clone()
                made[:, :, row, column] = value
                yield made


def moved(angles: np.ndarray) -> Callable[[Tensor], Iterator[Tensor]]:
    """Yield ``x`` at each transform of the grid."""

    def candidates(x: Tensor) -> Iterator[Tensor]:
        for row in GRID:
            for column in GRID:
                for angle in angles:
                    yield rotate_and_shift(PyTorchTensor(x), translation=(column, row), rotation=angle).raw

    return candidates


def comparisons() -> dict[str, Comparison]:
    """Return what is compared, by the attack's name."""
    build = attacks.build
    moves = {"max_translation": 5, "num_translations": 10}
    rotating, shifting = fa.SpatialAttack(5, 5, 10, 10), fa.SpatialAttack(**moves, max_rotation=0, num_rotations=1)
    blended, pepper = fa.LinearSearchBlendedUniformNoiseAttack(distance=l2), fa.SaltAndPepperNoiseAttack()
    pointwise = fa.PointwiseAttack()
    gaussian = plain_noise("additive_gaussian", lambda s, rows, shape: s.normal(rows, 1, shape)[:, 0] * 3**-0.5)
    uniform = plain_noise("additive_uniform", lambda s, rows, shape: s.uniform(rows, 1, shape)[:, 0] * 2 - 1)
    contrast, blur = fa.LinearSearchContrastReductionAttack(distance=l2), fa.GaussianBlurAttack(distance=l2)
    rows = [
        Comparison("spatial", FoolboxSpatial(smallest=False), of_foolbox(rotating), 12),
        Comparison("shifts", FoolboxShifts(smallest=False), of_foolbox(shifting), 12),
        Comparison("spatial, smallest", build("spatial"), plain_smallest(moved(GRID))),
        Comparison("shifts, smallest", build("shifts"), plain_smallest(moved(np.zeros(1)))),
        Comparison("contrast", build("contrast"), of_foolbox(contrast), 10),
        Comparison("gaussian_blur", build("gaussian_blur"), of_foolbox(blur), 10),
        Comparison("additive_gaussian", build("additive_gaussian"), gaussian, 4),
        Comparison("additive_uniform", build("additive_uniform"), uniform, 4),
        Comparison("blended_uniform", build("blended_uniform"), of_foolbox(blended, "blended_uniform"), 4),
        Comparison("salt_and_pepper", build("salt_and_pepper"), of_foolbox(pepper, "salt_and_pepper"), 2.5),
        Comparison("pointwise", build("pointwise"), of_foolbox(pointwise, "pointwise"), 2),
        Comparison("single_pixel", build("single_pixel"), plain_smallest(single_pixels), 2),
    ]
    return {row.title: row for row in rows}


def outcome(model: foolbox.PyTorchModel, made: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the perturbed pictures, unchanged where they do not fool."""
    return torch.where(fools(model, made, y)[:, None, None, None], made, x)


def sides(comparison: Comparison, count: int) -> Sides:
    """Return both ways to attack ``count`` pictures."""
    pictures = load("fashion-mnist-sample").test
    x, y = pictures.images[:count].float() / 255, pictures.labels[:count]
    network = zoo.load("lenetfc", "fashion-mnist", 0).network
    model, plain_model = attacks.victim(network), foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    made: dict[str, Tensor] = {}

    def plain() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Foolbox: a deprecated name of scipy, too few adversarial draws
            made[PLAIN] = comparison.plain(plain_model, x, y)

    def ours() -> None:
        made["c2f"] = comparison.ours(model, x, y, epsilons=None)[0]

    def differ() -> int:
        one, other = (outcome(plain_model, made[name], x, y) for name in SIDES)
        return int(((one - other).abs().amax(dim=(1, 2, 3)) > 1e-4).sum())

    return Sides({PLAIN: plain, "c2f": ours}, differ)


def together(rows: list[Row]) -> Row:
    """Return a row of the ten attacks of the default protocol together, round by round."""
    ten = [row for row in rows if row.name not in PAPERS_ORDER]
    sides = {
        side: [sum(of_round) for of_round in zip(*(row.sides[side] for row in ten), strict=True)] for side in SIDES
    }
    differ = sum(row.differ or 0 for row in ten)
    wanted = TOGETHER if any(row.wanted for row in ten) else None
    return replace(ten[0], name="the ten together", sides=sides, wanted=wanted, differ=differ)


def cases(count: int = PICTURES) -> list[Case]:
    """Return an attack a case, on ``count`` pictures."""
    says = f"{count} pictures against Foolbox, or the plain loop where it has none"
    return [
        Case(
            name, partial(sides, one, count), says, "s", wanted=one.bar if count >= MANY else None, rounds=3, warm=False
        )
        for name, one in comparisons().items()
    ]
