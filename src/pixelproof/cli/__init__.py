"""The command line: one thin file a command."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run a command; see ``pixelproof.cli.app``, whose import takes long enough to be interrupted."""
    try:
        from pixelproof.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; nothing finished is lost.\n")
        sys.exit(130)


__all__ = ["main"]
