"""What the jobs of a sweep cost, in core-minutes: by what was recorded or measured, None where nothing is known."""

import json
from collections.abc import Mapping
from typing import Any

from c2f import networks
from c2f.book.chapters import Chapter
from c2f.book.verify import executed_notebook
from c2f.reference import costs
from c2f.reference.costs import Known


def training(network: str, data: str, given: Mapping[str, Any], known: Known) -> float | None:
    """Return what a training costs; ``given`` as ``c2f.cli.training.COMMANDS`` has it of the network's kind."""
    kind, recipe = networks.kind_of(network), given["recipe"]
    if kind == "classifier":
        precision = "float32" if given["precision"] == "auto" else given["precision"]
        return costs.training(network, data, recipe, given["merge"], precision, known)
    if kind == "segmentation":
        return costs.segmentation(network.removeprefix("segmentation_"), data, recipe, given["width"], known)
    if kind == "densenet":
        return costs.densenet(network, data, recipe, known)
    return costs.glimpses(network, data, recipe, known)


def attack(network: str, data: str, attack: str | None, given: Mapping[str, Any], known: Known) -> float | None:
    """Return what an attack costs, or projected gradient descent on glimpses (None)."""
    if attack is None:
        return costs.evaluation("pgd", network, data, known)
    return costs.one_attack(network, data, given["protocol"], attack, given["pictures"], known)


def chapter(chapter: Chapter, profile: str, settled: Mapping[str, Any], known: Known) -> float | None:
    """Return what a chapter costs if the book holds it executed with the same parameters, but for where it writes."""
    try:
        notebook = json.loads(executed_notebook(chapter, profile).read_text(encoding="utf-8"))
        about = notebook["metadata"]["c2f"]
        then, now = ({**parameters, "output": None} for parameters in (about["parameters"], settled))
        return about["seconds"] * max(1, about["threads"]) / 60 if then == now else None
    except (FileNotFoundError, ValueError, KeyError):
        return None
