"""Attack a trained network on test pictures, verify what was found, and record it.

What it writes into its output folder is read by ``c2f.experiments.robustness.records``. While a run is under way, its
finished batches lie in ``checkpoints`` there.

Axes: N pictures, B pictures of one batch, C channels, H rows, W columns, R repetitions, K classes.
"""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from c2f import attacks
from c2f.common.checks import positive_int
from c2f.common.files import atomic_path
from c2f.common.progress import progress
from c2f.datasets.data_name import DataName
from c2f.datasets.selection import SUBSET_SEED
from c2f.experiments.robustness.records import attack_name
from c2f.experiments.robustness.verify import verify
from c2f.metrics import robustness
from c2f.metrics.robustness import Results
from c2f.runs.execution import MeasurementExecution, check_options
from c2f.runs.experiment import Measured, Plan, record_measurement
from c2f.runs.parts import PartialResults
from c2f.runs.record import Run
from c2f.zoo.samples import PICTURES, TestSample, load_sample, predictions

RESTARTS = 3
"""Searches with other random numbers, of which the best counts, as many as in the paper."""
ATTACK_BATCH = {"cpu": 250, "cuda": 2000}
"""Pictures searched at once by kind of device, others as a CPU; changes no result."""


class VerificationError(RuntimeError):
    """An attack gave pictures that are not what it claims; nothing of it is recorded."""


def _search(
    sample: TestSample, model: Any, attack: Any, clean_prediction: Tensor, index: Tensor, device: str
) -> dict[str, Tensor]:
    """Attack the pictures at ``index`` ``(B,)`` once.

    Returns ``perturbed`` ``(B, C, H, W)``; ``l2`` ``(B,)``, infinite where none was found and 0 for pictures that are
    misclassified as they are; and ``refuted`` bool ``(B,)``: claims of the attack that the plain network did not
    confirm, which count as not found.
    """
    clean, labels = sample.images[index], sample.labels[index]
    correct = clean_prediction[index] == labels
    with torch.no_grad():
        _, perturbed, success = attack(
            model, clean.to(device), labels.to(device), epsilons=None, picture_ids=sample.indices[index].tolist()
        )
    perturbed, claimed = perturbed.detach().float().cpu().contiguous(), success.cpu() & correct
    if not bool(((perturbed >= 0) & (perturbed <= 1)).all()):
        raise VerificationError(f"{type(attack).__name__} gave pictures with values outside [0, 1] or NaN")
    confirmed = claimed & (predictions(sample.model.classifier, perturbed, sample.model.mean, device) != labels)
    l2 = torch.where(confirmed, robustness.distances(clean, perturbed)["l2"], math.inf)
    return {"perturbed": perturbed, "l2": torch.where(correct, l2, 0.0), "refuted": claimed & ~confirmed}


@dataclass(frozen=True)
class _Found:
    """The nearest of what all searches found.

    ``perturbed``: ``(N, C, H, W)``, the original where nothing was found. ``l2``: ``(R, N)``, as ``_search`` gives it.
    ``refuted``: bool ``(R, N)``.
    """

    perturbed: Tensor
    l2: Tensor
    refuted: Tensor


def _search_all(
    sample: TestSample,
    clean_prediction: Tensor,
    searches: list[Any],
    parts: PartialResults,
    batch_size: int,
    device: str,
) -> _Found:
    """Attack all pictures, batch by batch, with each of ``searches``, leaving out what ``parts`` hold."""
    model = attacks.victim(sample.model.classifier.to(device), mean=sample.model.mean, device=device)
    perturbed = sample.images.clone()
    l2 = torch.empty(len(searches), len(sample.labels))
    refuted = torch.empty_like(l2, dtype=torch.bool)
    batches = torch.arange(len(sample.labels)).split(batch_size)
    todo = [(index, repetition) for index in batches for repetition in range(len(searches))]
    for index, repetition in progress(todo, parts.path.name, unit="part"):
        part = parts.get(
            f"{int(index[0])}-{int(index[-1])}-{repetition}",
            partial(_search, sample, model, searches[repetition], clean_prediction, index, device),
        )
        nearest = l2[:repetition, index].amin(dim=0) if repetition else math.inf
        nearer = (part["l2"] > 0) & (part["l2"] < nearest)
        perturbed[index[nearer]] = part["perturbed"][nearer]
        l2[repetition, index], refuted[repetition, index] = part["l2"], part["refuted"]
    return _Found(perturbed, l2, refuted)


def parameters(sample: TestSample, test_data: str, attack: str, protocol: str, restarts: int) -> dict[str, Any]:
    """Return what defines an attack of a trained network, as it stands in its record."""
    keys = ("network", "data", "recipe", "look", "merge", "scaler", "in_channels", "image_size", "num_classes")
    about = sample.model.record.parameters
    return {
        **{key: about[key] for key in keys if key in about},
        "test_data": DataName.parse(test_data).text,
        "attack": attack,
        "protocol": protocol,
        "pictures": len(sample.labels),
        "subset_seed": SUBSET_SEED,
        "repetitions": restarts,
    }


def attack_run(
    network: str,
    data: str,
    seed: int,
    attack: str,
    protocol: str = "minimal",
    *,
    output: Path,
    restarts: int = RESTARTS,
    batch_size: int | None = None,
    **how: Unpack[MeasurementExecution],
) -> Run:
    """Attack a trained network, keep the nearest success of each picture, verify and record it; return the run.

    A run that ``output`` already holds is returned as it is; one that was interrupted goes on with the batch at which
    it stopped. The result depends neither on that nor on the batches: the random numbers of a picture depend on its
    place in the test set and on the repetition alone.

    Of the repetitions the success with the smallest L2 counts, the first of equal ones, in either protocol: the paper's
    rule without its slip (O9: an improvement of picture 0 alone was lost). An attack that draws no random numbers
    is run once: its repetitions are all alike. Every claimed success is run through the plain network, in full float32;
    one that it does not confirm counts as not found, and the record tells how many there were (``refuted``).

    Args:
        network, data, seed: of the training.
        attack: a name in ``c2f.attacks.names()``.
        protocol: ``minimal`` or ``paper``.
        output: the folder, see the module's text.
        restarts: how many searches with other random numbers.
        batch_size: pictures searched at once; None takes what suits the device.
        **how: see ``c2f.runs.execution.MeasurementExecution``.

    Raises:
        ValueError: a bad name or number.
        PermissionError: ``output`` cannot be written to.
        c2f.runs.record.RecordError: no such weights, or the folder holds this attack with other parameters.
        c2f.runs.parts.OutOfTime: the deadline is near.
        VerificationError: the attack gave pictures that are not what it says.
    """
    check_options(how, MeasurementExecution)
    device, test_data = how.get("device", "cpu"), how.get("test_data") or data
    pictures = how.get("pictures", PICTURES)
    positive_int(restarts, "restarts", maximum=1000)
    if batch_size is None:
        batch_size = ATTACK_BATCH.get(torch.device(device).type, ATTACK_BATCH["cpu"])
    positive_int(batch_size, "batch_size")
    first = attacks.build(attack, protocol, seed=0)  # refuses unknown names
    sample = load_sample(network, data, seed, pictures, how.get("weights"), test_data)
    described = parameters(sample, test_data, attack, protocol, restarts)
    name = attack_name(network, data, attack, protocol, whole_test_set=pictures is None)
    plan = Plan(name, "attack", seed, described, output, sample.model.weights, how)
    randomised = attacks.ATTACKS[attack].randomised[attacks.PROTOCOLS.index(protocol)]

    def measure(parts: PartialResults) -> Measured:
        others = range(1, restarts if randomised else 1)
        searches = [first, *(attacks.build(attack, protocol, seed=repetition) for repetition in others)]
        clean_prediction = predictions(sample.model.classifier, sample.images, sample.model.mean, device)
        found = _search_all(sample, clean_prediction, searches, parts, batch_size, device)
        results, refuted = _checked(sample, clean_prediction, found, device)
        files = {folder: output / folder / f"{name}--seed{seed}.safetensors" for folder in ("adversarial", "attacks")}
        with atomic_path(files["adversarial"]) as temporary:
            save_file({"perturbed": found.perturbed}, temporary)
        robustness.save(results, files["attacks"], {"name": name, "seed": seed})
        stored = load_file(files["adversarial"])["perturbed"]
        verified = verify(sample, stored, robustness.load(files["attacks"]), device)
        if not verified.holds:
            raise VerificationError(f"the stored results of {name} do not stand: {verified}")
        details = {
            "repetitions": _by_repetition(found, clean_prediction == sample.labels),
            "randomised": randomised,
            "verified": verified.claimed,
            "refuted": refuted,
            "batch_size": batch_size,
        }
        return Measured(robustness.summary(results), details, files)

    return record_measurement(plan, measure)


def _checked(sample: TestSample, clean_prediction: Tensor, found: _Found, device: str) -> tuple[Results, int]:
    """Return the results picture by picture and how many claims were refuted; what is lost in a batch of another size
    is put back into ``found.perturbed``.
    """
    perturbed = found.perturbed
    adversarial_prediction = predictions(sample.model.classifier, perturbed, sample.model.mean, device)
    correct = clean_prediction == sample.labels
    turned = correct & found.l2.amin(dim=0).isfinite()
    # Other batches, other last digits: a success on the very border may be none in another batch.
    lost = turned & (adversarial_prediction == sample.labels)
    perturbed[lost] = sample.images[lost]
    adversarial_prediction[correct & (~turned | lost)] = -1
    results = robustness.measure(
        sample.images, perturbed, sample.labels, clean_prediction, adversarial_prediction, sample.indices
    )
    return results, int(found.refuted.sum()) + int(lost.sum())


def _by_repetition(found: _Found, correct: Tensor) -> list[dict[str, Any]]:
    """Return for each search the share of correct pictures that it turned, in percent, and its refuted claims."""
    right = max(int(correct.sum()), 1)
    return [
        {"success_rate": 100 * int((correct & l2.isfinite()).sum()) / right, "refuted": int(refuted.sum())}
        for l2, refuted in zip(found.l2, found.refuted, strict=True)
    ]
