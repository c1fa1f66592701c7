"""A trained Multi-Glimpse Network under attack: as published and as one should, resumable, and recorded.

An output folder holds the record ``runs/NAME.json`` and, while a run is under way, ``checkpoints/NAME--seedS.json``.

Axes: N pictures, T glimpses.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from torch import Tensor

from c2f import networks, zoo
from c2f.attacks import masking
from c2f.common.checks import choose, positive_int
from c2f.datasets.data_name import DataName
from c2f.datasets.selection import SUBSET_SEED
from c2f.experiments.glimpses.pgd import attack_as_published, check_strengths, masking_check, robust_accuracy
from c2f.networks.glimpse.network import MultiGlimpse
from c2f.runs.execution import MeasurementExecution, check_options
from c2f.runs.experiment import Measured, Plan, record_measurement
from c2f.runs.folder import run_name
from c2f.runs.parts import PartialResults
from c2f.runs.record import Run
from c2f.zoo.samples import PICTURES, draw, test_pictures

EPSILONS = (1 / 255, 2 / 255, 4 / 255, 8 / 255)
"""The grid of strengths unless another is asked for, where white is 1, from one grey level on."""
CHECKED = 50
"""Pictures, the first of those attacked, on which gradients are checked; the check takes a dozen attacks."""


def strength_text(epsilon: float) -> str:
    """Return an epsilon as records and tables call it: in grey levels, e.g. ``"0.5/255"``."""
    return f"{255 * epsilon:.4g}/255"


def pgd_name(network: str, data: str, whole: bool = False) -> str:
    """Return the name of the record of attacks on ``network`` trained on ``data``."""
    return f"{run_name(network, data)}--pgd{'--all' if whole else ''}"


def pgd_run(
    network: str,
    data: str,
    seed: int,
    *,
    output: Path,
    epsilons: Sequence[float] = EPSILONS,
    steps: int = 20,
    restarts: int = 2,
    checked: int = CHECKED,
    auto: str = "quick",
    **how: Unpack[MeasurementExecution],
) -> Run:
    """Attack a trained network, its gradients checked, and record the accuracy that each number of glimpses keeps.

    A run that ``output`` already holds is returned as it is; one that was interrupted goes on with the part at which it
    stopped.

    Args:
        network: a network of glimpses in ``c2f.networks.names()``.
        data, seed: of the training.
        output: the folder, see the module's text.
        epsilons: largest changes of a channel value, where white is 1; above 0, ascending.
        steps, restarts: as for ``c2f.experiments.glimpses.pgd.robust_accuracy``.
        checked: how many of them the gradients are checked on; 0 leaves the check out.
        auto: AutoAttack in the check: ``quick``, ``standard`` or ``none``.
        **how: see ``c2f.runs.execution.MeasurementExecution``.

    Returns:
        The run; its values are accuracies in [0, 1] by number of glimpses T, ``clean T``, ``published T`` after the
        attack as published, ``published straight T`` after the same without re-scaling, ``robust E T`` for each epsilon
        E (see ``strength_text``). Its details hold the check's ``masking`` with re-scaling off, and for a network of
        several glimpses ``masking_rescaled`` with re-scaling on, or None.

    Raises:
        ValueError: a bad name or number.
        c2f.runs.record.RecordError: no such weights, or ``output`` holds this with other parameters.
        c2f.runs.parts.OutOfTime: the deadline is near.
        ModuleNotFoundError: AutoAttack's package is missing and ``auto`` asks for it.
    """
    choose(network, networks.names("glimpses"), "network of glimpses")
    sizes = check_strengths(epsilons)
    positive_int(steps, "steps")
    positive_int(restarts, "restarts")
    positive_int(checked, "checked", minimum=0)
    if choose(auto, masking.AUTOATTACK, "choice of auto") != "none" and checked:
        masking.check_installed()
    check_options(how, MeasurementExecution)
    device, test_data = how.get("device", "cpu"), how.get("test_data") or data
    pictures = how.get("pictures", PICTURES)
    model = zoo.load(network, data, seed, how.get("weights"))
    looker = model.network_of(MultiGlimpse).to(device)
    found = test_pictures(model, test_data)
    indices = draw(found, pictures, test_data)
    chosen = found.select(indices)
    count = len(indices)
    described: dict[str, Any] = {
        **{key: model.record.parameters[key] for key in ("network", "data", "recipe", "look", "losses", "image_size")},
        "test_data": DataName.parse(test_data).text,
        "pictures": count,
        "subset_seed": SUBSET_SEED,
        "epsilons": sizes,
        "steps": steps,
        "restarts": restarts,
        "checked": min(checked, count),
        "auto": auto,
    }
    name = pgd_name(network, data, whole=pictures is None)
    plan = Plan(name, "pgd", seed, described, output, model.weights, how)
    x, y = chosen.images.to(device).float() / 255, chosen.labels.to(device)

    def measure(parts: PartialResults) -> Measured:
        values = _accuracies(looker, x, y, sizes, steps, restarts, parts)
        reports: dict[str, Any] = {"masking": None, "masking_rescaled": None}
        if checked:
            epsilon = _halving(values, sizes, looker.settings.glimpses)
            check = partial(_check, looker, x[:checked], y[:checked], epsilon, auto)
            rescaled = {"masking": False} | ({"masking_rescaled": True} if looker.settings.glimpses > 1 else {})
            reports |= parts.get_all({what: partial(check, how) for what, how in rescaled.items()})
        return Measured(values, reports)

    return record_measurement(plan, measure)


def _accuracies(
    network: MultiGlimpse, x: Tensor, y: Tensor, sizes: list[float], steps: int, restarts: int, parts: PartialResults
) -> dict[str, float]:
    """Return the accuracies of a run, by what was done and number of glimpses."""
    several = network.settings.glimpses > 1  # one glimpse has no location path to re-scale
    answers = range(1, network.settings.glimpses + 1)

    def as_published(rescaling: bool) -> list[float]:
        return attack_as_published(network, x, y, rescaling=rescaling).double().mean(dim=1).tolist()

    def honest(t: int) -> dict[str, Any]:
        return asdict(robust_accuracy(network, x, y, sizes, glimpses=[t], steps=steps, restarts=restarts))

    published = {"published": True} | ({"published straight": False} if several else {})
    makes: dict[str, Callable[[], Any]] = {what: partial(as_published, how) for what, how in published.items()}
    makes |= {f"robust {t}": partial(honest, t) for t in answers}
    done = parts.get_all(makes)
    values = {f"{what} {t}": accuracy for what in published for t, accuracy in enumerate(done[what], start=1)}
    for t in answers:
        part = done[f"robust {t}"]
        values[f"clean {t}"] = part["clean"][0]
        values |= {f"robust {strength_text(e)} {t}": row[0] for e, row in zip(sizes, part["accuracy"], strict=True)}
    return values


def _halving(values: dict[str, float], sizes: list[float], last: int) -> float:
    """Return the epsilon at which the attack leaves nearest to half of what answer ``last`` had right."""
    half = values[f"clean {last}"] / 2
    return min(sizes, key=lambda e: math.fabs(values[f"robust {strength_text(e)} {last}"] - half))


def _check(network: MultiGlimpse, x: Tensor, y: Tensor, epsilon: float, auto: str, rescaled: bool) -> dict[str, Any]:
    return asdict(masking_check(network, x, y, epsilon, rescaled=rescaled, auto=auto))
