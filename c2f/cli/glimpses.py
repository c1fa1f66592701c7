"""``c2f glimpse``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import Epochs, train_each
from c2f.cli.options import Again, Device, NewSeeds, TrainingOutput


@app.command(name="glimpse")
def glimpse(
    kind: Positional[str],
    data: Positional[str],
    /,
    profile: str = "quick",
    seeds: NewSeeds = (),
    backbone: str | None = None,
    image_size: int | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    optimiser: str | None = None,
    schedule: str | None = None,
    drops: tuple[int, ...] | None = None,
    batch_size: int | None = None,
    clip: float | None = None,
    validation: float | None = None,
    equilibrium: tuple[float, float] | None = None,
    glimpses: int | None = None,
    downsampling: float | None = None,
    scale_min: float | None = None,
    scale_max: float | None = None,
    rule: str | None = None,
    gradient_scale: float | None = None,
    alpha: float | None = None,
    step_by_step: bool | None = None,
    small_scale: float | None = None,
    guidance: float | None = None,
    diversity: float | None = None,
    noise: float = 0.0,
    streamed: bool = False,
    workers: int = 4,
    tensorboard: Path | None = None,
    device: Device = None,
    again: Again = False,
    output: TrainingOutput = Path("output"),
) -> None:
    """Train a Multi-Glimpse Network or a baseline, test it, and write weights, history and record; an interrupted run
    is resumed.

    What is not given is the data's own setting. Seeds that the output folder already holds are told and not trained.

    Args:
        kind: mgnet (a few glimpses), full (one pass at full size) or equal (one pass over a picture shrunk so far that
            it costs as much).
        data: a data set's name (see `c2f fetch --list`), canvas-mnist, canvas-fashion-mnist, or folder:PATH with train/
            and test/ in it.
        profile: quick (two epochs, one seed) or paper (the recipe as it stands).
        backbone: what sees a glimpse: small_cnn, torchvision-resnet18, ... or a network of the book.
        image_size: rows and columns that pictures are brought to.
        epochs: passes over the training pictures.
        lr: learning rate, the largest of a one-cycle schedule.
        optimiser: sgd or adam.
        schedule: one_cycle, cosine or multi_step.
        drops: epochs after which multi_step divides the learning rate by ten.
        batch_size: pictures a step.
        clip: largest norm of the gradient; 0 is off.
        validation: share of the training pictures that decides which epoch is kept.
        equilibrium: first and last ratio of the dynamic gradient equilibrium.
        glimpses: how many, the whole picture included.
        downsampling: how many times smaller than the picture a glimpse's side is.
        scale_min: side of the smallest window, as a share of the picture's.
        scale_max: side of the largest window.
        rule: how a window's centre is chosen: tight_crop, centre_invariant or naive.
        gradient_scale: factor of the gradient that says where to look.
        alpha: share of the glimpse classifier in the loss.
        step_by_step: weigh only the answers around which the loss stops falling.
        small_scale: weight of small windows.
        guidance: weight of self-supervised spatial guidance.
        diversity: weight of the overlap between windows.
        noise: standard deviation of the noise on a canvas.
        streamed: read pictures from disk when they are needed, cropped and augmented as for ImageNet (folder:PATH).
        workers: processes that read, where streamed.
        tensorboard: folder for TensorBoard's logs.
    """
    from dataclasses import replace

    from c2f.common.checks import choose
    from c2f.experiments.glimpses import tensorboard as boards
    from c2f.experiments.glimpses.recipes import QUICK, SETUPS, setup_name
    from c2f.experiments.glimpses.run import glimpse_run
    from c2f.experiments.glimpses.training import GlimpseHistory
    from c2f.runs.record import Run
    from c2f.training.device import find_device
    from c2f.training.recipes import changed
    from c2f.zoo.glimpse import glimpse_name

    choose(profile, ("quick", "paper"), "profile")
    setup = SETUPS[setup_name(data, streamed)]
    recipe = changed(setup.recipe, **(QUICK if profile == "quick" else {}))
    setup = replace(
        setup,
        recipe=changed(
            recipe,
            epochs=epochs,
            lr=lr,
            optimiser=optimiser,
            schedule=schedule,
            drops=drops,
            batch_size=batch_size,
            clip=clip,
            validation=validation,
            equilibrium=equilibrium,
        ),
        look=changed(
            setup.look,
            glimpses=glimpses,
            downsampling=downsampling,
            scale_min=scale_min,
            scale_max=scale_max,
            rule=rule,
            gradient_scale=gradient_scale,
        ),
        losses=changed(
            setup.losses,
            alpha=alpha,
            step_by_step=step_by_step,
            small_scale=small_scale,
            guidance=guidance,
            diversity=diversity,
        ),
        backbone=backbone or setup.backbone,
        image_size=image_size or setup.image_size,
    )
    name, place = glimpse_name(data, kind, setup.backbone), find_device(device)
    writer = None if tensorboard is None else boards.open_writer(tensorboard / name)

    def train(seed: int, shown: Epochs) -> Run:
        def on_epoch(history: GlimpseHistory) -> None:
            shown(history)
            if writer is not None and len(history):
                boards.write_epoch(writer, history)

        return glimpse_run(
            kind,
            data,
            seed,
            output,
            setup=setup,
            streamed=streamed,
            noise=noise,
            workers=workers,
            device=place,
            on_epoch=on_epoch,
            again=again,
        )

    for what, run in train_each(name, seeds, setup.recipe.repetitions, setup.recipe.epochs, train, output):
        by_glimpse = ", ".join(f"{v:.4f}" for k, v in run.values.items() if k.startswith("test_accuracy "))
        print(
            f"{what}: test accuracy after each glimpse {by_glimpse}; "
            f"{run.values['train_seconds']:.0f} s; record and weights in {output}"
        )
