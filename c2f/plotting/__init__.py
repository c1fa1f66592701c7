"""What figures of two or more experiments draw: pictures, maps, colours, alternative texts."""

from c2f.plotting.colours import glimpse_colour
from c2f.plotting.figures import came_out, show

__all__ = ["came_out", "glimpse_colour", "show"]
