"""Trained networks by name."""

from c2f.zoo.weights import available, load, record

__all__ = ["available", "load", "record"]
