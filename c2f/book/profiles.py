"""Profiles: sets of values for the parameters of every chapter.

``quick`` is what the notebooks themselves say; each other profile is a file ``book/profiles/NAME.yaml`` that maps a
chapter to its parameters, and gives every one of them.
"""

from pathlib import Path
from typing import Any

from c2f.book.chapters import BOOK, Chapter, ParameterError, chapters, check, parameters
from c2f.common import plain_yaml
from c2f.common.checks import did_you_mean

QUICK = "quick"
"""The profile that the notebooks themselves hold."""


def profiles(book: Path = BOOK) -> list[str]:
    """Return the names of the profiles, ``quick`` first."""
    return [QUICK, *sorted(path.stem for path in (Path(book) / "profiles").glob("*.yaml"))]


def profile_values(chapter: Chapter, profile: str = QUICK) -> dict[str, Any]:
    """Return the parameters that ``profile`` gives ``chapter``: none for ``quick``, all of them for every
    other.

    Args:
        chapter: whose parameters are wanted.
        profile: a name in ``profiles()``, or the path of a file of one's own that ends in ``.yaml`` or
            ``.yml``.

    Raises:
        ValueError: there is no such profile; or, as a ``ParameterError``, the file names a chapter or
            parameter that there is not, leaves this chapter or one of its parameters out, or gives a value
            of another type.
    """
    import yaml

    if profile == QUICK:
        return {}
    book = chapter.path.parent
    own = Path(profile).suffix in (".yaml", ".yml")
    path = Path(profile) if own else book / "profiles" / f"{profile}.yaml"
    if not path.is_file():
        raise ValueError(
            f"unknown profile {profile!r}{did_you_mean(profile, profiles(book))}\n"
            f"There are: {', '.join(profiles(book))}; or give the path of a .yaml file"
        )
    try:
        values = plain_yaml.load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not YAML: {error}") from error
    by_name = {c.name: c for c in chapters(book)}
    if not isinstance(values, dict) or not all(isinstance(v, dict) for v in values.values()):
        raise ParameterError(f"{path} must map chapters to their parameters, e.g. '{chapter.name}: {{...}}'")
    for name in values:
        if name not in by_name:
            raise ParameterError(f"{path}: unknown chapter {str(name)!r}{did_you_mean(str(name), by_name)}")
    if chapter.name not in values:
        raise ParameterError(
            f"{path} does not give the parameters of {chapter.name}; add '{chapter.name}:' and below it "
            f"{', '.join(parameters(chapter)) or '{}'}"
        )
    return check(chapter, values[chapter.name], complete=True, where=f"{path.name}, {chapter.name}")
