"""The commands of ``c2f``, a module for each group; importing this registers them in the order of ``--help``.

Thin: each command checks its arguments, calls the package and prints what comes back. What a command needs is imported
when it is called, so that ``--help`` is quick. What several have is told once, in ``c2f.cli.options``.
"""

from collections.abc import Sequence

# isort: off
from c2f.cli import train, evaluation, explanation, attacks, localization, highres, corruptions, benchmark, data  # noqa: F401
from c2f.cli import subset, splitting, importing, export, curves, listing, references, chapters, sweep  # noqa: F401

# isort: on
from c2f.cli.app import app
from c2f.cli.options import carried_out

__all__ = ["app", "fit_to"]


def fit_to(arguments: Sequence[str]) -> None:
    """Give a command that depends on the kind of network the options of the network that ``arguments`` name.

    Args:
        arguments: of the command line, the command first.

    Raises:
        ValueError: an unknown network, or one of a kind that the command does not know.
    """
    command, *named = [word for word in arguments[:2] if not word.startswith("-")] or [""]
    if command not in ("train", "attack") or not named:
        return
    from c2f import networks
    from c2f.common.checks import choose
    from c2f.networks.own import is_own

    if command == "train":
        from c2f.cli.training import COMMANDS
    else:
        COMMANDS = attacks.COMMANDS
    if command == "attack" and is_own(named[0]):
        return  # the attacks on a classifier, as they stand
    choose(named[0], [name for kind in COMMANDS for name in networks.names(kind)], f"network to {command}")
    app.command(name=command)(carried_out(COMMANDS[networks.kind_of(named[0])]))
