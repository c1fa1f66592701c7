"""Where the objects of pictures are, and how it is known.

Axes: N pictures, H rows, W columns.
"""

from dataclasses import dataclass

from torch import Tensor

from c2f.datasets.pictures import Pictures
from c2f.datasets.scenes import OBJECT_ABOVE
from c2f.metrics import localization


@dataclass(frozen=True)
class Objects:
    """Where the objects of N pictures are.

    ``boxes``: int64 ``(N, 4)``, tight. ``masks``: bool ``(N, H, W)``. ``known``: how it is known, ``masks``, ``boxes``
    (a mask is then the whole box) or ``bright pixels``.
    """

    boxes: Tensor
    masks: Tensor
    known: str

    def select(self, index: Tensor) -> "Objects":
        """Return the objects of the pictures at ``index``, int64 or bool."""
        return Objects(self.boxes[index], self.masks[index], self.known)


def find_objects(pictures: Pictures, data: str) -> Objects:
    """Return where the objects are: by the masks that come with the pictures, else the boxes.

    Grey pictures that have neither, such as MNIST's, show their object on black: it is the pixels above
    ``c2f.datasets.scenes.OBJECT_ABOVE``.

    Args:
        pictures: N of them.
        data: the data set's name, for the message.

    Raises:
        ValueError: coloured pictures with neither, boxes of another convention, or a picture without any object.
    """
    if pictures.masks is None and pictures.boxes is not None:
        masks = localization.boxes_to_masks(pictures.boxes, *pictures.images.shape[2:])
        return Objects(pictures.boxes.cpu(), masks, "boxes")
    if pictures.masks is not None:
        masks, known = pictures.masks.cpu(), "masks"
    elif pictures.in_channels == 1:
        masks, known = pictures.images[:, 0].cpu() > OBJECT_ABOVE, "bright pixels"
    else:
        raise ValueError(
            f"{data} has coloured pictures with neither boxes nor masks, so nobody knows where the object is: "
            "take data that say so (scenes-fashion-mnist-sample, tiny-imagenette) or grey pictures. `c2f explain` "
            "draws maps of any pictures, which nobody can score"
        )
    return Objects(localization.masks_to_boxes(masks), masks, known)
