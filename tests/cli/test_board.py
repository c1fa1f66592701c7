"""The logs for TensorBoard, of any kind of training."""

import pytest

from tests.toys import write_colours


@pytest.mark.parametrize(("network", "size"), [("mgnet_small_cnn", 64), ("lenetfc_td", 28)])
def test_tensorboard_holds_scalars_pictures_and_histograms_a_folder_a_seed(c2f, network, size, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for part in ("train", "test"):
        write_colours(tmp_path / "photos" / part, 6)
    options = ("--epochs", 1, "--seeds", 3, "--batch-size", 6, "--image-size", size, "--device", "cpu")
    folders = ("--tensorboard", tmp_path / "logs", "--output", tmp_path / "out")
    status, _, complaint = c2f("train", network, f"folder:{tmp_path / 'photos'}", *options, *folders)
    assert status == 0, complaint
    (folder,) = (tmp_path / "logs").glob(f"{network}--*")
    assert [path.name for path in folder.iterdir()] == ["seed3"]
    found = events.EventAccumulator(str(folder / "seed3")).Reload().Tags()
    assert {"train/loss", "learning_rate"} <= set(found["scalars"])
    assert found["images"] == ["windows" if network.startswith("mgnet") else "maps"]
    assert found["histograms"]
