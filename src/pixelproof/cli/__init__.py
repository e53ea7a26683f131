"""The command line: one thin file a command."""

import shlex
import sys
from typing import NoReturn

from pixelproof.interrupts import Terminated, terminable


def main() -> NoReturn:
    """Run a command; see ``pixelproof.cli.app``, whose import takes long enough to be interrupted."""
    try:
        with terminable():
            from pixelproof.cli.app import main as run

            run()
    except KeyboardInterrupt as error:  # before the command is known, or after all was said
        command = shlex.join(["pixelproof", *sys.argv[1:]])
        sys.stderr.write(f"Interrupted; nothing finished is lost. Continue with: {command}\n")
        sys.exit(143 if isinstance(error, Terminated) else 130)


__all__ = ["main"]
