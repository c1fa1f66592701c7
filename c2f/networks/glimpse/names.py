"""What networks of glimpses there are: each kind with each backbone."""

from c2f.common.checks import choose
from c2f.networks.glimpse.backbones import backbone_names

GLIMPSE_KINDS = {
    "mgnet": "a few glimpses",
    "full": "one pass, full size",
    "equal": "one pass, equal compute",
}
"""What is trained, and how figures call it.

The Multi-Glimpse Network; its backbone once over the whole picture at full size; and its backbone once over the picture
shrunk so far that it costs as much as all glimpses. The two baselines are the same network with one glimpse, as in the
paper, sampled in the same way.
"""


def glimpse_names() -> list[str]:
    """Return the names of all: kind and backbone, such as ``mgnet_small_cnn``."""
    return [f"{kind}_{backbone}" for kind in GLIMPSE_KINDS for backbone in backbone_names()]


def split_glimpse_name(name: str) -> tuple[str, str]:
    """Return kind and backbone of the network ``name``.

    Raises:
        ValueError: an unknown name, with the nearest known one.
    """
    kind, _, backbone = choose(name, glimpse_names(), "network of glimpses").partition("_")
    return kind, backbone
