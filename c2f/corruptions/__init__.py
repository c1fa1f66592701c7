"""Common corruptions: fifteen kinds of bad luck in five severities, for pictures of 28 to 224 pixels.

::

    from c2f import corruptions

    spoiled = corruptions.corrupt(pictures, "fog", severity=3)  # uint8 (N, C, H, H), as pictures are

Hendrycks and Dietterich: "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019,
arXiv 1903.12261; definitions after their code (https://github.com/hendrycks/robustness, Apache 2.0).

**Sizes.** The published numbers are for 224, 64 and 32 pixels; ``table_for`` says which of them pictures of another
size get: the nearest. Pictures below 32 pixels (the digits' 28) are padded to 32 by repeating their edge, and cut out
again.

**Grey pictures.** Of a picture with one channel, that channel is corrupted as each channel of a coloured picture would
be; noise is drawn once a pixel, and frost adds its photograph's grey level.

Axes: N pictures, C channels (1 or 3), H = W rows and columns.
"""

from c2f.corruptions.apply import STORED, available, corrupt, names, title
from c2f.corruptions.table import CORRUPTIONS, SEVERITIES, SIZES, Corruption, table_for

__all__ = [
    "CORRUPTIONS",
    "SEVERITIES",
    "SIZES",
    "STORED",
    "Corruption",
    "available",
    "corrupt",
    "names",
    "table_for",
    "title",
]
