"""A benchmark of one network: every part of it measured, resumable, and recorded together."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from c2f import corruptions
from c2f.benchmark.parts import BATCHES, EPSILONS, MASKING_AT, MASKING_PICTURES, PARTS, Subject
from c2f.common.checks import choose
from c2f.datasets.selection import SUBSET_SEED
from c2f.runs.experiment import Measured, Plan, record_measurement
from c2f.runs.folder import run_name
from c2f.runs.parts import PartialResults
from c2f.runs.record import Run


def benchmark_name(network: str, data: str) -> str:
    """Return the name of the record of a benchmark of ``network`` trained on ``data``."""
    return f"{run_name(network, data)}--benchmark"


def benchmark(subject: Subject, parts: Sequence[str] = ()) -> Run:
    """Measure ``parts`` of a network, record them together and return the run.

    What ``subject.output`` holds already, or the book of the same weights and pictures, is not measured again; what was
    interrupted goes on where it stopped. Parts that cannot be measured of the network are left out, with the reason in
    the run's details.

    Args:
        subject: what is measured.
        parts: names in ``PARTS``, without them all.

    Returns:
        The run. Its values are named as the functions of ``c2f.benchmark.parts`` say: accuracies in [0, 1], distances
        in L2 of pictures in [0, 1], lost points in percent.

    Raises:
        ValueError: an unknown part, a bad name or number.
        c2f.runs.record.RecordError: no such weights, or ``output`` holds this with other parameters.
        c2f.runs.parts.OutOfTime: the deadline is near.
    """
    chosen = [choose(part, PARTS, "part of the benchmark") for part in parts or PARTS]
    model, about = subject.sample.model, subject.sample.model.record.parameters
    described: dict[str, Any] = {
        **{key: about[key] for key in ("network", "data", "recipe", "image_size", "in_channels")},
        "title": subject.title,
        "pictures": subject.pictures,
        "subset_seed": SUBSET_SEED,
        "restarts": subject.restarts,
        "parts": sorted(chosen),
        "epsilons": list(EPSILONS.values()),
        "masking_at": MASKING_AT,
        "masking_pictures": MASKING_PICTURES,
        "batches": list(BATCHES),
        "types": corruptions.available(),
        **({"test_data": subject.test_data} if subject.test_data else {}),
    }
    name = benchmark_name(subject.network, subject.data)
    plan = Plan(name, "benchmark", subject.seed, described, subject.output, model.weights, subject.how or {})

    def measure(done: PartialResults) -> Measured:
        left_out = {name: why for name in chosen if (why := PARTS[name].why_not(subject))}
        makes = {name: partial(PARTS[name].measure, subject) for name in chosen if name not in left_out}
        found = done.get_all(makes)
        values = {key: value for part in found.values() for key, value in part.items()}
        by_part = {name: list(part) for name, part in found.items()}
        return Measured(values, {"left_out": left_out, "by_part": by_part, "classes": list(model.classes)})

    return record_measurement(plan, measure)
