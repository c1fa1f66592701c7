"""What is in a data set, in words: what ``c2f doctor DATA`` says."""

from dataclasses import replace
from pathlib import Path

from c2f import datasets
from c2f.common.checks import shortened
from c2f.common.files import expand
from c2f.datasets.data_name import DataName
from c2f.datasets.readers import class_folders
from c2f.datasets.survey import Survey, can_hash, report, survey_folder, survey_memory


def checkup(data: str) -> list[str]:
    """Return lines about each part of a data set, and about test pictures that are in the training part too.

    Args:
        data: a name in ``c2f.datasets.names()``, ``folder:PATH``, or the path of a folder of class folders.

    Raises:
        ValueError: an unknown name.
        FileNotFoundError: the data set is not on this machine, or a folder is not there or has no class folders.
    """
    path = expand(data)
    if not DataName.parse(data).folders and data not in datasets.names() and path.is_dir():
        if not {"train", "test"} <= set(class_folders(path)):
            return [*report(survey_folder(path, can_hash())), *_without_hash()]
        data = f"folder:{path}"
    if DataName.parse(data).folders:
        parts = {part.name: survey_folder(part, can_hash()) for part in datasets.folder_paths(data)}
        note = _without_hash()
    else:
        found = datasets.load(data)
        parts, note = {"train": survey_memory({"train": found.train}), "test": survey_memory({"test": found.test})}, []
    lines = []
    for name, part in parts.items():
        lines += [f"{name}:", *(f"  {line}" for line in report(part))]
    return [*lines, *_across(*parts.values()), *note]


def _without_hash() -> list[str]:
    return [] if can_hash() else ["near duplicates were not looked for: pip install imagehash"]


def _across(train: Survey, test: Survey) -> list[str]:
    """Return lines about classes that only one part has, and test pictures that were trained on."""
    apart = set(train.classes) ^ set(test.classes)
    lines = [f"classes that only one part has: {shortened(sorted(apart))}"] if apart else []
    both = replace(train, pictures=(*train.pictures, *test.pictures))
    count = len(train.pictures)
    leaked = [i for group in both.groups() if min(group) < count for i in group if i >= count]
    if leaked:
        names = shortened([Path(both.pictures[i].name).name for i in leaked])
        return [*lines, f"{len(leaked)} test pictures are in the training part too: {names}"]
    return [*lines, "no test picture is in the training part"]
