"""``c2f segment``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.commands.app import app
from c2f.commands.epochs import Epochs


@app.command(name="segment")
def segment(
    network: Positional[str],
    data: Positional[str],
    /,
    profile: str = "quick",
    seeds: tuple[int, ...] = (),
    width: int | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    mesh_seed: int = 0,
    device: str | None = None,
    again: bool = False,
    output: Path = Path("output"),
) -> None:
    """Train a segmentation network on 2x2 meshes, test it, write weights and record; an interrupted run is resumed.

    Args:
        network: td (top-down), unet or fcn.
        data: a data set of grey pictures, e.g. fashion-mnist-sample; see `c2f fetch --list`.
        profile: quick (10 epochs of a narrow network) or paper (the published recipe and width).
        seeds: one run each; without them 0, 1, ... as many as the recipe repeats.
        width: channels at full resolution, 8 in the profile quick, 64 in paper; the cost grows with its square.
        epochs: passes over the training meshes.
        lr: learning rate at the start.
        batch_size: meshes a step.
        mesh_seed: decides which pictures share a mesh; keep it, so that all networks are tested on the same meshes.
        device: as torch names it (cpu, cuda:1); without it a GPU where there is one.
        again: train seeds that the output folder already holds anew, instead of leaving them out.
        output: folder for runs/, weights/ and checkpoints/.
    """
    from c2f.experiments import find_device
    from c2f.segmentation import mesh_profile, recorded_segmentation, segmentation_name, segmentation_run

    recipe, channels = mesh_profile(profile, epochs=epochs, lr=lr, batch_size=batch_size, width=width)
    place = find_device(device)
    for seed in seeds or range(recipe.repetitions):
        name = f"{segmentation_name(network, data)}--seed{seed}"
        done = recorded_segmentation(network, data, seed, output, recipe=recipe, width=channels, mesh_seed=mesh_seed)
        if done is not None and not again:
            print(f"{name}: already in {output}; --again trains it anew")
            continue
        shown = Epochs(name, recipe.epochs)
        try:
            run = segmentation_run(
                network,
                data,
                seed,
                output,
                recipe=recipe,
                width=channels,
                mesh_seed=mesh_seed,
                device=place,
                on_epoch=shown,
            )
        finally:
            shown.close()
        values = run.values
        print(
            f"{name}: mean IoU {values['test_mean_iou']:.4f}, pixel accuracy {values['test_accuracy']:.4f} "
            f"after {values['train_seconds']:.0f} s; record and weights in {output}",
            flush=True,
        )
