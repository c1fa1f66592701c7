"""Reference runs that train the networks whose maps are drawn and measured, beside those that the paper attacks."""

from c2f.reference.piece import Piece, Values, valued
from c2f.reference.trainings import training_piece

TRAINED = (
    ("lenetfc", "scenes-fashion-mnist"),
    ("lenetfc_td", "scenes-fashion-mnist"),
    ("resnet18", "scenes-fashion-mnist"),
    ("resnet18_td", "scenes-fashion-mnist"),
    ("resnet18", "tiny-imagenette"),
    ("resnet18_td", "tiny-imagenette"),
)
"""Network and data; NIN-light on MNIST and Fashion-MNIST is among the trainings that the attacks need."""
VALUES: Values = {
    r"resnet18(_td)?--tiny-imagenette--seed[01]": (5, "chapter 7: photographs by a full recipe; scorecard, claim 2"),
}


def pieces() -> list[Piece]:
    """Return four seeds of each network."""
    return valued([training_piece(network, data, s) for s in range(4) for network, data in TRAINED], VALUES)
