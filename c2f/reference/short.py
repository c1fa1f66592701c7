"""Reference runs that the papers' recipes make too long for a CPU, shortened until one can do them.

They lie apart, in the folder ``short`` of the output folder, and have the names of the runs that they stand in for. A
text that shows one says that it is short, and a full run takes its place as soon as there is one.
"""

from typing import Any

from c2f import networks
from c2f.reference.attacks import QUICK, attack_piece
from c2f.reference.glimpses import glimpse_piece
from c2f.reference.highres import densenet_piece, maps_piece
from c2f.reference.localization import localization_piece
from c2f.reference.piece import Piece, Values, apart, valued
from c2f.reference.trainings import training_piece
from c2f.runs.folder import SHIPPED
from c2f.runs.folder import SHORT as FOLDER
from c2f.runs.folder import where as where  # the chapters ask for it here

FOLDERS = (SHIPPED, SHIPPED / FOLDER)
"""Where the book looks for a run; one at full length comes before a short one."""

_NETWORKS: tuple[tuple[str, str, dict[str, Any], tuple[str, ...]], ...] = (
    # data, kind of map, what the recipe is changed to, networks
    ("fashion-mnist", "paper", {"epochs": 1, "batch_size": 64}, ("nin_light", "nin_light_td")),
    ("tiny-imagenette", "raw", {"epochs": 3, "batch_size": 32}, ("resnet18", "resnet18_td")),
)
_DENSENETS = {
    "densenet_half": {"config": "slim", "epochs": 8},
    "densenet_full": {"config": "slim", "epochs": 4},
}
"""Model -> what its recipe is changed to on tiny-animals."""
_ON_A_CANVAS: dict[str, Any] = {"epochs": 4, "batch_size": 64, "optimiser": "adam", "lr": 2e-3, "weight_decay": 0.0}
"""What the paper's recipe for digits on a canvas is changed to: that for scenes, with larger batches."""
_GLIMPSES = {"mgnet": 4, "equal": 4, "full": 1}
"""Kind of network -> seeds, on garments on a canvas."""
_CIFAR = ("cifar10-jpeg", "cifar10-jpeg-aug")
_FEW = 250
"""Pictures of CIFAR-10 that are attacked."""
VALUES: Values = {
    r"short--(attacks--)?resnet32.*--cifar10-jpeg(-aug)?--.*": (7, "chapters 2 and 3: colour, plain and augmented"),
}


def pieces() -> list[Piece]:
    """Return trainings with what their maps show, glimpses of garments on a canvas, and ResNet32 in colour."""
    found = []
    for data, kind, changes, trained in _NETWORKS:
        for network in trained:
            found.append(training_piece(network, data, 0, **changes))
            found.append(localization_piece(network, data, 0, kind, faithful=0))
    data = "tiny-animals"
    for model, smaller in _DENSENETS.items():
        found.append(densenet_piece(model, data, 0, **smaller))
    found.append(maps_piece(data, 0, config="slim"))
    for kind, seeds in _GLIMPSES.items():
        for seed in range(seeds):
            found.append(glimpse_piece(kind, "canvas-fashion-mnist", seed, **_ON_A_CANVAS))
    for data in _CIFAR:
        for network in networks.names("classifier"):
            if networks.family_name(network) == "resnet32":
                found.append(training_piece(network, data, 0, epochs=20))
                found.append(attack_piece(network, data, 0, "minimal", _FEW, QUICK))
    return valued([apart(piece, FOLDER) for piece in found], VALUES)
