import pytest
from matplotlib.figure import Figure

from c2f.plotting.trainings import training_curves


def history(epochs, held_out=True):
    values = [1 / (epoch + 1) for epoch in range(epochs)]
    nothing = [None] * epochs
    return {
        "seconds": values, "train_loss": values, "train_accuracy": values,
        "val_loss": values if held_out else nothing, "val_accuracy": values if held_out else nothing,
    }  # fmt: skip


def test_lines_are_the_means_over_seeds_of_the_epochs_that_all_have():
    loss, accuracy = training_curves(Figure(), {"a": [history(3), history(2)], "b": [history(3, held_out=False)]})
    lines = {line.get_label(): line for line in accuracy.lines}
    assert set(lines) == {"a, training", "a, held out", "b, training"}
    assert lines["a, held out"].get_ydata().tolist() == [100, 50]
    assert [line.get_ydata()[0] for line in loss.lines] == [1, 1, 1]
    with pytest.raises(ValueError, match="nothing to draw"):
        training_curves(Figure(), {"a": []})


def test_the_command(c2f, tmp_path):
    status, out, err = c2f("curves", "lenetfc_td--fashion-mnist", "mgnet_small_cnn--scenes-fashion-mnist",
                           "segmentation_td--fashion-mnist-sample", "densenet_full--scenes-fashion-mnist", "--to", tmp_path / "a.svg")  # fmt: skip
    assert (status, "4 trainings in" in out) == (0, True), err
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()[:500]
    for words, message in (
        (("lenetfc_tb--fashion-mnist",), "there is no record"),
        ((), "name at least one training"),
        (("lenetfc_td--fashion-mnist", "--to", "a.jpg"), "unknown ending of a figure's file 'jpg'"),
        (("data/runs/lenetfc_td--fashion-mnist--contrast--minimal.json",), "not of a training: it has no epochs"),
    ):
        status, _, err = c2f("curves", *words)
        assert (status, message in err) == (2, True), err
