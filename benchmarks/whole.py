"""The whole benchmark of LeNetFC on Fashion-MNIST, beside the same measures with the libraries that one would take.

``python -m benchmarks.whole [PICTURES] [PART ...]``. Run by hand: imagecorruptions is no dependency of ours. In turn,
part by part, on one thread, the processor's time. The other side is Foolbox for attacks, or the plain loop where
Foolbox has none; Foolbox's projected gradient descent, strength by strength; imagecorruptions, picture by picture, on
pictures padded to the 32 pixels it asks for (1.1.2 makes no glass and no fog with NumPy 2 and scikit-image 0.19 or
later, so both sides leave them out); captum's maps of each layer, picture by picture. What has no library counts for us
alone: the measures of maps with their baselines, and the check for masked gradients, which has a row of its own too.
"""

import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import foolbox
import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from torch import Tensor, nn

from benchmarks.attacks import comparisons
from c2f import corruptions
from c2f.attacks import masking
from c2f.benchmark.parts import BATCHES, EPSILONS, NOISE, PARTS, SCORED, THRESHOLD_PICTURES, Subject
from c2f.cam import paper_layers
from c2f.experiments.corruptions.run import corruption_run
from c2f.metrics.classification import inference_time
from c2f.runs.folder import SHIPPED, record_path, run_name
from c2f.zoo.samples import test_pictures

NETWORK, DATA = "lenetfc", "fashion-mnist"
ATTACKS = {"noise": NOISE, "blur": ("gaussian_blur", "contrast"), "spatial": ("shifts", "spatial")}
NOT_MADE = ("glass_blur", "fog")
"""By imagecorruptions 1.1.2, with today's NumPy and scikit-image."""
BATCH = 100


def right(network: nn.Module, x: Tensor, y: Tensor) -> int:
    """Count right answers."""
    with torch.no_grad():
        pairs = zip(x.split(BATCH), y.split(BATCH), strict=True)
        return sum(int((network(some).argmax(dim=1) == labels).sum()) for some, labels in pairs)


def accuracy(subject: Subject) -> None:
    """Classify the whole test set."""
    test = test_pictures(subject.sample.model, DATA)
    right(subject.sample.model.classifier, test.images.float() / 255, test.labels)


def cost(subject: Subject) -> None:
    """Time the network."""
    for batch in BATCHES:
        inference_time(subject.sample.model.classifier, torch.zeros(batch, 1, 28, 28))


def attacked(names: tuple[str, ...], subject: Subject) -> None:
    """Attack by the plain side of the benchmark of attacks."""
    sample, known = subject.sample, comparisons()
    model = foolbox.PyTorchModel(sample.model.classifier, bounds=(0, 1), device="cpu")
    for name in names:
        for x, y in zip(sample.images.split(BATCH), sample.labels.split(BATCH), strict=True):
            known[{"shifts": "shifts, smallest", "spatial": "spatial, smallest"}.get(name, name)].plain(model, x, y)


def gradients(subject: Subject) -> None:
    """Attack by Foolbox's projected gradient descent, at each strength."""
    sample = subject.sample
    model = foolbox.PyTorchModel(sample.model.classifier, bounds=(0, 1), device="cpu")
    for x, y in zip(sample.images.split(BATCH), sample.labels.split(BATCH), strict=True):
        foolbox.attacks.LinfPGD(steps=40)(model, x, y, epsilons=list(EPSILONS.values()))


def corrupted(subject: Subject) -> None:
    """Corrupt each picture by imagecorruptions, and classify."""
    from imagecorruptions import corrupt

    sample = subject.sample
    padded = F.pad(255 * sample.images, (2, 2, 2, 2), mode="replicate").to(torch.uint8)
    arrays = padded.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()
    for kind in types():
        for severity in corruptions.SEVERITIES:
            made = [torch.as_tensor(corrupt(x, severity=severity, corruption_name=kind)) for x in arrays]
            x = torch.stack(made)[:, None, 2:-2, 2:-2, 0].float() / 255
            right(sample.model.classifier, x, sample.labels)


def located(subject: Subject) -> None:
    """Map every layer, picture by picture, as many pictures as ours maps."""
    network = subject.sample.model.classifier
    for path in paper_layers(NETWORK).values():
        method = LayerGradCam(network, network.get_submodule(path))
        for x in subject.sample.images[: THRESHOLD_PICTURES + SCORED].split(1):
            method.attribute(x, target=int(network(x).argmax()))


def types() -> list[str]:
    """Return the corruptions that both sides make."""
    return [name for name in corruptions.names() if name not in NOT_MADE]


def corrupted_by_us(subject: Subject) -> None:
    """Corrupt and classify, and record it."""
    how = {"types": types(), "pictures": subject.pictures, "weights": subject.weights}
    corruption_run(NETWORK, DATA, 0, output=subject.output, **how)


PLAIN: dict[str, Callable[[Subject], None]] = {
    "accuracy": accuracy,
    "cost": cost,
    **{part: partial(attacked, names) for part, names in ATTACKS.items()},
    "gradients": gradients,
    "corruptions": corrupted,
    "localization": located,
}


class Timed:
    """A function, and the processor's ``seconds`` that its calls took."""

    def __init__(self, function: Callable[..., Any]):
        self.function, self.seconds = function, 0.0

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Call it."""
        start = time.process_time()
        try:
            return self.function(*given, **named)
        finally:
            self.seconds += time.process_time() - start


def main(pictures: int = 1000, *parts: str) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    spent = {"c2f": 0.0, "libraries": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        trained = (
            Path(folder) / "trained"
        )  # elsewhere than the book's, whose recorded attacks would be taken as they are
        record = record_path(SHIPPED, run_name(NETWORK, DATA))
        for path in (record, *(SHIPPED / "weights").glob(f"{run_name(NETWORK, DATA)}--seed*")):
            target = trained / path.relative_to(SHIPPED)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        subject = Subject(NETWORK, DATA, 0, Path(folder) / "ours", pictures, 1, trained)
        checking = Timed(masking.check)
        masking.check = checking
        for part in parts or PLAIN:
            ours = corrupted_by_us if part == "corruptions" else PARTS[part].measure
            taken = {}
            for side, measure in (("c2f", ours), ("libraries", PLAIN[part])):
                fresh = replace(subject)
                _ = fresh.sample  # what both need is no part of it
                start = time.process_time()
                measure(fresh)
                taken[side] = time.process_time() - start
                spent[side] += taken[side]
            print(f"{part:14} {taken['c2f']:8.1f} s {taken['libraries']:8.1f} s", flush=True)
    print(f"{'of it the check':14} {checking.seconds:8.1f} s {0:8.1f} s")
    for what, ours in (("together", spent["c2f"]), ("without it", spent["c2f"] - checking.seconds)):
        print(f"{what:15} {ours:7.1f} s {spent['libraries']:8.1f} s: {spent['libraries'] / ours:.2f} times")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
