"""How much training the segmentation networks get: the paper's recipe and width, and what two cores can do."""

from typing import Any

from c2f.common.checks import choose
from c2f.experiments.segmentation.training import MeshRecipe
from c2f.training.recipes import changed

MESH_PROFILES: dict[str, tuple[MeshRecipe, int]] = {
    # Small batches: batch norm's running averages move by one hundredth a step, so they need hundreds of steps.
    "quick": (MeshRecipe(epochs=10, lr=0.05, batch_size=16), 8),
    "paper": (MeshRecipe(), 64),
}
"""Name -> recipe and width. On one core an epoch of the sample's meshes takes some 10 seconds with ``quick`` and more
than four minutes with the paper's width."""


def mesh_profile(name: str, width: int | None = None, **changes: Any) -> tuple[MeshRecipe, int]:
    """Return the recipe and the width of a profile, with what is given in place of its own numbers.

    Args:
        name: ``quick`` or ``paper``.
        width: as for ``c2f.networks.segmentation.build_segmentation``.
        changes: fields of ``MeshRecipe`` to set otherwise; None leaves a field as it is.

    Raises:
        ValueError: an unknown profile or field, or a number of the recipe that is out of range.
    """
    recipe, usual = MESH_PROFILES[choose(name, MESH_PROFILES, "profile")]
    return changed(recipe, **changes), usual if width is None else width
