"""The command line: one thin file a command."""

import sys
from typing import NoReturn

from pixelproof.interrupts import interrupted, terminable


def main() -> NoReturn:
    """Run a command; see ``pixelproof.cli.app``, whose import takes long enough to be interrupted."""
    try:
        with terminable():
            from pixelproof.cli.app import main as run

            run()
    except KeyboardInterrupt as error:  # before the command is known, or after all was said
        sentence, code = interrupted(error, ["pixelproof", *sys.argv[1:]])
        sys.stderr.write(f"{sentence}\n")
        sys.exit(code)


__all__ = ["main"]
