"""``c2f train``."""

from pathlib import Path
from typing import Any

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import Epochs, train_each
from c2f.cli.options import Again, Device, NewSeeds, TrainingOutput


@app.command(name="train")
def train(
    network: Positional[str],
    data: Positional[str],
    /,
    profile: str = "quick",
    seeds: NewSeeds = (),
    recipe: str | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    batch_size: int | None = None,
    augmentation: str | None = None,
    image_size: int | None = None,
    workers: int | None = None,
    merge: str = "sum_concat",
    scaler: str = "gaussian_resize",
    device: Device = None,
    compile: bool = False,
    again: Again = False,
    output: TrainingOutput = Path("output"),
) -> None:
    """Train a network on a data set, test it, and write weights, history and record; an interrupted run is resumed.

    Args:
        network: its name, e.g. lenetfc_td: a family (lenetfc, nin_light, nin, resnet32, resnet18) and nothing, _td,
            _td_uni or _td_rev; or densenet_half, then densenet_full, which takes over the half model of the same seed;
            or mgnet, full or equal, for which `c2f glimpse` has many options more.
        data: a data set's name (see `c2f fetch --list`) or folder:PATH with train/ and test/ in it.
        profile: quick (a few epochs) or paper (the published recipe).
        recipe: another recipe than the data set's own, e.g. cifar10-aug.
        epochs: passes over the training pictures.
        lr: learning rate at the start.
        weight_decay: factor of the L2 penalty, as the paper defines it (half of torch's).
        batch_size: pictures a step.
        augmentation: none, shift_flip, pca_flip_crop or autoaugment; of a densenet none, flip or affine_flip.
        image_size: side in pixels that pictures are resized to.
        workers: of a densenet on folder:PATH: read pictures from disk when they are needed, by so many processes.
        merge: how a top-down network joins scales: sum, concat or sum_concat.
        scaler: how a top-down network shrinks pictures: gaussian_resize, blur_subsample, subsample, max_pool,
            blur_pool.
        compile: run through torch.compile (needs a C++ compiler; up to a third faster on a CPU, after a slow start).
    """
    changes: dict[str, Any] = {
        "epochs": epochs,
        "lr": lr,
        "weight_decay": weight_decay,
        "batch_size": batch_size,
        "augmentation": augmentation,
        "image_size": image_size,
    }
    if network.startswith("densenet"):
        from c2f.cli.highres import train_densenet
        from c2f.experiments.highres.recipes import dense_recipe

        if compile or (merge, scaler) != ("sum_concat", "gaussian_resize"):
            raise ValueError(f"--compile, --merge and --scaler mean nothing to {network}: leave them out")
        dense = dense_recipe(network, data, profile, recipe, **changes)
        train_densenet(network, data, dense, seeds, workers=workers, device=device, again=again, output=output)
        return
    from c2f.zoo.glimpse import KINDS

    if network in KINDS:
        from c2f.cli.glimpses import glimpse

        others = {"recipe": recipe, "weight_decay": weight_decay, "augmentation": augmentation, "workers": workers}
        given = [f"--{name.replace('_', '-')}" for name, value in others.items() if value is not None]
        given += ["--merge"] * (merge != "sum_concat") + ["--scaler"] * (scaler != "gaussian_resize")
        if given := given + ["--compile"] * compile:
            raise ValueError(f"{', '.join(given)} means nothing to {network}: see the options of `c2f glimpse --help`")
        kept = {name: changes[name] for name in ("epochs", "lr", "batch_size", "image_size")}
        glimpse(network, data, profile=profile, seeds=seeds, **kept, device=device, again=again, output=output)
        return
    if workers is not None:
        raise ValueError(f"--workers means nothing to {network}, whose pictures are held in memory: leave it out")
    from c2f.experiments.classification.run import train_run
    from c2f.runs.folder import run_name
    from c2f.runs.record import Run
    from c2f.training.device import find_device
    from c2f.training.recipes import recipe as find_recipe

    found = find_recipe(network, data, profile, recipe, **changes)
    place = find_device(device)

    def train_one(seed: int, shown: Epochs) -> Run:
        return train_run(
            network,
            data,
            found,
            seed,
            output,
            merge=merge,
            scaler=scaler,
            device=place,
            compiled=compile,
            on_epoch=shown,
            again=again,
        )

    name = run_name(network, data)
    for what, run in train_each(name, seeds, found.repetitions, found.epochs, train_one, output):
        print(
            f"{what}: test accuracy {run.values['test_accuracy']:.4f} after {run.values['train_seconds']:.0f} s; "
            f"record and weights in {output}"
        )
