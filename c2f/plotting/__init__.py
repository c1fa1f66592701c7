"""What figures of two or more experiments draw: pictures, maps, colours, alternative texts."""

from c2f.plotting.colours import glimpse_colour
from c2f.plotting.figures import came_out, show

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")

__all__ = ["OKABE_ITO", "came_out", "glimpse_colour", "show"]
