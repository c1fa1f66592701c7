"""The table of data sets.

The addresses, archives' checksums and file names of MNIST, Fashion-MNIST, CIFAR-10 and Imagenette are torchvision's
own. They are written out here, and a test compares them, because importing torchvision takes longer than most commands,
and 160 MiB.
"""

from dataclasses import replace

from c2f.common.shipped import restore
from c2f.datasets.row import Archive, Info
from c2f.datasets.tiny_imagenet import TINY_ANIMALS, TINY_IMAGENETTE

_CIFAR_LICENCE = "none stated; free for research with citation"
_CIFAR_CITATION = "Krizhevsky: Learning multiple layers of features from tiny images. Toronto, 2009"
_CIFAR_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
_LIKE_IMAGENET = "ImageNet's terms: non-commercial research and education"
_IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def _idx(mirrors: tuple[str, ...], *archives: tuple[str, int]) -> tuple[Archive, ...]:
    """Return the archives of ``_IDX_FILES``, given as (md5, bytes)."""
    return tuple(
        Archive(f"{file}.gz", tuple(f"{mirror}{file}.gz" for mirror in mirrors), md5, size)
        for file, (md5, size) in zip(_IDX_FILES, archives, strict=True)
    )


def _sha256(*sums: str) -> dict[str, str]:
    return dict(zip(_IDX_FILES, sums, strict=True))


_IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}

_FASHION = Info(
    name="fashion-mnist",
    title="Fashion-MNIST",
    layout="idx",
    folder="FashionMNIST/raw",
    files=_IDX_FILES,
    train=60_000,
    test=10_000,
    licence="MIT",
    citation="Xiao, Rasul, Vollgraf: Fashion-MNIST: a novel image dataset for benchmarking machine learning "
    "algorithms. arXiv 1708.07747, 2017",
    home="https://github.com/zalandoresearch/fashion-mnist",
    archives=_idx(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    ),
    unpacked=54_950_048,
    label_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    sha256=_sha256(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)

_TINY = Info(
    name="tiny-imagenet",
    title="Tiny-ImageNet",
    layout="tiny-imagenet",
    folder="tiny-imagenet-200",
    files=("words.txt", "train", "val/images", "val/val_annotations.txt"),
    train=100_000,
    test=10_000,
    licence=_LIKE_IMAGENET,
    citation="Le, Yang: Tiny ImageNet visual recognition challenge. Stanford CS 231N, 2015",
    home="http://cs231n.stanford.edu/",
    archives=(
        Archive(
            "tiny-imagenet-200.zip",
            (
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
            ),
            "90528d7ca1a48142e341f4ef8d21d0de",
            248_100_043,
        ),
    ),
    unpacked=600_000_000,
)

_MNIST = Info(
    name="mnist",
    title="MNIST",
    layout="idx",
    folder="MNIST/raw",
    files=_IDX_FILES,
    train=60_000,
    test=10_000,
    licence="CC BY-SA 3.0",
    citation="LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition. "
    "Proceedings of the IEEE 86(11), 1998",
    home="http://yann.lecun.com/exdb/mnist/",
    archives=_idx(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
    unpacked=54_950_048,
    label_names=tuple("0123456789"),
    sha256=_sha256(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)

_SAMPLE = replace(
    _FASHION,
    name="fashion-mnist-sample",
    title="Fashion-MNIST sample",
    folder="fashion-mnist-sample",
    files=(*_IDX_FILES, "sample.json"),
    train=10_000,
    test=2_000,
    archives=(),
    unpacked=0,
    sha256={},  # sample.json has those of its files
    shipped=True,
    by_hand=f"It comes with the project: {restore('fashion-mnist-sample')}, or take `fashion-mnist`.",
)


def _scenes(source: Info, train: int, test: int) -> Info:
    """Return the row of the scenes made of ``source``: its files, so that to fetch them is to fetch it."""
    title = f"Scenes of {source.title}"
    return replace(source, name=f"scenes-{source.name}", title=title, train=train, test=test, source=source.name)


def _augmented(plain: Info) -> Info:
    """Return the row of the same files under the name whose recipe augments them, so that both can be recorded."""
    title = plain.title.removesuffix(")") + (", augmented)" if plain.title.endswith(")") else " (augmented)")
    return replace(plain, name=f"{plain.name}-aug", title=title)


_CIFAR10 = Info(
    name="cifar10",
    title="CIFAR-10",
    layout="cifar-batches",
    folder="cifar-10-batches-py",
    files=(*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"),
    train=50_000,
    test=10_000,
    licence=_CIFAR_LICENCE,
    citation=_CIFAR_CITATION,
    home=_CIFAR_HOME,
    archives=(
        Archive(
            "cifar-10-python.tar.gz",
            ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
            "c58f30108f718f92721af3b95e74349a",
            170_498_071,
        ),
    ),
    unpacked=186_000_000,
    label_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
)
_CIFAR10_JPEG = Info(
    name="cifar10-jpeg",
    title="CIFAR-10 (JPEG)",
    layout="class-folders",
    folder="cifar10-jpeg",
    files=("train", "test"),
    train=50_000,
    test=10_000,
    licence=_CIFAR_LICENCE,
    citation=_CIFAR_CITATION,
    home=_CIFAR_HOME,
    by_hand="It is CIFAR-10 saved as JPEG files and has no public home: put the pictures into "
    "cifar10-jpeg/train/CLASS/*.jpg and cifar10-jpeg/test/CLASS/*.jpg under C2F_DATA, or take `cifar10`.",
)

ROWS = (
    _MNIST,
    _FASHION,
    _SAMPLE,
    _CIFAR10,
    _augmented(_CIFAR10),
    _CIFAR10_JPEG,
    _augmented(_CIFAR10_JPEG),
    Info(
        name="imagenette",
        title="Imagenette",
        layout="class-folders",
        folder="imagenette2",
        files=("train", "val"),
        train=9_469,
        test=3_925,
        licence=f"Apache 2.0 for the selection; the pictures: {_LIKE_IMAGENET}",
        citation="Howard: Imagenette, a smaller subset of 10 easily classified classes from ImageNet. 2019",
        home="https://github.com/fastai/imagenette",
        archives=(
            Archive(
                "imagenette2.tgz",
                ("https://s3.amazonaws.com/fast-ai-imageclas/imagenette2.tgz",),
                "fe2fc210e6bb7c5664d602c3cd71e612",
                1_557_161_267,
            ),
        ),
        unpacked=1_600_000_000,
        classes=tuple(_IMAGENETTE_CLASSES),
        class_names=_IMAGENETTE_CLASSES,
    ),
    _TINY,
    replace(_TINY, name="tiny-imagenette", title="Tiny-Imagenette", train=5_000, test=500, classes=TINY_IMAGENETTE),
    replace(_TINY, name="tiny-animals", title="Tiny-Animals", train=7_500, test=750, classes=TINY_ANIMALS),
    _scenes(_SAMPLE, 5_000, 1_000),
    _scenes(_FASHION, 20_000, 5_000),
    _scenes(_MNIST, 20_000, 5_000),
)
"""A row each, in the order in which they are listed."""
