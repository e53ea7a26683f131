"""The command line: one thin file a command."""

from pixelproof.cli.app import main

__all__ = ["main"]
