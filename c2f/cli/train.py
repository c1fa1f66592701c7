"""``c2f train`` before it is known which network is meant."""

from tyro.conf import Positional

from c2f.cli.app import app


@app.command(name="train")
def train(network: Positional[str], data: Positional[str], /) -> None:
    """Train a network on a data set, test it, and write weights, history and record; an interrupted run is resumed.

    The options are those of the network's kind: see `c2f train lenetfc_td mnist --help`, and the same of
    segmentation_td, densenet_half or mgnet_small_cnn. On several devices or hosts, begin with `torchrun
    --nproc-per-node 2 -m c2f train` (--parallel).

    Args:
        network: its name; see `c2f list networks`.
        data: a data set's name (see `c2f list data`) or folder:PATH with train/ and test/ in it.
    """
    raise AssertionError("c2f.cli.fit_to puts the command of the network's kind in this one's place")
