"""Scenes: one whole garment on a textured ground among clutter, with the exact mask and box of the garment.

Made from small grey pictures (Fashion-MNIST, MNIST), for questions that need ground truth: does a network look at the
object? ::

    fashion = load("fashion-mnist-sample")
    made = scenes(fashion.test, 1000, size=64, difficulty=0.5)
    made.images, made.masks, made.boxes  # uint8 (1000, 3, 64, 64), bool (1000, 64, 64), int64 (1000, 4)

A scene is, from back to front: a ground of gradient, stripes and blobs between two colours, with grain; plain shapes;
quarters of garments of other classes; the target, whole, never covered, off the border. Ground, colours, place and the
side of the target's frame are drawn independently of the class.

**The object** is where the picture, resized (bilinear, antialiased), is brighter than ``OBJECT_ABOVE``. So holes
(a bag's handle, the gaps in a sandal) and very dark parts of a garment show the ground and are not in the mask.

**Difficulty** d, from 0 to 1, moves each of these one way, in every scene (u is the scene's own draw from [0, 1)):

====================  ==============================================  =============================================
what                  how                                             from d = 0 to d = 1
====================  ==============================================  =============================================
frame of the target   (0.55 + 0.35 u)(1 - 0.4 d) of the canvas        0.55-0.90 to 0.33-0.54
contrast in level     95 - 60 d grey levels against the ground        95 to 35
contrast in hue       (1 - 0.75 d) of half the colour circle          180 to 45 degrees, to either side
contrast in ground    15 + 25 d grey levels between its colours       15 to 40, either way from their mean
clutter               floor(6 d + u) plain shapes                     0 to 6
distractors           floor(4 d + u) quarters of other garments       0 to 4
====================  ==============================================  =============================================

**Limits.** The shape of the box is the garment's own (trousers are tall, shoes are flat), and so is how much of its
frame it fills: a network can learn from them. A piece of another class says that the target is not of that class. A
quarter can look like something else as a whole (of a 7, like a 1; of a shirt, like a boot), but it is smaller than the
target. The target is never rotated, mirrored or covered. Grain is cut out of one sheet of noise for all scenes of a
seed.
"""

from c2f.datasets.scenes.making import LARGEST, SIZE, SMALLEST, check_size, scenes
from c2f.datasets.scenes.source import OBJECT_ABOVE

__all__ = ["LARGEST", "OBJECT_ABOVE", "SIZE", "SMALLEST", "check_size", "scenes"]
