"""What runs networks in a page: TensorFlow.js with its WebAssembly, from the registry's packages, each file checked.

Nothing of it is loaded from a server while somebody reads. The files are fetched once, by ``npm pack``, and kept in the
data folder. Of the libraries that were tried it is the smallest that answers in time and works from a disk: 0.6 MB,
started in 50 ms. (onnxruntime-web's smallest WebAssembly is 14.2 MB; TensorFlow.js in plain JavaScript is 0.4 MB, but
does 100 million multiply-adds a second, so that the pair of chapter 4 takes 75 ms; jax-js is as small, but its versions
begin with 0.1.)
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from c2f.common.files import atomic_path, sha256
from c2f.common.outside import data_root, offline

VERSION = "4.22.0"
FILES = {
    "tf-core.es2017.min.js": (
        "@tensorflow/tfjs-core",
        "c55367325aa628ed685164d5c4210892e31c6d2d0e8c163a827b15ad330d1eba",
    ),
    "tf-backend-wasm.es2017.min.js": (
        "@tensorflow/tfjs-backend-wasm",
        "bdd8c3c1fb0b37601bc2a122efa20b8d78e2936d104b03a44591be4188c63f65",
    ),
    "tfjs-backend-wasm-simd.wasm": (
        "@tensorflow/tfjs-backend-wasm",
        "77ebb28a6d34f371dbbf2086b7f2de8994acd8ea5a3cf1fa24d2c26c840cac7b",
    ),
}
"""File -> the npm package that holds it in ``dist/``, and its SHA-256. All are under the Apache License 2.0; its text
ships with them."""


class EngineMissing(RuntimeError):
    """The engine is not on this machine and could not be fetched."""


def there() -> bool:
    """Return whether the engine's files are on this machine, whole."""
    try:
        return all(_is(_folder() / name, digest) for name, (_, digest) in FILES.items())
    except EngineMissing:
        return False


def _folder() -> Path:
    try:
        return data_root() / "vendor" / f"tfjs-{VERSION}"
    except FileNotFoundError as error:
        raise EngineMissing(str(error)) from error


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest


def engine() -> dict[str, Path]:
    """Return the engine's files by their names, fetched where they are not there yet, each with the right checksum.

    Raises:
        EngineMissing: they are not there, and npm, the network or the leave to use it is missing; with the remedy.
    """
    folder = _folder()
    for package in dict.fromkeys(package for package, _ in FILES.values()):
        wanted = {name: digest for name, (owner, digest) in FILES.items() if owner == package}
        if not all(_is(folder / name, digest) for name, digest in wanted.items()):
            _fetch(package, wanted, folder)
    return {name: folder / name for name in FILES}


def _fetch(package: str, wanted: dict[str, str], folder: Path) -> None:
    remedy = "install npm and build once with a network"
    if offline():
        raise EngineMissing(f"{package} {VERSION} is not in {folder}, and C2F_OFFLINE forbids to fetch it: {remedy}")
    npm = shutil.which("npm")
    if npm is None:
        raise EngineMissing(f"{package} {VERSION} is not in {folder}, and there is no npm to fetch it: {remedy}")
    try:
        contents = _packed(npm, package, list(wanted))
        for name, digest in wanted.items():
            content = contents[name]
            if hashlib.sha256(content).hexdigest() != digest:
                raise EngineMissing(f"{name} of {package} {VERSION} is not what was expected (sha256 differs)")
            with atomic_path(folder / name) as path:
                path.write_bytes(content)
    except (OSError, subprocess.SubprocessError, tarfile.TarError, KeyError) as error:
        raise EngineMissing(f"{package} {VERSION} could not be fetched ({error}): {remedy}") from error


def _packed(npm: str, package: str, names: list[str]) -> dict[str, bytes]:
    """Return the content of files in the registry's package, by their names in ``dist/``."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", f"{package}@{VERSION}", "--silent", "--ignore-scripts", "--pack-destination", temporary]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, cwd=temporary)
        contents = {}
        for path in Path(temporary).glob("*.tgz"):
            with tarfile.open(path) as archive:
                for name in names:
                    file = archive.extractfile(f"package/dist/{name}")
                    contents[name] = file.read() if file else b""
        return contents
