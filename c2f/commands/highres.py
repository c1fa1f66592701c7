"""``c2f train`` of the High-Resolution CAM paper's two models, and ``c2f maps``."""

import os
from collections.abc import Sequence
from pathlib import Path

from tyro.conf import Positional

from c2f.commands.app import app
from c2f.commands.epochs import Epochs


def train_densenet(
    model: str,
    data: str,
    *,
    profile: str,
    seeds: Sequence[int],
    recipe: str | None,
    epochs: int | None,
    lr: float | None,
    weight_decay: float | None,
    batch_size: int | None,
    augmentation: str | None,
    image_size: int | None,
    workers: int | None,
    device: str | None,
    again: bool,
    output: Path,
) -> None:
    """Train, test and record a half or a full model for each seed; what ``c2f train`` hands over.

    Arguments as for ``c2f train``.
    """
    from c2f.experiments import find_device
    from c2f.highres.experiment import densenet_name, densenet_run, recorded_densenet
    from c2f.highres.recipes import dense_recipe

    found = dense_recipe(
        model,
        data,
        profile,
        recipe,
        epochs=epochs,
        lr=lr,
        weight_decay=weight_decay,
        batch_size=batch_size,
        augmentation=augmentation,
        image_size=image_size,
    )
    place = find_device(device)
    mine = list(seeds or range(found.repetitions))
    for seed in mine[int(os.environ.get("RANK", 0)) :: int(os.environ.get("WORLD_SIZE", 1))]:
        name = f"{densenet_name(model, data)}--seed{seed}"
        if not again and recorded_densenet(model, data, found, seed, output, workers) is not None:
            print(f"{name}: already in {output}; --again trains it anew")
            continue
        shown = Epochs(name, found.epochs)
        try:
            run = densenet_run(model, data, seed, output, recipe=found, workers=workers, device=place, on_epoch=shown)
        finally:
            shown.close()
        rebuilt = run.values.get("test_rebuilt_error")
        error = "" if rebuilt is None else f", rebuilt to {rebuilt:.1f} grey levels"
        print(
            f"{name}: test accuracy {run.values['test_accuracy']:.4f}{error}, {run.values['train_seconds']:.0f} s; "
            f"record and weights in {output}",
            flush=True,
        )


@app.command(name="maps")
def maps(
    data: Positional[str],
    /,
    seeds: tuple[int, ...] = (0,),
    chosen: int = 100,
    pictures: int = 500,
    weights: Path | None = None,
    device: str | None = None,
    output: Path = Path("output"),
) -> None:
    """Measure what the class maps of a trained densenet_full show, and how well they find the object; record it.

    Args:
        data: the data set that it was trained on, one that knows where its objects are.
        seeds: of the trainings.
        chosen: how many test pictures thresholds are chosen on.
        pictures: how many others are scored.
        weights: the folder that `c2f train` wrote; without it the weights that come with the book.
        device: as torch names it; without it a GPU where there is one.
        output: folder for runs/.
    """
    from c2f.experiments import find_device
    from c2f.highres.measuring import maps_name, maps_run

    place = find_device(device)
    for seed in seeds:
        run = maps_run(data, seed, output, chosen=chosen, pictures=pictures, weights=weights, device=place)
        v = run.values
        print(
            f"{maps_name(data)}--seed{seed}: the high-resolution CAM correlates {v['to_low']:.2f} with the "
            f"low-resolution one ({100 * v['orders_as_good']:.0f} % of other orders do as well); pointing game "
            f"{v['pointing high']:.3f}, of the low-resolution one {v['pointing low']:.3f}; record in {output}",
            flush=True,
        )
