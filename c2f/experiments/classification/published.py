"""Test accuracies that the Top-Down paper published, to lay beside ours (Lelekas et al. 2020).

They were read off the plots in the authors' notebook, to 0.3 points. Some plots show only how many points an attack
takes in the end, so an accuracy is at least that.
"""

from c2f.datasets.registry import STANDS_FOR

READ_OFF = {
    ("mnist", "nin_light_td"): 99.5,
    ("fashion-mnist", "nin_light_td"): 92.8,
    ("cifar10-aug", "nin_td"): 89.6,
}
_AT_LEAST = {
    ("cifar10", "resnet32"): 88.3,
    ("cifar10", "resnet32_td"): 83.4,
    ("cifar10", "nin"): 89.9,
    ("cifar10", "nin_td"): 89.3,
    ("cifar10-aug", "resnet32"): 92.7,
    ("cifar10-aug", "resnet32_td"): 87.0,
    ("cifar10-aug", "nin"): 90.8,
}
IMAGENETTE_GAP = 4.0
"""Points of accuracy by which the bottom-up ResNet18 is better than its top-down twin on Imagenette, about."""


def accuracy(network: str, data: str) -> str:
    """Return the paper's accuracy in percent as a table shows it; an empty text where none is known."""
    key = STANDS_FOR.get(data, data), network
    return f"{READ_OFF[key]:g}" if key in READ_OFF else f"at least {_AT_LEAST[key]:g}" if key in _AT_LEAST else ""
