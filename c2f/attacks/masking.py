"""Does a network only hide its gradients? A check before the failure of a white-box attack is called robustness.

A gradient that is zero, or of no use, makes gradient attacks fail on a network that falls to any other attack. The
tests are those of Athalye, Carlini and Wagner 2018 ("Obfuscated gradients give a false sense of security", section 3.1)
and Carlini et al. 2019 ("On evaluating adversarial robustness", sections 3 to 5), with AutoAttack and Square. One
plain attack, projected gradient descent on the cross entropy, is the yardstick: what any other attack finds among the
pictures that it leaves, it has wrongly called robust.

Axes: N pictures, n pictures that the plain attack leaves, C channels, H rows, W columns, K classes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.attacks.auto import autoattack, check_installed, square
from c2f.attacks.descent import LinfPGD, MarginPGD, SeededDescent
from c2f.attacks.gradient import apply, check_epsilon, predictions
from c2f.attacks.victim import Victim, victim
from c2f.common.checks import choose, positive_int
from c2f.common.words import listed

SUSPICIOUS, NO_SIGN, NOT_RUN = "suspicious", "no sign", "not run"
AUTOATTACK = ("quick", "standard", "none")
GREY = 0.5
"""With this epsilon every picture can be turned into the same plain grey, which is classified by chance."""


class ScaledLogits(nn.Module):
    """A planted case: ``network`` with its logits times ``factor``.

    The classes stay the same, but the softmax saturates: in float32 the cross entropy's gradient is exactly zero.
    """

    def __init__(self, network: nn.Module, factor: float = 1000):
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, pictures: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to logits ``(N, K)``."""
        return self.factor * self.network(pictures)


class RoundedInput(nn.Module):
    """A planted case: ``network`` that sees its input rounded to ``levels`` values from 0 to 1.

    A staircase is flat nearly everywhere: the gradient is zero for every picture and every loss.
    """

    def __init__(self, network: nn.Module, levels: int = 8):
        super().__init__()
        self.network, self.levels = network, positive_int(levels, "levels", minimum=2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to logits ``(N, K)``."""
        return self.network((pictures * (self.levels - 1)).round() / (self.levels - 1))


@dataclass(frozen=True)
class MaskingTest:
    """One test of the check.

    ``name``: its key. ``counts``: in words, what ``count`` counts; these pictures speak for masking. ``verdict``:
    "suspicious", "no sign" or, where ``count`` is None, "not run".
    """

    name: str
    counts: str
    count: int | None
    verdict: str


@dataclass(frozen=True)
class MaskingReport:
    """What the check found.

    ``epsilon``: the largest change (Linf). ``given``: how many pictures were given; ``pictures``: those classified
    correctly, which are attacked; ``fooled``: those of them that the plain attack fools. ``allowed``: a test that
    counts more is suspicious. ``tests``: one a row.
    """

    epsilon: float
    given: int
    pictures: int
    fooled: int
    allowed: int
    tests: tuple[MaskingTest, ...]

    @property
    def verdict(self) -> str:
        """Say "suspicious" if any test is, "not run" if none was run, else "no sign"."""
        verdicts = [test.verdict for test in self.tests]
        return next((verdict for verdict in (SUSPICIOUS, NO_SIGN) if verdict in verdicts), NOT_RUN)

    @property
    def note(self) -> str:
        """Say what to know about the verdict, or ``""``."""
        if not self.pictures:
            return f"none of the {self.given} pictures is classified correctly: there is nothing to attack"
        if self.fooled == self.pictures:
            return "the plain attack fools every picture and leaves none to others: a smaller epsilon tells more"
        return ""


def table(reports: Mapping[str, MaskingReport]) -> pd.DataFrame:
    """Return what each test counts, a column a report by its name, then what the plain attack fools and the verdict."""
    counted = {
        name: {test.name.replace("_", " "): NOT_RUN if test.count is None else test.count for test in report.tests}
        for name, report in reports.items()
    }
    found = pd.DataFrame(counted, dtype=object)
    found.loc["plain attack fools"] = [f"{report.fooled} of {report.pictures}" for report in reports.values()]
    found.loc["verdict"] = [report.verdict for report in reports.values()]
    return found


def in_words(reports: Mapping[str, MaskingReport]) -> str:
    """Say which networks of ``reports``, by their names, show signs of masked gradients, and of how many pictures."""
    by_verdict = {v: [name for name, r in reports.items() if r.verdict == v] for v in (SUSPICIOUS, NO_SIGN, NOT_RUN)}
    found = [
        f"{verdict} {listed(by_verdict[kind])}"
        for kind, verdict in ((SUSPICIOUS, "signs in"), (NO_SIGN, "none in"), (NOT_RUN, "not looked for in"))
        if by_verdict[kind]
    ]
    pictures = sorted({report.pictures for report in reports.values()})
    many = " to ".join(map(str, dict.fromkeys((pictures[0], pictures[-1]))))
    return f"Masked gradients: {', '.join(found)} ({many} pictures each)"


def allowed(pictures: int) -> int:
    """Return how many of ``pictures`` a test may count and not be suspicious: 2 pictures or 5 points, what is more.

    No attack finds everything: with the book's weights another attack than the plain one found up to 3 points more on
    LeNetFC and LeNetFC_TD, where nothing is masked. On the planted cases it is tens of points.
    """
    return max(2, pictures * 5 // 100)


def check(
    network: nn.Module,
    pictures: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    mean: Tensor | None = None,
    device: torch.device | str | None = None,
    twin: nn.Module | None = None,
    auto: str = "quick",
    steps: int = 40,
    more_steps: int = 100,
    restarts: int = 2,
    queries: int = 300,
    seed: int = 0,
    batch_size: int = 256,
) -> MaskingReport:
    """Look for masked gradients of ``network`` with attacks that change no channel value by more than ``epsilon``.

    An epsilon at which the plain attack fools about half of the pictures tells most.

    Args:
        network: maps ``(N, C, H, W)``, less the mean picture, to logits ``(N, K)``.
        pictures: float32 ``(N, C, H, W)`` in [0, 1]; those that are classified correctly are attacked.
        labels: int64 ``(N,)``.
        epsilon: above 0 and below 0.5.
        mean: the mean picture ``(C, H, W)`` that was subtracted in training, or None.
        device: where to run; by default where the network is.
        twin: another network for the same pictures and classes, with the same mean; its adversarial pictures are tried.
        auto: AutoAttack as ``quick`` (see ``c2f.attacks.auto``), as ``standard``, which takes far longer, or ``none``:
            neither it nor Square.
        steps: of the plain attack, and of those beside it.
        more_steps: of the attack with more of them, which starts ``restarts`` times.
        queries: of Square, for each picture.
        seed: of all random numbers.
        batch_size: pictures at a time.

    Raises:
        ValueError: an epsilon outside (0, 0.5), an unknown ``auto``, pictures out of bounds, labels that are no
            classes, probabilities instead of logits, a network without gradients, a number of steps below 1.
        ModuleNotFoundError: the package of AutoAttack is missing; with the command that installs it.
    """
    if check_epsilon(epsilon) >= GREY:
        raise ValueError(f"epsilon must be below {GREY}, where every picture can be made plain grey, not {epsilon!r}")
    if choose(auto, AUTOATTACK, "choice of auto") != "none":
        check_installed()
    positive_int(queries, "queries")
    plain, margin = LinfPGD(steps, seed), MarginPGD(steps, seed)
    more: list[SeededDescent] = [
        LinfPGD(more_steps, seed + 1 + i) for i in range(positive_int(restarts, "restarts", maximum=1000))
    ]

    model = victim(network, mean, device)
    pictures, labels = pictures.to(model.device), labels.to(model.device)
    given = len(labels)
    right = (predictions(model, pictures, labels, batch_size) == labels).nonzero()[:, 0]
    every = _Pictures(model, pictures[right], labels[right], right.tolist(), batch_size)
    left = every.after([plain], epsilon)
    rows: list[tuple[str, str, Callable[[], int] | None]] = [
        ("zero_gradient", "the gradient of the cross entropy is exactly zero", every.zero_gradients),
        (
            "more_steps",
            f"fooled by {restarts} more starts with {more_steps} steps each",
            lambda: len(left) - len(left.after(more, epsilon)),
        ),
        (
            "margin_loss",
            f"fooled by {steps} steps on the margin of the logits",
            lambda: len(left) - len(left.after([margin], epsilon)),
        ),
        (
            "autoattack",
            f"fooled by AutoAttack ({auto})",
            None
            if auto == "none"
            else lambda: left.fooled_by(
                lambda x, y: autoattack(model, x, y, epsilon, seed, steps if auto == "quick" else None)
            ),
        ),
        (
            "square",
            f"fooled by Square, which uses no gradients, with {queries} questions",
            None
            if auto == "none"
            else lambda: left.fooled_by(lambda x, y: square(model, x, y, epsilon, seed, queries)),
        ),
        (
            "large_epsilon",
            f"not fooled by the plain attack with epsilon {GREY}",
            lambda: len(left.after([plain], GREY)),
        ),
        (
            "transfer",
            "fooled by the adversarial pictures of the twin",
            None if twin is None else lambda: left.fooled_by_those_of(victim(twin, mean, model.device), plain, epsilon),
        ),
    ]
    limit = allowed(len(every))
    tests = []
    for name, counts, count in rows:
        if count is None or not len(every):
            tests.append(MaskingTest(name, counts, None, NOT_RUN))
        else:
            counted = count()
            tests.append(MaskingTest(name, counts, counted, SUSPICIOUS if counted > limit else NO_SIGN))
    return MaskingReport(float(epsilon), given, len(every), len(every) - len(left), limit, tuple(tests))


@dataclass(frozen=True)
class _Pictures:
    """Correctly classified pictures ``(n, C, H, W)`` with labels ``(n,)`` and the ids of their random starts."""

    model: Victim
    pictures: Tensor
    labels: Tensor
    ids: list[int]
    batch_size: int

    def __len__(self) -> int:
        return len(self.ids)

    def after(self, attacks: list[SeededDescent], epsilon: float) -> "_Pictures":
        """Return those that none of ``attacks`` fools within ``epsilon``."""
        rest = self
        for attack in attacks:
            if not len(rest):
                break
            made = apply(attack, self.model, rest.pictures, rest.labels, epsilon, rest.ids, self.batch_size)
            keep = (~made.success).nonzero()[:, 0]
            ids = [rest.ids[i] for i in keep.tolist()]
            rest = replace(rest, pictures=rest.pictures[keep], labels=rest.labels[keep], ids=ids)
        return rest

    def batches(self) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
        """Yield pictures, labels and ids, ``batch_size`` at a time."""
        for start in range(0, len(self), self.batch_size):
            part = slice(start, start + self.batch_size)
            yield self.pictures[part], self.labels[part], self.ids[part]

    def fooled_by(self, attack: Callable[[Tensor, Tensor], Tensor]) -> int:
        """Return how many ``attack`` fools; it maps pictures and labels to bool ``(n,)``."""
        return sum(int(attack(x, y).sum()) for x, y, _ in self.batches())

    def fooled_by_those_of(self, twin: Victim, attack: SeededDescent, epsilon: float) -> int:
        """Return how many are misclassified in the form in which ``attack`` goes for ``twin``."""
        count = 0
        for x, y, ids in self.batches():
            _, changed, _ = attack(twin, x, y, epsilons=epsilon, picture_ids=ids)
            with torch.no_grad():
                count += int((self.model(changed).argmax(dim=1) != y).sum())
        return count

    def zero_gradients(self) -> int:
        """Return at how many the gradient of the cross entropy is zero for every channel value, in float32."""
        count = 0
        for x, y, _ in self.batches():
            x = x.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(self.model(x), y, reduction="sum"), x)
            count += int((gradient == 0).flatten(1).all(dim=1).sum())
        return count
