"""One bad input: what is typed, and what lies there."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A command, the files that lie where it is typed, and the folder there that it may write.

    ``links`` lead from names to other names, as to ``keep``, a file that must stay as it is.
    """

    arguments: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    writes: str = "out"
    links: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return shlex.join(("pixelproof", *self.arguments))[:300]

    def lay(self, folder: Path) -> None:
        """Put everything into ``folder``."""
        for name, content in {"keep": b"as it was", **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, target in self.links.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(folder / target)
