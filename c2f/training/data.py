"""The data that a recipe asks for, loaded once and kept in memory."""

from functools import lru_cache

from c2f import datasets
from c2f.datasets.pictures import DataSet, Pictures
from c2f.training.recipes import Recipe

EVALUATION_BATCH = {"classifier": 1000, "segmentation": 100, "densenet": 100, "glimpses": 500}
"""Kind of network -> pictures a batch when nothing is trained; changes no result."""


@lru_cache(maxsize=2)
def load_data_set(data: str, image_size: int | None) -> DataSet:
    """Return a data set with its pictures at ``image_size``; the last two are kept."""
    return datasets.load(data, image_size=image_size)


def load_for(data: str, recipe: Recipe) -> tuple[Pictures, DataSet]:
    """Return the training pictures at the recipe's training size, and the data set at the size it is tested at."""
    tested = load_data_set(data, recipe.image_size)
    if recipe.train_scale == 1:
        return tested.train, tested
    size = round(recipe.train_scale * tested.test.image_size)
    return load_data_set(data, size).train, tested
