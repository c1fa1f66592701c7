from dataclasses import asdict

import pytest

from c2f import datasets, networks
from c2f.datasets.augment import AUGMENTATIONS
from c2f.experiments.glimpses.recipes import setup_name
from c2f.experiments.highres.recipes import dense_recipe
from c2f.training.recipes import PROFILES, RECIPES, Recipe, recipe, recipe_name
from tests.oracles import top_down as oracle

# Section 4 of the paper, from the authors' run scripts, row by row:
# data, recipe, networks, lr, weight decay, epochs, repetitions, batch, pixel mean, augmentation
ROWS = [
    ("mnist", None, ["lenetfc"], 0.1, 0, 50, 4, 128, False, "none"),
    ("mnist", None, ["lenetfc_td"], 0.1, 0, 30, 4, 128, False, "none"),
    ("mnist", None, ["nin_light", "nin_light_td"], 0.1, 0, 50, 4, 128, False, "none"),
    ("fashion-mnist", None, ["lenetfc", "lenetfc_td"], 0.1, 0, 40, 4, 128, False, "none"),
    ("fashion-mnist", None, ["nin_light", "nin_light_td"], 0.1, 0, 50, 4, 128, False, "none"),
    ("cifar10", None, ["resnet32", "resnet32_td", "nin", "nin_td"], 0.1, 5e-4, 100, 4, 128, True, "none"),
    (
        "cifar10",
        "cifar10-aug",
        ["resnet32", "resnet32_td", "nin", "nin_td"],
        0.1,
        1e-4,
        200,
        4,
        128,
        True,
        "shift_flip",
    ),
    ("imagenette", None, ["resnet18"], 0.1, 1e-3, 50, 1, 128, True, "pca_flip_crop"),
    ("imagenette", None, ["resnet18_td"], 0.05, 1e-3, 80, 1, 64, True, "pca_flip_crop"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1] or row[0]}-{row[2][0]}")
def test_recipes_are_the_papers(row):
    data, name, among, lr, weight_decay, epochs, repetitions, batch_size, pixel_mean, augmentation = row
    for network in among:
        found = recipe(network, data, name=name)
        assert found.name == (name or data)
        assert found.lr == lr
        assert found.weight_decay == weight_decay
        assert found.epochs == epochs
        assert found.repetitions == repetitions
        assert found.batch_size == batch_size
        assert found.pixel_mean is pixel_mean
        assert found.augmentation == augmentation
        assert found.momentum == 0.9
        assert found.schedule == "three_stage"
        assert found.validation == (0 if data == "imagenette" else 0.1)
        assert found.image_size == (128 if data == "imagenette" else None)
        assert round(found.train_scale * 128) == (156 if data == "imagenette" else 128)


@pytest.mark.parametrize("data", ["mnist", "fashion-mnist", "cifar10", "imagenette", "tiny-imagenette"])
def test_uniform_and_reversed_networks_share_the_top_down_recipe(data):
    for network in networks.names("classifier"):
        if network.endswith("_td"):
            for variant in ("_uni", "_rev"):
                assert recipe(network + variant, data) == recipe(network, data)
    assert recipe("lenetfc_td_rev", "mnist").epochs == 30
    assert recipe("resnet18_td_uni", "imagenette").batch_size == 64


def test_every_data_set_has_a_recipe_for_every_network():
    for data in datasets.names():
        assert recipe_name(data) in RECIPES
        for network in networks.names("classifier"):
            assert recipe(network, data).augmentation in AUGMENTATIONS
    assert recipe_name("fashion-mnist-sample") == "fashion-mnist"
    for plain in ("cifar10", "cifar10-jpeg"):  # the same pictures, under the name of the other recipe
        assert (recipe_name(plain), recipe_name(f"{plain}-aug")) == ("cifar10", "cifar10-aug")
        assert datasets.info(f"{plain}-aug").where("root") == datasets.info(plain).where("root")
    assert datasets.info("cifar10-jpeg-aug").title == "CIFAR-10 (JPEG, augmented)"
    # The other experiments take theirs by the same names, where they have one.
    assert dense_recipe("densenet_half", "scenes-mnist").name == "scenes"
    assert dense_recipe("densenet_half", "tiny-animals").name == "tiny-imagenet"
    assert dense_recipe("densenet_half", "mnist").name == dense_recipe("densenet_half", "folder:mine").name == "paper"
    assert [setup_name(data) for data in ("scenes-mnist", "canvas-mnist", "mnist")] == ["scenes", "canvas", "other"]
    assert recipe_name("folder:mine") == "cifar10-aug"


@pytest.mark.parametrize("network", ["lenetfc", "nin_td", "resnet18_td_rev"])
@pytest.mark.parametrize("data", ["mnist", "cifar10", "imagenette"])
def test_quick_changes_only_what_the_profile_says(network, data):
    paper, quick = asdict(recipe(network, data)), asdict(recipe(network, data, profile="quick"))
    assert quick == {**paper, **PROFILES["quick"]}
    assert recipe(network, data, profile="paper") == recipe(network, data)


def test_changes_win_and_none_changes_nothing():
    changed = recipe("lenetfc", "mnist", "quick", epochs=7, lr=None, weight_decay=1e-4)
    assert (changed.epochs, changed.lr, changed.weight_decay, changed.repetitions) == (7, 0.1, 1e-4, 1)


@pytest.mark.parametrize("epochs", [5, 10, 20, 30, 40, 50, 100, 200])
def test_the_schedule_is_the_authors(epochs):
    expected = oracle.facts()["schedule_lr0_0.1"][str(epochs)]
    found = Recipe("r", epochs=epochs)
    assert [found.learning_rate(epoch) for epoch in range(epochs)] == pytest.approx(expected, rel=1e-9)


def test_the_schedule_by_hand():
    def drops(epochs):
        rates = [Recipe("r", epochs=epochs, lr=1).learning_rate(epoch) for epoch in range(epochs)]
        return [rates.index(rate) for rate in sorted(set(rates), reverse=True)], rates[-1]

    assert drops(50) == ([0, 25, 40], pytest.approx(0.01))
    assert drops(7) == ([0, 4, 6], pytest.approx(0.01))  # ceil(3.5), ceil(5.6)
    assert drops(2) == ([0, 1], pytest.approx(0.1))  # the second drop would come after the last epoch
    assert drops(1) == ([0], 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"network": "lenet"}, "unknown network 'lenet'; did you mean 'lenetfc'"),
        ({"profile": "fast"}, "unknown profile 'fast'\nThere are: quick, paper"),
        ({"name": "cifar"}, "unknown recipe 'cifar'; did you mean 'cifar10'"),
        ({"epoch": 3}, r"Recipe has no field 'epoch'; did you mean 'epochs'\?\nThere are: name, epochs, lr"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
        ({"epochs": 2.5}, r"epochs must be a whole number of at least 1, not 2\.5"),
        ({"epochs": "5"}, "epochs must be a whole number of at least 1, not '5'"),
        ({"batch_size": -1}, "batch_size must be a whole number of at least 1, not -1"),
        ({"repetitions": True}, "repetitions must be a whole number of at least 1, not True"),
        ({"image_size": 0}, "image_size must be a whole number of at least 1, not 0"),
        ({"lr": 0}, "lr must be a number above 0, not 0"),
        ({"lr": "1e-4"}, "lr must be a number above 0, not '1e-4'"),
        ({"lr": float("nan")}, "lr must be a number above 0, not nan"),
        ({"lr": float("inf")}, "lr must be a number above 0, not inf"),
        ({"weight_decay": -1e-4}, "weight_decay must be a number of at least 0, not -0.0001"),
        ({"weight_decay": float("nan")}, "weight_decay must be a number of at least 0, not nan"),
        ({"validation": 1}, r"validation must be a number in \[0, 1\), not 1"),
        ({"momentum": -0.1}, r"momentum must be a number in \[0, 1\), not -0.1"),
        ({"train_scale": 0.5}, "train_scale must be a number of at least 1, not 0.5"),
        ({"schedule": "four_stage"}, "unknown schedule 'four_stage'; did you mean 'three_stage'"),
        ({"augmentation": "shift"}, "unknown augmentation 'shift'; did you mean 'shift_flip'"),
    ],
)
def test_bad_values_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        recipe(**{"network": "lenetfc", "data": "mnist", **arguments})
