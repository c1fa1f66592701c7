from c2f import networks
from c2f.datasets import INFO
from c2f.reference import explanations, trainings
from c2f.training.recipes import recipe, recipe_name


def test_four_seeds_of_each_network():
    found = explanations.pieces()
    names = [piece.name for piece in found]
    assert len(names) == len(set(names)) == 4 * (2 + 4)
    assert names[:2] == ["lenetfc--scenes-fashion-mnist--seed0", "lenetfc_td--scenes-fashion-mnist--seed0"]
    assert "resnet18_td--tiny-imagenette--seed3" in names
    assert not set(names) & {piece.name for piece in trainings.pieces()}


def test_each_has_a_recipe_of_its_own():
    for network, data in explanations.TRAINED:
        assert data in INFO
        assert network in networks.names("classifier")
        assert recipe(network, data).name == recipe_name(data) == ("scenes" if "scenes" in data else "tiny-imagenet")


def test_the_maps_of_the_paper_are_trained_too():
    names = {piece.name for piece in trainings.pieces()}
    for data in ("mnist", "fashion-mnist"):
        assert {f"nin_light--{data}--seed0", f"nin_light_td--{data}--seed0"} <= names
