"""Idx files: MNIST's format, plain or packed."""

import gzip
import lzma
import math
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

import torch
from torch import Tensor

from c2f.datasets.decoding import DamagedData

OPENERS: dict[str, Callable] = {"": open, ".gz": gzip.open, ".xz": lzma.open}
"""How a file is opened, by the ending of its packing."""


def idx_file(folder: Path, name: str) -> Path | None:
    """Return the file in ``folder`` that holds ``name``, one of MNIST's four, or None.

    It may be packed (``.gz``, ``.xz``), lie in a folder called as itself, and have a dot before ``idx``, as data
    portals hand it out: ``train-images.idx3-ubyte``.
    """
    called = (name, name.replace("-idx", ".idx"))
    for place in (folder, *(folder / own for own in called)):
        for path in (place / f"{own}{packing}" for own in called for packing in OPENERS):
            if path.is_file():
                return path
    return None


def read_idx(path: Path, dimensions: int) -> Tensor:
    """Read bytes in MNIST's idx format: 0, 0, 8, ``dimensions``; the sizes, 4 bytes each; the bytes.

    Args:
        path: the plain file; where it is not there, what ``idx_file`` finds for it is read instead.
        dimensions: 1 for labels, 3 for pictures.

    Returns:
        uint8, of the file's own shape.

    Raises:
        FileNotFoundError: neither is there.
        DamagedData: another magic number, or another number of bytes than the header says.
    """
    packed = idx_file(path.parent, path.name)
    if packed is None:
        raise FileNotFoundError(f"neither {path} nor {path.name}.gz nor {path.name}.xz is there")
    try:
        with open_idx(packed) as file:
            content = bytearray(file.read())
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise DamagedData(f"{packed} cannot be unpacked: {error}") from error
    header = 4 + 4 * dimensions
    magic = bytes((0, 0, 8, dimensions))
    if content[:4] != magic:
        raise DamagedData(
            f"{packed} is no idx file of {dimensions}-dimensional bytes: it begins with "
            f"{bytes(content[:4]).hex(' ') or 'nothing'}, not {magic.hex(' ')}"
        )
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4)]
    if len(content) != header + math.prod(shape):
        kind = "cut short" if len(content) < header + math.prod(shape) else "too long"
        raise DamagedData(
            f"{packed} is {kind}: its header announces {' x '.join(map(str, shape))} = {math.prod(shape)} "
            f"bytes, {max(len(content) - header, 0)} follow"
        )
    return torch.frombuffer(content, dtype=torch.uint8)[header:].view(shape)


def open_idx(path: Path) -> BufferedIOBase:
    """Open a file that ``idx_file`` found, to read its bytes unpacked."""
    return OPENERS[path.suffix if path.suffix in OPENERS else ""](path, "rb")


def write_idx(array: Tensor) -> bytes:
    """Return a uint8 tensor of any number of dimensions in MNIST's idx format: what ``read_idx`` reads."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.contiguous().numpy().tobytes()
