"""All networks of the three papers: ``build`` one by name, list ``names``, ``summary`` its sizes and cost.

There are four kinds. Classifiers of the Top-Down Networks paper (``lenetfc_td``), its segmentation networks
(``segmentation_td``), the two models of the High-Resolution CAM paper (``densenet_half``, ``densenet_full``), and the
Multi-Glimpse Network and its baselines, each with its backbone (``mgnet_small_cnn``).

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from typing import Any

from torch import nn

from c2f.common.checks import choose
from c2f.networks.classifiers import build_classifier, classifier_names, classifier_title, family_name, family_of
from c2f.networks.densenet_fcn import DENSENET_TITLES, build_densenet
from c2f.networks.glimpse.names import GLIMPSE_KINDS, glimpse_names, split_glimpse_name
from c2f.networks.glimpse.network import build as build_glimpses
from c2f.networks.own import OwnNetwork, is_own
from c2f.networks.segmentation import SEGMENTATION_NETWORKS, build_segmentation
from c2f.networks.summary import Summary, multiply_adds, summary

__all__ = [
    "KINDS",
    "OwnNetwork",
    "Summary",
    "build",
    "family_name",
    "family_of",
    "kind_of",
    "multiply_adds",
    "names",
    "summary",
    "title",
]

KINDS = {
    "classifier": ("merge", "scaler"),
    "segmentation": ("width",),
    "densenet": ("config",),
    "glimpses": ("settings", "standard"),
}
"""Kind of network -> the options of ``build`` that it has."""


def names(kind: str | None = None) -> list[str]:
    """Return the names that ``build`` knows, all or those of one kind (a name in ``KINDS``)."""
    by_kind = {
        "classifier": classifier_names,
        "segmentation": lambda: [f"segmentation_{name}" for name in SEGMENTATION_NETWORKS],
        "densenet": lambda: list(DENSENET_TITLES),
        "glimpses": glimpse_names,
    }
    if kind is not None:
        choose(kind, KINDS, "kind of network")
    return [name for each in ([kind] if kind else KINDS) for name in by_kind[each]()]


def kind_of(name: str) -> str:
    """Return the kind, a name in ``KINDS``, of the network ``name``; ``FILE.py:FUNCTION`` is a classifier.

    Raises:
        ValueError: an unknown name, with the nearest known one.
    """
    if is_own(name):
        return "classifier"
    choose(name, names(), "network")
    return next(kind for kind in KINDS if name in names(kind))


def title(name: str) -> str:
    """Return the network's name as figures and tables show it, e.g. ``"LeNetFC top-down"``."""
    kind = kind_of(name)
    if is_own(name):
        return name
    if kind == "classifier":
        return classifier_title(name)
    if kind == "segmentation":
        return f"{SEGMENTATION_NETWORKS[name.removeprefix('segmentation_')][0]} (segmentation)"
    if kind == "densenet":
        return DENSENET_TITLES[name]
    what, backbone = split_glimpse_name(name)
    return f"{GLIMPSE_KINDS[what]} ({backbone})"


def build(
    name: str,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int = 32,
    *,
    seed: int | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network with fresh weights; it maps pictures ``(N, C, H, W)`` to its answer: logits ``(N, K)``, of a
    segmentation network ``(N, K, H, W)``, of a network of glimpses ``Glimpses``.

    Args:
        name: one of ``names()``.
        in_channels: C of the pictures.
        num_classes: K of the logits.
        image_size: H = W in pixels.
        seed: where given, the weights are drawn from it and torch's global random state is left as it was.
        options: of the network's kind, see ``KINDS``: ``merge`` and ``scaler`` as for ``build_classifier``, ``width``
            for ``build_segmentation``, ``config`` for ``build_densenet``, ``settings`` and ``standard`` for
            ``c2f.networks.glimpse.build``.

    Raises:
        ValueError: an unknown name or option (with the nearest known one), or a size or count out of range.
    """
    kind = kind_of(choose(name, names(), "network"))
    for option in options:
        choose(option, KINDS[kind], f"option of {name}")
    shape: dict[str, Any] = {"in_channels": in_channels, "num_classes": num_classes, "image_size": image_size}
    if kind == "classifier":
        return build_classifier(name, **shape, seed=seed, **options)
    if kind == "segmentation":
        return build_segmentation(name.removeprefix("segmentation_"), **shape, seed=seed, **options)
    if kind == "densenet":
        return build_densenet(name.removeprefix("densenet_"), **shape, seed=seed, **options)
    return build_glimpses(split_glimpse_name(name)[1], **shape, seed=seed, **options)
