"""Reference runs of the High-Resolution CAM models: on scenes what a CPU can do, on photographs what needs a GPU."""

from typing import Any

from c2f.experiments.highres.decoders import decoder_run, decoders_name
from c2f.experiments.highres.maps_run import maps_name, maps_run
from c2f.experiments.highres.recipes import dense_recipe
from c2f.experiments.highres.run import densenet_run
from c2f.networks.densenet_fcn import DENSENET_TITLES, FULL, HALF
from c2f.reference.piece import Piece, Settings, seed_piece
from c2f.runs.folder import folder_with, run_name
from c2f.training.checkpoints import History

ON_A_CPU = {"densenet_half": 20, "densenet_full": 27, "densenet_maps": 3, "densenet_decoders": 3}
"""What -> minutes a seed, on the scenes."""
DECODERS = range(1, 9)
"""Seeds of other expanding paths behind the half model of seed 0, each trained for one short epoch."""


def pieces() -> list[Piece]:
    """Return each half model, the full model that takes it over, and what its maps show; first what a CPU can do."""
    found = []
    for data, seeds, gpu in (("scenes-fashion-mnist", 1, False), ("tiny-animals", 3, True), ("scenes-mnist", 3, True)):
        for seed in range(seeds):
            for model in DENSENET_TITLES:
                found.append(densenet_piece(model, data, seed, None if gpu else ON_A_CPU[model], gpu))
            found.append(maps_piece(data, seed, None if gpu else ON_A_CPU["densenet_maps"], gpu))
        if not gpu:
            found += [decoder_piece(data, seed, ON_A_CPU["densenet_decoders"], gpu) for seed in DECODERS]
    return found


def densenet_piece(model: str, data: str, seed: int, minutes: float | None, gpu: bool, **changes: Any) -> Piece:
    """Return the training of one model by the data set's recipe, or one with ``changes`` (``dense_recipe``).

    A full model's half model must have run before.
    """
    name = run_name(model, data)
    piece = f"{name}--seed{seed}"

    def run(settings: Settings) -> None:
        def on_epoch(history: History) -> None:
            if len(history):
                text = f"validation loss {history.val_loss[-1]:.4f}, accuracy {history.val_accuracy[-1]:.4f}"
                settings.tell(f"{piece}: epoch {len(history)}, {text}, {history.seconds[-1]:.1f} s")

        densenet_run(
            model,
            data,
            seed,
            settings.output,
            recipe=dense_recipe(model, data, **changes),
            device=settings.device,
            deadline=settings.deadline,
            on_epoch=on_epoch,
        )

    return seed_piece(name, seed, minutes, gpu, run)


def maps_piece(data: str, seed: int, minutes: float | None, gpu: bool) -> Piece:
    """Return the measurement of what the maps of a full model show, which must have run before."""
    piece = f"{maps_name(data)}--seed{seed}"

    def run(settings: Settings) -> None:
        weights = folder_with(settings.output, run_name(FULL, data), seed)
        values = maps_run(
            data, seed, settings.output, weights=weights, device=settings.device, deadline=settings.deadline
        ).values
        settings.tell(
            f"{piece}: pointing game {values['pointing high']:.4f}, of the low map {values['pointing low']:.4f}"
        )

    return seed_piece(maps_name(data), seed, minutes, gpu, run)


def decoder_piece(data: str, seed: int, minutes: float | None, gpu: bool) -> Piece:
    """Return the short training of another expanding path behind the half model of seed 0."""
    piece = f"{decoders_name(data)}--seed{seed}"

    def run(settings: Settings) -> None:
        weights = folder_with(settings.output, run_name(HALF, data), 0)
        recipe = dense_recipe(FULL, data, epochs=1, augmentation="none")
        values = decoder_run(
            data,
            seed,
            settings.output,
            recipe=recipe,
            weights=weights,
            device=settings.device,
            deadline=settings.deadline,
        ).values
        settings.tell(f"{piece}: correlation with the low map {values['to_low']:.4f}")

    return seed_piece(decoders_name(data), seed, minutes, gpu, run)
