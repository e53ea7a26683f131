"""``command:PROGRAM ARGUMENT …``: a program that is given image files and prints a line of scores for each."""

import hashlib
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.models.adapter import Adapter
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.sent import Pixels, Sender, png
from pixelproof.models.spec import Given
from pixelproof.wording import first_line

#: Bytes that a program may print at a call, and characters of its last words that people are shown.
MOST_BYTES, _LINE = 64 << 20, 300


def load(given: Given) -> "CommandClassifier":
    """The command as it is typed in a shell, without one; ``batch=64`` files a call, ``timeout=60`` seconds for it."""
    given.check("batch", "timeout")
    if given.normalisation() is not None:
        raise ModelError(f"{given.spec!r} is given 8-bit files; expected no mean, std, scale or normalise for it.")
    if not given.trust_code:
        raise ModelError(
            f"{given.spec!r} runs a program; expected your word that you trust it, so pass --trust-code "
            "(trust_code=True in Python)."
        )
    batch, timeout = int(given.number("batch", 64, whole=True)), given.number("timeout", 60.0)
    return CommandClassifier(given.place, batch=batch, timeout=timeout)


class CommandClassifier(Adapter):
    """Scores that a program prints: it gets paths of PNG files as its last arguments, and prints a line for each.

    A line holds the scores of all classes, with blanks or commas between them, or one number (``Adapter.as_scores``).
    Equal images are shown once. The fingerprint is of the command, a stand-in. Raises ``ModelError`` where the command
    cannot be read or run.
    """

    differentiable = False
    pictures_only = True

    def __init__(
        self,
        command: str,
        *,
        name: str | None = None,
        kind: ScoreKind | None = None,
        batch: int = 64,
        timeout: float | None = 60.0,
    ) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise ModelError(f"The command {command!r} cannot be read ({error}); expected closed quotes.") from error
        if not self._words:
            raise ModelError("command: names no program; expected command:PROGRAM ARGUMENT ….")
        super().__init__(name or f"command:{command}", kind)
        self._timeout = timeout
        self.fingerprint = hashlib.sha256(f"command\n{command}".encode()).hexdigest()
        self._sender = Sender(self._run, self.name, batch)

    def scores(self, images: Tensor) -> Tensor:
        """Scores float32 N×K on the device of ``images``, float32 N×C×H×W in [0, 1], whole grey levels.

        Raises ``ModelError`` when the program fails, takes too long, or prints anything but N lines of numbers.
        """
        return self.as_scores(self._sender.answers(images), len(images))

    def _run(self, images: Sequence[Pixels]) -> object:
        with tempfile.TemporaryDirectory(prefix="pixelproof-") as folder:
            files = [Path(folder, f"{number:05d}.png") for number in range(len(images))]
            for file, image in zip(files, images, strict=True):
                file.write_bytes(png(image))
            # Into files: a pipe that a program's own children keep open would be waited for without end.
            out, err = Path(folder, "out"), Path(folder, "err")
            try:
                with out.open("wb") as said, err.open("wb") as complained:
                    done = subprocess.run(  # noqa: S603  # what was said to be trusted
                        [*self._words, *map(str, files)],
                        stdin=subprocess.DEVNULL,
                        stdout=said,
                        stderr=complained,
                        timeout=self._timeout,
                        check=False,
                    )
                printed, errors = _read(out), _read(err)
            except subprocess.TimeoutExpired as error:
                raise ModelError(
                    f"The model {self.name} took more than {self._timeout:g} s for {len(images)} images; add timeout=… "
                    "or batch=… behind it."
                ) from error
            except OSError as error:
                raise ModelError(f"The model {self.name} cannot be started ({first_line(error)}).") from error
        if done.returncode:
            last = (errors.strip() or printed.strip() or "it printed nothing").splitlines()[-1][:_LINE]
            raise ModelError(f"The model {self.name} ended with exit code {done.returncode}: {last.rstrip('.')}.")
        return [line.replace(",", " ").split() for line in printed.splitlines() if line.strip()]


def _read(path: Path) -> str:
    """What a program printed into the file ``path``. Raises ``ModelError`` where that is too much for scores."""
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(f"A model printed more than {MOST_BYTES:,} bytes at once; expected a line of scores an image.")
    return path.read_text("utf-8", "replace")
