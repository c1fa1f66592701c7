"""Reference runs of the High-Resolution CAM models, on scenes and on photographs."""

from functools import partial
from typing import Any

from c2f.experiments.highres.decoders import decoder_run, decoders_name
from c2f.experiments.highres.maps_run import maps_name, maps_run
from c2f.experiments.highres.recipes import dense_recipe
from c2f.experiments.highres.run import densenet_run
from c2f.networks.densenet_fcn import DENSENET_TITLES, FULL, HALF
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings, Values, valued
from c2f.runs.folder import folder_with, run_name
from c2f.training.checkpoints import History

SEEDS = {"scenes-fashion-mnist": 4, "tiny-animals": 3, "scenes-mnist": 3}
DECODERS = range(1, 9)
"""Seeds of other expanding paths behind the half model of seed 0, each trained for one short epoch."""
VALUES: Values = {
    r"densenet_(half|full|maps)--scenes-fashion-mnist--seed[0-3]": (
        8.3,
        "chapter 9: its maps on scenes over four seeds",
    ),
}


def pieces() -> list[Piece]:
    """Return each half model, the full model that takes it over, and what its maps show, and other expanding paths."""
    found = []
    for data, seeds in SEEDS.items():
        for seed in range(seeds):
            found += [*(densenet_piece(model, data, seed) for model in DENSENET_TITLES), maps_piece(data, seed)]
    found += [decoder_piece("scenes-fashion-mnist", seed) for seed in DECODERS]
    return valued(found, VALUES)


def densenet_piece(model: str, data: str, seed: int, **changes: Any) -> Piece:
    """Return the training of one model by the data set's recipe, or one with ``changes`` (``dense_recipe``).

    A full model's half model must have run before.
    """
    name = run_name(model, data)
    piece = f"{name}--seed{seed}"
    recipe = dense_recipe(model, data, **changes)

    def run(settings: Settings) -> None:
        def on_epoch(history: History) -> None:
            if len(history):
                text = f"validation loss {history.val_loss[-1]:.4f}, accuracy {history.val_accuracy[-1]:.4f}"
                settings.tell_epoch(piece, recipe.epochs, history.seconds, text)

        densenet_run(
            model,
            data,
            seed,
            settings.output,
            recipe=recipe,
            device=settings.device,
            deadline=settings.deadline,
            on_epoch=on_epoch,
        )

    needs = (f"{run_name(HALF, data)}--seed{seed}",) if model == FULL else ()
    return Piece(name, seed, (name,), run, partial(costs.densenet, model, data, recipe), needs)


def maps_piece(data: str, seed: int, **changes: Any) -> Piece:
    """Return the measurement of what the maps of a full model show, which must have run before by the recipe with
    ``changes``.
    """
    piece = f"{maps_name(data)}--seed{seed}"

    def run(settings: Settings) -> None:
        weights = folder_with(settings.output, run_name(FULL, data), seed)
        values = maps_run(
            data, seed, settings.output, weights=weights, device=settings.device, deadline=settings.deadline
        ).values
        settings.tell(
            f"{piece}: pointing game {values['pointing high']:.4f}, of the low map {values['pointing low']:.4f}"
        )

    cost = partial(costs.maps, "maps", data, dense_recipe(FULL, data, **changes).config)
    return Piece(maps_name(data), seed, (maps_name(data),), run, cost, (f"{run_name(FULL, data)}--seed{seed}",))


def decoder_piece(data: str, seed: int) -> Piece:
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

    name, cost = decoders_name(data), partial(costs.maps, "decoders", data, dense_recipe(FULL, data).config)
    return Piece(name, seed, (name,), run, cost, (f"{run_name(HALF, data)}--seed0",))
