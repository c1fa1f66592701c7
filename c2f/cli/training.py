"""``c2f train``: a command for each kind of network, chosen by the network's name, with the options that belong to
it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional, arg

from c2f.cli.epochs import train_each
from c2f.cli.options import Order, Training, changes_of, check_seeds
from c2f.common.checks import choose, positive_int
from c2f.common.cores import use_spare_cores
from c2f.experiments.glimpses.recipes import GlimpseRecipe
from c2f.experiments.highres.recipes import DenseRecipe
from c2f.experiments.segmentation.training import MeshRecipe
from c2f.networks.blocks import MERGES
from c2f.networks.glimpse.losses import LossSettings
from c2f.networks.glimpse.network import GlimpseSettings
from c2f.networks.pyramid import SCALERS
from c2f.runs.record import Run
from c2f.training.recipes import Recipe

Profile = Annotated[str, arg(help="quick (a few epochs) or paper (the published recipe).")]
RecipeName = Annotated[str | None, arg(help="another recipe than the data set's own, by its name.")]
Data = Annotated[str, arg(help="a data set's name (see `c2f list data`) or folder:PATH with train/ and test/ in it.")]
Name = Annotated[str, arg(help="its name; see `c2f list networks`.")]

ClassifierChanges: Any = changes_of(Recipe, ("name",))
MeshChanges: Any = changes_of(MeshRecipe)
DenseChanges: Any = changes_of(DenseRecipe, ("name",))
GlimpseChanges: Any = changes_of(GlimpseRecipe)
LookChanges: Any = changes_of(GlimpseSettings)
LossChanges: Any = changes_of(LossSettings)


@dataclass(frozen=True)
class SetupChanges:
    """Changes of a glimpse experiment's recipe, of how its network looks, and of its losses."""

    recipe: OmitArgPrefixes[GlimpseChanges] = field(default_factory=GlimpseChanges)
    look: OmitArgPrefixes[LookChanges] = field(default_factory=LookChanges)
    losses: OmitArgPrefixes[LossChanges] = field(default_factory=LossChanges)


NO_CLASSIFIER_CHANGES = ClassifierChanges()
NO_MESH_CHANGES = MeshChanges()
NO_DENSE_CHANGES = DenseChanges()
NO_SETUP_CHANGES = SetupChanges()
USUAL = Training()


def train_classifier(
    network: Positional[Name],
    data: Positional[Data],
    /,
    profile: Profile = "quick",
    recipe: RecipeName = None,
    merge: str = "sum_concat",
    scaler: str = "gaussian_resize",
    changes: OmitArgPrefixes[ClassifierChanges] = NO_CLASSIFIER_CHANGES,
    training: OmitArgPrefixes[Training] = USUAL,
) -> Order:
    """Train a network on a data set, test it, and write weights, history and record; an interrupted run is resumed.

    The options are those of the network's kind: `c2f train mgnet_small_cnn scenes-mnist --help` shows those of a
    network of glimpses. What is not given is the recipe's.

    Args:
        merge: how a top-down network joins scales: sum, concat or sum_concat.
        scaler: how a top-down network shrinks pictures: gaussian_resize, blur_subsample, subsample, max_pool,
            blur_pool.
    """
    from c2f.experiments.classification.run import train_run
    from c2f.training.recipes import recipe as find_recipe

    found = find_recipe(network, data, profile, recipe, **vars(changes))
    choose(merge, MERGES, "merge")
    choose(scaler, SCALERS, "scaler")

    run = partial(train_run, network, data, found, merge=merge, scaler=scaler)
    given = {"recipe": found, "merge": merge, "precision": training.precision}
    return Order(given, partial(_train_all, network, data, found, training, run))


def train_segmentation(
    network: Positional[Name],
    data: Positional[Data],
    /,
    profile: Profile = "quick",
    width: int | None = None,
    mesh_seed: int = 0,
    changes: OmitArgPrefixes[MeshChanges] = NO_MESH_CHANGES,
    training: OmitArgPrefixes[Training] = USUAL,
) -> Order:
    """Train a segmentation network on 2x2 meshes of grey pictures, test it, write weights and record; an interrupted
    run is resumed.

    Args:
        width: channels at full resolution, 8 in the profile quick, 64 in paper; the cost grows with its square.
        mesh_seed: decides which pictures share a mesh; keep it, so that all networks are tested on the same meshes.
    """
    from c2f.experiments.segmentation import mesh_profile, segmentation_run

    recipe, channels = mesh_profile(profile, width=width, **vars(changes))

    short = network.removeprefix("segmentation_")
    run = partial(segmentation_run, short, data, recipe=recipe, width=channels, mesh_seed=mesh_seed)
    return Order({"recipe": recipe, "width": channels}, partial(_train_all, network, data, recipe, training, run))


def train_densenet(
    network: Positional[Name],
    data: Positional[Data],
    /,
    profile: Profile = "quick",
    recipe: RecipeName = None,
    stream: bool = False,
    workers: int = 4,
    changes: OmitArgPrefixes[DenseChanges] = NO_DENSE_CHANGES,
    training: OmitArgPrefixes[Training] = USUAL,
) -> Order:
    """Train the half model, or the full model, which takes over the half model of the same seed; test it, and write
    weights and record; an interrupted run is resumed.

    Args:
        stream: read pictures from disk when they are needed (folder:PATH).
        workers: processes that read, where streamed.
    """
    from c2f.experiments.highres.recipes import dense_recipe
    from c2f.experiments.highres.run import densenet_run

    positive_int(workers, "workers", minimum=0, maximum=1024)
    found = dense_recipe(network, data, profile, recipe, **vars(changes))

    run = partial(densenet_run, network, data, recipe=found, workers=workers if stream else None)
    return Order({"recipe": found}, partial(_train_all, network, data, found, training, run))


def train_glimpses(
    network: Positional[Name],
    data: Positional[Data],
    /,
    profile: Profile = "quick",
    image_size: int | None = None,
    noise: float = 0.0,
    stream: bool = False,
    workers: int = 4,
    changes: OmitArgPrefixes[SetupChanges] = NO_SETUP_CHANGES,
    training: OmitArgPrefixes[Training] = USUAL,
) -> Order:
    """Train a Multi-Glimpse Network (mgnet), or one pass at full size (full) or over a picture shrunk so far that it
    costs as much (equal), each with its backbone; test it, and write weights, history and record; an interrupted run is
    resumed.

    What is not given is the data's own setting; canvas-mnist and canvas-fashion-mnist are data sets too.

    Args:
        image_size: rows and columns that pictures are brought to.
        noise: standard deviation of the noise on a canvas.
        stream: read pictures from disk when they are needed, cropped and augmented as for ImageNet (folder:PATH).
        workers: processes that read, where streamed.
    """
    from c2f.experiments.glimpses.recipes import changed_setup
    from c2f.experiments.glimpses.run import glimpse_run

    setup = changed_setup(
        data,
        profile,
        stream,
        image_size,
        **{part: vars(changed) for part, changed in vars(changes).items()},
    )
    run = partial(glimpse_run, network, data, setup=setup, streamed=stream, noise=noise, workers=workers)
    return Order({"recipe": setup.recipe}, partial(_train_all, network, data, setup.recipe, training, run))


COMMANDS: dict[str, Callable[..., Order]] = {
    "classifier": train_classifier,
    "segmentation": train_segmentation,
    "densenet": train_densenet,
    "glimpses": train_glimpses,
}
"""Kind of network -> what checks the arguments of its ``c2f train``."""


def _train_all(name: str, data: str, recipe: Any, how: Training, run: Callable[..., Run]) -> None:
    """Train each seed by ``run`` and say in a line what came of it."""
    from c2f.runs.folder import run_name
    from c2f.training.board import Board
    from c2f.training.device import find_device
    from c2f.training.parallel import each_for_itself, one_training

    check_seeds(how.seeds)
    use_spare_cores()
    device = find_device(how.device)
    told = {"device": device, "again": how.again, "engine": how.engine, "precision": how.precision}
    with one_training(device, how.batch_norm == "joined") if how.together else each_for_itself() as share:
        logs = how.tensorboard if share.first else None
        board = None if logs is None else Board(logs, run_name(name, data))
        also = (lambda seed, history: None) if board is None else board.write_epoch
        train = partial(run, output=how.output, **told, share=share)
        for what, done in train_each(run_name(name, data), recipe, how, device, train, also):
            if board is not None:
                _show(board, name, data, done, how.output)
            seconds = done.values["train_seconds"]
            print(f"{what}: {_result(done)}, {seconds:.0f} s; record and weights in {how.output}", flush=True)


def _show(board: Any, name: str, data: str, run: Run, output: Path) -> None:
    """Write what the trained network sees in test pictures, and its weights."""
    import torch

    from c2f import networks, zoo
    from c2f.experiments.evaluation.sources import open_tested
    from c2f.experiments.explanation.board import SHOWN, write_pictures

    model, epochs = zoo.load(name, data, run.seed, output), len(run.details["history"]["seconds"])
    board.write_histograms(run.seed, model.network, epochs)
    if networks.kind_of(name) == "segmentation":
        return
    source = open_tested(model, data).sources[0]
    step = max(1, source.count // SHOWN)  # of all classes where they come one after the other
    pictures, _ = next(source.read(torch.arange(0, source.count, step)[:SHOWN]))
    write_pictures(board.writer(run.seed), model, pictures, epochs)


def _result(run: Run) -> str:
    """Say in words how well a trained network does on the test pictures."""
    values = run.values
    by_glimpse = [f"{100 * v:.2f}" for k, v in values.items() if k.startswith("test_accuracy ")]
    if by_glimpse:
        return f"test accuracy after each glimpse {', '.join(by_glimpse)} %"
    text = f"test accuracy {100 * values['test_accuracy']:.2f} %"
    if "test_mean_iou" in values:
        text = f"mean IoU {values['test_mean_iou']:.4f}, pixel {text.removeprefix('test ')}"
    if "test_rebuilt_error" in values:
        text += f", rebuilt to {values['test_rebuilt_error']:.1f} grey levels"
    return text
