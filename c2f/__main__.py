"""The command line ``c2f``; its commands are in ``c2f.cli``, and each has ``--help``."""

import logging
import os
import sys

from c2f.cli import app, fit_to


def main() -> None:
    """Run the command line; a bad argument or file gives one message and exit status 2, never a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for chatty in ("papermill", "traitlets"):  # they tell of temporary files and of sockets closed late
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        fit_to(sys.argv[1:])
        app.cli(prog="c2f", description=__doc__)
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise SystemExit("c2f: interrupted; run the same command again to go on") from None
    except BrokenPipeError:  # who read the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (ValueError, OSError, ImportError, RuntimeError, ArithmeticError, MemoryError) as error:
        print(f"c2f: {str(error) or type(error).__name__}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
