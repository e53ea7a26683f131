"""A file to which findings are added as they come: one JSON value a line, the first telling what they are of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pixelproof.errors import RunError

Line = dict[str, Any]


class Journal:
    """``lines`` are those so far, the head first. A line that a crash tore is dropped when the file is opened again."""

    def __init__(self, path: Path | None, lines: list[Line]) -> None:
        self._path, self.lines = path, lines

    @classmethod
    def begin(cls, path: Path | None, head: Line) -> Journal:
        """The journal of ``head`` at ``path`` (None: in memory), taken up where there is one.

        Raises ``RunError`` when the one there has another ``identity``.
        """
        if path is None:
            return cls(None, [head])
        if path.exists():
            found = cls.open(path)
            if found.lines[0]["identity"] != head["identity"]:
                raise RunError(
                    f"{path.parent} holds other {path.stem} (other model, data or settings); choose another folder."
                )
            return found
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = cls(path, [])
        journal.add(head)
        return journal

    @classmethod
    def open(cls, path: Path) -> Journal:
        """The journal at ``path``. Raises ``RunError`` when there is none or it is damaged."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RunError(f"{path.parent} has no {path.name}; measure first, which writes it.") from error
        whole = content[: content.rfind(b"\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
        except ValueError as error:
            raise RunError(f"{path} is damaged; delete it and measure again.") from error
        if not lines or "identity" not in lines[0]:
            raise RunError(f"{path} is damaged; delete it and measure again.")
        if len(whole) < len(content):
            os.truncate(path, len(whole))
        return cls(path, lines)

    @property
    def head(self) -> Line:
        return self.lines[0]

    def of(self, kind: str) -> list[Line]:
        """The values of the lines of ``kind``."""
        return [line[kind] for line in self.lines[1:] if kind in line]

    def add(self, line: Line) -> None:
        """Write ``line``, and do not return before it is safe."""
        self.lines.append(line)
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
