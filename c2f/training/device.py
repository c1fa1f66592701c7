"""The device to work on."""

import os

import torch


def find_device(wanted: str | None = None) -> str:
    """Return the device to train on: the one asked for, else a GPU (its own for each torchrun process), else the CPU.

    Raises:
        ValueError: ``wanted`` cannot be used here.
    """
    if wanted is None:
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {wanted!r} cannot be used here: {str(error).splitlines()[0]}; try cpu") from error
    return wanted
