"""What figures of two or more experiments draw: pictures, maps, colours, alternative texts."""

from c2f.plotting.figures import OKABE_ITO, glimpse_colour, show

__all__ = ["OKABE_ITO", "glimpse_colour", "show"]
