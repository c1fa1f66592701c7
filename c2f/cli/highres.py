"""``c2f train`` of the High-Resolution CAM paper's two models, and ``c2f maps``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import Epochs, if_there, train_each
from c2f.cli.options import Again, Device, RecordOutput, TrainedSeeds, Weights

if TYPE_CHECKING:
    from c2f.experiments.highres.recipes import DenseRecipe


def train_densenet(
    model: str,
    data: str,
    recipe: "DenseRecipe",
    seeds: Sequence[int],
    *,
    workers: int | None,
    device: str | None,
    again: bool,
    output: Path,
) -> None:
    """Train, test and record a half or a full model for each seed; what ``c2f train`` hands over.

    Arguments as for ``c2f train``, the recipe made.
    """
    from c2f.experiments.highres.run import densenet_run
    from c2f.runs.record import Run
    from c2f.training.device import find_device
    from c2f.zoo.densenet import densenet_name

    place = find_device(device)

    def train(seed: int, shown: Epochs) -> Run:
        return densenet_run(
            model, data, seed, output, recipe=recipe, workers=workers, device=place, on_epoch=shown, again=again
        )

    name = densenet_name(model, data)
    for what, run in train_each(name, seeds, recipe.repetitions, recipe.epochs, train, output):
        rebuilt = run.values.get("test_rebuilt_error")
        error = "" if rebuilt is None else f", rebuilt to {rebuilt:.1f} grey levels"
        print(
            f"{what}: test accuracy {run.values['test_accuracy']:.4f}{error}, {run.values['train_seconds']:.0f} s; "
            f"record and weights in {output}",
            flush=True,
        )


@app.command(name="maps")
def maps(
    data: Positional[str],
    /,
    seeds: TrainedSeeds = (0,),
    chosen: int = 100,
    pictures: int = 500,
    weights: Weights = None,
    device: Device = None,
    again: Again = False,
    output: RecordOutput = Path("output"),
) -> None:
    """Measure what the class maps of a trained densenet_full show, and how well they find the object; record it.

    Args:
        data: the data set that it was trained on, one that knows where its objects are.
        chosen: how many test pictures thresholds are chosen on.
        pictures: how many others are scored.
    """
    from c2f.experiments.highres.maps_run import maps_name, maps_run
    from c2f.training.device import find_device

    place = find_device(device)
    for seed in seeds:
        run = maps_run(data, seed, output, chosen=chosen, pictures=pictures, weights=weights, device=place, again=again)
        v = run.values
        print(
            f"{maps_name(data)}--seed{seed}: the high-resolution CAM correlates {v['to_low']:.2f} with the "
            f"low-resolution one ({100 * v['orders_as_good']:.0f} % of other orders do as well); pointing game "
            f"{v['pointing high']:.3f}, of the low-resolution one {v['pointing low']:.3f}; record in {output}"
            + if_there(run, output),
            flush=True,
        )
