"""Trained networks by name: ``load`` one of any kind, ``available`` lists those of a folder or of the book.

::

    model = zoo.load("lenetfc_td", "fashion-mnist", seed=0)
    model.network, model.classes, model.mean, model.record
"""

from c2f.zoo.models import TrainedModel, available, load, record

__all__ = ["TrainedModel", "available", "load", "record"]
