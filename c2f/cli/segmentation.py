"""``c2f segment``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import Epochs, train_each
from c2f.cli.options import Again, Device, NewSeeds, TrainingOutput


@app.command(name="segment")
def segment(
    network: Positional[str],
    data: Positional[str],
    /,
    profile: str = "quick",
    seeds: NewSeeds = (),
    width: int | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    mesh_seed: int = 0,
    device: Device = None,
    again: Again = False,
    output: TrainingOutput = Path("output"),
) -> None:
    """Train a segmentation network on 2x2 meshes, test it, write weights and record; an interrupted run is resumed.

    Args:
        network: td (top-down), unet or fcn.
        data: a data set of grey pictures, e.g. fashion-mnist-sample; see `c2f fetch --list`.
        profile: quick (10 epochs of a narrow network) or paper (the published recipe and width).
        width: channels at full resolution, 8 in the profile quick, 64 in paper; the cost grows with its square.
        epochs: passes over the training meshes.
        lr: learning rate at the start.
        batch_size: meshes a step.
        mesh_seed: decides which pictures share a mesh; keep it, so that all networks are tested on the same meshes.
    """
    from c2f.experiments.segmentation import mesh_profile, segmentation_name, segmentation_run
    from c2f.runs.record import Run
    from c2f.training.device import find_device

    recipe, channels = mesh_profile(profile, epochs=epochs, lr=lr, batch_size=batch_size, width=width)
    place = find_device(device)
    name = segmentation_name(network, data)

    def train(seed: int, shown: Epochs) -> Run:
        return segmentation_run(
            network,
            data,
            seed,
            output,
            recipe=recipe,
            width=channels,
            mesh_seed=mesh_seed,
            device=place,
            on_epoch=shown,
            again=again,
        )

    for what, run in train_each(name, seeds, recipe.repetitions, recipe.epochs, train, output):
        values = run.values
        print(
            f"{what}: mean IoU {values['test_mean_iou']:.4f}, pixel accuracy {values['test_accuracy']:.4f} "
            f"after {values['train_seconds']:.0f} s; record and weights in {output}",
            flush=True,
        )
