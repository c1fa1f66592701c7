"""Reference runs that train the networks whose maps are drawn and measured, beside those that the paper attacks."""

from c2f.reference.piece import Piece
from c2f.reference.trainings import training_piece

ON_A_CPU = {"lenetfc": 3, "lenetfc_td": 14}
"""Network -> minutes a seed, on the scenes."""
ON_A_GPU = [(n, data) for data in ("scenes-fashion-mnist", "tiny-imagenette") for n in ("resnet18", "resnet18_td")]
"""Network and data; NIN-light on MNIST and Fashion-MNIST is among the trainings that the attacks need."""


def pieces() -> list[Piece]:
    """Return four seeds of each network, first what a CPU can do."""
    scenes = "scenes-fashion-mnist"
    cpu = [training_piece(n, scenes, s, minutes, gpu=False) for s in range(4) for n, minutes in ON_A_CPU.items()]
    return [*cpu, *(training_piece(network, data, s, None, gpu=True) for s in range(4) for network, data in ON_A_GPU)]
