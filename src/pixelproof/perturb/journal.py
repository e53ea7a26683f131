"""A file to which findings are added as they come: one JSON value a line, the first telling what they are of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pixelproof.errors import RunError

FILE = "perturbations.jsonl"
#: The folder in that of a run where its perturbations lie.
FOLDER = "perturbations"
Line = dict[str, Any]


class Journal:
    """``lines`` are those so far, the head first. A line that a crash tore is dropped when the file is opened again."""

    def __init__(self, path: Path | None, lines: list[Line]) -> None:
        self._path, self.lines = path, lines

    @classmethod
    def begin(cls, folder: Path | None, head: Line) -> Journal:
        """The journal of ``head`` in ``folder`` (None: in memory), taken up where there is one.

        Raises ``RunError`` when the one there has another ``identity``.
        """
        if folder is None:
            return cls(None, [head])
        if (folder / FILE).exists():
            found = cls.open(folder)
            if found.lines[0]["identity"] != head["identity"]:
                raise RunError(f"{folder} holds other perturbations (other model, data or settings); choose another.")
            return found
        folder.mkdir(parents=True, exist_ok=True)
        journal = cls(folder / FILE, [])
        journal.add(head)
        return journal

    @classmethod
    def open(cls, folder: Path) -> Journal:
        """The journal in ``folder``. Raises ``RunError`` when there is none or it is damaged."""
        path = folder / FILE
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RunError(f"{folder} has no {FILE}; pixelproof perturb writes it.") from error
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
