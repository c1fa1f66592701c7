"""Reference runs that attack trained networks."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from c2f import attacks, networks
from c2f.experiments.robustness.records import attack_name, summary_line
from c2f.experiments.robustness.run import attack_run
from c2f.experiments.robustness.scales import ablation_name, ablation_run
from c2f.reference import costs
from c2f.reference.piece import Piece, Settings, Values, valued
from c2f.reference.trainings import paper_networks
from c2f.runs.folder import folder_with, holds, run_name
from c2f.zoo.samples import PICTURES

QUICK = ("spatial", "shifts", "contrast", "gaussian_blur", "blended_uniform")
"""The five attacks that take least by what is recorded."""
NOISES = ("additive_gaussian", "additive_uniform")
FEW = 500
"""Pictures that networks are attacked on whose answers take long."""
_VARIANTS = "chapter 3: uniform and reversed under attack, beside top-down"
_SECOND = "chapters 3 and 4: the paper's second family under attack, and which of its scales is fragile"
VALUES: Values = {
    r"attacks--lenetfc(_td)?--(mnist|fashion-mnist)--paper--seed0": (1, "chapter 3: the paper's numbers beside ours"),
    r"attacks--lenetfc(_td)?--fashion-mnist--minimal--seed\d": (2, "chapters 3 and 4: ten attacks over four seeds"),
    r"attacks--lenetfc_td_(uni|rev)--fashion-mnist--minimal--seed\d": (3, _VARIANTS),
    r"attacks--lenetfc_td_(uni|rev)--mnist--minimal--seed\d": (3.5, _VARIANTS),
    r"attacks--nin_light(_td)?--fashion-mnist--minimal--seed\d": (6, _SECOND),
    r"attacks--nin_light(_td)?--mnist--minimal--seed\d": (6.5, _SECOND),
}


def pieces() -> list[Piece]:
    """Return four seeds of the small pair and of all networks on whole test sets in both protocols, and what there is
    between them: some attacks of the variants, few pictures of the second family.
    """
    small = [(network, data) for data in ("mnist", "fashion-mnist") for network in ("lenetfc", "lenetfc_td")]
    found = []
    for seed in range(4):
        for protocol in attacks.PROTOCOLS:
            found += [attack_piece(network, data, seed, protocol, PICTURES) for network, data in small]
    for data, seeds in (("fashion-mnist", 2), ("mnist", 2)):
        for seed in range(seeds):
            for network in ("lenetfc_td_uni", "lenetfc_td_rev"):
                found.append(attack_piece(network, data, seed, "minimal", PICTURES, (*QUICK, *NOISES)))
    for data, seeds in (("fashion-mnist", 2), ("mnist", 1)):
        for seed in range(seeds):
            found += [attack_piece(n, data, seed, "minimal", FEW) for n in ("nin_light", "nin_light_td")]
    for seed in range(4):
        for protocol in attacks.PROTOCOLS:
            found += [attack_piece(network, data, seed, protocol, None) for network, data in paper_networks()]
    return valued(found, VALUES)


def attack_piece(
    network: str, data: str, seed: int, protocol: str, pictures: int | None, chosen: tuple[str, ...] = ()
) -> Piece:
    """Return the attacks of one network (all ten unless they are ``chosen``), and for a top-down one which scale is
    fragile to each of them; ``pictures`` None for the whole test set.
    """
    top_down, whole = networks.family_name(network) != network, pictures is None
    chosen = chosen or tuple(attacks.names())

    def missing(output: Path) -> Iterator[tuple[str, str, bool]]:
        for attack in chosen:
            name = attack_name(network, data, attack, protocol, whole)
            attacked = holds(output, name, seed)
            if not attacked or (top_down and not holds(output, ablation_name(name), seed)):
                yield attack, name, attacked

    def run(settings: Settings) -> None:
        output = settings.output
        how: dict[str, Any] = {"output": output, "weights": folder_with(output, run_name(network, data), seed)}
        how |= {"device": settings.device, "deadline": settings.deadline}
        left = list(missing(output))
        for number, (attack, name, attacked) in enumerate(left, len(chosen) - len(left) + 1):
            # The pictures are not carried from machine to machine: attacking again is cheaper than their bulk.
            if not attacked or not (output / "adversarial" / f"{name}--seed{seed}.safetensors").exists():
                done = attack_run(network, data, seed, attack, protocol, pictures=pictures, again=attacked, **how)
                settings.tell(f"{summary_line(f'{name}--seed{seed}', done)} (attack {number} of {len(chosen)})")
            if top_down:
                ablation_run(network, data, seed, attack, protocol, whole_test_set=whole, **how)

    each = [attack_name(network, data, attack, protocol, whole) for attack in chosen]
    return Piece(
        f"attacks--{run_name(network, data)}--{protocol}{'--all' if whole else ''}",
        seed,
        (*each, *map(ablation_name, each)) if top_down else tuple(each),
        run,
        partial(costs.attack, network, data, protocol, chosen, pictures),
        needs=(f"{run_name(network, data)}--seed{seed}",),
    )
