"""Which scale is fragile: perturbed pictures fed to some inputs of a top-down network, the originals to the others.

A top-down network makes each scale from a full-size picture, so that each scale can be given a picture of its own (the
``_multi`` networks of the Top-Down Networks paper; Lelekas et al. 2020, section 4.3). Axes: N pictures, C channels, H
rows, W columns, S scales.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations as choices
from pathlib import Path
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f import networks
from c2f.common.checks import choose
from c2f.experiments.robustness import records as attack_records
from c2f.networks.answers import checked_logits
from c2f.networks.modes import eval_mode
from c2f.networks.top_down import TopDown
from c2f.runs.execution import Execution, check_options
from c2f.runs.experiment import Measured, Plan, record_measurement
from c2f.runs.parts import PartialResults
from c2f.runs.record import RecordError, Run
from c2f.training.data import EVALUATION_BATCH
from c2f.zoo.samples import load_sample

SINGLE = "clean"
"""The combination that gives the network one picture, as usual; all others give it one picture a scale."""
_THREE = ("fine", "middle", "coarse")


def scale_names(factors: Iterable[int]) -> tuple[str, ...]:
    """Return what the scales of a pyramid are called, fine to coarse; where they are not three, by their size against
    the picture's: ``1/1``, ``1/2``, ...

    The paper calls the three high, medium and low, and so do older records; ``c2f.runs.record.read`` gives these words.
    """
    factors = tuple(factors)
    return _THREE if len(factors) == len(_THREE) else tuple(f"1/{factor}" for factor in factors)


def combinations(factors: Iterable[int]) -> dict[str, tuple[bool, ...]]:
    """Return which scales see the perturbed picture ``(S,)``, by name: none, one, two, and all of them.

    For three scales these are the paper's nine, in its order: clean, multi clean, fine, middle, coarse, fine+middle,
    fine+coarse, middle+coarse, all.
    """
    names = scale_names(factors)
    chosen = [subset for count in (1, 2) if count < len(names) for subset in choices(names, count)]
    none = (False,) * len(names)
    found = {SINGLE: none, "multi clean": none}
    found |= {"+".join(subset): tuple(name in subset for name in names) for subset in chosen}
    return {**found, "all": (True,) * len(names)}


@dataclass(frozen=True)
class Score:
    """``accuracy`` in [0, 1] and ``loss`` (mean cross entropy in nats) over all N pictures."""

    accuracy: float
    loss: float


def ablate(
    network: nn.Module,
    clean: Tensor,
    perturbed: Tensor,
    labels: Tensor,
    mean: Tensor | None = None,
    device: str = "cpu",
) -> dict[str, Score]:
    """Return the score of ``network`` for every combination of ``combinations``.

    Args:
        network: a top-down network of the table.
        clean, perturbed: ``(N, C, H, W)`` in [0, 1]; a picture that was not turned stands in both as it is.
        labels: int64 ``(N,)``.
        mean: the mean picture ``(C, H, W)`` to subtract from every input, or None.
        device: as torch names it.

    Raises:
        ValueError: not a top-down network, pictures and labels that do not belong together, or outputs that are no
            finite logits.
    """
    if not isinstance(network, TopDown):
        raise ValueError(f"{type(network).__name__} has one input only: give a top-down network, e.g. lenetfc_td")
    if clean.shape != perturbed.shape or len(clean) != len(labels) or not len(labels):
        raise ValueError(
            f"clean pictures {tuple(clean.shape)}, perturbed ones {tuple(perturbed.shape)} and {len(labels)} labels do "
            "not belong together: give one of each for every picture"
        )
    network = network.to(device)
    shift = 0 if mean is None else mean.to(device)
    every = combinations(network.pyramid.factors)
    correct, loss = dict.fromkeys(every, 0), dict.fromkeys(every, 0.0)
    with eval_mode(network), torch.inference_mode():
        for index in torch.arange(len(labels)).split(EVALUATION_BATCH["classifier"]):
            both = [(pictures[index].to(device) - shift) for pictures in (clean, perturbed)]
            y = labels[index].to(device)
            for name, seen in every.items():
                pictures = both[0] if name == SINGLE else [both[turned] for turned in seen]
                logits = checked_logits(network(pictures), len(y))
                correct[name] += int((logits.argmax(dim=1) == y).sum())
                loss[name] += float(F.cross_entropy(logits.double(), y, reduction="sum"))
    return {name: Score(correct[name] / len(labels), loss[name] / len(labels)) for name in every}


def ablation_name(attack: str) -> str:
    """Return the name of the record of the ablation that belongs to the record of the name ``attack``."""
    return f"{attack}--scales"


def ablation_run(
    network: str,
    data: str,
    seed: int,
    attack: str,
    protocol: str = "minimal",
    *,
    output: Path,
    whole_test_set: bool = False,
    weights: Path | None = None,
    **how: Unpack[Execution],
) -> Run:
    """Feed the pictures of a recorded attack to the scales of its network, and record accuracies and losses.

    Args:
        network: a top-down network of the table.
        data, seed: of the training.
        attack, protocol, whole_test_set: of the attack, which ``output`` holds with its pictures.
        output: the folder that ``c2f attack`` wrote.
        weights: the folder with the training's record and weights; None takes those that come with the book.
        **how: see ``c2f.runs.execution.Execution``.

    Raises:
        ValueError: a bottom-up network, or an unknown name.
        c2f.runs.record.RecordError: the attack, its pictures or the weights are not there or damaged; the remedy.
    """
    check_options(how, Execution)
    device = how.get("device", "cpu")
    choose(network, [name for name in networks.names("classifier") if "_td" in name], "top-down network")
    perturbed = attack_records.adversarial(network, data, attack, protocol, seed, output, whole_test_set)
    attacked = attack_records.attack_record(network, data, attack, protocol, output, whole_test_set)
    count = None if whole_test_set else attacked.parameters["pictures"]
    sample = load_sample(network, data, seed, count, weights, attacked.parameters["test_data"])
    was = next(run.details["weights"] for run in attacked.runs if run.seed == seed)
    if was != sample.model.weights:
        raise RecordError(
            f"{attacked.name} attacked other weights of seed {seed} than those of {sample.model.weights['file']} now: "
            "attack again, with --again"
        )
    name = ablation_name(attacked.name)
    plan = Plan(name, "ablation", seed, attacked.parameters, output, sample.model.weights, how)

    def scored() -> dict[str, dict[str, float]]:
        found = ablate(sample.model.network, sample.images, perturbed, sample.labels, sample.model.mean, device)
        return {combination: vars(score) for combination, score in found.items()}

    def measure(parts: PartialResults) -> Measured:
        scores = parts.get(f"scales of {attacked.file(seed, 'adversarial')['sha256']}", scored)
        values = {f"{what} {key}": score[what] for what in ("accuracy", "loss") for key, score in scores.items()}
        return Measured(values, {"combinations": list(scores)})

    return record_measurement(plan, measure)
