"""Which layers the Top-Down paper maps (Lelekas et al. 2020, and the authors' code)."""

from c2f import networks


def paper_layers(name: str) -> dict[str, str]:
    """Return the layers that the Top-Down paper maps, ``act_1``, ``act_2``, ... in the order in which they run.

    The value is the layer's path in ``networks.build(name)``. In the LeNetFC and NIN families these are the ends of the
    stages and the class maps before the mean; in the residual ones the first ReLU that enters each stage, and the
    last. The authors name those of NIN-light, LeNetFC and ResNet18; for NIN, ResNet32 and the uniform and reversed
    networks the names are ours, by the same rule.

    Raises:
        ValueError: an unknown network.
    """
    family = networks.family_of(name)
    top_down = name != networks.family_name(name)
    first = 2 if family.stem_pool and not top_down else 1
    factors = [first * 2**level for level in range(len(family.stages[""]))]
    if top_down:
        factors.reverse()
    if family.style == "plain":
        paths = [f"stage_x{factor}" for factor in factors]
    else:
        later = "up_x{}.norm1" if top_down else "stage_x{}.0.norm1"
        paths = [f"stage_x{factors[0]}.0.norm1", *(later.format(factor) for factor in factors[1:])]
    return {f"act_{i}": path for i, path in enumerate([*paths, "head.0"], start=1)}
