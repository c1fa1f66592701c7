"""The options of a sweep's entry, as the command that carries a job out takes and checks them."""

import contextlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, get_type_hints

import tyro

from c2f.cli.options import Order
from c2f.common.checks import choose

_OWN = ("seeds", "output", "attacks", "again", "at_once", "tensorboard")
"""Options that the sweep gives itself, or that do not go with one."""


class SweepError(ValueError):
    """Something in a sweep's file that is unknown, missing, ill-typed or there twice; file and place are named."""


def listed(value: object) -> list[Any]:
    """Return a list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]


def order_of(check: Callable[..., Order], network: str, data: str, options: dict[str, Any]) -> Order:
    """Return what the command of a network makes of the options, all of them checked."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(check, args=[network, data, *words_of(check, options)], prog="c2f")
    except SystemExit as end:
        lines = [line.strip(" │─╭╮╰╯-") for line in said.getvalue().splitlines()[1:]]  # without box and title
        text, *_ = re.split(" Argument helptext| For full helptext", " ".join(filter(None, lines)))
        raise SweepError(f"options: {text}") from end


def _options(check: Any) -> dict[str, Any]:
    """Return the options of a command by name, those of its dataclasses among them, and their types."""
    hints = get_type_hints(check)
    found: dict[str, Any] = {}
    for name, hint in hints.items():
        if is_dataclass(hint):
            found |= _options(hint)
        elif name not in ("network", "data", "return"):
            found[name] = hint
    return found


def words_of(check: Callable[..., Any], options: Mapping[Any, Any]) -> list[str]:
    """Return options, which the command has, as a command line has them; None leaves one out."""
    known, words = _options(check), []
    for given, value in options.items():
        name = str(given).replace("-", "_")
        if name in _OWN:
            raise SweepError(f"option {given!r} is the sweep's own: it does not belong into {'options'!r}")
        choose(name, [one for one in known if one not in _OWN], "option")
        if isinstance(value, dict):
            raise SweepError(f"option {given!r} must be a value or a list of values, not {value!r}")
        flag = f"--{name.replace('_', '-')}"
        if known[name] is bool and isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif value is not None:
            words += [flag, *map(str, listed(value))]
    return words
